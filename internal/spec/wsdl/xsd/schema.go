package xsd

import "fmt"

// Namespaces of schemas and of their traces in documents.
const (
	SchemaNamespace   = "http://www.w3.org/2001/XMLSchema"
	instanceNamespace = "http://www.w3.org/2001/XMLSchema-instance"
)

// Error tells where a schema or a document is wrong.
type Error struct {
	// Path leads to the element.
	Path string
	// Offset is the number of bytes before it.
	Offset  int
	Message string
}

// Error is place and message. It quotes no text of the document.
func (e *Error) Error() string { return fmt.Sprintf("%s: offset %d: %s", e.Path, e.Offset, e.Message) }

func fault(at *Node, format string, arguments ...any) error {
	return &Error{at.Path(), at.Offset, fmt.Sprintf(format, arguments...)}
}

// Set is a compiled set of schemas. It is immutable and serves any number of
// goroutines.
type Set struct {
	elements   map[Name]*Element
	attributes map[Name]*attribute
	types      map[Name]*Type
}

// Element is the global declaration of an element, nil when there is none.
func (s *Set) Element(name Name) *Element { return s.elements[name] }

// Type is a global or built-in type, nil when there is none.
func (s *Set) Type(name Name) *Type { return s.types[name] }

// Element is a declaration of an element.
type Element struct {
	Name               Name
	Type               *Type
	nillable, abstract bool
	fixed              *string
	empty              *string // the default or fixed value of an element without content
	// substitutes may stand in its place.
	substitutes []*Element
}

// Type is a simple or complex type.
type Type struct {
	Name Name
	base *Type
	// simple is what the text must be; nil for complex content.
	simple *simple
	// complex says that there may be attributes.
	complex, abstract, mixed bool
	content                  *particle // nil for none
	attributes               []*use
	anyAttribute             *wildcard
	// state tells a type under construction.
	state uint8
}

// derives says whether t is the base or derived from it.
func (t *Type) derives(base *Type) bool {
	for at := t; at != nil; at = at.base {
		if at == base {
			return true
		}
	}
	// A union may be replaced by its members.
	if base.simple != nil {
		for _, m := range base.simple.union {
			if m.owner != nil && t.derives(m.owner) {
				return true
			}
		}
	}
	return false
}

type attribute struct {
	name  Name
	typ   *Type
	fixed *string
}

// use is an attribute of a complex type.
type use struct {
	*attribute
	required, prohibited bool
	fixed                *string
}

type kind uint8

const (
	elementKind kind = iota
	anyKind
	sequenceKind
	choiceKind
	allKind
)

// particle is a part of a content model.
type particle struct {
	kind     kind
	min, max int // max -1 is unbounded
	element  *Element
	any      *wildcard
	parts    []*particle
	optional bool // nothing at all satisfies it
}

// wildcard is xs:any or xs:anyAttribute.
type wildcard struct {
	anything bool
	not      *string  // every namespace but this and none
	spaces   []string // "" is no namespace
	process  string   // strict, lax or skip
}

func (w *wildcard) allows(space string) bool {
	if w.anything {
		return true
	}
	if w.not != nil {
		return space != *w.not && space != ""
	}
	for _, s := range w.spaces {
		if s == space {
			return true
		}
	}
	return false
}

// declaration is the element that a node of this name is, when the particle is
// an element: itself or one that substitutes it.
func (p *particle) declaration(name Name) *Element {
	if p.element.Name == name {
		return p.element
	}
	for _, e := range p.element.substitutes {
		if e.Name == name {
			return e
		}
	}
	return nil
}

// starts says whether a node of this name can be the first of the particle.
func (p *particle) starts(name Name) bool {
	switch p.kind {
	case elementKind:
		return p.max != 0 && p.declaration(name) != nil
	case anyKind:
		return p.max != 0 && p.any.allows(name.Space)
	case sequenceKind:
		for _, part := range p.parts {
			if part.starts(name) {
				return true
			}
			if !part.optional {
				return false
			}
		}
	case choiceKind, allKind:
		for _, part := range p.parts {
			if part.starts(name) {
				return true
			}
		}
	}
	return false
}

// settle computes what is asked often.
func (p *particle) settle() *particle {
	switch p.kind {
	case elementKind, anyKind:
	case sequenceKind, allKind:
		p.optional = true
		for _, part := range p.parts {
			p.optional = p.optional && part.optional
		}
	case choiceKind:
		p.optional = len(p.parts) == 0
		for _, part := range p.parts {
			p.optional = p.optional || part.optional
		}
	}
	p.optional = p.optional || p.min == 0
	return p
}
