package spec_test

import (
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"

	"farrier.dev/farrier/internal/spec"
	"farrier.dev/farrier/internal/spec/openapi"
)

const shop = `
openapi: 3.1.0
info: {title: Shop, version: "1"}
paths:
  /orders/{id}:
    get:
      deprecated: true
      parameters:
      - {name: id, in: path, required: true, schema: {type: integer}}
      - {name: limit, in: query, required: true, schema: {type: integer}}
      - {name: X-Tenant, in: header, schema: {type: string}}
      - {name: session, in: cookie, schema: {type: string}}
      security: [{key: [], basic: []}, {token: [orders]}]
      responses:
        200:
          description: ok
          content: {application/json: {schema: {$ref: '#/components/schemas/Order'}}}
        4XX: {description: no}
    put:
      parameters: [{name: id, in: path, required: true, schema: {type: integer}}]
      requestBody:
        required: true
        content:
          application/json: {schema: {$ref: '#/components/schemas/Order'}}
          application/x-www-form-urlencoded: {schema: {$ref: '#/components/schemas/Order'}}
          multipart/form-data: {schema: {$ref: '#/components/schemas/Order'}}
          application/xml: {schema: {type: object}}
      responses: {default: {description: any}}
components:
  securitySchemes:
    key: {type: apiKey, in: query, name: api_key}
    basic: {type: http, scheme: Basic}
    token: {type: oauth2, flows: {clientCredentials: {tokenUrl: 'https://x.example/t', scopes: {orders: x}}}}
  schemas:
    Order:
      type: object
      required: [item]
      properties:
        item: {type: string, maxLength: 5}
        count: {type: integer}
        tags: {type: array, items: {type: string}}
        address: {type: object, properties: {city: {type: string}}, required: [city]}
        photo: {type: string, maxLength: 2}
        secret: {type: string, writeOnly: true}
`

// ask writes a request as "METHOD path?query", its headers, and its body, parted
// by "|".
func ask(text string) *spec.Request {
	parts := strings.SplitN(text, "|", 3)
	method, target, _ := strings.Cut(parts[0], " ")
	path, query, _ := strings.Cut(target, "?")
	headers := map[string]string{}
	if len(parts) > 1 {
		for line := range strings.SplitSeq(parts[1], ";;") {
			if name, value, ok := strings.Cut(line, ":"); ok {
				headers[strings.TrimSpace(name)] = strings.TrimSpace(value)
			}
		}
	}
	r := &spec.Request{Method: method, Path: path, Query: query, Header: func(name string) string { return headers[name] }}
	r.Names = mapKeys(headers)
	if len(parts) > 2 {
		r.Body = []byte(strings.ReplaceAll(parts[2], "\n", "\r\n"))
	}
	return r
}

func shopChecker(t testing.TB, o spec.Options) *spec.Checker {
	t.Helper()
	d, err := openapi.Parse([]byte(shop))
	if err != nil {
		t.Fatal(err)
	}
	c, err := spec.NewChecker(d, o)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func everyKind() spec.KindSet { return spec.KindsOf(spec.Kinds()...) }

// TestKinds holds which kind of violation each request has, and that it is told
// where it is blocked, watched where it is watched, and not looked for otherwise.
func TestKinds(t *testing.T) {
	const good = "GET /orders/7?limit=1&api_key=k|authorization: Basic dTpw"
	met := map[spec.Kind]bool{}
	for _, c := range []struct{ request, kind, want string }{
		{good, "", ""},
		{"GET /orders/7?limit=1|authorization: bearer abc", "", ""},
		{"GET /nothing", "unknown-path", "path: not described"},
		{"DELETE /orders/7", "unknown-method", "method: not described for this path"},
		{good + ";; x-tenant: a;; user-agent: b;; x-other: c", "unknown-header", "header x-other: not described"},
		{good + ";; cookie: session=1; other=2", "unknown-cookie", "cookie other: not described"},
		{"GET /orders/7?limit=1&other=2|authorization: Bearer x", "unknown-parameter", "query other: not described"},
		{"GET /orders/7?api_key=x|authorization: Bearer x", "missing-parameter", "query limit: required, but missing"},
		{"GET /orders/x?limit=1|authorization: Bearer x", "malformed-parameter", "path id: must be integer, not string"},
		{"GET /orders/7?limit=1&limit=2|authorization: Bearer x", "malformed-parameter", "query limit: stands more than once"},
		{"GET /orders/7?limit=1|", "missing-credential", "security: no credentials of a scheme that is described"},
		{"GET /orders/7?limit=1|authorization: Basic dTpw", "missing-credential", "security: no credentials of a scheme that is described"},
		{"GET /orders/7?limit=1&api_key=|authorization: Basic dTpw", "missing-credential", "security: no credentials of a scheme that is described"},
		{"GET /orders/7?limit=1|authorization: Bearer x|{}", "undescribed-body", "body: no body is described for this operation"},
		{"PUT /orders/7|content-type: text/csv|a,b", "content-type", "header content-type: not described for this operation"},
		{"PUT /orders/7|content-type: application/json; x|{}", "content-type", "header content-type: missing or malformed"},
		{"PUT /orders/7", "missing-body", "body: required, but missing"},
		{"PUT /orders/7|content-type: application/json|{", "malformed-body", "body: not JSON: unexpected end of the document"},
		{"PUT /orders/7|content-type: application/json|{}", "body-schema", "body: required, but missing: item"},
		{"PUT /orders/7|content-type: application/json;charset=UTF-8|{\"item\":\"nails\",\"x\":1}", "unknown-property", "body /x: not described"},
		{"PUT /orders/7|content-type: application/x-www-form-urlencoded|item=nails&count=3&tags=a&tags=b&address=%7B%22city%22:%22Bern%22%7D", "", ""},
		{"PUT /orders/7|content-type: application/x-www-form-urlencoded|item=nails&count=x", "body-schema", "body /count: must be integer, not string"},
		{"PUT /orders/7|content-type: application/x-www-form-urlencoded|item=hammer", "body-schema", "body /item: must have at most 5 characters"},
		{"PUT /orders/7|content-type: application/x-www-form-urlencoded|item=a&item=b", "malformed-body", "body: stands more than once"},
		{"PUT /orders/7|content-type: application/x-www-form-urlencoded|item=%zz", "malformed-body", "body: is not encoded as it should be"},
		{"PUT /orders/7|content-type: application/x-www-form-urlencoded|item=a&address=%7B%7D", "body-schema", "body /address: required, but missing: city"},
		{"PUT /orders/7|content-type: multipart/form-data; boundary=b|--b\nContent-Disposition: form-data; name=\"item\"\n\nnails\n--b\nContent-Disposition: form-data; name=\"photo\"; filename=\"x\"\n\n\xff\xfe and more\n--b--\n", "", ""},
		{"PUT /orders/7|content-type: multipart/form-data; boundary=b|--b\nContent-Disposition: form-data; name=\"tags\"\n\na\n--b--\n", "body-schema", "body: required, but missing: item"},
		{"PUT /orders/7|content-type: multipart/form-data; boundary=b|--b\nContent-Disposition: form-data; name=\"item\"; filename=\"x\"\n\nhammer\n--b--\n", "body-schema", "body /item: must have at most 5 characters"},
		{"PUT /orders/7|content-type: multipart/form-data|x", "malformed-body", "body: the boundary of the parts is missing or malformed"},
	} {
		kind, known := spec.KindNamed(c.kind)
		blocking := shopChecker(t, spec.Options{Block: everyKind(), Most: 3}).Check(ask(c.request))
		if got := first(blocking.Violations); got != c.want || len(blocking.Violations) > 1 || c.want != "" && (!known || blocking.Violations[0].Kind != kind) {
			t.Errorf("%.100s: %v, want %s %q", c.request, blocking.Violations, c.kind, c.want)
			continue
		}
		if c.want == "" {
			continue
		}
		met[kind] = true
		watching := shopChecker(t, spec.Options{Block: everyKind() &^ spec.KindsOf(kind), Watch: spec.KindsOf(kind), Most: 3}).Check(ask(c.request))
		if len(watching.Violations) > 0 || !slices.Equal(watching.Watched, blocking.Violations) {
			t.Errorf("%.100s watched: %+v", c.request, watching)
		}
		without := shopChecker(t, spec.Options{Block: everyKind() &^ spec.KindsOf(kind), Most: 3}).Check(ask(c.request))
		if len(without.Violations)+len(without.Watched) > 0 {
			t.Errorf("%.100s not looked for: %+v", c.request, without)
		}
	}
	if t.Logf("met %d kinds", len(met)); len(met) != 14 {
		t.Errorf("all kinds of requests should be met: %v", met)
	}
}

func first(all []spec.Violation) string {
	if len(all) == 0 {
		return ""
	}
	return all[0].String()
}

// TestWatchedDoesNotHide holds that violations that are watched take no place of
// those that are blocked.
func TestWatchedDoesNotHide(t *testing.T) {
	c := shopChecker(t, spec.Options{Block: spec.KindsOf(spec.BodySchema), Watch: everyKind() &^ spec.KindsOf(spec.BodySchema), Most: 1})
	res := c.Check(ask("PUT /orders/x?a=1&b=2|content-type: application/json|{}"))
	if len(res.Violations) != 1 || len(res.Watched) != 1 {
		t.Errorf("%+v", res)
	}
}

// TestAnswers holds how answers are judged.
func TestAnswers(t *testing.T) {
	c := shopChecker(t, spec.Options{Block: everyKind(), Most: 3})
	op := c.Check(ask("GET /orders/7?limit=1|authorization: bearer abc")).Operation
	if op == nil || !op.Deprecated {
		t.Fatal("the operation is not found, or not deprecated")
	}
	for _, x := range []struct {
		status          int
		kind, body, why string
		bodiless        bool
	}{
		{200, "application/json", `{"item":"nails"}`, "", false},
		{200, "application/json", `{"item":"nails","count":"3"}`, "response-body body /count: must be integer, not string", false},
		{200, "application/json", `{"item":"nails"`, "response-body body: not JSON: unexpected end of the document", false},
		{200, "", ``, "response-body body: described, but missing", false},
		{200, "text/html", `<p>`, "response-content-type header content-type: not described for this answer", false},
		{200, "text", `<p>`, "response-content-type header content-type: missing or malformed", false},
		{404, "text/html", `<p>`, "", false},
		{500, "text/html", `<p>`, "unknown-status status: 500 is not described for this operation", false},
		{200, "", ``, "", true},
	} {
		res := c.CheckAnswer(op, &spec.Answer{Status: x.status, Body: []byte(x.body), Bodiless: x.bodiless, Header: func(name string) string {
			if name == "content-type" {
				return x.kind
			}
			return ""
		}})
		got := ""
		if len(res.Violations) > 0 {
			got = fmt.Sprint(res.Violations[0].Kind, " ", res.Violations[0])
		}
		if got != x.why {
			t.Errorf("%d %s %s: %q, want %q", x.status, x.kind, x.body, got, x.why)
		}
	}
	if res := c.CheckAnswer(&spec.Operation{}, &spec.Answer{}); len(res.Violations) > 0 {
		t.Error("an operation of another description is judged")
	}
}

// TestAnswerHeaders holds that headers of answers are judged.
func TestAnswerHeaders(t *testing.T) {
	d := &spec.Description{Definitions: definitions, Operations: []spec.Operation{{Method: "GET", Path: "/a", Responses: []spec.Response{{
		From: 200, To: 200, Headers: []spec.Parameter{
			{Name: "X-Count", In: spec.InHeader, Style: spec.Simple, Required: true, Schema: spec.Schema{Name: "integer"}},
			{Name: "X-Numbers", In: spec.InHeader, Style: spec.Simple, Schema: spec.Schema{Name: "numbers"}},
		},
	}}}}}
	c, err := spec.NewChecker(d, spec.Options{Block: everyKind(), Most: 3})
	if err != nil {
		t.Fatal(err)
	}
	for text, want := range map[string]string{
		"x-count: 3":                  "",
		"x-count: 3;;x-numbers: 1, 2": "",
		"x-count: 3;;x-numbers: 1, a": "header X-Numbers /1: must be integer, not string",
		"x-count: many":               "header X-Count: must be integer, not string",
		"x-numbers: 1":                "header X-Count: required, but missing",
	} {
		res := c.CheckAnswer(&d.Operations[0], &spec.Answer{Status: 200, Header: ask("GET /a|" + text).Header})
		if got := first(res.Violations); got != want {
			t.Errorf("%s: %q, want %q", text, got, want)
		}
	}
}

// TestConcurrent holds that messages judged at the same time don't meet.
func TestConcurrent(t *testing.T) {
	c := shopChecker(t, spec.Options{Block: everyKind(), Most: 3})
	var all sync.WaitGroup
	for worker := range 8 {
		all.Go(func() {
			for i := range 200 {
				name := strings.Repeat(string(rune('a'+worker)), 6+i%3)
				res := c.Check(ask(`PUT /orders/7|content-type: application/json|{"item":"nails","count":1,"` + name + `":"` + name + `"}`))
				if got, want := first(res.Violations), "body /"+name+": not described"; got != want {
					t.Errorf("%q, want %q", got, want)
				}
			}
		})
	}
	all.Wait()
}
