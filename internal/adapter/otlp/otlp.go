// Package otlp receives traces by OTLP, over gRPC and HTTP, and makes of them what
// discovery learns from: of spans of servers, observations, and of callers and
// those they call, edges, also of Mule flows and of queues that no gateway sees.
// It keeps no span longer than it takes for the others of its trace to come.
//
// Applications send to it what they send to a collector, directly or through
// one: OTEL_EXPORTER_OTLP_ENDPOINT=http://127.0.0.1:4317 (or :4318 with
// OTEL_EXPORTER_OTLP_PROTOCOL=http/protobuf), and where a token is set
// OTEL_EXPORTER_OTLP_HEADERS="authorization=Bearer …". Semantic conventions of
// HTTP, RPC and messaging are understood in the stable and the older form.
package otlp

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"sync"
	"sync/atomic"
	"time"

	"google.golang.org/grpc"

	"farrier.dev/farrier/internal/adapter"
	"farrier.dev/farrier/internal/discovery"
)

// Learner is who learns from traces.
type Learner interface {
	adapter.Learner
	// Edge takes a call between two services. It is called by several goroutines.
	Edge(e discovery.Edge)
}

// Options are what a receiver is made of. Learner, Log, Now and one of the
// addresses are required.
type Options struct {
	// GRPC and HTTP are what to listen on, as "127.0.0.1:4317" and "127.0.0.1:4318"; empty
	// for not.
	GRPC, HTTP string
	// TLS is nil for plain connections.
	TLS *tls.Config
	// Token must be shown by every sender as a bearer token; empty for none.
	Token string
	// Allowed are the networks of senders; none means all. An address that other
	// machines can reach needs a token or networks.
	Allowed []netip.Prefix

	Learner Learner
	Log     *slog.Logger
	Now     func() time.Time
	// Spans is how many spans wait for the others of their trace, JoinFor how long.
	// Defaults are 65536 and 30 s.
	Spans   int
	JoinFor time.Duration
	// Connections bounds those open at one time of each port. Default 512.
	Connections int
	// Slots and Bytes bound what waits for the learner, as in adapter.InboxOptions.
	Slots int
	Bytes int64
}

// The bounds of one message.
const (
	// maxMessage is its size when it has been unpacked, in bytes.
	maxMessage = 4 << 20
	// maxSpans is how many spans of it are taken.
	maxSpans = 20_000
	// maxUnderWay is how many messages are on their way at one time over each protocol;
	// senders of more are told to come again. maxReading of them are taken apart.
	maxUnderWay = 32
	maxReading  = 4
)

// Server is a receiver that runs.
type Server struct {
	o         Options
	access    *adapter.Access
	inbox     *adapter.Inbox
	join      *table
	grpc      *grpc.Server
	http      *http.Server
	grpcAt    *adapter.Listener
	httpAt    *adapter.Listener
	reading   chan struct{}
	webs      chan struct{}
	calls     calls
	served    sync.WaitGroup
	over      chan struct{}
	closeOnce sync.Once

	spans, rejected, unreadable, unauthorised, busy atomic.Uint64
}

// Start listens. The context is that of opening the ports; Close ends it all.
func Start(ctx context.Context, o Options) (*Server, error) {
	if o.GRPC == "" && o.HTTP == "" {
		return nil, errors.New("an OTLP receiver needs an address, for gRPC or for HTTP")
	}
	if o.Spans <= 0 {
		o.Spans = 65_536
	}
	if o.JoinFor <= 0 {
		o.JoinFor = 30 * time.Second
	}
	s := &Server{
		o: o, access: &adapter.Access{Token: o.Token, Allowed: o.Allowed, Connections: o.Connections},
		reading: make(chan struct{}, maxReading), webs: make(chan struct{}, maxUnderWay), over: make(chan struct{}), join: newTable(o.Spans, o.JoinFor),
	}
	var err error
	if o.GRPC != "" {
		if s.grpcAt, err = s.access.Listen(ctx, o.GRPC); err != nil {
			return nil, err
		}
	}
	if o.HTTP != "" {
		if s.httpAt, err = s.access.Listen(ctx, o.HTTP); err != nil {
			if s.grpcAt != nil {
				_ = s.grpcAt.Close()
			}
			return nil, err
		}
	}
	s.inbox = adapter.NewInbox(adapter.InboxOptions{Learner: o.Learner, Log: o.Log, Slots: o.Slots, Bytes: o.Bytes})
	if s.grpcAt != nil {
		s.grpc = s.newGRPC()
		s.serve("gRPC", func() error { return s.grpc.Serve(s.grpcAt) })
	}
	if s.httpAt != nil {
		s.http = s.newHTTP()
		s.serve("HTTP", s.serveHTTP)
	}
	s.served.Go(s.tick)
	return s, nil
}

func (s *Server) serve(protocol string, run func() error) {
	s.served.Go(func() {
		err := run()
		if err != nil && !errors.Is(err, http.ErrServerClosed) && !errors.Is(err, net.ErrClosed) && !errors.Is(err, grpc.ErrServerStopped) {
			s.o.Log.Error("the OTLP receiver stopped", "protocol", protocol, "error", err)
		}
	})
}

// tick gives up waiting for spans that do not come.
func (s *Server) tick() {
	clock := time.NewTicker(time.Second)
	defer clock.Stop()
	for {
		select {
		case <-clock.C:
			s.deliver(s.join.expire(s.o.Now()))
		case <-s.over:
			return
		}
	}
}

// Addresses are those of the ports for gRPC and for HTTP; nil for one that is not open.
func (s *Server) Addresses() (rpc, web net.Addr) {
	if s.grpcAt != nil {
		rpc = s.grpcAt.Addr()
	}
	if s.httpAt != nil {
		web = s.httpAt.Addr()
	}
	return rpc, web
}

// Close stops listening, lets what is being read come to its end until ctx is
// done, and returns when all that was taken has been learned. Its error is that
// of ctx when connections were cut off.
func (s *Server) Close(ctx context.Context) error {
	var err error
	if s.http != nil {
		if err = s.http.Shutdown(ctx); err != nil {
			_ = s.http.Close()
		}
	}
	if s.grpc != nil {
		defer context.AfterFunc(ctx, s.grpc.Stop)()
		s.grpc.GracefulStop()
	}
	s.closeOnce.Do(func() { close(s.over) })
	s.served.Wait()
	s.deliver(s.join.flush())
	s.inbox.Close()
	return err
}

// deliver hands on what is known of a trace.
func (s *Server) deliver(f found) {
	for _, o := range f.observations {
		s.inbox.Put(o, false)
	}
	for i := range f.edges {
		s.edge(f.edges[i])
	}
}

func (s *Server) edge(e discovery.Edge) {
	defer func() {
		if value := recover(); value != nil {
			s.o.Log.Error("the learner panicked", "type", fmt.Sprintf("%T", value))
		}
	}()
	s.o.Learner.Edge(e)
}

// take reads a message and says how many of its spans found no place.
func (s *Server) take(text []byte, read func([]byte, func(*span)) error) (rejected int64, err error) {
	defer func() {
		if value := recover(); value != nil {
			s.o.Log.Error("reading spans panicked", "type", fmt.Sprintf("%T", value))
			err = errMessage
		}
	}()
	s.reading <- struct{}{}
	defer func() { <-s.reading }()
	var f found
	now, n := s.o.Now(), 0
	err = read(text, func(one *span) {
		if n++; n > maxSpans {
			rejected++
			return
		}
		s.join.add(one, now, &f)
	})
	s.deliver(f)
	s.spans.Add(uint64(min(n, maxSpans))) //nolint:gosec // never negative
	s.rejected.Add(uint64(rejected))      //nolint:gosec // never negative
	if err != nil {
		s.unreadable.Add(1)
	}
	return rejected, err
}

// Stats tell what came in.
type Stats struct {
	adapter.InboxStats
	// Spans were read, Rejected were more than a message may have. Unreadable are
	// messages that are none, Unauthorised showed no token or a wrong one, Foreign are
	// connections from networks that may not send, Busy were told to come again. Joining
	// are the spans that wait for others of their trace.
	Spans, Rejected, Unreadable, Unauthorised, Foreign, Busy uint64
	Joining                                                  int
}

// Stats returns the counters.
func (s *Server) Stats() Stats {
	foreign := uint64(0)
	for _, l := range []*adapter.Listener{s.grpcAt, s.httpAt} {
		if l != nil {
			foreign += l.Refused.Load()
		}
	}
	return Stats{
		s.inbox.Stats(), s.spans.Load(), s.rejected.Load(), s.unreadable.Load(), s.unauthorised.Load(), foreign, s.busy.Load(), s.join.waiting(),
	}
}
