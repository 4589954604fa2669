// Package responsesize is the policy response-size-guard: an operation that
// returns far more than it should is refused or reported, and requests for pages
// that are too large are refused or clamped. It looks at sizes and at no value.
package responsesize

import (
	"context"
	_ "embed"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"

	"farrier.dev/farrier/internal/finding"
	"farrier.dev/farrier/internal/policy"
	"farrier.dev/farrier/internal/spec"
	"farrier.dev/farrier/internal/traffic"
)

//go:generate go run ../schemagen .

//go:embed schema.json
var schema []byte

// Policy is the entry of the catalogue.
func Policy() policy.Policy {
	return policy.Policy{
		Name: "response-size-guard", Title: "Response Size Guard", Category: "Security",
		Phase: policy.Inspect, Schema: schema, Compile: compile,
	}
}

// Settings are what operators set.
type Settings struct {
	// MaxBytes is the length in bytes that a response may have, its content coding removed.
	MaxBytes int64 `json:"maxBytes" default:"1048576" min:"1" max:"104857600"`
	// MaxItems is how many items the list of a JSON response may have; -1 is no limit.
	MaxItems int `json:"maxItems" default:"1000" min:"-1"`
	// ItemsPath says where that list is: any stands for the longest array anywhere, root for the response itself; otherwise a JSON pointer, as /data/items, in which * stands for every name or item.
	ItemsPath string `json:"itemsPath" default:"any"`
	// Operations have limits of their own, which take the place of those above.
	Operations []Operation `json:"operations" default:"[]"`
	// Mode says whether a response beyond a limit is refused with 502 (block) or passes and is recorded as a finding (report).
	Mode string `json:"mode" default:"block" enum:"block|report"`
	// LimitParameters are query parameters that say how large a page is to be, whatever their letters' case.
	LimitParameters []string `json:"limitParameters" default:"[\"limit\",\"pageSize\",\"page_size\",\"per_page\",\"size\",\"count\",\"top\",\"$top\",\"first\"]"`
	// MaxPageSize is the greatest number that these may have. Negative numbers, which many services read as no limit, count as too large. What is no number passes. -1 switches this check off.
	MaxPageSize int64 `json:"maxPageSize" default:"1000" min:"-1"`
	// OnExcess says whether a request for a larger page is refused with 400 or gets maxPageSize in its place (clamp).
	OnExcess string `json:"onExcess" default:"refuse" enum:"refuse|clamp"`
	// OnStream says what happens to event streams, WebSocket and gRPC: they are refused, or pass unmeasured (skip), which is recorded.
	OnStream string `json:"onStream" default:"refuse" enum:"refuse|skip"`
}

// Operation is an operation with limits of its own.
type Operation struct {
	// Path is a path below the base path of the API; a template in braces stands for one segment, as /orders/{id}.
	Path string `json:"path" required:"true" minLength:"1"`
	// Methods are the HTTP methods in upper case; empty means GET, which stands for HEAD too.
	Methods []string `json:"methods" default:"[]"`
	// MaxBytes is as above; 0 means that of above.
	MaxBytes int64 `json:"maxBytes" default:"0" min:"0" max:"104857600"`
	// MaxItems is as above; 0 means that of above.
	MaxItems int `json:"maxItems" default:"0" min:"-1"`
	// ItemsPath is as above; empty means that of above.
	ItemsPath string `json:"itemsPath" default:""`
}

// limits are those of one operation.
type limits struct {
	bytes int64
	items int
	at    place
}

type guard struct {
	set     Settings
	matcher *spec.Matcher
	// others are the limits where no operation matches; own those of operations.
	others limits
	own    map[*spec.Operation]*limits
	most   int64
	names  map[string]bool
}

func compile(settings json.RawMessage) (policy.Compiled, error) {
	s := Settings{
		MaxBytes: 1 << 20, MaxItems: 1000, ItemsPath: "any", Mode: "block", MaxPageSize: 1000, OnExcess: "refuse", OnStream: "refuse",
		LimitParameters: []string{"limit", "pageSize", "page_size", "per_page", "size", "count", "top", "$top", "first"},
	}
	if err := policy.Decode(settings, &s); err != nil {
		return nil, err
	}
	for _, c := range [...][4]string{
		{"mode", s.Mode, "block", "report"}, {"onExcess", s.OnExcess, "refuse", "clamp"}, {"onStream", s.OnStream, "refuse", "skip"},
	} {
		if c[1] != c[2] && c[1] != c[3] {
			return nil, fmt.Errorf("%s: must be %s or %s", c[0], c[2], c[3])
		}
	}
	g := &guard{set: s, own: map[*spec.Operation]*limits{}, most: s.MaxBytes, names: map[string]bool{}}
	for _, name := range s.LimitParameters {
		g.names[strings.ToLower(name)] = true
	}
	at, err := parsePlace(s.ItemsPath)
	if err != nil {
		return nil, fmt.Errorf("itemsPath: %w", err)
	}
	g.others = limits{s.MaxBytes, s.MaxItems, at}
	return g, g.operations()
}

// operations compiles the operations with limits of their own.
func (g *guard) operations() error {
	var described []spec.Operation
	var own []*limits
	for i, o := range g.set.Operations {
		l := g.others
		if o.MaxBytes > 0 {
			l.bytes = o.MaxBytes
		}
		if o.MaxItems != 0 {
			l.items = o.MaxItems
		}
		if o.ItemsPath != "" {
			at, err := parsePlace(o.ItemsPath)
			if err != nil {
				return fmt.Errorf("operations[%d].itemsPath: %w", i, err)
			}
			l.at = at
		}
		g.most = max(g.most, l.bytes)
		if len(o.Methods) == 0 {
			o.Methods = []string{http.MethodGet}
		}
		for _, method := range o.Methods {
			described = append(described, spec.Operation{Method: method, Path: o.Path})
			own = append(own, &l)
		}
	}
	matcher, err := spec.NewMatcher(described)
	if err != nil {
		return fmt.Errorf("operations: %w", err)
	}
	g.matcher = matcher
	for i := range described {
		g.own[&described[i]] = own[i]
	}
	return nil
}

// bound is the guard in one binding.
type bound struct {
	*guard
	api string
}

// Bind implements policy.Compiled.
func (g *guard) Bind(env policy.Env) (policy.Step, error) {
	b := &bound{g, env.API}
	s := policy.Step{
		Request: b.request, Response: b.response,
		// Partial, so that the reason tells this limit, and report lets it pass.
		ResponseBody: policy.Need{Mode: policy.Buffered, Limit: g.most, Partial: true},
	}
	if g.set.OnStream == "skip" {
		s.OnStream = policy.SkipStream
	}
	return s, nil
}

// errPage is why a request is refused.
var errPage = errors.New("a page larger than is allowed is asked for")

func (b *bound) request(_ context.Context, x *traffic.Exchange) policy.Verdict {
	// Steps behind this one may rewrite the path.
	var room [8]string
	if op, _, _ := b.matcher.Match(x.Request.Method, x.SubPath, room[:0]); op != nil {
		x.Carry(b, op)
	}
	if b.set.MaxPageSize < 0 || x.Request.RawQuery == "" {
		return policy.Go()
	}
	query, excess, err := b.clamp(x.Request.RawQuery)
	switch {
	case err != nil:
		return policy.Refuse(http.StatusBadRequest, "Too many query parameters.", err.Error())
	case len(excess) == 0:
		return policy.Go()
	case b.set.OnExcess == "clamp":
		x.Request.RawQuery = query
		return policy.GoBecause(fmt.Sprintf("clamped to %d: %s", b.set.MaxPageSize, strings.Join(excess, ", ")))
	}
	return policy.Refuse(http.StatusBadRequest, fmt.Sprintf("Page size too large: at most %d.", b.set.MaxPageSize),
		fmt.Sprintf("%v: %s is above %d", errPage, strings.Join(excess, ", "), b.set.MaxPageSize))
}

func (b *bound) response(_ context.Context, x *traffic.Exchange) policy.Verdict {
	if policy.OwnError(x) {
		return policy.Go()
	}
	l, operation := &b.others, x.Request.Method+" "+"(other operations)"
	if op, _ := x.Carried(b).(*spec.Operation); op != nil {
		l, operation = b.own[op], op.Method+" "+op.Path
	}
	body := x.Response.Body.Bytes()
	if x.Response.Body.Partial() || int64(len(body)) > l.bytes {
		return b.exceeded(x, operation, "bytes", fmt.Sprintf("the response is longer than %d bytes", l.bytes))
	}
	if l.items < 0 || len(body) == 0 || !policy.IsJSON(x.Response.Header.Joined("content-type")) {
		return policy.Go()
	}
	// A document that is broken behind the limit is beyond it all the same; one
	// that is broken before is no concern of this policy.
	if more, where := l.at.longer(body, l.items); more {
		return b.exceeded(x, operation, "json "+where, fmt.Sprintf("the list at %s has more than %d items", where, l.items))
	}
	return policy.Go()
}

const rule = "excessive-response"

// exceeded reports a response beyond a limit, and refuses it.
func (b *bound) exceeded(x *traffic.Exchange, operation, place, reason string) policy.Verdict {
	at := finding.Location{API: b.api, Operation: operation, Place: "response " + place}
	x.Findings = append(x.Findings, finding.Finding{
		Rule: rule, Severity: finding.Medium, Title: "Response larger than it should be", Message: reason,
		Location: at, Fingerprint: finding.Fingerprint(rule, at),
		Taxonomy: finding.Taxonomy{OWASP2019: "API4", OWASP2023: "API4", CWE: 770},
		Fix:      "bound the page size in the service, or raise the limit for this operation",
	})
	if b.set.Mode == "report" {
		return policy.GoBecause(reason)
	}
	return policy.Refuse(http.StatusBadGateway, "Response too large.", reason)
}

// clip cuts a name that a client chose; it is one of the limit parameters up to
// its case and encoding.
func clip(name string) string { return name[:min(len(name), 64)] }
