package tracing

import (
	"context"
	"encoding/json"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"
	"go.opentelemetry.io/otel/trace"

	"farrier.dev/farrier/internal/policy"
	"farrier.dev/farrier/internal/policy/policytest"
	"farrier.dev/farrier/internal/traffic"
)

const (
	traceID = "0af7651916cd43dd8448eb211c80319c"
	spanID  = "b7ad6b7169203331"
	sampled = "00-" + traceID + "-" + spanID + "-01"
	dropped = "00-" + traceID + "-" + spanID + "-00"
)

func TestConversations(t *testing.T) {
	policytest.Play(t, Policy(), 2)
}

func bind(t testing.TB, settings string) (policy.Step, *tracetest.InMemoryExporter) {
	t.Helper()
	compiled, err := Policy().Compile(json.RawMessage(settings))
	if err != nil {
		t.Fatal(err)
	}
	kept := tracetest.NewInMemoryExporter()
	step, err := compiled.Bind(policy.Env{
		Now: time.Now, API: "default/orders",
		Tracing: sdktrace.NewTracerProvider(sdktrace.WithSyncer(kept), sdktrace.WithSampler(sdktrace.AlwaysSample())),
		Expand: func(name string) (string, error) {
			if name == "$REGION" {
				return "eu", nil
			}
			return "", errors.New("not set")
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	return step, kept
}

func exchange(fields ...traffic.Field) *traffic.Exchange {
	x := &traffic.Exchange{ID: traffic.NewID(time.Now()), Received: time.Now().Add(-time.Second), API: "default/orders"}
	x.Request.Method, x.Request.Path, x.Request.RawQuery = "GET", "/orders/4711471147114711", "token=s3cret"
	x.Request.Scheme, x.Request.Proto, x.Request.Header = "https", "HTTP/2.0", traffic.NewHeader(fields...)
	return x
}

const all = `{"sampling":{"client":100,"random":100,"overall":100}`

// TestSpan holds what a span has and what it never has.
func TestSpan(t *testing.T) {
	step, kept := bind(t, all+`,"labels":[
		{"name":"team","type":"literal","defaultValue":"sales"},
		{"name":"region","type":"environment","keyName":"REGION","defaultValue":"none"},
		{"name":"zone","type":"environment","keyName":"ZONE","defaultValue":"none"},
		{"name":"tenant","type":"requestHeader","keyName":"X-Tenant","defaultValue":"nobody"},
		{"name":"plan","type":"requestHeader","keyName":"X-Plan","defaultValue":"free"},
		{"name":"gone","type":"requestHeader","keyName":"X-Gone"}]}`)
	x := exchange(
		traffic.Field{Name: "traceparent", Value: sampled}, traffic.Field{Name: "tracestate", Value: "a=1,b=2"}, traffic.Field{Name: "baggage", Value: "k=v"},
		traffic.Field{Name: "authorization", Value: "Bearer hidden"}, traffic.Field{Name: "x-tenant", Value: strings.Repeat("x", 300) + "\xff"})
	if v := step.Request(t.Context(), x); v.Stops() {
		t.Fatal(v)
	}
	x.Response.Status, x.Upstream.Service = 503, "default/orders-svc"
	step.End(x)
	spans := kept.GetSpans()
	if len(spans) != 1 {
		t.Fatalf("%d spans", len(spans))
	}
	s := spans[0]
	if s.Name != "orders" || s.SpanKind != trace.SpanKindServer || s.Status.Code != codes.Error || !s.StartTime.Equal(x.Received) || s.EndTime.Before(s.StartTime) {
		t.Errorf("%+v", s)
	}
	if s.Parent.SpanID().String() != spanID || s.SpanContext.TraceID().String() != traceID {
		t.Errorf("parent %v, context %v", s.Parent, s.SpanContext)
	}
	want := map[attribute.Key]string{
		"http.request.method": "GET", "http.route": "/orders/{int}", "http.response.status_code": "503", "url.scheme": "https", "error.type": "503",
		"network.protocol.version": "2", "farrier.api": "default/orders", "farrier.service": "default/orders-svc", "farrier.correlation_id": x.ID,
		"team": "sales", "region": "eu", "zone": "none", "tenant": strings.Repeat("x", 256), "plan": "free",
	}
	for _, kv := range s.Attributes {
		if got := kv.Value.String(); got != want[kv.Key] {
			t.Errorf("%s: %q, want %q", kv.Key, got, want[kv.Key])
		}
		delete(want, kv.Key)
	}
	if len(want) > 0 {
		t.Errorf("missing: %v", want)
	}
	h := &x.Request.Header
	if h.Get("traceparent") != "00-"+traceID+"-"+s.SpanContext.SpanID().String()+"-01" || h.Get("tracestate") != "a=1,b=2" || h.Get("baggage") != "k=v" {
		t.Errorf("the service reads %v", h)
	}
	text, _ := json.Marshal(s)
	for _, secret := range []string{"s3cret", "hidden", "4711471147114711"} {
		if strings.Contains(string(text), secret) {
			t.Errorf("the span holds %q: %s", secret, text)
		}
	}
}

// TestSampling holds which requests have a span, and what the service is told.
func TestSampling(t *testing.T) {
	forced := traffic.Field{Name: "x-client-trace-id", Value: "1"}
	in := func(parent string) traffic.Field { return traffic.Field{Name: "traceparent", Value: parent} }
	cases := []struct {
		name                    string
		client, random, overall string
		fields                  []traffic.Field
		span, same              bool
	}{
		{"nothing said", "0", "100", "100", nil, true, false},
		{"nothing said, none wanted", "100", "0", "100", nil, false, false},
		{"asked for", "100", "0", "100", []traffic.Field{in(sampled)}, true, true},
		{"asked for in vain", "0", "100", "100", []traffic.Field{in(sampled)}, false, true},
		{"asked for and capped", "100", "100", "0", []traffic.Field{in(sampled)}, false, true},
		{"not sampled before", "100", "100", "100", []traffic.Field{in(dropped)}, false, true},
		{"not sampled before, but forced", "100", "0", "100", []traffic.Field{in(dropped), forced}, true, true},
		{"forced", "100", "0", "100", []traffic.Field{forced}, true, false},
		{"forced in vain", "0", "100", "100", []traffic.Field{forced}, false, false},
		{"broken context", "0", "100", "100", []traffic.Field{in(strings.ToUpper(sampled))}, true, false},
		{"two contexts", "0", "100", "100", []traffic.Field{in(sampled), in(sampled)}, true, false},
	}
	for _, c := range cases {
		step, kept := bind(t, `{"sampling":{"client":`+c.client+`,"random":`+c.random+`,"overall":`+c.overall+`},"spanName":"mine"}`)
		x := exchange(c.fields...)
		step.Request(t.Context(), x)
		x.Response.Status = 200
		step.End(x)
		if spans := kept.GetSpans(); (len(spans) == 1) != c.span || c.span && (spans[0].Name != "mine" || spans[0].Status.Code != codes.Unset) {
			t.Errorf("%s: spans %v", c.name, spans)
		}
		out := parent(&x.Request.Header)
		if !out.IsValid() || out.IsSampled() != c.span || (out.TraceID().String() == traceID) != c.same || out.SpanID().String() == spanID {
			t.Errorf("%s: the service reads %v", c.name, x.Request.Header)
		}
	}
	t.Logf("played %d samplings", len(cases))
}

// TestShares holds that shares are what they say, within five standard deviations.
func TestShares(t *testing.T) {
	const n = 20_000
	step, kept := bind(t, `{"sampling":{"client":100,"random":50,"overall":20}}`)
	for range n {
		x := exchange()
		step.Request(context.Background(), x)
		step.End(x)
	}
	if got := len(kept.GetSpans()); got < n/10-212 || got > n/10+212 {
		t.Errorf("%d of %d, want about %d", got, n, n/10)
	}
}

func TestParse(t *testing.T) {
	good := []string{
		sampled, dropped, "00-" + traceID + "-" + spanID + "-ff", "01-" + traceID + "-" + spanID + "-01", "01-" + traceID + "-" + spanID + "-01-more",
	}
	bad := []string{
		"", "00", sampled + "-", sampled + "0", " " + sampled, strings.ToUpper(sampled), "ff-" + sampled[3:], "0g-" + sampled[3:],
		"00-" + strings.Repeat("0", 32) + "-" + spanID + "-01", "00-" + traceID + "-" + strings.Repeat("0", 16) + "-01",
		strings.Replace(sampled, "-", "_", 1), "01-" + traceID + "-" + spanID + "-01x", "01-" + traceID + "-" + spanID + "-01-" + strings.Repeat("x", 600),
	}
	for _, s := range good {
		if _, ok := parse(s); !ok {
			t.Errorf("%q was not read", s)
		}
	}
	for _, s := range bad {
		if _, ok := parse(s); ok {
			t.Errorf("%q was read", s)
		}
	}
	t.Logf("read %d", len(good)+len(bad))
}

// FuzzContext holds that whatever comes in, what goes out is one valid context,
// and the same one when it was valid.
func FuzzContext(f *testing.F) {
	f.Add(sampled, "a=1,b=2")
	f.Add("01-"+sampled[3:]+"-x", "broken")
	f.Add("", "=,,")
	step, _ := bind(f, `{"sampling":{"client":0,"random":0,"overall":0}}`)
	f.Fuzz(func(t *testing.T, traceparent, tracestate string) {
		x := exchange(traffic.Field{Name: "traceparent", Value: traceparent}, traffic.Field{Name: "tracestate", Value: tracestate})
		in := parent(&x.Request.Header)
		step.Request(t.Context(), x)
		h := &x.Request.Header
		out := parent(h)
		if !out.IsValid() || len(h.Values("traceparent")) != 1 || in.IsValid() && in.TraceID() != out.TraceID() {
			t.Fatalf("%q became %v", traceparent, h)
		}
		if in.IsValid() && in.TraceState().String() != out.TraceState().String() || !in.IsValid() && h.Has("tracestate") {
			t.Fatalf("the state %q became %q", tracestate, h.Joined("tracestate"))
		}
		if slices.ContainsFunc([]byte(h.Get("traceparent")+h.Get("tracestate")), func(c byte) bool { return c < ' ' || c >= 0x7f }) {
			t.Fatalf("%q, %q", h.Get("traceparent"), h.Get("tracestate"))
		}
	})
}
