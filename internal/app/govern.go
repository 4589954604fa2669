package app

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
	"time"

	"farrier.dev/farrier/internal/encoding/tree"
	"farrier.dev/farrier/internal/finding"
	"farrier.dev/farrier/internal/finding/report"
	"farrier.dev/farrier/internal/governance"
	"farrier.dev/farrier/internal/spec"
	"farrier.dev/farrier/internal/spec/languages"
)

// GovernOptions say how descriptions are judged.
type GovernOptions struct {
	// Rulesets are names of built-in rulesets or files; "none" judges only whether
	// descriptions are valid. Empty stands for DefaultRulesets.
	Rulesets []string
	// Profile is a file with a profile, whose rulesets hold instead; empty for none.
	Profile string
	// Root is the folder that files may include from; empty stands for the nearest
	// folder above a file that holds exchange.json, or for its own.
	Root string
	// Labels are facts about the APIs that a profile's filter asks for, as
	// "exposure=public".
	Labels []string
	// MaxBytes is the length of the longest description, 0 for 8 MiB.
	MaxBytes int
	// Mend writes what can be mended safely into the files; Patch prints it as a
	// patch instead.
	Mend, Patch bool
	Output      ReportOptions
	// Now decides about waivers.
	Now time.Time
}

// DefaultRulesets judge when no others are asked for.
func DefaultRulesets() []string {
	return []string{"owasp-api-security-top-10", "authentication-security-best-practices", "https-enforcement"}
}

// Govern judges descriptions of APIs: files, folders, globs and zip archives. It
// returns the exit code.
func Govern(ctx context.Context, paths []string, o GovernOptions, out io.Writer) (int, error) {
	g := &governing{o: o}
	if err := g.load(); err != nil {
		return ExitBroken, err
	}
	if err := g.o.Output.open(); err != nil {
		return ExitBroken, err
	}
	found, err := descriptions(paths, o.Root)
	if err != nil {
		return ExitBroken, err
	}
	judged := make([]*governed, len(found))
	work := make(chan int)
	var workers sync.WaitGroup
	for range min(runtime.GOMAXPROCS(0), len(found)) {
		workers.Go(func() {
			for i := range work {
				judged[i] = g.judge(ctx, found[i])
			}
		})
	}
	for i := range found {
		work <- i
	}
	close(work)
	workers.Wait()
	if err := ctx.Err(); err != nil {
		return ExitBroken, fmt.Errorf("interrupted: %w", err)
	}
	if o.Mend || o.Patch {
		return g.mend(judged, out)
	}
	return g.tell(judged, out)
}

// governing is one run.
type governing struct {
	o        GovernOptions
	profile  *governance.Profile
	rulesets []*governance.Ruleset
	labels   map[string]string
}

// governed is what became of one description.
type governed struct {
	description
	doc    *spec.Document
	report *governance.Report
}

func (g *governing) load() error {
	if g.o.MaxBytes < 0 {
		return fmt.Errorf("--max-bytes %d: must be 0 or more", g.o.MaxBytes)
	}
	g.labels = map[string]string{}
	for _, label := range g.o.Labels {
		name, value, ok := strings.Cut(label, "=")
		if !ok || name == "" {
			return fmt.Errorf("--label %s: must be NAME=VALUE, as exposure=public", label)
		}
		if !slices.Contains(governance.Labels(), name) {
			return fmt.Errorf("--label %s: no filter asks for %s; known are %s", label, name, strings.Join(governance.Labels(), ", "))
		}
		g.labels[name] = value
	}
	names, base := g.o.Rulesets, "."
	if g.o.Profile != "" {
		if len(names) > 0 {
			return errors.New("--profile names its own rulesets; leave out --ruleset")
		}
		text, err := os.ReadFile(g.o.Profile)
		if err != nil {
			return fmt.Errorf("reading the profile: %w", err)
		}
		if g.profile, err = governance.ReadProfile(&tree.Source{Name: g.o.Profile, Text: text}); err != nil {
			return err
		}
		base = filepath.Dir(g.o.Profile)
		for _, r := range g.profile.Rulesets {
			names = append(names, r.Name)
		}
	}
	if len(names) == 0 {
		names = DefaultRulesets()
	}
	for _, name := range names {
		if name == "none" {
			if len(names) > 1 {
				return errors.New(`--ruleset none stands alone`)
			}
			break
		}
		set, err := LoadRuleset(base, name)
		if err != nil {
			return err
		}
		g.rulesets = append(g.rulesets, set)
	}
	return g.profile.Check(g.rulesets)
}

// LoadRuleset loads a built-in ruleset by its name, or one from a file below a
// folder.
func LoadRuleset(base, name string) (*governance.Ruleset, error) {
	set, err := governance.Builtin(name)
	if err == nil || !errors.Is(err, governance.ErrUnknown) {
		return set, err
	}
	unknown, file := err, name
	if !filepath.IsAbs(file) {
		file = filepath.Join(base, file)
	}
	if info, err := os.Stat(file); err != nil || info.IsDir() {
		if filepath.Base(name) == name && filepath.Ext(name) == "" {
			return nil, unknown
		}
		return nil, fmt.Errorf("the ruleset %s is no file that can be read", file)
	}
	// What a ruleset extends may lie anywhere below the working directory, as
	// node_modules does, or beside it.
	dir, inner := filepath.Split(file)
	if dir == "" {
		dir = "."
	}
	if here, err := os.Getwd(); err == nil {
		if whole, err := filepath.Abs(file); err == nil {
			if below, err := filepath.Rel(here, whole); err == nil && filepath.IsLocal(below) {
				dir, inner = ".", below
			}
		}
	}
	project, err := spec.OpenFolder(dir, spec.ProjectLimits{})
	if err != nil {
		return nil, err
	}
	set, err = governance.LoadFile(project, filepath.ToSlash(inner))
	if err != nil {
		return nil, fmt.Errorf("ruleset %s: %w", name, err)
	}
	set.Name = name
	return set, nil
}

// judge reads and judges one description.
func (g *governing) judge(ctx context.Context, d description) *governed {
	out := &governed{description: d, doc: &spec.Document{File: d.main}}
	// Descriptions and rulesets are of strangers: one of them ends not the run.
	defer func() {
		if fault := recover(); fault != nil {
			out.report = &governance.Report{Status: governance.Failed, Errors: []string{fmt.Sprintf("judging has failed: %v", fault)}}
		}
	}()
	project, err := d.open(spec.ProjectLimits{Document: tree.Options{MaxBytes: g.o.MaxBytes, Lenient: true}})
	if err != nil {
		out.doc = &spec.Document{File: d.main, Problems: []spec.Problem{{File: d.main, Rule: "unreadable", Message: err.Error()}}}
	} else {
		out.doc = languages.Read(project, d.main)
	}
	t := governance.Target{Document: out.doc, File: d.name(), Labels: g.labels}
	if g.profile != nil {
		facts := governance.FactsOf(&t, "")
		if !g.profile.Filter.Chooses(&facts) {
			out.report = &governance.Report{Status: governance.NotApplicable}
			return out
		}
	}
	out.report = governance.Judge(ctx, t, g.rulesets, g.profile, g.o.Now)
	for _, list := range [][]governance.Violation{out.report.Violations, out.report.Apart} {
		for i := range list {
			v := &list[i]
			v.Location.File = d.shown(v.Location.File)
			v.Fingerprint = finding.Fingerprint(v.Rule, v.Location)
		}
	}
	return out
}

// tell writes the report.
func (g *governing) tell(judged []*governed, out io.Writer) (int, error) {
	rep := &report.Report{Tool: report.Tool{Name: "farrier govern"}, Files: []report.File{}}
	code := ExitGood
	for _, j := range judged {
		f := report.File{
			File: j.name(), Conforms: j.report.Conforms(), Findings: j.report.Findings(), Status: string(j.report.Status),
			Details: map[string]any{
				"language": j.doc.Language, "valid": j.doc.Valid(), "rulesets": j.report.Rulesets, "scoreParts": j.report.Score.Parts,
				"errors": j.report.Errors, "problems": findingsOf(j.report.Apart),
			},
		}
		if j.report.Status != governance.NotApplicable {
			f.Score = &j.report.Score.Total
		}
		rep.Files = append(rep.Files, f)
		switch {
		case j.report.Status != governance.NotApplicable:
		case len(j.report.Rulesets) > 0:
			fmt.Fprintf(os.Stderr, "farrier: %s: the rulesets have nothing to look at; --ruleset none says whether it is valid\n", j.name())
		default:
			fmt.Fprintf(os.Stderr, "farrier: %s: the filter of the profile does not choose it, so nothing was judged; --label says what it is, as exposure=public\n", j.name())
		}
		if n := len(j.report.Apart); n > 0 {
			fmt.Fprintf(os.Stderr, "farrier: %s: the description itself is not as it should be (%d places), which the profile does not judge; --ruleset none tells them\n", j.name(), n)
		}
		if len(j.report.Errors) > 0 {
			code = ExitBroken
			fmt.Fprintf(os.Stderr, "farrier: %s: %s\n", j.name(), strings.Join(j.report.Errors, "; "))
		}
	}
	seen := map[string]bool{}
	for _, set := range g.rulesets {
		for i := range set.Rules {
			if r := &set.Rules[i]; !seen[r.ID] {
				seen[r.ID] = true
				rep.Rules = append(rep.Rules, report.RuleInfo{ID: r.ID, Title: r.Title, Severity: r.Severity, Why: r.Why, Mend: r.Mend, Taxonomy: r.Taxonomy, Help: r.Documentation})
			}
		}
	}
	written, err := g.o.Output.write(rep, out)
	if err != nil {
		return ExitBroken, err
	}
	return max(code, written), nil
}

func findingsOf(violations []governance.Violation) []finding.Finding {
	out := make([]finding.Finding, len(violations))
	for i := range violations {
		out[i] = violations[i].Finding
	}
	return out
}
