package detecttest

import (
	"encoding/base64"
	"fmt"
	"iter"
	"math/rand/v2"
	"strings"
)

// hostileSize is the length of the largest bodies: with its header no request
// exceeds 128 kB.
const hostileSize = 127 << 10

// Hostile yields requests of at most 128 kB that are made to be expensive to
// inspect, and, marked Ordinary, uploads of that size that are not attacks and
// must not exhaust any budget.
func Hostile() iter.Seq[Case] {
	return func(yield func(Case) bool) {
		for _, h := range hostiles {
			r := random("hostile " + h.name)
			q := h.build(r)
			if !yield(Case{Name: h.name, Type: "hostile", Encoding: plain, Place: h.place, Protocol: protoREST, Ordinary: h.ordinary, Raw: q.raw(r)}) {
				return
			}
		}
	}
}

var hostiles = []struct {
	name, place string
	ordinary    bool
	build       func(r *rand.Rand) request
}{
	{"random printable in one value", "json", false, oneValue(randomPrintable)},
	{"random bytes", "body", false, bodyOf("application/octet-stream", randomBytes)},
	{"random bytes without type", "body", false, bodyOf("", randomBytes)},
	{"random characters of all planes", "json", false, oneValue(randomRunes)},
	{"punctuation of shells", "json", false, oneValue(randomOf("';|&$(){}`\\\"<>*?[]!~#%^=+-_/., abcdeils"))},
	{"de Bruijn sequence", "json", false, oneValue(func(_ *rand.Rand, n int) string { return deBruijn("se'l(-/ *", 6, n) })},
	{"near misses in one value", "json", false, oneValue(nearMisses)},
	{"near misses in many values", "json", false, manyValues(60, nearMisses)},
	{"spliced attacks in one value", "json", false, oneValue(splicedAttacks)},
	{"spliced attacks in many values", "json", false, manyValues(200, splicedAttacks)},
	{"spliced attacks in a form", "form", false, formOf(300, 300, splicedAttacks)},
	{"words of SQL", "json", false, oneValue(wordsOf("select", "union", "from", "where", "or", "and", "not", "null", "1", "'", "(", ")", ",", "--", "/*", "*/", "=", "case", "when"))},
	{"markup that never ends", "json", false, oneValue(wordsOf("<a ", "<img ", "on", "src=", "<", "style=", "<svg/", "javascript", ":", "\"", "'", "&#x", ";"))},
	{"paths that never leave", "json", false, oneValue(wordsOf("../", "..\\", "./", "%2e", "..;/", "%252e", "a/", "....//"))},
	{"one letter", "json", false, oneValue(func(_ *rand.Rand, n int) string { return strings.Repeat("a", n) })},
	{"spaces and comments", "json", false, oneValue(wordsOf(" ", "\t", "/**/", "--", "#", "\n", "/*!", "*/"))},
	{"many small values", "json", false, manyValues(8, randomOf("abcdefghij'()<>=0123456789"))},
	{"many distinct words", "json", false, manyValues(12, randomOf("abcdefghijklmnopqrstuvwxyz"))},
	{"deep arrays", "json", false, deepJSON("[", "]")},
	{"deep objects", "json", false, deepJSON(`{"a":`, "}")},
	{"base64 of random bytes", "json", false, oneValue(func(r *rand.Rand, n int) string {
		return base64.StdEncoding.EncodeToString([]byte(randomBytes(r, n*3/4)))
	})},
	{"base64 nested seven times", "json", false, oneValue(nestedBase64)},
	{"percent nested many times", "form", false, formOf(1, 120<<10, func(_ *rand.Rand, n int) string { return "%" + strings.Repeat("25", n/2-2) + "27" })},
	{"thousands of parameters", "form", false, formOf(9000, 6, randomOf("abc'(<0123"))},
	{"a long query", "query", false, func(r *rand.Rand) request {
		return request{method: "GET", target: "/v1/orders?q=" + escapeURL(splicedAttacks(r, 15<<10), "'()*,;:!")}
	}},
	{"long cookies", "cookie", false, func(r *rand.Rand) request {
		var all []string
		for i := range 40 {
			all = append(all, fmt.Sprintf("c%d=%s", i, randomOf("abcdef0123456789%'()=-.")(r, 700)))
		}
		return request{method: "GET", target: "/v1/orders", header: []string{"Cookie: " + strings.Join(all, "; ")}}
	}},
	{"multipart with many parts", "multipart", false, func(r *rand.Rand) request {
		var parts []part
		for i := range 800 {
			parts = append(parts, part{name: fmt.Sprintf("f%d", i), body: []byte(nearMisses(r, 30))})
		}
		kind, body := multipartBody(r, parts...)
		return request{method: "POST", target: "/v1/files", contentType: kind, body: body[:min(len(body), hostileSize)]}
	}},
	{"xml with many attributes", "xml", false, func(r *rand.Rand) request {
		var b strings.Builder
		for b.Len() < hostileSize-100 {
			fmt.Fprintf(&b, `<a b%d="%s"/>`, r.IntN(1000), escapeAttr.Replace(nearMisses(r, 20)))
		}
		return request{method: "POST", target: "/v1/orders", contentType: "application/xml", body: []byte("<r>" + b.String() + "</r>")}
	}},
	{"graphql with many arguments", "graphql", false, func(r *rand.Rand) request {
		var b strings.Builder
		for i := 0; b.Len() < 100<<10; i++ {
			fmt.Fprintf(&b, "a%d: f(x: %s) ", i, quote(nearMisses(r, 20)))
		}
		return request{method: "POST", target: "/graphql", contentType: "application/graphql", body: []byte("{ " + b.String() + "}")}
	}},

	{"an image as base64 in json", "json", true, func(r *rand.Rand) request {
		data := base64.StdEncoding.EncodeToString(pngOf(r, 93<<10))
		return request{method: "POST", target: "/v1/documents", contentType: "application/json", body: []byte(obj("name", "photo.png", "content", data))}
	}},
	{"a png as multipart", "multipart", true, func(r *rand.Rand) request {
		kind, body := multipartBody(r, part{name: "file", file: "photo.png", contentType: "image/png", body: pngOf(r, 125<<10)})
		return request{method: "POST", target: "/v1/files", contentType: kind, body: body}
	}},
	{"long prose", "json", true, oneValue(prose)},
	{"minified javascript", "multipart", true, func(r *rand.Rand) request {
		kind, body := multipartBody(r, part{name: "file", file: "app.min.js", contentType: "text/javascript", body: []byte(minified(r, 125<<10))})
		return request{method: "POST", target: "/v1/files", contentType: kind, body: body}
	}},
	{"a csv file", "body", true, bodyOf("text/csv", func(r *rand.Rand, n int) string { return cut(csvText(r, n/90), n) })},
	{"a log file", "body", true, bodyOf("text/plain", logFile)},
	{"a json list of orders", "json", true, func(r *rand.Rand) request {
		var all []rawJSON
		for n := 0; n < 120<<10; n += len(all[len(all)-1]) + 1 {
			all = append(all, orderDocument(r))
		}
		return request{method: "POST", target: "/v1/orders/_bulk", contentType: "application/json", body: []byte(arr(all[:len(all)-1]...))}
	}},
}
