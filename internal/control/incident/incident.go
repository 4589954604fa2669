// Package incident keeps incidents, which group the findings and refusals of one actor
// or of one API, and the acts by which operators, or rules that they made, contain
// them: an address, a client application, the subject or session of a token is blocked,
// an API is stopped. Every act ends by itself. Gateways learn of acts as bindings in
// their revision.
package incident

import (
	"context"
	"embed"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"farrier.dev/farrier/internal/access"
	"farrier.dev/farrier/internal/audit"
	"farrier.dev/farrier/internal/control"
	"farrier.dev/farrier/internal/store"
)

//go:embed migrations/*.sql
var migrations embed.FS

// Share is how many requests an API had, and how many of them were refused.
type Share struct{ Requests, Refused uint64 }

// Source is what this process knows of an environment.
type Source struct {
	// Sightings gives what was seen at a time or later.
	Sightings func(ctx context.Context, since time.Time) ([]Sighting, error)
	// Findings gives the findings of rules, as they are exported.
	Findings func(ctx context.Context, rules []string) ([]json.RawMessage, error)
	// Record gives what is kept of an exchange, nil for nothing.
	Record func(ctx context.Context, exchange string) (json.RawMessage, error)
	// Refusals gives the shares of APIs since a time.
	Refusals func(ctx context.Context, since time.Time) (map[string]Share, error)
}

// Options are what the service works with; all but Source, Serves and Changed are
// required.
type Options struct {
	DB    *store.DB
	Tree  control.Tree
	Audit control.Auditor
	// Source gives that of an environment, nil where this process sees none of its
	// traffic; then no incidents are found there.
	Source func(environment string) *Source
	// Serves reports whether an environment has an API; nil takes every name.
	Serves func(ctx context.Context, environment, api string) (bool, error)
	// Changed is told of an environment in which other acts hold now.
	Changed func(environment string)
	// Environments lists those whose incidents this process finds.
	Environments []string
	Now          func() time.Time
	Log          *slog.Logger
}

// Service keeps incidents. It is safe for concurrent use.
type Service struct {
	o    Options
	gate control.Gate
}

// Open brings the tables up to date.
func Open(ctx context.Context, o Options) (*Service, error) {
	if o.DB == nil || o.Tree == nil || o.Audit == nil || o.Now == nil || o.Log == nil {
		return nil, errors.New("incidents: DB, Tree, Audit, Now and Log are required")
	}
	if o.Source == nil {
		o.Source = func(string) *Source { return nil }
	}
	if o.Changed == nil {
		o.Changed = func(string) {}
	}
	if err := o.DB.Migrate(ctx, "incidents", migrations); err != nil {
		return nil, fmt.Errorf("opening the incidents: %w", err)
	}
	return &Service{o: o, gate: control.Gate{Tree: o.Tree}}, nil
}

func (s *Service) may(ctx context.Context, p control.Principal, what access.Permission, environment string) error {
	return s.gate.Environment(ctx, p, what, environment)
}

// write makes a change together with its audit entry.
func (s *Service) write(ctx context.Context, p control.Principal, environment string, action audit.Action, object string, do func(tx *store.Tx) (before, after any, err error)) error {
	return s.o.DB.Write(ctx, func(tx *store.Tx) error {
		before, after, err := do(tx)
		if err != nil {
			return err
		}
		return s.told(ctx, tx, p, environment, action, object, before, after)
	})
}

func (s *Service) told(ctx context.Context, tx *store.Tx, p control.Principal, environment string, action audit.Action, object string, before, after any) error {
	return control.RecordChange(ctx, tx, s.o.Audit, control.Told(p, environment, action, object), before, after)
}

// system is who does what a schedule does.
func system() control.Principal { return control.Principal{Operator: "system"} }

func invalid(format string, args ...any) error {
	return fmt.Errorf("%w: %w", control.ErrInvalid, fmt.Errorf(format, args...))
}

// moment is a time of the store, zero for 0.
func moment(ms int64) time.Time {
	if ms == 0 {
		return time.Time{}
	}
	return time.UnixMilli(ms).UTC()
}
