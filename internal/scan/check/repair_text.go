package check

import (
	"strconv"
	"strings"

	"farrier.dev/farrier/internal/dataweave/syntax"
	"farrier.dev/farrier/internal/encoding/xmltext/document"
	"farrier.dev/farrier/internal/mule"
)

// mixture is a value that is put together of constant texts and expressions, in turn
// texts and holes: texts[i] stands before holes[i].
type mixture struct {
	texts []string
	holes []hole
}

// hole is an expression in a mixture.
type hole struct {
	code *mule.Code
	x    syntax.Node
}

// source is the expression as it is written.
func (h hole) source() string {
	s := h.x.Bytes()
	return strings.TrimSpace(h.code.Text[s.Start:s.End])
}

// mixtureOf takes a value apart that is one text with holes; ok is false for any
// other, also for scripts with a header and texts with properties in their holes.
func mixtureOf(c *Context, f *mule.XMLFile, e *document.Element, v *document.Value) (m mixture, ok bool) {
	t := c.Project.Template(f, e, v)
	text := ""
	add := func(code *mule.Code, n syntax.Node) bool {
		for _, p := range textParts(n) {
			if p.x == nil {
				text += p.text
				continue
			}
			if !usesEvent(p.x) {
				return false
			}
			m.texts = append(m.texts, text)
			m.holes = append(m.holes, hole{code, p.x})
			text = ""
		}
		return true
	}
	for _, p := range t.Parts {
		switch {
		case p.Code == nil && p.Placeholder != "":
			text += v.Text[p.Start:p.End]
		case p.Code == nil:
			text += p.Text
		case !plainExpression(p.Code) || !add(p.Code, p.Code.Tree.Body):
			return m, false
		}
	}
	m.texts = append(m.texts, text)
	return m, len(m.holes) > 0 && !strings.Contains(strings.Join(m.texts, ""), "#[")
}

// plainExpression says whether a code is an expression without header and mistakes.
func plainExpression(code *mule.Code) bool {
	return code.Language == mule.DataWeave2 && code.Tree != nil && code.Tree.Body != nil && len(code.Tree.Directives) == 0 && len(code.Tree.Problems) == 0
}

// freeNames are names of parameters that are not used yet.
func freeNames(count int, used string) []string {
	names := make([]string, 0, count)
	for i := 1; len(names) < count; i++ {
		if name := "p" + strconv.Itoa(i); !strings.Contains(used, name) {
			names = append(names, name)
		}
	}
	return names
}

// withParameters gives an element the parameters of a mixture in a child whose text
// is an object, behind another child or first in the element. It is false where the
// child is there and no object that could take more fields.
func withParameters(c *Context, f *mule.XMLFile, e, behind *document.Element, child string, names, values []string) (Edit, bool) {
	fields := make([]string, len(names))
	for i, name := range names {
		fields[i] = name + ": " + values[i]
	}
	list := strings.Join(fields, ", ")
	if strings.Contains(list, "]]>") {
		return Edit{}, false
	}
	if old := e.Child(e.Name.Space, child); old != nil {
		return moreFields(c, f, old, list)
	}
	name := child
	if e.Prefix != "" {
		name = e.Prefix + ":" + child
	}
	text := "<" + name + "><![CDATA[#[{" + list + "}]]]></" + name + ">"
	if behind != nil {
		return Edit{File: f.File, Span: document.Span{Start: behind.Whole.End, End: behind.Whole.End}, Text: lineLike(f, behind) + text}, true
	}
	return withChild(f, e, text), true
}

// moreFields adds fields to the object that an element holds.
func moreFields(c *Context, f *mule.XMLFile, e *document.Element, list string) (Edit, bool) {
	code := c.Project.Script(f, e)
	if code == nil || code.Tree == nil || code.File != f.File {
		return Edit{}, false
	}
	o, ok := bare(code.Tree.Body).(*syntax.Object)
	if !ok || o.Bare {
		return Edit{}, false
	}
	if t := e.Content(); t != nil && !t.CDATA {
		list = escaped(list)
	}
	if len(o.Fields) > 0 {
		end := code.Offset(o.Fields[len(o.Fields)-1].Bytes().End)
		return Edit{File: f.File, Span: document.Span{Start: end, End: end}, Text: ", " + list}, true
	}
	end := code.Offset(o.Bytes().End - 1)
	return Edit{File: f.File, Span: document.Span{Start: end, End: end}, Text: list}, true
}

// lineLike is the line end and the indentation of an element that begins its line,
// empty for any other.
func lineLike(f *mule.XMLFile, e *document.Element) string {
	text := f.Document.Text
	start := e.Whole.Start
	for start > 0 && (text[start-1] == ' ' || text[start-1] == '\t') {
		start--
	}
	if start == 0 || text[start-1] != '\n' {
		return ""
	}
	return "\n" + string(text[start:e.Whole.Start])
}

var escapes = strings.NewReplacer("&", "&amp;", "<", "&lt;", ">", "&gt;", `"`, "&quot;", "'", "&apos;")

// escaped is a text as XML writes it, in attributes too.
func escaped(text string) string { return escapes.Replace(text) }
