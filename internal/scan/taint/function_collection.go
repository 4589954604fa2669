package taint

import "farrier.dev/farrier/internal/dataweave/syntax"

// collection is the result of a function over arrays and objects.
func (e *evaluator) collection(c *invocation, m *model) *Value {
	v := c.arg(0)
	fn := (*function)(nil)
	if m.body > 0 {
		fn = c.callback(m.body - 1)
	} else {
		c.evaluate()
	}
	if v == nil || v.Type == NullType {
		return v
	}
	switch m.result {
	case anElement:
		if fn != nil {
			e.apply(fn, c.bodyArgs(m, Element(v), v))
			return e.sure(fn, Element(v))
		}
		return Element(v)
	case someElements:
		return elementsOf(v)
	case filteredElements:
		return e.filterBy(v, fn, c, m)
	case mappedElements:
		return e.mapped(v, fn, c, m)
	case flatMapped:
		return flattenedOf(e.mapped(v, fn, c, m))
	case mappedObject:
		return e.mappedFields(v, fn)
	case pluckedObject:
		return e.plucked(v, fn)
	case grouped:
		key := e.apply(fn, c.bodyArgs(m, Element(v), v))
		return seal(&Value{Type: ObjectType, Rest: ArrayOf(Element(v)), Keys: dynamic(key)})
	case reduced:
		return e.reduce(v, fn)
	case keys:
		return ArrayOf(keysOf(v))
	case entries:
		return ArrayOf(ObjectOf(map[string]*Value{"key": keysOf(v), "value": Element(v), "attributes": part(v, "")}))
	case flattened:
		return flattenedOf(v)
	case zipped:
		return ArrayOf(List(Element(v), Element(c.arg(1))))
	case unzipped:
		return ArrayOf(ArrayOf(Element(Element(v))))
	case least:
		if one := Element(v); one != nil {
			if items, ok := Exact(v); ok && len(items) > 1 && anyKnown(items) {
				return Clean(one, Size)
			}
			return one
		}
		return nil
	default:
		return mix(c.args)
	}
}

func anyKnown(items []*Value) bool {
	for _, i := range items {
		if Known(i) {
			return true
		}
	}
	return false
}

// dynamic is a key as the keys of an object keep it.
func dynamic(key *Value) *Value {
	if key == nil || Known(key) {
		return nil
	}
	return scalar(key)
}

// elementsOf is an array of some elements of v, or a part of a text.
func elementsOf(v *Value) *Value {
	switch v.Type {
	case TextType:
		return cutting(v)
	case AnyType:
		if v.Fields == nil && v.Rest == nil {
			return scalarPart(v)
		}
	case NullType, BoolType, NumberType, DateType, ArrayType, ObjectType, FunctionType, BinaryType:
	}
	return ArrayOf(Element(v))
}

func scalarPart(v *Value) *Value {
	c := *v
	c.Pieces, c.Choices, c.Alternatives, c.function = nil, nil, nil, nil
	return &c
}

func flattenedOf(v *Value) *Value {
	if v == nil {
		return nil
	}
	if items, ok := Exact(v); ok {
		var all []*Value
		exact := true
		for _, i := range items {
			inner, ok := Exact(i)
			exact = exact && ok
			all = append(all, inner...)
		}
		if exact {
			return List(all...)
		}
	}
	x := Element(v)
	if x != nil && x.Type == ArrayType {
		return ArrayOf(Element(x))
	}
	return ArrayOf(Join(x, Element(x)))
}

// mapped is an array of what a function gives for the elements.
func (e *evaluator) mapped(v *Value, fn *function, c *invocation, m *model) *Value {
	if items, ok := Exact(v); ok && len(items) <= maxEach {
		out := make([]*Value, len(items))
		for i, x := range items {
			out[i] = e.apply(fn, c.bodyArgs(m, x, v))
		}
		return List(out...)
	}
	return ArrayOf(e.apply(fn, c.bodyArgs(m, Element(v), v)))
}

// eachField calls f for every field of an object, or once for all that are not
// told apart.
func eachField(v *Value, f func(value, key *Value)) {
	closed := v.Type == ObjectType && v.Rest == nil && len(v.Marks) == 0 && !v.Opaque && v.Keys == nil
	if closed && len(v.Fields) <= maxEach {
		for _, d := range sortedFields(v) {
			f(d.value, Constant(d.name))
		}
		return
	}
	f(Element(v), keysOf(v))
}

func (e *evaluator) mappedFields(v *Value, fn *function) *Value {
	o := &Value{Type: ObjectType, Fields: map[string]*Value{}}
	eachField(v, func(value, key *Value) {
		o.merge(e.apply(fn, []*Value{value, key, Of(NumberType)}))
	})
	return seal(o)
}

func (e *evaluator) plucked(v *Value, fn *function) *Value {
	var all []*Value
	eachField(v, func(value, key *Value) {
		all = append(all, e.apply(fn, []*Value{value, key, Of(NumberType)}))
	})
	if len(all) == 1 {
		return ArrayOf(all[0])
	}
	return List(all...)
}

// reduce is what a function gathers of an array.
func (e *evaluator) reduce(v *Value, fn *function) *Value {
	if fn == nil {
		return Element(v)
	}
	var start *Value
	given := false
	for i := range fn.closures {
		if l := fn.closures[i].lambda; l != nil && len(l.Params) > 1 && l.Params[1].Default != nil {
			start, given = e.eval(l.Params[1].Default, fn.closures[i].frame), true
		}
	}
	if items, ok := Exact(v); ok && len(items) > 0 && len(items) <= maxEach {
		if !given {
			start, items = items[0], items[1:]
		}
		for _, x := range items {
			start = e.apply(fn, []*Value{x, start})
		}
		return start
	}
	x := Element(v)
	if !given {
		start = x
	}
	return e.gathered(fn, x, start)
}

// gathered runs a function on what it gave before, until that changes no more.
func (e *evaluator) gathered(fn *function, x, start *Value) *Value {
	const rounds = 4
	for range rounds {
		next := Join(start, e.apply(fn, []*Value{x, start}))
		if Equal(next, start) {
			return start
		}
		start = next
	}
	return Join(start, mix([]*Value{e.apply(fn, []*Value{x, start})}))
}

// fieldNames are the constants that a node names, for functions that take the path
// of a field.
func (e *evaluator) fieldNames(n syntax.Node, f *frame) []string {
	v := e.eval(n, f)
	if t, ok := Text(v); ok {
		return []string{t}
	}
	if items, ok := Exact(v); ok {
		var names []string
		for _, i := range items {
			t, ok := Text(i)
			if !ok {
				return nil
			}
			names = append(names, t)
		}
		return names
	}
	return nil
}
