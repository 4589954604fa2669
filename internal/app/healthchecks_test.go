package app_test

import (
	"log/slog"
	"net/http"
	"path/filepath"
	"testing"
	"time"

	"farrier.dev/farrier/internal/access"
	"farrier.dev/farrier/internal/audit"
	"farrier.dev/farrier/internal/control"
	"farrier.dev/farrier/internal/control/healthcheck"
	"farrier.dev/farrier/internal/store"
)

// TestHealthChecks holds that the gateway's own listener is asked, by a check that
// another process made.
func TestHealthChecks(t *testing.T) {
	s := startServices(t, nil)
	r := serve(t, s, map[string]string{"api.yaml": containedAPI})
	db, err := store.Open(t.Context(), filepath.Join(r.data, store.ControlFile), store.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = db.Close() })
	log, err := audit.Open(t.Context(), db, time.Now)
	if err != nil {
		t.Fatal(err)
	}
	service, err := healthcheck.Open(t.Context(), healthcheck.Options{
		DB: db, Tree: oneEnvironment{}, Audit: log, HTTP: http.DefaultClient, Now: time.Now, Log: slog.New(slog.DiscardHandler),
		Target: func(string, string) (healthcheck.Target, bool) { return healthcheck.Target{}, true },
	})
	if err != nil {
		t.Fatal(err)
	}
	operator := control.Principal{Operator: "admin", Roles: []access.Role{access.RoleAdmin}}
	verdict := func(status int) (healthcheck.Check, healthcheck.Verdict) {
		c, err := service.Keep(t.Context(), operator, "default", "", 0, healthcheck.Spec{Name: "Orders", API: "default/orders", Path: "/x", Status: status, Failures: 1, Enabled: true})
		if err != nil {
			t.Fatal(err)
		}
		for end := time.Now().Add(patience); c.State.Verdict == ""; time.Sleep(10 * time.Millisecond) {
			if time.Now().After(end) {
				t.Fatal("nothing was checked")
			}
			if c, err = service.Get(t.Context(), operator, "default", c.ID); err != nil {
				t.Fatal(err)
			}
		}
		return c, c.State.Verdict
	}
	if c, got := verdict(http.StatusOK); got != healthcheck.Up {
		t.Errorf("%+v", c.State)
	}
	if c, got := verdict(http.StatusTeapot); got != healthcheck.Down || c.State.Last.Problem != "it answered 200, not 418" {
		t.Errorf("%+v", c.State)
	}
}
