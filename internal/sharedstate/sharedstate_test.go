package sharedstate_test

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"pgregory.net/rapid"

	"farrier.dev/farrier/internal/sharedstate"
)

type clock struct{ at atomic.Int64 }

func (c *clock) now() time.Time          { return time.Unix(1_800_000_000, c.at.Load()) }
func (c *clock) advance(d time.Duration) { c.at.Add(int64(d)) }

func take(t testing.TB, c sharedstate.Counter, key string, limits ...sharedstate.Limit) sharedstate.Result {
	t.Helper()
	r, err := c.Take(context.Background(), key, limits)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func TestFixedWindowBeginsWithTheFirstRequest(t *testing.T) {
	var c clock
	f := sharedstate.NewFixedWindow(c.now, 0)
	two := sharedstate.Limit{Max: 2, Period: time.Second}
	c.advance(700 * time.Millisecond)
	steps := []struct {
		wait time.Duration
		key  string
		want sharedstate.Result
	}{
		{0, "a", sharedstate.Result{OK: true, Limit: 2, Remaining: 1, Reset: time.Second}},
		{400 * time.Millisecond, "a", sharedstate.Result{OK: true, Limit: 2, Remaining: 0, Reset: 600 * time.Millisecond}},
		{599 * time.Millisecond, "a", sharedstate.Result{Limit: 2, Reset: time.Millisecond}},
		{0, "b", sharedstate.Result{OK: true, Limit: 2, Remaining: 1, Reset: time.Second}},
		{time.Millisecond, "a", sharedstate.Result{OK: true, Limit: 2, Remaining: 1, Reset: time.Second}},
	}
	for i, s := range steps {
		c.advance(s.wait)
		if got := take(t, f, s.key, two); got != s.want {
			t.Errorf("step %d: %+v, want %+v", i, got, s.want)
		}
	}
}

func TestFixedWindowEdges(t *testing.T) {
	var c clock
	f := sharedstate.NewFixedWindow(c.now, 0)
	if got := take(t, f, "k"); !got.OK {
		t.Error("no limits refuse")
	}
	if got := take(t, f, "k", sharedstate.Limit{Max: 0, Period: time.Second}); got.OK || got.Reset != time.Second {
		t.Errorf("a limit of nothing gives %+v", got)
	}
	endless := sharedstate.Limit{Max: 1, Period: 1<<63 - 1}
	if got := take(t, f, "k", endless); !got.OK || got.Reset <= 0 {
		t.Errorf("a very long period gives %+v", got)
	}
	if got := take(t, f, "k", endless); got.OK {
		t.Error("a very long period overflows")
	}
}

// naive is the same counter as a child would write it.
type naive map[string]map[sharedstate.Limit][2]int64 // key, limit: ends, used

func (n naive) take(now int64, key string, limits []sharedstate.Limit) sharedstate.Result {
	if n[key] == nil {
		n[key] = map[sharedstate.Limit][2]int64{}
	}
	var all []sharedstate.Result
	ok := true
	for _, l := range limits {
		w := n[key][l]
		if w[0] <= now {
			w = [2]int64{now + int64(l.Period), 0}
		}
		ok = ok && w[1] < l.Max
		all = append(all, sharedstate.Result{Limit: l.Max, Remaining: l.Max - w[1], Reset: time.Duration(w[0] - now)})
	}
	for i, l := range limits {
		all[i].OK = ok
		if ok {
			w := n[key][l]
			if w[0] <= now {
				w = [2]int64{now + int64(l.Period), 0}
			}
			w[1]++
			n[key][l] = w
			all[i].Remaining--
		}
	}
	slices.SortStableFunc(all, func(a, b sharedstate.Result) int {
		if a.Remaining != b.Remaining {
			return int(a.Remaining - b.Remaining)
		}
		return int(b.Reset - a.Reset)
	})
	return all[0]
}

func TestFixedWindowIsTheNaiveModel(t *testing.T) {
	takes := 0
	rapid.Check(t, func(t *rapid.T) {
		var c clock
		f := sharedstate.NewFixedWindow(c.now, 0)
		model := naive{}
		pool := rapid.SliceOfNDistinct(rapid.Custom(func(t *rapid.T) sharedstate.Limit {
			return sharedstate.Limit{
				Max:    rapid.Int64Range(1, 5).Draw(t, "max"),
				Period: time.Duration(rapid.Int64Range(1, 50).Draw(t, "period")),
			}
		}), 1, 4, func(l sharedstate.Limit) sharedstate.Limit { return l }).Draw(t, "limits")
		for range rapid.IntRange(1, 80).Draw(t, "takes") {
			c.advance(time.Duration(rapid.Int64Range(0, 12).Draw(t, "wait")))
			key := rapid.SampledFrom([]string{"", "a", "b"}).Draw(t, "key")
			limits := pool[:rapid.IntRange(1, len(pool)).Draw(t, "of them")]
			got, err := f.Take(context.Background(), key, limits)
			if err != nil {
				t.Fatal(err)
			}
			if want := model.take(c.at.Load(), key, limits); got != want {
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

func TestFixedWindowStaysBounded(t *testing.T) {
	var c clock
	const most = 2560
	f := sharedstate.NewFixedWindow(c.now, most)
	five := sharedstate.Limit{Max: 5, Period: time.Minute}
	for range 5 {
		take(t, f, "exhausted", five)
	}
	for i := range 20 * most {
		take(t, f, fmt.Sprint("flood ", i), five)
	}
	if n := f.Len(); n > most || n < most/2 {
		t.Errorf("%d windows, at most %d are allowed", n, most)
	}
	if take(t, f, "exhausted", five).OK {
		t.Error("a flood of other keys gave an exhausted key its quota back")
	}
	c.advance(2 * time.Minute)
	for i := range most {
		take(t, f, fmt.Sprint("later ", i), sharedstate.Limit{Max: 5, Period: time.Nanosecond})
		c.advance(time.Nanosecond)
	}
	if n := f.Len(); n > most/4 {
		t.Errorf("%d windows are left after all but one expired", n)
	}
}

func TestFixedWindowCountsExactlyUnderConcurrency(t *testing.T) {
	var c clock
	f := sharedstate.NewFixedWindow(c.now, 0)
	limits := []sharedstate.Limit{{Max: 1000, Period: time.Second}, {Max: 700, Period: time.Hour}}
	var passed [4]atomic.Int64
	var wg sync.WaitGroup
	for g := range 8 {
		wg.Go(func() {
			for i := range 1000 {
				key := (g + i) % len(passed)
				r, err := f.Take(t.Context(), fmt.Sprint(key), limits)
				if err != nil {
					t.Error(err)
				}
				if r.OK {
					passed[key].Add(1)
				}
			}
		})
	}
	wg.Wait()
	for key := range passed {
		if n := passed[key].Load(); n != 700 {
			t.Errorf("key %d: %d passed, want 700", key, n)
		}
	}
}

func TestTakeAllocatesNothing(t *testing.T) {
	f := sharedstate.NewFixedWindow(time.Now, 0)
	s := sharedstate.NewSlidingWindow(time.Now, sharedstate.Limit{Max: 1000, Period: time.Millisecond})
	limits := []sharedstate.Limit{{Max: 1 << 40, Period: time.Hour}, {Max: 10, Period: time.Hour}}
	take(t, f, "key", limits...)
	for range 2000 {
		s.Take()
	}
	if n := testing.AllocsPerRun(1000, func() { _, _ = f.Take(context.Background(), "key", limits) }); n != 0 {
		t.Errorf("a fixed window allocates %v times", n)
	}
	if n := testing.AllocsPerRun(1000, func() { s.Take() }); n != 0 {
		t.Errorf("a sliding window allocates %v times", n)
	}
}

// TestSlidingWindowIsTheNaiveModel holds small limits to an exact log.
func TestSlidingWindowIsTheNaiveModel(t *testing.T) {
	takes := 0
	rapid.Check(t, func(t *rapid.T) {
		var c clock
		limit := sharedstate.Limit{
			Max:    rapid.Int64Range(1, 6).Draw(t, "max"),
			Period: time.Duration(rapid.Int64Range(1, 40).Draw(t, "period")),
		}
		s := sharedstate.NewSlidingWindow(c.now, limit)
		var log []int64
		for range rapid.IntRange(1, 80).Draw(t, "takes") {
			c.advance(time.Duration(rapid.Int64Range(0, 9).Draw(t, "wait")))
			now := c.at.Load()
			log = slices.DeleteFunc(log, func(at int64) bool { return at+int64(limit.Period) <= now })
			want := sharedstate.Result{Limit: limit.Max}
			if int64(len(log)) < limit.Max {
				log = append(log, now)
				want.OK, want.Remaining = true, limit.Max-int64(len(log))
			} else {
				want.Reset = time.Duration(log[0] + int64(limit.Period) - now)
			}
			if got := s.Take(); got != want {
				t.Fatalf("%+v, the log says %+v", got, want)
			}
			takes++
		}
	})
	t.Logf("compared %d takes", takes)
	if takes < 500 {
		t.Error("too few")
	}
}

// TestLargeSlidingWindowNeverExceeds holds limits that are kept coarsely: in no
// period more than the maximum, and no more than the resolution less.
func TestLargeSlidingWindowNeverExceeds(t *testing.T) {
	var c clock
	limit := sharedstate.Limit{Max: 5000, Period: time.Second}
	s := sharedstate.NewSlidingWindow(c.now, limit)
	var passed []int64
	for range 40_000 {
		c.advance(97 * time.Microsecond)
		if s.Take().OK {
			passed = append(passed, c.at.Load())
		}
	}
	for i := range passed {
		if j := i + int(limit.Max); j < len(passed) && passed[j]-passed[i] < int64(limit.Period) {
			t.Fatalf("%d passed within %v", limit.Max+1, time.Duration(passed[j]-passed[i]))
		}
	}
	if least := int(3.8 * 5000 * 0.95); len(passed) < least {
		t.Errorf("%d passed in 3.9 s, at least %d should", len(passed), least)
	}
}

func BenchmarkFixedWindow(b *testing.B) {
	f := sharedstate.NewFixedWindow(time.Now, 0)
	limits := []sharedstate.Limit{{Max: 1 << 40, Period: time.Hour}}
	b.Run("one key", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			_, _ = f.Take(context.Background(), "client-0123456789", limits)
		}
	})
	keys := make([]string, 900_000)
	for i := range keys {
		keys[i] = fmt.Sprint("client-", i)
		_, _ = f.Take(context.Background(), keys[i], limits)
	}
	b.Run("of 900,000 keys", func(b *testing.B) {
		b.ReportAllocs()
		i := 0
		for b.Loop() {
			_, _ = f.Take(context.Background(), keys[i%len(keys)], limits)
			i += 7919
		}
	})
	b.Run("new keys when full", func(b *testing.B) {
		small := sharedstate.NewFixedWindow(time.Now, 100_000)
		i := 0
		for b.Loop() {
			_, _ = small.Take(context.Background(), keys[i%len(keys)], limits)
			i++
		}
	})
}
