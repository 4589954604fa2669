package xsd

import (
	"slices"
	"strconv"
	"strings"
)

// simpleType fills a simple type.
func (c *compiler) simpleType(t *Type, n *Node, info *schemaInfo) (*Type, error) {
	if err := c.enter(n); err != nil {
		return nil, err
	}
	defer func() { c.depth-- }()
	t.state = making
	defer func() { t.state = made }()
	if err := known(n, "name final", "restriction list union"); err != nil {
		return nil, err
	}
	inner := first(n, "restriction list union")
	if inner == nil {
		return nil, fault(n, "it has no restriction, list or union")
	}
	var err error
	switch inner.Name.Local {
	case "restriction":
		err = c.restrictSimple(t, inner, info)
	case "list":
		err = c.list(t, inner, info)
	case "union":
		err = c.union(t, inner, info)
	}
	return t, err
}

func (c *compiler) list(t *Type, n *Node, info *schemaInfo) error {
	if err := known(n, "itemType", "simpleType"); err != nil {
		return err
	}
	item, err := c.simpleBase(n, "itemType", info)
	if err != nil {
		return err
	}
	if item.item != nil {
		return fault(n, "a list of lists")
	}
	t.base = c.set.types[Name{SchemaNamespace, "anySimpleType"}]
	t.simple = &simple{owner: t, space: collapse, item: item, facets: noFacets(nil)}
	return nil
}

func (c *compiler) union(t *Type, n *Node, info *schemaInfo) error {
	if err := known(n, "memberTypes", "simpleType"); err != nil {
		return err
	}
	t.base = c.set.types[Name{SchemaNamespace, "anySimpleType"}]
	t.simple = &simple{owner: t, facets: noFacets(nil)}
	names, _ := n.Attr("memberTypes")
	for text := range strings.FieldsSeq(names) {
		name, err := n.QName(text)
		if err != nil {
			return fault(n, "memberTypes: %v", err)
		}
		m, err := c.finished(name, n)
		if err != nil {
			return err
		}
		if m.simple == nil || m.complex {
			return fault(n, "the type %s is not simple", name)
		}
		t.simple.union = append(t.simple.union, m.simple)
	}
	for _, child := range n.Children {
		if child.Name.Local == "simpleType" {
			m, err := c.simpleType(&Type{}, child, info)
			if err != nil {
				return err
			}
			t.simple.union = append(t.simple.union, m.simple)
		}
	}
	if t.simple.union == nil {
		return fault(n, "it has no members")
	}
	return nil
}

// simpleBase is the simple type that an attribute or a child of n gives.
func (c *compiler) simpleBase(n *Node, attribute string, info *schemaInfo) (*simple, error) {
	name, ok, err := reference(n, attribute)
	if err != nil {
		return nil, err
	}
	var t *Type
	inner := first(n, "simpleType")
	switch {
	case ok:
		t, err = c.finished(name, n)
	case inner != nil:
		t, err = c.simpleType(&Type{}, inner, info)
	default:
		return nil, fault(n, "it has no %s", attribute)
	}
	if err != nil {
		return nil, err
	}
	if t.simple == nil {
		return nil, fault(n, "the type %s is not simple", name)
	}
	return t.simple, nil
}

const facetNames = "length minLength maxLength pattern enumeration whiteSpace minInclusive minExclusive maxInclusive maxExclusive totalDigits fractionDigits"

func (c *compiler) restrictSimple(t *Type, n *Node, info *schemaInfo) error {
	if err := known(n, "base", "simpleType "+facetNames); err != nil {
		return err
	}
	base, err := c.simpleBase(n, "base", info)
	if err != nil {
		return err
	}
	t.base = base.owner
	t.simple, err = restrict(base, n)
	if err == nil {
		t.simple.owner = t
	}
	return err
}

// restrict makes the type that the facets in n leave of a base.
func restrict(base *simple, n *Node) (*simple, error) {
	s := *base
	s.facets = noFacets(&base.facets)
	f := &s.facets
	var patterns []string
	for _, child := range n.Children {
		if !contains(facetNames, child.Name.Local) {
			continue
		}
		if err := known(child, "value fixed", ""); err != nil {
			return nil, err
		}
		value, ok := child.Attr("value")
		if !ok {
			return nil, fault(child, "it has no value")
		}
		if child.Name.Local == "pattern" {
			patterns = append(patterns, value)
			continue
		}
		if err := s.facet(f, base, child, value); err != nil {
			return nil, err
		}
	}
	for _, text := range patterns {
		p, err := pattern(text)
		if err != nil {
			return nil, fault(n, "%v", err)
		}
		f.patterns = append(f.patterns, p)
	}
	return &s, nil
}

func (s *simple) facet(f *facets, base *simple, n *Node, value string) error {
	count := map[string]*int{
		"length": &f.length, "minLength": &f.least, "maxLength": &f.most, "totalDigits": &f.total, "fractionDigits": &f.fraction,
	}
	kind := n.Name.Local
	switch kind {
	case "length", "minLength", "maxLength", "totalDigits", "fractionDigits":
		number, err := strconv.Atoi(strings.Trim(value, blanks))
		if err != nil || number < 0 {
			return fault(n, "xs:%s is no number", kind)
		}
		*count[kind] = number
		if digits := strings.HasSuffix(kind, "Digits"); digits && s.primitive != "decimal" || !digits && (s.primitive == "decimal" || s.primitive == "QName" || s.union != nil) {
			return fault(n, "xs:%s does not suit the type", kind)
		}
	case "whiteSpace":
		space := slices.Index([]string{"preserve", "replace", "collapse"}, value)
		if space < int(s.space) {
			return fault(n, "xs:whiteSpace can't be %s here", value)
		}
		s.space = whiteSpace(space) //nolint:gosec // one of three
	case "enumeration":
		if err := base.check(value, n); err != nil {
			return fault(n, "the enumerated value is not one of the base type")
		}
		if f.enumeration == nil {
			f.enumeration = map[string]bool{}
		}
		f.enumeration[base.canonical(value, n)] = true
	default:
		if !slices.Contains([]string{"decimal", "float", "double", "dateTime", "date", "time"}, s.primitive) {
			return fault(n, "xs:%s of the type %s is not supported", kind, s.primitive)
		}
		value = s.space.normalise(value)
		if s.lexical != nil && !s.lexical(value) {
			return fault(n, "the bound is not a value of the type")
		}
		if strings.HasPrefix(kind, "min") {
			f.minimum, f.hasMinimum, f.minOpen = value, true, kind == "minExclusive"
		} else {
			f.maximum, f.hasBound, f.maxOpen = value, true, kind == "maxExclusive"
		}
	}
	return nil
}

const particleNames = "sequence choice all group"

// complexType fills a complex type.
func (c *compiler) complexType(t *Type, n *Node, info *schemaInfo) error {
	if err := c.enter(n); err != nil {
		return err
	}
	defer func() { c.depth-- }()
	t.state, t.complex = making, true
	defer func() { t.state = made }()
	if err := known(n, "name mixed abstract final block", "simpleContent complexContent attribute attributeGroup anyAttribute "+particleNames); err != nil {
		return err
	}
	if block, _ := n.Attr("block"); block != "" {
		return fault(n, "block is not supported")
	}
	t.mixed, t.abstract = truth(n, "mixed"), truth(n, "abstract")
	t.base = c.set.types[Name{SchemaNamespace, "anyType"}]
	if inner := first(n, "simpleContent complexContent"); inner != nil {
		if err := known(inner, "mixed", "extension restriction"); err != nil {
			return err
		}
		t.mixed = t.mixed || truth(inner, "mixed")
		derivation := first(inner, "extension restriction")
		if derivation == nil {
			return fault(inner, "it has no extension or restriction")
		}
		if inner.Name.Local == "simpleContent" {
			return c.simpleContent(t, derivation, info)
		}
		return c.complexContent(t, derivation, info)
	}
	return c.contentOf(t, n, info)
}

// contentOf reads content model and attributes directly inside n.
func (c *compiler) contentOf(t *Type, n *Node, info *schemaInfo) error {
	if inner := first(n, particleNames); inner != nil {
		p, err := c.particle(inner, info)
		if err != nil {
			return err
		}
		t.content = p
	}
	return c.attributesOf(t, n, info)
}

func (c *compiler) simpleContent(t *Type, n *Node, info *schemaInfo) error {
	if err := known(n, "base", "simpleType attribute attributeGroup anyAttribute "+facetNames); err != nil {
		return err
	}
	name, _, err := reference(n, "base")
	if err != nil {
		return err
	}
	base, err := c.finished(name, n)
	if err != nil {
		return err
	}
	if base.simple == nil {
		return fault(n, "the type %s has no simple content", name)
	}
	t.base, t.simple = base, base.simple
	t.inherit(base)
	if n.Name.Local == "restriction" {
		of := base.simple
		if inner := first(n, "simpleType"); inner != nil {
			narrow, err := c.simpleType(&Type{}, inner, info)
			if err != nil {
				return err
			}
			of = narrow.simple
		}
		if t.simple, err = restrict(of, n); err != nil {
			return err
		}
	} else if first(n, facetNames+" simpleType") != nil {
		return fault(n, "an extension has no facets")
	}
	return c.attributesOf(t, n, info)
}

func (t *Type) inherit(base *Type) {
	t.attributes = slices.Clone(base.attributes)
	t.anyAttribute = base.anyAttribute
}

func (c *compiler) complexContent(t *Type, n *Node, info *schemaInfo) error {
	if err := known(n, "base", "attribute attributeGroup anyAttribute "+particleNames); err != nil {
		return err
	}
	name, _, err := reference(n, "base")
	if err != nil {
		return err
	}
	base, err := c.finished(name, n)
	if err != nil {
		return err
	}
	if base.simple != nil {
		return fault(n, "the type %s has no complex content", name)
	}
	t.base = base
	t.attributes = slices.Clone(base.attributes)
	if n.Name.Local == "restriction" {
		// The wildcard of the base is not inherited.
		return c.contentOf(t, n, info)
	}
	t.anyAttribute = base.anyAttribute
	if err := c.contentOf(t, n, info); err != nil {
		return err
	}
	t.mixed = t.mixed || base.mixed && base.content != nil
	switch {
	case t.content == nil:
		t.content = base.content
	case base.content != nil:
		if base.content.kind == allKind || t.content.kind == allKind {
			return fault(n, "an xs:all can't be extended")
		}
		t.content = (&particle{kind: sequenceKind, min: 1, max: 1, parts: []*particle{base.content, t.content}}).settle()
	}
	return nil
}
