// Package accessblock is the policy access-block: it refuses every request, for
// an API that must be closed at once.
package accessblock

import (
	"context"
	_ "embed"
	"encoding/json"
	"net/http"

	"farrier.dev/farrier/internal/policy"
	"farrier.dev/farrier/internal/traffic"
)

//go:generate go run ../schemagen .

//go:embed schema.json
var schema []byte

// Policy is the entry of the catalogue.
func Policy() policy.Policy {
	return policy.Policy{
		Name: "access-block", Title: "Access Block", Category: "Security",
		Phase: policy.Admit, Schema: schema, Compile: compile,
	}
}

// Settings are none: what is bound blocks. Rules of the binding restrict it to
// a part of an API.
type Settings struct{}

type blocker struct{}

func compile(settings json.RawMessage) (policy.Compiled, error) {
	var s Settings
	if err := policy.Decode(settings, &s); err != nil {
		return nil, err
	}
	return blocker{}, nil
}

// Bind implements policy.Compiled.
func (blocker) Bind(policy.Env) (policy.Step, error) {
	return policy.Step{Request: func(context.Context, *traffic.Exchange) policy.Verdict {
		return policy.Refuse(http.StatusForbidden, "Access is blocked.", "all access is blocked here")
	}}, nil
}
