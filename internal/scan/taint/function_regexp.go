package taint

import (
	"regexp/syntax"
	"strings"
)

// charset are the bytes below 128 that a text may hold; other says whether it may
// hold anything else. Harm is done with ASCII in all kinds of sinks.
type charset struct {
	low, high uint64
	other     bool
}

var everything = charset{low: ^uint64(0), high: ^uint64(0), other: true}

func (s *charset) add(lo, hi rune) {
	for r := lo; r <= hi && r < 64; r++ {
		s.low |= 1 << uint(r)
	}
	for r := max(lo, 64); r <= hi && r < 128; r++ {
		s.high |= 1 << uint(r-64)
	}
	if hi >= 128 {
		s.other = true
	}
}

func (s charset) union(t charset) charset {
	return charset{s.low | t.low, s.high | t.high, s.other || t.other}
}

func (s charset) without(t charset) charset {
	return charset{s.low &^ t.low, s.high &^ t.high, s.other && !t.other}
}

func (s charset) hasAny(text string) bool {
	for i := range len(text) {
		b := text[i]
		if b < 64 && s.low&(1<<b) != 0 || b >= 64 && b < 128 && s.high&(1<<(b-64)) != 0 {
			return true
		}
	}
	return false
}

func charsOf(text string) charset {
	var s charset
	for _, r := range text {
		s.add(r, r)
	}
	return s
}

// harmful are the characters without which a text does no harm in a kind.
var harmful = []struct {
	kind  Kind
	chars string
}{
	{SQL | SOQL, `'`},
	{Bare, "'\"();=<>*/|"},
	{NoSQL | GraphQL, `"'{}$\`},
	{LDAP, "*()\\&|\x00"},
	{XPath | XSLT, `'"<&`},
	{Command, "`'\"\\$&|;<>(){}\n\r\t *?~"},
	{Code, "(){}[]'\"`.$;#+="},
	{ClassName, `.:/\$`},
	{Log, "\r\n"},
	{Header, "\r\n"},
	{HTML, `<>"'&`},
	{MailField, "\r\n,;<>"},
	{CSV, "=+@-\t\r"},
	{URL, `:/.@?#%\`},
	{URLPath, `/?#%&\;`},
	{FilePath, `/`},
	{XML, `<&`},
	{Object, "\x00\x05{<[\":"},
	{Prompt, " \t\n\r"},
}

// clean are the kinds that a text of these characters does no harm in.
func (s charset) clean() Kind {
	var k Kind
	for _, h := range harmful {
		if !s.hasAny(h.chars) {
			k |= h.kind
		}
	}
	return k
}

// matched is what a text may hold that a regular expression matches as a whole; ok is
// false where the expression can't be read.
func matched(pattern string) (chars charset, ok bool) {
	if len(pattern) > 2000 {
		return everything, false
	}
	re, err := syntax.Parse(pattern, syntax.Perl)
	if err != nil {
		return everything, false
	}
	return charsOfRegexp(re), true
}

func charsOfRegexp(re *syntax.Regexp) charset {
	var s charset
	switch re.Op {
	case syntax.OpLiteral:
		for _, r := range re.Rune {
			s.add(r, r)
			if re.Flags&syntax.FoldCase != 0 {
				s = s.union(charsOf(strings.ToUpper(string(r)))).union(charsOf(strings.ToLower(string(r))))
			}
		}
	case syntax.OpCharClass:
		for i := 0; i+1 < len(re.Rune); i += 2 {
			s.add(re.Rune[i], re.Rune[i+1])
		}
	case syntax.OpAnyChar:
		return everything
	case syntax.OpAnyCharNotNL:
		return everything.without(charsOf("\n"))
	default:
		for _, sub := range re.Sub {
			s = s.union(charsOfRegexp(sub))
		}
	}
	return s
}

// cleanByPattern are the kinds that a text is harmless for when a regular expression
// of a schema, which may match a part of it, is found in it: none unless it is
// anchored at both ends.
func cleanByPattern(pattern string) Kind {
	if !anchored(pattern) {
		return 0
	}
	chars, ok := matched(pattern)
	if !ok {
		return 0
	}
	return chars.clean()
}

func anchored(pattern string) bool {
	begins := strings.HasPrefix(pattern, "^") || strings.HasPrefix(pattern, `\A`)
	ends := strings.HasSuffix(pattern, "$") && !strings.HasSuffix(pattern, `\$`) ||
		strings.HasSuffix(pattern, `\z`) || strings.HasSuffix(pattern, `\Z`)
	// ^a|b$ is anchored on one side each.
	return begins && ends && !loose(pattern)
}

// loose says that an alternative stands outside all parentheses and brackets.
func loose(pattern string) bool {
	depth, class := 0, false
	for i := 0; i < len(pattern); i++ {
		switch b := pattern[i]; {
		case b == '\\':
			i++
		case class:
			class = b != ']'
		case b == '[':
			class = true
		case b == '(':
			depth++
		case b == ')':
			depth--
		case b == '|' && depth == 0:
			return true
		}
	}
	return false
}

// removed is what a regular expression takes out of a text when it is replaced
// everywhere: the characters of one class, whatever stands beside them.
func removed(pattern string) (chars charset, ok bool) {
	re, err := syntax.Parse(pattern, syntax.Perl)
	if err != nil || len(pattern) > 2000 {
		return charset{}, false
	}
	for re.Op == syntax.OpPlus || re.Op == syntax.OpCapture || re.Op == syntax.OpStar {
		re = re.Sub[0]
	}
	switch re.Op {
	case syntax.OpCharClass:
		return charsOfRegexp(re), true
	case syntax.OpLiteral:
		if len(re.Rune) == 1 {
			return charsOfRegexp(re), true
		}
	case syntax.OpAlternate:
		var s charset
		for _, sub := range re.Sub {
			if sub.Op != syntax.OpCharClass && (sub.Op != syntax.OpLiteral || len(sub.Rune) != 1) {
				return charset{}, false
			}
			s = s.union(charsOfRegexp(sub))
		}
		return s, true
	default:
	}
	return charset{}, false
}

// replaced is what a text may hold after chars were replaced by another text.
func replaced(chars charset, by string) charset {
	return everything.without(chars).union(charsOf(by))
}
