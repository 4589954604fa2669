package spec

import (
	"errors"
	"fmt"
	"slices"
	"strings"
)

// Matcher names the operation of a request by its method and path. It is
// immutable and safe for concurrent use.
type Matcher struct {
	root node
	most int
}

// node is a prefix of path templates, whole segments long.
type node struct {
	static map[string]*node
	// mixed are segments with text and templates, longer text first; any is a
	// segment that is one template.
	mixed []mixed
	any   *node
	// operations end here, by method.
	operations map[string]*Operation
}

type mixed struct {
	// text is what stands before, between and behind the templates; the first and
	// last may be empty.
	text []string
	next *node
}

// maxTemplates is the number of templates that one path may have.
const maxTemplates = 64

// NewMatcher makes a matcher of operations. Two of one method and equivalent
// paths ("/a/{x}" and "/a/{y}"), and malformed templates, are errors.
func NewMatcher(operations []Operation) (*Matcher, error) {
	m := new(Matcher)
	for i := range operations {
		if err := m.add(&operations[i]); err != nil {
			return nil, fmt.Errorf("path %s: %w", operations[i].Path, err)
		}
	}
	return m, nil
}

func (m *Matcher) add(o *Operation) error {
	if !strings.HasPrefix(o.Path, "/") {
		return errors.New("must begin with a slash")
	}
	at, count := &m.root, 0
	for segment := range strings.SplitSeq(o.Path[1:], "/") {
		text, _, err := splitTemplate(segment)
		if err != nil {
			return err
		}
		if count += len(text) - 1; count > maxTemplates {
			return fmt.Errorf("more than %d templates", maxTemplates)
		}
		at = at.child(segment, text)
	}
	m.most = max(m.most, count)
	if at.operations == nil {
		at.operations = make(map[string]*Operation)
	}
	if first := at.operations[o.Method]; first != nil {
		return fmt.Errorf("%s is described by %s already", o.Method, first.Path)
	}
	at.operations[o.Method] = o
	return nil
}

func (n *node) child(segment string, text []string) *node {
	switch {
	case len(text) == 1:
		if n.static == nil {
			n.static = make(map[string]*node)
		}
		if n.static[segment] == nil {
			n.static[segment] = new(node)
		}
		return n.static[segment]
	case len(text) == 2 && text[0] == "" && text[1] == "":
		if n.any == nil {
			n.any = new(node)
		}
		return n.any
	}
	for i := range n.mixed {
		if slices.Equal(n.mixed[i].text, text) {
			return n.mixed[i].next
		}
	}
	added := mixed{text, new(node)}
	n.mixed = append(n.mixed, added)
	slices.SortStableFunc(n.mixed, func(a, b mixed) int {
		return len(strings.Join(b.text, "")) - len(strings.Join(a.text, ""))
	})
	return added.next
}

// splitTemplate gives what stands around the templates of a segment, and their
// names: "{a}.{b}" is "", ".", "" and a, b.
func splitTemplate(segment string) (text, names []string, err error) {
	for {
		open := strings.IndexByte(segment, '{')
		shut := strings.IndexByte(segment, '}')
		if open < 0 && shut < 0 {
			return append(text, segment), names, nil
		}
		if open < 0 || shut < open+2 {
			return nil, nil, errors.New("a template must have the form {name}")
		}
		name := segment[open+1 : shut]
		if strings.ContainsAny(name, "{/?#") {
			return nil, nil, errors.New("a template must have the form {name}")
		}
		if open == 0 && len(text) > 0 {
			return nil, nil, errors.New("two templates must have text between them")
		}
		text, names = append(text, segment[:open]), append(names, name)
		segment = segment[shut+1:]
	}
}

// TemplateNames are the names of the templates of a path, in their order.
func TemplateNames(path string) []string {
	var all []string
	for segment := range strings.SplitSeq(path, "/") {
		_, names, err := splitTemplate(segment)
		if err != nil {
			return nil
		}
		all = append(all, names...)
	}
	return all
}

// Match finds the operation of a method and a path without query, and appends
// the values of the path's templates, as they stand in the path, to values.
// Concrete segments beat templates, from the left. A HEAD that is not described
// is the GET. The operation is nil when there is none; known then says that the
// path is described with another method. It allocates nothing where values has
// room.
func (m *Matcher) Match(method, path string, values []string) (found *Operation, all []string, known bool) {
	if path == "" || path[0] != '/' {
		return nil, values, false
	}
	s := search{method: method, values: values}
	if found = s.find(&m.root, path[1:]); found == nil && method == "HEAD" {
		s.method = "GET"
		found = s.find(&m.root, path[1:])
	}
	return found, s.values, s.known
}

type search struct {
	method string
	values []string
	known  bool
}

// find looks below n for what is left of the path, which begins with a segment.
func (s *search) find(n *node, path string) *Operation {
	segment, rest, more := strings.Cut(path, "/")
	if next := n.static[segment]; next != nil {
		if o := s.next(next, rest, more); o != nil {
			return o
		}
	}
	kept := len(s.values)
	for i := range n.mixed {
		if s.cut(segment, n.mixed[i].text) {
			if o := s.next(n.mixed[i].next, rest, more); o != nil {
				return o
			}
		}
		s.values = s.values[:kept]
	}
	if n.any != nil && segment != "" {
		s.values = append(s.values, segment)
		if o := s.next(n.any, rest, more); o != nil {
			return o
		}
		s.values = s.values[:kept]
	}
	return nil
}

func (s *search) next(n *node, rest string, more bool) *Operation {
	if more {
		return s.find(n, rest)
	}
	s.known = s.known || len(n.operations) > 0
	return n.operations[s.method]
}

// cut takes the values out of a segment: each reaches to the next text, and
// none is empty.
func (s *search) cut(segment string, text []string) bool {
	rest, ok := strings.CutPrefix(segment, text[0])
	if !ok {
		return false
	}
	for i, t := range text[1:] {
		end := len(rest)
		switch {
		case i == len(text)-2:
			if !strings.HasSuffix(rest, t) {
				return false
			}
			end -= len(t)
		default:
			end = strings.Index(rest, t)
		}
		if end < 1 {
			return false
		}
		s.values = append(s.values, rest[:end])
		rest = rest[end+len(t):]
	}
	return true
}

// Below gives what of a request's path stands below a base path: of the path
// within the API where that begins with the base, else of the whole path. What
// is left begins with a slash. It is false where neither begins with it.
func Below(base, within, whole string) (string, bool) {
	base = strings.TrimSuffix(base, "/")
	for _, path := range [...]string{within, whole} {
		rest, ok := strings.CutPrefix(path, base)
		switch {
		case ok && rest == "":
			return "/", true
		case ok && rest[0] == '/':
			return rest, true
		}
	}
	return "", false
}
