package classify_test

import (
	"testing"

	"farrier.dev/farrier/internal/classify"
)

// TestWhole: a text has a class when a match covers all of it, and no class when
// anything stands beside.
func TestWhole(t *testing.T) {
	played := 0
	for _, c := range must {
		found := classify.Find(c.in)
		want := classify.Class("")
		if len(found) == 1 && found[0].Start == 0 && found[0].End == len(c.in) {
			want = found[0].Class
			played++
		}
		if got := classify.Whole(c.in); got != want {
			t.Errorf("Whole(%q) = %q, want %q", c.in, got, want)
		}
	}
	for _, in := range mustNot {
		if got := classify.Whole(in); got != "" {
			t.Errorf("Whole(%q) = %q, want nothing", in, got)
		}
	}
	if !classify.Luhn([]byte{7, 9, 9, 2, 7, 3, 9, 8, 7, 1, 3}) || classify.Luhn([]byte{7, 9, 9, 2, 7, 3, 9, 8, 7, 1, 4}) {
		t.Error("Luhn's check is wrong")
	}
	if played < 20 {
		t.Errorf("played %d whole texts only", played)
	}
	t.Logf("played %d whole texts, %d of pieces, %d look-alikes", played, len(must)-played, len(mustNot))
}
