package otlp

import (
	"context"
	"encoding/hex"
	"fmt"
	"io"
	"log/slog"
	"math/rand/v2"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/exporters/otlp/otlptrace"
	"go.opentelemetry.io/otel/exporters/otlp/otlptrace/otlptracegrpc"
	"go.opentelemetry.io/otel/exporters/otlp/otlptrace/otlptracehttp"
	"go.opentelemetry.io/otel/sdk/resource"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/trace"
	coltrace "go.opentelemetry.io/proto/otlp/collector/trace/v1"
	common "go.opentelemetry.io/proto/otlp/common/v1"
	resourcepb "go.opentelemetry.io/proto/otlp/resource/v1"
	tracepb "go.opentelemetry.io/proto/otlp/trace/v1"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"
	"pgregory.net/rapid"

	"farrier.dev/farrier/internal/discovery"
)

// pupil keeps what it is told, as lines.
type pupil struct {
	mu           sync.Mutex
	observations []*discovery.Observation
	lines, edges []string
}

func (p *pupil) Observe(o *discovery.Observation) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.observations = append(p.observations, o)
	p.lines = append(p.lines, line(o))
}

func (p *pupil) Edge(e discovery.Edge) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.edges = append(p.edges, edgeLine(e))
}

func line(o *discovery.Observation) string {
	return strings.TrimSpace(fmt.Sprintf("%s %s://%s%s?%s %s %d by %s for %s", o.Method, o.Scheme, o.Host, o.Path, o.Query, o.Template, o.Status, o.Service, o.Caller.Service))
}

func edgeLine(e discovery.Edge) string {
	return fmt.Sprintf("%s -> %s: %s", e.From, e.To, e.Operation)
}

var now = time.Date(2026, 3, 4, 5, 6, 7, 0, time.UTC)

func start(t *testing.T, change func(*Options)) (*Server, *pupil, func()) {
	t.Helper()
	p := &pupil{}
	o := Options{GRPC: "127.0.0.1:0", HTTP: "127.0.0.1:0", Learner: p, Log: slog.New(slog.DiscardHandler), Now: func() time.Time { return now }}
	if change != nil {
		change(&o)
	}
	s, err := Start(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	var once sync.Once
	end := func() {
		once.Do(func() {
			ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
			defer cancel()
			if err := s.Close(ctx); err != nil {
				t.Error(err)
			}
		})
	}
	t.Cleanup(end)
	return s, p, end
}

// application is one that traces itself with the SDK of OpenTelemetry.
func application(t *testing.T, name string, to sdktrace.SpanExporter) (trace.Tracer, *sdktrace.TracerProvider) {
	t.Helper()
	provider := sdktrace.NewTracerProvider(
		sdktrace.WithBatcher(to), sdktrace.WithResource(resource.NewSchemaless(attribute.String("service.name", name))),
	)
	t.Cleanup(func() { _ = provider.Shutdown(context.Background()) })
	return provider.Tracer("test"), provider
}

// TestExporters has two applications with the SDK of OpenTelemetry send their traces,
// over both protocols, the called one first.
func TestExporters(t *testing.T) {
	for _, protocol := range []string{"grpc", "http"} {
		t.Run(protocol, func(t *testing.T) {
			s, p, end := start(t, func(o *Options) { o.Token = "secret" })
			rpc, web := s.Addresses()
			header := map[string]string{"authorization": "Bearer secret"}
			exporter := func() sdktrace.SpanExporter {
				var e *otlptrace.Exporter
				var err error
				if protocol == "grpc" {
					e, err = otlptracegrpc.New(t.Context(), otlptracegrpc.WithEndpoint(rpc.String()), otlptracegrpc.WithInsecure(), otlptracegrpc.WithHeaders(header), otlptracegrpc.WithCompressor("gzip"))
				} else {
					e, err = otlptracehttp.New(t.Context(), otlptracehttp.WithEndpoint(web.String()), otlptracehttp.WithInsecure(), otlptracehttp.WithHeaders(header), otlptracehttp.WithCompression(otlptracehttp.GzipCompression))
				}
				if err != nil {
					t.Fatal(err)
				}
				return e
			}
			shop, shops := application(t, "shop", exporter())
			orders, orderss := application(t, "orders", exporter())
			ctx, serving := shop.Start(t.Context(), "GET /shop/{id}", trace.WithSpanKind(trace.SpanKindServer), trace.WithAttributes(
				attribute.String("http.request.method", "GET"), attribute.String("url.path", "/shop/7"), attribute.String("url.query", "x=1"), attribute.String("http.route", "/shop/{id}"),
				attribute.String("server.address", "shop.example.com"), attribute.Int("server.port", 443), attribute.String("url.scheme", "https"), attribute.Int("http.response.status_code", 200),
				attribute.String("client.address", "203.0.113.9"), attribute.String("network.protocol.version", "2"),
			))
			ctx, calling := shop.Start(ctx, "POST", trace.WithSpanKind(trace.SpanKindClient), trace.WithAttributes(
				attribute.String("http.request.method", "POST"), attribute.String("url.full", "http://orders:8080/orders"), attribute.String("server.address", "orders"), attribute.Int("server.port", 8080),
			))
			_, called := orders.Start(ctx, "POST /orders", trace.WithSpanKind(trace.SpanKindServer), trace.WithAttributes(
				attribute.String("http.method", "POST"), attribute.String("http.target", "/orders"), attribute.String("http.route", "/orders"),
				attribute.String("http.host", "orders:8080"), attribute.String("http.scheme", "http"), attribute.Int("http.status_code", 201),
			))
			called.End()
			calling.End()
			serving.End()
			for _, provider := range []*sdktrace.TracerProvider{orderss, shops} {
				if err := provider.ForceFlush(t.Context()); err != nil {
					t.Fatal(err)
				}
			}
			end()
			slices.Sort(p.lines)
			if want := []string{
				"GET https://shop.example.com/shop/7?x=1 /shop/{id} 200 by shop for",
				"POST http://orders:8080/orders? /orders 201 by orders for shop",
			}; !slices.Equal(p.lines, want) {
				t.Errorf("observed %q", p.lines)
			}
			if want := []string{"shop -> orders: POST /orders"}; !slices.Equal(p.edges, want) {
				t.Errorf("edges %q", p.edges)
			}
			if st := s.Stats(); st.Spans != 3 || st.Taken != 2 || st.Unauthorised != 0 || st.Joining != 0 {
				t.Errorf("%+v", st)
			}
		})
	}
}

// make a span of attributes as name and value.
func made(service, name string, k kind, id, parent byte, pairs ...string) *span {
	s := &span{service: service, name: name, kind: k, start: uint64(now.UnixNano())}
	s.key[0], s.parent[0] = 1, 1
	s.key[23], s.parent[23] = id, parent
	for i := 0; i < len(pairs); i += 2 {
		s.attributes.set(pairs[i], pairs[i+1])
	}
	return s
}

// told gives what a table makes of spans, sorted.
func told(t *table, spans ...*span) (lines []string) {
	var f found
	for _, s := range spans {
		t.add(s, now, &f)
	}
	rest := t.flush()
	for _, o := range append(f.observations, rest.observations...) {
		lines = append(lines, line(o))
	}
	for _, e := range append(f.edges, rest.edges...) {
		lines = append(lines, edgeLine(e))
	}
	slices.Sort(lines)
	return lines
}

func TestMeanings(t *testing.T) {
	cases := []struct {
		name string
		span *span
		want []string
	}{
		{"older conventions", made("a", "x", server, 1, 0, "http.method", "GET", "http.url", "https://h.example.com:8443/p/7?q=1", "http.status_code", "404", "http.flavor", "1.1"), []string{"GET https://h.example.com:8443/p/7?q=1  404 by a for"}},
		{"mounted route", made("a", "x", server, 1, 0, "http.method", "GET", "http.target", "/app/v1/orders/7", "http.route", "/orders/:id"), []string{"GET ://h/"}},
		{"route of Flask", made("a", "x", server, 1, 0, "http.method", "GET", "http.target", "/orders/7", "http.route", "/orders/<int:id>"), []string{"GET ://orders"}},
		{"route only", made("a", "x", server, 1, 0, "http.method", "GET", "http.route", "orders/{id:[0-9]+}"), []string{"GET :///orders/{id}? /orders/{id} 0 by a for"}},
		{"route of another path", made("a", "x", server, 1, 0, "http.method", "GET", "url.path", "/b/7", "http.route", "/orders/{id}"), []string{"GET :///b/7?  0 by a for"}},
		{"route with a wildcard", made("a", "x", server, 1, 0, "http.method", "GET", "url.path", "/b/7", "http.route", "/*"), []string{"GET :///b/7?  0 by a for"}},
		{"value in a route", made("a", "x", server, 1, 0, "http.method", "GET", "url.path", "/b/7", "http.route", "/b/7"), []string{"GET :///b/7?  0 by a for"}},
		{"ambiguous path", made("a", "x", server, 1, 0, "http.method", "GET", "url.path", "/a%2fb"), nil},
		{"no path", made("a", "x", server, 1, 0, "http.method", "GET"), nil},
		{"gRPC", made("a", "x", server, 1, 0, "rpc.system", "grpc", "rpc.service", "shop.Orders", "rpc.method", "Get", "rpc.grpc.status_code", "5", "net.host.name", "h", "net.host.port", "50051"), []string{"POST ://h:50051/shop.Orders/Get?  404 by a for"}},
		{"another RPC", made("a", "x", server, 1, 0, "rpc.system", "java_rmi", "rpc.method", "Get"), nil},
		{"call of somebody unknown", made("a", "GET", client, 1, 0, "http.method", "GET", "http.url", "https://api.example.com/v1/users/123456", "net.peer.name", "api.example.com", "net.peer.port", "443"), []string{"a -> api.example.com: GET /v1/users/{int}"}},
		{"call of a named service", made("a", "GET", client, 1, 0, "http.request.method", "GET", "url.full", "http://10.0.0.7/x", "peer.service", "stock"), []string{"a -> stock: GET /x"}},
		{"gRPC call", made("a", "x", client, 1, 0, "rpc.system", "grpc", "rpc.service", "shop.Stock", "rpc.method", "Get", "server.address", "stock", "server.port", "50051"), []string{"a -> stock:50051: shop.Stock/Get"}},
		{"database", made("a", "SELECT", client, 1, 0, "db.system", "postgresql", "server.address", "db"), nil},
		{"to a queue", made("a", "orders publish", producer, 1, 0, "messaging.system", "jms", "messaging.destination.name", "orders"), []string{"a -> jms orders: publish"}},
		{"from a queue", made("b", "orders process", consumer, 1, 0, "messaging.system", "anypointmq", "messaging.destination", "orders"), []string{"anypointmq orders -> b: receive"}},
		{"a queue of a moment", made("a", "x", producer, 1, 0, "messaging.system", "jms", "messaging.destination.name", "tmp-123", "messaging.destination.temporary", "true"), []string{"a -> jms: publish"}},
		{"flow with a listener", made("mule-shop", "/api/orders", server, 1, 0, "http.method", "GET", "http.target", "/api/orders", "net.host.name", "0.0.0.0", "net.host.port", "8081", "location", "orders-main", "http.status_code", "200"), []string{"GET ://0.0.0.0:8081/api/orders?  200 by mule-shop for", "mule-shop -> mule-shop: flow orders-main"}},
		{"flow of a scheduler", made("mule-shop", "mule:flow", 1, 1, 0, "location", "nightly-import", "correlation.id", "x"), []string{"mule-shop -> mule-shop: flow nightly-import"}},
		{"component of a flow", made("mule-shop", "mule:logger", 1, 1, 0, "location", "nightly-import/processors/0"), nil},
		{"request of a flow", made("mule-shop", "GET", client, 1, 0, "location", "orders-main/processors/2", "http.method", "GET", "http.url", "http://stock:8082/items", "net.peer.name", "stock", "net.peer.port", "8082"), []string{"mule-shop -> stock:8082: GET /items"}},
		{"flow of a tracing module", made("mule-shop", "orders-main", server, 1, 0, "mule.app.flow.name", "orders-main"), []string{"mule-shop -> mule-shop: flow orders-main"}},
	}
	cases[1].want = []string{"GET :///app/v1/orders/7? /app/v1/orders/{id} 0 by a for"}
	cases[2].want = []string{"GET :///orders/7? /orders/{id} 0 by a for"}
	for _, c := range cases {
		if got := told(newTable(10, time.Minute), c.span); !slices.Equal(got, c.want) {
			t.Errorf("%s: %q, not %q", c.name, got, c.want)
		}
	}
	t.Logf("%d cases", len(cases))
}

// TestWhatIsSampled holds that a span teaches no more than it tells.
func TestWhatIsSampled(t *testing.T) {
	var f found
	table := newTable(10, time.Minute)
	table.add(made("a", "x", server, 1, 0, "http.method", "POST", "url.path", "/a"), now, &f)
	table.add(made("a", "x", server, 2, 0, "http.method", "GET", "url.path", "/a", "url.query", "b=1", "http.status_code", "204"), now, &f)
	failed := made("a", "x", server, 3, 0, "http.method", "GET", "url.path", "/a")
	failed.failed = true
	table.add(failed, now, &f)
	o := f.observations
	if o[0].Sampled || !o[0].Assumed || !o[0].Request.Unseen || !o[0].Response.Unseen {
		t.Errorf("%+v", o[0])
	}
	if !o[1].Sampled || o[1].Assumed || o[1].Request.Unseen || o[1].Response.Unseen || !o[1].Time.Equal(now) {
		t.Errorf("%+v", o[1])
	}
	if o[2].Assumed {
		t.Errorf("%+v", o[2])
	}
}

// TestJoinInAnyOrder holds that the order of spans changes nothing.
func TestJoinInAnyOrder(t *testing.T) {
	spans := []*span{
		made("web", "x", server, 1, 0, "http.method", "GET", "url.path", "/"),
		made("web", "GET", client, 2, 1, "http.method", "GET", "url.full", "http://shop/a", "server.address", "shop"),
		made("shop", "x", server, 3, 2, "http.method", "GET", "url.path", "/a", "server.address", "shop"),
		made("shop", "GET", client, 4, 3, "http.method", "GET", "url.full", "http://stock/b", "server.address", "stock"),
		made("stock", "x", server, 5, 4, "http.method", "GET", "url.path", "/b"),
		made("shop", "GET", client, 6, 3, "http.method", "GET", "url.full", "http://legacy/c", "server.address", "legacy"),
		made("shop", "x", server, 7, 99, "http.method", "GET", "url.path", "/orphaned"),
		made("shop", "inner", server, 8, 3, "http.method", "GET", "url.path", "/inner"),
	}
	want := []string{
		"GET :///? / 0 by web for", "GET :///b?  0 by stock for shop", "GET :///inner?  0 by shop for", "GET :///orphaned?  0 by shop for", "GET ://shop/a?  0 by shop for web",
		"shop -> legacy: GET /c", "shop -> stock: GET /b", "web -> shop: GET /a",
	}
	want[0] = "GET :///?  0 by web for"
	rapid.Check(t, func(t *rapid.T) {
		order := rapid.Permutation(spans).Draw(t, "order")
		order = append(order, rapid.SampledFrom(spans).Draw(t, "again"))
		table := newTable(100, time.Minute)
		if got := told(table, order...); !slices.Equal(got, want) {
			t.Fatalf("%q", got)
		}
		if len(table.spans)+len(table.waits)+table.used+table.held != 0 {
			t.Fatalf("%+v", table)
		}
	})
}

// TestTableIsBounded holds that spans that nothing comes for are given up, by number and by time.
func TestTableIsBounded(t *testing.T) {
	table := newTable(100, 30*time.Second)
	var f found
	for i := range 1000 {
		s := made("a", "x", server, 1, 2, "http.method", "GET", "url.path", "/a")
		s.key[1], s.key[2] = byte(i), byte(i>>8)
		s.parent[1] = byte(i % 3)
		table.add(s, now, &f)
		if table.used > 100 || len(table.spans) > 100 || len(table.waits) > 3 {
			t.Fatalf("%d spans, %d wait", len(table.spans), len(table.waits))
		}
	}
	if len(f.observations) < 900 {
		t.Errorf("%d given up", len(f.observations))
	}
	if rest := table.expire(now.Add(29 * time.Second)); len(rest.observations) != 0 {
		t.Error("given up too early")
	}
	rest := table.expire(now.Add(30 * time.Second))
	if got := len(f.observations) + len(rest.observations); got != 1000 || table.used+len(table.spans)+len(table.waits)+table.held != 0 {
		t.Errorf("%d of 1000 came out; %d bytes held", got, table.held)
	}
	long := strings.Repeat("x", 8000)
	table = newTable(100_000, time.Minute)
	for i := range 10_000 {
		s := made("a", "x", server, 1, 2, "http.method", "GET", "url.path", "/"+long)
		s.key[1], s.key[2] = byte(i), byte(i>>8)
		s.parent = s.key
		s.parent[23] = 9
		table.add(s, now, &f)
	}
	if table.held > maxHeld || table.used == 0 {
		t.Errorf("%d bytes held", table.held)
	}
}

// exported is a message of n spans, as a sender makes it.
func exported(t testing.TB, n int) []byte {
	t.Helper()
	text := func(s string) *common.AnyValue {
		return &common.AnyValue{Value: &common.AnyValue_StringValue{StringValue: s}}
	}
	scope := &tracepb.ScopeSpans{}
	for i := range n {
		scope.Spans = append(scope.Spans, &tracepb.Span{
			TraceId: []byte("0123456789abcdef"), SpanId: fmt.Appendf(nil, "%08d", i), Name: "GET", Kind: tracepb.Span_SPAN_KIND_SERVER,
			StartTimeUnixNano: uint64(now.UnixNano()),
			Attributes: []*common.KeyValue{
				{Key: "http.method", Value: text("GET")},
				{Key: "url.path", Value: text("/a")},
				{Key: "http.status_code", Value: &common.AnyValue{Value: &common.AnyValue_IntValue{IntValue: 200}}},
				{Key: "list", Value: &common.AnyValue{Value: &common.AnyValue_ArrayValue{ArrayValue: &common.ArrayValue{Values: []*common.AnyValue{text("x")}}}}},
			},
			Status: &tracepb.Status{Message: "no", Code: tracepb.Status_STATUS_CODE_ERROR},
			Events: []*tracepb.Span_Event{{Name: "exception"}}, Links: []*tracepb.Span_Link{{TraceId: []byte("0123456789abcdef")}}, Flags: 1,
		})
	}
	m, err := proto.Marshal(&coltrace.ExportTraceServiceRequest{ResourceSpans: []*tracepb.ResourceSpans{{
		Resource: &resourcepb.Resource{Attributes: []*common.KeyValue{{Key: "service.name", Value: text("shop")}}}, ScopeSpans: []*tracepb.ScopeSpans{scope},
	}}})
	if err != nil {
		t.Fatal(err)
	}
	return m
}

func TestDecode(t *testing.T) {
	var got []span
	if err := decode(exported(t, 2), func(s *span) { got = append(got, *s) }); err != nil {
		t.Fatal(err)
	}
	want := span{name: "GET", kind: server, start: uint64(now.UnixNano()), failed: true, service: "shop"}
	copy(want.key[:], "0123456789abcdef00000001")
	copy(want.parent[:], "0123456789abcdef")
	want.attributes[method], want.attributes[urlPath], want.attributes[statusCode] = "GET", "/a", "200"
	if len(got) != 2 || got[1] != want {
		t.Errorf("%+v, not %+v", got, want)
	}
}

// jsonMessage is as the documentation of OTLP has it, with two parents.
const jsonMessage = `{"resourceSpans":[{"resource":{"attributes":[{"key":"service.name","value":{"stringValue":"shop"}}]},"scopeSpans":[{"scope":{"name":"x"},"spans":[
{"traceId":"5b8efff798038103d269b633813fc60c","spanId":"eee19b7ec3c1b174","parentSpanId":"","name":"GET","kind":2,"startTimeUnixNano":"1772600767000000000","endTimeUnixNano":"1772600768000000000",
"attributes":[{"key":"http.method","value":{"stringValue":"GET"}},{"key":"url.path","value":{"stringValue":"/a"}},{"key":"http.status_code","value":{"intValue":"200"}}],"status":{"code":2}},
{"traceId":"W47/95gDgQPSabYzgT/GDA==","spanId":"7uGbfsPBsXQ=","parentSpanId":"EEE19B7EC3C1B173","name":"x","kind":"SPAN_KIND_SERVER","startTimeUnixNano":1772600767000000000,
"attributes":[{"key":"http.status_code","value":{"intValue":200}},{"key":"x","value":{"arrayValue":{"values":[]}}},{"key":"messaging.destination.temporary","value":{"boolValue":true}}],"status":{}}]}]}]}`

func TestDecodeJSON(t *testing.T) {
	var got []span
	if err := decodeJSON([]byte(jsonMessage), func(s *span) { got = append(got, *s) }); err != nil {
		t.Fatal(err)
	}
	if len(got) != 2 || hex.EncodeToString(got[0].key[:]) != "5b8efff798038103d269b633813fc60ceee19b7ec3c1b174" || got[1].key != got[0].key ||
		!got[0].parent.none() || hex.EncodeToString(got[1].parent[16:]) != "eee19b7ec3c1b173" {
		t.Errorf("%+v", got)
	}
	if a := got[0].attributes; a[method] != "GET" || a[urlPath] != "/a" || a[statusCode] != "200" || got[0].service != "shop" || got[0].kind != server || got[0].start != 1772600767000000000 || !got[0].failed {
		t.Errorf("%+v", got[0])
	}
	if a := got[1].attributes; a[statusCode] != "200" || a[temporary] != "true" || got[1].kind != server || got[1].failed {
		t.Errorf("%+v", got[1])
	}
}

func TestHTTPAnswers(t *testing.T) {
	s, p, end := start(t, func(o *Options) { o.Token, o.GRPC = "secret", "" })
	_, web := s.Addresses()
	long := string(exported(t, maxSpans+7))
	broken := string(exported(t, 1)[:20])
	cases := []struct {
		name, method, path, token, media, body string
		status                                 int
		want                                   string
	}{
		{"protobuf", "POST", "/v1/traces", "Bearer secret", "application/x-protobuf", string(exported(t, 1)), 200, ""},
		{"JSON", "POST", "/v1/traces", "bearer secret", "application/json; charset=utf-8", jsonMessage, 200, "{}"},
		{"empty", "POST", "/v1/traces", "Bearer secret", "application/x-protobuf", "", 200, ""},
		{"too many", "POST", "/v1/traces", "Bearer secret", "application/x-protobuf", long, 200, tooMany},
		{"metrics", "POST", "/v1/metrics", "Bearer secret", "application/x-protobuf", "", 404, "only traces are taken"},
		{"read", "GET", "/v1/traces", "Bearer secret", "", "", 405, "traces are posted"},
		{"no token", "POST", "/v1/traces", "", "application/x-protobuf", "", 401, "the token is missing or wrong"},
		{"wrong token", "POST", "/v1/traces", "Bearer Secret", "application/x-protobuf", "", 401, "the token is missing or wrong"},
		{"text", "POST", "/v1/traces", "Bearer secret", "text/plain", "", 415, "the content must be"},
		{"broken", "POST", "/v1/traces", "Bearer secret", "application/x-protobuf", broken, 400, errMessage.Error()},
		{"broken JSON", "POST", "/v1/traces", "Bearer secret", "application/json", "{", 400, errMessage.Error()},
		{"no identifier", "POST", "/v1/traces", "Bearer secret", "application/json", `{"resourceSpans":[{"scopeSpans":[{"spans":[{}]}]}]}`, 400, "no valid trace id"},
		{"too long", "POST", "/v1/traces", "Bearer secret", "application/json", strings.Repeat(" ", maxMessage+1), 413, "a message may have 4194304 bytes"},
	}
	for _, c := range cases {
		r, err := http.NewRequestWithContext(t.Context(), c.method, "http://"+web.String()+c.path, strings.NewReader(c.body))
		if err != nil {
			t.Fatal(err)
		}
		r.Header.Set("Content-Type", c.media)
		r.Header.Set("Authorization", c.token)
		resp, err := http.DefaultClient.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		text, _ := io.ReadAll(resp.Body)
		_ = resp.Body.Close()
		if resp.StatusCode != c.status || !strings.Contains(string(text), c.want) || c.want == "" && len(text) > 0 {
			t.Errorf("%s: %d %q", c.name, resp.StatusCode, text)
		}
		if c.name != "too many" {
			continue
		}
		answer := &coltrace.ExportTraceServiceResponse{}
		if err := proto.Unmarshal(text, answer); err != nil || answer.GetPartialSuccess().GetRejectedSpans() != 7 {
			t.Errorf("%v, %v", answer, err)
		}
	}
	end()
	if st := s.Stats(); st.Unauthorised != 2 || st.Unreadable != 3 || st.Rejected != 7 || len(p.lines) == 0 {
		t.Errorf("%+v", st)
	}
	t.Logf("%d cases", len(cases))
}

func TestGRPCAnswers(t *testing.T) {
	s, _, _ := start(t, func(o *Options) { o.Token, o.HTTP = "secret", "" })
	rpc, _ := s.Addresses()
	conn, err := grpc.NewClient(rpc.String(), grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	caller := coltrace.NewTraceServiceClient(conn)
	request := func(n int) *coltrace.ExportTraceServiceRequest {
		m := &coltrace.ExportTraceServiceRequest{}
		if err := proto.Unmarshal(exported(t, n), m); err != nil {
			t.Fatal(err)
		}
		return m
	}
	with := func(token string) context.Context {
		return metadata.AppendToOutgoingContext(t.Context(), "authorization", token)
	}
	answer, err := caller.Export(with("Bearer secret"), request(maxSpans+3))
	if err != nil || answer.GetPartialSuccess().GetRejectedSpans() != 3 || answer.GetPartialSuccess().GetErrorMessage() != tooMany {
		t.Errorf("%v, %v", answer, err)
	}
	bad := request(1)
	bad.ResourceSpans[0].ScopeSpans[0].Spans[0].SpanId = []byte("short")
	if _, err := caller.Export(with("Bearer secret"), bad); status.Code(err) != codes.InvalidArgument || !strings.Contains(err.Error(), "no valid trace id") {
		t.Error(err)
	}
	for _, token := range []string{"", "Bearer wrong"} {
		if _, err := caller.Export(with(token), request(1)); status.Code(err) != codes.Unauthenticated {
			t.Errorf("%q: %v", token, err)
		}
	}
	huge := request(1)
	huge.ResourceSpans[0].SchemaUrl = strings.Repeat("x", maxMessage)
	if _, err := caller.Export(with("Bearer secret"), huge); status.Code(err) != codes.ResourceExhausted {
		t.Error(err)
	}
	if st := s.Stats(); st.Unauthorised != 2 || st.Unreadable != 1 {
		t.Errorf("%+v", st)
	}
}

// TestTooManyUnderWay holds that senders are told to come again, and that places are
// given back.
func TestTooManyUnderWay(t *testing.T) {
	s, _, _ := start(t, nil)
	rpc, web := s.Addresses()
	conn, err := grpc.NewClient(rpc.String(), grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	caller := coltrace.NewTraceServiceClient(conn)
	call := func() codes.Code {
		_, err := caller.Export(t.Context(), &coltrace.ExportTraceServiceRequest{})
		return status.Code(err)
	}
	post := func() int {
		resp, err := http.Post("http://"+web.String()+"/v1/traces", "application/x-protobuf", http.NoBody)
		if err != nil {
			t.Fatal(err)
		}
		defer resp.Body.Close()
		return resp.StatusCode
	}
	for range 2 * maxUnderWay {
		if code, status := call(), post(); code != codes.OK || status != http.StatusOK {
			t.Fatalf("%s, %d", code, status)
		}
	}
	s.calls.underWay.Add(maxUnderWay)
	for range maxUnderWay {
		s.webs <- struct{}{}
	}
	if code, status := call(), post(); code != codes.Unavailable || status != http.StatusServiceUnavailable || s.Stats().Busy != 2 {
		t.Errorf("%s, %d, %+v", code, status, s.Stats())
	}
}

func TestStartRefuses(t *testing.T) {
	for reason, o := range map[string]Options{
		"needs an address":            {},
		"other machines can reach it": {GRPC: ":0"},
		"listening on 127.0.0.1:x":    {GRPC: "127.0.0.1:0", HTTP: "127.0.0.1:x"},
	} {
		if _, err := Start(t.Context(), o); err == nil || !strings.Contains(err.Error(), reason) {
			t.Errorf("%v, not %s", err, reason)
		}
	}
}

// TestDamagedMessages plays messages with a few bits changed.
func TestDamagedMessages(t *testing.T) {
	seeds, read := [][]byte{exported(t, 2), []byte(jsonMessage)}, 0
	random := rand.New(rand.NewPCG(1, 2))
	const played = 20_000
	for i := range played {
		text := slices.Clone(seeds[i%2])
		for range 1 + random.IntN(3) {
			text[random.IntN(len(text))] ^= byte(1 << random.IntN(8))
		}
		text = text[:len(text)-random.IntN(2)*random.IntN(len(text))]
		read += checkMessage(t, text)
	}
	if t.Logf("%d messages, %d spans", played, read); read < played/4 {
		t.Error("hardly any could be read")
	}
}

// checkMessage holds that a message makes no decoder panic, and that what the library
// reads has as many spans here.
func checkMessage(t *testing.T, text []byte) (spans int) {
	table, n := newTable(10, time.Minute), 0
	var out found
	take := func(s *span) { n++; table.add(s, now, &out) }
	err := decode(text, take)
	want := &coltrace.ExportTraceServiceRequest{}
	if err == nil && proto.Unmarshal(text, want) == nil {
		left := n
		for _, r := range want.GetResourceSpans() {
			for _, scope := range r.GetScopeSpans() {
				left -= len(scope.GetSpans())
			}
		}
		if left != 0 {
			t.Errorf("%d spans more than the library reads", left)
		}
	}
	_ = decodeJSON(text, take)
	_ = table.flush()
	return n
}

// FuzzDecode plays messages of any kind.
func FuzzDecode(f *testing.F) {
	f.Add(exported(f, 2))
	f.Add([]byte(jsonMessage))
	f.Add([]byte{10, 2, 18, 0})
	f.Add([]byte{0x0b, 0x0c})
	f.Fuzz(func(t *testing.T, text []byte) { checkMessage(t, text) })
}

// FuzzRoute holds that a template stands for the path that it was made of.
func FuzzRoute(f *testing.F) {
	for _, seed := range [][2]string{{"/orders/{id}", "/v1/orders/7"}, {":a", "/x"}, {"/<int:id>/x", "/7/x"}, {"{", "/"}, {"/{a}/{b}", "/1/2"}, {"", ""}} {
		f.Add(seed[0], seed[1])
	}
	f.Fuzz(func(t *testing.T, route, path string) {
		got := template(braces(route), path)
		if got != "" && (got[0] != '/' || strings.Count(got, "/") != strings.Count("/"+strings.Trim(path, "/"), "/")) {
			t.Errorf("%q, %q: %q", route, path, got)
		}
	})
}
