package judge

import (
	"regexp"
	"slices"
	"strings"

	"farrier.dev/farrier/internal/encoding/tree"
)

// shapes are the schemas that say something of one value: a schema with everything
// that it refers to and all its branches. What is described in any of them is described.
type shapes struct {
	all []*tree.Node
	// free says that a branch lets the value be anything.
	free bool
	// steps are those that were made from here, named the types once they were asked for.
	steps map[string]stepped
	named *[]string
}

// stepped is what a step led to.
type stepped struct {
	next *shapes
	open bool
}

// maxShapes is how many schemas one value may have.
const maxShapes = 200

// shapesOf opens references and branches of a schema.
func (v *views) shapesOf(schema *tree.Node) *shapes {
	if schema == nil {
		return &shapes{free: true}
	}
	if s := v.expanded[schema]; s != nil {
		return s
	}
	s := &shapes{}
	v.expand(s, schema, map[*tree.Node]bool{}, true)
	v.expanded[schema] = s
	return s
}

func (v *views) expand(s *shapes, n *tree.Node, seen map[*tree.Node]bool, branch bool) {
	if len(seen) >= maxShapes {
		s.free = true
		return
	}
	if n.Is(tree.Bool) {
		s.free = s.free || n.IsTrue()
		return
	}
	if !n.Is(tree.Object) || seen[n] {
		s.free = s.free || n != nil && !n.Is(tree.Object)
		return
	}
	seen[n] = true
	if ref := n.Get("$ref"); ref.Is(tree.String) {
		target := v.target(ref)
		if target == nil {
			s.free = true
			return
		}
		v.expand(s, target, seen, branch)
		if len(n.Members) == 1 {
			return
		}
	}
	s.all = append(s.all, n)
	composed := n.Get("$ref") != nil
	for _, keyword := range [...]string{"allOf", "anyOf", "oneOf"} {
		for _, part := range n.Get(keyword).List() {
			composed = true
			v.expand(s, part, seen, keyword != "allOf")
		}
	}
	for _, keyword := range [...]string{"if", "then", "else"} {
		if part := n.Get(keyword); part != nil {
			v.expand(s, part, seen, false)
		}
	}
	if branch && !composed && !says(n) {
		s.free = true
	}
}

// says tells whether a schema says anything of its value's type.
func says(n *tree.Node) bool {
	for _, keyword := range [...]string{
		"type", "properties", "items", "enum", "const", "additionalProperties", "patternProperties", "prefixItems", "format", "pattern",
		"minLength", "maxLength", "minimum", "maximum", "required", "not",
	} {
		if n.Get(keyword) != nil {
			return true
		}
	}
	return false
}

// object says whether a value is described as an object with properties.
func (v *views) object(schema *tree.Node) bool {
	if schema == nil {
		return false
	}
	return slices.ContainsFunc(v.shapesOf(schema).all, func(n *tree.Node) bool { return len(n.Get("properties").Fields()) > 0 })
}

// step goes from the schemas of a value to those of a member, or of the items for "*".
// open says that nothing is said against the member, and no schema is given for it.
func (v *views) step(s *shapes, name string) (next *shapes, open bool) {
	made, known := s.steps[name]
	if !known {
		made.next, made.open = v.goTo(s, name)
		if s.steps == nil {
			s.steps = map[string]stepped{}
		}
		if len(s.steps) < maxSteps {
			s.steps[name] = made
		}
	}
	return made.next, made.open
}

// maxSteps is how many steps from one place are remembered.
const maxSteps = 1000

func (v *views) goTo(s *shapes, name string) (next *shapes, open bool) {
	var found []*tree.Node
	shaped, free := false, s.free
	for _, n := range s.all {
		if name == "*" {
			found = append(found, itemsOf(n)...)
		}
		if p := n.Get("properties").Get(name); p != nil {
			found = append(found, p)
		}
		shaped = shaped || len(n.Get("properties").Fields()) > 0 || n.Get("items") != nil
		for _, m := range n.Get("patternProperties").Fields() {
			shaped = true
			if re, err := regexp.Compile(m.Name); err != nil || name == "*" || re.MatchString(name) {
				found = append(found, m.Value)
			}
		}
	}
	if len(found) == 0 {
		for _, n := range s.all {
			switch rest := n.Get("additionalProperties"); {
			case rest.IsTrue():
				free = true
			case rest.Is(tree.Object):
				found = append(found, rest)
			}
			if n.Get("unevaluatedProperties").IsTrue() {
				free = true
			}
		}
	}
	if len(found) == 0 {
		return nil, free || !shaped
	}
	next = &shapes{}
	if len(found) == 1 {
		return v.shapesOf(found[0]), false
	}
	seen := map[*tree.Node]bool{}
	for _, n := range found {
		v.expand(next, n, seen, true)
	}
	return next, false
}

func itemsOf(n *tree.Node) []*tree.Node {
	var all []*tree.Node
	if items := n.Get("items"); items != nil {
		all = append(all, items)
	}
	return append(all, n.Get("prefixItems").List()...)
}

// types are the types that a value may have; nil for any.
func (s *shapes) types() []string {
	if s.named == nil {
		all := s.allTypes()
		s.named = &all
	}
	return *s.named
}

func (s *shapes) allTypes() []string {
	if s.free {
		return nil
	}
	var all []string
	add := func(name string) {
		if name != "" && !slices.Contains(all, name) {
			all = append(all, name)
		}
	}
	for _, n := range s.all {
		t := n.Get("type")
		if t.Is(tree.String) {
			add(t.Text)
		}
		for _, item := range t.List() {
			add(item.Str())
		}
		if n.Get("nullable").IsTrue() || n.Get("x-nullable").IsTrue() {
			add("null")
		}
		if t == nil && n.Get("properties") != nil {
			add("object")
		}
		if t == nil && n.Get("items") != nil {
			add("array")
		}
		if t == nil && (n.Get("enum") != nil || n.Get("const") != nil) {
			for _, value := range append(n.Get("enum").List(), n.Get("const")) {
				add(typeOfKind(value))
			}
		}
	}
	if slices.Contains(all, "file") || slices.Equal(all, []string{"null"}) {
		return nil
	}
	return all
}

func typeOfKind(n *tree.Node) string {
	if n == nil {
		return ""
	}
	switch n.Kind {
	case tree.Null:
		return "null"
	case tree.Bool:
		return "boolean"
	case tree.Number:
		return "number"
	case tree.String:
		return "string"
	case tree.Array:
		return "array"
	case tree.Object:
		return "object"
	case tree.Include:
	}
	return ""
}

// format is the one that all schemas that name one name; empty otherwise.
func (s *shapes) format() string {
	found := ""
	for _, n := range s.all {
		f := n.Get("format").Str()
		if f == "" && (n.Get("anyOf") != nil || n.Get("oneOf") != nil) {
			continue
		}
		if f != "" && found != "" && f != found {
			return ""
		}
		if f != "" {
			found = f
		}
	}
	if s.free || len(s.all) > 1 && s.branches() {
		return ""
	}
	return found
}

// branches says that there are alternatives.
func (s *shapes) branches() bool {
	return slices.ContainsFunc(s.all, func(n *tree.Node) bool {
		return len(n.Get("anyOf").List()) > 1 || len(n.Get("oneOf").List()) > 1
	})
}

// enum are the texts that a value may be; nil where it may be others.
func (s *shapes) enum() map[string]bool {
	if s.free {
		return nil
	}
	branches := s.branches()
	var all map[string]bool
	for _, n := range s.all {
		list := n.Get("enum").List()
		if c := n.Get("const"); c != nil {
			list = append(slices.Clone(list), c)
		}
		if len(list) == 0 && branches && n.Get("anyOf") == nil && n.Get("oneOf") == nil {
			return nil
		}
		for _, value := range list {
			if all == nil {
				all = map[string]bool{}
			}
			all[value.Str()] = true
		}
	}
	return all
}

// has says that a schema is marked, as readOnly or deprecated.
func (s *shapes) has(mark string) bool {
	return slices.ContainsFunc(s.all, func(n *tree.Node) bool { return n.Get(mark).IsTrue() })
}

// place is the first schema that stands somewhere.
func (s *shapes) place() *tree.Node {
	for _, n := range s.all {
		if n.Source != nil && n.Line > 0 {
			return n
		}
	}
	return nil
}

// owner is the schema of an object that a new property belongs to: the last that has
// properties.
func (s *shapes) owner() *tree.Node {
	var found *tree.Node
	for _, n := range s.all {
		if n.Source != nil && len(n.Get("properties").Fields()) > 0 {
			found = n
		}
	}
	return found
}

// stepsOf parts a path of a document, as "/items/*/note".
func stepsOf(path string) []string {
	path = strings.TrimPrefix(path, "/")
	if path == "" {
		return nil
	}
	steps := strings.Split(path, "/")
	for i := range steps {
		steps[i] = unescape(steps[i])
	}
	return steps
}
