package raml

import (
	"strings"

	"farrier.dev/farrier/internal/encoding/tree"
	"farrier.dev/farrier/internal/spec/raml/datatype"
)

// schema is a type written out, or as others refer to it, with the annotations
// of its declaration.
func (r *reader) schema(t *datatype.Type, decl *tree.Node, reference bool) *tree.Node {
	n := t.Schema
	if reference {
		n = t.Reference
	}
	out := n()
	if !t.External() && !r.old {
		r.annotateSchema(out, decl)
	}
	return out
}

// annotateSchema adds to a schema the annotations in the declaration that it was
// made of.
func (r *reader) annotateSchema(schema, decl *tree.Node) {
	if !schema.Is(tree.Object) || !decl.Is(tree.Object) {
		return
	}
	r.annotate(schema, decl)
	r.deprecate(schema, decl)
	for _, m := range decl.Get("properties").Fields() {
		if property := propertyOf(schema, m.Name); property != nil {
			r.annotateSchema(property, m.Value)
		}
	}
	r.annotateSchema(schema.Get("items"), decl.Get("items"))
}

// propertyOf is the schema of a property, which may stand beside those that are
// inherited.
func propertyOf(schema *tree.Node, name string) *tree.Node {
	for _, part := range append([]*tree.Node{schema}, schema.Get("allOf").List()...) {
		properties := part.Get("properties")
		if p := properties.Get(name); p != nil {
			return p
		}
		if p := properties.Get(strings.TrimSuffix(name, "?")); p != nil {
			return p
		}
	}
	return nil
}
