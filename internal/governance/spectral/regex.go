package spectral

import (
	"errors"
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"time"

	"github.com/dlclark/regexp2/v2"
	"github.com/dop251/goja/parser"
)

// regex is a regular expression of ECMAScript. It runs on the engine of Go,
// which takes linear time, where that means the same, otherwise on one that
// backtracks and is stopped.
type regex struct {
	source, flags string
	linear        *regexp.Regexp
	backtracking  *regexp2.Regexp
}

const (
	maxPattern = 16 << 10
	// maxExpansion bounds what repetitions make of a pattern.
	maxExpansion = 100_000
	matchTimeout = 500 * time.Millisecond
)

// compileRegex reads a pattern without slashes, and flags of "dgimsuvy".
func compileRegex(source, flags string) (*regex, error) {
	if len(source) > maxPattern {
		return nil, fmt.Errorf("the regular expression is longer than %d bytes", maxPattern)
	}
	if strings.Trim(flags, "dgimsuvy") != "" {
		return nil, fmt.Errorf("the regular expression /%s/ has unknown flags %q", clip(source), flags)
	}
	re := &regex{source: source, flags: flags}
	has := func(flag string) bool { return strings.Contains(flags, flag) }
	pattern, err := parser.TransformRegExp(source, has("s"), has("u") || has("v"))
	if err == nil && expansion(source) <= maxExpansion {
		set := ""
		for _, flag := range []string{"i", "m", "s"} {
			if has(flag) {
				set += flag
			}
		}
		if set != "" {
			pattern = "(?" + set + ":" + pattern + ")"
		}
		if re.linear, err = regexp.Compile(pattern); err == nil {
			return re, nil
		}
	}
	o := regexp2.ECMAScript
	for flag, option := range map[string]regexp2.RegexOptions{"i": regexp2.IgnoreCase, "m": regexp2.Multiline, "s": regexp2.Singleline, "u": regexp2.Unicode} {
		if has(flag) {
			o |= option
		}
	}
	if re.backtracking, err = regexp2.Compile(source, o); err != nil {
		return nil, fmt.Errorf("the regular expression /%s/: %w", clip(source), err)
	}
	re.backtracking.MatchTimeout = matchTimeout
	return re, nil
}

// expansion is about how long a pattern becomes once its repetitions are
// written out.
func expansion(source string) int {
	most := 1
	for rest := source; ; {
		_, after, found := strings.Cut(rest, "{")
		if !found {
			return most * len(source)
		}
		rest = after
		inner, _, _ := strings.Cut(rest, "}")
		for _, text := range strings.Split(inner, ",") {
			if n, err := strconv.Atoi(text); err == nil {
				most = max(most, n)
			}
		}
	}
}

// writtenRegex reads a pattern as rulesets write it: "/pattern/flags", or the
// pattern alone.
func writtenRegex(text string) (*regex, error) {
	if end := strings.LastIndexByte(text, '/'); end > 1 && text[0] == '/' && strings.Trim(text[end+1:], "abcdefghijklmnopqrstuvwxyz") == "" {
		return compileRegex(text[1:end], text[end+1:])
	}
	return compileRegex(text, "")
}

// String is the expression as JavaScript writes it.
func (re *regex) String() string { return "/" + re.source + "/" + re.flags }

var errRegexTime = errors.New("takes too long: it backtracks; write it without nested repetitions")

// match says whether the expression matches somewhere in a text.
func (re *regex) match(text string) (bool, error) {
	if re.linear != nil {
		return re.linear.MatchString(text), nil
	}
	is, err := re.backtracking.MatchString(text)
	if err != nil {
		return false, fmt.Errorf("the regular expression %s %w", clip(re.String()), errRegexTime)
	}
	return is, nil
}
