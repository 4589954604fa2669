package diff

import (
	"slices"
	"strings"

	"farrier.dev/farrier/internal/spec"
)

// Schemas lead to one another, and many operations to the same ones. Each pair
// of schemas is therefore compared once; the pairs are the nodes of a graph, and
// the changes of an operation are those of the nodes that it leads to.

const (
	// maxNodes is how many pairs of schemas are compared, and maxVisits how many
	// pairs all operations together may lead to: some seconds' work.
	maxNodes  = 200_000
	maxVisits = 5_000_000
	// maxSteps is how many steps of the way into a value are told.
	maxSteps = 40
)

// pair is two schemas as they travel in one direction.
type pair struct {
	old, new *shape
	answers  bool
}

// node is a pair with what is different in it, and the pairs inside.
type node struct {
	pair
	deltas []delta
	inside []edge
	// from are the nodes that lead here; told tells that a difference can be
	// reached.
	from []*node
	told bool
	mark int
	at   *trail
}

// delta is a difference; steps lead to it.
type delta struct {
	kind    Kind
	class   Class
	effect  Effect
	message string
	at      *trail
}

type edge struct {
	at *trail
	to *node
}

// root is a place of an operation that has a schema.
type root struct {
	at   context
	node *node
}

// trail is the way into a value, the last step first. It is written only where
// something is different.
type trail struct {
	up   *trail
	step string
}

// String writes the trail as a JSON pointer (RFC 6901); of a long one its end.
func (t *trail) String() string {
	var steps []string
	for ; t != nil && len(steps) < maxSteps; t = t.up {
		steps = append(steps, "/"+strings.NewReplacer("~", "~0", "/", "~1").Replace(cut(t.step)))
	}
	if t != nil {
		steps = append(steps, "/…")
	}
	slices.Reverse(steps)
	return strings.Join(steps, "")
}

// behind is a trail that begins where another ends.
func (t *trail) behind(start *trail) *trail {
	if t == nil {
		return start
	}
	return &trail{t.up.behind(start), t.step}
}

// below compares something inside a value.
func (c *comparer) below(step string, do func()) {
	outer := c.at.inside
	c.at.inside = &trail{outer, step}
	do()
	c.at.inside = outer
}

// schema compares two schemas of the place that is being compared.
func (c *comparer) schema(o, n spec.Schema) {
	switch {
	case !o.Described() && !n.Described():
	case !o.Described():
		c.emit(SchemaAdded, Narrows, "what it holds is described now")
	case !n.Described():
		c.emit(SchemaRemoved, Widens, "what it holds is no longer described")
	default:
		c.roots = append(c.roots, root{c.at, c.nodeOf([]any{c.old.root(o)}, []any{c.new.root(n)})})
	}
}

// nodeOf is the node of a pair of schemas.
func (c *comparer) nodeOf(old, updated []any) *node {
	p := pair{c.old.shapeOf(old), c.new.shapeOf(updated), c.at.answers}
	if c.nodes[p] == nil {
		c.nodes[p] = &node{pair: p}
		c.waiting = append(c.waiting, c.nodes[p])
	}
	return c.nodes[p]
}

// compare has two schemas compared that are inside those that are being
// compared.
func (c *comparer) compare(old, updated []any) {
	to := c.nodeOf(old, updated)
	to.from = append(to.from, c.node)
	c.node.inside = append(c.node.inside, edge{c.at.inside, to})
}

// schemas compares all pairs that the operations lead to, and tells each
// operation what is different. A pair is told at the first place of an operation
// that leads to it, the shortest way.
func (c *comparer) schemas() {
	var told []*node
	for i := 0; i < len(c.waiting); i++ {
		if i == maxNodes {
			c.exceeded = true
			break
		}
		c.node = c.waiting[i]
		c.at = context{answers: c.node.answers}
		c.pair(c.node.old, c.node.new)
		if len(c.node.deltas) > 0 {
			c.node.told = true
			told = append(told, c.node)
		}
	}
	c.node = nil
	for len(told) > 0 {
		n := told[len(told)-1]
		told = told[:len(told)-1]
		for _, outer := range n.from {
			if !outer.told {
				outer.told = true
				told = append(told, outer)
			}
		}
	}
	for i := range c.roots {
		c.tell(&c.roots[i], i+1)
	}
}

// tell adds the changes that a root leads to.
func (c *comparer) tell(r *root, mark int) {
	if !r.node.told {
		return
	}
	c.at = r.at
	r.node.mark, r.node.at = mark, nil
	for waiting := []*node{r.node}; len(waiting) > 0; waiting = waiting[1:] {
		n := waiting[0]
		for _, d := range n.deltas {
			c.at.inside = d.at.behind(n.at)
			c.add(d.kind, d.class, d.effect, "%s", d.message)
		}
		for _, e := range n.inside {
			if c.visits++; c.visits > maxVisits || c.exceeded {
				c.exceeded = true
				return
			}
			if e.to.told && e.to.mark != mark {
				e.to.mark, e.to.at = mark, e.at.behind(n.at)
				waiting = append(waiting, e.to)
			}
		}
	}
}
