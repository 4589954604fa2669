package syntax

// postfix reads the selectors and calls behind an operand.
func (p *parser) postfix(x Node, start int) Node {
	switch x.(type) {
	case *Name, *String, *Array, *Object, *Group, *Temporal, *Do, *Call, *Null:
	default:
		return x
	}
	depth := p.depth
	for {
		k := p.kind()
		if k != tDot && k != tDots && k != tOpenBracket && k != tOpen && k != tLess && k != tBang && k != tQuestion || !p.enter() {
			break
		}
		next := p.suffix(x, start)
		if next == nil {
			break
		}
		x = next
	}
	p.depth = depth
	return x
}

// suffix reads one selector or call, if one stands here.
func (p *parser) suffix(x Node, start int) Node {
	switch p.kind() {
	case tDot, tDots:
		return p.selector(x, start)
	case tOpenBracket:
		return p.bracketed(x, start)
	case tOpen:
		if callable(x) && (!p.guard || !p.arrowAfter()) {
			return p.call(x, nil, start)
		}
	case tLess:
		if n := p.typeArguments(); n > 0 && callable(x) {
			var types []Type
			for p.next(); p.i < n-1; {
				types = append(types, p.readType())
				if !p.accept(tComma) {
					break
				}
			}
			if p.closeAngle() && p.kind() == tOpen {
				return p.call(x, types, start)
			}
			p.unexpected("( and arguments")
			return &Call{Span: p.since(start), Function: x, Types: types}
		}
	case tBang, tQuestion:
		s, ok := x.(*Select)
		if !ok || s.Assert || s.Exists {
			p.tell("\"" + p.text(p.i) + "\" stands behind a selector only")
			p.next()
			return &Bad{p.since(start), x}
		}
		s.Assert, s.Exists = p.kind() == tBang, p.kind() == tQuestion
		p.next()
		s.Span = p.since(start)
		return s
	default:
	}
	return nil
}

func callable(x Node) bool {
	switch x.(type) {
	case *Name, *Select, *Group, *Call:
		return true
	default:
		return false
	}
}

// arrowAfter says whether "->" follows the parentheses here.
func (p *parser) arrowAfter() bool {
	pair := int(p.toks[p.i].pair)
	return pair >= 0 && p.toks[pair+1].kind == tArrow && p.version == Two && p.toks[p.i-1].kind != tName
}

// typeArguments is the token behind <T, U> if a call with them stands here, or 0.
func (p *parser) typeArguments() int {
	if p.i == 0 || p.toks[p.i-1].end != p.toks[p.i].start {
		return 0
	}
	depth := 0
	for i := p.i; i < min(p.i+48, len(p.toks)-1); i++ {
		switch p.toks[i].kind {
		case tLess:
			depth++
		case tGreater:
			depth--
		case tShiftRight:
			depth -= 2
		case tName, tComma, tBar, tAmpersand:
		default:
			return 0
		}
		if depth <= 0 {
			if depth == 0 && p.toks[i+1].kind == tOpen && p.toks[i+1].start == p.toks[i].end {
				return i + 1
			}
			return 0
		}
	}
	return 0
}

// call reads the arguments of a call.
func (p *parser) call(f Node, types []Type, start int) Node {
	n := &Call{Function: f, Types: types}
	opener := p.i
	p.next()
	p.list(opener, ")", func() { n.Args = append(n.Args, p.expression()) }, func(s Span) { breakLast(n.Args, s) })
	n.Span = p.since(start)
	return n
}

// selector reads what begins with a dot.
func (p *parser) selector(x Node, start int) Node {
	s := &Select{X: x, Kind: SelectField}
	bare := false
	if p.accept(tDots) {
		s.Kind, bare = SelectDescendants, true
		if p.accept(tStar) {
			s.Kind, bare = SelectAllDescendants, false
		}
	} else {
		p.next()
		switch p.kind() {
		case tStar:
			p.next()
			s.Kind = SelectFields
		case tAmpersand:
			p.next()
			s.Kind = SelectKey
		case tCaret:
			p.next()
			s.Kind, bare = SelectMetadata, true
		case tHash:
			p.next()
			s.Kind = SelectNamespace
			s.Span = p.since(start)
			return s
		default:
		}
	}
	if p.kind() == tAt && s.Kind != SelectMetadata {
		p.next()
		switch s.Kind {
		case SelectFields, SelectAllDescendants:
			s.Kind = SelectAttributes
		case SelectDescendants:
			s.Kind = SelectDescendantAttributes
		default:
			s.Kind = SelectAttribute
		}
		bare = true
	}
	p.selected(s, bare)
	s.Span = p.since(start)
	return s
}

// selected reads the name behind the dot of a selector. With bare it may be left
// out.
func (p *parser) selected(s *Select, bare bool) {
	// What stands on the next line is no name of a selector that needs none.
	t := p.toks[p.i]
	if bare && (t.newline || t.kind == tName && t.start != p.toks[p.i-1].end) {
		return
	}
	if t.kind == tName && p.peek(1).kind == tHash && (p.peek(2).kind == tName || p.peek(2).kind == tQuote) {
		s.Prefix = p.text(p.i)
		p.next()
		p.next()
		t = p.toks[p.i]
	}
	switch {
	case t.kind == tName && !p.lostName():
		s.Name = p.text(p.i)
		p.next()
	case t.kind == tQuote:
		s.Quoted = true
		text := p.quoted()
		if len(text.Parts) == 1 && text.Parts[0].X == nil {
			s.Name = text.Parts[0].Text
		} else {
			s.Index = text
		}
	case t.kind == tOpen && !bare:
		s.Index = p.group().X
	case !bare:
		p.unexpected("the name of a field behind the dot")
	}
}

// lostName says whether the name here is no longer that of the selector before it,
// but begins the next directive or field.
func (p *parser) lostName() bool {
	t := p.toks[p.i]
	return t.newline && (p.peek(1).kind == tColon || directiveWord(p.text(p.i)) != wNone && p.peek(1).kind == tName)
}

// bracketed reads [e] and its forms.
func (p *parser) bracketed(x Node, start int) Node {
	s := &Select{X: x, Kind: SelectIndex}
	opener := p.i
	p.next()
	end := p.closing(opener, "]")
	guard := p.guard
	p.guard = false
	switch p.kind() {
	case tQuestion:
		p.next()
		s.Kind = SelectFilter
	case tStar:
		p.next()
		s.Kind = SelectFields
		if p.accept(tQuestion) {
			s.Kind = SelectAllFilter
		}
	case tAt:
		p.next()
		s.Kind = SelectAttribute
	case tAmpersand:
		p.next()
		s.Kind = SelectKey
	case tCaret:
		p.next()
		s.Kind = SelectMetadata
	default:
	}
	if s.Kind == SelectFilter || s.Kind == SelectAllFilter {
		s.Index = p.filter()
	} else {
		s.Index = p.expression()
	}
	if p.kind() == tDots && p.version == One {
		from := s.Index
		p.next()
		to := p.expression()
		s.Index = &Binary{Span{from.Bytes().Start, p.end()}, "to", from, to}
	}
	if b, ok := s.Index.(*Binary); ok && b.Op == "to" && s.Kind == SelectIndex {
		s.Kind = SelectRange
	}
	p.guard = guard
	if end < len(p.toks) {
		if p.i < end {
			p.unexpected("an operator or ]")
			s.Index = &Bad{Span{s.Index.Bytes().Start, int(p.toks[end].start)}, s.Index}
		}
		p.i = end + 1
	}
	s.Span = p.since(start)
	return s
}

// filter reads the condition of a filter, without its parentheses.
func (p *parser) filter() Node {
	if p.kind() == tOpen && !p.lambdaHere() {
		pair := p.toks[p.i].pair
		if pair >= 0 && p.toks[pair+1].kind == tCloseBracket {
			return p.group().X
		}
	}
	return p.expression()
}
