// Package publish is the only publisher of revisions: it reads manifests,
// builds and compiles the next revision beside the one in service, and puts it
// into service as a whole or not at all. The last good revision is kept on
// disk, sealed, and is served when the manifests can't be.
package publish

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"time"

	"farrier.dev/farrier/internal/manifest"
	"farrier.dev/farrier/internal/revision"
	"farrier.dev/farrier/internal/router"
)

// Server takes compiled revisions.
type Server interface {
	Load(ctx context.Context, next *router.Table) error
	Table() *router.Table
}

// Sealer keeps the last good revision unreadable on disk.
type Sealer interface {
	Seal(purpose string, plain []byte) (string, error)
	Open(purpose, sealed string) ([]byte, error)
}

// Options are what a publisher works with; all but Sources, Compiled, Amend, Refuse and Recorded must
// be given.
type Options struct {
	// Paths are manifest files and directories.
	Paths []string
	// Sources give manifests that lie on no disk, each under a name that begins with
	// Handed. They are read beside the paths. While one fails, a change is refused and
	// what serves goes on serving.
	Sources   []func(context.Context) ([]manifest.File, error)
	Catalogue manifest.Catalogue
	Build     manifest.Options
	// Compile holds everything that compiling needs but the previous table.
	Compile router.Options
	// Compiled compiles; nil is router.Compile.
	Compiled func(rev *revision.Revision, o router.Options) (*router.Table, error)
	Server   Server
	Sealer   Sealer
	// Dir is the data folder.
	Dir string
	Now func() time.Time
	Log *slog.Logger
	// Debounce is how long the manifests must stay as they are before they are read.
	Debounce time.Duration
	// Amend puts into a revision what operators decided beside the manifests; nil for
	// nothing.
	Amend func(rev *revision.Revision) error
	// Refuse tells why a revision must not be published, and what to warn of; nil
	// refuses none.
	Refuse func(ctx context.Context, rev *revision.Revision) []manifest.Problem
	// Recorded is told of every published and refused change; nil for nobody.
	Recorded func(ctx context.Context, number uint64, problems []manifest.Problem, published bool)
}

// Publisher publishes revisions.
type Publisher struct {
	o Options

	mu     sync.Mutex // one change at a time
	number uint64
	// held says that only Refuse stood against the last change.
	held bool
	// quiet says that a refusal that was told of is not told of again.
	quiet bool

	ownedMu sync.RWMutex
	owned   []manifest.Resource

	statusMu sync.RWMutex
	status   Status
}

// Status is what is in service and what was refused.
type Status struct {
	// Serving is nil before the first revision.
	Serving *revision.Revision
	Since   time.Time
	// FromDisk says that the last good revision serves because the manifests can't.
	FromDisk bool
	// Warnings are those of the revision in service.
	Warnings []manifest.Problem
	// Refused is the last change that was not put into service, nil when the
	// manifests as they are now serve.
	Refused *Refused
}

// Refused is a change that was not put into service.
type Refused struct {
	At       time.Time
	Problems []manifest.Problem
}

// New makes a publisher.
func New(o Options) *Publisher { return &Publisher{o: o} }

// Status is the state of publishing now.
func (p *Publisher) Status() Status {
	p.statusMu.RLock()
	defer p.statusMu.RUnlock()
	return p.status
}

func (p *Publisher) setStatus(change func(*Status)) {
	p.statusMu.Lock()
	defer p.statusMu.Unlock()
	change(&p.status)
}

// Start serves the last good revision, if there is one, and then the manifests.
// It fails only when there is neither.
func (p *Publisher) Start(ctx context.Context) error {
	kept := p.restore(ctx)
	problems := p.Publish(ctx)
	if kept == nil || p.o.Server.Table() != nil {
		return nil
	}
	if !errors.Is(kept, errNoneKept) {
		return fmt.Errorf("no revision can be served: the last good one: %w; the manifests:\n%s", kept, text(problems))
	}
	return fmt.Errorf("no revision can be served:\n%s", text(problems))
}

func text(problems []manifest.Problem) string {
	var b strings.Builder
	for _, one := range problems {
		b.WriteString(one.Text())
		b.WriteByte('\n')
	}
	return b.String()
}

// restore serves the revision kept on disk.
func (p *Publisher) restore(ctx context.Context) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	rev, err := readKept(p.o.Dir, p.o.Sealer)
	if err != nil {
		if !errors.Is(err, errNoneKept) {
			p.o.Log.Error("the last good revision can't be read", "error", err)
		}
		return err
	}
	p.number = rev.Number
	if err := p.serve(ctx, rev); err != nil {
		p.o.Log.Error("the last good revision can't be served", "revision", rev.Number, "error", err)
		return err
	}
	p.setStatus(func(s *Status) { s.Serving, s.Since, s.FromDisk = rev, p.o.Now(), true })
	p.o.Log.Info("the last good revision is in service", "revision", rev.Number)
	return nil
}

func (p *Publisher) serve(ctx context.Context, rev *revision.Revision) error {
	o := p.o.Compile
	o.Previous = p.o.Server.Table()
	compile := p.o.Compiled
	if compile == nil {
		compile = router.Compile
	}
	table, err := compile(rev, o)
	if err != nil {
		return fmt.Errorf("compiling: %w", err)
	}
	if err := p.o.Server.Load(ctx, table); err != nil {
		table.Retire(o.Previous)
		return err
	}
	return nil
}

// Publish reads the manifests and puts what they say into service, unless it
// serves already. It returns all problems; with an error among them the
// revision in service stays as it is.
func (p *Publisher) Publish(ctx context.Context) []manifest.Problem {
	p.mu.Lock()
	defer p.mu.Unlock()
	set, err := p.read(ctx)
	if err != nil {
		return p.unread(ctx, err)
	}
	return p.publish(ctx, set)
}

// errNoAPI keeps a folder that was not mounted, or is being filled, from taking
// every API out of service.
var errNoAPI = errors.New("no manifest names an API any more, so what serves goes on serving; to serve nothing, stop Farrier")

func (p *Publisher) publish(ctx context.Context, set *manifest.Set) []manifest.Problem {
	p.held = false
	rev, problems := manifest.Build(set, p.o.Catalogue, p.o.Build)
	if rev == nil {
		p.refuse(ctx, problems)
		return problems
	}
	if err := p.amend(rev); err != nil {
		return p.refuseFor(ctx, problems, err)
	}
	if now := p.o.Server.Table(); now != nil {
		switch {
		case now.Revision.Digest == rev.Digest:
			p.setStatus(func(s *Status) {
				s.Warnings, s.Refused, s.FromDisk = warnings(problems), nil, false
			})
			return problems
		case len(rev.APIs) == 0 && fromFiles(now.Revision):
			return p.refuseFor(ctx, problems, errNoAPI)
		}
	}
	if p.o.Refuse != nil {
		if problems = append(problems, p.o.Refuse(ctx, rev)...); manifest.HasErrors(problems) {
			p.held = true
			p.refuse(ctx, problems)
			return problems
		}
	}
	rev.Number, rev.Created = p.number+1, p.o.Now().UTC()
	if err := p.serve(ctx, rev); err != nil {
		return p.refuseFor(ctx, problems, err)
	}
	p.number = rev.Number
	if err := keep(p.o.Dir, p.o.Sealer, rev); err != nil {
		p.o.Log.Error("the revision serves, but could not be kept for the next start", "revision", rev.Number, "error", err)
	}
	p.setStatus(func(s *Status) {
		*s = Status{Serving: rev, Since: rev.Created, Warnings: warnings(problems)}
	})
	p.o.Log.Info("a revision is in service", "revision", rev.Number, "apis", len(rev.APIs), "digest", rev.Digest[:12], "warnings", len(problems))
	if p.o.Recorded != nil {
		p.o.Recorded(ctx, rev.Number, problems, true)
	}
	return problems
}

// amend puts into a revision what stands beside the manifests.
func (p *Publisher) amend(rev *revision.Revision) error {
	if p.o.Amend == nil {
		return nil
	}
	if err := p.o.Amend(rev); err != nil {
		return err
	}
	return rev.Seal()
}

// refuseFor refuses a change that could be built but not be served.
func (p *Publisher) refuseFor(ctx context.Context, problems []manifest.Problem, err error) []manifest.Problem {
	problems = append(problems, p.reasons(err)...)
	p.refuse(ctx, problems)
	return problems
}

// reasons tells an error as problems of manifests.
func (p *Publisher) reasons(err error) (problems []manifest.Problem) {
	file, line := "", 1
	if len(p.o.Paths) > 0 {
		file = p.o.Paths[0]
	}
	for _, one := range lines(err) {
		at := manifest.Problem{Severity: manifest.Error, File: file, Line: line, Message: one}
		if f, l, rest, ok := located(one); ok {
			at.File, at.Line, at.Message = f, l, rest
		}
		problems = append(problems, at)
	}
	return problems
}

func (p *Publisher) refuse(ctx context.Context, problems []manifest.Problem) {
	if before := p.Status().Refused; p.quiet && before != nil && text(before.Problems) == text(problems) {
		return
	}
	p.setStatus(func(s *Status) { s.Refused = &Refused{At: p.o.Now().UTC(), Problems: problems} })
	for i, one := range problems {
		if one.Severity != manifest.Error {
			continue
		}
		p.o.Log.Error("a change of the manifests is refused; what served goes on serving", "problem", one.Text())
		if i > 20 {
			break
		}
	}
	if p.o.Recorded != nil {
		p.o.Recorded(ctx, p.number, problems, false)
	}
}

func warnings(problems []manifest.Problem) []manifest.Problem {
	var found []manifest.Problem
	for _, one := range problems {
		if one.Severity == manifest.Warning {
			found = append(found, one)
		}
	}
	return found
}
