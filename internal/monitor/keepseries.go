package monitor

import (
	"context"
	"errors"
	"time"

	"farrier.dev/farrier/internal/store"
)

// level is one fineness in which series are kept.
type level struct {
	number int
	// unit is the minutes of a slot, slots how many a row has.
	unit  int64
	slots int
	// kept is how long rows are kept; parties is the same for clients, of which
	// there may be many.
	kept, parties time.Duration
}

// levels are the finenesses, the finest first; they are never changed.
var levels = [...]level{
	{0, 1, 60, HoursKept, PartyMinutesKept},
	{1, 60, 24, SeriesHoursKept, SeriesHoursKept},
	{2, 24 * 60, 60, DaysKept, DaysKept},
}

// How long series are kept in hours, and the minutes of clients.
const (
	SeriesHoursKept  = 100 * 24 * time.Hour
	PartyMinutesKept = 3 * 24 * time.Hour
)

func (l level) span() int64 { return l.unit * int64(l.slots) }

func (l level) length() time.Duration { return time.Duration(l.unit) * time.Minute }

// keeps is how long a series is kept.
func (l level) keeps(client bool) time.Duration {
	if client {
		return l.parties
	}
	return l.kept
}

func (p *pending) addSeries(counts []seriesCount) {
	if p.series == nil {
		p.series = map[seriesMinute]*Slot{}
	}
	for i := range counts {
		c := &counts[i]
		key := seriesMinute{c.seriesKey, c.minute}
		if p.series[key] == nil && len(p.series) >= maxPending {
			key.minute -= key.minute % 60
		}
		if p.series[key] == nil {
			p.series[key] = &Slot{}
		}
		p.series[key].Add(c.Slot)
	}
}

// eachSeries visits the minutes of all series that a pending holds: those of APIs
// are sums over their operations.
func (p *pending) eachSeries(visit func(key seriesMinute, s *Slot)) {
	for key, s := range p.slots {
		visit(seriesMinute{seriesKey{kind: byAPI}, key.minute}, s)
		visit(seriesMinute{seriesKey{kind: byAPI, api: key.api}, key.minute}, s)
	}
	for key, s := range p.series {
		visit(key, s)
	}
}

type seriesRow struct {
	seriesKey
	place int64
}

// writeSeries adds minutes to the rows of every level.
func (m *Monitor) writeSeries(ctx context.Context, tx *store.Tx, p *pending) error {
	for _, l := range levels {
		rows := map[seriesRow]map[int]*Slot{}
		p.eachSeries(func(key seriesMinute, s *Slot) {
			at := seriesRow{key.seriesKey, key.minute / l.span()}
			if rows[at] == nil {
				rows[at] = map[int]*Slot{}
			}
			i := int(key.minute % l.span() / l.unit)
			if rows[at][i] == nil {
				rows[at][i] = &Slot{}
			}
			rows[at][i].Add(*s)
		})
		slots := make([]Slot, l.slots)
		for at, fresh := range rows {
			clear(slots)
			if err := m.readSeriesRow(ctx, tx, l, at, slots); err != nil {
				return err
			}
			for i, s := range fresh {
				slots[i].Add(*s)
			}
			if err := m.writeSeriesRow(ctx, tx, l, at, pack(slots)); err != nil {
				return err
			}
		}
	}
	return nil
}

func (m *Monitor) writeSeriesRow(ctx context.Context, tx *store.Tx, l level, at seriesRow, packed []byte) error {
	_, err := tx.Exec(ctx, `INSERT INTO monitor_series (environment, kind, api, name, level, place, gateway, slots)
		VALUES (?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (environment, kind, api, name, level, place, gateway)
		DO UPDATE SET slots = excluded.slots`,
		m.opts.Environment, string(at.kind), at.api, at.name, l.number, at.place, m.opts.Gateway, packed)
	return err
}

func (m *Monitor) readSeriesRow(ctx context.Context, tx *store.Tx, l level, at seriesRow, slots []Slot) error {
	var packed []byte
	err := tx.QueryRow(ctx, `SELECT slots FROM monitor_series WHERE environment = ? AND kind = ? AND api = ? AND name = ?
		AND level = ? AND place = ? AND gateway = ?`,
		m.opts.Environment, string(at.kind), at.api, at.name, l.number, at.place, m.opts.Gateway).Scan(&packed)
	if errors.Is(err, store.ErrNoRows) {
		return nil
	}
	if err != nil {
		return err
	}
	if unpack(packed, slots) != nil {
		m.damagedRows.Add(1)
		clear(slots)
	}
	return nil
}

// pruneSeries removes rows of series that are older than their level is kept.
func (m *Monitor) pruneSeries(ctx context.Context, tx *store.Tx, now time.Time) error {
	for _, l := range levels {
		for _, kind := range []seriesKind{byAPI, byClient, byPolicy} {
			if _, err := tx.Exec(ctx, "DELETE FROM monitor_series WHERE environment = ? AND kind = ? AND level = ? AND place < ? AND gateway = ?",
				m.opts.Environment, string(kind), l.number, now.Add(-l.keeps(kind == byClient)).Unix()/60/l.span(), m.opts.Gateway); err != nil {
				return err
			}
		}
	}
	return nil
}
