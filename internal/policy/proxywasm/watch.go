package proxywasm

import (
	"context"
	"time"
)

// watch is the context of all calls of one instance: it carries the instance to
// the host calls, and is done when a call takes too long. Since an instance
// whose call took too long is not used again, one watch and one timer serve for
// its life, and a call allocates neither.
type watch struct {
	in    *instance
	done  chan struct{}
	timer *time.Timer
}

func newWatch(in *instance) *watch {
	w := &watch{in: in, done: make(chan struct{})}
	w.timer = time.AfterFunc(time.Hour, func() { close(w.done) })
	w.timer.Stop()
	return w
}

// begin starts the time of a call.
func (w *watch) begin(limit time.Duration) { w.timer.Reset(limit) }

// end says whether the call ended in time.
func (w *watch) end() bool { return w.timer.Stop() }

// Deadline implements context.Context; the end of the time is told by Done.
func (w *watch) Deadline() (time.Time, bool) { return time.Time{}, false }

// Done implements context.Context.
func (w *watch) Done() <-chan struct{} { return w.done }

// Err implements context.Context.
func (w *watch) Err() error {
	select {
	case <-w.done:
		return context.DeadlineExceeded
	default:
		return nil
	}
}

// Value implements context.Context.
func (w *watch) Value(key any) any {
	if _, own := key.(instanceKey); own {
		return w.in
	}
	return nil
}
