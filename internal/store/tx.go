package store

import (
	"context"
	"database/sql"
	"fmt"
	"sync/atomic"
)

// ErrNoRows is what scanning the row of QueryRow returns when there is none.
var ErrNoRows = sql.ErrNoRows

// querier is what a pool and a transaction have in common.
type querier interface {
	QueryContext(ctx context.Context, query string, args ...any) (*sql.Rows, error)
	QueryRowContext(ctx context.Context, query string, args ...any) *sql.Row
}

// Reader asks the database. One that DB.Read returns sees, with each statement,
// the last committed state; one inside a Tx sees that transaction.
type Reader struct {
	q querier
	// pg rewrites statements; nil on SQLite.
	pg *postgres
	// asked counts statements.
	asked *atomic.Uint64
}

// spoken are a statement and its arguments as the database takes them.
func (r Reader) spoken(query string, args []any) (string, []any) {
	r.asked.Add(1)
	if r.pg == nil {
		return query, args
	}
	return r.pg.statement(query), cleaned(args)
}

// Query runs a statement that returns rows, with ? for each argument. The
// caller closes the rows and asks their Err.
func (r Reader) Query(ctx context.Context, query string, args ...any) (*sql.Rows, error) {
	query, args = r.spoken(query, args)
	return r.q.QueryContext(ctx, query, args...)
}

// QueryRow runs a statement that returns at most one row. Its error, ErrNoRows
// among them, comes with Scan.
func (r Reader) QueryRow(ctx context.Context, query string, args ...any) *sql.Row {
	query, args = r.spoken(query, args)
	return r.q.QueryRowContext(ctx, query, args...)
}

// Tx is a running write transaction. It belongs to the function it was handed
// to and is worth nothing afterwards.
type Tx struct {
	Reader
	tx *sql.Tx
	// statements holds what Exec ran, nil after the first time and prepared
	// from the second on: a batch repeats the same few.
	statements map[string]*sql.Stmt
}

// Exec runs a statement that returns no rows and says how many rows it changed.
func (tx *Tx) Exec(ctx context.Context, query string, args ...any) (int64, error) {
	result, err := tx.exec(ctx, query, args)
	if err != nil {
		return 0, err
	}
	return result.RowsAffected()
}

func (tx *Tx) exec(ctx context.Context, query string, args []any) (sql.Result, error) {
	query, args = tx.spoken(query, args)
	if tx.pg != nil { // its driver remembers what it prepared
		return tx.tx.ExecContext(ctx, query, args...)
	}
	statement, seen := tx.statements[query]
	if !seen {
		if tx.statements == nil {
			tx.statements = map[string]*sql.Stmt{}
		}
		tx.statements[query] = nil
		return tx.tx.ExecContext(ctx, query, args...)
	}
	if statement == nil {
		var err error
		if statement, err = tx.tx.PrepareContext(ctx, query); err != nil {
			return nil, err
		}
		tx.statements[query] = statement // the transaction closes it
	}
	return statement.ExecContext(ctx, args...)
}

// Statements is how many statements were run since the database was opened, but those
// of migrations and dumps: what asks more often the more there is shows in it.
func (db *DB) Statements() uint64 { return db.asked.Load() }

// Read returns a reader. It can not write: a statement that would is an error.
func (db *DB) Read() Reader { return Reader{q: db.reader, pg: db.pg, asked: &db.asked} }

// Write runs fn in a transaction that nobody else writes beside, and commits it
// when fn returns nil; an error or a panic leaves the database as it was. It
// waits for the running write to end, or for ctx. Inside fn the transaction is
// the only way to write: calling Write again would wait for itself until ctx
// ends.
func (db *DB) Write(ctx context.Context, fn func(tx *Tx) error) error {
	tx, err := db.begin(ctx)
	if err != nil {
		return fmt.Errorf("beginning a transaction: %w", err)
	}
	defer tx.Rollback() //nolint:errcheck // after the commit it does nothing, before it the first error counts
	if err := fn(&Tx{Reader: Reader{q: tx, pg: db.pg, asked: &db.asked}, tx: tx}); err != nil {
		return err
	}
	if err := tx.Commit(); err != nil {
		return fmt.Errorf("committing: %w", err)
	}
	return nil
}

func (db *DB) begin(ctx context.Context) (*sql.Tx, error) {
	if db.pg != nil {
		return db.pg.begin(ctx, db.writer)
	}
	return db.writer.BeginTx(ctx, nil)
}
