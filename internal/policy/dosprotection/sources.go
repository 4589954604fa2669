package dosprotection

import (
	"net/netip"
	"sync"
	"time"
)

// verdict says how a request of a source is met.
type verdict uint8

const (
	free verdict = iota
	shaped
	blocked
)

// window counts the errors of one group within one step.
type window struct {
	began  time.Time
	errors int64
}

// record is what is remembered of one source.
type record struct {
	seen    time.Time
	windows [groups][steps]window
	errors  int64 // in all, for choosing whom to forget
	// A zero time is none, forever never ends.
	blocked, shaped time.Time
	rate            float64
	tokens          float64
	filled          time.Time
}

// forever is the end of what does not end.
var forever = time.Unix(1<<40, 0)

// sources remembers a bounded number of sources.
type sources struct {
	most int
	mu   sync.Mutex
	all  map[netip.Addr]*record
}

func newSources(most int) *sources { return &sources{most: most, all: map[netip.Addr]*record{}} }

// admit says how the next request of a source is met.
func (s *sources) admit(source netip.Addr, now time.Time) verdict {
	s.mu.Lock()
	defer s.mu.Unlock()
	r := s.all[source]
	switch {
	case r == nil:
		return free
	case now.Before(r.blocked):
		return blocked
	case !now.Before(r.shaped):
		return free
	}
	r.tokens = min(r.tokens+now.Sub(r.filled).Seconds()*r.rate, max(r.rate, 1))
	r.filled = now
	if r.tokens < 1 {
		return shaped
	}
	r.tokens--
	return free
}

// count counts one error of a source, and says what begins for it: "blocked",
// "slowed down", or "" for nothing new.
func (s *sources) count(source netip.Addr, group int, by *[steps]step, now time.Time) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	r := s.all[source]
	if r == nil {
		s.makeRoom(now)
		r = &record{}
		s.all[source] = r
	}
	r.seen = now
	r.errors++
	begun := ""
	for i := range by {
		step := &by[i]
		if step.length == 0 {
			continue
		}
		w := &r.windows[group][i]
		if now.Sub(w.began) >= step.length {
			*w = window{began: now}
		}
		if w.errors++; w.errors <= step.threshold {
			continue
		}
		if what := r.begin(step, now); what != "" {
			begun = what
		}
	}
	return begun
}

// begin punishes a source for one step, unless it is punished as hard already.
func (r *record) begin(s *step, now time.Time) string {
	end := now.Add(s.length)
	if s.forever {
		end = forever
	}
	if s.block {
		if !end.After(r.blocked) {
			return ""
		}
		already := now.Before(r.blocked)
		r.blocked = end
		if already && !s.forever {
			return ""
		}
		return "blocked"
	}
	already := now.Before(r.shaped)
	if end.After(r.shaped) {
		r.shaped = end
	}
	if already && s.rate >= r.rate {
		return ""
	}
	r.rate, r.tokens, r.filled = s.rate, 0, now
	return "slowed down"
}

// sampled is how many sources are looked at for the one that is forgotten.
const sampled = 16

// makeRoom forgets sources until one more fits: of a sample those that are not
// punished, of these the one with the fewest errors.
func (s *sources) makeRoom(now time.Time) {
	for len(s.all) >= s.most {
		var victim netip.Addr
		var least *record
		n := 0
		for source, r := range s.all {
			if least == nil || r.milder(least, now) {
				victim, least = source, r
			}
			if n++; n == sampled {
				break
			}
		}
		delete(s.all, victim)
	}
}

// milder says whether r is rather to be forgotten than other.
func (r *record) milder(other *record, now time.Time) bool {
	mine, its := now.Before(r.blocked) || now.Before(r.shaped), now.Before(other.blocked) || now.Before(other.shaped)
	if mine != its {
		return its
	}
	if r.errors != other.errors {
		return r.errors < other.errors
	}
	return r.seen.Before(other.seen)
}
