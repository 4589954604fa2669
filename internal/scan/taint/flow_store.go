package taint

import (
	"strings"

	"farrier.dev/farrier/internal/encoding/xmltext/document"
	"farrier.dev/farrier/internal/mule"
)

// queueKey names a queue among what flows hand to one another.
func queueKey(e *document.Element, destination string) string {
	return "queue " + strings.TrimPrefix(e.Name.Space, base) + " " + destination
}

func isPublish(e *document.Element) bool {
	local := e.Name.Local
	return strings.Contains(local, "publish") || strings.HasPrefix(local, "send") || local == "outbound-endpoint" || local == "producer"
}

// put adds to what a queue or store holds.
func (r *run) put(key string, v *Value) {
	have, known := r.globals[key]
	joined := v
	if known {
		joined = joinParts(have, v)
	}
	if !known || !Equal(have, joined) {
		r.globals[key] = joined
		r.changed[key] = true
	}
}

// read is what a queue or store holds so far; when it comes to hold more, the entry
// that is being run is run again.
func (r *run) read(key string) *Value {
	if r.readers[key] == nil {
		r.readers[key] = map[*mule.Flow]bool{}
	}
	r.readers[key][r.entry] = true
	v := r.globals[key]
	if v == nil {
		return Null()
	}
	return v
}

// queue runs the operations of connectors for queues.
func (r *run) queue(e *document.Element, ev *event) *event {
	r.sinksOf(e, ev)
	r.partsOf(e, ev)
	d := destinationOf(e)
	if isPublish(e) {
		if d != "" {
			r.put(queueKey(e, d), Stepped(r.message(e, ev), r.place(e), "is put into the queue "+d))
		}
		if strings.Contains(e.Name.Local, "consume") || e.Value("exchange-pattern") == "request-response" {
			if d == "" || !r.heard[queueKey(e, d)] {
				return r.answered(e, ev, connector{label: Queue, what: "the reply of a queue"})
			}
			return r.deliver(e, ev, r.read("reply of "+queueKey(e, d)), Of(AnyType))
		}
		if _, what := effectOf(e.Name); what == isPlain {
			return r.deliver(e, ev, Of(AnyType), Of(AnyType))
		}
		return ev
	}
	c, what := effectOf(e.Name)
	if what != answers {
		return ev
	}
	if d != "" && r.served[queueKey(e, d)] {
		return r.deliver(e, ev, r.read(queueKey(e, d)), Of(AnyType))
	}
	return r.answered(e, ev, c)
}

// message is what an operation sends: its content, or else the payload.
func (r *run) message(e *document.Element, ev *event) *Value {
	for _, local := range [...]string{"content", "body", "messageBody", "message"} {
		for _, c := range e.Elements() {
			if c.Name.Local != local {
				continue
			}
			if v := r.content(c, ev); v != nil {
				return v
			}
			for _, inner := range c.Elements() {
				if v := r.content(inner, ev); v != nil && (inner.Name.Local == "body" || inner.Name.Local == "content") {
					return v
				}
			}
		}
	}
	if v := r.attr(e, "body", ev); v != nil {
		return v
	}
	return ev.payload
}

// store runs the operations of object stores.
func (r *run) store(e *document.Element, ev *event) *event {
	r.sinksOf(e, ev)
	r.partsOf(e, ev)
	name := e.Value("objectStore")
	if name == "" {
		name = e.Value("config-ref")
	}
	key, fixed := Text(r.attr(e, "key", ev))
	if !fixed {
		key = "*"
	}
	at := "store " + name + " "
	switch local := e.Name.Local; local {
	case "store", "dual-store":
		v := ev.payload
		if c := childNamed(e, "value"); c != nil {
			v = r.content(c, ev)
		} else if w := r.expression(e, "value-ref", ev); w != nil {
			v = w
		}
		r.put(at+key, Stepped(v, r.place(e), "is put into the object store"))
		r.put(at+"all", v)
		return ev
	case "retrieve", "retrieve-and-store", "retrieve-all", "retrieve-all-keys":
		return r.retrieved(e, ev, at, key, fixed && local != "retrieve-all")
	case "contains":
		return r.deliver(e, ev, Of(BoolType), Of(AnyType))
	}
	return ev
}

func (r *run) retrieved(e *document.Element, ev *event, at, key string, fixed bool) *event {
	var v *Value
	if fixed {
		v = joinParts(r.read(at+key), r.read(at+"*"))
	} else {
		v = r.read(at + "all")
	}
	if c := childNamed(e, "default-value"); c != nil {
		v = joinParts(v, r.content(c, ev))
	} else if w := r.expression(e, "defaultValue-ref", ev); w != nil {
		v = joinParts(v, w)
	}
	v = Stepped(v, r.place(e), "is read from the object store")
	if e.Name.Space == nsOS3 {
		if target := e.Value("targetProperty"); target != "" {
			c := ev.clone()
			if e.Value("targetScope") == "OUTBOUND" {
				c.outbound = setVar(ev.outbound, target, v)
			} else {
				c.vars = setVar(ev.vars, target, v)
			}
			return c
		}
	}
	return r.deliver(e, ev, v, Of(AnyType))
}

func childNamed(e *document.Element, local string) *document.Element {
	for _, c := range e.Elements() {
		if c.Name.Local == local {
			return c
		}
	}
	return nil
}
