package gateway

import (
	"io"
	"sync"

	"farrier.dev/farrier/internal/traffic"
)

// Observer sees the exchanges as those need them who learn from traffic. Its
// methods are called on the request path and by many goroutines; a panic in one
// is logged and hurts no exchange.
type Observer interface {
	// Wants says how many bytes of the request and of the response are to be
	// copied while they stream, 0 for none. It is called once for each exchange
	// that passed its chains, just before the service is called.
	Wants(x *traffic.Exchange) (request, response int64)
	// Observe is called once for each exchange that is over, also refused ones,
	// when it has been sealed. The request shows method, host, query and header as
	// they came, before any step changed them. The bodies show what a step read of
	// them, or the copies: of the request what the service was sent, of the response
	// what the client was sent; Body.Coded tells which need their content coding
	// opened. Where the buffers of the process had no room, or nothing was wanted,
	// there is no copy. The response has its header when Wants asked for any of
	// it. Nothing that is lent may be kept or changed, but strings may be kept.
	Observe(x *traffic.Exchange, end *traffic.Ending)
}

// observed is what an exchange keeps for the observer.
type observed struct {
	// method, host, query and header are those that came; header is nil when they
	// were not kept.
	method, host, query string
	header              *[]traffic.Field
	// wantsRequest and wantsResponse are what the observer asked for.
	wantsRequest, wantsResponse int64
	request                     *tee
	response                    duplicate
	// whole says that all of the response was written.
	whole bool
}

// duplicate is a copy of the first part of a body: less of it when the budget
// has no more.
type duplicate struct {
	limit  int64
	budget *traffic.Budget
	bytes  []byte
	more   bool
	// pooled is what bytes began in, nil when it comes from no pool.
	pooled *[]byte
}

// add takes what came.
func (d *duplicate) add(b []byte) {
	room := d.limit - int64(len(d.bytes))
	if int64(len(b)) > room {
		d.more = true
	}
	if room = min(room, int64(len(b))); !d.budget.Take(room) {
		d.limit, d.more, room = int64(len(d.bytes)), true, 0
	}
	d.bytes = append(d.bytes, b[:room]...)
}

var (
	// duplicates are what the copies for the observer grow in.
	duplicates = sync.Pool{New: func() any { return new([]byte) }}
	// fieldLists are what the headers that came are kept in.
	fieldLists = sync.Pool{New: func() any { return new([]traffic.Field) }}
)

// The largest that goes back to its pool.
const (
	pooledBytes  = 256 << 10
	pooledFields = 256
)

func newDuplicate(limit int64, budget *traffic.Budget) duplicate {
	pooled := duplicates.Get().(*[]byte)
	return duplicate{limit: limit, budget: budget, bytes: (*pooled)[:0], pooled: pooled}
}

// release gives the memory back; nobody may look at the bytes any more.
func (d *duplicate) release() {
	if d.pooled != nil && cap(d.bytes) <= pooledBytes {
		*d.pooled = d.bytes[:0]
		duplicates.Put(d.pooled)
	}
	*d = duplicate{}
}

// came keeps what steps may change of the request.
func (p *passage) came() {
	if p.g.Observer == nil {
		return
	}
	req, o := &p.x.Request, &p.observed
	o.method, o.host, o.query = req.Method, req.Host, req.RawQuery
	o.header = fieldLists.Get().(*[]traffic.Field)
	list := (*o.header)[:0]
	for i := range req.Header.Len() {
		list = append(list, req.Header.At(i))
	}
	*o.header = list
}

// ask has the observer say what it wants.
func (p *passage) ask() {
	if p.g.Observer == nil {
		return
	}
	defer p.observerPanicked()
	p.observed.wantsRequest, p.observed.wantsResponse = p.g.Observer.Wants(p.x)
}

// observerPanicked is to be deferred.
func (p *passage) observerPanicked() {
	if value := recover(); value != nil {
		p.g.runtime.Panicked("observer", value)
	}
}

// visible says that Bytes shows the content without a copy.
func visible(b *traffic.Body) bool { return b.Loaded() || len(b.Bytes()) > 0 }

// duplicateRequest copies what the service reads, if the observer wants it.
func (p *passage) duplicateRequest(from io.Reader) io.Reader {
	if p.observed.wantsRequest <= 0 || p.tee != nil || visible(&p.x.Request.Body) {
		return from
	}
	p.observed.request = &tee{from: from, duplicate: newDuplicate(p.observed.wantsRequest, p.g.runtime.Budget)}
	return p.observed.request
}

// duplicateResponse prepares the copy of what the client is sent.
func (p *passage) duplicateResponse() {
	if p.observed.wantsResponse > 0 && !visible(&p.x.Response.Body) {
		p.observed.response = newDuplicate(p.observed.wantsResponse, p.g.runtime.Budget)
	}
}

// observe shows the exchange to the observer.
func (p *passage) observe() {
	if p.g.Observer == nil || p.challenge {
		return
	}
	defer p.observerPanicked()
	x, o := p.x, &p.observed
	if o.request != nil {
		o.request.show(&x.Request.Body, p.body != nil && p.body.ended.Load())
	}
	if o.response.pooled != nil {
		x.Response.Body.ShowCopy(o.response.bytes, o.response.more || !o.whole, o.response.budget)
	}
	if (o.wantsRequest > 0 || o.wantsResponse > 0) && x.Response.Header.Len() == 0 &&
		p.resp != nil && p.resp.Header != nil && !x.Response.Local {
		fillHeader(&x.Response.Header, p.resp.Header)
	}
	if o.header != nil {
		req := &x.Request
		method, host, query, header := req.Method, req.Host, req.RawQuery, req.Header
		req.Method, req.Host, req.RawQuery = o.method, o.host, o.query
		req.Header.SetSorted(*o.header)
		defer func() { req.Method, req.Host, req.RawQuery, req.Header = method, host, query, header }()
	}
	p.g.Observer.Observe(x, &p.end)
}

// forget gives back what was kept for the observer, when the bodies have been
// released.
func (o *observed) forget() {
	if o.request != nil {
		o.request.release()
		o.request = nil
	}
	o.response.release()
	if o.header == nil {
		return
	}
	if cap(*o.header) <= pooledFields {
		clear(*o.header)
		fieldLists.Put(o.header)
	}
	o.header = nil
}
