package gateway

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"testing"

	"farrier.dev/farrier/internal/revision"
	"farrier.dev/farrier/internal/router"
)

// on is a table with the API at one host and port.
func (b *bench) on(host string, port int, change func(*revision.Revision)) *router.Table {
	b.t.Helper()
	rev := b.revision(&setup{})
	rev.APIs[0].Host, rev.APIs[0].Port = host, port
	if change != nil {
		change(rev)
	}
	return b.compile(rev, &setup{})
}

func (b *bench) serves(port int) error {
	conn, err := net.Dial("tcp", fmt.Sprint("127.0.0.1:", port))
	if err != nil {
		return err
	}
	b.t.Cleanup(func() { _ = conn.Close() })
	if _, err := io.WriteString(conn, "GET /a HTTP/1.1\r\nHost: x\r\n\r\n"); err != nil {
		return err
	}
	a, err := http.ReadResponse(bufio.NewReader(conn), nil)
	if err != nil {
		return err
	}
	_ = a.Body.Close()
	if a.StatusCode != http.StatusOK {
		return fmt.Errorf("status %d", a.StatusCode)
	}
	return nil
}

// TestPortsFollowTheirHost holds that an API may move between addresses that
// can't be open at the same time.
func TestPortsFollowTheirHost(t *testing.T) {
	b := newBench(t, setup{})
	port := freePort(t)
	for _, host := range []string{"0.0.0.0", "127.0.0.1", "0.0.0.0"} {
		if err := b.g.Load(t.Context(), b.on(host, port, nil)); err != nil {
			t.Fatalf("%s: %v", host, err)
		}
		if err := b.serves(port); err != nil {
			t.Errorf("%s: %v", host, err)
		}
		if open := b.g.Addresses(); len(open) != 1 {
			t.Errorf("%s: open are %v", host, open)
		}
	}
}

// TestLoadThatFailsKeepsItsPorts holds that a revision that can't be served
// closes no port: not one that it wants in another way, nor one that stood in
// its way.
func TestLoadThatFailsKeepsItsPorts(t *testing.T) {
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	also := func(host string) func(*revision.Revision) {
		return func(rev *revision.Revision) {
			rev.Settings.ProxyProtocol = true
			two := rev.APIs[0]
			two.Name.Name, two.Host, two.Port = "two", host, taken.Addr().(*net.TCPAddr).Port
			rev.APIs = append(rev.APIs, two)
		}
	}
	b := newBench(t, setup{options: func(o *Options) { o.TrustedProxies = []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")} }})
	port := freePort(t)
	tries := 0
	for _, before := range []string{"127.0.0.1", "0.0.0.0"} {
		if err := b.g.Load(t.Context(), b.on(before, port, nil)); err != nil {
			t.Fatal(err)
		}
		for range 4 { // the order of the ports is not the same every time
			tries++
			if err := b.g.Load(t.Context(), b.on("127.0.0.1", port, also("127.0.0.1"))); err == nil || !strings.Contains(err.Error(), "address already in use") {
				t.Errorf("%s: %v", before, err)
			}
			if err := b.serves(port); err != nil {
				t.Errorf("%s: %v", before, err)
			}
		}
	}
	t.Logf("%d tries", tries)
}

func TestProxyProtocolNeedsProxies(t *testing.T) {
	b := newBench(t, setup{})
	err := b.g.Load(t.Context(), b.on("127.0.0.1", 0, func(rev *revision.Revision) { rev.Settings.ProxyProtocol = true }))
	if err == nil || !strings.Contains(err.Error(), "trustedProxies") {
		t.Errorf("Load: %v", err)
	}
}

// TestConnectionsFollowTLS holds that a port that turns to TLS answers nobody
// without it, neither on a new connection nor on one from before.
func TestConnectionsFollowTLS(t *testing.T) {
	b := newBench(t, setup{})
	conn := b.dial()
	ask := func() reply {
		if _, err := io.WriteString(conn, "GET /a HTTP/1.1\r\nHost: x\r\n\r\n"); err != nil {
			t.Fatal(err)
		}
		return b.read(conn)
	}
	if a := ask(); a.status != http.StatusOK {
		t.Fatalf("status %d", a.status)
	}
	identity := httptest.NewTLSServer(nil)
	defer identity.Close()
	next := b.on("127.0.0.1", 0, nil)
	next.Listeners["127.0.0.1:0"].TLS = identity.TLS
	if err := b.g.Load(t.Context(), next); err != nil {
		t.Fatal(err)
	}
	if a := ask(); a.status != http.StatusMisdirectedRequest || !a.closed || b.records.find(t, a.id).Status != a.status {
		t.Errorf("an old connection: %+v", a)
	}
	answer, err := identity.Client().Get("https://" + b.host + "/a")
	if err != nil {
		t.Fatal(err)
	}
	_ = answer.Body.Close()
	if answer.StatusCode != http.StatusOK || b.host != b.g.Addresses()["127.0.0.1:0"].String() {
		t.Errorf("over TLS: status %d, open are %v", answer.StatusCode, b.g.Addresses())
	}
	if err := b.serves(b.g.Addresses()["127.0.0.1:0"].(*net.TCPAddr).Port); err == nil {
		t.Error("a new connection without TLS is served")
	}
}
