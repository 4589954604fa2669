package jsonschema

import (
	"strings"

	"farrier.dev/farrier/internal/encoding/tree"
)

// Namer gives the reference to the schema target, which is written by convert;
// hint is a name for it.
type Namer func(target *tree.Node, hint string, convert func() *tree.Node) string

// Convert writes the schema in the draft 2020-12. References stand in it as the
// namer gives them, so that they hold in another document.
func (s *Schema) Convert(name Namer) *tree.Node {
	c := &converter{s, name, maxSchemas}
	return c.schema(s.root, 0)
}

type converter struct {
	s    *Schema
	name Namer
	left int
}

func (c *converter) schema(p place, depth int) *tree.Node {
	n := p.node
	if c.left--; c.left < 0 || depth > maxDepth || n == nil {
		return anything(n)
	}
	if !n.Is(tree.Object) {
		return n
	}
	out := tree.NewObject(n)
	if ref := n.Get("$ref"); ref.Is(tree.String) {
		found, err := c.s.target(p, ref)
		if err != nil {
			return out
		}
		hint := ref.Text[strings.LastIndexAny(ref.Text, "/#")+1:]
		to := c.name(found.node, strings.TrimSuffix(hint, ".json"), func() *tree.Node {
			inner := &converter{c.s, c.name, maxSchemas}
			return inner.schema(found, 0)
		})
		out.Set("$ref", tree.NewText(ref, to))
		return out
	}
	all := tree.NewArray(n)
	for i := range n.Members {
		c.keyword(p, out, all, &n.Members[i], depth)
	}
	if len(all.Items) > 0 {
		if known := out.Get("allOf"); known != nil {
			all.Items = append(all.Items, known.Items...)
		}
		out.Set("allOf", all)
	}
	return out
}

// keyword writes one keyword; all collects schemas that must hold besides.
func (c *converter) keyword(p place, out, all *tree.Node, m *tree.Member, depth int) {
	n, v := p.node, m.Value
	inner := func(n *tree.Node) *tree.Node { return c.schema(place{n, p.document}, depth+1) }
	list := func(n *tree.Node) *tree.Node {
		l := tree.NewArray(n)
		for _, item := range n.List() {
			l.Items = append(l.Items, inner(item))
		}
		return l
	}
	switch m.Name {
	case "$schema", "id", "$id", "definitions", "$defs", "required", "additionalItems", "divisibleBy", "disallow", "extends":
		c.old(p, out, all, m, depth)
	case "items":
		if !v.Is(tree.Array) {
			out.Set("items", inner(v))
			return
		}
		if len(v.Items) > 0 {
			out.Set("prefixItems", list(v))
		}
		if rest := n.Get("additionalItems"); rest != nil {
			out.Set("items", inner(rest))
		}
	case "properties", "patternProperties":
		out.Set(m.Name, c.schemas(p, v, depth))
		if m.Name == "properties" {
			c.required(n, out)
		}
	case "allOf", "anyOf", "oneOf":
		out.Set(m.Name, list(v))
	case "not", "contains", "propertyNames", "if", "then", "else", "additionalProperties":
		out.Set(m.Name, inner(v))
	case "type":
		c.types(p, out, all, v, depth)
	case "dependencies":
		c.dependencies(p, out, v, depth)
	case "minimum", "maximum":
		if n.Get("exclusive" + strings.ToUpper(m.Name[:1]) + m.Name[1:]).IsTrue() {
			out.Set("exclusive"+strings.ToUpper(m.Name[:1])+m.Name[1:], v)
			return
		}
		out.Set(m.Name, v)
	case "exclusiveMinimum", "exclusiveMaximum":
		if v.Is(tree.Number) {
			out.Set(m.Name, v)
		}
	default:
		out.Set(m.Name, v)
	}
}

// old writes keywords that later drafts write otherwise.
func (c *converter) old(p place, out, all *tree.Node, m *tree.Member, depth int) {
	v := m.Value
	inner := func(n *tree.Node) *tree.Node { return c.schema(place{n, p.document}, depth+1) }
	switch m.Name {
	case "required":
		if v.Is(tree.Array) {
			c.required(p.node, out)
		}
	case "divisibleBy":
		if out.Get("multipleOf") == nil {
			out.Set("multipleOf", v)
		}
	case "extends":
		for _, item := range append([]*tree.Node{v}, v.Items...) {
			if item.Is(tree.Object) {
				all.Items = append(all.Items, inner(item))
			}
		}
	case "disallow":
		excluded := tree.NewObject(v)
		c.types(p, excluded, all, v, depth)
		not := tree.NewObject(v)
		not.Set("not", excluded)
		all.Items = append(all.Items, not)
	}
}

// required writes the names of required properties: those in the list and, as in
// draft 3, those that say so themselves.
func (c *converter) required(n, out *tree.Node) {
	list := tree.NewArray(n)
	if r := n.Get("required"); r.Is(tree.Array) {
		list = tree.NewArray(r, r.Items...)
	}
	for _, m := range n.Get("properties").Fields() {
		if m.Value.Get("required").IsTrue() {
			list.Items = append(list.Items, tree.NewText(m.Value.Get("required"), m.Name))
		}
	}
	if len(list.Items) > 0 {
		out.Set("required", list)
	}
}

// types writes type; schemas among the types, and the type any, as draft 3 has
// them, become alternatives.
func (c *converter) types(p place, out, all, v *tree.Node, depth int) {
	simple, any := true, tree.NewArray(v)
	for _, item := range append([]*tree.Node{v}, v.Items...) {
		switch {
		case item.Is(tree.Object):
			simple = false
			any.Items = append(any.Items, c.schema(place{item, p.document}, depth+1))
		case item.Is(tree.String) && item.Text == "any":
			return
		case item.Is(tree.String):
			one := tree.NewObject(item)
			one.Set("type", item)
			any.Items = append(any.Items, one)
		}
	}
	if simple {
		out.Set("type", v)
		return
	}
	either := tree.NewObject(v)
	either.Set("anyOf", any)
	all.Items = append(all.Items, either)
}

func (c *converter) schemas(p place, v *tree.Node, depth int) *tree.Node {
	out := tree.NewObject(v)
	for _, m := range v.Fields() {
		m.Value = c.schema(place{m.Value, p.document}, depth+1)
		out.Members = append(out.Members, m)
	}
	out.Index()
	return out
}

func (c *converter) dependencies(p place, out, v *tree.Node, depth int) {
	names, schemas := tree.NewObject(v), tree.NewObject(v)
	for _, m := range v.Fields() {
		switch m.Value.Kind {
		case tree.Array:
			names.Set(m.Name, m.Value)
		case tree.String:
			names.Set(m.Name, tree.NewArray(m.Value, m.Value))
		default:
			schemas.Set(m.Name, c.schema(place{m.Value, p.document}, depth+1))
		}
	}
	if len(names.Members) > 0 {
		out.Set("dependentRequired", names)
	}
	if len(schemas.Members) > 0 {
		out.Set("dependentSchemas", schemas)
	}
}
