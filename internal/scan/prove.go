package scan

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"farrier.dev/farrier/internal/finding"
	"farrier.dev/farrier/internal/mule"
)

// Check plays the examples of all rules of a set that are the user's own, or of all
// if there are none, and tells what is wrong with them. An empty list is good.
func Check(ctx context.Context, r *Rules) []string {
	own := slices.DeleteFunc(slices.Clone(r.all), func(x *rule) bool { return !x.Own })
	if len(own) == 0 {
		own = r.all
	}
	var out []string
	for _, x := range own {
		if ctx.Err() != nil {
			return append(out, "the examples were not all played: "+ctx.Err().Error())
		}
		out = append(out, r.prove(ctx, x)...)
	}
	return out
}

// prove plays the examples of a rule.
func (r *Rules) prove(ctx context.Context, x *rule) []string {
	return provenBy(ctx, x, r.planFor(x))
}

// planFor asks a rule and those that it is silent for.
func (r *Rules) planFor(x *rule) *plan {
	return newPlan(r, &Options{Only: r.heeded(x), Experimental: true, Tests: true, Now: exampleTime()}, nil)
}

func provenBy(ctx context.Context, x *rule, p *plan) []string {
	var out []string
	for _, e := range x.bad {
		if problem := e.prove(ctx, p, x, true); problem != "" {
			out = append(out, e.node.Position()+": bad example of "+x.ID+": "+problem)
		}
	}
	for _, e := range x.good {
		if problem := e.prove(ctx, p, x, false); problem != "" {
			out = append(out, e.node.Position()+": good example of "+x.ID+": "+problem)
		}
	}
	return out
}

// exampleTime is the day on which examples are played.
func exampleTime() time.Time { return time.Date(2026, time.November, 15, 0, 0, 0, 0, time.UTC) }

// heeded are a rule and those that it is silent for.
func (r *Rules) heeded(x *rule) []string {
	ids := []string{x.ID}
	for i := 0; i < len(ids); i++ {
		if of := r.byID[ids[i]]; of != nil {
			for _, id := range of.unless {
				if !slices.Contains(ids, id) {
					ids = append(ids, id)
				}
			}
		}
	}
	return ids
}

// prove says what is wrong with an example, empty for nothing.
func (e *example) prove(ctx context.Context, p *plan, x *rule, bad bool) string {
	project, err := e.project()
	if err != nil {
		return "it can't be read: " + err.Error()
	}
	for _, problem := range project.Problems {
		return fmt.Sprintf("%s:%d: %s", problem.File, problem.Line, problem.Message)
	}
	j := p.judged(ctx, project)
	for _, problem := range j.problems {
		return problem.Message
	}
	found := slices.DeleteFunc(j.findings(), func(f finding.Finding) bool { return f.Rule != x.ID })
	switch {
	case !bad && len(found) > 0:
		return "there is a finding: " + told(found)
	case !bad:
		return ""
	case len(found) != e.count:
		return strings.TrimSuffix(fmt.Sprintf("there are %d findings, %d are expected: %s", len(found), e.count, told(found)), ": ")
	case e.line != 0 && found[0].Location.Line != e.line:
		return fmt.Sprintf("the first finding is in line %d, expected in %d: %s", found[0].Location.Line, e.line, told(found))
	}
	return e.proveRepair(ctx, p, x, project, found)
}

// project reads the files of an example; those in the folder "domain" are the
// domain that it shares.
func (e *example) project() (*mule.Project, error) {
	own, domain := map[string]string{}, map[string]string{}
	for name, text := range e.files {
		if inner, found := strings.CutPrefix(name, "domain/"); found {
			domain[inner] = text
		} else {
			own[name] = text
		}
	}
	p, err := mule.ReadFiles("", own)
	if err == nil && len(domain) > 0 {
		p.Shared, err = mule.ReadFiles("domain", domain)
	}
	if err != nil {
		return nil, fmt.Errorf("reading the example: %w", err)
	}
	return p, nil
}

func told(findings []finding.Finding) string {
	var b strings.Builder
	for i, f := range findings {
		if i == 5 {
			b.WriteString("; …")
			break
		}
		if i > 0 {
			b.WriteString("; ")
		}
		fmt.Fprintf(&b, "%s:%d:%d %s (%s)", f.Location.File, f.Location.Line, f.Location.Column, f.Message, f.Location.Place)
	}
	return b.String()
}

// proveRepair makes the repairs of an example and holds them against what is
// expected.
func (e *example) proveRepair(ctx context.Context, p *plan, x *rule, project *mule.Project, found []finding.Finding) string {
	repairable := slices.ContainsFunc(found, func(f finding.Finding) bool { return f.Repair != nil })
	if !repairable {
		if e.fixed != "" {
			return "no finding has a repair, but one is written out"
		}
		return ""
	}
	m := newMending(p, project, found, true)
	if err := m.mend(ctx); err != nil {
		return "the repair: " + err.Error()
	}
	if len(m.skipped) > 0 {
		return "the repair can't be made: " + m.skipped[0].Reason
	}
	if e.fixed == "" {
		return ""
	}
	for _, name := range sortedKeys(m.texts) {
		got := string(m.texts[name])
		if e.text != "" {
			got = unwrapped(got)
		} else if strings.HasPrefix(strings.TrimSpace(e.node.Get("files").Get(name).Str()), "<") && !whole(strings.TrimSpace(e.node.Get("files").Get(name).Str())) {
			got = unwrapped(got)
		}
		if strings.TrimSpace(got) == strings.TrimSpace(e.fixed) {
			return ""
		}
	}
	for _, name := range sortedKeys(m.texts) {
		return "the repair makes of " + name + ":\n" + string(m.texts[name])
	}
	return "the repair of " + x.ID + " changes nothing"
}
