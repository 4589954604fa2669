// Package store gives the rooms a database: it opens it, keeps one writer and a
// pool of readers apart, runs the migrations that each room brings, backs up
// before them, dumps and loads all, and locks the data folder. It hides the
// dialect, SQLite or PostgreSQL, behind one type and owns no table: what is
// kept, and its SQL, belong to the room that keeps it.
//
// Rooms write portable SQL: ? placeholders and no ? elsewhere; the types
// BIGINT, INTEGER, DOUBLE PRECISION, BOOLEAN, TEXT and BYTEA; times as BIGINT
// Unix milliseconds; INSERT … ON CONFLICT instead of INSERT OR REPLACE;
// RETURNING instead of a last insert id; no PRAGMA, AUTOINCREMENT or date
// functions. Text sorts by its bytes on both. PostgreSQL keeps text as UTF-8
// without NUL: the store puts U+FFFD in the place of other bytes, so that what
// is hashed or compared must be clean before. A statement that failed ends its
// transaction there: what may conflict says ON CONFLICT DO NOTHING.
//
// Several processes may run on one PostgreSQL, and a new version is started
// beside the old. Nothing is therefore remembered between transactions that
// another process may change, and migrations only add: tables, indexes, columns
// with a default. What is no longer used is dropped by a later version than the
// one that ceased to use it. A released migration is never changed.
package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"time"
)

// The files of a data folder on SQLite.
const (
	// ControlFile holds what operators said: precious, opened with the zero Options.
	ControlFile = "control.db"
	// TrafficFile holds what was observed: opened with Options.Disposable.
	TrafficFile = "traffic.db"
)

// ErrBroken says that a database file is damaged and was left as it is.
var ErrBroken = errors.New("the database is damaged")

// defaultReaders bounds the reading connections of one database.
const defaultReaders = 4

// Options says how a database is opened. The zero value is for data that must
// not be lost.
type Options struct {
	// Disposable trades the last moments before a power loss for speed
	// (synchronous NORMAL instead of FULL; a killed process loses nothing either
	// way), and lets a damaged file of SQLite be moved aside and replaced by an
	// empty one.
	Disposable bool
	// Readers bounds the connections that read at once; 0 means 4.
	Readers int
	// Now is the clock; it names the file that a damaged database is moved to.
	// Required with Disposable on SQLite.
	Now func() time.Time
}

// Replacement tells that a damaged, disposable database was moved aside at
// Open and an empty one put in its place.
type Replacement struct {
	// MovedTo is the path of the damaged file.
	MovedTo string
	// Reason is what was wrong with it.
	Reason error
}

// DB is an open database, on SQLite or PostgreSQL. It is safe for use by many
// goroutines. Writes are carried out one after the other, on PostgreSQL also
// those of several processes; reads see the last committed state and wait for
// nobody.
type DB struct {
	// path names the database in messages; on SQLite it is the file.
	path string
	// pg is nil on SQLite.
	pg       *postgres
	writer   *sql.DB
	reader   *sql.DB
	replaced *Replacement
	asked    atomic.Uint64

	migrating sync.Mutex
	// filled says that the database held tables when it was opened and no backup
	// was made since: the next migration makes one.
	filled bool
}

// Open opens or makes the SQLite database at path, whose folder must exist, and
// checks its integrity. A damaged file is ErrBroken, or, with
// Options.Disposable, moved aside and replaced, which Replaced tells.
func Open(ctx context.Context, path string, o Options) (*DB, error) {
	if o.Readers < 0 || o.Disposable && o.Now == nil {
		return nil, errors.New("opening a database: Readers must not be negative, and Disposable needs Now")
	}
	path, err := filepath.Abs(path)
	if err != nil {
		return nil, fmt.Errorf("opening a database: %w", err)
	}
	db, err := openChecked(ctx, path, o)
	if err == nil || !isDamage(err) {
		return db, err
	}
	if !o.Disposable {
		return nil, fmt.Errorf("%w: %s: %w; stop Farrier and restore the file (with no -wal and -shm file beside it) from a backup", ErrBroken, path, err)
	}
	aside := path + ".broken-" + o.Now().UTC().Format("20060102T150405.000Z")
	if moveErr := moveAside(path, aside); moveErr != nil {
		return nil, fmt.Errorf("%w: %s: %w; moving it aside: %w", ErrBroken, path, err, moveErr)
	}
	db, openErr := openChecked(ctx, path, o)
	if openErr != nil {
		return nil, openErr
	}
	db.replaced = &Replacement{MovedTo: aside, Reason: err}
	return db, nil
}

func openChecked(ctx context.Context, path string, o Options) (*DB, error) {
	// SQLite gives its -wal and -shm files the mode of the file: made here, all are 0600.
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600) //nolint:gosec // the data folder is the operator's own setting
	if err != nil {
		return nil, fmt.Errorf("opening a database: %w", err)
	}
	if err := f.Close(); err != nil {
		return nil, fmt.Errorf("opening a database: %w", err)
	}
	db := &DB{path: path}
	if db.writer, err = sql.Open("sqlite", sourceName(path, o.Disposable, false)); err != nil {
		return nil, fmt.Errorf("opening %s: %w", path, err)
	}
	db.writer.SetMaxOpenConns(1)
	if db.reader, err = sql.Open("sqlite", sourceName(path, o.Disposable, true)); err != nil {
		return nil, errors.Join(fmt.Errorf("opening %s: %w", path, err), db.writer.Close())
	}
	readers := o.Readers
	if readers == 0 {
		readers = defaultReaders
	}
	db.reader.SetMaxOpenConns(readers)
	db.reader.SetMaxIdleConns(readers)
	if err := db.check(ctx); err != nil {
		return nil, errors.Join(err, db.Close())
	}
	return db, nil
}

func (db *DB) check(ctx context.Context) error {
	if err := quickCheck(ctx, db.writer); err != nil {
		return fmt.Errorf("checking %s: %w", db.path, err)
	}
	filled, err := hasTables(ctx, db.writer)
	if err != nil {
		return fmt.Errorf("checking %s: %w", db.path, err)
	}
	db.filled = filled
	return nil
}

// moveAside renames a database and what SQLite keeps beside it, so that a
// rescue tool still finds all parts together. It never replaces a file.
func moveAside(path, aside string) error {
	if _, err := os.Lstat(aside); !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("%s exists already", aside)
	}
	for _, part := range []string{"-wal", "-shm", ""} {
		if err := os.Rename(path+part, aside+part); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
	}
	return nil
}

// Replaced tells whether Open put an empty database in the place of a damaged
// one; nil says that it did not.
func (db *DB) Replaced() *Replacement { return db.replaced }

// Ping reports whether the database answers.
func (db *DB) Ping(ctx context.Context) error {
	if err := db.reader.PingContext(ctx); err != nil {
		return fmt.Errorf("asking the database: %w", err)
	}
	return nil
}

// Close waits for running statements and closes the database. Nobody may use it
// afterwards.
func (db *DB) Close() error {
	var migrator error
	if db.pg != nil {
		migrator = db.pg.close()
	}
	// The writer goes last: the last connection to close empties the write-ahead log.
	if err := errors.Join(migrator, db.reader.Close(), db.writer.Close()); err != nil {
		return fmt.Errorf("closing %s: %w", db.path, err)
	}
	return nil
}
