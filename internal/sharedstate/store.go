package sharedstate

import (
	"context"
	"time"
)

// Store is a place where gateways count and keep things while they serve: the
// memory of this process, a folder of it, or a server that several share. What
// is kept under different names does not meet.
type Store interface {
	// Counter counts in fixed windows that begin with the first request of a key,
	// and in token buckets where a limit has a burst.
	Counter(name string) Counter
	// Cache keeps values for a time.
	Cache(name string) Cache
	// Remote says that other processes share it, so that a call may fail or wait.
	Remote() bool
}

// Cache keeps values for a time. What it keeps may go earlier when there is no
// room. Keys may hold anything. An error means that nothing is known; a store
// in memory never says it.
type Cache interface {
	// Get is the value of a key, and whether there is one. It must not be changed.
	Get(ctx context.Context, key string) (value []byte, ok bool, err error)
	// Set keeps a value for ttl, which is above 0.
	Set(ctx context.Context, key string, value []byte, ttl time.Duration) error
	// Add keeps a value only when the key has none, as one step, and says whether
	// it did.
	Add(ctx context.Context, key string, value []byte, ttl time.Duration) (added bool, err error)
	// Delete forgets a key.
	Delete(ctx context.Context, key string) error
	// Clear forgets all keys of this cache.
	Clear(ctx context.Context) error
}
