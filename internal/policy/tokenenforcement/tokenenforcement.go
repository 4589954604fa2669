// Package tokenenforcement is the policies that let a request pass only with an
// access token which its authorization server calls valid: by introspection
// (RFC 7662), or by the older ways of OpenAM, PingFederate and the Mule OAuth
// provider. It issues no tokens and reads none: what a token says, its server
// tells. Tokens that can be verified without asking are for jwt-validation.
//
// Refusals follow RFC 6750: 400 for a request without a usable token, 401 for a
// token that is not valid, 403 for one that is not enough. A server that can't be
// reached refuses with 401, and one whose answer can't be understood with 500.
package tokenenforcement

import (
	"context"
	_ "embed"
	"errors"
	"fmt"
	"net"
	"net/http"
	"strings"

	"farrier.dev/farrier/internal/policy"
	"farrier.dev/farrier/internal/traffic"
)

//go:generate go run ../schemagen . .:OpenIDConnectSettings .:MuleProviderSettings .:OpenAMSettings .:PingFederateSettings

var (
	//go:embed schema.json
	introspectionSchema []byte
	//go:embed openidconnect.json
	openIDConnectSchema []byte
	//go:embed muleprovider.json
	muleProviderSchema []byte
	//go:embed openam.json
	openAMSchema []byte
	//go:embed pingfederate.json
	pingFederateSchema []byte
)

// Introspection is the entry of the catalogue for
// oauth2-token-introspection-flex, which asks an authorization server by
// introspection (RFC 7662).
func Introspection() policy.Policy {
	return policy.Policy{
		Name: "oauth2-token-introspection-flex", Title: "OAuth 2.0 Token Introspection", Category: "Security",
		Phase: policy.Identify, Identifies: true, Schema: introspectionSchema, Compile: compileIntrospection, Warn: warn,
	}
}

// OpenIDConnect is the entry of the catalogue for
// openidconnect-access-token-enforcement-flex, which asks an OpenID Connect
// provider, whose introspection endpoint is found by discovery.
func OpenIDConnect() policy.Policy {
	return policy.Policy{
		Name: "openidconnect-access-token-enforcement-flex", Title: "OpenID Connect Access Token Enforcement", Category: "Security",
		Phase: policy.Identify, Identifies: true, Schema: openIDConnectSchema, Compile: compileOpenIDConnect, Warn: warn,
	}
}

// MuleProvider is the entry of the catalogue for
// external-oauth2-access-token-enforcement, which asks the Mule OAuth provider.
func MuleProvider() policy.Policy {
	return policy.Policy{
		Name: "external-oauth2-access-token-enforcement", Title: "OAuth 2.0 Access Token Enforcement Using Mule OAuth Provider", Category: "Security",
		Phase: policy.Identify, Identifies: true, Schema: muleProviderSchema, Compile: compileMuleProvider, Warn: warn,
	}
}

// OpenAM is the entry of the catalogue for openam-access-token-enforcement,
// which asks OpenAM.
func OpenAM() policy.Policy {
	return policy.Policy{
		Name: "openam-access-token-enforcement", Title: "OpenAM OAuth 2.0 Token Enforcement", Category: "Security",
		Phase: policy.Identify, Identifies: true, Schema: openAMSchema, Compile: compileOpenAM, Warn: warn,
	}
}

// PingFederate is the entry of the catalogue for
// pingfederate-access-token-enforcement, which asks PingFederate.
func PingFederate() policy.Policy {
	return policy.Policy{
		Name: "pingfederate-access-token-enforcement", Title: "PingFederate OAuth 2.0 Token Enforcement", Category: "Security",
		Phase: policy.Identify, Identifies: true, Schema: pingFederateSchema, Compile: compilePingFederate, Warn: warn,
	}
}

// enforcer is a set of settings, compiled.
type enforcer struct {
	server     server
	rules      rules
	skipClient bool
	capacity   int
	metadata   *metadata // nil unless protected resource metadata are on
}

// step is an enforcer bound to an API.
type step struct {
	*enforcer
	clients *policy.Clients
	tokens  *tokens
}

// Bind implements policy.Compiled.
func (e *enforcer) Bind(env policy.Env) (policy.Step, error) {
	if env.HTTP == nil {
		return policy.Step{}, errors.New("there is no HTTP client to ask the authorization server with")
	}
	s := &step{enforcer: e, clients: env.Clients}
	asks, err := e.server.connect(env.HTTP, env.Now)
	if err != nil {
		return policy.Step{}, err
	}
	var ok bool
	s.tokens, ok = env.State("tokens", func() any { return newTokens(&e.rules, asks, env.Now, e.capacity) }).(*tokens)
	if !ok {
		return policy.Step{}, fmt.Errorf("the tokens kept for %s are of another kind", env.Binding)
	}
	return policy.Step{Request: s.request}, nil
}

func (s *step) request(ctx context.Context, x *traffic.Exchange) policy.Verdict {
	if s.metadata != nil && x.SubPath == metadataPath {
		return s.metadata.answer(x)
	}
	text, why := bearer(x)
	if why != "" {
		return s.withoutToken(x, why)
	}
	g, err := s.tokens.grant(ctx, text)
	if err != nil {
		return s.refuse(x, err)
	}
	if err := g.bound(x); err != nil {
		return s.refuse(x, err)
	}
	if !g.enough {
		return policy.Refuse(http.StatusForbidden, "Insufficient scope.", "the token is not granted the scopes that the settings ask for",
			s.challenge(x, `error="insufficient_scope", scope=`+quote(strings.Join(s.rules.scopes, " "))))
	}
	if s.skipClient {
		if x.Auth.ClientID == "" {
			x.Auth.ClientID = g.clientID
		}
	} else {
		client := s.clients.Find(g.clientID)
		if g.clientID == "" || client == nil {
			return policy.Refuse(http.StatusForbidden, "Invalid client.", s.clients.WhyUnknown(g.clientID))
		}
		client.Establish(&x.Auth)
	}
	if g.principal != "" {
		x.Auth.Principal = g.principal
	}
	x.Auth.SetProperty("claims", g.claims)
	x.Auth.SetProperty("userProperties", g.claims)
	x.Request.Header.DelFunc(func(f traffic.Field) bool { return strings.HasPrefix(f.Name, exposedPrefix) })
	for _, f := range g.headers {
		x.Request.Header.Set(f.Name, f.Value)
	}
	return policy.Go()
}

const maxToken = 8 << 10 // bytes

// bearer is the token of a request (RFC 6750 §2.1), or why there is none.
func bearer(x *traffic.Exchange) (token, why string) {
	values := x.Request.Header.Values("authorization")
	if len(values) > 1 {
		return "", "there is more than one Authorization header"
	}
	if len(values) == 1 {
		scheme, text, _ := strings.Cut(values[0].Value, " ")
		text = strings.Trim(text, " ")
		switch {
		case !strings.EqualFold(scheme, "bearer") || text == "":
		case len(text) > maxToken:
			return "", "the token is longer than 8192 bytes"
		case strings.ContainsFunc(text, func(r rune) bool { return r <= ' ' || r >= 0x7f || r == '"' || r == '\\' }):
			return "", "the token has characters that no token has"
		default:
			return text, ""
		}
	}
	return "", "there is no Authorization header with the scheme Bearer and a token"
}

// withoutToken refuses a request that holds no usable token.
func (s *step) withoutToken(x *traffic.Exchange, why string) policy.Verdict {
	status := http.StatusBadRequest
	if s.metadata != nil {
		// RFC 9728 §5.1: clients learn of the authorization server by a 401.
		status = http.StatusUnauthorized
	}
	return policy.Refuse(status, "Access token is required.", why, s.challenge(x, ""))
}

// refuse says why there is no grant for a token.
func (s *step) refuse(x *traffic.Exchange, err error) policy.Verdict {
	var v policy.Verdict
	switch {
	case errors.Is(err, errNotValid):
		return policy.Refuse(http.StatusUnauthorized, "Invalid access token.", err.Error(), s.challenge(x, `error="invalid_token"`))
	case errors.Is(err, errAnswer):
		return policy.Fail(http.StatusInternalServerError, "Bad response from the authorization server.", err.Error())
	case errors.Is(err, errBusy):
		return policy.Fail(http.StatusServiceUnavailable, "Service unavailable.", err.Error())
	case errors.Is(err, errForbidden):
		v = policy.Fail(http.StatusUnauthorized, "The authorization server could not be asked.", err.Error())
	default:
		v = policy.Fail(http.StatusUnauthorized, "The authorization server could not be reached.", err.Error())
	}
	v.Answer.Header = []traffic.Field{s.challenge(x, "")}
	return v
}

// challenge is the header WWW-Authenticate (RFC 6750 §3, RFC 9728 §5.1).
func (s *step) challenge(x *traffic.Exchange, parameters string) traffic.Field {
	if s.metadata != nil {
		where := "resource_metadata=" + quote(resource(x)+metadataPath)
		if parameters != "" {
			where = ", " + where
		}
		parameters += where
	}
	return traffic.Field{Name: "www-authenticate", Value: strings.TrimSpace("Bearer " + parameters)}
}

// quote writes a quoted-string (RFC 9110 §5.6.4).
func quote(text string) string {
	return `"` + strings.NewReplacer(`\`, `\\`, `"`, `\"`).Replace(text) + `"`
}

func loopback(host string) bool {
	ip := net.ParseIP(host)
	return host == "localhost" || ip != nil && ip.IsLoopback()
}
