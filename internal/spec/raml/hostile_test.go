package raml

import (
	"fmt"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"github.com/rogpeppe/go-internal/txtar"

	"farrier.dev/farrier/internal/encoding/tree"
	"farrier.dev/farrier/internal/spec"
)

// project is one of files that are given as name and text in turn.
func project(files ...string) *spec.Project {
	fsys := fstest.MapFS{}
	for i := 0; i < len(files); i += 2 {
		fsys[files[i]] = &fstest.MapFile{Data: []byte(files[i+1])}
	}
	return spec.NewProject(fsys, spec.ProjectLimits{Document: tree.Options{MaxNodes: 300_000}})
}

func lines(n int, line func(i int) string) string {
	var b strings.Builder
	for i := range n {
		b.WriteString(line(i))
	}
	return b.String()
}

const begin = "#%RAML 1.0\ntitle: T\n"

// hostileProject is a description that is made to cost much, and the rule by
// which it is refused.
type hostileProject struct {
	name, rule string
	files      []string
}

// hostileTemplates are those whose templates multiply.
func hostileTemplates() []hostileProject {
	nested := ""
	for i := range 60 {
		nested += fmt.Sprintf("  t%d: {is: [{t%d: {p: '<<p>><<p>>'}}], description: <<p>>}\n", i, i+1)
	}
	lists := ""
	for i := range 60 {
		lists += fmt.Sprintf("  t%d: {is: [{t%d: {p: [<<p>>, <<p>>]}}], (a): <<p>>}\n", i, i+1)
	}
	return []hostileProject{
		{"texts that double", "raml-too-large", []string{"api.raml", begin + "traits:\n" + nested + "  t60: {description: <<p>>}\n/a:\n  get:\n    is: [{t0: {p: xxxxxxxxxxxxxxxx}}]\n"}},
		{"lists that double", "raml-too-large", []string{"api.raml", begin + "annotationTypes: {a: any}\ntraits:\n" + lists + "  t60: {(a): <<p>>}\n/a:\n  get:\n    is: [{t0: {p: xxxxxxxxxxxxxxxx}}]\n"}},
		{"a trait for many", "raml-too-large", []string{"api.raml", begin + "traits:\n  t:\n    headers:\n" +
			lines(800, func(i int) string { return fmt.Sprintf("      h%d-<<p>>: string\n", i) }) +
			lines(800, func(i int) string { return fmt.Sprintf("/r%d:\n  get: {is: [{t: {p: x}}]}\n", i) })}},
		{"a body for many", "raml-too-large", []string{"api.raml", begin + "resourceTypes:\n  t:\n    post:\n      body:\n        application/json:\n          properties:\n" +
			lines(5000, func(i int) string { return fmt.Sprintf("            p%d: string\n", i) }) +
			lines(5000, func(i int) string { return fmt.Sprintf("/r%d: {type: t}\n", i) })}},
	}
}

// hostileFiles are those that cost much before any template is applied.
func hostileFiles() []hostileProject {
	includes := []string{"api.raml", begin + "types:\n  a: !include f0.yaml\n"}
	for i := range 12 {
		includes = append(includes, fmt.Sprintf("f%d.yaml", i), lines(10, func(k int) string {
			return fmt.Sprintf("k%d: !include f%d.yaml\n", k, i+1)
		}))
	}
	includes = append(includes, "f12.yaml", "x: 1\n")
	deep := []string{"api.raml", begin + "types:\n  a: !include f0.yaml\n"}
	for i := range 100 {
		deep = append(deep, fmt.Sprintf("f%d.yaml", i), fmt.Sprintf("properties: {p: !include f%d.yaml}\n", i+1))
	}
	return []hostileProject{
		{"includes that multiply", "raml-too-large", includes},
		{"includes in includes", "raml-include-cycle", append(deep, "f100.yaml", "type: string\n")},
		{"an include of itself", "raml-include-cycle", []string{"api.raml", begin + "types:\n  a: !include a.yaml\n", "a.yaml", "properties: {a: !include a.yaml}\n"}},
		{"a library of itself", "raml-include-cycle", []string{"api.raml", begin + "uses: {l: l.raml}\n", "l.raml", "#%RAML 1.0 Library\nuses: {l: l.raml}\n"}},
		{"an overlay of itself", "raml-include-cycle", []string{"api.raml", "#%RAML 1.0 Overlay\nextends: api.raml\n"}},
		{"overlays in a circle", "raml-include-cycle", []string{"api.raml", "#%RAML 1.0 Overlay\nextends: b.raml\n", "b.raml", "#%RAML 1.0 Overlay\nextends: api.raml\n"}},
		{"aliases that multiply", "raml-syntax", []string{"api.raml", begin + "a: &a [x,x,x,x,x,x,x,x,x,x]\n" + lines(12, func(i int) string {
			c := string(rune('a' + i))
			n := string(rune('a' + i + 1))
			return n + ": &" + n + " [" + strings.Repeat("*"+c+",", 9) + "*" + c + "]\n"
		})}},
		{"brackets", "raml-syntax", []string{"api.raml", begin + "x: " + strings.Repeat("[", 5000) + strings.Repeat("]", 5000)}},
		{"a long path for many", "raml-too-large", []string{"api.raml", begin + lines(8, func(i int) string {
			return strings.Repeat(" ", i) + "/" + strings.Repeat("a", 1000) + ":\n"
		}) + lines(20_000, func(i int) string { return fmt.Sprintf("        /%d:\n", i) })}},
		{"many mistakes", "raml-unknown-facet", []string{"api.raml", begin + lines(30_000, func(i int) string { return fmt.Sprintf("f%d: 1\n", i) })}},
		{"many names in a list of version 0.8", "raml-missing-facet", []string{"api.raml", "#%RAML 0.8\nbaseUri: a\ntraits:\n" +
			lines(10_000, func(i int) string { return fmt.Sprintf("  - t%d: {}\n", i) }) + "/a:\n  get:\n    is: [" +
			lines(10_000, func(i int) string { return fmt.Sprintf("t%d, ", i) }) + "t1]\n"}},
		{"a line of many texts", "raml-missing-facet", []string{"api.raml", "#%RAML 1.0\n{types: {a: {enum: [" + strings.Repeat("a!, ", 60_000) + "b]}}, baseUri: a}\n"}},
		{"another folder", "raml-file", []string{"api.raml", begin + "description: !include ../../etc/passwd\n"}},
	}
}

// TestHostile reads descriptions that are made to cost much.
func TestHostile(t *testing.T) {
	for _, test := range append(hostileTemplates(), hostileFiles()...) {
		t.Run(test.name, func(t *testing.T) {
			start := time.Now()
			doc := Read(project(test.files...), "api.raml")
			took := time.Since(start)
			t.Logf("%v, %d problems", took.Round(time.Millisecond), len(doc.Problems))
			if took > 15*time.Second {
				t.Errorf("reading took %v", took)
			}
			if len(doc.Problems) == 0 || len(doc.Problems) > maxProblems {
				t.Fatalf("%d problems", len(doc.Problems))
			}
			for _, p := range doc.Problems {
				if p.Rule == test.rule {
					return
				}
			}
			t.Errorf("no problem by %s: %v", test.rule, rules(doc)[:min(3, len(doc.Problems))])
		})
	}
}

// TestRemote tells that includes from the network are not read and that the
// description is no worse for it.
func TestRemote(t *testing.T) {
	const include = "!include https://example.com/a\n"
	doc := Read(project("api.raml", begin+"description: "+include+"types:\n  A: "+include+"  B:\n    type: A\n    example: {a: 1}\n  C:\n    properties: {}\n    example: "+include), "api.raml")
	if len(doc.Problems) != 3 || !doc.Valid() {
		t.Errorf("problems: %v", doc.Problems)
	}
	for _, p := range doc.Problems {
		if !p.Warning || p.Rule != "raml-include-remote" {
			t.Errorf("problem: %+v", p)
		}
	}
}

// FuzzRead reads two files; whatever they hold, there is a document and every
// problem has a rule.
func FuzzRead(f *testing.F) {
	f.Add(begin+"types:\n  a: !include b.raml\n/a/{id}:\n  get:\n", "#%RAML 1.0 DataType\ntype: string\n")
	f.Add(begin+"uses: {l: b.raml}\n/a:\n  type: {l.t: {p: x}}\n  get:\n", "#%RAML 1.0 Library\nresourceTypes:\n  t:\n    get?:\n      description: <<p | !pluralize>>\n")
	f.Add("#%RAML 1.0 Overlay\nextends: b.raml\ntitle: x\n", begin+"/a:\n  is: [t]\n  get:\ntraits: {t: {body: {text/plain: {example: a}}}}\n")
	f.Add("#%RAML 0.8\ntitle: x\nschemas: [{a: '{}'}]\n/a:\n  post:\n    body:\n      application/json: {schema: a}\n", "")
	f.Add(begin+"securitySchemes: {a: {type: OAuth 2.0, settings: {authorizationGrants: [implicit], authorizationUri: a}}}\nsecuredBy: [a]\n/a:\n  get:\n", "")
	for _, name := range []string{"testdata/raml10.txtar", "testdata/raml08.txtar"} {
		archive, err := txtar.ParseFile(name)
		if err != nil {
			f.Fatal(err)
		}
		for _, file := range archive.Files {
			f.Add(string(file.Data), "")
		}
	}
	f.Fuzz(func(t *testing.T, api, other string) {
		doc := Read(project("api.raml", api, "b.raml", other), "api.raml")
		for _, p := range doc.Problems {
			if p.Rule == "" || p.Message == "" {
				t.Errorf("a problem without a rule: %+v", p)
			}
		}
		if doc.Root != nil {
			_ = doc.Root.Any()
		}
	})
}
