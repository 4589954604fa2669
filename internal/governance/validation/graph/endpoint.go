package graph

import (
	"farrier.dev/farrier/internal/encoding/tree"
)

// inherited is what an operation has from what it stands in.
type inherited struct {
	servers, parameters  []*Node
	security             cursor
	summary, description *tree.Node
}

// endpoint makes the node of a path.
func (b *builder) endpoint(path string, c cursor, from inherited) *Node {
	item, _ := b.follow(c)
	if !b.spend(len(item.Fields())) {
		return nil
	}
	n := b.Add(c.place(), classesEndPoint...)
	if path != "" && path[0] != '/' {
		path = "/" + path
	}
	n.Set(nsAPI+"path", path)
	n.setText(nsCore+"summary", item.Get("summary"))
	n.setText(propDescription, item.Get("description"))
	if own := b.servers(item.get("servers")); own != nil {
		from.servers = own
	}
	n.Link(propServer, from.servers...)
	from.summary, from.description = item.Get("summary"), item.Get("description")
	from.parameters = b.parameterList(item.get("parameters"))
	if b.projected {
		from = b.ramlEndpoint(n, item, from)
	}
	for method, o := range item.each() {
		if isMethod(method) && o.Is(tree.Object) {
			n.Link(nsAPI+"supportedOperation", b.operation(method, o, from))
		}
	}
	b.extensions(n, item)
	return n
}

func (b *builder) parameterList(c cursor) []*Node {
	var out []*Node
	for p := range c.items() {
		if b.projected && ofScheme(p) {
			continue
		}
		if n := b.parameter(p, ""); n != nil {
			out = append(out, n)
		}
	}
	return out
}

// operation makes the node of one method of a path.
func (b *builder) operation(method string, c cursor, from inherited) *Node {
	n := b.Add(c.place(), classesOperation...)
	n.Set(nsAPI+"method", method)
	b.operationID(n, c)
	n.setText(propDescription, from.description)
	n.setText(propDescription, c.Get("description"))
	if c.Get("deprecated").IsTrue() {
		n.Set(nsCore+"deprecated", true)
	}
	if b.projected {
		// Its summary is the name that it is displayed under.
	} else if summary := c.Get("summary"); summary != nil {
		n.setText(nsAPI+"guiSummary", summary)
	} else {
		n.setText(nsAPI+"guiSummary", from.summary)
	}
	n.Link(nsCore+"documentation", b.documentation(c.get("externalDocs")))
	n.Link(nsAPI+"expects", b.request(c, from))
	for status, r := range c.get("responses").each() {
		n.Link(nsAPI+"returns", b.response(r, status, status))
	}
	b.secure(n, c, from.security)
	for t := range c.get("tags").items() {
		n.Link(nsAPI+"tag", b.tag(t))
	}
	for name, cb := range c.get("callbacks").each() {
		b.callbacks(n, cb, name)
	}
	servers := from.servers
	if own := b.servers(c.get("servers")); own != nil {
		servers = own
	}
	n.Link(propServer, servers...)
	b.extensions(n, c)
	return n
}

// operationID gives an operation the name that it has in its language: RAML has
// names for people.
func (b *builder) operationID(n *Node, c cursor) {
	if b.projected {
		b.ramlOperation(n, c)
		return
	}
	n.setText(propName, c.Get("operationId"))
	n.setText(nsAPI+"operationId", c.Get("operationId"))
}

// secure gives an operation its own requirements or those of the API.
func (b *builder) secure(n *Node, c, security cursor) {
	if own := c.get("security"); own.there() {
		security = own
	}
	n.Link(propSecurity, b.security(security)...)
}

func (b *builder) callbacks(n *Node, c cursor, name string) {
	to, _ := b.follow(c)
	for expression, item := range to.each() {
		if known := b.called[item.Node]; known != nil {
			n.Link(nsAPI+"callback", known)
			continue
		}
		cb := b.Add(item.place(), classesCallback...)
		b.called[item.Node] = cb
		cb.Set(propName, name)
		cb.Set(nsAPI+"expression", expression)
		// What is called is described by no server and no requirement of this API.
		cb.Link(nsAPI+"endpoint", b.endpoint(expression, item, inherited{}))
		n.Link(nsAPI+"callback", cb)
	}
}

// request makes the node of what an operation takes; nil when it takes nothing.
// Parameters of the path are part of it, its own go before them.
func (b *builder) request(c cursor, from inherited) *Node {
	own := b.parameterList(c.get("parameters"))
	body := c.get("requestBody")
	parameters := merge(own, from.parameters)
	if len(parameters) == 0 && !body.there() || !b.spend(len(parameters)) {
		return nil
	}
	at := c
	if body.there() {
		at = body
	} else if p := c.get("parameters"); p.there() {
		at = p
	}
	n := b.Add(at.place(), classesRequest...)
	if body.there() {
		if !b.projected {
			n.Set(propName, "requestBody")
		}
		b.requestBody(n, body)
	}
	for _, p := range parameters {
		n.Link(parameterProperty(p.Text(propBinding)), p)
	}
	return n
}

// merge adds the parameters of a path that an operation does not have itself.
func merge(own, path []*Node) []*Node {
	type key struct{ binding, name string }
	of := func(n *Node) key { return key{n.Text(propBinding), n.Text(nsAPI + "paramName")} }
	has := make(map[key]bool, len(own))
	for _, p := range own {
		has[of(p)] = true
	}
	all := append([]*Node(nil), own...)
	for _, p := range path {
		if !has[of(p)] {
			all = append(all, p)
		}
	}
	return all
}

func parameterProperty(binding string) string {
	switch binding {
	case "path":
		return propURIParam
	case "header":
		return propHeader
	case "cookie":
		return nsAPI + "cookieParameter"
	}
	return propParameter
}

// requestBody adds what a request carries.
func (b *builder) requestBody(n *Node, c cursor) {
	to, _ := b.follow(c)
	n.setText(propDescription, to.Get("description"))
	if to.Get("required").IsTrue() && !b.projected {
		n.Set(nsAPI+"required", true)
	}
	b.content(n, to.get("content"))
	b.extensions(n, to)
}

// response makes the node of an answer. One that is referred to is made anew
// for each operation, as it has a status code there.
func (b *builder) response(c cursor, name, status string) *Node {
	to, declared := b.follow(c)
	if !to.there() || !b.spend(len(to.Get("headers").Fields())+len(to.Get("content").Fields())+len(to.Get("links").Fields())) {
		return nil
	}
	if declared != "" {
		name = declared
	}
	n := b.Add(to.place(), classesResponse...)
	if status != "" {
		n.Set(propStatusCode, status)
	}
	n.Set(propName, name)
	if d := to.Get("description"); !b.projected || d.Str() != "" {
		// OpenAPI needs a description where RAML does not.
		n.setText(propDescription, d)
	}
	for name, h := range to.get("headers").names() {
		n.Link(propHeader, b.header(h, name))
	}
	b.content(n, to.get("content"))
	for name, l := range to.get("links").each() {
		n.Link(nsAPI+"link", b.link(l, name))
	}
	b.extensions(n, to)
	return n
}

func (b *builder) link(c cursor, name string) *Node {
	to, _ := b.follow(c)
	if !to.Is(tree.Object) || !b.spend(len(to.Get("parameters").Fields())) {
		return nil
	}
	n := b.Add(to.place(), classesLink...)
	n.Set(propName, name)
	n.setText(nsAPI+"operationId", to.Get("operationId"))
	n.setText(nsAPI+"operationRef", to.Get("operationRef"))
	n.setText(propDescription, to.Get("description"))
	for variable, v := range to.get("parameters").names() {
		m := b.Add(v.place(), classesMapping...)
		m.Set(nsAPI+"templateVariable", variable)
		m.setText(nsAPI+"linkExpression", v.Node)
		n.Link(nsAPI+"mapping", m)
	}
	return n
}
