package decode

import (
	"strings"
	"unicode/utf8"
)

// tokenKind is the kind of a token of GraphQL.
type tokenKind uint8

const (
	endToken tokenKind = iota
	punctuatorToken
	nameToken
	numberToken
	stringToken
	blockToken
)

// graphqlLexer cuts a document into tokens (October 2021, section 2.1).
type graphqlLexer struct {
	source string
	pos    int
	kind   tokenKind
	// text is the token: of a string, what stands between the quotes.
	text     string
	comments []string
	left     int  // tokens that may still come
	capped   bool // there were more
	failed   bool
}

// maxComments bounds the comments of a document that are kept.
const maxComments = 64

func (l *graphqlLexer) start(source string, most int) {
	l.source, l.left = source, most
	l.next()
}

// next reads a token.
func (l *graphqlLexer) next() {
	l.kind, l.text = endToken, ""
	if l.failed {
		return
	}
	l.blanks()
	if l.pos == len(l.source) {
		return
	}
	if l.left--; l.left < 0 {
		l.capped, l.failed = true, true
		return
	}
	rest := l.source[l.pos:]
	switch c := rest[0]; {
	case c == '"':
		l.quoted(rest)
	case nameByte(c) && (c < '0' || c > '9'):
		l.kind = nameToken
		l.token(len(rest) - len(strings.TrimLeft(rest, nameBytes)))
	case c == '-' || '0' <= c && c <= '9':
		l.kind = numberToken
		l.token(len(rest) - len(strings.TrimLeft(rest, "+-.eE0123456789")))
	case strings.HasPrefix(rest, "..."):
		l.kind = punctuatorToken
		l.token(3)
	case strings.IndexByte("!$&():=@[]{|}", c) >= 0:
		l.kind = punctuatorToken
		l.token(1)
	default:
		l.failed = true
	}
}

const nameBytes = "_abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"

func nameByte(c byte) bool {
	return c == '_' || 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9'
}

func (l *graphqlLexer) token(n int) {
	l.text = l.source[l.pos : l.pos+n]
	l.pos += n
}

// blanks passes over what separates tokens; comments are kept.
func (l *graphqlLexer) blanks() {
	for l.pos < len(l.source) {
		switch c := l.source[l.pos]; {
		case c == ' ' || c == '\t' || c == '\r' || c == '\n' || c == ',':
			l.pos++
		case c == '#':
			end := strings.IndexAny(l.source[l.pos:], "\r\n")
			if end < 0 {
				end = len(l.source) - l.pos
			}
			if len(l.comments) < maxComments {
				l.comments = append(l.comments, l.source[l.pos+1:l.pos+end])
			}
			l.pos += end
		case strings.HasPrefix(l.source[l.pos:], "\ufeff"):
			l.pos += 3
		default:
			return
		}
	}
}

// quoted reads a string or a block string.
func (l *graphqlLexer) quoted(rest string) {
	if strings.HasPrefix(rest, `"""`) {
		for from := 3; ; {
			end := strings.Index(rest[from:], `"""`)
			if end < 0 {
				l.failed = true
				return
			}
			if end += from; rest[end-1] == '\\' {
				from = end + 3
				continue
			}
			l.kind, l.text = blockToken, rest[3:end]
			l.pos += end + 3
			return
		}
	}
	for i := 1; i < len(rest); i++ {
		switch rest[i] {
		case '\\':
			i++
		case '\n', '\r':
			l.failed = true
			return
		case '"':
			l.kind, l.text = stringToken, rest[1:i]
			l.pos += i + 1
			return
		}
	}
	l.failed = true
}

func (l *graphqlLexer) is(text string) bool { return l.kind == punctuatorToken && l.text == text }

// accept reads a punctuator when it comes next.
func (l *graphqlLexer) accept(text string) bool {
	if !l.is(text) {
		return false
	}
	l.next()
	return true
}

func (l *graphqlLexer) want(text string) {
	if !l.accept(text) {
		l.failed = true
	}
}

func (l *graphqlLexer) name() string {
	if l.kind != nameToken {
		l.failed = true
		return ""
	}
	name := l.text
	l.next()
	return name
}

// graphQLString undoes the escapes of a string. An escape that is none stays.
func (t *Tree) graphQLString(s string, block bool) string {
	if strings.IndexByte(s, '\\') < 0 || !t.spend(len(s)) {
		return s
	}
	b := t.arena.room(len(s) + utf8.UTFMax)
	for i := 0; i < len(s); {
		switch {
		case block && strings.HasPrefix(s[i:], `\"""`):
			b = append(b, `"""`...)
			i += 4
		case block || s[i] != '\\' || i+1 == len(s):
			b = append(b, s[i])
			i++
		default:
			r, n := graphQLEscape(s[i:])
			b = utf8.AppendRune(b, r)
			i += n
		}
	}
	return t.arena.keep(b)
}

// graphQLEscape reads the escape that s begins with, \uXXXX and \u{X} among them.
func graphQLEscape(s string) (rune, int) {
	if k := strings.IndexByte(`"\/bfnrt`, s[1]); k >= 0 {
		return rune("\"\\/\b\f\n\r\t"[k]), 2
	}
	if s[1] != 'u' {
		return '\\', 1
	}
	digits, n := "", 6
	if strings.HasPrefix(s, `\u{`) {
		digits, _, _ = strings.Cut(s[3:min(len(s), 12)], "}")
		n = 4 + len(digits)
	} else if len(s) >= 6 {
		digits = s[2:6]
	}
	var r rune
	for _, c := range []byte(digits) {
		d := strings.IndexByte("0123456789abcdef", c|0x20)
		if d < 0 || r > utf8.MaxRune {
			return '\\', 1
		}
		r = r<<4 | rune(d)
	}
	if digits == "" || n > len(s) {
		return '\\', 1
	}
	return r, n
}
