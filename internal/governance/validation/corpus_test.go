package validation_test

import (
	"encoding/json"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"farrier.dev/farrier/internal/encoding/tree"
	"farrier.dev/farrier/internal/governance/validation"
	"farrier.dev/farrier/internal/governance/validation/graph"
	"farrier.dev/farrier/internal/spec"
	"farrier.dev/farrier/internal/spec/openapi"
	"farrier.dev/farrier/internal/spec/raml"
)

// read reads a description by its name: RAML, otherwise what the tree says.
func read(t testing.TB, p *spec.Project, name string) *spec.Document {
	t.Helper()
	if filepath.Ext(name) == ".raml" {
		return raml.Read(p, name)
	}
	root, err := p.Tree(name)
	if err != nil {
		t.Fatal(err)
	}
	if root.Get("asyncapi") != nil {
		return &spec.Document{Language: spec.AsyncAPI2, File: name, Project: p, Root: root}
	}
	return openapi.Read(p, name)
}

// golden is what MuleSoft's validator says of a description.
type golden struct {
	conforms bool
	// rules are the names of the rules that are violated, each once.
	rules []string
	// places are "rule file:line:column", as often as they are told.
	places []string
}

func readGolden(t *testing.T, file string) golden {
	t.Helper()
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	var document []struct {
		Encodes []struct {
			Conforms bool `json:"conforms"`
			Result   []struct {
				Rule     string `json:"sourceShapeName"`
				Location struct {
					URI   string `json:"uri"`
					Range struct {
						Start struct{ Line, Column int } `json:"start"`
					} `json:"range"`
				} `json:"location"`
			} `json:"result"`
		} `json:"doc:encodes"`
	}
	if err := json.Unmarshal(text, &document); err != nil {
		t.Fatal(err)
	}
	report := document[0].Encodes[0]
	g := golden{conforms: report.Conforms}
	for _, r := range report.Result {
		g.rules = append(g.rules, r.Rule)
		at := r.Location.Range.Start
		g.places = append(g.places, place(r.Rule, filepath.Base(r.Location.URI), at.Line, at.Column+1))
	}
	return g.sorted()
}

func (g golden) sorted() golden {
	slices.Sort(g.rules)
	g.rules = slices.Compact(g.rules)
	slices.Sort(g.places)
	return g
}

func place(rule, file string, line, column int) string {
	return rule + " " + file + ":" + number(line) + ":" + number(column)
}

func number(n int) string { b, _ := json.Marshal(n); return string(b) }

func judged(t *testing.T, p *validation.Profile, doc *spec.Document) golden {
	t.Helper()
	results, err := p.Judge(t.Context(), graph.Build(doc))
	if err != nil {
		t.Fatal(err)
	}
	g := golden{conforms: validation.Conforms(results)}
	for _, r := range results {
		g.rules = append(g.rules, r.Rule)
		g.places = append(g.places, place(r.Rule, r.File, r.Line, r.Column))
	}
	return g.sorted()
}

// TestProductionProfiles judges descriptions by profiles that MuleSoft ships and
// holds what is said against the reports of its own validator. What differs is
// listed in testdata/differences.txt, with the reason.
func TestProductionProfiles(t *testing.T) {
	root := filepath.Join("..", "..", "..", "..", "shared", "corpora", "amf-profiles")
	reports, err := filepath.Glob(filepath.Join(root, "*", "*.report.jsonld"))
	if err != nil {
		t.Fatal(err)
	}
	if len(reports) == 0 {
		t.Skip("skipped: the corpus amf-profiles is not beside the repository")
	}
	differences := readDifferences(t)
	var verdicts, rules, places int
	profiles := map[string]*validation.Profile{}
	for _, report := range reports {
		dir, name := filepath.Split(strings.TrimSuffix(report, ".report.jsonld"))
		p := profiles[dir]
		if p == nil {
			p = load(t, filepath.Join(dir, "profile.yaml"))
			profiles[dir] = p
		}
		project, err := spec.OpenFolder(dir, spec.ProjectLimits{Document: tree.Options{Lenient: true}})
		if err != nil {
			t.Fatal(err)
		}
		doc := read(t, project, name)
		want, got := readGolden(t, report), judged(t, p, doc)
		id := filepath.Base(dir) + "/" + name
		diff := difference(want.places, got.places)
		if len(diff) == 0 {
			places++
		}
		if got.conforms == want.conforms {
			verdicts++
		} else {
			t.Errorf("%s: conforms is %v, want %v", id, got.conforms, want.conforms)
		}
		if slices.Equal(got.rules, want.rules) {
			rules++
		} else {
			t.Errorf("%s: violated are\n  %s\nwant\n  %s", id, strings.Join(got.rules, " "), strings.Join(want.rules, " "))
		}
		if !slices.Equal(diff, differences[id]) {
			t.Errorf("%s: differs in\n  %s\nlisted are\n  %s", id, strings.Join(diff, "\n  "), strings.Join(differences[id], "\n  "))
		}
	}
	t.Logf("%d reports: %d verdicts agree, %d reports violate the same rules, %d at the same places", len(reports), verdicts, rules, places)
	if len(reports) < 50 {
		t.Errorf("only %d reports were played", len(reports))
	}
}

// difference are the places that only one side has: "- " only the report,
// "+ " only we.
func difference(want, got []string) []string {
	var out []string
	count := map[string]int{}
	for _, w := range want {
		count[w]++
	}
	for _, g := range got {
		if count[g]--; count[g] < 0 {
			out = append(out, "+ "+g)
			count[g]++
		}
	}
	for _, w := range want {
		if count[w] > 0 {
			out = append(out, "- "+w)
			count[w]--
		}
	}
	slices.Sort(out)
	return out
}

var differenceLine = regexp.MustCompile(`^(\S+) ([+-] .*)$`)

func readDifferences(t *testing.T) map[string][]string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("testdata", "differences.txt"))
	if err != nil {
		t.Fatal(err)
	}
	out := map[string][]string{}
	for line := range strings.Lines(string(text)) {
		if m := differenceLine.FindStringSubmatch(strings.TrimSpace(line)); m != nil && !strings.HasPrefix(line, "#") {
			out[m[1]] = append(out[m[1]], m[2])
		}
	}
	for _, lines := range out {
		slices.Sort(lines)
	}
	return out
}

func load(t testing.TB, file string) *validation.Profile {
	t.Helper()
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	p, err := validation.Load(&tree.Source{Name: filepath.Base(file), Text: text})
	if err != nil {
		t.Fatal(err)
	}
	return p
}
