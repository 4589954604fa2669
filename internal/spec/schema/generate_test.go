package schema_test

import (
	"encoding/json"
	"math/rand/v2"
	"strconv"
)

// generator draws schemas and values from a small world, so that they meet.
type generator struct {
	*rand.Rand
	defs map[string]any
}

func newGenerator(seed uint64) *generator {
	g := &generator{Rand: rand.New(rand.NewPCG(seed, 7)), defs: map[string]any{}}
	for _, name := range []string{"x", "y", "z"} {
		g.defs[name] = true
	}
	for _, name := range []string{"x", "y", "z"} {
		g.defs[name] = g.schema(3, false)
	}
	return g
}

func pick[T any](g *generator, from ...T) T { return from[g.IntN(len(from))] }

func (g *generator) chance(percent int) bool { return g.IntN(100) < percent }

func number(n int) json.Number { return json.Number(strconv.Itoa(n)) }

var (
	memberNames = []string{"a", "b", "c", "d", "é"}
	someTexts   = []string{"", "a", "ab", "abc", "é", "éé", "😀", "b1", "2024-02-29", "2023-02-29", "127.0.0.1", "x@y.zz", "10:00:00Z", "a b", "A"}
	someNumbers = []json.Number{"0", "-0", "1", "1.0", "2", "3", "-1", "1.5", "0.1", "0.3", "1e2", "100", "10.0e1", "9007199254740993", "9007199254740992", "1e-2", "0.01", "12345678901234567890123", "12345678901234567890124", "-2.50"}
	somePattern = []string{"^a", "b$", "^.{2}$", "[0-9]", "^[a-c]{1,2}$", "^é+$", "^\\S+$"}
	someFormats = []string{"date", "ipv4", "email", "time", "no-such-format", "uuid"}
)

// schema draws a schema. Where inner, something stands between it and the one
// around, so that it may refer to that.
func (g *generator) schema(depth int, inner bool) any {
	if g.chance(6) {
		return g.chance(70)
	}
	m := map[string]any{}
	if inner && g.chance(25) {
		m["$ref"] = "#/$defs/" + pick(g, "x", "y", "z")
		if g.chance(60) {
			return m
		}
	}
	for range 1 + g.IntN(3) {
		g.keyword(m, depth)
	}
	return m
}

func (g *generator) keyword(m map[string]any, depth int) {
	choice := g.IntN(16)
	if depth == 0 {
		choice = g.IntN(5)
	}
	switch choice {
	case 0, 1:
		m["type"] = g.types()
	case 2:
		m[pick(g, "enum", "enum", "const")] = nil
		if _, ok := m["enum"]; ok {
			m["enum"] = []any{g.value(2), g.value(1), g.value(0)}
		}
		if _, ok := m["const"]; ok {
			m["const"] = g.value(2)
		}
	case 3:
		m[pick(g, "minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum")] = pick(g, someNumbers...)
		if g.chance(30) {
			m["multipleOf"] = pick(g, json.Number("0.1"), json.Number("2"), json.Number("1"), json.Number("1e1"), json.Number("0.5"), json.Number("12345678901234567890123"))
		}
	case 4:
		switch g.IntN(4) {
		case 0:
			m["minLength"] = number(g.IntN(3))
		case 1:
			m["maxLength"] = number(g.IntN(4))
		case 2:
			m["pattern"] = pick(g, somePattern...)
		default:
			m["format"] = pick(g, someFormats...)
		}
	case 5, 6, 7:
		g.objectKeyword(m, depth-1)
	case 8, 9:
		g.arrayKeyword(m, depth-1)
	case 10:
		m[pick(g, "allOf", "anyOf", "oneOf")] = []any{g.schema(depth-1, false), g.schema(depth-1, false)}
	case 11:
		m[pick(g, "anyOf", "oneOf")] = []any{g.schema(depth-1, false), g.schema(depth-1, false), g.schema(depth-1, false)}
	case 12:
		m["not"] = g.schema(depth-1, false)
	case 13:
		m["if"] = g.schema(depth-1, false)
		if g.chance(80) {
			m["then"] = g.schema(depth-1, false)
		}
		if g.chance(80) {
			m["else"] = g.schema(depth-1, false)
		}
	case 14:
		m["unevaluatedProperties"] = g.closing(depth - 1)
	default:
		m["unevaluatedItems"] = g.closing(depth - 1)
	}
}

// closing draws what the rest must be: mostly nothing.
func (g *generator) closing(depth int) any {
	if g.chance(60) {
		return false
	}
	return g.schema(depth, true)
}

func (g *generator) types() any {
	all := []string{"null", "boolean", "integer", "number", "string", "array", "object", "object", "array"}
	if g.chance(60) {
		return pick(g, all...)
	}
	a, b := pick(g, all...), pick(g, all...)
	if a == b {
		return a
	}
	return []any{a, b}
}

func (g *generator) objectKeyword(m map[string]any, depth int) {
	name := func() string { return pick(g, memberNames...) }
	switch g.IntN(9) {
	case 0, 1, 2:
		m["properties"] = map[string]any{name(): g.schema(depth, true), name(): g.schema(depth, true)}
	case 3:
		m["patternProperties"] = map[string]any{pick(g, "^[ab]", "é", "."): g.schema(depth, true)}
	case 4:
		m["additionalProperties"] = g.closing(depth)
	case 5:
		a, b := name(), name()
		m["required"] = []any{a}
		if a != b {
			m["required"] = []any{a, b}
		}
	case 6:
		m[pick(g, "minProperties", "maxProperties")] = number(g.IntN(4))
	case 7:
		m["propertyNames"] = map[string]any{pick(g, "pattern"): pick(g, "^[a-c]$", "^.$"), "maxLength": number(1)}
	default:
		if g.chance(50) {
			m["dependentRequired"] = map[string]any{name(): []any{name()}}
		} else {
			m["dependentSchemas"] = map[string]any{name(): g.schema(depth, false)}
		}
	}
}

func (g *generator) arrayKeyword(m map[string]any, depth int) {
	switch g.IntN(6) {
	case 0, 1:
		m["items"] = g.closing(depth)
	case 2:
		m["prefixItems"] = []any{g.schema(depth, true), g.schema(depth, true)}
	case 3:
		m["contains"] = g.schema(depth, true)
		if g.chance(50) {
			m["minContains"] = number(g.IntN(3))
		}
		if g.chance(50) {
			m["maxContains"] = number(g.IntN(3))
		}
	case 4:
		m["uniqueItems"] = g.chance(80)
	default:
		m[pick(g, "minItems", "maxItems")] = number(g.IntN(4))
	}
}

func (g *generator) value(depth int) any {
	choice := g.IntN(10)
	if depth == 0 {
		choice = g.IntN(5)
	}
	switch choice {
	case 0:
		return nil
	case 1:
		return g.chance(50)
	case 2:
		return pick(g, someTexts...)
	case 3, 4:
		return pick(g, someNumbers...)
	case 5, 6:
		list := []any{}
		for range g.IntN(4) {
			list = append(list, g.value(depth-1))
		}
		return list
	}
	m := map[string]any{}
	for range g.IntN(4) {
		m[pick(g, memberNames...)] = g.value(depth - 1)
	}
	return m
}

// meeting draws a value that a schema might allow.
func (g *generator) meeting(schema any, depth int) any {
	m, ok := schema.(map[string]any)
	if !ok || depth == 0 || g.chance(10) {
		return g.value(2)
	}
	if c, ok := m["const"]; ok {
		return c
	}
	if list, ok := m["enum"].([]any); ok {
		return pick(g, list...)
	}
	for _, keyword := range []string{"allOf", "anyOf", "oneOf"} {
		if list, ok := m[keyword].([]any); ok && g.chance(40) {
			return g.meeting(pick(g, list...), depth)
		}
	}
	if ref, ok := m["$ref"].(string); ok && g.chance(60) {
		return g.meeting(g.defs[ref[len("#/$defs/"):]], depth-1)
	}
	for _, keyword := range []string{"then", "if", "else", "not"} {
		if inner, ok := m[keyword]; ok && g.chance(20) {
			return g.meeting(inner, depth)
		}
	}
	kind, _ := m["type"].(string)
	if list, ok := m["type"].([]any); ok {
		kind, _ = pick(g, list...).(string)
	}
	switch kind {
	case "null":
		return nil
	case "boolean":
		return g.chance(50)
	case "integer":
		return pick(g, json.Number("1"), json.Number("2.0"), json.Number("0"), json.Number("100"))
	case "number":
		return pick(g, someNumbers...)
	case "string":
		return pick(g, someTexts...)
	case "array":
		return g.list(m, depth)
	case "object":
		return g.object(m, depth)
	}
	for _, keyword := range []string{"items", "prefixItems", "contains", "unevaluatedItems", "uniqueItems"} {
		if _, ok := m[keyword]; ok {
			return g.list(m, depth)
		}
	}
	if g.chance(70) {
		return g.object(m, depth)
	}
	return g.value(2)
}

func (g *generator) list(m map[string]any, depth int) any {
	list := []any{}
	prefix, _ := m["prefixItems"].([]any)
	for i := range g.IntN(4) {
		switch {
		case i < len(prefix):
			list = append(list, g.meeting(prefix[i], depth-1))
		case m["contains"] != nil && g.chance(50):
			list = append(list, g.meeting(m["contains"], depth-1))
		case m["items"] != nil && m["items"] != false:
			list = append(list, g.meeting(m["items"], depth-1))
		default:
			list = append(list, g.value(1))
		}
	}
	return list
}

func (g *generator) object(m map[string]any, depth int) any {
	out := map[string]any{}
	named, _ := m["properties"].(map[string]any)
	for _, name := range memberNames {
		if schema, ok := named[name]; ok && g.chance(70) {
			out[name] = g.meeting(schema, depth-1)
		}
	}
	required, _ := m["required"].([]any)
	for _, name := range required {
		if text, _ := name.(string); out[text] == nil && g.chance(80) {
			out[text] = g.value(1)
		}
	}
	if g.chance(25) {
		out[pick(g, memberNames...)] = g.value(1)
	}
	return out
}
