// Package mirror is a listener for mirrored traffic: copies of requests that
// nginx, Envoy, HAProxy, Traefik or GoReplay send beside the real ones, and
// exchanges that agents push with their answers. Every copy is answered with 204
// as soon as it has been read; nothing is forwarded, and a copy that finds no
// room is forgotten.
//
// A copy says by its own method, target and Host what was asked for. Proxies
// that change them tell the original by headers: X-Original-Method,
// X-Original-URI, X-Original-Host and X-Original-Scheme (or X-Forwarded-Proto);
// the ending -shadow that Envoy appends to the host is removed. The client is the
// last entry of X-Forwarded-For, or X-Envoy-External-Address or X-Real-IP.
// X-Mirror-Status is the status of the answer, where the proxy knows it. For
// nginx:
//
//	location / {
//	    mirror /mirror;
//	    proxy_pass http://orders;
//	}
//	location = /mirror {
//	    internal;
//	    proxy_pass http://127.0.0.1:9900$request_uri;
//	    proxy_set_header X-Original-URI $request_uri;
//	    proxy_set_header X-Original-Method $request_method;
//	    proxy_set_header X-Original-Host $host:$server_port;
//	    proxy_set_header X-Original-Scheme $scheme;
//	    proxy_set_header X-Forwarded-For $proxy_add_x_forwarded_for;
//	    proxy_set_header X-Mirror-Token "…";
//	}
//
// For Envoy, in the action of a route:
//
//	route:
//	  cluster: orders
//	  request_mirror_policies: [{cluster: farrier}]
package mirror

import (
	"context"
	"crypto/tls"
	"errors"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"sync"
	"sync/atomic"
	"time"

	"farrier.dev/farrier/internal/adapter"
)

// Options are what a listener for mirrored traffic is made of. Address, Learner,
// Log and Now are required.
type Options struct {
	// Address is what to listen on, as "127.0.0.1:9900".
	Address string
	// TLS is nil for plain HTTP.
	TLS *tls.Config
	// Token must be shown by every sender, in X-Mirror-Token or as a bearer token; empty
	// for none. Exchanges can be pushed only where there is one.
	Token string
	// Allowed are the networks of senders; none means all. An address that other
	// machines can reach needs a token or networks.
	Allowed []netip.Prefix
	// Answers says how a request counts whose answer nobody saw: Assumed or Unknown. The
	// default is Assumed.
	Answers Answers
	// Plain says that copies are exact, as those of GoReplay, so that the headers that
	// tell an original come from clients and are ignored.
	Plain bool

	Learner adapter.Learner
	Log     *slog.Logger
	Now     func() time.Time
	// Connections bounds those open at one time, default 512; InFlight the copies that
	// are read at one time, default 256; further ones are forgotten.
	Connections, InFlight int
	// Slots and Bytes bound what waits for the learner, as in adapter.InboxOptions.
	Slots int
	Bytes int64
}

// Answers says how a request counts whose answer nobody saw.
type Answers string

// The ways to count: as answered well unless its sender sprays, or as not known,
// so that it lists no operation.
const (
	Assumed Answers = "assumed"
	Unknown Answers = "unknown"
)

// Server is a listener that runs.
type Server struct {
	o        Options
	access   *adapter.Access
	listener *adapter.Listener
	server   *http.Server
	inbox    *adapter.Inbox
	reading  chan struct{}
	pushing  chan struct{}
	served   sync.WaitGroup

	unauthorised, unreadable, busy atomic.Uint64
}

// maxPushes is how many pushes are read at one time.
const maxPushes = 4

// Start listens. The context is that of opening the port; Close ends it all.
func Start(ctx context.Context, o Options) (*Server, error) {
	switch o.Answers {
	case "":
		o.Answers = Assumed
	case Assumed, Unknown:
	default:
		return nil, errors.New("answers: must be assumed or unknown")
	}
	if o.InFlight <= 0 {
		o.InFlight = 256
	}
	s := &Server{
		o: o, access: &adapter.Access{Token: o.Token, Allowed: o.Allowed, Connections: o.Connections},
		reading: make(chan struct{}, o.InFlight), pushing: make(chan struct{}, maxPushes),
	}
	listener, err := s.access.Listen(ctx, o.Address)
	if err != nil {
		return nil, err
	}
	s.listener = listener
	s.inbox = adapter.NewInbox(adapter.InboxOptions{Learner: o.Learner, Log: o.Log, Slots: o.Slots, Bytes: o.Bytes})
	protocols := &http.Protocols{}
	protocols.SetHTTP1(true)
	protocols.SetHTTP2(o.TLS != nil)
	protocols.SetUnencryptedHTTP2(o.TLS == nil)
	s.server = &http.Server{
		Handler: s, Protocols: protocols, TLSConfig: o.TLS, MaxHeaderBytes: 64 << 10,
		ReadHeaderTimeout: 10 * time.Second, ReadTimeout: time.Minute, WriteTimeout: time.Minute, IdleTimeout: 2 * time.Minute,
		ErrorLog: slog.NewLogLogger(o.Log.Handler(), slog.LevelDebug),
	}
	s.served.Go(func() {
		err := s.serve()
		if !errors.Is(err, http.ErrServerClosed) && !errors.Is(err, net.ErrClosed) {
			o.Log.Error("the listener for mirrored traffic stopped", "address", o.Address, "error", err)
		}
	})
	return s, nil
}

func (s *Server) serve() error {
	if s.o.TLS != nil {
		return s.server.ServeTLS(s.listener, "", "")
	}
	return s.server.Serve(s.listener)
}

// Addr is the address of the port.
func (s *Server) Addr() net.Addr { return s.listener.Addr() }

// Close stops listening, lets what is being read come to its end until ctx is
// done, and returns when all that was taken has been learned. Its error is that
// of ctx when connections were cut off.
func (s *Server) Close(ctx context.Context) error {
	err := s.server.Shutdown(ctx)
	if err != nil {
		_ = s.server.Close()
	}
	s.served.Wait()
	s.inbox.Close()
	return err
}

// Stats tell what came in.
type Stats struct {
	adapter.InboxStats
	// Unauthorised showed no token or a wrong one, Foreign are connections from networks
	// that may not send, Unreadable were no requests that mean one thing, Busy came when
	// too many were read already.
	Unauthorised, Foreign, Unreadable, Busy uint64
}

// Stats returns the counters.
func (s *Server) Stats() Stats {
	return Stats{s.inbox.Stats(), s.unauthorised.Load(), s.listener.Refused.Load(), s.unreadable.Load(), s.busy.Load()}
}
