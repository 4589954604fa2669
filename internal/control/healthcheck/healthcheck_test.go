package healthcheck

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"farrier.dev/farrier/internal/access"
	"farrier.dev/farrier/internal/audit"
	"farrier.dev/farrier/internal/control"
	"farrier.dev/farrier/internal/monitor/notify"
	"farrier.dev/farrier/internal/store"
	"farrier.dev/farrier/internal/store/storetest"
)

var noon = time.Date(2026, 3, 2, 12, 0, 0, 0, time.UTC)

type tree struct{}

func (tree) ScopeOf(_ context.Context, environment string) (access.Scope, error) {
	if environment != "production" {
		return access.Scope{}, access.ErrUnknown
	}
	return access.Scope{Group: access.Root, Environment: environment}, nil
}

func (tree) GroupScope(_ context.Context, group string) (access.Scope, error) {
	return access.Scope{Group: group}, nil
}

var (
	admin  = control.Principal{Operator: "ann", Grants: []access.Grant{{Role: access.RoleSecurity, Scope: access.Scope{Group: access.Root}}}}
	viewer = control.Principal{Operator: "vic", Grants: []access.Grant{{Role: access.RoleAuditor, Scope: access.Scope{Group: access.Root}}}}
)

type bench struct {
	*Service
	now     time.Time
	answer  http.HandlerFunc
	working string
	down    []Trouble
	told    int
}

func newBench(t *testing.T, db *store.DB) *bench {
	t.Helper()
	b := &bench{now: noon, answer: func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "all is well") }}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { b.answer(w, r) }))
	t.Cleanup(server.Close)
	clock := func() time.Time { return b.now }
	log, err := audit.Open(t.Context(), db, clock)
	if err != nil {
		t.Fatal(err)
	}
	b.Service, err = Open(t.Context(), Options{
		DB: db, Tree: tree{}, Audit: log, HTTP: notify.NewEnv(notify.Guard{}, clock).HTTP, Now: clock, Log: slog.New(slog.DiscardHandler),
		Target: func(_, api string) (Target, bool) {
			return Target{URL: "http://orders.example.com/api", Dial: strings.TrimPrefix(server.URL, "http://")}, api == "default/orders"
		},
		Maintenance: func(context.Context, string, string) (string, error) { return b.working, nil },
		Failing: func(_ context.Context, _, _ string, down []Trouble) error {
			b.down, b.told = down, b.told+1
			return nil
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func TestPortable(t *testing.T) { storetest.Portable(t, migrations) }

// TestProbe plays answers against what is expected of them.
func TestProbe(t *testing.T) {
	respond := func(status int, text string) http.HandlerFunc {
		return func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("X-Build", "7")
			w.WriteHeader(status)
			_, _ = io.WriteString(w, text)
		}
	}
	cases := []struct {
		spec   Spec
		answer http.HandlerFunc
		want   Verdict
		why    string
	}{
		{Spec{}, respond(200, "well"), Up, ""},
		{Spec{}, respond(302, ""), Up, ""},
		{Spec{}, respond(404, ""), Down, "answered 404"},
		{Spec{Status: 404}, respond(404, ""), Up, ""},
		{Spec{Status: 200}, respond(204, ""), Down, "not 200"},
		{Spec{Contains: "well"}, respond(200, "all is well"), Up, ""},
		{Spec{Contains: "well"}, respond(200, "ill"), Down, "expected text"},
		{Spec{Header: "X-Build"}, respond(200, ""), Up, ""},
		{Spec{Header: "X-Build", HeaderValue: "8"}, respond(200, ""), Down, "header X-Build"},
		{Spec{Header: "X-Other"}, respond(200, ""), Down, "header X-Other"},
		{Spec{LatencyMillis: 1}, func(w http.ResponseWriter, r *http.Request) {
			select {
			case <-time.After(20 * time.Millisecond): // what is measured is that it is slow
			case <-r.Context().Done():
			}
		}, Degraded, "more than 1 ms"},
		{Spec{TimeoutMillis: 50}, func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() }, Down, "in time"},
		{Spec{}, func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) }, Down, "broke off"},
	}
	for i, c := range cases {
		server := httptest.NewUnstartedServer(c.answer)
		server.Config.ErrorLog = slog.NewLogLogger(slog.DiscardHandler, slog.LevelError)
		server.Start()
		c.spec.Method = http.MethodGet
		if c.spec.TimeoutMillis == 0 {
			c.spec.TimeoutMillis = 20_000
		}
		got := probe(t.Context(), &http.Client{}, Target{URL: "http://x.example.com/", Dial: server.Listener.Addr().String()}, &c.spec, time.Now)
		if got.Verdict != c.want || !strings.Contains(got.Problem, c.why) {
			t.Errorf("case %d: %+v, want %s %q", i, got, c.want, c.why)
		}
		server.Close()
	}
	t.Logf("%d cases", len(cases))
}

// TestCertificate looks at the certificate of a listener, which ends in some years.
func TestCertificate(t *testing.T) {
	server := httptest.NewTLSServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))
	t.Cleanup(server.Close)
	ends := server.Certificate().NotAfter
	for _, c := range []struct {
		before time.Duration
		want   Verdict
	}{{31 * day, Up}, {29 * day, Degraded}, {-day, Down}} {
		spec := Spec{Method: http.MethodGet, TimeoutMillis: 20_000, CertificateDays: 30}
		got := probe(t.Context(), &http.Client{}, Target{URL: "https://x.example.com/", Dial: server.Listener.Addr().String()}, &spec, func() time.Time { return ends.Add(-c.before) })
		if got.Verdict != c.want {
			t.Errorf("%v before its end: %+v", c.before, got)
		}
	}
}

// TestGuard holds that a configured address can't lead into a private network.
func TestGuard(t *testing.T) {
	b := newBench(t, storetest.Open(t))
	reached := false
	inside := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { reached = true }))
	t.Cleanup(inside.Close)
	c, err := b.Keep(t.Context(), admin, "production", "", 0, Spec{Name: "Inside", URL: inside.URL, Failures: 1, Enabled: true})
	if err != nil {
		t.Fatal(err)
	}
	if err := b.Due(t.Context(), "production"); err != nil {
		t.Fatal(err)
	}
	if c, err = b.Get(t.Context(), viewer, "production", c.ID); err != nil || c.State.Verdict != Down || reached || !strings.Contains(c.State.Last.Problem, "private") {
		t.Errorf("%+v %v, reached: %v", c.State, err, reached)
	}
}

// TestChecks plays the life of a check: up, failing, down, maintenance, up again.
func TestChecks(t *testing.T) {
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		b, ctx := newBench(t, db), t.Context()
		c, err := b.Keep(ctx, admin, "production", "", 0, Spec{Name: "Orders", API: "default/orders", Path: "/health", Contains: "well", IntervalSeconds: 10, Failures: 2, Public: true, Enabled: true})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := b.Keep(ctx, admin, "production", "", 0, Spec{Name: "Secret check", API: "default/orders", Enabled: true}); err != nil {
			t.Fatal(err)
		}
		well := b.answer
		round := func(want Verdict) {
			t.Helper()
			if err := b.Due(ctx, "production"); err != nil {
				t.Fatal(err)
			}
			if c, err = b.Get(ctx, viewer, "production", c.ID); err != nil || c.State.Verdict != want {
				t.Fatalf("%+v %v, want %s", c.State, err, want)
			}
			b.now = b.now.Add(10 * time.Second)
		}
		round(Up)
		b.answer = func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusBadGateway) }
		round(Up) // one failure is none yet
		round(Down)
		if len(b.down) != 1 || b.down[0].Name != "Orders" || b.down[0].Problem != "it answered 502" {
			t.Errorf("told %+v", b.down)
		}
		b.working, b.answer = "New database", well
		round(Down) // within maintenance nothing is judged
		page, err := b.Public(ctx, "production")
		if err != nil || len(page.Lines) != 1 || page.Lines[0].Maintenance != "New database" || fmt.Sprintf("%.2f", page.Lines[0].Uptime) != "33.33" {
			t.Errorf("%+v %v", page, err)
		}
		b.working = ""
		round(Up)
		if len(b.down) != 0 || b.told != 2 {
			t.Errorf("told %d times, last %+v", b.told, b.down)
		}
		if results, err := b.Results(ctx, viewer, "production", c.ID); err != nil || len(results) != 4 || results[0].Verdict != Up {
			t.Errorf("%+v %v", results, err)
		}
		b.now = b.now.Add(25 * time.Hour)
		round(Up)
		if results, err := b.Results(ctx, viewer, "production", c.ID); err != nil || len(results) != 1 {
			t.Errorf("a day later there are %d results, %v", len(results), err)
		}
		if percent, known, err := b.Uptime(ctx, "production", c.ID, 90); err != nil || !known || percent != 60 {
			t.Errorf("uptime %v %v %v", percent, known, err)
		}
		if err := b.Remove(ctx, viewer, "production", c.ID, c.Version); !errors.Is(err, control.ErrForbidden) {
			t.Errorf("a viewer removes: %v", err)
		}
		if err := b.Remove(ctx, admin, "production", c.ID, c.Version+1); !errors.Is(err, control.ErrConflict) {
			t.Errorf("another version: %v", err)
		}
		if err := b.Remove(ctx, admin, "production", c.ID, c.Version); err != nil {
			t.Error(err)
		}
	})
}

func TestRefusedSpecs(t *testing.T) {
	b := newBench(t, storetest.Open(t))
	cases := []struct {
		change func(*Spec)
		want   string
	}{
		{func(s *Spec) { s.Name = "" }, "name:"},
		{func(s *Spec) { s.API = "default/nothing" }, "api:"},
		{func(s *Spec) { s.URL = "file:///etc/passwd" }, "url:"},
		{func(s *Spec) { s.URL = "http://user:word@example.com" }, "url:"},
		{func(s *Spec) { s.Method = "POST" }, "method:"},
		{func(s *Spec) { s.IntervalSeconds = 9 }, "intervalSeconds:"},
		{func(s *Spec) { s.TimeoutMillis = 99 }, "timeoutMillis:"},
		{func(s *Spec) { s.Path = "health" }, "path:"},
		{func(s *Spec) { s.Status = 99 }, "status:"},
		{func(s *Spec) { s.Method, s.Contains = "HEAD", "x" }, "contains:"},
		{func(s *Spec) { s.Failures = 101 }, "failures:"},
		{func(s *Spec) { s.Header = "a\r\nb" }, "header:"},
	}
	for _, c := range cases {
		spec := Spec{Name: "x", API: "default/orders"}
		c.change(&spec)
		if _, err := b.Keep(t.Context(), admin, "production", "", 0, spec); !errors.Is(err, control.ErrInvalid) || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%+v: %v, want %q", spec, err, c.want)
		}
	}
	if _, err := b.Keep(t.Context(), viewer, "production", "", 0, Spec{Name: "x", API: "default/orders"}); !errors.Is(err, control.ErrForbidden) {
		t.Errorf("a viewer: %v", err)
	}
	t.Logf("%d cases", len(cases))
}
