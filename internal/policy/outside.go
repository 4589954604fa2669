package policy

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"slices"
	"strings"

	"golang.org/x/net/http/httpguts"

	"farrier.dev/farrier/internal/traffic"
)

// Outside is the address of a service that a policy asks on its own account.
type Outside struct {
	// Address is host:port; Host is the name that a certificate must have;
	// Authority is both as they were written.
	Address, Host, Authority string
	// Secure says that the connection is encrypted.
	Secure bool
	// Path is what follows, without a slash at its end.
	Path string
}

// ParseOutside reads http://, https:// and h2:// (HTTP/2 in clear) addresses,
// the port being 80 or 443 where none is given.
func ParseOutside(uri string) (Outside, error) {
	u, err := url.Parse(uri)
	if err != nil {
		return Outside{}, errors.New("it is not a URL")
	}
	ports := map[string]string{"http": "80", "h2": "80", "https": "443"}
	port, known := ports[u.Scheme]
	switch {
	case !known:
		return Outside{}, fmt.Errorf("the scheme is %q; write http://, https:// or h2://", u.Scheme)
	case u.Hostname() == "":
		return Outside{}, errors.New("it names no host")
	case u.User != nil:
		return Outside{}, errors.New("it holds a user; credentials have no place in an address")
	case u.RawQuery != "" || u.Fragment != "" || u.ForceQuery:
		return Outside{}, errors.New("it has a query or fragment, which has no meaning here")
	}
	if u.Port() != "" {
		port = u.Port()
	}
	return Outside{
		Address: net.JoinHostPort(u.Hostname(), port), Host: u.Hostname(), Authority: u.Host,
		Secure: u.Scheme == "https", Path: strings.TrimSuffix(u.EscapedPath(), "/"),
	}, nil
}

// Exposed says that what is sent there could be read on its way: the connection
// is not encrypted and leaves this machine.
func (o Outside) Exposed() bool {
	address, err := netip.ParseAddr(o.Host)
	local := err == nil && address.IsLoopback() || o.Host == "localhost"
	return !o.Secure && !local
}

// Dialer opens connections as the client does, under the same guard against
// forbidden addresses; it is for protocols that net/http does not speak.
func Dialer(client *http.Client) func(ctx context.Context, network, address string) (net.Conn, error) {
	if t, ok := transportOf(client); ok && t.DialContext != nil {
		return t.DialContext
	}
	return (&net.Dialer{}).DialContext
}

// DialTLS are the settings with which the client speaks TLS.
func DialTLS(client *http.Client) *tls.Config {
	if t, ok := transportOf(client); ok && t.TLSClientConfig != nil {
		return t.TLSClientConfig.Clone()
	}
	return &tls.Config{MinVersion: tls.VersionTLS12}
}

func transportOf(client *http.Client) (*http.Transport, bool) {
	if client == nil {
		return nil, false
	}
	t, ok := client.Transport.(*http.Transport)
	return t, ok
}

// FieldAction says what a change does with the values that a field has.
type FieldAction uint8

// The actions on a field.
const (
	// OverwriteField replaces them, or adds the field.
	OverwriteField FieldAction = iota
	// AppendField adds a value behind them.
	AppendField
	// AddFieldIfAbsent does nothing when there are any.
	AddFieldIfAbsent
	// OverwriteFieldIfPresent does nothing when there are none.
	OverwriteFieldIfPresent
	// RemoveField removes them.
	RemoveField
)

// FieldEdit is a change of one header field that a service outside asks for.
type FieldEdit struct {
	// Name may be in any case.
	Name, Value string
	Action      FieldAction
}

// EditFields makes the changes in order. What frames messages or belongs to one
// connection stays untouched, whoever asks: such names are returned. A name or
// value that makes no field (RFC 9110 §5) is an error, and nothing is changed.
func EditFields(h *traffic.Header, edits []FieldEdit) (ignored []string, err error) {
	for _, e := range edits {
		if Untouchable(traffic.LowerName(e.Name)) {
			continue
		}
		if !httpguts.ValidHeaderFieldName(e.Name) {
			return nil, errors.New("a name makes no header field")
		}
		if e.Action != RemoveField && !httpguts.ValidHeaderFieldValue(e.Value) {
			return nil, fmt.Errorf("the value for %s makes no header field", traffic.LowerName(e.Name))
		}
	}
	for _, e := range edits {
		name := traffic.LowerName(e.Name)
		switch {
		case Untouchable(name):
			ignored = append(ignored, name)
		case e.Action == RemoveField:
			h.Del(name)
		case e.Action == AppendField, e.Action == AddFieldIfAbsent && !h.Has(name):
			h.Add(name, e.Value)
		case e.Action == OverwriteField, e.Action == OverwriteFieldIfPresent && h.Has(name):
			h.Set(name, e.Value)
		}
	}
	return ignored, nil
}

// untouchable are the names that frame a message, route it or belong to one
// connection (RFC 9110 §7.6.1).
var untouchable = [...]string{
	"connection", "content-length", "expect", "host", "http2-settings", "keep-alive", "proxy-authenticate",
	"proxy-authorization", "proxy-connection", "te", "trailer", "transfer-encoding", "upgrade",
}

// Untouchable says whether nobody outside may set or remove the field of this
// lower-case name: pseudo fields, framing, what belongs to one connection, and
// the fields by which gateways speak in their own name.
func Untouchable(name string) bool {
	return strings.HasPrefix(name, ":") ||
		strings.HasPrefix(strings.ReplaceAll(name, "_", "-"), "x-farrier-") || slices.Contains(untouchable[:], name)
}
