// Package throttling is the policy throttling of Mule 3: requests over a quota
// wait for their turn, so many at a time, and are refused when they have waited
// in vain. Gateways that share a store count together. It does not know clients:
// throttling by contract is another policy.
package throttling

import (
	"context"
	_ "embed"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"time"

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
		Name: "throttling", Title: "Throttling", Category: "Quality of service",
		Phase: policy.Meter, Schema: schema, Compile: compile, Warn: warn,
	}
}

// Settings are what operators set.
type Settings struct {
	// RateLimits are the limits; a request passes only if all have quota left. One limit may as well be given by maximumRequests and timePeriodInMilliseconds.
	RateLimits []RateLimit `json:"rateLimits"`
	// MaximumRequests is the number of requests that may pass in one period, instead of rateLimits.
	MaximumRequests int64 `json:"maximumRequests" min:"1"`
	// TimePeriodInMilliseconds is the length of a period, which begins with the first request, instead of rateLimits.
	TimePeriodInMilliseconds int64 `json:"timePeriodInMilliseconds" min:"1" max:"3155760000000"`
	// DelayTimeInMillis is how many milliseconds a request over the limit waits before it tries again.
	DelayTimeInMillis int64 `json:"delayTimeInMillis" default:"1000" min:"1" max:"3600000"`
	// DelayAttempts is how often a request over the limit tries again.
	DelayAttempts int64 `json:"delayAttempts" default:"1" min:"0" max:"1000"`
	// QueuingLimit is how many requests may wait at a time on one gateway; with 0 none waits.
	QueuingLimit int64 `json:"queuingLimit" default:"0" min:"0"`
	// ExposeHeaders says whether clients read x-ratelimit-limit, x-ratelimit-remaining and x-ratelimit-reset (milliseconds).
	ExposeHeaders bool `json:"exposeHeaders" default:"false"`
	// Clusterizable asks to count together with the other gateways on the same sharedStorage, where periods below 10 seconds are stretched to 10 with as much more quota; without sharedStorage, or while it does not answer, each gateway counts for itself.
	Clusterizable bool `json:"clusterizable" default:"true"`
}

// RateLimit is one limit.
type RateLimit struct {
	// MaximumRequests is the number of requests that may pass in one period.
	MaximumRequests int64 `json:"maximumRequests" required:"true" min:"1"`
	// TimePeriodInMilliseconds is the length of a period, which begins with the first request.
	TimePeriodInMilliseconds int64 `json:"timePeriodInMilliseconds" required:"true" min:"1" max:"3155760000000"`
}

// limits are the limits as counters take them.
func (s Settings) limits() ([]sharedstate.Limit, error) {
	all := s.RateLimits
	single := s.MaximumRequests != 0 || s.TimePeriodInMilliseconds != 0
	switch {
	case single && len(all) > 0:
		return nil, errors.New("rateLimits: maximumRequests and timePeriodInMilliseconds stand beside it; write one or the other")
	case single && (s.MaximumRequests == 0 || s.TimePeriodInMilliseconds == 0):
		return nil, errors.New("maximumRequests: it needs timePeriodInMilliseconds, and the other way round")
	case single:
		all = []RateLimit{{s.MaximumRequests, s.TimePeriodInMilliseconds}}
	case len(all) == 0:
		return nil, errors.New("rateLimits: write at least one limit")
	}
	var limits []sharedstate.Limit
	for i, one := range all {
		limit := sharedstate.Limit{Max: one.MaximumRequests, Period: time.Duration(one.TimePeriodInMilliseconds) * time.Millisecond}
		if slices.Contains(limits, limit) {
			return nil, fmt.Errorf("rateLimits[%d] repeats an earlier limit; remove it", i)
		}
		limits = append(limits, limit)
	}
	return limits, nil
}

type throttle struct {
	limits   []sharedstate.Limit
	settings Settings
}

func compile(settings json.RawMessage) (policy.Compiled, error) {
	s := Settings{DelayTimeInMillis: 1000, DelayAttempts: 1, Clusterizable: true}
	if err := policy.Decode(settings, &s); err != nil {
		return nil, err
	}
	limits, err := s.limits()
	if err != nil {
		return nil, err
	}
	return &throttle{limits: limits, settings: s}, nil
}

func warn(settings json.RawMessage) []string {
	var s struct {
		QueuingLimit any `json:"queuingLimit"`
	}
	if err := json.Unmarshal(settings, &s); err == nil && (s.QueuingLimit == nil || s.QueuingLimit == 0.0) {
		return []string{"queuingLimit: with 0 no request waits for its turn; those over the limit are refused at once"}
	}
	return nil
}

// Bind implements policy.Compiled.
func (t *throttle) Bind(env policy.Env) (policy.Step, error) {
	tally, err := policy.NewTally(env, "throttling", t.settings.Clusterizable)
	if err != nil {
		return policy.Step{}, err
	}
	queue, ok := env.State("queue", func() any {
		return &policy.Queue{
			Delay:    time.Duration(t.settings.DelayTimeInMillis) * time.Millisecond,
			Attempts: t.settings.DelayAttempts, Limit: t.settings.QueuingLimit,
		}
	}).(*policy.Queue)
	if !ok {
		return policy.Step{}, fmt.Errorf("the queue kept for %s is of another kind", env.Binding)
	}
	limits, quota := tally.Limits(t.limits), policy.NewQuota(t.settings.ExposeHeaders)
	return policy.Step{
		Response: quota.Hook(),
		Request: func(ctx context.Context, x *traffic.Exchange) policy.Verdict {
			return queue.Pass(ctx, x, quota, tally.Taking(ctx, "", limits))
		},
	}, nil
}
