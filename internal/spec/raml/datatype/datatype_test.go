package datatype

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/txtar"

	"farrier.dev/farrier/internal/encoding/tree"
	"farrier.dev/farrier/internal/spec"
)

// known is a scope over a map of types.
type known struct{ decls *tree.Node }

func (s known) Lookup(name string) (*tree.Node, Scope, bool) {
	m := s.decls.Member(name)
	if m == nil {
		return nil, nil, false
	}
	return m.Value, s, true
}

func read(t testing.TB, text string) *tree.Node {
	t.Helper()
	n, err := tree.Read(&tree.Source{Name: "api.raml", Text: []byte(text)}, tree.Options{})
	if err != nil {
		t.Fatalf("%v in:\n%s", err, text)
	}
	return n
}

const otherFile = `{"definitions": {"size": {"type": "integer", "minimum": 0}}}`

func options(decls *tree.Node) Options {
	return Options{
		Name: func(decl *tree.Node) string {
			for _, m := range decls.Fields() {
				if m.Value == decl {
					return m.Name
				}
			}
			return ""
		},
		Target: func(_, ref string) (*tree.Node, error) {
			if ref != "other.json" {
				return nil, errors.New("there is no such file")
			}
			return tree.Read(&tree.Source{Name: "other.json", Text: []byte(otherFile)}, tree.Options{})
		},
		CheckXML: func(_ string, _ []byte, _ string, document []byte) error {
			if strings.Contains(string(document), "wrong") {
				return errors.New("wrong is not declared")
			}
			return nil
		},
	}
}

// declare makes the types of a map.
func declare(decls *tree.Node, o Options) (*Set, map[string]*Type) {
	s, types := NewSet(o), map[string]*Type{}
	for _, m := range decls.Fields() {
		types[m.Name] = s.Declare(m.Name, Declared, m.Value, known{decls})
	}
	return s, types
}

// TestTypes plays the cases of testdata: what is good is accepted, what is not is
// refused by the rule that the case names, at the line that is marked, and by no
// other.
func TestTypes(t *testing.T) {
	files, err := filepath.Glob("testdata/*.txtar")
	if err != nil {
		t.Fatal(err)
	}
	played, refused := 0, 0
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		for _, c := range txtar.Parse(text).Files {
			rule, title, ok := strings.Cut(c.Name, ": ")
			if !ok {
				t.Fatalf("%s: %q has no rule", file, c.Name)
			}
			played++
			if rule != "good" {
				refused++
			}
			t.Run(strings.TrimSuffix(filepath.Base(file), ".txtar")+"/"+title, func(t *testing.T) {
				play(t, rule, string(c.Data))
			})
		}
	}
	t.Logf("%d declarations were judged, %d of them are wrong", played, refused)
	if played < 250 || refused < 150 {
		t.Errorf("only %d cases, %d of them wrong", played, refused)
	}
}

func play(t *testing.T, rule, text string) {
	t.Helper()
	decls := read(t, text)
	s, _ := declare(decls, options(decls))
	problems := slices.DeleteFunc(s.Problems(), func(p spec.Problem) bool { return p.Warning })
	if rule == "good" {
		for _, p := range problems {
			t.Errorf("refused by %s: %v", p.Rule, p)
		}
		return
	}
	if len(problems) == 0 {
		t.Fatalf("accepted, but %s refuses it:\n%s", rule, text)
	}
	at := 0
	for i, line := range strings.Split(text, "\n") {
		if strings.HasSuffix(line, "# here") {
			at = i + 1
		}
	}
	for _, p := range problems {
		if p.Rule != rule || at > 0 && p.Line != at || p.File != "api.raml" || p.Message == "" {
			t.Errorf("want %s at line %d, got %s: %v", rule, at, p.Rule, p)
		}
	}
}

func TestFields(t *testing.T) {
	decls := read(t, `
A: '{"type": "object"}'
L: string[]
`)
	for _, c := range []struct {
		name, text string
		use        Use
		old        bool
		want, rule string
	}{
		{"names", "a: string\nb?: integer\nc: {required: false}\n", Parameter, false, "a! b c", ""},
		{"nothing", "null", Parameter, false, "", ""},
		{"annotations are left", "a: string\n(note): x\n", Parameter, false, "a!", ""},
		{"patterns are names of parameters", "/a/: string\n", Parameter, false, "/a/!", ""},
		{"patterns of properties", "/a/: string\n", Property, false, "~a", ""},
		{"slash in the name of a property", "/: string\n", Property, false, "/!", ""},
		{"external", "a: A\n", Parameter, false, "a!", "raml-external-type"},
		{"external among alternatives", "a: A | string\n", Parameter, false, "a!", "raml-external-type"},
		{"external property", "a: A\n", Property, false, "a!", ""},
		{"slash in an example", "a: {example: x/y}\n", URI, false, "a!", "raml-uri-value"},
		{"slash in a default", "a: {default: x/y}\n", URI, false, "a!", "raml-uri-value"},
		{"slash in an enum", "a: {enum: [x/y]}\n", URI, false, "a!", "raml-uri-value"},
		{"slash in an example of a query", "a: {example: x/y}\n", Parameter, false, "a!", ""},
		{"a list", "[a]", Parameter, false, "", "raml-facet-value"},
		{"RAML 0.8", "a: {type: date, repeat: true, example: 'Sun, 28 Feb 2016 16:41:41 GMT'}\nb: {required: true}\nc?: {}\n", Parameter, true, "a b! c?", ""},
		{"RAML 0.8 URI", "a: {}\n", URI, true, "a!", ""},
		{"RAML 0.8, one of several", "a: [{type: integer}, {type: date}]\nb: [{type: string, example: 1}]", Parameter, true, "a b", ""},
		{"RAML 0.8, texts of numbers", "a: {type: integer, example: '1'}\nb: {type: boolean, default: 'true'}\nc: {example: true}", Parameter, true, "a b c", ""},
		{"RAML 0.8, wrong number", "a: {type: integer, example: one}", Parameter, true, "a", "raml-value-type"},
		{"RAML 0.8 has no arrays", "a: {type: array}", Parameter, true, "a", "raml-unknown-type"},
		{"RAML 0.8, a date", "a: {type: date, example: '2015-05-23'}", Parameter, true, "a", "raml-value-format"},
		{"repeat is of RAML 0.8", "a: {repeat: true}\n", Parameter, false, "a!", "raml-unknown-facet"},
	} {
		t.Run(c.name, func(t *testing.T) {
			o := options(decls)
			o.RAML08 = c.old
			s := NewSet(o)
			var got []string
			for _, f := range s.Fields(c.use, read(t, c.text), known{decls}) {
				name := f.Name
				if f.Pattern {
					name = "~" + name
				}
				if f.Required {
					name += "!"
				}
				got = append(got, name)
			}
			if have := strings.Join(got, " "); have != c.want {
				t.Errorf("got %q, want %q", have, c.want)
			}
			only(t, s.Problems(), c.rule)
		})
	}
}

// only expects one rule to be violated, or none.
func only(t *testing.T, problems []spec.Problem, rule string) {
	t.Helper()
	found := false
	for _, p := range problems {
		if p.Rule != rule {
			t.Errorf("not expected: %s: %v", p.Rule, p)
		}
		found = true
	}
	if !found && rule != "" {
		t.Errorf("%s was not told", rule)
	}
}

func TestUses(t *testing.T) {
	decls := read(t, "A: '{\"type\": \"object\"}'\nO: {properties: {a: string}}\nL: string[]\n")
	for _, c := range []struct {
		name, text string
		use        Use
		value      string
		rule       string
	}{
		{"body without a type", "description: x", Body, "[1, {}]", ""},
		{"body with properties", "properties: {a: string}", Body, "[1]", "raml-value-type"},
		{"body of a JSON schema", "type: A", Body, "[1]", "raml-value-schema"},
		{"parameter without a type", "description: x", Parameter, "1", "raml-value-type"},
		{"annotation", "allowedTargets: [API]\ntype: integer", Annotation, "x", "raml-value-type"},
		{"annotation of nil", "type: nil", Annotation, "null", ""},
		{"annotation without a value", "type: string", Annotation, "null", "raml-value-type"},
		{"query string", "type: O", QueryString, "{a: x}", ""},
		{"null is text", "null", Declared, "x", ""},
		{"null is any body", "null", Body, "[x]", ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := NewSet(options(decls))
			typ := s.As(c.use, read(t, c.text), known{decls})
			only(t, s.Problems(), "")
			only(t, typ.Check(read(t, c.value)), c.rule)
		})
	}
	for _, c := range []struct {
		name, text string
		use        Use
		rule       string
	}{
		{"targets of a type", "allowedTargets: [API]", Declared, "raml-unknown-facet"},
		{"query string of a JSON schema", "type: A", QueryString, "raml-external-type"},
		{"query string that is a list", "type: L", QueryString, "raml-query-string"},
		{"items of a body", "items: string", Body, "raml-facet-not-allowed"},
		{"discriminator of a body", "discriminator: a\nproperties: {a: string}", Body, "raml-discriminator"},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := NewSet(options(decls))
			s.As(c.use, read(t, c.text), known{decls})
			only(t, s.Problems(), c.rule)
		})
	}
}

// TestNotThere shows that nothing given is no failure.
func TestNotThere(t *testing.T) {
	s := NewSet(Options{})
	only(t, s.Type(nil, nil).Check(read(t, "x")), "")
	only(t, s.As(Body, nil, nil).Check(read(t, "1")), "")
	only(t, s.Type(read(t, "string"), nil).Check(nil), "")
	if got := fmt.Sprint(s.As(Body, nil, nil).Schema().Any()); got != "map[]" {
		t.Errorf("the schema of any body is %s", got)
	}
	only(t, s.Problems(), "")
}

// TestMessages shows what people are told.
func TestMessages(t *testing.T) {
	decls := read(t, `
Person:
  properties:
    name: {type: string, maxLength: 3}
    friends?: Person[]
  example:
    name: Ann
    friends:
      - name: Ann
        friends: [{name: Anna}]
Old:
  type: Person
  maxLenght: 3
`)
	s, _ := declare(decls, options(decls))
	want := []string{
		"api.raml:10: friends[0].friends[0].name: the value has 4 characters, but at most 3 are allowed",
		"api.raml:13: maxLenght is no facet; declare it in the facets of a type that is inherited, or write it as an annotation in parentheses",
	}
	var got []string
	for _, p := range s.Problems() {
		got = append(got, p.String())
	}
	if !slices.Equal(got, want) {
		t.Errorf("got:\n%s\nwant:\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}
