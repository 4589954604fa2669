package export

import (
	"encoding/json"
	"maps"
	"math"
	"reflect"
	"slices"
	"strconv"
	"strings"
)

// components are the schemas that a description has more than once.
type components struct {
	roots []rootSchema
	// groups are the objects by what makes them equal.
	groups map[string]*group
}

type rootSchema struct {
	media map[string]any // whose member "schema" it is
	hint  string
}

// group are equal objects, and what all of them together are.
type group struct {
	count  int
	hint   string
	merged map[string]any
	name   string
}

func newComponents() *components { return &components{groups: map[string]*group{}} }

// hint remembers the schema of a content, and what to call it.
func (c *components) hint(media map[string]any, name string) {
	c.roots = append(c.roots, rootSchema{media, name})
}

// share replaces what is there more than once by references, and gives it by name.
func (c *components) share() map[string]any {
	for _, r := range c.roots {
		if schema, ok := r.media["schema"].(map[string]any); ok {
			c.count(schema, r.hint)
		}
	}
	c.name()
	out := map[string]any{}
	for _, r := range c.roots {
		r.media["schema"] = c.replace(r.media["schema"], true)
	}
	for _, g := range c.groups {
		if g.name != "" {
			out[g.name] = c.replace(g.merged, false)
		}
	}
	return out
}

// signature is what equal objects have in common: all but what is required, how often
// it is there, and annotations.
func signature(v any) any {
	switch v := v.(type) {
	case map[string]any:
		out := map[string]any{}
		for name, inner := range v {
			if name != "required" && !strings.HasPrefix(name, "x-farrier-") {
				out[name] = signature(inner)
			}
		}
		if properties, ok := v["properties"].(map[string]any); ok {
			named := map[string]any{}
			for name, inner := range properties {
				named[name] = signature(inner)
			}
			out["properties"] = named
		}
		return out
	case []any:
		out := make([]any, len(v))
		for i, inner := range v {
			out[i] = signature(inner)
		}
		return out
	}
	return v
}

// leastProperties is from how many properties on an object is worth a name.
const leastProperties = 2

func signatureOf(schema map[string]any) (string, bool) {
	properties, _ := schema["properties"].(map[string]any)
	if schema["type"] != "object" || len(properties) < leastProperties {
		return "", false
	}
	text, err := json.Marshal(signature(schema))
	return string(text), err == nil
}

// count visits a schema and those inside it.
func (c *components) count(schema map[string]any, hint string) {
	if sign, ok := signatureOf(schema); ok {
		g := c.groups[sign]
		if g == nil {
			g = &group{hint: hint, merged: schema}
			c.groups[sign] = g
		} else {
			g.merged = combine(g.merged, schema)
			g.hint = min(g.hint, hint)
		}
		g.count++
	}
	inner(schema, func(name string, s map[string]any) {
		if name == "" {
			c.count(s, hint)
		} else {
			c.count(s, title(singular(name)))
		}
	})
}

// inner visits the schemas directly inside one; the name is empty for items.
func inner(schema map[string]any, visit func(name string, s map[string]any)) {
	if properties, ok := schema["properties"].(map[string]any); ok {
		for _, name := range slices.Sorted(maps.Keys(properties)) {
			if s, ok := properties[name].(map[string]any); ok {
				visit(name, s)
			}
		}
	}
	for _, keyword := range []string{"items", "additionalProperties"} {
		if s, ok := schema[keyword].(map[string]any); ok {
			visit("", s)
		}
	}
}

// name gives names to the groups that have more than one.
func (c *components) name() {
	taken := map[string]bool{}
	for _, sign := range slices.Sorted(maps.Keys(c.groups)) {
		g := c.groups[sign]
		if g.count < 2 {
			continue
		}
		base := plainName(g.hint, "Schema")
		g.name = base
		for n := 2; taken[g.name]; n++ {
			g.name = base + strconv.Itoa(n)
		}
		taken[g.name] = true
	}
}

// replace gives a copy of a schema with references in it, and a reference for itself
// where it is shared and may be one.
func (c *components) replace(v any, itself bool) any {
	schema, ok := v.(map[string]any)
	if !ok {
		return v
	}
	if sign, ok := signatureOf(schema); ok && itself && c.groups[sign].name != "" {
		out := map[string]any{"$ref": "#/components/schemas/" + c.groups[sign].name}
		if presence, ok := schema["x-farrier-presence"]; ok {
			out["x-farrier-presence"] = presence
		}
		return out
	}
	out := maps.Clone(schema)
	if !itself {
		delete(out, "x-farrier-presence")
	}
	if properties, ok := schema["properties"].(map[string]any); ok {
		named := make(map[string]any, len(properties))
		for name, s := range properties {
			named[name] = c.replace(s, true)
		}
		out["properties"] = named
	}
	for _, keyword := range []string{"items", "additionalProperties"} {
		if s, ok := schema[keyword]; ok {
			out[keyword] = c.replace(s, true)
		}
	}
	return out
}

// combine gives what holds for two schemas of one signature: what both require, and
// what their annotations say together.
func combine(a, b map[string]any) map[string]any {
	out := map[string]any{}
	for name, x := range a {
		y, both := b[name]
		switch {
		case name == "required":
			if list := common(x, y); len(list) > 0 {
				out[name] = list
			}
		case !both:
		case name == "x-farrier-range" || name == "x-farrier-length":
			out[name] = widest(x, y)
		case name == "properties":
			named, other := map[string]any{}, y.(map[string]any)
			for name, s := range x.(map[string]any) {
				named[name] = combine(s.(map[string]any), other[name].(map[string]any))
			}
			out[name] = named
		case name == "items" || name == "additionalProperties":
			x, isSchema := x.(map[string]any)
			if y, ok := y.(map[string]any); ok && isSchema {
				out[name] = combine(x, y)
			} else {
				out[name] = b[name]
			}
		case strings.HasPrefix(name, "x-farrier-") && !reflect.DeepEqual(x, y):
		default:
			out[name] = x
		}
	}
	return out
}

func common(x, y any) []any {
	first, _ := x.([]any)
	second, _ := y.([]any)
	var out []any
	for _, name := range first {
		if slices.Contains(second, name) {
			out = append(out, name)
		}
	}
	return out
}

// widest joins two ranges.
func widest(x, y any) []any {
	a, b := x.([]any), y.([]any)
	return []any{math.Min(number(a[0]), number(b[0])), math.Max(number(a[1]), number(b[1]))}
}

func number(v any) float64 {
	switch v := v.(type) {
	case float64:
		return v
	case int:
		return float64(v)
	}
	return 0
}
