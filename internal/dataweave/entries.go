package dataweave

import "slices"

// Entry is one key of an Object with its value. In Objects of entries the order
// counts and keys may repeat.
type Entry struct {
	Key   string
	Value Value

	space *namespace
}

// namespace is that of an XML name.
type namespace struct{ prefix, uri string }

// notes are what XML tells of a value besides its content. A value that an
// element held carries the element's, and so does the text of a key, so that
// a key which is written again keeps them.
type notes struct {
	space *namespace
	attrs *entries
}

// entries is an ordered Object, keys may repeat.
type entries struct {
	list  []Entry
	depth int
	notes *notes
	// index finds the first entry of a key in a long list.
	index map[string]int
}

// manyEntries is the length from which an Object has an index.
const manyEntries = 64

// NewEntries returns an Object that keeps the order of its entries, which the
// caller no longer changes. Keys may repeat; a selector finds the first.
func NewEntries(list []Entry) Value {
	e := &entries{list: list}
	for i := range list {
		e.depth = max(e.depth, nesting(list[i].Value))
	}
	e.depth++
	if len(list) >= manyEntries {
		e.index = make(map[string]int, len(list))
		for i := range list {
			if _, ok := e.index[list[i].Key]; !ok {
				e.index[list[i].Key] = i
			}
		}
	}
	return Value{kind: KindObject, ref: e}
}

// Entries returns the entries of an Object, nil for any other value: in their
// order where it has one (NewEntries), else sorted by their keys. The caller does
// not change the slice.
func (v Value) Entries() []Entry {
	o, ok := v.AsObject()
	if !ok {
		return nil
	}
	if e, ok := o.(*entries); ok {
		return e.list
	}
	keys := slices.Sorted(slices.Values(o.Keys())) // some have no order of their own
	list := make([]Entry, 0, len(keys))
	for _, key := range keys {
		item, _ := o.Get(key)
		list = append(list, Entry{Key: key, Value: item})
	}
	return list
}

// Get implements Object.
func (e *entries) Get(key string) (Value, bool) {
	if e.index != nil {
		if i, ok := e.index[key]; ok {
			return e.list[i].Value, true
		}
		return Value{}, false
	}
	for i := range e.list {
		if e.list[i].Key == key {
			return e.list[i].Value, true
		}
	}
	return Value{}, false
}

// Len implements Object.
func (e *entries) Len() int { return len(e.Keys()) }

// Keys implements Object.
func (e *entries) Keys() []string {
	keys := make([]string, 0, len(e.list))
	seen := make(map[string]bool, len(e.list))
	for i := range e.list {
		if key := e.list[i].Key; !seen[key] {
			seen[key] = true
			keys = append(keys, key)
		}
	}
	return keys
}

// items is an Array that knows how deep it is.
type items struct {
	list  []Value
	depth int
	notes *notes
}

// Len implements Array.
func (a *items) Len() int { return len(a.list) }

// At implements Array.
func (a *items) At(i int) Value { return a.list[i] }

// elements are those of an Array, nil for any other value. They must not be
// changed.
func elements(v Value) []Value {
	switch a := v.ref.(type) {
	case *items:
		return a.list
	case sliceArray:
		return a
	case Array:
		if v.kind != KindArray {
			return nil
		}
		list := make([]Value, a.Len())
		for i := range list {
			list[i] = a.At(i)
		}
		return list
	}
	return nil
}

// nesting is how deep Arrays and Objects lie within each other. Those that
// callers implement are not looked into: they count as one level.
func nesting(v Value) int {
	switch ref := v.ref.(type) {
	case *entries:
		return ref.depth
	case *items:
		return ref.depth
	}
	if v.kind == KindArray || v.kind == KindObject {
		return 1
	}
	return 0
}

func notesOf(v Value) *notes {
	switch ref := v.ref.(type) {
	case *notes:
		return ref
	case *entries:
		return ref.notes
	case *items:
		return ref.notes
	}
	return nil
}

// attributesOf are the XML attributes of a value, nil for none.
func attributesOf(v Value) *entries {
	if n := notesOf(v); n != nil {
		return n.attrs
	}
	return nil
}

// noted is the value with these notes instead of its own.
func noted(v Value, n *notes) Value {
	if notesOf(v) == n {
		return v
	}
	switch ref := v.ref.(type) {
	case *entries:
		same := *ref
		same.notes = n
		v.ref = &same
	case *items:
		same := *ref
		same.notes = n
		v.ref = &same
	default:
		switch {
		case v.kind == KindObject:
			made, _ := NewEntries(v.Entries()).ref.(*entries)
			made.notes = n
			v.ref = made
		case v.kind == KindArray:
			v.ref = &items{list: elements(v), depth: nesting(v), notes: n}
		case n == nil:
			v.ref = nil
		default:
			v.ref = n
		}
	}
	return v
}

// keyOf is the key of an entry as a value, which remembers its namespace and
// the attributes.
func keyOf(e *Entry) Value {
	key := String(e.Key)
	if attrs := attributesOf(e.Value); attrs != nil || e.space != nil {
		key.ref = &notes{space: e.space, attrs: attrs}
	}
	return key
}

// same tells whether two values have the same type and content; numbers are
// compared by value, however they are written.
func (r *run) same(a, b Value) (bool, error) {
	if err := r.spend(1 + min(len(a.str), len(b.str))/64); err != nil || a.kind != b.kind {
		return false, err
	}
	switch a.kind {
	case KindNumber:
		return a.num == b.num && (!digits(a.str) || !digits(b.str) || a.str == b.str), nil
	case KindArray:
		x, y := elements(a), elements(b)
		if len(x) != len(y) {
			return false, nil
		}
		for i := range x {
			if ok, err := r.same(x[i], y[i]); !ok {
				return false, err
			}
		}
		return true, nil
	case KindObject:
		x, y := a.Entries(), b.Entries()
		if len(x) != len(y) {
			return false, nil
		}
		for i := range x {
			if x[i].Key != y[i].Key {
				return r.sameKeys(x, y)
			}
			if ok, err := r.same(x[i].Value, y[i].Value); !ok {
				return false, err
			}
		}
		return true, nil
	default:
		return a.num == b.num && a.str == b.str, nil
	}
}

// sameKeys compares Objects whose keys stand in another order.
func (r *run) sameKeys(x, y []Entry) (bool, error) {
	byKey := func(a, b Entry) int { return compareText(a.Key, b.Key) }
	if err := r.spend(2 * len(x)); err != nil {
		return false, err
	}
	x, y = slices.Clone(x), slices.Clone(y)
	slices.SortStableFunc(x, byKey)
	slices.SortStableFunc(y, byKey)
	for i := range x {
		if x[i].Key != y[i].Key {
			return false, nil
		}
		if ok, err := r.same(x[i].Value, y[i].Value); !ok {
			return false, err
		}
	}
	return true, nil
}
