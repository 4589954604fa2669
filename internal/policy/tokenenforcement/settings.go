package tokenenforcement

import (
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"strings"
	"time"

	"golang.org/x/net/http/httpguts"

	"farrier.dev/farrier/internal/policy"
)

// Settings are those of oauth2-token-introspection-flex.
type Settings struct {
	// IntrospectionURL is the introspection endpoint of the authorization server (RFC 7662).
	IntrospectionURL string `json:"introspectionURL" required:"true" minLength:"1"`
	// AuthorizationValue is the whole value of the Authorization header with which the gateway asks, as "Basic Z2F0ZXdheTpzZWNyZXQ=".
	AuthorizationValue string `json:"authorizationValue" required:"true" minLength:"1" secret:"true"`
	// ValidatedTokenTTL is for how many seconds a valid token is known without asking again, though never beyond its expiry; 0 asks every time. A revoked token may pass for so long.
	ValidatedTokenTTL int64 `json:"validatedTokenTTL" default:"600" min:"0" max:"31536000"`
	Rules
	// SkipClientIDValidation says that the client need not have a contract on the API.
	SkipClientIDValidation bool `json:"skipClientIdValidation" default:"false"`
	// ConsumerBy is the field of the answer that is the client id.
	ConsumerBy string `json:"consumerBy" default:"client_id" enum:"client_id|username"`
	// MaxCacheEntries is how many tokens are known without asking again.
	MaxCacheEntries int `json:"maxCacheEntries" default:"1000" min:"0" max:"1000000"`
	ResourceMetadata
}

// OpenIDConnectSettings are those of openidconnect-access-token-enforcement-flex.
type OpenIDConnectSettings struct {
	// Issuer is the identifier of the provider, whose introspection endpoint is found by discovery (OpenID Connect Discovery, RFC 8414). Like introspectionURL, authorizationValue, clientId and clientSecret it stands in for what MuleSoft's control plane knows of the client provider.
	Issuer string `json:"issuer" default:""`
	// IntrospectionURL is the introspection endpoint (RFC 7662), where it should not be discovered.
	IntrospectionURL string `json:"introspectionURL" default:""`
	// AuthorizationValue is the whole value of the Authorization header with which the gateway asks; instead of clientId and clientSecret.
	AuthorizationValue string `json:"authorizationValue" default:"" secret:"true"`
	// ClientID is the id of the gateway at the provider.
	ClientID string `json:"clientId" default:""`
	// ClientSecret is the secret of the gateway at the provider.
	ClientSecret string `json:"clientSecret" default:"" secret:"true"`
	Rules
	// SecureTrustStore is read and changes nothing: the certificate of the provider is always verified.
	SecureTrustStore bool `json:"secureTrustStore" default:"false"`
	// SkipClientIDValidation says that the client need not have a contract on the API.
	SkipClientIDValidation bool `json:"skipClientIdValidation" default:"true"`
	// MaxFederationExpirationTime is for how many seconds at most a valid token is known without asking again; -1 means until its expiry. A token without expiry is asked for every time.
	MaxFederationExpirationTime int64 `json:"maxFederationExpirationTime" default:"-1" min:"-1" max:"31536000"`
	// MaxCacheSize is how many tokens are known without asking again.
	MaxCacheSize int `json:"maxCacheSize" default:"1000" min:"0" max:"1000000"`
	ResourceMetadata
}

// MuleProviderSettings are those of external-oauth2-access-token-enforcement.
type MuleProviderSettings struct {
	// TokenURL is the validation endpoint of the Mule OAuth provider. It answers GET with 200 and what it knows of a valid token, else with 400 to 404.
	TokenURL string `json:"tokenUrl" required:"true" minLength:"1"`
	// TokenLocation is where the endpoint reads the token: in the Authorization header with the scheme Bearer, or in the query parameter access_token.
	TokenLocation string `json:"tokenLocation" default:"authorizationHeader" enum:"authorizationHeader|queryParameter"`
	Rules
	Federation
}

// OpenAMSettings are those of openam-access-token-enforcement.
type OpenAMSettings struct {
	// TokenInfoURL is the endpoint oauth2/tokeninfo of OpenAM. It stands in for what MuleSoft's control plane knows of the client provider.
	TokenInfoURL string `json:"tokenInfoUrl" required:"true" minLength:"1"`
	// TokenLocation is where the endpoint reads the token: in the Authorization header with the scheme Bearer, or in the query parameter access_token, as versions before 13 want it.
	TokenLocation string `json:"tokenLocation" default:"authorizationHeader" enum:"authorizationHeader|queryParameter"`
	Rules
	Federation
}

// PingFederateSettings are those of pingfederate-access-token-enforcement.
type PingFederateSettings struct {
	// IntrospectionURL is as/introspect.oauth2 of PingFederate, or as/token.oauth2 with validation validateBearer. Like authorizationValue, clientId and clientSecret it stands in for what MuleSoft's control plane knows of the client provider.
	IntrospectionURL string `json:"introspectionURL" required:"true" minLength:"1"`
	// Validation is how a token is validated: introspection (RFC 7662), or the grant type validate_bearer of PingFederate.
	Validation string `json:"validation" default:"introspection" enum:"introspection|validateBearer"`
	// AuthorizationValue is the whole value of the Authorization header with which the gateway asks; instead of clientId and clientSecret.
	AuthorizationValue string `json:"authorizationValue" default:"" secret:"true"`
	// ClientID is the id of the gateway at PingFederate.
	ClientID string `json:"clientId" default:""`
	// ClientSecret is the secret of the gateway at PingFederate.
	ClientSecret string `json:"clientSecret" default:"" secret:"true"`
	Rules
	Federation
}

// Rules are the settings that all have in common.
type Rules struct {
	// AuthenticationTimeout is how many milliseconds asking may take; more than 10000 count as 10000.
	AuthenticationTimeout int64 `json:"authenticationTimeout" default:"10000" min:"1" max:"600000"`
	// TrustedCA are the certificates, in PEM, of those who may vouch for the server that is asked; without them the roots of this machine do.
	TrustedCA string `json:"trustedCA" default:""`
	// Scopes are what the token must be granted, separated by spaces; empty asks for none.
	Scopes string `json:"scopes" default:""`
	// ScopeValidationCriteria says whether the token needs all of the scopes (AND) or one of them (OR).
	ScopeValidationCriteria string `json:"scopeValidationCriteria" default:"AND" enum:"AND|OR"`
	// ExposeHeaders says that the service reads what the answer says of the token in headers X-AGW-<field>. What a client sends under such names is always removed.
	ExposeHeaders bool `json:"exposeHeaders" default:"false"`
}

// Federation are the settings that the providers of the Mule gateway have in
// common.
type Federation struct {
	// SecureTrustStore is read and changes nothing: the certificate of the provider is always verified.
	SecureTrustStore bool `json:"secureTrustStore" default:"false"`
	// SkipClientIDValidation says that the client need not have a contract on the API.
	SkipClientIDValidation bool `json:"skipClientIdValidation" default:"false"`
	// MaxFederationExpirationTime is for how many seconds at most a valid token is known without asking again; -1 means until its expiry. A token without expiry is asked for every time.
	MaxFederationExpirationTime int64 `json:"maxFederationExpirationTime" default:"-1" min:"-1" max:"31536000"`
	// MaxCacheEntries is how many tokens are known without asking again.
	MaxCacheEntries int `json:"maxCacheEntries" default:"1000" min:"0" max:"1000000"`
}

// ResourceMetadata are the settings about protected resource metadata (RFC 9728).
type ResourceMetadata struct {
	// EnableProtectedResourceMetadata says that the API tells at <base path>/.well-known/oauth-protected-resource who issues its tokens (RFC 9728), and names that address in WWW-Authenticate. A request without token is then refused with 401, for which clients look, not with 400.
	EnableProtectedResourceMetadata bool `json:"enableProtectedResourceMetadata" default:"false"`
	// OverrideProtectedResourceMetadataAuthorizationServerURL says that protectedResourceMetadataAuthorizationServerUrl names the authorization server; otherwise it is the issuer, or the origin of the introspection endpoint.
	OverrideProtectedResourceMetadataAuthorizationServerURL bool `json:"overrideProtectedResourceMetadataAuthorizationServerUrl" default:"false"`
	// ProtectedResourceMetadataAuthorizationServerURL is the issuer identifier of the authorization server as clients know it.
	ProtectedResourceMetadataAuthorizationServerURL string `json:"protectedResourceMetadataAuthorizationServerUrl" default:""`
}

const (
	criteriaOr     = "OR"
	inQuery        = "queryParameter"
	validateBearer = "validateBearer"
	byClientID     = "client_id"
)

func defaultRules() Rules {
	return Rules{AuthenticationTimeout: 10000, ScopeValidationCriteria: "AND"}
}

func defaultFederation() Federation {
	return Federation{MaxFederationExpirationTime: -1, MaxCacheEntries: 1000}
}

// apply makes the common part of an enforcer.
func (r *Rules) apply(e *enforcer) error {
	e.server.timeout = time.Duration(min(r.AuthenticationTimeout, 10000)) * time.Millisecond
	e.rules.scopes, e.rules.anyScope = strings.Fields(r.Scopes), r.ScopeValidationCriteria == criteriaOr
	e.rules.expose = r.ExposeHeaders
	if r.TrustedCA == "" {
		return nil
	}
	e.server.roots = x509.NewCertPool()
	if !e.server.roots.AppendCertsFromPEM([]byte(r.TrustedCA)) {
		return errors.New("trustedCA: it holds no certificate in PEM")
	}
	return nil
}

func (f *Federation) apply(e *enforcer) {
	e.skipClient, e.capacity = f.SkipClientIDValidation, f.MaxCacheEntries
	e.rules.longest = federated(f.MaxFederationExpirationTime)
}

// federated is the longest time that a token is kept; it is kept at all only
// with an expiry.
func federated(seconds int64) lifetime {
	if seconds < 0 {
		return lifetime{unbounded: true}
	}
	return lifetime{most: time.Duration(seconds) * time.Second}
}

func compileIntrospection(settings json.RawMessage) (policy.Compiled, error) {
	s := Settings{
		ValidatedTokenTTL: 600, Rules: defaultRules(), ConsumerBy: byClientID, MaxCacheEntries: 1000,
	}
	if err := policy.Decode(settings, &s); err != nil {
		return nil, err
	}
	e := &enforcer{server: server{style: introspection}, skipClient: s.SkipClientIDValidation, capacity: s.MaxCacheEntries}
	if err := s.Rules.apply(e); err != nil {
		return nil, err
	}
	e.rules.consumer = s.ConsumerBy
	e.rules.longest = lifetime{most: time.Duration(s.ValidatedTokenTTL) * time.Second, withoutExpiry: true}
	var err error
	if e.server.endpoint, err = address("introspectionURL", s.IntrospectionURL); err != nil {
		return nil, err
	}
	if e.server.authorization, err = authorization(s.AuthorizationValue, "", ""); err != nil {
		return nil, err
	}
	return e, s.ResourceMetadata.apply(e, e.server.endpoint)
}

func compileOpenIDConnect(settings json.RawMessage) (policy.Compiled, error) {
	s := OpenIDConnectSettings{
		Rules: defaultRules(), SkipClientIDValidation: true, MaxFederationExpirationTime: -1, MaxCacheSize: 1000,
	}
	if err := policy.Decode(settings, &s); err != nil {
		return nil, err
	}
	e := &enforcer{server: server{style: introspection}, skipClient: s.SkipClientIDValidation, capacity: s.MaxCacheSize}
	if err := s.Rules.apply(e); err != nil {
		return nil, err
	}
	e.rules.consumer, e.rules.longest = byClientID, federated(s.MaxFederationExpirationTime)
	e.rules.hidden = []string{"scope", "expires_in"}
	if s.Issuer == "" && s.IntrospectionURL == "" {
		return nil, errors.New("issuer: it is empty, and so is introspectionURL; give one, so that there is somebody to ask")
	}
	var err error
	from := s.Issuer
	if s.Issuer != "" {
		if _, err := address("issuer", s.Issuer); err != nil {
			return nil, err
		}
		e.server.issuer, e.rules.issuer = s.Issuer, s.Issuer
	}
	if s.IntrospectionURL != "" {
		if e.server.endpoint, err = address("introspectionURL", s.IntrospectionURL); err != nil {
			return nil, err
		}
		if from == "" {
			from = e.server.endpoint
		}
	}
	if err := e.server.identify(s.AuthorizationValue, s.ClientID, s.ClientSecret); err != nil {
		return nil, err
	}
	return e, s.ResourceMetadata.apply(e, from)
}

func compileMuleProvider(settings json.RawMessage) (policy.Compiled, error) {
	s := MuleProviderSettings{TokenLocation: "authorizationHeader", Rules: defaultRules(), Federation: defaultFederation()}
	if err := policy.Decode(settings, &s); err != nil {
		return nil, err
	}
	return compileGet("tokenUrl", s.TokenURL, s.TokenLocation, &s.Rules, &s.Federation)
}

func compileOpenAM(settings json.RawMessage) (policy.Compiled, error) {
	s := OpenAMSettings{TokenLocation: "authorizationHeader", Rules: defaultRules(), Federation: defaultFederation()}
	if err := policy.Decode(settings, &s); err != nil {
		return nil, err
	}
	return compileGet("tokenInfoUrl", s.TokenInfoURL, s.TokenLocation, &s.Rules, &s.Federation)
}

// compileGet is for providers that are asked by GET, with the token alone.
func compileGet(setting, endpoint, location string, r *Rules, f *Federation) (policy.Compiled, error) {
	e := &enforcer{server: server{style: bearerGet}}
	if location == inQuery {
		e.server.style = queryGet
	}
	if err := r.apply(e); err != nil {
		return nil, err
	}
	f.apply(e)
	e.rules.consumer = byClientID
	var err error
	e.server.endpoint, err = address(setting, endpoint)
	if err != nil {
		return nil, err
	}
	return e, nil
}

func compilePingFederate(settings json.RawMessage) (policy.Compiled, error) {
	s := PingFederateSettings{Validation: "introspection", Rules: defaultRules(), Federation: defaultFederation()}
	if err := policy.Decode(settings, &s); err != nil {
		return nil, err
	}
	e := &enforcer{server: server{style: introspection}}
	if s.Validation == validateBearer {
		e.server.style = validateGrant
	}
	if err := s.Rules.apply(e); err != nil {
		return nil, err
	}
	s.Federation.apply(e)
	e.rules.consumer = byClientID
	var err error
	if e.server.endpoint, err = address("introspectionURL", s.IntrospectionURL); err != nil {
		return nil, err
	}
	if err := e.server.identify(s.AuthorizationValue, s.ClientID, s.ClientSecret); err != nil {
		return nil, err
	}
	return e, nil
}

// address checks the URL of a server.
func address(setting, text string) (string, error) {
	u, err := url.Parse(text)
	switch {
	case err != nil || u.Host == "" || u.Scheme != "https" && u.Scheme != "http":
		return "", fmt.Errorf("%s: it is not http://host/… or https://host/…", setting)
	case u.User != nil:
		return "", fmt.Errorf("%s: it holds a user name; credentials have settings of their own", setting)
	case u.Fragment != "":
		return "", fmt.Errorf("%s: it has a fragment, which no server sees", setting)
	}
	return text, nil
}

// identify sets how the gateway proves to the server who asks.
func (s *server) identify(value, id, secret string) error {
	var err error
	if s.authorization, err = authorization(value, id, secret); err != nil {
		return err
	}
	if value == "" {
		s.clientID, s.clientSecret = id, secret
	}
	return nil
}

// authorization is the header with which the gateway asks (RFC 6749 §2.3.1).
func authorization(value, id, secret string) (string, error) {
	switch {
	case value != "" && (id != "" || secret != ""):
		return "", errors.New("authorizationValue: given together with clientId and clientSecret; keep one of the two")
	case value != "" && !httpguts.ValidHeaderFieldValue(value):
		return "", errors.New("authorizationValue: it is no value of a header; it may hold no line break")
	case value != "":
		return value, nil
	case id == "" || secret == "":
		return "", errors.New("clientId: it or clientSecret is empty; give both, or authorizationValue")
	}
	pair := url.QueryEscape(id) + ":" + url.QueryEscape(secret)
	return "Basic " + base64.StdEncoding.EncodeToString([]byte(pair)), nil
}

// warn names what is valid but unwise in the settings of any of the policies.
func warn(settings json.RawMessage) []string {
	var s struct {
		Issuer, IntrospectionURL, TokenURL, TokenInfoURL string
		TokenLocation                                    string
		SkipClientIDValidation                           bool
		ValidatedTokenTTL                                int64
	}
	if err := json.Unmarshal(settings, &s); err != nil {
		return nil // references that are not resolved yet
	}
	var warnings []string
	for _, one := range [][2]string{
		{"issuer", s.Issuer}, {"introspectionURL", s.IntrospectionURL}, {"tokenUrl", s.TokenURL}, {"tokenInfoUrl", s.TokenInfoURL},
	} {
		if u, err := url.Parse(one[1]); err == nil && u.Scheme == "http" && !loopback(u.Hostname()) {
			warnings = append(warnings, one[0]+": over http anybody on the way reads the tokens and can make them valid; use https")
		}
	}
	if s.TokenLocation == inQuery {
		warnings = append(warnings, "tokenLocation: a token in the query stands in the provider's access log; use authorizationHeader if it can read that")
	}
	if s.ValidatedTokenTTL > int64(time.Hour/time.Second) {
		warnings = append(warnings, "validatedTokenTTL: a revoked token may pass for more than an hour")
	}
	return warnings
}
