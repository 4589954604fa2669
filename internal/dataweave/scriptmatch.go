package dataweave

import "strings"

// matchNode is match { case … else … }.
type matchNode struct {
	subject scriptNode
	cases   []matchCase
	pos     int
}

// matchCase is one case. Exactly one of literal, kind and regex may be set; a
// case without any of them matches everything that its guard allows.
type matchCase struct {
	literal scriptNode
	kind    string
	regex   *pattern
	guard   scriptNode
	scope   *scope
	body    scriptNode
}

// match parses what follows `match`.
func (p *scriptParser) match(subject scriptNode) (scriptNode, error) {
	n := &matchNode{subject: subject, pos: p.tok.pos}
	return p.unguarded(func() (scriptNode, error) {
		if err := p.expect("{", "behind match"); err != nil {
			return nil, err
		}
		for {
			if closed, err := p.accept("}"); err != nil {
				return nil, err
			} else if closed {
				if len(n.cases) == 0 {
					return nil, errorf(n.pos, "a match needs a case")
				}
				return n, nil
			}
			var c matchCase
			var err error
			switch {
			case p.tok.is("case"):
				c, err = p.matchCase()
			case p.tok.is("else"):
				c, err = p.matchElse()
			default:
				err = p.unexpected("case, else or }")
			}
			if err != nil {
				return nil, err
			}
			n.cases = append(n.cases, c)
		}
	})
}

func (p *scriptParser) matchElse() (matchCase, error) {
	if err := p.advance(); err != nil {
		return matchCase{}, err
	}
	return p.caseBody(matchCase{}, p.caseName())
}

// caseName is the name that a case gives to the value, "" for none; it is not
// passed over.
func (p *scriptParser) caseName() string {
	t := p.tok
	if t.kind != tokenName {
		return ""
	}
	switch t.text {
	case "is", "matches", "true", "false", "null", "if":
		return ""
	}
	return t.text
}

func (p *scriptParser) matchCase() (matchCase, error) {
	var c matchCase
	if err := p.advance(); err != nil {
		return c, err
	}
	name := p.caseName()
	if name != "" {
		named := p.ahead(func() bool {
			return p.next() && (p.tok.is(":") || p.tok.is("is") || p.tok.is("matches") || p.tok.is("if") || p.tok.is("->"))
		})
		if !named {
			return c, p.unexpected("a value, a name, `is` or `matches`")
		}
		return p.caseBody(c, name)
	}
	return p.caseBody(c, "")
}

// caseBody parses the pattern behind the name, the guard and what the case gives.
func (p *scriptParser) caseBody(c matchCase, name string) (matchCase, error) {
	c.scope = p.push("$")
	c.scope.implicit = true
	if name != "" {
		if err := p.advance(); err != nil {
			return c, err
		}
		c.scope = p.push(name)
	}
	if err := p.pattern(&c); err != nil {
		return c, err
	}
	if guarded, err := p.accept("if"); err != nil {
		return c, err
	} else if guarded {
		p.guard = true
		c.guard, err = p.expression()
		p.guard = false
		if err != nil {
			return c, err
		}
	}
	if err := p.expect("->", "and what the case gives"); err != nil {
		return c, err
	}
	var err error
	if c.body, err = p.expression(); err != nil {
		return c, err
	}
	if name != "" {
		if err := p.pop(); err != nil {
			return c, err
		}
	}
	return c, p.pop()
}

func (p *scriptParser) pattern(c *matchCase) error {
	if _, err := p.accept(":"); err != nil {
		return err
	}
	var err error
	switch {
	case p.tok.is("->"), p.tok.is("if"):
		return nil
	case p.tok.is("is"):
		if err = p.advance(); err == nil {
			c.kind, err = p.typeName()
		}
		return err
	case p.tok.is("matches"):
		if err = p.advance(); err != nil {
			return err
		}
		if !p.tok.is("/") {
			return p.unexpected("a regular expression, /…/")
		}
		c.regex, err = p.regex()
		return err
	case p.tok.is("["), p.tok.is("{"):
		return errorf(p.tok.pos, "a pattern of an Array or an Object is not supported; use a condition: case x if …")
	}
	c.literal, err = p.unary()
	return err
}

func (n *matchNode) eval(r *run, f *frame) (Value, error) {
	v, err := r.eval(n.subject, f)
	if err != nil {
		return Value{}, err
	}
	for i := range n.cases {
		c := &n.cases[i]
		r.at = n.pos
		bound, ok, err := c.matches(r, f, v)
		if err != nil {
			return Value{}, err
		}
		if !ok {
			continue
		}
		own := c.frame(f, bound)
		if c.guard != nil {
			wanted, err := r.boolean(c.guard, own, "if", n.pos)
			if err != nil {
				return Value{}, err
			}
			if !wanted {
				continue
			}
		}
		return r.eval(c.body, own)
	}
	return Value{}, errorf(n.pos, "no case matches %s; add else ->", article(v.kind))
}

// frame binds $, and the name if the case gives one.
func (c *matchCase) frame(f *frame, bound Value) *frame {
	if c.scope.implicit {
		return c.scope.frame(f).bind(bound)
	}
	return c.scope.frame(c.scope.parent.frame(f).bind(bound)).bind(bound)
}

// matches says whether the pattern fits, and what the case may name.
func (c *matchCase) matches(r *run, f *frame, v Value) (Value, bool, error) {
	switch {
	case c.literal != nil:
		// The pattern stands inside the scopes of the case.
		want, err := r.eval(c.literal, c.frame(f, v))
		if err != nil {
			return Value{}, false, err
		}
		ok, err := r.same(want, v)
		return v, ok, err
	case c.kind != "":
		return v, isType(v, c.kind), nil
	case c.regex != nil:
		if v.kind != KindString {
			return v, false, nil
		}
		groups, err := r.groups(c.regex, v.str)
		return groups, len(elements(groups)) > 0, err
	}
	return v, true, nil
}

// search counts what a regular expression costs.
func (r *run) search(text string) error { return r.spend(1 + len(text)/4) }

// groups are what the groups of a regular expression match in a whole text; no
// elements when it does not.
func (r *run) groups(re *pattern, text string) (Value, error) {
	if err := r.search(text); err != nil {
		return Value{}, err
	}
	return r.submatches(text, re.whole.FindStringSubmatchIndex(text))
}

func (r *run) submatches(text string, at []int) (Value, error) {
	list := make([]Value, len(at)/2)
	for i := range list {
		if at[2*i] >= 0 {
			list[i] = String(strings.Clone(text[at[2*i]:at[2*i+1]]))
		}
	}
	return r.list(list)
}
