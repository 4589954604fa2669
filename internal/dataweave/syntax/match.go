package syntax

// match reads what stands behind "x match".
func (p *parser) match(x Node, start int) Node {
	n := &Match{X: x}
	p.cases(func() {
		if c := p.matchCase(); c != nil {
			n.Cases = append(n.Cases, c)
		}
	})
	n.Span = p.since(start)
	return n
}

// cases reads cases in braces, and goes on with the next one behind what is none.
func (p *parser) cases(one func()) {
	opener := p.i
	p.next()
	end := p.closing(opener, "}")
	guard := p.guard
	p.guard = false
	for p.i < end && !p.listEnds(end) {
		if before := p.i; p.word() == wCase || p.word() == wElse || p.version == One && p.kind() != tComma {
			one()
			if p.i == before {
				p.unexpected("a pattern")
				p.next()
			}
			p.accept(tComma)
			continue
		}
		p.unexpected("case, else or }")
		for p.i < end && p.word() != wCase && p.word() != wElse && !p.listEnds(end) {
			if t := p.toks[p.i]; t.kind.opens() && t.pair >= 0 {
				p.i = int(t.pair)
			}
			p.next()
		}
	}
	p.guard = guard
	if end < len(p.toks) {
		p.i = end + 1
	}
}

// matchCase reads one case.
func (p *parser) matchCase() *Case {
	c := &Case{Span: Span{Start: p.start()}, Else: p.word() == wElse || p.word() == wDefault}
	if c.Else || p.word() == wCase {
		p.next()
	}
	if p.bindHere() {
		c.Bind = p.text(p.i)
		p.next()
		p.accept(tColon)
	}
	p.pattern(c)
	c.If, c.Body = p.caseRest()
	c.Span = p.since(c.Start)
	return c
}

// bindHere says whether a name for the value stands here.
func (p *parser) bindHere() bool {
	if p.kind() != tName || p.word() == wIs || p.word() == wIf || p.word() == wTrue || p.word() == wFalse || p.word() == wNull {
		return false
	}
	if t := p.peek(1); t.kind == tColon || t.kind == tArrow || t.kind == tName && (t.word == wIs || t.word == wIf || t.word == wWhen || t.word == wMatches || t.word == wAt) {
		return true
	}
	return false
}

// pattern reads the pattern of a case.
func (p *parser) pattern(c *Case) {
	switch {
	case p.kind() == tArrow || p.word() == wIf || p.word() == wWhen:
	case p.kind() == tColon && p.version == One:
		c.Is = p.readType()
	case p.acceptWord(wIs):
		arrow := p.arrow
		p.arrow = 1
		c.Is = p.readType()
		p.arrow = arrow
	case p.word() == wMatches:
		p.next()
		c.Regexp = true
		c.Pattern = p.casePattern()
	case p.kind() == tOpenBracket:
		c.Pattern = p.arrayPattern()
	case p.kind() == tOpenBrace:
		c.Pattern = p.objectPattern()
	default:
		c.Pattern = p.casePattern()
		// A regular expression is compared with nothing: the value must match it.
		_, c.Regexp = c.Pattern.(*Regex)
	}
}

func (p *parser) casePattern() Node {
	guard := p.guard
	p.guard = true
	x := p.binary(powerAdd)
	p.guard = guard
	return x
}

// caseRest reads the condition of a case and what it gives.
func (p *parser) caseRest() (cond, body Node) {
	if p.acceptWord(wIf) || p.acceptWord(wWhen) {
		guard := p.guard
		p.guard = true
		cond = p.binary(powerLow)
		p.guard = guard
	}
	if !p.accept(tArrow) {
		p.unexpected("-> and what the case gives")
		if !p.starts(p.i) {
			return cond, p.missing()
		}
	}
	return cond, p.expression()
}

// arrayPattern reads [first ~ rest] and [a, b].
func (p *parser) arrayPattern() Node {
	start := p.start()
	n := &Array{}
	opener := p.i
	p.next()
	p.list(opener, "]", func() {
		n.Items = append(n.Items, p.casePattern())
		if p.kind() == tTilde {
			n.Items = append(n.Items, p.rest())
		}
	}, func(s Span) { breakLast(n.Items, s) })
	n.Span = p.since(start)
	return n
}

// rest reads "~ name".
func (p *parser) rest() Node {
	start := p.start()
	p.next()
	x := p.binary(powerUnary)
	return &Unary{p.since(start), "~", x}
}

// objectPattern reads {key: value ~ rest}.
func (p *parser) objectPattern() Node {
	start := p.start()
	n := &Object{}
	opener := p.i
	p.next()
	p.list(opener, "}", func() {
		f := &Field{Span: Span{Start: p.start()}}
		if p.keyHere() {
			p.key(f)
			p.accept(tColon)
			f.Value = p.casePattern()
		} else {
			f.Value = p.expression()
			f.Value = &Bad{f.Value.Bytes(), f.Value}
			p.unexpected("a key and a name, as key: name")
		}
		f.Span = p.since(f.Start)
		n.Fields = append(n.Fields, f)
		if p.kind() == tTilde {
			x := p.rest()
			n.Fields = append(n.Fields, &Field{Span: x.Bytes(), Value: x})
		}
	}, func(s Span) { breakField(n.Fields, s) })
	n.Span = p.since(start)
	return n
}

// update reads what stands behind "x update".
func (p *parser) update(x Node, start int) Node {
	n := &Update{X: x}
	p.cases(func() { n.Cases = append(n.Cases, p.updateCase()) })
	n.Span = p.since(start)
	return n
}

// updateCase reads "case name at .path! if (c) -> body".
func (p *parser) updateCase() *UpdateCase {
	c := &UpdateCase{Span: Span{Start: p.start()}}
	p.next()
	if p.kind() == tName && p.peek(1).word == wAt {
		c.Bind = p.text(p.i)
		p.next()
		p.next()
	}
	guard := p.guard
	p.guard = true
	at := p.start()
	path := p.postfix(&Name{Span: Span{at, at}}, at)
	p.guard = guard
	if s, ok := path.(*Select); ok {
		c.Upsert = s.Assert
		s.Assert = false
	} else {
		path = p.missing()
		p.unexpected("a selector, as .name")
		if p.kind() != tArrow && p.starts(p.i) {
			x := p.casePattern()
			path = &Bad{x.Bytes(), x}
		}
	}
	c.Path = path
	c.If, c.Body = p.caseRest()
	c.Span = p.since(c.Start)
	return c
}
