package openapi

import (
	"encoding/json"
	"slices"
	"strconv"
	"strings"

	"farrier.dev/farrier/internal/spec"
)

// schemaOf names a schema that is to be made.
func (r *reader) schemaOf(n *node) spec.Schema {
	if n == nil {
		return spec.Schema{}
	}
	return spec.Schema{Name: r.name(n), Line: n.line}
}

// name gives a node the name of its definition. A definition is made once,
// however many references lead to it, so that schemas may contain themselves.
func (r *reader) name(n *node) string {
	if name, ok := r.names[n]; ok {
		return name
	}
	name := "schema" + strconv.Itoa(len(r.names)+1) + "-line" + strconv.Itoa(n.line)
	r.names[n] = name
	r.waiting = append(r.waiting, n)
	return name
}

// definitions makes all schemas that were named, and those that they name.
func (r *reader) definitions() error {
	for len(r.waiting) > 0 {
		n := r.waiting[len(r.waiting)-1]
		r.waiting = r.waiting[:len(r.waiting)-1]
		schema, err := r.schema(n)
		if err != nil {
			return err
		}
		r.out.Definitions[r.names[n]] = schema
	}
	return nil
}

// What a keyword of JSON Schema holds.
const (
	holdsValue      = iota + 1
	holdsSchema     // a schema
	holdsSchemas    // a list of schemas
	holdsProperties // an object of schemas
	holdsCount      // a whole number from 0
	holdsNumber
	holdsText
	holdsBoolean
	holdsNames   // a list of texts
	holdsPattern // a regular expression
)

// keywordKind says what a keyword that is read holds, 0 for those that are not
// read. Those of 2020-12 alone mean nothing in OpenAPI 3.0.
func keywordKind(name string, nullable bool) int {
	switch name {
	case "allOf", "anyOf", "oneOf":
		return holdsSchemas
	case "not", "items", "additionalProperties":
		return holdsSchema
	case "properties":
		return holdsProperties
	case "minLength", "maxLength", "minItems", "maxItems", "minProperties", "maxProperties":
		return holdsCount
	case "minimum", "maximum", "multipleOf":
		return holdsNumber
	case "pattern":
		return holdsPattern
	case "format":
		return holdsText
	case "uniqueItems", "readOnly", "writeOnly":
		return holdsBoolean
	case "required":
		return holdsNames
	case "type", "enum":
		return holdsValue
	case "exclusiveMinimum", "exclusiveMaximum":
		if nullable {
			return holdsBoolean
		}
		return holdsNumber
	}
	if nullable {
		return 0
	}
	switch name {
	case "const", "dependentRequired":
		return holdsValue
	case "if", "then", "else", "contains", "propertyNames", "unevaluatedItems", "unevaluatedProperties":
		return holdsSchema
	case "prefixItems":
		return holdsSchemas
	case "patternProperties", "dependentSchemas":
		return holdsProperties
	case "minContains", "maxContains":
		return holdsCount
	}
	return 0
}

// schema makes JSON Schema 2020-12 of a node.
func (r *reader) schema(n *node) (any, error) {
	if n.kind == boolean {
		return n.isTrue(), nil
	}
	if n.kind != object {
		return nil, wrong(n, "a schema must be an object or a boolean")
	}
	out := map[string]any{}
	if ref := n.get("$ref"); ref != nil {
		target, err := r.target(ref)
		if err != nil {
			return nil, err
		}
		if _, err := r.resolve(target); err != nil {
			return nil, err
		}
		out["$ref"] = "#/$defs/" + r.name(target)
		if r.nullable {
			return out, nil // beside a reference nothing means anything
		}
	}
	for _, m := range n.named {
		switch m.name {
		case "$id", "$anchor", "$dynamicRef", "$dynamicAnchor", "$recursiveRef", "$recursiveAnchor":
			return nil, &Error{m.line, "the keyword " + m.name + " is not read; write references as #/components/schemas/NAME"}
		case "$schema":
			if !knownDialect(m.value.text) {
				return nil, &Error{m.line, "only JSON Schema 2020-12 is read"}
			}
		}
		value, err := r.keyword(m)
		if err != nil {
			return nil, err
		}
		if value != nil {
			out[m.name] = value
		}
	}
	if r.nullable {
		return from30(out, n.get("nullable").isTrue()), nil
	}
	return out, nil
}

// keyword makes the value of a keyword, nil for one that is not read.
func (r *reader) keyword(m member) (any, error) {
	v, kind := m.value, keywordKind(m.name, r.nullable)
	mismatch := func(want string) error {
		return &Error{m.line, m.name + " must be " + want}
	}
	switch kind {
	case 0:
		return nil, nil //nolint:nilnil // nil is said to be nothing
	case holdsSchema:
		return r.schema(v)
	case holdsSchemas:
		if v.kind != array || len(v.items) == 0 {
			return nil, mismatch("a list of schemas that is not empty")
		}
		out := make([]any, len(v.items))
		for i, item := range v.items {
			inner, err := r.schema(item)
			if err != nil {
				return nil, err
			}
			out[i] = inner
		}
		return out, nil
	case holdsProperties:
		return r.properties(m)
	case holdsCount:
		if n, err := strconv.ParseInt(v.text, 10, 32); v.kind != number || err != nil || n < 0 {
			return nil, mismatch("a whole number from 0")
		}
	case holdsNumber:
		if v.kind != number || len(v.text) > 100 || exponent(v.text) > 400 {
			return nil, mismatch("a number")
		}
	case holdsBoolean:
		if v.kind != boolean {
			return nil, mismatch("true or false")
		}
	case holdsText:
		if v.kind != text {
			return nil, mismatch("a text")
		}
	case holdsPattern:
		if v.kind != text {
			return nil, mismatch("a text")
		}
		if _, err := spec.CompilePattern(v.text); err != nil {
			return nil, &Error{m.line, err.Error()}
		}
	case holdsNames:
		if v.kind != array || slices.ContainsFunc(v.items, func(n *node) bool { return n.kind != text }) {
			return nil, mismatch("a list of names")
		}
		return unique(v), nil
	}
	if m.name == "enum" && (v.kind != array || len(v.items) == 0) {
		return nil, mismatch("a list of values that is not empty")
	}
	return plain(v), nil
}

func (r *reader) properties(m member) (any, error) {
	if m.value.kind != object {
		return nil, &Error{m.line, m.name + " must be an object of schemas"}
	}
	out := make(map[string]any, len(m.value.named))
	for _, p := range m.value.named {
		if m.name == "patternProperties" {
			if _, err := spec.CompilePattern(p.name); err != nil {
				return nil, &Error{p.line, err.Error()}
			}
		}
		inner, err := r.schema(p.value)
		if err != nil {
			return nil, err
		}
		out[p.name] = inner
	}
	return out, nil
}

// unique gives names without repetition.
func unique(v *node) []any {
	seen := map[string]bool{}
	out := []any{}
	for _, item := range v.items {
		if !seen[item.text] {
			seen[item.text] = true
			out = append(out, item.text)
		}
	}
	return out
}

// exponent is the size of a number's exponent, 0 for none.
func exponent(number string) int {
	at := strings.IndexAny(number, "eE")
	if at < 0 {
		return 0
	}
	n, err := strconv.Atoi(number[at+1:])
	if err != nil {
		return 1 << 30
	}
	return max(n, -n)
}

// plain is a node as it is unmarshalled.
func plain(n *node) any {
	switch n.kind {
	case boolean:
		return n.isTrue()
	case number:
		return json.Number(n.text)
	case text:
		return n.text
	case array:
		out := make([]any, len(n.items))
		for i, item := range n.items {
			out[i] = plain(item)
		}
		return out
	case object:
		out := make(map[string]any, len(n.named))
		for _, m := range n.named {
			out[m.name] = plain(m.value)
		}
		return out
	case null:
	}
	return nil
}

// from30 makes JSON Schema of a schema of OpenAPI 3.0. Null is allowed where
// nullable stands, also beside an enum or allOf, as authors expect it.
func from30(out map[string]any, nullable bool) any {
	for _, limit := range [...][2]string{{"exclusiveMinimum", "minimum"}, {"exclusiveMaximum", "maximum"}} {
		exclusive, is := out[limit[0]].(bool)
		if !is {
			continue
		}
		delete(out, limit[0])
		if bound, ok := out[limit[1]]; ok && exclusive {
			out[limit[0]] = bound
			delete(out, limit[1])
		}
	}
	if !nullable {
		return out
	}
	if values, ok := out["enum"].([]any); ok && !slices.Contains(values, nil) {
		out["enum"] = append(values, nil)
	}
	if t, ok := out["type"].(string); ok {
		out["type"] = []any{t, "null"}
	}
	for _, keyword := range [...]string{"allOf", "anyOf", "oneOf", "not"} {
		if _, ok := out[keyword]; ok {
			inner := map[string]any{"anyOf": []any{map[string]any{"type": "null"}, out}}
			for _, note := range [...]string{"readOnly", "writeOnly"} {
				if v, ok := out[note]; ok {
					inner[note] = v
				}
			}
			return inner
		}
	}
	return out
}
