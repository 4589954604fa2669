package check

import (
	"strings"

	"farrier.dev/farrier/internal/dataweave/syntax"
	"farrier.dev/farrier/internal/encoding/xmltext/document"
	"farrier.dev/farrier/internal/mule"
)

// baseName takes only the last part of a name that a client chose.
func baseName(c *Context, r Report) *Repair {
	e := r.Element
	f := surveyOf(c).file(e)
	if f == nil {
		return nil
	}
	for i := range e.Attrs {
		a := &e.Attrs[i]
		if r.Span.Start < a.Whole.Start || r.Span.Start >= a.Whole.End {
			continue
		}
		m, ok := mixtureOf(c, f, e, &a.Value)
		if !ok {
			return nil
		}
		var edits []Edit
		for _, h := range m.holes {
			path := pathOf(h.x)
			if len(m.holes) == 1 && strings.Join(m.texts, "") == "" && !strings.HasPrefix(path, "attributes.") && !strings.HasPrefix(path, "payload.") {
				return nil // the value may hold a folder that the flow put there
			}
			s := h.x.Bytes()
			span := document.Span{Start: h.code.Offset(s.Start), End: h.code.Offset(s.End)}
			written := strings.TrimSpace(string(f.Document.Text[span.Start:span.End]))
			edits = append(edits, Edit{File: f.File, Span: span, Text: "(((" + written + `) as String) splitBy /[\/\\]/)[-1]`})
		}
		return suggested("use only the last part of the name", edits...)
	}
	return nil
}

const errorAnswer = "The request could not be processed. Reference: "

// constantError replaces the parts of errors that a client reads by a constant text
// and the identifier that the log has, too.
func constantError(c *Context, r Report) *Repair {
	var edits []Edit
	done := map[*document.Element]bool{}
	elements := []*document.Element{r.Element}
	for _, step := range r.Way {
		elements = append(elements, step.At.Element)
	}
	for _, e := range elements {
		f := (*mule.XMLFile)(nil)
		if e != nil && !done[e] {
			f = surveyOf(c).file(e)
		}
		if f == nil {
			continue
		}
		done[e] = true
		for _, target := range errorTargets(e) {
			eachCodeOf(c, f, target, func(s snippet) {
				if s.File == f.File && (target != e || s.attribute == "value") {
					edits = append(edits, errorEdits(f, s)...)
				}
			})
		}
	}
	if len(edits) == 0 || len(edits) > 20 {
		return nil
	}
	return suggested("answer with a constant text and the correlation id", edits...)
}

// errorTargets are the elements whose code makes what a step answers.
func errorTargets(e *document.Element) []*document.Element {
	switch {
	case e.Is(spaceCore, "set-payload"), e.Is(spaceCore, "set-variable"):
		return []*document.Element{e}
	case e.Is(spaceEE, "transform"), e.Is(spaceHTTP, "listener"), e.Is(spaceHTTP, "error-response"), e.Is(spaceHTTP, "response"):
		var out []*document.Element
		e.Walk(func(x *document.Element) bool {
			if x.Is(spaceHTTP, "body") || x.Is(spaceEE, "set-payload") || x.Is(spaceEE, "set-variable") {
				out = append(out, x)
			}
			return true
		})
		return out
	case e.Is(spaceHTTP, "body"), e.Is(spaceEE, "set-payload"), e.Is(spaceEE, "set-variable"):
		return []*document.Element{e.Parent.Child(e.Name.Space, e.Name.Local)}
	}
	return nil
}

// errorEdits replace the parts of errors in a code.
func errorEdits(f *mule.XMLFile, s snippet) []Edit {
	quote := "'"
	if s.attribute != "" && s.Element != nil {
		if a := s.Element.Attr(s.attribute); a != nil && f.Document.Text[a.Value.Span.Start-1] == '\'' {
			quote = `"`
		}
	}
	var edits []Edit
	shows(s.Tree.Body, func(n syntax.Node, path string) {
		if path != "error" && (!strings.HasPrefix(path, "error.") || strings.HasPrefix(path, "error.errorType")) {
			return
		}
		text := quote + errorAnswer + quote + " ++ correlationId"
		if n != s.Tree.Body {
			text = "(" + text + ")"
		}
		edits = append(edits, Edit{File: f.File, Span: s.at(n.Bytes()).Span, Text: text})
	})
	return edits
}
