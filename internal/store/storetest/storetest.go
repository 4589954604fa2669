// Package storetest runs the store tests of a room on every database that the
// store can open: SQLite and PostgreSQL. It holds no tests itself.
package storetest

import (
	"context"
	"crypto/rand"
	"database/sql"
	"errors"
	"io/fs"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"farrier.dev/farrier/internal/programtest"
	"farrier.dev/farrier/internal/store"
)

// Each runs test once per kind of database, each time on an empty one that is
// closed at the end. Where PostgreSQL is not installed that half is skipped, or
// fails in CI.
func Each(t *testing.T, test func(t *testing.T, db *store.DB)) {
	t.Helper()
	t.Run("sqlite", func(t *testing.T) {
		test(t, Open(t))
	})
	t.Run("postgres", func(t *testing.T) {
		test(t, OpenPostgres(t))
	})
}

// Open opens an empty SQLite database in a temporary folder, for tests that
// need just any.
func Open(t testing.TB) *store.DB {
	t.Helper()
	db, err := store.Open(t.Context(), filepath.Join(t.TempDir(), store.ControlFile), store.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := db.Close(); err != nil {
			t.Error(err)
		}
	})
	return db
}

// OpenPostgres opens an empty schema of the PostgreSQL database that all tests
// of a binary share, and drops it at the end.
func OpenPostgres(t testing.TB) *store.DB {
	t.Helper()
	address, schema := Schema(t)
	db, err := store.OpenPostgres(t.Context(), address, schema, store.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := db.Close(); err != nil {
			t.Error(err)
		}
	})
	return db
}

// Schema is the address of the PostgreSQL database that all tests of a binary
// share, and the name of a schema in it that is the test's own.
func Schema(t testing.TB) (address, schema string) {
	t.Helper()
	address = programtest.Postgres(t)
	schema = "t" + strings.ToLower(rand.Text())
	t.Cleanup(func() {
		db, err := sql.Open("pgx", address)
		if err != nil {
			t.Error(err)
			return
		}
		_, err = db.ExecContext(context.WithoutCancel(t.Context()), "DROP SCHEMA IF EXISTS "+schema+" CASCADE")
		if err := errors.Join(err, db.Close()); err != nil {
			t.Error(err)
		}
	})
	return address, schema
}

// unportable is SQL that only one of the databases understands.
var unportable = regexp.MustCompile(`(?i)\b(AUTOINCREMENT|PRAGMA|WITHOUT\s+ROWID|INSERT\s+OR\s+\w+|REPLACE\s+INTO|BLOB|DATETIME|` +
	`TIMESTAMP|SERIAL|JSONB|STRFTIME|GLOB|IFNULL|UNIXEPOCH|LAST_INSERT_ROWID)\b|\)\s*STRICT\b`)

// Portable fails the test when a migration of fsys uses SQL that not every
// database understands, or when there is none.
func Portable(t *testing.T, fsys fs.FS) {
	t.Helper()
	files, err := fs.Glob(fsys, "migrations/*.sql")
	if err != nil {
		t.Fatal(err)
	}
	if len(files) == 0 {
		t.Fatal("there are no files migrations/*.sql")
	}
	for _, name := range files {
		text, err := fs.ReadFile(fsys, name)
		if err != nil {
			t.Fatal(err)
		}
		if found := unportable.Find(text); found != nil {
			t.Errorf("%s: %q is not understood by every database", name, found)
		}
	}
	t.Logf("%d migrations looked at", len(files))
}
