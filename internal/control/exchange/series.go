package exchange

import (
	"context"
	"errors"
	"time"

	"farrier.dev/farrier/internal/access"
	"farrier.dev/farrier/internal/control"
	"farrier.dev/farrier/internal/monitor"
)

// What series are, under the names by which pages know them.
type (
	// Query asks for a series.
	Query = monitor.Query
	// Stretch is what happened in one step of a series.
	Stretch = monitor.Stretch
	// PartyTotals is what happened with one client or policy.
	PartyTotals = monitor.PartyTotals
	// Metric names what a series shows.
	Metric = monitor.Metric
	// Sample is a point of a series.
	Sample = monitor.Sample
)

// serieser is a monitor that keeps series.
type serieser interface {
	Series(ctx context.Context, q monitor.Query) ([]monitor.Sample, error)
	Stretches(ctx context.Context, q monitor.Query) ([]monitor.Stretch, error)
	Clients(ctx context.Context, api string, since time.Time, limit int) ([]monitor.PartyTotals, error)
	Policies(ctx context.Context, api string, since time.Time, limit int) ([]monitor.PartyTotals, error)
	Operations(ctx context.Context, api string, since time.Time) ([]monitor.Totals, error)
}

func (s *Service) series(p control.Principal) (serieser, error) {
	if err := control.Authorise(p, access.ViewTraffic, s.o.Where.At()); err != nil {
		return nil, err
	}
	m, ok := s.o.Monitor.(serieser)
	if !ok {
		return nil, control.ErrNotFound
	}
	return m, nil
}

// Series answers with a point for every step; control.ErrInvalid says that the question
// makes no sense.
func (s *Service) Series(ctx context.Context, p control.Principal, q Query) ([]Sample, error) {
	m, err := s.series(p)
	if err != nil {
		return nil, err
	}
	out, err := m.Series(ctx, q)
	return out, asked(err)
}

// Stretches answers like Series, with all that was counted.
func (s *Service) Stretches(ctx context.Context, p control.Principal, q Query) ([]Stretch, error) {
	m, err := s.series(p)
	if err != nil {
		return nil, err
	}
	out, err := m.Stretches(ctx, q)
	return out, asked(err)
}

func asked(err error) error {
	if errors.Is(err, monitor.ErrQuery) {
		return errors.Join(control.ErrInvalid, err)
	}
	return err
}

// Parties tells which clients called an API since a time, which policies refused there
// and what its operations did, of each the busiest, at most limit.
func (s *Service) Parties(ctx context.Context, p control.Principal, api string, since time.Time, limit int) (clients, policies []PartyTotals, operations []Totals, err error) {
	m, err := s.series(p)
	if err != nil {
		return nil, nil, nil, err
	}
	if clients, err = m.Clients(ctx, api, since, limit); err != nil {
		return nil, nil, nil, err
	}
	if policies, err = m.Policies(ctx, api, since, limit); err != nil {
		return nil, nil, nil, err
	}
	operations, err = m.Operations(ctx, api, since)
	return clients, policies, operations[:min(len(operations), limit)], err
}
