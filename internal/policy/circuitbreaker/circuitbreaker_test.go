package circuitbreaker

import (
	"encoding/json"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"pgregory.net/rapid"

	"farrier.dev/farrier/internal/policy"
	"farrier.dev/farrier/internal/policy/policytest"
	"farrier.dev/farrier/internal/traffic"
)

func TestConversations(t *testing.T) { policytest.Play(t, Policy(), 4) }

func bind(t testing.TB, settings string) policy.Step {
	t.Helper()
	c, err := compile(json.RawMessage(settings))
	if err != nil {
		t.Fatal(err)
	}
	states := map[string]any{}
	step, err := c.Bind(policy.Env{Now: time.Now, State: func(key string, make func() any) any {
		if states[key] == nil {
			states[key] = make()
		}
		return states[key]
	}})
	if err != nil {
		t.Fatal(err)
	}
	return step
}

// call is one exchange; answer ends it, a status of 0 says that no answer came.
type call struct {
	step    policy.Step
	x       *traffic.Exchange
	refused bool
}

func begin(t testing.TB, step policy.Step) *call {
	c := &call{step: step, x: &traffic.Exchange{}}
	c.refused = step.Request(t.Context(), c.x).Stops()
	return c
}

func (c *call) answer(t testing.TB, status int, local, failed bool) {
	c.x.Response.Status, c.x.Response.Local, c.x.Upstream.Failed = status, local, failed
	if c.step.Response != nil && !c.refused {
		c.step.Response(t.Context(), c.x)
	}
	c.step.End(c.x)
}

func TestInFlight(t *testing.T) {
	step := bind(t, `{"thresholds":{"maxConnections":3,"maximumRequests":2,"maxRetries":0}}`)
	one, two, three := begin(t, step), begin(t, step), begin(t, step)
	if one.refused || two.refused || !three.refused {
		t.Fatalf("refused %v %v %v, want the third only", one.refused, two.refused, three.refused)
	}
	three.answer(t, 503, true, false) // what was refused gives nothing back
	if again := begin(t, step); !again.refused {
		t.Fatal("a refused call made room for another")
	}
	one.answer(t, 200, false, false)
	if next := begin(t, step); next.refused {
		t.Fatal("a call that ended made no room")
	}
}

// TestNeverMore holds that however many calls come at once, no more than
// allowed are in flight, and that all places are given back.
func TestNeverMore(t *testing.T) {
	step := bind(t, `{"thresholds":{"maxRequests":5}}`)
	var mu sync.Mutex
	var group sync.WaitGroup
	most, now, passed := 0, 0, 0
	for range 50 {
		group.Go(func() {
			for range 200 {
				c := begin(t, step)
				if c.refused {
					c.answer(t, 503, true, false)
					continue
				}
				mu.Lock()
				now++
				passed++
				most = max(most, now)
				mu.Unlock()
				mu.Lock()
				now--
				mu.Unlock()
				c.answer(t, 200, false, false)
			}
		})
	}
	group.Wait()
	t.Logf("%d of 10000 calls passed, at most %d at one time", passed, most)
	if most > 5 || passed < 200 {
		t.Fatalf("%d calls at one time, %d passed", most, passed)
	}
	for range 5 {
		if begin(t, step).refused {
			t.Fatal("a place was lost")
		}
	}
	if !begin(t, step).refused {
		t.Fatal("there is a place too many")
	}
}

func TestHalfOpen(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		step := bind(t, `{"failures":{"consecutive":2,"intervalSeconds":10,"openSeconds":30}}`)
		early := begin(t, step)
		begin(t, step).answer(t, 502, true, true)
		begin(t, step).answer(t, 499, true, true) // the client went away: counts neither way
		begin(t, step).answer(t, 403, true, false)
		begin(t, step).answer(t, 500, false, false)
		if !begin(t, step).refused {
			t.Fatal("two failures did not open")
		}
		time.Sleep(30 * time.Second)
		probe := begin(t, step)
		if probe.refused {
			t.Fatal("no probe after openSeconds")
		}
		if !begin(t, step).refused {
			t.Fatal("a second call while one tries the service")
		}
		early.answer(t, 200, false, false) // from before it opened: says nothing
		if !begin(t, step).refused {
			t.Fatal("an old answer closed the breaker")
		}
		probe.answer(t, 499, true, true)
		probe = begin(t, step)
		if probe.refused {
			t.Fatal("a probe that came to nothing barred the next")
		}
		probe.answer(t, 504, true, true)
		if !begin(t, step).refused {
			t.Fatal("a failed probe left the breaker open for calls")
		}
		time.Sleep(30 * time.Second)
		begin(t, step).answer(t, 200, false, false)
		for range 3 {
			if begin(t, step).refused {
				t.Fatal("a good probe did not close the breaker")
			}
		}
	})
}

func TestInterval(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		step := bind(t, `{"failures":{"consecutive":2,"intervalSeconds":10}}`)
		for range 5 {
			begin(t, step).answer(t, 500, false, false)
			time.Sleep(11 * time.Second)
		}
		c := begin(t, step)
		if c.refused {
			t.Fatal("failures far apart opened the breaker")
		}
		c.answer(t, 200, false, false)
	})
}

// TestAgainstModel plays random calls against a model in which every call ends
// before the next begins.
func TestAgainstModel(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		b := &breaker{}
		f := &Failures{Consecutive: rapid.IntRange(1, 3).Draw(t, "consecutive"), IntervalSeconds: 1000, OpenSeconds: 10}
		now := time.Unix(0, 0)
		row, until := 0, time.Time{}
		open := false
		for range rapid.IntRange(1, 60).Draw(t, "calls") {
			now = now.Add(time.Duration(rapid.IntRange(0, 6).Draw(t, "seconds")) * time.Second)
			flags, _ := b.admit(1, now)
			if want := !open || !now.Before(until); (flags != 0) != want {
				t.Fatalf("admitted %v, want %v", flags != 0, want)
			}
			if flags == 0 {
				continue
			}
			failed := rapid.Bool().Draw(t, "failed")
			b.judge(failed, flags&probing != 0, now, f)
			b.leave(false)
			switch {
			case !failed:
				open, row = false, 0
			case open:
				until = now.Add(10 * time.Second)
			default:
				if row++; row == f.Consecutive {
					open, row, until = true, 0, now.Add(10*time.Second)
				}
			}
		}
		if b.inFlight != 0 {
			t.Fatalf("%d calls in flight at the end", b.inFlight)
		}
	})
}

func BenchmarkRequest(b *testing.B) {
	step := bind(b, `{"thresholds":{"maxRequests":1}}`)
	b.ReportAllocs()
	for b.Loop() {
		x := &traffic.Exchange{}
		if step.Request(b.Context(), x).Stops() {
			b.Fatal("refused")
		}
		step.End(x)
	}
}
