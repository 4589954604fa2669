package scan

import (
	"context"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/txtar"

	"farrier.dev/farrier/internal/finding"
	"farrier.dev/farrier/internal/mule"
)

// The least that the suite holds, and how much of it must be right.
const (
	leastFlows      = 700
	leastFlowsThree = 60
	leastRight      = 0.98
)

// flowCase is a small project with what is expected of it.
type flowCase struct {
	theme, name string
	major       int
	// want are the findings, as "RULE at file:line"; empty where there must be none
	// of the rules.
	want  []string
	rules []string
	files map[string]string
	// miss is the reason why it is known to go wrong.
	miss string
}

// TestFlows plays the data-flow suite, testdata/flows: by themes, how data gets from
// where a stranger puts it in to where it does harm, and how it does not. README.md
// there says how cases are written.
func TestFlows(t *testing.T) {
	rules := flowRules(t)
	paths, err := filepath.Glob("testdata/flows/*.txtar")
	if err != nil {
		t.Fatal(err)
	}
	all, three, right, negative := 0, 0, 0, 0
	var wrong []string
	for _, path := range paths {
		theme := strings.TrimSuffix(filepath.Base(path), ".txtar")
		t.Run(theme, func(t *testing.T) {
			for _, c := range readFlows(t, theme, path) {
				all++
				if c.major == 3 {
					three++
				}
				if len(c.want) == 0 {
					negative++
				}
				problem := c.play(rules)
				if problem == "" {
					right++
				} else {
					wrong = append(wrong, theme+": "+c.name+": "+problem)
				}
				switch {
				case problem != "" && c.miss == "":
					t.Errorf("%s: %s", c.name, problem)
				case problem == "" && c.miss != "":
					t.Errorf("%s: it is right, and no longer a known miss", c.name)
				}
			}
		})
	}
	t.Logf("%d of %d cases right, %d positive, %d negative, %d of Mule 3", right, all, all-negative, negative, three)
	if float64(right) < leastRight*float64(all) {
		t.Errorf("%d of %d cases are right, want %.0f %%; wrong are\n%s", right, all, 100*leastRight, strings.Join(wrong, "\n"))
	} else if len(wrong) > 0 {
		t.Logf("wrong are\n%s", strings.Join(wrong, "\n"))
	}
	if played, err := filepath.Glob("testdata/flows/*.txtar"); err == nil && len(played) == len(paths) && !partly() &&
		(all < leastFlows || three < leastFlowsThree || negative < all*2/5 || negative > all*3/5) {
		t.Errorf("the suite has %d cases, %d of them negative and %d of Mule 3", all, negative, three)
	}
}

// partly says that only some of the themes are asked for.
func partly() bool {
	for _, a := range os.Args {
		if strings.HasPrefix(a, "-test.run=") && strings.Contains(a, "/") {
			return true
		}
	}
	return false
}

// flowRules are the rules built in and those of testdata/flows/rules, for sinks that
// are nobody's weakness by themselves.
func flowRules(t *testing.T) *Rules {
	t.Helper()
	base, err := Builtin()
	if err != nil {
		t.Fatal(err)
	}
	rules, err := base.With(os.DirFS("testdata/flows/rules"), "testdata/flows/rules")
	if err != nil {
		t.Fatal(err)
	}
	return rules
}

var (
	flowExpectation = regexp.MustCompile(`^[A-Z]+(?:-[A-Z0-9]+)+ at \S+:\d+$`)
	flowNone        = regexp.MustCompile(`^none of ((?:[A-Z]+(?:-[A-Z0-9]+)+ ?)+)$`)
)

// readFlows reads the cases of a theme.
func readFlows(t *testing.T, theme, path string) []*flowCase {
	t.Helper()
	archive, err := txtar.ParseFile(path)
	if err != nil {
		t.Fatal(err)
	}
	var out []*flowCase
	var base, last *flowCase
	for _, f := range archive.Files {
		kind, name, _ := strings.Cut(f.Name, ": ")
		switch kind {
		case "case":
			base = &flowCase{theme: theme, name: name, major: 4, files: map[string]string{}}
			last = base
			if rest := base.expect(string(f.Data)); rest != "" {
				t.Fatalf("%s: %s: %q is no expectation", theme, name, rest)
			}
			out = append(out, base)
		case "but", "also":
			v := *base
			v.name, v.miss, v.files = base.name+", "+kind+" "+name, "", maps.Clone(base.files)
			if kind == "but" {
				v.want = nil
			} else {
				v.want = slices.Clone(base.want)
			}
			if err := v.edit(v.expect(string(f.Data))); err != nil {
				t.Fatalf("%s: %s: %v", theme, v.name, err)
			}
			last = &v
			out = append(out, last)
		case "known miss":
			last.miss = strings.TrimSpace(string(f.Data))
		default:
			if base == nil || last != base {
				t.Fatalf("%s: the file %s is not that of a case", theme, f.Name)
			}
			base.files[f.Name] = string(f.Data)
		}
	}
	return out
}

// expect reads the lines that say what is expected, and gives the others.
func (c *flowCase) expect(text string) string {
	var rest, want []string
	for line := range strings.Lines(text) {
		line = strings.TrimRight(line, "\n")
		switch none := flowNone.FindStringSubmatch(line); {
		case line == "mule 3":
			c.major = 3
		case none != nil:
			want, c.rules, c.want = nil, strings.Fields(none[1]), nil
		case flowExpectation.MatchString(line):
			want = append(want, line)
		case strings.TrimSpace(line) != "":
			rest = append(rest, line)
		}
	}
	if want != nil {
		c.want, c.rules = want, nil
		for _, w := range want {
			id, _, _ := strings.Cut(w, " ")
			c.rules = append(c.rules, id)
		}
	}
	return strings.Join(rest, "\n")
}

// edit makes the changes that a variant tells, each on a line, as "old ==> new".
func (c *flowCase) edit(text string) error {
	if text == "" {
		return fmt.Errorf("there is no change")
	}
	for line := range strings.SplitSeq(text, "\n") {
		from, to, ok := strings.Cut(line, "==>")
		from, to = strings.TrimSpace(from), strings.TrimSpace(to)
		if !ok || from == "" {
			return fmt.Errorf("%q is neither an expectation nor a change", line)
		}
		in := ""
		for name, text := range c.files {
			switch n := strings.Count(text, from); {
			case n > 1 || n == 1 && in != "":
				return fmt.Errorf("%q is there more than once", from)
			case n == 1:
				in = name
			}
		}
		if in == "" {
			return fmt.Errorf("%q is not there", from)
		}
		c.files[in] = strings.Replace(c.files[in], from, to, 1)
	}
	return nil
}

// place is where a file of a case lies in the project.
func (c *flowCase) place(name string) string {
	flows := "src/main/mule/"
	if c.major == 3 {
		flows = "src/main/app/"
	}
	switch {
	case strings.HasPrefix(name, "src/") || name == pomName || name == artifactName:
		return name
	case strings.HasSuffix(name, ".xml") && !strings.Contains(name, "/"):
		return flows + name
	case strings.HasSuffix(name, ".java"):
		return "src/main/java/" + name
	}
	return "src/main/resources/" + name
}

// play scans the project and tells what is wrong, empty when all is as expected.
func (c *flowCase) play(rules *Rules) string {
	e := &example{files: map[string]string{}, major: c.major}
	for name, text := range c.files {
		if strings.HasSuffix(name, ".xml") && !whole(strings.TrimSpace(text)) {
			text = wrapped(c.major, text)
		}
		e.files[c.place(name)] = text
	}
	e.snippet()
	w, err := mule.FindFiles("flows", e.files)
	if err != nil {
		return err.Error()
	}
	if w.Len() != 1 {
		return fmt.Sprintf("there are %d projects", w.Len())
	}
	r, err := Run(context.Background(), w, Options{Rules: rules, Only: slices.Compact(slices.Sorted(slices.Values(c.rules))), Experimental: true})
	if err != nil {
		return err.Error()
	}
	for _, p := range r.Problems {
		return fmt.Sprintf("%s:%d: %s", p.File, p.Line, p.Message)
	}
	var got []string
	for i := range r.Findings {
		f := &r.Findings[i]
		if f.Suppressed != "" || !slices.Contains(c.rules, f.Rule) {
			continue
		}
		got = append(got, c.shown(f))
		if x := rules.byID[f.Rule]; len(x.sinks) > 0 && x.check == nil {
			if problem := wayProblem(f); problem != "" {
				return problem + "\n" + wayText(f)
			}
		}
	}
	want := slices.Sorted(slices.Values(c.want))
	slices.Sort(got)
	if !slices.Equal(got, want) {
		if len(want) == 0 {
			return fmt.Sprintf("found %v, want none of %v\n%s", got, c.rules, wayText(&r.Findings[0]))
		}
		return fmt.Sprintf("found %v, want %v", got, want)
	}
	return ""
}

func (c *flowCase) shown(f *finding.Finding) string {
	file := strings.TrimPrefix(f.Location.File, "flows/")
	for name := range c.files {
		if c.place(name) == file {
			file = name
		}
	}
	return fmt.Sprintf("%s at %s:%d", f.Rule, file, f.Location.Line)
}

// beginnings are what a way may begin in: elements that bring data in, and fields whose
// names say that they are personal.
var beginnings = regexp.MustCompile(`listener|data-fetcher|inbound-endpoint|subscriber|inbound|error|exception|` +
	`:request|:select|:query|:read|:consume|:retrieve|secure::|is personal data`)

// wayProblem holds that a way begins at a source, ends at the sink, and that every
// step on it says where it is.
func wayProblem(f *finding.Finding) string {
	if len(f.Way) < 2 {
		return "the way has less than two steps"
	}
	for _, s := range f.Way {
		if s.Location.File == "" || s.Location.Line == 0 || s.Location.Column == 0 || s.Message == "" || s.Excerpt == "" {
			return fmt.Sprintf("the step %+v does not say where it is", s)
		}
	}
	if first := f.Way[0]; !beginnings.MatchString(first.Excerpt + first.Message) {
		return "the way does not begin at a source"
	}
	if last := f.Way[len(f.Way)-1].Location; last.File != f.Location.File || last.Line != f.Location.Line {
		return "the way does not end at the sink"
	}
	return ""
}

func wayText(f *finding.Finding) string {
	var b strings.Builder
	for _, s := range f.Way {
		fmt.Fprintf(&b, "    %s:%d: %s\n", filepath.Base(s.Location.File), s.Location.Line, s.Message)
	}
	return b.String()
}
