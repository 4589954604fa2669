package inventory

import (
	"testing"
	"time"
)

// TestRest holds that what takes long is done seldom, and what operators decide at once.
func TestRest(t *testing.T) {
	now := time.Date(2026, 3, 2, 8, 0, 0, 0, time.UTC)
	s := &Service{o: Options{Now: func() time.Time { return now }}}
	if !s.due() {
		t.Error("the first is not due")
	}
	s.picture.Store(&picture{built: now, took: 3 * time.Second})
	for _, c := range []struct {
		after time.Duration
		stale bool
		want  bool
	}{{0, false, false}, {29 * time.Second, false, false}, {30 * time.Second, false, true}, {0, true, true}} {
		now = s.picture.Load().built.Add(c.after)
		s.stale.Store(c.stale)
		if s.due() != c.want {
			t.Errorf("%s after, stale %t: due is %t", c.after, c.stale, s.due())
		}
	}
}
