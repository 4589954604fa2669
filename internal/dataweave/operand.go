package dataweave

import (
	"slices"
	"strings"
)

// selection parses an operand and the selectors after it.
func (p *parser) selection() (node, error) {
	condition := p.tok.pos == p.conditionAt
	n, err := p.operand()
	if err != nil {
		return nil, err
	}
	if condition {
		p.branchAt = p.tok.pos
	}
	var steps []step
	for p.tok.is(".") || p.tok.is("[") && p.tok.pos != p.branchAt {
		var s step
		if p.tok.is(".") {
			s, err = p.keySelector()
		} else {
			s, err = p.indexSelector()
		}
		if err != nil {
			return nil, err
		}
		steps = append(steps, s)
	}
	if len(steps) == 0 {
		return n, nil
	}
	if name, ok := n.(*path); ok && name.base == nil && name.steps == nil {
		return &path{root: name.root, steps: steps}, nil
	}
	selected := &path{base: n, steps: steps}
	for _, s := range steps {
		if s.index != nil {
			return selected, nil
		}
	}
	return fold(selected, n), nil
}

// keySelector parses .key and .'my-key'.
func (p *parser) keySelector() (step, error) {
	if err := p.advance(); err != nil {
		return step{}, err
	}
	t := p.tok
	if t.kind != tokenName && t.kind != tokenString {
		return step{}, refuse(t, "a key after the dot; quote one with other characters: .'my-key'")
	}
	if err := p.advance(); err != nil {
		return step{}, err
	}
	if strings.Contains(t.text, "::") && t.kind == tokenName {
		return step{}, errorf(t.pos, "a namespace (::) is not part of the supported subset; quote the key")
	}
	if t.kind == tokenName && p.tok.is("(") {
		return step{}, errorf(t.pos, "a method call is not part of the supported subset; write function(value)")
	}
	return step{selector: String(t.text), pos: t.pos}, nil
}

// indexSelector parses [n], ['key'] and [expression].
func (p *parser) indexSelector() (step, error) {
	if err := p.advance(); err != nil {
		return step{}, err
	}
	pos := p.tok.pos
	n, err := p.expression()
	if err != nil {
		return step{}, err
	}
	if err := p.expect("]", "to close the selector"); err != nil {
		return step{}, err
	}
	c, ok := n.(constant)
	if !ok {
		return step{index: n, pos: pos}, nil
	}
	if c.value.kind != KindString && !isPosition(c.value) {
		return step{}, errorf(pos, "a selector needs a String or a whole Number, as ['key'] or [0]")
	}
	return step{selector: c.value, pos: pos}, nil
}

// operand parses what stands between operators.
func (p *parser) operand() (node, error) {
	t := p.tok
	switch t.kind {
	case tokenString:
		return constant{String(t.text)}, p.advance()
	case tokenNumber:
		return constant{t.num}, p.advance()
	case tokenName:
		return p.named()
	case tokenSymbol, tokenEnd:
	}
	switch {
	case t.is("("):
		return p.parentheses()
	case t.is("["):
		return p.array()
	case t.is("-"):
		return p.negative()
	}
	return nil, refuse(t, wantOperand)
}

func (p *parser) parentheses() (node, error) {
	if err := p.advance(); err != nil {
		return nil, err
	}
	n, err := p.expression()
	if err != nil {
		return nil, err
	}
	return n, p.expect(")", "to close the parenthesis")
}

// negative parses -1; a minus before anything else is arithmetic.
func (p *parser) negative() (node, error) {
	minus := p.tok
	if err := p.advance(); err != nil {
		return nil, err
	}
	t := p.tok
	if t.kind != tokenNumber {
		return nil, refuse(minus, wantOperand)
	}
	v, ok := parseNumber("-" + t.text)
	if !ok {
		return nil, refuse(t, "a number")
	}
	return constant{v}, p.advance()
}

func (p *parser) array() (node, error) {
	if err := p.advance(); err != nil {
		return nil, err
	}
	items, err := p.list("]")
	if err != nil {
		return nil, err
	}
	return fold(&list{items}, items...), nil
}

// list parses expressions up to the closing symbol.
func (p *parser) list(closing string) ([]node, error) {
	var items []node
	for {
		closed, err := p.accept(closing)
		if closed || err != nil {
			return items, err
		}
		if len(items) > 0 {
			if err := p.expect(",", "or "+closing); err != nil {
				return nil, err
			}
		}
		item, err := p.expression()
		if err != nil {
			return nil, err
		}
		items = append(items, item)
	}
}

// named parses what begins with a name: a literal, if, a top-level name or a
// function call.
func (p *parser) named() (node, error) {
	t := p.tok
	switch t.text {
	case "true", "false":
		return constant{Bool(t.text == "true")}, p.advance()
	case "null":
		return constant{Null()}, p.advance()
	case "if":
		return p.conditional()
	case "not":
		return nil, errorf(t.pos, "`not` after an operator is ambiguous; put it into parentheses: (not x)")
	case "else", "and", "or", "default", "as":
		return nil, refuse(t, wantOperand)
	}
	if i := slices.Index(roots[:], t.text); i >= 0 {
		p.reads[i] = true
		return &path{root: t.text}, p.advance()
	}
	f, ok := functionNamed(t.text)
	if !ok {
		if name, _ := nameConstruct(t.text); name != "" {
			return nil, refuse(t, wantOperand)
		}
		return nil, errorf(t.pos, "unknown name %.40q; there are attributes, authentication, payload, vars, and the functions %s",
			t.text, functionList)
	}
	if err := p.advance(); err != nil {
		return nil, err
	}
	return p.call(f, t)
}

func (p *parser) call(f function, t token) (node, error) {
	if err := p.expect("(", "and the arguments of "+f.name); err != nil {
		return nil, err
	}
	args, err := p.list(")")
	if err != nil {
		return nil, err
	}
	if len(args) < f.min || len(args) > f.max {
		return nil, errorf(t.pos, "%s has %d arguments here; it takes %s", f.name, len(args), f.arity())
	}
	n := &call{f, args, t.pos}
	if f.max == 0 {
		return n, nil // uuid differs each time
	}
	return fold(n, args...), nil
}

func (p *parser) conditional() (node, error) {
	pos := p.tok.pos
	if err := p.enter(); err != nil {
		return nil, err
	}
	defer func() { p.depth-- }()
	if err := p.advance(); err != nil {
		return nil, err
	}
	if p.tok.is("(") {
		p.conditionAt = p.tok.pos
	}
	condition, err := p.expression()
	if err != nil {
		return nil, err
	}
	yes, err := p.expression()
	if err != nil {
		return nil, err
	}
	if !p.tok.is("else") {
		return nil, refuse(p.tok, "else: an `if` needs both branches")
	}
	if err := p.advance(); err != nil {
		return nil, err
	}
	no, err := p.expression()
	if err != nil {
		return nil, err
	}
	if c, ok := condition.(constant); ok && c.value.kind == KindBool {
		if c.value.num == 1 {
			return yes, nil
		}
		return no, nil
	}
	return &conditional{condition, yes, no, pos}, nil
}
