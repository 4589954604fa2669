package extauthz

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	"golang.org/x/net/http/httpguts"

	"farrier.dev/farrier/internal/policy"
	"farrier.dev/farrier/internal/traffic"
)

// Settings are what operators set.
type Settings struct {
	// URI is where the service is: h2://host:port for gRPC in clear, https://host:port for gRPC or HTTP under TLS, http://host:port for HTTP in clear. A path stands before pathPrefix.
	URI string `json:"uri" required:"true" minLength:"1"`
	// ServerType says which of the two protocols of Envoy's external authorization the service speaks.
	ServerType string `json:"serverType" required:"true" enum:"grpc|http"`
	// ServerVersion is the version of the gRPC protocol. v2 is no longer spoken by anyone and is refused for gRPC; for HTTP it means nothing.
	ServerVersion string `json:"serverVersion" default:"v3" enum:"v3|v2"`
	// RequestTimeout is how long the service may take to decide, in milliseconds, the connecting included. When it is over the request is refused.
	RequestTimeout int64 `json:"requestTimeout" default:"5000" min:"1" max:"600000"`
	// IncludePeerCertificate sends the service the certificate of the client as URL-encoded PEM, when TLS has verified it. gRPC only.
	IncludePeerCertificate bool `json:"includePeerCertificate" default:"false"`
	// AllowedHeaders are the request headers that the service reads, in any case. Empty means all of them for gRPC. For HTTP the service always reads Host, method, path, Content-Length and Authorization, and of all other headers only these.
	AllowedHeaders []string `json:"allowedHeaders" default:"[]"`
	// ServiceRequestHeadersToAdd are headers of our own for the service; they replace those of the client. HTTP only.
	ServiceRequestHeadersToAdd []Header `json:"serviceRequestHeadersToAdd" default:"[]"`
	// ServiceResponseUpstreamHeaders are the headers of a permitting answer that the upstream reads, in place of what the client sent under these names. HTTP only.
	ServiceResponseUpstreamHeaders []string `json:"serviceResponseUpstreamHeaders" default:"[]"`
	// ServiceResponseUpstreamHeadersToAppend are the headers of a permitting answer that the upstream reads behind what the client sent under these names. HTTP only.
	ServiceResponseUpstreamHeadersToAppend []string `json:"serviceResponseUpstreamHeadersToAppend" default:"[]"`
	// ServiceResponseClientHeaders are the headers of a denying answer that the client reads, besides Content-Type, Location and WWW-Authenticate. Empty means all. HTTP only.
	ServiceResponseClientHeaders []string `json:"serviceResponseClientHeaders" default:"[]"`
	// ServiceResponseClientHeadersOnSuccess are the headers of a permitting answer that the client reads with the response of the upstream. HTTP only.
	ServiceResponseClientHeadersOnSuccess []string `json:"serviceResponseClientHeadersOnSuccess" default:"[]"`
	// PathPrefix stands before the path of the request when the service is asked. HTTP only.
	PathPrefix string `json:"pathPrefix"`
	// WithRequestBody sends the beginning of the body too; without it the service never reads a body. WebSocket and gRPC streams are then refused.
	WithRequestBody *RequestBody `json:"withRequestBody"`
	// FailureModeAllow lets requests pass when the service can't be reached, answers with an error or takes too long. Otherwise they are refused with 403.
	FailureModeAllow bool `json:"failureModeAllow" default:"false"`
}

// Header is a name with its value.
type Header struct {
	// Key is the name.
	Key string `json:"key" required:"true" minLength:"1"`
	// Value is its value.
	Value string `json:"value" required:"true" secret:"true"`
}

// RequestBody says how much of the body the service reads.
type RequestBody struct {
	// MaxRequestBytes is the size in bytes up to which a body is sent. Content-Encoding is opened first.
	MaxRequestBytes int64 `json:"maxRequestBytes" required:"true" min:"1" max:"8388608"`
	// AllowPartialMessage sends the first maxRequestBytes of a longer body, and x-envoy-auth-partial-body with it; otherwise such a request is refused with 413.
	AllowPartialMessage bool `json:"allowPartialMessage" default:"false"`
}

// compiled are the settings, checked.
type compiled struct {
	Settings
	service policy.Outside
	timeout time.Duration
	// allowed are names in lower case, nil for all.
	allowed map[string]bool
	body    policy.Need
}

func compile(raw json.RawMessage) (policy.Compiled, error) {
	c := &compiled{Settings: Settings{ServerVersion: "v3", RequestTimeout: 5000}}
	if err := policy.Decode(raw, &c.Settings); err != nil {
		return nil, err
	}
	var err error
	if c.service, err = policy.ParseOutside(c.URI); err != nil {
		return nil, fmt.Errorf("uri: %w", err)
	}
	if err := c.protocol(); err != nil {
		return nil, err
	}
	c.timeout = time.Duration(c.RequestTimeout) * time.Millisecond
	if len(c.AllowedHeaders) > 0 || c.ServerType == "http" {
		c.allowed = map[string]bool{}
	}
	for i, name := range c.AllowedHeaders {
		c.allowed[traffic.LowerName(strings.TrimSpace(name))] = true
		if !httpguts.ValidHeaderFieldName(strings.TrimPrefix(strings.TrimSpace(name), ":")) {
			return nil, fmt.Errorf("allowedHeaders[%d]: %q is no name of a header", i, name)
		}
	}
	if b := c.WithRequestBody; b != nil {
		c.body = policy.Need{Mode: policy.Buffered, Limit: b.MaxRequestBytes, Partial: b.AllowPartialMessage}
	}
	return c, nil
}

// protocol checks what only one of the two protocols has.
func (c *compiled) protocol() error {
	grpc := c.ServerType == "grpc"
	switch {
	case grpc && c.ServerVersion == "v2":
		return errors.New("serverVersion: v2 of the protocol is no longer spoken; write v3, which all services of today speak")
	case grpc && c.service.Path != "":
		return errors.New("uri: a gRPC service has no path; write the scheme, host and port alone")
	case !grpc && strings.HasPrefix(c.URI, "h2:"):
		return errors.New("uri: h2:// is for gRPC; write http:// or https://")
	}
	if c.PathPrefix != "" {
		normal, err := traffic.NormalisePath(c.PathPrefix)
		if err != nil || strings.ContainsAny(c.PathPrefix, "?#") {
			return errors.New("pathPrefix: it must be a path that begins with a slash")
		}
		c.PathPrefix = strings.TrimSuffix(normal, "/")
	}
	for i, h := range c.ServiceRequestHeadersToAdd {
		switch {
		case !httpguts.ValidHeaderFieldName(h.Key), policy.Untouchable(traffic.LowerName(h.Key)):
			return fmt.Errorf("serviceRequestHeadersToAdd[%d].key: %q can't be set", i, h.Key)
		case !httpguts.ValidHeaderFieldValue(h.Value):
			return fmt.Errorf("serviceRequestHeadersToAdd[%d].value: it makes no header", i)
		}
	}
	for name, list := range c.answerHeaders() {
		for i, one := range list {
			if !httpguts.ValidHeaderFieldName(one) || policy.Untouchable(traffic.LowerName(one)) {
				return fmt.Errorf("%s[%d]: %q is no header that a service may set", name, i, one)
			}
			list[i] = traffic.LowerName(one)
		}
	}
	return nil
}

// answerHeaders are the lists of names in answers over HTTP.
func (s *Settings) answerHeaders() map[string][]string {
	return map[string][]string{
		"serviceResponseUpstreamHeaders":         s.ServiceResponseUpstreamHeaders,
		"serviceResponseUpstreamHeadersToAppend": s.ServiceResponseUpstreamHeadersToAppend,
		"serviceResponseClientHeaders":           s.ServiceResponseClientHeaders,
		"serviceResponseClientHeadersOnSuccess":  s.ServiceResponseClientHeadersOnSuccess,
	}
}

func warn(raw json.RawMessage) []string {
	var s Settings
	if policy.Decode(raw, &s) != nil {
		return nil
	}
	var unwise []string
	if s.FailureModeAllow {
		unwise = append(unwise, "failureModeAllow lets every request pass while the service is down")
	}
	if o, err := policy.ParseOutside(s.URI); err == nil && o.Exposed() {
		unwise = append(unwise, "uri: the connection is not encrypted, so that whoever sits on it reads credentials and may permit anything; write https://")
	}
	if s.ServerType == "grpc" {
		used := len(s.ServiceRequestHeadersToAdd) > 0 || s.PathPrefix != ""
		for _, list := range s.answerHeaders() {
			used = used || len(list) > 0
		}
		if used {
			unwise = append(unwise, "serviceRequestHeadersToAdd, serviceResponse… and pathPrefix are for serverType http; a gRPC service says itself what becomes of headers")
		}
	} else if s.IncludePeerCertificate {
		unwise = append(unwise, "includePeerCertificate is for serverType grpc; over HTTP no certificate is sent")
	}
	return unwise
}
