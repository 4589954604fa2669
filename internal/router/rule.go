package router

import (
	"fmt"
	"regexp"
	"strings"

	"farrier.dev/farrier/internal/revision"
	"farrier.dev/farrier/internal/traffic"
)

// rule is a compiled revision.Rule; nil matchers match everything.
type rule struct {
	path, methods, host *pattern
	headers             []headerRule
}

type headerRule struct {
	name  string
	value *pattern
}

// pattern matches a whole text. The shapes that nearly all manifests use need
// no regular expression: literal text, and literal text before a free end.
type pattern struct {
	literal string
	tail    tail
	re      *regexp.Regexp
}

type tail uint8

const (
	tailNone     tail = iota // literal
	tailAny                  // literal.*
	tailAnyGroup             // literal(.*)
	tailSub                  // literal/.*
	tailSubGroup             // literal(/.*)
)

var tails = [...]struct {
	text string
	tail tail
}{{"(/.*)", tailSubGroup}, {"/.*", tailSub}, {"(.*)", tailAnyGroup}, {".*", tailAny}, {"", tailNone}}

func compilePattern(text string) (*pattern, error) {
	if text == "" || text == ".*" {
		return nil, nil //nolint:nilnil // nil is the pattern that matches everything
	}
	for _, t := range tails {
		literal, ok := strings.CutSuffix(text, t.text)
		if ok && regexp.QuoteMeta(literal) == literal {
			return &pattern{literal: literal, tail: t.tail}, nil
		}
	}
	re, err := regexp.Compile(`\A(?:` + text + `)\z`)
	if err != nil {
		return nil, fmt.Errorf("expression %q: %w", text, err)
	}
	return &pattern{re: re}, nil
}

func (p *pattern) matches(text string) bool {
	if p == nil {
		return true
	}
	if p.re != nil {
		return p.re.MatchString(text)
	}
	rest, ok := strings.CutPrefix(text, p.literal)
	if !ok || strings.ContainsRune(rest, '\n') {
		return false
	}
	switch p.tail {
	case tailNone:
		return rest == ""
	case tailSub, tailSubGroup:
		return strings.HasPrefix(rest, "/")
	case tailAny, tailAnyGroup:
	}
	return true
}

// remaining is what a matching path leaves to the service: its capture groups
// joined, or the whole path when the pattern has none.
func (p *pattern) remaining(path string) string {
	if p == nil {
		return path
	}
	if p.re == nil {
		if p.tail == tailAnyGroup || p.tail == tailSubGroup {
			return path[len(p.literal):]
		}
		return path
	}
	groups := p.re.FindStringSubmatch(path)
	if len(groups) <= 1 {
		return path
	}
	return strings.Join(groups[1:], "")
}

func compileRules(rules []revision.Rule) ([]rule, error) {
	compiled := make([]rule, 0, len(rules))
	for i, r := range rules {
		var c rule
		var err error
		for _, part := range []struct {
			name string
			text string
			into **pattern
		}{{"path", r.Path, &c.path}, {"methods", r.Methods, &c.methods}, {"host", r.Host, &c.host}} {
			if *part.into, err = compilePattern(part.text); err != nil {
				return nil, fmt.Errorf("rule %d: %s: %w", i+1, part.name, err)
			}
		}
		for name, text := range r.Headers {
			value, err := compilePattern(text)
			if err != nil {
				return nil, fmt.Errorf("rule %d: header %s: %w", i+1, name, err)
			}
			c.headers = append(c.headers, headerRule{strings.ToLower(name), value})
		}
		compiled = append(compiled, c)
	}
	return compiled, nil
}

func (r *rule) matches(x *traffic.Exchange) bool {
	req := &x.Request
	if !r.methods.matches(req.Method) || !r.path.matches(x.SubPath) || !r.host.matches(req.Host) {
		return false
	}
	for _, h := range r.headers {
		value, ok := req.Header.Lookup(h.name)
		if !ok || !h.value.matches(value) {
			return false
		}
	}
	return true
}

// matcher is the Match of a link; nil when there are no rules.
func matcher(rules []rule) func(*traffic.Exchange) bool {
	if len(rules) == 0 {
		return nil
	}
	return func(x *traffic.Exchange) bool {
		for i := range rules {
			if rules[i].matches(x) {
				return true
			}
		}
		return false
	}
}
