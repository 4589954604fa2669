package scan

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"path"
	"slices"
	"strings"
	"sync"

	"farrier.dev/farrier/internal/encoding/tree"
	"farrier.dev/farrier/internal/finding"
	"farrier.dev/farrier/internal/mule"
)

// Source is projects that can be read one after the other, as mule.Workspace.
type Source interface {
	// Len is the number of projects; Dir where one lies, as people know it.
	Len() int
	Dir(i int) string
	// Read reads one. It is called by many at once.
	Read(ctx context.Context, i int) (*mule.Project, error)
}

// defaultWorkers is how many projects are judged at once.
const defaultWorkers = 2

// Run scans projects. It holds no more projects than it has workers. A project that
// can't be read or judged is among the problems; errors are those of the options,
// and that ctx has ended.
func Run(ctx context.Context, projects Source, o Options) (*Report, error) {
	if o.Rules == nil {
		rules, err := BuiltinBrief()
		if err != nil {
			return nil, err
		}
		o.Rules = rules
	}
	if err := o.Settings.Check(o.Rules); err != nil {
		return nil, err
	}
	r := &run{o: o, projects: projects, outcomes: make([]outcome, projects.Len()), known: map[string]bool{}, plan: newPlan(o.Rules, &o, o.Settings)}
	r.all(ctx)
	if err := ctx.Err(); err != nil {
		return nil, fmt.Errorf("scanning: %w", err)
	}
	for _, id := range o.Only {
		if o.Rules.byID[id] == nil && !r.known[id] {
			return nil, fmt.Errorf("there is no rule %.40q", id)
		}
	}
	return r.report(), nil
}

// run is one scan.
type run struct {
	o        Options
	projects Source
	plan     *plan
	outcomes []outcome

	mu   sync.Mutex
	done int
	// known are the ids of rules that projects bring themselves.
	known map[string]bool
}

// outcome is what came of one project.
type outcome struct {
	summary  ProjectSummary
	findings []finding.Finding
	problems []Problem
	settings *Settings
	// rules are those that were asked, where the project brings some itself.
	rules *Rules
}

func (r *run) all(ctx context.Context) {
	next := make(chan int)
	var workers sync.WaitGroup
	for range min(cmp.Or(max(r.o.Workers, 0), defaultWorkers), max(1, r.projects.Len())) {
		workers.Go(func() {
			for i := range next {
				r.one(ctx, i)
			}
		})
	}
	for i := range r.projects.Len() {
		if ctx.Err() != nil {
			break
		}
		next <- i
	}
	close(next)
	workers.Wait()
}

// one judges one project and tells of it.
func (r *run) one(ctx context.Context, i int) {
	out := &r.outcomes[i]
	out.summary.Dir = r.projects.Dir(i)
	r.judge(ctx, i, out)
	r.mu.Lock()
	defer r.mu.Unlock()
	r.done++
	if r.o.Progress != nil {
		r.o.Progress(r.done, r.projects.Len(), out.summary.Dir)
	}
}

// judge reads and judges a project; what breaks is a problem of that project.
func (r *run) judge(ctx context.Context, i int, out *outcome) {
	defer func() {
		if broken := recover(); broken != nil {
			out.problems = append(out.problems, Problem{File: out.summary.Dir, Message: "the project could not be judged: the scanner broke off", Grave: true})
		}
	}()
	p, err := r.projects.Read(ctx, i)
	if err != nil {
		out.problems = append(out.problems, Problem{File: out.summary.Dir, Message: err.Error(), Grave: true})
		return
	}
	plan := r.plan
	settings, rules, err := r.own(p)
	switch {
	case err != nil:
		out.problems = append(out.problems, settingsProblem(p, err))
	case settings != nil:
		out.settings = settings
		if rules != r.o.Rules {
			out.rules = rules
		}
		plan = newPlan(rules, &r.o, settings)
	}
	j := plan.judged(ctx, p)
	out.findings = j.suppressed(settings)
	out.problems = append(out.problems, j.problems...)
	for _, problem := range p.Problems {
		out.problems = append(out.problems, Problem{File: below(p.Dir, problem.File), Line: problem.Line, Column: problem.Column, Message: problem.Message})
	}
	if j.env.Exhausted {
		out.problems = append(out.problems, Problem{File: p.Dir, Message: "the project is too large for all selectors: some findings may be missing"})
	}
	out.summary = r.summary(j, out.findings, plan)
	if r.o.Keep == nil && r.o.mended == nil {
		return
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.o.Keep != nil {
		r.o.Keep(i, p, out.findings)
	}
	if r.o.mended != nil {
		if err := r.o.mended(plan, p, out.findings); err != nil {
			out.problems = append(out.problems, Problem{File: p.Dir, Message: err.Error()})
		}
	}
}

func settingsProblem(p *mule.Project, err error) Problem {
	var wrong *tree.Error
	if errors.As(err, &wrong) {
		return Problem{File: wrong.File, Line: wrong.Line, Column: wrong.Column, Message: wrong.Problem + "; the project is judged by all rules", Grave: true}
	}
	return Problem{File: p.Dir, Message: err.Error() + "; the project is judged by all rules", Grave: true}
}

// own are the settings that a project brings itself, with the rules that it adds;
// nil for none.
func (r *run) own(p *mule.Project) (*Settings, *Rules, error) {
	f := p.Files[SettingsFile]
	if f == nil {
		return nil, r.o.Rules, nil
	}
	settings, err := ReadSettings(f.Path, f.Text)
	if err != nil {
		return nil, nil, err
	}
	rules := r.o.Rules
	if settings.RuleFolder != "" {
		if rules, err = rules.withFiles(p, settings); err != nil {
			return nil, nil, err
		}
		r.mu.Lock()
		for id := range rules.byID {
			r.known[id] = true
		}
		r.mu.Unlock()
	}
	return settings.over(r.o.Settings), rules, settings.Check(rules)
}

// withFiles are these rules and those of rule files in a project.
func (r *Rules) withFiles(p *mule.Project, s *Settings) (*Rules, error) {
	folder := s.RuleFolder
	all := slices.Clone(r.all)
	for _, name := range sortedKeys(p.Files) {
		if path.Dir(name) != path.Clean(folder) || path.Ext(name) != ".yaml" {
			continue
		}
		f := p.Files[name]
		x, err := readRuleText(f.Path, f.Text, true)
		if err != nil {
			return nil, err
		}
		x.Own = true
		if all = append(all, x); len(all)-len(r.all) > maxRuleFiles {
			return nil, tree.Wrong(s.ruleFolder, "the folder %.60q has more than %d rule files", folder, maxRuleFiles)
		}
	}
	if len(all) == len(r.all) {
		return nil, tree.Wrong(s.ruleFolder, "the folder %.60q of the project has no rule files: they are named <ID>.yaml", folder)
	}
	return newRules(all)
}

func (r *run) summary(j *judge, findings []finding.Finding, plan *plan) ProjectSummary {
	p := j.project
	out := ProjectSummary{
		Name: p.Name, Dir: p.Dir, Kind: p.Kind, Major: p.Major, Profile: plan.profile,
		Files: len(p.Files), Flows: len(p.Flows), Exhausted: j.taint != nil && j.taint.Exhausted, APIs: served(j.env, p),
	}
	switch {
	case p.POM != nil && p.POM.MuleVersion != "":
		out.Runtime = p.POM.MuleVersion
	case p.Artifact != nil:
		out.Runtime = p.Artifact.MinMuleVersion
	}
	var counted []finding.Finding
	for _, f := range findings {
		if f.Suppressed == "" {
			counted = append(counted, f)
		}
	}
	out.Counts, out.Suppressed = finding.Summarise(counted), len(findings)-len(counted)
	if r.o.Flows {
		out.Diagrams = j.diagrams()
	}
	return out
}

// report puts the outcomes together.
func (r *run) report() *Report {
	out := &Report{Findings: []finding.Finding{}, Rules: r.o.Rules.Info()}
	known := map[string]bool{}
	for _, info := range out.Rules {
		known[info.ID] = true
	}
	if r.o.Settings != nil {
		out.FailOn, out.FailOnSet = r.o.Settings.FailOn, r.o.Settings.FailOnSet
	}
	for i := range r.outcomes {
		one := &r.outcomes[i]
		if one.rules != nil {
			for _, info := range one.rules.Info() {
				if !known[info.ID] {
					known[info.ID] = true
					out.Rules = append(out.Rules, info)
				}
			}
		}
		out.Findings = append(out.Findings, one.findings...)
		out.Projects = append(out.Projects, one.summary)
		out.Problems = append(out.Problems, one.problems...)
		if s := one.settings; s != nil && s.FailOnSet {
			out.FailOnSet = true
			if s.FailOn != 0 && (out.FailOn == 0 || s.FailOn < out.FailOn) {
				out.FailOn = s.FailOn
			}
		}
	}
	slices.SortFunc(out.Rules, func(a, b RuleInfo) int { return strings.Compare(a.ID, b.ID) })
	out.Findings = distinct(out.Findings)
	return out
}

// distinct leaves out findings of files that several projects share.
func distinct(findings []finding.Finding) []finding.Finding {
	type key struct {
		print     string
		line, col int
	}
	seen := map[key]bool{}
	return slices.DeleteFunc(findings, func(f finding.Finding) bool {
		k := key{f.Fingerprint, f.Location.Line, f.Location.Column}
		twice := seen[k]
		seen[k] = true
		return twice
	})
}

// over are settings with those of the run below them, for what they do not say.
func (s *Settings) over(base *Settings) *Settings {
	if base == nil {
		return s
	}
	out := *s
	out.Profile = cmp.Or(s.Profile, base.Profile)
	out.Exclude = slices.Concat(base.Exclude, s.Exclude)
	out.rules, out.source = map[string]*ruleSetting{}, s.source
	for id, set := range base.rules {
		out.rules[id] = set
	}
	for id, set := range s.rules {
		out.rules[id] = set
	}
	out.sinks, out.origins, out.cleaners = slices.Concat(base.sinks, s.sinks), slices.Concat(base.origins, s.origins), slices.Concat(base.cleaners, s.cleaners)
	return &out
}

// below is the name of a file of a project as people know it.
func below(dir, file string) string {
	if dir == "" || file == dir || strings.HasPrefix(file, dir+"/") {
		return file
	}
	return dir + "/" + file
}
