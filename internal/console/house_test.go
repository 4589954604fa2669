package console

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"farrier.dev/farrier/internal/access"
	"farrier.dev/farrier/internal/audit"
	"farrier.dev/farrier/internal/control/auditlog"
	"farrier.dev/farrier/internal/control/exchange"
	"farrier.dev/farrier/internal/control/findings"
	"farrier.dev/farrier/internal/control/governance"
	"farrier.dev/farrier/internal/control/inventory"
	"farrier.dev/farrier/internal/control/inventory/inventorytest"
	"farrier.dev/farrier/internal/control/people"
	"farrier.dev/farrier/internal/control/projects"
	"farrier.dev/farrier/internal/control/served"
	"farrier.dev/farrier/internal/control/session"
	"farrier.dev/farrier/internal/discovery/keep"
	"farrier.dev/farrier/internal/finding"
	"farrier.dev/farrier/internal/governance/history"
	"farrier.dev/farrier/internal/manifest"
	"farrier.dev/farrier/internal/monitor"
	"farrier.dev/farrier/internal/policy/catalogue"
	"farrier.dev/farrier/internal/posture"
	"farrier.dev/farrier/internal/revision"
	"farrier.dev/farrier/internal/secret"
	"farrier.dev/farrier/internal/store"
	"farrier.dev/farrier/internal/traffic"
	"farrier.dev/farrier/internal/traffic/journal"
)

// hidden is the secret that stands in every write-only setting of the tests; no
// page may show it.
const hidden = "hunter2-never-shown"

// house is a console over real services and databases.
type house struct {
	handler     http.Handler
	console     *console
	access      *access.Service
	monitor     *monitor.Monitor
	rollup      *monitor.Rollup
	journal     *journal.Journal
	governance  *governance.Service
	projects    *projects.Service
	inventory   *inventory.Service
	world       *inventorytest.World
	kept        *keep.Keep
	now         func() time.Time
	publication served.Publication
	// databases count the statements that pages ask.
	databases []*store.DB
	// exploding makes the revision panic when it is asked for.
	exploding bool
	// hostile is the id of the exchange with a client that wants to break pages.
	hostile string
}

// where is the scope of the process.
var where = access.Scope{Group: access.Root, Environment: "default"}

// auditor carries events of access into the audit log, as the program does.
type auditor struct{ log *audit.Log }

func (a auditor) Record(ctx context.Context, tx *store.Tx, e access.Event) error {
	return a.log.Record(ctx, tx, audit.Entry{
		Operator: e.Operator, Via: e.Via, Session: e.Session, Address: e.Address, Action: audit.Action(e.Action), Object: e.Object,
		Outcome: audit.Outcome(e.Outcome), Detail: e.Detail, Before: e.Before, After: e.After,
	})
}

// newHouse opens everything in a temporary folder.
func newHouse(t testing.TB, now func() time.Time) *house {
	t.Helper()
	return openHouse(t, t.TempDir(), now, 0)
}

func openHouse(t testing.TB, dir string, now func() time.Time, refusalRows int64) *house {
	t.Helper()
	ctx := t.Context()
	open := func(name string, o store.Options) *store.DB {
		db, err := store.Open(ctx, filepath.Join(dir, name), o)
		must(t, err)
		t.Cleanup(func() { _ = db.Close() })
		return db
	}
	control := open(store.ControlFile, store.Options{})
	seen := open(store.TrafficFile, store.Options{Disposable: true, Now: now})
	log := slog.New(slog.NewTextHandler(testLog{t}, nil))

	auditLog, err := audit.Open(ctx, control, now)
	must(t, err)
	accounts, err := access.Open(ctx, control, secret.NewHasher(), auditor{auditLog}, now, access.WithEnvironment("default"), access.WithSealer(sealer(t, dir)))
	must(t, err)
	j, err := journal.Open(filepath.Join(dir, "journal"), journal.Options{Now: now})
	must(t, err)
	t.Cleanup(func() { _ = j.Close() })
	found, err := posture.New(ctx, posture.Options{DB: seen, Control: control, Environment: "production", Gateway: "gw-1", Now: now})
	must(t, err)
	h := &house{access: accounts, journal: j, rollup: monitor.NewRollup(now), now: now, databases: []*store.DB{control, seen}}
	h.monitor, err = monitor.New(ctx, monitor.Options{
		DB: seen, Journal: j, Rollup: h.rollup, Findings: found, Environment: "production", Gateway: "gw-1", Now: now, Log: log,
		RefusalRows: refusalRows,
	})
	must(t, err)
	policies, err := catalogue.New(nil)
	must(t, err)

	sessions, err := session.New(accounts)
	must(t, err)
	exchanges, err := exchange.New(exchange.Options{Where: where, Monitor: h.monitor, Catalogue: policies, Feed: traffic.NewFeed(), Now: now})
	must(t, err)
	serving, err := served.New(served.Options{
		Where:       where,
		Publication: h.published, Counts: h.monitor, Catalogue: policies, Log: log,
	})
	must(t, err)
	complaints, err := findings.New(found, where)
	must(t, err)
	complaints.Managed(found, auditLog)
	deeds, err := auditlog.New(auditLog, auditlog.Single{Where: where})
	must(t, err)
	h.governance, err = governance.New(governance.Options{
		Where:    where,
		Profiles: []string{"testdata/governance"}, Serving: func() *revision.Revision { return h.publication.Serving },
		Findings: found, Environment: "production", Now: now, Log: log,
	})
	must(t, err)
	memory, err := history.Open(ctx, control, "production", now)
	must(t, err)
	h.governance.Remember(memory)
	h.openProjects(t, dir, control, found, auditLog, log)
	h.openInventory(t, dir, control, seen, auditLog, log)
	managed, err := people.New(accounts, now)
	must(t, err)
	handler, err := New(Options{
		Sessions: sessions, Exchanges: exchanges, Served: serving, Findings: complaints, Audit: deeds, Governance: h.governance, Projects: h.projects,
		Inventory: h.inventory, People: managed, Now: now, Log: log, Hosts: []string{"console.example.com"}, Environment: "production", Version: "0.1.0",
	})
	must(t, err)
	h.handler = handler
	h.console = consoleOf(t, Options{
		Sessions: sessions, Exchanges: exchanges, Served: serving, Findings: complaints, Audit: deeds, Governance: h.governance, Projects: h.projects, Inventory: h.inventory, People: managed, Now: now, Log: log,
	})
	return h
}

func (h *house) published() served.Publication {
	if h.exploding {
		panic("kaboom")
	}
	return h.publication
}

// consoleOf is a console whose routes a test can list.
func consoleOf(t testing.TB, o Options) *console {
	t.Helper()
	c := &console{Options: o}
	if len(c.routes()) < 20 {
		t.Fatal("the list of routes is too short to be true")
	}
	return c
}

// testLog shows the log with the test that wrote it.
type testLog struct{ t testing.TB }

func (l testLog) Write(text []byte) (int, error) {
	l.t.Log(strings.TrimSpace(string(text)))
	return len(text), nil
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// signIn sets the password of the operator and gives the cookie of a session.
func (h *house) signIn(t testing.TB) string {
	t.Helper()
	token, _, err := h.access.LoginLink(t.Context())
	must(t, err)
	s, _, err := h.access.RedeemLink(t.Context(), token, remoteAddr)
	must(t, err)
	s, err = h.access.SetPassword(t.Context(), s.Token, "", "correct horse battery", remoteAddr)
	must(t, err)
	return "farrier=" + s.Token
}

// answer is what a page answered.
type answer struct {
	*http.Response
	body string
}

// ask sends one request as a browser that opens a page.
func (h *house) ask(t testing.TB, method, target, cookie string, change ...func(*http.Request)) answer {
	t.Helper()
	r := httptest.NewRequestWithContext(t.Context(), method, "http://127.0.0.1:9080"+target, http.NoBody)
	r.Header.Set("Accept", "text/html,application/xhtml+xml")
	if cookie != "" {
		r.Header.Set("Cookie", cookie)
	}
	for _, c := range change {
		c(r)
	}
	w := httptest.NewRecorder()
	h.handler.ServeHTTP(w, r)
	res := w.Result()
	body, err := io.ReadAll(res.Body)
	must(t, err)
	_ = res.Body.Close()
	return answer{res, string(body)}
}

// form makes a request carry a form.
func form(fields ...string) func(*http.Request) {
	values := url.Values{}
	for i := 0; i+1 < len(fields); i += 2 {
		values.Set(fields[i], fields[i+1])
	}
	return func(r *http.Request) {
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		r.Body = io.NopCloser(strings.NewReader(values.Encode()))
	}
}

func header(name, value string) func(*http.Request) {
	return func(r *http.Request) { r.Header.Set(name, value) }
}

// attackRecord is a request that attack-protection blocked.
func (h *house) attackRecord(n int) *traffic.Record {
	at := h.now().Add(-time.Duration(n) * 37 * time.Second)
	op := []string{"GET /orders/{int}", "POST /orders", "GET /search"}[n%3]
	place := []string{"query id", "body json /items/0/note", "query q"}[n%3]
	where := finding.Location{API: "default/orders", Operation: op, Place: place}
	rule := []string{"crs-942100", "crs-941100", "crs-930110"}[n%3]
	title := []string{"SQL injection detected by libinjection", "Cross-site scripting detected by libinjection", "Path traversal attack (/../)"}[n%3]
	return &traffic.Record{
		Version: 1, ID: traffic.NewID(at), Received: at, Environment: "production", Gateway: "gw-1", Revision: 12,
		API: "default/orders", Operation: op, Method: op[:strings.IndexByte(op, ' ')], Proto: "HTTP/1.1", Host: "api.example.com",
		Client: fmt.Sprintf("192.0.2.%d", 10+n%5), ClientID: []string{"", "mobile-app"}[n%2], Status: 403, Outcome: traffic.RefusedByPolicy,
		Step: "default/attacks", Policy: "attack-protection", Reason: "the anomaly score 5 reaches the limit of 5 (SQL injection in " + place + ")",
		Took: 1300 * time.Microsecond, BytesIn: 120, BytesOut: 96, Query: []string{"id", "page"},
		Headers: []traffic.Field{
			{Name: "accept", Value: "*/*"}, {Name: "authorization"}, {Name: "host", Value: "api.example.com"}, {Name: "user-agent", Value: "sqlmap/1.8"},
		},
		Decisions: []traffic.Decision{
			{Binding: "default/allow-office", Policy: "ip-allowlist-flex", Side: "request", Action: traffic.Continued, Took: 2 * time.Microsecond},
			{Binding: "default/orders-rate-limiting-flex-1", Policy: "rate-limiting-flex", Side: "request", Action: traffic.Continued, Reason: "99 of 100 requests are left in this period", Took: 6 * time.Microsecond},
			{Binding: "default/attacks", Policy: "attack-protection", Side: "request", Action: traffic.Refused, Status: 403, Reason: "the anomaly score 5 reaches the limit of 5 (SQL injection in " + place + ")", Took: 940 * time.Microsecond},
			{Binding: "default/orders-rate-limiting-flex-1", Policy: "rate-limiting-flex", Side: "response", Action: traffic.Continued, Took: 3 * time.Microsecond},
		},
		Findings: []finding.Finding{{
			Rule: rule, Severity: finding.Critical, Title: title, Message: "the value parses as SQL and ends another statement",
			Location: where, Excerpt: "1' OR 1=1 --", Decoders: []string{"percent", "html-entity"},
			Taxonomy: finding.Taxonomy{OWASP2019: "API8", OWASP2023: "API8", CWE: 89}, Fix: "Bind the value as a parameter of the query; do not build SQL from text.",
			Fingerprint: finding.Fingerprint(rule, where),
		}},
	}
}

// keep counts and journals a record, as the gateway does.
func (h *house) keep(t testing.TB, r *traffic.Record) string {
	t.Helper()
	h.rollup.Count(r.API, r.Operation, r.Status, r.Outcome, r.Took, r.BytesIn, r.BytesOut)
	must(t, h.journal.Append(r))
	return r.ID
}

// seed lets some traffic pass: good requests, attacks, refusals of other kinds,
// a request that reached no API and a failure. It gives the id of an attack.
func (h *house) seed(t testing.TB) (attackID string) {
	t.Helper()
	for i := range 240 {
		h.rollup.Count("default/orders", []string{"GET /orders", "GET /orders/{int}", "POST /orders"}[i%3], 200, traffic.Served,
			time.Duration(1+i%40)*time.Millisecond, 300, 2000)
	}
	for i := range 20 {
		h.rollup.Count("partner/invoices", "GET /invoices/{uuid}", 200, traffic.Served, time.Duration(i)*time.Millisecond, 0, 900)
	}
	for i := range 70 {
		h.keep(t, h.attackRecord(i+1))
	}
	limited := h.attackRecord(90)
	limited.Findings, limited.Decisions = nil, limited.Decisions[:1]
	limited.Status, limited.Policy, limited.Step, limited.Reason = 429, "rate-limiting-flex", "default/orders-rate-limiting-flex-1", "100 requests in 60000 ms are used up"
	h.keep(t, limited)
	lost := h.attackRecord(91)
	lost.Findings, lost.Decisions, lost.API, lost.Step, lost.Policy = nil, nil, "", "", ""
	lost.Operation, lost.Status, lost.Outcome, lost.Reason = "GET /wp-admin", 404, traffic.RefusedByGateway, "no API listens on this address and path"
	h.keep(t, lost)
	failed := h.attackRecord(92)
	failed.Findings, failed.Decisions, failed.Step, failed.Policy = nil, failed.Decisions[:2], "", ""
	failed.Status, failed.Outcome, failed.Reason = 502, traffic.Errored, "the service default/orders-backend refused the connection"
	h.keep(t, failed)
	watched := h.attackRecord(93)
	watched.Status, watched.Outcome, watched.Step, watched.Policy, watched.Reason = 200, traffic.Served, "", "", ""
	watched.Decisions[2].Action, watched.Decisions[2].Status = traffic.Watched, 0
	watched.Service = "default/orders-backend"
	h.keep(t, watched)
	h.hostile = h.keep(t, h.hostileRecord())
	attackID = h.keep(t, h.attackRecord(0))
	if _, found, err := h.monitor.Trail(t.Context(), attackID); err != nil || !found {
		t.Fatalf("the seeded attack is not found: %v", err)
	}
	h.publication = testPublication(h.now())
	h.governance.Refresh(t.Context())
	return attackID
}

// hostilePolicy is the name of a policy that no catalogue has.
const hostilePolicy = "a-policy-with-a-name-that-is-very-much-longer-than-any-policy-of-ours"

// hostileRecord is an exchange whose every text is as long as a record allows,
// can't be broken at a space, or tries to be HTML.
func (h *house) hostileRecord() *traffic.Record {
	const script = `<script>alert(1)</script>`
	long := strings.Repeat("W", 230) + script
	r := h.attackRecord(95)
	r.API, r.Policy, r.Step, r.Reason = "namespace-of-a-team-with-many-words/an-api-with-a-very-long-name-that-someone-generated", hostilePolicy, "default/"+hostilePolicy, long
	r.Operation, r.Client, r.ClientID, r.ClientName = "GET /"+strings.Repeat("segment", 40), "2001:db8:1234:5678:9abc:def0:1234:5678", strings.Repeat("client", 40), script
	r.Host, r.Query = strings.Repeat("host", 60), []string{strings.Repeat("q", 128), script}
	r.Headers = []traffic.Field{{Name: "user-agent", Value: long}, {Name: strings.Repeat("x-", 60)}}
	r.Decisions = []traffic.Decision{{Binding: r.Step, Policy: r.Policy, Side: "request", Action: traffic.Refused, Status: 403, Reason: long, Took: time.Second}}
	r.NotInspected, r.Trimmed = []string{long}, []string{"decisions"}
	f := &r.Findings[0]
	f.Title, f.Message, f.Excerpt, f.Fix = long, long, strings.Repeat("W", 39)+script, long
	f.Location = finding.Location{API: r.API, Operation: r.Operation, Place: strings.Repeat("place", 25)}
	f.Rule, f.Fingerprint = strings.Repeat("rule", 30), finding.Fingerprint(f.Rule, f.Location)
	return r
}

// testPublication is a revision with a secret in every write-only place.
func testPublication(now time.Time) served.Publication {
	name := func(n string) revision.Name { return revision.Name{Namespace: "default", Name: n} }
	raw := func(text string) json.RawMessage { return json.RawMessage(strings.ReplaceAll(text, "SECRET", hidden)) }
	at := func(line int) revision.Source { return revision.Source{File: "manifests/orders.yaml", Line: line} }
	rev := &revision.Revision{
		Number: 12, Created: now.Add(-3 * time.Hour), Digest: strings.Repeat("3fa9c1d07b42", 5) + "0011",
		APIs: []revision.API{
			{
				Name: name("orders"), Labels: map[string]string{"layer": "experience", "owner": "team-blue"},
				Scheme: "https", Host: "0.0.0.0", Port: 8443, BasePath: "/orders", Source: at(1), Specification: &revision.Specification{File: "testdata/orders.yaml"},
				TLS:    raw(`{"certificate":{"key":"SECRET","crt":"-----BEGIN CERTIFICATE-----"},"minversion":"1.2"}`),
				Routes: []revision.Route{{Rules: []revision.Rule{{Path: "/v2/.*", Methods: "GET|POST"}}, Targets: []revision.Target{{Service: name("orders-backend"), Weight: 90}, {Service: name("orders-next"), Weight: 10, DestinationPath: "/beta"}}}, {Targets: []revision.Target{{Service: name("orders-backend"), Weight: 100}}}},
				Policies: []revision.Binding{
					{Name: name("allow-office"), Policy: "ip-allowlist-flex", As: "ip-allowlist-flex", Settings: raw(`{"ips":["192.0.2.0/24"]}`), Order: 10, Automated: true, Source: at(80)},
					{Name: name("orders-rate-limiting-flex-1"), Policy: "rate-limiting-flex", As: "rate-limiting-flex", Settings: raw(`{"rateLimits":[{"maximumRequests":100,"timePeriodInMilliseconds":60000}],"exposeHeaders":true}`), Order: 50, Source: at(14)},
					{Name: name("attacks"), Policy: "attack-protection", Settings: raw(`{"mode":"block","paranoiaLevel":1,"surprise":"SECRET"}`), Order: 50, Rules: []revision.Rule{{Methods: "POST"}}, Source: at(42)},
					{Name: name("inject"), Policy: "header-injection-flex", Settings: raw(`{"inboundHeaders":[{"key":"authorization","value":"Basic SECRET"},{"key":"x-team","value":"blue"}]}`), Order: 60, Source: at(55)},
				},
				Clients: []revision.Client{{ID: "mobile-app", Name: "Mobile app", Secret: hidden, Tier: "gold", Limits: []revision.Limit{{MaximumRequests: 1000, TimePeriodInMilliseconds: 60000}}, Source: at(90)}},
			},
			{Name: revision.Name{Namespace: "partner", Name: "invoices"}, Scheme: "http", Host: "0.0.0.0", Port: 8081, BasePath: "", Source: revision.Source{File: "manifests/invoices.yaml", Line: 3}},
		},
		Services: []revision.Service{
			{Name: name("orders-backend"), Address: "http://user:" + hidden + "@orders.internal:8080/", Source: at(70), TLS: raw(`{"certificate":{"key":"SECRET","crt":"public"},"skipValidation":false}`)},
			{Name: name("orders-next"), Address: "h2://next.internal:9090", Source: at(75)},
		},
	}
	return served.Publication{
		Serving: rev, Since: now.Add(-2 * time.Hour),
		Warnings:  []served.Problem{{Severity: manifest.Warning, File: "manifests/orders.yaml", Line: 14, Field: "spec.policies[0].policyRef.config", Message: "config belongs beside policyRef, not under it; it is read as if it stood there"}},
		RefusedAt: now.Add(-4 * time.Minute),
		Refused: []served.Problem{
			{File: "manifests/orders.yaml", Line: 42, Column: 7, Field: "spec.targetRef.name", Message: "there is no ApiInstance default/ordes; did you mean orders"},
			{File: "manifests/invoices.yaml", Line: 9, Field: "spec.services.up.address", Message: "must be a URL such as http://host:8080"},
		},
	}
}
