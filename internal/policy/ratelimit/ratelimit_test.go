package ratelimit

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"testing"
	"time"

	"farrier.dev/farrier/internal/policy"
	"farrier.dev/farrier/internal/policy/policytest"
	"farrier.dev/farrier/internal/sharedstate"
	"farrier.dev/farrier/internal/traffic"
)

func TestConversations(t *testing.T) { policytest.Play(t, Policy(), 3) }

type broken struct{}

func (broken) Charge(context.Context, string, int64, []sharedstate.Limit) (sharedstate.Result, error) {
	return sharedstate.Result{}, errors.New("connection refused")
}

func (broken) Take(context.Context, string, []sharedstate.Limit) (sharedstate.Result, error) {
	return sharedstate.Result{}, errors.New("connection refused")
}

func TestUnknownQuota(t *testing.T) {
	const settings = `{"rateLimits":[{"maximumRequests":1,"timePeriodInMilliseconds":1000}],"exposeHeaders":true%s}`
	for text, want := range map[string]traffic.Action{
		``:                              traffic.Failed,
		`,"blockOnUnknownQuota": true`:  traffic.Failed,
		`,"blockOnUnknownQuota": false`: traffic.Continued,
	} {
		compiled, err := compile(json.RawMessage(settings[:len(settings)-3] + text + "}"))
		if err != nil {
			t.Fatal(err)
		}
		var x traffic.Exchange
		step := compiled.(*limiter).step(broken{})
		v := step.Request(t.Context(), &x)
		if v.Action != want || want == traffic.Failed && v.Answer.Status != http.StatusServiceUnavailable {
			t.Errorf("%s: %v %d, want %v", text, v.Action, v.Answer.Status, want)
		}
		if step.Response(t.Context(), &x); x.Response.Header.Len() > 0 {
			t.Errorf("%s: an unknown quota is told to the client", text)
		}
	}
}

func TestWarnings(t *testing.T) {
	for settings, want := range map[string]int{
		`{}`:                       0,
		`{"clusterizable": true}`:  1,
		`{"clusterizable": false}`: 0,
		`{"clusterizable": "$X"}`:  0,
		`[]`:                       0,
	} {
		if got := warn(json.RawMessage(settings)); len(got) != want {
			t.Errorf("%s: %q", settings, got)
		}
	}
}

// TestCountersSurviveARevision binds the same settings twice.
func TestCountersSurviveARevision(t *testing.T) {
	compiled, err := compile(json.RawMessage(`{"rateLimits":[{"maximumRequests":1,"timePeriodInMilliseconds":60000}]}`))
	if err != nil {
		t.Fatal(err)
	}
	states := map[string]any{}
	env := policy.Env{Now: time.Now, State: func(key string, make func() any) any {
		if states[key] == nil {
			states[key] = make()
		}
		return states[key]
	}}
	for i, want := range []bool{false, true} {
		step, err := compiled.Bind(env)
		if err != nil {
			t.Fatal(err)
		}
		if v := step.Request(t.Context(), &traffic.Exchange{}); v.Stops() != want {
			t.Errorf("revision %d: refused is %v", i+1, v.Stops())
		}
	}
}

func BenchmarkRequest(b *testing.B) {
	compiled, err := compile(json.RawMessage(`{"rateLimits":[{"maximumRequests":1000000000,"timePeriodInMilliseconds":60000}],"keySelector":"#[attributes.headers['client_id']]"}`))
	if err != nil {
		b.Fatal(err)
	}
	step := compiled.(*limiter).step(sharedstate.NewFixedWindow(time.Now, 0))
	x := &traffic.Exchange{}
	x.Request.Header.Set("client_id", "0123456789abcdef")
	b.ReportAllocs()
	for b.Loop() {
		if step.Request(b.Context(), x).Stops() {
			b.Fatal("refused")
		}
	}
}
