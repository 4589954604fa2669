// Package alert keeps alert rules, the channels by which people are told, and times
// of maintenance; it judges the rules once a minute, hands what is to be told to the
// channels until they have taken it, and forwards the audit log and findings to those
// who collect them. When a rule fires is decided by monitor/alert.
package alert

import (
	"context"
	"embed"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"farrier.dev/farrier/internal/access"
	"farrier.dev/farrier/internal/audit"
	"farrier.dev/farrier/internal/control"
	"farrier.dev/farrier/internal/monitor"
	rules "farrier.dev/farrier/internal/monitor/alert"
	"farrier.dev/farrier/internal/monitor/notify"
	"farrier.dev/farrier/internal/store"
)

//go:embed migrations/*.sql
var migrations embed.FS

// Sealer seals the secrets of channels; *secret.Keyring is the one to use.
type Sealer interface {
	Seal(purpose string, plain []byte) (string, error)
	Open(purpose, sealed string) ([]byte, error)
}

// Entries reads the audit log; *audit.Log is the one to use.
type Entries interface {
	Walk(ctx context.Context, q audit.Query, each func(audit.Kept) error) error
	Head(ctx context.Context) (id int64, hash string, err error)
}

// Series reads figures; *monitor.Monitor is the one to use.
type Series interface {
	Stretches(ctx context.Context, q monitor.Query) ([]monitor.Stretch, error)
	Window(ctx context.Context, since, until time.Time) (map[string]monitor.Slot, error)
}

// Seen is a finding, or an operation that nobody described, with when it was seen.
type Seen struct {
	ID, Rule, Title, API, Operation, Severity string
	First, Last                               time.Time
	Count                                     int64
}

// Heard is a gateway and when it was last heard of.
type Heard struct {
	Name string
	Last time.Time
}

// Expiring is a certificate or secret that ends.
type Expiring struct {
	Name string
	What string
	At   time.Time
}

// Figures are what rules of an environment are judged by. What is nil is not known
// here: rules on it stay pending.
type Figures struct {
	Series Series
	// Findings gives what was seen at a time or later.
	Findings func(ctx context.Context, since time.Time) ([]Seen, error)
	// Shadows gives the operations that nobody described and that were first seen at a
	// time or later.
	Shadows  func(ctx context.Context, since time.Time) ([]Seen, error)
	Gateways func(ctx context.Context) ([]Heard, error)
	Expiring func(ctx context.Context) ([]Expiring, error)
}

// Options are what the service works with; all but Entries, Resolve, Leads and Link
// are required.
type Options struct {
	DB     *store.DB
	Tree   control.Tree
	Audit  control.Auditor
	Sealer Sealer
	// Env is the guarded way out.
	Env notify.Env
	// Entries is the audit log, for rules on events and for forwarding.
	Entries Entries
	// Figures gives those of an environment, nil where this process has none.
	Figures func(environment string) *Figures
	// Environments lists those whose rules this process judges.
	Environments []string
	// Resolve finds the value of a reference "${secret:…}"; nil for none.
	Resolve func(ctx context.Context, environment, reference string) (string, error)
	// Leads reports whether this process judges and sends; nil means that it does.
	Leads func() bool
	// Link is the address of the console, empty when unknown.
	Link string
	Now  func() time.Time
	Log  *slog.Logger
}

// Service keeps alerts. It is safe for concurrent use.
type Service struct {
	o     Options
	gate  control.Gate
	kinds []notify.Kind

	// wake tells the delivery that there is something to send.
	wake chan struct{}

	mu sync.Mutex
	// usual remembers the anomalies of an hour, which cost much to compute.
	usual map[string]scored
	hour  time.Time
}

type scored struct{ reading rules.Reading }

// Open brings the tables up to date.
func Open(ctx context.Context, o Options) (*Service, error) {
	if o.DB == nil || o.Tree == nil || o.Audit == nil || o.Sealer == nil || o.Env.HTTP == nil || o.Figures == nil || o.Now == nil || o.Log == nil {
		return nil, errors.New("alerts: DB, Tree, Audit, Sealer, Env, Figures, Now and Log are required")
	}
	if err := o.DB.Migrate(ctx, "alerts", migrations); err != nil {
		return nil, fmt.Errorf("opening the alerts: %w", err)
	}
	return &Service{
		o: o, gate: control.Gate{Tree: o.Tree}, kinds: kinds(), wake: make(chan struct{}, 1), usual: map[string]scored{},
	}, nil
}

func (s *Service) view(ctx context.Context, p control.Principal, environment string) error {
	return s.gate.Environment(ctx, p, access.ViewAlerts, environment)
}

func (s *Service) manage(ctx context.Context, p control.Principal, environment string) error {
	return s.gate.Environment(ctx, p, access.ManageAlerts, environment)
}

// write makes a change together with its audit entry.
func (s *Service) write(ctx context.Context, p control.Principal, environment string, action audit.Action, object string, do func(tx *store.Tx) (before, after any, err error)) error {
	return s.o.DB.Write(ctx, func(tx *store.Tx) error {
		before, after, err := do(tx)
		if err != nil {
			return err
		}
		return control.RecordChange(ctx, tx, s.o.Audit, control.Told(p, environment, action, object), before, after)
	})
}

func invalid(err error) error { return fmt.Errorf("%w: %w", control.ErrInvalid, err) }

// conflict tells a thing that is not there from one that was changed meanwhile.
func conflict(ctx context.Context, tx *store.Tx, table, environment, id string) error {
	var n int64
	err := tx.QueryRow(ctx, "SELECT COUNT(*) FROM "+table+" WHERE environment = ? AND id = ?", environment, id).Scan(&n)
	switch {
	case err != nil:
		return err
	case n == 0:
		return control.ErrNotFound
	}
	return control.ErrConflict
}
