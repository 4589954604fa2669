package governance

import (
	"context"
	"maps"
	"slices"

	"farrier.dev/farrier/internal/finding"
	rules "farrier.dev/farrier/internal/governance"
	"farrier.dev/farrier/internal/governance/history"
	"farrier.dev/farrier/internal/revision"
)

// Kept is a report as it is remembered.
type Kept struct {
	Rulesets   []string        `json:"rulesets"`
	Errors     []string        `json:"errors,omitempty"`
	Score      rules.Score     `json:"score"`
	Violations []KeptViolation `json:"violations"`
	// More is how many violations there are beyond those.
	More int `json:"more,omitempty"`
	// Apart is how many problems the description has that its profile does not judge.
	Apart int `json:"apart,omitempty"`
	// Specification is the file of the description, Language what it is written in.
	Specification string `json:"specification,omitempty"`
	// Files are those that the description consists of. No other file is shown:
	// manifests hold secrets.
	Files    []string `json:"files,omitempty"`
	Language string   `json:"language,omitempty"`
}

// KeptViolation is one place that violates a rule.
type KeptViolation struct {
	finding.Finding
	Ruleset  string `json:"ruleset"`
	Violates bool   `json:"violates,omitempty"`
	Waived   string `json:"waived,omitempty"`
}

// maxKept bounds the violations of a report that are remembered; the worst are.
const maxKept = 2000

func (s *Service) kept(j *judged) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return j.written
}

// keep remembers a report, and tells whoever wants to hear that it differs.
func (s *Service) keep(ctx context.Context, memory *history.History, api *revision.API, p *profile, j, last *judged) error {
	standing := history.Standing{API: api.Name.String(), Profile: p.Name, Judged: j.at, Status: j.report.Status, Score: j.report.Score.Total}
	report := Kept{Rulesets: j.report.Rulesets, Errors: j.report.Errors, Score: j.report.Score, Violations: []KeptViolation{}, Apart: len(j.report.Apart)}
	if api.Specification != nil {
		report.Specification, report.Files = api.Specification.File, slices.Sorted(maps.Keys(j.files))
	}
	for i := range j.report.Violations {
		v := &j.report.Violations[i]
		switch {
		case v.Waived != "":
		case v.Violates:
			standing.Violations++
		default:
			standing.Warnings++
		}
		report.Violations = append(report.Violations, KeptViolation{v.Finding, v.Ruleset, v.Violates, v.Waived})
	}
	slices.SortStableFunc(report.Violations, func(a, b KeptViolation) int { return int(b.Severity) - int(a.Severity) })
	if more := len(report.Violations) - maxKept; more > 0 {
		report.Violations, report.More = report.Violations[:maxKept], more
	}
	before, err := memory.Keep(ctx, standing, report)
	if err != nil {
		return err
	}
	s.mu.Lock()
	j.written = true
	s.mu.Unlock()
	if p.Active {
		s.notify(ctx, api, p, before, j, last)
	}
	return nil
}

// notify tells of an API that stands differently than before.
func (s *Service) notify(ctx context.Context, api *revision.API, p *profile, before *history.Standing, j, last *judged) {
	if s.o.Notify == nil || before == nil || p.Notify.On == "" {
		return
	}
	e := Event{API: api.Name.String(), Profile: p.Name, Before: before.Status, Now: j.report.Status, Webhooks: p.Notify.Webhooks}
	if last != nil {
		e.New, e.Mended = without(violated(j.report), violated(last.report)), without(violated(last.report), violated(j.report))
	}
	worse := len(e.New) > 0 || e.Before != rules.NonConformant && e.Now == rules.NonConformant
	better := len(e.Mended) > 0 || e.Before == rules.NonConformant && e.Now == rules.Conformant
	if worse || better && p.Notify.On == "change" {
		s.o.Notify(ctx, e)
	}
}

// violated are the rules that are violated, sorted.
func violated(r *rules.Report) []string {
	var ids []string
	for i := range r.Violations {
		if v := &r.Violations[i]; v.Violates && v.Waived == "" {
			ids = append(ids, v.Rule)
		}
	}
	slices.Sort(ids)
	return slices.Compact(ids)
}

func without(a, b []string) []string {
	return slices.DeleteFunc(slices.Clone(a), func(id string) bool { return slices.Contains(b, id) })
}
