package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"path"
	"regexp"
	"strconv"
	"strings"

	"github.com/pressly/goose/v3"
)

// ErrNewer says that a database was written by a newer Farrier than this one.
var ErrNewer = errors.New("the database is newer than this program")

var roomName = regexp.MustCompile(`^[a-z][a-z0-9]{0,30}$`)

// Migrate brings the tables of one room up to date. The folder "migrations" of
// fsys holds goose files (00001_what.sql); the room's version stands in the
// table <room>_migrations. Each file is one transaction. A database with a
// higher version than the last file is refused with ErrNewer and not touched.
// On SQLite, before the first migration of a database that already held tables
// when it was opened, a copy of it is written to
// <file>.backup-<room>-<version>, version being the room's version until then.
// On PostgreSQL several processes may migrate at once: one does, the others
// wait for it, and so do their writes.
func (db *DB) Migrate(ctx context.Context, room string, fsys fs.FS) error {
	if !roomName.MatchString(room) {
		return fmt.Errorf("migrating: room %q must be a short lower-case word", room)
	}
	db.migrating.Lock()
	defer db.migrating.Unlock()
	files, err := fs.Sub(fsys, "migrations")
	if err == nil {
		if db.pg != nil {
			err = db.pg.exclusive(ctx, func(pool *sql.DB) error {
				return db.migrate(ctx, room, files, pool)
			})
		} else {
			err = db.migrate(ctx, room, files, db.writer)
		}
	}
	if err != nil {
		return fmt.Errorf("migrating the tables of %s in %s: %w", room, db.path, err)
	}
	return nil
}

func (db *DB) migrate(ctx context.Context, room string, files fs.FS, pool *sql.DB) error {
	dialect, spoken := goose.DialectSQLite3, files
	if db.pg != nil {
		dialect, spoken = goose.DialectPostgres, collated{files}
	}
	provider, err := goose.NewProvider(dialect, pool, spoken,
		goose.WithTableName(room+versionSuffix),
		goose.WithDisableGlobalRegistry(true),
		goose.WithSlog(slog.New(slog.DiscardHandler)))
	if err != nil {
		return err
	}
	have, known, err := provider.GetVersions(ctx)
	if err != nil {
		return err
	}
	if have > known {
		return fmt.Errorf("%w: its version is %d, this program knows versions up to %d; use the newer program, or %s",
			ErrNewer, have, known, db.older())
	}
	if have < known {
		if db.filled {
			target := db.path + ".backup-" + room + "-" + strconv.FormatInt(have, 10)
			if err := backup(ctx, db.writer, target); err != nil {
				return fmt.Errorf("making a backup before the migration: %w", err)
			}
			db.filled = false
		}
		if _, err := provider.Up(ctx); err != nil {
			return err
		}
	}
	return db.remember(ctx, room, files, pool)
}

// older says how to come back from a newer version.
func (db *DB) older() string {
	if db.pg != nil {
		return "restore a backup that this one made"
	}
	return "restore the backup it made (" + db.path + ".backup-…)"
}

// A database tells of itself which migrations made it, so that a dump can make
// its tables again: scripts has the text of each.
const (
	versionSuffix = "_migrations"
	scripts       = "store_scripts"
	makeScripts   = "CREATE TABLE IF NOT EXISTS " + scripts + " (room TEXT NOT NULL, version BIGINT NOT NULL, " +
		"script TEXT NOT NULL, PRIMARY KEY (room, version))"
)

// remember keeps the text of the room's migrations, which were all applied.
func (db *DB) remember(ctx context.Context, room string, files fs.FS, pool *sql.DB) error {
	all, err := readScripts(files)
	if err != nil {
		return err
	}
	r := Reader{q: pool, pg: db.pg, asked: &db.asked}
	if _, err := pool.ExecContext(ctx, makeScripts); err != nil {
		return err
	}
	var have int
	if err := r.QueryRow(ctx, "SELECT count(*) FROM "+scripts+" WHERE room = ?", room).Scan(&have); err != nil || have == len(all) {
		return err
	}
	for version, script := range all {
		query, args := r.spoken("INSERT INTO "+scripts+" (room, version, script) VALUES (?, ?, ?) ON CONFLICT DO NOTHING",
			[]any{room, version, script})
		if _, err := pool.ExecContext(ctx, query, args...); err != nil {
			return err
		}
	}
	return nil
}

func readScripts(files fs.FS) (map[int64]string, error) {
	names, err := fs.Glob(files, "*.sql")
	if err != nil {
		return nil, err
	}
	all := make(map[int64]string, len(names))
	for _, name := range names {
		number, _, _ := strings.Cut(path.Base(name), "_")
		version, err := strconv.ParseInt(number, 10, 64)
		if err != nil {
			return nil, fmt.Errorf("migration %s: its name must begin with a number", name)
		}
		text, err := fs.ReadFile(files, name)
		if err != nil {
			return nil, err
		}
		all[version] = string(text)
	}
	return all, nil
}
