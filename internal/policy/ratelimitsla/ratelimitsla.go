// Package ratelimitsla is the policy rate-limiting-sla-based-flex: each client
// application may call as often as the SLA tier of its contract allows. It
// counts per client; the limits themselves are no settings of it.
package ratelimitsla

import (
	"context"
	_ "embed"
	"encoding/json"
	"fmt"
	"net/http"

	"farrier.dev/farrier/internal/dataweave"
	"farrier.dev/farrier/internal/policy"
	"farrier.dev/farrier/internal/sharedstate"
	"farrier.dev/farrier/internal/traffic"
)

//go:generate go run ../schemagen .

//go:embed schema.json
var schema []byte

// Policy is the entry of the catalogue.
func Policy() policy.Policy {
	return policy.Policy{
		Name: "rate-limiting-sla-based-flex", Title: "Rate Limiting: SLA-based", Category: "Quality of service",
		Phase: policy.Meter, Schema: schema, Compile: compile, Warn: warn,
	}
}

// Settings are what operators set.
type Settings struct {
	// ClientIDExpression is where the client id stands.
	ClientIDExpression string `json:"clientIdExpression" default:"#[attributes.headers['client_id']]" minLength:"1" expr:"true"`
	// ClientSecretExpression is where the client secret stands; without it the secret is not checked, and whoever knows an id can spend its quota.
	ClientSecretExpression string `json:"clientSecretExpression" default:"" expr:"true"`
	// ExposeHeaders says whether clients read x-ratelimit-limit, x-ratelimit-remaining and x-ratelimit-reset (milliseconds).
	ExposeHeaders bool `json:"exposeHeaders" default:"false"`
	// Clusterizable asks to count together with other gateways; without a shared store each gateway counts for itself.
	Clusterizable bool `json:"clusterizable" default:"true"`
}

type limiter struct {
	id, secret *dataweave.Expression // secret is nil when it is not checked
	expose     bool
}

func compile(settings json.RawMessage) (policy.Compiled, error) {
	s := Settings{ClientIDExpression: "#[attributes.headers['client_id']]", Clusterizable: true}
	if err := policy.Decode(settings, &s); err != nil {
		return nil, err
	}
	l := &limiter{expose: s.ExposeHeaders}
	var err error
	if l.id, err = dataweave.Compile(s.ClientIDExpression); err != nil {
		return nil, fmt.Errorf("clientIdExpression: %w", err)
	}
	if s.ClientSecretExpression != "" {
		if l.secret, err = dataweave.Compile(s.ClientSecretExpression); err != nil {
			return nil, fmt.Errorf("clientSecretExpression: %w", err)
		}
	}
	return l, nil
}

func warn(settings json.RawMessage) []string {
	var s struct {
		Clusterizable any `json:"clusterizable"`
		Secret        any `json:"clientSecretExpression"`
	}
	if err := json.Unmarshal(settings, &s); err != nil {
		return nil
	}
	var warnings []string
	if s.Clusterizable == true {
		warnings = append(warnings, "clusterizable: there is no shared store yet, so each gateway counts for itself")
	}
	if s.Secret == nil || s.Secret == "" {
		warnings = append(warnings, "clientSecretExpression: without it whoever knows a client id can spend its quota, unless an earlier policy checks the secret")
	}
	return warnings
}

// Bind implements policy.Compiled.
func (l *limiter) Bind(env policy.Env) (policy.Step, error) {
	counter, ok := env.State("windows", func() any { return sharedstate.NewFixedWindow(env.Now, 0) }).(sharedstate.Counter)
	if !ok {
		return policy.Step{}, fmt.Errorf("the counters kept for %s are of another kind", env.Binding)
	}
	quota := policy.NewQuota(l.expose)
	return policy.Step{
		RequestBody: policy.PayloadNeed(l.id, l.secret),
		Response:    quota.Hook(),
		Request: func(ctx context.Context, x *traffic.Exchange) policy.Verdict {
			client, v := l.client(x, env.Clients)
			if client == nil {
				return v
			}
			result, err := counter.Take(ctx, client.ID, client.Windows())
			switch {
			case err != nil:
				return policy.Fail(http.StatusServiceUnavailable, "Service unavailable.", "the store of the counters did not answer, so the quota is unknown")
			case !result.OK:
				return quota.Refuse(result, "the client has spent the quota of its SLA tier")
			case len(client.Windows()) == 0:
				return policy.GoBecause("the client's SLA tier has no limits")
			}
			return quota.Pass(x, result)
		},
	}, nil
}

// client is the contract of the caller, or the refusal.
func (l *limiter) client(x *traffic.Exchange, clients *policy.Clients) (*policy.Client, policy.Verdict) {
	scope := &policy.Scope{Exchange: x}
	id, err := l.id.EvalString(scope)
	if err != nil || id == "" {
		return nil, refuse(policy.NoClientID, "the request names no client id")
	}
	client := clients.Find(id)
	if l.secret != nil {
		secret, err := l.secret.EvalString(scope)
		if err != nil {
			secret = ""
		}
		client = clients.Authenticate(id, secret)
	}
	if client == nil {
		return nil, refuse(policy.BadClient, "no contract on this API has the client's id and secret")
	}
	if x.Auth.ClientID == "" {
		client.Establish(&x.Auth)
	}
	return client, policy.Verdict{}
}

func refuse(public, reason string) policy.Verdict {
	return policy.Refuse(http.StatusUnauthorized, public, reason,
		traffic.Field{Name: "www-authenticate", Value: "Client-ID-Enforcement"})
}
