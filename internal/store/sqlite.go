package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"net/url"
	"os"
	"strings"

	"modernc.org/sqlite"
	sqlite3 "modernc.org/sqlite/lib"
)

// sourceName is the name under which the driver opens a file, with the settings
// that every connection gets.
func sourceName(path string, disposable, readOnly bool) string {
	pragmas := []string{
		"busy_timeout(5000)", // milliseconds to wait for another process, as login-link
		"journal_mode(WAL)",
		"foreign_keys(1)",
		"trusted_schema(0)",
		"journal_size_limit(67108864)",
	}
	if disposable {
		pragmas = append(pragmas, "synchronous(NORMAL)")
	} else {
		pragmas = append(pragmas, "synchronous(FULL)")
	}
	if readOnly {
		pragmas = append(pragmas, "query_only(1)")
	}
	// A write transaction takes its lock at once: one that began by reading could
	// not wait for another writer later.
	query := url.Values{"_pragma": pragmas, "_txlock": {"immediate"}}
	name := url.URL{Scheme: "file", Path: path, RawQuery: query.Encode()}
	return name.String()
}

// damageError is what the integrity check found.
type damageError string

func (e damageError) Error() string { return "integrity check: " + string(e) }

// isDamage tells a damaged file from a database that can not be reached now.
func isDamage(err error) bool {
	var found damageError
	if errors.As(err, &found) {
		return true
	}
	switch sqliteCode(err) & 0xff {
	case sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB:
		return true
	}
	return false
}

// IsConflict reports whether err says that a row with the same primary key or
// unique value exists already.
func IsConflict(err error) bool {
	if isPostgresConflict(err) {
		return true
	}
	code := sqliteCode(err)
	return code == sqlite3.SQLITE_CONSTRAINT_UNIQUE || code == sqlite3.SQLITE_CONSTRAINT_PRIMARYKEY
}

// sqliteCode is the extended result code of an error of SQLite, or 0.
func sqliteCode(err error) int {
	var e *sqlite.Error
	if errors.As(err, &e) {
		return e.Code()
	}
	return 0
}

func quickCheck(ctx context.Context, db *sql.DB) error {
	var first string
	if err := db.QueryRowContext(ctx, "PRAGMA quick_check(1)").Scan(&first); err != nil {
		return err
	}
	if first != "ok" {
		return damageError(strings.ReplaceAll(first, "\n", "; "))
	}
	return nil
}

func hasTables(ctx context.Context, db *sql.DB) (bool, error) {
	var n int
	err := db.QueryRowContext(ctx, "SELECT count(*) FROM sqlite_master").Scan(&n)
	return n > 0, err
}

// backup writes a whole and compact copy of the database to target. It is made
// beside it first, so that a file of that name is always complete.
func backup(ctx context.Context, db *sql.DB, target string) (err error) {
	partial := target + ".partial"
	if err := os.Remove(partial); err != nil && !errors.Is(err, os.ErrNotExist) {
		return err
	}
	// VACUUM INTO fills an empty file and keeps its mode.
	f, err := os.OpenFile(partial, os.O_RDWR|os.O_CREATE|os.O_EXCL, 0o600) //nolint:gosec // beside the database
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, os.Remove(partial))
		}
	}()
	_, err = db.ExecContext(ctx, "VACUUM INTO ?", partial)
	if err = errors.Join(err, f.Sync(), f.Close()); err != nil {
		return fmt.Errorf("copying: %w", err)
	}
	return os.Rename(partial, target)
}
