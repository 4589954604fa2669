package console

import (
	"net/http"
	"strings"
	"testing"

	"farrier.dev/farrier/internal/access"
	"farrier.dev/farrier/internal/control"
	"farrier.dev/farrier/internal/control/fleet"
)

// TestEveryRouteHasARule holds that no address for operators is without a rule, that
// every rule is for one, and that who holds nothing comes no further than to their own
// things.
func TestEveryRouteHasARule(t *testing.T) {
	nobody, used, open := control.Principal{Operator: "nobody"}, map[string]bool{}, 0
	c := &console{Options: everything()}
	c.Fleet = &fleet.Service{}
	for _, r := range c.routes() {
		if r.access != operators {
			continue
		}
		rule, err := ruleOf(r.pattern)
		if err != nil {
			t.Error(err)
			continue
		}
		used[rule.path] = true
		method, _, _ := strings.Cut(r.pattern, " ")
		if rule.admits(method, nobody) == nil {
			open++
		}
		if method != http.MethodGet && rule.sees != nil && rule.does == nil {
			t.Errorf("%s: its rule lets nobody change anything", r.pattern)
		}
		for _, what := range access.Permissions() {
			p := control.Principal{Operator: "one", Grants: []access.Grant{{Permission: what, Scope: access.Scope{Group: "root/far/away", Environment: "e"}}}}
			want := rule.sees == nil && rule.does == nil
			for _, one := range map[bool][]access.Permission{true: rule.sees, false: rule.does}[method == http.MethodGet] {
				want = want || one == what
			}
			if got := rule.admits(method, p) == nil; got != want {
				t.Errorf("%s with %s somewhere: let in %t, want %t", r.pattern, what, got, want)
			}
			p.Limits = []access.Permission{}
			if rule.sees != nil && rule.admits(method, p) == nil {
				t.Errorf("%s: a token without permissions is let in", r.pattern)
			}
		}
	}
	for _, one := range admissions() {
		if !used[one.path] && one.path != "/certificates" && one.path != "/monitoring" {
			t.Errorf("the rule of %s is for nothing", one.path)
		}
	}
	for _, pattern := range []string{"GET /elsewhere", "POST /alertsandmore", "GET /accessible/x"} {
		if _, err := ruleOf(pattern); err == nil {
			t.Errorf("%s has a rule", pattern)
		}
	}
	if t.Logf("%d rules; %d routes are open to every operator", len(admissions()), open); len(used) < 20 || open > 60 {
		t.Error("too few rules, or too much is open")
	}
}
