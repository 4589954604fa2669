package app_test

import (
	"encoding/xml"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
)

// TestPathRewriting plays the table of documented rewritings, row by row.
func TestPathRewriting(t *testing.T) {
	rows := []struct{ base, rule, destination, request, want string }{
		{"", "/api(/.*)", "/orders", "/api/foo/bar", "/orders/foo/bar"},
		{"/api", "/foo(/.*)", "", "/api/foo/bar", "/bar"},
		{"/api", "/foo/.*", "", "/api/foo/bar", "/foo/bar"},
		{"/api", "", "/v1", "/api/x", "/v1/x"},
		{"/api", "/([a-z]+)/items/([0-9]+)", "/x/", "/api/cart/items/7?a=1&a=2", "/x/cart7?a=1&a=2"},
	}
	files := map[string]string{}
	for i, row := range rows {
		rule := ""
		if row.rule != "" {
			rule = fmt.Sprintf("rules: [{path: %q}], ", row.rule)
		}
		files[fmt.Sprintf("row%d.yaml", i)] = fmt.Sprintf(`
apiVersion: gateway.mulesoft.com/v1alpha1
kind: ApiInstance
metadata: {name: row%d}
spec:
  address: http://0.0.0.0:%d%s
  services:
    echo:
      address: http://127.0.0.1:9001
      routes: [{%sconfig: {destinationPath: %q}}]
`, i, 8100+i, row.base, rule, row.destination)
	}
	run := serve(t, startServices(t, nil), files)
	for i, row := range rows {
		got := run.get(t, fmt.Sprint(8100+i), "GET "+row.request+" HTTP/1.1")
		if got.seen == nil || got.seen.target != row.want {
			t.Errorf("%s became %+v (%d), want %s", row.request, got.seen, got.status, row.want)
		}
	}
	t.Logf("played %d rows", len(rows))
}

// get sends one request in the clear and reads the answer.
func (r *running) get(t testing.TB, port, text string) *reply {
	t.Helper()
	conn, err := dial(r.at(port), nil)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.Close() }()
	r.services.take()
	got := exchange(conn, rawRequest(t, text))
	if got.err != nil {
		t.Fatal(got.err)
	}
	got.seen = r.services.take()
	wantCorrelation(t, got)
	return got
}

// TestWeights counts where weighted requests go: with 75 to 25 and 400
// requests, less than 60 or more than 90 of a hundred at the first service has a
// chance of one in a billion.
func TestWeights(t *testing.T) {
	run := serve(t, startServices(t, nil), one(folder(t, examples+"/policies")["route-weighted.yaml"]))
	first := 0
	const requests = 400
	for range requests {
		if got := run.get(t, "8081", "GET /route-weighted/7 HTTP/1.1"); got.seen != nil && got.seen.port == "9001" {
			first++
		}
	}
	t.Logf("%d of %d requests went to the service of weight 75", first, requests)
	if first < requests*60/100 || first > requests*90/100 {
		t.Error("that is not its share")
	}
}

const plain = `
apiVersion: gateway.mulesoft.com/v1alpha1
kind: ApiInstance
metadata: {name: plain}
spec:
  address: http://0.0.0.0:8081/api
  services:
    echo: {address: "http://127.0.0.1:9001", routes: [{rules: [{path: "/(?:orders|files)/.*"}]}]}
`

// TestErrors plays what the gateway refuses itself: every answer is JSON and
// carries a correlation id, and nothing reaches the service.
func TestErrors(t *testing.T) {
	run := serve(t, startServices(t, nil), one(plain))
	cases := []struct {
		name, request string
		status        int
		public        string
	}{
		{"no API", "GET /other HTTP/1.1", 404, "No API is served here."},
		{"only the beginning of a base path", "GET /apis/orders/1 HTTP/1.1", 404, "No API is served here."},
		{"no route", "GET /api/other HTTP/1.1", 404, "No route matches."},
		{"two lengths", "POST /api/orders/1 HTTP/1.1\nContent-Length: 1\nContent-Length: 2\n\nab", 400, "The request is malformed."},
		{"length and chunks", "POST /api/orders/1 HTTP/1.1\nContent-Length: 5\nTransfer-Encoding: chunked\n\n0\n\n", 400, "The request is malformed."},
		{"chunks on GET", "GET /api/orders/1 HTTP/1.1\nTransfer-Encoding: chunked\n\n0\n\n", 400, "The request is malformed."},
		{"a space before the colon", "GET /api/orders/1 HTTP/1.1\nX-A : 1", 400, "The request is malformed."},
		{"no version", "GET /api/orders/1", 400, "The request is malformed."},
		{"two hosts", "GET /api/orders/1 HTTP/1.1\nHost: a\nHost: b", 400, "The request is malformed."},
		{"one header in two spellings", "GET /api/orders/1 HTTP/1.1\nclient_id: a\nclient-id: b", 400, "The request is malformed."},
		{"an encoded slash", "GET /api/orders%2f1 HTTP/1.1", 400, "The request path is ambiguous."},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			got := run.get(t, "8081", c.request)
			want := fmt.Sprintf(`{"error":%q,"correlationId":%q}`, c.public, got.header.Get("X-Correlation-Id"))
			if got.status != c.status || got.body != want || got.header.Get("Content-Type") != "application/json" {
				t.Errorf("%d %s, want %d %s", got.status, got.body, c.status, want)
			}
			if got.seen != nil {
				t.Errorf("the service read %+v", got.seen)
			}
		})
	}
	t.Logf("played %d cases", len(cases))
}

// TestDeadService holds that a service that is not there answers 502, telling
// nothing of it.
func TestDeadService(t *testing.T) {
	gone := freeAddress(t)
	run := serve(t, startServices(t, nil), one(strings.ReplaceAll(plain, "127.0.0.1:9001", gone)))
	got := run.get(t, "8081", "GET /api/orders/1 HTTP/1.1")
	if got.status != http.StatusBadGateway || strings.Contains(got.body, gone) || strings.Contains(got.body, "refused") {
		t.Errorf("%d %s", got.status, got.body)
	}
}

// TestNormalPath holds that policies, routes and services see the same path.
func TestNormalPath(t *testing.T) {
	run := serve(t, startServices(t, nil), one(plain))
	for request, want := range map[string]string{
		"/api/orders/./1":          "/orders/1",
		"/api/files/../orders/1":   "/orders/1",
		"/api/%6Frders/1":          "/orders/1",
		"/api/orders/a%20b?q=%2F":  "/orders/a%20b?q=%2F",
		"/api/orders/1?q=a//b/../": "/orders/1?q=a//b/../",
	} {
		got := run.get(t, "8081", "GET "+request+" HTTP/1.1")
		if got.seen == nil || got.seen.target != want {
			t.Errorf("%s became %+v (%d %s), want %s", request, got.seen, got.status, got.body, want)
		}
	}
}

// TestForwarded holds what the service reads of who called.
func TestForwarded(t *testing.T) {
	run := serve(t, startServices(t, nil), one(plain))
	got := run.get(t, "8081", "GET /api/orders/1 HTTP/1.1\nHost: api.example\nConnection: close, X-Hop\nX-Hop: 1\nTE: gzip\nX_Farrier_Client: root")
	if got.seen == nil {
		t.Fatalf("%d %s", got.status, got.body)
	}
	want := map[string]string{
		"X-Forwarded-For": "127.0.0.1", "X-Forwarded-Proto": "http", "X-Forwarded-Host": "api.example",
		"X-Correlation-Id": got.header.Get("X-Correlation-Id"),
		"X-Hop":            "", "Te": "", "X-Farrier-Client": "", "X_farrier_client": "",
	}
	for name, value := range want {
		if has := strings.Join(got.seen.header.Values(name), ", "); has != value {
			t.Errorf("the service reads %s: %q, want %q", name, has, value)
		}
	}
	// What a trusted peer says of who was before it stays; the peer is added.
	got = run.get(t, "8081", "GET /api/orders/1 HTTP/1.1\nX-Forwarded-For: 203.0.113.9\nX-Forwarded-Proto: https\nX-Forwarded-Host: shop.example\nX-Farrier-Client: root")
	if got.seen == nil || got.seen.header.Get("X-Farrier-Client") != "" {
		t.Fatalf("%d %s: %+v", got.status, got.body, got.seen)
	}
	for name, value := range map[string]string{
		"X-Forwarded-For": "203.0.113.9, 127.0.0.1", "X-Forwarded-Proto": "https", "X-Forwarded-Host": "shop.example",
	} {
		if has := strings.Join(got.seen.header.Values(name), ", "); has != value {
			t.Errorf("the service reads %s: %q, want %q", name, has, value)
		}
	}
}

// TestSOAPFaults holds that a policy bound by its Mule name answers SOAP
// requests with faults: status 500 for SOAP 1.1, 400 for SOAP 1.2.
func TestSOAPFaults(t *testing.T) {
	guarded := func(name string, port int) string {
		return fmt.Sprintf(`
apiVersion: gateway.mulesoft.com/v1alpha1
kind: ApiInstance
metadata: {name: api%d}
spec:
  address: http://0.0.0.0:%d
  services:
    echo: {address: "http://127.0.0.1:9001"}
  policies:
  - policyRef: {name: %s}
    config: {username: ada, password: $EXAMPLE_PASSWORD}
`, port, port, name)
	}
	run := serve(t, startServices(t, nil), map[string]string{
		"mule.yaml": guarded("http-basic-authentication-mule", 8081),
		"flex.yaml": guarded("http-basic-authentication-flex", 8082),
	})
	cases := []struct {
		name, port, request, contentType, namespace string
		status                                      int
	}{
		{"SOAP 1.1", "8081", "POST /orders HTTP/1.1\nContent-Type: text/xml\nSOAPAction: \"\"\n\n<a/>", "text/xml; charset=utf-8", "http://schemas.xmlsoap.org/soap/envelope/", 500},
		{"SOAP 1.2", "8081", "POST /orders HTTP/1.1\nContent-Type: application/soap+xml\n\n<a/>", "application/soap+xml; charset=utf-8", "http://www.w3.org/2003/05/soap-envelope", 400},
		{"no SOAP", "8081", "POST /orders HTTP/1.1\nContent-Type: application/json\n\n{}", "application/json", "", 401},
		{"a flex name", "8082", "POST /orders HTTP/1.1\nContent-Type: application/soap+xml\n\n<a/>", "application/json", "", 401},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			got := run.get(t, c.port, c.request)
			if got.status != c.status || got.header.Get("Content-Type") != c.contentType || got.seen != nil {
				t.Errorf("%d %s %s", got.status, got.header.Get("Content-Type"), got.body)
			}
			if c.namespace == "" {
				return
			}
			var envelope struct {
				XMLName xml.Name
				Fault   []byte `xml:"Body>Fault"`
			}
			if err := xml.Unmarshal([]byte(got.body), &envelope); err != nil || envelope.XMLName.Space != c.namespace {
				t.Errorf("%v, namespace %q of %s", err, envelope.XMLName.Space, got.body)
			}
			if !strings.Contains(got.body, "Authentication required.") || !strings.Contains(got.body, got.header.Get("X-Correlation-Id")) {
				t.Errorf("the fault says neither why nor which: %s", got.body)
			}
		})
	}
}

// TestKeepAlive holds that a connection serves many requests, refused ones
// among them.
func TestKeepAlive(t *testing.T) {
	run := serve(t, startServices(t, nil), one(plain))
	client := &http.Client{Transport: &http.Transport{MaxConnsPerHost: 1}}
	defer client.CloseIdleConnections()
	ids := map[string]bool{}
	for i := range 50 {
		path := "/api/orders/1"
		if i%3 == 0 {
			path = "/api/nowhere"
		}
		resp, err := client.Get("http://" + run.at("8081") + path)
		if err != nil {
			t.Fatal(err)
		}
		_, _ = io.Copy(io.Discard, resp.Body)
		_ = resp.Body.Close()
		ids[resp.Header.Get("X-Correlation-Id")] = true
	}
	if len(ids) != 50 {
		t.Errorf("%d correlation ids for 50 requests", len(ids))
	}
}
