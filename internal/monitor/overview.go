package monitor

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"time"
)

// Overview is what happened in a stretch of time, the current minute included.
type Overview struct {
	From time.Time     `json:"from"`
	To   time.Time     `json:"to"`
	Step time.Duration `json:"step"`
	// Series has a point for every step, also where nothing happened.
	Series []Point `json:"series"`
	Totals Slot    `json:"totals"`
	// P50, P95 and P99 are estimated to about a quarter.
	P50 time.Duration `json:"p50"`
	P95 time.Duration `json:"p95"`
	P99 time.Duration `json:"p99"`
	// APIs are those with most requests.
	APIs []Totals `json:"apis"`
	// Policies are those that refused most, Attackers the addresses with most
	// attacks. Both are counted from the short lines, which reach back to
	// LinesSince only.
	Policies   []Share   `json:"policies"`
	Attackers  []Share   `json:"attackers"`
	LinesSince time.Time `json:"linesSince,omitzero"`
}

// Point is one step of a series.
type Point struct {
	At       time.Time `json:"at"`
	Requests uint64    `json:"requests"`
	Refused  uint64    `json:"refused"`
	Attacks  uint64    `json:"attacks"`
	Errors   uint64    `json:"errors"`
}

// Share is how often a name occurs.
type Share struct {
	Name  string `json:"name"`
	Count uint64 `json:"count"`
}

// Totals is what happened at one API or operation.
type Totals struct {
	API       string `json:"api"`
	Operation string `json:"operation,omitempty"`
	Slot
	P50 time.Duration `json:"p50"`
	P95 time.Duration `json:"p95"`
	P99 time.Duration `json:"p99"`
}

// The bounds of a question.
const (
	maxPoints = 3000
	topRows   = 10
	// minutesReach is how far back a question may ask for steps below a day.
	minutesReach = 8 * 24 * time.Hour
)

// Overview tells what happened at all APIs since a time, in steps of whole
// minutes, or of whole days when it reaches back more than eight days.
func (m *Monitor) Overview(ctx context.Context, since time.Time, step time.Duration) (Overview, error) {
	return m.APIOverview(ctx, "", since, step)
}

// APIOverview tells what happened at one API; an empty name means all.
func (m *Monitor) APIOverview(ctx context.Context, api string, since time.Time, step time.Duration) (Overview, error) {
	now := m.opts.Now().UTC()
	step = max(step.Truncate(time.Minute), time.Minute)
	if now.Sub(since) > minutesReach {
		step = max(step.Truncate(24*time.Hour), 24*time.Hour)
	}
	o := Overview{From: since.UTC().Truncate(step), To: now, Step: step}
	points := int(now.Sub(o.From)/step) + 1
	if points < 1 || points > maxPoints {
		return Overview{}, fmt.Errorf("overview since %s in steps of %s: %d points, must be 1 to %d",
			since.Format(time.RFC3339), step, points, maxPoints)
	}
	o.Series = make([]Point, points)
	for i := range o.Series {
		o.Series[i].At = o.From.Add(time.Duration(i) * step)
	}
	err := m.scanSeries(ctx, coarsest(step), seriesKey{byAPI, api, ""}, o.From, now, func(minute int64, s *Slot) {
		at := time.Unix(minute*60, 0).Sub(o.From)
		if at < 0 || at > now.Sub(o.From) {
			return
		}
		p := &o.Series[min(int(at/step), points-1)]
		p.Requests += s.Requests
		p.Refused += s.Refused
		p.Attacks += s.Attacks
		p.Errors += s.Errors
		o.Totals.Add(*s)
	})
	if err != nil {
		return Overview{}, fmt.Errorf("overview: %w", err)
	}
	o.P50, o.P95, o.P99 = o.Totals.Quantile(0.5), o.Totals.Quantile(0.95), o.Totals.Quantile(0.99)
	switch {
	case api == "":
		apis, err := m.totals(ctx, o.From)
		if err != nil {
			return Overview{}, fmt.Errorf("overview: %w", err)
		}
		o.APIs = apis[:min(len(apis), topRows)]
	case o.Totals.Requests > 0:
		o.APIs = []Totals{{API: api, Slot: o.Totals, P50: o.P50, P95: o.P95, P99: o.P99}}
	}
	if err := m.shares(ctx, api, &o); err != nil {
		return Overview{}, fmt.Errorf("overview: %w", err)
	}
	return o, nil
}

func busiest[K comparable](of map[K]*Totals) []Totals {
	all := make([]Totals, 0, len(of))
	for _, t := range of {
		t.P50, t.P95, t.P99 = t.Quantile(0.5), t.Quantile(0.95), t.Quantile(0.99)
		all = append(all, *t)
	}
	slices.SortFunc(all, func(a, b Totals) int {
		return cmp.Or(cmp.Compare(b.Requests, a.Requests), cmp.Compare(a.API, b.API), cmp.Compare(a.Operation, b.Operation))
	})
	return all
}

// APIs tells what happened at each API since a time, those with most requests
// first.
func (m *Monitor) APIs(ctx context.Context, since time.Time) ([]Totals, error) {
	all, err := m.totals(ctx, since)
	if err != nil {
		return nil, fmt.Errorf("totals of the APIs: %w", err)
	}
	return all, nil
}

// Operations tells what happened at each operation of an API since a time,
// those with most requests first.
func (m *Monitor) Operations(ctx context.Context, api string, since time.Time) ([]Totals, error) {
	operations := map[string]*Totals{}
	err := m.scanSince(ctx, api, since, func(c *counted) {
		if operations[c.operation] == nil {
			operations[c.operation] = &Totals{API: c.api, Operation: c.operation}
		}
		operations[c.operation].Add(c.Slot)
	})
	if err != nil {
		return nil, fmt.Errorf("totals of the operations of %s: %w", api, err)
	}
	return busiest(operations), nil
}

func (m *Monitor) scanSince(ctx context.Context, api string, since time.Time, visit func(*counted)) error {
	now := m.opts.Now()
	if now.Sub(since) > minutesReach {
		return m.scanOf(ctx, daysTable, api, "", since, now, visit)
	}
	return m.scanOf(ctx, hoursTable, api, "", since, now, visit)
}

// scanOf visits what was counted at an API between two times, stored or still in
// memory: at one operation, or at all when it is empty. Of days, a visit's minute is
// the first of the day.
func (m *Monitor) scanOf(ctx context.Context, t table, api, operation string, from, to time.Time, visit func(*counted)) error {
	m.flushMu.RLock()
	defer m.flushMu.RUnlock()
	if err := m.scanStored(ctx, t, api, operation, from, to, visit); err != nil {
		return err
	}
	unit := time.Duration(t.span/int64(t.slots)) * time.Minute
	within := func(c *counted) {
		at := c.minute.Truncate(unit)
		if api == c.api && (operation == "" || operation == c.operation) && !at.Before(from.Truncate(unit)) && !at.After(to) {
			c.minute = at
			visit(c)
		}
	}
	for key, s := range m.pending.slots {
		within(&counted{api: key.api, operation: key.operation, minute: time.Unix(key.minute*60, 0).UTC(), Slot: *s})
	}
	live := m.opts.Rollup.live()
	for i := range live {
		within(&live[i])
	}
	return nil
}

func (m *Monitor) scanStored(ctx context.Context, t table, api, operation string, from, to time.Time, visit func(*counted)) (err error) {
	first := from.Unix() / 60
	if t.slots == 1 {
		first -= first % t.span
	}
	last := to.Unix() / 60
	query := `SELECT api, operation, ` + t.column + `, slots FROM ` + t.name +
		` WHERE environment = ? AND api = ? AND ` + t.column + ` BETWEEN ? AND ?`
	args := []any{m.opts.Environment, api, first / t.span, last / t.span}
	if operation != "" {
		query += " AND operation = ?"
		args = append(args, operation)
	}
	rows, err := m.opts.DB.Read().Query(ctx, query, args...)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, rows.Close()) }()
	for rows.Next() {
		var (
			c      counted
			row    int64
			packed []byte
		)
		if err := rows.Scan(&c.api, &c.operation, &row, &packed); err != nil {
			return err
		}
		if eachPacked(packed, t.slots, func(i int, s *Slot) {
			minute := row*t.span + int64(i)*t.span/int64(t.slots)
			if minute >= first && minute <= last {
				c.minute, c.Slot = time.Unix(minute*60, 0).UTC(), *s
				visit(&c)
			}
		}) != nil {
			m.damagedRows.Add(1)
		}
	}
	return rows.Err()
}

// shares fills in what is counted from the short lines.
func (m *Monitor) shares(ctx context.Context, api string, o *Overview) error {
	where, args := "environment = ? AND received >= ?", []any{m.opts.Environment, o.From.UnixMilli()}
	if api != "" {
		where += " AND api = ?"
		args = append(args, api)
	}
	var err error
	if o.Policies, err = m.top(ctx, "policy", where+" AND policy <> '' AND outcome = 'refused'", args); err != nil {
		return err
	}
	if o.Attackers, err = m.top(ctx, "client", where+" AND client <> '' AND rules <> ''", args); err != nil {
		return err
	}
	var oldest int64
	err = m.opts.DB.Read().QueryRow(ctx, "SELECT COALESCE(MIN(received), 0) FROM monitor_refusals WHERE environment = ?",
		m.opts.Environment).Scan(&oldest)
	if oldest > 0 {
		o.LinesSince = time.UnixMilli(oldest).UTC()
	}
	return err
}

func (m *Monitor) top(ctx context.Context, column, where string, args []any) (shares []Share, err error) {
	rows, err := m.opts.DB.Read().Query(ctx, "SELECT "+column+", COUNT(*) FROM monitor_refusals WHERE "+where+
		" GROUP BY "+column+" ORDER BY 2 DESC, 1 LIMIT ?", append(slices.Clone(args), topRows)...)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, rows.Close()) }()
	for rows.Next() {
		var s Share
		if err := rows.Scan(&s.Name, &s.Count); err != nil {
			return nil, err
		}
		shares = append(shares, s)
	}
	return shares, rows.Err()
}
