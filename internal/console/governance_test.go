package console

import (
	"strings"
	"testing"
)

// TestEditor holds what the editor of rules says of good and bad texts.
func TestEditor(t *testing.T) {
	h := newHouse(t, clockAt(noon))
	h.seed(t)
	cookie := h.signIn(t)
	const rules = "rules:\n  title-required:\n    given: $.info\n    then: {field: summary, function: truthy}\n"
	const profile = "#%Validation Profile 1.0\nprofile: p\nviolation: [title-short]\nvalidations:\n  title-short:\n    message: too long\n    targetClass: apiContract.WebAPI\n    propertyConstraints:\n      core.name: {maxLength: 3}\n"
	const description = "openapi: 3.0.3\ninfo: {title: Orders, version: '1'}\npaths: {}\n"
	cases := map[string]struct {
		ruleset, api, specification string
		status                      int
		want                        []string
	}{
		"an API":                  {rules, "default/orders", "", 200, []string{"title-required", "1 place"}},
		"a text":                  {rules, "", description, 200, []string{"title-required"}},
		"a validation profile":    {profile, "", description, 200, []string{"title-short", "NonConformant"}},
		"no rules":                {"rules: [", "default/orders", "", 400, []string{"not YAML"}},
		"an unknown function":     {"rules:\n  a: {given: $, then: {function: nothing}}\n", "default/orders", "", 400, []string{"nothing"}},
		"nothing to judge":        {rules, "", "", 400, []string{"choose an API, or paste a description"}},
		"an API that is unknown":  {rules, "default/nowhere", "", 400, []string{"choose an API"}},
		"one without description": {rules, "partner/invoices", "", 400, []string{"farrier/specification"}},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			a := h.ask(t, "POST", "/governance/editor", cookie, form("ruleset", c.ruleset, "api", c.api, "specification", c.specification))
			if a.StatusCode != c.status {
				t.Fatalf("status %d: %.600s", a.StatusCode, a.body)
			}
			for _, want := range c.want {
				if !strings.Contains(a.body, want) {
					t.Errorf("the page does not say %q: %s", want, main(a.body))
				}
			}
		})
	}
	if t.Logf("%d trials", len(cases)); len(cases) < 8 {
		t.Error("too few played")
	}
}
