package mcp

import (
	"context"
	_ "embed"
	"encoding/json"
	"fmt"
	"log/slog"
	"net/http"

	"farrier.dev/farrier/internal/encoding/jsontext"
	"farrier.dev/farrier/internal/encoding/jsontext/jsonrpc"
	"farrier.dev/farrier/internal/policy"
	"farrier.dev/farrier/internal/traffic"
)

//go:embed mapping.json
var mappingSchema []byte

// Mapping is the entry of the catalogue for mcp-tool-mapping, which gives tools
// other names and descriptions than the server does.
func Mapping() policy.Policy {
	return policy.Policy{
		Name: "mcp-tool-mapping", Title: "MCP Tool Mapping", Category: category,
		Phase: policy.Shape, Schema: mappingSchema, Compile: compileMapping,
	}
}

// MappingSettings are those of mcp-tool-mapping.
type MappingSettings struct {
	// ToolMappings are the tools that clients know by another name than the server
	// does. All other tools keep theirs.
	ToolMappings []ToolMapping `json:"toolMappings" required:"true" minItems:"1"`
	// LogMappings says whether every call that was renamed is logged.
	LogMappings bool `json:"logMappings" default:"false"`
}

// ToolMapping is one tool.
type ToolMapping struct {
	// Source is the name that the server knows. Clients can not call it any more.
	Source string `json:"source" required:"true" minLength:"1"`
	// Mapped is the name that clients know.
	Mapped string `json:"mapped" required:"true" minLength:"1"`
	// Description takes the place of the server's in lists; empty leaves that.
	Description string `json:"description" default:""`
	// Type is what is mapped. Farrier knows tools only.
	Type string `json:"type" default:"tool" enum:"tool"`
}

type mapping struct {
	// bySource are the mappings for lists, byMapped those for calls.
	bySource, byMapped map[string]*ToolMapping
	log                bool
}

func compileMapping(settings json.RawMessage) (policy.Compiled, error) {
	var s MappingSettings
	if err := policy.DecodeWithDefaults(mappingSchema, settings, &s); err != nil {
		return nil, err
	}
	m := &mapping{bySource: map[string]*ToolMapping{}, byMapped: map[string]*ToolMapping{}, log: s.LogMappings}
	for i := range s.ToolMappings {
		one := &s.ToolMappings[i]
		if m.bySource[one.Source] != nil {
			return nil, fmt.Errorf("toolMappings[%d].source: %s is mapped twice", i, one.Source)
		}
		if m.byMapped[one.Mapped] != nil {
			return nil, fmt.Errorf("toolMappings[%d].mapped: two tools are mapped to %s", i, one.Mapped)
		}
		m.bySource[one.Source], m.byMapped[one.Mapped] = one, one
	}
	return m, nil
}

// mapper is the policy in one binding.
type mapper struct {
	*mapping
	logger *slog.Logger
}

// Bind implements policy.Compiled.
func (m *mapping) Bind(env policy.Env) (policy.Step, error) {
	b := &mapper{m, env.Log}
	return policy.Step{
		Request: b.request, Response: b.response,
		RequestBody: request(), ResponseBody: response(),
	}, nil
}

// request gives calls the names that the server knows.
func (b *mapper) request(_ context.Context, x *traffic.Exchange) policy.Verdict {
	r, v := policy.ReadRPC(x)
	if v.Stops() {
		return v
	}
	plain(x)
	var edits []jsonrpc.Edit
	for i := range r.Messages {
		m := &r.Messages[i]
		if m.Method != "tools/call" {
			continue
		}
		found, err := policy.RPCMembers(m.Params, "name")
		if err != nil {
			return policy.RefuseRPC(x, http.StatusBadRequest, m.ID, jsonrpc.InvalidParams, "Invalid params.", err.Error())
		}
		name, _ := policy.JSONText(found["name"])
		one := b.byMapped[name]
		switch {
		case one != nil && one.Source != name:
			edits = append(edits, jsonrpc.Edit{Part: found["name"], Other: jsontext.AppendQuote(nil, one.Source)})
			if !r.Batch && x.Request.Header.Has("mcp-name") {
				x.Request.Header.Set("mcp-name", encodeName(one.Source))
			}
			if b.log {
				b.logger.Info("tool mapped", "mapped", one.Mapped, "source", one.Source, "exchange", x.ID)
			}
		case one == nil && b.bySource[name] != nil:
			return policy.RefuseRPC(x, http.StatusBadRequest, m.ID, jsonrpc.InvalidParams, "This tool is unknown.", "the tool is called by the name that only the server knows")
		}
	}
	if len(edits) == 0 {
		return policy.Go()
	}
	if err := x.Request.Body.Replace(jsonrpc.Splice(x.Request.Body.Bytes(), edits)); err != nil {
		return policy.Fail(http.StatusInternalServerError, "Internal error.", err.Error())
	}
	return policy.GoBecause(fmt.Sprintf("%d calls were given the names that the server knows", len(edits)))
}

// response gives listed tools the names that clients know. A tool of the server
// whose own name is one that another tool was mapped to is left out.
func (b *mapper) response(_ context.Context, x *traffic.Exchange) policy.Verdict {
	return answers(x, func(m *jsonrpc.Message) []jsonrpc.Edit {
		return eachList(m, func(of kind, _ string, elements [][]byte, _ string) ([][]byte, bool) {
			if of != tool {
				return nil, false
			}
			changed := false
			kept := make([][]byte, 0, len(elements))
			for _, element := range elements {
				other, keep := b.listed(element)
				if !keep {
					changed = true
					continue
				}
				if other != nil {
					element, changed = other, true
				}
				kept = append(kept, element)
			}
			return kept, changed
		})
	})
}

// listed is a tool as clients read it, nil for as it is, and whether they do.
func (b *mapper) listed(element []byte) (other []byte, keep bool) {
	members, object, err := jsontext.Members(element, policy.RPCLimits().JSON)
	if err != nil || !object {
		return nil, true
	}
	name := ""
	for _, m := range members {
		if m.Name == "name" {
			name, _ = policy.JSONText(m.Value)
		}
	}
	one := b.bySource[name]
	if one == nil {
		return nil, b.byMapped[name] == nil
	}
	described := one.Description == ""
	other = []byte{'{'}
	for i, m := range members {
		value := m.Value
		switch {
		case m.Name == "name":
			value = jsontext.AppendQuote(nil, one.Mapped)
		case m.Name == "description" && one.Description != "":
			value, described = jsontext.AppendQuote(nil, one.Description), true
		}
		if i > 0 {
			other = append(other, ',')
		}
		other = append(append(jsontext.AppendQuote(other, m.Name), ':'), value...)
	}
	if !described {
		other = jsontext.AppendQuote(append(other, `,"description":`...), one.Description)
	}
	return append(other, '}'), true
}
