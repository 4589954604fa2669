package notify

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"slices"
	"strings"
	"syscall"
	"time"
)

// Patience is how long one delivery may take.
const Patience = 20 * time.Second

// Env is how channels reach other machines, and the clock they go by.
type Env struct {
	HTTP *http.Client
	// Dial opens a connection to "host:port" under the guard.
	Dial func(ctx context.Context, network, address string) (net.Conn, error)
	Now  func() time.Time
	// TLS are the settings with which peers are verified.
	TLS *tls.Config
}

// Guard says which machines channels may reach, so that nobody who may set up a
// channel can use it to look at the inside of a network. Public addresses are always
// allowed; link-local addresses and the metadata services of clouds never.
type Guard struct {
	// Networks are the private networks, this machine among them, that are allowed.
	Networks []netip.Prefix
	// Roots verify peers; nil means those of the system.
	Roots *x509.CertPool
}

// ErrGuarded says that an address may not be reached.
var ErrGuarded = errors.New("the address is private or reserved; an administrator must allow its network (alertNetworks) first")

// metadata are addresses at which clouds hand out credentials.
var metadata = [...]netip.Prefix{
	netip.MustParsePrefix("100.100.100.200/32"),
	netip.MustParsePrefix("192.0.0.192/32"),
	netip.MustParsePrefix("fd00:ec2::254/128"),
	netip.MustParsePrefix("168.63.129.16/32"),
}

// reserved are networks that are private beside those that netip knows.
var reserved = [...]netip.Prefix{
	netip.MustParsePrefix("0.0.0.0/8"),
	netip.MustParsePrefix("100.64.0.0/10"),
	netip.MustParsePrefix("192.0.0.0/24"),
	netip.MustParsePrefix("198.18.0.0/15"),
	netip.MustParsePrefix("240.0.0.0/4"),
	netip.MustParsePrefix("64:ff9b:1::/48"),
}

// nat64 is where IPv4 addresses are mapped into IPv6 by translators.
var nat64 = netip.MustParsePrefix("64:ff9b::/96")

// Allows reports whether an address may be reached.
func (g Guard) Allows(ip netip.Addr) bool {
	ip = ip.Unmap().WithZone("")
	if nat64.Contains(ip) {
		b := ip.As16()
		ip = netip.AddrFrom4([4]byte(b[12:]))
	}
	in := func(p netip.Prefix) bool { return p.Contains(ip) }
	switch {
	case !ip.IsValid() || ip.IsLinkLocalUnicast() || ip.IsMulticast() || ip.IsUnspecified() || slices.ContainsFunc(metadata[:], in):
		return false
	case ip.IsPrivate() || ip.IsLoopback() || slices.ContainsFunc(reserved[:], in):
		return slices.ContainsFunc(g.Networks, in)
	}
	return true
}

// NewEnv makes the guarded way out. Addresses are judged after names were resolved,
// just before the connection, so that a name can't change its mind in between.
func NewEnv(g Guard, now func() time.Time) Env {
	dialer := &net.Dialer{Timeout: 10 * time.Second, Control: func(_, address string, _ syscall.RawConn) error {
		target, err := netip.ParseAddrPort(address)
		if err != nil {
			return errors.New("the resolved address can't be read")
		}
		if !g.Allows(target.Addr()) {
			return ErrGuarded
		}
		return nil
	}}
	config := &tls.Config{MinVersion: tls.VersionTLS12, RootCAs: g.Roots}
	return Env{
		Dial: dialer.DialContext, Now: now, TLS: config,
		HTTP: &http.Client{
			Timeout: Patience,
			Transport: &http.Transport{
				DialContext: dialer.DialContext, TLSClientConfig: config.Clone(), ForceAttemptHTTP2: true,
				MaxResponseHeaderBytes: 64 << 10, IdleConnTimeout: time.Minute, ResponseHeaderTimeout: Patience, MaxIdleConnsPerHost: 2,
			},
			CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		},
	}
}

// DialTLS opens a TLS connection to "host:port" and verifies the peer.
func (e Env) DialTLS(ctx context.Context, address string) (net.Conn, error) {
	plain, err := e.Dial(ctx, "tcp", address)
	if err != nil {
		return nil, err
	}
	conn := tls.Client(plain, e.ServerName(address))
	if err := conn.HandshakeContext(ctx); err != nil {
		_ = plain.Close()
		return nil, fmt.Errorf("agreeing on encryption: %w", err)
	}
	return conn, nil
}

// ServerName is the settings of TLS for the peer at "host:port".
func (e Env) ServerName(address string) *tls.Config {
	config := e.TLS.Clone()
	config.ServerName, _, _ = net.SplitHostPort(address)
	return config
}

// Loopback reports whether "host:port" names this machine.
func Loopback(address string) bool {
	host, _, err := net.SplitHostPort(address)
	return err == nil && loopbackName(host)
}

func loopbackName(host string) bool {
	ip, err := netip.ParseAddr(host)
	return host == "localhost" || err == nil && ip.Unmap().IsLoopback()
}

// maxAnswer bounds how much of an answer is read.
const maxAnswer = 64 << 10

// Post sends a body and gives the answer, at most 64 KiB of it. An answer beyond 2xx
// is an error that holds the status alone: what a receiver says may hold what it was
// sent. Those that will not change are Permanent.
func (e Env) Post(ctx context.Context, url, contentType string, header map[string]string, body []byte) ([]byte, error) {
	ctx, cancel := context.WithTimeout(ctx, Patience)
	defer cancel()
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, url, bytes.NewReader(body))
	if err != nil {
		return nil, Permanent(errors.New("the address can't be used"))
	}
	r.Header.Set("Content-Type", contentType)
	r.Header.Set("User-Agent", "Farrier")
	for name, value := range header {
		r.Header.Set(name, value)
	}
	answer, err := e.HTTP.Do(r)
	if err != nil {
		return nil, Plain(err)
	}
	defer func() { _ = answer.Body.Close() }()
	text, err := io.ReadAll(io.LimitReader(answer.Body, maxAnswer))
	if err != nil {
		return nil, fmt.Errorf("reading the answer: %w", Plain(err))
	}
	if answer.StatusCode/100 == 2 {
		return text, nil
	}
	err = fmt.Errorf("the receiver answered %d %s", answer.StatusCode, http.StatusText(answer.StatusCode))
	switch answer.StatusCode {
	case http.StatusRequestTimeout, http.StatusTooManyRequests, http.StatusUnauthorized, http.StatusForbidden:
		return text, err // credentials may be mended while it is tried again
	}
	if answer.StatusCode < 500 {
		return text, Permanent(err)
	}
	return text, err
}

// PostJSON sends a value as JSON.
func (e Env) PostJSON(ctx context.Context, url string, header map[string]string, value any) ([]byte, error) {
	body, err := json.Marshal(value)
	if err != nil {
		return nil, Permanent(fmt.Errorf("writing JSON: %w", err))
	}
	return e.Post(ctx, url, "application/json", header, body)
}

// Plain is an error of a connection without the address, which may be a secret.
func Plain(err error) error {
	for {
		var wrapped interface{ Unwrap() error }
		switch {
		case errors.Is(err, ErrGuarded):
			return ErrGuarded
		case errors.Is(err, context.DeadlineExceeded):
			return errors.New("the receiver took too long")
		}
		inner, ok := err.(interface{ Unwrap() error })
		if !ok || inner.Unwrap() == nil {
			return err
		}
		wrapped = inner
		err = wrapped.Unwrap()
	}
}

// Clip cuts a text at limit bytes, at a rune.
func Clip(text string, limit int) string {
	if len(text) <= limit {
		return text
	}
	const more = "…"
	return strings.ToValidUTF8(text[:max(limit-len(more), 0)], "") + more
}
