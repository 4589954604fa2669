package app_test

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"farrier.dev/farrier/internal/control/publish"
)

// restless answers after a while, or begins and then rests.
var restless = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
	wait := 1500 * time.Millisecond
	if strings.HasSuffix(r.URL.Path, "/long") {
		wait = patience
	}
	if strings.Contains(r.URL.Path, "/rests") {
		_, _ = io.WriteString(w, "first")
		_ = http.NewResponseController(w).Flush()
	}
	select {
	case <-r.Context().Done():
	case <-time.After(wait):
		_, _ = io.WriteString(w, "last")
	}
})

const timeouts = `
apiVersion: gateway.mulesoft.com/v1alpha1
kind: Configuration
metadata: {name: timeouts}
spec: {timeouts: {upstreamResponseSeconds: 1}}
---
apiVersion: gateway.mulesoft.com/v1alpha1
kind: ApiInstance
metadata: {name: short}
spec:
  address: http://0.0.0.0:8081/short
  services: {s: {address: "http://127.0.0.1:9001"}}
  policies: [{policyRef: {name: response-timeout-flex}, config: {timeout: 1}}]
---
apiVersion: gateway.mulesoft.com/v1alpha1
kind: ApiInstance
metadata: {name: long}
spec:
  address: http://0.0.0.0:8081/long
  services: {s: {address: "http://127.0.0.1:9001"}}
  policies: [{policyRef: {name: response-timeout-flex}, config: {timeout: 30}}]
---
apiVersion: gateway.mulesoft.com/v1alpha1
kind: ApiInstance
metadata: {name: idle}
spec:
  address: http://0.0.0.0:8081/idle
  services: {s: {address: "http://127.0.0.1:9001"}}
---
apiVersion: gateway.mulesoft.com/v1beta1
kind: PolicyBinding
metadata: {name: idle}
spec:
  targetRef: {kind: Service, name: idle-s}
  policyRef: {name: idle-timeout-flex}
  config: {timeout: 1}
---
apiVersion: gateway.mulesoft.com/v1alpha1
kind: ApiInstance
metadata: {name: plain}
spec:
  address: http://0.0.0.0:8081/plain
  services: {s: {address: "http://127.0.0.1:9001"}}
`

// TestTimeoutPolicies holds that a service which is slow is answered for with
// 504 at the time of the policy, be it shorter or longer than the one that the
// gateway is configured for, and that a body which rests is cut off.
func TestTimeoutPolicies(t *testing.T) {
	run := serve(t, startServices(t, restless), one(timeouts))
	for _, c := range []struct {
		path   string
		status int
	}{{"/short/long", 504}, {"/idle/long", 504}, {"/plain/long", 504}, {"/long/soon", 200}} {
		began := time.Now()
		got := run.get(t, "8081", "GET "+c.path+" HTTP/1.1")
		if took := time.Since(began); got.status != c.status || took > patience/2 {
			t.Errorf("%s: %d %s after %v, want %d", c.path, got.status, got.body, took, c.status)
		}
	}
	conn, err := dial(run.at("8081"), nil)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.Close() }()
	if got := exchange(conn, rawRequest(t, "GET /idle/rests/long HTTP/1.1")); got.status != 200 || got.err == nil || got.body != "first" {
		t.Errorf("a body that rests: %+v", got)
	}
}

const limited = `
apiVersion: gateway.mulesoft.com/v1alpha1
kind: ApiInstance
metadata: {name: limited}
spec:
  address: http://0.0.0.0:8081
  services: {echo: {address: "http://127.0.0.1:9001"}}
  policies:
  - policyRef: {name: dos-protection}
    config: {rejectMessageAction: drop-silently, protocolErrors: {window1: {action: block-interval, threshold: 2}}}
  - policyRef: {name: http-limits}
    config: {maxBodyLength: 10}
`

// TestBodiesThatGrow holds that a body without a length is cut off with 413 when
// it grows too long, also when the service has begun to read it; and that the
// source of many such is dropped without an answer.
func TestBodiesThatGrow(t *testing.T) {
	run := serve(t, startServices(t, nil), one(limited))
	chunks := func(n int) string {
		return "POST /a HTTP/1.1\nTransfer-Encoding: chunked\n\n" + strings.Repeat("5\r\n12345\r\n", n) + "0\r\n\r\n\n"
	}
	if got := run.get(t, "8081", chunks(2)); got.status != 200 || got.seen == nil || got.seen.body != "1234512345" {
		t.Errorf("a short body: %d %s", got.status, got.body)
	}
	for range 3 {
		if got := run.get(t, "8081", chunks(3)); got.status != 413 || got.seen != nil {
			t.Errorf("a long body: %d %s, the service read %+v", got.status, got.body, got.seen)
		}
	}
	conn, err := dial(run.at("8081"), nil)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.Close() }()
	if got := exchange(conn, rawRequest(t, "GET /a HTTP/1.1")); got.err == nil || !closedConnection(got.err) {
		t.Errorf("the source was answered with %d %s, %v", got.status, got.body, got.err)
	}
}

const cached = `
apiVersion: gateway.mulesoft.com/v1alpha1
kind: ApiInstance
metadata: {name: cached}
spec:
  address: http://0.0.0.0:8081
  services: {s: {address: "http://127.0.0.1:9001"}}
  policies:
  - policyRef: {name: custom-errors}
    config: {errors: [{body: "{error}", contentType: text/plain}]}
  - policyRef: {name: http-caching-flex}
`

// TestCacheOverTCP holds that what is kept is given as the service gave it: its
// coding, its tag, its length; to HEAD as well; to several requests of one
// connection; to one host only.
func TestCacheOverTCP(t *testing.T) {
	var packed bytes.Buffer
	w := gzip.NewWriter(&packed)
	_, _ = io.WriteString(w, strings.Repeat("orders ", 100))
	_ = w.Close()
	var calls atomic.Int64
	run := serve(t, startServices(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		calls.Add(1)
		w.Header().Set("Etag", `"7"`)
		switch {
		case r.URL.Path == "/missing":
			http.Error(w, "the service has none", http.StatusNotFound)
		case strings.Contains(r.Header.Get("Accept-Encoding"), "gzip"):
			w.Header().Set("Content-Encoding", "gzip")
			w.Header().Set("Vary", "Accept-Encoding")
			w.Header().Set("Content-Length", fmt.Sprint(packed.Len()))
			_, _ = w.Write(packed.Bytes())
		default:
			_, _ = io.WriteString(w, r.Header.Get("X-Forwarded-Host"))
		}
	})), one(cached))
	zipped := map[string]string{"Content-Encoding": "gzip", "Etag": `"7"`, "Content-Length": fmt.Sprint(packed.Len())}
	for i, c := range []struct {
		request string
		status  int
		body    string
		header  map[string]string
		calls   int64
	}{
		{"GET /a HTTP/1.1\nAccept-Encoding: gzip", 200, packed.String(), zipped, 1},
		{"GET /a HTTP/1.1\nAccept-Encoding: gzip", 200, packed.String(), zipped, 1},
		{"GET /a HTTP/1.1\nAccept-Encoding: gzip\nIf-None-Match: W/\"7\"", 304, "", map[string]string{"Etag": `"7"`}, 1},
		{"GET /a HTTP/1.1\nHost: one.test", 200, "one.test", map[string]string{"Content-Encoding": ""}, 2},
		{"GET /a HTTP/1.1\nHost: two.test", 200, "two.test", map[string]string{"Content-Encoding": ""}, 3},
		{"GET /a HTTP/1.1\nHost: one.test", 200, "one.test", map[string]string{"Age": "0"}, 3},
		{"HEAD /a HTTP/1.1\nAccept-Encoding: gzip", 200, "", zipped, 4},
		{"HEAD /a HTTP/1.1\nAccept-Encoding: gzip", 200, "", map[string]string{"Content-Encoding": "gzip", "Etag": `"7"`}, 4},
		{"GET /missing HTTP/1.1", 404, "the service has none\n", nil, 5},
		{"GET /missing HTTP/1.1", 404, "the service has none\n", map[string]string{"Age": "0"}, 5},
	} {
		got := run.get(t, "8081", c.request)
		if got.status != c.status || got.body != c.body || calls.Load() != c.calls {
			t.Errorf("%d %q: %d %q after %d calls", i, c.request, got.status, got.body, calls.Load())
		}
		for name, value := range c.header {
			if got.header.Get(name) != value {
				t.Errorf("%d %q: %s is %q, want %q", i, c.request, name, got.header.Get(name), value)
			}
		}
	}
	run.pipelined(t, 5, packed.String())
	if calls.Load() != 6 { // for a host of its own
		t.Errorf("%d calls", calls.Load())
	}
}

// pipelined sends requests before it reads an answer.
func (r *running) pipelined(t *testing.T, n int, body string) {
	t.Helper()
	conn, err := dial(r.at("8081"), nil)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.Close() }()
	_ = conn.SetDeadline(time.Now().Add(patience))
	request := "GET /a HTTP/1.1\r\nHost: " + r.at("8081") + "\r\nAccept-Encoding: gzip\r\n\r\n"
	if _, err := io.WriteString(conn, strings.Repeat(request, n)); err != nil {
		t.Fatal(err)
	}
	from := bufio.NewReader(conn)
	for i := range n {
		resp, err := http.ReadResponse(from, nil)
		if err != nil {
			t.Fatalf("answer %d: %v", i, err)
		}
		got, err := io.ReadAll(resp.Body)
		_ = resp.Body.Close()
		if err != nil || string(got) != body {
			t.Errorf("answer %d: %q, %v", i, got, err)
		}
	}
}

const sockets = `
apiVersion: gateway.mulesoft.com/v1alpha1
kind: ApiInstance
metadata: {name: counted}
spec:
  address: http://0.0.0.0:8081/counted
  services: {s: {address: "http://127.0.0.1:9001"}}
  policies: [{policyRef: {name: websocket-connection-limit-flex}, config: {maximumConnections: 1}}]
---
apiVersion: gateway.mulesoft.com/v1alpha1
kind: ApiInstance
metadata: {name: idle}
spec:
  address: http://0.0.0.0:8081/idle
  services: {s: {address: "http://127.0.0.1:9001"}}
  policies: [{policyRef: {name: stream-idle-timeout-flex}, config: {timeout: 1}}]
`

// echoing switches to a stream that says again what it hears.
var echoing = http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
	conn, buffered, err := http.NewResponseController(w).Hijack()
	if err != nil {
		return
	}
	defer func() { _ = conn.Close() }()
	_, _ = io.WriteString(conn, "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n")
	_, _ = io.Copy(conn, buffered)
})

// open opens a WebSocket and says how it was answered.
func (r *running) open(t *testing.T, path string) (conn net.Conn, from *bufio.Reader, status int, body string) {
	t.Helper()
	var err error
	if conn, err = dial(r.at("8081"), nil); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	_ = conn.SetDeadline(time.Now().Add(patience))
	request := "GET " + path + " HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
	if _, err := io.WriteString(conn, request); err != nil {
		t.Fatal(err)
	}
	from = bufio.NewReader(conn)
	resp, err := http.ReadResponse(from, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = resp.Body.Close() }()
	if resp.StatusCode == http.StatusSwitchingProtocols {
		return conn, from, resp.StatusCode, ""
	}
	text, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return conn, from, resp.StatusCode, string(text)
}

// TestWebSocketPolicies holds that connections are counted while they are open,
// and that one which rests is ended.
func TestWebSocketPolicies(t *testing.T) {
	run := serve(t, startServices(t, echoing), one(sockets))
	first, from, status, _ := run.open(t, "/counted")
	if status != http.StatusSwitchingProtocols {
		t.Fatalf("status %d", status)
	}
	if _, err := io.WriteString(first, "\x81\x00"); err != nil {
		t.Fatal(err)
	}
	if _, err := from.ReadByte(); err != nil {
		t.Errorf("the echo: %v", err)
	}
	if _, _, status, body := run.open(t, "/counted"); status != http.StatusTooManyRequests || body != "Too many WebSocket connections" {
		t.Errorf("the second: %d %s", status, body)
	}
	if got := run.get(t, "8081", "GET /counted HTTP/1.1"); got.status == http.StatusTooManyRequests {
		t.Error("what is no WebSocket counts")
	}
	_ = first.Close()
	for late := time.Now().Add(patience); ; time.Sleep(5 * time.Millisecond) {
		if _, _, status, _ = run.open(t, "/counted"); status == http.StatusSwitchingProtocols {
			break
		}
		if time.Now().After(late) {
			t.Fatal("the place is not given back")
		}
	}
	if _, from, status, _ = run.open(t, "/idle"); status != http.StatusSwitchingProtocols {
		t.Fatalf("status %d", status)
	}
	began := time.Now()
	if _, err := from.ReadByte(); err == nil || time.Since(began) > patience/2 {
		t.Errorf("%v after %v, want the end of an idle stream", err, time.Since(began))
	}
}

// TestFeedsFollow holds that lists come from servers and from files, and that
// nobody reads them when no revision uses them any more.
func TestFeedsFollow(t *testing.T) {
	gone := make(chan struct{})
	var reads atomic.Int64
	list := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		reads.Add(1)
		if r.URL.Path == "/hangs" {
			<-r.Context().Done()
			close(gone)
			return
		}
		_, _ = io.WriteString(w, "# scanners\n127.0.0.1\n")
	}))
	defer list.Close()
	path := filepath.Join(t.TempDir(), "list")
	if err := os.WriteFile(path, []byte("127.0.0.0/8 2999-01-01T00:00:00Z\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	manifest := func(feeds string) string {
		return fmt.Sprintf(`
apiVersion: gateway.mulesoft.com/v1alpha1
kind: ApiInstance
metadata: {name: listed}
spec:
  address: http://0.0.0.0:8081
  services: {echo: {address: "http://127.0.0.1:9001"}}
  policies: [{policyRef: {name: ip-feeds}, config: {feeds: [%s]}}]
`, feeds)
	}
	run := serve(t, startServices(t, nil), one(manifest(`{name: file, file: "`+path+`"}`)))
	if got := run.get(t, "8081", "GET / HTTP/1.1"); got.status != http.StatusForbidden {
		t.Errorf("listed in the file: %d", got.status)
	}
	publishWith := func(feeds string) {
		t.Helper()
		before := run.ready.Publishing().Serving.Number
		run.replace(t, "manifest.yaml", manifest(feeds))
		if !run.waitPublishing(func(s publish.Status) bool { return s.Serving.Number > before }) {
			t.Fatalf("not published: %+v", run.ready.Publishing().Refused)
		}
	}
	publishWith(`{name: server, url: "` + list.URL + `/list"}`)
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	for run.get(t, "8081", "GET / HTTP/1.1").status != http.StatusForbidden {
		if ctx.Err() != nil {
			t.Fatalf("the list of the server is not used; it was read %d times", reads.Load())
		}
		time.Sleep(5 * time.Millisecond)
	}
	publishWith(`{name: hangs, url: "` + list.URL + `/hangs"}`)
	for reads.Load() < 2 && ctx.Err() == nil {
		time.Sleep(5 * time.Millisecond)
	}
	publishWith(`{name: file, file: "` + path + `"}`)
	select {
	case <-gone:
	case <-ctx.Done():
		t.Error("the server is still read when no revision uses its list")
	}
}
