package llm

import (
	"context"
	_ "embed"
	"encoding/json"
	"fmt"
	"net/http"
	"regexp"
	"strings"

	"farrier.dev/farrier/internal/encoding/jsontext"
	"farrier.dev/farrier/internal/policy"
	"farrier.dev/farrier/internal/traffic"
)

//go:embed guard.json
var guardSchema []byte

// Guard is the entry of the catalogue for regex-prompt-guard, which refuses
// prompts that a pattern matches.
func Guard() policy.Policy {
	return policy.Policy{
		Name: "regex-prompt-guard", Title: "Regex Prompt Guard", Category: category,
		Aliases: []string{"llm-prompt-guard"},
		Phase:   policy.Inspect, Schema: guardSchema, Compile: compileGuard,
	}
}

// GuardSettings are those of regex-prompt-guard.
type GuardSettings struct {
	// DenyPatterns are regular expressions (RE2; (?i) disregards case). A request
	// in which one matches is refused with 403, and the client reads which. They
	// are tried on each text of the request, and on all of them together, joined
	// by line feeds.
	DenyPatterns []string `json:"denyPatterns" required:"true" minItems:"1"`
}

type guard struct{ patterns []*regexp.Regexp }

func compileGuard(settings json.RawMessage) (policy.Compiled, error) {
	var s GuardSettings
	if err := policy.DecodeWithDefaults(guardSchema, settings, &s); err != nil {
		return nil, err
	}
	g := &guard{}
	for i, text := range s.DenyPatterns {
		expression, err := regexp.Compile(text)
		if err != nil {
			return nil, fmt.Errorf("denyPatterns[%d]: not a regular expression: %w", i, err)
		}
		if expression.MatchString("") {
			return nil, fmt.Errorf("denyPatterns[%d]: matches every text; it must need at least one character", i)
		}
		g.patterns = append(g.patterns, expression)
	}
	return g, nil
}

// Bind implements policy.Compiled.
func (g *guard) Bind(policy.Env) (policy.Step, error) {
	return policy.Step{Request: g.request, RequestBody: request()}, nil
}

func (g *guard) request(_ context.Context, x *traffic.Exchange) policy.Verdict {
	body, v := read(x)
	if body == nil {
		return v
	}
	texts, err := textsOf(body)
	if err != nil {
		return policy.Refuse(http.StatusBadRequest, "Malformed JSON.", err.Error())
	}
	matched := g.match(texts)
	if len(matched) == 0 {
		return policy.Go()
	}
	answer, err := json.Marshal(struct {
		Error   string   `json:"error"`
		Matched []string `json:"matched_patterns"`
	}{"Request blocked - content matches denied pattern", matched})
	if err != nil {
		answer = nil
	}
	return policy.Verdict{
		Action: traffic.Refused, Reason: fmt.Sprintf("%d of the denied patterns match", len(matched)),
		Answer: policy.Answer{
			Status: http.StatusForbidden, Body: answer,
			Header: []traffic.Field{{Name: "content-type", Value: "application/json"}},
		},
	}
}

// match gives the patterns that match a text, or all texts together.
func (g *guard) match(texts []string) (matched []string) {
	all := strings.Join(texts, "\n")
	for _, p := range g.patterns {
		found := p.MatchString(all)
		// What a pattern says of the ends of a text holds for each.
		for i := 0; i < len(texts) && !found; i++ {
			found = p.MatchString(texts[i])
		}
		if found {
			matched = append(matched, p.String())
		}
	}
	return matched
}

// textsOf are the names and texts of a document, without data in base64.
func textsOf(body []byte) (texts []string, err error) {
	err = jsontext.Walk(body, limits(), func(p jsontext.Path, t jsontext.Token) error {
		if t.Kind == jsontext.Name || t.Kind == jsontext.String {
			if text := string(t.Text()); t.Kind == jsontext.Name || !isData(string(p.Name()), text) {
				texts = append(texts, text)
			}
		}
		return nil
	})
	return texts, err
}
