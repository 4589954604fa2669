package jsonschema

import (
	"fmt"
	"math/big"
	"strconv"
	"unicode/utf8"

	"farrier.dev/farrier/internal/encoding/tree"
)

// pair is a value held against a schema.
type pair struct{ schema, value *tree.Node }

// checker holds one value against a schema.
type checker struct {
	s        *Schema
	problems []Problem
	steps    int
	// known are the outcomes of trials; open those that wait for themselves.
	known map[pair]bool
	open  map[pair]bool
}

// Check says what is wrong with a value, at most 20 things. It ends early, without
// problems, on values and schemas that cost too much; then complete is false.
// Left is how many steps it may take, at most 200000, and is diminished.
func (s *Schema) Check(value *tree.Node, left *int) (problems []Problem, complete bool) {
	c := &checker{s: s, known: map[pair]bool{}, open: map[pair]bool{}, steps: maxSteps - min(*left, maxSteps)}
	begun := c.steps
	c.check(s.root, value, "", 0)
	*left -= c.steps - begun
	if c.steps > maxSteps {
		return nil, false
	}
	return c.problems, true
}

func (c *checker) wrong(at *tree.Node, way, format string, args ...any) {
	if len(c.problems) < maxProblems {
		c.problems = append(c.problems, Problem{at, way, fmt.Sprintf(format, args...)})
	}
}

// fits says whether a value is as a schema says.
func (c *checker) fits(p place, v *tree.Node, depth int) bool {
	key := pair{p.node, v}
	if ok, known := c.known[key]; known {
		return ok
	}
	before := c.problems
	c.problems = nil
	c.check(p, v, "", depth)
	ok := len(c.problems) == 0
	c.problems = before
	c.known[key] = ok
	return ok
}

func (c *checker) check(p place, v *tree.Node, way string, depth int) {
	n := p.node
	if c.steps++; depth > maxDepth {
		c.steps = maxSteps + 1
	}
	if c.steps > maxSteps || v == nil {
		return
	}
	if n.Is(tree.Bool) {
		if !n.IsTrue() {
			c.wrong(v, way, "no value is allowed here")
		}
		return
	}
	if ref := n.Get("$ref"); ref.Is(tree.String) {
		key := pair{n, v}
		found, err := c.s.target(p, ref)
		if err != nil || c.open[key] {
			return
		}
		c.open[key] = true
		c.check(found, v, way, depth+1)
		delete(c.open, key)
		return
	}
	c.general(p, v, way, depth)
	c.combined(p, v, way, depth)
	switch v.Kind {
	case tree.Object:
		c.object(p, v, way, depth)
	case tree.Array:
		c.array(p, v, way, depth)
	case tree.String:
		c.text(n, v, way)
	case tree.Number:
		c.number(n, v, way)
	case tree.Null, tree.Bool, tree.Include:
	}
}

func (c *checker) general(p place, v *tree.Node, way string, depth int) {
	n := p.node
	if t := n.Get("type"); t != nil && !c.hasType(p, t, v, depth) {
		c.wrong(v, way, "the value must be of type %s", typeNames(t))
	}
	if t := n.Get("disallow"); t != nil && c.hasType(p, t, v, depth) {
		c.wrong(v, way, "the value must not be of type %s", typeNames(t))
	}
	if e := n.Get("enum"); e != nil && !c.s.enum(e)[Written(v)] {
		c.wrong(v, way, "the value is none of the enum of the schema")
	}
	if k := n.Get("const"); k != nil && !equal(k, v) {
		c.wrong(v, way, "the value is not the only one that the schema allows")
	}
}

func typeNames(t *tree.Node) string {
	if !t.Is(tree.Array) {
		return t.Str()
	}
	out := ""
	for i, item := range t.Items {
		if i > 0 {
			out += " or "
		}
		out += item.Str()
	}
	return clip(out)
}

func (c *checker) hasType(p place, t, v *tree.Node, depth int) bool {
	switch {
	case t.Is(tree.Array):
		for _, item := range t.Items {
			if c.hasType(p, item, v, depth) {
				return true
			}
		}
		return false
	case t.Is(tree.Object):
		return c.fits(place{t, p.document}, v, depth+1)
	}
	switch t.Str() {
	case "array":
		return v.Is(tree.Array)
	case "boolean":
		return v.Is(tree.Bool)
	case "integer":
		r, ok := Number(v.Text)
		return v.Is(tree.Number) && ok && r.IsInt()
	case "null":
		return v.Is(tree.Null)
	case "number":
		return v.Is(tree.Number)
	case "object":
		return v.Is(tree.Object)
	case "string":
		return v.Is(tree.String)
	}
	return true
}

func (c *checker) combined(p place, v *tree.Node, way string, depth int) {
	n, at := p.node, func(n *tree.Node) place { return place{n, p.document} }
	for _, keyword := range []string{"allOf", "extends"} {
		all := n.Get(keyword)
		for _, inner := range all.List() {
			c.check(at(inner), v, way, depth+1)
		}
		if keyword == "extends" && all.Is(tree.Object) {
			c.check(at(all), v, way, depth+1)
		}
	}
	if any := n.Get("anyOf"); any != nil && c.matching(p, any, v, depth) == 0 {
		c.wrong(v, way, "the value fits none of anyOf")
	}
	if one := n.Get("oneOf"); one != nil {
		if fits := c.matching(p, one, v, depth); fits != 1 {
			c.wrong(v, way, "the value fits %d of oneOf, but must fit exactly one", fits)
		}
	}
	if not := n.Get("not"); not != nil && c.fits(at(not), v, depth+1) {
		c.wrong(v, way, "the value is what the schema excludes by not")
	}
	if cond := n.Get("if"); cond != nil {
		branch := "else"
		if c.fits(at(cond), v, depth+1) {
			branch = "then"
		}
		if inner := n.Get(branch); inner != nil {
			c.check(at(inner), v, way, depth+1)
		}
	}
}

func (c *checker) matching(p place, list, v *tree.Node, depth int) int {
	count := 0
	for _, inner := range list.Items {
		if c.fits(place{inner, p.document}, v, depth+1) {
			count++
		}
	}
	return count
}

func (c *checker) object(p place, v *tree.Node, way string, depth int) {
	n := p.node
	c.count(n, v, way, "Properties", len(v.Members))
	c.steps += (len(n.Get("required").List()) + len(n.Get("properties").Fields())) / 16
	for _, name := range n.Get("required").List() {
		if v.Member(name.Str()) == nil {
			c.wrong(v, way, "the property %s is required, but missing", clip(name.Str()))
		}
	}
	properties := n.Get("properties")
	for i := range properties.Fields() {
		m := &properties.Members[i]
		if m.Value.Get("required").IsTrue() && v.Member(m.Name) == nil {
			c.wrong(v, way, "the property %s is required, but missing", clip(m.Name))
		}
	}
	c.steps += len(v.Members) * len(n.Get("patternProperties").Fields()) / 4
	names, additional := n.Get("propertyNames"), n.Get("additionalProperties")
	for i := range v.Members {
		m := &v.Members[i]
		inner, known := join(way, m.Name), false
		if s := properties.Get(m.Name); s != nil {
			known = true
			c.check(place{s, p.document}, m.Value, inner, depth+1)
		}
		for _, s := range n.Get("patternProperties").Fields() {
			if match, err := c.s.pattern(s.Name); err == nil && match(m.Name) {
				known = true
				c.check(place{s.Value, p.document}, m.Value, inner, depth+1)
			}
		}
		switch {
		case known || additional == nil:
		case additional.Is(tree.Bool) && !additional.IsTrue():
			c.wrong(m.Value, way, "the schema has no property %s and allows no further ones", clip(m.Name))
		default:
			c.check(place{additional, p.document}, m.Value, inner, depth+1)
		}
		if names != nil && !c.fits(place{names, p.document}, tree.NewText(m.Value, m.Name), depth+1) {
			c.wrong(m.Value, way, "the name %s is not as propertyNames says", clip(m.Name))
		}
	}
	c.dependencies(p, v, way, depth)
}

func (c *checker) dependencies(p place, v *tree.Node, way string, depth int) {
	for _, m := range p.node.Get("dependencies").Fields() {
		if v.Member(m.Name) == nil {
			continue
		}
		needed := m.Value.List()
		if m.Value.Is(tree.String) {
			needed = []*tree.Node{m.Value}
		}
		for _, name := range needed {
			if v.Member(name.Str()) == nil {
				c.wrong(v, way, "the property %s needs %s beside it", clip(m.Name), clip(name.Str()))
			}
		}
		if m.Value.Is(tree.Object) || m.Value.Is(tree.Bool) {
			c.check(place{m.Value, p.document}, v, way, depth+1)
		}
	}
}

func (c *checker) array(p place, v *tree.Node, way string, depth int) {
	n := p.node
	c.count(n, v, way, "Items", len(v.Items))
	if n.Get("uniqueItems").IsTrue() && duplicate(v.Items) {
		c.wrong(v, way, "the items must be unique")
	}
	items, additional := n.Get("items"), n.Get("additionalItems")
	for i, item := range v.Items {
		inner := way + "[" + strconv.Itoa(i) + "]"
		switch {
		case items == nil:
		case !items.Is(tree.Array):
			c.check(place{items, p.document}, item, inner, depth+1)
		case i < len(items.Items):
			c.check(place{items.Items[i], p.document}, item, inner, depth+1)
		case additional != nil:
			c.check(place{additional, p.document}, item, inner, depth+1)
		}
	}
	contains := n.Get("contains")
	if contains == nil {
		return
	}
	for _, item := range v.Items {
		if c.fits(place{contains, p.document}, item, depth+1) {
			return
		}
	}
	c.wrong(v, way, "no item is as contains says")
}

func (c *checker) text(n, v *tree.Node, way string) {
	c.count(n, v, way, "Length", utf8.RuneCountInString(v.Text))
	if p := n.Get("pattern"); p.Is(tree.String) {
		if match, err := c.s.pattern(p.Text); err == nil && !match(v.Text) {
			c.wrong(v, way, "the text doesn't match %s", clip(p.Text))
		}
	}
}

func (c *checker) count(n, v *tree.Node, way, suffix string, count int) {
	have := new(big.Rat).SetInt64(int64(count))
	if least, ok := Number(n.Get("min" + suffix).Str()); ok && have.Cmp(least) < 0 {
		c.wrong(v, way, "min%s is %s, but there are only %d", suffix, least.RatString(), count)
	}
	if most, ok := Number(n.Get("max" + suffix).Str()); ok && have.Cmp(most) > 0 {
		c.wrong(v, way, "max%s is %s, but there are %d", suffix, most.RatString(), count)
	}
}

func (c *checker) number(n, v *tree.Node, way string) {
	have, ok := Number(v.Text)
	if !ok {
		return
	}
	for _, side := range []struct {
		bound, exclusive string
		sign             int
		words            string
	}{{"minimum", "exclusiveMinimum", -1, "less"}, {"maximum", "exclusiveMaximum", 1, "greater"}} {
		exclusive := n.Get(side.exclusive)
		if bound, ok := Number(n.Get(side.bound).Str()); ok {
			if d := have.Cmp(bound); d == side.sign || d == 0 && exclusive.IsTrue() {
				c.wrong(v, way, "the number is %s than %s %s allows", side.words, side.bound, bound.RatString())
			}
		}
		if bound, ok := Number(exclusive.Str()); ok && have.Cmp(bound) != -side.sign {
			c.wrong(v, way, "the number is %s than %s %s allows", side.words, side.exclusive, bound.RatString())
		}
	}
	for _, keyword := range []string{"multipleOf", "divisibleBy"} {
		if step, ok := Number(n.Get(keyword).Str()); ok && step.Sign() != 0 && !new(big.Rat).Quo(have, step).IsInt() {
			c.wrong(v, way, "the number is no multiple of %s", step.RatString())
		}
	}
}

func join(way, name string) string {
	switch {
	case len(way) > 100:
		return way
	case way == "":
		return clip(name)
	}
	return way + "." + clip(name)
}
