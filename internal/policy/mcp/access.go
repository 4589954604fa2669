package mcp

import (
	_ "embed"
	"encoding/json"
	"fmt"
	"net/http"
	"net/netip"
	"regexp"
	"slices"
	"strings"

	"farrier.dev/farrier/internal/dataweave"
	"farrier.dev/farrier/internal/policy"
	"farrier.dev/farrier/internal/traffic"
)

//go:embed access.json
var accessSchema []byte

// Access is the entry of the catalogue for mcp-access-control, which says who
// may use which tools, resources and prompts.
func Access() policy.Policy {
	return policy.Policy{
		Name: "mcp-access-control", Title: "MCP Attribute-Based Access Control", Category: category,
		Phase: policy.Authorise, Schema: accessSchema, Compile: compileAccess,
	}
}

// AccessSettings are those of mcp-access-control.
type AccessSettings struct {
	// Rules say who may use which tools, resources and prompts. What no rule
	// permits is refused with 400 and left out of lists; a rule that forbids wins
	// over those that permit. The form of the rules is Farrier's own.
	Rules []AccessRule `json:"rules" required:"true" minItems:"1"`
	// AuthType says what an earlier policy must have established of the caller, or
	// else everything is refused: its client application (clientId), its claims
	// (jwt) or nothing (none).
	AuthType string `json:"authType" default:"none" enum:"none|clientId|jwt"`
}

// AccessRule is one rule. In lists of names * stands for any text.
type AccessRule struct {
	// Effect says whether the rule permits or forbids.
	Effect string `json:"effect" default:"permit" enum:"permit|forbid"`
	// Principals are the callers that the rule is about. Without any it is about all.
	Principals Principals `json:"principals"`
	// Tools are names of tools.
	Tools []string `json:"tools" default:"[]"`
	// Resources are URIs of resources, and templates of URIs as listed.
	Resources []string `json:"resources" default:"[]"`
	// Prompts are names of prompts.
	Prompts []string `json:"prompts" default:"[]"`
	// Methods are names of methods. To permit one is needed only where it is neither
	// about a tool, resource or prompt nor one of those that every client needs:
	// initialize, ping, server/discover, logging/setLevel, the lists and
	// notifications.
	Methods []string `json:"methods" default:"[]"`
}

// Principals are attributes of callers. A caller must fit all kinds of
// attributes that are set, by one value of each.
type Principals struct {
	// Clients are ids of client applications.
	Clients []string `json:"clients" default:"[]"`
	// Tiers are names of SLA tiers of their contracts.
	Tiers []string `json:"tiers" default:"[]"`
	// IPs are addresses and networks (192.0.2.0/24) of the verified client address.
	IPs []string `json:"ips" default:"[]"`
	// Headers are names of headers and regular expressions (RE2) that the whole
	// value must match; every header that is named must fit. A caller writes what
	// it likes into headers.
	Headers map[string]string `json:"headers" default:"{}"`
	// Claims are names of claims, with dots for inner ones, and the values of which
	// the claim must be or hold one; every claim that is named must fit.
	Claims map[string][]string `json:"claims" default:"{}"`
}

type accessRule struct {
	forbid                             bool
	clients, tiers                     []string
	networks                           []netip.Prefix
	headers                            []headerTest
	claims                             []claimTest
	tools, resources, prompts, methods []glob
}

type headerTest struct {
	name  string
	value *regexp.Regexp
}

type claimTest struct {
	path   []string
	values []string
}

type access struct {
	rules    []accessRule
	authType string
}

func compileAccess(settings json.RawMessage) (policy.Compiled, error) {
	var s AccessSettings
	if err := policy.DecodeWithDefaults(accessSchema, settings, &s); err != nil {
		return nil, err
	}
	a := &access{authType: s.AuthType}
	for i := range s.Rules {
		r, err := compileRule(&s.Rules[i])
		if err != nil {
			return nil, fmt.Errorf("rules[%d].%w", i, err)
		}
		a.rules = append(a.rules, r)
	}
	return a, nil
}

func compileRule(s *AccessRule) (accessRule, error) {
	r := accessRule{
		forbid: s.Effect == "forbid", clients: s.Principals.Clients, tiers: s.Principals.Tiers,
		tools: newGlobs(s.Tools), resources: newGlobs(s.Resources), prompts: newGlobs(s.Prompts), methods: newGlobs(s.Methods),
	}
	if len(s.Tools)+len(s.Resources)+len(s.Prompts)+len(s.Methods) == 0 {
		return r, fmt.Errorf("tools: the rule names nothing; list tools, resources, prompts or methods")
	}
	for i, one := range s.Principals.IPs {
		network, err := netip.ParsePrefix(one)
		if err != nil {
			address, err := netip.ParseAddr(one)
			if err != nil {
				return r, fmt.Errorf("principals.ips[%d]: neither an address nor a network", i)
			}
			network = netip.PrefixFrom(address.Unmap(), address.Unmap().BitLen())
		}
		r.networks = append(r.networks, network.Masked())
	}
	for name, value := range s.Principals.Headers {
		expression, err := regexp.Compile(`\A(?:` + value + `)\z`)
		if err != nil {
			return r, fmt.Errorf("principals.headers.%s: not a regular expression: %w", name, err)
		}
		r.headers = append(r.headers, headerTest{strings.ToLower(name), expression})
	}
	for name, values := range s.Principals.Claims {
		if len(values) == 0 {
			return r, fmt.Errorf("principals.claims.%s: no value; list at least one", name)
		}
		r.claims = append(r.claims, claimTest{strings.Split(name, "."), values})
	}
	return r, nil
}

// Bind implements policy.Compiled.
func (a *access) Bind(env policy.Env) (policy.Step, error) {
	guarding := &guard{status: http.StatusBadRequest, judge: func(x *traffic.Exchange) func(*action) bool {
		return a.judge(x, env.Clients)
	}}
	return guarding.step(), nil
}

// judge finds the rules that are about a caller.
func (a *access) judge(x *traffic.Exchange, clients *policy.Clients) func(*action) bool {
	tier := ""
	if client := clients.Find(x.Auth.ClientID); client != nil && x.Auth.ClientID != "" {
		tier = client.Tier
	}
	claims, err := dataweave.FromAny(x.Auth.Properties["claims"])
	_, known := claims.AsObject()
	if a.authType == "clientId" && x.Auth.ClientID == "" || a.authType == "jwt" && (err != nil || !known) {
		return func(*action) bool { return false }
	}
	var rules []*accessRule
	for i := range a.rules {
		if r := &a.rules[i]; r.about(x, tier, claims) {
			rules = append(rules, r)
		}
	}
	return func(act *action) bool {
		permitted := act.kind == method && basic(act.method)
		for _, r := range rules {
			switch {
			case !r.covers(act):
			case r.forbid:
				return false
			default:
				permitted = true
			}
		}
		return permitted
	}
}

// about says whether a rule is about a caller.
func (r *accessRule) about(x *traffic.Exchange, tier string, claims dataweave.Value) bool {
	if len(r.clients) > 0 && (x.Auth.ClientID == "" || !slices.Contains(r.clients, x.Auth.ClientID)) {
		return false
	}
	if len(r.tiers) > 0 && (tier == "" || !slices.Contains(r.tiers, tier)) {
		return false
	}
	address := x.Request.Client.Unmap().WithZone("")
	if len(r.networks) > 0 && !slices.ContainsFunc(r.networks, func(n netip.Prefix) bool { return n.Contains(address) }) {
		return false
	}
	for _, h := range r.headers {
		if values := x.Request.Header.Values(h.name); len(values) != 1 || !h.value.MatchString(values[0].Value) {
			return false
		}
	}
	for _, c := range r.claims {
		if !c.fits(claims) {
			return false
		}
	}
	return true
}

func (c *claimTest) fits(claims dataweave.Value) bool {
	value := claims
	for _, name := range c.path {
		object, ok := value.AsObject()
		if !ok {
			return false
		}
		if value, ok = object.Get(name); !ok {
			return false
		}
	}
	if array, ok := value.AsArray(); ok {
		for i := range array.Len() {
			if text, err := array.At(i).Text(); err == nil && slices.Contains(c.values, text) {
				return true
			}
		}
		return false
	}
	text, err := value.Text()
	return err == nil && !value.IsNull() && slices.Contains(c.values, text)
}

// covers says whether a rule names what is asked for. A rule that forbids a
// method forbids it whatever it is about; one that permits does not.
func (r *accessRule) covers(a *action) bool {
	if (r.forbid || a.kind == method) && anyGlob(r.methods, a.method) {
		return true
	}
	switch a.kind {
	case tool:
		return anyGlob(r.tools, a.name)
	case resource:
		return anyGlob(r.resources, a.name)
	case prompt:
		return anyGlob(r.prompts, a.name)
	default:
		return false
	}
}

// basic are the methods that every client needs and that reveal nothing that is
// not filtered.
func basic(method string) bool {
	switch method {
	case "initialize", "ping", "server/discover", "logging/setLevel",
		"tools/list", "prompts/list", "resources/list", "resources/templates/list":
		return true
	}
	return strings.HasPrefix(method, "notifications/")
}
