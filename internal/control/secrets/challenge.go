package secrets

import (
	"context"
	"errors"
	"fmt"
	"time"

	"farrier.dev/farrier/internal/control/secrets/acme"
	"farrier.dev/farrier/internal/store"
)

// ChallengePath is where authorities look for the answers to their challenges (RFC 8555
// §8.3), behind which the token stands.
const ChallengePath = "/.well-known/acme-challenge/"

// Challenges are the answers to authorities at the moment by their tokens, for the
// gateways of an environment; nil for none.
func (s *Service) Challenges(ctx context.Context, environment string) (answers map[string]string, err error) {
	rows, err := s.o.DB.Read().Query(ctx, "SELECT token, answer FROM secrets_challenges WHERE environment = ? AND until > ? ORDER BY token", environment, s.o.Now().UnixMilli())
	if err != nil {
		return nil, fmt.Errorf("reading challenges: %w", err)
	}
	defer func() { err = errors.Join(err, rows.Close()) }()
	for rows.Next() {
		var token, answer string
		if err := rows.Scan(&token, &answer); err != nil {
			return nil, err
		}
		if answers == nil {
			answers = map[string]string{}
		}
		answers[token] = answer
	}
	return answers, rows.Err()
}

// Challenge is the answer to one token, whichever environment it is of; known is false
// when nobody has asked with it.
func (s *Service) Challenge(ctx context.Context, token string) (answer string, known bool, err error) {
	if !acme.IsToken(token) {
		return "", false, nil
	}
	err = s.o.DB.Read().QueryRow(ctx, "SELECT answer FROM secrets_challenges WHERE token = ? AND until > ? ORDER BY environment LIMIT 1", token, s.o.Now().UnixMilli()).Scan(&answer)
	if errors.Is(err, store.ErrNoRows) {
		return "", false, nil
	}
	return answer, err == nil, err
}

// withdraw ends the answers of one certificate, also when the process is stopping.
func (s *Service) withdraw(ctx context.Context, d dueACME) {
	const patience = 5 * time.Second
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), patience)
	defer cancel()
	s.dropChallenges(ctx, d.environment, "environment = ? AND group_name = ? AND name = ?", d.environment, d.group, d.name)
}

// forgetChallenges ends the answers that a process left behind which was killed.
func (s *Service) forgetChallenges(ctx context.Context) (err error) {
	var old []string
	now := s.o.Now().UnixMilli()
	rows, err := s.o.DB.Read().Query(ctx, "SELECT DISTINCT environment FROM secrets_challenges WHERE until <= ?", now)
	if err != nil {
		return fmt.Errorf("looking for old challenges: %w", err)
	}
	for rows.Next() {
		var environment string
		if err := rows.Scan(&environment); err != nil {
			return errors.Join(err, rows.Close())
		}
		old = append(old, environment)
	}
	if err := errors.Join(rows.Err(), rows.Close()); err != nil {
		return err
	}
	for _, environment := range old {
		s.dropChallenges(ctx, environment, "environment = ? AND until <= ?", environment, now)
	}
	return nil
}

// dropChallenges ends answers; those that can't be end by their time.
func (s *Service) dropChallenges(ctx context.Context, environment, which string, args ...any) {
	var dropped int64
	err := s.o.DB.Write(ctx, func(tx *store.Tx) error {
		var err error
		if dropped, err = tx.Exec(ctx, "DELETE FROM secrets_challenges WHERE "+which, args...); err != nil || dropped == 0 {
			return err
		}
		return bump(ctx, tx, environment)
	})
	if err != nil {
		s.o.Log.Warn("answers to an authority are still given", "environment", environment, "error", err)
	}
	if dropped > 0 {
		s.o.Changed(environment)
	}
}
