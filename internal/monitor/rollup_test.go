package monitor

import (
	"bytes"
	"context"
	"fmt"
	"log/slog"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"pgregory.net/rapid"

	"farrier.dev/farrier/internal/store/storetest"
	"farrier.dev/farrier/internal/traffic"
	"farrier.dev/farrier/internal/traffic/journal"
)

func TestCountAllocatesNothing(t *testing.T) {
	r := NewRollup(newClock().Now)
	count := func() {
		r.Count("default/orders", "GET /orders/{int}", 200, traffic.Served, 3*time.Millisecond, 100, 200)
		r.Wants("default/orders", "GET /orders/{int}")
	}
	count()
	if n := testing.AllocsPerRun(1000, count); n != 0 {
		t.Errorf("%v allocations per exchange", n)
	}
	// Names beyond the bound cost no more.
	for i := range 2 * maxOperations {
		r.Count("default/orders", fmt.Sprint("GET /", i), 200, traffic.Served, 0, 0, 0)
	}
	if n := testing.AllocsPerRun(1000, func() { r.Count("default/orders", "GET /unknown", 404, traffic.Served, 0, 0, 0) }); n != 0 {
		t.Errorf("%v allocations per exchange of an operation beyond the bound", n)
	}
}

func TestOperationsAreBounded(t *testing.T) {
	r := NewRollup(newClock().Now)
	for i := range 1000 { // a scanner comes first
		r.Count("default/orders", fmt.Sprint("GET /scan/", i), 404, traffic.RefusedByGateway, 0, 0, 0)
	}
	for i := range 1000 {
		r.Count("default/orders", fmt.Sprint("GET /real/", i), 200, traffic.Served, 0, 0, 0)
	}
	perName := map[string]uint64{}
	for _, c := range r.take() {
		perName[c.operation] += c.Requests
	}
	if len(perName) != maxOperations+1 || perName[Other] != 2000-maxOperations {
		t.Errorf("%d names, %d others", len(perName), perName[Other])
	}
	if perName["GET /real/399"] != 1 || perName["GET /scan/99"] != 1 || perName["GET /scan/100"] != 0 {
		t.Error("the scanner has taken the places of real operations")
	}
	for i := range 2 * maxAPIs {
		r.Count(fmt.Sprint("api-", i), "GET /", 200, traffic.Served, 0, 0, 0)
	}
	if n := len(*r.apis.Load()); n > maxAPIs+1 {
		t.Errorf("%d APIs, want at most %d", n, maxAPIs+1)
	}
}

func TestCountsAreExact(t *testing.T) {
	r := NewRollup(newClock().Now)
	const writers, each = 8, 5000
	var wg sync.WaitGroup
	for w := range writers {
		wg.Go(func() {
			for i := range each {
				r.Count("default/orders", fmt.Sprint("GET /", (w+i)%20), 200+i%400, traffic.Served, time.Duration(i), 1, 2)
			}
		})
	}
	var sum Slot
	takeAll := func() {
		for _, c := range r.take() {
			sum.Add(c.Slot)
		}
	}
	for range 50 {
		takeAll()
	}
	wg.Wait()
	takeAll()
	if sum.Requests != writers*each || sum.BytesIn != writers*each || sum.BytesOut != 2*writers*each {
		t.Errorf("%+v, want %d requests", sum, writers*each)
	}
	var latency uint64
	for _, n := range sum.latency {
		latency += n
	}
	if latency != writers*each {
		t.Errorf("%d durations, want %d", latency, writers*each)
	}
}

func TestOutcomes(t *testing.T) {
	tests := []struct {
		status          int
		outcome         traffic.Outcome
		refused, errors uint64
	}{
		{200, traffic.Served, 0, 0},
		{503, traffic.Served, 0, 1},
		{404, traffic.Served, 0, 0},
		{204, traffic.AnsweredLocally, 0, 0},
		{403, traffic.RefusedByPolicy, 1, 0},
		{503, traffic.RefusedByGateway, 1, 0},
		{502, traffic.Errored, 0, 1},
		{0, traffic.Errored, 0, 1},
		{99999, traffic.Served, 0, 0},
		{-5, "unheard of", 0, 1},
	}
	for _, tt := range tests {
		r := NewRollup(newClock().Now)
		r.Count("a", "b", tt.status, tt.outcome, -time.Second, -1, -1)
		got := r.take()
		if len(got) != 1 || got[0].Requests != 1 || got[0].Refused != tt.refused || got[0].Errors != tt.errors || got[0].Took != 0 {
			t.Errorf("%d %s: %+v", tt.status, tt.outcome, got)
		}
	}
}

func TestPackedSlots(t *testing.T) {
	cases := 0
	rapid.Check(t, func(rt *rapid.T) {
		var want minutes
		for range rapid.IntRange(0, 60).Draw(rt, "n") {
			s := &want[rapid.IntRange(0, 59).Draw(rt, "minute")]
			s.Requests, s.Refused = rapid.Uint64().Draw(rt, "requests"), rapid.Uint64Max(10).Draw(rt, "refused")
			s.Took = time.Duration(rapid.Int64Range(0, 1<<60).Draw(rt, "took"))
			s.latency[rapid.IntRange(0, buckets-1).Draw(rt, "class")] = rapid.Uint64Max(1000).Draw(rt, "count")
		}
		var got minutes
		if err := unpack(pack(want[:]), got[:]); err != nil || got != want {
			rt.Fatalf("%v: %+v\nwant %+v", err, got, want)
		}
		cases++
	})
	if t.Logf("%d hours", cases); cases < 100 {
		t.Error("too few hours played")
	}
	if n := len(pack(make([]Slot, 60))); n != 1 {
		t.Errorf("an empty hour takes %d bytes", n)
	}
}

func FuzzUnpack(f *testing.F) {
	f.Add(pack([]Slot{{Requests: 3, latency: [buckets]uint64{4: 3}}}))
	f.Add([]byte{1, 0xff})
	f.Add([]byte{})
	f.Fuzz(func(t *testing.T, data []byte) {
		var slots, again minutes
		if unpack(data, slots[:]) != nil {
			return
		}
		packed := pack(slots[:])
		if err := unpack(packed, again[:]); err != nil || again != slots || !bytes.Equal(pack(again[:]), packed) {
			t.Errorf("packed again: %v", err)
		}
	})
}

func TestQuantile(t *testing.T) {
	var s Slot
	if s.Quantile(0.5) != 0 {
		t.Error("no exchanges have a median")
	}
	for i := range 1000 {
		s.latency[bucketOf(time.Duration(i+1)*time.Millisecond)]++
	}
	for q, want := range map[float64]time.Duration{0.5: 500 * time.Millisecond, 0.95: 950 * time.Millisecond, 0.99: 990 * time.Millisecond} {
		if got := s.Quantile(q); got < want/2 || got > want*2 {
			t.Errorf("quantile %v is %s, want about %s", q, got, want)
		}
	}
	if got := bucketOf(1000 * time.Hour); got != buckets-1 {
		t.Errorf("a long duration is of class %d", got)
	}
	for class := range buckets - 1 {
		if end := bucketEnd(class); bucketOf(end-1) != class || bucketOf(end) != class+1 {
			t.Errorf("class %d does not end at %s", class, end)
		}
	}
}

// TestRun plays some minutes: records are drained as they come, counts are
// stored when a minute is over, and the end stores what is left.
func TestRun(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		db := storetest.Open(t)
		j, err := journal.Open(t.TempDir(), journal.Options{Now: time.Now})
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = j.Close() }()
		rollup := NewRollup(time.Now)
		m, err := New(t.Context(), Options{
			DB: db, Journal: j, Rollup: rollup, Environment: "default", Gateway: "gw-1",
			Now: time.Now, Log: slog.New(slog.DiscardHandler),
		})
		if err != nil {
			t.Fatal(err)
		}
		ctx, stop := context.WithCancel(t.Context())
		ended := make(chan error, 1)
		go func() { ended <- m.Run(ctx) }()
		const rows = "SELECT COUNT(*) FROM monitor_rollups"
		refuse := func() {
			r := &traffic.Record{Version: 1, ID: traffic.NewID(time.Now()), Received: time.Now(), Outcome: traffic.RefusedByGateway}
			if err := j.Append(r); err != nil {
				t.Fatal(err)
			}
		}

		rollup.Count("default/orders", "GET /orders", 200, traffic.Served, 0, 0, 0)
		refuse()
		time.Sleep(2 * batchTime)
		synctest.Wait()
		if n := number(t, db, "SELECT COUNT(*) FROM monitor_refusals"); n != 1 {
			t.Errorf("%d lines after %s, want 1", n, 2*batchTime)
		}
		if n := number(t, db, rows); n != 0 {
			t.Errorf("%d rows before the minute is over", n)
		}
		time.Sleep(time.Minute)
		synctest.Wait()
		if n := number(t, db, rows); n != 1 {
			t.Errorf("%d rows after a minute, want 1", n)
		}
		rollup.Count("default/orders", "GET /orders/{int}", 200, traffic.Served, 0, 0, 0)
		refuse()
		stop()
		if err := <-ended; err != nil {
			t.Fatal(err)
		}
		if n := number(t, db, rows); n != 2 {
			t.Errorf("%d rows after the end, want 2", n)
		}
		if n := number(t, db, "SELECT COUNT(*) FROM monitor_refusals"); n != 2 {
			t.Errorf("%d lines after the end, want 2", n)
		}
	})
}

func BenchmarkCount(b *testing.B) {
	r := NewRollup(time.Now)
	for i := range 100 {
		r.Count("default/orders", fmt.Sprint("GET /orders/", i), 200, traffic.Served, 0, 0, 0)
	}
	b.ReportAllocs()
	for b.Loop() {
		r.Count("default/orders", "GET /orders/7", 200, traffic.Served, 3*time.Millisecond, 100, 200)
	}
}

func BenchmarkDrain(b *testing.B) {
	c := newClock()
	bench := newBench(b, storetest.Open(b), b.TempDir(), c, nil)
	b.ReportAllocs()
	for b.Loop() {
		b.StopTimer()
		for range batchRecords {
			bench.refuse(b, nil)
		}
		b.StartTimer()
		if _, err := bench.drainBatch(context.Background()); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(b.Elapsed().Microseconds())/float64(b.N)/batchRecords, "µs/record")
}
