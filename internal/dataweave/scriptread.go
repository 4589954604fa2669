package dataweave

import (
	"errors"
	"fmt"
	"io"
	"strings"

	"farrier.dev/farrier/internal/encoding"
	"farrier.dev/farrier/internal/encoding/form"
	"farrier.dev/farrier/internal/encoding/jsontext"
)

// FromJSONOrdered reads one JSON text (RFC 8259) for scripts: Objects keep the
// order of their keys, also repeated ones, and numbers their digits. Nesting
// deeper than 300 and more than 262144 values are errors; none quotes the data.
func FromJSONOrdered(data []byte) (Value, error) {
	limits := jsontext.NoLimits()
	limits.MaxDepth, limits.MaxTokens = maxDataDepth, 2*maxDataValues
	r := orderedReader{scanner: jsontext.NewScanner(data, limits)}
	v, err := r.next()
	if err == nil {
		// The scanner complains about what stands behind the value.
		if _, end := r.scanner.Next(); end == nil {
			err = errors.New("text after the value")
		} else if !errors.Is(end, io.EOF) {
			err = errors.New("not valid JSON, or text after the value")
		}
	}
	if err != nil {
		return Value{}, fmt.Errorf("reading JSON near byte %d: %w", r.scanner.Offset(), err)
	}
	return v, nil
}

type orderedReader struct {
	scanner *jsontext.Scanner
	count   int
}

func (r *orderedReader) token() (jsontext.Token, error) {
	t, err := r.scanner.Next()
	var limit *encoding.LimitError
	switch {
	case err == nil:
		return t, nil
	case errors.As(err, &limit):
		return t, errors.New("nested too deep, or too many values")
	}
	return t, errors.New("not valid JSON")
}

func (r *orderedReader) next() (Value, error) {
	t, err := r.token()
	if err != nil {
		return Value{}, err
	}
	return r.value(t)
}

func (r *orderedReader) value(t jsontext.Token) (Value, error) {
	if r.count++; r.count > maxDataValues {
		return Value{}, fmt.Errorf("more than %d values", maxDataValues)
	}
	switch t.Kind {
	case jsontext.True, jsontext.False:
		return Bool(t.Kind == jsontext.True), nil
	case jsontext.String:
		return String(string(t.AppendText(nil))), nil
	case jsontext.Number:
		return orderedNumber(string(t.Raw))
	case jsontext.BeginArray:
		return r.array()
	case jsontext.BeginObject:
		return r.object()
	default:
		return Value{}, nil
	}
}

// orderedNumber keeps the digits of a number that would be written otherwise.
func orderedNumber(raw string) (Value, error) {
	v, ok := parseNumber(raw)
	if !ok {
		return Value{}, errors.New("a number is out of range")
	}
	var scratch [maxScalar]byte
	if string(v.appendScalar(scratch[:0])) != raw {
		v.str = raw
	}
	return v, nil
}

func (r *orderedReader) array() (Value, error) {
	a := &items{depth: 1}
	for {
		t, err := r.token()
		if err != nil {
			return Value{}, err
		}
		if t.Kind == jsontext.EndArray {
			return Value{kind: KindArray, ref: a}, nil
		}
		item, err := r.value(t)
		if err != nil {
			return Value{}, err
		}
		a.list = append(a.list, item)
		a.depth = max(a.depth, 1+nesting(item))
	}
}

func (r *orderedReader) object() (Value, error) {
	var list []Entry
	for {
		t, err := r.token()
		if err != nil {
			return Value{}, err
		}
		if t.Kind == jsontext.EndObject {
			return NewEntries(list), nil
		}
		e := Entry{Key: string(t.AppendText(nil))}
		if e.Value, err = r.next(); err != nil {
			return Value{}, err
		}
		list = append(list, e)
	}
}

// FromForm reads an application/x-www-form-urlencoded text: an Object of text
// in the order of the fields. More than 1000 fields are an error.
func FromForm(data []byte) (Value, error) {
	var list []Entry
	pairs := form.Pairs(string(data), form.DefaultMaxPairs)
	for pairs.Next() {
		pair := pairs.Pair()
		key, _ := pair.Name.Decode()
		value, _ := pair.Value.Decode()
		list = append(list, Entry{Key: strings.Clone(key), Value: String(value)})
	}
	if err := pairs.Err(); err != nil {
		return Value{}, fmt.Errorf("reading a form: more than %d fields", form.DefaultMaxPairs)
	}
	return NewEntries(list), nil
}
