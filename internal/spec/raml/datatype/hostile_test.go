package datatype

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"farrier.dev/farrier/internal/encoding/tree"
)

// lines writes one line for each number.
func lines(from, to int, format string) string {
	var b strings.Builder
	for i := from; i < to; i++ {
		b.WriteString(strings.NewReplacer("{i}", fmt.Sprint(i), "{j}", fmt.Sprint(i+1), "{k}", fmt.Sprint((i*7+3)%to)).Replace(format))
		b.WriteByte('\n')
	}
	return b.String()
}

// circles are types whose properties run in circles of different lengths, so that
// their intersection runs in one as long as all of these multiplied.
func circles(lengths ...int) string {
	var b strings.Builder
	var heads []string
	for c, n := range lengths {
		heads = append(heads, fmt.Sprintf("C%d_0", c))
		for i := range n {
			fmt.Fprintf(&b, "C%d_%d: {properties: {next: C%d_%d, own: string}}\n", c, i, c, (i+1)%n)
		}
	}
	return b.String() + "All: {type: [" + strings.Join(heads, ", ") + "]}\n"
}

// TestHostile shows that types which are made to cost much are judged, written
// and held against values in bounded time.
func TestHostile(t *testing.T) {
	deep := strings.Repeat(`{"a": `, 150) + `1` + strings.Repeat("}", 150)
	for _, c := range []struct{ name, types, rule string }{
		{"a long chain of heirs", "T0: object\n" + lines(1, 3000, "T{i}: {type: T{j}, properties: {p{i}: string}}") + "T3000: object\n", "raml-types-too-complex"},
		{"a long chain, properties inherited", "T0: object\n" + lines(0, 300, "T{j}: {type: T{i}, properties: {p{i}: string}}"), ""},
		{"many ways up", "A0: {properties: {a: string}}\nB0: {properties: {b: string}}\n" +
			lines(0, 100, "A{j}: {type: [A{i}, B{i}]}\nB{j}: {type: [A{i}, B{i}]}"), ""},
		{"many ways up, overridden", "A0: {properties: {a: string}}\nB0: {properties: {a: string}}\n" +
			lines(0, 60, "A{j}: {type: [A{i}, B{i}], properties: {a: {type: string, minLength: {i}}}}\nB{j}: {type: [A{i}, B{i}], properties: {a: {type: string, maxLength: {i}}}}"), "*"},
		{"unions that double", "U0: string | integer\n" + lines(0, 100, "U{j}: U{i} | U{i}") + "V:\n  type: U100\n  example: true\n", "raml-value-union"},
		{"unions that double, restricted", "U0: string | integer\n" + lines(0, 60, "U{j}: U{i} | U{i}") + "V:\n  type: U60\n  minLength: 2\n", "raml-types-too-complex"},
		{"unions of objects of unions", "A: {properties: {a: A | A | A}}\nB:\n  type: A | A\n  example: " + deep + "\n", "*"},
		{"unions that contain each other", lines(0, 30, "T{i}: {properties: {a: T{k} | T{j} | integer}}") + "T30: {properties: {a: T0 | T1}}\nV:\n  type: T0 | T1 | T2\n  example: " + deep + "\n", "*"},
		{"circles that multiply", circles(2, 3, 5, 7, 11, 13, 17, 19), "raml-types-too-complex"},
		{"overrides that compare circles", circles(2, 3, 5, 7) + "W: {properties: {x: C0_0}}\nX: {type: W, properties: {x: C3_0}}\n", ""},
		{"a type of many types", "A:\n  type: [" + strings.TrimSuffix(strings.Repeat("object, ", 5000), ", ") + "]\n", "raml-types-too-complex"},
		{"a long expression", "A: " + strings.Repeat("string | ", 3000) + "string\n", "raml-type-expression"},
		{"a very long expression", "A: " + strings.Repeat("(", 100_000) + "\n", "raml-type-expression"},
		{"parentheses", "A: " + strings.Repeat("(", 60) + "string" + strings.Repeat(")", 60) + "\n", "raml-type-expression"},
		{"arrays of arrays", "A: string" + strings.Repeat("[]", 2000) + "\n", "raml-type-expression"},
		{"many facets of users", "A:\n  type: string\n  facets:\n" + lines(0, 2000, "    f{i}?: string"), "raml-types-too-complex"},
		{"many heirs told apart", "T0: {discriminator: kind, properties: {kind: string}}\n" + lines(0, 399, "T{j}: {type: T{i}, properties: {p: string}}"), ""},
		{"a regular expression that does not end", "A:\n  type: string\n  pattern: (?=a)(a+)+b\n  examples:\n" + lines(0, 100, "    e{i}: "+strings.Repeat("a", 60)), ""},
		{"large regular expressions", "A:\n  type: string\n  pattern: ((a?){500})*b\n  examples:\n" + lines(0, 300, "    e{i}: "+strings.Repeat("a", 5000)), "*"},
		{"many patterns", "A:\n  properties:\n" + lines(0, 2000, "    /^p{i}$/: string\n    p{i}?: string") + "  example:\n" + lines(0, 2000, "    p{i}: x"), ""},
		{"numbers beyond measure", `{"A": {"type": "number", "minimum": 1e999999999}}`, "raml-facet-value"},
		{"values beyond measure", `{"A": {"type": "number", "multipleOf": 1e-300, "example": 1e999999999}}`, ""},
		{"unique items deep down", "A: {type: array, uniqueItems: true, items: A}\nB:\n  type: A\n  example: " + strings.Repeat("[", 150) + strings.Repeat("]", 150) + "\n", ""},
		{"a property that is recursive and closed", "A: {additionalProperties: false, properties: {a: A | nil}}\nB:\n  type: A\n  example: " + deep + "\n", "*"},
	} {
		t.Run(c.name, func(t *testing.T) {
			decls := read(t, c.types)
			begun := time.Now()
			s, types := declare(decls, options(decls))
			found := c.rule == "" || c.rule == "*"
			for _, p := range s.Problems() {
				if c.rule != "*" && p.Rule != c.rule && !p.Warning {
					t.Errorf("%s: %v", p.Rule, clip(p.String()))
				}
				found = found || p.Rule == c.rule
			}
			if !found {
				t.Errorf("%s was not told", c.rule)
			}
			for _, typ := range types {
				typ.Schema()
			}
			if took := time.Since(begun); took > 20*time.Second {
				t.Errorf("took %v", took)
			}
		})
	}
}

// TestNameless shows that types that contain themselves are written even when no
// type has a name.
func TestNameless(t *testing.T) {
	s, types := declare(read(t, "A:\n  properties:\n    a?: A\n    b: B[]\nB:\n  type: A\n  properties:\n    c?: A | B\n"), Options{})
	for _, typ := range types {
		if typ.Schema().Get("type").Str() != "object" {
			t.Error("not written")
		}
	}
	only(t, s.Problems(), "")
}

func FuzzExpression(f *testing.F) {
	for _, text := range []string{"string", "(A|B)[]", "A | B[][]", "A?", "lib.A[]?", "((A))", "A||B", "[]", "{\"type\": \"object\"}", "<a/>"} {
		f.Add(text)
	}
	decls := read(f, "A: string | B\nB:\n  properties:\n    a: A[]\n")
	f.Fuzz(func(t *testing.T, text string) {
		if e, err := parse(text); err == nil && e.name == "" && e.array == nil && len(e.union) < 2 {
			t.Errorf("%q is nothing", text)
		}
		s := NewSet(options(decls))
		typ := s.Type(tree.NewText(nil, text), known{decls})
		s.Problems()
		typ.Schema()
		typ.Check(tree.NewText(nil, text))
	})
}

func FuzzDeclarations(f *testing.F) {
	f.Add("A: {type: [B, C], properties: {a: A | B}, example: {a: []}}\nB: {discriminator: a, properties: {a: string}}\nC: {facets: {x: string}}\n")
	f.Add("A: {type: string | integer, enum: [1, a], default: 1}\nB: {type: A, minLength: 2}\n")
	f.Add("A: '{\"$ref\": \"other.json\"}'\nB: {properties: {/^a/: A, //: B}, additionalProperties: false}\n")
	f.Add("A: {type: {type: A}, items: A, examples: {a: {value: 1, strict: false}}}\n")
	f.Fuzz(func(_ *testing.T, text string) {
		decls, err := tree.Read(&tree.Source{Name: "a.raml", Text: []byte(text)}, tree.Options{MaxBytes: 4000, MaxNodes: 2000})
		if err != nil {
			return
		}
		s, types := declare(decls, options(decls))
		s.Problems()
		for _, typ := range types {
			typ.Schema()
			typ.Reference()
			typ.Check(decls)
		}
		s.Components()
		s.Fields(URI, decls, known{decls})
		s.Problems()
	})
}
