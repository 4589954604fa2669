package taint

import (
	"strconv"
	"strings"

	"farrier.dev/farrier/internal/encoding/xmltext/document"
)

// choice joins its branches. Conditions bring nothing into the event, but what they
// make sure of holds in their branch, and the opposite in the following ones.
func (r *run) choice(e *document.Element, ev *event, fail *failures) *event {
	var out *event
	rest := ev
	otherwise := false
	for _, branch := range e.Elements() {
		switch branch.Name.Local {
		case "when":
			r.sinksOf(branch, rest)
			taken := r.assumeAttr(branch, "expression", rest, true)
			out = joinEvents(out, r.chain(branch.Elements(), taken, fail))
			rest = r.assumeAttr(branch, "expression", rest, false)
		case "otherwise":
			otherwise = true
			out = joinEvents(out, r.chain(branch.Elements(), rest, fail))
		}
	}
	if !otherwise {
		out = joinEvents(out, rest)
	}
	return out
}

// routes are the branches of a router: route elements, or of Mule 3 any processor.
func routes(e *document.Element) [][]*document.Element {
	var all [][]*document.Element
	for _, c := range e.Elements() {
		switch {
		case isNoStep(c), c.Is(nsCore, "threading-profile"), strings.HasSuffix(c.Name.Local, "-aggregation-strategy"):
		case c.Is(nsCore, "route"), c.Is(nsCore, "processor-chain"):
			all = append(all, c.Elements())
		default:
			all = append(all, []*document.Element{c})
		}
	}
	return all
}

// scatter runs its routes on copies of the event.
func (r *run) scatter(e *document.Element, ev *event, fail *failures) *event {
	var joined *event
	results := map[string]*Value{}
	for i, route := range routes(e) {
		out := r.chain(route, ev, fail)
		if out == nil {
			continue
		}
		if i < maxFields {
			results[strconv.Itoa(i)] = object(map[string]*Value{"payload": out.payload, "attributes": out.attributes})
		}
		joined = joinEvents(joined, out)
	}
	if joined == nil {
		return nil
	}
	merged := ev.clone()
	merged.vars, merged.session = joined.vars, joined.session
	var payload *Value
	if r.project.Major == 3 {
		payload = ArrayOf(joined.payload)
	} else {
		payload = ObjectOf(results)
	}
	return r.deliver(e, merged, payload, Of(AnyType))
}

// oneOf runs routers that give the result of one of their routes.
func (r *run) oneOf(e *document.Element, ev *event, fail *failures) *event {
	var out *event
	for _, route := range routes(e) {
		out = joinEvents(out, r.chain(route, ev, fail))
	}
	return out
}

// collection is what a loop runs over: an expression, or else the payload.
func (r *run) collection(e *document.Element, attr string, ev *event) *Value {
	if v := r.expression(e, attr, ev); v != nil {
		return v
	}
	return ev.payload
}

// foreach runs its processors for each element: twice, so that what one turn leaves
// in variables reaches the next.
func (r *run) foreach(e *document.Element, ev *event, fail *failures) *event {
	r.sinksOf(e, ev)
	items := r.collection(e, "collection", ev)
	item := Element(items)
	if b := e.Value("batchSize"); b != "" && b != "1" {
		item = ArrayOf(item)
	}
	counter, root := e.Value("counterVariableName"), e.Value("rootMessageVariableName")
	if counter == "" {
		counter = "counter"
	}
	if root == "" {
		root = "rootMessage"
	}
	before := ev
	steps := e.Elements()
	for range 2 {
		turn := before.withVar(counter, Of(NumberType)).withVar(root, ev.part("message", r.project.Major))
		turn = turn.withMessage(item, ev.attributes, "")
		out := r.chain(steps, turn, fail)
		if out == nil {
			break
		}
		c := before.clone()
		c.vars, c.session = joinVars(before.vars, out.vars), joinVars(before.session, out.session)
		if c.vars == before.vars || equalVars(c.vars, before.vars) {
			break
		}
		before = c
	}
	after := before.withMessage(ev.payload, ev.attributes, ev.mime)
	return after.withoutVar(counter).withoutVar(root)
}

func equalVars(a, b *Value) bool {
	return equalFields(a.Fields, b.Fields) && Equal(a.Rest, b.Rest)
}

// parallel runs its processors for each element on copies of the event and gives the
// list of what came out.
func (r *run) parallel(e *document.Element, ev *event, fail *failures) *event {
	r.sinksOf(e, ev)
	item := Element(r.collection(e, "collection", ev))
	out := r.chain(e.Elements(), ev.withMessage(item, ev.attributes, ""), fail)
	if out == nil {
		return nil
	}
	merged := ev.clone()
	merged.vars = joinVars(ev.vars, out.vars)
	message := object(map[string]*Value{"payload": out.payload, "attributes": out.attributes})
	return r.deliver(e, merged, ArrayOf(message), Of(AnyType))
}

// batch runs what belongs to batch jobs.
func (r *run) batch(e *document.Element, ev *event, fail *failures) *event {
	switch e.Name.Local {
	case "job":
		return r.batchParts(e, ev, fail)
	case "execute":
		f := r.flows[e.Value("name")]
		if f == nil {
			return ev
		}
		s := r.runFlow(f, e, ev)
		if s.failed != nil {
			fail.add(s.failed)
		}
		return r.deliver(e, ev, Of(AnyType), ev.attributes)
	case "input", "process-records", "on-complete", "commit", "aggregator", "step":
		return r.batchPart(e, ev, fail)
	}
	return ev
}

// batchParts runs the parts of a job. What becomes of its records stays in them.
func (r *run) batchParts(job *document.Element, ev *event, fail *failures) *event {
	at := ev
	for _, part := range job.Elements() {
		switch part.Name.Local {
		case "threading-profile", "history", "job":
			continue
		}
		next := r.batchPart(part, at, fail)
		if part.Name.Local == "input" && next != nil {
			at = next
		}
	}
	return r.deliver(job, ev, Of(AnyType), ev.attributes)
}

func (r *run) batchPart(part *document.Element, ev *event, fail *failures) *event {
	switch part.Name.Local {
	case "input":
		steps := part.Elements()
		if len(steps) > 0 && r.flow() != nil && steps[0] == r.flow().Source {
			steps = steps[1:]
		}
		return r.chain(steps, ev, fail)
	case "process-records":
		record := ev.withMessage(Element(ev.payload), Of(AnyType), "")
		for _, step := range part.Elements() {
			if record == nil {
				break
			}
			record = r.batchStep(step, record, fail)
		}
		return ev
	case "step":
		return r.batchStep(part, ev, fail)
	case "aggregator", "commit":
		many := ev.withMessage(ArrayOf(ev.payload), ev.attributes, "")
		r.chain(part.Elements(), many, fail)
		return ev
	case "on-complete":
		r.chain(part.Elements(), ev.withMessage(Of(ObjectType), Of(AnyType), ""), fail)
		return ev
	}
	return r.chain(part.Elements(), ev, fail)
}

// batchStep runs one step on a record, which may also pass it by.
func (r *run) batchStep(step *document.Element, record *event, fail *failures) *event {
	r.sinksOf(step, record)
	taken := r.assumeAttr(step, "acceptExpression", record, true)
	out := r.chain(step.Elements(), taken, fail)
	if step.Value("acceptExpression") != "" || step.Value("acceptPolicy") != "" {
		out = joinEvents(out, record)
	}
	return out
}
