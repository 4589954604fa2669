package framing

import (
	"bufio"
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"io"
	"math/big"
	"net"
	"net/http"
	"net/netip"
	"runtime"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	proxyproto "github.com/pires/go-proxyproto"
	"golang.org/x/net/http2"
	"golang.org/x/net/http2/hpack"
)

// identity returns a server's and a client's side of TLS for the name
// "gateway.test".
func identity(t *testing.T) (server, client *tls.Config) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	c := &x509.Certificate{
		SerialNumber: big.NewInt(1), DNSNames: []string{"gateway.test"},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
	}
	der, err := x509.CreateCertificate(rand.Reader, c, c, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	leaf, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	pool := x509.NewCertPool()
	pool.AddCert(leaf)
	server = &tls.Config{Certificates: []tls.Certificate{{Certificate: [][]byte{der}, PrivateKey: key}}, MinVersion: tls.VersionTLS12}
	client = &tls.Config{RootCAs: pool, ServerName: "gateway.test", MinVersion: tls.VersionTLS12}
	return server, client
}

// about answers with what is known of the connection.
func about(w http.ResponseWriter, r *http.Request) {
	i := Connection(r.Context())
	proto := "cleartext"
	if state := TLS(r.Context()); state != nil {
		if proto = state.NegotiatedProtocol; proto == "" {
			proto = "none"
		}
		if r.TLS == nil || r.TLS.ServerName != state.ServerName {
			proto += ", and net/http does not know"
		}
	}
	host, _, _ := net.SplitHostPort(r.RemoteAddr)
	_, _ = io.WriteString(w, strings.Join([]string{r.Proto, proto, i.Listener, host, i.Remote.String() + "/" + i.Local.String()}, " "))
	_, _ = io.Copy(w, r.Body)
}

func TestTLS(t *testing.T) {
	server, client := identity(t)
	h := &recorder{next: about}
	s := newTestServer(t, h, Limits{})
	addr := listen(t, s, ListenOptions{Name: "secure", TLS: server})
	for _, tt := range []struct {
		h2   bool
		want string
	}{{true, "HTTP/2.0 h2 secure 127.0.0.1 "}, {false, "HTTP/1.1 none secure 127.0.0.1 "}} {
		protocols := new(http.Protocols)
		protocols.SetHTTP1(!tt.h2)
		protocols.SetHTTP2(tt.h2)
		tr := &http.Transport{TLSClientConfig: client.Clone(), Protocols: protocols}
		for range 3 {
			body := strings.Repeat("b", 300<<10)
			req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, "https://"+addr+"/x?y", strings.NewReader(body))
			if err != nil {
				t.Fatal(err)
			}
			resp, err := tr.RoundTrip(req)
			if err != nil {
				t.Fatal(err)
			}
			got, err := io.ReadAll(resp.Body)
			_ = resp.Body.Close()
			if err != nil || !strings.HasPrefix(string(got), tt.want) || !strings.HasSuffix(string(got), body) {
				t.Errorf("got %.60q %v, want %q", got, err, tt.want)
			}
		}
		tr.CloseIdleConnections()
	}
	// A refusal within TLS, with more behind it.
	client.NextProtos = []string{"http/1.1"}
	c := tls.Client(dial(t, addr), client)
	if _, err := io.WriteString(c, "GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\nX: "+strings.Repeat("x", 50<<10)); err != nil {
		t.Fatal(err)
	}
	if status, _ := answer(t, bufio.NewReader(c)); status != 400 {
		t.Errorf("a bad request over TLS: %d", status)
	}
	// Cleartext on the port of TLS.
	plain := dial(t, addr)
	send(t, plain, get)
	if _, err := io.ReadAll(plain); err != nil {
		t.Error(err)
	}
	if n := s.Stats().HandshakesFailed; n != 1 {
		t.Errorf("%d failed handshakes were counted", n)
	}
}

// TestHandshakesRunAside: clients that never finish theirs hold up nobody and
// are dropped in time.
func TestHandshakesRunAside(t *testing.T) {
	server, client := identity(t)
	virtual(t, &recorder{}, ListenOptions{TLS: server}, func(t *testing.T, s *Server, ln *memory) {
		start := time.Now()
		var silent []net.Conn
		for range 5 {
			silent = append(silent, ln.dial())
		}
		client := client.Clone()
		client.Time = func() time.Time { return time.Now().AddDate(100, 0, 0) }
		client.InsecureSkipVerify = true // time is virtual here
		c := tls.Client(ln.dial(), client)
		send(t, c, get)
		if status, _ := answer(t, bufio.NewReader(c)); status != 200 || time.Since(start) != 0 {
			t.Errorf("a good client got %d after %v", status, time.Since(start))
		}
		for _, c := range silent {
			if took := closedAfter(c, start); took != 10*time.Second {
				t.Errorf("a silent client was dropped after %v", took)
			}
		}
		synctest.Wait()
		if n := s.Stats().HandshakesFailed; n != 5 {
			t.Errorf("%d failed handshakes were counted", n)
		}
	})
}

// h2client opens an HTTP/2 connection and gives its framer.
func h2client(t *testing.T, addr string, client *tls.Config) (*http2.Framer, net.Conn) {
	t.Helper()
	client = client.Clone()
	client.NextProtos = []string{"h2"}
	c := tls.Client(dial(t, addr), client)
	if _, err := io.WriteString(c, http2.ClientPreface); err != nil {
		t.Fatal(err)
	}
	f := http2.NewFramer(c, c)
	f.ReadMetaHeaders = hpack.NewDecoder(4096, nil)
	if err := f.WriteSettings(); err != nil {
		t.Fatal(err)
	}
	return f, c
}

// h2status reads until the answer of a stream and returns its status, or "gone".
func h2status(f *http2.Framer) string {
	for {
		fr, err := f.ReadFrame()
		if err != nil {
			return "gone"
		}
		switch fr := fr.(type) {
		case *http2.MetaHeadersFrame:
			return fr.PseudoValue("status")
		case *http2.RSTStreamFrame:
			return "reset"
		case *http2.GoAwayFrame:
			return "gone"
		}
	}
}

func h2block(fields ...string) []byte {
	var b bytes.Buffer
	e := hpack.NewEncoder(&b)
	for i := 0; i < len(fields); i += 2 {
		_ = e.WriteField(hpack.HeaderField{Name: fields[i], Value: fields[i+1]})
	}
	return b.Bytes()
}

func TestHTTP2Refusals(t *testing.T) {
	server, client := identity(t)
	h := &recorder{}
	s := newTestServer(t, h, Limits{})
	addr := listen(t, s, ListenOptions{TLS: server})
	base := []string{":method", "GET", ":scheme", "https", ":authority", "a.example", ":path", "/x"}
	with := func(more ...string) []string { return append(append([]string(nil), base...), more...) }
	many := base
	for range 101 {
		many = append(many[:len(many):len(many)], "x", "1")
	}
	without := func(i int, v string) []string {
		b := with()
		b[i] = v
		return b
	}
	for _, tt := range []struct {
		name   string
		fields []string
		status string
		reason string
	}{
		{"GET with a body", with(), "400", "a body of unknown length on GET or HEAD"},
		{"trailers", with("content-length", "0", "trailer", "x-sum, Authorization"), "400", "Trailer names a header that may not be one"},
		{"good trailers", with("content-length", "0", "trailer", "x-sum"), "200", "pass GET /x"},
		{"good", with("client_id", "me", "host", "A.example"), "200", "pass GET /x"},
		{"twins", with("client_id", "me", "client-id", "you"), "400", "two header names differ only in - and _"},
		{"100 headers", many, "431", "too many header lines"},
		{"Content_Length", with("content_length", "1"), "400", "a header name resembles Content-Length"},
		{"Transfer_Encoding", with("transfer_encoding", "chunked"), "400", "a header name resembles Transfer-Encoding"},
		{"several lengths", with("content-length", "0", "content-length", "0"), "400", "several Content-Length headers"},
		{"another host", with("host", "b.example"), "400", "Host differs from the authority in the request target"},
		{"TRACE", without(1, "TRACE"), "501", "TRACE is not served"},
		{"authority", without(5, "a,b"), "400", "Host is not valid"},
		{"fragment", without(7, "/a#b"), "400", "the request target has a fragment"},
		{"UTF-8 path", without(7, "/caf\xc3\xa9"), "400", "the request target has a space, a control or a non-ASCII character"},
		{"asterisk", without(7, "*"), "400", "the request target * is for OPTIONS only"},
	} {
		f, c := h2client(t, addr, client)
		if err := f.WriteHeaders(http2.HeadersFrameParam{StreamID: 1, BlockFragment: h2block(tt.fields...), EndHeaders: true, EndStream: tt.name != "GET with a body"}); err != nil {
			t.Fatal(err)
		}
		if got := h2status(f); got != tt.status {
			t.Errorf("%s: %s, want %s", tt.name, got, tt.status)
		}
		lines := strings.Split(h.lines(), "\n")
		if got := lines[len(lines)-1]; !strings.Contains(got, tt.reason) {
			t.Errorf("%s: seen %q, want %q", tt.name, got, tt.reason)
		}
		_ = c.Close()
	}
}

// TestHeaderBombs: what a client can make us allocate with headers stays near
// what it sent, over HTTP/1 and HTTP/2.
func TestHeaderBombs(t *testing.T) {
	server, client := identity(t)
	h := &recorder{}
	s := newTestServer(t, h, Limits{})
	plain, secure := listen(t, s, ListenOptions{}), listen(t, s, ListenOptions{TLS: server})
	allocated := func(f func()) uint64 {
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		f()
		runtime.ReadMemStats(&after)
		return after.TotalAlloc - before.TotalAlloc
	}
	for name, bomb := range map[string]string{
		"1 MB in one header":  get[:len(get)-2] + "X: " + strings.Repeat("a", 1<<20) + "\r\n\r\n",
		"40000 header lines":  get[:len(get)-2] + strings.Repeat("a:\r\n", 40_000) + "\r\n",
		"1 MB of a trailer":   "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n0\r\nX: " + strings.Repeat("a", 1<<20),
		"1 MB of a chunk ext": "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n1;" + strings.Repeat("a", 1<<20),
	} {
		bytes := []byte(bomb)
		used := allocated(func() {
			c := dial(t, plain)
			_, _ = c.Write(bytes) // the server may hang up in the middle
			_, _ = io.Copy(io.Discard, c)
		})
		t.Logf("%s: %d kB allocated", name, used>>10)
		if used > 512<<10 {
			t.Errorf("%s: %d bytes were allocated", name, used)
		}
	}
	// One header goes into the HPACK table, 40,000 references of one byte follow.
	block := h2block(":method", "GET", ":scheme", "https", ":authority", "a", ":path", "/", "bomb", strings.Repeat("b", 3000))
	block = append(block, bytes.Repeat([]byte{0x80 | 62}, 40_000)...)
	used := allocated(func() {
		f, c := h2client(t, secure, client)
		for id := uint32(1); id < 200; id += 2 {
			rest := block
			err := f.WriteHeaders(http2.HeadersFrameParam{StreamID: id, BlockFragment: rest[:16000], EndStream: true})
			for rest = rest[16000:]; len(rest) > 0 && err == nil; {
				n := min(16000, len(rest))
				err = f.WriteContinuation(id, n == len(rest), rest[:n])
				rest = rest[n:]
			}
			if err != nil {
				break
			}
		}
		if got := h2status(f); got != "gone" && got != "431" {
			t.Errorf("the client of an HTTP/2 bomb got %s", got)
		}
		_ = c.Close()
	})
	t.Logf("HTTP/2: %d kB allocated", used>>10)
	if used > 10<<20 {
		t.Errorf("HTTP/2: %d bytes were allocated", used)
	}
	if strings.Contains(h.lines(), "pass GET") {
		t.Errorf("a bomb came through: %s", h.lines())
	}
	// Good traffic goes on.
	c := dial(t, plain)
	send(t, c, get)
	if status, _ := answer(t, bufio.NewReader(c)); status != 200 {
		t.Errorf("after the bombs: %d", status)
	}
}

func TestProxyProtocol(t *testing.T) {
	server, client := identity(t)
	s := newTestServer(t, &recorder{next: about}, Limits{MaxConnsPerAddr: 1})
	trusted := []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}
	addr := listen(t, s, ListenOptions{Name: "p", ProxyProtocol: true, ProxySources: trusted})
	secure := listen(t, s, ListenOptions{Name: "s", TLS: server, ProxyProtocol: true, ProxySources: trusted})
	strict := listen(t, s, ListenOptions{
		ProxyProtocol: true, ProxySources: []netip.Prefix{netip.MustParsePrefix("192.0.2.0/24")},
	})
	v2 := func(h *proxyproto.Header) string {
		b, err := h.Format()
		if err != nil {
			t.Fatal(err)
		}
		return string(b)
	}
	src, dst := &net.TCPAddr{IP: net.IPv4(203, 0, 113, 7), Port: 4711}, &net.TCPAddr{IP: net.IPv4(198, 51, 100, 1), Port: 443}
	const v1 = "PROXY TCP4 203.0.113.7 198.51.100.1 4711 443\r\n"
	const seen = "203.0.113.7 203.0.113.7:4711/198.51.100.1:443"
	for _, tt := range []struct{ name, addr, header, want string }{
		{"version 1", addr, v1, "HTTP/1.1 cleartext p " + seen},
		{"version 2", addr, v2(proxyproto.HeaderProxyFromAddrs(2, src, dst)), "HTTP/1.1 cleartext p " + seen},
		{"version 1, IPv6", addr, "PROXY TCP6 2001:db8::7 2001:db8::1 4711 443\r\n", "HTTP/1.1 cleartext p 2001:db8::7 [2001:db8::7]:4711/[2001:db8::1]:443"},
		{"LOCAL", addr, v2(&proxyproto.Header{Version: 2, Command: proxyproto.LOCAL}), "HTTP/1.1 cleartext p 127.0.0.1 127.0.0.1:"},
		{"no header", addr, "", ""},
		{"a bad header", addr, "PROXY TCP4 203.0.113.300 198.51.100.1 4711 443\r\n", ""},
		{"UNKNOWN", addr, "PROXY UNKNOWN\r\n", "HTTP/1.1 cleartext p 127.0.0.1 127.0.0.1:"},
		{"no TCP client", addr, v2(&proxyproto.Header{
			Version: 2, Command: proxyproto.PROXY, TransportProtocol: proxyproto.UnixStream,
			SourceAddr: &net.UnixAddr{Name: "/a", Net: "unix"}, DestinationAddr: &net.UnixAddr{Name: "/b", Net: "unix"},
		}), ""},
		{"a peer that is not trusted", strict, v1, ""},
	} {
		c := dial(t, tt.addr)
		_, _ = io.WriteString(c, tt.header+strings.Replace(get, "\r\n\r\n", "\r\nConnection: close\r\n\r\n", 1))
		resp, err := http.ReadResponse(bufio.NewReader(c), nil)
		got := ""
		if err == nil {
			b, _ := io.ReadAll(resp.Body)
			_ = resp.Body.Close()
			got = string(b)
		}
		if tt.want == "" && got != "" || !strings.HasPrefix(got, tt.want) {
			t.Errorf("%s: got %q, want %q", tt.name, got, tt.want)
		}
		_ = c.Close()
		for s.Stats().Open > 0 {
			time.Sleep(time.Millisecond)
		}
	}
	if n := s.Stats().ProxyRefused; n != 4 {
		t.Errorf("%d connections were refused for their header, want 4", n)
	}

	// Under TLS, and two clients behind one balancer are two addresses.
	raw := dial(t, secure)
	send(t, raw, v1)
	client.NextProtos = []string{"http/1.1"}
	c := tls.Client(raw, client)
	send(t, c, get)
	if _, body := answer(t, bufio.NewReader(c)); body != "HTTP/1.1 http/1.1 s "+seen {
		t.Errorf("over TLS: %q", body)
	}
	for header, want := range map[string]bool{v1: false, strings.Replace(v1, ".7", ".8", 1): true} {
		c := dial(t, addr)
		_, _ = io.WriteString(c, header+get)
		_, err := http.ReadResponse(bufio.NewReader(c), nil) //nolint:bodyclose // of the connection
		if got := err == nil; got != want {
			t.Errorf("%q beside an open connection of .7: let in %v", header, got)
		}
	}
}
