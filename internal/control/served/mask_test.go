package served

import (
	"encoding/json"
	"strings"
	"testing"

	"farrier.dev/farrier/internal/policy/catalogue"
)

const testSchema = `{"type":"object","properties":{
	"user":{"type":"string"},
	"password":{"type":"string","writeOnly":true},
	"count":{"type":"integer"},
	"pin":{"type":"integer","writeOnly":true},
	"headers":{"type":"array","items":{"type":"object","properties":{"key":{"type":"string"},"value":{"type":"string"}}}},
	"map":{"type":"object","additionalProperties":{"type":"string"}},
	"secretMap":{"type":"object","writeOnly":true,"properties":{"inner":{"type":"string"}}},
	"list":{"type":"array","writeOnly":true,"items":{"type":"string"}},
	"certificate":{"type":"object","properties":{"key":{"type":"string","writeOnly":true},"crt":{"type":"string"}}}
}}`

func TestMask(t *testing.T) {
	var schema map[string]any
	if err := json.Unmarshal([]byte(testSchema), &schema); err != nil {
		t.Fatal(err)
	}
	cases := []struct{ name, settings, field, want string }{
		{"plain", `{"user":"ann"}`, "user", "ann"},
		{"number", `{"count":5}`, "count", "5"},
		{"write-only", `{"password":"hunter2"}`, "password", Mask},
		{"write-only number", `{"pin":4711}`, "pin", Mask},
		{"a reference names only a place", `{"password":"$DB_PASSWORD"}`, "password", "$DB_PASSWORD"},
		{"a reference in braces", `{"password":"${DB_PASSWORD}"}`, "password", "${DB_PASSWORD}"},
		{"a kept secret", `{"password":"${secret:backend/database.password}"}`, "password", "${secret:backend/database.password}"},
		{"a pinned secret", `{"password":"${secret:backend/database@7-2}"}`, "password", "${secret:backend/database}"},
		{"no reference to a kept secret", `{"password":"${secret:hunter2}"}`, "password", Mask},
		{"more than a kept secret", `{"password":"${secret:backend/database}x"}`, "password", Mask},
		{"no whole reference", `{"password":"$DB PASSWORD"}`, "password", Mask},
		{"an escaped dollar", `{"password":"$$DB"}`, "password", Mask},
		{"nested", `{"certificate":{"key":"PRIVATE","crt":"public"}}`, "certificate.key", Mask},
		{"beside nested", `{"certificate":{"key":"PRIVATE","crt":"public"}}`, "certificate.crt", "public"},
		{"below write-only", `{"secretMap":{"inner":"x"}}`, "secretMap.inner", Mask},
		{"element of a write-only list", `{"list":["x"]}`, "list[0]", Mask},
		{"unknown to the schema", `{"surprise":"x"}`, "surprise", Mask},
		{"a map", `{"map":{"a":"x"}}`, "map.a", "x"},
		{"a header", `{"headers":[{"key":"x-team","value":"blue"}]}`, "headers[0].value", "blue"},
		{"a secret header", `{"headers":[{"key":"Authorization","value":"Basic abc"}]}`, "headers[0].value", Mask},
		{"a secret header by its name", `{"headers":[{"key":"X-Api-Key","value":"abc"}]}`, "headers[0].value", Mask},
		{"the name of a secret header", `{"headers":[{"key":"X-Api-Key","value":"abc"}]}`, "headers[0].key", "X-Api-Key"},
		{"a secret in plain text", `{"user":"mail ann@example.com"}`, "user", "mail [email]"},
		{"no JSON", `{"user":`, "(settings)", Mask},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			for _, s := range masked(json.RawMessage(c.settings), schema) {
				if s.Field == c.field {
					if s.Value != c.want || s.Masked != (c.want == Mask) {
						t.Errorf("%s is shown as %q, masked %v; want %q", c.field, s.Value, s.Masked, c.want)
					}
					return
				}
			}
			t.Errorf("no field %s", c.field)
		})
	}
	for _, s := range masked(json.RawMessage(`{"user":"ann","count":5,"map":{"a":"b"}}`), nil) {
		if !s.Masked {
			t.Errorf("without a schema %s is shown as %q", s.Field, s.Value)
		}
	}
	if t.Logf("%d cases", len(cases)); len(cases) < 20 {
		t.Error("too few cases played")
	}
}

// TestNoPolicyShowsWhatItsSchemaHides puts a text into every write-only field of
// every policy of the catalogue and holds that it is never shown.
func TestNoPolicyShowsWhatItsSchemaHides(t *testing.T) {
	all, err := catalogue.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	const secret = "hunter2-hunter2"
	hidden := 0
	for _, e := range all.All() {
		var schema map[string]any
		if err := json.Unmarshal(e.Schema, &schema); err != nil {
			t.Fatal(err)
		}
		value, n := fill(schema, secret)
		hidden += n
		text, err := json.Marshal(value)
		if err != nil {
			t.Fatal(err)
		}
		for _, s := range masked(text, schema) {
			if strings.Contains(s.Value, secret) {
				t.Errorf("%s shows %s", e.Name, s.Field)
			}
		}
	}
	if t.Logf("%d policies, %d secrets", len(all.All()), hidden); len(all.All()) < 5 || hidden < 2 {
		t.Error("too few policies played")
	}
}

// fill makes a value of a schema that holds the secret wherever it is write-only.
func fill(schema map[string]any, secret string) (value any, hidden int) {
	switch {
	case schema["writeOnly"] == true:
		return secret, 1
	case schema["type"] == "object":
		object := map[string]any{}
		properties, _ := schema["properties"].(map[string]any)
		for name, sub := range properties {
			inner, n := fill(sub.(map[string]any), secret)
			object[name], hidden = inner, hidden+n
		}
		return object, hidden
	case schema["type"] == "array":
		items, _ := schema["items"].(map[string]any)
		inner, n := fill(items, secret)
		return []any{inner}, n
	}
	return "plain", 0
}

// FuzzMasked holds that no settings, however wrong, make masking panic, and that
// nothing is shown without a schema.
func FuzzMasked(f *testing.F) {
	var schema map[string]any
	if err := json.Unmarshal([]byte(testSchema), &schema); err != nil {
		f.Fatal(err)
	}
	for _, seed := range []string{`{"user":"ann","password":"x"}`, `[1,[2]]`, `"x"`, `{"headers":[{"key":1}]}`, `{`, `null`} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, settings string) {
		masked(json.RawMessage(settings), schema)
		for _, s := range masked(json.RawMessage(settings), nil) {
			if !s.Masked && s.Value != "null" && s.Value != "(none)" && s.Field != "…" && !shownReference(s.Value) {
				t.Errorf("%s is shown as %q", s.Field, s.Value)
			}
		}
	})
}

func shownReference(value string) bool {
	_, ok := referenced(value)
	return ok
}
