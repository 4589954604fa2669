package governance

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"time"

	"farrier.dev/farrier/internal/encoding/tree"
	"farrier.dev/farrier/internal/finding"
	"farrier.dev/farrier/internal/spec"
)

// Status is how an API stands to a profile, in Anypoint's words.
type Status string

// The statuses, from the one that outweighs the others.
const (
	NonConformant Status = "NonConformant"
	Pending       Status = "Pending"
	Failed        Status = "Failed"
	Conformant    Status = "Conformant"
	NotApplicable Status = "NotApplicable"
)

// Report is what rulesets say of a target.
type Report struct {
	// Status is Conformant, NonConformant, Failed when a ruleset could not judge,
	// or NotApplicable when rulesets have nothing to look at.
	Status Status
	// Violations are in the order of files, lines and rules, those waived too.
	Violations []Violation
	// Apart is what is wrong with the description itself where only validation
	// profiles judge: it is told and does not count.
	Apart []Violation
	// Rulesets are the names of those that judged.
	Rulesets []string
	Score    Score
	// Errors say which ruleset could not judge, and why.
	Errors []string
}

// Conforms says whether nothing violates: the description is valid, and every
// ruleset judged.
func (r *Report) Conforms() bool { return r.Status == Conformant }

// Findings are the violations that are not waived.
func (r *Report) Findings() []finding.Finding {
	out := make([]finding.Finding, 0, len(r.Violations))
	for i := range r.Violations {
		if r.Violations[i].Waived == "" {
			out = append(out, r.Violations[i].Finding)
		}
	}
	return out
}

// RuleInvalid is the ruleset of the problems that make a description invalid.
const RuleInvalid = "description"

// Judge holds a target against rulesets. Severities are those of the rules,
// unless the profile that may be given changes them; now decides about its waivers.
func Judge(ctx context.Context, t Target, rulesets []*Ruleset, p *Profile, now time.Time) *Report {
	rep := &Report{Status: Conformant}
	// Whether an API conforms to validation profiles is theirs alone to say, as it
	// is with MuleSoft's validator, where the description can be understood.
	lenient := len(rulesets) > 0 && t.Document != nil && t.Document.Root != nil &&
		!slices.ContainsFunc(rulesets, func(s *Ruleset) bool { return s.Format != FormatProfile })
	if t.Document != nil {
		for i := range t.Document.Problems {
			if v := invalid(&t.Document.Problems[i]); lenient {
				rep.Apart = append(rep.Apart, v)
			} else {
				rep.Violations = append(rep.Violations, v)
			}
		}
	}
	s := &subject{Target: &t}
	for _, set := range rulesets {
		rep.Rulesets = append(rep.Rulesets, set.Name)
		for _, e := range set.engines {
			found, err := e.judge(ctx, s)
			if err != nil {
				rep.Errors = append(rep.Errors, fmt.Sprintf("%s: %v", set.Name, err))
				continue
			}
			for i := range found {
				v := &found[i]
				set.complete(v)
				if p.apply(&t, v, now) {
					rep.Violations = append(rep.Violations, *v)
				}
			}
		}
	}
	slices.SortStableFunc(rep.Violations, func(a, b Violation) int {
		return cmp.Or(cmp.Compare(a.Location.File, b.Location.File), cmp.Compare(a.Location.Line, b.Location.Line),
			cmp.Compare(a.Location.Column, b.Location.Column), cmp.Compare(a.Rule, b.Rule))
	})
	for i := range rep.Violations {
		if v := &rep.Violations[i]; v.Violates && v.Waived == "" {
			rep.Status = NonConformant
		}
	}
	switch {
	case rep.Status == NonConformant:
	case len(rep.Errors) > 0:
		rep.Status = Failed
	case len(rulesets) > 0 && t.Instance == nil && (t.Document == nil || t.Document.Root == nil):
		// A language without a tree, or a fragment: no rule has looked at anything.
		rep.Status = NotApplicable
	}
	rep.Score = scoreOf(&t, rep.Violations)
	return rep
}

// complete adds what the rule of a violation says.
func (s *Ruleset) complete(v *Violation) {
	v.Ruleset = s.Name
	v.Severity, v.Title = finding.Medium, v.Rule
	if r := s.rules[v.Rule]; r != nil {
		v.Severity, v.Title, v.Violates, v.Aspect = r.Severity, r.Title, r.Violation, r.Aspect
		v.Taxonomy = r.Taxonomy
		if s.Format == FormatFarrier {
			v.Finding.Fix = r.Mend
		}
	}
	v.Fingerprint = finding.Fingerprint(v.Rule, v.Location)
}

func invalid(p *spec.Problem) Violation {
	v := Violation{Ruleset: RuleInvalid, Violates: !p.Warning, Path: p.Path}
	v.Rule, v.Message, v.Severity = p.Rule, p.Message, finding.High
	v.Title = "The description is invalid"
	if p.Warning {
		v.Severity, v.Title = finding.Low, "The description is doubtful"
	}
	v.Location = finding.Location{File: p.File, Line: p.Line, Column: p.Column, Place: placeOf(p)}
	v.Fingerprint = finding.Fingerprint(v.Rule, v.Location)
	return v
}

func placeOf(p *spec.Problem) string {
	if p.Path == nil {
		return ""
	}
	return tree.Pointer(p.Path)
}
