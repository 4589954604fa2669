package mule

import (
	"fmt"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"farrier.dev/farrier/internal/encoding/xmltext"
	"farrier.dev/farrier/internal/encoding/xmltext/document"
)

// shown writes the pieces of a value: e expressions, p placeholders, s secure ones,
// f files, t text, x encrypted.
func shown(value string) string {
	form, pieces := split(value)
	forms := map[Form]string{Empty: "empty", Literal: "literal", Placeholder: "placeholder", SecurePlaceholder: "secure", FileReference: "file", Expression: "expression", Mixed: "mixed", Encrypted: "encrypted"}
	out := forms[form]
	for _, p := range pieces {
		mark, text := "t", p.text
		switch p.kind {
		case Expression:
			mark, text = "e", value[p.from:p.to]
		case Placeholder:
			mark, text = "p", value[p.from:p.to]
		case SecurePlaceholder:
			mark, text = "s", value[p.from:p.to]
		case FileReference:
			mark, text = "f", value[p.from:p.to]
		case Encrypted:
			mark = "x"
		default:
		}
		out += fmt.Sprintf(" %s<%s>", mark, text)
	}
	return out
}

func TestSplit(t *testing.T) {
	cases := []struct{ value, want string }{
		{"", "empty"},
		{" \n ", "empty"},
		{"a b", "literal t<a b>"},
		{"${p}", "placeholder p<p>"},
		{" ${secure::db.password}\n", "secure s<db.password>"},
		{"${file::a.dwl}", "file f<a.dwl>"},
		{"config-${env}.yaml", "mixed t<config-> p<env> t<.yaml>"},
		{"${a.${env}}", "placeholder p<a.${env}>"},
		{"${a", "literal t<${a>"},
		{"![abc==]", "encrypted x<abc==>"},
		{"#[payload]", "expression e<payload>"},
		{"\n  #[payload.a[0]]\n", "expression e<payload.a[0]>"},
		{"#[a] and #[b]", "mixed e<a> t< and > e<b>"},
		{"#[a]#[b]", "mixed e<a> e<b>"},
		{`#['a]' ++ "]" ++ x]`, `expression e<'a]' ++ "]" ++ x>`},
		{`#['it\'s ]' ++ x] ${p}`, `mixed e<'it\'s ]' ++ x> t< > p<p>`},
		{`SELECT * FROM a WHERE n = '#[payload]'`, `mixed t<SELECT * FROM a WHERE n = '> e<payload> t<'>`},
		{"#[vars.a replace /'/ with \"''\"] x", "mixed e<vars.a replace /'/ with \"''\"> t< x>"},
		{"#[a matches /[^\\]]/] x", "mixed e<a matches /[^\\]]/> t< x>"},
		{"#[a / b] ' #[c / d]", "mixed e<a / b> t< ' > e<c / d>"},
		{"#[a // it's ]\n ++ b]", "expression e<a // it's ]\n ++ b>"},
		{"#[a /* don't ] */ ++ b] x", "mixed e<a /* don't ] */ ++ b> t< x>"},
		{"#[a // b]", "expression e<a // b>"},
		{`\#[payload]`, "literal t<#[payload]>"},
		{`a \${b} #[c]`, "mixed t<a ${b} > e<c>"},
		{"# [a] $ {b}", "literal t<# [a] $ {b}>"},
		{"#[a's]", "expression e<a's>"},
		{"#[a ${b}", "mixed t<#[a > p<b>"},
		{"a#[", "literal t<a#[>"},
		{"#[output text/plain --- \"$(payload.x) \"]", "expression e<output text/plain --- \"$(payload.x) \">"},
		{"#['${p}' ++ x]", "expression e<'${p}' ++ x>"},
		{"#[mel:payload]", "expression e<mel:payload>"},
	}
	for _, c := range cases {
		if got := shown(c.value); got != c.want {
			t.Errorf("%q: got %s, want %s", c.value, got, c.want)
		}
	}
	t.Logf("%d values", len(cases))
}

// FuzzSplit: the pieces of a value follow each other without a gap, and say what
// stands there.
func FuzzSplit(f *testing.F) {
	for _, s := range []string{"#[a] ${b}", "![x]", `\#[ #['"]`, "${a${b}}", "#[a matches /x/]", "#[//\n]"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, value string) {
		form, pieces := split(value)
		if form != Literal && form != Mixed {
			if len(pieces) > 1 || len(pieces) == 1 && strings.TrimSpace(value) != value[pieces[0].start:pieces[0].end] {
				t.Fatalf("%q is %d: %+v", value, form, pieces)
			}
			return
		}
		at := 0
		for _, p := range pieces {
			if p.start != at || p.end <= p.start || p.from < p.start || p.to > p.end || p.from > p.to {
				t.Fatalf("%q: %+v does not follow %d", value, p, at)
			}
			at = p.end
		}
		if at != len(value) {
			t.Fatalf("%q ends at %d", value, at)
		}
	})
}

// TestPositions: each character of an expression knows where it stands in the
// file, whatever references and line ends it is written with.
func TestPositions(t *testing.T) {
	unit := rapid.SampledFrom([]string{"a", "é", "&amp;", "&lt;", "&quot;", "&#65;", "\r\n", " ", "payload", "+", "(", ")"})
	played := 0
	rapid.Check(t, func(t *rapid.T) {
		played++
		before, inner := strings.Join(rapid.SliceOfN(unit, 0, 5).Draw(t, "before"), ""), strings.Join(rapid.SliceOfN(unit, 1, 20).Draw(t, "inner"), "")
		if strings.Contains(inner, "&quot;") {
			inner += "&quot;" // an even number would be better: what can't be cut is skipped below
		}
		text := `<mule xmlns="http://www.mulesoft.org/schema/mule/core"><flow name="f"><logger message="` + before + `#[` + inner + `]"/></flow></mule>`
		p, err := ReadFiles("x", map[string]string{"src/main/mule/a.xml": text})
		if err != nil || len(p.Flows) != 1 {
			t.Fatalf("%v %+v", err, p.Problems)
		}
		e := p.Flows[0].Steps[0]
		for _, part := range p.Template(p.Flows[0].File, e, &e.Attr("message").Value).Parts {
			c := part.Code
			if c == nil {
				continue
			}
			raw := text[c.Offset(0):c.Offset(len(c.Text))]
			if raw != inner {
				t.Fatalf("%q stands at %q, want %q", c.Text, raw, inner)
			}
			last := c.Offset(0)
			for i := 1; i <= len(c.Text); i++ {
				if c.Offset(i) < last {
					t.Fatalf("byte %d stands before the one before it", i)
				}
				last = c.Offset(i)
			}
			line, column := p.Position(c.File, c.Offset(0))
			wantLine, wantColumn := p.Flows[0].File.Document.Position(c.Offset(0))
			if line != wantLine || column != wantColumn {
				t.Fatalf("%d:%d, want %d:%d", line, column, wantLine, wantColumn)
			}
		}
	})
	t.Logf("%d values", played)
}

func TestOperations(t *testing.T) {
	cases := []struct {
		name string
		want *Operation
	}{
		{`get:\orders:api-config`, &Operation{"GET", "/orders", "", "api-config"}},
		{`put:\orders\(id):application\json:api-config`, &Operation{"PUT", "/orders/{id}", "application/json", "api-config"}},
		{`post:/a/b:application/vnd.x+json:c`, &Operation{"POST", "/a/b", "application/vnd.x+json", "c"}},
		{`get:\:c`, &Operation{"GET", "/", "", "c"}},
		{`get:\a`, &Operation{"GET", "/a", "", ""}},
		{`post:\a:multipart\form-data`, &Operation{"POST", "/a", "multipart/form-data", ""}},
		{`get:\a\(b:c):d`, &Operation{"GET", "/a/{b:c}", "", "d"}},
		{`get`, nil},
		{`get:orders`, nil},
		{`getOrders:\a:b`, nil},
		{`main`, nil},
	}
	for _, c := range cases {
		got := operationOf(c.name)
		if (got == nil) != (c.want == nil) || got != nil && *got != *c.want {
			t.Errorf("%s: got %+v, want %+v", c.name, got, c.want)
		}
	}
}

// TestCode: which language an expression or script is read in.
func TestCode(t *testing.T) {
	const three = `<mule xmlns="http://www.mulesoft.org/schema/mule/core" xmlns:dw="http://www.mulesoft.org/schema/mule/ee/dw"><flow name="f">
<a v="#[payload.a]"/><a v="#[dw('payload.a')]"/><a v="#[dw(&quot;payload.a ++ ''&quot;)]"/><a v="#[dw:payload as :string]"/>
<dw:set-payload><![CDATA[%dw 1.0
%output application/json
---
payload]]></dw:set-payload><expression-component>a = 1; b</expression-component>
<dw:set-payload resource="classpath:a.dwl"/><when expression="payload == 1"/></flow></mule>`
	p := read(t, map[string]string{"src/main/app/a.xml": three, "src/main/resources/a.dwl": "%dw 1.0\n---\npayload"})
	want := []struct {
		text     string
		language Language
	}{
		{"payload.a", MEL},
		{"payload.a", DataWeave1},
		{"payload.a ++ ''", DataWeave1},
		{"payload as :string", DataWeave1},
		{"%dw 1.0\n%output application/json\n---\npayload", DataWeave1},
		{"a = 1; b", MEL},
		{"%dw 1.0\n---\npayload", DataWeave1},
		{"payload == 1", MEL},
	}
	if p.Major != 3 || len(p.Flows[0].Steps) != len(want) {
		t.Fatalf("%d, %d steps", p.Major, len(p.Flows[0].Steps))
	}
	f := p.Flows[0].File
	for i, e := range p.Flows[0].Steps {
		var c *Code
		switch {
		case e.Attr("v") != nil:
			c = p.Template(f, e, &e.Attr("v").Value).Code()
		case e.Attr("expression") != nil:
			c = p.Expression(f, e, &e.Attr("expression").Value)
		default:
			c = p.Script(f, e)
		}
		if c == nil || c.Text != want[i].text || c.Language != want[i].language || c.Tree == nil || len(c.Tree.Problems) > 0 {
			t.Errorf("step %d is %+v, want %+v", i, c, want[i])
		}
	}
	const four = `<mule xmlns="http://www.mulesoft.org/schema/mule/core" xmlns:ee="http://www.mulesoft.org/schema/mule/ee/core"><flow name="f">
<a>#[payload]</a><a>plain</a><a>%dw 2.0 --- 1</a><ee:set-variable>payload</ee:set-variable><a>${file::dwl/a.dwl}</a><a file="none.dwl"/><a v="#[mel:flowVars.x]"/></flow></mule>`
	p = read(t, map[string]string{"src/main/mule/a.xml": four, "src/main/resources/dwl/a.dwl": "1"})
	got := ""
	for _, e := range p.Flows[0].Steps {
		c := p.Script(p.Flows[0].File, e)
		if a := e.Attr("v"); a != nil {
			c = p.Template(p.Flows[0].File, e, &a.Value).Code()
		}
		if c == nil {
			got += "- "
		} else {
			got += fmt.Sprintf("%s/%d ", c.Text, c.Language)
		}
	}
	if got != "payload/1 - %dw 2.0 --- 1/1 payload/1 1/1 - flowVars.x/3 " {
		t.Errorf("got %s", got)
	}
}

// FuzzReadFiles: whatever a Mule file, a Maven file and a property file hold, a
// project comes out, and whatever code it has stands inside its files.
func FuzzReadFiles(f *testing.F) {
	f.Add(muleRoot+`<flow name="get:\a:b"><a b="#[c] ${d}"/></flow></mule>`, appPOM, "a=b")
	f.Fuzz(func(t *testing.T, config, pom, properties string) {
		p, err := ReadFiles("x", map[string]string{"src/main/mule/a.xml": config, "pom.xml": pom, "src/main/resources/a.properties": properties, "mule-artifact.json": properties})
		if err != nil {
			t.Fatal(err)
		}
		for _, c := range p.Configs {
			c.Document.Root.Walk(func(e *document.Element) bool {
				p.Script(c, e)
				for i := range e.Attrs {
					for _, part := range p.Template(c, e, &e.Attrs[i].Value).Parts {
						if part.Code != nil && (part.Code.Offset(0) < 0 || part.Code.Offset(len(part.Code.Text)) > len(c.Text)) {
							t.Fatalf("%q stands outside", part.Code.Text)
						}
					}
				}
				return true
			})
		}
	})
}

// TestLimitsDefault: a field of zero stands for the default.
func TestLimitsDefault(t *testing.T) {
	if got := (Limits{Depth: 3}).orDefault(); got.Depth != 3 || got.FileBytes != 4<<20 || got.XML.MaxChildren != 100_000 || got.XML.MaxDepth != xmltext.DefaultLimits().MaxDepth {
		t.Errorf("%+v", got)
	}
}
