package xsd

import (
	"slices"
	"strings"

	"farrier.dev/farrier/internal/encoding/xmltext"
)

// particle reads a part of a content model.
func (c *compiler) particle(n *Node, info *schemaInfo) (*particle, error) {
	if err := c.enter(n); err != nil {
		return nil, err
	}
	defer func() { c.depth-- }()
	least, most, err := occurs(n)
	if err != nil {
		return nil, err
	}
	p := &particle{min: least, max: most}
	switch n.Name.Local {
	case "element":
		p.element, err = c.localElement(n, info)
	case "any":
		p.kind = anyKind
		p.any, err = readWildcard(n, info, "minOccurs maxOccurs")
	case "group":
		return c.group(p, n)
	case "sequence", "choice":
		p.kind = sequenceKind
		if n.Name.Local == "choice" {
			p.kind = choiceKind
		}
		if err := known(n, "minOccurs maxOccurs", "element any sequence choice group"); err != nil {
			return nil, err
		}
		err = c.parts(p, n, info)
	case "all":
		p.kind = allKind
		if err := known(n, "minOccurs maxOccurs", "element"); err != nil {
			return nil, err
		}
		if most != 1 {
			return nil, fault(n, "xs:all occurs once")
		}
		err = c.parts(p, n, info)
		for _, part := range p.parts {
			if part.max > 1 || part.max < 0 {
				return nil, fault(n, "an element in xs:all occurs once")
			}
		}
	}
	if err != nil {
		return nil, err
	}
	return p.settle(), nil
}

func (c *compiler) parts(p *particle, n *Node, info *schemaInfo) error {
	for _, child := range n.Children {
		if child.Name.Local == "annotation" {
			continue
		}
		part, err := c.particle(child, info)
		if err != nil {
			return err
		}
		if part.max != 0 {
			p.parts = append(p.parts, part)
		}
	}
	return nil
}

// group expands a reference to a group.
func (c *compiler) group(p *particle, n *Node) (*particle, error) {
	if err := known(n, "ref minOccurs maxOccurs", ""); err != nil {
		return nil, err
	}
	name, _, err := reference(n, "ref")
	if err != nil {
		return nil, err
	}
	g, ok := c.globals["group"][name]
	switch {
	case !ok:
		return nil, fault(n, "the group %s is not declared", name)
	case slices.Contains(c.groups, name):
		return nil, fault(n, "the group %s holds itself", name)
	}
	if err := known(g.node, "name", "sequence choice all"); err != nil {
		return nil, err
	}
	inner := first(g.node, "sequence choice all")
	if inner == nil {
		return nil, fault(g.node, "it is empty")
	}
	c.groups = append(c.groups, name)
	content, err := c.particle(inner, g.schema)
	c.groups = c.groups[:len(c.groups)-1]
	if err != nil {
		return nil, err
	}
	if content.kind == allKind {
		if p.max != 1 {
			return nil, fault(n, "xs:all occurs once")
		}
		all := *content
		all.min = min(all.min, p.min)
		return all.settle(), nil
	}
	p.kind, p.parts = sequenceKind, []*particle{content}
	return p.settle(), nil
}

func (c *compiler) localElement(n *Node, info *schemaInfo) (*Element, error) {
	name, ok, err := reference(n, "ref")
	if err != nil {
		return nil, err
	}
	if ok {
		if err := known(n, "ref minOccurs maxOccurs", ""); err != nil {
			return nil, err
		}
		return c.globalElement(name, n)
	}
	local, ok := n.Attr("name")
	if !ok || !isNCName(local) {
		return nil, fault(n, "it has no name")
	}
	e := &Element{Name: Name{"", local}}
	form, has := n.Attr("form")
	if form == "qualified" || !has && info.qualified {
		e.Name.Space = info.target
	}
	return e, c.element(e, n, info)
}

func readWildcard(n *Node, info *schemaInfo, attributes string) (*wildcard, error) {
	if err := known(n, "namespace processContents "+attributes, ""); err != nil {
		return nil, err
	}
	w := &wildcard{process: "strict"}
	if text, ok := n.Attr("processContents"); ok {
		w.process = text
	}
	if !contains("strict lax skip", w.process) {
		return nil, fault(n, "processContents is not strict, lax or skip")
	}
	spaces, ok := n.Attr("namespace")
	switch {
	case !ok || spaces == "##any":
		w.anything = true
	case spaces == "##other":
		w.not = &info.target
	default:
		for one := range strings.FieldsSeq(spaces) {
			switch one {
			case "##targetNamespace":
				one = info.target
			case "##local":
				one = ""
			}
			w.spaces = append(w.spaces, one)
		}
	}
	return w, nil
}

// attributesOf reads the attributes directly inside n into the type.
func (c *compiler) attributesOf(t *Type, n *Node, info *schemaInfo) error {
	for _, child := range n.Children {
		switch child.Name.Local {
		case "attribute":
			u, err := c.use(child, info)
			if err != nil {
				return err
			}
			t.attributes = slices.DeleteFunc(t.attributes, func(o *use) bool { return o.name == u.name })
			t.attributes = append(t.attributes, u)
		case "attributeGroup":
			name, _, err := reference(child, "ref")
			if err != nil {
				return err
			}
			g, ok := c.globals["attributeGroup"][name]
			if !ok {
				return fault(child, "the attribute group %s is not declared", name)
			}
			if err := known(g.node, "name", "attribute attributeGroup anyAttribute"); err != nil {
				return err
			}
			if err := c.enter(child); err != nil {
				return err
			}
			err = c.attributesOf(t, g.node, g.schema)
			c.depth--
			if err != nil {
				return err
			}
		case "anyAttribute":
			w, err := readWildcard(child, info, "")
			if err != nil {
				return err
			}
			if t.anyAttribute != nil && t.anyAttribute.anything {
				continue // the union with an extended one
			}
			t.anyAttribute = w
		}
	}
	return nil
}

func (c *compiler) use(n *Node, info *schemaInfo) (*use, error) {
	if err := known(n, "name ref type use default fixed form", "simpleType"); err != nil {
		return nil, err
	}
	u := &use{}
	mode, _ := n.Attr("use")
	switch mode {
	case "", "optional":
	case "required":
		u.required = true
	case "prohibited":
		u.prohibited = true
	default:
		return nil, fault(n, "use is not optional, required or prohibited")
	}
	if text, ok := n.Attr("fixed"); ok {
		u.fixed = &text
	}
	name, ok, err := reference(n, "ref")
	if err != nil {
		return nil, err
	}
	if ok {
		if u.attribute, err = c.globalAttribute(name, n); err != nil {
			return nil, err
		}
		if u.fixed == nil {
			u.fixed = u.attribute.fixed
		}
		return u, nil
	}
	local, ok := n.Attr("name")
	if !ok || !isNCName(local) {
		return nil, fault(n, "it has no name")
	}
	a := &attribute{name: Name{"", local}}
	form, has := n.Attr("form")
	if form == "qualified" || !has && info.qualifyAttributes {
		a.name.Space = info.target
	}
	u.attribute = a
	if a.typ, err = c.declared(n, info); err != nil {
		return nil, err
	}
	if a.typ.simple == nil {
		return nil, fault(n, "the type of an attribute is not simple")
	}
	return u, nil
}

func (c *compiler) globalAttribute(name Name, at *Node) (*attribute, error) {
	if a := c.set.attributes[name]; a != nil {
		return a, nil
	}
	g, ok := c.globals["attribute"][name]
	if !ok {
		if name.Space == xmltext.XMLNamespace {
			return &attribute{name: name, typ: c.set.types[Name{SchemaNamespace, "anySimpleType"}]}, nil
		}
		return nil, fault(at, "the attribute %s is not declared", name)
	}
	if err := known(g.node, "name type default fixed", "simpleType"); err != nil {
		return nil, err
	}
	a := &attribute{name: name}
	c.set.attributes[name] = a
	if text, ok := g.node.Attr("fixed"); ok {
		a.fixed = &text
	}
	var err error
	if a.typ, err = c.declared(g.node, g.schema); err != nil {
		return nil, err
	}
	if a.typ.simple == nil {
		return nil, fault(g.node, "the type of an attribute is not simple")
	}
	return a, nil
}
