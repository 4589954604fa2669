package validation_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"farrier.dev/farrier/internal/encoding/tree"
	"farrier.dev/farrier/internal/governance/validation"
	"farrier.dev/farrier/internal/governance/validation/graph"
	"farrier.dev/farrier/internal/spec"
	"farrier.dev/farrier/internal/spec/raml"
)

const levels = validation.Header + `
profile: Levels
description: Of all grades
tags: [test]
prefixes:
  words: "http://a.ml/vocabularies/core#"
violation: [titled]
warning: [described]
info: [named, unused]
disabled: [unused]
rego_extensions: |
  short(text) = is { is := count(text) <= 5 }
validations:
  titled:
    message: "{{words.name}} of {{core.version}} by {{core.provider}}"
    targetClass: apiContract.WebAPI
    aspect: [Specification]
    documentation: Titles are short.
    examples: {valid: "title: A", invalid: ["title: Abcdefg"]}
    rego: "$result := short($node[\"http://a.ml/vocabularies/core#name\"])"
  described:
    targetClass: apiContract.Operation
    propertyConstraints:
      core.description:
        minCount: ${{descriptions:1}}
  named:
    message: Operations are named by ${{style:camel}} case
    targetClass: apiContract.Operation
    propertyConstraints:
      core.name:
        pattern: "${{name:^[a-z]+([A-Z][a-z]+)*$}}"
  unused:
    targetClass: apiContract.WebAPI
    rego: $result = false
  unlisted:
    targetClass: apiContract.WebAPI
    rego: $result = false
`

const ramlAPI = `#%RAML 1.0
title: A long title
version: "3"
baseUri: http://example.com/{version}
annotationTypes: {grade: integer}
types:
  Order:
    description: an order
    properties:
      id: integer
  Big:
    type: Order
    properties:
      more: string
/orders:
  (grade): 2
  get:
    displayName: list orders
    responses:
      200:
        body:
          application/json: Order
  /{id}:
    uriParameters: {id: string}
    delete:
      displayName: remove
      description: Removes it.
`

func judgeText(t *testing.T, p *validation.Profile, g *graph.Graph) []string {
	t.Helper()
	results, err := p.Judge(t.Context(), g)
	if err != nil {
		t.Fatal(err)
	}
	var out []string
	for _, r := range results {
		out = append(out, fmt.Sprintf("%s:%d:%d %s %s: %s", r.File, r.Line, r.Column, r.Severity, r.Rule, r.Message))
	}
	return out
}

func TestLevels(t *testing.T) {
	src := &tree.Source{Name: "p.yaml", Text: []byte(levels)}
	p, err := validation.Load(src)
	if err != nil {
		t.Fatal(err)
	}
	g := graph.Build(raml.Read(spec.OneFile("api.raml", []byte(ramlAPI), spec.ProjectLimits{}), "api.raml"))
	want := []string{
		"api.raml:2:1 violation titled: A long title of 3 by null",
		"api.raml:17:3 warning described: described",
		"api.raml:17:3 info named: Operations are named by camel case",
	}
	if got := judgeText(t, p, g); !slices.Equal(got, want) {
		t.Errorf("judged:\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
	results, err := p.Judge(t.Context(), g)
	if err != nil || validation.Conforms(results) || !validation.Conforms(results[1:]) {
		t.Errorf("only violations keep from conforming: %v %v", results, err)
	}
	if path := results[1].Path; !slices.Equal(path, []string{"paths", "/orders", "get"}) {
		t.Errorf("the path of an operation is %q", path)
	}
	rules := p.Rules()
	r := rules[0]
	if len(rules) != 5 || r.ID != "titled" || r.Line != 14 || r.Aspects[0] != "Specification" || r.Documentation == "" || len(r.Valid) != 1 || len(r.Invalid) != 1 ||
		!rules[3].Disabled || !rules[4].Disabled || rules[2].Severity != validation.Info {
		t.Errorf("rules are %+v", rules)
	}
	if len(p.Parameters) != 3 || p.Parameters[0] != (validation.Parameter{Name: "descriptions", Default: "1", Line: 25}) {
		t.Errorf("parameters are %+v", p.Parameters)
	}
	if p, err = validation.LoadWith(src, map[string]string{"descriptions": "0", "name": "^list", "style": "any"}); err != nil {
		t.Fatal(err)
	}
	want = []string{want[0], "api.raml:25:5 info named: Operations are named by any case"}
	if got := judgeText(t, p, g); !slices.Equal(got, want) {
		t.Errorf("judged with parameters:\n%s", strings.Join(got, "\n"))
	}
}

// TestRAML holds what the graph of RAML has that OpenAPI has not.
func TestRAML(t *testing.T) {
	g := graph.Build(raml.Read(spec.OneFile("api.raml", []byte(ramlAPI), spec.ProjectLimits{}), "api.raml"))
	for _, rule := range []string{
		// Parameters of a path stand at the resource.
		"targetClass: apiContract.EndPoint\nif: {propertyConstraints: {apiContract.path: {pattern: id}}}\nthen: {propertyConstraints: {apiContract.parameter / core.name: {minCount: 1, in: [id]}}}",
		"targetClass: apiContract.Operation\npropertyConstraints: {apiContract.expects: {maxCount: 0}}",
		// The address is written once, its variables in it.
		"targetClass: apiContract.WebAPI\npropertyConstraints: {apiContract.server / core.urlTemplate: {exactCount: 1, in: [\"http://example.com/{version}\"]}}",
		// Annotations have no prefix.
		"targetClass: apiContract.EndPoint\npropertyConstraints: {apiExt.grade / data.value: {in: [\"2\"]}, apiExt.mark: {maxCount: 0}}",
		// A type that inherits has the properties and the description of the other.
		"targetClass: shacl.NodeShape\nif: {propertyConstraints: {shacl.name: {in: [Big]}}}\nthen: {propertyConstraints: {shacl.property / shacl.name: {exactCount: 2}, core.description: {in: [an order]}}}",
		// RAML needs no description of a response.
		"targetClass: apiContract.Response\npropertyConstraints: {core.description: {maxCount: 0}}",
	} {
		p, err := validation.Load(&tree.Source{Name: "p.yaml", Text: profileOf(rule)})
		if err != nil {
			t.Fatal(err)
		}
		if got := judgeText(t, p, g); len(got) > 0 {
			t.Errorf("%s\nis violated: %s", rule, got)
		}
	}
}

// TestInstance judges an API as it is served.
func TestInstance(t *testing.T) {
	const rules = `
targetClass: management.APIInstance
and:
  - propertyConstraints:
      management.policies:
        containsAll: [jwt-validation-flex, rate-limiting-flex]
      management.tls:
        in: ["true"]
      apiContract.server / core.urlTemplate:
        pattern: "^https:"
  - rego: |
      nested_nodes[policies] with data.nodes as $node["http://anypoint.com/vocabs/management#policy"]
      order := {name: o |
        name := policies[i]["http://a.ml/vocabularies/core#name"]
        o := policies[i]["http://anypoint.com/vocabs/management#order"]
      }
      $result := order["jwt-validation-flex"] < order["rate-limiting-flex"]
`
	p, err := validation.Load(&tree.Source{Name: "p.yaml", Text: profileOf(rules)})
	if err != nil {
		t.Fatal(err)
	}
	good := graph.Instance{
		Name: "orders", URLs: []string{"https://a.example"}, TLS: true, Labels: map[string]string{"layer": "system"},
		Policies: []graph.Policy{{Name: "jwt-validation-flex"}, {Name: "rate-limiting-flex"}},
		At:       graph.Place{File: "orders.yaml", Line: 3, Column: 1},
	}
	for _, test := range []struct {
		name   string
		change func(*graph.Instance)
		want   int
	}{
		{"as it must be", func(*graph.Instance) {}, 0},
		{"no policies", func(i *graph.Instance) { i.Policies = nil }, 0},
		{"one policy", func(i *graph.Instance) { i.Policies = i.Policies[:1] }, 1},
		{"another order", func(i *graph.Instance) { i.Policies = []graph.Policy{good.Policies[1], good.Policies[0]} }, 1},
		{"no TLS", func(i *graph.Instance) { i.TLS = false }, 1},
		{"another address", func(i *graph.Instance) { i.URLs = []string{"http://a.example"} }, 1},
	} {
		g := graph.New()
		instance := good
		test.change(&instance)
		g.AddInstance(instance)
		got := judgeText(t, p, g)
		if len(got) != test.want || len(got) == 1 && !strings.HasPrefix(got[0], "orders.yaml:3:1 violation rule") {
			t.Errorf("%s: %v", test.name, got)
		}
	}
}

// TestCost holds that a profile judges a large description quickly, and that the
// cost grows as the description does.
func TestCost(t *testing.T) {
	archive := parseArchive(t, "constraints.txtar")
	var profile strings.Builder
	profile.WriteString(validation.Header + "\nprofile: All\nvalidations:\n")
	var ids []string
	for i, f := range archive.Files[1:] {
		if strings.Contains(string(f.Data), "rego") {
			continue
		}
		rule, _, _ := strings.Cut(string(f.Data), "# violated by")
		id := fmt.Sprintf("r%d", i)
		ids = append(ids, id)
		profile.WriteString("  " + id + ":\n    " + strings.ReplaceAll(strings.TrimSpace(rule), "\n", "\n    ") + "\n")
	}
	profile.WriteString("violation: [" + strings.Join(ids, ", ") + "]\n")
	p, err := validation.Load(&tree.Source{Name: "p.yaml", Text: []byte(profile.String())})
	if err != nil {
		t.Fatal(err)
	}
	var b strings.Builder
	b.WriteString("openapi: 3.0.0\ninfo: {title: A, version: '1'}\ncomponents: {schemas: {S: {type: object, properties: {a: {type: string}}}}}\npaths:\n")
	for i := 0; b.Len() < 1<<20; i++ {
		fmt.Fprintf(&b, "  /p%d/{id}:\n    get:\n      operationId: o%d\n      parameters: [{name: id, in: path, required: true, schema: {type: string}}]\n"+
			"      responses: {'200': {description: d, content: {application/json: {schema: {$ref: '#/components/schemas/S'}, example: {a: b%d}}}}}\n", i, i, i)
	}
	doc := read(t, spec.OneFile("api.yaml", []byte(b.String()), spec.ProjectLimits{}), "api.yaml")
	start := time.Now()
	g := graph.Build(doc)
	built := time.Since(start)
	start = time.Now()
	results, err := p.Judge(t.Context(), g)
	took := time.Since(start)
	if err != nil || len(results) == 0 {
		t.Fatalf("%d results, %v", len(results), err)
	}
	t.Logf("1 MB: %d nodes in %v, %d rules in %v, %d results", len(g.Nodes), built, len(ids), took, len(results))
}
