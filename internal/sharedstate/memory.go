package sharedstate

import (
	"context"
	"sync"
	"time"
)

// Memory is the store of one process. It keeps nothing across restarts.
type Memory struct {
	now      func() time.Time
	mu       sync.Mutex
	counters map[string]*FixedWindow
	caches   map[string]*memoryCache
}

// NewMemory makes an empty store.
func NewMemory(now func() time.Time) *Memory {
	return &Memory{now: now, counters: map[string]*FixedWindow{}, caches: map[string]*memoryCache{}}
}

// Remote implements Store; it is false.
func (m *Memory) Remote() bool { return false }

// Counter implements Store.
func (m *Memory) Counter(name string) Counter {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.counters[name] == nil {
		m.counters[name] = NewFixedWindow(m.now, 0)
	}
	return m.counters[name]
}

// Cache implements Store.
func (m *Memory) Cache(name string) Cache {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.caches[name] == nil {
		m.caches[name] = &memoryCache{clock: newStopwatch(m.now), entries: map[string]cached{}}
	}
	return m.caches[name]
}

type memoryCache struct {
	clock   stopwatch
	mu      sync.Mutex
	entries map[string]cached
}

type cached struct {
	value []byte
	ends  int64
}

// Get implements Cache.
func (c *memoryCache) Get(_ context.Context, key string) ([]byte, bool, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	e, ok := c.entries[key]
	if !ok || e.ends <= c.clock.elapsed() {
		delete(c.entries, key)
		return nil, false, nil
	}
	return e.value, true, nil
}

// Set implements Cache.
func (c *memoryCache) Set(_ context.Context, key string, value []byte, ttl time.Duration) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.entries[key] = cached{value, c.clock.elapsed() + int64(ttl)}
	return nil
}

// Add implements Cache.
func (c *memoryCache) Add(_ context.Context, key string, value []byte, ttl time.Duration) (bool, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if e, ok := c.entries[key]; ok && e.ends > c.clock.elapsed() {
		return false, nil
	}
	c.entries[key] = cached{value, c.clock.elapsed() + int64(ttl)}
	return true, nil
}

// Delete implements Cache.
func (c *memoryCache) Delete(_ context.Context, key string) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	delete(c.entries, key)
	return nil
}

// Clear implements Cache.
func (c *memoryCache) Clear(context.Context) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	clear(c.entries)
	return nil
}
