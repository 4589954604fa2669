// Package seclang compiles rules written in SecLang, the rule language of
// ModSecurity and Coraza, and runs them over the values of one request or
// response. It detects and nothing else: actions that refuse, log or configure
// an engine are accepted and have no effect. Whether a rule matches is decided
// as Coraza 3.8 decides it with SecRuleEngine DetectionOnly; what depends on
// settings alone is decided when the rules are compiled.
package seclang

import (
	"farrier.dev/farrier/internal/detect/seclang/automaton"
)

// Value is one value that rules look at.
type Value struct {
	In Collection
	// Key is the name of an argument, header, cookie or part, as written by
	// the client; the selector ("/*" or "//@*") for XML; empty for singles.
	Key  string
	Text string
}

// Input is what rules look at. The names of arguments, headers and cookies are
// derived from the keys. The order of values with equal keys matters only where
// a rule reads the first or the last.
type Input struct {
	Values []Value
}

// Rule tells what a rule says of itself.
type Rule struct {
	ID       int
	Phase    int
	Message  string // as written: %{...} is not replaced
	Severity string // "CRITICAL" and so on; empty when the rule has none
	Tags     []string
	File     string
	Line     int
}

// Match is one value that one rule matched. A chain that matches tells of each
// value that any of its links matched.
type Match struct {
	Rule *Rule
	// Value is the index into Input.Values, -1 when the rule matched something
	// else: a variable of its own, a number of values, a value that is missing.
	Value int32
	// Name says that the key of the value matched, not its text.
	Name bool
	// Link is 0 for the rule itself, 1 for the first rule chained to it.
	Link uint8
	// Variable and Key name what matched as Coraza does: "ARGS", "id".
	Variable string
	Key      string
	// Text is what matched, at most 64 bytes around it.
	Text string
}

// Result is what a run found.
type Result struct {
	// Matches are in the order of the rules, without rules that say nolog.
	Matches []Match
	// Exhausted says that the meter ran out: rules may have missed something.
	Exhausted bool
}

// Source is a piece of rules. Name stands in errors.
type Source struct {
	Name string
	Text string
}

// Options say how to compile.
type Options struct {
	// Phases are the phases whose rules are wanted, in ascending order; none
	// means 1 and 2, the phases of a request.
	Phases []int
	// Exact switches the sieve off: each rule tests each value by itself, which
	// is two orders of magnitude slower. It is for comparison.
	Exact bool
	// CacheBytes bounds what the automata may remember together; 0 means 48 MiB.
	CacheBytes int
}

// Set is a compiled set of rules. It is immutable but for caches that change
// no answer, and safe for concurrent use.
type Set struct {
	rules []*program
	// constants are the variables of TX that rules read and that settings
	// alone decide.
	constants    map[string]string
	constantKeys []string // sorted
	// certain are rules with a severity that match whatever the input says.
	certain []*Rule
	ignored []Ignored
	// reads says which captured groups, TX:0 to TX:9, rules read that other
	// rules may have set.
	reads uint16
	// defaults are singles that rules read; they exist even if the input has none.
	defaults []Value
	folded   []int
	noted    bool // some rule reads what another matched
	sieve    *sieve
	pool     pool
}

// Ignored is something in the sources that has no effect here.
type Ignored struct {
	Position string // file:line
	What     string
	Reason   string
}

// Ignored lists what has no effect in this product although it has in a web
// server, with the reason.
func (s *Set) Ignored() []Ignored { return s.ignored }

// Rules lists the rules that look at the input, in the order in which they run.
func (s *Set) Rules() []*Rule {
	rules := make([]*Rule, len(s.rules))
	for i, p := range s.rules {
		rules[i] = p.rule
	}
	return rules
}

// Run applies the rules to the input and charges the meter for the work. A nil
// meter bounds nothing.
func (s *Set) Run(in *Input, m *automaton.Meter) Result {
	r := s.pool.get(s)
	defer s.pool.put(r)
	return r.run(in, m)
}
