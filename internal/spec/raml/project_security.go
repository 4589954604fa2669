package raml

import (
	"strings"

	"farrier.dev/farrier/internal/encoding/tree"
	"farrier.dev/farrier/internal/spec"
)

// security is what securedBy asks for, nil when nothing is said.
func (r *reader) security(n *tree.Node) *tree.Node {
	n = r.unwrap(n)
	if n == nil {
		return nil
	}
	out := tree.NewArray(n)
	for _, v := range r.listed(n) {
		alternative := tree.NewObject(v)
		name, args := schemeOf(v)
		if _, ok := r.scopeOf(v, r.api).find("securitySchemes", name); name != "" && !ok {
			continue
		}
		if name != "" {
			scopes := tree.NewArray(v)
			for _, s := range r.listed(args.Get("scopes")) {
				scopes.Items = append(scopes.Items, tree.NewText(s, s.Text))
			}
			put(alternative, r.schemeName(v, name), nil, scopes)
		}
		out.Items = append(out.Items, alternative)
	}
	if len(out.Items) == 0 {
		return nil
	}
	return out
}

// schemeOf is the name in an item of securedBy, empty for null, and what is
// handed to the scheme.
func schemeOf(v *tree.Node) (string, *tree.Node) {
	switch {
	case v.Is(tree.String):
		return v.Text, nil
	case v.Is(tree.Object) && len(v.Members) == 1:
		return v.Members[0].Name, v.Members[0].Value
	}
	return "", nil
}

// schemeName is the name of a scheme among the components. One of a library is
// added to them.
func (r *reader) schemeName(v *tree.Node, name string) string {
	d, ok := r.scopeOf(v, r.api).find("securitySchemes", name)
	if !ok {
		return notInNames.ReplaceAllString(name, "_")
	}
	if known := r.named[d.value]; known != "" {
		return known
	}
	d.name = notInNames.ReplaceAllString(name, "_")
	r.named[d.value] = d.name
	r.used = append(r.used, d)
	return d.name
}

// schemes are the security schemes of the API and those of libraries that are
// applied.
func (r *reader) schemes(root *tree.Node) *tree.Node {
	out := tree.NewObject(root)
	seen := map[string]bool{}
	one := func(name string, place, value *tree.Node) {
		if !seen[name] {
			seen[name] = true
			add(out, name, place, r.scheme(place, value))
		}
	}
	declared := root.Get("securitySchemes")
	for _, part := range append([]*tree.Node{declared}, declared.List()...) {
		for _, m := range part.Fields() {
			one(r.schemeName(part, m.Name), r.at(part, m), m.Value)
		}
	}
	for _, s := range r.used {
		one(s.name, s.value, s.value)
	}
	if len(out.Members) == 0 {
		return nil
	}
	out.Index()
	return out
}

// scheme is a security scheme.
func (r *reader) scheme(place, n *tree.Node) *tree.Node {
	out := tree.NewObject(place)
	kind := r.unwrap(n.Get("type"))
	own := tree.NewObject(place)
	put(own, "type", nil, kind)
	r.copyText(own, "displayName", n, "displayName")
	put(own, "settings", nil, n.Get("settings"))
	text := func(name, value string) {
		if kind != nil {
			put(out, name, nil, tree.NewText(kind, value))
		}
	}
	switch kind.Str() {
	case "OAuth 2.0":
		text("type", "oauth2")
		put(out, "flows", nil, r.flows(n))
	case "OAuth 1.0":
		text("type", "http")
		text("scheme", "oauth")
	case "Basic Authentication":
		text("type", "http")
		text("scheme", "basic")
	case "Digest Authentication":
		text("type", "http")
		text("scheme", "digest")
	default:
		r.keyScheme(out, n, kind)
	}
	r.copyText(out, "description", n, "description")
	put(own, "describedBy", nil, r.described(n.Get("describedBy")))
	r.annotate(out, n)
	extend(out, own)
	return out
}

// keyScheme makes a scheme of which RAML knows nothing an apiKey when it is
// described by one header or one query parameter; otherwise the type stays as it
// is written.
func (r *reader) keyScheme(out, n, kind *tree.Node) {
	headers := n.At("describedBy", "headers").Fields()
	queries := n.At("describedBy", "queryParameters").Fields()
	var key tree.Member
	in := spec.InHeader
	switch {
	case len(headers) == 1 && len(queries) == 0:
		key = headers[0]
	case len(headers) == 0 && len(queries) == 1:
		key, in = queries[0], spec.InQuery
	default:
		put(out, "type", nil, kind)
		return
	}
	put(out, "type", nil, tree.NewText(kind, "apiKey"))
	put(out, "name", nil, tree.NewText(key.Value, strings.TrimSuffix(key.Name, "?")))
	put(out, "in", nil, tree.NewText(key.Value, string(in)))
}

// flows are the grants of OAuth 2.0.
func (r *reader) flows(n *tree.Node) *tree.Node {
	settings := n.Get("settings")
	if settings == nil {
		settings = n
	}
	out := tree.NewObject(settings)
	for _, g := range r.listed(settings.Get("authorizationGrants")) {
		flow := tree.NewObject(g)
		var name string
		var authorization, token bool
		switch g.Text {
		case "authorization_code", "code":
			name, authorization, token = "authorizationCode", true, true
		case "implicit", "token":
			name, authorization = "implicit", true
		case "password", "owner":
			name, token = "password", true
		case "client_credentials", "credentials":
			name, token = "clientCredentials", true
		default:
			continue
		}
		if authorization {
			r.copyText(flow, "authorizationUrl", settings, "authorizationUri")
		}
		if token {
			r.copyText(flow, "tokenUrl", settings, "accessTokenUri")
		}
		scopes := tree.NewObject(g)
		for _, s := range r.listed(settings.Get("scopes")) {
			put(scopes, s.Text, s, tree.NewText(s, ""))
		}
		put(flow, "scopes", nil, scopes)
		put(out, name, g, flow)
	}
	return out
}

// described is what a scheme says that requests carry and responses are.
func (r *reader) described(n *tree.Node) *tree.Node {
	if !n.Is(tree.Object) {
		return nil
	}
	out := tree.NewObject(n)
	list := tree.NewArray(n)
	list.Items = append(r.parameters(spec.InHeader, n.Get("headers"), nil), r.parameters(spec.InQuery, n.Get("queryParameters"), nil)...)
	if len(list.Items) > 0 {
		put(out, "parameters", nil, list)
	}
	if responses := n.Get("responses"); responses.Is(tree.Object) {
		put(out, "responses", nil, r.responsesOf(responses))
	}
	if len(out.Members) == 0 {
		return nil
	}
	return out
}

// credentials adds the parameters that the schemes of a method bring; they are
// optional, as another scheme may be used.
func (r *reader) credentials(list, secured *tree.Node) {
	key := func(p *tree.Node) string { return p.Get("in").Str() + ":" + strings.ToLower(p.Get("name").Str()) }
	has := map[string]bool{"header:authorization": true}
	for _, p := range list.Items {
		has[key(p)] = true
	}
	for _, v := range r.listed(secured) {
		name, _ := schemeOf(v)
		d, ok := r.scopeOf(v, r.api).find("securitySchemes", name)
		if name == "" || !ok {
			continue
		}
		by := d.value.Get("describedBy")
		if by == nil || !r.visit(by) {
			continue
		}
		scheme := tree.NewText(v, r.schemeName(v, name))
		for _, p := range append(r.parameters(spec.InHeader, by.Get("headers"), scheme), r.parameters(spec.InQuery, by.Get("queryParameters"), scheme)...) {
			if !has[key(p)] {
				has[key(p)] = true
				list.Items = append(list.Items, p)
			}
		}
	}
}
