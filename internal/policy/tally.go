package policy

import (
	"context"
	"errors"
	"fmt"

	"farrier.dev/farrier/internal/sharedstate"
)

// Tally is where one binding counts: together with other gateways when its
// settings ask for it and they share a store, else in this process. It outlives
// revisions, for its name is that of the binding and not of its settings: a limit
// that changes begins anew, the others go on.
type Tally struct {
	shared, local sharedstate.Counter // shared is nil when this process counts alone
}

// NewTally finds the counters of a binding. kind keeps policies apart.
func NewTally(env Env, kind string, clusterizable bool) (*Tally, error) {
	if env.Local == nil {
		return nil, errors.New("there is no store to count in")
	}
	name := fmt.Sprintf("%s %s %s", kind, env.API, env.Binding)
	t := &Tally{local: env.Local.Counter(name)}
	if clusterizable && env.Shared != nil && env.Shared.Remote() {
		t.shared = env.Shared.Counter(name)
	}
	return t, nil
}

// Shared says whether gateways count together. Limits must then be those that
// sharedstate.Distributed makes.
func (t *Tally) Shared() bool { return t.shared != nil }

// Limits are limits as this tally counts them.
func (t *Tally) Limits(limits []sharedstate.Limit) []sharedstate.Limit {
	if t.shared == nil {
		return limits
	}
	return sharedstate.Distributed(limits)
}

// Take spends one request. An error means that the quota is unknown, because the
// store that gateways share does not answer.
func (t *Tally) Take(ctx context.Context, key string, limits []sharedstate.Limit) (sharedstate.Result, error) {
	if t.shared != nil {
		return t.shared.Take(ctx, key, limits)
	}
	return t.local.Take(ctx, key, limits)
}

// TakeAnyway spends one request, in this process alone while the store that
// gateways share does not answer. It is for policies that have no setting for
// this.
func (t *Tally) TakeAnyway(ctx context.Context, key string, limits []sharedstate.Limit) (result sharedstate.Result, alone bool) {
	if t.shared != nil {
		if result, err := t.shared.Take(ctx, key, limits); err == nil {
			return result, false
		}
		alone = true
	}
	result, _ = t.local.Take(ctx, key, limits)
	return result, alone
}

// Look tells what is left of limits without spending anything. An error means that it
// is unknown, because the store that gateways share does not answer.
func (t *Tally) Look(ctx context.Context, key string, limits []sharedstate.Limit) (sharedstate.Result, error) {
	if t.shared != nil {
		return t.shared.Charge(ctx, key, 0, limits)
	}
	return t.local.Charge(ctx, key, 0, limits)
}

// Taking is TakeAnyway for a queue.
func (t *Tally) Taking(ctx context.Context, key string, limits []sharedstate.Limit) Taking {
	return func() (sharedstate.Result, bool) { return t.TakeAnyway(ctx, key, limits) }
}

// CountedAlone is the reason in the trail when TakeAnyway counted alone.
const CountedAlone = "the shared store of the counters did not answer; this gateway counts alone until it does"
