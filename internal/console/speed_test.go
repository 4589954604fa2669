package console

import (
	"os"
	"strconv"
	"testing"
	"time"

	"farrier.dev/farrier/internal/traffic"
)

// refusalsVariable says how many refusals lie in the store while pages are
// measured; 2000 without it.
const refusalsVariable = "FARRIER_CONSOLE_REFUSALS"

// BenchmarkPages measures pages over a store that is full of refusals.
func BenchmarkPages(b *testing.B) {
	many := 2000
	if n, err := strconv.Atoi(os.Getenv(refusalsVariable)); err == nil {
		many = n
	}
	now := noon
	h := newHouse(b, func() time.Time { return now })
	var last string
	for i := range many {
		r := h.attackRecord(0)
		r.Received = noon.Add(-time.Duration(many-i) * 3 * time.Second / 2)
		r.ID = traffic.NewID(r.Received)
		if i%50 == 0 {
			r.Policy, r.Status, r.Findings = "rate-limiting-flex", 429, nil
		}
		last = h.keep(b, r)
		if i%5000 == 4999 {
			if _, _, err := h.monitor.Trail(b.Context(), last); err != nil {
				b.Fatal(err)
			}
		}
	}
	if _, _, err := h.monitor.Trail(b.Context(), last); err != nil {
		b.Fatal(err)
	}
	h.publication = testPublication(now)
	cookie := h.signIn(b)
	print := h.attackRecord(0).Findings[0].Fingerprint
	for _, path := range []string{
		"/", "/?range=24h", "/?range=7d", "/overview/series?range=24h", "/apis", "/apis/default/orders", "/refusals", "/refusals?policy=rate-limiting-flex",
		"/refusals?status=429&range=7d", "/refusals?client=192.0.2.10", "/refusals?rule=crs-942100", "/refusals?q=nothingatall", "/refusals?api=default%2Fnone",
		"/exchanges/" + last, "/exchanges/" + traffic.NewID(noon.AddDate(-1, 0, 0)), "/findings", "/findings/" + print, "/revision", "/audit", "/login",
	} {
		b.Run(path, func(b *testing.B) {
			for b.Loop() {
				now = now.Add(31 * time.Second) // nothing is answered from what is remembered
				if a := h.ask(b, "GET", path, cookie); a.StatusCode != 200 && a.StatusCode != 404 {
					b.Fatalf("status %d", a.StatusCode)
				}
			}
		})
		now = noon
	}
}
