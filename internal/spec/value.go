package spec

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"

	"farrier.dev/farrier/internal/encoding/jsontext"
	"farrier.dev/farrier/internal/spec/schema"
)

// ErrNumber reports a number of more than 400 characters or with an exponent
// beyond ±400: to compare it exactly would cost more than it may.
var ErrNumber = schema.ErrNumber

// Limits are those under which bodies are read: the published defaults, with
// arrays and objects as long as the tokens allow, and names that are unique.
func Limits() jsontext.Limits {
	l := jsontext.DefaultLimits()
	l.MaxEntries, l.MaxElements = l.MaxTokens, l.MaxTokens
	l.UniqueNames = true
	return l
}

// Value reads a JSON document as validators want it: map[string]any, []any,
// string, bool, nil, and json.Number for the exact text of numbers.
func Value(data []byte, limits jsontext.Limits) (any, error) {
	r := valueReader{s: jsontext.NewScanner(data, limits)}
	t, err := r.s.Next()
	if err != nil {
		return nil, fmt.Errorf("reading JSON: %w", err)
	}
	v, err := r.value(t)
	if err == nil {
		if _, err = r.s.Next(); errors.Is(err, io.EOF) {
			return v, nil
		}
	}
	return nil, fmt.Errorf("reading JSON: %w", err)
}

type valueReader struct{ s *jsontext.Scanner }

// value recurses no deeper than the limits of the scanner.
func (r *valueReader) value(t jsontext.Token) (any, error) {
	switch t.Kind {
	case jsontext.BeginObject:
		return r.object()
	case jsontext.BeginArray:
		return r.array()
	case jsontext.String:
		return string(t.Text()), nil
	case jsontext.Number:
		return number(string(t.Raw))
	case jsontext.True:
		return true, nil
	case jsontext.False:
		return false, nil
	case jsontext.Null, jsontext.None, jsontext.EndObject, jsontext.EndArray, jsontext.Name:
	}
	return nil, nil
}

func (r *valueReader) object() (any, error) {
	o := make(map[string]any)
	for {
		name, err := r.s.Next()
		if err != nil {
			return nil, err
		}
		if name.Kind == jsontext.EndObject {
			return o, nil
		}
		key := string(name.Text())
		t, err := r.s.Next()
		if err != nil {
			return nil, err
		}
		if o[key], err = r.value(t); err != nil {
			return nil, err
		}
	}
}

func (r *valueReader) array() (any, error) {
	a := []any{}
	for {
		t, err := r.s.Next()
		if err != nil {
			return nil, err
		}
		if t.Kind == jsontext.EndArray {
			return a, nil
		}
		v, err := r.value(t)
		if err != nil {
			return nil, err
		}
		a = append(a, v)
	}
}

// number gives the number that a text in JSON's grammar is, unless it is long.
func number(text string) (json.Number, error) { return json.Number(text), schema.CheckNumber(text) }

// numberOf reads a text as a number, if it is one in JSON's grammar.
func numberOf(text string) (json.Number, bool) { return json.Number(text), isNumber(text) }

// isNumber says whether a text is a number in JSON's grammar (RFC 8259, §6), and
// short enough to be compared.
func isNumber(text string) bool {
	rest := strings.TrimPrefix(text, "-")
	whole := leadingDigits(rest)
	if whole == 0 || whole > 1 && rest[0] == '0' {
		return false
	}
	rest = rest[whole:]
	if fraction, ok := strings.CutPrefix(rest, "."); ok {
		n := leadingDigits(fraction)
		if n == 0 {
			return false
		}
		rest = fraction[n:]
	}
	if rest != "" && (rest[0] == 'e' || rest[0] == 'E') {
		rest = rest[1:]
		if rest != "" && (rest[0] == '+' || rest[0] == '-') {
			rest = rest[1:]
		}
		n := leadingDigits(rest)
		if n == 0 {
			return false
		}
		rest = rest[n:]
	}
	return rest == "" && schema.CheckNumber(text) == nil
}

func leadingDigits(text string) int {
	n := 0
	for n < len(text) && '0' <= text[n] && text[n] <= '9' {
		n++
	}
	return n
}
