package store

import (
	"context"
	"fmt"
	"slices"
	"strings"
)

// column is a column of a table, its type one of the portable ones.
type column struct {
	Name string `json:"name"`
	Type string `json:"type"`
}

// table is a table as a dump needs it.
type table struct {
	name    string
	columns []column
	// key are the columns of the primary key in their order.
	key []string
}

// The questions that differ: the tables, the columns of one, its primary key.
const (
	sqliteTables    = "SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite~_%' ESCAPE '~'"
	sqliteColumns   = "SELECT name, type FROM pragma_table_info(?) ORDER BY cid"
	sqliteKey       = "SELECT name FROM pragma_table_info(?) WHERE pk > 0 ORDER BY pk"
	postgresTables  = "SELECT c.relname FROM pg_class c WHERE c.relnamespace = current_schema()::regnamespace AND c.relkind IN ('r', 'p')"
	postgresColumns = "SELECT a.attname, upper(format_type(a.atttypid, NULL)) FROM pg_attribute a JOIN pg_class c ON c.oid = a.attrelid " +
		"WHERE c.relnamespace = current_schema()::regnamespace AND c.relname = ? AND a.attnum > 0 AND NOT a.attisdropped ORDER BY a.attnum"
	postgresKey = "SELECT a.attname FROM pg_index i JOIN pg_class c ON c.oid = i.indrelid JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum = ANY (i.indkey) " +
		"WHERE c.relnamespace = current_schema()::regnamespace AND c.relname = ? AND i.indisprimary ORDER BY array_position(i.indkey::int2[], a.attnum)"
)

func (r Reader) ask(sqlite, postgres string) string {
	if r.pg != nil {
		return postgres
	}
	return sqlite
}

// tableNames are all tables, sorted.
func (r Reader) tableNames(ctx context.Context) ([]string, error) {
	names, err := r.texts(ctx, r.ask(sqliteTables, postgresTables))
	slices.Sort(names)
	return names, err
}

// Tables names all tables of the database, sorted.
func (r Reader) Tables(ctx context.Context) ([]string, error) {
	names, err := r.tableNames(ctx)
	if err != nil {
		return nil, fmt.Errorf("listing tables: %w", err)
	}
	return names, nil
}

// describe says what a table is made of.
func (r Reader) describe(ctx context.Context, name string) (table, error) {
	t := table{name: name}
	rows, err := r.Query(ctx, r.ask(sqliteColumns, postgresColumns), name)
	if err != nil {
		return t, err
	}
	defer rows.Close() //nolint:errcheck // only read from
	for rows.Next() {
		var c column
		if err := rows.Scan(&c.Name, &c.Type); err != nil {
			return t, err
		}
		c.Type = strings.ToUpper(c.Type)
		switch c.Type {
		case "BIGINT", "INTEGER", "DOUBLE PRECISION", "BOOLEAN", "TEXT", "BYTEA":
		default:
			return t, fmt.Errorf("table %s: column %s has the type %s, which is none that every database knows", name, c.Name, c.Type)
		}
		t.columns = append(t.columns, c)
	}
	if err := rows.Err(); err != nil {
		return t, err
	}
	t.key, err = r.texts(ctx, r.ask(sqliteKey, postgresKey), name)
	return t, err
}

func (r Reader) texts(ctx context.Context, query string, args ...any) ([]string, error) {
	rows, err := r.Query(ctx, query, args...)
	if err != nil {
		return nil, err
	}
	defer rows.Close() //nolint:errcheck // only read from
	var all []string
	for rows.Next() {
		var one string
		if err := rows.Scan(&one); err != nil {
			return nil, err
		}
		all = append(all, one)
	}
	return all, rows.Err()
}

// quoted is a name as SQL takes it, whatever it is.
func quoted(name string) string { return `"` + strings.ReplaceAll(name, `"`, `""`) + `"` }

func quotedList(names []string) string {
	all := make([]string, len(names))
	for i, name := range names {
		all[i] = quoted(name)
	}
	return strings.Join(all, ", ")
}

func (t table) names() []string {
	all := make([]string, len(t.columns))
	for i, c := range t.columns {
		all[i] = c.Name
	}
	return all
}
