package detecttest

import (
	"encoding/base64"
	"fmt"
	"math"
	"math/rand/v2"
	"strings"
	"unicode/utf8"
)

// writer makes a text of at most, and about, n bytes.
type writer = func(r *rand.Rand, n int) string

// oneValue posts a JSON document whose one value is as long as fits.
func oneValue(w writer) func(r *rand.Rand) request {
	return func(r *rand.Rand) request {
		text := w(r, hostileSize)
		for {
			body := `{"text":` + quote(text) + `}`
			if len(body) <= hostileSize {
				return request{method: "POST", target: "/v1/notes", contentType: "application/json", body: []byte(body)}
			}
			text = cut(text, len(text)-max(1, (len(body)-hostileSize)/2))
		}
	}
}

// manyValues posts an array of values of n bytes each.
func manyValues(n int, w writer) func(r *rand.Rand) request {
	return func(r *rand.Rand) request {
		var b strings.Builder
		b.WriteString(`["first"`)
		for {
			value := "," + quote(w(r, n))
			if b.Len()+len(value) >= hostileSize {
				break
			}
			b.WriteString(value)
		}
		return request{method: "POST", target: "/v1/notes", contentType: "application/json", body: []byte(b.String() + "]")}
	}
}

func formOf(count, n int, w writer) func(r *rand.Rand) request {
	return func(r *rand.Rand) request {
		var b strings.Builder
		for i := range count {
			field := fmt.Sprintf("p%d=%s&", i, strings.NewReplacer("&", "%26", "+", "%2B", " ", "+").Replace(w(r, n)))
			if b.Len()+len(field) > hostileSize {
				break
			}
			b.WriteString(field)
		}
		return request{method: "POST", target: "/v1/notes", contentType: "application/x-www-form-urlencoded", body: []byte(b.String() + "end=1")}
	}
}

func bodyOf(contentType string, w writer) func(r *rand.Rand) request {
	return func(r *rand.Rand) request {
		return request{method: "POST", target: "/v1/import", contentType: contentType, body: []byte(w(r, hostileSize))}
	}
}

func deepJSON(opening, closing string) func(r *rand.Rand) request {
	return func(*rand.Rand) request {
		n := hostileSize / (len(opening) + len(closing))
		return request{method: "POST", target: "/v1/notes", contentType: "application/json", body: []byte(strings.Repeat(opening, n-1) + "1" + strings.Repeat(closing, n-1))}
	}
}

func randomBytes(r *rand.Rand, n int) string {
	b := make([]byte, n)
	for i := range b {
		b[i] = byte(r.Uint32())
	}
	return string(b)
}

func randomPrintable(r *rand.Rand, n int) string {
	b := make([]byte, n)
	for i := range b {
		b[i] = byte(' ' + r.IntN(95))
	}
	return string(b)
}

func randomRunes(r *rand.Rand, n int) string {
	var b strings.Builder
	for b.Len() < n-4 {
		if c := rune(r.IntN(0x20000)); utf8.ValidRune(c) && c >= ' ' {
			b.WriteRune(c)
		}
	}
	return b.String()
}

func randomOf(alphabet string) writer {
	return func(r *rand.Rand, n int) string {
		b := make([]byte, n)
		for i := range b {
			b[i] = alphabet[r.IntN(len(alphabet))]
		}
		return string(b)
	}
}

func wordsOf(words ...string) writer {
	return func(r *rand.Rand, n int) string {
		var b strings.Builder
		for b.Len() < n {
			b.WriteString(pick(r, words))
			if r.IntN(3) == 0 {
				b.WriteByte(' ')
			}
		}
		return b.String()[:n]
	}
}

// deBruijn is the start of the sequence in which each word of k letters of the
// alphabet stands once (after Fredricksen, Kessler and Maiorana).
func deBruijn(alphabet string, k, n int) string {
	a := make([]int, len(alphabet)*k)
	var b strings.Builder
	var visit func(t, p int)
	visit = func(t, p int) {
		switch {
		case b.Len() >= n:
		case t > k:
			for j := 1; k%p == 0 && j <= p; j++ {
				b.WriteByte(alphabet[a[j]])
			}
		default:
			a[t] = a[t-p]
			visit(t+1, p)
			for j := a[t-p] + 1; j < len(alphabet); j++ {
				a[t] = j
				visit(t+1, t)
			}
		}
	}
	visit(1, 1)
	return cut(b.String(), n)
}

func nearMisses(r *rand.Rand, n int) string {
	var b strings.Builder
	for b.Len() < n {
		text := pick(r, payloads())
		b.WriteString(text[:len(text)*(1+r.IntN(3))/4])
		b.WriteByte(byte('a' + r.IntN(26)))
	}
	return strings.ToValidUTF8(cut(b.String(), n), "")
}

func splicedAttacks(r *rand.Rand, n int) string {
	var b strings.Builder
	for b.Len() < n {
		a, c := pick(r, payloads()), pick(r, payloads())
		b.WriteString(a[:r.IntN(len(a)+1)] + c[r.IntN(len(c)):])
	}
	return strings.ToValidUTF8(cut(b.String(), n), "")
}

func nestedBase64(r *rand.Rand, n int) string {
	text := randomPrintable(r, n*127/1000)
	for range 7 {
		text = base64.StdEncoding.EncodeToString([]byte(text))
	}
	return text
}

// pngOf gives a picture of at most, and about, n bytes.
func pngOf(r *rand.Rand, n int) []byte {
	const first = 100
	side := first * math.Sqrt(float64(n)/float64(len(pngImage(r, first))))
	for {
		if p := pngImage(r, int(side)); len(p) <= n {
			return p
		}
		side *= 0.97
	}
}

func prose(r *rand.Rand, n int) string {
	var b strings.Builder
	for b.Len() < n {
		b.WriteString(sentences(r, 400) + "\n\n")
	}
	return cut(b.String(), n)
}

func minified(r *rand.Rand, n int) string {
	var b strings.Builder
	b.WriteString(`!function(){"use strict";var e={},t=0;`)
	for b.Len() < n {
		fmt.Fprintf(&b, `function %c%d(e,n){return e&&e.%s>%d?n.%s(function(t){return t.%s===e.%s}):"%s"+(n||%d)}`,
			'a'+r.IntN(26), r.IntN(9999), say(r, "prop"), r.IntN(99), pick(r, []string{"filter", "map", "find", "some"}), say(r, "prop"), say(r, "prop"), say(r, "noun"), r.IntN(9))
		fmt.Fprintf(&b, `t.%s=%c%d(e.%s,[%d,%d]),`, say(r, "prop"), 'a'+r.IntN(26), r.IntN(9999), say(r, "prop"), r.IntN(99), r.IntN(99))
		fmt.Fprintf(&b, `e.%s={color:"#%s",label:"%s"};`, say(r, "prop"), say(r, "hex6"), say(r, "adj"))
	}
	return cut(b.String(), n-4) + "}();"
}

func logFile(r *rand.Rand, n int) string {
	var b strings.Builder
	for b.Len() < n {
		fmt.Fprintf(&b, "%s %-5s [worker-%d] %s: %s (user=%s, took=%dms)\n", say(r, "stamp"), pick(r, []string{"INFO", "WARN", "DEBUG", "ERROR"}), r.IntN(16), say(r, "prop"), say(r, pick(r, []string{"errortext", "en", "noun"})), say(r, "mailbox"), r.IntN(4000))
	}
	return cut(b.String(), n)
}

// cut shortens a text to at most n bytes and leaves its characters whole.
func cut(s string, n int) string {
	if n >= len(s) {
		return s
	}
	for n > 0 && !utf8.RuneStart(s[n]) {
		n--
	}
	return s[:n]
}
