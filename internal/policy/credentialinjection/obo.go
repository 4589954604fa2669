package credentialinjection

import (
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"net/http"
	"net/url"
	"strings"
	"time"

	"farrier.dev/farrier/internal/policy"
	"farrier.dev/farrier/internal/traffic"
)

// OBOSettings are what operators set of credential-injection-oauth2-obo: the
// bearer token of the client is exchanged for one that the service takes. Bind
// a policy that verifies the client's token to the API as well.
type OBOSettings struct {
	// Flow is how tokens are exchanged: tokenExchange is RFC 8693, entraObo is the on-behalf-of flow of Microsoft Entra.
	Flow string `json:"flow" required:"true" enum:"tokenExchange|entraObo"`
	// TokenEndpoint is the address of the token endpoint.
	TokenEndpoint string `json:"tokenEndpoint" required:"true" minLength:"1"`
	// ClientID is the client id of the gateway.
	ClientID string `json:"clientId" required:"true" minLength:"1"`
	// ClientSecret is its secret.
	ClientSecret string `json:"clientSecret" required:"true" minLength:"1" secret:"true"`
	// Scope are the scopes to ask for, separated by spaces. entraObo needs one.
	Scope string `json:"scope" default:""`
	// TargetType is the parameter of RFC 8693 that names the service, with tokenExchange.
	TargetType string `json:"targetType" default:"audience" enum:"audience|resource"`
	// TargetValue is its value; left out, the request names no service.
	TargetValue string `json:"targetValue" default:""`
	// Timeout is how long to wait for a token, in milliseconds. The gateway never waits more than 10 seconds.
	Timeout int `json:"timeout" default:"10000" min:"1"`
	// CIBAEnabled expects that a user may have to approve the exchange elsewhere: while the token endpoint answers authorization_pending or slow_down, clients read 401 with authorization_pending and Retry-After: 5.
	CIBAEnabled bool `json:"cibaEnabled" default:"false"`
	// MaxCacheEntries is how many exchanged tokens are kept, each under the SHA-256 of the client's. This setting is Farrier's own.
	MaxCacheEntries int `json:"maxCacheEntries" default:"1000" min:"1" max:"1000000"`
}

const pending = "authorization_pending"

// obo are the settings, ready.
type obo struct {
	OBOSettings
	service tokenService
}

func compileOBO(settings json.RawMessage) (policy.Compiled, error) {
	s := OBOSettings{TargetType: "audience", Timeout: gatewayWait, MaxCacheEntries: 1000}
	if err := policy.Decode(settings, &s); err != nil {
		return nil, err
	}
	if err := endpoint("tokenEndpoint", s.TokenEndpoint); err != nil {
		return nil, err
	}
	if s.Flow == "entraObo" && strings.TrimSpace(s.Scope) == "" {
		return nil, errors.New("scope: required with flow entraObo, but missing; write api://APPLICATION/.default")
	}
	if s.Flow == "entraObo" && s.TargetValue != "" {
		return nil, errors.New("targetValue: flow entraObo names the service by scope; remove it")
	}
	return &obo{OBOSettings: s, service: tokenService{url: s.TokenEndpoint, timeout: time.Duration(s.Timeout) * time.Millisecond}}, nil
}

func warnOBO(settings json.RawMessage) []string {
	var s OBOSettings
	if policy.Decode(settings, &s) != nil {
		return nil
	}
	return warnings("tokenEndpoint", s.TokenEndpoint, "timeout", s.Timeout)
}

// Bind implements policy.Compiled.
func (o *obo) Bind(env policy.Env) (policy.Step, error) {
	kept, ok := env.State("tokens", func() any { return newTokens(o.MaxCacheEntries, 0) }).(*tokens)
	if !ok {
		return policy.Step{}, errors.New("the state under tokens holds no tokens")
	}
	b := &boundOBO{obo: o, client: env.HTTP, now: env.Now, tokens: kept}
	return policy.Step{Request: b.request, Response: b.response}, nil
}

type boundOBO struct {
	*obo
	client *http.Client
	now    func() time.Time
	tokens *tokens
}

// bearer is the one token that a request brings (RFC 6750 §2.1).
func bearer(h *traffic.Header) string {
	values := h.Values("authorization")
	if len(values) != 1 {
		return ""
	}
	scheme, text, _ := strings.Cut(values[0].Value, " ")
	text = strings.TrimLeft(text, " ")
	if !strings.EqualFold(scheme, "bearer") || !validToken(text) {
		return ""
	}
	return text
}

// parameters are those of the exchange of one subject's token.
func (o *obo) parameters(subject string) url.Values {
	p := url.Values{"client_id": {o.ClientID}, "client_secret": {o.ClientSecret}}
	if o.Scope != "" {
		p.Set("scope", o.Scope)
	}
	if o.Flow == "entraObo" {
		p.Set("grant_type", "urn:ietf:params:oauth:grant-type:jwt-bearer")
		p.Set("assertion", subject)
		p.Set("requested_token_use", "on_behalf_of")
		return p
	}
	p.Set("grant_type", "urn:ietf:params:oauth:grant-type:token-exchange")
	p.Set("subject_token", subject)
	p.Set("subject_token_type", "urn:ietf:params:oauth:token-type:access_token")
	p.Set("requested_token_type", "urn:ietf:params:oauth:token-type:access_token")
	if o.TargetValue != "" {
		p.Set(o.TargetType, o.TargetValue)
	}
	return p
}

func (b *boundOBO) request(ctx context.Context, x *traffic.Exchange) policy.Verdict {
	subject := bearer(&x.Request.Header)
	if subject == "" {
		return unauthorized("Token is required.", "the request brings no bearer token to exchange", "Bearer")
	}
	k := key(sha256.Sum256([]byte(subject)))
	got, err := b.tokens.get(ctx, k, b.now, func(ctx context.Context) (*token, error) {
		return b.service.ask(ctx, b.client, b.parameters(subject), b.now)
	})
	if err != nil {
		return b.refuse(err)
	}
	x.Request.Header.Set("authorization", "Bearer "+got.value)
	x.Carry(b, carriedToken{k, got})
	return policy.Go()
}

// refuse tells what belongs to the client's token from what belongs to the
// gateway or the token service.
func (b *boundOBO) refuse(err error) policy.Verdict {
	var why *fetchError
	errors.As(err, &why)
	code := ""
	if why != nil {
		code = why.code
	}
	switch {
	case b.CIBAEnabled && (code == pending || code == "slow_down"):
		v := unauthorized(pending, "the user has not approved the exchange yet", "Bearer")
		v.Answer.Header = append(v.Answer.Header, traffic.Field{Name: "retry-after", Value: "5"})
		return v
	case code == "invalid_grant" || code == "interaction_required" || code == "access_denied":
		return unauthorized("Invalid token.", "the token service does not exchange the client's token: "+err.Error(), `Bearer error="invalid_token"`)
	}
	return policy.Fail(http.StatusServiceUnavailable, "Service unavailable.", "there is no token for the service: "+err.Error())
}

func unauthorized(public, reason, challenge string) policy.Verdict {
	return policy.Refuse(http.StatusUnauthorized, public, reason, traffic.Field{Name: "www-authenticate", Value: challenge})
}

func (b *boundOBO) response(_ context.Context, x *traffic.Exchange) policy.Verdict {
	if b.tokens.drop(b, x, b.now) {
		return policy.GoBecause("the service did not take the token; the next request exchanges anew")
	}
	return policy.Go()
}
