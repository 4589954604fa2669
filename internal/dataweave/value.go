package dataweave

import (
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
)

// Kind is the type of a Value.
type Kind uint8

// The types of the language.
const (
	KindNull Kind = iota
	KindBool
	KindNumber
	KindString
	KindArray
	KindObject
)

// String returns the name of the type as DataWeave spells it.
func (k Kind) String() string {
	switch k {
	case KindNull:
		return "Null"
	case KindBool:
		return "Boolean"
	case KindNumber:
		return "Number"
	case KindString:
		return "String"
	case KindArray:
		return "Array"
	case KindObject:
		return "Object"
	}
	return "Kind(" + strconv.Itoa(int(k)) + ")"
}

// Object is a set of named values. Callers implement it over their own
// structures (a header list, say), so that a selector builds no map.
type Object interface {
	// Get returns the value of a key; keys are case sensitive.
	Get(key string) (Value, bool)
	// Len returns the number of keys.
	Len() int
	// Keys returns every key once. The caller does not change the slice.
	Keys() []string
}

// Array is a list of values.
type Array interface {
	// Len returns the number of elements.
	Len() int
	// At returns the element at i, where 0 <= i < Len.
	At(i int) Value
}

// Value is one immutable value of the language; the zero Value is null. Bytes
// (what fromBase64 returns) are a String that need not be valid UTF-8.
type Value struct {
	kind Kind
	num  float64 // of a Number; 1 for true
	str  string  // of a String; the digits of an integer that a float64 can't hold exactly
	ref  any     // Object or Array
}

// Null returns null.
func Null() Value { return Value{} }

// Bool returns a Boolean.
func Bool(b bool) Value {
	if b {
		return Value{kind: KindBool, num: 1}
	}
	return Value{kind: KindBool}
}

// Number returns a Number; what is not finite becomes null.
func Number(f float64) Value {
	if math.IsNaN(f) || math.IsInf(f, 0) {
		return Value{}
	}
	v := Value{kind: KindNumber, num: f + 0} // + 0 turns -0 into 0
	if math.Abs(f) > maxExact && math.Abs(f) < maxPlain && f == math.Trunc(f) {
		v.str = strconv.FormatFloat(f, 'f', 0, 64)
	}
	return v
}

// String returns a String.
func String(s string) Value { return Value{kind: KindString, str: s} }

// NewObject returns an Object over a map, which the caller no longer changes.
func NewObject(m map[string]Value) Value { return Value{kind: KindObject, ref: mapObject(m)} }

// NewArray returns an Array over the items, which the caller no longer changes.
func NewArray(items ...Value) Value { return Value{kind: KindArray, ref: sliceArray(items)} }

// ObjectOf returns an Object that the caller implements; nil is null. It
// allocates nothing when o is a pointer.
func ObjectOf(o Object) Value {
	if o == nil {
		return Value{}
	}
	return Value{kind: KindObject, ref: o}
}

// ArrayOf returns an Array that the caller implements; nil is null.
func ArrayOf(a Array) Value {
	if a == nil {
		return Value{}
	}
	return Value{kind: KindArray, ref: a}
}

// Kind returns the type of the value.
func (v Value) Kind() Kind { return v.kind }

// IsNull tells whether the value is null.
func (v Value) IsNull() bool { return v.kind == KindNull }

// AsBool returns a Boolean's value; ok is false for any other type.
func (v Value) AsBool() (b, ok bool) { return v.num == 1 && v.kind == KindBool, v.kind == KindBool }

// AsNumber returns a Number's value; ok is false for any other type.
func (v Value) AsNumber() (f float64, ok bool) {
	if v.kind != KindNumber {
		return 0, false
	}
	return v.num, true
}

// AsString returns a String's text; ok is false for any other type.
func (v Value) AsString() (s string, ok bool) {
	if v.kind != KindString {
		return "", false
	}
	return v.str, true
}

// AsObject returns an Object; ok is false for any other type.
func (v Value) AsObject() (o Object, ok bool) {
	if v.kind != KindObject {
		return nil, false
	}
	o, ok = v.ref.(Object)
	return o, ok
}

// AsArray returns an Array; ok is false for any other type.
func (v Value) AsArray() (a Array, ok bool) {
	if v.kind != KindArray {
		return nil, false
	}
	a, ok = v.ref.(Array)
	return a, ok
}

// Text casts a value to text, as keys and header values need it: null is the
// empty text, a Boolean is "true" or "false", a whole Number has no fraction.
// Arrays and Objects have no text and are an error.
func (v Value) Text() (string, error) {
	switch v.kind {
	case KindNull:
		return "", nil
	case KindString:
		return v.str, nil
	case KindBool:
		if v.num == 1 {
			return "true", nil
		}
		return "false", nil
	case KindNumber:
		var scratch [maxScalar]byte
		return string(v.appendScalar(scratch[:0])), nil
	case KindArray, KindObject:
	}
	return "", fmt.Errorf("%s can't be cast to text; select one of its values", article(v.kind))
}

// appendScalar appends the text of a Boolean, Number or String.
func (v Value) appendScalar(b []byte) []byte {
	switch {
	case v.kind == KindBool:
		return strconv.AppendBool(b, v.num == 1)
	case v.kind == KindString || v.str != "":
		return append(b, v.str...)
	case v.num != 0 && (math.Abs(v.num) >= maxPlain || math.Abs(v.num) < minPlain):
		return strconv.AppendFloat(b, v.num, 'E', -1, 64)
	}
	return strconv.AppendFloat(b, v.num, 'f', -1, 64)
}

// Equal tells whether two values have the same type and content. The order of
// an Object's keys does not matter.
func Equal(a, b Value) bool {
	if a.kind != b.kind {
		return false
	}
	switch a.kind {
	case KindNull:
		return true
	case KindBool, KindNumber, KindString:
		return a.num == b.num && a.str == b.str
	case KindArray:
		x, _ := a.AsArray()
		y, _ := b.AsArray()
		if x.Len() != y.Len() {
			return false
		}
		for i := range x.Len() {
			if !Equal(x.At(i), y.At(i)) {
				return false
			}
		}
		return true
	case KindObject:
		x, _ := a.AsObject()
		y, _ := b.AsObject()
		return equalObjects(x, y)
	}
	return false
}

func equalObjects(x, y Object) bool {
	if x.Len() != y.Len() {
		return false
	}
	for _, key := range x.Keys() {
		p, _ := x.Get(key)
		q, ok := y.Get(key)
		if !ok || !Equal(p, q) {
			return false
		}
	}
	return true
}

// appendIdentity appends bytes that are the same for two values exactly when
// Equal holds, so that sets of values cost no comparison of each with each.
func appendIdentity(b []byte, v Value) []byte {
	b = append(b, byte('0'+v.kind))
	switch v.kind {
	case KindNull:
	case KindBool, KindNumber, KindString:
		b = strconv.AppendUint(b, math.Float64bits(v.num), 16)
		b = append(b, ':')
		b = appendCounted(b, v.str)
	case KindArray:
		a, _ := v.AsArray()
		b = strconv.AppendInt(b, int64(a.Len()), 10)
		for i := range a.Len() {
			b = appendIdentity(append(b, ','), a.At(i))
		}
	case KindObject:
		o, _ := v.AsObject()
		keys := slices.Sorted(slices.Values(o.Keys()))
		b = strconv.AppendInt(b, int64(len(keys)), 10)
		for _, key := range keys {
			item, _ := o.Get(key)
			b = appendIdentity(appendCounted(append(b, ','), key), item)
		}
	}
	return b
}

func appendCounted(b []byte, s string) []byte {
	b = strconv.AppendInt(b, int64(len(s)), 10)
	b = append(b, ':')
	return append(b, s...)
}

const (
	maxExact = 1 << 53 // above it a float64 skips integers
	maxPlain = 1e21    // from here on numbers are written with an exponent
	minPlain = 1e-7

	maxScalar = 32 // bytes of the text of a Boolean, or of a Number without digits of its own
)

// parseNumber reads a decimal number. An integer beyond 2^53 keeps its digits:
// two long account numbers that differ in the last digit are one float64 but
// must not become one key.
func parseNumber(s string) (Value, bool) {
	digits := strings.TrimPrefix(s, "-")
	if digits == "" || strings.Trim(digits, "0123456789.eE+-") != "" {
		return Value{}, false // ParseFloat would read 0x1p3, inf and 1_000
	}
	if c := digits[0]; c < '0' || c > '9' {
		return Value{}, false
	}
	f, err := strconv.ParseFloat(s, 64)
	if err != nil {
		return Value{}, false
	}
	v := Number(f)
	if v.str != "" && strings.Trim(digits, "0123456789") == "" {
		v.str = strings.TrimLeft(digits, "0")
		if f < 0 {
			v.str = "-" + v.str
		}
	}
	return v, true
}

// article names a type within a sentence.
func article(k Kind) string {
	if k == KindNull {
		return "null"
	}
	if k == KindArray || k == KindObject {
		return "an " + k.String()
	}
	return "a " + k.String()
}

type mapObject map[string]Value

func (m mapObject) Get(key string) (Value, bool) {
	v, ok := m[key]
	return v, ok
}

func (m mapObject) Len() int { return len(m) }

func (m mapObject) Keys() []string {
	keys := make([]string, 0, len(m))
	for key := range m {
		keys = append(keys, key)
	}
	slices.Sort(keys)
	return keys
}

type sliceArray []Value

func (s sliceArray) Len() int { return len(s) }

func (s sliceArray) At(i int) Value { return s[i] }
