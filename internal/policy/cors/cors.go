// Package cors is the policy cors-flex: cross-origin resource sharing, as the
// Fetch standard defines it. It answers every OPTIONS request itself and tells
// browsers which origins may read what; it refuses nothing, because it is the
// browser that enforces it. It is no protection against other clients.
package cors

import (
	"context"
	_ "embed"
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
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
		Name: "cors-flex", Title: "CORS", Category: "Compliance",
		Phase: policy.Admit, First: true, Schema: schema, Warn: warn, Compile: compile,
	}
}

// Settings are what operators set.
type Settings struct {
	// PublicResource says whether every origin may call, with every method and
	// header. The origin groups have no effect then.
	PublicResource bool `json:"publicResource" default:"true"`
	// SupportCredentials says whether browsers may send cookies and
	// credentials along and read the answer. It has no effect for origins that
	// only the wildcard * permits.
	SupportCredentials bool `json:"supportCredentials" default:"false"`
	// OriginGroups are the origins that may call, and with what. A group that
	// names an origin wins over one with the wildcard *.
	OriginGroups []Group `json:"originGroups" default:"[]"`
}

// Group is a group of origins with equal rights.
type Group struct {
	// Name is what people call the group.
	Name string `json:"name"`
	// Origins are scheme, host and port as browsers send them, such as
	// https://shop.example, or * for every origin.
	Origins []string `json:"origins" required:"true" minItems:"1"`
	// AccessControlMaxAge is how long browsers may remember the answer to a
	// preflight, in seconds.
	AccessControlMaxAge *int `json:"accessControlMaxAge" default:"30" min:"0"`
	// AllowedMethods are the methods that the origins may use; what is not listed
	// is not allowed.
	AllowedMethods []Method `json:"allowedMethods" default:"[]"`
	// Headers are the request headers that the origins may send, or * for
	// every header.
	Headers []string `json:"headers" default:"[]"`
	// ExposedHeaders are the response headers that scripts may read.
	ExposedHeaders []string `json:"exposedHeaders" default:"[]"`
}

// Method is one method and whether it is allowed.
type Method struct {
	// MethodName is the method.
	MethodName string `json:"methodName" required:"true" enum:"GET|HEAD|POST|PUT|PATCH|DELETE|OPTIONS|TRACE|CONNECT"`
	// IsAllowed says whether the origins may use it.
	IsAllowed bool `json:"isAllowed" required:"true"`
}

const (
	anything = "*"
	maxAge   = 30
)

// always are the request headers that browsers send without asking, or that
// say nothing beyond what the request is (Fetch §2.2.2).
var always = [...]string{"accept", "accept-language", "content-language", "origin"}

type rules struct {
	public, credentials bool
	named               map[string]*group
	wildcard            *group
}

// group is a group, ready to answer.
type group struct {
	methods, headers           []string
	anyHeader                  bool
	allowed, exposed, lifetime string
}

func compile(settings json.RawMessage) (policy.Compiled, error) {
	s := Settings{PublicResource: true}
	if err := policy.Decode(settings, &s); err != nil {
		return nil, err
	}
	r := &rules{public: s.PublicResource, credentials: s.SupportCredentials, named: map[string]*group{}}
	for i, one := range s.OriginGroups {
		g, err := compileGroup(one)
		if err != nil {
			return nil, fmt.Errorf("originGroups[%d].%w", i, err)
		}
		for _, origin := range one.Origins {
			origin = strings.ToLower(origin)
			switch {
			case origin == anything && r.wildcard == nil:
				r.wildcard = g
			case origin != anything && r.named[origin] == nil:
				r.named[origin] = g
			default:
				return nil, fmt.Errorf("originGroups[%d].origins: %s stands in another group or twice; keep it in one", i, origin)
			}
		}
	}
	return r, nil
}

func compileGroup(one Group) (*group, error) {
	age := maxAge
	if one.AccessControlMaxAge != nil {
		age = *one.AccessControlMaxAge
	}
	g := &group{lifetime: strconv.Itoa(age)}
	for _, m := range one.AllowedMethods {
		if m.IsAllowed {
			g.methods = append(g.methods, m.MethodName)
		}
	}
	for i, name := range one.Headers {
		switch {
		case name == anything:
			g.anyHeader = true
		case !httpguts.ValidHeaderFieldName(name):
			return nil, fmt.Errorf("headers[%d]: %q is not a header name", i, name)
		default:
			g.headers = append(g.headers, strings.ToLower(name))
		}
	}
	for i, name := range one.ExposedHeaders {
		if name != anything && !httpguts.ValidHeaderFieldName(name) {
			return nil, fmt.Errorf("exposedHeaders[%d]: %q is not a header name", i, name)
		}
	}
	g.allowed, g.exposed = strings.Join(g.methods, ", "), strings.Join(one.ExposedHeaders, ", ")
	return g, nil
}

// step is the rules in one place of one chain.
type step struct{ *rules }

// Bind implements policy.Compiled.
func (r *rules) Bind(policy.Env) (policy.Step, error) {
	s := &step{r}
	return policy.Step{Request: s.request, Response: s.response}, nil
}

func (s *step) request(_ context.Context, x *traffic.Exchange) policy.Verdict {
	origin := originOf(&x.Request.Header)
	if x.Request.Method != http.MethodOptions {
		// Later steps may change the request; the answer is to whom asked.
		x.Carry(s, origin)
		return policy.Go()
	}
	answer := policy.Answer{Status: http.StatusOK, Header: []traffic.Field{{Name: "vary", Value: "Origin"}}}
	fields, why := s.preflight(&x.Request.Header, origin)
	answer.Header = append(answer.Header, fields...)
	return policy.Reply(answer, why)
}

// originOf is the one origin that a request names, empty for none.
func originOf(header *traffic.Header) string {
	fields := header.Values("origin")
	if len(fields) != 1 || !httpguts.ValidHeaderFieldValue(fields[0].Value) {
		return ""
	}
	return fields[0].Value
}

// preflight is what is granted to a request that asks beforehand, and why
// nothing when nothing is.
func (s *step) preflight(header *traffic.Header, origin string) ([]traffic.Field, string) {
	if origin == "" {
		return nil, "OPTIONS without an origin is answered here; nothing is granted"
	}
	method := header.Get("access-control-request-method")
	if !httpguts.ValidHeaderFieldName(method) {
		return nil, "the preflight asks for no method; nothing is granted"
	}
	names, ok := listed(header.Joined("access-control-request-headers"))
	if !ok {
		return nil, "the preflight asks for headers that are none; nothing is granted"
	}
	named, credentials := s.grant(origin)
	if named == "" {
		return nil, "the origin is in no group; nothing is granted"
	}
	fields := []traffic.Field{{Name: "access-control-allow-origin", Value: named}}
	if credentials {
		fields = append(fields, traffic.Field{Name: "access-control-allow-credentials", Value: "true"})
	}
	allowed, asked := method, strings.Join(names, ", ")
	if !s.public {
		g, _ := s.find(origin)
		if !slices.Contains(g.methods, method) {
			return nil, "the method is not allowed for the origin; nothing is granted"
		}
		if !g.permits(names) {
			return nil, "a header is not allowed for the origin; nothing is granted"
		}
		allowed = g.allowed
		fields = append(fields, traffic.Field{Name: "access-control-max-age", Value: g.lifetime})
	}
	fields = append(fields, traffic.Field{Name: "access-control-allow-methods", Value: allowed})
	if asked != "" {
		fields = append(fields, traffic.Field{Name: "access-control-allow-headers", Value: asked})
	}
	return fields, "preflight"
}

// listed splits a list of header names.
func listed(list string) ([]string, bool) {
	var names []string
	for name := range strings.SplitSeq(list, ",") {
		name = strings.TrimSpace(name)
		if name == "" {
			continue
		}
		if !httpguts.ValidHeaderFieldName(name) {
			return nil, false
		}
		names = append(names, strings.ToLower(name))
	}
	return names, true
}

func (g *group) permits(names []string) bool {
	return g.anyHeader || !slices.ContainsFunc(names, func(name string) bool {
		return !slices.Contains(g.headers, name) && !slices.Contains(always[:], name)
	})
}

// find is the group of an origin, nil for none, and whether only a wildcard
// permits it.
func (s *step) find(origin string) (g *group, wild bool) {
	if g = s.named[strings.ToLower(origin)]; g != nil {
		return g, false
	}
	return s.wildcard, true
}

// grant is what the answer names for the origin, empty when it may not call, and
// whether it may bring credentials.
func (s *step) grant(origin string) (named string, credentials bool) {
	switch {
	case origin == "":
		return "", false
	case s.public:
		// Any document can make itself the origin "null", in a sandboxed frame.
		return origin, s.credentials && origin != "null"
	}
	g, wild := s.find(origin)
	switch {
	case g == nil:
		return "", false
	case wild:
		return anything, false
	}
	return origin, s.credentials
}

// response replaces what the service says of sharing by what the settings say.
func (s *step) response(_ context.Context, x *traffic.Exchange) policy.Verdict {
	header := &x.Response.Header
	header.DelFunc(func(f traffic.Field) bool { return strings.HasPrefix(f.Name, "access-control-") })
	if !header.HasToken("vary", "origin") && !header.HasToken("vary", anything) {
		header.Add("vary", "Origin")
	}
	origin, _ := x.Carried(s).(string)
	named, credentials := s.grant(origin)
	if named == "" {
		return policy.Go()
	}
	exposed := ""
	if !s.public {
		g, _ := s.find(origin)
		if !slices.Contains(g.methods, x.Request.Method) {
			return policy.Go()
		}
		exposed = g.exposed
	}
	header.Set("access-control-allow-origin", named)
	if credentials {
		header.Set("access-control-allow-credentials", "true")
	}
	if exposed != "" {
		header.Set("access-control-expose-headers", exposed)
	}
	return policy.Go()
}

func warn(settings json.RawMessage) []string {
	s := Settings{PublicResource: true}
	if policy.Decode(settings, &s) != nil {
		return nil
	}
	var warnings []string
	if s.PublicResource && s.SupportCredentials {
		warnings = append(warnings, "publicResource with supportCredentials lets every web site call with its visitor's cookies and read the answer; set publicResource to false and name the origins")
	}
	if s.PublicResource && len(s.OriginGroups) > 0 {
		warnings = append(warnings, "originGroups has no effect while publicResource is true, which is the default; set it to false")
	}
	if !s.PublicResource && len(s.OriginGroups) == 0 {
		warnings = append(warnings, "originGroups is empty, so no origin may call; give at least one group")
	}
	for i, g := range s.OriginGroups {
		for _, origin := range g.Origins {
			switch {
			case origin == anything && s.SupportCredentials:
				warnings = append(warnings, fmt.Sprintf("originGroups[%d].origins: supportCredentials has no effect for *; name the origins", i))
			case origin != anything && origin != "null" && !wellFormed(origin):
				warnings = append(warnings, fmt.Sprintf("originGroups[%d].origins: %s is no origin that a browser sends; write scheme, host and port, as https://shop.example", i, origin))
			}
		}
		if !slices.ContainsFunc(g.AllowedMethods, func(m Method) bool { return m.IsAllowed }) {
			warnings = append(warnings, fmt.Sprintf("originGroups[%d].allowedMethods allows no method, so the group may do nothing", i))
		}
	}
	return warnings
}

// wellFormed says that a text has the form of an origin (RFC 6454 §6.2).
func wellFormed(origin string) bool {
	scheme, authority, ok := strings.Cut(origin, "://")
	return ok && scheme != "" && authority != "" && !strings.ContainsAny(authority, "/?#@ *")
}
