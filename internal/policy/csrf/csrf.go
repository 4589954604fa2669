// Package csrf is the policy csrf-protection: a request that changes something
// and is authenticated by a cookie must come from a page of the own site, for a
// browser sends cookies along whoever wrote the page. Requests without cookies,
// and those that change nothing, pass it by.
package csrf

import (
	"context"
	"crypto/subtle"
	_ "embed"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"farrier.dev/farrier/internal/policy"
	"farrier.dev/farrier/internal/traffic"
)

//go:generate go run ../schemagen .

//go:embed schema.json
var schema []byte

// Policy is the entry of the catalogue.
func Policy() policy.Policy {
	return policy.Policy{
		Name: "csrf-protection", Title: "CSRF Protection", Category: "Security",
		Phase: policy.Authorise, Schema: schema, Compile: compile,
	}
}

// Settings are what operators set.
type Settings struct {
	// Proof is what shows that a request comes from the own site: what browsers say of its origin (origin), a cookie repeated in a header (token), or both.
	Proof string `json:"proof" default:"origin" enum:"origin|token|both"`
	// Cookies are the names of the cookies that authenticate; a request without any of them passes. Empty means all cookies.
	Cookies []string `json:"cookies" default:"[]"`
	// AllowedOrigins are further origins whose pages may send requests, as https://shop.example.com.
	AllowedOrigins []string `json:"allowedOrigins" default:"[]"`
	// SafeMethods change nothing and pass.
	SafeMethods []string `json:"safeMethods" default:"[\"GET\",\"HEAD\",\"OPTIONS\",\"TRACE\"]"`
	// TokenCookie is the cookie that holds the token, set by the service.
	TokenCookie string `json:"tokenCookie" default:"csrf_token" minLength:"1"`
	// TokenHeader is the header in which pages repeat it.
	TokenHeader string `json:"tokenHeader" default:"x-csrf-token" minLength:"1"`
}

type guard struct {
	origin, token       bool
	cookies, safe       []string
	allowed             []string
	tokenCookie, header string
}

func compile(settings json.RawMessage) (policy.Compiled, error) {
	var s Settings
	if err := policy.DecodeWithDefaults(schema, settings, &s); err != nil {
		return nil, err
	}
	g := &guard{
		origin: s.Proof != "token", token: s.Proof != "origin", cookies: s.Cookies, safe: s.SafeMethods,
		tokenCookie: s.TokenCookie, header: traffic.LowerName(s.TokenHeader),
	}
	for i, text := range s.AllowedOrigins {
		origin, err := normalOrigin(text)
		if err != nil {
			return nil, fmt.Errorf("allowedOrigins[%d]: %w", i, err)
		}
		g.allowed = append(g.allowed, origin)
	}
	return g, nil
}

// normalOrigin is an origin as RFC 6454 serializes it.
func normalOrigin(text string) (string, error) {
	u, err := url.Parse(text)
	if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Host == "" || u.Path != "" || u.RawQuery != "" || u.User != nil {
		return "", errors.New("must be a scheme and a host, as https://shop.example.com")
	}
	host := strings.ToLower(u.Host)
	if u.Scheme == "https" {
		host = strings.TrimSuffix(host, ":443")
	} else {
		host = strings.TrimSuffix(host, ":80")
	}
	return u.Scheme + "://" + host, nil
}

// Bind implements policy.Compiled.
func (g *guard) Bind(policy.Env) (policy.Step, error) {
	return policy.Step{Request: g.request}, nil
}

func (g *guard) request(_ context.Context, x *traffic.Exchange) policy.Verdict {
	if slices.Contains(g.safe, x.Request.Method) && !x.Request.Streaming {
		return policy.Go()
	}
	sent := readCookies(&x.Request.Header)
	if !g.authenticated(sent) {
		return policy.Go()
	}
	if g.origin {
		if why := g.foreign(x); why != "" {
			return refuse(why)
		}
	}
	if !g.token {
		return policy.Go()
	}
	token := x.Request.Header.Get(g.header)
	kept, known := sent[g.tokenCookie]
	switch {
	case token == "":
		return refuse("the header " + g.header + " is missing")
	case !known || kept == "":
		return refuse("the cookie " + g.tokenCookie + " is missing")
	case subtle.ConstantTimeCompare([]byte(token), []byte(kept)) != 1:
		return refuse("the token in the header is not that of the cookie")
	}
	return policy.Go()
}

func refuse(reason string) policy.Verdict {
	return policy.Refuse(http.StatusForbidden, "Cross-site request refused.", reason)
}

// readCookies are the cookies of a request. Of two with one name the last
// counts, and none is trusted for it: an attacker who can set cookies could
// choose the token, so two different ones are as good as none.
func readCookies(header *traffic.Header) map[string]string {
	sent := map[string]string{}
	for _, f := range header.Values("cookie") {
		for pair := range strings.SplitSeq(f.Value, ";") {
			name, value, _ := strings.Cut(pair, "=")
			name, value = strings.TrimSpace(name), strings.TrimSpace(value)
			if name == "" {
				continue
			}
			if other, twice := sent[name]; twice && other != value {
				value = ""
			}
			sent[name] = value
		}
	}
	return sent
}

func (g *guard) authenticated(sent map[string]string) bool {
	if len(g.cookies) == 0 {
		return len(sent) > 0
	}
	return slices.ContainsFunc(g.cookies, func(name string) bool { _, ok := sent[name]; return ok })
}

// foreign says why a request may come from another site, "" when it does not.
// A browser that tells neither Sec-Fetch-Site nor Origin nor Referer is not
// believed.
func (g *guard) foreign(x *traffic.Exchange) string {
	header := &x.Request.Header
	origin := header.Get("origin")
	if origin == "" {
		if u, err := url.Parse(header.Get("referer")); err == nil && u.Host != "" {
			origin = u.Scheme + "://" + u.Host
		}
	}
	if origin != "" {
		normal, err := normalOrigin(origin)
		if err == nil && (normal == x.Request.Scheme+"://"+x.Request.Host || slices.Contains(g.allowed, normal)) {
			return ""
		}
		return "the request comes from another origin"
	}
	switch header.Get("sec-fetch-site") {
	case "same-origin", "none":
		return ""
	case "":
		return "nothing tells from where the request comes"
	}
	return "the request comes from another site"
}
