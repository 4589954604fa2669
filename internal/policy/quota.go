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
		x.Carry(q, r)
	}
	return Go()
}

// Refuse says that the quota is spent.
func (q *Quota) Refuse(r sharedstate.Result, reason string) Verdict {
	if !q.exposed {
		return Refuse(http.StatusTooManyRequests, "Too Many Requests", reason)
	}
	return Refuse(http.StatusTooManyRequests, "Too Many Requests", reason, quotaFields(r)...)
}

// Hook is the response hook of the step, nil when headers are not exposed.
func (q *Quota) Hook() func(context.Context, *traffic.Exchange) Verdict {
	if !q.exposed {
		return nil
	}
	return func(_ context.Context, x *traffic.Exchange) Verdict {
		r, ok := x.Carried(q).(sharedstate.Result)
		// A refusal by a later meter is the most restrictive: its headers stay.
		if !ok || x.Response.Local && x.Response.Header.Has("x-ratelimit-limit") {
			return Go()
		}
		for _, f := range quotaFields(r) {
			x.Response.Header.Set(f.Name, f.Value)
		}
		return Go()
	}
}

func quotaFields(r sharedstate.Result) []traffic.Field {
	reset := (r.Reset + time.Millisecond - 1) / time.Millisecond
	return []traffic.Field{
		{Name: "x-ratelimit-limit", Value: strconv.FormatInt(r.Limit, 10)},
		{Name: "x-ratelimit-remaining", Value: strconv.FormatInt(r.Remaining, 10)},
		{Name: "x-ratelimit-reset", Value: strconv.FormatInt(int64(reset), 10)},
	}
}
