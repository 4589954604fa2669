// Package posture keeps what any part of Farrier complains of: it owns the
// table of findings, counts how often each was seen, remembers its first and
// last occurrences, and what operators suppressed. It finds nothing itself and
// sends no alerts.
package posture

import (
	"context"
	"embed"
	"errors"
	"fmt"
	"io/fs"
	"sync"
	"sync/atomic"
	"time"

	"farrier.dev/farrier/internal/store"
)

// DefaultMaxFindings bounds the findings of a gateway. Those beyond it are
// counted together, one for each rule and API.
const DefaultMaxFindings = 20_000

// Other is the operation and place of findings that are counted together.
const Other = "(other)"

// ErrInvalid says that a suppression makes no sense.
var ErrInvalid = errors.New("this can not be accepted")

// ErrNotFound says that there is no such finding or suppression.
var ErrNotFound = errors.New("not found")

//go:embed migrations/*.sql suppressions/migrations/*.sql
var migrations embed.FS

// Options are what posture works with. All but MaxFindings are required.
type Options struct {
	// DB holds the findings; it is the database of the monitor whose
	// transactions WriteFindings gets. Control holds the suppressions, which
	// must not be lost; both may be the same.
	DB, Control *store.DB
	// Environment is what this process speaks of, Gateway its name in it.
	Environment, Gateway string
	Now                  func() time.Time
	// MaxFindings is DefaultMaxFindings when 0.
	MaxFindings int
}

// Posture keeps findings. Its methods are safe for concurrent use.
type Posture struct {
	opts Options
	// active are the suppressions that hold; the slice is never changed.
	active atomic.Pointer[[]Suppression]
	// refreshing keeps an older reading of them from replacing a newer one.
	refreshing sync.Mutex
}

// New opens the tables of posture and makes it.
func New(ctx context.Context, opts Options) (*Posture, error) {
	if opts.DB == nil || opts.Control == nil || opts.Now == nil || opts.Environment == "" || opts.Gateway == "" {
		return nil, errors.New("posture: DB, Control, Environment, Gateway and Now are required")
	}
	if opts.MaxFindings == 0 {
		opts.MaxFindings = DefaultMaxFindings
	}
	suppressions, err := fs.Sub(migrations, "suppressions")
	if err != nil {
		return nil, err
	}
	if err := opts.DB.Migrate(ctx, "posture", migrations); err != nil {
		return nil, err
	}
	if err := opts.Control.Migrate(ctx, "posturesuppressions", suppressions); err != nil {
		return nil, err
	}
	p := &Posture{opts: opts}
	p.active.Store(&[]Suppression{})
	if err := p.Refresh(ctx); err != nil {
		return nil, fmt.Errorf("opening posture: %w", err)
	}
	return p, nil
}

// Run reopens findings whose suppression has expired, and takes over the suppressions
// that other processes have changed, until ctx ends. The error of a store that fails
// goes to report, and the next minute tries again.
func (p *Posture) Run(ctx context.Context, report func(error)) {
	ticker := time.NewTicker(time.Minute)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		}
		changed, err := p.changed(ctx)
		if changed {
			err = p.Refresh(ctx)
		}
		if err != nil && ctx.Err() == nil {
			report(err)
		}
	}
}
