package datatype

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"
	"pgregory.net/rapid"

	"farrier.dev/farrier/internal/encoding/tree"
)

// maker makes declarations and values for them.
type maker struct {
	t *rapid.T
	// types are the declarations made so far, which later ones may name.
	types []string
}

func (m *maker) choose(label string, from ...string) string {
	return rapid.SampledFrom(from).Draw(m.t, label)
}

func (m *maker) chance(label string, of int) bool {
	return rapid.IntRange(0, of).Draw(m.t, label) == 0
}

// name is a type that can be named.
func (m *maker) name() string {
	names := append([]string{"string", "integer", "number", "boolean", "nil", "date-only", "time-only", "datetime-only", "datetime", "any", "object", "array"}, m.types...)
	return rapid.SampledFrom(names).Draw(m.t, "name")
}

func (m *maker) expression(depth int) string {
	switch {
	case depth > 0 && m.chance("array", 4):
		return "(" + m.expression(depth-1) + ")[]"
	case depth > 0 && m.chance("union", 4):
		return m.expression(depth-1) + " | " + m.expression(depth-1)
	case depth > 0 && m.chance("nil", 6):
		return "(" + m.expression(depth-1) + ")?"
	}
	return m.name()
}

func (m *maker) small(label string) json.Number {
	return json.Number(m.choose(label, "0", "1", "2", "3"))
}

// declaration is that of a type.
func (m *maker) declaration(depth int) any {
	switch m.choose("kind", "expression", "string", "number", "array", "object", "object", "heir") {
	case "string":
		d := map[string]any{"type": "string"}
		m.some(d, "minLength", func() any { return m.small("min") })
		m.some(d, "maxLength", func() any { return m.small("max") })
		m.some(d, "pattern", func() any { return m.choose("pattern", "a*", "^[ab]+$", "a|bb", "(?!b).*") })
		m.some(d, "enum", func() any { return []any{"a", "ab", "bb"} })
		return d
	case "number":
		d := map[string]any{"type": m.choose("numeric", "number", "integer")}
		m.some(d, "minimum", func() any { return m.small("min") })
		m.some(d, "maximum", func() any { return m.small("max") })
		m.some(d, "multipleOf", func() any { return json.Number(m.choose("of", "0.5", "2", "1.0")) })
		m.some(d, "format", func() any { return m.choose("format", "int8", "double", "int64") })
		return d
	case "array":
		d := map[string]any{"type": "array"}
		m.some(d, "items", func() any { return m.inner(depth) })
		m.some(d, "minItems", func() any { return m.small("min") })
		m.some(d, "maxItems", func() any { return m.small("max") })
		m.some(d, "uniqueItems", func() any { return m.chance("unique", 1) })
		return d
	case "object":
		return m.object(map[string]any{}, depth)
	case "heir":
		d := map[string]any{"type": []any{m.name(), m.name()}}
		if m.chance("more", 1) {
			return m.object(d, depth)
		}
		return d
	}
	return m.expression(2)
}

func (m *maker) some(d map[string]any, name string, value func() any) {
	if m.chance(name, 2) {
		d[name] = value()
	}
}

func (m *maker) inner(depth int) any {
	if depth == 0 {
		return m.expression(1)
	}
	return m.declaration(depth - 1)
}

func (m *maker) object(d map[string]any, depth int) any {
	properties := map[string]any{}
	for _, name := range []string{"a", "b?", "c"} {
		if m.chance("property "+name, 1) {
			properties[name] = m.inner(depth)
		}
	}
	closed := m.chance("closed", 4)
	if closed {
		d["additionalProperties"] = false
	} else if m.chance("patterns", 5) {
		properties["/^x/"] = m.inner(depth)
		properties["//"] = m.inner(depth)
	}
	d["properties"] = properties
	m.some(d, "minProperties", func() any { return m.small("min") })
	m.some(d, "maxProperties", func() any { return m.small("max") })
	return d
}

// value is any value of a small world.
func (m *maker) value(depth int) any {
	kinds := []string{"string", "number", "string", "number", "other", "date"}
	if depth > 0 {
		kinds = append(kinds, "array", "object", "object")
	}
	switch m.choose("value", kinds...) {
	case "string":
		return m.choose("text", "", "a", "ab", "bb", "abb")
	case "number":
		return json.Number(m.choose("number", "0", "1", "2", "1.5", "3", "4.0", "0.25"))
	case "date":
		return m.choose("date", "2015-05-23", "12:30:00", "2015-07-04T21:00:00", "2016-02-28T16:41:41.090Z")
	case "array":
		list := []any{}
		for range rapid.IntRange(0, 3).Draw(m.t, "items") {
			list = append(list, m.value(depth-1))
		}
		return list
	case "object":
		return m.members(depth)
	}
	return rapid.SampledFrom([]any{true, false, nil}).Draw(m.t, "other")
}

func (m *maker) members(depth int) any {
	object := map[string]any{}
	for _, name := range []string{"a", "b", "c", "x", "kind"} {
		if !m.chance("without "+name, 1) {
			continue
		}
		if name == "kind" {
			object[name] = m.choose("kind", "T0", "T1", "second", "T3", "T4")
			continue
		}
		object[name] = m.value(depth - 1)
	}
	return object
}

// like is a value that may be of a type.
func (m *maker) like(t *Type, depth int) any {
	t.resolve()
	if depth == 0 || m.chance("other", 9) {
		return m.value(max(depth-1, 0))
	}
	if enum := t.facets["enum"].list; len(enum) > 0 {
		return rapid.SampledFrom(enum).Draw(m.t, "of the enum").Any()
	}
	switch t.kind {
	case unionKind:
		return m.like(rapid.SampledFrom(t.alternatives).Draw(m.t, "alternative"), depth)
	case arrayKind:
		list := []any{}
		for range rapid.IntRange(0, 3).Draw(m.t, "items") {
			if t.items == nil {
				list = append(list, m.value(depth-1))
				continue
			}
			list = append(list, m.like(t.items, depth-1))
		}
		return list
	case objectKind:
		object := map[string]any{}
		if m.chance("more", 4) {
			object["xx"] = m.value(depth - 1)
		}
		for _, f := range t.fields.list {
			switch {
			case f.Pattern || !f.Required && m.chance("without", 1):
			case f.Name == "kind":
				object[f.Name] = m.choose("kind", "T0", "T1", "second")
			default:
				object[f.Name] = m.like(f.Type, depth-1)
			}
		}
		return object
	case stringKind:
		return m.choose("text", "a", "ab", "bb", "aaa")
	case numberKind, integerKind:
		return json.Number(m.choose("number", "0", "1", "2", "1.5", "3"))
	case dateOnly:
		return "2015-05-23"
	case timeOnly:
		return "12:30:00"
	case datetimeOnly:
		return "2015-07-04T21:00:00"
	case datetimeKind:
		return "2016-02-28T16:41:41.090Z"
	case booleanKind:
		return true
	case nilKind:
		return nil
	default:
		return m.value(depth)
	}
}

func asTree(t testing.TB, v any) *tree.Node {
	t.Helper()
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(v); err != nil {
		t.Fatal(err)
	}
	n, err := tree.Read(&tree.Source{Name: "value.json", Text: b.Bytes()}, tree.Options{})
	if err != nil {
		t.Fatal(err)
	}
	return n
}

// judge is the validator of others that a schema is held against.
func compileSchemas(t testing.TB, s *Set, types map[string]*Type) map[string]*jsonschema.Schema {
	t.Helper()
	schemas := map[string]any{}
	for name, typ := range types {
		schemas[name] = plain(t, typ.Schema())
	}
	for _, m := range s.Components() {
		schemas[m.Name] = plain(t, m.Value)
	}
	c := jsonschema.NewCompiler()
	c.DefaultDraft(jsonschema.Draft2020)
	c.AssertFormat()
	left := newEffort()
	c.UseRegexpEngine(func(text string) (jsonschema.Regexp, error) {
		p, err := compile(text, &left)
		return judged{p}, err
	})
	document := map[string]any{"components": map[string]any{"schemas": schemas}}
	if err := c.AddResource("urn:types", document); err != nil {
		t.Fatal(err)
	}
	out := map[string]*jsonschema.Schema{}
	for name := range types {
		compiled, err := c.Compile("urn:types#/components/schemas/" + name)
		if err != nil {
			t.Fatalf("%s: %v\n%v", name, err, document)
		}
		out[name] = compiled
	}
	return out
}

type judged struct{ p *pattern }

func (j judged) MatchString(s string) bool { return j.p.match(s) }
func (j judged) String() string            { return j.p.text }

func plain(t testing.TB, n *tree.Node) any {
	t.Helper()
	text, err := json.Marshal(n.Any())
	if err != nil {
		t.Fatal(err)
	}
	v, err := jsonschema.UnmarshalJSON(bytes.NewReader(text))
	if err != nil {
		t.Fatal(err)
	}
	return v
}

// TestSchemaAgrees holds values against types and against the schemas of these
// types, which another validator judges.
func TestSchemaAgrees(t *testing.T) {
	compared, accepted := 0, 0
	rapid.Check(t, func(rt *rapid.T) {
		m := &maker{t: rt}
		decls := map[string]any{}
		if m.chance("hierarchy", 2) {
			decls["T0"] = map[string]any{"discriminator": "kind", "properties": map[string]any{"kind": "string", "a?": "string"}}
			decls["T1"] = map[string]any{"type": "T0", "properties": map[string]any{"b": m.inner(0)}}
			decls["T2"] = map[string]any{"type": "T0", "discriminatorValue": "second"}
			m.types = []string{"T0", "T1", "T2"}
		}
		for i := len(m.types); i < 5; i++ {
			name := fmt.Sprintf("T%d", i)
			decls[name] = m.declaration(2)
			m.types = append(m.types, name)
		}
		root := asTree(t, decls)
		s, types := declare(root, options(root))
		for _, p := range s.Problems() {
			if !p.Warning {
				rt.Skip("the types are wrong:", p.Message)
			}
		}
		schemas := compileSchemas(t, s, types)
		for name, typ := range types {
			for range 4 {
				v := m.like(typ, 4)
				n := asTree(t, v)
				problems := typ.Check(n)
				if len(problems) > 0 && problems[0].Warning {
					continue
				}
				err := schemas[name].Validate(plain(t, n))
				compared++
				if err == nil {
					accepted++
				}
				if (err == nil) != (len(problems) == 0) {
					text, _ := json.Marshal(typ.Schema().Any())
					rt.Fatalf("%s of %s\nvalue %s\nschema %s\nthe type says %v\nthe schema says %v",
						name, compactly(root), compactly(n), text, problems, err)
				}
			}
		}
	})
	t.Logf("%d values were held against types and schemas, %d are accepted by both", compared, accepted)
	if compared < 500 || accepted < 150 {
		t.Errorf("too few: %d values, %d of them accepted", compared, accepted)
	}
}

func compactly(n *tree.Node) string {
	text, _ := json.Marshal(n.Any())
	return strings.TrimSpace(string(text))
}
