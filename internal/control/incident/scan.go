package incident

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"time"

	"farrier.dev/farrier/internal/audit"
	"farrier.dev/farrier/internal/secret"
	"farrier.dev/farrier/internal/store"
)

const (
	// pause is how often incidents are looked for.
	pause = 10 * time.Second
	// lookBack is how far a look reaches: what an actor does after a rest within Gap must
	// meet what it did before. The first look of a process reaches back firstLook.
	lookBack  = Gap + 5*time.Minute
	firstLook = 24 * time.Hour
)

// Run finds incidents, ends acts and lets rules act until ctx ends; in one process at a
// time.
func (s *Service) Run(ctx context.Context) error {
	tick := time.NewTicker(pause)
	defer tick.Stop()
	reach := firstLook
	for {
		for _, environment := range s.o.Environments {
			if err := s.Look(ctx, environment, reach); err != nil && ctx.Err() == nil {
				s.o.Log.Error("incidents can't be looked for", "environment", environment, "error", err)
			} else {
				reach = lookBack
			}
		}
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
	}
}

// Look does once what Run does for an environment, with what was seen in the last time.
func (s *Service) Look(ctx context.Context, environment string, reach time.Duration) error {
	errs := []error{s.Expire(ctx, environment), s.rollBack(ctx, environment)}
	source := s.o.Source(environment)
	if source == nil || source.Sightings == nil {
		return errors.Join(errs...)
	}
	seen, err := source.Sightings(ctx, s.o.Now().Add(-max(reach, lookBack)))
	if err != nil {
		return errors.Join(append(errs, err)...)
	}
	clusters := Group(seen)
	for i := range clusters {
		errs = append(errs, s.take(ctx, environment, &clusters[i]))
	}
	return errors.Join(errs...)
}

// take opens the incident of a cluster, or adds to the one that is open.
func (s *Service) take(ctx context.Context, environment string, c *Cluster) error {
	var grown *Incident
	err := s.o.DB.Write(ctx, func(tx *store.Tx) error {
		grown = nil
		var resolved int64
		if err := tx.QueryRow(ctx, "SELECT COALESCE(MAX(resolved_at), 0) FROM incidents_incidents WHERE environment = ? AND kind = ? AND actor = ? AND state = ?",
			environment, string(c.Kind), c.Actor, string(Resolved)).Scan(&resolved); err != nil {
			return err
		}
		// Only what was seen since makes another.
		fresh := Cluster{Kind: c.Kind, Actor: c.Actor}
		for _, one := range c.Sightings {
			if one.At.UnixMilli() > resolved {
				fresh.Sightings = append(fresh.Sightings, one)
			}
		}
		if len(fresh.Sightings) == 0 {
			return nil
		}
		c := &fresh
		known, err := s.readIncidents(ctx, tx.Reader, environment, " AND kind = ? AND actor = ? AND state <> ? AND last_at >= ? ORDER BY last_at DESC LIMIT 1",
			string(c.Kind), c.Actor, string(Resolved), c.First().Add(-Gap).UnixMilli())
		if err != nil || len(known) == 0 && !c.worth() {
			return err
		}
		now := s.o.Now()
		if len(known) == 0 {
			i := Incident{
				ID: secret.NewID(), Version: 1, Kind: c.Kind, Actor: c.Actor, API: c.API(), Title: c.Title(), Severity: c.Severity(), State: Unhandled,
				First: c.First(), Last: c.Last(), Rules: c.Rules(), Opened: now,
			}
			grown = &i
			if err := s.keepIncident(ctx, tx, environment, &i); err != nil {
				return err
			}
			if _, err := s.addSeen(ctx, tx, environment, &i, c); err != nil {
				return err
			}
			return s.told(ctx, tx, system(), environment, audit.IncidentOpened, "incident "+i.ID, nil, map[string]any{"title": i.Title, "severity": i.Severity, "rules": i.Rules})
		}
		i := known[0]
		added, err := s.addSeen(ctx, tx, environment, &i, c)
		if added {
			grown = &i
		}
		return err
	})
	if err != nil {
		return fmt.Errorf("incident of %s %s: %w", c.Kind, c.Actor, err)
	}
	if grown == nil {
		return nil
	}
	return s.apply(ctx, environment, grown)
}

func (s *Service) keepIncident(ctx context.Context, tx *store.Tx, environment string, i *Incident) error {
	rules, err := json.Marshal(i.Rules)
	if err != nil {
		return err
	}
	_, err = tx.Exec(ctx, `INSERT INTO incidents_incidents (environment, id, version, kind, actor, api, title, severity, state, owner, first_at, last_at, sightings, rules, opened_at, resolved_at)
		VALUES (?, ?, 1, ?, ?, ?, ?, ?, ?, '', ?, ?, 0, ?, ?, 0)`,
		environment, i.ID, string(i.Kind), i.Actor, i.API, i.Title, int(i.Severity), string(i.State), i.First.UnixMilli(), i.Last.UnixMilli(), string(rules), i.Opened.UnixMilli())
	return err
}

// addSeen adds the sightings that an incident does not have yet, and what they change
// of it. The version that people see stays: they did not change it.
func (s *Service) addSeen(ctx context.Context, tx *store.Tx, environment string, i *Incident, c *Cluster) (bool, error) {
	var kept int64
	if err := tx.QueryRow(ctx, "SELECT COUNT(*) FROM incidents_timeline WHERE environment = ? AND incident = ? AND kind = ?", environment, i.ID, Seen).Scan(&kept); err != nil {
		return false, err
	}
	before := i.Sightings
	for j := range c.Sightings {
		one := &c.Sightings[j]
		if kept >= maxSeen {
			// Beyond the bound those are counted that came later than what was known.
			if one.At.After(i.Last) {
				i.Sightings++
			}
			continue
		}
		added, err := s.add(ctx, tx, environment, i.ID, Event{At: one.At, Kind: Seen, Text: one.words(), Sighting: one}, one.Exchange)
		if err != nil {
			return false, err
		}
		if added {
			kept++
			i.Sightings++
		}
	}
	if i.Sightings == before {
		return false, nil
	}
	i.Rules = append(i.Rules, c.Rules()...)
	slices.Sort(i.Rules)
	i.Rules = slices.Compact(i.Rules)
	i.Rules = i.Rules[:min(len(i.Rules), maxRules)]
	if c.Last().After(i.Last) {
		i.Last = c.Last()
	}
	if c.First().Before(i.First) {
		i.First = c.First()
	}
	if i.API != c.API() {
		i.API = ""
	}
	if i.Severity = max(i.Severity, c.Severity()); len(c.Rules()) > 0 {
		i.Title = c.Title()
	}
	rules, err := json.Marshal(i.Rules)
	if err != nil {
		return false, err
	}
	_, err = tx.Exec(ctx, "UPDATE incidents_incidents SET first_at = ?, last_at = ?, sightings = ?, rules = ?, severity = ?, title = ?, api = ? WHERE environment = ? AND id = ?",
		i.First.UnixMilli(), i.Last.UnixMilli(), i.Sightings, string(rules), int(i.Severity), i.Title, i.API, environment, i.ID)
	return true, err
}

// words say what was seen.
func (s *Sighting) words() string {
	what := s.Operation
	if s.API != "" {
		what += " at " + s.API
	}
	if s.Status != 0 {
		what += fmt.Sprintf(", answered %d", s.Status)
	}
	if s.Reason != "" {
		what += ": " + s.Reason
	}
	return what
}
