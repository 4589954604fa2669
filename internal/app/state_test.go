package app_test

import (
	"io"
	"net/http"
	"strings"
	"testing"

	"farrier.dev/farrier/internal/control/publish"
)

const stateful = `
apiVersion: gateway.mulesoft.com/v1alpha1
kind: ApiInstance
metadata: {name: stateful}
spec:
  address: http://0.0.0.0:8081
  services: {echo: {address: "http://127.0.0.1:9001"}}
  policies:
  - policyRef: {name: spike-control-flex}
    config: {maximumRequests: 2, timePeriodInMilliseconds: 3600000, delayTimeInMillis: 1, delayAttempts: 0}
    rules: [{path: /spike}]
  - policyRef: {name: rate-limiting-flex}
    config: {rateLimits: [{maximumRequests: 2, timePeriodInMilliseconds: 3600000}]}
    rules: [{path: /rate}]
  - policyRef: {name: rate-limiting-sla-based-flex}
    config: {}
    rules: [{path: /sla}]
  - policyRef: {name: header-injection-flex}
    config: {outboundHeaders: [{key: x-change, value: "0"}]}
---
apiVersion: gateway.mulesoft.com/v1alpha1
kind: Contract
metadata: {name: kiosk}
spec:
  apiId: stateful
  client: {id: kiosk}
  sla: {name: bronze, limits: [{maximumRequests: 2, timePeriodInMilliseconds: 3600000}]}
`

// TestStateSurvives holds that every limit counts on, and every connection to a
// service stays, over revisions that change other things; and that a limit whose
// own settings change begins anew.
func TestStateSurvives(t *testing.T) {
	who := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { _, _ = io.WriteString(w, r.RemoteAddr) })
	run := serve(t, startServices(t, who), one(stateful))
	change := "0"
	publishWith := func(text string) {
		t.Helper()
		before := run.ready.Publishing().Serving.Number
		run.replace(t, "manifest.yaml", text)
		if !run.waitPublishing(func(s publish.Status) bool { return s.Serving.Number > before }) {
			t.Fatalf("not published: %+v", run.ready.Publishing().Refused)
		}
	}
	ask := func(path string) *reply {
		t.Helper()
		got := run.get(t, "8081", "GET "+path+" HTTP/1.1\nclient_id: kiosk")
		if got.status == 200 && got.header.Get("X-Change") != change {
			t.Errorf("%s was answered by change %q, want %s", path, got.header.Get("X-Change"), change)
		}
		return got
	}
	connection := ""
	for _, status := range []int{200, 200, 429} {
		for _, path := range []string{"/spike", "/rate", "/sla"} {
			got := ask(path)
			if got.status != status {
				t.Errorf("change %s: %s was answered %d, want %d", change, path, got.status, status)
			}
			if status == 200 && connection != "" && got.body != connection {
				t.Errorf("change %s: a new connection %s was made; there was %s", change, got.body, connection)
			}
			if status == 200 {
				connection = got.body
			}
		}
		change += "0"
		publishWith(strings.Replace(stateful, `value: "0"`, `value: "`+change+`"`, 1))
	}
	// Each change is another one of the limits' own settings.
	change = "0"
	for path, other := range map[string]*strings.Replacer{
		"/spike": strings.NewReplacer("{maximumRequests: 2, timePeriodInMilliseconds: 3600000, delay", "{maximumRequests: 3, timePeriodInMilliseconds: 3600000, delay"),
		"/rate":  strings.NewReplacer("rateLimits: [{maximumRequests: 2", "rateLimits: [{maximumRequests: 3"),
	} {
		publishWith(other.Replace(stateful))
		if got := ask(path); got.status != 200 {
			t.Errorf("%s with settings of its own changed was answered %d", path, got.status)
		}
	}
}
