// Package session is the sign-in of operators as pages and programs see it: who a
// token belongs to, how one gets a token and gives it back, and what people do with
// their own account: password, second factor, sessions, tokens. Whose password is
// right is decided by access.
package session

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"farrier.dev/farrier/internal/access"
	"farrier.dev/farrier/internal/control"
)

// Session is a signed-in browser or program, as it is handed out once.
type Session = access.Session

// From is where a sign-in comes from.
type From = access.From

// ThrottledError says that too many attempts failed, and how long to wait.
type ThrottledError = access.ThrottledError

// The refusals; what a person reads may be their text.
var (
	ErrCredentials = access.ErrCredentials
	ErrCode        = access.ErrCode
	ErrLink        = access.ErrLink
	ErrNoSession   = access.ErrNoSession
	ErrPassword    = access.ErrPassword
)

// Operator is the name of the first account.
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

// Identify tells whose session or API token a token is. Every error must refuse;
// ErrNoSession says that there is none, or that it ended.
func (s *Service) Identify(ctx context.Context, token string) (control.Principal, error) {
	if token == "" {
		return control.Principal{}, ErrNoSession
	}
	return s.access.Session(ctx, token)
}

// SignIn begins a session by password, or half of one where a second factor is asked
// for.
func (s *Service) SignIn(ctx context.Context, operator, password string, from From) (Session, error) {
	return s.access.SignIn(ctx, operator, password, from)
}

// Half is a sign-in that waits for its second factor.
func (s *Service) Half(ctx context.Context, half string) (access.Half, error) {
	return s.access.HalfOf(ctx, half)
}

// SecondFactor finishes a half sign-in with a code.
func (s *Service) SecondFactor(ctx context.Context, half, code string, from From) (Session, error) {
	return s.access.SecondFactor(ctx, half, code, from)
}

// Redeem begins a session by a one-time link. mustSetPassword says that the
// session may do nothing but SetPassword.
func (s *Service) Redeem(ctx context.Context, token string, from From) (session Session, mustSetPassword bool, err error) {
	return s.access.RedeemLink(ctx, token, from)
}

// SetPassword sets the password of the session's operator and gives a new
// session in the place of all others.
func (s *Service) SetPassword(ctx context.Context, token, current, next string, from From) (Session, error) {
	return s.access.SetPassword(ctx, token, current, next, from)
}

// SignOut ends a session; one that has ended already is no error.
func (s *Service) SignOut(ctx context.Context, token string) error {
	return s.access.SignOut(ctx, token)
}

// HasPassword says whether anybody can sign in; while not, a one-time link is the
// only way in.
func (s *Service) HasPassword(ctx context.Context) (bool, error) {
	return s.access.HasPassword(ctx)
}

// Confirm proves again who has a session, for dangerous acts.
func (s *Service) Confirm(ctx context.Context, token, password, code string, from From) error {
	return mend(s.access.Confirm(ctx, token, password, code, from))
}

// BeginTOTP makes the secret of an authenticator; ConfirmTOTP puts it into use.
func (s *Service) BeginTOTP(ctx context.Context, token string) (access.Enrolment, error) {
	e, err := s.access.BeginTOTP(ctx, token)
	return e, mend(err)
}

// ConfirmTOTP puts an authenticator into use. The recovery codes that come with the
// first factor are shown once.
func (s *Service) ConfirmTOTP(ctx context.Context, token, code string, from From) (Session, []string, error) {
	session, codes, err := s.access.ConfirmTOTP(ctx, token, code, from)
	return session, codes, mend(err)
}

// RenewRecovery makes new recovery codes, which are shown once.
func (s *Service) RenewRecovery(ctx context.Context, token string, from From) ([]string, error) {
	codes, err := s.access.RenewRecovery(ctx, token, from)
	return codes, mend(err)
}

// RemoveFactor takes a second factor from the session's account.
func (s *Service) RemoveFactor(ctx context.Context, token, id string, from From) (Session, error) {
	session, err := s.access.RemoveFactor(ctx, token, id, from)
	return session, mend(err)
}

// Own is what people see of their own account.
type Own struct {
	Account  access.Account
	Factors  []access.Factor
	Recovery int // codes that are left
	Sessions []access.Running
	Tokens   []access.APIToken
	Teams    []access.Team
	// May are the permissions that a token could be good for.
	May []access.Permission
}

// Own is the account of who asks.
func (s *Service) Own(ctx context.Context, p control.Principal) (o Own, err error) {
	if err := personal(p); err != nil {
		return Own{}, err
	}
	if o.Account, err = s.access.Account(ctx, p.Account); err != nil {
		return Own{}, err
	}
	factors, err := s.access.Factors(ctx, p.Account)
	if err != nil {
		return Own{}, err
	}
	for _, f := range factors {
		if f.Kind == "recovery" {
			o.Recovery++
		} else {
			o.Factors = append(o.Factors, f)
		}
	}
	if o.Sessions, err = s.access.Sessions(ctx, p.Account); err != nil {
		return Own{}, err
	}
	if o.Tokens, err = s.access.APITokens(ctx, p.Account); err != nil {
		return Own{}, err
	}
	if o.Teams, err = s.teams(ctx, p.Account); err != nil {
		return Own{}, err
	}
	for _, what := range access.Permissions() {
		if holdsSomewhere(p, what) {
			o.May = append(o.May, what)
		}
	}
	return o, nil
}

func (s *Service) teams(ctx context.Context, account string) (list []access.Team, err error) {
	members, err := s.access.Members(ctx, "", account)
	if err != nil {
		return nil, err
	}
	teams, err := s.access.Teams(ctx)
	for _, t := range teams {
		for _, m := range members {
			if m.Team == t.ID {
				list = append(list, t)
				break
			}
		}
	}
	return list, err
}

// holdsSomewhere reports whether a principal may do something anywhere.
func holdsSomewhere(p control.Principal, what access.Permission) bool {
	if p.May(what, access.Scope{Group: access.Root}) {
		return true
	}
	for _, g := range p.Grants {
		if p.May(what, g.Scope) {
			return true
		}
	}
	return false
}

// personal refuses who is not signed in as a person, as API tokens.
func personal(p control.Principal) error {
	if !p.Ready() || p.Account == "" || strings.HasPrefix(p.Via, "token:") {
		return control.ErrForbidden
	}
	return nil
}

// CreateToken makes an API token for who asks; the text is shown once. It is good for
// nothing that its owner may not do at the time of use.
func (s *Service) CreateToken(ctx context.Context, p control.Principal, t access.APIToken) (access.APIToken, string, error) {
	if err := personal(p); err != nil {
		return access.APIToken{}, "", err
	}
	for _, what := range t.Limits {
		if !holdsSomewhere(p, what) {
			return access.APIToken{}, "", fmt.Errorf("%w: you hold %s nowhere", control.ErrForbidden, what)
		}
	}
	t.Account = p.Account
	t, text, err := s.access.CreateAPIToken(ctx, p.By(), t)
	return t, text, mend(err)
}

// RevokeToken ends a token of who asks.
func (s *Service) RevokeToken(ctx context.Context, p control.Principal, id string) error {
	if err := personal(p); err != nil {
		return err
	}
	return mend(s.access.RevokeAPIToken(ctx, p.By(), p.Account, id))
}

// Revoke ends a session of who asks, or, with an empty id, all but the one that asks.
func (s *Service) Revoke(ctx context.Context, p control.Principal, id string) (int, error) {
	if err := personal(p); err != nil {
		return 0, err
	}
	except := p.Session
	if id != "" {
		except = ""
	}
	n, err := s.access.RevokeSessions(ctx, p.By(), p.Account, id, except)
	return n, mend(err)
}

// mend turns the refusals of access into those of all services.
func mend(err error) error {
	for from, to := range map[error]error{
		access.ErrUnknown: control.ErrNotFound, access.ErrStale: control.ErrStale, access.ErrInvalid: control.ErrInvalid,
		access.ErrVersion: control.ErrConflict, access.ErrTaken: control.ErrConflict,
	} {
		if errors.Is(err, from) {
			return errors.Join(to, err)
		}
	}
	return err
}
