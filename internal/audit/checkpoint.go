package audit

import (
	"context"
	"crypto/ed25519"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"farrier.dev/farrier/internal/store"
)

// Kind says what a checkpoint speaks of.
type Kind string

// The kinds.
const (
	// HeadKind says where the log ended.
	HeadKind Kind = "head"
	// CutKind says up to which entry the log was pruned.
	CutKind Kind = "cut"
)

// Checkpoint is a signed word about the log: that at a time it ended with an entry,
// or that it was pruned up to one.
type Checkpoint struct {
	// Number counts the checkpoints from 1, without gaps.
	Number int64 `json:"number"`
	Kind   Kind  `json:"kind"`
	// Entry is the id of the entry spoken of, Hash its hash.
	Entry int64  `json:"entry"`
	Hash  string `json:"hash"`
	// Kept is, of a cut, the number of the first checkpoint that remains; else 0.
	Kept int64 `json:"kept,omitempty"`
	// At is when it was made, to the millisecond.
	At time.Time `json:"at"`
	// Previous is the digest of the checkpoint before it, zeros for the first.
	Previous string `json:"previous"`
	// Key is the id of the key that signed, Signature Ed25519 in base64.
	Key       string `json:"key"`
	Signature string `json:"signature"`
}

// signed is what the signature covers.
func (c *Checkpoint) signed() []byte {
	d := newDigest()
	d.text("farrier audit checkpoint v1", string(c.Kind), c.Hash, c.Previous, c.Key)
	for _, n := range []int64{c.Number, c.Entry, c.Kept, c.At.UnixMilli()} {
		d.number(n)
	}
	return d.Sum(nil)
}

// digest is what the next checkpoint names as its previous.
func (c *Checkpoint) digest() string {
	d := newDigest()
	d.text(string(c.signed()), c.Signature)
	return hex.EncodeToString(d.Sum(nil))
}

// same reports whether two are one checkpoint.
func (c *Checkpoint) same(other *Checkpoint) bool { return c.digest() == other.digest() }

// genuine says what is wrong with the signature, or "".
func (c *Checkpoint) genuine(by *Public) string {
	if c.Key != by.id {
		return fmt.Sprintf("checkpoint %d is signed with the key %.40q and not with %s", c.Number, c.Key, by.id)
	}
	signature, err := base64.StdEncoding.Strict().DecodeString(c.Signature)
	if err != nil || !ed25519.Verify(by.key, c.signed(), signature) {
		return fmt.Sprintf("checkpoint %d was changed or forged: its signature does not fit", c.Number)
	}
	return ""
}

func (k *Key) sign(c *Checkpoint) {
	c.Key = k.id
	c.Signature = base64.StdEncoding.EncodeToString(ed25519.Sign(k.private, c.signed()))
}

// Signing says how checkpoints are made. Key is required.
type Signing struct {
	Key *Key
	// Head is the file in which the last checkpoint is kept outside the database;
	// empty for none.
	Head string
	// Heads is a file that every checkpoint is appended to, a line of JSON each; empty
	// for none.
	Heads string
	// Send takes every checkpoint to another place; it is called again with one that
	// it returned an error for. Nil for none.
	Send func(context.Context, Checkpoint) error
	// Every is how many entries make a checkpoint due at once; 0 means 100. Fewer are
	// signed at the next tick of Run.
	Every int64
	// Retention is how long entries are kept; 0 means for ever, at least
	// LeastRetention otherwise.
	Retention time.Duration
}

// Sign lets the log make checkpoints from now on, which Run does, and makes one of
// what it holds. It is called once, before the log is used. The error is
// ErrTampered where the log is not what was signed before: nothing is signed then.
func (l *Log) Sign(ctx context.Context, s Signing) error {
	if s.Key == nil {
		return errors.New("signing the audit log: a key is required")
	}
	if s.Retention != 0 && s.Retention < LeastRetention {
		return fmt.Errorf("signing the audit log: %w", errRetention(s.Retention))
	}
	if s.Every <= 0 {
		s.Every = 100
	}
	pepper, err := s.Key.pepper()
	if err != nil {
		return fmt.Errorf("signing the audit log: %w", err)
	}
	if s.Head != "" {
		if l.known, err = readHead(s.Head); err != nil {
			return fmt.Errorf("signing the audit log: %w", err)
		}
	}
	l.pepper, l.signing = pepper, s
	return l.Checkpoint(ctx)
}

// HasCheckpoints reports whether anything was signed yet.
func (l *Log) HasCheckpoints(ctx context.Context) (bool, error) {
	last, err := lastCheckpoint(ctx, l.db.Read(), "")
	if err != nil {
		return false, fmt.Errorf("reading the checkpoints: %w", err)
	}
	return last != nil, nil
}

// Checkpoint signs where the log ends, if it grew since the last one. It looks at
// what it signs: where the entries since then don't follow each other, or the last
// checkpoint is not the one that was made, it signs nothing and says ErrTampered.
func (l *Log) Checkpoint(ctx context.Context) error {
	if l.signing.Key == nil {
		return nil
	}
	l.keeping.Lock()
	defer l.keeping.Unlock()
	err := l.db.Write(ctx, func(tx *store.Tx) error {
		_, err := l.checkpoint(ctx, tx)
		return err
	})
	if err != nil {
		return fmt.Errorf("making a checkpoint of the audit log: %w", err)
	}
	return l.publish(ctx)
}

// checkpoint makes a checkpoint if there is news and returns the last one.
func (l *Log) checkpoint(ctx context.Context, tx *store.Tx) (*Checkpoint, error) {
	last, base, err := l.trusted(ctx, tx.Reader)
	if err != nil {
		return nil, err
	}
	id, hash, err := head(ctx, tx.Reader)
	if err != nil {
		return nil, err
	}
	from, prev := int64(0), genesis
	if base != nil {
		from, prev = base.Entry, base.Hash
		if id == from && hash == prev {
			return last, nil
		}
	}
	broken, err := stretch(ctx, tx.Reader, from, prev, id, hash)
	if err != nil {
		return nil, err
	}
	if broken != "" {
		return nil, fmt.Errorf("%w: %s; nothing is signed until this is mended", ErrTampered, broken)
	}
	c := Checkpoint{Kind: HeadKind, Entry: id, Hash: hash}
	return l.add(ctx, tx, last, c)
}

// trusted returns the last checkpoint and the last that says where the log ended,
// once they are shown to be ours; nil for none.
func (l *Log) trusted(ctx context.Context, r store.Reader) (last, base *Checkpoint, err error) {
	if last, err = lastCheckpoint(ctx, r, ""); err != nil {
		return nil, nil, err
	}
	if base, err = lastCheckpoint(ctx, r, HeadKind); err != nil {
		return nil, nil, err
	}
	if l.known != nil {
		broken, err := missing(ctx, r, l.known)
		if err != nil {
			return nil, nil, err
		}
		if broken != "" {
			return nil, nil, fmt.Errorf("%w: %s; nothing is signed until this is mended", ErrTampered, broken)
		}
	}
	for _, c := range []*Checkpoint{last, base} {
		if c == nil {
			continue
		}
		if wrong := c.genuine(&l.signing.Key.Public); wrong != "" {
			return nil, nil, fmt.Errorf("%w: %s; nothing is signed until this is mended", ErrTampered, wrong)
		}
	}
	return last, base, nil
}

// missing says what is wrong when a checkpoint that was made is not in the log, or
// "". Those that a later cut dropped may be missing.
func missing(ctx context.Context, r store.Reader, known *Checkpoint) (string, error) {
	list, err := checkpoints(ctx, r, "WHERE number = ? OR kind = 'cut'", known.Number)
	if err != nil {
		return "", err
	}
	dropped := false
	for i := range list {
		c := &list[i]
		if c.Number == known.Number {
			if !c.same(known) {
				return fmt.Sprintf("checkpoint %d is not the one that was made", known.Number), nil
			}
			return "", nil
		}
		dropped = dropped || c.Kind == CutKind && c.Number > known.Number && c.Kept > known.Number
	}
	if dropped {
		return "", nil
	}
	return fmt.Sprintf("checkpoint %d of entry %d was made and is not in the log any more", known.Number, known.Entry), nil
}

// add signs and keeps a checkpoint.
func (l *Log) add(ctx context.Context, tx *store.Tx, last *Checkpoint, c Checkpoint) (*Checkpoint, error) {
	c.Number, c.Previous, c.At = 1, genesis, time.UnixMilli(l.now().UnixMilli()).UTC()
	if last != nil {
		c.Number, c.Previous = last.Number+1, last.digest()
	}
	if c.Kind == CutKind && c.Kept == 0 {
		c.Kept = c.Number
	}
	l.signing.Key.sign(&c)
	_, err := tx.Exec(ctx, "INSERT INTO audit_checkpoints (number, kind, entry, hash, kept, at, previous, key_id, signature) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
		c.Number, string(c.Kind), c.Entry, c.Hash, c.Kept, c.At.UnixMilli(), c.Previous, c.Key, c.Signature)
	return &c, err
}

// lastCheckpoint is the last of a kind, or of any; nil for none.
func lastCheckpoint(ctx context.Context, r store.Reader, kind Kind) (*Checkpoint, error) {
	where, args := "", []any(nil)
	if kind != "" {
		where, args = "WHERE kind = ? ", []any{string(kind)}
	}
	list, err := checkpoints(ctx, r, where+"ORDER BY number DESC LIMIT 1", args...)
	if err != nil || len(list) == 0 {
		return nil, err
	}
	return &list[0], nil
}

func checkpoints(ctx context.Context, r store.Reader, rest string, args ...any) ([]Checkpoint, error) {
	rows, err := r.Query(ctx, "SELECT number, kind, entry, hash, kept, at, previous, key_id, signature FROM audit_checkpoints "+rest, args...)
	if err != nil {
		return nil, err
	}
	defer rows.Close() //nolint:errcheck // Err says what matters
	var list []Checkpoint
	for rows.Next() {
		var (
			c  Checkpoint
			at int64
		)
		if err := rows.Scan(&c.Number, &c.Kind, &c.Entry, &c.Hash, &c.Kept, &at, &c.Previous, &c.Key, &c.Signature); err != nil {
			return nil, err
		}
		c.At = time.UnixMilli(at).UTC()
		list = append(list, c)
	}
	return list, rows.Err()
}

// line is the checkpoint as it stands in files.
func (c *Checkpoint) line() ([]byte, error) {
	text, err := json.Marshal(c)
	return append(text, '\n'), err
}
