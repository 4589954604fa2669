package decode

import (
	"errors"
	"io"
	"strings"

	"farrier.dev/farrier/internal/encoding"
	"farrier.dev/farrier/internal/encoding/xmltext"
)

var xmlLimits = func() xmltext.Limits {
	l := xmltext.NoLimits()
	l.MaxDepth = MaxNesting
	return l
}()

// xmlReader takes the texts, attributes, comments and processing instructions of
// a document.
type xmlReader struct {
	t    *Tree
	at   inside
	root int32
}

// readXML reads a value as a document and tells whether it is one.
func (t *Tree) readXML(d document, at inside) bool {
	_, whole := t.scanXML(d, at)
	return whole
}

// scanXML reads a document and gives how many bytes of it were read, and whether
// that was all and in order. What stands before a mistake is taken.
func (t *Tree) scanXML(d document, at inside) (read int, whole bool) {
	if t.off(at.node, XML) {
		return 0, false
	}
	length := len(d.text)
	text := strings.TrimLeft(d.text, " \t\r\n")
	wasWide := at.node != none && t.Nodes[at.node].Step.Decoder == Charset
	rest, charset := t.xmlCharset(text, wasWide)
	if charset != "" {
		if !wasWide {
			at.node = t.node(at.node, Step{Decoder: Charset, Name: charset})
		}
		text = rest
	}
	before := len(d.text) - len(text)
	d.text = text
	r := xmlReader{t: t, at: at, root: t.node(at.node, Step{Decoder: XML})}
	t.levels = t.levels[:0]
	t.xml.Reset(asBytes(d.text), xmlLimits)
	for from := 0; ; {
		token, err := t.xml.Next()
		if err == nil {
			r.token(token)
			continue
		}
		read = from + t.xml.Offset()
		if errors.Is(err, io.EOF) {
			return length, true
		}
		if errors.Is(err, xmltext.ErrDoctype) && t.xml.Depth() == 0 {
			from = r.doctype(d, read)
			t.xml.Reset(asBytes(d.text[from:]), xmlLimits)
			continue
		}
		if whole = r.mistake(d, from, read, err); whole || charset != "" && !wasWide {
			return 0, whole // offsets are those of the text that was written anew
		}
		return before + read, false
	}
}

// doctype takes the declaration at a place and gives its end. That of HTML means
// nothing to those who did not ask for XML.
func (r *xmlReader) doctype(d document, at int) int {
	end := doctypeEnd(d.text, at)
	text := d.text[at:end]
	fields := strings.Fields(text[:min(len(text), 64)])
	html := len(fields) > 1 && strings.EqualFold(strings.TrimRight(fields[1], ">"), "html") && strings.IndexByte(text, '[') < 0
	if d.declared || !html {
		r.t.complain(Doctype, r.root, text[:min(len(text), maxName)])
	}
	r.t.leaf(r.root, Step{Decoder: XMLDoctype}, Leaf{Source: r.at.source, Key: "doctype", Text: text, Layers: r.at.layers, from: r.at.from})
	return end
}

// doctypeEnd gives the place behind a declaration, with its internal subset.
func doctypeEnd(text string, at int) int {
	brackets := 0
	for i := at; i < len(text); i++ {
		switch c := text[i]; c {
		case '"', '\'':
			if n := strings.IndexByte(text[i+1:], c); n >= 0 {
				i += 1 + n
			}
		case '[':
			brackets++
		case ']':
			brackets--
		case '>':
			if brackets <= 0 {
				return i + 1
			}
		}
	}
	return len(text)
}

// mistake says what an error means, and whether it is but the end of what is
// looked at.
func (r *xmlReader) mistake(d document, from, read int, err error) (whole bool) {
	t := r.t
	r.flush()
	if encoding.Exceeded(err) == "MaxDepth" {
		t.complain(TooDeep, r.root, "xml")
		return false
	}
	if e, ok := errors.AsType[*encoding.SyntaxError](err); ok && d.partial && len(t.levels) > 0 && from+e.Offset+maxReferenceBytes >= len(d.text) {
		r.cutTag(trimCutRune(d.text[read:]))
		return true
	}
	if d.declared {
		t.complain(MalformedXML, r.root, err.Error())
	}
	return false
}

// maxReferenceBytes is the length of the longest thing that a cut can make
// malformed before the end is reached.
const maxReferenceBytes = 16

// cutTag takes what a limit cut through: text, or the attributes of a tag.
func (r *xmlReader) cutTag(tail string) {
	if !strings.HasPrefix(tail, "<") || strings.HasPrefix(tail, "<!") {
		if tail = strings.TrimSpace(tail); tail != "" {
			r.emit(Step{}, r.key(), tail)
		}
		return
	}
	for {
		_, after, ok := strings.Cut(tail, "=")
		if !ok {
			return
		}
		after = strings.TrimLeft(after, " \t\r\n")
		tail = after
		if after == "" || after[0] != '"' && after[0] != '\'' {
			continue
		}
		value, rest, _ := strings.Cut(after[1:], after[:1])
		r.emit(Step{}, r.key(), value)
		tail = rest
	}
}

func (r *xmlReader) token(token xmltext.Token) {
	t := r.t
	switch token.Kind {
	case xmltext.StartTag:
		r.flush()
		_, local := xmltext.SplitName(token.Name)
		name := asText(local)
		l := level{node: none, step: Step{Decoder: XMLElement, Name: name}, name: name}
		if n := len(t.levels); n > 0 {
			l.parent = t.levels[n-1].name[:min(len(t.levels[n-1].name), maxParent)]
		}
		t.levels = append(t.levels, l)
		r.attributes(token.Attrs)
	case xmltext.EndTag:
		r.flush()
		if n := len(t.levels); n > 0 {
			t.levels = t.levels[:n-1]
		}
	case xmltext.Text, xmltext.CDATA:
		r.append(token)
	case xmltext.Comment:
		r.emit(Step{Decoder: XMLComment}, r.key(), strings.TrimSpace(asText(token.Content)))
	case xmltext.ProcInst:
		r.emit(Step{Decoder: XMLInstruction, Name: asText(token.Name)}, asText(token.Name), asText(token.Content))
	case xmltext.None, xmltext.Declaration:
	}
}

// attributes takes the values of a tag. Plain names of namespaces are none.
func (r *xmlReader) attributes(attrs []xmltext.Attr) {
	t := r.t
	element := t.levels[len(t.levels)-1].name
	for i := range attrs {
		a := &attrs[i]
		value := asText(a.Value)
		if a.References && t.spend(len(a.Value)) {
			value = t.arena.keep(a.Decoded(t.arena.room(len(a.Value))))
		}
		if a.IsNamespace() && plainName(value) {
			continue
		}
		_, local := xmltext.SplitName(a.Name)
		name := asText(local)
		r.emit(Step{Decoder: XMLAttribute, Name: name}, t.keys.join(&t.arena, element[:min(len(element), maxParent)], name), value)
	}
}

// append adds to the text of the innermost element: comments and the borders of
// CDATA sections part no text for those who read the document.
func (r *xmlReader) append(token xmltext.Token) {
	t := r.t
	if len(t.levels) == 0 {
		return
	}
	piece := asText(token.Content)
	if token.References && t.spend(len(token.Content)) {
		piece = t.arena.keep(token.Decoded(t.arena.room(len(token.Content))))
	}
	l := &t.levels[len(t.levels)-1]
	switch {
	case l.run == "":
		l.run = piece
	case !l.joined:
		l.joined = true
		t.runs = append(append(t.runs[:0], l.run...), piece...)
	default:
		t.runs = append(t.runs, piece...)
	}
}

// flush adds the text of the innermost element as a leaf.
func (r *xmlReader) flush() {
	t := r.t
	if len(t.levels) == 0 {
		return
	}
	l := &t.levels[len(t.levels)-1]
	text := l.run
	if l.joined {
		text = ""
		if t.spend(len(t.runs)) {
			text = t.arena.keep(append(t.arena.room(len(t.runs)), t.runs...))
		}
	}
	l.run, l.joined = "", false
	if text = strings.TrimSpace(text); text != "" {
		r.emit(Step{}, r.key(), text)
	}
}

// key is the name of the innermost element, as rules see it.
func (r *xmlReader) key() string {
	n := len(r.t.levels)
	if n == 0 {
		return r.at.key
	}
	l := &r.t.levels[n-1]
	return r.t.keys.join(&r.t.arena, l.parent, l.name)
}

// emit adds a text of the innermost element, or below it.
func (r *xmlReader) emit(s Step, key, text string) {
	t := r.t
	known := t.find(r.at.source, key, text)
	if text == "" || !t.room() {
		return
	}
	node := t.container(len(t.levels)-1, r.root)
	if s != (Step{}) {
		node = t.node(node, s)
	}
	if known != none {
		t.Repeats = append(t.Repeats, Repeat{known, node})
		return
	}
	t.put(Leaf{Node: node, Source: r.at.source, Key: key, Text: text, Layers: r.at.layers, from: r.at.from})
}

// plainName says that the name of a namespace is an address or URN without
// anything that could be more.
func plainName(s string) bool {
	for i := range len(s) {
		if !plainBytes[s[i]] && s[i] != ':' && s[i] != '/' && s[i] != '#' {
			return false
		}
	}
	return !strings.Contains(s, "..")
}
