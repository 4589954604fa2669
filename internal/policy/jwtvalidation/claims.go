package jwtvalidation

import (
	"errors"
	"fmt"
	"math"
	"net/http"
	"slices"
	"strings"

	"golang.org/x/net/http/httpguts"

	"farrier.dev/farrier/internal/dataweave"
	"farrier.dev/farrier/internal/policy"
	"farrier.dev/farrier/internal/traffic"
)

// Reasons for which the claims of a signed token are refused.
var (
	errExpired  = errors.New("the token has expired (exp)")
	errEarly    = errors.New("the token is not valid yet (nbf)")
	errNoExp    = errors.New("the claim exp is missing")
	errNoNbf    = errors.New("the claim nbf is missing")
	errTime     = errors.New("exp or nbf is not a number")
	errNoAud    = errors.New("the claim aud is missing")
	errAudForm  = errors.New("aud is neither text nor a list of texts")
	errAudience = errors.New("aud names no supported audience")
)

// claimRules are what settings demand of the claims.
type claimRules struct {
	mandatoryExp, mandatoryNbf bool
	mandatoryAud, validateAud  bool
	audiences                  []string
	custom                     []customClaim
	headers                    []claimHeader
}

// customClaim is a claim that must have a value.
type customClaim struct {
	name      string
	mandatory bool
	value     *dataweave.Expression
	// always says that the value depends on more than the claims, so that it is
	// evaluated for every request.
	always bool
}

// claimHeader is a header that carries a claim to the service.
type claimHeader struct{ claim, header string }

func onlyClaims(e *dataweave.Expression) bool {
	for _, root := range e.Roots() {
		if root != "vars" {
			return false
		}
	}
	return true
}

// times reads exp and nbf (RFC 7519 §4.1) as seconds, infinite when absent. A
// float64 holds every number that JSON may bring, so that nothing overflows.
func (r *claimRules) times(claims dataweave.Object) (notBefore, expires float64, err error) {
	if notBefore, err = seconds(claims, "nbf", math.Inf(-1), r.mandatoryNbf, errNoNbf); err != nil {
		return 0, 0, err
	}
	expires, err = seconds(claims, "exp", math.Inf(1), r.mandatoryExp, errNoExp)
	return notBefore, expires, err
}

func seconds(claims dataweave.Object, name string, absent float64, mandatory bool, missing error) (float64, error) {
	value, ok := claims.Get(name)
	if !ok {
		if mandatory {
			return 0, missing
		}
		return absent, nil
	}
	number, ok := value.AsNumber()
	if !ok {
		return 0, errTime
	}
	return number, nil
}

// within tells whether a moment, in seconds, lies in the life of the token.
// There is no leeway: what has expired has expired.
func (v *verified) within(now float64) error {
	switch {
	case now >= v.expires:
		return errExpired
	case now < v.notBefore:
		return errEarly
	}
	return nil
}

func (r *claimRules) audience(claims dataweave.Object) error {
	if !r.validateAud && !r.mandatoryAud {
		return nil
	}
	value, ok := claims.Get("aud")
	if !ok {
		if r.mandatoryAud {
			return errNoAud
		}
		return nil
	}
	var named []string
	if one, ok := value.AsString(); ok {
		named = []string{one}
	} else {
		list, ok := value.AsArray()
		if !ok {
			return errAudForm
		}
		for i := range list.Len() {
			one, ok := list.At(i).AsString()
			if !ok {
				return errAudForm
			}
			named = append(named, one)
		}
	}
	switch {
	case len(named) == 0:
		return errNoAud
	case !r.validateAud:
		return nil
	case !slices.ContainsFunc(named, func(one string) bool { return slices.Contains(r.audiences, one) }):
		return errAudience
	}
	return nil
}

// customs checks the custom claims: those that depend on the claims alone, or
// the others.
func (r *claimRules) customs(claims dataweave.Object, scope *policy.Scope, always bool) error {
	for i := range r.custom {
		c := &r.custom[i]
		if c.always != always {
			continue
		}
		value, ok := claims.Get(c.name)
		if !ok || c.mandatory && value.IsNull() {
			if c.mandatory {
				return fmt.Errorf("the claim %s is missing", c.name)
			}
			continue
		}
		if !c.holds(value, scope) {
			return fmt.Errorf("the claim %s does not have the value that the settings demand", c.name)
		}
	}
	return nil
}

func (c *customClaim) holds(value dataweave.Value, scope *policy.Scope) bool {
	if literal, ok := c.value.Literal(); ok {
		text, err := value.Text()
		return err == nil && text == literal && !value.IsNull()
	}
	holds, err := c.value.EvalBool(scope)
	return err == nil && holds
}

// fields makes the headers for the service out of claims.
func (r *claimRules) fields(claims dataweave.Object) ([]traffic.Field, error) {
	var fields []traffic.Field
	for _, h := range r.headers {
		value, ok := claims.Get(h.claim)
		if !ok || value.IsNull() {
			continue
		}
		text, ok := headerText(value)
		if !ok || !httpguts.ValidHeaderFieldValue(text) {
			return nil, fmt.Errorf("the claim %s can't be a header", h.claim)
		}
		fields = append(fields, traffic.Field{Name: h.header, Value: text})
	}
	return fields, nil
}

// headerText is a plain value as text, or the plain values of a list joined by
// commas. A value with a comma of its own is none: it would look like two.
func headerText(value dataweave.Value) (string, bool) {
	list, ok := value.AsArray()
	if !ok {
		text, err := value.Text()
		return text, err == nil
	}
	parts := make([]string, list.Len())
	for i := range parts {
		text, err := list.At(i).Text()
		if err != nil || strings.Contains(text, ",") {
			return "", false
		}
		parts[i] = text
	}
	return strings.Join(parts, ","), true
}

// forward puts the headers of a token into the request, in place of what the
// client sent under these names in either spelling.
func (r *claimRules) forward(header *traffic.Header, fields []traffic.Field) {
	if len(r.headers) == 0 {
		return
	}
	header.DelFunc(func(f traffic.Field) bool {
		return slices.ContainsFunc(r.headers, func(h claimHeader) bool { return sameHeader(f.Name, h.header) })
	})
	for _, f := range fields {
		header.Add(f.Name, f.Value)
	}
}

// sameHeader tells whether services may take two lower-case names for one, as
// those do that turn "-" into "_".
func sameHeader(a, b string) bool {
	if len(a) != len(b) {
		return false
	}
	for i := range len(a) {
		x, y := a[i], b[i]
		if x == '_' {
			x = '-'
		}
		if y == '_' {
			y = '-'
		}
		if x != y {
			return false
		}
	}
	return true
}

// reserved are headers that frame or route a message; no claim may set them.
var reserved = [...]string{
	"connection", "content-encoding", "content-length", "content-type", "expect", "host", "keep-alive", "te",
	"trailer", "transfer-encoding", "upgrade", "x-forwarded-for", "x-forwarded-host", "x-forwarded-proto",
}

func compileHeaders(list []ClaimHeader) ([]claimHeader, error) {
	var headers []claimHeader
	for i, one := range list {
		h := claimHeader{one.ClaimName, strings.ToLower(one.HeaderName)}
		switch {
		case !httpguts.ValidHeaderFieldName(h.header):
			return nil, fmt.Errorf("claimsToHeaders[%d].headerName: %q is not a header name", i, one.HeaderName)
		case slices.ContainsFunc(reserved[:], func(name string) bool { return sameHeader(name, h.header) }):
			return nil, fmt.Errorf("claimsToHeaders[%d].headerName: %s belongs to the connection; choose another name", i, http.CanonicalHeaderKey(h.header))
		case slices.ContainsFunc(headers, func(other claimHeader) bool { return sameHeader(other.header, h.header) }):
			return nil, fmt.Errorf("claimsToHeaders[%d].headerName: %s is named twice", i, one.HeaderName)
		}
		headers = append(headers, h)
	}
	return headers, nil
}

func compileClaims(setting string, list []CustomClaim, mandatory bool) ([]customClaim, error) {
	var claims []customClaim
	for i, one := range list {
		value, err := dataweave.Compile(one.Value)
		if err != nil {
			return nil, fmt.Errorf("%s[%d].value: %w", setting, i, err)
		}
		claims = append(claims, customClaim{one.Key, mandatory, value, !onlyClaims(value)})
	}
	return claims, nil
}
