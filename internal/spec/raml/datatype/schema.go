package datatype

import (
	"strconv"
	"strings"

	"farrier.dev/farrier/internal/encoding/tree"
	"farrier.dev/farrier/internal/spec/raml/datatype/jsonschema"
)

// maxWritten is how many schemas are written in place for one type.
const maxWritten = 20_000

// writer writes types in JSON Schema.
type writer struct {
	set  *Set
	left int
	// open are the types being written, which end in a schema of any value when
	// they contain themselves without a name.
	open map[*Type]bool
}

func (t *Type) writer() *writer {
	return &writer{t.set, min(maxWritten, t.set.schemas), map[*Type]bool{}}
}

// Schema is the type in JSON Schema 2020-12; its values stand where the facets
// do. Named types are referred to as "#/components/schemas/NAME", but the type
// itself is written out. Where a pattern of properties also matches the name of
// one that is declared, or of another pattern, the schema is as near as JSON
// Schema comes.
func (t *Type) Schema() *tree.Node { return t.writer().written(t) }

// Reference is the type as others refer to it: a $ref to a named type, otherwise
// its schema.
func (t *Type) Reference() *tree.Node { return t.writer().reference(t) }

// External says whether the type is a JSON schema or an XSD.
func (t *Type) External() bool {
	t.resolve()
	return t.kind == externalKind
}

func (w *writer) nameOf(t *Type) string {
	if w.set.options.Name == nil || t.decl == nil || w.set.memo[place{t.decl, Declared}] != t {
		// Types in place may stand in the declaration of a named one.
		return ""
	}
	return w.set.options.Name(t.decl)
}

func refTo(at *tree.Node, name string) *tree.Node {
	n := tree.NewObject(at)
	n.Set("$ref", tree.NewText(at, "#/components/schemas/"+strings.NewReplacer("~", "~0", "/", "~1").Replace(name)))
	return n
}

func (w *writer) reference(t *Type) *tree.Node {
	if name := w.nameOf(t); name != "" {
		return refTo(t.decl, name)
	}
	return w.written(t)
}

func (w *writer) written(t *Type) *tree.Node {
	t.resolve()
	w.set.schemas--
	if w.left--; w.left < 0 || t.broken || w.open[t] {
		return tree.NewObject(t.decl)
	}
	w.open[t] = true
	defer delete(w.open, t)
	if len(t.parents) == 1 && !t.part && !t.restricts() {
		n := w.reference(t.parents[0])
		if at := t.decl; at != nil && n.Source == nil {
			n.Source, n.Line, n.Column = at.Source, at.Line, at.Column
		}
		w.document(t, n)
		return n
	}
	n := tree.NewObject(t.decl)
	switch t.kind {
	case unionKind:
		w.union(t, n)
	case externalKind:
		n = w.external(t)
	case objectKind:
		n = w.choice(t, n)
	case arrayKind:
		w.typed(n, "array")
		if t.items != nil {
			n.Set("items", w.reference(t.items))
		}
		w.facets(t, n, "minItems", "maxItems", "uniqueItems")
	default:
		w.scalar(t, n)
	}
	if t.kind != objectKind {
		w.enum(t, n)
	}
	if !t.part {
		w.document(t, n)
	}
	return n
}

func (w *writer) typed(n *tree.Node, name string) { n.Set("type", tree.NewText(n, name)) }

func (w *writer) union(t *Type, n *tree.Node) {
	list := tree.NewArray(n)
	for _, a := range t.alternatives {
		list.Items = append(list.Items, w.reference(a))
	}
	n.Set("anyOf", list)
}

func (w *writer) scalar(t *Type, n *tree.Node) {
	format := func(name string) { n.Set("format", tree.NewText(n, name)) }
	switch t.kind {
	case stringKind:
		w.typed(n, "string")
		w.facets(t, n, "minLength", "maxLength")
		w.patterns(t, n)
	case numberKind, integerKind:
		w.number(t, n)
	case booleanKind:
		w.typed(n, "boolean")
	case nilKind:
		w.typed(n, "null")
	case fileKind:
		w.typed(n, "string")
		format("binary")
	case dateOnly:
		w.typed(n, "string")
		format("date")
	case timeOnly, datetimeOnly:
		w.typed(n, "string")
		text := timePattern
		if t.kind == datetimeOnly {
			text = datetimePattern
		}
		n.Set("pattern", tree.NewText(n, text))
	case datetimeKind:
		w.typed(n, "string")
		if t.facets["format"].text == "rfc2616" || w.set.options.RAML08 {
			n.Set("pattern", tree.NewText(n, rfc2616Pattern))
			return
		}
		format("date-time")
	default:
	}
}

func (w *writer) number(t *Type, n *tree.Node) {
	f := t.facets["format"]
	_, _, whole := span(f.text)
	if t.kind == integerKind || whole {
		w.typed(n, "integer")
	} else {
		w.typed(n, "number")
	}
	if f.text != "" {
		name := f.text
		switch name {
		case "int":
			name = "int32"
		case "long":
			name = "int64"
		}
		n.Set("format", tree.NewText(f.node, name))
	}
	w.facets(t, n, "minimum", "maximum")
	m := t.facets["multipleOf"]
	if len(m.multiples) == 1 {
		n.Set("multipleOf", tree.New(m.node, tree.Number, m.node.Text))
		return
	}
	w.all(n, len(m.multiples), func(i int, part *tree.Node) {
		part.Set("multipleOf", tree.New(m.node, tree.Number, decimal(m.multiples[i])))
	})
}

// all adds schemas that must hold together.
func (w *writer) all(n *tree.Node, count int, write func(int, *tree.Node)) {
	if count == 0 {
		return
	}
	list := tree.NewArray(n)
	for i := range count {
		part := tree.NewObject(n)
		write(i, part)
		list.Items = append(list.Items, part)
	}
	n.Set("allOf", list)
}

func (w *writer) patterns(t *Type, n *tree.Node) {
	f := t.facets["pattern"]
	if len(f.patterns) == 1 {
		n.Set("pattern", tree.NewText(f.node, f.patterns[0].text))
		return
	}
	w.all(n, len(f.patterns), func(i int, part *tree.Node) {
		part.Set("pattern", tree.NewText(f.node, f.patterns[i].text))
	})
}

// facets copies facets that JSON Schema has under the same names.
func (w *writer) facets(t *Type, n *tree.Node, names ...string) {
	for _, name := range names {
		if f, ok := t.facets[name]; ok {
			n.Set(name, tree.New(f.node, f.node.Kind, f.node.Text))
		}
	}
}

func (w *writer) enum(t *Type, n *tree.Node) {
	f, ok := t.facets["enum"]
	if !ok || t.kind == unionKind {
		return
	}
	list := tree.NewArray(f.node)
	seen := map[string]bool{}
	for _, item := range f.list {
		if text := jsonschema.Written(item); !seen[text] {
			seen[text] = true
			list.Items = append(list.Items, item)
		}
	}
	n.Set("enum", list)
}

// inheritDescription gives a type that has no description that of the type it
// inherits from.
func (t *Type) inheritDescription(n *tree.Node) {
	if n.Get("description") != nil || n.Get("$ref") != nil {
		return
	}
	// A description stands near, or it is of something else.
	for up, steps := t, 0; len(up.parents) == 1 && steps < 16; steps++ {
		if up = up.parents[0]; up.own == nil {
			return
		}
		if v := up.annotated(up.own.Get("description")); v.Is(tree.String) {
			n.Set("description", tree.NewText(v, v.Text))
			return
		}
	}
}

// document adds what is said about the type.
func (w *writer) document(t *Type, n *tree.Node) {
	if t.own == nil {
		return
	}
	for _, pair := range [][2]string{{"displayName", "title"}, {"description", "description"}} {
		if v := t.annotated(t.own.Get(pair[0])); v.Is(tree.String) || v.Is(tree.Number) {
			n.Set(pair[1], tree.NewText(v, v.Text))
		}
	}
	t.inheritDescription(n)
	if v := t.own.Get("default"); v != nil {
		n.Set("default", t.decoded(t.annotated(v)))
	}
	if v := t.own.Get("xml"); v.Is(tree.Object) {
		n.Set("xml", v)
	}
	list := tree.NewArray(t.own)
	if v := t.own.Get("example"); v != nil {
		inner, _ := Example(v)
		list.Items = append(list.Items, t.decoded(inner))
	}
	for _, m := range t.own.Get("examples").Fields() {
		if !isAnnotation(m.Name) {
			inner, _ := Example(m.Value)
			list.Items = append(list.Items, t.decoded(inner))
		}
	}
	if len(list.Items) > 0 {
		n.Set("examples", list)
	}
}

// decoded is a value that may be written as a text of JSON.
func (t *Type) decoded(v *tree.Node) *tree.Node {
	if !v.Is(tree.String) || t.kind&(objectKind|arrayKind|externalKind|anyKind|unionKind) == 0 {
		return v
	}
	if text := strings.TrimSpace(v.Text); strings.HasPrefix(text, "{") || strings.HasPrefix(text, "[") {
		if parsed, err := readJSON(v); err == nil {
			return parsed
		}
	}
	return v
}

// parts are the schemas that JSON schemas refer to.
type parts struct {
	names   map[*tree.Node]string
	used    map[string]bool
	waiting []func()
	list    []tree.Member
}

// Components are the schemas, beside those of named types, that the schemas
// written so far refer to among the components of the description, by name.
func (s *Set) Components() []tree.Member {
	for len(s.parts.waiting) > 0 {
		next := s.parts.waiting[0]
		s.parts.waiting = s.parts.waiting[1:]
		next()
	}
	return s.parts.list
}

func (w *writer) external(t *Type) *tree.Node {
	e := t.external
	if e.json == nil {
		return tree.NewObject(e.text)
	}
	s := w.set
	ref := func(target *tree.Node, hint string, convert func() *tree.Node) string {
		name, known := s.parts.names[target]
		if !known {
			name = s.partName(hint)
			s.parts.names[target] = name
			s.parts.waiting = append(s.parts.waiting, func() {
				n := convert()
				s.parts.list = append(s.parts.list, tree.Member{Name: name, Line: n.Line, Column: n.Column, Value: n})
			})
		}
		return "#/components/schemas/" + name
	}
	return e.json.Convert(ref)
}

// partName is a name for a part of a JSON schema that no type has, since names of
// types have no dots.
func (s *Set) partName(hint string) string {
	clean := strings.Map(func(r rune) rune {
		if r == '-' || r == '_' || r >= '0' && r <= '9' || r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' {
			return r
		}
		return '_'
	}, clip(hint))
	name := "definitions." + clean
	for i := 2; s.parts.used[name]; i++ {
		name = "definitions." + clean + "." + strconv.Itoa(i)
	}
	s.parts.used[name] = true
	return name
}
