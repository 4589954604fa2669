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
	"hash"
	"strings"
	"time"

	"farrier.dev/farrier/internal/store"
)

// ErrTampered says that the log was changed by somebody else than Record.
var ErrTampered = errors.New("the audit log was tampered with")

// genesis is what the first entry names as the hash before it.
var genesis = strings.Repeat("0", sha256.Size*2)

const columns = "id, at, environment, operator, action, object, outcome, detail, prev_hash, hash, format, via, session, address, before_value, after_value"

func (l *Log) append(ctx context.Context, tx *store.Tx, k *Kept) error {
	id, last, err := head(ctx, tx.Reader)
	if err != nil {
		return err
	}
	k.ID, k.At, k.PrevHash = id+1, l.now(), last
	k.Hash = k.sum()
	_, err = tx.Exec(ctx, "INSERT INTO audit_entries ("+columns+") VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
		k.ID, k.At.UnixMilli(), k.Environment, k.Operator, string(k.Action), k.Object, string(k.Outcome), k.detail, k.PrevHash, k.Hash,
		k.format, k.Via, k.Session, k.Address, k.before, k.after)
	if err != nil {
		return err
	}
	_, err = tx.Exec(ctx, "INSERT INTO audit_head (one, id, hash) VALUES (1, ?, ?) "+
		"ON CONFLICT (one) DO UPDATE SET id = excluded.id, hash = excluded.hash", k.ID, k.Hash)
	if err == nil && l.signing.Key != nil && k.ID%l.signing.Every == 0 {
		select {
		case l.news <- struct{}{}:
		default:
		}
	}
	return err
}

// digest hashes numbers and texts, each text behind its length, so that no two
// lists give the same.
type digest struct{ hash.Hash }

func newDigest() digest { return digest{sha256.New()} }

func (d digest) number(n int64) {
	var b [8]byte
	binary.BigEndian.PutUint64(b[:], uint64(n)) //nolint:gosec // only the bits count
	d.Write(b[:])                               //nolint:gosec // a hash takes everything
}

func (d digest) text(parts ...string) {
	for _, part := range parts {
		d.number(int64(len(part)))
		d.Write([]byte(part)) //nolint:gosec // a hash takes everything
	}
}

// sum is the entry's hash: SHA-256 over all its parts.
func (k *Kept) sum() string {
	d := newDigest()
	d.number(k.ID)
	d.number(k.At.UnixMilli())
	if k.format == 1 {
		d.text("farrier audit v1", k.Environment, k.Operator, string(k.Action), k.Object, string(k.Outcome), k.detail, k.PrevHash)
	} else {
		d.text("farrier audit v2", k.Environment, k.Operator, string(k.Action), k.Object, string(k.Outcome), k.detail,
			k.Via, k.Session, k.Address, k.before, k.after, k.PrevHash)
	}
	return hex.EncodeToString(d.Sum(nil))
}

// Head returns the id and hash of the last entry, 0 and zeros for an empty log.
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
	case k.format != 1 && k.format != 2, k.Hash != k.sum(),
		k.format == 1 && k.Via+k.Session+k.Address+k.before+k.after != "":
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
	into := []any{
		&k.ID, &at, &k.Environment, &k.Operator, &k.Action, &k.Object, &k.Outcome, &k.detail, &k.PrevHash, &k.Hash,
		&k.format, &k.Via, &k.Session, &k.Address, &k.before, &k.after,
	}
	err := rows.Scan(append(into, more...)...)
	k.At = time.UnixMilli(at).UTC()
	return k, err
}

// open makes what was hashed readable.
func (k *Kept) open() error {
	if err := json.Unmarshal([]byte(k.detail), &k.Detail); err != nil {
		return fmt.Errorf("%w: the detail of entry %d is not a JSON object", ErrTampered, k.ID)
	}
	for _, v := range []struct {
		text string
		to   *json.RawMessage
	}{{k.before, &k.Before}, {k.after, &k.After}} {
		switch {
		case v.text == "":
			*v.to = nil
		case !json.Valid([]byte(v.text)):
			return fmt.Errorf("%w: what was before or after entry %d is not JSON", ErrTampered, k.ID)
		default:
			*v.to = json.RawMessage(v.text)
		}
	}
	return nil
}
