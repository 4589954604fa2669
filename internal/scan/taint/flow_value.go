package taint

import (
	"strings"

	"farrier.dev/farrier/internal/dataweave/syntax"
	"farrier.dev/farrier/internal/encoding/xmltext/document"
	"farrier.dev/farrier/internal/mule"
)

// maxLookups bounds how deep lookup() calls flows in expressions.
const maxLookups = 3

// scope is what the expressions of an element may look at.
func (r *run) scope(e *document.Element, ev *event) *Scope {
	return &Scope{
		Event:    func(part string) *Value { return ev.part(part, r.project.Major) },
		Property: func(name string) *Value { return r.property(e, name) },
		Module:   r.module,
		Lookup:   func(flow string, payload *Value) *Value { return r.lookup(e, ev, flow, payload) },
		Called:   func(c *Called) { r.called(c) },
		Cleans:   func(function string) Kind { return r.cleans[function] },
		Place: func(code *mule.Code, span syntax.Span) Place {
			return Place{
				File: code.File, Element: e, Flow: r.flow(),
				Span: document.Span{Start: code.Offset(span.Start), End: code.Offset(span.End)},
			}
		},
	}
}

func (r *run) module(path string) *mule.Code {
	for _, p := range r.projects() {
		if c := p.Module(path); c != nil {
			return c
		}
	}
	return nil
}

// lookup runs a flow for the function of this name.
func (r *run) lookup(e *document.Element, ev *event, flow string, payload *Value) *Value {
	f := r.flows[flow]
	if f == nil || r.lookups >= maxLookups || !r.spend() {
		return Unseen()
	}
	r.lookups++
	s := r.runFlow(f, e, ev.withMessage(payload, Of(AnyType), ""))
	r.lookups--
	if s.out == nil {
		return nil
	}
	return s.out.payload
}

// eval is the value of a code.
func (r *run) eval(code *mule.Code, e *document.Element, ev *event) *Value {
	s := r.scope(e, ev)
	v := Eval(code, s)
	if s.Exhausted {
		r.results.Exhausted = true
	}
	if v == nil {
		return Of(AnyType)
	}
	return v
}

// property is what a placeholder stands for.
func (r *run) property(e *document.Element, name string) *Value {
	name, secure := strings.CutPrefix(name, "secure::")
	var values []string
	for _, p := range r.projects() {
		for _, have := range p.Properties.Named(name) {
			secure = secure || have.Secure
			values = append(values, have.Value)
		}
	}
	if secure {
		v := Tainted(r.source(e, Secret, "the secure property "+name))
		v.Type, v.From = TextType, ""
		return v
	}
	if len(values) == 1 && !strings.Contains(values[0], "${") && !strings.HasPrefix(values[0], "![") {
		return Constant(values[0])
	}
	return Of(TextType)
}

// file is the file that an element stands in.
func (r *run) file(e *document.Element) *mule.XMLFile { return r.files[e.Document] }

// attr is the value of an attribute, nil where there is none.
func (r *run) attr(e *document.Element, name string, ev *event) *Value {
	a := e.Attr(name)
	if a == nil {
		return nil
	}
	return r.value(e, &a.Value, ev)
}

// value is what is known of an attribute or a text.
func (r *run) value(e *document.Element, v *document.Value, ev *event) *Value {
	f := r.file(e)
	if f == nil {
		return nil
	}
	t := r.project.Template(f, e, v)
	switch len(t.Parts) {
	case 0:
		return Constant("")
	case 1:
		return r.piece(e, &t.Parts[0], ev)
	}
	parts := make([]*Value, len(t.Parts))
	for i := range t.Parts {
		parts[i] = r.piece(e, &t.Parts[i], ev)
	}
	return Concat(parts...)
}

func (r *run) piece(e *document.Element, p *mule.Part, ev *event) *Value {
	switch p.Kind {
	case mule.Expression:
		if p.Code == nil {
			return Of(AnyType)
		}
		return r.eval(p.Code, e, ev)
	case mule.SecurePlaceholder:
		return r.property(e, "secure::"+p.Placeholder)
	case mule.Placeholder:
		return r.property(e, p.Placeholder)
	case mule.FileReference:
		return Of(TextType)
	case mule.Empty, mule.Literal, mule.Mixed, mule.Encrypted:
	}
	return Constant(p.Text)
}

// content is what the text of an element, a script or a template, gives; nil where
// it has none.
func (r *run) content(e *document.Element, ev *event) *Value {
	f := r.file(e)
	if e == nil || f == nil {
		return nil
	}
	if code := r.project.Script(f, e); code != nil {
		return r.eval(code, e, ev)
	}
	if e.Value("resource") != "" || strings.HasSuffix(e.Value("file"), ".dwl") {
		return Unseen() // a script that is not at hand
	}
	t := e.Content()
	if t == nil {
		return nil
	}
	return r.value(e, &t.Value, ev)
}

// expression is the value of an attribute that is one also without "#[…]", nil
// where there is none.
func (r *run) expression(e *document.Element, attr string, ev *event) *Value {
	code := r.condition(e, attr)
	if code == nil {
		return nil
	}
	return r.eval(code, e, ev)
}

// condition is the code of such an attribute.
func (r *run) condition(e *document.Element, attr string) *mule.Code {
	a, f := e.Attr(attr), r.file(e)
	if a == nil || f == nil {
		return nil
	}
	return r.project.Expression(f, e, &a.Value)
}

// mimeOf is the media type that a value is written in: what its script or the
// attribute mimeType says.
func (r *run) mimeOf(e *document.Element, code *mule.Code) string {
	for _, attr := range [...]string{"mimeType", "outputMimeType"} {
		if m := e.Value(attr); m != "" {
			return strings.ToLower(m)
		}
	}
	return strings.ToLower(OutputOf(code))
}

// codeOf is the code of an attribute that is one expression as a whole.
func (r *run) codeOf(e *document.Element, attr string) *mule.Code {
	a, f := e.Attr(attr), r.file(e)
	if a == nil || f == nil {
		return nil
	}
	return r.project.Template(f, e, &a.Value).Code()
}
