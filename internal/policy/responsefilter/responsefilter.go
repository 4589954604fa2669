// Package responsefilter is the policy response-filter: what a JSON response
// holds beyond the schema of its operation is removed, reported or refused. It
// does not validate: a described field with a wrong value passes.
package responsefilter

import (
	"context"
	_ "embed"
	"encoding/json"
	"errors"
	"fmt"
	"mime"
	"net/http"
	"strings"

	"farrier.dev/farrier/internal/finding"
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
		Name: "response-filter", Title: "Response Filter", Category: "Security",
		Phase: policy.Shape, Schema: schema, Compile: compile,
	}
}

// Settings are what operators set.
type Settings struct {
	// Spec is the description: OpenAPI 3.0 or 3.1 as JSON or YAML, at most 4 MiB, in one document. A property is described when any schema that may hold at its place (allOf, anyOf, oneOf) names it, by name or pattern, or has additionalProperties that are not false. Objects of which no schema names a property pass as they are. Properties that are writeOnly count as not described.
	Spec string `json:"spec" required:"true" minLength:"1"`
	// APIBasePath is what stands before the paths of the description: in what follows the base path of the API, or else in the whole path of the request.
	APIBasePath string `json:"apiBasePath" default:"/"`
	// Mode says whether fields that are not described are removed, only recorded as a finding (report), or the response is refused with 502 (block).
	Mode string `json:"mode" default:"remove" enum:"remove|report|block"`
	// ResponseBodyLimit is the length in bytes of the longest response that is filtered. A longer one is refused with 502; with mode report it passes, which is recorded.
	ResponseBodyLimit int64 `json:"responseBodyLimit" default:"1048576" min:"1024" max:"10485760"`
	// OnStream says what happens to event streams, WebSocket and gRPC: they are refused, or pass unfiltered (skip), which is recorded.
	OnStream string `json:"onStream" default:"refuse" enum:"refuse|skip"`
}

type filter struct {
	set     Settings
	matcher *spec.Matcher
	// media holds what each schema of each response describes.
	media map[*spec.Media]*fields
}

func compile(settings json.RawMessage) (policy.Compiled, error) {
	s := Settings{APIBasePath: "/", Mode: "remove", ResponseBodyLimit: 1 << 20, OnStream: "refuse"}
	if err := policy.Decode(settings, &s); err != nil {
		return nil, err
	}
	switch {
	case strings.TrimSpace(s.Spec) == "":
		return nil, errors.New("spec: empty; put the OpenAPI description there")
	case s.Mode != "remove" && s.Mode != "report" && s.Mode != "block":
		return nil, errors.New("mode: must be one of remove, report, block")
	case s.OnStream != "refuse" && s.OnStream != "skip":
		return nil, errors.New("onStream: must be one of refuse, skip")
	}
	if err := policy.CheckDestination("apiBasePath", s.APIBasePath); err != nil {
		return nil, err
	}
	d, err := openapi.Parse([]byte(s.Spec))
	if err != nil {
		return nil, fmt.Errorf("spec: %w", err)
	}
	f := &filter{set: s, media: map[*spec.Media]*fields{}}
	if f.matcher, err = spec.NewMatcher(d.Operations); err != nil {
		return nil, fmt.Errorf("spec: %w", err)
	}
	b := newBuilder(d.Definitions)
	for i := range d.Operations {
		for j := range d.Operations[i].Responses {
			content := d.Operations[i].Responses[j].Content
			for k := range content {
				m := &content[k]
				if !m.Schema.Described() {
					continue
				}
				if f.media[m], err = b.root(m.Schema); err != nil {
					return nil, fmt.Errorf("spec: line %d: %w", m.Schema.Line, err)
				}
			}
		}
	}
	f.set.Spec = ""
	return f, nil
}

// bound is the filter in one binding.
type bound struct {
	*filter
	api, binding string
}

// Bind implements policy.Compiled.
func (f *filter) Bind(env policy.Env) (policy.Step, error) {
	b := &bound{f, env.API, env.Binding}
	s := policy.Step{
		Request: b.request, Response: b.response,
		ResponseBody: policy.Need{Mode: policy.Buffered, Limit: f.set.ResponseBodyLimit, BestEffort: f.set.Mode == "report"},
	}
	if f.set.OnStream == "skip" {
		s.OnStream = policy.SkipStream
	}
	return s, nil
}

// request remembers the operation, before steps behind this one rewrite the path.
func (b *bound) request(_ context.Context, x *traffic.Exchange) policy.Verdict {
	if path, ok := spec.Below(b.set.APIBasePath, x.SubPath, x.Request.Path); ok {
		var room [8]string
		if op, _, _ := b.matcher.Match(x.Request.Method, path, room[:0]); op != nil {
			x.Carry(b, op)
		}
	}
	return policy.Go()
}

func (b *bound) response(_ context.Context, x *traffic.Exchange) policy.Verdict {
	body := x.Response.Body.Bytes()
	if policy.OwnError(x) || len(body) == 0 {
		return policy.Go()
	}
	op, _ := x.Carried(b).(*spec.Operation)
	described, why := b.describedBy(op, x)
	if why != "" {
		x.NotInspected = append(x.NotInspected, b.binding+": "+why)
		return policy.GoBecause(why)
	}
	found, err := find(body, described, spec.Limits())
	switch {
	case err != nil && b.set.Mode == "report":
		x.NotInspected = append(x.NotInspected, b.binding+": "+err.Error())
		return policy.GoBecause(err.Error())
	case err != nil:
		return policy.Fail(http.StatusBadGateway, "Bad gateway.", err.Error())
	case found.dropped == 0:
		return policy.Go()
	}
	return b.act(x, op, found, body)
}

// describedBy gives what is described of a response, or why nothing is.
func (b *bound) describedBy(op *spec.Operation, x *traffic.Exchange) (described *fields, why string) {
	if op == nil {
		return nil, "the operation is not described"
	}
	r := op.ResponseTo(x.Response.Status)
	if r == nil {
		return nil, fmt.Sprintf("the status %d is not described for %s %s", x.Response.Status, op.Method, op.Path)
	}
	media, _, err := mime.ParseMediaType(x.Response.Header.Joined("content-type"))
	if err != nil || !policy.IsJSON(media) {
		return nil, "the response is not JSON"
	}
	m := spec.MediaFor(r.Content, media)
	if m == nil || b.media[m] == nil {
		return nil, fmt.Sprintf("no schema is described for the answer of %s %s", op.Method, op.Path)
	}
	return b.media[m], ""
}

// rule is the name of the finding.
const rule = "undescribed-response-field"

// act does with what was found what the mode says.
func (b *bound) act(x *traffic.Exchange, op *spec.Operation, found *cutter, body []byte) policy.Verdict {
	for _, place := range found.places {
		at := finding.Location{API: b.api, Operation: op.Method + " " + op.Path, Place: "response json " + place}
		x.Findings = append(x.Findings, finding.Finding{
			Rule: rule, Severity: finding.Medium, Title: "Response field that is not described",
			Message:  "the response holds a field that the description of the operation does not name",
			Location: at, Fingerprint: finding.Fingerprint(rule, at),
			Taxonomy: finding.Taxonomy{OWASP2019: "API3", OWASP2023: "API3", CWE: 213},
			Fix:      "describe the field, or take it out of the response of the service",
		})
	}
	reason := fmt.Sprintf("%d fields are not described: %s", found.dropped, strings.Join(found.places, ", "))
	switch b.set.Mode {
	case "block":
		return policy.Refuse(http.StatusBadGateway, "Bad gateway.", reason)
	case "remove":
		if err := x.Response.Body.Replace(found.rest(body)); err != nil {
			return policy.Fail(http.StatusBadGateway, "Bad gateway.", err.Error())
		}
		return policy.GoBecause("removed: " + reason)
	}
	return policy.GoBecause(reason)
}
