package policy

import (
	"context"
	"net/http"
	"sync/atomic"
	"time"

	"farrier.dev/farrier/internal/sharedstate"
	"farrier.dev/farrier/internal/traffic"
)

// Queue is where exchanges over a quota wait for their turn. What it holds
// belongs into Env.State, so that it outlives a revision.
type Queue struct {
	// Delay is how long an exchange waits before it tries again, Attempts how
	// often it does, Limit how many may wait at a time. With no attempts or no
	// limit none waits.
	Delay           time.Duration
	Attempts, Limit int64

	waiting atomic.Int64
}

// Taking spends quota for an exchange. alone says that this gateway counted
// alone because the store that gateways share did not answer.
type Taking func() (result sharedstate.Result, alone bool)

// Pass lets an exchange through for which take finds quota, at once or after
// waiting; otherwise it is refused.
func (q *Queue) Pass(ctx context.Context, x *traffic.Exchange, quota *Quota, take Taking) Verdict {
	result, alone := take()
	if !result.OK {
		var reason string
		var err error
		if result, alone, reason, err = q.wait(ctx, take, result); err != nil {
			return Fail(http.StatusServiceUnavailable, "Service unavailable.", "the exchange was abandoned while it waited for its turn")
		}
		if !result.OK {
			return quota.Refuse(result, reason)
		}
	}
	if v := quota.Pass(x, result); !alone {
		return v
	}
	return GoBecause(CountedAlone)
}

// wait queues the exchange, if there is room, and tries again.
func (q *Queue) wait(ctx context.Context, take Taking, refused sharedstate.Result) (result sharedstate.Result, alone bool, reason string, err error) {
	if q.Limit <= 0 || q.Attempts <= 0 {
		return refused, false, "there were more requests than the limit allows", nil
	}
	defer q.waiting.Add(-1)
	if q.waiting.Add(1) > q.Limit {
		return refused, false, "there were more requests than the limit allows, and as many waiting as queuingLimit allows", nil
	}
	timer := time.NewTimer(q.Delay)
	defer timer.Stop()
	for attempt := int64(1); ; attempt++ {
		select {
		case <-ctx.Done():
			return refused, false, "", ctx.Err()
		case <-timer.C:
		}
		if refused, alone = take(); refused.OK {
			return refused, alone, "", nil
		}
		if attempt == q.Attempts {
			return refused, false, "there were more requests than the limit allows, also after waiting", nil
		}
		timer.Reset(q.Delay)
	}
}
