package raml

import (
	"strings"

	"farrier.dev/farrier/internal/encoding/tree"
)

// examples adds those of a declaration; texts that hold JSON are read where json
// is true.
func (r *reader) examples(to, decl *tree.Node, json bool) {
	if e := decl.Get("example"); e != nil && !e.Is(tree.Null) {
		put(to, "example", nil, r.exampleValue(e, json))
	}
	list := decl.Get("examples")
	if !list.Is(tree.Object) || len(list.Members) == 0 {
		return
	}
	out := tree.NewObject(list)
	for _, m := range list.Members {
		if isAnnotation(m.Name) {
			continue
		}
		one := tree.NewObject(r.at(list, m))
		if m.Value.Get("value") != nil {
			r.copyText(one, "summary", m.Value, "displayName")
			r.copyText(one, "description", m.Value, "description")
			r.annotate(one, m.Value)
		}
		put(one, "value", nil, r.exampleValue(m.Value, json))
		add(out, m.Name, r.at(list, m), one)
	}
	if to.Get("example") == nil {
		put(to, "examples", nil, out)
	}
}

// exampleValue is the value of an example.
func (r *reader) exampleValue(n *tree.Node, json bool) *tree.Node {
	if !r.old {
		n = r.unwrapValue(n)
	}
	if !json || !n.Is(tree.String) {
		return n
	}
	text := strings.TrimSpace(n.Text)
	if text == "" || text[0] != '{' && text[0] != '[' {
		return n
	}
	src := &tree.Source{Name: n.File(), Text: []byte(n.Text)}
	value, err := tree.Read(src, tree.Options{MaxNodes: maxNodes})
	if err != nil || !r.visit(value) {
		return n
	}
	if n.Line != 1 || n.Column != 1 {
		place(value, n)
	}
	return value
}

// place lets a value that was read from a text stand where the text does.
func place(n, at *tree.Node) {
	n.Source, n.Line, n.Column = at.Source, at.Line, at.Column
	for _, item := range n.Items {
		place(item, at)
	}
	for i := range n.Members {
		n.Members[i].Line, n.Members[i].Column = at.Line, at.Column
		place(n.Members[i].Value, at)
	}
}
