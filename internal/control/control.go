// Package control is where operators say what is served and see what happened.
// Each folder below is one noun, with a service that takes who asks and decides
// inside whether it may be; pages and programs are thin adapters over them. The
// package itself holds only what the nouns have in common.
package control

import (
	"errors"

	"farrier.dev/farrier/internal/access"
)

// Principal is who asks.
type Principal = access.Principal

// The refusals of all services.
var (
	// ErrForbidden says that the principal may not do this.
	ErrForbidden = errors.New("you may not do this")
	// ErrNotFound says that there is no such thing.
	ErrNotFound = errors.New("not found")
)

// Authorise refuses a principal who is not an administrator with ErrForbidden.
// One who must set a password first has no roles, and is refused too.
func Authorise(p Principal) error {
	if p.Operator == "" || p.MustSetPassword || !p.Has(access.RoleAdmin) {
		return ErrForbidden
	}
	return nil
}
