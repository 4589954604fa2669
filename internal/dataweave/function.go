package dataweave

import (
	"crypto/rand"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"unicode/utf8"
)

// function is one of the functions of the subset. Its second argument is null
// when it was not given.
type function struct {
	name     string
	min, max int
	apply    func(a, b Value) (Value, error)
}

// arity says how many arguments the function takes.
func (f function) arity() string {
	if f.min == f.max {
		return strconv.Itoa(f.min)
	}
	return fmt.Sprintf("%d to %d", f.min, f.max)
}

// functionNamed finds a function by its name, bare or with its module's path.
func functionNamed(name string) (function, bool) {
	module, bare := "", name
	if i := strings.LastIndex(name, "::"); i >= 0 {
		module, bare = name[:i], name[i+2:]
	}
	for _, m := range [...]struct {
		path string
		list []function
	}{
		{"dw::Core", coreFunctions()},
		{"dw::core::Strings", stringFunctions()},
		{"dw::core::Binaries", binaryFunctions()},
		{"dw::core::Numbers", numberFunctions()},
		{"dw::util::Coercions", coercionFunctions()},
	} {
		if module != "" && module != m.path {
			continue
		}
		for _, f := range m.list {
			if f.name == bare {
				f.name = name
				return f, true
			}
		}
	}
	return function{}, false
}

func coreFunctions() []function {
	return []function{
		{"contains", 2, 2, contains},
		{"lower", 1, 1, onText(strings.ToLower)},
		{"upper", 1, 1, onText(strings.ToUpper)},
		{"trim", 1, 1, onText(strings.TrimSpace)},
		{"splitBy", 2, 2, splitBy},
		{"sizeOf", 1, 1, sizeOf},
		{"uuid", 0, 0, uuid},
		{"toBinary", 1, 2, toBinary}, // bare, it is one of the two below
	}
}

func stringFunctions() []function {
	return []function{
		{"substringAfter", 2, 2, cut(strings.Index, after)},
		{"substringAfterLast", 2, 2, cut(strings.LastIndex, after)},
		{"substringBefore", 2, 2, cut(strings.Index, before)},
		{"substringBeforeLast", 2, 2, cut(strings.LastIndex, before)},
	}
}

func binaryFunctions() []function {
	return []function{{"toBase64", 1, 1, onText(toBase64)}, {"fromBase64", 1, 1, fromBase64}}
}

func numberFunctions() []function {
	return []function{{"toBinary", 1, 1, digitsToBinary}}
}

func coercionFunctions() []function {
	return []function{{"toBinary", 1, 2, textToBinary}, {"toString", 1, 2, toString}}
}

// bounded refuses a text that grew beyond what an expression may make.
func bounded(s string) (Value, error) {
	if len(s) > maxString {
		return Value{}, fmt.Errorf("the result is longer than %d bytes", maxString)
	}
	return String(s), nil
}

func wants(what string, v Value) error {
	return fmt.Errorf("needs %s, not %s", what, article(v.kind))
}

// onText makes a function of one String; null stays null.
func onText(f func(string) string) func(a, b Value) (Value, error) {
	return func(a, _ Value) (Value, error) {
		switch {
		case a.kind == KindNull:
			return a, nil
		case a.kind != KindString:
			return Value{}, wants("a String", a)
		case len(a.str) > maxString:
			return Value{}, fmt.Errorf("the text is longer than %d bytes", maxString)
		}
		return bounded(f(a.str))
	}
}

// cut makes a function that keeps one side of a separator; without the
// separator nothing remains, as in DataWeave.
func cut(find func(s, sep string) int, keep func(s string, at, n int) string) func(a, b Value) (Value, error) {
	return func(a, b Value) (Value, error) {
		switch {
		case a.kind == KindNull:
			return a, nil
		case a.kind != KindString:
			return Value{}, wants("a String", a)
		case b.kind != KindString:
			return Value{}, wants("a String as separator", b)
		}
		i := find(a.str, b.str)
		if i < 0 {
			return String(""), nil
		}
		return String(keep(a.str, i, len(b.str))), nil
	}
}

func after(s string, at, n int) string { return s[at+n:] }

func before(s string, at, _ int) string { return s[:at] }

// contains is false for null, as DataWeave has it.
func contains(a, b Value) (Value, error) {
	switch a.kind {
	case KindNull:
		return Bool(false), nil
	case KindString:
		if b.kind != KindString {
			return Value{}, wants("a String to look for in a String", b)
		}
		return Bool(strings.Contains(a.str, b.str)), nil
	case KindArray:
		list, _ := a.AsArray()
		for i := range list.Len() {
			if Equal(list.At(i), b) {
				return Bool(true), nil
			}
		}
		return Bool(false), nil
	case KindBool, KindNumber, KindObject:
	}
	return Value{}, wants("an Array or a String", a)
}

func splitBy(a, b Value) (Value, error) {
	switch {
	case a.kind == KindNull:
		return a, nil
	case a.kind != KindString:
		return Value{}, wants("a String", a)
	case b.kind != KindString:
		return Value{}, wants("a String as separator", b)
	}
	parts := strings.SplitN(a.str, b.str, maxArray+1)
	if len(parts) > maxArray {
		return Value{}, fmt.Errorf("the result has more than %d elements", maxArray)
	}
	items := make([]Value, len(parts))
	for i, part := range parts {
		items[i] = String(part)
	}
	return NewArray(items...), nil
}

func sizeOf(a, _ Value) (Value, error) {
	switch a.kind {
	case KindNull:
		return a, nil
	case KindString:
		return Number(float64(utf8.RuneCountInString(a.str))), nil
	case KindArray:
		list, _ := a.AsArray()
		return Number(float64(list.Len())), nil
	case KindObject:
		o, _ := a.AsObject()
		return Number(float64(o.Len())), nil
	case KindBool, KindNumber:
	}
	return Value{}, wants("an Array, an Object or a String", a)
}

// uuid returns a random UUID (RFC 9562, version 4).
func uuid(_, _ Value) (Value, error) {
	var id [16]byte
	if _, err := rand.Read(id[:]); err != nil {
		return Value{}, fmt.Errorf("reading randomness: %w", err)
	}
	id[6] = id[6]&0x0f | 0x40
	id[8] = id[8]&0x3f | 0x80
	var text [36]byte
	hex.Encode(text[0:8], id[0:4])
	hex.Encode(text[9:13], id[4:6])
	hex.Encode(text[14:18], id[6:8])
	hex.Encode(text[19:23], id[8:10])
	hex.Encode(text[24:36], id[10:16])
	text[8], text[13], text[18], text[23] = '-', '-', '-', '-'
	return String(string(text[:])), nil
}

func toBase64(s string) string { return base64.StdEncoding.EncodeToString([]byte(s)) }

// fromBase64 reads the standard alphabet (RFC 4648 section 4), padded or not.
func fromBase64(a, _ Value) (Value, error) {
	if a.kind == KindNull {
		return a, nil
	}
	if a.kind != KindString {
		return Value{}, wants("a String", a)
	}
	encoding := base64.StdEncoding
	if !strings.HasSuffix(a.str, "=") {
		encoding = base64.RawStdEncoding
	}
	data, err := encoding.Strict().DecodeString(a.str)
	if err != nil {
		return Value{}, errors.New("the text is not base64")
	}
	return bounded(string(data))
}

// toBinary without a module's path chooses by the type of its argument.
func toBinary(a, b Value) (Value, error) {
	if a.kind == KindNumber && b.kind == KindNull {
		return digitsToBinary(a, b)
	}
	return textToBinary(a, b)
}

// digitsToBinary writes a whole Number in base 2.
func digitsToBinary(a, _ Value) (Value, error) {
	if a.kind == KindNull {
		return a, nil
	}
	if a.kind != KindNumber {
		return Value{}, wants("a Number", a)
	}
	n := int64(a.num)
	if float64(n) != a.num || n > maxExact || n < -maxExact {
		return Value{}, errors.New("needs a whole Number of at most 2^53")
	}
	return String(strconv.FormatInt(n, 2)), nil
}

// textToBinary returns the bytes of a String.
func textToBinary(a, b Value) (Value, error) {
	if a.kind != KindNull && a.kind != KindString {
		return Value{}, wants("a String", a)
	}
	return a, utf8Only(b)
}

// toString returns the text of a Boolean, a Number, bytes, or an Array of
// Strings.
func toString(a, b Value) (Value, error) {
	switch a.kind {
	case KindNull:
		return a, nil
	case KindBool, KindNumber:
		if b.kind != KindNull {
			return Value{}, errors.New("formats are not part of the subset; give one argument")
		}
		return castString(a)
	case KindString:
		if err := utf8Only(b); err != nil {
			return Value{}, err
		}
		return bounded(strings.ToValidUTF8(a.str, "\uFFFD"))
	case KindArray:
		return joinCharacters(a)
	case KindObject:
	}
	return Value{}, wants("a Boolean, a Number, a String or an Array of Strings", a)
}

func joinCharacters(a Value) (Value, error) {
	list, _ := a.AsArray()
	var b strings.Builder
	for i := range list.Len() {
		item := list.At(i)
		if item.kind != KindString {
			return Value{}, wants("an Array of Strings", item)
		}
		if b.Len()+len(item.str) > maxString {
			return Value{}, fmt.Errorf("the result is longer than %d bytes", maxString)
		}
		b.WriteString(item.str)
	}
	return String(b.String()), nil
}

func utf8Only(encoding Value) error {
	if encoding.kind == KindNull || encoding.kind == KindString && strings.EqualFold(encoding.str, "UTF-8") {
		return nil
	}
	return errors.New(`supports the encoding "UTF-8" only`)
}

// call calls a function.
type call struct {
	function function
	args     []node
	pos      int
}

func (n *call) eval(env Env) (Value, error) {
	var args [2]Value
	for i, arg := range n.args {
		v, err := arg.eval(env)
		if err != nil {
			return Value{}, err
		}
		args[i] = v
	}
	v, err := n.function.apply(args[0], args[1])
	if err != nil {
		return Value{}, errorf(n.pos, "%s: %v", n.function.name, err)
	}
	return v, nil
}
