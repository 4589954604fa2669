package console

import (
	"context"
	"log/slog"
	"net/http"
	"regexp"
	"strings"
	"testing"
	"time"

	"farrier.dev/farrier/internal/audit"
	"farrier.dev/farrier/internal/control/incident"
	"farrier.dev/farrier/internal/finding"
	"farrier.dev/farrier/internal/store/storetest"
)

// TestIncidentPages goes the way of an operator: an incident, its owner, a block that is
// ended, a rule, the evidence.
func TestIncidentPages(t *testing.T) {
	h := newHouse(t, clockAt(noon))
	h.seed(t)
	db := storetest.Open(t)
	log, err := audit.Open(t.Context(), db, h.now)
	must(t, err)
	source := &incident.Source{Sightings: func(context.Context, time.Time) ([]incident.Sighting, error) {
		return []incident.Sighting{{Exchange: "01J", At: noon, API: "default/orders", Address: "192.0.2.7", Operation: "GET /<script>", Rules: []string{"crs-942100"}, Severity: finding.High}}, nil
	}}
	o := h.console.Options
	o.Incidents, err = incident.Open(t.Context(), incident.Options{DB: db, Tree: clientTree{}, Audit: log, Now: h.now, Log: slog.New(slog.DiscardHandler), Source: func(string) *incident.Source { return source }})
	must(t, err)
	h.handler, err = New(o)
	must(t, err)
	cookie := h.signIn(t)
	page := func(method, path string, status int, want string, change ...string) string {
		t.Helper()
		a := h.ask(t, method, path, cookie, form(change...), header("Sec-Fetch-Site", "same-origin"))
		if a.StatusCode != status || !strings.Contains(a.body+a.Header.Get("Location"), want) {
			t.Fatalf("%s %s: %d, does not say %q: %.1500s", method, path, a.StatusCode, want, main(a.body))
		}
		for _, not := range []string{"ZgotmplZ", "<no value>", "%!", "style=", "<script>", "/<s"} {
			if strings.Contains(main(a.body), not) {
				t.Errorf("%s says %q", path, not)
			}
		}
		return a.body
	}
	page("GET", "/incidents", http.StatusOK, "There was no incident")
	page("GET", "/incidents/containments", http.StatusOK, "Nobody is blocked")
	page("GET", "/incidents/rules", http.StatusOK, "No rule acts")
	must(t, o.Incidents.Look(t.Context(), o.Environment, time.Hour))
	list := page("GET", "/incidents", http.StatusOK, "Attacks from 192.0.2.7 on default/orders")
	id := regexp.MustCompile(`/incidents/([0-9a-f]{16})`).FindStringSubmatch(list)[1]
	page("GET", "/incidents/"+id, http.StatusOK, `value="192.0.2.7"`)
	page("POST", "/incidents/"+id, http.StatusSeeOther, id, "version", "1", "act", "acknowledge", "owner", "bob", "note", "looking")
	page("GET", "/incidents/"+id, http.StatusOK, "looking")
	page("POST", "/incidents/"+id, http.StatusUnprocessableEntity, "changed by somebody else", "version", "1", "note", "late")
	page("POST", "/incidents/containments", http.StatusUnprocessableEntity, "neither an address", "kind", "address", "target", "here", "reason", "x", "seconds", "900", "incident", id)
	page("POST", "/incidents/containments", http.StatusSeeOther, "/incidents/"+id, "kind", "address", "target", "192.0.2.7", "reason", "attack", "seconds", "900", "incident", id)
	acts := page("GET", "/incidents/containments", http.StatusOK, "ends in 15 min")
	act := regexp.MustCompile(`/incidents/containments/([0-9a-f]{16})/end`).FindStringSubmatch(acts)[1]
	page("POST", "/incidents/containments/"+act+"/end", http.StatusSeeOther, "/incidents/containments")
	page("GET", "/incidents/containments", http.StatusOK, "Nobody is blocked")
	page("POST", "/incidents/containments", http.StatusUnprocessableEntity, "say why", "kind", "client", "target", "app", "seconds", "900")
	page("POST", "/incidents/rules", http.StatusUnprocessableEntity, "percent", "name", "Block", "severity", "high", "do", "block-actor", "mode", "approval", "seconds", "3600", "percent", "x")
	page("POST", "/incidents/rules", http.StatusSeeOther, "/incidents/rules", "name", "Block", "severity", "high", "do", "block-actor", "mode", "approval", "seconds", "3600", "percent", "20")
	rules := page("GET", "/incidents/rules", http.StatusOK, "high or worse")
	rule := regexp.MustCompile(`/incidents/rules/([0-9a-f]{16})/switch`).FindStringSubmatch(rules)[1]
	page("POST", "/incidents/rules/"+rule+"/switch", http.StatusSeeOther, "/incidents/rules", "version", "1", "enabled", "yes")
	page("GET", "/incidents/rules", http.StatusOK, "Switch off")
	page("POST", "/incidents/rules/"+rule+"/remove", http.StatusSeeOther, "/incidents/rules", "version", "2")
	a := h.ask(t, "POST", "/incidents/"+id+"/evidence", cookie, header("Sec-Fetch-Site", "same-origin"))
	if a.StatusCode != http.StatusOK || !strings.Contains(a.Header.Get("Content-Disposition"), id) || !strings.Contains(a.body, `"looking"`) {
		t.Errorf("evidence: %d %.300s", a.StatusCode, a.body)
	}
	page("POST", "/incidents/"+id, http.StatusSeeOther, id, "version", "2", "act", "resolve")
	page("GET", "/incidents?state=resolved", http.StatusOK, "Attacks from")
	page("GET", "/incidents/0000", http.StatusNotFound, "")
}
