package router

import (
	"crypto/tls"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"strings"
	"sync"
	"syscall"
	"time"

	"farrier.dev/farrier/internal/policy"
	"farrier.dev/farrier/internal/policy/tlsoutbound"
	"farrier.dev/farrier/internal/revision"
)

// Upstream is a service, its connections and its outbound chain.
type Upstream struct {
	// Name is namespace/name; Scheme is http or https; Host is what requests
	// name as their authority; Path is the service's own path without a slash
	// at its end; URI is scheme and host as records show them.
	Name, Scheme, Host, Path, URI string
	Chain                         *policy.Chain

	pooled *pooled
}

// Transport makes the calls to the service. wait bounds the time until the head
// of the response; 0 stands for what the gateway is configured for.
func (u *Upstream) Transport(wait time.Duration) http.RoundTripper { return u.pooled.within(wait) }

// pooled is the connections of a service; they live on while address, TLS
// settings and timeouts stay the same.
type pooled struct {
	transport *http.Transport
	// patient are those that wait for another time than transport, by that time.
	mu      sync.Mutex
	patient map[time.Duration]*http.Transport
}

func (p *pooled) within(wait time.Duration) http.RoundTripper {
	if wait == 0 || wait == p.transport.ResponseHeaderTimeout {
		return p.transport
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	other := p.patient[wait]
	if other == nil {
		other = p.transport.Clone()
		other.ResponseHeaderTimeout = wait
		if p.patient == nil {
			p.patient = map[time.Duration]*http.Transport{}
		}
		p.patient[wait] = other
	}
	return other
}

func (p *pooled) closeIdle() {
	p.transport.CloseIdleConnections()
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, other := range p.patient {
		other.CloseIdleConnections()
	}
}

// The connection limits of one service.
const (
	idlePerService     = 512
	connectTimeout     = 10 * time.Second
	keepAlive          = 30 * time.Second
	maxResponseHeaders = 64 << 10
)

// ErrForbiddenAddress says that a name resolved to an address to which the
// gateway makes no connection unless it was declared as such.
var ErrForbiddenAddress = errors.New("the name resolves to a link-local, metadata, multicast or unspecified address; declare the address itself to allow it")

func newUpstream(s *revision.Service, timeouts revision.Timeouts, tlsSettings json.RawMessage) (*Upstream, error) {
	address, err := url.Parse(s.Address)
	if err != nil {
		return nil, fmt.Errorf("address: %w", err)
	}
	u := &Upstream{Name: s.Name.String(), Scheme: address.Scheme, Host: address.Host, Path: strings.TrimSuffix(address.Path, "/")}
	transport := &http.Transport{
		DialContext: (&net.Dialer{
			Timeout: connectTimeout, KeepAlive: keepAlive,
			Control: guard(address.Hostname()),
		}).DialContext,
		DisableCompression:     true,
		MaxIdleConns:           0,
		MaxIdleConnsPerHost:    idlePerService,
		IdleConnTimeout:        seconds(timeouts.UpstreamConnectionIdleSeconds, 60),
		ResponseHeaderTimeout:  seconds(timeouts.UpstreamResponseSeconds, 15),
		TLSHandshakeTimeout:    connectTimeout,
		ExpectContinueTimeout:  time.Second,
		MaxResponseHeaderBytes: maxResponseHeaders,
		ReadBufferSize:         4 << 10,
		WriteBufferSize:        4 << 10,
		Protocols:              new(http.Protocols),
	}
	transport.Protocols.SetHTTP1(true)
	switch address.Scheme {
	case "http":
		if s.TLS != nil {
			return nil, errors.New("a tls-outbound policy on a service with an http address")
		}
	case "https":
		config, err := clientTLS(tlsSettings)
		if err != nil {
			return nil, err
		}
		transport.TLSClientConfig = config
		for _, p := range config.NextProtos {
			if p == "h2" {
				transport.Protocols.SetHTTP2(true)
			}
		}
	case "h2":
		u.Scheme = "http"
		transport.Protocols.SetHTTP1(false)
		transport.Protocols.SetUnencryptedHTTP2(true)
	default:
		return nil, fmt.Errorf("address %q: the scheme must be http, https or h2", s.Address)
	}
	u.pooled, u.URI = &pooled{transport: transport}, u.Scheme+"://"+u.Host
	return u, nil
}

func clientTLS(settings json.RawMessage) (*tls.Config, error) {
	if settings == nil {
		return &tls.Config{MinVersion: tls.VersionTLS12}, nil
	}
	config, err := tlsoutbound.Config(settings)
	if err != nil {
		return nil, fmt.Errorf("tls-outbound: %w", err)
	}
	return config, nil
}

func seconds(set, standard int) time.Duration {
	if set == 0 {
		set = standard
	}
	return time.Duration(set) * time.Second
}

// guard refuses connections to addresses that a name should never lead to, as
// the metadata services of clouds, unless the manifest declares the address.
func guard(declared string) func(network, address string, c syscall.RawConn) error {
	literal, err := netip.ParseAddr(declared)
	isLiteral := err == nil
	return func(_, address string, _ syscall.RawConn) error {
		target, err := netip.ParseAddrPort(address)
		if err != nil {
			return fmt.Errorf("reading the resolved address: %w", err)
		}
		ip := target.Addr().Unmap().WithZone("")
		if isLiteral && ip == literal.Unmap().WithZone("") {
			return nil
		}
		if forbidden(ip) {
			return ErrForbiddenAddress
		}
		return nil
	}
}

// metadata are the addresses at which clouds hand out credentials and that are
// not link-local.
var metadata = [...]netip.Addr{
	netip.MustParseAddr("100.100.100.200"), // Alibaba Cloud
	netip.MustParseAddr("192.0.0.192"),     // Oracle Cloud
	netip.MustParseAddr("fd00:ec2::254"),   // Amazon, IPv6
	netip.MustParseAddr("168.63.129.16"),   // Azure
}

func forbidden(ip netip.Addr) bool {
	if ip.IsLinkLocalUnicast() || ip.IsMulticast() || ip.IsUnspecified() {
		return true
	}
	for _, m := range metadata {
		if ip == m {
			return true
		}
	}
	return false
}

// PolicyClient makes the calls of policies themselves, as for key sets, under
// the same guard; it follows no redirects. config is nil for the standard
// settings of TLS.
func PolicyClient(config *tls.Config) *http.Client {
	if config == nil {
		config = &tls.Config{MinVersion: tls.VersionTLS12}
	}
	return &http.Client{
		Timeout: connectTimeout,
		Transport: &http.Transport{
			DialContext:            (&net.Dialer{Timeout: connectTimeout, Control: guard("")}).DialContext,
			TLSClientConfig:        config,
			ForceAttemptHTTP2:      true,
			MaxResponseHeaderBytes: maxResponseHeaders,
			IdleConnTimeout:        time.Minute,
			ResponseHeaderTimeout:  connectTimeout,
		},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
}
