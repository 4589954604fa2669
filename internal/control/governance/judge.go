package governance

import (
	"context"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"time"

	"farrier.dev/farrier/internal/finding"
	rules "farrier.dev/farrier/internal/governance"
	"farrier.dev/farrier/internal/governance/history"
	"farrier.dev/farrier/internal/revision"
)

// engine is the name under which findings are kept.
const engine = "governance"

// judged is a report with what it depends on.
type judged struct {
	report *rules.Report
	api    [sha256.Size]byte
	// profile is the digest of the profile.
	profile [sha256.Size]byte
	// files are those of the description.
	files map[string]stamp
	at    time.Time
	// written tells that history has it.
	written bool
}

// retryAfter is when a ruleset is asked again that could not judge: it may have
// been for want of time.
const retryAfter = time.Minute

// stamp tells whether a file was changed.
type stamp struct {
	size    int64
	changed time.Time
}

func stampOf(name string) stamp {
	info, err := os.Stat(name)
	if err != nil {
		return stamp{size: -1}
	}
	return stamp{info.Size(), info.ModTime()}
}

// judge holds an API against a profile, or gives the report of the last time
// when nothing has changed that it depends on.
func (s *Service) judge(ctx context.Context, rev *revision.Revision, api *revision.API, p *profile) *judged {
	key := api.Name.String() + " " + p.Name
	now := s.o.Now()
	digest, known := digestOf(rev, api)
	s.mu.Lock()
	last := s.judged[key]
	s.mu.Unlock()
	if known && last != nil && last.api == digest && last.profile == p.digest && last.holds(now) && !p.waiverEnds(last.at, now) {
		return last
	}
	j := &judged{api: digest, profile: p.digest, files: map[string]stamp{}, at: now}
	if err := s.fresh(ctx, j, rev, api, p); err != nil {
		s.o.Log.Error("an API could not be judged", "api", api.Name.String(), "profile", p.Name, "error", err)
		j.report = &rules.Report{Status: rules.Failed, Errors: []string{err.Error()}}
	}
	if known && ctx.Err() == nil {
		s.mu.Lock()
		s.judged[key] = j
		s.mu.Unlock()
	}
	return j
}

// fresh judges. What panics is told as an error: descriptions and rulesets are of
// strangers, and what serves must not end for them.
func (s *Service) fresh(ctx context.Context, j *judged, rev *revision.Revision, api *revision.API, p *profile) (err error) {
	defer func() {
		if fault := recover(); fault != nil {
			err = fmt.Errorf("judging has failed: %v", fault)
		}
	}()
	t := target(rev, api)
	if api.Specification != nil {
		dir := filepath.Dir(api.Specification.File)
		j.files[api.Specification.File] = stampOf(api.Specification.File)
		if t.Document.Project != nil {
			for _, name := range t.Document.Project.Files() {
				file := filepath.Join(dir, name)
				j.files[file] = stampOf(file)
			}
		}
	}
	facts := rules.FactsOf(&t, s.o.Environment)
	if !p.Filter.Chooses(&facts) {
		j.report = &rules.Report{Status: rules.NotApplicable}
		return nil
	}
	j.report = rules.Judge(ctx, t, p.rulesets, p.Profile, j.at)
	name(j.report, api)
	return nil
}

// name says of which API the violations are, and of which files.
func name(r *rules.Report, api *revision.API) {
	for i := range r.Violations {
		at := &r.Violations[i].Location
		at.API = api.Name.String()
		if api.Specification != nil && at.File != "" && !filepath.IsAbs(at.File) && r.Violations[i].Aspect != rules.OfInstance {
			at.File = filepath.Join(filepath.Dir(api.Specification.File), at.File)
		}
		r.Violations[i].Fingerprint = finding.Fingerprint(r.Violations[i].Rule, *at)
	}
}

// holds says whether a report may be given again.
func (j *judged) holds(now time.Time) bool {
	if j.report.Status == rules.Failed && now.Sub(j.at) >= retryAfter {
		return false
	}
	for name, was := range j.files {
		if stampOf(name) != was {
			return false
		}
	}
	return true
}

// waiverEnds says whether a waiver ended between two moments.
func (p *profile) waiverEnds(from, to time.Time) bool {
	return slices.ContainsFunc(p.Waivers, func(w rules.Waiver) bool { return from.Before(w.Expires) && !to.Before(w.Expires) })
}

// digestOf is over all of a revision that a report of one API depends on; it is
// not known where that can't be written.
func digestOf(rev *revision.Revision, api *revision.API) (sum [sha256.Size]byte, known bool) {
	text, err := json.Marshal(struct {
		API      *revision.API
		Services []revision.Service
	}{api, servicesOf(rev, api)})
	if err != nil {
		return sum, false
	}
	return sha256.Sum256(text), true
}

func servicesOf(rev *revision.Revision, api *revision.API) []revision.Service {
	var out []revision.Service
	for i := range rev.Services {
		if slices.ContainsFunc(api.Routes, func(r revision.Route) bool {
			return slices.ContainsFunc(r.Targets, func(t revision.Target) bool { return t.Service == rev.Services[i].Name })
		}) {
			out = append(out, rev.Services[i])
		}
	}
	return out
}

// Run judges the APIs in service until ctx ends: when the revision, a profile or
// a description changes, and as often as profiles say.
func (s *Service) Run(ctx context.Context, changed <-chan struct{}) {
	ticker := time.NewTicker(time.Minute)
	defer ticker.Stop()
	for {
		s.Refresh(ctx)
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		case <-changed:
		}
	}
}

// Refresh judges what has changed, and keeps the reports.
func (s *Service) Refresh(ctx context.Context) {
	rev := s.o.Serving()
	memory, err := s.memory()
	if rev == nil || err != nil {
		return
	}
	profiles := s.current()
	known, changed := map[string]bool{}, false
	for i := range rev.APIs {
		if ctx.Err() != nil {
			return
		}
		fresh, err := s.refreshAPI(ctx, memory, rev, &rev.APIs[i], profiles, known)
		if changed = changed || fresh; err != nil {
			s.o.Log.Error("the conformance of an API could not be kept", "api", rev.APIs[i].Name.String(), "error", err)
		}
	}
	standings, err := memory.Standings(ctx)
	if err != nil {
		s.o.Log.Error("the conformance of APIs could not be read", "error", err)
		return
	}
	for i := range standings {
		if one := &standings[i]; !known[one.API+" "+one.Profile] {
			changed = true
			if err := memory.Forget(ctx, one.API, one.Profile); err != nil {
				s.o.Log.Error("the report of an API that is gone could not be removed", "api", one.API, "error", err)
			}
		}
	}
	if changed {
		if err := memory.SumUp(ctx); err != nil {
			s.o.Log.Error("how the APIs stand today could not be kept", "error", err)
		}
	}
}

// refreshAPI tells whether an API was judged anew.
func (s *Service) refreshAPI(ctx context.Context, memory *history.History, rev *revision.Revision, api *revision.API, profiles []*profile, known map[string]bool) (fresh bool, err error) {
	var findings []finding.Finding
	for _, p := range profiles {
		key := api.Name.String() + " " + p.Name
		known[key] = true
		s.mu.Lock()
		last := s.judged[key]
		s.mu.Unlock()
		due := p.Every > 0 && last != nil && s.o.Now().Sub(last.at) >= p.Every
		if due {
			s.mu.Lock()
			delete(s.judged, key)
			s.mu.Unlock()
		}
		j := s.judge(ctx, rev, api, p)
		if p.Active {
			findings = append(findings, told(j.report)...)
		}
		if j == last && s.kept(j) {
			continue
		}
		fresh = true
		if err := s.keep(ctx, memory, api, p, j, last); err != nil {
			return fresh, err
		}
	}
	if !fresh {
		return false, nil
	}
	return true, s.o.Findings.Renew(ctx, engine, api.Name.String(), findings)
}

// told are the findings of a report that are worth a line beside those of
// attacks: style is shown in the report only.
func told(r *rules.Report) []finding.Finding {
	return slices.DeleteFunc(r.Findings(), func(f finding.Finding) bool { return f.Severity < finding.Medium })
}
