package gateway

import (
	"bufio"
	"bytes"
	"context"
	"crypto/tls"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/net/http2"
	"golang.org/x/net/http2/hpack"

	"farrier.dev/farrier/internal/policy"
	"farrier.dev/farrier/internal/traffic"
)

// watching is a step that judges after the response, and how often it did.
func watching(judged *atomic.Int32) policy.Step {
	return policy.Step{
		RequestBody: policy.Need{Mode: policy.Teed, Limit: 1 << 20},
		End: func(x *traffic.Exchange) {
			if strings.HasPrefix(string(x.Request.Body.Bytes()), "evil") {
				judged.Add(1)
			}
		},
		Background: true,
	}
}

// TestServiceAnswersBeforeTheBodyEnds is for the race detector: the transport
// reads the request while its answer is sealed and judged.
func TestServiceAnswersBeforeTheBodyEnds(t *testing.T) {
	var judged atomic.Int32
	b := newBench(t, setup{
		service: func(w http.ResponseWriter, r *http.Request) {
			// What the service has read, the gateway must have seen.
			_, _ = io.ReadFull(r.Body, make([]byte, len("evil")))
			w.Header().Set("Connection", "close")
			_, _ = io.WriteString(w, "early")
		},
		steps: []policy.Step{watching(&judged)},
	})
	for range 3 {
		conn := b.dial()
		if _, err := io.WriteString(conn, "POST /a HTTP/1.1\r\nHost: x\r\nContent-Length: 1000000\r\n\r\nevil"); err != nil {
			t.Fatal(err)
		}
		go func() {
			for range 200 {
				if _, err := conn.Write(make([]byte, 2000)); err != nil {
					return
				}
				time.Sleep(time.Millisecond)
			}
		}()
		a := b.read(conn)
		if r := b.records.find(t, a.id); a.status != http.StatusOK || a.body != "early" || r.BytesIn == 0 {
			t.Errorf("status %d, %q, record %+v", a.status, a.body, r)
		}
	}
	if judged.Load() != 3 {
		t.Errorf("%d judgements", judged.Load())
	}
}

// TestLeavingEarlyEscapesNoJudgement holds that a client does not escape watch
// mode by closing the connection before it has read the answer.
func TestLeavingEarlyEscapesNoJudgement(t *testing.T) {
	var judged atomic.Int32
	b := newBench(t, setup{
		service: func(w http.ResponseWriter, r *http.Request) {
			_, _ = io.Copy(io.Discard, r.Body)
			for part := make([]byte, 64<<10); ; {
				if _, err := w.Write(part); err != nil {
					return
				}
			}
		},
		steps: []policy.Step{watching(&judged)},
	})
	conn := b.dial()
	if _, err := io.WriteString(conn, "POST /a HTTP/1.1\r\nHost: x\r\nContent-Length: 4\r\n\r\nevil"); err != nil {
		t.Fatal(err)
	}
	a, err := http.ReadResponse(bufio.NewReader(conn), nil) //nolint:bodyclose // 101 or a refusal, read no further
	if err != nil {
		t.Fatal(err)
	}
	_ = conn.Close()
	r := b.records.find(t, a.Header.Get("X-Correlation-Id"))
	if r.Outcome != traffic.Errored || r.Reason != "the answer was cut off" || r.BytesIn != 4 || r.BytesOut == 0 || judged.Load() != 1 {
		t.Errorf("%d judgements, record %+v", judged.Load(), r)
	}
}

func TestJudgesSurvivePanics(t *testing.T) {
	panicked := make(chan any, 1)
	j := newJudges(2, func(value any) { panicked <- value })
	done := make(chan struct{})
	for _, work := range []func(){func() { panic("no") }, func() { close(done) }} {
		if !j.submit(work) {
			t.Fatal("there was no room")
		}
	}
	<-done
	if value := <-panicked; value != "no" {
		t.Errorf("the panic was %v", value)
	}
	j.stop(t.Context())
}

// TestConnectionNamesNothingOfOurs holds that what Connection names is gone
// before the chain runs, so that it removes nothing that a step sets.
func TestConnectionNamesNothingOfOurs(t *testing.T) {
	got := make(chan http.Header, 1)
	b := newBench(t, setup{
		service: func(_ http.ResponseWriter, r *http.Request) { got <- r.Header.Clone() },
		steps: []policy.Step{{Request: func(_ context.Context, x *traffic.Exchange) policy.Verdict {
			if x.Request.Header.Has("x-private") {
				return policy.Refuse(http.StatusForbidden, "No.", "a step sees what stays here")
			}
			x.Request.Header.Set("x-role", "guest")
			return policy.Go()
		}}},
	})
	a := b.send("GET /a HTTP/1.1\nHost: x\nConnection: x-private, X-Role\nX-Private: 1\nX-Role: admin", "")
	if a.status != http.StatusOK {
		t.Fatalf("status %d", a.status)
	}
	if h := <-got; h.Get("X-Role") != "guest" || h.Get("X-Private") != "" || h.Get("Connection") != "" {
		t.Errorf("the service reads %v", h)
	}
}

// TestStalledServicesEnd holds that no service keeps an exchange for ever by
// taking or sending nothing.
func TestStalledServicesEnd(t *testing.T) {
	release := make(chan struct{})
	b := newBench(t, setup{
		options: func(o *Options) { o.Limits.StreamIdle = 100 * time.Millisecond },
		service: func(w http.ResponseWriter, r *http.Request) {
			if r.Method == http.MethodGet {
				w.Header().Set("Content-Length", "20000")
				_, _ = w.Write(make([]byte, 10000))
				_ = http.NewResponseController(w).Flush()
			}
			<-release
		},
	})
	t.Cleanup(func() { close(release) })
	conn := b.dial()
	if _, err := io.WriteString(conn, "GET /a HTTP/1.1\r\nHost: x\r\n\r\n"); err != nil {
		t.Fatal(err)
	}
	a, err := http.ReadResponse(bufio.NewReader(conn), nil) //nolint:bodyclose // read no further
	if err != nil {
		t.Fatal(err)
	}
	if n, err := io.Copy(io.Discard, a.Body); err == nil || n > 10000 {
		t.Errorf("of a response that stops: %d bytes, %v", n, err)
	}
	conn = b.dial()
	go func() {
		_, _ = io.WriteString(conn, "POST /a HTTP/1.1\r\nHost: x\r\nContent-Length: 100000000\r\n\r\n")
		_, _ = conn.Write(make([]byte, 100000000))
	}()
	if a := b.read(conn); a.status != http.StatusGatewayTimeout || b.records.find(t, a.id).Outcome != traffic.Errored {
		t.Errorf("a request that is not taken: %+v", a)
	}
}

// TestStreamsWithoutWindowEnd holds that a client of HTTP/2 keeps no exchange
// for ever by giving its answer no room.
func TestStreamsWithoutWindowEnd(t *testing.T) {
	b := newBench(t, setup{
		options: func(o *Options) { o.Limits.BodyIdle = 100 * time.Millisecond },
		service: func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write(make([]byte, 10<<10)) },
	})
	identity := httptest.NewTLSServer(nil)
	defer identity.Close()
	next := b.on("127.0.0.1", 0, nil)
	next.Listeners["127.0.0.1:0"].TLS = identity.TLS.Clone()
	next.Listeners["127.0.0.1:0"].TLS.NextProtos = []string{"h2"}
	if err := b.g.Load(t.Context(), next); err != nil {
		t.Fatal(err)
	}
	config := identity.Client().Transport.(*http.Transport).TLSClientConfig.Clone()
	config.NextProtos = []string{"h2"}
	conn, err := tls.Dial("tcp", b.host, config)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	if _, err := io.WriteString(conn, http2.ClientPreface); err != nil {
		t.Fatal(err)
	}
	f := http2.NewFramer(conn, conn)
	if err := f.WriteSettings(http2.Setting{ID: http2.SettingInitialWindowSize, Val: 0}); err != nil {
		t.Fatal(err)
	}
	var block bytes.Buffer
	e := hpack.NewEncoder(&block)
	for _, one := range []hpack.HeaderField{{Name: ":method", Value: "GET"}, {Name: ":scheme", Value: "https"}, {Name: ":authority", Value: "example.com"}, {Name: ":path", Value: "/a"}} {
		if err := e.WriteField(one); err != nil {
			t.Fatal(err)
		}
	}
	if err := f.WriteHeaders(http2.HeadersFrameParam{StreamID: 1, BlockFragment: block.Bytes(), EndStream: true, EndHeaders: true}); err != nil {
		t.Fatal(err)
	}
	_ = conn.SetReadDeadline(time.Now().Add(20 * time.Second))
	for {
		frame, err := f.ReadFrame()
		if err != nil {
			t.Fatalf("the stream was not reset: %v", err)
		}
		if _, ok := frame.(*http2.RSTStreamFrame); ok {
			break
		}
	}
	for end := time.Now().Add(5 * time.Second); b.g.Stats().InFlight > 0; time.Sleep(time.Millisecond) {
		if time.Now().After(end) {
			t.Fatal("the exchange does not end")
		}
	}
}

// TestCopiesCountAgainstTheBudget holds that watch mode holds no more of bodies
// than the process may, and gives it all back.
func TestCopiesCountAgainstTheBudget(t *testing.T) {
	seen := make(chan string, 2)
	b := newBench(t, setup{
		options: func(o *Options) { o.Limits.BufferedBytes = 1000 },
		steps: []policy.Step{{
			RequestBody: policy.Need{Mode: policy.Teed, Limit: 1 << 20}, Background: true,
			End: func(x *traffic.Exchange) {
				seen <- fmt.Sprint(len(x.Request.Body.Bytes()), x.Request.Body.Partial())
			},
		}},
	})
	for _, c := range []struct {
		size int
		want string
	}{{900, "900 false"}, {5000, " true"}, {1000, "1000 false"}} {
		a := b.send(fmt.Sprintf("POST /a HTTP/1.1\nHost: x\nContent-Length: %d", c.size), strings.Repeat("x", c.size))
		if got := <-seen; !strings.HasSuffix(got, c.want) || a.status != http.StatusOK || len(a.body) != c.size {
			t.Errorf("%d bytes: status %d, %d bytes back, seen %s", c.size, a.status, len(a.body), got)
		}
		b.records.find(t, a.id)
		for end := time.Now().Add(5 * time.Second); b.g.Stats().Buffered > 0; time.Sleep(time.Millisecond) {
			if time.Now().After(end) {
				t.Fatalf("%d bytes stay taken", b.g.Stats().Buffered)
			}
		}
	}
}

// TestContentThatAStepGives holds that the header tells of the content that is
// sent: the length of what a step replaced is not that of the service, also for
// HEAD, and an answer of a step keeps its coding and its tag.
func TestContentThatAStepGives(t *testing.T) {
	packed := "\x1f\x8b packed by the step"
	b := newBench(t, setup{
		service: func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Length", "1000")
			w.Header().Set("Etag", `"service"`)
			w.WriteHeader(http.StatusNotFound)
			_, _ = w.Write(make([]byte, 1000))
		},
		steps: []policy.Step{{
			Request: func(_ context.Context, x *traffic.Exchange) policy.Verdict {
				if x.SubPath != "/kept" {
					return policy.Go()
				}
				return policy.Reply(policy.Answer{Status: http.StatusOK, Body: []byte(packed), Header: []traffic.Field{
					{Name: "content-encoding", Value: "gzip"}, {Name: "etag", Value: `"kept"`},
				}}, "kept")
			},
			Response: func(_ context.Context, x *traffic.Exchange) policy.Verdict {
				if !x.Response.Local {
					x.Response.Body.Release()
					_ = x.Response.Body.Replace([]byte("replaced"))
				}
				return policy.Go()
			},
		}},
	})
	for _, c := range []struct{ method, path, body, length, coding, tag string }{
		{"GET", "/replaced", "replaced", "8", "", ""},
		{"HEAD", "/replaced", "", "", "", ""},
		{"GET", "/kept", packed, "21", "gzip", `"kept"`},
		{"HEAD", "/kept", "", "", "gzip", `"kept"`},
	} {
		r, err := http.NewRequestWithContext(t.Context(), c.method, "http://"+b.host+c.path, nil)
		if err != nil {
			t.Fatal(err)
		}
		r.Header.Set("Accept-Encoding", "gzip")
		a, err := b.service.Client().Do(r)
		if err != nil {
			t.Fatal(err)
		}
		body, err := io.ReadAll(a.Body)
		_ = a.Body.Close()
		h := a.Header
		if err != nil || string(body) != c.body || h.Get("Content-Length") != c.length || h.Get("Content-Encoding") != c.coding || h.Get("Etag") != c.tag {
			t.Errorf("%s %s: %q, %v, %v", c.method, c.path, body, h, err)
		}
	}
}
