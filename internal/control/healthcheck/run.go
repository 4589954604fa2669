package healthcheck

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"sync"
	"time"

	"farrier.dev/farrier/internal/access"
	"farrier.dev/farrier/internal/control"
	"farrier.dev/farrier/internal/store"
)

const (
	// beat is how often it is looked what is due, atOnce how many checks run together.
	beat   = time.Second
	atOnce = 16
	// rawKept and daysKept are how long results are kept.
	rawKept  = 24 * time.Hour
	daysKept = 400
	day      = 24 * time.Hour
)

// Run makes the checks that are due until ctx ends; in one process at a time.
func (s *Service) Run(ctx context.Context) error {
	tick := time.NewTicker(beat)
	defer tick.Stop()
	for {
		for _, environment := range s.o.Environments {
			if err := s.Due(ctx, environment); err != nil && ctx.Err() == nil {
				s.o.Log.Error("health checks can't be made", "environment", environment, "error", err)
			}
		}
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
	}
}

// Due makes the checks of an environment that are due, once.
func (s *Service) Due(ctx context.Context, environment string) error {
	now := s.o.Now()
	due, err := s.read(ctx, s.o.DB.Read(), environment, " AND COALESCE(s.due, 0) <= ?", now.UnixMilli())
	if err != nil {
		return err
	}
	var (
		wait sync.WaitGroup
		mu   sync.Mutex
		errs []error
	)
	places := make(chan struct{}, atOnce)
	for i := range due {
		if !due[i].Spec.Enabled {
			continue
		}
		places <- struct{}{}
		wait.Go(func() {
			defer func() { <-places }()
			if err := s.make(ctx, &due[i]); err != nil {
				mu.Lock()
				errs = append(errs, err)
				mu.Unlock()
			}
		})
	}
	wait.Wait()
	return errors.Join(errs...)
}

// make makes one check and writes down what it came to.
func (s *Service) make(ctx context.Context, c *Check) error {
	var result Result
	if target, ok := s.target(c.environment, &c.Spec); ok {
		result = probe(ctx, s.o.HTTP, target, &c.Spec, s.o.Now)
	} else {
		result = Result{At: s.o.Now(), Verdict: Down, Problem: "the API is not in service"}
	}
	if ctx.Err() != nil {
		return nil //nolint:nilerr // it was broken off and says nothing
	}
	working, err := s.o.Maintenance(ctx, c.environment, c.Spec.API)
	if err != nil {
		return err
	}
	next, changed := c.State, false
	if working == "" {
		next, changed = c.State.Next(result, c.Spec.Failures)
	}
	state, err := json.Marshal(next)
	if err != nil {
		return err
	}
	due := result.At.Add(time.Duration(c.Spec.IntervalSeconds) * time.Second)
	err = s.o.DB.Write(ctx, func(tx *store.Tx) error {
		var there int64
		if err := tx.QueryRow(ctx, "SELECT COUNT(*) FROM healthchecks_checks WHERE environment = ? AND id = ? AND version = ?", c.environment, c.ID, c.Version).Scan(&there); err != nil || there == 0 {
			return err // it was changed meanwhile
		}
		if _, err := tx.Exec(ctx, `INSERT INTO healthchecks_states (environment, id, due, state) VALUES (?, ?, ?, ?)
			ON CONFLICT (environment, id) DO UPDATE SET due = excluded.due, state = excluded.state`, c.environment, c.ID, due.UnixMilli(), string(state)); err != nil {
			return err
		}
		if working != "" {
			return nil
		}
		return s.count(ctx, tx, c, &result)
	})
	if err != nil {
		return fmt.Errorf("health check %s: %w", c.ID, err)
	}
	if changed {
		return s.tellFailing(ctx, c.environment, c.Spec.API)
	}
	return nil
}

// count keeps a result, and forgets those that are too old.
func (s *Service) count(ctx context.Context, tx *store.Tx, c *Check, r *Result) error {
	up := 0
	if r.Verdict != Down {
		up = 1
	}
	today := r.At.UnixMilli() / day.Milliseconds()
	for _, one := range []struct {
		sql  string
		args []any
	}{
		{
			`INSERT INTO healthchecks_results (environment, id, at, verdict, millis, problem) VALUES (?, ?, ?, ?, ?, ?) ON CONFLICT (environment, id, at) DO NOTHING`,
			[]any{c.environment, c.ID, r.At.UnixMilli(), string(r.Verdict), r.Took.Milliseconds(), r.Problem},
		},
		{
			`INSERT INTO healthchecks_days (environment, id, day, checks, up, millis) VALUES (?, ?, ?, 1, ?, ?) ON CONFLICT (environment, id, day) DO UPDATE SET
			checks = healthchecks_days.checks + 1, up = healthchecks_days.up + excluded.up, millis = healthchecks_days.millis + excluded.millis`,
			[]any{c.environment, c.ID, today, up, r.Took.Milliseconds()},
		},
		{"DELETE FROM healthchecks_results WHERE environment = ? AND id = ? AND at < ?", []any{c.environment, c.ID, r.At.Add(-rawKept).UnixMilli()}},
		{"DELETE FROM healthchecks_days WHERE environment = ? AND id = ? AND day < ?", []any{c.environment, c.ID, today - daysKept}},
	} {
		if _, err := tx.Exec(ctx, one.sql, one.args...); err != nil {
			return err
		}
	}
	return nil
}

// tellFailing tells what is down at an API now.
func (s *Service) tellFailing(ctx context.Context, environment, api string) error {
	all, err := s.read(ctx, s.o.DB.Read(), environment, "")
	if err != nil {
		return err
	}
	var down []Trouble
	for i := range all {
		if c := &all[i]; c.Spec.API == api && c.State.Verdict == Down && c.Spec.Enabled {
			down = append(down, Trouble{c.ID, c.Spec.Name, api, c.State.Last.Problem, c.State.Since})
		}
	}
	return s.o.Failing(ctx, environment, api, down)
}

// Results gives the results of the last day, the newest first, 2,000 at most.
func (s *Service) Results(ctx context.Context, p control.Principal, environment, id string) (out []Result, err error) {
	if err := s.gate.Environment(ctx, p, access.ViewAlerts, environment); err != nil {
		return nil, err
	}
	rows, err := s.o.DB.Read().Query(ctx, "SELECT at, verdict, millis, problem FROM healthchecks_results WHERE environment = ? AND id = ? ORDER BY at DESC LIMIT 2000", environment, id)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, rows.Close()) }()
	for rows.Next() {
		var (
			r          Result
			at, millis int64
		)
		if err := rows.Scan(&at, &r.Verdict, &millis, &r.Problem); err != nil {
			return nil, err
		}
		r.At, r.Took = time.UnixMilli(at).UTC(), time.Duration(millis)*time.Millisecond
		out = append(out, r)
	}
	return out, rows.Err()
}

// Uptime is the share of checks since a number of days that were not down, in per cent;
// false where none was made.
func (s *Service) Uptime(ctx context.Context, environment, id string, days int) (percent float64, known bool, err error) {
	var checks, up int64
	err = s.o.DB.Read().QueryRow(ctx, "SELECT CAST(COALESCE(SUM(checks), 0) AS BIGINT), CAST(COALESCE(SUM(up), 0) AS BIGINT) FROM healthchecks_days WHERE environment = ? AND id = ? AND day > ?",
		environment, id, s.o.Now().UnixMilli()/day.Milliseconds()-int64(days)).Scan(&checks, &up)
	if err != nil || checks == 0 {
		return 0, false, err
	}
	return 100 * float64(up) / float64(checks), true, nil
}

// Line is what the status page says of a check. It holds nothing but what is public.
type Line struct {
	Name string
	// Verdict is empty before the first check.
	Verdict Verdict
	// Maintenance says what is done now, empty for nothing.
	Maintenance string
	// Uptime is that of 90 days, in per cent; Known says that there is one.
	Uptime float64
	Known  bool
}

// Page is what the status page says.
type Page struct {
	At    time.Time
	Lines []Line
}

// pageLife is how long a page is shown again, so that many who look cost little.
const pageLife = 15 * time.Second

// Public gives what everybody may see of an environment.
func (s *Service) Public(ctx context.Context, environment string) (Page, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	now := s.o.Now()
	if c, ok := s.public[environment]; ok && now.Sub(c.at) < pageLife {
		return c.page, nil
	}
	all, err := s.read(ctx, s.o.DB.Read(), environment, "")
	if err != nil {
		return Page{}, err
	}
	page := Page{At: now}
	for i := range all {
		c := &all[i]
		if !c.Spec.Public || !c.Spec.Enabled {
			continue
		}
		line := Line{Name: c.Spec.Name, Verdict: c.State.Verdict}
		if line.Maintenance, err = s.o.Maintenance(ctx, environment, c.Spec.API); err != nil {
			return Page{}, err
		}
		if line.Uptime, line.Known, err = s.Uptime(ctx, environment, c.ID, 90); err != nil {
			return Page{}, err
		}
		page.Lines = append(page.Lines, line)
	}
	s.public[environment] = cached{now, page}
	return page, nil
}
