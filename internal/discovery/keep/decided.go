package keep

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"

	"farrier.dev/farrier/internal/discovery"
	"farrier.dev/farrier/internal/store"
)

// The bounds of what operators decide, so that no script fills the database.
const (
	maxEdits = 10_000
	maxViews = 200
)

// ErrTooMany says that there is no room for a further decision.
var ErrTooMany = errors.New("there are too many of them; remove some first")

// Marks are what operators say of an operation or an API.
type Marks struct {
	Owner  string   `json:"owner,omitempty"`
	Tags   []string `json:"tags,omitempty"`
	Labels []string `json:"labels,omitempty"`
	// NotLabels are labels that were concluded and are wrong.
	NotLabels []string `json:"notLabels,omitempty"`
}

// View is a saved query of the inventory.
type View struct {
	// Operator is empty for a view that all see.
	Operator string
	Name     string
	Query    string
}

// Edits are the decisions about templates, oldest first.
func (k *Keep) Edits(ctx context.Context) (edits []discovery.Edit, err error) {
	err = k.each(ctx, `SELECT edit FROM discovery_edits WHERE environment = ? ORDER BY number`, func(text string) error {
		var e discovery.Edit
		if err := json.Unmarshal([]byte(text), &e); err != nil {
			return err
		}
		edits = append(edits, e)
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("reading the decisions about templates: %w", err)
	}
	return edits, nil
}

// EditsVersion is another after each change of the decisions about templates.
func (k *Keep) EditsVersion(ctx context.Context) (version string, err error) {
	var count, last, sum int64
	err = k.o.Control.Read().QueryRow(ctx, `SELECT COUNT(*), COALESCE(MAX(number), 0), COALESCE(SUM(number), 0) FROM discovery_edits WHERE environment = ?`, k.o.Environment).Scan(&count, &last, &sum)
	if err != nil {
		return "", fmt.Errorf("asking for the decisions about templates: %w", err)
	}
	return fmt.Sprintf("%d %d %d", count, last, sum), nil
}

// AddEdit remembers a decision, in the transaction of the caller.
func (k *Keep) AddEdit(ctx context.Context, tx *store.Tx, e discovery.Edit) error {
	var count, last int64
	if err := tx.QueryRow(ctx, `SELECT COUNT(*), COALESCE(MAX(number), 0) FROM discovery_edits WHERE environment = ?`, k.o.Environment).Scan(&count, &last); err != nil {
		return fmt.Errorf("keeping a decision about templates: %w", err)
	}
	if count >= maxEdits {
		return ErrTooMany
	}
	text, err := json.Marshal(e)
	if err == nil {
		_, err = tx.Exec(ctx, `INSERT INTO discovery_edits (environment, number, edit) VALUES (?, ?, ?)`, k.o.Environment, last+1, string(text))
	}
	if err != nil {
		return fmt.Errorf("keeping a decision about templates: %w", err)
	}
	return nil
}

// RemoveEdit takes a decision back: all that say the same.
func (k *Keep) RemoveEdit(ctx context.Context, tx *store.Tx, e discovery.Edit) error {
	rows, err := tx.Query(ctx, `SELECT number, edit FROM discovery_edits WHERE environment = ?`, k.o.Environment)
	if err != nil {
		return fmt.Errorf("reading the decisions about templates: %w", err)
	}
	var numbers []int64
	for rows.Next() {
		var number int64
		var text string
		var known discovery.Edit
		if err = rows.Scan(&number, &text); err != nil {
			break
		}
		if json.Unmarshal([]byte(text), &known) == nil && known.Kind == e.Kind && known.Host == e.Host && known.Method == e.Method && known.Path == e.Path {
			numbers = append(numbers, number)
		}
	}
	if err = errors.Join(err, rows.Err(), rows.Close()); err != nil {
		return fmt.Errorf("reading the decisions about templates: %w", err)
	}
	for _, number := range numbers {
		if _, err := tx.Exec(ctx, `DELETE FROM discovery_edits WHERE environment = ? AND number = ?`, k.o.Environment, number); err != nil {
			return fmt.Errorf("removing a decision about templates: %w", err)
		}
	}
	return nil
}

// Marks are what operators said, by subject.
func (k *Keep) Marks(ctx context.Context) (map[string]Marks, error) {
	all := map[string]Marks{}
	rows, err := k.o.Control.Read().Query(ctx, `SELECT subject, marks FROM discovery_marks WHERE environment = ?`, k.o.Environment)
	if err != nil {
		return nil, fmt.Errorf("reading owners and labels: %w", err)
	}
	defer rows.Close() //nolint:errcheck // only read
	for rows.Next() {
		var subject, text string
		var m Marks
		if err := rows.Scan(&subject, &text); err != nil {
			return nil, fmt.Errorf("reading owners and labels: %w", err)
		}
		if err := json.Unmarshal([]byte(text), &m); err != nil {
			return nil, fmt.Errorf("reading owners and labels: %w", err)
		}
		all[subject] = m
	}
	return all, rows.Err()
}

// Mark keeps what an operator says of a subject, in the place of what was said before.
func (k *Keep) Mark(ctx context.Context, tx *store.Tx, subject string, m Marks) error {
	text, err := json.Marshal(m)
	if err == nil {
		_, err = tx.Exec(ctx, `INSERT INTO discovery_marks (environment, subject, marks) VALUES (?, ?, ?)
			ON CONFLICT (environment, subject) DO UPDATE SET marks = excluded.marks`, k.o.Environment, subject, string(text))
	}
	if err != nil {
		return fmt.Errorf("keeping owners and labels: %w", err)
	}
	return nil
}

// Views are the saved views of an operator and those that all see, by name.
func (k *Keep) Views(ctx context.Context, operator string) (views []View, err error) {
	rows, err := k.o.Control.Read().Query(ctx, `SELECT operator, name, query FROM discovery_views WHERE environment = ? AND (operator = ? OR operator = '') ORDER BY name, operator`, k.o.Environment, operator)
	if err != nil {
		return nil, fmt.Errorf("reading the saved views: %w", err)
	}
	defer rows.Close() //nolint:errcheck // only read
	for rows.Next() {
		var v View
		if err := rows.Scan(&v.Operator, &v.Name, &v.Query); err != nil {
			return nil, fmt.Errorf("reading the saved views: %w", err)
		}
		views = append(views, v)
	}
	return views, rows.Err()
}

// SaveView keeps a view in the place of the one of its name.
func (k *Keep) SaveView(ctx context.Context, tx *store.Tx, v View) error {
	var count int64
	if err := tx.QueryRow(ctx, `SELECT COUNT(*) FROM discovery_views WHERE environment = ? AND operator = ? AND name <> ?`, k.o.Environment, v.Operator, v.Name).Scan(&count); err != nil {
		return fmt.Errorf("keeping a view: %w", err)
	}
	if count >= maxViews {
		return ErrTooMany
	}
	if _, err := tx.Exec(ctx, `INSERT INTO discovery_views (environment, operator, name, query) VALUES (?, ?, ?, ?)
		ON CONFLICT (environment, operator, name) DO UPDATE SET query = excluded.query`, k.o.Environment, v.Operator, v.Name, v.Query); err != nil {
		return fmt.Errorf("keeping a view: %w", err)
	}
	return nil
}

// RemoveView removes a view.
func (k *Keep) RemoveView(ctx context.Context, tx *store.Tx, operator, name string) error {
	if _, err := tx.Exec(ctx, `DELETE FROM discovery_views WHERE environment = ? AND operator = ? AND name = ?`, k.o.Environment, operator, name); err != nil {
		return fmt.Errorf("removing a view: %w", err)
	}
	return nil
}

// Key gives the sealed key of hashes, and keeps fresh in its place where there is none.
func (k *Keep) Key(ctx context.Context, fresh []byte) (sealed []byte, err error) {
	err = k.o.Control.Write(ctx, func(tx *store.Tx) error {
		if _, err := tx.Exec(ctx, `INSERT INTO discovery_key (environment, sealed) VALUES (?, ?) ON CONFLICT (environment) DO NOTHING`, k.o.Environment, fresh); err != nil {
			return err
		}
		return tx.QueryRow(ctx, `SELECT sealed FROM discovery_key WHERE environment = ?`, k.o.Environment).Scan(&sealed)
	})
	if err != nil {
		return nil, fmt.Errorf("reading the key of hashes: %w", err)
	}
	return sealed, nil
}

func (k *Keep) each(ctx context.Context, query string, yield func(text string) error) error {
	rows, err := k.o.Control.Read().Query(ctx, query, k.o.Environment)
	if err != nil {
		return err
	}
	defer rows.Close() //nolint:errcheck // only read
	for rows.Next() {
		var text string
		if err := rows.Scan(&text); err != nil {
			return err
		}
		if err := yield(text); err != nil {
			return err
		}
	}
	return rows.Err()
}
