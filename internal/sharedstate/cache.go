package sharedstate

import (
	"bytes"
	"container/heap"
	"container/list"
	"context"
	"sync"
	"time"
)

// Bounds are how much a cache may hold. What is 0 is that of DefaultBounds.
type Bounds struct {
	// Entries is the number of values.
	Entries int
	// Bytes is the sum of the lengths of keys and values.
	Bytes int64
}

// DefaultBounds are those of a cache unless told otherwise: 100,000 values and
// 64 MiB.
func DefaultBounds() Bounds { return Bounds{Entries: 100_000, Bytes: 64 << 20} }

func (b Bounds) orDefault() Bounds {
	d := DefaultBounds()
	if b.Entries <= 0 {
		b.Entries = d.Entries
	}
	if b.Bytes <= 0 {
		b.Bytes = d.Bytes
	}
	return b
}

// MemoryCache is a bounded cache of one process. When there is no room, expired
// values give way first, then those that were set first.
type MemoryCache struct {
	clock  stopwatch
	bounds Bounds
	gone   func(key string)

	mu      sync.Mutex
	entries map[string]*cached
	order   *list.List // of *cached, the first set in front
	expiry  expiries
	size    int64
}

type cached struct {
	key   string
	value []byte
	ends  int64         // on the stopwatch
	place *list.Element // in order
	index int           // in expiry
}

func (c *cached) size() int64 { return int64(len(c.key) + len(c.value)) }

// NewMemoryCache makes an empty cache. gone, when it is not nil, is told of each
// key whose value went without Delete or Clear; it must not call the cache.
func NewMemoryCache(now func() time.Time, bounds Bounds, gone func(key string)) *MemoryCache {
	return &MemoryCache{
		clock: newStopwatch(now), bounds: bounds.orDefault(), gone: gone,
		entries: map[string]*cached{}, order: list.New(),
	}
}

// Get implements Cache; its error is always nil.
func (c *MemoryCache) Get(_ context.Context, key string) ([]byte, bool, error) {
	now := c.clock.elapsed()
	c.mu.Lock()
	defer c.mu.Unlock()
	if e := c.live(key, now); e != nil {
		return e.value, true, nil
	}
	return nil, false, nil
}

// Set implements Cache; its error is always nil. A value that is larger than all
// that the cache may hold is not kept.
func (c *MemoryCache) Set(_ context.Context, key string, value []byte, ttl time.Duration) error {
	now := c.clock.elapsed()
	c.mu.Lock()
	defer c.mu.Unlock()
	if e := c.entries[key]; e != nil {
		c.remove(e)
	}
	if !c.put(now, key, value, ttl) && c.gone != nil {
		c.gone(key)
	}
	return nil
}

// Add implements Cache; its error is always nil. A value that can't be kept is
// not added.
func (c *MemoryCache) Add(_ context.Context, key string, value []byte, ttl time.Duration) (bool, error) {
	now := c.clock.elapsed()
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.live(key, now) != nil {
		return false, nil
	}
	return c.put(now, key, value, ttl), nil
}

// Delete implements Cache; its error is always nil.
func (c *MemoryCache) Delete(_ context.Context, key string) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if e := c.entries[key]; e != nil {
		c.remove(e)
	}
	return nil
}

// Clear implements Cache; its error is always nil.
func (c *MemoryCache) Clear(context.Context) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	clear(c.entries)
	c.order.Init()
	c.expiry, c.size = nil, 0
	return nil
}

// Len is the number of values kept, expired ones included, and their bytes.
func (c *MemoryCache) Len() (entries int, bytes int64) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return len(c.entries), c.size
}

// live is the entry of a key, nil when there is none or it has expired.
func (c *MemoryCache) live(key string, now int64) *cached {
	e := c.entries[key]
	if e != nil && e.ends <= now {
		c.drop(e)
		return nil
	}
	return e
}

// put adds an entry for a key that has none.
func (c *MemoryCache) put(now int64, key string, value []byte, ttl time.Duration) bool {
	e := &cached{key: key, value: bytes.Clone(value), ends: now + int64(max(0, min(ttl, longest)))}
	if e.size() > c.bounds.Bytes {
		return false
	}
	for len(c.entries) >= c.bounds.Entries || c.size+e.size() > c.bounds.Bytes {
		victim, _ := c.order.Front().Value.(*cached)
		if first := c.expiry[0]; first.ends <= now {
			victim = first
		}
		c.drop(victim)
	}
	e.place = c.order.PushBack(e)
	heap.Push(&c.expiry, e)
	c.entries[key] = e
	c.size += e.size()
	return true
}

// drop removes an entry of its own accord.
func (c *MemoryCache) drop(e *cached) {
	c.remove(e)
	if c.gone != nil {
		c.gone(e.key)
	}
}

func (c *MemoryCache) remove(e *cached) {
	delete(c.entries, e.key)
	c.order.Remove(e.place)
	heap.Remove(&c.expiry, e.index)
	c.size -= e.size()
}

// expiries is a heap of entries: what expires first is in front.
type expiries []*cached

// Len implements heap.Interface.
func (x expiries) Len() int { return len(x) }

// Less implements heap.Interface.
func (x expiries) Less(i, j int) bool { return x[i].ends < x[j].ends }

// Swap implements heap.Interface.
func (x expiries) Swap(i, j int) {
	x[i], x[j] = x[j], x[i]
	x[i].index, x[j].index = i, j
}

// Push implements heap.Interface.
func (x *expiries) Push(e any) {
	entry, _ := e.(*cached)
	entry.index = len(*x)
	*x = append(*x, entry)
}

// Pop implements heap.Interface.
func (x *expiries) Pop() any {
	last := len(*x) - 1
	e := (*x)[last]
	(*x)[last] = nil
	*x = (*x)[:last]
	return e
}
