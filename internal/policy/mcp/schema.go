package mcp

import (
	"bytes"
	"context"
	"crypto/sha256"
	_ "embed"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"sync"

	"github.com/santhosh-tekuri/jsonschema/v6"

	"farrier.dev/farrier/internal/encoding/jsontext/jsonrpc"
	"farrier.dev/farrier/internal/policy"
	"farrier.dev/farrier/internal/traffic"
)

//go:embed validation.json
var validationSchema []byte

//go:embed messages.json
var messageSchemas []byte

// Validation is the entry of the catalogue for mcp-schema-validation, which
// holds messages against the protocol, and arguments against the schemas of
// tools.
func Validation() policy.Policy {
	return policy.Policy{
		Name: "mcp-schema-validation", Title: "MCP Schema Validation", Category: category,
		Phase: policy.Inspect, Schema: validationSchema, Compile: compileValidation,
	}
}

// ValidationSettings are those of mcp-schema-validation.
type ValidationSettings struct {
	// ValidateToolSchema says whether the arguments of calls are held against the
	// schemas of the tools as well: those of tools below and, for others, those
	// that the server gave in its last list that passed here. Messages are always
	// held against the protocol.
	ValidateToolSchema bool `json:"validateToolSchema" default:"true"`
	// Tools are schemas of tools that are known beforehand. They win over those of
	// the server.
	Tools []ToolSchema `json:"tools" default:"[]"`
	// UnknownTools says what happens to a call of a tool whose schema is not known
	// yet: it passes, which is recorded, or is refused.
	UnknownTools string `json:"unknownTools" default:"pass" enum:"pass|refuse"`
}

// ToolSchema is the schema of one tool.
type ToolSchema struct {
	// Name is the name of the tool, as clients call it.
	Name string `json:"name" required:"true" minLength:"1"`
	// InputSchema is the JSON schema of its arguments, as in tools/list.
	InputSchema json.RawMessage `json:"inputSchema" required:"true"`
}

// Bounds of what is learned from servers.
const (
	maxTools      = 2000
	maxToolSchema = 64 << 10
)

type validation struct {
	requests, notifications map[string]*jsonschema.Schema
	tools                   map[string]*jsonschema.Schema
	arguments, unknown      bool // unknown refuses what is not known
}

func compileValidation(settings json.RawMessage) (policy.Compiled, error) {
	var s ValidationSettings
	if err := policy.DecodeWithDefaults(validationSchema, settings, &s); err != nil {
		return nil, err
	}
	v := &validation{
		tools: make(map[string]*jsonschema.Schema), arguments: s.ValidateToolSchema, unknown: s.UnknownTools == "refuse",
	}
	for i, one := range s.Tools {
		schema, err := compileSchema(one.InputSchema)
		if err != nil {
			return nil, fmt.Errorf("tools[%d].inputSchema: %w", i, err)
		}
		if v.tools[one.Name] != nil {
			return nil, fmt.Errorf("tools[%d].name: %s stands twice", i, one.Name)
		}
		v.tools[one.Name] = schema
	}
	return v, v.compileMessages()
}

// compileMessages compiles the schemas of the protocol.
func (v *validation) compileMessages() error {
	var names struct{ Requests, Notifications map[string]string }
	if err := json.Unmarshal(messageSchemas, &names); err != nil {
		return fmt.Errorf("reading the schemas of messages: %w", err)
	}
	doc, err := jsonschema.UnmarshalJSON(bytes.NewReader(messageSchemas))
	if err != nil {
		return fmt.Errorf("reading the schemas of messages: %w", err)
	}
	c := jsonschema.NewCompiler()
	if err := c.AddResource("messages.json", doc); err != nil {
		return fmt.Errorf("adding the schemas of messages: %w", err)
	}
	compile := func(from map[string]string) (map[string]*jsonschema.Schema, error) {
		to := make(map[string]*jsonschema.Schema, len(from))
		for method, name := range from {
			if to[method], err = c.Compile("messages.json#/$defs/" + name); err != nil {
				return nil, fmt.Errorf("compiling the schema of %s: %w", method, err)
			}
		}
		return to, nil
	}
	if v.requests, err = compile(names.Requests); err != nil {
		return err
	}
	v.notifications, err = compile(names.Notifications)
	return err
}

// nowhere loads no schema from anywhere.
type nowhere struct{}

func (nowhere) Load(string) (any, error) {
	return nil, errors.New("the schema refers to another document, which is not fetched")
}

func compileSchema(text []byte) (*jsonschema.Schema, error) {
	doc, err := jsonschema.UnmarshalJSON(bytes.NewReader(text))
	if err != nil {
		return nil, fmt.Errorf("not JSON: %w", err)
	}
	c := jsonschema.NewCompiler()
	c.UseLoader(nowhere{})
	if err := c.AddResource("tool:schema", doc); err != nil {
		return nil, fmt.Errorf("not a schema: %w", err)
	}
	schema, err := c.Compile("tool:schema")
	if err != nil {
		return nil, fmt.Errorf("not a schema: %w", err)
	}
	return schema, nil
}

// toolbox holds the schemas that servers gave in their lists.
type toolbox struct {
	mu    sync.RWMutex
	tools map[string]learned
}

type learned struct {
	digest [sha256.Size]byte
	schema *jsonschema.Schema // nil when it could not be compiled
}

func (b *toolbox) find(name string) (learned, bool) {
	b.mu.RLock()
	defer b.mu.RUnlock()
	l, ok := b.tools[name]
	return l, ok
}

// learn takes a schema over; one that is there already costs a digest.
func (b *toolbox) learn(name string, text []byte) {
	digest := sha256.Sum256(text)
	old, known := b.find(name)
	if known && old.digest == digest {
		return
	}
	now := learned{digest: digest}
	if len(text) <= maxToolSchema {
		if schema, err := compileSchema(text); err == nil {
			now.schema = schema
		}
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	if known || len(b.tools) < maxTools {
		b.tools[name] = now
	}
}

// validator is the policy in one binding.
type validator struct {
	*validation
	box *toolbox
}

// Bind implements policy.Compiled.
func (v *validation) Bind(env policy.Env) (policy.Step, error) {
	box, _ := env.State("tools", func() any { return &toolbox{tools: make(map[string]learned)} }).(*toolbox)
	b := &validator{v, box}
	step := policy.Step{Request: b.request, RequestBody: request()}
	if v.arguments {
		step.Response, step.ResponseBody = b.response, response()
	}
	return step, nil
}

func (b *validator) request(_ context.Context, x *traffic.Exchange) policy.Verdict {
	r, v := policy.ReadRPC(x)
	if v.Stops() {
		return v
	}
	if b.arguments {
		plain(x)
	}
	because := policy.Go()
	for i := range r.Messages {
		switch v := b.message(x, &r.Messages[i]); {
		case v.Stops():
			return v
		case v.Reason != "":
			because = v
		}
	}
	return because
}

// message holds one message against the protocol.
func (b *validator) message(x *traffic.Exchange, m *jsonrpc.Message) policy.Verdict {
	schemas := b.requests
	switch m.Kind {
	case jsonrpc.Response:
		if m.Result != nil && m.Result[0] != '{' {
			return policy.RefuseRPC(x, http.StatusBadRequest, m.ID, jsonrpc.InvalidRequest, "The message is not valid.", "the result of a response is no object")
		}
		return policy.Go()
	case jsonrpc.Notification:
		schemas = b.notifications
	default:
	}
	schema, ok := schemas[m.Method]
	if !ok {
		return policy.RefuseRPC(x, http.StatusBadRequest, m.ID, jsonrpc.MethodNotFound, "The method is unknown.", "the protocol has no such request or notification")
	}
	raw := m.Params
	if raw == nil {
		raw = []byte("{}")
	}
	if why := breach(schema, raw); why != "" {
		return policy.RefuseRPC(x, http.StatusBadRequest, m.ID, jsonrpc.InvalidParams, "Invalid params.", "params of "+m.Method+why)
	}
	if m.Method == "tools/call" && b.arguments {
		return b.call(x, m)
	}
	return policy.Go()
}

// call holds the arguments of a call against the schema of its tool.
func (b *validator) call(x *traffic.Exchange, m *jsonrpc.Message) policy.Verdict {
	found, err := policy.RPCMembers(m.Params, "name", "arguments")
	if err != nil {
		return policy.RefuseRPC(x, http.StatusBadRequest, m.ID, jsonrpc.InvalidParams, "Invalid params.", err.Error())
	}
	name, _ := policy.JSONText(found["name"])
	schema, known := b.tools[name]
	if !known {
		var l learned
		if l, known = b.box.find(name); known && l.schema == nil {
			return policy.GoBecause("the schema of the tool is no JSON schema that can be used, so the arguments were not checked")
		}
		schema = l.schema
	}
	switch {
	case !known && b.unknown:
		return policy.RefuseRPC(x, http.StatusBadRequest, m.ID, jsonrpc.InvalidParams, "This tool is unknown.", "no schema of the tool is known yet")
	case !known:
		return policy.GoBecause("no schema of the tool is known yet, so the arguments were not checked")
	}
	arguments := found["arguments"]
	if arguments == nil || string(arguments) == "null" {
		arguments = []byte("{}") // as servers take it
	}
	if why := breach(schema, arguments); why != "" {
		return policy.RefuseRPC(x, http.StatusBadRequest, m.ID, jsonrpc.InvalidParams, "Invalid arguments.", "arguments of the tool"+why)
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
	path := ""
	if keywords := invalid.ErrorKind.KeywordPath(); len(keywords) > 0 {
		path = " by the schema's " + keywords[len(keywords)-1]
	}
	return fmt.Sprintf(": not valid at depth %d%s", len(invalid.InstanceLocation), path)
}

// response learns the schemas of the tools that a server lists.
func (b *validator) response(_ context.Context, x *traffic.Exchange) policy.Verdict {
	return answers(x, func(m *jsonrpc.Message) []jsonrpc.Edit {
		return eachList(m, func(of kind, _ string, elements [][]byte, _ string) ([][]byte, bool) {
			if of != tool {
				return nil, false
			}
			for _, one := range elements {
				found, err := policy.RPCMembers(one, "name", "inputSchema")
				if err != nil {
					continue
				}
				if name, ok := policy.JSONText(found["name"]); ok && found["inputSchema"] != nil {
					b.box.learn(name, found["inputSchema"])
				}
			}
			return nil, false
		})
	})
}
