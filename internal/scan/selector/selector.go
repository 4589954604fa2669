// Package selector chooses elements of Mule projects by patterns in the manner of
// XPath: names, paths, predicates, and functions that know how Mule writes values
// and where its configurations stand. A pattern says which names it starts at, so
// that one walk through a document can ask many of them. It judges nothing.
package selector

import (
	"fmt"

	"farrier.dev/farrier/internal/encoding/xmltext/document"
)

// Any stands for every namespace, or every local name, in the names that a selector
// starts at.
const Any = "*"

// Selector is a compiled pattern. It may be used by many at once.
type Selector struct {
	text     string
	patterns []pattern
}

// pattern is one alternative of a selector: steps from the outermost inwards.
type pattern struct {
	steps []step
	// rooted says that the first step is the root of a document.
	rooted bool
}

// Path leads from one element to nodes. It may be used by many at once.
type Path struct {
	text string
	expr expression
}

// Error is a mistake in a selector.
type Error struct {
	// Offset is the byte of the text at which it was seen, from 0.
	Offset  int
	Problem string
}

// Error gives the place and what is wrong.
func (e *Error) Error() string { return fmt.Sprintf("character %d: %s", e.Offset+1, e.Problem) }

// Item is what a path leads to: an element, an attribute or a text of it.
type Item struct {
	Element *document.Element
	// Attr is an attribute of the element, Text a text directly in it; nil for the
	// element itself.
	Attr *document.Attr
	Text *document.Text
}

// String is the value of an attribute or text, or the text directly in an element.
func (i Item) String() string {
	switch {
	case i.Attr != nil:
		return i.Attr.Value.Text
	case i.Text != nil:
		return i.Text.Value.Text
	}
	if t := i.Element.Content(); t != nil {
		return t.Value.Text
	}
	return ""
}

// Compile reads a selector, as "http:listener-config[not(@protocol = 'HTTPS')]".
// Errors are of type *Error.
func Compile(text string) (*Selector, error) {
	p, err := newParser(text)
	if err != nil {
		return nil, err
	}
	s := &Selector{text: text}
	for {
		alternative, err := p.pattern()
		if err != nil {
			return nil, err
		}
		s.patterns = append(s.patterns, alternative)
		if p.next.text != "|" || p.next.kind != operator {
			break
		}
		if err := p.advance(); err != nil {
			return nil, err
		}
	}
	return s, p.end()
}

// CompilePath reads a path from an element to others, as "@insecure",
// "tls:trust-store/@path" or "text()". Errors are of type *Error.
func CompilePath(text string) (*Path, error) {
	p, err := newParser(text)
	if err != nil {
		return nil, err
	}
	e, err := p.expression()
	if err != nil {
		return nil, err
	}
	if e.gives() != nodes {
		return nil, &Error{0, "this must be a path, as @name or tls:trust-store/@path"}
	}
	return &Path{text: text, expr: e}, p.end()
}

// String is the selector as it was written.
func (s *Selector) String() string { return s.text }

// Names are the names of the elements that it can match; Any stands for every one.
func (s *Selector) Names() []document.Name {
	names := make([]document.Name, len(s.patterns))
	for i, p := range s.patterns {
		names[i] = p.steps[len(p.steps)-1].name
	}
	return names
}

// Matches says whether the selector chooses an element of a project.
func (s *Selector) Matches(env *Env, e *document.Element) bool {
	for i := range s.patterns {
		p := &s.patterns[i]
		if p.matches(env, e, e, len(p.steps)-1) {
			return true
		}
	}
	return false
}

// Find is where the path leads to from an element, in the order of the document.
func (p *Path) Find(env *Env, from *document.Element) []Item {
	return p.expr.eval(&scope{env: env, at: Item{Element: from}, current: from}).items
}

// String is the path as it was written.
func (p *Path) String() string { return p.text }

func (p *pattern) matches(env *Env, e, current *document.Element, i int) bool {
	if e == nil || !env.spend() || !p.steps[i].holds(env, e, current) {
		return false
	}
	if i == 0 {
		return !p.rooted || e.Parent == nil
	}
	if !p.steps[i].below {
		return p.matches(env, e.Parent, current, i-1)
	}
	for above := e.Parent; above != nil; above = above.Parent {
		if p.matches(env, above, current, i-1) {
			return true
		}
	}
	return false
}

// holds says whether an element has the name and fits the predicates of a step of
// a pattern.
func (s *step) holds(env *Env, e, current *document.Element) bool {
	if !named(s.name, e.Name) {
		return false
	}
	for _, predicate := range s.predicates {
		c := scope{env: env, at: Item{Element: e}, current: current}
		if s.positional {
			c.position, c.last = s.place(e)
		}
		if !c.accepts(predicate) {
			return false
		}
	}
	return true
}

// place is the number of an element among the elements of its parent that have the
// name of the step, and how many there are.
func (s *step) place(e *document.Element) (position, last int) {
	if e.Parent == nil {
		return 1, 1
	}
	for _, c := range e.Parent.Children {
		if child, ok := c.(*document.Element); ok && named(s.name, child.Name) {
			last++
			if child == e {
				position = last
			}
		}
	}
	return position, last
}

func named(want, is document.Name) bool {
	return (want.Local == is.Local || want.Local == Any) && (want.Space == is.Space || want.Space == Any)
}
