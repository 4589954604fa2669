package scan

import (
	"context"
	"flag"
	"fmt"
	"maps"
	"math/rand/v2"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/txtar"

	"farrier.dev/farrier/internal/finding"
	"farrier.dev/farrier/internal/mule"
	"farrier.dev/farrier/internal/scan/repair"
)

var wholeCorpus = flag.Bool("corpus", false, "prove the repairs of all mutants, not of a sample")

// The least that a sample and the whole corpus hold.
const (
	sampledMutants, sampledRepairs = 100, 150
	wholeMutants, wholeRepairs     = 4000, 6000
)

// TestMendCorpus makes each repair by itself, and all of them together, in the bad
// examples of all rules, in whole projects, and in mutants of both: other ways to
// write the same. What comes out can be read, is the same outside of the spans, has
// lost its finding and has no new one; mending all comes to an end in two rounds, and
// mending what is safe in one.
func TestMendCorpus(t *testing.T) {
	set, err := Builtin()
	if err != nil {
		t.Fatal(err)
	}
	c := &corpus{
		T: t, plan: newPlan(set, &Options{Experimental: true, Tests: true, Now: exampleTime()}, nil),
		rules: map[string]int{}, wrong: map[string][]string{},
	}
	random := rand.New(rand.NewPCG(7, 11))
	projects := c.projects(set, random)
	for _, name := range sortedKeys(projects) {
		if !c.play(name, projects[name], *wholeCorpus || random.IntN(10) == 0) {
			continue // there is nothing to repair
		}
		for _, m := range mutators() {
			if *wholeCorpus || random.IntN(30) == 0 {
				c.mutant(name+", "+m.name, projects[name], m)
			}
		}
		if ms := mutators(); *wholeCorpus || random.IntN(20) == 0 {
			a, b := ms[random.IntN(len(ms))], ms[random.IntN(len(ms))]
			c.mutant(name+", "+a.name+", "+b.name, a.files(projects[name]), b)
		}
	}
	t.Logf("%d projects, %d mutants, %d repairs proven one by one (%d safe), %d in passes over all; %d rules repair something",
		len(projects), c.mutants, c.proven, c.safe, c.passes, len(c.rules))
	for _, what := range sortedKeys(c.wrong) {
		names := c.wrong[what]
		t.Errorf("%d times: %s\n\tin %s", len(names), what, strings.Join(names[:min(3, len(names))], "\n\tin "))
	}
	mutants, repairs := sampledMutants, sampledRepairs
	if *wholeCorpus {
		mutants, repairs = wholeMutants, wholeRepairs
	}
	if c.mutants < mutants || c.proven < repairs {
		t.Errorf("%d mutants and %d repairs are too few", c.mutants, c.proven)
	}
}

// corpus counts what was proven, and what went wrong, where.
type corpus struct {
	*testing.T
	plan                          *plan
	mutants, proven, safe, passes int
	rules                         map[string]int
	wrong                         map[string][]string
}

func (c *corpus) fail(where, format string, args ...any) {
	what := fmt.Sprintf(format, args...)
	c.wrong[what] = append(c.wrong[what], where)
}

// projects are the bad examples, the applications of testdata/apps, and some that have
// many examples at once.
func (c *corpus) projects(set *Rules, random *rand.Rand) map[string]map[string]string {
	out := map[string]map[string]string{}
	var snippets []string
	for _, x := range set.all {
		for i, e := range x.bad {
			out[fmt.Sprintf("%s bad %d", x.ID, i+1)] = e.files
			if e.text != "" && e.major == 4 && !strings.Contains(e.text, "farrier:ignore") {
				snippets = append(snippets, e.text)
			}
		}
	}
	for i := range 15 {
		e := &example{files: map[string]string{}, major: 4}
		for k := range 10 {
			e.text += renamed(snippets[random.IntN(len(snippets))], k) + "\n"
		}
		e.snippet()
		out[fmt.Sprintf("mixture %d", i+1)] = e.files
	}
	paths, err := filepath.Glob("testdata/apps/*.txtar")
	if err != nil {
		c.Fatal(err)
	}
	for _, path := range paths {
		a, err := txtar.ParseFile(path)
		if err != nil {
			c.Fatal(err)
		}
		files := map[string]string{}
		for _, f := range a.Files {
			if f.Name != "findings" {
				files[f.Name] = string(f.Data)
			}
		}
		out[filepath.Base(path)] = files
	}
	return out
}

var nameForm = regexp.MustCompile(`\bname="([^"$#]+)"`)

// renamed has other names in a snippet, so that it can stand beside others.
func renamed(text string, number int) string {
	var names []string
	for _, m := range nameForm.FindAllStringSubmatch(text, -1) {
		names = append(names, `"`+m[1]+`"`, fmt.Sprintf(`"%s-%d"`, m[1], number))
	}
	return strings.NewReplacer(names...).Replace(text)
}

func (c *corpus) mutant(name string, files map[string]string, m mutator) {
	mutated := m.files(files)
	if !maps.Equal(files, mutated) {
		c.mutants++
		c.play(name, mutated, true)
	}
}

func read(files map[string]string) (*mule.Project, error) {
	p, err := (&example{files: files}).project()
	if err == nil && len(p.Problems) > 0 {
		err = fmt.Errorf("%s:%d: %s", p.Problems[0].File, p.Problems[0].Line, p.Problems[0].Message)
	}
	return p, err
}

// play proves the repairs of a project. It says whether there are any.
func (c *corpus) play(name string, files map[string]string, prove bool) bool {
	project, err := read(files)
	if err != nil {
		return false
	}
	before := c.plan.judged(context.Background(), project).suppressed(nil)
	repairable := slices.DeleteFunc(slices.Clone(before), func(f finding.Finding) bool { return f.Repair == nil })
	if len(repairable) == 0 || !prove {
		return len(repairable) > 0
	}
	base := newMending(c.plan, project, before, true)
	for _, f := range repairable {
		c.one(name, base, before, f)
	}
	for _, all := range []bool{true, false} {
		c.all(name, files, all)
	}
	return true
}

// one proves one repair.
func (c *corpus) one(name string, m *mending, before []finding.Finding, f finding.Finding) {
	c.proven++
	c.rules[f.Rule]++
	if f.Repair.Safe {
		c.safe++
	}
	k := &candidate{finding: f}
	if reason := m.resolve(k); reason != "" {
		c.fail(name, "%s: %s", f.Rule, reason)
		return
	}
	changed := map[string]string{}
	for n, file := range m.project.Files {
		changed[n] = string(file.Text)
	}
	for n, edits := range k.edits {
		old := m.project.Files[n].Text
		text, err := repair.Apply(old, edits)
		if err == nil {
			err = repair.Readable(n, old, text)
		}
		if err != nil {
			c.fail(name, "%s: %v", f.Rule, err)
			return
		}
		if !onlySpans(string(old), string(text), edits) {
			c.fail(name, "%s: bytes outside of the spans have changed", f.Rule)
		}
		changed[n] = string(text)
		for _, e := range edits {
			c.wellWritten(name, f, string(old), e)
		}
	}
	project, err := mule.ReadFiles(m.project.Dir, changed)
	if err != nil || len(project.Problems) > len(m.project.Problems) {
		c.fail(name, "%s: it can't be read any more: %v", f.Rule, err)
		return
	}
	project.Shared, project.DomainName, project.Libraries = m.project.Shared, m.project.DomainName, m.project.Libraries
	c.compare(name, m, f, before, project)
}

// revealed are the findings that some repairs bring to light: these are held back, and
// people decide. With one flow of an API guarded, others are ways around it.
var revealed = map[string]string{"MS-CFG-04": "MS-CFG-08"}

// compare holds the findings before and after a repair against each other.
func (c *corpus) compare(name string, m *mending, f finding.Finding, before []finding.Finding, project *mule.Project) {
	if m.before.rules == nil {
		m.before, _ = m.judged(context.Background(), nil)
	}
	rule := 0
	for _, x := range before {
		if x.Rule == f.Rule {
			rule++
		}
	}
	places := map[string]int{}
	for _, x := range c.plan.judged(context.Background(), project).findings() {
		if x.Rule == f.Rule {
			rule--
		}
		key := x.Rule + " " + x.Location.File + " " + x.Location.Place
		if places[key]++; places[key] > m.before.places[key] && revealed[f.Rule] != x.Rule {
			c.fail(name, "%s %q: there is a new finding of %s", f.Rule, f.Repair.Title, x.Rule)
		}
	}
	if rule < 1 {
		c.fail(name, "%s %q: the finding is still there", f.Rule, f.Repair.Title)
	}
}

// onlySpans says whether a text is another one with edits made, and no more: what
// stands between them is the same.
func onlySpans(before, after string, edits repair.Set) bool {
	sorted := slices.Clone(edits)
	slices.SortStableFunc(sorted, func(a, b repair.Edit) int { return a.Start - b.Start })
	at := 0
	for _, e := range sorted {
		rest, ok := strings.CutPrefix(after, before[at:e.Start])
		if ok {
			rest, ok = strings.CutPrefix(rest, e.Text)
		}
		if !ok {
			return false
		}
		after, at = rest, e.End
	}
	return after == before[at:]
}

var placeholders = regexp.MustCompile(`\$\{([^}]*)\}`)

// wellWritten holds that an edit declares no namespace that has a prefix already, and
// that a safe one leaves nothing to be completed.
func (c *corpus) wellWritten(name string, f finding.Finding, text string, e repair.Edit) {
	if begin, end := rootTag(text); begin >= 0 {
		for _, m := range declaration.FindAllStringSubmatch(e.Text, -1) {
			if strings.Contains(text[begin:end], `="`+m[2]+`"`) {
				c.fail(name, "%s declares %s again", f.Rule, m[1])
			}
		}
	}
	if strings.Contains(text, "\r\n") && strings.Contains(strings.ReplaceAll(e.Text, "\r\n", ""), "\n") {
		c.fail(name, "%s mixes line ends", f.Rule)
	}
	if !f.Repair.Safe {
		return
	}
	if strings.Contains(e.Text, "TODO") || placeholders.MatchString(e.Text) && f.Rule != "MS-CFG-05" {
		c.fail(name, "%s: a safe repair leaves %s", f.Rule, e.Text)
	}
}

// all mends in passes until nothing changes.
func (c *corpus) all(name string, files map[string]string, all bool) {
	files = maps.Clone(files)
	for round := range 4 {
		project, err := read(files)
		if err != nil {
			c.fail(name, "round %d can't be read: %v", round+1, err)
			return
		}
		m := newMending(c.plan, project, c.plan.judged(context.Background(), project).suppressed(nil), all)
		if err := m.mend(context.Background()); err != nil {
			c.fail(name, "mending breaks off: %v", err)
			return
		}
		c.passes += len(m.fixed)
		switch {
		case len(m.texts) == 0:
			return
		case round > 0 && !all:
			c.fail(name, "--fix changes something again: %s", m.fixed[0].Rule)
		case round > 1:
			c.fail(name, "round %d changes something still: %s", round+1, m.fixed[0].Rule)
		}
		for n, text := range m.texts {
			files[n] = string(text)
		}
	}
}
