package known_test

import (
	"slices"
	"testing"

	"farrier.dev/farrier/internal/discovery"
	"farrier.dev/farrier/internal/discovery/known"
	"farrier.dev/farrier/internal/mule"
	"farrier.dev/farrier/internal/revision"
	"farrier.dev/farrier/internal/spec"
	"farrier.dev/farrier/internal/spec/languages"
)

const namespaces = `xmlns="http://www.mulesoft.org/schema/mule/core" xmlns:http="http://www.mulesoft.org/schema/mule/http" xmlns:apikit="http://www.mulesoft.org/schema/mule/mule-apikit"`

const orders = `#%RAML 1.0
title: Orders
version: v1
baseUri: https://api.example.com/orders/{version}
/items:
  get:
  /{itemId}:
    get:
`

// shop is an application with a router, a listener by itself and a console.
func shop(t *testing.T) *mule.Project {
	t.Helper()
	p, err := mule.ReadFiles("shop", map[string]string{
		"pom.xml":                            `<project><artifactId>shop</artifactId><packaging>mule-application</packaging></project>`,
		"src/main/resources/api/orders.raml": orders,
		"src/main/resources/app.properties":  "http.base=/shop\nstock.host=stock.internal\n",
		"src/main/mule/app.xml": `<mule ` + namespaces + `>
  <configuration-properties file="app.properties"/>
  <http:listener-config name="in" basePath="${http.base}"><http:listener-connection host="0.0.0.0" port="8081"/></http:listener-config>
  <http:request-config name="stock"><http:request-connection host="${stock.host}" port="8443" protocol="HTTPS"/></http:request-config>
  <apikit:config name="orders-config" api="api/orders.raml"/>
  <flow name="orders-main"><http:listener config-ref="in" path="/orders/*"/><apikit:router config-ref="orders-config"/></flow>
  <flow name="orders-console"><http:listener config-ref="in" path="/console/*"/><apikit:console config-ref="orders-config"/></flow>
  <flow name="get:\items:orders-config"><flow-ref name="ask-stock"/></flow>
  <flow name="get:\items\(itemId):orders-config"><logger/></flow>
  <sub-flow name="ask-stock"><http:request config-ref="stock" path="/levels"/></sub-flow>
  <flow name="health"><http:listener config-ref="in" path="/health" allowedMethods="GET, HEAD"/><set-payload value="up"/></flow>
</mule>`,
	})
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func TestProject(t *testing.T) {
	all := known.Project(shop(t))
	if len(all) != 2 {
		t.Fatalf("%d described; want the router's API and the listener by itself: %+v", len(all), all)
	}
	api, plain := all[0], all[1]
	if !slices.Equal(api.BasePaths, []string{"/shop/orders"}) || api.Version != "v1" || api.Document == nil || !api.Document.Valid() {
		t.Errorf("the API of the router: base paths %q, version %q, document %+v", api.BasePaths, api.Version, api.Document)
	}
	want := []discovery.Flow{
		{Name: `get:\items:orders-config`, File: "shop/src/main/mule/app.xml", Line: 8, Method: "GET", Path: "/items", Upstreams: []string{"stock.internal:8443"}},
		{Name: `get:\items\(itemId):orders-config`, File: "shop/src/main/mule/app.xml", Line: 9, Method: "GET", Path: "/items/{itemId}"},
	}
	if !slices.EqualFunc(api.Flows, want, sameFlow) {
		t.Errorf("flows of the router\n%+v\nwant\n%+v", api.Flows, want)
	}
	want = []discovery.Flow{
		{Name: "health", File: "shop/src/main/mule/app.xml", Line: 11, Method: "GET", Path: "/shop/health"},
		{Name: "health", File: "shop/src/main/mule/app.xml", Line: 11, Method: "HEAD", Path: "/shop/health"},
	}
	if !slices.EqualFunc(plain.Flows, want, sameFlow) {
		t.Errorf("flows of listeners\n%+v\nwant\n%+v", plain.Flows, want)
	}
}

func sameFlow(a, b discovery.Flow) bool {
	return a.Name == b.Name && a.File == b.File && a.Line == b.Line && a.Method == b.Method && a.Path == b.Path && slices.Equal(a.Upstreams, b.Upstreams)
}

func TestServed(t *testing.T) {
	described := known.Project(shop(t))
	name := func(n string) revision.Name { return revision.Name{Namespace: "default", Name: n} }
	for _, one := range []struct {
		name string
		apis []revision.API
		want []string // API and base paths of the router's description
	}{
		{"no revision", nil, []string{"", "/shop/orders"}},
		{"a label", []revision.API{{Name: name("a"), BasePath: "/x", Labels: map[string]string{known.LabelProject: "shop"}}}, []string{"default/a", "/x", "/x/orders/v1"}},
		{"the base path", []revision.API{{Name: name("b"), BasePath: "/shop/orders"}}, []string{"default/b", "/shop/orders", "/shop/orders/orders/v1"}},
		{"the label of another", []revision.API{{Name: name("c"), BasePath: "/shop/orders", Labels: map[string]string{known.LabelProject: "other"}}}, []string{"", "/shop/orders"}},
	} {
		t.Run(one.name, func(t *testing.T) {
			var rev *revision.Revision
			if one.apis != nil {
				rev = &revision.Revision{APIs: one.apis}
			}
			got := known.Served(rev, "shop", described)[0]
			if all := append([]string{got.API}, got.BasePaths...); !slices.Equal(all, one.want) {
				t.Errorf("served as %q, want %q", all, one.want)
			}
		})
	}
}

func document(t *testing.T, text string) *spec.Document {
	t.Helper()
	doc := languages.Read(spec.OneFile("api.raml", []byte(text), spec.ProjectLimits{}), "api.raml")
	if !doc.Valid() {
		t.Fatal(doc.Problems)
	}
	return doc
}

func TestInstance(t *testing.T) {
	for _, one := range []struct {
		name, base, uri string
		want            []string
	}{
		{"the server is the instance", "/orders/v1", "https://api.example.com/orders/v1", []string{"/orders/v1"}},
		{"the server ends like the instance", "/shop/orders/v1", "https://api.example.com/orders/v1", []string{"/shop/orders/v1"}},
		{"a root server", "/shop", "https://api.example.com", []string{"/shop"}},
		{"the server is below the instance", "/shop", "https://api.example.com/shop/v2", []string{"/shop", "/shop/v2"}},
		{"both may stand", "/shop", "https://api.example.com/v2", []string{"/shop", "/shop/v2"}},
		{"an instance at the root", "", "https://api.example.com/v2", []string{"", "/v2"}},
	} {
		t.Run(one.name, func(t *testing.T) {
			doc := document(t, "#%RAML 1.0\ntitle: T\nversion: v1\nbaseUri: "+one.uri+"\n/a:\n  get:\n")
			got := known.Instance(&revision.API{Name: revision.Name{Namespace: "default", Name: "t"}, BasePath: one.base}, doc)
			if !slices.Equal(got.BasePaths, one.want) || got.API != "default/t" {
				t.Errorf("base paths %q of %q, want %q", got.BasePaths, got.API, one.want)
			}
		})
	}
}

func TestHost(t *testing.T) {
	for uri, want := range map[string]string{
		"https://API.example.com/v1": "api.example.com", "http://api.example.com:8081/v1": "api.example.com:8081", "/v1": "*",
	} {
		d := known.Specification(document(t, "#%RAML 1.0\ntitle: T\nversion: v1\nbaseUri: "+uri+"\n/a:\n  get:\n"))
		if got := known.Host(&d); got != want {
			t.Errorf("the host of %s is %q, want %q", uri, got, want)
		}
	}
	if got := known.Host(&discovery.Described{Host: "a.example"}); got != "a.example" {
		t.Errorf("a given host is %q", got)
	}
}

func TestSupersede(t *testing.T) {
	described := func(title, version, api string) discovery.Described {
		d := known.Specification(document(t, "#%RAML 1.0\ntitle: "+title+"\nversion: \""+version+"\"\n/a:\n  get:\n"))
		d.API = api
		return d
	}
	all := []discovery.Described{
		described("Orders", "v1", ""), described("Orders", "v2", ""), described("orders", "v10", ""),
		described("Orders", "v3", "default/orders"), described("Other", "v1", ""),
	}
	known.Supersede(all)
	var got []bool
	for _, d := range all {
		got = append(got, d.Superseded)
	}
	if want := []bool{true, true, false, false, false}; !slices.Equal(got, want) {
		t.Errorf("superseded %v, want %v: older versions that no instance serves", got, want)
	}
}

func TestCompare(t *testing.T) {
	ascending := []string{"", "0.9", "1", "1.0.1", "v1.2", "1.10.0-alpha", "1.10.0-beta", "1.10.0", "V2", "2024-01-31", "2024-02-01"}
	n := 0
	for i, a := range ascending {
		for j, b := range ascending {
			n++
			if got, want := known.Compare(a, b), sign(i-j); got != want {
				t.Errorf("Compare(%q, %q) = %d, want %d", a, b, got, want)
			}
		}
	}
	if known.Compare("v1", "1.0") != 0 {
		t.Error("v1 and 1.0 are one version")
	}
	t.Logf("%d pairs compared", n)
}

func sign(n int) int {
	return min(1, max(-1, n))
}
