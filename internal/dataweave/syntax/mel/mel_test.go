package mel_test

import (
	"strings"
	"testing"

	"farrier.dev/farrier/internal/dataweave/syntax"
	"farrier.dev/farrier/internal/dataweave/syntax/mel"
)

// TestBounds holds that what is deep or long is a problem and no crash.
func TestBounds(t *testing.T) {
	for piece, want := range map[string]string{
		"(": "nested deeper", "a.": "nested deeper", "!": "nested deeper", "[": "nested deeper", "a ? ": "nested deeper", "a + ": "nested deeper",
	} {
		s := mel.Parse(strings.Repeat(piece, 20_000))
		found := false
		for _, p := range s.Problems {
			found = found || strings.Contains(p.Message, want)
		}
		if !found {
			t.Errorf("%q many times: no problem with %q", piece, want)
		}
	}
	s := mel.Parse("a" + strings.Repeat(" ", syntax.MaxBytes))
	if len(s.Problems) != 1 || !strings.Contains(s.Problems[0].Message, "longer than") {
		t.Errorf("too long: %v", s.Problems)
	}
}
