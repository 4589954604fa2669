package form

import (
	"encoding/json"
	"net/url"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
)

const limits = `{"type":"object","required":["rateLimits"],"properties":{
 "rateLimits":{"type":"array","items":{"type":"object","properties":{"maximumRequests":{"type":"integer"},"key":{"type":"string","format":"dataweave"}}}},
 "exposeHeaders":{"type":"boolean","default":false,"description":"Says whether."},
 "mode":{"type":"string","enum":["a","b"]},
 "password":{"type":"string","writeOnly":true},
 "names":{"type":"array","items":{"type":"string"}},
 "codes":{"type":"array","items":{"type":"integer"}},
 "free":{"type":"object","additionalProperties":{"type":"string"}},
 "nested":{"type":"object","properties":{"deep":{"type":"number"}}}}}`

func schemaOf(t testing.TB, text string) Schema {
	t.Helper()
	s, err := Parse([]byte(text))
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func TestRead(t *testing.T) {
	s := schemaOf(t, limits)
	cases := []struct{ name, form, before, want, wrong string }{
		{"nothing", "", "", `{}`, ""},
		{"numbers and lists", "rateLimits.0.maximumRequests=3&rateLimits.0.key=%23[a]&rateLimits.1.maximumRequests=&rateLimits.1.key=", "", `{"rateLimits":[{"key":"#[a]","maximumRequests":3}]}`, ""},
		{"a removed item", "rateLimits.0.maximumRequests=3&rateLimits.0.remove=1&rateLimits.1.maximumRequests=4", "", `{"rateLimits":[{"maximumRequests":4}]}`, ""},
		{"booleans", "exposeHeaders=true&mode=b", "", `{"exposeHeaders":true,"mode":"b"}`, ""},
		{"a reference", "rateLimits.0.maximumRequests=$MAX&exposeHeaders=$SHOW", "", `{"exposeHeaders":"$SHOW","rateLimits":[{"maximumRequests":"$MAX"}]}`, ""},
		{"lines", "names=a%0D%0A%0D%0Ab+c%0D%0A&codes=1%0A2", "", `{"codes":[1,2],"names":["a","b c"]}`, ""},
		{"lines as JSON", `names=["a\nb"]`, "", `{"names":["a\nb"]}`, ""},
		{"a kept secret", "password=&mode=a", `{"password":"••"}`, `{"mode":"a","password":"••"}`, ""},
		{"a new secret", "password=x", `{"password":"••"}`, `{"password":"x"}`, ""},
		{"raw", `free={"a":"b"}`, "", `{"free":{"a":"b"}}`, ""},
		{"raw that is none", `free={"a"`, "", `{}`, "free: must be JSON"},
		{"nested", "nested.deep=1.5", "", `{"nested":{"deep":1.5}}`, ""},
		{"no number", "rateLimits.0.maximumRequests=many", "", `{}`, "rateLimits[0].maximumRequests: must be a number"},
		{"what the form did not have", "mode=a", `{"nested":{"deep":1},"mode":"b"}`, `{"mode":"a","nested":{"deep":1}}`, ""},
		{"emptied", "mode=&nested.deep=", `{"nested":{"deep":1},"mode":"b"}`, `{}`, ""},
	}
	for _, c := range cases {
		values, err := url.ParseQuery(c.form)
		if err != nil {
			t.Fatal(err)
		}
		got, wrong := Read(s, values, json.RawMessage(c.before))
		told := ""
		for _, w := range wrong {
			told += w.Field + ": " + w.Message
		}
		if string(got) != c.want || !strings.HasPrefix(told, c.wrong) || (told == "") != (c.wrong == "") {
			t.Errorf("%s: %s (%s), want %s (%s)", c.name, got, told, c.want, c.wrong)
		}
	}
	t.Logf("%d cases", len(cases))
}

func TestFields(t *testing.T) {
	got, err := Fields(schemaOf(t, limits), json.RawMessage(`{"rateLimits":[{"maximumRequests":3}],"password":"hidden","names":["a","b"]}`), map[string]string{"rateLimits[0].maximumRequests": "too few"})
	if err != nil {
		t.Fatal(err)
	}
	by := map[string]Field{}
	for _, f := range got {
		by[f.Name] = f
	}
	if got[0].Name != "rateLimits" || !got[0].Required || len(got[0].Items) != 2 || got[0].Items[0].Fields[1].Error != "too few" || got[0].Items[0].Fields[1].Value != "3" {
		t.Errorf("limits %+v", got[0])
	}
	if f := by["password"]; f.Kind != Secret || !f.Kept || f.Value != "" {
		t.Errorf("a secret %+v", f)
	}
	if f := by["names"]; f.Kind != Lines || f.Value != "a\nb" {
		t.Errorf("lines %+v", f)
	}
	if f := by["exposeHeaders"]; f.Kind != Choice || f.Default != "false" || f.Help != "Says whether." || len(f.Options) != 2 {
		t.Errorf("a choice %+v", f)
	}
}

// sent is what a browser sends of a form as it was shown.
func sent(fields []Field, values url.Values) {
	for _, f := range fields {
		switch f.Kind {
		case Group:
			sent(f.Fields, values)
		case Repeats:
			sent(f.Items, values)
		case Text, Script, Secret, Number, Choice, Lines, Raw:
			values.Set(f.Name, strings.ReplaceAll(f.Value, "\n", "\r\n"))
		}
	}
}

// TestEveryPolicy holds that the form of each policy's settings, sent as it is shown,
// says what it showed.
func TestEveryPolicy(t *testing.T) {
	files, err := filepath.Glob("../../policy/*/schema.json")
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		s := schemaOf(t, string(text))
		settings, err := json.Marshal(example(s, 0))
		if err != nil {
			t.Fatal(err)
		}
		fields, err := Fields(s, settings, nil)
		if err != nil {
			t.Fatal(err)
		}
		values := url.Values{}
		sent(fields, values)
		got, wrong := Read(s, values, settings)
		var a, b any
		if json.Unmarshal(settings, &a) != nil || json.Unmarshal(got, &b) != nil || !reflect.DeepEqual(a, b) || len(wrong) > 0 {
			t.Errorf("%s: %v\n%s\n%s", file, wrong, settings, got)
		}
	}
	t.Logf("%d policies", len(files))
	if len(files) < 50 {
		t.Error("too few policies")
	}
}

// example is a value of a schema with everything in it.
func example(s Schema, depth int) any {
	switch s["type"] {
	case "object":
		out := map[string]any{}
		properties, _ := s["properties"].(map[string]any)
		for name, sub := range properties {
			if inner, ok := sub.(map[string]any); ok && depth < 8 {
				out[name] = example(inner, depth+1)
			}
		}
		if len(out) == 0 && depth > 0 {
			out["any"] = "thing"
		}
		return out
	case "array":
		items, _ := s["items"].(map[string]any)
		return []any{example(items, depth+1), example(items, depth+1)}
	case "integer":
		return 7
	case "number":
		return 1.5
	case "boolean":
		return true
	case "string":
		if all := texts(s["enum"]); len(all) > 0 {
			return all[0]
		}
	}
	return "text of " + strings.Repeat("x", depth)
}

func FuzzRead(f *testing.F) {
	f.Add("rateLimits.0.maximumRequests=3&names=a%0Ab", `{"password":"x"}`)
	s := schemaOf(f, limits)
	f.Fuzz(func(t *testing.T, query, before string) {
		values, err := url.ParseQuery(query)
		if err != nil {
			return
		}
		got, wrong := Read(s, values, json.RawMessage(before))
		if len(wrong) == 0 && !json.Valid(got) {
			t.Errorf("%q", got)
		}
		if len(wrong) == 0 {
			if _, err := Fields(s, got, nil); err != nil {
				t.Error(err)
			}
		}
	})
}
