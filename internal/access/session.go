package access

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"strings"
	"time"

	"farrier.dev/farrier/internal/secret"
	"farrier.dev/farrier/internal/store"
)

// How a session began.
const (
	viaLink     = "link"
	viaPassword = "password"
)

// touchEvery bounds how often the use of a session is written down.
const touchEvery = time.Minute

// kept is a session as it is stored, with what its operator is.
type kept struct {
	operator, via, roles, passwordHash string
	created, seen                      time.Time
}

func hashText(token string) string { return hex.EncodeToString(secret.HashToken(token)) }

// newSession makes a session with a fresh token, and removes those that ended.
func (s *Service) newSession(ctx context.Context, tx *store.Tx, operator, via string) (Session, error) {
	now := s.now()
	_, err := tx.Exec(ctx, "DELETE FROM access_sessions WHERE created_at <= ? OR seen_at <= ?",
		now.Add(-SessionLife).UnixMilli(), now.Add(-SessionIdle).UnixMilli())
	if err != nil {
		return Session{}, err
	}
	token, _ := secret.NewToken()
	_, err = tx.Exec(ctx, "INSERT INTO access_sessions (token_hash, operator, via, created_at, seen_at) VALUES (?, ?, ?, ?, ?)",
		hashText(token), operator, via, now.UnixMilli(), now.UnixMilli())
	if err != nil {
		return Session{}, err
	}
	return Session{Token: token, Operator: operator, Expires: now.Add(SessionLife)}, nil
}

// find returns the running session of a token, or ErrNoSession.
func (s *Service) find(ctx context.Context, r store.Reader, token string) (kept, error) {
	var (
		k             kept
		created, seen int64
	)
	err := r.QueryRow(ctx, "SELECT s.operator, s.via, s.created_at, s.seen_at, o.roles, o.password_hash "+
		"FROM access_sessions s JOIN access_operators o ON o.name = s.operator WHERE s.token_hash = ?", hashText(token)).
		Scan(&k.operator, &k.via, &created, &seen, &k.roles, &k.passwordHash)
	if errors.Is(err, store.ErrNoRows) {
		return kept{}, ErrNoSession
	}
	if err != nil {
		return kept{}, err
	}
	k.created, k.seen = time.UnixMilli(created), time.UnixMilli(seen)
	if now := s.now(); now.Sub(k.created) >= SessionLife || now.Sub(k.seen) >= SessionIdle {
		return kept{}, ErrNoSession
	}
	return k, nil
}

// Session tells whose session a token is, and counts as its use. ErrNoSession
// says that there is none, or that it ended; any other error must refuse too.
func (s *Service) Session(ctx context.Context, token string) (Principal, error) {
	k, err := s.find(ctx, s.db.Read(), token)
	if errors.Is(err, ErrNoSession) {
		return Principal{}, err
	}
	if err != nil {
		return Principal{}, fmt.Errorf("looking for a session: %w", err)
	}
	if now := s.now(); now.Sub(k.seen) >= touchEvery {
		err := s.db.Write(ctx, func(tx *store.Tx) error {
			_, err := tx.Exec(ctx, "UPDATE access_sessions SET seen_at = ? WHERE token_hash = ? AND seen_at < ?",
				now.UnixMilli(), hashText(token), now.UnixMilli())
			return err
		})
		if err != nil {
			return Principal{}, fmt.Errorf("noting the use of a session: %w", err)
		}
	}
	p := Principal{Operator: k.operator, Via: k.via, Confirmed: k.created}
	if k.passwordHash == "" {
		p.Unfinished = MustSetPassword
	} else {
		for role := range strings.FieldsSeq(k.roles) {
			p.Roles = append(p.Roles, Role(role))
		}
	}
	return p, nil
}

// SignOut ends a session. A session that has ended already is no error.
func (s *Service) SignOut(ctx context.Context, token string) error {
	err := s.db.Write(ctx, func(tx *store.Tx) error {
		var operator string
		err := tx.QueryRow(ctx, "DELETE FROM access_sessions WHERE token_hash = ? RETURNING operator", hashText(token)).Scan(&operator)
		if errors.Is(err, store.ErrNoRows) {
			return nil
		}
		if err != nil {
			return err
		}
		return s.audit.Record(ctx, tx, Event{
			Action: ActionSignOut, Operator: operator, Object: "operator " + operator, Outcome: outcomeDone,
		})
	})
	if err != nil {
		return fmt.Errorf("signing out: %w", err)
	}
	return nil
}
