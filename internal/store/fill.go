package store

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"

	"github.com/pressly/goose/v3"
	"github.com/pressly/goose/v3/database"
)

// build makes the tables of one database as the migrations of the dump did.
func (l *loader) build(ctx context.Context, tx *Tx, rooms []dumpRoom, name string) error {
	if _, err := tx.Exec(ctx, makeScripts); err != nil {
		return err
	}
	dialect := goose.DialectSQLite3
	if tx.pg != nil {
		dialect = goose.DialectPostgres
	}
	for _, room := range rooms {
		if room.Database != name {
			continue
		}
		versions, err := database.NewStore(dialect, room.Room+versionSuffix)
		if err != nil {
			return err
		}
		if err := versions.CreateVersionTable(ctx, tx.tx); err != nil {
			return err
		}
		if err := versions.Insert(ctx, tx.tx, database.InsertRequest{Version: 0}); err != nil {
			return err
		}
		for _, s := range room.Scripts {
			if s.Version < 1 || s.Version > room.Version {
				return fmt.Errorf("%w: version %d of room %s", ErrDump, s.Version, room.Room)
			}
			if err := tx.play(ctx, s.Script); err != nil {
				return fmt.Errorf("making the tables of %s, version %d: %w", room.Room, s.Version, err)
			}
			if err := versions.Insert(ctx, tx.tx, database.InsertRequest{Version: s.Version}); err != nil {
				return err
			}
			_, err := tx.Exec(ctx, "INSERT INTO "+scripts+" (room, version, script) VALUES (?, ?, ?)", room.Room, s.Version, s.Script)
			if err != nil {
				return err
			}
		}
	}
	return nil
}

var (
	definition = regexp.MustCompile(`(?i)^(CREATE\s+TABLE|CREATE\s+(UNIQUE\s+)?INDEX|ALTER\s+TABLE|DROP\s+TABLE|DROP\s+INDEX)\s`)
	change     = regexp.MustCompile(`(?i)^(INSERT|UPDATE|DELETE)\s`)
	// A definition calls nothing that reaches out of the database.
	reaching = regexp.MustCompile(`(?i)\bSELECT\b|\b(pg|lo|dblink|query_to|database_to|schema_to|table_to|load_extension|set_config|readfile|writefile)\w*\s*\(`)
)

// play carries out what a migration defines. What it changes in rows is left
// out: those of the dump are changed already.
func (tx *Tx) play(ctx context.Context, script string) error {
	for _, statement := range statements(script) {
		if change.MatchString(statement) {
			continue
		}
		if !definition.MatchString(statement) || reaching.MatchString(statement) {
			return fmt.Errorf("%w: it would run %.60q", ErrDump, statement)
		}
		if tx.pg != nil {
			statement = collate(statement)
		}
		if _, err := tx.Exec(ctx, statement); err != nil {
			return err
		}
	}
	return nil
}

// statements cuts the way up of a migration into statements without comments.
func statements(script string) []string {
	if before, _, found := strings.Cut(script, "-- +goose Down"); found {
		script = before
	}
	var all []string
	var one strings.Builder
	end := func() {
		if s := strings.TrimSpace(one.String()); s != "" {
			all = append(all, s)
		}
		one.Reset()
	}
	for text, code := range pieces(script) {
		if !code {
			if text[0] == '-' || text[0] == '/' {
				one.WriteByte('\n')
			} else {
				one.WriteString(text)
			}
			continue
		}
		for {
			before, after, found := strings.Cut(text, ";")
			one.WriteString(before)
			if !found {
				break
			}
			end()
			text = after
		}
	}
	end()
	return all
}

// constraint is a foreign key that is put back when all rows are there.
type constraint struct{ table, name, definition string }

const foreignKeys = "SELECT c.relname, k.conname, pg_get_constraintdef(k.oid) FROM pg_constraint k JOIN pg_class c ON c.oid = k.conrelid " +
	"WHERE k.connamespace = current_schema()::regnamespace AND k.contype = 'f' ORDER BY c.relname, k.conname"

// dropForeignKeys takes the foreign keys away on PostgreSQL, which looks at them
// with each row.
func (tx *Tx) dropForeignKeys(ctx context.Context) ([]constraint, error) {
	if tx.pg == nil {
		return nil, nil
	}
	rows, err := tx.Query(ctx, foreignKeys)
	if err != nil {
		return nil, err
	}
	defer rows.Close() //nolint:errcheck // only read from
	var all []constraint
	for rows.Next() {
		var c constraint
		if err := rows.Scan(&c.table, &c.name, &c.definition); err != nil {
			return nil, err
		}
		all = append(all, c)
	}
	if err := rows.Err(); err != nil {
		return nil, err
	}
	for _, c := range all {
		if _, err := tx.Exec(ctx, "ALTER TABLE "+quoted(c.table)+" DROP CONSTRAINT "+quoted(c.name)); err != nil {
			return nil, err
		}
	}
	return all, nil
}

// addForeignKeys sees that every row of the database points to one that is
// there. SQLite would say so at the commit, when the other database has had its.
func (tx *Tx) addForeignKeys(ctx context.Context, all []constraint) error {
	if tx.pg == nil {
		var of string
		err := tx.QueryRow(ctx, `SELECT "table" FROM pragma_foreign_key_check LIMIT 1`).Scan(&of)
		if err == nil {
			return fmt.Errorf("%w: a row of table %s points to none", ErrDump, of)
		}
		if !errors.Is(err, ErrNoRows) {
			return err
		}
	}
	for _, c := range all {
		if _, err := tx.Exec(ctx, "ALTER TABLE "+quoted(c.table)+" ADD CONSTRAINT "+quoted(c.name)+" "+c.definition); err != nil {
			return err
		}
	}
	return nil
}

// Rows go to PostgreSQL many at a time, for each statement is a round trip.
const (
	batchRows  = 200
	batchBytes = 1 << 20
)

// filler puts rows into one table.
type filler struct {
	tx    *Tx
	t     table
	rows  int64
	args  []any
	held  int
	size  int
	batch int
}

func newFiller(tx *Tx, t table) *filler {
	f := &filler{tx: tx, t: t, batch: 1}
	if tx.pg != nil {
		f.batch = min(batchRows, 60_000/max(1, len(t.columns)))
	}
	return f
}

func (f *filler) add(ctx context.Context, text []byte) error {
	f.rows++
	var values []json.RawMessage
	if err := json.Unmarshal(text, &values); err != nil {
		return fmt.Errorf("%w: %w", ErrDump, err)
	}
	if len(values) != len(f.t.columns) {
		return fmt.Errorf("%w: it has %d values for %d columns", ErrDump, len(values), len(f.t.columns))
	}
	for i, c := range f.t.columns {
		v, err := read(c.Type, values[i])
		if err != nil {
			return fmt.Errorf("%w: column %s: %w", ErrDump, c.Name, err)
		}
		f.args = append(f.args, v)
	}
	f.held++
	f.size += len(text)
	if f.held < f.batch && f.size < batchBytes {
		return nil
	}
	return f.flush(ctx)
}

func (f *filler) flush(ctx context.Context) error {
	if f.held == 0 {
		return nil
	}
	row := "(" + strings.TrimSuffix(strings.Repeat("?, ", len(f.t.columns)), ", ") + ")"
	query := "INSERT INTO " + quoted(f.t.name) + " (" + quotedList(f.t.names()) + ") VALUES " +
		strings.Join(slices.Repeat([]string{row}, f.held), ", ")
	_, err := f.tx.Exec(ctx, query, f.args...)
	f.args, f.held, f.size = f.args[:0], 0, 0
	return err
}
