// Package capture keeps requests for dry runs of detection: refusals, and a
// sample of the others, encrypted, bounded in bytes and days, with credentials
// replaced by placeholders before anything is written. It is opt-in, loses what
// it has no time or room for, and counts that. It judges nothing.
package capture

import (
	crand "crypto/rand"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"time"

	"farrier.dev/farrier/internal/traffic"
)

// Folder is the name of the folder in the data folder.
const Folder = "capture"

// The defaults of Options.
const (
	DefaultMegabytes        = 256
	DefaultDays             = 7
	DefaultPerOperationHour = 20
)

// The bounds of what waits to be written.
const (
	queueLength = 256
	queueBytes  = 16 << 20
)

// flushEvery is how often counts are written.
const flushEvery = 5 * time.Second

// Options say where and how much is kept.
type Options struct {
	// Dir is the folder; it is made.
	Dir string
	// Sealer encrypts every record.
	Sealer Sealer
	Now    func() time.Time
	Log    *slog.Logger
	// Megabytes bound all files together, Days the age of what is in them, and
	// PerOperationHour the requests that were not refused, of each operation in
	// each hour. 0 means the default.
	Megabytes, Days, PerOperationHour int
	// Random is where the sample comes from; nil is a generator of its own.
	Random *rand.Rand
}

// Stats is what became of the exchanges.
type Stats struct {
	// Kept were handed on to be written; Written are on disk.
	Kept, Written int64
	// Dropped are those for which there was no time or room.
	Dropped int64
}

// Store keeps requests. It is safe for concurrent use.
type Store struct {
	now    func() time.Time
	log    *slog.Logger
	seal   func(purpose string, plain []byte) (string, error)
	dir    string
	run    string
	maxAge time.Duration

	mu      sync.Mutex
	choose  reservoir
	stopped bool

	queue   chan *Request
	waiting atomic.Int64 // bytes in the queue
	done    chan struct{}
	over    chan struct{}

	refused, sample *family
	counts          *counts

	kept, written, dropped atomic.Int64
	// failing is what the log was told last.
	failing string
}

// Open begins to keep requests. What lies there of earlier processes counts
// against the bounds.
func Open(o Options) (*Store, error) {
	if o.Megabytes < 0 || o.Days < 0 || o.PerOperationHour < 0 {
		return nil, errors.New("the bounds of captured requests must not be negative")
	}
	if err := os.MkdirAll(o.Dir, 0o700); err != nil {
		return nil, fmt.Errorf("making the folder of captured requests: %w", err)
	}
	total := int64(orDefault(o.Megabytes, DefaultMegabytes)) << 20
	if o.Random == nil {
		var seed [32]byte
		crand.Read(seed[:])                        //nolint:errcheck,gosec // crypto/rand.Read never fails: it ends the program instead
		o.Random = rand.New(rand.NewChaCha8(seed)) //nolint:gosec // a sample need not be unguessable, and this one is
	}
	s := &Store{
		now: o.Now, log: o.Log, seal: o.Sealer.Seal, dir: o.Dir, run: crand.Text()[:8],
		maxAge: time.Duration(orDefault(o.Days, DefaultDays)) * 24 * time.Hour,
		choose: reservoir{perHour: int64(orDefault(o.PerOperationHour, DefaultPerOperationHour)), random: o.Random},
		queue:  make(chan *Request, queueLength), done: make(chan struct{}), over: make(chan struct{}),
	}
	var err error
	// A sixteenth is for counts, and half of the rest for refusals: a flood of
	// them does not wash the sample away.
	half := (total - total/16) / 2
	if s.refused, err = openFamily(o.Dir, refusedSuffix, half); err != nil {
		return nil, err
	}
	if s.sample, err = openFamily(o.Dir, sampleSuffix, half); err != nil {
		return nil, err
	}
	s.counts = &counts{dir: o.Dir, run: s.run, quota: total / 16}
	s.tidy()
	go s.work()
	return s, nil
}

func orDefault(n, otherwise int) int {
	if n == 0 {
		return otherwise
	}
	return n
}

// Capture implements policy.Capturer: it decides, copies what it keeps, and
// waits for nobody.
func (s *Store) Capture(x *traffic.Exchange, refused bool) {
	operation, size := x.Operation(), 0
	if x.Request.Body.Loaded() {
		size = min(len(x.Request.Body.Bytes()), MaxBody)
	}
	s.mu.Lock()
	if s.stopped {
		s.mu.Unlock()
		return
	}
	t, kept := s.choose.admit(x.API, operation, size, refused, s.now())
	s.mu.Unlock()
	if !kept {
		if refused {
			s.dropped.Add(1)
		}
		return
	}
	if len(s.queue) == cap(s.queue) || s.waiting.Load() > queueBytes {
		s.drop(t)
		return
	}
	q := copyOf(x, refused)
	q.Run, q.Hour, q.Slot, q.Seen = s.run, t.hour, t.slot, t.seen
	s.waiting.Add(q.size())
	select {
	case s.queue <- q:
		s.kept.Add(1)
	default:
		s.waiting.Add(-q.size())
		s.drop(t)
	}
}

func (s *Store) drop(t ticket) {
	s.dropped.Add(1)
	s.mu.Lock()
	defer s.mu.Unlock()
	t.tally.dropped++
	t.tally.changed = true
}

// Stats tells what became of the exchanges since Open.
func (s *Store) Stats() Stats {
	return Stats{Kept: s.kept.Load(), Written: s.written.Load(), Dropped: s.dropped.Load()}
}

// Close writes what waits, and ends.
func (s *Store) Close() error {
	s.mu.Lock()
	if s.stopped {
		s.mu.Unlock()
		return nil
	}
	s.stopped = true
	s.mu.Unlock()
	close(s.done)
	<-s.over
	return errors.Join(s.refused.close(), s.sample.close())
}

// work is the one writer.
func (s *Store) work() {
	defer close(s.over)
	tick := time.NewTicker(flushEvery)
	defer tick.Stop()
	for {
		select {
		case q := <-s.queue:
			s.keep(q)
		case <-tick.C:
			s.flush()
			s.tidy()
		case <-s.done:
			for {
				select {
				case q := <-s.queue:
					s.keep(q)
					continue
				default:
				}
				s.flush()
				return
			}
		}
	}
}

// keep redacts, seals and writes one request.
func (s *Store) keep(q *Request) {
	defer s.waiting.Add(-q.size())
	err := s.write(q)
	if err == nil {
		s.written.Add(1)
	} else {
		s.dropped.Add(1)
	}
	s.tell(err)
}

func (s *Store) write(q *Request) (err error) {
	defer func() {
		if p := recover(); p != nil {
			// The panic's text may quote the request; its type may not.
			err = fmt.Errorf("redacting a request: panic of type %T", p)
		}
	}()
	q.redact()
	plain, err := q.marshal()
	if err != nil {
		return err
	}
	line, err := s.seal(purpose, plain)
	if err != nil {
		return fmt.Errorf("sealing a captured request: %w", err)
	}
	f := s.sample
	if q.Refused {
		f = s.refused
	}
	return f.write(line, s.now())
}

// tell logs what goes wrong, once until it is something else.
func (s *Store) tell(err error) {
	what := ""
	if err != nil && !errors.Is(err, errTooLong) {
		what = err.Error()
	}
	if what != "" && what != s.failing {
		s.log.Error("requests can not be captured", "error", what)
	}
	s.failing = what
}

// flush writes the counts that changed.
func (s *Store) flush() {
	s.mu.Lock()
	var changed []hourCounts
	for _, h := range append(s.choose.over, s.choose.current) {
		if c, ok := h.take(); ok {
			changed = append(changed, c)
		}
	}
	s.choose.over = nil
	s.mu.Unlock()
	for _, c := range changed {
		s.tell(s.counts.write(c, s.seal))
	}
}

// tidy removes what is too old.
func (s *Store) tidy() {
	now := s.now()
	s.tell(errors.Join(s.refused.expire(now, s.maxAge), s.sample.expire(now, s.maxAge), s.counts.expire(now, s.maxAge)))
}

// Sweep removes what is older than days, of captures that are switched off.
func Sweep(data string, days int, now time.Time) error {
	dir := filepath.Join(data, Folder)
	if exist, err := Exists(dir); err != nil || !exist {
		return err
	}
	age := time.Duration(orDefault(days, DefaultDays)) * 24 * time.Hour
	var errs []error
	for _, suffix := range []string{refusedSuffix, sampleSuffix} {
		f, err := openFamily(dir, suffix, 0)
		if err == nil {
			err = f.expire(now, age)
		}
		errs = append(errs, err)
	}
	return errors.Join(append(errs, (&counts{dir: dir, quota: 1 << 40}).expire(now, age))...)
}
