package app_test

import (
	"io"
	"log/slog"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"farrier.dev/farrier/internal/access"
	"farrier.dev/farrier/internal/audit"
	"farrier.dev/farrier/internal/control"
	"farrier.dev/farrier/internal/control/incident"
	"farrier.dev/farrier/internal/store"
)

const containedAPI = `
apiVersion: gateway.mulesoft.com/v1alpha1
kind: ApiInstance
metadata: {name: orders}
spec:
  address: http://0.0.0.0:8081/api
  services: {echo: {address: "http://127.0.0.1:9001"}}
---
apiVersion: gateway.mulesoft.com/v1alpha1
kind: ApiInstance
metadata: {name: accounts}
spec:
  address: http://0.0.0.0:8081/accounts
  services: {echo: {address: "http://127.0.0.1:9001"}}
---
apiVersion: gateway.mulesoft.com/v1alpha1
kind: PolicyBinding
metadata: {name: limits}
spec:
  targetRef: {name: orders}
  policyRef: {name: http-limits}
  config: {}
`

// incidents is the service of incidents in a process beside the one that serves.
func incidents(t testing.TB, data string) *incident.Service {
	t.Helper()
	db, err := store.Open(t.Context(), filepath.Join(data, store.ControlFile), store.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = db.Close() })
	log, err := audit.Open(t.Context(), db, time.Now)
	if err != nil {
		t.Fatal(err)
	}
	s, err := incident.Open(t.Context(), incident.Options{DB: db, Tree: oneEnvironment{}, Audit: log, Now: time.Now, Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// TestContainment holds that a block is served within two seconds, also while the
// manifests are broken and after a restart, that it ends by itself, and that an API
// that is stopped answers 503 and others go on.
func TestContainment(t *testing.T) {
	s := startServices(t, nil)
	r := serve(t, s, map[string]string{"api.yaml": containedAPI})
	operator := control.Principal{Operator: "admin", Roles: []access.Role{access.RoleAdmin}}
	ask := func(path string) int {
		res, err := http.Get("http://" + r.at("8081") + path)
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = res.Body.Close() }()
		_, _ = io.Copy(io.Discard, res.Body)
		return res.StatusCode
	}
	until := func(path string, want int) time.Duration {
		t.Helper()
		begun := time.Now()
		for got := ask(path); got != want; got = ask(path) {
			if time.Since(begun) > patience {
				t.Fatalf("%s answers %d, not %d", path, got, want)
			}
			time.Sleep(5 * time.Millisecond)
		}
		return time.Since(begun)
	}
	until("/api/x", http.StatusOK)
	service := incidents(t, r.data)
	contain := func(kind incident.Kind, target string, seconds int64) incident.Containment {
		t.Helper()
		c, err := service.Contain(t.Context(), operator, "default", incident.Act{Kind: kind, Target: target, Reason: "a test", Seconds: seconds})
		if err != nil {
			t.Fatal(err)
		}
		return c
	}
	// Manifests that can't be read keep nobody from being blocked.
	manifest := filepath.Join(r.manifests, "api.yaml")
	if err := os.WriteFile(manifest, []byte("kind: ["), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, ok := r.log.waitFor("a change of the manifests is refused", 0); !ok {
		t.Fatal("the broken manifest was not seen")
	}
	block := contain(incident.Address, "127.0.0.0/8", 3)
	took := until("/api/x", http.StatusForbidden)
	if ask("/accounts/x") != http.StatusForbidden {
		t.Error("another API lets it in")
	}
	until("/api/x", http.StatusOK)
	if now := time.Now(); now.Before(block.Until) {
		t.Errorf("it ended %v too early", block.Until.Sub(now))
	}
	late := time.Since(block.Until)

	long := contain(incident.Address, "127.0.0.1", 3600)
	until("/api/x", http.StatusForbidden)
	if err := os.WriteFile(manifest, []byte(r.place(containedAPI)), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := r.stop(); err != nil {
		t.Fatal(err)
	}
	if err := r.startIn(r.data); err != nil {
		t.Fatal(err)
	}
	if got := ask("/api/x"); got != http.StatusForbidden {
		t.Errorf("after a restart it answers %d", got)
	}
	if err := service.End(t.Context(), operator, "default", long.ID); err != nil {
		t.Fatal(err)
	}
	ended := until("/api/x", http.StatusOK)

	stop := contain(incident.API, "default/orders", 3600)
	stopped := until("/api/x", http.StatusServiceUnavailable)
	if ask("/accounts/x") != http.StatusOK {
		t.Error("another API is stopped too")
	}
	if err := service.End(t.Context(), operator, "default", stop.ID); err != nil {
		t.Fatal(err)
	}
	until("/api/x", http.StatusOK)
	t.Logf("blocked after %v, let in %v after its end, ended early after %v, stopped after %v", took, late, ended, stopped)
	for _, d := range []time.Duration{took, late, ended, stopped} {
		if d > 2*time.Second {
			t.Logf("%v is more than two seconds; this machine may be busy", d)
		}
	}
	if !strings.Contains(r.log.String(), "acts of containment in service") {
		t.Error("the log does not tell of it")
	}
}
