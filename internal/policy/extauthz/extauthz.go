// Package extauthz is the policy native-ext-authz-flex: a service outside
// decides whether a request may pass, by Envoy's protocols for external
// authorization, over gRPC or over plain HTTP. It keeps no decision: every
// request asks.
package extauthz

import (
	"context"
	_ "embed"
	"fmt"
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
		Name: "native-ext-authz-flex", Title: "External Authorization", Category: "Security",
		Phase: policy.Authorise, Schema: schema, Warn: warn, Compile: compile,
	}
}

// maxAnswer is the size in bytes of the longest answer that is read.
const maxAnswer = 1 << 20

// decision is what the service said.
type decision struct {
	allowed bool
	// failed says that the service itself reports that it could not decide.
	failed bool
	// status, body and client are the answer for the client when it is denied;
	// client are changes of the response otherwise.
	status int
	body   []byte
	client []policy.FieldEdit
	// upstream and query are changes of the request.
	upstream []policy.FieldEdit
	query    queryEdit
}

// asker asks the service about one exchange. An error says that it could not
// decide, in words without secrets.
type asker interface {
	ask(ctx context.Context, x *traffic.Exchange) (decision, error)
}

// step is one binding.
type step struct {
	*compiled
	asker asker
}

// Bind implements policy.Compiled.
func (c *compiled) Bind(env policy.Env) (policy.Step, error) {
	s := &step{compiled: c}
	if c.ServerType == "grpc" {
		made, err := newGRPC(c, env)
		if err != nil {
			return policy.Step{}, err
		}
		s.asker = made
	} else {
		s.asker = newHTTP(c, env)
	}
	out := policy.Step{Request: s.request, RequestBody: c.body}
	if c.ServerType == "grpc" || len(c.ServiceResponseClientHeadersOnSuccess) > 0 {
		out.Response = s.response
	}
	return out, nil
}

func (s *step) request(ctx context.Context, x *traffic.Exchange) policy.Verdict {
	ctx, cancel := context.WithTimeout(ctx, s.timeout)
	defer cancel()
	d, err := s.asker.ask(ctx, x)
	if err != nil {
		return s.undecided(x, err.Error(), nil)
	}
	if !d.allowed {
		answer, err := d.answer()
		switch {
		case err != nil:
			return s.undecided(x, "the answer of the authorization service is malformed: "+err.Error(), nil)
		case d.failed:
			return s.undecided(x, "the authorization service reports an error of its own", &answer)
		}
		return policy.Verdict{
			Action: traffic.Refused, Answer: answer,
			Reason: fmt.Sprintf("the authorization service denies it with status %d", answer.Status),
		}
	}
	// Changes are made to copies, so that a malformed answer changes nothing.
	header := x.Request.Header.Clone()
	ignored, err := policy.EditFields(&header, d.upstream)
	if err != nil {
		return s.undecided(x, "the answer of the authorization service is malformed: "+err.Error(), nil)
	}
	trial := traffic.NewHeader()
	if _, err := policy.EditFields(&trial, d.client); err != nil {
		return s.undecided(x, "the answer of the authorization service is malformed: "+err.Error(), nil)
	}
	x.Request.Header = header
	x.Request.RawQuery = d.query.apply(x.Request.RawQuery)
	if len(d.client) > 0 {
		x.Carry(s, d.client)
	}
	if len(ignored) > 0 {
		return policy.GoBecause(fmt.Sprintf("permitted; %d changes of headers that no service may change were left out", len(ignored)))
	}
	return policy.Go()
}

// undecided is the verdict when the service gave no decision.
func (s *step) undecided(x *traffic.Exchange, reason string, answer *policy.Answer) policy.Verdict {
	if s.FailureModeAllow {
		x.NotInspected = append(x.NotInspected, "external authorization: "+reason)
		return policy.GoBecause(reason + "; failureModeAllow lets the request pass")
	}
	if answer != nil {
		return policy.Verdict{Action: traffic.Failed, Answer: *answer, Reason: reason}
	}
	return policy.Fail(http.StatusForbidden, "Forbidden.", reason)
}

// response adds what a permitting answer has for the client.
func (s *step) response(_ context.Context, x *traffic.Exchange) policy.Verdict {
	edits, ok := x.Carried(s).([]policy.FieldEdit)
	if !ok {
		return policy.Go()
	}
	if _, err := policy.EditFields(&x.Response.Header, edits); err != nil {
		return policy.Fail(http.StatusForbidden, "Forbidden.", "the answer of the authorization service is malformed: "+err.Error())
	}
	return policy.Go()
}

// answer is what the client reads of a denial. Without a word from the service
// it is the gateway's own.
func (d *decision) answer() (policy.Answer, error) {
	a := policy.Answer{Status: d.status, Body: d.body}
	if a.Status == 0 {
		a.Status = http.StatusForbidden
	}
	if a.Status < 200 || a.Status > 599 {
		return a, fmt.Errorf("its status for the client is %d", a.Status)
	}
	var header traffic.Header
	if _, err := policy.EditFields(&header, d.client); err != nil {
		return a, err
	}
	for f := range header.All() {
		a.Header = append(a.Header, f)
	}
	if d.status == 0 && len(d.body) == 0 {
		a.Error = "Forbidden."
	}
	return a, nil
}
