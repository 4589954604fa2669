package detecttest

import (
	"fmt"
	"strings"
)

// Protocols of a case.
const (
	protoREST    = "REST"
	protoSOAP    = "SOAP"
	protoGraphQL = "GraphQL"
	protoGRPC    = "gRPC"
	protoForm    = "form"
)

// Places where a text can stand in a request.
const (
	queryValue      = "query value"
	queryName       = "query name"
	pathSegment     = "path segment"
	formValue       = "form value"
	formName        = "form name"
	jsonString      = "json string"
	jsonName        = "json name"
	xmlText         = "xml text"
	xmlAttribute    = "xml attribute"
	soapBody        = "soap body"
	multipartField  = "multipart field"
	multipartName   = "multipart file name"
	cookieValue     = "cookie"
	headerValue     = "application header"
	refererValue    = "referer"
	agentValue      = "user agent"
	jwtClaim        = "jwt claim"
	graphqlArgument = "graphql argument"
	graphqlVariable = "graphql variable"
	grpcMessage     = "grpc message"
	untypedBody     = "body without type"
	wrongType       = "wrong content type"
)

// place builds a request around a carrier.
type place struct {
	protocol string
	build    func(c carrier) request
}

func get(c carrier, header ...string) request {
	return request{method: pick(c.r, []string{"GET", "GET", "GET", "DELETE"}), target: resource(c.r), header: header}
}

func post(c carrier, contentType string, body []byte) request {
	method := pick(c.r, []string{"POST", "POST", "PUT", "PATCH"})
	return request{method: method, target: resource(c.r), contentType: contentType, body: body}
}

// textPlaces builds requests for texts; documents and the like have their own.
var textPlaces = map[string]place{
	queryValue: {protoREST, func(c carrier) request {
		q := get(c)
		q.target += "?" + pick(c.r, []string{"", "limit=20&", "lang=en&page=2&"}) + pick(c.r, queryNames) + "=" + c.url("*") + pick(c.r, []string{"", "", "&sort=asc"})
		return q
	}},
	queryName: {protoREST, func(c carrier) request {
		q := get(c)
		q.target += "?limit=20&" + c.url("*") + "=" + pick(c.r, []string{"1", "", "true"})
		return q
	}},
	pathSegment: {protoREST, func(c carrier) request {
		q := get(c)
		keep := ""
		if c.kind == "path-traversal" && c.encoding == plain {
			keep = "/"
		}
		q.target += "/" + c.url(keep) + pick(c.r, []string{"", "", "/items", "?expand=lines"})
		return q
	}},
	formValue: {protoForm, func(c carrier) request {
		body := fmt.Sprintf("id=%d&%s=%s&csrf=%08x", c.r.IntN(999), pick(c.r, fieldNames), c.form(), c.r.Uint32())
		return post(c, "application/x-www-form-urlencoded", []byte(body))
	}},
	formName: {protoForm, func(c carrier) request {
		return post(c, "application/x-www-form-urlencoded", []byte("a=1&"+c.form()+"=x"))
	}},
	jsonString: {protoREST, func(c carrier) request { return post(c, contentTypeJSON(c), nil).withDocument(c, jsonDocument(c)) }},
	jsonName: {protoREST, func(c carrier) request {
		return post(c, "application/json", nil).withDocument(c, fmt.Sprintf(`{"id":%d,"attributes":{%s:%d}}`, c.r.IntN(9999), c.json(), c.r.IntN(9)))
	}},
	xmlText:      {protoREST, func(c carrier) request { return xmlRequest(c, xmlDocument(c)) }},
	xmlAttribute: {protoREST, func(c carrier) request { return xmlRequest(c, xmlAttributes(c)) }},
	soapBody:     {protoSOAP, soapRequest},
	multipartField: {protoForm, func(c carrier) request {
		return post(c, "", nil).withParts(c, part{name: "kind", body: []byte("note")}, part{name: pick(c.r, fieldNames), body: []byte(c.value())})
	}},
	multipartName: {protoForm, func(c carrier) request {
		return post(c, "", nil).withParts(c, part{name: "file", file: c.value(), contentType: "text/plain", body: []byte("quarterly figures\n")})
	}},
	cookieValue: {protoREST, func(c carrier) request {
		name := pick(c.r, []string{"session", "track", "prefs", "lastSearch", "lang", "cart", "visitor"})
		return get(c, "Cookie: theme=dark; "+name+"="+c.cookie())
	}},
	headerValue: {protoREST, func(c carrier) request { return get(c, pick(c.r, ownHeaders)+": "+c.value()) }},
	refererValue: {protoREST, func(c carrier) request {
		return get(c, "Referer: https://app.example.com/search?q="+c.url(" '\"<>(){}$:/;*=,[]@|!"))
	}},
	agentValue: {protoREST, func(c carrier) request {
		return get(c, "User-Agent: "+pick(c.r, []string{"", "", "Mozilla/5.0 "})+c.value())
	}},
	jwtClaim: {protoREST, func(c carrier) request { return get(c, "Authorization: Bearer "+c.text) }},
	graphqlArgument: {protoGraphQL, func(c carrier) request {
		query := fmt.Sprintf(pick(c.r, []string{
			`{ products(first: 10, filter: {name: %s}) { edges { node { id title } } } }`,
			`query { customer(key: %s) { id orders { total } } }`,
			`mutation { addNote(order: 42, text: %s) { id } }`,
			`query Find { search(term: %s, limit: 5) { __typename id } }`,
		}), c.graphqlString())
		return graphqlRequest(c, `{"query":`+quote(query)+`}`)
	}},
	graphqlVariable: {protoGraphQL, func(c carrier) request {
		return graphqlRequest(c, fmt.Sprintf(pick(c.r, []string{
			`{"query":"query($v: String!) { search(term: $v) { id } }","variables":{"v":%s}}`,
			`{"operationName":"Save","query":"mutation Save($in: NoteInput!) { save(input: $in) { id } }","variables":{"in":{"order":7,"text":%s}}}`,
		}), c.json()))
	}},
	grpcMessage: {protoGRPC, grpcRequest},
	untypedBody: {protoREST, func(c carrier) request {
		if body := c.whole(); body != "" {
			return post(c, "", []byte(body))
		}
		switch c.r.IntN(4) {
		case 0:
			return post(c, "", []byte("id=7&"+pick(c.r, fieldNames)+"="+c.form()))
		case 1:
			return post(c, "", []byte("<note><text>"+c.xmlText()+"</text></note>"))
		case 2:
			return post(c, "", []byte(c.value()))
		}
		return post(c, "", []byte(jsonDocument(c)))
	}},
	wrongType: {protoREST, func(c carrier) request {
		if body := c.whole(); body != "" {
			return post(c, pick(c.r, []string{"text/plain", "application/octet-stream", "text/csv", "image/png"}), []byte(body))
		}
		switch c.r.IntN(4) {
		case 0:
			return post(c, "application/json", []byte("id=7&"+pick(c.r, fieldNames)+"="+c.form()))
		case 1:
			return post(c, pick(c.r, []string{"application/json", "text/csv", "image/png"}), []byte("<note><text>"+c.xmlText()+"</text></note>"))
		case 2:
			return post(c, "application/x-www-form-urlencoded", []byte(jsonDocument(c)))
		}
		return post(c, pick(c.r, []string{"text/plain", "application/octet-stream", "application/xml", "image/jpeg"}), []byte(jsonDocument(c)))
	}},
}

func contentTypeJSON(c carrier) string {
	return pick(c.r, []string{"application/json", "application/json", "application/json; charset=utf-8", "application/vnd.example.v2+json", "application/merge-patch+json"})
}

func (q request) withDocument(c carrier, body string) request {
	q.contentType, q.body = c.document(strings.TrimSuffix(q.contentType, "; charset=utf-8"), body)
	return q
}

func (q request) withParts(c carrier, parts ...part) request {
	q.method = "POST"
	q.contentType, q.body = multipartBody(c.r, parts...)
	return q
}

func jsonDocument(c carrier) string {
	f := pick(c.r, fieldNames)
	switch c.r.IntN(6) {
	case 0:
		return fmt.Sprintf(`{"%s":%s}`, f, c.json())
	case 1:
		return fmt.Sprintf(`{"id":%d,"%s":%s,"tags":["new"],"active":true}`, c.r.IntN(9999), f, c.json())
	case 2:
		return fmt.Sprintf(`{"customer":{"id":%d,"profile":{"%s": %s}},"lines":[{"sku":"A-%d","qty":2}]}`, c.r.IntN(999), f, c.json(), c.r.IntN(99))
	case 3:
		return fmt.Sprintf(`[{"%s":"first"},{"%s":%s}]`, f, f, c.json())
	case 4:
		return fmt.Sprintf("{\n  \"lines\": [\n    {\"sku\": \"B-%d\", \"%s\": %s}\n  ],\n  \"total\": 12.50\n}", c.r.IntN(999), f, c.json())
	}
	return fmt.Sprintf(`{"data":{"type":"%s","attributes":{"%s":%s}}}`, pick(c.r, collections), f, c.json())
}

func xmlDocument(c carrier) string {
	return fmt.Sprintf(pick(c.r, []string{
		`<order><id>42</id><note>%s</note></order>`,
		`<ns:request xmlns:ns="urn:example:crm"><ns:customer><ns:name>%s</ns:name></ns:customer></ns:request>`,
		`<list><item sku="A-1">ok</item><item sku="A-2">%s</item></list>`,
	}), c.xmlText())
}

func xmlAttributes(c carrier) string {
	return fmt.Sprintf(pick(c.r, []string{
		`<order id="%s"/>`,
		`<search term="%s" limit="5"><scope>all</scope></search>`,
		`<list><item sku="A-1"/><item sku="B-2" note="%s"/></list>`,
	}), c.xmlAttribute())
}

func xmlRequest(c carrier, body string) request {
	if c.encoding == utf16Body {
		body = `<?xml version="1.0" encoding="UTF-16"?>` + body
	} else if c.r.IntN(2) == 0 {
		body = `<?xml version="1.0" encoding="UTF-8"?>` + "\n" + body
	}
	return post(c, pick(c.r, []string{"application/xml", "text/xml"}), nil).withDocument(c, body)
}

func soapRequest(c carrier) request {
	action := pick(c.r, []string{"getOrder", "findCustomer", "createInvoice", "updateStock"})
	field := pick(c.r, []string{"id", "name", "reference", "comment"})
	inner := fmt.Sprintf(`<svc:%s xmlns:svc="http://example.com/services/2026"><svc:%s>%s</svc:%s></svc:%s>`, action, field, c.xmlText(), field, action)
	if c.encoding != utf16Body && c.r.IntN(4) == 0 {
		inner = fmt.Sprintf(`<svc:%s xmlns:svc="http://example.com/services/2026" %s="%s"/>`, action, field, c.xmlAttribute())
	}
	if c.r.IntN(3) == 0 {
		q := request{method: "POST", target: "/services/Orders", contentType: "application/soap+xml"}
		return q.withDocument(c, `<s:Envelope xmlns:s="http://www.w3.org/2003/05/soap-envelope"><s:Header/><s:Body>`+inner+`</s:Body></s:Envelope>`)
	}
	q := request{method: "POST", target: "/ws/OrderService", contentType: "text/xml", header: []string{`SOAPAction: "http://example.com/services/` + action + `"`}}
	return q.withDocument(c, `<soapenv:Envelope xmlns:soapenv="http://schemas.xmlsoap.org/soap/envelope/"><soapenv:Header/><soapenv:Body>`+inner+`</soapenv:Body></soapenv:Envelope>`)
}

func graphqlRequest(c carrier, body string) request {
	return request{method: "POST", target: pick(c.r, []string{"/graphql", "/api/graphql", "/v1/graphql"}), contentType: "application/json", body: []byte(body)}
}

func grpcRequest(c carrier) request {
	value := c.text
	message := protoVarint([]byte{1 << 3}, uint64(c.r.IntN(99999)))
	if c.r.IntN(2) == 0 {
		message = protoString(message, 2, value)
	} else {
		message = protoString(message, 3, string(protoString(protoString(nil, 1, "EUR"), 4, value)))
	}
	method := pick(c.r, []string{"/shop.v1.Orders/Create", "/crm.Customers/Search", "/inventory.v2.StockService/Update"})
	return request{
		method: "POST", target: method, header: []string{"TE: trailers", "grpc-timeout: 5S"},
		contentType: pick(c.r, []string{"application/grpc", "application/grpc+proto", "application/grpc-web+proto"}), body: grpcFrame(message),
	}
}
