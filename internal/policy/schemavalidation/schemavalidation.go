// Package schemavalidation is the policy schema-validation: it holds requests,
// and the answers to them, against the API's description in RAML or OpenAPI, and
// says for each kind of violation whether it is refused, recorded or let be. What
// is not described is refused. It looks into bodies of JSON and, of requests, of
// forms; whether credentials are genuine other policies ask.
package schemavalidation

import (
	_ "embed"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"sync"
	"time"

	"farrier.dev/farrier/internal/policy"
	"farrier.dev/farrier/internal/spec"
	"farrier.dev/farrier/internal/spec/languages"
	"farrier.dev/farrier/internal/traffic"
)

//go:generate go run ../schemagen .

//go:embed schema.json
var schema []byte

// Policy is the entry of the catalogue.
func Policy() policy.Policy {
	return policy.Policy{
		Name: "schema-validation", Title: "Description Enforcement", Category: "Security",
		Phase: policy.Inspect, Describes: true, Schema: schema, Compile: compile,
	}
}

// told is how many violations are recorded of a message.
const told = 5

// validation is a description, compiled.
type validation struct {
	checker *spec.Checker
	// matcher, methods and schemes are for what a refused client is told.
	matcher *spec.Matcher
	methods []string
	schemes map[string]spec.SecurityScheme
	base    string
	// block and watch are the kinds that are looked for.
	block, watch          spec.KindSet
	request, answer       int64
	places                bool
	stream                policy.OnStream
	notices               map[*spec.Operation][]traffic.Field
	messages              sync.Pool
	requestBodies         bool
	answers, answerBodies bool
}

func compile(settings json.RawMessage) (policy.Compiled, error) {
	s, err := read(settings)
	if err != nil {
		return nil, err
	}
	if err := policy.CheckDestination("apiBasePath", s.APIBasePath); err != nil {
		return nil, err
	}
	if s.SpecFile != "" && s.SpecArchive == "" {
		return nil, errors.New("specFile: files are read for manifests on disk only; use spec or specArchive here")
	}
	description, err := languages.Source{Text: s.Spec, Archive: s.SpecArchive, Main: s.SpecMain}.Description()
	if err != nil {
		return nil, err
	}
	block, watch := s.sets()
	if block|watch == 0 {
		return nil, errors.New("violations: all are off, so the policy would do nothing; set one, or remove the policy")
	}
	v := &validation{
		schemes: description.Schemes, base: s.APIBasePath, block: block, watch: watch,
		request: s.RequestBodyLimit, answer: s.ResponseBodyLimit, places: s.Detail == "places",
		requestBodies: (block|watch)&bodyKinds() != 0, answers: (block|watch)&answerKinds() != 0,
		answerBodies: (block | watch).Has(spec.ResponseBody),
	}
	if s.OnStream == "skip" {
		v.stream = policy.SkipStream
	}
	v.messages.New = func() any { return newMessage() }
	if v.checker, err = spec.NewChecker(description, spec.Options{Block: block, Watch: watch, ReadOnly: s.RefuseReadOnly, Most: told}); err != nil {
		return nil, fmt.Errorf("spec: %w", err)
	}
	if v.matcher, err = spec.NewMatcher(description.Operations); err != nil {
		return nil, fmt.Errorf("spec: %w", err)
	}
	for i := range description.Operations {
		v.methods = append(v.methods, description.Operations[i].Method)
	}
	slices.Sort(v.methods)
	v.methods = slices.Compact(v.methods)
	return v, v.announce(description, s.DeprecatedSince)
}

// read reads settings; kinds that are not set have their defaults, also when none
// is.
func read(settings json.RawMessage) (*Settings, error) {
	var s, standard Settings
	if err := policy.DecodeWithDefaults(schema, settings, &s); err != nil {
		return nil, err
	}
	if s.Violations == (Violations{}) {
		if err := policy.DecodeWithDefaults(schema, json.RawMessage(`{"violations":{}}`), &standard); err != nil {
			return nil, err
		}
		s.Violations = standard.Violations
	}
	return &s, nil
}

// announce makes the headers by which answers of operations tell that these are to
// end (RFC 9745, RFC 8594).
func (v *validation) announce(d *spec.Description, since string) error {
	standard, err := moment(since)
	if err != nil {
		return fmt.Errorf("deprecatedSince: %w", err)
	}
	v.notices = map[*spec.Operation][]traffic.Field{}
	for i := range d.Operations {
		op := &d.Operations[i]
		from, err := moment(op.DeprecatedSince)
		if err != nil {
			return fmt.Errorf("spec: line %d: x-deprecated-since: %w", op.Line, err)
		}
		if from.IsZero() && op.Deprecated {
			from = standard
		}
		end, err := moment(op.Sunset)
		if err != nil {
			return fmt.Errorf("spec: line %d: x-sunset: %w", op.Line, err)
		}
		var fields []traffic.Field
		if !from.IsZero() {
			fields = append(fields, traffic.Field{Name: "deprecation", Value: "@" + strconv.FormatInt(from.Unix(), 10)})
		}
		if !end.IsZero() {
			fields = append(fields, traffic.Field{Name: "sunset", Value: end.UTC().Format(http.TimeFormat)})
		}
		if fields != nil {
			v.notices[op] = fields
		}
	}
	return nil
}

// moment reads a date or a moment; an empty one is none.
func moment(text string) (time.Time, error) {
	if text == "" {
		return time.Time{}, nil
	}
	if day, err := time.Parse(time.DateOnly, text); err == nil {
		return day, nil
	}
	at, err := time.Parse(time.RFC3339, text)
	if err != nil {
		return at, fmt.Errorf("%.40q is no moment; write it as 2026-12-31T00:00:00Z or 2026-12-31", text)
	}
	return at, nil
}
