package raml

import (
	"slices"
	"strings"
	"testing"
	"testing/fstest"

	"farrier.dev/farrier/internal/encoding/tree"
	"farrier.dev/farrier/internal/spec"
)

func TestFunctions(t *testing.T) {
	tests := []struct{ function, text, want string }{
		{"singularize", "users", "user"},
		{"singularize", "user", "user"},
		{"singularize", "categories", "category"},
		{"singularize", "addresses", "address"},
		{"singularize", "boxes", "box"},
		{"singularize", "houses", "house"},
		{"singularize", "statuses", "status"},
		{"singularize", "People", "Person"},
		{"singularize", "userAccounts", "userAccount"},
		{"singularize", "news", "news"},
		{"singularize", "s", "s"},
		{"pluralize", "user", "users"},
		{"pluralize", "users", "users"},
		{"pluralize", "category", "categories"},
		{"pluralize", "day", "days"},
		{"pluralize", "address", "addresses"},
		{"pluralize", "Person", "People"},
		{"pluralize", "USER", "USERS"},
		{"pluralize", "order-item", "order-items"},
		{"pluralize", "", ""},
		{"uppercase", "userId", "USERID"},
		{"lowercase", "UserId", "userid"},
		{"lowercamelcase", "user-id", "userId"},
		{"lowercamelcase", "UserId", "userId"},
		{"uppercamelcase", "user_id", "UserId"},
		{"uppercamelcase", "userId", "UserId"},
		{"lowerunderscorecase", "userId", "user_id"},
		{"upperunderscorecase", "userId", "USER_ID"},
		{"lowerhyphencase", "userHTTPId", "user-http-id"},
		{"upperhyphencase", "user id", "USER-ID"},
		{"lowercamelcase", "ärger über", "ärgerÜber"},
	}
	for _, test := range tests {
		if got, ok := transform(test.function, test.text); got != test.want || !ok {
			t.Errorf("%s of %q is %q, not %q", test.function, test.text, got, test.want)
		}
	}
	if _, ok := transform("reverse", "a"); ok {
		t.Error("there is a function that there is not")
	}
}

func TestPathName(t *testing.T) {
	for path, want := range map[string]string{
		"/users": "users", "/users/{id}": "users", "/a/b/{c}/{d}": "b", "/{a}": "", "/users{ext}": "users", "/users/{id}/x-y": "x-y",
	} {
		if got := pathName(path); got != want {
			t.Errorf("%s has the name %q, not %q", path, got, want)
		}
	}
}

// TestPlaces holds where problems are told in projects of several files.
func TestPlaces(t *testing.T) {
	library := "#%RAML 1.0 Library\n"
	tests := []struct {
		name  string
		files []string
		want  []string
	}{
		{"an included type", []string{"types/a.raml", "#%RAML 1.0 DataType\n\ntype: nothing\n", "api.raml", begin + "types:\n  a: !include types/a.raml\n"}, []string{"types/a.raml:3 raml-unknown-type"}},
		{"an included object", []string{"a.yaml", "get:\n  usage: x\n", "api.raml", begin + "/a: !include a.yaml\n"}, []string{"a.yaml:2 raml-unknown-facet"}},
		{"a library", []string{"l.raml", library + "traits:\n  t:\n    query: x\n", "api.raml", begin + "uses:\n  l: l.raml\n"}, []string{"l.raml:4 raml-unknown-facet"}},
		{"a library in a library", []string{"b/m.raml", library + "traits: {t: {query: x}}\n", "b/l.raml", library + "uses:\n  m: m.raml\n", "api.raml", begin + "uses:\n  l: b/l.raml\n"}, []string{"b/m.raml:2 raml-unknown-facet"}},
		{"a chain of namespaces", []string{"m.raml", library + "traits: {t: {}}\n", "l.raml", library + "uses:\n  m: m.raml\n", "api.raml", begin + "uses:\n  l: l.raml\n/a:\n  get:\n    is: [l.m.t]\n"}, []string{"api.raml:7 raml-unknown-trait"}},
		{"a member that a trait adds", []string{"t.raml", "#%RAML 1.0 Trait\nresponses:\n  200:\n  <<code>>:\n", "api.raml", begin + "traits:\n  t: !include t.raml\n/a:\n  get:\n    responses:\n      201:\n    is: [{t: {code: ok}}]\n"}, []string{"t.raml:4 raml-status-code"}},
		{"an argument", []string{"api.raml", begin + "traits:\n  t:\n    headers:\n      h: <<type>>\n/a:\n  get:\n    is:\n      - t:\n          type: nothing\n"}, []string{"api.raml:11 raml-unknown-type"}},
		{"a type of the library of a trait", []string{"l.raml", library + "types: {T: string}\ntraits:\n  t:\n    headers:\n      h: T\n      <<n>>: T\n", "api.raml", begin + "uses: {l: l.raml}\n/a:\n  get:\n    is: [l.t: {n: i}]\n    headers:\n      j: string\n"}, nil},
		{"a type of the API handed to a library", []string{"l.raml", library + "traits:\n  t:\n    headers:\n      h: <<T>>[]\n", "api.raml", begin + "uses: {l: l.raml}\ntypes: {T: string}\n/a:\n  get:\n    is: [l.t: {T: T}]\n"}, nil},
		{"a fragment of another kind", []string{"t.raml", "#%RAML 1.0 Trait\ndescription: a\n", "api.raml", begin + "resourceTypes:\n  t: !include t.raml\n"}, []string{"t.raml:2 raml-fragment-kind"}},
		{"an API as include", []string{"b.raml", begin, "api.raml", begin + "types:\n  t: !include b.raml\n"}, []string{"b.raml:2 raml-unknown-facet"}},
		{"an API as library", []string{"b.raml", begin, "api.raml", begin + "uses:\n  t: b.raml\n"}, []string{"api.raml:4 raml-uses"}},
		{"another version", []string{"b.raml", "#%RAML 0.8\ntitle: b\n", "api.raml", begin + "types:\n  t: !include b.raml\n"}, []string{"api.raml:4 raml-include"}},
		{"a file of an include that is broken", []string{"b.yaml", "a: 1\nb: [\n", "api.raml", begin + "types:\n  t: !include b.yaml\n"}, []string{"b.yaml:2 raml-syntax"}},
		{"modules of Exchange", []string{
			"exchange_modules/g/a/1.0/a.raml", library + "uses:\n  b: exchange_modules/g/b/1.0/b.raml\ntypes: {A: b.B}\n",
			"exchange_modules/g/b/1.0/b.raml", library + "types: {B: !include /exchange_modules/g/b/1.0/t.raml}\n",
			"exchange_modules/g/b/1.0/t.raml", "#%RAML 1.0 DataType\nproperties: {c: string}\n",
			"api.raml", begin + "uses:\n  a: exchange_modules/g/a/1.0/a.raml\n/a:\n  get: {queryParameters: {p: 'a.A[]'}}\n",
		}, nil},
		{"an overlay that adds", []string{"b.raml", begin + "/a:\n  get:\n", "api.raml", "#%RAML 1.0 Overlay\nextends: b.raml\n/a:\n  get:\n    description: a\n    headers:\n      a: string\n  put:\n/b:\n"}, []string{"api.raml:6 raml-overlay", "api.raml:8 raml-overlay", "api.raml:9 raml-overlay"}},
		{"an overlay that changes", []string{"b.raml", begin + "version: 1\nprotocols: [HTTP]\n", "api.raml", "#%RAML 1.0 Overlay\nextends: b.raml\nversion: 2\nprotocols: [HTTPS]\n"}, []string{"api.raml:3 raml-overlay", "api.raml:4 raml-overlay"}},
		{"an overlay of a library", []string{"b.raml", library, "api.raml", "#%RAML 1.0 Overlay\nextends: b.raml\n"}, []string{"api.raml:2 raml-extends"}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			var got []string
			for _, p := range Read(project(test.files...), "api.raml").Problems {
				place := tree.Node{Source: &tree.Source{Name: p.File}, Line: int32(p.Line)}
				got = append(got, place.Position()+" "+p.Rule)
			}
			if !slices.Equal(got, test.want) {
				t.Errorf("problems %v, expected %v", got, test.want)
			}
		})
	}
}

// TestPositions holds where in the files the nodes of a projection stand.
func TestPositions(t *testing.T) {
	doc := Read(project(
		"t.raml", "#%RAML 1.0 Trait\n\nresponses:\n  404:\n    description: none\n",
		"T.raml", "#%RAML 1.0 DataType\nproperties:\n  a:\n    type: string\n",
		"api.raml", begin+"types:\n  T: !include T.raml\ntraits:\n  t: !include t.raml\n/a:\n  /{b}:\n    get:\n      is: [t]\n      description: reads\n      responses:\n        200:\n          body:\n            application/json: T\n",
	), "api.raml")
	if doc.Root == nil {
		t.Fatal(doc.Problems)
	}
	get := doc.Root.At("paths", "/a/{b}", "get")
	for _, test := range []struct {
		n    *tree.Node
		want string
	}{
		{doc.Root.At("info", "title"), "api.raml:2"},
		{doc.Root.At("paths", "/a"), "api.raml:7"},
		{doc.Root.At("paths", "/a/{b}"), "api.raml:8"},
		{get, "api.raml:9"},
		{get.Get("description"), "api.raml:11"},
		{get.At("responses", "200"), "api.raml:13"},
		{get.At("responses", "404"), "t.raml:4"},
		{get.At("responses", "404", "description"), "t.raml:5"},
		{get.At("responses", "200", "content", "application/json"), "api.raml:15"},
		{doc.Root.At("components", "schemas", "T"), "T.raml:2"},
		{doc.Root.At("components", "schemas", "T", "properties", "a"), "T.raml:4"},
	} {
		if test.n.Position() != test.want {
			t.Errorf("it stands at %s, not %s", test.n.Position(), test.want)
		}
	}
	if m := doc.Root.Get("components").Get("schemas").Member("T"); m.Line != 4 {
		t.Errorf("the name T stands at line %d", m.Line)
	}
}

// TestReferences holds that whatever a projection refers to is there.
func TestReferences(t *testing.T) {
	files := fstest.MapFS{
		"api.raml": {Data: []byte(begin + `types:
  Plain: string
  List: Plain[]
  Heir: {type: Base, properties: {c: List}}
  Base:
    discriminator: kind
    properties:
      kind: string
      next?: Base
  Text: |
    {"type": "object", "properties": {"a": {"$ref": "#/definitions/b"}}, "definitions": {"b": {"type": "string"}}}
  File: !include schema.json
  Part: !include schema.json#/definitions/x
/a:
  post:
    body: {application/json: {type: File}}
    responses:
      200: {body: {application/json: {type: Heir}}}
      201: {body: {application/json: {type: Text}}}
      202: {body: {application/json: {type: Part}}}
      203: {body: {application/json: {type: !include schema.json}}}
`)},
		"schema.json": {Data: []byte(`{"type": "array", "items": {"$ref": "#/definitions/x"}, "definitions": {"x": {"type": "object", "properties": {"y": {"$ref": "#"}}}}}`)},
	}
	doc := Read(spec.NewProject(files, spec.ProjectLimits{}), "api.raml")
	if doc.Root == nil {
		t.Fatal(doc.Problems)
	}
	seen := 0
	var walk func(n *tree.Node)
	walk = func(n *tree.Node) {
		if ref := n.Get("$ref"); ref.Is(tree.String) {
			seen++
			target := doc.Root.At(strings.Split(strings.TrimPrefix(ref.Text, "#/"), "/")...)
			if target == nil || target.Get("$ref").Str() == ref.Text {
				t.Errorf("%s leads nowhere", ref.Text)
			}
		}
		for _, item := range n.Items {
			walk(item)
		}
		for _, m := range n.Members {
			walk(m.Value)
		}
	}
	walk(doc.Root)
	if seen < 8 {
		t.Errorf("only %d references were followed", seen)
	}
}
