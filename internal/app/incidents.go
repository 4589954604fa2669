package app

import (
	"context"
	"encoding/json"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"time"

	"farrier.dev/farrier/internal/control/incident"
	"farrier.dev/farrier/internal/control/publish"
	"farrier.dev/farrier/internal/finding"
	"farrier.dev/farrier/internal/monitor"
	"farrier.dev/farrier/internal/policy"
	"farrier.dev/farrier/internal/posture"
	"farrier.dev/farrier/internal/revision"
	"farrier.dev/farrier/internal/traffic"
)

// containmentPause is how often it is looked who is blocked: by other processes on the
// same database, and whose time is over.
const containmentPause = 250 * time.Millisecond

// contained puts acts of containment into the revision of the process's own gateway.
type contained struct {
	environment string
	hold        *incident.Hold
	identifies  func(policy string) bool
	log         *slog.Logger
	// news says that other acts hold.
	news chan struct{}

	mu      sync.Mutex
	service *incident.Service
	seen    int64
}

// newContained reads who was blocked when the process ended.
func newContained(cfg Config, all *policy.Catalogue, now func() time.Time, log *slog.Logger) (*contained, error) {
	hold, err := incident.OpenHold(cfg.Data, now)
	if err != nil {
		return nil, err
	}
	return &contained{
		environment: cfg.Environment, hold: hold, identifies: identifying(all), log: log.With("component", "containment"),
		news: make(chan struct{}, 1), seen: -1,
	}, nil
}

// identifying says of a policy whether it establishes who calls.
func identifying(all *policy.Catalogue) func(string) bool {
	return func(name string) bool {
		entry := all.Find(name)
		return entry != nil && entry.Identifies
	}
}

// amend puts the acts that hold into a revision.
func (c *contained) amend(rev *revision.Revision) error {
	return incident.Bind(rev, c.hold.Active(), c.identifies)
}

func (c *contained) tell() {
	select {
	case c.news <- struct{}{}:
	default:
	}
}

// refresh reads from the store who is blocked, when that has changed.
func (c *contained) refresh(ctx context.Context) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.service == nil {
		return nil
	}
	version, err := c.service.Version(ctx, c.environment)
	if err != nil || version == c.seen {
		return err
	}
	held, err := c.service.Held(ctx, c.environment)
	if err != nil {
		return err
	}
	if err := c.hold.Set(held); err != nil {
		c.log.Error("who is blocked could not be written down for the next start", "error", err)
	}
	c.seen = version
	return nil
}

// follow lets the gateway contain what is to be contained, until ctx ends. A broken
// manifest does not keep it from that: the revision in service is amended.
func (c *contained) follow(ctx context.Context, publisher *publish.Publisher) {
	tick := time.NewTicker(containmentPause)
	defer tick.Stop()
	last, told := "-", ""
	say := func(err error) {
		if text := err.Error(); text != told && ctx.Err() == nil {
			told = text
			c.log.Error("it can't be put into service who is blocked", "error", err)
		}
	}
	for {
		if err := c.refresh(ctx); err != nil {
			say(err)
		}
		active := c.hold.Active()
		if now := namesOf(active); now != last {
			if err := publisher.Repin(ctx, c.amend); err != nil {
				say(err)
			} else {
				if last != "-" || len(active) > 0 {
					c.log.Info("acts of containment in service", "acts", len(active))
				}
				last, told = now, ""
			}
		}
		select {
		case <-ctx.Done():
			return
		case <-c.news:
		case <-tick.C:
		}
	}
}

func namesOf(active []incident.Containment) string {
	var ids []string
	for i := range active {
		ids = append(ids, active[i].ID)
	}
	slices.Sort(ids)
	return strings.Join(ids, " ")
}

// openIncidents opens the service of incidents, and lets the gateway follow it.
func (c *control) openIncidents(ctx context.Context, cfg Config, acts *contained, publisher *publish.Publisher, running *group) {
	running.Go(func() error { acts.follow(ctx, publisher); return nil })
	if c.monitor == nil {
		return
	}
	source := &incident.Source{Sightings: c.sightings, Findings: c.evidence, Record: c.recordOf, Refusals: c.refusalShares}
	service, err := incident.Open(ctx, incident.Options{
		DB: c.controlDB, Tree: c.access, Audit: c.audit, Environments: []string{cfg.Environment}, Now: c.now, Log: c.log.With("component", "incidents"),
		Source: func(environment string) *incident.Source {
			if environment != cfg.Environment {
				return nil
			}
			return source
		},
		Serves: func(_ context.Context, environment, api string) (bool, error) {
			rev := publisher.Status().Serving
			if environment != cfg.Environment || rev == nil {
				return true, nil
			}
			return slices.ContainsFunc(rev.APIs, func(a revision.API) bool { return a.Name.String() == api }), nil
		},
		Changed: func(environment string) {
			if environment == cfg.Environment {
				acts.tell()
			}
		},
	})
	if err != nil {
		c.log.Error("incidents can't be opened; who was blocked stays so for their time", "error", err)
		return
	}
	c.incidents = service
	acts.mu.Lock()
	acts.service = service
	acts.mu.Unlock()
	running.Go(logged(c.log, "incidents are not found", func() error {
		return c.controlDB.Lead(ctx, "incidents "+cfg.Environment, service.Run)
	}))
}

// containmentVersion is what incidents add to the version of an environment.
func (c *control) containmentVersion(ctx context.Context, environment string) (int64, error) {
	if c.incidents == nil {
		return 0, nil
	}
	return c.incidents.Version(ctx, environment)
}

// containElsewhere puts the acts of an environment into the revision that its gateways
// are handed.
func (c *control) containElsewhere(ctx context.Context, environment string, identifies func(string) bool) func(*revision.Revision) error {
	return func(rev *revision.Revision) error {
		if c.incidents == nil {
			return nil
		}
		held, err := c.incidents.Held(ctx, environment)
		if err != nil {
			return err
		}
		return incident.Bind(rev, held, identifies)
	}
}

// sightings gives the refusals and findings since a time, the newest 5,000. What is
// refused because it is contained, or over a quota, says nothing new.
func (c *control) sightings(ctx context.Context, since time.Time) ([]incident.Sighting, error) {
	const page, pages = 500, 10
	worst, err := c.posture.Worst(ctx, since) // what an operator has suppressed counts for nothing
	if err != nil {
		return nil, err
	}
	var out []incident.Sighting
	f := monitor.Filter{From: since, Limit: page}
	for range pages {
		found, err := c.monitor.Refusals(ctx, f)
		if err != nil {
			return nil, err
		}
		for i := range found.Refusals {
			if s, ok := sightingOf(&found.Refusals[i], worst); ok {
				out = append(out, s)
			}
		}
		if f.Before = found.Next; f.Before == "" {
			break
		}
	}
	return out, nil
}

// tooMany is the status of a request over a quota.
const tooMany = 429

func sightingOf(l *monitor.Refusal, worst map[posture.Place]finding.Severity) (incident.Sighting, bool) {
	refused := l.Outcome == traffic.RefusedByPolicy || l.Outcome == traffic.RefusedByGateway
	if strings.HasPrefix(l.Step, incident.Namespace+"/") || len(l.Rules) == 0 && (!refused || l.Status == tooMany) {
		return incident.Sighting{}, false
	}
	s := incident.Sighting{
		Exchange: l.ID, At: l.Received, API: l.API, Operation: l.Operation, Address: l.Client, ClientID: l.ClientID,
		Rules: l.Rules, Status: l.Status, Policy: l.Policy, Reason: l.Reason,
	}
	for _, rule := range l.Rules {
		s.Severity = max(s.Severity, worst[posture.Place{Rule: rule, API: l.API}])
	}
	return s, true
}

// evidence gives the findings of rules as they are kept.
func (c *control) evidence(ctx context.Context, rules []string) ([]json.RawMessage, error) {
	out := []json.RawMessage{}
	for _, rule := range rules {
		items, _, err := c.posture.List(ctx, posture.Filter{Rule: rule})
		if err != nil {
			return nil, err
		}
		for i := range items {
			text, err := json.Marshal(&items[i])
			if err != nil {
				return nil, err
			}
			out = append(out, text)
		}
	}
	return out, nil
}

// recordOf gives the whole record of an exchange, nil where it is not kept.
func (c *control) recordOf(ctx context.Context, exchange string) (json.RawMessage, error) {
	trail, retention, err := c.monitor.Lookup(ctx, exchange)
	if err != nil || retention != monitor.Kept || !trail.Whole {
		return nil, err
	}
	return json.Marshal(&trail.Record)
}

// refusalShares tells how many requests of each API were refused since a time.
func (c *control) refusalShares(ctx context.Context, since time.Time) (map[string]incident.Share, error) {
	slots, err := c.monitor.Window(ctx, since.Truncate(time.Minute), c.now().Add(time.Minute))
	if err != nil {
		return nil, err
	}
	out := make(map[string]incident.Share, len(slots))
	for api, s := range slots {
		out[api] = incident.Share{Requests: s.Requests, Refused: s.Refused}
	}
	return out, nil
}
