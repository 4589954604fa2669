// Package behaviour learns what is normal: today the values that each operation
// takes, for detection's models. It judges nothing; whoever asks compares with
// a snapshot, which is immutable.
package behaviour

import (
	"crypto/sha256"
	"encoding/binary"
	"sync"
	"sync/atomic"
	"time"

	"farrier.dev/farrier/internal/detect/model"
)

// The defaults of Options.
const (
	// DefaultMaxOperations is the number of operations that are learned, which
	// bounds memory: an operation takes 1 KiB for each of its places, of which
	// it has at most 96.
	DefaultMaxOperations = 2000
	// DefaultEvery is how often what was learned becomes what is compared with,
	// and is written down.
	DefaultEvery = time.Minute
)

// keySize is the size of the key of hashes in bytes.
const keySize = 32

// Options are what a learner works with. Now and Key are required.
type Options struct {
	Now func() time.Time
	// Key makes the hashes of sources unpredictable: nobody may choose to be in
	// the sample that teaches. What is loaded brings its own.
	Key [keySize]byte
	// MaxOperations is DefaultMaxOperations when 0, Every DefaultEvery.
	MaxOperations int
	Every         time.Duration
}

// Learner learns from requests while they are served. Its methods are safe for
// concurrent use and wait for nobody.
type Learner struct {
	opts     Options
	snapshot atomic.Pointer[model.Snapshot]
	// dropped counts lessons that found their operation busy or the learner full.
	dropped atomic.Uint64

	mu         sync.RWMutex
	key        [keySize]byte
	operations map[model.Key]*lesson
}

// lesson is one operation with its lock.
type lesson struct {
	mu        sync.Mutex
	operation *model.Operation
	// changed says that it was taught since it was last written.
	changed bool
}

// New makes a learner that knows nothing yet.
func New(o Options) *Learner {
	if o.MaxOperations == 0 {
		o.MaxOperations = DefaultMaxOperations
	}
	if o.Every == 0 {
		o.Every = DefaultEvery
	}
	return &Learner{opts: o, key: o.Key, operations: map[model.Key]*lesson{}}
}

// Snapshot is what was normal at the last refresh; nil before the first.
func (l *Learner) Snapshot() *model.Snapshot { return l.snapshot.Load() }

// Learn takes the facts of one request that is no attack; it asks for them only
// when the client is in the sample that teaches. A client counts anew each
// hour, so that a few clients that stay can teach too.
func (l *Learner) Learn(key model.Key, client string, facts func() []model.Fact) {
	lesson := l.lesson(key)
	if lesson == nil || !lesson.mu.TryLock() {
		l.dropped.Add(1)
		return
	}
	defer lesson.mu.Unlock()
	if source := l.source(client); lesson.operation.Samples(source) {
		lesson.operation.Learn(source, facts())
		lesson.changed = true
	}
}

func (l *Learner) lesson(key model.Key) *lesson {
	l.mu.RLock()
	found, full := l.operations[key], len(l.operations) >= l.opts.MaxOperations
	l.mu.RUnlock()
	if found != nil || full {
		return found
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.operations[key] == nil && len(l.operations) < l.opts.MaxOperations {
		l.operations[key] = &lesson{operation: model.NewOperation()}
	}
	return l.operations[key]
}

// source is the hash of a client in this hour.
func (l *Learner) source(client string) uint64 {
	l.mu.RLock()
	text := append(make([]byte, 0, 128), l.key[:]...)
	l.mu.RUnlock()
	text = binary.LittleEndian.AppendUint64(text, uint64(l.opts.Now().Unix()/3600)) //nolint:gosec // only to be hashed
	sum := sha256.Sum256(append(text, client...))
	return binary.LittleEndian.Uint64(sum[:])
}

// Refresh makes a new snapshot of what was learned.
func (l *Learner) Refresh() error {
	learned := map[model.Key]*model.Operation{}
	l.mu.RLock()
	lessons := make(map[model.Key]*lesson, len(l.operations))
	for key, lesson := range l.operations {
		lessons[key] = lesson
	}
	l.mu.RUnlock()
	for key, lesson := range lessons {
		lesson.mu.Lock()
		learned[key] = lesson.operation.Clone()
		lesson.mu.Unlock()
	}
	s, err := model.NewSnapshot(learned)
	if err != nil {
		return err
	}
	l.snapshot.Store(s)
	return nil
}

// Stats tell how much was learned.
type Stats struct {
	// Operations and Places are those known, Dropped the lessons that were lost
	// because a learner never waits.
	Operations, Places int
	Dropped            uint64
}

// Stats counts.
func (l *Learner) Stats() Stats {
	s := Stats{Dropped: l.dropped.Load()}
	l.mu.RLock()
	defer l.mu.RUnlock()
	s.Operations = len(l.operations)
	for _, lesson := range l.operations {
		lesson.mu.Lock()
		s.Places += len(lesson.operation.Places)
		lesson.mu.Unlock()
	}
	return s
}
