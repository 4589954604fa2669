package dataweave

import (
	"slices"
	"strings"
)

// operand parses what stands between operators.
func (p *scriptParser) operand() (scriptNode, error) {
	t := p.tok
	switch t.kind {
	case tokenString:
		return p.text()
	case tokenNumber:
		return constantNode{t.num}, p.advance()
	case tokenName:
		return p.named()
	default:
	}
	switch {
	case t.is("("):
		if p.lambdaHere() {
			return nil, p.noValue(t.pos)
		}
		return p.parentheses()
	case t.is("["):
		return p.array()
	case t.is("{"):
		return p.braces()
	case t.is("$"), t.is("$$"):
		return p.dollar()
	case t.is("/"):
		return nil, errorf(t.pos, "a regular expression can't stand here; it is an argument of replace, splitBy, match, matches, scan and contains")
	}
	return nil, p.unexpected(wantOperand)
}

func (p *scriptParser) noValue(pos int) error {
	return errorf(pos, "a function is no value here; write it where map, filter and their like take it, or declare it with fun")
}

// text parses a string, whose $(…) are expressions.
func (p *scriptParser) text() (scriptNode, error) {
	t := p.tok
	if t.parts == nil {
		return constantNode{String(t.text)}, p.advance()
	}
	n := &templateNode{pos: t.pos}
	after, src := p.lex.pos, p.lex.src
	for _, one := range t.parts {
		if one.to == 0 {
			n.parts = append(n.parts, constantNode{String(one.text)})
			continue
		}
		p.lex.src, p.lex.pos = src[:one.to], one.from
		if err := p.advance(); err != nil {
			return nil, err
		}
		inner, err := p.expression()
		if err != nil {
			return nil, err
		}
		if p.tok.kind != tokenEnd {
			return nil, p.unexpected(wantOperator)
		}
		n.parts = append(n.parts, inner)
	}
	p.lex.src, p.lex.pos = src, after
	return n, p.advance()
}

// unguarded parses something inside brackets, where a lambda may stand again.
func (p *scriptParser) unguarded(parse func() (scriptNode, error)) (scriptNode, error) {
	guard := p.guard
	p.guard = false
	n, err := parse()
	p.guard = guard
	return n, err
}

func (p *scriptParser) parentheses() (scriptNode, error) {
	return p.unguarded(func() (scriptNode, error) {
		if err := p.expect("(", "to open"); err != nil {
			return nil, err
		}
		n, err := p.expression()
		if err != nil {
			return nil, err
		}
		return n, p.expect(")", "to close the parenthesis")
	})
}

func (p *scriptParser) array() (scriptNode, error) {
	return p.unguarded(func() (scriptNode, error) {
		n := &arrayNode{pos: p.tok.pos}
		return n, p.list("[", "]", func() error {
			item, err := p.expression()
			n.items = append(n.items, item)
			return err
		})
	})
}

// list parses what stands between two brackets, parted by commas.
func (p *scriptParser) list(opening, closing string, item func() error) error {
	if err := p.expect(opening, "to open"); err != nil {
		return err
	}
	for first := true; ; first = false {
		closed, err := p.accept(closing)
		if closed || err != nil {
			return err
		}
		if !first {
			if err := p.expect(",", "or "+closing); err != nil {
				return err
			}
			if p.tok.is(closing) {
				continue
			}
		}
		if err := item(); err != nil {
			return err
		}
	}
}

// braces parses an Object.
func (p *scriptParser) braces() (scriptNode, error) {
	return p.unguarded(func() (scriptNode, error) {
		n := &objectNode{pos: p.tok.pos}
		return n, p.list("{", "}", func() error {
			e, err := p.entry()
			n.entries = append(n.entries, e)
			return err
		})
	})
}

// entry parses key: value, (key): value, (key: value) if condition, and an
// Object in parentheses whose entries are added.
func (p *scriptParser) entry() (entryNode, error) {
	if p.keyHere() {
		return p.keyed()
	}
	if !p.tok.is("(") {
		return entryNode{}, p.unexpected("a key and a colon")
	}
	e := entryNode{pos: p.tok.pos}
	if err := p.enter(); err != nil {
		return e, err
	}
	defer func() { p.depth-- }()
	if err := p.advance(); err != nil {
		return e, err
	}
	if p.keyHere() {
		return p.conditionalEntry(e, nil)
	}
	inner, err := p.expression()
	if err != nil {
		return e, err
	}
	if p.tok.is(":") || p.tok.is("@") {
		return p.conditionalEntry(e, inner)
	}
	if err := p.expect(")", "to close the parenthesis"); err != nil {
		return e, err
	}
	if p.tok.is(":") || p.tok.is("@") {
		e.key = inner
		return p.valued(e)
	}
	e.spread = inner
	return p.conditioned(e)
}

// conditionalEntry parses (key: value, …) if condition, of which the
// parenthesis, and the key if it is an expression, are read.
func (p *scriptParser) conditionalEntry(e entryNode, key scriptNode) (entryNode, error) {
	group := &objectNode{pos: e.pos}
	for {
		var one entryNode
		var err error
		if key != nil {
			one, err = p.valued(entryNode{key: key, pos: e.pos})
			key = nil
		} else {
			one, err = p.entry()
		}
		if err != nil {
			return e, err
		}
		group.entries = append(group.entries, one)
		if more, err := p.accept(","); err != nil {
			return e, err
		} else if !more {
			break
		}
	}
	if err := p.expect(")", "to close the parenthesis"); err != nil {
		return e, err
	}
	e.spread = group
	return p.conditioned(e)
}

// conditioned parses the condition of an entry, if there is one.
func (p *scriptParser) conditioned(e entryNode) (entryNode, error) {
	found, err := p.accept("if")
	if found && err == nil {
		e.condition, err = p.or()
	}
	return e, err
}

// keyed parses a key that is written out, and its value.
func (p *scriptParser) keyed() (entryNode, error) {
	e := entryNode{pos: p.tok.pos}
	var err error
	if e.key, e.space, err = p.key(); err != nil {
		return e, err
	}
	return p.valued(e)
}

// key parses a name, a string or a number, with a namespace's prefix if it has one.
func (p *scriptParser) key() (scriptNode, *namespace, error) {
	t := p.tok
	if t.kind == tokenName && p.ahead(func() bool { return p.next() && p.tok.is("#") }) {
		space := p.spaces[t.text]
		if space == nil {
			return nil, nil, errorf(t.pos, "the namespace %.40q is not declared; write ns %.40s and its URI above ---", t.text, t.text)
		}
		for range 2 {
			if err := p.advance(); err != nil {
				return nil, nil, err
			}
		}
		n, _, err := p.key()
		return n, space, err
	}
	switch t.kind {
	case tokenString:
		n, err := p.text()
		return n, nil, err
	case tokenName, tokenNumber:
		return constantNode{String(t.text)}, nil, p.advance()
	default:
		return nil, nil, p.unexpected("a key")
	}
}

// valued parses @(attributes), the colon and the value.
func (p *scriptParser) valued(e entryNode) (entryNode, error) {
	if found, err := p.accept("@"); err != nil {
		return e, err
	} else if found {
		e.attributes = &objectNode{pos: p.tok.pos}
		if err := p.list("(", ")", func() error {
			one, err := p.entry()
			e.attributes.entries = append(e.attributes.entries, one)
			return err
		}); err != nil {
			return e, err
		}
	}
	if err := p.expect(":", "and a value"); err != nil {
		return e, err
	}
	var err error
	e.value, err = p.expression()
	return e, err
}

// dollar parses a parameter of the function around it.
func (p *scriptParser) dollar() (scriptNode, error) {
	t := p.tok
	if err := p.advance(); err != nil {
		return nil, err
	}
	name := t.text
	if name == "$$" && p.tok.is("$") && p.tok.pos == t.end {
		name = "$$$"
		if err := p.advance(); err != nil {
			return nil, err
		}
	}
	for s := p.scope; s != nil; s = s.parent {
		if i := slices.Index(s.names, name); i >= 0 && s.implicit {
			return &reference{name: name, pos: t.pos, hops: p.scope.level - s.level, slot: i}, nil
		} else if s.implicit && len(s.names) > 1 {
			return nil, errorf(t.pos, "%s has no meaning here; the function around it gives fewer parameters", name)
		}
	}
	return nil, errorf(t.pos, "%s stands for a parameter of map, filter and their like, and there is none around it", name)
}

// named parses what begins with a name.
func (p *scriptParser) named() (scriptNode, error) {
	t := p.tok.token
	switch t.text {
	case "true", "false":
		return constantNode{Bool(t.text == "true")}, p.advance()
	case "null":
		return constantNode{Null()}, p.advance()
	case "if":
		return p.conditional()
	case "do":
		return p.do()
	case "not":
		return nil, errorf(t.pos, "`not` after an operator is ambiguous; put it into parentheses: (not x)")
	case "else", "and", "or", "default", "as", "is", "match", "case", "var", "fun", "import", "output", "with", "to":
		if !p.ahead(func() bool { return p.next() && p.tok.is("(") }) {
			return nil, p.unexpected(wantOperand)
		}
	}
	if err := p.advance(); err != nil {
		return nil, err
	}
	if p.tok.is("(") && p.tok.pos == t.end {
		return p.call(t)
	}
	if i := slices.Index(roots[:], t.text); i >= 0 && !p.declared(t.text) {
		p.reads[i] = true
		return rootNode(i), nil
	}
	if strings.Contains(t.text, "::") {
		return nil, errorf(t.pos, "unknown name %.60q", t.text)
	}
	ref := &reference{name: t.text, pos: t.pos, level: p.scope.level}
	p.scope.pending = append(p.scope.pending, ref)
	return ref, nil
}

// call parses the arguments of a function.
func (p *scriptParser) call(t token) (scriptNode, error) {
	if b, ok := p.builtin(t.text); ok && p.declaredFunction(t.text) == nil {
		return p.builtinCall(b, t)
	}
	var args []scriptNode
	_, err := p.unguarded(func() (scriptNode, error) {
		return nil, p.list("(", ")", func() error {
			arg, err := p.expression()
			args = append(args, arg)
			return err
		})
	})
	if err != nil {
		return nil, err
	}
	return p.userCall(t, args), nil
}

func (p *scriptParser) builtinCall(b builtin, t token) (scriptNode, error) {
	n := &builtinCall{builtin: b, pos: t.pos}
	count := 0
	_, err := p.unguarded(func() (scriptNode, error) {
		return nil, p.list("(", ")", func() error {
			count++
			return p.argument(n, count-1, p.expression)
		})
	})
	if err != nil {
		return nil, err
	}
	if count < b.min || count > b.max {
		return nil, errorf(t.pos, "%s has %d arguments here; it takes %s", b.name, count, function{min: b.min, max: b.max}.arity())
	}
	if b.name == "replace" {
		return p.with(n)
	}
	return n, b.complete(n)
}

func (p *scriptParser) userCall(t token, args []scriptNode) *userCall {
	n := &userCall{args: args, pos: t.pos}
	p.scope.pending = append(p.scope.pending, &reference{name: t.text, pos: t.pos, level: p.scope.level, call: n})
	return n
}
