package tap

import (
	"sync"

	"farrier.dev/farrier/internal/discovery"
	"farrier.dev/farrier/internal/encoding/content"
	"farrier.dev/farrier/internal/traffic"
)

// buffer holds the bodies of one exchange. Its capacity is one of sizes.
type buffer struct {
	bytes []byte
	class int
}

// sizes are the capacities of buffers, in bytes.
var sizes = [...]int{4 << 10, shortBodies, maxBodies}

// buffers are those that no exchange uses.
type buffers [len(sizes)]sync.Pool

// take gives an empty buffer for n bytes.
func (p *buffers) take(n int) *buffer {
	class := 0
	for sizes[class] < n {
		class++
	}
	if b, ok := p[class].Get().(*buffer); ok {
		return b
	}
	return &buffer{bytes: make([]byte, 0, sizes[class]), class: class}
}

func (p *buffers) give(b *buffer) {
	b.bytes = b.bytes[:0]
	p[b.class].Put(b)
}

// fill copies an exchange into a slot and says whether there was room. Strings
// are lent by the exchange, for nothing changes them.
func (t *Tap) fill(s *slot, x *traffic.Exchange, end *traffic.Ending) bool {
	o, req := &s.seen, &x.Request
	*o = discovery.Observation{
		Source: discovery.FromGateway, Time: x.Received,
		Scheme: req.Scheme, Host: req.Host, Method: req.Method, Path: req.Path, Query: req.RawQuery, Proto: req.Proto,
		API: x.API, BasePath: x.BasePath, Labels: x.APILabels, Service: x.Upstream.Service,
		Status: x.Response.Status,
		Caller: discovery.Caller{Address: req.Client, ClientID: x.Auth.ClientID, Subject: x.Auth.Principal},
		Attack: attacks(x), Local: x.Response.Local,
		Refused: end.Outcome == traffic.RefusedByPolicy || end.Outcome == traffic.RefusedByGateway,
	}
	if x.Response.Drop {
		o.Status = 0
	}
	if req.TLS != nil && req.TLS.Verified && len(req.TLS.Peer) > 0 {
		s.peer = req.TLS.Peer[0]
	}
	carried, ok := x.CarriedNumbers(t)
	o.Sampled = ok && carried[0] == 1 && !o.Attack && !o.Refused
	cost := len(o.Path) + len(o.Query) + len(o.Host)
	s.requestFields, cost = copyFields(s.requestFields, &req.Header, cost)
	s.request.SetSorted(s.requestFields)
	o.Request.Header = &s.request
	if o.Sampled {
		s.responseFields, cost = copyFields(s.responseFields, &x.Response.Header, cost)
		s.response.SetSorted(s.responseFields)
		o.Response.Header = &s.response
	}
	if s.cost = int64(cost); t.held.Add(s.cost) > t.o.Bytes {
		return false
	}
	return o.Attack || o.Refused || t.copyBodies(s, x, end)
}

// copyFields copies a header into a list, and adds what it holds to cost.
func copyFields(to []traffic.Field, from *traffic.Header, cost int) ([]traffic.Field, int) {
	to = to[:0]
	for i := range from.Len() {
		f := from.At(i)
		cost += len(f.Value) + len(f.Name)
		to = append(to, f)
	}
	return to, cost
}

// copyBodies copies what the exchange shows of its bodies.
func (t *Tap) copyBodies(s *slot, x *traffic.Exchange, end *traffic.Ending) bool {
	o := &s.seen
	request, response := x.Request.Body.Bytes(), x.Response.Body.Bytes()
	limit, most := maxRequest, maxBodies
	if carried, ok := x.CarriedNumbers(t); ok && o.Sampled {
		limit, most = int(carried[1]), int(carried[2])
	}
	if !o.Sampled {
		response = nil
		if limit = maxNaming; !namedByContent(x) {
			request = nil
		}
	}
	o.Request.Partial, o.Response.Partial = x.Request.Body.Partial(), x.Response.Body.Partial()
	if len(request) > limit {
		request, o.Request.Partial = request[:limit], true
	}
	if room := most - len(request); len(response) > room {
		response, o.Response.Partial = response[:room], true
	}
	o.Request.Unseen = len(request) == 0 && end.BytesIn > 0
	o.Response.Unseen = len(response) == 0 && end.BytesOut > 0
	if len(request)+len(response) == 0 {
		return true
	}
	s.body = t.buffers.take(len(request) + len(response))
	s.cost += int64(cap(s.body.bytes))
	if t.held.Add(int64(cap(s.body.bytes))) > t.o.Bytes {
		return false
	}
	s.body.bytes = append(append(s.body.bytes, request...), response...)
	o.Request.Body = s.body.bytes[:len(request):len(request)]
	o.Response.Body = s.body.bytes[len(request):]
	s.requestCoded, s.responseCoded = x.Request.Body.Coded(), x.Response.Body.Coded()
	return true
}

// open completes what was too slow for the request path.
func (t *Tap) open(s *slot) {
	if s.peer != nil {
		s.seen.Caller.Certificate = s.peer.Subject.String()
	}
	if s.requestCoded {
		t.decode(&s.seen.Request)
	}
	if s.responseCoded {
		t.decode(&s.seen.Response)
	}
}

// decode opens the content coding of a message.
func (t *Tap) decode(m *discovery.Message) {
	coding := m.Header.Joined("content-encoding")
	if coding == "" || len(m.Body) == 0 {
		return
	}
	plain, more, err := content.DecodePrefix(coding, m.Body, discovery.MaxBody, content.DefaultRatio)
	if err != nil {
		t.unread.Add(1)
		m.Body, m.Unseen = nil, true
		return
	}
	m.Body, m.Partial = plain, m.Partial || more
}

// maxFields is how many header fields a slot has room for between exchanges.
const maxFields = 128

// release makes a slot free for the next exchange.
func (t *Tap) release(s *slot) {
	t.held.Add(-s.cost)
	if s.body != nil {
		t.buffers.give(s.body)
	}
	next := slot{requestFields: emptied(s.requestFields), responseFields: emptied(s.responseFields)}
	*s = next
	t.free <- s // it has room for all slots
}

// emptied gives a list its memory back, without what it held.
func emptied(fields []traffic.Field) []traffic.Field {
	if cap(fields) > maxFields {
		return nil
	}
	clear(fields)
	return fields[:0]
}
