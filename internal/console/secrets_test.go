package console

import (
	"context"
	"log/slog"
	"net/http"
	"strings"
	"testing"
	"time"

	"farrier.dev/farrier/internal/access"
	"farrier.dev/farrier/internal/audit"
	"farrier.dev/farrier/internal/control/secrets"
	"farrier.dev/farrier/internal/secret"
	"farrier.dev/farrier/internal/store/storetest"
)

// wideTree finds every environment.
type wideTree struct{}

func (wideTree) ScopeOf(_ context.Context, environment string) (access.Scope, error) {
	return access.Scope{Group: access.Root, Environment: environment}, nil
}

func (wideTree) GroupScope(context.Context, string) (access.Scope, error) {
	return access.Scope{Group: access.Root}, nil
}

// TestSecretPages writes a secret through the pages and holds that none shows it.
func TestSecretPages(t *testing.T) {
	h := newHouse(t, clockAt(noon))
	db := storetest.Open(t)
	ring, err := secret.OpenKeyring(t.TempDir(), func() (bool, error) { return false, nil })
	must(t, err)
	log, err := audit.Open(t.Context(), db, clockAt(noon))
	must(t, err)
	service, err := secrets.Open(t.Context(), secrets.Options{DB: db, Tree: wideTree{}, Ring: ring, Audit: log, Now: clockAt(noon), Log: slog.New(slog.DiscardHandler)})
	must(t, err)
	o := h.console.Options
	o.Secrets, o.Environment = service, "production"
	h.handler, err = New(o)
	must(t, err)
	cookie := h.signIn(t)
	looked := 0
	look := func(path, want string) {
		t.Helper()
		looked++
		if a := h.ask(t, http.MethodGet, path, cookie); a.StatusCode != http.StatusOK || !strings.Contains(a.body, want) || strings.Contains(a.body, hidden) {
			t.Errorf("%s: %d, want %q in\n%.3000s", path, a.StatusCode, want, a.body)
		}
	}
	post := func(path string, status int, want string, fields ...string) {
		t.Helper()
		looked++
		a := h.ask(t, http.MethodPost, path, cookie, form(fields...))
		if a.StatusCode != status || !strings.Contains(a.body+a.Header.Get("Location"), want) || strings.Contains(a.body, hidden) {
			t.Errorf("POST %s: %d %q, want %d with %q in\n%.3000s", path, a.StatusCode, a.Header.Get("Location"), status, want, a.body)
		}
	}
	look("/secrets", "There is no secret group yet")
	look("/credentials", "There are no credentials yet")
	post("/secrets", http.StatusUnprocessableEntity, "name-wrong", "name", "x!")
	post("/secrets", http.StatusSeeOther, "/secrets/backend", "name", "backend")
	look("/secrets/backend", "The group is empty")
	for _, kind := range secrets.Kinds() {
		look("/secrets/backend/?kind="+string(kind), "<form action=\"/secrets/backend/\"")
	}
	post("/secrets/backend/", http.StatusUnprocessableEntity, "is missing", "kind", "username-password", "name", "database", "username", "orders")
	post("/secrets/backend/", http.StatusSeeOther, "/secrets/backend/database", "kind", "username-password", "name", "database", "username", "orders", "password", hidden)
	look("/secrets/backend", "User name and password")
	look("/secrets/backend/database", "${secret:backend/database}")
	look("/secrets/backend/database/write", "New version of database")
	post("/secrets/backend/database", http.StatusSeeOther, "/secrets/backend/database", "act", "settings", "version", "1", "owner", "payments", "days", "30", "length", "32", "alphabet", "hex", "overlapHours", "24", "expires", noon.Add(9*24*time.Hour).Format(time.DateOnly))
	look("/secrets/backend/database", "expires in 8 days")
	post("/secrets/backend/database", http.StatusConflict, "alert", "act", "generate", "version", "1")
	post("/secrets/backend/database", http.StatusSeeOther, "/secrets/backend/database", "act", "generate", "version", "2")
	post("/secrets/backend/database", http.StatusSeeOther, "/secrets/backend/database", "act", "rollback", "number", "1", "version", "3")
	post("/secrets/backend", http.StatusSeeOther, "/secrets/backend", "act", "grant", "account", "eve", "permission", "secrets:view")
	look("/secrets/backend", "eve")
	look("/credentials", "backend/database")
	post("/secrets/backend/database", http.StatusForbidden, "", "act", "read")
	post("/secrets/backend/database", http.StatusSeeOther, "/secrets/backend", "act", "remove", "version", "4")
	post("/secrets/backend", http.StatusSeeOther, "/secrets", "act", "remove", "version", "1")
	t.Logf("%d pages", looked)
}
