package seclang

import (
	"flag"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"

	"farrier.dev/farrier/internal/detect/seclang/automaton"
)

var generated = flag.Int("generated", 2000, "how many generated requests to play at level 1, and a quarter of them at level 4")

// generator splices mutated attacks into usual requests.
type generator struct {
	*rand.Rand
	benign  []example
	attacks []string
}

func newGenerator(t testing.TB, seed uint64) *generator {
	t.Helper()
	g := &generator{Rand: rand.New(rand.NewPCG(seed, 1)), benign: workloads()[:3]}
	for _, x := range crsExamples(t) {
		for _, v := range x.in.Values {
			if n := len(v.Text); n > 3 && n < 600 && v.In != RequestLine {
				g.attacks = append(g.attacks, v.Text)
			}
		}
	}
	if len(g.attacks) < 5000 {
		t.Fatalf("only %d texts were found to mutate", len(g.attacks))
	}
	return g
}

func (g *generator) attack() string { return g.attacks[g.IntN(len(g.attacks))] }

// mutate changes a text in one of the ways that attackers do.
func (g *generator) mutate(s string) string {
	at := g.IntN(len(s) + 1)
	switch g.IntN(14) {
	case 0:
		return strings.ToUpper(s)
	case 1:
		return s[:at] + "/**/" + s[at:]
	case 2:
		return strings.ReplaceAll(s, " ", "\t")
	case 3:
		return strings.ReplaceAll(s, "'", "%27")
	case 4:
		return s[:at] + `\` + s[at:]
	case 5:
		return s[:at] + string(rune(g.IntN(0x2100))) + s[at:]
	case 6:
		return s[:at] + string([]byte{byte(g.IntN(256))}) + s[at:]
	case 7:
		return s + " " + g.attack()
	case 8:
		return strings.ReplaceAll(s, "<", "&lt;")
	case 9:
		return s + "\n" + s
	case 10:
		return s[at:] + s[:at]
	case 11:
		return s[:at]
	case 12:
		other := g.attack()
		return s[:at] + other[g.IntN(len(other)):]
	}
	return s
}

func (g *generator) example(i int) example {
	base := g.benign[g.IntN(len(g.benign))]
	in := Input{Values: append([]Value(nil), base.in.Values...)}
	for range 1 + g.IntN(3) {
		text := g.attack()
		for range g.IntN(3) {
			text = g.mutate(text)
		}
		switch v := g.IntN(12); {
		case v < 5:
			at := g.IntN(len(in.Values))
			in.Values[at].Text = text
		case v == 5:
			at := g.IntN(len(in.Values))
			if in.Values[at].In < firstSingle {
				in.Values[at].Key = text
			}
		default:
			c := [...]Collection{ArgsGet, ArgsPost, ArgsPath, RequestCookies, RequestHeaders, Files, FilesNames, MultipartPartHeaders, XML}[g.IntN(9)]
			key := [...]string{"a", "id", "Content-Type", "X-Up", "/*", "//@*", text, "Referer", "__utm"}[g.IntN(9)]
			in.Values = append(in.Values, Value{c, key, text})
		}
	}
	return example{fmt.Sprintf("generated %d", i), in}
}

func TestOracleGenerated(t *testing.T) {
	all := *generated / stride
	if testing.Short() {
		all = min(all, 100)
	}
	for _, level := range []int{1, 4} {
		n := all
		if level == 4 {
			n /= 4 // they take the oracle four times as long
		}
		g := newGenerator(t, uint64(level))
		s, o := compileCRS(t, level, Options{}), newOracle(t, crsText(level))
		wrong, hits := 0, 0
		for i := range n {
			x := g.example(i)
			if len(s.fired(&x.in)) > 0 {
				hits++
			}
			if !agree(t, s, o, &x) {
				for _, v := range x.in.Values {
					t.Logf("\t%s %q = %q", v.In, v.Key, v.Text)
				}
				if wrong++; wrong > 5 {
					t.Fatal("too many differences")
				}
			}
		}
		t.Logf("level %d: %d generated requests, %d of which match, %d differ", level, n, hits, wrong)
		if hits < n/2 {
			t.Errorf("only %d of %d generated requests match anything", hits, n)
		}
	}
}

// TestSieve compares the sieve with running every rule over every value.
func TestSieve(t *testing.T) {
	examples := crsExamples(t)
	for _, level := range []int{1, 4} {
		g := newGenerator(t, uint64(100+level))
		sifted, exact := compileCRS(t, level, Options{}), compileCRS(t, level, Options{Exact: true})
		played := 0
		for i, x := range examples {
			if i%(7*stride) == 0 {
				sameResult(t, sifted, exact, &x)
				played++
			}
		}
		for i := range 200 / stride {
			x := g.example(i)
			sameResult(t, sifted, exact, &x)
			played++
		}
		t.Logf("level %d: %d requests with and without the sieve", level, played)
	}
}

func sameResult(t testing.TB, sifted, exact *Set, x *example) {
	t.Helper()
	a := sifted.Run(&x.in, &automaton.Meter{Left: 1 << 40})
	b := exact.Run(&x.in, &automaton.Meter{Left: 1 << 40})
	text := func(ms []Match) string {
		var s strings.Builder
		for _, m := range ms {
			fmt.Fprintf(&s, "%d/%d %s:%s %d %v %q\n", m.Rule.ID, m.Link, m.Variable, m.Key, m.Value, m.Name, m.Text)
		}
		return s.String()
	}
	if ta, tb := text(a.Matches), text(b.Matches); ta != tb {
		t.Errorf("%s: with the sieve\n%swithout\n%s", x.name, ta, tb)
	}
	for _, m := range a.Matches {
		if len(m.Text) > maxExcerpt {
			t.Errorf("%s: rule %d shows %d bytes", x.name, m.Rule.ID, len(m.Text))
		}
	}
}

// FuzzRun looks for inputs on which the sieve and the exact run disagree.
func FuzzRun(f *testing.F) {
	sifted, exact := compileCRS(f, 2, Options{}), compileCRS(f, 2, Options{Exact: true})
	for _, x := range workloads()[:3] {
		for _, v := range x.in.Values {
			f.Add(uint8(v.In), v.Key, v.Text, v.Text)
		}
	}
	f.Add(uint8(ArgsGet), "q", "1' or '1'='1", "<script>alert(1)</script>")
	f.Add(uint8(ArgsPost), "x", "$(cat /etc/passwd)", "\xbcscript\xbe")
	f.Fuzz(func(t *testing.T, c uint8, key, a, b string) {
		if len(a)+len(b) > 2000 {
			t.Skip()
		}
		x := example{"fuzz", Input{Values: []Value{
			{Collection(c), key, a}, {ArgsPost, key, b}, {RequestHeaders, "User-Agent", b}, {RequestCookies, a, b},
		}}}
		sameResult(t, sifted, exact, &x)
	})
}
