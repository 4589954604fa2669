package syntax

// The powers with which operators bind, from the loosest on.
const (
	powerWhen = iota + 1 // a when c otherwise b, of version 1
	powerLow             // default, match, functions between their arguments
	powerOr
	powerAnd
	powerEqual
	powerCompare
	powerAdd
	powerTimes
	powerCast
	powerUnary
)

// power is how tightly an operator binds, 0 for what is none.
func (p *parser) power() int {
	switch p.kind() {
	case tName:
		return p.wordPower()
	case tEqual, tNotEqual, tSimilar:
		return powerEqual
	case tLess, tGreater, tLessEqual, tGreaterEqual:
		return powerCompare
	case tPlus, tMinus, tConcat, tRemove, tShiftLeft, tShiftRight:
		return powerAdd
	case tStar, tSlash:
		return powerTimes
	case tMeta:
		return powerLow
	default:
		return 0
	}
}

func (p *parser) wordPower() int {
	if p.peek(1).kind == tColon && p.word() != wAs && p.word() != wIs {
		return 0
	}
	switch w := p.word(); w {
	case wOr:
		return powerOr
	case wAnd:
		return powerAnd
	case wIs:
		return powerCompare
	case wAs:
		return powerCast
	case wDefault, wTo, wMatch, wUpdate:
		if p.peek(1).kind == tArrow {
			return 0
		}
		return powerLow
	case wWhen, wUnless:
		return powerWhen
	case wNone, wMatches, wAt:
		if p.starts(p.i + 1) {
			return powerLow
		}
		return 0
	default:
		return 0
	}
}

// starts says whether an expression may begin at a token.
func (p *parser) starts(i int) bool {
	t := &p.toks[min(i, len(p.toks)-1)]
	switch t.kind {
	case tNumber, tTemporal, tRegex, tQuote, tOpen, tOpenBracket, tOpenBrace, tOpenOrdered, tMinus, tBang, tLess:
		return true
	case tName:
		switch t.word {
		case wElse, wOtherwise, wCase, wAs, wIs, wAnd, wOr, wDefault:
			return false
		default:
			return true
		}
	default:
		return false
	}
}

// expression reads an expression of any operators.
func (p *parser) expression() Node { return p.binary(powerWhen) }

// binary reads an expression of operators that bind as tightly as least.
func (p *parser) binary(least int) Node {
	depth, first := p.depth, p.i
	if !p.enter() {
		p.depth = depth
		return p.bad()
	}
	start := p.start()
	left := p.prefix()
	for {
		power := p.power()
		if power < least || power == 0 {
			break
		}
		if !p.enter() {
			break
		}
		left = p.operator(left, start, power)
	}
	p.depth = depth
	if p.i == first {
		return p.missing()
	}
	return left
}

// bad is what no expression begins with: one token, or the brackets that begin
// here; nothing where the token ends what stands around.
func (p *parser) bad() Node {
	start := p.start()
	t := p.toks[p.i]
	switch {
	case t.kind == tEnd || t.kind == tComma || t.kind == tSeparator || t.kind.closes() || t.kind == tColon || t.kind == tArrow:
	case p.directiveHere():
	case t.kind.opens() && t.pair > int32(p.i): //nolint:gosec // MaxBytes fits
		p.i = int(t.pair) + 1
	default:
		p.next()
	}
	return &Bad{Span: p.since(start)}
}

// operator reads an operator and what stands behind it.
func (p *parser) operator(left Node, start, power int) Node {
	op := p.i
	p.next()
	switch p.toks[op].word {
	case wAs, wIs:
		return p.cast(left, start, p.toks[op].word == wIs)
	case wWhen, wUnless:
		return p.when(left, start, p.toks[op].word == wUnless)
	case wMatch:
		if p.kind() == tOpenBrace {
			return p.match(left, start)
		}
	case wUpdate:
		if p.kind() == tOpenBrace {
			return p.update(left, start)
		}
	default:
	}
	if p.toks[op].kind == tMeta {
		right := p.binary(power + 1)
		return &Metadata{p.since(start), left, right}
	}
	right := p.binary(power + 1)
	if w := p.toks[op].word; p.toks[op].kind == tName && w != wAnd && w != wOr && w != wDefault && w != wTo {
		name := &Name{Span{int(p.toks[op].start), int(p.toks[op].end)}, p.text(op)}
		return &Call{Span: p.since(start), Function: name, Args: []Node{left, right}, Infix: true}
	}
	return &Binary{p.since(start), p.text(op), left, right}
}

// when reads what stands behind "a when" and "a unless" of version 1.
func (p *parser) when(then Node, start int, unless bool) Node {
	n := &If{Unless: unless, When: true, Then: then}
	n.Cond = p.binary(powerLow)
	if p.acceptWord(wOtherwise) {
		n.Else = p.expression()
	} else {
		p.unexpected("otherwise")
		n.Else = p.missing()
	}
	n.Span = p.since(start)
	return n
}

// cast reads the type behind "as" and "is".
func (p *parser) cast(x Node, start int, is bool) Node {
	n := &Cast{X: x, Is: is, Type: p.plainType()}
	if !is && p.kind() == tOpenBrace {
		n.Schema = p.object()
	}
	n.Span = p.since(start)
	return n
}

// prefix reads an operand and the operators before it.
func (p *parser) prefix() Node {
	start := p.start()
	switch p.kind() {
	case tMinus, tBang:
		op := p.text(p.i)
		p.next()
		x := p.binary(powerUnary)
		return &Unary{p.since(start), op, x}
	case tLess:
		return p.lambda(start)
	case tOpen:
		if p.lambdaHere() {
			return p.lambda(start)
		}
		if p.keyHere() {
			return p.bareField()
		}
	case tName:
		switch p.word() {
		case wNot:
			p.next()
			x := p.binary(powerLow)
			return &Unary{p.since(start), "not", x}
		case wIf:
			return p.conditional(false)
		case wUnless:
			return p.conditional(true)
		case wUsing:
			if p.peek(1).kind == tOpen {
				return p.using()
			}
		default:
		}
	default:
	}
	if p.plainKeyHere() {
		return p.bareField()
	}
	return p.postfix(p.operand(), start)
}

// conditional reads if (c) a else b.
func (p *parser) conditional(unless bool) Node {
	start := p.start()
	p.next()
	n := &If{Unless: unless}
	if p.kind() == tOpen {
		n.Cond = p.condition()
	} else {
		n.Cond = p.binary(powerLow)
	}
	n.Then = p.expression()
	if p.acceptWord(wElse) || unless && p.acceptWord(wOtherwise) {
		n.Else = p.expression()
	} else {
		p.unexpected("else")
		n.Else = p.missing()
	}
	n.Span = p.since(start)
	return n
}

// condition reads the condition in parentheses behind if. More of it may stand
// behind them, as in "if (a) and b …".
func (p *parser) condition() Node {
	start := p.start()
	group := p.group()
	x := group.X
	if p.power() == 0 || p.kind() == tMinus || p.kind() == tLess || p.kind() == tName && p.word() == wNone || p.word() == wUnless {
		return x
	}
	depth := p.depth
	var left Node = group
	for p.power() >= powerLow && p.enter() {
		left = p.operator(left, start, p.power())
	}
	p.depth = depth
	return left
}

// using reads using (a = 1) body.
func (p *parser) using() Node {
	start := p.start()
	p.next()
	opener := p.i
	p.next()
	n := &Using{}
	p.list(opener, ")", func() {
		v := &Var{Span: Span{Start: p.start()}, Name: p.name("the name of a variable")}
		v.Value = p.assigned()
		v.Span = p.since(v.Start)
		n.Vars = append(n.Vars, v)
	}, func(s Span) {
		v := n.Vars[len(n.Vars)-1]
		v.Value = &Bad{Span{v.Value.Bytes().Start, s.End}, v.Value}
		v.End = s.End
	})
	n.Body = p.expression()
	n.Span = p.since(start)
	return n
}

// assigned reads "=" and an expression.
func (p *parser) assigned() Node {
	if !p.accept(tAssign) {
		p.unexpected("= and a value")
		if !p.starts(p.i) {
			return p.missing()
		}
	}
	return p.expression()
}

// name reads a name; it is empty where there is none, which is told.
func (p *parser) name(want string) string {
	if p.kind() != tName {
		p.unexpected(want)
		return ""
	}
	p.next()
	return p.text(p.i - 1)
}
