package console

import (
	"strings"
	"testing"
	"time"

	"farrier.dev/farrier/internal/programtest/browser"
)

// TestBrowserJourneys plays what people do most, by clicks alone: from the first
// sign-in to an API with a policy that is published; back to the revision before; a
// contract asked for and approved.
func TestBrowserJourneys(t *testing.T) {
	if testing.Short() {
		t.Skip("-short: the console was NOT tested in a browser")
	}
	b := browser.Start(t)
	h := fullHouse(t)
	at := serveHouse(t, h)
	h.seed(t)
	b.Resize(t, 1280, false)
	began := time.Now()
	steps := 0
	clicks := func(selectors ...string) {
		t.Helper()
		for _, selector := range selectors {
			steps++
			b.Click(t, selector)
		}
	}
	// says waits for nothing: every click ends with the page that it leads to.
	says := func(want string) {
		t.Helper()
		if got := b.Eval(t, `location.pathname + " " + document.querySelector("main").textContent.replace(/\s+/g, " ")`); !strings.Contains(got, want) {
			t.Fatalf("no %q in %.900s", want, got)
		}
		if told := b.Complaints(); len(told) > 0 {
			t.Errorf("%s: %s", want, strings.Join(told, "\n"))
		}
	}
	done := func(what string) {
		t.Logf("%s: %d clicks, %s", what, steps, time.Since(began).Round(time.Millisecond))
		if steps > 25 {
			t.Errorf("%s takes too many clicks", what)
		}
		began, steps = time.Now(), 0
	}

	enter(t, b, h, at)
	clicks("nav[aria-label=Pages] a[href='/apis']", "nav[aria-label=APIs] a[href='/manage/production']", "main a.button[href='/manage/production/new']")
	b.Fill(t, "#n-name", "shoes")
	b.Fill(t, "#n-address", "http://0.0.0.0:8081/shoes")
	b.Fill(t, "#n-upstream", "http://shoes.internal:8080")
	clicks("main form.settingsform button")
	says("everything that matches a route passes")
	b.Eval(t, `document.querySelector("#m-policy").value = "rate-limiting-flex"`)
	clicks("main form.filter button")
	b.Fill(t, "[name='rateLimits.0.maximumRequests']", "3")
	b.Fill(t, "[name='rateLimits.0.timePeriodInMilliseconds']", "60000")
	clicks("main form.settingsform button[type=submit]:not([name])")
	says("/manage/production/apis/default/shoes ")
	clicks("nav[aria-label=APIs] a[href='/manage/production/changes']")
	says("maximumRequests")
	clicks("form[action$='/publish'] button")
	says("/manage/production/revisions ")
	done("from the first sign-in to a published API")

	clicks("nav[aria-label=APIs] a[href='/manage/production']", "main table a[href$='/apis/default/shoes']", "form[action$='/switch'] button", "nav[aria-label=APIs] a[href='/manage/production/changes']", "form[action$='/publish'] button")
	clicks("main a[href$='/revisions/1/rollback']")
	says("is published as a new revision")
	clicks("form[action$='/rollback'] button")
	says("Back to revision 1")
	done("a policy is switched off, and rolled back")

	h.furnishContract(t, h.signIn(t))
	enter(t, b, h, at)
	clicks("nav[aria-label=Pages] a[href='/apis']", "nav[aria-label=APIs] a[href='/clients']", "main a[href='/clients/requests']")
	says("we sell shoes")
	clicks("main button[name=act][value=approve]")
	says("Nothing waits")
	done("a contract is approved")
}
