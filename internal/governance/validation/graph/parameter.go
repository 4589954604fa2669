package graph

import (
	"farrier.dev/farrier/internal/encoding/tree"
)

// parameter makes the node of a parameter, once for each place where one is
// written. The name is that under which it is declared.
func (b *builder) parameter(c cursor, declared string) *Node {
	to, name := b.follow(c)
	if !to.Is(tree.Object) {
		return nil
	}
	if known := b.parameters[to.Node]; known != nil {
		return known
	}
	if declared == "" {
		declared = name
	}
	n := b.Add(to.place(), classesParameter...)
	b.parameters[to.Node] = n
	in := to.Get("in").Str()
	if declared == "" {
		declared = to.Get("name").Str()
	}
	n.Set(propName, declared)
	n.setText(nsAPI+"paramName", to.Get("name"))
	n.setText(propDescription, to.Get("description"))
	n.Set(nsAPI+"required", to.Get("required").IsTrue())
	if to.Get("deprecated").IsTrue() {
		n.Set(nsCore+"deprecated", true)
	}
	if in == "query" && !b.projected {
		n.Set(nsAPI+"allowEmptyValue", to.Get("allowEmptyValue").IsTrue())
		n.Set(nsAPI+"allowReserved", to.Get("allowReserved").IsTrue())
	}
	n.setText(propBinding, to.Get("in"))
	b.style(n, to, in)
	shapeName := declared
	if b.projected {
		shapeName = "schema"
	}
	b.parameterSchema(n, to, shapeName)
	b.extensions(n, to)
	return n
}

// style sets how a value is written, as OpenAPI 3 fixes it when it is not said.
func (b *builder) style(n *Node, c cursor, in string) {
	if b.projected {
		return
	}
	style := c.Get("style").Str()
	if style == "" {
		style = "simple"
		if in == "query" || in == "cookie" {
			style = "form"
		}
	}
	n.Set(nsAPI+"style", style)
	if explode := c.Get("explode"); explode != nil {
		n.setText(nsAPI+"explode", explode)
	} else {
		n.Set(nsAPI+"explode", style == "form")
	}
}

// parameterSchema adds schema, content and examples.
func (b *builder) parameterSchema(n *Node, c cursor, name string) {
	if s := c.get("schema"); s.there() {
		n.Link(propSchema, b.used(s, name))
	}
	b.content(n, c.get("content"))
	owner := n
	if s := n.Get(propSchema); len(s) > 0 {
		owner = s[0].Node
	}
	b.examples(owner, n, c, "")
}

// header is a header of a response under a name.
type header struct {
	at   *tree.Node
	name string
}

// header makes the node of a header of a response.
func (b *builder) header(c cursor, name string) *Node {
	to, _ := b.follow(c)
	if !to.Is(tree.Object) {
		return nil
	}
	known := header{to.Node, name}
	if n := b.headers[known]; n != nil {
		return n
	}
	n := b.Add(to.place(), classesParameter...)
	b.headers[known] = n
	n.Set(propName, name)
	n.setText(propDescription, to.Get("description"))
	if b.projected {
		n.Set(nsAPI+"paramName", name)
	}
	if required := to.Get("required"); required != nil {
		n.setText(nsAPI+"required", required)
	}
	b.style(n, to, "header")
	n.Set(propBinding, "header")
	if s := to.get("schema"); s.there() {
		n.Link(propSchema, b.shape(s, "schema"))
	}
	b.content(n, to.get("content"))
	b.examples(n, nil, to, "")
	b.extensions(n, to)
	return n
}

// content adds the payloads of a body.
func (b *builder) content(n *Node, c cursor) {
	for media, m := range c.names() {
		if !b.spend(0) {
			return
		}
		n.Link(propPayload, b.payload(m, media))
	}
}

// payload makes the node of one form of a body.
func (b *builder) payload(c cursor, media string) *Node {
	if known := b.payloads[c.Node]; known != nil {
		return known
	}
	n := b.Add(c.place(), classesPayload...)
	b.payloads[c.Node] = n
	if !b.projected || media != "*/*" {
		// RAML's body without a media type stands in OpenAPI for all of them.
		n.Set(propMediaType, media)
	}
	if s := c.get("schema"); s.there() {
		n.Link(propSchema, b.used(s, "schema"))
	}
	owner := n
	if s := n.Get(propSchema); len(s) > 0 {
		owner = s[0].Node
	}
	b.examples(owner, n, c, media)
	for property, e := range c.get("encoding").names() {
		enc := b.Add(e.place(), classesEncoding...)
		enc.Set(nsAPI+"propertyName", property)
		enc.setText(nsAPI+"contentType", e.Get("contentType"))
		enc.setText(nsAPI+"style", e.Get("style"))
		enc.setText(nsAPI+"explode", e.Get("explode"))
		for name, h := range e.get("headers").names() {
			enc.Link(propHeader, b.header(h, name))
		}
		n.Link(nsAPI+"encoding", enc)
	}
	b.extensions(n, c)
	return n
}

// given is an example of something.
type given struct {
	owner        *Node
	file         string
	line, column int
}

// used is the shape of a parameter or body. RAML's examples beside a reference
// belong to the use and make no type of its own.
func (b *builder) used(c cursor, name string) *Node {
	ref := c.Get("$ref")
	if !b.projected || !ref.Is(tree.String) {
		return b.shape(c, name)
	}
	for i := range c.Members {
		if m := c.Members[i].Name; m != "$ref" && m != "example" && m != "examples" {
			return b.shape(c, name)
		}
	}
	if to, declared := b.target(c, ref.Text); to.there() {
		return b.declared(to, declared)
	}
	return b.shape(c, name)
}

// examples adds the examples of a value to what describes it; each remembers
// where it was given for, so that rules can tell them apart when the type is shared.
func (b *builder) examples(owner, of *Node, c cursor, media string) {
	add := func(e *Node) {
		if e == nil {
			return
		}
		if b.projected {
			// What RAML says once stands at the schema and beside it.
			key := given{owner, e.At.File, e.At.Line, e.At.Column}
			if known := b.given[key]; known != nil {
				e = known
			} else {
				b.given[key] = e
				owner.Link(propExamples, e)
			}
			if of != nil && of != owner {
				b.mark(e, "tracked-element", of.ID)
			}
			return
		}
		if media != "" {
			e.Set(propMediaType, media)
		}
		owner.Link(propExamples, e)
		if of != nil && of != owner {
			b.mark(e, "tracked-element", of.ID)
		}
	}
	if e := c.get("example"); e.there() {
		add(b.example(e, "", false))
	}
	all := c.get("examples")
	for name, e := range all.names() {
		to, declared := b.follow(e)
		if declared != "" {
			name = declared
		}
		add(b.example(to, name, true))
	}
	for e := range all.items() {
		add(b.example(e, "", false))
	}
}

// example makes the node of an example: the value itself, or an object that
// holds it beside a summary.
func (b *builder) example(c cursor, name string, wrapped bool) *Node {
	if !c.there() {
		return nil
	}
	n := b.Add(c.place(), classesExample...)
	if name != "" {
		n.Set(propName, name)
	}
	value := c
	if wrapped {
		n.setText(nsAPI+"guiSummary", c.Get("summary"))
		n.setText(propDescription, c.Get("description"))
		n.setText(nsDoc+"externalValue", c.Get("externalValue"))
		value = c.get("value")
	}
	n.Set(nsDoc+"strict", true)
	if value.there() {
		n.Link(nsDoc+"structuredValue", b.data(value, "", new(int)))
		if s, ok := scalar(value.Node); ok {
			n.Set(nsDoc+"raw", Value{Scalar: s}.String())
		}
	}
	return n
}
