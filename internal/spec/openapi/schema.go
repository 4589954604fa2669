package openapi

import (
	"slices"
	"strconv"
	"strings"

	"farrier.dev/farrier/internal/encoding/tree"
	"farrier.dev/farrier/internal/spec"
)

// schemaOf names a schema that is to be made.
func (r *reader) schemaOf(n *tree.Node) spec.Schema {
	if n == nil {
		return spec.Schema{}
	}
	return spec.Schema{Name: r.name(n), Line: int(n.Line)}
}

// name gives a node the name of its definition. A definition is made once,
// however many references lead to it, so that schemas may contain themselves.
func (r *reader) name(n *tree.Node) string {
	if name, ok := r.names[n]; ok {
		return name
	}
	name := "schema" + strconv.Itoa(len(r.names)+1) + "-line" + strconv.Itoa(int(n.Line))
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
	holdsNames   // a list of names
	holdsPattern // a regular expression
)

// keywordKind says what a keyword that is read holds, 0 for those that are not
// read. Those of 2020-12 alone mean nothing in older versions.
func keywordKind(name string, old bool) int {
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
		if old {
			return holdsBoolean
		}
		return holdsNumber
	}
	if old {
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
func (r *reader) schema(n *tree.Node) (any, error) {
	if n.Kind == tree.Bool {
		return n.IsTrue(), nil
	}
	if n.Kind != tree.Object {
		return nil, tree.Wrong(n, "a schema must be an object or a boolean")
	}
	out := map[string]any{}
	if ref := n.Get("$ref"); ref != nil {
		target, err := r.target(ref)
		if err != nil {
			return nil, err
		}
		if _, err := r.resolve(target); err != nil {
			return nil, err
		}
		out["$ref"] = "#/$defs/" + r.name(target)
		if r.dialect != openapi31 {
			return out, nil // beside a reference nothing means anything
		}
	}
	for _, m := range n.Members {
		switch m.Name {
		case "$id", "$anchor", "$dynamicRef", "$dynamicAnchor", "$recursiveRef", "$recursiveAnchor":
			return nil, wrongName(m, "the keyword %s is not read; write references as #/components/schemas/NAME", m.Name)
		case "$schema":
			if !knownDialect(m.Value.Text) {
				return nil, wrongName(m, "only JSON Schema 2020-12 is read")
			}
		}
		value, err := r.keyword(m)
		if err != nil {
			return nil, err
		}
		if value != nil || m.Name == "const" && r.dialect == openapi31 {
			out[m.Name] = value
		}
	}
	if r.dialect != openapi31 {
		return from30(out, r.nullable(n)), nil
	}
	return out, nil
}

// nullable says whether null is a value of an old schema. Swagger 2.0 has no word
// for it; that of an extension is widely written.
func (r *reader) nullable(n *tree.Node) bool {
	if r.dialect == swagger20 {
		return n.Get("x-nullable").IsTrue()
	}
	return n.Get("nullable").IsTrue()
}

// pattern says why a regular expression can't be run.
func (r *reader) pattern(text string) error {
	if !r.strict {
		return nil
	}
	_, err := spec.CompilePattern(text)
	return err
}

// keyword makes the value of a keyword, nil for one that is not read.
func (r *reader) keyword(m tree.Member) (any, error) {
	v, kind := m.Value, keywordKind(m.Name, r.dialect != openapi31)
	mismatch := func(want string) error {
		return wrongName(m, "%s must be %s", m.Name, want)
	}
	switch kind {
	case 0:
		return nil, nil //nolint:nilnil // nil is said to be nothing
	case holdsSchema:
		return r.schema(v)
	case holdsSchemas:
		if v.Kind != tree.Array || len(v.Items) == 0 {
			return nil, mismatch("a list of schemas that is not empty")
		}
		out := make([]any, len(v.Items))
		for i, item := range v.Items {
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
		if n, err := strconv.ParseInt(v.Text, 10, 32); v.Kind != tree.Number || err != nil || n < 0 {
			return nil, mismatch("a whole number from 0")
		}
	case holdsNumber:
		if v.Kind != tree.Number || len(v.Text) > 100 || exponent(v.Text) > 400 {
			return nil, mismatch("a number")
		}
	case holdsBoolean:
		if v.Kind != tree.Bool {
			return nil, mismatch("true or false")
		}
	case holdsText:
		if v.Kind != tree.String {
			return nil, mismatch("a text")
		}
	case holdsPattern:
		if v.Kind != tree.String {
			return nil, mismatch("a text")
		}
		if err := r.pattern(v.Text); err != nil {
			return nil, wrongName(m, "%v", err)
		}
	case holdsNames:
		if v.Kind != tree.Array || slices.ContainsFunc(v.Items, func(n *tree.Node) bool { return n.Kind != tree.String }) {
			return nil, mismatch("a list of names")
		}
		return unique(v), nil
	}
	if m.Name == "enum" && (v.Kind != tree.Array || len(v.Items) == 0) {
		return nil, mismatch("a list of values that is not empty")
	}
	return v.Any(), nil
}

func (r *reader) properties(m tree.Member) (any, error) {
	if m.Value.Kind != tree.Object {
		return nil, wrongName(m, "%s must be an object of schemas", m.Name)
	}
	out := make(map[string]any, len(m.Value.Members))
	for _, p := range m.Value.Members {
		if m.Name == "patternProperties" {
			if err := r.pattern(p.Name); err != nil {
				return nil, wrongName(p, "%v", err)
			}
		}
		inner, err := r.schema(p.Value)
		if err != nil {
			return nil, err
		}
		out[p.Name] = inner
	}
	return out, nil
}

// unique gives names without repetition.
func unique(v *tree.Node) []any {
	seen := map[string]bool{}
	out := []any{}
	for _, item := range v.Items {
		if !seen[item.Text] {
			seen[item.Text] = true
			out = append(out, item.Text)
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

// from30 makes JSON Schema of a schema of OpenAPI 3.0 or Swagger 2.0. Null is allowed where
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
