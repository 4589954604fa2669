package capture

import (
	"math/rand/v2"
	"time"
)

// stratum is what a reservoir is kept for, in each hour.
type stratum struct{ api, operation string }

// maxStrata bounds the operations that are counted apart in an hour; the others
// are counted as one.
const maxStrata = 1024

// others is the operation under which what is beyond maxStrata counts. Of it,
// refusals are kept and no sample.
const others = "…"

// tally counts the exchanges of one stratum.
type tally struct {
	passed, refused, dropped int64
	changed                  bool
}

// hour is the strata of one hour, counted since 1970.
type hour struct {
	number int64
	strata map[stratum]*tally
}

// The rate at which refusals are kept, so that a flood of them costs neither
// processor nor disk: those beyond are dropped and counted.
const (
	refusalsPerSecond = 100
	refusalsAtOnce    = 1000
)

// reservoir decides which exchanges are kept: all refusals up to their rate and,
// of the others, a fair sample per stratum and hour (Vitter's algorithm R). It
// is not safe for concurrent use.
type reservoir struct {
	perHour int64
	random  *rand.Rand

	current hour
	// over are hours that are past and not yet written.
	over []hour

	allowance float64
	last      time.Time
}

// ticket says where a kept exchange belongs.
type ticket struct {
	tally *tally
	hour  int64
	slot  int
	seen  int64
}

func (r *reservoir) at(now time.Time) {
	number := now.Unix() / 3600
	if number == r.current.number && r.current.strata != nil {
		return
	}
	if len(r.current.strata) > 0 {
		r.over = append(r.over, r.current)
	}
	r.current = hour{number: number, strata: map[stratum]*tally{}}
}

// admit counts an exchange and says whether it is kept.
func (r *reservoir) admit(api, operation string, refused bool, now time.Time) (t ticket, kept bool) {
	r.at(now)
	s := stratum{api, operation}
	n := r.current.strata[s]
	apart := n != nil || len(r.current.strata) < maxStrata
	if !apart {
		s = stratum{"", others}
		n = r.current.strata[s]
	}
	if n == nil {
		n = &tally{}
		r.current.strata[s] = n
	}
	n.changed = true
	t = ticket{tally: n, hour: r.current.number}
	if refused {
		n.refused++
		if apart {
			t.seen = n.refused
		}
		if kept = r.allow(now); !kept {
			n.dropped++
		}
		return t, kept
	}
	n.passed++
	if !apart {
		return t, false
	}
	t.seen = n.passed
	if n.passed <= r.perHour {
		t.slot = int(n.passed) - 1
		return t, true
	}
	t.slot = int(r.random.Int64N(n.passed))
	return t, int64(t.slot) < r.perHour
}

// allow is a bucket of tokens.
func (r *reservoir) allow(now time.Time) bool {
	if r.last.IsZero() {
		r.allowance = refusalsAtOnce
	} else {
		r.allowance = min(refusalsAtOnce, r.allowance+max(0, now.Sub(r.last).Seconds())*refusalsPerSecond)
	}
	r.last = now
	if r.allowance < 1 {
		return false
	}
	r.allowance--
	return true
}
