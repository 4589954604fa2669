package spectral

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"farrier.dev/farrier/internal/encoding/tree"
	"farrier.dev/farrier/internal/spec"
)

// anyTree draws a value with few names, so that paths find something.
func anyTree(t *rapid.T, depth int) *tree.Node {
	kind := rapid.IntRange(0, 9).Draw(t, "kind")
	switch depth {
	case 0:
		kind %= 3
	case 4:
		kind = 5
	}
	switch kind {
	case 0:
		return tree.NewText(nil, rapid.SampledFrom([]string{"x", "a", ""}).Draw(t, "text"))
	case 1:
		return tree.New(nil, tree.Number, rapid.SampledFrom([]string{"0", "1", "2"}).Draw(t, "number"))
	case 2:
		return tree.New(nil, tree.Null, "")
	case 3:
		out := tree.NewArray(nil)
		for range rapid.IntRange(0, 3).Draw(t, "length") {
			out.Items = append(out.Items, anyTree(t, depth-1))
		}
		return out
	}
	out := tree.NewObject(nil)
	for _, name := range []string{"a", "b", "c", "0"} {
		if rapid.IntRange(0, 3).Draw(t, name) > 0 {
			out.Set(name, anyTree(t, depth-1))
		}
	}
	return out
}

func anyPath(t *rapid.T) string {
	steps := []string{
		".a", ".b", "['c','a']", "[0]", "[*]", ".*", "..a", "..b", "..*", "..[0]", "[1:]", "[:-1]", "..[0:2]",
		"[?(@.a)]", "..[?(@.b == 1)]", "..[?(@property == 'a')]", "[?(@ && @.length > 1)]", "..[?(@.a.b)]", "^", "[?(@parent)]", "..[a,b]", "[(@.length-1)]",
	}
	text := "$" + strings.Join(rapid.SliceOfN(rapid.SampledFrom(steps), 1, 4).Draw(t, "steps"), "")
	if rapid.Bool().Draw(t, "key") {
		text += "~"
	}
	return text
}

// found runs paths together and gives what each selects.
func found(t *rapid.T, root *tree.Node, paths []*jsonPath) []map[string]bool {
	out := make([]map[string]bool, len(paths))
	for i := range out {
		out[i] = map[string]bool{}
	}
	m := newMatcher(paths)
	m.left, m.check = 1_000_000, func() error { return nil }
	m.emit = func(path int, c *cursor, at int, key bool) {
		out[path][fmt.Sprint(c.path(at), key)] = true
	}
	if err := m.run(root); err != nil {
		t.Fatal(err)
	}
	return out
}

// plainly takes one step of a path after the other.
func plainly(root *tree.Node, p *jsonPath) map[string]bool {
	out := map[string]bool{}
	m := newMatcher([]*jsonPath{p})
	m.left, m.check = 1_000_000, func() error { return nil }
	m.emit = func(_ int, c *cursor, at int, key bool) { out[fmt.Sprint(c.path(at), key)] = true }
	m.cursor.stack = []frame{{node: root, index: -1}}
	m.scope = scope{cursor: &m.cursor}
	m.walk(p.steps, func(rest []step) { m.follow(0, len(m.cursor.stack)-1, rest) })
	return out
}

// TestMatcherProperty: many paths in one walk select what each selects step by
// step.
func TestMatcherProperty(t *testing.T) {
	selected := 0
	rapid.Check(t, func(t *rapid.T) {
		root := anyTree(t, 4)
		var paths []*jsonPath
		for range rapid.IntRange(1, 5).Draw(t, "paths") {
			p, err := parsePath(anyPath(t))
			if err != nil {
				t.Fatal(err)
			}
			paths = append(paths, p)
		}
		for i, got := range found(t, root, paths) {
			selected += len(got)
			if want := plainly(root, paths[i]); !maps.Equal(got, want) {
				t.Fatalf("%s selects %v, step by step %v", paths[i].text, got, want)
			}
		}
	})
	t.Logf("%d values selected", selected)
	if selected < 30 {
		t.Error("too few values were selected")
	}
}

// anyReferences draws a document whose parts refer to one another.
func anyReferences(t *rapid.T) *tree.Node {
	names := []string{"A", "B", "C", "D"}
	// A part that is nothing but a reference refers to none before it: what Spectral
	// makes of references that are each other depends on their order.
	value := func(label string, names []string) *tree.Node {
		out := tree.NewObject(nil)
		switch kind := rapid.IntRange(0, 3).Draw(t, label); min(kind, len(names)) {
		case 0:
			out.Set("type", tree.NewText(nil, "string"))
		case 1:
			out.Set("x", tree.NewObject(nil))
			out.Get("x").Set("type", tree.NewText(nil, "string"))
		default:
			out.Set("$ref", tree.NewText(nil, "#/parts/"+rapid.SampledFrom(names).Draw(t, label+" to")))
			if rapid.Bool().Draw(t, label+" beside") {
				out.Set("type", tree.NewText(nil, "string"))
			}
		}
		return out
	}
	parts, uses := tree.NewObject(nil), tree.NewObject(nil)
	for i, name := range names {
		part := value(name, names[i+1:])
		if part.Get("$ref") == nil {
			part.Set("x", value(name+".x", slices.Concat(names, []string{"A/x", "missing"})))
			part.Set("y", value(name+".y", names))
		}
		parts.Set(name, part)
		uses.Set(name, value("use of "+name, names))
	}
	root := tree.NewObject(nil)
	root.Set("uses", uses)
	root.Set("parts", parts)
	return root
}

// TestSharingProperty: looking once at what references share finds the same
// places as looking at it each time.
func TestSharingProperty(t *testing.T) {
	places := 0
	rapid.Check(t, func(t *rapid.T) {
		root := anyReferences(t)
		r, err := resolve(&spec.Document{File: "api.yaml", Root: root})
		if err != nil {
			t.Fatal(err)
		}
		var paths []*jsonPath
		for _, text := range []string{"$..[?(@ && @.type == 'string')]", "$.uses[*].x", "$..x", "$..[?(@.x)]^", "$.uses..type"} {
			p, err := parsePath(text)
			if err != nil {
				t.Fatal(err)
			}
			paths = append(paths, p)
		}
		look := func(shared bool) []string {
			told := map[string]bool{}
			m := newMatcher(paths)
			m.left, m.check = 1_000_000, func() error { return nil }
			if shared {
				m.resolved = r
			}
			m.emit = func(path int, c *cursor, at int, _ bool) {
				for _, field := range []string{"type", "nothing"} {
					l := r.locate(append(c.path(at), field), true)
					told[fmt.Sprint(path, l.in.file, l.path, dotted(l.missing))] = true
				}
			}
			if err := m.run(r.root); err != nil {
				t.Fatal(err)
			}
			return slices.Sorted(maps.Keys(told))
		}
		once, each := look(true), look(false)
		places += len(each)
		if !slices.Equal(once, each) {
			t.Fatalf("once: %q\neach: %q", once, each)
		}
	})
	t.Logf("%d places", places)
	if places < 500 {
		t.Error("too few places were found")
	}
}

func FuzzPath(f *testing.F) {
	for _, seed := range []string{"$", "$.a", "$..*", "$['a','b']", "$[1:2:3]", "$..[?(@.a == 'x' && !@.b)]^~", "$[?(@.a.match(/x/i))]", "$.@string()", "$..", "$[(@.length-1)]"} {
		f.Add(seed)
	}
	root, err := tree.Read(&tree.Source{Name: "f", Text: []byte(`{"a": [1, {"b": "x"}, null], "b": {"a": {"c": true}}}`)}, tree.Options{})
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(_ *testing.T, text string) {
		p, err := parsePath(text)
		if err != nil {
			return
		}
		m := newMatcher([]*jsonPath{p})
		m.left, m.check, m.emit = 10_000, func() error { return nil }, func(int, *cursor, int, bool) {}
		_ = m.run(root)
	})
}

func FuzzExpand(f *testing.F) {
	f.Add(`{{error}} #{{print("property") + 'x'.toUpperCase()}} {{path}} {{`)
	f.Add("#{{+0}}0")
	f.Fuzz(func(_ *testing.T, text string) {
		expand(text, &variables{property: "p", err: "e", path: []string{"a b"}})
	})
}
