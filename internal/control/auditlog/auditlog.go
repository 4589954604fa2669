// Package auditlog shows operators what operators did. It only reads: entries
// are written by those who do the things.
package auditlog

import (
	"context"
	"errors"

	"farrier.dev/farrier/internal/access"
	"farrier.dev/farrier/internal/audit"
	"farrier.dev/farrier/internal/control"
)

// Entry is one thing that somebody did.
type Entry = audit.Kept

// ErrTampered says that the log was changed by somebody else than Farrier.
var ErrTampered = audit.ErrTampered

// Log is what the service asks; *audit.Log is the one to use.
type Log interface {
	List(ctx context.Context, limit int, before int64) ([]audit.Kept, error)
	Verify(ctx context.Context) error
}

// Service answers operators.
type Service struct {
	log   Log
	where access.Scope
}

// New makes the service for the operators of a scope.
func New(log Log, where access.Scope) (*Service, error) {
	if log == nil {
		return nil, errors.New("auditlog: it needs a log")
	}
	return &Service{log: log, where: where}, nil
}

// pageSize is how many entries a page has.
const pageSize = 50

// List gives a page of entries older than the one with this number, newest
// first; 0 begins with the newest of all. next is the before of the next page,
// 0 when this is the last.
func (s *Service) List(ctx context.Context, p control.Principal, before int64) (entries []Entry, next int64, err error) {
	if err := control.Authorise(p, access.ViewAudit, s.where); err != nil {
		return nil, 0, err
	}
	entries, err = s.log.List(ctx, pageSize+1, before)
	if err == nil && len(entries) > pageSize {
		entries = entries[:pageSize]
		next = entries[pageSize-1].ID
	}
	return entries, next, err
}

// Verify walks the whole chain; ErrTampered says which entry breaks it.
func (s *Service) Verify(ctx context.Context, p control.Principal) error {
	if err := control.Authorise(p, access.ViewAudit, s.where); err != nil {
		return err
	}
	return s.log.Verify(ctx)
}
