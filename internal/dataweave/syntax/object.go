package syntax

// keyHere says whether a key of an object stands here where an expression may stand
// too: a name, a text or parentheses before a colon or attributes.
func (p *parser) keyHere() bool {
	if p.kind() == tOpen {
		return p.dynamicKeyHere() && !p.lambdaHere()
	}
	return p.plainKeyHere()
}

// dynamicKeyHere says whether parentheses before a colon or attributes stand here.
func (p *parser) dynamicKeyHere() bool {
	pair := int(p.toks[p.i].pair)
	return pair > 0 && p.keyEnds(pair+1)
}

// plainKeyHere says whether a key that is no expression stands here.
func (p *parser) plainKeyHere() bool {
	switch t := &p.toks[p.i]; t.kind {
	case tName, tNumber:
		if p.keyEnds(p.i + 1) {
			return true
		}
		if p.peek(1).kind != tHash {
			return false
		}
		if local := p.peek(2); local.kind == tQuote {
			return p.keyEnds(int(local.pair) + 1)
		}
		return p.peek(2).kind == tName && p.keyEnds(p.i+3)
	case tQuote:
		return p.keyEnds(int(t.pair) + 1)
	default:
		return false
	}
}

// keyEnds says whether what stands at a token follows a key.
func (p *parser) keyEnds(i int) bool {
	i = min(i, len(p.toks)-1)
	return p.toks[i].kind == tColon || p.toks[i].kind == tAt && p.toks[min(i+1, len(p.toks)-1)].kind == tOpen
}

// fieldsHere says whether fields stand in the parentheses here, as in (a: 1) if c.
func (p *parser) fieldsHere() bool {
	p.i++
	found := p.keyHere() || p.kind() == tOpen && p.dynamicKeyHere()
	p.i--
	return found
}

// object reads {a: 1}.
func (p *parser) object() *Object {
	start := p.start()
	opener := p.i
	n := &Object{}
	if p.kind() != tOpenBrace {
		p.unexpected("{ and fields")
	}
	p.next()
	p.list(opener, p.closer(opener), func() { n.Fields = append(n.Fields, p.field()) }, func(s Span) { breakField(n.Fields, s) })
	n.Span = p.since(start)
	return n
}

// closer is what closes a bracket.
func (p *parser) closer(opener int) string {
	switch p.toks[opener].kind {
	case tOpenClosed:
		return "|}"
	case tOpenOrdered:
		return "-}"
	default:
		return "}"
	}
}

// breakField says that the last field goes on with what could not be read.
func breakField(fields []*Field, s Span) {
	if n := len(fields); n > 0 {
		f := fields[n-1]
		f.Value = &Bad{Span{f.Value.Bytes().Start, s.End}, f.Value}
		f.End = s.End
	}
}

// bareObject reads fields without braces up to a token.
func (p *parser) bareObject(end int) *Object {
	n := &Object{Bare: true}
	start := p.start()
	for {
		n.Fields = append(n.Fields, p.field())
		if p.kind() != tComma && p.i < end && p.keyHere() {
			p.unexpected("a comma")
			continue
		}
		if p.kind() != tComma {
			break
		}
		p.next()
		if p.i >= end || p.kind() == tEnd || p.kind().closes() {
			break
		}
	}
	n.Span = p.since(start)
	return n
}

// bareField reads one field without braces as an object.
func (p *parser) bareField() Node {
	f := p.field()
	return &Object{Span: f.Span, Fields: []*Field{f}, Bare: true}
}

// field reads a field, a spread, or fields in parentheses.
func (p *parser) field() *Field {
	start := p.start()
	f := &Field{}
	switch {
	case p.kind() == tOpen && !p.dynamicKeyHere():
		p.spread(f)
	case p.kind() == tOpen || p.plainKeyHere():
		p.key(f)
		if p.accept(tColon) {
			f.Value = p.expression()
		} else {
			p.unexpected(": and a value")
			f.Value = p.missing()
		}
	default:
		p.unexpected("a field, as name: value, or an expression in parentheses")
		x := p.expression()
		f.Value = &Bad{x.Bytes(), x}
	}
	f.Span = p.since(start)
	return f
}

// spread reads (…) and the condition behind it.
func (p *parser) spread(f *Field) {
	if !p.fieldsHere() && !p.conditionalInside() {
		f.Value = p.group().X
	} else {
		opener := p.i
		p.next()
		end := p.closing(opener, ")")
		o := p.bareObject(end)
		if len(o.Fields) == 1 && o.Fields[0].If == nil {
			*f = *o.Fields[0]
		} else {
			f.Value = o
		}
		if end < len(p.toks) {
			if p.i < end {
				p.unexpected("a comma or )")
				f.Value = &Bad{Span{f.Value.Bytes().Start, int(p.toks[end].start)}, f.Value}
			}
			p.i = end + 1
		}
	}
	switch p.word() {
	case wIf, wWhen:
		p.next()
		f.If = p.binary(powerLow)
	case wUnless:
		start := p.start()
		p.next()
		x := p.binary(powerLow)
		f.If = &Unary{p.since(start), "not", x}
	default:
	}
}

// conditionalInside says whether the parentheses hold conditional fields that stand
// in parentheses themselves, as ((a: 1) if c).
func (p *parser) conditionalInside() bool {
	i := p.i + 1
	for n := 0; n < 8 && p.toks[i].kind == tOpen && p.toks[i].pair >= 0; n++ {
		behind := p.toks[p.toks[i].pair+1]
		if behind.word == wIf || behind.word == wWhen {
			return true
		}
		if behind.kind != tClose {
			return false
		}
		i++
	}
	return false
}

// key reads a key and its attributes.
func (p *parser) key(f *Field) {
	if p.peek(1).kind == tHash && p.kind() == tName {
		f.Prefix = p.text(p.i)
		p.next()
		p.next()
	}
	start := p.start()
	switch p.kind() {
	case tOpen:
		f.Key = p.group().X
	case tQuote:
		f.Key = p.quoted()
	default:
		text := p.text(p.i)
		if p.kind() == tNumber {
			p.unexpected("a name or a text as key")
		}
		p.next()
		if text[0] == '$' {
			f.Key = &Name{p.since(start), text}
			break
		}
		f.Plain = true
		f.Key = &String{Span: p.since(start), Quote: '"', Parts: []Part{{Span: p.since(start), Text: text}}}
	}
	if p.kind() == tAt && p.peek(1).kind == tOpen {
		at := p.start()
		p.next()
		opener := p.i
		p.next()
		f.Attributes = &Object{Bare: true}
		p.list(opener, ")", func() { f.Attributes.Fields = append(f.Attributes.Fields, p.field()) },
			func(s Span) { breakField(f.Attributes.Fields, s) })
		f.Attributes.Span = p.since(at)
	}
}
