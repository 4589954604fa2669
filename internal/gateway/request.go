package gateway

import (
	"errors"
	"io"
	"net"
	"net/http"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"farrier.dev/farrier/internal/gateway/framing"
	"farrier.dev/farrier/internal/traffic"
)

// fill makes the request of an exchange from what net/http read. The header
// list is sorted; names that we set ourselves are taken from the client only
// when its peer is trusted.
func (g *Gateway) fill(x *traffic.Exchange, r *http.Request, info *framing.Info) {
	req := &x.Request
	req.Method, req.Proto = r.Method, r.Proto
	req.RawTarget, req.RawQuery = r.RequestURI, r.URL.RawQuery
	req.Scheme = "http"
	if info.TLS != nil {
		req.Scheme, req.TLS = "https", info.Handshake
	}
	req.Host = lowerHost(r.Host, req.Scheme)
	req.Remote, req.Local = addrPort(info.Remote), addrPort(info.Local)
	fillHeader(&req.Header, r.Header)
	removeNamed(&req.Header, r.Header["Connection"])
	g.clientAddress(req)
	// gRPC is HTTP/2 and POST (its protocol, "Requests"): a header alone must not
	// take a body away from those who inspect it.
	req.Streaming = isWebSocket(r) || r.ProtoMajor == 2 && r.Method == http.MethodPost && isGRPC(r.Header.Get("Content-Type"))
}

func fillHeader(h *traffic.Header, from http.Header) {
	n := 0
	for _, values := range from {
		n += len(values)
	}
	fields := make([]traffic.Field, 0, n+8) // room for what we and the policies add
	for name, values := range from {
		lower := lowerName(name)
		for _, v := range values {
			fields = append(fields, traffic.Field{Name: lower, Value: v})
		}
	}
	h.SetSorted(fields)
}

// removeNamed removes the fields that Connection names (RFC 9110 §7.6.1). That
// happens before the chain runs, so that no step decides by a field that stays
// here, and no client has a field removed that a step sets.
func removeNamed(h *traffic.Header, connection []string) {
	for _, list := range connection {
		for name := range strings.SplitSeq(list, ",") {
			switch name = traffic.LowerName(strings.TrimSpace(name)); name {
			case "", "close", "keep-alive", "te", "upgrade": // what they name is removed when it is sent on
			default:
				h.Del(name)
			}
		}
	}
}

// commonNames spares the lower-case form of names that nearly every request has.
var commonNames = func() map[string]string {
	names := make(map[string]string)
	for _, n := range []string{
		"Accept", "Accept-Encoding", "Accept-Language", "Authorization", "Cache-Control", "Client_id", "Client_secret",
		"Connection", "Content-Encoding", "Content-Length", "Content-Type", "Cookie", "Date", "Etag", "Expires", "Forwarded", "Host",
		"If-Modified-Since", "If-None-Match", "Last-Modified", "Location", "Origin", "Pragma", "Referer", "Sec-Ch-Ua",
		"Sec-Ch-Ua-Mobile", "Sec-Ch-Ua-Platform", "Sec-Fetch-Dest", "Sec-Fetch-Mode", "Sec-Fetch-Site", "Server", "Set-Cookie",
		"Te", "Trailer", "Transfer-Encoding", "Upgrade", "User-Agent", "Vary", "X-Correlation-Id", "X-Forwarded-For",
		"X-Forwarded-Host", "X-Forwarded-Proto", "X-Real-Ip", "X-Request-Id", "X-Requested-With",
	} {
		names[n] = strings.ToLower(n)
	}
	return names
}()

func lowerName(name string) string {
	if lower, ok := commonNames[name]; ok {
		return lower
	}
	return traffic.LowerName(name)
}

func addrPort(a net.Addr) netip.AddrPort {
	if tcp, ok := a.(*net.TCPAddr); ok {
		ap := tcp.AddrPort()
		return netip.AddrPortFrom(ap.Addr().Unmap(), ap.Port())
	}
	return netip.AddrPort{}
}

// lowerHost is the authority in lower case, without a trailing dot and without
// the default port.
func lowerHost(host, scheme string) string {
	for i := range len(host) {
		if c := host[i]; 'A' <= c && c <= 'Z' {
			host = strings.ToLower(host)
			break
		}
	}
	port := ":80"
	if scheme == "https" {
		port = ":443"
	}
	host = strings.TrimSuffix(host, port)
	return strings.TrimSuffix(host, ".")
}

// clientAddress decides whom the gateway takes for the client: the peer, or
// what the chain of trusted proxies before it says. Forwarding headers of
// anyone else are removed.
func (g *Gateway) clientAddress(req *traffic.Request) {
	req.Client = req.Remote.Addr()
	// A client must not speak in our name, in either spelling.
	req.Header.DelFunc(func(f traffic.Field) bool {
		return len(f.Name) > 9 && f.Name[0] == 'x' && strings.HasPrefix(strings.ReplaceAll(f.Name, "_", "-"), "x-farrier-")
	})
	if !g.trusts(req.Client) {
		req.Header.DelFunc(func(f traffic.Field) bool { return forwarding(f.Name) })
		return
	}
	// From the right, the first address that is no trusted proxy is the client.
	// Several lines are one list (RFC 9110 §5.3).
	hops := strings.Split(req.Header.Joined("x-forwarded-for"), ",")
	for _, hop := range slices.Backward(hops) {
		ip, err := netip.ParseAddr(strings.TrimSpace(hop))
		if err != nil {
			return
		}
		req.Client = ip.Unmap()
		if !g.trusts(req.Client) {
			return
		}
	}
}

func forwarding(name string) bool {
	if name[0] != 'x' && name[0] != 'f' {
		return false
	}
	switch strings.ReplaceAll(name, "_", "-") {
	case "forwarded", "x-forwarded-for", "x-forwarded-host", "x-forwarded-proto", "x-forwarded-port", "x-forwarded-client-cert", "x-real-ip":
		return true
	}
	return false
}

func (g *Gateway) trusts(ip netip.Addr) bool {
	for _, p := range g.TrustedProxies {
		if p.Contains(ip) {
			return true
		}
	}
	return false
}

// isWebSocket says whether a request opens a WebSocket (RFC 6455 §4.1). No
// other protocol is switched to: behind an upgrade to h2c a client could send
// the service requests that no policy sees.
func isWebSocket(r *http.Request) bool {
	upgrade := r.Header["Upgrade"]
	return len(upgrade) == 1 && strings.EqualFold(upgrade[0], "websocket") && tokenIn(r.Header["Connection"], "upgrade") &&
		r.Method == http.MethodGet && r.ProtoMajor == 1 && r.ContentLength == 0
}

func tokenIn(values []string, token string) bool {
	for _, v := range values {
		for part := range strings.SplitSeq(v, ",") {
			if strings.EqualFold(strings.TrimSpace(part), token) {
				return true
			}
		}
	}
	return false
}

func isGRPC(contentType string) bool { return strings.HasPrefix(contentType, "application/grpc") }

// body reads the content of a request, counts it, and ends a client that is
// idle or slower than the least speed. The transport may read on while the
// answer is on its way already, and after that.
type body struct {
	from     io.Reader
	rc       *http.ResponseController
	g        *Gateway
	began    time.Time
	extended time.Time
	read     atomic.Int64
	ended    atomic.Bool
	// stall goes off when nobody reads for the idle time; nil until the
	// transport reads.
	stall *time.Timer
	idle  time.Duration

	mu   sync.Mutex
	over bool // the connection is not ours any more
}

// linger is how long the rest of a body that nobody read may take to come
// before the connection is closed.
const linger = 2 * time.Second

// abandon bounds the time that net/http spends on a body that is answered
// before its end. HTTP/2 needs it not: there the stream is reset.
func (p *passage) abandon() {
	unread := p.r.ContentLength != 0 && p.r.ProtoMajor == 1
	if unread && (p.body == nil || !p.body.ended.Load()) {
		_ = p.rc.SetReadDeadline(p.g.Now().Add(linger))
	}
}

// received is the number of bytes read of the request's content.
func (p *passage) received() int64 {
	if p.body == nil {
		return 0
	}
	return p.body.read.Load()
}

func (b *body) Read(p []byte) (int, error) {
	now := b.g.Now()
	// The deadline moves at most once a second: setting it costs a system timer.
	if b.extended.IsZero() || now.Sub(b.extended) > time.Second {
		b.deadline(now.Add(b.g.Limits.BodyIdle))
		b.extended = now
	}
	if b.stall != nil {
		b.stall.Reset(b.idle)
	}
	n, err := b.from.Read(p)
	read := b.read.Add(int64(n))
	if err != nil {
		if b.stall != nil {
			b.stall.Stop()
		}
		// A deadline left behind would cancel the exchange while the service works.
		b.ended.Store(errors.Is(err, io.EOF))
		b.deadline(time.Time{})
	}
	if spent := now.Sub(b.began) - b.g.Limits.BodyGrace; err == nil && spent > 0 &&
		read < int64(spent.Seconds()*float64(b.g.Limits.BodyRate)) {
		return n, errSlowBody
	}
	return n, err
}

func (b *body) deadline(at time.Time) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if !b.over {
		_ = b.rc.SetReadDeadline(at)
	}
}

// end leaves the connection to net/http and the next request.
func (b *body) end() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.over = true
}

type slowBodyError struct{}

// errSlowBody is a timeout to whoever asks.
var errSlowBody error = slowBodyError{}

func (slowBodyError) Error() string { return "the body comes more slowly than the least speed" }

func (slowBodyError) Timeout() bool { return true }
