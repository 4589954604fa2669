package manifest

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"farrier.dev/farrier/internal/traffic"
)

// address is a URL without query, fragment and user.
type address struct {
	scheme, host string
	port         int // 0 when none is written
	path         string
}

var hostname = regexp.MustCompile(`^[A-Za-z0-9_]([A-Za-z0-9_.-]{0,251}[A-Za-z0-9_])?$`)

// parseAddress reads scheme://host:port/path. Its errors never repeat the
// address, which may hold a password.
func parseAddress(text string, schemes ...string) (address, error) {
	var a address
	scheme, rest, found := strings.Cut(text, "://")
	if !found || !slices.Contains(schemes, scheme) {
		return a, fmt.Errorf("must begin with %s://", strings.Join(schemes, ":// or "))
	}
	a.scheme = scheme
	if strings.ContainsAny(rest, "?#") {
		return a, errors.New("must have no query and no fragment; end it with the path")
	}
	authority, path := rest, ""
	if i := strings.IndexByte(rest, '/'); i >= 0 {
		authority, path = rest[:i], rest[i:]
	}
	if strings.Contains(authority, "@") {
		return a, errors.New("must hold no user and password; a policy adds credentials")
	}
	if err := a.authority(authority); err != nil {
		return a, err
	}
	if path == "" {
		return a, nil
	}
	normal, err := traffic.NormalisePath(path)
	if err != nil {
		return a, fmt.Errorf("its path: %w", err)
	}
	a.path = normal
	return a, nil
}

func (a *address) authority(text string) error {
	host, port := text, ""
	if strings.HasPrefix(text, "[") {
		end := strings.IndexByte(text, ']')
		if end < 0 {
			return errors.New("the bracket of the IPv6 address is not closed")
		}
		ip, err := netip.ParseAddr(text[1:end])
		if err != nil || !ip.Is6() || ip.Zone() != "" {
			return errors.New("between brackets must stand an IPv6 address")
		}
		a.host = ip.String()
		if rest := text[end+1:]; rest != "" {
			if rest[0] != ':' {
				return errors.New("behind the bracket must stand :port")
			}
			port = rest[1:]
			if port == "" {
				return errors.New("the port is missing behind the colon")
			}
		}
		return a.setPort(port)
	}
	if i := strings.LastIndexByte(text, ':'); i >= 0 {
		host, port = text[:i], text[i+1:]
		if port == "" {
			return errors.New("the port is missing behind the colon")
		}
	}
	switch {
	case host == "":
		return errors.New("the host is missing")
	case strings.Contains(host, ":"):
		return errors.New("an IPv6 address must stand in brackets, as http://[::1]:8081")
	case !hostname.MatchString(host) || strings.Contains(host, ".."):
		return errors.New("the host is neither a name nor an IP address")
	case strings.Trim(host, "0123456789.") == "":
		if _, err := netip.ParseAddr(host); err != nil {
			return errors.New("the host is not an IPv4 address")
		}
	}
	a.host = host
	return a.setPort(port)
}

func (a *address) setPort(text string) error {
	if text == "" {
		return nil
	}
	port, err := strconv.Atoi(text)
	if err != nil || port < 1 || port > 65535 || strings.Trim(text, "0123456789") != "" {
		return errors.New("the port must be a number from 1 to 65535")
	}
	a.port = port
	return nil
}

// listener is host:port.
func (a address) listener() string { return net.JoinHostPort(a.host, strconv.Itoa(a.port)) }

// String is the address with its port.
func (a address) String() string { return a.scheme + "://" + a.listener() + a.path }

// parseListen reads the address of an API instance. Its path is the base path:
// "" for the root, and without a slash at the end.
func parseListen(text string) (address, error) {
	a, err := parseAddress(text, "http", "https")
	if err != nil {
		return a, err
	}
	if a.port == 0 {
		return a, errors.New("the port is missing, as in http://0.0.0.0:8081/base")
	}
	a.path = strings.TrimSuffix(a.path, "/")
	return a, nil
}

// parseUpstream reads the address of a service.
func parseUpstream(text string) (address, error) {
	a, err := parseAddress(text, "http", "https", "h2")
	if err != nil {
		return a, err
	}
	if a.port == 0 {
		switch a.scheme {
		case "http":
			a.port = 80
		case "https":
			a.port = 443
		default:
			return a, errors.New("the port is missing, as in h2://orders:8080")
		}
	}
	return a, nil
}

// parseDestination reads a destinationPath, which may be empty.
func parseDestination(text string) (string, error) {
	if text == "" {
		return "", nil
	}
	if text[0] != '/' {
		return "", errors.New("must begin with a slash, or be empty")
	}
	if strings.ContainsAny(text, "?#") {
		return "", errors.New("must have no query and no fragment")
	}
	normal, err := traffic.NormalisePath(text)
	if err != nil {
		return "", fmt.Errorf("not a path: %w", err)
	}
	return normal, nil
}
