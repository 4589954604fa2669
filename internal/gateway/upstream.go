package gateway

import (
	"cmp"
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"net/textproto"
	"net/url"
	"strings"
	"time"

	"farrier.dev/farrier/internal/router"
	"farrier.dev/farrier/internal/traffic"
)

// route chooses the service, runs its outbound chain and calls it.
func (p *passage) route(ctx context.Context, api *router.API) {
	target, path := api.Route(p.x)
	if target == nil {
		p.failed(&rejection{http.StatusNotFound, "No route matches.", "no route of the API matches"})
		return
	}
	up := target.Upstream
	p.x.Upstream.Service, p.x.Upstream.Path = up.Name, path
	p.x.Upstream.URI = up.URI
	p.outbound = up.Chain.Begin()
	if v := p.outbound.Request(ctx, p.x); v.Stops() {
		p.stopped(v)
		p.outbound.Render(p.x, v)
	} else {
		p.ask()
		if why := p.call(ctx, up); why != nil {
			p.failed(why)
		}
	}
	p.responseHooks(ctx, &p.outbound)
}

// call sends the request to the service and takes the head of its response.
func (p *passage) call(ctx context.Context, up *router.Upstream) *rejection {
	began := p.g.Now()
	if set := p.x.Timeouts.StreamIdle; set > 0 {
		p.idle = set
	}
	if p.body != nil && !p.body.ended.Load() {
		inner, cancel := context.WithCancelCause(ctx)
		ctx = inner
		if p.x.Request.Streaming {
			p.cancel = cancel
		}
		p.body.idle = p.idle
		p.body.stall = time.AfterFunc(p.idle, func() { cancel(errStalled) })
		defer p.body.stall.Stop()
	}
	out := p.outgoing(ctx, up)
	if p.x.Request.Streaming {
		p.inspect(ctx, p.asked())
	}
	if why := p.openStream(out); why != nil {
		return why
	}
	p.inspection.leave()
	resp, err := up.Transport(p.patience()).RoundTrip(out) //nolint:bodyclose // finish closes it
	p.inspection.take()
	p.resp = resp
	p.x.Upstream.Took = p.g.Now().Sub(began)
	if p.inspection.stopped() {
		p.refusedBeforeHead()
		return nil
	}
	if err != nil {
		p.x.Upstream.Failed = true
		return upstreamRejection(err)
	}
	if resp.StatusCode == http.StatusSwitchingProtocols &&
		(!isWebSocket(p.r) || !strings.EqualFold(resp.Header.Get("Upgrade"), "websocket")) {
		return &rejection{http.StatusBadGateway, "Bad gateway.", "the service switched to a protocol that it was not asked for"}
	}
	p.end.Outcome = traffic.Served
	x := &p.x.Response
	*x = traffic.Response{Status: resp.StatusCode}
	x.Streaming = resp.StatusCode == http.StatusSwitchingProtocols ||
		strings.HasPrefix(resp.Header.Get("Content-Type"), "text/event-stream") ||
		isGRPC(resp.Header.Get("Content-Type"))
	if p.outbound.Responds() || p.inbound.Responds() {
		removeHopByHop(resp.Header, false)
		fillHeader(&x.Header, resp.Header)
		p.resp.Header = nil // from here on the list counts
	}
	if resp.Body != nil && resp.Body != http.NoBody && p.r.Method != http.MethodHead {
		x.Body.SetSource(&served{ReadCloser: resp.Body, idle: cmp.Or(p.x.Timeouts.UpstreamIdle, p.idle)}, resp.ContentLength)
	}
	return nil
}

// patience is how long the head of the response may take; 0 means as long as
// the service's connections are configured for.
func (p *passage) patience() time.Duration {
	set := p.x.Timeouts
	if set.Response == 0 || set.UpstreamIdle == 0 {
		return cmp.Or(set.Response, set.UpstreamIdle)
	}
	return min(set.Response, set.UpstreamIdle)
}

// errStalled says that the service took nothing of the request's content for
// the idle time. Transports bound the wait for an answer only.
var errStalled = errors.New("the service takes no content")

// served reads what a service answers, and ends a service that sends nothing
// for the idle time.
type served struct {
	io.ReadCloser
	idle  time.Duration
	timer *time.Timer
}

func (s *served) Read(p []byte) (int, error) {
	if s.timer == nil {
		s.timer = time.AfterFunc(s.idle, func() { _ = s.Close() })
	} else {
		s.timer.Reset(s.idle)
	}
	n, err := s.ReadCloser.Read(p)
	s.timer.Stop()
	return n, err
}

func upstreamRejection(err error) *rejection {
	var timeout net.Error
	switch {
	case errors.Is(err, context.Canceled):
		// The status is nginx's; the client is gone and reads nothing.
		return &rejection{499, "The client went away.", "the client closed the connection before the service answered"}
	case errors.Is(err, router.ErrForbiddenAddress):
		return &rejection{http.StatusBadGateway, "Bad gateway.", router.ErrForbiddenAddress.Error()}
	case errors.Is(err, errStalled):
		return &rejection{http.StatusGatewayTimeout, "The service did not answer in time.", "the service did not take the request's content in time"}
	case errors.Is(err, traffic.ErrTooLong):
		return &rejection{http.StatusRequestEntityTooLarge, "Request body too large.", traffic.ErrTooLong.Error()}
	case errors.Is(err, errSlowBody):
		return &rejection{http.StatusRequestTimeout, "Request body came too slowly.", errSlowBody.Error()}
	case errors.As(err, &timeout) && timeout.Timeout():
		return &rejection{http.StatusGatewayTimeout, "The service did not answer in time.", "the service did not answer in time"}
	}
	return &rejection{http.StatusBadGateway, "Bad gateway.", "the service could not be reached or broke off: " + kindOf(err)}
}

// kindOf names an error of the network without what a peer may have put in it.
func kindOf(err error) string {
	var op *net.OpError
	if errors.As(err, &op) {
		var dns *net.DNSError
		if errors.As(err, &dns) {
			return "its name could not be resolved"
		}
		return op.Op + " failed"
	}
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		return "it closed the connection"
	}
	return "protocol error"
}

// outgoing makes the request that the service sees.
func (p *passage) outgoing(ctx context.Context, up *router.Upstream) *http.Request {
	req := &p.x.Request
	header := outgoingHeader(&req.Header)
	grpcTrailers := req.Header.HasToken("te", "trailers")
	removeHopByHop(header, true)
	if isWebSocket(p.r) {
		header["Connection"], header["Upgrade"] = []string{"Upgrade"}, []string{"websocket"}
	}
	if grpcTrailers {
		header["Te"] = []string{"trailers"}
	}
	if _, ok := header["User-Agent"]; !ok {
		header["User-Agent"] = []string{""} // or net/http sends its own
	}
	p.forwarded(header)
	out := &http.Request{
		Method: req.Method, Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1,
		URL:    &url.URL{Scheme: up.Scheme, Host: up.Host, Opaque: p.x.Upstream.Path, RawQuery: req.RawQuery},
		Host:   up.Host,
		Header: header,
	}
	body, length := req.Body.Forward()
	switch {
	case body == nil || length == 0:
		out.Body = http.NoBody
	default:
		out.Body, out.ContentLength = io.NopCloser(p.duplicateRequest(body)), length
		out.Trailer = p.r.Trailer
		if req.Body.Changed() {
			delete(header, "Content-Encoding")
		}
	}
	return out.WithContext(ctx)
}

// forwarded tells the service where the request came from.
func (p *passage) forwarded(header http.Header) {
	req := &p.x.Request
	peer := req.Remote.Addr().String()
	if before := req.Header.Joined("x-forwarded-for"); before != "" {
		peer = before + ", " + peer
	}
	values := []string{peer, req.Scheme, p.r.Host, p.x.ID}
	header["X-Forwarded-For"] = values[0:1:1]
	if _, ok := header["X-Forwarded-Proto"]; !ok {
		header["X-Forwarded-Proto"] = values[1:2:2]
	}
	if _, ok := header["X-Forwarded-Host"]; !ok {
		header["X-Forwarded-Host"] = values[2:3:3]
	}
	if _, ok := header["X-Correlation-Id"]; !ok {
		header["X-Correlation-Id"] = values[3:4:4]
	}
}

func outgoingHeader(h *traffic.Header) http.Header {
	n := h.Len()
	header := make(http.Header, n+6)
	values := make([]string, n)
	for i := 0; i < n; {
		name := h.At(i).Name
		from := i
		for i < n && h.At(i).Name == name {
			values[i] = h.At(i).Value
			i++
		}
		header[canonicalName(name)] = values[from:i:i]
	}
	return header
}

// canonicalNames is commonNames the other way round.
var canonicalNames = func() map[string]string {
	names := make(map[string]string, len(commonNames))
	for canonical, lower := range commonNames {
		names[lower] = canonical
	}
	return names
}()

func canonicalName(lower string) string {
	if name, ok := canonicalNames[lower]; ok {
		return name
	}
	return textproto.CanonicalMIMEHeaderKey(lower)
}

// removeHopByHop removes what is meant for one connection only (RFC 9110
// §7.6.1), and from requests also what the gateway answers itself. The fields
// that Connection names were removed from a request when it came.
func removeHopByHop(header http.Header, request bool) {
	if !request {
		for _, list := range header["Connection"] {
			for name := range strings.SplitSeq(list, ",") {
				if name = textproto.TrimString(name); name != "" {
					header.Del(name)
				}
			}
		}
	}
	for _, name := range [...]string{"Connection", "Keep-Alive", "Proxy-Connection", "Proxy-Authenticate", "Te", "Trailer", "Transfer-Encoding", "Upgrade"} {
		delete(header, name)
	}
	if request {
		delete(header, "Proxy-Authorization")
		delete(header, "Expect")
	}
}
