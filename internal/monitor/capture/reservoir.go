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

// The bytes of refusals that are kept, so that a flood of them costs neither
// processor nor disk: those beyond are dropped and counted. The least is what a
// request without a body counts.
const (
	refusalBytesPerSecond = 2 << 20
	refusalBytesAtOnce    = 16 << 20
	refusalBytesLeast     = 4 << 10
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

	allowance int64 // bytes
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

// admit counts an exchange, with a body of size bytes, and says whether it is kept.
func (r *reservoir) admit(api, operation string, size int, refused bool, now time.Time) (t ticket, kept bool) {
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
		if kept = r.allow(int64(size+refusalBytesLeast), now); !kept {
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

// allow is a bucket of bytes.
func (r *reservoir) allow(size int64, now time.Time) bool {
	const wholeBucket = refusalBytesAtOnce / refusalBytesPerSecond * time.Second
	switch passed := now.Sub(r.last); {
	case r.last.IsZero() || passed > wholeBucket:
		r.allowance = refusalBytesAtOnce
	case passed < time.Millisecond:
		now = r.last // too short to be worth a byte
	default:
		r.allowance = min(refusalBytesAtOnce, r.allowance+int64(passed)*refusalBytesPerSecond/int64(time.Second))
	}
	r.last = now
	if r.allowance < size {
		return false
	}
	r.allowance -= size
	return true
}
