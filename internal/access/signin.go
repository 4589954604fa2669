package access

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"farrier.dev/farrier/internal/secret"
	"farrier.dev/farrier/internal/store"
)

// auditTimeout bounds how long a refusal waits to be written down.
const auditTimeout = 5 * time.Second

// linkAccount stands for all one-time links in the throttle; no operator has
// that name.
const linkAccount = "\x00link"

// errChanged says that the password or the session changed while it was checked.
var errChanged = errors.New("the account changed meanwhile")

// LoginLink makes the token of a one-time link for the first account, good for
// 15 minutes, and withdraws the links made before. It makes the account if there is
// none, and gives back what it lost: it may do everything again. Who can call it can
// act as that account: it is for the first start and for the owner of the data folder.
func (s *Service) LoginLink(ctx context.Context) (token string, expires time.Time, err error) {
	token, _ = secret.NewToken()
	now := s.now()
	expires = now.Add(LinkLife)
	err = s.change(ctx, func(tx *store.Tx) error {
		_, err := tx.Exec(ctx, "INSERT INTO access_accounts (id, name, display, email, kind, password_hash, disabled, external, created_at, created_by, seen_at, version) "+
			"VALUES (?, ?, '', '', ?, '', ?, '', ?, ?, 0, 1) ON CONFLICT (id) DO UPDATE SET disabled = FALSE", Admin, Admin, string(Person), false, now.UnixMilli(), system)
		if err != nil {
			return err
		}
		_, err = tx.Exec(ctx, "INSERT INTO access_grants (id, account, team, role, permission, grp, environment, created_at, created_by) "+
			"VALUES (?, ?, NULL, ?, '', ?, '', ?, ?) ON CONFLICT (id) DO NOTHING", "first-"+Admin, Admin, string(RoleAdmin), Root, now.UnixMilli(), system)
		if err != nil {
			return err
		}
		if err := putLink(ctx, tx, Admin, viaLink, token, expires); err != nil {
			return err
		}
		return s.audit.Record(ctx, tx, Event{
			Action: ActionLoginLinkIssued, Operator: system, Object: "operator " + Admin, Outcome: outcomeDone,
		})
	})
	if err != nil {
		return "", time.Time{}, fmt.Errorf("making a sign-in link: %w", err)
	}
	return token, expires, nil
}

// RedeemLink signs in with the token of a one-time link or an invitation, which only
// works once. mustSetPassword says that the account has no password yet: the session
// may do nothing but SetPassword. The refusals are ErrLink and *ThrottledError.
func (s *Service) RedeemLink(ctx context.Context, token string, from From) (session Session, mustSetPassword bool, err error) {
	try, err := s.attempting(ctx, claim{account: linkAccount, addr: from.Address, known: true})
	if err != nil {
		return Session{}, false, err
	}
	via := viaLink
	err = s.db.Write(ctx, func(tx *store.Tx) error {
		var account string
		err := tx.QueryRow(ctx, "DELETE FROM access_links WHERE token_hash = ? AND expires_at > ? RETURNING account, via",
			hashText(token), s.now().UnixMilli()).Scan(&account, &via)
		if errors.Is(err, store.ErrNoRows) {
			return ErrLink
		}
		if err != nil {
			return err
		}
		a, err := readAccount(ctx, tx.Reader, "id", account)
		if err != nil {
			return err
		}
		if a.Disabled {
			return ErrLink
		}
		mustSetPassword = !a.Password
		if session, err = s.newSession(ctx, tx, beginning{account: a.ID, operator: a.Name, via: via, from: from}); err != nil {
			return err
		}
		return s.audit.Record(ctx, tx, signedIn(a.Name, via, from))
	})
	switch {
	case errors.Is(err, ErrLink):
		return Session{}, false, s.refused(ctx, ErrLink, Event{
			Action: ActionSignInFailed, Object: "sign-in link", Outcome: outcomeRefused, Address: addressText(from.Address), Detail: try.detail(viaLink),
		})
	case err != nil:
		return Session{}, false, fmt.Errorf("redeeming a sign-in link: %w", err)
	}
	s.forgiven(ctx, try)
	return session, mustSetPassword, nil
}

// secretOf is what a sign-in by password is held against; the zero value for nobody.
type secretOf struct {
	account, name, hash string
	factor              bool
}

func readSecret(ctx context.Context, r store.Reader, name string) (who secretOf, err error) {
	err = r.QueryRow(ctx, "SELECT a.id, a.name, a.password_hash, EXISTS (SELECT 1 FROM access_factors f WHERE f.account = a.id AND f.kind IN ('totp', 'passkey')) "+
		"FROM access_accounts a WHERE a.name = ? AND a.disabled = FALSE AND a.kind = 'person' AND a.password_hash <> ''", name).
		Scan(&who.account, &who.name, &who.hash, &who.factor)
	if errors.Is(err, store.ErrNoRows) {
		return secretOf{}, nil
	}
	return who, err
}

// SignIn signs in with a password. It always begins a new session with a new token, or,
// where there is a second factor, a half one. The refusals are ErrCredentials and
// *ThrottledError; they, and the time that they take, are the same for an operator that
// does not exist.
func (s *Service) SignIn(ctx context.Context, operator, password string, from From) (Session, error) {
	operator = strings.ToLower(operator)
	who, err := readSecret(ctx, s.db.Read(), operator)
	if err != nil {
		return Session{}, fmt.Errorf("signing in: %w", err)
	}
	try, err := s.hear(ctx, operator, who.account, from)
	if err != nil {
		return Session{}, s.flooded(ctx, err, who.name, from)
	}
	good, err := s.verify(ctx, password, who.hash)
	if err != nil {
		return Session{}, fmt.Errorf("signing in: %w", err)
	}
	if !good {
		event := Event{Action: ActionSignInFailed, Object: "sign-in", Outcome: outcomeRefused, Address: addressText(from.Address), Detail: try.detail(viaPassword)}
		event.Operator = who.name // any other text may be a password in the wrong field
		return Session{}, s.refused(ctx, ErrCredentials, event)
	}
	var session Session
	err = s.db.Write(ctx, func(tx *store.Tx) (err error) {
		// The password may have been changed, and all sessions ended, since it was read.
		if now, err := readSecret(ctx, tx.Reader, operator); err != nil || now != who {
			return errors.Join(err, errChanged)
		}
		if who.factor {
			session, err = s.newHalf(ctx, tx, who, viaPassword)
			return err
		}
		if session, err = s.newSession(ctx, tx, beginning{account: who.account, operator: who.name, via: viaPassword, from: from}); err != nil {
			return err
		}
		return s.audit.Record(ctx, tx, signedIn(who.name, viaPassword, from))
	})
	if err != nil {
		return Session{}, fmt.Errorf("signing in: %w", err)
	}
	s.forgiven(ctx, try)
	return session, nil
}

// hear begins an attempt to sign in, or refuses to hear it. The throttle knows whether
// the account was used from that browser or network before.
func (s *Service) hear(ctx context.Context, name, account string, from From) (attempt, error) {
	c := claim{account: name, addr: from.Address}
	if account != "" {
		device, near, err := s.known(ctx, account, from)
		if err != nil {
			return attempt{}, fmt.Errorf("looking for a known browser: %w", err)
		}
		c.known = near
		if device {
			c.device, c.known = hashText(from.Device), true
		}
	}
	return s.attempting(ctx, c)
}

// flooded writes down that many attempts were not heard, when that is to be told.
func (s *Service) flooded(ctx context.Context, err error, name string, from From) error {
	var throttled *ThrottledError
	if !errors.As(err, &throttled) || throttled.unheard == 0 {
		return err
	}
	a := attempt{from: from.Address, wait: throttled.RetryAfter, unheard: throttled.unheard}
	detail := a.detail(viaPassword)
	detail["heard"] = "no"
	return s.refused(ctx, err, Event{
		Action: ActionSignInFailed, Object: "sign-in", Outcome: outcomeRefused, Operator: name, Address: addressText(from.Address), Detail: detail,
	})
}

// newHalf makes a sign-in that waits for its second factor.
func (s *Service) newHalf(ctx context.Context, tx *store.Tx, who secretOf, via string) (Session, error) {
	if err := s.sweep(ctx, tx); err != nil {
		return Session{}, err
	}
	token, _ := secret.NewToken()
	expires := s.now().Add(HalfLife)
	_, err := tx.Exec(ctx, "INSERT INTO access_halves (token_hash, account, via, expires_at) VALUES (?, ?, ?, ?)",
		hashText(token), who.account, via, expires.UnixMilli())
	return Session{Half: token, Operator: who.name, Expires: expires}, err
}

// verify compares a password with a PHC string, and takes the same time when
// there is none.
func (s *Service) verify(ctx context.Context, password, hash string) (bool, error) {
	if len(password) > maxPasswordBytes {
		password, hash = "", ""
	}
	if hash == "" {
		return false, s.hasher.VerifyNobody(ctx, password)
	}
	return s.hasher.Verify(ctx, password, hash)
}

// refused writes a refusal down and returns it. It is written down even when
// the one who asked has gone away.
func (s *Service) refused(ctx context.Context, refusal error, e Event) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), auditTimeout)
	defer cancel()
	err := s.db.Write(ctx, func(tx *store.Tx) error { return s.audit.Record(ctx, tx, e) })
	if err != nil {
		return errors.Join(refusal, fmt.Errorf("recording a refused sign-in: %w", err))
	}
	return refusal
}

func signedIn(operator, via string, from From) Event {
	return Event{
		Action: ActionSignIn, Operator: operator, Via: via, Address: addressText(from.Address), Object: "operator " + operator, Outcome: outcomeDone,
		Detail: map[string]string{"via": via, "address": addressText(from.Address)},
	}
}
