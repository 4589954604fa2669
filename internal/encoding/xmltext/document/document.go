// Package document reads an XML document into a tree that loses nothing: every
// element, attribute and text knows the bytes it was written with, and every
// character of a decoded value the byte it stands for, so that findings inside
// values point at the file and edits leave everything else as it is.
package document

import (
	"errors"
	"fmt"
	"io"
	"sort"
	"strings"
	"unicode/utf8"

	"farrier.dev/farrier/internal/encoding/xmltext"
)

// Span is a range of bytes of the document, End excluded.
type Span struct{ Start, End int }

// Len is the number of bytes.
func (s Span) Len() int { return s.End - s.Start }

// Document is one XML file.
type Document struct {
	// Name is that of its file, as people know it.
	Name string
	Text []byte
	Root *Element

	lines []int // offsets at which lines begin
}

// Name is a name with its namespace.
type Name struct {
	// Space is the URI of the namespace, empty for none.
	Space, Local string
}

// Node is what an element holds: *Element, *Text or *Comment.
type Node interface {
	// Span is all of it, as it is written.
	Bytes() Span
	// Above is the element that it stands in, nil for the root.
	Above() *Element
}

// Element is an element. It must not be changed.
type Element struct {
	Name Name
	// Prefix is how the name is written, empty for the default namespace.
	Prefix   string
	Attrs    []Attr
	Children []Node
	Parent   *Element
	Document *Document
	// Tag is the start tag, Whole the element with its end tag.
	Tag, Whole Span
	// Empty says that it is written as one empty-element tag.
	Empty bool
}

// Attr is one attribute that declares no namespace.
type Attr struct {
	Name   Name
	Prefix string
	Value  Value
	// Whole is name, equals sign and quoted value.
	Whole Span
}

// Text is character data or a CDATA section.
type Text struct {
	Parent *Element
	Value  Value
	CDATA  bool
	// Whole includes the marks of a CDATA section.
	Whole Span
}

// Comment is a comment.
type Comment struct {
	Parent *Element
	// Text is what stands between the marks.
	Text  string
	Whole Span
}

// Value is decoded text that knows where in the file its characters stand.
type Value struct {
	Text string
	// Span is the text as it is written, without quotes or marks.
	Span Span
	// jumps are the places at which decoded and written offsets drift apart.
	jumps []jump
}

// jump says that what stands at decoded offset at and behind it stands at the
// written offset source and behind it.
type jump struct{ at, source int }

// Offset is the offset in the document of the byte i of the decoded text; for
// len(Text) it is where the value ends.
func (v *Value) Offset(i int) int {
	n := sort.Search(len(v.jumps), func(k int) bool { return v.jumps[k].at > i })
	if i >= len(v.Text) {
		return v.Span.End
	}
	if n == 0 {
		return v.Span.Start + i
	}
	return v.jumps[n-1].source + i - v.jumps[n-1].at
}

// Part is the span in the document of the bytes start to end of the decoded text.
func (v *Value) Part(start, end int) Span { return Span{v.Offset(start), v.Offset(end)} }

// Bytes is the element as it is written.
func (e *Element) Bytes() Span { return e.Whole }

// Above is the element that it stands in.
func (e *Element) Above() *Element { return e.Parent }

// Bytes is the text as it is written.
func (t *Text) Bytes() Span { return t.Whole }

// Above is the element that it stands in.
func (t *Text) Above() *Element { return t.Parent }

// Bytes is the comment as it is written.
func (c *Comment) Bytes() Span { return c.Whole }

// Above is the element that it stands in.
func (c *Comment) Above() *Element { return c.Parent }

// Attr is the attribute of a local name in no namespace, nil where there is none.
func (e *Element) Attr(local string) *Attr {
	if e == nil {
		return nil
	}
	for i := range e.Attrs {
		if a := &e.Attrs[i]; a.Name.Local == local && a.Name.Space == "" {
			return a
		}
	}
	return nil
}

// AttrIn is the attribute of a name in a namespace, nil where there is none.
func (e *Element) AttrIn(space, local string) *Attr {
	if e == nil {
		return nil
	}
	for i := range e.Attrs {
		if a := &e.Attrs[i]; a.Name.Local == local && a.Name.Space == space {
			return a
		}
	}
	return nil
}

// Value is the value of an attribute, empty where there is none.
func (e *Element) Value(local string) string {
	if a := e.Attr(local); a != nil {
		return a.Value.Text
	}
	return ""
}

// Is says whether it is an element of a name; a nil one is none.
func (e *Element) Is(space, local string) bool {
	return e != nil && e.Name.Local == local && e.Name.Space == space
}

// Elements are the elements directly inside.
func (e *Element) Elements() []*Element {
	if e == nil {
		return nil
	}
	out := make([]*Element, 0, len(e.Children))
	for _, c := range e.Children {
		if child, ok := c.(*Element); ok {
			out = append(out, child)
		}
	}
	return out
}

// Child is the first element of a name directly inside, nil where there is none.
func (e *Element) Child(space, local string) *Element {
	if e == nil {
		return nil
	}
	for _, c := range e.Children {
		if child, ok := c.(*Element); ok && child.Is(space, local) {
			return child
		}
	}
	return nil
}

// Content is the text directly inside that holds more than white space: the
// longest where there are several. It is nil where there is none.
func (e *Element) Content() *Text {
	if e == nil {
		return nil
	}
	var best *Text
	for _, c := range e.Children {
		t, ok := c.(*Text)
		if ok && strings.TrimSpace(t.Value.Text) != "" && (best == nil || len(t.Value.Text) > len(best.Value.Text)) {
			best = t
		}
	}
	return best
}

// Walk calls visit for the element and all elements below it, parents first,
// until visit says false; then it does not go below that element.
func (e *Element) Walk(visit func(*Element) bool) {
	if e == nil || !visit(e) {
		return
	}
	for _, c := range e.Children {
		if child, ok := c.(*Element); ok {
			child.Walk(visit)
		}
	}
}

// Position is the line and column, counted from 1, of a byte; the column counts
// characters.
func (d *Document) Position(offset int) (line, column int) {
	offset = min(max(offset, 0), len(d.Text))
	if d.lines == nil {
		d.index()
	}
	line = sort.Search(len(d.lines), func(i int) bool { return d.lines[i] > offset })
	return line, utf8.RuneCount(d.Text[d.lines[line-1]:offset]) + 1
}

func (d *Document) index() {
	d.lines = []int{0}
	for i, b := range d.Text {
		if b == '\n' {
			d.lines = append(d.lines, i+1)
		}
	}
}

// Read reads a document. Errors are those of xmltext: malformed documents, those
// beyond the limits, and those with a document type declaration are refused.
func Read(name string, text []byte, limits xmltext.Limits) (*Document, error) {
	b := builder{doc: &Document{Name: name, Text: text}}
	b.doc.index() // here, so that a document can be read by many at once
	r := xmltext.NewReader(text, limits)
	for {
		t, err := r.Next()
		if errors.Is(err, io.EOF) {
			return b.doc, nil
		}
		if err == nil {
			err = b.add(&t)
		}
		if err != nil {
			return nil, fmt.Errorf("reading %s: %w", name, err)
		}
	}
}
