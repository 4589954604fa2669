package schema_test

import (
	"encoding/json"
	"strings"
	"testing"

	"farrier.dev/farrier/internal/encoding/jsontext"
	"farrier.dev/farrier/internal/spec/schema"
)

// value unmarshals a text as schemas want it.
func value(t testing.TB, text string) any {
	t.Helper()
	d := json.NewDecoder(strings.NewReader(text))
	d.UseNumber()
	var v any
	if err := d.Decode(&v); err != nil {
		t.Fatalf("%s: %v", text, err)
	}
	return v
}

// compiled is the schema x of definitions.
func compiled(t testing.TB, defs string) *schema.Schema {
	t.Helper()
	named, _ := value(t, defs).(map[string]any)
	s, err := schema.NewSet(named, schema.Options{}).Schema("x")
	if err != nil {
		t.Fatalf("%s: %v", defs, err)
	}
	return s
}

func parsed(t testing.TB, text string) *schema.Document {
	t.Helper()
	var d schema.Document
	limits := jsontext.DefaultLimits()
	limits.MaxDepth, limits.MaxElements = 3000, 1<<20
	if err := d.Parse([]byte(text), limits); err != nil {
		t.Fatal(err)
	}
	return &d
}
