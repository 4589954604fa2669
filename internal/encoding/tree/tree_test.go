package tree_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"farrier.dev/farrier/internal/encoding/tree"
)

func read(text string) (*tree.Node, error) {
	return tree.Read(&tree.Source{Name: "a.yaml", Text: []byte(text)}, tree.Options{})
}

// dump writes every value with its place and the place of its name.
func dump(n *tree.Node, path string, b *strings.Builder) {
	fmt.Fprintf(b, "%s %s %d:%d %s\n", path, n.Kind, n.Line, n.Column, n.Text)
	for i, item := range n.Items {
		dump(item, fmt.Sprintf("%s/%d", path, i), b)
	}
	for _, m := range n.Members {
		fmt.Fprintf(b, "%s/%s at %d:%d\n", path, m.Name, m.Line, m.Column)
		dump(m.Value, path+"/"+m.Name, b)
	}
}

// TestPositions holds where values and names stand, in both syntaxes.
func TestPositions(t *testing.T) {
	for _, x := range []struct{ text, want string }{
		{
			"a: 1\nbé: [x, ~,\n  true]\n",
			" object 1:1 \n/a at 1:1\n/a number 1:4 1\n/bé at 2:1\n/bé list 2:5 \n/bé/0 text 2:6 x\n/bé/1 null 2:9 \n/bé/2 boolean 3:3 true\n",
		},
		{
			"{\"é\":\"ü\", \"b\" : [1.50,\n\tnull , {}],\"c\":false}",
			" object 1:1 \n/é at 1:2\n/é text 1:6 ü\n/b at 1:11\n/b list 1:17 \n/b/0 number 1:18 1.50\n/b/1 null 2:2 \n/b/2 object 2:9 \n/c at 2:13\n/c boolean 2:17 false\n",
		},
		{"!include x/y.raml", " include 1:1 x/y.raml\n"},
		{"a: !include x.raml", " object 1:1 \n/a at 1:1\n/a include 1:4 x.raml\n"},
		{"- 0x10\n- 1e3\n- .5\n- 2024-02-29\n- 010\n- 'no'\n- no", " list 1:1 \n/0 number 1:3 16\n/1 number 2:3 1e3\n/2 number 3:3 0.5\n/3 text 4:3 2024-02-29\n/4 number 5:3 8\n/5 text 6:3 no\n/6 text 7:3 no\n"},
		{"[a, {b: c}]", " list 1:1 \n/0 text 1:2 a\n/1 object 1:5 \n/1/b at 1:6\n/1/b text 1:9 c\n"},
		{"a: &x {b: 1, c: 2}\nd: *x\ne: {<<: *x, c: 3}\nf:\n  <<: [*x, {g: 4}]\n", "" +
			" object 1:1 \n/a at 1:1\n/a object 1:4 \n/a/b at 1:8\n/a/b number 1:11 1\n/a/c at 1:14\n/a/c number 1:17 2\n" +
			"/d at 2:1\n/d object 1:4 \n/d/b at 1:8\n/d/b number 1:11 1\n/d/c at 1:14\n/d/c number 1:17 2\n" +
			"/e at 3:1\n/e object 3:4 \n/e/c at 3:13\n/e/c number 3:16 3\n/e/b at 1:8\n/e/b number 1:11 1\n" +
			"/f at 4:1\n/f object 5:3 \n/f/b at 1:8\n/f/b number 1:11 1\n/f/c at 1:14\n/f/c number 1:17 2\n/f/g at 5:13\n/f/g number 5:16 4\n"},
	} {
		n, err := read(x.text)
		if err != nil {
			t.Errorf("%q: %v", x.text, err)
			continue
		}
		var b strings.Builder
		if dump(n, "", &b); b.String() != x.want {
			t.Errorf("%q:\n%swant\n%s", x.text, b.String(), x.want)
		}
	}
}

// TestErrors holds what is refused, and where.
func TestErrors(t *testing.T) {
	bomb := "x0: &a0 [1,1,1,1,1,1,1,1,1]\n"
	for i := 1; i < 9; i++ {
		bomb += fmt.Sprintf("x%d: &a%d [%s]\n", i, i, strings.TrimSuffix(strings.Repeat(fmt.Sprintf("*a%d,", i-1), 9), ","))
	}
	for text, want := range map[string]string{
		"":                           "a.yaml: the document is empty",
		"# nothing":                  "a.yaml: the document is empty",
		"a: [":                       "a.yaml:1: not YAML",
		"\na: b: c":                  "a.yaml:2: not YAML: mapping values are not allowed",
		"a: 1\nb: 2\na: 3":           `a.yaml:3: the name "a" stands twice`,
		"{\"a\":1,\n\"a\":2}":        "a.yaml:2: not JSON: duplicate name",
		"{\"a\":1}\n{}":              "a.yaml:2: not JSON",
		"{\n\"a\":":                  "a.yaml:2: not JSON: unexpected end",
		"a: 1\n---\nb: 2\n":          "the file holds more than one YAML document",
		"? [a]\n: b":                 "a.yaml:1: a name must be a text",
		"a: *x":                      "not YAML: unknown anchor 'x'",
		"a: .inf":                    "a.yaml:1: not a number that JSON has",
		"a: &x [*x]":                 "nested deeper than 200",
		"a: &x {<<: *x}":             "nested deeper than 200",
		"\xff":                       "the document is not UTF-8",
		bomb:                         "more than 2000000 values, aliases opened",
		strings.Repeat("[", 100):     "not JSON: unexpected end",
		strings.Repeat("#", 8<<20+1): "longer than 8388608 bytes",
		strings.Repeat("[", 300) + strings.Repeat("]", 300): "= 200 allows",
	} {
		began := time.Now()
		_, err := read(text)
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%.60q: %v, want %q", text, err, want)
		}
		if e := (*tree.Error)(nil); err != nil && !errors.As(err, &e) {
			t.Errorf("%.60q: %T", text, err)
		}
		if took := time.Since(began); took > 20*time.Second { // also under the race detector
			t.Errorf("%.60q took %v", text, took)
		}
	}
}

// TestOneLine holds that positions of a long line are counted once.
func TestOneLine(t *testing.T) {
	text := "[" + strings.Repeat("1,", 500_000) + "1]"
	began := time.Now()
	n, err := read(text)
	if err != nil {
		t.Fatal(err)
	}
	if last := n.Items[500_000]; last.Column != 1_000_002 || time.Since(began) > 20*time.Second {
		t.Errorf("column %d after %v", last.Column, time.Since(began))
	}
}

// TestLookUp holds finding values, also where nothing is.
func TestLookUp(t *testing.T) {
	var b strings.Builder
	for i := range 40 {
		fmt.Fprintf(&b, "k%d: [{v: %d}]\n", i, i)
	}
	n, err := read(b.String())
	if err != nil {
		t.Fatal(err)
	}
	if got := n.At("k33", "0", "v").Str(); got != "33" {
		t.Errorf("k33 is %q", got)
	}
	for _, path := range [][]string{{"k40"}, {"k1", "1"}, {"k1", "-1"}, {"k1", "+0"}, {"k1", "x"}, {"k1", "0", "v", "w", "z"}} {
		if found := n.At(path...); found != nil {
			t.Errorf("%v is %v", path, found)
		}
	}
	if got := tree.Pointer([]string{"a/b", "~", ""}); got != "#/a~1b/~0/" {
		t.Error(got)
	}
	n.Set("k1", tree.NewBool(n, true))
	n.Set("new", tree.NewArray(n, tree.NewText(n, "x")))
	if !n.Get("k1").IsTrue() || n.At("new", "0").Str() != "x" || n.Get("k39") == nil || n.Get("new").File() != "a.yaml" {
		t.Error("set values are not found")
	}
}

// TestAny holds that JSON is read as encoding/json reads it.
func TestAny(t *testing.T) {
	value := rapid.Custom(func(t *rapid.T) any { return drawn(t, 4) })
	rapid.Check(t, func(t *rapid.T) {
		text, err := json.Marshal([]any{value.Draw(t, "value")})
		if err != nil {
			t.Fatal(err)
		}
		n, err := read(string(text))
		if err != nil {
			t.Fatal(err)
		}
		again, err := json.Marshal(n.Any())
		if err != nil || string(again) != string(text) {
			t.Fatalf("%s, want %s (%v)", again, text, err)
		}
	})
}

func drawn(t *rapid.T, depth int) any {
	most := 5
	if depth == 0 {
		most = 3
	}
	switch rapid.IntRange(0, most).Draw(t, "kind") {
	case 0:
		return nil
	case 1:
		return rapid.Bool().Draw(t, "bool")
	case 2:
		return rapid.Int().Draw(t, "number")
	case 3:
		return rapid.String().Draw(t, "text")
	case 4:
		out := make([]any, rapid.IntRange(0, 4).Draw(t, "items"))
		for i := range out {
			out[i] = drawn(t, depth-1)
		}
		return out
	}
	out := map[string]any{}
	for range rapid.IntRange(0, 20).Draw(t, "members") {
		out[rapid.String().Draw(t, "name")] = drawn(t, depth-1)
	}
	return out
}

// FuzzRead holds that no text panics, that values stand within the text or right
// behind it, and
// that what is read can be written as JSON and is read again as the same.
func FuzzRead(f *testing.F) {
	for _, text := range []string{"a: &x {b: 1}\nc: *x\nd: {<<: *x}", `{"a":[1,true,null,"\u00e9"]}`, "!include x", "a: 1_000\nb: 0o7\nc: !!binary aGk=\n", "%YAML 1.1\n---\na", "? a\n: |\n  x\n"} {
		f.Add([]byte(text))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		n, err := tree.Read(&tree.Source{Name: "f", Text: text}, tree.Options{MaxNodes: 20_000})
		if err != nil {
			if e := (*tree.Error)(nil); !errors.As(err, &e) {
				t.Fatalf("%T", err)
			}
			return
		}
		lines := int32(strings.Count(string(text), "\n")+strings.Count(string(text), "\r")) + 1
		var visit func(n *tree.Node)
		visit = func(n *tree.Node) {
			if n.Line < 1 || n.Column < 1 || n.Line > lines+1 && !strings.ContainsAny(string(text), "\u0085\u2028\u2029") {
				t.Fatalf("a value at %d:%d of %d lines", n.Line, n.Column, lines)
			}
			for _, item := range n.Items {
				visit(item)
			}
			for _, m := range n.Members {
				visit(m.Value)
			}
		}
		visit(n)
		out, err := json.Marshal([]any{n.Any()})
		if err != nil {
			t.Fatal(err)
		}
		again, err := tree.Read(&tree.Source{Name: "f", Text: out}, tree.Options{})
		if err != nil {
			t.Fatalf("%s: %v", out, err)
		}
		if second, err := json.Marshal(again.Any()); err != nil || string(second) != string(out) {
			t.Fatalf("%s, want %s", second, out)
		}
	})
}

func TestLenient(t *testing.T) {
	text := "info:\n  title: \"T\",\n  note: 'it''s',\nlist: [\"a\",\n  \"b\"]\n"
	src := &tree.Source{Name: "a.yaml", Text: []byte(text)}
	if _, err := tree.Read(src, tree.Options{}); err == nil || src.Mended != nil {
		t.Fatalf("a comma behind a text was overlooked without being asked: %v", err)
	}
	root, err := tree.Read(src, tree.Options{Lenient: true})
	if err != nil {
		t.Fatal(err)
	}
	if got := root.At("info", "title").Str() + root.At("info", "note").Str() + root.At("list", "1").Str(); got != "Tit'sb" {
		t.Errorf("read %q", got)
	}
	if len(src.Mended) != 2 || src.Mended[0].Line != 2 || src.Mended[0].Column != 13 {
		t.Errorf("mended were %v", src.Mended)
	}
	for _, wrong := range []string{"a: \"b\", c\n", "a: [\"b\",\n", "a: \"b\",\n c: d\n  e: f\n"} {
		if _, err := tree.Read(&tree.Source{Text: []byte(wrong)}, tree.Options{Lenient: true}); err == nil {
			t.Errorf("%q was read", wrong)
		}
	}
}

// TestLenientBounded holds that a long document is not read again and again.
func TestLenientBounded(t *testing.T) {
	text := "a: \"b\",\nc: d\n"
	for comments, want := range map[int]bool{0: true, 3 << 20: false} {
		src := &tree.Source{Name: "x.yaml", Text: []byte(text + "# " + strings.Repeat("x", comments) + "\n")}
		if _, err := tree.Read(src, tree.Options{Lenient: true}); (err == nil) != want {
			t.Errorf("with a comment of %d bytes: %v", comments, err)
		}
	}
}
