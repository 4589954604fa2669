// Package spikecontrol is the policy spike-control-flex: it protects a service
// from bursts by a sliding window over all requests of an API. What exceeds it
// may wait for its turn. It knows no clients and is never shared by gateways.
package spikecontrol

import (
	"context"
	_ "embed"
	"encoding/json"
	"fmt"
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
		Name: "spike-control-flex", Title: "Spike Control", Category: "Quality of service",
		Phase: policy.Meter, Schema: schema, Compile: compile,
	}
}

// Settings are what operators set.
type Settings struct {
	// MaximumRequests is the number of requests that may pass in any stretch of one period.
	MaximumRequests int64 `json:"maximumRequests" default:"1" min:"1"`
	// TimePeriodInMilliseconds is the length of a period.
	TimePeriodInMilliseconds int64 `json:"timePeriodInMilliseconds" default:"1000" min:"1" max:"3155760000000"`
	// DelayTimeInMillis is how many milliseconds a request over the limit waits before it tries again.
	DelayTimeInMillis int64 `json:"delayTimeInMillis" default:"1000" min:"1" max:"3600000"`
	// DelayAttempts is how often a request over the limit tries again.
	DelayAttempts int64 `json:"delayAttempts" default:"1" min:"0" max:"1000"`
	// QueuingLimit is how many requests may wait at a time; with 0 none waits.
	QueuingLimit int64 `json:"queuingLimit" default:"0" min:"0"`
	// ExposeHeaders says whether clients read x-ratelimit-limit, x-ratelimit-remaining and x-ratelimit-reset (milliseconds, 0 while quota is left).
	ExposeHeaders bool `json:"exposeHeaders" default:"false"`
}

type control struct {
	limit  sharedstate.Limit
	delay  time.Duration
	tries  int64
	queue  int64
	expose bool
}

func compile(settings json.RawMessage) (policy.Compiled, error) {
	s := Settings{MaximumRequests: 1, TimePeriodInMilliseconds: 1000, DelayTimeInMillis: 1000, DelayAttempts: 1}
	if err := policy.Decode(settings, &s); err != nil {
		return nil, err
	}
	return &control{
		limit: sharedstate.Limit{Max: s.MaximumRequests, Period: time.Duration(s.TimePeriodInMilliseconds) * time.Millisecond},
		delay: time.Duration(s.DelayTimeInMillis) * time.Millisecond,
		tries: s.DelayAttempts, queue: s.QueuingLimit, expose: s.ExposeHeaders,
	}, nil
}

// state is what survives a change of revision.
type state struct {
	window *sharedstate.SlidingWindow
	queue  policy.Queue
}

// Bind implements policy.Compiled.
func (c *control) Bind(env policy.Env) (policy.Step, error) {
	s, ok := env.State("window", func() any {
		return &state{
			window: sharedstate.NewSlidingWindow(env.Now, c.limit),
			queue:  policy.Queue{Delay: c.delay, Attempts: c.tries, Limit: c.queue},
		}
	}).(*state)
	if !ok {
		return policy.Step{}, fmt.Errorf("the window kept for %s is of another kind", env.Binding)
	}
	quota := policy.NewQuota(c.expose)
	take := func() (sharedstate.Result, bool) { return s.window.Take(), false }
	return policy.Step{
		Response: quota.Hook(),
		Request: func(ctx context.Context, x *traffic.Exchange) policy.Verdict {
			return s.queue.Pass(ctx, x, quota, take)
		},
	}, nil
}
