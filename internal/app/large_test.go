package app

import (
	"context"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"os"
	"path/filepath"
	"regexp"
	"runtime/pprof"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"farrier.dev/farrier/internal/access"
	"farrier.dev/farrier/internal/api"
	"farrier.dev/farrier/internal/console"
	gate "farrier.dev/farrier/internal/control"
)

//nolint:gochecknoglobals // flags of the test program
var (
	large      = flag.Bool("large", false, "measure pages with 1,000 APIs, 10,000 clients and 10 million requests")
	largeData  = flag.String("large.data", "", "a folder to keep what -large fills, and to use it again")
	largePages = flag.String("large.pages", "", "with -large: only pages that this expression matches")
	largeCPU   = flag.String("large.cpu", "", "with -large: a file for a CPU profile of the requests alone")
)

// largeAsks is how often each page is asked for.
const largeAsks = 11

// largePassword is that of the administrator, so that a kept folder can be used again.
const largePassword = "quite a long phrase of 9 words it is"

// TestLargePages measures how long pages take on the server in a large installation.
// It only prints: times never decide a test.
func TestLargePages(t *testing.T) {
	if !*large {
		t.Skip("takes some minutes; play it with -large")
	}
	dir, wanted := *largeData, regexp.MustCompile(*largePages)
	if dir == "" {
		dir = t.TempDir()
	}
	l := &largeHouse{t: t, apis: 1000, clients: 10_000, dir: dir}
	if _, err := os.Stat(filepath.Join(dir, "port")); err != nil {
		l.writeManifests()
	}
	began := time.Now()
	stop := l.serve()
	defer stop()
	t.Logf("serving after %s, CPU %s", time.Since(began).Round(time.Millisecond), cpuTime().Round(time.Millisecond))
	l.fill()
	l.settle()
	if *largeCPU != "" {
		f, err := os.Create(*largeCPU)
		if err != nil {
			t.Fatal(err)
		}
		if err := pprof.StartCPUProfile(f); err != nil {
			t.Fatal(err)
		}
		defer func() { pprof.StopCPUProfile(); _ = f.Close() }()
	}
	cookie := l.signIn()
	for _, path := range append(l.pages(cookie), largeRoutes...) {
		if wanted.MatchString(path) {
			m := l.measure(path, cookie)
			t.Logf("%-60s %d %7d bytes, first %7.1f ms, p95 %7.1f ms, CPU %6.1f ms, %4d statements, load %s", path, m.status, m.size, ms(m.first), ms(m.p95), ms(m.cpu), m.statements, load())
		}
	}
}

// largeRoutes are lists of the API.
//
//nolint:gochecknoglobals // a table
var largeRoutes = []string{
	"/api/v1/environments/large/resources", "/api/v1/environments/large/draft", "/api/v1/environments/large/revisions", "/api/v1/environments/default/contracts", "/api/v1/groups/root/applications",
	"/api/v1/environments/default/secret-groups", "/api/v1/environments/default/findings", "/api/v1/environments/default/refusals", "/api/v1/audit", "/api/v1/accounts",
}

// pages are the addresses of pages, those of one thing found by the list that leads there.
func (l *largeHouse) pages(cookie string) []string {
	list := []string{
		"/", "/?range=24h", "/?range=7d", "/overview/live", "/overview/series?range=24h", "/apis", "/apis?range=7d", "/apis?from=800", "/apis?q=api-05", "/apis/default/api-0500",
		"/apis/default/api-0500/monitoring", "/apis/default/api-0500/monitoring?range=7d", "/apis/default/api-0500/contracts", "/apis/default/api-0500/inventory",
		"/manage", "/manage/default", "/manage/large", "/manage/large?q=api-05", "/manage/large/new", "/manage/large/changes", "/manage/large/revisions", "/manage/large/revisions?from=1&to=2",
		"/manage/large/apis/default/api-0500", "/manage/large/apis/default/api-0500/add/rate-limiting-flex", "/manage/large/resources/ApiInstance/default/api-0500", "/manage/large/policies/default/limit-0500",
		"/clients", "/clients?q=client-09", "/clients?q=nothingatall", "/clients/requests", "/refusals", "/refusals?q=api-0501", "/findings", "/findings?q=tls", "/findings?offset=500",
		"/inventory", "/inventory?q=orders", "/inventory/map", "/inventory/data", "/inventory/changes", "/alerts", "/alerts/rules", "/alerts/channels", "/alerts/deliveries", "/health", "/health/new", "/monitoring",
		"/secrets", "/secrets/group-050", "/secrets/group-050/secret-1", "/credentials", "/gateways", "/access", "/access/groups", "/access/teams", "/access/roles", "/account", "/audit", "/audit?q=client",
		"/revision", "/incidents", "/incidents/rules", "/search", "/search?q=api-05", "/search?q=client", "/search?q=nothingatall", "/governance", "/governance/editor", "/governance/rulesets",
		"/governance/apis/default/api-0500", "/projects", "/portal", "/portal?q=api-05", "/portal/applications", "/portal/apis/default/api-0500", "/login",
	}
	for _, from := range []struct{ page, link string }{
		{"/refusals", `/exchanges/[0-9A-Z]{26}`},
		{"/findings", `/findings/[0-9a-f]{16,}`},
		{"/inventory", `/inventory/operations/[0-9a-f]+`},
		{"/clients", `/clients/root/[\w-]+`},
		{"/audit", `/audit/[0-9]+`},
		{"/access", `/access/accounts/[0-9a-f]{16}`},
		{"/alerts/rules", `/alerts/rules/[0-9a-f]{16}`},
	} {
		_, body := l.ask(from.page, cookie)
		if found := regexp.MustCompile(from.link).FindString(body); found != "" {
			list = append(list, found)
		}
	}
	return list
}

// largeHouse is a running Farrier with much in it.
type largeHouse struct {
	t             *testing.T
	apis, clients int
	dir           string
	ready         Ready
}

func (l *largeHouse) must(err error) {
	l.t.Helper()
	if err != nil {
		l.t.Fatal(err)
	}
}

// settle waits until what begins with the process is done: it takes CPU time that is no
// page's.
func (l *largeHouse) settle() {
	for idle, n := 0, 0; idle < 4 && n < 60; n++ {
		before := cpuTime()
		time.Sleep(500 * time.Millisecond)
		if cpuTime()-before < 50*time.Millisecond {
			idle++
		} else {
			idle = 0
		}
	}
	l.t.Logf("at rest after CPU %s", cpuTime().Round(time.Millisecond))
}

const largeDescription = `openapi: 3.0.3
info: {title: Orders, version: "1"}
paths:
  /orders:
    get: {summary: Lists orders, operationId: list, parameters: [{name: limit, in: query, schema: {type: integer}}], responses: {"200": {description: Orders}}}
    post: {summary: Makes an order, operationId: make, requestBody: {content: {application/json: {schema: {type: object, properties: {email: {type: string}}}}}}, responses: {"201": {description: Made}}}
  /orders/{id}:
    get: {summary: One order, operationId: one, parameters: [{name: id, in: path, required: true, schema: {type: string}}], responses: {"200": {description: It}}}
    delete: {summary: Removes an order, operationId: remove, parameters: [{name: id, in: path, required: true, schema: {type: string}}], responses: {"204": {description: Gone}}}
`

// writeManifests writes the APIs: a tenth of them looks for attacks, the others ask for
// a client.
func (l *largeHouse) writeManifests() {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	l.must(err)
	port := ln.Addr().(*net.TCPAddr).Port
	_ = ln.Close()
	var text strings.Builder
	for i := range l.apis {
		policy := "client-id-enforcement-flex"
		if i%10 == 0 {
			policy = "attack-protection, config: {mode: block}"
		}
		_, _ = fmt.Fprintf(&text, `---
apiVersion: gateway.mulesoft.com/v1alpha1
kind: ApiInstance
metadata: {name: api-%04[1]d, labels: {team: t%[2]d, portal: public}, annotations: {farrier/specification: orders.yaml}}
spec:
  address: http://127.0.0.1:%[3]d/api-%04[1]d
  services: {up: {address: "http://127.0.0.1:1"}}
  policies:
  - {policyRef: {name: %[4]s}}
`, i, i%20, port, policy)
	}
	folder := filepath.Join(l.dir, "manifests")
	l.must(os.MkdirAll(folder, 0o700))
	l.must(os.WriteFile(filepath.Join(folder, "apis.yaml"), []byte(text.String()), 0o600))
	l.must(os.WriteFile(filepath.Join(folder, "orders.yaml"), []byte(largeDescription), 0o600))
	l.must(os.WriteFile(filepath.Join(l.dir, "port"), fmt.Append(nil, port), 0o600))
}

// serve begins, and gives what ends it.
func (l *largeHouse) serve() func() {
	cfg := DefaultConfig()
	cfg.Manifests, cfg.Data, cfg.Console = []string{filepath.Join(l.dir, "manifests")}, filepath.Join(l.dir, "data"), "127.0.0.1:0"
	cfg.Access.SecondFactor = "optional"
	cfg.Limits.DrainSeconds = 1
	log, err := os.Create(filepath.Join(l.dir, "log"))
	l.must(err)
	ctx, cancel := context.WithCancel(context.Background())
	ready, ended := make(chan Ready, 1), make(chan error, 1)
	go func() {
		ended <- Serve(ctx, cfg, slog.New(slog.NewTextHandler(log, nil)), io.Discard, func(r Ready) { ready <- r })
	}()
	select {
	case err := <-ended:
		cancel()
		l.t.Fatal(err)
	case l.ready = <-ready:
	}
	return func() { cancel(); <-ended; _ = log.Close() }
}

// signIn is the cookie of a session of the administrator.
func (l *largeHouse) signIn() string {
	from := access.From{Address: netip.MustParseAddr("127.0.0.1")}
	s, err := l.ready.control.access.SignIn(l.t.Context(), "admin", largePassword, from)
	if err != nil {
		token, _, err := l.ready.control.access.LoginLink(l.t.Context())
		l.must(err)
		s, _, err = l.ready.control.access.RedeemLink(l.t.Context(), token, from)
		l.must(err)
		s, err = l.ready.control.access.SetPassword(l.t.Context(), s.Token, "", largePassword, from)
		l.must(err)
	}
	return console.CookieName(false) + "=" + s.Token
}

var largeAdmin = gate.Principal{Operator: "admin", Roles: []access.Role{access.RoleAdmin}} //nolint:gochecknoglobals // who fills

// measured is what a page took.
type measured struct {
	status, size, statements int
	first, p95, cpu          time.Duration
}

func (l *largeHouse) ask(path, cookie string) (status int, body string) {
	l.t.Helper()
	url := l.ready.Console + path
	r, err := http.NewRequestWithContext(l.t.Context(), http.MethodGet, url, http.NoBody)
	l.must(err)
	if strings.HasPrefix(path, api.Prefix) {
		_, token, _ := strings.Cut(cookie, "=")
		r.Header.Set("Authorization", "Bearer "+token)
	}
	r.Header.Set("Cookie", cookie)
	r.Header.Set("Accept", "text/html")
	resp, err := authClient.Do(r)
	l.must(err)
	text, err := io.ReadAll(resp.Body)
	l.must(err)
	_ = resp.Body.Close()
	return resp.StatusCode, string(text)
}

// measure asks for a page again and again.
func (l *largeHouse) measure(path, cookie string) (m measured) {
	l.t.Helper()
	var took, cpu []time.Duration
	for i := range largeAsks {
		used, began := cpuTime(), time.Now()
		before := l.ready.control.controlDB.Statements() + l.ready.control.trafficDB.Statements()
		status, body := l.ask(path, cookie)
		took, cpu = append(took, time.Since(began)), append(cpu, cpuTime()-used)
		if m.status, m.size = status, len(body); i == 0 {
			m.first, m.statements = took[0], int(l.ready.control.controlDB.Statements()+l.ready.control.trafficDB.Statements()-before)
		}
	}
	slices.Sort(took)
	slices.Sort(cpu)
	m.p95, m.cpu = took[len(took)*95/100], cpu[len(cpu)/2]
	return m
}

// cpuTime is how long this process has run on any CPU: unlike the time that passes, what
// else the machine does hardly changes it.
func cpuTime() time.Duration {
	var used syscall.Rusage
	if syscall.Getrusage(syscall.RUSAGE_SELF, &used) != nil {
		return 0
	}
	return time.Duration(used.Utime.Nano() + used.Stime.Nano())
}

// load is how busy the machine is.
func load() string {
	text, err := os.ReadFile("/proc/loadavg")
	if err != nil {
		return "unknown"
	}
	return strings.Fields(string(text))[0]
}

func ms(d time.Duration) float64 { return float64(d) / float64(time.Millisecond) }
