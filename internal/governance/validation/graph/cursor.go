package graph

import (
	"encoding/json"
	"iter"
	"net/url"
	"strconv"
	"strings"

	"farrier.dev/farrier/internal/encoding/tree"
	"farrier.dev/farrier/internal/spec"
)

// trail is how a value was reached in its file.
type trail struct {
	up   *trail
	step string
}

// cursor is a value of the tree, where its name stands, and how it was reached.
type cursor struct {
	*tree.Node
	line, column int32
	trail        *trail
}

func start(root *tree.Node) cursor {
	c := cursor{Node: root, trail: &trail{}}
	if root != nil {
		c.line, c.column = root.Line, root.Column
	}
	return c
}

// there says whether there is a value, null included.
func (c cursor) there() bool { return c.Node != nil }

// entry is the cursor of a member.
func (c cursor) entry(m *tree.Member) cursor {
	if m == nil {
		return cursor{}
	}
	to := cursor{m.Value, m.Line, m.Column, &trail{c.trail, m.Name}}
	if m.Value != nil && m.Line == 0 {
		to.line, to.column = m.Value.Line, m.Value.Column
	}
	return to
}

// get is the member of a name; nowhere when there is none.
func (c cursor) get(name string) cursor { return c.entry(c.Member(name)) }

// at follows several names.
func (c cursor) at(path ...string) cursor {
	for _, name := range path {
		c = c.get(name)
	}
	return c
}

// each goes through the members of an object, extensions left out.
func (c cursor) each() iter.Seq2[string, cursor] {
	return func(yield func(string, cursor) bool) {
		if !c.Is(tree.Object) {
			return
		}
		for i := range c.Members {
			m := &c.Members[i]
			if strings.HasPrefix(m.Name, "x-") {
				continue
			}
			if !yield(m.Name, c.entry(m)) {
				return
			}
		}
	}
}

// names goes through all members of an object whose names are free, as those of
// properties and headers.
func (c cursor) names() iter.Seq2[string, cursor] {
	return func(yield func(string, cursor) bool) {
		if !c.Is(tree.Object) {
			return
		}
		for i := range c.Members {
			if m := &c.Members[i]; m.Name != spec.ExtensionRAML && !yield(m.Name, c.entry(m)) {
				return
			}
		}
	}
}

// items goes through the items of an array.
func (c cursor) items() iter.Seq[cursor] {
	return func(yield func(cursor) bool) {
		if !c.Is(tree.Array) {
			return
		}
		for i, item := range c.Items {
			to := cursor{item, 0, 0, &trail{c.trail, strconv.Itoa(i)}}
			if item != nil {
				to.line, to.column = item.Line, item.Column
			}
			if !yield(to) {
				return
			}
		}
	}
}

// place is where the value is written, its name included.
func (c cursor) place() Place {
	if c.Node == nil {
		return Place{}
	}
	return Place{File: c.File(), Line: int(c.line), Column: int(c.column), trail: c.trail}
}

// extension is the member that holds what only RAML knows.
func (c cursor) extension() cursor { return c.get(spec.ExtensionRAML) }

// maxReferences is how many references in a row are followed.
const maxReferences = 32

// follow gives what a value refers to, and the last name of the first
// reference; the value itself and no name when it is no reference. What leads
// nowhere is nowhere.
func (b *builder) follow(c cursor) (cursor, string) {
	name := ""
	for range maxReferences {
		ref := c.Get("$ref")
		if !ref.Is(tree.String) {
			return c, name
		}
		to, last := b.target(c, ref.Text)
		if name == "" {
			name = last
		}
		if to.Node == nil || to.Node == c.Node {
			return cursor{}, name
		}
		c = to
	}
	return cursor{}, name
}

// target is what a reference in a value leads to.
func (b *builder) target(c cursor, ref string) (cursor, string) {
	key := c.File() + "\x00" + ref
	if known, ok := b.targets[key]; ok {
		return known.cursor, known.name
	}
	to, name := b.resolve(c, ref)
	b.targets[key] = target{to, name}
	return to, name
}

type target struct {
	cursor
	name string
}

func (b *builder) resolve(c cursor, ref string) (cursor, string) {
	_, pointer, _ := strings.Cut(ref, "#")
	steps := strings.Split(strings.TrimPrefix(pointer, "/"), "/")
	for i, s := range steps {
		steps[i] = unescapePointer(s)
	}
	name := steps[len(steps)-1]
	if strings.HasPrefix(ref, "#/") && (c.File() == b.doc.File || b.projected) {
		to := start(b.doc.Root)
		for _, s := range steps {
			to = to.step(s)
		}
		return to, name
	}
	if b.doc.Project == nil {
		return cursor{}, name
	}
	file, _, _ := strings.Cut(ref, "#")
	root, err := b.doc.Project.Target(c.File(), file+"#")
	if err != nil || root == nil {
		return cursor{}, name
	}
	to := start(root)
	if pointer == "" || pointer == "/" {
		return to, strings.TrimSuffix(file[strings.LastIndex(file, "/")+1:], ".yaml")
	}
	for _, s := range steps {
		to = to.step(s)
	}
	return to, name
}

// step is one step of a JSON pointer.
func (c cursor) step(name string) cursor {
	if !c.Is(tree.Array) {
		return c.get(name)
	}
	item := c.Step(name)
	to := cursor{Node: item, trail: &trail{c.trail, name}}
	if item != nil {
		to.line, to.column = item.Line, item.Column
	}
	return to
}

func unescapePointer(step string) string {
	if !strings.ContainsAny(step, "~%") {
		return step
	}
	if strings.Contains(step, "%") {
		if plain, err := url.PathUnescape(step); err == nil {
			step = plain
		}
	}
	return strings.ReplaceAll(strings.ReplaceAll(step, "~1", "/"), "~0", "~")
}

func number(i int) json.Number { return json.Number(strconv.Itoa(i)) }
