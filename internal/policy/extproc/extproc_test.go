package extproc

import (
	"context"
	"encoding/json"
	"io"
	"log/slog"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	corev3 "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
	modev3 "github.com/envoyproxy/go-control-plane/envoy/extensions/filters/http/ext_proc/v3"
	procv3 "github.com/envoyproxy/go-control-plane/envoy/service/ext_proc/v3"
	typev3 "github.com/envoyproxy/go-control-plane/envoy/type/v3"
	"google.golang.org/grpc"

	"farrier.dev/farrier/internal/policy"
	"farrier.dev/farrier/internal/policy/policytest"
	"farrier.dev/farrier/internal/traffic"
)

func TestConversations(t *testing.T) {
	policytest.Play(t, Policy(), 2)
}

// processor is a service that answers as the test says.
type processor struct {
	procv3.UnimplementedExternalProcessorServer
	// answer gives what is sent for a message: nothing for nil; an error, or
	// io.EOF for none, ends the stream.
	answer func(*procv3.ProcessingRequest) ([]*procv3.ProcessingResponse, error)
	// after gives what is sent behind that; nil for nothing.
	after func(*procv3.ProcessingRequest) []*procv3.ProcessingResponse

	mu       sync.Mutex
	messages []*procv3.ProcessingRequest
	streams  int
	ended    chan struct{}
}

// Process implements the protocol.
func (p *processor) Process(stream procv3.ExternalProcessor_ProcessServer) error {
	p.mu.Lock()
	p.streams++
	p.mu.Unlock()
	defer func() { p.ended <- struct{}{} }()
	for {
		message, err := stream.Recv()
		if err == io.EOF { //nolint:errorlint // gRPC gives it bare
			return nil
		}
		if err != nil {
			return err
		}
		p.mu.Lock()
		p.messages = append(p.messages, message)
		p.mu.Unlock()
		answers, err := p.answer(message)
		for _, one := range answers {
			if err := stream.Send(one); err != nil {
				return err
			}
		}
		if p.after != nil {
			for _, one := range p.after(message) {
				if err := stream.Send(one); err != nil {
					return err
				}
			}
		}
		if err == io.EOF { //nolint:errorlint // the test says so
			return nil
		}
		if err != nil {
			return err
		}
	}
}

// seen are the messages so far, as kinds.
func (p *processor) seen() (list []*procv3.ProcessingRequest, kinds string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	var names []string
	for _, m := range p.messages {
		switch m.GetRequest().(type) {
		case *procv3.ProcessingRequest_RequestHeaders:
			names = append(names, "request-headers")
		case *procv3.ProcessingRequest_ResponseHeaders:
			names = append(names, "response-headers")
		case *procv3.ProcessingRequest_RequestBody:
			names = append(names, "request-body")
		case *procv3.ProcessingRequest_ResponseBody:
			names = append(names, "response-body")
		}
	}
	return p.messages, strings.Join(names, " ")
}

func startProcessor(t testing.TB, answer func(*procv3.ProcessingRequest) ([]*procv3.ProcessingResponse, error)) (p *processor, uri string, stop func()) {
	t.Helper()
	ln, err := (&net.ListenConfig{}).Listen(context.Background(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	p = &processor{answer: answer, ended: make(chan struct{}, 1000)}
	server := grpc.NewServer()
	procv3.RegisterExternalProcessorServer(server, p)
	go func() { _ = server.Serve(ln) }()
	t.Cleanup(server.Stop)
	return p, "h2://" + ln.Addr().String(), server.Stop
}

// agree answers every message without a change, or with the change given.
func agree(m *procv3.ProcessingRequest, common *procv3.CommonResponse) *procv3.ProcessingResponse {
	switch m.GetRequest().(type) {
	case *procv3.ProcessingRequest_RequestHeaders:
		return &procv3.ProcessingResponse{Response: &procv3.ProcessingResponse_RequestHeaders{RequestHeaders: &procv3.HeadersResponse{Response: common}}}
	case *procv3.ProcessingRequest_ResponseHeaders:
		return &procv3.ProcessingResponse{Response: &procv3.ProcessingResponse_ResponseHeaders{ResponseHeaders: &procv3.HeadersResponse{Response: common}}}
	case *procv3.ProcessingRequest_RequestBody:
		return &procv3.ProcessingResponse{Response: &procv3.ProcessingResponse_RequestBody{RequestBody: &procv3.BodyResponse{Response: common}}}
	}
	return &procv3.ProcessingResponse{Response: &procv3.ProcessingResponse_ResponseBody{ResponseBody: &procv3.BodyResponse{Response: common}}}
}

func agreeing(m *procv3.ProcessingRequest) ([]*procv3.ProcessingResponse, error) {
	return []*procv3.ProcessingResponse{agree(m, nil)}, nil
}

func set(name, value string) *corev3.HeaderValueOption {
	return &corev3.HeaderValueOption{Header: &corev3.HeaderValue{Key: name, RawValue: []byte(value)}}
}

func immediate(status typev3.StatusCode, body string, headers ...*corev3.HeaderValueOption) *procv3.ProcessingResponse {
	return &procv3.ProcessingResponse{Response: &procv3.ProcessingResponse_ImmediateResponse{ImmediateResponse: &procv3.ImmediateResponse{
		Status: &typev3.HttpStatus{Code: status}, Body: []byte(body), Headers: &procv3.HeaderMutation{SetHeaders: headers},
	}}}
}

// gateway plays exchanges through the step of settings.
type gateway struct {
	t     testing.TB
	step  policy.Step
	chain *policy.Chain
	close func()
}

func newGateway(t testing.TB, settings map[string]any) *gateway {
	t.Helper()
	raw, err := json.Marshal(settings)
	if err != nil {
		t.Fatal(err)
	}
	compiled, err := Policy().Compile(raw)
	if err != nil {
		t.Fatal(err)
	}
	rt := &policy.Runtime{
		Now: time.Now, Budget: traffic.NewBudget(64 << 20),
		Render:   func(x *traffic.Exchange, v policy.Verdict, _ bool) { v.Answer.Write(x) },
		Panicked: func(_ string, value any) { t.Errorf("panic: %v", value) },
	}
	states := map[string]any{}
	g := &gateway{t: t, close: sync.OnceFunc(func() {
		for _, one := range states {
			if err := one.(io.Closer).Close(); err != nil {
				t.Error(err)
			}
		}
	})}
	t.Cleanup(g.close)
	g.step, err = compiled.Bind(policy.Env{
		Now: time.Now, Log: slog.New(slog.DiscardHandler), HTTP: &http.Client{Transport: &http.Transport{}}, Load: rt.Load,
		State: func(key string, make func() any) any {
			if states[key] == nil {
				states[key] = make()
			}
			return states[key]
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	if g.chain, err = policy.NewChain(rt, []policy.Link{{Binding: "default/proc", Policy: "native-ext-proc-flex", Step: g.step}}); err != nil {
		t.Fatal(err)
	}
	return g
}

type exchanged struct {
	x              *traffic.Exchange
	verdict        policy.Verdict
	sentBody, body string
}

// send plays one exchange whose service answers with the body given.
func (g *gateway) send(x *traffic.Exchange, reply func(*traffic.Response)) exchanged {
	g.t.Helper()
	run := g.chain.Begin()
	out := exchanged{x: x, verdict: run.Request(g.t.Context(), x)}
	if out.verdict.Stops() {
		run.Render(x, out.verdict)
	} else {
		out.sentBody = read(g.t, &x.Request.Body)
		x.Response = traffic.Response{Status: 200, Header: traffic.NewHeader(traffic.Field{Name: "content-type", Value: "text/plain"})}
		reply(&x.Response)
	}
	if v := run.Response(g.t.Context(), x); v.Stops() {
		out.verdict = v
	}
	out.body = read(g.t, &x.Response.Body)
	run.End(x, false)
	return out
}

func read(t testing.TB, b *traffic.Body) string {
	t.Helper()
	r, _ := b.Forward()
	if r == nil {
		return ""
	}
	text, err := io.ReadAll(r)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

func replying(body string) func(*traffic.Response) {
	return func(r *traffic.Response) { r.Body.SetSource(strings.NewReader(body), int64(len(body))) }
}

func exchange(body string) *traffic.Exchange {
	x := &traffic.Exchange{ID: traffic.NewID(time.Now()), Received: time.Now(), BasePath: "/api", SubPath: "/orders"}
	x.Request.Method, x.Request.Path, x.Request.RawQuery = "POST", "/api/orders", "a=1"
	x.Request.Host, x.Request.Scheme, x.Request.Proto = "api.test", "http", "HTTP/1.1"
	x.Request.Header = traffic.NewHeader(traffic.Field{Name: "x-a", Value: "1"}, traffic.Field{Name: "x-b", Value: "\xff"})
	if body != "" {
		x.Request.Body.SetSource(strings.NewReader(body), int64(len(body)))
	}
	return x
}

func override(request, response modev3.ProcessingMode_BodySendMode, headers modev3.ProcessingMode_HeaderSendMode) *modev3.ProcessingMode {
	return &modev3.ProcessingMode{RequestBodyMode: request, ResponseBodyMode: response, ResponseHeaderMode: headers}
}
