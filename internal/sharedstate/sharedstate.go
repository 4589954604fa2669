// Package sharedstate is what gateways share while they serve: the windows by
// which requests are counted, and what is kept for a time. The store of this
// folder is the memory of one process; a folder below is a store on a server
// that several gateways share, and one that outlives the process. It knows no
// policy and no HTTP.
package sharedstate

import (
	"context"
	"math"
	"slices"
	"time"
)

// Limit is one quota: at most Max requests in one Period. A Max of 0 or less
// permits nothing.
type Limit struct {
	Max    int64
	Period time.Duration
	// Burst, when above 0, makes the limit a token bucket: Max tokens flow in
	// during each Period, evenly, and at most Burst of them are there at once.
	// "100 per minute, burst 50" lets 50 pass at once and then one each 0.6 s.
	Burst int64
}

// period is the length that is counted, in nanoseconds.
func (l Limit) period() int64 { return int64(max(0, min(l.Period, longest))) }

// interval is the time between two tokens of a bucket in nanoseconds, rounded
// up: never more flow in than Max in a Period.
func (l Limit) interval() int64 {
	if l.Max <= 0 {
		return longest
	}
	return max(1, (l.period()+l.Max-1)/l.Max)
}

// burst is the number of tokens that a bucket holds.
func (l Limit) burst() int64 {
	if l.Max <= 0 {
		return 0
	}
	return min(l.Burst, longest/l.interval())
}

// shortest is the shortest window that gateways count together.
const shortest = 10 * time.Second

// Distributed are the limits as several gateways count them: windows below ten
// seconds are stretched to ten, with as much more quota, for in shorter ones the
// way to the store would decide who passes. Token buckets stay as they are. No
// limit is there twice.
func Distributed(limits []Limit) []Limit {
	out := make([]Limit, 0, len(limits))
	for _, l := range limits {
		if l.Burst <= 0 && l.Max > 0 && l.Period > 0 && l.Period < shortest {
			if stretched := math.Round(float64(l.Max) * float64(shortest) / float64(l.Period)); stretched < math.MaxInt64/2 {
				l.Max = int64(stretched)
			}
			l.Period = shortest
		}
		if !slices.Contains(out, l) {
			out = append(out, l)
		}
	}
	return out
}

// Result is what became of one request. When several limits apply it speaks of
// the most restrictive: the one with the least remaining, of equals the one
// that takes longest to reset.
type Result struct {
	// OK says that the request was counted; otherwise nothing was spent.
	OK bool
	// Limit is the quota's maximum, Remaining what is left of it; of a token
	// bucket what may pass at once.
	Limit, Remaining int64
	// Reset is the time until the quota is whole again (FixedWindow), or until
	// one more request fits (SlidingWindow, and an empty token bucket).
	Reset time.Duration
}

// Narrow takes over what stands of a limit, the i-th from 0, when that is more
// restrictive than those before.
func (r *Result) Narrow(i int, limit, left int64, reset time.Duration) {
	if i == 0 || left < r.Remaining || left == r.Remaining && reset > r.Reset {
		r.Limit, r.Remaining, r.Reset = limit, left, reset
	}
}

// Counter counts requests by key under limits.
type Counter interface {
	// Take spends one request of the key from each limit, or none at all when
	// one of them has no quota left. Each pair of key and limit has a window of
	// its own, so that limits may change without losing what others counted; no
	// limit may be given twice. Without limits every request is OK. An error means
	// that the quota is unknown, which a store in memory never says.
	Take(ctx context.Context, key string, limits []Limit) (Result, error)
	// Charge adds n to each limit of the key whatever is left of it, for work
	// whose cost is known only when it is done. Result.OK says whether anything
	// is left; with n 0 nothing is spent, it only looks.
	Charge(ctx context.Context, key string, n int64, limits []Limit) (Result, error)
}

// longest is the longest period that is counted, about a century; longer ones
// would overflow and are cut to it.
const longest = 100 * 365 * 24 * 3600 * 1_000_000_000 // nanoseconds

// stopwatch turns a clock into nanoseconds since it was made. It reads the
// monotonic time, so that setting the wall clock moves no window.
type stopwatch struct {
	now   func() time.Time
	began time.Time
}

func newStopwatch(now func() time.Time) stopwatch { return stopwatch{now: now, began: now()} }

func (s *stopwatch) elapsed() int64 { return int64(s.now().Sub(s.began)) }
