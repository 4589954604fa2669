package graph_test

import (
	"fmt"
	"strings"
	"testing"

	"farrier.dev/farrier/internal/encoding/tree"
	"farrier.dev/farrier/internal/governance/validation/graph"
	"farrier.dev/farrier/internal/spec"
)

func build(text string, language spec.Language) *graph.Graph {
	p := spec.OneFile("api.yaml", []byte(text), spec.ProjectLimits{})
	root, err := p.Tree("api.yaml")
	if err != nil {
		root = nil
	}
	return graph.Build(&spec.Document{Language: language, File: "api.yaml", Project: p, Root: root})
}

const header = "openapi: 3.1.0\ninfo: {title: A, version: '1'}\n"

// lines repeats a line with the number of each in it.
func lines(n int, line string) string {
	var b strings.Builder
	for i := range n {
		b.WriteString(strings.ReplaceAll(line, "%d", fmt.Sprint(i)) + "\n")
	}
	return b.String()
}

// TestHostile holds that descriptions that refer to themselves, or to much very
// often, make a graph all the same, or one that says that parts are missing.
func TestHostile(t *testing.T) {
	tests := []struct {
		name, text string
		truncated  bool
	}{
		{"a reference to itself", header + "components: {schemas: {A: {$ref: '#/components/schemas/A'}}}", false},
		{"references in a circle", header + "components: {schemas: {A: {$ref: '#/components/schemas/B'}, B: {$ref: '#/components/schemas/A'}}, responses: {R: {$ref: '#/components/responses/R'}}}", false},
		{"a type in itself", header + "components: {schemas: {A: {type: object, properties: {a: {$ref: '#/components/schemas/A', description: d}, b: {type: array, items: {$ref: '#/components/schemas/A'}}}}}}", false},
		{"a type of all types", header + "components:\n  schemas:\n" + lines(300, "    T%d: {anyOf: [{$ref: '#/components/schemas/T0'}, {$ref: '#/components/schemas/T299'}, {$ref: '#/components/schemas/T%d'}], properties: {next: {$ref: '#/components/schemas/T1'}}}"), false},
		{"callbacks that call back", header + "paths: {/a: {post: {callbacks: {c: {$ref: '#/components/callbacks/C'}, d: {$ref: '#/components/callbacks/C'}}}}}\n" +
			"components: {callbacks: {C: {x: {post: {callbacks: {c: {$ref: '#/components/callbacks/C'}}}}}}}", false},
		{"paths that are one another", header + "paths: {/a: {$ref: '#/paths/~1b'}, /b: {$ref: '#/paths/~1a'}}", false},
		{"a long way", header + "components:\n  schemas:\n" + lines(5000, "    T%d: {properties: {p: {$ref: '#/components/schemas/T%d0'}}}"), false},
		{"many parameters of many paths", header + "paths:\n  /a:\n    get: {}\n    parameters:\n" + lines(3000, "      - {name: p%d, in: query}") + lines(3000, "  /p%d: {$ref: '#/paths/~1a'}"), true},
		{"many names of a large type", header + "components:\n  schemas:\n    A:\n      properties:\n" + lines(3000, "        p%d: {}") + lines(3000, "    T%d: {$ref: '#/components/schemas/A', description: d}"), true},
		{"values of other kinds", header + "paths: {/a: [1], /b: {get: 1, parameters: 2, post: {parameters: [1, {}], responses: [x], requestBody: 3, tags: [{}], security: [1, [a]]}}}\ncomponents: 1\nservers: {a: b}\ntags: x\nsecurity: {a: []}", false},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			g := build(test.text, spec.OpenAPI31)
			if len(g.Nodes) < 2 || g.Truncated != test.truncated {
				t.Errorf("%d nodes, truncated: %v", len(g.Nodes), g.Truncated)
			}
		})
	}
}

// FuzzBuild holds that a graph can be made of every tree, in every language.
func FuzzBuild(f *testing.F) {
	for _, text := range []string{
		header + "paths: {/a: {get: {responses: {'200': {description: d, content: {a/b: {schema: {type: [string, 'null']}, examples: {x: {value: 1}}}}}}}}}",
		"swagger: '2.0'\nhost: a\npaths: {/a: {post: {parameters: [{in: body, name: b, schema: {}}, {in: formData, name: f, type: file}], responses: {'200': {schema: {type: array}}}}}}",
		"asyncapi: 2.0.0\nchannels: {a: {publish: {message: {oneOf: [{payload: {}}]}}}}\nservers: {s: {url: u, security: [{a: []}]}}",
		"x-raml: {baseUri: a, documentation: [{title: t}], protocols: HTTP}\nsecurity: [{}]\ncomponents: {securitySchemes: {o: {x-raml: {type: OAuth 2.0, settings: {scopes: [a]}}}}}",
	} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		if _, err := tree.Read(&tree.Source{Text: []byte(text)}, tree.Options{}); err != nil {
			return
		}
		for _, language := range []spec.Language{spec.OpenAPI20, spec.OpenAPI30, spec.OpenAPI31, spec.AsyncAPI2, spec.RAML10} {
			for _, n := range build(text, language).Nodes {
				_ = n.At.Path()
			}
		}
	})
}
