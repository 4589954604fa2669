package scan

import (
	"farrier.dev/farrier/internal/encoding/tree"
	"farrier.dev/farrier/internal/encoding/xmltext/document"
	"farrier.dev/farrier/internal/scan/selector"
	"farrier.dev/farrier/internal/scan/taint"
)

// readSinks reads an item of a rule's taint: one sink, or one for each kind.
func readSinks(f *form, n *tree.Node, id string) []*sink {
	s := newForm(n, "an item of taint", "into", "function", "index", "argument", "kind", "position", "from", "message")
	defer f.take(s)
	if s.err != nil {
		return nil
	}
	t := &taint.Sink{Rule: id, Function: s.text("function"), Argument: s.text("argument"), Index: s.number("index", 0)}
	t.Elements = readNames(s, "into")
	switch {
	case (len(t.Elements) == 0) == (t.Function == ""):
		s.fail(n, "an item of taint has either into or function")
	case len(t.Elements) > 0 && t.Argument == "":
		s.fail(n, "an item of taint with into needs argument, as \"@url\", \"db:sql\" or \".\"")
	case t.Function != "" && t.Argument != "":
		s.fail(n.Get("argument"), "an item of taint with function has an index instead of an argument")
	}
	t.Kind = readKind(s, "kind")
	t.From = readLabels(s, "from", taint.Untrusted)
	if word := s.text("position"); word != "" {
		t.Position = chosen(s, n.Get("position"), "position", word, positions())
	}
	text := readMessage(s, n.Get("message"))
	return []*sink{{Sink: t, message: text}}
}

// readKind reads a set of kinds, at least one.
func readKind(f *form, name string) taint.Kind {
	var kind taint.Kind
	for _, word := range f.texts(name) {
		kind |= chosen(f, f.node.Get(name), name, word, kinds())
	}
	if kind == 0 {
		f.fail(f.node.Get(name), "%s needs %s", f.what, name)
	}
	return kind
}

func readLabels(f *form, name string, otherwise taint.Label) taint.Label {
	if f.node.Get(name) == nil {
		return otherwise
	}
	var label taint.Label
	for _, word := range f.texts(name) {
		label |= chosen(f, f.node.Get(name), name, word, labels())
	}
	if label == 0 {
		f.fail(f.node.Get(name), "%s of %s needs at least one word", name, f.what)
	}
	return label
}

// readNames reads a list of names of elements.
func readNames(f *form, name string) []document.Name {
	var out []document.Name
	for _, text := range f.texts(name) {
		n, ok := selector.Name(text)
		if !ok || n.Local == "*" {
			f.fail(f.node.Get(name), "%s of %s: %.60q is no name of an element with a known prefix, as db:select", name, f.what, text)
		}
		out = append(out, n)
	}
	return out
}
