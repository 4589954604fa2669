package syntax

import "strings"

// script reads a whole script.
func (p *parser) script() *Script {
	s := &Script{}
	end := len(p.toks) - 1
	s.Directives, s.Separated = p.header(end)
	if p.kind() == tEnd {
		if len(s.Directives) == 0 && !s.Separated || s.Separated {
			p.unexpected("an expression")
			s.Body = p.missing()
		}
		return s
	}
	if len(s.Directives) > 0 && !s.Separated {
		p.unexpected("a directive, or --- before the body")
	}
	s.Body = p.body(end)
	return s
}

// body reads an expression, or fields without braces, up to a token, and goes on
// behind what it can't be.
func (p *parser) body(end int) Node {
	start := p.start()
	var x Node
	if p.keyHere() || p.kind() == tOpen && !p.lambdaHere() && p.fieldsHere() && (p.peek(1).kind != tOpen || p.conditionBehind()) {
		x = p.bareObject(end)
	} else {
		x = p.expression()
	}
	start = min(start, x.Bytes().Start)
	p.accept(tSemicolon)
	rest := false
	for p.i < end && p.kind() != tEnd && (end < len(p.toks)-1 || !p.kind().closes() || p.depth == 0) {
		at := p.start()
		before := p.i
		p.unexpected("an operator, or the end")
		rest = true
		if p.starts(p.i) && !p.directiveHere() {
			p.told = p.i
			more := p.expression()
			x = p.both(x, &Bad{p.since(at), more}, start)
		} else {
			p.next()
		}
		if p.i == before {
			p.next()
		}
	}
	if _, ok := x.(*Bad); rest && !ok {
		x = &Bad{p.since(start), x}
	}
	return x
}

// conditionBehind says whether the parentheses here have a condition behind them.
func (p *parser) conditionBehind() bool {
	pair := int(p.toks[p.i].pair)
	return pair > 0 && (p.toks[pair+1].word == wIf || p.toks[pair+1].word == wWhen)
}

// both keeps two expressions of which the second stands where none may.
func (p *parser) both(a, b Node, start int) Node {
	if bad, ok := a.(*Bad); ok {
		if list, ok := bad.X.(*Array); ok && list.Start == start && list.Bytes() == bad.Span {
			list.Items = append(list.Items, b)
			list.Span, bad.Span = p.since(start), p.since(start)
			return bad
		}
	}
	s := p.since(start)
	return &Bad{s, &Array{s, []Node{a, b}}}
}

// header reads directives and "---".
func (p *parser) header(end int) (list []Directive, separated bool) {
	for p.i < end {
		switch {
		case p.accept(tSeparator):
			return list, true
		case p.directiveHere():
			list = append(list, p.directive())
		case len(list) > 0 && p.separatorAhead(end):
			p.unexpected("a directive or ---")
			start := p.start()
			for p.i < end && p.kind() != tSeparator && (!p.toks[p.i].newline || !p.directiveHere() || p.start() == start) {
				p.i++
			}
			list = append(list, &Bad{Span: p.since(start)})
		default:
			return list, false
		}
	}
	return list, false
}

// separatorAhead says whether "---" stands between here and end, brackets passed
// over.
func (p *parser) separatorAhead(end int) bool {
	for i := p.i; i < end; i++ {
		switch t := p.toks[i]; {
		case t.kind == tSeparator:
			return true
		case t.kind.opens() && t.pair >= 0:
			i = int(t.pair)
		}
	}
	return false
}

// directiveHere says whether a directive begins here.
func (p *parser) directiveHere() bool {
	i := p.i
	switch p.toks[i].kind {
	case tPercent:
		return p.peek(1).kind == tName && p.toks[i+1].start == p.toks[i].end
	case tAt:
		return p.annotationHere()
	case tName:
	default:
		return false
	}
	w := p.toks[i].word
	if w < wVar {
		return false
	}
	next := p.peek(1)
	switch w {
	case wType:
		return next.kind == tName && !next.newline && (p.peek(2).kind == tAssign || p.peek(2).kind == tLess)
	case wVar, wFun, wAnnotation:
		return next.kind == tName && next.word != wIs && next.word != wAs
	case wNs:
		return next.kind == tName && p.peek(2).kind == tRaw
	case wImport:
		return next.kind == tName && next.word < wVar || next.kind == tStar
	case wInput:
		return next.kind == tName && (p.peek(2).kind == tRaw || p.peek(2).kind == tColon || p.toks[i].newline && p.peek(2).kind == tName && !p.peek(2).newline)
	case wOutput:
		return next.kind == tRaw || next.kind == tColon && p.peek(2).kind == tName && p.peek(3).kind != tComma && p.toks[i].newline || next.kind == tName && next.word == wNone && p.toks[i].newline && !next.newline
	default:
		return false
	}
}

// annotationHere says whether an annotation stands here at the beginning of a line.
func (p *parser) annotationHere() bool {
	return p.toks[p.i].newline && p.peek(1).kind == tName
}

// directive reads one directive.
func (p *parser) directive() Directive {
	var annotations []Annotation
	start := p.start()
	for p.kind() == tAt && p.peek(1).kind == tName {
		annotations = append(annotations, p.annotation())
	}
	if p.accept(tPercent) && p.text(p.i) == "dw" {
		p.next()
		d := &Declared{}
		at := p.start()
		for p.kind() == tNumber || p.kind() == tDot {
			p.next()
		}
		d.Text = p.src[at:max(at, p.end())]
		if d.Text == "" {
			p.unexpected("the version, as %dw 2.0")
		}
		d.Span = p.since(start)
		return d
	}
	w := p.word()
	p.next()
	switch w {
	case wVar:
		return p.varDirective(start, annotations)
	case wFun:
		return p.funDirective(start, annotations)
	case wType:
		return p.typeDirective(start)
	case wImport:
		return p.importDirective(start)
	case wNs:
		n := &NamespaceOf{Prefix: p.name("the prefix of the namespace")}
		if p.kind() == tRaw {
			n.URI = p.text(p.i)
			p.next()
		} else {
			p.unexpected("the URI of the namespace")
		}
		n.Span = p.since(start)
		return n
	case wInput, wOutput:
		return p.formatDirective(start, w == wOutput)
	case wAnnotation:
		n := &AnnotationOf{Name: p.name("the name of an annotation")}
		if p.kind() == tOpen {
			n.Params = p.params()
		}
		n.Span = p.since(start)
		return n
	default:
		p.i = max(p.i-1, 0)
		p.unexpected("a directive: var, fun, type, ns, import, input, output or annotation")
		p.next()
		return &Bad{Span: p.since(start)}
	}
}

func (p *parser) annotation() Annotation {
	a := Annotation{Span: Span{Start: p.start()}}
	p.next()
	a.Name = p.name("the name of an annotation")
	if p.kind() == tOpen && !p.toks[p.i].newline {
		opener := p.i
		p.next()
		p.list(opener, ")", func() {
			at := p.start()
			if p.kind() == tName && p.peek(1).kind == tAssign {
				name := &Name{Span{at, int(p.toks[p.i].end)}, p.text(p.i)}
				p.next()
				p.next()
				value := p.expression()
				a.Args = append(a.Args, &Binary{p.since(at), "=", name, value})
				return
			}
			a.Args = append(a.Args, p.expression())
		}, func(s Span) { breakLast(a.Args, s) })
	}
	a.Span = p.since(a.Start)
	return a
}

func (p *parser) varDirective(start int, annotations []Annotation) Directive {
	n := &Var{Name: p.name("the name of a variable"), Annotations: annotations}
	if p.accept(tColon) {
		n.Type = p.readType()
	}
	n.Value = p.initial()
	n.Span = p.since(start)
	return n
}

// initial reads "=" and the value of a declaration, which may be fields without
// braces in version 1.
func (p *parser) initial() Node {
	x := p.assigned()
	start := x.Bytes().Start
	// What goes on in the same line and is no directive is part of the mistake.
	if p.kind() != tEnd && p.kind() != tSeparator && !p.directiveHere() && p.i < len(p.toks)-1 && !p.toks[p.i].newline && !p.kind().closes() {
		p.unexpected("an operator, a directive or ---")
		for p.kind() != tEnd && p.kind() != tSeparator && !p.toks[p.i].newline && !p.kind().closes() {
			if t := p.toks[p.i]; t.kind.opens() && t.pair >= 0 {
				p.i = int(t.pair)
			}
			p.next()
		}
		x = &Bad{p.since(start), x}
	}
	return x
}

func (p *parser) funDirective(start int, annotations []Annotation) Directive {
	n := &Fun{Name: p.name("the name of a function"), Annotations: annotations}
	f := &Lambda{Span: Span{Start: p.start()}}
	if p.kind() == tLess {
		f.Types = p.typeParameters()
	}
	if p.kind() == tOpen {
		f.Params = p.params()
	} else {
		p.unexpected("( and the parameters of the function")
	}
	if p.accept(tColon) {
		f.Result = p.readType()
	}
	if p.version == One && p.kind() != tAssign {
		f.Body = p.expression()
	} else {
		f.Body = p.initial()
	}
	if f.Body != nil { // what is missing stands at the end of what is before it
		f.Start = min(f.Start, f.Body.Bytes().Start)
	}
	f.Span = p.since(f.Start)
	n.Lambda = f
	n.Span = p.since(start)
	return n
}

func (p *parser) typeDirective(start int) Directive {
	n := &TypeOf{Name: p.name("the name of a type")}
	if p.kind() == tLess {
		n.Parameters = p.typeParameters()
	}
	if !p.accept(tAssign) {
		p.unexpected("= and a type")
	}
	n.Type = p.readType()
	n.Span = p.since(start)
	return n
}

func (p *parser) importDirective(start int) Directive {
	n := &Import{}
	if p.accept(tStar) {
		n.All = true
	} else {
		for {
			one := Imported{Name: p.name("a name or a module")}
			if p.acceptWord(wAs) {
				one.Alias = p.name("another name")
			}
			n.Names = append(n.Names, one)
			if !p.accept(tComma) {
				break
			}
		}
	}
	switch {
	case p.kind() == tName && p.text(p.i) == "from":
		p.next()
		n.Module = p.name("a module")
	case n.All || len(n.Names) > 1:
		p.unexpected("from and a module")
	default:
		n.Module, n.Alias, n.Names = n.Names[0].Name, n.Names[0].Alias, nil
		if n.Module == "from" {
			p.unexpected("a name or a module")
		}
	}
	n.Span = p.since(start)
	return n
}

// formatDirective reads "input name type" and "output type" with their properties.
func (p *parser) formatDirective(start int, output bool) Directive {
	n := &Format{Output: output}
	if !output {
		n.Name = p.name("the name of the input")
	}
	if p.accept(tColon) {
		n.Type = p.readType()
	}
	at := p.start()
	if p.kind() == tRaw || p.kind() == tName && !p.toks[p.i].newline && p.peek(1).kind != tAssign {
		p.next()
		if p.kind() == tName && p.text(p.i) == "with" {
			p.next()
			p.name("the name of a format")
		}
		n.MIME = strings.Join(strings.Fields(p.src[at:p.end()]), " ")
	} else if n.Type == nil {
		p.unexpected("a media type, as application/json")
	}
	for {
		comma := p.kind() == tComma
		if i := p.i + b2i(comma); p.toks[i].kind != tName || p.toks[min(i+1, len(p.toks)-1)].kind != tAssign {
			break
		}
		p.accept(tComma)
		v := Property{Span: Span{Start: p.start()}, Name: p.text(p.i)}
		p.next()
		p.next()
		v.Value = p.binary(powerUnary)
		v.Span = p.since(v.Start)
		n.Properties = append(n.Properties, v)
	}
	n.Span = p.since(start)
	return n
}

func b2i(b bool) int {
	if b {
		return 1
	}
	return 0
}
