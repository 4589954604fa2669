package jwtvalidation

import (
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/url"
	"slices"
	"strings"
	"time"

	"farrier.dev/farrier/internal/dataweave"
	"farrier.dev/farrier/internal/policy"
)

// Settings are what operators set.
type Settings struct {
	// JwtOrigin is where the token comes from: the Authorization header with the scheme Bearer, or jwtExpression.
	JwtOrigin string `json:"jwtOrigin" default:"httpBearerAuthenticationHeader" enum:"httpBearerAuthenticationHeader|customExpression"`
	// JwtExpression is where the token stands, with jwtOrigin customExpression.
	JwtExpression string `json:"jwtExpression" default:"#[attributes.headers['jwt']]" expr:"true"`
	// SigningMethod is the family of algorithms that may have signed the token: RS, HS or ES; ps and eddsa are Farrier's own; none checks no signature and needs allowUnsigned.
	SigningMethod string `json:"signingMethod" default:"rsa" enum:"rsa|hmac|es|ps|eddsa|none"`
	// SigningKeyLength is the number in the algorithm's name, as 256 in RS256; without it the key decides.
	SigningKeyLength int `json:"signingKeyLength" enum:"256|384|512"`
	// AllowUnsigned permits signingMethod none, with which anybody can write the claims.
	AllowUnsigned bool `json:"allowUnsigned" default:"false"`
	// JwtKeyOrigin is where the key comes from: textKey, jwksUrl or customKeyExpression.
	JwtKeyOrigin string `json:"jwtKeyOrigin" default:"text" enum:"text|jwks|customExpression"`
	// TextKey is the key: for hmac a text of at least 32, 48 or 64 characters for 256, 384 or 512; else a public key or certificate in PEM, with or without its first and last line.
	TextKey string `json:"textKey" default:"" secret:"true"`
	// CustomKeyExpression gives the key, in the form of textKey, for each request.
	CustomKeyExpression string `json:"customKeyExpression" default:"" expr:"true"`
	// JwksURL are the URLs of JWK sets, separated by commas.
	JwksURL string `json:"jwksUrl" default:""`
	// JwksServiceTimeToLive is how many minutes a key set is used before it is fetched again; while that fails the old one serves for up to 24 hours.
	JwksServiceTimeToLive int64 `json:"jwksServiceTimeToLive" default:"60" min:"1" max:"525600"`
	// JwksServiceConnectionTimeout is how many milliseconds fetching a key set may take.
	JwksServiceConnectionTimeout int64 `json:"jwksServiceConnectionTimeout" default:"10000" min:"1" max:"600000"`
	// SkipClientIDValidation says that the client id need not have a contract on the API.
	SkipClientIDValidation bool `json:"skipClientIdValidation" default:"true"`
	// ClientIDExpression is where the client id stands; the claims are vars.claimSet.
	ClientIDExpression string `json:"clientIdExpression" default:"#[vars.claimSet.client_id]" expr:"true"`
	// ValidateAudClaim says whether aud, if present, must name one of supportedAudiences.
	ValidateAudClaim bool `json:"validateAudClaim" default:"false"`
	// MandatoryAudClaim says whether aud must be present.
	MandatoryAudClaim bool `json:"mandatoryAudClaim" default:"false"`
	// SupportedAudiences are the audiences that the API answers to, separated by commas.
	SupportedAudiences string `json:"supportedAudiences" default:""`
	// MandatoryExpClaim says whether exp must be present; if present it must always lie ahead.
	MandatoryExpClaim bool `json:"mandatoryExpClaim" default:"false"`
	// MandatoryNbfClaim says whether nbf must be present; if present it must never lie ahead.
	MandatoryNbfClaim bool `json:"mandatoryNbfClaim" default:"false"`
	// ValidateCustomClaim says whether the two lists below are checked.
	ValidateCustomClaim bool `json:"validateCustomClaim" default:"false"`
	// MandatoryCustomClaims are claims that must be present and have the value.
	MandatoryCustomClaims []CustomClaim `json:"mandatoryCustomClaims" default:"[]"`
	// NonMandatoryCustomClaims are claims that must have the value if they are present.
	NonMandatoryCustomClaims []CustomClaim `json:"nonMandatoryCustomClaims" default:"[]"`
	// ClaimsToHeaders are claims that the service reads as headers; what the client sent under these names is removed.
	ClaimsToHeaders []ClaimHeader `json:"claimsToHeaders" default:"[]"`
}

// CustomClaim is one claim and what it must be.
type CustomClaim struct {
	// Key is the name of the claim.
	Key string `json:"key" required:"true" minLength:"1"`
	// Value is the text that the claim must be, or an expression over vars.claimSet that must be true.
	Value string `json:"value" required:"true" expr:"true"`
}

// ClaimHeader is one claim and its header.
type ClaimHeader struct {
	// ClaimName is the name of the claim; a list of plain values is joined by commas.
	ClaimName string `json:"claimName" required:"true" minLength:"1"`
	// HeaderName is the name of the header.
	HeaderName string `json:"headerName" required:"true" minLength:"1"`
}

const (
	custom      = "customExpression"
	keyText     = "text"
	keyJWKS     = "jwks"
	noSignature = "none"
)

func defaults() Settings {
	return Settings{
		JwtOrigin: "httpBearerAuthenticationHeader", JwtExpression: "#[attributes.headers['jwt']]",
		SigningMethod: "rsa", JwtKeyOrigin: keyText,
		JwksServiceTimeToLive: 60, JwksServiceConnectionTimeout: 10000,
		SkipClientIDValidation: true, ClientIDExpression: "#[vars.claimSet.client_id]",
	}
}

func compile(settings json.RawMessage) (policy.Compiled, error) {
	s := defaults()
	if err := policy.Decode(settings, &s); err != nil {
		return nil, err
	}
	v := &validator{skipClient: s.SkipClientIDValidation}
	var err error
	if s.JwtOrigin == custom {
		if v.origin, err = expression("jwtExpression", s.JwtExpression); err != nil {
			return nil, err
		}
	}
	if v.client, err = expression("clientIdExpression", s.ClientIDExpression); err != nil {
		return nil, err
	}
	v.clientAlways = !onlyClaims(v.client)
	if err := v.compileKeys(&s); err != nil {
		return nil, err
	}
	if err := v.compileClaims(&s); err != nil {
		return nil, err
	}
	v.evaluates = v.origin != nil || v.keyExpression != nil || v.clientAlways ||
		slices.ContainsFunc(v.rules.custom, func(c customClaim) bool { return c.always })
	return v, nil
}

func expression(setting, text string) (*dataweave.Expression, error) {
	if text == "" {
		return nil, fmt.Errorf("%s: it is empty; give an expression", setting)
	}
	e, err := dataweave.Compile(text)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", setting, err)
	}
	return e, nil
}

func (v *validator) compileKeys(s *Settings) error {
	if s.SigningMethod == noSignature {
		if !s.AllowUnsigned {
			return errors.New("signingMethod: none checks no signature, so that anybody can write the claims; choose another, or set allowUnsigned: true if something before the gateway checks it")
		}
		v.unsigned = true
		return nil
	}
	if s.SigningMethod == "es" && s.SigningKeyLength == 512 {
		return errors.New("signingKeyLength: es has 256 and 384 only; leave the length out to let the key decide")
	}
	v.method, v.allowed = s.SigningMethod, permit(s.SigningMethod, s.SigningKeyLength)
	switch s.JwtKeyOrigin {
	case keyJWKS:
		v.ttl = time.Duration(s.JwksServiceTimeToLive) * time.Minute
		v.timeout = time.Duration(s.JwksServiceConnectionTimeout) * time.Millisecond
		var err error
		v.urls, err = keySetURLs(s.JwksURL)
		return err
	case custom:
		var err error
		v.keyExpression, err = expression("customKeyExpression", s.CustomKeyExpression)
		return err
	}
	if s.TextKey == "" {
		return errors.New("textKey: it is empty; give the key, or choose another jwtKeyOrigin")
	}
	k, err := textKey(s.TextKey, s.SigningMethod, v.allowed.Always)
	if err != nil {
		return fmt.Errorf("textKey: %w", err)
	}
	v.key = k
	return nil
}

func keySetURLs(list string) ([]string, error) {
	var urls []string
	for _, one := range commaList(list) {
		u, err := url.Parse(one)
		switch {
		case err != nil || u.Host == "" || u.Scheme != "https" && u.Scheme != "http":
			return nil, fmt.Errorf("jwksUrl: URL %d of the list is not http://host/… or https://host/…", len(urls)+1)
		case u.User != nil:
			return nil, fmt.Errorf("jwksUrl: URL %d of the list holds a user name; key sets are public", len(urls)+1)
		case slices.Contains(urls, one):
			return nil, fmt.Errorf("jwksUrl: URL %d of the list repeats an earlier one", len(urls)+1)
		}
		urls = append(urls, one)
	}
	if len(urls) == 0 {
		return nil, errors.New("jwksUrl: it is empty; give the URL of a JWK set")
	}
	return urls, nil
}

func commaList(text string) []string {
	var items []string
	for item := range strings.SplitSeq(text, ",") {
		if item = strings.TrimSpace(item); item != "" {
			items = append(items, item)
		}
	}
	return items
}

func (v *validator) compileClaims(s *Settings) error {
	v.rules = claimRules{
		mandatoryExp: s.MandatoryExpClaim, mandatoryNbf: s.MandatoryNbfClaim,
		mandatoryAud: s.MandatoryAudClaim, validateAud: s.ValidateAudClaim,
		audiences: commaList(s.SupportedAudiences),
	}
	if s.ValidateAudClaim && len(v.rules.audiences) == 0 {
		return errors.New("supportedAudiences: it is empty, so that validateAudClaim would refuse every aud; name the audiences")
	}
	mandatory, err := compileClaims("mandatoryCustomClaims", s.MandatoryCustomClaims, true)
	if err != nil {
		return err
	}
	others, err := compileClaims("nonMandatoryCustomClaims", s.NonMandatoryCustomClaims, false)
	if err != nil {
		return err
	}
	if s.ValidateCustomClaim {
		v.rules.custom = slices.Concat(mandatory, others)
		if len(v.rules.custom) == 0 {
			return errors.New("validateCustomClaim: mandatoryCustomClaims and nonMandatoryCustomClaims are both empty; name a claim")
		}
	}
	v.rules.headers, err = compileHeaders(s.ClaimsToHeaders)
	return err
}

func warn(settings json.RawMessage) []string {
	s := defaults()
	if err := json.Unmarshal(settings, &s); err != nil {
		return nil // references that are not resolved yet
	}
	var warnings []string
	if s.SigningMethod == noSignature {
		warnings = append(warnings, "signingMethod: none checks no signature: whoever reaches this gateway can write the claims")
	}
	if !s.ValidateCustomClaim && len(s.MandatoryCustomClaims)+len(s.NonMandatoryCustomClaims) > 0 {
		warnings = append(warnings, "validateCustomClaim is false, so the custom claims are not checked")
	}
	if s.JwtKeyOrigin == keyJWKS {
		for _, one := range commaList(s.JwksURL) {
			if u, err := url.Parse(one); err == nil && u.Scheme == "http" && !loopback(u.Hostname()) {
				warnings = append(warnings, "jwksUrl: over http anybody on the way can put a key of his own in place; use https")
			}
		}
	}
	if e, err := dataweave.Compile(s.CustomKeyExpression); err == nil && s.JwtKeyOrigin == custom && slices.ContainsFunc(e.Roots(), func(root string) bool { return root == "attributes" || root == "payload" }) {
		warnings = append(warnings, "customKeyExpression reads the request, so callers may choose the key that verifies their token")
	}
	return warnings
}

func loopback(host string) bool {
	ip := net.ParseIP(host)
	return host == "localhost" || ip != nil && ip.IsLoopback()
}
