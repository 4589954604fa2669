// Package basicauth is the policy http-basic-authentication-flex: HTTP Basic
// authentication (RFC 7617) of one user whose name and password are settings.
package basicauth

import (
	"context"
	_ "embed"
	"encoding/json"
	"errors"
	"strings"

	"farrier.dev/farrier/internal/policy"
	"farrier.dev/farrier/internal/secret"
	"farrier.dev/farrier/internal/traffic"
)

//go:generate go run ../schemagen .

//go:embed schema.json
var schema []byte

// Policy is the entry of the catalogue.
func Policy() policy.Policy {
	return policy.Policy{
		Name: "http-basic-authentication-flex", Title: "Basic Authentication: Simple", Category: "Security",
		Phase: policy.Identify, Identifies: true, Schema: schema, Compile: compile,
	}
}

// Settings are what operators set.
type Settings struct {
	// Username is the name that callers must give. It holds no colon.
	Username string `json:"username" required:"true" minLength:"1"`
	// Password is the password that callers must give. Write a reference, as
	// $PASSWORD, rather than the password itself.
	Password string `json:"password" required:"true" minLength:"1" secret:"true"`
}

type account struct{ name, password string }

func compile(settings json.RawMessage) (policy.Compiled, error) {
	var s Settings
	if err := policy.Decode(settings, &s); err != nil {
		return nil, err
	}
	if strings.Contains(s.Username, ":") {
		return nil, errors.New("username: must hold no colon, which ends the name in a request (RFC 7617)")
	}
	return &account{s.Username, s.Password}, nil
}

// Bind implements policy.Compiled.
func (a *account) Bind(policy.Env) (policy.Step, error) {
	return policy.Step{Request: a.check}, nil
}

func (a *account) check(_ context.Context, x *traffic.Exchange) policy.Verdict {
	fields := x.Request.Header.Values("authorization")
	switch len(fields) {
	case 0:
		return policy.RefuseBasic("Authentication required.", "there is no Authorization header")
	case 1:
	default:
		return policy.RefuseBasic("Authentication failed.", "there is more than one Authorization header")
	}
	name, password, ok := policy.BasicCredentials(fields[0].Value)
	if !ok {
		return policy.RefuseBasic("Authentication failed.", "the Authorization header holds no Basic credentials")
	}
	// Both are compared, whatever the first comparison says, so that the time
	// does not tell which was wrong.
	sameName, samePassword := secret.Equal(name, a.name), secret.Equal(password, a.password)
	if !sameName || !samePassword {
		return policy.RefuseBasic("Authentication failed.", "the user name or the password is wrong")
	}
	x.Auth.Principal = a.name
	return policy.Go()
}
