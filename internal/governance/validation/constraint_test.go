package validation_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/txtar"

	"farrier.dev/farrier/internal/encoding/tree"
	"farrier.dev/farrier/internal/governance/validation"
	"farrier.dev/farrier/internal/governance/validation/graph"
	"farrier.dev/farrier/internal/spec"
)

// TestConstraints plays testdata/constraints.txtar.
func TestConstraints(t *testing.T) {
	archive := parseArchive(t, "constraints.txtar")
	api := graph.Build(read(t, spec.OneFile("api.yaml", archive.Files[0].Data, spec.ProjectLimits{}), "api.yaml"))
	for _, f := range archive.Files[1:] {
		t.Run(f.Name, func(t *testing.T) {
			rule, want, found := strings.Cut(string(f.Data), "# violated by: ")
			if !found {
				t.Fatal("the rule does not say by what it is violated")
			}
			p, err := validation.Load(&tree.Source{Name: f.Name, Text: profileOf(rule)})
			if err != nil {
				t.Fatal(err)
			}
			results, err := p.Judge(t.Context(), api)
			if err != nil {
				t.Fatal(err)
			}
			var names []string
			for _, r := range results {
				names = append(names, nameOf(api.ByID(r.Node)))
			}
			if len(names) == 0 {
				names = []string{"nothing"}
			}
			if got := strings.Join(names, " "); got != strings.TrimSpace(want) {
				t.Errorf("violated by: %s, want %s", got, want)
			}
		})
	}
	if len(archive.Files) < 50 {
		t.Errorf("only %d rules were played", len(archive.Files)-1)
	}
	t.Logf("%d rules", len(archive.Files)-1)
}

func parseArchive(t testing.TB, name string) *txtar.Archive {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("testdata", name))
	if err != nil {
		t.Fatal(err)
	}
	return txtar.Parse(text)
}

// profileOf is a profile of one rule.
func profileOf(rule string) []byte {
	indented := "    " + strings.ReplaceAll(strings.TrimSpace(rule), "\n", "\n    ")
	return []byte(validation.Header + "\nprofile: Test\nviolation: [rule]\nvalidations:\n  rule:\n" + indented + "\n")
}

// nameOf is what people call a node.
func nameOf(n *graph.Node) string {
	prefixes := graph.Prefixes()
	for _, p := range []string{
		prefixes["core"] + "name", prefixes["shacl"] + "name", prefixes["apiContract"] + "path",
		prefixes["core"] + "urlTemplate", prefixes["apiContract"] + "method",
	} {
		if text := n.Text(p); text != "" {
			return text
		}
	}
	return n.Classes[0]
}
