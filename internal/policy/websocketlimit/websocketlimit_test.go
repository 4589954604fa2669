package websocketlimit

import (
	"encoding/json"
	"log/slog"
	"testing"

	"farrier.dev/farrier/internal/policy"
	"farrier.dev/farrier/internal/policy/policytest"
	"farrier.dev/farrier/internal/traffic"
)

func TestConversations(t *testing.T) { policytest.Play(t, Policy(), 1) }

// TestConnectionsAreGivenBack holds that what ends makes room, and that what was
// refused gives nothing back.
func TestConnectionsAreGivenBack(t *testing.T) {
	compiled, err := compile(json.RawMessage(`{"maximumConnections": 2}`))
	if err != nil {
		t.Fatal(err)
	}
	states := map[string]any{}
	step, err := compiled.Bind(policy.Env{Log: slog.Default(), State: func(key string, make func() any) any {
		if states[key] == nil {
			states[key] = make()
		}
		return states[key]
	}})
	if err != nil {
		t.Fatal(err)
	}
	open := func() (*traffic.Exchange, bool) {
		x := &traffic.Exchange{Request: traffic.Request{Streaming: true}}
		x.Request.Header.Set("upgrade", "websocket")
		return x, !step.Request(t.Context(), x).Stops()
	}
	first, _ := open()
	if _, ok := open(); !ok {
		t.Fatal("the second connection was refused")
	}
	third, ok := open()
	if ok {
		t.Fatal("the third connection passed")
	}
	step.End(third)
	if _, ok := open(); ok {
		t.Error("a refused connection made room")
	}
	step.End(first)
	if _, ok := open(); !ok {
		t.Error("a connection that ended made no room")
	}
	plain := &traffic.Exchange{}
	if step.Request(t.Context(), plain).Stops() {
		t.Error("a request that is no WebSocket was refused")
	}
	step.End(plain)
	if _, ok := open(); ok {
		t.Error("a request that is no WebSocket made room")
	}
}
