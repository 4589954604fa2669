package diff

import (
	"fmt"
	"maps"
	"slices"
	"strings"
)

// emit adds a change of a schema. Requests that are refused break their
// senders; answers that were not expected break who reads them.
func (c *comparer) emit(kind Kind, effect Effect, format string, args ...any) {
	class := Breaking
	switch {
	case c.at.answers && effect == Narrows, effect == Neither:
		class = Harmless
	case !c.at.answers && effect == Widens:
		class = Harmless
		switch kind {
		case EnumRemoved, BoundRemoved, PatternRemoved, FormatRemoved, TypeRemoved, PropertiesOpened, SchemaRemoved, PropertyWritable, ConditionRemoved:
			class = Security // what comes in is no longer bounded
		default:
		}
	}
	c.add(kind, class, effect, format, args...)
}

// pair compares two shapes.
func (c *comparer) pair(o, n *shape) {
	if o.never || n.never {
		if !n.never {
			c.emit(TypeChanged, Widens, "nothing was allowed, %s is", n.types)
		} else if !o.never {
			c.emit(TypeChanged, Narrows, "%s was allowed, nothing is", o.types)
		}
		return
	}
	if !o.says() || !n.says() {
		if o.says() {
			c.emit(SchemaRemoved, Widens, "what it holds is no longer described")
		} else if n.says() {
			c.emit(SchemaAdded, Narrows, "what it holds is described now")
		}
		return
	}
	ov, nv := c.old.variants(o), c.new.variants(n)
	if len(ov) == 1 && len(nv) == 1 {
		c.variant(ov[0], nv[0])
		return
	}
	c.match(ov, nv)
}

// match compares alternatives: those that are the same, then those that have
// most in common; what is left was removed or added.
func (c *comparer) match(ov, nv []*shape) {
	ov, oldNull := apart(ov)
	nv, newNull := apart(nv)
	c.null(oldNull, newNull)
	byDigest := map[string][]int{}
	for i, n := range nv {
		k := c.new.digest(n)
		byDigest[k] = append(byDigest[k], i)
	}
	left, gone := []int{}, map[int]bool{}
	for i, o := range ov {
		k := c.old.digest(o)
		if len(byDigest[k]) == 0 {
			left = append(left, i)
			continue
		}
		j := byDigest[k][0]
		byDigest[k] = byDigest[k][1:]
		gone[j] = true
		c.variant(o, nv[j])
	}
	for _, p := range c.closest(ov, nv, left, gone) {
		gone[p.new] = true
		left = slices.DeleteFunc(left, func(i int) bool { return i == p.old })
		c.variant(ov[p.old], nv[p.new])
	}
	for _, i := range left {
		c.emit(VariantRemoved, Narrows, "an alternative is gone: %s", c.old.describe(ov[i]))
	}
	for j, n := range nv {
		if !gone[j] {
			c.emit(VariantAdded, Widens, "an alternative is new: %s", c.new.describe(n))
		}
	}
}

// apart takes null out of alternatives.
func apart(all []*shape) (rest []*shape, null bool) {
	for _, v := range all {
		if v.types == anyType || v.types&nullType == 0 {
			rest = append(rest, v)
			continue
		}
		null = true
		if v.types == nullType {
			continue
		}
		if v.nonNull == nil {
			v.nonNull = &shape{parts: v.parts, never: v.never, types: v.types &^ nullType}
		}
		rest = append(rest, v.nonNull)
	}
	return rest, null
}

func (c *comparer) null(old, updated bool) {
	switch {
	case updated && !old:
		c.emit(NullAllowed, Widens, "null is allowed now")
	case old && !updated:
		c.emit(NullRefused, Narrows, "null is no longer allowed")
	}
}

// likeness is how much two alternatives have in common.
type likeness struct{ old, new, common int }

// closest pairs the alternatives that are left by what they have in common, the
// most first.
func (c *comparer) closest(ov, nv []*shape, left []int, gone map[int]bool) []likeness {
	var all []likeness
	for _, i := range left {
		o := c.old.facetsOf(ov[i])
		for j := range nv {
			if gone[j] {
				continue
			}
			if common := c.common(o, c.new.facetsOf(nv[j])); common > 0 {
				all = append(all, likeness{i, j, common})
			}
		}
	}
	slices.SortStableFunc(all, func(a, b likeness) int { return b.common - a.common })
	usedOld, usedNew := map[int]bool{}, map[int]bool{}
	return slices.DeleteFunc(all, func(l likeness) bool {
		if usedOld[l.old] || usedNew[l.new] {
			return true
		}
		usedOld[l.old], usedNew[l.new] = true, true
		return false
	})
}

// common weighs what two alternatives have in common, 0 for nothing.
func (c *comparer) common(o, n *facets) int {
	if o.types&n.types == 0 {
		return 0
	}
	weight := 1
	for name, p := range o.properties {
		q, ok := n.properties[name]
		if !ok {
			continue
		}
		weight += 2
		// A property of one value tells alternatives from each other.
		a, b := c.old.facetsOf(c.old.shapeOf(p)).values, c.new.facetsOf(c.new.shapeOf(q)).values
		if len(a) == 1 && len(b) == 1 {
			if !maps.Equal(a, b) {
				return 0
			}
			weight += 100
		}
	}
	if len(o.properties) > 0 && len(n.properties) > 0 && weight == 1 {
		return 0
	}
	return weight
}

// describe says what a shape is.
func (s *side) describe(v *shape) string {
	f := s.facetsOf(v)
	text := f.types.String()
	if len(f.names) > 0 {
		text += " with " + names(f.names)
	}
	return text
}

// names are the first of many.
func names(all []string) string {
	const most = 5
	var out []string
	for _, name := range all[:min(len(all), most)] {
		out = append(out, cut(name))
	}
	if len(all) > most {
		out = append(out, fmt.Sprintf("%d more", len(all)-most))
	}
	return strings.Join(out, ", ")
}

// variant compares two shapes without alternatives.
func (c *comparer) variant(os, ns *shape) {
	o, n := c.old.facetsOf(os), c.new.facetsOf(ns)
	was, is := o.types, n.types
	switch {
	case was == is:
	case is == anyType:
		c.emit(TypeRemoved, Widens, "the type was %s, any is allowed now", was)
	case was == anyType:
		c.emit(TypeAdded, Narrows, "any type was allowed, only %s is", is)
	default:
		c.null(was&nullType != 0, is&nullType != 0)
		was, is = was&^nullType, is&^nullType
		if effect := effectOf(is&^was != 0, was&^is != 0); effect != Neither {
			c.emit(TypeChanged, effect, "the type was %s, is %s", was, is)
		}
	}
	common := was & is
	if common == 0 {
		return
	}
	c.values(o, n)
	c.scalars(o, n, common)
	if common&arrayType != 0 {
		c.array(o, n)
	}
	if common&objectType != 0 {
		c.object(o, n)
	}
	c.conditions(o, n)
}
