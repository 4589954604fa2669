package catalogue_test

import (
	"encoding/json"
	"testing"

	"farrier.dev/farrier/internal/policy/catalogue"
)

// TestCatalogue holds that every policy can be listed: it has a name, a title,
// a category, a schema in words, and a way to compile its settings.
func TestCatalogue(t *testing.T) {
	c, err := catalogue.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range c.All() {
		if e.Name == "" || e.Title == "" || e.Category == "" || e.Compile == nil {
			t.Errorf("%s: title %q, category %q", e.Name, e.Title, e.Category)
		}
		if c.Find(e.Name) != e {
			t.Errorf("%s is not found by its name", e.Name)
		}
		var schema struct {
			Properties map[string]struct{ Description string }
		}
		if err := json.Unmarshal(e.Schema, &schema); err != nil {
			t.Errorf("%s: %v", e.Name, err)
		}
		for name, property := range schema.Properties {
			if property.Description == "" {
				t.Errorf("%s: the setting %s has no description", e.Name, name)
			}
		}
	}
	t.Logf("looked at %d policies", len(c.All()))
	if len(c.All()) < 16 {
		t.Errorf("%d policies only", len(c.All()))
	}
}
