package responsesize

import (
	"encoding/json"
	"strings"
	"testing"

	"farrier.dev/farrier/internal/policy/policytest"
)

func TestConversations(t *testing.T) { policytest.Play(t, Policy(), 4) }

func TestLonger(t *testing.T) {
	for _, c := range []struct {
		place, doc string
		most       int
		want       bool
	}{
		{"any", `[1,2,3]`, 3, false},
		{"any", `[1,2,3,4]`, 3, true},
		{"any", `{"a":{"b":[[1],[1,2]]}}`, 2, false},
		{"any", `{"a":{"b":[[1],[1,2,3]]}}`, 2, true},
		{"any", `[1,2,3`, 2, true},
		{"any", `[1,x,3,4]`, 2, false},
		{"any", `{"a":1,"b":2,"c":3}`, 1, false},
		{"any", strings.Repeat("[", 301), 5, true},
		{"any", `[]`, 0, false},
		{"any", `"x"`, 0, false},
		{"root", `[{"a":[1,2,3]},2]`, 2, false},
		{"root", `[1,2,3]`, 2, true},
		{"root", `{"a":[1,2,3]}`, 2, false},
		{"/items", `{"items":[1,2,3]}`, 2, true},
		{"/items", `{"other":[1,2,3],"items":[1,2]}`, 2, false},
		{"/items", `{"items":{"items":[1,2,3]}}`, 2, false},
		{"/items", `{"\u0069tems":[1,2,3]}`, 2, true},
		{"/items", `{"x":{"items":[1,2,3]}}`, 2, false},
		{"/a~1b", `{"a/b":[1,2,3]}`, 2, true},
		{"/data/*/rows", `{"data":[{"rows":[1]},{"rows":[1,2,3]}]}`, 2, true},
		{"/data/*/rows", `{"data":{"x":{"rows":[1,2,3]}}}`, 2, true},
		{"/data/*/rows", `{"data":[{"rows":[1]},{"cols":[1,2,3]}]}`, 2, false},
		{"/items/0", `{"items":[[1,2,3]]}`, 2, false},
	} {
		at, err := parsePlace(c.place)
		if err != nil {
			t.Fatal(err)
		}
		if got, _ := at.longer([]byte(c.doc), c.most); got != c.want {
			t.Errorf("%s of %s beyond %d: %v", c.place, c.doc, c.most, got)
		}
	}
}

func TestTooLarge(t *testing.T) {
	for text, want := range map[string]bool{
		"": false, "0": false, "1": false, "100": false, "101": true, "-1": true, "-0": false, "0100": false, "0101": true,
		"1e1": false, "1e3": true, "1E400": true, "+101": true, "+5": false, "0x64": false, "0x65": true, "1_000": true,
		"99999999999999999999999": true, "Infinity": true, "-Infinity": true, "NaN": true, "100.5": true, "99.5": false,
		"true": false, "all": false, "200x": true, "99x": false, " 500 ": true, "1,000": true, "'500'": true, "-5x": true, "_": false, "1e": false,
	} {
		if got := tooLarge(text, 100); got != want {
			t.Errorf("%q: %v", text, got)
		}
	}
}

func TestClamp(t *testing.T) {
	compiled, err := compile(json.RawMessage(`{"maxPageSize": 100}`))
	if err != nil {
		t.Fatal(err)
	}
	g, ok := compiled.(*guard)
	if !ok {
		t.Fatal("no guard")
	}
	for query, want := range map[string]string{
		"limit=50": "limit=50", "limit=500": "limit=100", "a=1&limit=500&b=%20": "a=1&limit=100&b=%20", "LIMIT=500": "LIMIT=100",
		"li%6dit=500": "li%6dit=100", "limit=500&limit=1&top=101": "limit=100&limit=1&top=100", "%24top=1e9&$top=7": "%24top=100&$top=7",
		"limit": "limit", "limit=": "limit=", "x=500": "x=500", "limit=50%30": "limit=100", "&&limit=500&": "&&limit=100&",
	} {
		got, _, err := g.clamp(query)
		if err != nil || got != want {
			t.Errorf("%s: %s %v, want %s", query, got, err, want)
		}
	}
	if _, _, err := g.clamp(strings.Repeat("a&", 1001)); err == nil {
		t.Error("1001 parameters pass")
	}
}

// FuzzClamp holds that what was clamped is not too large any more.
func FuzzClamp(f *testing.F) {
	compiled, err := compile(json.RawMessage(`{"maxPageSize": 100}`))
	if err != nil {
		f.Fatal(err)
	}
	g, ok := compiled.(*guard)
	if !ok {
		f.Fatal("no guard")
	}
	f.Add("limit=500&a=b")
	f.Fuzz(func(t *testing.T, query string) {
		clamped, _, err := g.clamp(query)
		if err != nil {
			return
		}
		if again, excess, err := g.clamp(clamped); err != nil || len(excess) > 0 || again != clamped {
			t.Fatalf("%q becomes %q, then %q: %v %v", query, clamped, again, excess, err)
		}
	})
}

func BenchmarkLonger(b *testing.B) {
	doc := []byte(`{"items":[` + strings.Repeat(`{"id":1,"name":"nail"},`, 40) + `{}]}`)
	at, err := parsePlace("/items")
	if err != nil {
		b.Fatal(err)
	}
	b.SetBytes(int64(len(doc)))
	b.ReportAllocs()
	for b.Loop() {
		at.longer(doc, 100)
	}
}
