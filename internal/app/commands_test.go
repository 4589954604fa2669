package app_test

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"

	"farrier.dev/farrier/internal/app"
	"farrier.dev/farrier/internal/policy/catalogue"
)

// TestEveryPolicyIsPrinted holds that the command prints each policy in every
// format, by each of its names.
func TestEveryPolicyIsPrinted(t *testing.T) {
	known, err := catalogue.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	printed := 0
	show := func(name, format string) string {
		t.Helper()
		var out bytes.Buffer
		if err := app.PrintPolicies(known, name, format, &out); err != nil {
			t.Errorf("%q as %s: %v", name, format, err)
		}
		printed++
		return out.String()
	}
	whole := map[string]string{}
	for _, format := range []string{"text", "md", "json"} {
		whole[format] = show("", format)
	}
	var list []struct {
		Name, Title, Category, Direction string
		Settings                         map[string]any
	}
	if err := json.Unmarshal([]byte(whole["json"]), &list); err != nil || len(list) != len(known.All()) {
		t.Fatalf("JSON of %d policies, error %v", len(list), err)
	}
	for i, e := range known.All() {
		if one := list[i]; one.Name != e.Name || one.Title == "" || one.Category == "" || one.Direction == "" || one.Settings == nil {
			t.Errorf("%s: JSON has %+v", e.Name, one)
		}
		for format, text := range whole {
			if !strings.Contains(text, e.Name) {
				t.Errorf("the list as %s says nothing of %s", format, e.Name)
			}
		}
		text, md := show(e.Name, "text"), show(e.Name, "md")
		for _, s := range e.Settings() {
			if !strings.Contains(text, s.Name) || !strings.Contains(md, s.Name) {
				t.Errorf("%s: the setting %s is not printed", e.Name, s.Name)
			}
		}
		for _, name := range append([]string{strings.TrimSuffix(e.Name, "-flex")}, e.Aliases...) {
			if show(name, "text") != text {
				t.Errorf("%s is not the same as %s", name, e.Name)
			}
		}
	}
	t.Logf("printed %d policies %d times", len(list), printed)
	if len(list) < 70 {
		t.Error("that are too few")
	}
}
