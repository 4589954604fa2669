package raml

import (
	"farrier.dev/farrier/internal/encoding/tree"
	"farrier.dev/farrier/internal/spec"
	"farrier.dev/farrier/internal/spec/raml/datatype"
)

func (r *reader) noteAll(problems []spec.Problem) {
	for _, p := range problems {
		r.note(p)
	}
}

// newSet makes the set of all types of the description.
func (r *reader) newSet() {
	r.set = datatype.NewSet(datatype.Options{
		RAML08:     r.old,
		Name:       func(decl *tree.Node) string { return r.names[decl] },
		Fragment:   func(decl *tree.Node) string { return r.parts[decl] },
		Target:     r.project.Target,
		CheckXML:   r.options.CheckXML,
		IsFragment: func(decl *tree.Node) bool { return r.kinds[decl] == "DataType" },
	})
}

// typeOf judges the declaration of a type in place, unless parameters of a
// template stand in it.
func (r *reader) typeOf(use datatype.Use, n *tree.Node, target []string) {
	if r.alone || r.loose && r.hasParameters(n) {
		return
	}
	r.kind(n, "DataType")
	r.set.As(use, n, r.scopeOf(n, r.api))
	r.annotationsOf(n, target)
}

// fields judges a map of headers or query parameters.
func (r *reader) fields(n *tree.Node) { r.fieldsOf(datatype.Parameter, n) }

func (r *reader) fieldsOf(use datatype.Use, n *tree.Node) {
	if r.old {
		r.fields08(use, n)
		return
	}
	r.each(n, "a map of parameters", func(m tree.Member) {
		if isAnnotation(m.Name) {
			r.annotation(n, m, nil)
			return
		}
		r.kind(m.Value, "DataType")
		r.annotationsOf(m.Value, targetsOf(typeTarget))
	})
	if n.Is(tree.Object) && !r.alone && (!r.loose || !r.hasParameters(n)) {
		r.set.Fields(use, n, r.scopeOf(n, r.api))
	}
}

// hasParameters says whether parameters of a template stand in a value.
func (r *reader) hasParameters(n *tree.Node) bool {
	switch n.Kind {
	case tree.String:
		return containsParameter(n.Text)
	case tree.Array:
		for _, item := range n.Items {
			if r.hasParameters(item) {
				return true
			}
		}
	case tree.Object:
		for _, m := range n.Members {
			if containsParameter(m.Name) || r.hasParameters(m.Value) {
				return true
			}
		}
	case tree.Null, tree.Bool, tree.Number, tree.Include:
	}
	return false
}
