// Package history remembers how APIs stand to profiles, and how they stood: the
// newest report of each, and a line for each change. It judges nothing.
package history

import (
	"context"
	"embed"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"farrier.dev/farrier/internal/governance"
	"farrier.dev/farrier/internal/store"
)

//go:embed migrations/*.sql
var migrations embed.FS

// kept is how long the course of an API is remembered.
const kept = 2 * 365 * 24 * time.Hour

// ErrNotFound says that there is no such report.
var ErrNotFound = errors.New("there is no such report")

// History keeps reports. Its methods are safe for concurrent use.
type History struct {
	db          *store.DB
	environment string
	now         func() time.Time
}

// Standing is how one API stands to one profile.
type Standing struct {
	API, Profile string
	Judged       time.Time
	Status       governance.Status
	// Score is 0 to 100.
	Score int
	// Violations and Warnings are how many places there are.
	Violations, Warnings int
}

// Point is a standing at a moment of the past.
type Point = Standing

// Open opens the tables in the database.
func Open(ctx context.Context, db *store.DB, environment string, now func() time.Time) (*History, error) {
	if db == nil || environment == "" || now == nil {
		return nil, errors.New("governance history: database, environment and clock are required")
	}
	if err := db.Migrate(ctx, "governance", migrations); err != nil {
		return nil, err
	}
	return &History{db, environment, now}, nil
}

// Keep remembers a report, and tells the standing before it; nil when there was
// none. report is written as JSON.
func (h *History) Keep(ctx context.Context, s Standing, report any) (before *Standing, err error) {
	text, err := json.Marshal(report)
	if err != nil {
		return nil, fmt.Errorf("keeping the report of %s: %w", s.API, err)
	}
	err = h.db.Write(ctx, func(tx *store.Tx) error {
		before, err = h.one(ctx, tx.Reader, s.API, s.Profile)
		if err != nil && !errors.Is(err, ErrNotFound) {
			return err
		}
		if _, err := tx.Exec(ctx, `INSERT INTO governance_reports (environment, api, profile, judged, status, score, violations, warnings, report)
			VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)
			ON CONFLICT (environment, api, profile) DO UPDATE SET judged = excluded.judged, status = excluded.status, score = excluded.score,
			violations = excluded.violations, warnings = excluded.warnings, report = excluded.report`,
			h.environment, s.API, s.Profile, s.Judged.UnixMilli(), string(s.Status), s.Score, s.Violations, s.Warnings, string(text)); err != nil {
			return err
		}
		return h.follow(ctx, tx, s)
	})
	if err != nil {
		return nil, fmt.Errorf("keeping the report of %s: %w", s.API, err)
	}
	return before, nil
}

// follow adds to the course what has changed, and a line a day.
func (h *History) follow(ctx context.Context, tx *store.Tx, s Standing) error {
	var last Standing
	var at int64
	err := tx.QueryRow(ctx, `SELECT at, status, score, violations, warnings FROM governance_course
		WHERE environment = ? AND api = ? AND profile = ? ORDER BY at DESC LIMIT 1`, h.environment, s.API, s.Profile).
		Scan(&at, &last.Status, &last.Score, &last.Violations, &last.Warnings)
	switch {
	case errors.Is(err, store.ErrNoRows):
	case err != nil:
		return err
	case last.Status == s.Status && last.Score == s.Score && last.Violations == s.Violations && last.Warnings == s.Warnings &&
		s.Judged.Sub(time.UnixMilli(at)) < 24*time.Hour:
		return nil
	}
	if _, err := tx.Exec(ctx, `INSERT INTO governance_course (environment, api, profile, at, status, score, violations, warnings)
		VALUES (?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (environment, api, profile, at) DO NOTHING`,
		h.environment, s.API, s.Profile, s.Judged.UnixMilli(), string(s.Status), s.Score, s.Violations, s.Warnings); err != nil {
		return err
	}
	_, err = tx.Exec(ctx, `DELETE FROM governance_course WHERE environment = ? AND at < ?`, h.environment, h.now().Add(-kept).UnixMilli())
	return err
}

// Forget removes the report of an API that is no longer served, or of a profile
// that is gone. Its course stays.
func (h *History) Forget(ctx context.Context, api, profile string) error {
	return h.db.Write(ctx, func(tx *store.Tx) error {
		_, err := tx.Exec(ctx, `DELETE FROM governance_reports WHERE environment = ? AND api = ? AND profile = ?`, h.environment, api, profile)
		return err
	})
}

const standing = `SELECT api, profile, judged, status, score, violations, warnings FROM governance_reports WHERE environment = ?`

func (h *History) one(ctx context.Context, r store.Reader, api, profile string) (*Standing, error) {
	return scan(r.QueryRow(ctx, standing+` AND api = ? AND profile = ?`, h.environment, api, profile))
}

func scan(row interface{ Scan(into ...any) error }) (*Standing, error) {
	var s Standing
	var judged int64
	err := row.Scan(&s.API, &s.Profile, &judged, &s.Status, &s.Score, &s.Violations, &s.Warnings)
	if errors.Is(err, store.ErrNoRows) {
		return nil, ErrNotFound
	}
	s.Judged = time.UnixMilli(judged).UTC()
	return &s, err
}

// Standings are how all APIs stand now, by API and profile.
func (h *History) Standings(ctx context.Context) ([]Standing, error) {
	return h.query(ctx, standing+` ORDER BY api, profile`, h.environment)
}

// StandingsOf are how one API stands now, by profile.
func (h *History) StandingsOf(ctx context.Context, api string) ([]Standing, error) {
	return h.query(ctx, standing+` AND api = ? ORDER BY profile`, h.environment, api)
}

// Course is how an API stood since a moment, oldest first.
func (h *History) Course(ctx context.Context, api string, since time.Time) ([]Point, error) {
	return h.query(ctx, `SELECT api, profile, at, status, score, violations, warnings FROM governance_course
		WHERE environment = ? AND api = ? AND at >= ? ORDER BY at, profile LIMIT 20000`, h.environment, api, since.UnixMilli())
}

func (h *History) query(ctx context.Context, query string, args ...any) ([]Standing, error) {
	rows, err := h.db.Read().Query(ctx, query, args...)
	if err != nil {
		return nil, fmt.Errorf("reading governance: %w", err)
	}
	defer rows.Close() //nolint:errcheck // Err tells
	var out []Standing
	for rows.Next() {
		s, err := scan(rows)
		if err != nil {
			return nil, fmt.Errorf("reading governance: %w", err)
		}
		out = append(out, *s)
	}
	return out, rows.Err()
}

// Report reads the newest report of an API and a profile into a value.
func (h *History) Report(ctx context.Context, api, profile string, into any) (*Standing, error) {
	s, err := h.one(ctx, h.db.Read(), api, profile)
	if err != nil {
		return nil, err
	}
	var text string
	err = h.db.Read().QueryRow(ctx, `SELECT report FROM governance_reports WHERE environment = ? AND api = ? AND profile = ?`, h.environment, api, profile).Scan(&text)
	if err == nil {
		err = json.Unmarshal([]byte(text), into)
	}
	if err != nil {
		return nil, fmt.Errorf("reading the report of %s: %w", api, err)
	}
	return s, nil
}
