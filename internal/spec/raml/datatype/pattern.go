package datatype

import (
	"fmt"
	"regexp"
	"strings"
	"time"

	"github.com/dlclark/regexp2/v2"
)

// maxPattern is the length of regular expressions in bytes, matchTime how long
// one may look at a text.
const (
	maxPattern = 4 << 10
	matchTime  = 100 * time.Millisecond
)

// pattern is a regular expression of ECMAScript. It looks for its match anywhere.
type pattern struct {
	text string
	fast *regexp.Regexp
	slow *regexp2.Regexp
}

// compile compiles a regular expression: in linear time where RE2 knows it.
func compile(text string) (*pattern, error) {
	if len(text) > maxPattern {
		return nil, fmt.Errorf("it is longer than %d bytes", maxPattern)
	}
	fast, err := regexp.Compile(text)
	if err == nil {
		return &pattern{text: text, fast: fast}, nil
	}
	slow, slowErr := regexp2.Compile(text, regexp2.ECMAScript)
	if slowErr != nil {
		return nil, err
	}
	slow.MatchTimeout = matchTime
	return &pattern{text: text, slow: slow}, nil
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
		return p.fast.MatchString(text)
	}
	ok, err := p.slow.MatchString(text)
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
