package audit

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"

	"farrier.dev/farrier/internal/store"
)

// Evidence is what a log is verified against.
type Evidence struct {
	// Key tells which checkpoints are genuine; without it they are not asked for
	// their signatures, and a log that was rewritten as a whole can pass.
	Key *Public
	// Witnesses are checkpoints that were kept outside the database: they reveal a log
	// that was put back to an older state.
	Witnesses []Witness
}

// Report says what was verified.
type Report struct {
	// Entries is how many there are, from First to Last; Pruned is the last of those
	// that were pruned, 0 for none.
	Entries, First, Last, Pruned int64
	// Checkpoints is how many there are, Key the id of the key that signed them, empty
	// where none was at hand. The last of them is about entry Signed, made at SignedAt.
	Checkpoints int
	Key         string
	Signed      int64
	SignedAt    time.Time
	// Witnesses is how many checkpoints from outside were found in the log; Dropped
	// how many more are older than the pruning and can't be compared any more.
	Witnesses, Dropped int
}

// Verify walks the whole chain and says, as ErrTampered, which entry or checkpoint
// breaks it. It believes the log's own key and last checkpoint, if it has any.
// Entries may be recorded meanwhile.
func (l *Log) Verify(ctx context.Context) (Report, error) {
	var e Evidence
	if l.signing.Key != nil {
		e.Key = &l.signing.Key.Public
		l.keeping.Lock()
		if l.known != nil {
			e.Witnesses = []Witness{{*l.known, "the last checkpoint of this process"}}
		}
		l.keeping.Unlock()
	}
	return l.VerifyBy(ctx, e)
}

// VerifyBy is Verify against what is known outside the database.
func (l *Log) VerifyBy(ctx context.Context, e Evidence) (Report, error) {
	broken := ""
	// Entries may be pruned between two statements: only what is broken twice is.
	for range 2 {
		v := &verification{r: l.db.Read(), evidence: e, at: map[int64]*Checkpoint{}}
		var err error
		if broken, err = v.run(ctx); err != nil {
			return Report{}, fmt.Errorf("verifying the audit log: %w", err)
		}
		if broken == "" {
			return v.report, nil
		}
	}
	return Report{}, fmt.Errorf("%w: %s", ErrTampered, broken)
}

// verification is one walk. Its steps say what is broken, or "".
type verification struct {
	r        store.Reader
	evidence Evidence
	report   Report
	list     []Checkpoint
	// cut is the last of its kind, nil for none; last the last that says where the
	// log ended.
	cut, last *Checkpoint
	// at are the checkpoints by the entry that they speak of.
	at map[int64]*Checkpoint
}

func (v *verification) run(ctx context.Context) (broken string, err error) {
	// This end tells an empty log from an emptied one. The other is read in one
	// statement with the entries, so that both are of the same moment.
	endID, _, err := head(ctx, v.r)
	if err != nil {
		return "", err
	}
	if v.list, err = checkpoints(ctx, v.r, "ORDER BY number"); err != nil {
		return "", err
	}
	if broken := v.chained(); broken != "" {
		return broken, nil
	}
	if broken := v.witnessed(); broken != "" {
		return broken, nil
	}
	return v.entries(ctx, endID)
}

// chained looks at the checkpoints among themselves.
func (v *verification) chained() string {
	var before *Checkpoint
	for i := range v.list {
		c := &v.list[i]
		if key := v.evidence.Key; key != nil {
			if wrong := c.genuine(key); wrong != "" {
				return wrong
			}
			v.report.Key = key.id
		}
		switch {
		case before == nil:
		case c.Number != before.Number+1:
			return fmt.Sprintf("checkpoint %d is missing", before.Number+1)
		case c.Previous != before.digest():
			return fmt.Sprintf("checkpoint %d does not follow checkpoint %d", c.Number, before.Number)
		}
		switch {
		case c.Kind == CutKind:
			v.cut = c
		case c.Kind != HeadKind:
			return fmt.Sprintf("checkpoint %d is of no known kind", c.Number)
		case v.last != nil && c.Entry < v.last.Entry:
			return fmt.Sprintf("checkpoint %d speaks of an older entry than the one before it", c.Number)
		default:
			v.last = c
			v.at[c.Entry] = c
		}
		before = c
	}
	v.report.Checkpoints = len(v.list)
	switch first := int64(1); {
	case len(v.list) == 0 && v.evidence.Key != nil:
		return "it has no checkpoint, though there is a key that signs it"
	case len(v.list) == 0:
		return ""
	case v.cut != nil && v.cut.Kept != v.list[0].Number, v.cut == nil && v.list[0].Number != first:
		if v.cut != nil {
			first = v.cut.Kept
		}
		return fmt.Sprintf("checkpoint %d is missing", first)
	}
	if v.cut != nil {
		v.report.Pruned = v.cut.Entry
	}
	if v.last != nil {
		v.report.Signed, v.report.SignedAt = v.last.Entry, v.last.At
	}
	return ""
}

// witnessed looks for the checkpoints from outside.
func (v *verification) witnessed() string {
	for i := range v.evidence.Witnesses {
		w := &v.evidence.Witnesses[i]
		if v.evidence.Key != nil {
			if wrong := w.genuine(v.evidence.Key); wrong != "" {
				return w.Source + ": " + wrong
			}
		}
		first := int64(1)
		if len(v.list) > 0 {
			first = v.list[0].Number
		}
		at := w.Number - first
		switch {
		case at < 0:
			v.report.Dropped++
		case at >= int64(len(v.list)):
			return fmt.Sprintf("%s knows checkpoint %d of entry %d, which is not in the log any more: it was put back to an older state", w.Source, w.Number, w.Entry)
		case !v.list[at].same(&w.Checkpoint):
			return fmt.Sprintf("%s knows another checkpoint %d than the log: it was rewritten", w.Source, w.Number)
		default:
			v.report.Witnesses++
		}
	}
	return ""
}

// entries walks the chain of entries.
func (v *verification) entries(ctx context.Context, endID int64) (broken string, err error) {
	rows, err := v.r.Query(ctx, "SELECT "+columns+", "+
		"COALESCE((SELECT id FROM audit_head WHERE one = 1), 0), "+
		"COALESCE((SELECT hash FROM audit_head WHERE one = 1), '') FROM audit_entries ORDER BY id")
	if err != nil {
		return "", err
	}
	defer rows.Close() //nolint:errcheck // Err says what matters
	last, prev, endHash := int64(0), genesis, genesis
	if v.cut != nil {
		last, prev, endHash = v.cut.Entry, v.cut.Hash, v.cut.Hash
	}
	for rows.Next() {
		k, err := scan(rows, &endID, &endHash)
		if err != nil {
			return "", fmt.Errorf("after entry %d: %w", last, err)
		}
		if broken := k.follows(last, prev); broken != "" {
			return broken, nil
		}
		if c := v.at[k.ID]; c != nil && c.Hash != k.Hash {
			return fmt.Sprintf("entry %d is not the one that checkpoint %d was made of: the log was rewritten", k.ID, c.Number), nil
		}
		if v.report.Entries++; v.report.Entries == 1 {
			v.report.First = k.ID
		}
		last, prev = k.ID, k.Hash
	}
	v.report.Last = last
	switch err := rows.Err(); {
	case err != nil:
		return "", err
	case v.last != nil && last < v.last.Entry:
		return fmt.Sprintf("entry %d is missing; checkpoint %d says that the log went on to entry %d", last+1, v.last.Number, v.last.Entry), nil
	}
	return ended(last, prev, endID, endHash), nil
}

// ended compares the last entry with where the log says that it ended.
func ended(last int64, hash string, endID int64, endHash string) string {
	switch {
	case last < endID:
		return fmt.Sprintf("entry %d is missing; the log ended with entry %d", last+1, endID)
	case last > endID:
		return fmt.Sprintf("entry %d was slipped in; the log ended with entry %d", endID+1, endID)
	case hash != endHash:
		return fmt.Sprintf("entry %d is not the one that the log ended with", last)
	}
	return ""
}

// stretch says what is wrong with the entries behind the one with id from and this
// hash, of which id and hash of the last are given, or "".
func stretch(ctx context.Context, r store.Reader, from int64, prev string, endID int64, endHash string) (broken string, err error) {
	if from > 0 {
		var hash string
		err := r.QueryRow(ctx, "SELECT hash FROM audit_entries WHERE id = ?", from).Scan(&hash)
		switch {
		case errors.Is(err, store.ErrNoRows):
			return fmt.Sprintf("entry %d, of which the last checkpoint was made, is missing", from), nil
		case err != nil:
			return "", err
		case hash != prev:
			return fmt.Sprintf("entry %d is not the one that the last checkpoint was made of", from), nil
		}
	}
	rows, err := r.Query(ctx, "SELECT "+columns+" FROM audit_entries WHERE id > ? ORDER BY id", from)
	if err != nil {
		return "", err
	}
	defer rows.Close() //nolint:errcheck // Err says what matters
	last, hash, broken, err := walk(rows, from, prev)
	if err != nil || broken != "" {
		return broken, err
	}
	return ended(last, hash, endID, endHash), nil
}

func walk(rows *sql.Rows, last int64, prev string) (id int64, hash, broken string, err error) {
	for rows.Next() {
		k, err := scan(rows)
		if err != nil {
			return 0, "", "", fmt.Errorf("after entry %d: %w", last, err)
		}
		if broken := k.follows(last, prev); broken != "" {
			return 0, "", broken, nil
		}
		last, prev = k.ID, k.Hash
	}
	return last, prev, "", rows.Err()
}
