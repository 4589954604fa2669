package access

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"farrier.dev/farrier/internal/store"
)

// External is who an identity provider says has signed in.
type External struct {
	// Provider is how sessions name it, as "oidc:corp" or "saml:corp".
	Provider string
	// Subject is who it is for the provider, for ever.
	Subject string
	// Name, Email and Display are those of an account that has to be made.
	Name, Email, Display string
	// Groups are those that the provider says it is in.
	Groups []string
	// SessionIndex is the provider's name of the session.
	SessionIndex string
	// StrongFactor says that the provider asked for a second factor.
	StrongFactor bool
	// Create says that an account may be made for who has none.
	Create bool
	// NotAfter ends the session early; zero for no such time.
	NotAfter time.Time
}

// scimPrefix begins the name of a provider that keeps accounts by SCIM.
const scimPrefix = "scim:"

// providers is what a provider's name begins with.
var providers = []string{"oidc:", "saml:", scimPrefix}

func (e External) check() error {
	if !slices.ContainsFunc(providers, func(kind string) bool {
		return strings.HasPrefix(e.Provider, kind) && len(e.Provider) > len(kind) && len(e.Provider) <= 128
	}) {
		return fmt.Errorf("%w: %.40q names no provider", ErrInvalid, e.Provider)
	}
	if e.Subject == "" || len(e.Subject) > 512 || len(e.SessionIndex) > 512 || len(e.Groups) > 1000 {
		return fmt.Errorf("%w: the provider names nobody, or says too much", ErrInvalid)
	}
	return nil
}

// SignInExternal signs in whom a provider vouches for. An account is found by the
// identity that was linked to it, or it is one that the provider made: by SCIM, for
// somebody of that id, name or e-mail address. None of others is ever found by its name. Memberships of teams that come from the provider become what its
// groups say now. The refusals are ErrNoAccount, ErrDisabled, ErrTaken and ErrInvalid.
func (s *Service) SignInExternal(ctx context.Context, e External, from From) (Session, error) {
	if err := e.check(); err != nil {
		return Session{}, err
	}
	var session Session
	err := s.change(ctx, func(tx *store.Tx) error {
		a, err := s.identify(ctx, tx, e, from)
		if err != nil {
			return err
		}
		if a.Disabled {
			return ErrDisabled
		}
		if err := s.follow(ctx, tx, a.ID, e); err != nil {
			return err
		}
		session, err = s.newSession(ctx, tx, beginning{
			account: a.ID, operator: a.Name, via: e.Provider, from: from, subject: e.Subject, index: e.SessionIndex, notAfter: e.NotAfter,
		})
		if err != nil {
			return err
		}
		event := signedIn(a.Name, e.Provider, from)
		event.Detail["strong"] = fmt.Sprint(e.StrongFactor)
		return s.audit.Record(ctx, tx, event)
	})
	switch {
	case err == nil:
		return session, nil
	case errors.Is(err, ErrNoAccount), errors.Is(err, ErrDisabled), errors.Is(err, ErrTaken), errors.Is(err, ErrInvalid):
		return Session{}, s.refused(ctx, err, Event{
			Action: ActionSignInFailed, Object: "sign-in", Outcome: outcomeRefused, Via: e.Provider, Address: addressText(from.Address),
			Detail: map[string]string{"via": e.Provider, "address": addressText(from.Address), "why": err.Error()},
		})
	}
	return Session{}, fmt.Errorf("signing in by %s: %w", e.Provider, err)
}

// identify finds or makes the account of somebody.
func (s *Service) identify(ctx context.Context, tx *store.Tx, e External, from From) (Account, error) {
	now := s.now().UnixMilli()
	var account string
	err := tx.QueryRow(ctx, "UPDATE access_identities SET seen_at = ? WHERE provider = ? AND subject = ? RETURNING account", now, e.Provider, e.Subject).Scan(&account)
	if err == nil {
		return readAccount(ctx, tx.Reader, "id", account)
	}
	if !errors.Is(err, store.ErrNoRows) {
		return Account{}, err
	}
	by := By{Operator: system, Via: e.Provider, Address: from.Address}
	switch a, err := expected(ctx, tx, e); {
	case err == nil:
		return a, s.link(ctx, tx, by, a, e.Provider, e.Subject)
	case !errors.Is(err, ErrUnknown):
		return Account{}, err
	}
	name := strings.ToLower(e.Name)
	a, err := readAccount(ctx, tx.Reader, "name", name)
	switch {
	case err == nil && sameProvider(a.External, e.Provider) && a.Kind == Person:
		// The provider made it before its owner came. A second owner of the name, who
		// may have it from the first, does not get the account of the first.
		var owned bool
		if err := tx.QueryRow(ctx, "SELECT EXISTS (SELECT 1 FROM access_identities WHERE account = ? AND provider = ?)", a.ID, e.Provider).Scan(&owned); err != nil {
			return Account{}, err
		}
		if owned {
			return Account{}, ErrTaken
		}
	case err == nil:
		return Account{}, ErrTaken
	case !errors.Is(err, ErrUnknown):
		return Account{}, err
	case !e.Create:
		return Account{}, ErrNoAccount
	default:
		a = Account{Name: name, Display: e.Display, Email: e.Email, Kind: Person, External: e.Provider}
		if err := a.check(); err != nil {
			return Account{}, err
		}
		if err := s.insertAccount(ctx, tx, by, &a); err != nil {
			return Account{}, err
		}
	}
	return a, s.link(ctx, tx, by, a, e.Provider, e.Subject)
}

// sameProvider says whether two protocols speak for one provider: scim:corp makes the
// accounts that oidc:corp signs in.
func sameProvider(a, b string) bool {
	_, a, _ = strings.Cut(a, ":")
	_, b, _ = strings.Cut(b, ":")
	return a != "" && a == b
}

// follow makes the memberships that come from a provider what its groups say.
func (s *Service) follow(ctx context.Context, tx *store.Tx, account string, e External) error {
	maps, err := collect(ctx, tx.Reader, func(scan func(...any) error) (m GroupMap, err error) {
		return m, scan(&m.Group, &m.Team)
	}, "SELECT name, team FROM access_group_maps WHERE provider = ?", e.Provider)
	if err != nil {
		return err
	}
	now, err := collect(ctx, tx.Reader, func(scan func(...any) error) (team string, err error) {
		return team, scan(&team)
	}, "SELECT team FROM access_members WHERE account = ? AND source = ?", account, e.Provider)
	if err != nil {
		return err
	}
	by := By{Operator: system, Via: e.Provider}
	var meant []string
	for _, m := range maps {
		if !slices.Contains(e.Groups, m.Group) || slices.Contains(meant, m.Team) {
			continue
		}
		meant = append(meant, m.Team)
		if !slices.Contains(now, m.Team) {
			if err := s.join(ctx, tx, by, m.Team, account, e.Provider); err != nil {
				return err
			}
		}
	}
	for _, team := range now {
		if !slices.Contains(meant, team) {
			if err := s.leave(ctx, tx, by, team, account, e.Provider); err != nil {
				return err
			}
		}
	}
	return nil
}

// SignOutExternal ends the sessions that a provider says are over: the one of an index,
// or with an empty one all of a subject. It says how many.
func (s *Service) SignOutExternal(ctx context.Context, provider, subject, index string) (ended int, err error) {
	if subject == "" && index == "" {
		return 0, fmt.Errorf("%w: the provider names no session", ErrInvalid)
	}
	err = s.db.Write(ctx, func(tx *store.Tx) error {
		accounts, err := collect(ctx, tx.Reader, func(scan func(...any) error) (name string, err error) {
			return name, scan(&name)
		}, "SELECT a.name FROM access_sessions s JOIN access_accounts a ON a.id = s.account WHERE s.via = ? AND (? = '' OR s.subject = ?) AND (? = '' OR s.idx = ?)",
			provider, subject, subject, index, index)
		if err != nil || len(accounts) == 0 {
			return err
		}
		ended = len(accounts)
		if _, err := tx.Exec(ctx, "DELETE FROM access_sessions WHERE via = ? AND (? = '' OR subject = ?) AND (? = '' OR idx = ?)",
			provider, subject, subject, index, index); err != nil {
			return err
		}
		for _, name := range accounts {
			e := Event{Action: ActionSignOut, Operator: name, Via: provider, Object: "operator " + name, Outcome: outcomeDone, Detail: map[string]string{"by": "provider"}}
			if err := s.audit.Record(ctx, tx, e); err != nil {
				return err
			}
		}
		return nil
	})
	return ended, wrap("signing out", err)
}

// ExternalSession is how a provider names a session.
type ExternalSession struct{ Provider, Subject, Index string }

// ExternalSession is how its provider names a session; the zero value when it began
// here.
func (s *Service) ExternalSession(ctx context.Context, token string) (e ExternalSession, err error) {
	err = s.db.Read().QueryRow(ctx, "SELECT via, subject, idx FROM access_sessions WHERE token_hash = ?", hashText(token)).Scan(&e.Provider, &e.Subject, &e.Index)
	if errors.Is(err, store.ErrNoRows) {
		return ExternalSession{}, ErrNoSession
	}
	if err != nil {
		return ExternalSession{}, fmt.Errorf("looking for a session: %w", err)
	}
	if e.Subject == "" {
		return ExternalSession{}, nil
	}
	return e, nil
}

// Identity is somebody at a provider who may sign in to an account.
type Identity struct {
	Provider string    `json:"provider"`
	Subject  string    `json:"subject"`
	Created  time.Time `json:"created"`
	Seen     time.Time `json:"seen,omitzero"`
}

// Identities lists those of an account.
func (s *Service) Identities(ctx context.Context, account string) ([]Identity, error) {
	list, err := collect(ctx, s.db.Read(), func(scan func(...any) error) (i Identity, err error) {
		var created, seen int64
		err = scan(&i.Provider, &i.Subject, &created, &seen)
		i.Created, i.Seen = moment(created), moment(seen)
		return i, err
	}, "SELECT provider, subject, created_at, seen_at FROM access_identities WHERE account = ? ORDER BY provider, subject", account)
	return list, wrap("listing identities", err)
}

// LinkIdentity lets somebody at a provider sign in to an account.
func (s *Service) LinkIdentity(ctx context.Context, by By, account, provider, subject string) error {
	if err := (External{Provider: provider, Subject: subject}).check(); err != nil {
		return err
	}
	err := s.db.Write(ctx, func(tx *store.Tx) error {
		a, err := readAccount(ctx, tx.Reader, "id", account)
		if err != nil {
			return err
		}
		return s.link(ctx, tx, by, a, provider, subject)
	})
	return wrap("linking an identity", err)
}

func (s *Service) link(ctx context.Context, tx *store.Tx, by By, a Account, provider, subject string) error {
	if a.Kind != Person {
		return fmt.Errorf("%w: a service account does not sign in", ErrInvalid)
	}
	now := s.now().UnixMilli()
	n, err := tx.Exec(ctx, "INSERT INTO access_identities (provider, subject, account, created_at, seen_at) VALUES (?, ?, ?, ?, ?) ON CONFLICT (provider, subject) DO NOTHING",
		provider, subject, a.ID, now, now)
	if err != nil {
		return err
	}
	if n == 0 {
		return ErrTaken
	}
	return s.tell(ctx, tx, by, ActionIdentityLinked, "account "+a.Name, nil, Identity{Provider: provider, Subject: subject})
}

// UnlinkIdentity takes that back.
func (s *Service) UnlinkIdentity(ctx context.Context, by By, account, provider, subject string) error {
	err := s.db.Write(ctx, func(tx *store.Tx) error {
		a, err := readAccount(ctx, tx.Reader, "id", account)
		if err != nil {
			return err
		}
		n, err := tx.Exec(ctx, "DELETE FROM access_identities WHERE provider = ? AND subject = ? AND account = ?", provider, subject, account)
		if err != nil {
			return err
		}
		if n == 0 {
			return ErrUnknown
		}
		if _, err := tx.Exec(ctx, "DELETE FROM access_sessions WHERE account = ? AND via = ? AND subject = ?", account, provider, subject); err != nil {
			return err
		}
		return s.tell(ctx, tx, by, ActionIdentityUnlinked, "account "+a.Name, Identity{Provider: provider, Subject: subject}, nil)
	})
	return wrap("unlinking an identity", err)
}
