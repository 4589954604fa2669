package accesslog

import (
	"fmt"
	"strings"
)

// field is a place of an entry that a column of a log fills.
type field int

const (
	ignored field = iota
	timeField
	requestLine
	methodField
	targetField
	pathField
	queryField
	protoField
	schemeField
	hostField
	fallbackHost
	portField
	addressField
	forwardedField
	upstreamField
	statusField
	bytesField
	requestBytes
	agentField
	userField
	clientField
	apiField
	requestHeader
	responseHeader
	fieldCount
)

// piece is one column and the text that must follow it.
type piece struct {
	field field
	// name is the lower-case name of a header.
	name string
	// list says that the value may be a list with ", " or " : " between its values.
	list bool
	// quoted says that the column stands in quotes, which backslashes protect.
	quoted bool
	until  string
}

// pattern is a text format as columns with texts between them.
type pattern struct {
	head   string
	pieces []piece
}

// maxPieces bounds a format that a person hands in.
const maxPieces = 200

// literal adds text that must stand in the line.
func (p *pattern) literal(text string) {
	if n := len(p.pieces); n > 0 {
		p.pieces[n-1].until += text
		return
	}
	p.head += text
}

// column adds a value. Two of them need a text between them, or nobody could
// say where one ends.
func (p *pattern) column(c piece) error {
	n := len(p.pieces)
	if n >= maxPieces {
		return fmt.Errorf("the format has more than %d columns", maxPieces)
	}
	before := p.head
	if n > 0 {
		last := &p.pieces[n-1]
		if last.until == "" {
			if last.field == pathField && c.field == queryField {
				last.field = targetField
				return nil
			}
			return fmt.Errorf("two columns of the format, %d and %d, have no text between them", n, n+1)
		}
		before = last.until
	}
	c.quoted = strings.HasSuffix(before, `"`)
	p.pieces = append(p.pieces, c)
	return nil
}

// format closes the pattern.
func (p *pattern) format(name string) (*Format, error) {
	useful := false
	for _, c := range p.pieces {
		switch c.field {
		case requestLine, targetField, pathField:
			useful = true
		default:
		}
	}
	if !useful {
		return nil, fmt.Errorf("the format has no column with the request or its path")
	}
	return &Format{name: name, read: p.read}, nil
}

func (p *pattern) read(line string, e *entry) bool {
	if !strings.HasPrefix(line, p.head) {
		return false
	}
	rest := line[len(p.head):]
	for i := range p.pieces {
		c := &p.pieces[i]
		end := c.end(rest)
		if end < 0 {
			return false
		}
		if c.field != ignored {
			e.set(c.field, c.name, rest[:end], c.quoted)
		}
		rest = rest[end+len(c.until):]
	}
	return rest == ""
}

// end finds where the column ends, or -1.
func (c *piece) end(rest string) int {
	switch {
	case c.until == "":
		if c.word() && strings.IndexByte(rest, ' ') >= 0 {
			return -1
		}
		return len(rest)
	case c.quoted && c.until[0] == '"':
		return quoteEnd(rest, c.until)
	case len(c.until) == 1 && !c.list:
		return strings.IndexByte(rest, c.until[0])
	}
	end := strings.Index(rest, c.until)
	if end > 0 && c.until[0] == ' ' && c.word() && strings.IndexByte(rest, ' ') != end {
		return -1
	}
	for c.list && end > 0 && (rest[end-1] == ',' || strings.HasPrefix(rest[end:], " : ") || strings.HasSuffix(rest[:end], " :")) {
		next := strings.Index(rest[end+len(c.until):], c.until)
		if next < 0 {
			break
		}
		end += len(c.until) + next
	}
	return end
}

// word says that the column can't hold a space.
func (c *piece) word() bool {
	switch c.field {
	case ignored, timeField, userField, requestLine, requestHeader, responseHeader, agentField:
		return false
	default:
		return !c.quoted && !c.list
	}
}

// quoteEnd finds a closing quote and what must follow it. A quote behind a
// backslash closes nothing, and one that something else follows was written by
// a server that protects none.
func quoteEnd(rest, until string) int {
	at := 0
	for {
		i := strings.IndexByte(rest[at:], '"')
		if i < 0 {
			return -1
		}
		at += i
		slashes := 0
		for slashes < at && rest[at-1-slashes] == '\\' {
			slashes++
		}
		if slashes%2 == 0 && strings.HasPrefix(rest[at:], until) {
			return at
		}
		at++
	}
}
