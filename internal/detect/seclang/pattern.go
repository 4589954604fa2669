package seclang

import (
	"fmt"
	"regexp"
	"regexp/syntax"
	"strconv"
	"sync"
	"unicode/utf8"

	"rsc.io/binaryregexp"
)

// pattern is the regular expression of an @rx. It is compiled when a text first
// needs more of it than an answer of the sieve.
type pattern struct {
	expr string
	// latin expressions speak of single bytes above 0x7f.
	latin  bool
	groups int // with group 0
	// line says that it matches any line, all of it.
	line  bool
	std   func() *regexp.Regexp
	bytes *binaryregexp.Regexp
}

// compilePattern compiles as Coraza does: dot matches line breaks, ^ and $
// match at them, unless the expression speaks of bytes that are no UTF-8.
func compilePattern(text string) (*pattern, error) {
	if speaksOfBytes(text) {
		re, err := binaryregexp.Compile(text)
		if err != nil {
			return nil, fmt.Errorf("the regular expression: %w", err)
		}
		return &pattern{expr: text, latin: true, bytes: re, groups: re.NumSubexp() + 1}, nil
	}
	p := &pattern{expr: "(?sm)" + text, line: text == "^.*$"}
	tree, err := syntax.Parse(p.expr, syntax.Perl)
	if err != nil {
		return nil, fmt.Errorf("the regular expression: %w", err)
	}
	p.groups = tree.MaxCap() + 1
	p.std = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(p.expr) })
	return p, nil
}

func (p *pattern) match(text string) bool {
	if p.latin {
		return p.bytes.MatchString(text)
	}
	return p.std().MatchString(text)
}

// find gives the place of the leftmost match and of its groups, or nil.
func (p *pattern) find(text string) []int {
	if p.latin {
		return p.bytes.FindStringSubmatchIndex(text)
	}
	return p.std().FindStringSubmatchIndex(text)
}

// speaksOfBytes says whether the escapes \xHH of an expression, taken as bytes,
// make text that is no UTF-8. An escape needs a character behind it, and a
// backslash that is escaped itself counts as one that is not: so it is in
// Coraza, and decides what matches.
func speaksOfBytes(expr string) bool {
	var text []byte
	for rest := expr; rest != ""; {
		if rest[0] != '\\' {
			text, rest = append(text, rest[0]), rest[1:]
			continue
		}
		if len(rest) < 4 {
			text = append(text, rest...)
			break
		}
		b, length, ok := hexEscape(rest)
		if !ok {
			b, length = '\\', 1
		}
		text, rest = append(text, b), rest[length:]
	}
	return !utf8.Valid(text)
}

// hexEscape reads \xHH or \x{HH...}, of which only two digits count, at the
// beginning of s, which has four bytes or more.
func hexEscape(s string) (b byte, length int, ok bool) {
	if s[1] != 'x' {
		return 0, 0, false
	}
	digits, length := s[2:], 4
	if s[2] == '{' && len(s) >= 6 {
		for i := 3; i < len(s); i++ {
			if s[i] == '}' {
				digits, length = s[3:i], i+1
				break
			}
		}
	}
	if len(digits) < 2 {
		return 0, 0, false
	}
	n, err := strconv.ParseUint(digits[:2], 16, 8)
	return byte(n), length, err == nil
}
