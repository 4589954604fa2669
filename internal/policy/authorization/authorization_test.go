package authorization

import (
	"testing"

	"farrier.dev/farrier/internal/policy/policytest"
)

func TestConversations(t *testing.T) { policytest.Play(t, Policy(), 4) }

func TestTemplates(t *testing.T) {
	for _, c := range []struct {
		template, path string
		want           bool
		id             string
	}{
		{"/orders/{id}", "/orders/7", true, "7"},
		{"/orders/{id}", "/orders/7/", true, "7"},
		{"/orders/{id}", "/orders/7;v=1", true, "7"},
		{"/orders/{id}", "/orders/a%20b", true, "a b"},
		{"/orders/{id}", "/orders", false, ""},
		{"/orders/{id}", "/orders/;x", false, ""},
		{"/orders/{id}", "/orders/7/items", false, ""},
		{"/orders/{id}", "/Orders/7", false, ""},
		{"/orders/**", "/orders", true, ""},
		{"/orders/**", "/orders/7/items", true, ""},
		{"/orders/**", "/ordersheet", false, ""},
		{"/**", "/", true, ""},
		{"/", "/", true, ""},
		{"/", "/x", false, ""},
		{"/a/{id}/c/**", "/a/b/c/d/e", true, "b"},
	} {
		parsed, err := parseTemplate(c.template)
		if err != nil {
			t.Fatal(err)
		}
		values, ok := parsed.match(segmentsOf(c.path))
		if ok != c.want || values["id"] != c.id {
			t.Errorf("%s on %s: %v %q, want %v %q", c.template, c.path, ok, values["id"], c.want, c.id)
		}
	}
}

func FuzzTemplate(f *testing.F) {
	f.Add("/orders/{id}/**", "/orders/7/items")
	f.Fuzz(func(t *testing.T, text, path string) {
		if text == "" {
			return
		}
		parsed, err := parseTemplate(text)
		if err != nil {
			return
		}
		values, ok := parsed.match(segmentsOf(path))
		if !ok && values != nil {
			t.Error("a path that does not match has values")
		}
	})
}
