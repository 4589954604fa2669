package diff_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/santhosh-tekuri/jsonschema/v6"
	"pgregory.net/rapid"

	"farrier.dev/farrier/internal/spec"
	"farrier.dev/farrier/internal/spec/diff"
)

// anySchema makes schemas whose changes can be told from each other: each of one
// type, or alternatives of these.
func anySchema(r *rapid.T, depth int) map[string]any {
	m := map[string]any{}
	maybe := func(name string, value func() any) {
		if rapid.IntRange(0, 2).Draw(r, name) == 0 {
			m[name] = value()
		}
	}
	small := func() any { return rapid.IntRange(0, 3).Draw(r, "bound") }
	kind := rapid.SampledFrom([]string{"string", "integer", "number", "boolean", "object", "array", "any of", "all of", "either"}).Draw(r, "kind")
	if depth == 0 && slices.Contains([]string{"object", "array", "any of", "all of"}, kind) {
		kind = "string"
	}
	switch kind {
	case "string":
		maybe("minLength", small)
		maybe("maxLength", small)
		maybe("enum", func() any { return rapid.SampledFrom([][]any{{"a"}, {"a", "bb"}, {"", "ccc"}}).Draw(r, "values") })
		maybe("pattern", func() any { return rapid.SampledFrom([]string{"a", "^b"}).Draw(r, "pattern") })
	case "integer", "number":
		maybe("minimum", small)
		maybe("exclusiveMinimum", small)
		maybe("maximum", small)
		maybe("exclusiveMaximum", small)
		maybe("multipleOf", func() any { return rapid.IntRange(1, 4).Draw(r, "divisor") })
	case "array":
		maybe("maxItems", small)
		maybe("uniqueItems", func() any { return true })
		maybe("items", func() any { return anySchema(r, depth-1) })
	case "object":
		maybe("required", func() any { return rapid.SampledFrom([][]any{{"a"}, {"b"}, {"a", "b"}}).Draw(r, "names") })
		maybe("additionalProperties", func() any { return rapid.Bool().Draw(r, "open") })
		maybe("minProperties", small)
		properties := map[string]any{}
		for _, name := range []string{"a", "b"} {
			if rapid.Bool().Draw(r, "has "+name) {
				properties[name] = anySchema(r, depth-1)
			}
		}
		m["properties"] = properties
	case "any of", "all of":
		var parts []any
		for range rapid.IntRange(1, 3).Draw(r, "parts") {
			parts = append(parts, anySchema(r, depth-1))
		}
		return map[string]any{map[string]string{"any of": "anyOf", "all of": "allOf"}[kind]: parts}
	case "either":
		m["type"] = rapid.SampledFrom([][]any{{"string", "null"}, {"integer", "string"}, {"boolean", "null"}}).Draw(r, "types")
		return m
	}
	m["type"] = kind
	return m
}

// mutated is a copy with a part made anew.
func mutated(r *rapid.T, schema any) any {
	switch v := schema.(type) {
	case map[string]any:
		if rapid.IntRange(0, 5).Draw(r, "anew") == 0 {
			return anySchema(r, 1)
		}
		out := map[string]any{}
		for _, name := range slices.Sorted(maps.Keys(v)) {
			if name == "properties" {
				inner := map[string]any{}
				properties, _ := v[name].(map[string]any)
				for _, p := range slices.Sorted(maps.Keys(properties)) {
					inner[p] = mutated(r, properties[p])
				}
				out[name] = inner
				continue
			}
			if rapid.IntRange(0, 9).Draw(r, "drop") > 0 || name == "type" || name == "anyOf" || name == "allOf" {
				out[name] = mutated(r, v[name])
			}
		}
		return out
	case []any:
		out := make([]any, len(v))
		for i := range v {
			out[i] = v[i]
			if _, ok := v[i].(map[string]any); ok {
				out[i] = mutated(r, v[i])
			}
		}
		return out
	case int:
		return v + rapid.IntRange(0, 1).Draw(r, "more")
	}
	return schema
}

func values() []any {
	var out []any
	for _, text := range []string{
		`""`, `"a"`, `"bb"`, `"ccc"`, `"babc"`, "0", "1", "2", "3", "4", "1.5", "-1", "true", "null", "[]", `["a"]`, `["a","a"]`, "[1,2,3,4]", "[null]", `[[],{}]`,
		"{}", `{"a":"a"}`, `{"a":1}`, `{"a":null,"b":"bb"}`, `{"b":[]}`, `{"c":1}`, `{"a":{"a":"a"}}`, `{"a":"","b":2,"c":true}`, `{"b":{"b":3}}`, `{"a":[1],"b":false}`,
	} {
		v, err := jsonschema.UnmarshalJSON(strings.NewReader(text))
		if err != nil {
			panic(err)
		}
		out = append(out, v)
	}
	return out
}

func compiled(r *rapid.T, schema any) (*jsonschema.Schema, string) {
	text, err := json.Marshal(schema)
	if err != nil {
		r.Fatal(err)
	}
	doc, err := jsonschema.UnmarshalJSON(bytes.NewReader(text))
	if err != nil {
		r.Fatal(err)
	}
	c := jsonschema.NewCompiler()
	if err := c.AddResource("s.json", doc); err != nil {
		r.Fatal(err)
	}
	s, err := c.Compile("s.json")
	if err != nil {
		r.Fatal(err)
	}
	return s, string(text)
}

// TestEffectsAreTrue holds the effects against a validator: where no change
// narrows, all that was valid is; where none widens, all that is valid was.
func TestEffectsAreTrue(t *testing.T) {
	judged, all := 0, values()
	rapid.Check(t, func(r *rapid.T) {
		o := anySchema(r, 2)
		var n any = anySchema(r, 2)
		if rapid.IntRange(0, 3).Draw(r, "related") > 0 {
			n = mutated(r, o)
		}
		was, oldText := compiled(r, o)
		is, newText := compiled(r, n)
		old, updated := parse(t, exchanged(oldText, false)), parse(t, exchanged(newText, false))
		changes := diff.Compare(old, updated)
		narrows, widens := false, false
		for _, c := range changes {
			narrows = narrows || c.Effect == diff.Narrows || c.Effect == diff.Both
			widens = widens || c.Effect == diff.Widens || c.Effect == diff.Both
			if (c.Class == diff.Breaking) != (c.Effect == diff.Narrows || c.Effect == diff.Both) && c.Kind != diff.PropertyAdded {
				r.Fatalf("a request's %v has the effect %d", c, c.Effect)
			}
		}
		for _, v := range all {
			before, after := was.Validate(v) == nil, is.Validate(v) == nil
			if before && !after && !narrows || after && !before && !widens {
				r.Fatalf("%v was valid: %v, is: %v, but the changes are %v\nold %s\nnew %s", v, before, after, changes, oldText, newText)
			}
			if !narrows || !widens {
				judged++
			}
		}
		reversible(t, oldText+" to "+newText, old, updated)
	})
	if t.Logf("%d values judged", judged); judged < 200 {
		t.Fatal("too few")
	}
}

// linked is a description of n schemas that all lead to one another, which
// every operation answers with.
func linked(n int, last string) *spec.Description {
	d := &spec.Description{Definitions: spec.Definitions{}}
	for i := range n {
		properties := map[string]any{"v": map[string]any{"type": "string"}}
		for j := range 10 {
			properties[fmt.Sprint("p", j)] = map[string]any{"$ref": fmt.Sprintf("#/$defs/s%d", (i*7+j*13+1)%n)}
		}
		if i == n-1 {
			properties["v"] = map[string]any{"type": last}
		}
		d.Definitions[fmt.Sprint("s", i)] = map[string]any{"type": "object", "properties": properties}
		d.Operations = append(d.Operations, spec.Operation{
			Method: "GET", Path: fmt.Sprint("/", i), Security: [][]spec.Requirement{{{Scheme: "k"}}},
			Responses: []spec.Response{{From: 200, To: 200, Content: []spec.Media{{Range: "application/json", Schema: spec.Schema{Name: fmt.Sprint("s", i), Line: i + 1}}}}},
		})
	}
	return d
}

// TestHostile holds that no description takes long or never ends.
func TestHostile(t *testing.T) {
	chain := func(n int, end string) *spec.Description {
		d := &spec.Description{Definitions: spec.Definitions{}}
		for i := range n {
			d.Definitions[fmt.Sprint("s", i)] = map[string]any{"type": "object", "properties": map[string]any{"next": map[string]any{"$ref": fmt.Sprint("#/$defs/s", i+1)}}}
		}
		d.Definitions[fmt.Sprint("s", n)] = map[string]any{"type": end}
		d.Operations = []spec.Operation{{Method: "GET", Path: "/", Body: &spec.Body{Content: []spec.Media{{Range: "a/b", Schema: spec.Schema{Name: "s0"}}}}}}
		return d
	}
	one := func(schema any) *spec.Description {
		d := chain(0, "string")
		d.Definitions["s0"] = schema
		return d
	}
	itself := map[string]any{"$ref": "#/$defs/s0"}
	wide := func(n int, kind string) *spec.Description {
		var all []any
		for i := range n {
			all = append(all, map[string]any{"anyOf": []any{
				map[string]any{"type": kind, "const": fmt.Sprint(i)}, map[string]any{"type": "object", "properties": map[string]any{fmt.Sprint("p", i): itself}},
			}})
		}
		return one(map[string]any{"allOf": all})
	}
	for name, c := range map[string]struct {
		old, updated *spec.Description
		want         diff.Kind
	}{
		"all lead to all":          {linked(300, "string"), linked(300, "integer"), diff.TypeChanged},
		"a long chain":             {chain(5000, "string"), chain(5000, "integer"), diff.TypeChanged},
		"a reference to itself":    {one(itself), one(map[string]any{"type": "string"}), diff.SchemaAdded},
		"an allOf of itself":       {one(map[string]any{"allOf": []any{itself}, "type": "string"}), one(map[string]any{"type": "integer"}), diff.TypeChanged},
		"an anyOf of itself":       {one(map[string]any{"anyOf": []any{itself, itself}}), one(map[string]any{"type": "integer"}), ""},
		"a reference to nothing":   {one(map[string]any{"$ref": "#/$defs/none"}), one(map[string]any{"type": "integer"}), diff.SchemaAdded},
		"many alternatives":        {wide(100, "string"), wide(100, "integer"), diff.ConditionChanged},
		"numbers too long":         {one(map[string]any{"type": "number", "maximum": json.Number("1e999999999")}), one(map[string]any{"type": "number", "maximum": json.Number("1e999999998")}), diff.ConditionChanged},
		"what is no schema":        {one("text"), one(map[string]any{"type": []any{1, nil}, "properties": 3, "required": "a", "enum": nil, "allOf": 7, "items": json.Number("1")}), ""},
		"no description":           {nil, one(map[string]any{}), diff.OperationAdded},
		"no description any more":  {one(map[string]any{}), nil, diff.OperationRemoved},
		"a malformed path":         {&spec.Description{Operations: []spec.Operation{{Method: "GET", Path: "/{{}"}}}, &spec.Description{}, diff.OperationRemoved},
		"more changes than told":   {&spec.Description{}, &spec.Description{Operations: make([]spec.Operation, 0), Servers: strings.Fields(strings.Repeat("x ", 3))}, diff.ServerAdded},
		"the same operation twice": {&spec.Description{Operations: []spec.Operation{{Method: "GET", Path: "/{a}"}, {Method: "GET", Path: "/{b}"}}}, &spec.Description{}, diff.OperationRemoved},
	} {
		began := time.Now()
		changes := diff.Compare(c.old, c.updated)
		took := time.Since(began)
		t.Logf("%s: %d changes in %v", name, len(changes), took)
		if took > 10*time.Second {
			t.Errorf("%s took %v", name, took)
		}
		if c.want != "" && !slices.ContainsFunc(changes, func(x diff.Change) bool { return x.Kind == c.want }) {
			t.Errorf("%s: no %s in %.3v", name, c.want, changes)
		}
		for _, d := range []*spec.Description{c.old, c.updated} {
			if same := diff.Compare(d, d); len(same) > 0 && same[0].Kind != diff.NotCompared {
				t.Errorf("%s differs from itself: %v", name, same[0])
			}
		}
	}
}

func TestOrderAndWorst(t *testing.T) {
	changes := diff.Compare(parse(t, base), parse(t, strings.NewReplacer("maximum: 100}", "maximum: 9}", "{basic: []}]", "{basic: []}, {}]", "deprecated: true", "deprecated: false").Replace(base)))
	want := []diff.Class{diff.Breaking, diff.Security, diff.Harmless}
	var got []diff.Class
	for _, c := range changes {
		got = append(got, c.Class)
	}
	if !slices.Equal(got, want) {
		t.Fatalf("%v", changes)
	}
	removed := diff.Compare(parse(t, base), nil)
	var operations []string
	for _, c := range removed {
		if c.Operation != "" {
			operations = append(operations, c.Operation)
		}
	}
	if got := strings.Join(operations, ", "); got != "GET /orders, POST /orders, DELETE /orders/{id}, GET /orders/{id}" {
		t.Errorf("the order is %s", got)
	}
	for i, c := range want {
		if w := diff.Worst(changes[i:]); w != c {
			t.Errorf("the worst of %v is %s", changes[i:], w)
		}
	}
	if diff.Worst(nil) != "" {
		t.Error("no changes have a worst one")
	}
	if text := changes[0].String(); text != "breaking bound-changed: GET /orders query limit: maximum was 100, is 9" {
		t.Error(text)
	}
	for _, c := range []struct {
		change diff.Change
		want   string
	}{
		{changes[0], "api.yaml:13: breaking bound-changed: GET /orders query limit: maximum was 100, is 9"},
		{diff.Change{Kind: "k", Class: diff.Security, Message: "m", Old: diff.Position{File: "a.raml", Line: 7}}, "a.raml:7: security k: m"},
		{diff.Change{Kind: "k", Class: diff.Harmless, Message: "m\x1b[31m\n", New: diff.Position{File: "b"}}, "b: harmless k: m\ufffd[31m\ufffd"},
	} {
		if text := c.change.Text(); text != c.want {
			t.Errorf("%q, want %q", text, c.want)
		}
	}
}
