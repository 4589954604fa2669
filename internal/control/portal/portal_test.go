package portal_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"farrier.dev/farrier/internal/access"
	"farrier.dev/farrier/internal/control"
	"farrier.dev/farrier/internal/control/portal"
	"farrier.dev/farrier/internal/revision"
)

type tree struct{}

func (tree) ScopeOf(_ context.Context, environment string) (access.Scope, error) {
	if environment != "default" {
		return access.Scope{}, access.ErrUnknown
	}
	return access.Scope{Group: "root/7", Environment: environment}, nil
}

func (tree) GroupScope(context.Context, string) (access.Scope, error) {
	return access.Scope{}, access.ErrUnknown
}

func developer(group string) control.Principal {
	return control.Principal{
		Operator: "dana", Address: netip.MustParseAddr("192.0.2.9"), Grants: []access.Grant{{Role: access.RoleDeveloper, Scope: access.Scope{Group: group}}},
	}
}

const description = `openapi: 3.0.3
info: {title: Shop, version: "1.2", description: Sells shoes}
tags: [{name: retail}]
components:
  securitySchemes: {key: {type: apiKey, in: header, name: X-Key}}
  schemas:
    Order: {type: object, required: [id], properties: {id: {type: integer, minimum: 1}, lines: {type: array, items: {type: object, properties: {name: {type: string, maxLength: 20}}}}}}
security: [{key: []}]
paths:
  /orders/{id}:
    put:
      summary: Replace an order
      parameters: [{name: id, in: path, required: true, schema: {type: integer}, description: Its number, example: 7}]
      requestBody: {required: true, content: {application/json: {schema: {$ref: "#/components/schemas/Order"}}}}
      responses: {"200": {description: Replaced, content: {application/json: {schema: {$ref: "#/components/schemas/Order"}, example: {id: 8}}}}}
`

// open makes a portal over three APIs, with a server in the place of the gateway.
func open(t *testing.T, handler http.HandlerFunc) *portal.Service {
	t.Helper()
	gateway := httptest.NewServer(handler)
	t.Cleanup(gateway.Close)
	file := filepath.Join(t.TempDir(), "shop.yaml")
	if err := os.WriteFile(file, []byte(description), 0o600); err != nil {
		t.Fatal(err)
	}
	api := func(name, to string) revision.API {
		return revision.API{
			Name: revision.Name{Namespace: "default", Name: name}, Labels: map[string]string{portal.Label: to}, Scheme: "http", Host: "0.0.0.0", Port: 8081, BasePath: "/" + name,
			Policies: []revision.Binding{{Policy: "client-id-enforcement-flex", Settings: json.RawMessage(`{"clientIdExpression":"#[attributes.headers['x-id']]","clientSecretExpression":"#[attributes.headers.secret]"}`)}},
		}
	}
	rev := &revision.Revision{APIs: []revision.API{api("shop", "public"), api("partner", "root/9"), api("hidden", "")}}
	rev.APIs[0].Specification = &revision.Specification{File: file}
	s, err := portal.New(portal.Options{
		Tree: tree{}, Serving: func(string) *revision.Revision { return rev }, Now: time.Now,
		Listener: func(_, address string) net.Addr {
			if address != "0.0.0.0:8081" {
				t.Errorf("asked for %s", address)
			}
			return gateway.Listener.Addr()
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// TestWhoSeesWhat holds to whom an API is shown.
func TestWhoSeesWhat(t *testing.T) {
	s := open(t, func(http.ResponseWriter, *http.Request) {})
	cases := []struct {
		p    control.Principal
		text string
		want string
		err  error
	}{
		{developer("root/7"), "", "default/shop", nil},
		{developer("root"), "", "default/partner default/shop", nil},
		{developer("root/9"), "", "default/partner", nil},
		{developer("root/8"), "", "", control.ErrNotFound},
		{control.Principal{}, "", "", control.ErrForbidden},
		{developer("root"), "RETAIL", "default/shop", nil},
		{developer("root"), "sells shoes", "default/shop", nil},
		{developer("root"), "partner", "default/partner", nil},
		{developer("root"), "nothing", "", nil},
	}
	for i, c := range cases {
		list, err := s.List(t.Context(), c.p, "default", c.text)
		var names []string
		for _, a := range list {
			names = append(names, a.Name)
		}
		if got := strings.Join(names, " "); got != c.want || !errors.Is(err, c.err) {
			t.Errorf("case %d: %q, %v; want %q, %v", i, got, err, c.want, c.err)
		}
		for _, name := range []string{"default/shop", "default/partner", "default/hidden"} {
			err := s.Published(t.Context(), c.p, "default", name)
			if seen := strings.Contains(c.want, name); c.text == "" && seen != (err == nil) || err != nil && !errors.Is(err, control.ErrNotFound) && c.p.Operator != "" {
				t.Errorf("case %d: %s: %v", i, name, err)
			}
		}
	}
	t.Logf("%d readers", len(cases))
}

func TestDocumentation(t *testing.T) {
	s := open(t, func(http.ResponseWriter, *http.Request) {})
	page, err := s.Page(t.Context(), developer("root/7"), "default", "default/shop")
	if err != nil {
		t.Fatal(err)
	}
	text, err := json.Marshal(page)
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{
		`"title":"Shop"`, `"summary":"Replace an order"`, `"description":"Its number"`, `"example":"7"`, `"type":"integer, minimum 1"`, `"required":true`,
		"apiKey in header X-Key", `"name":"lines"`, `\"id\": 8`, `"type":"string, maxLength 20"`, `"callable":true`, `"id":"x-id"`, `"secret":"secret"`,
	} {
		if !strings.Contains(string(text), want) {
			t.Errorf("the documentation lacks %s: %s", want, text)
		}
	}
}

// TestTry holds that a call reaches the gateway's port alone, and says who calls.
func TestTry(t *testing.T) {
	s := open(t, func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Location", "http://169.254.169.254/latest")
		if strings.HasSuffix(r.URL.Path, "/away") {
			w.WriteHeader(http.StatusFound)
		}
		_, _ = fmt.Fprintf(w, "%s %s %s %s %s %s", r.Method, r.URL, r.Header.Get("X-Forwarded-For"), r.Header.Get("x-id"), r.Header.Get("secret"), r.Header.Get("X-A"))
	})
	p := developer("root/7")
	a, err := s.Try(t.Context(), p, "default", "default/shop", portal.Call{Method: "PUT", Path: "/orders/7", Query: "a=b", Headers: "X-A: 1", Body: "{}", ClientID: "me", Secret: "mine"})
	if err != nil || a.Body != "PUT /shop/orders/7?a=b 192.0.2.9 me mine 1" {
		t.Errorf("%+v, %v", a, err)
	}
	if a, err = s.Try(t.Context(), p, "default", "default/shop", portal.Call{Method: "GET", Path: "/away"}); err != nil || a.Status != http.StatusFound {
		t.Errorf("a redirect: %+v, %v", a, err)
	}
	cases := map[string]portal.Call{
		"method: must":             {Method: "CONNECT", Path: "/"},
		"path: must begin":         {Method: "GET", Path: "orders"},
		"path: must stay":          {Method: "GET", Path: "/../partner"},
		"path: must stay below":    {Method: "GET", Path: "/%2e%2e/partner"},
		"path: put a value":        {Method: "GET", Path: "/orders/{id}"},
		"path: must begin with":    {Method: "GET", Path: "@evil.example/"},
		"headers: host is set":     {Method: "GET", Path: "/", Headers: "Host: evil.example"},
		"headers: x-forwarded-for": {Method: "GET", Path: "/", Headers: "x-forwarded-for: 10.0.0.1"},
		"headers: must be":         {Method: "GET", Path: "/", Headers: "no colon"},
		"body: longer":             {Method: "POST", Path: "/", Body: strings.Repeat("x", 64<<10+1)},
		"clientId: client id and":  {Method: "GET", Path: "/", ClientID: "a\r\nx: y"},
	}
	for want, call := range cases {
		if _, err := s.Try(t.Context(), p, "default", "default/shop", call); !errors.Is(err, control.ErrInvalid) || !strings.Contains(err.Error(), want) {
			t.Errorf("want %q, got %v", want, err)
		}
	}
	if _, err := s.Try(t.Context(), p, "default", "default/hidden", portal.Call{Method: "GET", Path: "/"}); !errors.Is(err, control.ErrNotFound) {
		t.Errorf("an API that is not published: %v", err)
	}
	if p.Address = (netip.Addr{}); true {
		if _, err := s.Try(t.Context(), p, "default", "default/shop", portal.Call{Method: "GET", Path: "/"}); !errors.Is(err, control.ErrForbidden) {
			t.Errorf("a developer whose address is not known: %v", err)
		}
	}
	t.Logf("%d refused calls", len(cases))
}
