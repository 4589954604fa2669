package proxywasm

import (
	"crypto/tls"
	"encoding/binary"
	"net/netip"
	"strings"
	"time"

	"farrier.dev/farrier/internal/traffic"
)

const (
	maxProperties    = 64
	maxPropertyBytes = 64 << 10
)

// property is one path that modules may read. Values are as in Envoy: text as
// it is, numbers as 64 bits little-endian, truth as one byte, maps as the pairs
// of a header.
type property struct {
	path, does string
	read       func(s *session) ([]byte, bool)
}

// ofExchange reads what only an exchange has.
func ofExchange(read func(x *traffic.Exchange) []byte) func(*session) ([]byte, bool) {
	return func(s *session) ([]byte, bool) {
		if s.x == nil {
			return nil, false
		}
		return read(s.x), true
	}
}

// ofResponse reads what is there once there is a response.
func ofResponse(read func(x *traffic.Exchange) []byte) func(*session) ([]byte, bool) {
	return func(s *session) ([]byte, bool) {
		if s.x == nil || s.side == request {
			return nil, false
		}
		return read(s.x), true
	}
}

// ofTLS reads what only a connection with TLS has.
func ofTLS(read func(t *traffic.TLS) []byte) func(*session) ([]byte, bool) {
	return func(s *session) ([]byte, bool) {
		if s.x == nil || s.x.Request.TLS == nil {
			return nil, false
		}
		return read(s.x.Request.TLS), true
	}
}

func ofPlugin(read func(p *plugin) string) func(*session) ([]byte, bool) {
	return func(s *session) ([]byte, bool) { return []byte(read(s.in.plugin)), true }
}

func number(n int64) []byte { return binary.LittleEndian.AppendUint64(nil, uint64(n)) } //nolint:gosec // its bits

func truth(b bool) []byte {
	if b {
		return []byte{1}
	}
	return []byte{0}
}

func peer(a netip.AddrPort) []byte { return []byte(a.String()) }

func pairsOf(h *traffic.Header) []byte {
	fields := make([]traffic.Field, 0, h.Len())
	for f := range h.All() {
		fields = append(fields, f)
	}
	return encodePairs(fields)
}

// properties are all paths, without what modules set themselves.
func properties() []property {
	return append([]property{
		{"plugin_name", "name of the Extension", ofPlugin(func(p *plugin) string { return p.Name })},
		{"plugin_root_id", "`rootId` of the Extension", ofPlugin(func(p *plugin) string { return p.RootID })},
		{"plugin_vm_id", "SHA-256 of the module", ofPlugin(func(p *plugin) string { return p.Module })},
		{"listener_direction", "1, inbound", func(*session) ([]byte, bool) { return number(1), true }},
		{"route_name", "the API as namespace/name", ofPlugin(func(p *plugin) string { return p.api })},
		{"xds.route_name", "the same", ofPlugin(func(p *plugin) string { return p.api })},
		{"cluster_name", "the service as namespace/name, once it is called", ofResponse(func(x *traffic.Exchange) []byte { return []byte(x.Upstream.Service) })},
		{"xds.cluster_name", "the same", ofResponse(func(x *traffic.Exchange) []byte { return []byte(x.Upstream.Service) })},
		{"upstream.address", "the address called, without query", ofResponse(func(x *traffic.Exchange) []byte { return []byte(x.Upstream.URI) })},
		{"source.address", "address and port of the connection", ofExchange(func(x *traffic.Exchange) []byte { return peer(x.Request.Remote) })},
		{"source.port", "number", ofExchange(func(x *traffic.Exchange) []byte { return number(int64(x.Request.Remote.Port())) })},
		{"destination.address", "our end of the connection", ofExchange(func(x *traffic.Exchange) []byte { return peer(x.Request.Local) })},
		{"destination.port", "number", ofExchange(func(x *traffic.Exchange) []byte { return number(int64(x.Request.Local.Port())) })},
		{"connection.mtls", "whether the client showed a certificate that is trusted", ofExchange(func(x *traffic.Exchange) []byte { return truth(x.Request.TLS != nil && x.Request.TLS.Verified) })},
		{"connection.requested_server_name", "SNI", ofTLS(func(t *traffic.TLS) []byte { return []byte(t.ServerName) })},
		{"connection.tls_version", "as TLSv1.3", ofTLS(func(t *traffic.TLS) []byte { return []byte(tlsVersion(t.Version)) })},
		{"connection.subject_peer_certificate", "subject of the certificate of the client", ofTLS(subject)},
	}, messageProperties()...)
}

// messageProperties are those of request and response.
func messageProperties() []property {
	return []property{
		{"request.path", "with query", ofExchange(func(x *traffic.Exchange) []byte { return []byte(target(&x.Request)) })},
		{"request.url_path", "without query", ofExchange(func(x *traffic.Exchange) []byte { return []byte(x.Request.Path) })},
		{"request.query", "", ofExchange(func(x *traffic.Exchange) []byte { return []byte(x.Request.RawQuery) })},
		{"request.host", "", ofExchange(func(x *traffic.Exchange) []byte { return []byte(x.Request.Host) })},
		{"request.scheme", "", ofExchange(func(x *traffic.Exchange) []byte { return []byte(x.Request.Scheme) })},
		{"request.method", "", ofExchange(func(x *traffic.Exchange) []byte { return []byte(x.Request.Method) })},
		{"request.protocol", "as HTTP/1.1", ofExchange(func(x *traffic.Exchange) []byte { return []byte(x.Request.Proto) })},
		{"request.id", "the correlation id", ofExchange(func(x *traffic.Exchange) []byte { return []byte(x.ID) })},
		{"request.time", "nanoseconds since 1970", ofExchange(func(x *traffic.Exchange) []byte { return number(x.Received.UnixNano()) })},
		{"request.duration", "nanoseconds until now", func(s *session) ([]byte, bool) {
			if s.x == nil {
				return nil, false
			}
			return number(int64(s.in.plugin.now().Sub(s.x.Received) / time.Nanosecond)), true
		}},
		{"request.size", "bytes of the body, -1 when unknown", ofExchange(func(x *traffic.Exchange) []byte { return number(x.Request.Body.Length()) })},
		{"request.headers", "map; `request.headers.NAME` is one", ofExchange(func(x *traffic.Exchange) []byte { return pairsOf(&x.Request.Header) })},
		{"request.referer", "", ofExchange(func(x *traffic.Exchange) []byte { return []byte(x.Request.Header.Get("referer")) })},
		{"request.useragent", "", ofExchange(func(x *traffic.Exchange) []byte { return []byte(x.Request.Header.Get("user-agent")) })},
		{"response.code", "number", ofResponse(func(x *traffic.Exchange) []byte { return number(int64(x.Response.Status)) })},
		{"response.size", "bytes of the body, -1 when unknown", ofResponse(func(x *traffic.Exchange) []byte { return number(x.Response.Body.Length()) })},
		{"response.headers", "map; `response.headers.NAME` is one", ofResponse(func(x *traffic.Exchange) []byte { return pairsOf(&x.Response.Header) })},
	}
}

func tlsVersion(v uint16) string { return strings.Replace(tls.VersionName(v), "TLS ", "TLSv", 1) }

func subject(t *traffic.TLS) []byte {
	if len(t.Peer) == 0 {
		return nil
	}
	return []byte(t.Peer[0].Subject.String())
}

// setProperties are the values that the modules of one exchange set.
type setProperties struct {
	values map[string][]byte
	size   int
}

// propertiesOf is the key under which an exchange carries them.
type propertiesOf struct{}

// path reads a path, whose steps are divided by NUL. Some SDKs end it with one.
func path(b []byte) string {
	return strings.ReplaceAll(strings.TrimSuffix(string(b), "\x00"), "\x00", ".")
}

func getProperty(a args) status {
	b, good := a.bytes(0)
	if !good {
		return invalidMemoryAccess
	}
	value, there := a.in.current.property(path(b))
	if !there {
		return notFound
	}
	return a.give(2, value)
}

func (s *session) property(name string) ([]byte, bool) {
	if s.x != nil {
		if set, _ := s.x.Carried(propertiesOf{}).(*setProperties); set != nil {
			if value, there := set.values[name]; there {
				return value, true
			}
		}
		for prefix, kind := range map[string]uint32{"request.headers.": requestHeaders, "response.headers.": responseHeaders} {
			field, one := strings.CutPrefix(name, prefix)
			if m, there := s.headerMap(kind); one && there {
				value, there := m.value(traffic.LowerName(field))
				return []byte(value), there
			}
		}
	}
	read := s.in.plugin.properties[name]
	if read == nil {
		return nil, false
	}
	return read(s)
}

func setProperty(a args) status {
	name, value, good := a.two(0)
	s := a.in.current
	switch {
	case !good:
		return invalidMemoryAccess
	case s.x == nil || s.in.plugin.properties[path(name)] != nil:
		return badArgument
	}
	set, _ := s.x.Carried(propertiesOf{}).(*setProperties)
	if set == nil {
		set = &setProperties{values: make(map[string][]byte)}
		s.x.Carry(propertiesOf{}, set)
	}
	key := path(name)
	old, there := set.values[key]
	size := set.size + len(value) - len(old)
	if !there {
		size += len(key)
	}
	if size > maxPropertyBytes || !there && len(set.values) >= maxProperties {
		return internalFailure
	}
	set.values[key], set.size = append([]byte(nil), value...), size
	return ok
}
