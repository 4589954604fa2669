package redis

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync/atomic"
	"time"

	"github.com/valkey-io/valkey-go"
)

const (
	// mostBusy is how many calls may be under way. The queue of the connection has
	// twice as many places, so that no call ever waits for one.
	mostBusy = 2048
	// soon and later are the shortest and the longest time between two probes.
	soon, later = 50 * time.Millisecond, time.Second
	// steady is how long a server must have answered to be probed at once when it
	// fails; one that comes and goes is probed less and less often.
	steady = time.Second
)

// errBusy fails a call that would have to wait for a place in the queue.
var errBusy = errors.New("too many calls of the shared store are under way")

// held is a client, boxed so that it can be swapped in as one.
type held struct{ valkey.Client }

// link is one connection to the server and the breaker before it. While it is
// down no call is tried; a goroutine probes the server and closes the breaker
// when it answers within the budget of a call. No exchange is ever the probe.
type link struct {
	option valkey.ClientOption
	budget time.Duration // of one call
	now    func() time.Time
	log    *slog.Logger

	client atomic.Pointer[held] // nil until the first connection
	down   atomic.Bool
	busy   atomic.Int64
	failed chan error    // wakes the goroutine
	first  chan struct{} // closed after the first attempt to connect
	done   chan struct{} // closed when the goroutine has ended

	cancel context.CancelFunc
}

func newLink(option valkey.ClientOption, budget time.Duration, now func() time.Time, log *slog.Logger) *link {
	ctx, cancel := context.WithCancel(context.Background())
	l := &link{
		option: option, budget: budget, now: now, log: log, cancel: cancel,
		failed: make(chan error, 1), first: make(chan struct{}), done: make(chan struct{}),
	}
	l.down.Store(true)
	go l.watch(ctx)
	return l
}

// do makes one call, within the budget.
func (l *link) do(ctx context.Context, call func(context.Context, valkey.Client) valkey.ValkeyResult) (valkey.ValkeyResult, error) {
	if l.down.Load() {
		return valkey.ValkeyResult{}, ErrDown
	}
	defer l.busy.Add(-1)
	if l.busy.Add(1) > mostBusy {
		return valkey.ValkeyResult{}, errBusy
	}
	bounded, cancel := context.WithTimeout(ctx, l.budget)
	defer cancel()
	result := call(bounded, l.client.Load())
	if err := result.NonValkeyError(); err != nil {
		if ctx.Err() == nil { // else the client went away, which is not the server's fault
			l.fail(err)
		}
		return result, fmt.Errorf("calling the shared store: %w", err)
	}
	if err := result.Error(); err != nil && !valkey.IsValkeyNil(err) {
		return result, fmt.Errorf("the shared store refuses: %w", err)
	}
	return result, nil
}

// fail opens the breaker.
func (l *link) fail(err error) {
	if l.down.Swap(true) {
		return
	}
	select {
	case l.failed <- err:
	default:
	}
}

// watch connects, and probes whenever the breaker is open, until ctx ends.
func (l *link) watch(ctx context.Context) {
	defer close(l.done)
	defer l.close()
	var delay time.Duration
	err := l.probe(ctx)
	close(l.first)
	if err != nil {
		l.log.Warn("the shared store can't be reached", "error", err)
	}
	for since := l.now(); ; since = l.now() {
		if err != nil {
			delay = l.revive(ctx, delay)
		}
		select {
		case <-ctx.Done():
			return
		default:
			l.down.Store(false)
			l.log.Info("the shared store answers")
		}
		select {
		case <-ctx.Done():
			return
		case err = <-l.failed:
			l.log.Warn("the shared store does not answer", "error", err)
		}
		if l.now().Sub(since) > steady {
			delay = 0
		}
	}
}

// revive probes until the server answers or ctx ends, and returns how long it
// waited between the last probes.
func (l *link) revive(ctx context.Context, delay time.Duration) time.Duration {
	for {
		select {
		case <-ctx.Done():
			return delay
		case <-time.After(delay):
		}
		if l.probe(ctx) == nil {
			return max(delay, soon)
		}
		delay = min(max(2*delay, soon), later)
	}
}

// probe connects if need be, and asks twice: the first answer may take its time,
// for the connection may be new, the second must keep the budget of a call.
func (l *link) probe(ctx context.Context) error {
	client := l.client.Load()
	if client == nil {
		made, err := valkey.NewClient(l.option)
		if err != nil {
			if made != nil {
				made.Close()
			}
			return fmt.Errorf("connecting: %w", err)
		}
		client = &held{made}
		l.client.Store(client)
	}
	for _, limit := range []time.Duration{patience, l.budget} {
		bounded, cancel := context.WithTimeout(ctx, limit)
		err := client.Do(bounded, client.B().Ping().Build()).Error()
		cancel()
		if err != nil {
			return fmt.Errorf("probing: %w", err)
		}
	}
	return nil
}

func (l *link) close() {
	l.down.Store(true)
	if client := l.client.Load(); client != nil {
		client.Close()
	}
}
