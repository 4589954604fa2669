package pcap

import (
	"net/netip"

	"farrier.dev/farrier/internal/discovery"
)

// maxQueue is how many requests of a connection wait for their answers.
const maxQueue = 200

// exchange is a request and its answer.
type exchange struct {
	o               *discovery.Observation
	request, answer *message
	requested       bool
	answered        bool
}

// exchanges are the requests of a connection whose answers are not complete, in
// their order.
type exchanges struct {
	queue []*exchange
	// late are those that are answered while their request still comes.
	late []*exchange
	// now is the one whose answer comes; nil when nobody asked for it.
	now *exchange
	// lost says that something of the answers is missing.
	lost bool
}

func (c *conn) end1() netip.AddrPort {
	if c.client == 1 {
		return c.key.b
	}
	return c.key.a
}

func (c *conn) end2() netip.AddrPort {
	if c.client == 1 {
		return c.key.a
	}
	return c.key.b
}

func (e *exchanges) size() int {
	n := 0
	for _, x := range e.queue {
		n += 2048 + len(x.request.body)
	}
	for _, x := range e.late {
		n += 2048 + len(x.request.body) + len(x.answer.body)
	}
	if e.now != nil {
		n += len(e.now.answer.body)
	}
	return n
}

// push adds a request.
func (e *exchanges) push(c *conn, x *exchange) {
	if len(e.queue) >= maxQueue {
		c.reader.options.Skip(c.reader.n, "a request without an answer in the capture")
		e.queue = e.queue[1:]
	}
	e.queue = append(e.queue, x)
}

// answer gives an answer to the request it belongs to, and the method of that. A
// server acknowledges a request before it answers; an answer that acknowledges
// less belongs to a request that is not in the capture. Likewise the answer to a
// request begins before what its client had seen when it sent the next one; so
// requests whose answers are missing are found.
func (e *exchanges) answer(c *conn, m *message, status int) string {
	if e.lost {
		e.unanswered(c, m)
	}
	if len(e.queue) == 0 || int32(m.ack-e.queue[0].request.seq) <= 0 { //nolint:gosec // as above
		c.reader.options.Skip(c.reader.n, "an answer without its request")
		e.now = nil
		return ""
	}
	if len(e.queue) == 1 {
		e.lost = false
	}
	e.now = e.queue[0]
	e.queue = e.queue[1:]
	e.now.answer = m
	e.now.o.Status = status
	return e.now.o.Method
}

// unanswered takes the requests out whose answers are missing before m.
func (e *exchanges) unanswered(c *conn, m *message) {
	for k := len(e.queue) - 1; k > 0; k-- {
		seen := e.queue[k].request.ack
		if int32(seen-e.queue[0].request.ack) > 0 && int32(m.seq-seen) >= 0 { //nolint:gosec // sequence numbers go round
			// Requests that were sent together are answered in their order.
			for e.queue[k-1].request.ack == seen {
				k--
			}
			for range k {
				c.reader.options.Skip(c.reader.n, "a request without an answer in the capture")
			}
			e.queue = e.queue[k:]
			return
		}
	}
}

// answered ends the answer that came.
func (e *exchanges) answered(c *conn) {
	x := e.now
	if e.now = nil; x == nil {
		return
	}
	x.answered = true
	if x.requested {
		c.tell(x)
		return
	}
	e.late = append(e.late, x)
	if len(e.late) > maxQueue {
		c.tell(e.late[0])
		e.late = e.late[1:]
	}
}

// requested ends the request that came.
func (e *exchanges) requested(c *conn) {
	for i, x := range e.late {
		if !x.requested {
			x.requested = true
			c.tell(x)
			e.late = append(e.late[:i], e.late[i+1:]...)
			return
		}
	}
	if e.now != nil && !e.now.requested {
		e.now.requested = true
		return
	}
	for _, x := range e.queue {
		if !x.requested {
			x.requested = true
			return
		}
	}
}

// closed ends an answer that lasts until its connection ends.
func (e *exchanges) closed(c *conn) {
	st := &c.ends[1-c.client].stream
	if st.state == untilClose {
		st.state, st.now = atStart, nil
		e.answered(c)
	}
}

// tell gives an exchange to the reader's caller.
func (c *conn) tell(x *exchange) {
	limit := c.reader.options.MaxBody
	x.o.Request = x.request.message(limit)
	x.o.Response = x.answer.message(limit)
	c.reader.out = append(c.reader.out, x.o)
}

// end tells what is known of a connection that is over.
func (c *conn) end() {
	if c.h2 != nil {
		c.h2.end()
		return
	}
	if c.some && !c.spoke && !c.opaque {
		c.reader.options.Skip(c.reader.n, "a connection without HTTP in it")
	}
	e := &c.http
	if e.now != nil {
		whole := c.client >= 0 && c.ends[1-c.client].stream.state == untilClose && c.ends[1-c.client].stream.finished
		e.now.answer.partial = e.now.answer.partial || !whole
		e.now.requested = true
		e.answered(c)
	}
	for _, x := range e.late {
		x.request.partial = true
		c.tell(x)
	}
	for range e.queue {
		c.reader.options.Skip(c.reader.n, "a request without an answer in the capture")
	}
	if c.client >= 0 && len(c.ends[1-c.client].stream.waiting) > 0 {
		c.reader.options.Skip(c.reader.n, "an answer without its request")
	}
	e.queue, e.late = nil, nil
}
