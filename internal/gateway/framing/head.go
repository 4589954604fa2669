package framing

import "bytes"

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
