package raml

import (
	"slices"
	"strings"

	"farrier.dev/farrier/internal/encoding/tree"
	"farrier.dev/farrier/internal/spec"
	"farrier.dev/farrier/internal/spec/raml/datatype"
)

// pathItem is a resource with its methods.
func (r *reader) pathItem(e *endpoint, root *tree.Node) *tree.Node {
	out := tree.NewObject(e.at)
	r.copyText(out, "summary", e.node, "displayName")
	r.copyText(out, "description", e.node, "description")
	parameters := tree.NewArray(e.at)
	var chain []*endpoint
	for above := e; above != nil; above = above.above {
		chain = append(chain, above)
	}
	has := map[string]bool{}
	for _, above := range slices.Backward(chain) {
		r.pathParameters(parameters, has, above)
	}
	if len(parameters.Items) > 0 {
		put(out, "parameters", nil, parameters)
	}
	for _, m := range e.node.Fields() {
		// OpenAPI has no operation for CONNECT.
		if isMethod(m.Name) && m.Name != "connect" {
			place := r.at(e.node, m)
			put(out, m.Name, place, r.operation(place, m.Value, e, root))
		}
	}
	r.annotate(out, e.node)
	own := tree.NewObject(e.at)
	put(own, "type", nil, applied(e.written.Get("type")))
	put(own, "is", nil, applied(e.written.Get("is")))
	extend(out, own)
	return out
}

// applied is what was applied, when anything was.
func applied(n *tree.Node) *tree.Node {
	if n.Is(tree.Null) {
		return nil
	}
	return n
}

// pathParameters adds the parameters of a resource's own part of the path.
func (r *reader) pathParameters(list *tree.Node, has map[string]bool, e *endpoint) {
	path := e.path
	if e.above != nil {
		path = strings.TrimPrefix(path, e.above.path)
	}
	names, _ := variables(path)
	declared := map[string]*tree.Node{}
	for _, p := range r.parameters(spec.InPath, e.node.Get("uriParameters"), nil) {
		declared[p.Get("name").Str()] = p
	}
	for _, name := range names {
		if has[name] {
			continue
		}
		has[name] = true
		if p := declared[name]; p != nil {
			p.Set("required", tree.NewBool(p, true))
			list.Items = append(list.Items, p)
			continue
		}
		p := tree.NewObject(e.at)
		put(p, "name", nil, tree.NewText(e.at, name))
		put(p, "in", nil, tree.NewText(e.at, string(spec.InPath)))
		put(p, "required", nil, tree.NewBool(e.at, true))
		schema := tree.NewObject(e.at)
		put(schema, "type", nil, tree.NewText(e.at, "string"))
		put(p, "schema", nil, schema)
		list.Items = append(list.Items, p)
	}
}

// parameters are those of a map; scheme is the security scheme that brings them.
func (r *reader) parameters(in spec.Place, decls, scheme *tree.Node) []*tree.Node {
	if !decls.Is(tree.Object) {
		return nil
	}
	use := datatype.Parameter
	if in == spec.InPath {
		use = datatype.URI
	}
	if !r.visit(decls) {
		return nil
	}
	fields := r.declaredParameters(use, decls)
	out := make([]*tree.Node, 0, len(fields))
	for _, f := range fields {
		p := tree.NewObject(f.decl)
		if m := decls.Member(f.name); m != nil {
			p = tree.NewObject(r.at(decls, *m))
		}
		put(p, "name", nil, tree.NewText(p, f.name))
		put(p, "in", nil, tree.NewText(p, string(in)))
		if f.required && scheme == nil {
			put(p, "required", nil, tree.NewBool(p, true))
		}
		r.describe(p, f.decl)
		r.deprecate(p, f.decl)
		put(p, "schema", nil, f.schema)
		own := tree.NewObject(p)
		r.copyText(own, "displayName", f.decl, "displayName")
		put(own, "securityScheme", nil, scheme)
		extend(p, own)
		out = append(out, p)
	}
	return out
}

// describe adds description, examples and annotations of a declaration.
func (r *reader) describe(to, decl *tree.Node) {
	r.copyText(to, "description", decl, "description")
	r.examples(to, decl, false)
	r.annotate(to, decl)
}

// operation is a method.
func (r *reader) operation(place, n *tree.Node, e *endpoint, root *tree.Node) *tree.Node {
	out := tree.NewObject(place)
	r.copyText(out, "summary", n, "displayName")
	r.copyText(out, "description", n, "description")
	secured := n.Get("securedBy")
	if secured == nil {
		secured = e.node.Get("securedBy")
	}
	put(out, "security", nil, r.security(secured))
	if secured == nil {
		secured = root.Get("securedBy")
	}
	parameters := tree.NewArray(place)
	parameters.Items = append(r.parameters(spec.InQuery, n.Get("queryParameters"), nil), r.parameters(spec.InHeader, n.Get("headers"), nil)...)
	if q := n.Get("queryString"); q != nil {
		parameters.Items = append(parameters.Items, r.wholeQuery(q))
	}
	r.credentials(parameters, secured)
	if len(parameters.Items) > 0 {
		put(out, "parameters", nil, parameters)
	}
	if body := n.Get("body"); body != nil && !body.Is(tree.Null) {
		request := tree.NewObject(body)
		if content, described := r.content(body); content != nil {
			put(request, "content", nil, content)
			if described {
				put(request, "required", nil, tree.NewBool(body, true))
			}
			r.annotateBody(request, body)
			put(out, "requestBody", nil, request)
		}
	}
	if responses := n.Get("responses"); responses.Is(tree.Object) {
		put(out, "responses", nil, r.responsesOf(responses))
	}
	r.annotate(out, n)
	r.deprecate(out, n)
	r.deprecate(out, e.node)
	own := tree.NewObject(place)
	put(own, "protocols", nil, r.unwrapped(n.Get("protocols")))
	if raw := e.written.Get(methodOf(e.node, n)); raw != nil {
		put(own, "is", nil, applied(raw.Get("is")))
	}
	extend(out, own)
	return out
}

// methodOf is the name of the method that a value is.
func methodOf(resource, n *tree.Node) string {
	for _, m := range resource.Members {
		if m.Value == n {
			return m.Name
		}
	}
	return ""
}

// annotateBody adds the annotations that stand beside the media types.
func (r *reader) annotateBody(to, body *tree.Node) {
	if r.byMedia(body) {
		r.annotate(to, body)
	}
}

// wholeQuery is the query as one parameter, whose members are the names in it.
func (r *reader) wholeQuery(q *tree.Node) *tree.Node {
	p := tree.NewObject(q)
	if !r.visit(q) {
		return p
	}
	put(p, "name", nil, tree.NewText(q, "queryString"))
	put(p, "in", nil, tree.NewText(q, string(spec.InQuery)))
	r.describe(p, q)
	put(p, "style", nil, tree.NewText(q, "form"))
	put(p, "explode", nil, tree.NewBool(q, true))
	put(p, "schema", nil, r.schema(r.set.As(datatype.QueryString, q, r.scopeOf(q, r.api)), q, true))
	own := tree.NewObject(q)
	put(own, "queryString", nil, tree.NewBool(q, true))
	extend(p, own)
	return p
}

// content is a body by media types, nil when there are none; described says
// whether anything is said of it.
func (r *reader) content(body *tree.Node) (content *tree.Node, described bool) {
	if body = r.forMedia(body); !r.byMedia(body) {
		if body.Is(tree.Object) && len(body.Members) == 0 {
			return nil, false
		}
		whole := tree.NewObject(body)
		put(whole, "*/*", body, body)
		body = whole
	}
	out := tree.NewObject(body)
	for _, m := range body.Members {
		if isAnnotation(m.Name) {
			continue
		}
		media := tree.NewObject(r.at(body, m))
		if !m.Value.Is(tree.Null) && r.visit(m.Value) {
			described = true
			if form := m.Value.Get("formParameters"); r.old && form.Is(tree.Object) {
				put(media, "schema", nil, r.form(form))
				add(out, m.Name, r.at(body, m), media)
				continue
			}
			put(media, "schema", nil, r.bodySchema(m.Value))
			r.examples(media, m.Value, strings.Contains(m.Name, "json"))
			r.annotate(media, m.Value)
		}
		add(out, m.Name, r.at(body, m), media)
	}
	return out, described
}

// bodySchema is the schema of a body of one media type.
func (r *reader) bodySchema(n *tree.Node) *tree.Node {
	if !r.old {
		return r.schema(r.set.As(datatype.Body, n, r.scopeOf(n, r.api)), n, true)
	}
	decl := r.named08(n)
	if name := r.names[decl.Get("schema")]; name != "" {
		out := tree.NewObject(n.Get("schema"))
		put(out, "$ref", nil, tree.NewText(out, "#/components/schemas/"+name))
		return out
	}
	return r.set.As(datatype.Body, decl, r.scopeOf(decl, r.api)).Reference()
}

func (r *reader) responsesOf(n *tree.Node) *tree.Node {
	out := tree.NewObject(n)
	for _, m := range n.Members {
		if isAnnotation(m.Name) {
			continue
		}
		response := tree.NewObject(r.at(n, m))
		r.copyText(response, "description", m.Value, "description")
		put(response, "description", nil, tree.NewText(response, ""))
		if headers := r.headers(m.Value.Get("headers")); headers != nil {
			put(response, "headers", nil, headers)
		}
		if body := m.Value.Get("body"); body != nil && !body.Is(tree.Null) {
			content, _ := r.content(body)
			put(response, "content", nil, content)
			r.annotateBody(response, body)
		}
		r.annotate(response, m.Value)
		add(out, m.Name, r.at(n, m), response)
	}
	return out
}

// headers are those of a response.
func (r *reader) headers(n *tree.Node) *tree.Node {
	list := r.parameters(spec.InHeader, n, nil)
	if len(list) == 0 {
		return nil
	}
	out := tree.NewObject(n)
	for _, p := range list {
		add(out, p.Get("name").Str(), p, without(p, "name", "in"))
	}
	return out
}
