package monitor

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"time"
)

// Query asks for one series: of all exchanges, or of an API, an operation of it, a
// client or a policy. Client and Policy go with or without an API, but neither with
// an operation nor with each other: such pairs are not counted.
type Query struct {
	API, Operation, Client, Policy string
	Metric                         Metric
	// Since and Until bound it; a zero Until means now.
	Since, Until time.Time
	// Step is the distance of the points: whole minutes, hours or days. It becomes
	// longer where nothing as fine is kept.
	Step time.Duration
}

// Sample is a point of a series. Known is false where there is nothing that the
// metric could be computed from, as a percentile without exchanges.
type Sample struct {
	At    time.Time
	Value float64
	Known bool
}

// Stretch is what happened in one step of a series.
type Stretch struct {
	At time.Time
	Slot
}

// ErrQuery says that a question about series makes no sense; its text says why.
var ErrQuery = errors.New("this can not be asked of series")

// Series answers a question with a point for every step, also where nothing
// happened. What is not stored yet is included.
func (m *Monitor) Series(ctx context.Context, q Query) ([]Sample, error) {
	if err := q.Metric.Check(); err != nil {
		return nil, err
	}
	stretches, err := m.Stretches(ctx, q)
	if err != nil {
		return nil, err
	}
	out := make([]Sample, len(stretches))
	for i := range stretches {
		out[i].At = stretches[i].At
		out[i].Value, out[i].Known = q.Metric.Of(&stretches[i].Slot)
	}
	return out, nil
}

// Stretches answers like Series, with all that was counted.
func (m *Monitor) Stretches(ctx context.Context, q Query) ([]Stretch, error) {
	now := m.opts.Now().UTC()
	if q.Until.IsZero() || q.Until.After(now) {
		q.Until = now
	}
	l, err := q.plan(now)
	if err != nil {
		return nil, err
	}
	from := q.Since.UTC().Truncate(q.Step)
	points := int((q.Until.Sub(from) + q.Step - 1) / q.Step)
	if points < 1 || points > maxPoints {
		return nil, fmt.Errorf("%w: %d points, must be 1 to %d; choose a longer step", ErrQuery, points, maxPoints)
	}
	out := make([]Stretch, points)
	for i := range out {
		out[i].At = from.Add(time.Duration(i) * q.Step)
	}
	add := func(minute int64, s *Slot) {
		at := time.Unix(minute*60, 0).Sub(from)
		if i := int(at / q.Step); at >= 0 && i < points {
			out[i].Add(*s)
		}
	}
	if q.Operation != "" {
		t := hoursTable
		if l.number == len(levels)-1 {
			t = daysTable
		}
		err = m.scanOperation(ctx, t, q, from, func(c *counted) { add(c.minute.Unix()/60, &c.Slot) })
	} else {
		err = m.scanSeries(ctx, l, q.key(), from, q.Until, add)
	}
	if err != nil {
		return nil, fmt.Errorf("reading a series: %w", err)
	}
	return out, nil
}

// plan chooses the level to read, and makes the step fit it.
func (q *Query) plan(now time.Time) (level, error) {
	switch {
	case q.Operation != "" && (q.Client != "" || q.Policy != "" || q.API == ""):
		return level{}, fmt.Errorf("%w: an operation needs its API and goes with no client or policy", ErrQuery)
	case q.Client != "" && q.Policy != "":
		return level{}, fmt.Errorf("%w: a client and a policy are not counted together", ErrQuery)
	case !q.Since.Before(q.Until):
		return level{}, fmt.Errorf("%w: it ends before it begins", ErrQuery)
	}
	step := max(q.Step, time.Minute)
	i := len(levels) - 1
	for step%levels[i].length() != 0 && i > 0 {
		i--
	}
	for i < len(levels)-1 && (now.Sub(q.Since) > levels[i].keeps(q.Client != "") || q.Operation != "" && i == 1) {
		i++
	}
	if q.Operation != "" && step%levels[2].length() != 0 && now.Sub(q.Since) <= HoursKept {
		i = 0 // operations are kept by minutes and by days
	}
	q.Step = max(step.Truncate(levels[i].length()), levels[i].length())
	return levels[i], nil
}

func (q *Query) key() seriesKey {
	switch {
	case q.Client != "":
		return seriesKey{byClient, q.API, q.Client}
	case q.Policy != "":
		return seriesKey{byPolicy, q.API, q.Policy}
	}
	return seriesKey{byAPI, q.API, ""}
}

// scanSeries visits the slots of a series, stored or still in memory.
func (m *Monitor) scanSeries(ctx context.Context, l level, key seriesKey, from, until time.Time, visit func(minute int64, s *Slot)) (err error) {
	m.flushMu.RLock()
	defer m.flushMu.RUnlock()
	first, last := from.Unix()/60, until.Unix()/60
	rows, err := m.opts.DB.Read().Query(ctx, `SELECT place, slots FROM monitor_series
		WHERE environment = ? AND kind = ? AND api = ? AND name = ? AND level = ? AND place BETWEEN ? AND ?`,
		m.opts.Environment, string(key.kind), key.api, key.name, l.number, first/l.span(), last/l.span())
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, rows.Close()) }()
	for rows.Next() {
		var (
			place  int64
			packed []byte
		)
		if err := rows.Scan(&place, &packed); err != nil {
			return err
		}
		if eachPacked(packed, l.slots, func(i int, s *Slot) { visit(place*l.span()+int64(i)*l.unit, s) }) != nil {
			m.damagedRows.Add(1)
		}
	}
	m.unstoredSeries(key, visit)
	return rows.Err()
}

// unstoredSeries visits what of a series waits in memory.
func (m *Monitor) unstoredSeries(key seriesKey, visit func(minute int64, s *Slot)) {
	m.pending.eachSeries(func(at seriesMinute, s *Slot) {
		if at.seriesKey == key {
			visit(at.minute, s)
		}
	})
	if key.kind != byAPI {
		if s, ok := m.opts.Rollup.parties.live(key); ok {
			visit(m.opts.Now().Unix()/60, &s)
		}
		return
	}
	live := m.opts.Rollup.live()
	for i := range live {
		if key.api == "" || key.api == live[i].api {
			visit(live[i].minute.Unix()/60, &live[i].Slot)
		}
	}
}

// scanOperation visits what was counted of one operation.
func (m *Monitor) scanOperation(ctx context.Context, t table, q Query, from time.Time, visit func(*counted)) error {
	return m.scanOf(ctx, t, q.API, q.Operation, from, q.Until, visit)
}

// Window is what happened at each API between two times, a few hours apart at most;
// the empty name is all of them together.
func (m *Monitor) Window(ctx context.Context, since, until time.Time) (map[string]Slot, error) {
	l := levels[0]
	if until.Sub(since) > 6*time.Hour {
		l = levels[1]
	}
	out := map[string]Slot{}
	add := func(api string, s *Slot) {
		sum := out[api]
		sum.Add(*s)
		out[api] = sum
	}
	m.flushMu.RLock()
	defer m.flushMu.RUnlock()
	err := m.scanWindow(ctx, l, byAPI, "", since, until, func(api, _ string, s *Slot) { add(api, s) })
	if err != nil {
		return nil, fmt.Errorf("reading a window: %w", err)
	}
	m.pending.eachSeries(func(at seriesMinute, s *Slot) {
		if at.kind == byAPI && at.minute >= since.Unix()/60 && at.minute < until.Unix()/60 {
			add(at.api, s)
		}
	})
	live := m.opts.Rollup.live()
	for i := range live {
		if at := live[i].minute; !at.Before(since) && at.Before(until) {
			add("", &live[i].Slot)
			add(live[i].api, &live[i].Slot)
		}
	}
	return out, nil
}

// scanWindow visits the stored slots of all series of a kind between two times, of
// clients and policies those at one API, or over all when it is empty.
func (m *Monitor) scanWindow(ctx context.Context, l level, kind seriesKind, api string, since, until time.Time, visit func(api, name string, s *Slot)) (err error) {
	first, end := since.Unix()/60, until.Unix()/60
	query := "SELECT api, name, place, slots FROM monitor_series WHERE environment = ? AND kind = ? AND level = ? AND place BETWEEN ? AND ?"
	args := []any{m.opts.Environment, string(kind), l.number, first / l.span(), max(end-1, first) / l.span()}
	if kind != byAPI {
		query += " AND api = ?"
		args = append(args, api)
	}
	rows, err := m.opts.DB.Read().Query(ctx, query, args...)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, rows.Close()) }()
	for rows.Next() {
		var (
			at, name string
			place    int64
			packed   []byte
		)
		if err := rows.Scan(&at, &name, &place, &packed); err != nil {
			return err
		}
		if eachPacked(packed, l.slots, func(i int, s *Slot) {
			if minute := place*l.span() + int64(i)*l.unit; minute+l.unit > first && minute < end {
				visit(at, name, s)
			}
		}) != nil {
			m.damagedRows.Add(1)
		}
	}
	return rows.Err()
}

// PartyTotals is what happened with one client or policy.
type PartyTotals struct {
	Name string
	Slot
}

// Clients tells which clients called an API since a time, those with most requests
// first, at most limit; an empty API means all. It is exact to the hour.
func (m *Monitor) Clients(ctx context.Context, api string, since time.Time, limit int) ([]PartyTotals, error) {
	return m.partyTotals(ctx, byClient, api, since, limit)
}

// Policies tells which policies refused requests at an API, as Clients does.
func (m *Monitor) Policies(ctx context.Context, api string, since time.Time, limit int) ([]PartyTotals, error) {
	return m.partyTotals(ctx, byPolicy, api, since, limit)
}

func (m *Monitor) partyTotals(ctx context.Context, kind seriesKind, api string, since time.Time, limit int) ([]PartyTotals, error) {
	now := m.opts.Now()
	l := levels[1]
	if now.Sub(since) > minutesReach {
		l = levels[2]
	}
	sums := map[string]*PartyTotals{}
	add := func(name string, s *Slot) {
		if sums[name] == nil {
			sums[name] = &PartyTotals{Name: name}
		}
		sums[name].Add(*s)
	}
	m.flushMu.RLock()
	defer m.flushMu.RUnlock()
	if err := m.scanWindow(ctx, l, kind, api, since, now, func(_, name string, s *Slot) { add(name, s) }); err != nil {
		return nil, fmt.Errorf("totals by %s: %w", kind, err)
	}
	m.pending.eachSeries(func(at seriesMinute, s *Slot) {
		if at.kind == kind && at.api == api {
			add(at.name, s)
		}
	})
	m.opts.Rollup.parties.each(func(key seriesKey, s *Slot) {
		if key.kind == kind && key.api == api {
			add(key.name, s)
		}
	})
	out := make([]PartyTotals, 0, len(sums))
	for _, t := range sums {
		out = append(out, *t)
	}
	slices.SortFunc(out, func(a, b PartyTotals) int {
		return cmp.Or(cmp.Compare(b.Requests, a.Requests), cmp.Compare(a.Name, b.Name))
	})
	return out[:min(len(out), max(limit, 0))], nil
}
