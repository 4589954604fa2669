package raml

import (
	"strings"
	"testing"

	"pgregory.net/rapid"

	"farrier.dev/farrier/internal/encoding/tree"
	"farrier.dev/farrier/internal/spec"
)

// anyTree draws an object of few names, so that two of them have some in common.
func anyTree(t *rapid.T, label string, depth int) *tree.Node {
	n := tree.NewObject(nil)
	for _, name := range rapid.SliceOfNDistinct(rapid.SampledFrom([]string{"a", "b", "c", "d", "e"}), 0, 4, rapid.ID).Draw(t, label) {
		switch kind := rapid.IntRange(0, 3).Draw(t, label+name); {
		case kind == 0 && depth < 3:
			n.Set(name, anyTree(t, label+name, depth+1))
		case kind == 1:
			list := tree.NewArray(nil)
			for _, text := range rapid.SliceOfNDistinct(rapid.SampledFrom([]string{"x", "y", "z"}), 0, 3, rapid.ID).Draw(t, label+name+"list") {
				list.Items = append(list.Items, tree.NewText(nil, text))
			}
			n.Set(name, list)
		default:
			n.Set(name, tree.NewText(nil, rapid.SampledFrom([]string{"x", "y"}).Draw(t, label+name+"text")))
		}
	}
	return n
}

func newReader() *reader {
	return &reader{
		left: maxNodes, visits: maxVisits, told: map[told]bool{}, keys: map[*tree.Node]*tree.Source{}, scopes: map[*tree.Source]*scope{},
		computed: map[position]bool{}, sizes: map[*tree.Node]int{},
	}
}

// TestMerge holds the laws of merging: what is there stays, what is not is
// added, and doing it twice changes nothing.
func TestMerge(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		own, other := anyTree(t, "own", 0), anyTree(t, "other", 0)
		r := newReader()
		merged := r.merge(own, other, "")
		holds(t, merged, own)
		for _, m := range other.Members {
			if merged.Get(m.Name) == nil {
				t.Fatalf("%s is not taken", m.Name)
			}
		}
		if again := r.merge(merged, other, ""); written(again) != written(merged) {
			t.Fatalf("merged twice:\n%s\n%s", written(again), written(merged))
		}
		if same := r.merge(own, own, ""); same != own {
			t.Fatal("a value merged with itself changes")
		}
	})
}

// holds holds that a value has all that another has.
func holds(t *rapid.T, n, part *tree.Node) {
	for _, m := range part.Members {
		v := n.Get(m.Name)
		switch {
		case v == nil || v.Kind != m.Value.Kind || v.Text != m.Value.Text || len(v.Items) < len(m.Value.Items):
			t.Fatalf("%s is lost", m.Name)
		case v.Is(tree.Object):
			holds(t, v, m.Value)
		}
	}
}

// written writes a tree with the members in their order.
func written(n *tree.Node) string {
	var b strings.Builder
	b.WriteString(n.Kind.String() + " " + n.Text)
	for _, item := range n.Items {
		b.WriteString("[" + written(item) + "]")
	}
	for _, m := range n.Members {
		b.WriteString("{" + m.Name + ": " + written(m.Value) + "}")
	}
	return b.String()
}

// TestFilling holds that a template becomes what its text says with the
// arguments in their places.
func TestFilling(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var template, want strings.Builder
		args := map[string]*tree.Node{}
		for i, piece := range rapid.SliceOfN(rapid.StringMatching(`[a-z >{}|!]{0,5}`), 1, 5).Draw(t, "pieces") {
			name := string(rune('p' + i))
			value := rapid.StringMatching(`[a-z<> ]{0,6}`).Draw(t, "value")
			args[name] = tree.NewText(nil, value)
			template.WriteString(piece + "<<" + name + ">>")
			want.WriteString(piece + value)
		}
		f := &filling{r: newReader(), what: "it", args: args, used: map[string]bool{}}
		if got := f.fill(tree.NewText(nil, template.String())); got.Text != want.String() || len(f.used) != len(args) {
			t.Fatalf("%q becomes %q, not %q", template.String(), got.Text, want.String())
		}
	})
}

// TestVariables holds the names in URI templates.
func TestVariables(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		names := rapid.SliceOfN(rapid.StringMatching(`[a-z]{1,4}`), 0, 5).Draw(t, "names")
		path := "/a"
		for _, name := range names {
			path += "/{" + name + "}"
		}
		got, ok := variables(path)
		if !ok || strings.Join(got, " ") != strings.Join(names, " ") {
			t.Fatalf("%s has %v", path, got)
		}
		if _, ok := variables(path + "}"); ok {
			t.Fatal("an open brace is accepted")
		}
	})
}

// BenchmarkRead reads an API of 200 resources with templates.
func BenchmarkRead(b *testing.B) {
	text := begin + "mediaType: application/json\ntypes:\n  T:\n    properties:\n      id: integer\n      name: {type: string, example: a}\n" +
		"resourceTypes:\n  list:\n    get:\n      responses:\n        200: {body: '<<item>>[]'}\n    post:\n      body: <<item>>\n" +
		lines(200, func(i int) string {
			return "/r" + strings.Repeat("x", i%7) + string(rune('a'+i%26)) + strings.Repeat("y", i/26) + ":\n  type: {list: {item: T}}\n  /{id}:\n    get:\n"
		})
	b.SetBytes(int64(len(text)))
	b.ReportAllocs()
	for b.Loop() {
		if doc := Read(spec.OneFile("api.raml", []byte(text), spec.ProjectLimits{}), "api.raml"); !doc.Valid() {
			b.Fatal(doc.Problems[0])
		}
	}
}
