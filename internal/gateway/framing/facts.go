package framing

import (
	"context"
	"crypto/tls"
	"net"
	"strconv"
	"sync/atomic"
	"time"

	"farrier.dev/farrier/internal/traffic"
)

// Refusal says why a request was not let through. Reason is a fixed sentence
// of this package that never quotes the client, so it may be logged and shown.
type Refusal struct { //nolint:errname // it is a verdict first, and an error only to readers of bodies
	// Status is the HTTP status to answer with: 400, 414, 431, 501 or 505.
	Status int
	// Reason is one of this package's fixed texts.
	Reason string
}

// Error makes a refusal found in the middle of a body readable as the error of
// reading that body.
func (r *Refusal) Error() string {
	return "request refused (" + strconv.Itoa(r.Status) + "): " + r.Reason
}

// Facts are what the bytes of one HTTP/1 request said about its framing,
// before net/http reduced them. They are valid until the handler returns.
type Facts struct {
	// Refusal is nil for a good request. When it is set, the request that
	// net/http shows is synthetic and must be answered with Refusal.Status and
	// nothing else; Method, Target and Host then hold what could be read.
	Refusal *Refusal
	// Method, Target and Host are filled for refused requests only (for good
	// ones net/http has them), as far as they were well-formed, each at most
	// 256 bytes long.
	Method, Target, Host string
	// ContentLength is the announced length of the body in bytes; -1 when no
	// Content-Length was sent.
	ContentLength int64
	// Chunked says that the body is framed by Transfer-Encoding: chunked.
	Chunked bool
	// Upgrade says that the request asks for another protocol.
	Upgrade bool
	// HTTP10 says that the request line said HTTP/1.0.
	HTTP10 bool
	// HeaderCount is the number of header lines.
	HeaderCount int
	// HeadBytes is the length of the head in bytes, with its empty line.
	HeadBytes int
	// Started is when the first byte of the head was seen.
	Started time.Time

	body atomic.Pointer[Refusal]
}

// BodyRefusal returns why the framing of the body was refused after the
// request had begun, or nil. The same value comes out of reading the body;
// asking here also works when the reader of the body was somebody else.
func (f *Facts) BodyRefusal() *Refusal { return f.body.Load() }

// Info describes a connection. It is immutable.
type Info struct {
	// Listener is the name given to Serve.
	Listener string
	// Remote and Local are the ends of the connection as the PROXY header told
	// them, or those of the socket.
	Remote, Local net.Addr
	// Peer is the other end of the socket itself: the balancer where a PROXY
	// header was read, else the same as Remote.
	Peer net.Addr
	// TLS is the state after the handshake; nil on cleartext.
	TLS *tls.ConnectionState
	// Handshake is the same as exchanges show it.
	Handshake *traffic.TLS
}

// handshake is what exchanges show of a TLS state.
func handshake(state *tls.ConnectionState) *traffic.TLS {
	return &traffic.TLS{
		Version: state.Version, ServerName: state.ServerName,
		Peer: state.PeerCertificates, Verified: len(state.VerifiedChains) > 0,
	}
}

// session is what ConnContext stores: one pointer for all of a connection.
type session struct {
	info *Info
	conn *Conn // nil on HTTP/2
}

type sessionKey struct{}

// requestKey marks the facts of a refused HTTP/2 request.
type requestKey struct{}

// Next returns the framing facts of the request whose context is given. Every
// call during one request gives the same answer. It is nil for a good HTTP/2
// request, and for a context that did not come from this package's [Server].
func Next(ctx context.Context) *Facts {
	s, _ := ctx.Value(sessionKey{}).(*session)
	if s == nil {
		return nil
	}
	if s.conn != nil {
		return s.conn.current
	}
	f, _ := ctx.Value(requestKey{}).(*Facts)
	return f
}

// Connection returns what is known of the connection of a request, or nil for
// a context that did not come from this package's [Server].
func Connection(ctx context.Context) *Info {
	if s, _ := ctx.Value(sessionKey{}).(*session); s != nil {
		return s.info
	}
	return nil
}

// TLS returns the TLS state of the connection of a request; nil on cleartext.
func TLS(ctx context.Context) *tls.ConnectionState {
	if i := Connection(ctx); i != nil {
		return i.TLS
	}
	return nil
}
