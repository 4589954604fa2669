package framing

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// recorder is a handler that answers refusals and tells what it saw.
type recorder struct {
	mu   sync.Mutex
	seen []string
	next http.HandlerFunc // for good requests; nil answers with the body
}

func (h *recorder) note(line string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.seen = append(h.seen, line)
}

func (h *recorder) lines() string {
	h.mu.Lock()
	defer h.mu.Unlock()
	return strings.Join(h.seen, "\n")
}

func (h *recorder) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if f := Next(r.Context()); f != nil && f.Refusal != nil {
		h.note(fmt.Sprintf("refuse %d %s (%s %s %s)", f.Refusal.Status, f.Refusal.Reason, f.Method, f.Target, f.Host))
		http.Error(w, "refused", f.Refusal.Status)
		return
	}
	h.note("pass " + r.Method + " " + r.RequestURI)
	if h.next != nil {
		h.next(w, r)
		return
	}
	_, _ = io.Copy(w, r.Body)
}

func newTestServer(tb testing.TB, h http.Handler, l Limits) *Server {
	tb.Helper()
	s, err := New(Options{Handler: h, Limits: l, Log: slog.New(slog.DiscardHandler), Now: time.Now})
	if err != nil {
		tb.Fatal(err)
	}
	return s
}

// listen serves on a loopback port until the test ends.
func listen(t *testing.T, s *Server, o ListenOptions) string {
	t.Helper()
	ln, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() { ended <- s.Serve(ln, o) }()
	t.Cleanup(func() {
		_ = s.Close()
		if err := <-ended; err != nil {
			t.Errorf("Serve: %v", err)
		}
	})
	return ln.Addr().String()
}

func dial(t *testing.T, addr string) net.Conn {
	t.Helper()
	c, err := new(net.Dialer).DialContext(t.Context(), "tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	_ = c.SetDeadline(time.Now().Add(20 * time.Second))
	t.Cleanup(func() { _ = c.Close() })
	return c
}

func send(t *testing.T, c net.Conn, s string) {
	t.Helper()
	if _, err := io.WriteString(c, s); err != nil {
		t.Fatal(err)
	}
}

// answer reads one response and its body.
func answer(t *testing.T, br *bufio.Reader) (status int, body string) {
	t.Helper()
	resp, err := http.ReadResponse(br, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return resp.StatusCode, string(b)
}

// memory is a listener whose connections are pipes, for tests in virtual time.
type memory struct {
	conns chan net.Conn
	done  chan struct{}
	once  sync.Once
}

func newMemory() *memory { return &memory{conns: make(chan net.Conn), done: make(chan struct{})} }

func (m *memory) dial() net.Conn {
	a, b := net.Pipe()
	m.conns <- b
	return a
}

func (m *memory) Accept() (net.Conn, error) {
	select {
	case c := <-m.conns:
		return c, nil
	case <-m.done:
		return nil, net.ErrClosed
	}
}

func (m *memory) Close() error   { m.once.Do(func() { close(m.done) }); return nil }
func (m *memory) Addr() net.Addr { return &net.TCPAddr{} }

// virtual runs f in a bubble with a served memory listener.
func virtual(t *testing.T, h http.Handler, o ListenOptions, f func(t *testing.T, s *Server, ln *memory)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		s := newTestServer(t, h, Limits{})
		ln := newMemory()
		ended := make(chan error, 1)
		go func() { ended <- s.Serve(ln, o) }()
		f(t, s, ln)
		_ = s.Close()
		if err := <-ended; err != nil {
			t.Error(err)
		}
		synctest.Wait()
		if n := s.Stats().Open; n != 0 {
			t.Errorf("%d connections are still counted as open", n)
		}
	})
}

const get = "GET / HTTP/1.1\r\nHost: a\r\n\r\n"

// closedAfter says how long the server took to close the connection.
func closedAfter(c net.Conn, from time.Time) time.Duration {
	_, _ = io.Copy(io.Discard, c)
	return time.Since(from)
}

// drip sends one byte a second for as long as the other side takes them.
func drip(c net.Conn, s string) {
	for i := range len(s) {
		if _, err := c.Write([]byte{s[i]}); err != nil {
			return
		}
		time.Sleep(time.Second)
	}
}

func TestSlowClients(t *testing.T) {
	slow := "GET / HTTP/1.1\r\nHost: a\r\nX: " + strings.Repeat("a", 300)
	virtual(t, &recorder{}, ListenOptions{}, func(t *testing.T, s *Server, ln *memory) {
		c := ln.dial()
		start := time.Now()
		go drip(c, slow)
		if took := closedAfter(c, start); took != 10*time.Second {
			t.Errorf("a slow first head lived for %v", took)
		}

		c = ln.dial()
		start = time.Now()
		if took := closedAfter(c, start); took != 10*time.Second {
			t.Errorf("a silent connection lived for %v", took)
		}

		c = ln.dial()
		send(t, c, get)
		answer(t, bufio.NewReader(c))
		start = time.Now()
		if took := closedAfter(c, start); took != 60*time.Second {
			t.Errorf("an idle connection lived for %v", took)
		}

		c = ln.dial()
		send(t, c, get)
		answer(t, bufio.NewReader(c))
		time.Sleep(30 * time.Second)
		start = time.Now()
		go drip(c, slow)
		if took := closedAfter(c, start); took != 10*time.Second {
			t.Errorf("a slow second head lived for %v", took)
		}
		synctest.Wait()
		if n := s.Stats().SlowHeads; n != 2 {
			t.Errorf("%d slow heads were counted, want 2", n)
		}

		c = ln.dial()
		go drip(c, "GET /") // then it is slow no more
		time.Sleep(5 * time.Second)
		send(t, c, " HTTP/1.1\r\nHost: a\r\n\r\n")
		if status, _ := answer(t, bufio.NewReader(c)); status != 200 {
			t.Errorf("a head of 5 s: %d", status)
		}
	})
}

// TestHeadBegunDuringTheHandler: bytes of the next request that arrive while
// the handler runs are neither lost nor held against the client.
func TestHeadBegunDuringTheHandler(t *testing.T) {
	h := &recorder{next: func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/slow" {
			time.Sleep(30 * time.Second)
			if err := r.Context().Err(); err != nil {
				t.Error("the context ended although the client is there")
			}
		}
		_, _ = io.WriteString(w, r.RequestURI)
	}}
	virtual(t, h, ListenOptions{}, func(t *testing.T, _ *Server, ln *memory) {
		c := ln.dial()
		br := bufio.NewReader(c)
		send(t, c, "GET /slow HTTP/1.1\r\nHost: a\r\n\r\n")
		time.Sleep(time.Second)
		send(t, c, "GET /2 HTTP/1.1\r\nHo")
		if _, body := answer(t, br); body != "/slow" {
			t.Errorf("first answer: %q", body)
		}
		time.Sleep(5 * time.Second)
		send(t, c, "st: a\r\n\r\n")
		if _, body := answer(t, br); body != "/2" {
			t.Errorf("second answer: %q", body)
		}
		// A whole request in advance, and a bad one behind it.
		send(t, c, "GET /slow HTTP/1.1\r\nHost: a\r\n\r\n")
		time.Sleep(time.Second)
		send(t, c, "GET /4 HTTP/1.1\r\nHost: a\r\n\r\n")
		if _, body := answer(t, br); body != "/slow" {
			t.Errorf("third answer: %q", body)
		}
		if _, body := answer(t, br); body != "/4" {
			t.Errorf("fourth answer: %q", body)
		}
		send(t, c, "GET /5 HTTP/1.1\r\nX: a\r\n\r\n")
		if status, _ := answer(t, br); status != 400 {
			t.Errorf("fifth answer: %d", status)
		}
		if _, err := br.ReadByte(); !errors.Is(err, io.EOF) {
			t.Errorf("after a refusal: %v", err)
		}
	})
	if want := "pass GET /slow\npass GET /2\npass GET /slow\npass GET /4\nrefuse 400 Host is missing (GET /5 )"; h.lines() != want {
		t.Errorf("seen:\n%s", h.lines())
	}
}

func TestContextEndsWhenTheClientLeaves(t *testing.T) {
	var ended chan time.Duration
	h := &recorder{next: func(_ http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		start := time.Now()
		<-r.Context().Done()
		ended <- time.Since(start)
	}}
	for _, request := range []string{
		get,
		"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\nhi",
		"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nhi\r\n0\r\n\r\n",
	} {
		virtual(t, h, ListenOptions{}, func(t *testing.T, _ *Server, ln *memory) {
			ended = make(chan time.Duration, 1)
			c := ln.dial()
			send(t, c, request)
			time.Sleep(3 * time.Second)
			_ = c.Close()
			if took := <-ended; took != 3*time.Second {
				t.Errorf("%.10q: the context ended after %v", request, took)
			}
		})
	}
}

// TestRefusalOutlivesTheClient: the handler that records a refusal is not
// hurried by a client that is gone.
func TestRefusalOutlivesTheClient(t *testing.T) {
	var done chan error
	h := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		time.Sleep(time.Second)
		done <- r.Context().Err()
		w.WriteHeader(Next(r.Context()).Refusal.Status)
	})
	virtual(t, h, ListenOptions{}, func(t *testing.T, s *Server, ln *memory) {
		done = make(chan error, 1)
		c := ln.dial()
		send(t, c, "GET / HTTP/1.1\r\nHost: a\r\nHost: a\r\n")
		_ = c.Close()
		if err := <-done; err != nil {
			t.Error(err)
		}
		synctest.Wait()
		if n := s.Stats().Refused; n != 1 {
			t.Errorf("%d refusals were counted", n)
		}
	})
}

const upgrade = "GET /ws HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n"

func TestUpgrade(t *testing.T) {
	h := &recorder{next: func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path != "/ws" {
			_, _ = io.WriteString(w, r.RequestURI)
			return
		}
		time.Sleep(time.Second)
		c, rw, err := http.NewResponseController(w).Hijack()
		if err != nil {
			t.Error(err)
			return
		}
		if _, ok := c.(*Conn); !ok {
			t.Errorf("hijacking gave a %T", c)
		}
		_, _ = io.WriteString(c, "HTTP/1.1 101 Switching Protocols\r\n\r\n")
		_, _ = io.Copy(c, rw.Reader)
		_ = c.Close()
	}}
	for name, early := range map[string]string{
		"nothing early": "", "early data": "\x81\x00\n\n", "early data like a request": get,
		"early data like a bad request": "GET / HTTP/1.1\r\nContent-Length: x\r\n\r\n",
	} {
		t.Run(name, func(t *testing.T) {
			virtual(t, h, ListenOptions{}, func(t *testing.T, _ *Server, ln *memory) {
				c := ln.dial()
				br := bufio.NewReader(c)
				send(t, c, upgrade)
				if early != "" {
					send(t, c, early)
				}
				resp, err := http.ReadResponse(br, nil)
				if err != nil || resp.StatusCode != 101 {
					t.Fatalf("%v %v", resp, err)
				}
				_ = resp.Body.Close()
				want := early
				for _, more := range []string{"", "\x00\r\n\n frame", "POST\n\n"} {
					if more != "" {
						send(t, c, more)
						want = more
					}
					got := make([]byte, len(want))
					if _, err := io.ReadFull(br, got); err != nil || string(got) != want {
						t.Fatalf("got %q, %v, want %q", got, err, want)
					}
				}
				_ = c.Close()
			})
		})
	}
}

// TestUpgradeDeclined: the connection stays one of HTTP.
func TestUpgradeDeclined(t *testing.T) {
	h := &recorder{next: func(w http.ResponseWriter, r *http.Request) {
		time.Sleep(time.Second)
		_, _ = io.WriteString(w, r.RequestURI)
	}}
	virtual(t, h, ListenOptions{}, func(t *testing.T, _ *Server, ln *memory) {
		c := ln.dial()
		br := bufio.NewReader(c)
		send(t, c, upgrade)
		send(t, c, "GET /2 HTTP/1.1\r\nHost: a\r\n\r\nGET /3 HTTP/1.1\r\n\r\n")
		for _, want := range []string{"/ws", "/2", "refused\n"} {
			if _, body := answer(t, br); body != want {
				t.Errorf("got %q, want %q", body, want)
			}
		}
	})
}

// TestEndlessEarlyData: a client that talks on before its upgrade is answered
// is let go.
func TestEndlessEarlyData(t *testing.T) {
	var gone chan struct{}
	h := http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done(); close(gone) })
	virtual(t, h, ListenOptions{}, func(t *testing.T, _ *Server, ln *memory) {
		gone = make(chan struct{})
		c := ln.dial()
		send(t, c, upgrade)
		send(t, c, strings.Repeat("a", 16<<10))
		<-gone
	})
}

func TestExpectContinue(t *testing.T) {
	virtual(t, &recorder{}, ListenOptions{}, func(t *testing.T, _ *Server, ln *memory) {
		c := ln.dial()
		br := bufio.NewReader(c)
		send(t, c, "POST / HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 2\r\n\r\n")
		if line, _ := br.ReadString('\n'); line != "HTTP/1.1 100 Continue\r\n" {
			t.Fatalf("got %q", line)
		}
		_, _ = br.ReadString('\n')
		send(t, c, "hi")
		if _, body := answer(t, br); body != "hi" {
			t.Errorf("got %q", body)
		}
	})
}

// TestRefusalsAreAnswered: over a real socket the answer arrives although much
// of what the client sent was never read.
func TestRefusalsAreAnswered(t *testing.T) {
	h := &recorder{}
	s := newTestServer(t, h, Limits{})
	addr := listen(t, s, ListenOptions{Name: "l"})
	for _, tt := range []struct {
		send, want string
		status     int
	}{
		{
			"POST /x HTTP/1.1\r\nHost: a.example\r\nContent-Length: 6\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\nG" + get,
			"refuse 400 both Content-Length and Transfer-Encoding (POST /x a.example)", 400,
		},
		{
			"GET /y HTTP/1.1\r\nHost: b\r\nX: " + strings.Repeat("a", 100<<10) + "\r\n\r\n",
			"refuse 431 the request head is too long (GET /y b)", 431,
		},
		{"GET /" + strings.Repeat("a", 100<<10), "refuse 414 the request line is too long (  )", 414},
		{"TRACE / HTTP/1.1\r\nHost: a\r\n\r\n", "refuse 501 TRACE is not served (TRACE / )", 501},
		{"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", "refuse 505 HTTP/2 without TLS is not served (PRI  )", 505},
	} {
		c := dial(t, addr)
		send(t, c, tt.send)
		br := bufio.NewReader(c)
		if status, body := answer(t, br); status != tt.status || body != "refused\n" {
			t.Errorf("%.30q: %d %q", tt.send, status, body)
		}
		if _, err := br.ReadByte(); !errors.Is(err, io.EOF) {
			t.Errorf("%.30q: the connection is open: %v", tt.send, err)
		}
		if !strings.HasSuffix(h.lines(), tt.want) {
			t.Errorf("%.30q: seen %q, want %q", tt.send, h.lines(), tt.want)
		}
	}
	if n := s.Stats().Refused; n != 5 {
		t.Errorf("%d refusals were counted", n)
	}
}

func TestConnectionLimits(t *testing.T) {
	s := newTestServer(t, &recorder{}, Limits{MaxConns: 3, MaxConnsPerAddr: 2})
	addr := listen(t, s, ListenOptions{})
	open := func() (net.Conn, bool) {
		c := dial(t, addr)
		_, _ = io.WriteString(c, get)
		_, err := http.ReadResponse(bufio.NewReader(c), nil) //nolint:bodyclose // of the connection
		return c, err == nil
	}
	c1, ok1 := open()
	_, ok2 := open()
	_, ok3 := open()
	if !ok1 || !ok2 || ok3 {
		t.Errorf("of three connections %v %v %v were let in, want two", ok1, ok2, ok3)
	}
	if st := s.Stats(); st.Open != 2 || st.OverAddrLimit != 1 || st.OverLimit != 0 || st.Accepted != 3 {
		t.Errorf("%+v", st)
	}
	_ = c1.Close()
	for s.Stats().Open == 2 {
		time.Sleep(time.Millisecond)
	}
	if _, ok := open(); !ok {
		t.Error("a place that was given back can not be taken")
	}

	g := gate{most: 1, perAddr: 1, addrs: map[netip.Addr]int{}}
	if !g.enter() || g.enter() {
		t.Error("one place in all means one")
	}
	for in, want := range map[string]string{
		"192.0.2.7": "192.0.2.7", "::ffff:192.0.2.7": "192.0.2.7", "2001:db8:1:2:3:4:5:6": "2001:db8:1:2::",
	} {
		if got := clientKey(&net.TCPAddr{IP: net.ParseIP(in)}); got != netip.MustParseAddr(want) {
			t.Errorf("%s counts as %s, want %s", in, got, want)
		}
	}
}

func TestShutdown(t *testing.T) {
	started, release := make(chan struct{}), make(chan struct{})
	h := &recorder{next: func(w http.ResponseWriter, _ *http.Request) {
		close(started)
		<-release
		_, _ = io.WriteString(w, "done")
	}}
	s := newTestServer(t, h, Limits{})
	addr := listen(t, s, ListenOptions{})
	c := dial(t, addr)
	send(t, c, get)
	<-started
	soon, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	if err := s.Shutdown(soon); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("shutting down during a request: %v", err)
	}
	if _, err := new(net.Dialer).DialContext(t.Context(), "tcp", addr); err == nil {
		t.Error("the listener is open after Shutdown")
	}
	close(release)
	if _, body := answer(t, bufio.NewReader(c)); body != "done" {
		t.Errorf("got %q", body)
	}
	if err := s.Shutdown(t.Context()); err != nil {
		t.Error(err)
	}
	ln, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Serve(ln, ListenOptions{}); !errors.Is(err, http.ErrServerClosed) {
		t.Errorf("serving after Shutdown: %v", err)
	}
}

// TestListenersComeAndGo: closing one leaves its connections and the others.
func TestListenersComeAndGo(t *testing.T) {
	h := &recorder{next: func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.WriteString(w, Connection(r.Context()).Listener)
	}}
	s := newTestServer(t, h, Limits{})
	other := listen(t, s, ListenOptions{Name: "other"})
	ln, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ended := make(chan error)
	go func() { ended <- s.Serve(ln, ListenOptions{Name: "one"}) }()
	c := dial(t, ln.Addr().String())
	br := bufio.NewReader(c)
	send(t, c, get)
	if _, body := answer(t, br); body != "one" {
		t.Errorf("got %q", body)
	}
	_ = ln.Close()
	if err := <-ended; err != nil {
		t.Error(err)
	}
	send(t, c, get)
	if _, body := answer(t, br); body != "one" {
		t.Errorf("got %q", body)
	}
	c = dial(t, other)
	send(t, c, get)
	if _, body := answer(t, bufio.NewReader(c)); body != "other" {
		t.Errorf("got %q", body)
	}
}

func TestBadOptions(t *testing.T) {
	good := Options{Handler: &recorder{}, Log: slog.New(slog.DiscardHandler), Now: time.Now}
	for want, change := range map[string]func(*Options){
		"needs a handler":                        func(o *Options) { o.Handler = nil },
		"needs a handler, a log":                 func(o *Options) { o.Log = nil },
		"and a clock":                            func(o *Options) { o.Now = nil },
		"HeadBytes is 99: use 1024 to 65536":     func(o *Options) { o.Limits.HeadBytes = 99 },
		"timeouts must be positive":              func(o *Options) { o.Limits.IdleTimeout = -1 },
		"TrailerBytes is 5000: use 2 to 4000":    func(o *Options) { o.Limits.TrailerBytes = 5000 },
		"MaxConnsPerAddr is -1: use 1 to 167772": func(o *Options) { o.Limits.MaxConnsPerAddr = -1 },
	} {
		o := good
		change(&o)
		if _, err := New(o); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("got %v, want %q", err, want)
		}
	}
	s := newTestServer(t, &recorder{}, Limits{})
	defer s.Close()
	if err := s.Serve(newMemory(), ListenOptions{ProxyProtocol: true}); err == nil ||
		!strings.Contains(err.Error(), "networks that are trusted") {
		t.Errorf("PROXY protocol without sources: %v", err)
	}
}

func TestErrorLogQuotesNobody(t *testing.T) {
	var out bytes.Buffer
	l := newErrorLog(slog.New(slog.NewTextHandler(&out, nil)))
	for _, line := range []string{
		"http: panic serving 1.2.3.4:5: SECRET\ngoroutine 1 [running]:\nfarrier.dev/x(...)\n\t/src/x.go:1",
		"http: panic serving 1.2.3.4:5: SECRET",
		"http2: server: error reading preface from client 1.2.3.4:5: SECRET",
		"http: URL query contains semicolon: SECRET",
		"SECRET in front is not expected: but cut: " + strings.Repeat("x", 1000),
		"http: invalid \"SECRET\"",
	} {
		out.Reset()
		l.Print(line)
		if strings.Contains(out.String(), "SECRET") || out.Len() == 0 || out.Len() > 400 {
			t.Errorf("%.60q became %q", line, out.String())
		}
	}
	out.Reset()
	l.Print("http: panic serving 1.2.3.4:5: SECRET\ngoroutine 1 [running]:\nfarrier.dev/x(...)\n\t/src/x.go:1")
	if !strings.Contains(out.String(), "/src/x.go:1") {
		t.Errorf("the stack is missing: %q", out.String())
	}
}
