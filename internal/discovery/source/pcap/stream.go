package pcap

import (
	"bytes"
	"strings"
)

// state is where in HTTP/1.x a direction stands.
type state int

const (
	// searching passes bytes over until a segment begins with a message: the beginning
	// or a part in the middle is not in the capture, or is no HTTP.
	searching state = iota
	// atStart and inHead collect the start line and the header.
	atStart
	inHead
	inBody
	inChunkSize
	inChunk
	inChunkEnd
	inTrailer
	untilClose
)

const (
	// maxHead bounds start line and header, maxLine the line of a chunk.
	maxHead = 64 << 10
	maxLine = 4096
	// maxWaiting is how many bytes of answers wait for their request.
	maxWaiting = 256 << 10
)

// stream is one direction of a connection with HTTP/1.x.
type stream struct {
	state state
	head  []byte
	// left is how much of a body or chunk is to come.
	left int64
	now  *message
	// waiting are the answers that came before their request was read.
	waiting  []segment
	held     int
	finished bool
}

func (s *stream) size() int { return len(s.head) + s.held }

// data takes the next bytes of a direction.
func (c *conn) data(side int, s segment) {
	c.some = true
	if c.h2 != nil {
		c.h2.data(side != c.client, s.data, s.at)
		return
	}
	if c.client < 0 && !c.guess(side, s.data) {
		return
	}
	if st := &c.ends[side].stream; st.state <= atStart && len(st.waiting) == 0 && isTLS(s.data) {
		c.close("a connection with TLS, which is encrypted")
		return
	}
	c.feed(side, s)
}

// guess finds out by the first bytes who is the client.
func (c *conn) guess(side int, data []byte) bool {
	switch {
	case beginsAnswer(data):
		c.client = 1 - side
	case beginsRequest(data) || isTLS(data):
		c.client = side
	}
	return c.client >= 0
}

const preface = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"

// secondVersion goes over to HTTP/2, of whose preface the head was read.
func (c *conn) secondVersion(head int) {
	c.h2, c.spoke = newHTTP2(c), true
	c.h2.data(false, []byte(preface[:head]), c.used)
	// The server need not wait for the client to speak.
	server := &c.ends[1-c.client].stream
	for _, early := range server.waiting {
		c.h2.data(true, early.data, early.at)
	}
	server.waiting, server.held = nil, 0
}

// close leaves the rest of a connection aside.
func (c *conn) close(reason string) {
	c.reader.options.Skip(c.reader.n, reason)
	c.opaque = true
	for side := range c.ends {
		c.ends[side].pending, c.ends[side].bytes = nil, 0
		c.ends[side].stream = stream{}
	}
}

func isTLS(data []byte) bool {
	return len(data) >= 3 && data[0] >= 0x14 && data[0] <= 0x17 && data[1] == 3 && data[2] <= 4
}

func beginsAnswer(data []byte) bool { return bytes.HasPrefix(data, []byte("HTTP/1.")) }

// beginsRequest says that bytes begin with a method, as far as they go.
func beginsRequest(data []byte) bool {
	word, _, found := bytes.Cut(data[:min(len(data), 16)], []byte(" "))
	if len(word) < 3 || !found {
		return false
	}
	return strings.Contains(" GET POST PUT PATCH DELETE HEAD OPTIONS TRACE CONNECT PRI PROPFIND REPORT SEARCH QUERY ", " "+string(word)+" ")
}

// feed takes bytes of HTTP/1.x.
func (c *conn) feed(side int, s segment) {
	st := &c.ends[side].stream
	answer := side != c.client
	if len(st.waiting) > 0 {
		c.wait(st, s)
		return
	}
	for len(s.data) > 0 && !c.opaque {
		before := len(s.data)
		switch st.state {
		case searching:
			if answer && !beginsAnswer(s.data) || !answer && !beginsRequest(s.data) {
				return
			}
			st.state = atStart
			continue
		case atStart:
			// Empty lines before a message are allowed.
			if len(s.data) > 0 && (s.data[0] == '\r' || s.data[0] == '\n') {
				s.data = s.data[1:]
				break
			}
			if answer && len(c.http.queue) == 0 {
				c.wait(st, s)
				return
			}
			st.state, st.head = inHead, st.head[:0]
			st.now = &message{seq: s.seq, ack: s.ack, at: s.at}
			continue
		case inHead:
			if s.data = c.headBytes(side, st, s.data); c.h2 != nil {
				c.h2.data(answer, s.data, s.at)
				return
			}
		default:
			s.data = c.bodyBytes(st, s.data, answer)
		}
		s.seq += uint32(before - len(s.data)) //nolint:gosec // lengths of packets
	}
}

// wait keeps an answer for its request.
func (c *conn) wait(st *stream, s segment) {
	if st.held+len(s.data) > maxWaiting || len(st.waiting) >= 4*maxSegments {
		c.reader.options.Skip(c.reader.n, "an answer without its request")
		st.waiting, st.held, st.state = nil, 0, searching
		return
	}
	s.data = bytes.Clone(s.data)
	st.waiting = append(st.waiting, s)
	st.held += len(s.data)
}

// resume reads the answers that waited for the request that came.
func (c *conn) resume() {
	st := &c.ends[1-c.client].stream
	waiting := st.waiting
	st.waiting, st.held = nil, 0
	for _, s := range waiting {
		if c.opaque {
			return
		}
		if len(s.data) > 0 {
			c.feed(1-c.client, s)
		}
		if s.missing > 0 && !c.opaque {
			c.gap(1-c.client, s.missing)
		}
	}
	if st.finished && !c.opaque {
		c.http.closed(c)
	}
}

// headBytes collects a head, and reads it when it is whole.
func (c *conn) headBytes(side int, st *stream, data []byte) []byte {
	from := max(0, len(st.head)-3)
	take := data[:min(len(data), maxHead+1-len(st.head))]
	st.head = append(st.head, take...)
	end, length := headEnd(st.head, from)
	if end < 0 {
		if len(st.head) > maxHead {
			c.reader.options.Skip(c.reader.n, "a header of more than 64 KiB")
			st.head, st.state = nil, searching
			return nil
		}
		return data[len(take):]
	}
	over := len(st.head) - (end + length)
	head := st.head[:end]
	var ok bool
	switch {
	case side == c.client && string(bytes.TrimSuffix(head, []byte("\r"))) == "PRI * HTTP/2.0":
		c.secondVersion(end + length)
		return data[len(take)-over:]
	case side == c.client:
		ok = c.request(st, head)
	default:
		ok = c.answer(st, head)
	}
	st.head = st.head[:0]
	if !ok {
		c.reader.options.Skip(c.reader.n, "bytes that are no HTTP")
		st.state, st.now = searching, nil
		return nil
	}
	rest := data[len(take)-over:]
	if side == c.client && !c.opaque {
		// What the server sent meanwhile may be its answer.
		c.resume()
	}
	return rest
}

// headEnd finds the empty line behind a head, and how long its end is.
func headEnd(head []byte, from int) (end, length int) {
	for {
		i := bytes.IndexByte(head[from:], '\n')
		if i < 0 {
			return -1, 0
		}
		i += from
		if rest := head[i+1:]; len(rest) > 0 && rest[0] == '\n' {
			return i, 2
		} else if len(rest) > 1 && rest[0] == '\r' && rest[1] == '\n' {
			return i, 3
		}
		from = i + 1
	}
}

// bodyBytes takes what belongs to a body and gives the rest.
func (c *conn) bodyBytes(st *stream, data []byte, answer bool) []byte {
	switch st.state {
	case untilClose:
		st.now.add(data, c.reader.options.MaxBody)
		return nil
	case inBody, inChunk:
		n := int(min(int64(len(data)), st.left))
		st.now.add(data[:n], c.reader.options.MaxBody)
		if st.left -= int64(n); st.left == 0 {
			if st.state == inChunk {
				st.state, st.head = inChunkEnd, st.head[:0]
			} else {
				c.done(st, answer)
			}
		}
		return data[n:]
	case inChunkSize, inChunkEnd, inTrailer:
		return c.chunkLine(st, data, answer)
	default:
		return nil
	}
}

// chunkLine collects a line between chunks.
func (c *conn) chunkLine(st *stream, data []byte, answer bool) []byte {
	i := bytes.IndexByte(data, '\n')
	if i < 0 {
		if len(st.head)+len(data) > maxLine {
			c.broken(st, answer)
			return nil
		}
		st.head = append(st.head, data...)
		return nil
	}
	if len(st.head)+i > maxLine {
		c.broken(st, answer)
		return nil
	}
	st.head = append(st.head, data[:i]...)
	line := bytes.TrimSuffix(st.head, []byte("\r"))
	switch st.state {
	case inChunkEnd:
		if len(line) != 0 {
			c.broken(st, answer)
			return nil
		}
		st.state = inChunkSize
	case inTrailer:
		if len(line) == 0 {
			st.head = st.head[:0]
			c.done(st, answer)
			return data[i+1:]
		}
	default:
		size, ok := chunkSize(line)
		if !ok {
			c.broken(st, answer)
			return nil
		}
		if st.left, st.state = size, inChunk; size == 0 {
			st.state = inTrailer
		}
	}
	st.head = st.head[:0]
	return data[i+1:]
}

func chunkSize(line []byte) (int64, bool) {
	digits, _, _ := bytes.Cut(line, []byte(";"))
	digits = bytes.TrimRight(digits, " \t")
	if len(digits) == 0 || len(digits) > 15 {
		return 0, false
	}
	var n int64
	for _, d := range digits {
		v := bytes.IndexByte([]byte("0123456789abcdef"), d|0x20)
		if d >= '0' && d <= '9' {
			v = int(d - '0')
		}
		if v < 0 {
			return 0, false
		}
		n = n<<4 | int64(v)
	}
	return n, true
}

// broken ends a message in its middle.
func (c *conn) broken(st *stream, answer bool) {
	if st.now != nil {
		st.now.partial = true
	}
	st.head = st.head[:0]
	c.done(st, answer)
	st.state = searching
}

// done ends a message.
func (c *conn) done(st *stream, answer bool) {
	st.state = atStart
	st.now = nil
	if answer {
		c.http.answered(c)
	} else {
		c.http.requested(c)
	}
}

// gap passes over n bytes that are not in the capture.
func (c *conn) gap(side int, n int) {
	if c.h2 != nil {
		c.h2.end()
		c.close("a connection with HTTP/2 of which packets are missing")
		return
	}
	st := &c.ends[side].stream
	answer := c.client >= 0 && side != c.client
	if answer {
		c.http.lost = true
	}
	if len(st.waiting) > 0 {
		st.waiting[len(st.waiting)-1].missing += n
		return
	}
	switch st.state {
	case searching:
	case untilClose:
		st.now.partial = true
	case inBody, inChunk:
		st.now.partial, st.now.hole = true, true
		if int64(n) < st.left {
			st.left -= int64(n)
			return
		}
		if int64(n) == st.left && st.state == inBody {
			c.done(st, answer)
			return
		}
		c.broken(st, answer)
	case inChunkSize, inChunkEnd, inTrailer:
		c.broken(st, answer)
	case atStart, inHead:
		c.reader.options.Skip(c.reader.n, "a message of which packets are missing")
		st.state, st.head, st.now = searching, st.head[:0], nil
	}
}
