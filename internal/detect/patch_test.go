package detect

import (
	"testing"
	"time"
)

// TestPatches holds that a patch closes its operation and place, and no more,
// until it expires.
func TestPatches(t *testing.T) {
	e, err := defaultEngine(t).rules.Engine(Options{Patches: []Patch{
		{Name: "id", Method: "GET", Path: "/orders/[^/]+", Place: "query id", Unless: "[0-9]{1,9}", Mode: "block", Expires: "2026-12-01T00:00:00Z"},
		{Name: "sku", Path: "/cart", Place: "body json /items/*/sku", Match: "(?i)test", Mode: "always"},
	}})
	if err != nil {
		t.Fatal(err)
	}
	before := time.Date(2026, 11, 22, 0, 0, 0, 0, time.UTC)
	after := time.Date(2026, 12, 2, 0, 0, 0, 0, time.UTC)
	for _, c := range []struct {
		raw           string
		at            time.Time
		block, always bool
	}{
		{"GET /orders/7?id=12x HTTP/1.1\nHost: a.example", before, true, false},
		{"GET /orders/7?id=12x HTTP/1.1\nHost: a.example", after, false, false},
		{"GET /orders/7?id=12 HTTP/1.1\nHost: a.example", before, false, false},
		{"GET /orders/7/x?id=12x HTTP/1.1\nHost: a.example", before, false, false},
		{"POST /orders/7?id=12x HTTP/1.1\nHost: a.example", before, false, false},
		{"GET /orders/7?no=12x HTTP/1.1\nHost: a.example", before, false, false},
		{"POST /cart HTTP/1.1\nHost: a.example\nContent-Type: application/json\n\n" + `{"items":[{"sku":"A"},{"sku":"a-Test"}]}`, before, true, true},
		{"POST /cart HTTP/1.1\nHost: a.example\nContent-Type: application/json\n\n" + `{"items":[{"sku":"A","note":"test"}]}`, before, false, false},
	} {
		x, err := ParseRequest([]byte(c.raw))
		if err != nil {
			t.Fatal(err)
		}
		x.Received = c.at
		if v := e.Judge(t.Context(), x, Lessons{}); v.Block != c.block || v.Always != c.always {
			t.Errorf("%s at %v: block %v, always %v, want %v, %v", c.raw, c.at, v.Block, v.Always, c.block, c.always)
		}
	}
}
