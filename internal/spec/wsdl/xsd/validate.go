package xsd

import (
	"strings"
)

// Validate tells whether a node is valid by the global declaration of its name;
// nil means that it is. Errors are *Error and quote nothing of the document.
func (s *Set) Validate(n *Node) error {
	e := s.elements[n.Name]
	if e == nil {
		return fault(n, "the element is not declared")
	}
	return s.element(n, e)
}

// ValidateAs tells whether a node is valid by a type, whatever its name.
func (s *Set) ValidateAs(n *Node, t *Type) error {
	return s.element(n, &Element{Name: n.Name, Type: t})
}

func (s *Set) element(n *Node, e *Element) error {
	if e.abstract {
		return fault(n, "the element is abstract")
	}
	t := e.Type
	if text, ok := n.attr(Name{instanceNamespace, "type"}); ok {
		name, err := n.QName(text)
		if err != nil {
			return fault(n, "xsi:type: %v", err)
		}
		t = s.types[name]
		if t == nil || !t.derives(e.Type) {
			return fault(n, "xsi:type is not declared, or not derived from the element's type")
		}
	}
	if t.abstract {
		return fault(n, "the type is abstract")
	}
	if text, ok := n.attr(Name{instanceNamespace, "nil"}); ok {
		text = collapse.normalise(text)
		if text != "true" && text != "false" && text != "1" && text != "0" || !e.nillable {
			return fault(n, "xsi:nil is not allowed here")
		}
		if text == "true" || text == "1" {
			if len(n.Children) > 0 || n.Text != "" || e.fixed != nil {
				return fault(n, "the element is nil and has content")
			}
			return s.checkAttributes(n, t)
		}
	}
	if err := s.checkAttributes(n, t); err != nil {
		return err
	}
	if t.simple != nil {
		return s.text(n, e, t)
	}
	if !t.mixed && strings.Trim(n.Text, blanks) != "" {
		return fault(n, "there is text where only elements may be")
	}
	if e.fixed != nil && (len(n.Children) > 0 || n.Text != "" && n.Text != *e.fixed) {
		return fault(n, "the value is not the fixed one")
	}
	m := &matcher{set: s, nodes: n.Children, parent: n}
	if t.content != nil {
		if err := m.consume(t.content); err != nil {
			return err
		}
	}
	if m.at < len(m.nodes) {
		return fault(m.nodes[m.at], "the element is not expected here")
	}
	return nil
}

// text checks simple content.
func (s *Set) text(n *Node, e *Element, t *Type) error {
	if len(n.Children) > 0 {
		return fault(n.Children[0], "there is an element where only text may be")
	}
	text := n.Text
	if text == "" && e.empty != nil {
		text = *e.empty
	}
	if err := t.simple.check(text, n); err != nil {
		return fault(n, "%v", err)
	}
	if e.fixed != nil && t.simple.canonical(text, n) != t.simple.canonical(*e.fixed, n) {
		return fault(n, "the value is not the fixed one")
	}
	return nil
}

func (s *Set) checkAttributes(n *Node, t *Type) error {
	for i := range n.Attrs {
		a := &n.Attrs[i]
		if a.Name.Space == instanceNamespace {
			if contains("type nil schemaLocation noNamespaceSchemaLocation", a.Name.Local) {
				continue
			}
			return fault(n, "an attribute is not expected here")
		}
		if err := s.checkAttribute(n, t, a); err != nil {
			return err
		}
	}
	for _, u := range t.attributes {
		if _, ok := n.attr(u.name); u.required && !ok {
			return fault(n, "the attribute %s is missing", u.name)
		}
	}
	return nil
}

func (s *Set) checkAttribute(n *Node, t *Type, a *Attr) error {
	for _, u := range t.attributes {
		if u.name != a.Name || u.prohibited {
			continue
		}
		if err := u.typ.simple.check(a.Value, n); err != nil {
			return fault(n, "the attribute %s: %v", u.name, err)
		}
		if u.fixed != nil && u.typ.simple.canonical(a.Value, n) != u.typ.simple.canonical(*u.fixed, n) {
			return fault(n, "the attribute %s has not the fixed value", u.name)
		}
		return nil
	}
	w := t.anyAttribute
	if w == nil || !w.allows(a.Name.Space) {
		return fault(n, "an attribute is not expected here")
	}
	global := s.attributes[a.Name]
	switch {
	case w.process == "skip":
	case global == nil && w.process == "strict":
		return fault(n, "an attribute is not declared")
	case global != nil:
		if err := global.typ.simple.check(a.Value, n); err != nil {
			return fault(n, "the attribute %s: %v", global.name, err)
		}
		if global.fixed != nil && global.typ.simple.canonical(a.Value, n) != global.typ.simple.canonical(*global.fixed, n) {
			return fault(n, "the attribute %s has not the fixed value", global.name)
		}
	}
	return nil
}

// matcher walks the children of one node along its content model.
type matcher struct {
	set    *Set
	nodes  []*Node
	at     int
	parent *Node
}

// next says whether the next child can begin the particle.
func (m *matcher) next(p *particle) bool {
	return m.at < len(m.nodes) && p.starts(m.nodes[m.at].Name)
}

func (m *matcher) missing() error {
	if m.at < len(m.nodes) {
		return fault(m.nodes[m.at], "the element is not expected here")
	}
	return fault(m.parent, "a child is missing")
}

// consume takes as many occurrences as there are. Schemas that are not ambiguous
// never need fewer.
func (m *matcher) consume(p *particle) error {
	count := 0
	for p.max < 0 || count < p.max {
		if !m.next(p) {
			break
		}
		before := m.at
		if err := m.once(p); err != nil {
			return err
		}
		count++
		if m.at == before {
			break
		}
	}
	if count >= p.min || p.optional {
		return nil
	}
	// What is still missing may be satisfied by nothing.
	if inner := *p; p.kind != elementKind && p.kind != anyKind {
		inner.min = 1
		if inner.settle().optional {
			return nil
		}
	}
	return m.missing()
}

func (m *matcher) once(p *particle) error {
	switch p.kind {
	case elementKind:
		n := m.nodes[m.at]
		m.at++
		return m.set.element(n, p.declaration(n.Name))
	case anyKind:
		n := m.nodes[m.at]
		m.at++
		e := m.set.elements[n.Name]
		switch {
		case p.any.process == "skip":
			return nil
		case e != nil:
			return m.set.element(n, e)
		case p.any.process == "strict":
			return fault(n, "the element is not declared")
		}
		return m.lax(n)
	case sequenceKind:
		for _, part := range p.parts {
			if err := m.consume(part); err != nil {
				return err
			}
		}
	case choiceKind:
		for _, part := range p.parts {
			if m.next(part) {
				return m.consume(part)
			}
		}
	case allKind:
		return m.all(p)
	}
	return nil
}

// lax validates what is declared inside an element that is not, or that names
// its type.
func (m *matcher) lax(n *Node) error {
	if _, ok := n.attr(Name{instanceNamespace, "type"}); ok {
		return m.set.element(n, &Element{Name: n.Name, Type: m.set.types[Name{SchemaNamespace, "anyType"}]})
	}
	for _, child := range n.Children {
		inner := &matcher{set: m.set, nodes: []*Node{child}, parent: n}
		any := &particle{kind: anyKind, min: 1, max: 1, any: &wildcard{anything: true, process: "lax"}}
		if err := inner.consume(any); err != nil {
			return err
		}
	}
	return nil
}

func (m *matcher) all(p *particle) error {
	seen := make([]bool, len(p.parts))
	for m.at < len(m.nodes) {
		found := -1
		for i, part := range p.parts {
			if !seen[i] && m.next(part) {
				found = i
			}
		}
		if found < 0 {
			break
		}
		seen[found] = true
		if err := m.once(p.parts[found]); err != nil {
			return err
		}
	}
	for i, part := range p.parts {
		if !seen[i] && part.min > 0 {
			return m.missing()
		}
	}
	return nil
}
