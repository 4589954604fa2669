// Package specvalidation is the policy spec-validation-flex: it refuses requests
// that the API's OpenAPI description does not allow. It looks at requests only,
// and of bodies at JSON and forms only.
package specvalidation

import (
	"context"
	_ "embed"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"strings"

	"farrier.dev/farrier/internal/policy"
	"farrier.dev/farrier/internal/spec"
	"farrier.dev/farrier/internal/spec/openapi"
	"farrier.dev/farrier/internal/traffic"
)

//go:generate go run ../schemagen .

//go:embed schema.json
var schema []byte

// Policy is the entry of the catalogue.
func Policy() policy.Policy {
	return policy.Policy{
		Name: "spec-validation-flex", Title: "Schema Validation", Category: "Security",
		Phase: policy.Inspect, Schema: schema, Compile: compile,
	}
}

// Settings are what operators set.
type Settings struct {
	// Source says where the description comes from. Only inline is supported: context, which takes it from the control plane of MuleSoft, is refused.
	Source string `json:"source" required:"true" enum:"context|inline"`
	// Spec is the description: OpenAPI 3.0 or 3.1 as JSON or YAML, at most 4 MiB, in one document.
	Spec string `json:"spec" default:""`
	// APIBasePath is what stands before the paths of the description: in what follows the base path of the API, or else in the whole path of the request.
	APIBasePath string `json:"apiBasePath" default:"/"`
	// BlockOperation says whether requests that violate the description are refused with 400. Otherwise they pass, and what is wrong is logged and recorded.
	BlockOperation bool `json:"blockOperation" required:"true" default:"true"`
	// StrictParamsValidation refuses query parameters that are not described.
	StrictParamsValidation bool `json:"strictParamsValidation" default:"false"`
	// RefuseReadOnly refuses properties of a body that are described as readOnly. Otherwise they are held against their schema and pass.
	RefuseReadOnly bool `json:"refuseReadOnly" default:"false"`
	// RequestBodyLimit is the length in bytes of the longest body of JSON, or of an urlencoded form, that is validated. A longer one is refused with 413.
	RequestBodyLimit int64 `json:"requestBodyLimit" default:"1048576" min:"1024" max:"10485760"`
}

// told is how many violations the client reads.
const told = 5

// validation is a description, compiled.
type validation struct {
	checker *spec.Checker
	base    string
	block   bool
	limit   int64
}

func compile(settings json.RawMessage) (policy.Compiled, error) {
	s := Settings{APIBasePath: "/", BlockOperation: true, RequestBodyLimit: 1 << 20}
	if err := policy.Decode(settings, &s); err != nil {
		return nil, err
	}
	if s.Source != "inline" {
		return nil, errors.New("source: the description can't be taken from a control plane; set source: inline and put the description into spec")
	}
	if strings.TrimSpace(s.Spec) == "" {
		return nil, errors.New("spec: empty; put the OpenAPI description there")
	}
	if err := policy.CheckDestination("apiBasePath", s.APIBasePath); err != nil {
		return nil, err
	}
	description, err := openapi.Parse([]byte(s.Spec))
	if err != nil {
		return nil, fmt.Errorf("spec: %w", err)
	}
	checker, err := spec.NewChecker(description, spec.Options{
		UnknownQuery: s.StrictParamsValidation, ReadOnly: s.RefuseReadOnly, Most: told,
	})
	if err != nil {
		return nil, fmt.Errorf("spec: %w", err)
	}
	return &validation{checker, s.APIBasePath, s.BlockOperation, s.RequestBodyLimit}, nil
}

// bound is the validation in one binding.
type bound struct {
	*validation
	binding string
	log     *slog.Logger
}

// Bind implements policy.Compiled.
func (v *validation) Bind(env policy.Env) (policy.Step, error) {
	b := &bound{v, env.Binding, env.Log}
	return policy.Step{
		Request: b.check,
		// Partial, so that only what is validated has to be short and uploads pass.
		RequestBody: policy.Need{Mode: policy.Buffered, Limit: v.limit, Partial: true},
	}, nil
}

func (b *bound) check(_ context.Context, x *traffic.Exchange) policy.Verdict {
	path, ok := spec.Below(b.base, x.SubPath, x.Request.Path)
	if !ok {
		return b.violated(x, []spec.Violation{{Place: "path", Rule: "not below the base path of the description"}})
	}
	body := &x.Request.Body
	unread := body.Partial() || int64(len(body.Bytes())) > b.limit
	if unread && b.block && mustBeShort(x.Request.Header.Joined("content-type")) {
		return policy.Refuse(http.StatusRequestEntityTooLarge, "Request body too large.",
			fmt.Sprintf("the body is longer than the %d bytes that are validated", b.limit))
	}
	res := b.checker.Check(&spec.Request{
		Method: x.Request.Method, Path: path, Query: x.Request.RawQuery,
		Header: x.Request.Header.Joined, Body: body.Bytes(), Unread: unread,
	})
	if len(res.Violations) > 0 {
		return b.violated(x, res.Violations)
	}
	if res.Unchecked != "" {
		x.NotInspected = append(x.NotInspected, b.binding+": "+res.Unchecked)
		return policy.GoBecause(res.Unchecked)
	}
	return policy.Go()
}

// mustBeShort says whether a body would pass unseen if it were longer than is
// validated. Forms with files are long, and pass.
func mustBeShort(contentType string) bool {
	media, _, _ := strings.Cut(contentType, ";")
	return policy.IsJSON(contentType) || strings.EqualFold(strings.TrimSpace(media), "application/x-www-form-urlencoded")
}

// violated refuses a request, or logs what would have been refused.
func (b *bound) violated(x *traffic.Exchange, violations []spec.Violation) policy.Verdict {
	text := make([]string, len(violations))
	for i, v := range violations {
		text[i] = v.String()
	}
	reason := strings.Join(text, "; ")
	if !b.block {
		if b.log != nil {
			b.log.Warn("request violates the description", "exchange", x.ID, "violations", reason)
		}
		x.Decisions = append(x.Decisions, traffic.Decision{
			Binding: b.binding, Policy: "spec-validation-flex", Side: "request",
			Action: traffic.Watched, Status: http.StatusBadRequest, Reason: reason,
		})
		return policy.GoBecause(reason)
	}
	body, err := json.Marshal(struct {
		Error      string           `json:"error"`
		Violations []spec.Violation `json:"violations"`
		ID         string           `json:"correlationId"`
	}{"Request does not match the API description.", violations, x.ID})
	if err != nil {
		return policy.Fail(http.StatusInternalServerError, "Internal error.", "the violations could not be written")
	}
	v := policy.Refuse(http.StatusBadRequest, "", reason, traffic.Field{Name: "content-type", Value: "application/json"})
	v.Answer.Body = body
	return v
}
