package console

import (
	"context"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"farrier.dev/farrier/internal/access"
	"farrier.dev/farrier/internal/audit"
	"farrier.dev/farrier/internal/control/alert"
	"farrier.dev/farrier/internal/monitor"
	"farrier.dev/farrier/internal/monitor/notify"
	"farrier.dev/farrier/internal/secret"
	"farrier.dev/farrier/internal/store"
	"farrier.dev/farrier/internal/traffic"
)

type alertTree struct{}

func (alertTree) ScopeOf(_ context.Context, environment string) (access.Scope, error) {
	return access.Scope{Group: access.Root, Environment: environment}, nil
}

func (alertTree) GroupScope(_ context.Context, group string) (access.Scope, error) {
	return access.Scope{Group: group}, nil
}

// alertHouse is a house with alerts.
func alertHouse(t *testing.T) (*house, *alert.Service) {
	t.Helper()
	h := newHouse(t, clockAt(noon))
	db, err := store.Open(t.Context(), filepath.Join(t.TempDir(), store.ControlFile), store.Options{})
	must(t, err)
	t.Cleanup(func() { _ = db.Close() })
	log, err := audit.Open(t.Context(), db, h.now)
	must(t, err)
	ring, err := secret.OpenKeyring(t.TempDir(), func() (bool, error) { return false, nil })
	must(t, err)
	s, err := alert.Open(t.Context(), alert.Options{
		DB: db, Tree: alertTree{}, Audit: log, Sealer: ring, Entries: log, Now: h.now, Log: slog.New(slog.DiscardHandler),
		Environments: []string{"production"}, Figures: func(string) *alert.Figures { return &alert.Figures{Series: h.monitor} },
		Env: notify.NewEnv(notify.Guard{Networks: []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}}, h.now),
	})
	must(t, err)
	o := h.console.Options
	o.Alerts = s
	h.handler, err = New(o)
	must(t, err)
	h.console = consoleOf(t, o)
	return h, s
}

var firstChannel = regexp.MustCompile(`/alerts/channels/([0-9a-f]{16})`)

// TestAlertPages goes the way of an operator: no channel, a channel, a test message, a
// rule with a preview, maintenance.
func TestAlertPages(t *testing.T) {
	h, s := alertHouse(t)
	h.seed(t)
	cookie := h.signIn(t)
	post := func(path string, fields ...string) answer {
		t.Helper()
		return h.ask(t, "POST", path, cookie, form(fields...))
	}
	says := func(path string, want ...string) answer {
		t.Helper()
		a := h.ask(t, "GET", path, cookie)
		if a.StatusCode != http.StatusOK {
			t.Fatalf("%s: %d %.300s", path, a.StatusCode, a.body)
		}
		for _, text := range append(want, `aria-current="page">Alerts`) {
			if !strings.Contains(a.body, text) {
				t.Errorf("%s does not say %q", path, text)
			}
		}
		for _, text := range []string{hidden, "ZgotmplZ", "%!", "style=", "<no value>"} {
			if strings.Contains(a.body, text) {
				t.Errorf("%s says %q", path, text)
			}
		}
		return a
	}
	says("/alerts", "Nobody is told of alerts yet", "Nothing alerts", "Nothing was noticed yet")
	says("/alerts/rules", "There is no rule", "Response time")
	says("/alerts/channels", "There is no channel", "PagerDuty")
	says("/alerts/maintenance", "Nothing is planned")
	says("/alerts/deliveries", "Nothing was sent yet")
	kinds := 0
	for _, k := range alert.Kinds() {
		says("/alerts/channels/new?kind="+k.Name, k.Help, `name="name"`)
		kinds++
	}
	if kinds != 11 {
		t.Errorf("%d kinds of channels", kinds)
	}
	if a := h.ask(t, "GET", "/alerts/channels/new?kind=pigeon", cookie); a.StatusCode != http.StatusNotFound {
		t.Errorf("a kind that there is none of: %d", a.StatusCode)
	}
	taken := 0
	hook := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { taken++ }))
	t.Cleanup(hook.Close)
	if a := post("/alerts/channels", "kind", "webhook", "name", "Hook", "s-url", "http://example.com/", "s-secret", hidden+hidden); a.StatusCode != http.StatusUnprocessableEntity || !strings.Contains(a.body, "https://") || strings.Contains(a.body, hidden) {
		t.Errorf("an address that is not encrypted: %d %.200s", a.StatusCode, a.body)
	}
	a := post("/alerts/channels", "kind", "webhook", "name", "Hook <b>", "s-url", hook.URL, "s-secret", hidden+hidden)
	id := firstChannel.FindStringSubmatch(a.Header.Get("Location"))
	if a.StatusCode != http.StatusSeeOther || id == nil {
		t.Fatalf("channel: %d %.300s", a.StatusCode, a.body)
	}
	says(id[0], "Hook &lt;b&gt;", "leave empty to keep it", "Send a test message")
	if a := post(id[0] + "/test"); a.StatusCode != http.StatusSeeOther || taken != 1 {
		t.Errorf("test: %d, %d taken", a.StatusCode, taken)
	}
	says(id[0]+"?tested=yes", "The test message was taken")
	if a := post(id[0], "kind", "webhook", "name", "Hook", "s-url", hook.URL, "version", "7"); a.StatusCode != http.StatusUnprocessableEntity || !strings.Contains(a.body, "changed by somebody else") {
		t.Errorf("an old version: %d", a.StatusCode)
	}
	says("/alerts/rules", "Many failures", "Pause")
	forms := 0
	for _, k := range []string{"request-count", "response-code", "response-time", "anomaly", "finding", "contract-event", "expiry", "gateway-silent", "operator-event"} {
		says("/alerts/rules/new?kind="+k, "When it fires", "Hook")
		forms++
	}
	if forms < 9 {
		t.Error("too few forms")
	}
	rule := []string{
		"kind", "response-code", "name", "Errors", "severity", "Critical", "codes", "5xx, 404", "operator", "GREATER_THAN", "value", "3", "count", "5", "unit", "minutes",
		"consecutive", "1", "repeat", "0", "channels", id[1], "enabled", "yes", "each", "yes", "quiet", "mon-fri 22:00-06:00 Europe/Berlin", "apis", "default/orders\r\ndefault/bills",
	}
	if a := post("/alerts/rules", append(rule, "act", "preview")...); a.StatusCode != http.StatusOK || !strings.Contains(a.body, "would have fired") {
		t.Errorf("preview: %d %.300s", a.StatusCode, a.body)
	}
	for want, fields := range map[string][]string{
		"Quiet hours": {"quiet", "tonight"}, "Value: it must be a number": {"value", "many"}, "is not counted": {"codes", "418"}, "Period": {"count", "0"}, "whole number": {"repeat", "often"},
	} {
		changed := append([]string{}, rule...)
		for i := 0; i < len(changed); i += 2 {
			if changed[i] == fields[0] {
				changed[i+1] = fields[1]
			}
		}
		if a := post("/alerts/rules", changed...); a.StatusCode != http.StatusUnprocessableEntity || !strings.Contains(strings.ToLower(a.body), strings.ToLower(want)) || !strings.Contains(a.body, `value="Errors"`) {
			t.Errorf("%v: %d, does not say %q", fields, a.StatusCode, want)
		}
	}
	if a := post("/alerts/rules", rule...); a.StatusCode != http.StatusSeeOther {
		t.Fatalf("rule: %d %.300s", a.StatusCode, a.body)
	}
	says("/alerts/rules", "answers 5xx, 404 of default/orders, default/bills above 3 in 5 minutes")
	if a := post("/alerts/maintenance", "name", "Upgrade", "from", "2026-03-01T11:00", "until", "2026-03-01T13:00"); a.StatusCode != http.StatusSeeOther {
		t.Errorf("maintenance: %d", a.StatusCode)
	}
	says("/alerts", "Maintenance until", "Upgrade")
	must(t, s.Judge(t.Context()))
	says("/alerts/deliveries")
	if a := post("/alerts/maintenance", "name", "Back", "from", "2026-03-01T13:00", "until", "2026-03-01T11:00"); a.StatusCode != http.StatusUnprocessableEntity || !strings.Contains(a.body, "later than from") {
		t.Errorf("backwards: %d", a.StatusCode)
	}
}

// TestMonitoring holds what the page of an API's figures says.
func TestMonitoring(t *testing.T) {
	h := newHouse(t, clockAt(noon))
	h.seed(t)
	h.rollup.CountParty(monitor.Party{API: "default/orders", Client: "mobile-app"}, 200, traffic.Served, 30*time.Millisecond, 10, 20)
	cookie := h.signIn(t)
	a := h.ask(t, "GET", "/apis/default/orders/monitoring?range=24h", cookie)
	for _, want := range []string{"Response time", "p95", "mobile-app", "Over time", "/apis/default/orders/monitoring/series?chart=time", `aria-current="true">Monitoring`} {
		if a.StatusCode != http.StatusOK || !strings.Contains(a.body, want) {
			t.Errorf("%d: the page does not say %q", a.StatusCode, want)
		}
	}
	for _, chart := range []string{"requests", "time", "status"} {
		a := h.ask(t, "GET", "/apis/default/orders/monitoring/series?chart="+chart+"&range=1h", cookie)
		if a.StatusCode != http.StatusOK || !strings.Contains(a.body, `"lines":[[`) || !strings.Contains(a.body, `"at":[`) {
			t.Errorf("%s: %d %.200s", chart, a.StatusCode, a.body)
		}
	}
	if a := h.ask(t, "GET", "/apis/default/orders/monitoring?client=a&policy=b", cookie); a.StatusCode != http.StatusUnprocessableEntity {
		t.Errorf("a client and a policy: %d", a.StatusCode)
	}
	if a := h.ask(t, "GET", "/apis/default/nothing/monitoring", cookie); a.StatusCode != http.StatusOK || !strings.Contains(a.body, "No requests in the") {
		t.Errorf("nothing: %d", a.StatusCode)
	}
}
