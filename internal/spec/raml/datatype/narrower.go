package datatype

// narrower says whether every value of a is one of b, as far as can be told from
// what both declare. Types that contain themselves are taken to be narrower until
// something tells otherwise.
func (s *Set) narrower(a, b *Type) bool {
	a.resolve()
	b.resolve()
	if a == b || a.broken || b.broken || b.kind == anyKind && len(b.facets) == 0 || a.inherits(b) {
		return true
	}
	key := [2]*Type{a, b}
	if known, ok := s.narrow[key]; ok {
		return known
	}
	if !s.spend(1+len(b.fields.list), b.decl) {
		return true
	}
	s.narrow[key] = true
	s.depth++
	ok := s.depth > maxInheritance || s.compare(a, b)
	s.depth--
	s.narrow[key] = ok
	return ok
}

// inherits says whether a type inherits all that another is.
func (t *Type) inherits(from *Type) bool {
	seen, waiting := map[*Type]bool{t: true}, []*Type{t}
	for len(waiting) > 0 {
		next := waiting[len(waiting)-1]
		waiting = waiting[:len(waiting)-1]
		if next == from {
			return true
		}
		for _, p := range next.parents {
			if p.kind == from.kind && !seen[p] && t.set.spend(1, t.decl) {
				seen[p] = true
				waiting = append(waiting, p)
			}
		}
	}
	return false
}

func (s *Set) compare(a, b *Type) bool {
	switch {
	case a.kind == unionKind:
		for _, alternative := range a.alternatives {
			if !s.narrower(alternative, b) {
				return false
			}
		}
		return true
	case b.kind == unionKind:
		for _, alternative := range b.alternatives {
			if s.narrower(a, alternative) {
				return true
			}
		}
		return false
	case a.kind != b.kind && (a.kind != integerKind || b.kind != numberKind):
		return false
	}
	if enum, ok := a.facets["enum"]; ok {
		for _, value := range enum.list {
			if !s.accepts(b, value) {
				return false
			}
		}
		return true
	}
	for name, f := range b.facets {
		if !a.hasNarrower(name, f) {
			return false
		}
	}
	switch a.kind {
	case arrayKind:
		return b.items == nil || a.items != nil && s.narrower(a.items, b.items)
	case objectKind:
		return s.narrowerFields(a, b)
	default:
		return true
	}
}

// hasNarrower says whether the type has a facet that is at least as narrow.
func (t *Type) hasNarrower(name string, f facet) bool {
	mine, ok := t.facets[name]
	switch name {
	case "discriminator", "discriminatorValue", "fileTypes":
		return true
	case "pattern":
		return ok
	case "additionalProperties", "uniqueItems":
		return ok && widens(name, f, mine) == "" || !ok && f.flag == (name == "additionalProperties")
	case "format":
		_, _, whole := span(f.text)
		return ok && widerFormat(f.text, mine.text) == "" || !ok && !whole
	}
	return ok && widens(name, f, mine) == ""
}

func (s *Set) narrowerFields(a, b *Type) bool {
	for i := range b.fields.list {
		theirs := &b.fields.list[i]
		mine := a.fields.get(theirs.key())
		if mine == nil {
			if theirs.Required {
				return false
			}
			continue
		}
		if theirs.Required && !mine.Required || !s.narrower(mine.Type, theirs.Type) {
			return false
		}
	}
	return true
}
