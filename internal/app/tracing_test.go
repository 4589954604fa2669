package app

import (
	"compress/gzip"
	"context"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"
	"time"

	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"
	coltrace "go.opentelemetry.io/proto/otlp/collector/trace/v1"
	"google.golang.org/grpc"
	_ "google.golang.org/grpc/encoding/gzip" // as collectors do
	"google.golang.org/grpc/metadata"
	"google.golang.org/protobuf/proto"

	"farrier.dev/farrier/internal/revision"
	"farrier.dev/farrier/internal/router"
)

// receiver is a collector of OTLP that keeps what it is sent, by gRPC or HTTP.
type receiver struct {
	coltrace.UnimplementedTraceServiceServer

	mu      sync.Mutex
	got     []*coltrace.ExportTraceServiceRequest
	headers []string
	paths   []string
	arrived chan struct{}
}

func newReceiver() *receiver { return &receiver{arrived: make(chan struct{}, 1000)} }

func (r *receiver) take(request *coltrace.ExportTraceServiceRequest, path, header string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.got, r.paths, r.headers = append(r.got, request), append(r.paths, path), append(r.headers, header)
	r.arrived <- struct{}{}
}

// Export implements the protocol over gRPC.
func (r *receiver) Export(ctx context.Context, request *coltrace.ExportTraceServiceRequest) (*coltrace.ExportTraceServiceResponse, error) {
	md, _ := metadata.FromIncomingContext(ctx)
	header := ""
	if values := md.Get("x-key"); len(values) > 0 {
		header = values[0]
	}
	r.take(request, "", header)
	return &coltrace.ExportTraceServiceResponse{}, nil
}

// ServeHTTP implements the protocol over HTTP.
func (r *receiver) ServeHTTP(w http.ResponseWriter, req *http.Request) {
	unpacked, err := gzip.NewReader(req.Body)
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	text, err := io.ReadAll(unpacked)
	request := &coltrace.ExportTraceServiceRequest{}
	if err != nil || proto.Unmarshal(text, request) != nil {
		http.Error(w, "no spans", http.StatusBadRequest)
		return
	}
	r.take(request, req.URL.Path, req.Header.Get("X-Key"))
	w.Header().Set("Content-Type", "application/x-protobuf")
}

// names are those of the spans so far, with the name of the service before each.
func (r *receiver) names() (names []string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, request := range r.got {
		for _, of := range request.GetResourceSpans() {
			service := ""
			for _, a := range of.GetResource().GetAttributes() {
				if a.GetKey() == "service.name" || a.GetKey() == "zone" {
					service += a.GetValue().GetStringValue() + "/"
				}
			}
			for _, scope := range of.GetScopeSpans() {
				for _, span := range scope.GetSpans() {
					names = append(names, service+span.GetName())
				}
			}
		}
	}
	return names
}

func startGRPC(t *testing.T, r *receiver) (address string) {
	t.Helper()
	ln, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	server := grpc.NewServer()
	coltrace.RegisterTraceServiceServer(server, r)
	go func() { _ = server.Serve(ln) }()
	t.Cleanup(server.Stop)
	return "h2://" + ln.Addr().String()
}

func testCollectors() *spanCollectors {
	return newCollectors("gw-1", func() *router.Table { return nil }, slog.New(slog.DiscardHandler))
}

// TestDelivery brings spans to real receivers.
func TestDelivery(t *testing.T) {
	t.Setenv("TEST_KEY_OF_TRACING", "k3y")
	cases := map[string]struct{ protocol, path, under string }{
		"grpc":               {protocol: "grpc"},
		"grpc by default":    {},
		"http":               {protocol: "http", under: "/v1/traces"},
		"http and a path":    {protocol: "http", path: "/in/traces", under: "/in/traces"},
		"http without slash": {protocol: "http", path: "in", under: "/in"},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			r := newReceiver()
			var address string
			if c.protocol == "http" {
				server := httptest.NewServer(r)
				defer server.Close()
				address = server.URL
			} else {
				address = startGRPC(t, r)
			}
			all := testCollectors()
			provider, err := all.provider(revision.Tracing{
				Address: address, Protocol: c.protocol, Path: c.path, ServiceName: "gw",
				Headers: map[string]string{"x-key": "$TEST_KEY_OF_TRACING"}, Attributes: map[string]string{"zone": "a"},
			})
			if err != nil {
				t.Fatal(err)
			}
			_, span := provider.Tracer("test").Start(t.Context(), "orders")
			span.End()
			<-r.arrived // without being asked
			for range 2*maxDelivery + 7 {
				_, span := provider.Tracer("test").Start(t.Context(), "orders")
				span.End()
			}
			all.sweep("", true)
			names := r.names()
			if want := 2*maxDelivery + 8; len(names) != want || int(all.counts.delivered.Load()) != want {
				t.Errorf("%d spans arrived, %d were counted", len(names), all.counts.delivered.Load())
			}
			if names[0] != "gw/a/orders" || r.paths[0] != c.under || r.headers[0] != "k3y" {
				t.Errorf("%s came under %q with %q", names[0], r.paths[0], r.headers[0])
			}
		})
	}
	t.Logf("delivered in %d ways", len(cases))
}

// TestCollectorsAreReused holds that equal settings share a connection, which is
// closed only when no revision has used it for a while.
func TestCollectorsAreReused(t *testing.T) {
	all := testCollectors()
	one := revision.Tracing{Address: "h2://127.0.0.1:1", Source: revision.Source{File: "a.yaml", Line: 3}}
	first, err := all.provider(one)
	if err != nil {
		t.Fatal(err)
	}
	moved := one
	moved.Source.Line = 9
	if again, err := all.provider(moved); err != nil || again != first {
		t.Errorf("equal settings in another place open another connection: %v", err)
	}
	other := one
	other.ServiceName = "other"
	if second, err := all.provider(other); err != nil || second == first {
		t.Errorf("other settings give the same connection: %v", err)
	}
	used, err := collectorKey(other)
	if err != nil {
		t.Fatal(err)
	}
	all.sweep(used, false)
	if again, _ := all.provider(one); again != first {
		t.Error("a connection was closed at once")
	}
	all.sweep(used, false)
	all.sweep(used, false)
	if again, _ := all.provider(one); again == first {
		t.Error("an unused connection was not closed")
	}
	if all.sweep("", true); len(all.open) != 0 {
		t.Error("connections are open at the end")
	}
	if none, err := all.provider(revision.Tracing{}); none != nil || err != nil {
		t.Errorf("without an address there is %v, %v", none, err)
	}
}

// TestCollectorSettings holds which settings can't work.
func TestCollectorSettings(t *testing.T) {
	cases := map[string]revision.Tracing{
		"no scheme":          {Address: "otel:4317"},
		"a path over gRPC":   {Address: "h2://otel:4317/x"},
		"no protocol":        {Address: "h2://otel:4317", Protocol: "thrift"},
		"no such variable":   {Address: "$FARRIER_NO_SUCH_VARIABLE"},
		"no such variable 2": {Address: "h2://otel:4317", Headers: map[string]string{"a": "$FARRIER_NO_SUCH_VARIABLE"}},
	}
	for name, settings := range cases {
		if _, err := testCollectors().provider(settings); err == nil {
			t.Errorf("%s: accepted", name)
		}
	}
	t.Logf("refused %d settings", len(cases))
}

// blocked is an exporter that takes nothing until it is released.
type blocked struct {
	tracetest.InMemoryExporter

	release chan struct{}
}

// ExportSpans implements sdktrace.SpanExporter.
func (b *blocked) ExportSpans(ctx context.Context, spans []sdktrace.ReadOnlySpan) error {
	select {
	case <-b.release:
		return b.InMemoryExporter.ExportSpans(ctx, spans)
	case <-ctx.Done():
		return ctx.Err()
	}
}

// TestQueueNeverBlocks holds that a collector that takes nothing costs spans,
// which are counted, and never the time of those who end them.
func TestQueueNeverBlocks(t *testing.T) {
	counts := &spanCounts{}
	exporter := &blocked{release: make(chan struct{})}
	queue := newSpanQueue(exporter, time.Minute, counts, slog.New(slog.DiscardHandler))
	provider := sdktrace.NewTracerProvider(sdktrace.WithSpanProcessor(queue))
	const n = maxQueued + maxDelivery + 1000
	for range n {
		_, span := provider.Tracer("test").Start(t.Context(), "orders")
		span.End()
	}
	if got := counts.dropped.Load(); got < 1000 {
		t.Errorf("%d were dropped, want at least 1000", got)
	}
	close(exporter.release)
	if err := provider.Shutdown(t.Context()); err != nil {
		t.Fatal(err)
	}
	if got := counts.delivered.Load() + counts.dropped.Load(); got != n || counts.lost.Load() != 0 {
		t.Errorf("%d delivered and %d dropped of %d, %d lost", counts.delivered.Load(), counts.dropped.Load(), n, counts.lost.Load())
	}
}

// TestCollectorGone holds that spans for a collector that is not there are
// counted as lost, and that nobody waits longer than the timeout.
func TestCollectorGone(t *testing.T) {
	for _, protocol := range []string{"grpc", "http"} {
		all := testCollectors()
		provider, err := all.provider(revision.Tracing{Address: "http://127.0.0.1:1", Protocol: protocol, TimeoutMilliseconds: 300})
		if err != nil {
			t.Fatal(err)
		}
		_, span := provider.Tracer("test").Start(t.Context(), "orders")
		span.End()
		all.sweep("", true)
		if all.counts.lost.Load() != 1 || all.counts.delivered.Load() != 0 {
			t.Errorf("%s: %d lost, %d delivered", protocol, all.counts.lost.Load(), all.counts.delivered.Load())
		}
	}
}
