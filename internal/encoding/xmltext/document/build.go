package document

import (
	"bytes"
	"fmt"

	"farrier.dev/farrier/internal/encoding/xmltext"
)

// builder makes a tree of the tokens of a document.
type builder struct {
	doc    *Document
	open   *Element
	spaces xmltext.Namespaces
	names  map[string]string
}

func (b *builder) add(t *xmltext.Token) error {
	whole := Span{t.Offset, t.Offset + len(t.Raw)}
	switch t.Kind {
	case xmltext.StartTag:
		return b.start(t, whole)
	case xmltext.EndTag:
		b.spaces.Close()
		b.open.Whole.End = whole.End
		b.open = b.open.Parent
	case xmltext.Text, xmltext.CDATA:
		if b.open == nil {
			return nil
		}
		text := &Text{Parent: b.open, CDATA: t.Kind == xmltext.CDATA, Whole: whole}
		text.Value = decoded(t.Content, t.ContentOffset, func(dst, part []byte) []byte {
			return (&xmltext.Token{Kind: t.Kind, Content: part}).Decoded(dst)
		}, t.Kind == xmltext.Text)
		b.open.Children = append(b.open.Children, text)
	case xmltext.Comment:
		if b.open != nil {
			b.open.Children = append(b.open.Children, &Comment{Parent: b.open, Text: string(t.Content), Whole: whole})
		}
	case xmltext.None, xmltext.Declaration, xmltext.ProcInst:
	}
	return nil
}

func (b *builder) start(t *xmltext.Token, whole Span) error {
	if err := b.spaces.Open(t); err != nil {
		return fmt.Errorf("resolving names: %w", err)
	}
	prefix, _ := xmltext.SplitName(t.Name)
	space, local := b.spaces.Element(t.Name)
	e := &Element{
		Name: Name{b.intern(space), b.intern(local)}, Prefix: b.intern(prefix),
		Parent: b.open, Document: b.doc, Tag: whole, Whole: whole, Empty: t.Empty,
	}
	for i := range t.Attrs {
		a := &t.Attrs[i]
		if a.IsNamespace() {
			continue
		}
		prefix, _ := xmltext.SplitName(a.Name)
		space, local := b.spaces.Attribute(a.Name)
		e.Attrs = append(e.Attrs, Attr{
			Name: Name{b.intern(space), b.intern(local)}, Prefix: b.intern(prefix),
			Value: decoded(a.Value, a.ValueOffset, func(dst, part []byte) []byte {
				return (&xmltext.Attr{Value: part}).Decoded(dst)
			}, true),
			Whole: Span{a.Offset, a.ValueOffset + len(a.Value) + 1},
		})
	}
	if b.open == nil {
		b.doc.Root = e
	} else {
		b.open.Children = append(b.open.Children, e)
	}
	b.open = e
	return nil
}

// intern gives equal names one memory.
func (b *builder) intern(name []byte) string {
	if s, ok := b.names[string(name)]; ok {
		return s
	}
	if b.names == nil {
		b.names = map[string]string{}
	}
	s := string(name)
	b.names[s] = s
	return s
}

// decoded decodes what is written at an offset, piece by piece, and remembers where
// the pieces stand whose length changes.
func decoded(written []byte, offset int, decode func(dst, part []byte) []byte, references bool) Value {
	v := Value{Span: Span{offset, offset + len(written)}}
	var out []byte
	drift := 0 // how much further the written text is
	for at := 0; at < len(written); {
		end := piece(written[at:], references) + at
		if len(out)+drift != at {
			drift = at - len(out)
			v.jumps = append(v.jumps, jump{len(out), offset + at})
		}
		out = decode(out, written[at:end])
		at = end
	}
	v.Text = string(out)
	return v
}

// piece is the length of the first piece: a reference, a line end of two
// characters, or what stands before the next of these.
func piece(written []byte, references bool) int {
	switch {
	case references && written[0] == '&':
		if end := bytes.IndexByte(written, ';'); end > 0 {
			return end + 1
		}
	case len(written) > 1 && written[0] == '\r' && written[1] == '\n':
		return 2
	}
	next := len(written)
	if i := bytes.IndexByte(written[1:], '\r'); i >= 0 {
		next = i + 1
	}
	if i := bytes.IndexByte(written[1:], '&'); references && i >= 0 {
		next = min(next, i+1)
	}
	return next
}
