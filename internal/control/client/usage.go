package client

import (
	"context"
	"fmt"
	"time"

	"farrier.dev/farrier/internal/access"
	"farrier.dev/farrier/internal/control"
)

// Counts knows what applications call, where it is counted.
type Counts interface {
	// Calls are the requests of a client at an API since a time, step by step; nil where
	// those of the environment are not counted here.
	Calls(ctx context.Context, environment, api, clientID string, since time.Time, step time.Duration) ([]Calls, error)
	// Spent is what the gateway's own counters say of limits now, one for each; nil where
	// no counter of this process holds the client to them.
	Spent(ctx context.Context, environment, api, clientID string, limits []Limit) ([]Spent, error)
}

// Calls are the requests of one step.
type Calls struct {
	At       time.Time `json:"at"`
	Requests uint64    `json:"requests"`
	// Refused are those that a policy, or the gateway, refused.
	Refused uint64 `json:"refused"`
}

// Spent is what a counter says of a limit.
type Spent struct {
	Used  int64
	Reset time.Duration
	// Shared says that gateways count together; else each counts for itself.
	Shared bool
}

// The ways in which the number of a window was found.
const (
	// ByCounter is what the rate limiter itself counted: of this gateway, or of all that
	// count together.
	ByCounter = "counter"
	// ByCounterTogether is what the rate limiters of all gateways counted together.
	ByCounterTogether = "counter-together"
	// BySeries is how many requests passed in the length of the window until now, by the
	// minute: an estimate.
	BySeries = "series"
)

// Window is how much of one limit is spent.
type Window struct {
	Limit
	// Known says that Used was found, and By how.
	Known bool   `json:"known"`
	By    string `json:"by,omitempty"`
	Used  int64  `json:"used"`
	// Resets is when the window ends; zero where that is not known.
	Resets time.Time `json:"resets,omitzero"`
	// Warn says that WarnAt of the limit, or more, is spent.
	Warn bool `json:"warn"`
}

// WarnAt is the share of a limit, in percent, from which its owners are warned.
const WarnAt = 80

// Percent is how much of the limit is spent, 0 to 100.
func (w *Window) Percent() int64 {
	if w.MaximumRequests <= 0 {
		return 0
	}
	return min(100, int64(100*float64(w.Used)/float64(w.MaximumRequests)))
}

// Usage is what an application used of one contract.
type Usage struct {
	Contract Contract `json:"contract"`
	// Windows are the limits of its tier that the reader may see.
	Windows []Window `json:"windows"`
	// Days are the last seven, the oldest first; empty where calls are not counted here.
	Days []Calls `json:"days"`
	// Requests and Refused are those of all days.
	Requests uint64 `json:"requests"`
	Refused  uint64 `json:"refused"`
	// Warn says that one of the windows does.
	Warn bool `json:"warn"`
}

// The bounds of what is told of usage.
const (
	usageDays = 7
	// maxUsage is of how many contracts of an application it is told.
	maxUsage = 50
)

// Usage tells what an application used of its contracts, for who may see it: those
// that give access first.
func (s *Service) Usage(ctx context.Context, p control.Principal, group, application string) ([]Usage, error) {
	held, err := s.Held(ctx, p, group, application)
	if err != nil {
		return nil, err
	}
	list := []Usage{}
	for i := range held {
		if len(list) == maxUsage {
			break
		}
		one, err := s.usage(ctx, p, &held[i])
		if err != nil {
			return nil, err
		}
		list = append(list, *one)
	}
	return list, nil
}

func (s *Service) usage(ctx context.Context, p control.Principal, held *Contract) (*Usage, error) {
	u := &Usage{Contract: *held, Windows: []Window{}, Days: []Calls{}}
	limits, err := s.limitsOf(ctx, p, held)
	if err != nil || s.o.Counts == nil || held.State != Approved {
		for _, l := range limits {
			u.Windows = append(u.Windows, Window{Limit: l})
		}
		return u, err
	}
	now := s.o.Now().UTC()
	since := now.Truncate(24*time.Hour).AddDate(0, 0, 1-usageDays)
	if u.Days, err = s.o.Counts.Calls(ctx, held.Environment, held.API, held.ClientID, since, 24*time.Hour); err != nil {
		return nil, fmt.Errorf("reading what was called: %w", err)
	}
	for _, day := range u.Days {
		u.Requests, u.Refused = u.Requests+day.Requests, u.Refused+day.Refused
	}
	if u.Windows, err = s.windows(ctx, held, limits, now); err != nil {
		return nil, err
	}
	for i := range u.Windows {
		w := &u.Windows[i]
		w.Warn = w.Known && 100*float64(w.Used) >= WarnAt*float64(w.MaximumRequests)
		u.Warn = u.Warn || w.Warn
	}
	return u, nil
}

// limitsOf are the limits of the tier of a contract; a developer sees those that are
// visible.
func (s *Service) limitsOf(ctx context.Context, p control.Principal, held *Contract) ([]Limit, error) {
	if held.Tier == nil {
		return nil, nil
	}
	list, err := tiers(ctx, s.o.DB.Read(), "WHERE t.environment = ? AND t.api = ? AND t.id = ?", held.Environment, held.API, held.Tier.ID)
	if err != nil || len(list) == 0 {
		return nil, err
	}
	operator := s.gate.Environment(ctx, p, access.ViewContracts, held.Environment) == nil
	var out []Limit
	for _, l := range list[0].Limits {
		if l.Visible || operator {
			out = append(out, l)
		}
	}
	return out, nil
}

// windows tells how much of limits is spent: by the counters of the gateway, or else by
// what passed.
func (s *Service) windows(ctx context.Context, held *Contract, limits []Limit, now time.Time) ([]Window, error) {
	out := make([]Window, len(limits))
	spent, err := s.o.Counts.Spent(ctx, held.Environment, held.API, held.ClientID, limits)
	if err != nil {
		return nil, fmt.Errorf("reading what is spent: %w", err)
	}
	for i, l := range limits {
		w := &out[i]
		w.Limit = l
		if len(spent) == len(limits) {
			w.Known, w.By, w.Used = true, ByCounter, spent[i].Used
			if spent[i].Shared {
				w.By = ByCounterTogether
			}
			if spent[i].Reset > 0 && spent[i].Used > 0 {
				w.Resets = now.Add(spent[i].Reset)
			}
			continue
		}
		period := time.Duration(l.TimePeriodInMilliseconds) * time.Millisecond
		if period < time.Minute || period > 31*24*time.Hour {
			continue // series say nothing of it
		}
		step := time.Minute
		if period > 6*time.Hour {
			step = time.Hour
		}
		calls, err := s.o.Counts.Calls(ctx, held.Environment, held.API, held.ClientID, now.Add(-period), step)
		if err != nil {
			return nil, fmt.Errorf("reading what was called: %w", err)
		}
		if calls == nil {
			continue
		}
		w.Known, w.By = true, BySeries
		for _, c := range calls {
			w.Used += int64(c.Requests - min(c.Refused, c.Requests)) //nolint:gosec // counts of requests stay far below the largest number
		}
	}
	return out, nil
}
