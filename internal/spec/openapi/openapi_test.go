package openapi_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"go.yaml.in/yaml/v3"

	"farrier.dev/farrier/internal/spec"
	"farrier.dev/farrier/internal/spec/openapi"
)

func pets(t testing.TB) []byte {
	t.Helper()
	text, err := os.ReadFile("testdata/pets.yaml")
	if err != nil {
		t.Fatal(err)
	}
	return text
}

func parse(t testing.TB, text []byte) *spec.Checker {
	t.Helper()
	d, err := openapi.Parse(text)
	if err != nil {
		t.Fatal(err)
	}
	c, err := spec.NewChecker(d, spec.Options{Most: 3})
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// TestModel holds what is read of a description.
func TestModel(t *testing.T) {
	d, err := openapi.Parse(pets(t))
	if err != nil {
		t.Fatal(err)
	}
	var got strings.Builder
	fmt.Fprintln(&got, d.Title, d.Version, d.BasePaths, d.Credentials)
	for _, op := range d.Operations {
		fmt.Fprintf(&got, "%d %s %s %s %v", op.Line, op.Method, op.Path, op.ID, op.Deprecated)
		for _, p := range op.Parameters {
			fmt.Fprintf(&got, " [%s %s %v %s %v %s]", p.In, p.Name, p.Required, p.Style, p.Explode, p.Media)
		}
		if op.Body != nil {
			fmt.Fprintf(&got, " body %v %s", op.Body.Required, op.Body.Content[0].Range)
		}
		for _, r := range op.Responses {
			fmt.Fprintf(&got, " %d-%d:%d", r.From, r.To, len(r.Content))
		}
		fmt.Fprintln(&got)
	}
	want := strings.Join([]string{
		"Pets 1.2 [/v1 /eu] [{api_key query}]",
		"9 GET /pets listPets true [query limit false form true ] [query filter false form true application/json] 200-200:1 0-0:1",
		"23 POST /pets  false body true application/json 200-299:1",
		"32 GET /pets/{id}  false [path id true simple false ] 200-200:1 400-499:0",
		"38 PUT /pets/{id}  false [path id true label true ] body false application/json 204-204:0", "",
	}, "\n")
	if got.String() != want {
		t.Errorf("read\n%swant\n%s", got.String(), want)
	}
}

// TestJSON holds that JSON and YAML of one description are read alike, but for
// the lines.
func TestJSON(t *testing.T) {
	var any any
	if err := yaml.Unmarshal(bytes.ReplaceAll(pets(t), []byte(" 200:"), []byte(` "200":`)), &any); err != nil {
		t.Fatal(err)
	}
	text, err := json.MarshalIndent(any, "", "\t")
	if err != nil {
		t.Fatal(err)
	}
	d, err := openapi.Parse(text)
	if err != nil {
		t.Fatal(err)
	}
	if len(d.Operations) != 4 || len(d.Definitions) < 5 || d.Title != "Pets" {
		t.Errorf("%d operations, %d definitions", len(d.Operations), len(d.Definitions))
	}
}

// TestBodies holds what bodies pass; the last column is the violation.
func TestBodies(t *testing.T) {
	c := parse(t, pets(t))
	for _, x := range []struct{ body, want string }{
		{`{"name":"Rex","age":3}`, ""},
		{`{"name":"Rex","age":null,"friend":{"name":"Ari","age":0}}`, ""},
		{`{"name":"Rex","age":30}`, "body /age: must be less than 30"},
		{`{"name":"Rex","age":29.5}`, "body /age: must be null or integer, not number"},
		{`{"name":"Rex"}`, "body: required, but missing: age"},
		{`{"name":"rex","age":1}`, `body /name: must match the pattern ^[A-Z]`},
		{`{"name":"Rex","age":1,"friend":{"name":"Ari","age":0,"friend":{"name":3,"age":1}}}`, "body /friend/friend/name: must be string, not number"},
		{`{"name":"Rex","age":1,"kind":"bird"}`, "body /kind: must be one of the listed values"},
		{`{"name":"Rex","age":1,"kind":null}`, ""},
		{`{"name":"Rex","age":1,"born":"2024-02-30"}`, "body /born: must have the format date"},
		{`{"name":"Rex","age":1,"owner":null}`, ""},
		{`{"name":"Rex","age":1,"owner":{"email":"x"}}`, "body /owner: matches none of the alternatives"},
		{`{"name":"Rex","age":1,"owner":{"email":"x@example.com"}}`, ""},
		{`{"name":"Rex","age":1,"age":2}`, "body: not JSON: duplicate name"},
		{`{"name":"Rex","age":1,"serial":2147483648}`, "body /serial: must have the format int32"},
		{`{"name":"Rex","age":1,"$ref":"x"}`, ""},
		{`{"name":"Rex","age":1,"` + strings.Repeat("x", 80) + `":{"id":1}}`, ""},
		{``, "body: required, but missing"},
		{`{"name":"Rex","age":1,"note":"` + strings.Repeat("x", 17<<10) + `"}`, ""},
		{`{"name":"Rex","note":"` + strings.Repeat("x", 17<<10) + `"}`, "body: required, but missing: age"},
	} {
		got := ""
		res := c.Check(&spec.Request{Method: "POST", Path: "/pets", Body: []byte(x.body), Header: func(name string) string {
			if name == "content-type" {
				return "application/json; charset=utf-8"
			}
			return ""
		}})
		if len(res.Violations) > 0 {
			got = res.Violations[0].String()
		}
		if got != x.want {
			t.Errorf("%.80s: %q, want %q", x.body, got, x.want)
		}
	}
}

// Test31 holds what of JSON Schema 2020-12 OpenAPI 3.1 adds.
func Test31(t *testing.T) {
	c := parse(t, []byte(`
openapi: 3.1.0
info: {title: x, version: "1"}
paths:
  /a:
    post:
      requestBody:
        content:
          application/*:
            schema:
              type: [object, "null"]
              properties:
                n: {type: number, exclusiveMinimum: 3}
                c: {const: 1.50}
                t: {prefixItems: [{type: string}], items: false}
                r: {$ref: '#/components/schemas/R', description: beside}
              patternProperties: {'^x-': {type: string}}
              unevaluatedProperties: false
              if: {required: [n]}
              then: {required: [c]}
components: {schemas: {R: {type: array, items: {$ref: '#/components/schemas/R'}}}}
`))
	for body, want := range map[string]string{
		`null`: "", `{}`: "", `{"n":3.5,"c":1.5}`: "", `{"n":4}`: "body: required, but missing: c",
		`{"n":3,"c":1.5}`: "body /n: must be more than 3", `{"t":["a",1]}`: "body /t/1: not allowed here",
		`{"r":[[],[[]]]}`: "", `{"r":[[1]]}`: "body /r/0/0: must be array, not number",
		`{"x-a":"b"}`: "", `{"y":1}`: "body /y: not allowed here", `{"c":2}`: "body /c: must be the one value described",
	} {
		got := ""
		res := c.Check(&spec.Request{Method: "POST", Path: "/a", Body: []byte(body), Header: func(string) string { return "application/json" }})
		if len(res.Violations) > 0 {
			got = res.Violations[0].String()
		}
		if got != want {
			t.Errorf("%s: %q, want %q", body, got, want)
		}
	}
}

// TestErrors holds what is refused, with its line.
func TestErrors(t *testing.T) {
	with := func(schema string) string {
		return "openapi: 3.1.0\npaths:\n  /a:\n    post:\n      requestBody:\n        content:\n          application/json:\n            schema: " + schema + "\n"
	}
	bomb := "openapi: 3.0.3\nx0: &a0 [1,1,1,1,1,1,1,1,1]\n"
	for i := 1; i < 9; i++ {
		bomb += fmt.Sprintf("x%d: &a%d [%s]\n", i, i, strings.TrimSuffix(strings.Repeat(fmt.Sprintf("*a%d,", i-1), 9), ","))
	}
	for text, want := range map[string]string{
		"":                               "the document is empty",
		"- a":                            "line 1: must be an object",
		"a: [":                           "not YAML",
		"\na: b: c":                      "line 2: not YAML: mapping values are not allowed",
		"{\n\"openapi\": \"3.0.1\",":     "line 2: not JSON: unexpected end",
		"{\"a\":1,\n\"a\":2}":            "line 2: not JSON: duplicate name",
		"swagger: '2.0'":                 "describes no operation",
		"swagger: 2.0":                   "line 1: the field swagger must be the text",
		"openapi: 4.0.0":                 "line 1: version \"4.0.0\" is not read",
		"openapi: 3.0":                   "the field openapi is missing",
		"openapi: 3.0.0\nopenapi: 3.0.0": "line 2: the name \"openapi\" stands twice",
		"openapi: 3.0.0\npaths: {}":      "describes no operation",
		"openapi: 3.0.0\npaths: {/a: {$ref: 'other.yaml'}}":                                    "line 2: the reference leads out of the document",
		"openapi: 3.0.0\npaths:\n  /a: {$ref: 'https://x/y#/z'}":                               "line 3: the reference leads out of the document",
		"openapi: 3.0.0\npaths:\n  /a: {$ref: '#/x'}":                                          "line 3: the reference leads nowhere",
		"openapi: 3.0.0\npaths:\n  /a: {$ref: '#/paths/~1a'}":                                  "line 3: more than 32 references lead to one another",
		"openapi: 3.0.0\npaths:\n  a: {get: {}}":                                               "line 3: a path must begin with a slash",
		"openapi: 3.0.0\npaths: {'/{a}': {get: {}}, '/{b}': {get: {}}}":                        "GET is described by /{a} already",
		"openapi: 3.0.0\npaths: {/a: {get: {parameters: [{in: body}]}}}":                       "line 2: the parameter must be in path",
		"openapi: 3.0.0\npaths: {/a: {get: {parameters: [{in: path, name: x, style: form}]}}}": "the style \"form\" can't be used in path",
		"openapi: 3.0.0\npaths: {/a: {get: {responses: {2000: {}}}}}":                          "a response must be named by a status code",
		with("{pattern: '(a'}"):                                                                "line 8: the regular expression is malformed",
		with("{$id: x}"):                                                                       "line 8: the keyword $id is not read",
		with("{$ref: '#foo'}"):                                                                 "line 8: references to anchors",
		with("{minLength: -1}"):                                                                "line 8: minLength must be a whole number",
		with("{type: strin}"):                                                                  "line 8: the schema is invalid",
		with("3"):                                                                              "line 8: a schema must be an object",
		with("{anyOf: []}"):                                                                    "line 8: anyOf must be a list of schemas",
		with("{maximum: 1e500}"):                                                               "line 8: maximum must be a number",
		with("&a {properties: {a: *a}}"):                                                       "line 8: values are nested deeper than 200",
		with(strings.Repeat("{not: ", 201) + "{}" + strings.Repeat("}", 201)):                  "line 8: values are nested deeper",
		bomb:                                   "aliases opened",
		strings.Repeat("#", openapi.MaxSize+1): "longer than 4194304 bytes",
		with("{$ref: '#/components/schemas/A'}") + "components: {schemas: {A: {$ref: '#/components/schemas/B'}, B: {$ref: '#/components/schemas/A'}}}": "more than 32 references",
	} {
		began := time.Now()
		d, err := openapi.Parse([]byte(text))
		if err == nil {
			_, err = spec.NewChecker(d, spec.Options{Most: 1})
		} else if _, ok := errors.AsType[*openapi.Error](err); !ok {
			t.Errorf("%.60q: %T", text, err)
		}
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%.90q: %v, want %q", text, err, want)
		}
		if took := time.Since(began); took > 30*time.Second { // also under the race detector
			t.Errorf("%.60q took %v", text, took)
		}
	}
}

// FuzzParse holds that no text panics, and that what is read can be compiled or
// says at which line it can not.
func FuzzParse(f *testing.F) {
	f.Add(pets(f))
	f.Add([]byte(`{"openapi":"3.1.0","paths":{"/a/{b}":{"get":{"parameters":[{"in":"path","name":"b","schema":{"type":"integer"}}]}}}}`))
	f.Add([]byte("openapi: 3.0.0\npaths: &p {/a: {get: {responses: {default: {$ref: '#/paths'}}}}}\nx: *p"))
	f.Fuzz(func(t *testing.T, text []byte) {
		d, err := openapi.Parse(text)
		if err != nil {
			return
		}
		c, err := spec.NewChecker(d, spec.Options{Most: 1})
		if err != nil {
			return
		}
		for _, op := range d.Operations {
			c.Check(&spec.Request{Method: op.Method, Path: op.Path, Query: "a=1", Body: []byte(`{"a":[1]}`), Header: func(string) string { return "application/json" }})
		}
	})
}

// BenchmarkBody holds a body of 1 kB against its schema.
func BenchmarkBody(b *testing.B) {
	c := parse(b, pets(b))
	pet := `{"name":"Rex","age":3,"kind":"dog","born":"2024-02-29","owner":{"email":"rex@example.com"},"friend":%s}`
	body := `{"name":"Rex","age":3}`
	for len(body) < 1000 {
		body = fmt.Sprintf(pet, body)
	}
	r := &spec.Request{Method: "POST", Path: "/pets", Body: []byte(body), Header: func(string) string { return "application/json" }}
	if res := c.Check(r); len(res.Violations) > 0 {
		b.Fatal(res.Violations)
	}
	b.SetBytes(int64(len(body)))
	b.ReportAllocs()
	for b.Loop() {
		c.Check(r)
	}
}
