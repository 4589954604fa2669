package test

import (
	"bufio"
	"context"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"farrier.dev/farrier/internal/programtest"
	"farrier.dev/farrier/internal/programtest/browser"
)

// asksForAccess has a developer ask in the portal for access to an API, which the owner
// approves and later revokes; p is the owner.
func (p *person) asksForAccess() {
	t := p.t
	address := p.newAPI("shoes", "portal")
	p.addPolicy("client-id-enforcement-flex", "credentialsOriginHasHttpBasicAuthenticationHeader", "httpBasicAuthenticationHeader")
	p.publish("shoes for our developers")
	p.answers(401, address)
	p.click("nav[aria-label=Pages] a[href='/apis']")
	p.follow("default/shoes", "Requests and tiers")
	p.fill("#tn-new", "Gold")
	p.fill("#tm-new-0", "100")
	p.fill("#te-new-0", "1")
	p.choose("#tu-new-0", "min")
	p.follow("Keep the tier")
	p.reads("Gold")

	dev := newPerson(t, p.b.Another(t), p.at)
	dev.enter(p.invites("dora", "developer"))
	dev.reads("Developer portal", "shoes")
	dev.picture("portal")
	dev.follow("My applications")
	dev.fill("#n-name", "Shoe shop")
	dev.follow("Make it")
	dev.reads("The secret is shown this once")
	id, secret := dev.of("dl.pairs div:nth-child(1) code"), dev.of("dl.pairs div:nth-child(2) code")
	dev.follow("I have copied it")
	dev.click("nav[aria-label=Pages] a")
	dev.follow("shoes")
	dev.choose("#a-tier", "Gold")
	dev.fill("#a-reason", "we sell shoes")
	dev.follow("Ask")
	dev.reads("PENDING")
	dev.picture("portal-asked")
	p.answers(401, address, "Authorization", basic(id, secret))

	p.click("nav[aria-label=Pages] a[href='/apis']")
	p.follow("Clients & contracts", "1 contract request waits")
	p.reads("we sell shoes", "dora")
	p.picture("request")
	p.follow("Approve Shoe shop")
	p.reads("Nothing waits")
	p.answers(200, address, "Authorization", basic(id, secret))
	p.answers(401, address, "Authorization", basic(id, "another secret"))
	dev.open("/portal/apis/default/shoes")
	dev.reads("APPROVED")

	p.open("/apis/default/shoes/contracts")
	p.follow("Revoke Shoe shop")
	p.reads("REVOKED")
	p.answers(401, address, "Authorization", basic(id, secret))
	dev.open("/portal/apis/default/shoes")
	dev.reads("REVOKED")
	dev.inspect(t)
}

// invites makes an account that holds a role everywhere, and gives the link for it.
func (p *person) invites(name, role string) (link string) {
	p.t.Helper()
	p.click("nav[aria-label=Pages] a[href='/access']")
	p.fill("#name", name)
	p.follow("Make account")
	p.choose("#grant-what", role)
	p.choose("#grant-where", "root")
	p.follow("Grant")
	p.reads(role)
	p.follow("Make an invitation")
	p.reads("works once")
	return p.of("main pre code")
}

// startProvider starts oidc-provider, a certified implementation of OpenID Connect, for
// a console at an address.
func startProvider(t *testing.T, console string) (issuer string) {
	t.Helper()
	dir := programtest.NPM(t, "oidc-provider@9.13.3")
	text, err := os.ReadFile(filepath.Join("..", "internal", "console", "testdata", "provider.mjs"))
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(dir, "journeys-provider.mjs")
	if err := os.WriteFile(path, text, 0o600); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	node := exec.CommandContext(ctx, programtest.Program(t, "node"), path, console)
	node.WaitDelay = 5 * time.Second
	out, err := node.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	complaints := &safeBuffer{}
	node.Stderr = complaints
	if err := node.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		cancel()
		_ = node.Wait()
		if t.Failed() {
			t.Log(complaints)
		}
	})
	lines := bufio.NewScanner(out)
	for lines.Scan() {
		if issuer, ok := strings.CutPrefix(lines.Text(), "issuer "); ok {
			go func() { _, _ = io.Copy(io.Discard, out) }()
			return issuer
		}
	}
	t.Fatalf("the provider does not start: %s", complaints)
	return ""
}

// invitesBySignOn lets a group of the identity provider read the audit log; somebody of
// it signs in and sees that and nothing else. p is the administrator.
func (p *person) invitesBySignOn() {
	p.click("nav[aria-label=Pages] a[href='/access']")
	p.follow("Teams")
	p.fill("#name", "Auditors")
	p.follow("Make team")
	p.reads("Nobody is in it yet")
	p.choose("#grant-what", "audit-viewer")
	p.choose("#grant-where", "root")
	p.follow("Grant")
	p.reads("audit-viewer")
	p.fill("#provider", "oidc:corp")
	p.fill("#group", "gateway-admins")
	p.follow("Map")
	p.reads("gateway-admins")
	p.picture("team")

	alice := newPerson(p.t, p.b.Another(p.t), p.at)
	alice.open("/")
	alice.reads("Sign in with Corp ID")
	alice.picture("login-providers")
	alice.press(alice.named("Sign in with Corp ID"))
	alice.b.Until(p.t, `document.readyState === "complete" && !!document.querySelector("nav.areas")`)
	alice.reads("Audit log", "Auditors")
	alice.picture("signed-on")
	if got := alice.b.Eval(p.t, `[...document.querySelectorAll("nav.areas a")].map(a => a.textContent.trim()).join(" ")`); got != "Admin" {
		p.t.Errorf("who may read the audit log is shown %q", got)
	}
	alice.tolerates("403")
	alice.tolerates("404")
	for _, path := range []string{"/manage/default", "/access", "/secrets", "/apis"} {
		alice.open(path)
		alice.b.Until(p.t, `!!document.querySelector("main h1")`)
		if got := alice.of("main h1"); !strings.Contains(strings.ToLower(got), "may not") && !strings.Contains(strings.ToLower(got), "not allowed") && !strings.Contains(got, "Not found") {
			p.t.Errorf("who may read the audit log sees %s: %q", path, got)
		}
	}
	alice.inspect(p.t)
	p.open("/access")
	p.follow("alice.adams")
	p.reads("oidc:corp", "Auditors", "audit-viewer")
}

// usesPasskey registers a passkey, signs in with it, and ends the session of another
// browser. The person signs in by password and authenticator before.
func (p *person) usesPasskey() {
	t := p.t
	for _, c := range []struct {
		command string
		with    browser.Arguments
	}{{"WebAuthn.enable", nil}, {"WebAuthn.addVirtualAuthenticator", browser.Arguments{"options": browser.Arguments{
		"protocol": "ctap2", "transport": "internal", "hasResidentKey": true, "hasUserVerification": true, "isUserVerified": true, "automaticPresenceSimulation": true,
	}}}} {
		if err := p.b.Call(c.command, c.with, nil); err != nil {
			t.Fatal(err)
		}
	}
	p.click(".leave .profile")
	p.fill("#passkey-name", "laptop")
	p.press(p.named("Register a passkey"))
	p.b.Until(t, `!!document.querySelector("main table")?.innerText.includes("laptop")`)
	p.picture("passkey")
	p.click(".leave button")
	p.reads("Sign in with a passkey")
	p.press(p.named("Sign in with a passkey"))
	p.reads("Overview")

	other := newPerson(t, p.b.Another(t), p.at)
	other.open("/")
	other.fill("#operator", "admin")
	other.fill("#password", p.password)
	other.follow("Sign in")
	other.reads("Second factor")
	other.fill("#code", p.code())
	other.b.Enter(t)
	other.reads("Overview")
	p.click(".leave .profile")
	p.reads("Sessions", "password", "this one")
	p.picture("sessions")
	p.click("#sessions form button.quiet")
	p.reads("Sessions")
	if n := p.b.Eval(t, `document.querySelectorAll("#sessions tbody tr").length`); n != "1" {
		t.Errorf("%s sessions are left", n)
	}
	other.open("/")
	other.reads("Password")
	other.readsNot("Overview")
	other.inspect(t)
}
