package xmltext_test

import (
	"encoding/xml"
	"fmt"
	"io"
	"strings"
	"testing"

	"farrier.dev/farrier/internal/encoding"
	"farrier.dev/farrier/internal/encoding/xmltext"
)

func TestNamespaces(t *testing.T) {
	doc := `<a xmlns="urn:1" xmlns:p="urn:&#50;" b="" p:c=""><p:d xmlns=""><e/></p:d><f xml:lang="en" xmlns:p="urn:3" p:g=""/></a>`
	var names []string
	r := xmltext.NewReader([]byte(doc), xmltext.DefaultLimits())
	var n xmltext.Namespaces
	for {
		tok, err := r.Next()
		if err == io.EOF { //nolint:errorlint // Next gives it bare
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		switch tok.Kind {
		case xmltext.StartTag:
			if err := n.Open(&tok); err != nil {
				t.Fatal(err)
			}
			space, local := n.Element(tok.Name)
			names = append(names, fmt.Sprintf("{%s}%s", space, local))
			for _, a := range tok.Attrs {
				if space, local := n.Attribute(a.Name); !a.IsNamespace() {
					names = append(names, fmt.Sprintf("@{%s}%s", space, local))
				}
			}
		case xmltext.EndTag:
			n.Close()
		default:
		}
	}
	want := "{urn:1}a @{}b @{urn:2}c {urn:2}d {}e {urn:1}f @{http://www.w3.org/XML/1998/namespace}lang @{urn:3}g"
	if got := strings.Join(names, " "); got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
}

func TestNamespaceRefusals(t *testing.T) {
	many := func(count int) string {
		var b strings.Builder
		for i := range count {
			_, _ = fmt.Fprintf(&b, "<a xmlns:p%d='u'>", i)
		}
		return b.String() + strings.Repeat("</a>", count)
	}
	cases := []struct {
		in     string
		refuse bool
	}{
		{`<a/>`, false},
		{`<p:a/>`, true},
		{`<p:a xmlns:p="u"/>`, false},
		{`<p:a xmlns:p=""/>`, true},
		{`<a xmlns=""/>`, false},
		{`<a p:b=""/>`, true},
		{`<a xml:b=""/>`, false},
		{`<xmlns:a/>`, true},
		{`<a xmlns:xml="http://www.w3.org/XML/1998/namespace"/>`, false},
		{`<a xmlns:b="http://www.w3.org/XML/1998/namespace"/>`, true},
		{`<a xmlns:xml="u"/>`, true},
		{`<a xmlns:xmlns="http://www.w3.org/2000/xmlns/"/>`, true},
		{`<a xmlns:p="u" xmlns:q="v" p:b="" q:b=""/>`, false},
		{`<a xmlns:p="u" xmlns:q="u" p:b="" q:b=""/>`, true},
		{`<a xmlns="u" xmlns:q="u" b="" q:b=""/>`, false},
		{`<a><b xmlns:p="u"/><p:c/></a>`, true},
		{`<a:1 xmlns:a="u"/>`, true},
		{many(256), false},
		{many(257), true},
	}
	for _, c := range cases {
		if err := xmltext.ValidNamespaces([]byte(c.in), xmltext.DefaultLimits()); (err != nil) != c.refuse {
			t.Errorf("%.80s: %v, want a refusal: %v", c.in, err, c.refuse)
		}
	}
	t.Logf("played %d documents", len(cases))
}

// TestAttributeMemory holds that attributes beyond the limits are not kept.
func TestAttributeMemory(t *testing.T) {
	doc := []byte("<a " + strings.Repeat("b='' ", 100_000) + "/>")
	lim := xmltext.DefaultLimits()
	if err := xmltext.Valid(doc, lim); encoding.Exceeded(err) != "MaxAttributes" {
		t.Errorf("%v, want MaxAttributes", err)
	}
	allocated := testing.Benchmark(func(b *testing.B) {
		for b.Loop() {
			_ = xmltext.Valid(doc, lim)
		}
	}).AllocedBytesPerOp()
	if allocated > 200_000 {
		t.Errorf("%d bytes allocated", allocated)
	}
}

// FuzzNamespaces holds that names are resolved as encoding/xml resolves them.
func FuzzNamespaces(f *testing.F) {
	f.Add([]byte(`<a xmlns="urn:1" xmlns:p="urn:2" p:b="c"><p:d/></a>`))
	f.Fuzz(func(t *testing.T, data []byte) {
		r := xmltext.NewReader(data, xmltext.DefaultLimits())
		var n xmltext.Namespaces
		std := xml.NewDecoder(strings.NewReader(string(data)))
		for {
			tok, err := r.Next()
			if err != nil {
				return
			}
			if tok.Kind == xmltext.EndTag {
				n.Close()
			}
			if tok.Kind != xmltext.StartTag {
				continue
			}
			if err := n.Open(&tok); err != nil {
				return
			}
			for {
				other, err := std.Token()
				if err != nil {
					return // stricter than we, as about character sets
				}
				if start, ok := other.(xml.StartElement); ok {
					if space, local := n.Element(tok.Name); start.Name.Space != string(space) || start.Name.Local != string(local) {
						t.Fatalf("%s is {%s}%s, the standard library says %v", tok.Name, space, local, start.Name)
					}
					break
				}
			}
		}
	})
}
