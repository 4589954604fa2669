package secrets

import (
	"context"
	"errors"
	"fmt"

	"farrier.dev/farrier/internal/secret"
	"farrier.dev/farrier/internal/store"
)

// rewrapBatch is how many data keys are rewrapped in one transaction.
const rewrapBatch = 100

// Rewrap seals the data keys of all groups with the master key that seals now, some
// at a time. It can be stopped at any moment and called again; what is done already
// is not done twice. It says how many it has changed.
func (s *Service) Rewrap(ctx context.Context) (done int, err error) {
	return RewrapColumn(ctx, s.o.DB, DataKeys(), s.o.Ring)
}

// DataKeys is the column of the data keys of groups.
func DataKeys() Column {
	return Column{
		Table: "secrets_groups", Sealed: "data_key", Keys: []string{"environment", "name"},
		Purpose: func(keys []string) string { return keyPurpose(keys[0], keys[1]) },
	}
}

// Column is a column of sealed values.
type Column struct {
	// Table, Sealed and Keys are names in the database: of the table, of the column,
	// and of the text columns that name a row.
	Table, Sealed string
	Keys          []string
	// Bytes says that the column holds bytes, not text.
	Bytes bool
	// Purpose is what the value of a row is sealed for.
	Purpose func(keys []string) string
}

// Rewrapper seals anew; *secret.Keyring is the one to use.
type Rewrapper interface {
	Stale(value string) bool
	Rewrap(purpose, value string) (sealed string, changed bool, err error)
}

type staleRow struct {
	keys  []string
	value string
}

// RewrapColumn seals every value of a column anew that another key has sealed. Rows
// that are changed meanwhile by others stay as those have left them.
func RewrapColumn(ctx context.Context, db *store.DB, c Column, ring Rewrapper) (done int, err error) {
	rows, err := staleRows(ctx, db, c, ring)
	if err != nil {
		return 0, fmt.Errorf("rewrapping %s: %w", c.Table, err)
	}
	var errs []error
	for len(rows) > 0 {
		batch := rows[:min(len(rows), rewrapBatch)]
		rows = rows[len(batch):]
		err := db.Write(ctx, func(tx *store.Tx) error {
			for _, row := range batch {
				sealed, _, err := ring.Rewrap(c.Purpose(row.keys), row.value)
				if err != nil {
					errs = append(errs, fmt.Errorf("rewrapping %s %v: %w", c.Table, row.keys, err))
					continue
				}
				statement := "UPDATE " + c.Table + " SET " + c.Sealed + " = ? WHERE " + c.Sealed + " = ?"
				args := []any{sealed, row.value}
				if c.Bytes {
					args = []any{[]byte(sealed), []byte(row.value)}
				}
				for i, key := range c.Keys {
					statement += " AND " + key + " = ?"
					args = append(args, row.keys[i])
				}
				n, err := tx.Exec(ctx, statement, args...)
				if err != nil {
					return err
				}
				done += int(n)
			}
			return nil
		})
		if err != nil {
			return done, fmt.Errorf("rewrapping %s: %w", c.Table, err)
		}
	}
	return done, errors.Join(errs...)
}

func staleRows(ctx context.Context, db *store.DB, c Column, ring Rewrapper) (found []staleRow, err error) {
	err = eachRow(ctx, db, c, func(row staleRow) {
		if ring.Stale(row.value) {
			found = append(found, row)
		}
	})
	return found, err
}

// SealedBy counts the values of a column by the id of the master key that sealed them.
func SealedBy(ctx context.Context, db *store.DB, c Column) (map[string]int, error) {
	counts := map[string]int{}
	err := eachRow(ctx, db, c, func(row staleRow) {
		if id := secret.SealedBy(row.value); id != "" {
			counts[id]++
		}
	})
	if err != nil {
		return nil, fmt.Errorf("reading what is sealed in %s: %w", c.Table, err)
	}
	return counts, nil
}

func eachRow(ctx context.Context, db *store.DB, c Column, yield func(row staleRow)) (err error) {
	statement := "SELECT " + c.Sealed
	for _, key := range c.Keys {
		statement += ", " + key
	}
	rows, err := db.Read().Query(ctx, statement+" FROM "+c.Table)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, rows.Close()) }()
	for rows.Next() {
		row := staleRow{keys: make([]string, len(c.Keys))}
		into := []any{&row.value}
		for i := range row.keys {
			into = append(into, &row.keys[i])
		}
		if err := rows.Scan(into...); err != nil {
			return err
		}
		yield(row)
	}
	return rows.Err()
}
