package schemavalidation

import (
	"net/http"
	"strings"

	"farrier.dev/farrier/internal/spec"
	"farrier.dev/farrier/internal/traffic"
)

// message is the memory in which one message is shown to the checker.
type message struct {
	header  *traffic.Header
	request spec.Request
	answer  spec.Answer
}

func newMessage() *message {
	m := new(message)
	m.request.Header, m.request.Names, m.answer.Header = m.value, m.names, m.value
	return m
}

// value is that of a header; cookies of several fields are joined as in one (RFC
// 9113, section 8.2.3).
func (m *message) value(name string) string {
	if name != "cookie" {
		return m.header.Joined(name)
	}
	fields := m.header.Values(name)
	if len(fields) < 2 {
		return m.header.Get(name)
	}
	parts := make([]string, len(fields))
	for i, f := range fields {
		parts[i] = f.Value
	}
	return strings.Join(parts, "; ")
}

// names gives the names of all headers.
func (m *message) names(yield func(string) bool) {
	for i := range m.header.Len() {
		if !yield(m.header.At(i).Name) {
			return
		}
	}
}

// check holds a request against the description.
func (v *validation) check(x *traffic.Exchange, path string, unread bool) spec.Result {
	m, _ := v.messages.Get().(*message)
	m.header = &x.Request.Header
	r := &m.request
	r.Method, r.Path, r.Query = x.Request.Method, path, x.Request.RawQuery
	r.Certificate = x.Request.TLS != nil && x.Request.TLS.Verified
	if r.Unread = unread; v.requestBodies {
		r.Body = x.Request.Body.Bytes()
	}
	res := v.checker.Check(r)
	m.header, r.Path, r.Query, r.Body = nil, "", "", nil
	v.messages.Put(m)
	return res
}

// checkAnswer holds an answer against what an operation describes.
func (v *validation) checkAnswer(x *traffic.Exchange, op *spec.Operation, unread bool) spec.Result {
	m, _ := v.messages.Get().(*message)
	m.header = &x.Response.Header
	a := &m.answer
	a.Status, a.Unread, a.Bodiless = x.Response.Status, unread, x.Request.Method == http.MethodHead
	if v.answerBodies {
		a.Body = x.Response.Body.Bytes()
	}
	res := v.checker.CheckAnswer(op, a)
	m.header, a.Body = nil, nil
	v.messages.Put(m)
	return res
}
