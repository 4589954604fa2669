package datatype

import (
	"strconv"
	"strings"

	"farrier.dev/farrier/internal/encoding/tree"
	"farrier.dev/farrier/internal/encoding/xmltext"
	"farrier.dev/farrier/internal/spec"
	"farrier.dev/farrier/internal/spec/raml/datatype/jsonschema"
)

// Limits of values.
const (
	// maxSteps is how many values are held against types in one check.
	maxSteps = 100_000
	// maxTold is how many problems one value has.
	maxTold = 20
)

// trial is a value held against one of several types.
type trial struct {
	t     *Type
	value *tree.Node
}

// step is a member or item on the way to a value.
type step struct {
	name  string
	above *step
}

// String is the way to a value, as "items[0].name"; empty for the value itself.
func (s *step) String() string {
	var names []string
	for ; s != nil; s = s.above {
		names = append(names, s.name)
	}
	var b strings.Builder
	for i := len(names) - 1; i >= 0; i-- {
		if b.Len() > 0 && !strings.HasPrefix(names[i], "[") {
			b.WriteByte('.')
		}
		b.WriteString(names[i])
	}
	return clip(b.String())
}

// checker holds one value against its type.
type checker struct {
	set *Set
	// at is where problems are told of, nil where the value stands.
	at       *tree.Node
	problems []spec.Problem
	steps    int
	// known are the outcomes of trials.
	known map[trial]bool
	// loose looks for nothing but discriminators that name no type.
	loose bool
	// skipEnum is a type whose enum is not looked at: its values are judged.
	skipEnum *Type
}

// Check says what is wrong with a value of the type: a value of YAML, or a text
// that holds JSON or XML.
func (t *Type) Check(value *tree.Node) []spec.Problem {
	t.resolve()
	c := &checker{set: t.set}
	c.check(t, value)
	return c.problems
}

// report adds what is wrong with a value to the problems of the set.
func (s *Set) report(t *Type, value *tree.Node) {
	c := &checker{set: s}
	c.check(t, value)
	s.adopt(c)
}

func (s *Set) adopt(c *checker) {
	for _, p := range c.problems {
		s.add(p)
	}
}

// accepts says whether a value is of a type.
func (s *Set) accepts(t *Type, value *tree.Node) bool {
	c := &checker{set: s}
	return c.fits(t, value)
}

func (c *checker) wrong(n *tree.Node, way *step, rule, format string, args ...any) {
	if c.loose && rule != "raml-value-discriminator" || len(c.problems) >= maxTold {
		return
	}
	if c.at != nil {
		n = c.at
	}
	p := spec.ProblemAt(n, rule, format, args...)
	if where := way.String(); where != "" {
		p.Message = where + ": " + p.Message
	}
	c.problems = append(c.problems, p)
}

// fits says whether a value is of a type, telling nothing.
func (c *checker) fits(t *Type, value *tree.Node) bool {
	key := trial{t, value}
	if ok, known := c.known[key]; known {
		return ok
	}
	if c.known == nil {
		c.known = map[trial]bool{}
	}
	inner := &checker{set: c.set, at: c.at, steps: c.steps, skipEnum: c.skipEnum, known: c.known}
	inner.value(t, value, nil)
	c.steps = inner.steps
	ok := true
	for _, p := range inner.problems {
		ok = ok && p.Warning
	}
	c.known[key] = ok
	return ok
}

// check holds a whole value against a type.
func (c *checker) check(t *Type, value *tree.Node) {
	t.resolve()
	if value == nil || value.Is(tree.Include) || t.broken {
		return
	}
	if value.Is(tree.String) && c.text(t, value) {
		return
	}
	c.value(t, value, nil)
}

// text holds a text that may be a document against a type that is no text; false
// when it is to be taken as it is.
func (c *checker) text(t *Type, value *tree.Node) bool {
	if t.kind == externalKind {
		c.external(t, value, nil)
		return true
	}
	kinds := kind(0)
	for _, a := range t.flat(nil) {
		kinds |= a.kind
	}
	text := strings.TrimSpace(value.Text)
	if isIncluded(value) && kinds&(numericKinds|booleanKind|nilKind) != 0 {
		kinds |= arrayKind
	}
	if kinds&(objectKind|arrayKind) == 0 || kinds&(anyKind|externalKind) != 0 {
		return false
	}
	if strings.HasPrefix(text, "<") && kinds&stringKind == 0 {
		if err := xmltext.Valid([]byte(text), xmlLimits()); err != nil {
			c.wrong(value, nil, "raml-value-xml", "the value is not well-formed XML: %v", err)
		}
		return true
	}
	if kinds&stringKind != 0 && c.fits(t, value) {
		return true
	}
	document := strings.HasPrefix(text, "{") || strings.HasPrefix(text, "[")
	if !document && !isIncluded(value) {
		return false
	}
	parsed, err := readJSON(value)
	if err != nil && !document {
		return false
	}
	if err != nil {
		c.wrong(value, nil, "raml-value-json", "the value is no JSON: %v", err)
		return true
	}
	if !isIncluded(value) {
		c.at = value
	}
	c.value(t, parsed, nil)
	return true
}

// value holds a value against a type.
func (c *checker) value(t *Type, v *tree.Node, way *step) {
	t.resolve()
	if t.broken || v.Is(tree.Include) || len(c.problems) >= maxTold {
		return
	}
	if !c.spend(1, v) {
		return
	}
	switch t.kind {
	case anyKind:
	case unionKind:
		c.union(t, v, way)
		return
	case externalKind:
		c.external(t, v, way)
		return
	case objectKind:
		c.object(t, v, way)
	case arrayKind:
		c.array(t, v, way)
	default:
		c.scalar(t, v, way)
	}
	if enum, ok := t.facets["enum"]; ok && !c.skips(t) {
		text := jsonschema.Written(v)
		c.spend(len(text)/64, v)
		if !enum.set[text] {
			c.wrong(v, way, "raml-value-enum", "the value is none of %s", listed(enum.list))
		}
	}
}

// spend uses up some of what a value may cost.
func (c *checker) spend(n int, v *tree.Node) bool {
	c.steps += n
	c.set.steps -= n
	if c.steps < maxSteps && c.set.steps > 0 {
		return true
	}
	if len(c.problems) == 0 {
		p := spec.ProblemAt(v, "raml-value-too-complex", "the value is too large to be held against its type as a whole")
		p.Warning = true
		c.problems = append(c.problems, p)
	}
	return false
}

// skips says whether the enum of a type is the one whose values are judged.
func (c *checker) skips(t *Type) bool {
	return c.skipEnum != nil && (t == c.skipEnum || t.part && t.own == c.skipEnum.own)
}

func listed(values []*tree.Node) string {
	var b strings.Builder
	for i, v := range values {
		if i > 0 {
			b.WriteString(", ")
		}
		if i == 8 {
			b.WriteString("…")
			break
		}
		b.WriteString(describe(v))
	}
	return b.String()
}

// describe is a value as people are told of it.
func describe(v *tree.Node) string {
	switch v.Kind {
	case tree.String:
		return strconv.Quote(clip(v.Text))
	case tree.Number, tree.Bool:
		return clip(v.Text)
	case tree.Null, tree.Array, tree.Object, tree.Include:
	}
	return v.Kind.String()
}

// union holds a value against each alternative; when one alone takes values of
// its kind, its problems are told.
func (c *checker) union(t *Type, v *tree.Node, way *step) {
	var like *Type
	several := false
	for _, a := range t.alternatives {
		if c.fits(a, v) {
			return
		}
		a.resolve()
		if a.kind&kindsOf(v) != 0 {
			several = several || like != nil
			like = a
		}
	}
	if like != nil && !several {
		c.value(like, v, way)
		return
	}
	c.wrong(v, way, "raml-value-union", "the value, %s, is of none of the types of the union %s", describe(v), clip(t.title()))
}

// kindsOf are the families that a value may be of.
func kindsOf(v *tree.Node) kind {
	switch v.Kind {
	case tree.Null:
		return nilKind | anyKind
	case tree.Bool:
		return booleanKind | anyKind
	case tree.Number:
		return numericKinds | anyKind
	case tree.String:
		return stringKind | dateOnly | timeOnly | datetimeOnly | datetimeKind | fileKind | anyKind
	case tree.Array:
		return arrayKind | anyKind
	case tree.Object:
		return objectKind | anyKind
	case tree.Include:
	}
	return allKinds
}

func (c *checker) array(t *Type, v *tree.Node, way *step) {
	if !v.Is(tree.Array) {
		c.wrong(v, way, "raml-value-type", "the value must be a list, not %s", describe(v))
		return
	}
	c.count(t, v, way, "Items", len(v.Items), "items")
	if f := t.facets["uniqueItems"]; f.flag {
		again, cost := duplicate(v.Items)
		c.spend(cost/64, v)
		if again != nil {
			c.wrong(again, way, "raml-value-unique", "the item %s stands in the list before, but items must be unique", describe(again))
		}
	}
	if t.items == nil {
		return
	}
	for i, item := range v.Items {
		c.value(t.items, item, &step{"[" + strconv.Itoa(i) + "]", way})
	}
}

// count holds a number of items, properties or characters against its bounds.
func (c *checker) count(t *Type, v *tree.Node, way *step, suffix string, n int, what string) {
	if f := t.bound("min" + suffix); f != nil && cmpInt(n, f) < 0 {
		c.wrong(v, way, "raml-value-"+strings.ToLower(suffix), "the value has %d %s, but at least %s are needed", n, what, f.text)
	}
	if f := t.bound("max" + suffix); f != nil && cmpInt(n, f) > 0 {
		c.wrong(v, way, "raml-value-"+strings.ToLower(suffix), "the value has %d %s, but at most %s are allowed", n, what, f.text)
	}
}
