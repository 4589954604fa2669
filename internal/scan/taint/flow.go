package taint

import (
	"strings"

	"farrier.dev/farrier/internal/encoding/xmltext/document"
	"farrier.dev/farrier/internal/mule"
)

// The bounds of calls: how deep they are followed, how often a flow may call itself
// with another event, and with how many events a flow is run for one entry before
// further ones are put together.
const (
	maxDeep      = 48
	maxRecursion = 2
	maxStates    = 24
	maxTurns     = 4
)

// summary is what a flow makes of an event.
type summary struct {
	// out is the event at its end, failed the event when it ends with an error; nil
	// where it does not end so.
	out, failed *event
	raised      map[string]*Value
	// busy says that it is being computed, asked that this was noticed.
	busy, asked bool
}

// states are the events that a flow was run with for one entry.
type states struct {
	count int
	wide  *event
}

// failures collects the events with which processors of a part of a flow may fail.
type failures struct {
	event *event
	// last is the event that was added last.
	last *event
	// raised is what is known of the description of errors that the flow raises by
	// their type.
	raised map[string]*Value
}

// add joins an event. Most of it is as it was when the last one was added, and is
// not joined again.
func (f *failures) add(ev *event) {
	last := f.last
	f.last = ev
	if f.event == nil || last == nil {
		f.event = joinEvents(f.event, ev)
		return
	}
	if last == ev {
		return
	}
	c := f.event.clone()
	part := func(to **Value, was, is *Value) {
		if was != is {
			*to = joinParts(*to, is)
		}
	}
	part(&c.payload, last.payload, ev.payload)
	part(&c.attributes, last.attributes, ev.attributes)
	part(&c.err, last.err, ev.err)
	part(&c.auth, last.auth, ev.auth)
	for _, v := range [...]struct {
		to      **Value
		was, is *Value
	}{{&c.vars, last.vars, ev.vars}, {&c.session, last.session, ev.session}, {&c.outbound, last.outbound, ev.outbound}} {
		if v.was != v.is {
			*v.to = joinChanged(*v.to, v.was, v.is)
		}
	}
	c.mime = joinMIME(c.mime, ev.mime)
	f.event = c
}

func (f *failures) raise(kind string, description *Value) {
	if f.raised == nil {
		f.raised = map[string]*Value{}
	}
	if have, ok := f.raised[kind]; ok {
		description = joinParts(have, description)
	}
	f.raised[kind] = description
}

// pass hands on what failed in a part.
func (f *failures) pass(inner *failures) {
	if inner.event != nil {
		f.add(inner.event)
	}
	for kind, v := range inner.raised {
		f.raise(kind, v)
	}
}

// runFlow runs a flow with an event, or gives what is known of it already.
func (r *run) runFlow(f *mule.Flow, at *document.Element, ev *event) *summary {
	if !r.dark {
		r.results.Reached[f] = true
	} else if r.visited[f] {
		return &summary{out: ev, failed: ev}
	}
	deep := len(r.stack) >= maxDeep
	if deep {
		r.results.Exhausted = true
	}
	if deep || r.recursion(f) > maxRecursion {
		return &summary{out: ev, failed: ev}
	}
	if r.dark {
		r.visited[f] = true
	}
	st := r.states[f]
	if st == nil {
		st = &states{}
		r.states[f] = st
	}
	if st.count >= maxStates {
		st.wide = joinEvents(st.wide, ev)
		ev = st.wide
	}
	key := f.Name + "\x00" + ev.key(r.keyOf)
	s := r.memo[key]
	if s != nil {
		s.asked = s.asked || s.busy
		return s
	}
	st.count++
	s = &summary{busy: true}
	r.memo[key] = s
	r.stack = append(r.stack, call{f, at})
	for range maxTurns {
		s.asked = false
		before := s.out.key(r.keyOf) + s.failed.key(r.keyOf)
		out, fail := r.body(f, ev)
		s.out, s.failed, s.raised = joinEvents(s.out, out), joinEvents(s.failed, fail.event), fail.raised
		if !s.asked || before == s.out.key(r.keyOf)+s.failed.key(r.keyOf) {
			break
		}
	}
	s.busy = false
	r.stack = r.stack[:len(r.stack)-1]
	return s
}

func (r *run) recursion(f *mule.Flow) int {
	n := 0
	for i := range r.stack {
		if r.stack[i].flow == f {
			n++
		}
	}
	return n
}

// body runs the steps of a flow, and its error handler.
func (r *run) body(f *mule.Flow, ev *event) (*event, *failures) {
	inner := &failures{}
	if f.Element.Name.Space == nsBatch {
		return r.batchParts(f.Element, ev, inner), inner
	}
	out := r.chain(f.Steps, ev, inner)
	handler := f.ErrorHandler
	if handler == nil && !f.Sub {
		handler = r.defaultHandler()
	}
	if handler == nil {
		return out, inner
	}
	outer := &failures{}
	out = joinEvents(out, r.handle(handler, inner, outer))
	return out, outer
}

// flow is the flow that is being run, nil for none.
func (r *run) flow() *mule.Flow {
	if len(r.stack) == 0 {
		return nil
	}
	return r.stack[len(r.stack)-1].flow
}

// chain runs processors one after the other; the event is nil when it does not get
// to the end.
func (r *run) chain(list []*document.Element, ev *event, fail *failures) *event {
	for _, e := range list {
		if ev == nil {
			return nil
		}
		if isNoStep(e) {
			continue
		}
		if !r.spend() {
			return ev
		}
		ev = r.step(e, ev, fail)
	}
	return ev
}

// isNoStep says whether an element in a chain is no message processor.
func isNoStep(e *document.Element) bool {
	switch e.Name.Local {
	case "error-handler", "annotations", "description", "exception-strategy":
		return true
	}
	return strings.HasSuffix(e.Name.Local, "-exception-strategy") || strings.HasSuffix(e.Name.Space, "/documentation")
}

// step runs one message processor.
func (r *run) step(e *document.Element, ev *event, fail *failures) *event {
	fail.add(ev)
	switch e.Name.Space {
	case nsCore:
		if out, ok := r.coreStep(e, ev, fail); ok {
			return out
		}
	case nsEE:
		switch e.Name.Local {
		case "transform":
			return r.transform(e, ev)
		case "cache":
			r.sinksOf(e, ev)
			return r.chain(e.Elements(), ev, fail)
		case "dynamic-evaluate":
			return r.dynamic(e, ev)
		}
	case nsDW1:
		if e.Name.Local == "transform-message" {
			return r.transform(e, ev)
		}
	case nsBatch:
		return r.batch(e, ev, fail)
	case nsAPIkit, nsAPIkit3, nsSOAPKit:
		if e.Name.Local == "router" {
			return r.route(e, ev, fail)
		}
		return ev
	case nsOS, nsOS3:
		return r.store(e, ev)
	case nsValidation:
		return r.validate(e, ev)
	case nsJava:
		return r.callJava(e, ev)
	}
	if isQueue(e.Name.Space) {
		return r.queue(e, ev)
	}
	return r.operation(e, ev, fail)
}

// coreStep runs what belongs to Mule itself; ok is false for what it does not know.
func (r *run) coreStep(e *document.Element, ev *event, fail *failures) (out *event, ok bool) {
	switch e.Name.Local {
	case "flow-ref":
		return r.flowRef(e, ev, fail), true
	case "set-payload":
		return r.setPayload(e, ev), true
	case "set-variable", "set-session-variable", "remove-variable", "remove-session-variable", "set-property", "remove-property",
		"message-properties-transformer", "copy-properties", "set-attachment":
		return r.variable(e, ev), true
	case "logger":
		r.log(e, ev)
		return ev, true
	case "raise-error":
		r.sinksOf(e, ev)
		fail.raise(e.Value("type"), r.attr(e, "description", ev))
		return nil, true
	case "parse-template":
		return r.parseTemplate(e, ev), true
	case "choice":
		return r.choice(e, ev, fail), true
	case "scatter-gather", "all":
		return r.scatter(e, ev, fail), true
	case "first-successful", "round-robin":
		return r.oneOf(e, ev, fail), true
	case "foreach":
		return r.foreach(e, ev, fail), true
	case "parallel-foreach":
		return r.parallel(e, ev, fail), true
	case "async", "wire-tap":
		r.chain(e.Elements(), ev, &failures{})
		return ev, true
	case "try":
		return r.try(e, ev, fail), true
	case "until-successful", "processor-chain", "transactional", "request-reply", "poll", "security-manager", "idempotent-message-filter", "composite-source", "processor":
		r.sinksOf(e, ev)
		return r.chain(e.Elements(), ev, fail), true
	case "enricher":
		return r.enrich(e, ev, fail), true
	case "splitter", "collection-splitter", "map-splitter", "message-chunk-splitter":
		r.sinksOf(e, ev)
		return ev.withMessage(Element(r.collection(e, "expression", ev)), ev.attributes, ev.mime), true
	case "collection-aggregator", "message-chunk-aggregator", "custom-aggregator":
		return ev.withMessage(ArrayOf(ev.payload), ev.attributes, ev.mime), true
	case "expression-transformer":
		r.sinksOf(e, ev)
		return r.setTo(e, ev, r.attr(e, "expression", ev), "becomes the payload"), true
	case "append-string-transformer":
		return r.setTo(e, ev, Concat(ev.payload, r.attr(e, "message", ev)), "is the begin of the payload"), true
	case "expression-filter":
		r.sinksOf(e, ev)
		return r.assumeAttr(e, "expression", ev, true), true
	case "inbound-endpoint":
		return ev, true
	case "outbound-endpoint":
		r.sinksOf(e, ev)
		return r.deliver(e, ev, Named(Tainted(r.source(e, Remote, "what the endpoint "+name(e)+" answers")), ""), Of(AnyType)), true
	}
	return r.core3(e, ev)
}

// core3 runs the transformers and components of Mule 3.
func (r *run) core3(e *document.Element, ev *event) (out *event, ok bool) {
	switch local := e.Name.Local; {
	case strings.HasSuffix(local, "-filter"), local == "not-filter", local == "message-filter", local == "filter", local == "response", local == "echo-component", local == "log-component":
		r.sinksOf(e, ev)
		return ev, true
	case strings.HasSuffix(local, "-transformer"), local == "transformer":
		r.sinksOf(e, ev)
		return ev, true
	case local == "expression-component" && e.Content() != nil:
		return r.assignments(e, ev), true
	case local == "component", local == "pooled-component", local == "invoke", local == "expression-component", local == "custom-processor", local == "spring-object":
		r.sinksOf(e, ev)
		p := Stepped(through(ev.payload), r.place(e), "goes through "+name(e))
		return ev.withMessage(p, ev.attributes, ""), true
	case local == "exception-strategy":
		return ev, true
	}
	return nil, false
}

// through is what code in which the analysis can not look makes of a value.
func through(v *Value) *Value {
	out := &Value{Marks: Marks(v), Opaque: true, weight: 1, depth: 1}
	return out
}

// name is how people know an element.
func name(e *document.Element) string {
	n := e.Name.Local
	if e.Prefix != "" {
		n = e.Prefix + ":" + n
	}
	if doc := e.AttrIn(base+"documentation", "name"); doc != nil && doc.Value.Text != "" && len(doc.Value.Text) < 80 {
		return n + " “" + doc.Value.Text + "”"
	}
	return n
}

// place is the place of an element: its start tag.
func (r *run) place(e *document.Element) Place { return r.placeAt(e, e.Tag) }

func (r *run) placeAt(e *document.Element, span document.Span) Place {
	p := Place{Span: span, Element: e, Flow: r.flow()}
	if f := r.files[e.Document]; f != nil {
		p.File = f.File
	}
	return p
}

// source is a source of data at an element.
func (r *run) source(e *document.Element, label Label, what string) *Source {
	return &Source{Label: label, What: what, At: r.place(e)}
}
