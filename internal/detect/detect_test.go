package detect

import (
	"context"
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"farrier.dev/farrier/internal/finding"
	"farrier.dev/farrier/internal/traffic"
)

const attackText = "1' OR '1'='1' -- "

func post(contentType, body string) string {
	return "POST /v1/orders HTTP/1.1\nHost: api.example.com\nContent-Type: " + contentType + "\n\n" + body
}

func places(v Verdict) []string {
	var all []string
	for _, f := range v.Findings {
		if !slices.Contains(all, f.Location.Place) {
			all = append(all, f.Location.Place)
		}
	}
	return all
}

func TestPlaces(t *testing.T) {
	e := defaultEngine(t)
	for _, c := range []struct{ name, raw, want, decoder string }{
		{"query", "GET /v1/orders?id=1%27%20OR%20%271%27=%271 HTTP/1.1\nHost: a.example", "query id", "url"},
		{"path", "GET /v1/1%27%20OR%20%271%27=%271 HTTP/1.1\nHost: a.example", "path", "url"},
		{"header", "GET / HTTP/1.1\nHost: a.example\nUser-Agent: " + attackText + "x", "header user-agent", ""},
		{"cookie", "GET / HTTP/1.1\nHost: a.example\nCookie: track=" + attackText + "x", "cookie track", ""},
		{"form", post("application/x-www-form-urlencoded", "a=b&note="+attackText), "body form note", "url"},
		{"json", post("application/json", `{"items":[{"a":1},{"note":"`+attackText+`"}]}`), "body json /items/1/note", "json"},
		{"json name with slash", post("application/json", `{"a/b":{"c~d":"`+attackText+`"}}`), "body json /a~1b/c~0d", "json"},
		{"json root", post("application/json", `"`+attackText+`"`), "body json", "json"},
		{"json list", post("application/json", `[["x"],["y","`+attackText+`"]]`), "body json /1/1", "json"},
		{"xml", post("text/xml", `<o><x/><note>`+attackText+`</note></o>`), "body xml /o/note", "xml"},
		{"xml attribute", post("text/xml", `<o><note id="`+attackText+`"/></o>`), "body xml /o/note/@id", "xml"},
		{"text", post("text/plain", attackText), "body text", ""},
		{"multipart", post("multipart/form-data; boundary=b", "--b\r\nContent-Disposition: form-data; name=\"note\"\r\n\r\n"+attackText+"\r\n--b--\r\n"), "body multipart note", ""},
		{"file name", post("multipart/form-data; boundary=b", "--b\r\nContent-Disposition: form-data; name=\"f\"; filename=\"x.php\"\r\n\r\nx\r\n--b--\r\n"), "body multipart file name", ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			v := judge(t, e, c.raw)
			if !v.Block || !slices.Contains(places(v), c.want) {
				t.Fatalf("want a finding in %q, got %s", c.want, describe(v))
			}
			for _, f := range v.Findings {
				if f.Location.Place == c.want && strings.Join(f.Decoders, " ") != c.decoder {
					t.Errorf("decoders %v, want %q", f.Decoders, c.decoder)
				}
			}
		})
	}
}

func TestFindings(t *testing.T) {
	v := judge(t, defaultEngine(t), "GET /v1/orders?id=1%27%20OR%20%271%27=%271 HTTP/1.1\nHost: a.example")
	if len(v.Findings) == 0 {
		t.Fatal("no findings")
	}
	for _, f := range v.Findings {
		want := finding.Taxonomy{OWASP2019: "API8", OWASP2023: "API8", CWE: 89}
		if !strings.HasPrefix(f.Rule, "crs-942") && !strings.HasPrefix(f.Rule, "farrier-sqli") || f.Severity != finding.Critical || !reflect.DeepEqual(f.Taxonomy, want) ||
			f.Fix == "" || f.Fingerprint == "" || f.Title == "" || !strings.HasSuffix(f.Message, " in query id") {
			t.Errorf("%+v", f)
		}
	}
	if v.Score != 5*len(v.Findings) || !v.Inspected || len(v.Digest) != 32 {
		t.Errorf("score %d of %d findings, inspected %v, digest %q", v.Score, len(v.Findings), v.Inspected, v.Digest)
	}
}

func TestContentVersion(t *testing.T) {
	rules, err := LoadRules(1, Source{"content/2026.11.22-1/rules/a.conf", `SecRule ARGS:coupon "@streq FREE" "id:9100001,phase:2,pass,msg:'Old coupon',severity:'CRITICAL'"`})
	if err != nil {
		t.Fatal(err)
	}
	e, err := rules.Engine(Options{})
	if err != nil {
		t.Fatal(err)
	}
	v := judge(t, e, "GET /?coupon=FREE HTTP/1.1\nHost: a.example")
	if len(v.Findings) != 1 || v.Findings[0].Message != "Old coupon in query coupon [content 2026.11.22-1]" {
		t.Errorf("%s", describe(v))
	}
}

func TestTaxonomy(t *testing.T) {
	for _, c := range []struct {
		id   int
		tags string
		cwe  int
	}{
		{942100, "attack-sqli", 89},
		{941100, "attack-xss", 79},
		{930100, "attack-lfi", 22},
		{932100, "attack-rce", 78},
		{933100, "attack-injection-php", 94},
		{931100, "attack-rfi", 98},
		{934110, "attack-ssrf", 918},
		{944150, "attack-rce", 917},
		{921150, "attack-protocol", 113},
		{921110, "attack-protocol", 444},
		{921200, "attack-protocol", 90},
		{999999, "unknown", 20},
	} {
		if got := attackOf(c.id, []string{"OWASP_CRS", c.tags}).taxonomy.CWE; got != c.cwe {
			t.Errorf("rule %d with %s: CWE %d, want %d", c.id, c.tags, got, c.cwe)
		}
	}
}

func TestSecretsStayOut(t *testing.T) {
	v := judge(t, defaultEngine(t), post("application/json", `{"password":"`+attackText+`"}`))
	if len(v.Findings) == 0 {
		t.Fatal("no findings")
	}
	for _, f := range v.Findings {
		if len(f.Excerpt) > 64 {
			t.Errorf("excerpt %q is longer than 64 bytes", f.Excerpt)
		}
		if f.Excerpt != traffic.Excerpt(f.Location.Place, f.Excerpt) {
			t.Errorf("excerpt %q is not what traffic lets through", f.Excerpt)
		}
	}
}

func TestExclusions(t *testing.T) {
	query := "GET /v1/notes/7?note=1%27%20OR%20%271%27=%271 HTTP/1.1\nHost: a.example"
	scan := "GET /v1/notes HTTP/9.9\nHost: a.example"
	document := post("application/json", `{"items":[{"note":"`+attackText+`"}]}`)
	both := "POST /v1/notes?note=x HTTP/1.1\nHost: a.example\nContent-Type: application/x-www-form-urlencoded\n\nnote=" + attackText
	for _, c := range []struct {
		name, raw string
		x         Exclusion
		block     bool
	}{
		{"tag everywhere", query, Exclusion{Rule: "attack-sqli"}, false},
		{"range", scan, Exclusion{Rule: "920000-920999"}, false},
		{"range of others", scan, Exclusion{Rule: "921000-921999"}, true},
		{"another range", query, Exclusion{Rule: "941000-941999"}, true},
		{"our place", query, Exclusion{Rule: "attack-sqli", Place: "query note"}, false},
		{"kind of place", query, Exclusion{Rule: "attack-sqli", Place: "query"}, false},
		{"another name", query, Exclusion{Rule: "attack-sqli", Place: "query notes"}, true},
		{"another kind", query, Exclusion{Rule: "attack-sqli", Place: "body form note"}, true},
		{"their place", query, Exclusion{Rule: "attack-sqli", Place: "ARGS:note"}, false},
		{"their other place", query, Exclusion{Rule: "attack-sqli", Place: "ARGS_POST:note"}, true},
		{"path", query, Exclusion{Rule: "attack-sqli", Path: "/v1/notes/[0-9]+"}, false},
		{"part of the path", query, Exclusion{Rule: "attack-sqli", Path: "/v1/notes"}, true},
		{"pointer", document, Exclusion{Rule: "attack-sqli", Place: "body json /items/0/note"}, false},
		{"pointer with star", document, Exclusion{Rule: "attack-sqli", Place: "body json /items/*/note"}, false},
		{"pointer above", document, Exclusion{Rule: "attack-sqli", Place: "body json /items"}, false},
		{"pointer beside", document, Exclusion{Rule: "attack-sqli", Place: "body json /items/1"}, true},
		{"dotted", document, Exclusion{Rule: "attack-sqli", Place: "ARGS:json.items.0.note"}, false},
		{"whole body", document, Exclusion{Rule: "attack-sqli", Place: "body"}, false},
		{"one of two places of a name", both, Exclusion{Rule: "attack-sqli", Place: "query note"}, true},
		{"both places of a name", both, Exclusion{Rule: "attack-sqli", Place: "ARGS:note"}, false},
		{"our rule", post("application/json", `{"a":`), Exclusion{Rule: "farrier-json-malformed"}, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			e, err := defaultEngine(t).rules.Engine(Options{Exclusions: []Exclusion{c.x}})
			if err != nil {
				t.Fatal(err)
			}
			if v := judge(t, e, c.raw); v.Block != c.block {
				t.Errorf("block is %v, want %v: %s", v.Block, c.block, describe(v))
			}
		})
	}
}

func TestBadOptions(t *testing.T) {
	rules := defaultEngine(t).rules
	for _, c := range []struct {
		o    Options
		want string
	}{
		{Options{Exclusions: []Exclusion{{}}}, "exclusions[0]: rule: it is empty"},
		{Options{Exclusions: []Exclusion{{Rule: "942999-942100"}}}, "no range"},
		{Options{Exclusions: []Exclusion{{Rule: "1", Place: "ARGZ:x"}}}, "is none of ARGS"},
		{Options{Exclusions: []Exclusion{{Rule: "1", Place: "querry x"}}}, "is no part of a request"},
		{Options{Exclusions: []Exclusion{{Rule: "1", Path: "("}}}, "path: "},
		{Options{Paranoia: 2}, "cannot serve level 2"},
		{Options{BodyLimit: -1}, "must not be negative"},
		{Options{Threshold: -1}, "must not be negative"},
	} {
		if _, err := rules.Engine(c.o); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%+v: %v, want %q", c.o, err, c.want)
		}
	}
	if _, err := New(Options{Paranoia: 5}); err == nil || !strings.Contains(err.Error(), "between 1 and 4") {
		t.Errorf("level 5: %v", err)
	}
}

func TestDigest(t *testing.T) {
	rules := defaultEngine(t).rules
	one, err := rules.Engine(Options{})
	if err != nil {
		t.Fatal(err)
	}
	same, err := rules.Engine(Options{Paranoia: 1, Threshold: 5, BodyLimit: DefaultBodyLimit})
	if err != nil {
		t.Fatal(err)
	}
	different, err := rules.Engine(Options{Threshold: 10})
	if err != nil {
		t.Fatal(err)
	}
	if one.Digest() != same.Digest() || one.Digest() == different.Digest() {
		t.Errorf("digests %s, %s, %s", one.Digest(), same.Digest(), different.Digest())
	}
}

func TestLongBody(t *testing.T) {
	e := defaultEngine(t)
	pad := strings.Repeat("x ", DefaultBodyLimit/2)
	for _, c := range []struct {
		name, raw string
		block     bool
	}{
		{"before the limit", post("application/json", `{"a":"`+attackText+`","b":"`+pad+`"}`), true},
		{"in the value that is cut", post("application/json", `{"a":"`+attackText+pad+`"}`), true},
		{"in the text that is cut", post("application/xml", `<a>`+attackText+pad+`</a>`), true},
		{"in the attribute that is cut", post("application/xml", `<a><b c="`+attackText+pad+`"/></a>`), true},
		{"in the form value that is cut", post("application/x-www-form-urlencoded", `a=`+attackText+pad), true},
		{"behind the limit", post("application/json", `{"b":"`+pad+`","a":"`+attackText+`"}`), false},
		{"harmless", post("application/json", `{"b":"`+pad+`"}`), false},
		{"harmless base64", post("application/json", `{"b":"`+strings.Repeat("aGVsbG8gd29ybGQ", 9000)+`"}`), false},
	} {
		t.Run(c.name, func(t *testing.T) {
			v := judge(t, e, c.raw)
			if v.Block != c.block {
				t.Errorf("block is %v: %s", v.Block, describe(v))
			}
			if !slices.Contains(v.NotInspected, "body: only its first 131072 bytes") {
				t.Errorf("not inspected: %v", v.NotInspected)
			}
		})
	}
}

func TestNotInspected(t *testing.T) {
	e := defaultEngine(t)
	if v := judge(t, e, post("application/octet-stream", "\x00\x01\xff\xfe")); v.Block || !slices.Contains(v.NotInspected, "body: it is not text") {
		t.Errorf("binary: %v, %s", v.NotInspected, describe(v))
	}
	x, err := ParseRequest([]byte("POST / HTTP/1.1\nHost: a.example\n"))
	if err != nil {
		t.Fatal(err)
	}
	x.Request.Body.SetSource(strings.NewReader("a=b"), 3)
	if v := e.Judge(t.Context(), x, Lessons{}); !slices.Contains(v.NotInspected, "body: it was not read") {
		t.Errorf("not loaded: %v", v.NotInspected)
	}
}

func TestTooManyValues(t *testing.T) {
	var b strings.Builder
	for i := range 20_000 {
		fmt.Fprintf(&b, "a%d=b&", i)
	}
	raw := "GET /?" + b.String() + " HTTP/1.1\nHost: a.example"
	v := judge(t, defaultEngine(t), raw)
	if !v.Block || v.Findings[0].Rule != "farrier-budget" || v.Exhausted != "values" || len(v.NotInspected) != 1 {
		t.Errorf("%s, exhausted %q, not inspected %v", describe(v), v.Exhausted, v.NotInspected)
	}
	lenient, err := defaultEngine(t).rules.Engine(Options{LetExhausted: true})
	if err != nil {
		t.Fatal(err)
	}
	if v := judge(t, lenient, raw); v.Block || v.Exhausted != "values" || v.Findings[0].Rule != "farrier-budget" {
		t.Errorf("%s, exhausted %q", describe(v), v.Exhausted)
	}
}

func TestPanicRefuses(t *testing.T) {
	broken := &Engine{}
	v := judge(t, broken, "GET / HTTP/1.1\nHost: a.example")
	if !v.Block || v.Inspected || !errors.Is(v.Err, ErrFailed) {
		t.Errorf("%+v", v)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if v := defaultEngine(t).Judge(ctx, &traffic.Exchange{}, Lessons{}); !v.Block || !errors.Is(v.Err, context.Canceled) {
		t.Errorf("cancelled: %+v", v)
	}
}

func TestGate(t *testing.T) {
	e := defaultEngine(t)
	synctest.Test(t, func(t *testing.T) {
		g := NewGate(1, time.Second)
		if err := g.enter(t.Context()); err != nil {
			t.Fatal(err)
		}
		x := &traffic.Exchange{Request: traffic.Request{Method: "GET", Path: "/", RawTarget: "/", Proto: "HTTP/1.1", Host: "a.example"}}
		began := time.Now()
		if v := g.Judge(t.Context(), e, x, Lessons{}); !v.Block || !errors.Is(v.Err, ErrBusy) || time.Since(began) != time.Second {
			t.Errorf("after %v: %+v", time.Since(began), v)
		}
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		if v := g.Judge(ctx, e, x, Lessons{}); !errors.Is(v.Err, context.Canceled) {
			t.Errorf("cancelled: %+v", v)
		}
		go func() {
			time.Sleep(500 * time.Millisecond)
			<-g.places
		}()
		if v := g.Judge(t.Context(), e, x, Lessons{}); v.Block || !v.Inspected {
			t.Errorf("after a place became free: %+v", v)
		}
	})
}

func FuzzJudge(f *testing.F) {
	for _, examples := range corpus(f, "testdata/*.txtar") {
		for _, one := range examples {
			f.Add(one.raw)
		}
	}
	e := defaultEngine(f)
	f.Fuzz(func(t *testing.T, raw []byte) {
		x, err := ParseRequest(raw)
		if err != nil || len(raw) > 4096 {
			return
		}
		first := e.Judge(t.Context(), x, Lessons{})
		if first.Err != nil {
			t.Fatal(first.Err)
		}
		if second := e.Judge(t.Context(), x, Lessons{}); describe(first) != describe(second) {
			t.Errorf("first %s\nsecond %s", describe(first), describe(second))
		}
	})
}

func BenchmarkJudge(b *testing.B) {
	var leaves strings.Builder
	for i := range 8 {
		fmt.Fprintf(&leaves, `{"sku":"A-%d","name":"Item number %d","qty":%d,"note":"leave at the door, please","price":9.%d},`, i, i, i, i)
	}
	for _, c := range []struct{ name, raw string }{
		{"get", "GET /v1/orders?limit=50&offset=100&sort=-created HTTP/1.1\nHost: api.example.com\nUser-Agent: curl/8.5.0\nAccept: application/json\n"},
		{"json1k", post("application/json", `{"id":"3f2504e0-4f89-41d3-9a0c-0305e82c3301","items":[`+strings.TrimSuffix(leaves.String(), ",")+`]}`)},
	} {
		b.Run(c.name, func(b *testing.B) {
			e := defaultEngine(b)
			x, err := ParseRequest([]byte(c.raw))
			if err != nil {
				b.Fatal(err)
			}
			b.ReportAllocs()
			for b.Loop() {
				if v := e.Judge(b.Context(), x, Lessons{}); v.Block {
					b.Fatal(describe(v))
				}
			}
		})
	}
}
