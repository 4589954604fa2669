package raml

import (
	"slices"
	"strings"

	"farrier.dev/farrier/internal/encoding/tree"
	"farrier.dev/farrier/internal/spec/raml/datatype"
)

// judgeRoot08 judges what stands beside the resources of an API in RAML 0.8.
func (r *reader) judgeRoot08(root *tree.Node) {
	one := func(what string, judge func(v *tree.Node)) check {
		return func(n *tree.Node) { r.declared08(n, what, judge) }
	}
	r.object(root, shape{
		what: "an API",
		facets: map[string]check{
			"title": r.words, "version": r.text, "protocols": r.protocols, "mediaType": r.mediaType08,
			"baseUri":           func(n *tree.Node) { r.baseURI(n, root) },
			"baseUriParameters": func(n *tree.Node) { r.baseParameters(n, root) },
			"uriParameters":     r.fields,
			"documentation":     r.documentation,
			"securedBy":         r.securedBy,
			"schemas":           one("schemas", ignore),
			"traits":            one("traits", r.traitDeclaration),
			"resourceTypes":     one("resourceTypes", r.resourceTypeDeclaration),
			"securitySchemes":   one("securitySchemes", r.securityScheme),
		},
		required: []string{"title"},
		other:    func(m tree.Member) bool { return strings.HasPrefix(m.Name, "/") },
	})
}

// flat is an API whose declarations are objects, where they may be lists of
// objects; of two with one name the first counts.
func flat(root *tree.Node) *tree.Node {
	out := tree.NewObject(root)
	for _, m := range root.Fields() {
		if m.Value.Is(tree.Array) {
			all := tree.NewObject(m.Value)
			for _, item := range m.Value.Items {
				all.Members = append(all.Members, item.Fields()...)
			}
			all.Index()
			m.Value = all
		}
		out.Members = append(out.Members, m)
	}
	out.Index()
	return out
}

// declared08 judges declarations, which are an object or a list of objects.
func (r *reader) declared08(n *tree.Node, what string, judge func(v *tree.Node)) {
	parts := []*tree.Node{n}
	if n.Is(tree.Array) {
		parts = n.Items
	}
	seen := map[string]bool{}
	for _, part := range parts {
		if n.Is(tree.Array) && part.Is(tree.Null) {
			continue
		}
		r.each(part, what, func(m tree.Member) {
			if seen[m.Name] {
				r.wrong(r.at(part, m), "raml-duplicate-name", "%q is declared twice in %s", clip(m.Name), what)
			}
			seen[m.Name] = true
			judge(m.Value)
		})
	}
}

func (r *reader) mediaType08(n *tree.Node) {
	if !n.Is(tree.String) || !isMediaType(n.Text) {
		r.wrong(n, "raml-media-type", "mediaType must be one media type, as application/json")
	}
}

// resourceShape08 is what a resource may have in RAML 0.8.
func (r *reader) resourceShape08(path string) shape {
	return shape{
		what: "a resource",
		facets: map[string]check{
			"displayName": r.text, "description": r.text, "is": ignore, "type": ignore, "securedBy": r.securedBy,
			"uriParameters":     func(n *tree.Node) { r.uriParameters(n, path) },
			"baseUriParameters": func(n *tree.Node) { r.baseParametersBelow(n) },
		},
	}
}

// baseParametersBelow judges parameters of baseUri that a resource or method
// sets anew.
func (r *reader) baseParametersBelow(n *tree.Node) {
	if r.loose {
		r.fields(n)
		return
	}
	r.baseParameters(n, r.root)
}

func (r *reader) methodShape08() shape {
	return shape{
		what: "a method",
		facets: map[string]check{
			"description": r.text, "is": ignore, "protocols": r.protocols, "queryParameters": r.fields,
			"headers": r.fields, "responses": r.responses, "securedBy": r.securedBy, "body": r.body08,
			"baseUriParameters": func(n *tree.Node) { r.baseParametersBelow(n) },
		},
	}
}

// body08 judges a body: schema, example and form for each media type, or for the
// default one.
func (r *reader) body08(n *tree.Node) {
	if n.Is(tree.Null) || r.openText(n) {
		return
	}
	if !n.Is(tree.Object) {
		r.wrong(n, "raml-kind", "a body must be an object, not %s", a(n))
		return
	}
	if !r.byMedia(n) && len(n.Members) > 0 {
		if len(r.media) == 0 && !r.loose {
			r.wrong(n, "raml-media-type-missing", "a body needs its media type, as the API has no mediaType for all")
		}
		r.content08(n, "")
		return
	}
	for _, m := range n.Members {
		if !isMediaType(m.Name) && (!r.loose || !containsParameter(m.Name)) {
			r.wrong(r.at(n, m), "raml-media-type", "%q is no media type, as application/json", clip(m.Name))
			continue
		}
		r.content08(m.Value, m.Name)
	}
}

// content08 judges the body of one media type; media is empty for the default.
func (r *reader) content08(n *tree.Node, media string) {
	r.object(n, shape{
		what: "a body",
		facets: map[string]check{
			"description": r.text, "schema": r.text, "example": ignore,
			"formParameters": func(n *tree.Node) { r.fields(n) },
		},
	})
	form := n.Get("formParameters")
	switch {
	case form == nil:
	case media != "" && !isForm(media) && !containsParameter(media):
		r.wrong(form, "raml-form-parameters", "formParameters belong to application/x-www-form-urlencoded or multipart/form-data, not to %s", clip(media))
	case n.Get("schema") != nil:
		r.wrong(form, "raml-form-parameters", "a body has a schema or formParameters, not both")
	}
	if !n.Is(tree.Object) || form != nil || r.alone || r.loose && r.hasParameters(n) {
		return
	}
	r.set.As(datatype.Body, r.named08(n), r.scopeOf(n, r.api))
}

// named08 is a body with the schema itself in place of its name, which may be any
// text.
func (r *reader) named08(n *tree.Node) *tree.Node {
	schema := n.Get("schema")
	if text := strings.TrimSpace(schema.Str()); text == "" || text[0] == '{' || text[0] == '<' {
		return n
	}
	if known := r.bodies[n]; known != nil {
		return known
	}
	out := without(n, "schema")
	if d, ok := r.scopeOf(schema, r.api).find("types", schema.Text); ok {
		put(out, "schema", nil, d.value)
	} else {
		r.wrong(schema, "raml-unknown-schema", "there is no schema %q; declare it under schemas", clip(schema.Text))
	}
	r.bodies[n] = out
	return out
}

func isForm(media string) bool {
	media, _, _ = strings.Cut(strings.ToLower(media), ";")
	return slices.Contains([]string{"application/x-www-form-urlencoded", "multipart/form-data"}, strings.TrimSpace(media))
}

// form is the schema of a body that is a form.
func (r *reader) form(n *tree.Node) *tree.Node {
	out, properties, required := tree.NewObject(n), tree.NewObject(n), tree.NewArray(n)
	put(out, "type", nil, tree.NewText(n, "object"))
	for _, f := range r.declaredParameters(datatype.Parameter, n) {
		add(properties, f.name, nil, f.schema)
		if f.required {
			required.Items = append(required.Items, tree.NewText(f.decl, f.name))
		}
	}
	put(out, "properties", nil, properties)
	if len(required.Items) > 0 {
		put(out, "required", nil, required)
	}
	return out
}
