package spectral

import (
	"strconv"
	"strings"

	"farrier.dev/farrier/internal/encoding/tree"
)

// frame is a value and the member or item of its parent that it is.
type frame struct {
	node *tree.Node
	name string
	// index is that of an item, -1 for members.
	index int
}

func (f *frame) key() string {
	if f.index >= 0 {
		return strconv.Itoa(f.index)
	}
	return f.name
}

// property is @property.
func (f *frame) property() value {
	if f.index >= 0 {
		return numericValue(float64(f.index))
	}
	return stringValue(f.name)
}

// cursor is the way from the root of a document to a value.
type cursor struct{ stack []frame }

func (c *cursor) top() *frame { return &c.stack[len(c.stack)-1] }

// at is the value so many parents up, nil above the root.
func (c *cursor) at(up int) *frame {
	if i := len(c.stack) - 1 - up; i >= 0 {
		return &c.stack[i]
	}
	return nil
}

// path leads to the value at a depth of the stack.
func (c *cursor) path(depth int) []string {
	out := make([]string, depth)
	for i := range out {
		out[i] = c.stack[i+1].key()
	}
	return out
}

// dump writes the path as @path gives it.
func (c *cursor) dump(to *frame) string {
	var b strings.Builder
	b.WriteByte('$')
	for i := 1; i < len(c.stack); i++ {
		f := &c.stack[i]
		if f.index >= 0 {
			b.WriteString("[" + strconv.Itoa(f.index) + "]")
		} else {
			b.WriteString("['" + f.name + "']")
		}
		if f == to {
			break
		}
	}
	return b.String()
}
