package framing

import (
	"bytes"
	"math"
)

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
