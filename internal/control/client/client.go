// Package client is client applications, the SLA tiers of APIs and the contracts
// between both. An application belongs to a business group; a tier and a contract
// to an API of an environment. Approved contracts are handed to the publisher as
// manifests, so that gateways know them without asking anybody. Of a client secret
// only its hash is kept.
package client

import (
	"context"
	"crypto/rand"
	"embed"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"farrier.dev/farrier/internal/access"
	"farrier.dev/farrier/internal/audit"
	"farrier.dev/farrier/internal/control"
	"farrier.dev/farrier/internal/store"
)

//go:embed migrations/*.sql
var migrations embed.FS

// Options are what the service works with; all but Teams, Owner, Published, Taken,
// Changed and Counts are required.
type Options struct {
	DB    *store.DB
	Tree  control.Tree
	Audit control.Auditor
	Now   func() time.Time
	// Teams are the ids of the teams that an account is in, by its id; nil for none.
	Teams func(ctx context.Context, account string) ([]string, error)
	// Owner finds "account:ID" or "team:ID" of an owner that is written by its name, empty
	// for none; without it names are ids. Applications belong to ids: who gets the name of
	// an account or a team that was deleted owns nothing of theirs.
	Owner func(ctx context.Context, owner string) (id string, err error)
	// Published is nil for an API that a developer may find, and control.ErrNotFound
	// for any other. Without it developers find none.
	Published func(ctx context.Context, p control.Principal, environment, api string) error
	// Taken names the file with a contract of a client on an API, empty for none.
	Taken func(environment, api, clientID string) string
	// Changed is told, once a change is kept, that gateways of an environment must
	// know of it. It must not wait.
	Changed func(environment string)
	// Counts tells what applications called; nil where nothing is counted.
	Counts Counts
}

// Service keeps clients, tiers and contracts. It is safe for concurrent use, also of
// several processes on one database.
type Service struct {
	o    Options
	gate control.Gate
}

// Open brings the tables up to date.
func Open(ctx context.Context, o Options) (*Service, error) {
	if o.DB == nil || o.Tree == nil || o.Audit == nil || o.Now == nil {
		return nil, errors.New("clients: DB, Tree, Audit and Now are required")
	}
	if err := o.DB.Migrate(ctx, "clients", migrations); err != nil {
		return nil, fmt.Errorf("opening the clients: %w", err)
	}
	s := &Service{o: o, gate: control.Gate{Tree: o.Tree}}
	if err := s.settleOwners(ctx); err != nil {
		return nil, fmt.Errorf("opening the clients: %w", err)
	}
	return s, nil
}

// change is one transaction.
type change struct {
	*store.Tx
	s *Service
	p control.Principal
	// touched are the environments whose gateways must know of it.
	touched map[string]bool
	// who are the ids of owners, by what they are called.
	who map[string]string
	now int64
}

// write carries out a change as a whole, with its audit entries. owners are those that
// it may keep.
func (s *Service) write(ctx context.Context, p control.Principal, do func(c *change) error, owners ...string) error {
	who, err := s.identify(ctx, p, owners)
	if err != nil {
		return err
	}
	var c *change
	err = s.o.DB.Write(ctx, func(tx *store.Tx) error {
		c = &change{Tx: tx, s: s, p: p, touched: map[string]bool{}, who: who, now: s.o.Now().UnixMilli()}
		return do(c)
	})
	if err != nil {
		return err
	}
	if s.o.Changed != nil {
		for environment := range c.touched {
			s.o.Changed(environment)
		}
	}
	return nil
}

// touch counts a change of an environment and gives its number.
func (c *change) touch(ctx context.Context, environment string) (int64, error) {
	c.touched[environment] = true
	var version int64
	err := c.QueryRow(ctx, `INSERT INTO clients_versions (environment, version) VALUES (?, 1)
		ON CONFLICT (environment) DO UPDATE SET version = clients_versions.version + 1 RETURNING version`, environment).Scan(&version)
	if err != nil {
		return 0, fmt.Errorf("counting the change: %w", err)
	}
	return version, nil
}

// tell records in the audit log what was changed.
func (c *change) tell(ctx context.Context, environment string, action audit.Action, object string, before, after any) error {
	e := control.Told(c.p, environment, action, object)
	for _, side := range []struct {
		value any
		to    *json.RawMessage
	}{{before, &e.Before}, {after, &e.After}} {
		if side.value == nil {
			continue
		}
		text, err := json.Marshal(side.value)
		if err != nil {
			return fmt.Errorf("recording a change: %w", err)
		}
		*side.to = text
	}
	if err := c.s.o.Audit.Record(ctx, c.Tx, e); err != nil {
		return fmt.Errorf("recording a change: %w", err)
	}
	return nil
}

// one turns the outcome of a guarded update into ErrConflict.
func one(changed int64, err error) error {
	switch {
	case err != nil:
		return err
	case changed == 0:
		return control.ErrConflict
	}
	return nil
}

// Version grows whenever what Files says of an environment may have changed. It is
// cheap to ask.
func (s *Service) Version(ctx context.Context, environment string) (int64, error) {
	var version int64
	err := s.o.DB.Read().QueryRow(ctx, "SELECT version FROM clients_versions WHERE environment = ?", environment).Scan(&version)
	if errors.Is(err, store.ErrNoRows) {
		return 0, nil
	}
	if err != nil {
		return 0, fmt.Errorf("asking for the version of the contracts: %w", err)
	}
	return version, nil
}

// InputError says which field is wrong, and how to mend it. It is a
// control.ErrInvalid.
type InputError struct {
	// Field is the name of the field in JSON, as "limits[0].maximumRequests".
	Field, Message string
}

// Error is the field and the message.
func (e *InputError) Error() string { return e.Field + ": " + e.Message }

// Unwrap makes it a control.ErrInvalid.
func (e *InputError) Unwrap() error { return control.ErrInvalid }

func wrong(field, format string, args ...any) error {
	return &InputError{field, fmt.Sprintf(format, args...)}
}

// The longest texts, in bytes.
const (
	maxName = 100
	maxText = 2000
)

// line checks a text of one line.
func line(field, text string, least, most int) error {
	switch {
	case len(text) < least:
		return wrong(field, "required, but empty")
	case len(text) > most:
		return wrong(field, "longer than %d bytes", most)
	case !printable(text, false):
		return wrong(field, "must be text of one line without control characters")
	}
	return nil
}

// prose checks a text of several lines.
func prose(field, text string) error {
	if len(text) > maxText {
		return wrong(field, "longer than %d bytes", maxText)
	}
	if !printable(text, true) {
		return wrong(field, "must be text without control characters")
	}
	return nil
}

func printable(text string, lines bool) bool {
	return utf8.ValidString(text) && !strings.ContainsFunc(text, func(r rune) bool {
		return !unicode.IsPrint(r) && (!lines || r != '\n' && r != '\r' && r != '\t')
	})
}

// newID is a random id of so many bytes, in hexadecimal digits.
func newID(size int) string {
	id := make([]byte, size)
	_, _ = rand.Read(id) // never fails
	return hex.EncodeToString(id)
}

// develops reports whether a principal may use the portal in a business group, or in
// one of its environments.
func develops(p control.Principal, at access.Scope) bool {
	return p.May(access.UsePortal, at) || slices.ContainsFunc(p.Grants, func(g access.Grant) bool {
		return g.Scope.Group == at.Group && p.May(access.UsePortal, g.Scope)
	})
}

func (s *Service) groupScope(ctx context.Context, group string) (access.Scope, error) {
	at, err := s.o.Tree.GroupScope(ctx, group)
	if errors.Is(err, access.ErrUnknown) {
		return at, control.ErrNotFound
	}
	return at, err
}

func millis(at int64) time.Time {
	if at == 0 {
		return time.Time{}
	}
	return time.UnixMilli(at).UTC()
}
