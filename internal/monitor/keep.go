package monitor

import (
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"time"

	"farrier.dev/farrier/internal/store"
	"farrier.dev/farrier/internal/traffic"
	"farrier.dev/farrier/internal/traffic/journal"
)

// Why a trail is kept.
const (
	keptJournal = "journal" // a refusal, an error or a finding
	keptSample  = "sample"  // one of the sample of its operation and hour
)

// Refusal is the short line of an exchange that came through the journal: a
// refusal, an error, or an attack that was only watched.
type Refusal struct {
	Environment string          `json:"environment"`
	Gateway     string          `json:"gateway"`
	ID          string          `json:"id"`
	Received    time.Time       `json:"received"`
	Revision    uint64          `json:"revision"`
	API         string          `json:"api,omitempty"`
	Operation   string          `json:"operation"`
	Status      int             `json:"status"`
	Outcome     traffic.Outcome `json:"outcome"`
	Policy      string          `json:"policy,omitempty"`
	Step        string          `json:"step,omitempty"`
	Reason      string          `json:"reason,omitempty"`
	Client      string          `json:"client,omitempty"`
	ClientID    string          `json:"clientId,omitempty"`
	// Rules are the rules of its findings, each once.
	Rules []string `json:"rules,omitempty"`
}

func lineOf(r *traffic.Record) Refusal {
	line := Refusal{
		Environment: r.Environment, Gateway: r.Gateway, ID: r.ID, Received: r.Received, Revision: r.Revision,
		API: r.API, Operation: r.Operation, Status: r.Status, Outcome: r.Outcome,
		Policy: r.Policy, Step: r.Step, Reason: r.Reason, Client: r.Client, ClientID: r.ClientID,
	}
	for i := range r.Findings {
		if !slices.Contains(line.Rules, r.Findings[i].Rule) {
			line.Rules = append(line.Rules, r.Findings[i].Rule)
		}
	}
	return line
}

func (m *Monitor) writeLine(ctx context.Context, tx *store.Tx, number int64, l *Refusal) error {
	rules := ""
	if len(l.Rules) > 0 {
		rules = "," + strings.Join(l.Rules, ",") + ","
	}
	_, err := tx.Exec(ctx, `INSERT INTO monitor_refusals (environment, gateway, number, id, received, revision, api,
		operation, status, outcome, policy, step, reason, client, client_id, rules)
		VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`,
		m.opts.Environment, m.opts.Gateway, number, l.ID, l.Received.UnixMilli(), int64(l.Revision), l.API, //nolint:gosec // a counter
		l.Operation, l.Status, string(l.Outcome), l.Policy, l.Step, l.Reason, l.Client, l.ClientID, rules)
	return err
}

// writeTrail keeps a record and says by how many bytes the trails grew.
func (m *Monitor) writeTrail(ctx context.Context, tx *store.Tx, r *traffic.Record, why string) (int64, error) {
	text, err := journal.Marshal(r)
	if err != nil {
		return 0, err
	}
	n, err := tx.Exec(ctx, `INSERT INTO monitor_trails (environment, id, gateway, received, kept, size, record)
		VALUES (?, ?, ?, ?, ?, ?, ?) ON CONFLICT (environment, id) DO NOTHING`,
		m.opts.Environment, r.ID, m.opts.Gateway, r.Received.UnixMilli(), why, len(text), string(text))
	return n * int64(len(text)), err
}

// reservoirs hold the sample of the hour that runs, and what the store has of
// it that was replaced since.
type reservoirs struct {
	hour     int64
	of       map[[2]string]*reservoir
	left     []*sample // of an hour that is over, not stored yet
	replaced []string  // ids to be removed from the store
}

type reservoir struct {
	sample []*sample
}

type sample struct {
	record *traffic.Record
	// stored and dropped say whether the store has it, and whether it should.
	stored, dropped bool
}

// Keep offers the record of a served exchange to the sample of its operation
// and hour. The record must not be changed afterwards.
func (m *Monitor) Keep(rec *traffic.Record) {
	c := m.opts.Rollup.cell(rec.API, rec.Operation, true)
	hour := rec.Received.Unix() / 3600
	m.keepMu.Lock()
	defer m.keepMu.Unlock()
	s := &m.sampled
	if hour > s.hour || s.of == nil {
		m.spill()
		s.hour, s.of = hour, map[[2]string]*reservoir{}
	}
	key := [2]string{c.api, c.operation}
	r := s.of[key]
	if r == nil {
		r = &reservoir{}
		s.of[key] = r
	}
	if len(r.sample) < samples {
		r.sample = append(r.sample, &sample{record: rec})
		return
	}
	// Rollup.Wants has drawn by lot already; each that comes replaces one.
	at := rand.IntN(samples) //nolint:gosec // a sample, not a secret
	old := r.sample[at]
	if old.dropped = true; old.stored {
		s.replaced = append(s.replaced, old.record.ID)
	}
	r.sample[at] = &sample{record: rec}
}

// spill is called when the hour changes: what of the old hour is not stored yet
// waits for the next flush.
func (m *Monitor) spill() {
	m.sampled.left = append(m.sampled.left, unstored(m.sampled.of)...)
}

func unstored(of map[[2]string]*reservoir) []*sample {
	var out []*sample
	for _, r := range of {
		for _, s := range r.sample {
			if !s.stored {
				out = append(out, s)
			}
		}
	}
	return out
}

// flushSamples stores what of the sample is not stored, and removes what was
// replaced.
func (m *Monitor) flushSamples(ctx context.Context) error {
	m.keepMu.Lock()
	fresh := append(slices.Clone(m.sampled.left), unstored(m.sampled.of)...)
	gone := slices.Clone(m.sampled.replaced)
	m.keepMu.Unlock()
	if len(fresh) == 0 && len(gone) == 0 {
		return nil
	}
	var grew int64
	err := m.opts.DB.Write(ctx, func(tx *store.Tx) error {
		grew = 0
		for _, id := range gone {
			size, err := deleteTrail(ctx, tx, m.opts.Environment, id)
			if err != nil {
				return err
			}
			grew -= size
		}
		for _, s := range fresh {
			size, err := m.writeTrail(ctx, tx, s.record, keptSample)
			if err != nil {
				return err
			}
			grew += size
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("storing the sample: %w", err)
	}
	m.trailBytes.Add(grew)
	m.keepMu.Lock()
	defer m.keepMu.Unlock()
	for _, s := range fresh {
		if s.stored = true; s.dropped {
			m.sampled.replaced = append(m.sampled.replaced, s.record.ID)
		}
	}
	m.sampled.left = slices.DeleteFunc(m.sampled.left, func(s *sample) bool { return s.stored })
	m.sampled.replaced = m.sampled.replaced[len(gone):]
	return nil
}

// deleteTrail removes a sampled record and says how large it was.
func deleteTrail(ctx context.Context, tx *store.Tx, environment, id string) (size int64, err error) {
	rows, err := tx.Query(ctx, "DELETE FROM monitor_trails WHERE environment = ? AND id = ? AND kept = ? RETURNING size",
		environment, id, keptSample)
	if err != nil {
		return 0, err
	}
	return sumColumn(rows)
}

// recent holds the newest short lines in memory, for pages that show them live.
type recent struct {
	mu    sync.Mutex
	lines []Refusal // oldest first
}

const recentLines = 200

func (r *recent) add(lines []Refusal) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.lines = append(r.lines, lines...)
	if n := len(r.lines) - recentLines; n > 0 {
		r.lines = slices.Clone(r.lines[n:])
	}
}

// Recent gives the newest short lines drained by this process, newest first.
func (m *Monitor) Recent(limit int) []Refusal {
	m.recent.mu.Lock()
	defer m.recent.mu.Unlock()
	lines := slices.Clone(m.recent.lines[max(0, len(m.recent.lines)-max(limit, 0)):])
	slices.Reverse(lines)
	return lines
}
