package mcp

import (
	"context"
	_ "embed"
	"encoding/json"
	"net/http"

	"farrier.dev/farrier/internal/classify"
	"farrier.dev/farrier/internal/encoding/jsontext"
	"farrier.dev/farrier/internal/encoding/jsontext/jsonrpc"
	"farrier.dev/farrier/internal/policy"
	"farrier.dev/farrier/internal/traffic"
)

//go:embed pii.json
var piiSchema []byte

// PII is the entry of the catalogue for mcp-pii-detector, which refuses
// personal data in what users answer to a server.
func PII() policy.Policy {
	return policy.Policy{
		Name: "mcp-pii-detector", Title: "MCP PII Detector", Category: category,
		Phase: policy.Inspect, Schema: piiSchema, Compile: compilePII,
	}
}

// PIISettings are those of mcp-pii-detector.
type PIISettings struct {
	// Entities are the kinds of personal data that clients must not send in their
	// responses to elicitation: Email, US SSN, Credit Card and Phone Number. A
	// response that holds one is refused with 403.
	Entities []string `json:"entities" required:"true" minItems:"1"`
}

type pii struct{ classes []classify.Class }

func compilePII(settings json.RawMessage) (policy.Compiled, error) {
	var s PIISettings
	if err := policy.DecodeWithDefaults(piiSchema, settings, &s); err != nil {
		return nil, err
	}
	classes, err := policy.Entities("entities", s.Entities)
	if err != nil {
		return nil, err
	}
	return &pii{classes}, nil
}

// Bind implements policy.Compiled.
func (p *pii) Bind(policy.Env) (policy.Step, error) {
	return policy.Step{Request: p.request, RequestBody: request()}, nil
}

func (p *pii) request(_ context.Context, x *traffic.Exchange) policy.Verdict {
	r, v := policy.ReadRPC(x)
	if v.Stops() {
		return v
	}
	for i := range r.Messages {
		m := &r.Messages[i]
		elicited := m.Result
		if m.Kind != jsonrpc.Response {
			// A call that is made again carries the responses (2026-07-28).
			found, err := policy.RPCMembers(m.Params, "inputResponses")
			if err != nil && m.Params[0] == '{' { // params that are a list hold none
				return policy.RefuseRPC(x, http.StatusBadRequest, m.ID, jsonrpc.InvalidParams, "Invalid params.", err.Error())
			}
			elicited = found["inputResponses"]
		} else if !isElicited(elicited) {
			continue
		}
		if elicited == nil {
			continue
		}
		if class := p.find(elicited); class != "" {
			return policy.RefuseRPC(x, http.StatusForbidden, m.ID, jsonrpc.InvalidRequest, "Personal data is not allowed here.",
				"the response to an elicitation holds personal data: "+string(class))
		}
	}
	return policy.Go()
}

// isElicited tells the result of elicitation/create by its form: the request it
// answers was on another stream.
func isElicited(result []byte) bool {
	if result == nil {
		return false
	}
	members, _, err := jsontext.Members(result, policy.RPCLimits().JSON)
	if err != nil {
		return true
	}
	for _, m := range members {
		if m.Name == "action" {
			return true
		}
	}
	return false
}

// find gives the first class of personal data in the texts and numbers of a
// document.
func (p *pii) find(raw []byte) (class classify.Class) {
	err := jsontext.Walk(raw, policy.RPCLimits().JSON, func(_ jsontext.Path, t jsontext.Token) error {
		if class == "" && (t.Kind == jsontext.String || t.Kind == jsontext.Number || t.Kind == jsontext.Name) {
			if found := classify.FindPersonal(string(t.Text()), p.classes); len(found) > 0 {
				class = found[0].Class
			}
		}
		return nil
	})
	if err != nil && class == "" {
		return "what can't be read"
	}
	return class
}
