package mcp

import (
	_ "embed"
	"encoding/json"
	"fmt"
	"net/http"
	"regexp"

	"farrier.dev/farrier/internal/policy"
	"farrier.dev/farrier/internal/traffic"
)

//go:embed global.json
var globalSchema []byte

// Global is the entry of the catalogue for mcp-global-access-policy, which says
// which tools, resources and prompts may be used at all.
func Global() policy.Policy {
	return policy.Policy{
		Name: "mcp-global-access-policy", Title: "MCP Global Access", Category: category,
		Aliases: []string{"mcp-global-access"},
		Phase:   policy.Authorise, Schema: globalSchema, Compile: compileGlobal,
	}
}

// GlobalSettings are those of mcp-global-access-policy.
type GlobalSettings struct {
	// Rules say which tools, prompts and resources may be used by anybody. Block
	// wins over Allow; when there is an Allow rule, what none of them matches is
	// refused too, with 403. What may not be used is left out of lists.
	Rules []GlobalRule `json:"rules" required:"true" minItems:"1"`
}

// GlobalRule is one rule.
type GlobalRule struct {
	// Type says what happens to what the rule matches.
	Type string `json:"type" required:"true" enum:"Allow|Block"`
	// MatchType says how value is compared: as it is, or as a regular expression
	// (RE2) that the whole name must match.
	MatchType string `json:"match_type" required:"true" enum:"literal|pattern"`
	// Value is the name of a tool or prompt, or the URI of a resource.
	Value string `json:"value" required:"true" minLength:"1"`
}

type globalRule struct {
	block   bool
	literal string
	pattern *regexp.Regexp // nil for literal
}

func (r *globalRule) match(name string) bool {
	if r.pattern == nil {
		return name == r.literal
	}
	return r.pattern.MatchString(name)
}

type global struct {
	rules  []globalRule
	listed bool // there is an Allow rule
}

func compileGlobal(settings json.RawMessage) (policy.Compiled, error) {
	var s GlobalSettings
	if err := policy.DecodeWithDefaults(globalSchema, settings, &s); err != nil {
		return nil, err
	}
	g := &global{}
	for i, one := range s.Rules {
		rule := globalRule{block: one.Type == "Block", literal: one.Value}
		if one.MatchType == "pattern" {
			var err error
			if rule.pattern, err = regexp.Compile(`\A(?:` + one.Value + `)\z`); err != nil {
				return nil, fmt.Errorf("rules[%d].value: not a regular expression: %w", i, err)
			}
		}
		g.listed = g.listed || !rule.block
		g.rules = append(g.rules, rule)
	}
	return g, nil
}

// Bind implements policy.Compiled.
func (g *global) Bind(policy.Env) (policy.Step, error) {
	guarding := &guard{status: http.StatusForbidden, judge: func(*traffic.Exchange) func(*action) bool { return g.allows }}
	return guarding.step(), nil
}

func (g *global) allows(a *action) bool {
	if a.kind == method {
		return true
	}
	allowed := !g.listed
	for i := range g.rules {
		switch r := &g.rules[i]; {
		case !r.match(a.name):
		case r.block:
			return false
		default:
			allowed = true
		}
	}
	return allowed
}
