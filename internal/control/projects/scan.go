package projects

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"farrier.dev/farrier/internal/access"
	"farrier.dev/farrier/internal/audit"
	"farrier.dev/farrier/internal/control"
	"farrier.dev/farrier/internal/discovery/known"
	"farrier.dev/farrier/internal/finding"
	"farrier.dev/farrier/internal/revision"
	"farrier.dev/farrier/internal/scan"
	"farrier.dev/farrier/internal/scan/history"
)

// InputError is a mistake in what was asked for, which operators can mend.
type InputError struct{ message string }

// Error says what is wrong and how to mend it.
func (e *InputError) Error() string { return e.message }

// scan scans what lies at a path and remembers what was found. Source is what
// people know it by.
func (s *Service) scan(ctx context.Context, operator, path, source string) ([]string, error) {
	memory, err := s.history()
	if err != nil {
		return nil, err
	}
	s.scanning.Lock()
	defer s.scanning.Unlock()
	report, byProject, err := s.o.Scan(ctx, path)
	if err != nil {
		// People know the archive by its name, not by where it lay meanwhile.
		return nil, &InputError{strings.ReplaceAll(err.Error(), path, source)}
	}
	if len(report.Projects) == 0 {
		why := ": one has pom.xml or mule-artifact.json, and flows in src/main/mule"
		if len(report.Problems) > 0 {
			why = ": " + report.Problems[0].Message
		}
		return nil, &InputError{source + " holds no Mule project" + why}
	}
	var names []string
	for i := range report.Projects {
		summary := &report.Projects[i]
		kept := Kept{Summary: *summary, Findings: shown(byProject[summary.Dir], summary.Dir), APIs: s.implements(summary)}
		for _, one := range report.Problems {
			if strings.HasPrefix(one.File, summary.Dir) || strings.HasPrefix(summary.Dir, one.File) {
				one.File = strings.Replace(one.File, path, source, 1)
				kept.Problems = append(kept.Problems, one)
			}
		}
		if err := s.keep(ctx, memory, operator, source, summary.Name, &kept); err != nil {
			return names, err
		}
		names = append(names, summary.Name)
	}
	return names, nil
}

// shown are findings with the names that files have in their project: the same
// finding is known again wherever the project lay when it was scanned.
func shown(findings []finding.Finding, dir string) []finding.Finding {
	out := slices.Clone(findings)
	name := func(file *string) { *file = strings.TrimPrefix(strings.TrimPrefix(*file, dir), "/") }
	for i := range out {
		f := &out[i]
		name(&f.Location.File)
		f.Way = slices.Clone(f.Way)
		for k := range f.Way {
			name(&f.Way[k].Location.File)
		}
		f.Repair = nil // it edits files that are not at hand
		f.Fingerprint = finding.Fingerprint(f.Rule, f.Location)
	}
	slices.SortStableFunc(out, func(a, b finding.Finding) int { return int(b.Severity) - int(a.Severity) })
	return out
}

func (s *Service) keep(ctx context.Context, memory *history.History, operator, source, name string, kept *Kept) error {
	var before Kept
	if _, err := memory.Report(ctx, name, &before); err != nil && !errors.Is(err, history.ErrNotFound) {
		return err
	}
	// Patches end by what was found, also by what is too much to be remembered.
	open := map[string]bool{}
	for i := range kept.Findings {
		open[kept.Findings[i].Fingerprint] = true
	}
	if len(kept.Problems) > 0 || kept.Summary.Exhausted {
		// What was not read may hold what was found before: nothing ends by it.
		if slices.ContainsFunc(s.o.Patches.All(), func(one Patch) bool { return one.Project == name && !open[one.Fingerprint] }) {
			kept.Problems = append(kept.Problems, scan.Problem{File: name, Message: "patches at the gateway stay until a scan reads all files, or the project is forgotten"})
		}
	} else if err := s.endPatches(ctx, operator, name, open); err != nil {
		return err
	}
	for _, api := range before.APIs {
		if !slices.Contains(kept.APIs, api) {
			if err := s.o.Findings.Renew(ctx, engine+":"+name, api, nil); err != nil {
				return err
			}
		}
	}
	for _, api := range kept.APIs {
		if err := s.o.Findings.Renew(ctx, engine+":"+name, api, ofAPI(kept.Findings)); err != nil {
			return err
		}
	}
	if more := len(kept.Findings) - maxKept; more > 0 {
		kept.Findings, kept.More = kept.Findings[:maxKept], more
	}
	one := history.Scan{Project: name, Source: source, At: s.o.Now().UTC(), Operator: operator, Summary: kept.Summary.Counts}
	if err := memory.Keep(ctx, one, kept); err != nil {
		return err
	}
	s.o.Record(ctx, audit.Entry{
		Operator: operator, Action: audit.ProjectScanned, Object: "project " + name, Outcome: audit.Done,
		Detail: map[string]string{"critical": strconv.Itoa(one.Summary.Critical), "high": strconv.Itoa(one.Summary.High), "apis": strings.Join(kept.APIs, " ")},
	})
	return nil
}

// ofAPI are the findings as those of an API: with the operation that lets the data
// in.
func ofAPI(findings []finding.Finding) []finding.Finding {
	var out []finding.Finding
	for _, f := range findings {
		if f.Suppressed != "" {
			continue
		}
		if len(f.Inlets) == 1 {
			f.Location.Operation = strings.TrimPrefix(f.Inlets[0].Operation, "* ")
		}
		out = append(out, f)
	}
	return out
}

// The labels of an ApiInstance by which its project is known.
const (
	labelProject = known.LabelProject
	labelAPIID   = "farrier/api-id"
)

// implements are the APIs in service that a project implements: those that say so
// by a label, or else the only one with the base path of a listener.
func (s *Service) implements(p *scan.ProjectSummary) []string {
	rev := s.o.Serving()
	if rev == nil {
		return nil
	}
	var named, byPath []string
	for i := range rev.APIs {
		api := &rev.APIs[i]
		switch {
		case api.Labels[labelProject] == p.Name, slices.ContainsFunc(p.APIs, func(a scan.ServedAPI) bool { return a.ID != "" && a.ID == api.Labels[labelAPIID] }):
			named = append(named, api.Name.String())
		case api.Labels[labelProject] == "" && slices.ContainsFunc(p.APIs, func(a scan.ServedAPI) bool { return samePath(a.BasePath, api) }):
			byPath = append(byPath, api.Name.String())
		}
	}
	if len(named) == 0 && len(byPath) == 1 {
		return byPath
	}
	return named
}

// samePath says whether a listener serves the base path of an API. A path that says
// nothing is the same as none.
func samePath(listener string, api *revision.API) bool {
	listener = strings.TrimRight(strings.TrimRight(listener, "*"), "/")
	return listener != "" && listener == strings.TrimRight(api.BasePath, "/")
}

// Patch closes a finding of a project at the gateway, in each API that it
// implements.
func (s *Service) Patch(ctx context.Context, p control.Principal, project, fingerprint string) error {
	if err := control.Authorise(p, access.ManageProjects, s.o.Where.At()); err != nil {
		return err
	}
	_, kept, err := s.Project(ctx, p, project)
	if err != nil {
		return err
	}
	at := slices.IndexFunc(kept.Findings, func(f finding.Finding) bool { return f.Fingerprint == fingerprint })
	if at < 0 {
		return control.ErrNotFound
	}
	f := &kept.Findings[at]
	closes, err := closing(f)
	if err != nil {
		return &InputError{err.Error()}
	}
	if len(kept.APIs) == 0 {
		return &InputError{fmt.Sprintf("no API in service is implemented by %s; the label %s of an ApiInstance says which", project, labelProject)}
	}
	err = s.o.Patches.change(ctx, func(all []Patch) []Patch {
		for _, api := range kept.APIs {
			if slices.ContainsFunc(all, func(one Patch) bool {
				return one.API == api && one.Project == project && one.Fingerprint == fingerprint
			}) {
				continue
			}
			all = append(all, Patch{
				Project: project, Fingerprint: fingerprint, Rule: f.Rule, API: api, Operator: p.Operator, Made: s.o.Now().UTC(), Closes: closes,
			})
		}
		return all
	})
	if err != nil {
		return err
	}
	s.o.Record(ctx, audit.Entry{
		Operator: p.Operator, Action: audit.PatchMade, Object: "project " + project, Outcome: audit.Done,
		Detail: map[string]string{"rule": f.Rule, "finding": fingerprint, "apis": strings.Join(kept.APIs, " ")},
	})
	s.o.Publish(ctx)
	return nil
}

// Unpatch ends the patch of a finding.
func (s *Service) Unpatch(ctx context.Context, p control.Principal, project, fingerprint string) error {
	if err := control.Authorise(p, access.ManageProjects, s.o.Where.At()); err != nil {
		return err
	}
	open := map[string]bool{}
	for _, one := range s.o.Patches.All() {
		if one.Project == project && one.Fingerprint != fingerprint {
			open[one.Fingerprint] = true
		}
	}
	return s.endPatches(ctx, p.Operator, project, open)
}

// Patched are the fingerprints of the findings of a project that are closed.
func (s *Service) Patched(project string) map[string]Patch {
	out := map[string]Patch{}
	for _, one := range s.o.Patches.All() {
		if one.Project == project {
			out[one.Fingerprint] = one
		}
	}
	return out
}

// endPatches ends the patches of a project whose findings are not open.
func (s *Service) endPatches(ctx context.Context, operator, project string, open map[string]bool) error {
	ended := func(one Patch) bool { return one.Project == project && !open[one.Fingerprint] }
	all := s.o.Patches.All()
	if !slices.ContainsFunc(all, ended) {
		return nil
	}
	if err := s.o.Patches.change(ctx, func(all []Patch) []Patch { return slices.DeleteFunc(all, ended) }); err != nil {
		return err
	}
	for _, one := range all {
		if ended(one) {
			s.o.Record(ctx, audit.Entry{
				Operator: operator, Action: audit.PatchEnded, Object: "api " + one.API, Outcome: audit.Done,
				Detail: map[string]string{"rule": one.Rule, "finding": one.Fingerprint, "project": project},
			})
		}
	}
	s.o.Publish(ctx)
	return nil
}
