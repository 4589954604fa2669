package idempotency

import (
	"context"
	"encoding/json"
	"errors"
	"testing"
	"time"

	"farrier.dev/farrier/internal/policy"
	"farrier.dev/farrier/internal/policy/policytest"
	"farrier.dev/farrier/internal/sharedstate"
	"farrier.dev/farrier/internal/traffic"
)

func TestConversations(t *testing.T) { policytest.Play(t, Policy(), 2) }

// down is a store that does not answer.
type down struct{ sharedstate.Store }

func (down) Cache(string) sharedstate.Cache { return downCache{} }

type downCache struct{ sharedstate.Cache }

func (downCache) Add(context.Context, string, []byte, time.Duration) (bool, error) {
	return false, errors.New("connection refused")
}

func exchange() *traffic.Exchange {
	x := &traffic.Exchange{Request: traffic.Request{Method: "POST", Path: "/orders"}}
	x.Request.Header.Set("idempotency-key", "k1")
	return x
}

func bind(t *testing.T, settings string, store sharedstate.Store) policy.Step {
	t.Helper()
	compiled, err := compile(json.RawMessage(settings))
	if err != nil {
		t.Fatal(err)
	}
	step, err := compiled.Bind(policy.Env{Shared: store, API: "default/orders", Binding: "default/keys"})
	if err != nil {
		t.Fatal(err)
	}
	return step
}

func TestStoreDown(t *testing.T) {
	if v := bind(t, `{}`, down{}).Request(t.Context(), exchange()); v.Action != traffic.Failed || v.Answer.Status != 503 {
		t.Errorf("%v %d, want a failure with 503", v.Action, v.Answer.Status)
	}
	if v := bind(t, `{"onStoreDown":"pass"}`, down{}).Request(t.Context(), exchange()); v.Stops() {
		t.Errorf("%v, want the request to pass", v.Action)
	}
}

// TestUnderWay holds that a repeat waits for the first request, and is carried
// out when that one brought no answer.
func TestUnderWay(t *testing.T) {
	step := bind(t, `{}`, sharedstate.NewMemory(time.Now))
	first := exchange()
	if v := step.Request(t.Context(), first); v.Stops() {
		t.Fatal(v.Reason)
	}
	if v := step.Request(t.Context(), exchange()); v.Answer.Status != 409 {
		t.Errorf("a repeat during the first request: %d, want 409", v.Answer.Status)
	}
	first.Upstream.Failed = true
	first.Response.Local, first.Response.Status = true, 502
	step.Response(t.Context(), first)
	step.End(first)
	if v := step.Request(t.Context(), exchange()); v.Stops() {
		t.Errorf("a repeat behind a failure: %s", v.Reason)
	}
}
