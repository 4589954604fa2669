package console

import (
	"context"
	"net/url"
	"strings"
	"testing"

	"farrier.dev/farrier/internal/access"
	"farrier.dev/farrier/internal/audit"
	"farrier.dev/farrier/internal/control"
	"farrier.dev/farrier/internal/control/client"
	"farrier.dev/farrier/internal/control/portal"
	"farrier.dev/farrier/internal/revision"
	"farrier.dev/farrier/internal/store/storetest"
)

// clientTree knows the top and one environment.
type clientTree struct{}

func (clientTree) ScopeOf(context.Context, string) (access.Scope, error) { return where, nil }

func (clientTree) GroupScope(_ context.Context, group string) (access.Scope, error) {
	if group != access.Root {
		return access.Scope{}, access.ErrUnknown
	}
	return access.Scope{Group: access.Root}, nil
}

// TestClientPages walks through the pages of clients, contracts and portal.
func TestClientPages(t *testing.T) {
	h := newHouse(t, clockAt(noon))
	h.seed(t)
	h.publication.Serving.APIs[0].Labels[portal.Label] = portal.Public
	db := storetest.Open(t)
	log, err := audit.Open(t.Context(), db, h.now)
	must(t, err)
	o := h.console.Options
	o.Environment = "default"
	o.Portal, err = portal.New(portal.Options{Tree: clientTree{}, Now: h.now, Serving: func(string) *revision.Revision { return h.publication.Serving }})
	must(t, err)
	o.Clients, err = client.Open(t.Context(), client.Options{DB: db, Tree: clientTree{}, Audit: log, Now: h.now, Published: o.Portal.Published})
	must(t, err)
	h.handler, err = New(o)
	must(t, err)
	cookie := h.signIn(t)
	played := 0
	page := func(method, path string, status int, want string, change ...string) string {
		t.Helper()
		played++
		a := h.ask(t, method, path, cookie, form(change...), header("Sec-Fetch-Site", "same-origin"))
		if a.StatusCode != status || !strings.Contains(a.body+a.Header.Get("Location"), want) {
			t.Fatalf("%s %s: %d, does not say %q: %.1500s", method, path, a.StatusCode, want, main(a.body))
		}
		for _, not := range []string{"ZgotmplZ", "<no value>", "%!", "style="} {
			if strings.Contains(a.body, not) {
				t.Errorf("%s says %q", path, not)
			}
		}
		return a.body
	}
	page("GET", "/clients", 200, "No client application yet")
	page("GET", "/clients/requests", 200, "Nothing waits")
	page("GET", "/apis/default/orders/contracts", 200, "every request for access is granted at once")
	page("GET", "/portal", 200, "/portal/apis/default/orders")
	page("GET", "/portal/applications", 200, "You have no application yet")
	page("POST", "/clients", 422, "required, but empty", "group", access.Root, "name", " ")
	page("POST", "/clients", 200, "shown this once", "group", access.Root, "name", "Shoes <b>")
	page("POST", "/apis/default/orders/tiers", 422, "must be 1 to 10", "name", "Gold")
	page("POST", "/apis/default/orders/tiers", 303, "#tiers", "name", "Gold", "max0", "10", "every0", "1", "unit0", "min", "show0", "1")
	p := control.Principal{Operator: "admin", Roles: []access.Role{access.RoleAdmin}}
	list, _, err := o.Clients.Applications(t.Context(), p, access.Root, client.Query{})
	must(t, err)
	tiers, err := o.Clients.Tiers(t.Context(), p, "default", "default/orders")
	must(t, err)
	if len(list) != 1 || len(tiers) != 1 {
		t.Fatalf("%d applications, %d tiers", len(list), len(tiers))
	}
	app := clientPath(access.Root, list[0].ID)
	page("GET", "/portal/apis/default/orders", 200, "10 in 1 min")
	page("POST", "/portal/apis/default/orders/ask", 303, "#access", "application", access.Root+"/"+list[0].ID, "tier", tiers[0].ID, "reason", "we sell shoes")
	page("POST", "/portal/apis/default/orders/ask", 422, "it has a contract on this API already", "application", access.Root+"/"+list[0].ID, "tier", tiers[0].ID)
	page("POST", "/portal/apis/default/orders/try", 422, "is not in this process", "method", "GET", "path", "/")
	held, _, err := o.Clients.Contracts(t.Context(), p, "default", client.Filter{})
	must(t, err)
	act := apiPath("default/orders") + "/contracts/" + url.PathEscape(held[0].ID)
	page("GET", "/clients/requests", 200, "we sell shoes")
	page("POST", act, 303, "/clients/requests", "act", "approve", "version", "1", "from", "requests", "note", "welcome")
	page("POST", act, 422, "by restore", "act", "restore", "version", "2")
	page("GET", "/apis/default/orders/contracts?state=APPROVED", 200, "welcome")
	page("GET", app, 200, "Gold")
	page("POST", app+"/secret", 422, "confirm", "hours", "24", "version", "1")
	page("POST", app+"/secret", 200, "The secrets before it are right until", "hours", "24", "version", "1", "sure", "1")
	page("GET", app, 200, "Reset the secret")
	page("POST", app, 303, app, "name", "Boots", "owners", "account:admin", "version", "2")
	page("POST", app+"/delete", 422, "revoke or reject them first", "version", "3")
	page("POST", act, 303, "/contracts", "act", "revoke", "version", "2")
	page("POST", app+"/delete", 303, "/clients", "version", "3")
	page("GET", "/clients", 200, "No client application yet")
	if t.Logf("%d pages", played); played < 25 {
		t.Error("too few pages")
	}
}
