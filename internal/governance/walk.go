package governance

import (
	"slices"
	"strconv"
	"strings"

	"farrier.dev/farrier/internal/encoding/tree"
	"farrier.dev/farrier/internal/governance/spectral"
)

// methods are those that a path item may describe.
var methods = [...]string{"get", "put", "post", "delete", "options", "head", "patch", "trace"}

// description is the tree of OpenAPI 2.0, 3.0 or 3.1 (also of RAML, projected) as
// functions walk through it.
type description struct {
	root *tree.Node
	// follow gives what a reference leads to, or the value itself.
	follow func(*tree.Node) *tree.Node
	// left is how many schemas may still be looked at.
	left int
}

// mostSchemas bounds what is looked at in one description; the largest that are
// published have a fifth of it.
const mostSchemas = 1_000_000

// resolved is a description whose references were followed.
func resolved(root *tree.Node) *description {
	return &description{root, func(n *tree.Node) *tree.Node { return n }, mostSchemas}
}

// operation is a method of a path.
type operation struct {
	// method is in upper case.
	method, path string
	node, item   *tree.Node
	at           []string
	// webhook tells that the API calls it rather than serves it.
	webhook bool
}

func (o *operation) name() string { return o.method + " " + o.path }

func (d *description) operations() []*operation {
	var out []*operation
	for _, part := range [...]string{"paths", "webhooks"} {
		for _, m := range d.root.Get(part).Fields() {
			if strings.HasPrefix(m.Name, "x-") {
				continue
			}
			item := d.follow(m.Value)
			for _, method := range methods {
				if node := item.Get(method); node.Is(tree.Object) {
					out = append(out, &operation{strings.ToUpper(method), m.Name, node, item, []string{part, m.Name, method}, part == "webhooks"})
				}
			}
		}
	}
	return out
}

// parameter is one of an operation or of its path.
type parameter struct {
	node     *tree.Node
	name, in string
	at       []string
}

func (d *description) parameters(o *operation) []parameter {
	var out []parameter
	for _, level := range []struct {
		node *tree.Node
		at   []string
	}{{o.item, o.at[:2]}, {o.node, o.at}} {
		for i, n := range level.node.Get("parameters").List() {
			n = d.follow(n)
			out = append(out, parameter{n, n.Get("name").Str(), n.Get("in").Str(), below(level.at, "parameters", strconv.Itoa(i))})
		}
	}
	return out
}

// response is one answer of an operation.
type response struct {
	node   *tree.Node
	status string
	at     []string
}

func (d *description) responses(o *operation) []response {
	fields := o.node.Get("responses").Fields()
	out := make([]response, 0, len(fields))
	for _, m := range fields {
		if !strings.HasPrefix(m.Name, "x-") {
			out = append(out, response{d.follow(m.Value), m.Name, below(o.at, "responses", m.Name)})
		}
	}
	return out
}

// content is the schema of one media type, or of a body of OpenAPI 2.0.
type content struct {
	media  string
	node   *tree.Node
	schema *tree.Node
	at     []string
}

// contents are those of a request body or response.
func (d *description) contents(n *tree.Node, at []string) []content {
	var out []content
	if schema := n.Get("schema"); schema != nil {
		out = append(out, content{"", n, d.follow(schema), below(at, "schema")})
	}
	for _, m := range n.Get("content").Fields() {
		c := content{strings.ToLower(m.Name), m.Value, d.follow(m.Value.Get("schema")), below(at, "content", m.Name)}
		if c.schema != nil {
			c.at = below(c.at, "schema")
		}
		out = append(out, c)
	}
	return out
}

// bodies are the contents of the request.
func (d *description) bodies(o *operation) []content {
	out := d.contents(d.follow(o.node.Get("requestBody")), below(o.at, "requestBody"))
	for _, p := range d.parameters(o) {
		if p.in == "body" {
			out = append(out, d.contents(p.node, p.at)...)
		}
	}
	return out
}

// field is a schema and the place that it describes.
type field struct {
	operation *operation
	// request is false for responses; in is path, query, header, cookie or body.
	request bool
	in      string
	// status is that of the response.
	status string
	// name is that of the property or parameter, and of the list around an item;
	// empty for a body.
	name string
	// kebab is the name as words writes it.
	kebab string
	// pointer leads to it in the body, as "/customer/ssn".
	pointer string
	schema  *tree.Node
	at      []string
	// outer is the schema that this one is an alternative or a part of.
	outer *field
	media string
	depth int
}

// describe names the place for people.
func (f *field) describe() string {
	side := "response"
	if f.request {
		side = "request"
	}
	switch {
	case f.in != "body":
		return "the " + f.in + " parameter " + strconv.Quote(f.name) + " of " + f.operation.name()
	case f.name != "":
		return "the property " + strconv.Quote(f.name) + " in the " + side + " of " + f.operation.name()
	}
	return "the body of the " + side + " of " + f.operation.name()
}

// mostParts bounds how deep schemas are nested that are looked at.
const mostParts = 60

// keyword is the value of a keyword of the schema, of a part of it (allOf), or of
// the schema that it is a part or an alternative of.
func (d *description) keyword(f *field, name string) *tree.Node {
	for ; f != nil; f = f.outer {
		if n := d.own(f.schema, name, 0); n != nil {
			return n
		}
	}
	return nil
}

func (d *description) own(schema *tree.Node, name string, depth int) *tree.Node {
	if n := schema.Get(name); n != nil || depth > 4 {
		return n
	}
	for _, part := range schema.Get("allOf").List() {
		if n := d.own(d.follow(part), name, depth+1); n != nil {
			return n
		}
	}
	return nil
}

// kinds are the types of a schema without null; those that are not written are
// taken from what else it says.
func (d *description) kinds(f *field) []string {
	n := d.own(f.schema, "type", 0)
	switch {
	case n.Is(tree.String):
		return []string{n.Text}
	case n.Is(tree.Array):
		var out []string
		for _, item := range n.Items {
			if item.Str() != "null" {
				out = append(out, item.Str())
			}
		}
		return out
	case d.own(f.schema, "properties", 0) != nil:
		return []string{"object"}
	case d.own(f.schema, "items", 0) != nil:
		return []string{"array"}
	}
	return nil
}

type visited struct {
	schema  *tree.Node
	request bool
}

type visitedAs struct {
	visited
	in, name string
}

// walked are the schemas of a description, gone through once for all rules.
type walked struct {
	*description
	all []*field
}

// walkedIn are those of the document that functions judge.
func walkedIn(in *spectral.Input) *walked {
	made, _ := in.Once(walkedOf{in.Value}, func() any {
		w := &walked{description: resolved(in.Value)}
		w.fields(func(f *field) { w.all = append(w.all, f) })
		return w
	}).(*walked)
	return made
}

// walkedOf is the key by which rules share what was walked.
type walkedOf struct{ root *tree.Node }

// walker goes through the schemas of requests and responses: each schema once
// for every name that it is reached by, and what lies in it once.
type walker struct {
	*description
	visit   func(*field)
	seen    map[visitedAs]bool
	entered map[visited]bool
}

// fields visits the schemas that an operation reaches.
func (d *description) fields(visit func(*field)) {
	w := &walker{d, visit, map[visitedAs]bool{}, map[visited]bool{}}
	for _, o := range d.operations() {
		w.operation(o)
	}
}

func (w *walker) operation(o *operation) {
	for _, p := range w.parameters(o) {
		f := &field{operation: o, request: true, in: p.in, name: p.name, kebab: words(p.name), schema: p.node, at: p.at}
		switch schema := p.node.Get("schema"); {
		case p.in == "body":
			continue
		case p.in == "formData":
			f.in = "body"
		case schema != nil:
			f.schema, f.at = w.follow(schema), below(p.at, "schema")
		case p.node.Get("content") != nil:
			for _, c := range w.contents(p.node, p.at) {
				f.schema, f.at = c.schema, c.at
			}
		}
		w.field(f)
	}
	for _, c := range w.bodies(o) {
		w.field(&field{operation: o, request: true, in: "body", schema: c.schema, at: c.at, media: c.media})
	}
	for _, r := range w.responses(o) {
		for _, c := range w.contents(r.node, r.at) {
			w.field(&field{operation: o, in: "body", status: r.status, schema: c.schema, at: c.at, media: c.media})
		}
	}
}

func (w *walker) field(f *field) {
	if !f.schema.Is(tree.Object) || f.depth > mostParts || w.left <= 0 {
		return
	}
	key := visited{f.schema, f.request}
	as := visitedAs{key, f.in, f.name}
	if w.seen[as] {
		return
	}
	w.seen[as] = true
	w.left--
	w.visit(f)
	if !w.entered[key] {
		w.entered[key] = true
		w.enter(f)
	}
}

// enter goes on with what a schema consists of.
func (w *walker) enter(f *field) {
	s := f.schema
	for _, m := range s.Get("properties").Fields() {
		property := w.follow(m.Value)
		if f.request && property.Get("readOnly").IsTrue() || !f.request && property.Get("writeOnly").IsTrue() {
			continue
		}
		w.field(f.part(property, m.Name, "/"+m.Name, "properties", m.Name))
	}
	if items := s.Get("items"); items.Is(tree.Object) {
		w.field(f.part(w.follow(items), f.name, "/*", "items"))
	}
	if values := s.Get("additionalProperties"); values.Is(tree.Object) {
		w.field(f.part(w.follow(values), f.name, "/*", "additionalProperties"))
	}
	for _, name := range [...]string{"oneOf", "anyOf"} {
		for i, branch := range s.Get(name).List() {
			g := f.part(w.follow(branch), f.name, "", name, strconv.Itoa(i))
			g.outer = f
			w.field(g)
		}
	}
	for i, part := range s.Get("allOf").List() {
		g := f.part(w.follow(part), f.name, "", "allOf", strconv.Itoa(i))
		g.outer = f
		w.partOf(g)
	}
}

// partOf goes through a part of a schema, which is no schema of its own.
func (w *walker) partOf(f *field) {
	key := visited{f.schema, f.request}
	if !f.schema.Is(tree.Object) || f.depth > mostParts || w.left <= 0 || w.entered[key] {
		return
	}
	w.left--
	w.entered[key] = true
	w.enter(f)
}

func (f *field) part(schema *tree.Node, name, pointer string, steps ...string) *field {
	g := *f
	g.schema, g.pointer, g.outer = schema, f.pointer+pointer, nil
	if name != f.name {
		g.name, g.kebab = name, words(name)
	}
	g.at, g.depth = below(f.at, steps...), f.depth+1
	return &g
}

// isCode tells the status codes of a class, as 2 for 200 and 2XX.
func isCode(status string, class byte) bool {
	return len(status) == 3 && status[0] == class
}

// oneOf says whether a text is in a list; an empty list holds everything.
func oneOf(list []string, text string) bool {
	return len(list) == 0 || slices.Contains(list, text)
}
