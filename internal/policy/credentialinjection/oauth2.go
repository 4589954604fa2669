package credentialinjection

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"time"

	"farrier.dev/farrier/internal/policy"
	"farrier.dev/farrier/internal/traffic"
)

// OAuth2Settings are what operators set of credential-injection-oauth2-flex.
type OAuth2Settings struct {
	// OAuthService is the address of the token endpoint.
	OAuthService string `json:"oauthService" required:"true" minLength:"1"`
	// GrantType is how the token is got: clientCredentials (RFC 6749 §4.4) or password (§4.3, which OAuth 2.1 gives up).
	GrantType string `json:"grantType" default:"clientCredentials" enum:"clientCredentials|password"`
	// CredentialLocation is where the token endpoint reads client id and secret: in the body, or in the Authorization header.
	CredentialLocation string `json:"credentialLocation" default:"body" enum:"body|header"`
	// ClientID is the client id of the gateway.
	ClientID string `json:"clientId" required:"true" minLength:"1"`
	// ClientSecret is its secret.
	ClientSecret string `json:"clientSecret" required:"true" minLength:"1" secret:"true"`
	// Username is whose token it is, with password.
	Username string `json:"username" default:""`
	// Password is the password of that user, with password.
	Password string `json:"password" default:"" secret:"true"`
	// Scope are the scopes to ask for.
	Scope []string `json:"scope" default:"[]"`
	// Overwrite replaces a credential that the client sent; otherwise that one goes to the service and no token is fetched.
	Overwrite bool `json:"overwrite" default:"false"`
	// TokenFetchTimeout is how long to wait for a token, in milliseconds. The gateway never waits more than 10 seconds.
	TokenFetchTimeout int `json:"tokenFetchTimeout" default:"10000" min:"1"`
	// AllowRequestWithoutCredential sends requests on without a credential when there is no token; otherwise they are answered with 503.
	AllowRequestWithoutCredential bool `json:"allowRequestWithoutCredential" default:"false"`
	// TokenRequestBodyFormat is the form of the parameters; RFC 6749 knows urlEncoded only.
	TokenRequestBodyFormat string `json:"tokenRequestBodyFormat" default:"urlEncoded" enum:"json|urlEncoded"`
	// UpstreamTokenHeaderName is the header that carries the token to the service.
	UpstreamTokenHeaderName string `json:"upstreamTokenHeaderName" default:"Authorization"`
	// UpstreamTokenPrefixName is what stands before the token, with a space between; empty for nothing.
	UpstreamTokenPrefixName string `json:"upstreamTokenPrefixName" default:"Bearer"`
	// CachingTTL is how long a token is used at most, in seconds. With 0 it is used until shortly before the end that the token endpoint told as expires_in: 30 seconds, or a tenth of its life if that is less. Where nothing is told, a token is used for 5 minutes.
	CachingTTL int `json:"cachingTtl" default:"0" min:"0"`
	// CustomRequestHeaders are further headers of the call to the token endpoint.
	CustomRequestHeaders []RequestHeader `json:"customRequestHeaders" default:"[]"`
}

// RequestHeader is one header. Its name is given as key or as name.
type RequestHeader struct {
	// Key is the header's name.
	Key string `json:"key" default:""`
	// Name is another spelling of key.
	Name string `json:"name" default:""`
	// Value is the header's value.
	Value string `json:"value" required:"true" secret:"true"`
}

// oauth2 are the settings, ready.
type oauth2 struct {
	injection
	service    tokenService
	parameters url.Values
	prefix     string
	lenient    bool
}

func compileOAuth2(settings json.RawMessage) (policy.Compiled, error) {
	s := OAuth2Settings{
		GrantType: "clientCredentials", CredentialLocation: "body", TokenFetchTimeout: gatewayWait,
		TokenRequestBodyFormat: "urlEncoded", UpstreamTokenHeaderName: "Authorization", UpstreamTokenPrefixName: "Bearer",
	}
	if err := policy.Decode(settings, &s); err != nil {
		return nil, err
	}
	if err := endpoint("oauthService", s.OAuthService); err != nil {
		return nil, err
	}
	if s.GrantType == "password" && (s.Username == "" || s.Password == "") {
		return nil, errors.New("username and password: required with grantType password, but missing")
	}
	if s.UpstreamTokenHeaderName == "" {
		s.UpstreamTokenHeaderName = "Authorization"
	}
	name, err := headerName("upstreamTokenHeaderName", s.UpstreamTokenHeaderName)
	if err != nil {
		return nil, err
	}
	if err := headerValue("upstreamTokenPrefixName", s.UpstreamTokenPrefixName); err != nil {
		return nil, err
	}
	prefix := strings.TrimSpace(s.UpstreamTokenPrefixName)
	if prefix != "" {
		prefix += " "
	}
	header, err := s.header()
	if err != nil {
		return nil, err
	}
	return &oauth2{
		injection: injection{[]string{name}, s.Overwrite}, prefix: prefix, lenient: s.AllowRequestWithoutCredential,
		parameters: s.parameters(),
		service: tokenService{
			url: s.OAuthService, json: s.TokenRequestBodyFormat == "json", header: header,
			life: time.Duration(s.CachingTTL) * time.Second, timeout: time.Duration(s.TokenFetchTimeout) * time.Millisecond,
		},
	}, nil
}

// parameters are those of the token request (RFC 6749).
func (s *OAuth2Settings) parameters() url.Values {
	p := url.Values{"grant_type": {"client_credentials"}}
	if s.GrantType == "password" {
		p = url.Values{"grant_type": {"password"}, "username": {s.Username}, "password": {s.Password}}
	}
	if s.CredentialLocation == "body" {
		p.Set("client_id", s.ClientID)
		p.Set("client_secret", s.ClientSecret)
	}
	if len(s.Scope) > 0 {
		p.Set("scope", strings.Join(s.Scope, " "))
	}
	return p
}

// header are the fields of the token request.
func (s *OAuth2Settings) header() (http.Header, error) {
	header := http.Header{}
	for i, h := range s.CustomRequestHeaders {
		setting := fmt.Sprintf("customRequestHeaders[%d]", i)
		if (h.Key == "") == (h.Name == "") {
			return nil, errors.New(setting + ": give its name once, as key or as name")
		}
		name, err := headerName(setting+".key", h.Key+h.Name)
		if err != nil {
			return nil, err
		}
		if err := headerValue(setting+".value", h.Value); err != nil {
			return nil, err
		}
		if name == "authorization" && s.CredentialLocation == "header" {
			return nil, errors.New(setting + ".key: authorization carries the client credentials; choose credentialLocation body")
		}
		header.Add(name, h.Value)
	}
	if s.CredentialLocation == "header" {
		// Both are escaped before they are joined, RFC 6749 §2.3.1.
		r := http.Request{Header: header}
		r.SetBasicAuth(url.QueryEscape(s.ClientID), url.QueryEscape(s.ClientSecret))
	}
	return header, nil
}

func warnOAuth2(settings json.RawMessage) []string {
	var s OAuth2Settings
	if policy.Decode(settings, &s) != nil {
		return nil
	}
	list := warnings("oauthService", s.OAuthService, "tokenFetchTimeout", s.TokenFetchTimeout)
	if s.GrantType != "password" && s.Username+s.Password != "" {
		list = append(list, "username and password have no effect: grantType is not password")
	}
	return list
}

// Bind implements policy.Compiled.
func (o *oauth2) Bind(env policy.Env) (policy.Step, error) {
	kept, ok := env.State("tokens", func() any { return newTokens(1, restAfterFailure) }).(*tokens)
	if !ok {
		return policy.Step{}, errors.New("the state under tokens holds no tokens")
	}
	b := &boundOAuth2{oauth2: o, client: env.HTTP, now: env.Now, tokens: kept}
	return policy.Step{Request: b.request, Response: b.response}, nil
}

type boundOAuth2 struct {
	*oauth2
	client *http.Client
	now    func() time.Time
	tokens *tokens
}

func (b *boundOAuth2) request(ctx context.Context, x *traffic.Exchange) policy.Verdict {
	if b.present(&x.Request.Header) {
		return policy.GoBecause("the client sent a credential of its own, which stays")
	}
	// The one token of a binding has the empty key.
	got, err := b.tokens.get(ctx, key{}, b.now, func(ctx context.Context) (*token, error) {
		return b.service.ask(ctx, b.client, b.parameters, b.now)
	})
	if err != nil && b.lenient {
		b.clear(&x.Request.Header)
		return policy.GoBecause("the request goes without a credential: " + err.Error())
	}
	if err != nil {
		return policy.Fail(http.StatusServiceUnavailable, "Service unavailable.", "there is no token for the service: "+err.Error())
	}
	b.set(&x.Request.Header, b.prefix+got.value)
	x.Carry(b, carriedToken{token: got})
	return policy.Go()
}

func (b *boundOAuth2) response(_ context.Context, x *traffic.Exchange) policy.Verdict {
	if b.tokens.drop(b, x, b.now) {
		return policy.GoBecause("the service did not take the token; the next request fetches another")
	}
	return policy.Go()
}
