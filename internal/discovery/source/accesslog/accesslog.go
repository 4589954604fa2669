// Package accesslog reads one line of an access log into an observation: the
// formats of nginx, Apache, Envoy, HAProxy, AWS load balancers, Traefik, Caddy
// and Mule, JSON lines of any kind, and lines and tables that a mapping
// describes. Lines come without their end and bounded; it opens no files.
package accesslog

import (
	"errors"
	"fmt"
	"strings"

	"farrier.dev/farrier/internal/discovery"
)

// Why a line gives no observation.
var (
	// ErrFormat reports a line that is not in the format.
	ErrFormat = errors.New("not in the format of the log")
	// ErrNoRequest reports a line that tells of no request: a connection closed
	// before one came, or something else than HTTP.
	ErrNoRequest = errors.New("no HTTP request in it")
	// ErrComment reports an empty line or one that is a comment; it is not worth telling.
	ErrComment = errors.New("a comment")
	// ErrPart reports the first part of a line that a container runtime cut; the
	// parser keeps it for the line that follows.
	ErrPart = errors.New("a part of a line")
)

// Format is a way to write one request into one line. It is immutable and safe
// for concurrent use.
type Format struct {
	name string
	// read fills the entry from the line, or says no.
	read func(line string, e *entry) bool
	// table is set for formats whose first line names the columns.
	table *mapping
}

// Name is how people name the format.
func (f *Format) Name() string { return f.name }

// Options are what a parser must know besides the format.
type Options struct {
	// Forwarded says which entry of an X-Forwarded-For column is the client, counted
	// from its end; 1 is the last, the address that the nearest proxy saw. 0 leaves
	// the column aside and takes the peer's address.
	Forwarded int
}

// Parser reads the lines of one file in their order. It is not safe for
// concurrent use.
type Parser struct {
	format  *Format
	wrapper Wrapper
	options Options
	columns []string
	header  bool
	part    strings.Builder
	clock   clock
	entry   entry
}

// NewParser makes a parser for one file of the format, in the wrapper.
func NewParser(f *Format, w Wrapper, o Options) *Parser {
	return &Parser{format: f, wrapper: w, options: o}
}

// Name names the format, and the wrapper if there is one.
func (p *Parser) Name() string {
	if p.wrapper == Bare {
		return p.format.name
	}
	return p.format.name + " in " + p.wrapper.String()
}

// Parse fills o from a line. The request's target is left in o.Path as it was
// sent, with its query, and the host in o.Host as it was written. The strings of
// o are parts of line. The errors are those of this package.
func (p *Parser) Parse(line string, o *discovery.Observation) error {
	inner, err := p.unwrap(line)
	if err != nil {
		return err
	}
	if inner == "" || (inner[0] == '#' && p.format.table == nil) {
		return ErrComment
	}
	e := &p.entry
	e.reset()
	switch {
	case p.format.table != nil:
		if err := p.row(inner, e); err != nil {
			return err
		}
	case !p.format.read(inner, e):
		return ErrFormat
	}
	return p.fill(e, o)
}

// row reads a line of a table; the first one names the columns.
func (p *Parser) row(line string, e *entry) error {
	cells, err := splitRow(line, p.format.table.comma)
	if err != nil {
		return ErrFormat
	}
	if !p.header {
		p.header = true
		p.columns = cells
		return ErrComment
	}
	if !p.format.table.readRow(p.columns, cells, e) {
		return ErrFormat
	}
	return nil
}

// Tried is what one format made of a sample.
type Tried struct {
	Name string
	Read int
}

// Detect finds the wrapper and the format that read most of the sample's lines;
// of those that read equally many the more special. It gives nil when no format
// reads any; tried tells all that were.
func Detect(sample []string) (f *Format, w Wrapper, tried []Tried) {
	best := 0
	wrappers := wrappersOf(sample)
	for _, candidate := range Known() {
		for _, wrapper := range wrappers {
			parser := NewParser(candidate, wrapper, Options{})
			read := parser.count(sample)
			tried = append(tried, Tried{parser.Name(), read})
			if read > best {
				best, f, w = read, candidate, wrapper
			}
		}
	}
	return f, w, tried
}

// count is how many lines of a sample are read. A line without a request is read
// when its form tells so.
func (p *Parser) count(sample []string) int {
	read := 0
	for _, line := range sample {
		var o discovery.Observation
		if err := p.Parse(line, &o); err == nil || errors.Is(err, ErrNoRequest) {
			read++
		}
	}
	return read
}

// Named gives the known format of that name, or the format that follows
// "nginx:", "apache:" or "envoy:".
func Named(name string) (*Format, error) {
	if kind, text, found := strings.Cut(name, ":"); found {
		switch kind {
		case "nginx":
			return Nginx(text)
		case "apache":
			return Apache(text)
		case "envoy":
			return Envoy(text)
		}
	}
	for _, f := range Known() {
		if f.name == name {
			return f, nil
		}
	}
	return nil, fmt.Errorf("no log format is named %q: give one of %s, or nginx:, apache: or envoy: with the format as the server's configuration has it",
		name, strings.Join(Names(), ", "))
}

// Names are the names of the known formats.
func Names() []string {
	known := Known()
	names := make([]string, len(known))
	for i, f := range known {
		names[i] = f.name
	}
	return names
}
