package diff_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"farrier.dev/farrier/internal/spec"
	"farrier.dev/farrier/internal/spec/diff"
)

// sorted gives changes by class, kind and place, for comparison.
func sorted(changes []diff.Change) []diff.Change {
	out := slices.Clone(changes)
	slices.SortFunc(out, func(a, b diff.Change) int { return strings.Compare(brief([]diff.Change{a}), brief([]diff.Change{b})) })
	return out
}

func sortedText(text string) string {
	parts := strings.Split(text, "; ")
	slices.Sort(parts)
	return strings.Join(parts, "; ")
}

// reversible holds that a change back does the opposite at the same places, and
// that a description is not different from itself.
func reversible(t testing.TB, name string, old, updated *spec.Description) {
	t.Helper()
	effects := func(changes []diff.Change, reversed bool) string {
		var out []string
		for _, c := range changes {
			e := c.Effect
			if reversed {
				e = e.Reversed()
			}
			if e != diff.Neither {
				out = append(out, fmt.Sprint(e, " ", c.Place))
			}
		}
		slices.Sort(out)
		return strings.Join(out, "; ")
	}
	there, back := diff.Compare(old, updated), diff.Compare(updated, old)
	if a, b := effects(there, false), effects(back, true); a != b {
		t.Errorf("%s: there %q, back %q\n%v\n%v", name, a, b, there, back)
	}
	for _, d := range []*spec.Description{old, updated} {
		if same := diff.Compare(d, d); len(same) > 0 {
			t.Errorf("%s: a description differs from itself: %v", name, same)
		}
	}
}

const base = `openapi: 3.0.3
info: {title: Orders, version: "1"}
servers:
  - url: https://api.example/v1
  - url: https://eu.api.example/v1/
security:
  - oauth: [read, write]
paths:
  /orders:
    get:
      operationId: listOrders
      parameters:
        - {name: limit, in: query, schema: {type: integer, maximum: 100}}
        - {name: state, in: query, required: true, schema: {type: string}}
        - {name: ids, in: query, schema: {type: array, items: {type: string}}}
        - {name: X-Trace, in: header, schema: {type: string}}
        - {name: filter, in: query, content: {application/json: {schema: {type: object}}}}
        - {name: empty, in: query, allowEmptyValue: true, schema: {type: string}}
      responses:
        "200": {description: ok, content: {application/json: {schema: {$ref: '#/components/schemas/Orders'}}}}
        4XX: {description: wrong, content: {application/json: {schema: {$ref: '#/components/schemas/Problem'}}}}
        default: {description: broken, content: {application/json: {schema: {$ref: '#/components/schemas/Problem'}}}}
    post:
      requestBody:
        content:
          application/json: {schema: {$ref: '#/components/schemas/Order'}}
          text/csv: {schema: {type: string, maxLength: 1000}}
      responses:
        "201": {description: made}
        "409": {description: there}
  /orders/{id}:
    parameters:
      - {name: id, in: path, required: true, schema: {type: string, maxLength: 36}}
    get:
      deprecated: true
      security: [{oauth: [read], key: []}, {basic: []}]
      responses:
        "200": {description: ok, content: {application/json: {schema: {$ref: '#/components/schemas/Order'}}}}
    delete:
      security: [{}]
      responses:
        "204": {description: gone, headers: {X-Rest: {required: true, schema: {type: integer}}, Link: {schema: {type: string}}}}
components:
  securitySchemes:
    oauth: {type: oauth2, flows: {}}
    key: {type: apiKey, in: header, name: X-Key}
    basic: {type: http, scheme: basic}
    spare: {type: http, scheme: bearer}
  schemas:
    Order:
      type: object
      required: [id]
      properties:
        id: {type: string, maxLength: 36, readOnly: true}
        note: {type: string, maxLength: 500}
        parent: {$ref: '#/components/schemas/Order'}
    Orders: {type: array, items: {$ref: '#/components/schemas/Order'}}
    Problem: {type: object, properties: {error: {type: string}}}
`

// operationCases are edits of base, lines as "what it was => what it is".
func operationCases() []struct{ name, edit, want string } {
	return []struct{ name, edit, want string }{
		{"nothing", "", ""},
		{"another title", "title: Orders => title: Sales", ""},
		{"an operation is gone", "    delete:\n      security: [{}]\n      responses:\n        \"204\": {description: gone, headers: {X-Rest: {required: true, schema: {type: integer}}, Link: {schema: {type: string}}}}\n => ", "breaking operation-removed DELETE /orders/{id}"},
		{"an operation is new", "    delete:\n => %post: {responses: {\"200\": {description: d}}}\n    delete:\n", "harmless operation-added POST /orders/{id}"},
		{"an open operation is new", "    delete:\n => %post: {security: [], responses: {\"200\": {description: d}}}\n    delete:\n", "security operation-added-without-security POST /orders/{id}; harmless operation-added POST /orders/{id}"},
		{"another path", "/orders/{id}: => /order/{id}:", "breaking operation-removed DELETE /orders/{id}; breaking operation-removed GET /orders/{id}; harmless operation-added DELETE /order/{id}; harmless operation-added GET /order/{id}; security operation-added-without-security DELETE /order/{id}"},
		{"another name in the path", "/orders/{id}: => /orders/{order}:\nname: id, => name: order,", "harmless path-parameter-renamed DELETE /orders/{order} path order; harmless path-parameter-renamed GET /orders/{order} path order"},
		{"deprecated", "      operationId: listOrders => %  operationId: listOrders\n      deprecated: true", "harmless operation-deprecated GET /orders"},
		{"no longer deprecated", "      deprecated: true\n => ", "harmless operation-no-longer-deprecated GET /orders/{id}"},
		{"another id", "listOrders => getOrders", "harmless operation-id-changed GET /orders"},

		{"a parameter is gone", "        - {name: limit, in: query, schema: {type: integer, maximum: 100}}\n => ", "breaking parameter-removed GET /orders query limit"},
		{"a parameter is new", "        - {name: limit => %    - {name: page, in: query, schema: {type: integer}}\n        - {name: limit", "harmless parameter-added GET /orders query page"},
		{"a required parameter is new", "        - {name: limit => %    - {name: page, in: query, required: true, schema: {type: integer}}\n        - {name: limit", "breaking parameter-added GET /orders query page"},
		{"a secret in the query", "        - {name: limit => %    - {name: access_token, in: query, schema: {type: string}}\n        - {name: limit", "security secret-in-query-added GET /orders query access_token; harmless parameter-added GET /orders query access_token"},
		{"a parameter became required", "name: limit, in: query, => name: limit, in: query, required: true,", "breaking parameter-required GET /orders query limit"},
		{"a parameter became optional", "name: state, in: query, required: true => name: state, in: query, required: false", "harmless parameter-optional GET /orders query state"},
		{"a parameter moved", "name: limit, in: query => name: limit, in: header", "breaking parameter-removed GET /orders query limit; harmless parameter-added GET /orders header limit"},
		{"a bound is narrower", "maximum: 100 => maximum: 99", "breaking bound-changed GET /orders query limit"},
		{"a bound is wider", "maximum: 100 => maximum: 101", "harmless bound-changed GET /orders query limit"},
		{"a bound is gone", "{type: integer, maximum: 100} => {type: integer}", "security bound-removed GET /orders query limit"},
		{"a type is another", "{type: integer, maximum: 100} => {type: string}", "breaking type-changed GET /orders query limit"},
		{"a list is written otherwise", "name: ids, in: query, => name: ids, in: query, explode: false,", "breaking parameter-style-changed GET /orders query ids"},
		{"a list has another separator", "name: ids, in: query, => name: ids, in: query, style: pipeDelimited, explode: true,", "breaking parameter-style-changed GET /orders query ids"},
		{"a text is written otherwise", "name: state, in: query, => name: state, in: query, explode: false,", ""},
		{"a header in other letters", "X-Trace => x-trace", ""},
		{"another media type of a parameter", "name: filter, in: query, content: {application/json: => name: filter, in: query, content: {text/plain:", "breaking parameter-media-type-changed GET /orders query filter"},
		{"a parameter's document", "{application/json: {schema: {type: object}}} => {application/json: {schema: {type: object, required: [a]}}}", "breaking property-required GET /orders query filter /a"},
		{"an empty value", "allowEmptyValue: true, => ", "breaking parameter-empty-value-changed GET /orders query empty"},
		{"a template's bound", "schema: {type: string, maxLength: 36}} => schema: {type: string}}", "security bound-removed GET /orders/{id} path id; security bound-removed DELETE /orders/{id} path id"},

		{"no body", "      requestBody:\n        content:\n          application/json: {schema: {$ref: '#/components/schemas/Order'}}\n          text/csv: {schema: {type: string, maxLength: 1000}}\n => ", "breaking body-removed POST /orders body"},
		{"a body", "      deprecated: true => %  deprecated: true\n      requestBody: {content: {application/json: {schema: {}}}}", "harmless body-added GET /orders/{id} body"},
		{"a required body", "      deprecated: true => %  deprecated: true\n      requestBody: {required: true, content: {application/json: {schema: {}}}}", "breaking body-added GET /orders/{id} body"},
		{"the body is required", "requestBody:\n => requestBody:\n        required: true\n", "breaking body-required POST /orders body"},
		{"a media type is gone", "          text/csv: {schema: {type: string, maxLength: 1000}}\n => ", "breaking media-type-removed POST /orders body text/csv"},
		{"a media type is new", "          text/csv: => %      application/xml: {schema: {type: object}}\n          text/csv:", "harmless media-type-added POST /orders body application/xml"},
		{"a wider media type", "text/csv: => text/*:", "harmless media-type-added POST /orders body text/*"},
		{"a media type's schema", "maxLength: 1000 => maxLength: 999", "breaking bound-changed POST /orders body text/csv"},

		{"a success is gone", "\"201\": {description: made}\n        => ", "breaking response-removed POST /orders response 201"},
		{"an error is gone", "        \"409\": {description: there}\n => ", "harmless response-removed POST /orders response 409"},
		{"a success is new", "\"201\": {description: made} => \"201\": {description: made}\n        \"202\": {description: later}", "harmless response-added POST /orders response 202"},
		{"a response that gives out a secret", "\"201\": {description: made} => \"201\": {description: made}\n        \"202\": {description: later, content: {application/json: {schema: {type: object, properties: {password: {}}}}}}", "harmless response-added POST /orders response 202; security sensitive-property-in-response POST /orders response 202 /password"},
		{"the default is gone", "        default: {description: broken, content: {application/json: {schema: {$ref: '#/components/schemas/Problem'}}}}\n => ", "harmless response-removed GET /orders response default"},
		{"a range is gone, but for the default", "        4XX: {description: wrong, content: {application/json: {schema: {$ref: '#/components/schemas/Problem'}}}}\n => ", ""},
		{"a code of a range", "        4XX: => %    \"404\": {description: none, content: {application/json: {schema: {type: object, required: [error], properties: {error: {type: string}}}}}}\n        4XX:", "harmless property-required GET /orders response 404 application/json /error"},
		{"a response without content", "\"200\": {description: ok, content: {application/json: {schema: {$ref: '#/components/schemas/Orders'}}}} => \"200\": {description: ok}", "breaking media-type-removed GET /orders response 200 application/json"},
		{"a response with content", "\"201\": {description: made} => \"201\": {description: made, content: {application/json: {schema: {type: object, properties: {secret: {}}}}}}", "harmless media-type-added POST /orders response 201 application/json; security sensitive-property-in-response POST /orders response 201 application/json /secret"},
		{"no header", ", Link: {schema: {type: string}}} => }", "breaking response-header-removed DELETE /orders/{id} response 204 header Link"},
		{"a header", ", Link: {schema: {type: string}}} => , Link: {schema: {type: string}}, Age: {}}", "harmless response-header-added DELETE /orders/{id} response 204 header Age"},
		{"a header is optional", "X-Rest: {required: true, => X-Rest: {", "breaking response-header-optional DELETE /orders/{id} response 204 header X-Rest"},
		{"a header is required", "Link: { => Link: {required: true, ", "harmless response-header-required DELETE /orders/{id} response 204 header Link"},
		{"another type of a header", "{type: integer}}, Link => {type: number}}, Link", "breaking type-changed DELETE /orders/{id} response 204 header X-Rest"},
		{"a header in other letters", "X-Rest: => x-rest:", ""},
		{"a header as a document", "{schema: {type: string}}} => {content: {application/json: {schema: {type: string}}}}}", "breaking response-header-media-type-changed DELETE /orders/{id} response 204 header Link"},
		{"a response no longer described", "{application/json: {schema: {$ref: '#/components/schemas/Orders'}}} => {application/json: {}}", "breaking schema-removed GET /orders response 200 application/json"},

		{"a shared schema", "note: {type: string, maxLength: 500} => note: {type: string, maxLength: 600}", "breaking bound-changed GET /orders response 200 application/json /[]/note; breaking bound-changed GET /orders/{id} response 200 application/json /note; harmless bound-changed POST /orders body application/json /note"},
		{"what is only read", "id: {type: string, maxLength: 36, readOnly: true} => id: {type: string, maxLength: 30, readOnly: true}", "harmless bound-changed GET /orders response 200 application/json /[]/id; harmless bound-changed GET /orders/{id} response 200 application/json /id"},

		{"no security", "      security: [{oauth: [read], key: []}, {basic: []}] => %  security: []", "security security-removed GET /orders/{id} security"},
		{"security is optional", "{basic: []}] => {basic: []}, {}]", "security security-removed GET /orders/{id} security"},
		{"security everywhere gone", "security:\n  - oauth: [read, write]\n => ", "security security-removed GET /orders security; security security-removed POST /orders security"},
		{"security", "      security: [{}]\n => %  security: [{oauth: []}]\n", "breaking security-added DELETE /orders/{id} security"},
		{"a weaker alternative", "oauth: [read, write] => oauth: [read, write]\n  - basic: []", "security security-weaker-alternative-added GET /orders security; security security-weaker-alternative-added POST /orders security"},
		{"an alternative of unknown strength", "oauth: [read, write] => oauth: [read, write]\n  - magic: []", "security security-weaker-alternative-added GET /orders security; security security-weaker-alternative-added POST /orders security"},
		{"a stronger alternative", "{basic: []}] => {basic: []}, {spare: []}]", "harmless security-alternative-added GET /orders/{id} security"},
		{"no alternative", ", {basic: []}] => ]", "breaking security-alternative-removed GET /orders/{id} security"},
		{"one scheme less", "[{oauth: [read], key: []} => [{oauth: [read]}", "security security-requirement-removed GET /orders/{id} security"},
		{"one scheme more", "{basic: []}] => {basic: [], key: []}]", "breaking security-requirement-added GET /orders/{id} security"},
		{"one scope less", "oauth: [read, write] => oauth: [read]", "security security-scopes-removed GET /orders security; security security-scopes-removed POST /orders security"},
		{"one scope more", "oauth: [read, write] => oauth: [read, write, admin]", "breaking security-scopes-added GET /orders security; breaking security-scopes-added POST /orders security"},
		{"a weaker scheme", "oauth: {type: oauth2, flows: {}} => oauth: {type: http, scheme: basic}", "breaking security-scheme-changed security scheme oauth; security security-scheme-weakened security scheme oauth"},
		{"a stronger scheme", "basic: {type: http, scheme: basic} => basic: {type: http, scheme: bearer}", "breaking security-scheme-changed security scheme basic"},
		{"a key of another name", "name: X-Key => name: X-Token", "breaking security-scheme-changed security scheme key"},
		{"a key moved to the query", "in: header, name: X-Key => in: query, name: X-Key", "breaking security-scheme-changed security scheme key; security security-scheme-weakened security scheme key"},
		{"another name of a scheme", "[{oauth: [read], key: []} => [{oauth: [read], token: []}\nkey: {type => token: {type", ""},

		{"a server is gone", "  - url: https://eu.api.example/v1/\n => ", "breaking server-removed server https://eu.api.example/v1/"},
		{"a server is new", "security:\n  - oauth => %- url: https://us.api.example/v1\nsecurity:\n  - oauth", "harmless server-added server https://us.api.example/v1"},
		{"a server without encryption is new", "security:\n  - oauth => %- url: http://us.api.example/v1\nsecurity:\n  - oauth", "harmless server-added server http://us.api.example/v1; security server-unencrypted server http://us.api.example/v1"},
		{"a server is no longer encrypted", "https://api.example/v1 => http://api.example/v1", "breaking server-removed server https://api.example/v1; harmless server-added server http://api.example/v1; security server-unencrypted server http://api.example/v1"},
		{"the same server otherwise written", "https://api.example/v1 => HTTPS://API.example:443/v1/", ""},
	}
}

// edited applies the edits of a case; each must be to something that is there.
func edited(t *testing.T, name, edit string) string {
	t.Helper()
	text := base
	// A percent sign keeps the spaces at the beginning of what is put in.
	for _, one := range edits(edit) {
		old, put, _ := strings.Cut(one, " => ")
		if rest, ok := strings.CutPrefix(put, "%"); ok {
			put = "    " + rest
			if strings.HasPrefix(rest, "-") {
				put = "  " + rest
			}
		}
		if !strings.Contains(text, old) {
			t.Fatalf("%s: %q is not there", name, old)
		}
		text = strings.Replace(text, old, put, 1)
	}
	return text
}

// edits are the edits of a case: lines that begin without a space after one that
// holds an arrow begin another.
func edits(edit string) []string {
	if edit == "" {
		return nil
	}
	if strings.Count(edit, " => ") < 2 {
		return []string{edit}
	}
	return strings.Split(edit, "\n")
}

// told are changes with operation and place.
func told(changes []diff.Change) []string {
	var out []string
	for _, c := range changes {
		out = append(out, strings.TrimSpace(strings.Join(strings.Fields(fmt.Sprintf("%s %s %s %s", c.Class, c.Kind, c.Operation, c.Place)), " ")))
	}
	slices.Sort(out)
	return out
}

func TestOperations(t *testing.T) {
	old := parse(t, base)
	cases := operationCases()
	for _, c := range cases {
		updated := parse(t, edited(t, c.name, c.edit))
		changes := diff.Compare(old, updated)
		if got := strings.Join(told(changes), "; "); got != sortedText(c.want) {
			t.Errorf("%s: got\n%s\nwant\n%s", c.name, got, sortedText(c.want))
		}
		for _, change := range changes {
			if change.Message == "" || strings.Contains(change.Message, "%!") || change.Operation != "" && change.Old.Line+change.New.Line == 0 {
				t.Errorf("%s: %+v", c.name, change)
			}
		}
		reversible(t, c.name, old, updated)
	}
	if t.Logf("%d cases", len(cases)); len(cases) < 60 {
		t.Fatal("too few")
	}
}

// TestRangeNarrowed holds that a range of successes may become one of them.
func TestRangeNarrowed(t *testing.T) {
	one := parse(t, base)
	all := parse(t, strings.Replace(base, `"204": {description: gone`, `2XX: {description: gone`, 1))
	if got := strings.Join(told(diff.Compare(all, one)), "; "); got != "harmless response-removed DELETE /orders/{id} response 2XX" {
		t.Errorf("one of them: %s", got)
	}
	none := parse(t, strings.Replace(base, `"204": {description: gone`, `"301": {description: gone`, 1))
	if got := strings.Join(told(diff.Compare(all, none)), "; "); got != "breaking response-removed DELETE /orders/{id} response 2XX; harmless response-added DELETE /orders/{id} response 301" {
		t.Errorf("none of them: %s", got)
	}
}
