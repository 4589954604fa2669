package llm

import (
	"context"
	_ "embed"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"regexp"
	"slices"
	"strings"

	"farrier.dev/farrier/internal/classify"
	"farrier.dev/farrier/internal/encoding/jsontext"
	"farrier.dev/farrier/internal/policy"
	"farrier.dev/farrier/internal/traffic"
)

//go:embed pii.json
var piiSchema []byte

// PII is the entry of the catalogue for llm-pii-detection, which looks for
// personal data in prompts, and masks it where that is set.
func PII() policy.Policy {
	return policy.Policy{
		Name: "llm-pii-detection", Title: "LLM PII Detection", Category: category,
		Aliases: []string{"llm-pii-detector"},
		Phase:   policy.Inspect, Schema: piiSchema, Compile: compilePII,
	}
}

// PIISettings are those of llm-pii-detection. At least one entity or pattern is
// needed.
type PIISettings struct {
	// Entities are the kinds of personal data to look for in requests: Email, US
	// SSN, Credit Card and Phone Number.
	Entities []string `json:"entities" default:"[]"`
	// CustomPatterns are kinds of one's own.
	CustomPatterns []CustomPattern `json:"customPatterns" default:"[]"`
	// Action says whether a request that holds one is refused with 403 (Reject),
	// logged with the kinds and never the data (Log), or logged and sent on with
	// the kind in brackets in the place of the data (Log and mask).
	Action string `json:"action" default:"Reject" enum:"Reject|Log|Log and mask"`
}

// CustomPattern is one kind.
type CustomPattern struct {
	// Name is the name of the kind.
	Name string `json:"name" required:"true" minLength:"1"`
	// Pattern is a regular expression (RE2) that matches its data.
	Pattern string `json:"pattern" required:"true" minLength:"1"`
}

type custom struct {
	name    string
	pattern *regexp.Regexp
}

type pii struct {
	classes []classify.Class
	customs []custom
	action  string
}

func compilePII(settings json.RawMessage) (policy.Compiled, error) {
	var s PIISettings
	if err := policy.DecodeWithDefaults(piiSchema, settings, &s); err != nil {
		return nil, err
	}
	if len(s.Entities)+len(s.CustomPatterns) == 0 {
		return nil, errors.New("entities: empty; give at least one entity or custom pattern")
	}
	classes, err := policy.Entities("entities", s.Entities)
	if err != nil {
		return nil, err
	}
	p := &pii{classes: classes, action: s.Action}
	for i, one := range s.CustomPatterns {
		expression, err := regexp.Compile(one.Pattern)
		if err != nil {
			return nil, fmt.Errorf("customPatterns[%d].pattern: not a regular expression: %w", i, err)
		}
		if expression.MatchString("") {
			return nil, fmt.Errorf("customPatterns[%d].pattern: matches every text; it must need at least one character", i)
		}
		p.customs = append(p.customs, custom{one.Name, expression})
	}
	return p, nil
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
	body, v := read(x)
	if body == nil {
		return v
	}
	var kinds []string
	named := false // a name can't be masked
	masked, err := jsontext.Rewrite(body, limits(), func(p jsontext.Path, t jsontext.Token) []byte {
		if t.Kind != jsontext.String && t.Kind != jsontext.Number {
			return nil
		}
		text := string(t.Text())
		if isData(string(p.Name()), text) {
			return nil
		}
		found := d.find(text, &kinds)
		if len(found) == 0 || d.action != "Log and mask" {
			return nil
		}
		return jsontext.AppendQuote(nil, mask(text, found))
	})
	if err == nil {
		err = jsontext.Walk(body, limits(), func(_ jsontext.Path, t jsontext.Token) error {
			named = named || t.Kind == jsontext.Name && len(d.find(string(t.Text()), &kinds)) > 0
			return nil
		})
	}
	switch {
	case err != nil:
		return policy.Refuse(http.StatusBadRequest, "Malformed JSON.", err.Error())
	case len(kinds) == 0:
		return policy.Go()
	case d.action == "Reject" || named && d.action == "Log and mask":
		return reject(kinds)
	}
	d.log.Warn("personal data in a request to a model", "kinds", strings.Join(kinds, ", "), "exchange", x.ID)
	if masked != nil {
		if err := x.Request.Body.Replace(masked); err != nil {
			return policy.Fail(http.StatusInternalServerError, "Internal error.", err.Error())
		}
	}
	return policy.GoBecause("the request holds personal data: " + strings.Join(kinds, ", "))
}

// piece is one piece of personal data: text[start:end].
type piece struct {
	start, end int
	kind       string
}

// find gives the pieces in a text, in order and without overlaps, and adds their
// kinds to those seen.
func (d *detector) find(text string, kinds *[]string) []piece {
	var found []piece
	for _, m := range classify.FindPersonal(text, d.classes) {
		found = append(found, piece{m.Start, m.End, string(m.Class)})
	}
	for _, c := range d.customs {
		for _, at := range c.pattern.FindAllStringIndex(text, -1) {
			found = append(found, piece{at[0], at[1], c.name})
		}
	}
	for _, one := range found {
		if !slices.Contains(*kinds, one.kind) {
			*kinds = append(*kinds, one.kind)
		}
	}
	slices.SortStableFunc(found, func(a, b piece) int { return a.start - b.start })
	apart := found[:0]
	for _, one := range found {
		if last := len(apart) - 1; last >= 0 && one.start < apart[last].end {
			apart[last].end = max(apart[last].end, one.end)
			continue
		}
		apart = append(apart, one)
	}
	return apart
}

func mask(text string, pieces []piece) string {
	var b strings.Builder
	done := 0
	for _, one := range pieces {
		b.WriteString(text[done:one.start] + "[" + one.kind + "]")
		done = one.end
	}
	return b.String() + text[done:]
}

func reject(kinds []string) policy.Verdict {
	type detail struct {
		Type    string   `json:"type"`
		Message string   `json:"message"`
		Kinds   []string `json:"entities"`
	}
	body, err := json.Marshal(map[string]detail{"error": {"pii_detected", "The request holds personal data.", kinds}})
	if err != nil {
		body = nil
	}
	return policy.Verdict{
		Action: traffic.Refused, Reason: "the request holds personal data: " + strings.Join(kinds, ", "),
		Answer: policy.Answer{
			Status: http.StatusForbidden, Body: body,
			Header: []traffic.Field{{Name: "content-type", Value: "application/json"}},
		},
	}
}
