package ratelimit

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"testing"
	"time"

	"farrier.dev/farrier/internal/policy"
	"farrier.dev/farrier/internal/policy/policytest"
	"farrier.dev/farrier/internal/sharedstate"
	"farrier.dev/farrier/internal/traffic"
)

func TestConversations(t *testing.T) { policytest.Play(t, Policy(), 3) }

// broken is a shared store that does not answer.
type broken struct{ *sharedstate.Memory }

func (broken) Remote() bool                       { return true }
func (broken) Counter(string) sharedstate.Counter { return silent{} }

type silent struct{}

func (silent) Charge(context.Context, string, int64, []sharedstate.Limit) (sharedstate.Result, error) {
	return sharedstate.Result{}, errors.New("connection refused")
}

func (silent) Take(context.Context, string, []sharedstate.Limit) (sharedstate.Result, error) {
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
		step, err := compiled.Bind(policy.Env{Local: sharedstate.NewMemory(time.Now), Shared: broken{}})
		if err != nil {
			t.Fatal(err)
		}
		v := step.Request(t.Context(), &x)
		if v.Action != want || want == traffic.Failed && v.Answer.Status != http.StatusServiceUnavailable {
			t.Errorf("%s: %v %d, want %v", text, v.Action, v.Answer.Status, want)
		}
		if step.Response(t.Context(), &x); x.Response.Header.Len() > 0 {
			t.Errorf("%s: an unknown quota is told to the client", text)
		}
	}
}

// TestWhereItCounts holds that gateways count together only where the settings
// ask for it, and that windows are then no shorter than ten seconds.
func TestWhereItCounts(t *testing.T) {
	for settings, want := range map[string]string{
		``:                        "remote 20",
		`,"clusterizable": true`:  "remote 20",
		`,"clusterizable": false`: "local 2",
	} {
		compiled, err := compile(json.RawMessage(`{"rateLimits":[{"maximumRequests":2,"timePeriodInMilliseconds":1000}],"exposeHeaders":true` + settings + `}`))
		if err != nil {
			t.Fatal(err)
		}
		local, shared := sharedstate.NewMemory(time.Now), remote{sharedstate.NewMemory(time.Now)}
		step, err := compiled.Bind(policy.Env{Local: local, Shared: shared, API: "default/orders", Binding: "default/limit"})
		if err != nil {
			t.Fatal(err)
		}
		var x traffic.Exchange
		if step.Request(t.Context(), &x).Stops() {
			t.Fatalf("%s: refused", settings)
		}
		step.Response(t.Context(), &x)
		got := "local "
		const name = "rate-limiting default/orders default/limit"
		if counted(t, shared.Counter(name), sharedstate.Limit{Max: 20, Period: 10 * time.Second}) {
			got = "remote "
		} else if !counted(t, local.Counter(name), sharedstate.Limit{Max: 2, Period: time.Second}) {
			got = "nowhere "
		}
		if got += x.Response.Header.Get("x-ratelimit-limit"); got != want {
			t.Errorf("%s: %s, want %s", settings, got, want)
		}
	}
}

type remote struct{ *sharedstate.Memory }

func (remote) Remote() bool { return true }

func counted(t *testing.T, c sharedstate.Counter, limit sharedstate.Limit) bool {
	t.Helper()
	r, err := c.Charge(t.Context(), "", 0, []sharedstate.Limit{limit})
	if err != nil {
		t.Fatal(err)
	}
	return r.Remaining == limit.Max-1
}

// TestCountersSurviveARevision binds the same limit again, with other settings
// beside it.
func TestCountersSurviveARevision(t *testing.T) {
	env := policy.Env{Now: time.Now, Local: sharedstate.NewMemory(time.Now)}
	for i, want := range []bool{false, true} {
		compiled, err := compile(json.RawMessage(fmt.Sprintf(
			`{"rateLimits":[{"maximumRequests":1,"timePeriodInMilliseconds":60000}],"exposeHeaders":%v}`, want)))
		if err != nil {
			t.Fatal(err)
		}
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
	step, err := compiled.Bind(policy.Env{Local: sharedstate.NewMemory(time.Now)})
	if err != nil {
		b.Fatal(err)
	}
	x := &traffic.Exchange{}
	x.Request.Header.Set("client_id", "0123456789abcdef")
	b.ReportAllocs()
	for b.Loop() {
		if step.Request(b.Context(), x).Stops() {
			b.Fatal("refused")
		}
	}
}
