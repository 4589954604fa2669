// Package governance shows operators how the APIs in service stand to the
// profiles, keeps those from being published that a profile refuses, and lets
// rules be tried. The rules themselves are the room governance's.
package governance

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"farrier.dev/farrier/internal/access"
	"farrier.dev/farrier/internal/control"
	"farrier.dev/farrier/internal/finding"
	rules "farrier.dev/farrier/internal/governance"
	"farrier.dev/farrier/internal/governance/history"
	"farrier.dev/farrier/internal/manifest"
	"farrier.dev/farrier/internal/revision"
)

// Options are what the service works with. All but Profiles and Notify are
// required.
type Options struct {
	// Where is the environment whose operators may ask.
	Where access.Place
	// Profiles are files and folders of profiles; with none, Standard holds.
	Profiles []string
	// Serving is the revision in service, nil before the first.
	Serving func() *revision.Revision
	// Findings take what violates a profile; see Findings.
	Findings Findings
	// Notify is told of APIs that stop or begin to conform; nil for nobody.
	Notify      func(ctx context.Context, e Event)
	Environment string
	Now         func() time.Time
	Log         *slog.Logger
}

// Findings keep what was found of an API, and close what is found no more.
type Findings interface {
	Renew(ctx context.Context, engine, api string, findings []finding.Finding) error
}

// Event is an API that stands differently to a profile than before.
type Event struct {
	API, Profile string
	Before, Now  rules.Status
	// New and Mended are the rules that are violated now and were not, and the
	// other way round.
	New, Mended []string
	// Webhooks are the addresses that the profile names.
	Webhooks []string
}

// Service judges the APIs in service.
type Service struct {
	o       Options
	library library

	// reading is held while profiles are read, which may take long.
	reading sync.Mutex

	mu       sync.Mutex
	profiles []*profile
	// broken is why the profiles as they are written do not hold; the last good
	// ones hold instead.
	broken error
	// judged are the newest reports, by API and profile.
	judged map[string]*judged

	historyMu sync.RWMutex
	history   *history.History
}

// New makes the service and reads the profiles. Profiles that are wrong keep
// every change from being published until they are right.
func New(o Options) (*Service, error) {
	if o.Where == nil || o.Serving == nil || o.Findings == nil || o.Environment == "" || o.Now == nil || o.Log == nil {
		return nil, errors.New("governance: Where, Serving, Findings, Environment, Now and Log are required")
	}
	s := &Service{o: o, judged: map[string]*judged{}, library: library{sets: map[string]*rules.Ruleset{}}}
	s.current()
	return s, nil
}

// Remember gives the service its memory, once the store is open.
func (s *Service) Remember(h *history.History) {
	s.historyMu.Lock()
	defer s.historyMu.Unlock()
	s.history = h
}

func (s *Service) memory() (*history.History, error) {
	s.historyMu.RLock()
	defer s.historyMu.RUnlock()
	if s.history == nil {
		return nil, errors.New("the store is not open")
	}
	return s.history, nil
}

// current reads the profiles anew; where they are wrong, the last good ones hold.
func (s *Service) current() []*profile {
	s.reading.Lock()
	defer s.reading.Unlock()
	fresh, err := s.library.readProfiles(s.o.Profiles)
	s.mu.Lock()
	defer s.mu.Unlock()
	if err != nil {
		if s.broken == nil {
			s.o.Log.Error("the profiles are wrong, the last good ones hold", "error", err)
		}
		s.broken = err
		return s.profiles
	}
	s.profiles, s.broken = fresh, nil
	return s.profiles
}

// Refuse tells why a revision must not be published: an API in it does not
// conform to a profile that refuses those.
func (s *Service) Refuse(ctx context.Context, rev *revision.Revision) []manifest.Problem {
	var problems []manifest.Problem
	profiles := s.current()
	s.mu.Lock()
	broken := s.broken
	s.mu.Unlock()
	if profiles == nil && broken != nil {
		return []manifest.Problem{{Severity: manifest.Error, File: s.o.Profiles[0], Line: 1, Field: "governance", Message: broken.Error()}}
	}
	for _, p := range profiles {
		if !p.Active || !p.Refuse {
			continue
		}
		for i := range rev.APIs {
			j := s.judge(ctx, rev, &rev.APIs[i], p)
			if j.report.Status == rules.NonConformant || j.report.Status == rules.Failed {
				problems = append(problems, refusal(&rev.APIs[i], p, j.report))
			}
		}
	}
	return problems
}

func refusal(api *revision.API, p *profile, r *rules.Report) manifest.Problem {
	message := fmt.Sprintf("%s does not conform to the profile %s, which refuses it", api.Name, p.Name)
	count := 0
	for i := range r.Violations {
		v := &r.Violations[i]
		if !v.Violates || v.Waived != "" {
			continue
		}
		if count++; count == 1 {
			message += fmt.Sprintf("; %s:%d: %s: %s", v.Location.File, v.Location.Line, v.Rule, v.Title)
		}
	}
	if count > 1 {
		message += fmt.Sprintf(" (and %d more)", count-1)
	}
	for _, e := range r.Errors {
		message += "; " + e
	}
	return manifest.Problem{Severity: manifest.Error, File: api.Source.File, Line: api.Source.Line, Field: "governance", Message: message}
}

// Profiles are the profiles that hold.
func (s *Service) Profiles(p control.Principal) ([]*rules.Profile, error, error) {
	if err := control.Authorise(p, access.ViewGovernance, s.o.Where.At()); err != nil {
		return nil, nil, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	out := make([]*rules.Profile, len(s.profiles))
	for i, p := range s.profiles {
		out[i] = p.Profile
	}
	return out, s.broken, nil
}
