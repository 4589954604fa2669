package monitor

import (
	"context"
	"errors"
	"fmt"
	"time"

	"farrier.dev/farrier/internal/store"
	"farrier.dev/farrier/internal/traffic"
	"farrier.dev/farrier/internal/traffic/journal"
)

// A batch is what was appended within batchTime, at most batchRecords.
const (
	batchRecords = 500
	batchTime    = 200 * time.Millisecond
)

// place is how far this gateway's journal was drained.
type place struct {
	position journal.Position
	// lastRefusal is the number of the newest row of monitor_refusals.
	lastRefusal int64
}

// Drain carries records from the journal to the store until ctx ends. When the
// store fails, it tries again; the journal keeps the records meanwhile.
func (m *Monitor) Drain(ctx context.Context) {
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-m.opts.Journal.Ready():
		}
		timer.Reset(batchTime)
		select {
		case <-ctx.Done():
			return
		case <-timer.C:
		}
		for wait := time.Second; ctx.Err() == nil; wait = min(2*wait, time.Minute) {
			err := m.drainAll(ctx)
			if err == nil || ctx.Err() != nil {
				break
			}
			m.opts.Log.ErrorContext(ctx, "records are not stored, they wait in the journal", "component", "monitor", "error", err)
			timer.Reset(wait)
			select {
			case <-ctx.Done():
			case <-timer.C:
			}
		}
	}
}

// drainAll drains until the journal is empty.
func (m *Monitor) drainAll(ctx context.Context) error {
	for {
		more, err := m.drainBatch(ctx)
		if err != nil || !more {
			return err
		}
	}
}

// drainBatch carries one batch over, and says whether there was one. The batch
// and the position behind it are one transaction.
func (m *Monitor) drainBatch(ctx context.Context) (more bool, err error) {
	m.drainMu.Lock()
	defer m.drainMu.Unlock()
	defer func() {
		if err != nil {
			m.place = nil // whether a failed commit happened is known only to the store
			m.drainFailures.Add(1)
			err = fmt.Errorf("draining the journal: %w", err)
		}
	}()
	if m.place == nil {
		if m.place, err = m.readPlace(ctx); err != nil {
			return false, err
		}
	}
	records, next, err := m.opts.Journal.ReadFrom(m.place.position, batchRecords)
	if err != nil {
		return false, err
	}
	if next == m.place.position {
		return false, nil
	}
	after := place{position: next, lastRefusal: m.place.lastRefusal}
	b := m.newBatch(records)
	err = m.opts.DB.Write(ctx, func(tx *store.Tx) error {
		return m.writeBatch(ctx, tx, b, &after)
	})
	if err != nil {
		return false, err
	}
	m.place = &after
	m.trailBytes.Add(b.trailBytes)
	m.recent.add(b.lines)
	m.attacks.add(b.attacks)
	m.drained.Add(uint64(len(records)))
	return true, errors.Join(m.opts.Journal.Discard(next), m.pruneTrailBytes(ctx))
}

func (m *Monitor) readPlace(ctx context.Context) (*place, error) {
	var p place
	err := m.opts.DB.Read().QueryRow(ctx,
		"SELECT segment, place, last_refusal FROM monitor_journal WHERE environment = ? AND gateway = ?",
		m.opts.Environment, m.opts.Gateway).Scan(&p.position.Segment, &p.position.Offset, &p.lastRefusal)
	if err != nil && !errors.Is(err, store.ErrNoRows) {
		return nil, err
	}
	// A journal that ends before the place is another one, in the place of the
	// one that was drained: all of it is new.
	if m.opts.Journal.End().Before(p.position) {
		p.position = journal.Position{}
	}
	return &p, nil
}

// batch is what a transaction writes of some records.
type batch struct {
	records    []traffic.Record
	lines      []Refusal
	attacks    []counted // one for each operation and minute
	parties    []seriesCount
	trailBytes int64
}

func (m *Monitor) newBatch(records []traffic.Record) *batch {
	b := &batch{records: records}
	type at struct {
		api, operation string
		minute         int64
	}
	places := map[at]int{}
	for i := range records {
		r := &records[i]
		b.lines = append(b.lines, lineOf(r))
		if len(r.Findings) == 0 {
			continue
		}
		// The bound on operations holds here too: the name is the cell's.
		c := m.opts.Rollup.cell(r.API, r.Operation, false)
		minute := r.Received.UTC().Truncate(time.Minute)
		if r.ClientID != "" {
			b.parties = append(b.parties,
				seriesCount{seriesKey{byClient, "", r.ClientID}, minute.Unix() / 60, Slot{Attacks: 1}},
				seriesCount{seriesKey{byClient, c.api, r.ClientID}, minute.Unix() / 60, Slot{Attacks: 1}})
		}
		key := at{c.api, c.operation, minute.Unix()}
		n, known := places[key]
		if !known {
			n = len(b.attacks)
			places[key] = n
			b.attacks = append(b.attacks, counted{api: c.api, operation: c.operation, minute: minute})
		}
		b.attacks[n].Attacks++
	}
	return b
}

func (m *Monitor) writeBatch(ctx context.Context, tx *store.Tx, b *batch, after *place) error {
	b.trailBytes = 0
	for i := range b.records {
		after.lastRefusal++
		if err := m.writeLine(ctx, tx, after.lastRefusal, &b.lines[i]); err != nil {
			return err
		}
		grew, err := m.writeTrail(ctx, tx, &b.records[i], keptJournal)
		if err != nil {
			return err
		}
		b.trailBytes += grew
	}
	if _, err := tx.Exec(ctx, "DELETE FROM monitor_refusals WHERE environment = ? AND gateway = ? AND number <= ?",
		m.opts.Environment, m.opts.Gateway, after.lastRefusal-m.opts.RefusalRows); err != nil {
		return err
	}
	var attacks pending
	attacks.add(b.attacks)
	attacks.addSeries(b.parties)
	if err := m.writeRollups(ctx, tx, &attacks); err != nil {
		return err
	}
	if m.opts.Findings != nil {
		if err := m.opts.Findings.WriteFindings(ctx, tx, b.records); err != nil {
			return fmt.Errorf("keeping findings: %w", err)
		}
	}
	_, err := tx.Exec(ctx, `INSERT INTO monitor_journal (environment, gateway, segment, place, last_refusal)
		VALUES (?, ?, ?, ?, ?) ON CONFLICT (environment, gateway) DO UPDATE
		SET segment = excluded.segment, place = excluded.place, last_refusal = excluded.last_refusal`,
		m.opts.Environment, m.opts.Gateway, int64(after.position.Segment), after.position.Offset, after.lastRefusal) //nolint:gosec // segments are 63 bits
	return err
}
