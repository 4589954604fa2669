package detect

import (
	"context"
	"errors"
	"runtime"
	"sync/atomic"
	"time"

	"farrier.dev/farrier/internal/traffic"
)

// ErrBusy says that as many requests are being judged as may be, and that none
// was finished in time. Callers that block answer 503.
var ErrBusy = errors.New("all judges are busy")

// Gate bounds the judgements that run at one time, for they cost processor time
// and nothing else. One gate serves a process.
type Gate struct {
	places  chan struct{}
	patient time.Duration
	waiting atomic.Int64
}

// queue is how many requests may wait for each place. A longer queue answers
// nobody sooner and slows down those in front.
const queue = 16

// NewGate lets n judgements run at one time and sixteen times as many wait for
// at most patient; n below 1 is twice the number of processors.
func NewGate(n int, patient time.Duration) *Gate {
	if n < 1 {
		n = 2 * runtime.GOMAXPROCS(0)
	}
	return &Gate{places: make(chan struct{}, n), patient: patient}
}

// Judge lets the engine judge as soon as there is a place. When there is none
// in time the verdict blocks with ErrBusy, and when the context ends, with the
// context's error.
func (g *Gate) Judge(ctx context.Context, e *Engine, x *traffic.Exchange, l Lessons) Verdict {
	return g.Run(ctx, e, func() Verdict { return e.Judge(ctx, x, l) })
}

// Run is Judge for any judgement of the engine.
func (g *Gate) Run(ctx context.Context, e *Engine, judge func() Verdict) Verdict {
	if err := g.enter(ctx); err != nil {
		return e.failed(err)
	}
	defer func() { <-g.places }()
	return judge()
}

func (g *Gate) enter(ctx context.Context) error {
	select {
	case g.places <- struct{}{}:
		return nil
	default:
	}
	defer g.waiting.Add(-1)
	if g.waiting.Add(1) > int64(queue*cap(g.places)) {
		return ErrBusy
	}
	timer := time.NewTimer(g.patient)
	defer timer.Stop()
	select {
	case g.places <- struct{}{}:
		return nil
	case <-timer.C:
		return ErrBusy
	case <-ctx.Done():
		return ctx.Err()
	}
}
