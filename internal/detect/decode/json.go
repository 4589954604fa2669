package decode

import (
	"errors"
	"strings"

	"farrier.dev/farrier/internal/encoding"
	"farrier.dev/farrier/internal/encoding/jsontext"
)

// maxParent bounds how much of the enclosing name rules see with a name, so that
// a long one is not paid for with each of its members.
const maxParent = 32

// maxNumbers is how many numbers of a request are leaves with their text. Behind
// them only their names are: no number is an attack, and there are documents of
// nothing else.
const maxNumbers = 256

// level is one open object, array or element.
type level struct {
	// node is none until a leaf lies below; step leads to it.
	node int32
	step Step
	// parent is what stands before the names in it, name the name of values that
	// have none themselves.
	parent, name string
	array        bool
	index        int32
	// run is the text of an element so far.
	run    string
	joined bool
}

var jsonLimits = func() jsontext.Limits {
	l := jsontext.NoLimits()
	l.MaxDepth = MaxNesting
	return l
}()

// jsonReader takes the strings and names of a document.
type jsonReader struct {
	t    *Tree
	at   inside
	root int32
	name string
}

// readJSON reads a value as a document and tells whether it is one.
func (t *Tree) readJSON(d document, at inside) bool {
	_, whole := t.scanJSON(d, at)
	return whole
}

// scanJSON reads a document and gives how many bytes of it were read, and
// whether that was all and in order. What stands before a mistake is taken.
func (t *Tree) scanJSON(d document, at inside) (read int, whole bool) {
	if t.off(at.node, JSON) {
		return 0, false
	}
	r := jsonReader{t: t, at: at, root: t.node(at.node, Step{Decoder: JSON}), name: at.key}
	whole = true
	for documents := 0; ; documents++ {
		for read < len(d.text) && strings.IndexByte(" \t\r\n\x1e", d.text[read]) >= 0 {
			read++
		}
		if read == len(d.text) {
			return read, whole && documents > 0
		}
		if documents > 0 && !d.lines && whole {
			whole = false
			r.complain(d, "a second document follows")
		}
		t.json.Reset(asBytes(d.text[read:]), jsonLimits)
		t.levels = t.levels[:0]
		err := r.document()
		read += t.json.Offset()
		if err != nil {
			return r.mistake(d, read, err)
		}
	}
}

func (r *jsonReader) complain(d document, detail string) {
	if d.declared {
		r.t.complain(MalformedJSON, r.root, detail)
	}
}

// cutBytes is the length of the longest token that a cut can make malformed.
const cutBytes = 12

// mistake says what the error at read means. The value that a cut went through
// began within what is read.
func (r *jsonReader) mistake(d document, read int, err error) (int, bool) {
	if encoding.Exceeded(err) == "MaxDepth" {
		r.t.complain(TooDeep, r.root, "json")
		return read, false
	}
	if d.partial {
		if e, ok := errors.AsType[*encoding.SyntaxError](err); ok && read-r.t.json.Offset()+e.Offset+cutBytes >= len(d.text) {
			tail := strings.TrimLeft(trimCutRune(d.text[read:]), " \t\r\n,:\"")
			if tail != "" {
				r.emit(tail, false)
			}
			return len(d.text), true
		}
	}
	r.complain(d, err.Error())
	return read, false
}

// document reads one value to its end.
func (r *jsonReader) document() error {
	s := &r.t.json
	for {
		token, err := s.Next()
		if err != nil {
			return err
		}
		switch token.Kind {
		case jsontext.Name:
			r.name = r.text(token)
			continue
		case jsontext.BeginObject, jsontext.BeginArray:
			r.open(token.Kind == jsontext.BeginArray)
			continue
		case jsontext.EndObject, jsontext.EndArray:
			r.t.levels = r.t.levels[:len(r.t.levels)-1]
		case jsontext.String:
			r.emit(r.text(token), false)
		case jsontext.Number, jsontext.True, jsontext.False:
			r.emit(asText(token.Raw), true)
		case jsontext.Null:
			r.emit("", true)
		case jsontext.None:
		}
		if s.Depth() == 0 {
			return nil
		}
		r.next()
	}
}

// next prepares the innermost level for the value after this one.
func (r *jsonReader) next() {
	if l := &r.t.levels[len(r.t.levels)-1]; l.array {
		l.index++
		r.name = l.name
	}
}

// text is the text of a name or string.
func (r *jsonReader) text(token jsontext.Token) string {
	if token.Escaped && r.t.spend(len(token.Raw)) {
		return r.t.arena.keep(token.AppendText(r.t.arena.room(len(token.Raw))))
	}
	return asText(token.Raw[1 : len(token.Raw)-1])
}

// open begins an object or array. Its name is a leaf, for the names of members
// do not have it in full.
func (r *jsonReader) open(array bool) {
	l := level{node: none, step: r.step(), array: array, name: r.name}
	switch {
	case !array:
		l.parent = r.name[:min(len(r.name), maxParent)]
	case len(r.t.levels) > 0:
		l.parent = r.t.levels[len(r.t.levels)-1].parent
	}
	if len(r.t.levels) > 0 && r.name != "" {
		r.emit("", true)
	}
	r.t.levels = append(r.t.levels, l)
}

// step leads from the innermost level to the value that comes now.
func (r *jsonReader) step() Step {
	if len(r.t.levels) == 0 {
		return Step{}
	}
	if l := &r.t.levels[len(r.t.levels)-1]; l.array {
		return Step{Decoder: JSONIndex, Index: l.index}
	}
	return Step{Decoder: JSONMember, Name: r.name}
}

// emit adds a value. Of what is no string only the first occurrence is kept.
func (r *jsonReader) emit(text string, plain bool) {
	t := r.t
	key := r.name
	if n := len(t.levels); n > 0 {
		key = t.keys.join(&t.arena, t.levels[n-1].parent, r.name)
	}
	if plain && text != "" {
		if t.numbers++; t.numbers > maxNumbers {
			text = ""
		}
	}
	known := t.find(r.at.source, key, text)
	if known != none && (plain || text == "") || !t.room() {
		return
	}
	node := r.root
	if n := len(t.levels); n > 0 {
		node = t.node(t.container(n-1, r.root), r.step())
	}
	if known != none {
		t.Repeats = append(t.Repeats, Repeat{known, node})
		return
	}
	t.put(Leaf{Node: node, Source: r.at.source, Key: key, Text: text, Layers: r.at.layers, from: r.at.from})
}

// container gives the node of an open level.
func (t *Tree) container(i int, root int32) int32 {
	first := i
	for first >= 0 && t.levels[first].node == none {
		first--
	}
	above := root
	if first >= 0 {
		above = t.levels[first].node
	}
	for first++; first <= i; first++ {
		l := &t.levels[first]
		if l.step == (Step{}) {
			l.node = above // the value that is the whole document
		} else {
			l.node = t.node(above, l.step)
		}
		above = l.node
	}
	return above
}
