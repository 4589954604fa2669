// Package clientid is the policy client-id-enforcement-flex: only client
// applications with an approved contract on the API may call it. It checks the
// client id and, where told to, the client secret; it grants nothing beyond.
package clientid

import (
	"context"
	_ "embed"
	"encoding/json"
	"fmt"
	"net/http"

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
		Name: "client-id-enforcement-flex", Title: "Client ID Enforcement", Category: "Compliance",
		Phase: policy.Identify, Identifies: true, Schema: schema, Compile: compile, Warn: warn,
	}
}

// Settings are what operators set.
type Settings struct {
	// Origin is where id and secret come from: the expressions below, or the user name and password of HTTP Basic authentication.
	Origin string `json:"credentialsOriginHasHttpBasicAuthenticationHeader" default:"customExpression" enum:"customExpression|httpBasicAuthenticationHeader"`
	// ClientIDExpression is where the client id stands, with customExpression.
	ClientIDExpression string `json:"clientIdExpression" default:"#[attributes.headers['client_id']]" expr:"true"`
	// ClientSecretExpression is where the client secret stands, with customExpression; without it the secret is not checked.
	ClientSecretExpression string `json:"clientSecretExpression" default:"" expr:"true"`
}

const (
	custom = "customExpression"
	basic  = "httpBasicAuthenticationHeader"
)

type enforcer struct {
	basic      bool
	id, secret *dataweave.Expression // secret is nil when it is not checked
}

func compile(settings json.RawMessage) (policy.Compiled, error) {
	s := Settings{Origin: custom, ClientIDExpression: "#[attributes.headers['client_id']]"}
	if err := policy.Decode(settings, &s); err != nil {
		return nil, err
	}
	if s.Origin == basic {
		return &enforcer{basic: true}, nil
	}
	e := &enforcer{}
	var err error
	if s.ClientIDExpression == "" {
		return nil, fmt.Errorf("clientIdExpression: it is empty, so no request could name its client")
	}
	if e.id, err = dataweave.Compile(s.ClientIDExpression); err != nil {
		return nil, fmt.Errorf("clientIdExpression: %w", err)
	}
	if s.ClientSecretExpression != "" {
		if e.secret, err = dataweave.Compile(s.ClientSecretExpression); err != nil {
			return nil, fmt.Errorf("clientSecretExpression: %w", err)
		}
	}
	return e, nil
}

func warn(settings json.RawMessage) []string {
	var s struct {
		Origin any `json:"credentialsOriginHasHttpBasicAuthenticationHeader"`
		Secret any `json:"clientSecretExpression"`
	}
	if err := json.Unmarshal(settings, &s); err != nil || s.Origin == basic || s.Secret != nil && s.Secret != "" {
		return nil
	}
	return []string{"clientSecretExpression: without it whoever knows a client id is taken for the client"}
}

// Bind implements policy.Compiled.
func (e *enforcer) Bind(env policy.Env) (policy.Step, error) {
	return policy.Step{
		RequestBody: policy.PayloadNeed(e.id, e.secret),
		Request: func(_ context.Context, x *traffic.Exchange) policy.Verdict {
			id, secret := e.credentials(x)
			if id == "" {
				return e.refuse(policy.NoClientID, "the request names no client id")
			}
			client := env.Clients.Find(id)
			if e.basic || e.secret != nil {
				client = env.Clients.Authenticate(id, secret)
			}
			if client == nil {
				return e.refuse(policy.BadClient, env.Clients.Why(id))
			}
			client.Establish(&x.Auth)
			return policy.Go()
		},
	}, nil
}

// credentials are what the request brings; what can't be read is empty.
func (e *enforcer) credentials(x *traffic.Exchange) (id, secret string) {
	if e.basic {
		return basicCredentials(x.Request.Header.Values("authorization"))
	}
	id, err := policy.EvalText(e.id, x, false)
	if err != nil {
		return "", ""
	}
	if e.secret != nil {
		if secret, err = policy.EvalText(e.secret, x, false); err != nil {
			return id, ""
		}
	}
	return id, secret
}

// basicCredentials reads an Authorization header (RFC 7617). Two of them are
// none: it could not be said which one counts.
func basicCredentials(values []traffic.Field) (id, secret string) {
	if len(values) != 1 {
		return "", ""
	}
	id, secret, _ = policy.BasicCredentials(values[0].Value)
	return id, secret
}

func (e *enforcer) refuse(public, reason string) policy.Verdict {
	challenge := "Client-ID-Enforcement"
	if e.basic {
		challenge = `Basic realm="mule-realm"`
	}
	return policy.Refuse(http.StatusUnauthorized, public, reason, traffic.Field{Name: "www-authenticate", Value: challenge})
}
