package app

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"

	"farrier.dev/farrier/internal/access"
	"farrier.dev/farrier/internal/api"
)

// TestNeedsAreWhatIsAsked holds that the table of the API tells the truth: who has
// exactly what a route needs, where it needs it, is never refused for want of a
// permission, and who lacks one of those is.
func TestNeedsAreWhatIsAsked(t *testing.T) {
	w := startAuthWorld(t, nil)
	w.settle()
	tokens := map[string]string{}
	token := func(all []access.Permission, environment bool) string {
		key := fmt.Sprint(all, environment)
		if tokens[key] == "" {
			var grants []access.KeptGrant
			for _, one := range all {
				g := access.KeptGrant{Group: w.north.group, Permission: one}
				if environment {
					g.Environment = w.north.environment
				}
				grants = append(grants, g)
			}
			tokens[key] = w.signIn(fmt.Sprintf("exact-%d", len(tokens)), grants...)
		}
		return tokens[key]
	}
	routes, sample := api.Routes(&api.Services{}), bodies(w.north)
	// Tiers and contracts take what is needed in their environment, beside the group.
	sample["POST /groups/{group}/applications/import"] = map[string]any{"applications": []any{map[string]any{"name": "taken", "clientId": "takenid"}}}
	// What is there goes away last.
	order := []string{http.MethodGet, http.MethodPatch, http.MethodPut, http.MethodPost, http.MethodDelete}
	slices.SortStableFunc(routes, func(a, b api.Route) int { return slices.Index(order, a.Method) - slices.Index(order, b.Method) })
	let, refused := 0, 0
	for i := range routes {
		route := &routes[i]
		if route.At != api.Group && route.At != api.Environment || byThing(route.Path) {
			continue // the roles of the matrix play what is needed in the whole organisation
		}
		name, path := route.Method+" "+route.Path, filled(route.Path, func(string) *tenant { return w.north })
		text, all := written(t, sample[name]), append([]access.Permission{route.Needs}, route.And...)
		ask := func(all []access.Permission) answered {
			return w.ask(token(all, route.At == api.Environment), route.Method, path, text, "If-Match", seenVersion(route.Path, w.north))
		}
		for k := range all {
			refused++
			if a := ask(slices.Delete(slices.Clone(all), k, k+1)); a.status != http.StatusForbidden && a.status != http.StatusNotFound {
				t.Errorf("%s without %s: %d %.200s", name, all[k], a.status, a.body)
			}
		}
		let++
		if a := ask(all); a.status == http.StatusForbidden && !strings.Contains(a.body, "not downloadable") {
			t.Errorf("%s with %s alone: %d %.300s", name, all, a.status, a.body)
		}
	}
	if t.Logf("%d routes with exactly what they need, %d times without one of that", let, refused); let < 80 || refused < let {
		t.Error("too few played")
	}
}
