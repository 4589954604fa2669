package dataweave

import (
	"errors"
	"slices"
)

func listFunctions() []builtin {
	on := func(name string, parameters int, apply func(c *arguments) (Value, error)) builtin {
		return builtin{name: name, module: moduleCore, min: 2, max: 2, parameters: parameters, apply: nullable(apply)}
	}
	arrays := func(b builtin) builtin { b.module = moduleArrays; return b }
	return []builtin{
		on("map", 2, mapList),
		on("flatMap", 2, func(c *arguments) (Value, error) { return c.flat(mapList(c)) }),
		on("filter", 2, filterList),
		on("reduce", 2, reduceList),
		on("groupBy", 2, groupBy),
		on("orderBy", 2, orderBy),
		on("distinctBy", 2, distinctBy),
		on("maxBy", 1, func(c *arguments) (Value, error) { return c.extreme(1) }),
		on("minBy", 1, func(c *arguments) (Value, error) { return c.extreme(-1) }),
		arrays(on("some", 1, func(c *arguments) (Value, error) { return c.quantified(true) })),
		arrays(on("every", 1, func(c *arguments) (Value, error) { return c.quantified(false) })),
		arrays(on("countBy", 1, countBy)),
		arrays(on("sumBy", 1, sumBy)),
		arrays(on("firstWith", 2, firstWith)),
		arrays(builtin{name: "take", min: 2, max: 2, apply: nullable(take)}),
		arrays(builtin{name: "drop", min: 2, max: 2, apply: nullable(drop)}),
		{name: "flatten", module: moduleCore, min: 1, max: 1, apply: nullable(func(c *arguments) (Value, error) { return c.flat(c.v[0], nil) })},
		{name: "indexOf", module: moduleCore, min: 2, max: 2, apply: indexOf},
		{name: "sum", module: moduleCore, min: 1, max: 1, apply: nullable(sum)},
		{name: "avg", module: moduleCore, min: 1, max: 1, apply: nullable(avg)},
		{name: "max", module: moduleCore, min: 1, max: 1, apply: nullable(func(c *arguments) (Value, error) { return c.extreme(1) })},
		{name: "min", module: moduleCore, min: 1, max: 1, apply: nullable(func(c *arguments) (Value, error) { return c.extreme(-1) })},
	}
}

// array is the first argument, which must be an Array.
func (c *arguments) array() ([]Value, error) {
	if c.v[0].kind != KindArray {
		return nil, wants("an Array", c.v[0])
	}
	list := elements(c.v[0])
	return list, c.r.spend(len(list) / 4)
}

func position(i int) Value { return Number(float64(i)) }

// each calls the function for every element.
func (c *arguments) each(visit func(item, result Value) error) error {
	list, err := c.array()
	if err != nil {
		return err
	}
	for i, item := range list {
		result, err := c.with(item, position(i))
		if err != nil {
			return err
		}
		if err := visit(item, result); err != nil {
			return err
		}
	}
	return nil
}

func mapList(c *arguments) (Value, error) {
	var list []Value
	err := c.each(func(_, result Value) error {
		list = append(list, noted(result, nil))
		return nil
	})
	if err != nil {
		return Value{}, err
	}
	return c.r.list(list)
}

func filterList(c *arguments) (Value, error) {
	list, err := c.array()
	if err != nil {
		return Value{}, err
	}
	var kept []Value
	for i, item := range list {
		ok, err := c.holds(item, position(i))
		if err != nil {
			return Value{}, err
		}
		if ok {
			kept = append(kept, item)
		}
	}
	return c.r.list(kept)
}

// reduceList begins with the default of the second parameter, or with the first
// element.
func reduceList(c *arguments) (Value, error) {
	list, err := c.array()
	if err != nil {
		return Value{}, err
	}
	var sofar Value
	if d := c.call.lambda.defaults; len(d) > 1 && d[1] != nil {
		if sofar, err = c.r.eval(d[1], c.own.parent); err != nil {
			return Value{}, err
		}
	} else if len(list) > 0 {
		sofar, list = list[0], list[1:]
	}
	for _, item := range list {
		if sofar, err = c.with(item, sofar); err != nil {
			return Value{}, err
		}
	}
	return sofar, nil
}

// flat takes the elements of Arrays out of them.
func (c *arguments) flat(v Value, err error) (Value, error) {
	if err != nil {
		return Value{}, err
	}
	if v.kind != KindArray {
		return Value{}, wants("an Array", v)
	}
	var list []Value
	for _, item := range elements(v) {
		switch item.kind {
		case KindArray:
			list = append(list, elements(item)...)
			if err := c.r.grow(48 * len(elements(item))); err != nil {
				return Value{}, err
			}
		case KindNull:
		default:
			list = append(list, item)
		}
	}
	return c.r.list(list)
}

func groupBy(c *arguments) (Value, error) {
	group := map[string]int{}
	var keys []string
	var lists [][]Value
	var objects [][]Entry
	find := func(by Value) (int, error) {
		key, err := by.Text()
		if err != nil {
			return 0, wants("text to group by", by)
		}
		i, ok := group[key]
		if !ok {
			i = len(keys)
			group[key] = i
			keys, lists, objects = append(keys, key), append(lists, nil), append(objects, nil)
		}
		return i, nil
	}
	var err error
	if c.v[0].kind == KindObject {
		pairs := c.v[0].Entries()
		for i := range pairs {
			by, err := c.with(pairs[i].Value, keyOf(&pairs[i]))
			if err != nil {
				return Value{}, err
			}
			at, err := find(by)
			if err != nil {
				return Value{}, err
			}
			objects[at] = append(objects[at], pairs[i])
		}
	} else if err = c.each(func(item, by Value) error {
		at, err := find(by)
		if err == nil {
			lists[at] = append(lists[at], item)
		}
		return err
	}); err != nil {
		return Value{}, err
	}
	made := make([]Entry, len(keys))
	for i, key := range keys {
		made[i].Key = key
		if objects[i] != nil {
			made[i].Value, err = c.r.object(objects[i])
		} else {
			made[i].Value, err = c.r.list(lists[i])
		}
		if err != nil {
			return Value{}, err
		}
	}
	return c.r.object(made)
}

// sorted gives the order of n elements by the keys of their function.
func (c *arguments) sorted(keys []Value) ([]int, error) {
	order := make([]int, len(keys))
	for i := range order {
		order[i] = i
	}
	var failed error
	slices.SortStableFunc(order, func(a, b int) int {
		if failed != nil {
			return 0
		}
		if err := c.r.spend(1); err != nil {
			failed = err
			return 0
		}
		n, err := compare(keys[a], keys[b])
		if err != nil {
			failed = errors.New("the order " + err.Error())
		}
		return n
	})
	return order, failed
}

func orderBy(c *arguments) (Value, error) {
	if c.v[0].kind == KindObject {
		return orderObject(c)
	}
	var keys []Value
	if err := c.each(func(_, key Value) error { keys = append(keys, key); return nil }); err != nil {
		return Value{}, err
	}
	order, err := c.sorted(keys)
	if err != nil {
		return Value{}, err
	}
	list, made := elements(c.v[0]), make([]Value, len(order))
	for i, at := range order {
		made[i] = list[at]
	}
	return c.r.list(made)
}

func orderObject(c *arguments) (Value, error) {
	pairs := c.v[0].Entries()
	keys := make([]Value, len(pairs))
	for i := range pairs {
		var err error
		if keys[i], err = c.with(pairs[i].Value, keyOf(&pairs[i])); err != nil {
			return Value{}, err
		}
	}
	order, err := c.sorted(keys)
	if err != nil {
		return Value{}, err
	}
	made := make([]Entry, len(order))
	for i, at := range order {
		made[i] = pairs[at]
	}
	return c.r.object(made)
}

func distinctBy(c *arguments) (Value, error) {
	seen := map[string]bool{}
	first := func(by Value) (bool, error) {
		id, err := c.r.identity(by)
		known := seen[id]
		seen[id] = true
		return !known, err
	}
	if c.v[0].kind == KindObject {
		var kept []Entry
		pairs := c.v[0].Entries()
		for i := range pairs {
			by, err := c.with(pairs[i].Value, keyOf(&pairs[i]))
			if err != nil {
				return Value{}, err
			}
			if ok, err := first(by); err != nil {
				return Value{}, err
			} else if ok {
				kept = append(kept, pairs[i])
			}
		}
		return c.r.object(kept)
	}
	var kept []Value
	err := c.each(func(item, by Value) error {
		ok, err := first(by)
		if ok {
			kept = append(kept, item)
		}
		return err
	})
	if err != nil {
		return Value{}, err
	}
	return c.r.list(kept)
}

// extreme is the greatest element (sign 1) or the least (sign -1), by the
// function if the call has one; null when there is none.
func (c *arguments) extreme(sign int) (Value, error) {
	list, err := c.array()
	if err != nil {
		return Value{}, err
	}
	var best, bestKey Value
	for i, item := range list {
		key := item
		if c.call.lambda != nil {
			if key, err = c.with(item); err != nil {
				return Value{}, err
			}
		}
		if err := c.r.spend(1); err != nil {
			return Value{}, err
		}
		if i > 0 {
			order, err := compare(key, bestKey)
			if err != nil {
				return Value{}, err
			}
			if order*sign <= 0 {
				continue
			}
		} else if _, err := compare(key, key); err != nil {
			return Value{}, err
		}
		best, bestKey = item, key
	}
	return best, nil
}

// quantified is some (any is true) or every.
func (c *arguments) quantified(some bool) (Value, error) {
	list, err := c.array()
	if err != nil {
		return Value{}, err
	}
	for _, item := range list {
		ok, err := c.holds(item)
		if err != nil {
			return Value{}, err
		}
		if ok == some {
			return Bool(some), nil
		}
	}
	return Bool(!some), nil
}

func countBy(c *arguments) (Value, error) {
	v, err := filterList(c)
	return position(len(elements(v))), err
}

func sumBy(c *arguments) (Value, error) {
	v, err := mapList(c)
	if err != nil {
		return Value{}, err
	}
	return c.total(elements(v))
}

func firstWith(c *arguments) (Value, error) {
	list, err := c.array()
	if err != nil {
		return Value{}, err
	}
	for i, item := range list {
		if ok, err := c.holds(item, position(i)); err != nil || ok {
			return item, err
		}
	}
	return Value{}, nil
}
