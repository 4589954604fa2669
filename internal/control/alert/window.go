package alert

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"farrier.dev/farrier/internal/audit"
	"farrier.dev/farrier/internal/control"
	"farrier.dev/farrier/internal/secret"
	"farrier.dev/farrier/internal/store"
)

// Window is a time in which APIs are worked on: nothing is told of them.
type Window struct {
	ID    string    `json:"id"`
	Name  string    `json:"name"`
	From  time.Time `json:"from"`
	Until time.Time `json:"until"`
	// APIs are those that are worked on; none means all.
	APIs []string `json:"apis,omitempty"`
	By   string   `json:"by"`
}

// covers reports whether nothing is to be told of a target now. Where a rule adds all
// APIs up, the target is empty: only a window of all silences it.
func (w *Window) covers(target string, now time.Time) bool {
	return !now.Before(w.From) && now.Before(w.Until) && (len(w.APIs) == 0 || slices.Contains(w.APIs, target))
}

// maxWindows bounds the windows of an environment, longestWindow how long one is.
const (
	maxWindows    = 200
	longestWindow = 31 * 24 * time.Hour
)

func readWindows(ctx context.Context, r store.Reader, environment string, since time.Time) (out []Window, err error) {
	rows, err := r.Query(ctx, "SELECT id, name, starts_at, ends_at, apis, changed_by FROM alerts_windows WHERE environment = ? AND ends_at > ? ORDER BY starts_at, id", environment, since.UnixMilli())
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, rows.Close()) }()
	for rows.Next() {
		var (
			w        Window
			from, to int64
			apis     string
		)
		if err := rows.Scan(&w.ID, &w.Name, &from, &to, &apis, &w.By); err != nil {
			return nil, err
		}
		if err := json.Unmarshal([]byte(apis), &w.APIs); err != nil {
			return nil, err
		}
		w.From, w.Until = time.UnixMilli(from).UTC(), time.UnixMilli(to).UTC()
		out = append(out, w)
	}
	return out, rows.Err()
}

// Windows lists the times of maintenance that are not over.
func (s *Service) Windows(ctx context.Context, p control.Principal, environment string) ([]Window, error) {
	if err := s.view(ctx, p, environment); err != nil {
		return nil, err
	}
	return readWindows(ctx, s.o.DB.Read(), environment, s.o.Now())
}

// CreateWindow keeps a time of maintenance.
func (s *Service) CreateWindow(ctx context.Context, p control.Principal, environment string, w Window) (Window, error) {
	if err := s.manage(ctx, p, environment); err != nil {
		return Window{}, err
	}
	w.ID, w.By, w.Name = secret.NewID(), p.Operator, strings.TrimSpace(w.Name)
	switch {
	case w.Name == "" || len(w.Name) > 100:
		return Window{}, invalid(errors.New("name: it must have 1 to 100 bytes"))
	case !w.From.Before(w.Until) || !w.Until.After(s.o.Now()):
		return Window{}, invalid(errors.New("until: it must be later than from, and than now"))
	case w.Until.Sub(w.From) > longestWindow:
		return Window{}, invalid(errors.New("until: a time of maintenance has 31 days at most; pause rules for longer"))
	case len(w.APIs) > 200:
		return Window{}, invalid(errors.New("apis: there may be 200"))
	}
	apis, err := json.Marshal(w.APIs)
	if err != nil {
		return Window{}, err
	}
	err = s.write(ctx, p, environment, audit.MaintenanceCreated, "maintenance "+w.ID, func(tx *store.Tx) (_, after any, err error) {
		open, err := readWindows(ctx, tx.Reader, environment, s.o.Now())
		if err != nil {
			return nil, nil, err
		}
		if len(open) >= maxWindows {
			return nil, nil, invalid(fmt.Errorf("there are %d already", maxWindows))
		}
		_, err = tx.Exec(ctx, "INSERT INTO alerts_windows (environment, id, name, starts_at, ends_at, apis, changed_by) VALUES (?, ?, ?, ?, ?, ?, ?)",
			environment, w.ID, w.Name, w.From.UnixMilli(), w.Until.UnixMilli(), string(apis), w.By)
		return nil, w, err
	})
	return w, err
}

// RemoveWindow ends a time of maintenance.
func (s *Service) RemoveWindow(ctx context.Context, p control.Principal, environment, id string) error {
	if err := s.manage(ctx, p, environment); err != nil {
		return err
	}
	return s.write(ctx, p, environment, audit.MaintenanceRemoved, "maintenance "+id, func(tx *store.Tx) (_, _ any, err error) {
		n, err := tx.Exec(ctx, "DELETE FROM alerts_windows WHERE environment = ? AND id = ?", environment, id)
		if err == nil && n == 0 {
			err = control.ErrNotFound
		}
		return nil, nil, err
	})
}

// InMaintenance reports whether an API is worked on now.
func (s *Service) InMaintenance(ctx context.Context, environment, api string) (bool, error) {
	now := s.o.Now()
	windows, err := readWindows(ctx, s.o.DB.Read(), environment, now)
	return slices.ContainsFunc(windows, func(w Window) bool { return w.covers(api, now) }), err
}
