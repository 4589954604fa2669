package schema

import (
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
)

// schema compiles a schema that stands inside another.
func (s *Set) schema(v any, depth int) (*node, error) {
	if m, ok := v.(map[string]any); ok && len(m) == 1 {
		if ref, ok := m["$ref"].(string); ok {
			return s.reference(ref)
		}
	}
	n := new(node)
	return n, s.fill(n, v, depth)
}

// maxNesting is how deeply schemas may be written inside one another.
const maxNesting = 500

// fill compiles a schema into a node.
func (s *Set) fill(n *node, v any, depth int) error {
	n.types = anyType
	m, ok := v.(map[string]any)
	switch truth, is := v.(bool); {
	case is:
		n.never, n.open = !truth, truth
		return nil
	case !ok:
		return errors.New("a schema must be an object or a boolean")
	case depth > maxNesting:
		return errors.New("schemas are nested too deeply")
	}
	c := compiler{set: s, from: m, depth: depth + 1}
	n.types, n.names = c.types()
	n.values = c.values()
	n.text, n.number = c.texts(), c.numbers()
	n.array, n.object, n.more = c.arrays(), c.objects(), c.applied()
	n.open = n.types == anyType && n.values == nil && n.text == nil && n.number == nil &&
		n.array == nil && n.object == nil && n.more == nil
	return c.err
}

// compiler reads the keywords of one schema. The first error is kept.
type compiler struct {
	set   *Set
	from  map[string]any
	depth int
	err   error
}

func (c *compiler) wrong(keyword string, want string) {
	if c.err == nil {
		c.err = fmt.Errorf("%s must be %s", keyword, want)
	}
}

func (c *compiler) failed(keyword string, err error) {
	if c.err == nil && err != nil {
		c.err = fmt.Errorf("%s: %w", keyword, err)
	}
}

var typeNames = [...]string{"null", "boolean", "number", "integer", "string", "array", "object"}

func (c *compiler) types() (types, []string) {
	var list []any
	switch t := c.from["type"].(type) {
	case string:
		list = []any{t}
	case []any:
		list = t
	default:
		if _, ok := c.from["type"]; ok {
			c.wrong("type", "the name of a type, or a list of them")
		}
		return anyType, nil
	}
	var all types
	for _, v := range list {
		name, _ := v.(string)
		at := slices.Index(typeNames[:], name)
		if at < 0 {
			c.wrong("type", strings.Join(typeNames[:], ", "))
			return anyType, nil
		}
		all |= 1 << at
	}
	var names []string
	for i, name := range typeNames {
		if all&(1<<i) != 0 {
			names = append(names, name)
		}
	}
	return all, names
}

func (c *compiler) values() *values {
	v := &values{}
	list, ok := c.from["enum"].([]any)
	if one, is := c.from["const"]; is {
		if ok {
			// Both demand: what neither allows is left out.
			list = slices.DeleteFunc(slices.Clone(list), func(other any) bool { return !same(one, other) })
		} else {
			list, ok = []any{one}, true
		}
		v.only = true
	}
	if _, is := c.from["enum"]; is && !ok {
		c.wrong("enum", "a list of values")
	}
	if !ok {
		return nil
	}
	for _, one := range list {
		switch one := one.(type) {
		case nil:
			v.null = true
		case bool:
			v.truth[index(one)] = true
		case string:
			if v.texts == nil {
				v.texts = map[string]bool{}
			}
			v.texts[one] = true
		case json.Number:
			n, err := numberOf(one)
			c.failed("enum", err)
			v.numbers = append(v.numbers, n)
		default:
			if v.in == nil {
				v.in = &Document{}
			}
			v.others = append(v.others, int32(len(v.in.items))) //nolint:gosec // less than the description is long
			c.failed("enum", v.in.Add(one))
		}
	}
	return v
}

// same says whether two values as they are unmarshalled are equal.
func same(a, b any) bool {
	var left, right Document
	return left.Add(a) == nil && right.Add(b) == nil && left.equal(0, &right, 0)
}

func index(truth bool) int {
	if truth {
		return 1
	}
	return 0
}

var errNoNumber = errors.New("this is no number")

func numberOf(text json.Number) (decimal, error) {
	if _, err := strconv.ParseFloat(string(text), 64); errors.Is(err, strconv.ErrSyntax) {
		return decimal{}, errNoNumber
	}
	if err := CheckNumber(string(text)); err != nil {
		return decimal{}, err
	}
	return decimalOf([]byte(text)), nil
}

// count reads a limit of a size, -1 for none.
func (c *compiler) count(keyword string) int32 {
	v, ok := c.from[keyword]
	if !ok {
		return -1
	}
	text, _ := v.(json.Number)
	n, err := numberOf(text)
	if err != nil || n.negative || !n.whole() {
		c.wrong(keyword, "a whole number from 0")
		return -1
	}
	if most := decimalOf([]byte(strconv.Itoa(math.MaxInt32))); n.compare(most) > 0 {
		return math.MaxInt32
	}
	size, err := strconv.ParseFloat(string(text), 64)
	c.failed(keyword, err)
	return int32(size)
}

func (c *compiler) texts() *textRules {
	t := &textRules{least: c.count("minLength"), most: c.count("maxLength")}
	if v, ok := c.from["pattern"]; ok {
		text, is := v.(string)
		if !is {
			c.wrong("pattern", "a text")
		}
		p, err := CompilePattern(text)
		c.failed("pattern", err)
		t.patterns = append(t.patterns, p)
	}
	if f := c.format(); f != nil && f.text != nil {
		t.format = f
	}
	if t.least <= 0 && t.most < 0 && t.patterns == nil && t.format == nil {
		return nil
	}
	return t
}

func (c *compiler) format() *format {
	name, ok := c.from["format"].(string)
	if _, is := c.from["format"]; is && !ok {
		c.wrong("format", "a text")
	}
	return formatNamed(name)
}

func (c *compiler) numbers() *numberRules {
	r := &numberRules{}
	for _, k := range [...]struct {
		keyword   string
		side      int
		exclusive bool
	}{{"minimum", -1, false}, {"maximum", 1, false}, {"exclusiveMinimum", -1, true}, {"exclusiveMaximum", 1, true}} {
		if n, text, ok := c.number(k.keyword); ok {
			r.bounds = append(r.bounds, bound{n, k.side, k.exclusive, text})
		}
	}
	if n, text, ok := c.number("multipleOf"); ok {
		if n.zero() || n.negative {
			c.wrong("multipleOf", "more than 0")
			return nil
		}
		r.steps = append(r.steps, step{n, text})
	}
	if f := c.format(); f != nil && f.number != nil {
		r.format = f
	}
	if r.bounds == nil && r.steps == nil && r.format == nil {
		return nil
	}
	return r
}

func (c *compiler) number(keyword string) (decimal, string, bool) {
	v, ok := c.from[keyword]
	if !ok {
		return decimal{}, "", false
	}
	text, _ := v.(json.Number)
	n, err := numberOf(text)
	if err != nil {
		c.wrong(keyword, "a number")
	}
	return n, string(text), err == nil
}
