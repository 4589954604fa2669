package schema_test

import (
	"encoding/json"
	"strings"
	"testing"
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
