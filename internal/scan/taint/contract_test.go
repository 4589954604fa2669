package taint

import (
	"slices"
	"strings"
	"testing"
)

const ordersRAML = `#%RAML 1.0
title: orders
types:
  Order:
    type: object
    properties:
      number: integer
      name: string
      kind:
        enum: [a, b]
      items:
        type: array
        items:
          type: object
          properties:
            count: integer
            what: string
/orders:
  get:
    queryParameters:
      limit:
        type: integer
      code:
        type: string
        pattern: ^[A-Z]{3}$
      loose:
        type: string
        pattern: "[A-Z]"
      name:
        type: string
    headers:
      X-Shop:
        enum: [north, south]
  post:
    body:
      application/json:
        type: Order
  /{id}:
    uriParameters:
      id:
        type: integer
    get:
  /by-name/{name}:
    get:
`

const ordersOAS = `openapi: 3.0.0
info: {title: orders, version: "1"}
paths:
  /orders:
    get:
      parameters:
        - {name: limit, in: query, schema: {type: integer}}
        - {name: code, in: query, schema: {type: string, pattern: "^[A-Z]{3}$"}}
        - {name: loose, in: query, schema: {type: string, pattern: "[A-Z]"}}
        - {name: name, in: query, schema: {type: string}}
        - {name: X-Shop, in: header, schema: {type: string, enum: [north, south]}}
      responses: {"200": {description: ok}}
    post:
      requestBody:
        content:
          application/json:
            schema: {$ref: "#/components/schemas/Order"}
      responses: {"200": {description: ok}}
  /orders/{id}:
    get:
      parameters: [{name: id, in: path, required: true, schema: {type: integer}}]
      responses: {"200": {description: ok}}
  /orders/by-name/{name}:
    get:
      parameters: [{name: name, in: path, required: true, schema: {type: string}}]
      responses: {"200": {description: ok}}
components:
  schemas:
    Order:
      type: object
      properties:
        number: {type: integer}
        name: {type: string}
        kind: {type: string, enum: [a, b]}
        items:
          type: array
          items: {type: object, properties: {count: {type: integer}, what: {type: string}}}
`

// routedXML is an application whose router calls one flow with one statement.
func routedXML(config, flow, part string) string {
	return `<apikit:config name="api-config" api="api/orders.FORM" ` + config + `/>` +
		`<flow name="main"><http:listener path="/api/*"/><apikit:router config-ref="api-config"/></flow>` +
		`<flow name="` + flow + `:api-config">` + "\n" +
		`<db:select><db:sql><![CDATA[#["SELECT * FROM t WHERE a = '$(` + part + `)'"]]]></db:sql></db:select></flow>`
}

func TestContract(t *testing.T) {
	cases := []struct {
		name, config, flow, part string
		hit                      bool
	}{
		{name: "an integer in the path", flow: `get:\orders\(id)`, part: "attributes.uriParams.id"},
		{name: "an integer in the path, quoted", flow: `get:\orders\(id)`, part: "attributes.uriParams.'id'"},
		{name: "a text in the path", flow: `get:\orders\by-name\(name)`, part: "attributes.uriParams.name", hit: true},
		{name: "no validation", config: `disableValidations="true"`, flow: `get:\orders\(id)`, part: "attributes.uriParams.id", hit: true},
		{name: "an integer in the query", flow: `get:\orders`, part: "attributes.queryParams.limit"},
		{name: "a pattern in the query", flow: `get:\orders`, part: "attributes.queryParams.code"},
		{name: "a loose pattern", flow: `get:\orders`, part: "attributes.queryParams.loose", hit: true},
		{name: "a text in the query", flow: `get:\orders`, part: "attributes.queryParams.name", hit: true},
		{name: "not declared", flow: `get:\orders`, part: "attributes.queryParams.other", hit: true},
		{name: "not declared, strict", config: `queryParamsStrictValidation="true"`, flow: `get:\orders`, part: "attributes.queryParams.other"},
		{name: "a text in the query, strict", config: `queryParamsStrictValidation="true"`, flow: `get:\orders`, part: "attributes.queryParams.name", hit: true},
		{name: "a header", flow: `get:\orders`, part: "attributes.headers.'x-shop'"},
		{name: "another header", flow: `get:\orders`, part: "attributes.headers.'x-other'", hit: true},
		{name: "a number in the body", flow: `post:\orders:application\json`, part: "payload.number"},
		{name: "a number in the body, with no media type in the name", flow: `post:\orders`, part: "payload.number"},
		{name: "one of a list in the body", flow: `post:\orders:application\json`, part: "payload.kind"},
		{name: "a text in the body", flow: `post:\orders:application\json`, part: "payload.name", hit: true},
		{name: "not declared in the body", flow: `post:\orders:application\json`, part: "payload.other", hit: true},
		{name: "a number in a list", flow: `post:\orders:application\json`, part: "payload.items[0].count"},
		{name: "a text in a list", flow: `post:\orders:application\json`, part: "payload.items[0].what", hit: true},
		{name: "numbers of a list", flow: `post:\orders:application\json`, part: "(payload.items map $.count)[0]"},
		{name: "texts of a list", flow: `post:\orders:application\json`, part: "(payload.items map $.what)[0]", hit: true},
	}
	played := 0
	for form, text := range map[string]string{"raml": ordersRAML, "yaml": ordersOAS} {
		for _, c := range cases {
			t.Run(form+"/"+c.name, func(t *testing.T) {
				played++
				r := analysed(t, projectCase{
					xml:   strings.ReplaceAll(routedXML(c.config, c.flow, c.part), "FORM", form),
					files: map[string]string{"src/main/resources/api/orders." + form: text},
				})
				want := []string{}
				// RAML means the whole text by a pattern.
				if c.hit && (form != "raml" || c.name != "a loose pattern") {
					want = []string{"SQL 2"}
				}
				if got := outcomeOf(r, "SQL"); !slices.Equal(got, want) {
					t.Errorf("got %q, want %q", got, want)
				}
			})
		}
	}
	t.Logf("%d cases", played)
	if played < 40 {
		t.Error("too few")
	}
}

func TestContractNeedsRouter(t *testing.T) {
	xml := strings.ReplaceAll(routedXML("", `get:\orders\(id)`, "attributes.uriParams.id"), "FORM", "raml")
	xml = strings.Replace(xml, `path="/api/*"/><apikit:router config-ref="api-config"/>`, `path="/api/orders/{id}"/><flow-ref name="get:\orders\(id):api-config"/>`, 1)
	r := analysed(t, projectCase{xml: xml, files: map[string]string{"src/main/resources/api/orders.raml": ordersRAML}})
	if got := outcomeOf(r, "SQL"); !slices.Equal(got, []string{"SQL 2"}) {
		t.Errorf("got %q", got)
	}
}
