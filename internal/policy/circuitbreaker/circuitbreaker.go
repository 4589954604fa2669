// Package circuitbreaker is the policy circuit-breaker-flex: it bounds the
// calls that a service has in flight and, where told to, stops calling a
// service that fails again and again. It queues nothing and retries nothing.
package circuitbreaker

import (
	"context"
	_ "embed"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"time"

	"farrier.dev/farrier/internal/policy"
	"farrier.dev/farrier/internal/traffic"
)

//go:generate go run ../schemagen .

//go:embed schema.json
var schema []byte

// Policy is the entry of the catalogue.
func Policy() policy.Policy {
	return policy.Policy{
		Name: "circuit-breaker-flex", Title: "Circuit Breaker", Category: "Quality of service",
		Phase: policy.Meter, Outbound: true, Schema: schema, Compile: compile, Warn: warn,
	}
}

// Settings are what operators set. At least one of thresholds and failures is to be given.
type Settings struct {
	// Thresholds bound what the service has to do at one time. They count in this gateway, over all APIs that use the service. What is beyond is answered with 503.
	Thresholds *Thresholds `json:"thresholds"`
	// Failures stop the calls to a service that fails; left out, failures are not counted. This part is Farrier's own.
	Failures *Failures `json:"failures"`
}

// Thresholds are the bounds. One that is not set does not limit; Envoy's own bounds of 1024 do not apply.
type Thresholds struct {
	// MaxConnections bounds the connections in use. A call holds one from its beginning to the end of its response, so this counts calls in flight, as maxRequests does; the smaller of the two counts. 0 lets nothing pass.
	MaxConnections *int64 `json:"maxConnections" min:"0"`
	// MaxPendingRequests bounds calls that wait for a connection. Calls never wait here: what finds none free is refused at once, so this has no effect.
	MaxPendingRequests *int64 `json:"maxPendingRequests" min:"0"`
	// MaxRequests bounds the calls in flight, streams and WebSockets included. 0 lets nothing pass.
	MaxRequests *int64 `json:"maxRequests" min:"0"`
	// MaxRetries bounds retries at one time. The gateway makes none, so this has no effect.
	MaxRetries *int64 `json:"maxRetries" min:"0"`
	// MaxConnectionPools bounds the pools of connections. A service has one, so this has no effect.
	MaxConnectionPools *int64 `json:"maxConnectionPools" min:"0"`
	// MaximumConnections is another spelling of maxConnections.
	MaximumConnections *int64 `json:"maximumConnections" min:"0"`
	// MaximumPendingRequests is another spelling of maxPendingRequests.
	MaximumPendingRequests *int64 `json:"maximumPendingRequests" min:"0"`
	// MaximumRequests is another spelling of maxRequests.
	MaximumRequests *int64 `json:"maximumRequests" min:"0"`
	// MaximumRetries is another spelling of maxRetries.
	MaximumRetries *int64 `json:"maximumRetries" min:"0"`
	// MaximumConnectionPools is another spelling of maxConnectionPools.
	MaximumConnectionPools *int64 `json:"maximumConnectionPools" min:"0"`
}

// Failures say when a service is given a rest. A failure is a call without an answer, or an answer with a status of 500 or above; calls that the client broke off count neither way.
type Failures struct {
	// Consecutive is the number of failures in a row that opens the breaker: calls are then answered with 503 and the service is not called.
	Consecutive int `json:"consecutive" default:"5" min:"1"`
	// IntervalSeconds is the time in seconds within which they must follow each other.
	IntervalSeconds int `json:"intervalSeconds" default:"10" min:"1" max:"86400"`
	// OpenSeconds is the time in seconds until one call is let through to try the service. If it succeeds the breaker closes, otherwise it stays open for this time again.
	OpenSeconds int `json:"openSeconds" default:"30" min:"1" max:"86400"`
}

// UnmarshalJSON reads failures over their defaults.
func (f *Failures) UnmarshalJSON(text []byte) error {
	type plain Failures
	p := plain{Consecutive: 5, IntervalSeconds: 10, OpenSeconds: 30}
	if err := policy.Decode(text, &p); err != nil {
		return err
	}
	*f = Failures(p)
	return nil
}

// spelling is one threshold under its two names.
type spelling struct {
	name, other string
	value       *int64
	// why it limits nothing here, empty when it does.
	why string
}

// spellings are all thresholds, or what is wrong with them.
func (t *Thresholds) spellings() ([]spelling, error) {
	if t == nil {
		return nil, nil
	}
	all := []struct {
		name, other, why string
		one, two         *int64
	}{
		{"maxConnections", "maximumConnections", "", t.MaxConnections, t.MaximumConnections},
		{"maxRequests", "maximumRequests", "", t.MaxRequests, t.MaximumRequests},
		{"maxPendingRequests", "maximumPendingRequests", "calls never wait for a connection here, they are refused at once", t.MaxPendingRequests, t.MaximumPendingRequests},
		{"maxRetries", "maximumRetries", "the gateway makes no retries", t.MaxRetries, t.MaximumRetries},
		{"maxConnectionPools", "maximumConnectionPools", "a service has one pool of connections", t.MaxConnectionPools, t.MaximumConnectionPools},
	}
	list := make([]spelling, 0, len(all))
	for _, a := range all {
		if a.one != nil && a.two != nil && *a.one != *a.two {
			return nil, fmt.Errorf("thresholds: %s and %s say different things; give one of them", a.name, a.other)
		}
		if a.one == nil {
			a.one = a.two
		}
		list = append(list, spelling{a.name, a.other, a.one, a.why})
	}
	return list, nil
}

// compiled are the settings, ready.
type compiled struct {
	// limit is the number of calls in flight that are allowed, -1 for any.
	limit    int64
	failures *Failures
}

func compile(settings json.RawMessage) (policy.Compiled, error) {
	var s Settings
	if err := policy.Decode(settings, &s); err != nil {
		return nil, err
	}
	if s.Thresholds == nil && s.Failures == nil {
		return nil, errors.New("neither thresholds nor failures are set, so nothing would ever break; set one of them")
	}
	list, err := s.Thresholds.spellings()
	if err != nil {
		return nil, err
	}
	c := &compiled{limit: -1, failures: s.Failures}
	for _, t := range list {
		if t.value != nil && t.why == "" && (c.limit < 0 || *t.value < c.limit) {
			c.limit = *t.value
		}
	}
	return c, nil
}

func warn(settings json.RawMessage) []string {
	var s Settings
	if policy.Decode(settings, &s) != nil {
		return nil
	}
	list, err := s.Thresholds.spellings()
	if err != nil {
		return nil
	}
	var warnings []string
	limits := false
	for _, t := range list {
		switch {
		case t.value == nil:
		case t.why != "":
			warnings = append(warnings, "thresholds."+t.name+" has no effect: "+t.why)
		case *t.value == 0:
			warnings = append(warnings, "thresholds."+t.name+" is 0: no call reaches the service")
			limits = true
		default:
			limits = true
		}
	}
	if !limits && s.Failures == nil {
		warnings = append(warnings, "nothing is limited: set thresholds.maxConnections, thresholds.maxRequests or failures")
	}
	return warnings
}

// Bind implements policy.Compiled.
func (c *compiled) Bind(env policy.Env) (policy.Step, error) {
	b, ok := env.State("breaker", func() any { return new(breaker) }).(*breaker)
	if !ok {
		return policy.Step{}, errors.New("the state under breaker is not a breaker")
	}
	s := &step{compiled: c, now: env.Now, breaker: b}
	bound := policy.Step{Request: s.request, End: s.end}
	if c.failures != nil {
		bound.Response = s.response
	}
	return bound, nil
}

// What a step carries of an exchange, as bits.
const (
	admitted uint8 = 1 << iota // it counts as in flight
	probing                    // it is the call that tries a service
	judged                     // its outcome is known
)

type step struct {
	*compiled
	now     func() time.Time
	breaker *breaker
}

func (s *step) request(_ context.Context, x *traffic.Exchange) policy.Verdict {
	var now time.Time
	if s.failures != nil {
		now = s.now()
	}
	flags, wait := s.breaker.admit(s.limit, now)
	switch {
	case flags != 0:
		x.Carry(s, flags)
		return policy.Go()
	case wait > 0:
		seconds := strconv.FormatInt(int64((wait+time.Second-1)/time.Second), 10)
		return policy.Refuse(http.StatusServiceUnavailable, "Service unavailable.", "the service failed again and again and is given a rest",
			traffic.Field{Name: "retry-after", Value: seconds})
	}
	return policy.Refuse(http.StatusServiceUnavailable, "Service unavailable.", "the service has as many calls in flight as are allowed")
}

func (s *step) response(_ context.Context, x *traffic.Exchange) policy.Verdict {
	flags, ok := x.Carried(s).(uint8)
	if !ok {
		return policy.Go()
	}
	outcome := outcomeOf(x)
	if outcome == none {
		return policy.Go()
	}
	x.Carry(s, flags|judged)
	if s.breaker.judge(outcome == failure, flags&probing != 0, s.now(), s.failures) {
		return policy.GoBecause("the service is not called any more for a while: it failed too often in a row")
	}
	return policy.Go()
}

func (s *step) end(x *traffic.Exchange) {
	flags, ok := x.Carried(s).(uint8)
	if !ok {
		return
	}
	s.breaker.leave(flags&probing != 0 && flags&judged == 0)
}

type outcome uint8

const (
	none outcome = iota
	success
	failure
)

// outcomeOf is what an exchange says of the service. What the gateway answers
// itself says nothing, unless it was because of the service; that the client
// went away or sent too slowly says nothing either.
func outcomeOf(x *traffic.Exchange) outcome {
	switch status := x.Response.Status; {
	case x.Upstream.Failed && status < http.StatusInternalServerError:
		return none
	case x.Upstream.Failed:
		return failure
	case x.Response.Local || status == 0:
		return none
	case status >= http.StatusInternalServerError:
		return failure
	}
	return success
}
