package client

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"time"

	"farrier.dev/farrier/internal/audit"
	"farrier.dev/farrier/internal/control"
)

// DefaultGrace is how long a replaced secret stays right when nothing else is said;
// MaxGrace is the longest.
const (
	DefaultGrace = 24 * time.Hour
	MaxGrace     = 90 * 24 * time.Hour
)

// maxSecrets bounds the secrets of one application that are right at once.
const maxSecrets = 10

// hashOf is what is kept of a secret.
func hashOf(secret string) string {
	sum := sha256.Sum256([]byte(secret))
	return "sha256:" + hex.EncodeToString(sum[:])
}

// ResetSecret gives an application a new secret, which is not shown again. Those
// before it stay right for the grace period; with 0 they end at once.
func (s *Service) ResetSecret(ctx context.Context, p control.Principal, group, id string, version int64, grace time.Duration) (string, error) {
	before, err := s.manage(ctx, p, group, id)
	if err != nil {
		return "", err
	}
	if grace < 0 || grace > MaxGrace {
		return "", wrong("grace", "must be from 0 to %d hours", int(MaxGrace.Hours()))
	}
	secret := newID(32)
	err = s.write(ctx, p, func(c *change) error {
		if err := one(c.Exec(ctx, "UPDATE clients_applications SET version = version + 1 WHERE group_id = ? AND id = ? AND version = ?", group, id, version)); err != nil {
			return err
		}
		ends := c.now + grace.Milliseconds()
		if _, err := c.Exec(ctx, "UPDATE clients_secrets SET ends_at = ? WHERE application_id = ? AND (ends_at = 0 OR ends_at > ?)", ends, id, ends); err != nil {
			return fmt.Errorf("ending the secrets before: %w", err)
		}
		if _, err := c.Exec(ctx, "DELETE FROM clients_secrets WHERE application_id = ? AND ends_at <> 0 AND ends_at <= ?", id, c.now); err != nil {
			return fmt.Errorf("removing secrets that have ended: %w", err)
		}
		var lives int64
		if err := c.QueryRow(ctx, "SELECT COUNT(*) FROM clients_secrets WHERE application_id = ?", id).Scan(&lives); err != nil {
			return fmt.Errorf("counting secrets: %w", err)
		}
		if lives >= maxSecrets {
			return wrong("grace", "%d replaced secrets are still right; end them at once with this reset", lives)
		}
		if _, err := c.Exec(ctx, "INSERT INTO clients_secrets (application_id, hash, made_at, ends_at) VALUES (?, ?, ?, 0)", id, hashOf(secret), c.now); err != nil {
			return fmt.Errorf("keeping the secret: %w", err)
		}
		if err := c.touchAll(ctx, id); err != nil {
			return err
		}
		return c.tell(ctx, "", audit.ClientSecretReset, "client "+before.ClientID, nil, map[string]any{"olderEnd": millis(ends).Format(time.RFC3339)})
	})
	if err != nil {
		return "", err
	}
	return secret, nil
}
