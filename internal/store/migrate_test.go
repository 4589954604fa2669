package store_test

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/fstest"

	"farrier.dev/farrier/internal/store"
	"farrier.dev/farrier/internal/store/storetest"
)

// migrations makes the files of a room; each text is one version's Up.
func migrations(ups ...string) fstest.MapFS {
	fsys := fstest.MapFS{}
	for i, up := range ups {
		name := "migrations/0000" + string(rune('1'+i)) + "_step.sql"
		fsys[name] = &fstest.MapFile{Data: []byte("-- +goose Up\n" + up + "\n")}
	}
	return fsys
}

const (
	one = "CREATE TABLE a (id BIGINT NOT NULL PRIMARY KEY);"
	two = "ALTER TABLE a ADD COLUMN name TEXT NOT NULL DEFAULT 'old';"
)

func backups(t *testing.T, path string) []string {
	t.Helper()
	found, err := filepath.Glob(path + ".backup-*")
	if err != nil {
		t.Fatal(err)
	}
	for i := range found {
		found[i] = strings.TrimPrefix(found[i], path)
	}
	return found
}

func migrate(t *testing.T, db *store.DB, room string, fsys fstest.MapFS) {
	t.Helper()
	if err := db.Migrate(t.Context(), room, fsys); err != nil {
		t.Fatal(err)
	}
}

func TestMigrateOldToNew(t *testing.T) {
	path := filepath.Join(t.TempDir(), store.ControlFile)

	// First start: nothing to lose, no backup, though the second room finds tables.
	db := open(t, path, store.Options{})
	migrate(t, db, "alpha", migrations(one))
	migrate(t, db, "beta", migrations("CREATE TABLE b (id BIGINT);"))
	migrate(t, db, "alpha", migrations(one))
	execute(t, db, "INSERT INTO a (id) VALUES (7)")
	if found := backups(t, path); len(found) != 0 {
		t.Errorf("first start made %v", found)
	}
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}

	// Same program again: nothing happens.
	db = open(t, path, store.Options{})
	migrate(t, db, "alpha", migrations(one))
	if found := backups(t, path); len(found) != 0 {
		t.Errorf("a start without migration made %v", found)
	}
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}

	// A new program: one backup before the first of its migrations.
	db = open(t, path, store.Options{})
	migrate(t, db, "alpha", migrations(one, two))
	migrate(t, db, "gamma", migrations("CREATE TABLE c (id BIGINT);"))
	if count(t, db.Read(), "SELECT count(*) FROM a WHERE id = 7 AND name = 'old'") != 1 {
		t.Error("the row did not come along")
	}
	found := backups(t, path)
	if len(found) != 1 || found[0] != ".backup-alpha-1" {
		t.Fatalf("backups are %v, want .backup-alpha-1", found)
	}
	info, err := os.Stat(path + found[0])
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("backup: %v, %v; want mode 0600", info, err)
	}

	// The backup is what the old program needs.
	old := open(t, path+found[0], store.Options{})
	migrate(t, old, "alpha", migrations(one))
	if count(t, old.Read(), "SELECT count(*) FROM a WHERE id = 7") != 1 {
		t.Error("the backup lacks the row")
	}

	// The old program refuses the new database and leaves it alone.
	err = db.Migrate(t.Context(), "alpha", migrations(one))
	if !errors.Is(err, store.ErrNewer) || !strings.Contains(err.Error(), "its version is 2, this program knows versions up to 1") {
		t.Errorf("newer database: %v", err)
	}
	if count(t, db.Read(), "SELECT count(*) FROM a WHERE name = 'old'") != 1 {
		t.Error("the refused database was changed")
	}
}

func TestMigrationThatFailsChangesNothing(t *testing.T) {
	path := filepath.Join(t.TempDir(), store.ControlFile)
	db := open(t, path, store.Options{})
	migrate(t, db, "alpha", migrations(one))
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	db = open(t, path, store.Options{})
	err := db.Migrate(t.Context(), "alpha", migrations(one, two+"\nINSERT INTO nowhere VALUES (1);"))
	if err == nil || !strings.Contains(err.Error(), "nowhere") {
		t.Fatalf("error %v, want it to name the table", err)
	}
	if count(t, db.Read(), "SELECT count(*) FROM alpha_migrations WHERE version_id = 2") != 0 {
		t.Error("the failed version is recorded")
	}
	if count(t, db.Read(), "SELECT count(*) FROM pragma_table_info('a')") != 1 {
		t.Error("half of the failed migration stayed")
	}
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	// Mended, it runs; the backup of the same version is replaced by a fresh one.
	db = open(t, path, store.Options{})
	migrate(t, db, "alpha", migrations(one, two))
	if found := backups(t, path); len(found) != 1 {
		t.Errorf("backups are %v", found)
	}
}

func TestMigrateRefuses(t *testing.T) {
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		for _, room := range []string{"", "Alpha", "a b", "a;drop", "1a", strings.Repeat("a", 40)} {
			if err := db.Migrate(t.Context(), room, migrations(one)); err == nil || !strings.Contains(err.Error(), "must be a short lower-case word") {
				t.Errorf("room %q: %v", room, err)
			}
		}
		if err := db.Migrate(t.Context(), "alpha", fstest.MapFS{}); err == nil {
			t.Error("a room without migrations passed")
		}
	})
}

func TestPortable(t *testing.T) {
	storetest.Portable(t, migrations(one, two, "INSERT INTO a (id) VALUES (1) ON CONFLICT (id) DO NOTHING;"))
}
