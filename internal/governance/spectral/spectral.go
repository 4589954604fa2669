// Package spectral loads Stoplight Spectral rulesets and judges API
// descriptions by them, with the results that the command line of Spectral
// gives and at a small part of its cost: rulesets in YAML, JSON and JavaScript,
// their aliases, overrides, formats and functions, and the JSONPath that they
// are written in. It holds no rules; those that Spectral ships are in the folder
// core. It starts no program and opens no connection.
package spectral

import (
	"fmt"
	"time"

	"farrier.dev/farrier/internal/encoding/tree"
	"farrier.dev/farrier/internal/spec"
)

// Severity is how bad Spectral calls a result.
type Severity int8

// The severities. Off silences a rule.
const (
	Off Severity = iota - 1
	Error
	Warn
	Info
	Hint
)

var severityNames = [...]string{Error: "error", Warn: "warn", Info: "info", Hint: "hint"}

// String is the severity as rulesets write it.
func (s Severity) String() string {
	if s < Error || s > Hint {
		return "off"
	}
	return severityNames[s]
}

// Loader reads the files of a ruleset by their names, relative to one folder and
// with slashes. It bounds what it reads; *spec.Project is one.
type Loader interface {
	Source(name string) (*tree.Source, error)
}

// Builtin is a ruleset that is known by its name rather than found in a file.
type Builtin struct {
	// Text is the ruleset, in YAML or JSON.
	Text []byte
	// Functions are those that only this ruleset may name.
	Functions map[string]Function
}

// Options say what a ruleset may use.
type Options struct {
	// Functions are known to all rulesets, beside Spectral's own.
	Functions map[string]Function
	// Builtin are the rulesets that others may extend by name: "spectral:oas", or
	// the name of a package of npm.
	Builtin map[string]Builtin
	// Fetch reads a ruleset that is named by a URL; nil refuses those.
	Fetch func(url string) ([]byte, error)
	// Limits bound it; zero values stand for the defaults.
	Limits Limits
}

// Limits bound what a ruleset may cost.
type Limits struct {
	// Time is for the scripts of one rule, and for those that are run when a ruleset
	// is loaded. Five times as much is for the whole: for loading, and again for each
	// MiB of a document that has begun. A machine that has much else to do needs
	// more.
	Time time.Duration
	// Files and Rules are how many there may be, those extended included.
	Files, Rules int
	// Visits is how many values are looked at in one document, where those that
	// references lead to count as often as they are reached.
	Visits int
	// Results is how many are kept of one document.
	Results int
}

// The defaults of Limits.
const (
	DefaultTime    = 2 * time.Second
	DefaultFiles   = 200
	DefaultRules   = 5000
	DefaultVisits  = 5_000_000
	DefaultResults = 200_000
)

// whole is how many times the time of a rule all of them have together.
const whole = 5

// Function makes the check of a rule from its functionOptions, nil where there
// are none, when the ruleset is loaded. An error says what is wrong with them.
type Function func(options *tree.Node) (Check, error)

// Check judges one value. It must be safe for concurrent use, and must not
// change what it is given.
type Check func(in *Input) []Problem

// Input is what a function judges.
type Input struct {
	// Value is nil where there is none ("undefined"). References are followed in it
	// unless the rule says "resolved: false"; those that lead back into themselves
	// are left as they are. A name that "@key" selects is a text.
	Value *tree.Node
	// Root is the document that Value is part of, resolved as Value is; Unresolved
	// is it as it was written.
	Root, Unresolved *tree.Node
	// Document is what was read.
	Document *spec.Document
	// Rule is the name of the rule.
	Rule string
	// at is the way to the value that given selected, field from there to Value.
	at    []frame
	field []string
	run   *run
}

// Path leads from Root to Value. A rule whose function asks for it is judged
// again each time that references lead to the same value.
func (in *Input) Path() []string {
	in.run.wandered = true
	return in.place()
}

// Once gives what work gave when a rule first asked by this key while the document
// is judged: for what is costly and the same for many rules.
func (in *Input) Once(key any, work func() any) any {
	if in.run == nil {
		return work()
	}
	j := in.run.judging
	made, ok := j.once[key]
	if !ok {
		made = work()
		if j.once == nil {
			j.once = map[any]any{}
		}
		j.once[key] = made
	}
	return made
}

// Problem is what a function complains of.
type Problem struct {
	// Message says what is wrong, as "{{error}}" of the rule.
	Message string
	// Below leads from the value to the place; empty for the value itself.
	Below []string
	// Path leads from Root to the place and is used instead of Below unless nil.
	Path []string
}

// Rule is one rule of a ruleset as it applies after all that extends it.
type Rule struct {
	Name, Description, Message, DocumentationURL string
	Severity                                     Severity
	// Formats are those that it judges, as "oas3"; empty for all.
	Formats     []string
	Recommended bool
	// Enabled tells whether it is judged at all.
	Enabled bool
}

// Result is one complaint about a document.
type Result struct {
	Rule     string
	Message  string
	Severity Severity
	// Path leads to the place in the document File that it is written in.
	Path []string
	File string
	// Line and Column are counted from 1.
	Line, Column     int
	DocumentationURL string
}

// The rules that no ruleset writes: those by which Spectral tells of a reference
// that leads nowhere, and of a document that no format of the ruleset fits.
const (
	RuleInvalidReference   = "invalid-ref"
	RuleUnrecognizedFormat = "unrecognized-format"
)

// String is the result as Spectral prints it.
func (r Result) String() string {
	return fmt.Sprintf("%s:%d:%d %s %s %s", r.File, r.Line, r.Column, r.Severity, r.Rule, r.Message)
}
