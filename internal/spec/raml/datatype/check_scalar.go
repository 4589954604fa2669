package datatype

import (
	"math/big"
	"regexp"
	"time"
	"unicode/utf8"

	"farrier.dev/farrier/internal/encoding/tree"
)

var (
	timeOnlyForm     = regexp.MustCompile(timePattern)
	datetimeOnlyForm = regexp.MustCompile(datetimePattern)
)

// The forms of times that JSON Schema has no format for.
const (
	timePattern     = `^([01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9](\.[0-9]+)?$`
	datetimePattern = `^[0-9]{4}-(0[1-9]|1[0-2])-(0[1-9]|[12][0-9]|3[01])T([01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9](\.[0-9]+)?$`
	rfc2616Pattern  = `^(Mon|Tue|Wed|Thu|Fri|Sat|Sun), (0[1-9]|[12][0-9]|3[01]) (Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec) [0-9]{4} ([01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9] GMT$`
)

func (c *checker) scalar(t *Type, v *tree.Node, way *step) {
	if c.set.options.RAML08 && (v.Is(tree.Number) || v.Is(tree.Bool) || v.Is(tree.String)) {
		v = oldScalar(t, v)
	}
	switch t.kind {
	case nilKind:
		c.must(v.Is(tree.Null), v, way, "null")
	case booleanKind:
		c.must(v.Is(tree.Bool), v, way, "true or false")
	case numberKind, integerKind:
		if c.must(v.Is(tree.Number), v, way, "a number") {
			c.number(t, v, way)
		}
	case stringKind:
		if c.must(v.Is(tree.String), v, way, "a text") {
			c.string(t, v, way)
		}
	case fileKind:
		c.must(v.Is(tree.String), v, way, "a text")
	case dateOnly, timeOnly, datetimeOnly, datetimeKind:
		if c.must(v.Is(tree.String), v, way, "a text") {
			if must := t.misdated(v.Text); must != "" {
				c.wrong(v, way, "raml-value-format", "%s is no %s: write it as %s", describe(v), t.kind, must)
			}
		}
	default:
	}
}

// oldScalar is a value as RAML 0.8 has it, where all parameters are written as
// texts.
func oldScalar(t *Type, v *tree.Node) *tree.Node {
	_, numeric := number(v.Text)
	switch {
	case t.kind&numericKinds != 0 && numeric:
		return tree.New(v, tree.Number, v.Text)
	case t.kind == booleanKind && (v.Text == "true" || v.Text == "false"):
		return tree.New(v, tree.Bool, v.Text)
	case t.kind&(numericKinds|booleanKind) == 0:
		return tree.NewText(v, v.Text)
	}
	return v
}

func (c *checker) must(ok bool, v *tree.Node, way *step, what string) bool {
	if !ok {
		c.wrong(v, way, "raml-value-type", "the value must be %s, not %s", what, describe(v))
	}
	return ok
}

// misdated is how a date is to be written when a text isn't one.
func (t *Type) misdated(text string) string {
	switch t.kind {
	case dateOnly:
		if _, err := time.Parse(time.DateOnly, text); err != nil {
			return "2015-05-23"
		}
	case timeOnly:
		if !timeOnlyForm.MatchString(text) {
			return "12:30:00"
		}
	case datetimeOnly:
		if !datetimeOnlyForm.MatchString(text) {
			return "2015-07-04T21:00:00"
		}
		if _, err := time.Parse(time.DateOnly, text[:10]); err != nil {
			return "2015-07-04T21:00:00"
		}
	default:
		if t.facets["format"].text == "rfc2616" || t.set.options.RAML08 {
			if _, err := time.Parse("Mon, 02 Jan 2006 15:04:05 GMT", text); err != nil {
				return "Sun, 28 Feb 2016 16:41:41 GMT"
			}
			return ""
		}
		if _, err := time.Parse(time.RFC3339Nano, text); err != nil {
			return "2016-02-28T16:41:41.090Z"
		}
	}
	return ""
}

func (c *checker) string(t *Type, v *tree.Node, way *step) {
	c.count(t, v, way, "Length", utf8.RuneCountInString(v.Text), "characters")
	for _, p := range t.facets["pattern"].patterns {
		if !p.match(v.Text) {
			c.wrong(v, way, "raml-value-pattern", "%s doesn't match the pattern %s", describe(v), clip(p.text))
		}
	}
}

func (c *checker) number(t *Type, v *tree.Node, way *step) {
	n, ok := number(v.Text)
	if !ok {
		return
	}
	format := t.facets["format"].text
	least, most, whole := span(format)
	if (t.kind == integerKind || whole) && !n.IsInt() {
		c.wrong(v, way, "raml-value-type", "the value must be an integer, not %s", describe(v))
		return
	}
	if whole && (n.Cmp(least) < 0 || n.Cmp(most) > 0) {
		c.wrong(v, way, "raml-value-range", "%s is beyond the format %s", describe(v), format)
	}
	if f := t.bound("minimum"); f != nil && n.Cmp(f.number) < 0 {
		c.wrong(v, way, "raml-value-range", "%s is less than the minimum %s", describe(v), f.text)
	}
	if f := t.bound("maximum"); f != nil && n.Cmp(f.number) > 0 {
		c.wrong(v, way, "raml-value-range", "%s is greater than the maximum %s", describe(v), f.text)
	}
	for _, m := range t.facets["multipleOf"].multiples {
		if !isMultiple(n, m) {
			c.wrong(v, way, "raml-value-multiple", "%s is no multiple of %s", describe(v), decimal(m))
		}
	}
}

func decimal(r *big.Rat) string {
	if r.IsInt() {
		return r.Num().String()
	}
	f, _ := r.Float64()
	return big.NewFloat(f).Text('g', 10)
}
