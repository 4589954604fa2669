// Package inventory is everything that operators see and decide of the inventory:
// which operations exist, who calls them, which data they carry, and how they stand
// to what is described. It keeps one picture of all operations in memory, small
// enough for tens of thousands, and reads the details of one from the store when it
// is asked for. It learns nothing itself.
package inventory

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"farrier.dev/farrier/internal/access"
	"farrier.dev/farrier/internal/audit"
	"farrier.dev/farrier/internal/control"
	"farrier.dev/farrier/internal/discovery"
	"farrier.dev/farrier/internal/discovery/keep"
	"farrier.dev/farrier/internal/finding"
	"farrier.dev/farrier/internal/manifest"
	"farrier.dev/farrier/internal/revision"
	"farrier.dev/farrier/internal/store"
)

// Source is what was learned, that of all gateways together; *keep.Keep is the one
// to use.
type Source interface {
	Generation(ctx context.Context) (generation, dropped uint64, err error)
	Groups(ctx context.Context, yield func(ops []*discovery.Operation) error) error
	Get(ctx context.Context, id string) (*discovery.Operation, error)
	Edges(ctx context.Context, own bool) ([]discovery.Edge, error)
}

// Memory is what operators decided; *keep.Keep is the one to use.
type Memory interface {
	Edits(ctx context.Context) ([]discovery.Edit, error)
	AddEdit(ctx context.Context, tx *store.Tx, e discovery.Edit) error
	RemoveEdit(ctx context.Context, tx *store.Tx, e discovery.Edit) error
	Marks(ctx context.Context) (map[string]keep.Marks, error)
	Mark(ctx context.Context, tx *store.Tx, subject string, m keep.Marks) error
	Views(ctx context.Context, operator string) ([]keep.View, error)
	SaveView(ctx context.Context, tx *store.Tx, v keep.View) error
	RemoveView(ctx context.Context, tx *store.Tx, operator, name string) error
}

// Learner is the learner of this process; *discovery.Learner is the one to use.
type Learner interface {
	Explain(method, host, path string) discovery.Explanation
	Edit(all []discovery.Edit)
}

// Options are what the service works with. All are required but Rejected, Propose and
// Found.
type Options struct {
	// Where is the environment whose operators may ask.
	Where   access.Place
	Learner Learner
	// Described gives all descriptions.
	Described func() []discovery.Described
	// Judge begins to hold operations against descriptions.
	Judge func(described []discovery.Described) Judging
	// Rate gives the risk of an operation, Propose what would lessen it.
	Rate    func(op *discovery.Operation, f Facts) Risk
	Propose func(op *discovery.Operation, f Facts) []Proposal
	// Export writes operations in a format of Formats.
	Export Export
	// Rejected are the paths that were most often not taken into the inventory.
	Rejected func(most int) []Rejected
	// Found is told of the findings of each judgement.
	Found func(ctx context.Context, findings []finding.Finding)
	// Serving is the revision in service, nil before the first.
	Serving func() *revision.Revision
	// Findings are those of an API that are open, or of all when it is empty.
	Findings func(ctx context.Context, api string) ([]finding.Finding, error)
	// Adopted are the resources that were made here; Publish puts them into service.
	Adopted *Adopted
	Publish func(ctx context.Context) []manifest.Problem
	// Write writes the database of control in one transaction, Record keeps what
	// operators did in it; a nil transaction stands for one of its own.
	Write  func(ctx context.Context, change func(tx *store.Tx) error) error
	Record func(ctx context.Context, tx *store.Tx, e audit.Entry) error
	Now    func() time.Time
	Log    *slog.Logger
}

// Rejected is a path that is not listed, with the reason.
type Rejected struct {
	Method, Host, Path, Reason string
	Count                      uint64
	Last                       time.Time
}

// Service answers operators. Its methods are safe for concurrent use.
type Service struct {
	o Options

	kept    atomic.Pointer[tables]
	picture atomic.Pointer[picture]
	// building is held by who builds a picture; stale says that one is wanted.
	building sync.Mutex
	stale    atomic.Bool
	// deciding is held by who teaches the learner what was decided.
	deciding sync.Mutex
}

type tables struct {
	source Source
	memory Memory
}

// New makes the service.
func New(o Options) (*Service, error) {
	if o.Where == nil || o.Learner == nil || o.Described == nil || o.Judge == nil || o.Rate == nil || o.Export == nil || o.Serving == nil || o.Findings == nil ||
		o.Adopted == nil || o.Publish == nil || o.Write == nil || o.Record == nil || o.Now == nil || o.Log == nil {
		return nil, errors.New("inventory: all options but Rejected, Propose and Found are required")
	}
	return &Service{o: o}, nil
}

// Remember gives the service its tables, once the store is open.
func (s *Service) Remember(source Source, memory Memory) {
	s.kept.Store(&tables{source, memory})
	s.stale.Store(true)
}

// errClosed says that there are no tables yet.
var errClosed = errors.New("the store is not open")

func (s *Service) tables() (*tables, error) {
	if t := s.kept.Load(); t != nil {
		return t, nil
	}
	return nil, errClosed
}

// InputError says what is wrong with something that an operator asked for, and how to
// mend it.
type InputError struct{ message string }

// Error is the whole message.
func (e *InputError) Error() string { return e.message }

func wrong(format string, args ...any) error { return &InputError{fmt.Sprintf(format, args...)} }

// Every is how often the picture is brought up to date at most. After one that took
// long the next one waits for restFactor times as long, so that no more than a tenth of
// one processor is spent on it; what operators decide is seen at once.
const (
	Every      = 2 * time.Second
	restFactor = 10
)

// due says whether the picture may be built anew by now.
func (s *Service) due() bool {
	now := s.picture.Load()
	return now == nil || s.stale.Load() || s.o.Now().Sub(now.built) >= restFactor*now.took
}

// Run keeps the picture up to date until ctx ends, so that no page waits for it.
func (s *Service) Run(ctx context.Context) error {
	tick := time.NewTicker(Every)
	defer tick.Stop()
	for {
		if !s.due() {
			// It rests.
		} else if err := s.Refresh(ctx); err != nil && ctx.Err() == nil && !errors.Is(err, errClosed) {
			s.o.Log.Error("the inventory can't be brought up to date", "error", err)
		}
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
	}
}

// Refresh brings the picture up to date when something has changed, or when the one
// there is is an hour old: operations become unused by the passing of time alone.
func (s *Service) Refresh(ctx context.Context) error {
	t, err := s.tables()
	if err != nil {
		return err
	}
	s.building.Lock()
	defer s.building.Unlock()
	generation, dropped, err := t.source.Generation(ctx)
	if err != nil {
		return err
	}
	serving := ""
	if rev := s.o.Serving(); rev != nil {
		serving = rev.Digest
	}
	if now := s.picture.Load(); now != nil && !s.stale.Load() && now.generation == generation && now.serving == serving && s.o.Now().Sub(now.at) < time.Hour {
		return nil
	}
	s.stale.Store(false)
	began := s.o.Now()
	next, err := s.build(ctx, t)
	if err != nil {
		s.stale.Store(true)
		return err
	}
	next.generation, next.dropped, next.serving = generation, dropped, serving
	next.built = s.o.Now()
	next.took = next.built.Sub(began)
	s.picture.Store(next)
	return nil
}

// now is the picture that pages are answered from; only the first is waited for.
func (s *Service) now(ctx context.Context, p control.Principal) (*picture, error) {
	if err := control.Authorise(p, access.ViewInventory, s.o.Where.At()); err != nil {
		return nil, err
	}
	if pic := s.picture.Load(); pic != nil {
		return pic, nil
	}
	if err := s.Refresh(ctx); err != nil {
		return nil, err
	}
	return s.picture.Load(), nil
}
