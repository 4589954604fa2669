package extproc

import (
	"context"
	"errors"
	"io"
	"net/http"
	"time"

	corev3 "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
	modev3 "github.com/envoyproxy/go-control-plane/envoy/extensions/filters/http/ext_proc/v3"
	procv3 "github.com/envoyproxy/go-control-plane/envoy/service/ext_proc/v3"
	"google.golang.org/grpc/status"

	"farrier.dev/farrier/internal/policy"
	"farrier.dev/farrier/internal/traffic"
)

// piece is the size in bytes of the pieces of a streamed body.
const piece = 64 << 10

// conversation is the stream of one exchange.
type conversation struct {
	*step
	x      *traffic.Exchange
	modes  modes
	ctx    context.Context //nolint:containedctx // the stream lives from the first hook to the last
	cancel context.CancelCauseFunc
	stream procv3.ExternalProcessor_ProcessClient
	// over says that nothing more is sent.
	over bool
	// done says that the processor wants nothing more of this exchange.
	done bool
	// ignored counts changes that no processor may make.
	ignored int
}

// outcome is how a side of the exchange ends; the zero value goes on.
type outcome struct {
	answer  *policy.Answer
	problem *problem
}

// problem is why the processor has not done its work.
type problem struct {
	status         int
	public, reason string
	// final says that the message was changed in part, or is the fault of the
	// client, so that it must not pass.
	final bool
}

func (p *problem) Error() string { return p.reason }

var (
	errTimeout = errors.New("the processor did not answer in time")
	errOver    = errors.New("the exchange is over")
	// errDone says that the processor has closed the stream in good order: it
	// wants nothing more of this exchange.
	errDone = errors.New("the processor is done")
)

func failed(reason string) *problem {
	return &problem{status: http.StatusInternalServerError, public: "External processing failed.", reason: reason}
}

// ended makes the outcome of an error.
func (c *conversation) ended(err error) outcome {
	var p *problem
	switch {
	case err == nil:
		return outcome{}
	case errors.Is(err, errDone):
		c.done = true
		c.close()
		return outcome{}
	case errors.Is(err, errTimeout):
		return outcome{problem: &problem{status: http.StatusGatewayTimeout, public: "External processing took too long.", reason: errTimeout.Error()}}
	case errors.As(err, &p):
		return outcome{problem: p}
	}
	return outcome{problem: failed(err.Error())}
}

// close ends the stream; nothing is sent afterwards.
func (c *conversation) close() {
	c.over = true
	if c.stream != nil {
		_ = c.stream.CloseSend() // it is cancelled next
		c.stream = nil
	}
	c.cancel(errOver)
}

func (c *conversation) request() outcome {
	req := &c.x.Request
	if c.modes.requestHeaders {
		message := &procv3.HttpHeaders{Headers: c.requestFields(), EndOfStream: c.empty(&req.Body, req.Streaming)}
		answer, err := c.ask(&procv3.ProcessingRequest{Request: &procv3.ProcessingRequest_RequestHeaders{RequestHeaders: message}})
		if err != nil {
			return c.ended(err)
		}
		if im := answer.GetImmediateResponse(); im != nil {
			return c.immediate(im)
		}
		h, ok := answer.GetResponse().(*procv3.ProcessingResponse_RequestHeaders)
		if !ok {
			return outcome{problem: failed("the processor answered the request headers with something else")}
		}
		if err := c.override(answer.GetModeOverride()); err != nil {
			return c.ended(err)
		}
		common := h.RequestHeaders.GetResponse()
		if err := c.changeRequest(common.GetHeaderMutation()); err != nil {
			return c.ended(err)
		}
		if common.GetStatus() == procv3.CommonResponse_CONTINUE_AND_REPLACE {
			return c.ended(c.replace(&req.Body, req.Streaming, common.GetBodyMutation()))
		}
	}
	return c.body(c.modes.requestBody, c.requestNeed, &req.Body, &req.Header, requestSide)
}

func (c *conversation) response() outcome {
	resp := &c.x.Response
	if c.modes.responseHeaders {
		message := &procv3.HttpHeaders{Headers: c.responseFields(), EndOfStream: c.empty(&resp.Body, resp.Streaming)}
		answer, err := c.ask(&procv3.ProcessingRequest{Request: &procv3.ProcessingRequest_ResponseHeaders{ResponseHeaders: message}})
		if err != nil {
			return c.ended(err)
		}
		if im := answer.GetImmediateResponse(); im != nil {
			return c.immediate(im)
		}
		h, ok := answer.GetResponse().(*procv3.ProcessingResponse_ResponseHeaders)
		if !ok {
			return outcome{problem: failed("the processor answered the response headers with something else")}
		}
		if err := c.override(answer.GetModeOverride()); err != nil {
			return c.ended(err)
		}
		common := h.ResponseHeaders.GetResponse()
		if err := c.changeResponse(common.GetHeaderMutation()); err != nil {
			return c.ended(err)
		}
		if common.GetStatus() == procv3.CommonResponse_CONTINUE_AND_REPLACE {
			return c.ended(c.replace(&resp.Body, resp.Streaming, common.GetBodyMutation()))
		}
	}
	return c.body(c.modes.responseBody, c.replyNeed, &resp.Body, &resp.Header, responseSide)
}

// empty says that no body follows.
func (c *conversation) empty(b *traffic.Body, streaming bool) bool { return !streaming && b.Empty() }

// ask sends one message and waits for its answer.
func (c *conversation) ask(message *procv3.ProcessingRequest) (*procv3.ProcessingResponse, error) {
	timer := time.AfterFunc(c.timeout, func() { c.cancel(errTimeout) })
	defer timer.Stop()
	if c.stream == nil {
		stream, err := c.client.Process(c.ctx)
		if err != nil {
			return nil, c.broken(err)
		}
		c.stream = stream
		message.ProtocolConfig = &procv3.ProtocolConfiguration{RequestBodyMode: c.modes.requestBody, ResponseBodyMode: c.modes.responseBody}
	}
	// The reason of a broken stream comes with the next answer.
	if err := c.stream.Send(message); err != nil && !errors.Is(err, io.EOF) {
		return nil, c.broken(err)
	}
	for extended := false; ; {
		answer, err := c.stream.Recv()
		if err != nil {
			return nil, c.broken(err)
		}
		more := answer.GetOverrideMessageTimeout()
		if more == nil {
			return answer, nil
		}
		// Such an answer only asks for more time; all else in it is not read.
		if d := more.AsDuration(); !extended && d >= time.Millisecond && d <= c.longest {
			if !timer.Reset(d) {
				return nil, errTimeout
			}
			extended = true
		}
	}
}

// broken says why a stream ended, without what the processor says of it.
func (c *conversation) broken(err error) error {
	c.stream = nil
	switch {
	case errors.Is(context.Cause(c.ctx), errTimeout):
		return errTimeout
	case errors.Is(err, io.EOF):
		return errDone
	}
	return failed("the processor could not be asked: " + status.Code(err).String())
}

// override takes over the modes that the processor wants from here on.
func (c *conversation) override(wanted *modev3.ProcessingMode) error {
	if wanted == nil || !c.AllowModeOverride {
		return nil
	}
	for _, mode := range []bodyMode{wanted.GetRequestBodyMode(), wanted.GetResponseBodyMode()} {
		if mode != none && mode != streamed && mode != buffered && mode != partial {
			return failed("the processor wants a mode that this gateway does not have: " + mode.String())
		}
	}
	c.modes.responseHeaders = wanted.GetResponseHeaderMode() != modev3.ProcessingMode_SKIP
	c.modes.requestBody, c.modes.responseBody = wanted.GetRequestBodyMode(), wanted.GetResponseBodyMode()
	return nil
}

// requestFields are the fields of the request with the pseudo fields of HTTP/2.
func (c *conversation) requestFields() *corev3.HeaderMap {
	req := &c.x.Request
	target := req.Path
	if req.RawQuery != "" {
		target += "?" + req.RawQuery
	}
	return fields(&req.Header, c.modes.requestBody != none && decoded(&req.Body), [][2]string{
		{":method", req.Method}, {":scheme", req.Scheme}, {":authority", req.Host}, {":path", target},
	})
}

func (c *conversation) responseFields() *corev3.HeaderMap {
	resp := &c.x.Response
	return fields(&resp.Header, c.modes.responseBody != none && decoded(&resp.Body), [][2]string{{":status", statusText(resp.Status)}})
}

// decoded says that the processor reads a body whose Content-Encoding has been
// opened, so that the fields about its coded form would mislead.
func decoded(b *traffic.Body) bool { return b.Loaded() && !b.Empty() }

func fields(h *traffic.Header, decoded bool, pseudo [][2]string) *corev3.HeaderMap {
	m := &corev3.HeaderMap{Headers: make([]*corev3.HeaderValue, 0, len(pseudo)+h.Len())}
	for _, p := range pseudo {
		m.Headers = append(m.Headers, &corev3.HeaderValue{Key: p[0], RawValue: []byte(p[1])})
	}
	coded := decoded && h.Has("content-encoding")
	for f := range h.All() {
		if !coded || f.Name != "content-encoding" && f.Name != "content-length" {
			m.Headers = append(m.Headers, &corev3.HeaderValue{Key: f.Name, RawValue: []byte(f.Value)})
		}
	}
	return m
}
