package framing

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"slices"
	"sync"
	"time"

	proxyproto "github.com/pires/go-proxyproto"
)

// Options are what a [Server] is made of. Handler, Log and Now must be given.
type Options struct {
	// Handler answers all requests, the refused ones included: it must look at
	// [Next] first.
	Handler http.Handler
	// Limits apply to all listeners together; zero fields take their defaults.
	Limits Limits
	// Log receives what goes wrong below the handler.
	Log *slog.Logger
	// Now tells the time.
	Now func() time.Time
}

// ListenOptions say how the connections of one listener begin.
type ListenOptions struct {
	// Name is told to the handler as Info.Listener.
	Name string
	// TLS, when set, makes the listener speak TLS. NextProtos defaults to h2
	// and http/1.1; GetConfigForClient works as ever.
	TLS *tls.Config
	// ProxyProtocol makes a PROXY header (version 1 or 2) obligatory on every
	// connection.
	ProxyProtocol bool
	// ProxySources are the networks whose PROXY headers are believed; peers
	// outside are turned away. It must not be empty with ProxyProtocol.
	ProxySources []netip.Prefix
}

// Server serves any number of listeners through one handler.
type Server struct {
	set     *settings
	gate    gate
	http    *http.Server
	handler http.Handler
	log     *slog.Logger
	ready   *queue // connections on their way to net/http
	served  chan struct{}

	mu        sync.Mutex
	listeners map[net.Listener]struct{}
	stopped   bool
	ctx       context.Context //nolint:containedctx // the life of handshakes under way
	cancel    context.CancelFunc
}

// New returns a server that is ready to Serve.
func New(o Options) (*Server, error) {
	if o.Handler == nil || o.Log == nil || o.Now == nil {
		return nil, errors.New("framing needs a handler, a log and a clock")
	}
	limits, err := o.Limits.withDefaults()
	if err != nil {
		return nil, fmt.Errorf("limits of connections: %w", err)
	}
	s := &Server{
		set:       newSettings(limits, o.Now),
		gate:      gate{most: limits.MaxConns, perAddr: limits.MaxConnsPerAddr, addrs: map[netip.Addr]int{}},
		handler:   o.Handler,
		log:       o.Log,
		ready:     newQueue(),
		served:    make(chan struct{}),
		listeners: map[net.Listener]struct{}{},
	}
	s.ctx, s.cancel = context.WithCancel(context.Background())
	s.http = &http.Server{
		Handler:                      http.HandlerFunc(s.serveHTTP),
		DisableGeneralOptionsHandler: true,
		ReadHeaderTimeout:            limits.HeaderTimeout,
		IdleTimeout:                  limits.IdleTimeout,
		MaxHeaderBytes:               limits.HeadBytes,
		ErrorLog:                     newErrorLog(o.Log),
		ConnContext:                  connContext,
		ConnState:                    connState,
		HTTP2: &http.HTTP2Config{
			MaxConcurrentStreams:          limits.MaxStreams,
			MaxReadFrameSize:              16 << 10,
			MaxDecoderHeaderTableSize:     4 << 10,
			MaxEncoderHeaderTableSize:     4 << 10,
			MaxReceiveBufferPerConnection: 1 << 20,
			MaxReceiveBufferPerStream:     256 << 10,
			SendPingTimeout:               30 * time.Second,
			PingTimeout:                   15 * time.Second,
			WriteByteTimeout:              30 * time.Second,
		},
	}
	go func() {
		defer close(s.served)
		if err := s.http.Serve(s.ready); !errors.Is(err, http.ErrServerClosed) {
			s.log.Error("the HTTP server ended", "error", err)
		}
	}()
	return s, nil
}

func connContext(ctx context.Context, c net.Conn) context.Context {
	switch c := c.(type) {
	case *Conn:
		return context.WithValue(ctx, sessionKey{}, &session{info: c.info, conn: c})
	case *tls.Conn:
		if g, ok := c.NetConn().(*gated); ok {
			return context.WithValue(ctx, sessionKey{}, &session{info: g.info})
		}
	}
	return ctx
}

func connState(c net.Conn, state http.ConnState) {
	if c, ok := c.(*Conn); ok && state == http.StateHijacked {
		c.Passthrough()
	}
}

// serveHTTP brackets the handler, so that the facts of a connection keep step
// with its requests.
func (s *Server) serveHTTP(w http.ResponseWriter, r *http.Request) {
	conn, _ := r.Context().Value(sessionKey{}).(*session)
	switch {
	case conn == nil:
		panic(http.ErrAbortHandler) // not a connection of ours
	case conn.conn == nil:
		if why := checkHTTP2(r, &s.set.limits); why != nil {
			s.set.counts.refused.Add(1)
			f := factsHTTP2(r, why, s.set.now())
			r = r.WithContext(context.WithValue(r.Context(), requestKey{}, f))
		}
		s.handler.ServeHTTP(w, r)
	default:
		conn.conn.begin()
		r.TLS = conn.info.TLS
		s.handler.ServeHTTP(w, r)
		conn.conn.finish()
	}
}

// Serve accepts connections until the listener is closed, by its owner or by
// Shutdown, and then returns nil. Connections already accepted live on. It may
// be called for several listeners, and for new ones at any time.
func (s *Server) Serve(ln net.Listener, o ListenOptions) error {
	if o.ProxyProtocol && len(o.ProxySources) == 0 {
		return errors.New("the PROXY protocol needs the networks that are trusted to speak it")
	}
	if o.TLS != nil && len(o.TLS.NextProtos) == 0 {
		o.TLS = o.TLS.Clone()
		o.TLS.NextProtos = []string{"h2", "http/1.1"}
	}
	return s.ServeEach(ln, func() *ListenOptions { return &o })
}

// ServeEach is Serve with options that may be others for each new connection.
// They are used as they are.
func (s *Server) ServeEach(ln net.Listener, options func() *ListenOptions) error {
	if !s.add(ln) {
		_ = ln.Close()
		return http.ErrServerClosed
	}
	defer s.remove(ln)
	var pause time.Duration
	for {
		c, err := ln.Accept()
		if err == nil {
			pause = 0
			s.accept(c, options())
			continue
		}
		if errors.Is(err, net.ErrClosed) || s.ctx.Err() != nil {
			return nil
		}
		var ne net.Error
		if !errors.As(err, &ne) {
			return fmt.Errorf("accepting connections on %s: %w", ln.Addr(), err)
		}
		// Out of file descriptors, most likely: wait for some to come back.
		pause = min(max(2*pause, 5*time.Millisecond), time.Second)
		s.log.Warn("accepting a connection", "error", err, "pause", pause)
		select {
		case <-time.After(pause):
		case <-s.ctx.Done():
		}
	}
}

func (s *Server) add(ln net.Listener) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.stopped {
		s.listeners[ln] = struct{}{}
	}
	return !s.stopped
}

func (s *Server) remove(ln net.Listener) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.listeners, ln)
}

// accept counts a new connection and starts its handshakes aside.
func (s *Server) accept(c net.Conn, o *ListenOptions) {
	s.set.counts.accepted.Add(1)
	if !s.gate.enter() {
		s.set.counts.overall.Add(1)
		_ = c.Close()
		return
	}
	g := &gated{Conn: c, gate: &s.gate}
	if !o.ProxyProtocol && !s.admit(g) {
		return
	}
	if o.TLS == nil && !o.ProxyProtocol {
		g.info = &Info{Listener: o.Name, Remote: c.RemoteAddr(), Local: c.LocalAddr(), Peer: c.RemoteAddr()}
		s.ready.put(newConn(g, s.set, g.info))
		return
	}
	go s.open(g, o)
}

// admit takes the place of the client's address or closes the connection.
func (s *Server) admit(g *gated) bool {
	key := clientKey(g.RemoteAddr())
	if !s.gate.enterAddr(key) {
		s.set.counts.perAddr.Add(1)
		_ = g.Close()
		return false
	}
	g.key = key
	return true
}

// open reads the PROXY header and does the TLS handshake.
func (s *Server) open(g *gated, o *ListenOptions) {
	peer := g.Conn.RemoteAddr()
	deadline := s.set.now().Add(s.set.limits.HandshakeTimeout)
	_ = g.SetDeadline(deadline)
	if o.ProxyProtocol {
		if !s.readProxyHeader(g, o) {
			return
		}
		_ = g.SetDeadline(deadline) // reading the header has cleared it
	}
	info := &Info{Listener: o.Name, Remote: g.Conn.RemoteAddr(), Local: g.Conn.LocalAddr(), Peer: peer}
	g.info = info
	if o.TLS == nil {
		_ = g.SetDeadline(time.Time{})
		s.ready.put(newConn(g, s.set, info))
		return
	}
	t := tls.Server(g, o.TLS)
	if err := t.HandshakeContext(s.ctx); err != nil {
		s.set.counts.handshake.Add(1)
		_ = g.Close()
		return
	}
	_ = g.SetDeadline(time.Time{})
	state := t.ConnectionState()
	info.TLS, info.Handshake = &state, handshake(&state)
	if state.NegotiatedProtocol == "h2" {
		s.ready.put(t)
		return
	}
	s.ready.put(newConn(t, s.set, info))
}

// readProxyHeader reads the header from a trusted peer and takes the place of
// the client that it names; otherwise it closes the connection.
func (s *Server) readProxyHeader(g *gated, o *ListenOptions) bool {
	ip, ok := ipOf(g.Conn.RemoteAddr())
	if ok && slices.ContainsFunc(o.ProxySources, func(p netip.Prefix) bool { return p.Contains(ip) }) {
		p := proxyproto.NewConn(g.Conn, proxyproto.WithPolicy(proxyproto.REQUIRE),
			proxyproto.SetReadHeaderTimeout(s.set.limits.HandshakeTimeout),
			proxyproto.ValidateHeader(tcpHeader))
		if h := p.ProxyHeader(); h != nil {
			g.Conn = p
			return s.admit(g)
		}
	}
	s.set.counts.proxy.Add(1)
	_ = g.Close()
	return false
}

// tcpHeader accepts headers that name a TCP client, and LOCAL ones, which a
// balancer sends on its own behalf.
func tcpHeader(h *proxyproto.Header) error {
	if h.Command.IsLocal() {
		return nil
	}
	if _, _, ok := h.TCPAddrs(); !ok {
		return errors.New("the PROXY header names no TCP client")
	}
	return nil
}

// Shutdown closes all listeners and idle connections and waits for the
// requests under way until ctx is done; the error is then that of ctx.
func (s *Server) Shutdown(ctx context.Context) error {
	s.stop()
	if err := s.http.Shutdown(ctx); err != nil {
		return fmt.Errorf("waiting for requests under way: %w", err)
	}
	<-s.served
	return nil
}

// Close closes all listeners and all connections at once.
func (s *Server) Close() error {
	s.set.hurry.Store(true)
	s.stop()
	err := s.http.Close()
	<-s.served
	return err
}

func (s *Server) stop() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.stopped = true
	s.cancel()
	for ln := range s.listeners {
		_ = ln.Close()
	}
}

// Stats returns the counters.
func (s *Server) Stats() Stats {
	c := &s.set.counts
	return Stats{
		Open:             s.gate.count(),
		Accepted:         c.accepted.Load(),
		OverLimit:        c.overall.Load(),
		OverAddrLimit:    c.perAddr.Load(),
		HandshakesFailed: c.handshake.Load(),
		ProxyRefused:     c.proxy.Load(),
		SlowHeads:        c.slowHeads.Load(),
		Refused:          c.refused.Load(),
	}
}

// queue is the listener from which net/http takes connections that are ready.
type queue struct {
	conns chan net.Conn
	done  chan struct{}
	once  sync.Once
}

func newQueue() *queue {
	return &queue{conns: make(chan net.Conn), done: make(chan struct{})}
}

func (q *queue) put(c net.Conn) {
	select {
	case q.conns <- c:
	case <-q.done:
		_ = c.Close()
	}
}

// Accept implements [net.Listener].
func (q *queue) Accept() (net.Conn, error) {
	select {
	case c := <-q.conns:
		return c, nil
	case <-q.done:
		return nil, net.ErrClosed
	}
}

// Close implements [net.Listener].
func (q *queue) Close() error {
	q.once.Do(func() { close(q.done) })
	return nil
}

// Addr implements [net.Listener].
func (q *queue) Addr() net.Addr { return &net.TCPAddr{} }
