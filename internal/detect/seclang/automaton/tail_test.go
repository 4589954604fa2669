package automaton

import (
	"math/rand/v2"
	"regexp"
	"testing"
)

// TestPartsAgreeWithRegexp reads long texts that need a new state at nearly every
// character, so that all tiers take turns, with some patterns left out.
func TestPartsAgreeWithRegexp(t *testing.T) {
	exprs := []string{
		exploding, `b[ab]{11}a`, `a.{9}b\b`, `(?m)^ab.*ba$`, `\ba{3,5}\b`, `(?i)k[^b]*s`, `abba`, `\Aa.{900}b`, `b\z`, `c{4}`, `é[ab]{7}`,
		`\Bc\B.{5}b`, `(?m)c$\n^a`, `[^b]{14}`, `never here`, `a[^c]{20}b`, `k{3}a`, `(?:ab|ba){12}`, `c.{30}c`, ` {3}k`,
	}
	var patterns []Pattern
	var match []*regexp.Regexp
	for _, e := range exprs {
		patterns = append(patterns, Pattern{Expr: e})
		match = append(match, regexp.MustCompile(e))
	}
	r := rand.New(rand.NewPCG(8, 9))
	pairs, tails := 0, int64(0)
	for _, o := range []Options{{}, {Budget: 2}, {Budget: 1, MaxBytes: 200 << 10}} {
		set := mustCompile(t, o, patterns...)
		for i := range 40 {
			text := randomText(r, []string{"ab", "aaab", "aaabbb\nc ké", "abck "}[i%4], 100+r.IntN(9000))
			hits := []uint64{0}
			for p := range patterns {
				if i%3 == 1 && r.IntN(5) > 0 || i%3 == 2 && r.IntN(3) > 0 {
					hits[0] |= 1 << p
				}
			}
			left := hits[0]
			if !set.Scan(text, hits, nil) {
				t.Fatal("a scan without a meter stopped")
			}
			for p, re := range match {
				if left>>p&1 != 0 {
					continue
				}
				pairs++
				if got, want := has(hits, p), re.MatchString(text); got != want {
					t.Errorf("%+v: %q on text %d of %d bytes: %v, want %v", o, exprs[p], i, len(text), got, want)
				}
			}
		}
		tails += set.Stats().Tails
	}
	t.Logf("%d pairs, %d passages to parts", pairs, tails)
	if pairs < 900 || tails < 40 {
		t.Errorf("only %d pairs, %d passages", pairs, tails)
	}
}
