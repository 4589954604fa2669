package console

import (
	"net/http"
	"regexp"
	"strings"
	"testing"
)

// TestSuppressAFinding plays how a finding is suppressed on its page, and opened again.
func TestSuppressAFinding(t *testing.T) {
	h := newHouse(t, clockAt(noon))
	h.seed(t)
	cookie := h.signIn(t)
	page := "/findings/" + h.attackRecord(0).Findings[0].Fingerprint
	says := func(want ...string) answer {
		t.Helper()
		a := h.ask(t, "GET", page, cookie)
		for _, text := range want {
			if a.StatusCode != http.StatusOK || !strings.Contains(a.body, text) {
				t.Fatalf("%d, and %q is not there", a.StatusCode, text)
			}
		}
		return a
	}
	says("Suppress it", ">open<")
	for fields, problem := range map[[4]string]string{
		{"reason", " ", "days", "7"}:  "must say why",
		{"reason", "x", "days", "12"}: "hoose for how long",
	} {
		if a := h.ask(t, "POST", page+"/suppress", cookie, form(fields[:]...)); a.StatusCode != http.StatusUnprocessableEntity || !strings.Contains(a.body, problem) {
			t.Errorf("%v: %d, without %q", fields, a.StatusCode, problem)
		}
	}
	if a := h.ask(t, "POST", page+"/suppress", cookie, form("reason", "our own scanner", "days", "30")); a.StatusCode != http.StatusSeeOther {
		t.Fatalf("suppressing: %d", a.StatusCode)
	}
	a := says(">suppressed<", "our own scanner", "Open it again")
	if strings.Contains(a.body, "Suppress it") {
		t.Error("what is suppressed can be suppressed again")
	}
	id := regexp.MustCompile(`name="suppression" value="([^"]+)"`).FindStringSubmatch(a.body)
	if len(id) != 2 {
		t.Fatal("the suppression has no id")
	}
	if a := h.ask(t, "POST", page+"/reopen", cookie, form("suppression", id[1])); a.StatusCode != http.StatusSeeOther {
		t.Fatalf("opening it again: %d", a.StatusCode)
	}
	says("Suppress it", ">open<")
}
