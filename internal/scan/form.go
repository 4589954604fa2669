package scan

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"farrier.dev/farrier/internal/encoding/tree"
)

// form reads an object strictly: unknown and misshaped members are mistakes, of
// which the first is kept in err.
type form struct {
	node *tree.Node
	// what is what people call the object, as "a rule".
	what string
	err  error
}

// newForm begins to read an object whose members are known by these names.
func newForm(n *tree.Node, what string, known ...string) *form {
	f := &form{node: n, what: what}
	if !n.Is(tree.Object) {
		f.fail(n, "%s must be an object", what)
		return f
	}
	for _, m := range n.Fields() {
		if !slices.Contains(known, m.Name) {
			f.fail(&tree.Node{Source: n.Source, Line: m.Line, Column: m.Column}, "unknown field %.40q of %s; known are %s", m.Name, what, strings.Join(known, ", "))
		}
	}
	return f
}

func (f *form) fail(n *tree.Node, format string, args ...any) {
	if f.err == nil {
		if n == nil {
			n = f.node
		}
		f.err = tree.Wrong(n, format, args...)
	}
}

// text is a text member, empty where there is none.
func (f *form) text(name string) string {
	n := f.node.Get(name)
	if n == nil {
		return ""
	}
	if !n.Is(tree.String) {
		f.fail(n, "%s of %s must be a text", name, f.what)
	}
	return strings.TrimSpace(n.Text)
}

// needed is a text member that must be there.
func (f *form) needed(name string) string {
	s := f.text(name)
	if s == "" {
		f.fail(f.node.Get(name), "%s needs the text %s", f.what, name)
	}
	return s
}

// truth is a boolean member, false where there is none.
func (f *form) truth(name string) bool {
	n := f.node.Get(name)
	if n != nil && !n.Is(tree.Bool) {
		f.fail(n, "%s of %s must be true or false", name, f.what)
	}
	return n.IsTrue()
}

// number is a member that is a whole number from 0 on, otherwise if there is none.
func (f *form) number(name string, otherwise int) int {
	n := f.node.Get(name)
	if n == nil {
		return otherwise
	}
	i, err := strconv.Atoi(n.Str())
	if err != nil || i < 0 || !n.Is(tree.Number) {
		f.fail(n, "%s of %s must be a whole number", name, f.what)
	}
	return i
}

// texts is a member that is a text or a list of texts.
func (f *form) texts(name string) []string { return textsOf(f, f.node.Get(name), name) }

func textsOf(f *form, n *tree.Node, name string) []string {
	if n == nil {
		return nil
	}
	if n.Is(tree.String) {
		return []string{strings.TrimSpace(n.Text)}
	}
	if !n.Is(tree.Array) {
		f.fail(n, "%s of %s must be a text or a list of texts", name, f.what)
		return nil
	}
	out := make([]string, 0, len(n.Items))
	for _, item := range n.Items {
		if !item.Is(tree.String) || strings.TrimSpace(item.Text) == "" {
			f.fail(item, "each item of %s of %s must be a text", name, f.what)
			continue
		}
		out = append(out, strings.TrimSpace(item.Text))
	}
	return out
}

// list is a member that is a list.
func (f *form) list(name string) []*tree.Node {
	n := f.node.Get(name)
	if n != nil && !n.Is(tree.Array) {
		f.fail(n, "%s of %s must be a list", name, f.what)
	}
	return n.List()
}

// options is a member that is an object of texts, numbers and booleans.
func (f *form) options(name string) map[string]string {
	n := f.node.Get(name)
	if n == nil {
		return nil
	}
	if !n.Is(tree.Object) {
		f.fail(n, "%s of %s must be an object", name, f.what)
	}
	out := make(map[string]string, len(n.Members))
	for _, m := range n.Fields() {
		if !m.Value.Is(tree.String) && !m.Value.Is(tree.Number) && !m.Value.Is(tree.Bool) {
			f.fail(m.Value, "the option %s of %s must be a text, a number, true or false", m.Name, f.what)
		}
		out[m.Name] = m.Value.Str()
	}
	return out
}

// chosen looks a word up in a table; the error names all words.
func chosen[T any](f *form, n *tree.Node, name, word string, table []named[T]) T {
	words := make([]string, len(table))
	for i, t := range table {
		if t.name == word {
			return t.value
		}
		words[i] = t.name
	}
	f.fail(n, "%s %s: must be one of %s", name, fmt.Sprintf("%.40q", word), strings.Join(words, ", "))
	var zero T
	return zero
}

// named is a word of rule files and what it stands for.
type named[T any] struct {
	name  string
	value T
}
