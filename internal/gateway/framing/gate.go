package framing

import (
	"net"
	"net/netip"
	"sync"
	"sync/atomic"
)

// counts are the counters behind [Stats].
type counts struct {
	accepted, overall, perAddr, handshake, proxy, slowHeads, refused atomic.Int64
}

// Stats are counters since the server was made, and the connections open now.
type Stats struct {
	// Open is the number of connections open now.
	Open int
	// Accepted counts connections accepted, those closed at once included.
	Accepted int64
	// OverLimit and OverAddrLimit count connections closed at once because of
	// MaxConns and MaxConnsPerAddr.
	OverLimit, OverAddrLimit int64
	// HandshakesFailed counts connections closed for want of a TLS handshake.
	HandshakesFailed int64
	// ProxyRefused counts connections closed because the peer is not trusted
	// or sent no valid PROXY header.
	ProxyRefused int64
	// SlowHeads counts connections closed because a request head took longer
	// than HeaderTimeout to arrive.
	SlowHeads int64
	// Refused counts refused requests and bodies.
	Refused int64
}

// gate counts open connections, in all and per address.
type gate struct {
	most, perAddr int

	mu    sync.Mutex
	open  int
	addrs map[netip.Addr]int
}

// enter takes a place in all; it reports whether there was one.
func (g *gate) enter() bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.open >= g.most {
		return false
	}
	g.open++
	return true
}

// enterAddr takes a place of an address; it reports whether there was one.
func (g *gate) enterAddr(a netip.Addr) bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.addrs[a] >= g.perAddr {
		return false
	}
	g.addrs[a]++
	return true
}

// leave gives back a place in all, and that of the address if it is valid.
func (g *gate) leave(a netip.Addr) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.open--
	if !a.IsValid() {
		return
	}
	if g.addrs[a]--; g.addrs[a] <= 0 {
		delete(g.addrs, a)
	}
}

func (g *gate) count() int {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.open
}

// clientKey is what MaxConnsPerAddr counts by: an IPv4 address, or the /64
// network of an IPv6 address, since one client owns all of that. Addresses that
// are no IP share one key.
func clientKey(a net.Addr) netip.Addr {
	ip, ok := ipOf(a)
	if !ok {
		return netip.IPv6Unspecified()
	}
	if ip.Is4() {
		return ip
	}
	p, err := ip.WithZone("").Prefix(64)
	if err != nil {
		return netip.IPv6Unspecified()
	}
	return p.Addr()
}

func ipOf(a net.Addr) (netip.Addr, bool) {
	t, ok := a.(*net.TCPAddr)
	if !ok {
		return netip.Addr{}, false
	}
	ip, ok := netip.AddrFromSlice(t.IP)
	return ip.Unmap(), ok
}

// gated is a connection that gives its place back when it is closed.
type gated struct {
	net.Conn
	gate *gate
	key  netip.Addr // set before the connection is shared
	once sync.Once
	info *Info
}

// Close implements [net.Conn].
func (c *gated) Close() error {
	err := c.Conn.Close()
	c.once.Do(func() { c.gate.leave(c.key) })
	return err
}

// CloseWrite closes the sending half where the connection has halves.
func (c *gated) CloseWrite() error {
	if cw, ok := c.Conn.(interface{ CloseWrite() error }); ok {
		return cw.CloseWrite()
	}
	return net.ErrClosed
}

// RemoteAddr implements [net.Conn]; it is the client as the PROXY header named it.
func (c *gated) RemoteAddr() net.Addr {
	if c.info != nil {
		return c.info.Remote
	}
	return c.Conn.RemoteAddr()
}

// LocalAddr implements [net.Conn].
func (c *gated) LocalAddr() net.Addr {
	if c.info != nil {
		return c.info.Local
	}
	return c.Conn.LocalAddr()
}
