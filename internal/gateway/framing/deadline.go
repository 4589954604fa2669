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
