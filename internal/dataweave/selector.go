package dataweave

import (
	"math"
	"unicode/utf8"
)

// path selects step by step, from a top-level name or from any other value.
type path struct {
	root  string // a top-level name, or "" when base is set
	base  node
	steps []step
}

// step is one selector: .key, ['key'], [n] or [expression].
type step struct {
	selector Value // a String or a whole Number
	index    node  // computes the selector instead
	pos      int
}

func (n *path) eval(env Env) (Value, error) {
	var v Value
	var err error
	if n.base != nil {
		v, err = n.base.eval(env)
	} else if env != nil {
		v, _ = env.Lookup(n.root)
	}
	for i := range n.steps {
		if err != nil || v.kind == KindNull {
			return v, err
		}
		v, err = n.steps[i].apply(v, env)
	}
	return v, err
}

func (s *step) apply(v Value, env Env) (Value, error) {
	selector := s.selector
	if s.index != nil {
		var err error
		if selector, err = s.index.eval(env); err != nil {
			return Value{}, err
		}
	}
	switch selector.kind {
	case KindString:
		return s.key(v, selector.str)
	case KindNumber:
		return s.at(v, selector)
	case KindNull, KindBool, KindArray, KindObject:
	}
	return Value{}, errorf(s.pos, "a selector needs a String or a Number, not %s", article(selector.kind))
}

// key selects by name; from an Array, the values that its Objects have for it.
func (s *step) key(v Value, key string) (Value, error) {
	if o, ok := v.AsObject(); ok {
		item, _ := o.Get(key)
		return item, nil
	}
	a, ok := v.AsArray()
	if !ok {
		return Value{}, errorf(s.pos, "%s has no keys; only an Object or an Array of Objects has", article(v.kind))
	}
	var items []Value
	for i := range a.Len() {
		if o, ok := a.At(i).AsObject(); ok {
			if item, ok := o.Get(key); ok {
				items = append(items, item)
			}
		}
	}
	return NewArray(items...), nil
}

// at selects by position, from the end when i is negative; outside is null.
func (s *step) at(v, position Value) (Value, error) {
	if !isPosition(position) {
		return Value{}, errorf(s.pos, "a position must be a whole number")
	}
	n := int(position.num)
	if v.kind == KindString {
		return runeAt(v.str, n), nil
	}
	a, ok := v.AsArray()
	if !ok {
		return Value{}, errorf(s.pos, "%s has no positions; select a value of an Object by its key", article(v.kind))
	}
	if n < 0 {
		n += a.Len()
	}
	if n < 0 || n >= a.Len() {
		return Value{}, nil
	}
	return a.At(n), nil
}

func isPosition(v Value) bool {
	return v.kind == KindNumber && v.num == math.Trunc(v.num) && math.Abs(v.num) <= maxExact
}

// runeAt returns the character at i as a part of s, which copies nothing.
func runeAt(s string, i int) Value {
	for ; i < 0 && s != ""; i++ {
		_, size := utf8.DecodeLastRuneInString(s)
		if i == -1 {
			return String(s[len(s)-size:])
		}
		s = s[:len(s)-size]
	}
	for ; i >= 0 && s != ""; i-- {
		_, size := utf8.DecodeRuneInString(s)
		if i == 0 {
			return String(s[:size])
		}
		s = s[size:]
	}
	return Value{}
}
