package findings

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"farrier.dev/farrier/internal/access"
	"farrier.dev/farrier/internal/audit"
	"farrier.dev/farrier/internal/control"
	"farrier.dev/farrier/internal/posture"
	"farrier.dev/farrier/internal/store"
)

// Suppression says that findings need not be looked at, why, and until when.
type Suppression = posture.Suppression

// Suppressing is what an operator asks for: one finding by its fingerprint, or all of a
// rule at an API.
type Suppressing struct {
	Fingerprint string `json:"fingerprint,omitempty"`
	Rule        string `json:"rule,omitempty"`
	API         string `json:"api,omitempty"`
	// Reason is told to everyone who sees the finding.
	Reason string `json:"reason"`
	// Expires is when the findings are open again; absent for never.
	Expires time.Time `json:"expires,omitzero"`
}

// Suppressor keeps suppressions; *posture.Posture is the one to use.
type Suppressor interface {
	Suppress(ctx context.Context, operator string, s Suppression, record ...func(tx *store.Tx, s Suppression) error) (Suppression, error)
	Unsuppress(ctx context.Context, id string, record ...func(tx *store.Tx) error) error
	Suppressions(ctx context.Context) ([]Suppression, error)
}

// Managed lets operators suppress findings, and records it. It is called before the
// service is used.
func (s *Service) Managed(by Suppressor, auditor control.Auditor) *Service {
	s.suppressor, s.auditor = by, auditor
	return s
}

func (s *Service) manage(p control.Principal) error {
	if err := control.Authorise(p, access.ManageFindings, s.where.At()); err != nil {
		return err
	}
	if s.suppressor == nil {
		return control.ErrNotFound
	}
	return nil
}

// Suppress keeps findings from being looked at, until a time or until that is ended.
func (s *Service) Suppress(ctx context.Context, p control.Principal, in Suppressing) (Suppression, error) {
	if err := s.manage(p); err != nil {
		return Suppression{}, err
	}
	wanted := Suppression{Fingerprint: in.Fingerprint, Rule: in.Rule, API: in.API, Reason: in.Reason, Expires: in.Expires.UTC()}
	if in.Fingerprint != "" {
		if _, err := s.Get(ctx, p, in.Fingerprint); err != nil {
			return Suppression{}, err
		}
	}
	out, err := s.suppressor.Suppress(ctx, p.Operator, wanted, func(tx *store.Tx, made Suppression) error {
		return s.record(ctx, tx, p, audit.FindingSuppressed, &made)
	})
	if errors.Is(err, posture.ErrInvalid) {
		err = fmt.Errorf("%w: %w", control.ErrInvalid, err)
	}
	return out, err
}

// Unsuppress ends a suppression.
func (s *Service) Unsuppress(ctx context.Context, p control.Principal, id string) error {
	if err := s.manage(p); err != nil {
		return err
	}
	all, err := s.suppressor.Suppressions(ctx)
	if err != nil {
		return err
	}
	i := slices.IndexFunc(all, func(one Suppression) bool { return one.ID == id })
	if i < 0 {
		return control.ErrNotFound
	}
	err = s.suppressor.Unsuppress(ctx, id, func(tx *store.Tx) error {
		return s.record(ctx, tx, p, audit.SuppressionEnded, &all[i])
	})
	if errors.Is(err, posture.ErrNotFound) {
		return control.ErrNotFound
	}
	return err
}

// Suppressions lists all suppressions, those that have expired too, newest first.
func (s *Service) Suppressions(ctx context.Context, p control.Principal) ([]Suppression, error) {
	if err := control.Authorise(p, access.ViewFindings, s.where.At()); err != nil {
		return nil, err
	}
	if s.suppressor == nil {
		return nil, nil
	}
	return s.suppressor.Suppressions(ctx)
}

// MaySuppress reports whether a page should offer it.
func (s *Service) MaySuppress(p control.Principal) bool { return s.manage(p) == nil }

func (s *Service) record(ctx context.Context, tx *store.Tx, p control.Principal, action audit.Action, one *Suppression) error {
	object := "finding " + one.Fingerprint
	if one.Fingerprint == "" {
		object = "rule " + one.Rule + " at " + one.API
	}
	e := control.Told(p, s.where.At().Environment, action, object)
	e.Detail = map[string]string{"reason": one.Reason}
	if !one.Expires.IsZero() {
		e.Detail["expires"] = one.Expires.Format(time.RFC3339)
	}
	return s.auditor.Record(ctx, tx, e)
}
