// Package session is the sign-in of operators as pages and programs see it:
// who a token belongs to, and how one gets a token and gives it back. Whose
// password is right is decided by access.
package session

import (
	"context"
	"errors"
	"net/netip"

	"farrier.dev/farrier/internal/access"
	"farrier.dev/farrier/internal/control"
)

// Session is a signed-in browser or program, as it is handed out once.
type Session = access.Session

// ThrottledError says that too many attempts failed, and how long to wait.
type ThrottledError = access.ThrottledError

// The refusals; what a person reads may be their text.
var (
	ErrCredentials = access.ErrCredentials
	ErrLink        = access.ErrLink
	ErrNoSession   = access.ErrNoSession
	ErrPassword    = access.ErrPassword
)

// Operator is the name of the local operator.
const Operator = access.Admin

// Service signs operators in and out.
type Service struct{ access *access.Service }

// New makes the service.
func New(a *access.Service) (*Service, error) {
	if a == nil {
		return nil, errors.New("session: it needs access")
	}
	return &Service{access: a}, nil
}

// Identify tells whose session a token is. Every error must refuse;
// ErrNoSession says that there is none, or that it ended.
func (s *Service) Identify(ctx context.Context, token string) (control.Principal, error) {
	if token == "" {
		return control.Principal{}, ErrNoSession
	}
	return s.access.Session(ctx, token)
}

// SignIn begins a session by password.
func (s *Service) SignIn(ctx context.Context, operator, password string, addr netip.Addr) (Session, error) {
	return s.access.SignIn(ctx, operator, password, addr)
}

// Redeem begins a session by a one-time link. mustSetPassword says that the
// session may do nothing but SetPassword.
func (s *Service) Redeem(ctx context.Context, token string, addr netip.Addr) (session Session, mustSetPassword bool, err error) {
	return s.access.RedeemLink(ctx, token, addr)
}

// SetPassword sets the password of the session's operator and gives a new
// session in the place of all others.
func (s *Service) SetPassword(ctx context.Context, token, current, next string, addr netip.Addr) (Session, error) {
	return s.access.SetPassword(ctx, token, current, next, addr)
}

// SignOut ends a session; one that has ended already is no error.
func (s *Service) SignOut(ctx context.Context, token string) error {
	return s.access.SignOut(ctx, token)
}

// HasPassword says whether a password was ever set; while not, a one-time link
// is the only way in.
func (s *Service) HasPassword(ctx context.Context) (bool, error) {
	return s.access.HasPassword(ctx)
}
