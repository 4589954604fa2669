package posture

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"

	"farrier.dev/farrier/internal/finding"
	"farrier.dev/farrier/internal/store"
)

// Renew keeps all that an engine finds of an API now. What it found before and
// finds no more is mended; it is open again when it comes back. Findings without
// an API get this one.
func (p *Posture) Renew(ctx context.Context, engine, api string, findings []finding.Finding) error {
	if engine == "" {
		return errors.New("renewing findings: the engine is required")
	}
	err := p.opts.DB.Write(ctx, func(tx *store.Tx) error {
		before, err := p.ofEngine(ctx, tx, engine, api)
		if err != nil {
			return err
		}
		fresh, now := seen{}, p.opts.Now()
		for _, f := range findings {
			f.Location.API = api
			f.Fingerprint = finding.Fingerprint(f.Rule, f.Location)
			if state, known := before[f.Fingerprint]; known && state != Mended {
				delete(before, f.Fingerprint)
				if err := p.still(ctx, tx, &f, now.UnixMilli()); err != nil {
					return err
				}
				continue
			}
			delete(before, f.Fingerprint)
			fresh.add(f, Occurrence{Received: now})
		}
		if err := p.write(ctx, tx, "", &fresh); err != nil {
			return err
		}
		for _, fingerprint := range fresh.order {
			if _, err := tx.Exec(ctx, "UPDATE posture_findings SET engine = ? WHERE environment = ? AND gateway = '' AND fingerprint = ?",
				engine, p.opts.Environment, fingerprint); err != nil {
				return err
			}
		}
		for fingerprint := range before {
			if _, err := tx.Exec(ctx, "UPDATE posture_findings SET state = ? WHERE environment = ? AND gateway = '' AND fingerprint = ?",
				string(Mended), p.opts.Environment, fingerprint); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("renewing findings: %w", err)
	}
	return nil
}

// still says that a finding is there as before.
func (p *Posture) still(ctx context.Context, tx *store.Tx, f *finding.Finding, now int64) error {
	text, err := json.Marshal(f)
	if err != nil {
		return fmt.Errorf("finding %s: %w", f.Rule, err)
	}
	_, err = tx.Exec(ctx, `UPDATE posture_findings SET severity = ?, title = ?, finding = ?, last_seen = ?
		WHERE environment = ? AND gateway = '' AND fingerprint = ?`,
		int(f.Severity), f.Title, string(text), now, p.opts.Environment, f.Fingerprint)
	return err
}

// ofEngine are the findings of an engine by fingerprint.
func (p *Posture) ofEngine(ctx context.Context, tx *store.Tx, engine, api string) (found map[string]State, err error) {
	rows, err := tx.Query(ctx, "SELECT fingerprint, state FROM posture_findings WHERE environment = ? AND engine = ? AND api = ?",
		p.opts.Environment, engine, api)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, rows.Close()) }()
	found = map[string]State{}
	for rows.Next() {
		var fingerprint string
		var state State
		if err := rows.Scan(&fingerprint, &state); err != nil {
			return nil, err
		}
		found[fingerprint] = state
	}
	return found, rows.Err()
}
