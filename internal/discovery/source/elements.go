package source

import (
	"bufio"
	"errors"
	"fmt"
	"io"

	"farrier.dev/farrier/internal/discovery"
	"farrier.dev/farrier/internal/discovery/source/har"
	"farrier.dev/farrier/internal/discovery/source/pcap"
	"farrier.dev/farrier/internal/discovery/source/postman"
)

// formatJSON is how a JSON array of log lines is named.
const formatJSON = "json array"

const maxKey = 1024

var (
	errLargeEntry = errors.New("an entry of more than 64 MiB")
	errSyntax     = errors.New("the JSON is broken")
)

// elements gives the elements of an array in a JSON document one by one, as
// text, without holding more than one of them. It looks at quotes and brackets
// only; whoever reads an element finds out whether it is JSON.
type elements struct {
	in   *bufio.Reader
	path []string
	n    int64
	open bool
	text []byte
}

// next gives the next element, valid until the next call, errLargeEntry for one
// that was passed over, and io.EOF behind the last.
func (l *elements) next() ([]byte, error) {
	if !l.open {
		if err := l.seek(); err != nil {
			return nil, err
		}
		l.open = true
	}
	c, err := l.byte()
	if err != nil {
		return nil, err
	}
	if c == ',' && l.n > 0 {
		if c, err = l.byte(); err != nil {
			return nil, err
		}
	}
	if c == ']' {
		return nil, io.EOF
	}
	l.n++
	if cap(l.text) > 4<<20 {
		l.text = nil
	}
	l.text = l.text[:0]
	large, err := l.value(c, MaxEntry, &l.text)
	switch {
	case err != nil:
		return nil, err
	case large:
		return nil, errLargeEntry
	}
	return l.text, nil
}

// seek goes to the array's first element.
func (l *elements) seek() error {
	for _, want := range l.path {
		if err := l.expect('{'); err != nil {
			return err
		}
		for first := true; ; first = false {
			c, err := l.byte()
			if err == nil && c == ',' && !first {
				c, err = l.byte()
			}
			if err != nil {
				return err
			}
			if c != '"' {
				return fmt.Errorf("%w, or it has no member %q", errSyntax, want)
			}
			var key []byte
			if _, err = l.value(c, maxKey, &key); err != nil {
				return err
			}
			if err = l.expect(':'); err != nil {
				return err
			}
			if string(key) == `"`+want+`"` {
				break
			}
			if c, err = l.byte(); err != nil {
				return err
			}
			if _, err = l.value(c, 0, nil); err != nil {
				return err
			}
		}
	}
	return l.expect('[')
}

// byte is the next byte that is no white space.
func (l *elements) byte() (byte, error) {
	for {
		c, err := l.in.ReadByte()
		switch {
		case errors.Is(err, io.EOF):
			return 0, io.ErrUnexpectedEOF
		case err != nil:
			return 0, err
		case c != ' ' && c != '\n' && c != '\r' && c != '\t':
			return c, nil
		}
	}
}

func (l *elements) expect(want byte) error {
	c, err := l.byte()
	if err == nil && c != want {
		err = fmt.Errorf("%w: %q where %q should be", errSyntax, c, want)
	}
	return err
}

// value reads the value that begins with c into text, as far as limit bytes, and
// says whether there was more.
func (l *elements) value(c byte, limit int, text *[]byte) (large bool, err error) {
	depth, quoted, scalar := 0, false, false
	for {
		if text != nil && !large {
			if len(*text) == limit {
				large = true
			} else {
				*text = append(*text, c)
			}
		}
		switch {
		case quoted && c == '\\':
			if c, err = l.in.ReadByte(); err == nil && text != nil && !large && len(*text) < limit {
				*text = append(*text, c)
			}
		case c == '"':
			quoted = !quoted
		case quoted:
		case c == '{' || c == '[':
			depth++
		case c == '}' || c == ']':
			if depth--; depth < 0 {
				return large, errSyntax
			}
		case depth == 0:
			scalar = true
		}
		if err == nil && depth == 0 && !quoted {
			if !scalar {
				return large, nil
			}
			if next, err := l.in.Peek(1); err != nil || next[0] == ',' || next[0] == ']' || next[0] == '}' || next[0] <= ' ' {
				return large, nil //nolint:nilerr // the end is found by the next reading
			}
		}
		if err == nil {
			c, err = l.in.ReadByte()
		}
		if err != nil {
			if errors.Is(err, io.EOF) {
				err = io.ErrUnexpectedEOF
			}
			return large, err
		}
	}
}

// elementParser reads the requests in the elements of a document.
type elementParser struct {
	list  *elements
	name  string
	parse func(text []byte, yield func(*discovery.Observation)) error
	skip  func(place int64, reason string)
	queue []*discovery.Observation
}

func (p *elementParser) format() string { return p.name }

func (p *elementParser) place() int64 { return p.list.n }

func (p *elementParser) next() (*discovery.Observation, error) {
	for len(p.queue) == 0 {
		text, err := p.list.next()
		if errors.Is(err, errLargeEntry) {
			p.skip(p.list.n, err.Error())
			continue
		}
		if err != nil {
			return nil, err
		}
		p.queue = p.queue[:0]
		err = p.parse(text, func(o *discovery.Observation) { p.queue = append(p.queue, o) })
		if err != nil && !silent(err) {
			p.skip(p.list.n, err.Error())
		}
	}
	o := p.queue[0]
	p.queue = p.queue[1:]
	return o, nil
}

func (r *reader) archive(in *bufio.Reader) (parser, error) {
	return &elementParser{
		list: &elements{in: in, path: []string{"log", "entries"}}, name: formatHAR, skip: r.tally.skip,
		parse: func(text []byte, yield func(*discovery.Observation)) error {
			o := new(discovery.Observation)
			err := har.Parse(text, r.options.MaxBody, o)
			if err == nil {
				yield(o)
			}
			return err
		},
	}, nil
}

func (r *reader) collection(in *bufio.Reader) (parser, error) {
	return &elementParser{
		list: &elements{in: in, path: []string{"item"}}, name: formatPostman, skip: r.tally.skip,
		parse: func(text []byte, yield func(*discovery.Observation)) error {
			return postman.Parse(text, r.options.MaxBody, yield)
		},
	}, nil
}

// captureParser reads a capture of packets.
type captureParser struct{ in *pcap.Reader }

func (p captureParser) format() string                        { return formatPcap }
func (p captureParser) place() int64                          { return p.in.Packet() }
func (p captureParser) next() (*discovery.Observation, error) { return p.in.Next() }

func (r *reader) capture(in io.Reader) (parser, error) {
	c, err := pcap.New(in, pcap.Options{MaxBody: r.options.MaxBody, Skip: r.tally.skip})
	if err != nil {
		return nil, err
	}
	return captureParser{c}, nil
}
