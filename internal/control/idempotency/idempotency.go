// Package idempotency remembers the answers to requests that carried an
// Idempotency-Key, for a day, so that a request that is repeated since its answer
// was lost does nothing twice. Answers may hold a secret that is shown once, so they
// are kept sealed.
package idempotency

import (
	"context"
	"embed"
	"encoding/hex"
	"errors"
	"fmt"
	"time"

	"farrier.dev/farrier/internal/control"
	"farrier.dev/farrier/internal/secret"
	"farrier.dev/farrier/internal/store"
)

//go:embed migrations/*.sql
var migrations embed.FS

const (
	// life is how long an answer is remembered.
	life = 24 * time.Hour
	// patience is how long a request may stay without an answer before another may
	// take its place: its process has ended.
	patience = time.Minute
	// SealPurpose is what the column idempotency_answers.answer is sealed for.
	SealPurpose = "idempotency"
)

// The refusals.
var (
	// ErrReused says that the key came before with another request.
	ErrReused = fmt.Errorf("%w: this Idempotency-Key was used for another request", control.ErrInvalid)
	// ErrUnderway says that the first request of the key is not answered yet.
	ErrUnderway = fmt.Errorf("%w: the request with this Idempotency-Key is still under way; ask again", control.ErrConflict)
)

// Sealer keeps answers unreadable in the database; *secret.Keyring is the one to use.
type Sealer interface {
	Seal(purpose string, plain []byte) (string, error)
	Open(purpose, sealed string) ([]byte, error)
}

// Service remembers. It is safe for use by many goroutines and processes.
type Service struct {
	db     *store.DB
	sealer Sealer
	now    func() time.Time
}

// Open brings the table up to date in db, which is the control database.
func Open(ctx context.Context, db *store.DB, sealer Sealer, now func() time.Time) (*Service, error) {
	if err := db.Migrate(ctx, "idempotency", migrations); err != nil {
		return nil, fmt.Errorf("opening idempotency: %w", err)
	}
	return &Service{db: db, sealer: sealer, now: now}, nil
}

func hashed(key string) string { return hex.EncodeToString(secret.HashToken(key)) }

// Begin takes a key for a request, told by its digest. kept is the answer of the
// same request before, nil when there is none. The refusals are ErrReused and
// ErrUnderway.
func (s *Service) Begin(ctx context.Context, operator, key, digest string) (kept []byte, err error) {
	var sealed string
	err = s.db.Write(ctx, func(tx *store.Tx) error {
		sealed = ""
		now := s.now()
		if _, err := tx.Exec(ctx, "DELETE FROM idempotency_answers WHERE begun_at < ? OR (answer = '' AND begun_at < ?)",
			now.Add(-life).UnixMilli(), now.Add(-patience).UnixMilli()); err != nil {
			return err
		}
		var was string
		err := tx.QueryRow(ctx, "SELECT digest, answer FROM idempotency_answers WHERE operator = ? AND key_hash = ?", operator, hashed(key)).Scan(&was, &sealed)
		switch {
		case errors.Is(err, store.ErrNoRows):
			_, err := tx.Exec(ctx, "INSERT INTO idempotency_answers (operator, key_hash, digest, begun_at, answer) VALUES (?, ?, ?, ?, '')",
				operator, hashed(key), digest, now.UnixMilli())
			return err
		case err != nil:
			return err
		case was != digest:
			return ErrReused
		case sealed == "":
			return ErrUnderway
		}
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("taking an idempotency key: %w", err)
	}
	if sealed == "" {
		return nil, nil
	}
	if kept, err = s.sealer.Open(SealPurpose, sealed); err != nil {
		return nil, fmt.Errorf("reading a kept answer: %w", err)
	}
	return kept, nil
}

// Finish keeps the answer of a request that began; nil gives the key free, since
// nothing was done.
func (s *Service) Finish(ctx context.Context, operator, key string, answer []byte) error {
	query, args := "DELETE FROM idempotency_answers WHERE operator = ? AND key_hash = ? AND answer = ''", []any{operator, hashed(key)}
	if answer != nil {
		sealed, err := s.sealer.Seal(SealPurpose, answer)
		if err != nil {
			return fmt.Errorf("keeping an answer: %w", err)
		}
		query, args = "UPDATE idempotency_answers SET answer = ? WHERE operator = ? AND key_hash = ?", append([]any{sealed}, args...)
	}
	err := s.db.Write(ctx, func(tx *store.Tx) error {
		_, err := tx.Exec(ctx, query, args...)
		return err
	})
	if err != nil {
		return fmt.Errorf("keeping an answer: %w", err)
	}
	return nil
}
