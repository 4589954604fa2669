package test

import (
	"fmt"
	"os"
	"path/filepath"
	"sync/atomic"
	"testing"
	"time"

	"farrier.dev/farrier/internal/programtest/browser"
)

// The journeys are the ten that people make most, played by clicks and keys in a browser
// against a whole farrier serve. Each ends with what the person sees and with what really
// holds: a call is refused, or served.

// TestFirstJourney goes from the first start to the first protected API, back to the
// revision before, and to the manifests of it all in an empty instance.
func TestFirstJourney(t *testing.T) {
	if testing.Short() {
		t.Skip("-short: the journeys from the first start were NOT played in a browser")
	}
	t.Parallel() // with TestJourneys, which waits for alerts
	build(t)
	b := browser.Start(t)
	began := time.Now()
	_, at, link := serve(t, "", "--console", "127.0.0.1:0")
	p := newPerson(t, b, at)
	var address string
	t.Run("first start to first protected API", func(t *testing.T) {
		p.travel(t)
		p.enter(link)
		p.reads("No API is served yet")
		p.picture("first-overview")
		address = p.newAPI("orders")
		p.picture("first-api")
		p.addPolicy("http-basic-authentication-flex", "username", "ann", "password", "a fine password")
		p.publish("the first API")
		p.answers(401, address)
		p.answers(401, address, "Authorization", basic("ann", "a wrong password"))
		p.answers(200, address, "Authorization", basic("ann", "a fine password"))
		p.picture("first-published")
		took := time.Since(began)
		if t.Logf("the first protected API: %d steps, %s after the first start", p.steps, took.Round(10*time.Millisecond)); took > 5*time.Minute || p.steps > 40 {
			t.Error("it takes too long")
		}
	})
	if address == "" || t.Failed() {
		t.Fatal("there is nothing to go on with")
	}
	t.Run("roll back", func(t *testing.T) { p.travel(t); p.rollsBack(address) })
	t.Run("export and import", func(t *testing.T) { p.travel(t); p.exports(address) })
	t.Run("read the audit log", func(t *testing.T) { p.travel(t); p.readsAudit() })
}

// TestJourneys plays what people do with a Farrier that is in use.
func TestJourneys(t *testing.T) {
	if testing.Short() {
		t.Skip("-short: the journeys through the console were NOT played in a browser")
	}
	t.Parallel()
	build(t)
	b := browser.Start(t)
	secret := filepath.Join(t.TempDir(), "secret")
	if err := os.WriteFile(secret, []byte("a secret of this test"), 0o600); err != nil {
		t.Fatal(err)
	}
	console := freePort(t)
	at := "http://localhost" + portOf(t, console)
	settings := fmt.Sprintf(`version: 1
console: %s
capture: {enabled: true}
alertNetworks: [127.0.0.0/8]
access:
  url: %s
  providers:
  - {name: corp, title: Corp ID, kind: oidc, issuer: %q, clientId: farrier, clientSecret: "file:%s", scopes: [profile, email, groups], groupsClaim: groups, domains: [corp.example], createAccounts: true}
`, console, at, startProvider(t, at), secret)
	_, _, link := serve(t, settings)
	p := newPerson(t, b, at)
	// Alerts are judged once a minute: what this begins ends last.
	var address string
	var told *atomic.Pointer[string]
	t.Run("an alert rule and its channel", func(t *testing.T) {
		p.travel(t)
		p.enter(link)
		address, told = p.watches()
	})
	if t.Failed() {
		t.Fatal("there is nothing to go on with")
	}
	t.Run("a developer gets access", func(t *testing.T) { p.travel(t); p.asksForAccess() })
	t.Run("try a policy on recorded traffic", func(t *testing.T) { p.travel(t); p.triesFirst() })
	t.Run("invite with single sign-on", func(t *testing.T) { p.travel(t); p.invitesBySignOn() })
	t.Run("rotate a certificate", func(t *testing.T) { p.travel(t); p.rotatesCertificate() })
	t.Run("find why a call was refused", func(t *testing.T) { p.travel(t); p.findsWhy(address) })
	t.Run("passkey and sessions", func(t *testing.T) { p.travel(t); p.usesPasskey() })
	t.Run("an alert and an incident", func(t *testing.T) { p.travel(t); p.contains(address, told) })
}
