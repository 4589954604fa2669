package decode

import (
	"encoding/base64"
	"fmt"
	"html"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

// TestPlaces holds the names of places, which findings, exclusions and patches
// use, and what rules are told of a leaf.
func TestPlaces(t *testing.T) {
	const text = "1' or 1=1"
	body := func(contentType, body string) string {
		return "POST /v1/orders\nContent-Type: " + contentType + "\n\n" + body
	}
	part := func(rest string) string {
		return body("multipart/form-data; boundary=b", "--b\r\nContent-Disposition: form-data; name=\"f\""+rest+"\r\n--b--\r\n")
	}
	cases := []struct {
		raw, place string
		source     Source
		key        string
		decoders   string
	}{
		{"GET /v1/1'%20or%201=1", "path", PathArg, "path", "url"},
		{"GET /v1/x;v=1'%20or%201=1", "path ;v", PathArg, "v", "url"},
		{"GET /v1/orders?id=1'%20or%201=1", "query id", QueryArg, "id", "url"},
		{"GET /v1/orders?a[b]=1'%20or%201=1", "query a[b]", QueryArg, "a[b]", "url"},
		{"GET /\nUser-Agent: 1' or 1=1", "header user-agent", Header, "user-agent", ""},
		{"GET /\nX-Api-Note: 1' or 1=1", "header x-api-note", HeaderArg, "x-api-note", ""},
		{"GET /\nX-Api-Note: 1%27 or 1=1", "header x-api-note > percent", HeaderArg, "x-api-note", "percent"},
		{"GET /\nCookie: sid=1' or 1=1", "cookie sid", Cookie, "sid", ""},
		{body("application/x-www-form-urlencoded", "a="+text), "body form a", BodyArg, "a", "url"},
		{body("application/json", `{"items":[{"a":1},{"note":"`+text+`"}]}`), "body json /items/1/note", BodyArg, "items.note", "json"},
		{body("application/json", `{"a/b":{"c~d":"`+text+`"}}`), "body json /a~1b/c~0d", BodyArg, "a/b.c~d", "json"},
		{body("application/json", `"`+text+`"`), "body json", BodyArg, "", "json"},
		{body("application/json", `[["x"],["y","`+text+`"]]`), "body json /1/1", BodyArg, "", "json"},
		{body("application/json", `{"a":["`+text+`"]}`), "body json /a/0", BodyArg, "a", "json"},
		{body("text/xml", `<o><x/><note>`+text+`</note></o>`), "body xml /o/note", BodyArg, "o.note", "xml"},
		{body("text/xml", `<o><note id="`+text+`"/></o>`), "body xml /o/note/@id", BodyArg, "note.id", "xml"},
		{body("text/plain", text), "body text", BodyText, "body", ""},
		{part("\r\n\r\n" + text), "body multipart f", BodyArg, "f", ""},
		{part("; filename=\"" + text + "\"\r\n\r\nx"), "body multipart file name", FileName, "f", ""},
		{part("; filename=\"x.php\"\r\n\r\n" + text), "body multipart f", FileText, "f", ""},
		{part("\r\nX-A: b\r\n\r\n{\"a\":\"" + text + "\"}"), "body multipart f > json /a", BodyArg, "f.a", "json"},
		{body("application/graphql", `{user(id:"`+text+`"){name}}`), "body graphql /user/id", BodyArg, "id", "graphql"},
		{body("application/json", `{"query":"{user(id:\"`+text+`\"){name}}"}`), "body json /query > graphql /user/id", BodyArg, "id", "json graphql"},
		{
			"GET /v1/orders?q=" + base64.StdEncoding.EncodeToString([]byte(`{"id":"`+text+`"}`)),
			"query q > base64 > json /id", QueryArg, "q.id", "url base64 json",
		},
		{"GET /\nAuthorization: Basic " + base64.StdEncoding.EncodeToString([]byte("alice:"+text)), "header authorization > basic password", Header, "password", "basic"},
	}
	var tree Tree
	for _, c := range cases {
		Read(request(t, "place", c.raw), nil, &tree)
		i := slices.IndexFunc(tree.Leaves, func(l Leaf) bool { return l.Text == text })
		if i < 0 {
			t.Errorf("%q: no such leaf\n%s", c.raw, describe(&tree))
			continue
		}
		l := tree.Leaves[i]
		got := fmt.Sprint(tree.Place(l.Node), ", ", l.Source, ", ", l.Key, ", ", tree.Decoders(l.Node))
		if want := fmt.Sprint(c.place, ", ", c.source, ", ", c.key, ", [", c.decoders, "]"); got != want {
			t.Errorf("got  %s\nwant %s", got, want)
		}
	}
	t.Logf("played %d places", len(cases))
}

func TestWay(t *testing.T) {
	inner := base64.StdEncoding.EncodeToString([]byte(`<a id="1' or 1=1">text</a>`))
	var tree Tree
	Read(post(t, "application/json", `{"items":[0,1,2,{"note":"`+inner+`"}]}`), nil, &tree)
	const want = "post → json /items/3/note → base64 → xml /a/@id"
	if !strings.Contains(describe(&tree), want) {
		t.Errorf("no %q in\n%s", want, describe(&tree))
	}
}

// TestPlacesOfOneLeaf holds that a text that stands in two places is known to
// stand in both, also when it had to be decoded.
func TestPlacesOfOneLeaf(t *testing.T) {
	const text = "' or 1=1 -- comment"
	inner := base64.StdEncoding.EncodeToString([]byte(text))
	for _, c := range []struct{ body, want string }{
		{`{"i":[{"a":"` + inner + `"},{"a":"` + inner + `"}]}`, "body json /i/0/a > base64, body json /i/1/a > base64"},
		{`{"i":[{"a":"` + inner + `"},{"a":"` + text + `"}]}`, "body json /i/1/a, body json /i/0/a > base64"},
		{`{"i":[{"a":"{\"b\":\"` + text + `\"}"},{"a":"{\"b\":\"` + text + `\"}"}]}`, "body json /i/0/a > json /b, body json /i/1/a > json /b"},
	} {
		var tree Tree
		Read(post(t, "application/json", c.body), nil, &tree)
		i := slices.IndexFunc(tree.Leaves, func(l Leaf) bool { return l.Text == text })
		if i < 0 {
			t.Fatalf("not seen:\n%s", describe(&tree))
		}
		if got := strings.Join(tree.Places(int32(i)), ", "); got != c.want {
			t.Errorf("got  %s\nwant %s", got, c.want)
		}
	}
}

// TestLongNames holds that places stay short whatever clients name things.
func TestLongNames(t *testing.T) {
	long := strings.Repeat("ä", 2000)
	var tree Tree
	Read(post(t, "application/json", `{"`+long+`":{"`+long+`":"x y"}}`), nil, &tree)
	for i := range tree.Leaves {
		if place := tree.Place(tree.Leaves[i].Node); len(place) > 2*maxName {
			t.Errorf("the place has %d bytes", len(place))
		}
		if key := tree.Leaves[i].Key; len(key) > len(long)+maxParent+1 {
			t.Errorf("the key has %d bytes", len(key))
		}
	}
}

// TestEveryLayerIsOpened hides a text under random layers in a random place and
// wants to see it again.
func TestEveryLayerIsOpened(t *testing.T) {
	const text = `<script>alert("' or 1=1 --")</script>`
	wrap := map[string]func(string) string{
		"base64":    func(s string) string { return base64.StdEncoding.EncodeToString([]byte(s)) },
		"base64url": func(s string) string { return base64.RawURLEncoding.EncodeToString([]byte(s)) },
		"percent":   url.PathEscape,
		"json":      func(s string) string { return `{"a":[` + strconv.QuoteToASCII(s) + `]}` },
		"xml":       func(s string) string { return `<a b="c"><d>` + html.EscapeString(s) + `</d></a>` },
		"html":      html.EscapeString,
	}
	places := map[string]func(string) string{
		"query":  func(s string) string { return "GET /?q=" + url.QueryEscape(s) },
		"path":   func(s string) string { return "GET /" + url.PathEscape(s) },
		"header": func(s string) string { return "GET /\nX-Note: " + s },
		"cookie": func(s string) string { return "GET /\nCookie: a=" + url.QueryEscape(s) },
		"json":   func(s string) string { return "POST /\nContent-Type: application/json\n\n" + wrap["json"](s) },
		"form": func(s string) string {
			return "POST /\nContent-Type: application/x-www-form-urlencoded\n\na=" + url.QueryEscape(s)
		},
		"xml":  func(s string) string { return "POST /\nContent-Type: application/xml\n\n" + wrap["xml"](s) },
		"text": func(s string) string { return "POST /\nContent-Type: text/plain\n\n" + s },
	}
	var tree Tree
	played := 0
	rapid.Check(t, func(r *rapid.T) {
		chain := rapid.SliceOfN(rapid.SampledFrom([]string{"base64", "base64url", "percent", "json", "xml", "html"}), 0, 5).Draw(r, "chain")
		place := rapid.SampledFrom([]string{"query", "path", "header", "cookie", "json", "form", "xml", "text"}).Draw(r, "place")
		hidden := text
		for _, layer := range chain {
			hidden = wrap[layer](hidden)
		}
		Read(request(t, "layers", places[place](hidden)), nil, &tree)
		if !slices.Contains(texts(&tree), text) {
			r.Fatalf("%s in %s: not seen\n%s", chain, place, describe(&tree))
		}
		played++
	})
	t.Logf("played %d requests", played)
}
