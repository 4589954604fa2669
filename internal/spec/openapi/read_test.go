package openapi_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/rogpeppe/go-internal/txtar"

	"farrier.dev/farrier/internal/encoding/tree"
	"farrier.dev/farrier/internal/spec"
	"farrier.dev/farrier/internal/spec/openapi"
)

// project is the project of the files of an archive.
func project(text string) *spec.Project {
	files := fstest.MapFS{}
	for _, f := range txtar.Parse([]byte(text)).Files {
		files[f.Name] = &fstest.MapFile{Data: f.Data}
	}
	return spec.NewProject(files, spec.ProjectLimits{})
}

// tells says whether a problem has the place and the words of "file:line: words".
func tells(p spec.Problem, want string) bool {
	at, words, _ := strings.Cut(want, ": ")
	return fmt.Sprintf("%s:%d", p.File, p.Line) == at && strings.Contains(p.Message, words)
}

// described writes the operations of a description.
func described(t *testing.T, doc *spec.Document) string {
	t.Helper()
	for _, p := range doc.Problems {
		t.Error(p)
	}
	if doc.Description == nil {
		t.Fatal("it is not described")
	}
	var b strings.Builder
	d := doc.Description
	fmt.Fprintln(&b, d.Servers, d.BasePaths, d.Credentials)
	for _, op := range d.Operations {
		fmt.Fprintf(&b, "%s:%d %s %s %v", op.File, op.Line, op.Method, op.Path, op.Security)
		for _, p := range op.Parameters {
			fmt.Fprintf(&b, " [%s %s %v %s %v %v]", p.In, p.Name, p.Required, p.Style, p.Explode, d.Definitions[p.Schema.Name])
		}
		if op.Body != nil {
			fmt.Fprintf(&b, " body %v", op.Body.Required)
			for _, m := range op.Body.Content {
				fmt.Fprintf(&b, " %s %v", m.Range, d.Definitions[m.Schema.Name])
			}
		}
		for _, r := range op.Responses {
			fmt.Fprintf(&b, " %d-%d", r.From, r.To)
			for _, m := range r.Content {
				fmt.Fprintf(&b, " %s %v", m.Range, d.Definitions[m.Schema.Name])
			}
		}
		b.WriteByte('\n')
	}
	return b.String()
}

// TestSwagger holds what is read of Swagger 2.0.
func TestSwagger(t *testing.T) {
	doc := openapi.Read(project(`-- a.yaml --
swagger: "2.0"
info: {title: x, version: "1"}
host: api.example.com
basePath: /v1
schemes: [https, http]
consumes: [application/json, application/xml]
produces: [application/json]
securityDefinitions:
  key: {type: apiKey, name: k, in: header}
  basic: {type: basic}
  o: {type: oauth2, flow: implicit, authorizationUrl: https://a.example.com/, scopes: {r: read}}
security: [{key: []}]
parameters:
  page: {name: page, in: query, type: integer, minimum: 1}
paths:
  /a/{id}:
    parameters:
    - {name: id, in: path, required: true, type: string, x-nullable: true}
    get:
      security: [{o: [r], basic: []}, {}]
      parameters:
      - {$ref: '#/parameters/page'}
      - {name: sort, in: query, type: array, items: {type: string}, collectionFormat: multi}
      - {name: x, in: header, type: array, items: {type: string}}
      - {name: p, in: query, type: array, items: {type: string}, collectionFormat: pipes}
      responses:
        200: {description: x, schema: {$ref: '#/definitions/A'}}
        default: {description: x, schema: {type: file}}
    put:
      security: []
      parameters: [{name: b, in: body, required: true, schema: {$ref: '#/definitions/A'}}]
      responses: {204: {description: x}}
    post:
      consumes: [multipart/form-data, application/json]
      parameters:
      - {name: n, in: formData, type: integer, required: true}
      - {name: f, in: formData, type: file}
      responses: {204: {description: x}}
definitions:
  A: {type: object, properties: {n: {type: integer, minimum: 0, exclusiveMinimum: true}}}
`), "a.yaml")
	if doc.Language != spec.OpenAPI20 {
		t.Error(doc.Language)
	}
	got := described(t, doc)
	want := strings.Join([]string{
		"[https://api.example.com/v1 http://api.example.com/v1] [/v1 /v1] [{k header}]",
		"a.yaml:20 GET /a/{id} [[{o [r]} {basic []}] []] [path id true simple false map[type:[string null]]] [query page false form false map[minimum:1 type:integer]] [query sort false form true map[items:map[type:string] type:array]] [header x false simple false map[items:map[type:string] type:array]] [query p false pipeDelimited false map[items:map[type:string] type:array]] 200-200 application/json map[$ref:#/$defs/schema6-line40] 0-0 application/json <nil>",
		"a.yaml:30 PUT /a/{id} [[]] [path id true simple false map[type:[string null]]] body true application/json map[$ref:#/$defs/schema6-line40] application/xml map[$ref:#/$defs/schema6-line40] 204-204",
		"a.yaml:34 POST /a/{id} [[{key []}]] [path id true simple false map[type:[string null]]] body true multipart/form-data map[properties:map[f:map[] n:map[type:integer]] required:[n] type:object] 204-204",
		"",
	}, "\n")
	// Names of definitions are not held.
	for i := range 20 {
		for line := range 50 {
			got = strings.ReplaceAll(got, fmt.Sprintf("schema%d-line%d]", i, line), "S]")
			want = strings.ReplaceAll(want, fmt.Sprintf("schema%d-line%d]", i, line), "S]")
		}
	}
	if got != want {
		t.Errorf("read\n%swant\n%s", got, want)
	}
	if s := doc.Description.Schemes; s["basic"].Scheme != "basic" || s["basic"].Type != "http" || s["key"].In != spec.InHeader || s["o"].Type != "oauth2" {
		t.Error(s)
	}
	if _, err := spec.NewChecker(doc.Description, spec.Options{Most: 1}); err != nil {
		t.Error(err)
	}
}

// TestFiles holds that references lead to other files, from where they stand,
// also in circles.
func TestFiles(t *testing.T) {
	doc := openapi.Read(project(`-- api/main.yaml --
openapi: 3.1.0
info: {title: x, version: "1"}
servers: [{url: 'https://{h}/v2', variables: {h: {default: a.example.com}}}]
paths:
  /a: {$ref: '../paths/a.json'}
  /b:
    $ref: '../paths/a.json#'
    delete: {responses: {204: {description: x}}}
-- paths/a.json --
{"get": {
  "parameters": [{"$ref": "../parts.yaml#/p/q"}],
  "responses": {"200": {"description": "x", "content": {"application/json": {"schema": {"$ref": "../a%20b.yaml#/A~1B"}}}}}}}
-- parts.yaml --
p:
  q: {name: q, in: query, schema: {$ref: "#/s/1"}}
s: [false, {type: string, maxLength: 5}]
-- a b.yaml --
A/B: {type: array, items: {$ref: "c.yaml"}}
-- c.yaml --
type: [object, "null"]
properties: {all: {$ref: "a b.yaml#/A~1B"}, main: {$ref: "api/main.yaml#/components/schemas/M"}}
`), "api/main.yaml")
	if doc.Description != nil || len(doc.Problems) == 0 {
		t.Fatal("a reference that leads nowhere is accepted")
	}
	if want := "c.yaml:2: the reference api/main.yaml#/components/schemas/M leads nowhere in api/main.yaml"; !tells(doc.Problems[0], want) {
		t.Errorf("%s, want %s", doc.Problems[0], want)
	}
	doc = openapi.Read(project(`-- main.yaml --
openapi: 3.1.0
info: {title: x, version: "1"}
servers: [{url: 'https://{h}/v2', variables: {h: {default: a.example.com}}}]
paths:
  /a: {$ref: 'paths/a.json'}
  /b:
    $ref: 'paths/a.json#'
    delete: {responses: {'204': {description: x}}}
components: {schemas: {M: {type: integer}}}
-- paths/a.json --
{"get": {
  "parameters": [{"$ref": "../parts.yaml#/p/q"}],
  "responses": {"200": {"description": "x", "content": {"application/json": {"schema": {"$ref": "../a%20b.yaml#/A~1B"}}}}}}}
-- parts.yaml --
p:
  q: {name: q, in: query, schema: {$ref: "#/s/1"}}
s: [false, {type: string, maxLength: 5}]
-- a b.yaml --
A/B: {type: array, items: {$ref: "c.yaml"}}
-- c.yaml --
type: [object, "null"]
properties: {all: {$ref: "a b.yaml#/A~1B"}, main: {$ref: "main.yaml#/components/schemas/M"}}
`), "main.yaml")
	got := described(t, doc)
	if !strings.HasPrefix(got, "[https://a.example.com/v2] [/v2] []\npaths/a.json:1 GET /a []") || strings.Count(got, "\n") != 4 || !strings.Contains(got, "main.yaml:8 DELETE /b") {
		t.Error(got)
	}
	files := doc.Project.Files()
	slices.Sort(files)
	if len(files) != 5 {
		t.Error(files)
	}
	c, err := spec.NewChecker(doc.Description, spec.Options{Most: 1})
	if err != nil {
		t.Fatal(err)
	}
	for query, want := range map[string]string{"q=abc": "", "q=abcdef": "query q: must have at most 5 characters"} {
		res := c.Check(&spec.Request{Method: "GET", Path: "/b", Query: query, Header: func(string) string { return "" }})
		violation := ""
		if len(res.Violations) > 0 {
			violation = res.Violations[0].String()
		}
		if violation != want {
			t.Errorf("%s: %q, want %q", query, violation, want)
		}
	}
}

// TestProjected holds that references of a tree that was made of several files
// are meant within it.
func TestProjected(t *testing.T) {
	main, types := &tree.Node{Source: &tree.Source{Name: "api.raml"}, Line: 1, Column: 1}, &tree.Node{Source: &tree.Source{Name: "types.raml"}, Line: 7, Column: 3}
	made, err := tree.Read(&tree.Source{Name: "x", Text: []byte(`{"openapi":"3.1.0","info":{"title":"x","version":"1"},
		"paths":{"/a":{"get":{"parameters":[{"name":"q","in":"query","schema":{"$ref":"#/components/schemas/T"}}],"responses":{"200":{"description":"x"}}}}},
		"components":{"schemas":{"T":{"type":"integer"}}}}`)}, tree.Options{})
	if err != nil {
		t.Fatal(err)
	}
	var move func(n, to *tree.Node) *tree.Node
	move = func(n, to *tree.Node) *tree.Node {
		out := tree.New(to, n.Kind, n.Text)
		for _, item := range n.Items {
			out.Items = append(out.Items, move(item, to))
		}
		for _, m := range n.Members {
			if m.Name == "parameters" {
				to = types
			}
			out.Set(m.Name, move(m.Value, to))
		}
		return out
	}
	doc := &spec.Document{Language: spec.RAML10, File: "api.raml", Project: project(""), Root: move(made, main)}
	openapi.Describe(doc)
	if got := described(t, doc); !strings.Contains(got, "[query q false form true map[$ref:") {
		t.Error(got)
	}
}

// TestUnread holds what is no description, and what is not described.
func TestUnread(t *testing.T) {
	head := "-- a.yaml --\nopenapi: 3.0.1\ninfo: {title: x, version: '1'}\npaths:\n"
	for text, want := range map[string]string{
		"":                                 "a.yaml:0: a.yaml: there is no such file in the project",
		"-- a.yaml --\n- a":                "a.yaml:1: must be an object",
		"-- a.yaml --\nopenapi: 5.0.0":     "a.yaml:1: version \"5.0.0\" is not read",
		"-- a.yaml --\nswagger: 2.0":       "a.yaml:1: the field swagger must be the text",
		"-- a.yaml --\nopenapi: [":         "a.yaml:1: not YAML",
		head + "  /a: {$ref: 'b.yaml'}":    "a.yaml:4: b.yaml: there is no such file in the project",
		head + "  /a: {$ref: '../b.yaml'}": "a.yaml:4: ../b.yaml: leads out of the project",
		head + "  /a: {$ref: 'https://user:pass@example.com/a.yaml'}": "a.yaml:4: the reference leads to another address, and nothing is read from the network",
		head + "  /a: {$ref: '//example.com/a.yaml'}":                 "a.yaml:4: the reference leads to another address",
	} {
		doc := openapi.Read(project(text), "a.yaml")
		if len(doc.Problems) == 0 || doc.Description != nil || !tells(doc.Problems[0], want) {
			t.Errorf("%q: %v, want %q", text, doc.Problems, want)
		}
	}
}

// TestHeaders holds what is read of the headers of answers.
func TestHeaders(t *testing.T) {
	for text, want := range map[string]string{
		"openapi: 3.0.3\ninfo: {title: x, version: '1'}\npaths: {/a: {get: {responses: {default: {description: d, headers: {X-A: {required: true, schema: {type: integer}}, Content-Type: {schema: {}}, X-B: {content: {application/json: {schema: {}}}}}}}}}}": "[X-A header true simple  map[type:integer]] [X-B header false simple application/json map[]]",
		"swagger: '2.0'\ninfo: {title: x, version: '1'}\npaths: {/a: {get: {responses: {default: {description: d, headers: {X-A: {type: array, items: {type: integer}}}}}}}}":                                                                                   "[X-A header false simple  map[items:map[type:integer] type:array]]",
	} {
		doc := openapi.Read(spec.OneFile("a.yaml", []byte(text), spec.ProjectLimits{}), "a.yaml")
		if doc.Description == nil {
			t.Errorf("%s: %v", text, doc.Problems)
			continue
		}
		var got []string
		for _, h := range doc.Description.Operations[0].Responses[0].Headers {
			got = append(got, fmt.Sprintf("[%s %s %v %s %s %v]", h.Name, h.In, h.Required, h.Style, h.Media, doc.Description.Definitions[h.Schema.Name]))
		}
		if strings.Join(got, " ") != want {
			t.Errorf("%s, want %s", strings.Join(got, " "), want)
		}
	}
}
