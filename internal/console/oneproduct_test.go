package console

import (
	"net/http"
	"regexp"
	"slices"
	"strings"
	"testing"

	"farrier.dev/farrier/internal/access"
	"farrier.dev/farrier/internal/control"
	"farrier.dev/farrier/internal/traffic"
)

// TestNavigation holds what each role is shown, and that the way back is marked.
func TestNavigation(t *testing.T) {
	h := fullHouse(t)
	all := h.console
	all.served = map[string]bool{}
	for _, r := range all.routes() {
		all.served[r.pattern] = true
	}
	names := func(n []navLink) (out []string) {
		for _, l := range n {
			out = append(out, l.Name)
		}
		return out
	}
	at := access.Scope{Group: access.Root, Environment: "production"}
	cases := []struct {
		role              access.Role
		path, area, here  string
		areas, places, no string
	}{
		{access.RoleAdmin, "/", "Overview", "", "Overview APIs Security Operate Admin", "", ""},
		{access.RoleAdmin, "/exchanges/X", "Security", "Refusals", "Admin", "Refusals Findings Inventory Governance Projects", ""},
		{access.RoleAdmin, "/manage/staging/changes", "APIs", "Changes", "", "Manage Changes Revisions", ""},
		{access.RoleAdmin, "/manage/staging/policies/a/b", "APIs", "Manage", "", "", ""},
		{access.RoleAdmin, "/access/teams/1", "Admin", "Access", "", "Access Audit", "Groups"},
		{access.RoleAdmin, "/account", "", "", "", "", ""},
		{access.RoleDeveloper, "/portal/applications", "APIs", "", "APIs", "", "Overview Security Operate Admin"},
		{access.RoleAuditViewer, "/audit", "Admin", "", "Admin", "", "APIs Security Overview"},
		{access.RoleSecretsAdmin, "/secrets/a", "Operate", "Secrets", "Operate", "Secrets Credentials", "Alerts Gateways Admin"},
		{access.RoleEnvironmentAdmin, "/gateways", "Operate", "Gateways", "Overview", "Alerts Gateways Secrets", "Admin Audit"},
	}
	for _, one := range cases {
		p := control.Principal{Operator: "ann", Grants: []access.Grant{{Role: one.role, Scope: at}}}
		if one.role == access.RoleAdmin || one.role == access.RoleAuditViewer {
			p.Grants[0].Scope = access.Scope{Group: access.Root}
		}
		n := all.navigate(p, one.path)
		shown := append(names(n.Areas), names(n.Places)...)
		for _, want := range strings.Fields(one.areas + " " + one.places) {
			if !slices.Contains(shown, want) {
				t.Errorf("%s at %s is not shown %s: %q", one.role, one.path, want, shown)
			}
		}
		for _, not := range strings.Fields(one.no) {
			if slices.Contains(shown, not) {
				t.Errorf("%s at %s is shown %s: %q", one.role, one.path, not, shown)
			}
		}
		here := ""
		for _, l := range n.Places {
			if l.Here {
				here += l.Name
			}
		}
		if n.Area != one.area || here != one.here && one.here != "" {
			t.Errorf("%s at %s: area %q, here %q", one.role, one.path, n.Area, here)
		}
	}
	if n := all.navigate(control.Principal{Operator: "nobody"}, "/"); len(n.Areas) > 0 {
		t.Errorf("who may nothing is shown %v", n.Areas)
	}
	if t.Logf("%d ways", len(cases)); len(cases) < 10 {
		t.Error("too few")
	}
}

// TestNoDeadLink holds that everything the navigation leads an administrator to opens.
func TestNoDeadLink(t *testing.T) {
	h := fullHouse(t)
	cookie := h.signIn(t)
	followed := 0
	link := regexp.MustCompile(`<a href="([^"]*)"`)
	head := func(path string) []string {
		a := h.ask(t, http.MethodGet, path, cookie)
		if a.StatusCode != http.StatusOK {
			t.Errorf("%s: %d", path, a.StatusCode)
		}
		top, _, _ := strings.Cut(a.body, "</header>")
		var out []string
		for _, m := range link.FindAllStringSubmatch(top, -1) {
			out = append(out, m[1])
		}
		return out
	}
	seen := map[string]bool{}
	for _, area := range head("/") {
		for _, path := range head(area) {
			if !seen[path] {
				seen[path] = true
				followed++
				head(path)
			}
		}
	}
	if t.Logf("%d links", followed); followed < 18 {
		t.Errorf("too few links: %v", seen)
	}
}

// TestSearch holds what is found, and that who may not see something does not find it.
func TestSearch(t *testing.T) {
	h := fullHouse(t)
	h.seed(t)
	h.learn(t, 50)
	cookie := h.signIn(t)
	h.furnish(t, cookie)
	cases := map[string][]string{
		"orders":       {`href="/apis/default/orders"`, `href="/manage/production/apis/default/orders"`, "Operations", "/inventory/operations/"},
		"SHOE":         {"/clients/root/", "Shoe shop"},
		"ann":          {"/access/accounts/", "Ann"},
		"night":        {"/access/teams/"},
		"crs-942100":   {"/findings/", "crs-942100"},
		"database":     {`href="/secrets/backend/database"`},
		"revision 1":   {"/manage/production/revisions?from=0&amp;to=1"},
		"the first":    {"Revision 1"},
		"edge":         {"/gateways?environment=production"},
		"govern":       {`href="/governance"`},
		"rate":         {"/refusals?policy=rate-limiting-flex"},
		"nothingatall": {"Nothing of that name"},
		"":             {"Find anything"},
		"<script>x":    {"Nothing of that name", "&lt;script&gt;"},
	}
	for text, want := range cases {
		a := h.ask(t, http.MethodGet, query("/search", "q", text), cookie)
		for _, one := range want {
			if a.StatusCode != http.StatusOK || !strings.Contains(a.body, one) {
				t.Errorf("%q: %d, no %q in %.2500s", text, a.StatusCode, one, main(a.body))
			}
		}
		if strings.Contains(a.body, hidden) || strings.Contains(a.body, "<script>x") || strings.Contains(a.body, "could not be searched") {
			t.Errorf("%q: %.900s", text, main(a.body))
		}
	}
	id := traffic.NewID(h.now())
	if a := h.ask(t, http.MethodGet, "/search?q="+strings.ToLower(id), cookie); a.Header.Get("Location") != "/exchanges/"+id {
		t.Errorf("a correlation id: %d to %q", a.StatusCode, a.Header.Get("Location"))
	}
	// Somebody who uses the portal only.
	a := h.ask(t, "POST", "/access/accounts", cookie, form("name", "bob", "kind", "person"))
	bob := a.Header.Get("Location")
	a = h.ask(t, "POST", bob+"/invite", cookie)
	token := regexp.MustCompile(`/login\?token=([\w-]{43})`).FindStringSubmatch(a.body)
	theirs := sessionCookie(t, h.ask(t, "POST", "/login/link", "", form("token", token[1])))
	theirs = sessionCookie(t, h.ask(t, "POST", "/password", theirs, form("password", "vexed otter hums", "again", "vexed otter hums")))
	h.ask(t, "POST", bob+"/grants", cookie, form("what", "developer", "where", "root"))
	for text := range cases {
		a := h.ask(t, http.MethodGet, query("/search", "q", text), theirs)
		if a.StatusCode != http.StatusOK || strings.Contains(main(a.body), "<li>") {
			t.Errorf("a developer finds by %q: %d %.900s", text, a.StatusCode, main(a.body))
		}
	}
	if a := h.ask(t, http.MethodGet, "/search?q="+id, theirs); a.StatusCode != http.StatusOK {
		t.Errorf("a developer follows a correlation id: %d", a.StatusCode)
	}
	if a := h.ask(t, http.MethodGet, "/", theirs); a.Header.Get("Location") != "/portal" {
		t.Errorf("a developer is led to %q: %d", a.Header.Get("Location"), a.StatusCode)
	}
	if t.Logf("%d searches by two", len(cases)); len(cases) < 14 {
		t.Error("too few")
	}
}

// TestGateways invites a gateway and removes it.
func TestGateways(t *testing.T) {
	h := fullHouse(t)
	cookie := h.signIn(t)
	page := func(method, path string, status int, want string, fields ...string) string {
		t.Helper()
		a := h.ask(t, method, path, cookie, form(fields...))
		if a.StatusCode != status || !strings.Contains(a.body+a.Header.Get("Location"), want) || strings.Contains(a.body, "ZgotmplZ") {
			t.Fatalf("%s %s: %d, no %q in %s %.1800s", method, path, a.StatusCode, want, a.Header.Get("Location"), main(a.body))
		}
		return a.body
	}
	page("GET", "/gateways", 200, "No gateway of its own serves production")
	page("GET", "/gateways", 200, "This process serves the environment itself")
	page("GET", "/gateways?environment=default", 200, "Nothing that is published here is served until")
	page("POST", "/gateways", 422, "lower-case letters", "environment", "production", "name", "Edge 1")
	made := page("POST", "/gateways", 200, "shown this once", "environment", "production", "name", "edge-1")
	command := regexp.MustCompile(`farrier gateway --control https://control\.example\.com:9443 --data /var/lib/farrier --token (frg_[\w-]+\.[0-9a-f]{64})<`).FindStringSubmatch(made)
	if command == nil {
		t.Fatalf("no command in %.1500s", main(made))
	}
	list := page("GET", "/gateways", 200, "edge-1")
	if strings.Contains(list, command[1]) || !strings.Contains(list, ">invited<") {
		t.Error("the token is shown again, or the state is not")
	}
	remove := regexp.MustCompile(`/gateways/[\w-]+/remove`).FindString(list)
	page("POST", remove, 422, "Tick the box", "environment", "production")
	page("POST", remove, 404, "Not found", "environment", "elsewhere", "sure", "1")
	page("POST", remove, 303, "/gateways?environment=production", "environment", "production", "sure", "1")
	page("GET", "/gateways", 200, "No gateway of its own serves production")
}
