package spec_test

import (
	"encoding/json"
	"maps"
	"reflect"
	"slices"
	"strings"
	"testing"

	"farrier.dev/farrier/internal/spec"
)

// Schemas of the style table: a scalar, an array and an object, and the same of
// numbers, so that what is read as text and what as number shows.
var definitions = spec.Definitions{
	"string":  map[string]any{"type": "string"},
	"integer": map[string]any{"type": "integer"},
	"boolean": map[string]any{"type": "boolean"},
	"either":  map[string]any{"anyOf": []any{map[string]any{"type": "integer"}, map[string]any{"type": "string"}}},
	"colours": only([]any{"blue", "black", "brown"}),
	"blue":    only("blue"),
	"empty":   only(""),
	"rgb":     only(map[string]any{"R": json.Number("100"), "G": json.Number("200"), "B": json.Number("150")}),
	"numbers": map[string]any{"type": "array", "items": map[string]any{"type": "integer"}, "maxItems": json.Number("3")},
	"tags": map[string]any{"type": "object", "properties": map[string]any{
		"tag": map[string]any{"type": "array", "items": map[string]any{"type": "string"}}, "n": map[string]any{"type": "integer"},
	}, "additionalProperties": false},
}

// only is a schema that one value alone satisfies, with the types that tell how
// it is read.
func only(value any) map[string]any {
	s := map[string]any{"const": value}
	switch v := value.(type) {
	case string:
		s["type"] = "string"
	case []any:
		s["type"], s["items"] = "array", map[string]any{"type": "string"}
	case map[string]any:
		s["type"] = "object"
		properties := map[string]any{}
		for name := range v {
			properties[name] = map[string]any{"type": "integer"}
		}
		s["properties"] = properties
	}
	return s
}

func checker(t testing.TB, o spec.Options, parameters ...spec.Parameter) *spec.Checker {
	t.Helper()
	path := "/a"
	for i := range parameters {
		if parameters[i].In == spec.InPath {
			path = "/a/{" + parameters[i].Name + "}"
		}
	}
	o.Most = 3
	c, err := spec.NewChecker(&spec.Description{
		Definitions: definitions,
		Operations:  []spec.Operation{{Method: "GET", Path: path, Parameters: parameters}},
	}, o)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// request puts the text of a parameter where it belongs.
func request(in spec.Place, text string) *spec.Request {
	r := &spec.Request{Method: "GET", Path: "/a", Header: func(string) string { return "" }}
	switch in {
	case spec.InPath:
		r.Path = "/a/" + text
	case spec.InQuery:
		r.Query = text
	case spec.InHeader, spec.InCookie:
		r.Header = func(name string) string {
			if name == "color" && in == spec.InHeader || name == "cookie" && in == spec.InCookie {
				return text
			}
			return ""
		}
	}
	return r
}

// TestStyles holds the style table of OpenAPI 3.1.1 §4.8.12.3.
func TestStyles(t *testing.T) {
	cases := 0
	for _, c := range []struct {
		style   spec.Style
		explode bool
		in      spec.Place
		// What stands for the empty text, "blue", the colours and the numbers of a
		// colour; "-" where the table says that there is nothing.
		empty, blue, colours, rgb string
	}{
		{spec.Matrix, false, spec.InPath, ";color", ";color=blue", ";color=blue,black,brown", ";color=R,100,G,200,B,150"},
		{spec.Matrix, true, spec.InPath, ";color", ";color=blue", ";color=blue;color=black;color=brown", ";R=100;G=200;B=150"},
		{spec.Label, false, spec.InPath, ".", ".blue", ".blue,black,brown", ".R,100,G,200,B,150"},
		{spec.Label, false, spec.InPath, "-", "-", ".blue.black.brown", ".R.100.G.200.B.150"}, // 3.0.0 to 3.0.3
		{spec.Label, true, spec.InPath, ".", ".blue", ".blue.black.brown", ".R=100.G=200.B=150"},
		{spec.Simple, false, spec.InPath, "-", "blue", "blue,black,brown", "R,100,G,200,B,150"},
		{spec.Simple, true, spec.InPath, "-", "blue", "blue,black,brown", "R=100,G=200,B=150"},
		{spec.Simple, false, spec.InHeader, "-", "blue", "blue,black,brown", "R,100,G,200,B,150"},
		{spec.Simple, true, spec.InHeader, "-", "blue", "blue, black, brown", "R=100, G=200, B=150"},
		{spec.Form, false, spec.InQuery, "color=", "color=blue", "color=blue,black,brown", "color=R,100,G,200,B,150"},
		{spec.Form, true, spec.InQuery, "color=", "color=blue", "color=blue&color=black&color=brown", "R=100&G=200&B=150"},
		{spec.Form, false, spec.InCookie, "color=", "color=blue", "color=blue,black,brown", "color=R,100,G,200,B,150"},
		{spec.Form, true, spec.InCookie, "color=", "color=blue; x=y", "color=blue; color=black; color=brown", "R=100; G=200; B=150"},
		{spec.SpaceDelimited, false, spec.InQuery, "-", "-", "color=blue%20black%20brown", "color=R%20100%20G%20200%20B%20150"},
		{spec.SpaceDelimited, false, spec.InQuery, "-", "-", "color=blue+black+brown", "-"},
		{spec.PipeDelimited, false, spec.InQuery, "-", "-", "color=blue%7Cblack%7Cbrown", "color=R%7C100%7CG%7C200%7CB%7C150"},
		{spec.PipeDelimited, false, spec.InQuery, "-", "-", "color=blue|black|brown", "color=R|100|G|200|B|150"},
		{spec.DeepObject, true, spec.InQuery, "-", "-", "-", "color[R]=100&color[G]=200&color[B]=150"},
		{spec.DeepObject, true, spec.InQuery, "-", "-", "-", "color%5BR%5D=100&color%5BG%5D=200&color%5BB%5D=150"},
	} {
		for schema, text := range map[string]string{"empty": c.empty, "blue": c.blue, "colours": c.colours, "rgb": c.rgb} {
			if text == "-" {
				continue
			}
			cases++
			k := checker(t, spec.Options{}, spec.Parameter{
				Name: "color", In: c.in, Style: c.style, Explode: c.explode, Required: true, Schema: spec.Schema{Name: schema},
			})
			if res := k.Check(request(c.in, text)); len(res.Violations) > 0 {
				t.Errorf("%s explode=%v in %s: %q as %s: %v", c.style, c.explode, c.in, text, schema, res.Violations)
			}
			// The same with one letter or digit changed is another value.
			wrong := strings.NewReplacer("blue", "glue", "100", "101").Replace(text)
			if res := k.Check(request(c.in, wrong)); wrong != text && len(res.Violations) == 0 {
				t.Errorf("%s explode=%v in %s: %q passes as %s", c.style, c.explode, c.in, wrong, schema)
			}
		}
	}
	if t.Logf("played %d cells of the table", cases); cases < 40 {
		t.Fatal("there should be at least 40")
	}
}

// TestParameters holds what is refused, and why.
func TestParameters(t *testing.T) {
	many := strings.Repeat("1,", spec.MaxItems) + "1"
	for _, c := range []struct {
		in      spec.Place
		style   spec.Style
		explode bool
		schema  string
		text    string
		want    string // empty passes
	}{
		{spec.InQuery, spec.Form, true, "integer", "color=12", ""},
		{spec.InQuery, spec.Form, true, "integer", "color=1.0", ""},
		{spec.InQuery, spec.Form, true, "integer", "color=1.5", "query color: must be integer, not number"},
		{spec.InQuery, spec.Form, true, "integer", "color=012", "query color: must be integer, not string"},
		{spec.InQuery, spec.Form, true, "integer", "color=1e999999999", "query color: must be integer, not string"},
		{spec.InQuery, spec.Form, true, "integer", "color=", "query color: must be integer, not string"},
		{spec.InQuery, spec.Form, true, "integer", "", "query color: required, but missing"},
		{spec.InQuery, spec.Form, true, "integer", "color=1&color=2", "query color: stands more than once"},
		{spec.InQuery, spec.Form, true, "integer", "color=%zz", "query color: is not encoded as it should be"},
		{spec.InQuery, spec.Form, true, "string", "color=%00", "query color: is not UTF-8, or holds a zero byte"},
		{spec.InQuery, spec.Form, true, "string", "color=%ff", "query color: is not UTF-8, or holds a zero byte"},
		{spec.InQuery, spec.Form, true, "string", "color=7", ""},
		{spec.InQuery, spec.Form, true, "boolean", "color=true", ""},
		{spec.InQuery, spec.Form, true, "boolean", "color=TRUE", "query color: must be boolean, not string"},
		{spec.InQuery, spec.Form, true, "either", "color=x", ""},
		{spec.InQuery, spec.Form, false, "numbers", "color=1,2,3", ""},
		{spec.InQuery, spec.Form, false, "numbers", "color=1%2C2", "query color /0: must be integer, not string"},
		{spec.InQuery, spec.Form, false, "numbers", "color=1,2,x", "query color /2: must be integer, not string"},
		{spec.InQuery, spec.Form, false, "numbers", "color=1,2,3,4", "query color: must have at most 3 items"},
		{spec.InQuery, spec.Form, false, "numbers", "color=" + many, "query color: has more than 1000 items"},
		{spec.InQuery, spec.Form, true, "numbers", strings.Repeat("color=1&", 1001), "query: has more than 1000 items"},
		{spec.InQuery, spec.Form, false, "rgb", "color=R,100,G", "query color: must be pairs of names and values"},
		{spec.InQuery, spec.DeepObject, true, "tags", "color[tag]=a&color[tag]=b&color[n]=1", ""},
		{spec.InQuery, spec.DeepObject, true, "tags", "color[tag][x]=a", "query color: has more than one level of brackets"},
		{spec.InQuery, spec.DeepObject, true, "tags", "color[n]=1&color[n]=2", "query color: stands more than once"},
		{spec.InQuery, spec.DeepObject, true, "tags", "color[other]=1", "query color: not described: other"},
		{spec.InPath, spec.Simple, false, "integer", "12", ""},
		{spec.InPath, spec.Simple, false, "integer", "x", "path color: must be integer, not string"},
		{spec.InPath, spec.Label, false, "integer", "12", "path color: is not written in the style described"},
		{spec.InPath, spec.Matrix, false, "integer", ";colour=12", "path color: is not written in the style described"},
		{spec.InHeader, spec.Simple, false, "numbers", "1, 2", ""},
		{spec.InCookie, spec.Form, true, "integer", `x=1; color="5"`, ""},
	} {
		k := checker(t, spec.Options{}, spec.Parameter{
			Name: "color", In: c.in, Style: c.style, Explode: c.explode, Required: true, Schema: spec.Schema{Name: c.schema},
		})
		got := ""
		if res := k.Check(request(c.in, c.text)); len(res.Violations) > 0 {
			got = res.Violations[0].String()
		}
		if got != c.want {
			t.Errorf("%s %.60q as %s: %q, want %q", c.in, c.text, c.schema, got, c.want)
		}
	}
}

func TestUnknownQuery(t *testing.T) {
	k := checker(t, spec.Options{UnknownQuery: true},
		spec.Parameter{Name: "color", In: spec.InQuery, Style: spec.DeepObject, Explode: true, Schema: spec.Schema{Name: "rgb"}},
		spec.Parameter{Name: "n", In: spec.InQuery, Style: spec.Form, Explode: true, Schema: spec.Schema{Name: "integer"}})
	for query, want := range map[string]string{
		"": "", "n=1": "", "n=1&color[R]=100&color[G]=200&color[B]=150": "",
		"n=1&debug=true": "query debug: not described", "N=1": "query N: not described",
	} {
		got := ""
		if res := k.Check(request(spec.InQuery, query)); len(res.Violations) > 0 {
			got = res.Violations[0].String()
		}
		if got != want {
			t.Errorf("%q: %q, want %q", query, got, want)
		}
	}
}

// FuzzParameter holds that no text panics, in any place and style, and that what
// passes as a number is one.
func FuzzParameter(f *testing.F) {
	type variant struct {
		in spec.Place
		k  *spec.Checker
	}
	var all []variant
	for _, in := range []spec.Place{spec.InPath, spec.InQuery, spec.InHeader, spec.InCookie} {
		for _, style := range []spec.Style{spec.Form, spec.Simple, spec.Label, spec.Matrix, spec.SpaceDelimited, spec.PipeDelimited, spec.DeepObject} {
			for _, schema := range slices.Sorted(maps.Keys(definitions)) {
				for _, explode := range []bool{false, true} {
					if !style.Allows(in) {
						continue
					}
					all = append(all, variant{in, checker(f, spec.Options{UnknownQuery: true}, spec.Parameter{
						Name: "color", In: in, Style: style, Explode: explode, Required: true, Schema: spec.Schema{Name: schema},
					})})
				}
			}
		}
	}
	for _, seed := range []string{"color=1", ";color=1,2", ".a.b", "color[R]=1", "R=1&G=2", "%", "a b|c%20d", "color=1; color=2"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		for i, v := range all {
			first := v.k.Check(request(v.in, text))
			if again := v.k.Check(request(v.in, text)); !reflect.DeepEqual(first, again) {
				t.Fatalf("variant %d judges %q in two ways", i, text)
			}
			for _, violation := range first.Violations {
				if len(violation.String()) > 4000 {
					t.Fatalf("variant %d: a violation of %d bytes", i, len(violation.String()))
				}
			}
		}
	})
}
