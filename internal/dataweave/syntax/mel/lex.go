package mel

import (
	"strings"
	"unicode/utf8"
)

type kind uint8

const (
	tEnd kind = iota
	tName
	tNumber
	tString
	tSymbol
)

type token struct {
	kind kind
	// text is as written; that of a String without its quotes.
	text       string
	start, end int
}

func letter(c byte) bool {
	return c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c == '_' || c == '$' || c >= 0x80
}

func digit(c byte) bool { return c >= '0' && c <= '9' }

// symbols are the operators and marks of more than one byte, the longest first.
const symbols = "&& || == != <= >= ~= ++ -- += -= << >> .?"

// next reads the next token.
func (p *parser) next() {
	p.last = p.tok.end
	p.blanks()
	start := p.pos
	if start >= len(p.src) {
		p.tok = token{kind: tEnd, start: len(p.src), end: len(p.src)}
		return
	}
	switch c := p.src[start]; {
	case letter(c):
		for p.pos < len(p.src) && (letter(p.src[p.pos]) || digit(p.src[p.pos])) {
			p.pos++
		}
		p.set(tName, start)
	case digit(c):
		p.number()
		p.set(tNumber, start)
	case c == '"' || c == '\'':
		p.text(c)
	default:
		p.pos++
		if p.pos < len(p.src) && strings.Contains(symbols, p.src[start:p.pos+1]) && p.src[p.pos] != ' ' && c != ' ' {
			p.pos++
		} else if c >= 0x80 {
			_, n := utf8.DecodeRuneInString(p.src[start:])
			p.pos = start + n
		}
		p.set(tSymbol, start)
	}
}

func (p *parser) set(k kind, start int) {
	p.tok = token{kind: k, text: p.src[start:p.pos], start: start, end: p.pos}
}

func (p *parser) number() {
	for p.pos < len(p.src) && (digit(p.src[p.pos]) || p.src[p.pos] == '.' && p.pos+1 < len(p.src) && digit(p.src[p.pos+1])) {
		p.pos++
	}
	if p.pos < len(p.src) && strings.IndexByte("lLfFdDBI", p.src[p.pos]) >= 0 {
		p.pos++
	}
}

// blanks passes over white space and comments.
func (p *parser) blanks() {
	for p.pos < len(p.src) {
		rest := p.src[p.pos:]
		switch {
		case strings.IndexByte(" \t\r\n", rest[0]) >= 0:
			p.pos++
		case strings.HasPrefix(rest, "\u00a0"):
			p.pos += 2
		case strings.HasPrefix(rest, "//"):
			n := strings.IndexByte(rest, '\n')
			if n < 0 {
				n = len(rest)
			}
			p.pos += n
		case strings.HasPrefix(rest, "/*"):
			n := strings.Index(rest[2:], "*/")
			if n < 0 {
				p.tell(p.pos, p.pos+2, "the comment is not closed; expected */")
				p.pos = len(p.src)
				return
			}
			p.pos += n + 4
		default:
			return
		}
	}
}

// text reads a text; one that is not closed ends at the end.
func (p *parser) text(quote byte) {
	start := p.pos
	for p.pos++; p.pos < len(p.src); p.pos++ {
		switch p.src[p.pos] {
		case '\\':
			p.pos++
		case quote:
			p.pos++
			p.tok = token{kind: tString, text: p.src[start+1 : p.pos-1], start: start, end: p.pos}
			return
		}
	}
	p.pos = len(p.src)
	p.tell(start, start+1, "the text is not closed; expected "+string(quote))
	p.tok = token{kind: tString, text: p.src[start+1:], start: start, end: p.pos}
}

// unescape decodes the escapes of a text.
func unescape(s string) string {
	if strings.IndexByte(s, '\\') < 0 {
		return s
	}
	var b strings.Builder
	for i := 0; i < len(s); i++ {
		if s[i] != '\\' || i+1 == len(s) {
			b.WriteByte(s[i])
			continue
		}
		i++
		switch s[i] {
		case 'n':
			b.WriteByte('\n')
		case 't':
			b.WriteByte('\t')
		case 'r':
			b.WriteByte('\r')
		case 'u':
			r, ok := hex4(s[i+1:])
			if !ok {
				b.WriteString(`\u`)
				continue
			}
			b.WriteRune(r)
			i += 4
		default:
			b.WriteByte(s[i])
		}
	}
	return b.String()
}
