// Package control is where operators say what is served and see what happened.
// Each folder below is one noun, with a service that takes who asks and decides
// inside whether it may be; pages and programs are thin adapters over them. The
// package itself holds only what the nouns have in common.
package control

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"

	"farrier.dev/farrier/internal/access"
	"farrier.dev/farrier/internal/audit"
	"farrier.dev/farrier/internal/store"
)

// Principal is who asks.
type Principal = access.Principal

// The refusals of all services.
var (
	// ErrForbidden says that the principal may not do this.
	ErrForbidden = errors.New("you may not do this")
	// ErrNotFound says that there is no such thing, or none that the principal may
	// know of.
	ErrNotFound = errors.New("not found")
	// ErrConflict says that it was changed meanwhile, or that one of that name exists.
	ErrConflict = errors.New("it was changed by somebody else meanwhile")
	// ErrInvalid says that what was asked for makes no sense; its text says where,
	// and how to mend it.
	ErrInvalid = errors.New("this can not be accepted")
	// ErrStale says that the operator must confirm who they are first.
	ErrStale = errors.New("confirm who you are, then repeat this")
	// ErrReadOnly says that it is owned by a file, and can only be changed there.
	ErrReadOnly = errors.New("it is managed by a file")
)

// Authorise refuses a principal who may not do something in a scope: with
// ErrNotFound where they may do nothing at all, so that foreign things are not even
// known of, and else with ErrForbidden.
func Authorise(p Principal, what access.Permission, at access.Scope) error {
	switch {
	case p.May(what, at):
		return nil
	case !p.Ready() || p.Sees(at):
		return ErrForbidden
	default:
		return ErrNotFound
	}
}

// Tree knows which environments and business groups there are; *access.Service is
// the one to use.
type Tree interface {
	// ScopeOf is the scope of an environment by its id, access.ErrUnknown for none.
	ScopeOf(ctx context.Context, environment string) (access.Scope, error)
	// GroupScope is the scope of a business group by its id, access.ErrUnknown for none.
	GroupScope(ctx context.Context, group string) (access.Scope, error)
}

// Gate decides for services whose things lie in many environments.
type Gate struct{ Tree Tree }

// Environment authorises something in an environment. An environment that does not
// exist is the same ErrNotFound as one that the principal may not know of.
func (g Gate) Environment(ctx context.Context, p Principal, what access.Permission, environment string) error {
	return g.authorise(ctx, p, what, environment, g.Tree.ScopeOf)
}

// Group authorises something in a business group, by its id.
func (g Gate) Group(ctx context.Context, p Principal, what access.Permission, group string) error {
	return g.authorise(ctx, p, what, group, g.Tree.GroupScope)
}

func (g Gate) authorise(ctx context.Context, p Principal, what access.Permission, id string, find func(context.Context, string) (access.Scope, error)) error {
	at, err := find(ctx, id)
	switch {
	case errors.Is(err, access.ErrUnknown):
		return ErrNotFound
	case err != nil:
		return fmt.Errorf("looking for %q: %w", id, err)
	}
	return Authorise(p, what, at)
}

// IsAway reports whether err says that the database can't be asked now, so that nothing
// can be shown or done until it can.
func IsAway(err error) bool { return store.IsAway(err) }

// Auditor keeps entries; *audit.Log is the one to use. Record is called within the
// transaction of what it tells of; its error undoes and refuses that.
type Auditor interface {
	Record(ctx context.Context, tx *store.Tx, e audit.Entry) error
}

// RecordChange keeps an entry with what it changed: before and after as JSON objects,
// nil for a thing that was not there, or is not any more.
func RecordChange(ctx context.Context, tx *store.Tx, to Auditor, e audit.Entry, before, after any) (err error) {
	if e.Before, err = asObject(before); err != nil {
		return err
	}
	if e.After, err = asObject(after); err != nil {
		return err
	}
	return to.Record(ctx, tx, e)
}

func asObject(value any) (json.RawMessage, error) {
	if value == nil {
		return nil, nil
	}
	text, err := json.Marshal(value)
	if err != nil {
		return nil, fmt.Errorf("recording a change: %w", err)
	}
	return text, nil
}

// Told begins an audit entry of what a principal did.
func Told(p Principal, environment string, action audit.Action, object string) audit.Entry {
	e := audit.Entry{
		Environment: environment, Operator: p.Operator, Via: p.Via, Session: p.Session,
		Action: action, Object: object, Outcome: audit.Done,
	}
	if p.Address.IsValid() {
		e.Address = p.Address.Unmap().WithZone("").String()
	}
	return e
}
