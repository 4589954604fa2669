// Package detect finds attacks in one request, looking at nothing else: a
// verdict is a function of the request, the OWASP Core Rule Set at a paranoia
// level and a few rules of our own, all immutable, whose digest stands in the
// verdict. It opens bodies itself, so that a missing or lying Content-Type hides
// nothing, and reads no file, database or clock. It refuses nobody: what to do
// with a verdict is the caller's business.
package detect

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"slices"

	"farrier.dev/farrier/internal/finding"
	"farrier.dev/farrier/internal/traffic"
)

// The defaults of Options.
const (
	// DefaultBodyLimit is the number of body bytes that are inspected.
	DefaultBodyLimit = 16 << 10
	// DefaultThreshold is the score from which a request is an attack: one
	// match of a critical rule.
	DefaultThreshold = 5
)

// maxFindings bounds the findings of one verdict; the score counts all.
const maxFindings = 64

// ErrFailed says that a request could not be judged because the rule engine
// broke; the request must be treated as hostile.
var ErrFailed = errors.New("the rule engine failed on this request")

// Options say how strictly requests are judged.
type Options struct {
	// Paranoia is the paranoia level of the Core Rule Set, 1 to 4; 0 is 1.
	Paranoia int `json:"paranoia"`
	// BodyLimit is the number of body bytes inspected; 0 is DefaultBodyLimit.
	BodyLimit int64 `json:"bodyLimit"`
	// Threshold is the score from which a verdict blocks; 0 is DefaultThreshold.
	Threshold int `json:"threshold"`
	// Exclusions are matches that are known to be harmless.
	Exclusions []Exclusion `json:"exclusions,omitempty"`
}

// Verdict says what is wrong with one request.
type Verdict struct {
	// Block says that the score reaches the threshold, or that the request
	// could not be judged.
	Block bool
	// Score is the sum of the points of all matches: 5 for a critical one, then
	// 4, 3 and 2, each rule counting once for each place.
	Score int
	// Findings are the matches, worst first, at most 64.
	Findings []finding.Finding
	// NotInspected names the parts of the request that no rule saw, and why.
	NotInspected []string
	// Inspected says that the rules ran.
	Inspected bool
	// Digest identifies the rules and options: equal digests judge equally.
	Digest string
	// Err says why the request could not be judged; nil when it was.
	Err error
}

// Engine judges requests. It is immutable and serves any number of requests at
// once; its memory is that of its Rules, which engines may share.
type Engine struct {
	rules      *Rules
	bodyLimit  int64
	threshold  int
	exclusions []exclusion
	digest     string
}

// New loads the rules for these options. Callers with several options of one
// paranoia level save memory by LoadRules and Rules.Engine.
func New(o Options) (*Engine, error) {
	rules, err := LoadRules(max(o.Paranoia, 1))
	if err != nil {
		return nil, err
	}
	return rules.Engine(o)
}

// Engine makes an engine of these rules. The paranoia level of the options
// must be that of the rules, or 0.
func (r *Rules) Engine(o Options) (*Engine, error) {
	if o.Paranoia == 0 {
		o.Paranoia = r.paranoia
	}
	if o.BodyLimit == 0 {
		o.BodyLimit = DefaultBodyLimit
	}
	if o.Threshold == 0 {
		o.Threshold = DefaultThreshold
	}
	switch {
	case o.Paranoia != r.paranoia:
		return nil, fmt.Errorf("rules of paranoia level %d cannot serve level %d", r.paranoia, o.Paranoia)
	case o.BodyLimit < 0:
		return nil, fmt.Errorf("body limit %d: it must not be negative", o.BodyLimit)
	case o.Threshold < 0:
		return nil, fmt.Errorf("threshold %d: it must not be negative", o.Threshold)
	}
	e := &Engine{rules: r, bodyLimit: o.BodyLimit, threshold: o.Threshold}
	for i, x := range o.Exclusions {
		compiled, err := compileExclusion(x)
		if err != nil {
			return nil, fmt.Errorf("exclusions[%d]: %w", i, err)
		}
		e.exclusions = append(e.exclusions, compiled)
	}
	text, err := json.Marshal(o)
	if err != nil {
		return nil, fmt.Errorf("writing the options: %w", err)
	}
	sum := sha256.Sum256(append([]byte(r.digest), text...))
	e.digest = hex.EncodeToString(sum[:16])
	return e, nil
}

// Digest identifies the rules and options.
func (e *Engine) Digest() string { return e.digest }

// Judge looks at the request of the exchange, whose body, if it is to be
// inspected, must be loaded. It alters nothing. A failure, also a panic of the
// rule engine, gives a blocking verdict with Err set.
func (e *Engine) Judge(ctx context.Context, x *traffic.Exchange) (v Verdict) {
	defer func() {
		if p := recover(); p != nil {
			// The panic's text may quote the request; its type may not.
			v = e.failed(fmt.Errorf("%w: panic of type %T", ErrFailed, p))
		}
	}()
	if err := ctx.Err(); err != nil {
		return e.failed(fmt.Errorf("judging: %w", err))
	}
	c := read(&x.Request, e.bodyLimit)
	matches, err := e.rules.evaluate(&x.Request, c)
	if err != nil {
		return e.failed(err)
	}
	v = Verdict{Inspected: true, Digest: e.digest, NotInspected: c.skipped}
	for _, m := range merge(append(matches, c.own...)) {
		if e.excluded(m, x.Request.Path) {
			continue
		}
		v.Score += m.rule.points
		v.Findings = append(v.Findings, m.finding(x.API))
	}
	v.Block = v.Score >= e.threshold
	if len(v.Findings) > maxFindings {
		v.Findings = slices.Clip(v.Findings[:maxFindings])
	}
	return v
}

func (e *Engine) failed(err error) Verdict {
	return Verdict{Block: true, Digest: e.digest, Err: err}
}

func (e *Engine) excluded(m match, path string) bool {
	for i := range e.exclusions {
		if e.exclusions[i].covers(m, path) {
			return true
		}
	}
	return false
}
