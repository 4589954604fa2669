package otlp

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"mime"
	"net/http"
	"strings"
	"sync/atomic"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials"
	_ "google.golang.org/grpc/encoding/gzip" // senders compress with it
	"google.golang.org/grpc/keepalive"
	"google.golang.org/grpc/stats"
	"google.golang.org/grpc/status"
	"google.golang.org/grpc/tap"
	"google.golang.org/protobuf/encoding/protowire"

	"farrier.dev/farrier/internal/encoding/content"
)

// message is one as it came. It is read by a decoder of its own, for that of the
// library makes objects a hundred times as large as a hostile message.
type message struct{ bytes []byte }

// raw is a codec that leaves messages as they are.
type raw struct{}

// Name is that of the codec whose place it takes.
func (raw) Name() string { return "proto" }

// Marshal gives the bytes of an answer.
func (raw) Marshal(v any) ([]byte, error) {
	if m, ok := v.(*message); ok {
		return m.bytes, nil
	}
	return nil, fmt.Errorf("an answer of type %T", v)
}

// Unmarshal keeps the bytes of a message.
func (raw) Unmarshal(data []byte, v any) error {
	m, ok := v.(*message)
	if !ok {
		return fmt.Errorf("a message of type %T", v)
	}
	m.bytes = data
	return nil
}

// exporter is what the service of OTLP is served by.
type exporter interface {
	export(ctx context.Context, m *message) (*message, error)
}

// service is opentelemetry.proto.collector.trace.v1.TraceService.
var service = grpc.ServiceDesc{
	ServiceName: "opentelemetry.proto.collector.trace.v1.TraceService",
	HandlerType: (*exporter)(nil),
	Methods: []grpc.MethodDesc{{
		MethodName: "Export",
		Handler: func(srv any, ctx context.Context, decode func(any) error, _ grpc.UnaryServerInterceptor) (any, error) {
			m := &message{}
			if err := decode(m); err != nil {
				return nil, err
			}
			return srv.(exporter).export(ctx, m)
		},
	}},
}

func (s *Server) newGRPC() *grpc.Server {
	options := []grpc.ServerOption{
		grpc.ForceServerCodec(raw{}), grpc.MaxRecvMsgSize(maxMessage), grpc.MaxConcurrentStreams(32),
		grpc.ConnectionTimeout(10 * time.Second), grpc.MaxHeaderListSize(16 << 10),
		grpc.KeepaliveParams(keepalive.ServerParameters{MaxConnectionIdle: 10 * time.Minute, Time: 2 * time.Minute}),
		grpc.KeepaliveEnforcementPolicy(keepalive.EnforcementPolicy{MinTime: 10 * time.Second, PermitWithoutStream: true}),
		grpc.InTapHandle(s.tapped), grpc.StatsHandler(&s.calls),
	}
	if s.o.TLS != nil {
		options = append(options, grpc.Creds(credentials.NewTLS(s.o.TLS)))
	}
	server := grpc.NewServer(options...)
	server.RegisterService(&service, s)
	return server
}

// export takes a message over gRPC.
func (s *Server) export(_ context.Context, m *message) (*message, error) {
	rejected, err := s.take(m.bytes, decode)
	if err != nil {
		return nil, status.Error(codes.InvalidArgument, err.Error())
	}
	return &message{partial(rejected)}, nil
}

// partial is an ExportTraceServiceResponse that says how many spans were rejected.
func partial(rejected int64) []byte {
	if rejected == 0 {
		return nil
	}
	inner := protowire.AppendVarint(protowire.AppendTag(nil, 1, protowire.VarintType), uint64(rejected)) //nolint:gosec // never negative
	inner = protowire.AppendString(protowire.AppendTag(inner, 2, protowire.BytesType), tooMany)
	return protowire.AppendBytes(protowire.AppendTag(nil, 1, protowire.BytesType), inner)
}

const tooMany = "a message may have 20000 spans"

// bearer says whether a sender showed the token.
func (s *Server) bearer(values []string) bool {
	token := ""
	if len(values) > 0 {
		token = values[0]
		if scheme, rest, found := strings.Cut(token, " "); found && strings.EqualFold(scheme, "bearer") {
			token = rest
		}
	}
	if s.access.Shows(token) {
		return true
	}
	s.unauthorised.Add(1)
	return false
}

func (s *Server) newHTTP() *http.Server {
	protocols := &http.Protocols{}
	protocols.SetHTTP1(true)
	protocols.SetHTTP2(s.o.TLS != nil)
	return &http.Server{
		Handler: http.HandlerFunc(s.receive), Protocols: protocols, TLSConfig: s.o.TLS, MaxHeaderBytes: 16 << 10,
		ReadHeaderTimeout: 10 * time.Second, ReadTimeout: time.Minute, WriteTimeout: time.Minute, IdleTimeout: 10 * time.Minute,
		ErrorLog: slog.NewLogLogger(s.o.Log.Handler(), slog.LevelDebug),
	}
}

func (s *Server) serveHTTP() error {
	if s.o.TLS != nil {
		return s.http.ServeTLS(s.httpAt, "", "")
	}
	return s.http.Serve(s.httpAt)
}

// receive takes a message over HTTP.
func (s *Server) receive(w http.ResponseWriter, r *http.Request) {
	if r.URL.Path != "/v1/traces" {
		http.Error(w, "only traces are taken, at /v1/traces", http.StatusNotFound)
		return
	}
	if r.Method != http.MethodPost {
		w.Header().Set("Allow", http.MethodPost)
		http.Error(w, "traces are posted", http.StatusMethodNotAllowed)
		return
	}
	if !s.bearer(r.Header.Values("Authorization")) {
		w.Header().Set("WWW-Authenticate", "Bearer")
		http.Error(w, "the token is missing or wrong", http.StatusUnauthorized)
		return
	}
	media, _, _ := mime.ParseMediaType(r.Header.Get("Content-Type"))
	read := decode
	switch media {
	case "application/x-protobuf", "application/protobuf":
	case "application/json":
		read = decodeJSON
	default:
		http.Error(w, "the content must be application/x-protobuf or application/json", http.StatusUnsupportedMediaType)
		return
	}
	select {
	case s.webs <- struct{}{}:
		defer func() { <-s.webs }()
	default:
		s.busy.Add(1)
		w.Header().Set("Retry-After", "1")
		http.Error(w, tooBusy, http.StatusServiceUnavailable)
		return
	}
	text, refusal, code := contentOf(w, r)
	if refusal != "" {
		http.Error(w, refusal, code)
		return
	}
	rejected, err := s.take(text, read)
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	w.Header().Set("Content-Type", media)
	switch {
	case media != "application/json":
		_, _ = w.Write(partial(rejected)) // a sender that is gone misses nothing
	case rejected > 0:
		_, _ = fmt.Fprintf(w, `{"partialSuccess":{"rejectedSpans":"%d","errorMessage":%q}}`, rejected, tooMany)
	default:
		_, _ = io.WriteString(w, "{}")
	}
}

// contentOf is the content of a request without its coding, or why it is not taken.
func contentOf(w http.ResponseWriter, r *http.Request) (text []byte, refusal string, code int) {
	text, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxMessage))
	if err == nil {
		text, err = content.Decode(r.Header.Get("Content-Encoding"), text, maxMessage, content.DefaultRatio)
	}
	var tooLong *http.MaxBytesError
	switch {
	case errors.As(err, &tooLong) || errors.Is(err, content.ErrTooLarge):
		return nil, fmt.Sprintf("a message may have %d bytes", maxMessage), http.StatusRequestEntityTooLarge
	case err != nil:
		return nil, "the content could not be read", http.StatusBadRequest
	}
	return text, "", 0
}

// tapped refuses calls over gRPC that do not show the token, or are too many, before
// they are read.
func (s *Server) tapped(ctx context.Context, call *tap.Info) (context.Context, error) {
	if !s.bearer(call.Header.Get("authorization")) {
		return nil, status.Error(codes.Unauthenticated, "the token is missing or wrong")
	}
	if s.calls.underWay.Load() >= maxUnderWay {
		s.busy.Add(1)
		return nil, status.Error(codes.Unavailable, tooBusy)
	}
	return ctx, nil
}

const tooBusy = "too many messages are on their way; come again"

// calls counts the calls over gRPC that are under way.
type calls struct{ underWay atomic.Int64 }

// TagRPC implements stats.Handler.
func (*calls) TagRPC(ctx context.Context, _ *stats.RPCTagInfo) context.Context { return ctx }

// HandleRPC implements stats.Handler.
func (c *calls) HandleRPC(_ context.Context, event stats.RPCStats) {
	switch event.(type) {
	case *stats.Begin:
		c.underWay.Add(1)
	case *stats.End:
		c.underWay.Add(-1)
	}
}

// TagConn implements stats.Handler.
func (*calls) TagConn(ctx context.Context, _ *stats.ConnTagInfo) context.Context { return ctx }

// HandleConn implements stats.Handler.
func (*calls) HandleConn(context.Context, stats.ConnStats) {}
