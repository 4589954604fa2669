package dataweave

import (
	"errors"
	"math"
	"math/big"
	"strconv"
	"strings"
)

// binaryNode is an operator between two values.
type binaryNode struct {
	op          string
	left, right scriptNode
	pos         int
}

func (n *binaryNode) eval(r *run, f *frame) (Value, error) {
	a, err := r.eval(n.left, f)
	if err != nil {
		return Value{}, err
	}
	b, err := r.eval(n.right, f)
	if err != nil {
		return Value{}, err
	}
	r.at = n.pos
	var v Value
	switch n.op {
	case "==", "!=":
		same, err := r.same(a, b)
		return Bool(same == (n.op == "==")), err
	case "<", ">", "<=", ">=":
		order, err := compare(a, b)
		if err != nil {
			return Value{}, errorf(n.pos, "%s %v", n.op, err)
		}
		return Bool(order < 0 && n.op[0] == '<' || order > 0 && n.op[0] == '>' || order == 0 && len(n.op) == 2), nil
	case "++":
		v, err = r.join(a, b)
	case "--":
		v, err = r.without(a, b)
	default:
		v, err = r.calculate(n.op[0], a, b)
	}
	if err != nil {
		var limit *Error
		if errors.As(err, &limit) {
			return Value{}, err
		}
		return Value{}, errorf(n.pos, "%s %v", n.op, err)
	}
	return v, nil
}

// compare orders two Numbers, two Strings or two Booleans; text that is a
// number counts as one beside a Number, as all content of XML is text.
func compare(a, b Value) (int, error) {
	if a.kind != b.kind {
		x, err := number(a)
		if err != nil {
			return 0, errors.New("compares " + articles(a, b) + "; cast one side, or give a default")
		}
		y, err := number(b)
		if err != nil {
			return 0, errors.New("compares " + articles(a, b) + "; cast one side, or give a default")
		}
		a, b = x, y
	}
	switch a.kind {
	case KindNumber:
		if a.num == b.num && digits(a.str) && digits(b.str) {
			x, _ := new(big.Int).SetString(a.str, 10)
			y, _ := new(big.Int).SetString(b.str, 10)
			return x.Cmp(y), nil
		}
		return compareNumbers(a.num, b.num), nil
	case KindString:
		return strings.Compare(a.str, b.str), nil
	case KindBool:
		return compareNumbers(a.num, b.num), nil
	default:
		return 0, errors.New("compares Numbers, Strings or Booleans, not " + article(a.kind) + "; give a default for what may be absent")
	}
}

func compareText(a, b string) int { return strings.Compare(a, b) }

func articles(a, b Value) string { return article(a.kind) + " with " + article(b.kind) }

// digits says whether a text is the digits of a whole number.
func digits(s string) bool {
	s = strings.TrimPrefix(s, "-")
	return s != "" && strings.Trim(s, "0123456789") == ""
}

// number is a Number, or the one that a text is.
func number(v Value) (Value, error) {
	if v.kind == KindString {
		if n, ok := parseNumber(strings.TrimSpace(v.str)); ok && len(v.str) < 400 {
			return n, nil
		}
		return Value{}, errors.New("needs Numbers, and the text is none")
	}
	if v.kind != KindNumber {
		return Value{}, errors.New("needs Numbers, not " + article(v.kind) + "; give a default for what may be absent")
	}
	return v, nil
}

// join is ++.
func (r *run) join(a, b Value) (Value, error) {
	switch {
	case a.kind == KindArray && b.kind == KindArray:
		x, y := elements(a), elements(b)
		return r.list(append(append(make([]Value, 0, len(x)+len(y)), x...), y...))
	case a.kind == KindObject && b.kind == KindObject:
		x, y := a.Entries(), b.Entries()
		return r.object(append(append(make([]Entry, 0, len(x)+len(y)), x...), y...))
	case a.kind == KindArray || b.kind == KindArray || a.kind == KindObject || b.kind == KindObject ||
		a.kind == KindNull || b.kind == KindNull:
		return Value{}, errors.New("joins text, two Arrays or two Objects, not " + articles(a, b) + "; give a default for what may be absent")
	}
	x, _ := a.Text()
	y, _ := b.Text()
	return r.text(x + y)
}

// without is --: an Array without the elements of another, an Object without
// the keys of an Array, or without the entries of another Object.
func (r *run) without(a, b Value) (Value, error) {
	switch {
	case a.kind == KindArray && b.kind == KindArray:
		gone := map[string]bool{}
		for _, item := range elements(b) {
			id, err := r.identity(item)
			if err != nil {
				return Value{}, err
			}
			gone[id] = true
		}
		var list []Value
		for _, item := range elements(a) {
			id, err := r.identity(item)
			if err != nil {
				return Value{}, err
			}
			if !gone[id] {
				list = append(list, item)
			}
		}
		return r.list(list)
	case a.kind == KindObject && (b.kind == KindArray || b.kind == KindObject):
		return r.withoutKeys(a, b)
	}
	return Value{}, errors.New("takes an Array from an Array, or keys from an Object, not " + article(b.kind) + " from " + article(a.kind))
}

func (r *run) withoutKeys(a, b Value) (Value, error) {
	if err := r.spend(len(a.Entries()) + len(elements(b))); err != nil {
		return Value{}, err
	}
	keys := map[string]bool{}
	for _, key := range elements(b) {
		text, err := key.Text()
		if err != nil {
			return Value{}, errors.New("takes keys away, which are text, not " + article(key.kind))
		}
		keys[text] = true
	}
	pairs := b.Entries()
	var list []Entry
	for _, e := range a.Entries() {
		gone := keys[e.Key]
		for i := range pairs {
			if err := r.spend(1); err != nil {
				return Value{}, err
			}
			if !gone && pairs[i].Key == e.Key {
				var err error
				if gone, err = r.same(pairs[i].Value, e.Value); err != nil {
					return Value{}, err
				}
			}
		}
		if !gone {
			list = append(list, e)
		}
	}
	return r.object(list)
}

// calculate is + - * /. An Array takes an element more (+) or less (-), an
// Object a key less (-).
func (r *run) calculate(op byte, a, b Value) (Value, error) {
	switch {
	case op == '+' && a.kind == KindArray:
		list := elements(a)
		return r.list(append(append(make([]Value, 0, len(list)+1), list...), b))
	case op == '-' && a.kind == KindArray:
		one, _ := r.list([]Value{b})
		return r.without(a, one)
	case op == '-' && a.kind == KindObject:
		one, _ := r.list([]Value{b})
		return r.withoutKeys(a, one)
	}
	x, err := number(a)
	if err != nil {
		return Value{}, err
	}
	y, err := number(b)
	if err != nil {
		return Value{}, err
	}
	if v, ok := wholeNumbers(op, x, y); ok {
		return v, nil
	}
	var f float64
	switch op {
	case '+':
		f = x.num + y.num
	case '-':
		f = x.num - y.num
	case '*':
		f = x.num * y.num
	default:
		if y.num == 0 {
			return Value{}, errors.New("divides by 0")
		}
		f = x.num / y.num
	}
	return finite(f)
}

// finite rounds what was calculated to 15 significant digits, so that 0.1 + 0.2
// is 0.3.
func finite(f float64) (Value, error) {
	if math.IsInf(f, 0) || math.IsNaN(f) {
		return Value{}, errors.New("gives a number out of range")
	}
	if f != math.Trunc(f) || math.Abs(f) > maxExact {
		f, _ = strconv.ParseFloat(strconv.FormatFloat(f, 'g', 15, 64), 64)
	}
	return Number(f), nil
}

// wholeNumbers calculates with whole numbers exactly, however long.
func wholeNumbers(op byte, a, b Value) (Value, bool) {
	if op == '/' || a.num != math.Trunc(a.num) || b.num != math.Trunc(b.num) {
		return Value{}, false
	}
	if limit := float64(1 << 26); math.Abs(a.num) < limit && math.Abs(b.num) < limit {
		switch op {
		case '+':
			return Number(a.num + b.num), true
		case '-':
			return Number(a.num - b.num), true
		}
		return Number(a.num * b.num), true
	}
	x, ok := new(big.Int).SetString(wholeText(a), 10)
	y, ok2 := new(big.Int).SetString(wholeText(b), 10)
	if !ok || !ok2 {
		return Value{}, false
	}
	switch op {
	case '+':
		x.Add(x, y)
	case '-':
		x.Sub(x, y)
	default:
		x.Mul(x, y)
	}
	text := x.String()
	v, ok := parseNumber(text)
	if ok && math.Abs(v.num) > maxExact {
		v.str = text
	}
	return v, ok
}

// wholeText is the digits of a whole number.
func wholeText(v Value) string {
	if digits(v.str) {
		return v.str
	}
	return strconv.FormatFloat(v.num, 'f', 0, 64)
}

// identity is a text that two values share when they are the same.
func (r *run) identity(v Value) (string, error) {
	b, err := r.appendIdentity(nil, v)
	if err == nil {
		err = r.grow(len(b) + 128)
	}
	return string(b), err
}

func (r *run) appendIdentity(b []byte, v Value) ([]byte, error) {
	if err := r.spend(1 + len(v.str)/64); err != nil {
		return nil, err
	}
	if len(b) > maxOutput {
		return nil, errorf(r.at, "a value to compare is longer than %d bytes", maxOutput)
	}
	var err error
	switch v.kind {
	case KindArray:
		list := elements(v)
		b = append(strconv.AppendInt(append(b, 'a'), int64(len(list)), 10), ':')
		for _, item := range list {
			if b, err = r.appendIdentity(b, item); err != nil {
				return nil, err
			}
		}
	case KindObject:
		list := v.Entries()
		b = append(strconv.AppendInt(append(b, 'o'), int64(len(list)), 10), ':')
		for i := range list {
			b = appendCounted(b, list[i].Key)
			if b, err = r.appendIdentity(b, list[i].Value); err != nil {
				return nil, err
			}
		}
	case KindNumber:
		if !digits(v.str) {
			v.str = ""
		}
		b = appendIdentity(b, v)
	default:
		b = appendIdentity(b, v)
	}
	return b, nil
}

// castNode is `x as Type {format: …}`.
type castNode struct {
	operand scriptNode
	to      string
	format  *format
	pos     int
}

func (n *castNode) eval(r *run, f *frame) (Value, error) {
	v, err := r.eval(n.operand, f)
	if err != nil {
		return Value{}, err
	}
	v = noted(v, nil)
	switch {
	case n.to == "String" && n.format != nil:
		v, err = n.format.apply(v)
	case n.to == "String":
		v, err = castString(v)
	case n.to == "Number":
		v, err = castNumber(v)
	default:
		v, err = castBoolean(v)
	}
	if err != nil {
		return Value{}, errorf(n.pos, "as %s: %v", n.to, err)
	}
	return v, nil
}
