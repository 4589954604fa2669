package taint

import (
	"strings"

	"farrier.dev/farrier/internal/encoding/xmltext/document"
	"farrier.dev/farrier/internal/mule"
)

// assumeAttr is the event in which the condition in an attribute holds, or does not.
func (r *run) assumeAttr(e *document.Element, attr string, ev *event, holds bool) *event {
	return r.assume(r.condition(e, attr), e, ev, holds)
}

// assume is the event in which a condition holds, or does not.
func (r *run) assume(code *mule.Code, e *document.Element, ev *event, holds bool) *event {
	if code == nil || code.Tree == nil || code.Tree.Body == nil {
		return ev
	}
	x := &evaluator{scope: r.scope(e, ev), work: maxWork}
	yes, no := x.condition(code.Tree.Body, x.header(code, "", nil, code.Tree.Directives))
	if !holds {
		yes = no
	}
	for i := range yes {
		ev = r.refine(ev, &yes[i])
	}
	return ev
}

// refine is the event in which something is sure of the value of a path, and of all
// copies of it that were made before.
func (r *run) refine(ev *event, sure *refinement) *event {
	names := strings.Split(sure.path, ".")
	if r.project.Major == 3 && names[0] == "message" && len(names) > 1 {
		names = names[1:]
	} else if names[0] == "message" && len(names) > 1 && (names[1] == "payload" || names[1] == "attributes") {
		names = names[1:]
	}
	root := ev.part(names[0], r.project.Major)
	if root == nil {
		return ev
	}
	old := root
	for _, n := range names[1:] {
		old = Field(old, n)
	}
	if old == nil {
		return ev
	}
	if from := old.From; from != "" && len(old.Marks) > 0 {
		ev = ev.deeply(func(v *Value) *Value {
			if v.From == from && equalSources(v.Marks, old.Marks) {
				return sure.apply(v)
			}
			return v
		})
		if at := strings.Split(from, "."); at[0] == "payload" || at[0] == "attributes" {
			here := ev.part(at[0], r.project.Major)
			for _, n := range at[1:] {
				here = Field(here, n)
			}
			if here != nil && here.From == from && equalSources(here.Marks, old.Marks) {
				ev = r.putAt(ev, at, sure.apply(here))
			}
		}
	}
	return r.putAt(ev, names, sure.apply(old))
}

func equalSources(a, b []Mark) bool {
	if len(a) != len(b) {
		return false
	}
	for i := range a {
		if indexOfSource(b, a[i].Source) < 0 {
			return false
		}
	}
	return true
}

// putAt is the event with a value at a path.
func (r *run) putAt(ev *event, names []string, v *Value) *event {
	c := ev.clone()
	switch names[0] {
	case "payload":
		c.payload = within(ev.payload, names[1:], v)
	case "attributes", "inboundProperties":
		c.attributes = within(ev.attributes, names[1:], v)
	case "vars", "flowVars", "recordVars":
		if len(names) > 1 {
			c.vars = setVar(ev.vars, names[1], within(Field(ev.vars, names[1]), names[2:], v))
		}
	case "sessionVars":
		if len(names) > 1 {
			c.session = setVar(ev.session, names[1], within(Field(ev.session, names[1]), names[2:], v))
		}
	}
	return c
}

// within is v with w at a path in it; what it is called stays as it is.
func within(v *Value, names []string, w *Value) *Value {
	if len(names) == 0 {
		return w
	}
	if v == nil || v.Type == ArrayType || v.Type == NullType {
		return v
	}
	c := *v
	c.Fields = make(map[string]*Value, len(v.Fields)+1)
	for n, f := range v.Fields {
		c.Fields[n] = f
	}
	if len(c.Fields) < maxFields {
		c.Fields[names[0]] = within(Field(v, names[0]), names[1:], w)
	}
	return measured(&c)
}

// validate runs a validator: what it lets pass is as it says.
func (r *run) validate(e *document.Element, ev *event) *event {
	r.sinksOf(e, ev)
	switch e.Name.Local {
	case "all":
		for _, c := range e.Elements() {
			if c.Name.Space == nsValidation {
				ev = r.validate(c, ev)
			} else if inner := c.Elements(); c.Is(nsCore, "route") || c.Is(nsCore, "processor-chain") {
				for _, v := range inner {
					ev = r.validate(v, ev)
				}
			}
		}
		return ev
	case "is-true":
		return r.assumeAttr(e, "expression", ev, true)
	case "is-false":
		return r.assumeAttr(e, "expression", ev, false)
	}
	return r.checked(e, ev, r.cleaners[e.Name]|r.validated(e))
}

// checked is the event behind an element that lets only harmless values pass.
func (r *run) checked(e *document.Element, ev *event, clean Kind) *event {
	if clean == 0 {
		return ev
	}
	for _, attr := range [...]string{"value", "expression", "ip", "time"} {
		code := r.condition(e, attr)
		if code == nil || code.Tree == nil || code.Tree.Body == nil {
			continue
		}
		if path, _ := pathOf(code.Tree.Body); path != "" {
			ev = r.refine(ev, &refinement{path: path, clean: clean})
		}
	}
	return ev
}

// validated are the kinds that what a validator lets pass is harmless for.
func (r *run) validated(e *document.Element) Kind {
	switch e.Name.Local {
	case "matches-regex":
		text := e.Value("regex")
		if strings.Contains(text, "${") || strings.Contains(text, "#[") {
			return 0
		}
		if chars, ok := matched(text); ok {
			return chars.clean()
		}
	case "is-number":
		if e.Value("maxValue") != "" {
			return Injection | Size
		}
		return Injection
	case "is-time":
		return Injection
	case "is-ip", "is-allowed-ip":
		return charsOf("0123456789abcdefABCDEF.:").clean()
	case "is-null", "is-blank-string", "is-empty", "is-empty-collection":
		return EveryKind
	}
	return 0
}
