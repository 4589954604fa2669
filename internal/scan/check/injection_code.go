package check

import (
	"regexp"
	"slices"
	"strings"

	"farrier.dev/farrier/internal/dataweave/syntax"
	"farrier.dev/farrier/internal/encoding/xmltext/document"
	"farrier.dev/farrier/internal/mule"
	"farrier.dev/farrier/internal/scan/taint"
)

// snippet is an expression or script, and where it is written.
type snippet struct {
	*mule.Code
	// file is the configuration that it stands in or is named in; nil for modules.
	file *mule.XMLFile
	// attribute is the name of the attribute that it stands in, empty for texts.
	attribute string
}

// eachCode visits the expressions and scripts of a project outside tests: of its
// configurations first, then those of its DataWeave modules. Files that several
// elements name are visited once.
func eachCode(c *Context, visit func(s snippet)) {
	seen := map[*syntax.Script]bool{}
	show := func(s snippet) {
		if s.Code != nil && s.Tree != nil && !seen[s.Tree] {
			seen[s.Tree] = true
			visit(s)
		}
	}
	surveyOf(c).each(func(f *mule.XMLFile, e *document.Element) {
		eachCodeOf(c, f, e, show)
	})
	for name := range c.Project.Modules {
		if m := c.Project.Module(name); m != nil && !m.File.Test {
			show(snippet{Code: m})
		}
	}
}

// eachCodeOf visits the expressions and the script of one element.
func eachCodeOf(c *Context, f *mule.XMLFile, e *document.Element, visit func(s snippet)) {
	for i := range e.Attrs {
		a := &e.Attrs[i]
		if a.Name.Space != "" {
			continue
		}
		if a.Name.Local == "expression" {
			if code := c.Project.Expression(f, e, &a.Value); code != nil {
				visit(snippet{code, f, a.Name.Local})
			}
			continue
		}
		eachPart(c, f, e, &a.Value, func(code *mule.Code) { visit(snippet{code, f, a.Name.Local}) })
	}
	if code := c.Project.Script(f, e); code != nil {
		visit(snippet{code, f, ""})
		return
	}
	if t := e.Content(); t != nil {
		eachPart(c, f, e, &t.Value, func(code *mule.Code) { visit(snippet{code, f, ""}) })
	}
}

func eachPart(c *Context, f *mule.XMLFile, e *document.Element, v *document.Value, visit func(*mule.Code)) {
	for _, part := range c.Project.Template(f, e, v).Parts {
		if part.Code != nil {
			visit(part.Code)
		}
	}
}

// at is the place of a part of the code.
func (s snippet) at(part syntax.Span) taint.Place {
	return taint.Place{File: s.File, Span: document.Span{Start: s.Offset(part.Start), End: s.Offset(part.End)}, Element: s.Element}
}

// walk visits every expression of the code.
func (s snippet) walk(visit func(syntax.Node) bool) {
	for _, d := range s.Tree.Directives {
		syntax.Walk(d, visit)
	}
	syntax.Walk(s.Tree.Body, visit)
}

// maxSelectors is how many selectors in a row pathOf looks at.
const maxSelectors = 40

// pathOf is what an expression selects, as "attributes.headers.authorization";
// empty for anything but names and some selectors; an element of a list is "*".
func pathOf(n syntax.Node) string {
	var names []string
	for range maxSelectors {
		switch x := n.(type) {
		case *syntax.Name:
			names = append(names, x.Name)
			slices.Reverse(names)
			return strings.Join(names, ".")
		case *syntax.Group:
			n = x.X
			continue
		case *syntax.Select:
			name := x.Name
			switch x.Kind {
			case syntax.SelectField, syntax.SelectFields, syntax.SelectDescendants, syntax.SelectAllDescendants, syntax.SelectAttribute:
			case syntax.SelectIndex:
				name = "*"
				if text, ok := literalOf(x.Index); ok {
					name = text
				}
			default:
				return ""
			}
			if name == "" {
				return ""
			}
			names, n = append(names, name), x.X
			continue
		}
		return ""
	}
	return ""
}

// literalOf is the text of a constant text.
func literalOf(n syntax.Node) (string, bool) {
	switch n := n.(type) {
	case *syntax.Group:
		return literalOf(n.X)
	case *syntax.String:
		if len(n.Parts) == 1 && n.Parts[0].X == nil {
			return n.Parts[0].Text, true
		}
	}
	return "", false
}

// calledName is the name of the function that a call calls, without its module.
func calledName(n *syntax.Call) string {
	name, ok := n.Function.(*syntax.Name)
	if !ok {
		return ""
	}
	return name.Name[strings.LastIndexByte(name.Name, ':')+1:]
}

// textPart is a piece of a text that is put together: a constant, or X.
type textPart struct {
	text string
	x    syntax.Node
}

// textParts are the pieces of a text that is put together with "++" or "+", or by
// expressions in it.
func textParts(n syntax.Node) []textPart {
	switch n := n.(type) {
	case *syntax.Group:
		return textParts(n.X)
	case *syntax.String:
		var out []textPart
		for _, p := range n.Parts {
			if p.X != nil {
				out = append(out, textParts(p.X)...)
			} else {
				out = append(out, textPart{text: p.Text})
			}
		}
		return out
	case *syntax.Binary:
		if n.Op == "++" || n.Op == "+" {
			return append(textParts(n.Left), textParts(n.Right)...)
		}
	}
	return []textPart{{x: n}}
}

// eventParts are the names under which expressions see what is in the event.
var eventParts = regexp.MustCompile(`^(payload|attributes|vars|flowVars|sessionVars|message|recordVars)$`)

// usesEvent says whether an expression passes something of the event on, so that it
// is more than a number, a date or a truth.
func usesEvent(n syntax.Node) bool {
	found := false
	syntax.Walk(n, func(x syntax.Node) bool {
		switch x := x.(type) {
		case *syntax.Name:
			found = found || eventParts.MatchString(x.Name)
		case *syntax.Cast:
			if x.Is {
				return false
			}
			t, ok := x.Type.(*syntax.TypeName)
			return !ok || !plainType(t.Name)
		case *syntax.Call:
			return !tellsLittle(calledName(x))
		case *syntax.Binary:
			return !compares(x.Op)
		case *syntax.If:
			found = found || usesEvent(x.Then) || usesEvent(x.Else)
			return false
		}
		return !found
	})
	return found
}

func plainType(name string) bool {
	switch strings.ToLower(strings.TrimPrefix(name, ":")) {
	case "number", "boolean", "date", "datetime", "localdatetime", "time", "localtime", "period":
		return true
	}
	return false
}

// tellsLittle says whether a function tells no more of its argument than a number,
// a type or a truth.
func tellsLittle(function string) bool {
	switch function {
	case "sizeOf", "isEmpty", "isBlank", "typeOf", "contains", "startsWith", "endsWith", "matches", "isNumeric", "isInteger", "isDecimal", "isEven", "isOdd",
		"MD5", "SHA1", "hashWith", "HMACWith", "HMACBinary", "p", "lookup":
		return true
	}
	return false
}

func compares(op string) bool {
	switch op {
	case "==", "!=", "~=", "<", ">", "<=", ">=", "and", "or":
		return true
	}
	return false
}

// bare is an object, array or text without the parentheses around it.
func bare(n syntax.Node) syntax.Node {
	for {
		g, ok := n.(*syntax.Group)
		if !ok {
			return n
		}
		n = g.X
	}
}

// fieldName is the name of a field, empty for one that is not constant.
func fieldName(f *syntax.Field) string {
	if f == nil || f.Key == nil {
		return ""
	}
	name, _ := literalOf(f.Key)
	return name
}

// blanked is a program of Java or a script language with its comments replaced by
// blanks, so that places stay as they are.
func blanked(text string, hash bool) string {
	out := []byte(text)
	for i := 0; i < len(out); i++ {
		switch c := out[i]; {
		case c == '"' || c == '\'':
			i = behindQuote(text, i)
		case c == '/' && i+1 < len(out) && out[i+1] == '/', c == '#' && hash:
			for ; i < len(out) && out[i] != '\n'; i++ {
				out[i] = ' '
			}
		case c == '/' && i+1 < len(out) && out[i+1] == '*':
			end := strings.Index(text[i+2:], "*/")
			if end < 0 {
				end = len(text) - i - 4
			}
			for stop := i + 2 + end + 2; i < stop && i < len(out); i++ {
				if out[i] != '\n' {
					out[i] = ' '
				}
			}
			i--
		}
	}
	return string(out)
}

// behindQuote is the last byte of the text that begins at i; texts end with their line.
func behindQuote(text string, i int) int {
	quote := text[i]
	for at := i + 1; at < len(text); at++ {
		switch text[at] {
		case '\\':
			at++
		case quote, '\n':
			return at
		}
	}
	return len(text)
}

// flowOf is the flow that an element stands in, nil for none.
func (c *Context) flowOf(e *document.Element) *mule.Flow {
	for ; e != nil; e = e.Parent {
		if e.Parent == nil || e.Parent.Parent != nil {
			continue
		}
		for _, f := range c.Project.Flows {
			if f.Element == e {
				return f
			}
		}
		return nil
	}
	return nil
}

// hitsOf are the hits of sinks of a rule.
func (c *Context) hitsOf(rule string) []taint.Hit {
	if c.Taint == nil {
		return nil
	}
	var out []taint.Hit
	for _, h := range c.Taint.Hits {
		if h.Sink.Rule == rule {
			out = append(out, h)
		}
	}
	return out
}
