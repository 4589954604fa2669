package sharedstate

import (
	"sync"
	"time"
)

// resolution is how many moments of a period a SlidingWindow tells apart when
// its limit is larger than that.
const resolution = 1024

// SlidingWindow lets at most Max requests pass in any stretch of one Period. Up
// to 1024 requests it remembers each of them exactly. For larger limits it
// remembers them by the 1024th part of a period, rounded up: it never lets more
// pass than the limit, and may ask for that much more patience.
type SlidingWindow struct {
	clock stopwatch
	limit Limit
	grain int64 // nanoseconds to which moments are rounded up

	mu    sync.Mutex
	taken int64
	ring  []moment // grown as needed, at most resolution+2
	first int
	count int
}

// moment is when some requests were let pass.
type moment struct {
	at int64
	n  int64
}

// NewSlidingWindow makes a window that nothing has passed yet.
func NewSlidingWindow(now func() time.Time, limit Limit) *SlidingWindow {
	limit.Period = max(0, min(limit.Period, longest))
	s := &SlidingWindow{clock: newStopwatch(now), limit: limit, grain: 1}
	if limit.Max > resolution {
		s.grain = max(1, int64(limit.Period)/resolution)
	}
	return s
}

// Take lets one request pass if the limit allows it. Reset is 0 while quota is
// left.
func (s *SlidingWindow) Take() Result {
	now := s.clock.elapsed()
	s.mu.Lock()
	defer s.mu.Unlock()
	s.forget(now)
	if s.taken >= s.limit.Max {
		reset := s.limit.Period
		if s.count > 0 {
			reset = time.Duration(s.ring[s.first].at + int64(s.limit.Period) - now)
		}
		return Result{Limit: s.limit.Max, Reset: reset}
	}
	s.remember(now)
	return Result{OK: true, Limit: s.limit.Max, Remaining: s.limit.Max - s.taken}
}

// forget drops the moments that have left the window.
func (s *SlidingWindow) forget(now int64) {
	for s.count > 0 {
		m := s.ring[s.first]
		if m.at+int64(s.limit.Period) > now {
			return
		}
		s.taken -= m.n
		s.first = (s.first + 1) % len(s.ring)
		s.count--
	}
}

func (s *SlidingWindow) remember(now int64) {
	at := (now + s.grain - 1) / s.grain * s.grain
	s.taken++
	if s.count > 0 {
		// Two callers may read the clock in one order and come here in the other.
		if last := &s.ring[(s.first+s.count-1)%len(s.ring)]; last.at >= at {
			last.n++
			return
		}
	}
	if s.count == len(s.ring) {
		s.grow()
	}
	s.ring[(s.first+s.count)%len(s.ring)] = moment{at: at, n: 1}
	s.count++
}

func (s *SlidingWindow) grow() {
	larger := make([]moment, max(4, 2*len(s.ring)))
	for i := range s.count {
		larger[i] = s.ring[(s.first+i)%len(s.ring)]
	}
	s.ring, s.first = larger, 0
}
