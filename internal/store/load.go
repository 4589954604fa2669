package store

import (
	"bufio"
	"bytes"
	"context"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"hash"
	"io"
	"maps"
	"slices"
	"strconv"
	"strings"
)

// ErrFilled says that a database holds something, so that nothing is loaded.
var ErrFilled = errors.New("the database is not empty")

// ErrDump says that a dump is damaged, or is none.
var ErrDump = errors.New("the backup can not be read")

// lineLimit bounds a line of a dump, in bytes.
const lineLimit = 256 << 20

// Load fills two empty databases, of either kind, with what Dump wrote: all of
// it or nothing. known says for each room up to which version this program
// knows its tables, 0 for none: a dump of a newer program is ErrNewer. A
// database that has any table is ErrFilled; a dump that is cut off or changed
// is ErrDump. On SQLite, where the databases are two files, a power loss in the
// last moment can leave the second empty.
func Load(ctx context.Context, r io.Reader, all Databases, known func(room string) int64) (Summary, error) {
	parts, err := all.parts()
	if err != nil {
		return Summary{}, fmt.Errorf("restoring a backup: %w", err)
	}
	l := &loader{in: bufio.NewReaderSize(r, 1<<16), sum: sha256.New(), targets: map[string]target{}}
	var summary Summary
	header, err := l.header(known)
	if err == nil {
		err = l.within(ctx, parts, func() error { return l.load(ctx, header, &summary) })
	}
	if err != nil {
		return Summary{}, fmt.Errorf("restoring a backup: %w", err)
	}
	return summary, nil
}

// target is where the tables of one database go.
type target struct {
	db *DB
	tx *Tx
}

type loader struct {
	in      *bufio.Reader
	sum     hash.Hash
	targets map[string]target
}

// within runs fn with a transaction on each database; on PostgreSQL it is one.
func (l *loader) within(ctx context.Context, parts []part, fn func() error) error {
	if len(parts) == 0 {
		return fn()
	}
	p := parts[0]
	return p.db.Write(ctx, func(tx *Tx) error {
		l.targets[p.name] = target{p.db, tx}
		if p.db.pg != nil {
			for _, other := range parts[1:] {
				if other.db.pg == nil {
					return errors.New("both databases must be of one kind")
				}
				if _, err := tx.Exec(ctx, "SELECT pg_advisory_xact_lock(?)", other.db.pg.writing); err != nil {
					return err
				}
				l.targets[other.name] = target{other.db, tx}
			}
			for _, setting := range []string{"idle_in_transaction_session_timeout", "statement_timeout"} {
				if _, err := tx.Exec(ctx, "SET LOCAL "+setting+" = 0"); err != nil {
					return err
				}
			}
			return fn()
		}
		// Foreign keys are looked at when all rows are there.
		if _, err := tx.Exec(ctx, "PRAGMA defer_foreign_keys = 1"); err != nil {
			return err
		}
		return l.within(ctx, parts[1:], fn)
	})
}

// at is the transaction of a database, with its tables in reach.
func (l *loader) at(ctx context.Context, database string) (*Tx, error) {
	t, ok := l.targets[database]
	if !ok {
		return nil, fmt.Errorf("%w: it speaks of a database %.40q", ErrDump, database)
	}
	if t.db.pg != nil {
		// The statement is as long as the transaction; a cached plan notices.
		if _, err := t.tx.Exec(ctx, "SET LOCAL search_path TO "+t.db.pg.schema); err != nil {
			return nil, err
		}
	}
	return t.tx, nil
}

// line is the next line. The checksum of all lines before it is handed out too.
func (l *loader) line() (text []byte, before []byte, err error) {
	for {
		piece, err := l.in.ReadSlice('\n')
		text = append(text, piece...)
		if len(text) > lineLimit {
			return nil, nil, fmt.Errorf("%w: a line is longer than %d bytes", ErrDump, lineLimit)
		}
		if errors.Is(err, bufio.ErrBufferFull) {
			continue
		}
		if errors.Is(err, io.EOF) {
			return nil, nil, fmt.Errorf("%w: it is cut off", ErrDump)
		}
		if err != nil {
			return nil, nil, err
		}
		before = l.sum.Sum(nil)
		_, _ = l.sum.Write(text) // a hash takes all
		return text, before, nil
	}
}

func (l *loader) header(known func(string) int64) (dumpHeader, error) {
	var h dumpHeader
	first, err := l.in.Peek(len(`{"farrier":"backup"`))
	if err != nil || !bytes.HasPrefix(first, []byte(`{"farrier":"backup"`)) {
		return h, fmt.Errorf("%w: it is no backup that farrier backup wrote", ErrDump)
	}
	text, _, err := l.line()
	if err != nil {
		return h, err
	}
	if err := json.Unmarshal(text, &h); err != nil {
		return h, fmt.Errorf("%w: its first line: %w", ErrDump, err)
	}
	if h.Format != dumpFormat {
		return h, fmt.Errorf("%w: the backup has format %d, this program reads format %d", ErrNewer, h.Format, dumpFormat)
	}
	for _, room := range h.Rooms {
		if !roomName.MatchString(room.Room) {
			return h, fmt.Errorf("%w: room %.40q", ErrDump, room.Room)
		}
		if have := known(room.Room); room.Version > have {
			return h, fmt.Errorf("%w: in the backup the tables of %s have version %d, this program knows versions up to %d; restore it with the program that made it (%.40q) or a newer one",
				ErrNewer, room.Room, room.Version, have, h.Program)
		}
	}
	return h, nil
}

func (l *loader) load(ctx context.Context, h dumpHeader, summary *Summary) error {
	constraints := map[string][]constraint{}
	names := slices.Sorted(maps.Keys(l.targets))
	for _, name := range names {
		tx, err := l.at(ctx, name)
		if err != nil {
			return err
		}
		there, err := tx.tableNames(ctx)
		if err != nil {
			return err
		}
		if len(there) > 0 {
			return fmt.Errorf("%w: %s has %d tables; a backup is restored into an empty one", ErrFilled, l.targets[name].db.path, len(there))
		}
		if err := l.build(ctx, tx, h.Rooms, name); err != nil {
			return err
		}
		if constraints[name], err = tx.dropForeignKeys(ctx); err != nil {
			return err
		}
	}
	end, err := l.tables(ctx)
	if err != nil {
		return err
	}
	for _, name := range names {
		tx, err := l.at(ctx, name)
		if err != nil {
			return err
		}
		if err := tx.addForeignKeys(ctx, constraints[name]); err != nil {
			return err
		}
	}
	*summary = Summary{Made: h.Made, Program: h.Program, Tables: end.Tables, Rows: end.Rows}
	return nil
}

// tables reads all tables with their rows, up to the end and its checksum.
func (l *loader) tables(ctx context.Context) (dumpEnd, error) {
	var (
		fill *filler
		all  dumpEnd
	)
	flush := func() error {
		if fill == nil {
			return nil
		}
		return fill.flush(ctx)
	}
	for {
		text, before, err := l.line()
		if err != nil {
			return all, err
		}
		switch {
		case text[0] == '[':
			if fill == nil {
				return all, fmt.Errorf("%w: a row belongs to no table", ErrDump)
			}
			all.Rows++
			if err := fill.add(ctx, text); err != nil {
				return all, fmt.Errorf("table %s, row %d: %w", fill.t.name, fill.rows, err)
			}
		case bytes.HasPrefix(text, []byte(`{"database"`)):
			if err := flush(); err != nil {
				return all, fmt.Errorf("table %s: %w", fill.t.name, err)
			}
			if fill, err = l.open(ctx, text); err != nil {
				return all, err
			}
			all.Tables++
		default:
			if err := flush(); err != nil {
				return all, fmt.Errorf("table %s: %w", fill.t.name, err)
			}
			return all, l.end(text, before, all)
		}
	}
}

func (l *loader) end(text, before []byte, all dumpEnd) error {
	var end dumpEnd
	if err := strict(text, &end); err != nil {
		return fmt.Errorf("%w: a line is neither table, row nor end: %w", ErrDump, err)
	}
	if subtle.ConstantTimeCompare([]byte(end.SHA256), []byte(hex.EncodeToString(before))) != 1 {
		return fmt.Errorf("%w: its checksum does not fit, so that it was changed or damaged", ErrDump)
	}
	if end.Rows != all.Rows || end.Tables != all.Tables {
		return fmt.Errorf("%w: it ends after %d rows instead of %d", ErrDump, all.Rows, end.Rows)
	}
	if _, err := l.in.ReadByte(); !errors.Is(err, io.EOF) {
		return fmt.Errorf("%w: something follows its end", ErrDump)
	}
	return nil
}

func (l *loader) open(ctx context.Context, text []byte) (*filler, error) {
	var of dumpTable
	if err := strict(text, &of); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrDump, err)
	}
	tx, err := l.at(ctx, of.Database)
	if err != nil {
		return nil, err
	}
	var t table
	if of.Table != scripts && !strings.HasSuffix(of.Table, versionSuffix) {
		if t, err = tx.describe(ctx, of.Table); err != nil {
			return nil, err
		}
	}
	if len(t.columns) == 0 {
		return nil, fmt.Errorf("%w: no room has a table %.60q", ErrDump, of.Table)
	}
	types := map[string]string{}
	for _, c := range t.columns {
		types[c.Name] = c.Type
	}
	for _, c := range of.Columns {
		if types[c.Name] == "" || types[c.Name] != c.Type {
			return nil, fmt.Errorf("%w: table %s has no column %.60q of type %.20q", ErrDump, of.Table, c.Name, c.Type)
		}
		delete(types, c.Name)
	}
	t.columns = of.Columns
	return newFiller(tx, t), nil
}

func strict(text []byte, v any) error {
	d := json.NewDecoder(bytes.NewReader(text))
	d.DisallowUnknownFields()
	return d.Decode(v)
}

// read is a value of a column as a dump has it.
func read(kind string, text json.RawMessage) (any, error) {
	if string(text) == "null" {
		return nil, nil //nolint:nilnil // NULL
	}
	switch kind {
	case "BIGINT", "INTEGER":
		return strconv.ParseInt(string(text), 10, 64)
	case "BOOLEAN":
		return strconv.ParseBool(string(text))
	case "DOUBLE PRECISION":
		return strconv.ParseFloat(strings.Trim(string(text), `"`), 64)
	}
	if text[0] == '{' {
		var odd oddText
		if err := strict(text, &odd); err != nil {
			return nil, err
		}
		raw, err := base64.StdEncoding.DecodeString(odd.Base64)
		return string(raw), err
	}
	var s string
	if err := json.Unmarshal(text, &s); err != nil {
		return nil, err
	}
	if kind == "BYTEA" {
		return base64.StdEncoding.DecodeString(s)
	}
	return s, nil
}
