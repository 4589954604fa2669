package syntax

import (
	"strconv"
	"unicode/utf8"
)

// operator reads an operator or a mark.
func (l *lexer) operator(c byte) {
	next := l.at(1)
	switch c {
	case '-':
		switch {
		case next == '-' && l.at(2) == '-':
			n := 3
			for l.at(n) == '-' {
				n++
			}
			l.format = false
			l.symbol(tSeparator, n)
		case next == '-':
			l.symbol(tRemove, 2)
		case next == '>':
			l.symbol(tArrow, 2)
		case next == '}':
			l.ends(tCloseOrdered, 2)
		default:
			l.symbol(tMinus, 1)
		}
	case '+':
		l.two(next, '+', tConcat, tPlus)
	case '*':
		l.symbol(tStar, 1)
	case '=':
		l.two(next, '=', tEqual, tAssign)
	case '!':
		if next == '=' {
			l.symbol(tNotEqual, 2)
			return
		}
		l.keeps(tBang)
	case '~':
		l.two(next, '=', tSimilar, tTilde)
	case '<':
		l.less(next)
	case '>':
		if next == '>' {
			l.symbol(tShiftRight, 2)
			return
		}
		l.two(next, '=', tGreaterEqual, tGreater)
	case '.':
		l.two(next, '.', tDots, tDot)
	default:
		l.mark(c)
	}
}

func (l *lexer) less(next byte) {
	switch next {
	case '<':
		l.symbol(tShiftLeft, 2)
	case '=':
		l.symbol(tLessEqual, 2)
	case '~':
		l.symbol(tMeta, 2)
	case ':':
		l.symbol(tBound, 2)
	default:
		l.symbol(tLess, 1)
	}
}

func (l *lexer) two(next, want byte, two, one kind) {
	if next == want {
		l.symbol(two, 2)
	} else {
		l.symbol(one, 1)
	}
}

// keeps emits a mark behind an operand that belongs to it.
func (l *lexer) keeps(k kind) {
	operand := l.operand
	l.symbol(k, 1)
	l.operand = operand
}

func (l *lexer) mark(c byte) {
	switch c {
	case ',':
		l.symbol(tComma, 1)
	case ':':
		l.symbol(tColon, 1)
	case ';':
		l.symbol(tSemicolon, 1)
	case '?':
		l.keeps(tQuestion)
	case '@':
		l.symbol(tAt, 1)
	case '#':
		l.ends(tHash, 1)
	case '^':
		l.ends(tCaret, 1)
	case '&':
		l.symbol(tAmpersand, 1)
	case '%':
		l.symbol(tPercent, 1)
	default:
		_, n := utf8.DecodeRuneInString(l.src[l.pos:])
		l.problem(l.pos, l.pos+n, "the character "+strconv.QuoteToGraphic(l.src[l.pos:l.pos+n])+" means nothing here")
		l.symbol(tWrong, n)
	}
}

// textPiece reads a piece of a text up to its end or an expression in it.
func (l *lexer) textPiece() {
	t := &l.texts[len(l.texts)-1]
	start := l.pos
	for l.pos < len(l.src) {
		switch c := l.src[l.pos]; {
		case c == '\\':
			l.pos++
			if l.pos < len(l.src) && l.src[l.pos] != '\n' {
				l.pos++
			}
		case c == t.quote:
			l.piece(start)
			l.endText(1)
			return
		case c == '\n' && l.byLine:
			l.piece(start)
			l.closeTexts()
			return
		case c == '$' && l.insertion(start):
			return
		default:
			l.pos++
		}
	}
	l.piece(start)
}

func (l *lexer) piece(start int) {
	if l.pos > start {
		l.emit(tText, start, l.pos)
	}
}

// insertion reads $(, $name or $$ in a text, if one stands here.
func (l *lexer) insertion(start int) bool {
	switch next := l.at(1); {
	case next == '(':
		l.piece(start)
		t := &l.texts[len(l.texts)-1]
		t.insert, t.depth = len(l.toks), 0
		l.symbol(tInsert, 2)
		l.inText = false
	case next == '$':
		l.piece(start)
		n := 2
		for n < 8 && l.at(n) == '$' {
			n++
		}
		l.symbol(tVariable, n)
	case nameStart(next) && next < utf8.RuneSelf:
		end := l.identifier(l.pos + 1)
		if w := wordOf(l.src[l.pos+1 : end]); w >= wIf && w < wVar {
			return false // an operator or a keyword is no variable
		}
		l.piece(start)
		l.symbol(tVariable, end-l.pos)
	default:
		return false
	}
	return true
}

// endText ends the innermost text with n bytes of quote.
func (l *lexer) endText(n int) {
	t := l.texts[len(l.texts)-1]
	l.texts = l.texts[:len(l.texts)-1]
	l.toks[t.first].pair = int32(len(l.toks)) //nolint:gosec // MaxBytes fits
	l.ends(tUnquote, n)
	l.toks[len(l.toks)-1].pair = int32(t.first) //nolint:gosec // MaxBytes fits
	l.inText = false
}

// closeTexts ends all texts that are open, as if their quotes stood here.
func (l *lexer) closeTexts() {
	for len(l.texts) > 0 {
		t := l.texts[len(l.texts)-1]
		if !l.inText {
			l.inserted(0)
		}
		l.problem(t.pos, t.pos+1, "the text is not closed; expected "+string(t.quote))
		l.endText(0)
	}
}

// unclosed handles a script that ends inside a text: it is read once more from the
// beginning of the text on, which now ends at the end of its line.
func (l *lexer) unclosed() {
	if l.byLine {
		l.closeTexts()
		return
	}
	t := l.texts[0]
	l.byLine = true
	l.pos = t.pos
	l.newline = l.toks[t.first].newline
	l.toks = l.toks[:t.first]
	l.problems = l.problems[:t.problems]
	l.texts, l.inText = l.texts[:0], false
}

// pairs finds what closes each bracket. A bracket that nothing closes has no pair;
// neither "---" nor a declaration at the beginning of a line stands inside one that
// is no do { }.
func pairs(toks []token) {
	var open []int32
	var count bracketCount
	var outer []bracketCount
	drop := func() int32 {
		last := open[len(open)-1]
		if k := toks[last].kind; k.opens() && k != tQuote && k != tInsert {
			count[k]--
		}
		open = open[:len(open)-1]
		return last
	}
	for i := range toks {
		k := toks[i].kind
		switch {
		case k == tInsert:
			// An expression in a text is a world of its own: what is open ends in it.
			outer = append(outer, count)
			count = bracketCount{}
			open = append(open, int32(i)) //nolint:gosec // MaxBytes fits
		case k == tInserted:
			for drop() != toks[i].pair {
			}
			count = outer[len(outer)-1]
			outer = outer[:len(outer)-1]
		case k == tQuote || k == tUnquote:
		case k.opens():
			open = append(open, int32(i)) //nolint:gosec // MaxBytes fits
			count[k]++
		case k.closes():
			if count[k-1] == 0 {
				continue
			}
			at := drop()
			for toks[at].kind != k-1 {
				at = drop()
			}
			toks[i].pair = at
			toks[at].pair = int32(i) //nolint:gosec // MaxBytes fits
		case k == tSeparator || toks[i].newline && declares(toks, i):
			for len(open) > 0 && !block(toks, open[len(open)-1]) && toks[open[len(open)-1]].kind != tInsert {
				drop()
			}
		}
	}
}

// bracketCount is how many brackets of each kind are open.
type bracketCount [tCloseOrdered + 1]int32

// block says whether a bracket is that of do { }.
func block(toks []token, i int32) bool {
	return toks[i].kind == tOpenBrace && i > 0 && toks[i-1].word == wDo
}

// declares says whether var or fun and a name stand at a token.
func declares(toks []token, i int) bool {
	if toks[i].kind == tPercent {
		return true
	}
	if w := toks[i].word; w != wVar && w != wFun || i+2 >= len(toks) || toks[i+1].kind != tName {
		return false
	}
	switch toks[i+2].kind {
	case tAssign, tColon:
		return toks[i].word == wVar
	case tOpen, tLess:
		return toks[i].word == wFun
	default:
		return false
	}
}
