package validation

import (
	"farrier.dev/farrier/internal/governance/validation/graph"
)

// constraint is what must hold of a node. It is not told whether it holds but
// whether it, or its opposite, is violated: one on a property that a node does
// not have is violated neither way.
type constraint interface {
	// violated says whether a node violates the constraint, or its opposite when
	// negated.
	violated(e *evaluation, n *graph.Node, negated bool) bool
}

// all holds when each of its constraints does.
type all []constraint

func (c all) violated(e *evaluation, n *graph.Node, negated bool) bool {
	for _, part := range c {
		if part.violated(e, n, negated) != negated {
			return !negated
		}
	}
	return negated
}

// either holds when one of its constraints does.
type either []constraint

func (c either) violated(e *evaluation, n *graph.Node, negated bool) bool {
	for _, part := range c {
		if part.violated(e, n, negated) == negated {
			return negated
		}
	}
	return !negated
}

// one holds when exactly one of its constraints does.
type one []constraint

func (c one) violated(e *evaluation, n *graph.Node, negated bool) bool {
	hold := 0
	for _, part := range c {
		if !part.violated(e, n, false) {
			hold++
		}
	}
	return (hold == 1) == negated
}

// opposite holds when its constraint does not.
type opposite struct{ of constraint }

func (c opposite) violated(e *evaluation, n *graph.Node, negated bool) bool {
	return c.of.violated(e, n, !negated)
}

// comparison is how a count stands to a bound.
type comparison uint8

const (
	atLeast comparison = iota
	atMost
	exactly
)

func (c comparison) holds(n, bound int) bool {
	switch c {
	case atLeast:
		return n >= bound
	case atMost:
		return n <= bound
	case exactly:
	}
	return n == bound
}

// nested holds when no node at the end of a path violates a constraint.
type nested struct {
	path  *path
	inner constraint
}

func (c nested) violated(e *evaluation, n *graph.Node, negated bool) bool {
	_, bad := count(e, c.path, n, c.inner)
	return (bad > 0) != negated
}

// qualified holds when so many nodes at the end of a path satisfy a constraint.
type qualified struct {
	path  *path
	how   comparison
	bound int
	inner constraint
}

func (c qualified) violated(e *evaluation, n *graph.Node, negated bool) bool {
	nodes, bad := count(e, c.path, n, c.inner)
	return c.how.holds(nodes-bad, c.bound) == negated
}

// count tells how many nodes a path leads to and how many of them violate a
// constraint.
func count(e *evaluation, p *path, n *graph.Node, inner constraint) (nodes, bad int) {
	for _, v := range distinct(p.values(e, n)) {
		if v.Node == nil {
			continue
		}
		nodes++
		if e.err == nil && inner.violated(e, v.Node, false) {
			bad++
		}
	}
	return nodes, bad
}
