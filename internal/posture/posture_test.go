package posture

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"pgregory.net/rapid"

	"farrier.dev/farrier/internal/finding"
	"farrier.dev/farrier/internal/monitor"
	"farrier.dev/farrier/internal/store"
	"farrier.dev/farrier/internal/store/storetest"
	"farrier.dev/farrier/internal/traffic"
)

var (
	_ monitor.FindingWriter = (*Posture)(nil)
	_ finding.Sink          = (*Posture)(nil)
)

var noon = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

func newPosture(t testing.TB, db *store.DB, change func(*Options)) *Posture {
	t.Helper()
	opts := Options{DB: db, Control: db, Environment: "default", Gateway: "gw-1", Now: func() time.Time { return noon }}
	if change != nil {
		change(&opts)
	}
	p, err := New(context.Background(), opts)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// attack is the record of one exchange, n minutes after noon, with a finding at
// each of the places.
func attack(n int, places ...string) traffic.Record {
	r := traffic.Record{
		Version: 1, ID: fmt.Sprintf("id-%06d", n), Received: noon.Add(time.Duration(n) * time.Minute),
		API: "default/orders", Operation: "GET /orders", Client: fmt.Sprint("192.0.2.", n%250), Status: 403,
	}
	for _, place := range places {
		at := finding.Location{API: r.API, Operation: r.Operation, Place: place}
		r.Findings = append(r.Findings, finding.Finding{
			Rule: "crs-942100", Severity: finding.Critical, Title: "SQL injection", Message: fmt.Sprint("seen ", n),
			Location: at, Excerpt: "1 OR 1=1", Fingerprint: finding.Fingerprint("crs-942100", at),
		})
	}
	return r
}

func write(t testing.TB, p *Posture, records ...traffic.Record) {
	t.Helper()
	err := p.opts.DB.Write(context.Background(), func(tx *store.Tx) error {
		return p.WriteFindings(context.Background(), tx, records)
	})
	if err != nil {
		t.Fatal(err)
	}
}

func TestPortable(t *testing.T) {
	storetest.Portable(t, migrations)
	sub, err := fs.Sub(migrations, "suppressions")
	if err != nil {
		t.Fatal(err)
	}
	storetest.Portable(t, sub)
}

// TestCountsAndOccurrences writes random batches and holds that the count is
// exact and the first and last twenty occurrences are the right ones.
func TestCountsAndOccurrences(t *testing.T) {
	batches := 0
	db := storetest.Open(t)
	rapid.Check(t, func(rt *rapid.T) {
		batches++
		p := newPosture(t, db, func(o *Options) { o.Environment = fmt.Sprint("env-", batches) })
		n := 0
		for range rapid.IntRange(1, 6).Draw(rt, "batches") {
			var records []traffic.Record
			for range rapid.IntRange(0, 30).Draw(rt, "records") {
				// Another place, and the same place twice, change nothing of the first.
				records = append(records, attack(n, "query id", "query other", "query id"))
				n++
			}
			write(t, p, records...)
		}
		fingerprint := attack(0, "query id").Findings[0].Fingerprint
		d, err := p.Get(context.Background(), fingerprint)
		if n == 0 {
			if !errors.Is(err, ErrNotFound) {
				rt.Fatalf("a finding nobody reported: %v", err)
			}
			return
		}
		if err != nil || d.Count != int64(n) {
			rt.Fatalf("count %d of %d, error %v", d.Count, n, err)
		}
		if len(d.First) != min(n, edge) || len(d.Last) != min(max(n-edge, 0), edge) {
			rt.Fatalf("%d first and %d last occurrences of %d", len(d.First), len(d.Last), n)
		}
		for i, o := range d.First {
			if o.ID != attack(i).ID || o.Client != attack(i).Client || o.Gateway != "gw-1" {
				rt.Fatalf("occurrence %d is %+v", i, o)
			}
		}
		for i, o := range d.Last {
			if want := attack(n - len(d.Last) + i).ID; o.ID != want {
				rt.Fatalf("occurrence %d of the last is %s, want %s", i, o.ID, want)
			}
		}
		if !d.FirstSeen.Equal(noon) || !d.LastSeen.Equal(attack(n-1).Received) || d.Message != fmt.Sprint("seen ", n-1) {
			rt.Fatalf("seen from %s to %s, newest %q", d.FirstSeen, d.LastSeen, d.Message)
		}
	})
	if t.Logf("%d findings", batches); batches < 50 {
		t.Error("too few findings played")
	}
}

// TestFindingsBeyondTheBoundAreCountedTogether holds that no client chooses how
// many rows there are, and that no sighting is lost for it.
func TestFindingsBeyondTheBoundAreCountedTogether(t *testing.T) {
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		p := newPosture(t, db, func(o *Options) { o.MaxFindings = 10 })
		for batch := range 4 {
			var records []traffic.Record
			for i := range 25 {
				n := batch*25 + i
				records = append(records, attack(n, fmt.Sprint("query p", n)))
			}
			write(t, p, records...)
		}
		items, total, err := p.List(t.Context(), Filter{})
		if err != nil || total != 11 || len(items) != 11 {
			t.Fatalf("%d findings, %d in all, %v; want 11", len(items), total, err)
		}
		var sum int64
		for _, item := range items {
			sum += item.Count
			if item.Location.Place == Other && (item.Count != 90 || item.Excerpt != "" || item.Location.API != "default/orders") {
				t.Errorf("the others: %+v", item)
			}
		}
		if sum != 100 {
			t.Errorf("%d sightings, want 100", sum)
		}
	})
}

func TestSuppression(t *testing.T) {
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		now := noon
		p := newPosture(t, db, func(o *Options) { o.Now = func() time.Time { return now } })
		write(t, p, attack(0, "query a", "query b"))
		a := attack(0, "query a").Findings[0].Fingerprint
		states := func(open, suppressed int) {
			t.Helper()
			c, err := p.Counts(t.Context())
			if err != nil || c.Open.Critical != open || c.Suppressed.Critical != suppressed {
				t.Errorf("%+v, %v; want %d open, %d suppressed", c, err, open, suppressed)
			}
		}
		states(2, 0)
		one, err := p.Suppress(t.Context(), "ada", Suppression{Fingerprint: a, Reason: "a test", Expires: noon.Add(time.Hour)})
		if err != nil {
			t.Fatal(err)
		}
		states(1, 1)
		d, err := p.Get(t.Context(), a)
		if err != nil || d.State != Suppressed || len(d.Suppressions) != 1 || d.Suppressions[0] != one || one.Operator != "ada" {
			t.Errorf("detail %+v, %v", d, err)
		}
		write(t, p, attack(1, "query a")) // seen again, it stays suppressed and is counted
		states(1, 1)
		if _, err := p.Suppress(t.Context(), "ada", Suppression{Rule: "crs-942100", API: "default/orders", Reason: "all of it"}); err != nil {
			t.Fatal(err)
		}
		write(t, p, attack(2, "query c"))
		states(0, 3)
		other := attack(3, "query c")
		other.Findings[0].Location.API, other.Findings[0].Fingerprint = "default/invoices", "another"
		write(t, p, other)
		states(1, 3)

		// A process that begins anew knows them; what is suppressed elsewhere is not its business.
		p = newPosture(t, db, func(o *Options) { o.Now = func() time.Time { return now } })
		states(1, 3)
		all, err := p.Suppressions(t.Context())
		if err != nil || len(all) != 2 {
			t.Fatalf("%d suppressions, %v", len(all), err)
		}
		for _, s := range all {
			if s.Rule != "" {
				if err := p.Unsuppress(t.Context(), s.ID); err != nil {
					t.Fatal(err)
				}
			}
		}
		states(3, 1)
		changed := func(want bool, when string) {
			t.Helper()
			if got, err := p.changed(t.Context()); err != nil || got != want {
				t.Errorf("%s: changed %t, %v", when, got, err)
			}
		}
		changed(false, "nothing happened")
		now = noon.Add(time.Hour)
		changed(true, "the hour is over")
		if err := p.Refresh(t.Context()); err != nil {
			t.Fatal(err)
		}
		twin := newPosture(t, db, func(o *Options) { o.Now = func() time.Time { return now } })
		made, err := twin.Suppress(t.Context(), "ada", Suppression{Fingerprint: "elsewhere", Reason: "by another process"})
		if err != nil {
			t.Fatal(err)
		}
		changed(true, "another process has suppressed something")
		if err := p.Refresh(t.Context()); err != nil {
			t.Fatal(err)
		}
		changed(false, "it was taken over")
		if err := twin.Unsuppress(t.Context(), made.ID); err != nil {
			t.Fatal(err)
		}
		if err := p.Refresh(t.Context()); err != nil {
			t.Fatal(err)
		}
		states(4, 0)
		if err := p.Unsuppress(t.Context(), "nobody"); !errors.Is(err, ErrNotFound) {
			t.Errorf("a suppression that is not there: %v", err)
		}
	})
}

func TestSuppressionThatIsRefused(t *testing.T) {
	p := newPosture(t, storetest.Open(t), nil)
	tests := []struct {
		operator, want string
		s              Suppression
	}{
		{"ada", "either a fingerprint, or a rule and an API", Suppression{Reason: "r"}},
		{"ada", "either a fingerprint, or a rule and an API", Suppression{Reason: "r", Fingerprint: "f", Rule: "r", API: "a"}},
		{"ada", "name both", Suppression{Reason: "r", Rule: "r"}},
		{"ada", "name both", Suppression{Reason: "r", API: "a"}},
		{"ada", "must say why", Suppression{Fingerprint: "f", Reason: " "}},
		{"ada", "1000 at most", Suppression{Fingerprint: "f", Reason: strings.Repeat("r", 1001)}},
		{"", "operator: must be named", Suppression{Fingerprint: "f", Reason: "r", Operator: "mallory"}},
		{"ada", "must be in the future", Suppression{Fingerprint: "f", Reason: "r", Expires: noon}},
	}
	for _, tt := range tests {
		if _, err := p.Suppress(t.Context(), tt.operator, tt.s); err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%+v: %v, want %q", tt.s, err, tt.want)
		}
	}
	if all, err := p.Suppressions(t.Context()); err != nil || len(all) != 0 {
		t.Errorf("%d suppressions kept, %v", len(all), err)
	}
	t.Logf("%d cases", len(tests))
}

// TestSuppressionExpiresByItself plays Run for an hour.
func TestSuppressionExpiresByItself(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPosture(t, storetest.Open(t), func(o *Options) { o.Now = time.Now })
		write(t, p, attack(0, "query a"))
		_, err := p.Suppress(t.Context(), "ada", Suppression{
			Fingerprint: attack(0, "query a").Findings[0].Fingerprint, Reason: "a test", Expires: time.Now().Add(time.Hour),
		})
		if err != nil {
			t.Fatal(err)
		}
		ctx, stop := context.WithCancel(t.Context())
		ended := make(chan struct{})
		go func() {
			defer close(ended)
			p.Run(ctx, func(err error) { t.Error(err) })
		}()
		for _, want := range []int{1, 0} {
			time.Sleep(59 * time.Minute)
			synctest.Wait()
			if _, n, err := p.List(t.Context(), Filter{State: Suppressed}); err != nil || n != want {
				t.Errorf("%d suppressed, %v; want %d", n, err, want)
			}
		}
		stop()
		<-ended
	})
}

func TestListFilters(t *testing.T) {
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		p := newPosture(t, db, nil)
		for n := range 5 {
			write(t, p, attack(n, fmt.Sprint("query p_", n)))
		}
		err := p.Report(t.Context(), []finding.Finding{
			{Rule: "mule-tls", Severity: finding.Low, Title: "TLS off", Location: finding.Location{File: "api.xml", Line: 3}},
			{Rule: "mule-log", Severity: finding.Info, Title: "Payload logged", Location: finding.Location{File: "api.xml", Line: 9}},
		})
		if err != nil {
			t.Fatal(err)
		}
		// The same finding at another gateway is one finding.
		second := newPosture(t, db, func(o *Options) { o.Gateway = "gw-2" })
		write(t, second, attack(10, "query p_0"))
		elsewhere := newPosture(t, db, func(o *Options) { o.Environment = "other" })
		write(t, elsewhere, attack(11, "query elsewhere"))

		tests := []struct {
			name string
			f    Filter
			want int
		}{
			{"all", Filter{}, 7},
			{"open", Filter{State: Open}, 7},
			{"suppressed", Filter{State: Suppressed}, 0},
			{"low and worse", Filter{Severity: finding.Low}, 6},
			{"rule", Filter{Rule: "crs-942100"}, 5},
			{"api", Filter{API: "default/orders"}, 5},
			{"operation", Filter{Operation: "GET /orders"}, 5},
			{"text", Filter{Text: "P_3"}, 1},
			{"file", Filter{Text: "API.xml"}, 2},
			{"wildcard is text", Filter{Text: "p%3"}, 0},
			{"since", Filter{Since: noon.Add(3 * time.Minute)}, 3},
			{"quote", Filter{Rule: "' OR '1'='1"}, 0},
		}
		for _, tt := range tests {
			items, total, err := p.List(t.Context(), tt.f)
			if err != nil || len(items) != tt.want || total != tt.want {
				t.Errorf("%s: %d findings, %d in all, %v; want %d", tt.name, len(items), total, err, tt.want)
			}
		}
		items, total, err := p.List(t.Context(), Filter{Limit: 2, Offset: 5})
		if err != nil || total != 7 || len(items) != 2 || items[0].Severity != finding.Low || items[1].Severity != finding.Info {
			t.Errorf("the last part: %+v of %d, %v", items, total, err)
		}
		if items, total, err := p.List(t.Context(), Filter{Text: "query", Limit: 2, Offset: 4}); err != nil || total != 5 || len(items) != 1 {
			t.Errorf("the last part of a text: %+v of %d, %v", items, total, err)
		}
		if items, total, err := p.List(t.Context(), Filter{Text: "query", Offset: 9}); err != nil || total != 5 || len(items) != 0 {
			t.Errorf("beyond the last part of a text: %+v of %d, %v", items, total, err)
		}
		d, err := p.Get(t.Context(), attack(0, "query p_0").Findings[0].Fingerprint)
		if err != nil || d.Count != 2 || len(d.First) != 2 || d.First[1].Gateway != "gw-2" || d.Excerpt != "1 OR 1=1" {
			t.Errorf("two gateways: %+v, %v", d, err)
		}
		c, err := p.Counts(t.Context())
		if err != nil || c.Open != (finding.Summary{Critical: 5, Low: 1, Info: 1}) {
			t.Errorf("counts %+v, %v", c, err)
		}
		worst, err := p.Worst(t.Context(), time.Time{})
		if err != nil || len(worst) == 0 || worst[Place{"crs-942100", "default/orders"}] != finding.Critical {
			t.Errorf("the worst: %v, %v", worst, err)
		}
		t.Logf("%d filters", len(tests))
	})
}
