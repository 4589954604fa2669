package detect

import (
	"fmt"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/rogpeppe/go-internal/txtar"

	"farrier.dev/farrier/internal/finding"
)

// engine gives one engine with defaults to all tests, for rules take long to
// compile.
var engine = sync.OnceValues(func() (*Engine, error) { return New(Options{}) })

func defaultEngine(t testing.TB) *Engine {
	t.Helper()
	e, err := engine()
	if err != nil {
		t.Fatal(err)
	}
	return e
}

// contentLength is left out where lines are given the ends that they must have.
var contentLength = regexp.MustCompile(`(?i)\ncontent-length: \d+`)

func judge(t testing.TB, e *Engine, raw string) Verdict {
	t.Helper()
	if head, body, ok := strings.Cut(raw, "\n\n"); ok && strings.Contains(head, "multipart/") {
		head = contentLength.ReplaceAllString(head, "")
		raw = head + "\n\n" + strings.ReplaceAll(strings.TrimRight(strings.ReplaceAll(body, "\r\n", "\n"), "\n")+"\n", "\n", "\r\n")
	}
	x, err := ParseRequest([]byte(raw))
	if err != nil {
		t.Fatalf("reading the request: %v", err)
	}
	return e.Judge(t.Context(), x, Lessons{})
}

// example is one section of a corpus file, "name: block RULES", "name: pass" or
// "name: alarm".
type example struct {
	name, want string
	rules      []string
	raw        []byte
}

func corpus(t testing.TB, pattern string) map[string][]example {
	t.Helper()
	files, err := filepath.Glob(pattern)
	if err != nil {
		t.Fatal(err)
	}
	all := map[string][]example{}
	for _, file := range files {
		archive, err := txtar.ParseFile(file)
		if err != nil {
			t.Fatal(err)
		}
		for _, section := range archive.Files {
			name, want, ok := strings.Cut(section.Name, ": ")
			if !ok {
				t.Fatalf("%s: section %q is not \"name: block RULES\" or \"name: pass\"", file, section.Name)
			}
			want, rules, _ := strings.Cut(want, " ")
			e := example{name: name, want: want, raw: section.Data}
			if rules != "" {
				e.rules = strings.Split(rules, "|")
			}
			class := strings.TrimSuffix(filepath.Base(file), ".txtar")
			all[class] = append(all[class], e)
		}
	}
	return all
}

func describe(v Verdict) string {
	var b strings.Builder
	fmt.Fprintf(&b, "score %d", v.Score)
	for _, f := range v.Findings {
		fmt.Fprintf(&b, "\n\t%s %s: %s %q", f.Severity, f.Rule, f.Message, f.Excerpt)
	}
	return b.String()
}

func TestCorpus(t *testing.T) {
	e := defaultEngine(t)
	attacks, benign, known := 0, 0, 0
	for class, examples := range corpus(t, "testdata/*.txtar") {
		wrong := 0
		for _, one := range examples {
			t.Run(class+"/"+one.name, func(t *testing.T) {
				v := judge(t, e, string(one.raw))
				if v.Err != nil {
					t.Fatal(v.Err)
				}
				found := func(rule string) bool {
					return slices.ContainsFunc(v.Findings, func(f finding.Finding) bool {
						return strings.HasPrefix(strings.TrimPrefix(f.Rule, "crs-"), rule)
					})
				}
				switch {
				case one.want == "alarm":
					known++
					if !v.Block {
						t.Error("no longer a false alarm: write pass")
					}
				case one.want == "pass" && v.Block:
					wrong++
					t.Errorf("a false alarm: %s", describe(v))
				case one.want == "block" && !v.Block:
					wrong++
					t.Errorf("not found: %s", describe(v))
				case one.want == "block" && !slices.ContainsFunc(one.rules, found):
					t.Errorf("no rule of %v: %s", one.rules, describe(v))
				}
			})
		}
		t.Logf("%-32s %3d requests, %d wrong", class, len(examples), wrong)
		if strings.HasPrefix(class, "benign") {
			benign += len(examples)
		} else {
			attacks += len(examples)
		}
	}
	t.Logf("played %d attacks and %d benign requests, of which %d are known false alarms", attacks, benign, known)
	if attacks < 150 || benign < 80 {
		t.Errorf("the corpus has shrunk to %d attacks and %d benign requests", attacks, benign)
	}
}

// TestParanoia prints what higher levels cost in false alarms.
func TestParanoia(t *testing.T) {
	if testing.Short() {
		t.Skip("compiles the rules four times")
	}
	for level := 2; level <= 4; level++ {
		e, err := New(Options{Paranoia: level})
		if err != nil {
			t.Fatal(err)
		}
		alarms, missed, played := 0, 0, 0
		for class, examples := range corpus(t, "testdata/*.txtar") {
			for i, one := range examples {
				if i%stride != 0 {
					continue
				}
				played++
				v := judge(t, e, string(one.raw))
				switch {
				case v.Err != nil:
					t.Errorf("%s/%s: %v", class, one.name, v.Err)
				case one.want != "block" && v.Block:
					alarms++
				case one.want == "block" && !v.Block:
					missed++
					t.Errorf("%s/%s is found at level 1 and not at %d", class, one.name, level)
				}
			}
		}
		t.Logf("level %d: %d requests, %d false alarms, %d attacks missed", level, played, alarms, missed)
	}
}
