package adapter

import (
	"context"
	"crypto/sha256"
	"crypto/subtle"
	"fmt"
	"net"
	"net/netip"
	"sync"
	"sync/atomic"
)

// Access says who may send to an adapter.
type Access struct {
	// Token is what every sender must show, empty for none.
	Token string
	// Allowed are the networks of senders; none means all.
	Allowed []netip.Prefix
	// Connections bounds those open at one time. Default 512.
	Connections int
}

// Shows says whether a sender showed the token, in a time that does not depend on
// it. Without a token everybody does.
func (a *Access) Shows(token string) bool {
	want, got := sha256.Sum256([]byte(a.Token)), sha256.Sum256([]byte(token))
	return a.Token == "" || subtle.ConstantTimeCompare(want[:], got[:]) == 1
}

// Listen opens a port for an adapter, as "127.0.0.1:9900". One that other machines
// can reach needs a token or networks. Connections from elsewhere are closed at
// once; those above the bound wait.
func (a *Access) Listen(ctx context.Context, address string) (*Listener, error) {
	socket, err := (&net.ListenConfig{}).Listen(ctx, "tcp", address)
	if err != nil {
		return nil, fmt.Errorf("listening on %s: %w", address, err)
	}
	connections := a.Connections
	if connections <= 0 {
		connections = 512
	}
	l := &Listener{Listener: socket, access: a, room: make(chan struct{}, connections), over: make(chan struct{})}
	if at, ok := socket.Addr().(*net.TCPAddr); (!ok || !at.IP.IsLoopback()) && a.Token == "" && len(a.Allowed) == 0 {
		_ = socket.Close()
		return nil, fmt.Errorf("listening on %s: other machines can reach it; set a token or the networks that may send, or listen on 127.0.0.1", address)
	}
	return l, nil
}

// Listener is the port of an adapter.
type Listener struct {
	net.Listener
	access *Access
	room   chan struct{}
	over   chan struct{}
	once   sync.Once
	// Refused counts the connections from networks that may not send.
	Refused atomic.Uint64
}

// Accept waits for a connection of somebody who may send.
func (l *Listener) Accept() (net.Conn, error) {
	select {
	case l.room <- struct{}{}:
	case <-l.over:
		return nil, net.ErrClosed
	}
	for {
		conn, err := l.Listener.Accept()
		if err != nil {
			<-l.room
			return nil, err
		}
		if l.admits(conn.RemoteAddr()) {
			return &counted{Conn: conn, room: l.room}, nil
		}
		l.Refused.Add(1)
		_ = conn.Close()
	}
}

// Close closes the port.
func (l *Listener) Close() error {
	l.once.Do(func() { close(l.over) })
	return l.Listener.Close()
}

func (l *Listener) admits(peer net.Addr) bool {
	if len(l.access.Allowed) == 0 {
		return true
	}
	tcp, ok := peer.(*net.TCPAddr)
	if !ok {
		return false
	}
	address := tcp.AddrPort().Addr().Unmap().WithZone("")
	for _, network := range l.access.Allowed {
		if network.Contains(address) {
			return true
		}
	}
	return false
}

// counted gives its place back when it is closed.
type counted struct {
	net.Conn
	room chan struct{}
	once sync.Once
}

// Close closes the connection.
func (c *counted) Close() error {
	defer c.once.Do(func() { <-c.room })
	return c.Conn.Close()
}
