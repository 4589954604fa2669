package circuitbreaker

import (
	"sync"
	"time"
)

// probeWait is what clients are told to wait while a call tries the service.
const probeWait = time.Second

// breaker is what a binding knows of its service. It lives as long as the
// binding and its settings.
type breaker struct {
	mu       sync.Mutex
	inFlight int64
	// row is the number of failures in a row, the first of them at began.
	row   int
	began time.Time
	// open says that the service is not called before until, except by the one
	// call that tries it afterwards.
	open, trying bool
	until        time.Time
}

// admit counts a call in and says how, or refuses it: flags is 0 then, and wait
// is how long the service rests, 0 when it has too many calls in flight.
func (b *breaker) admit(limit int64, now time.Time) (flags uint8, wait time.Duration) {
	b.mu.Lock()
	defer b.mu.Unlock()
	flags = admitted
	if b.open {
		if now.Before(b.until) {
			return 0, b.until.Sub(now)
		}
		if b.trying {
			return 0, probeWait
		}
		flags |= probing
	}
	if limit >= 0 && b.inFlight >= limit {
		return 0, 0
	}
	b.inFlight++
	b.trying = b.trying || flags&probing != 0
	return flags, 0
}

// judge learns of an outcome and says whether it opened the breaker.
func (b *breaker) judge(failed, probe bool, now time.Time, f *Failures) (opened bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	switch {
	case probe:
		b.trying, b.open, b.row = false, failed, 0
		b.until = now.Add(time.Duration(f.OpenSeconds) * time.Second)
		return failed
	case b.open:
		return false // a call from before; the probe decides
	case !failed:
		b.row = 0
		return false
	}
	if b.row == 0 || now.Sub(b.began) > time.Duration(f.IntervalSeconds)*time.Second {
		b.row, b.began = 0, now
	}
	if b.row++; b.row < f.Consecutive {
		return false
	}
	b.open, b.row = true, 0
	b.until = now.Add(time.Duration(f.OpenSeconds) * time.Second)
	return true
}

// leave counts a call out. undecided says that it was to try the service and
// came to nothing, so that the next one may.
func (b *breaker) leave(undecided bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.inFlight--
	if undecided {
		b.trying = false
	}
}
