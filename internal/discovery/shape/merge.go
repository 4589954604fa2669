package shape

import "math"

// Merge adds the statistics of other, which is not changed.
func (s *Schema) Merge(other *Schema) {
	if other == nil {
		return
	}
	s.merge(other)
	s.nodes = 0
	if left := MaxNodes - s.Nodes(); left < 0 {
		s.prune(-left)
	}
	s.settle(s)
}

// merge adds without the bound of nodes.
func (s *Schema) merge(other *Schema) {
	s.v.Merge(&other.v)
	s.flags |= other.flags
	s.seen = uint32(min(uint64(s.seen)+uint64(other.seen), math.MaxUint32)) //nolint:gosec // It fits.
	if other.below == nil {
		return
	}
	b := s.lower()
	b.objects += other.below.objects
	for _, m := range other.below.members {
		switch at := b.find(m.name, 0); {
		case at >= 0:
			b.members[at].node.merge(m.node)
		case len(b.members) < MaxMembers:
			b.members = append(b.members, member{m.name, m.node.Clone()})
		default:
			b.extra = joined(b.extra, m.node)
		}
	}
	b.extra = joined(b.extra, other.below.extra)
	b.items = joined(b.items, other.below.items)
}

// joined gives s with the statistics of other.
func joined(s, other *Schema) *Schema {
	switch {
	case other == nil:
		return s
	case s == nil:
		return other.Clone()
	}
	s.merge(other)
	return s
}

// prune takes away about so many nodes, the deepest and rarest first.
func (s *Schema) prune(surplus int) {
	for depth := MaxDepth; depth > 0 && surplus > 0; depth-- {
		surplus -= s.cut(depth, surplus)
	}
}

// cut takes away at most so many leaves that lie so deep, and tells how many.
func (s *Schema) cut(depth, most int) (n int) {
	if s.below == nil {
		return 0
	}
	b := s.below
	if depth > 1 {
		s.children(func(c *Schema) { n += c.cut(depth-1, most-n) })
		return n
	}
	for i := len(b.members) - 1; i >= 0 && n < most; i-- {
		if b.members[i].node.below == nil {
			b.members = append(b.members[:i], b.members[i+1:]...)
			n++
		}
	}
	for _, leaf := range []**Schema{&b.extra, &b.items} {
		if *leaf != nil && (*leaf).below == nil && n < most {
			*leaf = nil
			n++
		}
	}
	if n > 0 {
		s.flags |= untold
	}
	if len(b.members) == 0 && b.extra == nil && b.items == nil && b.objects == 0 {
		s.below = nil
	}
	return n
}

// settle joins members of maps that only together show that they are some.
func (s *Schema) settle(root *Schema) {
	s.children(func(c *Schema) { c.settle(root) })
	if s.below != nil {
		g := growth{root: root}
		g.collapse(s)
	}
}
