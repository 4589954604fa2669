package console

import (
	"encoding/json"
	"net/http"
	"net/netip"
	"strings"
	"testing"
	"time"

	"farrier.dev/farrier/internal/access"
)

var remoteAddr = access.From{Address: netip.MustParseAddr("127.0.0.1")}

// clockAt is a clock that stands still.
func clockAt(at time.Time) func() time.Time { return func() time.Time { return at } }

var noon = time.Date(2026, 3, 1, 12, 0, 30, 0, time.UTC)

// target is an address that a route's pattern matches.
func target(pattern string) (method, path string) {
	method, path, found := strings.Cut(pattern, " ")
	if !found {
		method, path = http.MethodGet, pattern
	}
	return method, strings.NewReplacer(
		"{$}", "", "{version}", "x", "{path...}", "console.css", "{namespace}", "default", "{name}", "orders",
		"{id}", "01KJMPDAK0ABCDEFGHJKMNPQRS", "{fingerprint}", "0123456789abcdef0123456789abcdef",
	).Replace(path)
}

// TestEveryRouteIsGuarded walks all routes: each sets the headers, refuses
// foreign hosts and changes from other sites, and, but for those that lead in,
// asks for a session.
func TestEveryRouteIsGuarded(t *testing.T) {
	h := newHouse(t, clockAt(noon))
	h.signIn(t)
	looked := 0
	for _, rt := range h.console.routes() {
		looked++
		method, path := target(rt.pattern)
		t.Run(rt.pattern, func(t *testing.T) {
			plain := h.ask(t, method, path, "")
			for name, want := range map[string]string{
				"Content-Security-Policy": contentPolicy, "X-Content-Type-Options": "nosniff", "Referrer-Policy": "no-referrer",
				"X-Frame-Options": "DENY", "Cross-Origin-Opener-Policy": "same-origin", "Cross-Origin-Resource-Policy": "same-origin",
			} {
				if got := plain.Header.Get(name); got != want {
					t.Errorf("%s is %q", name, got)
				}
			}
			if plain.StatusCode == http.StatusOK && !strings.HasPrefix(path, "/assets/") && path != "/favicon.ico" && plain.Header.Get("Cache-Control") != "no-store" {
				t.Errorf("Cache-Control is %q", plain.Header.Get("Cache-Control"))
			}
			if a := h.ask(t, method, path, "", func(r *http.Request) { r.Host = "attacker.example" }); a.StatusCode != http.StatusMisdirectedRequest {
				t.Errorf("a foreign host got %d", a.StatusCode)
			}
			crossed := h.ask(t, http.MethodPost, path, "", header("Sec-Fetch-Site", "cross-site"))
			if crossed.StatusCode != http.StatusForbidden || !strings.Contains(crossed.body, "another site") {
				t.Errorf("a change from another site got %d", crossed.StatusCode)
			}
			if rt.access == everyone {
				return
			}
			if to := plain.Header.Get("Location"); plain.StatusCode != http.StatusSeeOther || !strings.HasPrefix(to, "/login") {
				t.Errorf("without a session: %d to %q", plain.StatusCode, to)
			}
			for _, cookie := range []string{"farrier=", "farrier=0123456789", "other=1"} {
				if a := h.ask(t, method, path, cookie, header("Accept", "application/json")); a.StatusCode != http.StatusUnauthorized {
					t.Errorf("with the cookie %q: %d", cookie, a.StatusCode)
				}
			}
		})
	}
	if t.Logf("%d routes", looked); looked < 20 {
		t.Error("too few routes walked")
	}
}

func TestWhoMustSetAPasswordSeesNothingElse(t *testing.T) {
	h := newHouse(t, clockAt(noon))
	token, _, err := h.access.LoginLink(t.Context())
	must(t, err)
	s, mustSet, err := h.access.RedeemLink(t.Context(), token, remoteAddr)
	if err != nil || !mustSet {
		t.Fatal(err, mustSet)
	}
	cookie, looked := "farrier="+s.Token, 0
	for _, rt := range h.console.routes() {
		if rt.access != operators {
			continue
		}
		looked++
		method, path := target(rt.pattern)
		if a := h.ask(t, method, path, cookie); a.StatusCode != http.StatusSeeOther || a.Header.Get("Location") != "/password" {
			t.Errorf("%s: %d to %q", rt.pattern, a.StatusCode, a.Header.Get("Location"))
		}
		if a := h.ask(t, method, path, cookie, header("Accept", "application/json")); a.StatusCode != http.StatusForbidden {
			t.Errorf("%s as JSON: %d", rt.pattern, a.StatusCode)
		}
	}
	if a := h.ask(t, "GET", "/password", cookie); a.StatusCode != http.StatusOK || !strings.Contains(a.body, "Set a password") {
		t.Errorf("the page to set it: %d", a.StatusCode)
	}
	if t.Logf("%d routes", looked); looked < 12 {
		t.Error("too few routes walked")
	}
}

func TestHosts(t *testing.T) {
	h := newHouse(t, clockAt(noon))
	cases := map[string]bool{
		"localhost": true, "localhost:9080": true, "127.0.0.1:9080": true, "[::1]:9080": true, "LOCALHOST": true,
		"console.example.com": true, "console.example.com:443": true, "localhost.": true,
		"": false, "attacker.example": false, "localhost.attacker.example": false, "127.0.0.1.attacker.example": false,
		"attacker.example:9080": false, "console.example.com.attacker.example": false, "127.0.0.2": false,
	}
	for host, good := range cases {
		a := h.ask(t, "GET", "/login", "", func(r *http.Request) { r.Host = host })
		if (a.StatusCode == http.StatusOK) != good {
			t.Errorf("host %q got %d", host, a.StatusCode)
		}
	}
	if t.Logf("%d hosts", len(cases)); len(cases) < 12 {
		t.Error("too few hosts played")
	}
}

func TestProblemsAreJSONWhereThatIsAskedFor(t *testing.T) {
	h := newHouse(t, clockAt(noon))
	cookie := h.signIn(t)
	a := h.ask(t, "GET", "/nowhere", cookie, header("Accept", "application/json"))
	var p struct {
		Type, Title, Detail string
		Status              int
	}
	if err := json.Unmarshal([]byte(a.body), &p); err != nil || a.Header.Get("Content-Type") != "application/problem+json" {
		t.Fatalf("%v: %s %s", err, a.Header.Get("Content-Type"), a.body)
	}
	if p.Status != 404 || a.StatusCode != 404 || p.Type != "about:blank" || p.Title == "" || p.Detail == "" {
		t.Errorf("%+v", p)
	}
	if a := h.ask(t, "GET", "/nowhere", cookie); a.StatusCode != 404 || !strings.Contains(a.body, "<h1>Not found</h1>") {
		t.Errorf("as a page: %d %.200s", a.StatusCode, a.body)
	}
}

func TestPanicIsAPageThatTellsNothing(t *testing.T) {
	h := newHouse(t, clockAt(noon))
	cookie := h.signIn(t)
	h.exploding = true
	a := h.ask(t, "GET", "/revision", cookie)
	if a.StatusCode != http.StatusInternalServerError || !strings.Contains(a.body, "could not be shown") || strings.Contains(a.body, "kaboom") {
		t.Errorf("%d %.300s", a.StatusCode, a.body)
	}
}

func FuzzLocalPath(f *testing.F) {
	for _, seed := range []string{"/", "//x", "/\\x", "/a?b=c", "http://x", "/login", "/%2f%2fx"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, next string) {
		got := localPath(next)
		if !strings.HasPrefix(got, "/") || strings.HasPrefix(got, "//") || strings.ContainsAny(got, "\\\r\n") {
			t.Errorf("%q leads to %q", next, got)
		}
	})
}

func TestLargeForm(t *testing.T) {
	h := newHouse(t, clockAt(noon))
	a := h.ask(t, "POST", "/login", "", form("operator", "admin", "password", strings.Repeat("x", maxBody+1)))
	if a.StatusCode != http.StatusRequestEntityTooLarge {
		t.Errorf("a form of more than %d bytes got %d", maxBody, a.StatusCode)
	}
}

func TestLocalPath(t *testing.T) {
	cases := map[string]string{
		"/refusals?api=a%2Fb": "/refusals?api=a%2Fb", "/": "/", "": "/", "refusals": "/",
		"//attacker.example": "/", "/\\attacker.example": "/", "https://attacker.example/": "/", "/login?next=/": "/",
		"javascript:alert(1)": "/", "/a\r\nb": "/", "/%zz": "/",
	}
	for next, want := range cases {
		if got := localPath(next); got != want {
			t.Errorf("%q leads to %q, want %q", next, got, want)
		}
	}
	if t.Logf("%d addresses", len(cases)); len(cases) < 11 {
		t.Error("too few addresses played")
	}
}

func TestALinkFromAnotherSiteGoesOnByItself(t *testing.T) {
	h := newHouse(t, clockAt(noon))
	a := h.ask(t, "GET", "/exchanges/01KJMPDAK0ABCDEFGHJKMNPQRS", "", header("Sec-Fetch-Site", "cross-site"))
	if a.StatusCode != http.StatusOK || !strings.Contains(a.body, `content="0; url=/exchanges/01KJMPDAK0ABCDEFGHJKMNPQRS"`) {
		t.Errorf("%d %.600s", a.StatusCode, a.body)
	}
}
