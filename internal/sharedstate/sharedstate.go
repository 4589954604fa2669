// Package sharedstate is what gateways share while they serve: the windows by
// which requests are counted. Today it lives in the memory of one process; a
// remote store is to come behind the same interface, which is why counting may
// fail. It knows no policy and no HTTP, and keeps nothing across restarts.
package sharedstate

import (
	"context"
	"time"
)

// Limit is one quota: at most Max requests in one Period. A Max of 0 or less
// permits nothing.
type Limit struct {
	Max    int64
	Period time.Duration
	// Burst, when above 0, makes the limit a token bucket: Max tokens flow in
	// during each Period, evenly, and at most Burst of them are there at once.
	Burst int64
}

// Result is what became of one request. When several limits apply it speaks of
// the most restrictive: the one with the least remaining, of equals the one
// that takes longest to reset.
type Result struct {
	// OK says that the request was counted; otherwise nothing was spent.
	OK bool
	// Limit is the quota's maximum, Remaining what is left of it.
	Limit, Remaining int64
	// Reset is the time until the quota is whole again (FixedWindow), or until
	// one more request fits (SlidingWindow).
	Reset time.Duration
}

// Counter counts requests by key under limits.
type Counter interface {
	// Take spends one request of the key from each limit, or none at all when
	// one of them has no quota left. Each pair of key and limit has a window of
	// its own, so that limits may change without losing what others counted; no
	// limit may be given twice. Without limits every request is OK. An error means that the quota is
	// unknown, which a store in memory never says.
	Take(ctx context.Context, key string, limits []Limit) (Result, error)
	// Charge adds n to each limit of the key whatever is left of it, for work
	// whose cost is known only when it is done. Result.OK says whether anything
	// is left; with n 0 nothing is spent, it only looks.
	Charge(ctx context.Context, key string, n int64, limits []Limit) (Result, error)
}

// longest is the longest period that is counted, about a century; longer ones
// would overflow and are cut to it.
const longest = 100 * 365 * 24 * time.Hour

// stopwatch turns a clock into nanoseconds since it was made. It reads the
// monotonic time, so that setting the wall clock moves no window.
type stopwatch struct {
	now   func() time.Time
	began time.Time
}

func newStopwatch(now func() time.Time) stopwatch { return stopwatch{now: now, began: now()} }

func (s *stopwatch) elapsed() int64 { return int64(s.now().Sub(s.began)) }
