package messagesignature

import (
	"io"

	"farrier.dev/farrier/internal/encoding/xmltext"
)

// element is an element of a SOAP message. Elements stand in document order.
type element struct {
	space, local string
	parent       int // index of the element around it, -1 for the root
	start        int // offset of its start tag
	attributes   []attribute
	text         []byte // what stands directly inside
}

// attr is the value of the attribute without a namespace.
func (e *element) attr(local string) string {
	for _, a := range e.attributes {
		if a.space == "" && a.local == local {
			return string(a.value)
		}
	}
	return ""
}

// maxTokens bounds what a message costs before its signature is known to be good.
const maxTokens = 100_000

// readTree reads a message into its elements.
func readTree(doc []byte) ([]element, error) {
	limits := xmltext.DefaultLimits()
	limits.MaxTokens = maxTokens
	r := xmltext.NewReader(doc, limits)
	var n xmltext.Namespaces
	var all []element
	var open []int
	for {
		t, err := r.Next()
		if err == io.EOF { //nolint:errorlint // Next gives it bare
			return all, nil
		}
		if err != nil {
			return nil, err
		}
		switch t.Kind {
		case xmltext.StartTag:
			if err := n.Open(&t); err != nil {
				return nil, err
			}
			e := element{parent: -1, start: t.Offset}
			if len(open) > 0 {
				e.parent = open[len(open)-1]
			}
			space, local := n.Element(t.Name)
			e.space, e.local = string(space), string(local)
			for i := range t.Attrs {
				a := &t.Attrs[i]
				if a.IsNamespace() {
					continue
				}
				space, local := n.Attribute(a.Name)
				e.attributes = append(e.attributes, attribute{space: string(space), local: string(local), value: a.Decoded(nil)})
			}
			open = append(open, len(all))
			all = append(all, e)
		case xmltext.EndTag:
			n.Close()
			open = open[:len(open)-1]
		case xmltext.Text, xmltext.CDATA:
			if len(open) > 0 {
				e := &all[open[len(open)-1]]
				e.text = t.Decoded(e.text)
			}
		case xmltext.None, xmltext.Declaration, xmltext.ProcInst, xmltext.Comment:
		}
	}
}

// tree is a message and the places in it that signatures are about.
type tree struct {
	doc      []byte
	elements []element
}

// children are the indices of the elements of this name directly inside another.
func (t *tree) children(parent int, space, local string) []int {
	var found []int
	for i := range t.elements {
		e := &t.elements[i]
		if e.parent == parent && e.local == local && e.space == space {
			found = append(found, i)
		}
	}
	return found
}

// only is the one child of this name, -1 when there is none or more.
func (t *tree) only(parent int, space, local string) int {
	if found := t.children(parent, space, local); parent >= 0 && len(found) == 1 {
		return found[0]
	}
	return -1
}

// count is the number of elements of this name anywhere.
func (t *tree) count(space, local string) int {
	n := 0
	for i := range t.elements {
		if t.elements[i].local == local && t.elements[i].space == space {
			n++
		}
	}
	return n
}
