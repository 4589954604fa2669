package router

import (
	"encoding/json"
	"io"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

// closing counts how often it is closed.
type closing struct{ closed atomic.Int64 }

func (c *closing) Close() error {
	c.closed.Add(1)
	return nil
}

var _ io.Closer = (*closing)(nil)

// TestRetire holds that what steps keep is closed a while after no revision uses
// it, once, and at once at the end.
func TestRetire(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		kept, dropped := &closing{}, &closing{}
		shared := state{mu: new(sync.Mutex), values: map[string]any{"x": kept, "number": 7}}
		old := &Table{states: map[string]state{"a": shared, "b": {mu: new(sync.Mutex), values: map[string]any{"x": dropped}}}}
		next := &Table{states: map[string]state{"a": shared}}
		old.Retire(next)
		time.Sleep(grace - time.Second)
		if dropped.closed.Load() != 0 {
			t.Error("closed while exchanges of the old revision may be under way")
		}
		time.Sleep(2 * time.Second)
		synctest.Wait()
		if dropped.closed.Load() != 1 || kept.closed.Load() != 0 {
			t.Errorf("dropped closed %d times, kept %d times", dropped.closed.Load(), kept.closed.Load())
		}
		next.Retire(nil)
		if kept.closed.Load() != 1 {
			t.Errorf("closed %d times at the end", kept.closed.Load())
		}
	})
}

// TestTransportsByPatience holds that another time to wait has connections of
// its own, and that equal times share them.
func TestTransportsByPatience(t *testing.T) {
	b := newBench(t)
	table := b.compile(rev(api("")))
	target, _ := find(table, request("GET", "/"))
	up := target.Upstream
	if up.Transport(0) != up.Transport(15*time.Second) {
		t.Error("the configured time has two transports")
	}
	if up.Transport(time.Minute) == up.Transport(0) || up.Transport(time.Minute) != up.Transport(time.Minute) {
		t.Error("another time has no transport of its own, or several")
	}
}

func TestPolicyCallsKeepTheirClient(t *testing.T) {
	b := newBench(t)
	first := rev(api(""))
	first.Settings.PolicyCalls = json.RawMessage(`{"minversion":"1.3"}`)
	one := b.compile(first)
	b.o.Previous = one
	two := b.compile(first)
	if one.policyCalls.client == nil || one.policyCalls.client != two.policyCalls.client {
		t.Error("equal settings make another client")
	}
	changed := rev(api(""))
	changed.Settings.PolicyCalls = json.RawMessage(`{"minversion":"1.2"}`)
	if three := b.compile(changed); three.policyCalls.client == one.policyCalls.client {
		t.Error("other settings kept the client")
	}
}
