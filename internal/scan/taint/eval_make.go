package taint

import (
	"strings"

	"farrier.dev/farrier/internal/dataweave/syntax"
	"farrier.dev/farrier/internal/mule"
)

// text is a text with what is put into it.
func (e *evaluator) text(n *syntax.String, f *frame) *Value {
	if len(n.Parts) == 1 && n.Parts[0].X == nil {
		return Constant(n.Parts[0].Text)
	}
	parts := make([]*Value, 0, len(n.Parts))
	nodes := make([]syntax.Node, 0, len(n.Parts))
	for i := range n.Parts {
		p := &n.Parts[i]
		if p.X == nil {
			parts, nodes = append(parts, Constant(p.Text)), append(nodes, nil)
			continue
		}
		parts, nodes = append(parts, e.eval(p.X, f)), append(nodes, p.X)
	}
	return e.concat(parts, nodes, f)
}

// concat puts a text together and notes that in the ways of what goes into it.
func (e *evaluator) concat(parts []*Value, nodes []syntax.Node, f *frame) *Value {
	into := e.within
	if into == "" {
		into = "a text"
	}
	for i, p := range parts {
		if nodes[i] == nil || !hasMarks(p) || assembled(p) && e.within == "" {
			continue
		}
		parts[i] = Stepped(p, e.place(f, nodes[i]), describe(p)+" becomes part of "+into)
	}
	return Concat(parts...)
}

// array is an array with its elements. One that is there under a condition counts
// as there.
func (e *evaluator) array(n *syntax.Array, f *frame) *Value {
	items := make([]*Value, 0, len(n.Items))
	var rest *Value
	spread := false
	for _, i := range n.Items {
		v := e.eval(i, f)
		if _, ok := i.(*syntax.Group); ok && v != nil && v.Type == ArrayType {
			rest, spread = Join(rest, Element(v)), true
		}
		items = append(items, v)
	}
	if !spread {
		return List(items...)
	}
	for _, v := range items {
		rest = Join(rest, v)
	}
	return ArrayOf(rest)
}

// object is an object with its fields. Of two fields of one name a selector takes
// the first.
func (e *evaluator) object(n *syntax.Object, f *frame) *Value {
	o := &Value{Type: ObjectType, Fields: make(map[string]*Value, len(n.Fields))}
	for _, d := range n.Fields {
		g := f
		if d.If != nil {
			e.eval(d.If, f)
			yes, _ := e.condition(d.If, f)
			g = e.given(f, yes)
		}
		if d.Key == nil {
			o.merge(e.eval(d.Value, g))
			continue
		}
		e.field(o, d, g)
	}
	return seal(o)
}

func (e *evaluator) field(o *Value, d *syntax.Field, f *frame) {
	key := e.eval(d.Key, f)
	before := e.within
	if name, ok := Text(key); ok {
		e.within = "the text of the field " + name
	}
	value := e.eval(d.Value, f)
	e.within = before
	names, ok := []string(nil), false
	if key != nil {
		names, ok = choicesOf(key)
	}
	if !ok {
		o.Rest, o.Keys = Join(o.Rest, value), Join(o.Keys, scalar(key))
		return
	}
	for _, name := range names {
		o.put(name, value, d.If != nil || len(names) > 1)
		if d.Attributes != nil {
			o.put(name+"@", e.object(d.Attributes, f), false)
		}
	}
}

// put gives an object that is being made a further field.
func (v *Value) put(name string, f *Value, maybe bool) {
	have, ok := v.Fields[name]
	switch {
	case ok && (maybe || v.Rest == nil):
		f = Join(have, f)
	case v.Rest != nil:
		f = Join(Join(have, v.Rest), f)
	}
	if !ok && len(v.Marks) > 0 {
		// What was spread before may have a field of this name.
		f = Join(part(v, "."+spell(name)), f)
	}
	if f == nil {
		f = &Value{weight: 1, depth: 1}
	}
	v.Fields[name] = f
}

// merge puts the fields of w, or of its elements, into an object that is being made.
func (v *Value) merge(w *Value) {
	if w == nil || w.Type == NullType {
		return
	}
	if v.Fields == nil {
		v.Fields = map[string]*Value{}
	}
	if w.Type == ArrayType {
		items, ok := Exact(w)
		if !ok {
			items = []*Value{Element(w)}
		}
		for _, i := range items {
			if i != nil && i.Type == ArrayType {
				i = flat(i)
			}
			v.merge(i)
		}
		return
	}
	for _, f := range sortedFields(w) {
		v.put(f.name, f.value, false)
	}
	v.Rest, v.Keys = Join(v.Rest, w.Rest), Join(v.Keys, w.Keys)
	v.Opaque = v.Opaque || w.Opaque
	v.Marks = mergeMarks(v.Marks, w.Marks)
}

// binary is an operator between two values.
func (e *evaluator) binary(n *syntax.Binary, f *frame) *Value {
	switch n.Op {
	case "++":
		return e.append(n, f)
	case "default":
		l, r := e.eval(n.Left, f), e.eval(n.Right, f)
		if _, ok := Text(l); ok {
			return l
		}
		return Join(l, r)
	case "+":
		if f.code != nil && f.code.Language == mule.MEL {
			return e.append(n, f)
		}
		return plus(e.eval(n.Left, f), e.eval(n.Right, f))
	case "-":
		l, r := e.eval(n.Left, f), e.eval(n.Right, f)
		if name, ok := Text(r); ok && r.Type == TextType {
			return Without(l, name)
		}
		return minus(l, r)
	case "--":
		l := e.eval(n.Left, f)
		e.eval(n.Right, f)
		return l
	case "<<", ">>":
		return plus(e.eval(n.Left, f), e.eval(n.Right, f))
	case "to":
		return ArrayOf(number(e.eval(n.Left, f), e.eval(n.Right, f)))
	case "=":
		return e.eval(n.Right, f)
	case "*", "/", "%":
		return number(e.eval(n.Left, f), e.eval(n.Right, f))
	}
	return e.truth(n, f)
}

// truth is a comparison, and or or.
func (e *evaluator) truth(n *syntax.Binary, f *frame) *Value {
	e.eval(n.Left, f)
	if n.Op == "and" || n.Op == "&&" {
		yes, _ := e.condition(n.Left, f)
		f = e.given(f, yes)
	}
	e.eval(n.Right, f)
	return Of(BoolType)
}

// plus is a sum, or an array with one more element.
func plus(l, r *Value) *Value {
	for _, pair := range [2][2]*Value{{l, r}, {r, l}} {
		if pair[0] != nil && pair[0].Type == ArrayType {
			if items, ok := Exact(pair[0]); ok {
				return List(append(items, pair[1])...)
			}
			return ArrayOf(Join(Element(pair[0]), pair[1]))
		}
	}
	if l != nil && l.Type == DateType || r != nil && r.Type == DateType {
		return harmlessly(DateType, l, r)
	}
	return number(l, r)
}

func minus(l, r *Value) *Value {
	if l != nil && (l.Type == ArrayType || l.Type == ObjectType) {
		return l
	}
	if l != nil && l.Type == DateType {
		return harmlessly(DateType, l, r)
	}
	return number(l, r)
}

// append is a ++ b ++ c: texts, arrays or objects one behind the other.
func (e *evaluator) append(n *syntax.Binary, f *frame) *Value {
	nodes := []syntax.Node{n.Right}
	left := n.Left
	for {
		b, ok := left.(*syntax.Binary)
		if !ok || b.Op != n.Op {
			break
		}
		nodes = append(nodes, b.Right)
		left = b.Left
	}
	nodes = append(nodes, left)
	for i, j := 0, len(nodes)-1; i < j; i, j = i+1, j-1 {
		nodes[i], nodes[j] = nodes[j], nodes[i]
	}
	parts := make([]*Value, len(nodes))
	for i, m := range nodes {
		parts[i] = e.eval(m, f)
	}
	return e.joined(parts, nodes, f, n.Op == "+")
}

// joined is the sum of parts, which is a text unless one of them is an array or an
// object.
func (e *evaluator) joined(parts []*Value, nodes []syntax.Node, f *frame, mel bool) *Value {
	numbers := mel
	for _, p := range parts {
		if p == nil || p.Type != NumberType {
			numbers = false
		}
	}
	if numbers {
		return number(parts...)
	}
	for _, p := range parts {
		if p == nil {
			continue
		}
		if p.Type == ArrayType {
			return appended(parts)
		}
		if p.Type == ObjectType || p.Type == AnyType && (p.Fields != nil || p.Rest != nil) {
			o := &Value{Type: ObjectType, Fields: map[string]*Value{}}
			for _, q := range parts {
				o.merge(q)
			}
			return seal(o)
		}
	}
	return e.concat(parts, nodes, f)
}

// appended is one array of the elements of all.
func appended(parts []*Value) *Value {
	var all []*Value
	exact := true
	for _, p := range parts {
		items, ok := Exact(p)
		exact = exact && ok
		all = append(all, items...)
	}
	if exact {
		return List(all...)
	}
	var rest *Value
	for _, p := range parts {
		rest = Join(rest, Element(p))
	}
	return ArrayOf(rest)
}

// cast is x as T and x is T.
func (e *evaluator) cast(n *syntax.Cast, f *frame) *Value {
	v := e.eval(n.X, f)
	if n.Is {
		return Of(BoolType)
	}
	var format *Value
	if n.Schema != nil {
		format = e.object(n.Schema, f)
	}
	return e.coerced(v, n.Type, f, format, maxDepth)
}

func (e *evaluator) coerced(v *Value, t syntax.Type, f *frame, format *Value, depth int) *Value {
	if v == nil || v.Type == NullType || depth == 0 {
		return v
	}
	name, ok := t.(*syntax.TypeName)
	if !ok {
		if c := choicesOfType(t); len(c) > 0 {
			return &Value{Type: v.Type, Choices: c, weight: 1, depth: 1}
		}
		return v
	}
	base := name.Name[strings.LastIndexByte(name.Name, ':')+1:]
	if known, ok := typeNames[base]; ok {
		return as(v, known, format)
	}
	for g := f; g != nil; g = g.parent {
		if alias, ok := g.types[base]; ok {
			return e.coerced(v, alias, g, format, depth-1)
		}
	}
	return v
}

// as is v as a value of a type.
func as(v *Value, t Type, format *Value) *Value {
	switch t {
	case NumberType, BoolType, DateType:
		if text, ok := Text(v); ok {
			return literal(t, text)
		}
		return harmlessly(t, v, format)
	case TextType:
		if v.Type == TextType || assembled(v) || len(v.Choices) > 0 {
			return v
		}
		c := *scalar(v)
		c.Type = TextType
		if format != nil {
			c.Marks = mergeMarks(c.Marks, Marks(format))
		}
		return &c
	case AnyType, NullType, ArrayType, ObjectType, FunctionType, BinaryType:
		return v
	}
	return v
}

// typeNames are the types that are cast to.
var typeNames = map[string]Type{
	"String": TextType, "Key": TextType, "CData": TextType, "Uri": TextType,
	"Number": NumberType, "Integer": NumberType, "Boolean": BoolType,
	"Date": DateType, "DateTime": DateType, "LocalDateTime": DateType, "Time": DateType, "LocalTime": DateType,
	"TimeZone": DateType, "Period": DateType,
	"Object": ObjectType, "Array": ArrayType, "Binary": BinaryType, "Any": AnyType,
	"string": TextType, "number": NumberType, "boolean": BoolType, "date": DateType, "datetime": DateType,
	"localdatetime": DateType, "localtime": DateType, "time": DateType, "period": DateType,
	"object": ObjectType, "array": ArrayType, "binary": BinaryType,
}

// choicesOfType are the constants that a type consists of; nil for other types.
func choicesOfType(t syntax.Type) []string {
	switch t := t.(type) {
	case *syntax.TypeLiteral:
		if s, ok := t.Value.(*syntax.String); ok && len(s.Parts) == 1 && s.Parts[0].X == nil {
			return []string{s.Parts[0].Text}
		}
	case *syntax.TypeUnion:
		var all []string
		for _, u := range t.Types {
			c := choicesOfType(u)
			if c == nil {
				return nil
			}
			all = append(all, c...)
		}
		if len(all) <= maxChoices {
			return all
		}
	}
	return nil
}
