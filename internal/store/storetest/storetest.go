// Package storetest runs the store tests of a room on every database that the
// store can open. That is SQLite today; PostgreSQL joins with the change that
// brings it, without a change in the rooms' tests. It holds no tests itself.
package storetest

import (
	"io/fs"
	"path/filepath"
	"regexp"
	"testing"

	"farrier.dev/farrier/internal/store"
)

// Each runs test once per kind of database, each time on an empty one that is
// closed at the end.
func Each(t *testing.T, test func(t *testing.T, db *store.DB)) {
	t.Helper()
	t.Run("sqlite", func(t *testing.T) {
		test(t, Open(t))
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
