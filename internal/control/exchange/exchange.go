// Package exchange shows operators what passed the gateway: the traffic over
// time, the refusals and attacks, and the whole trail of one exchange. It reads
// what the monitor keeps, and keeps nothing itself but an answer for a moment.
package exchange

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"farrier.dev/farrier/internal/access"
	"farrier.dev/farrier/internal/control"
	"farrier.dev/farrier/internal/finding"
	"farrier.dev/farrier/internal/monitor"
	"farrier.dev/farrier/internal/policy"
	"farrier.dev/farrier/internal/traffic"
)

// What the monitor answers, under the names by which pages know it.
type (
	// Overview is what happened in a stretch of time.
	Overview = monitor.Overview
	// Totals is what happened at one API or operation.
	Totals = monitor.Totals
	// Share is how often a name occurs.
	Share = monitor.Share
	// Filter chooses refusals; what is empty does not restrict.
	Filter = monitor.Filter
	// Page is a part of the refusals, newest first.
	Page = monitor.Page
	// Refusal is the short line of a refusal, an error or a watched attack.
	Refusal = monitor.Refusal
)

// NoAPI is the name under which exchanges count that reached no API.
const NoAPI = monitor.NoAPI

// Monitor is what the service asks; *monitor.Monitor is the one to use.
type Monitor interface {
	APIOverview(ctx context.Context, api string, since time.Time, step time.Duration) (monitor.Overview, error)
	Refusals(ctx context.Context, f monitor.Filter) (monitor.Page, error)
	Lookup(ctx context.Context, id string) (monitor.Trail, monitor.Retention, error)
	Recent(limit int) []monitor.Refusal
}

// Options are what the service works with. All but Feed are required.
type Options struct {
	// Where is the environment whose operators may ask.
	Where     access.Place
	Monitor   Monitor
	Catalogue *policy.Catalogue
	// Feed tells how many records its readers had no room for; nil says none.
	Feed *traffic.Feed
	Now  func() time.Time
}

// Service answers operators. Its methods are safe for concurrent use.
type Service struct {
	o Options

	mu     sync.Mutex
	recent map[question]*answer
}

// New makes the service.
func New(o Options) (*Service, error) {
	if o.Where == nil || o.Monitor == nil || o.Catalogue == nil || o.Now == nil {
		return nil, errors.New("exchange: Where, Monitor, Catalogue and Now are required")
	}
	return &Service{o: o, recent: map[question]*answer{}}, nil
}

// Range is a stretch of time that pages offer.
type Range struct {
	// Name is the range in addresses, Title what people read, and Span the same
	// within a sentence, as "last hour".
	Name, Title, Span string
	Length            time.Duration
	// Step is the distance of the points.
	Step time.Duration
}

// Ranges are the stretches of time that pages offer, the shortest first.
func Ranges() []Range {
	return []Range{
		{"15m", "15 minutes", "last 15 minutes", 15 * time.Minute, time.Minute},
		{"1h", "1 hour", "last hour", time.Hour, time.Minute},
		{"24h", "24 hours", "last 24 hours", 24 * time.Hour, 15 * time.Minute},
		{"7d", "7 days", "last 7 days", 7 * 24 * time.Hour, 2 * time.Hour},
	}
}

// freshest and stalest bound how long an answer is given again, so that many
// open pages cost as one; in between it is in proportion to the range.
const (
	freshest = 2 * time.Second
	stalest  = 30 * time.Second
)

func (r Range) fresh() time.Duration { return min(max(r.Length/8640, freshest), stalest) }

// mostAnswers bounds how many are remembered.
const mostAnswers = 64

type question struct{ api, span string }

type answer struct {
	mu       sync.Mutex // held while it is asked for, so that others wait for the same answer
	at       time.Time
	overview Overview
}

// Overview tells what happened at an API within a range; an empty name means
// at all of them. It is a few seconds old, half a minute at most, and must not
// be changed.
func (s *Service) Overview(ctx context.Context, p control.Principal, api string, r Range) (Overview, error) {
	if err := control.Authorise(p, access.ViewTraffic, s.o.Where.At()); err != nil {
		return Overview{}, err
	}
	known := s.answer(question{api, r.Name})
	known.mu.Lock()
	defer known.mu.Unlock()
	now := s.o.Now()
	if age := now.Sub(known.at); age >= 0 && age < r.fresh() {
		return known.overview, nil
	}
	o, err := s.o.Monitor.APIOverview(ctx, api, now.Add(-r.Length), r.Step)
	if err != nil {
		return Overview{}, err
	}
	known.at, known.overview = now, o
	return o, nil
}

func (s *Service) answer(q question) *answer {
	s.mu.Lock()
	defer s.mu.Unlock()
	known := s.recent[q]
	if known == nil {
		if len(s.recent) >= mostAnswers {
			clear(s.recent)
		}
		known = &answer{}
		s.recent[q] = known
	}
	return known
}

// Recent are the newest refusals of this process, newest first.
func (s *Service) Recent(p control.Principal, limit int) ([]Refusal, error) {
	if err := control.Authorise(p, access.ViewTraffic, s.o.Where.At()); err != nil {
		return nil, err
	}
	return s.o.Monitor.Recent(limit), nil
}

// NotSeen is how many records the feed's readers had no room for.
func (s *Service) NotSeen() uint64 {
	if s.o.Feed == nil {
		return 0
	}
	return s.o.Feed.Dropped()
}

// Refusals finds refusals, errors and watched attacks, newest first.
func (s *Service) Refusals(ctx context.Context, p control.Principal, f Filter) (Page, error) {
	if err := control.Authorise(p, access.ViewTraffic, s.o.Where.At()); err != nil {
		return Page{}, err
	}
	return s.o.Monitor.Refusals(ctx, f)
}

// Step is one decision of a trail with what the catalogue knows of its policy.
type Step struct {
	traffic.Decision
	// Title and Phase are empty for a policy that this version does not know.
	Title, Phase string
	// Decisive says that this step decided how the exchange ended.
	Decisive bool
}

// Trail is what is left of one exchange.
type Trail struct {
	ID string
	// Kept says that Record is there; else Counted says whether exchanges of
	// that time were counted here.
	Kept, Counted bool
	// Whole says that Record is the sealed record, and not only the short line
	// that is kept longer.
	Whole    bool
	Record   traffic.Record
	Steps    []Step
	Findings []finding.Finding
}

// Trail finds what is left of the exchange with a correlation id. That nothing
// is left is an answer and no error.
func (s *Service) Trail(ctx context.Context, p control.Principal, id string) (Trail, error) {
	if err := control.Authorise(p, access.ViewTraffic, s.o.Where.At()); err != nil {
		return Trail{}, err
	}
	found, retention, err := s.o.Monitor.Lookup(ctx, id)
	if err != nil {
		return Trail{}, err
	}
	t := Trail{ID: id, Counted: retention == monitor.CountedNotKept}
	if retention != monitor.Kept {
		return t, nil
	}
	t.Kept, t.Whole, t.Record, t.ID = true, found.Whole, found.Record, found.Record.ID
	if t.ID == "" {
		return Trail{}, fmt.Errorf("exchange %.26s: its record has no id", id)
	}
	t.Findings = found.Record.Findings
	decisive := decisiveStep(&found.Record)
	for i, d := range found.Record.Decisions {
		step := Step{Decision: d, Decisive: i == decisive}
		if e := s.o.Catalogue.Find(d.Policy); e != nil {
			step.Title, step.Phase = e.Title, e.Phase.String()
		}
		t.Steps = append(t.Steps, step)
	}
	return t, nil
}

// PolicyTitle is what people call a policy; its name when it is not known.
func (s *Service) PolicyTitle(name string) string {
	if e := s.o.Catalogue.Find(name); e != nil && e.Title != "" {
		return e.Title
	}
	return name
}

// decisiveStep is the number of the last step that answered instead of the
// service, -1 when none did.
func decisiveStep(r *traffic.Record) int {
	for i := len(r.Decisions) - 1; i >= 0; i-- {
		switch r.Decisions[i].Action {
		case traffic.Refused, traffic.Failed, traffic.Answered:
			return i
		case traffic.Continued, traffic.Watched, traffic.Skipped:
		}
	}
	return -1
}
