// Package revision is the immutable, numbered picture of all that a gateway
// must serve. It is data: it is built by whoever publishes and compiled by the
// router, and knows neither. Settings stay JSON here, with references to
// secrets unresolved.
package revision

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"time"
)

// Revision is one picture. Equal digests serve the same.
type Revision struct {
	// Number grows by one with every published change, beginning with 1.
	Number  uint64    `json:"number"`
	Created time.Time `json:"created"`
	// Digest is over everything but Number, Created and the sources.
	Digest string `json:"digest"`

	APIs     []API     `json:"apis"`
	Services []Service `json:"services"`
	Settings Settings  `json:"settings"`
	// Modules are the modules of WebAssembly that bindings name, by the
	// hexadecimal SHA-256 of their bytes.
	Modules map[string][]byte `json:"modules,omitempty"`
	// Challenges are what gateways answer to authorities that look whether a name is
	// ours (RFC 8555 §8.3), by token; nil for none. None of it is secret.
	Challenges map[string]string `json:"challenges,omitempty"`
}

// Source tells where a resource was written.
type Source struct {
	File string `json:"file,omitempty"`
	Line int    `json:"line,omitempty"`
}

// Name identifies a resource.
type Name struct {
	Namespace string `json:"namespace"`
	Name      string `json:"name"`
}

// String is namespace/name.
func (n Name) String() string { return n.Namespace + "/" + n.Name }

// API is one API instance under one address and base path.
type API struct {
	Name   Name              `json:"name"`
	Labels map[string]string `json:"labels,omitempty"`
	// Scheme is http or https; Host the address to listen on, as "0.0.0.0";
	// Port is 1 to 65535; BasePath begins with a slash and has none at its end,
	// so the root is "".
	Scheme   string `json:"scheme"`
	Host     string `json:"host"`
	Port     int    `json:"port"`
	BasePath string `json:"basePath"`
	// TLS are the settings of the tls policy bound to the API, nil without one.
	TLS json.RawMessage `json:"tls,omitempty"`
	// Routes are tried in order; the first that matches is taken.
	Routes []Route `json:"routes"`
	// Policies are the inbound bindings in the order in which they run.
	Policies []Binding `json:"policies,omitempty"`
	// Clients are the contracts on this API.
	Clients []Client `json:"clients,omitempty"`
	// Specification is where its description is, nil where none is named.
	Specification *Specification `json:"specification,omitempty"`
	Source        Source         `json:"source"`
}

// Specification names the description of an API. Gateways do not read it.
type Specification struct {
	// File is the path of its main file.
	File string `json:"file"`
}

// Route sends what its rules match to one of its targets.
type Route struct {
	// Rules are OR-ed; none matches everything.
	Rules   []Rule   `json:"rules,omitempty"`
	Targets []Target `json:"targets"`
}

// Target is one weighted destination of a route.
type Target struct {
	Service Name `json:"service"`
	// Weight is 1 to 100; a route with one target ignores it.
	Weight int `json:"weight"`
	// DestinationPath is put in front of the remaining path.
	DestinationPath string `json:"destinationPath,omitempty"`
}

// Rule matches a request when every attribute that is not empty does. All are
// RE2 expressions that must match the whole text; Path is matched behind the
// base path.
type Rule struct {
	Path    string            `json:"path,omitempty"`
	Methods string            `json:"methods,omitempty"`
	Host    string            `json:"host,omitempty"`
	Headers map[string]string `json:"headers,omitempty"`
}

// Binding is the application of a policy to an API or service.
type Binding struct {
	Name Name `json:"name"`
	// Policy is the name in the catalogue; As is the name that the manifest
	// used, which decides between JSON errors and SOAP faults.
	Policy string `json:"policy"`
	As     string `json:"as,omitempty"`
	// Settings is a JSON object, valid by the policy's schema, in which a whole
	// string $NAME or ${NAME} stands for an environment variable.
	Settings json.RawMessage `json:"settings"`
	// Rules restrict the binding to matching requests; none means all.
	Rules []Rule `json:"rules,omitempty"`
	Order int    `json:"order"`
	// Automated says that a selector brought the binding here.
	Automated bool   `json:"automated,omitempty"`
	Source    Source `json:"source"`
}

// Service is an upstream.
type Service struct {
	Name Name `json:"name"`
	// Address is http, https or h2 with host, port and path.
	Address string `json:"address"`
	// TLS are the settings of the tls-outbound policy, nil without one.
	TLS      json.RawMessage `json:"tls,omitempty"`
	Policies []Binding       `json:"policies,omitempty"`
	Source   Source          `json:"source"`
}

// Client is a client application and its contract on an API.
type Client struct {
	ID   string `json:"id"`
	Name string `json:"name,omitempty"`
	// Secret is as in Binding.Settings; empty means that none is known, and then
	// no secret a caller sends is right.
	Secret string `json:"secret,omitempty"`
	// Secrets are secrets of which only the hash is known; any of them is right.
	Secrets []HashedSecret `json:"secrets,omitempty"`
	Tier    string         `json:"tier,omitempty"`
	Limits  []Limit        `json:"limits,omitempty"`
	// State is PENDING, REJECTED or REVOKED, which give no access, or empty for
	// an approved contract.
	State  string `json:"state,omitempty"`
	Source Source `json:"source"`
}

// HashedSecret is a secret of which only the hash is known.
type HashedSecret struct {
	// Hash is "sha256:" and 64 hexadecimal digits in lower case.
	Hash string `json:"hash"`
	// Until is when it ends to be right; the zero time means never.
	Until time.Time `json:"until,omitzero"`
}

// Limit is one quota of an SLA tier.
type Limit struct {
	MaximumRequests          int64 `json:"maximumRequests"`
	TimePeriodInMilliseconds int64 `json:"timePeriodInMilliseconds"`
	// Burst, when above 0, makes the limit a token bucket that holds so many.
	Burst int64 `json:"burst,omitempty"`
}

// Settings are the gateway-wide sections of Configuration.
type Settings struct {
	Timeouts      Timeouts `json:"timeouts"`
	Probe         Probe    `json:"probe"`
	ProxyProtocol bool     `json:"proxyProtocol,omitempty"`
	Logging       Logging  `json:"logging"`
	// SharedStorage is the server on which gateways count together.
	SharedStorage SharedStorage `json:"sharedStorage"`
	// Tracing says where spans go.
	Tracing Tracing `json:"tracing"`
	// PolicyCalls are the TLS settings of the calls that policies make themselves,
	// as those of the tls-outbound policy; nil means the standard ones.
	PolicyCalls json.RawMessage `json:"policyCalls,omitempty"`
}

// SharedStorage is a server of Redis or Valkey; without an Address there is
// none. Secrets are references or as in Binding.Settings.
type SharedStorage struct {
	// Address is host:port.
	Address  string `json:"address,omitempty"`
	Username string `json:"username,omitempty"`
	Password string `json:"password,omitempty"`
	DB       int    `json:"db,omitempty"`
	// SentinelAddresses, when there are any, are asked for the address of the
	// server called SentinelMaster.
	SentinelAddresses []string `json:"sentinelAddresses,omitempty"`
	SentinelMaster    string   `json:"sentinelMaster,omitempty"`
	SentinelPassword  string   `json:"sentinelPassword,omitempty"`
	// TLS are settings as those of the tls-outbound policy, nil for cleartext.
	TLS    json.RawMessage `json:"tls,omitempty"`
	Source Source          `json:"source"`
}

// Tracing is a collector of OpenTelemetry (OTLP); without an Address there is
// none.
type Tracing struct {
	// Address is a URL; Protocol is grpc or http, Path that of HTTP.
	Address  string `json:"address,omitempty"`
	Protocol string `json:"protocol,omitempty"`
	Path     string `json:"path,omitempty"`
	// ServiceName is the name of the gateway in spans.
	ServiceName string `json:"serviceName,omitempty"`
	// TimeoutMilliseconds bounds one delivery; 0 means ten seconds.
	TimeoutMilliseconds int64             `json:"timeoutMilliseconds,omitempty"`
	Headers             map[string]string `json:"headers,omitempty"`
	Attributes          map[string]string `json:"attributes,omitempty"`
	Source              Source            `json:"source"`
}

// Timeouts are those of the reference; 0 means the default.
type Timeouts struct {
	UpstreamConnectionIdleSeconds int `json:"upstreamConnectionIdleSeconds,omitempty"`
	UpstreamResponseSeconds       int `json:"upstreamResponseSeconds,omitempty"`
	StreamIdleSeconds             int `json:"streamIdleSeconds,omitempty"`
}

// Probe is the readiness endpoint.
type Probe struct {
	Enabled bool `json:"enabled,omitempty"`
	Port    int  `json:"port,omitempty"`
}

// Logging says where runtime and access logs go.
type Logging struct {
	Outputs []LogOutput `json:"outputs,omitempty"`
	// RuntimeLevel is debug, info, warn, error or fatal.
	RuntimeLevel   string   `json:"runtimeLevel,omitempty"`
	RuntimeOutputs []string `json:"runtimeOutputs,omitempty"`
	AccessOutputs  []string `json:"accessOutputs,omitempty"`
	Source         Source   `json:"source"`
}

// LogOutput is one destination of logs; Type is file, stdout or http.
type LogOutput struct {
	Name       string            `json:"name"`
	Type       string            `json:"type"`
	Parameters map[string]string `json:"parameters,omitempty"`
}

// Seal sets the digest. Number and Created are the publisher's.
func (r *Revision) Seal() error {
	bare := *r
	bare.Number, bare.Created, bare.Digest = 0, time.Time{}, ""
	bare.APIs = make([]API, len(r.APIs))
	for i := range r.APIs {
		bare.APIs[i] = r.APIs[i].Bare()
	}
	bare.Services = make([]Service, len(r.Services))
	for i := range r.Services {
		bare.Services[i] = r.Services[i].Bare()
	}
	bare.Settings.Logging.Source, bare.Settings.SharedStorage.Source, bare.Settings.Tracing.Source = Source{}, Source{}, Source{}
	text, err := json.Marshal(bare)
	if err != nil {
		return fmt.Errorf("digesting revision: %w", err)
	}
	sum := sha256.Sum256(text)
	r.Digest = hex.EncodeToString(sum[:])
	return nil
}

// Bare is the API without the sources: all that serving it depends on.
func (a *API) Bare() API {
	bare := *a
	bare.Source, bare.Policies = Source{}, bareBindings(a.Policies)
	bare.Clients = append([]Client(nil), a.Clients...)
	for i := range bare.Clients {
		bare.Clients[i].Source = Source{}
	}
	return bare
}

// Bare is the service without the sources: all that calling it depends on.
func (s *Service) Bare() Service {
	bare := *s
	bare.Source, bare.Policies = Source{}, bareBindings(s.Policies)
	return bare
}

func bareBindings(bindings []Binding) []Binding {
	bare := append([]Binding(nil), bindings...)
	for i := range bare {
		bare[i].Source = Source{}
	}
	return bare
}
