package responsefilter

import (
	"encoding/json"
	"reflect"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"farrier.dev/farrier/internal/policy/policytest"
	"farrier.dev/farrier/internal/spec"
)

func TestConversations(t *testing.T) { policytest.Play(t, Policy(), 4) }

func described(t testing.TB, defs string) *fields {
	t.Helper()
	v, err := spec.Value([]byte(defs), spec.Limits())
	if err != nil {
		t.Fatal(err)
	}
	f, err := newBuilder(spec.Definitions(v.(map[string]any))).root(spec.Schema{Name: "s"}) //nolint:forcetypeassert // written here
	if err != nil {
		t.Fatal(err)
	}
	return f
}

// TestCut holds what of a document stays, byte for byte.
func TestCut(t *testing.T) {
	ab := `{"s":{"properties":{"a":{},"b":{"properties":{"c":{}}}}}}`
	for _, c := range []struct{ defs, doc, want string }{
		{ab, `{"a":1,"b":{"c":2}}`, `{"a":1,"b":{"c":2}}`},
		{ab, `{ "x": 0, "a": 1.500E+2 , "y":[{"a":1}] , "z": 2 }`, `{ "a": 1.500E+2 }`},
		{ab, `{"a":1,"x":2,"b":{"x":1}}`, `{"a":1,"b":{}}`},
		{ab, `{"x":1}`, `{}`},
		{ab, `{"x":1,"y":{"a":[1]}}`, `{}`},
		{ab, `{"b":{"d":1,"c":2,"e":3},"x":1}`, `{"b":{"c":2}}`},
		{ab, `{"\u0061":12345678901234567890.10,"\u0078":1}`, `{"\u0061":12345678901234567890.10}`},
		{ab, `{"a":{"anything":[{"x":1}]}}`, `{"a":{"anything":[{"x":1}]}}`},
		{ab, `[{"x":1}]`, `[{"x":1}]`},
		{ab, `"x"`, `"x"`},
		{
			`{"s":{"items":{"$ref":"#/$defs/t"}},"t":{"properties":{"t":{"$ref":"#/$defs/t"},"n":{"type":"integer"}}}}`,
			`[{"t":{"t":{"n":1,"m":2}}},{"m":1},3]`, `[{"t":{"t":{"n":1}}},{},3]`,
		},
		{
			`{"s":{"allOf":[{"properties":{"a":{"properties":{"p":{}}}}},{"properties":{"b":{},"a":{"properties":{"q":{}}}}}]}}`,
			`{"a":{"p":1,"q":2,"r":3},"b":1,"c":1}`, `{"a":{"p":1,"q":2},"b":1}`,
		},
		{`{"s":{"oneOf":[{"properties":{"a":{}}},{"type":"null"},{"properties":{"b":{}},"required":["b"]}]}}`, `{"a":1,"b":2,"c":3}`, `{"a":1,"b":2}`},
		{`{"s":{"anyOf":[{"properties":{"a":{}}},{}]}}`, `{"a":1,"c":3}`, `{"a":1,"c":3}`},
		{`{"s":{"allOf":[{"properties":{"a":{}}},{}]}}`, `{"a":1,"c":3}`, `{"a":1}`},
		{`{"s":{"type":"object"}}`, `{"a":1}`, `{"a":1}`},
		{`{"s":{"type":"object","additionalProperties":false}}`, `{"a":1}`, `{}`},
		{`{"s":{"properties":{"a":{}},"additionalProperties":true}}`, `{"a":1,"x":{"y":1}}`, `{"a":1,"x":{"y":1}}`},
		{`{"s":{"properties":{"a":{}},"additionalProperties":{"properties":{"n":{}}}}}`, `{"a":{"z":1},"x":{"n":1,"m":1}}`, `{"a":{"z":1},"x":{"n":1}}`},
		{`{"s":{"patternProperties":{"^x-":{"properties":{"n":{}}}}}}`, `{"x-a":{"n":1,"m":2},"y":1}`, `{"x-a":{"n":1}}`},
		{`{"s":{"prefixItems":[{"properties":{"a":{}}}],"items":{"properties":{"b":{}}}}}`, `[{"a":1,"b":1,"c":1},{"a":1,"b":1}]`, `[{"a":1,"b":1},{"b":1}]`},
		{`{"s":{"properties":{"a":{},"password":{"type":"string","writeOnly":true},"pin":{"$ref":"#/$defs/p"}}},"p":{"writeOnly":true}}`, `{"password":"x","a":1,"pin":2}`, `{"a":1}`},
	} {
		f := described(t, c.defs)
		found, err := find([]byte(c.doc), f, spec.Limits())
		if err != nil {
			t.Errorf("%s: %v", c.doc, err)
			continue
		}
		if got := string(found.rest([]byte(c.doc))); got != c.want {
			t.Errorf("%s by %s: %s, want %s", c.doc, c.defs, got, c.want)
		}
	}
}

// TestPlaces holds that places are told once, without indexes and without names
// that look like data.
func TestPlaces(t *testing.T) {
	f := described(t, `{"s":{"items":{"properties":{"a":{"properties":{"b":{}}}}}}}`)
	found, err := find([]byte(`[{"x":1,"a":{"y":1}},{"x":2,"bob@example.com":1,"id12345":2}]`), f, spec.Limits())
	if err != nil {
		t.Fatal(err)
	}
	if want := []string{"/*/x", "/*/a/y", "/*/{name}"}; !reflect.DeepEqual(found.places, want) || found.dropped != 5 {
		t.Errorf("%d at %v, want %v", found.dropped, found.places, want)
	}
}

// TestAgainstPlainReader holds that cutting gives what decoding, removing and
// comparing gives, that it is well-formed, and that a second cut finds nothing.
func TestAgainstPlainReader(t *testing.T) {
	f := described(t, `{"s":{"properties":{"a":{"$ref":"#/$defs/s"},"b":{"items":{"$ref":"#/$defs/s"}},"c":{}}}}`)
	var draw func(t *rapid.T, depth int) any
	draw = func(t *rapid.T, depth int) any {
		switch k := rapid.IntRange(0, 4).Draw(t, "kind"); {
		case depth == 0 || k == 0:
			return rapid.SampledFrom([]any{1.0, "x", nil, true, "}\","}).Draw(t, "scalar")
		case k == 1:
			list := []any{}
			for range rapid.IntRange(0, 3).Draw(t, "items") {
				list = append(list, draw(t, depth-1))
			}
			return list
		}
		m := map[string]any{}
		for range rapid.IntRange(0, 5).Draw(t, "members") {
			m[rapid.SampledFrom([]string{"a", "b", "c", "d", "e", "é", `"`}).Draw(t, "name")] = draw(t, depth-1)
		}
		return m
	}
	var strip func(v any) any
	strip = func(v any) any {
		m, ok := v.(map[string]any)
		if !ok {
			return v
		}
		out := map[string]any{}
		for name, inner := range m {
			switch list, isList := inner.([]any); {
			case name == "a" || name == "b" && !isList:
				if out[name] = inner; name == "a" {
					out[name] = strip(inner)
				}
			case name == "b":
				items := make([]any, len(list))
				for i := range list {
					items[i] = strip(list[i])
				}
				out[name] = items
			case name == "c":
				out[name] = inner
			}
		}
		return out
	}
	rapid.Check(t, func(t *rapid.T) {
		value := draw(t, 4)
		doc, err := json.Marshal(value)
		if rapid.Bool().Draw(t, "indent") {
			doc, err = json.MarshalIndent(value, "", "  ")
		}
		if err != nil {
			t.Fatal(err)
		}
		found, err := find(doc, f, spec.Limits())
		if err != nil {
			t.Fatal(err)
		}
		rest := found.rest(doc)
		var got any
		if err := json.Unmarshal(rest, &got); err != nil {
			t.Fatalf("%s: %v", rest, err)
		}
		if want := strip(value); !reflect.DeepEqual(got, want) {
			t.Fatalf("%s: %v, want %v", doc, got, want)
		}
		if again, err := find(rest, f, spec.Limits()); err != nil || again.dropped > 0 {
			t.Fatalf("a second cut of %s finds %d, %v", rest, again.dropped, err)
		}
	})
}

// TestIntertwined holds that alternatives of alternatives that contain themselves
// end.
func TestIntertwined(t *testing.T) {
	var b strings.Builder
	b.WriteString(`{"s":{"anyOf":[{"$ref":"#/$defs/s0"},{"$ref":"#/$defs/s1"}]}`)
	names := "abcdefghijklmnop"
	for i := range len(names) {
		b.WriteString(`,"s` + string(names[i]) + `":{}`)
	}
	for i := range 10 {
		b.WriteString(`,"s` + string(rune('0'+i)) + `":{"properties":{`)
		for j := range 10 {
			if j > 0 {
				b.WriteByte(',')
			}
			b.WriteString(`"` + names[j:j+1] + `":{"anyOf":[{"$ref":"#/$defs/s` + string(rune('0'+(i+j)%10)) + `"},{"$ref":"#/$defs/s` + string(rune('0'+(i*j+1)%10)) + `"}]}`)
		}
		b.WriteString(`}}`)
	}
	b.WriteString("}")
	found, err := find([]byte(`{"a":{"b":{"c":{"z":1}}}}`), described(t, b.String()), spec.Limits())
	if err != nil || found.dropped != 1 {
		t.Fatalf("%v %v", found, err)
	}
}

// FuzzCut holds that no document panics, and that what is left is well-formed.
func FuzzCut(f *testing.F) {
	described := described(f, `{"s":{"properties":{"a":{"$ref":"#/$defs/s"},"b":{"items":{"$ref":"#/$defs/s"}}}}}`)
	f.Add([]byte(`{"a":{"x":1},"b":[{"y":2}],"z":3}`))
	f.Fuzz(func(t *testing.T, doc []byte) {
		found, err := find(doc, described, spec.Limits())
		if err != nil {
			return
		}
		rest := found.rest(doc)
		if again, err := find(rest, described, spec.Limits()); err != nil || again.dropped > 0 {
			t.Fatalf("%q leaves %q: %v", doc, rest, err)
		}
	})
}

func BenchmarkCut(b *testing.B) {
	f := described(b, `{"s":{"items":{"properties":{"id":{},"name":{},"tags":{"items":{}}}}}}`)
	doc := []byte(`[` + strings.Repeat(`{"id":1,"name":"nail","secret":"x","tags":["a"]},`, 20) + `{"id":2}]`)
	b.SetBytes(int64(len(doc)))
	b.ReportAllocs()
	for b.Loop() {
		found, err := find(doc, f, spec.Limits())
		if err != nil {
			b.Fatal(err)
		}
		found.rest(doc)
	}
}
