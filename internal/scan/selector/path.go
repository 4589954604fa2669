package selector

import "farrier.dev/farrier/internal/encoding/xmltext/document"

// axis is where a step goes.
type axis uint8

const (
	child axis = iota
	self
	parent
	attribute
	text
	ancestor
	ancestorOrSelf
	descendant
	descendantOrSelf
	following
	preceding
)

func axes() map[string]axis {
	return map[string]axis{
		"child": child, "self": self, "parent": parent, "ancestor": ancestor, "ancestor-or-self": ancestorOrSelf,
		"descendant": descendant, "descendant-or-self": descendantOrSelf,
		"following-sibling": following, "preceding-sibling": preceding,
	}
}

// step is one step of a path or pattern.
type step struct {
	axis axis
	name document.Name
	// below says that "//" stands before it.
	below      bool
	predicates []expression
	positional bool
}

type origin uint8

const (
	fromHere origin = iota
	fromRoot
)

// path is steps from the element at hand, from the root of its document, or from
// what an expression gives.
type path struct {
	from  origin
	start expression
	steps []step
}

func (e *path) gives() kind { return nodes }

func (e *path) eval(c *scope) result {
	var items []Item
	steps := e.steps
	switch {
	case e.start != nil:
		items = e.start.eval(c).items
	case e.from == fromRoot:
		items, steps = steps[0].fromRoot(c), steps[1:]
	default:
		items = []Item{c.at}
	}
	for i := range steps {
		items = steps[i].from(c, items)
	}
	return result{kind: nodes, items: items}
}

// fromRoot is the first step of a path from the root.
func (s *step) fromRoot(c *scope) []Item {
	if c.current == nil {
		return nil
	}
	root := c.current.Document.Root
	var found []Item
	if !s.below {
		found = s.keep(c, found, Item{Element: root})
	} else {
		root.Walk(func(e *document.Element) bool {
			found = s.keep(c, found, Item{Element: e})
			return c.env.spend()
		})
	}
	return s.filter(c, found)
}

// from is where the step leads to from items.
func (s *step) from(c *scope, items []Item) []Item {
	var out []Item
	seen := map[any]bool{}
	for _, item := range items {
		if !c.env.spend() {
			return nil
		}
		for _, found := range s.filter(c, s.reach(c, item)) {
			key := found.key()
			if len(items) > 1 && seen[key] {
				continue
			}
			seen[key] = true
			out = append(out, found)
		}
	}
	return out
}

func (i Item) key() any {
	switch {
	case i.Attr != nil:
		return i.Attr
	case i.Text != nil:
		return i.Text
	}
	return i.Element
}

// reach is what the axis of the step leads to, with the name of the step.
func (s *step) reach(c *scope, from Item) []Item {
	e := from.Element
	if s.axis == self {
		return s.keep(c, nil, from)
	}
	if from.Attr != nil || from.Text != nil {
		if s.axis != parent {
			return nil
		}
		return s.keep(c, nil, Item{Element: e})
	}
	if !s.below {
		return s.along(c, nil, e)
	}
	var found []Item
	e.Walk(func(d *document.Element) bool {
		found = s.along(c, found, d)
		return c.env.spend()
	})
	return found
}

// along appends what stands on the axis of an element.
func (s *step) along(c *scope, found []Item, e *document.Element) []Item {
	switch s.axis {
	case child:
		for _, n := range e.Children {
			if x, ok := n.(*document.Element); ok {
				found = s.keep(c, found, Item{Element: x})
			}
		}
	case attribute:
		for i := range e.Attrs {
			if a := &e.Attrs[i]; named(s.name, a.Name) {
				found = append(found, Item{Element: e, Attr: a})
			}
		}
	case text:
		for _, n := range e.Children {
			if t, ok := n.(*document.Text); ok {
				found = append(found, Item{Element: e, Text: t})
			}
		}
	case parent:
		found = s.keep(c, found, Item{Element: e.Parent})
	case ancestor, ancestorOrSelf:
		if s.axis == ancestorOrSelf {
			found = s.keep(c, found, Item{Element: e})
		}
		for up := e.Parent; up != nil; up = up.Parent {
			found = s.keep(c, found, Item{Element: up})
		}
	case descendant, descendantOrSelf:
		e.Walk(func(d *document.Element) bool {
			if d != e || s.axis == descendantOrSelf {
				found = s.keep(c, found, Item{Element: d})
			}
			return c.env.spend()
		})
	case following, preceding:
		found = s.siblings(c, found, e)
	case self:
		found = s.keep(c, found, Item{Element: e})
	}
	return found
}

// siblings appends the elements behind or before an element, the nearest first.
func (s *step) siblings(c *scope, found []Item, e *document.Element) []Item {
	if e.Parent == nil {
		return found
	}
	var before []*document.Element
	behind := false
	for _, n := range e.Parent.Children {
		x, ok := n.(*document.Element)
		switch {
		case !ok:
		case x == e:
			behind = true
		case behind && s.axis == following:
			found = s.keep(c, found, Item{Element: x})
		case !behind:
			before = append(before, x)
		}
	}
	if s.axis == preceding {
		for i := len(before) - 1; i >= 0; i-- {
			found = s.keep(c, found, Item{Element: before[i]})
		}
	}
	return found
}

// keep appends an item that has the name of the step.
func (s *step) keep(c *scope, to []Item, item Item) []Item {
	if item.Element == nil || !c.env.spend() {
		return to
	}
	if item.Attr == nil && item.Text == nil && !named(s.name, item.Element.Name) {
		return to
	}
	return append(to, item)
}

// filter keeps what fits the predicates, one after the other.
func (s *step) filter(c *scope, items []Item) []Item {
	for _, predicate := range s.predicates {
		var kept []Item
		for i, item := range items {
			inner := scope{env: c.env, at: item, current: c.current, position: i + 1, last: len(items)}
			if inner.accepts(predicate) {
				kept = append(kept, item)
			}
		}
		items = kept
	}
	return items
}
