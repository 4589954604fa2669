// Package tracing is the policy tracing-flex: it makes a span of each exchange
// and hands the W3C trace context on to the service. Where spans go is none of
// its business. A span never holds a query, a value of a header that no label
// names, or a path as it was written.
package tracing

import (
	"context"
	_ "embed"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	semconv "go.opentelemetry.io/otel/semconv/v1.43.0"
	"go.opentelemetry.io/otel/trace"
	"golang.org/x/net/http/httpguts"

	"farrier.dev/farrier/internal/policy"
	"farrier.dev/farrier/internal/traffic"
)

//go:generate go run ../schemagen .

//go:embed schema.json
var schema []byte

// Policy is the entry of the catalogue. Its phase is the first, so that spans
// are made of refused requests too.
func Policy() policy.Policy {
	return policy.Policy{
		Name: "tracing-flex", Title: "Tracing", Category: "Troubleshooting",
		Phase: policy.Admit, Schema: schema, Compile: compile,
	}
}

// Settings are what operators set. Without a collector in the section tracing of
// a Configuration no spans are made, and the context of callers is handed on.
type Settings struct {
	// Sampling says of which requests a span is sent.
	Sampling Sampling `json:"sampling" required:"true"`
	// SpanName is the name of the spans; the default is the name of the API.
	SpanName string `json:"spanName"`
	// Labels are further attributes of the spans.
	Labels []Label `json:"labels" default:"[]"`
}

// Sampling are shares in percent.
type Sampling struct {
	// Client is the share of the requests whose caller asks for a span, by the flag sampled of traceparent or by the header x-client-trace-id. A caller whose traceparent says not sampled is not sampled.
	Client float64 `json:"client" required:"true" default:"100" min:"0" max:"100"`
	// Random is the share of the requests whose caller says nothing.
	Random float64 `json:"random" required:"true" default:"100" min:"0" max:"100"`
	// Overall is the share that is kept of what the two others leave, so that it bounds them all.
	Overall float64 `json:"overall" required:"true" default:"100" min:"0" max:"100"`
}

// Label is one further attribute.
type Label struct {
	// Name is the key of the attribute.
	Name string `json:"name" required:"true" minLength:"1"`
	// Type says where the value comes from: it is the defaultValue itself (literal), that of a variable of the environment, or that of a header of the request.
	Type string `json:"type" required:"true" enum:"literal|environment|requestHeader"`
	// KeyName is the name of the variable or header.
	KeyName string `json:"keyName"`
	// DefaultValue is the value of a literal, and that of a label whose variable or header is not there. Without one such a label is left out.
	DefaultValue string `json:"defaultValue"`
}

// maxLabel is the length in bytes up to which the value of a header is taken.
const maxLabel = 256

type compiled struct{ Settings }

func compile(raw json.RawMessage) (policy.Compiled, error) {
	c := &compiled{}
	if err := policy.Decode(raw, &c.Settings); err != nil {
		return nil, err
	}
	for name, share := range map[string]float64{"client": c.Sampling.Client, "random": c.Sampling.Random, "overall": c.Sampling.Overall} {
		if share < 0 || share > 100 {
			return nil, fmt.Errorf("sampling.%s: a share is between 0 and 100", name)
		}
	}
	for i, l := range c.Labels {
		if err := l.check(); err != nil {
			return nil, fmt.Errorf("labels[%d].%w", i, err)
		}
	}
	return c, nil
}

func (l *Label) check() error {
	switch l.Type {
	case "literal":
		if l.DefaultValue == "" {
			return errors.New("defaultValue: it is the value of a literal; write it")
		}
	case "requestHeader":
		if !httpguts.ValidHeaderFieldName(l.KeyName) {
			return fmt.Errorf("keyName: %q is no name of a header", l.KeyName)
		}
	default:
		for i, r := range l.KeyName {
			if r != '_' && (r < 'A' || r > 'Z') && (r < 'a' || r > 'z') && (i == 0 || r < '0' || r > '9') {
				return fmt.Errorf("keyName: %q is no name of a variable", l.KeyName)
			}
		}
		if l.KeyName == "" {
			return errors.New("keyName: name the variable")
		}
	}
	return nil
}

// step is one binding; tracer is nil when nobody collects spans.
type step struct {
	sampling Sampling
	tracer   trace.Tracer
	now      func() time.Time
	name     string
	fixed    []attribute.KeyValue
	headers  []Label
}

// Bind implements policy.Compiled.
func (c *compiled) Bind(env policy.Env) (policy.Step, error) {
	s := &step{sampling: c.Sampling, now: env.Now, name: c.SpanName}
	if s.name == "" {
		_, s.name, _ = strings.Cut(env.API, "/")
	}
	if env.Tracing == nil {
		return policy.Step{Request: s.hand}, nil
	}
	s.tracer = env.Tracing.Tracer("farrier.dev/farrier")
	s.fixed = []attribute.KeyValue{attribute.String("farrier.api", env.API)}
	for _, l := range c.Labels {
		value := l.DefaultValue
		switch l.Type {
		case "requestHeader":
			l.KeyName = traffic.LowerName(l.KeyName)
			s.headers = append(s.headers, l)
			continue
		case "environment":
			if found, err := env.Expand("$" + l.KeyName); err == nil && found != "" {
				value = found
			}
		}
		if value != "" {
			s.fixed = append(s.fixed, attribute.String(l.Name, text(value)))
		}
	}
	return policy.Step{Request: s.begin, End: s.end}, nil
}

// hand lets the context of the caller pass, if it is one.
func (s *step) hand(_ context.Context, x *traffic.Exchange) policy.Verdict {
	if h := &x.Request.Header; !parent(h).IsValid() {
		h.Del("traceparent")
		h.Del("tracestate")
	}
	return policy.Go()
}

// begin opens the span, if the request is sampled, and tells the service the
// context in either case.
func (s *step) begin(_ context.Context, x *traffic.Exchange) policy.Verdict {
	h := &x.Request.Header
	caller := parent(h)
	if !s.samples(caller, h.Has("x-client-trace-id")) {
		inject(h, unsampled(caller))
		return policy.GoBecause("not sampled")
	}
	// Nothing of the request's own context belongs into the span.
	ctx := trace.ContextWithRemoteSpanContext(context.Background(), caller.WithTraceFlags(caller.TraceFlags().WithSampled(true)))
	_, span := s.tracer.Start(ctx, s.name,
		trace.WithSpanKind(trace.SpanKindServer), trace.WithTimestamp(x.Received), trace.WithAttributes(s.fixed...))
	for _, l := range s.headers {
		value := h.Get(l.KeyName)
		if value == "" {
			value = l.DefaultValue
		}
		if value != "" {
			span.SetAttributes(attribute.String(l.Name, text(value)))
		}
	}
	if sc := span.SpanContext(); sc.IsValid() {
		inject(h, sc)
	}
	x.Carry(s, span)
	return policy.Go()
}

// samples decides whether a span is made.
func (s *step) samples(caller trace.SpanContext, forced bool) bool {
	share := s.sampling.Random
	switch {
	case forced || caller.IsSampled():
		share = s.sampling.Client
	case caller.IsValid():
		return false
	}
	return among(share) && among(s.sampling.Overall)
}

// among is true for a share in percent of all calls.
func among(share float64) bool {
	return share >= 100 || rand.Float64()*100 < share //nolint:gosec // chooses samples, guards nothing
}

// end closes the span with what is known by now.
func (s *step) end(x *traffic.Exchange) {
	span, ok := x.Carried(s).(trace.Span)
	if !ok {
		return
	}
	method := x.Request.Method
	if !slices.Contains([]string{"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"}, method) {
		method = "_OTHER"
	}
	_, route, _ := strings.Cut(x.Operation(), " ")
	span.SetAttributes(
		semconv.HTTPRequestMethodKey.String(method), semconv.HTTPRoute(route), semconv.URLScheme(x.Request.Scheme),
		semconv.NetworkProtocolVersion(strings.TrimSuffix(strings.TrimPrefix(x.Request.Proto, "HTTP/"), ".0")),
		attribute.String("farrier.correlation_id", x.ID),
	)
	if x.Upstream.Service != "" {
		span.SetAttributes(attribute.String("farrier.service", x.Upstream.Service))
	}
	if code := x.Response.Status; code != 0 {
		span.SetAttributes(semconv.HTTPResponseStatusCode(code))
		if code >= http.StatusInternalServerError {
			span.SetAttributes(semconv.ErrorTypeKey.String(strconv.Itoa(code)))
			span.SetStatus(codes.Error, "")
		}
	} else {
		span.SetStatus(codes.Error, "the exchange was cut off")
	}
	span.End(trace.WithTimestamp(s.now()))
}

// text is what a label may hold.
func text(value string) string {
	return strings.ToValidUTF8(value[:min(len(value), maxLabel)], "")
}
