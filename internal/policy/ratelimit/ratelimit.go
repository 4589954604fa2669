// Package ratelimit is the policy rate-limiting-flex: it lets as many requests
// pass as its limits allow, per value of a key. Windows are fixed and begin with
// the first request of a key. Gateways that share a store count together. It
// does not know clients: limits by contract are another policy.
package ratelimit

import (
	"context"
	_ "embed"
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"time"

	"farrier.dev/farrier/internal/dataweave"
	"farrier.dev/farrier/internal/policy"
	"farrier.dev/farrier/internal/sharedstate"
	"farrier.dev/farrier/internal/traffic"
)

//go:generate go run ../schemagen .

//go:embed schema.json
var schema []byte

// Policy is the entry of the catalogue.
func Policy() policy.Policy {
	return policy.Policy{
		Name: "rate-limiting-flex", Title: "Rate Limiting", Category: "Quality of service",
		Phase: policy.Meter, Schema: schema, Compile: compile,
	}
}

// Settings are what operators set.
type Settings struct {
	// RateLimits are the limits; a request passes only if all have quota left.
	RateLimits []RateLimit `json:"rateLimits" required:"true" minItems:"1"`
	// KeySelector is an expression whose text names the bucket to count in; without it all requests share one, as do those for which it can't be evaluated.
	KeySelector string `json:"keySelector" default:"" expr:"true"`
	// ExposeHeaders says whether clients read x-ratelimit-limit, x-ratelimit-remaining and x-ratelimit-reset (milliseconds).
	ExposeHeaders bool `json:"exposeHeaders" default:"false"`
	// Clusterizable asks to count together with the other gateways on the same sharedStorage, where periods below 10 seconds are stretched to 10 with as much more quota; without sharedStorage each gateway counts for itself.
	Clusterizable bool `json:"clusterizable" default:"true"`
	// BlockOnUnknownQuota says whether requests are refused with 503 while the shared store of the counters does not answer; otherwise they pass uncounted.
	BlockOnUnknownQuota bool `json:"blockOnUnknownQuota" default:"true"`
}

// RateLimit is one limit.
type RateLimit struct {
	// MaximumRequests is the number of requests that may pass in one period.
	MaximumRequests int64 `json:"maximumRequests" required:"true" min:"1"`
	// TimePeriodInMilliseconds is the length of a period.
	TimePeriodInMilliseconds int64 `json:"timePeriodInMilliseconds" required:"true" min:"1" max:"3155760000000"`
}

type limiter struct {
	limits []sharedstate.Limit
	key    *dataweave.Expression // nil counts all together
	expose bool
	block  bool
	shared bool
}

func compile(settings json.RawMessage) (policy.Compiled, error) {
	s := Settings{Clusterizable: true, BlockOnUnknownQuota: true}
	if err := policy.Decode(settings, &s); err != nil {
		return nil, err
	}
	l := &limiter{expose: s.ExposeHeaders, block: s.BlockOnUnknownQuota, shared: s.Clusterizable}
	for i, one := range s.RateLimits {
		limit := sharedstate.Limit{Max: one.MaximumRequests, Period: time.Duration(one.TimePeriodInMilliseconds) * time.Millisecond}
		if slices.Contains(l.limits, limit) {
			return nil, fmt.Errorf("rateLimits[%d] repeats an earlier limit; remove it", i)
		}
		l.limits = append(l.limits, limit)
	}
	if s.KeySelector == "" {
		return l, nil
	}
	key, err := dataweave.Compile(s.KeySelector)
	if err != nil {
		return nil, fmt.Errorf("keySelector: %w", err)
	}
	l.key = key
	return l, nil
}

// Bind implements policy.Compiled.
func (l *limiter) Bind(env policy.Env) (policy.Step, error) {
	tally, err := policy.NewTally(env, "rate-limiting", l.shared)
	if err != nil {
		return policy.Step{}, err
	}
	return l.step(tally), nil
}

func (l *limiter) step(tally *policy.Tally) policy.Step {
	limits := tally.Limits(l.limits)
	quota := policy.NewQuota(l.expose)
	need := policy.PayloadNeed(l.key)
	need.Partial = true // a body too long to be read has the empty key
	return policy.Step{
		RequestBody: need,
		Response:    quota.Hook(),
		Request: func(ctx context.Context, x *traffic.Exchange) policy.Verdict {
			result, err := tally.Take(ctx, l.keyOf(x), limits)
			switch {
			case err == nil && result.OK:
				return quota.Pass(x, result)
			case err == nil:
				return quota.Refuse(result, "the rate limit is exhausted")
			case l.block:
				return policy.Fail(http.StatusServiceUnavailable, "Service unavailable.", "the store of the counters did not answer, so the quota is unknown")
			}
			return policy.GoBecause("the store of the counters did not answer; blockOnUnknownQuota is false")
		},
	}
}

// keyOf is the bucket of an exchange; what can't be evaluated is the empty one.
func (l *limiter) keyOf(x *traffic.Exchange) string {
	if l.key == nil {
		return ""
	}
	key, err := policy.EvalText(l.key, x, false)
	if err != nil {
		return ""
	}
	return key
}
