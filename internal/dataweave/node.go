package dataweave

import (
	"errors"
	"fmt"
	"strings"
)

// node is one construct of a compiled expression. Nodes are immutable. Chains
// of one operator are one node, so that a long chain is neither deep to walk
// nor quadratic to join.
type node interface {
	eval(env Env) (Value, error)
}

type constant struct{ value Value }

func (n constant) eval(Env) (Value, error) { return n.value, nil }

// list is an array literal.
type list struct{ items []node }

func (n *list) eval(env Env) (Value, error) {
	items := make([]Value, len(n.items))
	for i, item := range n.items {
		v, err := item.eval(env)
		if err != nil {
			return Value{}, err
		}
		items[i] = v
	}
	return NewArray(items...), nil
}

// not is `not x` and `!x`.
type not struct {
	operand node
	pos     int
}

func (n *not) eval(env Env) (Value, error) {
	b, err := evalBool(n.operand, env, "not", n.pos)
	return Bool(!b), err
}

// logical is a chain of `and` or of `or`; it stops at the first operand that
// decides.
type logical struct {
	op       string
	operands []node
	pos      int
}

func (n *logical) eval(env Env) (Value, error) {
	decides := n.op == "or"
	for _, operand := range n.operands {
		b, err := evalBool(operand, env, n.op, n.pos)
		if err != nil {
			return Value{}, err
		}
		if b == decides {
			return Bool(decides), nil
		}
	}
	return Bool(!decides), nil
}

func evalBool(n node, env Env, op string, pos int) (bool, error) {
	v, err := n.eval(env)
	if err != nil {
		return false, err
	}
	if v.kind != KindBool {
		return false, errorf(pos, "%s needs a Boolean, not %s; compare, or cast with `as Boolean`", op, article(v.kind))
	}
	return v.num == 1, nil
}

// coalesce is a chain of `default`: the first operand that is not null.
type coalesce struct{ operands []node }

func (n *coalesce) eval(env Env) (Value, error) {
	for _, operand := range n.operands {
		v, err := operand.eval(env)
		if err != nil || v.kind != KindNull {
			return v, err
		}
	}
	return Value{}, nil
}

// conditional is `if (condition) yes else no`.
type conditional struct {
	condition, yes, no node
	pos                int
}

func (n *conditional) eval(env Env) (Value, error) {
	b, err := evalBool(n.condition, env, "if", n.pos)
	if err != nil {
		return Value{}, err
	}
	if b {
		return n.yes.eval(env)
	}
	return n.no.eval(env)
}

// comparison is ==, !=, <, >, <= or >=.
type comparison struct {
	op          string
	left, right node
	pos         int
}

func (n *comparison) eval(env Env) (Value, error) {
	a, err := n.left.eval(env)
	if err != nil {
		return Value{}, err
	}
	b, err := n.right.eval(env)
	if err != nil {
		return Value{}, err
	}
	switch n.op {
	case "==":
		return Bool(Equal(a, b)), nil
	case "!=":
		return Bool(!Equal(a, b)), nil
	}
	if a.kind != b.kind || a.kind != KindNumber && a.kind != KindString {
		return Value{}, errorf(n.pos, "%s compares two Numbers or two Strings, not %s with %s; cast one side, or give a default",
			n.op, article(a.kind), article(b.kind))
	}
	order := strings.Compare(a.str, b.str)
	if a.kind == KindNumber {
		order = compareNumbers(a.num, b.num)
	}
	switch n.op {
	case "<":
		return Bool(order < 0), nil
	case ">":
		return Bool(order > 0), nil
	case "<=":
		return Bool(order <= 0), nil
	}
	return Bool(order >= 0), nil
}

func compareNumbers(a, b float64) int {
	if a < b {
		return -1
	}
	if a > b {
		return 1
	}
	return 0
}

// concat is a chain of ++, joined in one go.
type concat struct {
	operands []node
	pos      []int // of each ++
}

func (n *concat) eval(env Env) (Value, error) {
	var few [8]Value
	values := few[:0]
	arrays, size := 0, 0
	for i, operand := range n.operands {
		v, err := operand.eval(env)
		if err != nil {
			return Value{}, err
		}
		pos := n.pos[max(i-1, 0)]
		switch v.kind {
		case KindArray:
			arrays++
			a, _ := v.AsArray()
			size += a.Len()
		case KindString:
			size += len(v.str)
		case KindBool, KindNumber:
			size += max(len(v.str), maxScalar)
		case KindNull, KindObject:
			return Value{}, errorf(pos, "++ joins Strings or Arrays, not %s; give a default for what may be absent", article(v.kind))
		}
		values = append(values, v)
		if arrays != 0 && arrays != len(values) {
			return Value{}, errorf(pos, "++ joins text with text or Arrays with Arrays, not both; put the element into [ ]")
		}
		if arrays == 0 && size > maxString || arrays != 0 && size > maxArray {
			return Value{}, errorf(pos, "++ makes a result beyond %d bytes or %d elements", maxString, maxArray)
		}
	}
	if arrays == 0 {
		return joinText(values, size), nil
	}
	return joinArrays(values, size), nil
}

func joinText(values []Value, size int) Value {
	var scratch [maxScalar]byte
	var b strings.Builder
	b.Grow(size)
	for _, v := range values {
		if v.kind == KindString {
			b.WriteString(v.str)
		} else {
			b.Write(v.appendScalar(scratch[:0]))
		}
	}
	return String(b.String())
}

func joinArrays(values []Value, size int) Value {
	items := make([]Value, 0, size)
	for _, v := range values {
		a, _ := v.AsArray()
		for i := range a.Len() {
			items = append(items, a.At(i))
		}
	}
	return NewArray(items...)
}

// without is --: the elements of one Array that are in no other.
type without struct {
	left, right node
	pos         int
}

func (n *without) eval(env Env) (Value, error) {
	l, err := n.left.eval(env)
	if err != nil {
		return Value{}, err
	}
	r, err := n.right.eval(env)
	if err != nil {
		return Value{}, err
	}
	a, ok := l.AsArray()
	b, ok2 := r.AsArray()
	if !ok || !ok2 {
		return Value{}, errorf(n.pos, "-- takes one Array from another, not %s from %s", article(r.kind), article(l.kind))
	}
	var scratch []byte
	gone := make(map[string]bool, b.Len())
	for i := range b.Len() {
		scratch = appendIdentity(scratch[:0], b.At(i))
		gone[string(scratch)] = true
	}
	var items []Value
	for i := range a.Len() {
		item := a.At(i)
		scratch = appendIdentity(scratch[:0], item)
		if !gone[string(scratch)] {
			items = append(items, item)
		}
	}
	return NewArray(items...), nil
}

// cast is `x as Type`.
type cast struct {
	operand node
	to      Kind
	pos     int
}

func (n *cast) eval(env Env) (Value, error) {
	v, err := n.operand.eval(env)
	if err != nil {
		return Value{}, err
	}
	switch n.to {
	case KindString:
		v, err = castString(v)
	case KindNumber:
		v, err = castNumber(v)
	case KindBool:
		v, err = castBoolean(v)
	case KindNull, KindArray, KindObject:
		err = errors.New("the type is not supported")
	}
	if err != nil {
		return Value{}, errorf(n.pos, "as %s: %v", n.to, err)
	}
	return v, nil
}

func castString(v Value) (Value, error) {
	if v.kind == KindString {
		return v, nil
	}
	if v.kind == KindNull {
		return Value{}, errors.New("null can't be cast; give a default before the cast")
	}
	s, err := v.Text()
	return String(s), err
}

func castNumber(v Value) (Value, error) {
	if v.kind == KindNumber {
		return v, nil
	}
	if v.kind != KindString {
		return Value{}, fmt.Errorf("%s can't be cast; only text that is a decimal number can", article(v.kind))
	}
	n, ok := parseNumber(v.str)
	if !ok {
		return Value{}, errors.New("the text is not a decimal number")
	}
	return n, nil
}

func castBoolean(v Value) (Value, error) {
	switch {
	case v.kind == KindBool:
		return v, nil
	case v.kind != KindString:
		return Value{}, fmt.Errorf(`%s can't be cast; only the texts "true" and "false" can`, article(v.kind))
	case strings.EqualFold(v.str, "true"):
		return Bool(true), nil
	case strings.EqualFold(v.str, "false"):
		return Bool(false), nil
	}
	return Value{}, errors.New(`the text is neither "true" nor "false"`)
}
