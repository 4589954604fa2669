package importer

import (
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/txtar"

	"farrier.dev/farrier/internal/manifest"
	"farrier.dev/farrier/internal/policy"
	"farrier.dev/farrier/internal/policy/catalogue"
)

var update = flag.Bool("update", false, "write what came out as what is wanted")

func policies(t testing.TB) *policy.Catalogue {
	t.Helper()
	all, err := catalogue.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	return all
}

// shown is a result as text.
func shown(t testing.TB, r *Result) string {
	t.Helper()
	var b strings.Builder
	list := func(name string, v any) {
		raw, err := json.Marshal(v)
		if err != nil {
			t.Fatal(err)
		}
		if text := string(raw); text != "null" {
			b.WriteString(name + ": " + strings.ReplaceAll(text, "},{", "},\n  {") + "\n")
		}
	}
	for _, e := range r.Environments {
		fmt.Fprintf(&b, "== %s (%s)\n", e.Name, e.Source)
		text, err := manifest.Write(e.Documents)
		if err != nil {
			t.Fatal(err)
		}
		b.Write(text)
		list("tiers", e.Tiers)
		list("contracts", e.Contracts)
		list("runtimes", e.Runtimes)
		list("variables", e.Variables)
		fmt.Fprintf(&b, "alerts: %d\n", len(e.Alerts))
	}
	list("== applications", r.Applications)
	b.WriteString("== findings\n")
	for _, f := range r.Findings {
		fmt.Fprintf(&b, "%s: %s%s %s: %s: %s -> %s\n", f.Level, strings.TrimPrefix(f.Environment+": ", ": "), f.File, f.Path, f.What, f.Why, f.Do)
	}
	return b.String()
}

// builds holds that a revision can be built of what was imported, with every variable
// set to what fits.
func builds(t testing.TB, all *policy.Catalogue, e *Environment) {
	t.Helper()
	text, err := manifest.Write(e.Documents)
	if err != nil {
		t.Fatal(err)
	}
	set := manifest.Read([]manifest.File{{Name: e.Name, Text: text}})
	rev, problems := manifest.Build(set, catalogue.Manifests{Catalogue: all}, manifest.Options{Elsewhere: true, Expand: unset})
	if len(e.Documents) > 0 && rev == nil {
		t.Errorf("%s: %v\n%s", e.Name, problems, text)
	}
}

func TestImports(t *testing.T) {
	all := policies(t)
	files, err := filepath.Glob("testdata/*.txtar")
	if err != nil {
		t.Fatal(err)
	}
	played := 0
	for _, name := range files {
		archive, err := txtar.ParseFile(name)
		if err != nil {
			t.Fatal(err)
		}
		var in []manifest.File
		want := ""
		var kept []txtar.File
		for _, f := range archive.Files {
			if f.Name == "want" {
				want = string(f.Data)
				continue
			}
			kept = append(kept, f)
			in = append(in, manifest.File{Name: f.Name, Text: f.Data})
		}
		do := Anypoint
		if strings.Contains(name, "flex") {
			do = Flex
		}
		r := do(in, all)
		got := shown(t, r)
		for i := range r.Environments {
			builds(t, all, &r.Environments[i])
		}
		everything := got + r.Markdown()
		for _, secret := range []string{"a-long-secret-of-the-shop", "in-clear-by-mistake", "user:pw", "plain-secret", "hush-hush", "QkJC"} {
			if strings.Contains(everything, secret) {
				t.Errorf("%s: the secret %s came out", name, secret)
			}
		}
		if *update {
			archive.Files = append(kept, txtar.File{Name: "want", Data: []byte(got)})
			if err := os.WriteFile(name, txtar.Format(archive), 0o600); err != nil {
				t.Fatal(err)
			}
		} else if got != want {
			t.Errorf("%s: got\n%s", name, got)
		}
		if again := shown(t, do(in, all)); again != got {
			t.Errorf("%s: another time it comes out otherwise", name)
		}
		played++
	}
	t.Logf("played %d imports", played)
	if played < 2 {
		t.Error("there should be at least 2")
	}
}
