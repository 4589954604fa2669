package gateway

import (
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"net/netip"
	"strings"
	"sync"
	"testing"
	"time"

	"pgregory.net/rapid"

	"farrier.dev/farrier/internal/policy"
	"farrier.dev/farrier/internal/router"
	"farrier.dev/farrier/internal/traffic"
)

func TestLoadGuardFollowsTheLag(t *testing.T) {
	const target = 20 * time.Millisecond
	g := &loadGuard{}
	steps := func(n int, lag time.Duration) int64 {
		for range n {
			g.adjust(lag, target)
		}
		return g.share.Load()
	}
	if got := steps(100, target); got != 0 || g.sheds() {
		t.Errorf("at the target the share is %d", got)
	}
	if got := steps(1, target+target/2); got != growShare/2 {
		t.Errorf("a lag of half more than the target grows the share by %d, want %d", got, growShare/2)
	}
	if got := steps(100, time.Second); got != mostShare {
		t.Errorf("under heavy load the share is %d, want %d", got, mostShare)
	}
	shed := 0
	for range 2000 {
		if g.sheds() {
			shed++
		}
	}
	if shed < 1800 || shed == 2000 {
		t.Errorf("%d of 2000 requests are shed, want about 1900", shed)
	}
	if got := steps(50, 0); got != 0 {
		t.Errorf("after the load the share is %d", got)
	}
}

func TestLoadGuardKeepsItsBounds(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		g := &loadGuard{}
		for _, lag := range rapid.SliceOf(rapid.Int64Range(-int64(time.Second), int64(time.Hour))).Draw(t, "lags") {
			before := g.share.Load()
			g.adjust(time.Duration(lag), 20*time.Millisecond)
			after := g.share.Load()
			if after < 0 || after > mostShare || after-before > growShare || before-after > shrinkShare {
				t.Fatalf("the share went from %d to %d", before, after)
			}
		}
	})
}

func TestJudgesAreBounded(t *testing.T) {
	j := newJudges(3, func(any) {})
	var started sync.WaitGroup
	started.Add(judgeWorkers)
	hold := make(chan struct{})
	for range judgeWorkers {
		if !j.submit(func() { started.Done(); <-hold }) {
			t.Fatal("no room for the first judgements")
		}
		// Each must be with a worker before the next fills the queue.
	}
	started.Wait()
	ran := make(chan struct{}, 3)
	for range 3 {
		if !j.submit(func() { ran <- struct{}{} }) {
			t.Error("no room in the queue")
		}
	}
	if j.submit(func() { t.Error("ran beyond the bound") }) || j.refused.Load() != 1 {
		t.Errorf("the queue has no bound; refused %d", j.refused.Load())
	}
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	j.stop(ended) // does not wait
	if j.submit(func() {}) {
		t.Error("room after the end")
	}
	close(hold)
	j.stop(t.Context())
	if len(ran) != 3 {
		t.Errorf("%d of 3 queued judgements ran", len(ran))
	}
}

func TestUnjudgedExchangesSaySo(t *testing.T) {
	hold := make(chan struct{})
	var once sync.Once
	release := func() { once.Do(func() { close(hold) }) }
	defer release()
	b := newBench(t, setup{
		options: func(o *Options) { o.Limits.Judges = 1 },
		steps:   []policy.Step{{Background: true, End: func(*traffic.Exchange) { <-hold }}},
	})
	var ids []string
	for range judgeWorkers + 2 {
		a := b.send("GET /a HTTP/1.1\nHost: x", "")
		if a.status != http.StatusOK {
			t.Fatalf("status %d", a.status)
		}
		ids = append(ids, a.id)
	}
	for end := time.Now().Add(5 * time.Second); b.g.Stats().Unjudged == 0 && time.Now().Before(end); {
		ids = append(ids, b.send("GET /a HTTP/1.1\nHost: x", "").id)
	}
	if b.g.Stats().Unjudged == 0 {
		t.Fatal("the pool has no bound")
	}
	release()
	told := 0
	for _, id := range ids {
		for _, why := range b.records.find(t, id).NotInspected {
			if strings.Contains(why, "the pool of judgements was full") {
				told++
			}
		}
	}
	if told != int(b.g.Stats().Unjudged) {
		t.Errorf("%d records tell that they were not inspected, want %d", told, b.g.Stats().Unjudged)
	}
}

func TestClientAddress(t *testing.T) {
	g := &Gateway{Options: Options{TrustedProxies: []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8"), netip.MustParsePrefix("::1/128")}}}
	cases := []struct {
		name, remote string
		forwarded    []string
		client       string
		kept         bool
	}{
		{"nobody forwards", "192.0.2.1", nil, "192.0.2.1", false},
		{"a stranger forwards", "192.0.2.1", []string{"198.51.100.9"}, "192.0.2.1", false},
		{"a proxy forwards", "10.0.0.1", []string{"198.51.100.9"}, "198.51.100.9", true},
		{"a proxy forwards IPv6", "::1", []string{"2001:db8::7"}, "2001:db8::7", true},
		{"a proxy forwards nothing", "10.0.0.1", nil, "10.0.0.1", false},
		{"two proxies", "10.0.0.1", []string{"198.51.100.9, 10.0.0.2"}, "198.51.100.9", true},
		{"two lines are one list", "10.0.0.1", []string{"203.0.113.5", "198.51.100.9,10.0.0.2"}, "198.51.100.9", true},
		{"the client forges", "10.0.0.1", []string{"127.0.0.1, 10.9.9.9, 198.51.100.9"}, "198.51.100.9", true},
		{"only proxies", "10.0.0.1", []string{"10.0.0.3, 10.0.0.2"}, "10.0.0.3", true},
		{"garbage behind a proxy", "10.0.0.1", []string{"garbage, 10.0.0.2"}, "10.0.0.2", true},
		{"garbage at once", "10.0.0.1", []string{"198.51.100.9, unknown"}, "10.0.0.1", true},
		{"mapped IPv4", "10.0.0.1", []string{"::ffff:198.51.100.9"}, "198.51.100.9", true},
	}
	for _, c := range cases {
		req := traffic.Request{Remote: netip.AddrPortFrom(netip.MustParseAddr(c.remote), 4711)}
		for _, line := range c.forwarded {
			req.Header.Add("x-forwarded-for", line)
		}
		req.Header.Add("x-farrier-client", "me")
		req.Header.Add("x_farrier_client", "me")
		g.clientAddress(&req)
		if req.Client.String() != c.client {
			t.Errorf("%s: the client is %s, want %s", c.name, req.Client, c.client)
		}
		if req.Header.Has("x-forwarded-for") != c.kept {
			t.Errorf("%s: x-forwarded-for kept: %t", c.name, !c.kept)
		}
		if req.Header.Has("x-farrier-client") || req.Header.Has("x_farrier_client") {
			t.Errorf("%s: the client speaks in our name", c.name)
		}
	}
	t.Logf("%d cases", len(cases))
}

func TestStrangersForwardNothing(t *testing.T) {
	names := []string{
		"forwarded", "x-forwarded-for", "x-forwarded-host", "x-forwarded-proto", "x-forwarded-port", "x-forwarded-client-cert",
		"x-real-ip", "x_forwarded_for", "x_real_ip",
	}
	g := &Gateway{}
	for _, name := range names {
		req := traffic.Request{Remote: netip.MustParseAddrPort("192.0.2.1:1")}
		req.Header.Add(name, "1")
		req.Header.Add("x-request-id", "1")
		g.clientAddress(&req)
		if req.Header.Has(name) || !req.Header.Has("x-request-id") {
			t.Errorf("%s: %d fields are left, want only x-request-id", name, req.Header.Len())
		}
	}
	t.Logf("%d names", len(names))
}

// reads is a step that reads the body.
var reads = policy.Step{
	Request:     func(context.Context, *traffic.Exchange) policy.Verdict { return policy.Go() },
	RequestBody: policy.Need{Mode: policy.Buffered, Limit: 1 << 20},
}

func TestSlowBodies(t *testing.T) {
	cases := []struct {
		name   string
		steps  []policy.Step
		limits Limits
		every  time.Duration
	}{
		{"buffered, below the least speed", []policy.Step{reads}, Limits{BodyGrace: 50 * time.Millisecond, BodyRate: 10_000}, 10 * time.Millisecond},
		{"streamed, below the least speed", nil, Limits{BodyGrace: 50 * time.Millisecond, BodyRate: 10_000}, 10 * time.Millisecond},
		{"buffered, idle", []policy.Step{reads}, Limits{BodyIdle: 100 * time.Millisecond}, time.Hour},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			b := newBench(t, setup{steps: c.steps, options: func(o *Options) {
				c.limits.Lag = o.Limits.Lag
				o.Limits = c.limits
			}})
			conn := b.dial()
			if _, err := io.WriteString(conn, "POST /a HTTP/1.1\r\nHost: x\r\nContent-Length: 100000\r\n\r\n"); err != nil {
				t.Fatal(err)
			}
			stop := make(chan struct{})
			defer close(stop)
			go func() {
				for {
					select {
					case <-stop:
						return
					case <-time.After(c.every):
						if _, err := io.WriteString(conn, "x"); err != nil {
							return
						}
					}
				}
			}()
			a := b.read(conn)
			if a.status != http.StatusRequestTimeout {
				t.Errorf("status %d: %s", a.status, a.body)
			}
			if r := b.records.find(t, a.id); r.Status != http.StatusRequestTimeout || r.BytesIn >= 100000 {
				t.Errorf("record %+v", r)
			}
		})
	}
	t.Logf("%d cases", len(cases))
}

func TestBudgetIsShared(t *testing.T) {
	b := newBench(t, setup{steps: []policy.Step{reads}, options: func(o *Options) { o.Limits.BufferedBytes = 1000 }})
	body := strings.Repeat("x", 999)
	if a := b.send("POST /a HTTP/1.1\nHost: x\nContent-Length: 999", body); a.status != http.StatusOK || a.body != body {
		t.Errorf("a body that fits: status %d, %d bytes", a.status, len(a.body))
	}
	a := b.send("POST /a HTTP/1.1\nHost: x\nContent-Length: 1001", body+"xx")
	if a.status != http.StatusServiceUnavailable {
		t.Errorf("a body that does not fit: status %d", a.status)
	}
	b.records.find(t, a.id)
	for end := time.Now().Add(5 * time.Second); b.g.Stats().Buffered != 0 && time.Now().Before(end); time.Sleep(time.Millisecond) {
	}
	if used := b.g.Stats().Buffered; used != 0 {
		t.Errorf("%d bytes were not given back", used)
	}
}

func TestInFlightIsBounded(t *testing.T) {
	hold, entered := make(chan struct{}), make(chan struct{}, 1)
	b := newBench(t, setup{
		options: func(o *Options) { o.Limits.InFlight = 1 },
		service: func(http.ResponseWriter, *http.Request) { entered <- struct{}{}; <-hold },
	})
	conn := b.dial()
	if _, err := io.WriteString(conn, "GET /a HTTP/1.1\r\nHost: x\r\n\r\n"); err != nil {
		t.Fatal(err)
	}
	<-entered
	a := b.send("GET /a HTTP/1.1\nHost: x", "")
	close(hold)
	if a.status != http.StatusServiceUnavailable || a.header.Get("Retry-After") == "" || b.g.Stats().Shed != 1 {
		t.Errorf("status %d, retry after %q, shed %d", a.status, a.header.Get("Retry-After"), b.g.Stats().Shed)
	}
	if a.closed {
		t.Error("a client that was shed lost its connection")
	}
	if first := b.read(conn); first.status != http.StatusOK {
		t.Errorf("the exchange under way ended with %d", first.status)
	}
}

func TestUpstreamRejections(t *testing.T) {
	const inner = "db.internal:5432 password=x"
	cases := []struct {
		err    error
		status int
	}{
		{context.Canceled, 499},
		{&net.OpError{Op: "dial", Err: router.ErrForbiddenAddress}, http.StatusBadGateway},
		{errSlowBody, http.StatusRequestTimeout},
		{context.DeadlineExceeded, http.StatusGatewayTimeout},
		{&net.OpError{Op: "dial", Err: errors.New(inner)}, http.StatusBadGateway},
		{&net.OpError{Op: "dial", Err: &net.DNSError{Name: inner}}, http.StatusBadGateway},
		{io.ErrUnexpectedEOF, http.StatusBadGateway},
		{errors.New(inner), http.StatusBadGateway},
	}
	for _, c := range cases {
		why := upstreamRejection(c.err)
		if why.status != c.status {
			t.Errorf("%v: status %d, want %d", c.err, why.status, c.status)
		}
		if strings.Contains(why.public+why.reason, inner) {
			t.Errorf("%v: %q, %q tell what the peer sent", c.err, why.public, why.reason)
		}
	}
	t.Logf("%d cases", len(cases))
}
