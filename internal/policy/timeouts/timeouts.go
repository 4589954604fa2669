// Package timeouts is the policies response-timeout-flex,
// stream-idle-timeout-flex and idle-timeout-flex: they say how long the gateway
// waits for a service. The gateway itself keeps the time, and answers 504.
package timeouts

import (
	"context"
	_ "embed"
	"encoding/json"
	"time"

	"farrier.dev/farrier/internal/policy"
	"farrier.dev/farrier/internal/traffic"
)

//go:generate go run ../schemagen . .:StreamSettings .:UpstreamSettings

//go:embed schema.json
var schema []byte

//go:embed stream.json
var streamSchema []byte

//go:embed upstream.json
var upstreamSchema []byte

// Response is the entry of the catalogue for response-timeout-flex, which
// bounds how long the head of a response may take.
func Response() policy.Policy {
	return policy.Policy{
		Name: "response-timeout-flex", Title: "Response Timeout", Category: "Quality of service",
		Phase: policy.Shape, Schema: schema,
		Compile: compile(15, func(t *traffic.Timeouts, d time.Duration) { t.Response = d }),
	}
}

// StreamIdle is the entry of the catalogue for stream-idle-timeout-flex, which
// bounds how long a body or a stream may rest.
func StreamIdle() policy.Policy {
	return policy.Policy{
		Name: "stream-idle-timeout-flex", Title: "Stream Idle Timeout", Category: "Quality of service",
		Phase: policy.Shape, Schema: streamSchema,
		Compile: compile(300, func(t *traffic.Timeouts, d time.Duration) { t.StreamIdle = d }),
	}
}

// UpstreamIdle is the entry of the catalogue for idle-timeout-flex, which
// bounds how long a call to a service may go without a byte from it.
func UpstreamIdle() policy.Policy {
	return policy.Policy{
		Name: "idle-timeout-flex", Title: "Upstream Idle Timeout", Category: "Quality of service",
		Phase: policy.Shape, Outbound: true, Schema: upstreamSchema,
		Compile: compile(60, func(t *traffic.Timeouts, d time.Duration) { t.UpstreamIdle = d }),
	}
}

// Settings are those of response-timeout-flex.
type Settings struct {
	// Timeout is how many seconds the head of the service's response may take, from when the request was sent. It may be longer than what the gateway is configured for.
	Timeout int64 `json:"timeout" required:"true" default:"15" min:"1" max:"604800"`
}

// StreamSettings are those of stream-idle-timeout-flex.
type StreamSettings struct {
	// Timeout is how many seconds a body or a stream may rest, in either direction, before it is cut.
	Timeout int64 `json:"timeout" required:"true" default:"300" min:"1" max:"604800"`
}

// UpstreamSettings are those of idle-timeout-flex.
type UpstreamSettings struct {
	// Timeout is how many seconds a call to the service may go without a byte from it.
	Timeout int64 `json:"timeout" required:"true" default:"60" min:"1" max:"604800"`
}

// timeout is a compiled policy.
type timeout struct {
	wait time.Duration
	set  func(*traffic.Timeouts, time.Duration)
}

func compile(otherwise int64, set func(*traffic.Timeouts, time.Duration)) func(json.RawMessage) (policy.Compiled, error) {
	return func(settings json.RawMessage) (policy.Compiled, error) {
		s := Settings{Timeout: otherwise}
		if err := policy.Decode(settings, &s); err != nil {
			return nil, err
		}
		return &timeout{time.Duration(s.Timeout) * time.Second, set}, nil
	}
}

// Bind implements policy.Compiled.
func (t *timeout) Bind(policy.Env) (policy.Step, error) {
	return policy.Step{Request: func(_ context.Context, x *traffic.Exchange) policy.Verdict {
		t.set(&x.Timeouts, t.wait)
		return policy.Go()
	}}, nil
}
