package policy

import (
	"context"
	"net/http"
	"strconv"
	"time"

	"farrier.dev/farrier/internal/sharedstate"
	"farrier.dev/farrier/internal/traffic"
)

// Quota answers for the steps that meter: it refuses with 429 and, when the
// settings expose headers, tells the client x-ratelimit-limit, -remaining and
// -reset (milliseconds, rounded up) on accepted and on refused answers.
type Quota struct {
	exposed bool
}

// NewQuota makes the answers of one step.
func NewQuota(exposeHeaders bool) *Quota { return &Quota{exposed: exposeHeaders} }

// Pass lets the exchange go on.
func (q *Quota) Pass(x *traffic.Exchange, r sharedstate.Result) Verdict {
	if q.exposed {
		x.CarryNumbers(q, [3]int64{r.Limit, r.Remaining, milliseconds(r.Reset)})
	}
	return Go()
}

// Refuse says that the quota is spent.
func (q *Quota) Refuse(r sharedstate.Result, reason string) Verdict {
	if !q.exposed {
		return Refuse(http.StatusTooManyRequests, "Too Many Requests", reason)
	}
	fields := quotaFields([3]int64{r.Limit, r.Remaining, milliseconds(r.Reset)})
	return Refuse(http.StatusTooManyRequests, "Too Many Requests", reason, fields[:]...)
}

// Hook is the response hook of the step, nil when headers are not exposed.
func (q *Quota) Hook() func(context.Context, *traffic.Exchange) Verdict {
	if !q.exposed {
		return nil
	}
	return func(_ context.Context, x *traffic.Exchange) Verdict {
		numbers, ok := x.CarriedNumbers(q)
		// A refusal by a later meter is the most restrictive: its headers stay.
		if !ok || x.Response.Local && x.Response.Header.Has("x-ratelimit-limit") {
			return Go()
		}
		for _, f := range quotaFields(numbers) {
			x.Response.Header.Set(f.Name, f.Value)
		}
		return Go()
	}
}

// milliseconds are rounded up.
func milliseconds(d time.Duration) int64 { return int64((d + time.Millisecond - 1) / time.Millisecond) }

var quotaNames = [...]string{"x-ratelimit-limit", "x-ratelimit-remaining", "x-ratelimit-reset"}

// quotaFields are the headers of limit, rest and reset. Their values share one
// piece of memory.
func quotaFields(numbers [3]int64) (fields [3]traffic.Field) {
	var digits [3 * 20]byte
	var ends [len(numbers)]int
	text := digits[:0]
	for i, n := range numbers {
		text = strconv.AppendInt(text, n, 10)
		ends[i] = len(text)
	}
	all, from := string(text), 0
	for i, end := range ends {
		fields[i], from = traffic.Field{Name: quotaNames[i], Value: all[from:end]}, end
	}
	return fields
}
