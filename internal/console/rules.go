package console

import (
	"fmt"
	"net/http"
	"slices"
	"strings"

	"farrier.dev/farrier/internal/access"
	"farrier.dev/farrier/internal/control"
)

// rule says who is let in to the addresses below a path, before any handler runs:
// whoever holds one of the permissions in any place. In which place they need it, and
// what else, the service behind the page asks.
type rule struct {
	path string
	// sees is for what is only read, does for all else. Both nil let in every operator:
	// what is there is their own, or depends on what they may see.
	sees, does []access.Permission
}

// admissions is the table of all rules; the longest path that leads to an address decides. An
// address without a rule is served to nobody, and fails the build.
func admissions() []rule {
	one := func(all ...access.Permission) []access.Permission { return all }
	return []rule{
		// One's own things, the way to pages that one may see, and what shows of each kind
		// only that.
		{path: "/$"},
		{path: "/{$}"},
		{path: "/account"},
		{path: "/confirm"},
		{path: "/sso"},
		{path: "/search"},
		{path: "/access/roles"},
		// Teams are seen by their members and changed by their maintainers, groups of secrets
		// by whom grants on them name.
		{path: "/access/teams"},
		{path: "/secrets"},
		{path: "/certificates"},
		{path: "/overview", sees: one(access.ViewTraffic)},
		{path: "/monitoring", sees: one(access.ViewTraffic)},
		{path: "/refusals", sees: one(access.ViewTraffic)},
		{path: "/exchanges", sees: one(access.ViewTraffic)},
		{
			path: "/apis", sees: one(access.ViewAPIs, access.ViewTraffic, access.ViewInventory, access.ViewContracts),
			does: one(access.ManageInventory, access.ManageContracts),
		},
		{path: "/revision", sees: one(access.ViewAPIs)},
		{
			path: "/manage", sees: one(access.ViewAPIs, access.ViewPolicies),
			does: one(access.ManageAPIs, access.ManagePolicies, access.Publish, access.ManageAccess),
		},
		{
			path: "/clients", sees: one(access.ViewClients, access.ViewContracts, access.UsePortal),
			does: one(access.ManageClients, access.UsePortal),
		},
		{path: "/portal", sees: one(access.UsePortal), does: one(access.UsePortal)},
		{path: "/findings", sees: one(access.ViewFindings), does: one(access.ManageFindings)},
		{path: "/incidents", sees: one(access.ViewFindings), does: one(access.ManageFindings, access.Contain, access.ViewTraffic)},
		{path: "/inventory", sees: one(access.ViewInventory), does: one(access.ManageInventory)},
		{path: "/governance", sees: one(access.ViewGovernance), does: one(access.ViewGovernance)},
		{path: "/projects", sees: one(access.ViewProjects), does: one(access.ManageProjects)},
		{path: "/alerts", sees: one(access.ViewAlerts), does: one(access.ManageAlerts)},
		{path: "/health", sees: one(access.ViewAlerts), does: one(access.ManageAlerts)},
		{path: "/gateways", sees: one(access.ViewGateways), does: one(access.ManageGateways)},
		{path: "/credentials", sees: one(access.ViewSecrets)},
		{path: "/access", sees: one(access.ViewAccess, access.ManageAccess), does: one(access.ManageAccess)},
		{path: "/audit", sees: one(access.ViewAudit)},
	}
}

// ruleOf finds the rule of a pattern.
func ruleOf(pattern string) (rule, error) {
	_, path, found := strings.Cut(pattern, " ")
	if !found { // what is not found
		path = "/$"
	}
	best := rule{}
	for _, one := range admissions() {
		if (path == one.path || strings.HasPrefix(path, one.path+"/")) && len(one.path) > len(best.path) {
			best = one
		}
	}
	if best.path == "" {
		return rule{}, fmt.Errorf("console: nothing says who may use %q; give it a rule", pattern)
	}
	return best, nil
}

// admits refuses a principal whom the rule of a route does not let in.
func (r rule) admits(method string, p control.Principal) error {
	needed := r.does
	if method == http.MethodGet || method == http.MethodHead {
		needed = r.sees
	}
	if r.sees == nil && r.does == nil {
		return nil
	}
	if slices.ContainsFunc(needed, func(what access.Permission) bool { return holds(p, what) }) {
		return nil
	}
	return control.ErrForbidden
}

// holds reports whether a principal holds a permission in any place.
func holds(p control.Principal, what access.Permission) bool {
	return p.May(what, access.Scope{Group: access.Root}) ||
		slices.ContainsFunc(p.Grants, func(g access.Grant) bool { return p.May(what, g.Scope) })
}
