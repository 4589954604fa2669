package adapter

import (
	"errors"
	"net/netip"
	"strings"

	"farrier.dev/farrier/internal/discovery"
	"farrier.dev/farrier/internal/traffic"
)

// Why a request gives no observation.
var (
	// ErrMethod reports a method that is none.
	ErrMethod = errors.New("the method is none")
	// ErrTarget reports a target that is no path and no address of HTTP.
	ErrTarget = errors.New("the target is no path and no http or https address")
	// ErrHost reports a host that is no name and no address.
	ErrHost = errors.New("the host is no name")
)

// The longest that are taken, in bytes.
const (
	maxMethod = 32
	maxTarget = 16 << 10
	maxHost   = 255
)

// Address completes an observation whose Method, Scheme and Host are as a sender
// wrote them, and which asks for target: a path with its query, or a whole
// address, whose scheme and host then count. Afterwards they have the form that
// discovery promises. The errors are those of this package and traffic.ErrPath.
func Address(o *discovery.Observation, target string) error {
	if o.Method == "" || len(o.Method) > maxMethod || strings.Trim(o.Method, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz-_") != "" {
		return ErrMethod
	}
	o.Method = strings.ToUpper(o.Method)
	if target == "" || len(target) > maxTarget {
		return ErrTarget
	}
	if target[0] != '/' {
		scheme, rest, found := strings.Cut(target, "://")
		switch scheme = strings.ToLower(scheme); {
		case !found:
			return ErrTarget
		case scheme == "ws":
			scheme = "http"
		case scheme == "wss":
			scheme = "https"
		}
		o.Scheme = scheme
		end := strings.IndexAny(rest, "/?#")
		if end < 0 {
			end = len(rest)
		}
		o.Host, target = rest[strings.LastIndexByte(rest[:end], '@')+1:end], rest[end:]
		if target == "" || target[0] != '/' {
			target = "/" + target
		}
	}
	if o.Scheme = strings.ToLower(o.Scheme); o.Scheme != "" && o.Scheme != "http" && o.Scheme != "https" {
		return ErrTarget
	}
	target, _, _ = strings.Cut(target, "#")
	path, query, _ := strings.Cut(target, "?")
	path, err := traffic.NormalisePath(path)
	if err != nil {
		return err
	}
	o.Path, o.Query = path, query
	o.Host, err = host(o.Host, o.Scheme)
	return err
}

// host is an authority in lower case, without a default port and a dot at its end.
func host(name, scheme string) (string, error) {
	name = strings.ToLower(name)
	if len(name) > maxHost || strings.Trim(name, "abcdefghijklmnopqrstuvwxyz0123456789.-_:[]") != "" {
		return "", ErrHost
	}
	switch scheme {
	case "http", "":
		name = strings.TrimSuffix(name, ":80")
	case "https":
		name = strings.TrimSuffix(name, ":443")
	}
	return strings.TrimSuffix(name, "."), nil
}

// Client is the address of a client as a proxy writes it, with or without a port;
// the zero value when it is none.
func Client(text string) netip.Addr {
	text = strings.TrimSpace(text)
	if both, err := netip.ParseAddrPort(text); err == nil {
		return both.Addr().Unmap()
	}
	address, err := netip.ParseAddr(strings.Trim(text, "[]"))
	if err != nil {
		return netip.Addr{}
	}
	return address.Unmap().WithZone("")
}
