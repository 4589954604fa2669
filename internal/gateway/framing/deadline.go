package framing

import (
	"errors"
	"io"
	"os"
	"time"
)

// SetReadDeadline implements [net.Conn].
func (c *Conn) SetReadDeadline(t time.Time) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.deadline = t
	if c.wake != nil {
		switch {
		case t.IsZero():
			select {
			case <-c.wake:
			default:
			}
		case !t.After(c.set.now()):
			c.wakeLocked()
		}
	}
	return c.applyLocked()
}

// SetDeadline implements [net.Conn].
func (c *Conn) SetDeadline(t time.Time) error {
	return errors.Join(c.SetReadDeadline(t), c.SetWriteDeadline(t))
}

// SetWriteDeadline implements [net.Conn]. The next write may put it off, so that
// there is no need to take it away, as net/http does after every request.
func (c *Conn) SetWriteDeadline(t time.Time) error {
	if t.IsZero() && !c.raw.Load() {
		return nil
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.written = t
	return c.Conn.SetWriteDeadline(t)
}

// writePiece is what a client must take within WriteTimeout.
const writePiece = 64 << 10

// Write implements [net.Conn]. A client that takes nothing for the time of
// WriteTimeout is left: many small answers that nobody reads block as well as a
// large one.
func (c *Conn) Write(p []byte) (n int, err error) {
	if c.raw.Load() {
		return c.Conn.Write(p)
	}
	for {
		if err := c.putOffWrite(); err != nil {
			return n, err
		}
		piece := p[n:min(len(p), n+writePiece)]
		wrote, err := c.Conn.Write(piece)
		if n += wrote; err != nil || n == len(p) {
			return n, err
		}
	}
}

// putOffWrite gives a write WriteTimeout at least. The deadline moves at most
// once a second: setting it costs a system timer.
func (c *Conn) putOffWrite() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	until := c.set.now().Add(c.set.limits.WriteTimeout)
	if c.written.After(until) {
		return nil
	}
	c.written = until.Add(time.Second)
	return c.Conn.SetWriteDeadline(c.written)
}

// applyLocked gives the socket the earlier of net/http's deadline and ours.
// Ours counts only while net/http waits for a request: it sets no deadline
// while it merely watches for the client going away.
func (c *Conn) applyLocked() error {
	d := c.deadline
	if !d.IsZero() && !c.headLimit.IsZero() && c.headLimit.Before(d) {
		d = c.headLimit
	}
	return c.Conn.SetReadDeadline(d)
}

// startHeadClock gives a head that has begun its time, once net/http waits for
// it.
func (c *Conn) startHeadClock() {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.headLimit.IsZero() && !c.deadline.IsZero() {
		c.headLimit = c.set.now().Add(c.set.limits.HeaderTimeout)
		_ = c.applyLocked() // a dead socket shows in the read that follows
	}
}

func (c *Conn) stopHeadClock() {
	c.mu.Lock()
	defer c.mu.Unlock()
	if !c.headLimit.IsZero() {
		c.headLimit = time.Time{}
		_ = c.applyLocked()
	}
}

func (c *Conn) noteSlowHead(err error) {
	if c.phase != inHead || c.v == c.w || !errors.Is(err, os.ErrDeadlineExceeded) {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if !c.headLimit.IsZero() && !c.set.now().Before(c.headLimit) {
		c.set.counts.slowHeads.Add(1)
	}
}

// waitForEnd keeps net/http's watch for the client's departure waiting until
// the refusal has been answered: the client's further bytes, and its going,
// change nothing any more.
func (c *Conn) waitForEnd() error {
	<-c.wake
	return os.ErrDeadlineExceeded
}

func (c *Conn) wakeLocked() {
	select {
	case c.wake <- struct{}{}:
	default:
	}
}

// CloseWrite tells the client that nothing more will come, where the
// connection can say so.
func (c *Conn) CloseWrite() error {
	if cw, ok := c.Conn.(interface{ CloseWrite() error }); ok {
		return cw.CloseWrite()
	}
	return nil
}

const (
	lingerTime  = 500 * time.Millisecond
	lingerBytes = 256 << 10
)

// Close implements [net.Conn]. After a refusal it first reads and drops a
// little of what the client still sends, since a socket closed with unread
// data would be reset and the answer lost.
func (c *Conn) Close() error {
	c.mu.Lock()
	refused := c.wake != nil
	if refused {
		c.wakeLocked()
	}
	c.mu.Unlock()
	if refused && !c.set.hurry.Load() && c.CloseWrite() == nil {
		_ = c.Conn.SetReadDeadline(c.set.now().Add(lingerTime))
		_, _ = io.CopyN(io.Discard, c.Conn, lingerBytes)
	}
	return c.Conn.Close()
}
