// Package gateway serves APIs: it accepts connections, routes requests, runs
// the chain, proxies to services and seals what happened. It serves a compiled
// revision and takes the next one by swapping a pointer; it knows neither where
// revisions come from nor where records go.
package gateway

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"farrier.dev/farrier/internal/gateway/framing"
	"farrier.dev/farrier/internal/gateway/logging"
	"farrier.dev/farrier/internal/policy"
	"farrier.dev/farrier/internal/router"
	"farrier.dev/farrier/internal/traffic"
)

// Recorder takes what the gateway saw. Its methods are called on the request
// path and by many goroutines.
type Recorder interface {
	// Count counts one exchange that is over; it is called exactly once for each.
	Count(x *traffic.Exchange, end *traffic.Ending)
	// Wants says whether the record of an exchange that went well is to be
	// sealed and kept too.
	Wants(x *traffic.Exchange) bool
	// Keep keeps a record before the client reads the answer, when it is a
	// refusal, so that what the client holds can always be found. An error is
	// counted by the recorder; the answer goes out regardless.
	Keep(r *traffic.Record)
}

// Options are what a gateway is made of. All without a default must be given.
type Options struct {
	Now      func() time.Time
	Log      *slog.Logger
	Recorder Recorder
	// Environment and Name stand in every record.
	Environment, Name string
	Framing           framing.Limits
	Limits            Limits
	// TrustedProxies are the peers whose X-Forwarded headers are believed.
	TrustedProxies []netip.Prefix
	// Bind stands in the place of 0.0.0.0 in the addresses of APIs, so that several
	// gateways can share a machine; invalid for every address of the machine.
	Bind netip.Addr
	// Observer is told of every exchange that is over; nil for none.
	Observer Observer
	// Logs follow the revisions and are told of every exchange that is over; nil
	// for none.
	Logs *logging.Logs
}

// Limits bounds what the gateway holds and how long it waits. A zero field
// takes its default.
type Limits struct {
	// BufferedBytes bounds the bodies held by the process. Default 256 MiB.
	BufferedBytes int64
	// InFlight bounds the exchanges under way. Default 10000.
	InFlight int64
	// Judges bounds the exchanges waiting for a watch-mode judgement. Default 1024.
	Judges int
	// BodyIdle is how long a peer may leave a body without a byte. Default 30 s.
	BodyIdle time.Duration
	// BodyGrace is when the average speed of a request body begins to count,
	// and BodyRate is the least speed, in bytes a second. Defaults 20 s and 240.
	BodyGrace time.Duration
	BodyRate  int64
	// StreamIdle ends upgraded connections without a byte in either direction,
	// and calls whose service takes or sends none, where the revision says
	// nothing else. Default 300 s.
	StreamIdle time.Duration
	// Lag is the scheduling delay above which requests are shed. Default 50 ms.
	Lag time.Duration
}

func (l *Limits) defaults() {
	set := func(field *time.Duration, standard time.Duration) {
		if *field == 0 {
			*field = standard
		}
	}
	if l.BufferedBytes == 0 {
		l.BufferedBytes = 256 << 20
	}
	if l.InFlight == 0 {
		l.InFlight = 10_000
	}
	if l.Judges == 0 {
		l.Judges = 1024
	}
	if l.BodyRate == 0 {
		l.BodyRate = 240
	}
	set(&l.BodyIdle, 30*time.Second)
	set(&l.BodyGrace, 20*time.Second)
	set(&l.StreamIdle, 300*time.Second)
	set(&l.Lag, 50*time.Millisecond)
}

// Gateway serves one revision at a time.
type Gateway struct {
	Options
	runtime *policy.Runtime
	server  *framing.Server
	table   atomic.Pointer[router.Table]
	load    *loadGuard
	judges  *judges
	shed    atomic.Uint64
	// stopping turns readiness off.
	stopping atomic.Bool
	// life ends the upgraded connections, which the server knows nothing of.
	life context.Context //nolint:containedctx // that of the gateway
	die  context.CancelFunc

	mu        sync.Mutex
	listening map[string]net.Listener // the open ports by address
	probe     *probe
	stopped   bool
}

// New makes a gateway that serves nothing yet.
func New(o Options) (*Gateway, error) {
	o.Limits.defaults()
	g := &Gateway{Options: o, listening: map[string]net.Listener{}}
	g.life, g.die = context.WithCancel(context.Background())
	g.runtime = &policy.Runtime{
		Now: o.Now, Budget: traffic.NewBudget(o.Limits.BufferedBytes),
		Decode: decode, Render: render,
		Panicked: func(binding string, value any) {
			// The value may hold anything, also secrets; its type tells enough
			// to begin with.
			o.Log.Error("a policy panicked", "binding", binding, "type", fmt.Sprintf("%T", value))
		},
	}
	server, err := framing.New(framing.Options{Handler: g, Limits: o.Framing, Log: o.Log, Now: o.Now})
	if err != nil {
		return nil, fmt.Errorf("preparing to accept connections: %w", err)
	}
	g.server = server
	g.load = newLoadGuard(o.Limits.Lag, o.Now)
	g.judges = newJudges(o.Limits.Judges, func(value any) { g.runtime.Panicked("gateway", value) })
	g.probe = &probe{ready: g.ready, log: o.Log}
	return g, nil
}

// Runtime is what the chains of this gateway's tables must be compiled with.
func (g *Gateway) Runtime() *policy.Runtime { return g.runtime }

// Table is the table in service, nil before the first.
func (g *Gateway) Table() *router.Table { return g.table.Load() }

// prepared is what follows a revision: it is readied before the revision
// serves, and then either put into service or given up.
type prepared interface {
	Commit()
	Discard()
}

// Load puts a table into service as a whole: new ports and log outputs are
// opened first, and when one can't be, nothing changes. Ports that are no
// longer needed are closed; the requests under way on them end in peace.
func (g *Gateway) Load(ctx context.Context, next *router.Table) error {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.stopped {
		return errors.New("the gateway is stopping")
	}
	if next.Revision.Settings.ProxyProtocol && len(g.TrustedProxies) == 0 {
		return errors.New("proxyProtocol: no proxy is trusted, so that no connection could be taken; name the proxies in trustedProxies")
	}
	changes, err := g.prepare(ctx, next)
	if err != nil {
		return err
	}
	opened, err := g.open(ctx, next)
	if err != nil {
		for _, one := range changes {
			one.Discard()
		}
		return err
	}
	for _, one := range changes {
		one.Commit()
	}
	previous := g.table.Swap(next)
	for address, socket := range opened {
		g.accept(address, socket)
	}
	for address, socket := range g.listening {
		if next.Listeners[address] == nil {
			_ = socket.Close()
			delete(g.listening, address)
		}
	}
	if previous != nil {
		previous.Retire(next)
	}
	return nil
}

// prepare readies what follows the revision beside its ports.
func (g *Gateway) prepare(ctx context.Context, next *router.Table) ([]prepared, error) {
	var changes []prepared
	if g.Logs != nil {
		logs, err := g.Logs.Prepare(next.Revision.Settings.Logging)
		if err != nil {
			return nil, err
		}
		changes = append(changes, logs)
	}
	probe, err := g.probe.prepare(ctx, next.Revision.Settings.Probe)
	if err != nil {
		for _, one := range changes {
			one.Discard()
		}
		return nil, err
	}
	return append(changes, probe), nil
}

// open opens the ports that a table needs and that are not open yet.
func (g *Gateway) open(ctx context.Context, next *router.Table) (opened map[string]net.Listener, err error) {
	opened = map[string]net.Listener{}
	var given []string
	defer func() {
		if err == nil {
			return
		}
		for _, socket := range opened {
			_ = socket.Close()
		}
		for _, address := range given {
			socket, err := g.listen(ctx, address)
			if err != nil {
				g.Log.Error("a port could not be opened again", "address", address, "error", err)
				continue
			}
			g.accept(address, socket)
		}
	}()
	for address := range next.Listeners {
		if g.listening[address] != nil {
			continue
		}
		socket, err := g.listen(ctx, address)
		if errors.Is(err, syscall.EADDRINUSE) {
			if left := g.giveUp(address, next); len(left) > 0 {
				given = append(given, left...)
				socket, err = g.listen(ctx, address)
			}
		}
		if err != nil {
			return opened, fmt.Errorf("opening %s: %w", address, err)
		}
		opened[address] = socket
	}
	return opened, nil
}

// giveUp closes the ports that next does not need and that stand in the way of
// an address, as 0.0.0.0:8081 does in that of 127.0.0.1:8081.
func (g *Gateway) giveUp(address string, next *router.Table) (given []string) {
	_, port, _ := net.SplitHostPort(address)
	for one, socket := range g.listening {
		if _, p, _ := net.SplitHostPort(one); p == port && next.Listeners[one] == nil {
			_ = socket.Close()
			delete(g.listening, one)
			given = append(given, one)
		}
	}
	return given
}

// listen opens a port at the address that Bind says.
func (g *Gateway) listen(ctx context.Context, address string) (net.Listener, error) {
	host, port, err := net.SplitHostPort(address)
	if err == nil && host == "0.0.0.0" && g.Bind.IsValid() {
		address = net.JoinHostPort(g.Bind.String(), port)
	}
	return (&net.ListenConfig{}).Listen(ctx, "tcp", address)
}

// accept serves an open port. How a connection begins, the table in service
// says when it comes, so that a port stays open when that changes.
func (g *Gateway) accept(address string, socket net.Listener) {
	g.listening[address] = socket
	go func() {
		err := g.server.ServeEach(socket, func() *framing.ListenOptions {
			table := g.table.Load()
			o := &framing.ListenOptions{
				Name: address, ProxyProtocol: table.Revision.Settings.ProxyProtocol, ProxySources: g.TrustedProxies,
			}
			if l := table.Listeners[address]; l != nil {
				o.TLS = l.TLS
			}
			return o
		})
		if err != nil && !errors.Is(err, http.ErrServerClosed) {
			g.Log.Error("a port stopped accepting", "address", address, "error", err)
		}
	}()
}

// Addresses are the open ports by the address they were asked for; a port
// asked for as 0 has the one that was given.
func (g *Gateway) Addresses() map[string]net.Addr {
	g.mu.Lock()
	defer g.mu.Unlock()
	found := make(map[string]net.Addr, len(g.listening))
	for address, socket := range g.listening {
		found[address] = socket.Addr()
	}
	return found
}

// lastWords is how long exchanges that are cut off at the end may take to be
// sealed.
const lastWords = time.Second

// Shutdown turns readiness off, stops accepting, lets the exchanges under way
// end until ctx is done, closes upgraded connections, and waits until all is
// sealed and judged. Its error is that of ctx, when exchanges were cut off.
func (g *Gateway) Shutdown(ctx context.Context) error {
	g.stopping.Store(true)
	g.mu.Lock()
	g.stopped = true
	g.mu.Unlock()
	err := g.server.Shutdown(ctx)
	if err != nil {
		_ = g.server.Close()
	}
	g.die()
	g.load.stop()
	last, cancel := context.WithTimeout(context.WithoutCancel(ctx), lastWords)
	defer cancel()
	g.load.settle(last)
	if ctx.Err() == nil {
		last = ctx
	}
	g.judges.stop(last)
	g.probe.close()
	if table := g.table.Load(); table != nil {
		table.Retire(nil)
	}
	return err
}

// Stats are the gateway's counters.
type Stats struct {
	Connections framing.Stats
	// InFlight are the exchanges under way; Shed were answered 503 for overload.
	InFlight int64
	Shed     uint64
	// Buffered are the bytes that bodies hold.
	Buffered int64
	// Unjudged are the exchanges that watch mode had no room to judge.
	Unjudged uint64
}

// Stats returns the counters.
func (g *Gateway) Stats() Stats {
	return Stats{
		Connections: g.server.Stats(), InFlight: g.load.inFlight.Load(), Shed: g.shed.Load(),
		Buffered: g.runtime.Budget.Used(), Unjudged: g.judges.refused.Load(),
	}
}
