package raml

import (
	"regexp"
	"strings"

	"farrier.dev/farrier/internal/encoding/tree"
	"farrier.dev/farrier/internal/spec/raml/datatype"
)

// endpoint is a resource with its templates applied.
type endpoint struct {
	// path is the whole path, above that of the resource it lies in.
	path string
	// node is what it means; written what is written; at is where its name stands.
	node, written, at *tree.Node
	above             *endpoint
}

func isMethod(name string) bool {
	switch name {
	case "get", "post", "put", "delete", "patch", "head", "options", "trace", "connect":
		return true
	}
	return false
}

// resources judges all resources of an API.
func (r *reader) resources(root *tree.Node) {
	paths := map[string]bool{}
	var walk func(n *tree.Node, above *endpoint)
	walk = func(n *tree.Node, above *endpoint) {
		for _, m := range n.Fields() {
			if r.full || !strings.HasPrefix(m.Name, "/") {
				continue
			}
			e := &endpoint{path: m.Name, at: r.at(n, m), above: above}
			if above != nil {
				e.path = above.path + m.Name
			}
			if len(e.path) > maxPath || !r.spend(1+len(e.path)/64, e.at) {
				r.wrong(e.at, "raml-too-large", "the path of this resource is longer than %d bytes", maxPath)
				continue
			}
			if paths[e.path] {
				r.wrong(e.at, "raml-duplicate-path", "there is a resource %s already", clip(e.path))
				continue
			}
			paths[e.path] = true
			r.resource(e, m)
			walk(m.Value, e)
		}
	}
	walk(root, nil)
}

// resource judges one resource and keeps it.
func (r *reader) resource(e *endpoint, m tree.Member) {
	if !m.Value.Is(tree.Object) && !m.Value.Is(tree.Null) {
		r.wrong(m.Value, "raml-kind", "a resource must be an object, not %s", a(m.Value))
		return
	}
	if _, ok := variables(m.Name); !ok {
		r.wrong(e.at, "raml-uri-template", "the braces of %q do not match", clip(m.Name))
	}
	e.written = m.Value
	e.node, _ = r.effective(m.Value, e.path, map[string]bool{}, nil)
	if !r.visit(e.node) {
		return
	}
	r.object(e.node, r.resourceShape(m.Name))
	r.endpoints = append(r.endpoints, e)
}

// resourceShape is what a resource may have once its templates are applied.
func (r *reader) resourceShape(path string) shape {
	methods := func(m tree.Member) bool {
		if isMethod(m.Name) {
			r.method(m.Value)
			return true
		}
		return strings.HasPrefix(m.Name, "/")
	}
	if r.old {
		s := r.resourceShape08(path)
		s.other = methods
		return s
	}
	return shape{
		what: "a resource", target: targetsOf("Resource"),
		facets: map[string]check{
			"displayName": r.text, "description": r.text, "is": ignore, "type": ignore,
			"securedBy":     r.securedBy,
			"uriParameters": func(n *tree.Node) { r.uriParameters(n, path) },
		},
		other: methods,
	}
}

func (r *reader) methodShape() shape {
	if r.old {
		return r.methodShape08()
	}
	return shape{
		what: "a method", target: targetsOf("Method"),
		facets: map[string]check{
			"displayName": r.text, "description": r.text, "is": ignore, "protocols": r.protocols,
			"queryParameters": r.fields, "headers": r.fields, "queryString": r.queryString,
			"responses": r.responses, "securedBy": r.securedBy,
			"body": func(n *tree.Node) { r.body(n, "RequestBody") },
		},
	}
}

// method judges a method.
func (r *reader) method(n *tree.Node) {
	r.object(n, r.methodShape())
	r.exclusiveQuery(n)
}

func (r *reader) exclusiveQuery(n *tree.Node) {
	if q := n.Get("queryString"); q != nil && n.Get("queryParameters") != nil {
		r.wrong(q, "raml-query-string", "there can be queryString or queryParameters, not both")
	}
}

func (r *reader) queryString(n *tree.Node) {
	r.typeOf(datatype.QueryString, n, targetsOf(typeTarget))
}

var statusCode = regexp.MustCompile(`^[1-5][0-9][0-9]$`)

// responses judges the responses of a method or security scheme.
func (r *reader) responses(n *tree.Node) {
	r.each(n, "responses", func(m tree.Member) {
		switch {
		case isAnnotation(m.Name):
			r.annotation(n, m, nil)
			return
		case r.loose && containsParameter(m.Name):
		case !statusCode.MatchString(m.Name):
			r.wrong(r.at(n, m), "raml-status-code", "a response has a status code from 100 to 599, not %q", clip(m.Name))
		}
		if r.old {
			r.object(m.Value, shape{
				what:   "a response",
				facets: map[string]check{"description": r.text, "headers": r.fields, "body": r.body08},
			})
			return
		}
		r.object(m.Value, shape{
			what:   "a response", // An annotation for methods is one for their responses too.
			target: targetsOf("Response", "Method"),
			facets: map[string]check{
				"displayName": r.text, "description": r.text, "headers": r.fields,
				"body": func(n *tree.Node) { r.body(n, "ResponseBody") },
			},
		})
	})
}

// body judges a body: a type for each media type, or one type for the default
// media types of the API.
func (r *reader) body(n *tree.Node, target string) {
	if n.Is(tree.Null) || r.openText(n) {
		return
	}
	if !r.byMedia(n) {
		if len(r.media) == 0 && !r.loose {
			r.wrong(n, "raml-media-type-missing", "a body needs its media type, as the API has no mediaType for all")
		}
		r.typeOf(datatype.Body, n, targetsOf(target, typeTarget))
		return
	}
	for _, m := range n.Members {
		switch {
		case r.loose && containsParameter(m.Name):
		case isAnnotation(m.Name):
			r.annotation(n, m, targetsOf(target))
			continue
		case !isMediaType(m.Name):
			r.wrong(r.at(n, m), "raml-media-type", "%q is no media type, as application/json", clip(m.Name))
			continue
		}
		r.typeOf(datatype.Body, m.Value, targetsOf(target, typeTarget))
	}
}

// byMedia says whether a body gives a type for each media type.
func (r *reader) byMedia(n *tree.Node) bool {
	for _, m := range n.Fields() {
		if strings.Contains(m.Name, "/") || containsParameter(m.Name) {
			return true
		}
	}
	return false
}

// traitDeclaration judges a trait as far as it can be before it is applied.
func (r *reader) traitDeclaration(n *tree.Node) {
	r.kind(n, "Trait")
	r.template(n, func() {
		s := r.methodShape()
		s.what, s.target = "a trait", targetsOf("Trait")
		s.facets["usage"], s.facets["displayName"] = r.text, r.text
		r.object(n, s)
	})
}

// resourceTypeDeclaration judges a resource type as far as it can be before it
// is applied.
func (r *reader) resourceTypeDeclaration(n *tree.Node) {
	r.kind(n, "ResourceType")
	r.template(n, func() {
		s := r.resourceShape("")
		s.what, s.target = "a resource type", targetsOf("ResourceType")
		s.facets["usage"], s.facets["uriParameters"] = r.text, r.fields
		s.other = func(m tree.Member) bool {
			if isMethod(strings.TrimSuffix(m.Name, "?")) {
				r.method(m.Value)
				return true
			}
			return false
		}
		r.object(n, s)
	})
}

// template judges a trait or resource type: parameters stand for anything.
func (r *reader) template(n *tree.Node, judge func()) {
	was := r.loose
	r.loose = true
	judge()
	r.templateSyntax(n)
	r.loose = was
}
