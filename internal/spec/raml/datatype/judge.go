package datatype

import (
	"strings"

	"farrier.dev/farrier/internal/encoding/tree"
)

// judge tells what is wrong with a declaration that is resolved.
func (t *Type) judge() {
	t.resolve()
	t.judgeBeside()
	if t.broken {
		return
	}
	t.judgeUse()
	t.judgeBounds()
	t.judgeOverrides()
	for _, a := range t.alternatives {
		if a.part && a.own == t.own {
			a.judgeBounds()
			a.judgeOverrides()
		}
	}
	if t.own == nil {
		return
	}
	t.judgeDiscriminator()
	t.judgeUserFacets()
	t.judgeValues()
}

// judgeBeside tells of members that are no facets.
func (t *Type) judgeBeside() {
	for _, m := range t.own.Fields() {
		v := t.annotated(m.Value)
		switch m.Name {
		case "displayName", "description", "usage":
			if !t.isBeside(m.Name) {
				continue
			}
			if v.Is(tree.Array) || v.Is(tree.Object) || v.Is(tree.Bool) {
				t.set.problem(v, "raml-facet-value", "%s must be a text, not a %s", m.Name, v.Kind)
			}
		case "required", "repeat":
			if t.isBeside(m.Name) && !v.Is(tree.Bool) {
				t.set.problem(v, "raml-facet-value", "%s must be true or false", m.Name)
			}
		case "xml":
			t.judgeXML(v)
		}
	}
}

// judgeXML tells what is wrong with the facet xml.
func (t *Type) judgeXML(n *tree.Node) {
	if n.Is(tree.Null) {
		return
	}
	if !n.Is(tree.Object) {
		t.set.problem(n, "raml-xml-facet", "xml must be an object with attribute, wrapped, name, namespace or prefix")
		return
	}
	for _, m := range n.Members {
		switch m.Name {
		case "attribute", "wrapped":
			if !m.Value.Is(tree.Bool) {
				t.set.problem(m.Value, "raml-xml-facet", "%s must be true or false", m.Name)
			}
		case "name", "namespace", "prefix":
			if !m.Value.Is(tree.String) {
				t.set.problem(m.Value, "raml-xml-facet", "%s must be a text", m.Name)
			}
		default:
			if !isAnnotation(m.Name) {
				t.set.problem(m.Value, "raml-xml-facet", "xml has no member %s; it has attribute, wrapped, name, namespace and prefix", clip(m.Name))
			}
		}
	}
}

// judgeUse tells of types that can't stand where they do.
func (t *Type) judgeUse() {
	s := t.set
	if t.kind == arrayKind && t.items != nil {
		t.items.resolve()
		if t.items.kind == externalKind {
			s.problem(t.itemDecl, "raml-external-type", "the items of an array can't be of a JSON or XML schema; describe the array in the schema")
		}
	}
	for _, a := range t.flat(nil) {
		switch {
		case a.kind == externalKind && (t.isParameter() || t.use == QueryString):
			s.problem(t.decl, "raml-external-type", "a parameter or header can't be of a JSON or XML schema; use a type of RAML")
		case t.use == QueryString && a.kind&(objectKind|anyKind|stringKind) == 0:
			s.problem(t.decl, "raml-query-string", "the query string must be an object, not %s", a.kind)
		}
	}
}

// judgeBounds tells of bounds that leave no value.
func (t *Type) judgeBounds() {
	for _, pair := range [][2]string{
		{"minLength", "maxLength"},
		{"minItems", "maxItems"},
		{"minProperties", "maxProperties"},
		{"minimum", "maximum"},
	} {
		least, most := t.bound(pair[0]), t.bound(pair[1])
		if least == nil || most == nil || least.number.Cmp(most.number) <= 0 {
			continue
		}
		at := t.decl
		if m := t.own.Get(pair[0]); m != nil {
			at = m
		} else if m := t.own.Get(pair[1]); m != nil {
			at = m
		}
		t.set.problem(at, "raml-facet-range", "%s %s is greater than %s %s: no value is of this type", pair[0], least.text, pair[1], most.text)
	}
}

// judgeOverrides tells of properties and items that are wider than the inherited.
func (t *Type) judgeOverrides() {
	s := t.set
	for _, p := range t.parents {
		if t.itemDecl != nil && t.itemDecl == t.own.Get("items") && p.items != nil && !s.narrower(t.items, p.items) {
			s.problem(t.itemDecl, "raml-property-widened", "items allows values that the inherited items don't; a type can only narrow what it inherits")
		}
		if t.own.Get("properties") == nil || len(p.fields.list) == 0 {
			continue
		}
		for i := range t.fields.list {
			f := &t.fields.list[i]
			inherited := p.fields.get(f.key())
			switch {
			case inherited == nil || inherited.Decl == f.Decl:
			case inherited.Required && !f.Required:
				s.problem(f.Decl, "raml-property-widened", "the property %s is required in the inherited type and can't become optional", clip(f.Name))
			case !s.narrower(f.Type, inherited.Type):
				s.problem(f.Decl, "raml-property-widened", "the property %s allows values that the inherited property doesn't; a type can only narrow what it inherits", clip(f.Name))
			}
		}
	}
}

// judgeDiscriminator tells what is wrong with discriminator and
// discriminatorValue.
func (t *Type) judgeDiscriminator() {
	s := t.set
	name, value := t.own.Member("discriminator"), t.own.Member("discriminatorValue")
	if t.kind != objectKind {
		return
	}
	for _, m := range []*tree.Member{name, value} {
		if m != nil && !t.isDeclared {
			s.problem(m.Value, "raml-discriminator", "%s can stand only in a type declared in types, not in one written in place", m.Name)
			return
		}
	}
	f, ok := t.facets["discriminator"]
	if !ok {
		if value != nil {
			s.problem(value.Value, "raml-discriminator", "discriminatorValue needs a discriminator in the type or one it inherits from")
		}
		return
	}
	property := t.fields.get(f.text)
	if property == nil {
		if name != nil {
			s.problem(name.Value, "raml-discriminator", "the type has no property %s for its discriminator; declare it in properties", clip(f.text))
		}
		return
	}
	property.Type.resolve()
	if k := property.Type.kind; name != nil && k&(objectKind|arrayKind|externalKind|nilKind|fileKind) != 0 {
		s.problem(name.Value, "raml-discriminator", "the property %s must be a text, number or boolean to be a discriminator, not %s", clip(f.text), k)
		return
	}
	if value != nil {
		if v := t.annotated(value.Value); !v.Is(tree.Object) && !v.Is(tree.Array) && !s.accepts(property.Type, v) {
			s.problem(v, "raml-discriminator", "the discriminatorValue is not of the type of the property %s", clip(f.text))
		}
	}
}

// judgeUserFacets tells what is wrong with values of facets that users declared.
func (t *Type) judgeUserFacets() {
	s := t.set
	for i := range t.custom {
		f := &t.custom[i]
		if own := t.own.Get("facets"); own != nil && isMember(own, f.Decl) {
			continue
		}
		if m := t.own.Member(f.Name); m != nil {
			s.report(f.Type, m.Value)
			continue
		}
		if f.Required && t.own.Get("facets") == nil && t.isDeclared && t.declares(f) {
			s.problem(t.decl, "raml-user-facet-missing", "the facet %s is required by the type that is inherited; give it a value", clip(f.Name))
		}
	}
}

// isMember says whether a value is that of a member of an object.
func isMember(n, value *tree.Node) bool {
	for i := range n.Members {
		if n.Members[i].Value == value {
			return true
		}
	}
	return false
}

// declares says whether a type that is inherited directly declares a facet.
func (t *Type) declares(f *Field) bool {
	for _, p := range t.parents {
		if own := p.own.Get("facets"); own != nil && isMember(own, f.Decl) {
			return true
		}
	}
	return false
}

// judgeValues tells what is wrong with enum, default and examples.
func (t *Type) judgeValues() {
	s := t.set
	if f, ok := t.ownEnum(); ok {
		for _, v := range f.List() {
			c := &checker{set: s, skipEnum: t}
			c.check(t, v)
			s.adopt(c)
			s.reportSlash(t, v)
		}
		if again, _ := duplicate(f.List()); again != nil {
			s.warn(again, "raml-enum-duplicate", "the value stands in the enum before; leave one out")
		}
	}
	if m := t.own.Member("default"); m != nil {
		s.reportFor(t, t.annotated(m.Value))
	}
	example, examples := t.own.Member("example"), t.own.Member("examples")
	if example != nil && examples != nil {
		s.problem(examples.Value, "raml-example-and-examples", "example and examples exclude each other; keep examples")
	}
	if example != nil {
		t.judgeExample(example.Value)
	}
	if examples == nil {
		return
	}
	switch n := examples.Value; {
	case n.Is(tree.Object):
		for _, m := range n.Members {
			if !isAnnotation(m.Name) {
				t.judgeExample(m.Value)
			}
		}
	case n.Is(tree.Include) || n.Is(tree.Null):
	default:
		s.problem(n, "raml-examples-malformed", "examples must be an object of names and examples, not a %s; a single one is written as example", n.Kind)
	}
}

func (t *Type) ownEnum() (*tree.Node, bool) {
	n := t.annotated(t.own.Get("enum"))
	return n, n.Is(tree.Array) && t.kind != externalKind
}

// judgeExample holds an example against the type, unless it says that it isn't
// to be.
func (t *Type) judgeExample(n *tree.Node) {
	s := t.set
	value, explicit := Example(n)
	if !explicit {
		s.reportFor(t, n)
		return
	}
	for _, m := range n.Members {
		v := t.annotated(m.Value)
		switch m.Name {
		case "strict":
			if !v.Is(tree.Bool) {
				s.problem(v, "raml-example-malformed", "strict must be true or false")
			}
		case "displayName", "description":
			if !v.Is(tree.String) && !v.Is(tree.Number) && !v.Is(tree.Null) {
				s.problem(v, "raml-example-malformed", "%s of an example must be a text", m.Name)
			}
		}
	}
	if strict := t.annotated(n.Get("strict")); strict.Is(tree.Bool) && !strict.IsTrue() {
		c := &checker{set: s, loose: true}
		c.check(t, value)
		s.adopt(c)
		return
	}
	if t.kind == objectKind && t.fields.get("value") != nil && s.accepts(t, n) {
		return
	}
	s.reportFor(t, value)
}

// Example is the value of an example, which may stand as it is or, explicit, as
// the member value beside strict, displayName, description and annotations.
func Example(n *tree.Node) (value *tree.Node, explicit bool) {
	if n.Get("value") == nil {
		return n, false
	}
	for i := range n.Members {
		switch name := n.Members[i].Name; name {
		case "value", "strict", "displayName", "description":
		default:
			if !isAnnotation(name) {
				return n, false
			}
		}
	}
	return n.Get("value"), true
}

// reportFor holds a value against the type for what it is declared for.
func (s *Set) reportFor(t *Type, value *tree.Node) {
	s.report(t, value)
	s.reportSlash(t, value)
}

// reportSlash tells of a value of a URI parameter that would be two segments.
func (s *Set) reportSlash(t *Type, value *tree.Node) {
	if t.use == URI && value.Is(tree.String) && strings.Contains(value.Text, "/") {
		s.problem(value, "raml-uri-value", "the value of a URI parameter can't contain a slash")
	}
}
