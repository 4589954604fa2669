package spectral

import (
	"math"
	"strconv"
	"strings"

	"farrier.dev/farrier/internal/encoding/tree"
)

// valueKind is a type of JavaScript, as far as expressions of paths know them.
type valueKind uint8

const (
	undefinedValue valueKind = iota
	nullValue
	boolValue
	numberValue
	textValue
	nodeValue
	listValue
	regexValue
	constructorValue
)

// value is what an expression of a path computes.
type value struct {
	kind   valueKind
	truth  bool
	number float64
	text   string
	node   *tree.Node
	list   []value
	regex  *regex
}

func truthValue(b bool) value      { return value{kind: boolValue, truth: b} }
func numericValue(f float64) value { return value{kind: numberValue, number: f} }
func stringValue(s string) value   { return value{kind: textValue, text: s} }

// valueOf is a value of a document; what isn't there is undefined.
func valueOf(n *tree.Node) value {
	if n == nil {
		return value{}
	}
	switch n.Kind {
	case tree.Null:
		return value{kind: nullValue}
	case tree.Bool:
		return truthValue(n.Text == "true")
	case tree.Number:
		return numericValue(numberOf(n))
	case tree.String, tree.Include:
		return stringValue(n.Text)
	case tree.Array, tree.Object:
	}
	return value{kind: nodeValue, node: n}
}

func numberOf(n *tree.Node) float64 {
	f, err := strconv.ParseFloat(n.Text, 64)
	if err != nil && math.IsInf(f, 0) {
		return f
	}
	return f
}

func isContainer(n *tree.Node) bool {
	return n != nil && (n.Kind == tree.Object || n.Kind == tree.Array)
}

// truthy is what JavaScript takes for true.
func (v value) truthy() bool {
	switch v.kind {
	case undefinedValue, nullValue:
		return false
	case boolValue:
		return v.truth
	case numberValue:
		return v.number != 0 && !math.IsNaN(v.number)
	case textValue:
		return v.text != ""
	case nodeValue, listValue, regexValue, constructorValue:
	}
	return true
}

// isTruthy is what JavaScript takes for true.
func isTruthy(n *tree.Node) bool {
	return !isContainer(n) && valueOf(n).truthy() || isContainer(n)
}

// typeName is what typeof gives.
func (v value) typeName() string {
	switch v.kind {
	case undefinedValue:
		return "undefined"
	case boolValue:
		return "boolean"
	case numberValue:
		return "number"
	case textValue:
		return "string"
	case constructorValue:
		return "function"
	case nullValue, nodeValue, listValue, regexValue:
	}
	return "object"
}

// String is the text that JavaScript makes of it.
func (v value) String() string {
	switch v.kind {
	case undefinedValue:
		return "undefined"
	case nullValue:
		return "null"
	case boolValue:
		return strconv.FormatBool(v.truth)
	case numberValue:
		return formatNumber(v.number)
	case textValue, constructorValue:
		return v.text
	case listValue:
		return joinValues(v.list, ",")
	case regexValue:
		return v.regex.String()
	case nodeValue:
	}
	if v.node.Kind == tree.Object {
		return "[object Object]"
	}
	return joinValues(v.items(), ",")
}

func joinValues(list []value, by string) string {
	parts := make([]string, len(list))
	for i, item := range list {
		if item.kind != undefinedValue && item.kind != nullValue {
			parts[i] = item.String()
		}
	}
	return strings.Join(parts, by)
}

func formatNumber(f float64) string {
	switch {
	case math.IsNaN(f):
		return "NaN"
	case math.IsInf(f, 1):
		return "Infinity"
	case math.IsInf(f, -1):
		return "-Infinity"
	case math.Abs(f) >= 1e21:
		return strconv.FormatFloat(f, 'e', -1, 64)
	}
	return strconv.FormatFloat(f, 'f', -1, 64)
}

// items are those of an array.
func (v value) items() []value {
	if v.kind == listValue {
		return v.list
	}
	list := v.node.List()
	out := make([]value, len(list))
	for i, item := range list {
		out[i] = valueOf(item)
	}
	return out
}

func (v value) isArray() bool {
	return v.kind == listValue || v.kind == nodeValue && v.node.Kind == tree.Array
}

// numeric is what JavaScript computes with.
func (v value) numeric() float64 {
	switch v.kind {
	case nullValue:
		return 0
	case boolValue:
		if v.truth {
			return 1
		}
		return 0
	case numberValue:
		return v.number
	case textValue:
		return parseNumber(v.text)
	case listValue, nodeValue:
		if v.isArray() {
			return parseNumber(v.String())
		}
	case undefinedValue, regexValue, constructorValue:
	}
	return math.NaN()
}

func parseNumber(text string) float64 {
	text = strings.TrimSpace(text)
	switch {
	case text == "":
		return 0
	case text == "Infinity" || text == "+Infinity":
		return math.Inf(1)
	case text == "-Infinity":
		return math.Inf(-1)
	case len(text) > 2 && text[0] == '0' && strings.ContainsAny(text[1:2], "xXoObB"):
		n, err := strconv.ParseUint(text, 0, 64)
		if err != nil || strings.Contains(text, "_") {
			return math.NaN()
		}
		return float64(n)
	case strings.Trim(text, "0123456789+-.eE") != "":
		return math.NaN()
	}
	f, err := strconv.ParseFloat(text, 64)
	if err != nil && !math.IsInf(f, 0) {
		return math.NaN()
	}
	return f
}

// same is ===.
func same(a, b value) bool {
	if a.kind != b.kind {
		return false
	}
	switch a.kind {
	case undefinedValue, nullValue:
		return true
	case boolValue:
		return a.truth == b.truth
	case numberValue:
		return a.number == b.number
	case textValue, constructorValue:
		return a.text == b.text
	case nodeValue:
		return a.node == b.node
	case listValue, regexValue:
	}
	return false
}

// equal is ==.
func equal(a, b value) bool {
	if a.kind == b.kind {
		return same(a, b)
	}
	empty := func(v value) bool { return v.kind == undefinedValue || v.kind == nullValue }
	if empty(a) || empty(b) {
		return empty(a) && empty(b)
	}
	primitive := func(v value) bool { return v.kind == boolValue || v.kind == numberValue || v.kind == textValue }
	switch {
	case a.kind == boolValue || b.kind == boolValue || primitive(a) && primitive(b):
		return a.numeric() == b.numeric()
	case primitive(a) != primitive(b):
		if a.kind == numberValue || b.kind == numberValue {
			return a.numeric() == b.numeric()
		}
		return a.String() == b.String()
	}
	return false
}

// less is <; known is false where a number is missing.
func less(a, b value) (is, known bool) {
	if a.kind == textValue && b.kind == textValue {
		return a.text < b.text, true
	}
	x, y := a.numeric(), b.numeric()
	return x < y, !math.IsNaN(x) && !math.IsNaN(y)
}
