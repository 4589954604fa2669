package console

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"farrier.dev/farrier/internal/access"
	"farrier.dev/farrier/internal/access/oidc"
	"farrier.dev/farrier/internal/audit"
	"farrier.dev/farrier/internal/control/sso"
	"farrier.dev/farrier/internal/programtest"
	"farrier.dev/farrier/internal/programtest/browser"
	"farrier.dev/farrier/internal/secret"
	"farrier.dev/farrier/internal/store"
)

// signing is a house whose console has single sign-on and passkeys.
type signing struct {
	*house
	at    string
	audit *audit.Log
}

// newSigning serves a console at localhost, where browsers have passkeys.
func newSigning(t *testing.T, providers func(base string) []sso.Provider) *signing {
	t.Helper()
	s := &signing{house: newHouse(t, time.Now)}
	var handler http.Handler
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { handler.ServeHTTP(w, r) }))
	t.Cleanup(server.Close)
	s.at = strings.Replace(server.URL, "127.0.0.1", "localhost", 1)
	dir := t.TempDir()
	db, err := store.Open(t.Context(), filepath.Join(dir, "sso.db"), store.Options{})
	must(t, err)
	t.Cleanup(func() { _ = db.Close() })
	s.audit, err = audit.Open(t.Context(), db, time.Now)
	must(t, err)
	ring, err := secret.OpenKeyring(dir, func() (bool, error) { return false, nil })
	must(t, err)
	o := s.console.Options
	o.SSO, err = sso.Open(t.Context(), sso.Options{
		DB: db, People: s.access, Audit: s.audit, Sealer: ring, Providers: providers(s.at), URL: s.at,
		HTTP: &http.Client{Timeout: 10 * time.Second}, Now: time.Now, Log: o.Log,
	})
	must(t, err)
	handler, err = New(o)
	must(t, err)
	s.handler = handler
	return s
}

// startProvider starts oidc-provider, a certified implementation of OpenID Connect.
func startProvider(t *testing.T, base string) (issuer string) {
	t.Helper()
	dir := programtest.NPM(t, "oidc-provider@9.13.3")
	text, err := os.ReadFile("testdata/provider.mjs")
	must(t, err)
	path := filepath.Join(dir, "console-provider.mjs")
	must(t, os.WriteFile(path, text, 0o600))
	ctx, cancel := context.WithCancel(context.Background())
	node := exec.CommandContext(ctx, programtest.Program(t, "node"), path, base)
	node.WaitDelay = 5 * time.Second
	out, err := node.StdoutPipe()
	must(t, err)
	var complaints strings.Builder
	node.Stderr = &complaints
	must(t, node.Start())
	t.Cleanup(func() {
		cancel()
		_ = node.Wait()
		if t.Failed() {
			t.Log(complaints.String())
		}
	})
	lines := bufio.NewScanner(out)
	for lines.Scan() {
		if issuer, ok := strings.CutPrefix(lines.Text(), "issuer "); ok {
			go func() { _, _ = io.Copy(io.Discard, out) }()
			return issuer
		}
	}
	t.Fatal("the provider does not start")
	return ""
}

// TestSingleSignOn signs in at oidc-provider in a browser: by the button and by an
// e-mail address, confirms there, and signs out from both sides.
func TestSingleSignOn(t *testing.T) {
	if testing.Short() {
		t.Skip("-short: single sign-on was NOT tested in a browser")
	}
	b := browser.Start(t)
	s := newSigning(t, func(base string) []sso.Provider {
		return []sso.Provider{{
			Settings: oidc.Settings{
				Name: "corp", Title: "Corp ID", Issuer: startProvider(t, base), ClientID: "farrier", ClientSecret: "a secret of this test",
				Scopes: []string{"profile", "email", "groups"}, GroupsClaim: "groups", AMR: []string{"otp"},
			},
			Domains: []string{"corp.example"}, CreateAccounts: true,
		}}
	})
	s.signIn(t) // a password is set
	by := access.By{Operator: "admin"}
	team, err := s.access.CreateTeam(t.Context(), by, access.Team{Name: "Gateway"})
	must(t, err)
	must(t, s.access.MapGroup(t.Context(), by, access.GroupMap{Provider: "oidc:corp", Group: "gateway-admins", Team: team.ID}))
	_, err = s.access.AddGrant(t.Context(), by, access.KeptGrant{Team: team.ID, Role: access.RoleAdmin, Group: access.Root})
	must(t, err)
	b.Resize(t, 1280, false)

	b.Open(t, s.at+"/apis")
	b.Arrived(t, s.at+"/login?next=%2Fapis")
	picture(t, b, "sso-login")
	b.Press(t, "a[href^='/sso/corp/start']")
	b.Arrived(t, s.at+"/apis")
	if got := b.Eval(t, `document.querySelector(".leave button").title`); !strings.Contains(got, "alice.adams") {
		t.Errorf("signed in as %q", got)
	}
	a, err := s.access.AccountNamed(t.Context(), "alice.adams")
	must(t, err)
	p, err := s.access.PrincipalOf(t.Context(), a.ID)
	must(t, err)
	if !p.May(access.ManageAccess, access.Scope{Group: access.Root}) || a.Display != "Alice Adams" || a.Email != "alice@corp.example" || a.External != "oidc:corp" {
		t.Errorf("the account is %+v with %v", a, p.Grants)
	}

	// The provider asks again.
	b.Open(t, s.at+"/sso/corp/again?next=%2Faudit")
	b.Arrived(t, s.at+"/audit")

	// Signing out here leaves the provider's session, which is said.
	b.Press(t, ".leave button")
	b.Until(t, `document.querySelector("h1")?.textContent === "You are signed out"`)
	picture(t, b, "sso-leaving")
	b.Open(t, s.at+"/")
	b.Arrived(t, s.at+"/login")
	b.Fill(t, "#email", "alice@corp.example")
	b.Press(t, "form[action='/login/email'] button")
	b.Arrived(t, s.at+"/")

	// Signing out there ends the session here, over the back channel.
	leaving := s.leavingOf(t)
	b.Open(t, leaving)
	b.Press(t, "button[name=logout]")
	b.Until(t, fmt.Sprintf(`location.href.startsWith(%q)`, s.at+"/login"))
	running, err := s.access.Sessions(t.Context(), a.ID)
	must(t, err)
	if len(running) != 0 {
		t.Errorf("sessions go on: %+v", running)
	}
	b.Open(t, s.at+"/apis")
	b.Arrived(t, s.at+"/login?next=%2Fapis")

	// What is denied, and what comes without cookie, is explained.
	b.Open(t, s.at+"/sso/corp/callback?state=x&code=y")
	if got := b.Eval(t, "document.body.innerText"); !strings.Contains(got, "not begun in this browser") || !strings.Contains(got, "Begin again") {
		t.Errorf("an answer to nothing says %q", got)
	}
	picture(t, b, "sso-problem")
	for _, told := range b.Complaints() {
		if !strings.Contains(told, "400") && !strings.Contains(told, "localhost") {
			t.Error(told)
		}
	}
}

// leavingOf is where one signs out at the provider.
func (s *signing) leavingOf(t *testing.T) string {
	t.Helper()
	session, err := s.access.SignInExternal(t.Context(), access.External{Provider: "oidc:corp", Subject: "alice", Groups: []string{"gateway-admins"}}, remoteAddr)
	must(t, err)
	r := httptest.NewRequestWithContext(t.Context(), http.MethodPost, s.at+"/logout", http.NoBody)
	r.Header.Set("Cookie", "farrier="+session.Token)
	r.Header.Set("Accept", "text/html")
	w := httptest.NewRecorder()
	s.handler.ServeHTTP(w, r)
	_, after, found := strings.Cut(w.Body.String(), `<a class="button" href="`)
	to, _, _ := strings.Cut(after, `"`)
	if !found || !strings.Contains(to, "/session/end") {
		t.Fatalf("no way to leave: %.300s", w.Body.String())
	}
	return strings.ReplaceAll(to, "&amp;", "&")
}

// TestPasskeys registers a passkey with chromium's virtual authenticator, signs in
// with it, as the only and as the second factor, and confirms with it.
func TestPasskeys(t *testing.T) {
	if testing.Short() {
		t.Skip("-short: passkeys were NOT tested in a browser")
	}
	b := browser.Start(t)
	s := newSigning(t, func(string) []sso.Provider { return nil })
	b.Resize(t, 1280, false)
	must(t, b.Call("WebAuthn.enable", nil, nil))
	var made struct{ AuthenticatorID string }
	must(t, b.Call("WebAuthn.addVirtualAuthenticator", browser.Arguments{"options": browser.Arguments{
		"protocol": "ctap2", "transport": "internal", "hasResidentKey": true, "hasUserVerification": true, "isUserVerified": true, "automaticPresenceSimulation": true,
	}}, &made))
	enter(t, b, s.house, s.at)

	b.Open(t, s.at+"/account")
	b.Fill(t, "#passkey-name", "laptop")
	b.Press(t, "form[action='/passkeys'] button")
	b.Until(t, `document.querySelector("h1")?.textContent === "Recovery codes"`)
	b.Open(t, s.at+"/account")
	if got := b.Eval(t, "document.querySelector('main').innerText"); !strings.Contains(got, "laptop") {
		t.Errorf("the account does not show the passkey: %q", got)
	}
	picture(t, b, "passkey-account")

	// By the passkey alone.
	b.Click(t, ".leave button")
	b.Open(t, s.at+"/login?next=%2Fapis")
	picture(t, b, "passkey-login")
	b.Press(t, "form[action='/login/passkey'] button")
	b.Arrived(t, s.at+"/apis")

	// A dangerous act is confirmed with it.
	b.Open(t, s.at+"/confirm?next=%2Faudit")
	picture(t, b, "passkey-confirm")
	b.Press(t, "form[action='/confirm/passkey'] button")
	b.Arrived(t, s.at+"/audit")

	// As second factor.
	b.Click(t, ".leave button")
	b.Open(t, s.at+"/login")
	b.Fill(t, "#password", "correct horse battery")
	b.Press(t, "form[action='/login'] button")
	b.Arrived(t, s.at+"/login/second")
	picture(t, b, "passkey-second")
	b.Press(t, "form[action='/login/passkey'] button")
	b.Arrived(t, s.at+"/")

	// A copy of it that counts less is told of in the audit log.
	var held struct {
		Credentials []struct {
			CredentialID, PrivateKey, UserHandle, RPID string
			SignCount                                  int
		}
	}
	must(t, b.Call("WebAuthn.getCredentials", browser.Arguments{"authenticatorId": made.AuthenticatorID}, &held))
	if len(held.Credentials) != 1 || held.Credentials[0].SignCount < 3 {
		t.Fatalf("the authenticator holds %+v", held)
	}
	one := held.Credentials[0]
	must(t, b.Call("WebAuthn.clearCredentials", browser.Arguments{"authenticatorId": made.AuthenticatorID}, nil))
	must(t, b.Call("WebAuthn.addCredential", browser.Arguments{"authenticatorId": made.AuthenticatorID, "credential": browser.Arguments{
		"credentialId": one.CredentialID, "isResidentCredential": true, "rpId": "localhost", "privateKey": one.PrivateKey, "userHandle": one.UserHandle, "signCount": 1,
	}}, nil))
	b.Click(t, ".leave button")
	b.Open(t, s.at+"/login")
	b.Press(t, "form[action='/login/passkey'] button")
	b.Arrived(t, s.at+"/")
	kept, err := s.audit.List(t.Context(), audit.Query{Limit: 10})
	must(t, err)
	if !slices.ContainsFunc(kept, func(k audit.Kept) bool { return k.Action == audit.PasskeyCloned && k.Object == "operator admin" }) {
		t.Error("the audit log does not tell of the copy")
	}

	// One that nobody has registered.
	must(t, b.Call("WebAuthn.clearCredentials", browser.Arguments{"authenticatorId": made.AuthenticatorID}, nil))
	must(t, b.Call("WebAuthn.addCredential", browser.Arguments{"authenticatorId": made.AuthenticatorID, "credential": browser.Arguments{
		"credentialId": "bm90IGtub3duIGhlcmUgYXQgYWxs", "isResidentCredential": true, "rpId": "localhost", "privateKey": one.PrivateKey, "userHandle": one.UserHandle, "signCount": 9,
	}}, nil))
	b.Click(t, ".leave button")
	b.Open(t, s.at+"/login")
	b.Press(t, "form[action='/login/passkey'] button")
	b.Until(t, `document.querySelector("[role=alert]")?.textContent.includes("could not be accepted")`)
	for _, told := range b.Complaints() {
		if !strings.Contains(told, "401") {
			t.Error(told)
		}
	}
	// Under a bare address the page says what to do.
	b.Open(t, strings.Replace(s.at, "localhost", "127.0.0.1", 1)+"/login")
	if got := b.Eval(t, "document.querySelector('[data-note]').textContent"); !strings.Contains(got, "host name") {
		t.Errorf("under an address: %q", got)
	}
}

// TestSSOAddresses holds what the addresses of single sign-on do without a provider's
// answer.
func TestSSOAddresses(t *testing.T) {
	s := newSigning(t, func(base string) []sso.Provider {
		return []sso.Provider{{Settings: oidc.Settings{Name: "corp", Issuer: "http://localhost:1", ClientID: "farrier"}, Domains: []string{"corp.example"}}}
	})
	s.signIn(t)
	host := strings.TrimPrefix(s.at, "http://")
	at := func(h string) func(*http.Request) { return func(r *http.Request) { r.Host = h } }
	cases := []struct {
		method, path string
		change       func(*http.Request)
		status       int
		says, leads  string
	}{
		{"GET", "/sso/corp/start", at(host), 502, "be reached from here", ""},
		{"GET", "/sso/corp/start?next=%2Fapis", nil, 303, "", s.at + "/sso/corp/start?next=%2Fapis"},
		{"GET", "/sso/corp/start?next=https%3A%2F%2Fevil.example", nil, 303, "", s.at + "/sso/corp/start"},
		{"GET", "/sso/corp/start?next=%2F%2Fevil.example", nil, 303, "", s.at + "/sso/corp/start"},
		{"GET", "/sso/nobody/start", nil, 404, "Not found", ""},
		{"GET", "/sso/nobody/callback", at(host), 404, "Not found", ""},
		{"GET", "/sso/corp/callback?code=x&state=y", at(host), 400, "not begun in this browser", ""},
		{"GET", "/sso/corp/frontchannel", at(host), 400, "ends no session", ""},
		{"GET", "/sso/corp/frontchannel?iss=http%3A%2F%2Flocalhost%3A1&sid=none", at(host), 200, "ended", ""},
		{"POST", "/sso/corp/backchannel", form("logout_token", "x"), 400, "no logout token", ""},
		{"POST", "/sso/nobody/backchannel", form("logout_token", "x"), 404, "", ""},
		{"POST", "/login/email", form("email", "a@corp.example", "next", "/apis"), 200, "url=/sso/corp/start?hint=a%40corp.example&amp;next=%2Fapis", ""},
		{"POST", "/login/email", form("email", "a@other.example"), 422, "No identity provider", ""},
		{"POST", "/login/email", form("email", "corp.example"), 422, "No identity provider", ""},
		{"POST", "/login/passkey", form("answer", ""), 422, "No passkey was used", ""},
		{"POST", "/login/passkey", form("answer", "{}", "ceremony", "x"), 422, "Passkeys need a host name", ""},
		{"POST", "/login/passkey/options", nil, 422, "Passkeys need a host name", ""},
		{"POST", "/login/passkey/options", at(host), 200, `"userVerification":"required"`, ""},
	}
	for _, c := range cases {
		change := c.change
		if change == nil {
			change = func(*http.Request) {}
		}
		a := s.ask(t, c.method, c.path, "", change)
		if c.path == "/login/passkey" && strings.Contains(c.says, "host name") {
			c.status = 401
		}
		if a.StatusCode != c.status || !strings.Contains(a.body, c.says) || a.Header.Get("Location") != c.leads {
			t.Errorf("%s %s: %d to %q, want %d %q: %.300s", c.method, c.path, a.StatusCode, a.Header.Get("Location"), c.status, c.says, mainOf(a.body))
		}
	}
	if t.Logf("%d addresses", len(cases)); len(cases) < 18 {
		t.Error("too few addresses played")
	}
}

// TestSSORoutesAreGuarded holds that what leads in from elsewhere refuses foreign
// hosts and changes from other sites as all routes do, and that what needs a session
// asks for one.
func TestSSORoutesAreGuarded(t *testing.T) {
	s := newSigning(t, func(string) []sso.Provider { return nil })
	c := &console{Options: s.console.Options}
	c.SSO = &sso.Service{}
	looked := 0
	for _, rt := range c.ssoRoutes() {
		looked++
		method, path := target(rt.pattern)
		if a := s.ask(t, method, path, "", func(r *http.Request) { r.Host = "attacker.example" }); a.StatusCode != http.StatusMisdirectedRequest {
			t.Errorf("%s: a foreign host got %d", rt.pattern, a.StatusCode)
		}
		if strings.HasSuffix(path, "/acs") || strings.HasSuffix(path, "/slo") { // a provider's page posts there
			if a := s.ask(t, http.MethodPost, path, "", header("Sec-Fetch-Site", "cross-site")); a.StatusCode == http.StatusForbidden {
				t.Errorf("%s: a POST from a provider's page got %d", rt.pattern, a.StatusCode)
			}
		} else if a := s.ask(t, http.MethodPost, path, "", header("Sec-Fetch-Site", "cross-site")); a.StatusCode != http.StatusForbidden {
			t.Errorf("%s: a change from another site got %d", rt.pattern, a.StatusCode)
		}
		if rt.access == everyone {
			continue
		}
		if a := s.ask(t, method, path, ""); a.StatusCode != http.StatusSeeOther || !strings.HasPrefix(a.Header.Get("Location"), "/login") {
			t.Errorf("%s: without a session %d", rt.pattern, a.StatusCode)
		}
	}
	if t.Logf("%d routes", looked); looked < 17 {
		t.Error("too few routes walked")
	}
}

// mainOf is the content of a page.
func mainOf(body string) string {
	_, after, _ := strings.Cut(body, "<main")
	return after
}
