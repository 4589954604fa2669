// Package tree reads JSON and YAML into one tree whose every value knows file,
// line and column, so that whoever judges it can point at the place. It knows
// the two syntaxes and no language written in them; references between
// documents are not followed here.
package tree

import (
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
)

// Kind is what a value is.
type Kind uint8

// The kinds. Dates of YAML are texts.
const (
	Null Kind = iota
	Bool
	Number
	String
	Array
	Object
	// Include is the value of YAML's local tag !include, which RAML uses; Text is
	// what stands behind the tag.
	Include
)

var kindNames = [...]string{Null: "null", Bool: "boolean", Number: "number", String: "text", Array: "list", Object: "object", Include: "include"}

// String is the kind as people are told of it.
func (k Kind) String() string { return kindNames[k] }

// Source is one document.
type Source struct {
	// Name is that of its file, as people know it.
	Name string
	Text []byte
	// Mended are the mistakes that a lenient Read overlooked.
	Mended []*Error
}

// Node is one value. It must not be changed once it is shared. A nil node is
// one that is not there; its methods may be called.
type Node struct {
	Kind Kind
	// Source is nil for values that nobody wrote.
	Source *Source
	// Line and Column are counted from 1; Column in characters.
	Line, Column int32
	// Text is that of a text, number ("1.5", as JSON writes it), boolean ("true",
	// "false") or include.
	Text    string
	Items   []*Node
	Members []Member
	index   map[string]int32
}

// Member is a name of an object and its value.
type Member struct {
	Name         string
	Line, Column int32
	Value        *Node
}

// indexed is the number of members from which an object is looked up by a map.
const indexed = 12

// Get is the value of a member, nil where there is none.
func (n *Node) Get(name string) *Node {
	if m := n.Member(name); m != nil {
		return m.Value
	}
	return nil
}

// Member is the member of a name, nil where there is none.
func (n *Node) Member(name string) *Member {
	if n == nil {
		return nil
	}
	if n.index != nil {
		if i, ok := n.index[name]; ok {
			return &n.Members[i]
		}
		return nil
	}
	for i := range n.Members {
		if n.Members[i].Name == name {
			return &n.Members[i]
		}
	}
	return nil
}

// At follows the steps of a path: names of members, indexes of items.
func (n *Node) At(path ...string) *Node {
	for _, step := range path {
		n = n.Step(step)
	}
	return n
}

// Step is the member or item that one step of a JSON pointer names.
func (n *Node) Step(name string) *Node {
	if n == nil || n.Kind != Array {
		return n.Get(name)
	}
	i, err := strconv.Atoi(name)
	if err != nil || i < 0 || i >= len(n.Items) || name[0] == '+' {
		return nil
	}
	return n.Items[i]
}

// Is says whether there is a value of this kind.
func (n *Node) Is(k Kind) bool { return n != nil && n.Kind == k }

// Str is the text of a text, number or boolean, otherwise empty.
func (n *Node) Str() string {
	if n == nil {
		return ""
	}
	return n.Text
}

// IsTrue says whether the value is the boolean true.
func (n *Node) IsTrue() bool { return n.Is(Bool) && n.Text == "true" }

// List are the items of an array.
func (n *Node) List() []*Node {
	if n == nil {
		return nil
	}
	return n.Items
}

// Fields are the members of an object.
func (n *Node) Fields() []Member {
	if n == nil {
		return nil
	}
	return n.Members
}

// Index makes later look-ups by name quick; it is to be called once all members
// are there.
func (n *Node) Index() {
	if len(n.Members) < indexed {
		return
	}
	n.index = make(map[string]int32, len(n.Members))
	for i := range n.Members {
		if _, twice := n.index[n.Members[i].Name]; !twice {
			n.index[n.Members[i].Name] = int32(i) //nolint:gosec // limits are far below
		}
	}
}

// File is the name of the document that the value stands in.
func (n *Node) File() string {
	if n == nil || n.Source == nil {
		return ""
	}
	return n.Source.Name
}

// Position is "file:line" of a value, as people read it.
func (n *Node) Position() string {
	if n == nil {
		return ""
	}
	return n.File() + ":" + strconv.Itoa(int(n.Line))
}

// Any is the value as encoding/json would unmarshal it, numbers as json.Number.
func (n *Node) Any() any {
	if n == nil {
		return nil
	}
	switch n.Kind {
	case Bool:
		return n.Text == "true"
	case Number:
		return json.Number(n.Text)
	case String, Include:
		return n.Text
	case Array:
		out := make([]any, len(n.Items))
		for i, item := range n.Items {
			out[i] = item.Any()
		}
		return out
	case Object:
		out := make(map[string]any, len(n.Members))
		for i := range n.Members {
			out[n.Members[i].Name] = n.Members[i].Value.Any()
		}
		return out
	case Null:
	}
	return nil
}

// Pointer writes a path as a JSON pointer in a URI fragment, as "#/paths/~1a"
// (RFC 6901), without percent encoding.
func Pointer(path []string) string {
	var b strings.Builder
	b.WriteByte('#')
	for _, step := range path {
		b.WriteByte('/')
		_, _ = pointerEscape.WriteString(&b, step)
	}
	return b.String()
}

var pointerEscape = strings.NewReplacer("~", "~0", "/", "~1")

// New makes a value of a kind that stands where at stands, for trees that are
// made from others.
func New(at *Node, kind Kind, text string) *Node {
	n := &Node{Kind: kind, Text: text}
	if at != nil {
		n.Source, n.Line, n.Column = at.Source, at.Line, at.Column
	}
	return n
}

// NewText makes a text.
func NewText(at *Node, text string) *Node { return New(at, String, text) }

// NewBool makes a boolean.
func NewBool(at *Node, b bool) *Node { return New(at, Bool, strconv.FormatBool(b)) }

// NewObject makes an empty object.
func NewObject(at *Node) *Node { return New(at, Object, "") }

// NewArray makes an array.
func NewArray(at *Node, items ...*Node) *Node {
	n := New(at, Array, "")
	n.Items = items
	return n
}

// Set adds a member or replaces its value; the name stands where the value does.
func (n *Node) Set(name string, value *Node) {
	if m := n.Member(name); m != nil {
		m.Value = value
		return
	}
	n.Members = append(n.Members, Member{name, value.Line, value.Column, value})
	n.index = nil
}

// Error is what is wrong with a document, and where.
type Error struct {
	File string
	// Line and Column are counted from 1; 0 where the whole document is meant.
	Line, Column int
	// Problem says what is wrong and how to mend it.
	Problem string
}

// Error gives file, line and problem.
func (e *Error) Error() string {
	switch {
	case e.File == "" && e.Line == 0:
		return e.Problem
	case e.File == "":
		return fmt.Sprintf("line %d: %s", e.Line, e.Problem)
	case e.Line == 0:
		return e.File + ": " + e.Problem
	}
	return fmt.Sprintf("%s:%d: %s", e.File, e.Line, e.Problem)
}

// Wrong makes the error about a value.
func Wrong(n *Node, format string, args ...any) *Error {
	e := &Error{Problem: fmt.Sprintf(format, args...)}
	if n != nil {
		e.File, e.Line, e.Column = n.File(), int(n.Line), int(n.Column)
	}
	return e
}
