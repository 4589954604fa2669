package raml

import (
	"path"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/txtar"

	"farrier.dev/farrier/internal/spec"
)

// TestRAML08 reads the descriptions of testdata/raml08.txtar.
func TestRAML08(t *testing.T) { play(t, "testdata/raml08.txtar", spec.RAML08, 18, 60) }

// TestRAML10 reads the descriptions of testdata/raml10.txtar.
func TestRAML10(t *testing.T) { play(t, "testdata/raml10.txtar", spec.RAML10, 18, 60) }

// play reads descriptions of one file each, at least so many valid and invalid
// ones.
func play(t *testing.T, name string, language spec.Language, leastValid, leastInvalid int) {
	t.Helper()
	archive, err := txtar.ParseFile(name)
	if err != nil {
		t.Fatal(err)
	}
	valid, invalid := 0, 0
	for _, f := range archive.Files {
		rule := path.Dir(f.Name)
		t.Run(f.Name, func(t *testing.T) {
			doc := Read(spec.OneFile("api.raml", f.Data, spec.ProjectLimits{}), "api.raml")
			switch {
			case rule == "valid":
				if fragment := strings.Count(string(f.Data[:min(len(f.Data), 40)]), "RAML 1.0 ") > 0; len(doc.Problems) > 0 || (doc.Root == nil) != fragment || doc.Language != language {
					t.Errorf("problems: %v, root: %v, language: %s", doc.Problems, doc.Root != nil, doc.Language)
				}
			case len(doc.Problems) != 1 || !strings.HasPrefix(doc.Problems[0].Rule, rule):
				t.Errorf("problems %v, one by %s was expected", rules(doc), rule)
			case doc.Problems[0].Line == 0 && rule != "raml-file":
				t.Errorf("the problem has no line: %v", doc.Problems[0])
			}
		})
		if rule == "valid" {
			valid++
		} else {
			invalid++
		}
	}
	t.Logf("%d valid and %d invalid descriptions", valid, invalid)
	if valid < leastValid || invalid < leastInvalid {
		t.Errorf("only %d valid and %d invalid descriptions were read", valid, invalid)
	}
}

// rules are the problems of a document with their rules.
func rules(doc *spec.Document) []string {
	var out []string
	for _, p := range doc.Problems {
		out = append(out, p.Rule+" "+p.String())
	}
	return out
}
