package layer

import (
	"strings"
	"testing"
)

// TestLongTextsGiveExcerpts holds that of a long text with few escapes only what
// lies around them is handed out, and all of it where they are many.
func TestLongTextsGiveExcerpts(t *testing.T) {
	filler := strings.Repeat("plain words. ", 2000)
	for name, c := range map[string]struct {
		coded, plain string
		decoder      Decoder
	}{
		"percent": {"%3Cscript%3Ealert(1)", "<script>alert(1)", Percent},
		"js":      {`\x3cscript>`, "<script>", JS},
		"html":    {"&lt;script&gt;", "<script>", HTML},
		"unicode": {"＜script＞", "<script>", Unicode},
	} {
		text := filler + c.coded + filler + c.coded + filler
		var parts []string
		Open(text, SetOf(c.decoder), &Scratch{}, func(_ Decoder, p Part) bool { parts = append(parts, p.Text); return true })
		if len(parts) != 2 {
			t.Errorf("%s: %d parts, want 2", name, len(parts))
			continue
		}
		for _, p := range parts {
			if !strings.Contains(p, c.plain) || len(p) < 2*around || len(p) > 3*around {
				t.Errorf("%s: a part of %d bytes", name, len(p))
			}
		}
		parts = nil
		Open(strings.Repeat(c.coded+" and so on ", 2000), SetOf(c.decoder), &Scratch{}, func(_ Decoder, p Part) bool { parts = append(parts, p.Text); return true })
		if len(parts) != 1 || strings.Count(parts[0], c.plain) != 2000 {
			t.Errorf("%s: many escapes gave %d parts", name, len(parts))
		}
	}
}
