package policy_test

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"testing"

	"farrier.dev/farrier/internal/finding"
	"farrier.dev/farrier/internal/policy"
	"farrier.dev/farrier/internal/traffic"
)

// listens is a traced step whose message hook answers by what it is told.
func (b *bench) listens(name string, from policy.Senders) policy.Link {
	l := b.step(name)
	l.Step.OnStream, l.Step.Messages = policy.InspectStream, from
	l.Step.RequestBody = whole(10)
	l.Step.Message = func(_ context.Context, x *traffic.Exchange, m policy.Message) policy.Verdict {
		b.trace = append(b.trace, fmt.Sprintf("%s %s %s", name, m.Kind, m.Data))
		switch text := string(m.Data); {
		case strings.Contains(text, "attack"):
			return policy.Refuse(http.StatusForbidden, "No.", "an attack")
		case text == "panic":
			panic(text)
		case text == "find":
			x.Findings = append(x.Findings, finding.Finding{Rule: "x"})
			return policy.Verdict{Action: traffic.Watched, Reason: "found"}
		}
		return policy.Go()
	}
	return l
}

func whole(limit int64) policy.Need { return policy.Need{Mode: policy.Buffered, Limit: limit} }

func TestMessagesGoThroughTheChain(t *testing.T) {
	b := newBench(t)
	unmatched := b.listens("unmatched", policy.BothSenders)
	unmatched.Match = func(*traffic.Exchange) bool { return false }
	chain := b.chain(b.listens("first", policy.BothSenders), b.step("deaf"), unmatched,
		b.listens("client", policy.ClientOnly), b.listens("service", policy.ServiceOnly))
	x := newExchange("a body that is longer than ten")
	x.Request.Streaming = true
	run := chain.Begin()
	if run.Inspects(true, policy.TextMessage) || run.Inspects(false, policy.TextMessage) {
		t.Error("inspects before the request side has run")
	}
	if v := run.Request(t.Context(), x); v.Stops() || x.Request.Body.Loaded() || !run.Inspects(true, policy.TextMessage) || !run.Inspects(false, policy.TextMessage) {
		t.Fatalf("the opening: %+v", v)
	}
	b.trace = nil
	say := func(fromClient bool, kind policy.MessageKind, text string) policy.Verdict {
		return run.Message(t.Context(), x, policy.Message{FromClient: fromClient, Kind: kind, Data: []byte(text)})
	}
	say(true, policy.TextMessage, "hello")
	say(false, policy.GRPCMessage, "hi")
	b.want("first text hello", "client text hello", "service gRPC hi", "first gRPC hi")
	b.trace = nil
	if v := say(true, policy.BinaryMessage, "attack"); v.Action != traffic.Refused {
		t.Errorf("an attack: %+v", v)
	}
	b.want("first binary attack")
	if v := say(false, policy.EventMessage, "panic"); v.Action != traffic.Failed || len(b.panics) != 1 {
		t.Errorf("a panic: %+v, %q", v, b.panics)
	}
	if last := x.Decisions[len(x.Decisions)-1]; last.Binding != "service" || last.Side != "response" || last.Action != traffic.Failed {
		t.Errorf("the trail ends with %+v", last)
	}
}

func TestInspectedStreamsAreNotLoaded(t *testing.T) {
	b := newBench(t)
	l := b.listens("step", policy.ServiceOnly)
	l.Step.ResponseBody = whole(10)
	chain := b.chain(l)
	x := newExchange("a request")
	run := chain.Begin()
	if v := run.Request(t.Context(), x); v.Stops() || !x.Request.Body.Loaded() {
		t.Errorf("a request that is no stream: %+v", v)
	}
	answer("an answer that is longer than ten")(x)
	x.Response.Streaming = true
	if v := run.Response(t.Context(), x); v.Stops() || x.Response.Body.Loaded() {
		t.Errorf("a response that is a stream: %+v", v)
	}
	b.want("request step", "response step")
}

func TestMessagesFillNoTrail(t *testing.T) {
	b := newBench(t)
	chain := b.chain(b.listens("step", policy.BothSenders))
	x := newExchange("")
	x.Request.Streaming = true
	run := chain.Begin()
	run.Request(t.Context(), x)
	before := len(x.Decisions)
	for range 1000 {
		run.Message(t.Context(), x, policy.Message{FromClient: true, Data: []byte("find")})
		run.Message(t.Context(), x, policy.Message{FromClient: true, Data: []byte("nothing")})
	}
	if n := len(x.Decisions) - before; n != 33 || len(x.Findings) != 32 || !strings.Contains(x.Decisions[len(x.Decisions)-1].Reason, "968 further") {
		t.Errorf("%d decisions, %d findings, %+v", n, len(x.Findings), x.Decisions[len(x.Decisions)-1])
	}
	run.Message(t.Context(), x, policy.Message{FromClient: true, Data: []byte("attack")})
	if last := x.Decisions[len(x.Decisions)-1]; last.Action != traffic.Refused || len(x.Decisions)-before != 34 {
		t.Errorf("the trail ends with %+v", last)
	}
}

func TestInspectingNeedsAHook(t *testing.T) {
	b := newBench(t)
	l := b.step("step")
	l.Step.OnStream = policy.InspectStream
	if _, err := policy.NewChain(&b.rt, []policy.Link{l}); err == nil || !strings.Contains(err.Error(), "step: ") {
		t.Errorf("without a hook: %v", err)
	}
	var none policy.Run
	if v := none.Message(t.Context(), newExchange(""), policy.Message{}); v.Stops() || none.Inspects(true, policy.TextMessage) {
		t.Error("a run without a chain inspects")
	}
}
