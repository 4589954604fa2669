package a2a

import (
	"context"
	_ "embed"
	"encoding/json"
	"fmt"
	"net/http"
	"time"

	"farrier.dev/farrier/internal/dataweave"
	"farrier.dev/farrier/internal/encoding/jsontext"
	"farrier.dev/farrier/internal/encoding/jsontext/jsonrpc"
	"farrier.dev/farrier/internal/encoding/tokens"
	"farrier.dev/farrier/internal/policy"
	"farrier.dev/farrier/internal/sharedstate"
	"farrier.dev/farrier/internal/traffic"
)

//go:embed limit.json
var limitSchema []byte

// Limit is the entry of the catalogue for a2a-token-rate-limit, which lets as
// many tokens of prompts pass as its limit allows.
func Limit() policy.Policy {
	return policy.Policy{
		Name: "a2a-token-rate-limit", Title: "A2A Token Rate Limit", Category: category,
		Phase: policy.Meter, Schema: limitSchema, Compile: compileLimit,
	}
}

// LimitSettings are those of a2a-token-rate-limit.
type LimitSettings struct {
	// MaximumTokens is how many tokens of prompts may be sent to the agent in one
	// period: those of the text and data parts of messages, counted as GPT-4o-mini
	// does. A request that holds more than are left is refused with 429 and costs
	// nothing. Gateways on one sharedStorage count together.
	MaximumTokens int64 `json:"maximumTokens" required:"true" min:"1"`
	// TimePeriodInMilliseconds is the length of a period, which begins with the
	// first request.
	TimePeriodInMilliseconds int64 `json:"timePeriodInMilliseconds" required:"true" min:"1" max:"3155760000000"`
	// KeySelector is an expression whose text names the bucket to count in; without
	// it all requests share one, as do those for which it can't be evaluated.
	KeySelector string `json:"keySelector" default:"" expr:"true"`
}

type limit struct {
	window  sharedstate.Limit
	key     *dataweave.Expression // nil counts all together
	counter *tokens.Counter
}

func compileLimit(settings json.RawMessage) (policy.Compiled, error) {
	var s LimitSettings
	if err := policy.DecodeWithDefaults(limitSchema, settings, &s); err != nil {
		return nil, err
	}
	l := &limit{
		window:  sharedstate.Limit{Max: s.MaximumTokens, Period: time.Duration(s.TimePeriodInMilliseconds) * time.Millisecond},
		counter: tokens.NewCounter(),
	}
	if s.KeySelector != "" {
		var err error
		if l.key, err = dataweave.Compile(s.KeySelector); err != nil {
			return nil, fmt.Errorf("keySelector: %w", err)
		}
	}
	return l, nil
}

// meter is the policy in one binding.
type meter struct {
	*limit
	tally  *policy.Tally
	limits []sharedstate.Limit
}

// Bind implements policy.Compiled.
func (l *limit) Bind(env policy.Env) (policy.Step, error) {
	tally, err := policy.NewTally(env, "a2a-token-rate-limit", true)
	if err != nil {
		return policy.Step{}, err
	}
	m := &meter{l, tally, tally.Limits([]sharedstate.Limit{l.window})}
	return policy.Step{Request: m.request, RequestBody: request()}, nil
}

func (b *meter) request(ctx context.Context, x *traffic.Exchange) policy.Verdict {
	r, v := policy.ReadRPC(x)
	if v.Stops() {
		return v
	}
	sum := b.counter.Begin()
	var id []byte
	for i := range r.Messages {
		m := &r.Messages[i]
		if !sends(m) {
			continue
		}
		id = m.ID
		elements, _, err := parts(m)
		if err != nil {
			return policy.RefuseRPC(x, http.StatusBadRequest, m.ID, jsonrpc.InvalidParams, "Invalid params.", err.Error())
		}
		for _, part := range elements {
			if err := add(sum, part); err != nil {
				return policy.RefuseRPC(x, http.StatusBadRequest, m.ID, jsonrpc.InvalidParams, "Invalid params.", err.Error())
			}
		}
	}
	cost := sum.Tokens()
	if cost == 0 {
		return policy.Go()
	}
	key := ""
	if b.key != nil {
		if text, err := b.key.EvalString(&policy.Scope{Exchange: x}); err == nil {
			key = text
		}
	}
	result, alone := b.tally.Charge(ctx, key, 0, b.limits)
	if result.Remaining < cost {
		return policy.RefuseRPC(x, http.StatusTooManyRequests, id, jsonrpc.InvalidRequest, "Too many tokens.",
			fmt.Sprintf("%d tokens are asked for and %d are left", cost, max(0, result.Remaining)))
	}
	b.tally.Charge(ctx, key, cost, b.limits)
	if alone {
		return policy.GoBecause(policy.CountedAlone)
	}
	return policy.Go()
}

// add counts the text and the data of a part; files are for the agent to read.
func add(sum *tokens.Sum, part []byte) error {
	found, err := policy.RPCMembers(part, "text", "data")
	if err != nil {
		return err
	}
	if text, ok := policy.JSONText(found["text"]); ok {
		sum.Add(text)
	}
	if found["data"] == nil {
		return nil
	}
	return jsontext.Walk(found["data"], policy.RPCLimits().JSON, func(_ jsontext.Path, t jsontext.Token) error {
		sum.Add(string(t.Text()))
		return nil
	})
}
