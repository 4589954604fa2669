// Package dosprotection is the policy dos-protection: a source whose requests
// other policies keep refusing is slowed down, then blocked, by rules that
// escalate over three windows of time. It judges no request by itself, and
// counts on this gateway alone.
package dosprotection

import (
	"context"
	_ "embed"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/netip"
	"time"

	"farrier.dev/farrier/internal/finding"
	"farrier.dev/farrier/internal/policy"
	"farrier.dev/farrier/internal/traffic"
)

//go:generate go run ../schemagen .

//go:embed schema.json
var schema []byte

// Policy is the entry of the catalogue.
func Policy() policy.Policy {
	return policy.Policy{
		Name: "dos-protection", Title: "DoS Protection", Category: "Security",
		Phase: policy.Admit, First: true, Schema: schema, Compile: compile,
	}
}

// Settings are what operators set. A source is the verified address of the
// client, of IPv6 its /64 network.
type Settings struct {
	// Window1TimePeriod is the length of the first window in seconds.
	Window1TimePeriod int64 `json:"window1TimePeriod" default:"60" min:"1" max:"3600"`
	// MaxSourcesToMonitor bounds how many sources are remembered; those that misbehaved least are forgotten first.
	MaxSourcesToMonitor int `json:"maxSourcesToMonitor" default:"35345" min:"100" max:"500000"`
	// RejectMessageAction says what a blocked source gets: its connection ends without an answer, or 503.
	RejectMessageAction string `json:"rejectMessageAction" default:"send-HTTP-503" enum:"drop-silently|send-HTTP-503"`
	// ProtocolErrors are refusals by limits of HTTP.
	ProtocolErrors Group `json:"protocolErrors"`
	// RoutingErrors are requests for which no route matches.
	RoutingErrors Group `json:"routingErrors"`
	// AuthenticationErrors are refusals by policies that identify or authorise.
	AuthenticationErrors Group `json:"authenticationErrors"`
	// QoSErrors are refusals by rate limits and the like.
	QoSErrors Group `json:"qosErrors"`
	// ContentErrors are refusals for what a request holds: lists of addresses, threat protection, schemas.
	ContentErrors Group `json:"contentErrors"`
	// WAFErrors are attacks.
	WAFErrors Group `json:"wafErrors"`
}

// Group says what becomes of a source by its errors of one kind.
type Group struct {
	// Window1 is as long as window1TimePeriod.
	Window1 Window `json:"window1"`
	// Window2 is as long as numberOfPrecedingWindows first windows.
	Window2 Window `json:"window2"`
	// Window3 is as long as numberOfPrecedingWindows second windows.
	Window3 Window `json:"window3"`
}

// Window is one step of the escalation.
type Window struct {
	// Action begins when more errors than the threshold come within the window: requests are slowed down to the rate, or blocked, for the length of the window (interval) or until the gateway starts again (forever).
	Action string `json:"action" default:"none" enum:"none|shape-interval|shape-forever|block-interval|block-forever"`
	// Threshold is how many errors are tolerated.
	Threshold int64 `json:"threshold" default:"1" min:"1" max:"65535"`
	// Rate is how many requests a second a source keeps that is slowed down.
	Rate int64 `json:"rate" default:"1" min:"0" max:"2000"`
	// NumberOfPrecedingWindows is how many windows of the step before make one of this; the first window has none.
	NumberOfPrecedingWindows int64 `json:"numberOfPrecedingWindows" default:"5" min:"1" max:"32"`
}

// The groups of errors, in the order of the settings.
const (
	protocol = iota
	routing
	authentication
	qos
	content
	waf
	groups
)

var groupNames = [groups]string{"protocol errors", "routing errors", "authentication errors", "quality of service errors", "content errors", "attacks"}

// step is a compiled Window.
type step struct {
	length    time.Duration
	threshold int64
	rate      float64
	block     bool
	forever   bool
}

// steps is the number of windows of a group.
const steps = 3

type escalation struct {
	groups  [groups][steps]step // one without a length does nothing
	sources int
	drop    bool
}

func compile(settings json.RawMessage) (policy.Compiled, error) {
	var s Settings
	if err := policy.DecodeWithDefaults(schema, settings, &s); err != nil {
		return nil, err
	}
	e := &escalation{sources: s.MaxSourcesToMonitor, drop: s.RejectMessageAction == "drop-silently"}
	any := false
	for i, g := range []Group{s.ProtocolErrors, s.RoutingErrors, s.AuthenticationErrors, s.QoSErrors, s.ContentErrors, s.WAFErrors} {
		length := time.Duration(s.Window1TimePeriod) * time.Second
		for j, w := range []Window{g.Window1, g.Window2, g.Window3} {
			if j > 0 {
				if w.NumberOfPrecedingWindows == 0 {
					w.NumberOfPrecedingWindows = 5 // a window that is not set has no defaults either
				}
				length *= time.Duration(w.NumberOfPrecedingWindows)
			}
			if w.Action == "" || w.Action == "none" {
				continue
			}
			any = true
			e.groups[i][j] = step{
				length: length, threshold: max(w.Threshold, 1), rate: float64(w.Rate),
				block:   w.Action == "block-interval" || w.Action == "block-forever",
				forever: w.Action == "shape-forever" || w.Action == "block-forever",
			}
		}
	}
	if !any {
		return nil, errors.New("no window has an action; set one, as wafErrors: {window1: {action: block-interval, threshold: 10}}")
	}
	return e, nil
}

// Bind implements policy.Compiled.
func (e *escalation) Bind(env policy.Env) (policy.Step, error) {
	kept, ok := env.State("sources", func() any { return newSources(e.sources) }).(*sources)
	if !ok {
		return policy.Step{}, fmt.Errorf("what is kept for %s is of another kind", env.Binding)
	}
	return policy.Step{
		Request: func(_ context.Context, x *traffic.Exchange) policy.Verdict {
			switch kept.admit(source(x.Request.Client), env.Now()) {
			case blocked:
				return e.reject("the source is blocked for its errors")
			case shaped:
				return e.reject("the source is slowed down for its errors")
			case free:
			}
			return policy.Go()
		},
		Response: func(_ context.Context, x *traffic.Exchange) policy.Verdict {
			group, is := groupOf(x)
			if !is {
				return policy.Go()
			}
			if begun := kept.count(source(x.Request.Client), group, &e.groups[group], env.Now()); begun != "" {
				x.Findings = append(x.Findings, complaint(group, begun))
				return policy.GoBecause("the source is " + begun + " for its " + groupNames[group])
			}
			return policy.Go()
		},
	}, nil
}

func (e *escalation) reject(reason string) policy.Verdict {
	v := policy.Refuse(http.StatusServiceUnavailable, "Service unavailable.", reason, traffic.Field{Name: "retry-after", Value: "60"})
	v.Answer.Drop = e.drop
	return v
}

// source is what is counted: of IPv6 a whole network, for every client has one.
func source(client netip.Addr) netip.Addr {
	client = client.Unmap().WithZone("")
	if client.Is4() || !client.IsValid() {
		return client
	}
	network, err := client.Prefix(64)
	if err != nil {
		return client
	}
	return network.Addr()
}

func complaint(group int, begun string) finding.Finding {
	return finding.Finding{
		Rule: "farrier-dos-escalation", Severity: finding.Medium, Title: "A source of many errors",
		Message:  "a source was " + begun + " for its " + groupNames[group],
		Location: finding.Location{Place: "client address"},
		Taxonomy: finding.Taxonomy{OWASP2019: "API4", OWASP2023: "API4", CWE: 770},
		Fix:      "Look at what the source asked for; if it is a partner, mend its requests or raise the threshold.",
	}
}
