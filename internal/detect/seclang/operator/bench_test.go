package operator

import (
	"math/rand/v2"
	"strconv"
	"strings"
	"testing"

	libinjection "github.com/corazawaf/libinjection-go"
)

var prose = strings.Repeat("The parcel arrived late and the box was damaged; please send another one to 12 Main Street. ", 12)

func BenchmarkPhrases(b *testing.B) {
	operators, lists := crsLists(b)
	for i, o := range operators {
		if strings.HasPrefix(o, "pm ") {
			lists[i] = nil // made to hit everywhere
		}
	}
	p := CompilePhrases(lists)
	hits := make([]uint64, 2)
	for name, text := range map[string]string{"prose": prose, "phrases": strings.Join(lists[3], " ")} {
		b.Run(name, func(b *testing.B) {
			b.SetBytes(int64(len(text)))
			b.ReportAllocs()
			for b.Loop() {
				p.Scan(text, hits)
			}
		})
	}
}

func BenchmarkCompilePhrases(b *testing.B) {
	_, lists := crsLists(b)
	for b.Loop() {
		CompilePhrases(lists)
	}
}

// BenchmarkOrdinary plays all ordinary values: with our tests, and with the
// library alone.
func BenchmarkOrdinary(b *testing.B) {
	size := 0
	for _, v := range ordinary {
		size += len(v)
	}
	for _, bench := range []struct {
		name string
		run  func(string)
	}{
		{"SQLi", func(v string) { SQLi(v) }},
		{"SQLi-test", func(v string) { harmlessSQL(v) }},
		{"SQLi-library", func(v string) { libinjection.IsSQLi(v) }},
		{"XSS", func(v string) { XSS(v) }},
		{"XSS-library", func(v string) { libinjection.IsXSS(v) }},
	} {
		b.Run(bench.name, func(b *testing.B) {
			b.SetBytes(int64(size))
			b.ReportAllocs()
			for b.Loop() {
				for _, v := range ordinary {
					bench.run(v)
				}
			}
		})
	}
}

// BenchmarkAdversarial plays long texts that keep the library busy.
func BenchmarkAdversarial(b *testing.B) {
	const size = 128 << 10
	for _, unit := range []string{"1+", "a b ", "+", "(", "'", `\'`, `"\"`, "''", "a' ", "--\n", "/**/", "#\n", "$a$", "1,", "a.", ";", "{a", "<a ", "<a b=", "<!--", "<%", "=", "a=", "/", "<", "&#x", "]]", "ab", "$$ ", "[", "x'", "q'(", "\x00"} {
		text := strings.Repeat(unit, size/len(unit))
		for _, bench := range []struct {
			name string
			run  func(string)
			cost func(string) int64
		}{{"SQLi", func(v string) { SQLi(v) }, SQLiCost}, {"XSS", func(v string) { XSS(v) }, XSSCost}} {
			b.Run(bench.name+"/"+unit, func(b *testing.B) {
				b.SetBytes(int64(len(text)))
				for b.Loop() {
					bench.run(text)
				}
				if cost := bench.cost(text); cost > 0 {
					b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/float64(cost), "ns/unit")
				}
			})
		}
	}
}

// BenchmarkEscapes plays the text that costs the library most: escaped quotes
// among text that does not repeat.
func BenchmarkEscapes(b *testing.B) {
	random := rand.New(rand.NewPCG(9, 10))
	for _, size := range []int{512, 2 << 10, 8 << 10} {
		var text strings.Builder
		text.WriteString("-'")
		for text.Len() < size {
			text.WriteByte(byte('a' + random.IntN(26)))
			text.WriteString(`\'`)
		}
		b.Run(strconv.Itoa(size), func(b *testing.B) {
			b.SetBytes(int64(size))
			for b.Loop() {
				SQLi(text.String())
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/float64(SQLiCost(text.String())), "ns/unit")
		})
	}
}

func BenchmarkByteRange(b *testing.B) {
	m, err := compileByteRange("1-255")
	if err != nil {
		b.Fatal(err)
	}
	b.SetBytes(int64(len(prose)))
	for b.Loop() {
		m(prose)
	}
}
