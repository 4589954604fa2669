// Package mel reads MEL, the expression language of Mule 3 (a dialect of MVEL), into
// the tree of DataWeave, so that whoever looks at expressions knows one tree only.
package mel

import (
	"cmp"
	"regexp"
	"slices"
	"strconv"

	"farrier.dev/farrier/internal/dataweave/syntax"
)

// Parse reads an expression as it stands between "#[" and "]". It always gives a
// script, with what is wrong in its problems. The tree is that of DataWeave, with
// these meanings: "a ? b : c" is an If, "&&" and "||" are the Binary "and" and "or",
// "a = b" is a Binary "=", "new A(x)" a Call of the Name "new A", "[k: v]" an Object,
// "x contains y" an infix Call, "a.b(c)" a Call of a Select. Statements between ";"
// are a Call of the Name ";", whose value is that of its last argument. The older
// form "header:INBOUND:x" is a Call of the Name "header:" with the rest as a String.
func Parse(text string) *syntax.Script {
	p := &parser{src: text}
	if len(text) > syntax.MaxBytes {
		p.src = text[:syntax.MaxBytes]
		p.tell(syntax.MaxBytes, len(text), "the expression is longer than "+strconv.Itoa(syntax.MaxBytes)+" bytes")
	}
	p.next()
	s := &syntax.Script{Version: syntax.One}
	if m := evaluator.FindStringSubmatchIndex(p.src); m != nil {
		s.Body = p.evaluator(m)
	} else {
		s.Body = p.statements(tEnd)
	}
	slices.SortStableFunc(p.problems, func(a, b syntax.Problem) int { return cmp.Compare(a.Start, b.Start) })
	s.Problems = p.problems
	if len(s.Problems) > 0 {
		s.Nest()
	}
	return s
}

var evaluator = regexp.MustCompile(`^\s*([a-zA-Z][a-zA-Z0-9-]*):([^:\s]|\s*$)`)

// evaluator reads "name:text"; "mel:" stands before an ordinary expression.
func (p *parser) evaluator(m []int) syntax.Node {
	name := p.src[m[2]:m[3]]
	at := m[3] + 1
	if name == "mel" {
		p.pos = at
		p.next()
		return p.statements(tEnd)
	}
	text := p.src[at:]
	span := syntax.Span{Start: at, End: len(p.src)}
	return &syntax.Call{
		Span:     syntax.Span{Start: m[2], End: len(p.src)},
		Function: &syntax.Name{Span: syntax.Span{Start: m[2], End: at}, Name: name + ":"},
		Args:     []syntax.Node{&syntax.String{Span: span, Quote: '\'', Parts: []syntax.Part{{Span: span, Text: text}}}},
	}
}

type parser struct {
	src string
	pos int
	tok token
	// last is where the token before ended.
	last  int
	depth int
	// ended says that a statement in braces has just ended, which needs no ";".
	ended    bool
	problems []syntax.Problem
	toldAt   int
	tooDeep  bool
}

const maxProblems = 1000

func (p *parser) tell(start, end int, message string) {
	if len(p.problems) < maxProblems && (len(p.problems) == 0 || p.toldAt != start) {
		p.toldAt = start
		p.problems = append(p.problems, syntax.Problem{Span: syntax.Span{Start: start, End: end}, Message: message})
	}
}

func (p *parser) unexpected(want string) {
	what := "end of the expression"
	if p.tok.kind != tEnd {
		what = strconv.Quote(p.tok.text)
		if len(p.tok.text) > 40 {
			what = strconv.Quote(p.tok.text[:40]) + "…"
		}
	}
	p.tell(p.tok.start, p.tok.end, "unexpected "+what+"; expected "+want)
}

func (p *parser) since(start int) syntax.Span {
	return syntax.Span{Start: min(start, p.last), End: p.last}
}

func (p *parser) enter() bool {
	p.depth++
	if p.depth <= syntax.MaxDepth {
		return true
	}
	if !p.tooDeep {
		p.tooDeep = true
		p.tell(p.tok.start, p.tok.end, "the expression is nested deeper than "+strconv.Itoa(syntax.MaxDepth)+" levels")
	}
	return false
}

func (p *parser) is(text string) bool { return p.tok.kind == tSymbol && p.tok.text == text }

func (p *parser) accept(text string) bool {
	if p.is(text) {
		p.next()
		return true
	}
	return false
}

func (p *parser) acceptWord(text string) bool {
	if p.tok.kind == tName && p.tok.text == text {
		p.next()
		return true
	}
	return false
}

// statements reads statements up to the end, or up to "}".
func (p *parser) statements(end kind) syntax.Node {
	start := p.tok.start
	var list []syntax.Node
	for p.tok.kind != tEnd && (end == tEnd || !p.is("}")) {
		if p.accept(";") {
			continue
		}
		before := p.tok.start
		p.acceptWord("return")
		x := p.expression()
		if p.tok.kind != tEnd && !p.is(";") && !p.is("}") && !p.ended {
			p.unexpected("an operator, ; or the end")
			x = p.rest(x, before)
		} else if p.is("}") && end == tEnd {
			p.unexpected("an operator, ; or the end")
			p.next()
		}
		list = append(list, x)
	}
	switch len(list) {
	case 0:
		if end == tEnd {
			p.unexpected("an expression")
		}
		start = min(start, p.last)
		return &syntax.Bad{Span: syntax.Span{Start: start, End: start}}
	case 1:
		return list[0]
	}
	start = min(start, list[0].Bytes().Start) // what is missing lies behind the last token
	name := &syntax.Name{Span: syntax.Span{Start: start, End: start}, Name: ";"}
	return &syntax.Call{Span: p.since(start), Function: name, Args: list}
}

// rest reads what stands behind an expression where nothing may, up to ";".
func (p *parser) rest(x syntax.Node, start int) syntax.Node {
	start = min(start, x.Bytes().Start)
	items := []syntax.Node{x}
	for p.tok.kind != tEnd && !p.is(";") && !p.is("}") {
		before := p.tok.start
		if startsOperand(p.tok) {
			items = append(items, p.expression())
		}
		if p.tok.start == before && p.tok.kind != tEnd {
			p.next()
		}
	}
	s := p.since(start)
	if len(items) == 1 {
		return &syntax.Bad{Span: s, X: x}
	}
	return &syntax.Bad{Span: s, X: &syntax.Array{Span: syntax.Span{Start: start, End: items[len(items)-1].Bytes().End}, Items: items}}
}

func startsOperand(t token) bool {
	switch t.kind {
	case tName, tString, tNumber:
		return true
	case tSymbol:
		return t.text == "(" || t.text == "[" || t.text == "{" || t.text == "!" || t.text == "-"
	default:
		return false
	}
}
