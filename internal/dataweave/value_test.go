package dataweave

import (
	"encoding/json"
	"math"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

func TestFromJSONRefuses(t *testing.T) {
	for name, c := range map[string]struct{ text, want string }{
		"empty":        {"", "ends too early"},
		"open":         {`{"a": [1`, "ends too early"},
		"garbage":      {`{"a": s3cr3t}`, "not valid JSON"},
		"trailing":     {`{} {}`, "text after the value"},
		"repeated key": {`{"a": {"s3cr3t": 1, "s3cr3t": 1}}`, "an object repeats a key"},
		"escaped key":  {`{"a": 1, "\u0061": 1}`, "an object repeats a key"},
		"out of range": {`[1e999]`, "a number is out of range"},
		"too deep":     {strings.Repeat("[", 301) + strings.Repeat("]", 301), "nested deeper than 300"},
		"too many":     {"[0" + strings.Repeat(",0", maxDataValues) + "]", "more than 262144 values"},
	} {
		_, err := FromJSON([]byte(c.text))
		if err == nil || !strings.Contains(err.Error(), c.want) || strings.Contains(err.Error(), "s3cr3t") {
			t.Errorf("%s: %v; want %s", name, err, c.want)
		}
	}
	if _, err := FromJSON([]byte(strings.Repeat("[", 300) + strings.Repeat("]", 300))); err != nil {
		t.Errorf("depth 300: %v", err)
	}
}

func TestFromAny(t *testing.T) {
	list := NewArray(String("x"))
	v, err := FromAny(map[string]any{
		"null": nil, "bool": true, "text": "a", "bytes": []byte("b"), "float": 1.5, "int": 3, "int64": int64(1 << 60),
		"uint64": uint64(math.MaxUint64), "number": json.Number("7"), "list": []any{1, "b"}, "texts": []string{"c"},
		"map": map[string]string{"k": "v"}, "value": list, "object": &headers{{"h", "v"}}, "array": sliceArray{Bool(true)},
		"int32": int32(-1), "uint32": uint32(1), "float32": float32(0.5),
	})
	if err != nil {
		t.Fatal(err)
	}
	want, err := FromJSON([]byte(`{"null":null,"bool":true,"text":"a","bytes":"b","float":1.5,"int":3,"int64":1152921504606846976,
		"uint64":18446744073709551615,"number":7,"list":[1,"b"],"texts":["c"],"map":{"k":"v"},"value":["x"],"object":{"h":"v"},"array":[true],
		"int32":-1,"uint32":1,"float32":0.5}`))
	if err != nil {
		t.Fatal(err)
	}
	if !Equal(v, want) {
		t.Errorf("got %+v\nwant %+v", v, want)
	}
	ring := map[string]any{}
	ring["ring"] = ring
	for name, x := range map[string]any{
		"a Go value of type struct": struct{}{}, "element 0: a Go value of type func": []any{func() {}},
		"nested deeper than 300": ring, "a number is malformed": json.Number("x"),
	} {
		if _, err := FromAny(x); err == nil || !strings.Contains(err.Error(), name) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestAccessors(t *testing.T) {
	values := []Value{Null(), Bool(true), Number(1), String("a"), NewArray(), NewObject(nil)}
	for i, v := range values {
		_, isBool := v.AsBool()
		_, isNumber := v.AsNumber()
		_, isString := v.AsString()
		_, isArray := v.AsArray()
		_, isObject := v.AsObject()
		for k, is := range []bool{v.IsNull(), isBool, isNumber, isString, isArray, isObject} {
			if is != (k == i) {
				t.Errorf("%s: answers as %s: %v", v.Kind(), Kind(k), is)
			}
		}
		if Equal(v, values[(i+1)%len(values)]) {
			t.Errorf("%s equals another type", v.Kind())
		}
	}
	if !ObjectOf(nil).IsNull() || !ArrayOf(nil).IsNull() || !Number(math.NaN()).IsNull() || !Number(math.Inf(1)).IsNull() {
		t.Error("what is nothing must be null")
	}
	if b, ok := Bool(false).AsBool(); b || !ok {
		t.Error("false is a Boolean")
	}
}

// drawValue draws nested values from few leaves, so that equal ones occur.
func drawValue(t *rapid.T, depth int) Value {
	kinds := 6
	if depth == 0 {
		kinds = 4
	}
	switch rapid.IntRange(0, kinds-1).Draw(t, "kind") {
	case 0:
		return Null()
	case 1:
		return Bool(rapid.Bool().Draw(t, "bool"))
	case 2:
		return Number(rapid.SampledFrom([]float64{0, 1, -1, 0.5, 1e20}).Draw(t, "number"))
	case 3:
		return String(rapid.SampledFrom([]string{"", "1", "a", "b,", "\xff", "\xfe"}).Draw(t, "text"))
	case 4:
		items := make([]Value, rapid.IntRange(0, 2).Draw(t, "len"))
		for i := range items {
			items[i] = drawValue(t, depth-1)
		}
		return NewArray(items...)
	}
	m := map[string]Value{}
	for range rapid.IntRange(0, 2).Draw(t, "len") {
		m[rapid.SampledFrom([]string{"", "a", "b,1:"}).Draw(t, "key")] = drawValue(t, depth-1)
	}
	return NewObject(m)
}

// TestIdentity: two values have the same identity exactly when they are equal.
func TestIdentity(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		a, b := drawValue(t, 2), drawValue(t, 2)
		same := string(appendIdentity(nil, a)) == string(appendIdentity(nil, b))
		if same != Equal(a, b) || !Equal(a, a) {
			t.Fatalf("identity %v, equal %v: %+v %+v", same, Equal(a, b), a, b)
		}
	})
}
