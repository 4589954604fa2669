package languages_test

import (
	"archive/zip"
	"bytes"
	"fmt"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/rogpeppe/go-internal/txtar"

	"farrier.dev/farrier/internal/spec"
	"farrier.dev/farrier/internal/spec/languages"
)

func project(text string) *spec.Project {
	files := fstest.MapFS{}
	for _, f := range txtar.Parse([]byte(text)).Files {
		files[f.Name] = &fstest.MapFile{Data: f.Data}
	}
	return spec.NewProject(files, spec.ProjectLimits{})
}

const (
	oas     = "openapi: 3.0.3\ninfo: {title: x, version: '1'}\npaths: {/a: {get: {responses: {default: {description: d}}}}}\n"
	swagger = `{"info": {"title": "x", "version": "1"}, "paths": {"/a": {"get": {"responses": {"200": {"description": "d"}}}}}, "swagger": "2.0"}`
	async   = "asyncapi: 2.6.0\ninfo: {title: x, version: '1'}\nchannels: {}\n"
	ramlAPI = "#%RAML 1.0\ntitle: x\n/a:\n  get:\n"
	graph   = "\"A schema.\"\ntype Query { a: Int }\n"
	soap    = `<?xml version="1.0"?><w:definitions xmlns:w="http://schemas.xmlsoap.org/wsdl/" xmlns:s="http://schemas.xmlsoap.org/wsdl/soap/" xmlns:t="urn:t" targetNamespace="urn:t">
<w:portType name="P"><w:operation name="Get"/></w:portType>
<w:binding name="B" type="t:P"><s:binding/><w:operation name="Get"/></w:binding>
<w:service name="S"><w:port name="p" binding="t:B"><s:address location="https://a.example/soap"/></w:port></w:service></w:definitions>`
)

// TestRead holds what a document is found to be written in, and what is refused.
func TestRead(t *testing.T) {
	cases := []struct{ name, files, main, want string }{
		{"OpenAPI 3", "-- a.yaml --\n" + oas, "a.yaml", "openapi-3.0 a.yaml [GET /a ]"},
		{"Swagger, the field last", "-- a.json --\n" + swagger, "a.json", "openapi-2.0 a.json [GET /a ]"},
		{"AsyncAPI", "-- a.yaml --\n" + async, "a.yaml", "asyncapi-2 a.yaml"},
		{"RAML", "-- a.raml --\n" + ramlAPI, "a.raml", "raml-1.0 a.raml [GET /a ]"},
		{"RAML with another name", "-- a.yaml --\n" + ramlAPI, "a.yaml", "raml-1.0 a.yaml [GET /a ]"},
		{"GraphQL by name", "-- a.graphql --\n" + graph, "a.graphql", "graphql a.graphql [POST / query.a]"},
		{"GraphQL by content", "-- a.txt --\n" + graph, "a.txt", "graphql a.txt [POST / query.a]"},
		{"WSDL", "-- a.wsdl --\n" + soap, "a.wsdl", "wsdl-1.1 a.wsdl [POST /soap p.Get]"},
		{"the only one", "-- b/a.yaml --\n" + oas + "-- b/c.yaml --\na: b\n-- b/d/e.yaml --\n" + oas, "", "openapi-3.0 b/a.yaml [GET /a ]"},
		{"Exchange", "-- top/exchange.json --\n{\"main\": \"api/x.raml\", \"classifier\": \"raml\"}\n-- top/api/x.raml --\n" + ramlAPI + "-- top/other.raml --\n" + ramlAPI + "-- __MACOSX/._x --\n", "", "raml-1.0 top/api/x.raml [GET /a ]"},
		{"Exchange without main", "-- exchange.json --\n{}\n-- x.yaml --\n" + oas, "", "openapi-3.0 x.yaml [GET /a ]"},
		{"fragments are not candidates", "-- x.raml --\n" + ramlAPI + "-- y.raml --\n#%RAML 1.0 Library\n", "", "raml-1.0 x.raml [GET /a ]"},
		{"several", "-- x.yaml --\n" + oas + "-- y.yaml --\n" + oas, "", " :0: 2 descriptions are in its uppermost folder (x.yaml, y.yaml); name the main file, for an archive in exchange.json"},
		{"none", "-- x.yaml --\na: b\n", "", " :0: no description of an API is in its uppermost folder; name the main file"},
		{"main is not there", "-- exchange.json --\n{\"main\": \"x.yaml\"}\n", "", "x.yaml x.yaml:0: x.yaml: there is no such file in the project"},
		{"main is no name", "-- exchange.json --\n{\"main\": 3}\n", "", " exchange.json:0: the field main must be the name of a file"},
		{"main leads out", "-- exchange.json --\n{\"main\": \"../x.yaml\"}\n", "", "../x.yaml ../x.yaml:0: ../x.yaml: leads out of the project"},
		{"other YAML", "-- x.yaml --\na: b\n", "x.yaml", "x.yaml x.yaml:0: it is written in none of the languages that are read: RAML (first line #%RAML 1.0), OpenAPI (field openapi or swagger), AsyncAPI (field asyncapi), WSDL, GraphQL"},
		{"not YAML", "-- x.yaml --\na: b: c\n", "x.yaml", "x.yaml x.yaml:1: not YAML: mapping values are not allowed in this context"},
		{"a ruleset", "-- x.yaml --\n#%Validation Profile 1.0\n", "x.yaml", `x.yaml x.yaml:0: a document that begins with "#%Validation Profile 1.0" describes no API`},
		{"other XML", "-- x.xml --\n<a/>\n", "x.xml", "wsdl-1.1 x.xml x.xml:0: it is no WSDL 1.1 description: its root is not definitions"},
		{"AsyncAPI 3", "-- x.yaml --\nasyncapi: 3.0.0\n", "x.yaml", `asyncapi-2 x.yaml x.yaml:1: version "3.0.0" is not read; it must be 2.x.x`},
	}
	for _, x := range cases {
		doc := languages.Read(project(x.files), x.main)
		if got := summary(doc); got != x.want {
			t.Errorf("%s: %s\nwant %s", x.name, got, x.want)
		}
	}
	t.Logf("%d projects", len(cases))
}

func summary(doc *spec.Document) string {
	parts := []string{doc.File}
	if doc.Language != "" {
		parts = []string{string(doc.Language), doc.File}
	}
	for _, p := range doc.Problems {
		parts = append(parts, p.String())
	}
	if doc.Description != nil {
		for _, op := range doc.Description.Operations {
			parts = append(parts, fmt.Sprintf("[%s %s %s]", op.Method, op.Path, op.ID))
		}
	}
	return strings.Join(parts, " ")
}

// TestZip holds that an archive is read as Exchange makes them.
func TestZip(t *testing.T) {
	var b bytes.Buffer
	w := zip.NewWriter(&b)
	for name, text := range map[string]string{"exchange.json": `{"main": "api.raml"}`, "api.raml": "#%RAML 1.0\ntitle: x\ntypes: !include t/all.raml\n/a:\n  get:\n    queryParameters: {q: A}\n", "t/all.raml": "A: integer\n"} {
		f, err := w.Create(name)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := f.Write([]byte(text)); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	p, err := spec.OpenZip(b.Bytes(), spec.ProjectLimits{})
	if err != nil {
		t.Fatal(err)
	}
	doc := languages.Read(p, "")
	if got := summary(doc); got != "raml-1.0 api.raml [GET /a ]" {
		t.Fatal(got)
	}
	if _, err := spec.NewChecker(doc.Description, spec.Options{Most: 1}); err != nil {
		t.Error(err)
	}
}

// FuzzRead holds that no text panics, whatever its name.
func FuzzRead(f *testing.F) {
	for _, text := range []string{oas, swagger, async, ramlAPI, graph, soap, "#%RAML 0.8\ntitle: x", "schema { query: Q }"} {
		f.Add("x", []byte(text))
		f.Add("x.graphql", []byte(text))
	}
	f.Fuzz(func(t *testing.T, name string, text []byte) {
		doc := languages.Read(spec.OneFile("main"+name, text, spec.ProjectLimits{}), "main"+name)
		if doc.Description == nil && doc.Root == nil && len(doc.Problems) == 0 {
			t.Fatal("nothing was read, and nothing says why")
		}
	})
}
