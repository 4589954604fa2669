package raml

import (
	"path"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/txtar"

	"farrier.dev/farrier/internal/spec"
)

// TestRAML08 reads the descriptions of testdata/raml08.txtar.
func TestRAML08(t *testing.T) {
	archive, err := txtar.ParseFile("testdata/raml08.txtar")
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
				if len(doc.Problems) > 0 || doc.Root == nil || doc.Language != spec.RAML08 {
					t.Errorf("problems: %v, root: %v, language: %s", doc.Problems, doc.Root != nil, doc.Language)
				}
			case len(doc.Problems) != 1 || !strings.HasPrefix(doc.Problems[0].Rule, rule) || doc.Root != nil:
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
	if valid < 18 || invalid < 60 {
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
