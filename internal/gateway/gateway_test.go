package gateway

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"farrier.dev/farrier/internal/policy"
	"farrier.dev/farrier/internal/revision"
	"farrier.dev/farrier/internal/router"
	"farrier.dev/farrier/internal/traffic"
)

// records is a recorder that keeps everything.
type records struct {
	mu      sync.Mutex
	counted int
	kept    []*traffic.Record
}

func (r *records) Count(*traffic.Exchange, *traffic.Ending) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.counted++
}

func (r *records) Wants(*traffic.Exchange) bool { return true }

func (r *records) Keep(one *traffic.Record) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.kept = append(r.kept, one)
}

// find waits for the record with an id.
func (r *records) find(t *testing.T, id string) *traffic.Record {
	t.Helper()
	for end := time.Now().Add(5 * time.Second); time.Now().Before(end); time.Sleep(time.Millisecond) {
		r.mu.Lock()
		for _, one := range r.kept {
			if one.ID == id {
				r.mu.Unlock()
				return one
			}
		}
		r.mu.Unlock()
	}
	t.Fatalf("no record has the id %q", id)
	return nil
}

// bound is a compiled policy that binds one given step.
type bound policy.Step

func (b bound) Bind(policy.Env) (policy.Step, error) { return policy.Step(b), nil }

// bench is a gateway with one API before one service.
type bench struct {
	t       testing.TB
	g       *Gateway
	records *records
	log     *lockedBuffer
	service *httptest.Server
	// host is host:port of the API.
	host string
}

type lockedBuffer struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (b *lockedBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.text.Write(p)
}

func (b *lockedBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.text.String()
}

// setup is what a test wants otherwise than it is.
type setup struct {
	options func(*Options)
	service http.HandlerFunc
	steps   []policy.Step
	// mule names the bindings as Mule policies.
	mule bool
}

func newBench(t testing.TB, s setup) *bench {
	t.Helper()
	b := &bench{t: t, records: &records{}, log: &lockedBuffer{}}
	if s.service == nil {
		s.service = func(w http.ResponseWriter, r *http.Request) {
			// All is read first: net/http drops what is unread when the answer begins.
			body, _ := io.ReadAll(r.Body)
			_, _ = w.Write(body)
		}
	}
	b.service = httptest.NewServer(s.service)
	t.Cleanup(b.service.Close)
	o := Options{Now: time.Now, Log: slog.New(slog.NewTextHandler(b.log, nil)), Recorder: b.records, Environment: "test", Name: "bench"}
	// The scheduling of a test machine must not shed requests.
	o.Limits.Lag = time.Hour
	if s.options != nil {
		s.options(&o)
	}
	var err error
	if b.g, err = New(o); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
		defer cancel()
		_ = b.g.Shutdown(ctx)
	})
	if err := b.g.Load(t.Context(), b.compile(b.revision(&s), &s)); err != nil {
		t.Fatal(err)
	}
	b.host = b.g.Addresses()["127.0.0.1:0"].String()
	return b
}

func (b *bench) revision(s *setup) *revision.Revision {
	api := revision.API{
		Name: revision.Name{Namespace: "default", Name: "api"}, Scheme: "http", Host: "127.0.0.1",
		Routes: []revision.Route{{Targets: []revision.Target{{Service: revision.Name{Namespace: "default", Name: "service"}}}}},
	}
	for i := range s.steps {
		one := revision.Binding{
			Name: revision.Name{Namespace: "default", Name: fmt.Sprint("binding-", i)}, Policy: fmt.Sprint("step-", i), Settings: json.RawMessage(`{}`),
		}
		if s.mule {
			one.As = one.Policy + "-mule"
		}
		api.Policies = append(api.Policies, one)
	}
	return &revision.Revision{
		Number: 1, APIs: []revision.API{api},
		Services: []revision.Service{{Name: revision.Name{Namespace: "default", Name: "service"}, Address: b.service.URL}},
	}
}

func (b *bench) compile(rev *revision.Revision, s *setup) *router.Table {
	b.t.Helper()
	var list []policy.Policy
	for i, step := range s.steps {
		list = append(list, policy.Policy{
			Name: fmt.Sprint("step-", i), Title: "Step", Category: "Test", Phase: policy.Inspect,
			Schema:  []byte(`{"type": "object"}`),
			Compile: func(json.RawMessage) (policy.Compiled, error) { return bound(step), nil },
		})
	}
	catalogue, err := policy.NewCatalogue(list)
	if err != nil {
		b.t.Fatal(err)
	}
	table, err := router.Compile(rev, router.Options{
		Catalogue: catalogue, Expand: func(s string) (string, error) { return s, nil }, Runtime: b.g.Runtime(),
		Now: time.Now, Log: slog.New(slog.DiscardHandler), Previous: b.g.Table(),
	})
	if err != nil {
		b.t.Fatal(err)
	}
	return table
}

// reply is a response that was read.
type reply struct {
	status int
	header http.Header
	body   string
	// id finds the record.
	id string
	// closed says that the gateway closes the connection.
	closed bool
}

// raw sends text as it is and reads one response.
func (b *bench) raw(text string) reply {
	b.t.Helper()
	conn := b.dial()
	if _, err := io.WriteString(conn, text); err != nil {
		b.t.Fatal(err)
	}
	return b.read(conn)
}

func (b *bench) dial() net.Conn {
	b.t.Helper()
	conn, err := net.Dial("tcp", b.host)
	if err != nil {
		b.t.Fatal(err)
	}
	b.t.Cleanup(func() { _ = conn.Close() })
	_ = conn.SetDeadline(time.Now().Add(10 * time.Second))
	return conn
}

func (b *bench) read(conn net.Conn) reply {
	b.t.Helper()
	r, err := http.ReadResponse(bufio.NewReader(conn), nil)
	if err != nil {
		b.t.Fatal(err)
	}
	defer r.Body.Close()
	body, err := io.ReadAll(r.Body)
	if err != nil {
		b.t.Fatal(err)
	}
	return reply{r.StatusCode, r.Header, string(body), r.Header.Get("X-Correlation-Id"), r.Close}
}

func (b *bench) send(head string, body string) reply {
	b.t.Helper()
	return b.raw(strings.ReplaceAll(head, "\n", "\r\n") + "\r\n\r\n" + body)
}

func refuses(v policy.Verdict) policy.Step {
	return policy.Step{Request: func(context.Context, *traffic.Exchange) policy.Verdict { return v }}
}

func TestAmbiguousFramingIsRefusedAndKept(t *testing.T) {
	called := false
	b := newBench(t, setup{service: func(http.ResponseWriter, *http.Request) { called = true }})
	cases := []struct{ head, body, reason string }{
		{"POST /a HTTP/1.1\nHost: x\nContent-Length: 5\nTransfer-Encoding: chunked", "0\r\n\r\n", ""},
		{"POST /a HTTP/1.1\nHost: x\nContent-Length: 5\nContent-Length: 6", "hello", ""},
		{"GET /a HTTP/1.1\nHost: x\nTransfer-Encoding: chunked", "0\r\n\r\n", ""},
		{"GET /a HTTP/1.1\nHost: x\nclient_id: a\nclient-id: b", "", ""},
		{"GET /a%2fb HTTP/1.1\nHost: x", "", ""},
	}
	for _, c := range cases {
		a := b.send(c.head, c.body)
		if a.status != http.StatusBadRequest || !a.closed && !strings.Contains(c.head, "%2f") {
			t.Errorf("%q: status %d, closed %t", c.head, a.status, a.closed)
			continue
		}
		r := b.records.find(t, a.id)
		if r.Outcome != traffic.RefusedByGateway || r.Status != 400 || r.Reason == "" || r.Client != "127.0.0.1" {
			t.Errorf("%q: record %+v", c.head, r)
		}
		if !strings.Contains(a.body, a.id) || strings.Contains(a.body, r.Reason) {
			t.Errorf("%q: the client reads %q", c.head, a.body)
		}
		t.Logf("%s", r.Reason)
	}
	if called {
		t.Error("the service was called")
	}
	t.Logf("%d cases", len(cases))
}

func TestSOAPFaults(t *testing.T) {
	no := policy.Refuse(http.StatusUnauthorized, "Who <are> you?", "unknown")
	cases := []struct {
		mule        bool
		fields      string
		status      int
		contentType string
		body        string
	}{
		{false, "Content-Type: text/xml\nSOAPAction: x", 401, "application/json", `"error":"Who \u003care\u003e you?"`},
		{true, "Content-Type: application/json", 401, "application/json", `"error":"Who \u003care\u003e you?"`},
		{true, "Content-Type: text/xml", 401, "application/json", `"error":`},
		{true, "Content-Type: text/xml\nSOAPAction: x", 500, "text/xml; charset=utf-8", "<faultstring>Who &lt;are&gt; you? (correlationId "},
		{true, "Content-Type: Application/SOAP+xml; action=x", 400, "application/soap+xml; charset=utf-8", "Who &lt;are&gt; you? (correlationId "},
	}
	for _, c := range cases {
		b := newBench(t, setup{steps: []policy.Step{refuses(no)}, mule: c.mule})
		a := b.send("POST /a HTTP/1.1\nHost: x\nContent-Length: 0\n"+c.fields, "")
		if a.status != c.status || a.header.Get("Content-Type") != c.contentType || !strings.Contains(a.body, c.body) || !strings.Contains(a.body, a.id) {
			t.Errorf("%q, mule %t: %d %s\n%s", c.fields, c.mule, a.status, a.header.Get("Content-Type"), a.body)
		}
		if strings.Contains(a.body, "unknown") {
			t.Errorf("the client reads the reason: %s", a.body)
		}
	}
	t.Logf("%d cases", len(cases))
}

func TestFailingPolicyTellsNothing(t *testing.T) {
	const secret = "hunter2-the-password"
	hook := func(f func() policy.Verdict) func(context.Context, *traffic.Exchange) policy.Verdict {
		return func(context.Context, *traffic.Exchange) policy.Verdict { return f() }
	}
	panics := hook(func() policy.Verdict { panic(secret) })
	fails := hook(func() policy.Verdict {
		return policy.Fail(http.StatusInternalServerError, "Try later.", "password="+secret)
	})
	cases := map[string]policy.Step{
		"request panics":  {Request: panics},
		"request fails":   {Request: fails},
		"response panics": {Response: panics},
		"response fails":  {Response: fails},
	}
	for name, step := range cases {
		b := newBench(t, setup{steps: []policy.Step{step}})
		a := b.send("GET /a HTTP/1.1\nHost: x", "")
		if a.status < 500 {
			t.Errorf("%s: status %d", name, a.status)
		}
		record, err := json.Marshal(b.records.find(t, a.id))
		if err != nil {
			t.Fatal(err)
		}
		for where, text := range map[string]string{"answer": a.body + fmt.Sprint(a.header), "record": string(record), "log": b.log.String()} {
			if strings.Contains(text, secret) {
				t.Errorf("%s: the %s holds the secret: %s", name, where, text)
			}
		}
	}
	t.Logf("%d cases", len(cases))
}

func TestHopByHopFieldsStayHere(t *testing.T) {
	seen := make(chan http.Header, 1)
	b := newBench(t, setup{service: func(w http.ResponseWriter, r *http.Request) {
		seen <- r.Header.Clone()
		h := w.Header()
		h.Set("Connection", "X-Private")
		h.Set("X-Private", "1")
		h.Set("Keep-Alive", "timeout=5")
		h.Set("Proxy-Authenticate", "Basic")
		h.Set("X-Public", "1")
	}})
	a := b.send("GET /a HTTP/1.1\nHost: x\nConnection: x-private, keep-alive\nX-Private: 1\nKeep-Alive: 5\nTE: gzip\nProxy-Authorization: Basic eA==\n"+
		"Proxy-Connection: close\nX_Farrier_Client: me\nX-Public: 1", "")
	if a.status != http.StatusOK {
		t.Fatalf("status %d: %s", a.status, a.body)
	}
	request := <-seen
	for _, name := range []string{"X-Private", "Keep-Alive", "Te", "Proxy-Authorization", "Proxy-Connection", "X-Farrier-Client", "X_farrier_client", "Upgrade"} {
		if v, ok := request[name]; ok {
			t.Errorf("the service reads %s: %q", name, v)
		}
	}
	for _, name := range []string{"X-Private", "Keep-Alive", "Proxy-Authenticate"} {
		if v, ok := a.header[name]; ok {
			t.Errorf("the client reads %s: %q", name, v)
		}
	}
	if request.Get("X-Public") != "1" || a.header.Get("X-Public") != "1" {
		t.Error("ordinary fields are lost")
	}
}

func TestRedirectsAreTheClientsToFollow(t *testing.T) {
	b := newBench(t, setup{service: func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Location", "http://169.254.169.254/latest/meta-data")
		w.WriteHeader(http.StatusFound)
	}})
	if a := b.send("GET /a HTTP/1.1\nHost: x", ""); a.status != http.StatusFound || a.header.Get("Location") == "" {
		t.Errorf("status %d, %v", a.status, a.header)
	}
}

func TestLoadThatFailsChangesNothing(t *testing.T) {
	b := newBench(t, setup{})
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	rev := b.revision(&setup{})
	rev.Number, rev.APIs[0].Port = 2, taken.Addr().(*net.TCPAddr).Port
	before := b.g.Table()
	if err := b.g.Load(t.Context(), b.compile(rev, &setup{})); err == nil || !strings.Contains(err.Error(), "opening 127.0.0.1:") {
		t.Errorf("Load: %v", err)
	}
	if b.g.Table() != before {
		t.Error("the table changed")
	}
	if a := b.send("GET /a HTTP/1.1\nHost: x", ""); a.status != http.StatusOK {
		t.Errorf("status %d", a.status)
	}
}
