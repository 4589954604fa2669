package template

import (
	"errors"
	"fmt"
	"slices"
	"strings"
)

// Described is a path that somebody wrote down.
type Described struct {
	// Method is empty for all; Path has templates in braces.
	Method, Path string
	// Fits decides, for the values of the path in their order, whether a text can be one;
	// a nil function, and a missing one, say yes.
	Fits []func(value string) bool
}

// Pin adds a described path. What was learned before stays where it is until Repin.
func (t *Tree) Pin(level int, d Described) error {
	if !Fits(d.Path) {
		return fmt.Errorf("the path %.80q is no path, or it is too long or too deep", d.Path)
	}
	at, count := &t.root, 0
	for segment := range strings.SplitSeq(strings.TrimSuffix(d.Path[1:], "/"), "/") {
		if segment == "" && d.Path == "/" {
			break
		}
		pieces, names, err := Split(segment)
		if err != nil {
			return fmt.Errorf("path %.80q: %w", d.Path, err)
		}
		kids := len(at.kids) + len(at.shapes)
		if len(names) == 0 {
			at = at.pinned(segment, level)
		} else {
			at = at.shapePinned(pieces, names, d.Fits[min(count, len(d.Fits)):min(count+len(names), len(d.Fits))], level)
		}
		if p := at.parent; len(p.kids)+len(p.shapes) > kids {
			*t.nodes++
		}
		count += len(names)
	}
	e := at.ends[level]
	if e == nil {
		e = &end{path: strings.Clone(d.Path)}
		at.ends[level] = e
		at.path = ""
	}
	if !slices.Contains(e.methods, d.Method) {
		e.methods = append(e.methods, strings.Clone(d.Method))
	}
	return nil
}

func (n *Node) pinned(segment string, level int) *Node {
	kid := n.literal(segment, Version, false)
	if kid.isLoose() {
		n.loose--
	}
	kid.pins |= 1 << level
	return kid
}

func (n *Node) shapePinned(pieces, names []string, fits []func(string) bool, level int) *Node {
	s := n.shape(pieces, nil)
	if s.pins == 0 || s.names == nil {
		s.names = slices.Clone(names)
		s.forget()
	}
	s.pins |= 1 << level
	if len(names) == 1 && len(s.fits) < 8 {
		var fit func(string) bool
		if len(fits) == 1 {
			fit = fits[0]
		}
		s.fits = append(s.fits, fit)
	}
	return s
}

// Unpin forgets what was described at a level. Templates that were in use stay.
func (t *Tree) Unpin(level int) { t.root.unpin(level) }

func (n *Node) unpin(level int) {
	if n.ends[level] != nil {
		n.ends[level] = nil
		n.path = ""
	}
	if n.pins&(1<<level) != 0 {
		loose := n.isLoose()
		if n.pins &^= 1 << level; n.pins == 0 {
			n.fits = nil
			if !loose && n.isLoose() {
				n.parent.loose++
			}
		}
	}
	for _, k := range n.kids {
		k.unpin(level)
	}
	for _, s := range n.shapes {
		s.unpin(level)
	}
}

// Split takes a segment of a described path apart: what stands around its templates,
// and their names.
func Split(segment string) (pieces, names []string, err error) {
	for {
		open, shut := strings.IndexByte(segment, '{'), strings.IndexByte(segment, '}')
		if open < 0 && shut < 0 {
			return append(pieces, segment), names, nil
		}
		if open < 0 || shut < open+2 || len(names) >= 8 {
			return nil, nil, errors.New("a template must have the form {name}")
		}
		if open == 0 && len(pieces) > 0 {
			return nil, nil, errors.New("two templates must have text between them")
		}
		pieces, names = append(pieces, segment[:open]), append(names, segment[open+1:shut])
		segment = segment[shut+1:]
	}
}

// described finds the node that somebody described for a path: those of operators
// first, those with the method before others, literal segments before values.
func (t *Tree) described(method, path string) *Node {
	if t.root.pins == 0 && len(t.root.kids) == 0 && len(t.root.shapes) == 0 {
		return nil
	}
	if method == "HEAD" {
		method = "GET"
	}
	for level := levels - 1; level >= 0; level-- {
		s := search{level: level, method: method, budget: 2000}
		if n := s.find(&t.root, path[1:]); n != nil {
			return n
		}
		if s.other != nil {
			return s.other
		}
	}
	return nil
}

type search struct {
	level  int
	method string
	// template says that the path is a template itself.
	template bool
	// other is the first node of the path that is described with other methods.
	other  *Node
	budget int
}

func (s *search) find(n *Node, rest string) *Node {
	if s.budget--; s.budget < 0 {
		return nil
	}
	if rest == "" {
		e := n.ends[s.level]
		if e == nil {
			return nil
		}
		if slices.Contains(e.methods, s.method) || slices.Contains(e.methods, "") {
			return n
		}
		// A description that wins with all methods of a path; an edit of one method is
		// about that method alone.
		if s.other == nil && s.level != ByOperator {
			s.other = n
		}
		return nil
	}
	segment, after, _ := strings.Cut(rest, "/")
	if kid := n.kid(segment); kid != nil && kid.pins&(1<<s.level) != 0 {
		if found := s.find(kid, after); found != nil {
			return found
		}
	}
	for _, shape := range n.shapes {
		if shape.pins&(1<<s.level) == 0 {
			continue
		}
		if s.template && segment == shape.template() {
			if found := s.find(shape, after); found != nil {
				return found
			}
			continue
		}
		var buf [8]string
		if values, ok := cut(segment, shape.pieces, buf[:0]); ok && !s.template && shape.conform(values) || ok && s.template && !strings.Contains(segment, "{}") && shape.conform(values) {
			if found := s.find(shape, after); found != nil {
				return found
			}
		}
	}
	return nil
}

// template is the shape's segment without names.
func (n *Node) template() string { return n.text }

// Repin gives the node that somebody described for everything that a learned node
// stands for; the node itself when there is none.
func (t *Tree) Repin(n *Node, method string) *Node {
	if method == "HEAD" {
		method = "GET"
	}
	var parts []string
	for at := n; at.parent != nil; at = at.parent {
		parts = append(parts, at.text)
	}
	slices.Reverse(parts)
	path := strings.Join(parts, "/")
	for level := levels - 1; level >= 0; level-- {
		s := search{level: level, method: method, template: true, budget: 2000}
		if found := s.find(&t.root, path); found != nil {
			return found
		}
		if s.other != nil {
			return s.other
		}
	}
	return n
}

// Insert gives the node of a template that was learned before, and makes it where there
// is none.
func (t *Tree) Insert(method, path string) (*Node, error) {
	if !Fits(path) {
		return nil, fmt.Errorf("the path %.80q is no path, or it is too long or too deep", path)
	}
	at := &t.root
	for segment := range strings.SplitSeq(strings.TrimSuffix(path[1:], "/"), "/") {
		if segment == "" && strings.Trim(path, "/") == "" {
			break
		}
		pieces, names, err := Split(segment)
		if err != nil {
			return nil, fmt.Errorf("path %.80q: %w", path, err)
		}
		kids := len(at.kids) + len(at.shapes)
		if len(names) == 0 {
			f := t.words.read(segment, maxDepth)
			at = at.literal(segment, f.kind, f.kind.Value() || strings.Contains(segment, "{"))
		} else {
			at = at.shape(pieces, nil)
			if at.names == nil {
				at.names = names
			}
		}
		if p := at.parent; len(p.kids)+len(p.shapes) > kids {
			*t.nodes++
		}
	}
	if at.Owner == nil && len(at.methods) == 0 && len(path) > 1 && strings.HasSuffix(path, "/") {
		at.slash, at.path = true, ""
	}
	at.mark(method)
	return at, nil
}
