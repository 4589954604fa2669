package fieldpath

import (
	"errors"
	"fmt"
	"strings"
)

const (
	// MaxPaths is the number of paths in one Set.
	MaxPaths = 128
	// maxSegments is the number of segments of one path; the places on the way
	// along it are kept as bits.
	maxSegments = 32
)

// Path leads to fields of a message. It is written as a JSON pointer in which
// "*" stands for any one member or item and "**" for any number of them, as
// /customers/*/ssn, or in dot form, as customers.*.ssn, customers[*].ssn,
// payload.customers.ssn and #[payload.customers.ssn]. A name where an array
// stands leads into each of its items. In XML the segments are the names of
// elements, the root first, without regard to prefixes unless one is written; an
// "@" in front of the last names an attribute. In a form the path is the name of
// a parameter.
type Path struct {
	text     string
	segments []segment
}

type segment struct {
	name       string
	any, deep  bool
	index      int // of an item, -1 when the name is no number
	prefixed   bool
	quotedName bool
}

// String is the path as it was written.
func (p Path) String() string { return p.text }

// Parse reads a path. Its errors say what is wrong and how to mend it.
func Parse(text string) (Path, error) {
	p := Path{text: text}
	bare := strings.TrimSpace(text)
	var err error
	switch {
	case bare == "":
		return p, errors.New("empty; write a path as /customer/ssn")
	case bare[0] == '/':
		p.segments, err = parsePointer(bare)
	default:
		p.segments, err = parseDots(bare)
	}
	switch {
	case err != nil:
		return p, err
	case len(p.segments) == 0:
		return p, errors.New("it names no field; write a path as /customer/ssn")
	case len(p.segments) > maxSegments:
		return p, fmt.Errorf("%d segments; at most %d can be followed", len(p.segments), maxSegments)
	}
	for i, s := range p.segments {
		if strings.HasPrefix(s.name, "@") && !s.quotedName && i < len(p.segments)-1 {
			return p, errors.New("an attribute holds nothing; @ can stand in the last segment only")
		}
	}
	return p, nil
}

func parsePointer(text string) ([]segment, error) {
	var segments []segment
	for raw := range strings.SplitSeq(text[1:], "/") {
		if raw == "" {
			return nil, errors.New("a segment is empty; remove the slash that is too many")
		}
		for i := range len(raw) {
			if raw[i] == '~' && (i+1 == len(raw) || raw[i+1] != '0' && raw[i+1] != '1') {
				return nil, errors.New("a ~ must be written ~0, and a / in a name ~1")
			}
		}
		switch raw {
		case "*":
			segments = append(segments, segment{any: true, index: -1})
		case "**":
			segments = append(segments, segment{deep: true, index: -1})
		default:
			segments = append(segments, named(strings.ReplaceAll(strings.ReplaceAll(raw, "~1", "/"), "~0", "~")))
		}
	}
	return segments, nil
}

func named(name string) segment {
	return segment{name: name, index: number(name), prefixed: strings.Contains(name, ":")}
}

// number is the index that a name is, or -1.
func number(name string) int {
	if name == "" || len(name) > 9 || len(name) > 1 && name[0] == '0' {
		return -1
	}
	n := 0
	for _, c := range []byte(name) {
		if c < '0' || c > '9' {
			return -1
		}
		n = n*10 + int(c-'0')
	}
	return n
}

// parseDots reads payload.a.b[*].c['d e'], with or without #[ ] around it.
func parseDots(text string) ([]segment, error) {
	if inner, ok := strings.CutPrefix(text, "#["); ok {
		inner, ok = strings.CutSuffix(inner, "]")
		if !ok {
			return nil, errors.New("the expression does not end with ]")
		}
		text = strings.TrimSpace(inner)
	}
	if rest, ok := strings.CutPrefix(text, "payload"); ok && (rest == "" || rest[0] == '.' || rest[0] == '[') {
		text = strings.TrimPrefix(rest, ".")
	}
	var segments []segment
	for text != "" {
		if text[0] == '[' {
			s, rest, err := bracket(text)
			if err != nil {
				return nil, err
			}
			segments, text = append(segments, s), strings.TrimPrefix(rest, ".")
			continue
		}
		end := strings.IndexAny(text, ".[")
		if end < 0 {
			end = len(text)
		}
		name := text[:end]
		if name == "" || strings.ContainsAny(name, " \t\n()'\"+#]") {
			return nil, errors.New("only names, *, ** and [ ] can stand in the dot form; write a path as customer.ssn or /customer/ssn")
		}
		switch name {
		case "*":
			segments = append(segments, segment{any: true, index: -1})
		case "**":
			segments = append(segments, segment{deep: true, index: -1})
		default:
			segments = append(segments, named(name))
		}
		rest := text[end:]
		if text = strings.TrimPrefix(rest, "."); rest == "." {
			return nil, errors.New("it ends with a dot")
		}
	}
	return segments, nil
}

// bracket reads [3], [*] or ['name'].
func bracket(text string) (segment, string, error) {
	if len(text) > 1 && (text[1] == '\'' || text[1] == '"') {
		end := strings.Index(text[2:], string(text[1])+"]")
		if end < 1 {
			return segment{}, "", errors.New("a bracket is not closed")
		}
		s := named(text[2 : 2+end])
		s.index, s.quotedName = -1, true
		return s, text[2+end+2:], nil
	}
	inside, rest, ok := strings.Cut(text[1:], "]")
	switch {
	case !ok:
		return segment{}, "", errors.New("a bracket is not closed")
	case inside == "*":
		return segment{any: true, index: -1}, rest, nil
	case number(inside) >= 0:
		return named(inside), rest, nil
	}
	return segment{}, "", errors.New("a bracket holds a number, * or a quoted name")
}

// Set is a list of paths that are followed together. It is immutable.
type Set struct{ paths []Path }

// NewSet makes a set; the index of a path in it is that in which it is given.
// More than MaxPaths are an error.
func NewSet(paths ...Path) (*Set, error) {
	if len(paths) > MaxPaths {
		return nil, fmt.Errorf("%d paths; at most %d can be followed", len(paths), MaxPaths)
	}
	return &Set{paths: paths}, nil
}

// mark says how far along one path a place is: bit i for all before segment i.
type mark struct {
	path int
	mask uint64
}

// marks are the places of all open containers, the innermost last.
type marks struct {
	set  *Set
	list []mark
}

// level is a range of the list: what holds at one place.
type level struct{ from, to int }

// begin gives the level of the root of a document.
func (m *marks) begin() level {
	m.list = m.list[:0]
	for i := range m.set.paths {
		m.list = append(m.list, mark{i, m.set.paths[i].close(1)})
	}
	return level{0, len(m.list)}
}

// close adds what "**" reaches by standing for nothing.
func (p *Path) close(mask uint64) uint64 {
	for i, s := range p.segments {
		if s.deep && mask&(1<<i) != 0 {
			mask |= 1 << (i + 1)
		}
	}
	return mask
}

// child appends the level of what lies under a place. matches says whether a
// segment that is no "**" leads there; stays, whether the place still counts as
// the one above.
func (m *marks) child(l level, matches, stays func(s *segment) bool) level {
	from := len(m.list)
	for k := l.from; k < l.to; k++ {
		at := m.list[k]
		p := &m.set.paths[at.path]
		var next uint64
		for i := range p.segments {
			if at.mask&(1<<i) == 0 {
				continue
			}
			switch s := &p.segments[i]; {
			case s.deep:
				next |= 1 << i
			case matches(s):
				next |= 1 << (i + 1)
			case stays != nil && stays(s):
				next |= 1 << i
			}
		}
		if next = p.close(next); next != 0 {
			m.list = append(m.list, mark{at.path, next})
		}
	}
	return level{from, len(m.list)}
}

// leave drops the levels behind l.
func (m *marks) leave(l level) { m.list = m.list[:l.to] }

// matched is the first path that leads to the place, -1 for none.
func (m *marks) matched(l level) int {
	for _, at := range m.list[l.from:l.to] {
		if at.mask&(1<<len(m.set.paths[at.path].segments)) != 0 {
			return at.path
		}
	}
	return -1
}

// Path is the path of an index, as it was written.
func (s *Set) Path(i int) string { return s.paths[i].text }
