package policy

import (
	"fmt"
	"net/http"

	"farrier.dev/farrier/internal/dataweave"
	"farrier.dev/farrier/internal/traffic"
)

// Caller finds the contract of the client application that calls, for steps
// that meter by SLA tier.
type Caller struct {
	id, secret *dataweave.Expression // secret is nil when it is not checked
}

// NewCaller compiles clientIdExpression and clientSecretExpression. Without the
// second the secret is not checked. Errors name the setting.
func NewCaller(id, secret string) (*Caller, error) {
	c := &Caller{}
	var err error
	if c.id, err = dataweave.Compile(id); err != nil {
		return nil, fmt.Errorf("clientIdExpression: %w", err)
	}
	if secret != "" {
		if c.secret, err = dataweave.Compile(secret); err != nil {
			return nil, fmt.Errorf("clientSecretExpression: %w", err)
		}
	}
	return c, nil
}

// Need is what the expressions need of the request's body.
func (c *Caller) Need() Need { return PayloadNeed(c.id, c.secret) }

// Find is the contract of the caller, or nil and the refusal. A caller whom
// nobody identified before becomes that of the exchange.
func (c *Caller) Find(x *traffic.Exchange, clients *Clients) (*Client, Verdict) {
	id, err := EvalText(c.id, x, false)
	if err != nil || id == "" {
		return nil, refuseCaller(NoClientID, "the request names no client id")
	}
	client := clients.Find(id)
	if c.secret != nil {
		secret, err := EvalText(c.secret, x, false)
		if err != nil {
			secret = ""
		}
		client = clients.Authenticate(id, secret)
	}
	if client == nil {
		return nil, refuseCaller(BadClient, "no contract on this API has the client's id and secret")
	}
	if x.Auth.ClientID == "" {
		client.Establish(&x.Auth)
	}
	return client, Verdict{}
}

func refuseCaller(public, reason string) Verdict {
	return Refuse(http.StatusUnauthorized, public, reason,
		traffic.Field{Name: "www-authenticate", Value: "Client-ID-Enforcement"})
}

// NoSecretWarning is what Warn says of settings without clientSecretExpression.
const NoSecretWarning = "clientSecretExpression: without it whoever knows a client id can spend its quota, unless an earlier policy checks the secret"
