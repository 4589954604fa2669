package sharedstate

import (
	"context"
	"hash/maphash"
	"math"
	"sync"
	"time"
)

// DefaultMaxWindows is how many windows a FixedWindow keeps unless told
// otherwise; they take about 50 MB when all are in use.
const DefaultMaxWindows = 1_000_000

const (
	shards = 256
	// swept is how many windows are looked at for expired ones with each window
	// that is added: more than one, so that the dead never pile up.
	swept = 3
	// sampled is how many windows are looked at for the one that must give way.
	sampled = 16
)

// FixedWindow counts in windows that begin with the first request of a key and
// end a period later, and in token buckets where a limit has a Burst. Keys are
// kept as seeded 64-bit hashes: of a million keys two share a window with a
// probability below one in ten million, and nobody outside can choose which.
//
// The number of windows is bounded. When there is no room, expired windows give
// way first, then those that have counted least, so that a flood of new keys
// can't give an exhausted key its quota back.
type FixedWindow struct {
	clock    stopwatch
	seed     maphash.Seed
	perShard int
	shards   [shards]shard
}

type shard struct {
	mu      sync.Mutex
	windows map[uint64]window
	_       [48]byte // a cache line each: shards are locked by different processors
}

// window holds no pointer, so that the garbage collector skips all of them. Of
// a token bucket, ends is the moment at which it is full again and used the
// number of tokens that were missing when it was last drawn from: a full bucket
// is one that is over.
type window struct {
	ends int64 // on the stopwatch
	used int64
}

// NewFixedWindow makes an empty counter. At most maxWindows pairs of key and
// limit are kept; 0 stands for DefaultMaxWindows.
func NewFixedWindow(now func() time.Time, maxWindows int) *FixedWindow {
	if maxWindows <= 0 {
		maxWindows = DefaultMaxWindows
	}
	return &FixedWindow{
		clock: newStopwatch(now), seed: maphash.MakeSeed(),
		perShard: (maxWindows + shards - 1) / shards,
	}
}

// Take implements Counter; its error is always nil.
func (f *FixedWindow) Take(_ context.Context, key string, limits []Limit) (Result, error) {
	if len(limits) == 0 {
		return Result{OK: true}, nil
	}
	hash := maphash.String(f.seed, key)
	now := f.clock.elapsed()
	s := &f.shards[hash%shards]
	s.mu.Lock()
	defer s.mu.Unlock()
	refused := Result{OK: true}
	for i, limit := range limits {
		left, reset := s.windows[f.slot(hash, limit)].at(now, limit).left(now, limit)
		refused.OK = refused.OK && left > 0
		refused.Narrow(i, limit.Max, left, reset)
	}
	if !refused.OK {
		return refused, nil
	}
	return f.spend(s, hash, now, 1, limits), nil
}

// Charge implements Counter; its error is always nil.
func (f *FixedWindow) Charge(_ context.Context, key string, n int64, limits []Limit) (Result, error) {
	hash := maphash.String(f.seed, key)
	now := f.clock.elapsed()
	s := &f.shards[hash%shards]
	s.mu.Lock()
	defer s.mu.Unlock()
	result := f.spend(s, hash, now, n, limits)
	result.OK = len(limits) == 0 || result.Remaining > 0
	return result, nil
}

// spend takes n from all limits; with n 0 it only looks. The shard is locked.
func (f *FixedWindow) spend(s *shard, hash uint64, now, n int64, limits []Limit) Result {
	result := Result{OK: true}
	for i, limit := range limits {
		slot := f.slot(hash, limit)
		w, known := s.windows[slot]
		w = w.at(now, limit)
		if n > 0 {
			if !known {
				s.makeRoom(now, f.perShard)
			}
			w = w.spend(now, n, limit)
			s.windows[slot] = w
		}
		left, reset := w.left(now, limit)
		result.Narrow(i, limit.Max, left, reset)
	}
	return result
}

// slot is where the window of a key and a limit is kept. All limits of one key
// share a shard, so that one lock covers them.
func (f *FixedWindow) slot(hash uint64, limit Limit) uint64 {
	return maphash.Comparable(f.seed, [4]uint64{hash, uint64(limit.Max), uint64(limit.Period), uint64(limit.Burst)}) //nolint:gosec // only the bits count
}

// at is the window as it stands now: itself, or a new one when it is over.
func (w window) at(now int64, limit Limit) window {
	switch {
	case w.ends > now:
		return w
	case limit.Burst > 0:
		return window{ends: now}
	}
	return window{ends: now + limit.period()}
}

// left is how much of the limit is left, and when that gets better.
func (w window) left(now int64, limit Limit) (left int64, reset time.Duration) {
	if limit.Burst <= 0 {
		return max(limit.Max-w.used, 0), time.Duration(w.ends - now)
	}
	interval, missing := limit.interval(), w.ends-now
	room := limit.burst() * interval
	if left = max(room-missing, 0) / interval; left > 0 {
		return left, time.Duration(missing)
	}
	return 0, time.Duration(missing - (room - interval))
}

// spend takes n, which is above 0, whatever is left.
func (w window) spend(now, n int64, limit Limit) window {
	if limit.Burst <= 0 {
		w.used += min(n, math.MaxInt64-w.used)
		return w
	}
	interval := limit.interval()
	w.ends = min(w.ends+min(n, longest/interval)*interval, now+longest)
	w.used = (w.ends - now + interval - 1) / interval
	return w
}

// makeRoom sees to it that one more window may be added.
func (s *shard) makeRoom(now int64, most int) {
	if s.windows == nil {
		s.windows = make(map[uint64]window)
		return
	}
	s.sweep(now, swept)
	for len(s.windows) >= most {
		s.sweep(now, sampled)
		if len(s.windows) >= most {
			s.evict()
		}
	}
}

// sweep removes the expired ones of up to n windows, chosen at random as maps
// do.
func (s *shard) sweep(now int64, n int) {
	for slot, w := range s.windows {
		if w.ends <= now {
			delete(s.windows, slot)
		}
		if n--; n == 0 {
			return
		}
	}
}

// evict removes the window that has counted least among a sample, of equals the
// one that ends first.
func (s *shard) evict() {
	var victim uint64
	var least window
	n := 0
	for slot, w := range s.windows {
		if n == 0 || w.used < least.used || w.used == least.used && w.ends < least.ends {
			victim, least = slot, w
		}
		if n++; n == sampled {
			break
		}
	}
	delete(s.windows, victim)
}

// Len is the number of windows kept, expired ones included.
func (f *FixedWindow) Len() int {
	n := 0
	for i := range f.shards {
		s := &f.shards[i]
		s.mu.Lock()
		n += len(s.windows)
		s.mu.Unlock()
	}
	return n
}
