package app

import (
	"context"
	"encoding/json"
	"errors"
	"time"

	"farrier.dev/farrier/internal/control/client"
	"farrier.dev/farrier/internal/monitor"
	"farrier.dev/farrier/internal/policy"
	"farrier.dev/farrier/internal/revision"
	"farrier.dev/farrier/internal/sharedstate"
)

// counted tells what client applications called in the environment of this process:
// from the series of the monitor, and from the counters of the gateway.
type counted struct {
	environment string
	stores      *stores
	series      *monitor.Monitor
	serving     func(environment string) *revision.Revision
}

// Calls implements client.Counts.
func (c *counted) Calls(ctx context.Context, environment, api, clientID string, since time.Time, step time.Duration) ([]client.Calls, error) {
	if c.series == nil || environment != c.environment {
		return nil, nil
	}
	found, err := c.series.Stretches(ctx, monitor.Query{API: api, Client: clientID, Since: since, Step: step})
	if errors.Is(err, monitor.ErrQuery) {
		return nil, nil // nothing as fine is kept for as long
	}
	if err != nil {
		return nil, err
	}
	out := make([]client.Calls, len(found))
	for i := range found {
		out[i] = client.Calls{At: found[i].At, Requests: found[i].Requests, Refused: found[i].Refused}
	}
	return out, nil
}

// metering are the policies that hold clients to the limits of their tier, with the
// names of their counters.
func metering() map[string]string {
	return map[string]string{"rate-limiting-sla-based-flex": "rate-limiting-sla-based", "throttling-sla-based": "throttling-sla-based"}
}

// Spent implements client.Counts.
func (c *counted) Spent(ctx context.Context, environment, api, clientID string, limits []client.Limit) ([]client.Spent, error) {
	rev := c.serving(environment)
	if rev == nil || c.stores == nil || len(limits) == 0 {
		return nil, nil
	}
	for i := range rev.APIs {
		if rev.APIs[i].Name.String() != api {
			continue
		}
		for j := range rev.APIs[i].Policies {
			bound := &rev.APIs[i].Policies[j]
			if kind := metering()[bound.Policy]; kind != "" {
				return c.look(ctx, rev, kind, api, clientID, bound, limits)
			}
		}
	}
	return nil, nil
}

// look reads the counters of a binding, spending nothing. A store that does not answer
// says nothing.
func (c *counted) look(ctx context.Context, rev *revision.Revision, kind, api, clientID string, bound *revision.Binding, limits []client.Limit) ([]client.Spent, error) {
	settings := struct {
		Clusterizable bool `json:"clusterizable"`
	}{true}
	if err := json.Unmarshal(bound.Settings, &settings); err != nil {
		return nil, nil //nolint:nilerr // the gateway would not serve it either
	}
	env := policy.Env{API: api, Binding: bound.Name.String(), Local: c.stores.local}
	if rev.Settings.SharedStorage.Address != "" {
		shared, err := c.stores.shared(rev.Settings.SharedStorage)
		if err != nil {
			return nil, nil //nolint:nilerr // what it holds is not known
		}
		env.Shared = shared
	}
	tally, err := policy.NewTally(env, kind, settings.Clusterizable)
	if err != nil {
		return nil, err
	}
	out := make([]client.Spent, len(limits))
	for i, l := range limits {
		asked := tally.Limits([]sharedstate.Limit{{Max: l.MaximumRequests, Period: time.Duration(l.TimePeriodInMilliseconds) * time.Millisecond}})
		found, err := tally.Look(ctx, clientID, asked)
		if err != nil {
			return nil, nil //nolint:nilerr // the store does not answer
		}
		used := found.Limit - found.Remaining
		if found.Limit > 0 && found.Limit != l.MaximumRequests { // short windows are stretched where gateways count together
			used = int64(float64(used) * float64(l.MaximumRequests) / float64(found.Limit))
		}
		out[i] = client.Spent{Used: used, Reset: found.Reset, Shared: tally.Shared()}
	}
	return out, nil
}
