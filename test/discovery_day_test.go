package test

import (
	"context"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"net/netip"
	"os"
	"path/filepath"
	"testing"
	"time"

	"farrier.dev/farrier/internal/classify/sensitive"
	"farrier.dev/farrier/internal/discovery"
	"farrier.dev/farrier/internal/discovery/keep"
	"farrier.dev/farrier/internal/monitor"
	"farrier.dev/farrier/internal/store"
	"farrier.dev/farrier/internal/traffic"
	"farrier.dev/farrier/internal/traffic/journal"
)

// sizes of the simulated day: those of ordinary runs, and of FARRIER_DAY=full.
var daySizes = map[string]struct{ apis, requests int }{"": {40, 20_000}, "full": {1000, 500_000}}

// TestDay plays 24 hours of traffic of many APIs through what counts and learns, on real
// databases, and holds both against exact counts. The databases must not grow with the
// number of requests: a second day has four times as many.
func TestDay(t *testing.T) {
	size, ok := daySizes[os.Getenv("FARRIER_DAY")]
	if !ok {
		t.Fatalf("FARRIER_DAY=%s: must be full or empty", os.Getenv("FARRIER_DAY"))
	}
	var bytes [2]int64
	for i, requests := range []int{size.requests, 4 * size.requests} {
		d := newDay(t)
		began := time.Now()
		d.play(size.apis, requests)
		took := time.Since(began)
		d.holdCounts(size.apis)
		bytes[i] = d.size()
		t.Logf("%d APIs, %d operations, %d requests in 24 hours, played in %v: every count exact; traffic.db has %.1f MB, control.db %.1f MB",
			size.apis, d.operations, requests, took.Round(time.Second), float64(bytes[i])/1e6, float64(fileSize(t, d.folder, store.ControlFile))/1e6)
	}
	if bytes[1] > 2*bytes[0] {
		t.Errorf("four times the requests take %d bytes instead of %d: the database grows with requests", bytes[1], bytes[0])
	}
}

// day is a day of traffic, with a clock of its own.
type day struct {
	t      *testing.T
	now    time.Time
	folder string

	rollup  *monitor.Rollup
	monitor *monitor.Monitor
	learner *discovery.Learner
	keep    *keep.Keep
	random  *rand.Rand

	operations int
	// exact counts what was sent by API and operation, as the rollup names it; learned and
	// good by key.
	exact         map[[2]string]uint64
	learned, good map[discovery.Key]uint64
}

func newDay(t *testing.T) *day {
	t.Helper()
	d := &day{
		t: t, now: time.Date(2026, 11, 22, 0, 0, 0, 0, time.UTC), folder: t.TempDir(), random: rand.New(rand.NewPCG(7, 7)),
		exact: map[[2]string]uint64{}, learned: map[discovery.Key]uint64{}, good: map[discovery.Key]uint64{},
	}
	clock := func() time.Time { return d.now }
	open := func(name string, o store.Options) *store.DB {
		db, err := store.Open(t.Context(), filepath.Join(d.folder, name), o)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = db.Close() })
		return db
	}
	control, observed := open(store.ControlFile, store.Options{}), open(store.TrafficFile, store.Options{Disposable: true, Now: clock})
	records, err := journal.Open(filepath.Join(d.folder, "journal"), journal.Options{Now: clock})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = records.Close() })
	d.rollup = monitor.NewRollup(clock)
	if d.monitor, err = monitor.New(t.Context(), monitor.Options{
		DB: observed, Journal: records, Rollup: d.rollup, Findings: noFindings{}, Feed: traffic.NewFeed(),
		Environment: "test", Gateway: "one", Now: clock, Log: slog.New(slog.DiscardHandler),
	}); err != nil {
		t.Fatal(err)
	}
	if d.keep, err = keep.Open(t.Context(), keep.Options{Traffic: observed, Control: control, Environment: "test", Gateway: "one", Now: clock}); err != nil {
		t.Fatal(err)
	}
	detector, err := sensitive.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	if d.learner, err = discovery.New(discovery.Options{Now: clock, Detector: detector, Details: d.keep}); err != nil {
		t.Fatal(err)
	}
	return d
}

// noFindings keeps none.
type noFindings struct{}

// WriteFindings implements monitor.FindingWriter.
func (noFindings) WriteFindings(context.Context, *store.Tx, []traffic.Record) error { return nil }

var dayWords = []string{"orders", "customers", "invoices", "payments", "shipments", "products", "stores"}

// play sends requests over 24 hours, with a rhythm of day and night and a few APIs that
// have most of the traffic.
func (d *day) play(apis, requests int) {
	d.t.Helper()
	d.operations = apis * len(dayWords)
	var weights [24]int
	sum := 0
	for hour := range weights {
		weights[hour] = 2 + 8*min(hour, 23-hour)
		sum += weights[hour]
	}
	popular := rand.NewZipf(d.random, 1.2, 20, uint64(apis-1))
	begin := d.now
	counts := map[discovery.Key]int{}
	for minute := range 24 * 60 {
		n := requests * weights[minute/60] / sum / 60
		for i := range n {
			d.now = begin.Add(time.Duration(minute)*time.Minute + time.Duration(i)*time.Minute/time.Duration(n))
			api := int(popular.Uint64())
			if i%3 == 0 {
				api = d.random.IntN(apis)
			}
			d.send(api, dayWords[d.random.IntN(len(dayWords))], counts)
		}
		d.now = begin.Add(time.Duration(minute+1) * time.Minute)
		if minute%10 != 9 {
			continue
		}
		if err := d.monitor.Flush(d.t.Context()); err != nil {
			d.t.Fatal(err)
		}
		d.save()
	}
}

// send counts and learns one exchange.
func (d *day) send(api int, word string, counts map[discovery.Key]int) {
	base := fmt.Sprintf("/api%d", api)
	name := fmt.Sprintf("default/api-%d", api)
	path := fmt.Sprintf("%s/%s/%d", base, word, 1000+d.random.IntN(900_000))
	status := 200
	if d.random.IntN(50) == 0 {
		status = 500
	}
	operation := traffic.Operation("GET", path)
	d.exact[[2]string{name, operation}]++
	d.rollup.Count(name, operation, status, traffic.Served, time.Duration(d.random.IntN(200))*time.Millisecond, 100, 1000)
	key := discovery.Key{Host: "api.example.com", Method: "GET", Path: base + "/" + word}
	counts[key]++
	sampled := counts[key] <= discovery.FullSample || counts[key]%discovery.SampleEvery == 0
	o := &discovery.Observation{
		Source: discovery.FromGateway, Time: d.now, Scheme: "https", Host: key.Host, Method: "GET", Path: path, Query: "page=3",
		API: name, BasePath: base, Service: "default/svc", Status: status, Sampled: sampled && status == 200,
		Caller: discovery.Caller{Address: netip.AddrFrom4([4]byte{10, 0, byte(d.random.IntN(4)), 1}), ClientID: fmt.Sprintf("app-%d", d.random.IntN(20))},
	}
	if o.Sampled {
		header := traffic.NewHeader(traffic.Field{Name: "content-type", Value: "application/json"})
		o.Response = discovery.Message{Header: &header, Body: fmt.Appendf(nil, `{"id":%d,"state":"open","email":"a%d@example.com","lines":[{"sku":"S-%d","count":2}]}`, d.random.IntN(1e6), d.random.IntN(1e6), d.random.IntN(1e6))}
	}
	d.learner.Observe(o)
	if status == 200 {
		d.good[key]++
	}
	if d.good[key] > 0 { // a call that fails makes no operation known
		d.learned[key]++
	}
}

func (d *day) save() {
	d.t.Helper()
	for {
		ops, gone := d.learner.Changed(500)
		if err := d.keep.Save(d.t.Context(), ops, gone, 0); err != nil {
			d.t.Fatal(err)
		}
		if len(ops) < 500 {
			return
		}
	}
}

// holdCounts compares what is stored with what was sent.
func (d *day) holdCounts(apis int) {
	d.t.Helper()
	d.now = d.now.Add(2 * time.Minute)
	if err := d.monitor.Flush(d.t.Context()); err != nil {
		d.t.Fatal(err)
	}
	d.save()
	checked := 0
	for api := range apis {
		name := fmt.Sprintf("default/api-%d", api)
		totals, err := d.monitor.Operations(d.t.Context(), name, d.now.Add(-26*time.Hour))
		if err != nil {
			d.t.Fatal(err)
		}
		for _, one := range totals {
			checked++
			if want := d.exact[[2]string{name, one.Operation}]; one.Requests != want {
				d.t.Fatalf("%s %s: the rollups have %d requests, %d were sent", name, one.Operation, one.Requests, want)
			}
		}
	}
	if checked != len(d.exact) {
		d.t.Fatalf("the rollups have %d operations, %d were called", checked, len(d.exact))
	}
	found := 0
	err := d.keep.Groups(d.t.Context(), func(ops []*discovery.Operation) error {
		for _, op := range ops {
			found++
			key := discovery.Key{Host: op.Host, Method: op.Method, Path: filepath.Dir(op.Path)}
			var days uint64
			for _, n := range op.Days {
				days += n
			}
			if want, good := d.learned[key], d.good[key]; op.Requests != want || op.Good != good || days != good {
				d.t.Fatalf("%s: the inventory has %d requests, %d of them good, %d by days; sent were %d and %d", op.Key, op.Requests, op.Good, days, want, good)
			}
		}
		return nil
	})
	if err != nil {
		d.t.Fatal(err)
	}
	if found < len(d.learned)*99/100 {
		d.t.Fatalf("%d operations are listed of %d that were called", found, len(d.learned))
	}
}

func (d *day) size() int64 {
	return fileSize(d.t, d.folder, store.TrafficFile)
}

func fileSize(t *testing.T, folder, name string) (sum int64) {
	t.Helper()
	for _, part := range []string{"", "-wal"} {
		if info, err := os.Stat(filepath.Join(folder, name+part)); err == nil {
			sum += info.Size()
		}
	}
	return sum
}
