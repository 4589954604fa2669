package policy

import (
	"context"

	"farrier.dev/farrier/internal/sharedstate"
)

// Charge spends n of each limit of the key whatever is left of it, for what
// costs more than one; with n 0 it only looks. Result.OK says whether anything
// is left. While the store that gateways share does not answer it counts in this
// process alone, which alone tells.
func (t *Tally) Charge(ctx context.Context, key string, n int64, limits []sharedstate.Limit) (result sharedstate.Result, alone bool) {
	if t.shared != nil {
		if result, err := t.shared.Charge(ctx, key, n, limits); err == nil {
			return result, false
		}
		alone = true
	}
	result, _ = t.local.Charge(ctx, key, n, limits)
	return result, alone
}
