// Package throttlingsla is the policy throttling-sla-based of Mule 3: requests of
// a client application over the quota of its SLA tier wait for their turn, so
// many at a time, and are refused when they have waited in vain. Gateways that
// share a store count together. The limits themselves are no settings of it.
package throttlingsla

import (
	"context"
	_ "embed"
	"encoding/json"
	"fmt"
	"time"

	"farrier.dev/farrier/internal/policy"
	"farrier.dev/farrier/internal/traffic"
)

//go:generate go run ../schemagen .

//go:embed schema.json
var schema []byte

// Policy is the entry of the catalogue.
func Policy() policy.Policy {
	return policy.Policy{
		Name: "throttling-sla-based", Title: "Throttling: SLA-based", Category: "Quality of service",
		Phase: policy.Meter, Schema: schema, Compile: compile, Warn: warn,
	}
}

// Settings are what operators set.
type Settings struct {
	// ClientIDExpression is where the client id stands.
	ClientIDExpression string `json:"clientIdExpression" default:"#[attributes.headers['client_id']]" minLength:"1" expr:"true"`
	// ClientSecretExpression is where the client secret stands; without it the secret is not checked, and whoever knows an id can spend its quota.
	ClientSecretExpression string `json:"clientSecretExpression" default:"" expr:"true"`
	// DelayTimeInMillis is how many milliseconds a request over the limit waits before it tries again.
	DelayTimeInMillis int64 `json:"delayTimeInMillis" default:"1000" min:"1" max:"3600000"`
	// DelayAttempts is how often a request over the limit tries again.
	DelayAttempts int64 `json:"delayAttempts" default:"1" min:"0" max:"1000"`
	// QueuingLimit is how many requests of all clients may wait at a time on one gateway; with 0 none waits.
	QueuingLimit int64 `json:"queuingLimit" default:"0" min:"0"`
	// ExposeHeaders says whether clients read x-ratelimit-limit, x-ratelimit-remaining and x-ratelimit-reset (milliseconds).
	ExposeHeaders bool `json:"exposeHeaders" default:"false"`
	// Clusterizable asks to count together with the other gateways on the same sharedStorage, where periods below 10 seconds are stretched to 10 with as much more quota; without sharedStorage, or while it does not answer, each gateway counts for itself.
	Clusterizable bool `json:"clusterizable" default:"true"`
}

type throttle struct {
	caller   *policy.Caller
	settings Settings
}

func compile(settings json.RawMessage) (policy.Compiled, error) {
	s := Settings{
		ClientIDExpression: "#[attributes.headers['client_id']]",
		DelayTimeInMillis:  1000, DelayAttempts: 1, Clusterizable: true,
	}
	if err := policy.Decode(settings, &s); err != nil {
		return nil, err
	}
	caller, err := policy.NewCaller(s.ClientIDExpression, s.ClientSecretExpression)
	if err != nil {
		return nil, err
	}
	return &throttle{caller: caller, settings: s}, nil
}

func warn(settings json.RawMessage) []string {
	var s struct {
		QueuingLimit any `json:"queuingLimit"`
		Secret       any `json:"clientSecretExpression"`
	}
	if err := json.Unmarshal(settings, &s); err != nil {
		return nil
	}
	var warnings []string
	if s.QueuingLimit == nil || s.QueuingLimit == 0.0 {
		warnings = append(warnings, "queuingLimit: with 0 no request waits for its turn; those over the limit are refused at once")
	}
	if s.Secret == nil || s.Secret == "" {
		warnings = append(warnings, policy.NoSecretWarning)
	}
	return warnings
}

// Bind implements policy.Compiled.
func (t *throttle) Bind(env policy.Env) (policy.Step, error) {
	tally, err := policy.NewTally(env, "throttling-sla-based", t.settings.Clusterizable)
	if err != nil {
		return policy.Step{}, err
	}
	queue, ok := env.State("queue", func() any {
		return &policy.Queue{
			Delay:    time.Duration(t.settings.DelayTimeInMillis) * time.Millisecond,
			Attempts: t.settings.DelayAttempts, Limit: t.settings.QueuingLimit,
		}
	}).(*policy.Queue)
	if !ok {
		return policy.Step{}, fmt.Errorf("the queue kept for %s is of another kind", env.Binding)
	}
	quota := policy.NewQuota(t.settings.ExposeHeaders)
	return policy.Step{
		RequestBody: t.caller.Need(),
		Response:    quota.Hook(),
		Request: func(ctx context.Context, x *traffic.Exchange) policy.Verdict {
			client, v := t.caller.Find(x, env.Clients)
			if client == nil {
				return v
			}
			limits := client.WindowsOf(tally)
			if len(limits) == 0 {
				return policy.GoBecause("the client's SLA tier has no limits")
			}
			return queue.Pass(ctx, x, quota, tally.Taking(ctx, client.ID, limits))
		},
	}, nil
}
