package spec_test

import (
	"encoding/json"
	"slices"
	"strconv"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"farrier.dev/farrier/internal/spec"
)

// sample is a schema, a value that satisfies it, and values that do not, each in
// one way.
type sample struct {
	schema any
	value  any
	wrong  []any
}

func drawSample(t *rapid.T, depth int) sample {
	kinds := []string{"integer", "string", "boolean", "enum", "nullable"}
	if depth > 0 {
		kinds = append(kinds, "array", "object", "allOf")
	}
	switch rapid.SampledFrom(kinds).Draw(t, "kind") {
	case "integer":
		low := rapid.Int64Range(-1e15, 1e15).Draw(t, "low")
		high := low + rapid.Int64Range(0, 1e6).Draw(t, "span")
		n := rapid.Int64Range(low, high).Draw(t, "n")
		return sample{
			map[string]any{"type": "integer", "minimum": num(low), "maximum": num(high)},
			num(n),
			[]any{num(low - 1), num(high + 1), num(n) + ".5", "x", nil, true, []any{}},
		}
	case "string":
		s := rapid.StringMatching(`[a-zé]{3,6}`).Draw(t, "s")
		return sample{
			map[string]any{"type": "string", "minLength": num(3), "maxLength": num(6), "pattern": "^[a-zé]*$"},
			s,
			[]any{"ab", "abcdefg", "ABCD", num(1), nil, map[string]any{}},
		}
	case "boolean":
		return sample{map[string]any{"type": "boolean"}, rapid.Bool().Draw(t, "b"), []any{"true", num(0), nil}}
	case "enum":
		return sample{map[string]any{"enum": []any{"a", num(1), nil}}, rapid.SampledFrom([]any{"a", json.Number("1.0"), nil}).Draw(t, "e"), []any{"b", "1", num(2), false}}
	case "nullable":
		inner := drawSample(t, 0)
		return sample{map[string]any{"anyOf": []any{inner.schema, map[string]any{"type": "null"}}}, inner.value, slices.DeleteFunc(inner.wrong, func(v any) bool { return v == nil })}
	case "array":
		inner := drawSample(t, depth-1)
		wrong := []any{[]any{}, map[string]any{}, slices.Repeat([]any{inner.value}, 5)}
		for _, w := range inner.wrong {
			wrong = append(wrong, []any{inner.value, w})
		}
		return sample{
			map[string]any{"type": "array", "minItems": num(1), "maxItems": num(4), "items": inner.schema},
			slices.Repeat([]any{inner.value}, rapid.IntRange(1, 4).Draw(t, "items")), wrong,
		}
	case "allOf":
		inner := drawObject(t, depth-1, true)
		return sample{map[string]any{"allOf": []any{inner.schema, map[string]any{"minProperties": num(1)}}}, inner.value, inner.wrong}
	}
	return drawObject(t, depth-1, rapid.Bool().Draw(t, "closed"))
}

func drawObject(t *rapid.T, depth int, closed bool) sample {
	inner, other := drawSample(t, depth), drawSample(t, depth)
	schema := map[string]any{
		"type": "object", "required": []any{"a"},
		"properties": map[string]any{"a": inner.schema, "b": other.schema},
	}
	value := map[string]any{"a": inner.value, "b": other.value}
	wrong := []any{map[string]any{"b": other.value}, map[string]any{}, "x"}
	for _, w := range inner.wrong {
		wrong = append(wrong, map[string]any{"a": w})
	}
	for _, w := range other.wrong {
		wrong = append(wrong, map[string]any{"a": inner.value, "b": w})
	}
	if closed {
		schema["additionalProperties"] = false
		wrong = append(wrong, map[string]any{"a": inner.value, "c": true})
	}
	return sample{schema, value, wrong}
}

func num(n int64) json.Number { return json.Number(strconv.FormatInt(n, 10)) }

// TestGenerated holds that a value made for a schema is accepted, that each
// change for the worse is refused with a place, and that the quick judgement is
// that of the full one.
func TestGenerated(t *testing.T) {
	refused := 0
	rapid.Check(t, func(t *rapid.T) {
		s := drawSample(t, 3)
		v, err := spec.NewValidators(spec.Definitions{"s": s.schema}, spec.Requests)
		if err != nil {
			t.Fatal(err)
		}
		k, err := v.Of(spec.Schema{Name: "s", Line: 1})
		if err != nil {
			t.Fatal(err)
		}
		hold := func(value any) []spec.Violation {
			text, err := json.Marshal(value)
			if err != nil {
				t.Fatal(err)
			}
			read, err := spec.Value(text, spec.Limits())
			if err != nil {
				t.Fatal(err)
			}
			found := k.Violations(read, "body", 5)
			if k.Valid(read) != (len(found) == 0) {
				t.Fatalf("%s: quick and full judgement differ", text)
			}
			return found
		}
		if found := hold(s.value); len(found) > 0 {
			t.Fatalf("%v is refused: %v", s.value, found)
		}
		for _, w := range s.wrong {
			found := hold(w)
			if len(found) == 0 {
				t.Fatalf("%v is accepted by %v", w, s.schema)
			}
			if refused++; !strings.HasPrefix(found[0].Place, "body") {
				t.Fatalf("violation at %q", found[0].Place)
			}
		}
	})
	if t.Logf("refused %d changed values", refused); refused < 500 {
		t.Fatal("there should be at least 500")
	}
}

// TestValue holds what is refused before any schema is asked.
func TestValue(t *testing.T) {
	for text, want := range map[string]string{
		`{"a":1,"a":2}`: "duplicate name", `{"a":1,"\u0061":2}`: "duplicate name",
		strings.Repeat("[", 301): "MaxDepth", `1e401`: "too long to be compared", `1E-0000000401`: "too long to be compared",
		strings.Repeat("1", 401): "too long to be compared", `[1e400, 1e-400]`: "", `{} x`: "data behind the value", ``: "unexpected end",
		`"` + "\xff" + `"`: "UTF-8", `[1,]`: "unexpected character", strings.Repeat("1", 400): "",
	} {
		_, err := spec.Value([]byte(text), spec.Limits())
		if want == "" && err != nil || want != "" && (err == nil || !strings.Contains(err.Error(), want)) {
			t.Errorf("%.40q: %v, want %q", text, err, want)
		}
	}
}

// TestDirections holds what readOnly and writeOnly mean, also where a property
// and the demand for it stand in different parts of allOf.
func TestDirections(t *testing.T) {
	defs := spec.Definitions{
		"base": map[string]any{"type": "object", "properties": map[string]any{
			"id": map[string]any{"$ref": "#/$defs/id"}, "password": map[string]any{"type": "string", "writeOnly": true}, "name": map[string]any{"type": "string"},
		}, "required": []any{"id", "password"}},
		"id":   map[string]any{"type": "integer", "readOnly": true},
		"user": map[string]any{"allOf": []any{map[string]any{"$ref": "#/$defs/base"}, map[string]any{"required": []any{"id", "name"}}}},
	}
	for _, c := range []struct {
		to   spec.Direction
		text string
		want bool
	}{
		{spec.Requests, `{"name":"x","password":"y"}`, true},
		{spec.Requests, `{"name":"x","password":"y","id":1}`, true},
		{spec.Requests, `{"name":"x","password":"y","id":"1"}`, false},
		{spec.Requests, `{"name":"x"}`, false},
		{spec.StrictRequests, `{"name":"x","password":"y"}`, true},
		{spec.StrictRequests, `{"name":"x","password":"y","id":1}`, false},
		{spec.Answers, `{"name":"x","id":1}`, true},
		{spec.Answers, `{"name":"x","password":"y"}`, false},
	} {
		v, err := spec.NewValidators(defs, c.to)
		if err != nil {
			t.Fatal(err)
		}
		k, err := v.Of(spec.Schema{Name: "user"})
		if err != nil {
			t.Fatal(err)
		}
		value, err := spec.Value([]byte(c.text), spec.Limits())
		if err != nil {
			t.Fatal(err)
		}
		if got := k.Valid(value); got != c.want {
			t.Errorf("direction %d, %s: %v, want %v: %v", c.to, c.text, got, c.want, k.Violations(value, "body", 3))
		}
	}
}

func TestCompilePattern(t *testing.T) {
	re, err := spec.CompilePattern(`^(?!x)\u00e9`)
	if err != nil || !re.MatchString("é") {
		t.Errorf("%v", err)
	}
	if _, err := spec.CompilePattern("("); err == nil || !strings.Contains(err.Error(), "malformed") {
		t.Errorf("%v", err)
	}
}
