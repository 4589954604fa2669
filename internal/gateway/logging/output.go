package logging

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"
)

// The limits of one output.
const (
	// maxQueued are the lines that wait for an output; the oldest go first.
	maxQueued = 8192
	// maxBatch are the lines, maxBatchBytes the bytes, that are written at once.
	maxBatch      = 512
	maxBatchBytes = 256 << 10
	// tend is how often an output looks after itself: files look whether they
	// were rotated.
	tend = 2 * time.Second
	// complainEvery is how often the process's log hears that an output fails.
	complainEvery = time.Minute
)

// sink is where formatted lines go. One goroutine uses it.
type sink interface {
	// write writes whole lines, as a batch of the sink's own form. It gives up
	// when ctx is done.
	write(ctx context.Context, lines [][]byte) error
	// tend is called every few seconds.
	tend() error
	close()
}

// output is one destination with its queue.
type output struct {
	settings *settings
	sink     sink
	now      func() time.Time
	log      *slog.Logger
	queue    queue

	ctx    context.Context //nolint:containedctx // ends the writes under way when waiting for them was given up
	cancel context.CancelFunc

	written, lost atomic.Uint64
	// complained and unseen are the writing goroutine's.
	complained time.Time
	unseen     uint64
	text       []byte
}

func open(s *settings, o *Options) (*output, error) {
	out := &output{settings: s, now: o.Now, log: o.Log.With("output", s.name), queue: queue{wake: make(chan struct{}, 1)}}
	switch s.kind {
	case kindFile:
		f, err := openFile(s)
		if err != nil {
			return nil, err
		}
		out.sink = f
	case kindHTTP:
		out.sink = &collector{settings: s, client: o.HTTP}
	default:
		out.sink = stdout{o.Stdout}
	}
	out.ctx, out.cancel = context.WithCancel(context.Background())
	return out, nil
}

// put queues a line without ever waiting.
func (out *output) put(l *line) { out.queue.put(l) }

func (out *output) stop() { out.queue.close() }

// run writes until the output is stopped and its queue is empty.
func (out *output) run() {
	defer out.cancel()
	defer out.sink.close()
	ticker := time.NewTicker(tend)
	defer ticker.Stop()
	var batch []line
	for {
		var over bool
		batch, over = out.queue.take(batch[:0])
		if len(batch) > 0 {
			out.write(batch)
			clear(batch)
			continue
		}
		if over {
			return
		}
		select {
		case <-out.queue.wake:
		case <-ticker.C:
			if err := out.sink.tend(); err != nil {
				out.complain(err)
			}
		}
	}
}

// write formats and writes a batch in as many parts as its size asks for.
func (out *output) write(batch []line) {
	lines := make([][]byte, 0, len(batch))
	out.text = out.text[:0]
	flush := func() {
		if len(lines) == 0 {
			return
		}
		if err := out.sink.write(out.ctx, lines); err != nil {
			out.lost.Add(uint64(len(lines)))
			out.complain(err)
		} else {
			out.written.Add(uint64(len(lines)))
		}
		lines, out.text = lines[:0], out.text[:0]
	}
	for i := range batch {
		from := len(out.text)
		out.text = out.settings.format.append(out.text, &batch[i])
		lines = append(lines, out.text[from:])
		if len(out.text) > maxBatchBytes {
			flush()
		}
	}
	flush()
	if dropped := out.queue.dropped.Load(); dropped > out.unseen {
		out.complain(fmt.Errorf("the output is slower than its lines come: %d dropped since it was opened", dropped))
	}
}

func (out *output) complain(err error) {
	now := out.now()
	if !out.complained.IsZero() && now.Sub(out.complained) < complainEvery {
		return
	}
	out.complained, out.unseen = now, out.queue.dropped.Load()
	out.log.Error("a log output fails", "error", err, "lost", out.lost.Load(), "dropped", out.unseen)
}

// queue holds the newest lines in a ring that grows with what waits in it.
type queue struct {
	mu      sync.Mutex
	ring    []line
	first   int
	n       int
	closed  bool
	wake    chan struct{}
	dropped atomic.Uint64
}

func (q *queue) put(l *line) {
	q.mu.Lock()
	switch {
	case q.closed:
		q.mu.Unlock()
		q.dropped.Add(1)
		return
	case q.n == maxQueued:
		q.first = (q.first + 1) % len(q.ring)
		q.n--
		q.dropped.Add(1)
	case q.n == len(q.ring):
		q.grow()
	}
	q.ring[(q.first+q.n)%len(q.ring)] = *l
	q.n++
	q.mu.Unlock()
	q.signal()
}

func (q *queue) grow() {
	next := make([]line, min(max(2*len(q.ring), 64), maxQueued))
	copied := copy(next, q.ring[q.first:])
	copy(next[copied:], q.ring[:q.first])
	q.ring, q.first = next, 0
}

// signal wakes the writer.
func (q *queue) signal() {
	select {
	case q.wake <- struct{}{}:
	default:
	}
}

// take moves the oldest lines into batch, and says whether nothing will follow.
func (q *queue) take(batch []line) ([]line, bool) {
	q.mu.Lock()
	defer q.mu.Unlock()
	for q.n > 0 && len(batch) < maxBatch {
		batch = append(batch, q.ring[q.first])
		q.ring[q.first] = line{}
		q.first = (q.first + 1) % len(q.ring)
		q.n--
	}
	if q.n == 0 && len(q.ring) > 1024 {
		q.ring, q.first = nil, 0 // the memory of a burst is given back
	}
	return batch, q.closed && q.n == 0 && len(batch) == 0
}

func (q *queue) close() {
	q.mu.Lock()
	q.closed = true
	q.mu.Unlock()
	q.signal()
}

// stdout writes to the process's standard output.
type stdout struct{ w io.Writer }

func (s stdout) write(_ context.Context, lines [][]byte) error { return writeLines(s.w, lines) }

func (stdout) tend() error { return nil }

func (stdout) close() {}

// writeLines writes lines that each end in a line feed with one call.
func writeLines(w io.Writer, lines [][]byte) error {
	var text []byte
	for _, l := range lines {
		text = append(append(text, l...), '\n')
	}
	if _, err := w.Write(text); err != nil {
		return fmt.Errorf("writing: %w", err)
	}
	return nil
}
