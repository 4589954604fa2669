package access

import (
	"context"
	"errors"
	"fmt"

	"farrier.dev/farrier/internal/store"
)

// Half is a sign-in that waits for its second factor.
type Half struct {
	// Account is the id, Name the name of the account.
	Account, Name string
	// TOTP, Passkey and Recovery say which factors there are.
	TOTP, Passkey, Recovery bool

	via string
}

// HalfOf is the sign-in of a half token; ErrNoSession when it is over.
func (s *Service) HalfOf(ctx context.Context, half string) (Half, error) {
	h, err := s.readHalf(ctx, s.db.Read(), half)
	if err != nil && !errors.Is(err, ErrNoSession) {
		return Half{}, fmt.Errorf("looking for a sign-in: %w", err)
	}
	return h, err
}

func (s *Service) readHalf(ctx context.Context, r store.Reader, half string) (h Half, err error) {
	err = r.QueryRow(ctx, "SELECT h.account, h.via, a.name, EXISTS (SELECT 1 FROM access_factors f WHERE f.account = a.id AND f.kind = 'totp'), "+
		"EXISTS (SELECT 1 FROM access_factors f WHERE f.account = a.id AND f.kind = 'passkey'), "+
		"EXISTS (SELECT 1 FROM access_factors f WHERE f.account = a.id AND f.kind = 'recovery') "+
		"FROM access_halves h JOIN access_accounts a ON a.id = h.account WHERE h.token_hash = ? AND h.expires_at > ? AND a.disabled = FALSE",
		hashText(half), s.now().UnixMilli()).Scan(&h.Account, &h.via, &h.Name, &h.TOTP, &h.Passkey, &h.Recovery)
	if errors.Is(err, store.ErrNoRows) {
		return Half{}, ErrNoSession
	}
	return h, err
}

// SecondFactor finishes a half sign-in with a code: of an authenticator, or one of the
// recovery codes. The refusals are ErrCode, ErrNoSession and *ThrottledError.
func (s *Service) SecondFactor(ctx context.Context, half, code string, from From) (Session, error) {
	session, err := s.finish(ctx, half, from, "", func(tx *store.Tx, h Half) (string, error) {
		return s.useCode(ctx, tx, h.Account, code)
	})
	return session, told("signing in", err)
}

// told passes on the refusals that a person may read, and says of anything else what
// was being done.
func told(doing string, err error) error {
	var throttled *ThrottledError
	if err == nil || errors.As(err, &throttled) {
		return err
	}
	for _, refusal := range []error{ErrNoSession, ErrPassword, ErrCredentials, ErrCode, ErrStale, ErrUnknown, ErrInvalid} {
		if errors.Is(err, refusal) {
			return err
		}
	}
	return fmt.Errorf("%s: %w", doing, err)
}

// finish makes a session of a half sign-in, once prove agrees; prove says what it was
// proven with.
func (s *Service) finish(ctx context.Context, half string, from From, with string, prove func(tx *store.Tx, h Half) (string, error)) (Session, error) {
	h, err := s.readHalf(ctx, s.db.Read(), half)
	if err != nil {
		return Session{}, err
	}
	try, err := s.hear(ctx, factorOf(h.Name), h.Account, from)
	if err != nil {
		return Session{}, err
	}
	var session Session
	err = s.db.Write(ctx, func(tx *store.Tx) error {
		h, err := s.readHalf(ctx, tx.Reader, half)
		if err != nil {
			return err
		}
		if with, err = prove(tx, h); err != nil {
			return err
		}
		if _, err := tx.Exec(ctx, "DELETE FROM access_halves WHERE token_hash = ?", hashText(half)); err != nil {
			return err
		}
		if session, err = s.newSession(ctx, tx, beginning{account: h.Account, operator: h.Name, via: h.via, from: from}); err != nil {
			return err
		}
		e := signedIn(h.Name, h.via, from)
		e.Detail["factor"] = with
		return s.audit.Record(ctx, tx, e)
	})
	if errors.Is(err, ErrCode) {
		return Session{}, s.refused(ctx, ErrCode, failedFactor(h.Name, with, from, try))
	}
	if err != nil {
		return Session{}, err
	}
	s.forgiven(ctx, try)
	return session, nil
}

// factorOf is the name under which wrong second factors of an account are counted:
// apart from passwords, since who is here knew the password.
func factorOf(name string) string { return "\x00factor " + name }

func failedFactor(name, with string, from From, try attempt) Event {
	if with == "" {
		with = "code"
	}
	e := Event{
		Action: ActionSignInFailed, Operator: name, Object: "second factor", Outcome: outcomeRefused,
		Address: addressText(from.Address), Detail: try.detail(viaPassword),
	}
	e.Detail["factor"] = with
	return e
}

// FactorFailed counts and records a wrong assertion of a passkey in a half sign-in.
func (s *Service) FactorFailed(ctx context.Context, half, with string, from From) error {
	h, err := s.HalfOf(ctx, half)
	if err != nil {
		return err
	}
	try, err := s.hear(ctx, factorOf(h.Name), h.Account, from)
	if err != nil {
		return err
	}
	return s.refused(ctx, ErrCode, failedFactor(h.Name, with, from, try))
}

// Confirm proves again who has a session, by the current password and, where there is
// a second factor, a code; Principal.Confirmed becomes now. Who came in otherwise than
// by password can confirm by a code alone, if there is one to ask for, or signs in
// again. The refusals are ErrCredentials, ErrCode, ErrStale, ErrNoSession and
// *ThrottledError.
func (s *Service) Confirm(ctx context.Context, token, password, code string, from From) error {
	return told("confirming", s.confirmSession(ctx, token, from, func(tx *store.Tx, k kept) error {
		totp, err := hasFactor(ctx, tx.Reader, k.account, kindTOTP)
		if err != nil {
			return err
		}
		if k.passwordHash == "" && !totp {
			return ErrStale
		}
		if !k.factor {
			return nil
		}
		_, err = s.useCode(ctx, tx, k.account, code)
		return err
	}, func(k kept) (bool, error) {
		if k.passwordHash == "" {
			return true, nil
		}
		return s.verify(ctx, password, k.passwordHash)
	}))
}

// confirmSession notes that the bearer of a session proved who they are. The password
// is compared outside the transaction, which it would hold up.
func (s *Service) confirmSession(ctx context.Context, token string, from From, prove func(tx *store.Tx, k kept) error, first func(k kept) (bool, error)) error {
	k, err := s.find(ctx, s.db.Read(), token)
	if err != nil {
		return err
	}
	try, err := s.hear(ctx, k.operator, k.account, From{Address: from.Address})
	if err != nil {
		return err
	}
	good, err := first(k)
	if err != nil {
		return err
	}
	refusal := ErrCredentials
	if good {
		err = s.db.Write(ctx, func(tx *store.Tx) error {
			again, err := s.find(ctx, tx.Reader, token)
			if err != nil {
				return err
			}
			if again.passwordHash != k.passwordHash {
				return errChanged
			}
			if err := prove(tx, again); err != nil {
				return err
			}
			if _, err := tx.Exec(ctx, "UPDATE access_sessions SET confirmed_at = ? WHERE token_hash = ?", s.now().UnixMilli(), hashText(token)); err != nil {
				return err
			}
			return s.tell(ctx, tx, byAccount(k, from.Address), ActionConfirmed, "operator "+k.operator, nil, nil)
		})
		if !errors.Is(err, ErrCode) {
			if err == nil {
				s.forgiven(ctx, try)
			}
			return err
		}
		refusal = ErrCode
	}
	return s.refused(ctx, refusal, Event{
		Action: ActionConfirmed, Operator: k.operator, Via: k.via, Session: k.id, Address: addressText(from.Address),
		Object: "operator " + k.operator, Outcome: outcomeRefused, Detail: try.detail(k.via),
	})
}

// fresh refuses, with ErrStale, a session that did not prove lately who it is. One that
// still has to enrol its first factor just set its password.
func (s *Service) fresh(k kept) error {
	if s.now().Sub(k.confirmed) >= ConfirmedLife {
		return ErrStale
	}
	return nil
}
