package console

import (
	"net/http"
	"slices"
	"strings"
	"testing"
)

func TestSignInFromLinkToPage(t *testing.T) {
	h := newHouse(t, clockAt(noon))
	if a := h.ask(t, "GET", "/login", ""); !strings.Contains(a.body, "farrier login-link") || strings.Contains(a.body, `type="password"`) {
		t.Error("without a password the page must tell of the link and ask for no password")
	}
	token, _, err := h.access.LoginLink(t.Context())
	must(t, err)
	// Looking at a link, as previews do, uses nothing up.
	for range 3 {
		if a := h.ask(t, "GET", "/login?token="+token, ""); a.StatusCode != http.StatusOK || !strings.Contains(a.body, token) {
			t.Fatalf("the link's page: %d", a.StatusCode)
		}
	}
	a := h.ask(t, "POST", "/login/link", "", form("token", token))
	first := sessionCookie(t, a)
	if a.StatusCode != http.StatusSeeOther || a.Header.Get("Location") != "/password" {
		t.Fatalf("redeeming: %d to %q", a.StatusCode, a.Header.Get("Location"))
	}
	if again := h.ask(t, "POST", "/login/link", "", form("token", token)); again.StatusCode != http.StatusUnauthorized || len(again.Cookies()) > 0 {
		t.Errorf("the second use of a link got %d", again.StatusCode)
	}
	for _, bad := range []struct{ password, again, want string }{
		{"short", "short", "at least 12 characters"},
		{"correct horse battery", "correct horse batteri", "not the same"},
		{"aaaaaaaaaaaaaaaa", "aaaaaaaaaaaaaaaa", "one character"},
	} {
		a := h.ask(t, "POST", "/password", first, form("password", bad.password, "again", bad.again))
		if a.StatusCode != http.StatusUnprocessableEntity || !strings.Contains(a.body, bad.want) {
			t.Errorf("password %q: %d", bad.password, a.StatusCode)
		}
		if strings.Contains(a.body, bad.password) {
			t.Errorf("the page repeats the password %q", bad.password)
		}
	}
	a = h.ask(t, "POST", "/password", first, form("password", "correct horse battery", "again", "correct horse battery"))
	second := sessionCookie(t, a)
	if a.StatusCode != http.StatusSeeOther || a.Header.Get("Location") != "/" || second == first {
		t.Fatalf("setting a password: %d to %q", a.StatusCode, a.Header.Get("Location"))
	}
	if a := h.ask(t, "GET", "/", first, header("Accept", "application/json")); a.StatusCode != http.StatusUnauthorized {
		t.Error("the first session lives on")
	}
	if a := h.ask(t, "GET", "/", second); a.StatusCode != http.StatusOK {
		t.Errorf("the overview: %d", a.StatusCode)
	}
	out := h.ask(t, "POST", "/logout", second)
	if out.StatusCode != http.StatusSeeOther || len(out.Cookies()) != 1 || out.Cookies()[0].MaxAge != -1 {
		t.Errorf("signing out: %d %v", out.StatusCode, out.Cookies())
	}
	if a := h.ask(t, "GET", "/", second); a.StatusCode != http.StatusSeeOther {
		t.Error("the session lives on after signing out")
	}
}

func TestPasswordSignIn(t *testing.T) {
	h := newHouse(t, clockAt(noon))
	h.signIn(t)
	a := h.ask(t, "POST", "/login", "", form("operator", "admin", "password", "wrong horse battery", "next", "/apis"))
	if a.StatusCode != http.StatusUnauthorized || !strings.Contains(a.body, "is wrong") || !strings.Contains(a.body, `value="/apis"`) {
		t.Errorf("a wrong password: %d", a.StatusCode)
	}
	a = h.ask(t, "POST", "/login", "", form("operator", "admin", "password", "correct horse battery", "next", "/apis"))
	sessionCookie(t, a)
	if a.Header.Get("Location") != "/apis" {
		t.Errorf("led to %q", a.Header.Get("Location"))
	}
	a = h.ask(t, "POST", "/login", "", form("operator", "admin", "password", "correct horse battery", "next", "//attacker.example"))
	if a.Header.Get("Location") != "/" {
		t.Errorf("led to %q", a.Header.Get("Location"))
	}
	for range 6 {
		a = h.ask(t, "POST", "/login", "", form("operator", "admin", "password", "wrong horse battery"))
	}
	if a.StatusCode != http.StatusTooManyRequests || a.Header.Get("Retry-After") == "" {
		t.Errorf("after many failures: %d, retry after %q", a.StatusCode, a.Header.Get("Retry-After"))
	}
}

// sessionCookie is the cookie of a new session, which must be as strict as can be.
func sessionCookie(t *testing.T, a answer) string {
	t.Helper()
	cookies := slices.DeleteFunc(a.Cookies(), func(c *http.Cookie) bool { return c.Name != "farrier" })
	if len(cookies) != 1 {
		t.Fatalf("%d cookies, status %d: %.300s", len(cookies), a.StatusCode, a.body)
	}
	c := cookies[0]
	if !c.HttpOnly || c.SameSite != http.SameSiteStrictMode || c.Path != "/" || c.Domain != "" || c.MaxAge <= 0 {
		t.Errorf("the cookie is %s", c)
	}
	return c.Name + "=" + c.Value
}

func TestCookieOverTLS(t *testing.T) {
	h := newHouse(t, clockAt(noon))
	c := *h.console
	c.Secure = true
	if got := c.cookieName(); got != "__Host-farrier" {
		t.Errorf("the cookie is called %s", got)
	}
	if h.console.cookieName() != "farrier" {
		t.Error("a __Host- cookie is not taken over plain HTTP")
	}
}
