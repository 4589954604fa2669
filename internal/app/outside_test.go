package app_test

import (
	"context"
	"encoding/hex"
	"net"
	"strings"
	"testing"

	corev3 "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
	authv3 "github.com/envoyproxy/go-control-plane/envoy/service/auth/v3"
	procv3 "github.com/envoyproxy/go-control-plane/envoy/service/ext_proc/v3"
	coltrace "go.opentelemetry.io/proto/otlp/collector/trace/v1"
	tracev1 "go.opentelemetry.io/proto/otlp/trace/v1"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	_ "google.golang.org/grpc/encoding/gzip" // as collectors do
	"google.golang.org/grpc/status"
)

// outside is an authorization service, a processor and a collector in one.
type outside struct {
	authv3.UnimplementedAuthorizationServer
	procv3.UnimplementedExternalProcessorServer
	coltrace.UnimplementedTraceServiceServer

	spans chan *tracev1.Span
}

// Check permits those who show x-key, and names them to the service.
func (o *outside) Check(_ context.Context, r *authv3.CheckRequest) (*authv3.CheckResponse, error) {
	if r.GetAttributes().GetRequest().GetHttp().GetHeaders()["x-key"] == "" {
		return &authv3.CheckResponse{
			Status:       status.New(codes.PermissionDenied, "").Proto(),
			HttpResponse: &authv3.CheckResponse_DeniedResponse{DeniedResponse: &authv3.DeniedHttpResponse{Body: "show a key"}},
		}, nil
	}
	ok := &authv3.OkHttpResponse{Headers: []*corev3.HeaderValueOption{header("x-user", "ada")}, HeadersToRemove: []string{"x-key"}}
	return &authv3.CheckResponse{Status: status.New(codes.OK, "").Proto(), HttpResponse: &authv3.CheckResponse_OkResponse{OkResponse: ok}}, nil
}

func header(name, value string) *corev3.HeaderValueOption {
	return &corev3.HeaderValueOption{Header: &corev3.HeaderValue{Key: name, Value: value}}
}

// Process gives the request another body, and the response a header.
func (o *outside) Process(stream procv3.ExternalProcessor_ProcessServer) error {
	for {
		message, err := stream.Recv()
		if err != nil {
			return nil //nolint:nilerr // the exchange is over
		}
		answer := &procv3.ProcessingResponse{}
		switch message.GetRequest().(type) {
		case *procv3.ProcessingRequest_RequestHeaders:
			answer.Response = &procv3.ProcessingResponse_RequestHeaders{RequestHeaders: &procv3.HeadersResponse{}}
		case *procv3.ProcessingRequest_RequestBody:
			answer.Response = &procv3.ProcessingResponse_RequestBody{RequestBody: &procv3.BodyResponse{Response: &procv3.CommonResponse{
				BodyMutation: &procv3.BodyMutation{Mutation: &procv3.BodyMutation_Body{Body: []byte("processed")}},
			}}}
		default:
			answer.Response = &procv3.ProcessingResponse_ResponseHeaders{ResponseHeaders: &procv3.HeadersResponse{Response: &procv3.CommonResponse{
				HeaderMutation: &procv3.HeaderMutation{SetHeaders: []*corev3.HeaderValueOption{header("x-processed", "yes")}},
			}}}
		}
		if err := stream.Send(answer); err != nil {
			return err
		}
	}
}

// Export keeps spans.
func (o *outside) Export(_ context.Context, r *coltrace.ExportTraceServiceRequest) (*coltrace.ExportTraceServiceResponse, error) {
	for _, of := range r.GetResourceSpans() {
		for _, scope := range of.GetScopeSpans() {
			for _, span := range scope.GetSpans() {
				o.spans <- span
			}
		}
	}
	return &coltrace.ExportTraceServiceResponse{}, nil
}

// TestServicesOutside runs a gateway with an authorization service, a processor
// and a collector, all of them real.
func TestServicesOutside(t *testing.T) {
	o := &outside{spans: make(chan *tracev1.Span, 100)}
	ln, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	server := grpc.NewServer()
	authv3.RegisterAuthorizationServer(server, o)
	procv3.RegisterExternalProcessorServer(server, o)
	coltrace.RegisterTraceServiceServer(server, o)
	go func() { _ = server.Serve(ln) }()
	defer server.Stop()
	run := serve(t, startServices(t, nil), one(strings.ReplaceAll(`
apiVersion: gateway.mulesoft.com/v1beta1
kind: Configuration
metadata: {name: tracing}
spec:
  tracing:
    provider: {type: opentelemetry, properties: {address: "h2://OUTSIDE", serviceType: grpc, serviceName: gw}}
    sampling: {client: 100, random: 100, overall: 100}
---
apiVersion: gateway.mulesoft.com/v1alpha1
kind: ApiInstance
metadata: {name: outside}
spec:
  address: http://0.0.0.0:8081/outside
  services: {orders: {address: "http://127.0.0.1:9001"}}
  policies:
  - policyRef: {name: native-ext-authz-flex}
    config: {uri: "h2://OUTSIDE", serverType: grpc}
  - policyRef: {name: native-ext-proc-flex}
    config: {uri: "h2://OUTSIDE", requestBodyMode: buffered}
`, "OUTSIDE", ln.Addr().String())))

	refused := run.get(t, "8081", "POST /outside/orders/7 HTTP/1.1\nContent-Length: 3\n\nabc")
	if refused.status != 403 || refused.seen != nil || refused.body != "show a key" {
		t.Errorf("without a key: %d %q", refused.status, refused.body)
	}
	passed := run.get(t, "8081", "POST /outside/orders/7 HTTP/1.1\nX-Key: s3cret\nX-User: root\nContent-Length: 3\n\nabc")
	if passed.status != 200 || passed.header.Get("X-Processed") != "yes" {
		t.Fatalf("with a key: %d %v", passed.status, passed.header)
	}
	if got := passed.seen; got.body != "processed" || got.header.Get("X-User") != "ada" || got.header.Get("X-Key") != "" {
		t.Errorf("the service reads %q with %v", got.body, got.header)
	}
	for _, want := range []string{"403", "200"} {
		span := <-o.spans
		if !strings.Contains(span.String(), want) || strings.Contains(span.String(), "s3cret") || span.GetName() != "outside" {
			t.Errorf("the span is %v, want status %s", span, want)
		}
		if want == "200" {
			if parent := passed.seen.header.Get("Traceparent"); !strings.Contains(parent, hex.EncodeToString(span.GetTraceId())) || !strings.Contains(parent, hex.EncodeToString(span.GetSpanId())) {
				t.Errorf("the service reads the context %q", parent)
			}
		}
	}
}
