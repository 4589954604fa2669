package syntax

import (
	"strings"
	"unicode"
	"unicode/utf8"
)

// lexer takes a script apart into tokens. What a "/" or "|" begins depends on
// whether an operand has just ended, which it keeps track of.
type lexer struct {
	src      string
	pos      int
	toks     []token
	problems []Problem

	// operand says that the token before ends an operand, so that an operator
	// follows; newline that a line has ended since.
	operand, newline bool
	// conditions says of each parenthesis that is open whether it is that of "if", so
	// that an operand stands behind it.
	conditions []bool
	// format says that a directive input or output waits for its media type.
	format bool
	// texts are the texts around the present place, inText that it is a piece of the
	// innermost one and not of an expression in it.
	texts  []text
	inText bool
	// byLine says that a text ends at the end of its line at the latest: some text
	// before was not closed at all.
	byLine bool
}

// text is a text that has begun.
type text struct {
	quote byte
	// first is the token that begins it, insert that of the expression in it.
	first, insert int
	// depth counts the parentheses that are open in that expression.
	depth int
	// pos is where it begins.
	pos, problems int
}

func (l *lexer) run() {
	l.toks = make([]token, 0, len(l.src)/4+8)
	l.newline = true
	for {
		for l.pos < len(l.src) {
			if l.inText {
				l.textPiece()
			} else {
				l.token()
			}
		}
		if len(l.texts) == 0 {
			break
		}
		l.unclosed()
	}
	l.emit(tEnd, len(l.src), len(l.src))
	pairs(l.toks)
}

func (l *lexer) emit(k kind, start, end int) {
	l.toks = append(l.toks, token{kind: k, newline: l.newline, start: int32(start), end: int32(end), pair: -1}) //nolint:gosec // MaxBytes fits
	l.newline = false
}

func (l *lexer) problem(start, end int, message string) {
	if len(l.problems) < maxProblems {
		l.problems = append(l.problems, Problem{Span{start, end}, message})
	}
}

// symbol emits a token of n bytes behind which an operand is expected.
func (l *lexer) symbol(k kind, n int) {
	l.emit(k, l.pos, l.pos+n)
	l.pos += n
	l.operand = false
}

// ends emits a token of n bytes that ends an operand.
func (l *lexer) ends(k kind, n int) {
	l.symbol(k, n)
	l.operand = true
}

func (l *lexer) at(i int) byte {
	if l.pos+i < len(l.src) {
		return l.src[l.pos+i]
	}
	return 0
}

func nameStart(c byte) bool {
	return c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c == '_' || c >= 0x80
}

// letter says whether a letter that is not of ASCII stands here.
func (l *lexer) letter() bool {
	r, _ := utf8.DecodeRuneInString(l.src[l.pos:])
	return unicode.IsLetter(r)
}

func digit(c byte) bool { return c >= '0' && c <= '9' }

func nameByte(c byte) bool { return nameStart(c) || digit(c) }

// token reads one token, or passes over white space or a comment.
func (l *lexer) token() {
	c := l.src[l.pos]
	switch {
	case c == ' ' || c == '\t' || c == '\r':
		l.pos++
	case c == '\n':
		l.pos++
		l.newline, l.format = true, false
		if l.byLine && len(l.texts) > 0 {
			l.closeTexts()
		}
	case c == 0xC2 && l.at(1) == 0xA0:
		l.pos += 2
	case c == 0xEF && l.at(1) == 0xBB && l.at(2) == 0xBF:
		l.pos += 3
	case nameStart(c) && (c < utf8.RuneSelf || l.letter()):
		l.name()
	case digit(c):
		l.number()
	case c == '"' || c == '\'' || c == '`':
		l.texts = append(l.texts, text{quote: c, first: len(l.toks), pos: l.pos, problems: len(l.problems)})
		l.symbol(tQuote, 1)
		l.inText = true
	case c == '$':
		n := 1
		for n < 8 && l.at(n) == '$' {
			n++
		}
		l.ends(tName, n)
	default:
		l.bracket(c)
	}
}

func (l *lexer) bracket(c byte) {
	switch c {
	case '(':
		if n := len(l.texts); n > 0 {
			l.texts[n-1].depth++
		}
		n := len(l.toks)
		w := wNone
		if n > 0 {
			w = l.toks[n-1].word
		}
		l.conditions = append(l.conditions, w == wIf || w == wUnless || w == wUsing)
		l.symbol(tOpen, 1)
	case ')':
		if n := len(l.texts); n > 0 {
			if l.texts[n-1].depth == 0 {
				l.inserted(1)
				return
			}
			l.texts[n-1].depth--
		}
		l.ends(tClose, 1)
		if n := len(l.conditions); n > 0 {
			l.operand = !l.conditions[n-1]
			l.conditions = l.conditions[:n-1]
		}
	case '[':
		l.symbol(tOpenBracket, 1)
	case ']':
		l.ends(tCloseBracket, 1)
	case '{':
		switch block := len(l.toks) > 0 && l.toks[len(l.toks)-1].word == wDo; {
		case l.at(1) == '|' && !block:
			l.symbol(tOpenClosed, 2)
		case l.at(1) == '-' && !digit(l.at(2)) && !block:
			l.symbol(tOpenOrdered, 2)
		default:
			l.symbol(tOpenBrace, 1)
		}
	case '}':
		l.ends(tCloseBrace, 1)
	case '/':
		l.slash()
	case '|':
		l.bar()
	default:
		l.operator(c)
	}
}

// inserted ends the expression in a text.
func (l *lexer) inserted(n int) {
	t := &l.texts[len(l.texts)-1]
	l.toks[t.insert].pair = int32(len(l.toks)) //nolint:gosec // MaxBytes fits
	l.emit(tInserted, l.pos, l.pos+n)
	l.toks[len(l.toks)-1].pair = int32(t.insert) //nolint:gosec // MaxBytes fits
	l.pos += n
	l.inText = true
}

// slash reads a comment, a regular expression or a division.
func (l *lexer) slash() {
	switch l.at(1) {
	case '/':
		n := strings.IndexByte(l.src[l.pos:], '\n')
		if n < 0 {
			n = len(l.src) - l.pos
		}
		l.pos += n
		return
	case '*':
		n := strings.Index(l.src[l.pos+2:], "*/")
		if n < 0 {
			l.problem(l.pos, l.pos+2, "the comment is not closed; expected */")
			l.pos = len(l.src)
			return
		}
		l.newline = l.newline || strings.IndexByte(l.src[l.pos:l.pos+n+2], '\n') >= 0
		l.pos += n + 4
		return
	}
	if l.operand {
		l.symbol(tSlash, 1)
		return
	}
	for n := 1; ; n++ {
		switch l.at(n) {
		case '\\':
			n++
		case '/':
			l.ends(tRegex, n+1)
			return
		case 0, '\n':
			l.problem(l.pos, l.pos+1, "the regular expression is not closed; expected / before the end of the line")
			l.symbol(tSlash, 1)
			return
		}
	}
}

// bar reads a temporal value, or the | of types.
func (l *lexer) bar() {
	if l.at(1) == '}' {
		l.ends(tCloseClosed, 2)
		return
	}
	if !l.operand {
		some := false
		for n := 1; n < 80; n++ {
			c := l.at(n)
			if c == '|' && some {
				l.ends(tTemporal, n+1)
				return
			}
			// The types in Array<A> | B | C are none.
			if c <= ' ' || c == '|' || c == ',' {
				break
			}
			some = some || digit(c) || c == 'Z'
		}
	}
	l.symbol(tBar, 1)
}

func (l *lexer) number() {
	n := 1
	for digit(l.at(n)) {
		n++
	}
	if l.at(n) == '.' && digit(l.at(n+1)) {
		for n++; digit(l.at(n)); n++ {
		}
	}
	if c := l.at(n); c == 'e' || c == 'E' {
		e := n + 1
		if c := l.at(e); c == '+' || c == '-' {
			e++
		}
		if digit(l.at(e)) {
			for n = e; digit(l.at(n)); n++ {
			}
		}
	}
	l.ends(tNumber, n)
}

// name reads a name with its path, as a::b, and java!a::b.
func (l *lexer) name() {
	start := l.pos
	i := l.identifier(start)
	if l.src[start:i] == "java" && i+1 < len(l.src) && l.src[i] == '!' && nameStart(l.src[i+1]) {
		i = l.identifier(i + 1)
	}
	simple := true
	for i+2 < len(l.src) && l.src[i] == ':' && l.src[i+1] == ':' && nameStart(l.src[i+2]) {
		i = l.identifier(i + 2)
		simple = false
	}
	if l.format && simple && i < len(l.src) && l.src[i] == '/' {
		l.media(start, i)
		return
	}
	var w word
	selected := l.selected()
	if simple && !selected {
		w = wordOf(l.src[start:i])
	}
	l.emit(tName, start, i)
	l.toks[len(l.toks)-1].word = w
	l.pos = i
	switch {
	case selected || w == wTrue || w == wFalse || w == wNull:
		l.operand = true
	case w != wNone && w < wVar && w != wUpdate && w != wAt:
		l.operand = false
	case w == wInput || w == wOutput:
		l.operand, l.format = true, true
	case w == wNs:
		l.operand = true
		l.namespace()
	default:
		l.operand = !l.operand
	}
}

func (l *lexer) identifier(i int) int {
	for i < len(l.src) && nameByte(l.src[i]) {
		i++
	}
	return i
}

// selected says whether a name here is that of a selector.
func (l *lexer) selected() bool {
	n := len(l.toks)
	if n == 0 {
		return false
	}
	switch l.toks[n-1].kind {
	case tDot:
		return true
	case tDots, tAt, tHash, tCaret, tAmpersand:
		// These may also end a selector, or stand between types.
		return int(l.toks[n-1].end) == l.pos
	case tStar:
		return n > 1 && (l.toks[n-2].kind == tDot || l.toks[n-2].kind == tDots)
	default:
		return false
	}
}

// media reads a media type whose first part is read.
func (l *lexer) media(start, i int) {
	for i < len(l.src) && strings.IndexByte(" \t\r\n,;", l.src[i]) < 0 {
		i++
	}
	l.emit(tRaw, start, i)
	l.pos, l.format, l.operand = i, false, true
}

// namespace reads the prefix and the URI behind ns, if there are such.
func (l *lexer) namespace() {
	i := l.blanks(l.pos)
	end := l.identifier(i)
	uri := l.blanks(end)
	if i == l.pos || end == i || !nameStart(l.src[i]) || uri == end || uri == len(l.src) || !nameStart(l.src[uri]) {
		return
	}
	stop := uri
	for stop < len(l.src) && strings.IndexByte(" \t\r\n", l.src[stop]) < 0 {
		stop++
	}
	if !strings.Contains(l.src[uri:stop], ":") {
		return
	}
	l.emit(tName, i, end)
	l.emit(tRaw, uri, stop)
	l.pos, l.operand = stop, true
}

func (l *lexer) blanks(i int) int {
	for i < len(l.src) && (l.src[i] == ' ' || l.src[i] == '\t') {
		i++
	}
	return i
}
