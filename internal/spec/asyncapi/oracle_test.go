package asyncapi_test

import (
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"

	"farrier.dev/farrier/internal/encoding/tree"
	"farrier.dev/farrier/internal/programtest"
	"farrier.dev/farrier/internal/spec"
)

var all = flag.Bool("all", false, "change every value in every way")

// TestOfficialSchema holds that the structure of a description is valid where
// the JSON schema of AsyncAPI 2.6 says so: for one that has every object, values
// of which are changed in turn.
func TestOfficialSchema(t *testing.T) {
	dir := programtest.NPM(t, "@asyncapi/specs@6.11.1")
	f, err := os.Open(filepath.Join(dir, "node_modules", "@asyncapi", "specs", "schemas", "2.6.0.json"))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	text, err := jsonschema.UnmarshalJSON(f)
	if err != nil {
		t.Fatal(err)
	}
	c := jsonschema.NewCompiler()
	if err := c.AddResource("https://example.com/async", text); err != nil {
		t.Fatal(err)
	}
	schema, err := c.Compile("https://example.com/async")
	if err != nil {
		t.Fatal(err)
	}
	root, err := tree.Read(&tree.Source{Text: []byte(full)}, tree.Options{})
	if err != nil {
		t.Fatal(err)
	}
	reasons, played := map[string]int{}, 0
	compare := func(name string, value any) {
		text, err := json.Marshal(value)
		if err != nil {
			t.Fatal(err)
		}
		played++
		verdict := schema.Validate(value)
		doc := read(string(text))
		if (verdict == nil) == doc.Valid() {
			return
		}
		why := explained(doc, verdict)
		if reasons[why]++; why == "" {
			t.Errorf("%s: the official schema says %v, we say %v", name, verdict, doc.Problems)
		}
	}
	compare("as it is", root.Any())
	changes := []struct {
		name string
		to   any
	}{
		{"removed", removed{}},
		{"renamed", renamed{}},
		{"null", nil},
		{"text", "some text"},
		{"number", json.Number("-1.5")},
		{"boolean", false},
		{"list", []any{}},
		{"object", map[string]any{}},
		{"field", map[string]any{"some": "field"}},
	}
	// Every value is changed in two ways, or in all.
	step := 4
	if *all {
		step = 1
	}
	for i, path := range paths(root, nil) {
		for c := i % step; c < len(changes); c += step {
			value := root.Any()
			if alter(value, path, changes[c].to) {
				compare(tree.Pointer(path)+" "+changes[c].name, value)
			}
		}
	}
	if played < 300 {
		t.Errorf("only %d descriptions", played)
	}
	t.Logf("%d descriptions; differing: %v", played, reasons)
}

// explained says why a verdict differs, empty where nothing explains it.
func explained(doc *spec.Document, verdict error) string {
	if verdict == nil {
		for _, p := range doc.Problems {
			switch p.Rule {
			case "asyncapi-wrong-kind":
				if strings.Contains(p.Message, "must be a parameter object") {
					return "stricter: a parameter is an object, which the schema forgets to say"
				}
			case "asyncapi-reference", "asyncapi-reference-kind":
				return "stricter: references resolve, to what must stand there"
			case "asyncapi-server", "asyncapi-channel-parameter", "asyncapi-security-scheme", "asyncapi-duplicate-id", "asyncapi-duplicate-tag":
				return "stricter: names are declared, and once"
			}
		}
		return ""
	}
	return ""
}

// paths are the ways to all values of a tree but the root.
func paths(n *tree.Node, at []string) [][]string {
	var all [][]string
	add := func(step string, inner *tree.Node) {
		path := append(slices.Clone(at), step)
		all = append(append(all, path), paths(inner, path)...)
	}
	for i, item := range n.Items {
		add(fmt.Sprint(i), item)
	}
	for _, m := range n.Members {
		add(m.Name, m.Value)
	}
	return all
}

// removed and renamed are changes of a member rather than of its value.
type (
	removed struct{}
	renamed struct{}
)

// alter changes what is at a path; it says false where nothing changed.
func alter(value any, path []string, to any) bool {
	last := path[len(path)-1]
	for _, step := range path[:len(path)-1] {
		switch v := value.(type) {
		case map[string]any:
			value = v[step]
		case []any:
			value = v[index(step)]
		}
	}
	switch v := value.(type) {
	case map[string]any:
		switch to.(type) {
		case renamed:
			v[last+"Other"] = v[last]
			delete(v, last)
		case removed:
			delete(v, last)
		default:
			v[last] = to
		}
		return true
	case []any:
		switch to.(type) {
		case removed, renamed:
			return false
		}
		v[index(last)] = to
		return true
	}
	return false
}

func index(step string) int {
	i := 0
	_, _ = fmt.Sscan(step, &i)
	return i
}
