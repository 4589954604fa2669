package gateway

import (
	"bufio"
	"context"
	"io"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"farrier.dev/farrier/internal/policy"
	"farrier.dev/farrier/internal/traffic"
)

// switching is a service that switches to whatever protocol it is asked for,
// and to another one unasked at /unasked.
func switching(w http.ResponseWriter, r *http.Request) {
	to := r.Header.Get("Upgrade")
	if r.URL.Path == "/unasked" {
		to = "other"
	}
	if to == "" {
		_, _ = io.Copy(w, r.Body)
		return
	}
	conn, both, err := http.NewResponseController(w).Hijack()
	if err != nil {
		return
	}
	defer func() { _ = conn.Close() }()
	_, _ = io.WriteString(conn, "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: "+to+"\r\n\r\n")
	_, _ = io.Copy(conn, both)
}

// TestStreamsAreNotClaimed holds that a header alone takes no body away from
// a step, and leads to no protocol in which requests pass unseen.
func TestStreamsAreNotClaimed(t *testing.T) {
	b := newBench(t, setup{service: switching, steps: []policy.Step{{
		RequestBody: policy.Need{Mode: policy.Buffered, Limit: 1000}, OnStream: policy.SkipStream,
		Request: func(_ context.Context, x *traffic.Exchange) policy.Verdict {
			if strings.Contains(string(x.Request.Body.Bytes()), "evil") {
				return policy.Refuse(http.StatusForbidden, "No.", "evil")
			}
			return policy.Go()
		},
	}}})
	const upgrade = "\nConnection: Upgrade, HTTP2-Settings\nHTTP2-Settings: AA\nUpgrade: "
	cases := []struct {
		head, body string
		status     int
	}{
		{"GET /a HTTP/1.1\nHost: x" + upgrade + "h2c", "", http.StatusOK},
		{"GET /a HTTP/1.1\nHost: x" + upgrade + "websocket, h2c", "", http.StatusOK},
		{"GET /a HTTP/1.1\nHost: x" + upgrade + "websocket\nUpgrade: h2c", "", http.StatusOK},
		{"POST /a HTTP/1.1\nHost: x\nContent-Length: 4" + upgrade + "websocket", "evil", http.StatusForbidden},
		{"GET /a HTTP/1.1\nHost: x\nContent-Length: 4" + upgrade + "websocket", "evil", http.StatusForbidden},
		{"POST /a HTTP/1.1\nHost: x\nContent-Length: 4" + upgrade + "other", "evil", http.StatusForbidden},
		{"POST /a HTTP/1.1\nHost: x\nContent-Length: 4\nContent-Type: application/grpc", "evil", http.StatusForbidden},
		{"GET /unasked HTTP/1.1\nHost: x", "", http.StatusBadGateway},
		{"GET /unasked HTTP/1.1\nHost: x" + upgrade + "websocket", "", http.StatusBadGateway},
	}
	for _, c := range cases {
		a := b.send(c.head, c.body)
		if a.status != c.status {
			t.Errorf("%q: status %d, not %d", c.head, a.status, c.status)
		}
		if r := b.records.find(t, a.id); len(r.NotInspected) > 0 && c.status != http.StatusBadGateway {
			t.Errorf("%q: not inspected: %q", c.head, r.NotInspected)
		}
	}
	t.Logf("%d cases", len(cases))
}

func TestWebSocketPasses(t *testing.T) {
	b := newBench(t, setup{service: switching})
	conn := b.dial()
	if _, err := io.WriteString(conn, "GET /a HTTP/1.1\r\nHost: x\r\nConnection: keep-alive, Upgrade\r\nUpgrade: WebSocket\r\n\r\nping"); err != nil {
		t.Fatal(err)
	}
	r := bufio.NewReader(conn)
	a, err := http.ReadResponse(r, nil) //nolint:bodyclose // 101 has no body
	if err != nil {
		t.Fatal(err)
	}
	echo := make([]byte, 4)
	if _, err := io.ReadFull(r, echo); a.StatusCode != http.StatusSwitchingProtocols || err != nil || string(echo) != "ping" {
		t.Errorf("status %d, %q, %v", a.StatusCode, echo, err)
	}
}

// TestShutdownSealsStreams holds that an open WebSocket and an exchange that
// does not end in time are closed, counted and recorded at the end.
func TestShutdownSealsStreams(t *testing.T) {
	inspected := []policy.Step{attentive(policy.BothSenders, new(atomic.Int64))}
	for _, c := range []struct {
		head    string
		outcome traffic.Outcome
		steps   []policy.Step
	}{
		{"GET /a HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n", traffic.Served, nil},
		{"GET /events HTTP/1.1\r\nHost: x\r\n\r\n", traffic.Errored, nil},
		{"GET /a HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n\r\n", traffic.Served, inspected},
		{"GET /events HTTP/1.1\r\nHost: x\r\n\r\n", traffic.Errored, inspected},
	} {
		b := newBench(t, setup{steps: c.steps, service: func(w http.ResponseWriter, r *http.Request) {
			if r.URL.Path == "/a" {
				switching(w, r)
				return
			}
			w.Header().Set("Content-Type", "text/event-stream")
			_ = http.NewResponseController(w).Flush()
			<-r.Context().Done()
		}})
		conn := b.dial()
		if _, err := io.WriteString(conn, c.head); err != nil {
			t.Fatal(err)
		}
		a, err := http.ReadResponse(bufio.NewReader(conn), nil) //nolint:bodyclose // read no further
		if err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
		_ = b.g.Shutdown(ctx)
		cancel()
		b.records.mu.Lock()
		kept := b.records.kept
		b.records.mu.Unlock()
		if len(kept) != 1 || kept[0].ID != a.Header.Get("X-Correlation-Id") || kept[0].Outcome != c.outcome {
			t.Errorf("%q: kept %+v", c.head, kept)
		}
	}
}
