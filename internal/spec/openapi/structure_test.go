package openapi_test

import (
	"fmt"
	"strings"
	"testing"

	"farrier.dev/farrier/internal/encoding/tree"
	"farrier.dev/farrier/internal/spec"
	"farrier.dev/farrier/internal/spec/openapi"
)

const (
	head20 = "swagger: '2.0'\ninfo: {title: x, version: '1'}\n"
	head30 = "openapi: 3.0.3\ninfo: {title: x, version: '1'}\n"
	head31 = "openapi: 3.1.0\ninfo: {title: x, version: '1'}\n"
	ok     = "responses: {default: {description: d}}"
)

// TestStructure holds what is told of wrong descriptions: line, rule, path and
// message. Each is wrong in one way.
func TestStructure(t *testing.T) {
	cases := []struct{ text, want string }{
		{head30, "1 openapi-missing-field # the field paths is missing in the document object; add it"},
		{head31, "1 openapi-missing-field # the document object must have at least one of the fields paths, components, webhooks"},
		{"openapi: 3.0.3\ninfo: {title: x}\npaths: {}", "2 openapi-missing-field #/info the field version is missing in the info object; add it"},
		{head30 + "paths: {}\ntag: []", "4 openapi-unknown-field #/tag the field tag is unknown in the document object; did you mean tags?"},
		{head30 + "paths: {}\nother: []", "4 openapi-unknown-field #/other the field other is unknown in the document object; remove it, or make it an extension by a name that begins with x-"},
		{head30 + "paths: []", "3 openapi-wrong-kind #/paths paths must be a paths object, not a list"},
		{head30 + "paths:\n  a: {}", "4 openapi-path-name #/paths/a a: a path must begin with a slash"},
		{head30 + "paths:\n  /a: {get: {responses: {}}}", "4 openapi-empty #/paths/~1a/get/responses the responses object must not be empty"},
		{head30 + "paths:\n  /a: {get: {responses: {x-a: 1}}}", "4 openapi-empty #/paths/~1a/get/responses the responses object must not be empty"},
		{head30 + "paths:\n  /a: {get: {responses: {'20': {description: d}}}}", "4 openapi-response-code #/paths/~1a/get/responses/20 20: a response must be named by a status code, a range as 2XX, or default"},
		{head30 + "paths:\n  /a: {get: {deprecated: 'yes', " + ok + "}}", "4 openapi-wrong-kind #/paths/~1a/get/deprecated deprecated must be true or false, not a text"},
		{head30 + "paths:\n  /a/{b}: {get: {" + ok + "}}", "4 openapi-path-parameter #/paths/~1a~1{b}/get the path parameter b of /a/{b} is not declared for get; add it to parameters"},
		{head30 + "paths:\n  /a: {get: {parameters: [{name: b, in: path, required: true, schema: {}}], " + ok + "}}", "4 openapi-path-parameter #/paths/~1a/get/parameters the path parameter b has no template {b} in the path /a"},
		{head30 + "paths:\n  /a/{b: {}", "4 openapi-path-template #/paths/~1a~1{b a template in the path /a/{b must have the form {name}"},
		{head30 + "paths:\n  /{a}/{a}: {}", "4 openapi-path-template #/paths/~1{a}~1{a} the template {a} stands twice in the path /{a}/{a}"},
		{head30 + "paths:\n  /{a}: {}\n  /{b}: {}", "5 openapi-equal-paths #/paths/~1{b} the path /{b} differs from /{a} by the names of its templates only; make them one"},
		{head30 + "paths:\n  /a: {get: {operationId: x, " + ok + "}}\n  /b:\n    get: {operationId: x, " + ok + "}", "6 openapi-duplicate-operation-id #/paths/~1b/get/operationId the operationId x is that of the operation at x.yaml:4 already; give each its own"},
		{head30 + "paths:\n  /a:\n    parameters: [{name: b, in: query, schema: {}}, {name: b, in: query, schema: {}}]", "5 openapi-duplicate-parameter # the parameter b in query stands twice in the list"},
		{head30 + "paths:\n  /a:\n    parameters: [{name: b, in: body, schema: {}}]", "5 openapi-wrong-value #/paths/~1a/parameters/0/in in must be one of path, query, header, cookie"},
		{head30 + "paths:\n  /a:\n    parameters: [{name: b, schema: {}}]", "5 openapi-missing-field #/paths/~1a/parameters/0 the field in is missing in the parameter object; it must be one of path, query, header, cookie"},
		{head30 + "paths:\n  /{b}:\n    parameters: [{name: b, in: path, schema: {}}]", "5 openapi-missing-field #/paths/~1{b}/parameters/0 the field required is missing in the path parameter object; add it"},
		{head30 + "paths:\n  /a:\n    parameters: [{name: b, in: query, style: simple, schema: {}}]", "5 openapi-wrong-value #/paths/~1a/parameters/0/style style must be one of form, spaceDelimited, pipeDelimited, deepObject"},
		{head30 + "paths:\n  /a:\n    parameters: [{name: b, in: query}]", "5 openapi-missing-field #/paths/~1a/parameters/0 the query parameter object must have one of the fields schema, content"},
		{head30 + "paths:\n  /a:\n    parameters: [{name: b, in: query, content: {text/plain: {}}, style: form}]", "5 openapi-exclusive-fields #/paths/~1a/parameters/0 beside content the query parameter object must not have style"},
		{head30 + "paths:\n  /a:\n    parameters: [{name: b, in: query, content: {text/plain: {}, text/html: {}}}]", "5 openapi-exclusive-fields #/paths/~1a/parameters/0/content the single content object must have one field, and has 2"},
		{head30 + "paths:\n  /a: {get: {security: [{k: []}], " + ok + "}}", "4 openapi-security-scheme #/paths/~1a/get/security/0 the security scheme k is not declared; declare it, or correct the name"},
		{head30 + "paths:\n  /a: {get: {responses: {default: {description: d, content: {json: {}}}}}}", "4 openapi-media-type #/paths/~1a/get/responses/default/content json is no media type, as application/json, and no range of them, as text/*"},
		{head30 + "paths: {}\ntags: [{name: a}, {name: a}]", "4 openapi-duplicate-tag #/tags the tag a is declared twice"},
		{head30 + "paths: {}\ncomponents: {schemas: {A: {type: strng}}}", "4 openapi-wrong-value #/components/schemas/A/type type must be one of array, boolean, integer, number, object, string"},
		{head30 + "paths: {}\ncomponents: {schemas: {A: {type: [string]}}}", "4 openapi-wrong-kind #/components/schemas/A/type type must be one of array, boolean, integer, number, object, string, not a list"},
		{head30 + "paths: {}\ncomponents: {schemas: {A: {const: 1}}}", "4 openapi-unknown-field #/components/schemas/A/const the field const is unknown in the schema object; remove it, or make it an extension by a name that begins with x-"},
		{head30 + "paths: {}\ncomponents: {schemas: {A: {minLength: -1}}}", "4 openapi-wrong-value #/components/schemas/A/minLength minLength must be a whole number from 0"},
		{head30 + "paths: {}\ncomponents: {schemas: {A: {required: [a, a]}}}", "4 openapi-repeated #/components/schemas/A/required/1 required lists a twice"},
		{head30 + "paths: {}\ncomponents: {schemas: {A: {type: array}}}", "4 openapi-array-items #/components/schemas/A a schema of an array must say by items what is in it"},
		{head30 + "paths: {}\ncomponents: {schemas: {a b: {}}}", "4 openapi-component-name #/components/schemas/a b a b: the name of a component must consist of letters, digits, dots, hyphens and underscores"},
		{head30 + "paths: {}\ncomponents: {schemas: {A: {$ref: '#/components/schemas/B'}}}", "4 openapi-reference #/components/schemas/A/$ref the reference #/components/schemas/B leads nowhere in x.yaml"},
		{head30 + "paths: {}\ncomponents: {schemas: {A: {$ref: '#/components/responses/B'}}, responses: {B: {description: d}}}", "4 openapi-reference-kind #/components/schemas/A/$ref the reference leads to a response object, where a schema object must stand"},
		{head30 + "paths: {}\ncomponents: {schemas: {A: {$ref: '#/components/schemas/A'}}}", "4 openapi-reference #/components/schemas/A/$ref the reference leads to references that lead to one another, and to no value"},
		{head30 + "paths: {}\ncomponents: {schemas: {A: {$ref: '#/x-a/b'}}}\nx-a: {b: {type: 3}}", "5 openapi-wrong-kind #/x-a/b/type type must be one of array, boolean, integer, number, object, string, not a number"},
		{head30 + "paths: {}\ncomponents: {schemas: {A: {$ref: 'other.yaml#/A'}}}", "4 openapi-reference #/components/schemas/A/$ref other.yaml: the description is one document, other files are not read"},
		{head30 + "paths: {}\ncomponents: {securitySchemes: {A: {type: mutualTLS}}}", "4 openapi-wrong-value #/components/securitySchemes/A/type type must be one of apiKey, http, oauth2, openIdConnect"},
		{head30 + "paths: {}\ncomponents: {securitySchemes: {A: {type: oauth2, flows: {password: {scopes: {}}}}}}", "4 openapi-missing-field #/components/securitySchemes/A/flows/password the field tokenUrl is missing in the token flow object; add it"},
		{head30 + "paths: {}\ncomponents: {links: {A: {operationId: x}}}", "4 openapi-link #/components/links/A/operationId no operation has the operationId x"},
		{head31 + "components: {schemas: {A: {type: [string, strng]}}}", "3 openapi-wrong-value #/components/schemas/A/type/1 type must be one of array, boolean, integer, null, number, object, string"},
		{head31 + "components: {schemas: {A: {if: 3}}}", "3 openapi-wrong-kind #/components/schemas/A/if if must be a schema object or true or false, not a number"},
		{head20 + "paths: {}\nhost: https://a", "4 openapi-wrong-value #/host host must be a name or address with or without a port, and neither scheme nor path"},
		{head20 + "paths: {}\nbasePath: a", "4 openapi-wrong-value #/basePath basePath must begin with a slash"},
		{head20 + "paths:\n  /a: {post: {parameters: [{name: a, in: body, schema: {}}, {name: b, in: body, schema: {}}], " + ok + "}}", "4 openapi-duplicate-parameter # an operation can have one parameter in body only"},
		{head20 + "paths:\n  /a: {post: {parameters: [{name: a, in: body, schema: {}}, {name: b, in: formData, type: string}], " + ok + "}}", "4 openapi-exclusive-fields # an operation can't have parameters in body and in formData; a form is a body"},
		{head20 + "paths:\n  /a: {post: {requestBody: {}, " + ok + "}}", "4 openapi-unknown-field #/paths/~1a/post/requestBody the field requestBody is unknown in the operation object; remove it, or make it an extension by a name that begins with x-"},
		{head20 + "paths: {}\nsecurityDefinitions: {a: {type: oauth2, flow: code}}", "4 openapi-wrong-value #/securityDefinitions/a/flow flow must be one of implicit, password, application, accessCode"},
		{strings.Replace(head31, "3.1.0", "3.2.0", 1) + "paths: {}", "1 openapi-version #/openapi version 3.2.0 is read as 3.1; what it added is taken for unknown"},
	}
	for _, x := range cases {
		doc := openapi.Read(spec.OneFile("x.yaml", []byte(x.text), spec.ProjectLimits{}), "x.yaml")
		var got []string
		for _, p := range doc.Problems {
			if p.Rule == "openapi-not-enforceable" {
				continue
			}
			got = append(got, fmt.Sprintf("%d %s %s %s", p.Line, p.Rule, tree.Pointer(p.Path), p.Message))
			if len(p.Path) > 0 && doc.Root.At(p.Path...) == nil {
				t.Errorf("%s: nothing is at %s", x.text, tree.Pointer(p.Path))
			}
		}
		if strings.Join(got, "\n") != x.want {
			t.Errorf("%s:\n%s\nwant\n%s", x.text, strings.Join(got, "\n"), x.want)
		}
	}
	t.Logf("%d wrong descriptions", len(cases))
}

// TestManyProblems holds that problems are bounded and in order.
func TestManyProblems(t *testing.T) {
	text := head30 + "paths:\n"
	for i := range 300 {
		text += fmt.Sprintf("  /a%d: {get: {a: 1}}\n", i)
	}
	doc := openapi.Read(spec.OneFile("x.yaml", []byte(text), spec.ProjectLimits{}), "x.yaml")
	if len(doc.Problems) != openapi.MaxProblems {
		t.Errorf("%d problems", len(doc.Problems))
	}
	for i, p := range doc.Problems[1:] {
		if p.Line < doc.Problems[i].Line {
			t.Fatalf("line %d behind line %d", p.Line, doc.Problems[i].Line)
		}
	}
}

// FuzzRead holds that no text panics, and that what is read has its problems at
// places that are there.
func FuzzRead(f *testing.F) {
	f.Add([]byte(head20 + "paths: {/a: {get: {parameters: [{$ref: '#/parameters/p'}], " + ok + "}}}\nparameters: {p: {name: p, in: formData, type: file}}"))
	f.Add([]byte(head30 + "paths: {/a: {$ref: '#/paths/~1a'}}"))
	f.Add([]byte(head31 + "paths: {'/{a}': {get: {callbacks: {b: {c: {$ref: '#/paths/~1%7Ba%7D'}}}}}}"))
	f.Fuzz(func(t *testing.T, text []byte) {
		doc := openapi.Read(spec.OneFile("x", text, spec.ProjectLimits{Document: tree.Options{MaxNodes: 20_000}}), "x")
		for _, p := range doc.Problems {
			if p.File == "" || p.Rule == "" || p.Message == "" || len(p.Path) > 0 && doc.Root.At(p.Path...) == nil {
				t.Fatalf("%+v", p)
			}
		}
		if doc.Description != nil && !doc.Valid() {
			t.Fatal("an invalid document is described")
		}
	})
}
