// Package headerremoval is the policy header-removal-flex: it removes headers
// from requests before the service sees them and from responses before the
// client does. Headers are given by name or by regular expression.
package headerremoval

import (
	"context"
	_ "embed"
	"encoding/json"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"

	"farrier.dev/farrier/internal/policy"
	"farrier.dev/farrier/internal/traffic"
)

//go:generate go run ../schemagen .

//go:embed schema.json
var schema []byte

// Policy is the entry of the catalogue.
func Policy() policy.Policy {
	return policy.Policy{
		Name: "header-removal-flex", Title: "Header Removal", Category: "Transformation",
		Phase: policy.Shape, Schema: schema, Compile: compile, Warn: warn,
	}
}

// Settings are what operators set.
type Settings struct {
	// InboundHeaders are removed from the request before the service sees it:
	// names, or RE2 expressions that match a whole name. Case does not matter.
	InboundHeaders []string `json:"inboundHeaders" default:"[]"`
	// OutboundHeaders are removed from the response before the client sees it:
	// names, or RE2 expressions that match a whole name. Case does not matter.
	OutboundHeaders []string `json:"outboundHeaders" default:"[]"`
}

// protected are the headers without which a message has no meaning; they stay
// whatever the settings say.
var protected = [...]string{"accept", "connection", "content-length", "content-type", "date", "host", "transfer-encoding"}

// maxPattern is the greatest length of one setting in bytes.
const maxPattern = 4 << 10

type remover struct {
	inbound, outbound filter
}

// filter is a list of names and expressions.
type filter struct {
	names    []string
	patterns []*regexp.Regexp
}

func compile(settings json.RawMessage) (policy.Compiled, error) {
	var s Settings
	if err := policy.Decode(settings, &s); err != nil {
		return nil, err
	}
	if len(s.InboundHeaders)+len(s.OutboundHeaders) == 0 {
		return nil, errors.New("inboundHeaders and outboundHeaders are both empty; give at least one header")
	}
	var r remover
	var err error
	if r.inbound, err = compileFilter("inboundHeaders", s.InboundHeaders); err != nil {
		return nil, err
	}
	if r.outbound, err = compileFilter("outboundHeaders", s.OutboundHeaders); err != nil {
		return nil, err
	}
	return &r, nil
}

func compileFilter(setting string, headers []string) (filter, error) {
	var f filter
	for i, text := range headers {
		switch {
		case text == "":
			return f, fmt.Errorf("%s[%d]: empty; give a name or an expression", setting, i)
		case len(text) > maxPattern:
			return f, fmt.Errorf("%s[%d]: longer than %d bytes", setting, i, maxPattern)
		case plain(text):
			f.names = append(f.names, traffic.LowerName(text))
			continue
		}
		// Compiled alone first: "a)(b" is wrong, though "(?:a)(b)" is not.
		if _, err := regexp.Compile(text); err != nil {
			return f, fmt.Errorf("%s[%d]: %w", setting, i, err)
		}
		pattern, err := regexp.Compile(`(?i)\A(?:` + text + `)\z`)
		if err != nil {
			return f, fmt.Errorf("%s[%d]: %w", setting, i, err)
		}
		f.patterns = append(f.patterns, pattern)
	}
	return f, nil
}

// plain says that a text is a name and can be nothing else.
func plain(text string) bool {
	return strings.IndexFunc(text, func(c rune) bool {
		return c != '-' && c != '_' && (c < '0' || c > '9') && (c < 'a' || c > 'z') && (c < 'A' || c > 'Z')
	}) < 0
}

// Bind implements policy.Compiled.
func (r *remover) Bind(policy.Env) (policy.Step, error) {
	var step policy.Step
	if !r.inbound.empty() {
		drops := r.inbound.drops
		step.Request = func(_ context.Context, x *traffic.Exchange) policy.Verdict {
			x.Request.Header.DelFunc(drops)
			return policy.Go()
		}
	}
	if !r.outbound.empty() {
		drops := r.outbound.drops
		step.Response = func(_ context.Context, x *traffic.Exchange) policy.Verdict {
			x.Response.Header.DelFunc(drops)
			return policy.Go()
		}
	}
	return step, nil
}

func (f *filter) empty() bool { return len(f.names)+len(f.patterns) == 0 }

// drops says whether a header is removed.
func (f *filter) drops(field traffic.Field) bool {
	return !slices.Contains(protected[:], field.Name) && f.matches(field.Name)
}

func (f *filter) matches(name string) bool {
	return slices.Contains(f.names, name) ||
		slices.ContainsFunc(f.patterns, func(p *regexp.Regexp) bool { return p.MatchString(name) })
}

func warn(settings json.RawMessage) []string {
	var s Settings
	if policy.Decode(settings, &s) != nil {
		return nil
	}
	var warnings []string
	for _, name := range slices.Concat(s.InboundHeaders, s.OutboundHeaders) {
		if slices.Contains(protected[:], traffic.LowerName(name)) {
			warnings = append(warnings, name+" is protected and stays; remove it from the settings")
		}
	}
	return warnings
}
