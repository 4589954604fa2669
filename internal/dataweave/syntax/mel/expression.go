package mel

import (
	"strconv"

	"farrier.dev/farrier/internal/dataweave/syntax"
)

func hex4(s string) (rune, bool) {
	if len(s) < 4 {
		return 0, false
	}
	n, err := strconv.ParseUint(s[:4], 16, 16)
	return rune(n), err == nil
}

// The powers with which operators bind.
const (
	powerAssign = iota + 1
	powerChoice
	powerOr
	powerAnd
	powerEqual
	powerCompare
	powerAdd
	powerTimes
	powerUnary
)

// operator is the operator here as the tree names it, and how tightly it binds; 0
// for what is none. Those that are functions in the tree are infix.
func (p *parser) operator() (op string, power int, infix bool) {
	text := p.tok.text
	switch p.tok.kind {
	case tSymbol:
		switch text {
		case "=", "+=", "-=":
			return text, powerAssign, false
		case "?":
			return text, powerChoice, false
		case "||":
			return "or", powerOr, false
		case "&&":
			return "and", powerAnd, false
		case "==", "!=", "~=":
			return text, powerEqual, false
		case "<", ">", "<=", ">=":
			return text, powerCompare, false
		case "+", "-", "<<", ">>":
			return text, powerAdd, false
		case "*", "/", "%":
			return text, powerTimes, false
		}
	case tName:
		switch text {
		case "or":
			return text, powerOr, false
		case "and":
			return text, powerAnd, false
		case "contains", "in", "is", "instanceof", "isdef", "soundslike", "strsim", "convertable_to", "if":
			return text, powerCompare, true
		}
	default:
	}
	return "", 0, false
}

func (p *parser) expression() syntax.Node {
	p.ended = false
	return p.binary(powerAssign)
}

// binary reads an expression of operators that bind as tightly as least.
func (p *parser) binary(least int) syntax.Node {
	depth := p.depth
	start := p.tok.start
	if !p.enter() {
		p.depth = depth
		return p.bad()
	}
	left := p.prefix()
	start = min(start, left.Bytes().Start) // what is missing lies behind the last token
	for {
		op, power, infix := p.operator()
		if power < least || power == 0 || !p.enter() {
			break
		}
		p.ended = false
		at := syntax.Span{Start: p.tok.start, End: p.tok.end}
		p.next()
		switch {
		case power == powerChoice:
			left = p.choice(left, start)
		case infix:
			right := p.binary(power + 1)
			left = &syntax.Call{Span: p.since(start), Function: &syntax.Name{Span: at, Name: op}, Args: []syntax.Node{left, right}, Infix: true}
		case power == powerAssign:
			right := p.binary(power)
			left = &syntax.Binary{Span: p.since(start), Op: op, Left: left, Right: right}
		default:
			right := p.binary(power + 1)
			left = &syntax.Binary{Span: p.since(start), Op: op, Left: left, Right: right}
		}
	}
	p.depth = depth
	return left
}

// choice reads what stands behind "a ?".
func (p *parser) choice(cond syntax.Node, start int) syntax.Node {
	n := &syntax.If{Cond: cond, Then: p.binary(powerChoice)}
	if p.accept(":") {
		n.Else = p.binary(powerChoice)
	} else {
		p.unexpected(":")
		n.Else = &syntax.Bad{Span: syntax.Span{Start: p.last, End: p.last}}
	}
	n.Span = p.since(start)
	return n
}

// bad passes over one token that begins no expression, if it closes nothing.
func (p *parser) bad() syntax.Node {
	start := p.tok.start
	if p.tok.kind != tEnd && !p.is(")") && !p.is("]") && !p.is("}") && !p.is(",") && !p.is(";") && !p.is(":") {
		p.next()
	}
	return &syntax.Bad{Span: p.since(start)}
}

func (p *parser) prefix() syntax.Node {
	start := p.tok.start
	if p.is("!") || p.is("-") || p.is("+") {
		op := p.tok.text
		p.next()
		x := p.binary(powerUnary)
		return &syntax.Unary{Span: p.since(start), Op: op, X: x}
	}
	if p.tok.kind == tName && p.tok.text == "if" {
		return p.conditional()
	}
	return p.postfix(p.operand(), start)
}

// conditional reads the statement if (c) { … } else { … }.
func (p *parser) conditional() syntax.Node {
	start := p.tok.start
	p.next()
	n := &syntax.If{}
	if p.is("(") {
		group := p.group().(*syntax.Group)
		n.Cond = group.X
	} else {
		p.unexpected("( and a condition")
		n.Cond = &syntax.Bad{Span: syntax.Span{Start: p.last, End: p.last}}
	}
	n.Then = p.block()
	if p.acceptWord("else") {
		n.Else = p.block()
	} else {
		n.Else = &syntax.Null{Span: syntax.Span{Start: p.last, End: p.last}}
	}
	n.Span = p.since(start)
	p.ended = true
	return n
}

// block reads { statements } or one statement.
func (p *parser) block() syntax.Node {
	if !p.is("{") {
		return p.expression()
	}
	p.next()
	x := p.statements(tSymbol)
	p.closes("}")
	return x
}

// closes passes over what closes a bracket, and over what stands before it and
// belongs to nothing.
func (p *parser) closes(want string) {
	if p.accept(want) {
		return
	}
	p.unexpected(want)
	for p.tok.kind != tEnd && !p.is(";") && !p.is(")") && !p.is("]") && !p.is("}") {
		p.next()
	}
	p.accept(want)
}

func (p *parser) operand() syntax.Node {
	start := p.tok.start
	switch p.tok.kind {
	case tName:
		return p.name()
	case tNumber:
		n := &syntax.Number{Text: p.tok.text}
		p.next()
		n.Span = p.since(start)
		return n
	case tString:
		return p.string()
	case tSymbol:
		switch p.tok.text {
		case "(":
			return p.group()
		case "[":
			return p.list("]")
		case "{":
			return p.list("}")
		}
	default:
	}
	p.unexpected("an expression")
	return p.bad()
}

func (p *parser) name() syntax.Node {
	start := p.tok.start
	text := p.tok.text
	p.next()
	switch text {
	case "true", "false":
		return &syntax.Bool{Span: p.since(start), Value: text == "true"}
	case "null", "nil", "empty":
		if text != "empty" {
			return &syntax.Null{Span: p.since(start)}
		}
	case "new":
		if p.tok.kind == tName {
			path := p.tok.text
			for p.next(); p.is(".") && p.pos < len(p.src) && letter(p.src[p.pos]); p.next() {
				p.next()
				path += "." + p.tok.text
			}
			return &syntax.Name{Span: p.since(start), Name: "new " + path}
		}
	case "def", "var":
		if p.tok.kind == tName {
			text = p.tok.text
			p.next()
		}
	}
	return &syntax.Name{Span: p.since(start), Name: text}
}

func (p *parser) string() *syntax.String {
	t := p.tok
	p.next()
	inner := syntax.Span{Start: t.start + 1, End: t.start + 1 + len(t.text)}
	return &syntax.String{
		Span:  syntax.Span{Start: t.start, End: t.end},
		Quote: p.src[t.start],
		Parts: []syntax.Part{{Span: inner, Text: unescape(t.text)}},
	}
}

func (p *parser) group() syntax.Node {
	start := p.tok.start
	p.next()
	x := p.expression()
	p.closes(")")
	p.ended = false
	return &syntax.Group{Span: p.since(start), X: x}
}

// list reads [a, b], {a, b} and [k: v].
func (p *parser) list(end string) syntax.Node {
	start := p.tok.start
	p.next()
	items := &syntax.Array{}
	fields := &syntax.Object{}
	if p.is(":") {
		p.next()
		p.closes(end)
		fields.Span = p.since(start)
		return fields
	}
	for p.tok.kind != tEnd && !p.is(end) {
		key := p.expression()
		before := key.Bytes().Start
		if p.accept(":") {
			value := p.expression()
			fields.Fields = append(fields.Fields, &syntax.Field{Span: p.since(before), Key: key, Value: value})
		} else {
			items.Items = append(items.Items, key)
		}
		if !p.accept(",") {
			break
		}
	}
	p.closes(end)
	p.ended = false
	items.Span, fields.Span = p.since(start), p.since(start)
	if len(fields.Fields) == 0 {
		return items
	}
	for _, x := range items.Items {
		p.tell(x.Bytes().Start, x.Bytes().End, "a list with keys needs a key here, as key: value")
		fields.Fields = append(fields.Fields, &syntax.Field{Span: x.Bytes(), Value: &syntax.Bad{Span: x.Bytes(), X: x}})
	}
	return fields
}

// postfix reads the properties, indices and calls behind an operand.
func (p *parser) postfix(x syntax.Node, start int) syntax.Node {
	depth := p.depth
	start = min(start, x.Bytes().Start)
	for p.enter() {
		switch {
		case p.is(".") || p.is(".?"):
			p.next()
			s := &syntax.Select{X: x, Kind: syntax.SelectField}
			switch p.tok.kind {
			case tName:
				s.Name = p.tok.text
				p.next()
			case tString:
				s.Quoted = true
				s.Name = unescape(p.tok.text)
				p.next()
			default:
				p.unexpected("the name of a property behind the dot")
			}
			s.Span = p.since(start)
			x = s
		case p.is("["):
			p.next()
			s := &syntax.Select{X: x, Kind: syntax.SelectIndex, Index: p.expression()}
			p.closes("]")
			s.Span = p.since(start)
			x = s
		case p.is("("):
			x = p.call(x, start)
		default:
			p.depth = depth
			return x
		}
	}
	p.depth = depth
	return x
}

func (p *parser) call(f syntax.Node, start int) syntax.Node {
	n := &syntax.Call{Function: f}
	p.next()
	for p.tok.kind != tEnd && !p.is(")") {
		n.Args = append(n.Args, p.expression())
		if !p.accept(",") {
			break
		}
	}
	p.closes(")")
	p.ended = false
	n.Span = p.since(start)
	return n
}
