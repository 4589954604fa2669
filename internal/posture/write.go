package posture

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"farrier.dev/farrier/internal/finding"
	"farrier.dev/farrier/internal/store"
	"farrier.dev/farrier/internal/traffic"
)

// edge is how many of the first and of the last occurrences are kept.
const edge = 20

// Occurrence is one exchange in which a finding was seen.
type Occurrence struct {
	Gateway string `json:"gateway,omitempty"`
	// ID is the correlation id of the exchange; empty for findings of files.
	ID       string    `json:"id,omitempty"`
	Received time.Time `json:"received"`
	Client   string    `json:"client,omitempty"`
}

// sightings is what a batch says of one finding.
type sightings struct {
	finding     finding.Finding // of the newest
	first, last time.Time
	occurrences []Occurrence
}

// seen collects what a batch says of each fingerprint, in the order met.
type seen struct {
	of    map[string]*sightings
	order []string
}

// add counts a finding of an exchange, once for each exchange.
func (s *seen) add(f finding.Finding, at Occurrence) {
	if s.of == nil {
		s.of = map[string]*sightings{}
	}
	of := s.of[f.Fingerprint]
	if of == nil {
		of = &sightings{first: at.Received, last: at.Received}
		s.of[f.Fingerprint] = of
		s.order = append(s.order, f.Fingerprint)
	} else if n := len(of.occurrences); at.ID != "" && of.occurrences[n-1].ID == at.ID {
		return
	}
	if at.Received.Before(of.first) {
		of.first = at.Received
	}
	if !at.Received.Before(of.last) {
		of.last, of.finding = at.Received, f
	}
	of.occurrences = append(of.occurrences, at)
}

// WriteFindings keeps the findings of records, each of which must be handed
// over once: the caller remembers that in the same transaction. It is the
// monitor's FindingWriter.
func (p *Posture) WriteFindings(ctx context.Context, tx *store.Tx, records []traffic.Record) error {
	var s seen
	for i := range records {
		r := &records[i]
		for _, f := range r.Findings {
			s.add(f, Occurrence{ID: r.ID, Received: r.Received, Client: r.Client})
		}
	}
	return p.write(ctx, tx, p.opts.Gateway, &s)
}

// Report keeps findings that no exchange made, as those of a scanned project.
// It makes posture a finding.Sink.
func (p *Posture) Report(ctx context.Context, findings []finding.Finding) error {
	var s seen
	now := p.opts.Now()
	for _, f := range findings {
		if f.Fingerprint == "" {
			f.Fingerprint = finding.Fingerprint(f.Rule, f.Location)
		}
		s.add(f, Occurrence{Received: now})
	}
	if err := p.opts.DB.Write(ctx, func(tx *store.Tx) error { return p.write(ctx, tx, "", &s) }); err != nil {
		return fmt.Errorf("keeping findings: %w", err)
	}
	return nil
}

func (p *Posture) write(ctx context.Context, tx *store.Tx, gateway string, s *seen) error {
	free := -1 // places for further findings; -1 is not counted yet
	for i := 0; i < len(s.order); i++ {
		fingerprint := s.order[i]
		of := s.of[fingerprint]
		known, err := p.known(ctx, tx, gateway, fingerprint)
		if err != nil {
			return err
		}
		if known == 0 && of.finding.Location.Place != Other {
			if free < 0 {
				if free, err = p.places(ctx, tx, gateway); err != nil {
					return err
				}
			}
			if free == 0 {
				s.fold(of)
				continue
			}
			free--
		}
		if err := p.writeOne(ctx, tx, gateway, fingerprint, known, of); err != nil {
			return err
		}
	}
	return nil
}

// fold counts a finding beyond the bound together with others of its rule and
// API. Those come last, for their occurrences are then complete.
func (s *seen) fold(of *sightings) {
	f := of.finding
	f.Location = finding.Location{API: f.Location.API, Operation: Other, Place: Other}
	f.Fingerprint, f.Excerpt = finding.Fingerprint(f.Rule, f.Location), ""
	for _, at := range of.occurrences {
		s.add(f, at)
	}
}

// places is how many further findings there is room for.
func (p *Posture) places(ctx context.Context, tx *store.Tx, gateway string) (int, error) {
	var n int
	err := tx.QueryRow(ctx, "SELECT COUNT(*) FROM posture_findings WHERE environment = ? AND gateway = ?",
		p.opts.Environment, gateway).Scan(&n)
	return max(p.opts.MaxFindings-n, 0), err
}

// known is how often a finding was seen before.
func (p *Posture) known(ctx context.Context, tx *store.Tx, gateway, fingerprint string) (n int64, err error) {
	err = tx.QueryRow(ctx, "SELECT sightings FROM posture_findings WHERE environment = ? AND gateway = ? AND fingerprint = ?",
		p.opts.Environment, gateway, fingerprint).Scan(&n)
	if errors.Is(err, store.ErrNoRows) {
		return 0, nil
	}
	return n, err
}

func (p *Posture) writeOne(ctx context.Context, tx *store.Tx, gateway, fingerprint string, known int64, of *sightings) error {
	f := &of.finding
	text, err := json.Marshal(f)
	if err != nil {
		return fmt.Errorf("finding %s: %w", f.Rule, err)
	}
	_, err = tx.Exec(ctx, `INSERT INTO posture_findings (environment, gateway, fingerprint, rule, severity, title, api,
		operation, place, file, first_seen, last_seen, sightings, state, finding)
		VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
		ON CONFLICT (environment, gateway, fingerprint) DO UPDATE SET
		severity = excluded.severity, title = excluded.title, state = excluded.state, finding = excluded.finding,
		sightings = posture_findings.sightings + excluded.sightings,
		first_seen = CASE WHEN excluded.first_seen < posture_findings.first_seen THEN excluded.first_seen ELSE posture_findings.first_seen END,
		last_seen = CASE WHEN excluded.last_seen > posture_findings.last_seen THEN excluded.last_seen ELSE posture_findings.last_seen END`,
		p.opts.Environment, gateway, fingerprint, f.Rule, int(f.Severity), f.Title, f.Location.API,
		f.Location.Operation, f.Location.Place, f.Location.File, of.first.UnixMilli(), of.last.UnixMilli(),
		len(of.occurrences), string(p.state(f)), string(text))
	if err != nil {
		return err
	}
	now := known + int64(len(of.occurrences))
	for i, at := range of.occurrences {
		number := known + int64(i) + 1
		if number > edge && number <= now-edge {
			continue
		}
		_, err := tx.Exec(ctx, `INSERT INTO posture_occurrences (environment, gateway, fingerprint, number, id, received, client)
			VALUES (?, ?, ?, ?, ?, ?, ?)`,
			p.opts.Environment, gateway, fingerprint, number, at.ID, at.Received.UnixMilli(), at.Client)
		if err != nil {
			return err
		}
	}
	_, err = tx.Exec(ctx, `DELETE FROM posture_occurrences
		WHERE environment = ? AND gateway = ? AND fingerprint = ? AND number > ? AND number <= ?`,
		p.opts.Environment, gateway, fingerprint, edge, now-edge)
	return err
}
