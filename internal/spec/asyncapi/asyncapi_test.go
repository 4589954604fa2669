package asyncapi_test

import (
	"fmt"
	"strings"
	"testing"
	"testing/fstest"

	"farrier.dev/farrier/internal/encoding/tree"
	"farrier.dev/farrier/internal/spec"
	"farrier.dev/farrier/internal/spec/asyncapi"
)

func read(text string) *spec.Document {
	return asyncapi.Read(spec.OneFile("x.yaml", []byte(text), spec.ProjectLimits{}), "x.yaml")
}

const head = "asyncapi: 2.6.0\ninfo: {title: x, version: '1'}\n"

// full has every object.
const full = head + `id: urn:example:x
defaultContentType: application/json
servers:
  main: {url: 'mqtt://{host}', protocol: mqtt, protocolVersion: '5', description: d, variables: {host: {enum: [a], default: a, description: d, examples: [a]}}, security: [{user: []}], tags: [{name: t}], bindings: {mqtt: {qos: 1}}}
  other: {$ref: '#/components/servers/other'}
channels:
  'orders/{id}':
    description: d
    servers: [main]
    parameters: {id: {description: d, schema: {type: string}, location: $message.payload#/id}}
    bindings: {mqtt: {}}
    subscribe:
      operationId: onOrder
      summary: s
      tags: [{name: t, description: d, externalDocs: {url: https://example.com/}}]
      externalDocs: {url: https://example.com/}
      security: [{oauth: [read]}]
      bindings: {mqtt: {}}
      traits: [{$ref: '#/components/operationTraits/quiet'}]
      message:
        oneOf: [{$ref: '#/components/messages/order'}, {payload: true}]
    publish:
      message: {$ref: '#/components/messages/order'}
  orders: {$ref: '#/components/channels/orders'}
components:
  schemas: {order: {type: object, properties: {id: {type: [string, 'null']}, next: {$ref: '#/components/schemas/order'}}, discriminator: id}}
  servers: {other: {url: x, protocol: kafka}}
  serverVariables: {v: {default: x}}
  channels: {orders: {}}
  messages:
    order: {messageId: m, headers: {type: object}, payload: {$ref: '#/components/schemas/order'}, correlationId: {location: $message.header#/c, description: d}, contentType: application/json, name: n, title: t, summary: s, examples: [{headers: {a: 1}, payload: {}, name: n, summary: s}], traits: [{contentType: text/plain}]}
    avro: {schemaFormat: application/vnd.apache.avro, payload: {type: record}}
  securitySchemes: {user: {type: userPassword}, oauth: {type: oauth2, flows: {implicit: {authorizationUrl: https://example.com/, scopes: {read: d}}}}, k: {type: httpApiKey, name: k, in: query}}
  parameters: {p: {}}
  correlationIds: {c: {location: '$message.header#/c'}}
  operationTraits: {quiet: {summary: s}}
  messageTraits: {m: {}}
  messageBindings: {b: {}}
`

// TestStructure holds what is told of descriptions. Each but the first is wrong
// in one way.
func TestStructure(t *testing.T) {
	cases := []struct{ text, want string }{
		{full, ""},
		{"asyncapi: 3.0.0\n", `1 asyncapi-unreadable # version "3.0.0" is not read; it must be 2.x.x`},
		{head, "1 asyncapi-missing-field # the field channels is missing in the document object; add it"},
		{head + "channels: {}\nchanels: {}", "4 asyncapi-unknown-field #/chanels the field chanels is unknown in the document object; remove it, or make it an extension by a name that begins with x-"},
		{head + "channels: {'a/{b}': {}}", "3 asyncapi-channel-parameter #/channels/a~1{b} the parameter b of the channel a/{b} is not declared; add it to parameters"},
		{head + "channels: {a: {parameters: {b: {}}}}", "3 asyncapi-channel-parameter #/channels/a/parameters the parameter b has no template {b} in the channel a"},
		{head + "channels: {a: {servers: [s]}}", "3 asyncapi-server #/channels/a/servers the server s is not declared"},
		{head + "servers: {s: {url: x}}\nchannels: {}", "3 asyncapi-missing-field #/servers/s the field protocol is missing in the server object; add it"},
		{head + "servers: {s: {url: x, protocol: y, security: [{k: []}]}}\nchannels: {}", "3 asyncapi-security-scheme #/servers/s/security/0 the security scheme k is not declared; declare it, or correct the name"},
		{head + "channels: {a: {publish: {operationId: x}, subscribe: {operationId: x}}}", "3 asyncapi-duplicate-id #/channels/a/subscribe/operationId the operationId x stands at x.yaml:3 already; give each its own"},
		{head + "channels: {a: {publish: {message: {payload: {type: strng}}}}}", "3 asyncapi-wrong-value #/channels/a/publish/message/payload/type type must be one of array, boolean, integer, null, number, object, string"},
		{head + "channels: {a: {publish: {message: {payload: {properties: {a: {$ref: '#/b'}}}}}}}", "3 asyncapi-reference #/channels/a/publish/message/payload/properties/a/$ref the reference leads nowhere in x.yaml"},
		{head + "channels: {a: {publish: {message: {$ref: '#/components/schemas/s'}}}}\ncomponents: {schemas: {s: {}}}", "3 asyncapi-reference-kind #/channels/a/publish/message/$ref the reference leads to a schema object, where a message object must stand"},
		{head + "channels: {a: {$ref: 'https://example.com/a.yaml'}}", "3 asyncapi-reference #/channels/a/$ref the reference leads to another address, and nothing is read from the network; put a copy into the project"},
		{head + "channels: {a: {publish: {message: {payload: true, oneOf: [{}]}}}}", "3 asyncapi-exclusive-fields #/channels/a/publish/message beside oneOf the message object must not have payload"},
		{head + "channels: {}\ntags: [{name: a}, {name: a}]", "4 asyncapi-duplicate-tag #/tags the tag a stands twice"},
		{head + "channels: {}\ncomponents: {messages: {a: {$ref: '#/components/messages/b'}, b: {$ref: '#/components/messages/a'}}}", "4 asyncapi-reference #/components/messages/a/$ref the reference leads to references that lead to one another, and to no value\n4 asyncapi-reference #/components/messages/b/$ref the reference leads to references that lead to one another, and to no value"},
	}
	for _, x := range cases {
		doc := read(x.text)
		var got []string
		for _, p := range doc.Problems {
			got = append(got, fmt.Sprintf("%d %s %s %s", p.Line, p.Rule, tree.Pointer(p.Path), p.Message))
		}
		if strings.Join(got, "\n") != x.want {
			t.Errorf("%s:\n%s\nwant\n%s", x.text, strings.Join(got, "\n"), x.want)
		}
	}
	t.Logf("%d descriptions", len(cases))
}

// TestFiles holds that references lead to other files.
func TestFiles(t *testing.T) {
	p := spec.NewProject(fstest.MapFS{
		"x.yaml":   {Data: []byte(head + "channels: {a: {publish: {message: {$ref: 'm/m.yaml#/one'}}}}")},
		"m/m.yaml": {Data: []byte("one:\n  payload: {$ref: s.yaml}\n")},
		"m/s.yaml": {Data: []byte("type: object\nrequired: a\n")},
	}, spec.ProjectLimits{})
	doc := asyncapi.Read(p, "x.yaml")
	if len(doc.Problems) != 1 || doc.Problems[0].String() != "m/s.yaml:2: required must be a list, not a text" || doc.Problems[0].Path != nil {
		t.Error(doc.Problems)
	}
}

// FuzzRead holds that no text panics.
func FuzzRead(f *testing.F) {
	f.Add([]byte(full))
	f.Add([]byte(head + "channels: {a: {$ref: '#/channels/a'}}"))
	f.Fuzz(func(t *testing.T, text []byte) {
		doc := asyncapi.Read(spec.OneFile("x", text, spec.ProjectLimits{Document: tree.Options{MaxNodes: 10_000}}), "x")
		for _, p := range doc.Problems {
			if p.File == "" || p.Rule == "" || p.Message == "" {
				t.Fatalf("%+v", p)
			}
		}
	})
}
