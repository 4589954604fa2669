package throttling

import (
	"context"
	"encoding/json"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"farrier.dev/farrier/internal/policy"
	"farrier.dev/farrier/internal/policy/policytest"
	"farrier.dev/farrier/internal/sharedstate"
	"farrier.dev/farrier/internal/traffic"
)

func TestConversations(t *testing.T) { policytest.Play(t, Policy(), 3) }

func bind(t *testing.T, settings string) policy.Step {
	t.Helper()
	compiled, err := compile(json.RawMessage(settings))
	if err != nil {
		t.Fatal(err)
	}
	step, err := compiled.Bind(policy.Env{
		Now: time.Now, Local: sharedstate.NewMemory(time.Now),
		State: func(_ string, make func() any) any { return make() },
	})
	if err != nil {
		t.Fatal(err)
	}
	return step
}

// TestQueueIsBounded sends six requests at once: one passes, two wait for the
// next window, three find the queue full.
func TestQueueIsBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		step := bind(t, `{"rateLimits":[{"maximumRequests":1,"timePeriodInMilliseconds":100}],"delayTimeInMillis":100,"delayAttempts":3,"queuingLimit":2}`)
		var mu sync.Mutex
		var wg sync.WaitGroup
		took := map[string]int{}
		began := time.Now()
		for range 6 {
			wg.Go(func() {
				v := step.Request(context.Background(), &traffic.Exchange{})
				mu.Lock()
				defer mu.Unlock()
				name := "passed after "
				if v.Stops() {
					name = "refused after "
				}
				took[name+time.Since(began).String()]++
			})
		}
		wg.Wait()
		want := map[string]int{"passed after 0s": 1, "refused after 0s": 3, "passed after 100ms": 1, "passed after 200ms": 1}
		for name, n := range want {
			if took[name] != n {
				t.Errorf("%s: %d, want %d (all: %v)", name, took[name], n, took)
			}
		}
	})
}

func TestWaitingEndsWithTheContext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		step := bind(t, `{"maximumRequests":1,"timePeriodInMilliseconds":3600000,"delayTimeInMillis":3600000,"queuingLimit":1}`)
		if step.Request(t.Context(), &traffic.Exchange{}).Stops() {
			t.Fatal("the first is refused")
		}
		for range 2 { // the second finds the place in the queue free again
			ctx, cancel := context.WithTimeout(t.Context(), time.Second)
			began := time.Now()
			v := step.Request(ctx, &traffic.Exchange{})
			cancel()
			if v.Action != traffic.Failed || time.Since(began) != time.Second {
				t.Errorf("%v after %v, want failed after a second", v.Action, time.Since(began))
			}
		}
	})
}
