// Package detect finds attacks in one request, looking at nothing else: a
// verdict is a function of the request, the rules, the options and a snapshot
// of what was learned, all immutable, whose digests stand in the verdict. It
// opens every layer of a request (decode), runs the OWASP Core Rule Set and
// rules of our own over what it finds (seclang, rulefile), asks for a second
// opinion where rules alone are too quick (opinion), and reads no file, database
// or clock. It refuses nobody: what to do with a verdict is the caller's
// business.
package detect

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"slices"

	"farrier.dev/farrier/internal/detect/decode"
	"farrier.dev/farrier/internal/detect/model"
	"farrier.dev/farrier/internal/finding"
	"farrier.dev/farrier/internal/traffic"
)

// The defaults of Options.
const (
	// DefaultBodyLimit is the number of body bytes that are inspected.
	DefaultBodyLimit = decode.DefaultMaxBytes
	// DefaultThreshold is the score from which a request is an attack: one
	// match of a critical rule.
	DefaultThreshold = 5
	// DefaultBudget is the work that one request may cost, in units of some
	// three nanoseconds: one byte through one automaton.
	DefaultBudget = 40_000_000
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
	// Budget is the most work that a request may cost; 0 is DefaultBudget.
	Budget int64 `json:"budget"`
	// LetExhausted lets a request pass, noted as not inspected, that costs more
	// than the budget or has more values and layers than are opened; otherwise
	// it is refused.
	LetExhausted bool `json:"letExhausted,omitempty"`
	// Exclusions are matches that are known to be harmless.
	Exclusions []Exclusion `json:"exclusions,omitempty"`
	// Patches are virtual patches.
	Patches []Patch `json:"patches,omitempty"`
	// Off are decoders that are switched off at places.
	Off []Off `json:"off,omitempty"`
	// Learned says what a deviation from what was learned does to the score.
	Learned Learned `json:"learned,omitempty"`
}

// Off switches a decoder off.
type Off struct {
	// Decoder is named as in findings, "base64"; "*" is all.
	Decoder string `json:"decoder"`
	// Place is written as in findings, "query note" or "body json /items/*/note".
	Place string `json:"place"`
}

// Verdict says what is wrong with one request, response or message.
type Verdict struct {
	// Block says that the score reaches the threshold, or that the request
	// could not be judged.
	Block bool
	// Always says that a virtual patch matched which blocks in every mode.
	Always bool
	// Score is the sum of the points of all matches: 5 for a critical one, then
	// 4, 3 and 2, each rule counting once for each place.
	Score int
	// Findings are the matches, worst first, at most 64.
	Findings []finding.Finding
	// NotInspected names the parts of the request that no rule saw, and why.
	NotInspected []string
	// Exhausted is the budget that ran out: "work", "values", "decoded bytes" or
	// "layers"; "" when all was judged.
	Exhausted string
	// Inspected says that the rules ran.
	Inspected bool
	// Units is the work that was done, as Options.Budget counts it.
	Units int64
	// Digest identifies the rules and options, Model what was learned: equal
	// digests judge equally.
	Digest, Model string
	// Err says why the request could not be judged; nil when it was.
	Err error
}

// Engine judges requests. It is immutable and serves any number of requests at
// once; its memory is that of its Rules, which engines may share.
type Engine struct {
	rules      *Rules
	options    Options
	decoding   decode.Options
	exclusions []exclusion
	patches    []patch
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
	if o.Budget == 0 {
		o.Budget = DefaultBudget
	}
	switch {
	case o.Paranoia != r.paranoia:
		return nil, fmt.Errorf("rules of paranoia level %d cannot serve level %d", r.paranoia, o.Paranoia)
	case o.BodyLimit < 0:
		return nil, fmt.Errorf("body limit %d: it must not be negative", o.BodyLimit)
	case o.Threshold < 0:
		return nil, fmt.Errorf("threshold %d: it must not be negative", o.Threshold)
	case o.Budget < 0:
		return nil, fmt.Errorf("budget %d: it must not be negative", o.Budget)
	}
	e := &Engine{rules: r, options: o, decoding: decode.Options{MaxBytes: int(o.BodyLimit)}}
	if err := e.compile(o); err != nil {
		return nil, err
	}
	text, err := json.Marshal(o)
	if err != nil {
		return nil, fmt.Errorf("writing the options: %w", err)
	}
	sum := sha256.Sum256(append([]byte(r.digest), text...))
	e.digest = hex.EncodeToString(sum[:16])
	return e, nil
}

func (e *Engine) compile(o Options) error {
	for i, x := range o.Exclusions {
		compiled, err := compileExclusion(x)
		if err != nil {
			return fmt.Errorf("exclusions[%d]: %w", i, err)
		}
		e.exclusions = append(e.exclusions, compiled)
	}
	for i, p := range o.Patches {
		compiled, err := compilePatch(p)
		if err != nil {
			return fmt.Errorf("patches[%d]: %w", i, err)
		}
		e.patches = append(e.patches, compiled)
	}
	for i, off := range o.Off {
		rule, err := decode.NewRule(off.Place, off.Decoder)
		if err != nil {
			return fmt.Errorf("off[%d]: %w", i, err)
		}
		e.decoding.Off = append(e.decoding.Off, rule)
	}
	if !slices.Contains([]Learned{"", IgnoreLearned, RaiseByLearned, WeighByLearned}, o.Learned) {
		return fmt.Errorf("learned: %q is none of off, raise, weigh", o.Learned)
	}
	return nil
}

// Digest identifies the rules and options.
func (e *Engine) Digest() string { return e.digest }

// Lessons are what was learned before and who learns. The zero value knows
// nothing and teaches nobody.
type Lessons struct {
	Learned *model.Snapshot
	// Teach is called for requests without any match. It asks for the facts only
	// when it wants them.
	Teach func(key model.Key, facts func() []model.Fact)
}

// Judge looks at the request of the exchange, whose body, if it is to be
// inspected, must be loaded, and compares it with what was learned. It alters
// nothing. A failure, also a panic of the rule engine, gives a blocking verdict
// with Err set.
func (e *Engine) Judge(ctx context.Context, x *traffic.Exchange, l Lessons) Verdict {
	return e.judge(ctx, x, l, nil)
}

// judge is Judge; explain, if not nil, gets to know all that was looked at.
func (e *Engine) judge(ctx context.Context, x *traffic.Exchange, l Lessons, explain *Explanation) (v Verdict) {
	defer func() {
		if p := recover(); p != nil {
			// The panic's text may quote the request; its type may not.
			v = e.failed(fmt.Errorf("%w: panic of type %T", ErrFailed, p))
		}
	}()
	if err := ctx.Err(); err != nil {
		return e.failed(fmt.Errorf("judging: %w", err))
	}
	w := e.rules.pool.get(e.options.Budget)
	defer e.rules.pool.put(w)
	decode.Read(&x.Request, &e.decoding, &w.tree)
	w.feedRequest(&x.Request)
	result := e.rules.requests.Run(&w.input, &w.meter)
	matches := w.matches(e.rules, result.Matches)
	matches = append(matches, w.complaints()...)
	matches = append(matches, e.patched(x, w)...)
	var key model.Key
	if l.Learned != nil || l.Teach != nil {
		key = model.Key{API: x.API, Operation: x.Operation()}
	}
	matches = append(matches, e.weigh(w, matches, l.Learned.Normal(key))...)
	v = e.verdict(x, w, matches)
	v.Model = l.Learned.Digest()
	if result.Exhausted || w.meter.Left < 0 {
		v.Exhausted = "work"
	} else if w.tree.Exhausted != "" {
		v.Exhausted = w.tree.Exhausted
	}
	e.exhausted(x, &v)
	if l.Teach != nil && v.Score == 0 && v.Exhausted == "" {
		l.Teach(key, w.facts)
	}
	if explain != nil {
		explain.fill(w, matches)
	}
	return v
}

// verdict sums up what was found.
func (e *Engine) verdict(x *traffic.Exchange, w *work, matches []match) Verdict {
	v := Verdict{Inspected: true, Digest: e.digest, NotInspected: slices.Clone(w.tree.NotInspected), Units: e.options.Budget - w.meter.Left}
	if len(matches) == 0 {
		return v
	}
	counted := map[count]bool{}
	for _, m := range merge(matches) {
		if e.excluded(m, x.Request.Path) {
			continue
		}
		v.Always = v.Always || m.always
		if w.counts(&m, counted) {
			v.Score += m.points
		}
		v.Findings = append(v.Findings, m.finding(x.API))
	}
	v.Block = v.Score >= e.options.Threshold || v.Always
	if len(v.Findings) > maxFindings {
		v.Findings = slices.Clip(v.Findings[:maxFindings])
	}
	return v
}

// exhausted turns a budget that ran out into what the options make of it.
func (e *Engine) exhausted(x *traffic.Exchange, v *Verdict) {
	if v.Exhausted == "" {
		return
	}
	v.NotInspected = append(v.NotInspected, "what is beyond the budget of "+v.Exhausted)
	m := match{rule: &ruleBudget, points: ruleBudget.points, places: []string{wholeRequest}, shown: v.Exhausted}
	if e.options.LetExhausted {
		m.points = 0
	} else {
		v.Block = true
	}
	v.Score += m.points
	v.Findings = append([]finding.Finding{m.finding(x.API)}, v.Findings...)
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
