package a2a

import (
	"bytes"
	"context"
	_ "embed"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"

	"github.com/santhosh-tekuri/jsonschema/v6"

	"farrier.dev/farrier/internal/encoding/jsontext/jsonrpc"
	"farrier.dev/farrier/internal/policy"
	"farrier.dev/farrier/internal/traffic"
)

//go:embed validation.json
var validationSchema []byte

//go:embed messages.json
var messageSchemas []byte

// Validation is the entry of the catalogue for a2a-schema-validation, which
// refuses requests that are not those of the protocol.
func Validation() policy.Policy {
	return policy.Policy{
		Name: "a2a-schema-validation", Title: "A2A Schema Validation", Category: category,
		Phase: policy.Inspect, Schema: validationSchema, Compile: compileValidation,
	}
}

// ValidationSettings are those of a2a-schema-validation. There are none.
type ValidationSettings struct{}

type validation struct{ methods map[string]*jsonschema.Schema }

func compileValidation(settings json.RawMessage) (policy.Compiled, error) {
	var s ValidationSettings
	if err := policy.DecodeWithDefaults(validationSchema, settings, &s); err != nil {
		return nil, err
	}
	var names struct{ Requests map[string]string }
	if err := json.Unmarshal(messageSchemas, &names); err != nil {
		return nil, fmt.Errorf("reading the schemas of messages: %w", err)
	}
	doc, err := jsonschema.UnmarshalJSON(bytes.NewReader(messageSchemas))
	if err != nil {
		return nil, fmt.Errorf("reading the schemas of messages: %w", err)
	}
	c := jsonschema.NewCompiler()
	if err := c.AddResource("messages.json", doc); err != nil {
		return nil, fmt.Errorf("adding the schemas of messages: %w", err)
	}
	v := &validation{make(map[string]*jsonschema.Schema, len(names.Requests))}
	for method, name := range names.Requests {
		if v.methods[method], err = c.Compile("messages.json#/$defs/" + name); err != nil {
			return nil, fmt.Errorf("compiling the schema of %s: %w", method, err)
		}
	}
	return v, nil
}

// Bind implements policy.Compiled.
func (v *validation) Bind(policy.Env) (policy.Step, error) {
	return policy.Step{Request: v.request, RequestBody: request()}, nil
}

func (v *validation) request(_ context.Context, x *traffic.Exchange) policy.Verdict {
	r, verdict := policy.ReadRPC(x)
	if verdict.Stops() {
		return verdict
	}
	if len(r.Messages) == 0 && x.Request.Method == http.MethodPost {
		return policy.RefuseRPC(x, http.StatusBadRequest, nil, jsonrpc.ParseError, "The content is no JSON.", "POST came without content")
	}
	if r.Batch {
		return policy.RefuseRPC(x, http.StatusBadRequest, nil, jsonrpc.InvalidRequest, "Batches are not allowed.", "the protocol has no batches")
	}
	for i := range r.Messages {
		m := &r.Messages[i]
		if m.Kind != jsonrpc.Request {
			return policy.RefuseRPC(x, http.StatusBadRequest, m.ID, jsonrpc.InvalidRequest, "The message is no request.", "clients send requests only")
		}
		schema, ok := v.methods[m.Method]
		if !ok {
			return policy.RefuseRPC(x, http.StatusBadRequest, m.ID, jsonrpc.MethodNotFound, "The method is unknown.", "the protocol has no such method")
		}
		raw := m.Params
		if raw == nil {
			raw = []byte("{}")
		}
		if why := breach(schema, raw); why != "" {
			return policy.RefuseRPC(x, http.StatusBadRequest, m.ID, jsonrpc.InvalidParams, "Invalid params.", "params of "+m.Method+why)
		}
	}
	return policy.Go()
}

// breach says where a value breaks a schema, without the value; "" when it does
// not.
func breach(schema *jsonschema.Schema, raw []byte) string {
	value, err := jsonschema.UnmarshalJSON(bytes.NewReader(raw))
	if err != nil {
		return ": not JSON"
	}
	var invalid *jsonschema.ValidationError
	switch err := schema.Validate(value); {
	case err == nil:
		return ""
	case !errors.As(err, &invalid):
		return ": not valid"
	}
	for len(invalid.Causes) > 0 {
		invalid = invalid.Causes[0]
	}
	keyword := ""
	if path := invalid.ErrorKind.KeywordPath(); len(path) > 0 {
		keyword = " by the schema's " + path[len(path)-1]
	}
	return fmt.Sprintf(": not valid at depth %d%s", len(invalid.InstanceLocation), keyword)
}
