package access

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"unicode/utf8"

	"farrier.dev/farrier/internal/store"
)

// The rules for a password.
const (
	minPasswordCharacters = 12
	maxPasswordBytes      = 1024
)

// ErrPassword says that a new password is not good enough; its text says why.
var ErrPassword = errors.New("the password can not be used")

// checkPassword holds a new password against the rules. Length is what counts, and that
// it is not one that attackers try first (NIST SP 800-63B).
func checkPassword(password, operator string) error {
	switch {
	case !utf8.ValidString(password):
		return fmt.Errorf("%w: it is not valid UTF-8", ErrPassword)
	case len(password) > maxPasswordBytes:
		return fmt.Errorf("%w: it is longer than %d bytes", ErrPassword, maxPasswordBytes)
	case utf8.RuneCountInString(password) < minPasswordCharacters:
		return fmt.Errorf("%w: it must have at least %d characters", ErrPassword, minPasswordCharacters)
	case strings.Count(password, password[:1]) == len(password):
		return fmt.Errorf("%w: it is one character over and over", ErrPassword)
	case strings.Trim(strings.ReplaceAll(strings.ToLower(password), operator, ""), " ") == "":
		return fmt.Errorf("%w: it is the operator's name over and over", ErrPassword)
	case common(password, operator):
		return errCommon
	}
	return nil
}

// errCommon is the refusal of what attackers try first.
var errCommon = fmt.Errorf("%w: it is made of what everybody's passwords are made of; a few unrelated words are better", ErrPassword)

// checkNew holds a new password against the rules, and the list of stolen ones where
// there is one.
func (s *Service) checkNew(password, operator string) error {
	if err := checkPassword(password, operator); err != nil || s.breached == nil {
		return err
	}
	stolen, err := s.breached.Holds(password)
	switch {
	case err != nil:
		return fmt.Errorf("looking into the list of breached passwords: %w", err)
	case stolen:
		return errCommon
	}
	return nil
}

// SetPassword sets the password of the session's operator, ends all of the
// operator's sessions and links, this one included, and returns a new session.
// The current password is needed, except by an operator who has none and by one
// who came in by a one-time link in the last 15 minutes: that is how a
// forgotten password is mended. The refusals are ErrNoSession, ErrPassword,
// ErrCredentials and *ThrottledError.
func (s *Service) SetPassword(ctx context.Context, token, current, next string, from From) (Session, error) {
	session, err := s.setPassword(ctx, token, current, next, from)
	return session, told("setting a password", err)
}

func (s *Service) setPassword(ctx context.Context, token, current, next string, from From) (Session, error) {
	k, err := s.find(ctx, s.db.Read(), token)
	if err != nil {
		return Session{}, err
	}
	if err := s.checkNew(next, k.operator); err != nil {
		return Session{}, err
	}
	freshLink := k.via == viaLink && s.now().Sub(k.created) < LinkLife
	if k.passwordHash == "" && k.via != viaLink && k.via != viaInvitation {
		return Session{}, fmt.Errorf("%w: you sign in by %s, and have no password here", ErrPassword, k.via)
	}
	if k.passwordHash != "" && !freshLink {
		if err := s.confirm(ctx, k, current, from); err != nil {
			return Session{}, err
		}
	}
	hash, err := s.hasher.Hash(ctx, next)
	if err != nil {
		return Session{}, err
	}
	var session Session
	err = s.db.Write(ctx, func(tx *store.Tx) error {
		// Signed out, or the password set by another session, since it was read.
		again, err := s.find(ctx, tx.Reader, token)
		if err != nil {
			return err
		}
		if again.passwordHash != k.passwordHash {
			return errChanged
		}
		if _, err := tx.Exec(ctx, "UPDATE access_accounts SET password_hash = ?, version = version + 1 WHERE id = ?", hash, k.account); err != nil {
			return err
		}
		if session, err = s.renew(ctx, tx, k, viaPassword, from); err != nil {
			return err
		}
		return s.audit.Record(ctx, tx, Event{
			Action: ActionPasswordSet, Operator: k.operator, Via: k.via, Session: k.id, Address: addressText(from.Address),
			Object: "operator " + k.operator, Outcome: outcomeDone,
			Detail: map[string]string{"via": k.via, "address": addressText(from.Address)},
		})
	})
	if err != nil {
		return Session{}, err
	}
	return session, nil
}

// confirm asks for the current password again, under the same throttle as a
// sign-in: a stolen session is no way to guess it faster.
func (s *Service) confirm(ctx context.Context, k kept, current string, from From) error {
	try, err := s.hear(ctx, k.operator, k.account, From{Address: from.Address})
	if err != nil {
		return err
	}
	good, err := s.verify(ctx, current, k.passwordHash)
	if err != nil {
		return err
	}
	if !good {
		return s.refused(ctx, ErrCredentials, Event{
			Action: ActionPasswordSet, Operator: k.operator, Via: k.via, Session: k.id, Address: addressText(from.Address),
			Object: "operator " + k.operator, Outcome: outcomeRefused, Detail: try.detail(k.via),
		})
	}
	s.forgiven(ctx, try)
	return nil
}
