package console

import (
	"context"
	"log/slog"
	"net/http"
	"net/netip"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"farrier.dev/farrier/internal/access"
	"farrier.dev/farrier/internal/audit"
	"farrier.dev/farrier/internal/control"
	"farrier.dev/farrier/internal/control/alert"
	"farrier.dev/farrier/internal/control/client"
	"farrier.dev/farrier/internal/control/fleet"
	"farrier.dev/farrier/internal/control/portal"
	"farrier.dev/farrier/internal/control/secrets"
	"farrier.dev/farrier/internal/monitor/notify"
	"farrier.dev/farrier/internal/revision"
	"farrier.dev/farrier/internal/secret"
	"farrier.dev/farrier/internal/store"
)

// fullHouse is a house with every service, and nothing in them.
func fullHouse(t *testing.T) *house {
	t.Helper()
	h := manageHouse(t)
	ctx, dir := t.Context(), t.TempDir()
	db, err := store.Open(ctx, filepath.Join(dir, store.ControlFile), store.Options{})
	must(t, err)
	t.Cleanup(func() { _ = db.Close() })
	h.databases = append(h.databases, db)
	log, err := audit.Open(ctx, db, h.now)
	must(t, err)
	ring, err := secret.OpenKeyring(dir, func() (bool, error) { return false, nil })
	must(t, err)
	o := h.console.Options
	o.Hosts, o.Version = []string{"console.example.com"}, "0.1.0-hidden"
	o.Alerts, err = alert.Open(ctx, alert.Options{
		DB: db, Tree: wideTree{}, Audit: log, Sealer: ring, Entries: log, Now: h.now, Log: slog.New(slog.DiscardHandler),
		Environments: []string{"production"}, Figures: func(string) *alert.Figures { return &alert.Figures{Series: h.monitor} },
		Env: notify.NewEnv(notify.Guard{Networks: []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}}, h.now),
	})
	must(t, err)
	o.Secrets, err = secrets.Open(ctx, secrets.Options{DB: db, Tree: wideTree{}, Ring: ring, Audit: log, Now: h.now, Log: slog.New(slog.DiscardHandler)})
	must(t, err)
	o.Portal, err = portal.New(portal.Options{Tree: clientTree{}, Now: h.now, Serving: func(string) *revision.Revision { return h.publication.Serving }})
	must(t, err)
	o.Clients, err = client.Open(ctx, client.Options{DB: db, Tree: clientTree{}, Audit: log, Now: h.now, Published: o.Portal.Published, Counts: busy{h.now}})
	must(t, err)
	o.FleetAddress = "https://control.example.com:9443"
	o.Fleet, err = fleet.Open(ctx, fleet.Options{
		DB: db, Gate: control.Gate{Tree: wideTree{}}, Audit: log, Sealer: ring, Now: h.now,
		Served: func(context.Context, string) (*fleet.Served, error) { return nil, nil },
		Publication: func(context.Context, string) fleet.Publication {
			return fleet.Publication{Revision: 7, Published: h.now(), Problem: "the key of the API's TLS context was removed", Since: h.now(), Again: h.now()}
		},
	})
	must(t, err)
	h.handler, err = New(o)
	must(t, err)
	h.console = consoleOf(t, o)
	return h
}

// page is one address with a name for its picture.
type page struct{ name, path string }

// furnish fills a full house by the pages themselves, and gives the addresses of all
// that there is to look at.
func (h *house) furnish(t *testing.T, cookie string) []page {
	t.Helper()
	version := ""
	get := func(path string) string {
		a := h.ask(t, http.MethodGet, path, cookie)
		if m := hiddenVersion.FindStringSubmatch(a.body); m != nil {
			version = m[1]
		}
		return a.body
	}
	post := func(path string, fields ...string) string {
		t.Helper()
		if version != "" {
			fields = append(fields, "version", version)
		}
		a := h.ask(t, http.MethodPost, path, cookie, form(fields...))
		if a.StatusCode >= 400 {
			t.Fatalf("%s: %d %.900s", path, a.StatusCode, main(a.body))
		}
		version = ""
		return a.Header.Get("Location") + a.body
	}
	find := func(in, pattern string) string {
		t.Helper()
		found := regexp.MustCompile(pattern).FindString(in)
		if found == "" {
			t.Fatalf("no %s in %.900s", pattern, main(in))
		}
		return found
	}
	const at, api = "/manage/production", "/manage/production/apis/default/orders"
	post(at+"/new", "name", "orders", "address", "http://0.0.0.0:8081/orders", "upstream", "http://orders:8080")
	post(api+"/add/rate-limiting-flex", "rateLimits.0.maximumRequests", "3", "rateLimits.0.timePeriodInMilliseconds", "60000")
	// The page of changes tells the version of the draft that is published.
	get(at + "/changes")
	post(at+"/publish", "note", "The first")
	post(api+"/add/http-basic-authentication-flex", "username", "u", "password", hidden)

	app := h.furnishContract(t, cookie)
	h.approve(t)
	h.publishStaging(t)
	h.askForReview(t)
	h.ask(t, http.MethodPost, api+"/description", cookie, upload(t, "orders.yaml", shopOpenAPI, "version", "0"))
	post("/secrets", "name", "backend", "note", "What the shop needs")
	post("/secrets/backend/", "kind", "username-password", "name", "database", "username", "orders", "password", hidden)
	channel := find(post("/alerts/channels", "kind", "webhook", "name", "Hook", "s-url", "http://127.0.0.1:9/", "s-secret", hidden+hidden), `/alerts/channels/[0-9a-f]{16}`)
	post("/alerts/maintenance", "name", "Upgrade", "from", "2036-03-01T11:00", "until", "2036-03-01T13:00")
	rule := find(h.ask(t, http.MethodGet, "/alerts/rules", cookie).body, `/alerts/rules/[0-9a-f]{16}`)
	post("/gateways", "environment", "production", "name", "edge-1")
	account := post("/access/accounts", "name", "ann", "display", "Ann", "email", "ann@example.com", "kind", "person")
	post("/access/teams", "name", "Night shift")
	team := find(h.ask(t, http.MethodGet, "/access/teams", cookie).body, `/access/teams/[0-9a-f]{16}`)
	return []page{
		{"manage", at},
		{"manage-new", at + "/new"},
		{"manage-api", api},
		{"manage-add", api + "/add/rate-limiting-flex"},
		{"manage-changes", at + "/changes"},
		{"manage-review", at + "/review"},
		{"manage-review-waits", "/manage/staging/review"},
		{"manage-promote", at + "/promote?from=staging&api=default/orders"},
		{"manage-promote-choose", at + "/promote"},
		{"manage-revisions", at + "/revisions?from=0&to=1"},
		{"manage-text", at + "/resources/ApiInstance/default/orders"},
		{"manage-binding", at + "/policies/default/orders-rate-limiting"},
		{"clients", "/clients"},
		{"client", app},
		{"requests", "/clients/requests"},
		{"contracts", "/apis/default/orders/contracts"},
		{"portal", "/portal"},
		{"portal-api", "/portal/apis/default/orders"},
		{"portal-mine", "/portal/applications"},
		{"portal-application", strings.Replace(app, "/clients/", "/portal/applications/", 1)},
		{"secrets", "/secrets"},
		{"secret-group", "/secrets/backend"},
		{"secret", "/secrets/backend/database"},
		{"secret-write", "/secrets/backend/?kind=tls-context"},
		{"credentials", "/credentials"},
		{"alerts", "/alerts"},
		{"alert-rules", "/alerts/rules"},
		{"alert-rule", rule},
		{"alert-channels", "/alerts/channels"},
		{"alert-channel", channel},
		{"alert-windows", "/alerts/maintenance"},
		{"alert-deliveries", "/alerts/deliveries"},
		{"monitoring", "/apis/default/orders/monitoring"},
		{"gateways", "/gateways"},
		{"accounts", "/access"},
		{"account-detail", account},
		{"teams", "/access/teams"},
		{"team", team},
		{"groups", "/access/groups"},
		{"group", "/access/groups/root"},
		{"roles", "/access/roles"},
		{"account", "/account"},
		{"confirm", "/confirm"},
		{"search", "/search?q=orders"},
		{"search-none", "/search?q=nothingatall"},
		{"search-empty", "/search"},
		{"audit", "/audit"},
		{"overview-full", "/"},
	}
}

// furnishContract makes an application that asks for access to an API, and gives the
// address of its page.
func (h *house) furnishContract(t *testing.T, cookie string) string {
	t.Helper()
	post := func(path string, fields ...string) {
		t.Helper()
		if a := h.ask(t, http.MethodPost, path, cookie, form(fields...)); a.StatusCode >= 400 {
			t.Fatalf("%s: %d %.900s", path, a.StatusCode, main(a.body))
		}
	}
	h.publication.Serving.APIs[0].Labels[portal.Label] = portal.Public
	post("/clients", "group", access.Root, "name", "Shoe shop")
	app := regexp.MustCompile(`/clients/root/[\w-]+`).FindString(h.ask(t, http.MethodGet, "/clients", cookie).body)
	post("/apis/default/orders/tiers", "name", "Gold", "max0", "10", "every0", "1", "unit0", "min", "show0", "1")
	tiers, err := h.console.Clients.Tiers(t.Context(), control.Principal{Operator: "admin", Roles: []access.Role{access.RoleAdmin}}, "production", "default/orders")
	must(t, err)
	post("/portal/apis/default/orders/ask", "application", strings.TrimPrefix(app, "/clients/"), "tier", tiers[0].ID, "reason", "we sell shoes")
	return app
}
