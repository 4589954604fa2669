package dataweave

import "strings"

// selectKind is the kind of one selector.
type selectKind uint8

const (
	selectKey      selectKind = iota // .key
	selectAll                        // .*key
	selectDeep                       // ..key
	selectDeepAll                    // ..*key
	selectAttr                       // .@name, .@
	selectIndex                      // [expression]
	selectRange                      // [a to b]
	selectFilter                     // [?(condition)]
	selectExists                     // ?
	selectAsserted                   // !
)

// selector is one of them.
type selector struct {
	kind   selectKind
	key    string
	space  *namespace
	index  scriptNode
	span   *rangeNode
	filter *lambda
	pos    int
}

// pathNode selects step by step.
type pathNode struct {
	base  scriptNode
	steps []selector
}

func (n *pathNode) eval(r *run, f *frame) (Value, error) {
	v, err := r.eval(n.base, f)
	found := true
	for i := range n.steps {
		if err != nil {
			return Value{}, err
		}
		if err := r.spend(1); err != nil {
			return Value{}, err
		}
		s := &n.steps[i]
		r.at = s.pos
		switch {
		case s.kind == selectExists:
			v, found = Bool(found), true
		case s.kind == selectAsserted && !found:
			return Value{}, errorf(s.pos, "what is selected is not there, and ! demands it")
		case s.kind == selectAsserted:
		case s.kind == selectAttr:
			v, found, err = s.attribute(r, v)
		case v.kind == KindNull:
			v, found = Value{}, false
		case i+1 < len(n.steps) && n.steps[i+1].kind == selectExists && v.kind != KindArray && v.kind != KindObject:
			v, found = Value{}, false
		default:
			v, found, err = s.apply(r, f, v)
		}
	}
	return v, err
}

// attribute selects one attribute, or all; from an Array, those that its values
// have.
func (s *selector) attribute(r *run, v Value) (Value, bool, error) {
	if v.kind == KindArray {
		var list []Value
		if err := r.spend(1 + len(elements(v))/2); err != nil {
			return Value{}, false, err
		}
		for _, item := range elements(v) {
			if item.kind == KindArray {
				continue
			}
			if one, ok, _ := s.attribute(r, item); ok {
				list = append(list, one)
			}
		}
		made, err := r.list(list)
		return made, len(list) > 0, err
	}
	attrs := attributesOf(v)
	switch {
	case attrs == nil:
		return Value{}, false, nil
	case s.key == "":
		return Value{kind: KindObject, ref: attrs}, true, nil
	}
	if err := r.spend(len(attrs.list) / 4); err != nil {
		return Value{}, false, err
	}
	for i := range attrs.list {
		if s.matches(&attrs.list[i]) {
			return attrs.list[i].Value, true, nil
		}
	}
	return Value{}, false, nil
}

func (s *selector) apply(r *run, f *frame, v Value) (Value, bool, error) {
	switch s.kind {
	case selectKey:
		return s.first(r, v)
	case selectAll:
		list, err := s.all(r, v, nil)
		if err != nil || len(list) == 0 {
			return Value{}, false, err
		}
		made, err := r.list(list)
		return made, true, err
	case selectDeep, selectDeepAll:
		list, err := s.deep(r, v, nil)
		if err != nil || len(list) == 0 {
			return Value{}, false, err
		}
		made, err := r.list(list)
		return made, true, err
	case selectRange:
		made, err := s.slice(r, f, v)
		return made, made.kind != KindNull, err
	case selectFilter:
		return s.matching(r, f, v)
	default:
		return s.at(r, f, v)
	}
}

// matches says whether an entry has the key that is selected; without a
// namespace any will do.
func (s *selector) matches(e *Entry) bool {
	return e.Key == s.key && (s.space == nil || e.space != nil && e.space.uri == s.space.uri)
}

// first selects the value of the first entry with the key; from an Array, those
// that its Objects have for it.
func (s *selector) first(r *run, v Value) (Value, bool, error) {
	switch v.kind {
	case KindObject:
		o, _ := v.AsObject()
		e, ordered := o.(*entries)
		if ordered && (e.index == nil || s.space != nil) {
			if err := r.spend(len(e.list) / 8); err != nil {
				return Value{}, false, err
			}
		}
		if !ordered || s.space == nil {
			item, ok := o.Get(s.key)
			return item, ok, nil
		}
		for i := range e.list {
			if s.matches(&e.list[i]) {
				return e.list[i].Value, true, nil
			}
		}
		return Value{}, false, nil
	case KindArray:
		var list []Value
		for _, item := range elements(v) {
			if err := r.spend(1); err != nil {
				return Value{}, false, err
			}
			if item.kind != KindObject {
				continue
			}
			one, ok, err := s.first(r, item)
			if err != nil {
				return Value{}, false, err
			}
			if ok {
				list = append(list, one)
			}
		}
		made, err := r.list(list)
		return made, len(list) > 0, err
	default:
		return Value{}, false, errorf(s.pos, "%s has no keys; only an Object or an Array of Objects has", article(v.kind))
	}
}

// all collects the values of all entries with the key.
func (s *selector) all(r *run, v Value, list []Value) ([]Value, error) {
	var err error
	switch v.kind {
	case KindObject:
		pairs := v.Entries()
		if err := r.spend(1 + len(pairs)/4); err != nil {
			return nil, err
		}
		for i := range pairs {
			if s.matches(&pairs[i]) {
				list = append(list, pairs[i].Value)
			}
		}
	case KindArray:
		if err := r.spend(1 + len(elements(v))/2); err != nil {
			return nil, err
		}
		for _, item := range elements(v) {
			if item.kind != KindObject {
				continue
			}
			if list, err = s.all(r, item, list); err != nil {
				return nil, err
			}
		}
	default:
		return nil, errorf(s.pos, "%s has no keys; only an Object or an Array of Objects has", article(v.kind))
	}
	return list, nil
}

// deep collects the values of the key from all Objects within a value.
func (s *selector) deep(r *run, v Value, list []Value) ([]Value, error) {
	if err := r.spend(1); err != nil {
		return nil, err
	}
	var err error
	for _, item := range elements(v) {
		if list, err = s.deep(r, item, list); err != nil {
			return nil, err
		}
	}
	found := false
	pairs := v.Entries()
	for i := range pairs {
		if s.matches(&pairs[i]) && (!found || s.kind == selectDeepAll) {
			found = true
			list = append(list, pairs[i].Value)
		}
		if list, err = s.deep(r, pairs[i].Value, list); err != nil {
			return nil, err
		}
	}
	return list, nil
}

// at selects by [n] and ['key'].
func (s *selector) at(r *run, f *frame, v Value) (Value, bool, error) {
	index, err := r.eval(s.index, f)
	if err != nil {
		return Value{}, false, err
	}
	if index.kind == KindString {
		named := selector{kind: selectKey, key: index.str, pos: s.pos}
		return named.first(r, v)
	}
	if !isPosition(index) {
		return Value{}, false, errorf(s.pos, "a selector needs a String or a whole Number, not %s", article(index.kind))
	}
	n := int(index.num)
	switch v.kind {
	case KindString:
		if err := r.spend(len(v.str) / 64); err != nil {
			return Value{}, false, err
		}
		one := runeAt(v.str, n)
		return one, one.kind != KindNull, nil
	case KindArray:
		list := elements(v)
		if n < 0 {
			n += len(list)
		}
		if n < 0 || n >= len(list) {
			return Value{}, false, nil
		}
		return list[n], true, nil
	case KindObject:
		pairs := v.Entries()
		if n < 0 {
			n += len(pairs)
		}
		if n < 0 || n >= len(pairs) {
			return Value{}, false, nil
		}
		return pairs[n].Value, true, nil
	default:
		return Value{}, false, errorf(s.pos, "%s has no positions", article(v.kind))
	}
}

// slice selects [a to b]; a position beyond the end makes it null.
func (s *selector) slice(r *run, f *frame, v Value) (Value, error) {
	from, to, err := s.span.bounds(r, f)
	if err != nil {
		return Value{}, err
	}
	var list []Value
	switch v.kind {
	case KindArray:
		list = elements(v)
	case KindString:
		if err := r.grow(48 * len(v.str)); err != nil {
			return Value{}, err
		}
		for _, c := range strings.Split(v.str, "") {
			list = append(list, String(c))
		}
	default:
		return Value{}, errorf(s.pos, "%s has no positions", article(v.kind))
	}
	if from < 0 {
		from += len(list)
	}
	if to < 0 {
		to += len(list)
	}
	if from < 0 || to < 0 || from >= len(list) || to >= len(list) {
		return Value{}, nil
	}
	var picked []Value
	for i := from; i <= to; i++ {
		picked = append(picked, list[i])
	}
	for i := from; i >= to && from > to; i-- {
		picked = append(picked, list[i])
	}
	if v.kind == KindArray {
		return r.list(picked)
	}
	var b strings.Builder
	for _, c := range picked {
		b.WriteString(c.str)
	}
	return r.text(b.String())
}

// matching selects [?(condition)]; nothing is null.
func (s *selector) matching(r *run, f *frame, v Value) (Value, bool, error) {
	own := s.filter.scope.frame(f)
	switch v.kind {
	case KindArray:
		var list []Value
		for i, item := range elements(v) {
			ok, err := s.filter.truth(r, own, s.pos, item, Number(float64(i)))
			if err != nil {
				return Value{}, false, err
			}
			if ok {
				list = append(list, item)
			}
		}
		if len(list) == 0 {
			return Value{}, false, nil
		}
		made, err := r.list(list)
		return made, true, err
	case KindObject:
		var list []Entry
		pairs := v.Entries()
		for i := range pairs {
			ok, err := s.filter.truth(r, own, s.pos, pairs[i].Value, keyOf(&pairs[i]))
			if err != nil {
				return Value{}, false, err
			}
			if ok {
				list = append(list, pairs[i])
			}
		}
		if len(list) == 0 {
			return Value{}, false, nil
		}
		made, err := r.object(list)
		return made, true, err
	default:
		return Value{}, false, errorf(s.pos, "[?…] filters an Array or an Object, not %s", article(v.kind))
	}
}

// truth calls a lambda that must give a Boolean.
func (n *lambda) truth(r *run, own *frame, pos int, values ...Value) (bool, error) {
	v, err := n.call(r, own, values...)
	if err != nil {
		return false, err
	}
	if v.kind != KindBool {
		return false, errorf(pos, "the condition must give a Boolean, not %s", article(v.kind))
	}
	return v.num == 1, nil
}
