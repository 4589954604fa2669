// Package disk is a store of shared state for one process whose caches outlive
// it: what is kept stands in memory and, one file a value, in a folder. Counters
// live in memory alone. Files that are not whole are ignored and removed. It is
// no database: a crash may cost what was set last.
package disk

import (
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"sync"
	"time"

	"farrier.dev/farrier/internal/sharedstate"
)

// Options say where and how much the store keeps.
type Options struct {
	// Dir is the folder, which is made when it is missing. No other process may
	// use it.
	Dir string
	// Bounds are those of each cache; what is 0 is as in sharedstate.
	Bounds sharedstate.Bounds
	Now    func() time.Time
	Log    *slog.Logger
}

// Store is a sharedstate.Store.
type Store struct {
	*sharedstate.Memory // counters

	o      Options
	mu     sync.Mutex
	caches map[string]*cache
}

// Open makes the folder. What it holds is read when a cache is asked for.
func Open(o Options) (*Store, error) {
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	if err := os.MkdirAll(o.Dir, 0o700); err != nil {
		return nil, fmt.Errorf("making the folder of the caches: %w", err)
	}
	return &Store{Memory: sharedstate.NewMemory(o.Now), o: o, caches: map[string]*cache{}}, nil
}

// Cache implements sharedstate.Store. The first time it reads what an earlier
// process kept under the name.
func (s *Store) Cache(name string) sharedstate.Cache {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.caches[name] == nil {
		s.caches[name] = openCache(s.o, filepath.Join(s.o.Dir, fileName(name)))
	}
	return s.caches[name]
}
