package spectral_test

import (
	"bytes"
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/rogpeppe/go-internal/txtar"

	"farrier.dev/farrier/internal/governance/spectral"
	"farrier.dev/farrier/internal/programtest"
	"farrier.dev/farrier/internal/spec"
)

var (
	update = flag.Bool("update", false, "write the results into the archives of testdata")
	verify = flag.Bool("spectral", false, "hold the archives of testdata against the command line of Spectral")
)

// spectralVersion is the one that results are held against.
const spectralVersion = "@stoplight/spectral-cli@6.16.3"

func files(a *txtar.Archive) fstest.MapFS {
	out := fstest.MapFS{}
	for _, f := range a.Files {
		out[f.Name] = &fstest.MapFile{Data: f.Data}
	}
	return out
}

// document reads a file as any description is read.
func document(t testing.TB, p *spec.Project, name string) *spec.Document {
	t.Helper()
	root, err := p.Tree(name)
	if err != nil {
		t.Fatal(err)
	}
	return &spec.Document{Project: p, File: name, Root: root}
}

// line writes a result as the archives have it.
func line(r spectral.Result) string {
	return fmt.Sprintf("%s:%d:%d %s %s /%s %s", r.File, r.Line, r.Column, r.Severity, r.Rule, strings.Join(r.Path, "/"), r.Message)
}

// TestArchives plays rulesets on documents. The results that stand in them are
// those of Spectral, by which they are checked with -spectral.
func TestArchives(t *testing.T) {
	names, err := filepath.Glob("testdata/*.txtar")
	if err != nil || len(names) < 6 {
		t.Fatalf("too few archives: %v", names)
	}
	results := 0
	for _, name := range names {
		t.Run(strings.TrimSuffix(filepath.Base(name), ".txtar"), func(t *testing.T) {
			a, err := txtar.ParseFile(name)
			if err != nil {
				t.Fatal(err)
			}
			fsys := files(a)
			ruleset := "ruleset.yaml"
			if _, found := fsys["ruleset.mjs"]; found {
				ruleset = "ruleset.mjs"
			}
			set, err := spectral.Load(spec.NewProject(fsys, spec.ProjectLimits{}), ruleset, spectral.Options{})
			if err != nil {
				t.Fatal(err)
			}
			got, err := set.Judge(t.Context(), document(t, spec.NewProject(fsys, spec.ProjectLimits{}), "api.yaml"))
			if err != nil {
				t.Fatal(err)
			}
			results += len(got)
			var b bytes.Buffer
			for _, r := range got {
				fmt.Fprintln(&b, line(r))
			}
			if *verify {
				against(t, a, ruleset, got)
			}
			if *update {
				write(t, name, a, b.Bytes())
				return
			}
			if want := string(fsys["want"].Data); b.String() != want {
				t.Errorf("got\n%s\nwant\n%s", b.String(), want)
			}
		})
	}
	t.Logf("%d archives, %d results", len(names), results)
}

func write(t *testing.T, name string, a *txtar.Archive, want []byte) {
	t.Helper()
	a.Files = slices.DeleteFunc(a.Files, func(f txtar.File) bool { return f.Name == "want" })
	a.Files = append(a.Files, txtar.File{Name: "want", Data: want})
	if err := os.WriteFile(name, txtar.Format(a), 0o600); err != nil {
		t.Fatal(err)
	}
}

// finding is a result as Spectral writes it.
type finding struct {
	Code     string   `json:"code"`
	Path     []string `json:"path"`
	Message  string   `json:"message"`
	Severity int      `json:"severity"`
	Source   string   `json:"source"`
	Range    struct {
		Start struct{ Line, Character int } `json:"start"`
	} `json:"range"`
}

// against compares results with those of the command line of Spectral.
func against(t *testing.T, a *txtar.Archive, ruleset string, got []spectral.Result) {
	t.Helper()
	dir := t.TempDir()
	for _, f := range a.Files {
		path := filepath.Join(dir, f.Name)
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, f.Data, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	found := lint(t, dir, ruleset, "api.yaml")
	for i := range found {
		found[i].Source, _ = filepath.Rel(dir, found[i].Source)
	}
	var mine, theirs []string
	for _, r := range got {
		mine = append(mine, line(r))
	}
	for _, f := range found {
		theirs = append(theirs, line(f.result()))
	}
	slices.Sort(mine)
	slices.Sort(theirs)
	for _, l := range mine {
		if !slices.Contains(theirs, l) {
			t.Errorf("Spectral lacks %s", l)
		}
	}
	for _, l := range theirs {
		if !slices.Contains(mine, l) {
			t.Errorf("Spectral has   %s", l)
		}
	}
	t.Logf("%d results here, %d of Spectral", len(mine), len(theirs))
}

func (f *finding) result() spectral.Result {
	return spectral.Result{
		Rule: f.Code, Message: f.Message, Severity: spectral.Severity(f.Severity), Path: f.Path,
		File: f.Source, Line: f.Range.Start.Line + 1, Column: f.Range.Start.Character + 1,
	}
}

// lint runs Spectral in a folder.
func lint(t *testing.T, dir, ruleset string, documents ...string) []finding {
	t.Helper()
	modules := programtest.NPM(t, spectralVersion)
	command := exec.CommandContext(t.Context(), filepath.Join(modules, "node_modules", ".bin", "spectral"), append([]string{"lint", "-q", "-f", "json", "-r", ruleset}, documents...)...)
	command.Dir = dir
	var out, errs bytes.Buffer
	command.Stdout, command.Stderr = &out, &errs
	_ = command.Run()
	var found []finding
	if err := json.Unmarshal(out.Bytes(), &found); err != nil {
		t.Fatalf("Spectral: %v\n%s%s", err, out.String(), errs.String())
	}
	return found
}
