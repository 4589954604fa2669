package iplist

import (
	"fmt"
	"log/slog"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"farrier.dev/farrier/internal/policy"
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

// TestWhatEnds holds that an entry which ended hides neither the network around
// it nor a longer one for the same network.
func TestWhatEnds(t *testing.T) {
	s, err := parseFeed("list", strings.NewReader("10.0.0.0/8\n10.1.0.0/16 2026-01-01T00:00:00Z\n192.0.2.7\n192.0.2.7 2026-01-01T00:00:00Z\n198.51.100.0/24 2026-01-01T00:00:00Z\n198.51.100.9 2025-01-01T00:00:00Z\n"))
	if err != nil {
		t.Fatal(err)
	}
	early, late := time.Date(2025, 6, 1, 0, 0, 0, 0, time.UTC), time.Date(2026, 6, 1, 0, 0, 0, 0, time.UTC)
	for _, c := range []struct {
		client string
		now    time.Time
		want   string
	}{
		{"10.1.2.3", early, "list"},
		{"10.1.2.3", late, "list"},
		{"192.0.2.7", late, "list"},
		{"198.51.100.9", early, "list"},
		{"198.51.100.9", late, ""},
		{"203.0.113.1", late, ""},
	} {
		if got := s.find(netip.MustParseAddr(c.client), c.now); got != c.want {
			t.Errorf("%s at %v: %q, want %q", c.client, c.now, got, c.want)
		}
	}
}

// TestFailedFeedIsReadSoon holds that a feed which could not be read is not left
// missing until it would be refreshed, and that closing ends its goroutine.
func TestFailedFeedIsReadSoon(t *testing.T) {
	path := filepath.Join(t.TempDir(), "list")
	synctest.Test(t, func(t *testing.T) {
		l := follow(Feed{Name: "f", File: path, RefreshSeconds: 3600}, policy.Env{Now: time.Now, Log: slog.New(slog.DiscardHandler)})
		time.Sleep(25 * time.Second)
		if l.current(time.Now()) != nil {
			t.Error("there is a list")
		}
		if err := os.WriteFile(path, []byte("192.0.2.7\n"), 0o600); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Minute)
		if l.current(time.Now()) == nil {
			t.Error("the list is missing still")
		}
		if err := l.Close(); err != nil {
			t.Error(err)
		}
	})
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
