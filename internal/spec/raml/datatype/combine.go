package datatype

import (
	"strings"
)

// combine makes the type of what it inherits, which is resolved, and its own
// facets.
func (t *Type) combine() {
	s := t.set
	for _, p := range t.parents {
		s.heirs[p] = append(s.heirs[p], t)
		t.broken = t.broken || p.broken
	}
	if t.broken {
		t.kind = anyKind
		return
	}
	if len(t.parents) == 0 {
		return
	}
	for _, p := range t.parents {
		if p.kind == unionKind && (len(t.parents) > 1 || t.restricts()) {
			t.distribute()
			t.declareFacets()
			return
		}
	}
	if t.merge() {
		t.readFacets()
		t.declareFacets()
	}
}

// restricts says whether the declaration has facets of its own.
func (t *Type) restricts() bool {
	for _, m := range t.own.Fields() {
		if !t.isBeside(m.Name) {
			return true
		}
	}
	return false
}

// isBeside says whether a member of the declaration is no facet.
func (t *Type) isBeside(name string) bool {
	if beside(name) {
		return true
	}
	switch name {
	case "required":
		return t.use == Property || t.isParameter()
	case "repeat":
		return t.set.options.RAML08 && t.isParameter()
	case "allowedTargets":
		return t.use == Annotation
	case "uses", "usage":
		return t.set.options.IsFragment != nil && t.set.options.IsFragment(t.decl)
	}
	return false
}

// flat are the types that a value of the type may be, none of them a union.
func (t *Type) flat(out []*Type) []*Type {
	if t.kind != unionKind {
		return append(out, t)
	}
	for _, a := range t.alternatives {
		if out = a.flat(out); len(out) > maxCombinations {
			break
		}
	}
	return out
}

// distribute makes the union of all combinations of the alternatives that are
// inherited, each with the facets of the declaration.
func (t *Type) distribute() {
	combinations := [][]*Type{nil}
	for _, p := range t.parents {
		alternatives := p.flat(nil)
		if len(combinations)*len(alternatives) > maxCombinations {
			t.set.problem(t.decl, "raml-types-too-complex", "the unions that are inherited give more than %d combinations; name the types that are meant", maxCombinations)
			t.broken, t.kind = true, anyKind
			return
		}
		next := make([][]*Type, 0, len(combinations)*len(alternatives))
		for _, c := range combinations {
			for _, a := range alternatives {
				next = append(next, append(c[:len(c):len(c)], a))
			}
		}
		combinations = next
	}
	t.kind = unionKind
	for _, c := range combinations {
		part := &Type{set: t.set, decl: t.decl, scope: t.scope, use: t.use, own: t.own, parents: c, part: true, state: resolved}
		part.text = names(c)
		if !part.merge() {
			t.broken, t.kind = true, anyKind
			return
		}
		part.readFacets()
		t.alternatives = append(t.alternatives, part)
		t.custom = append(t.custom, part.custom...)
	}
	for _, m := range t.own.Fields() {
		t.mustHave(&m)
	}
}

func names(types []*Type) string {
	var b strings.Builder
	for i, p := range types {
		if i > 0 {
			b.WriteString(" and ")
		}
		b.WriteString(p.title())
	}
	return b.String()
}

// merge takes over what is inherited; it says whether that goes together.
func (t *Type) merge() bool {
	first := t.parents[0]
	t.kind, t.facets, t.fields, t.items, t.custom = first.kind, first.facets, first.fields, first.items, first.custom
	t.alternatives, t.external, t.itemDecl = first.alternatives, first.external, first.itemDecl
	for _, p := range t.parents[1:] {
		if !t.mergeWith(p) {
			t.broken, t.kind = true, anyKind
			return false
		}
	}
	return true
}

func (t *Type) mergeWith(p *Type) bool {
	s := t.set
	switch {
	case p == t.parents[0]:
		return true
	case t.kind == externalKind || p.kind == externalKind:
		s.problem(t.decl, "raml-external-type-extended", "a type can't inherit from a JSON or XML schema and from another type")
		return false
	case p.kind == anyKind:
	case t.kind == anyKind:
		t.kind = p.kind
	case t.kind != p.kind:
		s.problem(t.decl, "raml-incompatible-types", "no value is %s and %s; inherit from types of one kind", t.kind, p.kind)
		return false
	}
	if !s.spend(20+len(p.fields.list)+len(t.fields.list), t.decl) {
		return false
	}
	t.facets = cloneFacets(t.facets)
	for name, f := range p.facets {
		t.mergeFacet(name, f)
	}
	t.fields = t.fields.merged(s, p.fields)
	t.custom = append(t.custom[:len(t.custom):len(t.custom)], p.custom...)
	switch {
	case t.items == nil:
		t.items, t.itemDecl = p.items, p.itemDecl
	case p.items != nil && p.items != t.items:
		t.items = s.intersection(t.items, p.items)
	}
	return true
}

// intersection is the type of the values that are of both types.
func (s *Set) intersection(a, b *Type) *Type {
	if a == b {
		return a
	}
	key := [2]*Type{a, b}
	t := s.both[key]
	if t == nil {
		at := b.decl
		if at == nil {
			at = a.decl
		}
		t = &Type{set: s, decl: at, parents: []*Type{a, b}}
		s.both[key] = t
		s.queue = append(s.queue, t)
	}
	return t
}
