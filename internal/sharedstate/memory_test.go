package sharedstate_test

import (
	"context"
	"fmt"
	"testing"
	"time"

	"pgregory.net/rapid"

	"farrier.dev/farrier/internal/sharedstate"
	"farrier.dev/farrier/internal/sharedstate/sharedstatetest"
)

func TestMemoryConforms(t *testing.T) {
	var c clock
	sharedstatetest.Conform(t, func(*testing.T) sharedstate.Store { return sharedstate.NewMemory(c.now) }, c.advance)
}

// TestBurstIsTheNaiveModel holds token buckets to counting in fractions.
func TestBurstIsTheNaiveModel(t *testing.T) {
	takes := 0
	rapid.Check(t, func(t *rapid.T) {
		var c clock
		f := sharedstate.NewFixedWindow(c.now, 0)
		interval := rapid.Int64Range(1, 20).Draw(t, "interval")
		most := rapid.Int64Range(1, 6).Draw(t, "max")
		limit := sharedstate.Limit{Max: most, Period: time.Duration(interval * most), Burst: rapid.Int64Range(1, 6).Draw(t, "burst")}
		full := limit.Burst * interval // in units of which a token has interval
		level, last := full, int64(0)
		for range rapid.IntRange(1, 80).Draw(t, "takes") {
			c.advance(time.Duration(rapid.Int64Range(0, 25).Draw(t, "wait")))
			now := c.at.Load()
			level, last = min(full, level+now-last), now
			got, err := f.Take(context.Background(), "key", []sharedstate.Limit{limit})
			if err != nil {
				t.Fatal(err)
			}
			want := sharedstate.Result{Limit: limit.Max}
			if level >= interval {
				level -= interval
				want.OK, want.Remaining = true, level/interval
			}
			want.Reset = time.Duration(full - level)
			if want.Remaining == 0 {
				want.Reset = time.Duration(interval - level)
			}
			if got != want {
				t.Fatalf("%+v, the model says %+v", got, want)
			}
			takes++
		}
	})
	t.Logf("compared %d takes", takes)
	if takes < 500 {
		t.Error("too few")
	}
}

func TestDistributed(t *testing.T) {
	limit := func(n int64, period time.Duration) sharedstate.Limit {
		return sharedstate.Limit{Max: n, Period: period}
	}
	bucket := sharedstate.Limit{Max: 5, Period: time.Second, Burst: 2}
	got := sharedstate.Distributed([]sharedstate.Limit{
		limit(3, time.Second), limit(30, 10*time.Second), limit(7, 3*time.Second), limit(1, time.Minute), bucket,
		limit(1<<62, time.Nanosecond), limit(0, time.Second),
	})
	want := []sharedstate.Limit{
		limit(30, 10*time.Second), limit(23, 10*time.Second), limit(1, time.Minute), bucket,
		limit(1<<62, 10*time.Second), limit(0, time.Second),
	}
	if fmt.Sprint(got) != fmt.Sprint(want) {
		t.Errorf("%v, want %v", got, want)
	}
}

func TestCacheStaysBounded(t *testing.T) {
	var c clock
	var gone []string
	m := sharedstate.NewMemoryCache(c.now, sharedstate.Bounds{Entries: 4, Bytes: 40}, func(key string) { gone = append(gone, key) })
	ctx := context.Background()
	set := func(key string, size int, ttl time.Duration) {
		t.Helper()
		if err := m.Set(ctx, key, make([]byte, size), ttl); err != nil {
			t.Fatal(err)
		}
	}
	want := func(what, keys string) {
		t.Helper()
		if got := fmt.Sprint(gone); got != keys {
			t.Errorf("%s: %s went, want %s", what, got, keys)
		}
		gone = nil
	}
	for _, key := range []string{"a", "b", "c", "d"} {
		set(key, 1, time.Hour)
	}
	set("a", 1, time.Hour)
	want("setting anew", "[]")
	set("e", 1, time.Minute)
	want("a fifth", "[b]")
	set("f", 30, time.Hour)
	want("a large one", "[c]")
	c.advance(2 * time.Minute)
	set("g", 1, time.Hour)
	want("with an expired one", "[e]")
	set("h", 50, time.Hour)
	want("one too large", "[h]")
	if added, _ := m.Add(ctx, "i", make([]byte, 50), time.Hour); added {
		t.Error("what can't be kept was added")
	}
	set("j", 39, time.Hour)
	want("one as large as all", "[d a f g]")
	if n, bytes := m.Len(); n != 1 || bytes != 40 {
		t.Errorf("%d values with %d bytes", n, bytes)
	}
}

// TestCacheIsAMap holds a cache with room for all to a map.
func TestCacheIsAMap(t *testing.T) {
	steps := 0
	rapid.Check(t, func(t *rapid.T) {
		var c clock
		m := sharedstate.NewMemoryCache(c.now, sharedstate.Bounds{}, nil)
		type kept struct {
			value string
			ends  int64
		}
		model := map[string]kept{}
		ctx := context.Background()
		for range rapid.IntRange(1, 100).Draw(t, "steps") {
			steps++
			c.advance(time.Duration(rapid.Int64Range(0, 5).Draw(t, "wait")))
			key := rapid.SampledFrom([]string{"a", "b", "c", "d"}).Draw(t, "key")
			value, ttl := fmt.Sprint(steps), rapid.Int64Range(1, 20).Draw(t, "ttl")
			now := c.at.Load()
			old, ok := model[key]
			ok = ok && old.ends > now
			switch rapid.IntRange(0, 4).Draw(t, "what") {
			case 0:
				_ = m.Set(ctx, key, []byte(value), time.Duration(ttl))
				model[key] = kept{value, now + ttl}
			case 1:
				added, _ := m.Add(ctx, key, []byte(value), time.Duration(ttl))
				if added == ok {
					t.Fatalf("added is %v, there was a value: %v", added, ok)
				}
				if added {
					model[key] = kept{value, now + ttl}
				}
			case 2:
				_ = m.Delete(ctx, key)
				delete(model, key)
			default:
				got, found, _ := m.Get(ctx, key)
				if found != ok || ok && string(got) != old.value {
					t.Fatalf("%q, %v; the map says %q, %v", got, found, old.value, ok)
				}
			}
		}
	})
	t.Logf("%d steps", steps)
	if steps < 500 {
		t.Error("too few")
	}
}
