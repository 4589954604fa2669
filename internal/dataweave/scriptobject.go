package dataweave

import "errors"

func objectFunctions() []builtin {
	core := func(name string, parameters int, apply func(c *arguments) (Value, error)) builtin {
		arity := 1
		if parameters > 0 {
			arity = 2
		}
		return builtin{name: name, module: moduleCore, min: arity, max: arity, parameters: parameters, apply: nullable(apply)}
	}
	keys := func(c *arguments) (Value, error) {
		return c.fromEntries(func(e *Entry) (Value, error) { return keyOf(e), nil })
	}
	values := func(c *arguments) (Value, error) {
		return c.fromEntries(func(e *Entry) (Value, error) { return noted(e.Value, nil), nil })
	}
	pairs := func(c *arguments) (Value, error) { return c.fromEntries(c.pair) }
	return []builtin{
		core("mapObject", 3, mapObjectFunction),
		core("filterObject", 3, filterObject),
		core("pluck", 3, pluck),
		core("keysOf", 0, keys), core("namesOf", 0, keys), core("valuesOf", 0, values), core("entriesOf", 0, pairs),
		{name: "keySet", module: moduleObjects, min: 1, max: 1, apply: nullable(keys)},
		{name: "valueSet", module: moduleObjects, min: 1, max: 1, apply: nullable(values)},
		{name: "mergeWith", module: moduleObjects, min: 2, max: 2, apply: mergeWith},
		{name: "sizeOf", module: moduleCore, min: 1, max: 1, apply: size},
		{name: "isEmpty", module: moduleCore, min: 1, max: 1, apply: isEmpty},
		{name: "contains", module: moduleCore, min: 2, max: 2, regex: true, apply: containsAny},
		{name: "typeOf", module: moduleCore, min: 1, max: 1, apply: func(c *arguments) (Value, error) { return String(c.v[0].kind.String()), nil }},
		{name: "now", module: moduleCore, apply: now},
	}
}

// object is the first argument, which must be an Object.
func (c *arguments) object() ([]Entry, error) {
	if c.v[0].kind != KindObject {
		return nil, wants("an Object", c.v[0])
	}
	list := c.v[0].Entries()
	return list, c.r.spend(len(list) / 4)
}

// fromEntries makes an Array of the entries of an Object.
func (c *arguments) fromEntries(convert func(e *Entry) (Value, error)) (Value, error) {
	list, err := c.object()
	if err != nil {
		return Value{}, err
	}
	var made []Value
	for i := range list {
		v, err := convert(&list[i])
		if err != nil {
			return Value{}, err
		}
		made = append(made, v)
	}
	return c.r.list(made)
}

// pair is an entry as entriesOf gives it.
func (c *arguments) pair(e *Entry) (Value, error) {
	attrs := NewEntries(nil)
	if a := attributesOf(e.Value); a != nil {
		attrs = Value{kind: KindObject, ref: a}
	}
	return c.r.object([]Entry{{Key: "key", Value: keyOf(e)}, {Key: "value", Value: noted(e.Value, nil)}, {Key: "attributes", Value: attrs}})
}

// mapObjectFunction joins the Objects that its function gives.
func mapObjectFunction(c *arguments) (Value, error) {
	list, err := c.object()
	if err != nil {
		return Value{}, err
	}
	var made []Entry
	for i := range list {
		v, err := c.with(list[i].Value, keyOf(&list[i]), position(i))
		if err != nil {
			return Value{}, err
		}
		switch v.kind {
		case KindObject:
			made = append(made, v.Entries()...)
			if err := c.r.spend(len(v.Entries())); err != nil {
				return Value{}, err
			}
		case KindNull:
		default:
			return Value{}, errors.New("the function must give an Object, as in { ($$): $ }, not " + article(v.kind))
		}
	}
	return c.r.object(made)
}

func filterObject(c *arguments) (Value, error) {
	list, err := c.object()
	if err != nil {
		return Value{}, err
	}
	var kept []Entry
	for i := range list {
		ok, err := c.holds(list[i].Value, keyOf(&list[i]), position(i))
		if err != nil {
			return Value{}, err
		}
		if ok {
			kept = append(kept, list[i])
		}
	}
	return c.r.object(kept)
}

func pluck(c *arguments) (Value, error) {
	i := -1
	return c.fromEntries(func(e *Entry) (Value, error) {
		i++
		v, err := c.with(e.Value, keyOf(e), position(i))
		return noted(v, nil), err
	})
}

// mergeWith puts the entries of the second Object in the place of those of the
// first that have their keys.
func mergeWith(c *arguments) (Value, error) {
	if c.v[0].kind == KindNull || c.v[1].kind == KindNull {
		if c.v[0].kind == KindNull {
			return c.v[1], nil
		}
		return c.v[0], nil
	}
	list, err := c.object()
	if err != nil {
		return Value{}, err
	}
	if c.v[1].kind != KindObject {
		return Value{}, wants("an Object", c.v[1])
	}
	if err := c.r.spend(len(list) + len(c.v[1].Entries())); err != nil {
		return Value{}, err
	}
	gone := map[string]bool{}
	for _, e := range c.v[1].Entries() {
		gone[e.Key] = true
	}
	var made []Entry
	for _, e := range list {
		if !gone[e.Key] {
			made = append(made, e)
		}
	}
	return c.r.object(append(made, c.v[1].Entries()...))
}

func size(c *arguments) (Value, error) {
	switch c.v[0].kind {
	case KindArray:
		return position(len(elements(c.v[0]))), nil
	case KindObject:
		return position(len(c.v[0].Entries())), nil
	default:
		if err := c.r.spend(len(c.v[0].str) / 64); err != nil {
			return Value{}, err
		}
		return sizeOf(c.v[0], Value{})
	}
}

func isEmpty(c *arguments) (Value, error) {
	switch c.v[0].kind {
	case KindNull:
		return Bool(true), nil
	case KindArray:
		return Bool(len(elements(c.v[0])) == 0), nil
	case KindObject:
		return Bool(len(c.v[0].Entries()) == 0), nil
	case KindString:
		return Bool(c.v[0].str == ""), nil
	default:
		return Value{}, wants("an Array, an Object or a String", c.v[0])
	}
}

func containsAny(c *arguments) (Value, error) {
	if c.v[0].kind == KindNull {
		return Bool(false), nil
	}
	if c.v[0].kind == KindArray && c.call.regex == nil {
		for _, item := range elements(c.v[0]) {
			if same, err := c.r.same(item, c.v[1]); same || err != nil {
				return Bool(same), err
			}
		}
		return Bool(false), nil
	}
	text, err := c.text(0)
	if err != nil {
		return Value{}, err
	}
	if c.call.regex != nil {
		return Bool(c.call.regex.find.MatchString(text)), c.r.search(text)
	}
	return contains(String(text), c.v[1])
}
