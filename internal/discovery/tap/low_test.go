package tap

import (
	"fmt"
	"net/http"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"farrier.dev/farrier/internal/classify/sensitive"
	"farrier.dev/farrier/internal/discovery"
	"farrier.dev/farrier/internal/finding"
	"farrier.dev/farrier/internal/traffic"
)

// TestLowVolume holds what is promised of APIs that are seldom called, through tap and
// learner: three calls in a month list an operation, and the burst of a scanner adds
// nothing, be it refused, answered by 404, or among that answered well now and then.
func TestLowVolume(t *testing.T) {
	detector, err := sensitive.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	learner, err := discovery.New(discovery.Options{Now: func() time.Time { return received }, Detector: detector})
	if err != nil {
		t.Fatal(err)
	}
	watching := newTap(learner, func(o *Options) { o.Slots = 2048 })
	call := func(client, path string, status int, after time.Duration, outcome traffic.Outcome, found ...finding.Finding) {
		x := exchange(http.MethodGet, path)
		x.Received, x.Request.Client, x.Response.Status, x.Findings = received.Add(after), netip.MustParseAddr(client), status, found
		pass(watching, x, "", `{"id":7}`, outcome)
	}
	want := func(when string, paths ...string) {
		t.Helper()
		watching.Run(ended())
		watching.stopped.Store(false)
		inventory, err := learner.Inventory()
		if err != nil {
			t.Fatal(err)
		}
		var got []string
		for _, op := range inventory.Operations {
			got = append(got, op.Path)
		}
		if !slices.Equal(got, paths) {
			t.Errorf("%s: listed are %q, not %q", when, got, paths)
		}
	}
	const partner, scanner, day = "198.51.100.7", "203.0.113.66", 24 * time.Hour
	for month := range 2 {
		call(partner, "/shop/settlements/quarterly", http.StatusOK, time.Duration(month)*14*day, traffic.Served)
	}
	want("after two calls")
	// Five minutes of a scanner: what it guesses is not there, but for a page in fifty, and
	// one that the gateway takes for an attack.
	attack := finding.Finding{Severity: finding.High, Location: finding.Location{Place: "request query"}}
	for i := range 600 {
		at := 20*day + time.Duration(i)*500*time.Millisecond
		switch guess := fmt.Sprintf("/shop/%s/%s", [...]string{"admin", "backup", "console", "debug"}[i%4], strings.Repeat("x", i%7)+string(rune('a'+i%26))); {
		case i%50 == 49:
			call(scanner, "/shop/hidden", http.StatusOK, at, traffic.Served)
		case i%10 == 5:
			call(scanner, "/shop/refused", http.StatusForbidden, at, traffic.RefusedByPolicy)
		case i%10 == 6:
			call(scanner, "/shop/attacked", http.StatusOK, at, traffic.Served, attack)
		default:
			call(scanner, guess, http.StatusNotFound, at, traffic.Served)
		}
	}
	want("after the burst")
	call(partner, "/shop/settlements/quarterly", http.StatusOK, 28*day, traffic.Served)
	want("after three calls in a month", "/shop/settlements/quarterly")
	if stats := watching.Stats(); stats.Observed != 603 || stats.Dropped != 0 {
		t.Errorf("%+v; 603 exchanges passed", stats)
	}
	for path, reason := range map[string]string{"/shop/hidden": "different paths that do not exist", "/shop/attacked": "attack", "/shop/refused": "refused"} {
		if why := learner.Explain("GET", "api.example.com", path); why.Listed || len(why.Reasons) == 0 || !strings.Contains(why.Reasons[0], reason) {
			t.Errorf("%s: %q; the reason holds %q", path, why.Reasons, reason)
		}
	}
}
