package taint

import (
	"strings"

	"farrier.dev/farrier/internal/dataweave/syntax"
	"farrier.dev/farrier/internal/encoding/xmltext/document"
	"farrier.dev/farrier/internal/mule"
)

// setTo is the event with a value for its payload that an element made.
func (r *run) setTo(e *document.Element, ev *event, v *Value, message string) *event {
	return ev.withMessage(Stepped(v, r.place(e), message), ev.attributes, r.mimeOf(e, nil))
}

func (r *run) setPayload(e *document.Element, ev *event) *event {
	r.sinksOf(e, ev)
	v := r.attr(e, "value", ev)
	if v == nil {
		v = r.content(e, ev)
	}
	mime := r.mimeOf(e, r.codeOf(e, "value"))
	if mime == "" && v != nil && v == ev.payload {
		mime = ev.mime
	}
	return ev.withMessage(Stepped(v, r.place(e), "becomes the payload"), ev.attributes, mime)
}

// variable sets and removes variables and properties.
func (r *run) variable(e *document.Element, ev *event) *event {
	r.sinksOf(e, ev)
	switch e.Name.Local {
	case "set-variable", "set-session-variable":
		name := r.literal(e, "variableName", ev)
		v := Stepped(r.attr(e, "value", ev), r.place(e), "is kept in the variable "+name)
		if e.Name.Local == "set-variable" {
			return ev.withVar(name, v)
		}
		c := ev.clone()
		c.session = setVar(ev.session, name, v)
		return c
	case "remove-variable":
		return ev.withoutVar(r.literal(e, "variableName", ev))
	case "set-property":
		name := r.literal(e, "propertyName", ev)
		c := ev.clone()
		c.outbound = setVar(ev.outbound, name, Stepped(r.attr(e, "value", ev), r.place(e), "is kept in the property "+name))
		return c
	case "message-properties-transformer":
		c := ev.clone()
		for _, p := range e.Elements() {
			if key := p.Value("key"); p.Name.Local == "add-message-property" && key != "" {
				c.outbound = setVar(c.outbound, key, Stepped(r.attr(p, "value", ev), r.place(p), "is kept in the property "+key))
				if e.Value("scope") == "invocation" {
					c.vars = setVar(c.vars, key, c.outbound.Fields[key])
				}
			}
		}
		return c
	case "copy-properties":
		c := ev.clone()
		if name := e.Value("propertyName"); name != "" && !strings.Contains(name, "*") {
			c.outbound = setVar(ev.outbound, name, Field(ev.attributes, name))
		} else {
			c.outbound = setVar(ev.outbound, "", Element(ev.attributes))
		}
		return c
	}
	return ev
}

// literal is the text of an attribute where it is known, else empty.
func (r *run) literal(e *document.Element, attr string, ev *event) string {
	s, _ := Text(r.attr(e, attr, ev))
	return s
}

// transform runs ee:transform and its elder dw:transform-message: each script reads
// the event as it came in.
func (r *run) transform(e *document.Element, ev *event) *event {
	r.sinksOf(e, ev)
	out := ev.clone()
	for _, part := range e.Elements() {
		if strings.HasPrefix(part.Name.Local, "set-") {
			r.transformed(e, part, ev, out)
			continue
		}
		for _, set := range part.Elements() {
			r.transformed(e, set, ev, out)
		}
	}
	return out
}

// transformed runs one script of a transformation on the event and puts the result
// into out.
func (r *run) transformed(e, set *document.Element, ev, out *event) {
	f := r.file(set)
	if f == nil {
		return
	}
	r.sinksOf(set, ev)
	var code *mule.Code
	v := r.content(set, ev)
	if code = r.project.Script(f, set); code != nil && code.Element == nil {
		code = nil
	}
	at := r.place(e)
	switch set.Name.Local {
	case "set-payload":
		out.payload = Stepped(v, at, "becomes the payload in "+name(e))
		out.mime = strings.ToLower(OutputOf(code))
	case "set-attributes":
		out.attributes = Stepped(v, at, "becomes the attributes in "+name(e))
	case "set-variable":
		key := set.Value("variableName")
		out.vars = setVar(out.vars, key, Stepped(v, at, "is kept in the variable "+key+" in "+name(e)))
	case "set-session-variable":
		key := set.Value("variableName")
		out.session = setVar(out.session, key, Stepped(v, at, "is kept in the session variable "+key))
	case "set-property":
		key := set.Value("propertyName")
		out.outbound = setVar(out.outbound, key, Stepped(v, at, "is kept in the property "+key))
	}
}

// dynamic runs ee:dynamic-evaluate, whose result no one can foresee.
func (r *run) dynamic(e *document.Element, ev *event) *event {
	r.sinksOf(e, ev)
	v := &Value{Marks: Marks(ev.payload), Opaque: true, weight: 1, depth: 1}
	if p := e.Child(nsEE, "parameters"); p != nil {
		v.Marks = mergeMarks(v.Marks, Marks(r.content(p, ev)))
	}
	return r.deliver(e, ev, Stepped(v, r.place(e), "goes into a script that is made at run time"), Of(AnyType))
}

// parseTemplate fills a text of the project with expressions on the event.
func (r *run) parseTemplate(e *document.Element, ev *event) *event {
	r.sinksOf(e, ev)
	v := r.template(e, ev)
	mime := r.mimeOf(e, nil)
	if mime == "" && (strings.HasSuffix(e.Value("location"), ".html") || strings.HasSuffix(e.Value("location"), ".htm")) {
		mime = "text/html"
	}
	v = Stepped(v, r.place(e), "is put into a template")
	if target := e.Value("target"); target != "" {
		return r.deliver(e, ev, v, ev.attributes)
	}
	return ev.withMessage(v, ev.attributes, mime)
}

// template is what parse-template makes.
func (r *run) template(e *document.Element, ev *event) *Value {
	if c := e.Child(nsCore, "content"); c != nil {
		return r.content(c, ev)
	}
	a := e.Attr("location")
	if a == nil {
		return Unseen()
	}
	file := r.project.Resource(a.Value.Text)
	if file == nil {
		return Unseen()
	}
	text := r.texts[file]
	if text == nil {
		text = &document.Value{Text: string(file.Text), Span: document.Span{End: len(file.Text)}}
		r.texts[file] = text
	}
	t := r.project.Template(&mule.XMLFile{File: file}, e, text)
	parts := make([]*Value, 0, len(t.Parts))
	for i := range t.Parts {
		parts = append(parts, r.piece(e, &t.Parts[i], ev))
	}
	return Concat(parts...)
}

// enrich runs the enricher of Mule 3: what its processor answers goes into variables.
func (r *run) enrich(e *document.Element, ev *event, fail *failures) *event {
	inner := r.chain(e.Elements(), ev, fail)
	if inner == nil {
		return nil
	}
	out := ev
	set := func(x *document.Element) {
		target := x.Value("target")
		if target == "" {
			return
		}
		v := inner.payload
		if s := r.expression(x, "source", inner); s != nil {
			v = s
		}
		out = r.assign(x, out, target, v)
	}
	set(e)
	for _, c := range e.Elements() {
		if c.Is(nsCore, "enrich") {
			set(c)
		}
	}
	return out
}

// assignments runs the statements of an expression component. One in which something
// could not be read may have set things or not.
func (r *run) assignments(e *document.Element, ev *event) *event {
	f := r.file(e)
	if f == nil {
		return ev
	}
	code := r.project.Expression(f, e, &e.Content().Value)
	if code == nil || code.Tree == nil || code.Tree.Body == nil {
		return ev
	}
	r.eval(code, e, ev) // for what its calls do
	out := ev
	syntax.Walk(code.Tree.Body, func(n syntax.Node) bool {
		b, ok := n.(*syntax.Binary)
		if !ok || b.Op != "=" && b.Op != "+=" {
			return true
		}
		left := b.Left.Bytes()
		if left.Start < 0 || left.End > len(code.Text) || left.Start >= left.End || !r.spend() {
			return false
		}
		part, tree := *code, *code.Tree
		tree.Body = b.Right
		if b.Op == "+=" {
			tree.Body = &syntax.Binary{Span: b.Span, Op: "+", Left: b.Left, Right: b.Right}
		}
		part.Tree = &tree
		out = r.assign(e, out, code.Text[left.Start:left.End], r.eval(&part, e, out))
		return false
	})
	if len(code.Tree.Problems) > 0 {
		out = joinEvents(ev, out)
	}
	return out
}

// assign sets what an expression of Mule 3 names, as "#[flowVars.customer]".
func (r *run) assign(e *document.Element, ev *event, target string, v *Value) *event {
	target = strings.TrimSpace(strings.TrimSuffix(strings.TrimPrefix(strings.TrimSpace(target), "#["), "]"))
	v = Stepped(v, r.place(e), "is kept in "+target)
	names := strings.FieldsFunc(target, func(c rune) bool { return strings.ContainsRune(".['\"]:", c) })
	if len(names) == 0 {
		return ev
	}
	c := ev.clone()
	switch last := names[len(names)-1]; names[0] {
	case "payload", "message":
		if len(names) > 2 && names[1] == "outboundProperties" {
			c.outbound = setVar(ev.outbound, last, v)
			break
		}
		c.payload = v
	case "sessionVars":
		c.session = setVar(ev.session, last, v)
	default:
		c.vars = setVar(ev.vars, last, v)
	}
	return c
}
