// Package jwtvalidation is the policy jwt-validation-flex: it lets a request
// pass only with a JSON Web Token (RFC 7519) whose signature and claims hold. It
// verifies signed tokens; it neither issues nor decrypts any.
//
// The order of a request is: take the token, look whether it was verified
// before, else read it strictly, find its key, verify, judge the claims. Its
// times, its key and its client are judged for every request anew.
package jwtvalidation

import (
	"context"
	"crypto/sha256"
	_ "embed"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"

	"farrier.dev/farrier/internal/dataweave"
	"farrier.dev/farrier/internal/jose"
	"farrier.dev/farrier/internal/policy"
	"farrier.dev/farrier/internal/traffic"
)

//go:generate go run ../schemagen .

//go:embed schema.json
var schema []byte

// Policy is the entry of the catalogue.
func Policy() policy.Policy {
	return policy.Policy{
		Name: "jwt-validation-flex", Title: "JWT Validation", Category: "Security",
		Phase: policy.Identify, Identifies: true, Schema: schema, Compile: compile, Warn: warn,
	}
}

// validator is a set of settings, compiled.
type validator struct {
	origin        *dataweave.Expression // nil for the Authorization header
	unsigned      bool
	method        string
	allowed       jose.Permitted
	key           *jose.Key             // of jwtKeyOrigin text
	keyExpression *dataweave.Expression // of jwtKeyOrigin customExpression
	urls          []string              // of jwtKeyOrigin jwks
	ttl, timeout  time.Duration
	rules         claimRules
	client        *dataweave.Expression
	clientAlways  bool // client depends on more than the claims
	skipClient    bool
	evaluates     bool // expressions are evaluated for every request
}

// step is a validator bound to an API.
type step struct {
	*validator
	now     func() time.Time
	clients *policy.Clients
	keys    keyring // nil for unsigned tokens and keyExpression
	texts   *textKeys
	tokens  *tokenCache
}

// Bind implements policy.Compiled.
func (v *validator) Bind(env policy.Env) (policy.Step, error) {
	s := &step{validator: v, now: env.Now, clients: env.Clients}
	var ok bool
	if s.tokens, ok = env.State("tokens", func() any { return &tokenCache{} }).(*tokenCache); !ok {
		return policy.Step{}, fmt.Errorf("the tokens kept for %s are of another kind", env.Binding)
	}
	switch {
	case v.key != nil:
		s.keys = oneKey{v.key}
	case v.keyExpression != nil:
		s.texts = &textKeys{method: v.method, allowed: v.allowed.Always}
	case v.urls != nil:
		if env.HTTP == nil {
			return policy.Step{}, errors.New("there is no HTTP client to fetch key sets with")
		}
		s.keys, ok = env.State("keys", func() any {
			return newKeySets(v.urls, fetching{env.HTTP, env.Now, env.Log, v.ttl, v.timeout, v.allowed})
		}).(keySets)
		if !ok {
			return policy.Step{}, fmt.Errorf("the key sets kept for %s are of another kind", env.Binding)
		}
	}
	expressions := []*dataweave.Expression{v.origin, v.keyExpression, v.client}
	for _, c := range v.rules.custom {
		expressions = append(expressions, c.value)
	}
	return policy.Step{Request: s.request, RequestBody: policy.PayloadNeed(expressions...)}, nil
}

func (s *step) request(ctx context.Context, x *traffic.Exchange) policy.Verdict {
	var scope *policy.Scope
	if s.evaluates {
		scope = &policy.Scope{Exchange: x}
	}
	text, refusal := s.token(x, scope)
	if text == "" {
		return refusal
	}
	v, err := s.verify(ctx, text, scope)
	if err == nil {
		err = s.admit(x, v, scope)
	}
	switch {
	case errors.Is(err, errNoKeys):
		return policy.Fail(http.StatusServiceUnavailable, "Service unavailable.", "no key set is available, so the token can't be verified")
	case err != nil:
		return invalid(err.Error())
	}
	x.Auth.SetProperty("claims", v.property)
	x.Auth.SetProperty("jwt", text)
	s.rules.forward(&x.Request.Header, v.headers)
	return policy.Go()
}

// token is the token of a request, empty when there is a refusal instead.
func (s *step) token(x *traffic.Exchange, scope *policy.Scope) (string, policy.Verdict) {
	if s.origin != nil {
		text, err := s.origin.EvalString(scope)
		if err != nil || text == "" {
			return "", policy.Refuse(http.StatusBadRequest, "JWT Token is required.", "jwtExpression gave no token")
		}
		return text, policy.Verdict{}
	}
	values := x.Request.Header.Values("authorization")
	if len(values) > 1 {
		return "", invalid("there is more than one Authorization header")
	}
	if len(values) == 1 {
		scheme, text, _ := strings.Cut(values[0].Value, " ")
		if text = strings.TrimLeft(text, " "); strings.EqualFold(scheme, "bearer") && text != "" {
			return text, policy.Verdict{}
		}
	}
	return "", policy.Refuse(http.StatusBadRequest, "JWT Token is required.", "there is no Authorization header with the scheme Bearer and a token")
}

func invalid(reason string) policy.Verdict {
	return policy.Refuse(http.StatusUnauthorized, "Invalid token.", reason,
		traffic.Field{Name: "www-authenticate", Value: `Bearer error="invalid_token"`})
}

// verify gives what is known of a valid token, from the cache or anew.
func (s *step) verify(ctx context.Context, text string, scope *policy.Scope) (*verified, error) {
	keys, keyText := s.keys, ""
	if s.keyExpression != nil {
		var err error
		if keyText, err = s.keyExpression.EvalString(scope); err != nil {
			return nil, errors.New("customKeyExpression could not be evaluated")
		}
		k, err := s.texts.read(keyText)
		if err != nil {
			return nil, errors.New("customKeyExpression gave no usable key")
		}
		keys = oneKey{k}
	}
	now := float64(s.now().UnixNano()) / 1e9
	id := identify(keyText, text)
	if v := s.tokens.find(&id); v != nil {
		if v.key != nil && !keys.holds(ctx, v.key) {
			s.tokens.drop(&id) // its key was withdrawn
		} else if err := v.within(now); err == nil || errors.Is(err, errEarly) {
			return v, err
		} else {
			s.tokens.drop(&id)
			return nil, err
		}
	}
	v, err := s.check(ctx, text, keys)
	if err != nil {
		return nil, err
	}
	if err := v.within(now); err != nil {
		return nil, err
	}
	if len(text) <= maxCachedToken {
		s.tokens.keep(&id, v)
	}
	return v, nil
}

// identify is the name of a token in the cache; a key that requests choose is
// part of it.
func identify(keyText, text string) tokenID {
	// On the stack: hashing a string directly would copy it to the heap.
	var buffer [2048]byte
	whole := buffer[:0]
	if keyText != "" {
		sum := sha256.Sum256([]byte(keyText))
		whole = append(whole, sum[:]...)
	}
	return sha256.Sum256(append(whole, text...))
}

// check reads a token, verifies its signature and judges what does not change
// from request to request.
func (s *step) check(ctx context.Context, text string, keys keyring) (*verified, error) {
	t, err := parseToken(text)
	if err != nil {
		return nil, err
	}
	v := &verified{claims: t.value, property: t.value}
	if !s.unsigned {
		if v.key, err = s.signer(ctx, t, keys); err != nil {
			return nil, err
		}
	}
	if v.notBefore, v.expires, err = s.rules.times(t.claims); err != nil {
		return nil, err
	}
	if err := s.rules.audience(t.claims); err != nil {
		return nil, err
	}
	// These expressions read nothing but vars, which holds the claims.
	scope := &policy.Scope{Exchange: &traffic.Exchange{}, Vars: v}
	if err := s.rules.customs(t.claims, scope, false); err != nil {
		return nil, err
	}
	if v.headers, err = s.rules.fields(t.claims); err != nil {
		return nil, err
	}
	if !s.clientAlways {
		v.clientID, _ = s.client.EvalString(scope) // what can't be evaluated is nobody
	}
	return v, nil
}

func (s *step) signer(ctx context.Context, t *token, keys keyring) (*jose.Key, error) {
	if !s.allowed.Named.Has(t.Algorithm) {
		return nil, errors.New("its alg is not one that the settings allow")
	}
	candidates, err := keys.find(ctx, t)
	if err != nil {
		return nil, err
	}
	if len(candidates) == 0 {
		return nil, errors.New("there is no key for its kid and alg")
	}
	for _, k := range candidates {
		if k.Verifies(t.Token) {
			return k, nil
		}
	}
	return nil, errors.New("its signature does not verify")
}

// admit judges what may differ between requests with one token, and makes its
// client the caller.
func (s *step) admit(x *traffic.Exchange, v *verified, scope *policy.Scope) error {
	if s.evaluates {
		scope.Vars = v
		claims, _ := v.claims.AsObject()
		if err := s.rules.customs(claims, scope, true); err != nil {
			return err
		}
	}
	id := v.clientID
	if s.clientAlways {
		id, _ = s.client.EvalString(scope) // what can't be evaluated is nobody
	}
	if !s.skipClient {
		client := s.clients.Find(id)
		if id == "" || client == nil {
			return errors.New(s.clients.WhyUnknown(id))
		}
		client.Establish(&x.Auth)
		return nil
	}
	if x.Auth.ClientID == "" {
		x.Auth.ClientID = id
	}
	return nil
}
