package cors_test

import (
	"context"
	"slices"
	"testing"
	"time"

	"farrier.dev/farrier/internal/policy"
	"farrier.dev/farrier/internal/policy/cors"
	"farrier.dev/farrier/internal/policy/policytest"
	"farrier.dev/farrier/internal/traffic"
)

func TestConversations(t *testing.T) { policytest.Play(t, cors.Policy(), 4) }

// TestRefusedLater holds that a browser may read why a later step refused, and
// that the answer is for the origin that asked, whatever steps did to the
// request meanwhile.
func TestRefusedLater(t *testing.T) {
	compiled, err := cors.Policy().Compile([]byte("{}"))
	if err != nil {
		t.Fatal(err)
	}
	step, err := compiled.Bind(policy.Env{})
	if err != nil {
		t.Fatal(err)
	}
	later := policy.Step{Request: func(_ context.Context, x *traffic.Exchange) policy.Verdict {
		x.Request.Header.Del("origin")
		return policy.Refuse(401, "Authentication required.", "nobody")
	}}
	chain, err := policy.NewChain(&policy.Runtime{
		Now: time.Now, Render: func(x *traffic.Exchange, v policy.Verdict, _ bool) { v.Answer.Write(x) },
	}, []policy.Link{{Binding: "cors", Step: step}, {Binding: "later", Step: later}})
	if err != nil {
		t.Fatal(err)
	}
	x := &traffic.Exchange{}
	x.Request.Method = "GET"
	x.Request.Header.Set("origin", "https://shop.example")
	run := chain.Begin()
	run.Render(x, run.Request(t.Context(), x))
	run.Response(t.Context(), x)
	h := &x.Response.Header
	if x.Response.Status != 401 || h.Get("access-control-allow-origin") != "https://shop.example" || h.Get("vary") != "Origin" {
		t.Errorf("status %d, header %v", x.Response.Status, slices.Collect(h.All()))
	}
}
