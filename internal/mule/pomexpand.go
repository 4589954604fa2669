package mule

import (
	"slices"
	"strings"
)

// Bounds of one expansion: how deep properties may name each other, how many may
// be put in, and how long the result may be, in bytes.
const (
	maxExpandDepth  = 20
	maxExpandSteps  = 500
	maxExpandLength = 8 << 10
)

// Expand puts the values of Maven properties in the place of ${…}. Names that
// nobody defines, and those that mean themselves, stay as they are.
func (p *POM) Expand(text string) string {
	if p == nil || !strings.Contains(text, "${") {
		return text
	}
	x := expander{raw: p.raw, left: maxExpandSteps}
	x.expand(text)
	return x.out.String()
}

type expander struct {
	raw  map[string]pomValue
	out  strings.Builder
	open []string
	left int
}

func (x *expander) expand(text string) {
	for x.out.Len() < maxExpandLength {
		before, rest, found := strings.Cut(text, "${")
		name, after, closed := strings.Cut(rest, "}")
		if !found || !closed {
			x.write(text)
			return
		}
		x.write(before)
		value, ok := x.raw[name]
		x.left--
		if ok && x.left > 0 && len(x.open) < maxExpandDepth && !slices.Contains(x.open, name) {
			x.open = append(x.open, name)
			x.expand(value.text)
			x.open = x.open[:len(x.open)-1]
		} else {
			x.write("${" + name + "}")
		}
		text = after
	}
}

func (x *expander) write(text string) {
	x.out.WriteString(text[:min(len(text), max(0, maxExpandLength-x.out.Len()))])
}

// holder is what holds the text that a value ends in: the value's own element, or
// that of the property where the value is nothing but its name.
func (p *POM) holder(v pomValue) pomValue {
	for range maxExpandDepth {
		name, found := strings.CutPrefix(v.text, "${")
		name, closed := strings.CutSuffix(name, "}")
		next, ok := p.raw[name]
		if !found || !closed || !ok || next.element == nil {
			break
		}
		v = next
	}
	return v
}
