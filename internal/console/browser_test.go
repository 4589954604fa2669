package console

import (
	"context"
	"flag"
	"fmt"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"farrier.dev/farrier/internal/control/served"
	"farrier.dev/farrier/internal/programtest/browser"
	"farrier.dev/farrier/internal/traffic"
)

// picturesVariable names a folder that pictures of all pages are written to.
const picturesVariable = "FARRIER_CONSOLE_PICTURES"

// serveHouse serves a console on a port of the loopback.
func serveHouse(t *testing.T, h *house) string {
	t.Helper()
	server := httptest.NewServer(h.handler)
	t.Cleanup(server.Close)
	return server.URL
}

// TestBrowser signs in by a one-time link, sets a password, finds a blocked
// request among the refusals and opens its trail; then it looks at every page at
// two widths for what overflows, and for anything that the browser complains of.
func TestBrowser(t *testing.T) {
	if testing.Short() {
		t.Skip("-short: the console was NOT tested in a browser")
	}
	b := browser.Start(t)
	h := newHouse(t, time.Now)
	at := serveHouse(t, h)
	id := h.seed(t)
	h.scanProjects(t)
	b.Resize(t, 1280, false)
	enter(t, b, h, at)
	findRefusal(t, b, at, id)
	// What the page's policy forbids must be noticed, or silence would prove nothing.
	b.Eval(t, `document.body.setAttribute("style", "color: red")`)
	if told := b.Complaints(); len(told) == 0 || b.Eval(t, "getComputedStyle(document.body).color") == "rgb(255, 0, 0)" {
		t.Errorf("a forbidden style was not complained of: %q", told)
	}

	print := h.attackRecord(0).Findings[0].Fingerprint
	pages := map[string]string{
		"overview": "/", "overview-7d": "/?range=7d", "apis": "/apis", "api": "/apis/default/orders", "api-plain": "/apis/partner/invoices",
		"refusals": "/refusals", "refusals-filtered": "/refusals?policy=rate-limiting-flex", "refusals-none": "/refusals?q=nothingatall",
		"exchange": "/exchanges/" + id, "exchange-hostile": "/exchanges/" + h.hostile, "refusals-hostile": "/refusals?policy=" + hostilePolicy,
		"findings": "/findings", "finding": "/findings/" + print,
		"governance": "/governance", "governance-api": "/governance/apis/default/orders", "rulesets": "/governance/rulesets",
		"ruleset": "/governance/rulesets?name=https-enforcement", "editor": "/governance/editor",
		"projects": "/projects", "project": "/projects/orders", "project-clean": "/projects/clean",
		"revision": "/revision", "audit": "/audit?verify=1", "password": "/password", "login": "/login",
	}
	lookAt(t, b, at, pages, "")
	missing := map[string]string{
		"exchange-counted": "/exchanges/" + traffic.NewID(time.Now()), "exchange-unknown": "/exchanges/" + traffic.NewID(time.Now().AddDate(-1, 0, 0)),
		"problem": "/nowhere",
	}
	lookAt(t, b, at, missing, "404")
}

// enter comes in by a one-time link and sets a password.
func enter(t *testing.T, b *browser.Browser, h *house, at string) {
	t.Helper()
	token, _, err := h.access.LoginLink(t.Context())
	must(t, err)
	b.Open(t, at+"/")
	if got := b.Eval(t, "location.pathname"); got != "/login" {
		t.Fatalf("without a session / leads to %s", got)
	}
	picture(t, b, "login-first")
	b.Open(t, at+"/login?token="+token)
	picture(t, b, "login-link")
	b.Click(t, "form[action='/login/link'] button")
	if got := b.Eval(t, "location.pathname"); got != "/password" {
		t.Fatalf("the link leads to %s", got)
	}
	picture(t, b, "password-first")
	b.Fill(t, "#password", "correct horse battery")
	b.Fill(t, "#again", "correct horse battery")
	b.Click(t, "form[action='/password'] button")
	if got := b.Eval(t, "location.pathname + ' ' + document.querySelector('h1').textContent"); got != "/ Overview" {
		t.Fatalf("the password leads to %s", got)
	}
	if got := b.Eval(t, "document.cookie"); got != "" {
		t.Errorf("scripts can read the cookie %q", got)
	}
	b.Until(t, `!!document.querySelector(".uplot canvas")`)
	if told := b.Complaints(); len(told) > 0 {
		t.Errorf("while signing in: %s", strings.Join(told, "\n"))
	}
}

// findRefusal goes from the overview to the trail of a blocked request.
func findRefusal(t *testing.T, b *browser.Browser, at, id string) {
	t.Helper()
	// The first page of Security is that of refusals.
	b.Click(t, "nav[aria-label=Pages] a[href='/refusals']")
	b.Fill(t, "#f-rule", "crs-942100")
	b.Click(t, ".filter button")
	if n := b.Eval(t, `document.querySelectorAll("table.cards tbody tr").length`); n == "0" {
		t.Fatal("the filter finds nothing")
	}
	b.Click(t, "table.cards a[href='/exchanges/"+id+"']")
	for selector, want := range map[string]string{
		".verdict h1": "refused this request", ".verdict .reason": "anomaly score", ".steps .decisive": "Attack Protection",
		".findings": "crs-942100", ".excerpt": "OR 1=1",
	} {
		if got := b.Eval(t, fmt.Sprintf(`(document.querySelector(%q) || {}).textContent`, selector)); !strings.Contains(got, want) {
			t.Errorf("the trail's %s is %q, without %q", selector, got, want)
		}
	}
	b.Open(t, at+"/audit")
	b.Fill(t, "#lookup", strings.ToLower(id))
	b.Click(t, ".lookup button")
	if got := b.Eval(t, "location.pathname"); got != "/exchanges/"+id {
		t.Errorf("the look-up box leads to %s", got)
	}
	if told := b.Complaints(); len(told) > 0 {
		t.Errorf("while finding a refusal: %s", strings.Join(told, "\n"))
	}
}

var everyView = flag.Bool("views", false, "look at every page in both views, and not at each in one")

// lookAt opens pages, wide and light or narrow and dark, with -views in both. tolerated is a
// status whose mention by the browser is no complaint; further looks more closely at each view.
func lookAt(t *testing.T, b *browser.Browser, at string, pages map[string]string, tolerated string, further ...func(what string)) {
	t.Helper()
	looked := 0
	for name, path := range pages {
		for _, look := range []struct {
			width int
			dark  bool
		}{{1280, false}, {390, true}} {
			if !*everyView && (len(name)%2 == 0) != look.dark {
				continue
			}
			b.Resize(t, look.width, look.dark)
			b.Open(t, at+path)
			b.Until(t, `[...document.querySelectorAll("[data-chart]")].every(f => f.querySelector("canvas"))`)
			b.Eval(t, `document.querySelectorAll("details").forEach(d => d.open = true)`)
			looked++
			what := fmt.Sprintf("%s-%d", name, look.width)
			if look.dark {
				what += "-dark"
			}
			if got := b.Eval(t, browser.Overflow); got != "" {
				t.Errorf("%s is wider than its window: %s", what, got)
			}
			if got := b.Eval(t, unnamed); got != "" {
				t.Errorf("%s has fields or links without a name: %s", what, got)
			}
			for _, told := range b.Complaints() {
				if tolerated == "" || !strings.Contains(told, tolerated) {
					t.Errorf("%s: %s", what, told)
				}
			}
			picture(t, b, what)
			for _, look := range further {
				look(what)
			}
		}
	}
	if t.Logf("%d views of %d pages", looked, len(pages)); looked < len(pages) {
		t.Error("too few views")
	}
}

// unnamed names fields, links and buttons that a screen reader could not tell.
const unnamed = `[...document.querySelectorAll("main a, header a, button, input:not([type=hidden]):not(.hidden), select")].filter(e =>
	!(e.textContent.trim() || e.getAttribute("aria-label") || e.title || (e.labels && e.labels.length))).map(e => e.outerHTML).join(" ")`

// picture keeps a picture of the page where that is asked for.
func picture(t *testing.T, b *browser.Browser, name string) {
	t.Helper()
	if dir := os.Getenv(picturesVariable); dir != "" {
		b.Screenshot(t, filepath.Join(dir, name+".png"))
	}
}

// TestBrowserOnEmptyHouse looks at all pages of a console that has seen nothing.
func TestBrowserOnEmptyHouse(t *testing.T) {
	if testing.Short() {
		t.Skip("-short: the console was NOT tested in a browser")
	}
	b := browser.Start(t)
	h := newHouse(t, time.Now)
	at := serveHouse(t, h)
	b.Resize(t, 1280, false)
	enter(t, b, h, at)
	lookAt(t, b, at, map[string]string{
		"empty-overview": "/", "empty-apis": "/apis", "empty-refusals": "/refusals", "empty-findings": "/findings", "empty-governance": "/governance", "empty-projects": "/projects", "empty-revision": "/revision",
		"empty-inventory": "/inventory", "empty-map": "/inventory/map", "empty-changes": "/inventory/changes",
	}, "")
}

// TestBrowserLive holds that an open overview learns of traffic by itself, and
// says so when the session has ended.
func TestBrowserLive(t *testing.T) {
	if testing.Short() {
		t.Skip("-short: the console was NOT tested in a browser")
	}
	b := browser.Start(t)
	h := newHouse(t, time.Now)
	at := serveHouse(t, h)
	b.Resize(t, 1280, false)
	enter(t, b, h, at)
	h.publication = served.Publication{}
	const requests = `document.querySelector(".tiles dd").textContent`
	if got := b.Eval(t, requests); got != "0" {
		t.Fatalf("%s requests before any", got)
	}
	h.rollup.Count("default/orders", "GET /orders", 200, traffic.Served, time.Millisecond, 1, 1)
	waitLong(t, b, requests+` === "1"`)
	if told := b.Complaints(); len(told) > 0 {
		t.Errorf("while live: %s", strings.Join(told, "\n"))
	}
	token, _, err := h.access.LoginLink(t.Context())
	must(t, err)
	s, _, err := h.access.RedeemLink(t.Context(), token, remoteAddr)
	must(t, err)
	_, err = h.access.SetPassword(context.Background(), s.Token, "", "another horse battery", remoteAddr)
	must(t, err)
	waitLong(t, b, `document.querySelector("[data-live-state]").textContent.startsWith("signed out")`)
}

// waitLong waits for what comes with a refresh.
func waitLong(t *testing.T, b *browser.Browser, expression string) {
	t.Helper()
	for range 3 {
		if b.Eval(t, `new Promise(done => { let n = 0; const look = () => { if (`+expression+`) done(true); else if (n++ > 100) done(false); else setTimeout(look, 100); }; look(); })`) == "true" {
			return
		}
	}
	t.Fatalf("never true: %s", expression)
}
