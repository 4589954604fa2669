package discoverytest

import (
	"encoding/json"
	"maps"
	"net/http"
	"slices"
	"strings"

	"farrier.dev/farrier/internal/spec"
)

// A message is drawn again when its description does not allow it; after some
// times without what is optional.
const (
	tries = 12
	dense = 6
)

// call draws a good call and its answer.
func (w *world) call(r random, op *operation, c *client) Exchange {
	var e Exchange
	for try := range tries {
		q := w.ask(r, op, c, try >= dense)
		e = q.exchange(c, w.Host)
		e.Mark = Mark{Class: Good, Method: op.described.Method, Template: op.template, Segments: q.segments, Sent: q.sent}
		if e.Mark.Faithless = !w.allowed(&q, op); !e.Mark.Faithless {
			break
		}
	}
	if !e.Mark.Faithless {
		w.answer(r, op, &e)
	}
	return e
}

func (q *request) exchange(c *client, host string) Exchange {
	e := Exchange{Client: c.address, Method: q.method, Target: q.path, Host: host, Header: q.header, Body: q.body}
	if len(q.query) > 0 {
		e.Target += "?" + strings.Join(q.query, "&")
	}
	return e
}

// allowed tells that the description allows a request, and that it reaches the
// operation it is meant for.
func (w *world) allowed(q *request, op *operation) bool {
	below := strings.TrimPrefix(q.path, w.base)
	if found, _, _ := w.matcher.Match(q.method, below, nil); found == nil || Key(found.Method, w.base+found.Path) != op.key {
		return false
	}
	result := w.checker.Check(&spec.Request{
		Method: q.method, Path: q.written, Query: strings.Join(q.query, "&"), Header: headerOf(q.header), Names: maps.Keys(q.header), Body: q.body,
	})
	return result.Operation == op.described && len(result.Violations) == 0
}

// headerOf gives the values of a header as checkers ask for them.
func headerOf(h http.Header) func(name string) string {
	return func(name string) string { return strings.Join(h.Values(name), ", ") }
}

// answer draws the answer to a good call.
func (w *world) answer(r random, op *operation, e *Exchange) {
	status := http.StatusOK
	if len(op.good) > 0 {
		status = op.good[0].From
		if len(op.good) > 1 && r.chance(0.25) {
			status = op.good[r.IntN(len(op.good))].From
		}
	}
	response := op.described.ResponseTo(status)
	for try := range tries {
		e.Status, e.AnswerHeader, e.AnswerBody, e.Mark.Answered = status, http.Header{}, nil, nil
		if response != nil && len(response.Content) > 0 && status != http.StatusNoContent && status != http.StatusNotModified && e.Method != http.MethodHead {
			w.content(r, op, response, e, try >= dense)
		}
		result := w.checker.CheckAnswer(op.described, &spec.Answer{Status: status, Header: headerOf(e.AnswerHeader), Body: e.AnswerBody, Bodiless: e.Method == http.MethodHead})
		if e.Mark.Faithless = len(result.Violations) > 0; !e.Mark.Faithless {
			return
		}
	}
}

func (w *world) content(r random, op *operation, response *spec.Response, e *Exchange, sparse bool) {
	d := &drawer{random: r, seed: w.Seed, definitions: w.description.Definitions, owner: op.key + " answer", answers: true, left: budget, sparse: sparse, flats: w.flats}
	body, kind := d.body(response.Content)
	e.AnswerBody = body
	e.AnswerHeader.Set("Content-Type", kind)
	e.Mark.Answered = d.sent
}

// refuse answers with an error.
func (w *world) refuse(r random, e *Exchange, status int) {
	e.Status, e.AnswerHeader, e.Mark.Answered, e.Mark.Sent = status, http.Header{}, nil, nil
	e.AnswerHeader.Set("Content-Type", oneOf(r, "application/json", "application/problem+json"))
	e.AnswerBody, _ = json.Marshal(map[string]any{"status": status, "title": http.StatusText(status), "traceId": r.hex(16)})
	if e.Method == http.MethodHead {
		e.AnswerBody = nil
	}
}

// ordinary draws what a client does with an operation: mostly a good call.
func (w *world) ordinary(r random, op *operation, c *client) Exchange {
	e := w.call(r, op, c)
	switch {
	case e.Mark.Faithless, r.chance(op.failing):
		w.fail(r, op, &e)
	case len(op.pools) > 0 && r.chance(0.015):
		e.Mark.Class = Missing
		w.refuse(r, &e, http.StatusNotFound)
	case r.chance(0.008):
		e.Mark.Tracking = true
		separator := "?"
		if strings.Contains(e.Target, "?") {
			separator = "&"
		}
		name := oneOf(r, tracking...)
		value := oneOf(r, "newsletter", "google", "spring", r.from(base62, 20))
		if name == "_" || name == "cb" {
			value = "17" + r.digits(11)
		}
		if strings.Contains(e.Target, separator+name+"=") {
			return e
		}
		e.Target += separator + name + "=" + value
	default:
	}
	return e
}

func (w *world) fail(r random, op *operation, e *Exchange) {
	e.Mark.Class = Failing
	status := oneOf(r, http.StatusInternalServerError, http.StatusServiceUnavailable, http.StatusTooManyRequests, http.StatusForbidden, http.StatusConflict, http.StatusUnauthorized)
	if len(op.bad) > 0 && r.chance(0.7) {
		status = op.bad[r.IntN(len(op.bad))]
	}
	w.refuse(r, e, status)
	if status == http.StatusUnauthorized {
		e.Header.Del("Authorization")
	}
}

// malformed draws a call that a service refuses because it is not as described.
func (w *world) malformed(r random, op *operation, c *client) Exchange {
	e := w.call(r, op, c)
	e.Mark.Class = Malformed
	status := http.StatusBadRequest
	var numbers []string
	for _, s := range e.Mark.Sent {
		if s.Place == "query" && (s.Declared == "integer" || s.Declared == "number" || s.Declared == "boolean") {
			numbers = append(numbers, s.Name)
		}
	}
	path, query, _ := strings.Cut(e.Target, "?")
	switch {
	case len(e.Body) > 1 && r.chance(0.7):
		switch r.IntN(4) {
		case 0:
			e.Body = e.Body[:1+r.IntN(len(e.Body)-1)]
		case 1:
			e.Body = nil
		case 2:
			e.Body = []byte(oneOf(r, "null", "[]", `"x"`, "{", "undefined"))
		default:
			e.Body, status = []byte("<xml/>"), http.StatusUnsupportedMediaType
			e.Header.Set("Content-Type", "text/xml")
		}
		status = oneOf(r, status, http.StatusUnprocessableEntity)
	case len(numbers) > 0 && r.chance(0.8):
		e.Target = path + "?" + spoil(query, oneOf(r, numbers...), oneOf(r, "abc", "NaN", "undefined", "", "one", "1,5x"))
	case len(e.Mark.Segments) > 0 && r.chance(0.6):
		s := e.Mark.Segments[len(e.Mark.Segments)-1]
		bad := oneOf(r, "undefined", "null", "NaN", "[object%20Object]", "%20", "-", "abc!")
		if i := strings.LastIndex(path, "/"+s.Value); i >= 0 {
			path = path[:i+1] + bad + path[i+1+len(s.Value):]
		}
		e.Target, status = path, oneOf(r, http.StatusBadRequest, http.StatusNotFound)
	case query != "":
		e.Target = path
	default:
		e.Target = path + "?" + oneOf(r, "limit=abc", "page=-1", "sort=", "fields=undefined", "debug=maybe")
	}
	w.refuse(r, &e, status)
	return e
}

// spoil replaces the value of a query parameter.
func spoil(query, name, value string) string {
	all := strings.Split(query, "&")
	i := slices.IndexFunc(all, func(one string) bool { return strings.HasPrefix(one, name+"=") })
	if i >= 0 {
		all[i] = name + "=" + value
	}
	return strings.Join(all, "&")
}
