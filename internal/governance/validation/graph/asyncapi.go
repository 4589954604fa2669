package graph

import (
	"farrier.dev/farrier/internal/encoding/tree"
)

// asyncapi makes the graph of AsyncAPI 2.
func (b *builder) asyncapi() {
	c := b.root.get("components")
	for name, s := range c.get("schemas").names() {
		b.declare(b.declared(s, name))
	}
	for name, s := range c.get("securitySchemes").each() {
		b.declare(b.scheme(s, name))
	}
	for name, p := range c.get("parameters").each() {
		b.declare(b.channelParameter(p, name))
	}
	for _, m := range c.get("messages").each() {
		b.declare(b.message(m, classesMessage))
	}
	for name, t := range c.get("operationTraits").each() {
		n := b.Add(t.place(), classesOperation...)
		n.Set(propName, name)
		n.Set(nsAPI+"isAbstract", true)
		b.channelOperationFields(n, t)
		b.declare(n)
	}
	api := b.api(classesAsyncAPI)
	api.setText(nsCore+"identifier", b.root.Get("id"))
	if media := b.root.get("defaultContentType"); media.there() {
		api.setText(nsAPI+"accepts", media.Node)
		api.setText(nsAPI+"contentType", media.Node)
	}
	var servers, security []*Node
	for name, s := range b.root.get("servers").each() {
		to, _ := b.follow(s)
		n := b.server(to, name)
		own := b.security(to.get("security"))
		n.Link(propSecurity, own...)
		servers, security = append(servers, n), append(security, own...)
	}
	api.Link(propServer, servers...)
	for path, item := range b.root.get("channels").names() {
		api.Link(nsAPI+"endpoint", b.channel(path, item, servers, security))
	}
}

func (b *builder) channel(path string, c cursor, servers, security []*Node) *Node {
	item, _ := b.follow(c)
	if !b.spend(len(item.Get("parameters").Fields()) + len(servers)) {
		return nil
	}
	n := b.Add(c.place(), classesEndPoint...)
	n.Set(nsAPI+"path", path)
	n.setText(propDescription, item.Get("description"))
	for name, p := range item.get("parameters").names() {
		n.Link(propParameter, b.channelParameter(p, name))
	}
	n.Link(propServer, servers...)
	for _, method := range []string{"publish", "subscribe"} {
		if o := item.get(method); o.Is(tree.Object) {
			n.Link(nsAPI+"supportedOperation", b.channelOperation(method, o, item, security))
		}
	}
	b.extensions(n, item)
	return n
}

func (b *builder) channelParameter(c cursor, name string) *Node {
	to, _ := b.follow(c)
	if !to.Is(tree.Object) {
		return nil
	}
	n := b.Add(to.place(), classesParameter...)
	n.Set(propName, name)
	n.setText(propDescription, to.Get("description"))
	n.Set(propBinding, "path")
	if s := to.get("schema"); s.there() {
		n.Link(propSchema, b.shape(s, "schema"))
	}
	b.extensions(n, to)
	return n
}

// channelOperation makes the node of what is published to a channel or
// subscribed to. What is published is what the API expects.
func (b *builder) channelOperation(method string, c, item cursor, security []*Node) *Node {
	n := b.Add(c.place(), classesOperation...)
	n.Set(nsAPI+"method", method)
	if c.Get("description") == nil {
		n.setText(propDescription, item.Get("description"))
	}
	b.channelOperationFields(n, c)
	for t := range c.get("traits").items() {
		trait, _ := b.follow(t)
		if !b.spend(len(trait.Get("tags").List())) {
			break
		}
		b.channelOperationFields(n, trait)
	}
	n.Link(propSecurity, security...)
	property, classes := nsAPI+"expects", classesRequest
	if method == "subscribe" {
		property, classes = nsAPI+"returns", classesResponse
	}
	message := c.get("message")
	if all := message.get("oneOf"); all.Is(tree.Array) {
		for m := range all.items() {
			n.Link(property, b.message(m, classes))
		}
	} else if message.there() {
		n.Link(property, b.message(message, classes))
	}
	b.extensions(n, c)
	return n
}

// channelOperationFields adds what traits may say too; what is set already stays.
func (b *builder) channelOperationFields(n *Node, c cursor) {
	if id := c.Get("operationId"); id != nil && n.Get(nsAPI+"operationId") == nil {
		n.setText(nsAPI+"operationId", id)
	}
	if n.Get(propDescription) == nil || c.Get("description") != nil && n.Get(nsAPI+"isAbstract") == nil {
		n.setText(propDescription, c.Get("description"))
	}
	if n.Get(nsAPI+"guiSummary") == nil {
		n.setText(nsAPI+"guiSummary", c.Get("summary"))
	}
	if n.Get(nsCore+"documentation") == nil {
		n.Link(nsCore+"documentation", b.documentation(c.get("externalDocs")))
	}
	for t := range c.get("tags").items() {
		n.Link(nsAPI+"tag", b.tag(t))
	}
}

// message makes the node of a message in the part that it plays.
func (b *builder) message(c cursor, classes []string) *Node {
	to, name := b.follow(c)
	if !to.Is(tree.Object) || !b.spend(len(to.Get("tags").List())) {
		return nil
	}
	n := b.Add(to.place(), classes...)
	if name == "" && to.trail.up != nil && to.trail.up.step == "messages" {
		name = to.trail.step
	}
	if name != "" {
		n.Set(propName, name)
	}
	n.setText(nsCore+"displayName", to.Get("name"))
	n.setText(nsCore+"title", to.Get("title"))
	n.setText(nsCore+"summary", to.Get("summary"))
	n.setText(propDescription, to.Get("description"))
	if id := to.get("correlationId"); id.Is(tree.Object) {
		correlation := b.Add(id.place(), classesCorrelation...)
		correlation.setText(nsCore+"location", id.Get("location"))
		correlation.setText(propDescription, id.Get("description"))
		n.Link(nsCore+"correlationId", correlation)
	}
	for t := range to.get("tags").items() {
		n.Link(nsAPI+"tag", b.tag(t))
	}
	if h := to.get("headers"); h.there() {
		n.Link(nsAPI+"headerSchema", b.shape(h, "schema"))
	}
	n.Link(propPayload, b.messagePayload(to))
	b.extensions(n, to)
	return n
}

func (b *builder) messagePayload(c cursor) *Node {
	if known := b.messages[c.Node]; known != nil {
		return known
	}
	p := b.Add(c.place(), classesPayload...)
	b.messages[c.Node] = p
	media := c.Get("contentType")
	if media == nil {
		media = b.root.Get("defaultContentType")
	}
	p.setText(propMediaType, media)
	p.setText(nsAPI+"schemaMediaType", c.Get("schemaFormat"))
	if s := c.get("payload"); s.there() {
		p.Link(propSchema, b.shape(s, "schema"))
	}
	return p
}
