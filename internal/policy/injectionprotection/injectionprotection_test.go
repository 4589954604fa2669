package injectionprotection

import (
	"testing"

	"farrier.dev/farrier/internal/policy/policytest"
)

func TestConversations(t *testing.T) { policytest.Play(t, Policy(), 2) }

func TestSearches(t *testing.T) {
	searches := map[string]func(string) bool{"sql": sql(), "xss": xss()}
	cases := []struct{ kind, text string }{
		{"sql", "1' OR '1'='1"},
		{"sql", "x' --"},
		{"sql", "1 UNION ALL SELECT name FROM users"},
		{"sql", "1; DROP TABLE orders"},
		{"sql", "a'; delete from orders where 1=1"},
		{"xss", "<script>alert(1)</script>"},
		{"xss", "<img src=x onerror=alert(1)>"},
		{"xss", "javascript:alert(1)"},
		{"xss", "<iframe src=//evil.example>"},
		{"", "O'Brien and sons"},
		{"", "Select a size, then drop it into the table below"},
		{"", "C# and F# --- a comparison"},
		{"", "a < b and c > d"},
		{"", "the union of all members"},
	}
	for _, c := range cases {
		got := ""
		for _, kind := range []string{"sql", "xss"} {
			if got == "" && searches[kind](c.text) {
				got = kind
			}
		}
		if got != c.kind {
			t.Errorf("%q: %q, want %q", c.text, got, c.kind)
		}
	}
	t.Logf("played %d texts", len(cases))
}
