package a2a

import (
	"context"
	_ "embed"
	"encoding/json"
	"fmt"
	"log/slog"
	"net/http"
	"strings"

	"farrier.dev/farrier/internal/classify"
	"farrier.dev/farrier/internal/encoding/jsontext"
	"farrier.dev/farrier/internal/encoding/jsontext/jsonrpc"
	"farrier.dev/farrier/internal/policy"
	"farrier.dev/farrier/internal/traffic"
)

//go:embed pii.json
var piiSchema []byte

// PII is the entry of the catalogue for a2a-pii-detector, which looks for
// personal data in what is sent to an agent.
func PII() policy.Policy {
	return policy.Policy{
		Name: "a2a-pii-detector", Title: "A2A PII Detector", Category: category,
		Phase: policy.Inspect, Schema: piiSchema, Compile: compilePII,
	}
}

// PIISettings are those of a2a-pii-detector.
type PIISettings struct {
	// Entities are the kinds of personal data to look for in what clients send to
	// agents: Email, US SSN, Credit Card and Phone Number.
	Entities []string `json:"entities" required:"true" minItems:"1"`
	// Action says whether a request that holds one is refused with 403 (Block) or
	// logged, with the kind and never the data (Log).
	Action string `json:"action" default:"Block" enum:"Log|Block"`
}

type pii struct {
	classes []classify.Class
	block   bool
}

func compilePII(settings json.RawMessage) (policy.Compiled, error) {
	var s PIISettings
	if err := policy.DecodeWithDefaults(piiSchema, settings, &s); err != nil {
		return nil, err
	}
	classes, err := policy.Entities("entities", s.Entities)
	if err != nil {
		return nil, err
	}
	return &pii{classes, s.Action == "Block"}, nil
}

// detector is the policy in one binding.
type detector struct {
	*pii
	log *slog.Logger
}

// Bind implements policy.Compiled.
func (p *pii) Bind(env policy.Env) (policy.Step, error) {
	d := &detector{p, env.Log}
	return policy.Step{Request: d.request, RequestBody: request()}, nil
}

func (d *detector) request(_ context.Context, x *traffic.Exchange) policy.Verdict {
	r, v := policy.ReadRPC(x)
	if v.Stops() {
		return v
	}
	for i := range r.Messages {
		m := &r.Messages[i]
		found := d.find(m.Raw)
		if found == "" {
			continue
		}
		if d.block {
			return policy.RefuseRPC(x, http.StatusForbidden, m.ID, jsonrpc.InvalidRequest, "Personal data is not allowed here.", "the message holds personal data: "+found)
		}
		d.log.Warn("personal data in a message to an agent", "kinds", found, "exchange", x.ID)
		v = policy.GoBecause("the message holds personal data: " + found)
	}
	return v
}

// find names the classes of personal data in the names, texts and numbers of a
// message.
func (d *detector) find(raw []byte) string {
	var seen []string
	err := jsontext.Walk(raw, policy.RPCLimits().JSON, func(_ jsontext.Path, t jsontext.Token) error {
		if t.Kind != jsontext.Name && t.Kind != jsontext.String && t.Kind != jsontext.Number {
			return nil
		}
		for _, match := range classify.FindPersonal(string(t.Text()), d.classes) {
			if class := string(match.Class); !strings.Contains(strings.Join(seen, " "), class) {
				seen = append(seen, class)
			}
		}
		return nil
	})
	if err != nil {
		seen = append(seen, fmt.Sprintf("unknown (%v)", err))
	}
	return strings.Join(seen, ", ")
}
