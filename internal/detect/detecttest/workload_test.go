package detecttest

import (
	"bytes"
	"encoding/json"
	"net/url"
	"strings"
	"testing"
	"unicode/utf8"
)

func body(c Case) []byte {
	_, b, _ := bytes.Cut(c.Raw, []byte("\r\n\r\n"))
	return b
}

func leaves(v any) int {
	n := 0
	switch v := v.(type) {
	case map[string]any:
		for _, x := range v {
			n += leaves(x)
		}
	case []any:
		for _, x := range v {
			n += leaves(x)
		}
	default:
		n = 1
	}
	return n
}

func TestWorkloads(t *testing.T) {
	want := map[string]struct{ size, leaves int }{"get": {978, 3}, "form": {304, 10}, "json1k": {1024, 24}, "json20k": {20553, 631}}
	for _, c := range Workloads() {
		parse(t, c)
		size := len(body(c))
		var n int
		switch c.Type {
		case "get":
			size = len(c.Raw)
			n = strings.Count(strings.SplitN(string(c.Raw), " HTTP", 2)[0], "=")
		case "form":
			values, err := url.ParseQuery(string(body(c)))
			if err != nil {
				t.Error(err)
			}
			n = len(values)
		default:
			var v any
			if err := json.Unmarshal(body(c), &v); err != nil {
				t.Error(err)
			}
			n = leaves(v)
		}
		t.Logf("%s: %d bytes, %d values", c.Name, size, n)
		if w := want[c.Name]; size != w.size || n != w.leaves {
			t.Errorf("%s has %d bytes and %d values, not %d and %d", c.Name, size, n, w.size, w.leaves)
		}
	}
}

func TestHostile(t *testing.T) {
	ordinary := 0
	total := check(t, Hostile(), func(c Case) {
		t.Logf("%-34s %7d bytes, ordinary %v", c.Name, len(c.Raw), c.Ordinary)
		if len(c.Raw) > 128<<10 || c.Place != "query" && c.Place != "cookie" && len(c.Raw) < 60<<10 {
			t.Errorf("%s has %d bytes", c.Name, len(c.Raw))
		}
		if c.Ordinary {
			ordinary++
		}
		// encoding/json itself refuses more than 10,000 levels.
		if bytes.Contains(c.Raw, []byte("Content-Type: application/json\r\n")) && !strings.HasPrefix(c.Name, "deep ") && !json.Valid(body(c)) {
			t.Errorf("%s is not JSON", c.Name)
		}
	})
	t.Logf("%d requests, %d of them ordinary", total, ordinary)
	if total < 30 || ordinary < 6 {
		t.Errorf("only %d requests, %d of them ordinary", total, ordinary)
	}
}

func TestMutate(t *testing.T) {
	r := random("mutate")
	distinct, same, invalid, total := map[string]bool{}, 0, 0, 0
	for p := range Payloads() {
		for range 20 {
			m := Mutate(r, p)
			total++
			distinct[m] = true
			if m == p {
				same++
			}
			if !utf8.ValidString(m) {
				invalid++
			}
		}
	}
	if again := Mutate(random("mutate"), "x' or 1=1"); again != Mutate(random("mutate"), "x' or 1=1") {
		t.Error("the same seed gives another text")
	}
	t.Logf("%d texts, %d different, %d unchanged, %d not UTF-8", total, len(distinct), same, invalid)
	if len(distinct) < total*8/10 || invalid == 0 {
		t.Errorf("%d of %d texts are different, %d are not UTF-8", len(distinct), total, invalid)
	}
	for range 50 {
		if m := Mutate(r, ""); len(m) > 4000 {
			t.Errorf("nothing became %d bytes", len(m))
		}
	}
}

func TestReport(t *testing.T) {
	p := NewReport("attacks", true)
	p.Add(Case{Name: "one", Type: "sql-injection", Encoding: plain, Place: queryValue, Protocol: protoREST, Payload: "' or 1"}, true, "")
	p.Add(Case{Name: "two", Type: "sql-injection", Encoding: base64Std, Place: cookieValue, Protocol: protoREST, Payload: "' or 2"}, false, "score 3")
	p.Add(Case{Name: "three", Type: "log4shell", Encoding: plain, Place: cookieValue, Protocol: protoREST, Raw: []byte("GET /x HTTP/1.1\r\n\r\n")}, false, "")
	var b strings.Builder
	if err := p.Print(&b, 1); err != nil {
		t.Fatal(err)
	}
	t.Log(b.String())
	if p.Played() != 3 || p.Blocked() != 1 || len(p.Wrong()) != 2 || p.Rate() < 0.33 || p.Rate() > 0.34 {
		t.Errorf("%d played, %d blocked, %q", p.Played(), p.Blocked(), p.Wrong())
	}
	for _, want := range []string{"missed: 2", `two: score 3: "' or 2"`, "50.00 %", "sql-injection", "by place"} {
		if !strings.Contains(b.String(), want) {
			t.Errorf("the report does not say %q", want)
		}
	}
	if strings.Contains(b.String(), "three:") {
		t.Error("more is listed than was asked for")
	}
}
