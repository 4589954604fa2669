// Package secrets keeps what must not be read: groups of keystores, truststores,
// certificates, TLS contexts and shared secrets, each with its versions. Operators
// write and rotate them and see facts about them, never their material; settings
// refer to them by name, and the gateway resolves the names. Values are encrypted
// with the data key of their group, which the master key wraps.
package secrets

import (
	"context"
	"crypto/x509"
	"embed"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"regexp"
	"time"

	"farrier.dev/farrier/internal/control"
	"farrier.dev/farrier/internal/secret"
	"farrier.dev/farrier/internal/store"
)

//go:embed migrations/*.sql
var migrations embed.FS

const (
	// KeepVersions is how many versions of a secret are kept.
	KeepVersions = 10
	// MaxMaterial is the greatest size of one secret, in bytes.
	MaxMaterial = 256 << 10
	// confirmed is how recently whoever reads material must have confirmed who they are.
	confirmed = 10 * time.Minute
	// system is the operator of what happens by schedule.
	system = "system"
)

// Use is one place that refers to a secret, or holds a credential of its own.
type Use struct {
	// Resource is the API, service or section, as "api default/orders"; Policy the
	// policy there, and Setting its setting.
	Resource, Policy, Setting string
	// Reference is the reference as it stands there, without its pins; empty when the
	// credential itself is written there.
	Reference string
	// File and Line are where it was written.
	File string
	Line int
}

// Options are what the service works with; all but Fetch, Authority, Answering,
// Changed and Uses are required.
type Options struct {
	DB    *store.DB
	Tree  control.Tree
	Ring  *secret.Keyring
	Audit control.Auditor
	Now   func() time.Time
	Log   *slog.Logger
	// Fetch loads certificate revocation lists; nil loads none.
	Fetch *http.Client
	// Authority makes the client through which directories of ACME are asked, verified
	// with roots, or with those of the system when they are nil; nil asks none.
	Authority func(roots *x509.CertPool) *http.Client
	// Answering comes back when the gateways of an environment answer to challenges with
	// the tokens, or after a while when they don't; nil doesn't wait.
	Answering func(ctx context.Context, environment string, tokens []string)
	// Changed is told that what references in an environment lead to has changed.
	Changed func(environment string)
	// Account is the id of the account of a name, empty for none; without it names are
	// ids. Grants belong to ids: who gets the name of one that was deleted gets nothing.
	Account func(ctx context.Context, name string) (id string, err error)
	// Uses tells where credentials are used in what an environment serves.
	Uses func(environment string) []Use
}

// Service keeps secrets. It is safe for concurrent use.
type Service struct {
	o    Options
	gate control.Gate
	// ask says that a certificate is to be asked for.
	ask chan struct{}
}

// Open brings the tables up to date and makes the service.
func Open(ctx context.Context, o Options) (*Service, error) {
	if o.DB == nil || o.Tree == nil || o.Ring == nil || o.Audit == nil || o.Now == nil || o.Log == nil {
		return nil, errors.New("opening secrets: the options that are required are not all there")
	}
	if o.Changed == nil {
		o.Changed = func(string) {}
	}
	if o.Uses == nil {
		o.Uses = func(string) []Use { return nil }
	}
	if err := o.DB.Migrate(ctx, "secrets", migrations); err != nil {
		return nil, fmt.Errorf("opening secrets: %w", err)
	}
	s := &Service{o: o, gate: control.Gate{Tree: o.Tree}, ask: make(chan struct{}, 1)}
	if err := s.settleGrants(ctx); err != nil {
		return nil, fmt.Errorf("opening secrets: %w", err)
	}
	return s, nil
}

// InputError says what of a form can't be accepted.
type InputError struct {
	// Field is the name of the field, empty for the whole.
	Field, Message string
}

// Error is the message, with the field in front.
func (e *InputError) Error() string {
	if e.Field == "" {
		return e.Message
	}
	return e.Field + ": " + e.Message
}

// Is makes it a control.ErrInvalid.
func (e *InputError) Is(target error) bool { return target == control.ErrInvalid }

func invalid(field, format string, args ...any) error {
	return &InputError{Field: field, Message: fmt.Sprintf(format, args...)}
}

var (
	groupName  = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9_-]{2,34}$`)
	secretName = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9_-]{0,63}$`)
)

func checkText(field, text string) error {
	if len(text) > 500 {
		return invalid(field, "must be at most 500 bytes long")
	}
	return nil
}

// bump counts a change, for other processes.
func bump(ctx context.Context, tx *store.Tx, environment string) error {
	_, err := tx.Exec(ctx, "INSERT INTO secrets_changes (environment, counter) VALUES (?, 1) ON CONFLICT (environment) DO UPDATE SET counter = secrets_changes.counter + 1", environment)
	return err
}

// Counter counts the changes of an environment: when it is another than before,
// what references lead to may have changed.
func (s *Service) Counter(ctx context.Context, environment string) (int64, error) {
	var n int64
	err := s.o.DB.Read().QueryRow(ctx, "SELECT counter FROM secrets_changes WHERE environment = ?", environment).Scan(&n)
	if errors.Is(err, store.ErrNoRows) {
		return 0, nil
	}
	return n, err
}

func millis(t time.Time) int64 {
	if t.IsZero() {
		return 0
	}
	return t.UnixMilli()
}

func moment(ms int64) time.Time {
	if ms == 0 {
		return time.Time{}
	}
	return time.UnixMilli(ms).UTC()
}

func asJSON(value any) json.RawMessage {
	text, err := json.Marshal(value)
	if err != nil {
		return json.RawMessage("{}")
	}
	return text
}

// DB is the database that the service works on.
func (s *Service) DB() *store.DB { return s.o.DB }
