package console

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"farrier.dev/farrier/internal/programtest"
	"farrier.dev/farrier/internal/programtest/browser"
)

// axeVersion is the judge of accessibility.
const axeVersion = "axe-core@4.14.1"

// axe judges the accessibility of pages.
type axe struct{ script string }

func newAxe(t *testing.T) *axe {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(programtest.NPM(t, axeVersion), "node_modules", "axe-core", "axe.min.js"))
	must(t, err)
	return &axe{string(text)}
}

// judge gives the serious and critical faults of the page that is open, and how many
// rules it was held against.
func (a *axe) judge(t *testing.T, b *browser.Browser) (faults []string, rules int) {
	t.Helper()
	// What is evaluated by the protocol is not under the policy of the page.
	b.Eval(t, a.script+"; 0")
	text := b.Eval(t, `axe.run(document, {resultTypes: ["violations"]}).then(r => JSON.stringify({
		rules: r.passes.length + r.violations.length,
		faults: r.violations.filter(v => v.impact === "serious" || v.impact === "critical").map(v => ({
			id: v.id, help: v.help, nodes: v.nodes.slice(0, 3).map(n => n.target.join(" ") + " " + n.html.slice(0, 200) + " " + (n.any[0] || n.all[0] || n.none[0] || {message: ""}).message), all: v.nodes.length })),
	}))`)
	var result struct {
		Rules  int
		Faults []struct {
			ID, Help string
			Nodes    []string
			All      int
		}
	}
	must(t, json.Unmarshal([]byte(text), &result))
	for _, f := range result.Faults {
		faults = append(faults, fmt.Sprintf("%s (%s), %d times: %s", f.ID, f.Help, f.All, strings.Join(f.Nodes, "; ")))
	}
	return faults, result.Rules
}

// TestBrowserInventory looks at every page of an inventory, wide and narrow, light and
// dark; axe judges each view. What 20,000 operations cost is TestLargeInventory's.
func TestBrowserInventory(t *testing.T) {
	if testing.Short() {
		t.Skip("-short: the inventory was NOT tested in a browser")
	}
	b := browser.Start(t)
	h := newHouse(t, clockAt(noon))
	at := serveHouse(t, h)
	h.seed(t)
	h.learn(t, 1000)
	judge := newAxe(t)
	b.Resize(t, 1280, false)
	enter(t, b, h, at)
	b.Click(t, "nav[aria-label=Pages] a[href='/refusals']")
	b.Click(t, "nav[aria-label=Security] a[href='/inventory']")
	b.Fill(t, "#q", "data:card exposure:public")
	b.Click(t, ".search button")
	if got := b.Eval(t, `document.querySelectorAll("table.inventory tbody tr").length`); got == "0" {
		t.Error("the search finds nothing")
	}
	b.Fill(t, "#v-name", "Cards in public")
	b.Click(t, "form[action='/inventory/views'] button")
	if got := b.Eval(t, `document.querySelector(".views a.own").textContent`); got != "Cards in public" {
		t.Errorf("the saved view is %q", got)
	}
	b.Click(t, "table.inventory tbody a")
	if got := b.Eval(t, "location.pathname"); !strings.HasPrefix(got, "/inventory/operations/") {
		t.Errorf("the first operation leads to %s", got)
	}
	if told := b.Complaints(); len(told) > 0 {
		t.Errorf("while searching: %s", strings.Join(told, "\n"))
	}
	pages := map[string]string{}
	for _, c := range inventoryPages(h) {
		if c.status == 200 && !strings.HasPrefix(c.name, "export") {
			pages[c.name] = c.path
		}
	}
	looked := 0
	lookAt(t, b, at, pages, "", func(what string) {
		faults, rules := judge.judge(t, b)
		if looked++; rules < 15 {
			t.Errorf("%s was held against %d rules only", what, rules)
		}
		for _, f := range faults {
			t.Errorf("%s: %s", what, f)
		}
	})
	if t.Logf("axe judged %d views", looked); looked < len(pages) || looked < 20 {
		t.Error("too few views judged")
	}
}

// TestBrowserFullHouse looks at the pages of all that is managed, with something in
// each, wide and narrow, light and dark; axe judges each view. "/" leads to the search.
func TestBrowserFullHouse(t *testing.T) {
	if testing.Short() {
		t.Skip("-short: the console was NOT tested in a browser")
	}
	b := browser.Start(t)
	h := fullHouse(t)
	at := serveHouse(t, h)
	h.seed(t)
	judge := newAxe(t)
	b.Resize(t, 1280, false)
	enter(t, b, h, at)
	empty := map[string]string{
		"none-manage": "/manage/production", "none-changes": "/manage/production/changes", "none-revisions": "/manage/production/revisions", "none-clients": "/clients",
		"none-requests": "/clients/requests", "none-mine": "/portal/applications", "none-secrets": "/secrets", "none-credentials": "/credentials",
		"none-alerts": "/alerts", "none-rules": "/alerts/rules", "none-channels": "/alerts/channels", "none-gateways": "/gateways", "none-teams": "/access/teams",
	}
	looked := 0
	look := func(what string) {
		faults, rules := judge.judge(t, b)
		if looked++; rules < 12 {
			t.Errorf("%s was held against %d rules only", what, rules)
		}
		for _, f := range faults {
			t.Errorf("%s: %s", what, f)
		}
	}
	lookAt(t, b, at, empty, "", look)
	pages := map[string]string{}
	for _, p := range h.furnish(t, h.signIn(t)) {
		pages[p.name] = p.path
	}
	enter(t, b, h, at)
	lookAt(t, b, at, pages, "", look)
	b.Open(t, at+"/gateways")
	b.Fill(t, "#g-name", "edge-2")
	b.Click(t, "#invite button")
	b.Until(t, `document.body.textContent.includes("shown this once")`)
	picture(t, b, "gateway-invited")
	look("gateway-invited")
	b.Eval(t, `document.dispatchEvent(new KeyboardEvent("keydown", {key: "/", bubbles: true}))`)
	if got := b.Eval(t, "document.activeElement.id"); got != "lookup" {
		t.Errorf("/ leads to %q", got)
	}
	if t.Logf("axe judged %d views", looked); looked < 50 {
		t.Error("too few views judged")
	}
}
