package spec_test

import (
	"bytes"
	"encoding/json"
	"flag"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/santhosh-tekuri/jsonschema/v6"

	"farrier.dev/farrier/internal/spec"
	"farrier.dev/farrier/internal/spec/openapi"
)

var rounds = flag.Int("rounds", 0, "how often the speed is measured; 0 only runs everything once")

const orders = `
openapi: 3.1.0
info: {title: Orders, version: "1"}
paths:
  /customers/{customer}/orders/{id}:
    get:
      parameters:
      - {name: customer, in: path, required: true, schema: {type: string, maxLength: 20}}
      - {name: id, in: path, required: true, schema: {type: integer, minimum: 1}}
      - {name: limit, in: query, schema: {type: integer, maximum: 100}}
      - {name: sort, in: query, schema: {type: string, enum: [up, down]}}
      - {name: full, in: query, schema: {type: boolean}}
      responses: {200: {description: ok}}
    put:
      parameters:
      - {name: customer, in: path, required: true, schema: {type: string, maxLength: 20}}
      - {name: id, in: path, required: true, schema: {type: integer, minimum: 1}}
      requestBody:
        required: true
        content: {application/json: {schema: {$ref: '#/components/schemas/Order'}}}
      responses:
        200: {description: ok, content: {application/json: {schema: {$ref: '#/components/schemas/Order'}}}}
components:
  schemas:
    Order:
      type: object
      required: [item, lines]
      properties:
        item: {type: string, maxLength: 20}
        ordered: {type: string, format: date-time}
        note: {type: string, maxLength: 200}
        lines:
          type: array
          maxItems: 100
          items:
            type: object
            required: [sku, quantity]
            additionalProperties: false
            properties:
              sku: {type: string, pattern: '^[a-z]+-[0-9]+$'}
              quantity: {type: integer, minimum: 1}
              price: {type: number, multipleOf: 0.01}
`

// kilobyte is a body of about 1 kB for the orders.
func kilobyte() []byte {
	body := `{"item":"nails","ordered":"2024-02-29T10:00:00Z","note":"` + strings.Repeat("x", 100) + `","lines":[`
	for len(body) < 970 {
		body += `{"sku":"nail-100","quantity":200,"price":12.50},`
	}
	return []byte(body[:len(body)-1] + "]}")
}

// contender is one way of judging a message; it must find nothing wrong.
type contender struct {
	name string
	run  func() bool
}

// TestSpeed prints what judging a message costs us and the libraries that we are
// held against, in one run. Figures decide nothing: the machine may be busy.
func TestSpeed(t *testing.T) {
	d, err := openapi.Parse([]byte(orders))
	if err != nil {
		t.Fatal(err)
	}
	c, err := spec.NewChecker(d, spec.Options{Block: everyKind() &^ spec.KindsOf(spec.UnknownProperty), Most: 3})
	if err != nil {
		t.Fatal(err)
	}
	theirs, _ := oracle([]byte(orders))
	if theirs == nil {
		t.Fatal("the oracle can't read the description")
	}
	body := kilobyte()
	const path, query = "/customers/acme/orders/77", "limit=10&sort=up&full=true"
	header := func(name string) string { return map[string]string{"content-type": "application/json"}[name] }
	get := &spec.Request{Method: "GET", Path: path, Query: query, Header: header}
	put := &spec.Request{Method: "PUT", Path: path, Header: header, Body: body}
	op := c.Check(put).Operation
	answer := &spec.Answer{Status: 200, Header: header, Body: body}
	request := func(method, query string, body []byte) *http.Request {
		r, err := http.NewRequest(method, "http://example.com"+path+"?"+query, bytes.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		if body != nil {
			r.Header.Set("Content-Type", "application/json")
		}
		return r
	}
	library := libraryOnly(t, d)
	for _, group := range [][]contender{
		{
			{"GET, 2 path and 3 query parameters", func() bool { return len(c.Check(get).Violations) == 0 }},
			{"  libopenapi-validator", func() bool { ok, _ := theirs.ValidateHttpRequestSync(request("GET", query, nil)); return ok }},
		},
		{
			{fmt.Sprintf("PUT, %d bytes of JSON", len(body)), func() bool { return len(c.Check(put).Violations) == 0 }},
			{"  libopenapi-validator", func() bool { ok, _ := theirs.ValidateHttpRequestSync(request("PUT", "", body)); return ok }},
			{"  santhosh-tekuri/jsonschema, the body alone", func() bool { return library(body) }},
		},
		{
			{"answer of the same body", func() bool { return len(c.CheckAnswer(op, answer).Violations) == 0 }},
		},
	} {
		compare(t, group)
	}
}

// libraryOnly reads and judges a body by santhosh-tekuri/jsonschema.
func libraryOnly(t *testing.T, d *spec.Description) func([]byte) bool {
	t.Helper()
	c := jsonschema.NewCompiler()
	c.AssertFormat()
	if err := c.AddResource("test:x", map[string]any{"$defs": map[string]any(d.Definitions)}); err != nil {
		t.Fatal(err)
	}
	for i := range d.Operations {
		if b := d.Operations[i].Body; b != nil {
			s, err := c.Compile("test:x#/$defs/" + b.Content[0].Schema.Name)
			if err != nil {
				t.Fatal(err)
			}
			return func(body []byte) bool {
				v, err := jsonschema.UnmarshalJSON(bytes.NewReader(body))
				return err == nil && s.Validate(v) == nil
			}
		}
	}
	t.Fatal("there is no body")
	return nil
}

func compare(t *testing.T, group []contender) {
	t.Helper()
	best := make([]time.Duration, len(group))
	for _, one := range group {
		if !one.run() {
			t.Fatalf("%s finds something wrong", one.name)
		}
	}
	for range *rounds {
		for k, one := range group {
			const n = 300
			began := time.Now()
			for range n {
				one.run()
			}
			if took := time.Since(began) / n; best[k] == 0 || took < best[k] {
				best[k] = took
			}
		}
	}
	for k, one := range group {
		allocs := testing.AllocsPerRun(20, func() { one.run() })
		if *rounds == 0 {
			t.Logf("%-46s %5.0f allocations", one.name, allocs)
			continue
		}
		t.Logf("%-46s %9v %5.0f allocations %8.1f times ours", one.name, best[k], allocs, float64(best[k])/float64(best[0]))
	}
}

// TestGetAllocates holds that a request without a body costs no memory.
func TestGetAllocates(t *testing.T) {
	d, err := openapi.Parse([]byte(orders))
	if err != nil {
		t.Fatal(err)
	}
	c, err := spec.NewChecker(d, spec.Options{Most: 3})
	if err != nil {
		t.Fatal(err)
	}
	body := kilobyte()
	if !json.Valid(body) {
		t.Fatal("the body is no JSON")
	}
	for _, r := range []*spec.Request{
		{Method: "GET", Path: "/customers/acme/orders/77", Query: "limit=10&sort=up&full=true"},
		{Method: "PUT", Path: "/customers/acme/orders/77", Body: body},
	} {
		r.Header = func(string) string { return "application/json" }
		c.Check(r)
		// The pool may be emptied in between.
		if n := testing.AllocsPerRun(100, func() { c.Check(r) }); n > 1 {
			t.Errorf("%s: %v allocations", r.Method, n)
		}
	}
}
