package iplist

import (
	"fmt"
	"net/netip"
	"strings"
	"testing"
	"time"
)

// TestFeedOf100000 holds that looking up in a long list allocates nothing.
func TestFeedOf100000(t *testing.T) {
	var text strings.Builder
	for i := range 100_000 {
		_, _ = fmt.Fprintf(&text, "10.%d.%d.%d\n", i>>16, i>>8&255, i&255)
	}
	s, err := parseFeed("long", strings.NewReader(text.String()))
	if err != nil {
		t.Fatal(err)
	}
	in, out := netip.MustParseAddr("10.1.134.159"), netip.MustParseAddr("10.2.0.0")
	if s.find(in, time.Time{}) != "long" || s.find(out, time.Time{}) != "" {
		t.Error("the last entry is not found, or the one behind it is")
	}
	if n := testing.AllocsPerRun(100, func() { s.find(in, time.Time{}) }); n > 0 {
		t.Errorf("%v allocations", n)
	}
}

func FuzzFeed(f *testing.F) {
	f.Add("192.0.2.7 2026-12-31T00:00:00Z # x\n2001:db8::/32\n10.1")
	f.Fuzz(func(t *testing.T, text string) {
		s, err := parseFeed("fuzz", strings.NewReader(text))
		if (s == nil) == (err == nil) {
			t.Error("neither a list nor an error, or both")
		}
	})
}
