package sso

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strings"
	"time"

	"farrier.dev/farrier/internal/access"
	"farrier.dev/farrier/internal/access/oidc"
	"farrier.dev/farrier/internal/access/saml"
	"farrier.dev/farrier/internal/control"
)

// Begun is a sign-in under way; see oidc.Begun.
type Begun = oidc.Begun

// CookieLife is how long the cookie of a sign-in is kept.
const CookieLife = oidc.FlowLife

// The refusals, as pages tell them apart; each carries its reason.
var (
	ErrUnreachable = oidc.ErrUnreachable
	ErrFlow        = oidc.ErrFlow
	ErrDenied      = oidc.ErrDenied
	ErrAnswer      = oidc.ErrAnswer
	ErrWeak        = oidc.ErrWeak
	// ErrOther says that somebody else confirmed than who is signed in.
	ErrOther = errors.New("this is another person than the one who is signed in")
	// ErrDomain says that the person's e-mail address is of none of the domains.
	ErrDomain = errors.New("the e-mail address is of no domain whose people may sign in this way")
	// ErrNoAccount, ErrDisabled and ErrTaken are those of access.
	ErrNoAccount = access.ErrNoAccount
	ErrDisabled  = access.ErrDisabled
	ErrTaken     = access.ErrTaken
)

// Begin starts a sign-in at a provider.
func (s *Service) Begin(ctx context.Context, name, next, hint string) (Begun, error) {
	p, err := s.find(name)
	if err != nil {
		return Begun{}, err
	}
	return p.begin(ctx, oidc.Ask{Next: next, Hint: hint})
}

// bound is whose a confirmation is.
type bound struct {
	Subject string `json:"s"`
	Account string `json:"a"`
	// Session ends when another takes its place.
	Session string `json:"i"`
}

// Again demands that who has signed in at a provider proves it there once more.
func (s *Service) Again(ctx context.Context, p control.Principal, name, next, token string) (Begun, error) {
	at, err := s.find(name)
	if err != nil {
		return Begun{}, err
	}
	now, err := s.o.People.ExternalSession(ctx, token)
	if err != nil {
		return Begun{}, err
	}
	if now.Provider != via(at) {
		return Begun{}, control.ErrNotFound
	}
	text, err := json.Marshal(bound{now.Subject, p.Account, p.Session})
	if err != nil {
		return Begun{}, err
	}
	return at.begin(ctx, oidc.Ask{Next: next, Confirm: true, Bound: string(text)})
}

// via is how sessions name a provider.
func via(p provider) string {
	if p.saml != nil {
		return "saml:" + p.settings.Name
	}
	return "oidc:" + p.settings.Name
}

func (p provider) begin(ctx context.Context, ask oidc.Ask) (Begun, error) {
	if p.saml != nil {
		b, err := p.saml.Begin(ctx, saml.Ask{Next: ask.Next, Bound: ask.Bound, Confirm: ask.Confirm})
		return Begun(b), refused(err)
	}
	return p.oidc.Begin(ctx, ask)
}

// came is who came from a provider, and what for.
type came struct {
	subject, session, username, email, display string
	groups                                     []string
	strong                                     bool
	notAfter                                   time.Time
	confirm                                    bool
	bound                                      string
}

// Finish signs in whom the answer of an OpenID provider names. Next is where the
// browser was going, also when there is an error.
func (s *Service) Finish(ctx context.Context, name, rawQuery, cookie string, from access.From) (session access.Session, next string, err error) {
	p, err := s.speaks(name, false)
	if err != nil {
		return access.Session{}, "", err
	}
	a, err := p.oidc.Finish(ctx, rawQuery, cookie)
	if err != nil {
		return access.Session{}, a.Next, err
	}
	session, err = s.enter(ctx, p, came{
		subject: a.Subject, session: a.Session, username: a.Username, email: a.Email, display: a.Name, groups: a.Groups,
		strong: len(p.settings.ACR) > 0 || len(p.settings.AMR) > 0, confirm: a.Confirm, bound: a.Bound,
	}, from)
	return session, a.Next, err
}

// enter signs in who came.
func (s *Service) enter(ctx context.Context, p provider, a came, from access.From) (session access.Session, err error) {
	var whose bound
	if a.confirm && (json.Unmarshal([]byte(a.bound), &whose) != nil || a.subject != whose.Subject) {
		return access.Session{}, ErrOther
	}
	e := access.External{
		Provider: via(p), Subject: a.subject, Name: strings.ToLower(a.username), Email: a.email, Display: a.display, Groups: a.groups,
		SessionIndex: a.session, StrongFactor: a.strong, Create: p.settings.CreateAccounts, NotAfter: a.notAfter,
	}
	if e.Name == "" {
		e.Name = strings.ToLower(a.email)
	}
	if len(p.settings.Domains) > 0 && !slices.Contains(p.settings.Domains, domain(a.email)) {
		if e.Create = false; a.email != "" {
			return access.Session{}, ErrDomain
		}
	}
	if session, err = s.o.People.SignInExternal(ctx, e, from); err == nil && a.confirm {
		_, err = s.o.People.RevokeSessions(ctx, access.By{Operator: session.Operator, Via: via(p), Address: from.Address}, whose.Account, whose.Session, "")
		if errors.Is(err, access.ErrUnknown) { // it ended meanwhile
			err = nil
		}
	}
	return session, err
}

// BackChannel ends the sessions that a logout token names, and says how many.
func (s *Service) BackChannel(ctx context.Context, name, token string) (int, error) {
	p, err := s.speaks(name, false)
	if err != nil {
		return 0, err
	}
	e, err := p.oidc.BackChannel(ctx, token)
	if err != nil {
		return 0, err
	}
	return s.end(ctx, p, e)
}

// FrontChannel ends the session that a provider's page names.
func (s *Service) FrontChannel(ctx context.Context, name string, query url.Values) (int, error) {
	p, err := s.speaks(name, false)
	if err != nil {
		return 0, err
	}
	e, err := p.oidc.FrontChannel(query)
	if err != nil {
		return 0, err
	}
	return s.end(ctx, p, e)
}

func (s *Service) end(ctx context.Context, p provider, e oidc.Ended) (int, error) {
	n, err := s.o.People.SignOutExternal(ctx, via(p), e.Subject, e.Session)
	if err != nil {
		return 0, fmt.Errorf("ending sessions: %w", err)
	}
	return n, nil
}

// Leaving is where who signs out here can sign out of their provider too.
type Leaving struct{ Title, URL string }

// SignOut is that of a session, false where there is none. It is asked before the
// session ends.
func (s *Service) SignOut(ctx context.Context, token string) (Leaving, bool) {
	now, err := s.o.People.ExternalSession(ctx, token)
	if err != nil {
		return Leaving{}, false
	}
	for _, p := range s.providers {
		if via(p) != now.Provider {
			continue
		}
		at, err := p.signOut(ctx, s.o.URL+"/login", now)
		if err != nil {
			s.o.Log.WarnContext(ctx, "an identity provider can't be asked where to sign out", "component", "sso", "provider", p.settings.Name, "error", err)
		}
		return Leaving{p.way().Title, at}, err == nil && at != ""
	}
	return Leaving{}, false
}
