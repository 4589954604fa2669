// Package audit remembers, tamper-evidently, what operators did: each entry
// carries the hash of the one before it, so that nobody can change, remove or
// slip in an entry without breaking the chain from there on. The chain is not
// keyed: who may write the database can also recompute all of it, and only a
// Head that was noted elsewhere reveals that. It decides nothing about who may
// do what, and holds no secrets.
package audit

import (
	"context"
	"embed"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
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
	// Detail says more. It holds no secrets: names that speak of one are refused.
	Detail map[string]string
	// Before and After are what was changed, as JSON objects, nil where there is
	// nothing to say. Secrets in them are replaced by their hashes (see Hashed).
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

	detail string // the text that was hashed
}

// Log is the audit log of one database. It is safe for use by many goroutines,
// and several processes may record in the same database.
type Log struct {
	db  *store.DB
	now func() time.Time
}

// Open brings the log's tables up to date in db, which is the control database.
func Open(ctx context.Context, db *store.DB, now func() time.Time) (*Log, error) {
	if db == nil || now == nil {
		return nil, errors.New("opening the audit log: it needs a database and a clock")
	}
	if err := db.Migrate(ctx, "audit", migrations); err != nil {
		return nil, fmt.Errorf("opening the audit log: %w", err)
	}
	return &Log{db: db, now: now}, nil
}

// Record appends an entry within the transaction of the write that it tells of,
// so that neither is kept without the other. Whoever records must refuse the
// write when this fails. A nil tx appends it in a transaction of its own; that
// must not be done inside another Write.
func (l *Log) Record(ctx context.Context, tx *store.Tx, e Entry) error {
	detail, err := e.check()
	if err != nil {
		return fmt.Errorf("recording in the audit log: %w", err)
	}
	if tx == nil {
		err = l.db.Write(ctx, func(tx *store.Tx) error { return l.append(ctx, tx, e, detail) })
	} else {
		err = l.append(ctx, tx, e, detail)
	}
	if err != nil {
		return fmt.Errorf("recording in the audit log: %w", err)
	}
	return nil
}

// check refuses what must not stand in the log and returns the detail as JSON.
func (e Entry) check() (string, error) {
	if !e.Action.known() {
		return "", fmt.Errorf("action %.40q is not in the list of actions", string(e.Action))
	}
	if !e.Outcome.known() {
		return "", fmt.Errorf("outcome %.40q is not one of done, refused, failed", string(e.Outcome))
	}
	for name, value := range map[string]string{"environment": e.Environment, "operator": e.Operator, "object": e.Object} {
		if len(value) > fieldLimit || !utf8.ValidString(value) || strings.ContainsRune(value, 0) {
			return "", fmt.Errorf("%s must be UTF-8 without NUL of at most %d bytes", name, fieldLimit)
		}
	}
	for name, value := range e.Detail {
		if speaksOfSecret(name) {
			return "", fmt.Errorf("detail %.40q: its name speaks of a secret, which must not stand in the audit log", name)
		}
		if !utf8.ValidString(name) || !utf8.ValidString(value) {
			return "", fmt.Errorf("detail %.40q is not UTF-8", name)
		}
	}
	if len(e.Detail) == 0 {
		return "{}", nil
	}
	text, err := json.Marshal(e.Detail) // keys are sorted
	if err != nil {
		return "", err
	}
	if len(text) > detailLimit {
		return "", fmt.Errorf("detail is longer than %d bytes", detailLimit)
	}
	return string(text), nil
}

func speaksOfSecret(name string) bool {
	name = strings.ToLower(name)
	for _, word := range []string{"password", "passwd", "secret", "token", "credential", "authorization", "cookie", "apikey", "api_key", "private"} {
		if strings.Contains(name, word) {
			return true
		}
	}
	return false
}
