package sharedstate

import (
	"sync"
	"time"
)

// Memory is the store of one process. It keeps nothing across restarts.
type Memory struct {
	now      func() time.Time
	mu       sync.Mutex
	counters map[string]*FixedWindow
	caches   map[string]*MemoryCache
}

// NewMemory makes an empty store. Each of its counters keeps at most
// DefaultMaxWindows, each of its caches is bounded by DefaultBounds.
func NewMemory(now func() time.Time) *Memory {
	return &Memory{now: now, counters: map[string]*FixedWindow{}, caches: map[string]*MemoryCache{}}
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
		m.caches[name] = NewMemoryCache(m.now, Bounds{}, nil)
	}
	return m.caches[name]
}
