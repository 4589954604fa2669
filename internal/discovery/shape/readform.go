package shape

import (
	"errors"
	"io"
	"strings"

	"farrier.dev/farrier/internal/classify/sensitive"
	"farrier.dev/farrier/internal/encoding/form"
	"farrier.dev/farrier/internal/encoding/formdata"
	"farrier.dev/farrier/internal/encoding/xmltext"
)

// ObserveForm looks at an application/x-www-form-urlencoded body. The last field of a
// partial one teaches nothing.
func (s *Schema) ObserveForm(l *Looker, c sensitive.Context, body []byte, partial bool) error {
	text := string(body)
	if partial {
		end := strings.LastIndexByte(text, '&')
		text = text[:max(end, 0)]
	}
	check := form.Pairs(text, form.DefaultMaxPairs)
	for check.Next() {
		continue
	}
	if err := check.Err(); err != nil {
		return err
	}
	g := l.growth(s, c, fromText)
	frames := []frame{g.form(partial)}
	for pairs := form.Pairs(text, form.DefaultMaxPairs); pairs.Next(); {
		name, _ := pairs.Pair().Name.Decode()
		value, _ := pairs.Pair().Value.Decode()
		g.field(frames, name, value, false)
	}
	g.end(&frames[0], partial)
	return nil
}

// ObserveMultipart looks at a multipart/form-data body; contentType is the field
// Content-Type, which has the boundary. Contents of files are not looked at. A partial
// body teaches up to its last whole part.
func (s *Schema) ObserveMultipart(l *Looker, c sensitive.Context, contentType string, body []byte, partial bool) error {
	boundary, err := formdata.Boundary(contentType)
	if err != nil {
		return err
	}
	var parts []formdata.Part
	reader := formdata.NewReader(body, boundary, formdata.DefaultLimits())
	for {
		part, err := reader.Next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			if partial && errors.Is(err, formdata.ErrEnd) {
				break
			}
			return err
		}
		parts = append(parts, part)
	}
	g := l.growth(s, c, fromText)
	frames := []frame{g.form(partial)}
	for _, part := range parts {
		g.field(frames, string(part.Name), string(part.Content), part.HasFilename || notText(part.ContentType))
	}
	g.end(&frames[0], partial)
	return nil
}

// notText tells contents of parts that are no text.
func notText(media []byte) bool {
	return len(media) > 0 && !strings.HasPrefix(string(media), "text/") && !strings.Contains(string(media), "json")
}

// form begins an object at the root.
func (g *growth) form(partial bool) frame {
	g.root.flags |= fromForm
	if partial {
		g.root.flags |= truncated
	}
	g.root.v.Count++
	g.root.v.kinds.add(kindObject, 1)
	return frame{node: g.root, key: mix(g.key, g.nameHash)}
}

func (g *growth) end(f *frame, partial bool) {
	if !partial {
		f.leave(g)
	}
}

// field learns a member of the innermost frame.
func (g *growth) field(frames []frame, name, value string, file bool) {
	f := &frames[len(frames)-1]
	g.enter(f, name, len(frames))
	node := f.member
	if node == nil {
		return
	}
	node.v.Count++
	if file {
		node.v.kinds.add(kindFile, 1)
		return
	}
	at := g.at(frames)
	node.v.see(&at, value, textKind(value))
}

// ObserveXML looks at a document of XML. The member of the root is the document's
// element. Names are without their prefixes; declarations of namespaces are left out.
// Of a partial document only what is complete teaches.
func (s *Schema) ObserveXML(l *Looker, c sensitive.Context, body []byte, partial bool) error {
	lim := xmltext.DefaultLimits()
	if err := xmltext.Valid(body, lim); err != nil && (!partial || !errors.Is(err, xmltext.ErrEnd)) {
		return err
	}
	r := l.reader()
	defer l.release(r)
	r.xml.Reset(body, lim)
	s.flags |= fromXML
	if partial {
		s.flags |= truncated
	}
	g := l.growth(s, c, fromText)
	s.v.Count++
	s.v.kinds.add(kindObject, 1)
	r.frames = append(r.frames, frame{node: s, key: mix(g.key, g.nameHash), object: true})
	g.xml(r)
	return nil
}

// xml reads elements: an element is taken for a scalar until it turns out to have
// attributes or children.
func (g *growth) xml(r *reader) {
	var text []byte
	for {
		token, err := r.xml.Next()
		if err != nil {
			if errors.Is(err, io.EOF) {
				r.frames[0].leave(g)
			}
			return
		}
		switch token.Kind {
		case xmltext.StartTag:
			text = text[:0]
			g.startTag(r, &token)
		case xmltext.EndTag:
			g.endTag(r, string(text))
			text = text[:0]
		case xmltext.Text, xmltext.CDATA:
			if len(text) < maxLooked {
				text = token.Decoded(text)
			}
		default:
		}
	}
}

func (g *growth) startTag(r *reader, token *xmltext.Token) {
	depth := len(r.frames)
	parent := &r.frames[depth-1]
	parent.become()
	_, local := xmltext.SplitName(token.Name)
	g.enter(parent, string(local), depth)
	r.frames = append(r.frames, frame{node: parent.member})
	f := &r.frames[depth]
	f.key = mix(parent.key, g.l.Hash(parent.name))
	for i := range token.Attrs {
		a := &token.Attrs[i]
		if a.IsNamespace() || f.node == nil {
			continue
		}
		f.become()
		_, local := xmltext.SplitName(a.Name)
		g.field(r.frames, "@"+string(local), string(a.Decoded(nil)), false)
	}
}

// become makes an element an object, if it is none yet.
func (f *frame) become() {
	if f.object || f.node == nil {
		return
	}
	f.object = true
	f.node.v.Count++
	f.node.v.kinds.add(kindObject, 1)
}

// endTag ends an element: an object when it had attributes or children, and a scalar
// otherwise.
func (g *growth) endTag(r *reader, text string) {
	depth := len(r.frames) - 1
	f := &r.frames[depth]
	text = strings.TrimSpace(text)
	if f.node != nil && !f.object {
		at := g.at(r.frames[:depth])
		f.node.v.Count++
		f.node.v.see(&at, text, textKind(text))
	} else if f.node != nil {
		if text != "" {
			g.field(r.frames, "#text", text, false)
		}
		f.leave(g)
	}
	r.frames = r.frames[:depth]
}
