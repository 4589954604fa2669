package graph

import (
	"strconv"
	"strings"

	"farrier.dev/farrier/internal/encoding/tree"
	"farrier.dev/farrier/internal/spec"
)

// data makes the nodes of a value that is no part of the description's own
// language: examples, defaults, members of extensions. Names of what has none
// are counted, as AMF does.
func (b *builder) data(c cursor, name string, counted *int) *Node {
	auto := func(kind string) string {
		*counted++
		if name != "" {
			return name
		}
		return kind + "_" + strconv.Itoa(*counted)
	}
	switch {
	case c.Is(tree.Object):
		n := b.Add(c.place(), classesDataObject...)
		n.Set(propName, auto("object"))
		for key, v := range c.names() {
			n.Link(nsData+key, b.data(v, key, counted))
		}
		return n
	case c.Is(tree.Array):
		n := b.Add(c.place(), classesDataArray...)
		n.Set(propName, auto("array"))
		for v := range c.items() {
			n.Link(nsRDFS+"member", b.data(v, "", counted))
		}
		return n
	}
	n := b.Add(c.place(), classesDataScalar...)
	n.Set(nsData+"value", c.Str())
	n.Add(propDatatype, Value{IRI: nsXSD + dataType(c.Node)})
	n.Set(propName, auto("scalar"))
	return n
}

func dataType(n *tree.Node) string {
	switch {
	case n.Is(tree.Bool):
		return "boolean"
	case n.Is(tree.Number) && strings.ContainsAny(n.Text, ".eE"):
		return "double"
	case n.Is(tree.Number):
		return "integer"
	case n.Is(tree.Null):
		return "nil"
	}
	return "string"
}

// extensions adds the extensions of an object as annotations.
func (b *builder) extensions(n *Node, c cursor) {
	if !c.Is(tree.Object) {
		return
	}
	for i := range c.Members {
		m := &c.Members[i]
		if name, ok := strings.CutPrefix(m.Name, "x-"); ok && m.Name != spec.ExtensionRAML {
			if b.projected {
				name = annotationName(name)
			}
			b.annotate(n, name, c.entry(m))
		}
	}
}

// annotate adds an annotation: its value stands under an IRI of its own, which
// the list of annotations names.
func (b *builder) annotate(n *Node, name string, c cursor) {
	value := b.data(c, "", new(int))
	value.Set(PropExtensionName, name)
	iri := value.ID + "/annotation"
	n.Add(iri, Value{Node: value})
	n.Add(PropCustom, Value{IRI: iri})
}
