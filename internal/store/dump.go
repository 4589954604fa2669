package store

import (
	"bufio"
	"context"
	"crypto/sha256"
	"database/sql"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"hash"
	"io"
	"math"
	"slices"
	"strings"
	"time"
	"unicode/utf8"
)

// dumpFormat is the version of the form of a dump.
const dumpFormat = 1

// Databases are the two that belong together.
type Databases struct {
	Control, Traffic *DB
}

// part is one of them by its name in a dump.
type part struct {
	name string
	db   *DB
}

func (d Databases) parts() ([]part, error) {
	if d.Control == nil || d.Traffic == nil {
		return nil, errors.New("both databases are needed")
	}
	return []part{{"control", d.Control}, {"traffic", d.Traffic}}, nil
}

// The lines of a dump: a header, then for each table what it is followed by its
// rows as arrays, and the end.
type (
	dumpHeader struct {
		Farrier string     `json:"farrier"` // "backup"
		Format  int        `json:"format"`
		Made    time.Time  `json:"made"`
		Program string     `json:"program"`
		Rooms   []dumpRoom `json:"rooms"`
	}
	dumpRoom struct {
		Database string       `json:"database"`
		Room     string       `json:"room"`
		Version  int64        `json:"version"`
		Scripts  []dumpScript `json:"scripts"`
	}
	dumpScript struct {
		Version int64  `json:"version"`
		Script  string `json:"script"`
	}
	dumpTable struct {
		Database string   `json:"database"`
		Table    string   `json:"table"`
		Columns  []column `json:"columns"`
	}
	dumpEnd struct {
		Tables int    `json:"tables"`
		Rows   int64  `json:"rows"`
		SHA256 string `json:"sha256"` // of all lines before
	}
)

// Summary says what a dump holds.
type Summary struct {
	// Made is when it was made, and Program the version of what made it.
	Made    time.Time
	Program string
	Tables  int
	Rows    int64
}

// Dump writes all that both databases hold to w, in a form that Load reads on
// either kind of database: lines of JSON, with a checksum at the end. Of each
// database it is the state of one moment; writers need not wait. Sealed values
// stay sealed, and their key is not in it. The zero Summary comes with an
// error, and then what was written is worth nothing.
func Dump(ctx context.Context, w io.Writer, all Databases, program string, now time.Time) (Summary, error) {
	parts, err := all.parts()
	if err != nil {
		return Summary{}, fmt.Errorf("making a backup: %w", err)
	}
	buffered := bufio.NewWriterSize(w, 1<<16)
	d := &dumper{out: buffered, sum: sha256.New()}
	summary := Summary{Made: now.UTC().Truncate(time.Second), Program: program}
	if err := d.dump(ctx, parts, &summary); err != nil {
		return Summary{}, fmt.Errorf("making a backup: %w", err)
	}
	if err := buffered.Flush(); err != nil {
		return Summary{}, fmt.Errorf("making a backup: %w", err)
	}
	return summary, nil
}

type dumper struct {
	out *bufio.Writer
	sum hash.Hash
}

func (d *dumper) dump(ctx context.Context, parts []part, summary *Summary) error {
	header := dumpHeader{Farrier: "backup", Format: dumpFormat, Made: summary.Made, Program: summary.Program}
	readers := make([]Reader, len(parts))
	tables := make([][]string, len(parts))
	for i, p := range parts {
		r, done, err := p.db.snapshot(ctx)
		if err != nil {
			return fmt.Errorf("reading %s: %w", p.db.path, err)
		}
		defer done()
		readers[i] = r
		rooms, names, err := r.rooms(ctx, p.name)
		if err != nil {
			return fmt.Errorf("reading %s: %w", p.db.path, err)
		}
		header.Rooms = append(header.Rooms, rooms...)
		tables[i] = names
	}
	if err := d.line(header); err != nil {
		return err
	}
	for i, p := range parts {
		for _, name := range tables[i] {
			n, err := d.table(ctx, readers[i], p.name, name)
			if err != nil {
				return fmt.Errorf("reading table %s: %w", name, err)
			}
			summary.Tables++
			summary.Rows += n
		}
	}
	return d.line(dumpEnd{Tables: summary.Tables, Rows: summary.Rows, SHA256: hex.EncodeToString(d.sum.Sum(nil))})
}

// snapshot is a reader that sees one moment until done is called.
func (db *DB) snapshot(ctx context.Context) (r Reader, done func(), err error) {
	tx, err := db.reader.BeginTx(ctx, &sql.TxOptions{ReadOnly: true, Isolation: db.frozen()})
	if err != nil {
		return Reader{}, nil, err
	}
	r, done = Reader{q: tx, pg: db.pg, asked: &db.asked}, func() { _ = tx.Rollback() }
	if db.pg != nil {
		if _, err = tx.ExecContext(ctx, "SET LOCAL statement_timeout = 0"); err != nil {
			done()
			return Reader{}, nil, err
		}
	}
	// The moment is that of the first question.
	if _, err := r.tableNames(ctx); err != nil {
		done()
		return Reader{}, nil, err
	}
	return r, done, nil
}

// frozen is the isolation in which a transaction sees one moment; all of SQLite do.
func (db *DB) frozen() sql.IsolationLevel {
	if db.pg != nil {
		return sql.LevelRepeatableRead
	}
	return sql.LevelDefault
}

// rooms are the rooms of a database, and the names of the tables that they own.
func (r Reader) rooms(ctx context.Context, database string) ([]dumpRoom, []string, error) {
	names, err := r.tableNames(ctx)
	if err != nil || len(names) == 0 {
		return nil, nil, err
	}
	if !slices.Contains(names, scripts) {
		return nil, nil, errors.New("this program has not served with it yet; start it once before the first backup")
	}
	rows, err := r.Query(ctx, "SELECT room, version, script FROM "+scripts+" ORDER BY room, version")
	if err != nil {
		return nil, nil, err
	}
	defer rows.Close() //nolint:errcheck // only read from
	var rooms []dumpRoom
	for rows.Next() {
		var room string
		var s dumpScript
		if err := rows.Scan(&room, &s.Version, &s.Script); err != nil {
			return nil, nil, err
		}
		if len(rooms) == 0 || rooms[len(rooms)-1].Room != room {
			rooms = append(rooms, dumpRoom{Database: database, Room: room})
		}
		last := &rooms[len(rooms)-1]
		last.Version, last.Scripts = s.Version, append(last.Scripts, s)
	}
	if err := rows.Err(); err != nil {
		return nil, nil, err
	}
	for _, name := range names {
		room, isVersion := strings.CutSuffix(name, versionSuffix)
		if isVersion && !slices.ContainsFunc(rooms, func(one dumpRoom) bool { return one.Room == room }) {
			return nil, nil, fmt.Errorf("this program has not served with the tables of %s yet; start it once before the first backup", room)
		}
	}
	names = slices.DeleteFunc(names, func(name string) bool {
		return name == scripts || strings.HasSuffix(name, versionSuffix)
	})
	return rooms, names, nil
}

func (d *dumper) line(v any) error {
	var text strings.Builder
	e := json.NewEncoder(&text)
	e.SetEscapeHTML(false)
	if err := e.Encode(v); err != nil {
		return err
	}
	if text.Len() > lineLimit {
		return fmt.Errorf("a row is longer than %d bytes", lineLimit)
	}
	_, _ = d.sum.Write([]byte(text.String())) // a hash takes all
	_, err := d.out.WriteString(text.String())
	return err
}

func (d *dumper) table(ctx context.Context, r Reader, database, name string) (int64, error) {
	t, err := r.describe(ctx, name)
	if err != nil {
		return 0, err
	}
	if err := d.line(dumpTable{Database: database, Table: name, Columns: t.columns}); err != nil {
		return 0, err
	}
	query := "SELECT " + quotedList(t.names()) + " FROM " + quoted(name)
	if len(t.key) > 0 {
		query += " ORDER BY " + quotedList(t.key)
	}
	rows, err := r.Query(ctx, query)
	if err != nil {
		return 0, err
	}
	defer rows.Close() //nolint:errcheck // only read from
	values, targets := make([]any, len(t.columns)), make([]any, len(t.columns))
	for i := range values {
		targets[i] = &values[i]
	}
	var n int64
	for rows.Next() {
		if err := rows.Scan(targets...); err != nil {
			return 0, err
		}
		for i, c := range t.columns {
			if values[i], err = written(c.Type, values[i]); err != nil {
				return 0, fmt.Errorf("column %s: %w", c.Name, err)
			}
		}
		if err := d.line(values); err != nil {
			return 0, err
		}
		n++
	}
	return n, rows.Err()
}

// oddText is text that JSON can not hold, for it is not UTF-8.
type oddText struct {
	Base64 string `json:"base64"`
}

// written is a value of a column as a dump has it. SQLite keeps in a column
// what it was given, whatever the type says.
func written(kind string, value any) (any, error) {
	switch v := value.(type) {
	case nil:
		return nil, nil //nolint:nilnil // NULL
	case int64:
		switch kind {
		case "BIGINT", "INTEGER":
			return v, nil
		case "BOOLEAN":
			return v != 0, nil
		case "DOUBLE PRECISION":
			return float64(v), nil
		}
	case float64:
		if kind == "DOUBLE PRECISION" {
			if math.IsNaN(v) || math.IsInf(v, 0) {
				return fmt.Sprint(v), nil
			}
			return v, nil
		}
	case bool:
		if kind == "BOOLEAN" {
			return v, nil
		}
	case string:
		return writtenText(kind, v)
	case []byte:
		return writtenText(kind, string(v))
	}
	return nil, fmt.Errorf("a %T is no %s", value, kind)
}

func writtenText(kind, v string) (any, error) {
	switch kind {
	case "BYTEA":
		return base64.StdEncoding.EncodeToString([]byte(v)), nil
	case "TEXT":
		if utf8.ValidString(v) {
			return v, nil
		}
		return oddText{base64.StdEncoding.EncodeToString([]byte(v))}, nil
	}
	return nil, fmt.Errorf("text is no %s", kind)
}
