package graph

import (
	"strings"

	"farrier.dev/farrier/internal/encoding/tree"
	"farrier.dev/farrier/internal/spec"
)

// schemeType is a type of security as AMF calls it.
func schemeType(t string) string {
	switch t {
	case "oauth2":
		return "OAuth 2.0"
	case "apiKey", "httpApiKey":
		return "Api Key"
	case "basic":
		return "Basic Authentication"
	}
	return t
}

// scheme makes the node of a declared security scheme.
func (b *builder) scheme(c cursor, name string) *Node {
	if known := b.schemes[name]; known != nil {
		return known
	}
	to, _ := b.follow(c)
	if !to.Is(tree.Object) {
		return nil
	}
	n := b.Add(to.place(), classesScheme...)
	b.schemes[name] = n
	n.Set(propName, name)
	if b.projected {
		b.ramlScheme(n, to)
		return n
	}
	n.Set(nsSecurity+"type", schemeType(to.Get("type").Str()))
	n.setText(propDescription, to.Get("description"))
	n.Link(propSettings, b.settings(to))
	b.extensions(n, to)
	return n
}

// settings makes the node of what a scheme says beside its type.
func (b *builder) settings(c cursor) *Node {
	var n *Node
	switch t := c.Get("type").Str(); t {
	case "oauth2":
		n = b.Add(c.place(), classesOAuth2...)
		b.flows(n, c)
	case "apiKey", "httpApiKey":
		n = b.Add(c.place(), classesAPIKey...)
		n.setText(propName, c.Get("name"))
		n.setText(nsSecurity+"in", c.Get("in"))
	case "http":
		n = b.Add(c.place(), classesHTTP...)
		n.setText(propScheme, c.Get("scheme"))
		n.setText(nsSecurity+"bearerFormat", c.Get("bearerFormat"))
	case "openIdConnect":
		n = b.Add(c.place(), classesOpenID...)
		n.setText(nsSecurity+"openIdConnectUrl", c.Get("openIdConnectUrl"))
	}
	return n
}

func (b *builder) flows(n *Node, c cursor) {
	if b.doc.Language == spec.OpenAPI20 {
		n.Link(nsSecurity+"flows", b.flow(c, c.Get("flow").Str()))
		return
	}
	for name, f := range c.get("flows").each() {
		n.Link(nsSecurity+"flows", b.flow(f, name))
	}
}

func (b *builder) flow(c cursor, name string) *Node {
	f := b.Add(c.place(), classesFlow...)
	f.setText(nsSecurity+"authorizationUri", c.Get("authorizationUrl"))
	f.setText(nsSecurity+"accessTokenUri", c.Get("tokenUrl"))
	f.setText(nsSecurity+"refreshUri", c.Get("refreshUrl"))
	if name != "" {
		f.Set(nsSecurity+"flow", name)
	}
	for scope, description := range c.get("scopes").names() {
		s := b.Add(description.place(), classesScope...)
		s.Set(propName, scope)
		s.setText(propDescription, description.Node)
		f.Link(nsSecurity+"scope", s)
	}
	return f
}

// security makes the nodes of a list of alternatives, once for each list: that
// of an API is shared by all operations that have none of their own.
func (b *builder) security(c cursor) []*Node {
	if known, ok := b.requirements[c.Node]; ok || !c.there() {
		return known
	}
	var out []*Node
	for item := range c.items() {
		if len(item.Fields()) == 0 && !b.projected {
			continue
		}
		n := b.Add(item.place(), classesRequirement...)
		if len(item.Fields()) == 0 {
			// RAML's null, by which anybody may call, is a scheme of that name.
			p := b.Add(item.place(), classesParametrzd...)
			p.Set(propName, "null")
			n.Link(nsSecurity+"schemes", p)
		}
		for name, scopes := range item.names() {
			p := b.Add(scopes.place(), classesParametrzd...)
			p.Set(propName, name)
			declared := b.schemeOf(name)
			p.Link(propScheme, declared)
			b.applied(p, declared, scopes)
			n.Link(nsSecurity+"schemes", p)
		}
		out = append(out, n)
	}
	b.requirements[c.Node] = out
	return out
}

func (b *builder) schemeOf(name string) *Node {
	at := b.root.at("components", "securitySchemes", name)
	if b.doc.Language == spec.OpenAPI20 {
		at = b.root.at("securityDefinitions", name)
	}
	if !at.there() {
		return nil
	}
	return b.scheme(at, name)
}

// applied adds the scopes that a requirement asks for.
func (b *builder) applied(p, declared *Node, scopes cursor) {
	if len(scopes.List()) == 0 || declared == nil || !strings.HasPrefix(declared.Text(nsSecurity+"type"), "OAuth 2") {
		return
	}
	settings := b.Add(scopes.place(), classesOAuth2...)
	flow := b.Add(scopes.place(), classesFlow...)
	for s := range scopes.items() {
		scope := b.Add(s.place(), classesScope...)
		scope.setText(propName, s.Node)
		flow.Link(nsSecurity+"scope", scope)
	}
	settings.Link(nsSecurity+"flows", flow)
	p.Link(propSettings, settings)
}
