package discovery

import (
	"time"

	"farrier.dev/farrier/internal/classify/sensitive"
	"farrier.dev/farrier/internal/discovery/shape"
)

// Key names one operation of the inventory.
type Key struct {
	// Host is the host that clients name, "*" where a source names none.
	Host string `json:"host"`
	// Method is in upper case; Path is the whole path with templates in braces, as
	// "/shop/v1/orders/{orderId}".
	Method string `json:"method"`
	Path   string `json:"path"`
	// Version tells operations of one path apart that a header or the Accept field
	// chooses, as "accept: application/vnd.shop.v2+json"; empty for most.
	Version string `json:"version,omitempty"`
	// Name tells operations of one path apart that the content names: a GraphQL field
	// ("query hero"), a SOAP operation, a tool of MCP ("tools/call weather").
	Name string `json:"name,omitempty"`
}

// String is the key as people read it: method, host and path, name and version.
func (k Key) String() string {
	s := k.Method + " " + k.Host + k.Path
	if k.Name != "" {
		s += " " + k.Name
	}
	if k.Version != "" {
		s += " [" + k.Version + "]"
	}
	return s
}

// Protocol is what an operation speaks.
type Protocol string

// The protocols.
const (
	REST      Protocol = "rest"
	GraphQL   Protocol = "graphql"
	SOAP      Protocol = "soap"
	GRPC      Protocol = "grpc"
	MCP       Protocol = "mcp"
	JSONRPC   Protocol = "json-rpc"
	WebSocket Protocol = "websocket"
	SSE       Protocol = "sse"
)

// Operation is what was learned of one operation: counts that can be added to those
// of another gateway, and nothing that was concluded from them. Counts of calls are
// exact; parameters and bodies are those of a sample.
type Operation struct {
	Key
	Protocol Protocol `json:"protocol"`
	// API is namespace/name of the instance that serves it, empty when no gateway of
	// ours does.
	API      string            `json:"api,omitempty"`
	BasePath string            `json:"basePath,omitempty"`
	Labels   map[string]string `json:"labels,omitempty"`

	// Listed is when it was accepted into the inventory, zero for a candidate; By is why:
	// "traffic", "specification", "project" or "operator".
	Listed time.Time `json:"listed,omitzero"`
	By     string    `json:"by,omitempty"`
	// First and Last are its first and last good call.
	First time.Time `json:"first,omitzero"`
	Last  time.Time `json:"last,omitzero"`
	// Minutes are up to four different minutes, since 1970, of good calls.
	Minutes []int64 `json:"minutes,omitempty"`
	// Days counts the calls of the last DaysKept days by day since 1970.
	Days map[int64]uint64 `json:"days,omitempty"`

	// Requests are all calls that were no attacks; Good those answered by 2xx or 3xx,
	// Refused those that the gateway or a policy refused. Attacks are apart.
	Requests uint64 `json:"requests"`
	Good     uint64 `json:"good"`
	Refused  uint64 `json:"refused,omitempty"`
	Attacks  uint64 `json:"attacks,omitempty"`
	// Sampled are the good calls that taught parameters and bodies.
	Sampled  uint64            `json:"sampled"`
	Statuses map[int]uint64    `json:"statuses,omitempty"`
	Sources  map[Source]uint64 `json:"sources,omitempty"`
	Schemes  map[string]uint64 `json:"schemes,omitempty"`

	// Parameters are those of path, query, header and cookie, in that order and by name.
	Parameters []*Parameter `json:"parameters,omitempty"`
	// Bodies are the contents of requests by media type; Answers those of responses.
	Bodies  []*Body `json:"bodies,omitempty"`
	Answers []*Body `json:"answers,omitempty"`

	// Authentication counts good calls by kind; calls without any count as NoAuthentication.
	Authentication map[Authentication]uint64 `json:"authentication,omitempty"`
	// Exposure counts good calls by where they came from.
	Exposure map[Exposure]uint64 `json:"exposure,omitempty"`
	// Callers are the MaxCallers that call most; OtherCallers counts the calls of all
	// others. Subjects estimates the number of token subjects.
	Callers      []*Consumer   `json:"callers,omitempty"`
	OtherCallers uint64        `json:"otherCallers,omitempty"`
	Subjects     shape.Sketch  `json:"subjects,omitzero"`
	Services     []*Downstream `json:"services,omitempty"`

	// Changes are the last MaxChanges things that became different since it was listed.
	Changes []Change `json:"changes,omitempty"`
}

// Parameter is one parameter of an operation.
type Parameter struct {
	// In is path, query, header or cookie.
	In   string `json:"in"`
	Name string `json:"name"`
	// Values are statistics of its values; Values.Count is how many sampled calls had it.
	Values shape.Values `json:"values"`
	First  time.Time    `json:"first,omitzero"`
	Last   time.Time    `json:"last,omitzero"`
}

// Body is the content of requests or answers of one media type.
type Body struct {
	// Status is that of the answer; 0 for requests.
	Status int `json:"status,omitempty"`
	// Media is the media type in lower case without parameters; empty for no content.
	Media string `json:"media,omitempty"`
	// Count is how many sampled messages there were; Read how many of them could be read
	// as their media type says, Partial how many were cut.
	Count   uint64 `json:"count"`
	Read    uint64 `json:"read"`
	Partial uint64 `json:"partial,omitempty"`
	// Schema is nil for contents that have none.
	Schema *shape.Schema `json:"schema,omitempty"`
	First  time.Time     `json:"first,omitzero"`
	Last   time.Time     `json:"last,omitzero"`

	// classes are those of the schema after the last body that was looked into.
	classes map[sensitive.Class]uint64
}

// Authentication is a kind of credentials.
type Authentication string

// The kinds of credentials.
const (
	NoAuthentication Authentication = "none"
	Bearer           Authentication = "bearer"
	JWTBearer        Authentication = "jwt"
	Basic            Authentication = "basic"
	Digest           Authentication = "digest"
	APIKey           Authentication = "api-key"
	ClientID         Authentication = "client-id"
	SessionCookie    Authentication = "cookie"
	AWSSignature     Authentication = "aws-signature"
	HMACSignature    Authentication = "hmac"
	Negotiate        Authentication = "negotiate"
	Certificate      Authentication = "certificate"
	OtherScheme      Authentication = "other"
)

// Exposure is where calls come from.
type Exposure string

// The exposures, by the networks of Options.
const (
	Internal Exposure = "internal"
	Partner  Exposure = "partner"
	Public   Exposure = "public"
)

// Consumer is somebody who calls an operation.
type Consumer struct {
	// Kind is client (application), certificate, service or network; Name its client id,
	// subject, name, or its network as 203.0.113.0/24.
	Kind     string    `json:"kind"`
	Name     string    `json:"name"`
	Requests uint64    `json:"requests"`
	First    time.Time `json:"first"`
	Last     time.Time `json:"last"`
	// Sent and Received count the calls that carried each class of data.
	Sent     map[sensitive.Class]uint64 `json:"sent,omitempty"`
	Received map[sensitive.Class]uint64 `json:"received,omitempty"`
}

// Downstream is a service that an operation was forwarded to, or called (a trace).
type Downstream struct {
	Name     string    `json:"name"`
	Requests uint64    `json:"requests"`
	First    time.Time `json:"first"`
	Last     time.Time `json:"last"`
	// Unmanaged says that the service is called past every gateway of ours.
	Unmanaged bool `json:"unmanaged,omitempty"`
}

// Change is something that became different in an operation after it was listed.
type Change struct {
	At time.Time `json:"at"`
	// Kind is listed, parameter-new, parameter-unused, field-new, field-unused,
	// type-changed, status-new, media-new, authentication-changed, caller-new,
	// data-new, exposure-changed, unused, back or archived.
	Kind string `json:"kind"`
	// Place is the part of the operation, as "query limit" or "200 application/json /items/id".
	Place string `json:"place,omitempty"`
	// Detail says what it was and is, without values.
	Detail string `json:"detail,omitempty"`
}

// Edge is a call between two services, as traces tell.
type Edge struct {
	From string `json:"from"`
	To   string `json:"to"`
	// Operation is the called operation as the trace names it.
	Operation string    `json:"operation,omitempty"`
	Requests  uint64    `json:"requests"`
	First     time.Time `json:"first"`
	Last      time.Time `json:"last"`
}

// Inventory is a snapshot of everything that is listed. It is not changed any more.
type Inventory struct {
	At time.Time
	// Operations are in the order of host, path, method, version and name.
	Operations []*Operation
	Edges      []Edge
	// Dropped counts the observations that a full queue lost.
	Dropped uint64
}

// Data is one class of sensitive data at one place of an operation.
type Data struct {
	Class sensitive.Class `json:"class"`
	// Direction is request or response; Place is as in Change.
	Direction string `json:"direction"`
	Place     string `json:"place"`
	Count     uint64 `json:"count"`
	// Shape is a redacted shape, as "aaa@aaa.aa".
	Shape string `json:"shape,omitempty"`
}
