// Package responsehardening is the policy response-hardening: it removes what
// tells attackers which software answers, and adds the headers by which browsers
// protect the users of an API. It looks at no body.
package responsehardening

import (
	"context"
	_ "embed"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"strings"

	"golang.org/x/net/http/httpguts"

	"farrier.dev/farrier/internal/policy"
	"farrier.dev/farrier/internal/traffic"
)

//go:generate go run ../schemagen .

//go:embed schema.json
var schema []byte

// Policy is the entry of the catalogue.
func Policy() policy.Policy {
	return policy.Policy{
		Name: "response-hardening", Title: "Response Hardening", Category: "Security",
		Phase: policy.Shape, First: true, Schema: schema, Compile: compile,
	}
}

// Settings are what operators set. A header whose setting is empty is left as
// the service sent it.
type Settings struct {
	// RemoveHeaders are the names of headers that tell which software answers.
	RemoveHeaders []string `json:"removeHeaders" default:"[\"server\",\"x-powered-by\",\"x-aspnet-version\",\"x-aspnetmvc-version\",\"x-generator\",\"x-runtime\",\"x-version\",\"x-drupal-cache\",\"x-envoy-upstream-service-time\",\"liferay-portal\"]"`
	// HSTSMaxAgeSeconds is for how long browsers insist on HTTPS (RFC 6797); it is sent over HTTPS only, and 0 leaves it out.
	HSTSMaxAgeSeconds int64 `json:"hstsMaxAgeSeconds" default:"31536000" min:"0"`
	// HSTSIncludeSubDomains extends that to all sub-domains.
	HSTSIncludeSubDomains bool `json:"hstsIncludeSubDomains" default:"false"`
	// ContentTypeOptions is X-Content-Type-Options.
	ContentTypeOptions string `json:"contentTypeOptions" default:"nosniff"`
	// FrameOptions is X-Frame-Options.
	FrameOptions string `json:"frameOptions" default:"DENY"`
	// ContentSecurityPolicy is Content-Security-Policy. The default is for an API, whose answers are no pages.
	ContentSecurityPolicy string `json:"contentSecurityPolicy" default:"default-src 'none'; frame-ancestors 'none'"`
	// ReferrerPolicy is Referrer-Policy.
	ReferrerPolicy string `json:"referrerPolicy" default:"no-referrer"`
	// CrossOriginResourcePolicy is Cross-Origin-Resource-Policy; empty by default, for it would undo CORS.
	CrossOriginResourcePolicy string `json:"crossOriginResourcePolicy" default:""`
	// CacheControl is Cache-Control of responses that have none.
	CacheControl string `json:"cacheControl" default:"no-store"`
	// Cookies says whether cookies that the service sets become Secure (over HTTPS), HttpOnly and SameSite=Lax where they say nothing of it.
	Cookies bool `json:"cookies" default:"true"`
}

// hardener is a compiled policy.
type hardener struct {
	remove  []string
	set     []traffic.Field // replace what the service sent
	missing []traffic.Field // are added when the service sent none
	hsts    string
	cookies bool
}

func compile(settings json.RawMessage) (policy.Compiled, error) {
	var s Settings
	if err := policy.DecodeWithDefaults(schema, settings, &s); err != nil {
		return nil, err
	}
	h := &hardener{cookies: s.Cookies}
	for i, name := range s.RemoveHeaders {
		lower := traffic.LowerName(name)
		if !httpguts.ValidHeaderFieldName(lower) {
			return nil, fmt.Errorf("removeHeaders[%d]: %q is no name of a header", i, name)
		}
		if lower == "content-type" || lower == "content-length" || lower == "transfer-encoding" || lower == "content-encoding" {
			return nil, fmt.Errorf("removeHeaders[%d]: without %s nobody can read the response", i, lower)
		}
		h.remove = append(h.remove, lower)
	}
	for _, f := range []struct{ setting, name, value string }{
		{"contentTypeOptions", "x-content-type-options", s.ContentTypeOptions},
		{"frameOptions", "x-frame-options", s.FrameOptions},
		{"referrerPolicy", "referrer-policy", s.ReferrerPolicy},
		{"crossOriginResourcePolicy", "cross-origin-resource-policy", s.CrossOriginResourcePolicy},
		{"contentSecurityPolicy", "content-security-policy", s.ContentSecurityPolicy},
		{"cacheControl", "cache-control", s.CacheControl},
	} {
		if !httpguts.ValidHeaderFieldValue(f.value) {
			return nil, fmt.Errorf("%s: holds what no header may hold", f.setting)
		}
		switch {
		case f.value == "":
		case f.name == "cache-control" || f.name == "content-security-policy":
			h.missing = append(h.missing, traffic.Field{Name: f.name, Value: f.value})
		default:
			h.set = append(h.set, traffic.Field{Name: f.name, Value: f.value})
		}
	}
	if s.HSTSIncludeSubDomains && s.HSTSMaxAgeSeconds == 0 {
		return nil, errors.New("hstsIncludeSubDomains: has no effect while hstsMaxAgeSeconds is 0")
	}
	if s.HSTSMaxAgeSeconds > 0 {
		h.hsts = "max-age=" + strconv.FormatInt(s.HSTSMaxAgeSeconds, 10)
		if s.HSTSIncludeSubDomains {
			h.hsts += "; includeSubDomains"
		}
	}
	return h, nil
}

// Bind implements policy.Compiled.
func (h *hardener) Bind(policy.Env) (policy.Step, error) {
	return policy.Step{Response: h.response}, nil
}

func (h *hardener) response(_ context.Context, x *traffic.Exchange) policy.Verdict {
	if x.Response.Status == http.StatusSwitchingProtocols {
		return policy.Go()
	}
	header := &x.Response.Header
	for _, name := range h.remove {
		header.Del(name)
	}
	for _, f := range h.set {
		header.Set(f.Name, f.Value)
	}
	for _, f := range h.missing {
		if !header.Has(f.Name) {
			header.Set(f.Name, f.Value)
		}
	}
	secure := x.Request.Scheme == "https"
	if secure && h.hsts != "" {
		header.Set("strict-transport-security", h.hsts)
	}
	if h.cookies && header.Has("set-cookie") {
		hardenCookies(header, secure)
	}
	return policy.Go()
}

// hardenCookies adds the attributes of RFC 6265bis that cookies lack. A cookie
// that asks for SameSite=None keeps it: it says what it wants.
func hardenCookies(header *traffic.Header, secure bool) {
	cookies := make([]string, 0, len(header.Values("set-cookie")))
	for _, f := range header.Values("set-cookie") {
		cookies = append(cookies, hardenCookie(f.Value, secure))
	}
	header.Del("set-cookie")
	for _, c := range cookies {
		header.Add("set-cookie", c)
	}
}

func hardenCookie(cookie string, secure bool) string {
	var has struct{ secure, httpOnly, sameSite bool }
	_, attributes, _ := strings.Cut(cookie, ";")
	for attribute := range strings.SplitSeq(attributes, ";") {
		name, _, _ := strings.Cut(strings.TrimSpace(attribute), "=")
		switch strings.ToLower(strings.TrimSpace(name)) {
		case "secure":
			has.secure = true
		case "httponly":
			has.httpOnly = true
		case "samesite":
			has.sameSite = true
		}
	}
	if secure && !has.secure {
		cookie += "; Secure"
	}
	if !has.httpOnly {
		cookie += "; HttpOnly"
	}
	if !has.sameSite {
		cookie += "; SameSite=Lax"
	}
	return cookie
}
