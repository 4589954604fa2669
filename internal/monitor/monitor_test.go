package monitor

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"log/slog"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"pgregory.net/rapid"

	"farrier.dev/farrier/internal/finding"
	"farrier.dev/farrier/internal/store"
	"farrier.dev/farrier/internal/store/storetest"
	"farrier.dev/farrier/internal/traffic"
	"farrier.dev/farrier/internal/traffic/journal"
)

// clock is a clock that tests set.
type clock struct {
	mu  sync.Mutex
	now time.Time
}

func newClock() *clock { return &clock{now: time.Date(2026, 3, 1, 12, 0, 10, 0, time.UTC)} }

func (c *clock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.now
}

func (c *clock) Add(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now = c.now.Add(d)
}

// bench is a monitor with all it works with.
type bench struct {
	*Monitor
	clock   *clock
	journal *journal.Journal
	rollup  *Rollup
}

func newBench(t testing.TB, db *store.DB, dir string, c *clock, change func(*Options)) *bench {
	t.Helper()
	j, err := journal.Open(dir, journal.Options{Now: c.Now})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = j.Close() })
	opts := Options{
		DB: db, Journal: j, Rollup: NewRollup(c.Now), Environment: "default", Gateway: "gw-1",
		Now: c.Now, Log: slog.New(slog.DiscardHandler),
	}
	if change != nil {
		change(&opts)
	}
	m, err := New(context.Background(), opts)
	if err != nil {
		t.Fatal(err)
	}
	return &bench{Monitor: m, clock: c, journal: j, rollup: opts.Rollup}
}

// refuse counts and journals one refusal, as the gateway does.
func (b *bench) refuse(t testing.TB, change func(*traffic.Record)) string {
	t.Helper()
	r := &traffic.Record{
		Version: 1, ID: traffic.NewID(b.clock.Now()), Received: b.clock.Now(), Environment: "default", Gateway: "gw-1", Revision: 3,
		API: "default/orders", Operation: "GET /orders/{int}", Method: "GET", Status: 403, Client: "192.0.2.7",
		Outcome: traffic.RefusedByPolicy, Step: "attacks", Policy: "attack-protection", Reason: "score 5 reaches 5",
		Findings: []finding.Finding{{
			Rule: "crs-942100", Severity: finding.Critical, Title: "SQL injection",
			Location: finding.Location{API: "default/orders", Operation: "GET /orders/{int}", Place: "query id"}, Fingerprint: "f1",
		}},
	}
	if change != nil {
		change(r)
	}
	b.rollup.Count(r.API, r.Operation, r.Status, r.Outcome, time.Millisecond, 10, 20)
	if err := b.journal.Append(r); err != nil {
		t.Fatal(err)
	}
	return r.ID
}

func (b *bench) drain(t testing.TB) {
	t.Helper()
	if err := b.drainAll(context.Background()); err != nil {
		t.Fatal(err)
	}
}

func number(t testing.TB, db *store.DB, query string, args ...any) int64 {
	t.Helper()
	var n int64
	if err := db.Read().QueryRow(context.Background(), query, args...).Scan(&n); err != nil {
		t.Fatalf("%s: %v", query, err)
	}
	return n
}

func TestPortable(t *testing.T) { storetest.Portable(t, migrations) }

func TestRefusalIsFoundAtOnceAndAfterItsTrailIsGone(t *testing.T) {
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		b := newBench(t, db, t.TempDir(), newClock(), nil)
		id := b.refuse(t, nil)
		trail, found, err := b.Trail(t.Context(), strings.ToLower(" "+id))
		if err != nil || !found || !trail.Whole || trail.Record.Reason != "score 5 reaches 5" || len(trail.Record.Findings) != 1 {
			t.Fatalf("trail %+v, found %v, error %v", trail, found, err)
		}
		b.clock.Add(DefaultTrailAge + time.Hour)
		if err := b.Prune(t.Context()); err != nil {
			t.Fatal(err)
		}
		trail, retention, err := b.Lookup(t.Context(), id)
		if err != nil || retention != Kept || trail.Whole || trail.Record.Status != 403 || trail.Record.Policy != "attack-protection" {
			t.Errorf("after a week: %+v, %v, %v; want the short line", trail, retention, err)
		}
		if n := b.trailBytes.Load(); n != 0 {
			t.Errorf("%d bytes of trails counted where none is", n)
		}
	})
}

func TestLookupOfWhatIsNotKept(t *testing.T) {
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		dir, c := t.TempDir(), newClock()
		b := newBench(t, db, dir, c, nil)
		old := traffic.NewID(c.Now().Add(-3 * time.Hour))
		b.rollup.Count("default/orders", "GET /orders", 200, traffic.Served, time.Millisecond, 0, 0)
		counted := traffic.NewID(c.Now())
		check := func(when, id string, want Retention) {
			t.Helper()
			if _, got, err := b.Lookup(t.Context(), id); err != nil || got != want {
				t.Errorf("%s: %v, %v; want %v", when, got, err, want)
			}
		}
		check("live", counted, CountedNotKept)
		check("before the process", old, Unknown)
		check("not an id", "abc", Unknown)
		check("a letter that no id has", strings.Repeat("U", 26), Unknown)
		check("of the future", traffic.NewID(c.Now().Add(time.Hour)), Unknown)
		c.Add(time.Minute)
		if err := b.Flush(t.Context()); err != nil {
			t.Fatal(err)
		}
		b = newBench(t, db, t.TempDir(), c, nil)
		check("after a restart", counted, CountedNotKept)
		c.Add(100 * 24 * time.Hour)
		if err := b.Prune(t.Context()); err != nil {
			t.Fatal(err)
		}
		check("after a hundred days", counted, CountedNotKept)
		check("another hundred days", traffic.NewID(c.Now().Add(-50*24*time.Hour)), Unknown)
		c.Add(DaysKept)
		if err := b.Prune(t.Context()); err != nil {
			t.Fatal(err)
		}
		check("after two years", counted, Unknown)
	})
}

func TestSampleOfServedExchanges(t *testing.T) {
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		b := newBench(t, db, t.TempDir(), newClock(), nil)
		wanted := 0
		last := ""
		for range 500 {
			if !b.rollup.Wants("default/orders", "GET /orders") {
				continue
			}
			wanted++
			last = traffic.NewID(b.clock.Now())
			b.Keep(&traffic.Record{
				Version: 1, ID: last, Received: b.clock.Now(), API: "default/orders", Operation: "GET /orders",
				Status: 200, Outcome: traffic.Served,
			})
			if wanted%3 == 0 {
				if err := b.Flush(t.Context()); err != nil {
					t.Fatal(err)
				}
			}
		}
		if _, r, err := b.Lookup(t.Context(), last); err != nil || r != Kept {
			t.Errorf("the newest of the sample is %v, %v", r, err)
		}
		if err := b.Flush(t.Context()); err != nil {
			t.Fatal(err)
		}
		if n := number(t, db, "SELECT COUNT(*) FROM monitor_trails WHERE kept = 'sample'"); n != samples {
			t.Errorf("%d kept of %d wanted, want %d", n, wanted, samples)
		}
		if wanted < samples || wanted > 100 {
			t.Errorf("%d of 500 wanted", wanted)
		}
		size := number(t, db, "SELECT SUM(size) FROM monitor_trails")
		if b.trailBytes.Load() != size {
			t.Errorf("%d bytes counted, %d stored", b.trailBytes.Load(), size)
		}
		b.clock.Add(time.Hour)
		if err := b.Flush(t.Context()); err != nil || !b.rollup.Wants("default/orders", "GET /orders") {
			t.Errorf("the next hour has no sample of its own: %v", err)
		}
	})
}

func TestBoundsOfWhatIsKept(t *testing.T) {
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		b := newBench(t, db, t.TempDir(), newClock(), func(o *Options) { o.RefusalRows, o.TrailBytes = 700, 300_000 })
		var ids []string
		for range 1200 {
			ids = append(ids, b.refuse(t, nil))
			b.clock.Add(time.Millisecond)
		}
		b.drain(t)
		if n := number(t, db, "SELECT COUNT(*) FROM monitor_refusals"); n != 700 {
			t.Errorf("%d short lines, want 700", n)
		}
		size := number(t, db, "SELECT SUM(size) FROM monitor_trails")
		if size > 300_000 || size < 100_000 || size != b.trailBytes.Load() {
			t.Errorf("%d bytes of trails, counted %d, want at most 300000", size, b.trailBytes.Load())
		}
		for i, want := range map[int]Retention{0: CountedNotKept, 400: CountedNotKept, 600: Kept, 1199: Kept} {
			if _, got, err := b.Lookup(t.Context(), ids[i]); err != nil || got != want {
				t.Errorf("exchange %d is %v, %v; want %v", i, got, err, want)
			}
		}
		if got := b.Recent(1000); len(got) != recentLines || got[0].ID != ids[1199] {
			t.Errorf("%d recent lines", len(got))
		}
		if s := b.journal.Stats(); s.Segments > 2 {
			t.Errorf("drained segments stay: %+v", s)
		}
	})
}

func TestRefusalsFilterAndPages(t *testing.T) {
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		b := newBench(t, db, t.TempDir(), newClock(), nil)
		start := b.clock.Now()
		for i := range 30 {
			b.refuse(t, func(r *traffic.Record) {
				switch i % 3 {
				case 1:
					r.API, r.Status, r.Policy, r.Findings = "default/invoices", 401, "jwt-validation", nil
					r.Reason, r.ClientID = "no token: 100%_sure", "app-7"
				case 2:
					r.API, r.Operation, r.Outcome, r.Policy, r.Findings, r.Client = "", "GET /{word}", traffic.RefusedByGateway, "", nil, "192.0.2.8"
				}
			})
			b.clock.Add(time.Second)
		}
		b.drain(t)
		tests := []struct {
			name string
			f    Filter
			want int
		}{
			{"all", Filter{}, 30},
			{"api", Filter{API: "default/invoices"}, 10},
			{"policy", Filter{Policy: "attack-protection"}, 10},
			{"status", Filter{Status: 401}, 10},
			{"address", Filter{Client: "192.0.2.8"}, 10},
			{"application", Filter{Client: "app-7"}, 10},
			{"outcome", Filter{Outcome: traffic.RefusedByGateway}, 10},
			{"rule", Filter{Rule: "crs-942100"}, 10},
			{"part of a rule", Filter{Rule: "crs-94"}, 0},
			{"any rule", Filter{Rule: "*"}, 10},
			{"wildcard is text", Filter{Rule: "crs%"}, 0},
			{"text", Filter{Text: "NO token"}, 10},
			{"text with wildcards", Filter{Text: "100%_SURE"}, 10},
			{"text that is a wildcard only", Filter{Text: "0%s"}, 0},
			{"quote", Filter{Text: "' OR '1'='1"}, 0},
			{"from", Filter{From: start.Add(20 * time.Second)}, 10},
			{"to", Filter{To: start.Add(10 * time.Second)}, 10},
			{"two", Filter{API: "default/orders", Status: 401}, 0},
		}
		for _, tt := range tests {
			for _, limit := range []int{0, 7} {
				f, got, last := tt.f, 0, ""
				for f.Limit = limit; ; {
					p, err := b.Refusals(t.Context(), f)
					if err != nil {
						t.Fatal(err)
					}
					for _, l := range p.Refusals {
						if last != "" && l.ID >= last {
							t.Errorf("%s: %s after %s", tt.name, l.ID, last)
						}
						last = l.ID
						got++
					}
					if f.Before = p.Next; f.Before == "" {
						break
					}
				}
				if got != tt.want {
					t.Errorf("%s, limit %d: %d lines, want %d", tt.name, limit, got, tt.want)
				}
			}
		}
		t.Logf("%d filters", len(tests))
	})
}

func TestOverviewCountsMemoryAndStoreOnce(t *testing.T) {
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		c := newClock()
		b := newBench(t, db, t.TempDir(), c, nil)
		since := c.Now().Add(-5 * time.Minute)
		check := func(when string, requests, attacks uint64) {
			t.Helper()
			o, err := b.Overview(t.Context(), since, time.Minute)
			if err != nil {
				t.Fatal(err)
			}
			var sum Point
			for _, p := range o.Series {
				sum.Requests += p.Requests
				sum.Attacks += p.Attacks
			}
			if o.Totals.Requests != requests || sum.Requests != requests || o.Totals.Attacks != attacks || sum.Attacks != attacks {
				t.Errorf("%s: totals %+v, series %+v; want %d requests and %d attacks", when, o.Totals, sum, requests, attacks)
			}
		}
		for range 10 {
			b.rollup.Count("default/orders", "GET /orders", 200, traffic.Served, 3*time.Millisecond, 1, 2)
		}
		check("live", 10, 0)
		b.refuse(t, nil)
		b.drain(t)
		check("after an attack", 11, 1)
		c.Add(time.Minute)
		if err := b.Flush(t.Context()); err != nil {
			t.Fatal(err)
		}
		check("flushed", 11, 1)
		b.rollup.Count("default/orders", "GET /orders", 503, traffic.Served, time.Second, 1, 2)
		check("flushed and live", 12, 1)
		if err := b.Flush(t.Context()); err != nil {
			t.Fatal(err)
		}
		// A new process in the same hour adds to the rows that exist.
		b = newBench(t, db, t.TempDir(), c, nil)
		b.rollup.Count("default/orders", "GET /orders", 200, traffic.Served, time.Millisecond, 1, 2)
		b.rollup.Count("default/invoices", "GET /invoices", 200, traffic.Served, time.Millisecond, 1, 2)
		check("restarted", 14, 1)
		if err := b.Flush(t.Context()); err != nil {
			t.Fatal(err)
		}
		check("restarted and flushed", 14, 1)

		o, err := b.Overview(t.Context(), since, time.Minute)
		if err != nil {
			t.Fatal(err)
		}
		if o.Totals.Errors != 1 || o.Totals.Refused != 1 || len(o.Policies) != 1 || o.Policies[0] != (Share{"attack-protection", 1}) ||
			len(o.Attackers) != 1 || o.Attackers[0] != (Share{"192.0.2.7", 1}) || len(o.APIs) != 2 || o.APIs[0].API != "default/orders" {
			t.Errorf("overview %+v", o)
		}
		if o.P50 < time.Millisecond || o.P50 > 5*time.Millisecond || o.P99 < 500*time.Millisecond || o.P99 > 2*time.Second {
			t.Errorf("p50 %s, p99 %s", o.P50, o.P99)
		}
		apis, err := b.APIs(t.Context(), since)
		if err != nil || len(apis) != 2 || apis[1].API != "default/invoices" || apis[1].Requests != 1 {
			t.Errorf("APIs %+v, %v", apis, err)
		}
		operations, err := b.Operations(t.Context(), "default/orders", since)
		if err != nil || len(operations) != 2 || operations[0].Operation != "GET /orders" || operations[0].Requests != 12 {
			t.Errorf("operations %+v, %v", operations, err)
		}
		one, err := b.APIOverview(t.Context(), "default/invoices", since, time.Minute)
		if err != nil || one.Totals.Requests != 1 || len(one.Policies) != 0 {
			t.Errorf("one API: %+v, %v", one, err)
		}
		// Beyond the reach of minutes, days answer, the live minute included.
		b.rollup.Count("default/orders", "GET /orders", 200, traffic.Served, time.Millisecond, 1, 2)
		days, err := b.Overview(t.Context(), c.Now().Add(-30*24*time.Hour), time.Hour)
		if err != nil || days.Step != 24*time.Hour || days.Totals.Requests != 15 || len(days.Series) != 31 || days.Series[30].Requests != 15 {
			t.Errorf("days: step %s, %d points, totals %+v, %v", days.Step, len(days.Series), days.Totals, err)
		}
		if _, err := b.Overview(t.Context(), c.Now().Add(-7*24*time.Hour), time.Minute); err == nil || !strings.Contains(err.Error(), "points") {
			t.Errorf("a question for ten thousand points: %v", err)
		}
	})
}

// TestFlushWaitsForTheStore holds that counts survive a store that fails.
func TestFlushWaitsForTheStore(t *testing.T) {
	b := newBench(t, storetest.Open(t), t.TempDir(), newClock(), nil)
	for range 3 {
		b.rollup.Count("default/orders", "GET /orders", 200, traffic.Served, time.Millisecond, 1, 2)
		gone, cancel := context.WithCancel(t.Context())
		cancel()
		if err := b.Flush(gone); !errors.Is(err, context.Canceled) {
			t.Fatalf("flush: %v", err)
		}
		b.clock.Add(time.Minute)
	}
	if err := b.Flush(t.Context()); err != nil {
		t.Fatal(err)
	}
	apis, err := b.APIs(t.Context(), b.clock.Now().Add(-time.Hour))
	if err != nil || len(apis) != 1 || apis[0].Requests != 3 {
		t.Errorf("APIs %+v, %v; want three requests", apis, err)
	}
}

// ledger is a FindingWriter that counts in the store, and fails when told to.
type ledger struct {
	fail error
}

func (l *ledger) WriteFindings(ctx context.Context, tx *store.Tx, records []traffic.Record) error {
	for i := range records {
		for range records[i].Findings {
			if _, err := tx.Exec(ctx, "UPDATE ledger SET n = n + 1"); err != nil {
				return err
			}
		}
	}
	return l.fail
}

// TestExactlyOnce appends, drains, fails and is killed at random: what the
// store has at the end is each record once, and exact counts.
func TestExactlyOnce(t *testing.T) {
	// Each case opens databases; a third of rapid's hundred is enough each time.
	if checks := flag.Lookup("rapid.checks"); checks.Value.String() == checks.DefValue {
		_ = flag.Set("rapid.checks", "30")
		defer func() { _ = flag.Set("rapid.checks", checks.DefValue) }()
	}
	steps := 0
	rapid.Check(t, func(rt *rapid.T) {
		path := filepath.Join(t.TempDir(), fmt.Sprint(steps)+".db")
		dir := filepath.Join(t.TempDir(), "journal")
		c := newClock()
		var db *store.DB
		l := &ledger{}
		var b *bench
		reopen := func() {
			if db != nil {
				_ = b.journal.Sync() // not Close: what a killed process does not do
				if err := db.Close(); err != nil {
					rt.Fatal(err)
				}
			}
			var err error
			if db, err = store.Open(context.Background(), path, store.Options{Disposable: true, Now: c.Now}); err != nil {
				rt.Fatal(err)
			}
			c.Add(time.Second)
			b = newBench(t, db, dir, c, func(o *Options) { o.Findings, o.RefusalRows = l, 1000 })
		}
		reopen()
		if err := db.Write(context.Background(), func(tx *store.Tx) error {
			if _, err := tx.Exec(context.Background(), "CREATE TABLE ledger (n BIGINT NOT NULL)"); err != nil {
				return err
			}
			_, err := tx.Exec(context.Background(), "INSERT INTO ledger VALUES (0)")
			return err
		}); err != nil {
			rt.Fatal(err)
		}
		ids := map[string]bool{}
		rt.Repeat(map[string]func(*rapid.T){
			"append": func(rt *rapid.T) {
				for range rapid.IntRange(1, 30).Draw(rt, "n") {
					ids[b.refuse(t, nil)] = true
					c.Add(time.Millisecond)
				}
			},
			"drain": func(*rapid.T) { b.drain(t) },
			"fail": func(rt *rapid.T) {
				l.fail = errors.New("disk on fire")
				more, err := b.drainBatch(context.Background())
				if l.fail = nil; more || err == nil && b.undrained() {
					rt.Fatalf("a batch that failed: more %v, error %v", more, err)
				}
			},
			"kill": func(*rapid.T) { reopen() },
			"":     func(*rapid.T) { steps++ },
		})
		b.drain(t)
		n := int64(len(ids))
		for query, want := range map[string]int64{
			"SELECT COUNT(*) FROM monitor_trails":   n,
			"SELECT COUNT(*) FROM monitor_refusals": min(n, 1000),
			"SELECT n FROM ledger":                  n,
		} {
			if got := number(t, db, query); got != want {
				rt.Fatalf("%s: %d, want %d", query, got, want)
			}
		}
		apis, err := b.APIs(context.Background(), c.Now().Add(-time.Hour))
		if err != nil {
			rt.Fatal(err)
		}
		var attacks uint64
		for _, a := range apis {
			attacks += a.Attacks
		}
		if attacks != uint64(n) {
			rt.Fatalf("%d attacks counted, want %d", attacks, n)
		}
		_ = db.Close()
	})
	if t.Logf("%d steps", steps); steps < 300 {
		t.Error("too few steps played")
	}
}

// TestLostDatabase replaces the database by an empty one, and then the journal
// by an empty one: what comes afterwards is drained.
func TestLostDatabase(t *testing.T) {
	c, dir := newClock(), t.TempDir()
	b := newBench(t, storetest.Open(t), dir, c, nil)
	b.refuse(t, nil)
	b.drain(t)
	other := storetest.Open(t)
	c.Add(time.Second)
	b = newBench(t, other, dir, c, nil)
	id := b.refuse(t, nil)
	if _, r, err := b.Lookup(t.Context(), id); err != nil || r != Kept {
		t.Errorf("new database: %v, %v", r, err)
	}
	c.Add(-time.Hour) // the new journal begins before the place in the old one
	b = newBench(t, other, t.TempDir(), c, nil)
	id = b.refuse(t, nil)
	if _, r, err := b.Lookup(t.Context(), id); err != nil || r != Kept {
		t.Errorf("new journal: %v, %v", r, err)
	}
}

func TestMetrics(t *testing.T) {
	b := newBench(t, storetest.Open(t), t.TempDir(), newClock(), func(o *Options) { o.Feed = traffic.NewFeed() })
	registry := prometheus.NewPedanticRegistry()
	if err := b.Register(registry); err != nil {
		t.Fatal(err)
	}
	b.refuse(t, nil)
	b.rollup.Count("", "GET /{word}", 404, traffic.RefusedByGateway, time.Hour, 0, 0)
	b.drain(t)
	families, err := registry.Gather()
	if err != nil {
		t.Fatal(err)
	}
	got := map[string]float64{}
	for _, f := range families {
		for _, metric := range f.GetMetric() {
			name := f.GetName()
			for _, l := range metric.GetLabel() {
				name += " " + l.GetValue()
			}
			got[name] = metric.GetCounter().GetValue() + metric.GetGauge().GetValue() + float64(metric.GetHistogram().GetSampleCount())
		}
	}
	for name, want := range map[string]float64{
		"farrier_requests_total default/orders 4xx refused": 1,
		"farrier_requests_total (none) 4xx rejected":        1,
		"farrier_request_duration_seconds (none)":           1,
		"farrier_request_bytes_total default/orders out":    20,
		"farrier_attacks_total default/orders":              1,
		"farrier_drained_records_total":                     1,
		"farrier_journal_full_total":                        0,
		"farrier_feed_dropped_total":                        0,
		"farrier_trail_bytes":                               float64(b.trailBytes.Load()),
		"farrier_journal_bytes":                             float64(b.journal.Stats().Bytes),
		"farrier_request_duration_seconds default/orders":   1,
		"farrier_request_bytes_total default/orders in":     10,
		"farrier_drain_failures_total":                      0,
		"farrier_rollup_failures_total":                     0,
		"farrier_rollup_damaged_total":                      0,
		"farrier_journal_failed_total":                      0,
		"farrier_journal_damaged_total":                     0,
	} {
		if v, ok := got[name]; !ok || v != want {
			t.Errorf("%s is %v (%v), want %v", name, v, ok, want)
		}
	}
}
