package layer_test

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"farrier.dev/farrier/internal/detect/decode/layer"
)

func ignore(layer.Decoder, layer.Part) bool { return true }

// BenchmarkOrdinary is what the values of nearly all requests cost.
func BenchmarkOrdinary(b *testing.B) {
	for _, text := range []string{
		"customer", "Jonathan", "12345", "4711.50", "2026-11-22", "info@example.com", "hello world, this is prose about mules.",
		"Where is my order 4711, please?", "0b9e0d7c-1c5e-4d1f-9d9f-0d8b3f5d8a11", "d41d8cd98f00b204e9800998ecf8427e", "4532015112830366",
		"Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/120.0.0.0 Safari/537.36",
	} {
		b.Run(text[:min(len(text), 24)], func(b *testing.B) {
			var s layer.Scratch
			b.ReportAllocs()
			for b.Loop() {
				layer.Open(text, layer.Default, &s, ignore)
			}
		})
	}
}

// BenchmarkAttack is what opening costs.
func BenchmarkAttack(b *testing.B) {
	for name, text := range map[string]string{
		"percent": "%3Cscript%3Ealert(1)%3C/script%3E", "base64": b64(attack), "html": "&lt;script&gt;alert(1)", "js": `\x3cscript\x3e`,
		"jwt":  token(`{"alg":"HS256","typ":"JWT"}`, `{"sub":"4711","name":"Jane"}`, b64(strings.Repeat("\x80\x01", 16))),
		"gzip": zip("gzip", attack), "deflate": zip("deflate", attack), "zstd": zip("zstd", attack),
		"false gzip": "\x1f\x8b\x08\x00\x00\x00\x00\x00\x00\xff\x00\x01", "false zstd": "\x28\xb5\x2f\xfd\x04\x00\x61\x62\x63\x64", "false deflate": "x\x9c\x01\x02\x03\x04\x05\x06\x07\x08",
	} {
		b.Run(name, func(b *testing.B) {
			var s layer.Scratch
			b.ReportAllocs()
			for b.Loop() {
				layer.Open(text, layer.Default, &s, ignore)
			}
		})
	}
}

// provoking are texts of n bytes made to cost much.
func provoking(n int) map[string]string {
	fill := func(s string) string { return strings.Repeat(s, n/len(s)+1)[:n] }
	r := rand.New(rand.NewPCG(3, 4))
	out := map[string]string{
		"random bytes":  string(randomBytes(r, n)),
		"base64":        random(r, n, base64Alphabet),
		"nested php":    fill(`a:1:{i:0;`),
		"nested pb":     nested(n),
		"magic gzip":    "\x1f\x8b\x08" + string(randomBytes(r, n-3)),
		"bomb":          zip("gzip", strings.Repeat("a", 100*n)),
		"java":          "\xac\xed\x00\x05" + fill("t\x01\x00"),
		"java strings":  "\xac\xed\x00\x05" + fill("t\x7f\x7fttt"),
		"utf16":         as16(fill("a"), false, true)[:n],
		"csv of quotes": "a,b\n" + fill(`"`),
		"csv open":      "a,b\n" + fill("\"x,\"\n"),
		"csv cells":     fill(",\n"),
		"yaml":          fill("a: b\n"),
		"yaml block":    "a: |\nb: |\n" + fill("  x\n"),
		"yaml dashes":   "a: b\nc: d\n" + fill("- "),
		"entity":        fill("&a"),
		"entities":      fill("&lt;"),
		"entity long":   "&" + fill("a"),
		"data":          "data:text/html;base64," + random(r, n, base64Alphabet),
		"printable":     random(r, n, alnum+" !\"#$%&'()*+,-./:;<=>?@[\\]^_`{|}~"),
		"jwt":           token(`{"a":1}`, fill("{"), ""),
		"pairs":         fill("a=1&"),
		"tokens":        fill("ABCDEFGHIJKLMNOPQRSTUVWX;"),
		"near":          fill("ABCDEFGHIJKLMNOPQRSTU;"),
		"slashes":       fill("ABCDEFGHIJKLMNOPQRSTUVWX/"),
		"json":          fill(`{"a":`),
		"php long":      `a:99999999:{` + fill(`i:0;i:0;`),
		"pb fields":     fill("\x0a\x00"),
		"pb groups":     fill("\x0b"),
	}
	for _, unit := range []string{"%", "%3c", "%u", "&", "&#", "\\", `\u`, `\u{`, "+", "+A", "+ADw", "=", "<", ".", "{", "\xc0", "\xef\xbc\x9c", "\x00", "\n", ",", ":", "- ", "A", "a", "0", "\"", "|", "s:1:", "t", "?", "/", " "} {
		out[fmt.Sprintf("%q", unit)] = fill(unit)
	}
	return out
}

// nested is a message within a message, as deep as n bytes allow.
func nested(n int) string {
	m := strings.Repeat("x", n/2)
	for len(m) < n-8 {
		m = text(1, m)
	}
	return m
}

// The cost of a byte does not grow with the length of the text, for any of the
// texts that were made to provoke it: the figures are printed.
func TestWorstCase(t *testing.T) {
	const n = 128 << 10
	worst, name := 0.0, ""
	texts := provoking(n)
	for what, text := range texts {
		var s layer.Scratch
		least := time.Hour
		parts, size := 0, 0
		var cut layer.Set
		for range 3 {
			parts, size = 0, 0
			start := time.Now()
			cut = layer.Open(text, layer.All, &s, func(_ layer.Decoder, p layer.Part) bool {
				parts++
				size += len(p.Text)
				return true
			})
			least = min(least, time.Since(start))
		}
		cost := float64(least.Nanoseconds()) / float64(len(text)+size)
		t.Logf("%-16s %7d bytes %8.2f ms %6.1f ns a byte in and out; %d parts, %d bytes, cut %b", what, len(text), least.Seconds()*1000, cost, parts, size, cut)
		if cost > worst {
			worst, name = cost, what
		}
	}
	t.Logf("%d texts; worst: %s, %.1f ns a byte", len(texts), name, worst)
}
