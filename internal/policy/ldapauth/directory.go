package ldapauth

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"sync"
	"time"

	"github.com/go-ldap/ldap/v3"
)

const (
	maxConnections = 64 // of each kind, at once
	maxIdle        = 8  // of each kind
	idleLimit      = time.Minute
)

// dialing is how to connect to a directory.
type dialing struct {
	address         string
	ldaps, startTLS bool
	tls             *tls.Config
	timeout         time.Duration
	dn, password    string // of the service user
	// open opens a connection, not to forbidden addresses.
	open func(ctx context.Context, network, address string) (net.Conn, error)
}

// seconds is the time limit of a search.
func (d *dialing) seconds() int { return int((d.timeout + time.Second - 1) / time.Second) }

// directory is a server with the connections to it, which outlive revisions that
// change nothing of the settings. Connections that search stay those of the
// service user; users are bound on others, so that nobody ever searches with the
// rights of whoever came before.
type directory struct {
	searching, binding *pool
}

func newDirectory(d dialing, now func() time.Time) *directory {
	return &directory{
		searching: newPool(now, d.timeout, func(ctx context.Context) (*ldap.Conn, error) { return d.connect(ctx, true) }),
		binding:   newPool(now, d.timeout, func(ctx context.Context) (*ldap.Conn, error) { return d.connect(ctx, false) }),
	}
}

// Close ends all connections that nobody uses at the moment; the others end when
// they are given back.
func (d *directory) Close() error {
	d.searching.close()
	d.binding.close()
	return nil
}

// connect opens a connection, encrypts it where the settings say so, and binds it
// as the service user. All of this must end within the timeout.
func (d *dialing) connect(ctx context.Context, service bool) (*ldap.Conn, error) {
	ctx, cancel := context.WithTimeout(ctx, d.timeout)
	defer cancel()
	raw, err := d.open(ctx, "tcp", d.address)
	if err != nil {
		return nil, fmt.Errorf("the directory could not be reached: %w", err)
	}
	// The library's own handshake knows no deadline: the connection has one.
	deadline, _ := ctx.Deadline()
	_ = raw.SetDeadline(deadline) // a connection that can't have one fails in what follows
	stream := raw
	if d.ldaps {
		encrypted := tls.Client(raw, d.tls)
		if err := encrypted.HandshakeContext(ctx); err != nil {
			_ = raw.Close()
			return nil, fmt.Errorf("encrypting the connection to the directory: %w", err)
		}
		stream = encrypted
	}
	c := ldap.NewConn(stream, d.ldaps)
	c.SetTimeout(d.timeout)
	c.Start()
	if d.startTLS {
		if err := c.StartTLS(d.tls); err != nil {
			_ = c.Close()
			return nil, fmt.Errorf("encrypting the connection to the directory: %w", err)
		}
	}
	if service {
		if err := c.Bind(d.dn, d.password); err != nil {
			_ = c.Close()
			return nil, fmt.Errorf("the directory does not accept the service user: %w", told(err))
		}
	}
	_ = raw.SetDeadline(time.Time{}) // from here on each operation has its own
	return c, nil
}

// pool keeps connections of one kind.
type pool struct {
	connect func(context.Context) (*ldap.Conn, error)
	now     func() time.Time
	places  chan struct{} // holds one element for each connection in use
	// patience is how long to wait for a place.
	patience time.Duration

	mu     sync.Mutex
	idle   []resting // the one that was used last at the end
	sweep  *time.Timer
	closed bool
}

// resting is a connection that nobody uses.
type resting struct {
	conn  *ldap.Conn
	since time.Time
}

func newPool(now func() time.Time, patience time.Duration, connect func(context.Context) (*ldap.Conn, error)) *pool {
	return &pool{connect: connect, now: now, places: make(chan struct{}, maxConnections), patience: patience}
}

// use runs one operation on a connection. One that was kept may have died
// meanwhile: then the operation runs once more, on a new one.
func (p *pool) use(ctx context.Context, operation func(*ldap.Conn) error) error {
	if err := p.enter(ctx); err != nil {
		return err
	}
	defer func() { <-p.places }()
	if c := p.take(); c != nil {
		err := operation(c)
		p.give(c, err)
		if !broke(err) {
			return err
		}
	}
	c, err := p.connect(ctx)
	if err != nil {
		return err
	}
	err = operation(c)
	p.give(c, err)
	return err
}

// broke says whether an operation failed for its connection, and not for what the
// directory answered. The library tells of one that ended before the answer by an
// error without a code.
func broke(err error) bool {
	var from *ldap.Error
	return err != nil && (!errors.As(err, &from) || from.ResultCode == ldap.ErrorNetwork)
}

// enter waits for a place, no longer than an operation may take.
func (p *pool) enter(ctx context.Context) error {
	select {
	case p.places <- struct{}{}:
		return nil
	default:
	}
	timer := time.NewTimer(p.patience)
	defer timer.Stop()
	select {
	case p.places <- struct{}{}:
		return nil
	case <-timer.C:
		return errors.New("too many requests ask the directory at once")
	case <-ctx.Done():
		return fmt.Errorf("waiting for a connection to the directory: %w", ctx.Err())
	}
}

// take is the connection that was used last, nil when none is left that lives.
func (p *pool) take() *ldap.Conn {
	p.mu.Lock()
	defer p.mu.Unlock()
	for len(p.idle) > 0 {
		last := p.idle[len(p.idle)-1]
		p.idle = p.idle[:len(p.idle)-1]
		if !last.conn.IsClosing() && p.now().Sub(last.since) < idleLimit {
			return last.conn
		}
		go func() { _ = last.conn.Close() }()
	}
	return nil
}

// give puts a connection back after an operation that ended with err, or ends it
// when it is broken or there are enough.
func (p *pool) give(c *ldap.Conn, err error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if broke(err) || c.IsClosing() || p.closed || len(p.idle) >= maxIdle {
		go func() { _ = c.Close() }() // it may wait for the peer
		return
	}
	p.idle = append(p.idle, resting{c, p.now()})
	if p.sweep == nil {
		p.sweep = time.AfterFunc(idleLimit, p.tidy)
	}
}

// tidy ends the connections that have rested too long.
func (p *pool) tidy() {
	p.mu.Lock()
	defer p.mu.Unlock()
	now, stale := p.now(), 0
	for _, one := range p.idle {
		if now.Sub(one.since) < idleLimit {
			break
		}
		go func() { _ = one.conn.Close() }()
		stale++
	}
	p.idle = p.idle[stale:]
	p.sweep = nil
	if len(p.idle) > 0 && !p.closed {
		p.sweep = time.AfterFunc(idleLimit-now.Sub(p.idle[0].since), p.tidy)
	}
}

func (p *pool) close() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.closed = true
	if p.sweep != nil {
		p.sweep.Stop()
	}
	for _, one := range p.idle {
		go func() { _ = one.conn.Close() }()
	}
	p.idle = nil
}
