package logging

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"farrier.dev/farrier/internal/revision"
	"farrier.dev/farrier/internal/traffic"
)

// writer is a terminal whose text can be read while it is written to.
type writer struct {
	mu   sync.Mutex
	text bytes.Buffer
	// wait, when not nil, is read before every write.
	wait chan struct{}
}

func (w *writer) Write(p []byte) (int, error) {
	if w.wait != nil {
		<-w.wait
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.text.Write(p)
}

func (w *writer) String() string {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.text.String()
}

type bench struct {
	*Logs
	t      *testing.T
	stdout *writer
	own    *writer
}

func newBench(t *testing.T) *bench {
	b := &bench{t: t, stdout: &writer{}, own: &writer{}}
	b.Logs = New(Options{
		Now: time.Now, HTTP: &http.Client{}, Stdout: b.stdout,
		Expand: func(s string) (string, error) {
			switch s {
			case "$COLLECTOR_PASSWORD":
				return "opens-sesame", nil
			case "$MISSING":
				return "", errors.New("environment variable MISSING is not set")
			}
			return s, nil
		},
		Log: slog.New(slog.NewTextHandler(b.own, nil)),
	})
	return b
}

// serve puts settings into service.
func (b *bench) serve(settings revision.Logging) {
	b.t.Helper()
	p, err := b.Prepare(settings)
	if err != nil {
		b.t.Fatal(err)
	}
	p.Commit()
}

func (b *bench) close() {
	b.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	if err := b.Close(ctx); err != nil {
		b.t.Error(err)
	}
}

// stats are those of the only output.
func (b *bench) stats() Stats {
	b.t.Helper()
	all := b.Stats()
	if len(all) != 1 {
		b.t.Fatalf("%d outputs, want 1", len(all))
	}
	return all[0]
}

// to makes settings with one output for both kinds of lines.
func to(kind string, parameters ...string) revision.Logging {
	set := map[string]string{}
	for i := 0; i < len(parameters); i += 2 {
		set[parameters[i]] = parameters[i+1]
	}
	return revision.Logging{
		Outputs:        []revision.LogOutput{{Name: "out", Type: kind, Parameters: set}},
		RuntimeOutputs: []string{"out"}, AccessOutputs: []string{"out"},
		Source: revision.Source{File: "conf.yaml", Line: 7},
	}
}

const exchangeID = "01J8ZQ4X5N7V9B3C6D8F0G2H4K"

func exchange() (*traffic.Exchange, *traffic.Ending) {
	x := &traffic.Exchange{ID: exchangeID, Received: time.Date(2026, 2, 3, 4, 5, 6, 0, time.UTC), API: "default/orders"}
	x.Request.Method, x.Request.Path, x.Request.RawTarget = "GET", "/orders/4711", "/orders/4711?card=4111111111111111"
	x.Request.RawQuery = "card=4111111111111111"
	x.Request.Client = netip.MustParseAddr("192.0.2.7")
	x.Auth.ClientID = "mobile"
	x.Response.Status = 429
	x.Decisions = []traffic.Decision{
		{Binding: "default/jwt", Policy: "jwt-validation-flex", Action: traffic.Continued},
		{Binding: "default/limit", Policy: "rate-limiting-flex", Action: traffic.Refused},
	}
	return x, &traffic.Ending{Outcome: traffic.RefusedByPolicy, Took: 1234567 * time.Nanosecond, BytesIn: 3, BytesOut: 40}
}

func TestAccessLines(t *testing.T) {
	const text = `GET /orders/{int} 429 bytesIn=3 bytesOut=40 tookMs=1.234 api=default/orders client=192.0.2.7 clientId=mobile ` +
		`exchange=` + exchangeID + ` outcome=refused binding=default/limit policy=rate-limiting-flex`
	for name, c := range map[string]struct {
		parameters []string
		want       string
	}{
		"default":  {nil, `[2026-02-03T04:05:06.001Z][access][info][access] ` + text},
		"template": {[]string{"format", "template", "template", "{kind}|{level}|{message}"}, "access|info|" + text},
		"JSON in a template": {
			[]string{"Format", "template", "template", `{"kind":"{kind}"}`}, `{"kind":"access"}`,
		},
		"JSON": {[]string{"format", "json"}, `{"date":"2026-02-03T04:05:06.001Z","logger":"access","level":"info","kind":"access",` +
			`"message":"GET /orders/{int} 429","status":429,"bytesIn":3,"bytesOut":40,"tookMs":1.234,"method":"GET",` +
			`"operation":"GET /orders/{int}","api":"default/orders","client":"192.0.2.7","clientId":"mobile",` +
			`"exchange":"` + exchangeID + `","outcome":"refused","binding":"default/limit","policy":"rate-limiting-flex"}`},
	} {
		t.Run(name, func(t *testing.T) {
			b := newBench(t)
			b.serve(to("stdout", c.parameters...))
			b.Access(exchange())
			b.close()
			if got := b.stdout.String(); got != c.want+"\n" {
				t.Errorf("got  %swant %s", got, c.want)
			}
		})
	}
}

func TestAccessLineHoldsNoLongTarget(t *testing.T) {
	x, end := exchange()
	x.Request.RawTarget = strings.Repeat("a", maxHeld+1)
	x.Auth.ClientID = strings.Repeat("b", maxHeld+1)
	a := accessOf(x, end)
	if a.path != "" || a.operation != "GET /orders/{int}" || len(a.clientID) > maxHeld {
		t.Errorf("the line holds %q, %q and a client id of %d bytes", a.path, a.operation, len(a.clientID))
	}
}

func TestAccessAllocatesNothing(t *testing.T) {
	b := newBench(t)
	p, err := b.Prepare(to("stdout"))
	if err != nil {
		t.Fatal(err)
	}
	b.now.Store(p.next) // no writer runs
	x, end := exchange()
	for range maxQueued {
		b.Access(x, end)
	}
	if n := testing.AllocsPerRun(100, func() { b.Access(x, end) }); n > 0 {
		t.Errorf("%v allocations for a line", n)
	}
}

func TestFile(t *testing.T) {
	dir := t.TempDir()
	b := newBench(t)
	b.serve(to("file", "path", filepath.Join(dir, "new"), "file", "log.txt", "mkdir", "true"))
	b.Access(exchange())
	b.close()
	path := filepath.Join(dir, "new", "log.txt")
	info, err := os.Stat(path)
	if err != nil {
		t.Fatal(err)
	}
	if rights := info.Mode().Perm(); rights&^0o640 != 0 {
		t.Errorf("the file has the rights %o", rights)
	}
	// A second process adds to what is there.
	b = newBench(t)
	b.serve(to("file", "path", filepath.Join(dir, "new"), "file", "log.txt"))
	b.Access(exchange())
	b.close()
	if n := countLines(t, path); n != 2 {
		t.Errorf("%d lines, want 2", n)
	}
}

func countLines(t *testing.T, path string) int {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return bytes.Count(text, []byte("\n"))
}

func TestRotation(t *testing.T) {
	for name, rotate := range map[string]func(path string) error{
		"renamed": func(path string) error { return os.Rename(path, path+".1") },
		"removed": os.Remove,
		"replaced": func(path string) error {
			return errors.Join(os.Rename(path, path+".1"), os.WriteFile(path, nil, 0o600))
		},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				dir := t.TempDir()
				path := filepath.Join(dir, "log.txt")
				b := newBench(t)
				b.serve(to("file", "path", dir, "file", "log.txt"))
				b.Access(exchange())
				synctest.Wait()
				if err := rotate(path); err != nil {
					t.Fatal(err)
				}
				time.Sleep(tend + time.Millisecond)
				synctest.Wait()
				b.Access(exchange())
				b.Access(exchange())
				b.close()
				if n := countLines(t, path); n != 2 {
					t.Errorf("%d lines in the new file, want 2", n)
				}
				if name != "removed" && countLines(t, path+".1") != 1 {
					t.Error("the old file lost its line")
				}
			})
		})
	}
}

func TestFileThatVanishesIsComplainedOf(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		dir := filepath.Join(t.TempDir(), "logs")
		if err := os.Mkdir(dir, 0o700); err != nil {
			t.Fatal(err)
		}
		b := newBench(t)
		b.serve(to("file", "path", dir, "file", "log.txt"))
		if err := os.RemoveAll(dir); err != nil {
			t.Fatal(err)
		}
		time.Sleep(3*tend + time.Millisecond)
		synctest.Wait()
		if n := strings.Count(b.own.String(), "a log output fails"); n != 1 {
			t.Errorf("%d complaints within a minute, want 1:\n%s", n, b.own)
		}
		b.close()
	})
}

// sink is a collector that answers as it is told.
type httpSink struct {
	*httptest.Server
	mu       sync.Mutex
	answers  []int
	requests []*http.Request
	bodies   []string
}

func newHTTPSink(t *testing.T, answers ...int) *httpSink {
	s := &httpSink{answers: answers}
	s.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		s.mu.Lock()
		defer s.mu.Unlock()
		s.requests, s.bodies = append(s.requests, r), append(s.bodies, string(body))
		if len(s.answers) > 0 {
			w.WriteHeader(s.answers[0])
			s.answers = s.answers[1:]
		}
	}))
	t.Cleanup(s.Close)
	return s
}

func (s *httpSink) settings(parameters ...string) revision.Logging {
	u, _ := url.Parse(s.URL)
	return to("http", append([]string{"host", u.Hostname(), "port", u.Port(), "uri", "/in?source=gateway"}, parameters...)...)
}

func TestCollector(t *testing.T) {
	s := newHTTPSink(t)
	b := newBench(t)
	b.serve(s.settings("http_User", "gateway", "http_Passwd", "$COLLECTOR_PASSWORD", "header", "X-Token abc def"))
	for range 3 {
		b.Access(exchange())
	}
	b.close()
	total := 0
	for i, body := range s.bodies {
		var lines []map[string]any
		if err := json.Unmarshal([]byte(body), &lines); err != nil {
			t.Fatalf("%q: %v", body, err)
		}
		total += len(lines)
		r := s.requests[i]
		user, password, _ := r.BasicAuth()
		if r.Method != "POST" || r.RequestURI != "/in?source=gateway" || user != "gateway" || password != "opens-sesame" ||
			r.Header.Get("X-Token") != "abc def" || r.Header.Get("Content-Type") != "application/json" {
			t.Errorf("%s %s %v", r.Method, r.RequestURI, r.Header)
		}
		if lines[0]["status"] != 429.0 || lines[0]["operation"] != "GET /orders/{int}" {
			t.Errorf("line %v", lines[0])
		}
	}
	if total != 3 {
		t.Errorf("%d lines, want 3", total)
	}
}

func TestCollectorOfLines(t *testing.T) {
	s := newHTTPSink(t)
	b := newBench(t)
	b.serve(s.settings("format", "json_lines"))
	b.Access(exchange())
	b.close()
	if len(s.bodies) != 1 || !strings.HasPrefix(s.bodies[0], `{"date":`) || !strings.HasSuffix(s.bodies[0], "}\n") {
		t.Errorf("%q", s.bodies)
	}
}

func TestCollectorThatFails(t *testing.T) {
	cases := []struct {
		answers       []int
		calls         int
		written, lost uint64
		complaint     string
	}{
		{[]int{503, 429, 200}, 3, 1, 0, ""},
		{[]int{500, 500, 500, 500}, calls, 0, 1, "status 500"},
		{[]int{400}, 1, 0, 1, "refuses the lines: status 400"},
		{[]int{307}, 1, 0, 1, "refuses the lines: status 307"},
	}
	for _, c := range cases {
		t.Run(fmt.Sprint(c.answers), func(t *testing.T) {
			s := newHTTPSink(t, c.answers...)
			b := newBench(t)
			b.serve(s.settings())
			b.Access(exchange())
			out := b.now.Load().outputs[0]
			b.close()
			if len(s.bodies) != c.calls || out.written.Load() != c.written || out.lost.Load() != c.lost {
				t.Errorf("%d calls, %d written, %d lost; want %d, %d, %d", len(s.bodies), out.written.Load(), out.lost.Load(), c.calls, c.written, c.lost)
			}
			if own := b.own.String(); c.complaint == "" && own != "" || !strings.Contains(own, c.complaint) {
				t.Errorf("the process's log says %q, want %q", own, c.complaint)
			}
		})
	}
	t.Logf("%d cases", len(cases))
}

// TestDeadCollector holds that neither requests nor the end wait for it.
func TestDeadCollector(t *testing.T) {
	hang := make(chan struct{})
	dead := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		select {
		case <-hang:
		case <-r.Context().Done():
		}
	}))
	defer dead.Close()
	defer close(hang)
	u, _ := url.Parse(dead.URL)
	b := newBench(t)
	b.serve(to("http", "host", u.Hostname(), "port", u.Port()))
	for range 100 {
		b.Access(exchange())
	}
	ctx, cancel := context.WithTimeout(context.Background(), 50*time.Millisecond)
	defer cancel()
	if err := b.Close(ctx); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("Close: %v", err)
	}
	b.running.Wait() // the writer was told to give up
}

func TestFullQueueDropsTheOldest(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t)
		b.stdout.wait = make(chan struct{})
		b.serve(to("stdout", "template", "{message}"))
		log := slog.New(b.Handler(slog.DiscardHandler))
		log.Info("first")
		synctest.Wait() // the writer hangs on the first line
		const more = 100
		for i := range maxQueued + more {
			log.Info(fmt.Sprint("line ", i))
		}
		if got := b.stats(); got.Dropped != more {
			t.Errorf("%d lines dropped, want %d", got.Dropped, more)
		}
		close(b.stdout.wait)
		b.close()
		lines := strings.Split(strings.TrimSpace(b.stdout.String()), "\n")
		if len(lines) != maxQueued+1 || lines[0] != "first" || lines[1] != "line 100" || lines[maxQueued] != fmt.Sprint("line ", maxQueued+more-1) {
			t.Errorf("%d lines: %q, %q … %q", len(lines), lines[0], lines[1], lines[len(lines)-1])
		}
		if !strings.Contains(b.own.String(), "100 dropped") {
			t.Errorf("the process's log says %q", b.own)
		}
	})
}

func TestRuntimeLines(t *testing.T) {
	b := newBench(t)
	settings := to("stdout", "template", "[{logger}][{level}][{kind}] {message}")
	settings.RuntimeLevel, settings.AccessOutputs = "warn", nil
	b.serve(settings)
	own := &writer{}
	log := slog.New(b.Handler(slog.NewTextHandler(own, &slog.HandlerOptions{Level: slog.LevelError})))
	if log.Enabled(t.Context(), slog.LevelInfo) || !log.Enabled(t.Context(), slog.LevelWarn) {
		t.Error("the level is not that of the revision")
	}
	log.Info("not wanted")
	log.Warn("plain")
	log = log.With("component", "policy", "api", "default/orders")
	log.Error("ends", "error", errors.New("no way"), "n", 7)
	log.Log(t.Context(), fatal, "grouped", slog.Group("peer", slog.Int("port", 8081)), slog.String("kind", "odd"))
	log.WithGroup("g").Warn("inner", "a", "b c")
	log.Warn("logged in ada@example.com", "password", "hunter2", "exchange", exchangeID, "header", "Authorization: Bearer 8f3kd92mQz7LpX41vTbn")
	log.Warn("forged\n[gateway][info] all is well\x1b[2J", "exchange", "not an id, password=hunter2")
	b.Access(exchange())
	b.close()
	want := []string{
		"[farrier][warn][runtime] plain",
		`[policy][error][runtime] ends api=default/orders error="no way" n=7`,
		"[policy][fatal][runtime] grouped api=default/orders peer.port=8081 kind_=odd",
		`[policy][warn][runtime] inner api=default/orders g.a="b c"`,
		`[policy][warn][runtime] logged in [email] api=default/orders password=[secret] exchange=` + exchangeID + ` header="Authorization: [secret]"`,
		`[policy][warn][runtime] forged\n[gateway][info] all is well\u001b[2J api=default/orders exchange="not an id, password=[secret]"`,
	}
	got := strings.Split(strings.TrimSpace(b.stdout.String()), "\n")
	for i := range max(len(got), len(want)) {
		if i >= len(got) || i >= len(want) || got[i] != want[i] {
			t.Errorf("line %d:\n got %q\nwant %q", i, slices.Concat(got, make([]string, 9))[i], slices.Concat(want, make([]string, 9))[i])
		}
	}
	if n := strings.Count(own.String(), "\n"); n != 2 || !strings.Contains(own.String(), "api=default/orders") {
		t.Errorf("the process's own log:\n%s", own)
	}
}

func TestUnchangedOutputsStayOpen(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		dir := t.TempDir()
		b := newBench(t)
		settings := to("file", "path", dir, "file", "log.txt")
		b.serve(settings)
		first := b.now.Load().outputs[0]
		settings.Outputs[0].Name, settings.AccessOutputs, settings.RuntimeOutputs = "other", []string{"other"}, []string{"other"}
		settings.Outputs = append(settings.Outputs, revision.LogOutput{Name: "term", Type: "stdout"})
		settings.AccessOutputs = append(settings.AccessOutputs, "term")
		b.serve(settings)
		if now := b.now.Load(); len(now.outputs) != 2 || now.outputs[0] != first || len(now.access) != 2 || len(now.runtime) != 1 {
			t.Errorf("%d outputs, access %d, runtime %d", len(now.outputs), len(now.access), len(now.runtime))
		}
		b.Access(exchange())
		b.serve(revision.Logging{})
		synctest.Wait()
		if _, err := first.sink.(*file).open.Stat(); err == nil {
			t.Error("the file that is no longer needed is still open")
		}
		b.Access(exchange())
		if n := countLines(t, filepath.Join(dir, "log.txt")); n != 1 {
			t.Errorf("%d lines, want 1", n)
		}
		b.close()
		b.serve(settings) // a commit after the end opens nothing
		synctest.Wait()
	})
}

func TestPrepareThatFailsChangesNothing(t *testing.T) {
	b := newBench(t)
	b.serve(to("stdout"))
	before := b.now.Load()
	settings := to("stdout", "format", "json")
	dir := t.TempDir()
	settings.Outputs = append(settings.Outputs, revision.LogOutput{
		Name: "file", Type: "file", Parameters: map[string]string{"path": filepath.Join(dir, "absent"), "file": "log.txt"},
	})
	settings.AccessOutputs = []string{"out", "file"}
	_, err := b.Prepare(settings)
	if err == nil || !strings.HasPrefix(err.Error(), "conf.yaml:7: logging: output file: opening a log file: ") {
		t.Errorf("Prepare: %v", err)
	}
	if b.now.Load() != before {
		t.Error("the outputs in service changed")
	}
	b.close()
}

func TestSettings(t *testing.T) {
	dir := t.TempDir()
	good := [][]string{
		{"stdout"},
		{"stdout", "format", "json_lines"},
		{"file", "path", dir, "file", "a.txt", "format", "plain", "workers", "1"},
		{"http"},
		{"http", "host", "[::1]", "port", "9200", "uri", "/_bulk", "tls", "on", "tls.verify", "on", "format", "json_stream"},
		{"splunk", "anything", "goes"}, // it is warned of elsewhere
	}
	bad := []struct {
		want   string
		output []string
	}{
		{"parameters.file: must be set", []string{"file", "path", dir}},
		{`parameters.file: "../a" is no plain name`, []string{"file", "path", dir, "file", "../a"}},
		{`parameters.file: ".." is no plain name`, []string{"file", "path", dir, "file", ".."}},
		{"no regular file", []string{"file", "path", filepath.Dir(dir), "file", filepath.Base(dir)}},
		{"parameters.mkdir: must be on or off", []string{"file", "path", dir, "file", "a", "mkdir", "maybe"}},
		{"there is no variable {payload}", []string{"stdout", "template", "{message} {payload}"}},
		{`parameters.format: "csv" must be template or json`, []string{"stdout", "format", "csv"}},
		{"parameters.match is not supported for outputs of type stdout", []string{"stdout", "match", "*"}},
		{"stands twice", []string{"stdout", "Format", "json", "format", "json"}},
		{"parameters.port: \"0\" must be", []string{"http", "port", "0"}},
		{"parameters.host: \"a/b\" is no host", []string{"http", "host", "a/b"}},
		{"parameters.uri: must be a path", []string{"http", "uri", "http://elsewhere/"}},
		{"parameters.tls.verify: must be on", []string{"http", "tls", "on", "tls.verify", "off"}},
		{"parameters.header: must be", []string{"http", "header", "a b\r\nc: d"}},
		{`parameters.format: "msgpack" must be json`, []string{"http", "format", "msgpack"}},
		{"parameters.http_passwd: environment variable MISSING", []string{"http", "http_user", "a", "http_passwd", "$MISSING"}},
	}
	for _, c := range good {
		b := newBench(t)
		p, err := b.Prepare(to(c[0], c[1:]...))
		if err != nil {
			t.Errorf("%q: %v", c, err)
			continue
		}
		p.Discard()
	}
	for _, c := range bad {
		b := newBench(t)
		if p, err := b.Prepare(to(c.output[0], c.output[1:]...)); err == nil {
			p.Discard()
			t.Errorf("%q is accepted, want %q", c.output, c.want)
		} else if !strings.Contains(err.Error(), c.want) {
			t.Errorf("%q: %v; want %q", c.output, err, c.want)
		}
	}
	if _, err := newBench(t).Prepare(revision.Logging{RuntimeLevel: "loud"}); err == nil || !strings.Contains(err.Error(), "must be debug, info") {
		t.Errorf("level loud: %v", err)
	}
	t.Logf("%d cases", len(good)+len(bad)+1)
}

// TestManyWriters is for the race detector: lines, revisions and the end meet.
func TestManyWriters(t *testing.T) {
	b := newBench(t)
	log := slog.New(b.Handler(slog.DiscardHandler))
	b.serve(to("stdout"))
	var told atomic.Int64
	var all sync.WaitGroup
	for range 4 {
		all.Go(func() {
			for range 200 {
				b.Access(exchange())
				log.Info("beside")
				told.Add(2)
			}
		})
	}
	all.Go(func() {
		for i := range 20 {
			b.serve(to("stdout", "template", fmt.Sprint(i%2, "{message}")))
		}
	})
	all.Wait()
	b.close()
	if lines := int64(strings.Count(b.stdout.String(), "\n")); lines > told.Load() || lines < told.Load()/2 {
		t.Errorf("%d lines of %d", lines, told.Load())
	}
}
