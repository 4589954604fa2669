// Package auditlog shows operators what operators did. It only reads: entries
// are written by those who do the things, and by this package only the one that
// says who took a copy of them.
package auditlog

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"

	"farrier.dev/farrier/internal/access"
	"farrier.dev/farrier/internal/audit"
	"farrier.dev/farrier/internal/audit/export"
	"farrier.dev/farrier/internal/control"
	"farrier.dev/farrier/internal/store"
)

// Entry is one thing that somebody did.
type Entry = audit.Kept

// Query chooses entries.
type Query = audit.Query

// Report says what was verified.
type Report = audit.Report

// ErrTampered says that the log was changed by somebody else than Farrier.
var ErrTampered = audit.ErrTampered

// ErrUnwritable says that the log can't be written, so that nothing may be changed.
var ErrUnwritable = audit.ErrUnwritable

// Log is what the service asks; *audit.Log is the one to use.
type Log interface {
	List(ctx context.Context, q audit.Query) ([]audit.Kept, error)
	Walk(ctx context.Context, q audit.Query, each func(audit.Kept) error) error
	Environments(ctx context.Context) ([]string, error)
	Actions(ctx context.Context) ([]string, error)
	Verify(ctx context.Context) (audit.Report, error)
	Record(ctx context.Context, tx *store.Tx, e audit.Entry) error
}

// Service answers operators.
type Service struct {
	log  Log
	tree control.Tree
}

// New makes the service. The tree says where environments lie.
func New(log Log, tree control.Tree) (*Service, error) {
	if log == nil || tree == nil {
		return nil, errors.New("auditlog: it needs a log and a tree")
	}
	return &Service{log: log, tree: tree}, nil
}

// The bounds of pages and copies.
const (
	pageSize = 50
	maxPage  = 500
	maxText  = 200
	// MaxExport is how many entries a copy has at most; farrier audit export has no
	// such bound.
	MaxExport = 100_000
)

// List gives a page of the entries that a query chooses and that the principal may
// see, the newest first: those of environments in which it may read the log, and
// those of none for who may in the whole organisation. A Limit of 0 is for 50. next
// is the Before of the next page, 0 when this is the last.
func (s *Service) List(ctx context.Context, p control.Principal, q Query) (entries []Entry, next int64, err error) {
	if q, err = s.scoped(ctx, p, q); err != nil {
		return nil, 0, err
	}
	size := q.Limit
	if size <= 0 {
		size = pageSize
	}
	size = min(size, maxPage)
	q.Limit = size + 1
	entries, err = s.log.List(ctx, q)
	if err == nil && len(entries) > size {
		entries = entries[:size]
		next = entries[size-1].ID
	}
	return entries, next, err
}

// Choices are the actions and environments that a filter can offer to who may read
// all of the log; nobody else is told which there are.
func (s *Service) Choices(ctx context.Context, p control.Principal) (actions, environments []string, err error) {
	if !s.SeesAll(p) {
		return nil, nil, nil
	}
	if actions, err = s.log.Actions(ctx); err != nil {
		return nil, nil, err
	}
	environments, err = s.log.Environments(ctx)
	return actions, slices.DeleteFunc(environments, func(name string) bool { return name == "" }), err
}

// Get gives one entry; control.ErrNotFound for one that the principal may not see.
func (s *Service) Get(ctx context.Context, p control.Principal, id int64) (Entry, error) {
	q, err := s.scoped(ctx, p, Query{Before: id + 1, After: id - 1})
	if err != nil {
		return Entry{}, err
	}
	if id < 1 {
		return Entry{}, control.ErrNotFound
	}
	q.Limit = 1
	list, err := s.log.List(ctx, q)
	if err != nil {
		return Entry{}, err
	}
	if len(list) == 0 || list[0].ID != id {
		return Entry{}, control.ErrNotFound
	}
	return list[0], nil
}

// Verify walks the whole chain; ErrTampered says which entry breaks it. It is for who
// may read all of the log.
func (s *Service) Verify(ctx context.Context, p control.Principal) (Report, error) {
	if err := control.Authorise(p, access.ViewAudit, root()); err != nil {
		return Report{}, err
	}
	return s.log.Verify(ctx)
}

// Verified is Verify for who shows its verdict: broken says what breaks the chain,
// empty when it is whole.
func (s *Service) Verified(ctx context.Context, p control.Principal) (r Report, broken string, err error) {
	if r, err = s.Verify(ctx, p); errors.Is(err, ErrTampered) {
		return r, err.Error(), nil
	}
	return r, "", err
}

// SeesAll reports whether the principal may read all of the log, and verify it.
func (s *Service) SeesAll(p control.Principal) bool { return p.May(access.ViewAudit, root()) }

// Export begins a copy of the entries that a query chooses and that the principal may
// see, at most MaxExport, the oldest first. That it was taken is recorded first; the
// function that is returned writes it.
func (s *Service) Export(ctx context.Context, p control.Principal, q Query, format export.Format) (func(w io.Writer) error, error) {
	if !format.Known() {
		return nil, fmt.Errorf("%w: the format must be one of csv, json, ocsf", control.ErrInvalid)
	}
	q, err := s.scoped(ctx, p, q)
	if err != nil {
		return nil, err
	}
	e := control.Told(p, q.Environment, audit.LogExported, "audit log")
	e.Detail = map[string]string{"format": string(format)}
	if err := s.log.Record(ctx, nil, e); err != nil {
		return nil, err
	}
	q.Limit = MaxExport
	return func(w io.Writer) error {
		out := export.New(w, format)
		if err := s.log.Walk(ctx, q, out.Write); err != nil {
			return err
		}
		return out.Close()
	}, nil
}

// scoped narrows a query to what the principal may see.
func (s *Service) scoped(ctx context.Context, p control.Principal, q Query) (Query, error) {
	if len(q.Text) > maxText {
		return q, fmt.Errorf("%w: the text to search for is longer than %d bytes", control.ErrInvalid, maxText)
	}
	q.Environments = nil
	if p.May(access.ViewAudit, root()) {
		return q, nil
	}
	if !slices.ContainsFunc(p.Grants, func(g access.Grant) bool { return p.May(access.ViewAudit, g.Scope) }) {
		return q, control.Authorise(p, access.ViewAudit, root())
	}
	names, err := s.log.Environments(ctx)
	if err != nil {
		return q, err
	}
	q.Environments = []string{}
	for _, name := range names {
		if name == "" {
			continue
		}
		at, err := s.tree.ScopeOf(ctx, name)
		switch {
		case errors.Is(err, access.ErrUnknown):
		case err != nil:
			return q, fmt.Errorf("looking for %q: %w", name, err)
		case p.May(access.ViewAudit, at):
			q.Environments = append(q.Environments, name)
		}
	}
	return q, nil
}

func root() access.Scope { return access.Scope{Group: access.Root} }

// Single is the tree of a process that knows one environment.
type Single struct{ Where access.Scope }

// ScopeOf implements control.Tree.
func (s Single) ScopeOf(_ context.Context, environment string) (access.Scope, error) {
	if environment != s.Where.Environment {
		return access.Scope{}, access.ErrUnknown
	}
	return s.Where, nil
}

// GroupScope implements control.Tree.
func (s Single) GroupScope(_ context.Context, group string) (access.Scope, error) {
	if group != s.Where.Group {
		return access.Scope{}, access.ErrUnknown
	}
	return access.Scope{Group: group}, nil
}
