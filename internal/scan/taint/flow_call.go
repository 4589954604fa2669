package taint

import (
	"slices"
	"strings"

	"farrier.dev/farrier/internal/encoding/xmltext/document"
	"farrier.dev/farrier/internal/mule"
)

// flowRef runs the flow that a flow-ref names. An expression may name any flow that
// its texts leave possible.
func (r *run) flowRef(e *document.Element, ev *event, fail *failures) *event {
	r.sinksOf(e, ev)
	targets := r.targets(r.attr(e, "name", ev))
	if len(targets) == 0 {
		// A flow that is not at hand: nobody knows what it does.
		c := ev.clone()
		c.payload, c.attributes = unsure(ev.payload), unsure(ev.attributes)
		if e.Value("target") != "" {
			return ev.withVar(e.Value("target"), Unseen())
		}
		return c
	}
	var out *event
	for _, f := range targets {
		s := r.runFlow(f, e, ev)
		out = joinEvents(out, s.out)
		if s.failed != nil {
			fail.add(s.failed)
		}
		for kind, v := range s.raised {
			fail.raise(kind, v)
		}
	}
	if out == nil {
		return nil
	}
	if target := e.Value("target"); target != "" {
		return r.deliver(e, ev, out.payload, out.attributes)
	}
	return out
}

// unsure is a value that may also be another, of which nothing is known.
func unsure(v *Value) *Value {
	if v == nil {
		return Unseen()
	}
	c := *v
	c.Opaque = true
	return &c
}

// maxTargets bounds how many flows one expression calls.
const maxTargets = 64

// targets are the flows that a name may stand for.
func (r *run) targets(name *Value) []*mule.Flow {
	if s, ok := Text(name); ok {
		if f := r.flows[strings.TrimSpace(s)]; f != nil {
			return []*mule.Flow{f}
		}
		return nil
	}
	if name == nil {
		return nil
	}
	if len(name.Choices) > 0 {
		var all []*mule.Flow
		for _, s := range name.Choices {
			if f := r.flows[s]; f != nil {
				all = append(all, f)
			}
		}
		return all
	}
	found := map[*mule.Flow]bool{}
	for _, text := range Texts(name) {
		first, last := "", ""
		if len(text) > 0 {
			first, last = text[0].Text, text[len(text)-1].Text
		}
		if first == "" && last == "" {
			continue // it might be any: none is as good as all
		}
		for n, f := range r.flows {
			if len(n) >= len(first)+len(last) && strings.HasPrefix(n, first) && strings.HasSuffix(n, last) {
				found[f] = true
			}
		}
	}
	all := make([]*mule.Flow, 0, len(found))
	for f := range found {
		all = append(all, f)
	}
	slices.SortFunc(all, func(a, b *mule.Flow) int { return strings.Compare(a.Name, b.Name) })
	return all[:min(len(all), maxTargets)]
}

// route runs the flows that an APIkit router calls by their names.
func (r *run) route(e *document.Element, ev *event, fail *failures) *event {
	r.sinksOf(e, ev)
	config := r.project.Config(e)
	var out *event
	for _, f := range r.routed(e, config) {
		s := r.runFlow(f, e, r.requested(e, config, f, ev))
		out = joinEvents(out, s.out)
		if s.failed != nil {
			fail.add(s.failed)
		}
		for kind, v := range s.raised {
			fail.raise(kind, v)
		}
	}
	if out == nil {
		return ev.withMessage(Of(AnyType), ev.attributes, "")
	}
	return out
}

// routed are the flows of a router, in the order of the project.
func (r *run) routed(e *document.Element, config *document.Element) []*mule.Flow {
	name := config.Value("name")
	var all []*mule.Flow
	for _, p := range r.projects() {
		for _, f := range p.Flows {
			if e.Name.Space == nsSOAPKit {
				if name != "" && (strings.HasSuffix(f.Name, `:\`+name) || strings.HasSuffix(f.Name, `\`+name) || strings.HasSuffix(f.Name, ":"+name)) {
					all = append(all, f)
				}
				continue
			}
			if f.Operation != nil && (f.Operation.Config == name || f.Operation.Config == "") {
				all = append(all, f)
			}
		}
	}
	for _, mappings := range config.Elements() {
		for _, m := range append(mappings.Elements(), mappings) {
			if f := r.flows[m.Value("flow-ref")]; f != nil && !slices.Contains(all, f) {
				all = append(all, f)
			}
		}
	}
	return all
}

// requested is the event that an operation's flow gets: the path parameters of its
// template, and what the contract says of what comes with them.
func (r *run) requested(e, config *document.Element, f *mule.Flow, ev *event) *event {
	op := f.Operation
	if op == nil {
		op = mapped(config, f.Name)
	}
	if op == nil {
		return ev
	}
	c := r.contracts.of(config, op)
	out := ev.clone()
	if r.project.Major == 3 {
		out.attributes = r.parameters3(e, op, c, ev.attributes)
		for _, name := range templateNames(op.Path) {
			v := Tainted(r.source(r.entrySource(e), Client, "the path parameter "+name))
			out.vars = setVar(out.vars, name, Clean(v, c.pathKinds(name)))
		}
	} else {
		out.attributes = r.parameters(e, op, c, ev.attributes)
	}
	if c != nil && c.body != nil && ev.payload != nil && ev.payload.From == "payload" {
		out.payload = shaped(ev.payload, c.body, 0)
	}
	return out
}

// mapped is the operation that a mapping of a configuration gives a flow.
func mapped(config *document.Element, flow string) *mule.Operation {
	var op *mule.Operation
	config.Walk(func(m *document.Element) bool {
		if m.Value("flow-ref") == flow && m.Value("resource") != "" {
			op = &mule.Operation{Method: strings.ToUpper(m.Value("action")), Path: m.Value("resource"), Config: config.Value("name")}
		}
		return op == nil
	})
	return op
}

// entrySource is the element that started the flow that is being analysed.
func (r *run) entrySource(e *document.Element) *document.Element {
	if r.entry != nil && r.entry.Source != nil {
		return r.entry.Source
	}
	return e
}

func (c *contract) pathKinds(name string) Kind {
	if c == nil {
		return 0
	}
	return c.path[name]
}

// parameters are the attributes of a request with the path parameters of a template
// and those that the contract types.
func (r *run) parameters(e *document.Element, op *mule.Operation, c *contract, was *Value) *Value {
	if was == nil || was.Fields["uriParams"] == nil && was.From != "attributes" {
		return was
	}
	fields := map[string]*Value{}
	for n, f := range was.Fields {
		fields[n] = f
	}
	at := r.entrySource(e)
	uri := map[string]*Value{}
	for _, name := range templateNames(op.Path) {
		uri[name] = Clean(Tainted(r.source(at, Client, "attributes.uriParams."+spell(name))), c.pathKinds(name))
	}
	fields["uriParams"] = object(uri)
	if c != nil {
		fields["queryParams"] = typed(fields["queryParams"], c.query, c.strictQuery, nil)
		fields["headers"] = typed(fields["headers"], c.header, c.strictHeader, strings.ToLower)
	}
	out := *was
	out.Fields = fields
	return measured(&out)
}

// parameters3 does the same for the inbound properties of Mule 3.
func (r *run) parameters3(e *document.Element, op *mule.Operation, c *contract, was *Value) *Value {
	if was == nil || was.Fields["http.query.params"] == nil {
		return was
	}
	fields := map[string]*Value{}
	for n, f := range was.Fields {
		fields[n] = f
	}
	at := r.entrySource(e)
	uri := map[string]*Value{}
	for _, name := range templateNames(op.Path) {
		uri[name] = Clean(Tainted(r.source(at, Client, "the path parameter "+name)), c.pathKinds(name))
	}
	fields["http.uri.params"] = object(uri)
	if c != nil {
		fields["http.query.params"] = typed(fields["http.query.params"], c.query, c.strictQuery, nil)
	}
	out := *was
	out.Fields = fields
	return measured(&out)
}

// typed is an object of parameters with those that a contract makes harmless for
// some kinds. With strict, there are no others.
func typed(v *Value, kinds map[string]Kind, strict bool, fold func(string) string) *Value {
	if v == nil || len(kinds) == 0 && !strict {
		return v
	}
	out := *v
	out.Fields = map[string]*Value{}
	for n, f := range v.Fields {
		key := n
		if fold != nil {
			key = fold(n)
		}
		out.Fields[n] = Clean(f, kinds[key])
	}
	for n, k := range kinds {
		out.Fields[n] = Clean(Field(v, n), k)
	}
	if strict {
		out.Type, out.Rest, out.Marks = ObjectType, nil, nil
	}
	return measured(&out)
}

// shaped is a body with what its schema makes harmless.
func shaped(v *Value, s *shape, depth int) *Value {
	if v == nil || s == nil || depth > maxContractDepth {
		return v
	}
	out := *Clean(v, s.clean)
	if len(s.fields) > 0 && len(s.fields) <= maxFields {
		fields := map[string]*Value{}
		for n, f := range v.Fields {
			fields[n] = f
		}
		for n, f := range s.fields {
			fields[n] = shaped(Field(v, n), f, depth+1)
		}
		out.Fields = fields
	}
	if s.items != nil {
		out.Type, out.Rest = ArrayType, shaped(Element(v), s.items, depth+1)
		out.Marks = slices.DeleteFunc(slices.Clone(out.Marks), func(m Mark) bool { return m.Source.Label&^(Whole|Backend) != 0 })
	}
	return measured(&out)
}
