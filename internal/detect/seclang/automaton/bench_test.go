package automaton

import (
	"encoding/base64"
	"fmt"
	"math/rand/v2"
	"strings"
	"syscall"
	"testing"
	"time"
)

// hard makes texts that need many states.
func hard(t testing.TB) map[string]func(r *rand.Rand, n int) string {
	values := crsValues(t, 600)
	from := func(alphabet string) func(*rand.Rand, int) string {
		return func(r *rand.Rand, n int) string {
			b := make([]byte, n)
			for i := range b {
				b[i] = alphabet[r.IntN(len(alphabet))]
			}
			return string(b)
		}
	}
	splice := func(words []string, cut int) func(*rand.Rand, int) string {
		return func(r *rand.Rand, n int) string {
			var b strings.Builder
			for b.Len() < n {
				w := words[r.IntN(len(words))]
				b.WriteString(w[:min(len(w), 1+r.IntN(cut))])
			}
			return b.String()[:n]
		}
	}
	printable, bytes := "", ""
	for c := range 256 {
		bytes += string([]byte{byte(c)})
		if c >= 32 && c < 127 {
			printable += string(rune(c))
		}
	}
	return map[string]func(*rand.Rand, int) string{
		"printable": from(printable),
		"bytes":     from(bytes),
		"runes": func(r *rand.Rand, n int) string {
			var b strings.Builder
			for b.Len() < n {
				b.WriteRune(rune(r.IntN(0x3000)))
			}
			return b.String()[:n]
		},
		"base64": func(r *rand.Rand, n int) string {
			return base64.StdEncoding.EncodeToString([]byte(from(bytes)(r, n)))[:n]
		},
		"evasion":  from(`'"\$({;|&` + "`<>?*@-./,=!#~%^[] \n" + `abcdehilnoprstuwx0`),
		"commands": splice([]string{"$(ca", "t /e", "'w'g''et ", "ba\\sh -c ", "`id`;", "|nc -", "p\\y$@thon", "${IFS}", "/bin/", "sudo ", "env ", "; c\"u\"rl ", "time ", "!l\\s"}, 9),
		"sql":      splice([]string{"select ", "union ", "/**/", "from ", "' or ", "1=1", "--", "sleep(", "case when ", "\"\"=\"", "having ", "concat(", "char(", "like "}, 9),
		"xss":      splice([]string{"<scr", "ipt ", "onerror=", "javascript:", "<svg/", "style=", "&#x", "<img src=", "expression(", "data:", "\"><", "document.", "on", "x:x"}, 12),
		"spliced":  splice(values, 40),
		"attacks":  splice(values, 600),
	}
}

// processorTime is that of the whole process, which other processes do not
// disturb as they do a clock.
func processorTime(t testing.TB) time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		t.Fatal(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// TestHardTexts holds a bound on what a text may cost, in units of the meter,
// which do not depend on the machine.
func TestHardTexts(t *testing.T) {
	patterns := crsPatterns(t, true)
	for name, text := range hard(t) {
		s := mustCompile(t, Options{}, patterns...)
		r := rand.New(rand.NewPCG(7, 7))
		read, m := 0, &Meter{Left: 1 << 40}
		begin := processorTime(t)
		for range 20 {
			v := text(r, 2000)
			read += len(v)
			s.Scan(v, make([]uint64, 4), m)
		}
		took := processorTime(t) - begin
		units := float64(1<<40-m.Left) / float64(read)
		st := s.Stats()
		t.Logf("%-10s %5.0f units/byte (%5.0f ns, %.1f ns a unit); a transition per %.1f bytes, a state per %.1f; %+v",
			name, units, float64(took)/float64(read), float64(took)/float64(1<<40-m.Left), float64(read)/float64(st.Steps), float64(read)/float64(st.Built), st)
		if units > 600 {
			t.Errorf("%s: %.0f units a byte", name, units)
		}
	}
}

func benign(n int) string {
	const words = `{"id":1042,"name":"Anna Müller","email":"anna@example.com","items":[{"sku":"A-17","count":3,"price":19.90}],"note":"please leave the parcel at the door, thank you"} `
	return strings.Repeat(words, n/len(words)+1)[:n]
}

func BenchmarkWarm(b *testing.B) {
	patterns := crsPatterns(b, true)
	values := crsValues(b, 600)
	for _, tt := range []struct{ name, text string }{
		{"benign", benign(4000)},
		{"letters", strings.Repeat("the quick brown fox ", 200)},
		{"attacks", strings.Join(values[:20], "&")},
	} {
		for _, mode := range []struct {
			name   string
			budget int
		}{{"union", 1 << 30}, {"singles", -1 << 30}} {
			b.Run(tt.name+"/"+mode.name, func(b *testing.B) {
				s := mustCompile(b, Options{Budget: mode.budget}, patterns...)
				hits, m := make([]uint64, 4), &Meter{Left: 1 << 60}
				s.Scan(tt.text, hits, m)
				b.SetBytes(int64(len(tt.text)))
				b.ReportAllocs()
				for b.Loop() {
					clear(hits)
					s.Scan(tt.text, hits, m)
				}
				b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/float64(len(tt.text)), "ns/byte")
				b.ReportMetric(float64(s.Stats().States), "states")
			})
		}
	}
}

// BenchmarkCompile compiles the generic rules.
func BenchmarkCompile(b *testing.B) {
	patterns := crsPatterns(b, true)
	b.ReportAllocs()
	for b.Loop() {
		mustCompile(b, Options{}, patterns...)
	}
}

// BenchmarkShort reads one value of a query.
func BenchmarkShort(b *testing.B) {
	s := mustCompile(b, Options{}, crsPatterns(b, true)...)
	hits, m := make([]uint64, 4), &Meter{Left: 1 << 60}
	for b.Loop() {
		s.Scan("1042", hits, m)
	}
}

// BenchmarkShortHard reads random values of a query.
func BenchmarkShortHard(b *testing.B) {
	patterns := crsPatterns(b, true)
	texts := hard(b)
	for _, n := range []int{20, 60, 150, 400} {
		for _, name := range []string{"printable", "spliced", "base64"} {
			b.Run(fmt.Sprintf("%s/%d", name, n), func(b *testing.B) {
				s := mustCompile(b, Options{}, patterns...)
				r := rand.New(rand.NewPCG(7, 7))
				hits, m, read, took := make([]uint64, 4), &Meter{Left: 1 << 60}, 0, time.Duration(0)
				for b.Loop() {
					v := texts[name](r, n)
					read += n
					clear(hits)
					begin := processorTime(b)
					s.Scan(v, hits, m)
					took += processorTime(b) - begin
				}
				st := s.Stats()
				b.ReportMetric(float64(took)/float64(read), "ns/byte")
				b.ReportMetric(float64(1<<60-m.Left)/float64(read), "units/byte")
				b.ReportMetric(float64(st.Tails*int64(n))/float64(read), "tails/text")
				b.ReportMetric(float64(st.Flushes), "flushes")
			})
		}
	}
}

func BenchmarkHard(b *testing.B) {
	patterns := crsPatterns(b, true)
	for name, text := range hard(b) {
		for _, budget := range []int{1 << 30, 0, -1 << 30} {
			b.Run(fmt.Sprintf("%s/budget=%d", name, budget), func(b *testing.B) {
				s := mustCompile(b, Options{Budget: budget}, patterns...)
				r := rand.New(rand.NewPCG(7, 7))
				hits, m, read, took := make([]uint64, 4), &Meter{Left: 1 << 60}, 0, time.Duration(0)
				for b.Loop() {
					v := text(r, 2000)
					read += len(v)
					clear(hits)
					begin := processorTime(b)
					s.Scan(v, hits, m)
					took += processorTime(b) - begin
				}
				st := s.Stats()
				b.ReportMetric(float64(took)/float64(read), "ns/byte")
				b.ReportMetric(float64(1<<60-m.Left)/float64(read), "units/byte")
				b.ReportMetric(float64(st.Built)/float64(read), "states/byte")
				b.ReportMetric(float64(st.Flushes), "flushes")
			})
		}
	}
}
