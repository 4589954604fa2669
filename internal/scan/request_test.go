package scan

import "testing"

// TestRequestPlace: parts of an event in the words of detection; what is not one
// place of a request has none.
func TestRequestPlace(t *testing.T) {
	cases := map[string]string{
		"attributes.queryParams.name": "query name", "attributes.queryParams.'a-b'": "query a-b", "attributes.queryParams": "query",
		"attributes.queryString": "query", "attributes.headers.X-Trace": "header x-trace", "attributes.headers": "",
		"attributes.uriParams.id": "path", "attributes.requestPath": "path", "attributes.method": "", "attributes": "",
		"payload": "body", "payload.customer.id": "body json /customer/id", "vars.name": "", "error.description": "", "": "",
	}
	for what, want := range cases {
		if got := requestPlace(what); got != want {
			t.Errorf("%q is %q, want %q", what, got, want)
		}
	}
	if t.Logf("%d parts", len(cases)); len(cases) < 10 {
		t.Error("too few")
	}
}
