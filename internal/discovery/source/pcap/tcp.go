package pcap

import (
	"bytes"
	"net/netip"
	"slices"
	"time"

	"github.com/gopacket/gopacket/layers"
)

const (
	// maxPending is how many bytes, and maxSegments how many segments, of one direction
	// wait for one that was lost before it is given up.
	maxPending  = 256 << 10
	maxSegments = 256
	// lostAfter is when a missing segment is given up, by the clock of the capture.
	lostAfter = 10 * time.Second
)

// pair is a connection: its two ends, the lesser first.
type pair struct{ a, b netip.AddrPort }

// segment is what one packet carried. seq is the number of its first byte, ack
// that of the first byte of the other direction that its sender had not seen.
type segment struct {
	seq, ack uint32
	data     []byte
	// missing is how many bytes behind data the capture did not keep.
	missing int
	at      time.Time
}

// conn is one connection.
type conn struct {
	key          pair
	used         time.Time
	before, next *conn
	reader       *Reader
	// ends are those of a and b; client is the index of the client's, -1 if not known.
	ends   [2]half
	client int
	// opaque says that nothing more of it is read: it is over, or TLS, or a tunnel.
	opaque bool
	// some says that bytes came, spoke that a request of HTTP was in them.
	some, spoke bool
	held        int
	http        exchanges
	h2          *http2
}

// half is one direction: the segments that wait for their turn.
type half struct {
	known bool
	// first is the number of the first byte, next that of the one to come.
	first, next uint32
	// fin is the number behind the last byte, when hasFin says that it is known.
	fin     uint32
	hasFin  bool
	pending []segment
	bytes   int
	stream  stream
}

// segment takes a packet of TCP.
func (r *Reader) segment(from, to netip.AddrPort, tcp *layers.TCP, missing int, at time.Time) {
	key, side := pair{from, to}, 0
	if to.Compare(from) < 0 {
		key, side = pair{to, from}, 1
	}
	c := r.conns[key]
	if c != nil && tcp.SYN && !tcp.ACK && c.ends[side].known && c.ends[side].first != tcp.Seq+1 {
		// The ports are used again.
		r.drop(c)
		c = nil
	}
	if c == nil {
		if len(tcp.Payload) == 0 && !tcp.SYN {
			return
		}
		c = r.connect(key)
	}
	r.touch(c, at)
	if c.opaque {
		return
	}
	h := &c.ends[side]
	if tcp.SYN {
		if !h.known {
			h.known, h.first, h.next = true, tcp.Seq+1, tcp.Seq+1
			h.stream.state = atStart
		}
		if !tcp.ACK {
			c.client = side
		} else {
			c.client = 1 - side
		}
		c.drain(side)
		return
	}
	if len(tcp.Payload) > 0 || missing > 0 {
		c.take(side, segment{seq: tcp.Seq, ack: tcp.Ack, data: tcp.Payload, missing: missing, at: at})
	}
	if tcp.FIN {
		h.hasFin, h.fin = true, tcp.Seq+uint32(len(tcp.Payload)+missing) //nolint:gosec // lengths of packets
	}
	if !c.opaque {
		c.ended(0)
		c.ended(1)
	}
	if tcp.RST || c.ends[0].stream.finished && c.ends[1].stream.finished {
		// What is sent again of it must not be taken for a new connection.
		c.finish()
	}
	r.weigh(c)
}

// ended notes that all that a side sends has come.
func (c *conn) ended(side int) {
	h := &c.ends[side]
	if !h.hasFin || h.stream.finished || h.next != h.fin || len(h.pending) > 0 {
		return
	}
	h.stream.finished = true
	if c.client >= 0 && side != c.client {
		c.http.closed(c)
	}
}

// take brings a segment into its place.
func (c *conn) take(side int, s segment) {
	h := &c.ends[side]
	if !h.known {
		// The beginning of the connection is not in the capture.
		h.known, h.first, h.next = true, s.seq, s.seq
		h.stream.state = searching
	}
	behind := int32(s.seq - h.next) //nolint:gosec // sequence numbers go round
	if behind < 0 {
		seen := int(-int64(behind))
		if seen >= len(s.data)+s.missing {
			return
		}
		// A retransmission with something new behind what is known.
		if seen > len(s.data) {
			s.missing -= seen - len(s.data)
			seen = len(s.data)
		}
		s.data, s.seq = s.data[seen:], h.next
	}
	if s.seq == h.next {
		c.deliver(side, s)
		c.drain(side)
		return
	}
	s.data = bytes.Clone(s.data)
	at, _ := slices.BinarySearchFunc(h.pending, s.seq, func(p segment, seq uint32) int { return int(int32(p.seq - seq)) }) //nolint:gosec // as above
	h.pending = slices.Insert(h.pending, at, s)
	h.bytes += len(s.data)
	for len(h.pending) > 0 && (h.bytes > maxPending || len(h.pending) > maxSegments || s.at.Sub(h.pending[0].at) > lostAfter) {
		c.giveUp(side)
	}
}

func (c *conn) deliver(side int, s segment) {
	h := &c.ends[side]
	h.next = s.seq + uint32(len(s.data)+s.missing) //nolint:gosec // lengths of packets
	if len(s.data) > 0 {
		c.data(side, s)
	}
	if s.missing > 0 && !c.opaque {
		c.gap(side, s.missing)
	}
}

// drain delivers what waited for the segment that came.
func (c *conn) drain(side int) {
	h := &c.ends[side]
	for len(h.pending) > 0 && !c.opaque {
		s := h.pending[0]
		if int32(s.seq-h.next) > 0 { //nolint:gosec // sequence numbers go round
			return
		}
		h.pending = h.pending[1:]
		h.bytes -= len(s.data)
		c.take(side, s)
	}
}

// giveUp leaves out what is missing before the first waiting segment.
func (c *conn) giveUp(side int) {
	h := &c.ends[side]
	missing := h.pending[0].seq - h.next
	h.next = h.pending[0].seq
	if !c.opaque {
		c.gap(side, int(missing))
	}
	c.drain(side)
	if c.opaque {
		h.pending, h.bytes = nil, 0
	}
}

// connect begins a connection.
func (r *Reader) connect(key pair) *conn {
	if len(r.conns) >= maxConnections {
		r.drop(r.oldest)
	}
	c := &conn{key: key, reader: r, client: -1}
	r.conns[key] = c
	return c
}

// touch makes a connection the newest.
func (r *Reader) touch(c *conn, at time.Time) {
	if at.After(c.used) {
		c.used = at
	}
	if r.newest == c {
		return
	}
	r.unlink(c)
	c.before = r.newest
	if r.newest != nil {
		r.newest.next = c
	}
	r.newest = c
	if r.oldest == nil {
		r.oldest = c
	}
}

func (r *Reader) unlink(c *conn) {
	if c.before != nil {
		c.before.next = c.next
	} else if r.oldest == c {
		r.oldest = c.next
	}
	if c.next != nil {
		c.next.before = c.before
	} else if r.newest == c {
		r.newest = c.before
	}
	c.before, c.next = nil, nil
}

// drop ends a connection and forgets it.
func (r *Reader) drop(c *conn) {
	delete(r.conns, c.key)
	r.unlink(c)
	r.held -= c.held
	c.finish()
}

// finish ends a connection: what is missing is given up, and what is known told.
func (c *conn) finish() {
	for range 2 * maxSegments {
		if c.opaque || len(c.ends[0].pending)+len(c.ends[1].pending) == 0 {
			break
		}
		for side := range c.ends {
			if !c.opaque && len(c.ends[side].pending) > 0 {
				c.giveUp(side)
			}
		}
	}
	if !c.opaque {
		c.ended(0)
		c.ended(1)
	}
	c.end()
	c.opaque, c.h2, c.http = true, nil, exchanges{}
	for side := range c.ends {
		h := &c.ends[side]
		h.pending, h.bytes, h.stream = nil, 0, stream{}
	}
}

// weigh counts what a connection holds, and lets the oldest go when all hold too
// much.
func (r *Reader) weigh(c *conn) {
	held := c.http.size()
	if c.h2 != nil {
		held += c.h2.size()
	}
	for side := range c.ends {
		held += c.ends[side].bytes + c.ends[side].stream.size()
	}
	r.held += held - c.held
	c.held = held
	for r.held > maxHeld && r.oldest != nil && r.oldest != c {
		r.drop(r.oldest)
	}
}
