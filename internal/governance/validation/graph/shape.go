package graph

import (
	"slices"
	"strconv"

	"farrier.dev/farrier/internal/encoding/tree"
	"farrier.dev/farrier/internal/spec"
)

// shape makes the node of a schema, once for each place where one is written.
func (b *builder) shape(c cursor, name string) *Node {
	if !c.there() {
		return nil
	}
	if known := b.shapes[c.Node]; known != nil {
		return known
	}
	if b.building[c.Node] {
		return b.recursive(c, name)
	}
	b.building[c.Node] = true
	defer delete(b.building, c.Node)
	if ref := c.Get("$ref"); ref.Is(tree.String) {
		return b.referred(c, name, ref.Text)
	}
	var n *Node
	if types := nullable(c); b.doc.Root != nil && types != nil {
		n = b.nullable(c, name, types)
	} else {
		n = b.plain(c, name)
	}
	b.shapes[c.Node] = n
	return n
}

// referred is what a reference leads to: the shape of another place, or one of
// its own when something is said beside the reference and counts.
func (b *builder) referred(c cursor, name, ref string) *Node {
	to, declared := b.target(c, ref)
	if !to.there() {
		return b.named(c, name, classesAny)
	}
	n := b.declared(to, declared)
	if len(c.Members) < 2 || n == nil || b.doc.Language == spec.OpenAPI30 || b.doc.Language == spec.OpenAPI20 {
		return n
	}
	own := b.alias(n, name)
	own.At = c.place()
	b.annotations(own, c)
	b.extensions(own, c)
	b.shapes[c.Node] = own
	return own
}

// declared is the shape that is declared under a name. One that is but another
// name of a type is a type of its own.
func (b *builder) declared(c cursor, name string) *Node {
	if known := b.shapes[c.Node]; known != nil {
		return known
	}
	n := b.shape(c, name)
	if !c.Get("$ref").Is(tree.String) || n == nil || b.shapes[c.Node] != nil {
		return n
	}
	alias := b.alias(n, name)
	b.shapes[c.Node] = alias
	return alias
}

// alias is a shape under another name.
func (b *builder) alias(of *Node, name string) *Node {
	values := 0
	for i := range of.fields {
		values += len(of.fields[i].Values)
	}
	if !b.spend(values) {
		return of
	}
	n := b.Add(of.At, of.Classes...)
	n.fields = make([]Field, len(of.fields))
	for i, f := range of.fields {
		n.fields[i] = Field{f.Property, slices.Clone(f.Values)}
	}
	n.remove(propSources)
	n.Set(propShapeName, name)
	return n
}

func (b *builder) named(c cursor, name string, classes []string) *Node {
	n := b.Add(c.place(), classes...)
	if name != "" {
		n.Set(propShapeName, name)
	}
	return n
}

// recursive stands where a type would contain itself.
func (b *builder) recursive(c cursor, name string) *Node {
	n := b.named(c, name, classesRecursive)
	n.Add(nsShapes+"fixPoint", Value{IRI: tree.Pointer(c.place().Path())})
	return n
}

// nullable gives the types of a schema that allows null beside others; nil for
// all others.
func nullable(c cursor) []string {
	types := typesOf(c)
	if c.Get("nullable").IsTrue() && len(types) <= 1 {
		return append(types, "null")
	}
	if len(types) > 1 {
		return types
	}
	return nil
}

func typesOf(c cursor) []string {
	t := c.Get("type")
	if t.Is(tree.String) {
		return []string{t.Text}
	}
	var types []string
	for _, item := range t.List() {
		types = append(types, item.Str())
	}
	return types
}

// nullable is a union of what the schema allows and null.
func (b *builder) nullable(c cursor, name string, types []string) *Node {
	n := b.named(c, name, classesUnion)
	if len(types) == 1 {
		// Nothing but null was added to a schema without a type.
		types = append([]string{""}, types...)
	}
	for _, t := range types {
		if t == "null" {
			n.Link(nsShapes+"anyOf", b.Add(c.place(), classesNil...))
			continue
		}
		n.Link(nsShapes+"anyOf", b.typed(c, name, t))
	}
	return n
}

func (b *builder) plain(c cursor, name string) *Node {
	t := c.Get("type").Str()
	if one := typesOf(c); len(one) == 1 {
		t = one[0]
	}
	return b.typed(c, name, t)
}

// typed makes the node of a schema as if it had the given type.
func (b *builder) typed(c cursor, name, t string) *Node {
	if t == "" {
		t = inferred(c)
	}
	n := b.named(c, name, b.classesOf(c, t))
	switch t {
	case "object":
		b.object(n, c)
	case "array":
		b.array(n, c)
	case "string", "number", "integer", "boolean":
		n.Add(propDatatype, Value{IRI: datatype(t, c.Get("format").Str())})
		b.facets(n, c)
	}
	b.annotations(n, c)
	b.combined(n, c)
	b.extensions(n, c)
	return n
}

// object adds the properties of an object.
func (b *builder) object(n *Node, c cursor) {
	n.setText(nsShapes+"minProperties", c.Get("minProperties"))
	n.setText(nsShapes+"maxProperties", c.Get("maxProperties"))
	more := c.get("additionalProperties")
	n.Set(nsShacl+"closed", more.Is(tree.Bool) && more.Text == "false")
	if more.Is(tree.Object) {
		n.Link(nsShacl+"additionalPropertiesSchema", b.shape(more, "additionalProperties"))
	}
	b.discriminator(n, c.get("discriminator"))
	required := map[string]*tree.Node{}
	for _, r := range c.Get("required").List() {
		required[r.Str()] = r
	}
	for name, p := range c.get("properties").names() {
		n.Link(nsShacl+"property", b.property(p, name, required[name] != nil))
		delete(required, name)
	}
	for item := range c.get("required").items() {
		if required[item.Str()] == nil {
			continue
		}
		delete(required, item.Str())
		p := b.Add(item.place(), classesProperty...)
		p.Set(propShapeName, item.Str())
		p.Set(nsShacl+"minCount", 1)
		p.Add(nsShacl+"path", Value{IRI: nsData + item.Str()})
		p.Link(nsShapes+"range", b.Add(item.place(), classesAny...))
		n.Link(nsShacl+"property", p)
	}
	for pattern, p := range c.get("patternProperties").names() {
		s := b.property(p, pattern, false)
		s.Set(nsShapes+"patternName", pattern)
		n.Link(nsShacl+"property", s)
	}
}

func (b *builder) property(c cursor, name string, required bool) *Node {
	key := place{c.File(), int(c.line), int(c.column), name}
	if b.projected {
		// Properties that RAML types inherit are written once.
		if known := b.properties[key]; known != nil {
			return known
		}
	}
	p := b.Add(c.place(), classesProperty...)
	if b.projected {
		b.properties[key] = p
	}
	p.Add(nsShacl+"path", Value{IRI: nsData + name})
	p.Link(nsShapes+"range", b.shape(c, name))
	least := 0
	if required {
		least = 1
	}
	p.Set(nsShacl+"minCount", least)
	p.Set(propShapeName, name)
	return p
}

func (b *builder) discriminator(n *Node, c cursor) {
	if c.Is(tree.String) {
		n.Set(nsShapes+"discriminator", c.Text)
		return
	}
	n.setText(nsShapes+"discriminator", c.Get("propertyName"))
	for value, to := range c.get("mapping").names() {
		m := b.Add(to.place(), classesMapEntry...)
		m.Set(nsShapes+"discriminatorValue", value)
		n.Link(nsShapes+"discriminatorValueMapping", m)
	}
}

func (b *builder) array(n *Node, c cursor) {
	if items := c.get("items"); items.Is(tree.Object) || items.Is(tree.Bool) {
		n.Link(nsShapes+"items", b.shape(items, "items"))
	} else {
		n.Link(nsShapes+"items", b.Add(c.place(), classesAny...))
	}
	n.setText(nsShacl+"minCount", c.Get("minItems"))
	n.setText(nsShacl+"maxCount", c.Get("maxItems"))
	n.setText(nsShapes+"uniqueItems", c.Get("uniqueItems"))
	n.setText(nsShapes+"collectionFormat", c.Get("collectionFormat"))
}

// facets are the bounds of a scalar.
func (b *builder) facets(n *Node, c cursor) {
	n.setText(nsShacl+"pattern", c.Get("pattern"))
	if p := n.Text(nsShacl + "pattern"); b.projected && p != "" {
		n.Set(nsShacl+"pattern", ramlPattern(p))
	}
	n.setText(nsShacl+"minLength", c.Get("minLength"))
	n.setText(nsShacl+"maxLength", c.Get("maxLength"))
	n.setText(nsShacl+"minInclusive", c.Get("minimum"))
	n.setText(nsShacl+"maxInclusive", c.Get("maximum"))
	n.setText(nsShacl+"minExclusive", c.Get("exclusiveMinimum"))
	n.setText(nsShacl+"maxExclusive", c.Get("exclusiveMaximum"))
	n.setText(nsShapes+"multipleOf", c.Get("multipleOf"))
	n.setText(nsShapes+"format", c.Get("format"))
}

// annotations is what every schema may say.
func (b *builder) annotations(n *Node, c cursor) {
	n.setText(propName, c.Get("title"))
	n.setText(propDescription, c.Get("description"))
	for _, flag := range []string{"readOnly", "writeOnly", "deprecated"} {
		if c.Get(flag).IsTrue() {
			n.Set(nsShapes+flag, true)
		}
	}
	b.shapeValues(n, c)
	n.Link(nsCore+"documentation", b.documentation(c.get("externalDocs")))
	if x := c.get("xml"); x.Is(tree.Object) {
		s := b.Add(x.place(), classesXML...)
		s.Set(nsShapes+"xmlAttribute", x.Get("attribute").IsTrue())
		s.Set(nsShapes+"xmlWrapped", x.Get("wrapped").IsTrue())
		s.setText(nsShapes+"xmlName", x.Get("name"))
		n.Link(nsShapes+"xmlSerialization", s)
	}
	b.examples(n, nil, c, "")
}

// shapeValues adds the values that are allowed and the default.
func (b *builder) shapeValues(n *Node, c cursor) {
	enum := c.get("enum")
	if one := c.get("const"); one.there() {
		list := b.Add(one.place(), classesSequence...)
		list.Link(nsRDFS+"_1", b.data(one, "", new(int)))
		n.Link(nsShacl+"in", list)
	} else if enum.Is(tree.Array) {
		list, counted := b.Add(enum.place(), classesSequence...), new(int)
		for v := range enum.items() {
			list.Link(nsRDFS+"_"+strconv.Itoa(len(list.fields)+1), b.data(v, "", counted))
		}
		n.Link(nsShacl+"in", list)
	}
	if d := c.get("default"); d.there() {
		n.Link(nsShacl+"defaultValue", b.data(d, "", new(int)))
		if s, ok := scalar(d.Node); ok {
			n.Set(nsShacl+"defaultValueStr", Value{Scalar: s}.String())
		}
	}
}

// combined adds the schemas that a schema is put together from.
func (b *builder) combined(n *Node, c cursor) {
	for _, k := range []struct{ keyword, property string }{
		{"allOf", nsShacl + "and"}, {"anyOf", nsShacl + "or"}, {"oneOf", nsShacl + "xone"},
	} {
		property, i := k.property, 0
		if b.projected && k.keyword != "allOf" {
			property = nsShapes + "anyOf"
		}
		for item := range c.get(k.keyword).items() {
			n.Link(property, b.shape(item, "item"+strconv.Itoa(i)))
			i++
		}
	}
	if not := c.get("not"); not.there() {
		n.Link(nsShacl+"not", b.shape(not, "not"))
	}
}
