package raml

import (
	"slices"
	"strings"

	"farrier.dev/farrier/internal/encoding/tree"
	"farrier.dev/farrier/internal/spec/raml/datatype"
)

// targets are what annotations can be allowed for.
var targets = []string{
	"API", "DocumentationItem", "Resource", "Method", "Response", "RequestBody", "ResponseBody", "TypeDeclaration",
	"Example", "ResourceType", "Trait", "SecurityScheme", "SecuritySchemeSettings", "AnnotationType", "Library",
	"Overlay", "Extension",
}

// typeTarget is the target that declarations of types are.
const typeTarget = "TypeDeclaration"

func targetsOf(names ...string) []string { return names }

// annotation judges an annotation of an object that is the target, under one or
// several names; none stands for a facet, which is no target of its own.
func (r *reader) annotation(n *tree.Node, m tree.Member, target []string) {
	name := m.Name[1 : len(m.Name)-1]
	if r.alone || r.loose && strings.Contains(name, "<<") {
		return
	}
	d, ok := r.scopeOf(n, r.api).find("annotationTypes", name)
	if !ok {
		d, ok = r.scopeOf(m.Value, r.api).find("annotationTypes", name)
	}
	if !ok {
		r.wrong(r.at(n, m), "raml-unknown-annotation", "there is no annotation type %q; declare it under annotationTypes", clip(name))
		return
	}
	if allowed := r.unwrap(d.value.Get("allowedTargets")); allowed != nil && target != nil {
		names := allowed.Items
		if !allowed.Is(tree.Array) {
			names = []*tree.Node{allowed}
		}
		names = names[:min(len(names), len(targets))]
		if !slices.ContainsFunc(names, func(v *tree.Node) bool { return slices.Contains(target, v.Text) }) {
			r.wrong(r.at(n, m), "raml-annotation-target", "the annotation %s is not allowed for %s, only for %s", name, strings.Join(target, ", "), texts(names))
		}
	}
	if r.loose && r.hasParameters(m.Value) {
		return
	}
	r.noteAll(r.set.As(datatype.Annotation, d.value, d.scope).Check(m.Value))
}

func texts(nodes []*tree.Node) string {
	out := make([]string, len(nodes))
	for i, n := range nodes {
		out[i] = clip(n.Text)
	}
	return strings.Join(out, ", ")
}

// annotationType judges the declaration of an annotation.
func (r *reader) annotationType(m tree.Member, s *scope) {
	r.kind(m.Value, "AnnotationTypeDeclaration")
	if n := m.Value.Get("allowedTargets"); n != nil {
		r.list(n, true, func(v *tree.Node) {
			if !slices.Contains(targets, v.Str()) {
				r.wrong(v, "raml-annotation-target", "%q is no target; targets are %s", clip(v.Str()), strings.Join(targets, ", "))
			}
		})
	}
	r.set.Declare(m.Name, datatype.Annotation, m.Value, r.scopeOf(m.Value, s))
	r.annotationsOf(m.Value, targetsOf("AnnotationType"))
}

// annotationsOf judges the annotations in the declaration of a type.
func (r *reader) annotationsOf(n *tree.Node, target []string) {
	if n.Is(tree.Array) {
		for _, item := range n.Items {
			r.annotationsOf(item, targetsOf(typeTarget))
		}
	}
	for _, m := range n.Fields() {
		switch {
		case isAnnotation(m.Name):
			r.annotation(n, m, target)
		case m.Name == "example" && m.Value.Is(tree.Object):
			r.annotationsOfExample(m.Value)
		case m.Name == "examples" && m.Value.Is(tree.Object):
			for _, e := range m.Value.Members {
				r.annotationsOfExample(e.Value)
			}
		case m.Name == "properties" || m.Name == "facets":
			for _, p := range m.Value.Fields() {
				r.annotationsOf(p.Value, targetsOf(typeTarget))
			}
		case m.Name == "items" || m.Name == "type" || m.Name == "schema":
			r.annotationsOf(m.Value, targetsOf(typeTarget))
		case m.Value.Is(tree.Object) && m.Value.Get("value") != nil && plainFacet(m.Name):
			for _, f := range m.Value.Members {
				if isAnnotation(f.Name) {
					r.annotation(m.Value, f, nil)
				}
			}
		}
	}
}

// plainFacet says whether a facet of a type has one value, which may be
// annotated.
func plainFacet(name string) bool {
	switch name {
	case "displayName", "description", "required", "minProperties", "maxProperties", "additionalProperties",
		"discriminator", "discriminatorValue", "uniqueItems", "minItems", "maxItems", "pattern", "minLength",
		"maxLength", "minimum", "maximum", "format", "multipleOf", "fileTypes", "enum", "default":
		return true
	}
	return false
}

// annotationsOfExample judges those of an example, which are known by the member
// "value" beside them.
func (r *reader) annotationsOfExample(n *tree.Node) {
	if n.Get("value") == nil {
		return
	}
	for _, m := range n.Members {
		switch {
		case isAnnotation(m.Name):
			r.annotation(n, m, targetsOf("Example"))
		case m.Name != "value":
			r.annotationsOfFacet(m.Value)
		}
	}
}

func (r *reader) annotationsOfFacet(n *tree.Node) {
	for _, m := range n.Fields() {
		if isAnnotation(m.Name) {
			r.annotation(n, m, nil)
		}
	}
}
