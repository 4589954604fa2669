package taint

import (
	"maps"
	"slices"
	"strings"

	"farrier.dev/farrier/internal/encoding/xmltext/document"
)

// try runs a part of a flow with its own error handler.
func (r *run) try(e *document.Element, ev *event, fail *failures) *event {
	inner := &failures{}
	var handler *document.Element
	for _, c := range e.Elements() {
		if isNoStep(c) && c.Name.Space == nsCore && c.Name.Local != "annotations" && c.Name.Local != "description" {
			handler = c
		}
	}
	out := r.chain(e.Elements(), ev, inner)
	if handler == nil {
		fail.pass(inner)
		return out
	}
	return joinEvents(out, r.handle(handler, inner, fail))
}

// defaultHandler is the error handler of flows that have none.
func (r *run) defaultHandler() *document.Element {
	if r.handlerKnown {
		return r.handler
	}
	r.handlerKnown = true
	for _, p := range r.projects() {
		for _, g := range p.Globals {
			if !g.Is(nsCore, "configuration") {
				continue
			}
			for _, attr := range [...]string{"defaultErrorHandler-ref", "defaultExceptionStrategy-ref"} {
				if h := r.project.Global(g.Value(attr)); h != nil {
					r.handler = h
					return h
				}
			}
		}
	}
	return nil
}

// handle runs an error handler for what failed. The event is the one that goes on,
// nil where none does; outer gets what fails on.
func (r *run) handle(handler *document.Element, inner, outer *failures) *event {
	if inner.event == nil {
		return nil
	}
	handler = r.resolved(handler)
	if handler == nil {
		outer.pass(inner)
		return nil
	}
	all, catches := handlersIn(handler), false
	var out *event
	for _, h := range all {
		h = r.resolved(h)
		if h == nil || !r.spend() {
			continue
		}
		ev := inner.event.clone()
		ev.err = r.errorValue(h, inner)
		mine := &failures{}
		r.sinksOf(h, ev)
		done := r.chain(handled(h), ev, mine)
		if mine.event != nil && len(mine.raised) > 0 {
			outer.pass(mine)
		}
		if continues(h) {
			out = joinEvents(out, done)
		} else if done != nil {
			outer.add(done)
			outer.passRaised(inner)
		}
		catches = catches || catchesAll(h)
	}
	if !catches {
		outer.pass(inner)
	}
	return out
}

func (f *failures) passRaised(inner *failures) {
	for kind, v := range inner.raised {
		f.raise(kind, v)
	}
}

// resolved is the handler that another one stands for by ref; nil where there is
// none of this name.
func (r *run) resolved(h *document.Element) *document.Element {
	for range 4 {
		ref := h.Value("ref")
		if ref == "" {
			return h
		}
		if h = r.project.Global(ref); h == nil {
			return nil
		}
	}
	return h
}

// handlersIn are the strategies in a handler, or it alone.
func handlersIn(h *document.Element) []*document.Element {
	switch h.Name.Local {
	case "error-handler", "choice-exception-strategy":
		return h.Elements()
	case "mapping-exception-strategy":
		return h.Elements()
	}
	return []*document.Element{h}
}

// handled are the processors of a strategy.
func handled(h *document.Element) []*document.Element {
	var steps []*document.Element
	for _, c := range h.Elements() {
		switch {
		case c.Is(nsCore, "on-redelivery-attempts-exceeded"):
			steps = append(steps, c.Elements()...)
		case c.Is(nsAPIkit3, "exception"):
		default:
			steps = append(steps, c)
		}
	}
	return steps
}

// continues says whether the flow goes on as if nothing had failed.
func continues(h *document.Element) bool {
	switch h.Name.Local {
	case "on-error-continue", "catch-exception-strategy", "mapping":
		return true
	}
	return false
}

func catchesAll(h *document.Element) bool {
	kind := h.Value("type")
	return h.Value("when") == "" && (kind == "" || kind == "ANY" || kind == "MULE:ANY") && h.Name.Local != "mapping"
}

// errorValue is what a handler sees as error. Its texts are those of the runtime and
// of connectors, but for types that the flow alone raises.
func (r *run) errorValue(h *document.Element, inner *failures) *Value {
	source := func(what string) *Value {
		return Tainted(r.source(h, Error, what))
	}
	description := source("error.description")
	detail := source("error.detailedDescription")
	if own, ok := ownError(h, inner); ok {
		description, detail = own, own
	} else {
		for _, kind := range slices.Sorted(maps.Keys(inner.raised)) {
			// A raised description stands there, too.
			description = Join(description, inner.raised[kind])
		}
	}
	message := source("error.errorMessage")
	fields := map[string]*Value{
		"description": description, "detailedDescription": detail,
		"cause": source("error.cause"), "exception": source("error.exception"), "childErrors": source("error.childErrors"),
		"suppressedErrors": source("error.suppressedErrors"), "errorMessage": message, "muleMessage": message,
		"errorType": ObjectOf(map[string]*Value{"identifier": Of(TextType), "namespace": Of(TextType), "parentErrorType": Of(AnyType)}),
	}
	v := object(fields)
	v.From = "error"
	v.Rest = source("error")
	return v
}

// aboutRequest are errors of the router whose texts speak about the request alone.
var aboutRequest = map[string]bool{
	"APIKIT:BAD_REQUEST": true, "APIKIT:NOT_FOUND": true, "APIKIT:METHOD_NOT_ALLOWED": true,
	"APIKIT:NOT_ACCEPTABLE": true, "APIKIT:UNSUPPORTED_MEDIA_TYPE": true,
}

// ownError is the description of errors of the types that a handler names when the
// flow raises all of them itself.
func ownError(h *document.Element, inner *failures) (*Value, bool) {
	kinds := h.Value("type")
	if kinds == "" {
		return nil, false
	}
	var v *Value
	for _, kind := range strings.Split(kinds, ",") {
		kind = strings.TrimSpace(kind)
		if strings.HasPrefix(kind, "VALIDATION:") || aboutRequest[kind] {
			v = joinParts(v, Of(TextType))
			continue
		}
		raised, ok := inner.raised[kind]
		if !ok || strings.HasSuffix(kind, ":ANY") || !strings.Contains(kind, ":") {
			return nil, false
		}
		v = joinParts(v, raised)
	}
	return v, true
}
