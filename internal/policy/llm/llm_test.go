package llm_test

import (
	"context"
	"testing"
	"time"

	"farrier.dev/farrier/internal/policy"
	"farrier.dev/farrier/internal/policy/llm"
	"farrier.dev/farrier/internal/policy/policytest"
	"farrier.dev/farrier/internal/sharedstate"
	"farrier.dev/farrier/internal/traffic"
)

func TestConversations(t *testing.T) {
	policytest.PlayAll(t, 5, llm.Limit(), llm.Guard(), llm.PII())
}

// TestStreamIsPaid holds that what the events of a stream tell of their usage,
// or else their texts, is spent when the stream has ended.
func TestStreamIsPaid(t *testing.T) {
	for name, c := range map[string]struct {
		events []string
		left   int64
	}{
		"OpenAI":    {[]string{`data: {"choices":[{"delta":{"content":"hello world"}}],"usage":null}`, `data: {"choices":[],"usage":{"prompt_tokens":8,"completion_tokens":2,"total_tokens":10}}`, "data: [DONE]"}, 90},
		"responses": {[]string{"event: response.completed\n" + `data: {"type":"response.completed","response":{"usage":{"input_tokens":9,"output_tokens":2,"total_tokens":11}}}`}, 89},
		"Anthropic": {[]string{`data: {"type":"message_start","message":{"usage":{"input_tokens":5,"output_tokens":1}}}`, `data: {"type":"message_delta","usage":{"output_tokens":7}}`}, 88},
		"silent":    {[]string{`data: {"choices":[{"delta":{"content":"hello world"}}]}`, `data: {"choices":[{"delta":{"content":" hello"}}]}`}, 95},
	} {
		compiled, err := llm.Limit().Compile([]byte(`{"maximumTokens":100,"timePeriodInMilliseconds":60000}`))
		if err != nil {
			t.Fatal(err)
		}
		memory := sharedstate.NewMemory(time.Now)
		step, err := compiled.Bind(policy.Env{Local: memory, Shared: memory})
		if err != nil {
			t.Fatal(err)
		}
		x := &traffic.Exchange{}
		x.Request.Header.Set("content-type", "application/json")
		if err := x.Request.Body.Replace([]byte(`{"messages":[{"role":"user","content":"hello world"}]}`)); err != nil {
			t.Fatal(err)
		}
		ctx := context.Background()
		if v := step.Request(ctx, x); v.Stops() {
			t.Fatal(v.Reason)
		}
		x.Response.Streaming, x.Response.Status = true, 200
		step.Response(ctx, x)
		if got := x.Response.Header.Get("x-token-remaining"); got != "98" {
			t.Errorf("%s: %s are left before the stream, want 98", name, got)
		}
		for _, event := range c.events {
			step.Message(ctx, x, policy.Message{Kind: policy.EventMessage, Data: []byte(event)})
		}
		step.End(x)
		result, err := memory.Counter("llm-token-rate-limit  ").Charge(ctx, "", 0, []sharedstate.Limit{{Max: 100, Period: time.Minute}})
		if err != nil || result.Remaining != c.left {
			t.Errorf("%s: %d are left (%v), want %d", name, result.Remaining, err, c.left)
		}
	}
}
