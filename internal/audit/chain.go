package audit

import (
	"context"
	"crypto/sha256"
	"database/sql"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	"farrier.dev/farrier/internal/store"
)

// ErrTampered says that the log was changed by somebody else than Record.
var ErrTampered = errors.New("the audit log was tampered with")

// listLimit is the most that List returns at once.
const listLimit = 1000

// genesis is what the first entry names as the hash before it.
var genesis = strings.Repeat("0", sha256.Size*2)

const columns = "id, at, environment, operator, action, object, outcome, detail, prev_hash, hash"

func (l *Log) append(ctx context.Context, tx *store.Tx, e Entry, detail string) error {
	id, hash, err := head(ctx, tx.Reader)
	if err != nil {
		return err
	}
	k := Kept{Entry: e, ID: id + 1, At: l.now(), PrevHash: hash, detail: detail}
	k.Hash = k.sum()
	_, err = tx.Exec(ctx, "INSERT INTO audit_entries ("+columns+") VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
		k.ID, k.At.UnixMilli(), k.Environment, k.Operator, string(k.Action), k.Object, string(k.Outcome), k.detail, k.PrevHash, k.Hash)
	if err != nil {
		return err
	}
	_, err = tx.Exec(ctx, "INSERT INTO audit_head (one, id, hash) VALUES (1, ?, ?) "+
		"ON CONFLICT (one) DO UPDATE SET id = excluded.id, hash = excluded.hash", k.ID, k.Hash)
	return err
}

// sum is the entry's hash: SHA-256 over all its parts, each behind its length,
// so that no two entries have the same text.
func (k *Kept) sum() string {
	h := sha256.New()
	number := func(n int64) {
		var b [8]byte
		binary.BigEndian.PutUint64(b[:], uint64(n)) //nolint:gosec // only the bits count
		h.Write(b[:])
	}
	number(k.ID)
	number(k.At.UnixMilli())
	for _, part := range []string{
		"farrier audit v1", k.Environment, k.Operator, string(k.Action), k.Object, string(k.Outcome), k.detail, k.PrevHash,
	} {
		number(int64(len(part)))
		h.Write([]byte(part))
	}
	return hex.EncodeToString(h.Sum(nil))
}

// Head returns the id and hash of the last entry, 0 and zeros for an empty log.
// Noted outside the database, it reveals a log that was rewritten as a whole.
func (l *Log) Head(ctx context.Context) (id int64, hash string, err error) {
	id, hash, err = head(ctx, l.db.Read())
	if err != nil {
		return 0, "", fmt.Errorf("reading the audit log: %w", err)
	}
	return id, hash, nil
}

func head(ctx context.Context, r store.Reader) (id int64, hash string, err error) {
	err = r.QueryRow(ctx, "SELECT id, hash FROM audit_head WHERE one = 1").Scan(&id, &hash)
	if errors.Is(err, store.ErrNoRows) {
		return 0, genesis, nil
	}
	return id, hash, err
}

// List returns up to limit entries (at most 1000), the newest first, older than
// the entry before; 0 begins with the newest of all.
func (l *Log) List(ctx context.Context, limit int, before int64) (_ []Kept, err error) {
	defer func() {
		if err != nil {
			err = fmt.Errorf("reading the audit log: %w", err)
		}
	}()
	if limit < 1 || limit > listLimit {
		return nil, fmt.Errorf("limit must be between 1 and %d", listLimit)
	}
	query, args := "SELECT "+columns+" FROM audit_entries ORDER BY id DESC LIMIT ?", []any{limit}
	if before > 0 {
		query, args = "SELECT "+columns+" FROM audit_entries WHERE id < ? ORDER BY id DESC LIMIT ?", []any{before, limit}
	}
	rows, err := l.db.Read().Query(ctx, query, args...)
	if err != nil {
		return nil, err
	}
	defer rows.Close() //nolint:errcheck // Err says what matters
	var list []Kept
	for rows.Next() {
		k, err := scan(rows)
		if err != nil {
			return nil, err
		}
		if err := json.Unmarshal([]byte(k.detail), &k.Detail); err != nil {
			return nil, fmt.Errorf("%w: the detail of entry %d is not a JSON object", ErrTampered, k.ID)
		}
		list = append(list, k)
	}
	return list, rows.Err()
}

// Verify walks the whole chain and says, as ErrTampered, which entry breaks it:
// one that was changed, removed, slipped in, or cut off at the end. Entries may
// be recorded meanwhile.
func (l *Log) Verify(ctx context.Context) error {
	broken, err := l.walk(ctx)
	if err != nil {
		return fmt.Errorf("verifying the audit log: %w", err)
	}
	if broken != "" {
		return fmt.Errorf("%w: %s", ErrTampered, broken)
	}
	return nil
}

// walk says what breaks the chain, in words, or "".
func (l *Log) walk(ctx context.Context) (broken string, err error) {
	// This end tells an empty log from an emptied one. The other is read in one
	// statement with the entries, so that both are of the same moment.
	endID, _, err := head(ctx, l.db.Read())
	if err != nil {
		return "", err
	}
	rows, err := l.db.Read().Query(ctx, "SELECT "+columns+", "+
		"COALESCE((SELECT id FROM audit_head WHERE one = 1), 0), "+
		"COALESCE((SELECT hash FROM audit_head WHERE one = 1), '') FROM audit_entries ORDER BY id")
	if err != nil {
		return "", err
	}
	defer rows.Close() //nolint:errcheck // Err says what matters
	last, prev, endHash := int64(0), genesis, genesis
	for rows.Next() {
		k, err := scan(rows, &endID, &endHash)
		if err != nil {
			return "", fmt.Errorf("after entry %d: %w", last, err)
		}
		if broken := k.follows(last, prev); broken != "" {
			return broken, nil
		}
		last, prev = k.ID, k.Hash
	}
	if err := rows.Err(); err != nil {
		return "", err
	}
	switch {
	case last < endID:
		return fmt.Sprintf("entry %d is missing; the log ended with entry %d", last+1, endID), nil
	case last > endID:
		return fmt.Sprintf("entry %d was slipped in; the log ended with entry %d", endID+1, endID), nil
	case prev != endHash:
		return fmt.Sprintf("entry %d is not the one that the log ended with", last), nil
	}
	return "", nil
}

// follows says what is wrong with k as the entry after the one with id last and
// hash prev, or "".
func (k *Kept) follows(last int64, prev string) string {
	switch {
	case k.ID <= last:
		return fmt.Sprintf("entry %d was slipped in", k.ID)
	case k.ID > last+1:
		return fmt.Sprintf("entry %d is missing", last+1)
	case k.PrevHash != prev:
		return fmt.Sprintf("entry %d does not follow entry %d", k.ID, last)
	case k.Hash != k.sum():
		return fmt.Sprintf("entry %d was changed", k.ID)
	}
	return ""
}

// scan reads the columns of an entry, and what else the statement selects.
func scan(rows *sql.Rows, more ...any) (Kept, error) {
	var (
		k  Kept
		at int64
	)
	into := []any{&k.ID, &at, &k.Environment, &k.Operator, &k.Action, &k.Object, &k.Outcome, &k.detail, &k.PrevHash, &k.Hash}
	err := rows.Scan(append(into, more...)...)
	k.At = time.UnixMilli(at).UTC()
	return k, err
}
