package datatype

import (
	"fmt"
	"regexp"
	"regexp/syntax"
	"strings"
	"time"

	"github.com/dlclark/regexp2/v2"
)

// Limits of regular expressions: their length in bytes, how long one may look at
// a text, how often that may end in nothing in a set, and how many steps those
// that run in linear time may take in a set.
const (
	maxPattern  = 4 << 10
	matchTime   = 100 * time.Millisecond
	maxTimeouts = 5
	maxMatching = 20_000_000
)

// effort is what regular expressions may still cost, and those compiled.
type effort struct {
	timeouts, matching int
	known              map[string]*pattern
}

func newEffort() effort { return effort{maxTimeouts, maxMatching, map[string]*pattern{}} }

// pattern is a regular expression of ECMAScript. It looks for its match anywhere.
type pattern struct {
	text string
	fast *regexp.Regexp
	slow *regexp2.Regexp
	// size is the number of instructions of fast.
	size int
	left *effort
}

// compile compiles a regular expression, once.
func compile(text string, left *effort) (*pattern, error) {
	p := left.known[text]
	if p != nil {
		return p, nil
	}
	p, err := compiled(text, left)
	if err == nil {
		left.known[text] = p
	}
	return p, err
}

// compiled compiles a regular expression to one that runs in linear time where
// RE2 knows it.
func compiled(text string, left *effort) (*pattern, error) {
	if len(text) > maxPattern {
		return nil, fmt.Errorf("it is longer than %d bytes", maxPattern)
	}
	fast, err := regexp.Compile(text)
	if err == nil {
		return &pattern{text: text, fast: fast, size: sizeOf(text), left: left}, nil
	}
	slow, slowErr := regexp2.Compile(text, regexp2.ECMAScript)
	if slowErr != nil {
		return nil, err
	}
	slow.MatchTimeout = matchTime
	return &pattern{text: text, slow: slow, left: left}, nil
}

// sizeOf is the number of instructions of a regular expression that compiles.
func sizeOf(text string) int {
	parsed, err := syntax.Parse(text, syntax.Perl)
	if err != nil {
		return maxPattern
	}
	program, err := syntax.Compile(parsed.Simplify())
	if err != nil {
		return maxPattern
	}
	return len(program.Inst)
}

// whole is the regular expression that is found in a text when the other matches
// all of it, as the facet pattern has it.
func whole(text string) string {
	if strings.HasPrefix(text, "^") && strings.HasSuffix(text, "$") && !strings.HasSuffix(text, `\$`) && !strings.Contains(text, "|") {
		return text
	}
	return "^(?:" + text + ")$"
}

// match says whether a text matches; one that is too costly to judge does.
func (p *pattern) match(text string) bool {
	if p.fast != nil {
		if p.left.matching -= (len(text) + 1) * p.size; p.left.matching < 0 {
			return true
		}
		return p.fast.MatchString(text)
	}
	if p.left.timeouts <= 0 {
		return true
	}
	ok, err := p.slow.MatchString(text)
	if err != nil {
		p.left.timeouts--
	}
	return ok || err != nil
}

// catchAll says whether the pattern matches any name.
func (p *pattern) catchAll() bool {
	switch p.text {
	case "", ".*", "^.*$", "^.*", ".*$":
		return true
	}
	return false
}
