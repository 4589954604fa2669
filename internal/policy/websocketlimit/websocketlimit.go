// Package websocketlimit is the policy websocket-connection-limit-flex: it
// bounds how many WebSocket connections are open at one time through one
// binding of this gateway. Other requests pass it by.
package websocketlimit

import (
	"context"
	_ "embed"
	"encoding/json"
	"fmt"
	"net/http"
	"sync/atomic"

	"farrier.dev/farrier/internal/policy"
	"farrier.dev/farrier/internal/traffic"
)

//go:generate go run ../schemagen .

//go:embed schema.json
var schema []byte

// Policy is the entry of the catalogue.
func Policy() policy.Policy {
	return policy.Policy{
		Name: "websocket-connection-limit-flex", Title: "WebSocket Connection Limit", Category: "Quality of service",
		Phase: policy.Meter, Schema: schema, Compile: compile,
	}
}

// Settings are what operators set.
type Settings struct {
	// MaximumConnections is how many connections may be open at one time, on each gateway.
	MaximumConnections int64 `json:"maximumConnections" required:"true" default:"100" min:"1"`
}

type limit struct {
	most int64
}

func compile(settings json.RawMessage) (policy.Compiled, error) {
	s := Settings{MaximumConnections: 100}
	if err := policy.Decode(settings, &s); err != nil {
		return nil, err
	}
	return &limit{s.MaximumConnections}, nil
}

// Bind implements policy.Compiled.
func (l *limit) Bind(env policy.Env) (policy.Step, error) {
	open, ok := env.State("open", func() any { return new(atomic.Int64) }).(*atomic.Int64)
	if !ok {
		return policy.Step{}, fmt.Errorf("what is kept for %s is of another kind", env.Binding)
	}
	return policy.Step{
		Request: func(_ context.Context, x *traffic.Exchange) policy.Verdict {
			if !x.Request.Streaming || !x.Request.Header.HasToken("upgrade", "websocket") {
				return policy.Go()
			}
			if open.Add(1) > l.most {
				open.Add(-1)
				return tooMany
			}
			x.Carry(open, true)
			return policy.Go()
		},
		End: func(x *traffic.Exchange) {
			if x.Carried(open) != nil {
				open.Add(-1)
			}
		},
	}, nil
}

var tooMany = policy.Verdict{
	Action: traffic.Refused, Reason: "as many WebSocket connections are open as may be",
	Answer: policy.Answer{
		Status: http.StatusTooManyRequests, Body: []byte("Too many WebSocket connections"),
		Header: []traffic.Field{{Name: "content-type", Value: "text/plain"}},
	},
}
