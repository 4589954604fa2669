package dataweave

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"strings"
	"unicode/utf8"

	"farrier.dev/farrier/internal/encoding/xmltext"
)

// xmlText is the key under which the text of an element stands that has
// elements too.
const xmlText = "__text"

// xml writes an Object with one key as a document.
func (w *writer) xml(v Value) error {
	if v.kind != KindObject {
		return errorf(0, "the output %s needs an Object with one key, the root element, not %s", w.output.media, article(v.kind))
	}
	list := v.Entries()
	if len(list) != 1 || list[0].Value.kind == KindArray || list[0].Key == xmlText {
		return errorf(0, "the output %s needs exactly one root element, not %d", w.output.media, len(list))
	}
	if w.output.declaration {
		w.buf = append(w.buf, `<?xml version="1.0" encoding="UTF-8"?>`...)
		w.line(0)
	}
	return w.element(&list[0], list[0].Value, 0)
}

// element writes one element; an Array is written as one element for each of
// its values.
func (w *writer) element(e *Entry, v Value, depth int) error {
	if err := w.bounded(); err != nil {
		return err
	}
	if depth > maxDataDepth {
		return errorf(0, "the output is nested deeper than %d", maxDataDepth)
	}
	name, err := xmlName(e.Key, e.space)
	if err != nil {
		return err
	}
	declared := len(w.spaces)
	defer func() { w.spaces = w.spaces[:declared] }()
	w.buf = append(append(w.buf, '<'), name...)
	w.declare(e.space)
	if err := w.attributes(attributesOf(v)); err != nil {
		return err
	}
	if v.kind == KindNull {
		w.buf = append(w.buf, "/>"...)
		return nil
	}
	w.buf = append(w.buf, '>')
	if err := w.content(v, depth+1); err != nil {
		return err
	}
	w.buf = append(append(append(w.buf, "</"...), name...), '>')
	return nil
}

func (w *writer) content(v Value, depth int) error {
	if v.kind != KindObject {
		text, err := v.Text()
		if err != nil {
			return errorf(0, "an element can't hold %s within an Array", article(v.kind))
		}
		return w.escaped(text, false)
	}
	some, mixed := false, false
	list := v.Entries()
	for i := range list {
		mixed = mixed || list[i].Key == xmlText
	}
	for i := range list {
		e := &list[i]
		values := []Value{e.Value}
		if e.Value.kind == KindArray {
			values = elements(e.Value)
		}
		for _, one := range values {
			if err := w.bounded(); err != nil {
				return err
			}
			if e.Key == xmlText && e.space == nil {
				text, err := one.Text()
				if err != nil {
					return errorf(0, "%s is text, not %s", xmlText, article(one.kind))
				}
				if err := w.escaped(text, false); err != nil {
					return err
				}
				continue
			}
			if one.kind == KindNull && w.output.skipObjects {
				continue
			}
			if !mixed {
				w.line(depth)
			}
			some = true
			if err := w.element(e, one, depth); err != nil {
				return err
			}
		}
	}
	if some && !mixed {
		w.line(depth - 1)
	}
	return nil
}

// declare declares a namespace that no open element has declared.
func (w *writer) declare(space *namespace) {
	if space == nil {
		return
	}
	for i := len(w.spaces) - 1; i >= 0; i-- {
		if w.spaces[i].prefix == space.prefix {
			if w.spaces[i].uri == space.uri {
				return
			}
			break
		}
	}
	w.spaces = append(w.spaces, space)
	w.buf = append(w.buf, " xmlns"...)
	if space.prefix != "" {
		w.buf = append(append(w.buf, ':'), space.prefix...)
	}
	w.buf = append(w.buf, `="`...)
	_ = w.escaped(space.uri, true)
	w.buf = append(w.buf, '"')
}

func (w *writer) attributes(attrs *entries) error {
	if attrs == nil {
		return nil
	}
	seen := map[string]bool{}
	for i := range attrs.list {
		e := &attrs.list[i]
		if e.Value.kind == KindNull && w.output.skipAttributes {
			continue
		}
		name, err := xmlName(e.Key, e.space)
		if err != nil {
			return err
		}
		if seen[name] || strings.HasPrefix(name, "xmlns") {
			return errorf(0, "an attribute stands twice, or declares a namespace; use ns above ---")
		}
		seen[name] = true
		text, err := e.Value.Text()
		if err != nil {
			return errorf(0, "an attribute is text, not %s", article(e.Value.kind))
		}
		w.declare(e.space)
		w.buf = append(append(append(w.buf, ' '), name...), `="`...)
		if err := w.escaped(text, true); err != nil {
			return err
		}
		w.buf = append(w.buf, '"')
		if err := w.bounded(); err != nil {
			return err
		}
	}
	return nil
}

// xmlName is the name of an element or attribute (XML 1.0 section 2.3).
func xmlName(local string, space *namespace) (string, error) {
	for i, c := range local {
		letter := c == '_' || c >= utf8.RuneSelf && c != utf8.RuneError && c != '×' && c != '÷' || 'a' <= c|0x20 && c|0x20 <= 'z' && c < utf8.RuneSelf
		if !letter && (i == 0 || c != '-' && c != '.' && (c < '0' || c > '9')) {
			return "", errorf(0, "a key is no name of an XML element or attribute; names are of letters, digits, - . and _")
		}
	}
	if local == "" {
		return "", errorf(0, "an empty key is no name of an XML element")
	}
	if space == nil || space.prefix == "" {
		return local, nil
	}
	return space.prefix + ":" + local, nil
}

// escaped writes text; what XML can't hold is an error.
func (w *writer) escaped(text string, attribute bool) error {
	if len(text) > maxOutput {
		return errorf(0, "the output is longer than %d bytes", maxOutput)
	}
	for _, c := range text {
		switch {
		case c == '<':
			w.buf = append(w.buf, "&lt;"...)
		case c == '>':
			w.buf = append(w.buf, "&gt;"...)
		case c == '&':
			w.buf = append(w.buf, "&amp;"...)
		case c == '"' && attribute:
			w.buf = append(w.buf, "&quot;"...)
		case c == '\r' || attribute && (c == '\n' || c == '\t'):
			w.buf = fmt.Appendf(w.buf, "&#%d;", c)
		case c < ' ' && c != '\n' && c != '\t' || c == 0xFFFE || c == 0xFFFF:
			return errorf(0, "the text holds a character that XML can't hold")
		default:
			w.buf = utf8.AppendRune(w.buf, c)
		}
	}
	return nil
}

// FromXML reads a document (XML 1.0, without DOCTYPE): an Object with one key,
// the root. An element is an Object of its elements, in their order and with
// repeated keys; text where it has none, null where it is empty. Text beside
// elements stands under __text. Attributes are selected with .@name, names
// without their prefix.
func FromXML(data []byte) (Value, error) {
	x := xmlReader{reader: xmltext.NewReader(data, xmltext.DefaultLimits())}
	root, err := x.document()
	if err != nil {
		return Value{}, fmt.Errorf("reading XML near byte %d: %w", x.reader.Offset(), err)
	}
	return NewEntries([]Entry{root}), nil
}

type xmlReader struct {
	reader *xmltext.Reader
	spaces []*namespace
}

func (x *xmlReader) document() (Entry, error) {
	var root Entry
	for {
		t, err := x.reader.Next()
		switch {
		case errors.Is(err, io.EOF):
			return root, nil
		case err != nil:
			return Entry{}, errors.New("not well-formed, with a DOCTYPE, or beyond the limits")
		case t.Kind == xmltext.StartTag:
			if root, err = x.element(&t); err != nil {
				return Entry{}, err
			}
		}
	}
}

// element reads an element whose start tag is read.
func (x *xmlReader) element(start *xmltext.Token) (Entry, error) {
	declared := len(x.spaces)
	e, kept := x.open(start)
	var children []Entry
	var text []byte
	for {
		t, err := x.reader.Next()
		if err != nil {
			return Entry{}, errors.New("not well-formed, or beyond the limits")
		}
		switch t.Kind {
		case xmltext.StartTag:
			child, err := x.element(&t)
			if err != nil {
				return Entry{}, err
			}
			if len(bytes.TrimSpace(text)) > 0 {
				children = append(children, Entry{Key: xmlText, Value: String(string(text))})
			}
			text = text[:0]
			children = append(children, child)
		case xmltext.Text, xmltext.CDATA:
			text = t.Decoded(text)
		case xmltext.EndTag:
			x.spaces = x.spaces[:declared]
			switch {
			case children != nil:
				if len(bytes.TrimSpace(text)) > 0 {
					children = append(children, Entry{Key: xmlText, Value: String(string(text))})
				}
				e.Value = NewEntries(children)
			case len(text) > 0:
				e.Value = String(string(text))
			}
			e.Value = noted(e.Value, kept)
			return e, nil
		default:
		}
	}
}

// open reads a start tag: the name, and the attributes as notes.
func (x *xmlReader) open(start *xmltext.Token) (Entry, *notes) {
	for i := range start.Attrs {
		if a := &start.Attrs[i]; a.IsNamespace() {
			prefix, local := xmltext.SplitName(a.Name)
			if len(prefix) == 0 {
				local = nil
			}
			x.spaces = append(x.spaces, &namespace{string(local), string(a.Decoded(nil))})
		}
	}
	var attrs []Entry
	for i := range start.Attrs {
		a := &start.Attrs[i]
		if a.IsNamespace() {
			continue
		}
		prefix, local := xmltext.SplitName(a.Name)
		one := Entry{Key: string(local), Value: String(string(a.Decoded(nil)))}
		if len(prefix) > 0 {
			one.space = x.space(string(prefix))
		}
		attrs = append(attrs, one)
	}
	prefix, local := xmltext.SplitName(start.Name)
	e := Entry{Key: string(local), space: x.space(string(prefix))}
	if attrs == nil {
		return e, nil
	}
	list, _ := NewEntries(attrs).ref.(*entries)
	return e, &notes{attrs: list}
}

// space is the namespace of a prefix, nil where none is declared.
func (x *xmlReader) space(prefix string) *namespace {
	for i := len(x.spaces) - 1; i >= 0; i-- {
		if x.spaces[i].prefix == prefix {
			if x.spaces[i].uri == "" {
				return nil
			}
			return x.spaces[i]
		}
	}
	return nil
}
