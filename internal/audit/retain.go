package audit

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"time"

	"farrier.dev/farrier/internal/store"
)

// How long entries are kept.
const (
	// DefaultRetention is for who says nothing.
	DefaultRetention = 365 * 24 * time.Hour
	// LeastRetention is the shortest that is accepted.
	LeastRetention = 30 * 24 * time.Hour
)

const day = 24 * time.Hour

func errRetention(given time.Duration) error {
	return fmt.Errorf("entries would be kept for %d days; it must be at least %d", given/day, LeastRetention/day)
}

// Prune removes the entries that are older than so long, at least LeastRetention,
// and says how many. A signed cut takes their place, so that the rest is verified as
// before, and an entry tells of it. Without a key nothing is removed; neither is
// anything from a chain that is broken.
func (l *Log) Prune(ctx context.Context, olderThan time.Duration) (removed int64, err error) {
	switch {
	case olderThan < LeastRetention:
		return 0, fmt.Errorf("pruning the audit log: %w", errRetention(olderThan))
	case l.signing.Key == nil:
		return 0, errors.New("pruning the audit log: only a log with a key is pruned, for a signed cut has to stand in the place of what goes")
	}
	l.keeping.Lock()
	defer l.keeping.Unlock()
	err = l.db.Write(ctx, func(tx *store.Tx) (err error) {
		removed, err = l.prune(ctx, tx, olderThan)
		return err
	})
	if err != nil {
		return 0, fmt.Errorf("pruning the audit log: %w", err)
	}
	if removed == 0 {
		return 0, nil
	}
	return removed, l.publish(ctx)
}

func (l *Log) prune(ctx context.Context, tx *store.Tx, olderThan time.Duration) (int64, error) {
	before := l.now().Add(-olderThan)
	first, through, err := span(ctx, tx.Reader, before)
	if err != nil || through < first || first == 0 {
		return 0, err
	}
	hash, broken, err := l.sound(ctx, tx.Reader, first, through)
	if err != nil {
		return 0, err
	}
	if broken != "" {
		return 0, fmt.Errorf("%w: %s; nothing is removed until this is mended", ErrTampered, broken)
	}
	k, err := l.check(Entry{
		Operator: "system", Action: LogPruned, Object: fmt.Sprintf("entries %d to %d", first, through), Outcome: Done,
		Detail: map[string]string{"before": before.UTC().Format(time.RFC3339), "entries": strconv.FormatInt(through-first+1, 10)},
	})
	if err == nil {
		err = l.append(ctx, tx, k)
	}
	if err != nil {
		return 0, err
	}
	last, err := l.checkpoint(ctx, tx)
	if err != nil {
		return 0, err
	}
	cut := Checkpoint{Kind: CutKind, Entry: through, Hash: hash}
	// Of the checkpoints those remain that speak of an entry that does.
	if err := tx.QueryRow(ctx, "SELECT MIN(number) FROM audit_checkpoints WHERE kind = 'head' AND entry > ?", through).Scan(&cut.Kept); err != nil {
		return 0, err
	}
	if _, err := l.add(ctx, tx, last, cut); err != nil {
		return 0, err
	}
	if _, err := tx.Exec(ctx, "DELETE FROM audit_checkpoints WHERE number < ?", cut.Kept); err != nil {
		return 0, err
	}
	return tx.Exec(ctx, "DELETE FROM audit_entries WHERE id <= ?", through)
}

// span is which entries are older: from the first there is to the one before the
// first that is not.
func span(ctx context.Context, r store.Reader, before time.Time) (first, through int64, err error) {
	err = r.QueryRow(ctx, "SELECT COALESCE(MIN(id), 0), COALESCE((SELECT MIN(id) - 1 FROM audit_entries WHERE at >= ?), MAX(id), 0) FROM audit_entries",
		before.UnixMilli()).Scan(&first, &through)
	return first, through, err
}

// sound walks what shall be removed, and returns the hash of its last entry.
func (l *Log) sound(ctx context.Context, r store.Reader, first, through int64) (hash, broken string, err error) {
	last, prev := int64(0), genesis
	cut, err := lastCheckpoint(ctx, r, CutKind)
	if err != nil {
		return "", "", err
	}
	if cut != nil {
		if wrong := cut.genuine(&l.signing.Key.Public); wrong != "" {
			return "", wrong, nil
		}
		last, prev = cut.Entry, cut.Hash
	}
	rows, err := r.Query(ctx, "SELECT "+columns+" FROM audit_entries WHERE id >= ? AND id <= ? ORDER BY id", first, through)
	if err != nil {
		return "", "", err
	}
	defer rows.Close() //nolint:errcheck // Err says what matters
	id, hash, broken, err := walk(rows, last, prev)
	if err == nil && broken == "" && id != through {
		broken = fmt.Sprintf("entry %d is missing", id+1)
	}
	return hash, broken, err
}

// NoteRetention records that entries are kept for another time than before, if they
// are.
func (l *Log) NoteRetention(ctx context.Context, now time.Duration) error {
	last, err := l.List(ctx, Query{Action: RetentionChanged, Limit: 1})
	if err != nil {
		return err
	}
	was := retained{Days: int64(DefaultRetention / day)}
	if len(last) > 0 {
		if err := json.Unmarshal(last[0].After, &was); err != nil {
			return fmt.Errorf("reading how long the audit log was kept: %w", err)
		}
	}
	is := retained{Days: int64(now / day)}
	if is == was {
		return nil
	}
	e := Entry{Operator: "system", Action: RetentionChanged, Object: "audit log", Outcome: Done, Before: was.text(), After: is.text()}
	// A log that begins was not kept for another time before.
	if id, _, err := l.Head(ctx); err != nil {
		return err
	} else if id == 0 {
		e.Before = nil
	}
	return l.Record(ctx, nil, e)
}

// retained is how an entry tells of it; 0 days are for ever.
type retained struct {
	Days int64 `json:"days"`
}

func (r retained) text() json.RawMessage {
	return json.RawMessage(`{"days":` + strconv.FormatInt(r.Days, 10) + `}`)
}

// Run makes checkpoints while there is news: at every tick, and as soon as
// Signing.Every entries were recorded; once a day it prunes what Signing.Retention
// says. It ends with ctx. What fails goes to report and is tried again.
func (l *Log) Run(ctx context.Context, tick <-chan time.Time, report func(error)) {
	var pruned time.Time
	for {
		if keep := l.signing.Retention; keep > 0 && l.signing.Key != nil && l.now().Sub(pruned).Abs() >= day {
			if _, err := l.Prune(ctx, keep); err != nil && ctx.Err() == nil {
				report(err)
			}
			pruned = l.now()
		}
		select {
		case <-ctx.Done():
			return
		case <-tick:
		case <-l.news:
		}
		if err := l.Checkpoint(ctx); err != nil && ctx.Err() == nil {
			report(err)
		}
	}
}

// Position is how far a follower of the log has read: the id of an entry, 0 for
// none.
func (l *Log) Position(ctx context.Context, follower string) (id int64, err error) {
	err = l.db.Read().QueryRow(ctx, "SELECT id FROM audit_followers WHERE name = ?", follower).Scan(&id)
	if errors.Is(err, store.ErrNoRows) {
		return 0, nil
	}
	return id, err
}

// SetPosition keeps how far a follower has read.
func (l *Log) SetPosition(ctx context.Context, follower string, id int64) error {
	return l.db.Write(ctx, func(tx *store.Tx) error {
		_, err := tx.Exec(ctx, "INSERT INTO audit_followers (name, id) VALUES (?, ?) ON CONFLICT (name) DO UPDATE SET id = excluded.id", follower, id)
		return err
	})
}
