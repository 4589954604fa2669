package report_test

import (
	"bytes"
	"encoding/json"
	"encoding/xml"
	"errors"
	"fmt"
	"html"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"

	"github.com/rogpeppe/go-internal/txtar"
	"github.com/santhosh-tekuri/jsonschema/v6"
	"pgregory.net/rapid"

	"farrier.dev/farrier/internal/finding"
	"farrier.dev/farrier/internal/finding/report"
	"farrier.dev/farrier/internal/programtest"
)

// sarifSchema is the standard's schema, as its authors ship it for tests.
func sarifSchema(t *testing.T) *jsonschema.Schema {
	t.Helper()
	dir := programtest.NPM(t, "@microsoft/jest-sarif@1.0.0-beta.0")
	f, err := os.Open(filepath.Join(dir, "node_modules/@microsoft/jest-sarif/lib/schemas/sarif-2.1.0-rtm.5.json"))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	doc, err := jsonschema.UnmarshalJSON(f)
	if err != nil {
		t.Fatal(err)
	}
	c := jsonschema.NewCompiler()
	c.AssertFormat()
	if err := c.AddResource("sarif.json", doc); err != nil {
		t.Fatal(err)
	}
	s, err := c.Compile("sarif.json")
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func TestSARIFSatisfiesItsSchema(t *testing.T) {
	schema := sarifSchema(t)
	valid := func(text string) error {
		doc, err := jsonschema.UnmarshalJSON(strings.NewReader(text))
		if err != nil {
			return err
		}
		return schema.Validate(doc)
	}
	files, _ := filepath.Glob("testdata/*.txtar")
	for _, name := range files {
		a, err := txtar.ParseFile(name)
		if err != nil {
			t.Fatal(err)
		}
		text := write(t, report.SARIF, load(t, a))
		if err := valid(text); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		if valid(strings.Replace(text, `"version": "2.1.0"`, `"version": "2.2.0"`, 1)) == nil {
			t.Error("the schema takes another version")
		}
	}
	rapid.Check(t, func(r *rapid.T) {
		rep := anyReport(r)
		var b strings.Builder
		if err := report.Write(&b, report.SARIF, rep); err != nil {
			r.Fatal(err)
		}
		if err := valid(b.String()); err != nil {
			r.Fatalf("%v\n%s", err, b.String())
		}
	})
	if t.Logf("%d files and generated reports", len(files)); len(files) < 4 {
		t.Fatal("too few files")
	}
}

// hostile are texts that attack whoever reads them somewhere.
func hostile() []string {
	return []string{
		"\x1b[31mred\x1b[0m", "\x9b31m", "\u009b31m", "a\rb", "line\nforged.yaml:1:1: critical x: y", "\u202egpj.exe", "\u2066x\u2069",
		"<script>alert(1)</script>", `"><img src=x onerror=alert(1)>`, "]]>", "<![CDATA[x]]>", "&amp;lt;", "{{.}}", "\x00", "\xff\xfe",
		"\ufffe\uffff", "[x](https://evil.example)", "\u2028", "\U000e0041", "a\tb\vc", "%s%n", "javascript:alert(1)", "--><!--", "\ufeff",
	}
}

// TestHostileTexts holds that no text leaves any writer as what it is not.
func TestHostileTexts(t *testing.T) {
	played := 0
	for _, evil := range hostile() {
		f := finding.Finding{
			Rule: "r" + evil, Severity: finding.High, Title: "t" + evil, Message: "m" + evil, Fix: "f" + evil, Excerpt: "e" + evil,
			Location: finding.Location{File: "d" + evil, Line: 1, API: "a" + evil, Operation: "o" + evil, Place: "p" + evil},
			Taxonomy: finding.Taxonomy{OWASP2019: "x" + evil, OWASP2023: "y" + evil, Controls: map[string][]string{"c" + evil: {"k" + evil}}},
			Way:      []finding.Step{{Location: finding.Location{File: "d" + evil, Line: 1}, Message: "w" + evil, Excerpt: "l" + evil}},
			Repair:   &finding.Repair{Title: "h" + evil, Edits: []finding.Edit{{File: "d" + evil, Text: "i" + evil}}},
		}
		var known bytes.Buffer
		stale := f
		stale.Rule += "gone"
		if err := report.WriteBaseline(&known, []finding.Finding{stale}); err != nil {
			t.Fatal(err)
		}
		baseline, err := report.Parse("b"+evil, known.Bytes())
		if err != nil {
			t.Fatal(err)
		}
		r := &report.Report{
			Tool:     report.Tool{Name: "n" + evil, Version: "v" + evil, Home: evil},
			Files:    []report.File{{File: "d" + evil, Status: "s" + evil, Details: evil, Findings: []finding.Finding{f}}},
			Rules:    []report.RuleInfo{{ID: "r" + evil, Title: "t" + evil, Severity: finding.High, Why: "w" + evil, Mend: "z" + evil, Help: evil}},
			Flows:    []report.Flow{{Name: "n" + evil, File: "d" + evil, Line: 1, EndLine: 2, Nodes: []report.Node{{Label: "b" + evil, Line: 1, EndLine: 1}}}},
			Baseline: baseline,
		}
		lines := 6 // the finding, its source, its way, how to mend it, the stale entry, the sum
		if !utf8.ValidString(evil) {
			lines = 5 // JSON can't name the file, so that nobody looked there
		}
		for _, format := range report.Formats() {
			played++
			got := write(t, format, r)
			for i, c := range got {
				if c == utf8.RuneError && !strings.HasPrefix(got[i:], "\ufffd") || c != '\n' && c != ' ' && !unicode.IsPrint(c) {
					t.Errorf("%q as %s has the character %q in %q", evil, format, c, got[max(0, i-20):i+1])
					break
				}
			}
			switch format {
			case report.Text:
				if n := strings.Count(got, "\n"); n != lines {
					t.Errorf("%q gives %d lines, not %d:\n%s", evil, n, lines, got)
				}
			case report.JSON, report.SARIF:
				var v any
				if err := json.Unmarshal([]byte(got), &v); err != nil {
					t.Errorf("%q as %s: %v", evil, format, err)
				}
			case report.JUnit:
				if err := wellFormed(got); err != nil {
					t.Errorf("%q as XML: %v", evil, err)
				}
			case report.HTML:
				if evil != "&amp;lt;" && strings.ContainsAny(evil, "<>\"&") && strings.Contains(got, evil) {
					t.Errorf("%q stands in the page as it is", evil)
				}
				if strings.Contains(got, `href="javascript`) || strings.Contains(got, "<script") || strings.Contains(got, " src=") && !strings.Contains(got, "img src=") {
					t.Errorf("%q runs or loads something", evil)
				}
			}
		}
	}
	if t.Logf("%d texts in formats", played); played < 100 {
		t.Fatal("too few")
	}
}

func wellFormed(text string) error {
	d := xml.NewDecoder(strings.NewReader(text))
	for {
		if _, err := d.Token(); errors.Is(err, io.EOF) {
			return nil
		} else if err != nil {
			return err
		}
	}
}

// anyReport makes a report whose findings all have messages of their own.
func anyReport(r *rapid.T) *report.Report {
	number := 0
	some := rapid.SliceOfN(rapid.Custom(func(r *rapid.T) finding.Finding {
		number++
		return finding.Finding{
			Rule: rapid.SampledFrom([]string{"a", "b", "c"}).Draw(r, "rule"), Severity: finding.Severity(rapid.IntRange(1, 5).Draw(r, "severity")),
			Title: rapid.String().Draw(r, "title"), Message: fmt.Sprintf("message-%d-", number) + rapid.String().Draw(r, "message"),
			Location: finding.Location{
				File: rapid.SampledFrom([]string{"", "a.yaml", "/b/c d.yaml", "x:y%.raml"}).Draw(r, "file"), Line: rapid.IntRange(0, 9).Draw(r, "line"),
				Column: rapid.IntRange(0, 9).Draw(r, "column"), Place: rapid.SampledFrom([]string{"", "#/a", "#/b"}).Draw(r, "place"),
			},
			Taxonomy: finding.Taxonomy{CWE: rapid.IntRange(0, 3).Draw(r, "cwe")},
		}
	}), 0, 5)
	rep := &report.Report{Tool: report.Tool{Name: "t"}, Findings: some.Draw(r, "findings")}
	for i := range rapid.IntRange(0, 3).Draw(r, "files") {
		rep.Files = append(rep.Files, report.File{File: fmt.Sprintf("%d.yaml", i), Findings: some.Draw(r, "of file")})
	}
	return rep
}

// TestEachFindingOnce holds that no format loses or repeats a finding, also
// where two lists name the same.
func TestEachFindingOnce(t *testing.T) {
	rapid.Check(t, func(r *rapid.T) {
		rep := anyReport(r)
		all := rep.All()
		if rapid.Bool().Draw(r, "told twice") {
			rep.Findings = append(rep.Findings, all...)
		}
		var b bytes.Buffer
		if err := report.WriteBaseline(&b, all[:len(all)/2]); err != nil {
			r.Fatal(err)
		}
		baseline, err := report.Parse("b", b.Bytes())
		if err != nil {
			r.Fatal(err)
		}
		rep.Baseline = baseline
		if n := len(rep.All()); n != len(all) {
			r.Fatalf("%d findings became %d", len(all), n)
		}
		for _, format := range report.Formats() {
			var out strings.Builder
			if err := report.Write(&out, format, rep); err != nil {
				r.Fatal(err)
			}
			for _, f := range all {
				mark := f.Message[:strings.Index(f.Message[len("message-"):], "-")+len("message--")]
				if n := strings.Count(listed(format, out.String()), mark); n != 1 {
					r.Fatalf("%s holds %q %d times:\n%s", format, mark, n, out.String())
				}
			}
		}
	})
}

// listed is the part of a report that holds each finding once.
func listed(format report.Format, text string) string {
	switch format {
	case report.JSON:
		findings, _, _ := strings.Cut(text, "\n  \"summary\"")
		return findings
	case report.JUnit:
		var out strings.Builder
		for _, line := range strings.Split(text, "\n") {
			for _, attribute := range []string{`<failure message="`, `<skipped message="`} {
				if _, rest, ok := strings.Cut(line, attribute); ok {
					message, _, _ := strings.Cut(rest, `"`)
					out.WriteString(message + "\n")
				}
			}
		}
		return out.String()
	case report.HTML:
		return html.UnescapeString(text)
	default:
		return text
	}
}

func TestThreshold(t *testing.T) {
	played := 0
	for _, c := range []struct {
		at   string
		fail []finding.Severity
	}{
		{"critical", []finding.Severity{finding.Critical}},
		{"high", []finding.Severity{finding.Critical, finding.High}},
		{"medium", []finding.Severity{finding.Critical, finding.High, finding.Medium}},
		{"low", []finding.Severity{finding.Critical, finding.High, finding.Medium, finding.Low}},
		{"none", nil},
	} {
		at, err := report.ParseThreshold(c.at)
		if err != nil {
			t.Fatal(err)
		}
		for s := finding.Info; s <= finding.Critical; s++ {
			want := false
			for _, f := range c.fail {
				want = want || f == s
			}
			if got := report.Failed([]finding.Finding{{Severity: s}}, at); got != want {
				t.Errorf("%s at the threshold %s: %v", s, c.at, got)
			}
			played++
		}
	}
	if played != 25 {
		t.Fatalf("played %d", played)
	}
	for _, wrong := range []string{"", "info", "High", "all"} {
		if _, err := report.ParseThreshold(wrong); err == nil || !strings.Contains(err.Error(), "must be one of critical, high, medium, low, none") {
			t.Errorf("the threshold %q: %v", wrong, err)
		}
	}
	var forgotten report.Threshold
	if !report.Failed([]finding.Finding{{Severity: finding.Info}}, forgotten) {
		t.Error("a forgotten threshold lets everything pass")
	}
	if _, err := report.ParseFormat("xml"); err == nil || !strings.Contains(err.Error(), "text, json, sarif, junit, html") {
		t.Errorf("the format xml: %v", err)
	}
}

func TestWhatIsWrongIsNotWritten(t *testing.T) {
	r := &report.Report{Findings: []finding.Finding{{Rule: "r"}}}
	for _, format := range report.Formats() {
		var b strings.Builder
		if err := report.Write(&b, format, r); err == nil || !strings.Contains(err.Error(), `rule "r" has no severity`) || b.Len() > 0 {
			t.Errorf("%s: %v, wrote %q", format, err, b.String())
		}
	}
	if err := report.Write(io.Discard, "pdf", new(report.Report)); err == nil || !strings.Contains(err.Error(), `"pdf"`) {
		t.Errorf("an unknown format: %v", err)
	}
}

func TestTerminalHasColours(t *testing.T) {
	r := &report.Report{Findings: []finding.Finding{{Rule: "r", Severity: finding.Critical, Message: "m\x1b[0m", Location: finding.Location{File: "f", Line: 2}}}}
	var b strings.Builder
	if err := report.WriteTerminal(&b, r); err != nil {
		t.Fatal(err)
	}
	if want := "f:2: \x1b[1;31mcritical\x1b[0m r: m\\x1b[0m\n1 finding: 1 critical\n"; b.String() != want {
		t.Errorf("%q, want %q", b.String(), want)
	}
}
