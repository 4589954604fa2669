package framing

import (
	"bytes"
	"math"
)

// span is a piece of a head, as offsets from the head's first byte.
type span struct{ start, end int }

func (s span) of(head []byte) []byte { return head[s.start:s.end] }

// head is the state of reading one request head or trailer section. It looks
// at each line once, as soon as it is complete, so that the outcome does not
// depend on how the bytes arrived.
type head struct {
	off   int // where the next line begins
	seen  int // how far the search for the next line end has come
	lines int // complete lines, the request line included

	method, target, host span
	names                []span // of header lines; reused

	http10, bodyless, options bool
	underscore                bool
	hosts                     int
	length                    int64 // -1: none
	chunked, encoded          bool  // Transfer-Encoding is exactly "chunked"; is there at all
	close, keepAlive          bool
	upgradeToken, upgrade     bool
	expect                    bool
	mustHaveLength            bool // HTTP/1.0 with a method that means a body
}

func (h *head) reset() {
	names := h.names[:0]
	*h = head{names: names, length: -1}
}

func bad(reason string) *Refusal { return &Refusal{Status: 400, Reason: reason} }

func notImplemented(reason string) *Refusal { return &Refusal{Status: 501, Reason: reason} }

// line finds the next complete line of b, without its CRLF. It returns ok
// false when there is none yet.
func (h *head) line(b []byte) (line span, ok bool, r *Refusal) {
	i := bytes.IndexByte(b[h.seen:], '\n')
	if i < 0 {
		h.seen = len(b)
		return span{}, false, nil
	}
	i += h.seen
	if i == h.off || b[i-1] != '\r' {
		return span{}, false, bad("a line ends with a bare LF")
	}
	line = span{h.off, i - 1}
	h.off, h.seen = i+1, i+1
	h.lines++
	return line, true, nil
}

// read takes the request head at the beginning of b as far as it is complete.
// It returns done true when the empty line was found; h.off is then the
// length of the head.
func (h *head) read(b []byte, l *Limits) (done bool, r *Refusal) {
	if len(b) > 0 && octets[b[0]]&isToken == 0 {
		return false, bad("the method is not a token")
	}
	if h.lines == 0 {
		limit := min(l.RequestLineBytes, l.HeadBytes)
		line, ok, r := h.line(b[:min(len(b), limit)])
		switch {
		case r != nil:
			return false, r
		case !ok && len(b) >= limit:
			return false, &Refusal{Status: 414, Reason: "the request line is too long"}
		case !ok:
			return false, nil
		}
		if r := h.requestLine(b, line); r != nil {
			return false, r
		}
	}
	window := b[:min(len(b), l.HeadBytes)]
	for {
		line, ok, r := h.line(window)
		switch {
		case r != nil:
			return false, r
		case !ok && len(b) >= l.HeadBytes:
			return false, &Refusal{Status: 431, Reason: "the request head is too long"}
		case !ok:
			return false, nil
		}
		if line.start == line.end {
			return true, h.finish(b)
		}
		if h.lines-1 > l.HeaderLines {
			return false, &Refusal{Status: 431, Reason: "too many header lines"}
		}
		if r := h.headerLine(b, line); r != nil {
			return false, r
		}
	}
}

func (h *head) requestLine(b []byte, at span) *Refusal {
	line := at.of(b)
	sp := bytes.IndexByte(line, ' ')
	if sp < 0 {
		return bad("the request line has no version")
	}
	if sp == 0 || !all(line[:sp], isToken) {
		return bad("the method is not a token")
	}
	h.method = span{at.start, at.start + sp}
	last := bytes.LastIndexByte(line, ' ')
	if last == sp {
		return bad("the request line has no version")
	}
	target, version := line[sp+1:last], line[last+1:]
	switch string(version) {
	case "HTTP/1.1":
	case "HTTP/1.0":
		h.http10 = true
	case "HTTP/2.0":
		if string(h.method.of(b)) == "PRI" {
			return &Refusal{Status: 505, Reason: "HTTP/2 without TLS is not served"}
		}
		return &Refusal{Status: 505, Reason: "the HTTP version is not 1.0 or 1.1"}
	default:
		if len(version) >= 6 && string(version[:5]) == "HTTP/" && version[5] >= '0' && version[5] <= '9' {
			return &Refusal{Status: 505, Reason: "the HTTP version is not 1.0 or 1.1"}
		}
		return bad("the request line does not end with a version")
	}
	if len(target) == 0 {
		return bad("the request target is empty")
	}
	if !all(target, isTarget) {
		if bytes.IndexByte(target, '#') >= 0 {
			return bad("the request target has a fragment")
		}
		return bad("the request target has a space, a control or a non-ASCII character")
	}
	h.target = span{at.start + sp + 1, at.start + last}
	switch string(line[:sp]) {
	case "GET", "HEAD":
		h.bodyless = true
	case "OPTIONS":
		h.options = true
	case "POST", "PUT", "PATCH":
		h.mustHaveLength = h.http10
	case "CONNECT":
		return notImplemented("CONNECT is not served")
	case "TRACE", "TRACK":
		return notImplemented("TRACE is not served")
	}
	return h.checkTarget(target)
}

// checkTarget accepts origin-form, absolute-form, and "*" for OPTIONS.
func (h *head) checkTarget(target []byte) *Refusal {
	switch {
	case target[0] == '/':
		return checkEscapes(target)
	case string(target) == "*":
		if !h.options {
			return bad("the request target * is for OPTIONS only")
		}
		return nil
	}
	authority, path := splitAbsolute(target)
	if authority == nil {
		return bad("the request target is neither a path nor an http URL")
	}
	if !validHost(authority) {
		return bad("the authority in the request target is not valid")
	}
	return checkEscapes(path)
}

// splitAbsolute splits an http or https URL; authority is nil when it is none.
func splitAbsolute(target []byte) (authority, rest []byte) {
	colon := bytes.IndexByte(target, ':')
	if colon < 0 || !equalFold(target[:colon], "http") && !equalFold(target[:colon], "https") ||
		!bytes.HasPrefix(target[colon+1:], []byte("//")) {
		return nil, nil
	}
	rest = target[colon+3:]
	if end := bytes.IndexAny(rest, "/?"); end >= 0 {
		return rest[:end], rest[end:]
	}
	return rest, nil
}

// checkEscapes refuses a percent sign in the path that is no escape; the query
// is not ours to read.
func checkEscapes(target []byte) *Refusal {
	path, _, _ := bytes.Cut(target, []byte{'?'})
	for {
		i := bytes.IndexByte(path, '%')
		if i < 0 {
			return nil
		}
		if len(path) < i+3 || octets[path[i+1]]&octets[path[i+2]]&isHex == 0 {
			return bad("the path has a percent sign that is no escape")
		}
		path = path[i+3:]
	}
}

// splitField checks the syntax of one field line and cuts it at the colon.
func splitField(line []byte) (name, value []byte, r *Refusal) {
	if line[0] == ' ' || line[0] == '\t' {
		return nil, nil, bad("a header line is folded")
	}
	colon := bytes.IndexByte(line, ':')
	switch {
	case colon < 0:
		return nil, nil, bad("a header line has no colon")
	case colon == 0:
		return nil, nil, bad("a header name is empty")
	}
	name, value = line[:colon], line[colon+1:]
	if !all(name, isToken) {
		if c := name[colon-1]; c == ' ' || c == '\t' {
			return nil, nil, bad("a header name is followed by white space")
		}
		return nil, nil, bad("a header name is not a token")
	}
	if !all(value, isValue) {
		return nil, nil, bad("a header value has a control character")
	}
	return name, trim(value), nil
}

func (h *head) headerLine(b []byte, at span) *Refusal {
	name, value, r := splitField(at.of(b))
	if r != nil {
		return r
	}
	h.names = append(h.names, span{at.start, at.start + len(name)})
	if !h.underscore && bytes.IndexByte(name, '_') >= 0 {
		h.underscore = true
	}
	switch len(name) {
	case len("host"):
		if equalFold(name, "host") {
			return h.hostLine(b, at, name, value)
		}
	case len("expect"):
		if equalFold(name, "expect") {
			if h.expect {
				return bad("several Expect headers")
			}
			h.expect = true
			if !equalFold(value, "100-continue") {
				return bad("Expect is not 100-continue")
			}
		}
	case len("upgrade"): // and trailer
		switch {
		case equalFold(name, "upgrade"):
			h.upgrade = true
		case equalFold(name, "trailer"):
			return checkTrailerNames(value)
		}
	case len("connection"):
		if equalFold(name, "connection") {
			return h.connectionLine(value)
		}
	case len("content-length"):
		if resembles(name, "content-length") {
			return h.lengthLine(name, value)
		}
	case len("transfer-encoding"):
		if resembles(name, "transfer-encoding") {
			return h.encodingLine(name, value)
		}
	}
	return nil
}

func (h *head) hostLine(b []byte, at span, name, value []byte) *Refusal {
	h.hosts++
	h.host = span{}
	switch {
	case h.hosts > 1:
		return bad("several Host headers")
	case len(value) == 0:
		return bad("Host is empty")
	case !validHost(value):
		return bad("Host is not valid")
	}
	start := at.start + len(name) + 1
	for b[start] == ' ' || b[start] == '\t' {
		start++
	}
	h.host = span{start, start + len(value)}
	return nil
}

func (h *head) lengthLine(name, value []byte) *Refusal {
	switch {
	case !equalFold(name, "content-length"):
		return bad("a header name resembles Content-Length")
	case h.length >= 0:
		return bad("several Content-Length headers")
	case len(value) == 0:
		return bad("Content-Length is empty")
	case len(value) > 1 && value[0] == '0':
		return bad("Content-Length has leading zeros")
	}
	var n uint64
	for _, c := range value {
		if c < '0' || c > '9' {
			return bad("Content-Length is not a number")
		}
		d := uint64(c - '0')
		if n > (math.MaxInt64-d)/10 {
			return bad("Content-Length is too large")
		}
		n = n*10 + d
	}
	h.length = int64(n) //nolint:gosec // bounded by MaxInt64 above
	return nil
}

func (h *head) encodingLine(name, value []byte) *Refusal {
	switch {
	case !equalFold(name, "transfer-encoding"):
		return bad("a header name resembles Transfer-Encoding")
	case h.encoded:
		return bad("several Transfer-Encoding headers")
	}
	h.encoded = true
	if equalFold(value, "chunked") {
		h.chunked = true
		return nil
	}
	first, _, _ := bytes.Cut(value, []byte{','})
	switch string(bytes.ToLower(trim(first))) {
	case "gzip", "x-gzip", "deflate", "compress", "x-compress", "identity", "br", "zstd":
		return notImplemented("Transfer-Encoding is not chunked")
	}
	return bad("Transfer-Encoding is not exactly chunked")
}

func (h *head) connectionLine(value []byte) *Refusal {
	for len(value) > 0 {
		var token []byte
		token, value, _ = bytes.Cut(value, []byte{','})
		token = trim(token)
		switch {
		case len(token) == 0:
		case !all(token, isToken):
			return bad("Connection is not a list of tokens")
		case equalFold(token, "close"):
			h.close = true
		case equalFold(token, "keep-alive"):
			h.keepAlive = true
		case equalFold(token, "upgrade"):
			h.upgradeToken = true
		case endToEnd(token):
			return bad("Connection names a header that is not of the connection")
		}
	}
	return nil
}

// endToEnd reports whether a header must never be removed on a client's word.
func endToEnd(name []byte) bool {
	if len(name) > len("x-forwarded-") && resembles(name[:len("x-forwarded-")], "x-forwarded-") {
		return true
	}
	return resemblesAny(name, "content-length", "transfer-encoding", "host", "authorization", "cookie", "forwarded",
		"via", "x-real-ip", "content-type", "content-encoding", "expect", "client-id", "client-secret", "x-api-key")
}

func resemblesAny(name []byte, list ...string) bool {
	for _, n := range list {
		if resembles(name, n) {
			return true
		}
	}
	return false
}

// finish checks what only the whole head can tell.
func (h *head) finish(b []byte) *Refusal {
	switch {
	case h.hosts == 0 && !h.http10:
		return bad("Host is missing")
	case h.encoded && h.length >= 0:
		return bad("both Content-Length and Transfer-Encoding")
	case h.encoded && h.http10:
		return bad("Transfer-Encoding in HTTP/1.0")
	case h.encoded && h.bodyless:
		return bad("Transfer-Encoding on GET or HEAD")
	case h.mustHaveLength && h.length < 0:
		return bad("an HTTP/1.0 body without Content-Length")
	case h.expect && h.http10:
		return bad("Expect in HTTP/1.0")
	case h.close && h.keepAlive:
		return bad("Connection says both close and keep-alive")
	}
	if target := h.target.of(b); h.hosts == 1 && target[0] != '/' && target[0] != '*' {
		if authority, _ := splitAbsolute(target); !bytes.EqualFold(authority, h.host.of(b)) {
			return bad("Host differs from the authority in the request target")
		}
	}
	if h.underscore && h.haveTwins(b) {
		return bad("two header names differ only in - and _")
	}
	return nil
}

func (h *head) haveTwins(b []byte) bool {
	for _, n := range h.names {
		name := n.of(b)
		if bytes.IndexByte(name, '_') < 0 {
			continue
		}
		for _, m := range h.names {
			if m.end-m.start == len(name) && twins(name, m.of(b)) {
				return true
			}
		}
	}
	return false
}

// forbiddenTrailer reports whether a field may not come after the body,
// because framing, routing or a decision already taken depends on it (RFC 9110
// §6.5.1).
func forbiddenTrailer(name []byte) bool {
	return endToEnd(name) || resemblesAny(name, "trailer", "connection", "te", "upgrade", "keep-alive",
		"proxy-connection", "proxy-authorization", "content-range", "cache-control", "max-forwards", "range", "set-cookie")
}

func checkTrailerNames(value []byte) *Refusal {
	for len(value) > 0 {
		var token []byte
		token, value, _ = bytes.Cut(value, []byte{','})
		token = trim(token)
		if len(token) == 0 || !all(token, isToken) {
			return bad("Trailer is not a list of header names")
		}
		if forbiddenTrailer(token) {
			return bad("Trailer names a header that may not be one")
		}
	}
	return nil
}

// readTrailers takes the trailer section at the beginning of b.
func (h *head) readTrailers(b []byte, l *Limits) (done bool, r *Refusal) {
	window := b[:min(len(b), l.TrailerBytes)]
	for {
		line, ok, r := h.line(window)
		switch {
		case r != nil:
			return false, r
		case !ok && len(b) >= l.TrailerBytes:
			return false, bad("the trailer section is too long")
		case !ok:
			return false, nil
		case line.start == line.end:
			return true, nil
		case h.lines > l.TrailerLines:
			return false, bad("too many trailer lines")
		}
		name, _, r := splitField(line.of(b))
		if r != nil {
			return false, r
		}
		if forbiddenTrailer(name) {
			return false, bad("a header is not allowed as a trailer")
		}
	}
}
