package monitor

import (
	"context"
	"errors"
	"time"
)

// coarsest is the level with the fewest slots of which whole steps can be made.
func coarsest(step time.Duration) level {
	for i := len(levels) - 1; i > 0; i-- {
		if step%levels[i].length() == 0 {
			return levels[i]
		}
	}
	return levels[0]
}

// stretch is a part of a window that is read at one level, from a Unix minute to the
// one before end.
type stretch struct {
	level
	first, end int64
}

// stretches cuts a window up to now into the minutes up to the next whole hour, the
// hours up to midnight and days, so that no more slots are read than need be. Where
// minutes are no longer kept it begins with its first day.
func stretches(since, now time.Time) (out []stretch) {
	first, end := since.Unix()/60, now.Unix()/60+1
	if now.Sub(since) > minutesReach {
		first -= first % levels[2].unit
	}
	for i, l := range levels {
		to := end
		if i+1 < len(levels) {
			coarser := levels[i+1].unit
			to = min(first+(coarser-first%coarser)%coarser, end)
		}
		if first < to {
			out = append(out, stretch{l, first, to})
			first = to
		}
	}
	return out
}

// totals tells what happened at each API since a time, those with most requests first.
func (m *Monitor) totals(ctx context.Context, since time.Time) ([]Totals, error) {
	apis := map[string]*Totals{}
	add := func(api string, s *Slot) {
		if apis[api] == nil {
			apis[api] = &Totals{API: api}
		}
		apis[api].Add(*s)
	}
	window := stretches(since, m.opts.Now())
	if len(window) == 0 {
		return []Totals{}, nil
	}
	m.flushMu.RLock()
	defer m.flushMu.RUnlock()
	for _, part := range window {
		if err := m.scanStretch(ctx, part, add); err != nil {
			return nil, err
		}
	}
	first := window[0].first
	for key, s := range m.pending.slots {
		if key.minute >= first {
			add(key.api, s)
		}
	}
	live := m.opts.Rollup.live()
	for i := range live {
		if live[i].minute.Unix()/60 >= first {
			add(live[i].api, &live[i].Slot)
		}
	}
	return busiest(apis), nil
}

// scanStretch visits the stored slots of every API in a part of a window.
func (m *Monitor) scanStretch(ctx context.Context, part stretch, visit func(api string, s *Slot)) (err error) {
	rows, err := m.opts.DB.Read().Query(ctx, `SELECT api, place, slots FROM monitor_series
		WHERE environment = ? AND kind = ? AND level = ? AND place BETWEEN ? AND ? AND api <> ''`,
		m.opts.Environment, string(byAPI), part.number, part.first/part.span(), (part.end-1)/part.span())
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, rows.Close()) }()
	for rows.Next() {
		var (
			api    string
			place  int64
			packed []byte
		)
		if err := rows.Scan(&api, &place, &packed); err != nil {
			return err
		}
		if eachPacked(packed, part.slots, func(i int, s *Slot) {
			if minute := place*part.span() + int64(i)*part.unit; minute >= part.first && minute < part.end {
				visit(api, s)
			}
		}) != nil {
			m.damagedRows.Add(1)
		}
	}
	return rows.Err()
}
