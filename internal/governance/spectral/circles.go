package spectral

import "slices"

// findCircles marks the references that lead back to where they stand.
func (r *resolution) findCircles() {
	for _, ref := range r.order {
		if ref.to == nil {
			continue
		}
		for c := ref.from; c != nil; c = c.parent {
			if c.node == ref.to.node() {
				ref.circular = true
			}
		}
		if ref.circular {
			continue
		}
		for c := ref.from.parent; c != nil; c = c.parent {
			if around := r.targets[c.node]; around != nil && !slices.Contains(ref.to.chain, c.node) {
				around.next = append(around.next, ref.to)
			}
		}
	}
	c := components{}
	for _, ref := range r.order {
		if ref.to != nil && ref.to.component == 0 {
			c.visit(ref.to)
		}
	}
	for _, ref := range r.order {
		if ref.to == nil || ref.circular {
			continue
		}
		for at := ref.from; at != nil && !ref.circular; at = at.parent {
			around := r.targets[at.node]
			if around == nil || around == ref.to {
				continue
			}
			if at == ref.from || slices.Contains(ref.to.chain, at.node) {
				ref.circular = reaches(ref.to, around, map[*target]bool{})
			} else {
				ref.circular = around.component == ref.to.component
			}
		}
	}
}

// components numbers targets that reach each other (Tarjan).
type components struct {
	stack  []*target
	number int
	count  int
}

func (c *components) visit(t *target) {
	c.number++
	order := c.number
	t.low, t.component, t.onStack = order, -1, true
	c.stack = append(c.stack, t)
	for _, next := range t.next {
		if next.component == 0 {
			c.visit(next)
		}
		if next.onStack {
			t.low = min(t.low, next.low)
		}
	}
	if t.low != order {
		return
	}
	c.count++
	for {
		top := c.stack[len(c.stack)-1]
		c.stack = c.stack[:len(c.stack)-1]
		top.onStack, top.component = false, c.count
		if top == t {
			return
		}
	}
}

// reaches says whether references lead from one target to another.
func reaches(from, to *target, seen map[*target]bool) bool {
	if seen[from] {
		return false
	}
	seen[from] = true
	for _, next := range from.next {
		if next == to || reaches(next, to, seen) {
			return true
		}
	}
	return false
}
