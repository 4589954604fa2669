package dataweave

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strconv"
)

const (
	// maxDataDepth is the depth of nesting that FromJSON and FromAny accept.
	maxDataDepth = 300
	// maxDataValues is the number of values that FromJSON accepts: a body of
	// `[0,0,0…` takes 48 bytes of memory for two of text.
	maxDataValues = 1 << 18
)

// FromJSON reads one JSON text (RFC 8259). Nesting deeper than 300, more than
// 262144 values, a repeated key in an object, a number beyond a float64 and
// text after the value are errors; none of them quotes the data.
func FromJSON(data []byte) (Value, error) {
	d := json.NewDecoder(bytes.NewReader(data))
	d.UseNumber()
	r := jsonReader{d: d}
	v, err := r.value(0)
	if err != nil {
		return Value{}, fmt.Errorf("reading JSON near byte %d: %w", d.InputOffset(), err)
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return Value{}, fmt.Errorf("reading JSON near byte %d: text after the value", d.InputOffset())
	}
	return v, nil
}

type jsonReader struct {
	d     *json.Decoder
	count int
}

// token hides the decoder's own errors, which quote the data.
func (r *jsonReader) token() (json.Token, error) {
	t, err := r.d.Token()
	switch {
	case err == nil:
		return t, nil
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
		return nil, errors.New("the text ends too early")
	}
	return nil, errors.New("not valid JSON")
}

func (r *jsonReader) value(depth int) (Value, error) {
	t, err := r.token()
	if err != nil {
		return Value{}, err
	}
	if r.count++; r.count > maxDataValues {
		return Value{}, fmt.Errorf("more than %d values", maxDataValues)
	}
	switch t := t.(type) {
	case bool:
		return Bool(t), nil
	case string:
		return String(t), nil
	case json.Number:
		v, ok := parseNumber(t.String())
		if !ok {
			return Value{}, errors.New("a number is out of range")
		}
		return v, nil
	case json.Delim:
		if depth == maxDataDepth {
			return Value{}, fmt.Errorf("nested deeper than %d", maxDataDepth)
		}
		if t == '[' {
			return r.array(depth + 1)
		}
		return r.object(depth + 1)
	}
	return Value{}, nil
}

func (r *jsonReader) array(depth int) (Value, error) {
	items := []Value{}
	for r.d.More() {
		item, err := r.value(depth)
		if err != nil {
			return Value{}, err
		}
		items = append(items, item)
	}
	_, err := r.token()
	return NewArray(items...), err
}

func (r *jsonReader) object(depth int) (Value, error) {
	m := map[string]Value{}
	for r.d.More() {
		t, err := r.token()
		if err != nil {
			return Value{}, err
		}
		key, ok := t.(string)
		if !ok {
			return Value{}, errors.New("not valid JSON")
		}
		// Readers disagree on which of two equal keys counts, so neither does.
		if _, ok := m[key]; ok {
			return Value{}, errors.New("an object repeats a key")
		}
		if m[key], err = r.value(depth); err != nil {
			return Value{}, err
		}
	}
	_, err := r.token()
	return NewObject(m), err
}

// FromAny converts what decoders return: nil, bool, string, []byte, the common
// numbers, json.Number, lists and string maps of these, and Value, Object and
// Array themselves. Any other type and nesting deeper than 300 are errors.
func FromAny(x any) (Value, error) { return fromAny(x, 0) }

func fromAny(x any, depth int) (Value, error) {
	if depth > maxDataDepth {
		return Value{}, fmt.Errorf("nested deeper than %d", maxDataDepth)
	}
	switch x := x.(type) {
	case nil:
		return Value{}, nil
	case Value:
		return x, nil
	case Object:
		return ObjectOf(x), nil
	case Array:
		return ArrayOf(x), nil
	case bool:
		return Bool(x), nil
	case string:
		return String(x), nil
	case []byte:
		return String(string(x)), nil
	case []string:
		return fromList(x, depth)
	case []any:
		return fromList(x, depth)
	case map[string]string:
		return fromMap(x, depth)
	case map[string]any:
		return fromMap(x, depth)
	}
	return fromNumber(x)
}

func fromNumber(x any) (Value, error) {
	switch x := x.(type) {
	case float64:
		return Number(x), nil
	case float32:
		return Number(float64(x)), nil
	case int:
		return fromDigits(strconv.Itoa(x))
	case int32:
		return Number(float64(x)), nil
	case int64:
		return fromDigits(strconv.FormatInt(x, 10))
	case uint32:
		return Number(float64(x)), nil
	case uint64:
		return fromDigits(strconv.FormatUint(x, 10))
	case json.Number:
		return fromDigits(x.String())
	}
	return Value{}, fmt.Errorf("a Go value of type %T has no counterpart in DataWeave", x)
}

func fromDigits(s string) (Value, error) {
	v, ok := parseNumber(s)
	if !ok {
		return Value{}, errors.New("a number is malformed or out of range")
	}
	return v, nil
}

func fromList[T any](list []T, depth int) (Value, error) {
	items := make([]Value, len(list))
	for i, x := range list {
		v, err := fromAny(x, depth+1)
		if err != nil {
			return Value{}, fmt.Errorf("element %d: %w", i, err)
		}
		items[i] = v
	}
	return NewArray(items...), nil
}

func fromMap[T any](m map[string]T, depth int) (Value, error) {
	values := make(map[string]Value, len(m))
	for key, x := range m {
		v, err := fromAny(x, depth+1)
		if err != nil {
			return Value{}, fmt.Errorf("key %q: %w", key, err)
		}
		values[key] = v
	}
	return NewObject(values), nil
}
