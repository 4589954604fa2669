package extauthz

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"errors"
	"io"
	"log"
	"math/big"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"net/url"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	corev3 "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
	authv3 "github.com/envoyproxy/go-control-plane/envoy/service/auth/v3"
	typev3 "github.com/envoyproxy/go-control-plane/envoy/type/v3"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/types/known/wrapperspb"

	"farrier.dev/farrier/internal/policy"
	"farrier.dev/farrier/internal/traffic"
)

func values(raw string) map[string][]string {
	v, _ := url.ParseQuery(raw)
	return v
}

// authz is a service that answers what the test says.
type authz struct {
	authv3.UnimplementedAuthorizationServer
	answer func(*authv3.AttributeContext) (*authv3.CheckResponse, error)
	seen   atomic.Pointer[authv3.AttributeContext]
}

// Check implements the protocol.
func (a *authz) Check(_ context.Context, r *authv3.CheckRequest) (*authv3.CheckResponse, error) {
	a.seen.Store(r.GetAttributes())
	return a.answer(r.GetAttributes())
}

// startAuthz serves it on loopback until stop or the end of the test.
func startAuthz(t testing.TB, a *authz, address string) (uri string, stop func()) {
	t.Helper()
	ln, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	server := grpc.NewServer()
	authv3.RegisterAuthorizationServer(server, a)
	go func() { _ = server.Serve(ln) }()
	t.Cleanup(server.Stop)
	return "h2://" + ln.Addr().String(), server.Stop
}

func option(name, value string, action corev3.HeaderValueOption_HeaderAppendAction) *corev3.HeaderValueOption {
	return &corev3.HeaderValueOption{Header: &corev3.HeaderValue{Key: name, Value: value}, AppendAction: action}
}

const (
	appendOrAdd = corev3.HeaderValueOption_APPEND_IF_EXISTS_OR_ADD
	ifAbsent    = corev3.HeaderValueOption_ADD_IF_ABSENT
	ifExists    = corev3.HeaderValueOption_OVERWRITE_IF_EXISTS
)

func permitting(ok *authv3.OkHttpResponse) *authv3.CheckResponse {
	return &authv3.CheckResponse{
		Status: status.New(codes.OK, "").Proto(), HttpResponse: &authv3.CheckResponse_OkResponse{OkResponse: ok},
	}
}

func TestGRPCPermits(t *testing.T) {
	appended := option("x-trail", "authz", appendOrAdd)
	appended.Append = wrapperspb.Bool(true) //nolint:staticcheck // services of today still set it
	service := &authz{answer: func(*authv3.AttributeContext) (*authv3.CheckResponse, error) {
		return permitting(&authv3.OkHttpResponse{
			Headers: []*corev3.HeaderValueOption{
				option("X-User", "ada", appendOrAdd), appended, option("x-new", "1", ifAbsent), option("x-old", "2", ifAbsent),
				option("x-none", "3", ifExists), option("content-length", "0", appendOrAdd), option(":path", "/admin", appendOrAdd),
				option("transfer-encoding", "chunked", appendOrAdd), option("host", "evil.test", appendOrAdd),
			},
			HeadersToRemove:         []string{"Authorization", "host", ":method"},
			ResponseHeadersToAdd:    []*corev3.HeaderValueOption{option("x-quota", "9", appendOrAdd), option("set-cookie", "b=2", appendOrAdd), option("connection", "close", appendOrAdd)},
			QueryParametersToSet:    []*corev3.QueryParameter{{Key: "tenant", Value: "acme co"}},
			QueryParametersToRemove: []string{"token"},
		}), nil
	}}
	uri, _ := startAuthz(t, service, "127.0.0.1:0")
	step := bind(t, map[string]any{"uri": uri, "serverType": "grpc"})
	x := exchange("/orders/7")
	x.Request.RawQuery = "token=s3cret&full=1"
	x.Request.Remote, x.Request.Local = netip.MustParseAddrPort("192.0.2.9:4000"), netip.MustParseAddrPort("192.0.2.1:8081")
	x.Request.Client = netip.MustParseAddr("198.51.100.7")
	x.Request.Header = traffic.NewHeader(
		traffic.Field{Name: "authorization", Value: "Bearer t"}, traffic.Field{Name: "x-user", Value: "root"}, traffic.Field{Name: "x-trail", Value: "edge"},
		traffic.Field{Name: "x-old", Value: "1"}, traffic.Field{Name: "x-bytes", Value: "\xff\xfea"}, traffic.Field{Name: "x-trail", Value: "two"})
	if v := run(t, step, x); v.Stops() || !strings.Contains(v.Reason, "6 changes") {
		t.Fatalf("%v %q", v.Action, v.Reason)
	}
	h := &x.Request.Header
	for name, want := range map[string]string{
		"authorization": "", "x-user": "ada", "x-trail": "edge, two, authz", "x-new": "1", "x-old": "1", "x-none": "",
		"content-length": "", ":path": "", "transfer-encoding": "", "host": "",
	} {
		if got := h.Joined(name); got != want {
			t.Errorf("%s: %q, want %q", name, got, want)
		}
	}
	if x.Request.RawQuery != "full=1&tenant=acme+co" || x.Request.Path != "/orders/7" {
		t.Errorf("the target is %s?%s", x.Request.Path, x.Request.RawQuery)
	}
	x.Response.Header = traffic.NewHeader(traffic.Field{Name: "set-cookie", Value: "a=1"}, traffic.Field{Name: "x-quota", Value: "10"})
	step.Response(t.Context(), x)
	if r := &x.Response.Header; r.Joined("x-quota") != "9" || r.Joined("set-cookie") != "a=1, b=2" || r.Has("connection") {
		t.Errorf("the client reads %v", r)
	}
	checkAttributes(t, service.seen.Load(), x)
}

func checkAttributes(t *testing.T, seen *authv3.AttributeContext, x *traffic.Exchange) {
	t.Helper()
	r := seen.GetRequest().GetHttp()
	if r.GetId() != x.ID || r.GetMethod() != "GET" || r.GetPath() != "/orders/7?token=s3cret&full=1" || r.GetQuery() != "token=s3cret&full=1" ||
		r.GetHost() != "api.test" || r.GetScheme() != "http" || r.GetProtocol() != "HTTP/1.1" || r.GetBody() != "" || r.GetSize() != 0 {
		t.Errorf("the service reads %v", r)
	}
	for name, want := range map[string]string{"x-trail": "edge,two", "x-bytes": "!a", ":path": r.GetPath(), ":authority": "api.test", "authorization": "Bearer t"} {
		if r.GetHeaders()[name] != want {
			t.Errorf("the service reads %s: %q, want %q", name, r.GetHeaders()[name], want)
		}
	}
	from, to := seen.GetSource().GetAddress().GetSocketAddress(), seen.GetDestination().GetAddress().GetSocketAddress()
	if from.GetAddress() != "198.51.100.7" || from.GetPortValue() != 0 || to.GetAddress() != "192.0.2.1" || to.GetPortValue() != 8081 {
		t.Errorf("the service reads the addresses %v and %v", from, to)
	}
	if !seen.GetRequest().GetTime().AsTime().Equal(x.Received) {
		t.Errorf("the service reads the time %v", seen.GetRequest().GetTime().AsTime())
	}
}

// TestGRPCAnswers plays every kind of answer.
func TestGRPCAnswers(t *testing.T) {
	denied := func(code codes.Code, d *authv3.DeniedHttpResponse) *authv3.CheckResponse {
		r := &authv3.CheckResponse{Status: status.New(code, "").Proto()}
		if d != nil {
			r.HttpResponse = &authv3.CheckResponse_DeniedResponse{DeniedResponse: d}
		}
		return r
	}
	forbidden := codes.PermissionDenied
	cases := map[string]struct {
		answer *authv3.CheckResponse
		err    error
		status int
		body   string
		action traffic.Action
	}{
		"ok":                   {answer: &authv3.CheckResponse{Status: status.New(codes.OK, "").Proto()}},
		"ok without status":    {answer: &authv3.CheckResponse{HttpResponse: &authv3.CheckResponse_OkResponse{OkResponse: &authv3.OkHttpResponse{}}}},
		"empty":                {answer: &authv3.CheckResponse{}, status: 403, action: traffic.Failed},
		"denied without words": {answer: denied(forbidden, nil), status: 403, action: traffic.Refused},
		"denied": {
			answer: denied(forbidden, &authv3.DeniedHttpResponse{Status: &typev3.HttpStatus{Code: 429}, Body: "slow down"}),
			status: 429, body: "slow down", action: traffic.Refused,
		},
		"denied without status": {answer: denied(forbidden, &authv3.DeniedHttpResponse{Body: "no"}), status: 403, body: "no", action: traffic.Refused},
		"ok and denied":         {answer: denied(0, &authv3.DeniedHttpResponse{Body: "no"}), status: 403, body: "no", action: traffic.Refused},
		"denied with no status of HTTP": {
			answer: denied(forbidden, &authv3.DeniedHttpResponse{Status: &typev3.HttpStatus{Code: 101}}), status: 403, action: traffic.Failed,
		},
		"denied with a split header": {
			answer: denied(forbidden, &authv3.DeniedHttpResponse{Headers: []*corev3.HeaderValueOption{option("x-a", "1\r\nx-b: 2", appendOrAdd)}}),
			status: 403, action: traffic.Failed,
		},
		"ok with a split header": {
			answer: permitting(&authv3.OkHttpResponse{Headers: []*corev3.HeaderValueOption{option("x-a", "1\nx-b: 2", appendOrAdd)}}),
			status: 403, action: traffic.Failed,
		},
		"ok with a split header for the client": {
			answer: permitting(&authv3.OkHttpResponse{ResponseHeadersToAdd: []*corev3.HeaderValueOption{option("x a", "1", appendOrAdd)}}),
			status: 403, action: traffic.Failed,
		},
		"error of its own": {
			answer: &authv3.CheckResponse{
				Status:       status.New(codes.Internal, "").Proto(),
				HttpResponse: &authv3.CheckResponse_ErrorResponse{ErrorResponse: &authv3.DeniedHttpResponse{Status: &typev3.HttpStatus{Code: 503}, Body: "later"}},
			},
			status: 503, body: "later", action: traffic.Failed,
		},
		"error": {err: errors.New("secret of the service"), status: 403, action: traffic.Failed},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			uri, _ := startAuthz(t, &authz{answer: func(*authv3.AttributeContext) (*authv3.CheckResponse, error) { return c.answer, c.err }}, "127.0.0.1:0")
			x := exchange("/orders")
			v := run(t, bind(t, map[string]any{"uri": uri, "serverType": "grpc"}), x)
			if v.Action != c.action && c.action != 0 || v.Stops() != (c.action != 0) || v.Answer.Status != c.status || string(v.Answer.Body) != c.body {
				t.Errorf("%v %d %q (%s)", v.Action, v.Answer.Status, v.Answer.Body, v.Reason)
			}
			if strings.Contains(v.Reason, "secret") || x.Request.Header.Len() != 0 {
				t.Errorf("reason %q, header %v", v.Reason, x.Request.Header)
			}
			open := run(t, bind(t, map[string]any{"uri": uri, "serverType": "grpc", "failureModeAllow": true}), exchange("/orders"))
			if open.Stops() != (c.action == traffic.Refused) {
				t.Errorf("with failureModeAllow: %v (%s)", open.Action, open.Reason)
			}
		})
	}
	t.Logf("played %d answers", len(cases))
}

// TestGRPCFailures kills the service, slows it down, and puts garbage and
// silence in its place.
func TestGRPCFailures(t *testing.T) {
	service := &authz{answer: func(a *authv3.AttributeContext) (*authv3.CheckResponse, error) {
		if strings.HasPrefix(a.GetRequest().GetHttp().GetPath(), "/slow") {
			time.Sleep(400 * time.Millisecond)
		}
		return permitting(&authv3.OkHttpResponse{}), nil
	}}
	uri, stop := startAuthz(t, service, "127.0.0.1:0")
	step := bind(t, map[string]any{"uri": uri, "serverType": "grpc", "requestTimeout": 200})
	if v := run(t, step, exchange("/orders")); v.Stops() {
		t.Fatalf("%v (%s)", v.Action, v.Reason)
	}
	wantFailure(t, step, "/slow", "did not answer in time")
	stop()
	wantFailure(t, step, "/orders", "could not be asked: Unavailable")
	// The service comes back at the same address, and is found again.
	startAuthz(t, service, strings.TrimPrefix(uri, "h2://"))
	back := time.Now().Add(20 * time.Second)
	for run(t, step, exchange("/orders")).Stops() {
		if time.Now().After(back) {
			t.Fatal("the service is back and was not found again")
		}
	}
	wantFailure(t, bind(t, map[string]any{"uri": garbage(t, "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"), "serverType": "grpc", "requestTimeout": 300}), "/orders", "authorization service")
	wantFailure(t, bind(t, map[string]any{"uri": garbage(t, ""), "serverType": "grpc", "requestTimeout": 300}), "/orders", "did not answer in time")
	t.Log("played 5 failures")
}

func wantFailure(t *testing.T, step policy.Step, path, reason string) {
	t.Helper()
	if v := run(t, step, exchange(path)); v.Action != traffic.Failed || v.Answer.Status != 403 || !strings.Contains(v.Reason, reason) {
		t.Errorf("%s: %v %d (%s), want %q", path, v.Action, v.Answer.Status, v.Reason, reason)
	}
}

// garbage is a server that answers everyone with the same text.
func garbage(t *testing.T, text string) string {
	t.Helper()
	ln, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = ln.Close() })
	go func() {
		for {
			conn, err := ln.Accept()
			if err != nil {
				return
			}
			_, _ = conn.Write([]byte(text))
			t.Cleanup(func() { _ = conn.Close() })
		}
	}()
	return "h2://" + ln.Addr().String()
}

func TestGRPCBody(t *testing.T) {
	service := &authz{answer: func(*authv3.AttributeContext) (*authv3.CheckResponse, error) { return permitting(nil), nil }}
	uri, _ := startAuthz(t, service, "127.0.0.1:0")
	step := bind(t, map[string]any{
		"uri": uri, "serverType": "grpc", "allowedHeaders": []string{"X-A"},
		"withRequestBody": map[string]any{"maxRequestBytes": 4, "allowPartialMessage": true},
	})
	cases := []struct{ sent, text, raw, partial string }{
		{"1234", "1234", "", "false"}, {"12345", "1234", "", "true"}, {"\xff\x00", "", "\xff\x00", "false"}, {"", "", "", "false"},
	}
	for _, c := range cases {
		x := exchange("/orders")
		x.Request.Header = traffic.NewHeader(traffic.Field{Name: "x-a", Value: "1"}, traffic.Field{Name: "x-b", Value: "1"})
		x.Request.Body.SetSource(strings.NewReader(c.sent), int64(len(c.sent)))
		if v := run(t, step, x); v.Stops() {
			t.Fatalf("%q: %v (%s)", c.sent, v.Action, v.Reason)
		}
		r := service.seen.Load().GetRequest().GetHttp()
		if r.GetBody() != c.text || string(r.GetRawBody()) != c.raw || r.GetHeaders()[partialBody] != c.partial {
			t.Errorf("%q: the service reads %q, %q, partial %s", c.sent, r.GetBody(), r.GetRawBody(), r.GetHeaders()[partialBody])
		}
		if r.GetHeaders()["x-a"] != "1" || len(r.GetHeaders()) != 2 {
			t.Errorf("the service reads %v", r.GetHeaders())
		}
	}
	t.Logf("sent %d bodies", len(cases))
}

// TestPeerCertificate holds that the service reads a certificate that was
// verified, and only when the settings say so.
func TestPeerCertificate(t *testing.T) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "ada"}, DNSNames: []string{"ada.test"}, NotAfter: time.Now().Add(time.Hour)}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	service := &authz{answer: func(*authv3.AttributeContext) (*authv3.CheckResponse, error) { return permitting(nil), nil }}
	uri, _ := startAuthz(t, service, "127.0.0.1:0")
	cases := []struct{ include, verified bool }{{true, true}, {false, true}, {true, false}}
	for _, c := range cases {
		x := exchange("/orders")
		x.Request.TLS = &traffic.TLS{Peer: []*x509.Certificate{cert}, Verified: c.verified}
		run(t, bind(t, map[string]any{"uri": uri, "serverType": "grpc", "includePeerCertificate": c.include}), x)
		from := service.seen.Load().GetSource()
		if text, err := url.PathUnescape(from.GetCertificate()); err != nil || strings.HasPrefix(text, "-----BEGIN CERTIFICATE-----\n") != (c.include && c.verified) {
			t.Errorf("%+v: the service reads %q, %v", c, text, err)
		}
		if (from.GetPrincipal() == "ada.test") != c.verified {
			t.Errorf("%+v: the service reads the principal %q", c, from.GetPrincipal())
		}
	}
	t.Logf("showed %d certificates", len(cases))
}

// TestTLS holds that https:// is TLS to a name that the certificate has, over
// gRPC and over HTTP, and nothing less.
func TestTLS(t *testing.T) {
	web := httptest.NewTLSServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))
	defer web.Close()
	web.Config.ErrorLog = log.New(io.Discard, "", 0)
	ln, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	server := grpc.NewServer(grpc.Creds(credentials.NewServerTLSFromCert(&web.TLS.Certificates[0])))
	authv3.RegisterAuthorizationServer(server, &authz{answer: func(*authv3.AttributeContext) (*authv3.CheckResponse, error) { return permitting(nil), nil }})
	go func() { _ = server.Serve(ln) }()
	defer server.Stop()
	stranger := &http.Client{Transport: &http.Transport{}}
	cases := []struct {
		name   string
		client *http.Client
		uri    string
		kind   string
		passes bool
	}{
		{"gRPC", web.Client(), "https://" + ln.Addr().String(), "grpc", true},
		{"gRPC, not trusted", stranger, "https://" + ln.Addr().String(), "grpc", false},
		{"gRPC, another name", web.Client(), "https://" + strings.Replace(ln.Addr().String(), "127.0.0.1", "localhost", 1), "grpc", false},
		{"gRPC, in clear", web.Client(), "h2://" + ln.Addr().String(), "grpc", false},
		{"HTTP", web.Client(), web.URL, "http", true},
		{"HTTP, not trusted", stranger, web.URL, "http", false},
	}
	for _, c := range cases {
		v := run(t, bindWith(t, c.client, map[string]any{"uri": c.uri, "serverType": c.kind, "requestTimeout": 2000}), exchange("/orders"))
		if v.Stops() == c.passes || v.Stops() && v.Answer.Status != 403 {
			t.Errorf("%s: %v %d (%s)", c.name, v.Action, v.Answer.Status, v.Reason)
		}
	}
	t.Logf("connected in %d ways", len(cases))
}

// BenchmarkCheck is one question to a service on this machine.
func BenchmarkCheck(b *testing.B) {
	service := &authz{answer: func(*authv3.AttributeContext) (*authv3.CheckResponse, error) { return permitting(nil), nil }}
	uri, _ := startAuthz(b, service, "127.0.0.1:0")
	step := bind(b, map[string]any{"uri": uri, "serverType": "grpc"})
	b.ReportAllocs()
	for b.Loop() {
		if v := step.Request(b.Context(), exchange("/orders")); v.Stops() {
			b.Fatal(v)
		}
	}
}
