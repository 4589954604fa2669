package automaton

import (
	"math/rand/v2"
	"regexp"
	"strings"
	"sync"
	"testing"
)

// exploding has about 2^12 states on texts of a and b.
const exploding = `[ab]*a[ab]{12}c`

func randomText(r *rand.Rand, alphabet string, n int) string {
	b := make([]byte, n)
	for i := range b {
		b[i] = alphabet[r.IntN(len(alphabet))]
	}
	return string(b)
}

func TestConcurrentScansAgree(t *testing.T) {
	patterns := []Pattern{{Expr: exploding}, {Expr: `(?m)^ab.*ba$`}, {Expr: `\ba{3,5}\b`}, {Expr: `é.*\xff`, Latin: true}, {Expr: `(?i)k[^b]*s`}, {Expr: `abba`}}
	for name, o := range map[string]Options{
		"roomy":          {},
		"flushing":       {MaxBytes: 20 << 10},
		"flushing union": {MaxBytes: 20 << 10, Budget: 1 << 30},
		"singles":        {Budget: -1 << 30},
		"one state":      {MaxBytes: 1, Budget: 8},
	} {
		t.Run(name, func(t *testing.T) {
			set := mustCompile(t, o, patterns...)
			var wg sync.WaitGroup
			for worker := range 6 {
				wg.Go(func() {
					r := rand.New(rand.NewPCG(1, uint64(worker%3)))
					for range 120 {
						text := randomText(r, "aaabbb\nc ké", 20+r.IntN(200))
						hits := []uint64{0}
						if !set.Scan(text, hits, nil) {
							t.Error("a scan without a meter stopped")
						}
						for i, p := range patterns {
							if !p.Latin && has(hits, i) != regexp.MustCompile(p.Expr).MatchString(text) {
								t.Errorf("%q on %q: got %v", p.Expr, text, has(hits, i))
							}
						}
					}
				})
			}
			wg.Wait()
			st := set.Stats()
			t.Logf("720 texts; %+v", st)
			if (st.Flushes > 0) != (o.MaxBytes > 0) {
				t.Errorf("%d flushes", st.Flushes)
			}
		})
	}
}

func TestCacheStaysSmall(t *testing.T) {
	const limit = 256 << 10
	set := mustCompile(t, Options{MaxBytes: limit}, Pattern{Expr: exploding}, Pattern{Expr: `b[ab]{11}a`})
	r := rand.New(rand.NewPCG(3, 4))
	for range 300 {
		set.Scan(randomText(r, "ab", 500), make([]uint64, 1), nil)
		if st := set.Stats(); st.Bytes > limit {
			t.Fatalf("%d bytes are cached", st.Bytes)
		}
	}
	if st := set.Stats(); st.Flushes == 0 {
		t.Fatalf("never full: %+v", st)
	}
}

func TestMeterStopsScan(t *testing.T) {
	text := strings.Repeat("ab", 500) + "hit"
	for name, o := range map[string]Options{"union": {Budget: 1 << 30}, "singles": {Budget: -1 << 30}} {
		t.Run(name, func(t *testing.T) {
			set := mustCompile(t, o, Pattern{Expr: "hit"}, Pattern{Expr: "miss"})
			whole := &Meter{Left: 1 << 20}
			if !set.Scan(text, []uint64{0}, whole) {
				t.Fatal("stopped with units left")
			}
			cold := 1<<20 - whole.Left
			whole.Left = 1 << 20
			set.Scan(text, []uint64{0}, whole)
			warm := 1<<20 - whole.Left
			if warm < int64(len(text)) || cold <= warm {
				t.Fatalf("cold %d units, warm %d", cold, warm)
			}
			for _, left := range []int64{0, 5, int64(len(text)) - 1, warm - 1} {
				m := &Meter{Left: left}
				if hits := []uint64{0}; set.Scan(text, hits, m) || m.Left >= 0 || hits[0]&1 != 0 && left < int64(len(text)) {
					t.Errorf("%d units: left %d, hits %b", left, m.Left, hits)
				}
			}
			m := &Meter{Left: warm}
			if hits := []uint64{0}; !set.Scan(text, hits, m) || m.Left != 0 || hits[0] != 1 {
				t.Errorf("%d units: left %d, hits %b", warm, m.Left, hits)
			}
		})
	}
}

func TestEarlyStopGivesUnitsBack(t *testing.T) {
	set := mustCompile(t, Options{}, Pattern{Expr: "a"}, Pattern{Expr: "b"})
	m := &Meter{Left: 1 << 20}
	set.Scan("ab"+strings.Repeat("x", 10000), []uint64{0}, m)
	if used := 1<<20 - m.Left; used > 2000 {
		t.Errorf("%d units for two bytes", used)
	}
}

func TestWarmScanAllocatesNothing(t *testing.T) {
	text := strings.Repeat("abba ké\nSELECT x ", 40)
	for name, o := range map[string]Options{"union": {}, "singles": {Budget: -1 << 30}} {
		set := mustCompile(t, o, Pattern{Expr: `(?i)select\s+y`}, Pattern{Expr: exploding}, Pattern{Expr: `\xff$`, Latin: true})
		hits, m := []uint64{0}, &Meter{Left: 1 << 50}
		set.Scan(text, hits, m)
		got := testing.AllocsPerRun(200, func() { set.Scan(text, hits, m) })
		if got != 0 {
			t.Errorf("%s: %.1f allocations", name, got)
		}
	}
}
