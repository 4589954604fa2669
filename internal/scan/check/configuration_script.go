package check

import (
	"strings"

	"farrier.dev/farrier/internal/dataweave/syntax"
	"farrier.dev/farrier/internal/encoding/xmltext/document"
	"farrier.dev/farrier/internal/mule"
	"farrier.dev/farrier/internal/scan/taint"
)

// eachScript visits the scripts and expressions of the project whose text holds one
// of some words, written in lower case.
func (s *survey) eachScript(visit func(code *mule.Code), words ...string) {
	holds := func(text string) bool {
		text = strings.ToLower(text)
		for _, w := range words {
			if strings.Contains(text, w) {
				return true
			}
		}
		return false
	}
	s.each(func(f *mule.XMLFile, e *document.Element) {
		for i := range e.Attrs {
			if v := &e.Attrs[i].Value; strings.Contains(v.Text, "#[") && holds(v.Text) {
				s.templateCode(f, e, v, visit)
			}
		}
		content := e.Content()
		if content == nil || !holds(content.Value.Text) {
			return
		}
		if code := s.Project.Script(f, e); code != nil && code.File == f.File {
			visit(code)
		} else if strings.Contains(content.Value.Text, "#[") {
			s.templateCode(f, e, &content.Value, visit)
		}
	})
	for _, name := range sortedKeys(s.Project.Scripts) {
		one := s.Project.Scripts[name]
		if !one.Test && one.Tree != nil && holds(string(one.Text)) && s.Err() == nil {
			visit(&mule.Code{File: one.File, Language: mule.DataWeave2, Text: string(one.Text), Tree: one.Tree})
		}
	}
}

func (s *survey) templateCode(f *mule.XMLFile, e *document.Element, v *document.Value, visit func(*mule.Code)) {
	for _, part := range s.Project.Template(f, e, v).Parts {
		if part.Code != nil {
			visit(part.Code)
		}
	}
}

// inCode is the place of a node of a script.
func inCode(code *mule.Code, n syntax.Node) taint.Place {
	at := n.Bytes()
	return taint.Place{File: code.File, Span: document.Span{Start: code.Offset(at.Start), End: code.Offset(at.End)}, Element: code.Element}
}

// inspect visits the nodes of a script, those outside first, until visit says
// false; then it does not go into that node. The parser bounds the depth.
func inspect(script *syntax.Script, visit func(syntax.Node) bool) {
	if script == nil {
		return
	}
	inspectHeader(script.Directives, visit)
	inspectNode(script.Body, visit)
}

func inspectHeader(directives []syntax.Directive, visit func(syntax.Node) bool) {
	for _, d := range directives {
		switch d := d.(type) {
		case *syntax.Var:
			if visit(d) {
				inspectNode(d.Value, visit)
			}
		case *syntax.Fun:
			if d.Lambda != nil {
				inspectNode(d.Lambda, visit)
			}
		}
	}
}

// inspectNode visits a node; one that is nil is none.
func inspectNode(n syntax.Node, visit func(syntax.Node) bool) {
	if n == nil || !visit(n) {
		return
	}
	down := func(all ...syntax.Node) {
		for _, one := range all {
			inspectNode(one, visit)
		}
	}
	switch n := n.(type) {
	case *syntax.String:
		for i := range n.Parts {
			down(n.Parts[i].X)
		}
	case *syntax.Array:
		down(n.Items...)
	case *syntax.Object:
		for _, f := range n.Fields {
			inspectField(f, visit)
		}
	case *syntax.Unary:
		down(n.X)
	case *syntax.Binary:
		down(n.Left, n.Right)
	case *syntax.Call:
		down(n.Function)
		down(n.Args...)
	case *syntax.Select:
		down(n.X, n.Index)
	case *syntax.Lambda:
		down(n.Body)
	case *syntax.If:
		down(n.Cond, n.Then, n.Else)
	case *syntax.Group:
		down(n.X)
	case *syntax.Bad:
		down(n.X)
	default:
		inspectRest(n, visit)
	}
}

func inspectField(f *syntax.Field, visit func(syntax.Node) bool) {
	if !visit(f) {
		return
	}
	inspectNode(f.Key, visit)
	inspectNode(f.Value, visit)
	inspectNode(f.If, visit)
	if f.Attributes != nil {
		inspectNode(f.Attributes, visit)
	}
}

// inspectRest visits the rarer nodes.
func inspectRest(n syntax.Node, visit func(syntax.Node) bool) {
	switch n := n.(type) {
	case *syntax.Match:
		inspectNode(n.X, visit)
		for _, c := range n.Cases {
			inspectNode(c.Pattern, visit)
			inspectNode(c.If, visit)
			inspectNode(c.Body, visit)
		}
	case *syntax.Do:
		inspectHeader(n.Directives, visit)
		inspectNode(n.Body, visit)
	case *syntax.Using:
		for _, v := range n.Vars {
			inspectNode(v.Value, visit)
		}
		inspectNode(n.Body, visit)
	case *syntax.Update:
		inspectNode(n.X, visit)
		for _, c := range n.Cases {
			inspectNode(c.If, visit)
			inspectNode(c.Body, visit)
		}
	case *syntax.Cast:
		inspectNode(n.X, visit)
	case *syntax.Metadata:
		inspectNode(n.X, visit)
		inspectNode(n.Schema, visit)
	}
}

// wholeText is what an expression certainly is, if it is a text without holes.
func wholeText(n syntax.Node) (string, bool) {
	if g, ok := n.(*syntax.Group); ok {
		n = g.X
	}
	text, ok := n.(*syntax.String)
	if !ok {
		return "", false
	}
	var b strings.Builder
	for i := range text.Parts {
		if text.Parts[i].X != nil {
			return "", false
		}
		b.WriteString(text.Parts[i].Text)
	}
	return b.String(), true
}

// functionName is the name that a call is made by, empty for a computed function.
func functionName(n *syntax.Call) string {
	if name, ok := n.Function.(*syntax.Name); ok {
		return name.Name
	}
	return ""
}

// imported says whether a script uses a function of a module by this name: written
// out, by the module's last part, or imported. It gives the function's own name.
func imported(script *syntax.Script, called, module string) (string, bool) {
	last := module[strings.LastIndex(module, ":")+1:]
	if own, ok := strings.CutPrefix(called, module+"::"); ok {
		return own, true
	}
	qualifier, own, qualified := cutLast(called, "::")
	for _, d := range script.Directives {
		i, ok := d.(*syntax.Import)
		if !ok || i.Module != module {
			continue
		}
		switch {
		case qualified && (qualifier == i.Alias || i.Alias == "" && qualifier == last):
			return own, true
		case !qualified && i.All:
			return called, true
		case qualified:
			continue
		}
		for _, n := range i.Names {
			if n.Alias == called || n.Alias == "" && n.Name == called {
				return n.Name, true
			}
		}
	}
	return "", false
}

func cutLast(s, sep string) (before, after string, found bool) {
	at := strings.LastIndex(s, sep)
	if at < 0 {
		return "", s, false
	}
	return s[:at], s[at+len(sep):], true
}
