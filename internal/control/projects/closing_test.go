package projects

import (
	"regexp"
	"testing"

	"farrier.dev/farrier/internal/detect"
	"farrier.dev/farrier/internal/finding"
)

// TestClosing: of each weakness what does harm is refused, and ordinary values are
// not.
func TestClosing(t *testing.T) {
	ordinary := []string{"", "42", "Ada Lovelace", "2026-03-01", "ORD-1001", "ada@example.com", "select", "Grüße", "a,b"}
	cases := []struct {
		cwe     int
		place   string
		harmful []string
		// passes are ordinary values beside those above, refuses those of them that
		// are refused here.
		passes, refuses []string
	}{
		{cwe: 89, harmful: []string{"x' or '1'='1", "1; drop table t", "1 union select 2", "a--", "1/**/or 1"}, passes: []string{"order", "Anderson"}},
		{cwe: 22, harmful: []string{"../etc/passwd", "/etc/passwd", `a\b`, "~root"}, passes: []string{"report.pdf"}},
		{cwe: 22, place: "path", harmful: []string{"/files/../x", `/files/a\b`}, passes: []string{"/files/report.pdf"}},
		{cwe: 918, harmful: []string{"http://169.254.169.254/", "//evil.example", "user@evil"}, refuses: []string{"ada@example.com"}},
		{cwe: 918, place: "path", harmful: []string{"/a//evil.example"}, passes: []string{"/a/b"}, refuses: []string{"ada@example.com"}},
		{cwe: 78, harmful: []string{"a; rm", "$(id)", "a|b", "`id`"}},
		{cwe: 943, harmful: []string{"' OR Name != '", `{"$gt": ""}`}},
		{cwe: 601, harmful: []string{"https://evil.example", "//evil.example", "javascript:x"}, passes: []string{"/home"}},
		{cwe: 117, harmful: []string{"a\nb"}},
		{cwe: 643, harmful: []string{"' or '1'='1", "a]|//*"}},
		{cwe: 74, harmful: []string{"../admin", "a/b", "a?b=c"}, refuses: []string{"ada@example.com"}},
	}
	played := 0
	for _, c := range cases {
		f := injection()
		f.Taxonomy.CWE = c.cwe
		if c.place != "" {
			f.Inlets[0].Place = c.place
		}
		closed, err := closing(&f)
		if err != nil || len(closed) != 1 {
			t.Fatalf("%d: %v", c.cwe, err)
		}
		match := regexp.MustCompile(closed[0].Match)
		refused := map[string]bool{}
		for _, value := range c.refuses {
			refused[value] = true
		}
		for _, value := range append(c.passes, ordinary...) {
			if played++; match.MatchString(value) != refused[value] {
				t.Errorf("CWE-%d: the ordinary %q: refused %v", c.cwe, value, !refused[value])
			}
		}
		for _, value := range c.harmful {
			if played++; !match.MatchString(value) {
				t.Errorf("CWE-%d: %q is let pass", c.cwe, value)
			}
		}
	}
	if t.Logf("%d values", played); played < 100 {
		t.Fatal("too few")
	}
}

// TestEveryPatchIsValid: detection takes what is made for each weakness, and
// patterns of paths match what they should.
func TestEveryPatchIsValid(t *testing.T) {
	var patches []detect.Patch
	for cwe := range harm {
		for _, place := range []string{"query name", "path", "header x-name", "body json /a/0/b", "body"} {
			f := injection()
			f.Taxonomy.CWE, f.Inlets[0].Place = cwe, place
			closed, err := closing(&f)
			if err != nil {
				t.Fatal(err)
			}
			patches = append(patches, closed...)
		}
	}
	if _, err := detect.New(detect.Options{Patches: patches}); err != nil {
		t.Error(err)
	}
	for _, c := range []struct {
		template, path string
		want           bool
	}{
		{"/orders/{id}", "/orders/1", true},
		{"/orders/{id}", "/api/v1/orders/1", true},
		{"/orders/{id}", "/orders/1/lines", false},
		{"/orders/{id}", "/orders/", false},
		{"/orders", "/orders/", true},
		{"/a.b", "/aXb", false},
		{"/*", "/any/thing", true},
		{"/files/*", "/x/files/a/b", true},
	} {
		if got := regexp.MustCompile(`^(?:` + anyBase + pathPattern(c.template) + `)$`).MatchString(c.path); got != c.want {
			t.Errorf("%s and %s: %v", c.template, c.path, got)
		}
	}
	f := finding.Finding{Rule: "MS-CFG-01", Inlets: injection().Inlets, Taxonomy: finding.Taxonomy{CWE: 489}}
	if Closable(&f) || !Closable(new(injection())) {
		t.Error("what can be closed")
	}
}
