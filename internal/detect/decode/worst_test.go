package decode

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"

	"farrier.dev/farrier/internal/traffic"
)

// TestWorst opens requests of the greatest length that are made to be expensive,
// and prints what each cost. The bound is far above what they need, even on a
// busy machine: it is there for what grows faster than its length.
func TestWorst(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	fill := func(piece func(i int) string) string {
		var b strings.Builder
		for i := 0; b.Len() < DefaultMaxBytes-256; i++ {
			b.WriteString(piece(i))
		}
		return b.String()
	}
	same := func(s string) func(int) string { return func(int) string { return s } }
	const multipart = "multipart/form-data; boundary=b"
	part := "--b\r\nContent-Disposition: form-data; name=\"a\"\r\n\r\n"
	for _, c := range []struct{ name, contentType, body string }{
		{"json: empty arrays", "application/json", "[" + fill(same("[],")) + "1]"},
		{"json: brackets", "application/json", strings.Repeat("[", DefaultMaxBytes)},
		{"json: short strings", "application/json", "[" + fill(func(i int) string { return fmt.Sprintf(`"%x",`, i) }) + "1]"},
		{"json: names", "application/json", "{" + fill(func(i int) string { return fmt.Sprintf(`"%%%x":1,`, i) }) + `"a":1}`},
		{"json: one string of brackets", "application/json", `{"a":"` + fill(same("[[")) + `"}`},
		{"json: strings of queries", "application/json", "[" + fill(same(`{"query":"{a(b:[[[[1]]]]){c}"},`)) + "1]"},
		{"json: strings of documents", "application/json", "[" + fill(func(i int) string { return fmt.Sprintf(`"<a%d b='c'>d</a%d>",`, i, i) }) + "1]"},
		{"json: document types", "application/json", "[" + fill(func(i int) string { return fmt.Sprintf(`"<!DOCTYPE a%d [",`, i) }) + "1]"},
		{"json: percent over percent", "application/json", `["%` + fill(same("25")) + `41"]`},
		{"json: references", "application/json", `["` + fill(same("&amp;lt;")) + `"]`},
		{"json: Base64", "application/json", "[" + fill(func(i int) string { return `"` + layers(fmt.Sprintf("x%d' --", i), 3) + `",` }) + "1]"},
		{"form: names", "application/x-www-form-urlencoded", fill(func(i int) string { return fmt.Sprintf("a%d=%%2541&", i) })},
		{"form: one name", "application/x-www-form-urlencoded", fill(func(i int) string { return fmt.Sprintf("a=%d&", i) })},
		{"form: brackets", "application/x-www-form-urlencoded", fill(same("a[b][c][d][e]=1&a[[[[[[[[]=2&"))},
		{"form: forms", "application/x-www-form-urlencoded", "a=" + fill(same("b%3Dc%26d%3De%2526"))},
		{"xml: elements", "application/xml", "<a>" + fill(same("<b/>")) + "</a>"},
		{"xml: attributes", "application/xml", "<a " + fill(func(i int) string { return fmt.Sprintf("a%d='' ", i) }) + "/>"},
		{"xml: comments", "application/xml", "<a>" + fill(same("x<!---->")) + "</a>"},
		{"xml: document types", "application/xml", fill(same("<!DOCTYPE a>"))},
		{"xml: quotes", "application/xml", "<!DOCTYPE a " + fill(same("\"'\""))},
		{"multipart: parts", multipart, fill(same(part+"x\r\n")) + "--b--\r\n"},
		{"multipart: bytes", multipart, fill(same(part+"\x00\x01\x02\r\n")) + "--b--\r\n"},
		{"multipart: parameters", multipart, "--b\r\nContent-Disposition: form-data; " + fill(same("name=a ; "))},
		{"multipart: dashes", multipart, fill(same("--b-\n"))},
		{"graphql: aliases", "application/graphql", "{" + fill(same("a:b ")) + "}"},
		{"graphql: depth", "application/graphql", fill(same("{a"))},
		{"graphql: quotes", "application/graphql", "{a(b:" + fill(same("\"\"\"\\")) + ")}"},
		{"grpc: empty messages", "application/grpc", fill(same("\x00\x00\x00\x00\x00"))},
		{"grpc: nested messages", "application/grpc", "\x00\x00\x01\xff\x00" + fill(same("\x0a\x7f"))},
		{"text: equals signs", "text/plain", fill(same("= "))},
		{"text: commas", "text/csv", fill(same("a,b\n"))},
		{"random bytes", "", fill(func(int) string { return string([]byte{byte(random.Uint32())}) })},
		{"random text", "", fill(func(int) string { return string([]byte{byte(' ' + random.Uint32N(95))}) })},
	} {
		var tree Tree
		q := post(t, c.contentType, c.body)
		began := processorTime(t)
		Read(q, nil, &tree)
		took := processorTime(t) - began
		t.Logf("%-30s %6.1f ms, %5d leaves, %6d nodes, %4d kB arena, exhausted %q", c.name, took*1e3, len(tree.Leaves), len(tree.Nodes), cap(tree.arena.buf)>>10, tree.Exhausted)
		checkTree(t, &tree, nil)
	}
	var tree Tree
	q := &traffic.Request{Method: "GET", RawTarget: "/" + strings.Repeat("%25;a=1/", 4000)}
	Read(q, nil, &tree)
	checkTree(t, &tree, nil)
}
