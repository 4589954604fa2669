package datatype

import (
	"strings"

	"farrier.dev/farrier/internal/encoding/tree"
)

// state is how far a type is read.
type state uint8

const (
	unread state = iota
	reading
	resolved
)

// Type is one type, declared or written in place.
type Type struct {
	set   *Set
	decl  *tree.Node
	scope Scope
	use   Use
	// name is that of a declared type; text is how messages call the type.
	name, text string
	isDeclared bool
	state      state
	// broken types accept any value: what is wrong with them is told elsewhere.
	broken bool
	// part says that the type is one combination of another: its facets are told
	// about there.
	part bool

	// own are the facets written in the declaration; parents what it inherits.
	own     *tree.Node
	parents []*Type

	// What the type is, its inheritance included.
	kind         kind
	alternatives []*Type
	facets       map[string]facet
	itemDecl     *tree.Node
	items        *Type
	fields       fields
	custom       []Field
	external     *external
}

// name is how messages call a type.
func (t *Type) title() string {
	switch {
	case t.text != "":
		return t.text
	case t.kind == 0:
		return "any"
	case len(t.parents) == 1 && t.parents[0].text != "":
		return t.parents[0].text
	}
	return t.kind.String()
}

// resolve reads the declaration and those it inherits from.
func (t *Type) resolve() {
	s := t.set
	switch {
	case t.state == resolved:
		return
	case t.state == reading:
		s.problem(t.decl, "raml-type-recursive", "the type %s inherits from itself; a type can contain itself only in its properties or items", clip(t.title()))
		t.broken = true
		return
	case s.depth > maxInheritance:
		s.problem(t.decl, "raml-types-too-complex", "more than %d types inherit from each other", maxInheritance)
		t.broken = true
		t.state, t.kind = resolved, anyKind
		return
	}
	t.state = reading
	s.depth++
	if t.parents == nil && t.alternatives == nil && t.items == nil {
		t.read()
	}
	for _, p := range t.parents {
		p.resolve()
	}
	for _, a := range t.alternatives {
		a.resolve()
		t.broken = t.broken || a.broken && len(t.alternatives) == 0
	}
	if t.kind == arrayKind && t.items != nil && t.parents == nil {
		// The items of an expression; those of a facet may contain the type.
		t.items.resolve()
	}
	s.depth--
	t.combine()
	t.state = resolved
}

// read finds what the declaration inherits from.
func (t *Type) read() {
	d := t.decl
	if d == nil {
		t.parents = []*Type{t.fallback(nil)}
		return
	}
	switch {
	case d.Is(tree.Object):
		t.own = d
		t.readType()
	case d.Is(tree.Array) && t.set.options.RAML08 && t.isParameter():
		// RAML 0.8 lists the declarations of which one must hold.
		t.kind = unionKind
		for _, item := range d.Items {
			t.alternatives = append(t.alternatives, t.set.As(t.use, item, t.scope))
		}
	default:
		t.parents = t.inherited(d)
	}
}

func (t *Type) isParameter() bool { return t.use == Parameter || t.use == URI }

// readType finds the type of an object of facets.
func (t *Type) readType() {
	kind, schema := t.own.Member("type"), t.own.Member("schema")
	if kind != nil && schema != nil {
		t.set.problem(t.own.Get("schema"), "raml-type-and-schema", "type and schema mean the same; leave one out")
		t.broken = true
	}
	if kind == nil {
		kind = schema
	}
	if kind == nil {
		t.parents = []*Type{t.fallback(t.own)}
		return
	}
	t.parents = t.inherited(t.annotated(kind.Value))
}

// fallback is the type of a declaration that names none.
func (t *Type) fallback(own *tree.Node) *Type {
	s := t.set
	switch {
	case own.Member("properties") != nil:
		return s.of(objectKind)
	case t.use == Body || t.use == QueryString && own == nil:
		return s.of(anyKind)
	}
	return s.of(stringKind)
}

func (s *Set) of(k kind) *Type {
	for i := range s.builtins {
		if k == 1<<i {
			return s.builtins[i]
		}
	}
	return s.builtins[0]
}

// inherited are the types that the value of type names.
func (t *Type) inherited(n *tree.Node) []*Type {
	s := t.set
	switch n.Kind {
	case tree.Null:
		return []*Type{t.fallback(t.own)}
	case tree.Array:
		if len(n.Items) == 0 {
			s.problem(n, "raml-type-malformed", "the list of types is empty; name at least one")
			return []*Type{s.unknown(n)}
		}
		if len(n.Items) > maxParents {
			s.problem(n, "raml-types-too-complex", "the type inherits from more than %d types", maxParents)
			return []*Type{s.unknown(n)}
		}
		out := make([]*Type, 0, len(n.Items))
		for _, item := range n.Items {
			if item.Is(tree.String) || item.Is(tree.Object) {
				out = append(out, t.named(item)...)
				continue
			}
			s.problem(item, "raml-type-malformed", "a list of types holds names of types, not a %s", item.Kind)
			out = append(out, s.unknown(item))
		}
		return out
	case tree.String, tree.Object:
		return t.named(n)
	case tree.Bool, tree.Number:
		s.problem(n, "raml-type-malformed", "a type is declared by a name, a type expression or an object of facets, not by a %s", n.Kind)
	case tree.Include:
	}
	return []*Type{s.unknown(n)}
}

// named are the types that a text or a declaration in place gives.
func (t *Type) named(n *tree.Node) []*Type {
	s := t.set
	if n.Is(tree.Object) {
		return []*Type{s.As(Declared, n, t.scope)}
	}
	if text := strings.TrimSpace(n.Text); isSchema(text) {
		return []*Type{s.externalType(n)}
	}
	e, err := parse(n.Text)
	if err != nil {
		s.problem(n, "raml-type-expression", "%q is no type expression: %v", clip(n.Text), err)
		return []*Type{s.unknown(n)}
	}
	return []*Type{t.expressed(e, n)}
}

// unknown is the type of what is wrong.
func (s *Set) unknown(at *tree.Node) *Type {
	return &Type{set: s, decl: at, kind: anyKind, broken: true, state: resolved}
}

// expressed is the type of an expression.
func (t *Type) expressed(e *expression, at *tree.Node) *Type {
	s := t.set
	switch {
	case e.array != nil:
		return &Type{set: s, decl: at, scope: t.scope, kind: arrayKind, itemDecl: at, items: t.expressed(e.array, at)}
	case e.union != nil:
		u := &Type{set: s, decl: at, scope: t.scope, kind: unionKind}
		for _, member := range e.union {
			u.alternatives = append(u.alternatives, t.expressed(member, at))
		}
		return u
	}
	if k, ok := s.builtin(e.name); ok {
		return s.of(k)
	}
	if t.scope != nil {
		if decl, scope, ok := t.scope.Lookup(e.name); ok {
			if decl == nil {
				return s.of(stringKind)
			}
			found := s.As(Declared, decl, scope)
			if found.text == "" {
				found.text = e.name
			}
			return found
		}
	}
	s.problem(at, "raml-unknown-type", "there is no type %q; declare it in types, or write its library before it, as in library.%s", clip(e.name), clip(e.name))
	return s.unknown(at)
}

// builtin is the family that a name means in the version of RAML.
func (s *Set) builtin(name string) (kind, bool) {
	if s.options.RAML08 && name == "date" {
		return datetimeKind, true
	}
	k, ok := builtin(name)
	return k, ok && (!s.options.RAML08 || k&(stringKind|numericKinds|booleanKind|fileKind) != 0)
}

// annotated is the value of a member that may carry annotations: the member
// value of an object that has nothing else.
func (t *Type) annotated(n *tree.Node) *tree.Node {
	if !n.Is(tree.Object) {
		return n
	}
	value := n.Get("value")
	if value == nil || value.Is(tree.Object) {
		return n
	}
	for _, m := range n.Members {
		if m.Name != "value" && !isAnnotation(m.Name) {
			return n
		}
	}
	return value
}
