// Package healthcheck asks APIs on a schedule whether they are well: status, content,
// header, certificate and latency. It keeps the results of a day and what each day came
// to, says what is down to whoever alerts, and knows what the public status page shows.
package healthcheck

import (
	"context"
	"crypto/rand"
	"embed"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"time"
	"unicode"

	"farrier.dev/farrier/internal/access"
	"farrier.dev/farrier/internal/audit"
	"farrier.dev/farrier/internal/control"
	"farrier.dev/farrier/internal/store"
)

//go:embed migrations/*.sql
var migrations embed.FS

// Spec is what is checked, and how.
type Spec struct {
	Name string `json:"name"`
	// API is namespace/name of the instance whose own listener is asked. URL is asked
	// instead when it is given: http or https.
	API string `json:"api,omitempty"`
	URL string `json:"url,omitempty"`
	// Path is put behind the address of the API.
	Path string `json:"path,omitempty"`
	// Method is GET or HEAD.
	Method string `json:"method,omitempty"`
	// IntervalSeconds is 10 to 86,400, 60 when 0; TimeoutMillis 100 to 30,000, 5,000 when 0.
	IntervalSeconds int64 `json:"intervalSeconds,omitempty"`
	TimeoutMillis   int64 `json:"timeoutMillis,omitempty"`
	// Status is the one expected; 0 takes all below 400.
	Status int `json:"status,omitempty"`
	// Contains is text that the answer must have, Header one that it must bear, with
	// HeaderValue when that is given.
	Contains    string `json:"contains,omitempty"`
	Header      string `json:"header,omitempty"`
	HeaderValue string `json:"headerValue,omitempty"`
	// CertificateDays and LatencyMillis make a check degraded; 0 for neither.
	CertificateDays int   `json:"certificateDays,omitempty"`
	LatencyMillis   int64 `json:"latencyMillis,omitempty"`
	// Failures is how many checks in a row must fail before it is down; 3 when 0.
	Failures int `json:"failures,omitempty"`
	// Public shows it on the status page, by its name.
	Public  bool `json:"public,omitempty"`
	Enabled bool `json:"enabled"`
}

// Check is a check as it is kept.
type Check struct {
	ID      string    `json:"id"`
	Version int64     `json:"version"`
	Spec    Spec      `json:"spec"`
	State   State     `json:"state"`
	Changed time.Time `json:"changed"`
	By      string    `json:"by"`

	environment string
}

// Trouble is a check that is down.
type Trouble struct {
	ID, Name, API, Problem string
	Since                  time.Time
}

// Options are what the service works with; Target, Maintenance and Failing may be nil.
type Options struct {
	DB    *store.DB
	Tree  control.Tree
	Audit control.Auditor
	// HTTP is the guarded way to configured addresses.
	HTTP *http.Client
	// Target gives where an API of an environment listens, false for none that is known.
	Target func(environment, api string) (Target, bool)
	// Maintenance says what is done at an API now, empty for nothing.
	Maintenance func(ctx context.Context, environment, api string) (string, error)
	// Failing is told all checks of an API that are down, each time that changes.
	Failing func(ctx context.Context, environment, api string, down []Trouble) error
	// Environments lists those whose checks this process makes.
	Environments []string
	Now          func() time.Time
	Log          *slog.Logger
}

// Service keeps and makes checks. It is safe for concurrent use.
type Service struct {
	o    Options
	gate control.Gate

	mu     sync.Mutex
	public map[string]cached
}

type cached struct {
	at   time.Time
	page Page
}

// Open brings the tables up to date.
func Open(ctx context.Context, o Options) (*Service, error) {
	if o.DB == nil || o.Tree == nil || o.Audit == nil || o.HTTP == nil || o.Now == nil || o.Log == nil {
		return nil, errors.New("health checks: DB, Tree, Audit, HTTP, Now and Log are required")
	}
	if o.Target == nil {
		o.Target = func(string, string) (Target, bool) { return Target{}, false }
	}
	if o.Maintenance == nil {
		o.Maintenance = func(context.Context, string, string) (string, error) { return "", nil }
	}
	if o.Failing == nil {
		o.Failing = func(context.Context, string, string, []Trouble) error { return nil }
	}
	if err := o.DB.Migrate(ctx, "healthchecks", migrations); err != nil {
		return nil, fmt.Errorf("opening the health checks: %w", err)
	}
	return &Service{o: o, gate: control.Gate{Tree: o.Tree}, public: map[string]cached{}}, nil
}

const (
	maxChecks   = 200
	defaultWait = 60
	maxText     = 500
)

func invalid(format string, args ...any) error {
	return fmt.Errorf("%w: %w", control.ErrInvalid, fmt.Errorf(format, args...))
}

// check refuses what makes no sense and fills in what was left out.
func (s *Service) check(environment string, spec *Spec) error {
	spec.Name, spec.URL, spec.API = strings.TrimSpace(spec.Name), strings.TrimSpace(spec.URL), strings.TrimSpace(spec.API)
	fill := func(at *int64, value int64) {
		if *at == 0 {
			*at = value
		}
	}
	fill(&spec.IntervalSeconds, defaultWait)
	fill(&spec.TimeoutMillis, 5000)
	if spec.Failures == 0 {
		spec.Failures = 3
	}
	if spec.Method == "" {
		spec.Method = http.MethodGet
	}
	for name, text := range map[string]string{"name": spec.Name, "path": spec.Path, "contains": spec.Contains, "header": spec.Header, "headerValue": spec.HeaderValue, "url": spec.URL, "api": spec.API} {
		if len(text) > maxText || strings.ContainsFunc(text, unicode.IsControl) {
			return invalid("%s: it must be one line of %d bytes at most", name, maxText)
		}
	}
	switch {
	case spec.Name == "":
		return invalid("name: say what is checked")
	case spec.Method != http.MethodGet && spec.Method != http.MethodHead:
		return invalid("method: it must be GET or HEAD")
	case spec.IntervalSeconds < 10 || spec.IntervalSeconds > 86_400:
		return invalid("intervalSeconds: it must be 10 to 86400")
	case spec.TimeoutMillis < 100 || spec.TimeoutMillis > 30_000:
		return invalid("timeoutMillis: it must be 100 to 30000")
	case spec.Status != 0 && (spec.Status < 200 || spec.Status > 599):
		return invalid("status: it must be 200 to 599")
	case spec.Failures < 1 || spec.Failures > 100:
		return invalid("failures: it must be 1 to 100")
	case spec.CertificateDays < 0 || spec.CertificateDays > 365 || spec.LatencyMillis < 0 || spec.LatencyMillis > 30_000:
		return invalid("certificateDays may be 365 and latencyMillis 30000")
	case spec.Path != "" && !strings.HasPrefix(spec.Path, "/"):
		return invalid("path: it must begin with a slash")
	case spec.Method == http.MethodHead && spec.Contains != "":
		return invalid("contains: the answer to HEAD has no content; use GET")
	}
	return s.checkTarget(environment, spec)
}

func (s *Service) checkTarget(environment string, spec *Spec) error {
	if spec.URL != "" {
		u, err := url.Parse(spec.URL)
		if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Host == "" || u.User != nil {
			return invalid("url: it must be http or https with a host, and hold no password")
		}
		return nil
	}
	if _, ok := s.o.Target(environment, spec.API); !ok {
		return invalid("api: no API %.100q is in service here; write namespace/name, or give a url", spec.API)
	}
	return nil
}

// target is where a check goes.
func (s *Service) target(environment string, spec *Spec) (Target, bool) {
	if spec.URL != "" {
		return Target{URL: strings.TrimSuffix(spec.URL, "/") + spec.Path}, true
	}
	t, ok := s.o.Target(environment, spec.API)
	t.URL += spec.Path
	return t, ok
}

func (s *Service) read(ctx context.Context, r store.Reader, environment, more string, args ...any) (out []Check, err error) {
	rows, err := r.Query(ctx, `SELECT c.id, c.version, c.body, c.changed_at, c.changed_by, COALESCE(s.state, '')
		FROM healthchecks_checks c LEFT JOIN healthchecks_states s ON s.environment = c.environment AND s.id = c.id
		WHERE c.environment = ?`+more+" ORDER BY c.id", append([]any{environment}, args...)...)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, rows.Close()) }()
	for rows.Next() {
		var (
			c           Check
			body, state string
			at          int64
		)
		if err := rows.Scan(&c.ID, &c.Version, &body, &at, &c.By, &state); err != nil {
			return nil, err
		}
		c.Changed, c.environment = time.UnixMilli(at).UTC(), environment
		if err := json.Unmarshal([]byte(body), &c.Spec); err != nil {
			return nil, fmt.Errorf("health check %s: %w", c.ID, err)
		}
		if state != "" {
			if err := json.Unmarshal([]byte(state), &c.State); err != nil {
				return nil, fmt.Errorf("health check %s: %w", c.ID, err)
			}
		}
		out = append(out, c)
	}
	return out, rows.Err()
}

// List gives the checks of an environment.
func (s *Service) List(ctx context.Context, p control.Principal, environment string) ([]Check, error) {
	if err := s.gate.Environment(ctx, p, access.ViewAlerts, environment); err != nil {
		return nil, err
	}
	return s.read(ctx, s.o.DB.Read(), environment, "")
}

// Get gives one check.
func (s *Service) Get(ctx context.Context, p control.Principal, environment, id string) (Check, error) {
	if err := s.gate.Environment(ctx, p, access.ViewAlerts, environment); err != nil {
		return Check{}, err
	}
	return one(s.read(ctx, s.o.DB.Read(), environment, " AND c.id = ?", id))
}

func one(list []Check, err error) (Check, error) {
	if err == nil && len(list) == 0 {
		err = control.ErrNotFound
	}
	if err != nil {
		return Check{}, err
	}
	return list[0], nil
}

// Keep makes a check, when id is empty, or changes the version of one that was seen.
func (s *Service) Keep(ctx context.Context, p control.Principal, environment, id string, version int64, spec Spec) (Check, error) {
	if err := s.gate.Environment(ctx, p, access.ManageAlerts, environment); err != nil {
		return Check{}, err
	}
	if err := s.check(environment, &spec); err != nil {
		return Check{}, err
	}
	body, err := json.Marshal(spec)
	if err != nil {
		return Check{}, err
	}
	now := s.o.Now()
	fresh := id == ""
	if fresh {
		random := make([]byte, 8)
		_, _ = rand.Read(random) // never fails
		id, version = hex.EncodeToString(random), 0
	}
	err = s.o.DB.Write(ctx, func(tx *store.Tx) error {
		e := control.Told(p, environment, audit.HealthCheckChanged, "health check "+id)
		e.After = body
		all, err := s.read(ctx, tx.Reader, environment, "")
		if err != nil {
			return err
		}
		if fresh {
			if len(all) >= maxChecks {
				return invalid("there are %d checks already", maxChecks)
			}
			_, err = tx.Exec(ctx, "INSERT INTO healthchecks_checks (environment, id, version, body, changed_at, changed_by) VALUES (?, ?, 1, ?, ?, ?)", environment, id, string(body), now.UnixMilli(), p.Operator)
		} else {
			var before Check
			if before, err = one(s.read(ctx, tx.Reader, environment, " AND c.id = ?", id)); err != nil {
				return err
			}
			if before.Version != version {
				return control.ErrConflict
			}
			if e.Before, err = json.Marshal(before.Spec); err != nil {
				return err
			}
			err = control.Met(tx.Exec(ctx, "UPDATE healthchecks_checks SET version = version + 1, body = ?, changed_at = ?, changed_by = ? WHERE environment = ? AND id = ? AND version = ?", string(body), now.UnixMilli(), p.Operator, environment, id, version))
		}
		if err != nil {
			return err
		}
		if _, err := tx.Exec(ctx, "UPDATE healthchecks_states SET due = 0 WHERE environment = ? AND id = ?", environment, id); err != nil {
			return err
		}
		return s.o.Audit.Record(ctx, tx, e)
	})
	if err != nil {
		return Check{}, err
	}
	return one(s.read(ctx, s.o.DB.Read(), environment, " AND c.id = ?", id))
}

// Remove removes a check with its results.
func (s *Service) Remove(ctx context.Context, p control.Principal, environment, id string, version int64) error {
	if err := s.gate.Environment(ctx, p, access.ManageAlerts, environment); err != nil {
		return err
	}
	var api string
	err := s.o.DB.Write(ctx, func(tx *store.Tx) error {
		before, err := one(s.read(ctx, tx.Reader, environment, " AND c.id = ?", id))
		if err != nil {
			return err
		}
		if before.Version != version {
			return control.ErrConflict
		}
		api = before.Spec.API
		for _, table := range []string{"checks", "states", "results", "days"} {
			if _, err := tx.Exec(ctx, "DELETE FROM healthchecks_"+table+" WHERE environment = ? AND id = ?", environment, id); err != nil {
				return err
			}
		}
		e := control.Told(p, environment, audit.HealthCheckRemoved, "health check "+id)
		if e.Before, err = json.Marshal(before.Spec); err != nil {
			return err
		}
		return s.o.Audit.Record(ctx, tx, e)
	})
	if err != nil {
		return err
	}
	return s.tellFailing(ctx, environment, api)
}
