package discoverytest

import (
	"encoding/json"
	"net/http"
	"net/url"
	"strings"
)

// free tells that a path below the base path is no operation's.
func (w *world) free(method, path string) bool {
	found, _, known := w.matcher.Match(method, strings.TrimPrefix(path, w.base), nil)
	return found == nil && !known
}

// plain is a request without parameters.
func (w *world) plain(r random, c *client, class Class, method, path string) Exchange {
	e := Exchange{Client: c.address, Method: method, Target: path, Host: w.Host, Header: http.Header{}, Mark: Mark{Class: class}}
	w.usual(r, c, e.Header)
	return e
}

// scan draws a request of a source that looks for what might be there.
func (w *world) scan(r random, c *client) Exchange {
	path := oneOf(r, scanned...)
	switch r.IntN(10) {
	case 0:
		path = "/" + r.from(letters, 4+r.IntN(12)) + oneOf(r, "", ".php", ".jsp", ".bak")
	case 1, 2:
		// A word where an identifier or a name belongs, or behind it.
		op := &w.operations[w.callable[r.IntN(len(w.callable))]]
		path = Nameless(strings.TrimPrefix(op.template, w.base))
		path = strings.ReplaceAll(path, "{}", strings.Trim(oneOf(r, scanned...), "/"))
		if r.chance(0.5) {
			path += oneOf(r, scanned...)
		}
	default:
	}
	if r.chance(0.5) {
		path = w.base + path
	}
	method := weighted(r, []string{http.MethodGet, http.MethodPost, http.MethodHead, http.MethodPut}, []int{88, 7, 4, 1})
	e := w.plain(r, c, Scan, method, path)
	w.refuse(r, &e, weighted(r, []int{http.StatusNotFound, http.StatusForbidden, http.StatusUnauthorized, http.StatusBadRequest}, []int{92, 4, 3, 1}))
	return e
}

// attack draws a call with a payload.
func (w *world) attack(r random, op *operation, c *client) Exchange {
	e := w.call(r, op, c)
	e.Mark.Class = Attack
	payload := oneOf(r, payloads...)
	path, query, _ := strings.Cut(e.Target, "?")
	var body map[string]any
	switch {
	case json.Unmarshal(e.Body, &body) == nil && len(body) > 0 && r.chance(0.6):
		for name := range body {
			body[name] = payload
		}
		e.Body, _ = json.Marshal(body)
	case query != "" && r.chance(0.7):
		name, _, _ := strings.Cut(oneOf(r, strings.Split(query, "&")...), "=")
		if plain, err := url.QueryUnescape(name); err == nil {
			e.Target = path + "?" + spoil(query, plain, url.QueryEscape(payload))
		}
	case len(e.Mark.Segments) > 0 && r.chance(0.6):
		if i := strings.LastIndex(path, "/"); i >= 0 {
			e.Target = path[:i+1] + url.PathEscape(payload)
		}
	default:
		e.Target = path + "?" + oneOf(r, "id", "q", "file", "redirect", "cmd", "debug") + "=" + url.QueryEscape(payload)
	}
	if r.chance(0.25) && e.Status < 400 {
		e.Mark.Sent, e.Mark.Answered = nil, nil
		return e
	}
	w.refuse(r, &e, weighted(r, []int{http.StatusBadRequest, http.StatusForbidden, http.StatusInternalServerError, http.StatusNotFound}, []int{50, 25, 10, 15}))
	return e
}

// HealthPath is where the health probe stands below the base path.
const HealthPath = "/healthz"

// noise draws what browsers and platforms send by themselves.
func (w *world) noise(r random, op *operation, c *client) Exchange {
	switch r.IntN(10) {
	case 0:
		e := w.plain(r, c, Noise, http.MethodGet, "/favicon.ico")
		w.refuse(r, &e, http.StatusNotFound)
		return e
	case 1:
		e := w.plain(r, c, Noise, http.MethodGet, "/robots.txt")
		if w.Seed%2 == 0 {
			w.refuse(r, &e, http.StatusNotFound)
			return e
		}
		e.Status, e.AnswerHeader, e.AnswerBody = http.StatusOK, http.Header{"Content-Type": {"text/plain"}}, []byte("User-agent: *\nDisallow: /\n")
		return e
	case 2, 3, 4:
		if path := w.base + HealthPath; w.free(http.MethodGet, path) {
			e := w.plain(r, c, Noise, http.MethodGet, path)
			e.Header.Set("User-Agent", "kube-probe/1.30")
			e.Status, e.AnswerHeader, e.AnswerBody = http.StatusOK, http.Header{"Content-Type": {"application/json"}}, []byte(`{"status":"ok"}`)
			return e
		}
	default:
	}
	e := w.call(r, op, c)
	path, query, _ := strings.Cut(e.Target, "?")
	e.Mark = Mark{Class: Noise}
	if op.described.Method == http.MethodGet && r.chance(0.4) {
		e.Method, e.AnswerBody = http.MethodHead, nil
		e.Target = path
		if query != "" {
			e.Target += "?" + query
		}
		return e
	}
	asked := op.described.Method
	if asked == http.MethodOptions {
		asked = http.MethodGet
	}
	pre := w.plain(r, c, Noise, http.MethodOptions, path)
	pre.Header.Set("Origin", "https://app.example.com")
	pre.Header.Set("Access-Control-Request-Method", asked)
	pre.Header.Set("Access-Control-Request-Headers", "authorization,content-type")
	pre.Status = http.StatusNoContent
	pre.AnswerHeader = http.Header{"Access-Control-Allow-Origin": {"https://app.example.com"}, "Access-Control-Allow-Methods": {"GET, POST, PUT, DELETE"}, "Access-Control-Max-Age": {"600"}}
	return pre
}
