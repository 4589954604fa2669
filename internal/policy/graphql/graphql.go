// Package graphql is the four policies on GraphQL: graphql-introspection-control-flex,
// graphql-operation-limits-flex, graphql-schema-validation-flex and
// graphql-static-query-complexity-flex. They read documents as the GraphQL
// specification (October 2021) has it, from requests over HTTP and from the
// messages of WebSocket, and execute nothing.
package graphql

import (
	"context"
	"encoding/json"
	"strconv"

	"github.com/vektah/gqlparser/v2/ast"

	"farrier.dev/farrier/internal/policy"
	"farrier.dev/farrier/internal/traffic"
)

//go:generate go run ../schemagen .:IntrospectionSettings .:LimitsSettings .:SchemaSettings .:ComplexitySettings

// The limits of what is read.
const (
	maxBody   = 1 << 20
	maxTokens = 15_000
	maxBatch  = 50
)

// document is one parsed document of a request.
type document struct {
	query     *ast.QueryDocument
	variables map[string]any
	// operation is the name of the one to be run, empty for the only one.
	operation string
	// text is the document as it came.
	text string
	// broken says why it could not be parsed; query is nil then.
	broken string
}

// inspector is what the four policies have in common.
type inspector struct {
	// judge says what is wrong with a document, one sentence each.
	judge func(d *document) []string
	// status is that of a refusal.
	status int
	// blocks says that a request is refused; otherwise it is logged and passes.
	blocks bool
}

// Bind implements policy.Compiled.
func (i *inspector) Bind(env policy.Env) (policy.Step, error) {
	return policy.Step{
		RequestBody: policy.Need{Mode: policy.Buffered, Limit: maxBody},
		OnStream:    policy.InspectStream,
		Messages:    policy.ClientOnly,
		Request: func(_ context.Context, x *traffic.Exchange) policy.Verdict {
			documents, why := documentsOf(x)
			return i.verdict(env, documents, why)
		},
		Message: func(_ context.Context, _ *traffic.Exchange, m policy.Message) policy.Verdict {
			if m.Kind != policy.TextMessage && m.Kind != policy.BinaryMessage { // servers read both as text
				return policy.Go()
			}
			if m.Partial {
				return refuse(i.status, []string{"the message is too long"})
			}
			documents, why := documentsOfMessage(m.Data)
			return i.verdict(env, documents, why)
		},
	}, nil
}

func (i *inspector) verdict(env policy.Env, documents []document, why string) policy.Verdict {
	var problems []string
	if why != "" {
		problems = append(problems, why)
	}
	if tooTangled(documents) {
		problems, documents = append(problems, "the request has too many operations with too many fragments"), nil
	}
	for n := range documents {
		problems = append(problems, i.judge(&documents[n])...)
	}
	switch {
	case len(problems) == 0:
		return policy.Go()
	case !i.blocks:
		env.Log.Warn("a GraphQL request would be refused", "problems", min(len(problems), maxProblems), "first", problems[0])
		return policy.GoBecause(problems[0] + "; blockOperation is false")
	}
	return refuse(i.status, problems)
}

// maxTangle bounds the operations of a request times the fragments: to follow
// each fragment from each operation costs that much, and a few kilobytes would
// cost seconds.
const maxTangle = 10_000

func tooTangled(documents []document) bool {
	tangle := 0
	for n := range documents {
		if q := documents[n].query; q != nil {
			tangle += len(q.Operations) * len(q.Fragments)
		}
	}
	return tangle > maxTangle
}

// maxProblems is how many problems an answer tells.
const maxProblems = 20

// refuse answers as GraphQL servers do.
func refuse(status int, problems []string) policy.Verdict {
	type problem struct {
		Message string `json:"message"`
	}
	var body struct {
		Errors []problem `json:"errors"`
	}
	for _, text := range problems[:min(len(problems), maxProblems)] {
		body.Errors = append(body.Errors, problem{text})
	}
	text, err := json.Marshal(body)
	if err != nil {
		text = []byte(`{"errors":[{"message":"refused"}]}`)
	}
	return policy.Verdict{
		Action: traffic.Refused, Reason: problems[0],
		Answer: policy.Answer{Status: status, Body: text, Header: []traffic.Field{{Name: "content-type", Value: "application/json"}}},
	}
}

// fragments finds fragments by name.
func (d *document) fragments() map[string]*ast.FragmentDefinition {
	found := make(map[string]*ast.FragmentDefinition, len(d.query.Fragments))
	for _, f := range d.query.Fragments {
		found[f.Name] = f
	}
	return found
}

func count(n int) string { return strconv.Itoa(n) }
