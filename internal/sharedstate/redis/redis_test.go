package redis_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"farrier.dev/farrier/internal/sharedstate"
	"farrier.dev/farrier/internal/sharedstate/redis"
	"farrier.dev/farrier/internal/sharedstate/sharedstatetest"
)

func open(t testing.TB, o redis.Options) *redis.Store {
	t.Helper()
	o.Now = time.Now
	if o.Budget == 0 {
		o.Budget = 2 * time.Second // a busy machine is no slow server
	}
	s, err := redis.Open(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	return s
}

func healthy(t testing.TB, s *redis.Store) {
	t.Helper()
	sharedstatetest.Eventually(t, 15*time.Second, "the store answers", s.Healthy)
}

func conform(t *testing.T, o redis.Options) {
	t.Helper()
	n := 0
	sharedstatetest.Conform(t, func(t *testing.T) sharedstate.Store {
		n++
		o := o
		o.Prefix = fmt.Sprint("case ", n)
		s := open(t, o)
		healthy(t, s)
		return s
	}, time.Sleep)
}

func TestConforms(t *testing.T) {
	conform(t, redis.Options{Address: sharedstatetest.StartServer(t).Address})
}

// TestConformsWithAnOldServer asks a server that knows no HELLO, as before 6.0,
// with a password and another database.
func TestConformsWithAnOldServer(t *testing.T) {
	s := sharedstatetest.StartServer(t, "--requirepass", "s3cret", "--rename-command", "HELLO", "")
	conform(t, redis.Options{Address: s.Address, Password: "s3cret", DB: 3})
}

var minute = []sharedstate.Limit{{Max: 1_000_000, Period: time.Minute}}

// slowest takes over and over until told to stop. It tells the longest call, and
// by how much the machine itself was late meanwhile.
func slowest(c sharedstate.Counter, workers int, until func() bool) (longest, late time.Duration, good, bad int64) {
	var most, ok, failed, noise atomic.Int64
	var wg sync.WaitGroup
	wg.Go(func() {
		for !until() {
			began := time.Now()
			time.Sleep(5 * time.Millisecond) // measured is by how much this is longer
			noise.Store(max(noise.Load(), int64(time.Since(began)-5*time.Millisecond)))
		}
	})
	for range workers {
		wg.Go(func() {
			for !until() {
				began := time.Now()
				_, err := c.Take(context.Background(), "key", minute)
				took := int64(time.Since(began))
				for old := most.Load(); took > old && !most.CompareAndSwap(old, took); old = most.Load() {
				}
				if err != nil {
					failed.Add(1)
				} else {
					ok.Add(1)
				}
				time.Sleep(time.Millisecond) // the pace of the requests
			}
		})
	}
	wg.Wait()
	return time.Duration(most.Load()), time.Duration(noise.Load()), ok.Load(), failed.Load()
}

func after(d time.Duration) func() bool {
	ends := time.Now().Add(d)
	return func() bool { return time.Now().After(ends) }
}

// TestFailures makes a server worse in every way. No call may add more than 20
// ms, all but the first fail at once, and recovery is seen without a nudge.
func TestFailures(t *testing.T) {
	cases := []struct {
		name        string
		break_, end func(s *sharedstatetest.Server, p *sharedstatetest.Proxy)
	}{
		{
			"killed",
			func(s *sharedstatetest.Server, _ *sharedstatetest.Proxy) { s.Kill() },
			func(s *sharedstatetest.Server, _ *sharedstatetest.Proxy) { s.Start() },
		},
		{
			"paused",
			func(s *sharedstatetest.Server, _ *sharedstatetest.Proxy) { s.Pause() },
			func(s *sharedstatetest.Server, _ *sharedstatetest.Proxy) { s.Resume() },
		},
		{
			"slow",
			func(_ *sharedstatetest.Server, p *sharedstatetest.Proxy) { p.Slow(200 * time.Millisecond) },
			func(_ *sharedstatetest.Server, p *sharedstatetest.Proxy) { p.Slow(0) },
		},
		{
			"cut",
			func(_ *sharedstatetest.Server, p *sharedstatetest.Proxy) { p.Refuse(true); p.Cut() },
			func(_ *sharedstatetest.Server, p *sharedstatetest.Proxy) { p.Refuse(false) },
		},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			// A busy machine is late now and then, a store that delays is each time.
			for try := 1; ; try++ {
				over := outage(t, c.name, c.break_, c.end)
				if over <= 0 {
					return
				}
				if try == 3 {
					t.Fatalf("a call took %v longer than it may", over)
				}
			}
		})
	}
}

// outage breaks a server of its own and tells by how much the longest call was
// longer than 20 ms and what the machine itself was late.
func outage(t *testing.T, name string, begin, end func(*sharedstatetest.Server, *sharedstatetest.Proxy)) (over time.Duration) {
	t.Helper()
	server := sharedstatetest.StartServer(t)
	proxy := sharedstatetest.StartProxy(t, server.Address)
	store := open(t, redis.Options{Address: proxy.Address, Budget: 15 * time.Millisecond})
	healthy(t, store)
	counter := store.Counter("n")
	before, _, good, _ := slowest(counter, 8, after(300*time.Millisecond))
	begin(server, proxy)
	during, late, _, failed := slowest(counter, 8, after(2500*time.Millisecond))
	if _, err := counter.Take(t.Context(), "key", minute); !errors.Is(err, redis.ErrDown) {
		t.Errorf("the store is not known to be down: %v", err)
	}
	if failed < 1000 {
		t.Errorf("only %d calls failed", failed)
	}
	end(server, proxy)
	began := time.Now()
	back, late2, _, _ := slowest(counter, 8, func() bool { return store.Healthy() || time.Since(began) > 15*time.Second })
	recovered := time.Since(began)
	sharedstatetest.Eventually(t, 5*time.Second, "calls are answered again", func() bool {
		_, err := counter.Take(t.Context(), "key", minute)
		return err == nil
	})
	t.Logf("longest call: %v before (%d calls), %v while %s (%d failed), %v while it came back; that was seen after %v; the machine was late by up to %v",
		before, good, during, name, failed, back, recovered, max(late, late2))
	return max(during-late, back-late2) - 20*time.Millisecond
}

// TestOpensWithoutServer opens a store before its server is there.
func TestOpensWithoutServer(t *testing.T) {
	address := sharedstatetest.FreeAddress(t)
	var log bytes.Buffer
	began := time.Now()
	store := open(t, redis.Options{Address: address, Password: "s3cret", Log: slog.New(slog.NewTextHandler(&log, nil))})
	if took := time.Since(began); took > 2*time.Second {
		t.Errorf("opening took %v", took)
	}
	if _, err := store.Counter("n").Take(t.Context(), "k", minute); !errors.Is(err, redis.ErrDown) {
		t.Errorf("without a server: %v", err)
	}
	sharedstatetest.StartServerAt(t, address, "--requirepass", "s3cret")
	healthy(t, store)
	if _, err := store.Counter("n").Take(t.Context(), "k", minute); err != nil {
		t.Error(err)
	}
	if err := store.Close(); err != nil {
		t.Error(err)
	}
	if _, err := store.Counter("n").Take(t.Context(), "k", minute); !errors.Is(err, redis.ErrDown) {
		t.Errorf("after Close: %v", err)
	}
	if text := log.String(); strings.Contains(text, "s3cret") || !strings.Contains(text, "can't be reached") || !strings.Contains(text, "the shared store answers") {
		t.Errorf("the log tells\n%s", text)
	}
}

// TestClosesWhilePaused holds that closing does not wait for a dead server.
func TestClosesWhilePaused(t *testing.T) {
	server := sharedstatetest.StartServer(t)
	store := open(t, redis.Options{Address: server.Address, Budget: 15 * time.Millisecond})
	healthy(t, store)
	server.Pause()
	_, _ = store.Counter("n").Take(t.Context(), "k", minute)
	began := time.Now()
	_ = store.Close()
	if took := time.Since(began); took > 5*time.Second {
		t.Errorf("closing took %v", took)
	}
}

// TestForgetfulServer holds that a server that lost its scripts and its data is
// gone on with.
func TestForgetfulServer(t *testing.T) {
	server := sharedstatetest.StartServer(t)
	store := open(t, redis.Options{Address: server.Address})
	healthy(t, store)
	for _, words := range [][]string{nil, {"SCRIPT", "FLUSH"}, {"FLUSHALL"}} {
		if words != nil {
			server.Ask(words...)
		}
		if _, err := store.Counter("n").Take(t.Context(), "k", minute); err != nil {
			t.Errorf("after %q: %v", words, err)
		}
	}
}

// TestRefusedCalls holds that a refusal by a server that answers is an error of
// that call alone.
func TestRefusedCalls(t *testing.T) {
	server := sharedstatetest.StartServer(t, "--maxmemory-policy", "noeviction")
	store := open(t, redis.Options{Address: server.Address})
	healthy(t, store)
	server.Ask("CONFIG", "SET", "maxmemory", "1")
	if _, err := store.Counter("n").Take(t.Context(), "k", minute); err == nil || errors.Is(err, redis.ErrDown) {
		t.Errorf("a full server: %v", err)
	}
	server.Ask("CONFIG", "SET", "maxmemory", "0")
	if _, err := store.Counter("n").Take(t.Context(), "k", minute); err != nil {
		t.Errorf("with room again: %v", err)
	}
}

// TestClientWhoLeaves holds that an abandoned exchange is no failure of the
// server.
func TestClientWhoLeaves(t *testing.T) {
	store := open(t, redis.Options{Address: sharedstatetest.StartServer(t).Address})
	healthy(t, store)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := store.Counter("n").Take(ctx, "k", minute); !errors.Is(err, context.Canceled) {
		t.Errorf("an abandoned call: %v", err)
	}
	if _, err := store.Counter("n").Take(t.Context(), "k", minute); err != nil {
		t.Errorf("the next call: %v", err)
	}
}

func TestWrongOptions(t *testing.T) {
	for want, o := range map[string]redis.Options{
		"no address":       {},
		"sentinels need":   {Sentinels: []string{"127.0.0.1:1"}},
		"no database -1":   {Address: "127.0.0.1:1", DB: -1},
		"there is no cloc": {Address: "127.0.0.1:1"},
	} {
		if !strings.HasPrefix(want, "there") {
			o.Now = time.Now
		}
		if _, err := redis.Open(t.Context(), o); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%+v: %v, want %q", o, err, want)
		}
	}
}
