package detecttest

import (
	"encoding/base64"
	"fmt"
	"math/rand/v2"
	"strings"
)

func graphqlRead(r *rand.Rand) request {
	query := fmt.Sprintf(pick(r, []string{
		"query Orders($id: ID!, $first: Int = %d) {\n  order(id: $id) {\n    id\n    items(first: $first) { sku qty }\n    customer { name }\n  }\n}",
		"query Find($text: String!) { search(text: $text, limit: %d) { __typename ... on Product { id title price { amount currency } } ... on Article { id body } } }",
		"{ viewer { login repositories(last: %d, orderBy: {field: NAME, direction: ASC}) { nodes { ...Repo } } } }\nfragment Repo on Repository { name # the short one\n  stars }",
		"query($where: OrderFilter, $withLines: Boolean!) { orders(where: $where, take: %d) @cached(ttl: 60) { id total lines @include(if: $withLines) { sku } } }",
		"subscription Watch { priceChanged(top: %d) { sku price } }",
	}), 1+r.IntN(100))
	variables := obj("id", say(r, "uuid"), "text", say(r, "search"), "where", obj("city", obj("eq", say(r, "city")), "name", obj("contains", say(r, "family"))), "withLines", true)
	if r.IntN(8) == 0 {
		return request{method: "GET", target: "/graphql?query=" + escapeURL(query, "(){}:,") + "&variables=" + escapeURL(string(variables), "")}
	}
	return request{method: "POST", target: "/graphql", contentType: "application/json", body: []byte(obj("operationName", nil, "query", query, "variables", variables))}
}

func graphqlWrite(r *rand.Rand) request {
	if r.IntN(2) == 0 {
		query := fmt.Sprintf("mutation { addReview(product: %d, input: {stars: %d, title: %s, text: %s}) { review { id } errors { field message } } }", r.IntN(9999), 1+r.IntN(5), quote(say(r, "music")), quote(field(r)))
		return request{method: "POST", target: "/api/graphql", contentType: "application/json", body: []byte(obj("query", query))}
	}
	query := "mutation Save($in: CustomerInput!) { saveCustomer(input: $in) { customer { id name } } }"
	return request{method: "POST", target: "/graphql", contentType: "application/json", body: []byte(obj("operationName", "Save", "query", query, "variables", obj("in", customerDocument(r))))}
}

func soapCall(r *rand.Rand) request {
	e := escapeText.Replace
	body := fmt.Sprintf(`<ord:createOrder xmlns:ord="http://example.com/orders/v2"><ord:customer ref="%s"><ord:name>%s</ord:name><ord:street>%s</ord:street><ord:city>%s</ord:city></ord:customer><ord:line no="1" sku="%s"><ord:text>%s</ord:text><ord:qty>%d</ord:qty></ord:line><ord:remark>%s</ord:remark><ord:due>%s</ord:due></ord:createOrder>`,
		say(r, "uuid"), e(say(r, "person")), e(say(r, "street")), e(say(r, "city")), escapeAttr.Replace(say(r, "plate")), e(say(r, "product")), r.IntN(90), e(field(r)), say(r, "stamp"))
	header := ""
	if r.IntN(2) == 0 {
		header = fmt.Sprintf(`<wsse:Security soapenv:mustUnderstand="1" xmlns:wsse="http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-wssecurity-secext-1.0.xsd" xmlns:wsu="http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-wssecurity-utility-1.0.xsd"><wsse:UsernameToken wsu:Id="UsernameToken-%s"><wsse:Username>%s</wsse:Username><wsse:Password Type="http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-username-token-profile-1.0#PasswordText">%s</wsse:Password><wsse:Nonce>%s</wsse:Nonce><wsu:Created>%s</wsu:Created></wsse:UsernameToken></wsse:Security>`,
			say(r, "hex"), e(say(r, "mailbox")), e(say(r, "password")), base64.StdEncoding.EncodeToString([]byte(say(r, "hex"))), say(r, "stamp"))
	}
	ns, kind := "http://schemas.xmlsoap.org/soap/envelope/", "text/xml; charset=utf-8"
	if r.IntN(3) == 0 {
		ns, kind = "http://www.w3.org/2003/05/soap-envelope", `application/soap+xml; charset=utf-8; action="urn:createOrder"`
	}
	return request{
		method: "POST", target: pick(r, []string{"/ws/OrderService", "/services/Orders.asmx", "/soap"}), contentType: kind, header: []string{`SOAPAction: "http://example.com/orders/v2/createOrder"`},
		body: []byte(`<?xml version="1.0" encoding="UTF-8"?>` + "\n" + `<soapenv:Envelope xmlns:soapenv="` + ns + `"><soapenv:Header>` + header + `</soapenv:Header><soapenv:Body>` + body + `</soapenv:Body></soapenv:Envelope>`),
	}
}

func xmlOrder(r *rand.Rand) request {
	note := escapeText.Replace(field(r))
	if text := field(r); r.IntN(3) == 0 && !strings.Contains(text, "]]>") {
		note = "<![CDATA[" + text + "]]>"
	}
	body := fmt.Sprintf("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<!-- exported on %s -->\n<order id=\"%d\" customer=\"%s\">\n  <item sku=\"%s\" qty=\"%d\">%s</item>\n  <note xml:lang=\"%s\">%s</note>\n</order>\n",
		say(r, "date"), r.IntN(1<<20), escapeAttr.Replace(say(r, "person")), escapeAttr.Replace(say(r, "product")), r.IntN(99), escapeText.Replace(say(r, "product")), say(r, "lang"), note)
	return request{method: "POST", target: resource(r), contentType: pick(r, []string{"application/xml", "text/xml", "application/xml; charset=utf-8"}), body: []byte(body)}
}

func uploadRequest(r *rand.Rand) request {
	name, kind, content := someFile(r)
	parts := []part{
		{name: "title", body: []byte(say(r, "music"))},
		{name: "meta", contentType: "application/json", body: []byte(obj("owner", say(r, "person"), "note", field(r)))},
		{name: "file", file: name, contentType: kind, body: content},
	}
	if r.IntN(3) == 0 {
		parts = parts[2:]
	}
	contentType, body := multipartBody(r, parts...)
	return request{method: "POST", target: pick(r, prefixes) + "/files", contentType: contentType, body: body}
}

func csvRequest(r *rand.Rand) request {
	return request{method: "POST", target: "/v1/import", contentType: "text/csv; charset=utf-8", body: []byte(csvText(r, 2+r.IntN(20)))}
}

func csvText(r *rand.Rand, rows int) string {
	var b strings.Builder
	b.WriteString("id,name,company,city,remark,amount\r\n")
	for i := range rows {
		fmt.Fprintf(&b, "%d,%s,%s,%s,%s,%s\r\n", i+1, csvField(say(r, "person")), csvField(say(r, "firm")), csvField(say(r, "city")), csvField(say(r, pick(r, languages))), say(r, "money"))
	}
	return b.String()
}

func csvField(s string) string {
	if strings.ContainsAny(s, "\",\n;") {
		return `"` + strings.ReplaceAll(s, `"`, `""`) + `"`
	}
	return s
}

func ndjsonRequest(r *rand.Rand) request {
	var b strings.Builder
	for range 2 + r.IntN(8) {
		b.WriteString(string(obj("ts", say(r, "stamp"), "level", pick(r, []string{"info", "warn", "error"}), "msg", say(r, pick(r, []string{"errortext", "en", "trace"})), "user", say(r, "mailbox"), "path", "/"+say(r, "prop"))) + "\n")
	}
	return request{method: "POST", target: "/v1/logs/_bulk", contentType: "application/x-ndjson", body: []byte(b.String())}
}

func textRequest(r *rand.Rand) request {
	text := pick(r, []func() string{
		func() string { return sentences(r, 40+r.IntN(800)) }, func() string { return say(r, "email") },
		func() string { return say(r, "markdown") }, func() string { return say(r, "ticket") },
		func() string {
			return fmt.Sprintf("name: %s\nversion: %s\nowner: \"%s\"\npaths:\n  - /%s\nschedule: \"%s\"\n", say(r, "prop"), say(r, "version"), say(r, "family"), say(r, "prop"), say(r, "cron"))
		},
	})()
	kind := pick(r, []string{"text/plain", "text/plain; charset=utf-8", "text/markdown"})
	if strings.HasPrefix(text, "name: ") {
		kind = "application/yaml"
	}
	return request{method: "POST", target: "/v1/notes", contentType: kind, body: []byte(text)}
}

func grpcCall(r *rand.Rand) request {
	message := protoString(nil, 1, say(r, "uuid"))
	message = protoVarint(append(message, 2<<3), r.Uint64()>>uint(r.IntN(60)))
	message = protoString(message, 3, string(protoString(protoString(nil, 1, say(r, "person")), 2, say(r, "city"))))
	message = protoString(message, 4, field(r))
	message = append(message, 5<<3|5, byte(r.Uint32()), byte(r.Uint32()), byte(r.Uint32()), 0x42) // a float
	q := request{method: "POST", target: "/shop.v1.Orders/" + pick(r, []string{"Create", "Update", "Search"}), contentType: "application/grpc", header: []string{"TE: trailers"}, body: grpcFrame(message)}
	switch r.IntN(4) {
	case 0:
		q.contentType, q.header = "application/grpc-web+proto", []string{"X-Grpc-Web: 1"}
	case 1:
		q.contentType, q.header = "application/grpc-web-text", []string{"X-Grpc-Web: 1"}
		q.body = []byte(base64.StdEncoding.EncodeToString(q.body))
	}
	return q
}

func binaryRequest(r *rand.Rand) request {
	name, kind, content := someFile(r)
	return request{method: "PUT", target: "/v1/blobs/" + escapeURL(name, ""), contentType: pick(r, []string{kind, "application/octet-stream"}), body: content}
}
