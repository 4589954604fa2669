package governance

import (
	"encoding/json"
	"reflect"
	"slices"
	"testing"
	"time"

	"farrier.dev/farrier/internal/revision"
	"farrier.dev/farrier/internal/spec"
	"farrier.dev/farrier/internal/spec/openapi"
)

const people = `
openapi: 3.0.3
info: {title: People, version: 2.1.0}
servers: [{url: 'https://api.example.com/{stage}', variables: {stage: {default: people}}}]
components:
  securitySchemes: {token: {type: http, scheme: bearer}}
  schemas:
    Person:
      type: object
      properties:
        name: {type: string}
        ssn: {type: string}
        emailVerified: {type: boolean}
        password: {type: string, writeOnly: true}
        created: {type: string, readOnly: true}
        children: {type: array, items: {$ref: '#/components/schemas/Person'}}
paths:
  /people:
    get:
      deprecated: true
      security: [{token: []}]
      parameters: [{name: email, in: query, schema: {type: string}}]
      responses:
        '200': {description: ok, content: {application/json: {schema: {type: array, items: {$ref: '#/components/schemas/Person'}}}}}
    post:
      requestBody: {content: {application/json: {schema: {$ref: '#/components/schemas/Person'}}}}
      responses: {'201': {description: made}}
  /token:
    post:
      responses:
        '200': {description: ok, content: {application/json: {schema: {type: object, properties: {access_token: {type: string}}}}}}
`

func readDocument(t *testing.T, text string) *spec.Document {
	t.Helper()
	doc := openapi.Read(spec.OneFile("people.yaml", []byte(text), spec.ProjectLimits{}), "people.yaml")
	if !doc.Valid() {
		t.Fatal(doc.Problems)
	}
	return doc
}

func TestSummarise(t *testing.T) {
	got := Summarise(readDocument(t, people))
	want := &Summary{
		Title: "People", Version: "2.1.0", Servers: []string{"https://api.example.com/people"},
		Operations: []string{"GET /people", "POST /people", "POST /token"},
		Deprecated: []string{"GET /people"}, Unsecured: []string{"POST /people", "POST /token"},
		Sensitive: []SensitiveField{
			{Operation: "GET /people", Side: "request", Field: "query email", Class: "email"},
			{Operation: "GET /people", Side: "response", Field: "/*/ssn", Class: "ssn"},
			{Operation: "POST /people", Side: "request", Field: "/ssn", Class: "ssn"},
			{Operation: "POST /people", Side: "request", Field: "/password", Class: "secret"},
		},
	}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("got  %+v\nwant %+v", got, want)
	}
}

func TestBuildInstance(t *testing.T) {
	orders, other := revision.Name{Namespace: "default", Name: "orders"}, revision.Name{Namespace: "default", Name: "other"}
	api := &revision.API{
		Name: revision.Name{Namespace: "shop", Name: "people"}, Labels: map[string]string{"layer": "system"},
		Scheme: "https", Host: "0.0.0.0", Port: 8443, BasePath: "/people",
		TLS:    json.RawMessage(`{"certificate": {"key": "k", "crt": "c"}, "requireClientCertificate": true}`),
		Routes: []revision.Route{{Targets: []revision.Target{{Service: orders}}}},
		Policies: []revision.Binding{
			{Policy: "cors-flex", Order: 1, Source: revision.Source{File: "cors.yaml", Line: 3}},
			{Policy: "jwt-validation-flex", Order: 2, Automated: true, Rules: []revision.Rule{{Path: "/a"}}},
		},
		Clients: []revision.Client{{ID: "a"}, {ID: "b", State: "REVOKED"}},
		Source:  revision.Source{File: "api.yaml", Line: 7},
	}
	services := []revision.Service{{Name: orders, Address: "http://orders:80"}, {Name: other, Address: "http://other:80"}}
	got := BuildInstance(api, services, nil)
	want := &Instance{
		Name: "shop/people", File: "api.yaml", Line: 7, Address: "https://0.0.0.0:8443/people", Labels: map[string]string{"layer": "system"},
		TLS: true, MutualTLS: true, Contracts: 1,
		Policies: []Policy{
			{Name: "cors-flex", Order: 1, Provides: []string{"cors"}, Everywhere: true, File: "cors.yaml", Line: 3},
			{Name: "jwt-validation-flex", Order: 2, Provides: []string{"authentication", "jwt", "oauth"}, Automated: true},
		},
		Services: []Service{{Name: "default/orders", Address: "http://orders:80"}},
	}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("got  %+v\nwant %+v", got, want)
	}
}

// TestInstanceViolations holds an instance with its description against the rules
// for both, and asks where the complaints are.
func TestInstanceViolations(t *testing.T) {
	api := &revision.API{
		Name: revision.Name{Namespace: "shop", Name: "people"}, Labels: map[string]string{"layer": "system", "exposure": "public"},
		Scheme: "http", Host: "0.0.0.0", Port: 8081, BasePath: "/people",
		Policies: []revision.Binding{{Policy: "rate-limiting-sla-based-flex", Source: revision.Source{File: "sla.yaml", Line: 9}}, {Policy: "jwt-validation-flex"}},
		Source:   revision.Source{File: "api.yaml", Line: 7},
	}
	doc := readDocument(t, people)
	var sets []*Ruleset
	for _, name := range []string{"api-instance", "layers", "exposure", "data-classification"} {
		set, err := Builtin(name)
		if err != nil {
			t.Fatal(err)
		}
		sets = append(sets, set)
	}
	rep := Judge(t.Context(), Target{Document: doc, Instance: BuildInstance(api, nil, doc)}, sets, nil, time.Time{})
	if len(rep.Errors) > 0 {
		t.Fatal(rep.Errors)
	}
	var got []string
	for i := range rep.Violations {
		if v := &rep.Violations[i]; v.Violates {
			got = append(got, v.Location.File+" "+v.Ruleset+"/"+v.Rule)
		}
	}
	slices.Sort(got)
	want := []string{
		"api.yaml api-instance/instance-tls",
		"api.yaml data-classification/sensitive-requests-encrypted",
		"api.yaml data-classification/sensitive-responses-masked",
		"api.yaml exposure/public-attack-protection",
		"api.yaml exposure/public-tls",
		"api.yaml layers/system-mutual-tls",
		"api.yaml layers/system-not-public",
		"sla.yaml api-instance/order-authentication-before-metering",
	}
	if !slices.Equal(got, want) {
		t.Errorf("got  %q\nwant %q", got, want)
	}
}

// TestRecursive holds that schemas that lead back into themselves end, as do those
// that fan out.
func TestRecursive(t *testing.T) {
	text := "openapi: 3.0.3\ninfo: {title: a, version: '1'}\ncomponents:\n  schemas:\n"
	for i := range 26 {
		a, b := string(rune('A'+i)), string(rune('A'+(i+1)%26))
		text += "    " + a + ": {type: object, properties: {left: {$ref: '#/components/schemas/" + b + "'}, right: {$ref: '#/components/schemas/" + b + "'}, email: {type: string}}}\n"
	}
	text += "paths: {/a: {get: {responses: {'200': {description: ok, content: {application/json: {schema: {$ref: '#/components/schemas/A'}}}}}}}}\n"
	if s := Summarise(readDocument(t, text)); len(s.Sensitive) == 0 || len(s.Sensitive) > 26 {
		t.Errorf("%d sensitive fields", len(s.Sensitive))
	}
}
