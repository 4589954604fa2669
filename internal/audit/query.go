package audit

import (
	"context"
	"fmt"
	"strings"
	"time"
)

// The bounds of queries.
const (
	// ListLimit is the most that List returns at once.
	ListLimit = 1000
	// walkPage is how many entries Walk reads at once.
	walkPage = 500
)

// Query chooses entries; empty fields choose all.
type Query struct {
	// Operator, Action, Object, Environment, Outcome, Session and Address are those
	// of the entries, whole.
	Operator    string
	Action      Action
	Object      string
	Environment string
	Outcome     Outcome
	Session     string
	Address     string
	// Environments, when not nil, are the only ones whose entries are chosen; "" in
	// it stands for entries of none.
	Environments []string
	// Since is the first moment, Until the first one after the last.
	Since, Until time.Time
	// Text is part of operator, object, address or detail; upper and lower case of
	// ASCII letters are the same.
	Text string
	// Before is the id of the entry that all are older than, After of the one that
	// all are newer than; 0 for any.
	Before, After int64
	// Limit is the most that List returns, 1 to ListLimit; Walk takes 0 for all.
	Limit int
}

// where is the condition in SQL.
func (q *Query) where() (string, []any) {
	var (
		parts []string
		args  []any
	)
	add := func(part string, values ...any) {
		parts = append(parts, part)
		args = append(args, values...)
	}
	for _, one := range []struct{ column, value string }{
		{"operator", q.Operator},
		{"action", string(q.Action)},
		{"object", q.Object},
		{"environment", q.Environment},
		{"outcome", string(q.Outcome)},
		{"session", q.Session},
		{"address", q.Address},
	} {
		if one.value != "" {
			add(one.column+" = ?", one.value)
		}
	}
	if q.Environments != nil {
		list := make([]any, len(q.Environments))
		for i, name := range q.Environments {
			list[i] = name
		}
		add("environment IN ("+strings.TrimSuffix(strings.Repeat("?, ", len(list)), ", ")+")", list...)
	}
	if !q.Since.IsZero() {
		add("at >= ?", q.Since.UnixMilli())
	}
	if !q.Until.IsZero() {
		add("at < ?", q.Until.UnixMilli())
	}
	if q.Before > 0 {
		add("id < ?", q.Before)
	}
	if q.After > 0 {
		add("id > ?", q.After)
	}
	if q.Text != "" {
		like := "%" + strings.NewReplacer(`\`, `\\`, "%", `\%`, "_", `\_`).Replace(strings.ToLower(q.Text)) + "%"
		add(`(LOWER(operator) LIKE ? ESCAPE '\' OR LOWER(object) LIKE ? ESCAPE '\' OR LOWER(address) LIKE ? ESCAPE '\' OR LOWER(detail) LIKE ? ESCAPE '\')`,
			like, like, like, like)
	}
	if len(parts) == 0 {
		return "", nil
	}
	return " WHERE " + strings.Join(parts, " AND "), args
}

// List returns the newest entries that a query chooses, the newest first.
func (l *Log) List(ctx context.Context, q Query) ([]Kept, error) {
	if q.Limit < 1 || q.Limit > ListLimit {
		return nil, fmt.Errorf("reading the audit log: limit must be between 1 and %d", ListLimit)
	}
	return l.read(ctx, q, "DESC")
}

// Walk hands the entries that a query chooses to each, the oldest first, until
// each returns an error.
func (l *Log) Walk(ctx context.Context, q Query, each func(Kept) error) error {
	left := q.Limit
	for {
		q.Limit = walkPage
		if left > 0 {
			q.Limit = min(walkPage, left)
		}
		list, err := l.read(ctx, q, "ASC")
		if err != nil {
			return err
		}
		for _, k := range list {
			if err := each(k); err != nil {
				return err
			}
			q.After = k.ID
		}
		if left > 0 {
			if left -= len(list); left == 0 {
				return nil
			}
		}
		if len(list) < q.Limit {
			return nil
		}
	}
}

func (l *Log) read(ctx context.Context, q Query, order string) (list []Kept, err error) {
	defer func() {
		if err != nil {
			err = fmt.Errorf("reading the audit log: %w", err)
		}
	}()
	if q.Environments != nil && len(q.Environments) == 0 {
		return nil, nil
	}
	where, args := q.where()
	rows, err := l.db.Read().Query(ctx, "SELECT "+columns+" FROM audit_entries"+where+" ORDER BY id "+order+" LIMIT ?", append(args, q.Limit)...)
	if err != nil {
		return nil, err
	}
	defer rows.Close() //nolint:errcheck // Err says what matters
	for rows.Next() {
		k, err := scan(rows)
		if err != nil {
			return nil, err
		}
		if err := k.open(); err != nil {
			return nil, err
		}
		list = append(list, k)
	}
	return list, rows.Err()
}

// Environments are those that entries speak of, in order; "" stands for entries of
// none.
func (l *Log) Environments(ctx context.Context) ([]string, error) {
	return l.distinct(ctx, "environment")
}

// Actions are those that entries tell of, in order.
func (l *Log) Actions(ctx context.Context) ([]string, error) { return l.distinct(ctx, "action") }

// distinct lists the values of a column that is the first of an index. Each step of
// the recursion looks one up, so that this does not grow with the log.
func (l *Log) distinct(ctx context.Context, column string) (_ []string, err error) {
	defer func() {
		if err != nil {
			err = fmt.Errorf("reading the audit log: %w", err)
		}
	}()
	rows, err := l.db.Read().Query(ctx, "WITH RECURSIVE found (name) AS (SELECT MIN("+column+") FROM audit_entries UNION ALL "+
		"SELECT (SELECT MIN("+column+") FROM audit_entries WHERE "+column+" > found.name) FROM found WHERE found.name IS NOT NULL) "+
		"SELECT name FROM found WHERE name IS NOT NULL")
	if err != nil {
		return nil, err
	}
	defer rows.Close() //nolint:errcheck // Err says what matters
	var names []string
	for rows.Next() {
		var name string
		if err := rows.Scan(&name); err != nil {
			return nil, err
		}
		names = append(names, name)
	}
	return names, rows.Err()
}
