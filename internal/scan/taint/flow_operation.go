package taint

import (
	"strings"

	"farrier.dev/farrier/internal/encoding/xmltext/document"
)

// deliver puts what an operation answers where it goes: into the message, or into the
// variable that target names.
func (r *run) deliver(e *document.Element, ev *event, payload, attributes *Value) *event {
	target := e.Value("target")
	if target == "" {
		mime := r.mimeOf(e, nil)
		return ev.withMessage(payload, attributes, mime)
	}
	v := payload
	if code := r.condition(e, "targetValue"); code != nil {
		v = r.eval(code, e, ev.withMessage(payload, attributes, ""))
	}
	if strings.Contains(target, "#[") {
		if r.project.Major == 3 {
			return r.assign(e, ev, target, v)
		}
		target = r.literal(e, "target", ev)
	}
	return ev.withVar(target, Stepped(v, r.place(e), "is kept in the variable "+target))
}

// operation runs an operation of a connector, or what is taken for one.
func (r *run) operation(e *document.Element, ev *event, fail *failures) *event {
	if op := r.operations[e.Name]; op != nil {
		return r.moduleOperation(e, op, ev, fail)
	}
	r.sinksOf(e, ev)
	r.partsOf(e, ev)
	c, what := effectOf(e.Name)
	out := ev
	switch what {
	case isVoid:
		if isLogger(e) {
			r.log(e, ev)
		}
		if inner := processors(e); len(inner) > 0 {
			out = r.chain(inner, ev, fail)
		}
	case isPlain:
		out = r.deliver(e, ev, Of(AnyType), Of(AnyType))
	case isPassing:
		out = r.deliver(e, ev, r.passed(e, ev), Of(AnyType))
	case isUnknown:
		if inner := processors(e); len(inner) > 0 {
			out = r.chain(inner, ev, fail)
			break
		}
		if isLogger(e) {
			r.log(e, ev)
		}
		if e.Value("config-ref") != "" {
			out = r.answered(e, ev, connector{label: Remote})
			break
		}
		if e.Value("target") != "" {
			out = r.deliver(e, ev, r.passed(e, ev), Of(AnyType))
			break
		}
		out = ev.withMessage(unsure(ev.payload), unsure(ev.attributes), "")
	case answers:
		out = r.answered(e, ev, c)
	}
	if out == nil {
		return nil
	}
	return r.originate(e, r.checked(e, out, r.cleaners[e.Name]))
}

// answered is the event after a connector answered.
func (r *run) answered(e *document.Element, ev *event, c connector) *event {
	label := c.label
	if e.Name.Space == nsFile && e.Name.Local == "read" {
		// What a fixed file holds was put there by those who run the application.
		if label = Database; Labels(r.attr(e, "path", ev), FilePath)&Untrusted != 0 {
			label = File
		}
	}
	what := c.what
	backend := label & Backend
	if what == "" {
		what = "what a connector answered"
	}
	what += " (" + name(e) + ")"
	payload := Named(Tainted(r.source(e, label&^Backend, what)), "")
	if backend != 0 {
		payload = Marked(payload, r.source(e, Backend, what))
	}
	if c.echoes {
		echo := r.passed(e, ev)
		payload.Marks = mergeMarks(payload.Marks, Marks(echo))
	}
	attributes := Named(Tainted(r.source(e, label&^Backend, "the attributes of "+what)), "")
	if e.Name.Local == "list" && e.Name.Space != nsDB {
		payload = ArrayOf(payload)
	}
	return r.deliver(e, ev, payload, attributes)
}

// passed is what an operation makes of what it is given: of its content, or else of
// the payload, and of its other arguments.
func (r *run) passed(e *document.Element, ev *event) *Value {
	v := &Value{weight: 1, depth: 1}
	add := func(w *Value) {
		if w != nil {
			v.Marks = mergeMarks(v.Marks, Marks(w))
			v.Opaque = v.Opaque || IsOpaque(w)
		}
	}
	given := false
	for _, c := range e.Elements() {
		if w := r.content(c, ev); w != nil {
			add(w)
			given = given || named("content args parameters messages prompt instructions template data", c.Name.Local)
		}
	}
	for i := range e.Attrs {
		if a := &e.Attrs[i]; strings.Contains(a.Value.Text, "#[") && a.Name.Local != "target" && a.Name.Local != "targetValue" {
			add(r.value(e, &a.Value, ev))
			given = given || a.Name.Local == "content"
		}
	}
	if !given {
		add(ev.payload)
	}
	v.Marks = withoutWhole(v.Marks)
	return Stepped(v, r.place(e), "goes through "+name(e))
}

// processors are the message processors inside an element that is not known.
func processors(e *document.Element) []*document.Element {
	var all []*document.Element
	for _, c := range e.Elements() {
		switch c.Name.Space {
		case nsCore:
			switch c.Name.Local {
			case "annotations", "description", "reconnect", "reconnect-forever", "redelivery-policy", "scheduling-strategy", "fixed-frequency", "cron",
				"repeatable-in-memory-stream", "repeatable-file-store-stream", "non-repeatable-stream", "repeatable-in-memory-iterable", "repeatable-file-store-iterable", "non-repeatable-iterable":
			default:
				all = append(all, c)
			}
		case nsEE:
			if c.Name.Local == "transform" || c.Name.Local == "cache" {
				all = append(all, c)
			}
		case nsHTTP:
			if c.Name.Local == "request" {
				all = append(all, c)
			}
		case nsDB, nsOS, nsJava, nsValidation:
			if c.Content() == nil && c.Name.Space != e.Name.Space {
				all = append(all, c)
			}
		}
	}
	return all
}

// originate fills what rules say that an element brings in.
func (r *run) originate(e *document.Element, ev *event) *event {
	for _, o := range r.origins[e.Name] {
		for _, part := range o.Sets {
			v := Tainted(r.source(e, o.Label, part))
			c := ev.clone()
			switch first, rest, _ := strings.Cut(part, "."); {
			case first == "payload":
				c.payload = joinParts(ev.payload, v)
			case first == "attributes":
				c.attributes = joinParts(ev.attributes, v)
			case first == "vars" && rest != "":
				c.vars = setVar(ev.vars, rest, v)
			}
			ev = c
		}
	}
	return ev
}

// moduleOperation runs an operation that an XML SDK module defines: its parameters
// are variables in its body, and nothing else of the event goes in.
func (r *run) moduleOperation(e, op *document.Element, ev *event, fail *failures) *event {
	r.sinksOf(e, ev)
	if r.deep >= maxModules {
		return r.deliver(e, ev, Unseen(), Unseen())
	}
	r.deep++
	defer func() { r.deep-- }()
	in := emptyEvent()
	var body *document.Element
	for _, part := range op.Elements() {
		switch part.Name.Local {
		case "parameters":
			for _, p := range part.Elements() {
				in.vars = setVar(in.vars, p.Value("name"), r.parameter(e, p, ev))
			}
		case "body":
			body = part
		}
	}
	out := r.chain(body.Elements(), in, &failures{})
	fail.add(ev)
	if out == nil {
		return nil
	}
	if output := op.Child(op.Name.Space, "output"); output != nil && output.Value("type") == "void" {
		return ev
	}
	return r.deliver(e, ev, out.payload, out.attributes)
}

// maxModules bounds how deep operations of modules call one another.
const maxModules = 8

// parameter is the argument for a parameter of an operation of a module.
func (r *run) parameter(e, p *document.Element, ev *event) *Value {
	key := p.Value("name")
	if v := r.attr(e, key, ev); v != nil {
		return Stepped(v, r.place(e), "is the argument "+key+" of "+name(e))
	}
	for _, c := range e.Elements() {
		if c.Name.Local == key {
			return Stepped(r.content(c, ev), r.place(e), "is the argument "+key+" of "+name(e))
		}
	}
	return r.attr(p, "defaultValue", ev)
}

// isLogger says whether an element writes to the log.
func isLogger(e *document.Element) bool {
	return strings.Contains(strings.ToLower(e.Name.Local), "logger") || strings.Contains(e.Name.Space, "logger")
}

// log looks at what is logged, unless that is only for those who look for mistakes.
func (r *run) log(e *document.Element, ev *event) {
	r.sinksOf(e, ev)
	switch e.Value("level") {
	case "DEBUG", "TRACE":
		return
	}
	for _, s := range r.outcomes {
		if s.Argument != "log" || !declares(s, e.Name) {
			continue
		}
		for i := range e.Attrs {
			a := &e.Attrs[i]
			switch a.Name.Local {
			case "message", "content":
				r.judge(s, argument{value: r.value(e, &a.Value, ev), at: r.spot(e, &a.Value)})
			}
		}
		for _, c := range e.Elements() {
			for _, a := range r.textOf(c, ev, "") {
				r.judge(s, a)
			}
		}
		if e.Attr("message") == nil && len(e.Elements()) == 0 {
			r.judge(s, argument{value: object(map[string]*Value{"payload": ev.payload, "attributes": ev.attributes}), at: r.place(e)})
		}
	}
}

func declares(s *Sink, n document.Name) bool {
	if len(s.Elements) == 0 {
		return true
	}
	for _, e := range s.Elements {
		if e == n {
			return true
		}
	}
	return false
}
