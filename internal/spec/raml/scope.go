package raml

import (
	"slices"
	"strings"

	"farrier.dev/farrier/internal/encoding/tree"
	"farrier.dev/farrier/internal/spec/raml/datatype"
)

// scope is where the names in a file are looked up.
type scope struct {
	reader *reader
	// root is the API or library whose declarations are meant; nil for fragments.
	root *tree.Node
	// libs are the libraries by their namespaces.
	libs map[string]*scope
	// next is asked for what is not known here.
	next *scope
	// parts are the scopes that a blend asks one after the other; it has nothing
	// of its own.
	parts []*scope
}

// declared is something with a name that was found.
type declared struct {
	name  string
	value *tree.Node
	scope *scope
}

// sections are the members in which something is declared; types have two names.
func sections(section string) []string {
	if section == "types" {
		return []string{"types", "schemas"}
	}
	return []string{section}
}

// find looks a name up, with a namespace as in "lib.name".
func (s *scope) find(section, name string) (declared, bool) {
	for ; s != nil; s = s.next {
		for _, part := range s.parts {
			if d, ok := part.find(section, name); ok {
				return d, true
			}
		}
		if d, ok := s.own(section, name); ok {
			return d, true
		}
		if space, rest, ok := strings.Cut(name, "."); ok && s.libs[space] != nil {
			if d, ok := s.libs[space].own(section, rest); ok {
				return d, true
			}
		}
	}
	return declared{}, false
}

func (s *scope) own(section, name string) (declared, bool) {
	for _, section := range sections(section) {
		if m := s.root.Get(section).Member(name); m != nil {
			return declared{name, m.Value, s.reader.scopeOf(m.Value, s)}, true
		}
	}
	return declared{}, false
}

// Lookup finds the declaration of a type.
func (s *scope) Lookup(name string) (*tree.Node, datatype.Scope, bool) {
	d, ok := s.find("types", name)
	if !ok {
		return nil, nil, false
	}
	return d.value, d.scope, true
}

// scopeOf is where names in a value are looked up.
func (r *reader) scopeOf(n *tree.Node, otherwise *scope) *scope {
	if n != nil && n.Source != nil {
		if s := r.scopes[n.Source]; s != nil {
			return s
		}
	}
	return otherwise
}

// origin is a file read in a scope.
type origin struct {
	name  string
	scope *scope
}

// source is the source of a file for values whose names are looked up in a
// scope.
func (r *reader) source(of *tree.Source, s *scope) *tree.Source {
	key := origin{of.Name, s}
	src := r.sources[key]
	if src == nil {
		src = &tree.Source{Name: of.Name, Text: of.Text}
		r.sources[key] = src
		r.scopes[src] = s
	}
	return src
}

// blend is a scope that asks one and then another.
func (r *reader) blend(first, second *scope) *scope {
	if first == nil || second == nil || first == second {
		return first
	}
	key := [2]*scope{first, second}
	if b := r.blends[key]; b != nil {
		return b
	}
	parts := first.all()
	for _, s := range second.all() {
		if !slices.Contains(parts, s) {
			parts = append(parts, s)
		}
	}
	b := first
	if len(parts) > len(first.all()) {
		b = &scope{reader: r, parts: parts}
	}
	r.blends[key] = b
	return b
}

// all are the scopes that a blend is made of, or the scope itself.
func (s *scope) all() []*scope {
	if s.parts == nil {
		return []*scope{s}
	}
	return slices.Clone(s.parts)
}
