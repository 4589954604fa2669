package access

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
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

// LoginLink makes the token of a one-time link for the local operator, good for
// 15 minutes, and withdraws the links made before. Who can call it can act as
// the operator: it is for the first start and for the owner of the data folder.
func (s *Service) LoginLink(ctx context.Context) (token string, expires time.Time, err error) {
	token, _ = secret.NewToken()
	now := s.now()
	expires = now.Add(LinkLife)
	err = s.db.Write(ctx, func(tx *store.Tx) error {
		_, err := tx.Exec(ctx, "INSERT INTO access_operators (name, roles, password_hash, created_at) VALUES (?, ?, '', ?) "+
			"ON CONFLICT (name) DO NOTHING", Admin, string(RoleAdmin), now.UnixMilli())
		if err != nil {
			return err
		}
		if _, err := tx.Exec(ctx, "DELETE FROM access_links WHERE operator = ?", Admin); err != nil {
			return err
		}
		_, err = tx.Exec(ctx, "INSERT INTO access_links (token_hash, operator, expires_at) VALUES (?, ?, ?)",
			hashText(token), Admin, expires.UnixMilli())
		if err != nil {
			return err
		}
		return s.audit.Record(ctx, tx, Event{
			Action: ActionLoginLinkIssued, Operator: "system", Object: "operator " + Admin, Outcome: outcomeDone,
		})
	})
	if err != nil {
		return "", time.Time{}, fmt.Errorf("making a sign-in link: %w", err)
	}
	return token, expires, nil
}

// RedeemLink signs in with the token of a one-time link, which only works once.
// mustSetPassword says that the operator has no password yet: the session may
// do nothing but SetPassword. The refusals are ErrLink and *ThrottledError.
func (s *Service) RedeemLink(ctx context.Context, token string, addr netip.Addr) (session Session, mustSetPassword bool, err error) {
	try, err := s.throttle.begin(linkAccount, addr, s.now())
	if err != nil {
		return Session{}, false, err
	}
	err = s.db.Write(ctx, func(tx *store.Tx) error {
		var operator string
		err := tx.QueryRow(ctx, "DELETE FROM access_links WHERE token_hash = ? AND expires_at > ? RETURNING operator",
			hashText(token), s.now().UnixMilli()).Scan(&operator)
		if errors.Is(err, store.ErrNoRows) {
			return ErrLink
		}
		if err != nil {
			return err
		}
		hash, err := passwordHash(ctx, tx.Reader, operator)
		if err != nil {
			return err
		}
		mustSetPassword = hash == ""
		if session, err = s.newSession(ctx, tx, operator, viaLink); err != nil {
			return err
		}
		return s.audit.Record(ctx, tx, signedIn(operator, viaLink, addr))
	})
	switch {
	case errors.Is(err, ErrLink):
		return Session{}, false, s.refused(ctx, ErrLink, Event{
			Action: ActionSignInFailed, Object: "sign-in link", Outcome: outcomeRefused, Detail: try.detail(viaLink),
		})
	case err != nil:
		return Session{}, false, fmt.Errorf("redeeming a sign-in link: %w", err)
	}
	s.throttle.succeeded(try)
	return session, mustSetPassword, nil
}

// SignIn signs in with a password. It always begins a new session with a new
// token. The refusals are ErrCredentials and *ThrottledError; they, and the time
// that they take, are the same for an operator that does not exist.
func (s *Service) SignIn(ctx context.Context, operator, password string, addr netip.Addr) (Session, error) {
	try, err := s.throttle.begin(operator, addr, s.now())
	if err != nil {
		return Session{}, err
	}
	hash, err := passwordHash(ctx, s.db.Read(), operator)
	if err != nil {
		return Session{}, fmt.Errorf("signing in: %w", err)
	}
	good, err := s.verify(ctx, password, hash)
	if err != nil {
		return Session{}, fmt.Errorf("signing in: %w", err)
	}
	var session Session
	if good {
		err = s.db.Write(ctx, func(tx *store.Tx) (err error) {
			// The password may have been changed, and all sessions ended, since it was read.
			if now, err := passwordHash(ctx, tx.Reader, operator); err != nil || now != hash {
				return errors.Join(err, errChanged)
			}
			if session, err = s.newSession(ctx, tx, operator, viaPassword); err != nil {
				return err
			}
			return s.audit.Record(ctx, tx, signedIn(operator, viaPassword, addr))
		})
		if err != nil {
			return Session{}, fmt.Errorf("signing in: %w", err)
		}
		s.throttle.succeeded(try)
		return session, nil
	}
	event := Event{Action: ActionSignInFailed, Object: "sign-in", Outcome: outcomeRefused, Detail: try.detail(viaPassword)}
	if hash != "" { // somebody we know; any other text may be a password in the wrong field
		event.Operator = operator
	}
	return Session{}, s.refused(ctx, ErrCredentials, event)
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

func signedIn(operator, via string, addr netip.Addr) Event {
	return Event{
		Action: ActionSignIn, Operator: operator, Object: "operator " + operator, Outcome: outcomeDone,
		Detail: map[string]string{"via": via, "address": addressText(addr)},
	}
}

func addressText(addr netip.Addr) string {
	if !addr.IsValid() {
		return "unknown"
	}
	return addr.Unmap().WithZone("").String()
}
