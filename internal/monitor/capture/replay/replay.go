// Package replay is the dry run of detection: it judges captured requests as
// other settings would, and says what would change. It refuses nobody and
// quotes no value of a request.
package replay

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"time"

	"farrier.dev/farrier/internal/detect"
	"farrier.dev/farrier/internal/monitor/capture"
)

// MaxExamples bounds the examples of a report.
const MaxExamples = 20

// Options say what is replayed.
type Options struct {
	// Dir is the folder of captured requests, Opener opens its records.
	Dir    string
	Opener capture.Opener
	// Engine judges; its verdicts are those of the settings that are tried.
	Engine *detect.Engine
	// Since is how far back requests are taken, by whole hours; API is the only
	// one that is looked at, empty for all.
	Since time.Duration
	API   string
	// Now is the time at which the requests are judged.
	Now func() time.Time
}

// Sample says how much of the traffic was looked at.
type Sample struct {
	// Sampled requests were captured and judged again, of the Seen that were
	// judged when they came.
	Sampled int64 `json:"sampled"`
	Seen    int64 `json:"seen"`
}

// Changes count what would become of the sampled requests.
type Changes struct {
	// WouldRefuse are refused by the settings: StillRefused were refused when
	// recorded, NewlyRefused were not.
	WouldRefuse  int64 `json:"wouldRefuse"`
	StillRefused int64 `json:"stillRefused"`
	NewlyRefused int64 `json:"newlyRefused"`
	// WouldPass were refused when recorded, and would not be. Undecided are of
	// the same kind, but what was refused then was replaced in the capture.
	WouldPass int64 `json:"wouldPass"`
	Undecided int64 `json:"undecided"`
}

// RuleCount is how many requests one rule would help to refuse.
type RuleCount struct {
	Rule         string `json:"rule"`
	WouldRefuse  int64  `json:"wouldRefuse"`
	NewlyRefused int64  `json:"newlyRefused"`
}

// OperationCount is what would become of one operation.
type OperationCount struct {
	API       string `json:"api"`
	Operation string `json:"operation"`
	Sample
	Changes
}

// Example is one request whose fate would change.
type Example struct {
	// Record is the correlation id by which the console shows it.
	Record    string    `json:"record"`
	Received  time.Time `json:"received"`
	API       string    `json:"api"`
	Operation string    `json:"operation"`
	// Change is "newly refused" or "would pass".
	Change string `json:"change"`
	// Rules are those that would refuse it, or did.
	Rules []string `json:"rules"`
}

// Report is the answer of a dry run.
type Report struct {
	Version int `json:"version"`
	// Engine identifies the rules and settings that judged.
	Engine string `json:"engine"`
	// Since is the first hour that was looked at.
	Since time.Time `json:"since"`
	API   string    `json:"apiOnly,omitempty"`
	Sample
	// OfRefused and OfPassed are the sample of those refused when recorded, and
	// of the others.
	OfRefused Sample `json:"ofRefused"`
	OfPassed  Sample `json:"ofPassed"`
	// Dropped were to be captured and were not, for want of time or room;
	// Damaged are records that could not be read.
	Dropped int64 `json:"dropped"`
	Damaged int   `json:"damaged"`
	Changes
	// Failed are those that could not be judged; they count as refused.
	Failed     int64            `json:"failed"`
	Rules      []RuleCount      `json:"rules"`
	Operations []OperationCount `json:"operations"`
	Examples   []Example        `json:"examples"`
}

// run is one replay.
type run struct {
	o          Options
	ctx        context.Context //nolint:containedctx // it lives as long as one call
	now        time.Time
	report     Report
	rules      map[string]*RuleCount
	operations map[[2]string]*OperationCount
	passing    []Example
}

// Run judges the captured requests.
func Run(ctx context.Context, o Options) (*Report, error) {
	now := o.Now()
	r := &run{o: o, ctx: ctx, now: now, rules: map[string]*RuleCount{}, operations: map[[2]string]*OperationCount{}}
	r.report = Report{Version: 1, Engine: o.Engine.Digest(), Since: now.Add(-o.Since).UTC().Truncate(time.Hour), API: o.API, Examples: []Example{}}
	summary, err := capture.Read(ctx, o.Dir, o.Opener, capture.Filter{Since: r.report.Since, API: o.API}, r.judge)
	if err != nil {
		return nil, err
	}
	return r.finish(summary), nil
}

// judge judges one request.
func (r *run) judge(q *capture.Request) error {
	x := q.Exchange()
	x.Received = r.now // so that patches that have expired are over
	v := r.o.Engine.Judge(r.ctx, x, detect.Lessons{})
	if err := r.ctx.Err(); err != nil {
		return fmt.Errorf("replaying: %w", err)
	}
	if v.Err != nil {
		r.report.Failed++
	}
	op := r.operation(q.API, q.Operation)
	op.Sampled++
	if q.Refused {
		r.report.OfRefused.Sampled++
	} else {
		r.report.OfPassed.Sampled++
	}
	one := Changes{}
	switch {
	case v.Block && q.Refused:
		one.WouldRefuse, one.StillRefused = 1, 1
	case v.Block:
		one.WouldRefuse, one.NewlyRefused = 1, 1
	case q.Refused && q.Undecided():
		one.Undecided = 1
	case q.Refused:
		one.WouldPass = 1
	}
	op.add(one)
	r.report.add(one)
	var rules []string
	for i := range v.Findings {
		if rule := v.Findings[i].Rule; v.Block && !slices.Contains(rules, rule) {
			rules = append(rules, rule)
			n := r.rule(rule)
			n.WouldRefuse++
			n.NewlyRefused += one.NewlyRefused
		}
	}
	r.example(q, one, rules)
	return nil
}

func (c *Changes) add(d Changes) {
	c.WouldRefuse += d.WouldRefuse
	c.StillRefused += d.StillRefused
	c.NewlyRefused += d.NewlyRefused
	c.WouldPass += d.WouldPass
	c.Undecided += d.Undecided
}

// example keeps the newest of each kind.
func (r *run) example(q *capture.Request, c Changes, rules []string) {
	e := Example{Record: q.ID, Received: q.Received, API: q.API, Operation: q.Operation, Rules: rules}
	if e.Rules == nil {
		e.Rules = []string{}
	}
	switch {
	case c.NewlyRefused == 1 && len(r.report.Examples) < MaxExamples:
		e.Change = "newly refused"
		r.report.Examples = append(r.report.Examples, e)
	case c.WouldPass == 1 && len(r.passing) < MaxExamples:
		e.Change, e.Rules = "would pass", q.Rules
		r.passing = append(r.passing, e)
	}
}

func (r *run) rule(name string) *RuleCount {
	n := r.rules[name]
	if n == nil {
		n = &RuleCount{Rule: name}
		r.rules[name] = n
	}
	return n
}

func (r *run) operation(api, operation string) *OperationCount {
	key := [2]string{api, operation}
	n := r.operations[key]
	if n == nil {
		n = &OperationCount{API: api, Operation: operation}
		r.operations[key] = n
	}
	return n
}

// finish puts the counts in order, the most changed first.
func (r *run) finish(summary capture.Summary) *Report {
	p := &r.report
	p.Damaged = summary.Damaged
	for _, s := range summary.Seen {
		r.operation(s.API, s.Operation).Seen += s.Passed + s.Refused
		p.OfRefused.Seen += s.Refused
		p.OfPassed.Seen += s.Passed
		p.Dropped += s.Dropped
	}
	p.Sampled = p.OfRefused.Sampled + p.OfPassed.Sampled
	p.Seen = p.OfRefused.Seen + p.OfPassed.Seen
	p.Examples = append(p.Examples, r.passing[:min(len(r.passing), MaxExamples-len(p.Examples))]...)
	p.Rules, p.Operations = []RuleCount{}, []OperationCount{}
	for _, n := range r.rules {
		p.Rules = append(p.Rules, *n)
	}
	slices.SortFunc(p.Rules, func(a, b RuleCount) int {
		return cmp.Or(cmp.Compare(b.NewlyRefused, a.NewlyRefused), cmp.Compare(b.WouldRefuse, a.WouldRefuse), cmp.Compare(a.Rule, b.Rule))
	})
	for _, n := range r.operations {
		p.Operations = append(p.Operations, *n)
	}
	slices.SortFunc(p.Operations, func(a, b OperationCount) int {
		return cmp.Or(
			cmp.Compare(b.NewlyRefused, a.NewlyRefused), cmp.Compare(b.WouldPass, a.WouldPass), cmp.Compare(b.WouldRefuse, a.WouldRefuse),
			cmp.Compare(a.API, b.API), cmp.Compare(a.Operation, b.Operation),
		)
	})
	return p
}
