package store

import (
	"context"
	"embed"
	"errors"
	"fmt"
)

//go:embed migrations/*.sql
var migrations embed.FS

// Agree returns the value of a name that all processes on this database share.
// decide is told what it is, empty for none yet, and answers what it shall be;
// its error is handed back and changes nothing. The value is part of a dump.
func (db *DB) Agree(ctx context.Context, name string, decide func(have string) (string, error)) (value string, err error) {
	if err := db.Migrate(ctx, "store", migrations); err != nil {
		return "", err
	}
	err = db.Write(ctx, func(tx *Tx) error {
		var have string
		err := tx.QueryRow(ctx, "SELECT value FROM store_values WHERE name = ?", name).Scan(&have)
		if err != nil && !errors.Is(err, ErrNoRows) {
			return err
		}
		if value, err = decide(have); err != nil || value == have {
			return err
		}
		_, err = tx.Exec(ctx, "INSERT INTO store_values (name, value) VALUES (?, ?) ON CONFLICT (name) DO UPDATE SET value = excluded.value", name, value)
		return err
	})
	if err != nil {
		return "", fmt.Errorf("agreeing on %s: %w", name, err)
	}
	return value, nil
}
