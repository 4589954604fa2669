package jsontext_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"testing"

	"farrier.dev/farrier/internal/encoding/jsontext"
)

func TestMembers(t *testing.T) {
	members, object, err := jsontext.Members([]byte(` { "a" : 1, "b\u0062": {"x":[1,{}]} , "c":[ ], "d":"}" } `), jsontext.DefaultLimits())
	if err != nil || !object {
		t.Fatal(object, err)
	}
	text := ""
	for _, m := range members {
		text += fmt.Sprintf("%s=%s@%d ", m.Name, m.Value, m.Offset)
	}
	if want := `a=1@9 bb={"x":[1,{}]}@23 c=[ ]@42 d="}"@51 `; text != want {
		t.Errorf("got %s, want %s", text, want)
	}
	for _, other := range []string{`[1]`, `1`, `"{}"`, `null`} {
		if _, object, err := jsontext.Members([]byte(other), jsontext.DefaultLimits()); object || err != nil {
			t.Errorf("%s: object %v, error %v", other, object, err)
		}
	}
	if _, _, err := jsontext.Members([]byte(`{"a":1} x`), jsontext.DefaultLimits()); err == nil {
		t.Error("what follows the document went unnoticed")
	}
}

func TestElements(t *testing.T) {
	elements, array, err := jsontext.Elements([]byte(`[1, [2,[3]] ,{"a":{}}, "x", null]`), jsontext.DefaultLimits())
	if err != nil || !array {
		t.Fatal(array, err)
	}
	if got := string(bytes.Join(elements, []byte("|"))); got != `1|[2,[3]]|{"a":{}}|"x"|null` {
		t.Errorf("got %s", got)
	}
}

func TestRewrite(t *testing.T) {
	out, err := jsontext.Rewrite([]byte(`{ "a" : "x", "b":[ "x",2 ] }`), jsontext.DefaultLimits(), func(_ jsontext.Path, t jsontext.Token) []byte {
		if string(t.Raw) == `"x"` {
			return []byte(`"longer"`)
		}
		return nil
	})
	if err != nil || string(out) != `{ "a" : "longer", "b":[ "longer",2 ] }` {
		t.Errorf("got %s, %v", out, err)
	}
	if out, err := jsontext.Rewrite([]byte(`[1]`), jsontext.DefaultLimits(), func(jsontext.Path, jsontext.Token) []byte { return nil }); out != nil || err != nil {
		t.Errorf("nothing changed, got %s, %v", out, err)
	}
}

// FuzzShallow holds that what is split is what encoding/json splits.
func FuzzShallow(f *testing.F) {
	f.Add([]byte(`{"a":[1,{"b":2}],"c":"x"}`))
	f.Add([]byte(`[[],{},1]`))
	f.Fuzz(func(t *testing.T, data []byte) {
		lim := jsontext.DefaultLimits()
		lim.UniqueNames = true
		if members, object, err := jsontext.Members(data, lim); err == nil && object {
			var want map[string]json.RawMessage
			if err := json.Unmarshal(data, &want); err != nil || len(want) != len(members) {
				t.Fatalf("%q: %d members, want %d (%v)", data, len(members), len(want), err)
			}
			for _, m := range members {
				if !bytes.Equal(want[m.Name], m.Value) || !bytes.HasPrefix(data[m.Offset:], m.Value) {
					t.Fatalf("%q: %s is %s, want %s", data, m.Name, m.Value, want[m.Name])
				}
			}
		}
		if elements, array, err := jsontext.Elements(data, lim); err == nil && array {
			var want []json.RawMessage
			if err := json.Unmarshal(data, &want); err != nil || len(want) != len(elements) {
				t.Fatalf("%q: %d elements, want %d (%v)", data, len(elements), len(want), err)
			}
		}
	})
}
