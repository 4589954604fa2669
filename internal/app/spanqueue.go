package app

import (
	"context"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	sdktrace "go.opentelemetry.io/otel/sdk/trace"
)

// What the queue of a collector holds: spans, spans of one delivery, and how
// long a span waits for others at most.
const (
	maxQueued   = 4096
	maxDelivery = 512
	deliverEach = time.Second
)

// spanCounts are what became of spans.
type spanCounts struct{ delivered, dropped, lost atomic.Int64 }

// spanQueue brings ended spans to a collector in batches. It never blocks who
// ends a span: what finds no room is dropped and counted, which the batching
// processor of the SDK does not tell.
type spanQueue struct {
	exporter sdktrace.SpanExporter
	timeout  time.Duration
	counts   *spanCounts
	log      *slog.Logger

	spans    chan sdktrace.ReadOnlySpan
	stopping chan struct{}
	stop     func()
	stopped  chan struct{}
	started  bool
	// complained is when the log was last told of a failure.
	complained time.Time
}

func newSpanQueue(exporter sdktrace.SpanExporter, timeout time.Duration, counts *spanCounts, log *slog.Logger) *spanQueue {
	q := &spanQueue{
		exporter: exporter, timeout: timeout, counts: counts, log: log,
		spans: make(chan sdktrace.ReadOnlySpan, maxQueued), stopping: make(chan struct{}), stopped: make(chan struct{}),
	}
	q.stop = sync.OnceFunc(func() { close(q.stopping) })
	go q.run()
	return q
}

// OnStart implements sdktrace.SpanProcessor.
func (q *spanQueue) OnStart(context.Context, sdktrace.ReadWriteSpan) {}

// OnEnd implements sdktrace.SpanProcessor.
func (q *spanQueue) OnEnd(span sdktrace.ReadOnlySpan) {
	select {
	case q.spans <- span:
	default:
		q.counts.dropped.Add(1)
	}
}

// ForceFlush implements sdktrace.SpanProcessor; it has nothing to do, since
// every span is delivered within a second.
func (q *spanQueue) ForceFlush(context.Context) error { return nil }

// Shutdown delivers what is queued and closes the connection.
func (q *spanQueue) Shutdown(ctx context.Context) error {
	q.stop()
	select {
	case <-q.stopped:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (q *spanQueue) run() {
	defer close(q.stopped)
	tick := time.NewTicker(deliverEach)
	defer tick.Stop()
	batch := make([]sdktrace.ReadOnlySpan, 0, maxDelivery)
	for {
		select {
		case span := <-q.spans:
			if batch = append(batch, span); len(batch) < maxDelivery {
				continue
			}
		case <-tick.C:
		case <-q.stopping:
			q.finish(batch)
			return
		}
		batch = q.deliver(batch)
	}
}

// finish delivers the rest.
func (q *spanQueue) finish(batch []sdktrace.ReadOnlySpan) {
	for len(q.spans) > 0 {
		if batch = append(batch, <-q.spans); len(batch) == maxDelivery {
			batch = q.deliver(batch)
		}
	}
	q.deliver(batch)
	ctx, cancel := context.WithTimeout(context.Background(), q.timeout)
	defer cancel()
	if q.started {
		_ = q.exporter.Shutdown(ctx) // everything has been delivered or is lost
	}
}

// deliver sends a batch and returns an empty one.
func (q *spanQueue) deliver(batch []sdktrace.ReadOnlySpan) []sdktrace.ReadOnlySpan {
	if len(batch) == 0 {
		return batch
	}
	ctx, cancel := context.WithTimeout(context.Background(), q.timeout)
	defer cancel()
	err := q.start(ctx)
	if err == nil {
		err = q.exporter.ExportSpans(ctx, batch)
	}
	n := int64(len(batch))
	if err == nil {
		q.counts.delivered.Add(n)
	} else {
		q.counts.lost.Add(n)
		// What a collector says of it may be anything, and is not repeated.
		if now := time.Now(); now.Sub(q.complained) > time.Minute {
			q.complained = now
			q.log.Warn("spans could not be delivered", "spans", n)
		}
	}
	clear(batch)
	return batch[:0]
}

// start opens the exporter before its first delivery.
func (q *spanQueue) start(ctx context.Context) error {
	starter, ok := q.exporter.(interface{ Start(context.Context) error })
	if !ok || q.started {
		q.started = true
		return nil
	}
	if err := starter.Start(ctx); err != nil {
		return err
	}
	q.started = true
	return nil
}
