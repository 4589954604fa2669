package graph

import (
	"strings"

	"farrier.dev/farrier/internal/encoding/tree"
	"farrier.dev/farrier/internal/spec"
)

// Build makes the graph of a description. A description without a tree has a
// graph of its document alone.
func Build(doc *spec.Document) *Graph {
	b := &builder{
		Graph: New(), doc: doc,
		projected: doc.Language == spec.RAML08 || doc.Language == spec.RAML10,
		shapes:    map[*tree.Node]*Node{}, building: map[*tree.Node]bool{}, parameters: map[*tree.Node]*Node{},
		headers: map[header]*Node{}, payloads: map[*tree.Node]*Node{}, schemes: map[string]*Node{},
		requirements: map[*tree.Node][]*Node{}, resources: map[place]bool{}, properties: map[place]*Node{}, given: map[given]*Node{},
		tags: map[*tree.Node]*Node{}, called: map[*tree.Node]*Node{}, targets: map[string]target{}, messages: map[*tree.Node]*Node{},
	}
	b.root = start(doc.Root)
	b.Document = b.Add(b.root.place(), classesDocument...)
	b.Document.Set(nsDoc+"root", true)
	if doc.Root.Is(tree.Object) {
		switch doc.Language {
		case spec.OpenAPI20:
			b.swagger()
		case spec.AsyncAPI2:
			b.asyncapi()
		case spec.RAML08, spec.RAML10, spec.OpenAPI30, spec.OpenAPI31:
			b.openapi()
		case spec.WSDL11, spec.GraphQL:
		}
	}
	b.index()
	return b.Graph
}

// builder makes the graph of one description. What may be referred to is made
// once: the maps know it by its place in the tree.
type builder struct {
	*Graph
	doc  *spec.Document
	root cursor
	// projected tells that the tree was made from another language, so that its
	// references are to the tree and not to the file that a value comes from.
	projected  bool
	shapes     map[*tree.Node]*Node
	building   map[*tree.Node]bool
	parameters map[*tree.Node]*Node
	headers    map[header]*Node
	payloads   map[*tree.Node]*Node
	messages   map[*tree.Node]*Node
	schemes    map[string]*Node
	// requirements of the whole API are made once and given to each operation.
	requirements map[*tree.Node][]*Node
	targets      map[string]target
	// resources are the parameters of RAML's resources that have their node.
	resources map[place]bool
	// properties are those of RAML types, and given the examples of a type that
	// have their node.
	properties map[place]*Node
	given      map[given]*Node
	tags       map[*tree.Node]*Node
	called     map[*tree.Node]*Node
	// spent is how many parts were made of places that may be referred to often.
	spent int
	// media are the media types that OpenAPI 2.0 gives to bodies.
	consumes, produces []string
}

// maxSpent bounds what references multiply: parts of path items, responses and
// aliases, each as often as it is referred to.
const maxSpent = 1_000_000

// spend says whether so many more parts may be made.
func (b *builder) spend(parts int) bool {
	if b.spent += parts + 1; b.spent > maxSpent {
		b.Truncated = true
	}
	return !b.Truncated
}

// declare adds what may be referred to.
func (b *builder) declare(nodes ...*Node) {
	for _, n := range nodes {
		if n != nil {
			b.mark(n, "declared-element", "")
			b.Document.Link(nsDoc+"declares", n)
		}
	}
}

// mark adds what is known of how a node came about.
func (b *builder) mark(n *Node, what, value string) {
	property := nsSourcemaps + what
	var sources *Node
	if known := n.Get(propSources); len(known) > 0 {
		sources = known[0].Node
	} else {
		sources = b.Add(n.At, classesSourceMap...)
		n.Link(propSources, sources)
	}
	if known := sources.Get(property); len(known) > 0 {
		if value != "" {
			entry := known[0].Node
			entry.Set(nsSourcemaps+"value", entry.Text(nsSourcemaps+"value")+","+value)
		}
		return
	}
	entry := b.Add(n.At)
	entry.Set(nsSourcemaps+"element", n.ID)
	entry.Set(nsSourcemaps+"value", value)
	sources.Link(property, entry)
}

// openapi makes the graph of OpenAPI 3 and of what was projected to it.
func (b *builder) openapi() {
	b.components(b.root.get("components"))
	api := b.api(classesWebAPI)
	var servers []*Node
	if b.projected {
		servers = b.ramlServers()
	} else {
		servers = b.servers(b.root.get("servers"))
	}
	api.Link(propServer, servers...)
	inherited := inherited{servers: servers, security: b.root.get("security")}
	for path, item := range b.root.get("paths").each() {
		api.Link(nsAPI+"endpoint", b.endpoint(path, item, inherited))
	}
	for name, item := range b.root.get("webhooks").each() {
		api.Link(nsAPI+"webhooks", b.endpoint(name, item, inherited))
	}
}

// components makes what may be referred to.
func (b *builder) components(c cursor) {
	for name, s := range c.get("schemas").names() {
		b.declare(b.declared(s, name))
	}
	for name, s := range c.get("securitySchemes").each() {
		b.declare(b.scheme(s, name))
	}
	for name, p := range c.get("parameters").each() {
		b.declare(b.parameter(p, name))
	}
	for name, h := range c.get("headers").each() {
		b.declare(b.header(h, name))
	}
	for name, r := range c.get("responses").each() {
		b.declare(b.response(r, name, ""))
	}
	for name, r := range c.get("requestBodies").each() {
		n := b.Add(r.place(), classesRequest...)
		n.Set(propName, name)
		b.requestBody(n, r)
		b.declare(n)
	}
	for name, e := range c.get("examples").each() {
		to, _ := b.follow(e)
		b.declare(b.example(to, name, true))
	}
}

// api makes the node of the API itself.
func (b *builder) api(classes []string) *Node {
	api := b.Add(b.root.place(), classes...)
	b.Document.Link(nsDoc+"encodes", api)
	info := b.root.get("info")
	api.setText(propName, info.Get("title"))
	api.setText(propDescription, info.Get("description"))
	api.setText(nsCore+"version", info.Get("version"))
	api.setText(nsCore+"termsOfService", info.Get("termsOfService"))
	if c := info.get("contact"); c.Is(tree.Object) {
		org := b.Add(c.place(), classesOrg...)
		org.setText(propName, c.Get("name"))
		org.setIRI(nsCore+"url", c.Get("url"))
		org.setText(nsCore+"email", c.Get("email"))
		b.extensions(org, c)
		api.Link(nsCore+"provider", org)
	}
	if l := info.get("license"); l.Is(tree.Object) {
		license := b.Add(l.place(), classesLicense...)
		license.setText(propName, l.Get("name"))
		license.setIRI(nsCore+"url", l.Get("url"))
		license.setText(nsCore+"identifier", l.Get("identifier"))
		b.extensions(license, l)
		api.Link(nsCore+"license", license)
	}
	api.Link(nsCore+"documentation", b.documentation(b.root.get("externalDocs")))
	for t := range b.root.get("tags").items() {
		api.Link(nsAPI+"tag", b.tag(t))
	}
	b.extensions(api, info)
	b.extensions(api, b.root)
	b.ramlAPI(api)
	return api
}

// setIRI copies a text as the IRI of something outside the graph.
func (n *Node) setIRI(property string, from *tree.Node) {
	if from.Is(tree.String) {
		n.remove(property)
		n.Add(property, Value{IRI: from.Text})
	}
}

func (b *builder) documentation(c cursor) *Node {
	if !c.Is(tree.Object) {
		return nil
	}
	n := b.Add(c.place(), classesCreative...)
	n.setIRI(nsCore+"url", c.Get("url"))
	n.setText(propDescription, c.Get("description"))
	b.extensions(n, c)
	return n
}

// tag makes a tag, of which operations have only the name.
func (b *builder) tag(c cursor) *Node {
	if known := b.tags[c.Node]; known != nil {
		return known
	}
	n := b.Add(c.place(), classesTag...)
	b.tags[c.Node] = n
	if c.Is(tree.String) {
		n.Set(propName, c.Text)
		return n
	}
	n.setText(propName, c.Get("name"))
	n.setText(propDescription, c.Get("description"))
	n.Link(nsCore+"documentation", b.documentation(c.get("externalDocs")))
	b.extensions(n, c)
	return n
}

func (b *builder) servers(c cursor) []*Node {
	var servers []*Node
	for s := range c.items() {
		servers = append(servers, b.server(s, ""))
	}
	return servers
}

func (b *builder) server(c cursor, name string) *Node {
	n := b.Add(c.place(), classesServer...)
	if name != "" {
		n.Set(propName, name)
	}
	n.setText(propURLTemplate, c.Get("url"))
	n.setText(propDescription, c.Get("description"))
	n.setText(nsAPI+"protocol", c.Get("protocol"))
	n.setText(nsAPI+"protocolVersion", c.Get("protocolVersion"))
	for name, v := range c.get("variables").each() {
		p := b.Add(v.place(), classesParameter...)
		p.Set(propName, name)
		p.Set(nsAPI+"paramName", name)
		p.setText(propDescription, v.Get("description"))
		p.Set(nsAPI+"required", true)
		p.Set(propBinding, "path")
		s := b.Add(v.place(), classesScalar...)
		s.Add(propDatatype, Value{IRI: nsXSD + "string"})
		s.Set(propShapeName, name)
		b.shapeValues(s, v)
		p.Link(propSchema, s)
		n.Link(nsAPI+"variable", p)
	}
	b.extensions(n, c)
	return n
}

// isMethod says whether a member of a path item is an operation.
func isMethod(name string) bool {
	switch strings.ToLower(name) {
	case "get", "put", "post", "delete", "options", "head", "patch", "trace", "connect":
		return true
	}
	return false
}
