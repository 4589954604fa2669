// Package attackprotection is the policy attack-protection: it judges requests
// by the OWASP Core Rule Set and refuses attacks, or only watches for them. What
// an attack is, detect decides; this package binds it to an API.
package attackprotection

import (
	"context"
	_ "embed"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"sync"
	"time"

	"farrier.dev/farrier/internal/detect"
	"farrier.dev/farrier/internal/policy"
	"farrier.dev/farrier/internal/traffic"
)

//go:generate go run ../schemagen .

//go:embed schema.json
var schema []byte

// patience is how long a request waits for one of the bounded judges.
const patience = time.Second

// teeLimit is the part of a body that is copied in watch mode, in bytes; the
// first detect.DefaultBodyLimit of it are judged.
const teeLimit = 128 << 10

// paranoiaLevels is the highest level of the Core Rule Set.
const paranoiaLevels = 4

// Policy is the entry of the catalogue. All steps that are compiled from one
// entry share its rules and its bound on judgements at one time.
func Policy() policy.Policy {
	s := &shared{gate: detect.NewGate(0, patience)}
	for level := 1; level <= paranoiaLevels; level++ {
		s.rules[level] = sync.OnceValues(func() (*detect.Rules, error) { return detect.LoadRules(level) })
	}
	return policy.Policy{
		Name: "attack-protection", Title: "Attack Protection", Category: "Security",
		Phase: policy.Inspect, Schema: schema, Compile: s.compile, Warn: warn,
	}
}

// Settings are what operators set.
type Settings struct {
	// Mode says whether attacks are refused with 403 (block), or only recorded after the response, delaying nothing (watch).
	Mode string `json:"mode" default:"block" enum:"watch|block"`
	// ParanoiaLevel is the level of the OWASP Core Rule Set: 1 for few false alarms, 4 for the most suspicion.
	ParanoiaLevel int `json:"paranoiaLevel" default:"1" min:"1" max:"4"`
	// Exclusions are matches that are known to be harmless here; they are neither counted nor recorded.
	Exclusions []Exclusion `json:"exclusions" default:"[]"`
	// OnStream says what happens to WebSocket and gRPC streams in block mode: they cannot be inspected and are refused, or pass uninspected (skip), which is recorded.
	OnStream string `json:"onStream" default:"refuse" enum:"refuse|skip"`
}

// Exclusion is one kind of match that is harmless.
type Exclusion struct {
	// Rule is an id (942100), a range of ids (942100-942999), a tag of the Core Rule Set (attack-sqli) or the name of a finding (farrier-json-malformed).
	Rule string `json:"rule" required:"true" minLength:"1"`
	// Place is the part of the request, as findings name it (query note, body json /items/*/note) or as the Core Rule Set does (ARGS:note). Empty means everywhere.
	Place string `json:"place" default:""`
	// Path is a regular expression (RE2) that the whole path must match. Empty means every path.
	Path string `json:"path" default:""`
}

// shared is what all steps of one catalogue share.
type shared struct {
	gate  *detect.Gate
	rules [paranoiaLevels + 1]func() (*detect.Rules, error)
}

// protection is the compiled policy.
type protection struct {
	gate     *detect.Gate
	engine   *detect.Engine
	watch    bool
	onStream policy.OnStream
}

func (s *shared) compile(settings json.RawMessage) (policy.Compiled, error) {
	set := Settings{Mode: "block", ParanoiaLevel: 1, OnStream: "refuse"}
	if err := policy.Decode(settings, &set); err != nil {
		return nil, err
	}
	p := &protection{gate: s.gate}
	switch set.Mode {
	case "block":
	case "watch":
		p.watch = true
	default:
		return nil, fmt.Errorf("mode: %q is neither watch nor block", set.Mode)
	}
	switch set.OnStream {
	case "refuse":
		p.onStream = policy.RefuseStream
	case "skip":
		p.onStream = policy.SkipStream
	default:
		return nil, fmt.Errorf("onStream: %q is neither refuse nor skip", set.OnStream)
	}
	if set.ParanoiaLevel < 1 || set.ParanoiaLevel > paranoiaLevels {
		return nil, fmt.Errorf("paranoiaLevel: %d is not between 1 and 4", set.ParanoiaLevel)
	}
	rules, err := s.rules[set.ParanoiaLevel]()
	if err != nil {
		return nil, err
	}
	o := detect.Options{Paranoia: set.ParanoiaLevel}
	for _, x := range set.Exclusions {
		o.Exclusions = append(o.Exclusions, detect.Exclusion(x))
	}
	p.engine, err = rules.Engine(o)
	return p, err
}

// warn names what is valid but unwise.
func warn(settings json.RawMessage) []string {
	var s Settings
	if policy.Decode(settings, &s) != nil {
		return nil // whoever checks the settings says what is wrong
	}
	var unwise []string
	for i, x := range s.Exclusions {
		if x.Place == "" && x.Path == "" {
			unwise = append(unwise, fmt.Sprintf("exclusions[%d] switches rule %s off for every request; give a place or a path", i, x.Rule))
		}
	}
	if s.OnStream == "skip" {
		unwise = append(unwise, "onStream: skip lets streams pass uninspected, their opening request too")
	}
	return unwise
}

// Bind makes the step.
func (p *protection) Bind(env policy.Env) (policy.Step, error) {
	if p.watch {
		return policy.Step{
			RequestBody: policy.Need{Mode: policy.Teed, Limit: teeLimit},
			OnStream:    policy.SkipStream,
			End:         func(x *traffic.Exchange) { p.observe(env.Binding, x) },
			Background:  true,
		}, nil
	}
	return policy.Step{
		RequestBody: policy.Need{Mode: policy.Buffered, Limit: detect.DefaultBodyLimit, Partial: true},
		OnStream:    p.onStream,
		Request: func(ctx context.Context, x *traffic.Exchange) policy.Verdict {
			return p.protect(ctx, env.Binding, x)
		},
	}, nil
}

// protect judges before the service sees the request.
func (p *protection) protect(ctx context.Context, binding string, x *traffic.Exchange) policy.Verdict {
	v := p.gate.Judge(ctx, p.engine, x, detect.Lessons{})
	switch {
	case errors.Is(v.Err, detect.ErrBusy):
		return policy.Fail(http.StatusServiceUnavailable, "Service overloaded.", v.Err.Error())
	case v.Err != nil:
		return policy.Fail(http.StatusInternalServerError, "Internal error.", v.Err.Error())
	}
	record(binding, x, v)
	if v.Block {
		return policy.Refuse(http.StatusForbidden, "Request blocked.", reason(v))
	}
	if len(v.Findings) > 0 {
		return policy.GoBecause(reason(v))
	}
	return policy.Go()
}

// observe judges after the response, and only leaves a note.
func (p *protection) observe(binding string, x *traffic.Exchange) {
	v := p.gate.Judge(context.Background(), p.engine, x, detect.Lessons{})
	if v.Err != nil {
		x.NotInspected = append(x.NotInspected, binding+": "+v.Err.Error())
		return
	}
	record(binding, x, v)
	if v.Block {
		x.Decisions = append(x.Decisions, traffic.Decision{
			Binding: binding, Policy: "attack-protection", Side: "request",
			Action: traffic.Watched, Status: http.StatusForbidden, Reason: reason(v),
		})
	}
}

func record(binding string, x *traffic.Exchange, v detect.Verdict) {
	x.Findings = append(x.Findings, v.Findings...)
	for _, part := range v.NotInspected {
		x.NotInspected = append(x.NotInspected, binding+": "+part)
	}
}

// reason says what the worst match was. There is one wherever it is asked.
func reason(v detect.Verdict) string {
	relation := "<"
	if v.Block {
		relation = "≥"
	}
	worst := v.Findings[0]
	return fmt.Sprintf("score %d %s %d: %s %s", v.Score, relation, detect.DefaultThreshold, worst.Rule, worst.Message)
}
