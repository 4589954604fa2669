package spec_test

import (
	"strconv"
	"strings"
	"testing"
	"time"

	"farrier.dev/farrier/internal/spec"
)

// TestIntertwined holds that schemas whose alternatives contain themselves cost
// no more than they may, and that others are not weighed.
func TestIntertwined(t *testing.T) {
	for name, c := range map[string]struct {
		defs, body string
		want       string
	}{
		"two alternatives": {
			`{"s":{"anyOf":[{"type":"array","items":{"$ref":"#/$defs/s"}},{"type":"array","items":{"$ref":"#/$defs/s"},"maxItems":1}]}}`,
			strings.Repeat("[", 40) + "1" + strings.Repeat("]", 40), "more steps",
		},
		"few levels": {
			`{"s":{"anyOf":[{"type":"integer"},{"type":"array","items":{"$ref":"#/$defs/s"}},{"type":"array","items":{"$ref":"#/$defs/s"},"maxItems":1}]}}`,
			"[[[[1],[1,1]]]]", "",
		},
		"allOf and named properties": {
			`{"s":{"allOf":[{"properties":{"a":{"$ref":"#/$defs/s"}}},{"additionalProperties":{"$ref":"#/$defs/t"}}]},"t":{"$ref":"#/$defs/s"}}`,
			strings.Repeat(`{"a":`, 40) + "1" + strings.Repeat("}", 40), "more steps",
		},
		"alternatives inside an inline schema": {
			`{"s":{"properties":{"x":{"oneOf":[{"properties":{"y":{"$ref":"#/$defs/s"}}},{"properties":{"y":{"$ref":"#/$defs/s"}},"required":["z"]}]}}}}`,
			strings.Repeat(`{"x":{"y":`, 40) + "1" + strings.Repeat("}}", 40), "more steps",
		},
		"one alternative": {
			`{"s":{"anyOf":[{"type":"integer"},{"type":"array","items":{"$ref":"#/$defs/s"}}]}}`,
			strings.Repeat("[", 290) + "1" + strings.Repeat("]", 290), "",
		},
		"two children": {
			`{"s":{"type":"object","properties":{"l":{"$ref":"#/$defs/s"},"r":{"$ref":"#/$defs/s"}}}}`,
			strings.Repeat(`{"l":`, 290) + "{}" + strings.Repeat("}", 290), "",
		},
		"many violations": {
			`{"s":{"type":"array","items":{"type":"integer"}}}`, "[" + strings.Repeat(`"",`, 200_000) + `""]`, "must be integer",
		},
	} {
		defs, err := spec.Value([]byte(c.defs), spec.Limits())
		if err != nil {
			t.Fatal(err)
		}
		v, err := spec.NewValidators(spec.Definitions(defs.(map[string]any)), spec.Requests) //nolint:forcetypeassert // written above
		if err != nil {
			t.Fatal(err)
		}
		k, err := v.Of(spec.Schema{Name: "s"})
		if err != nil {
			t.Fatal(err)
		}
		value, err := spec.Value([]byte(c.body), spec.Limits())
		if err != nil {
			t.Fatal(err)
		}
		began := time.Now()
		found := k.Violations(value, "body", 3)
		t.Logf("%s: took %v", name, time.Since(began))
		if c.want == "" && len(found) > 0 || c.want != "" && (len(found) == 0 || !strings.Contains(found[0].Rule, c.want)) {
			t.Errorf("%s: %v, want %q", name, found, c.want)
		}
	}
}

// TestLargeDescription holds that a description of many schemas that all lead to
// one another is compiled in a time in proportion.
func TestLargeDescription(t *testing.T) {
	defs := spec.Definitions{}
	for i := range 500 {
		properties := map[string]any{}
		for j := range 10 {
			properties["p"+strconv.Itoa(j)] = map[string]any{"$ref": "#/$defs/s" + strconv.Itoa((i*7+j*13+1)%500)}
		}
		defs["s"+strconv.Itoa(i)] = map[string]any{"type": "object", "properties": properties}
	}
	began := time.Now()
	v, err := spec.NewValidators(defs, spec.Requests)
	if err != nil {
		t.Fatal(err)
	}
	for name := range defs {
		if _, err := v.Of(spec.Schema{Name: name}); err != nil {
			t.Fatal(err)
		}
	}
	took := time.Since(began)
	if t.Logf("500 schemas in %v", took); took > 20*time.Second {
		t.Error("that is too long")
	}
}
