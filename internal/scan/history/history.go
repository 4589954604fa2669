// Package history remembers the newest scan of each project. It scans nothing.
package history

import (
	"context"
	"embed"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"farrier.dev/farrier/internal/finding"
	"farrier.dev/farrier/internal/store"
)

//go:embed migrations/*.sql
var migrations embed.FS

// ErrNotFound says that no such project was scanned.
var ErrNotFound = errors.New("no such project was scanned")

// History keeps scans. Its methods are safe for concurrent use.
type History struct {
	db          *store.DB
	environment string
}

// Scan is one scan of a project.
type Scan struct {
	Project string
	// Source is where it came from: the name of an uploaded file, or a folder.
	Source string
	At     time.Time
	// Operator is who asked for it.
	Operator string
	Summary  finding.Summary
}

// Open opens the tables in the database.
func Open(ctx context.Context, db *store.DB, environment string) (*History, error) {
	if db == nil || environment == "" {
		return nil, errors.New("scan history: database and environment are required")
	}
	if err := db.Migrate(ctx, "scan", migrations); err != nil {
		return nil, err
	}
	return &History{db, environment}, nil
}

// Keep remembers a scan in the place of the one before. report is written as JSON.
func (h *History) Keep(ctx context.Context, s Scan, report any) error {
	text, err := json.Marshal(report)
	if err == nil {
		err = h.db.Write(ctx, func(tx *store.Tx) error {
			_, err := tx.Exec(ctx, `INSERT INTO scan_projects (environment, project, source, scanned, operator, critical, high, medium, low, info, report)
				VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
				ON CONFLICT (environment, project) DO UPDATE SET source = excluded.source, scanned = excluded.scanned, operator = excluded.operator,
				critical = excluded.critical, high = excluded.high, medium = excluded.medium, low = excluded.low, info = excluded.info, report = excluded.report`,
				h.environment, s.Project, s.Source, s.At.UnixMilli(), s.Operator,
				s.Summary.Critical, s.Summary.High, s.Summary.Medium, s.Summary.Low, s.Summary.Info, string(text))
			return err
		})
	}
	if err != nil {
		return fmt.Errorf("keeping the scan of %s: %w", s.Project, err)
	}
	return nil
}

// Forget removes a project.
func (h *History) Forget(ctx context.Context, project string) error {
	return h.db.Write(ctx, func(tx *store.Tx) error {
		_, err := tx.Exec(ctx, `DELETE FROM scan_projects WHERE environment = ? AND project = ?`, h.environment, project)
		return err
	})
}

const columns = `SELECT project, source, scanned, operator, critical, high, medium, low, info`

// All are the newest scans of all projects, by name.
func (h *History) All(ctx context.Context) (all []Scan, err error) {
	rows, err := h.db.Read().Query(ctx, columns+` FROM scan_projects WHERE environment = ? ORDER BY project`, h.environment)
	if err != nil {
		return nil, fmt.Errorf("reading scans: %w", err)
	}
	defer func() { err = errors.Join(err, rows.Close()) }()
	for rows.Next() {
		s, err := read(rows)
		if err != nil {
			return nil, fmt.Errorf("reading scans: %w", err)
		}
		all = append(all, s)
	}
	return all, rows.Err()
}

// Report gives the newest scan of a project and reads its report.
func (h *History) Report(ctx context.Context, project string, report any) (Scan, error) {
	var text string
	s, err := read(h.db.Read().QueryRow(ctx, columns+`, report FROM scan_projects WHERE environment = ? AND project = ?`, h.environment, project), &text)
	if errors.Is(err, store.ErrNoRows) {
		return s, ErrNotFound
	}
	if err == nil {
		err = json.Unmarshal([]byte(text), report)
	}
	if err != nil {
		return s, fmt.Errorf("reading the scan of %s: %w", project, err)
	}
	return s, nil
}

func read(row interface{ Scan(into ...any) error }, more ...any) (s Scan, err error) {
	var at int64
	err = row.Scan(append([]any{&s.Project, &s.Source, &at, &s.Operator, &s.Summary.Critical, &s.Summary.High, &s.Summary.Medium, &s.Summary.Low, &s.Summary.Info}, more...)...)
	s.At = time.UnixMilli(at).UTC()
	return s, err
}
