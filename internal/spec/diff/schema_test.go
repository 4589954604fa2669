package diff_test

import (
	"fmt"
	"strings"
	"testing"

	"farrier.dev/farrier/internal/spec/diff"
)

// exchanged is a description whose only operation takes or gives a schema.
func exchanged(schema string, answered bool) string {
	content := `{application/json: {schema: ` + schema + `}}`
	request, response := content, "{}"
	if answered {
		request, response = "{}", content
	}
	return `{openapi: 3.1.0, info: {title: t, version: "1"}, paths: {/x: {post: {security: [{k: []}],
  requestBody: {content: ` + request + `}, responses: {"200": {description: d, content: ` + response + `}}}}},
  components: {securitySchemes: {k: {type: http, scheme: bearer}}, schemas: {
    Node: {type: object, properties: {v: {type: string}, next: {$ref: "#/components/schemas/Node"}}},
    Loop: {type: object, properties: {v: {type: integer}, next: {$ref: "#/components/schemas/Loop"}}},
    Name: {type: string, maxLength: 5}, Long: {type: string, maxLength: 50}}}}`
}

// brief are changes as class, kind and what is behind the media type.
func brief(changes []diff.Change) string {
	out := []string{}
	for _, c := range changes {
		_, inside, _ := strings.Cut(c.Place, "application/json")
		out = append(out, strings.TrimSpace(fmt.Sprintf("%s %s%s", c.Class, c.Kind, inside)))
	}
	return strings.Join(out, "; ")
}

// schemaCases are edits of a schema: what they mean in a request, and in a
// response. Each is one edit.
func schemaCases() []struct{ name, old, updated, request, response string } {
	object := func(inside string) string { return `{type: object, ` + inside + `}` }
	props := func(inside string) string { return object(`properties: {` + inside + `}`) }
	return []struct{ name, old, updated, request, response string }{
		{"no change", `{type: string}`, `{type: string}`, "", ""},
		{"another order", `{type: string, enum: [a, b]}`, `{enum: [b, a], type: string}`, "", ""},
		{"behind a reference", `{type: string, maxLength: 5}`, `{$ref: "#/components/schemas/Name"}`, "", ""},
		{"in an allOf", `{type: string, maxLength: 5}`, `{allOf: [{type: string}, {maxLength: 5}]}`, "", ""},
		{"in an allOf behind a reference", `{type: string, maxLength: 5}`, `{allOf: [{$ref: "#/components/schemas/Name"}]}`, "", ""},
		{"one alternative", `{type: string}`, `{anyOf: [{type: string}]}`, "", ""},
		{"types as alternatives", `{type: [string, "null"]}`, `{anyOf: [{type: string}, {type: "null"}]}`, "", ""},
		{"the same number", `{type: number, maximum: 10}`, `{type: number, maximum: 1.0e1}`, "", ""},
		{"what says nothing", `{type: object}`, `{type: object, additionalProperties: true, required: [], minProperties: 0}`, "", ""},
		{"const for an enum of one", `{enum: [a]}`, `{const: a}`, "", ""},
		{"recursive", `{$ref: "#/components/schemas/Node"}`, `{$ref: "#/components/schemas/Loop"}`, "breaking type-changed /v", "breaking type-changed /v"},

		{"another type", `{type: string}`, `{type: integer}`, "breaking type-changed", "breaking type-changed"},
		{"one more type", `{type: string}`, `{type: [string, boolean]}`, "harmless type-changed", "breaking type-changed"},
		{"one type less", `{type: [string, boolean]}`, `{type: string}`, "breaking type-changed", "harmless type-changed"},
		{"integer to number", `{type: integer}`, `{type: number}`, "harmless type-changed", "breaking type-changed"},
		{"number to integer", `{type: number}`, `{type: integer}`, "breaking type-changed", "harmless type-changed"},
		{"no type any more", `{type: string, maxLength: 5}`, `{maxLength: 5}`, "security type-removed", "breaking type-removed"},
		{"a type", `{maxLength: 5}`, `{type: string, maxLength: 5}`, "breaking type-added", "harmless type-added"},
		{"null allowed", `{type: string}`, `{type: [string, "null"]}`, "harmless null-allowed", "breaking null-allowed"},
		{"null refused", `{type: [string, "null"]}`, `{type: string}`, "breaking null-refused", "harmless null-refused"},
		{"nothing allowed", `{type: string}`, `false`, "breaking type-changed", "harmless type-changed"},
		{"something allowed", `false`, `{type: string}`, "harmless type-changed", "breaking type-changed"},
		{"nothing said", `{type: string}`, `{}`, "security schema-removed", "breaking schema-removed"},
		{"something said", `true`, `{type: string}`, "breaking schema-added", "harmless schema-added"},

		{"enum", `{type: string}`, `{type: string, enum: [a]}`, "breaking enum-added", "harmless enum-added"},
		{"no enum", `{type: string, enum: [a]}`, `{type: string}`, "security enum-removed", "breaking enum-removed"},
		{"one value more", `{enum: [a]}`, `{enum: [a, b]}`, "harmless enum-changed", "breaking enum-changed"},
		{"one value less", `{enum: [a, b]}`, `{enum: [a]}`, "breaking enum-changed", "harmless enum-changed"},
		{"null as a value", `{type: [string, "null"], enum: [a]}`, `{type: [string, "null"], enum: [a, null]}`, "harmless null-allowed", "breaking null-allowed"},

		{"maxLength", `{type: string}`, `{type: string, maxLength: 5}`, "breaking bound-added", "harmless bound-added"},
		{"no maxLength", `{type: string, maxLength: 5}`, `{type: string}`, "security bound-removed", "breaking bound-removed"},
		{"greater maxLength", `{$ref: "#/components/schemas/Name"}`, `{$ref: "#/components/schemas/Long"}`, "harmless bound-changed", "breaking bound-changed"},
		{"smaller maxLength", `{$ref: "#/components/schemas/Long"}`, `{$ref: "#/components/schemas/Name"}`, "breaking bound-changed", "harmless bound-changed"},
		{"greater minLength", `{type: string, minLength: 1}`, `{type: string, minLength: 2}`, "breaking bound-changed", "harmless bound-changed"},
		{"no minimum", `{type: integer, minimum: 0}`, `{type: integer}`, "security bound-removed", "breaking bound-removed"},
		{"smaller minimum", `{type: integer, minimum: 0}`, `{type: integer, minimum: -1}`, "harmless bound-changed", "breaking bound-changed"},
		{"exclusive minimum", `{type: number, minimum: 0}`, `{type: number, exclusiveMinimum: 0}`, "breaking bound-changed", "harmless bound-changed"},
		{"greater maximum", `{type: number, maximum: 1}`, `{type: number, maximum: 1.5}`, "harmless bound-changed", "breaking bound-changed"},
		{"inclusive maximum", `{type: number, exclusiveMaximum: 1}`, `{type: number, maximum: 1}`, "harmless bound-changed", "breaking bound-changed"},
		{"no maxItems", `{type: array, maxItems: 9}`, `{type: array}`, "security bound-removed", "breaking bound-removed"},
		{"maxProperties", object(`minProperties: 1`), object(`minProperties: 1, maxProperties: 3`), "breaking bound-added", "harmless bound-added"},
		{"a bound of another type", `{type: integer}`, `{type: integer, maxLength: 3}`, "", ""},
		{"a bound where values are listed", `{enum: [a], maxLength: 5}`, `{enum: [a]}`, "", ""},
		{"multipleOf", `{type: number}`, `{type: number, multipleOf: 2}`, "breaking bound-added", "harmless bound-added"},
		{"a multiple of the multiple", `{type: number, multipleOf: 2}`, `{type: number, multipleOf: 4}`, "breaking bound-changed", "harmless bound-changed"},
		{"a part of the multiple", `{type: number, multipleOf: 0.2}`, `{type: number, multipleOf: 0.1}`, "harmless bound-changed", "breaking bound-changed"},
		{"another multiple", `{type: number, multipleOf: 2}`, `{type: number, multipleOf: 3}`, "breaking bound-changed", "breaking bound-changed"},
		{"pattern", `{type: string}`, `{type: string, pattern: a}`, "breaking pattern-added", "harmless pattern-added"},
		{"no pattern", `{type: string, pattern: a}`, `{type: string}`, "security pattern-removed", "breaking pattern-removed"},
		{"another pattern", `{type: string, pattern: a}`, `{type: string, pattern: b}`, "breaking pattern-changed", "breaking pattern-changed"},
		{"format", `{type: string}`, `{type: string, format: uuid}`, "breaking format-added", "harmless format-added"},
		{"no format", `{type: string, format: uuid}`, `{type: string}`, "security format-removed", "breaking format-removed"},
		{"another format", `{type: string, format: uuid}`, `{type: string, format: date}`, "breaking format-changed", "breaking format-changed"},
		{"a wider format", `{type: integer, format: int32}`, `{type: integer, format: int64}`, "harmless format-changed", "breaking format-changed"},
		{"uniqueItems", `{type: array}`, `{type: array, uniqueItems: true}`, "breaking unique-items-changed", "harmless unique-items-changed"},

		{"a property", props(`a: {type: string}`), props(`a: {type: string}, b: {type: string}`), "harmless property-added /b", "harmless property-added /b"},
		{"a required property", props(`a: {}`), object(`required: [b], properties: {a: {}, b: {}}`), "breaking property-added /b", "harmless property-added /b"},
		{
			"a property of a closed object", object(`additionalProperties: false, properties: {a: {}}`), object(`additionalProperties: false, properties: {a: {}, b: {}}`),
			"harmless property-added /b", "breaking property-added /b",
		},
		{"no property", props(`a: {type: string}, b: {}`), props(`b: {}`), "harmless property-removed /a", "breaking property-removed /a"},
		{
			"no property of a closed object", object(`additionalProperties: false, properties: {a: {}, b: {}}`), object(`additionalProperties: false, properties: {a: {}}`),
			"breaking property-removed /b", "breaking property-removed /b",
		},
		{"required", object(`properties: {a: {}}`), object(`required: [a], properties: {a: {}}`), "breaking property-required /a", "harmless property-required /a"},
		{"no longer required", object(`required: [a], properties: {a: {}}`), object(`properties: {a: {}}`), "harmless property-optional /a", "breaking property-optional /a"},
		{"required, not described", object(`minProperties: 1`), object(`minProperties: 1, required: [a]`), "breaking property-required /a", "harmless property-required /a"},
		{"readOnly", props(`a: {type: string}`), props(`a: {type: string, readOnly: true}`), "breaking property-read-only /a", ""},
		{"no longer readOnly", props(`a: {type: string, readOnly: true}`), props(`a: {type: string}`), "security property-writable /a", ""},
		{"writeOnly", props(`a: {type: string}`), props(`a: {type: string, writeOnly: true}`), "", "breaking property-removed /a"},
		{"no longer writeOnly", props(`password: {type: string, writeOnly: true}`), props(`password: {type: string}`), "", "security sensitive-property-in-response /password; harmless property-added /password"},
		{"readOnly, and its bound", props(`a: {readOnly: true, maxLength: 5}`), props(`a: {readOnly: true, maxLength: 6}`), "", "breaking bound-changed /a"},
		{"a required property, readOnly", props(`a: {}`), object(`required: [b], properties: {a: {}, b: {readOnly: true}}`), "", "harmless property-added /b"},
		{"a secret", props(`a: {}`), props(`a: {}, apiKey: {}`), "harmless property-added /apiKey", "security sensitive-property-in-response /apiKey; harmless property-added /apiKey"},
		{
			"a secret deep inside", props(`a: {}`), props(`a: {}, b: {type: array, items: {type: object, properties: {token: {}}}}`),
			"harmless property-added /b", "security sensitive-property-in-response /b/[]/token; harmless property-added /b",
		},
		{"names with slashes", props(`a/b: {type: string}`), props(`a/b: {type: integer}`), "breaking type-changed /a~1b", "breaking type-changed /a~1b"},
		{"closed", object(`properties: {a: {}}`), object(`additionalProperties: false, properties: {a: {}}`), "breaking additional-properties-refused", "harmless additional-properties-refused"},
		{"closed by evaluation", object(`properties: {a: {}}`), object(`unevaluatedProperties: false, properties: {a: {}}`), "breaking additional-properties-refused", "harmless additional-properties-refused"},
		{"opened", object(`additionalProperties: false`), object(`maxProperties: 9`), "security additional-properties-allowed; breaking bound-added", "breaking additional-properties-allowed; harmless bound-added"},
		{"other properties", object(`additionalProperties: {type: string}`), object(`additionalProperties: {type: integer}`), "breaking type-changed /{}", "breaking type-changed /{}"},
		{"other properties described", object(`minProperties: 1`), object(`minProperties: 1, additionalProperties: {type: integer}`), "breaking schema-added /{}", "harmless schema-added /{}"},

		{"items", `{type: array, items: {type: string}}`, `{type: array, items: {type: string, maxLength: 5}}`, "breaking bound-added /[]", "harmless bound-added /[]"},
		{"no items", `{type: array, items: {type: string}}`, `{type: array}`, "security schema-removed /[]", "breaking schema-removed /[]"},
		{"the first item", `{type: array, prefixItems: [{type: string}]}`, `{type: array, prefixItems: [{type: integer}]}`, "breaking type-changed /0", "breaking type-changed /0"},

		{"an alternative", `{oneOf: [{type: string}, {type: boolean}]}`, `{oneOf: [{type: boolean}, {type: string}, {type: integer}]}`, "harmless alternative-added", "breaking alternative-added"},
		{"no alternative", `{anyOf: [{type: string}, {type: boolean}]}`, `{anyOf: [{type: boolean}]}`, "breaking alternative-removed", "harmless alternative-removed"},
		{"beside an alternative", `{type: string}`, `{oneOf: [{type: string}, {type: boolean}]}`, "harmless alternative-added", "breaking alternative-added"},
		{
			"in an alternative", `{oneOf: [` + props(`k: {const: x}, v: {type: string}`) + `, ` + props(`k: {const: y}, v: {type: integer}`) + `]}`,
			`{oneOf: [` + props(`k: {const: x}, v: {type: string}`) + `, ` + props(`k: {const: y}, v: {type: boolean}`) + `]}`, "breaking type-changed /v", "breaking type-changed /v",
		},
		{
			"another alternative of the same form", `{oneOf: [` + props(`k: {const: x}, v: {type: string}`) + `, {type: boolean}]}`,
			`{oneOf: [` + props(`k: {const: y}, v: {type: string}`) + `, {type: boolean}]}`,
			"breaking alternative-removed; harmless alternative-added", "breaking alternative-added; harmless alternative-removed",
		},
		{"null as an alternative", `{$ref: "#/components/schemas/Node"}`, `{oneOf: [{type: "null"}, {$ref: "#/components/schemas/Node"}]}`, "harmless null-allowed", "breaking null-allowed"},
		{"not", `{type: string}`, `{type: string, not: {const: a}}`, "breaking condition-added", "harmless condition-added"},
		{"another not", `{type: string, not: {const: b}}`, `{type: string, not: {const: a}}`, "breaking condition-changed", "breaking condition-changed"},
		{"no names", object(`propertyNames: {maxLength: 5}`), object(`minProperties: 0`), "security condition-removed", "breaking condition-removed"},
		{"dependentRequired", object(`dependentRequired: {a: [b]}`), object(`dependentRequired: {a: [b, c]}`), "breaking condition-changed", "breaking condition-changed"},
	}
}

func TestSchemas(t *testing.T) {
	played := 0
	for _, c := range schemaCases() {
		for _, answered := range []bool{false, true} {
			old, updated := parse(t, exchanged(c.old, answered)), parse(t, exchanged(c.updated, answered))
			changes := diff.Compare(old, updated)
			want := c.request
			if answered {
				want = c.response
			}
			if got := brief(sorted(changes)); got != sortedText(want) {
				t.Errorf("%s (response: %v): %q, want %q\n%v", c.name, answered, got, want, changes)
			}
			reversible(t, c.name, old, updated)
			played++
		}
	}
	if t.Logf("%d cases", played); played < 160 {
		t.Fatal("too few")
	}
}
