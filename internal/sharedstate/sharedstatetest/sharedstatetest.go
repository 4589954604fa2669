// Package sharedstatetest holds what every store of shared state must do, as
// tests that each of them runs, and starts the server that the remote one needs.
// It is imported by tests only.
package sharedstatetest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"farrier.dev/farrier/internal/sharedstate"
)

// Conform plays the suite. open gives a store that holds nothing; advance lets
// time pass for it.
func Conform(t *testing.T, open func(t *testing.T) sharedstate.Store, advance func(d time.Duration)) {
	t.Helper()
	s := suite{advance: advance}
	cases := []struct {
		name string
		play func(t *testing.T, store sharedstate.Store)
	}{
		{"a window begins with the first request", s.window},
		{"keys, names and limits count for themselves", s.apart},
		{"nothing is spent when one of several limits refuses", s.allOrNothing},
		{"a charge is spent whatever is left", s.charge},
		{"a burst passes at once, then an even flow", s.burst},
		{"a burst and a window refuse together", s.mixed},
		{"a burst takes charges", s.chargedBurst},
		{"limits of nothing and no limits", s.edges},
		{"concurrent requests are counted exactly", s.concurrent},
		{"a cache keeps values for their time", s.cache},
		{"a cache adds once", s.add},
		{"a cache keeps any bytes", s.anything},
		{"a cache deletes and clears", s.clear},
		{"one of many concurrent adds wins", s.race},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) { c.play(t, open(t)) })
	}
	t.Logf("played %d cases", len(cases))
}

type suite struct{ advance func(d time.Duration) }

func take(t testing.TB, c sharedstate.Counter, key string, limits ...sharedstate.Limit) sharedstate.Result {
	t.Helper()
	r, err := c.Take(context.Background(), key, limits)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// charge is for the key "a".
func charge(t testing.TB, c sharedstate.Counter, n int64, limits ...sharedstate.Limit) sharedstate.Result {
	t.Helper()
	r, err := c.Charge(context.Background(), "a", n, limits)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// is compares a result; its reset may be up to slack shorter, for real time
// passes on a server.
func is(t testing.TB, what string, got, want sharedstate.Result) {
	t.Helper()
	const slack = 300 * time.Millisecond
	reset := got.Reset <= want.Reset && got.Reset >= want.Reset-slack
	got.Reset, want.Reset = 0, 0
	if got != want || !reset {
		t.Errorf("%s: %+v (reset is right: %v), want %+v", what, got, reset, want)
	}
}

func (s suite) window(t *testing.T, store sharedstate.Store) {
	c := store.Counter("n")
	two := sharedstate.Limit{Max: 2, Period: time.Second}
	is(t, "first", take(t, c, "a", two), sharedstate.Result{OK: true, Limit: 2, Remaining: 1, Reset: time.Second})
	s.advance(300 * time.Millisecond)
	is(t, "second", take(t, c, "a", two), sharedstate.Result{OK: true, Limit: 2, Reset: 700 * time.Millisecond})
	is(t, "third", take(t, c, "a", two), sharedstate.Result{Limit: 2, Reset: 700 * time.Millisecond})
	s.advance(take(t, c, "a", two).Reset + time.Millisecond)
	is(t, "next window", take(t, c, "a", two), sharedstate.Result{OK: true, Limit: 2, Remaining: 1, Reset: time.Second})
}

func (s suite) apart(t *testing.T, store sharedstate.Store) {
	one := sharedstate.Limit{Max: 1, Period: time.Minute}
	seen := 0
	for _, name := range []string{"", "n", "n:1", "n\n"} {
		for _, key := range []string{"", "a", "1:a", "\x00\xff", strings.Repeat("k", 5000)} {
			for _, limit := range []sharedstate.Limit{one, {Max: 1, Period: time.Hour}, {Max: 1, Period: time.Minute, Burst: 1}} {
				seen++
				if !take(t, store.Counter(name), key, limit).OK {
					t.Errorf("counter %q, key %.10q: %+v has been counted for another", name, key, limit)
				}
				if take(t, store.Counter(name), key, limit).OK {
					t.Errorf("counter %q, key %.10q: %+v is not counted", name, key, limit)
				}
			}
		}
	}
	t.Logf("%d windows", seen)
}

func (s suite) allOrNothing(t *testing.T, store sharedstate.Store) {
	c := store.Counter("n")
	one, five := sharedstate.Limit{Max: 1, Period: time.Minute}, sharedstate.Limit{Max: 5, Period: time.Hour}
	is(t, "both", take(t, c, "a", one, five), sharedstate.Result{OK: true, Limit: 1, Reset: time.Minute})
	for range 3 {
		is(t, "one refuses", take(t, c, "a", five, one), sharedstate.Result{Limit: 1, Reset: time.Minute})
	}
	is(t, "the other alone", take(t, c, "a", five), sharedstate.Result{OK: true, Limit: 5, Remaining: 3, Reset: time.Hour})
}

func (s suite) charge(t *testing.T, store sharedstate.Store) {
	c := store.Counter("n")
	ten := sharedstate.Limit{Max: 10, Period: time.Minute}
	is(t, "look", charge(t, c, 0, ten), sharedstate.Result{OK: true, Limit: 10, Remaining: 10, Reset: time.Minute})
	is(t, "four", charge(t, c, 4, ten), sharedstate.Result{OK: true, Limit: 10, Remaining: 6, Reset: time.Minute})
	is(t, "fifty", charge(t, c, 50, ten), sharedstate.Result{Limit: 10, Reset: time.Minute})
	is(t, "look again", charge(t, c, 0, ten), sharedstate.Result{Limit: 10, Reset: time.Minute})
	is(t, "take", take(t, c, "a", ten), sharedstate.Result{Limit: 10, Reset: time.Minute})
	is(t, "other", take(t, c, "b", ten), sharedstate.Result{OK: true, Limit: 10, Remaining: 9, Reset: time.Minute})
}

// burst plays "100 per minute, burst 50" in a shorter minute, so that a real
// server can be asked.
func (s suite) burst(t *testing.T, store sharedstate.Store) {
	c := store.Counter("n")
	const interval = 600 * time.Millisecond
	bronze := sharedstate.Limit{Max: 100, Period: 100 * interval, Burst: 50}
	passed := 0
	for range 60 {
		if take(t, c, "a", bronze).OK {
			passed++
		}
	}
	if passed != 50 {
		t.Fatalf("%d passed at once, want 50", passed)
	}
	for i := range 3 {
		r := take(t, c, "a", bronze)
		is(t, "empty", r, sharedstate.Result{Limit: 100, Reset: interval})
		s.advance(r.Reset + time.Millisecond)
		r = take(t, c, "a", bronze)
		if !r.OK || r.Remaining != 0 {
			t.Errorf("the flow lets request %d not pass: %+v", i, r)
		}
	}
	s.advance(2*interval + 5*time.Millisecond)
	passed = 0
	for range 4 {
		if take(t, c, "a", bronze).OK {
			passed++
		}
	}
	if passed != 2 {
		t.Errorf("%d passed after two intervals, want 2", passed)
	}
}

func (s suite) mixed(t *testing.T, store sharedstate.Store) {
	c := store.Counter("n")
	bucket := sharedstate.Limit{Max: 2, Period: time.Minute, Burst: 2}
	window := sharedstate.Limit{Max: 3, Period: time.Minute}
	for i := range 2 {
		if r := take(t, c, "a", window, bucket); !r.OK || r.Remaining != int64(1-i) || r.Limit != 2 {
			t.Errorf("take %d: %+v", i, r)
		}
	}
	for range 3 {
		is(t, "the bucket is empty", take(t, c, "a", window, bucket), sharedstate.Result{Limit: 2, Reset: 30 * time.Second})
	}
	is(t, "the window alone", take(t, c, "a", window), sharedstate.Result{OK: true, Limit: 3, Reset: time.Minute})
	is(t, "the window is spent", take(t, c, "a", window), sharedstate.Result{Limit: 3, Reset: time.Minute})
	other := sharedstate.Limit{Max: 9, Period: time.Minute, Burst: 9}
	for range 3 {
		if take(t, c, "a", other, window).OK {
			t.Error("a spent window lets pass")
		}
	}
	if r := charge(t, c, 0, other); r.Remaining != 9 {
		t.Errorf("a refusal spent tokens: %+v", r)
	}
}

func (s suite) chargedBurst(t *testing.T, store sharedstate.Store) {
	c := store.Counter("n")
	bucket := sharedstate.Limit{Max: 60, Period: time.Minute, Burst: 10}
	is(t, "look", charge(t, c, 0, bucket), sharedstate.Result{OK: true, Limit: 60, Remaining: 10})
	if r := charge(t, c, 4, bucket); !r.OK || r.Remaining != 6 {
		t.Errorf("charged with 4 of 10: %+v", r)
	}
	r := charge(t, c, 8, bucket)
	is(t, "overcharged", r, sharedstate.Result{Limit: 60, Reset: 3 * time.Second})
	if take(t, c, "a", bucket).OK {
		t.Error("an overcharged bucket lets pass")
	}
}

func (s suite) edges(t *testing.T, store sharedstate.Store) {
	c := store.Counter("n")
	if !take(t, c, "a").OK || !charge(t, c, 3).OK {
		t.Error("no limits refuse")
	}
	for _, limit := range []sharedstate.Limit{{Period: time.Second}, {Max: -1, Period: time.Second}, {Period: time.Second, Burst: 5}} {
		if r := take(t, c, "a", limit); r.OK || r.Remaining != 0 {
			t.Errorf("%+v gives %+v", limit, r)
		}
	}
	for _, limit := range []sharedstate.Limit{{Max: 1, Period: 1<<63 - 1}, {Max: 1, Period: 1<<63 - 1, Burst: 1}} {
		if r := take(t, c, "a", limit); !r.OK || r.Reset <= 0 {
			t.Errorf("a very long period gives %+v", r)
		}
		if take(t, c, "a", limit).OK {
			t.Error("a very long period overflows")
		}
	}
	huge := sharedstate.Limit{Max: 1 << 40, Period: time.Hour}
	if r := charge(t, c, 1<<39, huge); r.Remaining != 1<<39 {
		t.Errorf("a huge limit gives %+v", r)
	}
}

func (s suite) concurrent(t *testing.T, store sharedstate.Store) {
	c := store.Counter("n")
	limits := []sharedstate.Limit{{Max: 300, Period: time.Hour}, {Max: 210, Period: 10 * time.Hour, Burst: 210}}
	var passed [2]atomic.Int64
	var wg sync.WaitGroup
	for g := range 8 {
		wg.Go(func() {
			for i := range 100 {
				key := (g + i) % len(passed)
				if take(t, c, fmt.Sprint(key), limits...).OK {
					passed[key].Add(1)
				}
			}
		})
	}
	wg.Wait()
	for key := range passed {
		if n := passed[key].Load(); n != 210 {
			t.Errorf("key %d: %d passed, want 210", key, n)
		}
	}
}

var ctx = context.Background()

func get(t testing.TB, c sharedstate.Cache, key string) (string, bool) {
	t.Helper()
	value, ok, err := c.Get(ctx, key)
	if err != nil {
		t.Fatal(err)
	}
	return string(value), ok
}

func set(t testing.TB, c sharedstate.Cache, key, value string, ttl time.Duration) {
	t.Helper()
	if err := c.Set(ctx, key, []byte(value), ttl); err != nil {
		t.Fatal(err)
	}
}

func add(t testing.TB, c sharedstate.Cache, key, value string, ttl time.Duration) bool {
	t.Helper()
	added, err := c.Add(ctx, key, []byte(value), ttl)
	if err != nil {
		t.Fatal(err)
	}
	return added
}

func (s suite) cache(t *testing.T, store sharedstate.Store) {
	c := store.Cache("c")
	if _, ok := get(t, c, "k"); ok {
		t.Error("an empty cache has a value")
	}
	set(t, c, "k", "one", 500*time.Millisecond)
	set(t, c, "long", "stays", time.Hour)
	if v, ok := get(t, c, "k"); !ok || v != "one" {
		t.Errorf("%q, %v", v, ok)
	}
	set(t, c, "k", "two", 500*time.Millisecond)
	if v, _ := get(t, c, "k"); v != "two" {
		t.Errorf("%q after it was set anew", v)
	}
	if _, ok := get(t, store.Cache("d"), "k"); ok {
		t.Error("caches of two names meet")
	}
	s.advance(510 * time.Millisecond)
	if v, ok := get(t, c, "k"); ok {
		t.Errorf("%q outlived its time", v)
	}
	if v, _ := get(t, store.Cache("c"), "long"); v != "stays" {
		t.Errorf("%q instead of what had more time", v)
	}
}

func (s suite) add(t *testing.T, store sharedstate.Store) {
	c := store.Cache("c")
	if !add(t, c, "k", "one", 500*time.Millisecond) {
		t.Error("the first was not added")
	}
	if add(t, c, "k", "two", time.Hour) {
		t.Error("the second was added")
	}
	if v, _ := get(t, c, "k"); v != "one" {
		t.Errorf("%q", v)
	}
	s.advance(510 * time.Millisecond)
	if !add(t, c, "k", "three", time.Hour) {
		t.Error("none was added after the first expired")
	}
}

func (s suite) anything(t *testing.T, store sharedstate.Store) {
	c := store.Cache("c")
	large := string(bytes.Repeat([]byte{0, 255, '\r', '\n'}, 64<<10))
	for i, value := range []string{"", "\x00", "$5\r\nhello\r\n", "|", large} {
		key := fmt.Sprintf("%d:\x00\n%s", i, strings.Repeat("k", i*1000))
		set(t, c, key, value, time.Hour)
		if v, ok := get(t, c, key); !ok || v != value {
			t.Errorf("value %d came back with %d bytes of %d, %v", i, len(v), len(value), ok)
		}
	}
}

func (s suite) clear(t *testing.T, store sharedstate.Store) {
	c, other := store.Cache("c"), store.Cache("other")
	for _, key := range []string{"a", "b"} {
		set(t, c, key, key, time.Hour)
		set(t, other, key, key, time.Hour)
	}
	if err := errors.Join(c.Delete(ctx, "a"), c.Delete(ctx, "never")); err != nil {
		t.Fatal(err)
	}
	if _, ok := get(t, c, "a"); ok {
		t.Error("a deleted value is there")
	}
	if _, ok := get(t, c, "b"); !ok {
		t.Error("another value went with the deleted one")
	}
	for range 2 {
		if err := c.Clear(ctx); err != nil {
			t.Fatal(err)
		}
		if _, ok := get(t, c, "b"); ok {
			t.Error("a value is there after all was cleared")
		}
		if !add(t, c, "b", "again", time.Hour) {
			t.Error("nothing can be added after all was cleared")
		}
	}
	if v, _ := get(t, other, "b"); v != "b" {
		t.Error("another cache was cleared too")
	}
}

func (s suite) race(t *testing.T, store sharedstate.Store) {
	c := store.Cache("c")
	var won atomic.Int64
	var wg sync.WaitGroup
	for range 16 {
		wg.Go(func() {
			if add(t, c, "once", "x", time.Hour) {
				won.Add(1)
			}
		})
	}
	wg.Wait()
	if won.Load() != 1 {
		t.Errorf("%d of 16 added the same key", won.Load())
	}
}
