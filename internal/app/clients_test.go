package app

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"math/rand/v2"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"testing"
	"time"

	"farrier.dev/farrier/internal/access"
	gate "farrier.dev/farrier/internal/control"
	"farrier.dev/farrier/internal/control/client"
	"farrier.dev/farrier/internal/control/portal"
)

// contracted is an API that only clients with a contract may call, with a quota.
const contracted = `apiVersion: gateway.mulesoft.com/v1alpha1
kind: ApiInstance
metadata: {name: orders, labels: {portal: public}, annotations: {farrier/specification: orders.yaml}}
spec:
  address: http://%s/shop
  services: {up: {address: "%s"}}
---
apiVersion: gateway.mulesoft.com/v1alpha1
kind: PolicyBinding
metadata: {name: clients}
spec:
  targetRef: {name: orders}
  policyRef: {name: client-id-enforcement-flex}
  config: {clientSecretExpression: "#[attributes.headers['client_secret']]"}
`

const contractedSpec = `openapi: 3.0.3
info: {title: Orders of the shop, version: "2", description: All orders.}
paths:
  /orders/{id}:
    get:
      summary: One order
      parameters: [{name: id, in: path, required: true, schema: {type: integer}, example: 7}]
      responses: {"200": {description: It is there}}
`

// TestContractsAtTheGateway plays the whole way on a running Farrier: ask, approve,
// call, rotate the secret, revoke, restart without a database.
func TestContractsAtTheGateway(t *testing.T) {
	upstream := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = fmt.Fprintf(w, `{"path":%q,"from":%q}`, r.URL.Path, r.Header.Get("X-Forwarded-For"))
	}))
	defer upstream.Close()
	address := net.JoinHostPort("127.0.0.1", strconv.Itoa(10_000+rand.IntN(20_000)))
	cfg := DefaultConfig()
	cfg.Manifests, cfg.Data, cfg.Console, cfg.Limits.DrainSeconds = []string{t.TempDir()}, t.TempDir(), "off", 1
	for name, text := range map[string]string{"api.yaml": fmt.Sprintf(contracted, address, upstream.URL), "orders.yaml": contractedSpec} {
		if err := os.WriteFile(filepath.Join(cfg.Manifests[0], name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	var running *control
	run := func() (stop func()) {
		ctx, cancel := context.WithCancel(context.Background())
		ready, ended := make(chan Ready, 1), make(chan error, 1)
		go func() {
			ended <- Serve(ctx, cfg, slog.New(slog.DiscardHandler), io.Discard, func(r Ready) { running = r.control; ready <- r })
		}()
		select {
		case err := <-ended:
			t.Fatalf("serving: %v", err)
		case <-ready:
		}
		return func() {
			cancel()
			if err := <-ended; err != nil {
				t.Errorf("stopping: %v", err)
			}
		}
	}
	stop := run()
	p := gate.Principal{Operator: "dana", Roles: []access.Role{access.RoleAdmin}, Address: netip.MustParseAddr("192.0.2.44")}
	ctx := t.Context()
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	call := func(id, secret string) int {
		r, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+address+"/shop/orders/7", http.NoBody)
		must(err)
		r.Header["client_id"], r.Header["client_secret"] = []string{id}, []string{secret}
		resp, err := http.DefaultTransport.RoundTrip(r)
		must(err)
		_ = resp.Body.Close()
		return resp.StatusCode
	}
	var slowest time.Duration
	becomes := func(id, secret string, want int) {
		t.Helper()
		began := time.Now()
		for call(id, secret) != want {
			if time.Since(began) > 20*time.Second {
				t.Fatalf("the gateway does not answer %d", want)
			}
			time.Sleep(5 * time.Millisecond)
		}
		slowest = max(slowest, time.Since(began))
	}
	clients := running.clients
	app, secret, err := clients.Create(ctx, p, access.Root, client.Draft{Name: "Shoes"})
	must(err)
	gold, err := clients.CreateTier(ctx, p, cfg.Environment, "default/orders", client.TierDraft{Name: "Gold", Limits: []client.Limit{{MaximumRequests: 1000, TimePeriodInMilliseconds: 60000}}})
	must(err)
	c, err := clients.Request(ctx, p, cfg.Environment, client.Asking{Group: access.Root, Application: app.ID, API: "default/orders", Tier: gold.ID})
	must(err)
	if status := call(app.ClientID, secret); c.State != client.Pending || status != http.StatusUnauthorized {
		t.Fatalf("a contract that is %s answers %d", c.State, status)
	}
	c, err = clients.Decide(ctx, p, cfg.Environment, c.ID, c.Version, client.Approve, "")
	must(err)
	becomes(app.ClientID, secret, http.StatusOK)
	if call(app.ClientID, "wrong") != http.StatusUnauthorized {
		t.Error("a wrong secret is right")
	}
	// The developer tries a call from the portal: the gateway sees where they are.
	answer, err := running.portal.Try(ctx, p, cfg.Environment, "default/orders", portal.Call{Method: "GET", Path: "/orders/7", ClientID: app.ClientID, Secret: secret})
	must(err)
	if answer.Status != 200 || answer.Body != "{\n  \"path\": \"/orders/7\",\n  \"from\": \"192.0.2.44, 127.0.0.1\"\n}" {
		t.Errorf("the call from the portal answers %+v", answer)
	}
	renewed, err := clients.ResetSecret(ctx, p, access.Root, app.ID, app.Version, client.DefaultGrace)
	must(err)
	becomes(app.ClientID, renewed, http.StatusOK)
	if call(app.ClientID, secret) != http.StatusOK {
		t.Error("the secret before is cut off within its grace period")
	}
	// A broken manifest keeps nothing from being revoked.
	file := filepath.Join(cfg.Manifests[0], "api.yaml")
	good, err := os.ReadFile(file)
	must(err)
	must(os.WriteFile(file, append(slices.Clone(good), "---\nkind: [broken"...), 0o600))
	c, err = clients.Decide(ctx, p, cfg.Environment, c.ID, c.Version, client.Revoke, "")
	must(err)
	becomes(app.ClientID, renewed, http.StatusUnauthorized)
	must(os.WriteFile(file, good, 0o600))
	_, err = clients.Decide(ctx, p, cfg.Environment, c.ID, c.Version, client.Restore, "")
	must(err)
	becomes(app.ClientID, renewed, http.StatusOK)
	t.Logf("the slowest change served after %s", slowest.Round(time.Millisecond))
	// Who is in a team owns what the team owns.
	by := access.By{Operator: "dana"}
	account, err := running.access.CreateAccount(ctx, by, access.Account{Name: "lou"})
	must(err)
	team, err := running.access.CreateTeam(ctx, by, access.Team{Name: "blue"})
	must(err)
	must(running.access.AddMember(ctx, by, team.ID, account.ID, false))
	if ids, err := running.teamsOf(ctx, account.ID); err != nil || !slices.Equal(ids, []string{team.ID}) {
		t.Errorf("the teams of lou are %q, %v", ids, err)
	}
	if ids, err := running.teamsOf(ctx, "nobody"); err != nil || ids != nil {
		t.Errorf("the teams of nobody are %q, %v", ids, err)
	}
	for name, want := range map[string]string{"account:lou": "account:" + account.ID, "team:blue": "team:" + team.ID, "account:nobody": "", "team:nobody": ""} {
		if id, err := running.ownerID(ctx, name); err != nil || id != want {
			t.Errorf("%s is %q, %v, want %q", name, id, err, want)
		}
	}
	stop()

	// The database is gone: what served goes on serving.
	must(os.WriteFile(filepath.Join(cfg.Data, "control.db"), []byte("this is no database, and never was one"), 0o600))
	for _, rest := range []string{"control.db-wal", "control.db-shm"} {
		_ = os.Remove(filepath.Join(cfg.Data, rest))
	}
	stop = run()
	defer stop()
	for range 20 {
		if status := call(app.ClientID, renewed); status != http.StatusOK {
			t.Fatalf("without a database the contract answers %d", status)
		}
		time.Sleep(10 * time.Millisecond)
	}
}
