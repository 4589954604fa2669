package messagesignature

import (
	"encoding/base64"
	"errors"
	"strconv"
	"strings"
)

// The part of Structured Fields (RFC 8941) that signatures need: dictionaries
// whose members are inner lists of strings, or byte sequences.

var errStructured = errors.New("it is not a dictionary as RFC 8941 has it")

// parameter is one parameter of an item or inner list. Its value is a string,
// int64, bool, token or []byte.
type parameter struct {
	name  string
	value any
}

type token string

// component is one item of a list of covered components.
type component struct {
	name       string
	parameters []parameter
}

// member is one member of a dictionary: an inner list or, with a nil list, an
// item.
type member struct {
	key        string
	list       []component
	item       any
	parameters []parameter
}

const (
	maxMembers    = 16
	maxComponents = 64
	maxParameters = 16
)

// parser reads a structured field from its beginning.
type parser struct{ rest string }

// parseDictionary reads a dictionary. A key that stands twice is refused: of two
// readers one might take the first and the other the last.
func parseDictionary(text string) ([]member, error) {
	p := &parser{strings.Trim(text, " ")}
	var members []member
	for p.rest != "" {
		m, err := p.member()
		if err != nil {
			return nil, err
		}
		for i := range members {
			if members[i].key == m.key {
				return nil, errStructured
			}
		}
		if members = append(members, m); len(members) > maxMembers {
			return nil, errStructured
		}
		p.rest = strings.TrimLeft(p.rest, " \t")
		if p.rest == "" {
			return members, nil
		}
		if !p.take(',') {
			return nil, errStructured
		}
		if p.rest = strings.TrimLeft(p.rest, " \t"); p.rest == "" {
			return nil, errStructured
		}
	}
	return members, nil
}

func (p *parser) take(c byte) bool {
	if p.rest == "" || p.rest[0] != c {
		return false
	}
	p.rest = p.rest[1:]
	return true
}

func (p *parser) member() (m member, err error) {
	if m.key, err = p.key(); err != nil {
		return m, err
	}
	if !p.take('=') {
		m.item = true
	} else if p.take('(') {
		if m.list, err = p.innerList(); err != nil {
			return m, err
		}
	} else if m.item, err = p.bareItem(); err != nil {
		return m, err
	}
	m.parameters, err = p.parameters()
	return m, err
}

func (p *parser) innerList() ([]component, error) {
	list := []component{}
	for {
		p.rest = strings.TrimLeft(p.rest, " ")
		if p.take(')') {
			return list, nil
		}
		item, err := p.bareItem()
		if err != nil {
			return nil, err
		}
		name, ok := item.(string)
		if !ok || len(list) == maxComponents {
			return nil, errStructured
		}
		parameters, err := p.parameters()
		if err != nil {
			return nil, err
		}
		list = append(list, component{name, parameters})
		if p.rest == "" || p.rest[0] != ' ' && p.rest[0] != ')' {
			return nil, errStructured
		}
	}
}

func (p *parser) parameters() ([]parameter, error) {
	var list []parameter
	for p.take(';') {
		p.rest = strings.TrimLeft(p.rest, " ")
		name, err := p.key()
		if err != nil {
			return nil, err
		}
		var value any = true
		if p.take('=') {
			if value, err = p.bareItem(); err != nil {
				return nil, err
			}
		}
		for _, other := range list {
			if other.name == name {
				return nil, errStructured
			}
		}
		if list = append(list, parameter{name, value}); len(list) > maxParameters {
			return nil, errStructured
		}
	}
	return list, nil
}

func isLower(c byte) bool { return 'a' <= c && c <= 'z' }
func isDigit(c byte) bool { return '0' <= c && c <= '9' }

// span cuts off the longest beginning of which each byte is accepted.
func (p *parser) span(accept func(c byte) bool) string {
	n := 0
	for n < len(p.rest) && accept(p.rest[n]) {
		n++
	}
	text := p.rest[:n]
	p.rest = p.rest[n:]
	return text
}

func (p *parser) key() (string, error) {
	if p.rest == "" || !isLower(p.rest[0]) && p.rest[0] != '*' {
		return "", errStructured
	}
	return p.span(func(c byte) bool { return isLower(c) || isDigit(c) || strings.IndexByte("_-.*", c) >= 0 }), nil
}

func (p *parser) bareItem() (any, error) {
	if p.rest == "" {
		return nil, errStructured
	}
	switch c := p.rest[0]; {
	case c == '"':
		return p.text()
	case c == '-' || isDigit(c):
		text := p.span(func(c byte) bool { return isDigit(c) || c == '-' })
		n, err := strconv.ParseInt(text, 10, 64)
		if err != nil || len(text) > 16 || p.rest != "" && p.rest[0] == '.' {
			return nil, errStructured
		}
		return n, nil
	case c == '?':
		if p.rest = p.rest[1:]; p.take('1') {
			return true, nil
		}
		if p.take('0') {
			return false, nil
		}
		return nil, errStructured
	case c == ':':
		coded, rest, ok := strings.Cut(p.rest[1:], ":")
		bytes, err := base64.StdEncoding.DecodeString(coded)
		if !ok || err != nil || strings.ContainsAny(coded, "\r\n") {
			return nil, errStructured
		}
		p.rest = rest
		return bytes, nil
	case isLower(c|0x20) || c == '*':
		return token(p.span(func(c byte) bool {
			return isLower(c|0x20) || isDigit(c) || strings.IndexByte("!#$%&'*+-.^_`|~:/", c) >= 0
		})), nil
	}
	return nil, errStructured
}

func (p *parser) text() (string, error) {
	var b strings.Builder
	for i := 1; i < len(p.rest); i++ {
		switch c := p.rest[i]; {
		case c == '"':
			p.rest = p.rest[i+1:]
			return b.String(), nil
		case c == '\\':
			i++
			if i == len(p.rest) || p.rest[i] != '"' && p.rest[i] != '\\' {
				return "", errStructured
			}
			b.WriteByte(p.rest[i])
		case c < 0x20 || c >= 0x7f:
			return "", errStructured
		default:
			b.WriteByte(c)
		}
	}
	return "", errStructured
}

// appendComponent writes an item as RFC 8941 section 4.1 serialises it.
func appendComponent(b []byte, c component) []byte {
	return appendParameters(appendItem(b, c.name), c.parameters)
}

func appendParameters(b []byte, list []parameter) []byte {
	for _, p := range list {
		b = append(append(b, ';'), p.name...)
		if p.value != true {
			b = appendItem(append(b, '='), p.value)
		}
	}
	return b
}

func appendItem(b []byte, item any) []byte {
	switch v := item.(type) {
	case string:
		b = append(b, '"')
		for i := range len(v) {
			if v[i] == '"' || v[i] == '\\' {
				b = append(b, '\\')
			}
			b = append(b, v[i])
		}
		return append(b, '"')
	case int64:
		return strconv.AppendInt(b, v, 10)
	case bool:
		if v {
			return append(b, "?1"...)
		}
		return append(b, "?0"...)
	case token:
		return append(b, v...)
	case []byte:
		return append(base64.StdEncoding.AppendEncode(append(b, ':'), v), ':')
	}
	return b
}

// find is the parameter of this name, nil when there is none.
func find(list []parameter, name string) any {
	for _, p := range list {
		if p.name == name {
			return p.value
		}
	}
	return nil
}
