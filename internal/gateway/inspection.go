package gateway

import (
	"context"
	"errors"
	"io"
	"net/http"
	"strconv"
	"strings"
	"sync"

	"farrier.dev/farrier/internal/gateway/stream"
	"farrier.dev/farrier/internal/policy"
	"farrier.dev/farrier/internal/traffic"
)

// inspection has the messages of one stream judged. Both directions run at
// once, so the exchange belongs to whoever holds mu: the goroutine of the
// passage holds it unless it waits for a peer. A nil inspection does nothing.
type inspection struct {
	p   *passage
	ctx context.Context //nolint:containedctx // that of the exchange; readers have none to hand on

	mu   sync.Mutex
	mine bool // the passage's goroutine holds mu; only it may ask
	over bool // the exchange is about to be sealed
	// stop ended the stream, or fault did.
	stop  policy.Verdict
	fault *stream.FaultError
	// byClient says that the client is at fault, not the service.
	byClient bool
	count    traffic.Messages
}

var (
	errRefused = errors.New("a message of the stream was refused")
	errOver    = errors.New("the stream is over")
)

// inspect begins the inspection of an exchange that has passed both chains, if
// a step wants it. The passage's goroutine holds it.
func (p *passage) inspect(ctx context.Context, kind policy.MessageKind) {
	if p.inspection != nil || !p.inspects(true, kind) && !p.inspects(false, kind) {
		return
	}
	p.inspection = &inspection{p: p, ctx: ctx}
	p.inspection.take()
}

func (p *passage) inspects(fromClient bool, kind policy.MessageKind) bool {
	return p.inbound.Inspects(fromClient, kind) || p.outbound.Inspects(fromClient, kind)
}

// leaveOut lets messages pass that can't be read, and says whether the steps
// that look at them can do without.
func (p *passage) leaveOut(fromClient bool, kind policy.MessageKind, why string) bool {
	if p.inbound.Demands(fromClient, kind) || p.outbound.Demands(fromClient, kind) {
		return false
	}
	p.inbound.LeaveOut(p.x, fromClient, kind, why)
	p.outbound.LeaveOut(p.x, fromClient, kind, why)
	return true
}

// asked is the kind of messages of the stream that a request opens.
func (p *passage) asked() policy.MessageKind {
	if isWebSocket(p.r) {
		return policy.TextMessage
	}
	return policy.GRPCMessage
}

// take and leave are for the passage's goroutine.
func (i *inspection) take() {
	if i != nil && !i.mine {
		i.mu.Lock()
		i.mine = true
	}
}

func (i *inspection) leave() {
	if i != nil && i.mine {
		i.mine = false
		i.mu.Unlock()
	}
}

// finish says that no message is judged any more, and tells the end of it.
func (i *inspection) finish() {
	if i == nil {
		return
	}
	i.take()
	defer i.leave()
	i.over = true
	i.tell()
}

// stopped says that the stream must end.
func (i *inspection) stopped() bool { return i != nil && (i.stop.Stops() || i.fault != nil) }

// tell puts what is known into the ending of the exchange.
func (i *inspection) tell() {
	i.p.end.Messages = i.count
	switch {
	case i.stop.Stops():
		i.p.stopped(i.stop)
		i.p.end.Reason = ""
	case i.fault != nil:
		i.p.end.Outcome, i.p.end.Reason = traffic.Errored, i.fault.Reason
		if i.byClient {
			i.p.end.Outcome = traffic.RefusedByGateway
		}
	}
}

// options are those of the reader of one side.
func (i *inspection) options(fromClient bool) stream.Options {
	return stream.Options{FromClient: fromClient, Judge: i.judge, Budget: i.p.g.runtime.Budget, Now: i.p.g.Now}
}

// judge is called by the readers of both directions.
func (i *inspection) judge(m policy.Message) error {
	i.mu.Lock()
	defer i.mu.Unlock()
	if i.over || i.stopped() {
		return errOver
	}
	first, second := &i.p.inbound, &i.p.outbound
	if m.FromClient {
		i.count.In++
	} else {
		i.count.Out++
		first, second = second, first
	}
	v := first.Message(i.ctx, i.p.x, m)
	if !v.Stops() {
		v = second.Message(i.ctx, i.p.x, m)
	}
	if v.Stops() {
		i.stop = v
		i.count.Refused++
		return errRefused
	}
	return nil
}

// failed notes that a reader found the stream at fault; only the first counts.
func (i *inspection) failed(err error, byClient bool) {
	var fault *stream.FaultError
	if !errors.As(err, &fault) {
		return
	}
	i.mu.Lock()
	defer i.mu.Unlock()
	if !i.over && !i.stopped() {
		i.fault, i.byClient = fault, byClient
		i.count.Refused++
	}
}

// checked is a reader as the content of a message of HTTP. A panic in it is an
// error, for the transport's goroutines are guarded by no one.
type checked struct {
	*stream.Reader
	i          *inspection
	fromClient bool
}

// Read gives what was agreed to.
func (c *checked) Read(b []byte) (n int, err error) {
	defer func() {
		if value := recover(); value != nil {
			c.i.p.g.runtime.Panicked("gateway", value)
			err = errOver
		}
	}()
	n, err = c.Reader.Read(b)
	if err != nil {
		c.i.failed(err, c.fromClient)
	}
	return n, err
}

// openStream prepares the request for the inspection of what follows, and says
// why that is impossible.
func (p *passage) openStream(out *http.Request) *rejection {
	header := out.Header
	if p.inspects(false, policy.EventMessage) && strings.Contains(p.x.Request.Header.Joined("accept"), "text/event-stream") {
		delete(header, "Accept-Encoding") // compressed events can't be inspected one by one
	}
	if p.inspection == nil {
		return nil
	}
	if isWebSocket(p.r) {
		if p.x.Request.Header.Joined("sec-websocket-version") != "13" {
			return &rejection{http.StatusBadRequest, "Unsupported version of WebSocket.", "the messages of this version of WebSocket can't be inspected"}
		}
		delete(header, "Sec-Websocket-Extensions")
		if offer := stream.Offer(p.x.Request.Header.Joined("sec-websocket-extensions")); offer != "" {
			header["Sec-Websocket-Extensions"] = []string{offer}
		}
		return nil
	}
	if out.Body == http.NoBody || !p.inspects(true, policy.GRPCMessage) {
		return nil
	}
	contentType := p.x.Request.Header.Get("content-type")
	if coded(p.x.Request.Header.Joined("content-encoding")) || isGRPCText(contentType) {
		if p.leaveOut(true, policy.GRPCMessage, unread) {
			return nil
		}
		return &rejection{http.StatusUnsupportedMediaType, "This encoding of a stream is not allowed.", "the messages of this encoding of a stream can't be inspected"}
	}
	r := stream.NewGRPC(out.Body, p.inspection.options(true), p.x.Request.Header.Joined("grpc-encoding"), isGRPCWeb(contentType))
	out.Body = &checked{r, p.inspection, true}
	return nil
}

// unread is why messages are left out.
const unread = "the messages of this encoding of a stream can't be read"

func coded(encoding string) bool { return encoding != "" && !strings.EqualFold(encoding, "identity") }

func isGRPCWeb(contentType string) bool {
	return strings.HasPrefix(contentType, "application/grpc-web")
}

// isGRPCText says that messages are in base64.
func isGRPCText(contentType string) bool {
	return strings.HasPrefix(contentType, "application/grpc-web-text")
}

// responseField is a field of the response wherever its header is now.
func (p *passage) responseField(name string) string {
	if p.resp != nil && p.resp.Header != nil && !p.x.Response.Local {
		return strings.Join(p.resp.Header.Values(name), ", ")
	}
	return p.x.Response.Header.Joined(traffic.LowerName(name))
}

// inspectResponse gives the content of a stream through a reader that has its
// messages judged, and says why that is impossible.
func (p *passage) inspectResponse(body io.Reader) (io.Reader, *rejection) {
	x := &p.x.Response
	contentType, kind := p.responseField("Content-Type"), policy.EventMessage
	if isGRPC(contentType) {
		kind = policy.GRPCMessage
	}
	if body == nil || !x.Streaming || x.Local || x.Body.Changed() || !p.inspects(false, kind) {
		return body, nil
	}
	p.inspect(p.r.Context(), kind)
	if coded(p.responseField("Content-Encoding")) || isGRPCText(contentType) {
		if p.leaveOut(false, kind, unread) {
			return body, nil
		}
		return nil, &rejection{http.StatusBadGateway, "Bad gateway.", "the service answers with an encoding of a stream that can't be inspected"}
	}
	o := p.inspection.options(false)
	if kind == policy.GRPCMessage {
		p.reader = stream.NewGRPC(body, o, p.responseField("Grpc-Encoding"), isGRPCWeb(contentType))
	} else {
		p.reader = stream.NewEvents(body, o)
	}
	return &checked{p.reader, p.inspection, false}, nil
}

// refusedBeforeHead puts the answer of a call whose message was refused before
// the service answered in the place of the response.
func (p *passage) refusedBeforeHead() {
	p.inspection.tell()
	x := &p.x.Response
	contentType := "application/grpc"
	if isGRPCWeb(p.x.Request.Header.Get("content-type")) {
		contentType = "application/grpc-web"
	}
	answer := policy.Answer{Status: http.StatusOK, Header: []traffic.Field{{Name: "content-type", Value: contentType}}}
	status, message := p.inspection.grpcStatus()
	answer.Header = append(answer.Header,
		traffic.Field{Name: "grpc-status", Value: status}, traffic.Field{Name: "grpc-message", Value: message})
	answer.Write(p.x)
	x.Streaming = false
}

// refusedCall says that a gRPC call broke off because a message was refused, so
// that trailers can tell it. It is for where the passage does not hold the
// inspection.
func (p *passage) refusedCall() bool {
	if p.inspection == nil || !isGRPC(p.responseField("Content-Type")) {
		return false
	}
	p.inspection.take()
	defer p.inspection.leave()
	return p.inspection.stopped()
}

// refusedTrailers ends a gRPC call whose head is out.
func (p *passage) refusedTrailers() {
	header := p.w.Header()
	status, message := p.inspection.grpcStatus()
	header.Set(http.TrailerPrefix+"Grpc-Status", status)
	header.Set(http.TrailerPrefix+"Grpc-Message", message)
}

// grpcStatus is what the client reads, without the reason. The id finds the
// record.
func (i *inspection) grpcStatus() (status, message string) {
	status, message = "7", i.stop.Answer.Error // PERMISSION_DENIED
	switch {
	case i.fault != nil:
		status, message = strconv.Itoa(i.fault.GRPC), "The stream is not allowed."
	case i.stop.Action == traffic.Failed:
		status = "14" // UNAVAILABLE
	}
	return status, percentEncoded(message + " (correlationId " + i.p.x.ID + ")")
}

// percentEncoded is a text as grpc-message wants it (the protocol's "Status-Message").
func percentEncoded(text string) string {
	var b strings.Builder
	for _, c := range []byte(text) {
		if c < ' ' || c > '~' || c == '%' {
			b.WriteString("%" + strings.ToUpper(strconv.FormatUint(uint64(c)|0x100, 16)[1:]))
			continue
		}
		b.WriteByte(c)
	}
	return b.String()
}
