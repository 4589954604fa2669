package selector

import "strings"

type tokenKind uint8

const (
	end tokenKind = iota
	word
	literal
	digits
	operator
)

type token struct {
	kind tokenKind
	text string
	at   int
	// call says that a parenthesis follows directly.
	call bool
}

// maxBytes is the length that a selector may have.
const maxBytes = 8 << 10

// lexer takes a selector apart. A word is a name with its prefix, as "db:select",
// "*:select" or "db:*".
type lexer struct {
	text string
	pos  int
}

func (l *lexer) fail(at int, problem string) error { return &Error{at, problem} }

func (l *lexer) token() (token, error) {
	for l.pos < len(l.text) && strings.IndexByte(" \t\r\n", l.text[l.pos]) >= 0 {
		l.pos++
	}
	at := l.pos
	if at == len(l.text) {
		return token{kind: end, at: at}, nil
	}
	b := l.text[at]
	switch {
	case b == '\'' || b == '"':
		n := strings.IndexByte(l.text[at+1:], b)
		if n < 0 {
			return token{}, l.fail(at, "the text that begins here has no end")
		}
		l.pos = at + n + 2
		return token{kind: literal, text: l.text[at+1 : at+1+n], at: at}, nil
	case b >= '0' && b <= '9':
		for l.pos < len(l.text) && (l.text[l.pos] >= '0' && l.text[l.pos] <= '9' || l.text[l.pos] == '.') {
			l.pos++
		}
		return token{kind: digits, text: l.text[at:l.pos], at: at}, nil
	case nameByte(b, true) || b == '*':
		l.word()
		t := token{kind: word, text: l.text[at:l.pos], at: at}
		t.call = l.pos < len(l.text) && l.text[l.pos] == '('
		return t, nil
	}
	for _, op := range []string{"//", "..", "::", "!=", "<=", ">=", "/", ".", "@", "[", "]", "(", ")", ",", "=", "<", ">", "|"} {
		if strings.HasPrefix(l.text[at:], op) {
			l.pos += len(op)
			return token{kind: operator, text: op, at: at}, nil
		}
	}
	return token{}, l.fail(at, "this character has no meaning here")
}

// word goes behind a name with its prefix; the "::" of an axis is no part of it.
func (l *lexer) word() {
	l.name()
	if l.pos+1 < len(l.text) && l.text[l.pos] == ':' && (nameByte(l.text[l.pos+1], true) || l.text[l.pos+1] == '*') {
		l.pos++
		l.name()
	}
}

func (l *lexer) name() {
	if l.text[l.pos] == '*' {
		l.pos++
		return
	}
	for l.pos < len(l.text) && nameByte(l.text[l.pos], false) {
		l.pos++
	}
}
