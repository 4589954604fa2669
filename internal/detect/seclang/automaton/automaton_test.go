package automaton

import (
	"fmt"
	"regexp"
	"strings"
	"testing"

	"pgregory.net/rapid"
	"rsc.io/binaryregexp"
)

// reference answers as the regexp packages do.
func reference(t testing.TB, p Pattern) func(string) bool {
	t.Helper()
	if p.Latin {
		return binaryregexp.MustCompile(p.Expr).MatchString
	}
	return regexp.MustCompile(p.Expr).MatchString
}

func has(hits []uint64, i int) bool { return hits[i/64]>>(i%64)&1 != 0 }

func mustCompile(t testing.TB, o Options, patterns ...Pattern) *Set {
	t.Helper()
	s, err := Compile(patterns, o)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// configurations drive the common automaton, the single ones, the passage from
// one to the other, and a cache that is full at once.
func configurations() []Options {
	return []Options{{Budget: 1 << 30}, {Budget: -1 << 30}, {Budget: 3}, {Budget: 2, MaxBytes: 1}}
}

func TestAssertionsFlagsAndFolding(t *testing.T) {
	exprs := []string{
		``, `^`, `$`, `^$`, `(?m)^$`, `\A`, `\z`, `\A\z`, `\b`, `\B`, `\b\b`, `\b\B`, `^\b`, `\b$`, `\B$`, `(?m)$^`, `(?m)\n^$`,
		`a`, `^a`, `a$`, `(?m)^a`, `(?m)a$`, `(?m)a$\n^b`, `\Aa`, `a\z`, `(?m)\Aa`, `(?m)a\z`, `(?m:^)b`,
		`\ba`, `a\b`, `\bab\b`, `\Ba`, `a\B`, `a\Bb`, `a\bb`, `a\b\.`, `\.\b`, `(?:\b|x)a`, `(?:a|\b)*b`, `(\b)*a`, `(?:$|x)b`, `(?:^|\n)b`,
		`a.b`, `(?s)a.b`, `.`, `(?s).`, `[^a]`, `[^\n]`, `\w`, `\W`, `\s`, `\S`, `\d+\b`,
		`(?i)k`, `(?i)s`, `(?i)K`, `(?i)[k-s]x`, `(?i)ſ`, `\x{212A}`, `ß`, `(?i)ß`, `(?i)ä`, `é+`, `[à-ü]`, `[^à-ü]`, `\p{Greek}`, `\PL`, `(?i)\p{Lu}\b`,
		"\uFFFD", "a\uFFFDb", `[\x80-\xff]`, `\x{10FFFF}`, `[\x{10000}-\x{10FFFF}]`, `\pC`,
		`a*?b`, `(?U)a+b`, `a{2,3}b`, `(a|b)*abb$`, `(?:ab?){2,}$`, `a{0}`, `[a&&b]`, `\Qa.b\E`, `x*`, `(?:)`, `[^\x00-\x{10FFFF}]`,
		`(?i)union\s+select`, `(?i:a)B`, `^(?:a|b)$|c`, `(?m)^(?:a|b)$|c`, `(?:^a|b$)+`,
	}
	texts := []string{
		"", "a", "b", "ab", "ba", "aa", "aab", "abb", "a b", "a.b", "a\nb", "\n", "\n\n", "\na", "a\n", "b\na\n", "\nb", "x", "xa", ".a", "a.", "_a", "a_", "é", "éa", "aé", "aéb",
		"k", "K", "\u212A", "s", "S", "\u017F", "lx", "ß", "ẞ", "Ä", "ä", "ü", "Ω", "Ωmega", "\uFFFD", "\xff", "a\xffb", "a\xc3", "\xc3a", "\xc3\xa9", "\xe2\x84", "\xe2\x84\xaa", "\xf0\x9f\x98\x80",
		"\xf4\x90\x80\x80", "\xed\xa0\x80", "\xc0\x80", "\U0010FFFF", "\u00ff", "\u0080", "\xff\xfe\x80", "12", "12a", "12 ", "UNION \t SELECT", "un\u0130on", "abab", "ababb", "aaab", "xxab", "c", "\x00", "aB", "AB",
		strings.Repeat("ab\n", 70), strings.Repeat("é", 40) + "k", strings.Repeat("\xc3", 33),
	}
	pairs := 0
	for _, latin := range []bool{false, true} {
		var patterns []Pattern
		for _, e := range exprs {
			p := Pattern{Expr: e, Latin: latin}
			patterns = append(patterns, p)
		}
		alone, match := make([]*Set, len(patterns)), make([]func(string) bool, len(patterns))
		for i, p := range patterns {
			match[i] = reference(t, p)
			alone[i] = mustCompile(t, Options{Budget: 1}, p)
		}
		for _, o := range configurations() {
			all := mustCompile(t, o, patterns...)
			for round := range 2 {
				for _, text := range texts {
					hits := make([]uint64, (len(patterns)+63)/64)
					if !all.Scan(text, hits, nil) {
						t.Fatal("a scan without a meter stopped")
					}
					for i, p := range patterns {
						pairs++
						single := []uint64{0}
						alone[i].Scan(text, single, nil)
						if want := match[i](text); has(hits, i) != want || has(single, 0) != want {
							t.Errorf("latin=%v %+v round %d: %q on %q: set %v, alone %v, want %v", latin, o, round, p.Expr, text, has(hits, i), has(single, 0), want)
						}
					}
				}
			}
		}
	}
	t.Logf("%d pairs", pairs)
	if pairs < 30000 {
		t.Fatalf("only %d pairs", pairs)
	}
}

// drawExpr draws a small expression.
func drawExpr(t *rapid.T, depth int) string {
	atoms := []string{`a`, `b`, `k`, `_`, `é`, `.`, `\b`, `\B`, `^`, `$`, `\A`, `\z`, `[ab]`, `[^a]`, `\w`, `\W`, `\n`, `\s`, `[^\x00-a]`, `[é-ÿ]`, `\x{212A}`, "\uFFFD", `ab`, ` `, ``}
	choice := 0
	if depth > 0 {
		choice = rapid.IntRange(0, 6).Draw(t, "form")
	}
	sub := func() string { return drawExpr(t, depth-1) }
	switch choice {
	case 1, 2:
		return sub() + sub()
	case 3:
		return "(?:" + sub() + "|" + sub() + ")"
	case 4:
		return "(?:" + sub() + ")" + rapid.SampledFrom([]string{"*", "+", "?", "{2}", "{0,2}", "{1,3}", "*?"}).Draw(t, "count")
	case 5:
		return "(?" + rapid.SampledFrom([]string{"i", "m", "s", "ims", "-s", "-m"}).Draw(t, "flags") + ":" + sub() + ")"
	}
	return rapid.SampledFrom(atoms).Draw(t, "atom")
}

func drawText(t *rapid.T, label string) string {
	letters := []string{"a", "b", "k", "K", "_", "é", "É", "\n", " ", "-", "\u212A", "\uFFFD", "\xff", "\xc3", "\xe2\x84", "A", "s", "\u017F", "\x00"}
	return strings.Join(rapid.SliceOfN(rapid.SampledFrom(letters), 0, 12).Draw(t, label), "")
}

func TestAgreesWithRegexp(t *testing.T) {
	cases := 0
	rapid.Check(t, func(t *rapid.T) {
		var patterns []Pattern
		for range rapid.IntRange(1, 4).Draw(t, "patterns") {
			p := Pattern{Expr: drawExpr(t, 4), Latin: rapid.IntRange(0, 4).Draw(t, "latin") == 0}
			if _, err := regexp.Compile(p.Expr); err == nil {
				patterns = append(patterns, p)
			}
		}
		if len(patterns) == 0 {
			return
		}
		o := rapid.SampledFrom(configurations()).Draw(t, "options")
		set, err := Compile(patterns, o)
		if err != nil {
			t.Fatal(err)
		}
		for i := range 6 {
			text := drawText(t, fmt.Sprint("text", i))
			hits := make([]uint64, 1)
			set.Scan(text, hits, nil)
			var alphabet [256]bool
			for j := range len(text) {
				alphabet[text[j]] = true
			}
			for j, p := range patterns {
				cases++
				var want bool
				if p.Latin {
					want = binaryregexp.MustCompile(p.Expr).MatchString(text)
				} else {
					want = regexp.MustCompile(p.Expr).MatchString(text)
				}
				if has(hits, j) != want {
					t.Fatalf("%+v on %q: got %v", p, text, !want)
				}
				if want && !Possible(p, &alphabet) {
					t.Fatalf("%+v matches %q, but is told to be impossible", p, text)
				}
			}
		}
	})
	t.Logf("%d pairs", cases)
	if cases < 200 {
		t.Fatalf("only %d pairs", cases)
	}
}

func TestPossible(t *testing.T) {
	tests := []struct {
		expr, alphabet string
		latin, want    bool
	}{
		{expr: `a`, alphabet: "b", want: false},
		{expr: `a`, alphabet: "ab", want: true},
		{expr: `(?i)A`, alphabet: "a", want: true},
		{expr: `(?i)k`, alphabet: "\xe2\x84\xaa", want: true},
		{expr: `(?i)k`, alphabet: "\xe2\x84", want: false},
		{expr: `(?i)k`, alphabet: "\xe2\x84\xaa", latin: true, want: false},
		{expr: "\uFFFD", alphabet: "\x80", want: true},
		{expr: "\uFFFD", alphabet: "a", want: false},
		{expr: `[^a]`, alphabet: "a", want: false},
		{expr: `[^a]`, alphabet: "a\xc3", want: true},
		{expr: `[à-ü]`, alphabet: "\xc3\xa0", want: true},
		{expr: `[à-ü]`, alphabet: "\xc3\x80", want: false},
		{expr: `\xe0`, alphabet: "\xe0", latin: true, want: true},
		{expr: `\xe0`, alphabet: "\xe0", want: false},
		{expr: `a*b`, alphabet: "b", want: true},
		{expr: `a+b`, alphabet: "b", want: false},
		{expr: `a{0,3}b`, alphabet: "b", want: true},
		{expr: `(?:a|b)c`, alphabet: "bc", want: true},
		{expr: `(?:a|b)c`, alphabet: "ab", want: false},
		{expr: `\b`, alphabet: "-. ", want: false},
		{expr: `\B-`, alphabet: "-", want: true},
		{expr: `.`, alphabet: "\n", want: false},
		{expr: `(?s).`, alphabet: "\n", want: true},
		{expr: `(?s).`, alphabet: "", want: false},
		{expr: `[\x{10000}-\x{10FFFF}]`, alphabet: "\xf0\x9f\x98\x80", want: true},
		{expr: `[\x{10000}-\x{10FFFF}]`, alphabet: "\xc3\x9f\x98\x80", want: false},
		{expr: `(`, alphabet: "a", want: true},
	}
	for _, tt := range tests {
		var alphabet [256]bool
		for i := range len(tt.alphabet) {
			alphabet[tt.alphabet[i]] = true
		}
		if got := Possible(Pattern{Expr: tt.expr, Latin: tt.latin}, &alphabet); got != tt.want {
			t.Errorf("Possible(%q latin=%v, %q) = %v", tt.expr, tt.latin, tt.alphabet, got)
		}
	}
}

func TestCompileNamesThePattern(t *testing.T) {
	for _, tt := range []struct{ expr, reason string }{
		{`a(`, "missing closing )"},
		{`(?:(?:a?b?c?d?e?f?g?h?){33}){30}x`, "too large"},
	} {
		_, err := Compile([]Pattern{{Expr: "a"}, {Expr: tt.expr}}, Options{})
		if err == nil || !strings.Contains(err.Error(), "pattern 1 ") || !strings.Contains(err.Error(), tt.reason) {
			t.Errorf("%q: %v", tt.expr, err)
		}
	}
}

func TestHitsAreAdded(t *testing.T) {
	s := mustCompile(t, Options{}, Pattern{Expr: "a"}, Pattern{Expr: "b"}, Pattern{Expr: ""})
	hits := []uint64{1<<1 | 1<<63}
	s.Scan("xax", hits, nil)
	if hits[0] != 1<<0|1<<1|1<<2|1<<63 {
		t.Fatalf("hits %b", hits[0])
	}
	if !mustCompile(t, Options{}).Scan("x", nil, nil) {
		t.Fatal("an empty set stopped")
	}
}

func FuzzScan(f *testing.F) {
	f.Add(`(?i)\bk+$`, `^a|\xff`, "\u212A\xff a", false)
	f.Add(`(?m)^a.*b$`, `(a|b)*a.{3}`, "ab\nababab", true)
	f.Fuzz(func(t *testing.T, a, b, text string, latin bool) {
		patterns := []Pattern{{Expr: a, Latin: latin}, {Expr: b}}
		if _, err := regexp.Compile(b); err != nil || len(a)+len(b) > 60 || len(text) > 200 {
			return
		}
		want := []bool{false, regexp.MustCompile(b).MatchString(text)}
		if latin {
			re, err := binaryregexp.Compile(a)
			if err != nil {
				return
			}
			want[0] = re.MatchString(text)
		} else {
			re, err := regexp.Compile(a)
			if err != nil {
				return
			}
			want[0] = re.MatchString(text)
		}
		for _, o := range configurations() {
			set, err := Compile(patterns, o)
			if err != nil {
				return // newer syntax, or too large
			}
			hits := []uint64{0}
			set.Scan(text, hits, nil)
			for i, w := range want {
				if has(hits, i) != w {
					t.Fatalf("%+v: %+v on %q: got %v", o, patterns[i], text, !w)
				}
			}
		}
	})
}
