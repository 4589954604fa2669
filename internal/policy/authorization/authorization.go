// Package authorization is the policy authorization: per operation it says
// which scopes, roles, attributes and strength of sign-in a caller needs, by
// settings of its own or by what a description in RAML or OpenAPI says. What is
// listed in neither is refused. It identifies nobody: a policy before it does,
// as jwt-validation-flex.
package authorization

import (
	"context"
	_ "embed"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"farrier.dev/farrier/internal/dataweave"
	"farrier.dev/farrier/internal/policy"
	"farrier.dev/farrier/internal/traffic"
)

//go:generate go run ../schemagen .

//go:embed schema.json
var schema []byte

// Policy is the entry of the catalogue.
func Policy() policy.Policy {
	return policy.Policy{
		Name: "authorization", Title: "Authorization", Category: "Security",
		Phase: policy.Authorise, Describes: true, Schema: schema, Compile: compile,
	}
}

// Settings are what operators set.
type Settings struct {
	// Operations are tried in order; the first whose method and path match decides. What matches none is judged by the description, and without one is refused. Set operations, a description, or both.
	Operations []Operation `json:"operations" default:"[]"`
	// Spec is a description of the API in one document, RAML or OpenAPI. Each of its operations then needs one of the alternatives of its security (securedBy in RAML): all scopes of OAuth 2.0 and OpenID Connect, all roles that stand with other schemes, and one of the roles in x-required-roles (annotation required-roles in RAML). Who comes with a token is judged by the alternatives with a token, where there are any. An operation that says nothing of security needs a caller who is identified; a path or method that is not described is refused.
	Spec string `json:"spec" default:""`
	// SpecFile is the main file of the description, or a zip archive, below the folder of the manifest. The files that it refers to must lie beside it or below. They are read when the manifest is; a later change counts when manifests are read again. Other YAML files that it consists of would be taken for manifests in a folder of manifests: put them into a folder whose name begins with a dot.
	SpecFile string `json:"specFile" default:"" host:"true"`
	// SpecArchive is the description as a zip archive in base64, at most 8 MiB, as Exchange gives them. The files of specFile are put here when a manifest is read.
	SpecArchive string `json:"specArchive" default:""`
	// SpecMain is the main file in the archive. By default it is the one that exchange.json names, or the only description there.
	SpecMain string `json:"specMain" default:""`
	// APIBasePath is what stands before the paths of the description: in what follows the base path of the API, or else in the whole path of the request.
	APIBasePath string `json:"apiBasePath" default:"/"`
	// RolesClaim leads to the claim that holds the roles, a list or words in one text, as realm_access.roles.
	RolesClaim string `json:"rolesClaim" default:"roles" minLength:"1"`
	// ScopesClaim leads to the claim that holds the scopes; empty takes scope, then scp.
	ScopesClaim string `json:"scopesClaim" default:""`
}

// Operation says who may do one thing.
type Operation struct {
	// Methods are those that it is for; none means all. GET covers HEAD.
	Methods []string `json:"methods" default:"[]"`
	// Path is a template behind the base path of the API: {name} is one segment, /** at the end any number of them. A slash at the end and parameters in segments (;x) make no difference.
	Path string `json:"path" required:"true" minLength:"1"`
	// Public lets everybody pass, identified or not. It changes nothing of the
	// policies before it: one that refuses strangers needs rules that leave the
	// operation out.
	Public bool `json:"public" default:"false"`
	// Scopes are those that the token must have: all of them, or one.
	Scopes []string `json:"scopes" default:"[]"`
	// ScopeCriteria says whether all scopes are needed (AND) or one is enough (OR).
	ScopeCriteria string `json:"scopeCriteria" default:"AND" enum:"AND|OR"`
	// Roles are those of which the caller needs one.
	Roles []string `json:"roles" default:"[]"`
	// Condition is an expression that must be true. vars.path.NAME is a segment of the path, vars.claims the claims of the caller; payload is the body. Two values that are both missing are equal: add a test for null where that matters.
	Condition string `json:"condition" default:"" expr:"true"`
	// ACR are the authentication contexts of which the token must name one (acr).
	ACR []string `json:"acr" default:"[]"`
	// AMR are the methods of authentication that the token must name, all of them (amr).
	AMR []string `json:"amr" default:"[]"`
	// MaxAuthenticationAge is how many seconds ago the caller may have signed in (auth_time); 0 means any time.
	MaxAuthenticationAge int64 `json:"maxAuthenticationAge" default:"0" min:"0"`
}

// operation is a compiled Operation.
type operation struct {
	Operation
	template  template
	condition *dataweave.Expression
	// query says that the condition looks at the query.
	query  bool
	maxAge time.Duration
}

type authorizer struct {
	operations     []operation
	description    *description
	roles, scopes  []string
	conditionNeeds policy.Need
}

func compile(settings json.RawMessage) (policy.Compiled, error) {
	var s Settings
	if err := policy.DecodeWithDefaults(schema, settings, &s); err != nil {
		return nil, err
	}
	a := &authorizer{roles: strings.Split(s.RolesClaim, ".")}
	if s.ScopesClaim != "" {
		a.scopes = strings.Split(s.ScopesClaim, ".")
	}
	var conditions []*dataweave.Expression
	for i, one := range s.Operations {
		o := operation{Operation: one, maxAge: time.Duration(one.MaxAuthenticationAge) * time.Second}
		var err error
		for j, method := range one.Methods {
			if method == "" || method != strings.ToUpper(method) {
				return nil, fmt.Errorf("operations[%d].methods[%d]: %q is no method; write it in capitals", i, j, method)
			}
		}
		o.query = strings.Contains(one.Condition, "query") || strings.Contains(one.Condition, "requestUri")
		if o.template, err = parseTemplate(one.Path); err != nil {
			return nil, fmt.Errorf("operations[%d].path: %w", i, err)
		}
		if one.Condition != "" {
			if o.condition, err = dataweave.Compile(one.Condition); err != nil {
				return nil, fmt.Errorf("operations[%d].condition: %w", i, err)
			}
		}
		if one.Public && o.restricted() {
			return nil, fmt.Errorf("operations[%d]: public lets everybody pass; remove it, or what else the operation asks for", i)
		}
		conditions = append(conditions, o.condition)
		a.operations = append(a.operations, o)
	}
	a.conditionNeeds = policy.PayloadNeed(conditions...)
	var err error
	if a.description, err = describe(&s); err != nil {
		return nil, err
	}
	if len(a.operations) == 0 && a.description == nil {
		return nil, errors.New("operations: none, and no description; nobody could pass: list operations, or set spec or specFile")
	}
	return a, nil
}

func (o *operation) restricted() bool {
	return len(o.Scopes)+len(o.Roles)+len(o.ACR)+len(o.AMR) > 0 || o.condition != nil || o.maxAge > 0
}

// Bind implements policy.Compiled.
func (a *authorizer) Bind(env policy.Env) (policy.Step, error) {
	return policy.Step{
		RequestBody: a.conditionNeeds,
		Request: func(_ context.Context, x *traffic.Exchange) policy.Verdict {
			// What a service would take for the method or the path must be what was judged.
			x.Request.Header.DelFunc(overrides)
			o, path := a.find(x)
			if o == nil && a.description != nil {
				return a.judgeDescribed(x)
			}
			if o == nil {
				return policy.Refuse(http.StatusForbidden, "Access denied.", "no operation of the settings has this method and path")
			}
			return a.judge(env, o, x, path)
		},
	}, nil
}

// overrides says that frameworks take a header for the method or the path, in
// either spelling.
func overrides(f traffic.Field) bool {
	if !strings.HasPrefix(f.Name, "x") {
		return false
	}
	switch strings.ReplaceAll(f.Name, "_", "-") {
	case "x-http-method-override", "x-http-method", "x-method-override", "x-original-url", "x-rewrite-url", "x-original-uri":
		return true
	}
	return false
}

// find is the operation of an exchange and the segments that its path names.
func (a *authorizer) find(x *traffic.Exchange) (o *operation, path map[string]string) {
	segments, ok := segmentsOf(x.SubPath)
	if !ok {
		return nil, nil
	}
	method := x.Request.Method
	if method == http.MethodHead {
		method = http.MethodGet
	}
	for i := range a.operations {
		o := &a.operations[i]
		if len(o.Methods) > 0 && !slices.Contains(o.Methods, method) && !slices.Contains(o.Methods, x.Request.Method) {
			continue
		}
		if path, ok := o.template.match(segments); ok {
			return o, path
		}
	}
	return nil, nil
}

// judge says whether the caller may.
func (a *authorizer) judge(env policy.Env, o *operation, x *traffic.Exchange, path map[string]string) policy.Verdict {
	if o.Public {
		return policy.Go()
	}
	if stranger(x) {
		return challenge(http.StatusUnauthorized, "Authentication is required.", "nobody is identified", "Bearer")
	}
	claims := policy.ClaimsOf(x)
	if v := o.strength(claims, env.Now()); v.Stops() {
		return v
	}
	if missing := o.missingScopes(policy.ScopesOf(claims, a.scopes)); len(missing) > 0 {
		return challenge(http.StatusForbidden, "Insufficient scope.", "the token lacks the scope "+strings.Join(missing, ", "),
			`Bearer error="insufficient_scope", scope="`+strings.Join(o.Scopes, " ")+`"`)
	}
	if len(o.Roles) > 0 && !overlap(o.Roles, policy.ClaimWords(policy.ClaimAt(claims, a.roles))) {
		return policy.Refuse(http.StatusForbidden, "Access denied.", "the caller has none of the roles "+strings.Join(o.Roles, ", "))
	}
	if o.condition == nil {
		return policy.Go()
	}
	if o.query && !oneMeaning(x.Request.RawQuery) {
		return policy.Refuse(http.StatusForbidden, "Access denied.", "the query has a parameter twice or can't be read, so the service may see another one than the condition")
	}
	ok, err := o.condition.EvalBool(&policy.Scope{Exchange: x, Vars: &vars{path, claims}})
	switch {
	case err != nil:
		return policy.Refuse(http.StatusForbidden, "Access denied.", "the condition of the operation "+o.Path+" can't be evaluated for this request")
	case !ok:
		return policy.Refuse(http.StatusForbidden, "Access denied.", "the condition of the operation "+o.Path+" is not met")
	}
	return policy.Go()
}

// stranger says that nobody is identified.
func stranger(x *traffic.Exchange) bool {
	return x.Auth.ClientID == "" && x.Auth.Principal == "" && len(x.Auth.Properties) == 0
}

// oneMeaning says that every server reads the same parameters in a query.
func oneMeaning(query string) bool {
	values, err := url.ParseQuery(query)
	if err != nil {
		return false
	}
	for _, list := range values {
		if len(list) > 1 {
			return false
		}
	}
	return true
}

func (o *operation) missingScopes(has []string) []string {
	var missing []string
	for _, scope := range o.Scopes {
		if !slices.Contains(has, scope) {
			missing = append(missing, scope)
		}
	}
	if o.ScopeCriteria == "OR" && len(missing) < len(o.Scopes) {
		return nil
	}
	return missing
}

func challenge(status int, public, reason, challenge string) policy.Verdict {
	return policy.Refuse(status, public, reason, traffic.Field{Name: "www-authenticate", Value: challenge})
}
