package logging

import (
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"net"
	"net/http"
	"net/url"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"farrier.dev/farrier/internal/revision"
)

// The types of outputs.
const (
	kindFile   = "file"
	kindStdout = "stdout"
	kindHTTP   = "http"
)

func known(kind string) bool { return kind == kindFile || kind == kindStdout || kind == kindHTTP }

// fatal is the level above error.
const fatal = slog.LevelError + 4

func level(name string) (slog.Level, error) {
	switch name {
	case "debug":
		return slog.LevelDebug, nil
	case "", "info":
		return slog.LevelInfo, nil
	case "warn":
		return slog.LevelWarn, nil
	case "error":
		return slog.LevelError, nil
	case "fatal":
		return fatal, nil
	}
	return 0, fmt.Errorf("runtimeLogs.logLevel %q: must be debug, info, warn, error or fatal", name)
}

func levelName(l slog.Level) string {
	switch {
	case l >= fatal:
		return "fatal"
	case l >= slog.LevelError:
		return "error"
	case l >= slog.LevelWarn:
		return "warn"
	case l >= slog.LevelInfo:
		return "info"
	}
	return "debug"
}

// settings are the parameters of one output, checked.
type settings struct {
	// name is not part of what the output is.
	name, kind string
	format     format
	// parameters are what was set, references resolved.
	parameters map[string]string

	// Of files.
	path  string
	mkdir bool
	// Of collectors.
	url    string
	header http.Header
	// array says that a batch is one JSON array and not a line for each.
	array bool
}

// equal says whether both are the same output.
func (s *settings) equal(other *settings) bool {
	return s.kind == other.kind && maps.Equal(s.parameters, other.parameters)
}

// parameters are read by name, without regard to case, as the original does.
type parameters struct {
	values map[string]string
	left   map[string]bool
}

func (p *parameters) take(name, standard string) string {
	delete(p.left, name)
	if v, ok := p.values[name]; ok {
		return v
	}
	return standard
}

func (p *parameters) boolean(name string) (bool, error) {
	switch strings.ToLower(p.take(name, "off")) {
	case "on", "true", "yes":
		return true, nil
	case "off", "false", "no":
		return false, nil
	}
	return false, fmt.Errorf("%s: must be on or off", name)
}

func readSettings(output revision.LogOutput, expand func(string) (string, error)) (*settings, error) {
	s := &settings{name: output.Name, kind: output.Type, parameters: make(map[string]string)}
	p := &parameters{values: s.parameters, left: make(map[string]bool)}
	for name, value := range output.Parameters {
		resolved, err := expand(value)
		if err != nil {
			return nil, fmt.Errorf("parameters.%s: %w", name, err)
		}
		lower := strings.ToLower(name)
		if p.left[lower] {
			return nil, fmt.Errorf("parameters.%s stands twice, in different spellings", name)
		}
		p.values[lower], p.left[lower] = resolved, true
	}
	p.take("workers", "") // an output has one writer, which keeps its lines in order
	var err error
	switch s.kind {
	case kindFile:
		err = s.file(p)
	case kindHTTP:
		err = s.http(p)
	}
	if err == nil {
		err = s.lineFormat(p)
	}
	if err != nil {
		return nil, fmt.Errorf("parameters.%w", err)
	}
	if len(p.left) > 0 {
		return nil, fmt.Errorf("parameters.%s is not supported for outputs of type %s; remove it", slices.Sorted(maps.Keys(p.left))[0], s.kind)
	}
	return s, nil
}

func (s *settings) file(p *parameters) (err error) {
	name := p.take("file", "")
	switch {
	case name == "":
		return errors.New("file: must be set to the name of the file")
	case name != filepath.Base(name) || name == "." || name == "..":
		return fmt.Errorf("file: %q is no plain name; put the folder into path", name)
	}
	s.path = filepath.Join(p.take("path", "."), name)
	s.mkdir, err = p.boolean("mkdir")
	return err
}

func (s *settings) http(p *parameters) error {
	host, port, uri := p.take("host", "127.0.0.1"), p.take("port", "80"), p.take("uri", "/")
	if n, err := strconv.Atoi(port); err != nil || n < 1 || n > 65535 {
		return fmt.Errorf("port: %q must be 1 to 65535", port)
	}
	if host == "" || strings.ContainsAny(host, "/?#@ ") {
		return fmt.Errorf("host: %q is no host name or address", host)
	}
	tls, err := p.boolean("tls")
	if err != nil {
		return err
	}
	// Verification can't be turned off; only saying so is allowed.
	if verify := p.take("tls.verify", "on"); !strings.EqualFold(verify, "on") && !strings.EqualFold(verify, "true") {
		return errors.New("tls.verify: must be on: the certificate of a collector is always verified")
	}
	target, err := url.ParseRequestURI(uri)
	if err != nil || target.Host != "" || !strings.HasPrefix(uri, "/") {
		return errors.New("uri: must be a path that begins with a slash")
	}
	target.Scheme, target.Host = "http", net.JoinHostPort(strings.Trim(host, "[]"), port)
	if tls {
		target.Scheme = "https"
	}
	s.url, s.header = target.String(), http.Header{}
	return s.httpHeader(p)
}

func (s *settings) httpHeader(p *parameters) error {
	user, password := p.take("http_user", ""), p.take("http_passwd", "")
	if user != "" || password != "" {
		r := http.Request{Header: s.header}
		r.SetBasicAuth(user, password)
	}
	// A value may be a secret, so that the error does not hold it.
	if field := p.take("header", ""); field != "" {
		name, value, ok := strings.Cut(field, " ")
		if !ok || strings.ContainsAny(field, "\r\n") || strings.Contains(name, ":") {
			return errors.New("header: must be a name, a space and a value")
		}
		s.header.Set(name, value)
	}
	return nil
}

// lineFormat reads format and template. Collectors take JSON only.
func (s *settings) lineFormat(p *parameters) error {
	named := strings.ToLower(p.take("format", ""))
	if s.kind == kindHTTP {
		s.header.Set("Content-Type", "application/json")
		switch named {
		case "", "json":
			s.array = true
		case "json_lines", "json_stream":
			s.header.Set("Content-Type", "application/x-ndjson")
		default:
			return fmt.Errorf("format: %q must be json, json_lines or json_stream", named)
		}
		return nil
	}
	switch named {
	case "", "template":
		parts, err := parseTemplate(p.take("template", defaultTemplate))
		if err != nil {
			return fmt.Errorf("template: %w", err)
		}
		s.format.template = parts
	case "json", "json_lines", "json_stream", "plain":
		p.take("template", "")
	default:
		return fmt.Errorf("format: %q must be template or json", named)
	}
	return nil
}
