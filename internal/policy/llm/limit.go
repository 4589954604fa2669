package llm

import (
	"context"
	_ "embed"
	"encoding/json"
	"fmt"
	"net/http"
	"strconv"
	"time"

	"farrier.dev/farrier/internal/dataweave"
	"farrier.dev/farrier/internal/encoding/eventstream"
	"farrier.dev/farrier/internal/encoding/tokens"
	"farrier.dev/farrier/internal/policy"
	"farrier.dev/farrier/internal/sharedstate"
	"farrier.dev/farrier/internal/traffic"
)

//go:embed schema.json
var limitSchema []byte

// Limit is the entry of the catalogue for llm-token-rate-limit, which limits
// the tokens that prompts and answers use.
func Limit() policy.Policy {
	return policy.Policy{
		Name: "llm-token-rate-limit", Title: "LLM Token Rate Limit", Category: category,
		Phase: policy.Meter, Schema: limitSchema, Compile: compileLimit,
	}
}

// Settings are those of llm-token-rate-limit.
type Settings struct {
	// MaximumTokens is how many tokens may be used in one period. The prompt is
	// counted as GPT-4o-mini does and spent before the request is sent on; a request
	// whose prompt is longer than what is left is refused with 429 and costs
	// nothing. What the model says in usage that it took beyond that, or else the
	// text of its answer, is spent behind it, also when that is more than is left.
	// Gateways on one sharedStorage count together. Clients read x-token-limit,
	// x-token-remaining and x-token-reset (milliseconds).
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
	var s Settings
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

// spending is what one exchange costs.
type spending struct {
	key    string
	prompt int64
	result sharedstate.Result
	usage  usage
	paid   bool
}

// Bind implements policy.Compiled.
func (l *limit) Bind(env policy.Env) (policy.Step, error) {
	tally, err := policy.NewTally(env, "llm-token-rate-limit", true)
	if err != nil {
		return policy.Step{}, err
	}
	b := &meter{l, tally, tally.Limits([]sharedstate.Limit{l.window})}
	return policy.Step{
		Request: b.request, Response: b.response, End: b.end, RequestBody: request(),
		ResponseBody: policy.Need{Mode: policy.Buffered, Limit: bodyLimit, Partial: true, BestEffort: true},
		OnStream:     policy.InspectStream, Messages: policy.ServiceOnly, Message: b.message,
	}, nil
}

func (b *meter) request(ctx context.Context, x *traffic.Exchange) policy.Verdict {
	if x.Request.Streaming {
		return policy.Refuse(http.StatusForbidden, "Streaming is not allowed here.", "what is sent on a stream can't be counted")
	}
	body, v := read(x)
	if body == nil {
		return v
	}
	x.Request.Header.Del("accept-encoding") // coded event streams can't be counted
	cost, err := promptTokens(b.counter, body)
	if err != nil {
		return policy.Refuse(http.StatusBadRequest, "Malformed JSON.", err.Error())
	}
	s := &spending{prompt: cost}
	if b.key != nil {
		if text, err := b.key.EvalString(&policy.Scope{Exchange: x}); err == nil {
			s.key = text
		}
	}
	result, alone := b.tally.Charge(ctx, s.key, 0, b.limits)
	if !result.OK || result.Remaining < cost {
		return policy.Verdict{
			Action: traffic.Refused, Reason: fmt.Sprintf("the prompt has %d tokens and %d are left", cost, max(0, result.Remaining)),
			Answer: policy.Answer{
				Status: http.StatusTooManyRequests,
				Header: append(fields(result), traffic.Field{Name: "x-llm-proxy-ratelimit", Value: "exceeded"}),
			},
		}
	}
	s.result, _ = b.tally.Charge(ctx, s.key, cost, b.limits)
	s.usage.sum = b.counter.Begin()
	x.Carry(b, s)
	if alone {
		return policy.GoBecause(policy.CountedAlone)
	}
	return policy.Go()
}

// fields tell clients what is left.
func fields(r sharedstate.Result) []traffic.Field {
	reset := (r.Reset + time.Millisecond - 1) / time.Millisecond
	return []traffic.Field{
		{Name: "x-token-limit", Value: strconv.FormatInt(r.Limit, 10)},
		{Name: "x-token-remaining", Value: strconv.FormatInt(max(0, r.Remaining), 10)},
		{Name: "x-token-reset", Value: strconv.FormatInt(int64(reset), 10)},
	}
}

// response pays what the answer cost, as far as it is known already.
func (b *meter) response(ctx context.Context, x *traffic.Exchange) policy.Verdict {
	s, _ := x.Carried(b).(*spending)
	if s == nil {
		return policy.Go()
	}
	if !x.Response.Local && !x.Response.Streaming && x.Response.Body.Loaded() && x.Response.Status < http.StatusBadRequest {
		if x.Response.Body.Partial() {
			x.NotInspected = append(x.NotInspected, "llm-token-rate-limit: the answer is too long, its tokens were not counted")
		} else {
			s.usage.read(x.Response.Body.Bytes())
		}
		b.pay(ctx, s)
	}
	for _, f := range fields(s.result) {
		x.Response.Header.Set(f.Name, f.Value)
	}
	return policy.Go()
}

// message reads what a stream tells of its usage; it refuses nothing.
func (b *meter) message(_ context.Context, x *traffic.Exchange, m policy.Message) policy.Verdict {
	s, _ := x.Carried(b).(*spending)
	if s == nil || m.Partial || m.Kind != policy.EventMessage {
		return policy.Go()
	}
	if data, ok := eventstream.Data(m.Data); ok {
		s.usage.read(data)
	}
	return policy.Go()
}

// end pays what a stream cost.
func (b *meter) end(x *traffic.Exchange) {
	if s, _ := x.Carried(b).(*spending); s != nil {
		ctx, cancel := context.WithTimeout(context.Background(), chargePatience)
		defer cancel()
		b.pay(ctx, s)
	}
}

// chargePatience is how long the store may take when nobody waits for it.
const chargePatience = 5 * time.Second

// pay spends what was used beyond the prompt, once.
func (b *meter) pay(ctx context.Context, s *spending) {
	if s.paid {
		return
	}
	s.paid = true
	if more := s.usage.total(s.prompt) - s.prompt; more > 0 {
		s.result, _ = b.tally.Charge(ctx, s.key, more, b.limits)
	}
}
