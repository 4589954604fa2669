package gateway

import (
	"context"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"time"
)

// loadGuard decides which requests to shed when the process has more work than
// time. It watches how late a sleeping goroutine wakes up: that is how long any
// runnable goroutine waits for a processor, whatever the services behind the
// gateway are doing. Above the target the share of requests that is shed grows,
// below it shrinks.
type loadGuard struct {
	inFlight atomic.Int64
	// share is the part of requests to shed, in parts of 1<<16.
	share atomic.Int64
	stop  func()
}

const (
	lagEvery   = 5 * time.Millisecond
	wholeShare = 1 << 16
	// The share grows by at most a twentieth and shrinks by a fiftieth a step,
	// so that it follows a load within half a second and does not swing.
	growShare   = wholeShare / 20
	shrinkShare = wholeShare / 50
	// Some requests are always let through: they show when the load is gone.
	mostShare = wholeShare * 95 / 100
)

func newLoadGuard(target time.Duration, now func() time.Time) *loadGuard {
	g := &loadGuard{}
	done := make(chan struct{})
	g.stop = sync.OnceFunc(func() { close(done) })
	go g.watch(target, now, done)
	return g
}

func (g *loadGuard) watch(target time.Duration, now func() time.Time, done chan struct{}) {
	timer := time.NewTimer(lagEvery)
	defer timer.Stop()
	smooth := time.Duration(0)
	for {
		began := now()
		select {
		case <-done:
			return
		case <-timer.C:
		}
		lag := now().Sub(began) - lagEvery
		smooth += (lag - smooth) / 8
		g.adjust(smooth, target)
		timer.Reset(lagEvery)
	}
}

func (g *loadGuard) adjust(lag, target time.Duration) {
	share := g.share.Load()
	if lag > target {
		share += min(growShare, growShare*int64(lag-target)/int64(target))
	} else {
		share -= shrinkShare
	}
	g.share.Store(max(0, min(share, mostShare)))
}

// sheds says whether this request is one of the share.
func (g *loadGuard) sheds() bool {
	share := g.share.Load()
	return share > 0 && rand.Int64N(wholeShare) < share //nolint:gosec // spreads load, guards nothing
}

// settle waits until no exchange is under way or ctx is done.
func (g *loadGuard) settle(ctx context.Context) {
	tick := time.NewTicker(lagEvery)
	defer tick.Stop()
	for g.inFlight.Load() > 0 {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
	}
}

// judges runs the judgements of watch mode after the responses, a bounded
// number at a time with a bounded queue.
type judges struct {
	queue   chan func()
	refused atomic.Uint64
	workers sync.WaitGroup
	mu      sync.RWMutex
	closed  bool
}

const judgeWorkers = 2

func newJudges(room int, panicked func(value any)) *judges {
	j := &judges{queue: make(chan func(), room)}
	for range judgeWorkers {
		j.workers.Go(func() {
			for work := range j.queue {
				survive(work, panicked)
			}
		})
	}
	return j
}

// survive does a piece of work on a goroutine that no server guards: without it
// a panic would end the process.
func survive(work func(), panicked func(value any)) {
	defer func() {
		if value := recover(); value != nil {
			panicked(value)
		}
	}()
	work()
}

// submit says whether there was room.
func (j *judges) submit(work func()) bool {
	j.mu.RLock()
	defer j.mu.RUnlock()
	if !j.closed {
		select {
		case j.queue <- work:
			return true
		default:
		}
	}
	j.refused.Add(1)
	return false
}

// stop waits for what is queued until ctx is done.
func (j *judges) stop(ctx context.Context) {
	j.mu.Lock()
	if !j.closed {
		j.closed = true
		close(j.queue)
	}
	j.mu.Unlock()
	done := make(chan struct{})
	go func() { j.workers.Wait(); close(done) }()
	select {
	case <-done:
	case <-ctx.Done():
	}
}
