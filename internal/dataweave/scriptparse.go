package dataweave

// expression parses what binds loosest, from left to right: default, match,
// and functions between their arguments.
func (p *scriptParser) expression() (scriptNode, error) {
	if err := p.enter(); err != nil {
		return nil, err
	}
	defer func() { p.depth-- }()
	if p.tok.is("if") {
		return p.conditional()
	}
	left, err := p.or()
	depth := p.depth
	defer func() { p.depth = depth }()
	for err == nil {
		t := p.tok
		var right scriptNode
		switch {
		case t.is("default"):
			if err = p.operator(); err == nil {
				right, err = p.or()
				left = &coalesceNode{left, right}
			}
		case t.is("to"):
			if err = p.operator(); err == nil {
				right, err = p.or()
				left = &rangeNode{left, right, t.pos}
			}
		case t.is("match") && p.ahead(func() bool { return p.next() && p.tok.is("{") }):
			if err = p.operator(); err == nil {
				left, err = p.match(left)
			}
		case t.kind == tokenName && p.infix(t.text):
			if err = p.operator(); err == nil {
				left, err = p.infixCall(left, t.token)
			}
		default:
			return left, nil
		}
	}
	return nil, err
}

// operator passes over an operator; a long chain of them is nested too.
func (p *scriptParser) operator() error {
	if err := p.enter(); err != nil {
		return err
	}
	return p.advance()
}

// infix says whether a name is a function that may stand between its arguments.
func (p *scriptParser) infix(name string) bool {
	if fn := p.declaredFunction(name); fn != nil {
		return len(fn.names) == 2
	}
	b, ok := p.builtin(name)
	return ok && b.max >= 2
}

func (p *scriptParser) infixCall(left scriptNode, t token) (scriptNode, error) {
	if p.declaredFunction(t.text) != nil {
		right, err := p.or()
		if err != nil {
			return nil, err
		}
		return p.userCall(t, []scriptNode{left, right}), nil
	}
	b, _ := p.builtin(t.text)
	n := &builtinCall{builtin: b, args: []scriptNode{left}, pos: t.pos}
	if err := p.argument(n, 1, p.or); err != nil {
		return nil, err
	}
	if b.name != "replace" {
		return n, b.complete(n)
	}
	return p.with(n)
}

// with parses what replaces: replace /…/ with "…".
func (p *scriptParser) with(n *builtinCall) (scriptNode, error) {
	if err := p.expect("with", "and what replaces"); err != nil {
		return nil, err
	}
	var err error
	n.lambda, err = p.lambda([]string{"$", "$$"}, p.or)
	return n, err
}

// argument parses argument i of a call of a built-in function.
func (p *scriptParser) argument(n *builtinCall, i int, parse func() (scriptNode, error)) error {
	var err error
	switch {
	case n.builtin.parameters > 0 && i == 1:
		n.lambda, err = p.lambda(dollars()[:n.builtin.parameters], parse)
		return err
	case n.builtin.regex && i == 1 && p.tok.is("/"):
		n.regex, err = p.regex()
		return err
	}
	arg, err := parse()
	n.args = append(n.args, arg)
	return err
}

func dollars() []string { return []string{"$", "$$", "$$$"} }

func (p *scriptParser) or() (scriptNode, error) { return p.logical("or", p.and) }

func (p *scriptParser) and() (scriptNode, error) { return p.logical("and", p.negation) }

func (p *scriptParser) logical(op string, operand func() (scriptNode, error)) (scriptNode, error) {
	first, err := operand()
	if err != nil || !p.tok.is(op) {
		return first, err
	}
	n := &logicalNode{op: op, operands: []scriptNode{first}, pos: p.tok.pos}
	for p.tok.is(op) {
		if err := p.advance(); err != nil {
			return nil, err
		}
		next, err := operand()
		if err != nil {
			return nil, err
		}
		n.operands = append(n.operands, next)
	}
	return n, nil
}

// negation parses `not`, as in settings: an expression that depends on how far
// it reaches is refused.
func (p *scriptParser) negation() (scriptNode, error) {
	t := p.tok
	if !t.is("not") {
		return p.equality()
	}
	if err := p.operator(); err != nil {
		return nil, err
	}
	defer func() { p.depth-- }()
	n, err := p.negation()
	if err != nil {
		return nil, err
	}
	if p.tok.is("and") || p.tok.is("or") || p.tok.is("default") {
		return nil, errorf(t.pos, "how far `not` reaches is ambiguous before %q; write (not x) or not (x …)", p.tok.text)
	}
	return &notNode{n, t.pos}, nil
}

func (p *scriptParser) equality() (scriptNode, error) { return p.binary(p.relation, "==", "!=") }

func (p *scriptParser) relation() (scriptNode, error) {
	left, err := p.binary(p.additive, "<", ">", "<=", ">=")
	if err != nil || !p.tok.is("is") {
		return left, err
	}
	if err := p.advance(); err != nil {
		return nil, err
	}
	kind, err := p.typeName()
	return &isNode{left, kind}, err
}

func (p *scriptParser) additive() (scriptNode, error) {
	return p.binary(p.multiplicative, "++", "--", "+", "-")
}

func (p *scriptParser) multiplicative() (scriptNode, error) { return p.binary(p.cast, "*", "/") }

// binary parses operators that associate to the left.
func (p *scriptParser) binary(operand func() (scriptNode, error), ops ...string) (scriptNode, error) {
	left, err := operand()
	depth := p.depth
	defer func() { p.depth = depth }()
	for err == nil {
		op, found := p.tok, false
		for _, s := range ops {
			found = found || op.kind == tokenSymbol && op.text == s
		}
		if !found {
			return left, nil
		}
		if err = p.operator(); err != nil {
			break
		}
		var right scriptNode
		right, err = operand()
		left = &binaryNode{op.text, left, right, op.pos}
	}
	return nil, err
}

// cast parses `x as Type {format: "…"}`.
func (p *scriptParser) cast() (scriptNode, error) {
	n, err := p.unary()
	depth := p.depth
	defer func() { p.depth = depth }()
	for err == nil && p.tok.is("as") {
		c := &castNode{operand: n, pos: p.tok.pos}
		if err = p.operator(); err != nil {
			break
		}
		at := p.tok.pos
		if c.to, err = p.typeName(); err != nil {
			break
		}
		switch c.to {
		case "String", "Number", "Boolean":
		default:
			return nil, errorf(at, "a cast to %s is not supported; cast to String, Number or Boolean", c.to)
		}
		if p.tok.is("{") {
			err = p.format(c)
		}
		n = c
	}
	return n, err
}

// format parses {format: "…"} behind a cast.
func (p *scriptParser) format(c *castNode) error {
	at := p.tok.pos
	for _, want := range [...]string{"{", "format", ":"} {
		if err := p.expect(want, "of a format, as in {format: \"0.00\"}"); err != nil {
			return err
		}
	}
	pattern := p.tok
	if pattern.kind != tokenString || pattern.parts != nil {
		return p.unexpected("a format in quotes")
	}
	if c.to != "String" {
		return errorf(at, "a format is supported for `as String` only")
	}
	if err := p.advance(); err != nil {
		return err
	}
	var err error
	if c.format, err = compileFormat(pattern.text); err != nil {
		return errorf(pattern.pos, "%v", err)
	}
	return p.expect("}", "to close the format")
}

// typeName parses a type; what stands in < > is not looked at.
func (p *scriptParser) typeName() (string, error) {
	name := p.tok
	switch name.text {
	case "String", "Number", "Boolean", "Array", "Object", "Null", "Any", "Key":
	default:
		if name.kind == tokenName {
			return "", errorf(name.pos, "the type %.40q is not supported; there are String, Number, Boolean, Array, Object, Null and Any", name.text)
		}
		return "", p.unexpected("a type")
	}
	if err := p.advance(); err != nil {
		return "", err
	}
	if !p.tok.is("<") || name.text != "Array" && name.text != "Object" {
		return name.text, nil
	}
	return "", errorf(p.tok.pos, "a type of elements (<…>) is not supported; write %s alone", name.text)
}

func (p *scriptParser) unary() (scriptNode, error) {
	t := p.tok
	if !t.is("!") && !t.is("-") || t.kind != tokenSymbol {
		return p.selection()
	}
	if err := p.operator(); err != nil {
		return nil, err
	}
	defer func() { p.depth-- }()
	if t.text == "-" && p.tok.kind == tokenNumber {
		v, ok := parseNumber("-" + p.tok.text)
		if !ok {
			return nil, p.unexpected("a number")
		}
		return constantNode{v}, p.advance()
	}
	n, err := p.unary()
	if err != nil {
		return nil, err
	}
	if t.text == "-" {
		return &binaryNode{"-", constantNode{Number(0)}, n, t.pos}, nil
	}
	return &notNode{n, t.pos}, nil
}

func (p *scriptParser) conditional() (scriptNode, error) {
	n := &conditionalNode{pos: p.tok.pos}
	if err := p.advance(); err != nil {
		return nil, err
	}
	if !p.tok.is("(") {
		return nil, p.unexpected("( and the condition")
	}
	var err error
	if n.condition, err = p.parentheses(); err != nil {
		return nil, err
	}
	if n.yes, err = p.expression(); err != nil {
		return nil, err
	}
	if err = p.expect("else", ": an `if` needs both branches"); err != nil {
		return nil, err
	}
	n.no, err = p.expression()
	return n, err
}
