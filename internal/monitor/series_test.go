package monitor

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"

	"farrier.dev/farrier/internal/store"
	"farrier.dev/farrier/internal/store/storetest"
	"farrier.dev/farrier/internal/traffic"
)

// TestSeries counts over some hours and asks for every kind of series; what is stored
// and what is still in memory add up.
func TestSeries(t *testing.T) {
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		c := newClock()
		b := newBench(t, db, t.TempDir(), c, nil)
		begin := c.Now()
		for i := range 180 { // three hours
			status, outcome, policy := 200, traffic.Served, ""
			if i%10 == 0 {
				status, outcome, policy = 429, traffic.RefusedByPolicy, "rate-limiting-flex"
			}
			took := time.Duration(i%4+1) * 100 * time.Millisecond
			b.rollup.Count("default/orders", "GET /orders", status, outcome, took, 1, 2)
			b.rollup.Count("default/bills", "GET /bills", 503, traffic.Served, time.Millisecond, 1, 2)
			b.rollup.CountParty(Party{"default/orders", "mobile", policy}, status, outcome, took, 1, 2)
			c.Add(time.Minute)
			if i < 179 {
				if err := b.Flush(t.Context()); err != nil {
					t.Fatal(err)
				}
			}
		}
		sum := func(q Query) float64 {
			t.Helper()
			q.Since = begin
			samples, err := b.Series(t.Context(), q)
			if err != nil {
				t.Fatalf("%+v: %v", q, err)
			}
			var n float64
			for _, s := range samples {
				n += s.Value
			}
			return n
		}
		cases := []struct {
			q    Query
			want float64
		}{
			{Query{Metric: Requests}, 360},
			{Query{Metric: Requests, API: "default/orders"}, 180},
			{Query{Metric: Refused, API: "default/orders"}, 18},
			{Query{Metric: StatusCount("429"), API: "default/orders"}, 18},
			{Query{Metric: StatusCount("5xx")}, 180},
			{Query{Metric: StatusCount("503"), API: "default/bills"}, 180},
			{Query{Metric: Errors, API: "default/bills"}, 180},
			{Query{Metric: Requests, API: "default/orders", Operation: "GET /orders"}, 180},
			{Query{Metric: Requests, API: "default/orders", Operation: "GET /nothing"}, 0},
			{Query{Metric: Requests, Client: "mobile"}, 180},
			{Query{Metric: Requests, API: "default/orders", Client: "mobile"}, 180},
			{Query{Metric: Requests, API: "default/bills", Client: "mobile"}, 0},
			{Query{Metric: Refused, Policy: "rate-limiting-flex"}, 18},
			{Query{Metric: Refused, API: "default/orders", Policy: "rate-limiting-flex"}, 18},
			{Query{Metric: BytesOut}, 720},
		}
		for _, tt := range cases {
			for _, step := range []time.Duration{time.Minute, 5 * time.Minute, time.Hour, 24 * time.Hour} {
				tt.q.Step = step
				if got := sum(tt.q); got != tt.want {
					t.Errorf("%+v is %v, want %v", tt.q, got, tt.want)
				}
			}
		}
		if t.Logf("%d series", len(cases)); len(cases) < 15 {
			t.Error("too few series asked for")
		}
		p95, err := b.Series(t.Context(), Query{API: "default/orders", Metric: Percentile(95), Since: begin, Step: 24 * time.Hour})
		if err != nil || !p95[0].Known || p95[0].Value < 300 || p95[0].Value > 500 {
			t.Errorf("p95 %+v, %v; want about 400 ms", p95, err)
		}
		window, err := b.Window(t.Context(), c.Now().Add(-10*time.Minute), c.Now())
		if all, one := window[""], window["default/orders"]; err != nil || all.Requests != 20 || one.Requests != 10 {
			t.Errorf("the last ten minutes hold %d and %d requests, %v", all.Requests, one.Requests, err)
		}
		clients, err := b.Clients(t.Context(), "default/orders", begin, 10)
		if err != nil || len(clients) != 1 || clients[0].Name != "mobile" || clients[0].Requests != 180 {
			t.Errorf("clients %+v, %v", clients, err)
		}
		c.Add(DaysKept + 100*24*time.Hour)
		if err := b.Flush(t.Context()); err != nil {
			t.Fatal(err)
		}
		if err := b.Prune(t.Context()); err != nil {
			t.Fatal(err)
		}
		if n := number(t, db, "SELECT COUNT(*) FROM monitor_series WHERE place * level < 0 OR level < 2"); n > 4 {
			t.Errorf("%d fine rows are left after two years", n)
		}
	})
}

func TestSeriesRefuses(t *testing.T) {
	b := newBench(t, storetest.Open(t), t.TempDir(), newClock(), nil)
	now := b.clock.Now()
	cases := []Query{
		{Metric: "speed", Since: now.Add(-time.Hour)},
		{Metric: "p0", Since: now.Add(-time.Hour)},
		{Metric: StatusCount("418"), Since: now.Add(-time.Hour)},
		{Metric: Requests, Operation: "GET /", Since: now.Add(-time.Hour)},
		{Metric: Requests, API: "a", Operation: "GET /", Client: "c", Since: now.Add(-time.Hour)},
		{Metric: Requests, Client: "c", Policy: "p", Since: now.Add(-time.Hour)},
		{Metric: Requests, Since: now.Add(time.Hour)},
		{Metric: Requests, Since: now.Add(-20 * 24 * time.Hour), Step: time.Minute},
	}
	for _, q := range cases {
		if _, err := b.Series(t.Context(), q); !errors.Is(err, ErrQuery) {
			t.Errorf("%+v: %v", q, err)
		}
	}
}

// TestPartiesAreBounded holds that names which never end find one place.
func TestPartiesAreBounded(t *testing.T) {
	r := NewRollup(newClock().Now)
	for i := range 2 * maxParties {
		r.CountParty(Party{"a", fmt.Sprint(i), ""}, 200, traffic.Served, 0, 0, 0)
	}
	counts := r.parties.take(newClock().Now())
	var all, other uint64
	for _, c := range counts {
		all += c.Requests
		if c.name == Other {
			other += c.Requests
		}
	}
	if len(counts) > maxParties+2 || all != 4*maxParties || other == 0 {
		t.Errorf("%d names, %d of %d counted, %d as others", len(counts), all, 4*maxParties, other)
	}
}

// TestOldRollupsAreRead holds that what version 1 packed is read.
func TestOldRollupsAreRead(t *testing.T) {
	packed := []byte{1, 7, 10, 1, 2, 3, 100, 5, 6, 2, 0, 4, 3, 6}
	var slots minutes
	if err := unpack(packed, slots[:]); err != nil {
		t.Fatal(err)
	}
	s := slots[7]
	if s.Requests != 10 || s.BytesOut != 6 || s.latency[0] != 4 || s.latency[5] != 3 || s.latency[6] != 3 {
		t.Errorf("%+v", s)
	}
}

// TestMergedPercentiles holds that percentiles of added slots are those of all
// exchanges together, within the width of a class.
func TestMergedPercentiles(t *testing.T) {
	cases := 0
	rapid.Check(t, func(rt *rapid.T) {
		all := rapid.SliceOfN(rapid.Int64Range(int64(time.Millisecond), int64(10*time.Second)), 1, 200).Draw(rt, "durations")
		var parts [3]Slot
		for i, d := range all {
			parts[i%3].count(200, traffic.Served, time.Duration(d), 0, 0)
		}
		sum := parts[0]
		sum.Add(parts[1])
		sum.Add(parts[2])
		slices.Sort(all)
		for _, q := range []float64{0.5, 0.95, 0.99} {
			exact := float64(all[min(max(int(q*float64(len(all))+0.999)-1, 0), len(all)-1)])
			if got := float64(sum.Quantile(q)); got < exact/1.55 || got > exact*1.55 {
				rt.Fatalf("p%v of %d is %v, want about %v", 100*q, len(all), time.Duration(got), time.Duration(exact))
			}
		}
		cases++
	})
	if t.Logf("%d cases", cases); cases < 100 {
		t.Error("too few cases")
	}
}

var large = flag.Bool("series", false, "also time series on the rollups of ten million requests")

// TestLargeSeries times questions on 1,000 APIs, 10,000 clients and the rollups of ten
// million requests within a week.
func TestLargeSeries(t *testing.T) {
	if !*large {
		t.Skip("without -series: questions on the rollups of ten million requests were NOT timed")
	}
	c := newClock()
	db := storetest.Open(t)
	b := newBench(t, db, t.TempDir(), c, nil)
	begin := c.Now()
	const apis, clients, days, each, together = 1000, 10_000, 7, 1_440_000, 50
	random := rand.New(rand.NewPCG(1, 2))
	requests := 0
	for range days {
		minute := c.Now().Unix() / 60
		p := pending{slots: map[slotKey]*Slot{}}
		for range each / together {
			api := fmt.Sprintf("default/api-%d", random.IntN(apis))
			client := fmt.Sprintf("client-%d", random.IntN(clients))
			at := minute + random.Int64N(24*60)
			var s Slot
			for range together {
				s.count(200, traffic.Served, time.Duration(random.ExpFloat64()*float64(50*time.Millisecond)), 100, 1000)
			}
			requests += together
			key := slotKey{api, fmt.Sprintf("GET /things/%d", random.IntN(10)), at}
			if p.slots[key] == nil {
				p.slots[key] = &Slot{}
			}
			p.slots[key].Add(s)
			p.addSeries([]seriesCount{{seriesKey{byClient, "", client}, at, s}, {seriesKey{byClient, api, client}, at, s}})
		}
		if err := db.Write(t.Context(), func(tx *store.Tx) error { return b.writeRollups(context.Background(), tx, &p) }); err != nil {
			t.Fatal(err)
		}
		c.Add(24 * time.Hour)
	}
	rows := number(t, db, "SELECT COUNT(*) FROM monitor_series") + number(t, db, "SELECT COUNT(*) FROM monitor_rollups")
	t.Logf("%d requests, %d rows", requests, rows)
	var took []time.Duration
	ask := func(what string, do func() error) {
		for range 20 {
			start := time.Now()
			if err := do(); err != nil {
				t.Fatal(err)
			}
			took = append(took, time.Since(start))
		}
		t.Logf("%-28s %s", what, took[len(took)-1])
	}
	ask("all, a week by hours", func() error {
		_, err := b.Series(t.Context(), Query{Metric: Percentile(95), Since: begin, Step: time.Hour})
		return err
	})
	ask("all, a day by minutes", func() error {
		_, err := b.Series(t.Context(), Query{Metric: Requests, Since: c.Now().Add(-24 * time.Hour), Step: time.Minute})
		return err
	})
	ask("an API, a week by hours", func() error {
		_, err := b.Series(t.Context(), Query{API: "default/api-7", Metric: ErrorRate, Since: begin, Step: time.Hour})
		return err
	})
	ask("an operation, a week", func() error {
		_, err := b.Series(t.Context(), Query{API: "default/api-7", Operation: "GET /things/3", Metric: Requests, Since: begin, Step: time.Hour})
		return err
	})
	ask("a client, a day by minutes", func() error {
		_, err := b.Series(t.Context(), Query{Client: "client-77", Metric: Requests, Since: c.Now().Add(-24 * time.Hour), Step: time.Minute})
		return err
	})
	ask("clients of an API, a week", func() error {
		_, err := b.Clients(t.Context(), "default/api-7", begin, 20)
		return err
	})
	ask("all APIs, the last hour", func() error {
		_, err := b.Window(t.Context(), c.Now().Add(-2*time.Hour), c.Now())
		return err
	})
	slices.Sort(took)
	if p95 := took[len(took)*95/100]; p95 > 150*time.Millisecond {
		t.Errorf("p95 is %s, want less than 150 ms", p95)
	} else {
		t.Logf("p95 %s of %d questions", p95, len(took))
	}
}
