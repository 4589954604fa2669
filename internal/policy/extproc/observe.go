package extproc

import (
	"context"
	"log/slog"
	"sync"
	"time"

	procv3 "github.com/envoyproxy/go-control-plane/envoy/service/ext_proc/v3"

	"farrier.dev/farrier/internal/policy"
	"farrier.dev/farrier/internal/traffic"
)

// What watching may hold: streams at one time, messages of one stream, and how
// long a processor may take after the end of an exchange.
const (
	maxWatchers = 1000
	maxMessages = 512
	farewell    = 5 * time.Second
)

// watchers are the goroutines that show exchanges to a processor of a binding.
// They end in close.
type watchers struct {
	ctx    context.Context //nolint:containedctx // it ends with the connection
	cancel context.CancelFunc
	slots  chan struct{}

	mu     sync.Mutex
	closed bool
	all    sync.WaitGroup
}

func newWatchers() *watchers {
	w := &watchers{slots: make(chan struct{}, maxWatchers)}
	w.ctx, w.cancel = context.WithCancel(context.Background())
	return w
}

func (w *watchers) close() {
	w.mu.Lock()
	w.closed = true
	w.mu.Unlock()
	w.cancel()
	w.all.Wait()
}

// start runs work on a goroutine of its own, if there is room.
func (w *watchers) start(work func(context.Context)) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.closed {
		return false
	}
	select {
	case w.slots <- struct{}{}:
	default:
		return false
	}
	w.all.Go(func() {
		defer func() { <-w.slots }()
		work(w.ctx)
	})
	return true
}

// observer is a binding that only shows.
type observer struct {
	*step
	watchers *watchers
	log      *slog.Logger
}

// shown is one exchange that is being shown.
type shown struct {
	conversation

	messages chan *procv3.ProcessingRequest
	dropped  bool
}

func (o *observer) request(_ context.Context, x *traffic.Exchange) policy.Verdict {
	s := &shown{conversation: conversation{step: o.step, x: x}, messages: make(chan *procv3.ProcessingRequest, maxMessages)}
	if !o.watchers.start(func(ctx context.Context) { o.show(ctx, s.messages) }) {
		x.NotInspected = append(x.NotInspected, "external processing: there was no room to show it")
		return policy.Go()
	}
	x.Carry(o, s)
	req := &x.Request
	if o.modes.requestHeaders {
		message := &procv3.HttpHeaders{Headers: s.requestFields(), EndOfStream: s.empty(&req.Body, req.Streaming)}
		s.send(&procv3.ProcessingRequest{Request: &procv3.ProcessingRequest_RequestHeaders{RequestHeaders: message}})
	}
	s.pieces(o.modes.requestBody, &req.Body, requestSide)
	return policy.Go()
}

func (o *observer) response(_ context.Context, x *traffic.Exchange) policy.Verdict {
	s, ok := x.Carried(o).(*shown)
	if !ok {
		return policy.Go()
	}
	resp := &x.Response
	if o.modes.responseHeaders {
		message := &procv3.HttpHeaders{Headers: s.responseFields(), EndOfStream: s.empty(&resp.Body, resp.Streaming)}
		s.send(&procv3.ProcessingRequest{Request: &procv3.ProcessingRequest_ResponseHeaders{ResponseHeaders: message}})
	}
	s.pieces(o.modes.responseBody, &resp.Body, responseSide)
	return policy.Go()
}

func (o *observer) end(x *traffic.Exchange) {
	if s, ok := x.Carried(o).(*shown); ok {
		close(s.messages)
	}
}

// pieces queues a body in pieces. They share the memory of the body, which
// nobody changes.
func (s *shown) pieces(mode bodyMode, b *traffic.Body, of side) {
	if mode == none || !b.Loaded() {
		return
	}
	content := b.Bytes()
	for at := 0; at < len(content); at += piece {
		end := min(at+piece, len(content))
		s.send(bodyMessage(of, content[at:end], end == len(content) && !b.Partial()))
	}
}

// send queues one message; when there is no room it and all behind it are left
// out, so that the processor never reads a gap.
func (s *shown) send(message *procv3.ProcessingRequest) {
	message.ObservabilityMode = true
	if s.dropped {
		return
	}
	select {
	case s.messages <- message:
	default:
		s.dropped = true
		s.x.NotInspected = append(s.x.NotInspected, "external processing: the processor takes too long to be shown all of it")
	}
}

// show sends what is queued until the exchange or the binding ends. It waits
// for no answer.
func (o *observer) show(ctx context.Context, messages <-chan *procv3.ProcessingRequest) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	stream, err := o.client.Process(ctx)
	if err == nil {
		go drain(stream)
	}
	for first := true; err == nil; first = false {
		message, more := next(ctx, messages)
		if !more {
			break
		}
		if first {
			message.ProtocolConfig = &procv3.ProtocolConfiguration{RequestBodyMode: o.modes.requestBody, ResponseBodyMode: o.modes.responseBody}
		}
		timer := time.AfterFunc(o.timeout, cancel)
		err = stream.Send(message)
		timer.Stop()
	}
	if err != nil {
		o.log.Debug("an exchange could not be shown to the processor")
		return
	}
	timer := time.AfterFunc(farewell, cancel)
	defer timer.Stop()
	_ = stream.CloseSend() // it never fails
	<-stream.Context().Done()
}

// next waits for a message; there is none when the exchange or ctx has ended.
func next(ctx context.Context, messages <-chan *procv3.ProcessingRequest) (*procv3.ProcessingRequest, bool) {
	select {
	case message, more := <-messages:
		return message, more
	case <-ctx.Done():
		return nil, false
	}
}

// drain reads answers so that the processor is never held up by them.
func drain(stream procv3.ExternalProcessor_ProcessClient) {
	for {
		if _, err := stream.Recv(); err != nil {
			return
		}
	}
}
