package tap

import (
	"strings"
	"testing"

	"farrier.dev/farrier/internal/traffic"
)

// TestShort holds that the first exchanges of a shape are copied whole, and of those
// that follow the beginning alone.
func TestShort(t *testing.T) {
	p := &pupil{}
	tap := newTap(p, nil)
	long := strings.Repeat("x", 20<<10)
	for range wholeSample + 2 {
		pass(tap, exchange("POST", "/a"), long, long, traffic.Served)
	}
	tap.Run(ended())
	for i, o := range p.seen {
		request, response := len(o.Request.Body), len(o.Response.Body)
		if i < wholeSample && (request != len(long) || response != len(long) || o.Request.Partial) ||
			i >= wholeSample && (request != shortRequest || request+response != shortBodies || !o.Request.Partial || !o.Response.Partial) || !o.Sampled {
			t.Errorf("%d: %d and %d bytes", i, request, response)
		}
	}
}
