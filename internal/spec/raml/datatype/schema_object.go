package datatype

import (
	"slices"

	"farrier.dev/farrier/internal/encoding/tree"
)

// choice writes an object type: when discriminators tell values of several types
// apart, as the alternatives that they are.
func (w *writer) choice(t *Type, n *tree.Node) *tree.Node {
	f, ok := t.facets["discriminator"]
	heirs := map[string]*Type(nil)
	if ok {
		heirs = w.set.byDiscriminator(t)
	}
	if heirs == nil {
		w.object(t, n)
		return n
	}
	values := make([]string, 0, len(heirs))
	mine := ""
	for value, heir := range heirs {
		if heir == t {
			mine = value
			continue
		}
		values = append(values, value)
	}
	slices.Sort(values)
	if len(values) == 0 {
		w.object(t, n)
		w.only(t, n, f, mine)
		return n
	}
	self := tree.NewObject(t.decl)
	w.object(t, self)
	w.only(t, self, f, mine)
	list := tree.NewArray(n, self)
	for _, value := range values {
		part := tree.NewObject(n)
		w.only(heirs[value], part, f, value)
		if heir := heirs[value]; heir.isAlias() {
			w.object(heir, part)
		} else {
			all := part.Get("allOf")
			all.Items = append([]*tree.Node{w.reference(heir)}, all.Items...)
		}
		list.Items = append(list.Items, part)
	}
	n.Set("anyOf", list)
	d := tree.NewObject(f.node)
	d.Set("propertyName", tree.NewText(f.node, f.text))
	n.Set("discriminator", d)
	return n
}

// only adds that the discriminator has one value.
func (w *writer) only(t *Type, n *tree.Node, f facet, value string) {
	v := tree.NewText(f.node, value)
	if p := t.fields.get(f.text); p != nil {
		p.Type.resolve()
		switch p.Type.kind {
		case numberKind, integerKind:
			v.Kind = tree.Number
		case booleanKind:
			v.Kind = tree.Bool
		default:
		}
	}
	one := tree.NewObject(f.node)
	one.Set("const", v)
	properties := tree.NewObject(f.node)
	properties.Set(f.text, one)
	part := tree.NewObject(f.node)
	part.Set("properties", properties)
	if all := n.Get("allOf"); all != nil {
		all.Items = append(all.Items, part)
		return
	}
	n.Set("allOf", tree.NewArray(f.node, part))
}

func (w *writer) object(t *Type, n *tree.Node) {
	w.typed(n, "object")
	properties, required := tree.NewObject(n), tree.NewArray(n)
	for i := range t.fields.list {
		f := &t.fields.list[i]
		if f.Pattern {
			continue
		}
		properties.Members = append(properties.Members, w.member(f.Name, f))
		if f.Required {
			required.Items = append(required.Items, tree.NewText(f.Decl, f.Name))
		}
	}
	properties.Index()
	if len(properties.Members) > 0 {
		n.Set("properties", properties)
	}
	if len(required.Items) > 0 {
		n.Set("required", required)
	}
	if len(t.fields.patterns) > 0 {
		w.patternProperties(t, n)
	}
	if f, ok := t.facets["additionalProperties"]; ok && !f.flag {
		n.Set("additionalProperties", tree.NewBool(f.node, false))
	}
	w.facets(t, n, "minProperties", "maxProperties")
	w.enum(t, n)
}

func (w *writer) member(name string, f *Field) tree.Member {
	v := w.reference(f.Type)
	at := v
	if f.name != nil && v.Source == f.name.Source {
		at = f.name
	}
	return tree.Member{Name: name, Line: at.Line, Column: at.Column, Value: v}
}

// maxOverlaps is how many pairs of patterns and names are looked at.
const maxOverlaps = 10_000

// patternProperties writes the patterns: the one that matches all names is what
// JSON Schema calls additional properties; the others also allow what declared
// properties of matching names do.
func (w *writer) patternProperties(t *Type, n *tree.Node) {
	patterns := tree.NewObject(n)
	few := len(t.fields.patterns)*len(t.fields.list) <= maxOverlaps
	for _, i := range t.fields.patterns {
		f := &t.fields.list[i]
		if f.regexp.catchAll() {
			n.Set("additionalProperties", w.reference(f.Type))
			break
		}
		m := w.member(f.Name, f)
		any := tree.NewArray(m.Value, m.Value)
		for j := range t.fields.list {
			if other := &t.fields.list[j]; few && !other.Pattern && f.regexp.match(other.Name) {
				any.Items = append(any.Items, w.reference(other.Type))
			}
		}
		if len(any.Items) > 1 {
			m.Value = tree.NewObject(m.Value)
			m.Value.Set("anyOf", any)
		}
		patterns.Members = append(patterns.Members, m)
	}
	if len(patterns.Members) > 0 {
		n.Set("patternProperties", patterns)
	}
}
