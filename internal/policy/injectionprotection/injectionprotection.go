// Package injectionprotection is the policy injection-protection-flex: it looks
// for SQL injection, cross-site scripting and patterns of one's own in requests.
// It knows far fewer attacks than attack-protection, which is to be preferred,
// and is here for manifests that name it.
package injectionprotection

import (
	"context"
	_ "embed"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"sync"

	"farrier.dev/farrier/internal/detect/decode"
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
		Name: "injection-protection-flex", Title: "Injection Protection", Category: "Security",
		Phase: policy.Inspect, Schema: schema, Compile: compile, Warn: warn,
	}
}

// Settings are what operators set.
type Settings struct {
	// BuiltInProtections are sql and xss.
	BuiltInProtections []string `json:"builtInProtections" default:"[\"sql\",\"xss\"]"`
	// CustomProtections are patterns of your own.
	CustomProtections []Custom `json:"customProtections" default:"[]"`
	// ProtectPathAndQuery looks at the path and at the parameters of the query.
	ProtectPathAndQuery bool `json:"protectPathAndQuery" default:"true"`
	// ProtectHeaders looks at headers.
	ProtectHeaders bool `json:"protectHeaders" default:"true"`
	// HeadersToProtect are names of headers behind commas; empty means all. Cookies are looked at one by one.
	HeadersToProtect string `json:"headersToProtect" default:""`
	// ProtectBody looks at the values of bodies.
	ProtectBody bool `json:"protectBody" default:"true"`
	// RejectRequests refuses with 400; otherwise a finding is made and the request passes.
	RejectRequests bool `json:"rejectRequests" default:"true"`
	// BodyLimit is how many bytes of a body are looked at; longer ones are refused with 413.
	BodyLimit int64 `json:"bodyLimit" default:"131072" min:"1024" max:"1048576"`
}

// Custom is one pattern of your own.
type Custom struct {
	// Name stands in findings.
	Name string `json:"name" required:"true" minLength:"1"`
	// Regex is a regular expression (RE2) that matches somewhere in a value.
	Regex string `json:"regex" required:"true" minLength:"1"`
}

type protector struct {
	Settings
	searches []search
	headers  []string
}

// search is one kind of injection; find returns what it saw, "" for nothing.
type search struct {
	name string
	find func(text string) bool
}

func compile(settings json.RawMessage) (policy.Compiled, error) {
	p := &protector{}
	if err := policy.DecodeWithDefaults(schema, settings, &p.Settings); err != nil {
		return nil, err
	}
	for i, name := range p.BuiltInProtections {
		find := builtIn[name]
		if find == nil {
			return nil, fmt.Errorf("builtInProtections[%d]: %q is none; there are sql and xss", i, name)
		}
		p.searches = append(p.searches, search{name, find()})
	}
	for i, one := range p.CustomProtections {
		expr, err := regexp.Compile(one.Regex)
		if err != nil {
			return nil, fmt.Errorf("customProtections[%d].regex: %w", i, err)
		}
		p.searches = append(p.searches, search{one.Name, expr.MatchString})
	}
	if len(p.searches) == 0 {
		return nil, errors.New("builtInProtections and customProtections: set at least one")
	}
	if !p.ProtectPathAndQuery && !p.ProtectHeaders && !p.ProtectBody {
		return nil, errors.New("protectPathAndQuery, protectHeaders and protectBody: set at least one to true")
	}
	for name := range strings.SplitSeq(p.HeadersToProtect, ",") {
		if name = traffic.LowerName(strings.TrimSpace(name)); name != "" {
			p.headers = append(p.headers, name)
		}
	}
	return p, nil
}

func warn(json.RawMessage) []string {
	return []string{"attack-protection knows far more attacks, opens more encodings and has fewer false alarms; prefer it"}
}

// Bind implements policy.Compiled.
func (p *protector) Bind(policy.Env) (policy.Step, error) {
	trees := &sync.Pool{New: func() any { return new(decode.Tree) }}
	step := policy.Step{Request: func(_ context.Context, x *traffic.Exchange) policy.Verdict {
		t, ok := trees.Get().(*decode.Tree)
		if !ok {
			t = new(decode.Tree)
		}
		defer trees.Put(t)
		decode.Read(&x.Request, &decode.Options{}, t)
		return p.judge(x, t)
	}}
	if p.ProtectBody {
		step.RequestBody = policy.Need{Mode: policy.Buffered, Limit: p.BodyLimit}
	}
	return step, nil
}

// judge looks at every text of an opened request.
func (p *protector) judge(x *traffic.Exchange, t *decode.Tree) policy.Verdict {
	if t.Exhausted != "" {
		return policy.Refuse(http.StatusBadRequest, "The request is too complex to be inspected.", "the request has too many "+t.Exhausted)
	}
	for i := range t.Leaves {
		leaf := &t.Leaves[i]
		if !p.looksAt(leaf) {
			continue
		}
		for _, text := range [...]string{leaf.Text, leaf.Key} {
			if text == "" {
				continue
			}
			for _, s := range p.searches {
				if s.find(text) {
					return p.found(x, s.name, t.Place(leaf.Node), text)
				}
			}
		}
	}
	return policy.Go()
}

func (p *protector) looksAt(leaf *decode.Leaf) bool {
	switch leaf.Source {
	case decode.PathArg, decode.QueryArg:
		return p.ProtectPathAndQuery
	case decode.Header, decode.HeaderArg:
		return p.ProtectHeaders && (len(p.headers) == 0 || slices.Contains(p.headers, leaf.Key))
	case decode.Cookie:
		return p.ProtectHeaders && (len(p.headers) == 0 || slices.Contains(p.headers, "cookie"))
	default:
		return p.ProtectBody
	}
}

func (p *protector) found(x *traffic.Exchange, name, place, text string) policy.Verdict {
	f := finding.Finding{
		Rule: "farrier-injection-" + name, Severity: finding.High, Title: "Injection: " + name,
		Message: "a value looks like an injection (" + name + ") in " + place, Excerpt: traffic.Excerpt(place, text),
		Location: finding.Location{API: x.API, Place: place},
		Taxonomy: finding.Taxonomy{OWASP2019: "API8", OWASP2023: "API8", CWE: 74},
		Fix:      "Bind values as parameters and escape output in the service.",
	}
	f.Fingerprint = finding.Fingerprint(f.Rule, f.Location)
	x.Findings = append(x.Findings, f)
	reason := name + " in " + place
	if !p.RejectRequests {
		return policy.GoBecause(reason + "; rejectRequests is false")
	}
	return policy.Refuse(http.StatusBadRequest, "Request blocked.", reason, traffic.Field{Name: "x-injection-protection", Value: "blocked"})
}
