package store

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"regexp"
	"strconv"

	"github.com/pressly/goose/v3"
)

// ErrNewer says that a database was written by a newer Farrier than this one.
var ErrNewer = errors.New("the database is newer than this program")

var roomName = regexp.MustCompile(`^[a-z][a-z0-9]{0,30}$`)

// Migrate brings the tables of one room up to date. The folder "migrations" of
// fsys holds goose files (00001_what.sql); the room's version stands in the
// table <room>_migrations. Each file is one transaction. A database with a
// higher version than the last file is refused with ErrNewer and not touched.
// Before the first migration of a database that already held tables when it was
// opened, a copy of it is written to <file>.backup-<room>-<version>, version
// being the room's version until then.
func (db *DB) Migrate(ctx context.Context, room string, fsys fs.FS) error {
	if !roomName.MatchString(room) {
		return fmt.Errorf("migrating: room %q must be a short lower-case word", room)
	}
	db.migrating.Lock()
	defer db.migrating.Unlock()
	if err := db.migrate(ctx, room, fsys); err != nil {
		return fmt.Errorf("migrating the tables of %s in %s: %w", room, db.path, err)
	}
	return nil
}

func (db *DB) migrate(ctx context.Context, room string, fsys fs.FS) error {
	files, err := fs.Sub(fsys, "migrations")
	if err != nil {
		return err
	}
	provider, err := goose.NewProvider(goose.DialectSQLite3, db.writer, files,
		goose.WithTableName(room+"_migrations"),
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
		return fmt.Errorf("%w: its version is %d, this program knows versions up to %d; "+
			"use the newer program, or restore the backup it made (%s.backup-…)", ErrNewer, have, known, db.path)
	}
	pending, err := provider.HasPending(ctx)
	if err != nil || !pending {
		return err
	}
	if db.filled {
		target := db.path + ".backup-" + room + "-" + strconv.FormatInt(have, 10)
		if err := backup(ctx, db.writer, target); err != nil {
			return fmt.Errorf("making a backup before the migration: %w", err)
		}
		db.filled = false
	}
	_, err = provider.Up(ctx)
	return err
}
