// Package jwtgeneration is the policy jwt-generation-flex: it makes a signed
// token (JWT, RFC 7519) for each request on its way to the service. It verifies
// nothing that the client sent; what a claim says is what its expression finds.
package jwtgeneration

import (
	"context"
	_ "embed"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"net/http"
	"strings"
	"time"

	"golang.org/x/net/http/httpguts"

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
		Name: "jwt-generation-flex", Title: "Credential Injection: JWT Generation", Category: "Security",
		Aliases: []string{"credential-injection-jwt-generation-flex"},
		Phase:   policy.Shape, Outbound: true, Schema: schema, Compile: compile, Warn: warn,
	}
}

// Settings are what operators set.
type Settings struct {
	// SigningMethod is the algorithm of RFC 7518 that signs the token.
	SigningMethod string `json:"signingMethod" required:"true" default:"RS256" enum:"RS256|RS384|RS512|HS256|HS384|HS512|ES256|ES384"`
	// PrivateKey is the key: for RS and ES a private key in PKCS #8, as PEM or as its Base64 without header and footer, RSA with at least 2048 bits, ES256 on P-256 and ES384 on P-384; for HS a text of at least 32, 48 or 64 bytes.
	PrivateKey string `json:"privateKey" required:"true" minLength:"1" secret:"true"`
	// Iat tells in the token when it was made.
	Iat bool `json:"iat" required:"true" default:"true"`
	// Exp is how long the token is valid, in seconds; with 0 it tells no end.
	Exp int64 `json:"exp" required:"true" default:"0" min:"0" max:"315360000"`
	// Nbf is how many seconds after its making the token becomes valid; with 0 it tells no beginning.
	Nbf int64 `json:"nbf" required:"true" default:"0" min:"0" max:"315360000"`
	// CustomClaims are further claims.
	CustomClaims []Claim `json:"customClaims" required:"true" default:"[]"`
	// CustomHeaders are further parameters of the token's header, as kid. typ is JWT unless it is given here.
	CustomHeaders []Parameter `json:"customHeaders" required:"true" default:"[]"`
	// HeaderName is the HTTP header that carries the token. In Authorization it stands behind Bearer, anywhere else alone. What the client sent there is replaced. This setting is Farrier's own.
	HeaderName string `json:"headerName" default:"Authorization"`
}

// Claim is one claim.
type Claim struct {
	// Name is the claim's name. iat, exp and nbf have settings of their own.
	Name string `json:"name" required:"true" minLength:"1"`
	// Value is the claim's value, as text or as an expression, whose result keeps its type. A claim whose expression gives null is left out.
	Value string `json:"value" required:"true" expr:"true"`
}

// Parameter is one parameter of the token's header.
type Parameter struct {
	// Name is the parameter's name. alg, b64 and crit can't be given.
	Name string `json:"name" required:"true" minLength:"1"`
	// Value is the parameter's value, as text or as an expression that gives text.
	Value string `json:"value" required:"true" expr:"true"`
}

type named struct {
	name  string
	value *dataweave.Expression
}

// generator are the settings, ready.
type generator struct {
	algorithm       string
	signer          *jose.Signer
	iat             bool
	exp, nbf        int64
	claims, headers []named
	header, prefix  string
}

func compile(settings json.RawMessage) (policy.Compiled, error) {
	s := Settings{SigningMethod: "RS256", Iat: true, HeaderName: "Authorization"}
	if err := policy.Decode(settings, &s); err != nil {
		return nil, err
	}
	signer, err := readKey(s.SigningMethod, s.PrivateKey)
	if err != nil {
		return nil, fmt.Errorf("privateKey: %w", err)
	}
	if s.Exp > 0 && s.Nbf >= s.Exp {
		return nil, errors.New("nbf: the token would end (exp) before it begins")
	}
	g := &generator{algorithm: s.SigningMethod, signer: signer, iat: s.Iat, exp: s.Exp, nbf: s.Nbf}
	if s.HeaderName == "" {
		s.HeaderName = "Authorization"
	}
	g.header = traffic.LowerName(s.HeaderName)
	switch g.header {
	case "authorization":
		g.prefix = "Bearer "
	case "connection", "content-length", "content-type", "host", "te", "trailer", "transfer-encoding", "upgrade":
		return nil, fmt.Errorf("headerName: %s is set by the gateway itself; choose another header", g.header)
	}
	if !httpguts.ValidHeaderFieldName(s.HeaderName) {
		return nil, fmt.Errorf("headerName: %q is not a header name", s.HeaderName)
	}
	add := newAdder("customClaims", "iat", "exp", "nbf")
	for i, c := range s.CustomClaims {
		if err := add(&g.claims, i, c.Name, c.Value); err != nil {
			return nil, err
		}
	}
	add = newAdder("customHeaders", "alg", "b64", "crit")
	for i, p := range s.CustomHeaders {
		if err := add(&g.headers, i, p.Name, p.Value); err != nil {
			return nil, err
		}
	}
	return g, nil
}

// readKey reads the key of a signing method. Errors repeat nothing of it.
func readKey(method, text string) (*jose.Signer, error) {
	if strings.HasPrefix(method, "HS") {
		return jose.NewSigner(method, []byte(text))
	}
	key, err := jose.ParsePrivateKey(text)
	if err != nil {
		return nil, err
	}
	return jose.NewSigner(method, key)
}

// newAdder compiles the entries of one list, each name once and none of the
// reserved ones.
func newAdder(setting string, reserved ...string) func(list *[]named, i int, name, value string) error {
	seen := map[string]bool{}
	for _, name := range reserved {
		seen[name] = true
	}
	return func(list *[]named, i int, name, value string) error {
		if seen[name] {
			return fmt.Errorf("%s[%d].name: %s stands there twice or is not to be given", setting, i, name)
		}
		seen[name] = true
		expression, err := dataweave.Compile(value)
		if err != nil {
			return fmt.Errorf("%s[%d].value: %w", setting, i, err)
		}
		*list = append(*list, named{name, expression})
		return nil
	}
}

func warn(settings json.RawMessage) []string {
	var s Settings
	if policy.Decode(settings, &s) != nil || s.Exp > 0 {
		return nil
	}
	return []string{"exp is 0: the tokens never end, so one that leaks is good for ever"}
}

// Bind implements policy.Compiled.
func (g *generator) Bind(env policy.Env) (policy.Step, error) {
	expressions := make([]*dataweave.Expression, 0, len(g.claims)+len(g.headers))
	for _, list := range [][]named{g.claims, g.headers} {
		for _, n := range list {
			expressions = append(expressions, n.value)
		}
	}
	return policy.Step{
		RequestBody: policy.PayloadNeed(expressions...),
		Request: func(_ context.Context, x *traffic.Exchange) policy.Verdict {
			token, err := g.token(&policy.Scope{Exchange: x}, env.Now())
			if err != nil {
				return policy.Fail(http.StatusInternalServerError, "Internal error.", "the token could not be made: "+err.Error())
			}
			x.Request.Header.Set(g.header, g.prefix+token)
			return policy.Go()
		},
	}, nil
}

// maxToken bounds a token in bytes: it must fit into a header.
const maxToken = 12 << 10

func (g *generator) token(scope *policy.Scope, now time.Time) (string, error) {
	claims, err := g.payload(scope, now)
	if err != nil {
		return "", err
	}
	headers := map[string]string{"typ": "JWT", "alg": g.algorithm}
	for _, h := range g.headers {
		if headers[h.name], err = h.value.EvalString(scope); err != nil {
			return "", fmt.Errorf("header %s: %w", h.name, err)
		}
	}
	header, err := json.Marshal(headers)
	if err != nil {
		return "", errors.New("the header can't be written")
	}
	signed, err := g.signer.Sign(header, claims)
	if err != nil {
		return "", err
	}
	if len(signed) > maxToken {
		return "", fmt.Errorf("it is longer than %d bytes", maxToken)
	}
	return signed, nil
}

// payload is the claims as JSON.
func (g *generator) payload(scope *policy.Scope, now time.Time) ([]byte, error) {
	claims := make(map[string]any, len(g.claims)+3)
	for _, c := range g.claims {
		value, err := c.value.Eval(scope)
		if err != nil {
			return nil, fmt.Errorf("claim %s: %w", c.name, err)
		}
		plain, err := plainOf(value, 0)
		if err != nil {
			return nil, fmt.Errorf("claim %s: %w", c.name, err)
		}
		if plain != nil {
			claims[c.name] = plain
		}
	}
	seconds := now.Unix()
	if g.iat {
		claims["iat"] = seconds
	}
	if g.exp > 0 {
		claims["exp"] = seconds + g.exp
	}
	if g.nbf > 0 {
		claims["nbf"] = seconds + g.nbf
	}
	text, err := json.Marshal(claims)
	if err != nil {
		return nil, errors.New("the claims can't be written")
	}
	return text, nil
}

// maxDepth bounds how deep a claim may nest.
const maxDepth = 32

// plainOf is a value as encoding/json writes it.
func plainOf(v dataweave.Value, depth int) (any, error) {
	if depth > maxDepth {
		return nil, fmt.Errorf("it nests deeper than %d", maxDepth)
	}
	if b, ok := v.AsBool(); ok {
		return b, nil
	}
	if f, ok := v.AsNumber(); ok {
		if math.Trunc(f) == f && math.Abs(f) < 1<<53 {
			return int64(f), nil
		}
		return f, nil
	}
	if text, ok := v.AsString(); ok {
		return strings.ToValidUTF8(text, "\ufffd"), nil
	}
	if list, ok := v.AsArray(); ok {
		out := make([]any, list.Len())
		for i := range out {
			var err error
			if out[i], err = plainOf(list.At(i), depth+1); err != nil {
				return nil, err
			}
		}
		return out, nil
	}
	object, ok := v.AsObject()
	if !ok {
		return nil, nil //nolint:nilnil // null
	}
	out := make(map[string]any, object.Len())
	for _, name := range object.Keys() {
		member, _ := object.Get(name)
		plain, err := plainOf(member, depth+1)
		if err != nil {
			return nil, err
		}
		out[name] = plain
	}
	return out, nil
}
