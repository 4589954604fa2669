package source

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"

	"farrier.dev/farrier/internal/discovery"
	"farrier.dev/farrier/internal/discovery/source/accesslog"
	"farrier.dev/farrier/internal/discovery/source/analytics"
	"farrier.dev/farrier/internal/discovery/source/pcap"
)

// UnknownError reports a file that is in none of the known formats.
type UnknownError struct {
	// Binary says that it is no text; Lines is how many lines were tried, and Tried
	// what was tried.
	Binary bool
	Lines  int
	Tried  []string
}

func (e *UnknownError) Error() string {
	if e.Binary {
		return "it is no text, no capture of packets, and not compressed with gzip, zstd or bzip2"
	}
	return fmt.Sprintf("none of its first %d lines is in a format that is known here (tried: %s): give the format by its name, or as nginx:, apache: or envoy: "+
		"and the format from the server's configuration, or write a mapping of its fields", e.Lines, strings.Join(e.Tried, ", "))
}

// lists are the members of a JSON object that hold the entries of an export.
const lists = " events data items records logs results messages "

// detect looks at the beginning of a file and chooses the parser.
func (r *reader) detect(in *bufio.Reader) (parser, error) {
	sample, err := in.Peek(MaxLine)
	broken := err != nil && !errors.Is(err, io.EOF)
	if broken && len(sample) == 0 {
		return nil, err
	}
	whole := errors.Is(err, io.EOF)
	switch r.options.Format {
	case formatHAR:
		return r.archive(in)
	case formatPostman:
		return r.collection(in)
	case formatPcap:
		return r.capture(in)
	case formatAnalytics:
		return r.records(in, sample, whole, true)
	}
	if r.chosen == nil {
		if pcap.Recognises(sample) {
			return r.capture(in)
		}
		switch jsonKind(sample) {
		case formatHAR:
			return r.archive(in)
		case formatPostman:
			return r.collection(in)
		}
	}
	p, unknown := r.records(in, sample, whole, false)
	if unknown != nil && broken {
		return nil, err
	}
	return p, unknown
}

// jsonKind recognises a document of JSON by its first members.
func jsonKind(sample []byte) string {
	if !bytes.HasPrefix(bytes.TrimLeft(sample, " \t\r\n"), []byte("{")) {
		return ""
	}
	if bytes.Contains(sample, []byte("schema.getpostman.com")) && bytes.Contains(sample, []byte(`"info"`)) {
		return formatPostman
	}
	if path := listIn(sample); len(path) == 2 {
		return formatHAR
	}
	return ""
}

// listIn is the path to the list of entries in a JSON object: log.entries of an
// archive, or a member with the name of a list.
func listIn(sample []byte) []string {
	decoder := json.NewDecoder(bytes.NewReader(sample))
	if t, err := decoder.Token(); err != nil || t != json.Delim('{') {
		return nil
	}
	for range 100 {
		key, err := decoder.Token()
		if err != nil {
			return nil
		}
		name, ok := key.(string)
		if !ok {
			return nil
		}
		value, err := decoder.Token()
		if err != nil {
			return nil
		}
		switch {
		case name == "log" && value == json.Delim('{'):
			return []string{"log", "entries"}
		case value == json.Delim('[') && strings.Contains(lists, " "+name+" "):
			return []string{name}
		case value == json.Delim('{') || value == json.Delim('['):
			for depth := 1; depth > 0; {
				t, err := decoder.Token()
				if err != nil {
					return nil
				}
				switch t {
				case json.Delim('{'), json.Delim('['):
					depth++
				case json.Delim('}'), json.Delim(']'):
					depth--
				}
			}
		}
	}
	return nil
}

// records reads lines, or the elements of a JSON array as if they were lines.
func (r *reader) records(in *bufio.Reader, sample []byte, whole, events bool) (parser, error) {
	var (
		list  *elements
		first []string
	)
	start := bytes.TrimLeft(sample, " \t\r\n")
	switch {
	case bytes.HasPrefix(start, []byte("[{")), bytes.HasPrefix(start, []byte("[")) && bytes.HasPrefix(bytes.TrimLeft(start[1:], " \t\r\n"), []byte("{")):
		list = &elements{in: in}
		first = sampleElements(sample, nil)
	case bytes.HasPrefix(start, []byte("{")):
		if path := listIn(sample); len(path) == 1 {
			list = &elements{in: in, path: path}
			first = sampleElements(sample, path)
		}
	}
	if list == nil {
		first = sampleLines(sample, whole)
	}
	parse, name, err := r.choose(sample, first, events)
	if err != nil {
		return nil, err
	}
	if list != nil {
		return &elementParser{list: list, name: formatJSON, skip: r.tally.skip, parse: func(text []byte, yield func(*discovery.Observation)) error {
			o := new(discovery.Observation)
			err := parse(string(text), o)
			if err == nil {
				yield(o)
			}
			return err
		}}, nil
	}
	return &lineParser{in: lines{in: in}, name: name, parse: parse, skip: r.tally.skip}, nil
}

type parseFunc func(text string, o *discovery.Observation) error

// choose finds who reads the records.
func (r *reader) choose(sample []byte, first []string, events bool) (parseFunc, string, error) {
	options := accesslog.Options{Forwarded: r.options.Forwarded}
	if events || r.chosen == nil && len(first) > 0 && analytics.Recognises(first[0]) {
		return new(analytics.Parser).Parse, formatAnalytics, nil
	}
	if r.chosen != nil {
		// The wrapper is found with the format given: the one in which most lines are read.
		p := accesslog.NewParser(r.chosen, accesslog.WrapperFor(r.chosen, first), options)
		return p.Parse, p.Name(), nil
	}
	if bytes.IndexByte(sample[:min(len(sample), 4096)], 0) >= 0 {
		return nil, "", &UnknownError{Binary: true}
	}
	format, wrapper, tried := accesslog.Detect(first)
	if format == nil {
		if len(bytes.TrimSpace(sample)) == 0 {
			return func(string, *discovery.Observation) error { return accesslog.ErrComment }, "empty", nil
		}
		unknown := &UnknownError{Lines: len(first), Tried: []string{formatHAR, formatPcap, formatPostman, formatAnalytics}}
		for _, t := range tried {
			unknown.Tried = append(unknown.Tried, t.Name)
		}
		return nil, "", unknown
	}
	p := accesslog.NewParser(format, wrapper, options)
	return p.Parse, p.Name(), nil
}

func sampleLines(sample []byte, whole bool) []string {
	var out []string
	for len(sample) > 0 && len(out) < SampleLines {
		line, rest, found := bytes.Cut(sample, []byte("\n"))
		if !found && !whole {
			break
		}
		sample = rest
		if line = bytes.TrimRight(line, "\r"); len(bytes.TrimSpace(line)) > 0 && line[0] != '#' {
			out = append(out, string(line))
		}
	}
	return out
}

func sampleElements(sample []byte, path []string) []string {
	list := &elements{in: bufio.NewReader(bytes.NewReader(sample)), path: path}
	var out []string
	for len(out) < SampleLines {
		text, err := list.next()
		if err != nil {
			break
		}
		out = append(out, string(text))
	}
	return out
}
