package console

import (
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"regexp"
	"strings"
	"testing"

	"farrier.dev/farrier/internal/audit"
	"farrier.dev/farrier/internal/control/healthcheck"
	"farrier.dev/farrier/internal/store/storetest"
)

// TestHealthPages makes a check, and holds that strangers see no more of it than its
// name and state.
func TestHealthPages(t *testing.T) {
	h := newHouse(t, clockAt(noon))
	h.seed(t)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "well") }))
	t.Cleanup(server.Close)
	db := storetest.Open(t)
	log, err := audit.Open(t.Context(), db, h.now)
	must(t, err)
	o := h.console.Options
	o.Environment, o.Version = "hidden-place", "9.9.9-hidden"
	o.Health, err = healthcheck.Open(t.Context(), healthcheck.Options{
		DB: db, Tree: clientTree{}, Audit: log, HTTP: &http.Client{}, Environments: []string{o.Environment}, Now: h.now, Log: slog.New(slog.DiscardHandler),
		Target: func(_, api string) (healthcheck.Target, bool) {
			return healthcheck.Target{URL: "http://inside.example.com/secret-path", Dial: strings.TrimPrefix(server.URL, "http://")}, api == "default/orders"
		},
	})
	must(t, err)
	h.handler, err = New(o)
	must(t, err)
	cookie := h.signIn(t)
	page := func(method, path string, status int, want string, change ...string) string {
		t.Helper()
		a := h.ask(t, method, path, cookie, form(change...), header("Sec-Fetch-Site", "same-origin"))
		if a.StatusCode != status || !strings.Contains(a.body+a.Header.Get("Location"), want) {
			t.Fatalf("%s %s: %d, does not say %q: %.1500s", method, path, a.StatusCode, want, main(a.body))
		}
		for _, not := range []string{"ZgotmplZ", "<no value>", "%!", "style="} {
			if strings.Contains(a.body, not) {
				t.Errorf("%s says %q", path, not)
			}
		}
		return a.body
	}
	page("GET", "/health", http.StatusOK, "Nothing is checked")
	page("GET", "/health/new", http.StatusOK, "What is expected")
	page("POST", "/health", http.StatusUnprocessableEntity, "no API", "name", "Orders", "api", "default/nothing")
	page("POST", "/health", http.StatusUnprocessableEntity, "10 to 86400", "name", "Orders", "api", "default/orders", "interval", "often")
	page("POST", "/health", http.StatusSeeOther, "/health/", "name", "Ordering", "api", "default/orders", "contains", "ill", "failures", "1", "public", "yes", "enabled", "yes")
	page("POST", "/health", http.StatusSeeOther, "/health/", "name", "Hidden check", "api", "default/orders", "enabled", "yes")
	must(t, o.Health.Due(t.Context(), o.Environment))
	list := page("GET", "/health", http.StatusOK, "the expected text is not in the answer")
	id := regexp.MustCompile(`/health/([0-9a-f]{16})">Ordering`).FindStringSubmatch(list)[1]
	page("GET", "/health/"+id, http.StatusOK, "Last results")
	a := h.ask(t, "GET", "/status", "")
	if a.StatusCode != http.StatusOK || !strings.Contains(a.body, "Ordering") || !strings.Contains(a.body, "does not work") || !strings.Contains(a.body, "0.00 %") || a.Header.Get("Cache-Control") != "public, max-age=15" {
		t.Errorf("status: %d %s", a.StatusCode, a.body)
	}
	for _, inside := range []string{"Hidden", "default/orders", "secret-path", "expected text", "127.0.0.1", id, o.Environment, o.Version, "Sign out"} {
		if strings.Contains(regexp.MustCompile(`/assets/[^"]*`).ReplaceAllString(a.body, ""), inside) {
			t.Errorf("the status page says %q", inside)
		}
	}
	if a := h.ask(t, "GET", "/health", ""); a.StatusCode == http.StatusOK {
		t.Error("strangers see the checks")
	}
	page("POST", "/health/"+id+"/remove", http.StatusSeeOther, "/health", "version", "1")
}
