package traffic

import (
	"sync"
	"sync/atomic"
)

// Feed carries sealed records to those who may lose some: live pages and
// learners. Publishing never blocks; what a subscriber has no room for is
// dropped and counted.
type Feed struct {
	mu          sync.RWMutex
	subscribers map[chan *Record]struct{}
	listening   atomic.Int32
	dropped     atomic.Uint64
}

// NewFeed makes a feed without subscribers.
func NewFeed() *Feed { return &Feed{subscribers: make(map[chan *Record]struct{})} }

// Wanted says whether anyone listens, so that a record nobody reads need not
// be made.
func (f *Feed) Wanted() bool { return f.listening.Load() > 0 }

// Publish hands the record to every subscriber that has room for it.
func (f *Feed) Publish(r *Record) {
	f.mu.RLock()
	defer f.mu.RUnlock()
	for c := range f.subscribers {
		select {
		case c <- r:
		default:
			f.dropped.Add(1)
		}
	}
}

// Subscribe gives a channel of records with room for that many, and the call
// that ends the subscription and closes the channel.
func (f *Feed) Subscribe(room int) (records <-chan *Record, cancel func()) {
	c := make(chan *Record, room)
	f.mu.Lock()
	f.subscribers[c] = struct{}{}
	f.mu.Unlock()
	f.listening.Add(1)
	return c, sync.OnceFunc(func() {
		f.mu.Lock()
		delete(f.subscribers, c)
		f.mu.Unlock()
		f.listening.Add(-1)
		close(c)
	})
}

// Dropped counts the records that a subscriber had no room for.
func (f *Feed) Dropped() uint64 { return f.dropped.Load() }
