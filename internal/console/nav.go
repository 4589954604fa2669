package console

import (
	"cmp"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"farrier.dev/farrier/internal/access"
	"farrier.dev/farrier/internal/control"
)

// reach says where a permission must be held for a page to be of use.
type reach uint8

const (
	// here is the process's own environment.
	here reach = iota
	// anywhere is any scope: the page shows what of it there is.
	anywhere
	// top is the whole organisation.
	top
)

// place is one page of the navigation.
type place struct {
	// path is where it leads; {environment} stands for the environment at hand.
	path, name string
	// covers are beginnings of other addresses that belong to it.
	covers []string
	// needs are the permissions of which one must be held.
	needs []access.Permission
	reach reach
}

// area groups pages that one works with together.
type area struct {
	name   string
	places []place
}

// areas is the navigation in full. A page that is not served, or that the reader may
// not see, is left out.
func areas() []area {
	return []area{
		{"Overview", []place{{path: "/", name: "Overview", covers: []string{"/overview"}, needs: []access.Permission{access.ViewTraffic}}}},
		{"APIs", []place{
			{path: "/apis", name: "APIs", needs: []access.Permission{access.ViewAPIs}},
			{path: "/manage/{environment}", name: "Manage", covers: []string{"/manage"}, needs: []access.Permission{access.ViewAPIs}, reach: anywhere},
			{path: "/manage/{environment}/changes", name: "Changes", needs: []access.Permission{access.ViewAPIs}, reach: anywhere},
			{path: "/manage/{environment}/review", name: "Review", needs: []access.Permission{access.ViewAPIs}, reach: anywhere},
			{path: "/manage/{environment}/revisions", name: "Revisions", needs: []access.Permission{access.ViewAPIs}, reach: anywhere},
			{path: "/revision", name: "In service", needs: []access.Permission{access.ViewAPIs}},
			{path: "/clients", name: "Clients & contracts", needs: []access.Permission{access.ViewClients}, reach: anywhere},
			{path: "/portal", name: "Portal", needs: []access.Permission{access.UsePortal}, reach: anywhere},
		}},
		{"Security", []place{
			{path: "/refusals", name: "Refusals", covers: []string{"/exchanges"}, needs: []access.Permission{access.ViewTraffic}},
			{path: "/findings", name: "Findings", needs: []access.Permission{access.ViewFindings}},
			{path: "/incidents", name: "Incidents", needs: []access.Permission{access.ViewFindings}},
			{path: "/inventory", name: "Inventory", needs: []access.Permission{access.ViewInventory}},
			{path: "/governance", name: "Governance", needs: []access.Permission{access.ViewGovernance}},
			{path: "/projects", name: "Projects", needs: []access.Permission{access.ViewProjects}},
		}},
		{"Operate", []place{
			{path: "/alerts", name: "Alerts", needs: []access.Permission{access.ViewAlerts}},
			{path: "/monitoring", name: "Monitoring", needs: []access.Permission{access.ViewTraffic}},
			{path: "/health", name: "Health", needs: []access.Permission{access.ViewAlerts}},
			{path: "/gateways", name: "Gateways", needs: []access.Permission{access.ViewGateways}, reach: anywhere},
			{path: "/secrets", name: "Secrets", covers: []string{"/certificates"}, needs: []access.Permission{access.ViewSecrets}, reach: anywhere},
			{path: "/credentials", name: "Credentials", needs: []access.Permission{access.ViewSecrets}},
		}},
		{"Admin", []place{
			{path: "/access", name: "Access", needs: []access.Permission{access.ViewAccess, access.ManageAccess}, reach: top},
			{path: "/access/groups", name: "Groups", needs: []access.Permission{access.ManageAccess}, reach: anywhere},
			{path: "/audit", name: "Audit", needs: []access.Permission{access.ViewAudit}, reach: anywhere},
		}},
	}
}

// navLink is one link of the navigation.
type navLink struct {
	Path, Name string
	// Here says that the page that is shown belongs to it.
	Here bool
}

// navigation is what the head of a page shows.
type navigation struct {
	// Areas lead to the first page of each; Places are those of the area at hand.
	Areas, Places []navLink
	// Area is the name of the area at hand, empty for none.
	Area string
	// Account says that the reader looks at their own account.
	Account bool
}

// navigate finds what the reader may see, and where they are.
func (c *console) navigate(p control.Principal, path string) navigation {
	environment := cmp.Or(c.Environment, "default")
	if at, found := strings.CutPrefix(path, managePath); found {
		at, _, _ = strings.Cut(at, "/")
		environment = cmp.Or(at, environment)
	}
	n, at := navigation{Account: covers("/account", path)}, c.where()
	longest := 0
	for _, a := range areas() {
		var links []navLink
		current := -1
		for _, pl := range a.places {
			if !c.shows(p, &pl, at) || pl.path == "/access/groups" && len(links) > 0 {
				continue
			}
			to := strings.ReplaceAll(pl.path, "{environment}", url.PathEscape(environment))
			for _, prefix := range append([]string{to}, pl.covers...) {
				if len(prefix) > longest && covers(prefix, path) {
					longest, current = len(prefix), len(links)
				}
			}
			links = append(links, navLink{Path: to, Name: pl.name})
		}
		if len(links) == 0 {
			continue
		}
		n.Areas = append(n.Areas, navLink{Path: links[0].Path, Name: a.name})
		if current >= 0 {
			links[current].Here = true
			n.Area, n.Places = a.name, links
		}
	}
	for i := range n.Areas {
		n.Areas[i].Here = n.Areas[i].Name == n.Area
	}
	if len(n.Places) == 1 && n.Places[0].Name == n.Area {
		n.Places = nil
	}
	return n
}

// covers says that an address is prefix, or lies below it.
func covers(prefix, path string) bool {
	return path == prefix || prefix != "/" && strings.HasPrefix(path, prefix+"/")
}

// shows says that a page is served and that the reader may see it; at is the scope of
// the process's own environment.
func (c *console) shows(p control.Principal, pl *place, at access.Scope) bool {
	pattern := "GET " + pl.path
	if pl.path == "/" {
		pattern = "GET /{$}"
	}
	if !c.served[pattern] {
		return false
	}
	return slices.ContainsFunc(pl.needs, func(what access.Permission) bool {
		switch pl.reach {
		case here:
			return p.May(what, at)
		case top:
			return p.May(what, access.Scope{Group: access.Root})
		case anywhere:
		}
		return p.May(what, access.Scope{Group: access.Root}) || slices.ContainsFunc(p.Grants, func(g access.Grant) bool { return p.May(what, g.Scope) })
	})
}

// where is the scope of the process's own environment.
func (c *console) where() access.Scope {
	if c.Where == nil {
		return access.Scope{Group: access.Root, Environment: cmp.Or(c.Environment, "default")}
	}
	return c.Where.At()
}

// lead sends readers who may not see the overview to the first page that they may.
func (c *console) lead(next func(http.ResponseWriter, *request) error) func(http.ResponseWriter, *request) error {
	return func(w http.ResponseWriter, r *request) error {
		if r.principal.May(access.ViewTraffic, c.where()) {
			return next(w, r)
		}
		if n := c.navigate(r.principal, r.URL.Path); len(n.Areas) > 0 {
			return see(w, r, n.Areas[0].Path)
		}
		return see(w, r, "/account")
	}
}
