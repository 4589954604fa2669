package syntax

// readType reads a type.
func (p *parser) readType() Type {
	depth := p.depth
	if !p.enter() {
		p.depth = depth
		return p.bad()
	}
	start := p.start()
	t := p.typeChain(tBar, start, func() Type {
		return p.typeChain(tAmpersand, start, p.typeOperand)
	})
	p.depth = depth
	return t
}

// plainType reads the type behind "as" and "is", whose braces belong to the operator.
func (p *parser) plainType() Type {
	depth := p.depth
	if !p.enter() {
		p.depth = depth
		return p.bad()
	}
	start := p.start()
	one := p.typeOperand
	if p.kind() == tName || p.kind() == tColon {
		one = p.typeName
	}
	t := p.typeChain(tBar, start, func() Type { return p.typeChain(tAmpersand, start, one) })
	p.depth = depth
	return t
}

// typeChain reads types between | or &.
func (p *parser) typeChain(op kind, _ int, one func() Type) Type {
	start := p.start()
	first := one()
	if p.kind() != op {
		return first
	}
	list := []Type{first}
	for p.accept(op) {
		list = append(list, one())
	}
	if op == tBar {
		return &TypeUnion{p.since(start), list}
	}
	return &TypeIntersection{p.since(start), list}
}

func (p *parser) typeOperand() Type {
	start := p.start()
	switch p.kind() {
	case tName, tColon:
		if p.directiveHere() {
			p.unexpected("a type")
			return &Bad{Span: p.since(start)}
		}
		t := p.typeName()
		if n, ok := t.(*TypeName); ok && p.kind() == tOpenBrace && p.schemaHere() {
			n.Schema = p.object()
			n.Span = p.since(start)
		}
		return t
	case tQuote, tNumber, tTemporal, tRegex:
		x := p.operand()
		return &TypeLiteral{x.Bytes(), x}
	case tMinus:
		p.next()
		at := p.i
		x := p.operand()
		if p.i == at {
			x = p.missing()
		}
		return &TypeLiteral{p.since(start), &Unary{p.since(start), "-", x}}
	case tOpenBrace, tOpenClosed, tOpenOrdered:
		return p.typeObject()
	case tOpen:
		return p.typeGroup()
	default:
		p.unexpected("a type")
		return p.bad()
	}
}

// schemaHere says whether the braces here hold metadata of a type, as {format: "…"}.
func (p *parser) schemaHere() bool {
	if p.peek(1).kind == tCloseBrace {
		return false
	}
	return p.peek(2).kind == tColon || p.peek(1).kind == tQuote
}

// typeName reads a name with its arguments; ":" stands before it in version 1.
func (p *parser) typeName() Type {
	start := p.start()
	p.accept(tColon)
	switch p.word() {
	case wTrue, wFalse, wNull:
		if p.text(p.i) != "null" {
			x := p.operand()
			return &TypeLiteral{x.Bytes(), x}
		}
	default:
	}
	n := &TypeName{Name: p.name("a type")}
	if n.Name == "" {
		return p.bad()
	}
	for p.kind() == tDot && p.peek(1).kind == tName {
		p.next()
		p.next()
		n.Name = n.Name + "." + p.text(p.i-1)
	}
	if p.kind() == tLess {
		p.next()
		arrow := p.arrow
		p.arrow = 0
		for {
			n.Args = append(n.Args, p.readType())
			if !p.accept(tComma) {
				break
			}
		}
		p.arrow = arrow
		if !p.closeAngle() {
			p.unexpected("a comma or >")
		}
	}
	n.Span = p.since(start)
	return n
}

// closeAngle passes over ">", which may be the first half of ">>" or ">=".
func (p *parser) closeAngle() bool {
	t := &p.toks[p.i]
	switch t.kind {
	case tGreater:
		p.next()
		return true
	case tShiftRight, tGreaterEqual:
		half := token{kind: tGreater, start: t.start, end: t.start + 1, pair: -1}
		rest := tGreater
		if t.kind == tGreaterEqual {
			rest = tAssign
		}
		// The half that is read takes the place of the token before, "<" or a name that
		// is behind us for good.
		p.toks[p.i-1] = half
		t.kind = rest
		t.start++
		t.newline = false
		return true
	default:
		return false
	}
}

// typeGroup reads a type in parentheses or that of a function.
func (p *parser) typeGroup() Type {
	start := p.start()
	pair := int(p.toks[p.i].pair)
	function := pair >= 0 && p.toks[pair+1].kind == tArrow && (p.arrow == 0 || pair+1 < p.arrow)
	opener := p.i
	p.next()
	if !function {
		arrow := p.arrow
		p.arrow = 0
		t := p.readType()
		p.arrow = arrow
		if end := p.closing(opener, ")"); end < len(p.toks) {
			if p.i < end {
				p.unexpected(")")
			}
			p.i = end + 1
		}
		return t
	}
	n := &TypeFunction{}
	arrow := p.arrow
	p.arrow = 0
	p.list(opener, ")", func() {
		a := &Param{Span: Span{Start: p.start()}}
		if p.kind() == tName && (p.peek(1).kind == tColon || p.peek(1).kind == tQuestion && p.peek(2).kind == tColon) {
			a.Name = p.name("")
			a.Optional = p.accept(tQuestion)
			p.next()
		}
		a.Type = p.readType()
		if p.accept(tAssign) {
			a.Default = p.expression()
		}
		a.Span = p.since(a.Start)
		n.Params = append(n.Params, a)
	}, func(Span) {})
	p.arrow = arrow
	p.accept(tArrow)
	n.Result = p.readType()
	n.Span = p.since(start)
	return n
}

// typeObject reads { a: A }, {| a: A |} and {- a: A -}.
func (p *parser) typeObject() Type {
	start := p.start()
	n := &TypeObject{Closed: p.kind() == tOpenClosed, Ordered: p.kind() == tOpenOrdered}
	opener := p.i
	p.next()
	arrow := p.arrow
	p.arrow = 0
	p.list(opener, p.closer(opener), func() { n.Fields = append(n.Fields, p.typeField()) }, func(Span) {})
	p.arrow = arrow
	n.Span = p.since(start)
	return n
}

// typeField reads name?: T and its forms.
func (p *parser) typeField() *TypeField {
	f := &TypeField{Span: Span{Start: p.start()}}
	if p.kind() == tName && p.peek(1).kind == tHash {
		f.Prefix = p.text(p.i)
		p.next()
		p.next()
	}
	switch p.kind() {
	case tName:
		f.Name = p.name("")
	case tQuote:
		s := p.quoted()
		f.Quoted = true
		if len(s.Parts) == 1 && s.Parts[0].X == nil {
			f.Name = s.Parts[0].Text
		} else {
			f.Pattern = &TypeLiteral{s.Span, s}
		}
	default:
		f.Pattern = p.readType()
	}
	p.fieldMarks(f)
	if p.kind() == tAt && p.peek(1).kind == tOpen {
		p.next()
		opener := p.i
		p.next()
		p.list(opener, ")", func() { f.Attributes = append(f.Attributes, p.typeField()) }, func(Span) {})
	}
	p.fieldMarks(f)
	if !p.accept(tColon) {
		p.unexpected(": and a type")
	}
	f.Type = p.readType()
	f.Span = p.since(f.Start)
	return f
}

func (p *parser) fieldMarks(f *TypeField) {
	f.Repeated = p.accept(tStar) || f.Repeated
	f.Optional = p.accept(tQuestion) || f.Optional
	f.Repeated = p.accept(tStar) || f.Repeated
}

// typeParameters reads <T, K <: Bound>.
func (p *parser) typeParameters() []TypeParameter {
	p.next()
	var list []TypeParameter
	for {
		t := TypeParameter{Span: Span{Start: p.start()}, Name: p.name("the name of a type")}
		if p.accept(tBound) {
			t.Bound = p.readType()
		}
		t.Span = p.since(t.Start)
		list = append(list, t)
		if !p.accept(tComma) {
			break
		}
	}
	if !p.closeAngle() {
		p.unexpected("a comma or >")
	}
	return list
}
