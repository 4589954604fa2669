package detect

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"strconv"
	"strings"
)

// maxDepth bounds the nesting of JSON and XML.
const maxDepth = 300

// maxParent bounds how much of the enclosing name the rules see with a name,
// so that a long one is not paid for with each of its members.
const maxParent = 32

var errDepth = errors.New("nested too deeply")

// level is one open object, array or element.
type level struct {
	array bool
	// index counts the values of an array; wantName says that an object's next
	// token is a name.
	index    int
	wantName bool
	// name is the name that leads to the level, mark the length of the pointer
	// before it.
	name string
	mark int
}

// jsonReader hands over the strings and names of a document.
type jsonReader struct {
	c       *content
	levels  []level
	pointer []byte
	name    string
}

// readJSON reads a document and says whether it was one. A body that is
// declared to be JSON and is none is a complaint; what stands before the
// mistake is inspected all the same.
func (c *content) readJSON(b *body, declared bool) bool {
	text := bytes.TrimPrefix(b.text, []byte("\ufeff"))
	d := json.NewDecoder(bytes.NewReader(bytes.ReplaceAll(text, []byte{0x1e}, []byte{'\n'})))
	d.UseNumber()
	r := jsonReader{c: c}
	var err error
	for documents := 0; err == nil; documents++ {
		if err = r.document(d); errors.Is(err, io.EOF) && documents > 0 && len(r.levels) == 0 {
			return true
		}
		if err == nil && documents == 1 && !lineJSON(b.mediaType) {
			err = errors.New("a second document follows")
		}
	}
	if b.partial && !errors.Is(err, errDepth) {
		c.readCutTail(text[min(int(d.InputOffset()), len(text)):], named(inJSON, string(r.pointer)))
		return true
	}
	if declared {
		c.complain(ruleJSON, place{kind: inJSON}, "")
	}
	return false
}

// document reads one value to its end.
func (r *jsonReader) document(d *json.Decoder) error {
	for {
		token, err := d.Token()
		if err != nil {
			return err
		}
		if err := r.token(token); err != nil {
			return err
		}
		if len(r.levels) == 0 {
			return nil
		}
	}
}

func (r *jsonReader) token(token json.Token) error {
	if delim, ok := token.(json.Delim); ok && (delim == '}' || delim == ']') {
		r.pop()
		return nil
	}
	if n := len(r.levels); n > 0 {
		l := &r.levels[n-1]
		if l.wantName {
			l.wantName = false
			r.name, _ = token.(string)
			return nil
		}
		if l.array {
			r.name = l.name
		}
	}
	mark := r.step()
	switch v := token.(type) {
	case json.Delim:
		if len(r.levels) >= maxDepth {
			return errDepth
		}
		r.container()
		r.levels = append(r.levels, level{array: v == '[', wantName: v == '{', name: r.name, mark: mark})
		return nil
	case string:
		r.value(v, true)
	case json.Number:
		r.value(v.String(), false)
	default: // true, false, null
		r.value("", false)
	}
	r.pointer = r.pointer[:mark]
	r.next()
	return nil
}

// step lengthens the pointer by the value that comes now and returns its
// length before.
func (r *jsonReader) step() int {
	mark := len(r.pointer)
	if len(r.levels) == 0 {
		return mark
	}
	r.pointer = append(r.pointer, '/')
	if l := &r.levels[len(r.levels)-1]; l.array {
		r.pointer = strconv.AppendInt(r.pointer, int64(l.index), 10)
	} else {
		r.pointer = append(r.pointer, pointerEscaper.Replace(r.name)...)
	}
	return mark
}

var pointerEscaper = strings.NewReplacer("~", "~0", "/", "~1")

func (r *jsonReader) pop() {
	l := r.levels[len(r.levels)-1]
	r.levels = r.levels[:len(r.levels)-1]
	r.pointer = r.pointer[:l.mark]
	r.next()
}

// next prepares the innermost level for the value after this one.
func (r *jsonReader) next() {
	if n := len(r.levels); n > 0 {
		l := &r.levels[n-1]
		l.index++
		l.wantName = !l.array
	}
}

// parent is the name of the object that has the member, cut.
func (r *jsonReader) parent() string {
	for i := len(r.levels) - 1; i >= 0; i-- {
		if !r.levels[i].array {
			name := r.levels[i].name
			return name[:min(len(name), maxParent)]
		}
	}
	return ""
}

// container hands over the name of an object or array, whose members' names do
// not have it in full.
func (r *jsonReader) container() {
	if parent := r.parent(); r.name != "" && r.c.once("name", parent, r.name) {
		r.emit(parent, "")
	}
}

// value hands over a string, or the name of a number, which needs no look
// itself.
func (r *jsonReader) value(text string, isString bool) {
	parent := r.parent()
	if isString && r.c.once("json", parent, r.name, text) || !isString && r.c.once("name", parent, r.name) {
		r.emit(parent, text)
	}
}

func (r *jsonReader) emit(parent, text string) {
	r.c.add(field{
		source: fromBody, key: documentKey("json", len(r.c.fields), parent, r.name), value: text,
		place: named(inJSON, string(r.pointer)), decoders: []string{"json"},
	})
}

// documentKey is the name that the rules see: like Coraza's own for JSON, but
// with a number of its own in place of the whole path, so that it leads back
// to one place and stays short.
func documentKey(prefix string, n int, parent, name string) string {
	key := prefix + "." + strconv.Itoa(n)
	if parent != "" {
		key += "." + parent
	}
	if name != "" {
		key += "." + name
	}
	return key
}
