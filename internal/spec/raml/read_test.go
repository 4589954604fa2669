package raml

import (
	"encoding/json"
	"path/filepath"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/txtar"

	"farrier.dev/farrier/internal/encoding/tree"
)

// TestProjection holds what descriptions mean against testdata/projection: a
// project whose main file is api.raml, and what it means in want.yaml or its
// problems, one a line.
func TestProjection(t *testing.T) {
	files, err := filepath.Glob("testdata/projection/*.txtar")
	if err != nil || len(files) < 4 {
		t.Fatalf("%d projections: %v", len(files), err)
	}
	for _, name := range files {
		t.Run(filepath.Base(name), func(t *testing.T) {
			archive, err := txtar.ParseFile(name)
			if err != nil {
				t.Fatal(err)
			}
			var parts []string
			var want *tree.Node
			var problems string
			for _, f := range archive.Files {
				switch f.Name {
				case "want.yaml":
					if want, err = tree.Read(&tree.Source{Name: name, Text: f.Data}, tree.Options{}); err != nil {
						t.Fatal(err)
					}
				case "problems":
					problems = string(f.Data)
				default:
					parts = append(parts, f.Name, string(f.Data))
				}
			}
			doc := Read(project(parts...), "api.raml")
			var said strings.Builder
			for _, p := range doc.Problems {
				said.WriteString(p.String() + "\n")
			}
			if said.String() != problems {
				t.Errorf("problems:\n%s\nexpected:\n%s", said.String(), problems)
			}
			if got, expected := text(t, doc.Root), text(t, want); got != expected {
				t.Errorf("it means:\n%s\nexpected:\n%s", got, expected)
			}
		})
	}
}

func text(t *testing.T, n *tree.Node) string {
	t.Helper()
	out, err := json.MarshalIndent(n.Any(), "", " ")
	if err != nil {
		t.Fatal(err)
	}
	return string(out)
}
