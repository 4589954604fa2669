package app

import (
	"net"
	"net/netip"
)

// address is where gateways reach the control plane: HOST stands for a name that no
// setting tells. It is empty while nothing listens for them.
func (f Fleet) address() string {
	if f.Listen == "" {
		return ""
	}
	host, port, err := net.SplitHostPort(f.Listen)
	if err != nil {
		return ""
	}
	if at, err := netip.ParseAddr(host); host == "" || err == nil && at.IsUnspecified() {
		host = "HOST"
	}
	if len(f.Hosts) > 0 {
		host = f.Hosts[0]
	}
	return "https://" + net.JoinHostPort(host, port)
}
