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
	"slices"
	"strings"
	"testing"
	"time"

	"farrier.dev/farrier/internal/access"
	"farrier.dev/farrier/internal/console"
	gate "farrier.dev/farrier/internal/control"
	"farrier.dev/farrier/internal/control/client"
	"farrier.dev/farrier/internal/monitor"
	"farrier.dev/farrier/internal/traffic"
	"farrier.dev/farrier/internal/traffic/journal"
)

var large = flag.Bool("large", false, "measure pages with 1,000 APIs, 10,000 clients and 10 million requests")

// TestLargePages measures how long pages take on the server in a large installation.
// It only prints: times never decide a test.
func TestLargePages(t *testing.T) {
	if !*large {
		t.Skip("takes some minutes; play it with -large")
	}
	const apis, clients = 1000, 10_000
	cfg := DefaultConfig()
	cfg.Manifests, cfg.Data, cfg.Console = []string{t.TempDir()}, t.TempDir(), "127.0.0.1:0"
	cfg.Access.SecondFactor = "optional"
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	port := ln.Addr().(*net.TCPAddr).Port
	_ = ln.Close()
	var text strings.Builder
	for i := range apis {
		_, _ = fmt.Fprintf(&text, "---\napiVersion: gateway.mulesoft.com/v1alpha1\nkind: ApiInstance\nmetadata: {name: api-%04d, labels: {team: t%d}}\nspec:\n  address: http://127.0.0.1:%d/api-%04d\n  services: {up: {address: \"http://127.0.0.1:9\"}}\n  policies:\n  - {policyRef: {name: client-id-enforcement-flex}}\n", i, i%20, port, i)
	}
	if err := os.WriteFile(filepath.Join(cfg.Manifests[0], "apis.yaml"), []byte(text.String()), 0o600); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	ready, ended := make(chan Ready, 1), make(chan error, 1)
	go func() {
		ended <- Serve(ctx, cfg, slog.New(slog.DiscardHandler), io.Discard, func(r Ready) { ready <- r })
	}()
	var r Ready
	select {
	case err := <-ended:
		t.Fatal(err)
	case r = <-ready:
	}
	defer func() { cancel(); <-ended }()
	p := gate.Principal{Operator: "admin", Roles: []access.Role{access.RoleAdmin}}
	fillClients(t, r.control, p, cfg.Environment, apis, clients)
	fillCounts(t, r.control, cfg.Environment, apis, clients)
	cookie := signedIn(t, r.control)
	for _, path := range []string{
		"/", "/?range=24h", "/?range=7d", "/apis", "/apis/default/api-0500", "/apis/default/api-0500/monitoring", "/apis/default/api-0500/contracts", "/manage", "/clients",
		"/clients?q=client-09", "/refusals", "/findings", "/inventory", "/alerts", "/secrets", "/gateways", "/access", "/audit", "/revision", "/incidents", "/search?q=api-05", "/governance", "/portal",
	} {
		status, size, p95 := measure(t, r.Console+path, cookie)
		t.Logf("%-40s %d %7d bytes, p95 %s", path, status, size, p95.Round(100*time.Microsecond))
	}
}

// fillClients imports clients, each with a contract.
func fillClients(t *testing.T, c *control, p gate.Principal, environment string, apis, clients int) {
	t.Helper()
	for from := 0; from < clients; from += 1000 {
		var in client.Imported
		for i := from; i < from+1000; i++ {
			id := fmt.Sprintf("client-%05d", i)
			in.Applications = append(in.Applications, client.ImportedApplication{
				Draft: client.Draft{Name: "Application " + id, ClientID: id}, SecretHash: "sha256:" + strings.Repeat("ab", 32),
			})
			in.Contracts = append(in.Contracts, client.ImportedContract{API: fmt.Sprintf("default/api-%04d", i%apis), ClientID: id, State: client.Approved})
		}
		if _, err := c.clients.Import(t.Context(), p, access.Root, environment, in); err != nil {
			t.Fatal(err)
		}
	}
}

// fillCounts counts 10 million requests over a week.
func fillCounts(t *testing.T, c *control, environment string, apis, clients int) {
	t.Helper()
	now := time.Now().Add(-7 * 24 * time.Hour)
	clock := func() time.Time { return now }
	rollup := monitor.NewRollup(clock)
	j, err := journal.Open(t.TempDir(), journal.Options{Now: clock})
	if err != nil {
		t.Fatal(err)
	}
	defer j.Close()
	receiver, err := monitor.NewReceiver(t.Context(), monitor.Options{DB: c.trafficDB, Environment: environment, Gateway: "edge", Now: clock, Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	s := monitor.NewShipper(monitor.ShipperOptions{Journal: j, Rollup: rollup, Process: "p", Now: clock, Log: slog.New(slog.DiscardHandler), Send: receiver.Receive})
	total := 0
	for hour := range 7 * 24 {
		for a := range apis {
			name := fmt.Sprintf("default/api-%04d", a)
			for n := range 60 {
				outcome, status := traffic.Served, 200
				if n%20 == 0 {
					outcome, status = traffic.RefusedByPolicy, 401
				}
				took := time.Duration(1+(a+n+hour)%50) * time.Millisecond
				rollup.Count(name, "GET /things/{int}", status, outcome, took, 100, 2000)
				if n < 3 {
					rollup.CountParty(monitor.Party{API: name, Client: fmt.Sprintf("client-%05d", (a+n*apis)%clients)}, status, outcome, took, 100, 2000)
				}
				total++
			}
		}
		now = now.Add(time.Hour)
		if err := s.Ship(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	t.Logf("%d requests counted", total)
}

// signedIn is the cookie of a session of the administrator.
func signedIn(t *testing.T, c *control) string {
	t.Helper()
	from := access.From{Address: netip.MustParseAddr("127.0.0.1")}
	token, _, err := c.access.LoginLink(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	s, _, err := c.access.RedeemLink(t.Context(), token, from)
	if err == nil {
		s, err = c.access.SetPassword(t.Context(), s.Token, "", "quite a long phrase of 9 words it is", from)
	}
	if err != nil {
		t.Fatal(err)
	}
	return console.CookieName(false) + "=" + s.Token
}

// measure asks for a page again and again.
func measure(t *testing.T, url, cookie string) (status, size int, p95 time.Duration) {
	t.Helper()
	var took []time.Duration
	for range 21 {
		r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url, http.NoBody)
		if err != nil {
			t.Fatal(err)
		}
		r.Header.Set("Cookie", cookie)
		r.Header.Set("Accept", "text/html")
		began := time.Now()
		resp, err := http.DefaultClient.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		body, err := io.ReadAll(resp.Body)
		if err != nil {
			t.Fatal(err)
		}
		_ = resp.Body.Close()
		status, size = resp.StatusCode, len(body)
		took = append(took, time.Since(began))
	}
	slices.Sort(took)
	return status, size, took[len(took)*95/100]
}
