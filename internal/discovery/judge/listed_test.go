package judge

import "testing"

// TestListed holds the published threshold: two calls and one of a hundred.
func TestListed(t *testing.T) {
	for _, c := range []struct {
		count, of uint64
		want      bool
	}{{1, 1, false}, {1, 50, false}, {2, 2, true}, {2, 200, true}, {2, 201, false}, {3, 300, true}, {0, 0, false}} {
		if got := Listed(c.count, c.of); got != c.want {
			t.Errorf("%d of %d calls: %v", c.count, c.of, got)
		}
	}
}
