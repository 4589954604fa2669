package monitor

import (
	"maps"
	"math/rand/v2"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"farrier.dev/farrier/internal/traffic"
)

// The bounds of what is counted apart, so that nobody chooses our memory.
const (
	maxAPIs       = 1000
	maxOperations = 500
	// maxUnproven bounds the operations of an API that no service has answered
	// well yet: paths that a scanner invents must not take all places.
	maxUnproven = 100
	// Other is the name of all operations, or APIs, beyond the bound.
	Other = "(other)"
	// NoAPI is the name under which exchanges count that reached no API.
	NoAPI = "(none)"
)

// outcomes are the outcomes in the order of cell.ends.
var outcomes = [...]traffic.Outcome{
	traffic.Served, traffic.AnsweredLocally, traffic.RefusedByPolicy, traffic.RefusedByGateway, traffic.Errored,
}

func outcomeIndex(o traffic.Outcome) int {
	switch o {
	case traffic.Served:
		return 0
	case traffic.AnsweredLocally:
		return 1
	case traffic.RefusedByPolicy:
		return 2
	case traffic.RefusedByGateway:
		return 3
	case traffic.Errored:
	}
	return 4
}

// classes are the status classes: none, 1xx to 5xx.
const classes = 6

// cell counts one operation since the process began. Counting only adds; what
// belongs to a minute is found by subtracting what was seen before.
type cell struct {
	api, operation string

	ends     [len(outcomes)][classes]atomic.Uint64
	took     atomic.Int64
	in, out  atomic.Uint64
	codes    [len(codes)]atomic.Uint64
	latency  [buckets]atomic.Uint64
	offered  atomic.Uint64 // to the sample of this hour
	seen     Slot          // what take has given out
	seenHour int64         // the hour that offered counts
}

// Rollup counts exchanges in the process. Its methods are safe for concurrent
// use; Count and Wants take no lock once an operation is known.
type Rollup struct {
	now     func() time.Time
	started time.Time

	apis    atomic.Pointer[map[string]*apiCells]
	parties parties

	mu    sync.Mutex // guards growing apis, and seen and since
	since time.Time  // when take was called last
}

type apiCells struct {
	name  string
	other *cell

	operations atomic.Pointer[map[string]*cell]
	// full and unprovenFull say that there is no place for a further operation.
	full, unprovenFull atomic.Bool

	mu       sync.Mutex
	unproven int
}

// NewRollup makes a rollup that has counted nothing.
func NewRollup(now func() time.Time) *Rollup {
	r := &Rollup{now: now, started: now()}
	r.since = r.started
	r.apis.Store(&map[string]*apiCells{})
	return r
}

// Count counts one exchange that is over. It is to be called once for each.
func (r *Rollup) Count(api, operation string, status int, outcome traffic.Outcome, took time.Duration, bytesIn, bytesOut int64) {
	c := r.cell(api, operation, outcome == traffic.Served && status < 400)
	class := status / 100
	if class < 0 || class >= classes {
		class = 0
	}
	took = max(took, 0)
	c.ends[outcomeIndex(outcome)][class].Add(1)
	if i := codeIndex(status); i >= 0 {
		c.codes[i].Add(1)
	}
	c.took.Add(int64(took))
	c.latency[bucketOf(took)].Add(1)
	if bytesIn > 0 {
		c.in.Add(uint64(bytesIn))
	}
	if bytesOut > 0 {
		c.out.Add(uint64(bytesOut))
	}
}

// Wants says whether the record of a served exchange should be sealed and
// handed to Monitor.Keep, so that each operation has a fair sample of its hour.
func (r *Rollup) Wants(api, operation string) bool {
	n := r.cell(api, operation, true).offered.Add(1)
	return n <= samples || rand.Uint64N(n) < samples //nolint:gosec // a sample, not a secret
}

// cell finds the counters of an operation, or makes them.
func (r *Rollup) cell(api, operation string, proven bool) *cell {
	if api == "" {
		api = NoAPI
	}
	a := (*r.apis.Load())[api]
	if a == nil {
		a = r.addAPI(api)
	}
	if c := (*a.operations.Load())[operation]; c != nil {
		return c
	}
	return a.add(operation, proven)
}

func (r *Rollup) addAPI(name string) *apiCells {
	r.mu.Lock()
	defer r.mu.Unlock()
	known := *r.apis.Load()
	if len(known) >= maxAPIs {
		name = Other
	}
	if a := known[name]; a != nil {
		return a
	}
	name = strings.Clone(name)
	a := &apiCells{name: name, other: &cell{api: name, operation: Other}}
	a.operations.Store(&map[string]*cell{Other: a.other})
	grown := maps.Clone(known)
	grown[name] = a
	r.apis.Store(&grown)
	return a
}

func (a *apiCells) add(operation string, proven bool) *cell {
	if a.full.Load() || !proven && a.unprovenFull.Load() {
		return a.other
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	known := *a.operations.Load()
	if c := known[operation]; c != nil {
		return c
	}
	switch {
	case len(known) > maxOperations: // Other is one of them and does not count
		a.full.Store(true)
		return a.other
	case !proven && a.unproven >= maxUnproven:
		a.unprovenFull.Store(true)
		return a.other
	case !proven:
		a.unproven++
	}
	c := &cell{api: a.name, operation: strings.Clone(operation)}
	grown := maps.Clone(known)
	grown[c.operation] = c
	a.operations.Store(&grown)
	return c
}

// total reads all that a cell has counted.
func (c *cell) total() Slot {
	var s Slot
	for o := range c.ends {
		for class := range c.ends[o] {
			n := c.ends[o][class].Load()
			s.Requests += n
			s.Status[class] += n
			switch outcomes[o] {
			case traffic.RefusedByPolicy, traffic.RefusedByGateway:
				s.Refused += n
			case traffic.Errored:
				s.Errors += n
			case traffic.Served, traffic.AnsweredLocally:
				if class == 5 {
					s.Errors += n
				}
			}
		}
	}
	s.Took = time.Duration(c.took.Load())
	s.BytesIn, s.BytesOut = c.in.Load(), c.out.Load()
	for i := range c.codes {
		s.codes[i] = c.codes[i].Load()
	}
	for i := range c.latency {
		s.latency[i] = c.latency[i].Load()
	}
	return s
}

// counted is what one operation did in one minute.
type counted struct {
	api, operation string
	minute         time.Time
	Slot
}

// each calls visit for every cell.
func (r *Rollup) each(visit func(*cell)) {
	for _, a := range *r.apis.Load() {
		for _, c := range *a.operations.Load() {
			visit(c)
		}
	}
}

// live is what was counted since the last take, and belongs to the minute then
// begun.
func (r *Rollup) live() []counted {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.delta(func(*cell, Slot) {})
}

// take gives out what live tells, once, and begins the next minute.
func (r *Rollup) take() []counted {
	now := r.now()
	hour := now.Unix() / 3600
	r.mu.Lock()
	defer r.mu.Unlock()
	out := r.delta(func(c *cell, total Slot) { c.seen = total })
	r.each(func(c *cell) {
		if c.seenHour != hour {
			c.seenHour = hour
			c.offered.Store(0)
		}
	})
	r.since = now
	return out
}

func (r *Rollup) delta(visit func(c *cell, total Slot)) []counted {
	minute := r.since.UTC().Truncate(time.Minute)
	var out []counted
	r.each(func(c *cell) {
		total := c.total()
		if d := total.minus(c.seen); !d.empty() {
			out = append(out, counted{api: c.api, operation: c.operation, minute: minute, Slot: d})
		}
		visit(c, total)
	})
	return out
}
