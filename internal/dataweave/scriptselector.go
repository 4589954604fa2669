package dataweave

import "strings"

// selection parses an operand and the selectors behind it.
func (p *scriptParser) selection() (scriptNode, error) {
	base, err := p.operand()
	if err != nil {
		return nil, err
	}
	n := &pathNode{base: base}
	for {
		s, found, err := p.selector()
		if err != nil {
			return nil, err
		}
		if !found {
			break
		}
		if len(n.steps) == maxNesting {
			return nil, errorf(s.pos, "more than %d selectors in a row", maxNesting)
		}
		n.steps = append(n.steps, s)
	}
	if len(n.steps) == 0 {
		return base, nil
	}
	return n, nil
}

func (p *scriptParser) selector() (s selector, found bool, err error) {
	t := p.tok
	s.pos = t.pos
	if t.kind != tokenSymbol {
		return s, false, nil
	}
	switch t.text {
	case ".", ".*", "..", ".@":
		if err := p.advance(); err != nil {
			return s, false, err
		}
		switch {
		case t.text == ".*":
			s.kind = selectAll
		case t.text == ".." && p.tok.is("*"):
			s.kind = selectDeepAll
			if err := p.advance(); err != nil {
				return s, false, err
			}
		case t.text == "..":
			s.kind = selectDeep
		case t.text == ".@":
			s.kind = selectAttr
			if p.tok.kind != tokenName && p.tok.kind != tokenString {
				return s, true, nil
			}
		}
		return s, true, p.selected(&s)
	case "[":
		return s, true, p.index(&s)
	case "[?":
		s.kind = selectFilter
		if err := p.advance(); err != nil {
			return s, false, err
		}
		_, err := p.unguarded(func() (scriptNode, error) {
			var err error
			s.filter, err = p.lambda(dollars()[:2], p.expression)
			return nil, err
		})
		if err != nil {
			return s, false, err
		}
		return s, true, p.expect("]", "to close the selector")
	case "?":
		s.kind = selectExists
		return s, true, p.advance()
	case "!":
		s.kind = selectAsserted
		return s, true, p.advance()
	}
	return s, false, nil
}

// selected parses the key of a selector.
func (p *scriptParser) selected(s *selector) error {
	t := p.tok
	if t.kind != tokenName && (t.kind != tokenString || t.parts != nil) {
		return p.unexpected("a key; quote one with other characters: .'my-key'")
	}
	if strings.Contains(t.text, "::") && t.kind == tokenName {
		return errorf(t.pos, "a key with :: must be quoted")
	}
	if err := p.advance(); err != nil {
		return err
	}
	if t.kind == tokenName && p.tok.is("#") {
		if s.space = p.spaces[t.text]; s.space == nil {
			return errorf(t.pos, "the namespace %.40q is not declared; write ns %.40s and its URI above ---", t.text, t.text)
		}
		if err := p.advance(); err != nil {
			return err
		}
		s.key = p.tok.text
		if p.tok.kind != tokenName && p.tok.kind != tokenString {
			return p.unexpected("a key behind the namespace")
		}
		return p.advance()
	}
	if t.kind == tokenName && p.tok.is("(") && p.tok.pos == t.end {
		return errorf(t.pos, "a method call is not supported; write function(value)")
	}
	s.key = t.text
	return nil
}

func (p *scriptParser) index(s *selector) error {
	s.kind = selectIndex
	if err := p.advance(); err != nil {
		return err
	}
	var err error
	s.index, err = p.unguarded(p.expression)
	if err != nil {
		return err
	}
	if span, ok := s.index.(*rangeNode); ok {
		s.kind, s.span = selectRange, span
	}
	return p.expect("]", "to close the selector")
}
