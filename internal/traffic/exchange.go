// Package traffic is one HTTP exchange, live while it passes the gateway and
// then sealed and redacted, and the feed that carries sealed records to those
// who learn from them. It holds no net/http type and does no I/O of its own, so
// that the same chain of policies serves the gateway, Envoy and the Mule
// connector.
package traffic

import (
	"crypto/x509"
	"maps"
	"net/netip"
	"time"

	"farrier.dev/farrier/internal/finding"
)

// Exchange is one live request and its response. One goroutine at a time works
// on it. It is data: the engine owns flushing, deadlines, upgrades and trailers.
type Exchange struct {
	// ID is our own correlation id, a ULID; the client reads it in every answer
	// and an operator finds the record by it. It is never the client's own.
	ID       string
	Received time.Time

	// Revision is the number of the revision that serves the exchange.
	Revision uint64
	// API is namespace/name of the API instance, empty when none matched.
	API string
	// APILabels are the labels of the API instance; they must not be changed.
	APILabels map[string]string
	// BasePath is the part of the path that named the API, without a slash at
	// its end; SubPath is the rest, which rules match, beginning with a slash.
	BasePath, SubPath string

	Request  Request
	Response Response
	// Auth is what identifying steps established of the caller.
	Auth Authentication

	// Decisions is the trail: what each step said, in the order of running.
	Decisions []Decision
	Findings  []finding.Finding
	// NotInspected names what a step was to inspect and did not, and why.
	NotInspected []string
	// Upstream is what is known of the call to the service.
	Upstream Upstream
	// Timeouts are those that steps set for this exchange.
	Timeouts Timeouts

	carried   carriage
	operation string
}

// Operation is the operation under which the exchange counts, as the function
// of that name makes it of method and path. It is made once, so it is to be
// asked for only when both are final.
func (x *Exchange) Operation() string {
	if x.operation == "" {
		x.operation = Operation(x.Request.Method, x.Request.Path)
	}
	return x.operation
}

// Request is the request as the policies see and change it.
type Request struct {
	Method string
	// Scheme is http or https, as the client spoke to the gateway.
	Scheme string
	// Host is the authority that the client named, lower case, without a default port.
	Host string
	// Proto is HTTP/1.0, HTTP/1.1 or HTTP/2.0.
	Proto string
	// RawTarget is the request target as received; Path is its normalised path,
	// which is matched and forwarded; RawQuery is what follows the first '?'.
	RawTarget, Path, RawQuery string

	Header Header
	Body   Body

	// Remote is the peer of the connection; Local is our end of it.
	Remote, Local netip.AddrPort
	// Client is the verified address of the client: Remote, or what a trusted
	// proxy said of it.
	Client netip.Addr
	// TLS is what is known of the connection when Scheme is https, else nil. It
	// must not be changed.
	TLS *TLS
	// Streaming says that the request opens a WebSocket or is a gRPC stream, so
	// that its content is never buffered.
	Streaming bool
}

// TLS is what the handshake with the client established.
type TLS struct {
	// Version is as of crypto/tls; ServerName is what the client asked for by SNI.
	Version    uint16
	ServerName string
	// Peer is the chain of certificates that the client showed, its own first;
	// Verified says that it leads to a trusted root.
	Peer     []*x509.Certificate
	Verified bool
}

// Timeouts bound the waiting for the service; 0 means what the gateway is
// configured for.
type Timeouts struct {
	// Response is the time until the head of the response.
	Response time.Duration
	// StreamIdle is how long a stream or a body may rest.
	StreamIdle time.Duration
	// UpstreamIdle is how long the connection to the service may be without a byte.
	UpstreamIdle time.Duration
}

// Response is the answer on its way to the client.
type Response struct {
	// Status is 0 until there is an answer.
	Status int
	Header Header
	Body   Body
	// Streaming says that the response is an event stream, WebSocket or gRPC.
	Streaming bool
	// Local says that the gateway itself answers, not the service.
	Local bool
	// Drop says that the connection ends without an answer.
	Drop bool
}

// Authentication is what is known of the caller, under the names that
// DataWeave expressions use.
type Authentication struct {
	ClientID, ClientName, Principal string
	// Properties holds claims, slaId and the like; nil until a step sets one. Only
	// the methods may change it.
	Properties map[string]any

	// lent says that Properties belongs to somebody else.
	lent bool
}

// SetProperty adds one property.
func (a *Authentication) SetProperty(name string, value any) {
	if a.Properties == nil || a.lent {
		own := make(map[string]any, len(a.Properties)+4)
		maps.Copy(own, a.Properties)
		a.Properties, a.lent = own, false
	}
	a.Properties[name] = value
}

// SetProperties adds properties from a map that is only lent: it must not be
// changed by anybody any more.
func (a *Authentication) SetProperties(properties map[string]any) {
	if len(a.Properties) == 0 {
		a.Properties, a.lent = properties, true
		return
	}
	for name, value := range properties {
		a.SetProperty(name, value)
	}
}

// Upstream is the call to the service behind an API.
type Upstream struct {
	// Service is namespace/name of the service, empty when none was called.
	Service string
	// URI is the address called, without query.
	URI string
	// Path is the path that the service sees; the engine sets it when routing.
	Path string
	// Took is the time from sending the request to the response's headers.
	Took time.Duration
	// Failed says that the service was called and did not answer: it could not be
	// reached, broke off or took too long.
	Failed bool
}

// Action is what a step did with an exchange.
type Action uint8

// The actions of a step.
const (
	// Continued let the exchange go on.
	Continued Action = iota + 1
	// Answered gave the answer itself without objecting, as CORS does to a preflight.
	Answered
	// Refused objected: the policy was violated.
	Refused
	// Failed could not decide, and the exchange was refused for safety.
	Failed
	// Watched would have refused in blocking mode.
	Watched
	// Skipped did not look at the exchange, as its rules or stream setting say.
	Skipped
)

var actionNames = [...]string{"", "continued", "answered", "refused", "failed", "watched", "skipped"}

// String is the action as it stands in records and pages.
func (a Action) String() string {
	if int(a) >= len(actionNames) {
		return "invalid"
	}
	return actionNames[int(a)]
}

// MarshalText writes the action's name.
func (a Action) MarshalText() ([]byte, error) { return []byte(a.String()), nil }

// UnmarshalText reads an action's name; an unknown one becomes invalid.
func (a *Action) UnmarshalText(text []byte) error {
	*a = 0
	for i, name := range actionNames {
		if name == string(text) {
			*a = Action(i) //nolint:gosec // there are seven
		}
	}
	return nil
}

// Decision is what one step said of one exchange, and why.
type Decision struct {
	// Binding is the name of the binding, Policy the type of step.
	Binding string `json:"binding"`
	Policy  string `json:"policy"`
	// Side is "request" or "response".
	Side   string `json:"side"`
	Action Action `json:"action"`
	Status int    `json:"status,omitempty"`
	// Reason is for operators: one sentence without secrets; clients never read it.
	Reason string        `json:"reason,omitempty"`
	Took   time.Duration `json:"took"`
}
