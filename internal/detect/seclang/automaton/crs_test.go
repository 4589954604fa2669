package automaton

import (
	"io/fs"
	"math/rand/v2"
	"net/url"
	"regexp"
	"strings"
	"testing"

	coreruleset "github.com/corazawaf/coraza-coreruleset/v4"
	"github.com/corazawaf/coraza-coreruleset/v4/tests"
	"rsc.io/binaryregexp"
)

// crsPatterns are the regular expressions of the Core Rule Set as Coraza
// compiles them. generic keeps those of the generic request rules.
func crsPatterns(t testing.TB, generic bool) []Pattern {
	t.Helper()
	rx := regexp.MustCompile(`SecRule ([A-Z_:|!&/\-a-zA-Z0-9^*$.\[\]]+) "(!?)@rx ((?:[^"\\]|\\.)*)"`)
	latin := regexp.MustCompile(`\\x[89a-fA-F][0-9a-fA-F]`)
	seen := make(map[Pattern]bool)
	var patterns []Pattern
	err := fs.WalkDir(coreruleset.FS, "@owasp_crs", func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || !strings.HasSuffix(path, ".conf") {
			return err
		}
		text, err := fs.ReadFile(coreruleset.FS, path)
		if err != nil {
			return err
		}
		for _, at := range rx.FindAllStringSubmatchIndex(string(text), -1) {
			m := make([]string, 4)
			for i := range m {
				m[i] = string(text[at[2*i]:at[2*i+1]])
			}
			level := regexp.MustCompile(`paranoia-level/(\d)`).FindSubmatch(text[at[1]:])
			if generic && (level == nil || string(level[1]) != "1") {
				continue
			}
			if generic && (m[2] == "!" || !strings.Contains(m[1], "ARGS") || strings.Contains(path, "RESPONSE-")) {
				continue
			}
			p := Pattern{Expr: "(?sm)" + strings.ReplaceAll(m[3], `\"`, `"`)}
			if latin.MatchString(m[3]) {
				p = Pattern{Expr: strings.ReplaceAll(m[3], `\"`, `"`), Latin: true}
			}
			if generic && p.Latin || seen[p] {
				continue
			}
			seen[p] = true
			patterns = append(patterns, p)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if want := map[bool]int{false: 200, true: 80}[generic]; len(patterns) < want {
		t.Fatalf("only %d patterns", len(patterns))
	}
	return patterns
}

// crsValues are texts from the tests of the Core Rule Set.
func crsValues(t testing.TB, limit int) []string {
	t.Helper()
	line := regexp.MustCompile(`(?m)^\s+(?:uri|data|[A-Z][A-Za-z-]+): (.+)$`)
	seen := make(map[string]bool)
	var values []string
	keep := func(v string) {
		if len(v) > 0 && len(v) <= limit && !seen[v] {
			seen[v] = true
			values = append(values, v)
		}
	}
	err := fs.WalkDir(tests.FS, ".", func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || !strings.HasSuffix(path, ".yaml") {
			return err
		}
		text, err := fs.ReadFile(tests.FS, path)
		if err != nil {
			return err
		}
		for _, m := range line.FindAllStringSubmatch(string(text), -1) {
			v := strings.Trim(m[1], `'"`)
			keep(v)
			for _, part := range strings.FieldsFunc(v, func(r rune) bool { return r == '&' || r == '?' || r == '=' }) {
				if u, err := url.QueryUnescape(part); err == nil {
					keep(u)
					keep(strings.ToLower(u))
				}
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return values
}

// mutate makes other values of some values.
func mutate(values []string, n int, r *rand.Rand) []string {
	out := make([]string, 0, n)
	noise := []string{"\xff", "\xc3\xa9", "\u212A", "\u017F", "\n", "\x00", "'", "\"", "\\", " ", "$(", ";", "\xe2\x84"}
	for len(out) < n {
		a, b := values[r.IntN(len(values))], values[r.IntN(len(values))]
		switch i := r.IntN(len(a)); r.IntN(5) {
		case 0:
			a = a[:i] + noise[r.IntN(len(noise))] + a[i:]
		case 1:
			a = a[:i] + b[r.IntN(len(b)):]
		case 2:
			a = strings.ToUpper(a[:i]) + a[i:]
		case 3:
			a = a[:i] + a[min(len(a), i+1+r.IntN(3)):]
		case 4:
			a = b + noise[r.IntN(len(noise))] + a
		}
		out = append(out, a)
	}
	return out
}

func TestAgreesOnCoreRuleSet(t *testing.T) {
	patterns := crsPatterns(t, false)
	source := rand.New(rand.NewPCG(1, 2))
	values := crsValues(t, 600)
	all := len(values)
	stride := 1
	if testing.Short() {
		stride = 10
	}
	picked := mutate(values, 300, source)
	for i := 0; i < len(values); i += 20 {
		picked = append(picked, values[i])
	}
	sets := []*Set{
		mustCompile(t, Options{Budget: 1 << 30}, patterns...),
		mustCompile(t, Options{Budget: -1 << 30}, patterns...),
		mustCompile(t, Options{Budget: 5, MaxBytes: 1 << 20}, patterns...),
	}
	match := make([]func(string) bool, len(patterns))
	for i, p := range patterns {
		if p.Latin {
			match[i] = binaryregexp.MustCompile(p.Expr).MatchString
		} else {
			match[i] = regexp.MustCompile(p.Expr).MatchString
		}
	}
	pairs, matches, impossible := 0, 0, 0
	hits := make([][]uint64, len(sets))
	for n := 0; n < len(picked); n += stride {
		v := picked[n]
		for i, s := range sets {
			hits[i] = make([]uint64, (len(patterns)+63)/64)
			if !s.Scan(v, hits[i], nil) {
				t.Fatal("a scan without a meter stopped")
			}
		}
		var alphabet [256]bool
		for i := range len(v) {
			alphabet[v[i]] = true
		}
		for i, p := range patterns {
			want := match[i](v)
			pairs++
			if want {
				matches++
			}
			for j := range sets {
				if has(hits[j], i) != want {
					t.Fatalf("set %d: %+v on %q: got %v", j, p, v, !want)
				}
			}
			if n%8 == 0 && !Possible(p, &alphabet) {
				impossible++
				if want {
					t.Fatalf("%+v matches %q, but is told to be impossible", p, v)
				}
			}
		}
	}
	t.Logf("%d patterns, %d of %d values and mutations: %d pairs, %d matches, %d told to be impossible, 0 disagreements", len(patterns), len(picked)/stride, all, pairs, matches, impossible)
	for i, s := range sets {
		t.Logf("set %d: %+v", i, s.Stats())
	}
	if pairs < 20000 || matches < 500 {
		t.Fatal("too few")
	}
}
