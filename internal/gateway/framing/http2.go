package framing

import (
	"net/http"
	"strings"
	"time"
)

// checkHTTP2 refuses in an HTTP/2 request what is refused in HTTP/1 and what
// net/http lets pass. Binary framing leaves no doubt where a message ends, but
// the request goes on as HTTP/1 perhaps, and to the same readers of headers.
func checkHTTP2(r *http.Request, l *Limits) *Refusal {
	switch r.Method {
	case http.MethodConnect:
		return notImplemented("CONNECT is not served")
	case http.MethodTrace, "TRACK":
		return notImplemented("TRACE is not served")
	}
	if !all(r.Method, isToken) {
		return bad("the method is not a token")
	}
	switch {
	case r.Host == "":
		return bad("Host is missing")
	case !validHost(r.Host):
		return bad("Host is not valid")
	case strings.IndexByte(r.RequestURI, '#') >= 0:
		return bad("the request target has a fragment")
	case !all(r.RequestURI, isTarget):
		return bad("the request target has a space, a control or a non-ASCII character")
	case r.RequestURI == "*" && r.Method != http.MethodOptions:
		return bad("the request target * is for OPTIONS only")
	}
	if why := checkHTTP2Header(r, l); why != nil {
		return why
	}
	return checkHTTP2Body(r)
}

func checkHTTP2Header(r *http.Request, l *Limits) *Refusal {
	lines := 0
	for name, values := range r.Header {
		if lines += len(values); lines > l.HeaderLines {
			return &Refusal{Status: http.StatusRequestHeaderFieldsTooLarge, Reason: "too many header lines"}
		}
		switch {
		case equalFold(name, "host"):
			if len(values) > 1 {
				return bad("several Host headers")
			}
			if !strings.EqualFold(values[0], r.Host) {
				return bad("Host differs from the authority in the request target")
			}
		case equalFold(name, "content-length"):
			if len(values) > 1 {
				return bad("several Content-Length headers")
			}
		case resembles(name, "content-length"):
			return bad("a header name resembles Content-Length")
		case resembles(name, "transfer-encoding"):
			return bad("a header name resembles Transfer-Encoding")
		case equalFold(name, "expect"):
			if len(values) > 1 || !equalFold(values[0], "100-continue") {
				return bad("Expect is not 100-continue")
			}
		}
		if strings.IndexByte(name, '_') >= 0 {
			for other := range r.Header {
				if twins(name, other) {
					return bad("two header names differ only in - and _")
				}
			}
		}
	}
	return nil
}

// checkHTTP2Body refuses what would go on to an HTTP/1 service as a framing
// that is refused there: a body of unknown length is chunked then.
func checkHTTP2Body(r *http.Request) *Refusal {
	if r.ContentLength < 0 && (r.Method == http.MethodGet || r.Method == http.MethodHead) {
		return bad("a body of unknown length on GET or HEAD")
	}
	for name := range r.Trailer {
		if forbiddenTrailer([]byte(name)) {
			return bad("Trailer names a header that may not be one")
		}
	}
	return nil
}

// factsHTTP2 are the facts of a refused HTTP/2 request.
func factsHTTP2(r *http.Request, why *Refusal, now time.Time) *Facts {
	const most = 256
	text := func(s string) string { return strings.Clone(s[:min(len(s), most)]) }
	f := &Facts{
		Refusal: why, Method: text(r.Method), ContentLength: r.ContentLength,
		HeaderCount: len(r.Header), Started: now,
	}
	if all(r.RequestURI, isTarget) {
		f.Target = text(r.RequestURI)
	}
	if validHost(r.Host) {
		f.Host = r.Host
	}
	return f
}
