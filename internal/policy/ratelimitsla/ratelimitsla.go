// Package ratelimitsla is the policy rate-limiting-sla-based-flex: each client
// application may call as often as the SLA tier of its contract allows. It
// counts per client; the limits themselves are no settings of it. Gateways that
// share a store count together; while it does not answer each counts alone.
package ratelimitsla

import (
	"context"
	_ "embed"
	"encoding/json"

	"farrier.dev/farrier/internal/policy"
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
	// Clusterizable asks to count together with the other gateways on the same sharedStorage, where periods below 10 seconds are stretched to 10 with as much more quota; without sharedStorage, or while it does not answer, each gateway counts for itself.
	Clusterizable bool `json:"clusterizable" default:"true"`
}

type limiter struct {
	caller *policy.Caller
	expose bool
	shared bool
}

func compile(settings json.RawMessage) (policy.Compiled, error) {
	s := Settings{ClientIDExpression: "#[attributes.headers['client_id']]", Clusterizable: true}
	if err := policy.Decode(settings, &s); err != nil {
		return nil, err
	}
	caller, err := policy.NewCaller(s.ClientIDExpression, s.ClientSecretExpression)
	if err != nil {
		return nil, err
	}
	return &limiter{caller: caller, expose: s.ExposeHeaders, shared: s.Clusterizable}, nil
}

func warn(settings json.RawMessage) []string {
	var s struct {
		Secret any `json:"clientSecretExpression"`
	}
	if err := json.Unmarshal(settings, &s); err == nil && (s.Secret == nil || s.Secret == "") {
		return []string{policy.NoSecretWarning}
	}
	return nil
}

// Bind implements policy.Compiled.
func (l *limiter) Bind(env policy.Env) (policy.Step, error) {
	tally, err := policy.NewTally(env, "rate-limiting-sla-based", l.shared)
	if err != nil {
		return policy.Step{}, err
	}
	quota := policy.NewQuota(l.expose)
	return policy.Step{
		RequestBody: l.caller.Need(),
		Response:    quota.Hook(),
		Request: func(ctx context.Context, x *traffic.Exchange) policy.Verdict {
			client, v := l.caller.Find(x, env.Clients)
			if client == nil {
				return v
			}
			limits := client.WindowsOf(tally)
			if len(limits) == 0 {
				return policy.GoBecause("the client's SLA tier has no limits")
			}
			result, alone := tally.TakeAnyway(ctx, client.ID, limits)
			if !result.OK {
				return quota.Refuse(result, "the client has spent the quota of its SLA tier")
			}
			if v := quota.Pass(x, result); !alone {
				return v
			}
			return policy.GoBecause(policy.CountedAlone)
		},
	}, nil
}
