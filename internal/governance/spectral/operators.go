package spectral

import (
	"math"
	"strings"
	"unicode/utf16"
)

func utf16Of(text string) []uint16      { return utf16.Encode([]rune(text)) }
func textOf(units []uint16) string      { return string(utf16.Decode(units)) }
func isNil(v value) bool                { return v.kind == undefinedValue || v.kind == nullValue }
func number[T int | float64](n T) value { return numericValue(float64(n)) }

func (c *compiler) binary(op string, a, b expression) expression {
	switch op {
	case "&&":
		return func(s *scope) value {
			if v := a(s); !v.truthy() || s.thrown {
				return v
			}
			return b(s)
		}
	case "||":
		return func(s *scope) value {
			if v := a(s); v.truthy() || s.thrown {
				return v
			}
			return b(s)
		}
	case "??":
		return func(s *scope) value {
			if v := a(s); !isNil(v) || s.thrown {
				return v
			}
			return b(s)
		}
	case "==":
		return func(s *scope) value { return truthValue(equal(a(s), b(s))) }
	case "!=":
		return func(s *scope) value { return truthValue(!equal(a(s), b(s))) }
	case "===":
		return func(s *scope) value { return truthValue(same(a(s), b(s))) }
	case "!==":
		return func(s *scope) value { return truthValue(!same(a(s), b(s))) }
	case "in":
		return func(s *scope) value { return within(s, a(s), b(s)) }
	case "~=":
		return c.regexTest(a, b)
	}
	return c.compareOrCompute(op, a, b)
}

func (c *compiler) compareOrCompute(op string, a, b expression) expression {
	switch op {
	case "<":
		return func(s *scope) value { is, _ := less(a(s), b(s)); return truthValue(is) }
	case ">":
		return func(s *scope) value { x, y := a(s), b(s); is, _ := less(y, x); return truthValue(is) }
	case "<=":
		return func(s *scope) value { x, y := a(s), b(s); is, known := less(y, x); return truthValue(known && !is) }
	case ">=":
		return func(s *scope) value { is, known := less(a(s), b(s)); return truthValue(known && !is) }
	case "+":
		return func(s *scope) value { return add(s, a(s), b(s)) }
	case "-":
		return func(s *scope) value { return number(a(s).numeric() - b(s).numeric()) }
	case "*":
		return func(s *scope) value { return number(a(s).numeric() * b(s).numeric()) }
	case "/":
		return func(s *scope) value { return number(a(s).numeric() / b(s).numeric()) }
	case "%":
		return func(s *scope) value { return number(math.Mod(a(s).numeric(), b(s).numeric())) }
	}
	return c.refuse("the operator %s isn't known", op)
}

// maxText bounds the texts that expressions make.
const maxText = 1 << 20

func add(s *scope, a, b value) value {
	if a.kind <= numberValue && b.kind <= numberValue {
		return number(a.numeric() + b.numeric())
	}
	sum := a.String() + b.String()
	if len(sum) > maxText {
		s.thrown = true
		return value{}
	}
	return stringValue(sum)
}

// within is "in", which in Spectral also looks for a value in a list.
func within(s *scope, a, b value) value {
	switch {
	case b.isArray():
		for _, item := range b.items() {
			if same(item, a) {
				return truthValue(true)
			}
		}
		return truthValue(false)
	case b.kind == nodeValue:
		return truthValue(b.node.Get(a.String()) != nil)
	case b.kind == textValue:
		return truthValue(strings.Contains(b.text, a.String()))
	}
	s.thrown = true
	return value{}
}

func (c *compiler) regexTest(a, b expression) expression {
	pattern := b(&scope{})
	if pattern.kind != textValue {
		return c.refuse("a text with a regular expression stands behind ~=")
	}
	re, err := compileRegex(pattern.text, "")
	if err != nil {
		return c.refuse("%w", err)
	}
	return func(s *scope) value { return truthValue(testRegex(s, re, a(s))) }
}

// testRegex says whether the expression matches; one that takes too long makes
// the rule fail.
func testRegex(s *scope, re *regex, v value) bool {
	is, err := re.match(v.String())
	if err != nil {
		s.err = err
	}
	return is
}

// method is one that texts or lists have.
type method func(s *scope, self value, arguments []value) value

// methods are those that expressions may call; it is never changed.
var methods = map[string]method{
	"match":       func(s *scope, self value, a []value) value { return match(s, self, a) },
	"test":        func(s *scope, self value, a []value) value { return test(s, self, argument(a, 0)) },
	"search":      func(s *scope, self value, a []value) value { return search(s, self, a) },
	"includes":    includes,
	"indexOf":     indexOf,
	"startsWith":  textMethod(func(t string, a []value) value { return truthValue(strings.HasPrefix(t, argument(a, 0).String())) }),
	"endsWith":    textMethod(func(t string, a []value) value { return truthValue(strings.HasSuffix(t, argument(a, 0).String())) }),
	"toLowerCase": textMethod(func(t string, _ []value) value { return stringValue(strings.ToLower(t)) }),
	"toUpperCase": textMethod(func(t string, _ []value) value { return stringValue(strings.ToUpper(t)) }),
	"trim":        textMethod(func(t string, _ []value) value { return stringValue(strings.TrimSpace(t)) }),
	"charAt":      textMethod(func(t string, a []value) value { return stringValue(slice(t, integer(a, 0, 0), integer(a, 0, 0)+1)) }),
	"slice": textMethod(func(t string, a []value) value {
		return stringValue(slice(t, integer(a, 0, 0), integer(a, 1, math.MaxInt32)))
	}),
	"substring": textMethod(func(t string, a []value) value {
		return stringValue(slice(t, max(0, integer(a, 0, 0)), max(0, integer(a, 1, math.MaxInt32))))
	}),
	"split":    textMethod(split),
	"concat":   func(s *scope, self value, a []value) value { return add(s, stringValue(self.String()), argument(a, 0)) },
	"toString": func(_ *scope, self value, _ []value) value { return stringValue(self.String()) },
	"isArray":  func(_ *scope, _ value, a []value) value { return truthValue(argument(a, 0).isArray()) },
	"keys":     keys,
	"join":     join,
	"hasOwnProperty": func(_ *scope, self value, a []value) value {
		return truthValue(self.kind == nodeValue && self.node.Step(argument(a, 0).String()) != nil)
	},
}

func argument(a []value, i int) value {
	if i < len(a) {
		return a[i]
	}
	return value{}
}

func integer(a []value, i, missing int) int {
	v := argument(a, i)
	if v.kind == undefinedValue {
		return missing
	}
	f := v.numeric()
	if math.IsNaN(f) {
		return 0
	}
	return int(max(math.MinInt32, min(math.MaxInt32, f)))
}

func slice(text string, from, to int) string {
	units := utf16Of(text)
	from, to = bound(from, len(units)), bound(to, len(units))
	if from >= to {
		return ""
	}
	return textOf(units[from:to])
}

// textMethod is a method that only texts have.
func textMethod(run func(text string, a []value) value) method {
	return func(s *scope, self value, a []value) value {
		if self.kind != textValue {
			s.thrown = true
			return value{}
		}
		return run(self.text, a)
	}
}

func split(text string, a []value) value {
	by := argument(a, 0)
	if by.kind != textValue {
		return value{kind: listValue, list: []value{stringValue(text)}}
	}
	parts := strings.Split(text, by.text)
	out := value{kind: listValue, list: make([]value, len(parts))}
	for i, p := range parts {
		out.list[i] = stringValue(p)
	}
	return out
}

func includes(s *scope, self value, a []value) value {
	switch {
	case self.isArray():
		return within(s, argument(a, 0), self)
	case self.kind == textValue:
		return truthValue(strings.Contains(self.text, argument(a, 0).String()))
	}
	s.thrown = true
	return value{}
}

func indexOf(s *scope, self value, a []value) value {
	switch {
	case self.isArray():
		for i, item := range self.items() {
			if same(item, argument(a, 0)) {
				return number(i)
			}
		}
		return number(-1)
	case self.kind == textValue:
		before, _, found := strings.Cut(self.text, argument(a, 0).String())
		if !found {
			return number(-1)
		}
		return number(len(utf16Of(before)))
	}
	s.thrown = true
	return value{}
}

func keys(s *scope, _ value, a []value) value {
	v := argument(a, 0)
	if isNil(v) {
		s.thrown = true
		return value{}
	}
	out := value{kind: listValue}
	for _, m := range v.node.Fields() {
		out.list = append(out.list, stringValue(m.Name))
	}
	return out
}

func join(s *scope, self value, a []value) value {
	if !self.isArray() {
		s.thrown = true
		return value{}
	}
	by := ","
	if v := argument(a, 0); v.kind != undefinedValue {
		by = v.String()
	}
	return stringValue(joinValues(self.items(), by))
}

// regexOf is a regular expression, or the text of one.
func regexOf(s *scope, v value) *regex {
	if v.kind == regexValue {
		return v.regex
	}
	re, err := compileRegex(v.String(), "")
	if err != nil {
		s.thrown = true
	}
	return re
}

func match(s *scope, self value, a []value) value {
	if self.kind != textValue {
		s.thrown = true
		return value{}
	}
	re := regexOf(s, argument(a, 0))
	if re == nil || !testRegex(s, re, self) {
		return value{kind: nullValue}
	}
	// Only whether there is a match is ever asked for.
	return value{kind: listValue, list: []value{self}}
}

func test(s *scope, self, text value) value {
	if self.kind != regexValue {
		s.thrown = true
		return value{}
	}
	return truthValue(testRegex(s, self.regex, text))
}

func search(s *scope, self value, a []value) value {
	if m := match(s, self, a); m.kind == listValue {
		return number(0)
	}
	return number(-1)
}
