package schema_test

import (
	"strings"
	"testing"
	"time"

	"farrier.dev/farrier/internal/spec/schema"
)

// TestPatterns holds what regular expressions mean: ECMA 262 with the flag u, and
// by which engine they run.
func TestPatterns(t *testing.T) {
	for _, c := range []struct {
		pattern    string
		matches    string // separated by |
		misses     string
		backtracks bool
	}{
		{`^\d+$`, "12", "\u0661\u0662|a|", false}, // only ASCII digits
		{`^\w+$`, "a_1", "é| ", false},
		{`^\s$`, "\u00a0| |\ufeff|\u2028|\v", "x|", false},
		{`^\S$`, "x|é", "\u00a0| |\u3000", false},
		{`^[\s_]+$`, "_\u00a0 ", "x", false},
		{`^[\S]+$`, "xé", "x y|\u2003", false},
		{`^.$`, "x|😀|\t", "\n|\r|\u2028|xy", false},
		{`^[^]$`, "x|\n", "xy|", false},
		{`^[]$`, "-", "x|\n|", false},
		{`^\u00e9+$`, "éé", "e", false},
		{`^\u{1F600}$`, "😀", "x", false},
		{`^\uD83D\uDE00$`, "😀", "x", false},
		{`^\\u00e9$`, `\u00e9`, "é", false},
		{`^\cA\x41\0$`, "\x01A\x00", "A", false},
		{`^[\b]$`, "\b", "b", false},
		{`\bfoo\b`, "a foo b", "afoo", false},
		{`^\/a\-b$`, "/a-b", "ab", false},
		{`^\p{Lu}\p{Script=Greek}\p{L}\P{L}$`, "Aαb1", "aαb1|Aabb", false},
		{`^\p{Letter}$`, "x|ж", "1", false},
		{`^[[:alpha:]]$`, ":]|a]|[]", "b]|b", false}, // no class of POSIX
		{`^(?<year>\d{4})$`, "2024", "24", false},
		{`a|^b`, "xa|b", "xb", false},
		{`^.{2,5000}$`, "ab|" + strings.Repeat("é", 5000), "a|" + strings.Repeat("é", 5001) + "|a\nb", false},
		{`^[a-z\]]{2}$`, "a]", "a|aaa|A]", false},
		{`^(?=.*\d)(?=.*[a-z])(?!.*\s).{8,20}$`, "passw0rd", "password|pass w0rd|pw0|PASSW0RD", false},
		{`^(?!admin$)[a-z]+$`, "administrator|root", "admin|Root", false},
		{`^(?!a)b|c$`, "bx|abc", "ab", true},
		{`(?<=\$)\d+`, "$5", "5", true},
		{`^(.)\1$`, "aa", "ab", true},
		{`^(?<q>['"]).*\k<q>$`, `'x'`, `'x"`, true},
		{`^(?:x(?!y))+$`, "xx", "xy", true},
	} {
		p, err := schema.CompilePattern(c.pattern)
		if err != nil {
			t.Errorf("%s: %v", c.pattern, err)
			continue
		}
		if p.Linear() == c.backtracks {
			t.Errorf("%s: runs linearly: %v", c.pattern, p.Linear())
		}
		for text := range strings.SplitSeq(c.matches, "|") {
			if c.matches != "-" && !p.MatchString(text) {
				t.Errorf("%s does not match %.20q", c.pattern, text)
			}
		}
		for text := range strings.SplitSeq(c.misses, "|") {
			if p.MatchString(text) {
				t.Errorf("%s matches %.20q", c.pattern, text)
			}
		}
	}
	for _, pattern := range []string{"(", "[a", "a**", `\p{Nonsense}`, strings.Repeat("a", 1<<17)} {
		if _, err := schema.CompilePattern(pattern); err == nil {
			t.Errorf("%.20s is accepted", pattern)
		}
	}
}

// TestBacktrackingEnds holds that an expression that would take for ever is given
// up, and the value is refused.
func TestBacktrackingEnds(t *testing.T) {
	for name, text := range map[string]string{"endless": strings.Repeat("a", 60) + "!", "long": strings.Repeat("a", 5000)} {
		s := compiled(t, `{"x":{"type":"array","items":{"not":{"pattern":"^(a|a|aa)+(?<!b)$"}}}}`)
		var d schema.Document
		d.BeginArray()
		for range 100 {
			d.String(text)
		}
		d.End()
		began := time.Now()
		found := s.Violations(&d, 3)
		t.Logf("%s: %v", name, time.Since(began))
		if len(found) != 1 || !found[0].Costly {
			t.Errorf("%s: %v", name, found)
		}
	}
}
