// Package findings shows operators what any part of Farrier complains of, from
// the one table that posture keeps.
package findings

import (
	"context"
	"errors"

	"farrier.dev/farrier/internal/access"
	"farrier.dev/farrier/internal/control"
	"farrier.dev/farrier/internal/posture"
)

// What posture answers, under the names by which pages know it.
type (
	// Filter chooses findings; what is empty does not restrict.
	Filter = posture.Filter
	// Item is a finding with what is known of its sightings.
	Item = posture.Item
	// Detail is an item with its occurrences.
	Detail = posture.Detail
	// State says whether a finding wants to be looked at.
	State = posture.State
	// Occurrence is one time that a finding was seen.
	Occurrence = posture.Occurrence
	// Counts is how many findings there are.
	Counts = posture.Counts
)

// The states of a finding.
const (
	Open       = posture.Open
	Suppressed = posture.Suppressed
	Mended     = posture.Mended
)

// Posture is what the service asks; *posture.Posture is the one to use.
type Posture interface {
	List(ctx context.Context, f posture.Filter) ([]posture.Item, int, error)
	Get(ctx context.Context, fingerprint string) (posture.Detail, error)
	Counts(ctx context.Context) (posture.Counts, error)
}

// Service answers operators.
type Service struct {
	posture Posture
	where   access.Place
	// suppressor and auditor are nil where nothing can be suppressed.
	suppressor Suppressor
	auditor    control.Auditor
}

// New makes the service for the operators of an environment.
func New(p Posture, where access.Place) (*Service, error) {
	if p == nil || where == nil {
		return nil, errors.New("findings: it needs posture and an environment")
	}
	return &Service{posture: p, where: where}, nil
}

// List gives the findings that a filter chooses, the worst first, and how many
// there are in all.
func (s *Service) List(ctx context.Context, p control.Principal, f Filter) ([]Item, int, error) {
	if err := control.Authorise(p, access.ViewFindings, s.where.At()); err != nil {
		return nil, 0, err
	}
	return s.posture.List(ctx, f)
}

// Get gives one finding, or control.ErrNotFound.
func (s *Service) Get(ctx context.Context, p control.Principal, fingerprint string) (Detail, error) {
	if err := control.Authorise(p, access.ViewFindings, s.where.At()); err != nil {
		return Detail{}, err
	}
	d, err := s.posture.Get(ctx, fingerprint)
	if errors.Is(err, posture.ErrNotFound) {
		return Detail{}, control.ErrNotFound
	}
	return d, err
}

// Counts counts the findings.
func (s *Service) Counts(ctx context.Context, p control.Principal) (Counts, error) {
	if err := control.Authorise(p, access.ViewFindings, s.where.At()); err != nil {
		return Counts{}, err
	}
	return s.posture.Counts(ctx)
}
