package console

import (
	"net/http"
	"net/http/httptest"
	"regexp"
	"strings"
	"testing"
)

// mustHeaders are those of every answer of the console, whatever it is.
var mustHeaders = map[string]string{
	"Content-Security-Policy": contentPolicy, "X-Content-Type-Options": "nosniff", "X-Frame-Options": "DENY", "Referrer-Policy": "no-referrer",
	"Cross-Origin-Opener-Policy": "same-origin", "Cross-Origin-Resource-Policy": "same-origin", "Cross-Origin-Embedder-Policy": "require-corp",
}

var (
	inlineScript = regexp.MustCompile(`(?i)<script(?:[^>]*)>[^<]|<style|\sstyle=|\son[a-z]+=|javascript:`)
	formTag      = regexp.MustCompile(`<form[^>]*>`)
	outside      = regexp.MustCompile(`(?:src|href|action)="(?:https?:)?//`)
)

// TestPagesAreHygienic looks at every route, and at every page of a full house with a
// large world, as a scanner of web sites would.
func TestPagesAreHygienic(t *testing.T) {
	h := fullHouse(t)
	h.seed(t)
	h.scanProjects(t)
	h.learn(t, 3000)
	cookie := h.signIn(t)
	pages := h.furnish(t, cookie)
	for i := range 1000 {
		h.publication.Serving.APIs = append(h.publication.Serving.APIs, h.publication.Serving.APIs[0])
		h.publication.Serving.APIs[len(h.publication.Serving.APIs)-1].Name.Name = "orders-" + strings.Repeat("x", 30) + string(rune('a'+i%26)) + strings.Repeat("y", i%20)
	}
	for _, path := range []string{"/apis", "/apis?from=200", "/apis?q=orders-x", "/apis?q=nothingatall", "/refusals", "/findings", "/governance", "/governance/rulesets", "/projects", "/projects/orders", "/inventory", "/inventory/map", "/inventory/data", "/inventory/changes", "/revision", "/audit", "/password", "/login", "/nowhere", "/search?q=o", "/search?q=e"} {
		pages = append(pages, page{path, path})
	}
	looked, largest, where := 0, 0, ""
	check := func(what string, a answer) {
		t.Helper()
		looked++
		for name, value := range mustHeaders {
			if got := a.Header.Values(name); len(got) != 1 || got[0] != value {
				t.Errorf("%s: %s is %q", what, name, got)
			}
		}
		for _, name := range []string{"Server", "X-Powered-By", "Via", "Access-Control-Allow-Origin", "Refresh"} {
			if got := a.Header.Get(name); got != "" {
				t.Errorf("%s: %s is %q", what, name, got)
			}
		}
		if cache := a.Header.Get("Cache-Control"); cache != "no-store" && a.StatusCode == http.StatusOK && !strings.Contains(what, "/assets/") && !strings.Contains(what, "/favicon.ico") {
			t.Errorf("%s: Cache-Control is %q", what, cache)
		}
		if a.body != "" && a.Header.Get("Content-Type") == "" {
			t.Errorf("%s: no Content-Type", what)
		}
		for _, c := range a.Cookies() {
			if !c.HttpOnly || c.SameSite != http.SameSiteStrictMode && c.SameSite != http.SameSiteLaxMode || c.Path == "" {
				t.Errorf("%s: the cookie %s", what, c)
			}
		}
		if !strings.HasPrefix(a.Header.Get("Content-Type"), "text/html") {
			return
		}
		if found := inlineScript.FindString(a.body); found != "" {
			t.Errorf("%s: inline %q", what, found)
		}
		if found := outside.FindString(a.body); found != "" {
			t.Errorf("%s leads outside: %q", what, found)
		}
		for _, tag := range formTag.FindAllString(a.body, -1) {
			if !strings.Contains(tag, `method="post"`) && !strings.Contains(tag, `method="get"`) {
				t.Errorf("%s: a form without a method: %s", what, tag)
			}
		}
		if strings.Contains(a.body, hidden) {
			t.Errorf("%s shows a secret", what)
		}
		if len(a.body) > largest {
			largest, where = len(a.body), what
		}
	}
	for _, p := range pages {
		a := h.ask(t, http.MethodGet, p.path, cookie)
		if a.StatusCode != http.StatusOK && p.path != "/nowhere" {
			t.Errorf("%s: %d", p.path, a.StatusCode)
		}
		check(p.path, a)
	}
	for _, rt := range h.console.routes() {
		method, path := target(rt.pattern)
		anonymous := h.ask(t, method, path, "")
		check(rt.pattern+" without a session", anonymous)
		if rt.access != everyone && strings.Contains(anonymous.body, h.console.Version) {
			t.Errorf("%s tells its version to everybody", rt.pattern)
		}
		if method == http.MethodPost {
			for _, foreign := range []func(*http.Request){header("Sec-Fetch-Site", "cross-site"), header("Sec-Fetch-Site", "same-site"), header("Origin", "https://attacker.example")} {
				a := h.ask(t, method, path, cookie, foreign)
				if a.StatusCode != http.StatusForbidden {
					t.Errorf("%s from another site: %d", rt.pattern, a.StatusCode)
				}
				check(rt.pattern+" from another site", a)
			}
		}
	}
	if a := h.ask(t, http.MethodGet, "/login", ""); strings.Contains(a.body, h.console.Version) {
		t.Error("the page to sign in tells the version")
	}
	if t.Logf("%d answers; the largest page is %s with %d bytes", looked, where, largest); looked < 300 || largest > 300_000 {
		t.Error("too few, or too large")
	}
}

// TestSecureCookie holds the cookie of a console that is reached by HTTPS.
func TestSecureCookie(t *testing.T) {
	h := newHouse(t, clockAt(noon))
	h.signIn(t)
	o := h.console.Options
	o.Secure = true
	handler, err := New(o)
	must(t, err)
	r := httptest.NewRequestWithContext(t.Context(), http.MethodPost, "https://localhost/login", http.NoBody)
	form("operator", "admin", "password", "correct horse battery")(r)
	w := httptest.NewRecorder()
	handler.ServeHTTP(w, r)
	found := 0
	for _, c := range w.Result().Cookies() {
		if c.Value == "" {
			continue
		}
		found++
		if !strings.HasPrefix(c.Name, "__Host-") || !c.Secure || !c.HttpOnly || c.SameSite != http.SameSiteStrictMode || c.Path != "/" || c.Domain != "" {
			t.Errorf("the cookie is %s", c)
		}
	}
	if w.Header().Get("Strict-Transport-Security") == "" || found == 0 {
		t.Errorf("%d cookies, HSTS %q, status %d", found, w.Header().Get("Strict-Transport-Security"), w.Code)
	}
}
