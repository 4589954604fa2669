package adapter

import (
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"

	"farrier.dev/farrier/internal/discovery"
	"farrier.dev/farrier/internal/encoding/content"
)

// Learner is who learns from what adapters bring. It keeps no part of the memory
// of an observation.
type Learner interface {
	Observe(o *discovery.Observation)
}

// InboxOptions are what an inbox is made of; Learner and Log are required.
type InboxOptions struct {
	Learner Learner
	Log     *slog.Logger
	// Slots is how many observations can wait. Default 4096.
	Slots int
	// Bytes bounds what those that wait hold together. Default 64 MiB.
	Bytes int64
	// Workers is how many goroutines learn. Default 1.
	Workers int
}

// Inbox is where observations wait for the learner. Nobody waits for room in it.
type Inbox struct {
	o       InboxOptions
	queue   chan waiting
	workers sync.WaitGroup
	held    atomic.Int64

	mu     sync.RWMutex
	closed bool

	taken, dropped, unread, panicked atomic.Uint64
}

type waiting struct {
	o     *discovery.Observation
	coded bool
	cost  int64
}

// NewInbox makes an inbox and starts its workers; Close ends them.
func NewInbox(o InboxOptions) *Inbox {
	if o.Slots <= 0 {
		o.Slots = 4096
	}
	if o.Bytes <= 0 {
		o.Bytes = 64 << 20
	}
	if o.Workers <= 0 {
		o.Workers = 1
	}
	b := &Inbox{o: o, queue: make(chan waiting, o.Slots)}
	for range o.Workers {
		b.workers.Go(func() {
			for w := range b.queue {
				b.learn(w)
			}
		})
	}
	return b
}

// Put hands over an observation and says whether there was room. With coded its
// bodies are opened as their headers say before they are learned from.
func (b *Inbox) Put(o *discovery.Observation, coded bool) bool {
	w := waiting{o, coded, cost(o)}
	b.mu.RLock()
	defer b.mu.RUnlock()
	if !b.closed && b.held.Add(w.cost) <= b.o.Bytes {
		select {
		case b.queue <- w:
			b.taken.Add(1)
			return true
		default:
		}
	}
	if !b.closed {
		b.held.Add(-w.cost)
	}
	b.dropped.Add(1)
	return false
}

// cost is about what an observation holds, in bytes.
func cost(o *discovery.Observation) int64 {
	n := 512 + len(o.Path) + len(o.Query) + len(o.Host) + len(o.Request.Body) + len(o.Response.Body)
	for _, m := range [...]*discovery.Message{&o.Request, &o.Response} {
		if m.Header == nil {
			continue
		}
		for f := range m.Header.All() {
			n += 32 + len(f.Name) + len(f.Value)
		}
	}
	return int64(n)
}

// Close refuses what comes from now on, and returns when all that waited has been
// learned.
func (b *Inbox) Close() {
	b.mu.Lock()
	if !b.closed {
		b.closed = true
		close(b.queue)
	}
	b.mu.Unlock()
	b.workers.Wait()
}

func (b *Inbox) learn(w waiting) {
	defer b.held.Add(-w.cost)
	defer func() {
		if value := recover(); value != nil {
			// The value may hold anything; its type tells enough to begin with.
			b.panicked.Add(1)
			b.o.Log.Error("the learner panicked", "type", fmt.Sprintf("%T", value))
		}
	}()
	if w.coded {
		b.open(&w.o.Request)
		b.open(&w.o.Response)
	}
	b.o.Learner.Observe(w.o)
}

// open undoes the content coding of a message.
func (b *Inbox) open(m *discovery.Message) {
	if m.Header == nil || len(m.Body) == 0 {
		return
	}
	plain, more, err := content.DecodePrefix(m.Header.Joined("content-encoding"), m.Body, discovery.MaxBody, content.DefaultRatio)
	if err != nil {
		b.unread.Add(1)
		m.Body, m.Unseen = nil, true
		return
	}
	m.Body, m.Partial = plain, m.Partial || more
}

// InboxStats tell what came in.
type InboxStats struct {
	// Taken were learned from or wait, Dropped found no room, Unread had a body whose
	// coding could not be opened, and at Panicked the learner panicked.
	Taken, Dropped, Unread, Panicked uint64
	// Waiting are the observations that wait.
	Waiting int
}

// Stats returns the counters.
func (b *Inbox) Stats() InboxStats {
	return InboxStats{b.taken.Load(), b.dropped.Load(), b.unread.Load(), b.panicked.Load(), len(b.queue)}
}
