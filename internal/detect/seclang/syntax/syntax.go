// Package syntax reads SecLang, the rule language of ModSecurity and Coraza:
// text becomes typed directives that know their file and line. It knows the
// grammar only. Which directives, variables, operators and actions exist, what
// Include and data files hold, and what a rule does is the compiler's business.
package syntax

import (
	"fmt"
	"strconv"
	"strings"
)

// Position is a place in a file of rules.
type Position struct {
	File string
	Line int // counted from 1; the first line of a directive that spans several
}

// String is "file:line".
func (p Position) String() string { return p.File + ":" + strconv.Itoa(p.Line) }

// Variable is one member of the list of what a rule looks at.
type Variable struct {
	Name    string // upper case: ARGS, REQUEST_HEADERS, TX, XML
	Key     string // what is selected, without slashes and quotes; empty: all
	Regex   bool   // Key is a regular expression
	Count   bool   // &: how many there are, not their values
	Exclude bool   // !: taken out of what other members selected
}

// Operator is the test that a rule makes.
type Operator struct {
	Negated  bool
	Name     string // lower case, without @; "rx" when none is written
	Argument string // without surrounding space; \" is already "
}

// Action is one member of the list of what a rule does, in the order written.
type Action struct {
	Name  string // lower case
	Value string // without surrounding space and quotes, case and escapes kept
}

// Rule is a SecRule, or with no variables and no operator a SecAction or a
// SecDefaultAction.
type Rule struct {
	Pos       Position
	Variables []Variable
	Operator  Operator
	Actions   []Action
	Chained   *Rule // the rule that must match too, if there is an action "chain"
}

// Directive is one directive of a file. Known or not, all are returned.
type Directive struct {
	Pos  Position
	Name string // lower case: "secrule", "secaction", "secmarker", "include"
	// Rule is set for SecRule, SecAction and SecDefaultAction.
	Rule *Rule
	// Arguments are those of all other directives: separated by space, without
	// their quotes or backticks.
	Arguments []string
}

// Error says what is wrong in a file of rules and how to mend it.
type Error struct {
	Pos     Position
	Problem string
}

func (e *Error) Error() string { return e.Pos.String() + ": " + e.Problem }

// Parse reads the text of one file. It reads as Coraza does, except that it
// refuses what Coraza silently misreads: a chain or a continued line that the
// file ends in, quotes and regular expressions that are never closed. The
// error is an *Error.
func Parse(file, text string) ([]Directive, error) {
	lines, err := logicalLines(file, text)
	if err != nil {
		return nil, err
	}
	out := make([]Directive, 0, len(lines))
	var open *Rule // the last link of a chain that waits for its next rule
	for _, l := range lines {
		d, err := parseDirective(l)
		if err != nil {
			return nil, &Error{Pos: l.pos, Problem: err.Error()}
		}
		isLink := d.Name == nameRule || d.Name == nameAction
		switch {
		case open != nil && !isLink:
			return nil, &Error{Pos: l.pos, Problem: fmt.Sprintf(
				"the rule of line %d has the action chain, so a SecRule must follow it, not %s: remove chain, or move this directive", open.Pos.Line, l.name())}
		case open != nil:
			open.Chained = d.Rule
		default:
			out = append(out, d)
		}
		open = nil
		if isLink && hasChain(d.Rule) {
			open = d.Rule
		}
	}
	if open != nil {
		return nil, &Error{Pos: open.Pos, Problem: "the rule has the action chain, but no rule follows in this file: remove chain, or add the rule"}
	}
	return out, nil
}

const (
	nameRule          = "secrule"
	nameAction        = "secaction"
	nameDefaultAction = "secdefaultaction"
)

// blank separates words. Coraza knows the space only, and refuses tabs.
const blank = " \t"

func parseDirective(l logicalLine) (Directive, error) {
	name := l.name()
	if !isWord(name) {
		return Directive{}, fmt.Errorf("%q is no directive: begin the line with one, or with # to comment it out", shorten(name))
	}
	rest := strings.Trim(l.text[len(name):], blank)
	d := Directive{Pos: l.pos, Name: strings.ToLower(name)}
	var err error
	switch d.Name {
	case nameRule:
		d.Rule, err = parseRule(rest)
	case nameAction, nameDefaultAction:
		d.Rule = &Rule{}
		d.Rule.Actions, err = ParseActions(unquote(rest))
	default:
		d.Arguments, err = splitArguments(rest)
	}
	if d.Rule != nil {
		d.Rule.Pos = l.pos
	}
	return d, err
}

func hasChain(r *Rule) bool {
	for _, a := range r.Actions {
		if a.Name == "chain" {
			return true
		}
	}
	return false
}
