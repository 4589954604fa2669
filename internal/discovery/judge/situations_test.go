package judge_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"farrier.dev/farrier/internal/discovery"
	"farrier.dev/farrier/internal/discovery/judge"
)

// called is a bare learned operation.
func called(host, method, path string) *discovery.Operation {
	return &discovery.Operation{
		Key: discovery.Key{Host: host, Method: method, Path: path}, Protocol: discovery.REST, Requests: 50, Good: 50, Sampled: 50,
		First: now.Add(-90 * 24 * time.Hour), Last: now.Add(-time.Hour), Statuses: map[int]uint64{200: 50},
		Sources: map[discovery.Source]uint64{discovery.FromGateway: 50},
	}
}

func openAPI(servers string, paths ...string) string {
	text := "openapi: 3.1.0\ninfo: {title: A, version: '1'}\n" + servers + "paths:\n"
	for _, p := range paths {
		text += "  " + p + ":\n"
		for _, name := range templates(p) {
			text += "    parameters: [{name: " + name + ", in: path, required: true, schema: {type: string}}]\n"
		}
		text += "    get:\n      responses: {'200': {description: ok}}\n"
	}
	return text
}

func describe(t *testing.T, name, text string) discovery.Described {
	t.Helper()
	return discovery.Described{Name: name, Origin: "specification", Document: read(t, name, text)}
}

// TestBasePathsAndServers holds which requests a description is about.
func TestBasePathsAndServers(t *testing.T) {
	cases := []struct {
		name, servers string
		change        func(*discovery.Described)
		op            *discovery.Operation
		want          discovery.State
	}{
		{"no server", "", nil, called("x.com", "GET", "/orders"), discovery.Documented},
		{"base path", "servers: [{url: /v1}]\n", nil, called("x.com", "GET", "/v1/orders"), discovery.Documented},
		{"without the base path", "servers: [{url: /v1}]\n", nil, called("x.com", "GET", "/orders"), discovery.Shadow},
		{"another version's base path", "servers: [{url: /v1}]\n", nil, called("x.com", "GET", "/v2/orders"), discovery.Shadow},
		{"second server", "servers: [{url: 'https://a.com/v1'}, {url: 'https://b.com/api'}]\n", nil, called("b.com", "GET", "/api/orders"), discovery.Documented},
		{"variable with enumeration", "servers: [{url: 'https://a.com/{stage}', variables: {stage: {default: prod, enum: [prod, test]}}}]\n", nil, called("a.com", "GET", "/test/orders"), discovery.Documented},
		{"beyond the enumeration", "servers: [{url: 'https://a.com/{stage}', variables: {stage: {default: prod, enum: [prod, test]}}}]\n", nil, called("a.com", "GET", "/next/orders"), discovery.Shadow},
		{"variable that may be anything", "servers: [{url: 'https://a.com/{region}/v1', variables: {region: {default: eu}}}]\n", nil, called("a.com", "GET", "/us/v1/orders"), discovery.Documented},
		{"version as variable", "servers: [{url: 'https://a.com/{version}', variables: {version: {default: v1}}}]\n", nil, called("a.com", "GET", "/v2/orders"), discovery.Shadow},
		{"host as variable", "servers: [{url: 'https://{tenant}.a.com', variables: {tenant: {default: x}}}]\n", nil, called("blue.a.com", "GET", "/orders"), discovery.Documented},
		{"a host that no server names", "servers: [{url: 'https://a.com'}]\n", nil, called("test.internal", "GET", "/orders"), discovery.Documented},
		{"host of the description", "", func(d *discovery.Described) { d.Host = "a.com" }, called("b.com", "GET", "/orders"), discovery.Shadow},
		{"base paths that were given", "servers: [{url: /v1}]\n", func(d *discovery.Described) { d.BasePaths = []string{"/shop"} }, called("x.com", "GET", "/shop/orders"), discovery.Documented},
		{"not the servers then", "servers: [{url: /v1}]\n", func(d *discovery.Described) { d.BasePaths = []string{"/shop"} }, called("x.com", "GET", "/v1/orders"), discovery.Shadow},
		{"root that was given", "servers: [{url: /v1}]\n", func(d *discovery.Described) { d.BasePaths = []string{""} }, called("x.com", "GET", "/orders"), discovery.Documented},
		{"below the instance", "servers: [{url: /v1}]\n", func(d *discovery.Described) { d.API = "default/a" }, instance(called("x.com", "GET", "/shop/v1/orders"), "default/a", "/shop"), discovery.Documented},
		{"the instance in place of the server", "servers: [{url: /v1}]\n", func(d *discovery.Described) { d.API = "default/a" }, instance(called("x.com", "GET", "/shop/orders"), "default/a", "/shop"), discovery.Documented},
		{"another instance", "", func(d *discovery.Described) { d.API = "default/a" }, instance(called("x.com", "GET", "/orders"), "default/b", ""), discovery.Shadow},
		{"slash at the end", "", nil, called("x.com", "GET", "/orders/"), discovery.Documented},
		{"a word below a template", "", nil, called("x.com", "GET", "/orders/latest"), discovery.Documented},
		{"a template where words are described", "", nil, called("x.com", "GET", "/status/{name}"), discovery.Shadow},
		{"HEAD", "", nil, called("x.com", "HEAD", "/orders"), discovery.Documented},
		{"OPTIONS", "", nil, called("x.com", "OPTIONS", "/orders"), discovery.Documented},
		{"another method", "", nil, called("x.com", "POST", "/orders"), discovery.Shadow},
		{"part of a segment", "", nil, called("x.com", "GET", "/files/{x}.json"), discovery.Documented},
		{"a word in it", "", nil, called("x.com", "GET", "/files/report.json"), discovery.Documented},
		{"not in it", "", nil, called("x.com", "GET", "/files/report.xml"), discovery.Shadow},
		{"other case", "", nil, called("x.com", "GET", "/Orders"), discovery.Shadow},
	}
	for _, c := range cases {
		d := describe(t, "a.yaml", openAPI(c.servers, "/orders", "/orders/{id}", "/status/up", "/status/ready", "/files/{name}.json"))
		if c.change != nil {
			c.change(&d)
		}
		j := judge.Judge(&discovery.Inventory{At: now, Operations: []*discovery.Operation{c.op}}, []discovery.Described{d}, judge.Options{})
		if !j.Operations[0].Is(c.want) {
			t.Errorf("%s: %v (%v); want %s", c.name, j.Operations[0].States, j.Operations[0].Reasons, c.want)
		}
	}
	t.Logf("%d cases", len(cases))
}

func instance(op *discovery.Operation, api, base string) *discovery.Operation {
	op.API, op.BasePath = api, base
	return op
}

// TestHostsTellDescriptionsApart holds that two descriptions with the same paths and
// different hosts are not mistaken for one another.
func TestHostsTellDescriptionsApart(t *testing.T) {
	a := describe(t, "a.yaml", openAPI("servers: [{url: 'https://a.com'}]\n", "/orders"))
	b := describe(t, "b.yaml", openAPI("servers: [{url: 'https://b.com'}]\n", "/items"))
	j := judge.Judge(&discovery.Inventory{At: now, Operations: []*discovery.Operation{called("a.com", "GET", "/orders"), called("a.com", "GET", "/items"), called("b.com", "GET", "/items")}}, []discovery.Described{a, b}, judge.Options{})
	for i, want := range []discovery.State{discovery.Documented, discovery.Shadow, discovery.Documented} {
		if !j.Operations[i].Is(want) {
			t.Errorf("%s: %v; want %s", j.Operations[i].Operation, j.Operations[i].States, want)
		}
	}
}

// TestCoveredWordsAreNoOrphans holds that described words that a learned template covers
// are told as a note.
func TestCoveredWordsAreNoOrphans(t *testing.T) {
	d := describe(t, "a.yaml", openAPI("", "/orders", "/status/up", "/status/ready", "/dead"))
	j := judge.Judge(&discovery.Inventory{At: now, Operations: []*discovery.Operation{called("x.com", "GET", "/orders"), called("x.com", "GET", "/status/{name}")}}, []discovery.Described{d}, judge.Options{})
	if len(j.Orphans) != 1 || j.Orphans[0].Path != "/dead" {
		t.Errorf("orphans: %v", j.Orphans)
	}
	if len(j.Notes) != 1 || j.Notes[0].Kind != judge.TemplateCovers {
		t.Errorf("notes: %v", j.Notes)
	}
}

// TestSchemasOfOpenAPI holds what counts as described.
func TestSchemasOfOpenAPI(t *testing.T) {
	const text = `openapi: 3.1.0
info: {title: A, version: '1'}
paths:
  /a:
    post:
      requestBody:
        content:
          application/json:
            schema:
              allOf:
              - $ref: '#/components/schemas/Base'
              - type: object
                properties: {kind: {type: string}, secret: {type: string, writeOnly: true}}
                required: [kind]
      responses:
        '200':
          description: ok
          content:
            application/json:
              schema:
                oneOf:
                - $ref: '#/components/schemas/Cat'
                - $ref: '#/components/schemas/Dog'
components:
  schemas:
    Base:
      type: object
      required: [id, name]
      properties:
        id: {type: integer, readOnly: true}
        name: {type: string}
        tree: {$ref: '#/components/schemas/Base'}
        map: {type: object, additionalProperties: {type: object, properties: {x: {type: integer}}}}
        free: {type: object, properties: {a: {type: integer}}, additionalProperties: true}
        maybe: {type: [integer, 'null']}
    Cat: {type: object, properties: {purrs: {type: boolean}}, required: [purrs]}
    Dog: {type: object, properties: {barks: {type: boolean}}, required: [barks]}
`
	cases := []struct{ request, reply, want string }{
		{`{"name":"a","kind":"b"}`, `{"purrs":true}`, ""},
		{`{"name":"a","kind":"b","secret":"s","tree":{"id":1,"name":"c","tree":{"name":"d"}}}`, `{"barks":true}`, ""},
		{`{"name":"a","kind":"b","map":{"k":{"x":1}},"free":{"b":2},"maybe":null}`, `{"barks":true}`, ""},
		{`{"name":"a","kind":"b","color":"red"}`, `{"purrs":true}`, "field-undocumented request application/json /color"},
		{`{"name":"a","kind":"b","tree":{"name":"x","color":"red"}}`, `{"purrs":true}`, "field-undocumented request application/json /tree/color"},
		{`{"name":"a","kind":"b"}`, `{"meows":true}`, "field-undocumented 200 application/json /meows"},
		{`{"name":"a"}`, `{"purrs":true}`, "required-missing request application/json /kind"},
		{`{"name":"a","kind":"b","maybe":"x"}`, `{"purrs":true}`, "type-differs request application/json /maybe"},
		{`{"name":7,"kind":"b"}`, `{"purrs":true}`, "type-differs request application/json /name"},
		{`[]`, `{"purrs":true}`, "type-differs request application/json"},
	}
	r := newTraffic(1)
	for _, c := range cases {
		op := called("x.com", "POST", "/a")
		op.Bodies = []*discovery.Body{r.texts(0, c.request, 50)}
		op.Answers = []*discovery.Body{r.texts(200, c.reply, 50)}
		j := judge.Judge(&discovery.Inventory{At: now, Operations: []*discovery.Operation{op}}, []discovery.Described{describe(t, "a.yaml", text)}, judge.Options{})
		var got []string
		for _, d := range j.Operations[0].Drift {
			got = append(got, d.Kind+" "+d.Place)
		}
		if strings.Join(got, ", ") != c.want {
			t.Errorf("%s %s: %q; want %q", c.request, c.reply, got, c.want)
		}
	}
	t.Logf("%d cases", len(cases))
}

// TestNotes holds what is told beyond single operations.
func TestNotes(t *testing.T) {
	d := describe(t, "a.yaml", openAPI("", "/orders", "/orders/{id}"))
	d.API = "default/orders-sys"
	d.Flows = []discovery.Flow{{Name: "get:orders", File: "a.xml", Line: 7, Method: "GET", Path: "/orders"}, {Name: "hidden", File: "a.xml", Line: 20, Method: "POST", Path: "/orders/{id}/purge"}, {Name: "main", Path: "/*"}}
	d.Flows = d.Flows[:2]
	gone := describe(t, "old.yaml", openAPI("servers: [{url: /v0}]\n", "/orders"))
	gone.Superseded, gone.Version = true, "0"
	system := instance(called("sys", "GET", "/orders"), "default/orders-sys", "")
	system.Labels = map[string]string{"layer": "system", "region": "eu"}
	system.Exposure = map[discovery.Exposure]uint64{discovery.Public: 3}
	system.Callers = []*discovery.Consumer{{Kind: "service", Name: "shop-exp", Requests: 9}}
	system.Answers = []*discovery.Body{newTraffic(1).detected(t, `{"email":"ada@example.com"}`)}
	front := instance(called("exp", "GET", "/shop"), "default/shop-exp", "")
	front.Labels = map[string]string{"layer": "experience", "region": "us"}
	front.Services = []*discovery.Downstream{{Name: "10.0.0.7:8080", Requests: 4, Unmanaged: true}}
	zombie := called("x.com", "GET", "/v0/orders")
	zombie.Callers = []*discovery.Consumer{{Kind: "client", Name: "mobile"}}
	hidden := instance(called("sys", "POST", "/orders/{x}/purge"), "default/orders-sys", "")
	j := judge.Judge(&discovery.Inventory{
		At: now, Operations: []*discovery.Operation{system, front, zombie, hidden},
		Edges: []discovery.Edge{{From: "shop-exp", To: "orders-sys", Requests: 5}},
	}, []discovery.Described{d, gone}, judge.Options{Instances: []judge.Instance{{Name: "default/orders-sys"}, {Name: "default/shop-exp"}}})
	var kinds []string
	for _, n := range j.Notes {
		if kinds = append(kinds, n.Kind); n.Text == "" {
			t.Errorf("%s says nothing", n.Kind)
		}
	}
	for _, want := range []string{
		judge.InstanceWithoutSpecification, judge.FlowWithoutOperation, judge.OperationWithoutFlow, judge.UnmanagedUpstream,
		judge.LayerSkipped, judge.SystemCalledFromPublic, judge.RegionCrossed, judge.OldVersionCalled, judge.ZombieCalled,
	} {
		if !slices.Contains(kinds, want) {
			t.Errorf("%s is not told: %v", want, kinds)
		}
	}
	if !strings.Contains(fmt.Sprint(j.Operations[3].Reasons), "hidden of a.yaml implements it (a.xml:20)") {
		t.Errorf("the flow behind a shadow is not told: %v", j.Operations[3].Reasons)
	}
	found := j.Findings()
	for i, f := range found {
		rule, ok := judge.RuleNamed(f.Rule)
		if !ok || f.Fix == "" || f.Message == "" || f.Fingerprint == "" || f.Severity < rule.Severity {
			t.Errorf("finding %+v", f)
		}
		if i > 0 && found[i-1].Severity < f.Severity {
			t.Error("findings are not sorted")
		}
	}
	again := j.Findings()
	if len(found) < 8 || len(again) != len(found) || again[0].Fingerprint != found[0].Fingerprint {
		t.Errorf("%d findings", len(found))
	}
}

// TestRules holds that all rules are complete and told apart.
func TestRules(t *testing.T) {
	seen := map[string]bool{}
	for _, r := range judge.Rules() {
		if seen[r.ID] || r.Title == "" || r.Description == "" || r.Fix == "" || r.Severity == 0 || r.Taxonomy.Empty() || !strings.HasPrefix(r.ID, "DS-") {
			t.Errorf("%+v", r)
		}
		seen[r.ID] = true
	}
	if len(seen) < 25 {
		t.Errorf("%d rules", len(seen))
	}
}
