package gateway

import (
	"errors"
	"io"
	"sync"
	"sync/atomic"
	"time"

	"farrier.dev/farrier/internal/gateway/stream"
	"farrier.dev/farrier/internal/policy"
)

// conversation joins a client and a service whose WebSocket messages are
// inspected, in one direction or both.
type conversation struct {
	p               *passage
	client, service side
	compression     stream.Compression
	in, out         atomic.Int64
	idle            *time.Timer
	hangUp          func()
}

// side is one of the two that are written to, by either direction.
type side struct {
	to     io.Writer
	masked bool // frames to it are those of a client

	mu     sync.Mutex
	closed bool // the last frame has been written
	// raw says that what is written are no whole frames; bounds follows them.
	raw    bool
	bounds stream.Boundary
}

// Write writes whole frames, or any bytes where nobody inspects.
func (s *side) Write(b []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return 0, errOver
	}
	if s.raw {
		s.bounds.Pass(b)
	}
	return s.to.Write(b)
}

// shut says that the last frame has been written.
func (s *side) shut() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.closed = true
}

// bye writes a Close frame, unless there was one or a frame is under way.
func (s *side) bye(status uint16) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.closed && (!s.raw || s.bounds.Between()) {
		_, _ = s.to.Write(stream.CloseFrame(status, s.masked)) // the connection is closed in any case
	}
	s.closed = true
}

// run serves both directions to their end.
func (c *conversation) run(client, service io.Reader) {
	p := c.p
	c.client.raw, c.service.raw = !p.inspects(false, policy.TextMessage), !p.inspects(true, policy.TextMessage)
	panicked := func(value any) { p.g.runtime.Panicked("gateway", value); c.hangUp() }
	p.inspection.leave()
	var both sync.WaitGroup
	both.Go(func() { survive(func() { c.direction(client, &c.service, true) }, panicked) })
	both.Go(func() { survive(func() { c.direction(service, &c.client, false) }, panicked) })
	both.Wait()
	p.inspection.take()
}

// direction sends on what one side says.
func (c *conversation) direction(from io.Reader, to *side, fromClient bool) {
	count := &c.in
	if !fromClient {
		count = &c.out
	}
	if to.raw {
		pipe(to, from, count, c.idle, c.p.idle)
		c.end(from, fromClient, errOver)
		return
	}
	r := stream.NewWebSocket(&timed{from, count, c.idle, c.p.idle}, c.p.inspection.options(fromClient), c.compression)
	defer func() { _ = r.Close() }()
	for {
		piece, err := r.Next()
		if len(piece) > 0 {
			_, err = to.Write(piece) // an error of the reader comes again
		}
		switch {
		case err == nil:
		case errors.Is(err, stream.ErrClosed):
			// The other side answers with its own Close frame, if it is well-behaved.
			to.shut()
			c.idle.Reset(min(c.p.idle, c.p.g.Limits.BodyIdle))
			return
		default:
			c.end(from, fromClient, err)
			return
		}
	}
}

// end ends the conversation. When a message was refused, both sides are told,
// and the client is heard out for a moment: closed with bytes unread, the
// connection would be reset and the Close frame lost.
func (c *conversation) end(from io.Reader, fromClient bool, err error) {
	c.p.inspection.failed(err, fromClient)
	status, stopped := c.farewell()
	if !stopped {
		c.hangUp()
		return
	}
	c.idle.Reset(lastWords)
	c.client.bye(status)
	c.service.bye(status)
	_, _ = io.Copy(io.Discard, from)
	if fromClient {
		c.hangUp()
	}
}

// farewell says with which status the conversation ends, if it ends otherwise
// than by its own will, and has the record kept before the client knows.
func (c *conversation) farewell() (status uint16, stopped bool) {
	i := c.p.inspection
	i.mu.Lock()
	defer i.mu.Unlock()
	if !i.stopped() {
		return 0, false
	}
	i.tell()
	c.p.end.BytesIn = c.in.Load()
	c.p.keepBefore(c.out.Load())
	if i.fault != nil {
		return i.fault.Close, true
	}
	return policyViolation, true
}

// policyViolation is the status of a WebSocket that a policy ended (RFC 6455 §7.4.1).
const policyViolation = 1008

// timed counts what is read and puts off the end of an idle stream.
type timed struct {
	io.Reader
	count *atomic.Int64
	idle  *time.Timer
	limit time.Duration
}

// Read reads what has come.
func (t *timed) Read(b []byte) (int, error) {
	n, err := t.Reader.Read(b)
	if n > 0 {
		t.idle.Reset(t.limit)
		t.count.Add(int64(n))
	}
	return n, err
}
