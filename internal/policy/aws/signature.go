package aws

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"farrier.dev/farrier/internal/policy"
	"farrier.dev/farrier/internal/traffic"
)

// Settings are what operators set. A request is signed as it stands when this
// policy runs, so bind it behind whatever else changes requests to the service.
type Settings struct {
	// ServiceName is the name of the service in signatures, as s3 or execute-api.
	ServiceName string `json:"serviceName" required:"true" minLength:"1"`
	// Region is the region of the service, as eu-central-1. With AWS_SIGV4A it may be a list with commas, and * stands for any part of a name.
	Region string `json:"region" required:"true" minLength:"1"`
	// SigningAlgorithm is the version of the signature; AWS_SIGV4A is valid in several regions.
	SigningAlgorithm string `json:"signingAlgorithm" default:"AWS_SIGV4" enum:"AWS_SIGV4|AWS_SIGV4A"`
	// UseUnsignedPayload leaves the content out of the signature, so that it streams; otherwise gRPC streams are refused. Only some services take that, as s3 over HTTPS.
	UseUnsignedPayload bool `json:"useUnsignedPayload" default:"false"`
	// MatchExcludedHeaders are headers to leave out of the signature, besides those that the gateway or a proxy behind it may change: authorization, user-agent, x-forwarded-*, x-amzn-trace-id, x-correlation-id, traceparent and those of the connection. Headers that begin with x-amz- are always signed.
	MatchExcludedHeaders []Matcher `json:"matchExcludedHeaders" default:"[]"`
	// AuthenticationMode is where the credentials come from: default is the chain of AWS (environment, shared files, web identity, container, instance), file is credentialsFileProvider, inline is inlineCredentialProvider.
	AuthenticationMode string `json:"authenticationMode" default:"default" enum:"default|file|inline"`
	// CredentialsFileProvider is the file with the credentials, with file.
	CredentialsFileProvider *File `json:"credentialsFileProvider"`
	// InlineCredentialProvider are the credentials, with inline.
	InlineCredentialProvider *Static `json:"inlineCredentialProvider"`
	// MaxPayloadBytes is the longest content in bytes that is held to be signed. This setting is Farrier's own.
	MaxPayloadBytes int64 `json:"maxPayloadBytes" default:"10485760" min:"1" max:"1073741824"`
	// UnsignedBeyondLimit sends longer content with an unsigned payload; otherwise it is refused with 413. This setting is Farrier's own.
	UnsignedBeyondLimit bool `json:"unsignedBeyondLimit" default:"false"`
}

// Matcher matches names of headers, without regard to case. Exactly one of its
// fields is to be given.
type Matcher struct {
	// Exact is the whole name.
	Exact string `json:"exact" default:""`
	// Prefix is how the name begins.
	Prefix string `json:"prefix" default:""`
	// Suffix is how the name ends.
	Suffix string `json:"suffix" default:""`
	// Contains is a part of the name.
	Contains string `json:"contains" default:""`
	// IgnoreCase is accepted and has no effect: names of headers have no case.
	IgnoreCase bool `json:"ignoreCase" default:"false"`
}

func (m *Matcher) lower() error {
	set := 0
	for _, text := range []*string{&m.Exact, &m.Prefix, &m.Suffix, &m.Contains} {
		*text = traffic.LowerName(*text)
		if *text != "" {
			set++
		}
	}
	if set != 1 {
		return errors.New("give exactly one of exact, prefix, suffix and contains")
	}
	return nil
}

func (m *Matcher) match(name string) bool {
	switch {
	case m.Exact != "":
		return name == m.Exact
	case m.Prefix != "":
		return strings.HasPrefix(name, m.Prefix)
	case m.Suffix != "":
		return strings.HasSuffix(name, m.Suffix)
	}
	return strings.Contains(name, m.Contains)
}

// File is a shared credentials file.
type File struct {
	// CredentialsDataSource says where the file is.
	CredentialsDataSource DataSource `json:"credentialsDataSource" required:"true"`
	// Profile is the section of the file.
	Profile string `json:"profile" default:"default" minLength:"1"`
}

// DataSource is a file.
type DataSource struct {
	// Filename is its path. It is read again every minute.
	Filename string `json:"filename" required:"true" minLength:"1" host:"true"`
}

// excluded are never signed: they belong to the connection, or the gateway or a
// proxy on the way may change them.
var excluded = map[string]bool{
	"authorization": true, "connection": true, "content-length": true, "expect": true, "forwarded": true, "host": true,
	"keep-alive": true, "proxy-authenticate": true, "proxy-authorization": true, "proxy-connection": true, "te": true,
	"traceparent": true, "tracestate": true, "trailer": true, "transfer-encoding": true, "upgrade": true, "user-agent": true,
	"via": true, "x-amzn-trace-id": true, "x-correlation-id": true, "x-forwarded-for": true, "x-forwarded-host": true,
	"x-forwarded-port": true, "x-forwarded-proto": true, "x-request-id": true,
}

func compileSignature(settings json.RawMessage) (policy.Compiled, error) {
	s := Settings{SigningAlgorithm: "AWS_SIGV4", AuthenticationMode: "default", MaxPayloadBytes: 10 << 20}
	if err := policy.Decode(settings, &s); err != nil {
		return nil, err
	}
	for name, value := range map[string]string{"serviceName": s.ServiceName, "region": s.Region} {
		if !printable(value) || strings.Contains(value, "/") {
			return nil, fmt.Errorf("%s: %q is not a name", name, value)
		}
	}
	if s.SigningAlgorithm == "AWS_SIGV4" && strings.ContainsAny(s.Region, ",*") {
		return nil, errors.New("region: AWS_SIGV4 signs for one region; give one, or choose AWS_SIGV4A")
	}
	for i := range s.MatchExcludedHeaders {
		if err := s.MatchExcludedHeaders[i].lower(); err != nil {
			return nil, fmt.Errorf("matchExcludedHeaders[%d]: %w", i, err)
		}
	}
	signer := &signature{Settings: s}
	switch s.AuthenticationMode {
	case "inline":
		fixed, err := s.InlineCredentialProvider.source("inlineCredentialProvider")
		signer.fixed = fixed
		return signer, err
	case "file":
		if s.CredentialsFileProvider == nil {
			return nil, errors.New("credentialsFileProvider: required with authenticationMode file, but missing")
		}
		if s.CredentialsFileProvider.Profile == "" {
			s.CredentialsFileProvider.Profile = "default"
		}
	}
	return signer, nil
}

func warnSignature(settings json.RawMessage) []string {
	var s Settings
	if policy.Decode(settings, &s) != nil {
		return nil
	}
	var warnings []string
	if (s.UseUnsignedPayload || s.UnsignedBeyondLimit) && !singleEscape(s.ServiceName) {
		warnings = append(warnings, "unsigned payloads are taken by few services other than s3; the others refuse such requests")
	}
	if s.InlineCredentialProvider != nil && s.AuthenticationMode != "inline" {
		warnings = append(warnings, "inlineCredentialProvider has no effect: authenticationMode is not inline")
	}
	if s.CredentialsFileProvider != nil && s.AuthenticationMode != "file" {
		warnings = append(warnings, "credentialsFileProvider has no effect: authenticationMode is not file")
	}
	return warnings
}

// signature are the settings, ready.
type signature struct {
	Settings
	fixed source
}

// Bind implements policy.Compiled.
func (s *signature) Bind(env policy.Env) (policy.Step, error) {
	b := &boundSignature{signature: s, now: env.Now, source: s.fixed}
	if b.source == nil {
		var ok bool
		if b.source, ok = env.State("credentials", func() any { return s.open(env.Now) }).(source); !ok {
			return policy.Step{}, errors.New("the state under credentials is no source of them")
		}
	}
	step := policy.Step{Request: b.sign}
	if !s.UseUnsignedPayload {
		step.RequestBody = policy.Need{Mode: policy.Buffered, Limit: s.MaxPayloadBytes, Partial: s.UnsignedBeyondLimit, When: hasContent}
	}
	return step, nil
}

func (s *signature) open(now func() time.Time) source {
	if s.AuthenticationMode == "file" {
		return &file{name: s.CredentialsFileProvider.CredentialsDataSource.Filename, profile: s.CredentialsFileProvider.Profile, now: now}
	}
	return newChain("", now)
}

// hasContent says that the signature needs the content. The opening of a
// WebSocket has none; what follows is not part of the request.
func hasContent(x *traffic.Exchange) bool {
	return !x.Request.Streaming || !x.Request.Header.HasToken("upgrade", "websocket")
}

type boundSignature struct {
	*signature
	source source
	keys   keys
	now    func() time.Time
}

func (b *boundSignature) sign(ctx context.Context, x *traffic.Exchange) policy.Verdict {
	c, err := b.source.get(ctx)
	if err != nil {
		return policy.Fail(http.StatusServiceUnavailable, "Service unavailable.", "the request can't be signed: "+err.Error())
	}
	address, err := url.Parse(x.Upstream.URI)
	if err != nil || address.Host == "" {
		return policy.Fail(http.StatusInternalServerError, "Internal error.", "the request can't be signed: the address of the service is unknown")
	}
	payload, err := b.payload(x)
	if err != nil {
		return policy.Fail(http.StatusInternalServerError, "Internal error.", "the request can't be signed: its content could not be read")
	}
	at := b.now().UTC()
	b.fields(&x.Request.Header, c, payload, at)
	// What is sent is the canonical form, so that no two readings of a plus or an
	// order can differ.
	if x.Request.RawQuery, err = canonicalQuery(x.Request.RawQuery); err != nil {
		return policy.Refuse(http.StatusBadRequest, "Query could not be read.", "the query can't be signed: "+err.Error())
	}
	m := &message{
		method: x.Request.Method, host: address.Host, path: x.Upstream.Path, query: x.Request.RawQuery,
		header: b.signed(x), payload: payload,
	}
	authorization, err := b.authorize(m, c, scope{b.ServiceName, b.Region, at})
	if err != nil {
		return policy.Fail(http.StatusInternalServerError, "Internal error.", "the request can't be signed: "+err.Error())
	}
	x.Request.Header.Set("authorization", authorization)
	return policy.Go()
}

// payload is what the signature says of the content.
func (b *boundSignature) payload(x *traffic.Exchange) (string, error) {
	body := &x.Request.Body
	switch {
	case b.UseUnsignedPayload || body.Partial():
		return unsignedPayload, nil
	case !hasContent(x):
		return hashHex(nil), nil
	}
	reader, _ := body.Forward()
	return hashOf(reader)
}

func (b *boundSignature) authorize(m *message, c *credentials, s scope) (string, error) {
	if b.SigningAlgorithm == "AWS_SIGV4" {
		return authorize4(m, c, s)
	}
	key, err := b.keys.of(c)
	if err != nil {
		return "", err
	}
	return authorize4A(m, c, key, s)
}

// fields sets what belongs to the signature, and removes what a client sent of
// the same names.
func (b *boundSignature) fields(h *traffic.Header, c *credentials, payload string, at time.Time) {
	h.Set("x-amz-date", at.Format(dateFormat))
	h.Set("x-amz-content-sha256", payload)
	h.Del("x-amz-security-token")
	if c.token != "" {
		h.Set("x-amz-security-token", c.token)
	}
	h.Del("x-amz-region-set")
	if b.SigningAlgorithm != "AWS_SIGV4" {
		h.Set("x-amz-region-set", b.Region)
	}
}

// signed are the fields that the signature covers.
func (b *boundSignature) signed(x *traffic.Exchange) []traffic.Field {
	fields := make([]traffic.Field, 0, x.Request.Header.Len())
	for f := range x.Request.Header.All() {
		if excluded[f.Name] || f.Name == "content-encoding" && x.Request.Body.Changed() {
			continue
		}
		if own := strings.HasPrefix(f.Name, "x-amz-"); !own && slices.ContainsFunc(b.MatchExcludedHeaders, func(m Matcher) bool { return m.match(f.Name) }) {
			continue
		}
		fields = append(fields, f)
	}
	return fields
}
