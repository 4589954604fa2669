package posture

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"farrier.dev/farrier/internal/finding"
	"farrier.dev/farrier/internal/store"
	"farrier.dev/farrier/internal/traffic"
)

// State says whether a finding wants to be looked at.
type State string

// The states of a finding.
const (
	Open       State = "open"
	Suppressed State = "suppressed"
	// Mended is what an engine that looks at whole APIs finds no more.
	Mended State = "mended"
)

// maxReason bounds the reason of a suppression, in bytes.
const maxReason = 1000

// Suppression says that findings need not be looked at, why, and until when:
// one finding by its fingerprint, or all of a rule at an API.
type Suppression struct {
	ID          string `json:"id"`
	Fingerprint string `json:"fingerprint,omitempty"`
	Rule        string `json:"rule,omitempty"`
	API         string `json:"api,omitempty"`
	// Reason is told to everyone who sees the finding.
	Reason string `json:"reason"`
	// Operator is who said so.
	Operator string    `json:"operator"`
	Created  time.Time `json:"created"`
	// Expires is when the findings are open again; zero is never.
	Expires time.Time `json:"expires,omitzero"`
}

// covers says whether a suppression speaks of a finding.
func (s *Suppression) covers(f *finding.Finding) bool {
	if s.Fingerprint != "" {
		return s.Fingerprint == f.Fingerprint
	}
	return s.Rule == f.Rule && s.API == f.Location.API
}

func (s *Suppression) holds(now time.Time) bool { return s.Expires.IsZero() || now.Before(s.Expires) }

func (s *Suppression) check(now time.Time) error {
	one, all := s.Fingerprint != "", s.Rule != "" || s.API != ""
	switch {
	case one == all:
		return errors.New("suppression: name either a fingerprint, or a rule and an API")
	case all && (s.Rule == "" || s.API == ""):
		return errors.New("suppression: a rule is suppressed at one API; name both")
	case strings.TrimSpace(s.Reason) == "":
		return errors.New("suppression: reason: must say why")
	case len(s.Reason) > maxReason:
		return fmt.Errorf("suppression: reason: %d bytes, must be %d at most", len(s.Reason), maxReason)
	case s.Operator == "":
		return errors.New("suppression: operator: must be named")
	case !s.holds(now):
		return errors.New("suppression: expires: must be in the future")
	}
	return nil
}

// state is the state of a finding now.
func (p *Posture) state(f *finding.Finding) State {
	now := p.opts.Now()
	if slices.ContainsFunc(*p.active.Load(), func(s Suppression) bool { return s.holds(now) && s.covers(f) }) {
		return Suppressed
	}
	return Open
}

// changed says whether other suppressions hold than those that are applied.
func (p *Posture) changed(ctx context.Context) (bool, error) {
	all, err := p.Suppressions(ctx)
	if err != nil {
		return false, err
	}
	now := p.opts.Now()
	all = slices.DeleteFunc(all, func(s Suppression) bool { return !s.holds(now) })
	return !slices.EqualFunc(all, *p.active.Load(), func(a, b Suppression) bool { return a.ID == b.ID }), nil
}

// Suppress keeps a suppression in the name of an operator, and gives it back
// with its id. Whether the operator may is the caller's, who records it in the same
// transaction of the control database.
func (p *Posture) Suppress(ctx context.Context, operator string, s Suppression, record ...func(tx *store.Tx, s Suppression) error) (Suppression, error) {
	now := p.opts.Now().UTC()
	s.Operator, s.Created, s.ID = operator, now, traffic.NewID(now)
	if err := s.check(now); err != nil {
		return Suppression{}, fmt.Errorf("%w: %w", ErrInvalid, err)
	}
	err := p.opts.Control.Write(ctx, func(tx *store.Tx) error {
		_, err := tx.Exec(ctx, `INSERT INTO posture_suppressions (environment, id, fingerprint, rule, api, reason, operator,
			created, expires) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)`,
			p.opts.Environment, s.ID, s.Fingerprint, s.Rule, s.API, s.Reason, s.Operator, milliseconds(s.Created), milliseconds(s.Expires))
		for _, told := range record {
			if err == nil {
				err = told(tx, s)
			}
		}
		return err
	})
	if err != nil {
		return Suppression{}, fmt.Errorf("keeping a suppression: %w", err)
	}
	return s, p.Refresh(ctx)
}

// Unsuppress ends a suppression. Its error is ErrNotFound when there is none.
func (p *Posture) Unsuppress(ctx context.Context, id string, record ...func(tx *store.Tx) error) error {
	var n int64
	err := p.opts.Control.Write(ctx, func(tx *store.Tx) (err error) {
		n, err = tx.Exec(ctx, "DELETE FROM posture_suppressions WHERE environment = ? AND id = ?", p.opts.Environment, id)
		for _, told := range record {
			if err == nil && n > 0 {
				err = told(tx)
			}
		}
		return err
	})
	if err != nil {
		return fmt.Errorf("ending suppression %s: %w", id, err)
	}
	if n == 0 {
		return fmt.Errorf("suppression %s: %w", id, ErrNotFound)
	}
	return p.Refresh(ctx)
}

// Suppressions lists all suppressions, also those that have expired, newest
// first.
func (p *Posture) Suppressions(ctx context.Context) (all []Suppression, err error) {
	rows, err := p.opts.Control.Read().Query(ctx, `SELECT id, fingerprint, rule, api, reason, operator, created, expires
		FROM posture_suppressions WHERE environment = ? ORDER BY id DESC`, p.opts.Environment)
	if err != nil {
		return nil, fmt.Errorf("reading suppressions: %w", err)
	}
	defer func() { err = errors.Join(err, rows.Close()) }()
	for rows.Next() {
		var (
			s                Suppression
			created, expires int64
		)
		if err := rows.Scan(&s.ID, &s.Fingerprint, &s.Rule, &s.API, &s.Reason, &s.Operator, &created, &expires); err != nil {
			return nil, fmt.Errorf("reading suppressions: %w", err)
		}
		s.Created, s.Expires = fromMilliseconds(created), fromMilliseconds(expires)
		all = append(all, s)
	}
	return all, rows.Err()
}

// Refresh reads the suppressions and gives all findings the state that follows
// from them. A database of findings that was replaced by an empty one needs no
// more: new findings get their state when they are written.
func (p *Posture) Refresh(ctx context.Context) error {
	p.refreshing.Lock()
	defer p.refreshing.Unlock()
	all, err := p.Suppressions(ctx)
	if err != nil {
		return err
	}
	now := p.opts.Now()
	active := slices.DeleteFunc(all, func(s Suppression) bool { return !s.holds(now) })
	err = p.opts.DB.Write(ctx, func(tx *store.Tx) error {
		// Inside the transaction no finding is written beside.
		p.active.Store(&active)
		_, err := tx.Exec(ctx, "UPDATE posture_findings SET state = ? WHERE environment = ? AND state = ?",
			string(Open), p.opts.Environment, string(Suppressed))
		for _, s := range active {
			if err != nil {
				return err
			}
			const update = "UPDATE posture_findings SET state = ? WHERE environment = ? AND state <> ? AND "
			if s.Fingerprint != "" {
				_, err = tx.Exec(ctx, update+"fingerprint = ?", string(Suppressed), p.opts.Environment, string(Mended), s.Fingerprint)
			} else {
				_, err = tx.Exec(ctx, update+"rule = ? AND api = ?", string(Suppressed), p.opts.Environment, string(Mended), s.Rule, s.API)
			}
		}
		return err
	})
	if err != nil {
		return fmt.Errorf("applying suppressions: %w", err)
	}
	return nil
}

// suppressionsOf are those that cover a finding now.
func (p *Posture) suppressionsOf(f *finding.Finding) []Suppression {
	now := p.opts.Now()
	var of []Suppression
	for _, s := range *p.active.Load() {
		if s.holds(now) && s.covers(f) {
			of = append(of, s)
		}
	}
	slices.SortFunc(of, func(a, b Suppression) int { return cmp.Compare(b.ID, a.ID) })
	return of
}

func milliseconds(t time.Time) int64 {
	if t.IsZero() {
		return 0
	}
	return t.UnixMilli()
}

func fromMilliseconds(ms int64) time.Time {
	if ms == 0 {
		return time.Time{}
	}
	return time.UnixMilli(ms).UTC()
}
