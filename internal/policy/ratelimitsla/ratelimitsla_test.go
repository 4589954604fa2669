package ratelimitsla

import (
	"context"
	"encoding/json"
	"errors"
	"strings"
	"testing"
	"time"

	"farrier.dev/farrier/internal/policy"
	"farrier.dev/farrier/internal/policy/policytest"
	"farrier.dev/farrier/internal/sharedstate"
	"farrier.dev/farrier/internal/traffic"
)

func TestConversations(t *testing.T) { policytest.Play(t, Policy(), 4) }

func TestWarnings(t *testing.T) {
	for settings, want := range map[string]int{
		`{}`:                      1,
		`{"clusterizable": true}`: 1,
		`{"clientSecretExpression": "#[attributes.headers.s]"}`: 0,
		`[]`: 0,
	} {
		if got := warn(json.RawMessage(settings)); len(got) != want {
			t.Errorf("%s: %q", settings, got)
		}
	}
}

// flaky is a shared store that answers only when it is up.
type flaky struct {
	*sharedstate.Memory
	up bool
}

func (f *flaky) Remote() bool { return true }
func (f *flaky) Counter(name string) sharedstate.Counter {
	return &flakyCounter{f, f.Memory.Counter(name)}
}

type flakyCounter struct {
	store *flaky
	sharedstate.Counter
}

func (f *flakyCounter) Take(ctx context.Context, key string, limits []sharedstate.Limit) (sharedstate.Result, error) {
	if !f.store.up {
		return sharedstate.Result{}, errors.New("connection refused")
	}
	return f.Counter.Take(ctx, key, limits)
}

// TestStoreOutage holds that a gateway counts alone while the shared store is
// down, which the trail says, and together again when it is back.
func TestStoreOutage(t *testing.T) {
	compiled, err := compile(json.RawMessage(`{}`))
	if err != nil {
		t.Fatal(err)
	}
	clients, err := policy.NewClients([]*policy.Client{
		policy.NewClient("tin", "", "", "Tin", []policy.Limit{{Max: 2, Period: 60_000}}),
	})
	if err != nil {
		t.Fatal(err)
	}
	store := &flaky{Memory: sharedstate.NewMemory(time.Now), up: true}
	step, err := compiled.Bind(policy.Env{Local: sharedstate.NewMemory(time.Now), Shared: store, Clients: clients})
	if err != nil {
		t.Fatal(err)
	}
	for i, s := range []struct {
		up     bool
		refuse bool
		reason string
	}{
		{true, false, ""},
		{false, false, policy.CountedAlone},
		{false, false, policy.CountedAlone},
		{false, true, "spent"},
		{true, false, ""},
		{true, true, "spent"},
	} {
		store.up = s.up
		x := &traffic.Exchange{}
		x.Request.Header.Set("client_id", "tin")
		if v := step.Request(t.Context(), x); v.Stops() != s.refuse || !strings.Contains(v.Reason, s.reason) {
			t.Errorf("request %d: refused is %v, because %q", i+1, v.Stops(), v.Reason)
		}
	}
}
