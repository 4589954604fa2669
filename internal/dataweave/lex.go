package dataweave

import (
	"strconv"
	"strings"
	"unicode/utf16"
	"unicode/utf8"
)

type tokenKind uint8

const (
	tokenEnd tokenKind = iota
	tokenName
	tokenNumber
	tokenString
	tokenSymbol
)

type token struct {
	kind tokenKind
	text string // name, symbol, or the content of a string
	num  Value  // of a number
	pos  int
	end  int
}

// is tells whether the token is this symbol or keyword.
func (t token) is(text string) bool {
	return (t.kind == tokenSymbol || t.kind == tokenName) && t.text == text
}

type lexer struct {
	src string
	pos int
}

// symbols are the operators of DataWeave, longest first: those outside the
// subset are read too, so that a complaint can name them.
func symbols() [23]string {
	return [...]string{
		"---", "!=", "==", "~=", ">=", "<=", ">>", "<<", "++", "--", "->", "&&", "||", "::", "..", ".*", ".@", ".&", ".#",
		"$$", "[?", "{|", "|}",
	}
}

func (l *lexer) next() (token, error) {
	if err := l.skipSpace(); err != nil {
		return token{}, err
	}
	start := l.pos
	if start == len(l.src) {
		return token{kind: tokenEnd, pos: start, end: start}, nil
	}
	switch c := l.src[start]; {
	case isLetter(c):
		l.name()
		return token{kind: tokenName, text: l.src[start:l.pos], pos: start, end: l.pos}, nil
	case isDigit(c):
		return l.number()
	case c == '\'' || c == '"':
		return l.string(c)
	}
	for _, s := range symbols() {
		if strings.HasPrefix(l.src[start:], s) {
			l.pos += len(s)
			return token{kind: tokenSymbol, text: s, pos: start, end: l.pos}, nil
		}
	}
	_, size := utf8.DecodeRuneInString(l.src[start:])
	l.pos += size
	return token{kind: tokenSymbol, text: l.src[start:l.pos], pos: start, end: l.pos}, nil
}

// skipSpace passes over white space and comments.
func (l *lexer) skipSpace() error {
	for l.pos < len(l.src) {
		rest := l.src[l.pos:]
		switch {
		case strings.ContainsRune(" \t\r\n", rune(rest[0])):
			l.pos++
		case strings.HasPrefix(rest, "//"):
			n := strings.IndexByte(rest, '\n')
			if n < 0 {
				n = len(rest)
			}
			l.pos += n
		case strings.HasPrefix(rest, "/*"):
			n := strings.Index(rest, "*/")
			if n < 2 {
				return errorf(l.pos, "the comment is not closed; add */")
			}
			l.pos += n + 2
		default:
			return nil
		}
	}
	return nil
}

// name reads a name, with its module path if it has one (dw::core::Strings::trim).
func (l *lexer) name() {
	for {
		for l.pos < len(l.src) && (isLetter(l.src[l.pos]) || isDigit(l.src[l.pos])) {
			l.pos++
		}
		rest := l.src[l.pos:]
		if len(rest) < 3 || rest[:2] != "::" || !isLetter(rest[2]) {
			return
		}
		l.pos += 2
	}
}

func (l *lexer) number() (token, error) {
	start := l.pos
	l.digits()
	if l.pos+1 < len(l.src) && l.src[l.pos] == '.' && isDigit(l.src[l.pos+1]) {
		l.pos++
		l.digits()
	}
	if l.pos < len(l.src) && (l.src[l.pos] == 'e' || l.src[l.pos] == 'E') {
		l.pos++
		if l.pos < len(l.src) && (l.src[l.pos] == '+' || l.src[l.pos] == '-') {
			l.pos++
		}
		l.digits()
	}
	if l.pos < len(l.src) && isLetter(l.src[l.pos]) {
		return token{}, errorf(l.pos, "a number is followed by a letter; put text into quotes")
	}
	v, ok := parseNumber(l.src[start:l.pos])
	if !ok {
		return token{}, errorf(start, "the number is malformed or out of range; write it as 12, 1.5 or 1e3")
	}
	return token{kind: tokenNumber, text: l.src[start:l.pos], num: v, pos: start, end: l.pos}, nil
}

func (l *lexer) digits() {
	for l.pos < len(l.src) && isDigit(l.src[l.pos]) {
		l.pos++
	}
}

// string reads a quoted string and resolves its escapes.
func (l *lexer) string(quote byte) (token, error) {
	start := l.pos
	l.pos++
	var b strings.Builder
	for l.pos < len(l.src) {
		c := l.src[l.pos]
		switch {
		case c == quote:
			l.pos++
			return token{kind: tokenString, text: b.String(), pos: start, end: l.pos}, nil
		case c == '\\':
			if err := l.escape(&b); err != nil {
				return token{}, err
			}
			continue
		case c == '$' && strings.HasPrefix(l.src[l.pos:], "$("):
			return token{}, errorf(l.pos, "string interpolation $(…) is not part of the subset; join with ++, or write \\$ for the character")
		}
		b.WriteByte(c)
		l.pos++
	}
	return token{}, errorf(start, "the string is not closed; add %c", quote)
}

// escape reads one escape sequence.
func (l *lexer) escape(b *strings.Builder) error {
	at := l.pos
	l.pos++
	if l.pos == len(l.src) {
		return errorf(at, `an escape ends too early; write \\ for one backslash`)
	}
	c := l.src[l.pos]
	l.pos++
	if strings.IndexByte("\\'\"$/`", c) >= 0 {
		b.WriteByte(c)
		return nil
	}
	if i := strings.IndexByte("nrtbf", c); i >= 0 {
		b.WriteByte("\n\r\t\b\f"[i])
		return nil
	}
	if c != 'u' {
		return errorf(at, `unknown escape; DataWeave has \\ \' \" \$ \n \r \t \b \f and \uXXXX`)
	}
	r, ok := l.hex4()
	if ok && utf16.IsSurrogate(r) {
		var low rune
		if !strings.HasPrefix(l.src[l.pos:], `\u`) {
			return errorf(at, "half of a surrogate pair; write both \\uXXXX")
		}
		l.pos += 2
		if low, ok = l.hex4(); ok {
			if r = utf16.DecodeRune(r, low); r == utf8.RuneError {
				return errorf(at, "half of a surrogate pair; write both \\uXXXX")
			}
		}
	}
	if !ok {
		return errorf(at, `\u needs four hexadecimal digits`)
	}
	b.WriteRune(r)
	return nil
}

func (l *lexer) hex4() (rune, bool) {
	if len(l.src)-l.pos < 4 {
		return 0, false
	}
	n, err := strconv.ParseUint(l.src[l.pos:l.pos+4], 16, 16)
	if err != nil {
		return 0, false
	}
	l.pos += 4
	return rune(n), true
}

func isLetter(c byte) bool {
	return c == '_' || 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z'
}

func isDigit(c byte) bool { return '0' <= c && c <= '9' }
