package fieldpath

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"unicode/utf8"

	"farrier.dev/farrier/internal/encoding/xmltext"
)

func xmlLimits() xmltext.Limits {
	l := xmltext.NoLimits()
	l.MaxDepth, l.MaxAttributes, l.MaxNamespaces = maxDepth, 1024, 256
	return l
}

// xmlWork is the work on an XML document.
type xmlWork struct {
	*work
	r xmltext.Reader
}

func (w *work) xml() error {
	x := &xmlWork{work: w}
	x.r.Reset(w.doc, xmlLimits())
	root := w.begin()
	for {
		t, err := x.r.Next()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err == nil && t.Kind == xmltext.StartTag {
			err = x.element(t, x.under(root, t.Name))
		}
		if err != nil {
			return err
		}
	}
}

// under is the level of a child element.
func (x *xmlWork) under(at level, name []byte) level {
	_, local := xmltext.SplitName(name)
	return x.child(at, func(s *segment) bool {
		return s.any || s.name == string(local) || s.prefixed && s.name == string(name)
	}, nil)
}

// element reads to the end of the element that t begins.
func (x *xmlWork) element(t xmltext.Token, at level) error {
	if err := x.attributes(&t, at); err != nil {
		return err
	}
	if path := x.matched(at); path >= 0 {
		return x.field(t, path)
	}
	run := textRun{from: -1}
	for {
		next, err := x.r.Next()
		if err != nil {
			return err
		}
		switch next.Kind {
		case xmltext.StartTag, xmltext.EndTag:
			if err := x.text(&run); err != nil {
				return err
			}
			if next.Kind == xmltext.EndTag {
				return nil
			}
			if err := x.element(next, x.under(at, next.Name)); err != nil {
				return err
			}
			x.leave(at)
		case xmltext.Text, xmltext.CDATA, xmltext.Comment, xmltext.ProcInst:
			if x.options.All || x.fixed >= 0 {
				run.add(&next)
			}
		case xmltext.None, xmltext.Declaration:
		}
	}
}

// textRun is the content between two tags.
type textRun struct {
	from, to int
	text     []byte
	comments bool
}

func (r *textRun) add(t *xmltext.Token) {
	if r.from < 0 {
		r.from = t.Offset
	}
	r.to = t.Offset + len(t.Raw)
	if t.Kind == xmltext.Text || t.Kind == xmltext.CDATA {
		r.text = t.Decoded(r.text)
	} else {
		r.comments = true
	}
}

// text asks what is to be done with the content between two tags.
func (x *xmlWork) text(run *textRun) error {
	defer func() { *run = textRun{from: -1, text: run.text[:0]} }()
	blank := len(bytes.TrimSpace(run.text)) == 0
	switch {
	case run.from < 0:
		return nil
	case blank && run.comments && x.fixed >= 0:
		x.edits = append(x.edits, edit{run.from, run.to, nil})
		x.changed++
		return nil
	case blank:
		return nil
	}
	e, err := x.ask(Value{Path: -1, Kind: Text, Text: string(run.text), Raw: x.doc[run.from:run.to]})
	if err != nil {
		return err
	}
	text, err := replacement(e)
	if err == nil && e.Do != Keep {
		x.replace(run.from, run.to, text)
	}
	return err
}

// replacement is the content that an edit puts into an element.
func replacement(e Edit) ([]byte, error) {
	switch e.Do {
	case SetText:
		return escape(e.Text)
	case SetRaw:
		whole := append(append([]byte("<x>"), e.Raw...), "</x>"...)
		if xmltext.Valid(whole, xmlLimits()) != nil {
			return nil, ErrReplacement
		}
		return e.Raw, nil
	case Descend:
		return nil, ErrReplacement
	case Keep, SetNull, Remove:
	}
	return nil, nil
}

// escape writes a text so that it can stand in an element and in an attribute.
func escape(text string) ([]byte, error) {
	if !utf8.ValidString(text) {
		return nil, ErrReplacement
	}
	out := make([]byte, 0, len(text))
	for _, c := range text {
		switch {
		case c == '<':
			out = append(out, "&lt;"...)
		case c == '>':
			out = append(out, "&gt;"...)
		case c == '&':
			out = append(out, "&amp;"...)
		case c == '"':
			out = append(out, "&quot;"...)
		case c == '\'':
			out = append(out, "&apos;"...)
		case c == '\t' || c == '\n' || c == '\r':
			out = fmt.Appendf(out, "&#%d;", c)
		case c < 0x20 || c == 0xFFFE || c == 0xFFFF:
			return nil, ErrReplacement
		default:
			out = utf8.AppendRune(out, c)
		}
	}
	return out, nil
}

// attributes asks for the attributes of a tag.
func (x *xmlWork) attributes(t *xmltext.Token, at level) error {
	for i := range t.Attrs {
		a := &t.Attrs[i]
		if a.IsNamespace() {
			continue
		}
		_, local := xmltext.SplitName(a.Name)
		inner := x.child(at, func(s *segment) bool {
			return len(s.name) > 1 && s.name[0] == '@' && (s.name[1:] == string(local) || s.prefixed && s.name[1:] == string(a.Name))
		}, nil)
		path := x.matched(inner)
		x.leave(at)
		if path < 0 && !x.options.All && x.fixed < 0 {
			continue
		}
		e, err := x.ask(Value{Path: path, Kind: Text, Attribute: true, Text: string(a.Decoded(nil))})
		if err != nil {
			return err
		}
		end := a.ValueOffset + len(a.Value)
		switch e.Do {
		case Keep:
		case SetText, SetNull:
			text, err := escape(e.Text)
			if err != nil {
				return err
			}
			x.replace(a.ValueOffset, end, text)
		case Remove:
			x.replace(a.Offset, end+1, nil)
		case SetRaw, Descend:
			return ErrReplacement
		}
	}
	return nil
}

// field reads an element that a path leads to, asks and acts.
func (x *xmlWork) field(t xmltext.Token, path int) error {
	tagStart, start, empty := t.Offset, t.Offset+len(t.Raw), t.Empty
	name := t.Name
	v := Value{Path: path, Kind: Text}
	var text []byte
	depth := x.r.Depth()
	var end int
	for {
		next, err := x.r.Next()
		if err != nil {
			return err
		}
		switch next.Kind { //nolint:exhaustive // the rest is of no interest
		case xmltext.StartTag:
			v.Kind = Container
		case xmltext.Text, xmltext.CDATA:
			text = next.Decoded(text)
		}
		if x.r.Depth() < depth {
			end = next.Offset
			break
		}
	}
	if v.Raw = x.doc[start:end]; v.Kind == Text {
		v.Text = string(text)
	}
	e, err := x.ask(v)
	if err != nil {
		return err
	}
	switch {
	case e.Do == Keep:
		return nil
	case e.Do == Descend && v.Kind == Container:
		return x.descend(v.Raw, start, path)
	case e.Do == Remove && depth > 1:
		x.replace(tagStart, x.r.Offset(), nil)
		return nil
	}
	content, err := replacement(e)
	switch {
	case err != nil:
		return err
	case empty:
		x.replace(start-2, start, append(append([]byte{'>'}, content...), "</"+string(name)+">"...))
	default:
		x.replace(start, end, content)
	}
	return nil
}

// descend works on the content of an element as on a document of its own.
func (x *xmlWork) descend(raw []byte, offset, path int) error {
	inner := x.within(append(append([]byte("<x>"), raw...), "</x>"...), path)
	if err := inner.xml(); err != nil {
		return err
	}
	if x.left = inner.left; inner.changed > 0 {
		out := inner.result()
		x.replace(offset, offset+len(raw), out[len("<x>"):len(out)-len("</x>")])
		x.changed += inner.changed - 1
	}
	return nil
}
