// Package extproc is the policy native-ext-proc-flex: a processor outside reads
// headers and bodies as they pass, by Envoy's protocol for external processing
// (envoy.service.ext_proc.v3), and changes them or answers itself. One gRPC
// stream serves one exchange. Bodies are held before they are sent, so that
// nothing goes on that the processor has not agreed to; trailers it never reads.
package extproc

import (
	"context"
	_ "embed"
	"fmt"
	"net"
	"net/http"
	"time"

	procv3 "github.com/envoyproxy/go-control-plane/envoy/service/ext_proc/v3"
	"google.golang.org/grpc"
	"google.golang.org/grpc/backoff"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/keepalive"

	"farrier.dev/farrier/internal/policy"
	"farrier.dev/farrier/internal/traffic"
)

//go:generate go run ../schemagen .

//go:embed schema.json
var schema []byte

// Policy is the entry of the catalogue.
func Policy() policy.Policy {
	return policy.Policy{
		Name: "native-ext-proc-flex", Title: "External Processing", Category: "Transformation",
		Phase: policy.Shape, Schema: schema, Warn: warn, Compile: compile,
	}
}

// headroom is what a message may have beside the body, in bytes.
const headroom = 1 << 20

// connection is the one to the processor; it outlives revisions.
type connection struct {
	*grpc.ClientConn
	err      error
	watchers *watchers
}

// Close implements io.Closer.
func (c *connection) Close() error {
	c.watchers.close()
	if c.ClientConn == nil {
		return nil
	}
	return c.ClientConn.Close()
}

// dial makes a connection that is opened when it is first needed.
func dial(c *compiled, client *http.Client) *connection {
	secure := insecure.NewCredentials()
	if c.service.Secure {
		config := policy.DialTLS(client)
		config.ServerName = c.service.Host
		secure = credentials.NewTLS(config)
	}
	open := policy.Dialer(client)
	limit := headroom + int(c.BodyLimit)
	conn, err := grpc.NewClient("passthrough:///"+c.service.Address,
		grpc.WithTransportCredentials(secure),
		grpc.WithContextDialer(func(ctx context.Context, address string) (net.Conn, error) { return open(ctx, "tcp", address) }),
		grpc.WithDisableServiceConfig(),
		grpc.WithUserAgent("farrier"),
		grpc.WithDefaultCallOptions(grpc.MaxCallRecvMsgSize(limit), grpc.MaxCallSendMsgSize(limit)),
		// Servers may end connections that are asked for a sign of life more often.
		grpc.WithKeepaliveParams(keepalive.ClientParameters{Time: 5 * time.Minute, Timeout: 10 * time.Second}),
		grpc.WithConnectParams(grpc.ConnectParams{
			Backoff:           backoff.Config{BaseDelay: 100 * time.Millisecond, Multiplier: 1.6, Jitter: 0.2, MaxDelay: 3 * time.Second},
			MinConnectTimeout: 5 * time.Second,
		}))
	return &connection{ClientConn: conn, err: err, watchers: newWatchers()}
}

// step is one binding.
type step struct {
	*compiled
	client procv3.ExternalProcessorClient
	load   func(b *traffic.Body, h *traffic.Header, limit int64) error
}

// Bind implements policy.Compiled.
func (c *compiled) Bind(env policy.Env) (policy.Step, error) {
	made, _ := env.State("connection", func() any { return dial(c, env.HTTP) }).(*connection)
	if made.err != nil {
		return policy.Step{}, fmt.Errorf("uri: %w", made.err)
	}
	s := &step{compiled: c, client: procv3.NewExternalProcessorClient(made.ClientConn), load: env.Load}
	out := policy.Step{RequestBody: c.requestNeed, ResponseBody: c.replyNeed}
	if c.ObservabilityMode {
		o := &observer{step: s, watchers: made.watchers, log: env.Log}
		out.Request, out.Response, out.End, out.OnStream = o.request, o.response, o.end, policy.SkipStream
		return out, nil
	}
	if c.OnStream == "skip" {
		out.OnStream = policy.SkipStream
	}
	out.Request, out.End = s.request, s.end
	if c.AllowModeOverride && c.modes.requestHeaders || c.modes.responseHeaders || c.modes.responseBody != none {
		out.Response = s.response
	}
	return out, nil
}

// request shows the processor the request.
func (s *step) request(ctx context.Context, x *traffic.Exchange) policy.Verdict {
	c := &conversation{step: s, x: x, modes: s.modes}
	x.Carry(s, c)
	c.ctx, c.cancel = context.WithCancelCause(ctx)
	return c.verdict(c.request())
}

// response shows the processor the response on the stream of its request.
func (s *step) response(_ context.Context, x *traffic.Exchange) policy.Verdict {
	c, ok := x.Carried(s).(*conversation)
	if !ok || c.over {
		return policy.Go()
	}
	c.ignored = 0
	return c.verdict(c.response())
}

func (s *step) end(x *traffic.Exchange) {
	if c, ok := x.Carried(s).(*conversation); ok {
		c.close()
	}
}

// verdict is what an outcome means for the exchange.
func (c *conversation) verdict(o outcome) policy.Verdict {
	switch {
	case o.answer != nil:
		c.close()
		v := policy.Verdict{Action: traffic.Answered, Answer: *o.answer, Reason: fmt.Sprintf("the processor answers with status %d", o.answer.Status)}
		if o.answer.Status >= 400 {
			v.Action = traffic.Refused
		}
		return v
	case o.problem != nil:
		c.close()
		if c.FailureModeAllow && o.problem.status >= 500 && !o.problem.final {
			c.x.NotInspected = append(c.x.NotInspected, "external processing: "+o.problem.reason)
			return policy.GoBecause(o.problem.reason + "; failureModeAllow lets the exchange pass")
		}
		return policy.Fail(o.problem.status, o.problem.public, o.problem.reason)
	case c.done:
		return policy.GoBecause("the processor has closed the stream; the rest passes as it is")
	case c.ignored > 0:
		return policy.GoBecause(fmt.Sprintf("%d changes of headers that no processor may change were left out", c.ignored))
	}
	return policy.Go()
}
