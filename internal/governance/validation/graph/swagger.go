package graph

import (
	"strings"

	"farrier.dev/farrier/internal/encoding/tree"
)

// swagger makes the graph of OpenAPI 2.0, whose bodies and headers are parameters
// and whose media types stand beside the operations.
func (b *builder) swagger() {
	b.consumes, b.produces = texts(b.root.get("consumes")), texts(b.root.get("produces"))
	for name, s := range b.root.get("definitions").names() {
		b.declare(b.declared(s, name))
	}
	for name, s := range b.root.get("securityDefinitions").each() {
		b.declare(b.scheme(s, name))
	}
	for name, p := range b.root.get("parameters").each() {
		if in := p.Get("in").Str(); in != "body" && in != "formData" {
			b.declare(b.swaggerParameter(p, name))
		}
	}
	for name, r := range b.root.get("responses").each() {
		b.declare(b.swaggerResponse(r, name, "", nil))
	}
	api := b.api(classesWebAPI)
	if host, base := b.root.get("host"), b.root.get("basePath"); host.there() || base.there() {
		at := host
		if !at.there() {
			at = base
		}
		server := b.Add(at.place(), classesServer...)
		server.Set(propURLTemplate, host.Str()+base.Str())
		api.Link(propServer, server)
	}
	b.list(api, nsAPI+"accepts", b.consumes)
	b.list(api, nsAPI+"contentType", b.produces)
	b.list(api, nsAPI+"scheme", texts(b.root.get("schemes")))
	for path, item := range b.root.get("paths").each() {
		api.Link(nsAPI+"endpoint", b.swaggerPath(path, item))
	}
}

func (b *builder) list(n *Node, property string, values []string) {
	for _, v := range values {
		n.Add(property, Value{Scalar: v})
	}
}

func texts(c cursor) []string {
	var out []string
	for _, item := range c.List() {
		out = append(out, item.Str())
	}
	return out
}

func (b *builder) swaggerPath(path string, c cursor) *Node {
	item, _ := b.follow(c)
	if !b.spend(len(item.Fields())) {
		return nil
	}
	n := b.Add(c.place(), classesEndPoint...)
	n.Set(nsAPI+"path", path)
	for method, o := range item.each() {
		if isMethod(method) && o.Is(tree.Object) {
			n.Link(nsAPI+"supportedOperation", b.swaggerOperation(method, o, item.get("parameters")))
		}
	}
	b.extensions(n, item)
	return n
}

func (b *builder) swaggerOperation(method string, c, shared cursor) *Node {
	n := b.Add(c.place(), classesOperation...)
	n.Set(nsAPI+"method", method)
	n.setText(propName, c.Get("operationId"))
	n.setText(nsAPI+"operationId", c.Get("operationId"))
	n.setText(propDescription, c.Get("description"))
	n.setText(nsAPI+"guiSummary", c.Get("summary"))
	if c.Get("deprecated").IsTrue() {
		n.Set(nsCore+"deprecated", true)
	}
	n.Link(nsCore+"documentation", b.documentation(c.get("externalDocs")))
	consumes, produces := b.consumes, b.produces
	if own := c.get("consumes"); own.there() {
		consumes = texts(own)
	}
	if own := c.get("produces"); own.there() {
		produces = texts(own)
	}
	b.list(n, nsAPI+"scheme", texts(c.get("schemes")))
	b.list(n, nsAPI+"accepts", consumes)
	b.list(n, propMediaType, produces)
	n.Link(nsAPI+"expects", b.swaggerRequest(c, shared, consumes))
	for status, r := range c.get("responses").each() {
		n.Link(nsAPI+"returns", b.swaggerResponse(r, status, status, produces))
	}
	b.secure(n, c, b.root.get("security"))
	for t := range c.get("tags").items() {
		n.Link(nsAPI+"tag", b.tag(t))
	}
	b.extensions(n, c)
	return n
}

// swaggerRequest makes the node of what an operation takes: its parameters, and
// bodies of those that stand in the body or in its form.
func (b *builder) swaggerRequest(c, shared cursor, consumes []string) *Node {
	own, form, body := b.swaggerParameters(c.get("parameters"))
	path, pathForm, pathBody := b.swaggerParameters(shared)
	parameters, form := merge(own, path), append(form, pathForm...)
	if !b.spend(len(parameters) + len(form)) {
		return nil
	}
	if !body.there() {
		body = pathBody
	}
	if len(parameters) == 0 && len(form) == 0 && !body.there() {
		return nil
	}
	at := c.get("parameters")
	if !at.there() {
		at = c
	}
	n := b.Add(at.place(), classesRequest...)
	for _, p := range parameters {
		n.Link(parameterProperty(p.Text(propBinding)), p)
	}
	media := first(consumes)
	if body.there() {
		n.setText(propDescription, body.Get("description"))
		p := b.Add(body.place(), classesPayload...)
		p.setText(propName, body.Get("name"))
		b.mediaPayload(p, body.get("schema"), "default", media)
		b.extensions(p, body)
		n.Link(propPayload, p)
	}
	if len(form) > 0 {
		n.Link(propPayload, b.form(form, media))
	}
	return n
}

func first(list []string) string {
	if len(list) == 0 {
		return ""
	}
	return list[0]
}

func (b *builder) mediaPayload(p *Node, s cursor, name, media string) {
	if media != "" {
		p.Set(propMediaType, media)
	}
	if s.there() {
		p.Link(propSchema, b.shape(s, name))
	}
}

// form is the body that the parameters of a form make.
func (b *builder) form(parameters []cursor, media string) *Node {
	p := b.Add(parameters[0].place(), classesPayload...)
	p.Set(propName, "formData")
	s := b.named(parameters[0], "formData", classesNodeShape)
	for _, f := range parameters {
		s.Link(nsShacl+"property", b.property(f, f.Get("name").Str(), f.Get("required").IsTrue()))
	}
	if media != "" {
		p.Set(propMediaType, media)
	}
	p.Link(propSchema, s)
	return p
}

func (b *builder) swaggerParameters(c cursor) (parameters []*Node, form []cursor, body cursor) {
	for p := range c.items() {
		to, name := b.follow(p)
		switch to.Get("in").Str() {
		case "body":
			body = to
		case "formData":
			form = append(form, to)
		default:
			if n := b.swaggerParameter(to, name); n != nil {
				parameters = append(parameters, n)
			}
		}
	}
	return parameters, form, body
}

// swaggerParameter makes the node of a parameter that is its own schema.
func (b *builder) swaggerParameter(c cursor, declared string) *Node {
	to, name := b.follow(c)
	if !to.Is(tree.Object) {
		return nil
	}
	if known := b.parameters[to.Node]; known != nil {
		return known
	}
	n := b.Add(to.place(), classesParameter...)
	b.parameters[to.Node] = n
	for _, candidate := range []string{declared, name, to.Get("name").Str()} {
		if candidate != "" {
			n.Set(propName, candidate)
			break
		}
	}
	n.setText(nsAPI+"paramName", to.Get("name"))
	n.setText(propDescription, to.Get("description"))
	n.Set(nsAPI+"required", to.Get("required").IsTrue())
	n.setText(propBinding, to.Get("in"))
	n.Link(propSchema, b.typed(to, "schema", to.Get("type").Str()))
	b.extensions(n, to)
	return n
}

func (b *builder) swaggerResponse(c cursor, name, status string, produces []string) *Node {
	to, declared := b.follow(c)
	if !to.there() || !b.spend(len(to.Get("headers").Fields())+len(to.Get("examples").Fields())) {
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
	n.setText(propDescription, to.Get("description"))
	for name, h := range to.get("headers").names() {
		p := b.Add(h.place(), classesParameter...)
		p.Set(propName, name)
		p.setText(propDescription, h.Get("description"))
		p.Set(nsAPI+"required", true)
		p.Set(propBinding, "header")
		p.Link(propSchema, b.typed(h, "schema", h.Get("type").Str()))
		n.Link(propHeader, p)
	}
	b.swaggerBody(n, to, produces)
	b.extensions(n, to)
	return n
}

// swaggerBody adds what a response carries, and its examples by media type.
func (b *builder) swaggerBody(n *Node, c cursor, produces []string) {
	s := c.get("schema")
	if !s.there() {
		return
	}
	p := b.Add(s.place(), classesPayload...)
	b.mediaPayload(p, s, "default", first(produces))
	n.Link(propPayload, p)
	owner := p
	if of := p.Get(propSchema); len(of) > 0 {
		owner = of[0].Node
	}
	for media, e := range c.get("examples").names() {
		example := b.example(e, strings.TrimSpace(media), false)
		example.Set(propMediaType, media)
		owner.Link(propExamples, example)
		b.mark(example, "tracked-element", p.ID)
	}
}
