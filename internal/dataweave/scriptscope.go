package dataweave

import (
	"slices"
	"strings"
)

// push opens a scope with these parameters.
func (p *scriptParser) push(parameters ...string) *scope {
	s := &scope{parent: p.scope, names: parameters, decls: make([]scriptNode, len(parameters))}
	if p.scope != nil {
		s.level = p.scope.level + 1
	}
	p.scope = s
	return s
}

// pop closes the innermost scope: names that it does not know are looked for
// in the next one.
func (p *scriptParser) pop() error {
	s := p.scope
	p.scope = s.parent
	for _, ref := range s.pending {
		if ref.resolve(s) {
			if ref.call != nil {
				if err := ref.call.check(ref); err != nil {
					return err
				}
			}
			continue
		}
		if p.scope == nil {
			return p.unknown(ref)
		}
		p.scope.pending = append(p.scope.pending, ref)
	}
	s.pending = nil
	return nil
}

func (n *reference) resolve(s *scope) bool {
	hops := n.level - s.level
	if n.call != nil {
		for _, fn := range s.functions {
			if fn.name == n.name {
				n.call.fn, n.call.hops = fn, hops
				return true
			}
		}
		return false
	}
	i := slices.Index(s.names, n.name)
	if i < 0 || s.implicit {
		return false
	}
	n.hops, n.slot = hops, i
	return true
}

func (p *scriptParser) unknown(ref *reference) error {
	if name, mend := scriptUnsupported(ref.name); name != "" {
		return errorf(ref.pos, "%s is not supported; %s", name, mend)
	}
	if ref.call != nil {
		return errorf(ref.pos, "unknown function %.60q; script.md lists the functions that there are", ref.name)
	}
	if _, ok := p.builtin(ref.name); ok {
		return errorf(ref.pos, "the function %.60s is no value; call it with ( )", ref.name)
	}
	return errorf(ref.pos, "unknown name %.60q; there are attributes, authentication, payload, vars, and what var and fun declare", ref.name)
}

// declared says whether a name is a parameter or variable here already.
func (p *scriptParser) declared(name string) bool {
	for s := p.scope; s != nil; s = s.parent {
		if slices.Contains(s.names, name) {
			return true
		}
	}
	return false
}

func (p *scriptParser) declaredFunction(name string) *userFunction {
	for s := p.scope; s != nil; s = s.parent {
		for _, fn := range s.functions {
			if fn.name == name {
				return fn
			}
		}
	}
	return nil
}

// builtin finds a built-in function by its name, bare or with its module.
func (p *scriptParser) builtin(name string) (builtin, bool) {
	module, bare := "", name
	if i := strings.LastIndex(name, "::"); i >= 0 {
		module, bare = name[:i], name[i+2:]
	}
	b, ok := p.builtins[bare]
	if !ok || module != "" && module != b.module && !strings.HasSuffix(b.module, "::"+module) {
		return builtin{}, false
	}
	return b, true
}

// lambda parses a function that is handed to a built-in one: (a, b) -> …, or an
// expression with $.
func (p *scriptParser) lambda(implicit []string, parse func() (scriptNode, error)) (*lambda, error) {
	if p.lambdaAhead() {
		return p.explicitLambda(len(implicit))
	}
	n := &lambda{scope: p.push(implicit...)}
	n.scope.implicit = true
	var err error
	if n.body, err = parse(); err != nil {
		return nil, err
	}
	return n, p.pop()
}

// explicitLambda parses (a, b) -> …, which may stand in parentheses.
func (p *scriptParser) explicitLambda(most int) (*lambda, error) {
	pos := p.tok.pos
	if err := p.enter(); err != nil {
		return nil, err
	}
	defer func() { p.depth-- }()
	if !p.lambdaHere() {
		if err := p.expect("(", "to open"); err != nil {
			return nil, err
		}
		n, err := p.explicitLambda(most)
		if err != nil {
			return nil, err
		}
		return n, p.expect(")", "to close the parenthesis")
	}
	list, err := p.parameters()
	if err != nil {
		return nil, err
	}
	if len(list.names) > most {
		return nil, errorf(pos, "this function is given %d parameters at most, not %d", most, len(list.names))
	}
	if err := p.expect("->", "and what the function gives"); err != nil {
		return nil, err
	}
	n := &lambda{scope: p.push(list.names...), parameters: list}
	if n.body, err = p.expression(); err != nil {
		return nil, err
	}
	return n, p.pop()
}

// parameters parses (a, b: String, c = 1).
func (p *scriptParser) parameters() (parameters, error) {
	var list parameters
	err := p.list("(", ")", func() error {
		t := p.tok
		if t.kind != tokenName || strings.Contains(t.text, "::") {
			return p.unexpected("the name of a parameter")
		}
		if slices.Contains(list.names, t.text) {
			return errorf(t.pos, "the parameter %.40q stands twice", t.text)
		}
		if err := p.advance(); err != nil {
			return err
		}
		kind, err := p.annotated()
		if err != nil {
			return err
		}
		var value scriptNode
		if given, err := p.accept("="); err != nil {
			return err
		} else if given {
			if value, err = p.expression(); err != nil {
				return err
			}
		}
		list.names = append(list.names, t.text)
		list.types = append(list.types, kind)
		list.defaults = append(list.defaults, value)
		return nil
	})
	return list, err
}

// annotated parses a type behind a colon, "" for none.
func (p *scriptParser) annotated() (string, error) {
	if found, err := p.accept(":"); !found || err != nil {
		return "", err
	}
	return p.typeName()
}

// function parses what follows the name of `fun`, or of a variable that is a
// lambda, and declares it.
func (p *scriptParser) function(name token, arrow string) error {
	list, err := p.parameters()
	if err != nil {
		return err
	}
	fn := &userFunction{name: name.text, parameters: list}
	if fn.result, err = p.annotated(); err != nil {
		return err
	}
	if err := p.expect(arrow, "and what the function gives"); err != nil {
		return err
	}
	if p.declaredFunction(fn.name) != nil || p.declared(fn.name) {
		return errorf(name.pos, "%.40q is declared already", fn.name)
	}
	p.scope.functions = append(p.scope.functions, fn)
	fn.scope = p.push(list.names...)
	if fn.body, err = p.expression(); err != nil {
		return err
	}
	return p.pop()
}

// variable parses what follows `var`.
func (p *scriptParser) variable() error {
	name := p.tok.token
	if name.kind != tokenName || strings.Contains(name.text, "::") {
		return p.unexpected("the name of a variable")
	}
	if slices.Contains(p.scope.names, name.text) {
		return errorf(name.pos, "%.40q is declared already", name.text)
	}
	if err := p.advance(); err != nil {
		return err
	}
	kind, err := p.annotated()
	if err != nil {
		return err
	}
	if err := p.expect("=", "and a value"); err != nil {
		return err
	}
	if p.lambdaHere() {
		return p.function(name, "->")
	}
	value, err := p.expression()
	if err != nil {
		return err
	}
	if kind != "" {
		value = &typedNode{value, kind, name.pos}
	}
	p.scope.names = append(p.scope.names, name.text)
	p.scope.decls = append(p.scope.decls, value)
	return nil
}
