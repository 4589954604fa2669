package datatype

import (
	"strings"

	"farrier.dev/farrier/internal/encoding/tree"
)

// Field is a member of properties, queryParameters, headers, uriParameters or
// facets.
type Field struct {
	// Name is without a question mark that makes it optional; for a pattern it is
	// the regular expression without slashes, and Pattern is true.
	Name     string
	Pattern  bool
	Required bool
	Type     *Type
	// Decl is its declaration; name is where its name stands, nil when that is in
	// another file.
	Decl *tree.Node
	name *tree.Node

	regexp *pattern
}

// fields are the properties of an object type, in their order.
type fields struct {
	list  []Field
	index map[string]int
	// patterns are the positions of the patterns.
	patterns []int
}

// get is the property of a name, nil where there is none.
func (f *fields) get(name string) *Field {
	if i, ok := f.index[name]; ok {
		return &f.list[i]
	}
	return nil
}

// key tells properties and patterns of one name apart.
func (f *Field) key() string {
	if f.Pattern {
		return "/" + f.Name + "/"
	}
	return f.Name
}

// with gives a copy with further properties, which replace those of their name.
func (f *fields) with(more []Field) fields {
	out := fields{list: make([]Field, len(f.list), len(f.list)+len(more)), index: make(map[string]int, len(f.list)+len(more))}
	copy(out.list, f.list)
	for name, i := range f.index {
		out.index[name] = i
	}
	for i := range more {
		m := more[i]
		if at, ok := out.index[m.key()]; ok {
			out.list[at] = m
			continue
		}
		out.index[m.key()] = len(out.list)
		out.list = append(out.list, m)
	}
	for i := range out.list {
		if out.list[i].Pattern {
			out.patterns = append(out.patterns, i)
		}
	}
	return out
}

// merged gives a copy with the properties of another type; a value must be of
// both types where both have a property.
func (f *fields) merged(s *Set, other fields) fields {
	if len(other.list) == 0 {
		return *f
	}
	more := make([]Field, 0, len(other.list))
	for _, m := range other.list {
		if at, ok := f.index[m.key()]; ok {
			mine := f.list[at]
			m.Required = m.Required || mine.Required
			m.Type = s.intersection(mine.Type, m.Type)
		}
		more = append(more, m)
	}
	return f.with(more)
}

// Fields makes the types of a map of parameters, in their order.
func (s *Set) Fields(use Use, decls *tree.Node, scope Scope) []Field {
	switch {
	case decls == nil || decls.Is(tree.Null) || decls.Is(tree.Include):
		return nil
	case !decls.Is(tree.Object):
		s.problem(decls, "raml-facet-value", "this must be an object of names and their types, not a %s", decls.Kind)
		return nil
	}
	out := make([]Field, 0, len(decls.Members))
	seen := make(map[string]bool, len(decls.Members))
	for i := range decls.Members {
		m := &decls.Members[i]
		if isAnnotation(m.Name) {
			continue
		}
		f := s.field(use, m, scope)
		if m.Value != nil && m.Value.Source == decls.Source {
			f.name = tree.New(decls, tree.Null, "")
			f.name.Line, f.name.Column = m.Line, m.Column
		}
		if seen[f.key()] {
			s.problem(m.Value, "raml-property-malformed", "%q is declared twice, with and without a question mark", clip(f.Name))
			continue
		}
		seen[f.key()] = true
		out = append(out, f)
	}
	return out
}

func (s *Set) field(use Use, m *tree.Member, scope Scope) Field {
	f := Field{Name: m.Name, Decl: m.Value, Required: !s.options.RAML08 || use == URI, Type: s.As(use, m.Value, scope)}
	required := f.Type.annotated(m.Value.Get("required"))
	if len(f.Name) >= 2 && f.Name[0] == '/' && f.Name[len(f.Name)-1] == '/' && use == Property {
		f.Name, f.Pattern, f.Required = f.Name[1:len(f.Name)-1], true, false
		var err error
		if f.regexp, err = compile(f.Name, &s.effort); err != nil {
			s.problem(m.Value, "raml-pattern", "/%s/ is no regular expression: %v", clip(f.Name), err)
			f.regexp, _ = compile("", &s.effort)
		}
		return f
	}
	switch {
	case required.Is(tree.Bool):
		f.Required = required.IsTrue()
	case required != nil:
		s.problem(required, "raml-facet-value", "required must be true or false")
	case strings.HasSuffix(f.Name, "?") && !s.options.RAML08:
		f.Name, f.Required = strings.TrimSuffix(f.Name, "?"), false
	}
	return f
}

// of is the property that declares a name: the one of that name, otherwise the
// first pattern that matches.
func (f *fields) of(name string) *Field {
	if p := f.get(name); p != nil && !p.Pattern {
		return p
	}
	for _, i := range f.patterns {
		if f.list[i].regexp.match(name) {
			return &f.list[i]
		}
	}
	return nil
}
