// Package accessblock is the policy access-block: it refuses every request, for
// an API that must be closed at once, or those of callers who are named.
package accessblock

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
		Name: "access-block", Title: "Access Block", Category: "Security",
		Phase: policy.Admit, Schema: schema, Compile: compile,
	}
}

// Settings say whom to block. Without any, what is bound blocks everybody. Rules of
// the binding restrict it to a part of an API.
type Settings struct {
	// Status is what blocked callers are answered: 403, or 503 for an API that is stopped for a time.
	Status int `json:"status" default:"403" enum:"403|503"`
	// Clients are ids of client applications. Where clients, subjects or sessions are named, only those are blocked; the binding must stand behind the policy that identifies them.
	Clients []string `json:"clients" default:"[]"`
	// Subjects are those of tokens: the claim sub, or the name that a policy has established.
	Subjects []string `json:"subjects" default:"[]"`
	// Sessions are single tokens and the sessions that they belong to: the claims jti and sid.
	Sessions []string `json:"sessions" default:"[]"`
}

type blocker struct {
	verdict                     policy.Verdict
	clients, subjects, sessions map[string]bool
}

func compile(settings json.RawMessage) (policy.Compiled, error) {
	var s Settings
	if err := policy.DecodeWithDefaults(schema, settings, &s); err != nil {
		return nil, err
	}
	b := &blocker{clients: set(s.Clients), subjects: set(s.Subjects), sessions: set(s.Sessions)}
	switch s.Status {
	case http.StatusForbidden:
		b.verdict = policy.Refuse(s.Status, "Access is blocked.", "all access is blocked here")
	case http.StatusServiceUnavailable:
		b.verdict = policy.Refuse(s.Status, "This API is stopped for the time being.", "the API is stopped")
	default:
		return nil, fmt.Errorf("status: %d is neither 403 nor 503", s.Status)
	}
	return b, nil
}

func set(names []string) map[string]bool {
	if len(names) == 0 {
		return nil
	}
	all := make(map[string]bool, len(names))
	for _, name := range names {
		all[name] = true
	}
	return all
}

// Bind implements policy.Compiled.
func (b *blocker) Bind(policy.Env) (policy.Step, error) {
	everybody := b.clients == nil && b.subjects == nil && b.sessions == nil
	return policy.Step{Request: func(_ context.Context, x *traffic.Exchange) policy.Verdict {
		if everybody {
			return b.verdict
		}
		who := b.named(x)
		if who == "" {
			return policy.Go()
		}
		verdict := b.verdict
		verdict.Reason = who + " is blocked"
		return verdict
	}}, nil
}

// named says by what a caller is blocked, empty for one who is not.
func (b *blocker) named(x *traffic.Exchange) string {
	if x.Auth.ClientID != "" && b.clients[x.Auth.ClientID] {
		return "the client application"
	}
	if b.subjects == nil && b.sessions == nil {
		return ""
	}
	if b.subjects[x.Auth.Principal] && x.Auth.Principal != "" {
		return "the caller"
	}
	claims := policy.ClaimsOf(x)
	claim := func(of map[string]bool, name string) bool {
		if of == nil {
			return false
		}
		text, ok := textOf(claims, name)
		return ok && of[text]
	}
	switch {
	case claim(b.subjects, "sub"):
		return "the token's subject"
	case claim(b.sessions, "jti"), claim(b.sessions, "sid"):
		return "the session"
	}
	return ""
}

func textOf(claims dataweave.Value, name string) (string, bool) {
	return policy.ClaimAt(claims, []string{name}).AsString()
}
