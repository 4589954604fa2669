package syntax

import (
	"cmp"
	"slices"
	"strconv"
	"strings"
)

// maxProblems is how many problems of a script are told.
const maxProblems = 1000

// parser reads the tokens of a script. No function of it goes back: where the
// grammar needs to know what follows, it looks behind the bracket that closes, or
// some bounded number of tokens ahead.
type parser struct {
	src      string
	toks     []token
	i        int
	version  Version
	depth    int
	problems []Problem
	// told is the token of the last problem, so that one mistake is told once.
	told int
	// guard says that "->" ends the expression, since it is the condition of a case.
	guard bool
	// arrow is the token up to which "->" belongs to a type; 0 for no bound.
	arrow int
}

func parse(text string, v Version) *Script {
	whole := len(text)
	if whole > MaxBytes {
		text = text[:MaxBytes]
	}
	l := lexer{src: text}
	l.run()
	p := &parser{src: text, toks: l.toks, version: v, told: -1}
	if v == 0 {
		p.version = Two
	}
	if p.versionOne() {
		p.version = One
	}
	s := p.script()
	s.Version = p.version
	if whole > MaxBytes {
		p.problems = append(p.problems, Problem{Span{MaxBytes, whole}, "the script is longer than " + strconv.Itoa(MaxBytes) + " bytes; the rest is not read"})
	}
	s.Problems = append(l.problems, p.problems...)
	if len(s.Problems) > 0 {
		s.Nest()
	}
	slices.SortStableFunc(s.Problems, func(a, b Problem) int { return cmp.Compare(a.Start, b.Start) })
	return s
}

// versionOne says whether the script begins with %dw 1.
func (p *parser) versionOne() bool {
	return len(p.toks) > 3 && p.toks[0].kind == tPercent && p.text(1) == "dw" && strings.HasPrefix(p.text(2), "1")
}

func (p *parser) kind() kind { return p.toks[p.i].kind }

func (p *parser) word() word { return p.toks[p.i].word }

// peek is the token n places on.
func (p *parser) peek(n int) *token { return &p.toks[min(p.i+n, len(p.toks)-1)] }

// text is that of token i.
func (p *parser) text(i int) string {
	i = min(i, len(p.toks)-1)
	return p.src[p.toks[i].start:p.toks[i].end]
}

func (p *parser) next() {
	if p.i < len(p.toks)-1 {
		p.i++
	}
}

// start is where the present token begins, end where the last one ended.
func (p *parser) start() int { return int(p.toks[p.i].start) }

func (p *parser) end() int {
	if p.i == 0 {
		return 0
	}
	return int(p.toks[p.i-1].end)
}

// since is the span from a start to the end of the last token. Where nothing was
// read it is empty, behind the last token.
func (p *parser) since(start int) Span {
	end := p.end()
	return Span{min(start, end), end}
}

// missing stands for what should stand behind the last token.
func (p *parser) missing() *Bad { return &Bad{Span: Span{p.end(), p.end()}} }

func (p *parser) accept(k kind) bool {
	if p.kind() != k {
		return false
	}
	p.next()
	return true
}

func (p *parser) acceptWord(w word) bool {
	if p.word() != w {
		return false
	}
	p.next()
	return true
}

// tell adds a problem at the present token, once.
func (p *parser) tell(message string) {
	if p.told == p.i {
		return
	}
	p.told = p.i
	t := p.toks[p.i]
	p.problem(int(t.start), int(t.end), message)
}

func (p *parser) problem(start, end int, message string) {
	if len(p.problems) < maxProblems {
		p.problems = append(p.problems, Problem{Span{start, end}, message})
	}
}

// unexpected tells what stands here and what was expected.
func (p *parser) unexpected(want string) { p.tell("unexpected " + p.what() + "; expected " + want) }

// what names the present token for people.
func (p *parser) what() string {
	switch p.kind() {
	case tEnd:
		return "end of the script"
	case tQuote, tText:
		return "text"
	default:
	}
	s := p.text(p.i)
	if s == "" {
		return "end of the line"
	}
	if len(s) > 40 {
		s = s[:40] + "…"
	}
	return strconv.Quote(s)
}

// enter counts a level of nesting; false says that there are too many.
func (p *parser) enter() bool {
	p.depth++
	if p.depth <= MaxDepth {
		return true
	}
	p.tell("the script is nested deeper than " + strconv.Itoa(MaxDepth) + " levels")
	return false
}

// skip passes over tokens up to one that ends an element of a list, and the brackets
// among them.
func (p *parser) skip(end int) {
	for p.i < end && p.i < len(p.toks)-1 {
		t := p.toks[p.i]
		switch {
		case t.kind == tComma || t.kind == tSeparator:
			return
		case t.kind.opens() && t.pair > int32(p.i): //nolint:gosec // MaxBytes fits
			p.i = int(t.pair)
		case end == len(p.toks) && (t.kind.closes() || p.directiveHere()):
			return
		}
		p.i++
	}
}

// closing is the token that closes the bracket before the present token, or the
// number of tokens where none does, which is told.
func (p *parser) closing(opener int, want string) int {
	if pair := p.toks[opener].pair; pair >= 0 {
		return int(pair)
	}
	t := p.toks[opener]
	p.problem(int(t.start), int(t.end), "\""+p.text(opener)+"\" is not closed; expected "+want)
	return len(p.toks)
}

// list reads elements between commas up to the bracket that closes opener, which is
// the token before the present one, and goes on behind what an element can't be.
// broken is called for what stands behind an element and is no comma.
func (p *parser) list(opener int, want string, element func(), broken func(Span)) {
	end := p.closing(opener, want)
	guard := p.guard
	p.guard = false
	for p.i < end && !p.listEnds(end) {
		if p.kind() == tComma {
			p.unexpected("an element before the comma")
			p.next()
			continue
		}
		before := p.i
		element()
		if p.i < end && p.kind() != tComma && !p.listEnds(end) && (p.i == before || !p.keyHere()) {
			p.unexpected("a comma or " + want)
			start := p.start()
			if p.i == before && !p.kind().opens() {
				p.next()
			}
			p.skip(end)
			broken(p.since(start))
		} else if p.kind() != tComma && p.i < end && !p.listEnds(end) {
			p.unexpected("a comma or " + want)
		}
		p.accept(tComma)
	}
	p.guard = guard
	if end < len(p.toks) {
		p.i = end + 1
	}
}

// listEnds says whether a list that nothing closes ends here all the same.
func (p *parser) listEnds(end int) bool {
	if end < len(p.toks) {
		return false
	}
	k := p.kind()
	return k == tEnd || k == tSeparator || k.closes() || p.directiveHere()
}
