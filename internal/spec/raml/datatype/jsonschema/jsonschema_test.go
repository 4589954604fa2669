package jsonschema

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"regexp"
	"strings"
	"testing"

	judge "github.com/santhosh-tekuri/jsonschema/v6"
	"pgregory.net/rapid"

	"farrier.dev/farrier/internal/encoding/tree"
)

func parse(t testing.TB, text string) *tree.Node {
	t.Helper()
	n, err := tree.Read(&tree.Source{Name: "schema.json", Text: []byte(text)}, tree.Options{})
	if err != nil {
		t.Fatalf("%v in %s", err, text)
	}
	return n
}

func plenty() *int {
	n := 1_000_000
	return &n
}

func options() Options {
	return Options{
		Target: func(_, ref string) (*tree.Node, error) {
			switch ref {
			case "other.json":
				text := `{"definitions": {"size": {"type": "integer", "minimum": 0}, "more": {"$ref": "#/definitions/size"}}}`
				return tree.Read(&tree.Source{Name: ref, Text: []byte(text)}, tree.Options{})
			}
			return nil, errors.New("there is no such file")
		},
		Pattern: func(text string) (func(string) bool, error) {
			re, err := regexp.Compile(text)
			if err != nil {
				return nil, err
			}
			return re.MatchString, nil
		},
	}
}

func TestRead(t *testing.T) {
	for _, c := range []struct{ name, schema, problem string }{
		{"empty", `{}`, ""},
		{"all that there is", `{"$schema": "http://json-schema.org/draft-07/schema#", "$id": "a", "title": "t", "type": ["string", "null"],
			"definitions": {"a": true}, "properties": {"a": {}}, "patternProperties": {"^a": {}}, "additionalProperties": false,
			"items": [{}], "additionalItems": true, "required": [], "minimum": 1, "exclusiveMinimum": true, "multipleOf": 2,
			"minLength": 0, "uniqueItems": true, "pattern": "a", "enum": [], "const": 1, "not": {}, "contains": {}, "allOf": [{}],
			"if": {}, "then": {}, "else": {}, "dependencies": {"a": ["b"], "c": {}}, "unknown": 1}`, ""},
		{"draft 3", `{"type": ["any", {"type": "string"}], "extends": {}, "disallow": "null", "divisibleBy": 2, "required": true}`, ""},
		{"a list", `[]`, "a schema must be an object, not a list"},
		{"type", `{"type": "text"}`, "type must be array, boolean"},
		{"type of a list", `{"type": []}`, "type must be array, boolean"},
		{"length", `{"minLength": 1.5}`, "minLength must be an integer"},
		{"bound", `{"minimum": "1"}`, "minimum must be a number"},
		{"exclusive", `{"exclusiveMinimum": "1"}`, "exclusiveMinimum must be true, false or a number"},
		{"pattern", `{"pattern": "("}`, "pattern must be a regular expression: "},
		{"pattern that is a number", `{"pattern": 1}`, "pattern must be a regular expression"},
		{"enum", `{"enum": "a"}`, "enum must be a list of values"},
		{"title", `{"title": 1}`, "title must be a text"},
		{"unique", `{"uniqueItems": 1}`, "uniqueItems must be true or false"},
		{"required", `{"required": [1]}`, "required must be a list of names"},
		{"properties", `{"properties": []}`, "properties must be an object"},
		{"property", `{"properties": {"a": 1}}`, "a schema must be an object, not a number"},
		{"items", `{"items": 1}`, "items must be a schema or a list of schemas"},
		{"additional", `{"additionalProperties": 1}`, "additionalProperties must be a schema, true or false"},
		{"alternatives", `{"oneOf": {}}`, "oneOf must be a list of at least one schema"},
		{"not", `{"not": 1}`, "not must be a schema"},
		{"deep", `{"items": {"not": {"properties": {"a": {"maxItems": -1}}}}}`, "maxItems must be an integer"},
		{"reference", `{"$ref": "#/definitions/a", "definitions": {"a": {"$ref": "#/definitions/b"}, "b": {}}}`, ""},
		{"reference to an anchor", `{"$ref": "#a", "definitions": {"x": {"id": "#a"}}}`, ""},
		{"reference to the id", `{"id": "own.json", "items": {"$ref": "own.json#/definitions/a"}, "definitions": {"a": {}}}`, ""},
		{"reference to a file", `{"$ref": "other.json#/definitions/more"}`, ""},
		{"reference to the schema of schemas", `{"$ref": "http://json-schema.org/draft-04/schema#"}`, ""},
		{"reference to itself", `{"$ref": "#"}`, ""},
		{"reference nowhere", `{"$ref": "#/definitions/a"}`, "the reference #/definitions/a leads nowhere in the schema"},
		{"reference nowhere in a file", `{"$ref": "other.json#/definitions/none"}`, "leads nowhere in the schema"},
		{"reference to no file", `{"$ref": "none.json"}`, "there is no such file"},
		{"reference away", `{"$ref": "https://example.com/a.json"}`, "only files of the project are read"},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, problems := Read(parse(t, c.schema), "", options())
			switch {
			case c.problem == "" && len(problems) > 0:
				t.Errorf("refused: %v", problems[0].Message)
			case c.problem != "" && (len(problems) != 1 || !strings.Contains(problems[0].Message, c.problem)):
				t.Errorf("want %q, got %v", c.problem, problems)
			}
		})
	}
	if _, problems := Read(parse(t, `{"definitions": {}}`), "/definitions/a", options()); len(problems) != 1 {
		t.Error("a part that is not there was read")
	}
}

func TestPart(t *testing.T) {
	document := parse(t, `{"definitions": {"a b": {"type": "integer"}}}`)
	s, problems := Read(document, "/definitions/a%20b", options())
	if len(problems) > 0 {
		t.Fatal(problems)
	}
	if wrong, complete := s.Check(parse(t, `x`), plenty()); len(wrong) != 1 || !complete {
		t.Errorf("got %v", wrong)
	}
}

// maker makes schemas and values.
type maker struct {
	t     *rapid.T
	draft int
}

func (m *maker) choose(label string, from ...string) string {
	return rapid.SampledFrom(from).Draw(m.t, label)
}

func (m *maker) schema(depth int) any {
	if m.draft >= 6 && rapid.IntRange(0, 20).Draw(m.t, "boolean") == 0 {
		return rapid.Bool().Draw(m.t, "schema")
	}
	if depth > 0 && rapid.IntRange(0, 9).Draw(m.t, "reference") == 0 {
		return map[string]any{"$ref": m.choose("to", "#/definitions/a", "#/definitions/b"), "type": "string"}
	}
	out := map[string]any{}
	words := []string{"type", "enum", "minimum", "maximum", "multipleOf", "minLength", "maxLength", "pattern", "maxItems", "uniqueItems", "required", "minProperties"}
	if m.draft >= 6 {
		words = append(words, "const", "exclusiveMaximum")
	} else {
		words = append(words, "exclusive")
	}
	if depth > 0 {
		words = append(words, "items", "tuple", "properties", "properties", "patternProperties", "additionalProperties", "allOf", "anyOf", "oneOf", "not", "dependencies")
		if m.draft >= 6 {
			words = append(words, "contains", "propertyNames")
		}
		if m.draft >= 7 {
			words = append(words, "if")
		}
	}
	for range rapid.IntRange(1, 3).Draw(m.t, "keywords") {
		m.keyword(out, m.choose("keyword", words...), depth)
	}
	return out
}

func (m *maker) keyword(out map[string]any, word string, depth int) {
	inner := func() any { return m.schema(depth - 1) }
	switch word {
	case "type":
		out[word] = m.choose("type", "string", "integer", "number", "object", "array", "null", "boolean")
	case "enum":
		out[word] = []any{"a", json.Number("1"), nil, []any{json.Number("1.0")}}
	case "const":
		out[word] = json.Number("1")
	case "minimum", "maximum", "multipleOf", "exclusiveMaximum":
		out[word] = json.Number(m.choose("number", "1", "2", "0.5"))
	case "exclusive":
		out["minimum"], out["exclusiveMinimum"] = json.Number("1"), true
	case "minLength", "maxLength", "maxItems", "minProperties":
		out[word] = json.Number(m.choose("count", "0", "1", "2"))
	case "pattern":
		out[word] = m.choose("pattern", "a", "^b", "^a?$")
	case "uniqueItems":
		out[word] = true
	case "required":
		out[word] = []any{m.choose("name", "a", "b")}
	case "items", "additionalProperties", "not", "contains":
		out[word] = inner()
	case "propertyNames":
		out[word] = map[string]any{"pattern": "a|b"}
	case "tuple":
		out["items"], out["additionalItems"] = []any{inner()}, inner()
	case "properties":
		out[word] = map[string]any{"a": inner(), "b": inner()}
	case "patternProperties":
		out[word] = map[string]any{"^a|c": inner()}
	case "allOf", "anyOf", "oneOf":
		out[word] = []any{inner(), inner()}
	case "dependencies":
		out[word] = map[string]any{"a": []any{"b"}, "b": inner()}
	case "if":
		out["if"], out["then"], out["else"] = inner(), inner(), inner()
	}
}

func (m *maker) value(depth int) any {
	kinds := []string{"string", "number", "other"}
	if depth > 0 {
		kinds = append(kinds, "array", "object", "object")
	}
	switch m.choose("kind", kinds...) {
	case "string":
		return m.choose("text", "", "a", "ba", "é")
	case "number":
		return json.Number(m.choose("number", "0", "1", "1.0", "1.5", "2", "3"))
	case "array":
		list := []any{}
		for range rapid.IntRange(0, 3).Draw(m.t, "items") {
			list = append(list, m.value(depth-1))
		}
		return list
	case "object":
		object := map[string]any{}
		for _, name := range []string{"a", "b", "c"} {
			if rapid.Bool().Draw(m.t, name) {
				object[name] = m.value(depth - 1)
			}
		}
		return object
	}
	return rapid.SampledFrom([]any{true, false, nil}).Draw(m.t, "other")
}

func asTree(t testing.TB, v any) *tree.Node {
	t.Helper()
	text, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return parse(t, string(text))
}

func plain(t testing.TB, n *tree.Node) any {
	t.Helper()
	text, err := json.Marshal(n.Any())
	if err != nil {
		t.Fatal(err)
	}
	v, err := judge.UnmarshalJSON(bytes.NewReader(text))
	if err != nil {
		t.Fatal(err)
	}
	return v
}

func compiled(t testing.TB, draft *judge.Draft, document any, at string) *judge.Schema {
	t.Helper()
	c := judge.NewCompiler()
	c.DefaultDraft(draft)
	if err := c.AddResource("urn:schema", document); err != nil {
		t.Fatal(err)
	}
	s, err := c.Compile("urn:schema" + at)
	if err != nil {
		t.Fatalf("%v\n%v", err, document)
	}
	return s
}

// TestAgrees holds values against schemas, against the same schemas judged by
// another validator, and against their conversion to the draft 2020-12.
func TestAgrees(t *testing.T) {
	compared, accepted := 0, 0
	rapid.Check(t, func(rt *rapid.T) {
		m := &maker{rt, rapid.SampledFrom([]int{4, 6, 7}).Draw(rt, "draft")}
		draft := map[int]*judge.Draft{4: judge.Draft4, 6: judge.Draft6, 7: judge.Draft7}[m.draft]
		root := map[string]any{"items": m.schema(2), "allOf": []any{m.schema(3)}}
		root["definitions"] = map[string]any{"a": m.schema(0), "b": map[string]any{"properties": map[string]any{"a": map[string]any{"$ref": "#/definitions/b"}, "b": m.schema(0)}}}
		document := asTree(t, root)
		s, problems := Read(document, "", options())
		if len(problems) > 0 {
			rt.Fatalf("%v is refused: %v", root, problems)
		}
		other := compiled(t, draft, plain(t, document), "")
		converted := convert(t, s)
		for range 5 {
			n := asTree(t, m.value(3))
			wrong, complete := s.Check(n, plenty())
			err, later := other.Validate(plain(t, n)), converted.Validate(plain(t, n))
			compared++
			if err == nil {
				accepted++
			}
			if !complete || (err == nil) != (len(wrong) == 0) || (later == nil) != (err == nil) {
				rt.Fatalf("schema %v\nvalue %v\nwe say %v (%v)\nthe other says %v\nof the conversion %v", root, n.Any(), wrong, complete, err, later)
			}
		}
	})
	t.Logf("%d values were judged, %d of them accepted", compared, accepted)
	if compared < 300 || accepted < 60 {
		t.Errorf("too few: %d values, %d of them accepted", compared, accepted)
	}
}

// convert writes a schema in the draft 2020-12 and compiles it.
func convert(t testing.TB, s *Schema) *judge.Schema {
	t.Helper()
	document := map[string]any{}
	names := map[*tree.Node]string{}
	var waiting []func()
	root := s.Convert(func(target *tree.Node, _ string, convert func() *tree.Node) string {
		name, known := names[target]
		if !known {
			name = fmt.Sprintf("part%d", len(names))
			names[target] = name
			waiting = append(waiting, func() { document[name] = plain(t, convert()) })
		}
		return "#/" + name
	})
	document["root"] = plain(t, root)
	for len(waiting) > 0 {
		next := waiting[0]
		waiting = waiting[1:]
		next()
	}
	return compiled(t, judge.Draft2020, document, "#/root")
}

func TestConvert(t *testing.T) {
	for _, c := range []struct{ name, schema, want string }{
		{
			"draft 3", `{"$schema": "x", "id": "y", "properties": {"a": {"required": true, "type": "any"}}, "divisibleBy": 2}`,
			`{"multipleOf":2,"properties":{"a":{}},"required":["a"]}`,
		},
		{"extends", `{"extends": {"type": "string"}, "disallow": ["null"]}`, `{"allOf":[{"type":"string"},{"not":{"type":["null"]}}]}`},
		{"types that are schemas", `{"type": ["string", {"minimum": 1}]}`, `{"allOf":[{"anyOf":[{"type":"string"},{"minimum":1}]}]}`},
		{"exclusive", `{"maximum": 2, "exclusiveMaximum": true}`, `{"exclusiveMaximum":2}`},
		{"not exclusive", `{"maximum": 2, "exclusiveMaximum": false}`, `{"maximum":2}`},
		{"tuple", `{"items": [{}], "additionalItems": false}`, `{"items":false,"prefixItems":[{}]}`},
		{
			"dependencies", `{"dependencies": {"a": "b", "c": ["d"], "e": {"type": "object"}}}`,
			`{"dependentRequired":{"a":["b"],"c":["d"]},"dependentSchemas":{"e":{"type":"object"}}}`,
		},
		{"reference", `{"$ref": "#/definitions/a", "title": "left", "definitions": {"a": {}}}`, `{"$ref":"#/a"}`},
		{"what is unknown stays", `{"x-note": {"a": 1}, "default": 3}`, `{"default":3,"x-note":{"a":1}}`},
	} {
		t.Run(c.name, func(t *testing.T) {
			s, problems := Read(parse(t, c.schema), "", options())
			if len(problems) > 0 {
				t.Fatal(problems)
			}
			out := s.Convert(func(_ *tree.Node, hint string, _ func() *tree.Node) string { return "#/" + hint })
			if text, _ := json.Marshal(out.Any()); string(text) != c.want {
				t.Errorf("got %s, want %s", text, c.want)
			}
		})
	}
}
