package diff

import (
	"maps"
	"math/big"
	"slices"
)

// effectOf is the effect of a change that puts something in and takes something
// out.
func effectOf(in, out bool) Effect {
	switch {
	case in && out:
		return Both
	case in:
		return Widens
	case out:
		return Narrows
	}
	return Neither
}

func merged[V any](a, b map[string]V) map[string]V {
	out := maps.Clone(a)
	if out == nil {
		return maps.Clone(b)
	}
	for k, v := range b {
		if _, ok := out[k]; !ok {
			out[k] = v
		}
	}
	return out
}

// missing are the names of a that b has not.
func missing[V, W any](a map[string]V, b map[string]W) []string {
	var out []string
	for _, name := range slices.Sorted(maps.Keys(a)) {
		if _, ok := b[name]; !ok {
			out = append(out, name)
		}
	}
	return out
}

func (c *comparer) values(o, n *facets) {
	switch {
	case o.values == nil && n.values == nil:
	case o.values == nil:
		c.emit(EnumAdded, Narrows, "only these values are allowed now: %s", names(slices.Sorted(maps.Keys(n.values))))
	case n.values == nil:
		c.emit(EnumRemoved, Widens, "any value is allowed now, not only %s", names(slices.Sorted(maps.Keys(o.values))))
	default:
		if gone := missing(o.values, n.values); len(gone) > 0 {
			c.emit(EnumChanged, Narrows, "no longer allowed: %s", names(gone))
		}
		if added := missing(n.values, o.values); len(added) > 0 {
			c.emit(EnumChanged, Widens, "newly allowed: %s", names(added))
		}
	}
}

// scalars compares what is said of texts, numbers and sizes, as far as both
// allow values of such a type.
func (c *comparer) scalars(o, n *facets, common typeSet) {
	for _, keyword := range slices.Sorted(maps.Keys(merged(o.bounds, n.bounds))) {
		if common&boundTypes(keyword) != 0 {
			c.bound(keyword, o, n)
		}
	}
	if common&numberType != 0 {
		c.texts([3]Kind{BoundAdded, BoundRemoved, BoundChanged}, "multipleOf", o.multiple, n.multiple, divides(o.multiple, n.multiple), n.values != nil)
	}
	if common&stringType != 0 {
		c.texts([3]Kind{PatternAdded, PatternRemoved, PatternChanged}, "pattern", o.patterns, n.patterns, Both, n.values != nil)
	}
	if common&(stringType|numberType) != 0 {
		c.texts([3]Kind{FormatAdded, FormatRemoved, FormatChanged}, "format", o.formats, n.formats, wider(o.formats, n.formats), n.values != nil)
	}
}

// bound compares a bound. Values that are listed are bounded by that: of them
// only those count that are beyond the bound of the other side.
func (c *comparer) bound(keyword string, o, n *facets) {
	was, hadOne := o.bounds[keyword]
	is, hasOne := n.bounds[keyword]
	switch {
	case o.values != nil && n.values != nil:
	case o.values != nil:
		if hasOne && o.beyond(keyword, is) {
			c.emit(BoundAdded, Narrows, "%s is %s now", keyword, is)
		}
	case n.values != nil:
		if hadOne && n.beyond(keyword, was) {
			c.emit(BoundChanged, Widens, "%s was %s, and holds no longer", keyword, was)
		}
	case !hadOne:
		c.emit(BoundAdded, Narrows, "%s is %s now", keyword, is)
	case !hasOne:
		c.emit(BoundRemoved, Widens, "%s was %s, is not bounded now", keyword, was)
	case was.stricter(is, keyword):
		c.emit(BoundChanged, Widens, "%s was %s, is %s", keyword, was, is)
	case is.stricter(was, keyword):
		c.emit(BoundChanged, Narrows, "%s was %s, is %s", keyword, was, is)
	}
}

// beyond says whether one of the values listed is beyond a bound.
func (f *facets) beyond(keyword string, b bound) bool {
	only := &facets{bounds: map[string]bound{keyword: b}}
	for text := range f.values {
		if !only.fits(text) {
			return true
		}
	}
	return false
}

// texts compares keywords whose values can't be compared but for being the same,
// or where changed says what another value does. What is listed stays bounded.
func (c *comparer) texts(kinds [3]Kind, keyword string, old, updated map[string]bool, changed Effect, listed bool) {
	gone, added := missing(old, updated), missing(updated, old)
	switch {
	case len(gone) > 0 && len(added) > 0:
		c.emit(kinds[2], changed, "%s was %s, is %s", keyword, names(gone), names(added))
	case len(gone) > 0 && listed:
		c.emit(kinds[2], Widens, "%s was %s, and is no longer asked for", keyword, names(gone))
	case len(gone) > 0:
		c.emit(kinds[1], Widens, "%s was %s, and is no longer asked for", keyword, names(gone))
	case len(added) > 0:
		c.emit(kinds[0], Narrows, "%s is %s now", keyword, names(added))
	}
}

// divides is the effect of another divisor.
func divides(old, updated map[string]bool) Effect {
	whole := func(a, b map[string]bool) bool {
		for x := range a {
			for y := range b {
				p, ok := new(big.Rat).SetString(x)
				q, good := new(big.Rat).SetString(y)
				return ok && good && q.Sign() != 0 && p.Quo(p, q).IsInt()
			}
		}
		return false
	}
	switch {
	case len(old) != 1 || len(updated) != 1:
		return Both
	case whole(updated, old):
		return Narrows
	case whole(old, updated):
		return Widens
	}
	return Both
}

// wider is the effect of another format: of numbers, some hold others.
func wider(old, updated map[string]bool) Effect {
	holds := func(a, b string) bool { return len(old) == 1 && len(updated) == 1 && old[a] && updated[b] }
	switch {
	case holds("int32", "int64"), holds("float", "double"):
		return Widens
	case holds("int64", "int32"), holds("double", "float"):
		return Narrows
	}
	return Both
}
