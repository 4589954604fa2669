package graph

import (
	"strings"

	"farrier.dev/farrier/internal/encoding/tree"
)

// ramlAPI adds what a RAML description says of the API and OpenAPI has no place
// for. Its address is one server, as it is written.
func (b *builder) ramlAPI(api *Node) {
	if !b.projected {
		return
	}
	own := b.root.extension()
	for d := range own.get("documentation").items() {
		n := b.Add(d.place(), classesCreative...)
		n.setText(nsCore+"title", d.Get("title"))
		n.setText(propDescription, d.Get("content"))
		api.Link(nsCore+"documentation", n)
	}
	b.list(api, nsAPI+"scheme", oneOrMore(own.get("protocols")))
	media := oneOrMore(own.get("mediaType"))
	b.list(api, nsAPI+"accepts", media)
	b.list(api, nsAPI+"contentType", media)
	if api.Text(nsCore+"version") == "" {
		api.remove(nsCore + "version")
	}
}

func oneOrMore(c cursor) []string {
	if c.Is(tree.String) {
		return []string{c.Text}
	}
	return texts(c)
}

// ramlServers is the address of the API as it is written, its variables unset.
func (b *builder) ramlServers() []*Node {
	base := b.root.extension().get("baseUri")
	if !base.Is(tree.String) {
		return nil
	}
	var n *Node
	for s := range b.root.get("servers").items() {
		n = b.server(s, "")
		break
	}
	if n == nil {
		n = b.Add(base.place(), classesServer...)
	}
	n.At = base.place()
	n.Set(propURLTemplate, base.Text)
	return []*Node{n}
}

// ramlEndpoint gives a resource its name and the parameters of its own part of
// the path; operations have none of them.
func (b *builder) ramlEndpoint(n *Node, c cursor, from inherited) inherited {
	n.remove(nsCore + "summary")
	n.setText(propName, c.Get("summary"))
	for _, p := range from.parameters {
		at := place{p.At.File, p.At.Line, p.At.Column, p.Text(propName)}
		if !b.resources[at] {
			b.resources[at] = true
			n.Link(propParameter, p)
		}
	}
	from.parameters, from.summary, from.description = nil, nil, nil
	return from
}

// place tells things of a name that are written somewhere.
type place struct {
	file         string
	line, column int
	name         string
}

// ramlOperation gives a method the name that it is displayed under.
func (b *builder) ramlOperation(n *Node, c cursor) {
	n.setText(propName, c.Get("summary"))
	b.list(n, nsAPI+"scheme", oneOrMore(c.extension().get("protocols")))
}

// ramlPattern is a regular expression as RAML has it: of the whole text.
func ramlPattern(p string) string {
	if inner, ok := strings.CutPrefix(p, "^(?:"); ok && strings.HasSuffix(inner, ")$") {
		p = strings.TrimSuffix(inner, ")$")
	}
	if !strings.HasPrefix(p, "^") {
		p = "^" + p
	}
	if !strings.HasSuffix(p, "$") {
		p += "$"
	}
	return p
}

// ofScheme says whether a parameter is there because of a security scheme.
func ofScheme(c cursor) bool { return c.extension().Get("securityScheme") != nil }

// ramlScheme is a security scheme with RAML's name of its type, its settings, and
// what it says of requests and responses.
func (b *builder) ramlScheme(n *Node, c cursor) {
	own := c.extension()
	n.setText(nsSecurity+"type", own.Get("type"))
	n.setText(nsCore+"displayName", own.Get("displayName"))
	n.setText(propDescription, c.Get("description"))
	n.Link(propSettings, b.ramlSettings(c, own))
	by := own.get("describedBy")
	for p := range by.get("parameters").items() {
		if made := b.parameter(p, ""); made != nil {
			n.Link(parameterProperty(made.Text(propBinding)), made)
		}
	}
	for status, r := range by.get("responses").each() {
		n.Link(nsAPI+"response", b.response(r, status, status))
	}
	b.extensions(n, c)
}

func (b *builder) ramlSettings(c, own cursor) *Node {
	s := own.get("settings")
	switch own.Get("type").Str() {
	case "OAuth 2.0":
		at := s
		if !at.there() {
			at = c
		}
		n := b.Add(at.place(), classesOAuth2...)
		b.list(n, nsSecurity+"authorizationGrant", oneOrMore(s.get("authorizationGrants")))
		b.flows(n, c)
		if n.Get(nsSecurity+"flows") == nil && s.there() {
			f := b.Add(s.place(), classesFlow...)
			f.setText(nsSecurity+"authorizationUri", s.Get("authorizationUri"))
			f.setText(nsSecurity+"accessTokenUri", s.Get("accessTokenUri"))
			for _, scope := range oneOrMore(s.get("scopes")) {
				made := b.Add(s.place(), classesScope...)
				made.Set(propName, scope)
				f.Link(nsSecurity+"scope", made)
			}
			n.Link(nsSecurity+"flows", f)
		}
		return n
	case "OAuth 1.0":
		n := b.Add(s.place(), classesOAuth1...)
		for _, name := range []string{"requestTokenUri", "authorizationUri", "tokenCredentialsUri"} {
			n.setText(nsSecurity+name, s.Get(name))
		}
		b.list(n, nsSecurity+"signature", oneOrMore(s.get("signatures")))
		return n
	}
	if !s.Is(tree.Object) {
		return nil
	}
	n := b.Add(s.place(), classesSettings...)
	n.Link(nsSecurity+"additionalProperties", b.data(s, "", new(int)))
	return n
}

// annotationName is the name of an annotation without the library that declares it.
func annotationName(name string) string {
	if _, local, ok := strings.Cut(name, "."); ok {
		return local
	}
	return name
}
