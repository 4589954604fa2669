package raml

import (
	"slices"

	"farrier.dev/farrier/internal/encoding/tree"
	"farrier.dev/farrier/internal/spec/raml/datatype"
)

// types08 are the types of parameters in RAML 0.8.
var types08 = []string{"string", "number", "integer", "date", "boolean", "file"}

// fields08 judges a map of parameters in RAML 0.8; a parameter of several types
// is a list of declarations.
func (r *reader) fields08(use datatype.Use, n *tree.Node) {
	before := len(r.problems)
	r.each(n, "a map of parameters", func(m tree.Member) {
		if r.loose && containsParameter(m.Name) {
			return
		}
		if !m.Value.Is(tree.Array) {
			r.parameter08(m.Value)
			return
		}
		if len(m.Value.Items) == 0 {
			r.wrong(m.Value, "raml-kind", "the list of a parameter's types is empty")
		}
		for _, item := range m.Value.Items {
			r.parameter08(item)
		}
	})
	if !n.Is(tree.Object) || len(r.problems) > before || r.loose && r.hasParameters(n) {
		return
	}
	single, lists := apart(n)
	r.set.Fields(use, single, r.scopeOf(n, r.api))
	for _, m := range lists {
		for _, item := range m.Value.Items {
			r.set.As(use, item, r.scopeOf(item, r.api))
		}
	}
}

// apart is a map of parameters without those of several types, and these.
func apart(n *tree.Node) (single *tree.Node, lists []tree.Member) {
	single = tree.NewObject(n)
	for _, m := range n.Members {
		if m.Value.Is(tree.Array) {
			lists = append(lists, m)
			continue
		}
		single.Members = append(single.Members, m)
	}
	if len(lists) == 0 {
		return n, nil
	}
	single.Index()
	return single, lists
}

// parameter08 judges the declaration of a parameter.
func (r *reader) parameter08(n *tree.Node) {
	facets := map[string]check{
		"displayName": r.text, "description": r.text, "example": ignore, "default": ignore,
		"type": func(n *tree.Node) {
			if !r.openText(n) && !slices.Contains(types08, n.Str()) {
				r.wrong(n, "raml-parameter-type", "the type of a parameter is string, number, integer, date, boolean or file, not %q", clip(n.Str()))
			}
		},
		"repeat": r.flag, "required": r.flag,
	}
	kind := n.Get("type").Str()
	if kind == "" || kind == "string" || containsParameter(kind) {
		facets["enum"], facets["pattern"], facets["minLength"], facets["maxLength"] = ignore, ignore, ignore, ignore
	}
	if kind == "number" || kind == "integer" || containsParameter(kind) {
		facets["minimum"], facets["maximum"] = ignore, ignore
	}
	r.object(n, shape{what: "a parameter", facets: facets})
}

func (r *reader) flag(n *tree.Node) {
	if !n.Is(tree.Bool) && !r.openText(n) {
		r.wrong(n, "raml-kind", "this must be true or false")
	}
}

// declaredParameter is one parameter of a map as the projection needs it.
type declaredParameter struct {
	name     string
	required bool
	decl     *tree.Node
	schema   *tree.Node
}

// declaredParameters are the parameters of a map, in their order.
func (r *reader) declaredParameters(use datatype.Use, n *tree.Node) []declaredParameter {
	single, lists := n, []tree.Member(nil)
	if r.old {
		single, lists = apart(n)
	}
	var out []declaredParameter
	for _, f := range r.set.Fields(use, single, r.scopeOf(n, r.api)) {
		if f.Pattern {
			continue
		}
		schema := r.schema(f.Type, f.Decl, true)
		if r.old && f.Decl.Get("repeat").IsTrue() {
			schema = listOf(f.Decl, schema)
		}
		out = append(out, declaredParameter{f.Name, f.Required, f.Decl, schema})
	}
	for _, m := range lists {
		p := declaredParameter{name: m.Name, decl: tree.NewObject(m.Value), schema: tree.NewObject(m.Value), required: use == datatype.URI}
		anyOf := tree.NewArray(m.Value)
		for _, item := range m.Value.Items {
			schema := r.set.As(use, item, r.scopeOf(item, r.api)).Reference()
			if item.Get("repeat").IsTrue() {
				schema = listOf(item, schema)
			}
			anyOf.Items = append(anyOf.Items, schema)
			p.required = p.required || item.Get("required").IsTrue()
			if p.decl.Get("description") == nil && item.Is(tree.Object) {
				p.decl = item
			}
		}
		put(p.schema, "anyOf", nil, anyOf)
		out = append(out, p)
	}
	return out
}

// listOf is the schema of a parameter that may be repeated.
func listOf(at, items *tree.Node) *tree.Node {
	out := tree.NewObject(at)
	put(out, "type", nil, tree.NewText(at, "array"))
	put(out, "items", nil, items)
	return out
}
