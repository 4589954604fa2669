package dataweave

import (
	"errors"
	"fmt"
	"math"
	"math/big"
	"strconv"
	"strings"
	"time"
)

func scriptNumberFunctions() []builtin {
	one := func(name string, apply func(c *arguments) (Value, error)) builtin {
		return builtin{name: name, module: moduleCore, min: 1, max: 1, apply: nullable(apply)}
	}
	coercion := func(name string, cast func(v Value) (Value, error)) builtin {
		return builtin{name: name, module: moduleCoercions, min: 1, max: 1, apply: func(c *arguments) (Value, error) { return cast(noted(c.v[0], nil)) }}
	}
	return []builtin{
		one("round", rounded(math.Round)), one("floor", rounded(math.Floor)), one("ceil", rounded(math.Ceil)), one("abs", absolute),
		one("isEven", parity(0)), one("isOdd", parity(1)), one("isInteger", isInteger),
		{name: "mod", module: moduleCore, min: 2, max: 2, apply: mod},
		coercion("toNumber", castNumber), coercion("toBoolean", castBoolean),
	}
}

func sum(c *arguments) (Value, error) {
	list, err := c.array()
	if err != nil {
		return Value{}, err
	}
	return c.total(list)
}

func (c *arguments) total(list []Value) (Value, error) {
	total := Number(0)
	for _, item := range list {
		if err := c.r.spend(1); err != nil {
			return Value{}, err
		}
		var err error
		if item, err = number(item); err != nil {
			return Value{}, err
		}
		if total, err = c.r.calculate('+', total, item); err != nil {
			return Value{}, err
		}
	}
	return total, nil
}

func avg(c *arguments) (Value, error) {
	total, err := sum(c)
	if err != nil {
		return Value{}, err
	}
	return c.r.calculate('/', total, position(len(elements(c.v[0]))))
}

func rounded(round func(float64) float64) func(c *arguments) (Value, error) {
	return func(c *arguments) (Value, error) {
		n, err := number(c.v[0])
		if err != nil || n.num == math.Trunc(n.num) {
			return n, err
		}
		return Number(round(n.num)), nil
	}
}

func absolute(c *arguments) (Value, error) {
	n, err := number(c.v[0])
	if err != nil || n.num >= 0 {
		return n, err
	}
	return c.r.calculate('-', Number(0), n)
}

func mod(c *arguments) (Value, error) {
	a, err := number(c.v[0])
	if err != nil {
		return Value{}, err
	}
	b, err := number(c.v[1])
	if err != nil {
		return Value{}, err
	}
	if b.num == 0 {
		return Value{}, errors.New("divides by 0")
	}
	return finite(math.Mod(a.num, b.num))
}

func parity(odd float64) func(c *arguments) (Value, error) {
	return func(c *arguments) (Value, error) {
		n, err := number(c.v[0])
		return Bool(math.Abs(math.Mod(n.num, 2)) == odd), err
	}
}

func isInteger(c *arguments) (Value, error) {
	n, err := number(c.v[0])
	return Bool(n.num == math.Trunc(n.num)), err
}

// format is the pattern of a cast to String: of a Number, as "#,##0.00", or of
// a date that is written as text, as "yyyy-MM-dd".
type format struct {
	layout string // of a date, as of package time
	// of a Number
	whole, least, most, group int
}

// compileFormat reads a pattern.
func compileFormat(pattern string) (*format, error) {
	if strings.ContainsAny(pattern, "yMdHhms") {
		layout, err := dateLayout(pattern)
		return &format{layout: layout}, err
	}
	whole, fraction, _ := strings.Cut(pattern, ".")
	if pattern == "" || strings.Trim(whole, "#,0") != "" || strings.Trim(fraction, "#0") != "" || len(pattern) > maxScalar {
		return nil, errors.New(`the format is not supported; write a Number's as "#,##0.00" and a date's as "yyyy-MM-dd"`)
	}
	f := &format{whole: strings.Count(whole, "0"), least: strings.Count(fraction, "0"), most: len(fraction)}
	if i := strings.LastIndexByte(whole, ','); i >= 0 {
		f.group = len(whole) - i - 1
	}
	return f, nil
}

func dateLayout(pattern string) (string, error) {
	parts := [...][2]string{
		{"yyyy", "2006"},
		{"uuuu", "2006"},
		{"yy", "06"},
		{"MMMM", "January"},
		{"MMM", "Jan"},
		{"MM", "01"},
		{"M", "1"},
		{"dd", "02"},
		{"d", "2"},
		{"HH", "15"},
		{"hh", "03"},
		{"h", "3"},
		{"mm", "04"},
		{"ss", "05"},
		{"SSS", "000"},
		{"EEEE", "Monday"},
		{"EEE", "Mon"},
		{"a", "PM"},
		{"XXX", "Z07:00"},
		{"xxx", "-07:00"},
		{"X", "Z07"},
		{"'T'", "T"},
		{"'Z'", "Z"},
	}
	var b strings.Builder
next:
	for pattern != "" {
		for _, p := range parts {
			if rest, ok := strings.CutPrefix(pattern, p[0]); ok {
				b.WriteString(p[1])
				pattern = rest
				continue next
			}
		}
		if !strings.ContainsRune(" -/.:,", rune(pattern[0])) {
			return "", errors.New(`the format of a date has something that is not supported; write it as "yyyy-MM-dd'T'HH:mm:ss.SSSXXX"`)
		}
		b.WriteByte(pattern[0])
		pattern = pattern[1:]
	}
	return b.String(), nil
}

func (f *format) apply(v Value) (Value, error) {
	if f.layout != "" {
		if v.kind != KindString {
			return Value{}, errors.New("the format is one of dates, which are text, not " + article(v.kind))
		}
		for _, layout := range [...]string{time.RFC3339Nano, "2006-01-02T15:04:05.999999999", "2006-01-02"} {
			if t, err := time.Parse(layout, v.str); err == nil {
				return String(t.Format(f.layout)), nil
			}
		}
		return Value{}, errors.New("the text is no date as 2006-01-02 or 2006-01-02T15:04:05Z")
	}
	if v.kind != KindNumber {
		return Value{}, fmt.Errorf("the format is one of Numbers, not of %s", article(v.kind))
	}
	return String(f.number(v)), nil
}

// number writes a Number, rounding half up.
func (f *format) number(v Value) string {
	text := v.str
	if text == "" || len(text) > 40 || strings.ContainsAny(text, "eE") {
		text = strconv.FormatFloat(v.num, 'f', -1, 64)
	}
	exact, ok := new(big.Rat).SetString(text)
	if !ok {
		return text
	}
	rounded := exact.FloatString(f.most) // rounds half away from zero
	sign := ""
	if strings.HasPrefix(rounded, "-") {
		rounded = rounded[1:]
		if strings.Trim(rounded, "0.") != "" {
			sign = "-"
		}
	}
	whole, fraction, _ := strings.Cut(rounded, ".")
	for len(fraction) > f.least && fraction[len(fraction)-1] == '0' {
		fraction = fraction[:len(fraction)-1]
	}
	whole = strings.TrimLeft(whole, "0")
	whole = strings.Repeat("0", max(f.whole-len(whole), 0)) + whole
	if f.group > 0 {
		for i := len(whole) - f.group; i > 0; i -= f.group {
			whole = whole[:i] + "," + whole[i:]
		}
	}
	if fraction != "" {
		fraction = "." + fraction
	}
	return sign + whole + fraction
}
