package console

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"

	"farrier.dev/farrier/internal/access"
	"farrier.dev/farrier/internal/control"
	"farrier.dev/farrier/internal/control/client"
	"farrier.dev/farrier/internal/control/secrets"
	"farrier.dev/farrier/internal/control/served"
	"farrier.dev/farrier/internal/finding"
	"farrier.dev/farrier/internal/manifest"
	"farrier.dev/farrier/internal/traffic"
)

// largestPage bounds a page, in bytes.
const largestPage = 300_000

// cuts is by how many statements pages about a range of time may differ: whether it begins and ends
// with a part of an hour, or of a day, is for the clock to say.
const cuts = 2

// growing are the pages that list what an installation gets more of.
var growing = []string{
	"/?range=24h", "/?range=7d", "/apis", "/apis?from=200", "/apis?q=grown-1", "/apis/default/orders", "/apis/default/orders/contracts", "/apis/default/orders/monitoring", "/clients", "/clients?q=Grown", "/clients/requests",
	"/portal", "/portal/applications", "/refusals", "/findings", "/findings?q=grown", "/findings?api=default%2Forders", "/inventory", "/inventory/map", "/inventory/data", "/inventory/changes",
	"/governance", "/governance?from=100&status=NonConformant", "/governance/editor", "/revision", "/revision?from=100&warnings=50", "/revision?q=grown-9", "/manage/production", "/alerts", "/alerts/rules",
	"/secrets", "/secrets/grown-0", "/access", "/access/teams", "/access/groups", "/audit", "/search?q=grown", "/search?q=nothingatall", "/gateways", "/projects",
}

// TestPagesStayAsTheyGrow fills a house, and fills it again with many times as much: no
// page asks the databases more often than before, and none becomes too large.
func TestPagesStayAsTheyGrow(t *testing.T) {
	h := fullHouse(t)
	h.seed(t)
	h.scanProjects(t)
	h.learn(t, 300)
	cookie := h.signIn(t)
	h.furnish(t, cookie)
	h.grow(t, 0, 12, 12)
	few := h.statements(t, cookie)
	h.grow(t, 12, 1000, 150)
	h.learn(t, 3000)
	many := h.statements(t, cookie)
	for _, path := range growing {
		most := few[path]
		if strings.HasPrefix(path, "/?range") || strings.HasPrefix(path, "/apis") {
			most += cuts
		}
		if many[path] > most {
			t.Errorf("%s: %d statements with few of everything, %d with many", path, few[path], many[path])
		}
	}
	if t.Logf("%d pages; the overview of a week asks %d statements", len(growing), many["/?range=7d"]); len(growing) < 30 || many["/?range=7d"] == 0 {
		t.Error("too few pages, or nothing was counted")
	}
}

// statements asks for each page, and counts what it asks the databases.
func (h *house) statements(t *testing.T, cookie string) map[string]uint64 {
	t.Helper()
	total := func() (n uint64) {
		for _, db := range h.databases {
			n += db.Statements()
		}
		return n
	}
	counts := map[string]uint64{}
	for _, path := range growing {
		before := total()
		a := h.ask(t, http.MethodGet, path, cookie)
		counts[path] = total() - before
		if a.StatusCode != http.StatusOK {
			t.Errorf("%s: %d %.300s", path, a.StatusCode, main(a.body))
		}
		if len(a.body) > largestPage {
			t.Errorf("%s has %d bytes", path, len(a.body))
		}
	}
	return counts
}

// grow adds APIs with services, warnings and standings, and of other things a number.
func (h *house) grow(t *testing.T, from, apis, others int) {
	t.Helper()
	ctx, admin := t.Context(), control.Principal{Operator: "admin", Roles: []access.Role{access.RoleAdmin}}
	now := h.publication
	serving := *now.Serving
	serving.APIs, serving.Services, now.Warnings = slices.Clone(serving.APIs), slices.Clone(serving.Services), slices.Clone(now.Warnings)
	for i := from; i < apis; i++ {
		api, service := serving.APIs[0], serving.Services[0]
		api.Name.Name, service.Name.Name = fmt.Sprintf("grown-%d", i), fmt.Sprintf("grown-%d-backend", i)
		api.Specification, api.Clients, api.Policies = nil, nil, api.Policies[:1]
		serving.APIs, serving.Services = append(serving.APIs, api), append(serving.Services, service)
		now.Warnings = append(now.Warnings, served.Problem{Severity: manifest.Warning, File: "manifests/grown.yaml", Line: i, Message: "this may not be meant so"})
		h.rollup.Count(api.Name.String(), "GET /orders", 200, traffic.Served, 1, 0, 0)
	}
	now.Serving = &serving
	h.publication = now
	h.governance.Refresh(ctx)
	must(t, h.monitor.Flush(ctx))

	var in client.Imported
	last := ""
	for i := from; i < from+others; i++ {
		id := fmt.Sprintf("grown-%d", i)
		in.Applications = append(in.Applications, client.ImportedApplication{Draft: client.Draft{Name: "Grown " + id, ClientID: id}, SecretHash: "sha256:" + strings.Repeat("ab", 32)})
		in.Contracts = append(in.Contracts, client.ImportedContract{API: "default/orders", ClientID: id, State: []client.State{client.Approved, client.Pending}[i%2], Reason: "we sell shoes"})
		group := "grown-few"
		if i%3 == 0 {
			group = id
		}
		if i == 1 || i%3 == 0 {
			_, err := h.console.Secrets.MakeGroup(ctx, admin, "production", secrets.Group{Name: group})
			must(t, err)
		}
		_, err := h.console.Secrets.Put(ctx, admin, "production", group, id, secrets.Input{Kind: secrets.UsernamePassword, Fields: map[string]string{"username": "u", "password": hidden}}, 0)
		must(t, err)
		_, err = h.access.CreateTeam(ctx, access.By{Operator: "admin"}, access.Team{Name: id})
		must(t, err)
		_, err = h.access.SignInExternal(ctx, access.External{Provider: "oidc:test", Subject: id, Name: id, Create: true}, access.From{})
		must(t, err)
		r := h.attackRecord(i + 100)
		r.Findings[0].Location.Place = "query " + id
		r.Findings[0].Fingerprint = finding.Fingerprint(r.Findings[0].Rule, r.Findings[0].Location)
		last = h.keep(t, r)
	}
	_, err := h.console.Clients.Import(ctx, admin, access.Root, "production", in)
	must(t, err)
	_, _, err = h.monitor.Trail(ctx, last)
	must(t, err)
}
