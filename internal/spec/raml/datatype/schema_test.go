package datatype

import (
	"encoding/json"
	"testing"
)

// TestSchema shows what types are written as.
func TestSchema(t *testing.T) {
	for _, c := range []struct{ name, types, want string }{
		{
			"scalars", "A: {type: string, minLength: 1, maxLength: 2, pattern: 'a+', enum: [a, aa, a]}",
			`{"enum":["a","aa"],"maxLength":2,"minLength":1,"pattern":"^(?:a+)$","type":"string"}`,
		},
		{"pattern of a whole text", "A: {type: string, pattern: ^a+$}", `{"pattern":"^a+$","type":"string"}`},
		{"numbers", "A: {type: number, format: long, minimum: 1, multipleOf: 2}", `{"format":"int64","minimum":1,"multipleOf":2,"type":"integer"}`},
		{"integers", "A: {type: integer, format: int8}", `{"format":"int8","type":"integer"}`},
		{"nil", "A: nil", `{"type":"null"}`},
		{"any", "A: any", `{}`},
		{"boolean", "A: boolean", `{"type":"boolean"}`},
		{"file", "A: {type: file, fileTypes: [image/png]}", `{"format":"binary","type":"string"}`},
		{"date", "A: date-only", `{"format":"date","type":"string"}`},
		{"moment", "A: datetime", `{"format":"date-time","type":"string"}`},
		{"time", "A: time-only", `{"pattern":"^([01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9](\\.[0-9]+)?$","type":"string"}`},
		{"array", "A: {type: array, items: B, uniqueItems: true, minItems: 1}\nB: string", `{"items":{"$ref":"#/components/schemas/B"},"minItems":1,"type":"array","uniqueItems":true}`},
		{"expression", "A: (B | nil)[]\nB: string", `{"items":{"anyOf":[{"$ref":"#/components/schemas/B"},{"type":"null"}]},"type":"array"}`},
		{"alias", "A: B\nB: string", `{"$ref":"#/components/schemas/B"}`},
		{
			"described alias", "A: {type: B, description: d, displayName: n, default: x, example: y}\nB: string",
			`{"$ref":"#/components/schemas/B","default":"x","description":"d","examples":["y"],"title":"n"}`,
		},
		{
			"object", "A: {properties: {a: B, b: {required: false, description: d}}, additionalProperties: false, maxProperties: 2}\nB: string",
			`{"additionalProperties":false,"maxProperties":2,"properties":{"a":{"$ref":"#/components/schemas/B"},"b":{"description":"d","type":"string"}},"required":["a"],"type":"object"}`,
		},
		{"itself", "A:\n  properties:\n    a: A[]", `{"properties":{"a":{"items":{"$ref":"#/components/schemas/A"},"type":"array"}},"required":["a"],"type":"object"}`},
		{
			"inherited", "A: {type: B, properties: {a: string}}\nB: {properties: {b: string}}",
			`{"properties":{"a":{"type":"string"},"b":{"type":"string"}},"required":["b","a"],"type":"object"}`,
		},
		{
			"both", "A: {type: [B, C]}\nB: {properties: {b: string}}\nC: {properties: {c: string}}",
			`{"properties":{"b":{"type":"string"},"c":{"type":"string"}},"required":["b","c"],"type":"object"}`,
		},
		{
			"patterns", "A:\n  properties:\n    ax: string\n    /^a/: integer\n    //: B\nB: string",
			`{"additionalProperties":{"$ref":"#/components/schemas/B"},"patternProperties":{"^a":{"anyOf":[{"type":"integer"},{"type":"string"}]}},"properties":{"ax":{"type":"string"}},"required":["ax"],"type":"object"}`,
		},
		{"restricted union", "A: {type: string | nil, minLength: 2}", `{"anyOf":[{"minLength":2,"type":"string"},{"type":"null"}]}`},
		{
			"discriminator", "A: {discriminator: k, properties: {k: string}}\nB: {type: A, discriminatorValue: b, properties: {x: integer}}\n",
			`{"anyOf":[{"allOf":[{"properties":{"k":{"const":"A"}}}],"properties":{"k":{"type":"string"}},"required":["k"],"type":"object"},` +
				`{"allOf":[{"$ref":"#/components/schemas/B"},{"properties":{"k":{"const":"b"}}}]}],"discriminator":{"propertyName":"k"}}`,
		},
		{
			"named by a discriminator", "A: {type: B, discriminatorValue: 2}\nB: {discriminator: k, properties: {k: integer}}\n",
			`{"allOf":[{"properties":{"k":{"const":2}}}],"properties":{"k":{"type":"integer"}},"required":["k"],"type":"object"}`,
		},
		{
			"JSON schema", `A: '{"$schema": "x", "properties": {"a": {"$ref": "#/definitions/b"}}, "definitions": {"b": {"type": "string"}}}'`,
			`{"properties":{"a":{"$ref":"#/components/schemas/definitions.b"}}}`,
		},
		{"XML schema", `A: <schema/>`, `{}`},
		{"examples", "A: {type: object, examples: {a: {value: {x: 1}}, b: '{\"x\": 2}'}}", `{"examples":[{"x":1},{"x":2}],"type":"object"}`},
		{"XML", "A: {type: string, xml: {name: n}}", `{"type":"string","xml":{"name":"n"}}`},
		{"what is wrong accepts all", "A: {properties: {a: Missing}}", `{"properties":{"a":{}},"required":["a"],"type":"object"}`},
	} {
		t.Run(c.name, func(t *testing.T) {
			decls := read(t, c.types)
			_, types := declare(decls, options(decls))
			out := types["A"].Schema()
			if text := compactly(out); text != c.want {
				t.Errorf("got  %s\nwant %s", text, c.want)
			}
			if ref := compactly(types["A"].Reference()); ref != `{"$ref":"#/components/schemas/A"}` {
				t.Errorf("the type is referred to as %s", ref)
			}
			if out.File() != "api.raml" && out.Source != nil {
				t.Errorf("the schema stands in %q", out.File())
			}
		})
	}
}

// TestComponents shows the parts of JSON schemas that become components.
func TestComponents(t *testing.T) {
	decls := read(t, `
A: '{"$ref": "#/definitions/b", "definitions": {"b": {"items": {"$ref": "#/definitions/b"}}}}'
B: '{"items": {"$ref": "other.json#/definitions/size"}, "not": {"$ref": "#/definitions/b"}, "definitions": {"b": {"type": "null"}}}'
C: {properties: {a: A, b: B}}
`)
	s, types := declare(decls, options(decls))
	got := map[string]any{}
	for _, name := range []string{"A", "B", "C"} {
		got[name] = types[name].Schema().Any()
	}
	for _, m := range s.Components() {
		got[m.Name] = m.Value.Any()
	}
	const ref = `{"$ref":"#/components/schemas/`
	want := `{"A":` + ref + `definitions.b"},` +
		`"B":{"items":` + ref + `definitions.size"},"not":` + ref + `definitions.b.2"}},` +
		`"C":{"properties":{"a":` + ref + `A"},"b":` + ref + `B"}},"required":["a","b"],"type":"object"},` +
		`"definitions.b":{"items":` + ref + `definitions.b"}},` +
		`"definitions.b.2":{"type":"null"},` +
		`"definitions.size":{"minimum":0,"type":"integer"}}`
	if text, _ := json.Marshal(got); string(text) != want {
		t.Errorf("got  %s\nwant %s", text, want)
	}
	only(t, s.Problems(), "")
}

// TestPositions shows that values in schemas stand where the facets do.
func TestPositions(t *testing.T) {
	decls := read(t, `A:
  properties:
    a:
      minLength: 2
      description: d
`)
	_, types := declare(decls, options(decls))
	n := types["A"].Schema()
	for path, line := range map[string]int32{"minLength": 4, "description": 5} {
		if got := n.At("properties", "a", path); got == nil || got.Line != line || got.File() != "api.raml" {
			t.Errorf("%s stands in %s, not in line %d", path, got.Position(), line)
		}
	}
}
