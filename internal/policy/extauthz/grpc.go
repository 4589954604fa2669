package extauthz

import (
	"bytes"
	"context"
	"encoding/pem"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"strings"
	"time"
	"unicode/utf8"

	corev3 "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
	authv3 "github.com/envoyproxy/go-control-plane/envoy/service/auth/v3"
	"google.golang.org/grpc"
	"google.golang.org/grpc/backoff"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/keepalive"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/types/known/timestamppb"

	"farrier.dev/farrier/internal/policy"
	"farrier.dev/farrier/internal/traffic"
)

// overGRPC asks by envoy.service.auth.v3.Authorization/Check.
type overGRPC struct {
	*compiled
	client authv3.AuthorizationClient
}

// connection is the one to the service; it outlives revisions, and its Close is
// that of a step's state.
type connection struct {
	*grpc.ClientConn
	err error
}

// Close implements io.Closer.
func (c *connection) Close() error {
	if c.ClientConn == nil {
		return nil
	}
	return c.ClientConn.Close()
}

func newGRPC(c *compiled, env policy.Env) (*overGRPC, error) {
	made, _ := env.State("connection", func() any { return dial(c, env.HTTP) }).(*connection)
	if made.err != nil {
		return nil, fmt.Errorf("uri: %w", made.err)
	}
	return &overGRPC{compiled: c, client: authv3.NewAuthorizationClient(made.ClientConn)}, nil
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
	conn, err := grpc.NewClient("passthrough:///"+c.service.Address,
		grpc.WithTransportCredentials(secure),
		grpc.WithContextDialer(func(ctx context.Context, address string) (net.Conn, error) { return open(ctx, "tcp", address) }),
		grpc.WithDisableServiceConfig(),
		grpc.WithUserAgent("farrier"),
		grpc.WithDefaultCallOptions(grpc.MaxCallRecvMsgSize(maxAnswer), grpc.MaxCallSendMsgSize(1<<20+int(c.body.Limit))),
		// Servers may end connections that are asked for a sign of life more often.
		grpc.WithKeepaliveParams(keepalive.ClientParameters{Time: 5 * time.Minute, Timeout: 10 * time.Second}),
		grpc.WithConnectParams(grpc.ConnectParams{
			Backoff:           backoff.Config{BaseDelay: 100 * time.Millisecond, Multiplier: 1.6, Jitter: 0.2, MaxDelay: 3 * time.Second},
			MinConnectTimeout: 5 * time.Second,
		}))
	return &connection{conn, err}
}

func (g *overGRPC) ask(ctx context.Context, x *traffic.Exchange) (decision, error) {
	answer, err := g.client.Check(ctx, &authv3.CheckRequest{Attributes: g.attributes(x)})
	if err != nil {
		if status.Code(err) == codes.DeadlineExceeded {
			return decision{}, errors.New("the authorization service did not answer in time")
		}
		return decision{}, fmt.Errorf("the authorization service could not be asked: %s", status.Code(err))
	}
	if failure := answer.GetErrorResponse(); failure != nil {
		d := denial(failure)
		d.failed = true
		return d, nil
	}
	ok := answer.GetOkResponse()
	switch {
	case answer.GetStatus() == nil && ok == nil:
		// An empty message says nothing, and must not permit anything.
		return decision{}, errors.New("the answer of the authorization service holds no decision")
	case answer.GetStatus().GetCode() != int32(codes.OK) || answer.GetDeniedResponse() != nil:
		return denial(answer.GetDeniedResponse()), nil
	}
	d := decision{allowed: true, upstream: edits(ok.GetHeaders()), client: edits(ok.GetResponseHeadersToAdd())}
	for _, name := range ok.GetHeadersToRemove() {
		d.upstream = append(d.upstream, policy.FieldEdit{Name: name, Action: policy.RemoveField})
	}
	for _, p := range ok.GetQueryParametersToSet() {
		d.query.set = append(d.query.set, parameter{p.GetKey(), p.GetValue()})
	}
	d.query.remove = ok.GetQueryParametersToRemove()
	return d, nil
}

func denial(from *authv3.DeniedHttpResponse) decision {
	d := decision{client: edits(from.GetHeaders()), body: []byte(from.GetBody())}
	if from != nil {
		d.status = int(from.GetStatus().GetCode())
	}
	return d
}

// edits are the changes as the protocol writes them: append, when given, beats
// append_action, and without either a field is overwritten.
func edits(options []*corev3.HeaderValueOption) []policy.FieldEdit {
	if len(options) == 0 {
		return nil
	}
	made := make([]policy.FieldEdit, 0, len(options))
	for _, o := range options {
		e := policy.FieldEdit{Name: o.GetHeader().GetKey(), Value: o.GetHeader().GetValue()}
		if raw := o.GetHeader().GetRawValue(); len(raw) > 0 {
			e.Value = string(raw)
		}
		switch {
		case o.GetAppend() != nil: //nolint:staticcheck // services of today still set it
			if o.GetAppend().GetValue() { //nolint:staticcheck // as above
				e.Action = policy.AppendField
			}
		case o.GetAppendAction() == corev3.HeaderValueOption_ADD_IF_ABSENT:
			e.Action = policy.AddFieldIfAbsent
		case o.GetAppendAction() == corev3.HeaderValueOption_OVERWRITE_IF_EXISTS:
			e.Action = policy.OverwriteFieldIfPresent
		case strings.EqualFold(e.Name, "set-cookie"):
			e.Action = policy.AppendField
		}
		made = append(made, e)
	}
	return made
}

func (g *overGRPC) attributes(x *traffic.Exchange) *authv3.AttributeContext {
	req := &x.Request
	target := req.Path
	if req.RawQuery != "" {
		target += "?" + req.RawQuery
	}
	http := &authv3.AttributeContext_HttpRequest{
		Id: x.ID, Method: text(req.Method), Path: text(target), Host: text(req.Host), Scheme: req.Scheme,
		Query: text(req.RawQuery), Protocol: strings.TrimSuffix(req.Proto, ".0"), Size: req.Body.Length(),
	}
	if req.Proto == "HTTP/1.0" {
		http.Protocol = req.Proto
	}
	g.body(http, &req.Body)
	http.Headers = g.headers(req, target)
	if g.WithRequestBody != nil {
		http.Headers[partialBody] = fmt.Sprint(req.Body.Partial())
	}
	// The verified client, not the proxy before us, is whom the service judges.
	client := netip.AddrPortFrom(req.Client, 0)
	if req.Remote.Addr() == req.Client {
		client = req.Remote
	}
	source := &authv3.AttributeContext_Peer{Address: address(client)}
	if req.TLS != nil && req.TLS.Verified && len(req.TLS.Peer) > 0 {
		source.Principal = text(principal(req.TLS))
		if g.IncludePeerCertificate {
			block := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: req.TLS.Peer[0].Raw})
			source.Certificate = strings.ReplaceAll(url.QueryEscape(string(block)), "+", "%20")
		}
	}
	return &authv3.AttributeContext{
		Source: source, Destination: &authv3.AttributeContext_Peer{Address: address(req.Local)},
		Request: &authv3.AttributeContext_Request{Time: timestamppb.New(x.Received), Http: http},
	}
}

// body adds the content: as text when it is text, as bytes otherwise.
func (g *overGRPC) body(http *authv3.AttributeContext_HttpRequest, from *traffic.Body) {
	if g.WithRequestBody == nil || !from.Loaded() {
		return
	}
	content := from.Bytes()
	if utf8.Valid(content) {
		http.Body = string(content)
	} else {
		http.RawBody = bytes.Clone(content)
	}
}

// headers are the permitted ones, values of one name joined, as Envoy does.
func (g *overGRPC) headers(req *traffic.Request, target string) map[string]string {
	all := make(map[string]string, req.Header.Len()+5)
	add := func(name, value string) {
		if g.allowed != nil && !g.allowed[name] {
			return
		}
		if before, ok := all[name]; ok {
			value = before + "," + value
		}
		all[name] = text(value)
	}
	add(":method", req.Method)
	add(":path", target)
	add(":authority", req.Host)
	add(":scheme", req.Scheme)
	decoded := g.WithRequestBody != nil && !req.Body.Empty()
	for f := range req.Header.All() {
		if f.Name != "content-encoding" || !decoded {
			add(f.Name, f.Value)
		}
	}
	return all
}

// principal names the client as Envoy does: by the URI, else the DNS name, else
// the subject of its certificate.
func principal(from *traffic.TLS) string {
	cert := from.Peer[0]
	switch {
	case len(cert.URIs) > 0:
		return cert.URIs[0].String()
	case len(cert.DNSNames) > 0:
		return cert.DNSNames[0]
	}
	return cert.Subject.String()
}

func address(a netip.AddrPort) *corev3.Address {
	text := ""
	if a.Addr().IsValid() {
		text = a.Addr().Unmap().WithZone("").String()
	}
	return &corev3.Address{Address: &corev3.Address_SocketAddress{SocketAddress: &corev3.SocketAddress{
		Address: text, PortSpecifier: &corev3.SocketAddress_PortValue{PortValue: uint32(a.Port())},
	}}}
}

// text is what protobuf takes for text: other bytes become "!", as in Envoy.
func text(s string) string { return strings.ToValidUTF8(s, "!") }
