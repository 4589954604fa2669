package xsd

import (
	"fmt"
	"strings"
)

// Compile compiles schema elements (xs:schema) that may refer to each other.
// Imports name namespaces that one of them declares; included documents must be
// among them too. An error names what is wrong or not supported, and where.
func Compile(schemas []*Node) (*Set, error) {
	c := &compiler{
		set:     &Set{elements: map[Name]*Element{}, attributes: map[Name]*attribute{}, types: builtins()},
		globals: map[string]map[Name]global{},
	}
	for _, n := range schemas {
		if n.Name != (Name{SchemaNamespace, "schema"}) {
			return nil, fault(n, "it is no schema")
		}
		if err := c.gather(n); err != nil {
			return nil, err
		}
	}
	for _, kind := range []string{"simpleType", "complexType", "attribute", "element"} {
		for name := range c.globals[kind] {
			if err := c.global(kind, name); err != nil {
				return nil, err
			}
		}
	}
	return c.set, c.substitute()
}

// global is a declaration at the top of a schema.
type global struct {
	node   *Node
	schema *schemaInfo
}

// schemaInfo is what a schema says for all inside it.
type schemaInfo struct {
	target                       string
	qualified, qualifyAttributes bool
}

type compiler struct {
	set     *Set
	globals map[string]map[Name]global
	heads   []substitution
	groups  []Name // that are being expanded
	depth   int
	size    int // of what was compiled so far, groups expanded
}

type substitution struct {
	member *Element
	head   Name
	at     *Node
}

// gather notes the declarations at the top of a schema.
func (c *compiler) gather(n *Node) error {
	info := &schemaInfo{}
	info.target, _ = n.Attr("targetNamespace")
	form, _ := n.Attr("elementFormDefault")
	info.qualified = form == "qualified"
	form, _ = n.Attr("attributeFormDefault")
	info.qualifyAttributes = form == "qualified"
	if block, _ := n.Attr("blockDefault"); block != "" {
		return fault(n, "blockDefault is not supported")
	}
	for _, child := range n.Children {
		switch kind := child.Name.Local; kind {
		case "annotation", "import", "include":
			continue
		case "simpleType", "complexType", "attribute", "element", "group", "attributeGroup":
			local, ok := child.Attr("name")
			if !ok || !isNCName(local) {
				return fault(child, "it has no name")
			}
			name := Name{info.target, local}
			if kind == "simpleType" || kind == "complexType" {
				if _, twice := c.globals["simpleType"][name]; twice {
					return fault(child, "the type %s is declared twice", name)
				}
				if _, twice := c.globals["complexType"][name]; twice {
					return fault(child, "the type %s is declared twice", name)
				}
			}
			if c.globals[kind] == nil {
				c.globals[kind] = map[Name]global{}
			}
			if _, twice := c.globals[kind][name]; twice {
				return fault(child, "%s %s is declared twice", kind, name)
			}
			c.globals[kind][name] = global{child, info}
		default:
			return fault(child, "xs:%s is not supported", kind)
		}
	}
	return nil
}

func (c *compiler) global(kind string, name Name) error {
	g := c.globals[kind][name]
	var err error
	switch kind {
	case "simpleType", "complexType":
		_, err = c.typeOf(name, g.node)
	case "attribute":
		_, err = c.globalAttribute(name, g.node)
	case "element":
		_, err = c.globalElement(name, g.node)
	}
	return err
}

// substitute puts the members of substitution groups to their heads, and theirs.
func (c *compiler) substitute() error {
	for _, s := range c.heads {
		if c.set.elements[s.head] == nil {
			return fault(s.at, "the element %s is not declared", s.head)
		}
	}
	for _, s := range c.heads {
		seen := map[Name]bool{}
		for head := s.head; !seen[head]; {
			seen[head] = true
			e := c.set.elements[head]
			if !s.member.abstract {
				e.substitutes = append(e.substitutes, s.member)
			}
			next := false
			for _, other := range c.heads {
				if other.member == e {
					head, next = other.head, true
				}
			}
			if !next {
				break
			}
		}
	}
	return nil
}

// known holds that an element has no attributes and children but these: what is
// not known here is not supported.
func known(n *Node, attributes, children string) error {
	for _, a := range n.Attrs {
		if a.Name.Space == "" && !contains(attributes, a.Name.Local) && a.Name.Local != "id" {
			return fault(n, "the attribute %s of xs:%s is not supported", a.Name.Local, n.Name.Local)
		}
	}
	for _, child := range n.Children {
		if child.Name.Space != SchemaNamespace || child.Name.Local != "annotation" && !contains(children, child.Name.Local) {
			return fault(child, "xs:%s in xs:%s is not supported", child.Name.Local, n.Name.Local)
		}
	}
	return nil
}

func contains(list, name string) bool {
	for one := range strings.FieldsSeq(list) {
		if one == name {
			return true
		}
	}
	return false
}

// first is the first child that is no annotation and has one of these names.
func first(n *Node, names string) *Node {
	for _, child := range n.Children {
		if contains(names, child.Name.Local) {
			return child
		}
	}
	return nil
}

// reference resolves a name that an attribute of a schema gives. In a schema
// without target namespace that another includes it means a name of that one.
func reference(n *Node, attribute string) (Name, bool, error) {
	text, ok := n.Attr(attribute)
	if !ok {
		return Name{}, false, nil
	}
	name, err := n.QName(text)
	if err != nil {
		return Name{}, true, fault(n, "%s: %v", attribute, err)
	}
	return name, true, nil
}

const (
	maxNesting = 200
	maxSize    = 100_000
)

// enter guards against schemas that nest too deeply or grow when expanded.
func (c *compiler) enter(n *Node) error {
	c.depth++
	c.size++
	switch {
	case c.depth > maxNesting:
		return fault(n, "the schema nests too deeply, or refers to itself")
	case c.size > maxSize:
		return fault(n, "the schema has more than %d parts when its groups are expanded", maxSize)
	}
	return nil
}

func (c *compiler) globalElement(name Name, at *Node) (*Element, error) {
	if e := c.set.elements[name]; e != nil {
		return e, nil
	}
	g, ok := c.globals["element"][name]
	if !ok {
		return nil, fault(at, "the element %s is not declared", name)
	}
	e := &Element{Name: name}
	c.set.elements[name] = e
	return e, c.element(e, g.node, g.schema)
}

// element fills a declaration.
func (c *compiler) element(e *Element, n *Node, info *schemaInfo) error {
	if err := c.enter(n); err != nil {
		return err
	}
	defer func() { c.depth-- }()
	if err := known(n, "name type nillable abstract default fixed substitutionGroup form minOccurs maxOccurs final block", "simpleType complexType"); err != nil {
		return err
	}
	if block, _ := n.Attr("block"); block != "" {
		return fault(n, "block is not supported")
	}
	e.nillable, e.abstract = truth(n, "nillable"), truth(n, "abstract")
	head, substitutes, err := reference(n, "substitutionGroup")
	if err != nil {
		return err
	}
	if e.Type, err = c.declared(n, info); err != nil {
		return err
	}
	if substitutes {
		c.heads = append(c.heads, substitution{e, head, n})
		if _, named := n.Attr("type"); !named && first(n, "simpleType complexType") == nil {
			of, err := c.globalElement(head, n)
			if err != nil {
				return err
			}
			e.Type = of.Type
		}
	}
	if text, ok := n.Attr("fixed"); ok {
		e.fixed, e.empty = &text, &text
	}
	if text, ok := n.Attr("default"); ok {
		e.empty = &text
	}
	return nil
}

// declared is the type that type or a child of a declaration gives.
func (c *compiler) declared(n *Node, info *schemaInfo) (*Type, error) {
	name, ok, err := reference(n, "type")
	if err != nil {
		return nil, err
	}
	inner := first(n, "simpleType complexType")
	switch {
	case ok && inner != nil:
		return nil, fault(n, "it has two types")
	case ok:
		return c.typeOf(name, n)
	case inner != nil && inner.Name.Local == "complexType":
		t := &Type{}
		return t, c.complexType(t, inner, info)
	case inner != nil:
		return c.simpleType(&Type{}, inner, info)
	case n.Name.Local == "attribute":
		return c.set.types[Name{SchemaNamespace, "anySimpleType"}], nil
	}
	return c.set.types[Name{SchemaNamespace, "anyType"}], nil
}

// typeOf is the type of a name. A type that is being made is given unfinished:
// elements may have the type that they stand in.
func (c *compiler) typeOf(name Name, at *Node) (*Type, error) {
	if t := c.set.types[name]; t != nil {
		return t, nil
	}
	if g, ok := c.globals["simpleType"][name]; ok {
		t := &Type{Name: name, state: making}
		c.set.types[name] = t
		return c.simpleType(t, g.node, g.schema)
	}
	if g, ok := c.globals["complexType"][name]; ok {
		t := &Type{Name: name}
		c.set.types[name] = t
		return t, c.complexType(t, g.node, g.schema)
	}
	if name.Space == SchemaNamespace {
		return nil, fault(at, "the built-in type xs:%s is not known or not supported", name.Local)
	}
	return nil, fault(at, "the type %s is not declared", name)
}

const (
	making = 1
	made   = 2
)

// finished is typeOf for a type that must be complete: a base.
func (c *compiler) finished(name Name, at *Node) (*Type, error) {
	t, err := c.typeOf(name, at)
	if err == nil && t.state == making {
		return nil, fault(at, "the type %s is derived from itself", name)
	}
	return t, err
}

func truth(n *Node, attribute string) bool {
	text, _ := n.Attr(attribute)
	return text == "true" || text == "1"
}

func occurs(n *Node) (least, most int, err error) {
	least, most = 1, 1
	if text, ok := n.Attr("minOccurs"); ok {
		if _, err := fmt.Sscan(text, &least); err != nil || least < 0 {
			return 0, 0, fault(n, "minOccurs is no number")
		}
	}
	if text, ok := n.Attr("maxOccurs"); ok {
		if text == "unbounded" {
			return least, -1, nil
		}
		if _, err := fmt.Sscan(text, &most); err != nil || most < 0 {
			return 0, 0, fault(n, "maxOccurs is no number")
		}
	}
	if least > most {
		return 0, 0, fault(n, "minOccurs is greater than maxOccurs")
	}
	return least, most, nil
}
