package authorization

import (
	"fmt"
	"testing"

	"farrier.dev/farrier/internal/dataweave"
	"farrier.dev/farrier/internal/policy"
	"farrier.dev/farrier/internal/policy/policytest"
	"farrier.dev/farrier/internal/traffic"
)

func TestConversations(t *testing.T) { policytest.Play(t, Policy(), 5) }

// TestClaims holds that claims count in either form in which policies leave them.
func TestClaims(t *testing.T) {
	plain := map[string]any{"scope": "a b", "roles": []any{"x", 7, "y"}, "realm": map[string]any{"n": 3}}
	value, err := dataweave.FromAny(plain)
	if err != nil {
		t.Fatal(err)
	}
	for name, claims := range map[string]any{"map": plain, "value": value, "none": nil} {
		x := &traffic.Exchange{}
		x.Auth.SetProperty("claims", claims)
		got := policy.ClaimsOf(x)
		scopes, roles := policy.ScopesOf(got, nil), policy.ClaimWords(policy.ClaimAt(got, []string{"roles"}))
		want := "[a b] [x y]"
		if claims == nil {
			want = "[] []"
		}
		if text := fmt.Sprint(scopes, roles); text != want {
			t.Errorf("%s: %s, want %s", name, text, want)
		}
		if deep := policy.ClaimAt(got, []string{"realm", "n", "m"}); !deep.IsNull() {
			t.Errorf("%s: a claim below a number is %v", name, deep)
		}
	}
}

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
		segments, whole := segmentsOf(c.path)
		values, ok := parsed.match(segments)
		ok = ok && whole
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
		segments, whole := segmentsOf(path)
		values, ok := parsed.match(segments)
		ok = ok && whole
		if !ok && values != nil {
			t.Error("a path that does not match has values")
		}
	})
}
