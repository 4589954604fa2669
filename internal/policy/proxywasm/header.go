package proxywasm

import (
	"encoding/binary"
	"strconv"
	"strings"

	"golang.org/x/net/http/httpguts"

	"farrier.dev/farrier/internal/traffic"
)

const (
	// maxFields and maxFieldBytes bound the header that a module makes.
	maxFields     = 256
	maxFieldBytes = 64 << 10
)

// The maps of the ABI.
const (
	requestHeaders  = 0
	requestTrailers = 1
	responseHeaders = 2
	responseTrailer = 3
	replyHeaders    = 6
	replyTrailers   = 7
)

func mapOf(s side) uint32 {
	if s == request {
		return requestHeaders
	}
	return responseHeaders
}

// headerMap is a header as the ABI shows it: pseudo fields stand before the
// others.
type headerMap struct {
	h *traffic.Header
	x *traffic.Exchange
	// kind is the number of the map; status is that of a reply.
	kind   uint32
	status int
	fixed  bool
}

// headerMap finds a map; false when there is none now. Trailers are always
// empty.
func (s *session) headerMap(kind uint32) (headerMap, bool) {
	switch kind {
	case requestTrailers, responseTrailer, replyTrailers:
		return headerMap{h: new(traffic.Header), kind: kind, fixed: true}, true
	case replyHeaders:
		if r := s.in.reply; r != nil {
			return headerMap{h: &r.header, kind: kind, status: r.status, fixed: true}, true
		}
	case requestHeaders:
		if s.x != nil {
			return headerMap{h: &s.x.Request.Header, x: s.x, kind: kind, fixed: s.side != request}, true
		}
	case responseHeaders:
		if s.x != nil && s.side != request {
			return headerMap{h: &s.x.Response.Header, x: s.x, kind: kind, status: s.x.Response.Status, fixed: s.side != response}, true
		}
	}
	return headerMap{}, false
}

// pseudo are the pseudo fields of the map.
func (m headerMap) pseudo() []traffic.Field {
	switch m.kind {
	case requestHeaders:
		r := &m.x.Request
		return []traffic.Field{{Name: ":authority", Value: r.Host}, {Name: ":path", Value: target(r)}, {Name: ":method", Value: r.Method}, {Name: ":scheme", Value: r.Scheme}}
	case responseHeaders, replyHeaders:
		if m.status == 0 {
			return nil // nobody answered
		}
		return []traffic.Field{{Name: ":status", Value: strconv.Itoa(m.status)}}
	}
	return nil
}

func target(r *traffic.Request) string {
	if r.RawQuery == "" {
		return r.Path
	}
	return r.Path + "?" + r.RawQuery
}

func (m headerMap) count() int {
	return m.h.Len() + len(m.pseudo())
}

func (m headerMap) value(name string) (string, bool) {
	if strings.HasPrefix(name, ":") || name == "host" && m.kind == requestHeaders {
		if name == "host" {
			name = ":authority"
		}
		for _, f := range m.pseudo() {
			if f.Name == name {
				return f.Value, true
			}
		}
		return "", false
	}
	if !m.h.Has(name) {
		return "", false
	}
	return m.h.Joined(name), true
}

// framing says that a field belongs to the gateway, which makes it anew.
func framing(name string) bool {
	switch name {
	case "content-length", "transfer-encoding", "connection":
		return true
	}
	return false
}

func valid(f traffic.Field) bool {
	return httpguts.ValidHeaderFieldName(f.Name) && httpguts.ValidHeaderFieldValue(f.Value)
}

// within says that fields are no more than a module may make.
func within(fields []traffic.Field) bool {
	size := 0
	for _, f := range fields {
		size += len(f.Name) + len(f.Value)
	}
	return len(fields) <= maxFields && size <= maxFieldBytes
}

func (m headerMap) room(f traffic.Field) bool {
	size := len(f.Name) + len(f.Value)
	for one := range m.h.All() {
		size += len(one.Name) + len(one.Value)
	}
	return m.h.Len() < maxFields && size <= maxFieldBytes
}

// set replaces a field, or adds one.
func (m headerMap) set(f traffic.Field, add bool) status {
	switch {
	case m.fixed:
		return badArgument
	case framing(f.Name):
		return ok
	case strings.HasPrefix(f.Name, ":") || f.Name == "host" && m.kind == requestHeaders:
		return m.setPseudo(f)
	case !valid(f) || !m.room(f):
		return badArgument
	case add:
		m.h.Add(f.Name, f.Value)
	default:
		m.h.Set(f.Name, f.Value)
	}
	return ok
}

func (m headerMap) setPseudo(f traffic.Field) status {
	switch {
	case m.kind == responseHeaders && f.Name == ":status":
		code, err := strconv.Atoi(f.Value)
		if err != nil || code < 200 || code > 599 {
			return badArgument
		}
		m.x.Response.Status = code
	case m.kind != requestHeaders:
		return badArgument
	case f.Name == ":method":
		if !httpguts.ValidHeaderFieldName(f.Value) {
			return badArgument
		}
		m.x.Request.Method = f.Value
	case f.Name == ":authority" || f.Name == "host":
		if f.Value == "" || !httpguts.ValidHostHeader(f.Value) {
			return badArgument
		}
		m.x.Request.Host = strings.ToLower(f.Value)
	case f.Name == ":path":
		return setPath(m.x, f.Value)
	case f.Name == ":scheme" && f.Value == m.x.Request.Scheme:
	default:
		return badArgument
	}
	return ok
}

// setPath changes path and query; the path must stay below the base path of the
// API, whose policies have agreed.
func setPath(x *traffic.Exchange, text string) status {
	raw, query, _ := strings.Cut(text, "?")
	path, err := traffic.NormalisePath(raw)
	if err != nil {
		return badArgument
	}
	for _, c := range []byte(query) {
		if c <= ' ' || c >= 0x7f || c == '#' {
			return badArgument
		}
	}
	sub, below := strings.CutPrefix(path, x.BasePath)
	if !below || sub != "" && sub[0] != '/' {
		return badArgument
	}
	if sub == "" {
		sub = "/"
	}
	x.Request.Path, x.Request.RawQuery, x.SubPath = path, query, sub
	return ok
}

// encodePairs writes fields as the ABI has them: their number, the lengths of
// all names and values, then names and values with a NUL behind each.
func encodePairs(fields []traffic.Field) []byte {
	size := 4 + 8*len(fields)
	for _, f := range fields {
		size += len(f.Name) + len(f.Value) + 2
	}
	b := make([]byte, 0, size)
	b = binary.LittleEndian.AppendUint32(b, uint32(len(fields))) //nolint:gosec // a header
	for _, f := range fields {
		b = binary.LittleEndian.AppendUint32(b, uint32(len(f.Name)))  //nolint:gosec // a header
		b = binary.LittleEndian.AppendUint32(b, uint32(len(f.Value))) //nolint:gosec // a header
	}
	for _, f := range fields {
		b = append(append(b, f.Name...), 0)
		b = append(append(b, f.Value...), 0)
	}
	return b
}

// decodePairs reads what encodePairs writes, names in lower case; nothing at
// all is no fields.
func decodePairs(b []byte) ([]traffic.Field, bool) {
	if len(b) == 0 {
		return nil, true
	}
	if len(b) < 4 {
		return nil, false
	}
	n := uint64(binary.LittleEndian.Uint32(b))
	b = b[4:]
	if n > maxFields || uint64(len(b)) < 8*n {
		return nil, false
	}
	lengths, text := b[:8*n], b[8*n:]
	next := func(i int) (string, bool) {
		size := uint64(binary.LittleEndian.Uint32(lengths[4*i:]))
		if size+1 > uint64(len(text)) {
			return "", false
		}
		word := string(text[:size])
		text = text[size+1:]
		return word, true
	}
	fields := make([]traffic.Field, 0, n)
	for i := range int(n) {
		name, good := next(2 * i)
		if !good {
			return nil, false
		}
		value, good := next(2*i + 1)
		if !good {
			return nil, false
		}
		fields = append(fields, traffic.Field{Name: traffic.LowerName(name), Value: value})
	}
	return fields, true
}
