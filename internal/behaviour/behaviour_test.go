package behaviour

import (
	"context"
	"fmt"
	"sync"
	"testing"
	"testing/synctest"
	"time"
	"unsafe"

	"farrier.dev/farrier/internal/detect/model"
	"farrier.dev/farrier/internal/store"
	"farrier.dev/farrier/internal/store/storetest"
)

var orders = model.Key{API: "default/orders", Operation: "GET /orders/{id}"}

func one(place, text string) func() []model.Fact {
	return func() []model.Fact { return []model.Fact{model.Describe(place, text)} }
}

// teach plays so many requests of forty clients.
func teach(l *Learner, requests int) {
	for i := range requests {
		l.Learn(orders, fmt.Sprintf("192.0.2.%d", i%40), one("query id", fmt.Sprint(i)))
	}
}

func deviation(t *testing.T, l *Learner, text string) (model.Deviation, bool) {
	t.Helper()
	n := l.Snapshot().Normal(orders)
	if n == nil {
		return model.Deviation{}, false
	}
	f := model.Describe("query id", text)
	return n.Score(&f)
}

func clock() time.Time { return time.Date(2026, 11, 22, 10, 0, 0, 0, time.UTC) }

func TestPortable(t *testing.T) { storetest.Portable(t, migrations) }

func TestLearnedSurvivesARestart(t *testing.T) {
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		keep := Keep{DB: db, Environment: "default", Gateway: "one"}
		before := New(Options{Now: clock, Key: [keySize]byte{1}})
		if err := before.Load(t.Context(), keep); err != nil {
			t.Fatal(err)
		}
		teach(before, 500)
		if err := before.Refresh(); err != nil {
			t.Fatal(err)
		}
		if err := before.Save(t.Context(), keep); err != nil {
			t.Fatal(err)
		}
		after := New(Options{Now: clock, Key: [keySize]byte{2}})
		if err := after.Load(t.Context(), keep); err != nil {
			t.Fatal(err)
		}
		if after.key != before.key || after.Snapshot().Digest() != before.Snapshot().Digest() {
			t.Error("the key or what was learned is another after the restart")
		}
		for _, text := range []string{"7", "1' or 1=1", "100000000000000000"} {
			x, okX := deviation(t, before, text)
			y, okY := deviation(t, after, text)
			if x != y || !okX || !okY {
				t.Errorf("%q: %+v before, %+v after", text, x, y)
			}
		}
		other := New(Options{Now: clock})
		if err := other.Load(t.Context(), Keep{DB: db, Environment: "default", Gateway: "two"}); err != nil || other.Stats().Operations != 0 {
			t.Errorf("another gateway reads what is not its own: %v %+v", err, other.Stats())
		}
	})
}

func TestRunRefreshesAndSaves(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := New(Options{Now: time.Now})
		done := make(chan struct{})
		ctx, stop := context.WithCancel(t.Context())
		go func() {
			l.Run(ctx, Keep{}, func(err error) { t.Error(err) })
			close(done)
		}()
		teach(l, 500)
		if l.Snapshot() != nil {
			t.Error("a snapshot before its time")
		}
		time.Sleep(DefaultEvery + time.Second)
		synctest.Wait()
		if d, ok := deviation(t, l, "1' or 1=1"); !ok || d.Score < model.Alarm {
			t.Errorf("%v %+v", ok, d)
		}
		stop()
		<-done
	})
}

func TestMemoryIsBounded(t *testing.T) {
	l := New(Options{Now: clock, MaxOperations: 5})
	for i := range 50 {
		key := model.Key{API: "default/a", Operation: fmt.Sprint("GET /", i)}
		for j := range 500 {
			l.Learn(key, fmt.Sprint(j%4), one(fmt.Sprint("query p", j), "1"))
		}
	}
	s := l.Stats()
	t.Logf("%d operations, %d places of %d bytes each: at most %d KiB an operation", s.Operations, s.Places, unsafe.Sizeof(model.Profile{}), 96*unsafe.Sizeof(model.Profile{})>>10)
	if s.Operations != 5 || s.Places > 5*96 || s.Dropped == 0 {
		t.Errorf("%+v", s)
	}
}

func TestManyTeachAtOnce(t *testing.T) {
	l := New(Options{Now: clock})
	var all sync.WaitGroup
	for range 8 {
		all.Go(func() { teach(l, 200) })
	}
	all.Go(func() {
		for range 20 {
			if err := l.Refresh(); err != nil {
				t.Error(err)
			}
		}
	})
	all.Wait()
}
