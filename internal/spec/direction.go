package spec

import (
	"maps"
	"slices"
	"strings"
)

// Direction says which way a value travels, for properties that are only read
// or only written.
type Direction uint8

// The directions.
const (
	// Requests may leave out what is readOnly.
	Requests Direction = iota + 1
	// StrictRequests may not hold what is readOnly.
	StrictRequests
	// Answers may leave out what is writeOnly.
	Answers
)

// maxChain is how many references are followed one after the other.
const maxChain = 32

// Follow gives the schema that a schema of the definitions means: itself, or
// what its reference leads to. A reference with anything beside it is not
// followed. It is nil where there is no object.
func (d Definitions) Follow(schema any) map[string]any {
	for range maxChain {
		m, _ := schema.(map[string]any)
		ref, ok := m["$ref"].(string)
		if !ok || len(m) > 1 {
			return m
		}
		schema = d.Target(ref)
	}
	return nil
}

// Target is the schema that a reference names, nil when there is none.
func (d Definitions) Target(ref string) any {
	name, _ := strings.CutPrefix(ref, "#/$defs/")
	return d[name]
}

// turned gives the definitions as they are for one direction. Annotations are
// gone afterwards; d itself is not changed.
func (d Definitions) turned(to Direction) Definitions {
	t := turner{defs: d, to: to, hidden: "readOnly"}
	if to == Answers {
		t.hidden = "writeOnly"
	}
	out := make(Definitions, len(d))
	for name, schema := range d {
		out[name] = t.schema(schema, nil)
	}
	return out
}

type turner struct {
	defs   Definitions
	to     Direction
	hidden string
}

// hides says whether a schema carries the annotation that hides its property.
func (t *turner) hides(schema any) bool {
	for range maxChain {
		m, _ := schema.(map[string]any)
		if m[t.hidden] == true {
			return true
		}
		ref, ok := m["$ref"].(string)
		if !ok {
			return false
		}
		schema = t.defs.Target(ref)
	}
	return false
}

// names collects the hidden properties of a schema and of all that it is made of
// by allOf and references.
func (t *turner) names(schema any, found map[string]bool, left *int) {
	m, ok := schema.(map[string]any)
	if *left--; !ok || *left < 0 {
		return
	}
	properties, _ := m["properties"].(map[string]any)
	for name, p := range properties {
		if t.hides(p) {
			found[name] = true
		}
	}
	parts, _ := m["allOf"].([]any)
	for _, part := range parts {
		t.names(part, found, left)
	}
	if ref, ok := m["$ref"].(string); ok {
		t.names(t.defs.Target(ref), found, left)
	}
}

// schema copies a schema; outer are names hidden by the schema that it is a part
// of.
func (t *turner) schema(schema any, outer map[string]bool) any {
	m, ok := schema.(map[string]any)
	if !ok {
		return schema
	}
	hidden := maps.Clone(outer)
	if hidden == nil {
		hidden = map[string]bool{}
	}
	left := 1000
	t.names(m, hidden, &left)
	out := make(map[string]any, len(m))
	for keyword, v := range m {
		switch v := v.(type) {
		case map[string]any:
			out[keyword] = t.inner(keyword, v)
		case []any:
			out[keyword] = t.list(keyword, v, hidden)
		default:
			out[keyword] = v
		}
	}
	delete(out, "readOnly")
	delete(out, "writeOnly")
	return out
}

func (t *turner) list(keyword string, v []any, hidden map[string]bool) any {
	switch keyword {
	case "required":
		return slices.DeleteFunc(slices.Clone(v), func(name any) bool {
			text, _ := name.(string)
			return hidden[text]
		})
	case "allOf", "anyOf", "oneOf", "prefixItems":
		if keyword == "prefixItems" {
			hidden = nil
		}
		out := make([]any, len(v))
		for i := range v {
			out[i] = t.schema(v[i], hidden)
		}
		return out
	}
	return v
}

func (t *turner) inner(keyword string, v map[string]any) any {
	switch keyword {
	case "properties", "patternProperties", "dependentSchemas":
		out := make(map[string]any, len(v))
		for name, p := range v {
			if out[name] = t.schema(p, nil); keyword == "properties" && t.to == StrictRequests && t.hides(p) {
				out[name] = false
			}
		}
		return out
	case "const", "dependentRequired":
		return v
	}
	return t.schema(v, nil)
}
