package patch

import (
	"errors"
	"fmt"
	"strings"

	"farrier.dev/farrier/internal/encoding/tree"
)

// document is a file, or a text inside one, that is edited as a tree.
type document struct {
	*file
	// header is the line of the file, as it was, that the text begins behind; 0 for a
	// whole file. indent is how far the text is moved to the right.
	header, indent int
	inside         bool
}

var (
	errGone   = errors.New("its place was not found in the source")
	errStyle  = errors.New("it is written in a form that is not edited: a text in quotes, an alias or a template")
	errInside = errors.New("the place is shared with other values by an anchor")
)

// begin is the index of the first line of the document.
func (d *document) begin() int {
	if !d.inside {
		return 0
	}
	return d.index(d.header) + 1
}

// end is the index behind its last line.
func (d *document) end() int {
	if !d.inside {
		return len(d.lines)
	}
	at := d.begin()
	last := at
	for ; at < len(d.lines); at++ {
		indent := indentOf(d.lines[at].text)
		if indent >= 0 && indent < d.indent {
			break
		}
		if indent >= 0 {
			last = at + 1
		}
	}
	return last
}

// read gives the tree of the document as it is now.
func (d *document) read() (*tree.Node, error) {
	var b strings.Builder
	for _, l := range d.lines[d.begin():d.end()] {
		text := l.text
		if d.inside {
			text = text[min(d.indent, len(text)):]
		}
		b.WriteString(text)
		b.WriteByte('\n')
	}
	root, err := tree.Read(&tree.Source{Name: d.name, Text: []byte(b.String())}, tree.Options{Lenient: true})
	if err != nil {
		return nil, fmt.Errorf("reading what was edited: %w", err)
	}
	return root, nil
}

// at is the index of a node's line, and its column in the file.
func (d *document) at(n *tree.Node) (index, column int) {
	return d.begin() + int(n.Line) - 1, int(n.Column) + d.indent
}

// now is where an original place of the document is now, in the document's own lines.
func (d *document) now(lineNumber, column int) (int, int) {
	i := d.index(d.header + lineNumber)
	if i < 0 {
		return 0, 0
	}
	return i - d.begin() + 1, d.column(i, column+d.indent) - d.indent
}

// objectAt finds the object that stood at a place.
func (d *document) objectAt(root *tree.Node, lineNumber, column int) *tree.Node {
	l, c := d.now(lineNumber, column)
	var found *tree.Node
	var walk func(n *tree.Node)
	walk = func(n *tree.Node) {
		if n.Kind == tree.Object && int(n.Line) == l && int(n.Column) == c {
			found = n
		}
		for i := range n.Members {
			walk(n.Members[i].Value)
		}
		for _, item := range n.Items {
			walk(item)
		}
	}
	walk(root)
	return found
}

// flow says whether a container is written in braces or brackets.
func (d *document) flow(n *tree.Node) bool {
	i, column := d.at(n)
	if i < 0 || i >= len(d.lines) {
		return false
	}
	text := d.lines[i].text
	offset := byteOffset(text, column)
	return offset < len(text) && (text[offset] == '{' || text[offset] == '[')
}

// add puts a member into an object, or under a member without value. around is the
// member of which the object is the value, nil for the root.
func (w *writer) add(d *document, around *tree.Member, n *tree.Node, name string, value any) error {
	switch {
	case n == nil || n.Kind == tree.Null:
		return w.under(d, around, name, value)
	case n.Kind != tree.Object:
		return errStyle
	case n.Get(name) != nil:
		return fmt.Errorf("%s is there already", name)
	case d.flow(n):
		return w.flowMember(d, n, jsonText(name)+": ", value, len(n.Members))
	case len(n.Members) == 0:
		return errStyle
	}
	if around != nil && int(around.Line) > int(n.Line) {
		return errInside
	}
	indent := int(n.Members[0].Column) - 1 + d.indent
	first, _ := d.at(n)
	at := d.behind(first, indent)
	d.insert(at, w.yamlLines(name, value, indent))
	return nil
}

// behind is the index behind a block that begins at an index and is so far to the right.
func (d *document) behind(first, indent int) int {
	last := first
	for i := first + 1; i < d.end(); i++ {
		have := indentOf(d.lines[i].text)
		if have >= 0 && have < indent {
			break
		}
		if have >= 0 && (have > indent || !strings.HasPrefix(strings.TrimLeft(d.lines[i].text, " "), "#")) {
			last = i
		}
	}
	return last + 1
}

// under gives a member without value its first one.
func (w *writer) under(d *document, around *tree.Member, name string, value any) error {
	if around == nil {
		return errGone
	}
	i := d.begin() + int(around.Line) - 1
	text := strings.TrimRight(d.lines[i].text, " \t\r")
	if at := strings.Index(text, " #"); at >= 0 {
		text = strings.TrimRight(text[:at], " \t")
	}
	if !strings.HasSuffix(text, ":") || strings.ContainsAny(text, "{[") && !strings.HasPrefix(strings.TrimLeft(text, " "), "/") {
		return errStyle
	}
	d.insert(i+1, w.yamlLines(name, value, int(around.Column)-1+d.indent+w.step))
	return nil
}

// flowMember puts a member or item at the beginning of what stands in braces or brackets.
func (w *writer) flowMember(d *document, n *tree.Node, head string, value any, others int) error {
	i, column := d.at(n)
	text := d.lines[i].text
	offset := byteOffset(text, column)
	rest := strings.TrimRight(text[offset+1:], " \t\r")
	comma := ""
	if others > 0 {
		comma = ","
	}
	if rest != "" || others == 0 || strings.HasPrefix(rest, "#") {
		if comma != "" && !strings.HasPrefix(rest, " ") {
			comma = ", "
		}
		d.put(i, column+1, head+compact(value)+comma)
		return nil
	}
	indent := 0
	if len(n.Members) > 0 {
		indent = int(n.Members[0].Column) - 1 + d.indent
	} else if len(n.Items) > 0 {
		indent = int(n.Items[0].Column) - 1 + d.indent
	}
	lines := strings.Split(strings.Repeat(" ", indent)+head+w.jsonLines(value, indent)+comma, "\n")
	d.insert(i+1, lines)
	return nil
}

// addItem puts an item at the end of a list in block style, or the beginning of one in brackets.
func (w *writer) addItem(d *document, n *tree.Node, value any) error {
	switch {
	case n.Kind != tree.Array:
		return errStyle
	case d.flow(n):
		return w.flowMember(d, n, "", value, len(n.Items))
	case len(n.Items) == 0:
		return errStyle
	}
	first, column := d.at(n)
	// The node stands at its first dash.
	text := d.lines[first].text
	if offset := byteOffset(text, column); offset >= len(text) || text[offset] != '-' {
		return errStyle
	}
	last := first
	for i := first + 1; i < d.end(); i++ {
		have := indentOf(d.lines[i].text)
		trimmed := strings.TrimLeft(d.lines[i].text, " ")
		if have >= 0 && (have < column-1 || have == column-1 && !strings.HasPrefix(trimmed, "-") && !strings.HasPrefix(trimmed, "#")) {
			break
		}
		if have >= 0 && !strings.HasPrefix(trimmed, "#") {
			last = i
		}
	}
	d.insert(last+1, w.item(value, column-1))
	return nil
}
