package framing

import (
	"errors"
	"io"
	"net"
	"sync"
	"sync/atomic"
	"time"
)

// settings are what all connections of a server share.
type settings struct {
	limits  Limits
	now     func() time.Time
	buffers sync.Pool // *[]byte of limits.HeadBytes
	hurry   atomic.Bool
	counts  counts
}

func newSettings(l Limits, now func() time.Time) *settings {
	s := &settings{limits: l, now: now}
	s.buffers.New = func() any {
		b := make([]byte, l.HeadBytes)
		return &b
	}
	return s
}

// phase is what the next byte of the stream belongs to.
type phase uint8

const (
	inHead phase = iota
	inLength
	inChunkSize
	inChunkExtension
	inChunkSizeLF
	inChunkData
	inChunkDataCR
	inChunkDataLF
	inTrailer
	isRefused // nothing more is read from the client
)

var (
	// errEarlyData ends a connection whose client talked the new protocol for
	// longer than a buffer before it was agreed on.
	errEarlyData = errors.New("too much data before the upgrade was answered")
	// errAfterRefusal guards against handing over a connection whose bytes
	// have been replaced.
	errAfterRefusal = errors.New("the connection carried a refused request")
)

// Conn is one HTTP/1 connection as net/http sees it, over cleartext or over a
// finished TLS handshake. Read gives only bytes that have been checked: a head
// as a whole, a body byte by byte. As with any connection one goroutine may
// read while others write, set deadlines or close.
type Conn struct {
	net.Conn
	set  *settings
	info *Info

	// buf[r:v] is checked and waits for net/http; buf[v:w] has been read from
	// the client and not been checked.
	buf     []byte
	small   []byte
	large   *[]byte
	r, v, w int

	phase     phase
	head      head
	chunk     chunk
	remain    int64 // bytes left of the body or chunk
	started   time.Time
	err       error // sticky, once buf[r:v] is drained
	facts     [2]Facts
	parsed    uint64 // heads accepted or refused
	upgrading uint64 // the value of parsed at the last request for an upgrade

	begun    uint64 // requests that the handler has begun
	current  *Facts
	finished atomic.Uint64 // requests that the handler has finished
	raw      atomic.Bool   // everything passes untouched

	mu        sync.Mutex // guards what follows
	written   time.Time  // when a write ends, as it stands in the socket
	deadline  time.Time  // as net/http set it
	headLimit time.Time  // when the head that has begun must be complete
	wake      chan struct{}
}

func newConn(under net.Conn, set *settings, info *Info) *Conn {
	c := &Conn{Conn: under, set: set, info: info}
	c.small = make([]byte, smallBuffer)
	c.buf = c.small
	c.head.names = make([]span, 0, 24)
	c.head.reset()
	return c
}

// Read implements [net.Conn]. A body whose framing is refused ends in an error
// that is a [*Refusal].
func (c *Conn) Read(p []byte) (int, error) {
	if len(p) == 0 {
		return 0, nil
	}
	for {
		if c.r < c.v {
			n := copy(p, c.buf[c.r:c.v])
			c.r += n
			return n, nil
		}
		switch {
		case c.raw.Load():
			if c.v == c.w {
				return c.Conn.Read(p)
			}
			c.v = c.w
			continue
		case c.err != nil:
			return 0, c.err
		case c.phase == isRefused:
			return 0, c.waitForEnd()
		case c.v < c.w && c.advance():
			continue
		case c.v == c.w && (c.phase == inLength || c.phase == inChunkData):
			// Nothing is held: the body need not pass through our buffer.
			n, err := c.Conn.Read(p[:min(int64(len(p)), c.remain)])
			c.consume(int64(n))
			return n, err
		}
		if err := c.fill(); err != nil {
			return 0, err
		}
	}
}

// fill reads more from the client into the buffer.
func (c *Conn) fill() error {
	if c.v == c.w {
		c.r, c.v, c.w = 0, 0, 0
		if c.large != nil {
			c.set.buffers.Put(c.large)
			c.large, c.buf = nil, c.small
		}
	}
	if c.w == len(c.buf) && c.v > 0 {
		c.w = copy(c.buf, c.buf[c.v:c.w])
		c.r, c.v = 0, 0
	}
	if c.w == len(c.buf) {
		if c.large != nil || len(c.buf) >= c.set.limits.HeadBytes {
			return errEarlyData // only an unanswered upgrade leaves a full buffer unread
		}
		large, ok := c.set.buffers.Get().(*[]byte)
		if !ok {
			return errEarlyData
		}
		copy(*large, c.buf[:c.w])
		c.large, c.buf = large, *large
	}
	if c.phase == inHead && c.v < c.w && !c.upgradePending() {
		c.startHeadClock()
	}
	n, err := c.Conn.Read(c.buf[c.w:])
	c.w += n
	if n > 0 {
		return nil // an error that stays will come again
	}
	if err == nil {
		return io.ErrNoProgress
	}
	c.noteSlowHead(err)
	return err
}

// advance checks the held bytes as far as they go and reports whether that
// changed anything; if not, more must be read first.
func (c *Conn) advance() bool {
	switch c.phase {
	case inHead:
		return !c.upgradePending() && c.advanceHead()
	case inLength:
		n := min(int64(c.w-c.v), c.remain)
		c.v += int(n)
		c.consume(n)
		return true
	case inTrailer:
		done, r := c.head.readTrailers(c.buf[c.v:c.w], &c.set.limits)
		switch {
		case r != nil:
			c.refuseBody(r)
		case done:
			c.v += c.head.off
			c.endMessage()
		}
		return done || r != nil
	case inChunkSize, inChunkExtension, inChunkSizeLF, inChunkData, inChunkDataCR, inChunkDataLF:
		c.advanceChunk()
		return true
	case isRefused:
	}
	return false
}

func (c *Conn) advanceHead() bool {
	if c.started.IsZero() {
		c.started = c.set.now()
	}
	b := c.buf[c.v:c.w]
	done, r := c.head.read(b, &c.set.limits)
	if r == nil && !done {
		return false
	}
	c.stopHeadClock()
	f := &c.facts[c.parsed%2]
	c.parsed++
	c.fillFacts(f)
	if r != nil {
		c.refuse(f, b, r)
		return true
	}
	if f.Upgrade {
		c.upgrading = c.parsed
	}
	c.v += c.head.off
	switch {
	case c.head.chunked:
		c.phase = inChunkSize
		c.chunk = chunk{}
	case c.head.length > 0:
		c.phase, c.remain = inLength, c.head.length
	default:
		c.endMessage()
	}
	return true
}

func (c *Conn) fillFacts(f *Facts) {
	h := &c.head
	f.Refusal = nil
	f.Method, f.Target, f.Host = "", "", ""
	f.ContentLength, f.Chunked = h.length, h.chunked
	f.Upgrade = h.upgrade && h.upgradeToken
	f.HTTP10 = h.http10
	f.HeaderCount = len(h.names)
	f.HeadBytes = h.off
	f.Started = c.started
	if f.body.Load() != nil {
		f.body.Store(nil)
	}
}

// refuse puts a synthetic request in the place of the bad one and stops
// reading from the client.
func (c *Conn) refuse(f *Facts, b []byte, r *Refusal) {
	const most = 256
	text := func(s span) string { return string(b[s.start:min(s.end, s.start+most)]) }
	f.Refusal = r
	f.Method, f.Target, f.Host = text(c.head.method), text(c.head.target), text(c.head.host)
	host := f.Host
	if host == "" {
		host = "invalid"
	}
	c.buf = append(c.buf[:0], "GET / HTTP/1.1\r\nHost: "+host+"\r\nConnection: close\r\n\r\n"...)
	c.r, c.v, c.w = 0, len(c.buf), len(c.buf)
	c.set.counts.refused.Add(1)
	c.phase = isRefused
	c.mu.Lock()
	c.wake = make(chan struct{}, 1)
	c.mu.Unlock()
}

// refuseBody ends a body whose framing is wrong; what was right has been
// released.
func (c *Conn) refuseBody(r *Refusal) {
	c.facts[(c.parsed-1)%2].body.Store(r)
	c.set.counts.refused.Add(1)
	c.err = r
}

// consume counts n released bytes of the body.
func (c *Conn) consume(n int64) {
	if c.remain -= n; c.remain > 0 {
		return
	}
	if c.phase == inChunkData {
		c.phase = inChunkDataCR
		return
	}
	c.endMessage()
}

func (c *Conn) endMessage() {
	c.phase = inHead
	c.started = time.Time{}
	c.head.reset()
}

// upgradePending reports whether the last request asked for another protocol
// and the handler has not finished: what follows may be either protocol, so it
// is not looked at.
func (c *Conn) upgradePending() bool { return c.upgrading > c.finished.Load() }

// Passthrough lets everything through untouched from now on, in both
// directions. The server calls it when a handler takes over (hijacks) the
// connection.
func (c *Conn) Passthrough() {
	if c.phase == isRefused {
		c.err = errAfterRefusal
		return
	}
	c.stopHeadClock()
	c.raw.Store(true)
	_ = c.SetWriteDeadline(time.Time{}) // a dead socket shows in the next write
}

// begin makes the facts of the next request the current ones.
func (c *Conn) begin() {
	c.current = &c.facts[c.begun%2]
	c.begun++
}

// finish says that the handler is done with the current request.
func (c *Conn) finish() { c.finished.Add(1) }
