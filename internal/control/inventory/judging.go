package inventory

import (
	"cmp"
	"slices"
	"strings"

	"farrier.dev/farrier/internal/discovery"
	"farrier.dev/farrier/internal/discovery/judge"
	"farrier.dev/farrier/internal/discovery/risk"
	"farrier.dev/farrier/internal/finding"
	"farrier.dev/farrier/internal/spec"
)

// JudgeWith is Options.Judge by the rules of the room discovery.
func JudgeWith(options func() judge.Options) func(described []discovery.Described) Judging {
	return func(described []discovery.Described) Judging {
		return &ruled{described: described, judging: judge.Begin(described, options()), open: map[int]map[string]bool{}}
	}
}

// ruled judges by the rules of the room discovery.
type ruled struct {
	described []discovery.Described
	judging   *judge.Judging
	// open are the operations that a description lets anybody call.
	open     map[int]map[string]bool
	findings []finding.Finding
}

// maxJudgedFindings bounds the findings of one judgement.
const maxJudgedFindings = 20_000

// Group implements Judging.
func (r *ruled) Group(ops []*discovery.Operation) []Judged {
	all := r.judging.Group(ops)
	if len(r.findings) < maxJudgedFindings {
		r.findings = append(r.findings, judge.Findings(all)...)
	}
	out := make([]Judged, len(all))
	for i := range all {
		out[i] = Judged{States: all[i].States, Reasons: all[i].Reasons, Drift: all[i].Drift}
		if p := all[i].Described; p != nil {
			out[i].Described = Place{Name: p.Name, File: p.File, Line: p.Line}
			out[i].Open = r.opens(p)
		}
	}
	return out
}

// opens says whether the description lets anybody call an operation.
func (r *ruled) opens(p *judge.Place) bool {
	if p.Description < 0 || p.Description >= len(r.described) {
		return false
	}
	known := r.open[p.Description]
	if known == nil {
		known = map[string]bool{}
		r.open[p.Description] = known
		if doc := r.described[p.Description].Document; doc != nil && doc.Description != nil {
			for i := range doc.Description.Operations {
				o := &doc.Description.Operations[i]
				known[o.Method+" "+o.Path] = slices.ContainsFunc(o.Security, func(one []spec.Requirement) bool { return len(one) == 0 })
			}
		}
	}
	return known[p.Method+" "+p.Path]
}

// End implements Judging.
func (r *ruled) End(edges []discovery.Edge) Ended {
	j := r.judging.End(edges)
	var out Ended
	for i := range j.Orphans {
		o := &j.Orphans[i]
		host := "*"
		if o.Description >= 0 && o.Description < len(r.described) {
			host = cmp.Or(r.described[o.Description].Host, host)
		}
		out.Orphans = append(out.Orphans, Orphan{
			Key: discovery.Key{Host: host, Method: cmp.Or(o.Method, "*"), Path: o.Base + o.Path}, API: o.API, Place: Place{Name: o.Name, File: o.File, Line: o.Line},
		})
	}
	for i := range j.Notes {
		n := &j.Notes[i]
		note := Note{Kind: n.Kind, API: n.API, Text: n.Text, Count: n.Count}
		if n.Operation != nil {
			note.ID = ID(*n.Operation)
		}
		if n.Place != nil {
			note.Place = Place{Name: n.Place.Name, File: n.Place.File, Line: n.Place.Line}
		}
		out.Notes = append(out.Notes, note)
	}
	out.Findings = append(r.findings, j.Findings()...)
	return out
}

// RateWith is Options.Rate by weights.
func RateWith(weights func() risk.Weights) func(op *discovery.Operation, f Facts) Risk {
	return func(op *discovery.Operation, f Facts) Risk {
		result := risk.Score(op, f.risk(op), weights())
		out := Risk{Total: result.Total, Level: string(result.Level)}
		for _, item := range result.Items {
			out.Items = append(out.Items, RiskItem(item))
		}
		for _, label := range risk.Labels(op) {
			out.Labels = append(out.Labels, label.Name)
		}
		return out
	}
}

// Propose is Options.Propose by the room discovery.
func Propose(op *discovery.Operation, f Facts) []Proposal {
	var out []Proposal
	for _, one := range risk.Proposals(op, f.risk(op)) {
		out = append(out, Proposal{Policy: one.Policy, Why: one.Why, Manifest: one.Manifest, Edit: one.Edit})
	}
	return out
}

func (f Facts) risk(op *discovery.Operation) risk.Facts {
	return risk.Facts{
		States: f.States, Drift: f.Drift, Findings: finding.Summarise(f.Findings), Policies: f.Policies, PoliciesUnknown: op.API == "" || f.Policies == nil, Open: f.Open, Spec: f.Spec,
	}
}

// specOf is the description of an API when it is one document, and short enough to
// stand in a policy.
func (s *Service) specOf(api string) string {
	for _, d := range s.o.Described() {
		if d.API != api || d.Document == nil || d.Document.Project == nil || !d.Document.Valid() {
			continue
		}
		if all := texts(d.Document); len(all) == 1 && len(all[0].text) <= maxSpec && !strings.ContainsRune(all[0].text, 0) {
			return all[0].text
		}
	}
	return ""
}

// maxSpec bounds a description in the settings of a policy, in bytes.
const maxSpec = 256 << 10
