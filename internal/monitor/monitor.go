// Package monitor remembers what passed the gateway, in little room: counts per
// API, operation and minute, a short line of each refusal, the whole record of
// refusals, errors, findings and of a sample of the rest; and it answers what
// pages ask of them. It drains the journal into the store. It judges nothing,
// and it keeps no findings: posture does, in the same transaction.
package monitor

import (
	"context"
	"embed"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"farrier.dev/farrier/internal/store"
	"farrier.dev/farrier/internal/traffic"
	"farrier.dev/farrier/internal/traffic/journal"
)

// The published bounds of what is kept.
const (
	// DefaultRefusalRows bounds the short lines of refusals.
	DefaultRefusalRows = 200_000
	// DefaultTrailAge and DefaultTrailBytes bound whole records; whichever is
	// reached first, the oldest go.
	DefaultTrailAge   = 7 * 24 * time.Hour
	DefaultTrailBytes = 1 << 30
	// HoursKept and DaysKept are how long counts are kept by minute and by day.
	HoursKept = 35 * 24 * time.Hour
	DaysKept  = 2 * 365 * 24 * time.Hour
	// samples is how many served exchanges of an operation and hour are kept.
	samples = 5
)

//go:embed migrations/*.sql
var migrations embed.FS

// FindingWriter keeps the findings of drained records, in the transaction that
// also remembers that they were drained: each record is handed over once.
type FindingWriter interface {
	WriteFindings(ctx context.Context, tx *store.Tx, records []traffic.Record) error
}

// Options are what a monitor works with. DB, Journal, Rollup, Now and Log are
// required; zero bounds mean the published ones.
type Options struct {
	DB      *store.DB
	Journal *journal.Journal
	Rollup  *Rollup
	// Findings takes the findings of drained records; nil forgets them.
	Findings FindingWriter
	// Feed is asked only for how much it dropped; nil says nothing.
	Feed *traffic.Feed
	// Environment and Gateway name this process in all that is stored.
	Environment, Gateway string
	Now                  func() time.Time
	Log                  *slog.Logger

	RefusalRows int64
	TrailAge    time.Duration
	TrailBytes  int64
}

// Monitor drains, keeps and answers. Its methods are safe for concurrent use.
type Monitor struct {
	opts Options

	drainMu sync.Mutex // one batch at a time; guards place
	place   *place     // nil when it has to be read from the store

	flushMu sync.RWMutex // held for reading while the store and memory are read together
	pending pending

	keepMu     sync.Mutex
	sampled    reservoirs
	trailBytes atomic.Int64

	recent recent

	drained, drainFailures, flushFailures, damagedRows atomic.Uint64
	attacks                                            attackCounts
}

// New opens the monitor's tables in the database and makes the monitor.
func New(ctx context.Context, opts Options) (*Monitor, error) {
	if opts.DB == nil || opts.Journal == nil || opts.Rollup == nil || opts.Now == nil || opts.Log == nil {
		return nil, errors.New("monitor: DB, Journal, Rollup, Now and Log are required")
	}
	return newMonitor(ctx, opts)
}

func newMonitor(ctx context.Context, opts Options) (*Monitor, error) {
	if opts.RefusalRows == 0 {
		opts.RefusalRows = DefaultRefusalRows
	}
	if opts.TrailAge == 0 {
		opts.TrailAge = DefaultTrailAge
	}
	if opts.TrailBytes == 0 {
		opts.TrailBytes = DefaultTrailBytes
	}
	if err := opts.DB.Migrate(ctx, "monitor", migrations); err != nil {
		return nil, err
	}
	m := &Monitor{opts: opts}
	var bytes int64
	err := opts.DB.Read().QueryRow(ctx, "SELECT CAST(COALESCE(SUM(size), 0) AS BIGINT) FROM monitor_trails WHERE environment = ? AND gateway = ?",
		opts.Environment, opts.Gateway).Scan(&bytes)
	if err != nil {
		return nil, fmt.Errorf("opening the monitor: %w", err)
	}
	m.trailBytes.Store(bytes)
	return m, nil
}

// Run drains the journal and keeps the counts until ctx ends; then it flushes
// and drains once more. What the time is too short to drain waits in the
// journal for the next start.
func (m *Monitor) Run(ctx context.Context) error {
	var wg sync.WaitGroup
	wg.Go(func() { m.Drain(ctx) })
	wg.Go(func() { m.syncLoop(ctx) })
	wg.Go(func() { m.flushLoop(ctx) })
	wg.Wait()
	last, cancel := context.WithTimeout(context.WithoutCancel(ctx), 10*time.Second)
	defer cancel()
	flushed := m.Flush(last)
	if err := m.drainAll(last); err != nil {
		m.opts.Log.WarnContext(last, "not all records are stored yet; the rest waits in the journal", "component", "monitor", "error", err)
	}
	return flushed
}

// syncLoop makes the journal survive a power loss that comes a second later.
func (m *Monitor) syncLoop(ctx context.Context) {
	every(ctx, time.Second, func() {
		if err := m.opts.Journal.Sync(); err != nil {
			m.opts.Log.ErrorContext(ctx, "the journal is not durable", "component", "monitor", "error", err)
		}
	})
}

// flushLoop writes the counts when a minute is over, and keeps the bounds of
// what is stored every tenth time.
func (m *Monitor) flushLoop(ctx context.Context) {
	timer := time.NewTimer(m.toNextMinute())
	defer timer.Stop()
	for n := 0; ; n++ {
		select {
		case <-ctx.Done():
			return
		case <-timer.C:
		}
		timer.Reset(m.toNextMinute())
		err := m.Flush(ctx)
		if n%10 == 0 {
			err = errors.Join(err, m.Prune(ctx))
		}
		if err != nil && ctx.Err() == nil {
			m.flushFailures.Add(1)
			m.opts.Log.ErrorContext(ctx, "counts are not stored, they wait in memory", "component", "monitor", "error", err)
		}
	}
}

func (m *Monitor) toNextMinute() time.Duration {
	now := m.opts.Now()
	return now.Truncate(time.Minute).Add(time.Minute).Sub(now)
}

func every(ctx context.Context, period time.Duration, do func()) {
	ticker := time.NewTicker(period)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
			do()
		}
	}
}
