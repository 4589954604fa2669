// Package validation is MuleSoft's language of rulesets, Validation Profile
// 1.0, as an engine: it loads a profile as it is written, and judges the graph
// of a description by its rules, with the semantics that MuleSoft's validator
// gives them. It reads no description itself and knows no other language of
// rulesets.
package validation

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"farrier.dev/farrier/internal/encoding/tree"
	"farrier.dev/farrier/internal/governance/validation/graph"
)

// Header is the first line of a profile.
const Header = "#%Validation Profile 1.0"

// Severity is how grave a violation is. Only Violation makes an API not conform.
type Severity string

// The severities.
const (
	Violation Severity = "violation"
	Warning   Severity = "warning"
	Info      Severity = "info"
)

// Profile is a ruleset that was loaded. It may be used from several goroutines.
type Profile struct {
	Name, Description string
	// Tags are for people.
	Tags []string
	// Parameters are the places that whoever uses the profile may fill otherwise.
	Parameters []Parameter
	rules      []Rule
	rego       *regoPolicy
}

// Rule is one validation of a profile.
type Rule struct {
	ID       string
	Severity Severity
	// Message is what it says when it is violated, as it is written: {{core.name}}
	// in it stands for a property of the node that violates it.
	Message string
	// TargetClass is the IRI of the class of the nodes that it judges.
	TargetClass string
	// Aspects are the parts of an API that it is about; Documentation says why it
	// is there.
	Aspects       []string
	Documentation string
	// Valid and Invalid are the examples that it brings.
	Valid, Invalid []string
	// Line is where it stands in the file, counted from 1.
	Line int
	// Disabled tells that it is defined and listed nowhere, or disabled: it is not
	// judged by.
	Disabled bool

	message message
	check   constraint
}

// Parameter is a place in a profile, ${{name:default}}, that may be filled otherwise.
type Parameter struct {
	Name, Default string
	// Line is where it stands in the file, counted from 1.
	Line int
}

// Result is one violation.
type Result struct {
	Rule     string
	Severity Severity
	Message  string
	File     string
	// Line and Column are counted from 1; 0 where they are not known.
	Line, Column int
	// Node is the identifier of the node in the graph; Path leads to what is
	// written, in its file.
	Node string
	Path []string
}

// Rules are the rules of the profile, in the order in which they are written.
func (p *Profile) Rules() []Rule { return slices.Clone(p.rules) }

// Judge gives the violations of all rules that are not disabled, each rule once
// for each node, in the order of files and lines. An error tells that a rule
// could not be evaluated, and which.
func (p *Profile) Judge(ctx context.Context, g *graph.Graph) ([]Result, error) {
	if g.Truncated {
		return nil, errTruncated
	}
	e := &evaluation{graph: g, policy: p.rego}
	results := []Result{}
	for i := range p.rules {
		if p.rules[i].Disabled {
			continue
		}
		found, err := p.rules[i].judge(ctx, e)
		if err != nil {
			return nil, err
		}
		results = append(results, found...)
	}
	slices.SortStableFunc(results, func(a, b Result) int {
		if c := strings.Compare(a.File, b.File); c != 0 {
			return c
		}
		if a.Line != b.Line {
			return a.Line - b.Line
		}
		return a.Column - b.Column
	})
	return results, nil
}

// judge gives the violations of one rule, in the time that a rule has.
func (r *Rule) judge(ctx context.Context, e *evaluation) ([]Result, error) {
	targets := e.graph.OfClass(r.TargetClass)
	most := limit(len(targets))
	ctx, cancel := context.WithTimeoutCause(ctx, most, fmt.Errorf("it took longer than %s and was stopped", most))
	defer cancel()
	e.ctx = ctx
	var results []Result
	for _, n := range targets {
		violated := r.check.violated(e, n, false)
		if e.stopped(); e.err != nil {
			return nil, fmt.Errorf("rule %s: %w", r.ID, e.err)
		}
		if violated {
			results = append(results, r.result(n))
		}
	}
	return results, nil
}

func (r *Rule) result(n *graph.Node) Result {
	return Result{
		Rule: r.ID, Severity: r.Severity, Message: r.message.fill(n),
		File: n.At.File, Line: n.At.Line, Column: n.At.Column, Node: n.ID, Path: n.At.Path(),
	}
}

// Conforms says whether no result is a violation.
func Conforms(results []Result) bool {
	return !slices.ContainsFunc(results, func(r Result) bool { return r.Severity == Violation })
}

// RuleTime is how long one rule may take for a description, and NodeTime how much
// longer for each node of its class beyond the first thousand.
const (
	RuleTime = 2 * time.Second
	NodeTime = 2 * time.Millisecond
)

func limit(nodes int) time.Duration { return RuleTime + NodeTime*time.Duration(max(nodes-1000, 0)) }

var errTruncated = errors.New("the description, its references opened, is too large to be judged by a profile")

// evaluation is the judgement of one graph.
type evaluation struct {
	ctx    context.Context //nolint:containedctx // it lives as long as the rule
	graph  *graph.Graph
	policy *regoPolicy
	export *export
	// steps counts what was looked at, so that the clock is asked now and then.
	steps int
	// err is the first thing that went wrong; nothing after it counts.
	err error
}

func (e *evaluation) fail(err error) {
	if e.err == nil {
		e.err = err
	}
}

// stopped says whether the judgement is over before its end.
func (e *evaluation) stopped() bool {
	if e.steps++; e.steps%256 == 0 && e.ctx.Err() != nil {
		e.fail(context.Cause(e.ctx))
	}
	return e.err != nil
}

// message is the text of a rule, cut at the properties that it names.
type message struct {
	parts      []string
	properties []string
}

func (l *loader) message(n *tree.Node) message {
	var m message
	text := n.Str()
	for {
		before, rest, found := strings.Cut(text, "{{")
		name, after, closed := strings.Cut(rest, "}}")
		if !found || !closed {
			m.parts = append(m.parts, text)
			return m
		}
		iri, err := l.iri(strings.TrimSpace(name))
		if err != nil {
			l.fail(n, "the message names %s: %v", name, err)
		}
		m.parts, m.properties, text = append(m.parts, before), append(m.properties, iri), after
	}
}

// fill puts the values of a node into the message; what a node does not have is
// null.
func (m message) fill(n *graph.Node) string {
	if len(m.properties) == 0 {
		return strings.TrimSpace(m.parts[0])
	}
	var b strings.Builder
	for i, property := range m.properties {
		b.WriteString(m.parts[i])
		values := n.Get(property)
		if len(values) == 0 {
			b.WriteString("null")
		}
		for k, v := range values {
			if k > 0 {
				b.WriteString(", ")
			}
			b.WriteString(v.String())
		}
	}
	b.WriteString(m.parts[len(m.parts)-1])
	return strings.TrimSpace(b.String())
}
