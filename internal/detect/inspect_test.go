package detect

import (
	"encoding/json"
	"strings"
	"testing"
)

func TestParseRequest(t *testing.T) {
	x, err := ParseRequest([]byte("\r\nPOST http://API.example.com/a/./b?x=1%202 HTTP/1.1\r\nHost: API.example.com\r\nX-A: 1\r\nX-A: 2\r\nContent-Length: 3\r\n\r\nabcdef"))
	if err != nil {
		t.Fatal(err)
	}
	q := &x.Request
	if q.Method != "POST" || q.Host != "api.example.com" || q.Path != "/a/b" || q.RawQuery != "x=1%202" ||
		q.Proto != "HTTP/1.1" || q.Header.Joined("x-a") != "1, 2" || string(q.Body.Bytes()) != "abc" {
		t.Errorf("%+v body %q", q, q.Body.Bytes())
	}
	for _, c := range []struct{ name, raw, body string }{
		{"no length", "POST / HTTP/1.1\nHost: a\n\nabc", "abc"},
		{"length beyond the end", "POST / HTTP/1.1\nHost: a\nContent-Length: 99\n\nabc", "abc"},
		{"chunked", "POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nab\r\n1;x=y\r\nc\r\n0\r\n\r\n", "abc"},
		{"no body", "GET / HTTP/1.1", ""},
		{"space in the target", "GET /a b?c d HTTP/1.1\n\n", ""},
	} {
		x, err := ParseRequest([]byte(c.raw))
		if err != nil {
			t.Errorf("%s: %v", c.name, err)
		} else if got := string(x.Request.Body.Bytes()); got != c.body {
			t.Errorf("%s: body %q, want %q", c.name, got, c.body)
		}
	}
	for _, c := range []struct{ raw, want string }{
		{"", "line 1"},
		{"GET /", "line 1"},
		{"GET / HTTP/1.1\nno header", "line 2"},
		{"GET / HTTP/1.1\nHost: a\nbad name: x", "line 3"},
		{"POST / HTTP/1.1\nTransfer-Encoding: chunked\n\nzz", "chunked"},
		{"POST / HTTP/1.1\nContent-Encoding: gzip\n\nzz", "gzip"},
		{"GET / HTTP/1.1\n" + strings.Repeat("x", maxRequest), "more than"},
	} {
		if _, err := ParseRequest([]byte(c.raw)); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%.40q: %v, want %q", c.raw, err, c.want)
		}
	}
}

func TestReport(t *testing.T) {
	v := judge(t, defaultEngine(t), "GET /?id=1%27%20OR%20%271%27=%271 HTTP/1.1\nHost: a.example")
	text, err := json.Marshal(NewReport("a.http", v))
	if err != nil {
		t.Fatal(err)
	}
	var got struct {
		Version  int
		File     string
		Verdict  string
		Score    int
		Findings []struct {
			Rule, Place, Severity string
			Decoders              []string
			Excerpt               *string
		}
	}
	if err := json.Unmarshal(text, &got); err != nil {
		t.Fatal(err)
	}
	if got.Version != 1 || got.File != "a.http" || got.Verdict != "block" || got.Score < 5 || len(got.Findings) == 0 ||
		got.Findings[0].Place != "query id" || got.Findings[0].Decoders[0] != "url" || got.Findings[0].Severity != "critical" {
		t.Errorf("%s", text)
	}
	clean, err := json.Marshal(NewReport("-", judge(t, defaultEngine(t), "GET / HTTP/1.1\nHost: a.example")))
	if err != nil || !strings.Contains(string(clean), `"verdict":"pass","score":0,"findings":[]`) {
		t.Errorf("%s, %v", clean, err)
	}
}

func FuzzParseRequest(f *testing.F) {
	f.Add([]byte("POST http://a.example/b?c HTTP/1.1\nHost: a\nTransfer-Encoding: chunked\n\n1\na\n0\n\n"))
	f.Fuzz(func(t *testing.T, raw []byte) {
		if x, err := ParseRequest(raw); err == nil && (x.Request.Method == "" || x.Request.Path == "" && x.Request.RawTarget == "") {
			t.Errorf("%q has no method or path: %+v", raw, x.Request)
		}
	})
}
