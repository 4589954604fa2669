package adapter

import (
	"bytes"
	"io"
	"log/slog"
	"net"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"testing"

	"farrier.dev/farrier/internal/discovery"
	"farrier.dev/farrier/internal/encoding/content"
	"farrier.dev/farrier/internal/traffic"
)

func TestAddress(t *testing.T) {
	type o = discovery.Observation
	good := []struct {
		in     o
		target string
		want   o
	}{
		{o{Method: "get", Host: "API.Example.com:80", Scheme: "http"}, "/a//b/../c?x=1?2#f", o{Method: "GET", Host: "api.example.com", Scheme: "http", Path: "/a/c", Query: "x=1?2"}},
		{o{Method: "POST", Host: "ignored"}, "HTTPS://me:pass@Shop.example.com:443/%7Ea?q", o{Method: "POST", Host: "shop.example.com", Scheme: "https", Path: "/~a", Query: "q"}},
		{o{Method: "GET"}, "wss://shop.example.com:8443", o{Method: "GET", Host: "shop.example.com:8443", Scheme: "https", Path: "/"}},
		{o{Method: "GET"}, "http://[2001:db8::1]:8080?x=1", o{Method: "GET", Host: "[2001:db8::1]:8080", Scheme: "http", Path: "/", Query: "x=1"}},
		{o{Method: "GET", Host: "example.com."}, "/", o{Method: "GET", Host: "example.com", Path: "/"}},
	}
	for _, c := range good {
		got := c.in
		if err := Address(&got, c.target); err != nil {
			t.Errorf("%s: %v", c.target, err)
			continue
		}
		if got.Method != c.want.Method || got.Host != c.want.Host || got.Scheme != c.want.Scheme || got.Path != c.want.Path || got.Query != c.want.Query {
			t.Errorf("%s: %+v", c.target, got)
		}
	}
	bad := []struct {
		in     o
		target string
		reason string
	}{
		{o{}, "/", ErrMethod.Error()},
		{o{Method: "GET "}, "/", ErrMethod.Error()},
		{o{Method: strings.Repeat("A", 33)}, "/", ErrMethod.Error()},
		{o{Method: "GET"}, "", ErrTarget.Error()},
		{o{Method: "OPTIONS"}, "*", ErrTarget.Error()},
		{o{Method: "CONNECT"}, "example.com:443", ErrTarget.Error()},
		{o{Method: "GET"}, "ftp://example.com/", ErrTarget.Error()},
		{o{Method: "GET", Scheme: "gopher"}, "/", ErrTarget.Error()},
		{o{Method: "GET"}, "/" + strings.Repeat("a", 16<<10), ErrTarget.Error()},
		{o{Method: "GET"}, "/../x", "climbs above the root"},
		{o{Method: "GET", Host: "a b"}, "/", ErrHost.Error()},
		{o{Method: "GET", Host: strings.Repeat("a", 256)}, "/", ErrHost.Error()},
	}
	for _, c := range bad {
		if err := Address(&c.in, c.target); err == nil || !strings.Contains(err.Error(), c.reason) {
			t.Errorf("%+v %.40s: %v, not %s", c.in, c.target, err, c.reason)
		}
	}
	t.Logf("%d cases", len(good)+len(bad))
}

func TestClient(t *testing.T) {
	for text, want := range map[string]string{
		"203.0.113.9": "203.0.113.9", " 203.0.113.9:80": "203.0.113.9", "[2001:db8::1]:80": "2001:db8::1", "2001:db8::1": "2001:db8::1",
		"::ffff:10.0.0.1": "10.0.0.1", "unknown": "invalid IP", "": "invalid IP", "_hidden": "invalid IP",
	} {
		if got := Client(text).String(); got != want {
			t.Errorf("%q: %s, not %s", text, got, want)
		}
	}
}

func TestListen(t *testing.T) {
	open := []struct {
		address string
		access  Access
		fails   bool
	}{
		{"127.0.0.1:0", Access{}, false},
		{"[::1]:0", Access{}, false},
		{":0", Access{}, true},
		{"0.0.0.0:0", Access{}, true},
		{":0", Access{Token: "secret"}, false},
		{":0", Access{Allowed: []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8")}}, false},
	}
	for _, c := range open {
		l, err := c.access.Listen(t.Context(), c.address)
		if err == nil {
			_ = l.Close()
		}
		if (err != nil) != c.fails || c.fails && !strings.Contains(err.Error(), "set a token or the networks") {
			t.Errorf("%s %+v: %v", c.address, c.access, err)
		}
	}
	t.Logf("%d cases", len(open))
}

// TestWhoMaySend holds that a connection from elsewhere is closed unread, and that one
// above the bound is served when another ends.
func TestWhoMaySend(t *testing.T) {
	for network, admitted := range map[string]bool{"127.0.0.0/8": true, "10.0.0.0/8": false} {
		a := Access{Allowed: []netip.Prefix{netip.MustParsePrefix(network)}, Connections: 1}
		l, err := a.Listen(t.Context(), "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		var serving sync.WaitGroup
		serving.Go(func() {
			for {
				conn, err := l.Accept()
				if err != nil {
					return
				}
				_, _ = io.WriteString(conn, "hello")
				_ = conn.Close()
				_ = conn.Close() // twice, as net/http may
			}
		})
		for range 3 {
			conn, err := net.Dial("tcp", l.Addr().String())
			if err != nil {
				t.Fatal(err)
			}
			text, _ := io.ReadAll(conn)
			if (string(text) == "hello") != admitted {
				t.Errorf("%s: %q", network, text)
			}
			_ = conn.Close()
		}
		_ = l.Close()
		serving.Wait()
		if want := uint64(3); !admitted && l.Refused.Load() != want {
			t.Errorf("%d refused", l.Refused.Load())
		}
	}
}

func TestToken(t *testing.T) {
	with, without := Access{Token: "secret"}, Access{}
	if !with.Shows("secret") || with.Shows("Secret") || with.Shows("") || with.Shows("secrets") || !without.Shows("") || !without.Shows("x") {
		t.Error("the token is not compared as it should be")
	}
}

// pupil keeps paths and bodies, and waits when it is told to.
type pupil struct {
	mu   sync.Mutex
	seen []string
	gate chan struct{}
}

func (p *pupil) Observe(o *discovery.Observation) {
	if p.gate != nil {
		<-p.gate
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if o.Path == "/panic" {
		panic(o.Query)
	}
	p.seen = append(p.seen, o.Path+" "+string(o.Request.Body))
}

func TestInbox(t *testing.T) {
	var text bytes.Buffer
	p := &pupil{gate: make(chan struct{})}
	b := NewInbox(InboxOptions{Learner: p, Log: slog.New(slog.NewTextHandler(&text, nil)), Slots: 4, Bytes: 10_000})
	zipped, err := content.Encode("gzip", []byte("plain"))
	if err != nil {
		t.Fatal(err)
	}
	coding := func(name string) *traffic.Header {
		h := traffic.NewHeader(traffic.Field{Name: "content-encoding", Value: name})
		return &h
	}
	b.Put(&discovery.Observation{Path: "/coded", Request: discovery.Message{Header: coding("gzip"), Body: zipped}}, true)
	b.Put(&discovery.Observation{Path: "/broken", Request: discovery.Message{Header: coding("gzip"), Body: []byte("x")}}, true)
	b.Put(&discovery.Observation{Path: "/as-it-is", Request: discovery.Message{Header: coding("gzip"), Body: []byte("x")}}, false)
	b.Put(&discovery.Observation{Path: "/panic", Query: "password"}, false)
	if b.Put(&discovery.Observation{Path: "/long", Request: discovery.Message{Body: make([]byte, 10_000)}}, false) {
		t.Error("there was room for too many bytes")
	}
	full := false
	for range 3 {
		full = full || !b.Put(&discovery.Observation{Path: "/more"}, false)
	}
	if !full {
		t.Error("there was room for too many")
	}
	close(p.gate)
	b.Close()
	b.Close()
	if b.Put(&discovery.Observation{Path: "/late"}, false) {
		t.Error("there was room after the end")
	}
	want := []string{"/coded plain", "/broken ", "/as-it-is x"}
	if s := b.Stats(); len(p.seen) < 3 || !slices.Equal(p.seen[:3], want) || s.Panicked != 1 || s.Unread != 1 || s.Waiting != 0 || s.Dropped < 3 {
		t.Errorf("%q, %+v", p.seen, s)
	}
	if strings.Contains(text.String(), "password") || text.Len() == 0 || b.held.Load() != 0 {
		t.Errorf("%q, %d held", text.String(), b.held.Load())
	}
}
