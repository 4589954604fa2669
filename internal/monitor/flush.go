package monitor

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"

	"farrier.dev/farrier/internal/store"
)

// maxPending bounds the minutes that wait in memory for a store that fails.
// Beyond it the minutes of an hour are counted together: no count is lost.
const maxPending = 100_000

// pending is what was counted and is not stored yet.
type pending struct {
	slots  map[slotKey]*Slot
	series map[seriesMinute]*Slot
}

type slotKey struct {
	api, operation string
	minute         int64 // Unix time in minutes
}

func (p *pending) add(minutes []counted) {
	if p.slots == nil {
		p.slots = map[slotKey]*Slot{}
	}
	for i := range minutes {
		c := &minutes[i]
		key := slotKey{c.api, c.operation, c.minute.Unix() / 60}
		if p.slots[key] == nil && len(p.slots) >= maxPending {
			key.minute -= key.minute % 60
		}
		if p.slots[key] == nil {
			p.slots[key] = &Slot{}
		}
		p.slots[key].Add(c.Slot)
	}
}

// Flush stores what was counted since the last call, and the sample of served
// records. What can't be stored waits for the next call.
func (m *Monitor) Flush(ctx context.Context) error {
	m.flushMu.Lock()
	defer m.flushMu.Unlock()
	m.pending.add(m.opts.Rollup.take())
	m.pending.addSeries(m.opts.Rollup.parties.take(m.opts.Now()))
	var err error
	if len(m.pending.slots) > 0 || len(m.pending.series) > 0 {
		err = m.opts.DB.Write(ctx, func(tx *store.Tx) error { return m.writeRollups(ctx, tx, &m.pending) })
		if err == nil {
			m.pending = pending{}
		} else {
			err = fmt.Errorf("storing counts: %w", err)
		}
	}
	return errors.Join(err, m.flushSamples(ctx))
}

// table is where rollups of one kind stand.
type table struct {
	name, column string
	span         int64 // minutes of a row
	slots        int   // slots of a row
}

// hoursTable and daysTable are never changed.
var (
	hoursTable = table{name: "monitor_rollups", column: "hour", span: 60, slots: 60}
	daysTable  = table{name: "monitor_days", column: "day", span: 24 * 60, slots: 1}
)

type rowKey struct {
	api, operation string
	row            int64
}

// writeRollups adds minutes to the rows that hold them.
func (m *Monitor) writeRollups(ctx context.Context, tx *store.Tx, p *pending) error {
	for _, t := range []table{hoursTable, daysTable} {
		rows := map[rowKey][]slotKey{}
		for key := range p.slots {
			at := rowKey{key.api, key.operation, key.minute / t.span}
			rows[at] = append(rows[at], key)
		}
		slots := make([]Slot, t.slots)
		for at, keys := range rows {
			clear(slots)
			if err := m.readRow(ctx, tx, t, at, slots); err != nil {
				return err
			}
			for _, key := range keys {
				slots[key.minute%t.span*int64(t.slots)/t.span].Add(*p.slots[key])
			}
			_, err := tx.Exec(ctx, `INSERT INTO `+t.name+` (environment, gateway, api, operation, `+t.column+`, slots)
				VALUES (?, ?, ?, ?, ?, ?) ON CONFLICT (environment, gateway, api, operation, `+t.column+`) DO UPDATE
				SET slots = excluded.slots`,
				m.opts.Environment, m.opts.Gateway, at.api, at.operation, at.row, pack(slots))
			if err != nil {
				return err
			}
		}
	}
	return m.writeSeries(ctx, tx, p)
}

// readRow adds what the store has of a row. A row that can't be understood is
// begun anew, and counted: it must not stop those after it.
func (m *Monitor) readRow(ctx context.Context, tx *store.Tx, t table, at rowKey, slots []Slot) error {
	var packed []byte
	err := tx.QueryRow(ctx, `SELECT slots FROM `+t.name+
		` WHERE environment = ? AND gateway = ? AND api = ? AND operation = ? AND `+t.column+` = ?`,
		m.opts.Environment, m.opts.Gateway, at.api, at.operation, at.row).Scan(&packed)
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

// Prune removes what is older than it may be kept.
func (m *Monitor) Prune(ctx context.Context) error {
	now := m.opts.Now()
	err := m.opts.DB.Write(ctx, func(tx *store.Tx) error {
		for _, old := range []struct {
			from  string
			bound int64
		}{
			{"monitor_rollups WHERE environment = ? AND gateway = ? AND hour < ?", now.Add(-HoursKept).Unix() / 3600},
			{"monitor_days WHERE environment = ? AND gateway = ? AND day < ?", now.Add(-DaysKept).Unix() / 86400},
		} {
			if _, err := tx.Exec(ctx, "DELETE FROM "+old.from, m.opts.Environment, m.opts.Gateway, old.bound); err != nil {
				return err
			}
		}
		return m.pruneSeries(ctx, tx, now)
	})
	if err != nil {
		return fmt.Errorf("removing old counts: %w", err)
	}
	oldest := now.Add(-m.opts.TrailAge).UnixMilli()
	for {
		n, err := m.deleteTrails(ctx, "received < ?", oldest)
		if err != nil {
			return fmt.Errorf("removing old records: %w", err)
		}
		if n == 0 {
			return m.pruneTrailBytes(ctx)
		}
	}
}

// pruneTrailBytes removes the oldest records until the rest keeps to its bound.
func (m *Monitor) pruneTrailBytes(ctx context.Context) error {
	for m.trailBytes.Load() > m.opts.TrailBytes {
		n, err := m.deleteTrails(ctx, "received < ?", m.opts.Now().Add(24*time.Hour).UnixMilli())
		if err != nil {
			return fmt.Errorf("removing the oldest records: %w", err)
		}
		if n == 0 {
			return nil
		}
	}
	return nil
}

// trailChunk is how many records are removed at once, so that the writer is
// soon free for others.
const trailChunk = 200

// deleteTrails removes the oldest records for which a condition holds, at most
// trailChunk, and says how many bytes they had.
func (m *Monitor) deleteTrails(ctx context.Context, condition string, arg any) (freed int64, err error) {
	err = m.opts.DB.Write(ctx, func(tx *store.Tx) error {
		rows, err := tx.Query(ctx, `DELETE FROM monitor_trails WHERE environment = ? AND id IN (
			SELECT id FROM monitor_trails WHERE environment = ? AND gateway = ? AND `+condition+`
			ORDER BY received LIMIT ?) RETURNING size`,
			m.opts.Environment, m.opts.Environment, m.opts.Gateway, arg, trailChunk)
		if err != nil {
			return err
		}
		freed, err = sumColumn(rows)
		return err
	})
	if err != nil {
		return 0, err
	}
	m.trailBytes.Add(-freed)
	return freed, nil
}

// sumColumn adds up a column of numbers and closes the rows.
func sumColumn(rows *sql.Rows) (sum int64, err error) {
	defer func() { err = errors.Join(err, rows.Close()) }()
	for rows.Next() {
		var n int64
		if err := rows.Scan(&n); err != nil {
			return 0, err
		}
		sum += n
	}
	return sum, rows.Err()
}
