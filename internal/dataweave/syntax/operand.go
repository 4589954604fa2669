package syntax

// operand reads an operand without selectors.
func (p *parser) operand() Node {
	start := p.start()
	switch p.kind() {
	case tName:
		return p.nameOperand(start)
	case tQuote:
		return p.quoted()
	case tNumber:
		p.next()
		return &Number{p.since(start), p.text(p.i - 1)}
	case tTemporal:
		p.next()
		return &Temporal{p.since(start), p.src[start+1 : p.end()-1]}
	case tRegex:
		p.next()
		return &Regex{p.since(start), p.src[start+1 : p.end()-1]}
	case tOpen:
		return p.group()
	case tOpenBracket:
		return p.array()
	case tOpenBrace, tOpenClosed, tOpenOrdered:
		return p.object()
	default:
		p.unexpected("an expression")
		return p.bad()
	}
}

func (p *parser) nameOperand(start int) Node {
	switch w := p.word(); w {
	case wTrue, wFalse:
		p.next()
		return &Bool{p.since(start), w == wTrue}
	case wNull:
		p.next()
		return &Null{p.since(start)}
	case wDo:
		if p.peek(1).kind == tOpenBrace {
			return p.do()
		}
	case wElse, wOtherwise, wCase, wAs, wAnd, wOr:
		p.unexpected("an expression")
		return &Bad{Span: Span{start, start}}
	default:
		if p.directiveHere() {
			p.unexpected("an expression")
			return &Bad{Span: p.since(start)}
		}
	}
	p.next()
	name := &Name{p.since(start), p.text(p.i - 1)}
	if p.version == One && p.kind() != tOpen && p.starts(p.i) && prefixFunction(name.Name) {
		// A block of version 1: "sizeOf payload".
		depth := p.depth
		if p.enter() {
			x := p.binary(powerUnary)
			p.depth = depth
			return &Call{Span: p.since(start), Function: name, Args: []Node{x}, First: true}
		}
		p.depth = depth
	}
	return name
}

// prefixFunction says whether a function of version 1 may stand before its argument
// without parentheses.
func prefixFunction(name string) bool {
	switch name {
	case "sizeOf", "upper", "lower", "capitalize", "camelize", "pluralize", "singularize", "dasherize", "underscore",
		"ordinalize", "trim", "flatten", "avg", "max", "min", "sum", "typeOf", "log", "round", "ceil", "floor", "abs",
		"sqrt", "isBlank", "isEmpty", "isEven", "isOdd", "unzip", "keys", "values":
		return true
	}
	return false
}

// quoted reads a text.
func (p *parser) quoted() *String {
	start := p.start()
	s := &String{Quote: p.src[start]}
	end := int(p.toks[p.i].pair)
	p.next()
	if n := end - p.i; n > 0 {
		s.Parts = make([]Part, 0, min(n, 4))
	}
	for p.i < end {
		at := p.start()
		switch p.kind() {
		case tText:
			p.next()
			text := p.unescape(p.src[at:p.end()], at, s.Quote)
			s.Parts = append(s.Parts, Part{Span: p.since(at), Text: text})
		case tVariable:
			name := p.text(p.i)
			if name[1] != '$' {
				name = name[1:]
			}
			p.next()
			s.Parts = append(s.Parts, Part{Span: p.since(at), X: &Name{Span{p.end() - len(name), p.end()}, name}})
		default:
			p.insertion(s, at)
		}
	}
	p.i = end + 1
	s.Span = p.since(start)
	if len(s.Parts) == 0 {
		s.Parts = []Part{{Span: Span{start + 1, start + 1}}}
	}
	return s
}

// insertion reads $(…) in a text.
func (p *parser) insertion(s *String, at int) {
	end := int(p.toks[p.i].pair)
	guard := p.guard
	p.guard = false
	p.next()
	x := p.expression()
	p.guard = guard
	if p.i < end {
		p.unexpected("an operator or )")
		x = &Bad{Span{x.Bytes().Start, int(p.toks[end].start)}, x}
	}
	p.i = end + 1
	s.Parts = append(s.Parts, Part{Span: p.since(at), X: x})
}

// array reads [a, b]. An element "(a) if c" is an If without Else.
func (p *parser) array() Node {
	start := p.start()
	n := &Array{}
	opener := p.i
	p.next()
	p.list(opener, "]", func() {
		at := p.start()
		x := p.expression()
		if _, ok := x.(*Group); ok && p.word() == wIf {
			p.next()
			x = &If{Then: x, Cond: p.binary(powerLow)}
			x.(*If).Span = p.since(at)
		}
		n.Items = append(n.Items, x)
	}, func(s Span) { breakLast(n.Items, s) })
	n.Span = p.since(start)
	return n
}

// breakLast says that the last of some nodes goes on with what could not be read.
func breakLast(items []Node, s Span) {
	if n := len(items); n > 0 {
		items[n-1] = &Bad{Span{items[n-1].Bytes().Start, s.End}, items[n-1]}
	}
}

// group reads an expression in parentheses.
func (p *parser) group() *Group {
	start := p.start()
	opener := p.i
	p.next()
	end := p.closing(opener, ")")
	guard := p.guard
	p.guard = false
	n := &Group{}
	if p.keyHere() && p.i < end {
		n.X = p.bareObject(end)
	} else {
		n.X = p.expression()
	}
	p.guard = guard
	if end < len(p.toks) {
		if p.i < end {
			p.unexpected("an operator or )")
			n.X = &Bad{Span{n.X.Bytes().Start, int(p.toks[end].start)}, n.X}
		}
		p.i = end + 1
	}
	n.Span = p.since(start)
	return n
}

// do reads do { header --- body }.
func (p *parser) do() Node {
	start := p.start()
	p.next()
	opener := p.i
	p.next()
	end := p.closing(opener, "}")
	guard := p.guard
	p.guard = false
	n := &Do{}
	n.Directives, _ = p.header(end)
	n.Body = p.body(end)
	p.guard = guard
	if end < len(p.toks) {
		p.i = end + 1
	}
	n.Span = p.since(start)
	return n
}

// lambdaHere says whether the parenthesis here begins the parameters of a lambda:
// "->" stands behind the one that closes it, or a type and "->".
func (p *parser) lambdaHere() bool {
	pair := int(p.toks[p.i].pair)
	if pair < 0 || p.guard {
		return false
	}
	switch p.toks[pair+1].kind {
	case tArrow:
		return true
	case tColon:
		return p.paramsHere() && p.arrowBehind(pair+2) > 0
	default:
		return false
	}
}

// paramsHere says whether the parentheses here may hold parameters.
func (p *parser) paramsHere() bool {
	first, second := p.peek(1), p.peek(2)
	if first.kind != tName {
		return first.kind == tClose
	}
	return second.kind == tClose || second.kind == tComma || second.kind == tColon || second.kind == tAssign
}

// arrowBehind is the last "->" behind what may be a type at token i, or 0.
func (p *parser) arrowBehind(i int) int {
	last := 0
	for n := 0; n < 64 && i < len(p.toks)-1; n++ {
		switch t := p.toks[i]; t.kind {
		case tArrow:
			last = i
		case tName, tBar, tAmpersand, tLess, tGreater, tShiftRight, tNumber:
			if t.kind == tName && t.word != wNone && t.word != wNull && t.word != wType && t.word != wTrue && t.word != wFalse {
				return last
			}
		case tComma:
			if n == 0 {
				return last
			}
		case tQuote, tOpen, tOpenBrace, tOpenClosed, tOpenOrdered:
			if t.pair < 0 {
				return last
			}
			i = int(t.pair)
		default:
			return last
		}
		i++
	}
	return last
}

// lambda reads (a, b) -> body and <T>(a: T): R -> body.
func (p *parser) lambda(start int) Node {
	n := &Lambda{}
	if p.kind() == tLess {
		n.Types = p.typeParameters()
	}
	if p.kind() != tOpen {
		p.unexpected("the parameters of a function in parentheses")
		return &Bad{Span: p.since(start)}
	}
	n.Params = p.params()
	if p.accept(tColon) {
		arrow := p.arrow
		p.arrow = p.arrowBehind(p.i)
		n.Result = p.readType()
		p.arrow = arrow
	}
	if !p.accept(tArrow) {
		p.unexpected("-> and the body of the function")
	}
	n.Body = p.expression()
	n.Span = p.since(start)
	return n
}

// params reads parameters in parentheses.
func (p *parser) params() []*Param {
	params := []*Param{}
	opener := p.i
	p.next()
	p.list(opener, ")", func() {
		a := &Param{Span: Span{Start: p.start()}, Name: p.name("the name of a parameter")}
		if p.accept(tColon) {
			a.Type = p.readType()
		}
		if p.accept(tAssign) {
			a.Default = p.expression()
		}
		a.Span = p.since(a.Start)
		params = append(params, a)
	}, func(s Span) { params[len(params)-1].End = s.End })
	return params
}
