package detecttest

import (
	"encoding/base64"
	"fmt"
	"strings"
)

// Places of attacks that are documents, files or clients rather than texts.
const (
	jsonBody     = "json body"
	jsonValue    = "json value"
	queryPair    = "query pair"
	formPair     = "form pair"
	xmlBody      = "xml body"
	xmlFile      = "multipart xml file"
	graphqlBody  = "graphql body"
	graphqlBatch = "graphql batch"
	graphqlQuery = "graphql query string"
	fileUpload   = "multipart file"
	filePut      = "file as body"
	fileJSON     = "file in json"
	binaryBody   = "binary body"
)

var documentPlaces = map[string]place{
	jsonBody: {protoREST, func(c carrier) request { return post(c, contentTypeJSON(c), nil).withDocument(c, c.text) }},
	jsonValue: {protoREST, func(c carrier) request {
		return request{method: "POST", target: pick(c.r, []string{"/login", "/v1/session", "/api/users/search", "/v2/orders/query"}), contentType: "application/json"}.
			withDocument(c, fmt.Sprintf(`{"%s":%s,"%s":%s}`, pick(c.r, []string{"user", "username", "email"}), pick(c.r, []string{`"admin"`, c.text}), pick(c.r, []string{"password", "token", "filter", "where"}), c.text))
	}},
	queryPair: {protoREST, func(c carrier) request {
		q := get(c)
		q.target += "?limit=10&" + c.pair()
		return q
	}},
	formPair: {protoForm, func(c carrier) request {
		return post(c, "application/x-www-form-urlencoded", []byte("remember=on&"+c.pair()))
	}},
	xmlBody: {protoREST, func(c carrier) request {
		return post(c, pick(c.r, []string{"application/xml", "text/xml", "application/atom+xml"}), nil).withDocument(c, c.text)
	}},
	xmlFile: {protoForm, func(c carrier) request {
		name, kind := "picture.svg", "image/svg+xml"
		if c.r.IntN(2) == 0 {
			name, kind = "import.xml", "text/xml"
		}
		return post(c, "", nil).withParts(c, part{name: "upload", file: name, contentType: kind, body: []byte(c.text)})
	}},
	graphqlBody: {protoGraphQL, func(c carrier) request {
		if c.r.IntN(4) == 0 {
			return request{method: "POST", target: "/graphql", contentType: "application/graphql", body: []byte(c.text)}
		}
		return graphqlRequest(c, `{"query":`+quote(c.text)+`,"variables":{}}`)
	}},
	graphqlQuery: {protoGraphQL, func(c carrier) request {
		return request{method: "GET", target: "/graphql?query=" + c.url("(){}:")}
	}},
	graphqlBatch: {protoGraphQL, func(c carrier) request {
		one := `{"query":` + quote(c.text) + `}`
		return graphqlRequest(c, "["+strings.Repeat(one+",", 20+c.r.IntN(30))+one+"]")
	}},
	fileUpload: {protoForm, func(c carrier) request {
		name, content := c.file()
		return post(c, "", nil).withParts(c, part{name: "title", body: []byte("My holiday")},
			part{name: "file", file: name, contentType: pick(c.r, []string{"image/jpeg", "image/png", "application/octet-stream", "text/plain"}), body: []byte(content)})
	}},
	filePut: {protoREST, func(c carrier) request {
		name, content := c.file()
		return request{method: "PUT", target: "/uploads/" + escapeURL(name, "/"), contentType: "application/octet-stream", body: []byte(content)}
	}},
	fileJSON: {protoREST, func(c carrier) request {
		name, content := c.file()
		data := base64.StdEncoding.EncodeToString([]byte(content))
		if c.r.IntN(2) == 0 {
			data = "data:image/png;base64," + data
		}
		return request{method: "POST", target: "/v1/documents", contentType: "application/json", body: fmt.Appendf(nil, `{"fileName":%s,"content":"%s"}`, quote(name), data)}
	}},
	binaryBody: {protoREST, func(c carrier) request {
		kind := pick(c.r, []string{"application/octet-stream", "application/x-java-serialized-object", ""})
		return request{method: "POST", target: pick(c.r, []string{"/invoker/JMXInvokerServlet", "/v1/import", "/remoting/call", "/queue/messages"}), contentType: kind, body: []byte(c.text)}
	}},
}

// pair writes name=value; brackets stay as clients leave them, or not.
func (c carrier) pair() string {
	name, value, _ := strings.Cut(c.text, "=")
	switch c.encoding {
	case percent:
		return percentAll(name) + "=" + percentAll(value)
	case doublePercent:
		return escapeTwice(name) + "=" + escapeTwice(value)
	}
	return escapeURL(name, pick(c.r, []string{"[]$", ""})) + "=" + escapeURL(value, "")
}

// file splits "name: content".
func (c carrier) file() (name, content string) {
	name, content, ok := strings.Cut(c.text, ": ")
	if !ok {
		panic("a file is written name: content, not " + c.text)
	}
	return name, content
}

// hunters are tools that collect schemas. What a developer's tool asks for every
// day is an attack only from such a caller.
var hunters = []string{"graphw00f/1.1.17", "graphql-cop/1.14", "clairvoyance/2.5.4", "inql/5.0", "CrackQL/1.0", "graphqlmap 1.1"}

// scannerRequest is what a tool asks first; each protocol has its own.
func scannerRequest(c carrier) (request, string) {
	h := "User-Agent: " + c.text
	switch c.r.IntN(6) {
	case 0:
		q := graphqlRequest(c, fmt.Sprintf(`{"query":"{ shop { id orders(first: %d) { id } } }"}`, 1+c.r.IntN(50)))
		q.header = []string{h}
		return q, protoGraphQL
	case 1:
		c.text, c.encoding = fmt.Sprint(1000+c.r.IntN(9000)), plain
		q := soapRequest(c)
		q.header = append(q.header, h)
		return q, protoSOAP
	case 2:
		q := post(c, "application/json", fmt.Appendf(nil, `{"id":%d}`, c.r.IntN(9999)))
		q.header = []string{h}
		return q, protoREST
	case 3:
		q := post(c, "application/x-www-form-urlencoded", fmt.Appendf(nil, "id=%d&name=test", c.r.IntN(9999)))
		q.header = []string{h}
		return q, protoForm
	}
	q := get(c, h)
	q.target += fmt.Sprintf("?id=%d", c.r.IntN(9999))
	return q, protoREST
}
