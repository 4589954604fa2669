// Package audit remembers, tamper-evidently, what operators did: each entry
// carries the hash of the one before it, so that nobody can change, remove or
// slip in an entry without breaking the chain from there on. The chain is not
// keyed, so who may write the database could also recompute all of it: that is
// what checkpoints are for, which a key outside the database signs, and which
// can be kept elsewhere. It decides nothing about who may do what, and holds no
// secrets.
package audit

import (
	"context"
	"crypto/rand"
	"embed"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"strings"
	"sync"
	"time"
	"unicode/utf8"

	"farrier.dev/farrier/internal/store"
)

//go:embed migrations/*.sql
var migrations embed.FS

// Outcome says how an action ended.
type Outcome string

// The outcomes.
const (
	// Done says that it happened.
	Done Outcome = "done"
	// Refused says that Farrier did not let it happen.
	Refused Outcome = "refused"
	// Failed says that it was allowed, but something broke.
	Failed Outcome = "failed"
)

func (o Outcome) known() bool { return o == Done || o == Refused || o == Failed }

// The greatest sizes of an entry's parts, in bytes.
const (
	fieldLimit  = 256
	detailLimit = 8 << 10
)

// Entry is one thing that somebody did.
type Entry struct {
	// Environment is where it was done; empty means all of Farrier, as a sign-in.
	Environment string
	// Operator is who did it: a name that exists, "system" for Farrier itself, or
	// empty when nobody was recognised.
	Operator string
	// Action is what was done.
	Action Action
	// Object is what it was done to, as "revision 12" or "api default/orders".
	Object string
	// Outcome is how it ended.
	Outcome Outcome
	// Via says how the operator had signed in, Session is the public id of the session
	// or API token, Address where the request came from; empty when not known.
	Via, Session, Address string
	// Detail says more. It holds no secrets: names that speak of one are refused,
	// unless their value is what Hashed made of it.
	Detail map[string]string
	// Before and After are what was changed, as JSON objects, nil where there is
	// nothing to say. Secrets in them are replaced by their hashes (see Hashed). Beyond
	// 32 KiB together they are replaced by a digest.
	Before, After json.RawMessage
}

// Kept is an entry as it stands in the log.
type Kept struct {
	Entry
	// ID counts the entries from 1, without gaps.
	ID int64
	// At is when it was recorded, to the millisecond.
	At time.Time
	// PrevHash and Hash link the chain: lower-case hex of SHA-256.
	PrevHash, Hash string

	// the texts that were hashed
	detail, before, after string
	format                int
}

// ErrUnwritable says that the log can't be written. What was to be recorded did not
// happen then.
var ErrUnwritable = errors.New("the audit log can't be written, so nothing was changed")

// Log is the audit log of one database. It is safe for use by many goroutines,
// and several processes may record in the same database.
type Log struct {
	db  *store.DB
	now func() time.Time

	// pepper keys the hashes of secrets.
	pepper []byte
	// signing says how checkpoints are made; its Key is nil when none are. It is set
	// once, by Sign, before the log is used.
	signing Signing
	// news wakes Run when many entries were recorded.
	news chan struct{}
	// keeping guards what follows: the last checkpoint that is known to be ours, and
	// the number of the last that was sent.
	keeping sync.Mutex
	known   *Checkpoint
	sent    int64
}

// Open brings the log's tables up to date in db, which is the control database. It
// signs nothing until Sign is called.
func Open(ctx context.Context, db *store.DB, now func() time.Time) (*Log, error) {
	if db == nil || now == nil {
		return nil, errors.New("opening the audit log: it needs a database and a clock")
	}
	if err := db.Migrate(ctx, "audit", migrations); err != nil {
		return nil, fmt.Errorf("opening the audit log: %w", err)
	}
	// Without the key of the checkpoints, hashes of secrets can be compared within
	// this process only.
	pepper := make([]byte, 32)
	rand.Read(pepper) //nolint:errcheck,gosec // crypto/rand.Read never fails: it ends the program instead
	return &Log{db: db, now: now, pepper: pepper, news: make(chan struct{}, 1)}, nil
}

// Record appends an entry within the transaction of the write that it tells of,
// so that neither is kept without the other. Whoever records must refuse the
// write when this fails; ErrUnwritable says that the database did not take it. A
// nil tx appends it in a transaction of its own; that must not be done inside
// another Write.
func (l *Log) Record(ctx context.Context, tx *store.Tx, e Entry) error {
	k, err := l.check(e)
	if err != nil {
		return fmt.Errorf("recording in the audit log: %w", err)
	}
	if tx == nil {
		err = l.db.Write(ctx, func(tx *store.Tx) error { return l.append(ctx, tx, k) })
	} else {
		err = l.append(ctx, tx, k)
	}
	if err != nil {
		return fmt.Errorf("%w: %w", ErrUnwritable, err)
	}
	return nil
}

// check refuses what must not stand in the log and makes the texts that do.
func (l *Log) check(e Entry) (*Kept, error) {
	if !e.Action.known() {
		return nil, fmt.Errorf("action %.40q is not in the list of actions", string(e.Action))
	}
	if !e.Outcome.known() {
		return nil, fmt.Errorf("outcome %.40q is not one of done, refused, failed", string(e.Outcome))
	}
	for name, value := range map[string]string{
		"environment": e.Environment, "operator": e.Operator, "object": e.Object, "via": e.Via, "session": e.Session, "address": e.Address,
	} {
		if len(value) > fieldLimit || !utf8.ValidString(value) || strings.ContainsRune(value, 0) {
			return nil, fmt.Errorf("%s must be UTF-8 without NUL of at most %d bytes", name, fieldLimit)
		}
	}
	detail, err := l.detail(e.Detail)
	if err != nil {
		return nil, err
	}
	k := &Kept{Entry: e, detail: detail, format: 2}
	k.before, k.after, err = l.values(&e)
	return k, err
}

// detail is the details as JSON.
func (l *Log) detail(given map[string]string) (string, error) {
	kept := maps.Clone(given)
	for name, value := range given {
		if hash, hashed := l.keyed(value); hashed {
			kept[name] = hash
		} else if speaksOfSecret(name) {
			return "", fmt.Errorf("detail %.40q: its name speaks of a secret, which must not stand in the audit log", name)
		}
		if !utf8.ValidString(name) || !utf8.ValidString(value) {
			return "", fmt.Errorf("detail %.40q is not UTF-8", name)
		}
	}
	if len(kept) == 0 {
		return "{}", nil
	}
	text, err := json.Marshal(kept) // names are sorted
	if err != nil {
		return "", err
	}
	if len(text) > detailLimit {
		return "", fmt.Errorf("detail is longer than %d bytes", detailLimit)
	}
	return string(text), nil
}
