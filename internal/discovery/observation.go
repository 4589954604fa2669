// Package discovery learns which APIs, operations, data and callers really exist,
// from what passed a gateway and from what others wrote down. It keeps types,
// counts and shapes; values are looked at and forgotten. What it learns is
// bounded, however many paths, names or hosts an attacker invents.
package discovery

import (
	"net/netip"
	"time"

	"farrier.dev/farrier/internal/traffic"
)

// Source is where an observation comes from.
type Source string

// The sources.
const (
	FromGateway   Source = "gateway"
	FromHAR       Source = "har"
	FromLog       Source = "log"
	FromCapture   Source = "capture"
	FromAnalytics Source = "analytics"
	FromMirror    Source = "mirror"
	FromTrace     Source = "trace"
)

// Observation is one request and its answer as a source saw it. What the source
// did not see is the zero value. It holds values; it is looked at once and then
// dropped, and nothing that learns from it keeps any part of its memory.
type Observation struct {
	Source Source
	// Time is when the request came.
	Time time.Time

	// Scheme is http or https. Host is the authority that the client named, in lower
	// case and without a default port.
	Scheme, Host string
	// Method is in upper case. Path is the normalised path, as traffic.NormalisePath
	// makes it; Query is what followed the first '?', as it was sent.
	Method, Path, Query string
	// Template is the path template that the service itself named, as the route of a
	// trace does, in braces and with its base path; empty where none is known. It counts
	// like that of a description.
	Template string
	// Proto is HTTP/1.1, HTTP/2.0 or the like.
	Proto string

	// API is namespace/name of the API instance, BasePath the part of Path that named
	// it, without a slash at its end; empty where no gateway of ours served it.
	API, BasePath string
	// Labels are those of the API instance; they must not be changed.
	Labels map[string]string
	// Service is the upstream that was called: namespace/name, or host and port.
	Service string

	Request, Response Message
	// Status is 0 where it is not known. Assumed says that such a request is to count as
	// answered well, unless its source sprays.
	Status  int
	Assumed bool

	Caller Caller
	// Attack says that the request held an attack or came from somebody who sprays;
	// it teaches nothing. Refused says that a policy or the gateway answered no.
	Attack, Refused bool
	// Local says that the gateway answered by itself.
	Local bool
	// Sampled says that headers, query and bodies are those of a sample: the observation
	// counts always, and teaches parameters and bodies only when it is true. A request
	// body without it is there to tell which operation was called, where the content
	// alone names it (GraphQL, SOAP, MCP).
	Sampled bool
}

// Message is the header and content of a request or an answer.
type Message struct {
	// Header is nil where the source saw none.
	Header *traffic.Header
	// Body is the content with its content coding opened, at most the first MaxBody
	// bytes; Partial says that there was more. Unseen says that there was content
	// that the source did not see.
	Body            []byte
	Partial, Unseen bool
}

// Caller is what is known of who called.
type Caller struct {
	// Address is the verified address of the client.
	Address netip.Addr
	// ClientID is the verified client application, Subject the subject of its token,
	// Certificate the subject of its certificate. Service is the name of a service
	// that called another (a trace).
	ClientID, Subject, Certificate, Service string
}
