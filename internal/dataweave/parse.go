package dataweave

// parser is a recursive descent over the levels of precedence, the loosest
// first. It counts its own depth, so that hostile text cannot exhaust the stack.
type parser struct {
	lex   lexer
	tok   token
	depth int
	// conditionAt is where the ( of `if (x)` stands and branchAt what follows
	// its ), which begins the branch rather than a selector or an infix call:
	// `if (x) [1] else [2]`, `if (x) splitBy(s, ',') else []`.
	conditionAt, branchAt int

	reads [len(roots)]bool
}

const (
	wantOperand  = "a value"
	wantOperator = "an operator, or the closing ]"
)

func (p *parser) parse() (node, error) {
	if err := p.advance(); err != nil {
		return nil, err
	}
	n, err := p.expression()
	if err != nil {
		return nil, err
	}
	if p.tok.is("]") || p.tok.is(")") {
		return nil, errorf(p.tok.pos, "%s closes nothing; remove it, or write one #[ ] only", p.tok.text)
	}
	if p.tok.kind != tokenEnd {
		return nil, refuse(p.tok, wantOperator)
	}
	return n, nil
}

func (p *parser) advance() error {
	t, err := p.lex.next()
	p.tok = t
	return err
}

// accept passes over a symbol or keyword if it is next.
func (p *parser) accept(text string) (bool, error) {
	if !p.tok.is(text) {
		return false, nil
	}
	return true, p.advance()
}

func (p *parser) expect(text, why string) error {
	if !p.tok.is(text) {
		return refuse(p.tok, text+" "+why)
	}
	return p.advance()
}

// enter counts one level of nesting; the caller leaves with p.depth--.
func (p *parser) enter() error {
	if p.depth++; p.depth > maxNesting {
		return errorf(p.tok.pos, "nested deeper than %d; split the expression", maxNesting)
	}
	return nil
}

// expression parses a chain of `default`, which binds loosest.
func (p *parser) expression() (node, error) {
	if err := p.enter(); err != nil {
		return nil, err
	}
	defer func() { p.depth-- }()
	operands, _, err := p.chain("default", p.or)
	if err != nil || len(operands) == 1 {
		return first(operands), err
	}
	return fold(&coalesce{operands}, operands...), nil
}

func (p *parser) or() (node, error) { return p.logical("or", p.and) }

func (p *parser) and() (node, error) { return p.logical("and", p.negation) }

func (p *parser) logical(op string, operand func() (node, error)) (node, error) {
	operands, pos, err := p.chain(op, operand)
	if err != nil || len(operands) == 1 {
		return first(operands), err
	}
	return fold(&logical{op, operands, pos[0]}, operands...), nil
}

// chain parses operands that stand between operators of one name.
func (p *parser) chain(op string, operand func() (node, error)) (operands []node, pos []int, err error) {
	for {
		n, err := operand()
		if err != nil {
			return nil, nil, err
		}
		operands = append(operands, n)
		if !p.tok.is(op) {
			return operands, pos, nil
		}
		pos = append(pos, p.tok.pos)
		if err := p.advance(); err != nil {
			return nil, nil, err
		}
	}
}

func first(operands []node) node {
	if len(operands) == 0 {
		return nil
	}
	return operands[0]
}

// negation parses `not`. DataWeave lets it reach over `and` and `or`, most
// readers think it does not: an expression that depends on it is refused.
func (p *parser) negation() (node, error) {
	t := p.tok
	if !t.is("not") {
		return p.equality()
	}
	if err := p.enter(); err != nil {
		return nil, err
	}
	defer func() { p.depth-- }()
	if err := p.advance(); err != nil {
		return nil, err
	}
	n, err := p.negation()
	if err != nil {
		return nil, err
	}
	if p.tok.is("and") || p.tok.is("or") || p.tok.is("default") {
		return nil, errorf(t.pos, "how far `not` reaches is ambiguous before %q; write (not x) or not (x …)", p.tok.text)
	}
	return fold(&not{n, t.pos}, n), nil
}

func (p *parser) equality() (node, error) {
	return p.binary(p.relation, p.compare, "==", "!=")
}

func (p *parser) relation() (node, error) {
	return p.binary(p.infixCall, p.compare, "<", ">", "<=", ">=")
}

func (p *parser) compare(op token, left, right node) node {
	return &comparison{op.text, left, right, op.pos}
}

// binary parses operators that associate to the left.
func (p *parser) binary(operand func() (node, error), build func(op token, left, right node) node, ops ...string) (node, error) {
	left, err := operand()
	depth := p.depth
	defer func() { p.depth = depth }()
	for err == nil {
		op, found := p.tok, false
		for _, s := range ops {
			found = found || op.is(s)
		}
		if !found {
			break
		}
		if err = p.enter(); err != nil {
			break
		}
		if err = p.advance(); err != nil {
			break
		}
		var right node
		if right, err = operand(); err == nil {
			left = fold(build(op, left, right), left, right)
		}
	}
	return left, err
}

// infixCall parses `xs contains x`: any function of two arguments may stand
// between them.
func (p *parser) infixCall() (node, error) {
	left, err := p.sum()
	depth := p.depth
	defer func() { p.depth = depth }()
	for err == nil && p.tok.kind == tokenName && p.tok.pos != p.branchAt {
		t := p.tok
		f, ok := functionNamed(t.text)
		if !ok || f.max < 2 {
			break
		}
		if err = p.enter(); err != nil {
			break
		}
		if err = p.advance(); err != nil {
			break
		}
		var right node
		if right, err = p.sum(); err == nil {
			left = fold(&call{f, []node{left, right}, t.pos}, left, right)
		}
	}
	return left, err
}

// sum parses ++ and --, which are of one level; a run of ++ is one node.
func (p *parser) sum() (node, error) {
	operands, pos, err := p.chain("++", p.castChain)
	if err != nil {
		return nil, err
	}
	depth := p.depth
	defer func() { p.depth = depth }()
	left := join(operands, pos)
	for p.tok.is("--") {
		op := p.tok
		if err := p.enter(); err != nil {
			return nil, err
		}
		if err := p.advance(); err != nil {
			return nil, err
		}
		operands, pos, err := p.chain("++", p.castChain)
		if err != nil {
			return nil, err
		}
		left = fold(&without{left, operands[0], op.pos}, left, operands[0])
		left = join(append([]node{left}, operands[1:]...), pos)
	}
	return left, nil
}

func join(operands []node, pos []int) node {
	if len(operands) == 1 {
		return operands[0]
	}
	return fold(&concat{operands, pos}, operands...)
}

// castChain parses `x as Type`.
func (p *parser) castChain() (node, error) {
	n, err := p.unary()
	depth := p.depth
	defer func() { p.depth = depth }()
	for err == nil && p.tok.is("as") {
		pos := p.tok.pos
		if err = p.enter(); err != nil {
			break
		}
		if err = p.advance(); err != nil {
			break
		}
		var to Kind
		switch {
		case p.tok.is("String"):
			to = KindString
		case p.tok.is("Number"):
			to = KindNumber
		case p.tok.is("Boolean"):
			to = KindBool
		default:
			return nil, errorf(p.tok.pos, "a cast to this type is not part of the supported subset; cast to String, Number or Boolean")
		}
		if err = p.advance(); err == nil {
			n = fold(&cast{n, to, pos}, n)
		}
	}
	return n, err
}

func (p *parser) unary() (node, error) {
	t := p.tok
	if !t.is("!") {
		return p.selection()
	}
	if err := p.enter(); err != nil {
		return nil, err
	}
	defer func() { p.depth-- }()
	if err := p.advance(); err != nil {
		return nil, err
	}
	n, err := p.unary()
	if err != nil {
		return nil, err
	}
	return fold(&not{n, t.pos}, n), nil
}

// fold evaluates a node whose operands are all constant. One that fails stays,
// to fail only if it is reached.
func fold(n node, operands ...node) node {
	for _, operand := range operands {
		if _, ok := operand.(constant); !ok {
			return n
		}
	}
	v, err := n.eval(nil)
	if err != nil {
		return n
	}
	return constant{v}
}
