package gateway

import (
	"context"
	"crypto/tls"
	"errors"
	"io"
	"net/http"
	"sync"
	"time"

	"farrier.dev/farrier/internal/gateway/framing"
	"farrier.dev/farrier/internal/gateway/stream"
	"farrier.dev/farrier/internal/policy"
	"farrier.dev/farrier/internal/router"
	"farrier.dev/farrier/internal/traffic"
)

// passage is one exchange on its way through the gateway.
type passage struct {
	g   *Gateway
	w   http.ResponseWriter
	r   *http.Request
	x   *traffic.Exchange
	rc  *http.ResponseController
	end traffic.Ending

	inbound, outbound policy.Run
	body              *body
	tee               *tee
	observed          observed
	// resp is the service's response; its body is closed when the passage ends.
	resp *http.Response
	// inspection has the messages of a stream judged, nil when no step wants it;
	// reader gives those of a response.
	inspection *inspection
	reader     *stream.Reader
	// cancel ends the call to the service of a stream, nil for others.
	cancel context.CancelCauseFunc
	// idle is how long the service and streams may leave a connection without a byte.
	idle time.Duration
	// kept says that the record has been sealed before the answer went out.
	kept bool
	// challenge says that an authority was answered: nothing is learned from that.
	challenge bool
	// finished says that finish has begun.
	finished bool
	// malformed says that nobody knows where the next request begins, so that
	// the connection is closed. One that is shed may come again on its connection.
	malformed bool
}

// ServeHTTP is the way of every request, the refused ones included.
func (g *Gateway) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	now := g.Now()
	p := &passage{g: g, w: w, r: r, x: &traffic.Exchange{ID: traffic.NewID(now), Received: now}, rc: http.NewResponseController(w)}
	p.end.Environment, p.end.Gateway = g.Environment, g.Name
	g.load.inFlight.Add(1)
	defer g.load.inFlight.Add(-1)
	defer p.recovered()
	p.serve(r.Context())
	p.finish()
}

func (p *passage) serve(ctx context.Context) {
	info := framing.Connection(ctx)
	table := p.g.table.Load()
	p.x.Revision = table.Revision.Number
	p.idle = p.g.Limits.StreamIdle
	if set := table.Revision.Settings.Timeouts.StreamIdleSeconds; set > 0 {
		p.idle = time.Duration(set) * time.Second
	}
	if refusal := p.begin(ctx, info); refusal != nil {
		p.reject(refusal)
		return
	}
	if outdated(table.Listeners[info.Listener], info) {
		p.reject(&rejection{http.StatusMisdirectedRequest, "Connect anew.", "the connection is older than the TLS settings of its port"})
		return
	}
	if p.challenged(table, info) {
		p.respond()
		return
	}
	api := p.find(table, info)
	if api == nil {
		p.reject(&rejection{http.StatusNotFound, "No API is served here.", "no API has this address and path"})
		return
	}
	p.inbound = api.Chain.Begin()
	p.prepareBody(api)
	p.came()
	verdict := p.inbound.Request(ctx, p.x)
	switch {
	case verdict.Stops():
		p.stopped(verdict)
		p.inbound.Render(p.x, verdict)
	default:
		p.route(ctx, api)
	}
	p.responseHooks(ctx, &p.inbound)
	p.respond()
}

// begin reads the request into the exchange and says why it must be refused.
func (p *passage) begin(ctx context.Context, info *framing.Info) *rejection {
	if facts := framing.Next(ctx); facts != nil && facts.Refusal != nil {
		p.malformed = true
		p.x.Request.Method, p.x.Request.Host = facts.Method, facts.Host
		p.x.Request.Proto, p.x.Request.RawTarget = p.r.Proto, facts.Target
		p.x.Request.Remote = addrPort(info.Remote)
		p.x.Request.Client = p.x.Request.Remote.Addr()
		p.x.Request.Header.Grow(1)
		return &rejection{facts.Refusal.Status, "The request is malformed.", facts.Refusal.Reason}
	}
	p.g.fill(p.x, p.r, info)
	if p.g.load.inFlight.Load() > p.g.Limits.InFlight || p.g.load.sheds() {
		p.g.shed.Add(1)
		return &rejection{http.StatusServiceUnavailable, "Service overloaded.", "the gateway has more work than time"}
	}
	path := p.r.URL.EscapedPath()
	normal, err := traffic.NormalisePath(path)
	if err != nil {
		return &rejection{http.StatusBadRequest, "The request path is ambiguous.", err.Error()}
	}
	p.x.Request.Path = normal
	return nil
}

// outdated says that a connection from before the revision would not be let in
// by it: it speaks no TLS, or shows no certificate where one is required.
func outdated(l *router.Listener, info *framing.Info) bool {
	if l == nil || l.TLS == nil {
		return false
	}
	return info.TLS == nil || l.TLS.ClientAuth == tls.RequireAndVerifyClientCert && len(info.TLS.VerifiedChains) == 0
}

func (p *passage) find(table *router.Table, info *framing.Info) *router.API {
	listener := table.Listeners[info.Listener]
	if listener == nil {
		return nil
	}
	api, sub := listener.Find(p.x.Request.Path)
	if api == nil {
		return nil
	}
	p.x.API, p.x.APILabels = api.Name, api.Labels
	p.x.BasePath, p.x.SubPath = api.BasePath, sub
	return api
}

// responseHooks runs the response side of a chain.
func (p *passage) responseHooks(ctx context.Context, run *policy.Run) {
	if v := run.Response(ctx, p.x); v.Stops() {
		p.stopped(v)
	}
}

// prepareBody makes the request's content readable for steps and for the
// service.
func (p *passage) prepareBody(api *router.API) {
	if p.r.Body == nil || p.r.Body == http.NoBody || p.r.ContentLength == 0 {
		return
	}
	p.body = &body{from: p.r.Body, rc: p.rc, g: p.g, began: p.x.Received}
	p.x.Request.Body.SetSource(p.body, p.r.ContentLength)
	if n := api.Chain.Tee(); n > 0 {
		p.tee = &tee{from: p.body, duplicate: duplicate{limit: n, budget: p.g.runtime.Budget}}
		p.x.Request.Body.SetSource(p.tee, p.r.ContentLength)
	}
}

// stopped notes how a verdict ends the exchange.
func (p *passage) stopped(v policy.Verdict) {
	switch v.Action {
	case traffic.Answered:
		p.end.Outcome = traffic.AnsweredLocally
	case traffic.Failed:
		p.end.Outcome = traffic.Errored
	default:
		p.end.Outcome = traffic.RefusedByPolicy
	}
}

// finish runs the end hooks, counts and seals. Hooks for the pool take the
// exchange with them, and it is sealed when they are done.
func (p *passage) finish() {
	p.finished = true
	p.inspection.finish()
	if p.reader != nil {
		_ = p.reader.Close()
	}
	if p.cancel != nil && !p.body.ended.Load() {
		// To close the response of a call whose client has not ended it would wait
		// for the client.
		p.cancel(errOver)
	}
	if p.resp != nil {
		_ = p.resp.Body.Close()
	}
	if p.body != nil {
		p.abandon()
		p.body.end()
		p.end.BytesIn = p.received()
	}
	p.end.Took = p.g.Now().Sub(p.x.Received)
	p.endHooks(false)
	if p.tee != nil {
		p.tee.show(&p.x.Request.Body, p.body.ended.Load())
	}
	if p.inbound.Background() {
		if p.g.judges.submit(func() { p.endHooks(true); p.seal() }) {
			return
		}
		p.inbound.Uninspected(p.x, "the pool of judgements was full")
	}
	p.seal()
}

func (p *passage) endHooks(background bool) {
	p.outbound.End(p.x, background)
	p.inbound.End(p.x, background)
}

func (p *passage) seal() {
	g := p.g
	g.Recorder.Count(p.x, &p.end)
	if !p.kept && (p.notable() || g.Recorder.Wants(p.x)) {
		g.Recorder.Keep(traffic.Seal(p.x, p.end))
	}
	if g.Logs != nil {
		g.Logs.Access(p.x, &p.end)
	}
	p.observe()
	p.x.Request.Body.Release()
	p.x.Response.Body.Release()
	p.observed.forget()
}

// notable says whether the record must be kept.
func (p *passage) notable() bool {
	switch p.end.Outcome {
	case traffic.RefusedByPolicy, traffic.RefusedByGateway, traffic.Errored:
		return true
	case traffic.Served, traffic.AnsweredLocally:
	}
	return len(p.x.Findings) > 0
}

// keepBefore seals a notable exchange before its answer goes out, so that the
// correlation id that the client reads can always be found.
func (p *passage) keepBefore(answer int64) {
	if p.kept || !p.notable() {
		return
	}
	p.kept = true
	end := p.end
	end.Took = p.g.Now().Sub(p.x.Received)
	end.BytesOut = answer
	if p.body != nil {
		end.BytesIn = p.received()
	}
	p.g.Recorder.Keep(traffic.Seal(p.x, end))
}

// recovered is the end of an exchange whose answer was cut off, or in which the
// gateway itself panicked: it is recorded like any other, what was to be judged
// is judged, and the connection is closed.
func (p *passage) recovered() {
	value := recover()
	if value == nil {
		return
	}
	if !p.x.Response.Drop {
		p.end.Outcome, p.end.Reason = traffic.Errored, "the answer was cut off"
	}
	if err, ok := value.(error); !ok || !errors.Is(err, http.ErrAbortHandler) {
		p.g.runtime.Panicked("gateway", value)
		p.end.Reason = "the gateway panicked; the log of this moment has the details"
	}
	if !p.finished {
		p.finish()
	}
	panic(http.ErrAbortHandler)
}

// tee keeps the first part of a request while it streams to the service.
type tee struct {
	from io.Reader

	mu sync.Mutex
	duplicate
	shown bool
}

func (t *tee) Read(p []byte) (int, error) {
	n, err := t.from.Read(p)
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.shown {
		return n, err // the transport still reads, but nobody will see it
	}
	t.add(p[:n])
	return n, err
}

// show makes the copy what the end hooks read. It is a part only when the
// content has not been read to its end.
func (t *tee) show(b *traffic.Body, ended bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.shown = true
	b.ShowCopy(t.bytes, t.more || !ended, t.budget)
}
