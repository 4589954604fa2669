// Package tap is the side of discovery that stands on the request path of a
// gateway. It chooses which exchanges are looked into, copies what a learner
// needs of them into memory of a fixed size, and hands it to the learner behind
// a queue that never makes an exchange wait: what finds no room is dropped and
// counted.
package tap

import (
	"context"
	"crypto/x509"
	"fmt"
	"log/slog"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"

	"farrier.dev/farrier/internal/discovery"
	"farrier.dev/farrier/internal/traffic"
)

// Learner is who learns from what passed.
type Learner interface {
	// Observe looks at an observation and keeps no part of its memory. It is called
	// by several goroutines at once where Options.Workers is above one.
	Observe(o *discovery.Observation)
}

// Options are what a tap is made of. Learner and Log are required; 0 stands for
// the default.
type Options struct {
	Learner Learner
	Log     *slog.Logger
	// Slots is how many exchanges can wait to be learned from. Default 2048.
	Slots int
	// Bytes bounds what those that wait hold together: copies of bodies, and the
	// texts of their heads. Default 32 MiB.
	Bytes int64
	// Workers is how many goroutines learn. Default 1.
	Workers int
	// FullSample is how many exchanges of one shape are all looked into; beyond, one of
	// SampleEvery is. Defaults are those of discovery.
	FullSample, SampleEvery int
}

func (o *Options) defaults() {
	set := func(n *int, standard int) {
		if *n <= 0 {
			*n = standard
		}
	}
	set(&o.Slots, 2048)
	set(&o.Workers, 1)
	set(&o.FullSample, discovery.FullSample)
	set(&o.SampleEvery, discovery.SampleEvery)
	if o.Bytes <= 0 {
		o.Bytes = 32 << 20
	}
}

// The bounds of the copies of one exchange, in bytes.
const (
	maxRequest = 64 << 10
	maxBodies  = discovery.MaxBody
	// shortRequest and shortBodies are what is copied once wholeSample exchanges of a
	// shape were seen whole: the copy stays a matter of a microsecond.
	shortRequest = 8 << 10
	shortBodies  = 16 << 10
	wholeSample  = 20
	// maxNaming is what is copied of the request of an exchange that is not looked
	// into, where only the content names the operation.
	maxNaming = 16 << 10
)

// Tap watches the exchanges of one gateway. It is a gateway.Observer.
type Tap struct {
	o      Options
	counts *counters
	free   chan *slot
	queue  chan *slot

	buffers buffers
	held    atomic.Int64

	stopped                                      atomic.Bool
	observed, sampled, dropped, unread, panicked atomic.Uint64
}

// slot is the memory of one exchange that waits.
type slot struct {
	seen discovery.Observation
	// request and response are the headers that seen shows.
	request, response             traffic.Header
	requestFields, responseFields []traffic.Field
	peer                          *x509.Certificate
	body                          *buffer
	requestCoded, responseCoded   bool
	cost                          int64
}

// New makes a tap. Its workers run in Run.
func New(o Options) *Tap {
	o.defaults()
	t := &Tap{o: o, counts: newCounters(), free: make(chan *slot, o.Slots), queue: make(chan *slot, o.Slots)}
	for range o.Slots {
		t.free <- &slot{}
	}
	return t
}

// Stats tell what a tap did since it was made.
type Stats struct {
	// Observed are the exchanges that were handed on to the learner, or wait for it;
	// Sampled are those of them that are looked into.
	Observed, Sampled uint64
	// Dropped found no room, and count nowhere.
	Dropped uint64
	// Unread had a body whose content coding could not be opened.
	Unread uint64
	// Panicked are those at which the learner panicked.
	Panicked uint64
	// Waiting are the exchanges in the queue, Held the bytes that they hold.
	Waiting int
	Held    int64
}

// Stats returns the counters.
func (t *Tap) Stats() Stats {
	return Stats{
		Observed: t.observed.Load(), Sampled: t.sampled.Load(), Dropped: t.dropped.Load(), Unread: t.unread.Load(),
		Panicked: t.panicked.Load(), Waiting: len(t.queue), Held: t.held.Load(),
	}
}

// Wants implements gateway.Observer: it says how much of an exchange is to be
// copied. Attacks are never looked into.
func (t *Tap) Wants(x *traffic.Exchange) (request, response int64) {
	if t.stopped.Load() || attacks(x) {
		return 0, 0
	}
	switch wanted, whole := t.counts.sample(x, uint32(t.o.FullSample), uint32(t.o.SampleEvery)); { //nolint:gosec // small settings
	case wanted && whole:
		x.CarryNumbers(t, [3]int64{1, maxRequest, maxBodies})
		return maxRequest, maxBodies
	case wanted:
		x.CarryNumbers(t, [3]int64{1, shortRequest, shortBodies})
		return shortRequest, shortBodies
	}
	if namedByContent(x) {
		return maxNaming, 0
	}
	return 0, 0
}

// attacks says whether the request of an exchange was found to be an attack.
func attacks(x *traffic.Exchange) bool { return discovery.Attacks(x.Findings) }

// namedByContent says whether only the content tells the operations of a path
// apart, as GraphQL, SOAP and MCP do.
func namedByContent(x *traffic.Exchange) bool {
	req := &x.Request
	if req.Method != http.MethodPost || req.Streaming {
		return false
	}
	media, path := req.Header.Get("content-type"), req.Path
	switch {
	case strings.HasPrefix(media, "application/json"):
		return strings.HasSuffix(path, "graphql") || strings.HasSuffix(path, "/mcp") ||
			strings.Contains(req.Header.Get("accept"), "text/event-stream")
	case strings.HasPrefix(media, "application/graphql"), strings.HasPrefix(media, "application/soap+xml"), strings.HasPrefix(media, "text/xml"):
		return true
	}
	return false
}

// Observe implements gateway.Observer: it copies what the learner needs and
// queues it.
func (t *Tap) Observe(x *traffic.Exchange, end *traffic.Ending) {
	if x.Request.Path == "" || t.stopped.Load() {
		return // nobody could read what was asked for
	}
	var s *slot
	select {
	case s = <-t.free:
	default:
		t.dropped.Add(1)
		return
	}
	if !t.fill(s, x, end) {
		t.dropped.Add(1)
		t.release(s)
		return
	}
	t.observed.Add(1)
	if s.seen.Sampled {
		t.sampled.Add(1)
	}
	t.queue <- s // it has room for all slots
}

// Run learns from what is queued until ctx is done, and then from what is still
// queued. The gateway is to be stopped before; what it observes later is ignored.
func (t *Tap) Run(ctx context.Context) {
	var all sync.WaitGroup
	for range t.o.Workers {
		all.Go(func() {
			for {
				select {
				case s := <-t.queue:
					t.learn(s)
				case <-ctx.Done():
					t.stopped.Store(true)
					t.drain()
					return
				}
			}
		})
	}
	all.Wait()
}

func (t *Tap) drain() {
	for {
		select {
		case s := <-t.queue:
			t.learn(s)
		default:
			return
		}
	}
}

// learn has the learner look at one exchange.
func (t *Tap) learn(s *slot) {
	defer t.release(s)
	defer func() {
		if value := recover(); value != nil {
			// The value may hold anything, also what a client sent; its type tells
			// enough to begin with.
			t.panicked.Add(1)
			t.o.Log.Error("the learner panicked", "type", fmt.Sprintf("%T", value))
		}
	}()
	t.open(s)
	t.o.Learner.Observe(&s.seen)
	t.counts.age()
}
