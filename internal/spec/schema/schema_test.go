package schema_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"farrier.dev/farrier/internal/encoding/jsontext"
	"farrier.dev/farrier/internal/spec/schema"
)

// TestTold holds what is told of each kind of violation, and its place.
func TestTold(t *testing.T) {
	for _, c := range []struct{ schema, value, want string }{
		{`{"type":["integer","null"]}`, `"a"`, ": must be null or integer, not string"},
		{`{"type":"integer"}`, `1.5`, ": must be integer, not number"},
		{`{"type":"integer"}`, `10e-1`, ""},
		{`{"minimum":0.3,"maximum":1e2}`, `0.29999999999999999`, ": must be at least 0.3"},
		{`{"exclusiveMaximum":9007199254740993}`, `9007199254740993.0`, ": must be less than 9007199254740993"},
		{`{"exclusiveMaximum":9007199254740993}`, `9007199254740992`, ""},
		{`{"multipleOf":0.1}`, `0.3`, ""},
		{`{"multipleOf":0.1}`, `0.35`, ": must be a multiple of 0.1"},
		{`{"multipleOf":3}`, `1e300`, ": must be a multiple of 3"},
		{`{"multipleOf":7}`, `7e300`, ""},
		{`{"const":1}`, `1.0`, ""},
		{`{"enum":[{"a":[1,2]}]}`, `{"a":[1.0,2e0]}`, ""},
		{`{"enum":[{"a":[1,2]}]}`, `{"a":[2,1]}`, ": must be one of the listed values"},
		{`{"minLength":2,"maxLength":3}`, `"😀"`, ": must have at least 2 characters"},
		{`{"pattern":"^a"}`, `"b"`, ": must match the pattern ^a"},
		{`{"format":"int32"}`, `2147483648`, ": must have the format int32"},
		{`{"format":"float"}`, `1e39`, ": must have the format float"},
		{`{"format":"no-such"}`, `"x"`, ""},
		{`{"items":{"properties":{"a/b~":{"type":"string"}}}}`, `[{},{"a/b~":1}]`, "/1/a~1b~0: must be string, not number"},
		{`{"required":["b","a"],"additionalProperties":false,"properties":{"a":true,"b":true}}`, `{"c":1}`, ": required, but missing: a, b; : not described: c"},
		{`{"uniqueItems":true}`, `[{"a":1,"b":2},{"b":2,"a":1.0}]`, ": items must differ"},
		{`{"contains":{"type":"string"},"maxContains":1}`, `["a","b"]`, ": has not the right number of matching items"},
		{`{"propertyNames":{"maxLength":1}}`, `{"ab":1}`, ": a property has a name that is not allowed"},
		{`{"dependentRequired":{"a":["b"]}}`, `{"a":1}`, ": required, but missing: b"},
		{`{"unevaluatedProperties":false,"allOf":[{"properties":{"a":true}}]}`, `{"a":1,"b":1}`, "/b: not allowed here"},
		{`{"oneOf":[{"type":"integer"},{"minimum":3}]}`, `4`, ": matches several alternatives, and must match one"},
		{`{"anyOf":[{"$ref":"#/$defs/cat"},{"$ref":"#/$defs/dog"}],"discriminator":{"propertyName":"kind"}}`, `{"kind":"cat","lives":"9"}`, "/lives: must be integer, not string"},
		{`{"oneOf":[{"$ref":"#/$defs/cat"},{"$ref":"#/$defs/dog"}],"discriminator":{"propertyName":"kind","mapping":{"kitten":"#/$defs/cat"}}}`, `{"kind":"kitten","lives":"9"}`, "/lives: must be integer, not string"},
		{`{"anyOf":[{"$ref":"#/$defs/cat"},{"$ref":"#/$defs/dog"}],"discriminator":{"propertyName":"kind"}}`, `{"kind":"cat","lives":"9","barks":true}`, ""},
		{`{"anyOf":[{"$ref":"#/$defs/cat"},{"$ref":"#/$defs/dog"}]}`, `{"kind":"cat","lives":"9"}`, ": matches none of the alternatives"},
	} {
		s := compiled(t, `{"x":`+c.schema+`,
			"cat":{"required":["lives"],"properties":{"lives":{"type":"integer"}}},"dog":{"required":["barks"],"properties":{"barks":{"type":"boolean"}}}}`)
		var got []string
		for _, v := range s.Violations(parsed(t, c.value), 10) {
			got = append(got, v.Pointer+": "+v.Rule)
		}
		if text := strings.Join(got, "; "); text != c.want {
			t.Errorf("%s of %s: %q, want %q", c.value, c.schema, text, c.want)
		}
	}
}

// TestBounded holds that no schema and value cost more than they may: what would
// is refused, and what costs in proportion is not.
func TestBounded(t *testing.T) {
	nested := func(n int) string { return strings.Repeat("[", n) + "1" + strings.Repeat("]", n) }
	wide := "[" + strings.Repeat("[1],", 100_000) + "[2]]"
	for name, c := range map[string]struct {
		defs, value string
		costly      bool
	}{
		"two alternatives":           {`{"x":{"anyOf":[{"type":"array","items":{"$ref":"#/$defs/x"}},{"type":"array","items":{"$ref":"#/$defs/x"},"maxItems":1}]}}`, nested(60), true},
		"one alternative":            {`{"x":{"anyOf":[{"type":"integer"},{"type":"array","items":{"$ref":"#/$defs/x"}}]}}`, nested(290), false},
		"one of two":                 {`{"x":{"oneOf":[{"type":"integer"},{"type":"array","items":{"$ref":"#/$defs/x"}},{"type":"array","items":{"$ref":"#/$defs/x"},"contains":{"type":"string"}}]}}`, nested(60), true},
		"a schema that is itself":    {`{"x":{"$ref":"#/$defs/y"},"y":{"allOf":[{"$ref":"#/$defs/x"}]}}`, `1`, true},
		"itself or something else":   {`{"x":{"anyOf":[{"$ref":"#/$defs/x"},true]}}`, `1`, true},
		"many items":                 {`{"x":{"items":{"items":{"type":"integer"}},"uniqueItems":false}}`, wide, false},
		"many equal items":           {`{"x":{"items":{"uniqueItems":true}}}`, wide, false},
		"unevaluated at every level": {`{"x":{"unevaluatedItems":false,"items":{"$ref":"#/$defs/x"},"type":["array","integer"]}}`, nested(290), false},
		"many members that depend":   {`{"x":{"dependentRequired":{"a":["b"],"b":["c"],"c":["d"]}}}`, `{"a":1,"b":2,"c":3,"d":4}`, false},
		"a long enum of long arrays": {`{"x":{"items":{"enum":[` + strings.Repeat(`[1,2,3],`, 2000) + `[1,2]]}}}`, "[" + strings.Repeat("[1,2],", 5000) + "[1,2]]", true},
	} {
		s := compiled(t, c.defs)
		found := s.Violations(parsed(t, c.value), 3)
		costly := slices.ContainsFunc(found, func(v schema.Violation) bool { return v.Costly })
		if costly != c.costly {
			t.Errorf("%s: %v", name, found)
		}
	}
	twice := "[" + strings.Repeat("0,", 50_000) + "0]"
	if compiled(t, `{"x":{"uniqueItems":true}}`).Valid(parsed(t, twice)) {
		t.Error("equal items are taken for different ones")
	}
	var different []string
	for i := range 50_000 {
		different = append(different, fmt.Sprintf(`{"n":%d}`, i))
	}
	if !compiled(t, `{"x":{"uniqueItems":true}}`).Valid(parsed(t, "["+strings.Join(different, ",")+"]")) {
		t.Error("different items are taken for equal ones")
	}
}

// TestUndescribed holds which properties count as unknown where a schema is open.
func TestUndescribed(t *testing.T) {
	for _, c := range []struct{ schema, value, want string }{
		{`{"properties":{"a":true}}`, `{"a":1,"b":2}`, "/b"},
		{`{"type":"object"}`, `{"a":1}`, ""},
		{`{"properties":{"a":true},"additionalProperties":true}`, `{"b":2}`, ""},
		{`{"allOf":[{"properties":{"a":{"properties":{"x":true}}}},{"properties":{"a":{"properties":{"y":true}},"b":true}}]}`, `{"a":{"x":1,"y":2,"z":3},"b":{"q":1}}`, "/a/z"},
		{`{"anyOf":[{"properties":{"a":{"type":"string"}}},{"properties":{"b":{"type":"integer"}}}]}`, `{"a":1,"b":2}`, "/a"},
		{`{"items":{"properties":{"a":true},"patternProperties":{"^x-":true}}}`, `[{"a":1,"x-b":2},{"c":3}]`, "/1/c"},
		{`{"properties":{"a":true},"not":{"properties":{"b":{"type":"string"}},"required":["b"]}}`, `{"b":2}`, "/b"},
		{`{"properties":{"a":true},"not":{"required":["c"]},"if":{"properties":{"b":true}}}`, `{"b":2,"d":1}`, "/d"},
	} {
		var got []string
		s := compiled(t, `{"x":`+c.schema+`}`)
		for _, v := range s.Undescribed(parsed(t, c.value), 10) {
			got = append(got, v.Pointer)
		}
		if text := strings.Join(got, " "); text != c.want {
			t.Errorf("%s of %s: %q, want %q", c.value, c.schema, text, c.want)
		}
	}
}

// TestUndescribedCostly holds that a value is not taken for described because it
// costs too much to tell: alternatives that all match are all looked at then.
func TestUndescribedCostly(t *testing.T) {
	s := compiled(t, `{"x":{"anyOf":[{"items":{"$ref":"#/$defs/x"}},{"items":{"$ref":"#/$defs/x"}}],"properties":{"a":true}}}`)
	value := strings.Repeat("[", 60) + `{"b":1}` + strings.Repeat("]", 60)
	if !s.Valid(parsed(t, value)) {
		t.Fatal("the value must be valid")
	}
	if found := s.Undescribed(parsed(t, value), 1); len(found) != 1 || !found[0].Costly {
		t.Errorf("a value that is too costly to tell of: %v", found)
	}
}

// TestFiles holds that of what is no text everything is judged but its length.
func TestFiles(t *testing.T) {
	for _, c := range []struct {
		schema, content string
		want            bool
	}{
		{`{"type":"string","format":"binary"}`, "\xff\xfe", true},
		{`{"minLength":5,"maxLength":6}`, "\xff\xff\xff", true},
		{`{"enum":["a"]}`, "\xff", false},
		{`{"const":"a"}`, "a\xff", false},
		{`{"pattern":"^[a-z]+$"}`, "a\xff", false},
		{`{"$ref":"#/$defs/y"}`, "\xff", false},
		{`{"format":"uuid"}`, "\xff", false},
		{`{"type":"integer"}`, "1", false},
	} {
		var d schema.Document
		d.Opaque(c.content)
		if got := compiled(t, `{"x":`+c.schema+`,"y":{"pattern":"a"}}`).Valid(&d); got != c.want {
			t.Errorf("%q by %s: %v", c.content, c.schema, got)
		}
	}
}

// TestMalformed holds what is no schema.
func TestMalformed(t *testing.T) {
	for text, want := range map[string]string{
		`{"x":1}`:                              "a schema must be an object or a boolean",
		`{"x":{"type":"strin"}}`:               "type must be null, boolean",
		`{"x":{"type":1}}`:                     "type must be the name of a type",
		`{"x":{"minLength":-1}}`:               "minLength must be a whole number from 0",
		`{"x":{"maxItems":1.5}}`:               "maxItems must be a whole number from 0",
		`{"x":{"minimum":"1"}}`:                "minimum must be a number",
		`{"x":{"multipleOf":0}}`:               "multipleOf must be more than 0",
		`{"x":{"pattern":"("}}`:                "pattern: the regular expression is malformed",
		`{"x":{"enum":1}}`:                     "enum must be a list of values",
		`{"x":{"required":[1]}}`:               "required must be a list of names",
		`{"x":{"allOf":[]}}`:                   "allOf must be a list of schemas that is not empty",
		`{"x":{"properties":[]}}`:              "properties must be an object",
		`{"x":{"uniqueItems":1}}`:              "uniqueItems must be true or false",
		`{"x":{"items":{"$ref":"#/y"}}}`:       "must have the form #/$defs/NAME",
		`{"x":{"$ref":"#/$defs/nowhere"}}`:     "there is no such schema",
		`{"x":{"not":{"items":{"format":1}}}}`: "not: items: format must be a text",
		`{"x":` + strings.Repeat(`{"not":`, 600) + `{"type":"string","minLength":1}` + strings.Repeat("}", 600) + `}`: "nested too deeply",
	} {
		defs, _ := value(t, text).(map[string]any)
		set := schema.NewSet(defs, schema.Options{})
		_, err := set.Schema("x")
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%.80s: %v, want %q", text, err, want)
		}
		if _, again := set.Schema("x"); again == nil {
			t.Errorf("%.80s is accepted at the second time", text)
		}
	}
}

// TestNothingAllocated holds that a valid value costs no memory, once there is
// some to work in.
func TestNothingAllocated(t *testing.T) {
	s := compiled(t, `{"x":{"type":"object","required":["a","b"],"properties":{"a":{"type":"array","uniqueItems":true,"items":{"type":"number","multipleOf":0.5}},
		"b":{"oneOf":[{"type":"string","pattern":"^[a-z]+$","format":"hostname"},{"type":"null"}]},"c":{"format":"date-time"},"d":{"enum":["x","y",1.5]}},"unevaluatedProperties":false}}`)
	text := []byte(`{"a":[1,2.5,3e0],"b":"abc","c":"2024-02-29T10:00:00Z","d":1.50}`)
	var d schema.Document
	n := testing.AllocsPerRun(100, func() {
		if err := d.Parse(text, jsontext.DefaultLimits()); err != nil {
			t.Fatal(err)
		}
		if !s.Valid(&d) {
			t.Fatal(s.Violations(&d, 3))
		}
	})
	if n > 0 {
		t.Errorf("%v allocations", n)
	}
}

// FuzzSchema holds that no schema and no value panics, ends late, or is judged in
// two ways.
func FuzzSchema(f *testing.F) {
	for seed := range uint64(20) {
		g := newGenerator(seed)
		defs, _ := json.Marshal(g.defs)
		v, _ := json.Marshal(g.meeting(g.defs["x"], 3))
		f.Add(string(defs), string(v))
	}
	f.Add(`{"x":{"pattern":"^(a+)+\\1$","uniqueItems":true}}`, `["aaaaaaaaaaaaaaaaaaaaaaaa!"]`)
	f.Fuzz(func(t *testing.T, defs, text string) {
		decoder := json.NewDecoder(strings.NewReader(defs))
		decoder.UseNumber()
		var named map[string]any
		if decoder.Decode(&named) != nil {
			return
		}
		s, err := schema.NewSet(named, schema.Options{Steps: 20_000}).Schema("x")
		if err != nil {
			return
		}
		var d schema.Document
		if err := d.Parse([]byte(text), jsontext.DefaultLimits()); err != nil {
			if d.Parse([]byte(text), jsontext.DefaultLimits()) == nil {
				t.Fatal("read in two ways")
			}
			return
		}
		if ok, told := s.Valid(&d), s.Violations(&d, 3); ok != (len(told) == 0) {
			t.Fatalf("valid %v, told %v", ok, told)
		}
		s.Undescribed(&d, 3)
	})
}

// TestUnknown holds that a name without a schema is told.
func TestUnknown(t *testing.T) {
	if _, err := schema.NewSet(nil, schema.Options{}).Schema("x"); !errors.Is(err, schema.ErrUnknown) {
		t.Error(err)
	}
}
