package test

import (
	"encoding/base64"
	"net"
	"net/http"
	"slices"
	"strings"
	"testing"
)

// portOf is the port of an address, with its colon.
func portOf(t *testing.T, address string) string {
	t.Helper()
	_, port, err := net.SplitHostPort(address)
	if err != nil {
		t.Fatal(err)
	}
	return ":" + port
}

// newAPI makes an API in the draft, on a free port, and gives where it will answer. Of
// what it is to be beside, portal ticks the box of that name and https is its scheme.
func (p *person) newAPI(name string, beside ...string) (address string) {
	p.t.Helper()
	port, scheme := portOf(p.t, freePort(p.t)), "http"
	if slices.Contains(beside, "https") {
		scheme = "https"
	}
	p.click("nav[aria-label=Pages] a[href='/apis']")
	p.follow("New API")
	p.fill("#n-name", name)
	p.fill("#n-address", scheme+"://0.0.0.0"+port+"/"+name)
	p.fill("#n-upstream", service(p.whole))
	if slices.Contains(beside, "portal") {
		p.press("[name=portal]")
	}
	p.follow("Create in the draft")
	p.reads("everything that matches a route passes")
	return scheme + "://127.0.0.1" + port + "/" + name
}

// addPolicy adds a policy to the API whose page is open, by its form: fields and values.
func (p *person) addPolicy(policy string, settings ...string) {
	p.t.Helper()
	p.choose("#m-policy", policy)
	p.follow("Set it up")
	p.settings(settings...)
	p.follow("Add to the draft")
	p.reads("Policies, in order of execution", policy)
}

// settings fills the form of a policy.
func (p *person) settings(settings ...string) {
	p.t.Helper()
	for i := 0; i+1 < len(settings); i += 2 {
		field := "[name='" + settings[i] + "']"
		if p.b.Eval(p.t, `document.querySelector("`+field+`")?.tagName`) == "SELECT" {
			p.choose(field, settings[i+1])
		} else {
			p.fill(field, settings[i+1])
		}
	}
}

// publish looks at the changes and puts them into service.
func (p *person) publish(note string) {
	p.t.Helper()
	p.follow("Changes")
	p.reads("What would change")
	p.fill("#c-note", note)
	p.follow("Publish")
	p.reads(note, "live")
}

// basic is the header of a user name and a password.
func basic(name, password string) string {
	return "Basic " + base64.StdEncoding.EncodeToString([]byte(name+":"+password))
}

// rollsBack switches a policy off by mistake, sees that everything passes, and goes back
// to the revision before.
func (p *person) rollsBack(address string) {
	p.click("nav[aria-label=Pages] a[href='/apis']")
	p.follow("Manage", "default/orders", "Switch off http-basic-authentication-flex")
	p.reads("switched off")
	p.publish("authentication is off, by mistake")
	p.answers(200, address)
	p.follow("Revisions")
	p.reads("authentication is off, by mistake")
	p.click("main a[href$='/revisions/1/rollback']")
	p.reads("Back to revision 1", "is published as a new revision", "farrier/disabled")
	p.picture("rollback")
	p.fill("#b-note", "back to where callers must sign in")
	p.follow("Roll back")
	p.reads("back to where callers must sign in", "live")
	p.picture("rolled-back")
	p.answers(401, address)
	p.answers(200, address, "Authorization", basic("ann", "a fine password"))
}

// triesFirst sees what a stricter policy would have refused of last week's requests, and
// publishes it then.
func (p *person) triesFirst() {
	address := p.newAPI("reports")
	p.addPolicy("attack-protection", "mode", "watch")
	p.publish("watch what comes")
	p.answers(200, address+"/1")
	const attack = "/find?q=1%27%20OR%20%271%27%3D%271"
	for n := range 10 {
		path := "/" + strings.Repeat("1", n+1)
		if n%5 == 0 {
			path = attack
		}
		p.answers(200, address+path)
	}
	p.click("nav[aria-label=Pages] a[href='/apis']")
	p.follow("Manage", "default/reports", "Settings")
	p.choose("[name='mode']", "block")
	p.follow("Save in the draft", "Changes")
	p.reads("watch", "block")
	eventually(p.t, "the attacks are recorded", func() bool {
		p.follow("Try it on recorded traffic")
		p.reads("On recorded traffic of the last week")
		return strings.Contains(p.text(), "This would have refused 18.2 %")
	}, p.text)
	p.reads("newly refused", "farrier-sqli-tautology")
	p.picture("dry-run")
	p.click("#dryrun table a[href^='/exchanges/']")
	p.reads("farrier-sqli-tautology", "watched")
	p.answers(200, address+attack)
	p.open("/manage/default/changes")
	p.fill("#c-note", "refuse attacks")
	p.follow("Publish")
	p.reads("refuse attacks", "live")
	p.answers(403, address+attack)
	p.answers(200, address+"/1")
}

// findsWhy goes from the answer to a call that was refused to the rule that refused it.
func (p *person) findsWhy(address string) {
	const attack = "/find?q=%3Cscript%3Ealert(1)%3C%2Fscript%3E"
	var id string
	eventually(p.t, "the attack is refused", func() bool {
		var status int
		status, id = answer(p.t, http.MethodGet, address+attack)
		return status == http.StatusForbidden
	}, func() string { return "" })
	if id == "" {
		p.t.Fatal("a refusal tells no correlation id")
	}
	p.open("/")
	// "/" leads to the search, as it does in other programs.
	eventually(p.t, "the search leads to the exchange", func() bool {
		p.b.Key(p.t, "/")
		if got := p.b.Eval(p.t, "document.activeElement.id"); got != "lookup" {
			p.t.Fatalf("the key / leads to %q", got)
		}
		p.steps++
		if p.b.Fill(p.t, "#lookup", id); p.steps > 0 {
			p.b.Enter(p.t)
		}
		return strings.Contains(p.text(), "refused this request")
	}, p.text)
	p.reads("Attack Protection refused this request", "What each policy said", "farrier-xss-tag", "Decided by attack-protection", id)
	p.picture("why")
	if got := p.b.Eval(p.t, "location.pathname"); got != "/exchanges/"+id {
		p.t.Errorf("the search leads to %s", got)
	}
}
