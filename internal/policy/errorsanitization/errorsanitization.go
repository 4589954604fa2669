// Package errorsanitization is the policy error-sanitization: an error of the
// service whose body tells too much, as stack traces, statements of databases
// and paths of files do, becomes {"error", "code", "correlationId"}. What the
// service said is not kept.
package errorsanitization

import (
	"context"
	_ "embed"
	"encoding/json"
	"net/http"
	"strings"

	"farrier.dev/farrier/internal/policy"
	"farrier.dev/farrier/internal/traffic"
)

//go:generate go run ../schemagen .

//go:embed schema.json
var schema []byte

// Policy is the entry of the catalogue.
func Policy() policy.Policy {
	return policy.Policy{
		Name: "error-sanitization", Title: "Error Sanitization", Category: "Security",
		Phase: policy.Shape, Schema: schema, Compile: compile,
	}
}

// Settings are what operators set.
type Settings struct {
	// Replace says which errors of the service are replaced: those whose body leaks (leaking), or all (all).
	Replace string `json:"replace" default:"leaking" enum:"leaking|all"`
	// FromStatus is the lowest status that is an error here.
	FromStatus int `json:"fromStatus" default:"400" min:"400" max:"599"`
	// Message is what clients read instead. Empty stands for the phrase of the status.
	Message string `json:"message" default:""`
	// Patterns are further regular expressions (RE2) that tell a leaking body.
	Patterns []string `json:"patterns" default:"[]"`
}

// inspected is how many bytes of an error are searched. A longer body is
// replaced: nobody knows what stands behind.
const inspected = 64 << 10

type sanitizer struct {
	all     bool
	from    int
	message string
	leaks   *leaks
}

func compile(settings json.RawMessage) (policy.Compiled, error) {
	var s Settings
	if err := policy.DecodeWithDefaults(schema, settings, &s); err != nil {
		return nil, err
	}
	found, err := compileLeaks(s.Patterns)
	if err != nil {
		return nil, err
	}
	return &sanitizer{all: s.Replace == "all", from: s.FromStatus, message: s.Message, leaks: found}, nil
}

// Bind implements policy.Compiled.
func (s *sanitizer) Bind(policy.Env) (policy.Step, error) {
	step := policy.Step{Response: s.response}
	if !s.all {
		step.ResponseBody = policy.Need{Mode: policy.Buffered, Limit: inspected, Partial: true, When: s.concerns}
	}
	return step, nil
}

// concerns says whether a response is an error of the service, also one that was
// kept.
func (s *sanitizer) concerns(x *traffic.Exchange) bool {
	return x.Response.Status >= s.from && !policy.OwnError(x)
}

func (s *sanitizer) response(_ context.Context, x *traffic.Exchange) policy.Verdict {
	if !s.concerns(x) {
		return policy.Go()
	}
	reason := "errors of the service are replaced"
	if !s.all {
		switch kind := s.leaks.find(x.Response.Body.Bytes()); {
		case kind != "":
			reason = "the error of the service holds " + kind
		case x.Response.Body.Partial():
			reason = "the error of the service is longer than what is searched"
		default:
			return policy.Go()
		}
	}
	return policy.Reply(s.answer(x), reason)
}

// answer keeps of the response what clients need to go on.
func (s *sanitizer) answer(x *traffic.Exchange) policy.Answer {
	status := x.Response.Status
	message := s.message
	if message == "" {
		message = http.StatusText(status)
	}
	if message == "" {
		message = "Error"
	}
	body, err := json.Marshal(struct {
		Error string `json:"error"`
		Code  int    `json:"code"`
		ID    string `json:"correlationId"`
	}{message, status, x.ID})
	if err != nil {
		body = []byte("{}")
	}
	answer := policy.Answer{Status: status, Body: body, Header: []traffic.Field{{Name: "content-type", Value: "application/json"}}}
	for _, name := range [...]string{"www-authenticate", "retry-after", "allow"} {
		answer.Header = append(answer.Header, x.Response.Header.Values(name)...)
	}
	for f := range x.Response.Header.All() {
		if strings.HasPrefix(f.Name, "access-control-") || strings.HasPrefix(f.Name, "x-ratelimit-") {
			answer.Header = append(answer.Header, f)
		}
	}
	return answer
}
