package decode

import (
	"encoding/base64"
	"fmt"
	"slices"
	"strings"
	"testing"

	"farrier.dev/farrier/internal/traffic"
)

func post(t testing.TB, contentType, body string) *traffic.Request {
	t.Helper()
	q := &traffic.Request{Method: "POST", RawTarget: "/v1/orders", Path: "/v1/orders", Proto: "HTTP/1.1"}
	if contentType != "" {
		q.Header.Add("content-type", contentType)
	}
	load(t, q, body)
	return q
}

// layers wraps a text in n layers of Base64.
func layers(text string, n int) string {
	for range n {
		text = base64.StdEncoding.EncodeToString([]byte(text))
	}
	return text
}

func texts(t *Tree) []string {
	var all []string
	for i := range t.Leaves {
		all = append(all, t.Leaves[i].Text)
	}
	return all
}

const attackText = `' or 1=1 union select "x" -- `

func TestBudgets(t *testing.T) {
	many := ""
	for i := range 300 {
		many += fmt.Sprintf(`"v %d",`, i)
	}
	for _, c := range []struct {
		name      string
		o         Options
		body      string
		exhausted string
		seen      bool // the attack
	}{
		{"seven layers", Options{}, `{"a":"` + layers(attackText, 7) + `"}`, "", true},
		{"eight layers", Options{}, `{"a":"` + layers(attackText, 8) + `"}`, "layers", false},
		{"two layers, one allowed", Options{MaxLayers: 1}, `{"a":"` + layers(attackText, 2) + `"}`, "layers", false},
		{"values", Options{MaxValues: 100}, `[` + many + `"x"]`, "values", false},
		{"values that just fit", Options{MaxValues: 302}, `[` + many + `"x"]`, "", false},
		{"decoded bytes", Options{MaxDecoded: 100}, `{"a":"` + layers(strings.Repeat(attackText, 20), 1) + `"}`, "decoded bytes", false},
		{"decoded bytes of escapes", Options{MaxDecoded: 10}, `{"a":"\u0027 or 1=1"}`, "decoded bytes", false},
		{"pairs", Options{MaxValues: 10}, strings.Repeat("a=b&c=d&", 20), "values", false},
	} {
		t.Run(c.name, func(t *testing.T) {
			contentType := "application/json"
			if c.body[0] == 'a' {
				contentType = "application/x-www-form-urlencoded"
			}
			var tree Tree
			Read(post(t, contentType, c.body), &c.o, &tree)
			if tree.Exhausted != c.exhausted {
				t.Errorf("exhausted %q, want %q", tree.Exhausted, c.exhausted)
			}
			if seen := slices.Contains(texts(&tree), attackText); seen != c.seen {
				t.Errorf("attack seen: %v", seen)
			}
			checkTree(t, &tree, &c.o)
		})
	}
}

// TestMultiplication opens texts that become more with every layer.
func TestMultiplication(t *testing.T) {
	inner := attackText
	for range 6 {
		inner = base64.StdEncoding.EncodeToString([]byte(`{"a":"` + inner + `","b":"%25` + inner + `"}`))
	}
	var tree Tree
	q := post(t, "application/json", `{"a":"`+inner+`"}`)
	Read(q, nil, &tree)
	t.Logf("%d bytes became %d leaves in %d nodes; exhausted: %q", q.Body.Length(), len(tree.Leaves), len(tree.Nodes), tree.Exhausted)
	checkTree(t, &tree, nil)
}

// TestOrdinaryBulk opens large harmless bodies, which must exhaust nothing.
func TestOrdinaryBulk(t *testing.T) {
	picture := make([]byte, 90<<10)
	for i := range picture {
		picture[i] = byte(i*7 + i>>3)
	}
	copy(picture, "\xff\xd8\xff")
	var items, numbers strings.Builder
	for i := range 1200 {
		fmt.Fprintf(&items, `{"sku":"A-%d","name":"Item number %d","note":"leave it at the door"},`, i, i)
	}
	for i := range 16_000 {
		fmt.Fprintf(&numbers, "%d.5,", i)
	}
	for _, c := range []struct{ name, contentType, body string }{
		{"a picture in Base64", "application/json", `{"photo":"` + base64.StdEncoding.EncodeToString(picture) + `"}`},
		{"a picture in a data URL", "application/json", `{"photo":"data:image/jpeg;base64,` + base64.StdEncoding.EncodeToString(picture) + `"}`},
		{"a picture", "image/jpeg", string(picture)},
		{"an unknown upload", "application/octet-stream", "\x00\x01" + string(picture)},
		{"many items", "application/json", "[" + items.String() + "{}]"},
		{"many numbers", "application/json", "[" + numbers.String() + "1]"},
		{"prose", "text/plain", strings.Repeat("The quick brown fox, 100% sure & happy; it's 5 > 3. ", 2500)},
	} {
		t.Run(c.name, func(t *testing.T) {
			if len(c.body) > DefaultMaxBytes {
				t.Fatalf("the body has %d bytes", len(c.body))
			}
			var tree Tree
			Read(post(t, c.contentType, c.body), nil, &tree)
			if tree.Exhausted != "" || len(tree.Complaints) > 0 {
				t.Errorf("exhausted %q, complaints %v", tree.Exhausted, tree.Complaints)
			}
			t.Logf("%d bytes: %d leaves", len(c.body), len(tree.Leaves))
		})
	}
}

func TestLongBody(t *testing.T) {
	o := Options{MaxBytes: 4096}
	pad := strings.Repeat("x ", 2048)
	for _, c := range []struct {
		name, contentType, body string
		seen                    bool
	}{
		{"before the limit", "application/json", `{"a":"` + attackText[:8] + `","b":"` + pad + `"}`, true},
		{"in the value that is cut", "application/json", `{"a":"` + attackText[:8] + pad + `"}`, true},
		{"in the text that is cut", "application/xml", `<a>` + attackText[:8] + pad + `</a>`, true},
		{"in the attribute that is cut", "application/xml", `<a><b c="` + attackText[:8] + pad + `"/></a>`, true},
		{"in the form value that is cut", "application/x-www-form-urlencoded", `a=` + attackText[:8] + pad, true},
		{"in the part that is cut", "multipart/form-data; boundary=b", "--b\r\nContent-Disposition: form-data; name=\"a\"\r\n\r\n" + attackText[:8] + pad, true},
		{"in the escape that is cut", "application/json", `{"a":"` + attackText[:8] + `","b":"` + pad[:4096-29] + `\u00`, true},
		{"behind the limit", "application/json", `{"b":"` + pad + `","a":"` + attackText[:8] + `"}`, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			var tree Tree
			body := c.body
			if len(body) <= o.MaxBytes {
				body += strings.Repeat(" ", o.MaxBytes)
			}
			Read(post(t, c.contentType, body), &o, &tree)
			if len(tree.Complaints) > 0 {
				t.Errorf("complaints %v", tree.Complaints)
			}
			if !slices.Contains(tree.NotInspected, "body: only its first 4096 bytes") {
				t.Errorf("not inspected: %v", tree.NotInspected)
			}
			if seen := strings.Contains(strings.Join(texts(&tree), "\n"), attackText[:8]); seen != c.seen {
				t.Errorf("attack seen: %v", seen)
			}
		})
	}
}

func TestNotLoaded(t *testing.T) {
	q := &traffic.Request{Method: "POST", RawTarget: "/", Path: "/"}
	q.Body.SetSource(strings.NewReader("a=b"), 3)
	var tree Tree
	Read(q, nil, &tree)
	if !slices.Contains(tree.NotInspected, "body: it was not read") {
		t.Errorf("not inspected: %v", tree.NotInspected)
	}
}

func TestOff(t *testing.T) {
	query := "GET /v1/orders?q=" + layers(attackText, 1) + "&r=" + layers(attackText, 1)
	document := "POST /v1/orders\nContent-Type: application/json\n\n" + `{"items":[{"note":"` + layers(attackText, 1) + `"}]}`
	for _, c := range []struct {
		raw, place, decoder string
		want                int // occurrences of the attack, decoded
	}{
		{query, "query q", "hex", 2},
		{query, "query q", "base64", 1},
		{query, "query", "base64", 0},
		{query, "query", "*", 0},
		{query, "query qq", "base64", 2},
		{query, "body", "base64", 2},
		{document, "body json /items/0/note", "base64", 0},
		{document, "body json /items/*/note", "base64", 0},
		{document, "body json /items", "base64", 0},
		{document, "body json /items/1/note", "base64", 1},
		{document, "body json /item", "base64", 1},
		{document, "body", "json", 1}, // a token in a text
		{document, "body", "*", 0},
	} {
		rule, err := NewRule(c.place, c.decoder)
		if err != nil {
			t.Fatal(err)
		}
		var tree Tree
		Read(request(t, "off", c.raw), &Options{Off: []Rule{rule}}, &tree)
		got := 0
		for _, text := range texts(&tree) {
			if text == attackText {
				got++
			}
		}
		if got != c.want {
			t.Errorf("%s off in %q: seen %d times, want %d\n%s", c.decoder, c.place, got, c.want, describe(&tree))
		}
	}
	for place, decoder := range map[string]string{"": "base64", "query q": "base46"} {
		if _, err := NewRule(place, decoder); err == nil {
			t.Errorf("the rule %q %q was taken", place, decoder)
		}
	}
}
