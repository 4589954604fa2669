package console

import (
	"crypto/x509"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"farrier.dev/farrier/internal/audit"
	"farrier.dev/farrier/internal/control/secrets"
	"farrier.dev/farrier/internal/secret"
	"farrier.dev/farrier/internal/store/storetest"
)

// TestCertificatePages orders a certificate through the pages, which say why there is
// none, and never show the key of the external account.
func TestCertificatePages(t *testing.T) {
	h := newHouse(t, clockAt(noon))
	db := storetest.Open(t)
	ring, err := secret.OpenKeyring(t.TempDir(), func() (bool, error) { return false, nil })
	must(t, err)
	log, err := audit.Open(t.Context(), db, clockAt(noon))
	must(t, err)
	directory := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusTeapot) }))
	t.Cleanup(directory.Close)
	service, err := secrets.Open(t.Context(), secrets.Options{
		DB: db, Tree: wideTree{}, Ring: ring, Audit: log, Now: clockAt(noon), Log: slog.New(slog.DiscardHandler),
		Authority: func(*x509.CertPool) *http.Client { return directory.Client() },
	})
	must(t, err)
	o := h.console.Options
	o.Secrets, o.Environment = service, "production"
	h.handler, err = New(o)
	must(t, err)
	cookie := h.signIn(t)
	const mac = "bWFjLW9mLWFuLWV4dGVybmFsLWFjY291bnQ"
	played := 0
	ask := func(method, path string, status int, want string, fields ...string) {
		t.Helper()
		played++
		a := h.ask(t, method, path, cookie, form(fields...))
		if a.StatusCode != status || !strings.Contains(a.body+a.Header.Get("Location"), want) || strings.Contains(a.body, mac) {
			t.Errorf("%s %s: %d %q, want %d with %q in\n%.3000s", method, path, a.StatusCode, a.Header.Get("Location"), status, want, a.body)
		}
	}
	ask("POST", "/secrets", http.StatusSeeOther, "/secrets/edge", "name", "edge")
	ask("GET", "/secrets/edge", http.StatusOK, `href="/certificates/edge"`)
	ask("GET", "/certificates/edge", http.StatusOK, "no wildcards")
	ask("GET", "/certificates/nowhere", http.StatusNotFound, "")
	ask("POST", "/certificates/edge", http.StatusUnprocessableEntity, "dns-01", "name", "front", "domains", "*.example.com", "agreed", "on")
	ask("POST", "/certificates/edge", http.StatusUnprocessableEntity, "shop.example.com</textarea>", "name", "front", "domains", "shop.example.com")
	ask("POST", "/certificates/edge", http.StatusSeeOther, "/certificates/edge/front", "name", "front", "domains", "shop.example.com, www.example.com", "agreed", "on",
		"directory", directory.URL+"/dir", "keyId", "kid-1", "hmac", mac)
	ask("GET", "/certificates/edge/front", http.StatusOK, "pending")
	ask("GET", "/secrets/edge", http.StatusOK, `href="/certificates/edge/front"`)
	if err := service.TickACME(t.Context()); err == nil {
		t.Error("a teapot is an authority")
	}
	ask("GET", "/certificates/edge/front", http.StatusOK, "The last attempt failed: the directory answers HTTP 418")
	ask("GET", "/secrets/edge", http.StatusOK, "failing")
	ask("POST", "/certificates/edge/front", http.StatusConflict, "", "act", "try", "version", "9")
	ask("POST", "/certificates/edge/front", http.StatusSeeOther, "/certificates/edge/front", "act", "try", "version", "1")
	ask("POST", "/certificates/edge/front", http.StatusUnprocessableEntity, "terms", "act", "change", "version", "2", "domains", "shop.example.com")
	ask("POST", "/certificates/edge/front", http.StatusSeeOther, "/certificates/edge/front", "act", "change", "version", "2", "domains", "new.example.com", "agreed", "on")
	ask("GET", "/certificates/edge/front", http.StatusOK, "new.example.com")
	ask("POST", "/certificates/edge/front", http.StatusBadRequest, "", "act", "dance")
	ask("POST", "/certificates/edge/front", http.StatusSeeOther, "/secrets/edge", "act", "end", "version", "3")
	ask("GET", "/certificates/edge/front", http.StatusNotFound, "")
	t.Logf("%d pages and forms", played)
}
